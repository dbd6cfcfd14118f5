//! Importing a key that was made elsewhere: first it is shown what is in the file, and nothing is kept; then it is taken in.
//!
//! Between the two the key is with the browser, sealed ([`passing`]). A document that is encrypted is opened once, by
//! [`strongroom_domain::keys::Keys::look_into`], in the line of those who make slow keys: it may take seconds, and keeps
//! nobody from anything else. Must never show anything of a private half: type and
//! size alone are told, by their lengths. Whether it is a good key is found out for those who may import it, as it is taken
//! in.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use strongroom_crypto::{
    key::{KeyParts, KeySpec, PrivateParts},
    x509::EncryptedKey,
};
use strongroom_domain::{
    action::Action,
    key::KeyOperation,
    keys::Import,
    names::{ObjectName, VaultName},
    record::{HowItWent, Outcome},
};
use strongroom_web::{Body, Fact, Field, FieldKind, Form, Panel, PanelsPage, say};
use zeroize::Zeroizing;

use super::{
    Failure,
    form::{LONG, Sent},
    frame::{Place, Viewer},
    key_forms::{self, ticked_operations},
    links,
    multipart::Parts,
    passing, redirect,
    refusal::{self, AsOf, Refusal},
    secret_forms::{Draft, attributes, vault},
    snippets::{self, Commands},
    view,
};
use crate::{
    api::wire::keys::private_jwk,
    message::{Request, Response},
    problem::Problem,
};

/// What a file under way is sealed as.
const LABEL: &str = "key-import";
/// Longest file in bytes: more than any private key has.
const MAX_FILE: usize = 32 * 1024;
/// Longest password in bytes.
const MAX_PASSWORD: usize = 1024;

/// Why a document is not taken for a key.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    TooLong,
    NoKey,
    Encrypted,
    WrongPassword,
    Size,
    /// Of a JSON Web Key, in a sentence.
    Jwk(String),
}

impl HowItWent for Trouble {
    fn how(&self) -> (Outcome, &str) {
        (Outcome::Failed, "invalid")
    }
}

impl Trouble {
    fn refusal(&self) -> Refusal {
        let (field, words) = match self {
            Self::TooLong => ("document", say!("key-import-it-is-longer-than-any-key")),
            Self::NoKey => ("document", say!("key-import-it-holds-no-private-key")),
            Self::Encrypted => ("password", say!("key-import-it-is-encrypted")),
            Self::WrongPassword => ("password", say!("key-import-the-password-does-not-open-it")),
            Self::Size => ("document", say!("key-import-keys-of-this-size")),
            Self::Jwk(words) => ("document", words.as_str()),
        };
        Refusal::of_field(field, words)
    }
}

/// A key as it was brought.
struct Brought {
    parts: KeyParts,
    spec: KeySpec,
    /// What its file says that it may be used for.
    operations: Option<BTreeSet<KeyOperation>>,
}

impl Brought {
    /// Out of what was opened, which costs little.
    fn read(plain: &[u8]) -> Result<Self, Trouble> {
        let (parts, operations) = if is_json(plain) {
            private_jwk(plain).map_err(|problem| Trouble::Jwk(problem.message))?
        } else {
            let parts = match PrivateParts::from_der(plain).map_err(|_| Trouble::NoKey)? {
                PrivateParts::Rsa(parts) => KeyParts::Rsa(parts),
                PrivateParts::Ec(parts) => KeyParts::Ec(parts),
            };
            (parts, None)
        };
        let spec = parts.spec().map_err(|_| Trouble::Size)?;
        Ok(Self { parts, spec, operations })
    }
}

fn is_json(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'{')
}

