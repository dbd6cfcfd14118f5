//! Importing a certificate with its private key: first what is in the document is shown, and nothing is kept; then it
//! is taken in.
//!
//! Between the two the document is with the browser, sealed ([`passing`]).

use strongroom_crypto::x509::{Document, Finding, ImportError, Imported, MAX_IMPORT};
use strongroom_domain::{
    action::Action,
    certificate::{ContentType, PolicyPatch},
    certificates::Looked,
    names::{ObjectName, VaultName},
};
use strongroom_web::{Body, Cell, Fact, Field, FieldKind, Form, Icon, Panel, PanelsPage, Tone, say};
use zeroize::Zeroizing;

use super::{chain, forms::beside, policy::forms};
use crate::{
    dashboard::{
        Failure,
        form::{LONG, Sent},
        frame::{Place, Viewer},
        links,
        multipart::Parts,
        passing, redirect,
        refusal::{self, AsOf, Refusal},
        secret_forms::{self, attributes, vault},
        snippets::{self, Commands},
    },
    message::{Request, Response},
    problem::Problem,
};

/// What a document under way is sealed as.
const LABEL: &str = "certificate-import";
/// Longest password in bytes.
const MAX_PASSWORD: usize = 1024;

/// A document between the two steps.
struct UnderWay {
    password: Zeroizing<String>,
    document: Zeroizing<Vec<u8>>,
}

impl UnderWay {
    fn form(&self) -> ContentType {
        if self.document.windows(11).any(|window| window == b"-----BEGIN ") {
            ContentType::Pem
        } else {
            ContentType::Pkcs12
        }
    }

    fn read(&self, now: i64) -> Result<Imported, ImportError> {
        match self.form() {
            ContentType::Pem => Imported::from_pem(&self.document, &self.password, false, now),
            ContentType::Pkcs12 => Imported::from_pkcs12(&self.document, &self.password, false, now),
        }
    }

    /// What it is for.
    fn place(vault: &VaultName, name: &ObjectName) -> String {
        format!("/vaults/{vault}/certificates/{}", name.as_str())
    }

    /// `length of password (2 bytes) ‖ password ‖ document`, sealed.
    fn seal(&self, viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> Result<String, Problem> {
        let password = self.password.as_bytes();
        let length = u16::try_from(password.len()).map_err(|_| Problem::internal())?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 + password.len() + self.document.len()));
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(password);
        bytes.extend_from_slice(&self.document);
        passing::seal(viewer, LABEL, &Self::place(vault, name), &bytes)
    }

    /// None for what was not sealed here for this session, this vault and this name within the last ten minutes.
    fn open(viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName, text: &str) -> Option<Self> {
        let opened = passing::open(viewer, LABEL, &Self::place(vault, name), text)?;
        let (length, rest) = opened.split_first_chunk::<2>()?;
        let (password, document) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some(Self {
            password: Zeroizing::new(std::str::from_utf8(password).ok()?.to_owned()),
            document: Zeroizing::new(document.to_vec()),
        })
    }
}

/// GET /vaults/{vault}/import-certificate
///
/// # Errors
/// 404 for what is no vault's name.
pub(crate) async fn form(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    Ok(form_page(viewer, &vault, "", None).await)
}

/// POST /vaults/{vault}/import-certificate: what is in the document. Nothing is kept.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why the document cannot be read.
pub(crate) async fn look(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let parts = Parts::accept(viewer, request)?;
    let vault = vault(viewer)?;
    let text = |name| parts.file(name).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let sent_name = text("name").trim();
    let refusal = match brought(&parts, sent_name) {
        Ok((name, brought)) => {
            let (document, password) = (brought.document.clone(), brought.password.clone());
            let read = move || Document::read(&document, &password);
            match viewer.services.certificates.look_into(&viewer.call.ctx, (&vault, &name), read).await {
                Ok(found) => return preview(viewer, &vault, &name, &brought, &found).await,
                Err(error) => Refusal::of(error.into())?.at("document"),
            }
        }
        Err(refusal) => refusal,
    };
    Ok(form_page(viewer, &vault, sent_name, Some(&refusal)).await)
}

/// What was sent: the file, or what was pasted in its place.
fn brought(parts: &Parts<'_>, name: &str) -> Result<(ObjectName, UnderWay), Refusal> {
    let name = ObjectName::parse(name).map_err(|error| Refusal::of_field("name", format!("{error}.")))?;
    let given = |part| parts.file(part).filter(|bytes| !bytes.is_empty());
    let document = match (given("document"), given("pasted")) {
        (Some(_), Some(_)) => return Err(Refusal::of_field("pasted", say!("certificates-import-either-a-file-or-a"))),
        (Some(bytes), None) | (None, Some(bytes)) => bytes,
        (None, None) => return Err(Refusal::of_field("document", say!("certificates-import-choose-a-file-pfx-or"))),
    };
    if document.len() > MAX_IMPORT {
        return Err(Refusal::of_field("document", say!("certificates-import-it-is-longer-than-the")));
    }
    let password = std::str::from_utf8(parts.file("password").unwrap_or_default());
    let password = password.ok().filter(|password| password.len() <= MAX_PASSWORD);
    let password =
        password.ok_or_else(|| Refusal::of_field("password", say!("certificates-import-a-password-has-at-most")))?;
    let under_way =
        UnderWay { password: Zeroizing::new(password.to_owned()), document: Zeroizing::new(document.to_vec()) };
    Ok((name, under_way))
}