/// A JSON Web Key as it is, or the DER of a private key, opened if it is encrypted: which may take seconds, as whoever made
/// it wanted.
fn opened(document: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    if document.len() > MAX_FILE {
        return Err(Trouble::TooLong);
    }
    if is_json(document) {
        return Ok(Zeroizing::new(document.to_vec()));
    }
    let der = unarmoured(document).ok_or(Trouble::NoKey)?;
    match EncryptedKey::read(&der) {
        Some(_) if password.is_empty() => Err(Trouble::Encrypted),
        Some(locked) => locked.open(password).map_err(|_| Trouble::WrongPassword),
        None => Ok(der),
    }
}

/// The bytes of the first private key in a PEM text (RFC 7468), or all of them.
fn unarmoured(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN ")) else {
        return Some(Zeroizing::new(bytes.to_vec()));
    };
    let mut blocks = text.split("-----BEGIN ").skip(1).filter_map(|block| block.split_once("-----"));
    let (_, rest) = blocks.find(|(label, _)| label.ends_with("PRIVATE KEY"))?;
    let body = rest.split("-----END ").next()?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    BASE64.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

/// What a key under way is sealed for. It was opened before, so that nobody waits for that twice.
fn place(vault: &VaultName, name: &ObjectName) -> String {
    format!("/vaults/{vault}/keys/{}", name.as_str())
}

/// GET /vaults/{vault}/import-key
///
/// # Errors
/// 404 for what is no vault's name.
pub(super) async fn form(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    Ok(form_page(viewer, &vault(viewer)?, "", None).await)
}

/// POST /vaults/{vault}/import-key: what kind of key it is. Nothing is kept.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, 429 for one who has as many looked at as may be.
pub(super) async fn look(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let parts = Parts::accept(viewer, request)?;
    let vault = vault(viewer)?;
    let text = |name| parts.file(name).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let sent_name = text("name").trim();
    let Given { name, password, document } = match brought(&parts, sent_name) {
        Ok(brought) => brought,
        Err(refusal) => return Ok(form_page(viewer, &vault, sent_name, Some(&refusal)).await),
    };
    let look = move || {
        let plain = opened(&document, &password)?;
        let Brought { spec, operations, .. } = Brought::read(&plain)?;
        Ok::<_, Trouble>((plain, spec, operations))
    };
    let refusal = match viewer.services.keys.look_into(&viewer.call.ctx, (&vault, &name), look).await {
        Ok(Ok((plain, spec, operations))) => {
            let sealed = passing::seal(viewer, LABEL, &place(&vault, &name), &plain)?;
            let there = viewer.services.keys.show(&viewer.further()?, &vault, &name, None).await.ok();
            if there.as_ref().and_then(|(item, _)| item.version.key.as_ref()).is_some_and(|key| key.in_token()) {
                let refusal = Refusal::of_field("name", say!("key-import-the-key-of-this-name-is-in-hardware"));
                return Ok(form_page(viewer, &vault, sent_name, Some(&refusal)).await);
            }
            let draft = match &there {
                Some((item, _)) => Draft::of(&item.version.attributes).enabled(),
                None => Draft::empty(),
            };
            let revision = there.as_ref().map_or(0, |(item, _)| item.secret.revision);
            let step = Step { vault: &vault, name: &name, sealed: &sealed, revision };
            let ticked = operations.unwrap_or_default();
            return Ok(import_page(viewer, &step, Some(spec), (draft, &ticked), None).await);
        }
        Ok(Err(trouble)) => trouble.refusal(),
        Err(error) => Refusal::of(error.into())?.at("document"),
    };
    Ok(form_page(viewer, &vault, sent_name, Some(&refusal)).await)
}

/// What was sent.
struct Given {
    name: ObjectName,
    password: Zeroizing<String>,
    document: Zeroizing<Vec<u8>>,
}

/// The file, or what was pasted in its place.
fn brought(parts: &Parts<'_>, name: &str) -> Result<Given, Refusal> {
    let name = ObjectName::parse(name).map_err(|error| Refusal::of_field("name", format!("{error}.")))?;
    let given = |part| parts.file(part).filter(|bytes| !bytes.is_empty());
    let document = match (given("document"), given("pasted")) {
        (Some(_), Some(_)) => return Err(Refusal::of_field("pasted", say!("key-import-either-a-file-or-a-text"))),
        (Some(bytes), None) | (None, Some(bytes)) => bytes,
        (None, None) => return Err(Refusal::of_field("document", say!("key-import-choose-a-file-or-paste"))),
    };
    let password = std::str::from_utf8(parts.file("password").unwrap_or_default()).ok();
    let password = password.filter(|password| password.len() <= MAX_PASSWORD);
    let password = password.ok_or_else(|| Refusal::of_field("password", say!("key-import-a-password-has-at-most")))?;
    let (password, document) = (Zeroizing::new(password.to_owned()), Zeroizing::new(document.to_vec()));
    Ok(Given { name, password, document })
}

fn here(vault: &VaultName) -> Place {
    Place::Keys(vault.clone()).below(say!("key-import-import"))
}

fn commands(viewer: &Viewer<'_>, vault: &VaultName, name: &str) -> Panel {
    let commands = Commands::of_vault(viewer.services, vault);
    snippets::panel(vec![
        commands.vault(&format!("key import {name} --file FILE")),
        commands.curl_vault("PUT", &format!("/keys/{name}"), Some("@key.json")),
    ])
}