async fn form_page(viewer: &Viewer<'_>, vault: &VaultName, name: &str, refusal: Option<&Refusal>) -> Response {
    let form = Form {
        action: links::in_vault(vault, "import-certificate", &[]),
        csrf_token: Some(viewer.form_token()),
        fields: vec![
            Field::line("name", say!("certificates-import-name"), name, 127)
                .required()
                .hint(say!("certificates-import-1-to-127-letters-digits")),
            Field::file("document", say!("certificates-import-file"), ".pfx,.p12,.pem,.crt,.cer")
                .hint(say!("certificates-import-a-certificate-with-its-private")),
            Field::new("pasted", say!("certificates-import-or-pem-pasted"), FieldKind::Secret)
                .hint(say!("certificates-import-it-is-not-sent-back")),
            Field::new("password", say!("certificates-import-password"), FieldKind::Password)
                .hint(say!("certificates-import-of-the-pfx-or-of")),
        ],
        submit: say!("certificates-import-show-what-is-in-it").to_owned(),
        cancel_href: Some(links::certificates(vault)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let place = Place::Certificates(vault.clone()).below(say!("certificates-import-import"));
    let page = PanelsPage {
        lead: Some(say!("certificates-import-first-it-is-shown-what").to_owned()),
        main: vec![Panel::new(say!("certificates-import-document"), Body::Form(form))],
        aside: vec![commands(viewer, vault, "NAME")],
        ..PanelsPage::new(
            viewer.shell(&place).await,
            say!("certificates-import-import-a-certificate-into-vault", vault = vault),
        )
    };
    refusal::answer(&page, refusal)
}

fn commands(viewer: &Viewer<'_>, vault: &VaultName, name: &str) -> Panel {
    let commands = Commands::of_vault(viewer.services, vault);
    snippets::panel(vec![
        strongroom_web::Snippet::new(
            say!("certificates-import-what-is-in-a-file"),
            "strongroom certificate inspect --file FILE",
        ),
        commands.vault(&format!("certificate import {name} --file FILE")),
        commands.curl_vault("POST", &format!("/certificates/{name}/import"), Some("@certificate.json")),
    ])
}

/// A document that is about to be taken in.
struct Step<'a> {
    vault: &'a VaultName,
    name: &'a ObjectName,
    form: ContentType,
    sealed: &'a str,
    /// Whether there is a certificate of the name already.
    there: bool,
    /// The revision that it is at; 0 where there is none.
    revision: i64,
}

/// The page of what is in a document, with the form that takes it in.
async fn preview(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    name: &ObjectName,
    brought: &UnderWay,
    found: &Looked,
) -> Result<Response, Failure> {
    let there = viewer.services.certificates.show(&viewer.further()?, vault, name, None).await.ok();
    let sealed = brought.seal(viewer, vault, name)?;
    let draft = match &there {
        Some((item, _)) => secret_forms::Draft::of(&item.version.attributes).enabled(),
        None => secret_forms::Draft::empty(),
    };
    let revision = there.as_ref().map_or(0, |(item, _)| item.secret.revision);
    let step = Step { vault, name, form: brought.form(), sealed: &sealed, there: there.is_some(), revision };
    Ok(import_page(viewer, &step, Some(found), (true, draft), None).await)
}

async fn import_page(
    viewer: &Viewer<'_>,
    step: &Step<'_>,
    found: Option<&Looked>,
    (exportable, draft): (bool, secret_forms::Draft),
    refusal: Option<&Refusal>,
) -> Response {
    let Step { vault, name, form, sealed, there, revision } = step;
    let place = Place::Certificates((*vault).clone()).below(say!("certificates-import-import"));
    let mut fields = vec![
        Field::hidden("name", name.display()),
        Field::hidden("sealed", *sealed),
        AsOf::of(*revision).field(),
        Field::check("exportable", say!("certificates-import-the-private-key-may-be"), exportable)
            .hint(say!("certificates-import-if-not-the-secret-of")),
        Field::choice("form", say!("certificates-import-handed-out-as"), &forms(), form.as_str()).required(),
    ];
    fields.extend(beside(draft));
    let import = Form {
        action: links::in_vault(vault, "import-certificate/store", &[]),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: if *there {
            say!("certificates-import-import-as-the-next-version")
        } else {
            say!("certificates-import-import")
        }
        .to_owned(),
        cancel_href: Some(links::in_vault(vault, "import-certificate", &[])),
        ..Form::default()
    };
    let import =
        Panel::new(say!("certificates-import-take-it-in"), Body::Form(refusal::form(viewer, import, refusal).await))
            .foot(say!("certificates-import-the-document-is-kept-for"));
    let told = if *there {
        say!("certificates-import-there-is-a-certificate-name", name = name)
    } else {
        say!("certificates-import-it-becomes-the-certificate-name", name = name)
    };
    let mut aside: Vec<Panel> = found
        .map(|found| Panel::new(say!("certificates-import-in-the-document"), Body::Facts(facts(*form, found))))
        .into_iter()
        .collect();
    aside.push(commands(viewer, vault, name.display()));
    let page = PanelsPage {
        lead: Some(say!("certificates-import-nothing-is-kept-yet-told", told = told)),
        notices: found.map(warnings).unwrap_or_default(),
        main: found.map(|found| chain::drawn(&found.chain)).into_iter().chain([import]).collect(),
        aside,
        ..PanelsPage::new(viewer.shell(&place).await, headline(name, found))
    };
    refusal::answer(&page, refusal)
}

fn headline(name: &ObjectName, found: Option<&Looked>) -> String {
    match found.and_then(|found| found.chain.first()) {
        Some(leaf) if !leaf.subject.is_empty() => say!("certificates-import-import-subject", subject = leaf.subject),
        _ => say!("certificates-import-import-name", name = name),
    }
}

/// Why it will be refused as it is.
fn warnings(found: &Looked) -> Vec<String> {
    let leaf = found.chain.first().map_or(&[][..], |leaf| &leaf.findings);
    let mut told = Vec::new();
    if !found.has_key {
        told.push(say!("certificates-import-it-holds-no-private-key").to_owned());
    }
    let refused = [Finding::Expired, Finding::NotYetValid, Finding::OtherKey];
    told.extend(
        refused
            .iter()
            .filter(|finding| leaf.contains(finding))
            .map(|finding| say!("certificates-import-of-the-first-certificate-finding", finding = finding)),
    );
    told
}

fn facts(form: ContentType, found: &Looked) -> Vec<Fact> {
    let badge = |tone, icon, word| Fact {
        name: say!("certificates-import-private-key").to_owned(),
        value: Cell::badge(tone, icon, word),
    };
    let other = found.chain.first().is_some_and(|leaf| leaf.findings.contains(&Finding::OtherKey));
    vec![
        Fact::text(say!("certificates-import-form"), if form == ContentType::Pem { "PEM" } else { "PFX" }),
        Fact::text(say!("certificates-import-certificates"), found.chain.len().to_string()),
        match (found.has_key, other) {
            (false, _) => badge(Tone::Bad, Icon::Ban, say!("certificates-import-none")),
            (true, true) => badge(Tone::Bad, Icon::Ban, say!("certificates-import-for-another-certificate")),
            (true, false) => badge(Tone::Good, Icon::Check, say!("certificates-import-the-first-certificates")),
        },
    ]
}

/// POST /vaults/{vault}/import-certificate/store: what was looked at is taken in.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn store(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let vault = vault(viewer)?;
    let name = ObjectName::parse(sent.text("name")).map_err(|error| Problem::bad_parameter(format!("{error}.")))?;
    let sealed = sent.text("sealed");
    let Some(under_way) = UnderWay::open(viewer, &vault, &name, sealed) else {
        let words = say!("certificates-import-it-was-looked-at-too");
        return Ok(form_page(viewer, &vault, name.display(), Some(&Refusal::of_field("document", words))).await);
    };
    let form = ContentType::parse(sent.text("form")).unwrap_or_else(|| under_way.form());
    let exportable = sent.ticked("exportable");
    let policy = PolicyPatch { content_type: Some(form), exportable: Some(exportable), ..PolicyPatch::default() };
    let import = async {
        let attributes = attributes(&sent)?;
        let (ctx, now) = (&viewer.call.ctx, viewer.now());
        let read = move || under_way.read(now);
        refusal::hold(viewer, &sent, Action::CertificateImport);
        let (item, _) = viewer.services.certificates.import(ctx, (&vault, &name), read, &policy, &attributes).await?;
        Ok::<_, Failure>(links::certificate(&vault, &item.secret.name, None))
    };
    match import.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?;
            // As it is now: whether it is new, or the next version of what came to be meanwhile, is said on the page.
            let there = viewer.services.certificates.show(&viewer.further()?, &vault, &name, None).await.ok();
            let revision = there.as_ref().map_or(0, |(item, _)| item.secret.revision);
            let step = Step { vault: &vault, name: &name, form, sealed, there: there.is_some(), revision };
            let draft = secret_forms::Draft::of_sent(&sent);
            Ok(import_page(viewer, &step, None, (exportable, draft), Some(&refusal)).await)
        }
    }
}