async fn form_page(viewer: &Viewer<'_>, vault: &VaultName, name: &str, refusal: Option<&Refusal>) -> Response {
    let form = Form {
        action: links::in_vault(vault, "import-key", &[]),
        csrf_token: Some(viewer.form_token()),
        fields: vec![
            Field::line("name", say!("key-import-name"), name, 127)
                .required()
                .hint(say!("key-import-1-to-127-letters")),
            Field::file("document", say!("key-import-file"), ".pem,.key,.der,.jwk,.json")
                .hint(say!("key-import-a-private-key-as-pem")),
            Field::new("pasted", say!("key-import-or-its-text-pasted"), FieldKind::Secret)
                .hint(say!("key-import-it-is-not-sent-back")),
            Field::new("password", say!("key-import-password"), FieldKind::Password)
                .hint(say!("key-import-of-an-encrypted-key")),
        ],
        submit: say!("key-import-show-what-is-in-it").to_owned(),
        cancel_href: Some(links::keys(vault)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let page = PanelsPage {
        lead: Some(say!("key-import-first-it-is-shown").to_owned()),
        main: vec![Panel::new(say!("key-import-file"), Body::Form(form))],
        aside: vec![commands(viewer, vault, "NAME")],
        ..PanelsPage::new(viewer.shell(&here(vault)).await, say!("key-import-import-a-key-into-vault", vault = vault))
    };
    refusal::answer(&page, refusal)
}

/// A key that is about to be taken in.
struct Step<'a> {
    vault: &'a VaultName,
    name: &'a ObjectName,
    sealed: &'a str,
    /// The revision that the key of the name is at; 0 where there is none.
    revision: i64,
}

async fn import_page(
    viewer: &Viewer<'_>,
    step: &Step<'_>,
    spec: Option<KeySpec>,
    (draft, ticked): (Draft, &BTreeSet<KeyOperation>),
    refusal: Option<&Refusal>,
) -> Response {
    let Step { vault, name, sealed, revision } = step;
    let new = *revision == 0;
    let mut fields = vec![Field::hidden("name", name.display()), Field::hidden("sealed", *sealed)];
    fields.push(AsOf::of(*revision).field());
    fields.extend(key_forms::operation_fields(ticked));
    fields.extend(key_forms::common_fields(draft));
    let form = Form {
        action: links::in_vault(vault, "import-key/store", &[]),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: if new { say!("key-import-import") } else { say!("key-import-import-as-the-next-version") }.to_owned(),
        cancel_href: Some(links::in_vault(vault, "import-key", &[])),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let told = if new {
        say!("key-import-it-becomes-the-key-name", name = name)
    } else {
        say!("key-import-there-is-a-key-name", name = name)
    };
    let facts = |spec| {
        let kind = Fact::text(say!("key-import-type-and-size"), view::key_kind(spec));
        let out = Fact::text(say!("key-import-private-half"), say!("key-import-never-leaves-this-vault"));
        Panel::new(say!("key-import-in-the-file"), Body::Facts(vec![kind, out]))
    };
    let import = Panel::new(say!("key-import-take-it-in"), Body::Form(form))
        .foot(say!("key-import-the-file-is-kept-for-ten-minutes"));
    let page = PanelsPage {
        lead: Some(say!("key-import-nothing-is-kept-yet", told = told)),
        main: spec.map(facts).into_iter().chain([import]).collect(),
        aside: vec![commands(viewer, vault, name.display())],
        ..PanelsPage::new(viewer.shell(&here(vault)).await, say!("key-import-import-name", name = name))
    };
    refusal::answer(&page, refusal)
}

/// POST /vaults/{vault}/import-key/store: what was looked at is taken in.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn store(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let vault = vault(viewer)?;
    let name = ObjectName::parse(sent.text("name")).map_err(|error| Problem::bad_parameter(format!("{error}.")))?;
    let sealed = sent.text("sealed");
    let plain = passing::open(viewer, LABEL, &place(&vault, &name), sealed);
    let Some(Brought { parts, spec, .. }) = plain.and_then(|plain| Brought::read(&plain).ok()) else {
        let refusal = Refusal::of_field("document", say!("key-import-it-was-looked-at-too-long-ago"));
        return Ok(form_page(viewer, &vault, name.display(), Some(&refusal)).await);
    };
    let ticked = ticked_operations(&sent);
    let new = refusal::revision_of(&sent) == 0;
    let import = async {
        let attributes = attributes(&sent)?;
        let operations = (!ticked.is_empty()).then(|| ticked.clone());
        let import = Import { parts, hardware: false, operations };
        // What somebody made, changed or rotated since it was looked at is not written over.
        refusal::hold(viewer, &sent, Action::KeyImport);
        let words = say!("key-import-there-is-a-key-name-now", name = name);
        let made = viewer.services.keys.import(&viewer.call.ctx, &vault, &name, import, &attributes).await;
        let made = made.map_err(|error| match new {
            true => refusal::or_taken(error.into(), &words),
            false => error.into(),
        })?;
        Ok::<_, Failure>(links::key(&vault, &made.0.secret.name, None))
    };
    match import.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?;
            let there = viewer.services.keys.show(&viewer.further()?, &vault, &name, None).await.ok();
            let revision = there.map_or(0, |(item, _)| item.secret.revision);
            let step = Step { vault: &vault, name: &name, sealed, revision };
            let draft = (Draft::of_sent(&sent), &ticked);
            Ok(import_page(viewer, &step, Some(spec), draft, Some(&refusal)).await)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symmetric_key_is_told_by_its_length_and_what_is_no_key_is_refused() {
        let jwk = br#" {"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","key_ops":["wrapKey"]}"#;
        let read = Brought::read(&opened(jwk, "").unwrap()).unwrap_or_else(|trouble| panic!("{trouble:?}"));
        assert_eq!((read.spec, view::key_kind(read.spec).as_str()), (KeySpec::Oct { bits: 256 }, "oct 256"));
        assert_eq!(read.operations, Some(BTreeSet::from([KeyOperation::WrapKey])));
        for other in [
            &b"{}"[..],
            b"{\"kty\":\"oct\",\"k\":\"AA\"}",
            b"-----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----\n",
            b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n",
            b"\x30\x00",
            &[b' '; MAX_FILE + 1],
        ] {
            let read = opened(other, "").and_then(|plain| Brought::read(&plain).map(|_| ()));
            assert!(read.is_err(), "{:?}", String::from_utf8_lossy(other));
        }
    }
}
