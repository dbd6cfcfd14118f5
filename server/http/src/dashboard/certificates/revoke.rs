//! Revoking: a version that is kept in a vault, or whatever else an authority signed, by its serial number or as it is.
//! It is final, so a name is typed and what it does is said before; the authority's own vault is where it is judged.

use strongroom_crypto::x509::{CertificateFacts, Reason, certificates_in};
use strongroom_domain::{
    action::Action,
    certificate::{SELF, UNKNOWN},
    certificates::CertificateError,
    gate::Ask,
    issuer::{AuthoritySettings, IssuerSettings},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    revocation::{RevocationInvalid, RevokedCertificate, graver_than, serial_of},
    revocations::{RevocationError, ToRevoke},
    secret::SecretItem,
};
use strongroom_web::{Body, Fact, Field, Form, Panel, PanelsPage, say};

use super::list::whose;
use crate::{
    dashboard::{
        Failure,
        form::{LONG, Sent},
        frame::{Place, Viewer},
        links,
        offers::Offers,
        redirect,
        refusal::{self, Refusal, Stopped},
        secret::Named,
        snippets::{self, Commands},
        view,
    },
    message::{Request, Response},
};

/// What a reason means, beside RFC 5280's name of it.
fn meaning(reason: Reason) -> &'static str {
    match reason {
        Reason::Unspecified => say!("certificates-revoke-nobody-says-why"),
        Reason::KeyCompromise => say!("certificates-revoke-others-have-its-key-or"),
        Reason::CaCompromise => say!("certificates-revoke-others-have-the-key-of"),
        Reason::AffiliationChanged => say!("certificates-revoke-what-it-says-of-its"),
        Reason::Superseded => say!("certificates-revoke-another-one-is-in-its"),
        Reason::CessationOfOperation => say!("certificates-revoke-it-is-not-needed-any"),
        Reason::PrivilegeWithdrawn => say!("certificates-revoke-what-its-holder-was-allowed"),
        Reason::AaCompromise => say!("certificates-revoke-others-have-the-key-of-the"),
    }
}

/// What the fields hold.
#[derive(Default)]
struct Draft {
    authority: String,
    serial: String,
    certificate: String,
    version: String,
    reason: String,
}

impl Draft {
    fn of_sent(sent: &Sent) -> Self {
        let line = |name| sent.text(name).to_owned();
        Self {
            authority: line("authority"),
            serial: line("serial"),
            certificate: sent.secret("certificate").expose().trim().to_owned(),
            version: line("version"),
            reason: line("reason"),
        }
    }

    fn reason(&self) -> Result<Reason, Refusal> {
        Reason::parse(&self.reason).ok_or_else(|| Refusal::of_field("reason", RevocationInvalid::Reason.to_string()))
    }

    /// What is to be revoked of what an authority signed.
    fn signed(&self) -> Result<ToRevoke, Refusal> {
        match (self.serial.as_str(), self.certificate.as_str()) {
            (serial, "") if !serial.is_empty() => {
                let serial = serial_of(serial).map_err(|why| Refusal::of_field("serial", why.to_string()))?;
                let version = Some(self.version.as_str()).filter(|text| !text.is_empty()).map(ObjectVersion::parse);
                let version = version.transpose().map_err(|why| Refusal::of_field("version", why.to_string()))?;
                Ok(ToRevoke::Serial(serial, version))
            }
            ("", text) if !text.is_empty() => {
                let found = certificates_in(text.as_bytes());
                let found = found.map_err(|why| Refusal::of_field("certificate", why.to_string()))?;
                Ok(ToRevoke::Certificate(found.into_iter().next().unwrap_or_default()))
            }
            _ => Err(Refusal::of_field("serial", RevocationInvalid::What.to_string())),
        }
    }
}

/// Which authority, in which vault.
fn place_of(named: &str, own: &VaultName) -> Result<(VaultName, ObjectName), Refusal> {
    let settings = AuthoritySettings { certificate: named.to_owned(), ..AuthoritySettings::default() };
    match settings.place() {
        Ok((elsewhere, name)) => Ok((elsewhere.unwrap_or_else(|| own.clone()), name)),
        Err(_) => {
            let words = say!("certificates-revoke-the-certificate-of-the-authority");
            Err(Refusal::of_field("authority", words))
        }
    }
}

/// GET /vaults/{vault}/certificates/{name}[/{version}]/revoke
///
/// # Errors
/// The gate's denial, or why the certificate cannot be shown.
pub(crate) async fn ask(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, version } = Named::of(viewer)?;
    let (item, _) = viewer.services.certificates.show(&viewer.call.ctx, &vault, &name, version.as_ref()).await?;
    let signer = if version.is_some() { Some(signer_of(viewer, &vault, &item).await) } else { None };
    let authority = match &signer {
        Some(Signer::Authority(authority)) => authority.clone(),
        _ => String::new(),
    };
    let draft = Draft { authority, ..Draft::default() };
    Ok(page(viewer, &vault, &item, signer, draft, None).await)
}

/// Who signed a version, as far as its policy says and who looks may know.
enum Signer {
    /// An authority of a vault, as issuers name it.
    Authority(String),
    /// Somebody who is asked by ACME.
    Elsewhere,
    /// One of them.
    Unknown,
}

async fn signer_of(viewer: &Viewer<'_>, vault: &VaultName, item: &SecretItem) -> Signer {
    match issuer_of(viewer, vault, item).await {
        Some(IssuerSettings::Authority(settings)) => Signer::Authority(settings.certificate),
        Some(IssuerSettings::Acme(_)) => Signer::Elsewhere,
        None => Signer::Unknown,
    }
}

/// The issuer that its policy names, for who may see it.
async fn issuer_of(viewer: &Viewer<'_>, vault: &VaultName, item: &SecretItem) -> Option<IssuerSettings> {
    let issuer = &item.secret.certificate.as_deref()?.policy.issuer.name;
    let issuer = Some(issuer).filter(|issuer| ![SELF, UNKNOWN].contains(&issuer.as_str()))?;
    let issuer = ObjectName::parse(issuer).ok()?;
    if !viewer.may(&Ask::object(ObjectKind::Issuer, Action::IssuerGet, vault, &issuer)).await {
        return None;
    }
    Some(viewer.services.issuers.get(&viewer.further().ok()?, vault, &issuer).await.ok()?.settings)
}

/// POST /vaults/{vault}/certificates/{name}[/{version}]/revoke: for good, once its name was typed.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn revoke(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let named = Named::of(viewer)?;
    let draft = Draft::of_sent(&sent);
    let Named { vault, name, version } = &named;
    match try_revoke(viewer, &named, &draft, &sent).await {
        Ok(href) => Ok(redirect(href)),
        Err(stopped) => {
            let refusal = stopped.refusal()?.saying(&sent);
            let look = viewer.further()?;
            let (item, _) = viewer.services.certificates.show(&look, vault, name, version.as_ref()).await?;
            let signer = if version.is_some() { Some(signer_of(viewer, vault, &item).await) } else { None };
            Ok(page(viewer, vault, &item, signer, draft, Some(&refusal)).await)
        }
    }
}

async fn try_revoke(
    viewer: &Viewer<'_>,
    Named { vault, name, version }: &Named,
    draft: &Draft,
    sent: &Sent,
) -> Result<String, Stopped> {
    let is_named = ObjectName::parse(sent.text("confirm")).ok().as_ref() == Some(name);
    refusal::for_good(viewer, sent, is_named, (say!("certificates-revoke-revoked-word"), name.display()))?;
    let reason = draft.reason()?;
    let (place, authority, what) = match version {
        None => (vault.clone(), name.clone(), draft.signed()?),
        // Without an authority the issuer itself is asked.
        Some(version) if draft.authority.is_empty() => {
            let (ctx, at) = (&viewer.call.ctx, (name, Some(version)));
            let done = viewer.services.certificates.revoke_at_issuer(ctx, vault, at, None, reason).await;
            done.map_err(not_taken_back)?;
            return Ok(links::certificate(vault, name, Some(version)));
        }
        Some(version) => {
            let (place, authority) = place_of(&draft.authority, vault)?;
            let further = viewer.further()?;
            let shown = viewer.services.certificates.show(&further, vault, name, Some(version)).await;
            let (item, _) = shown.map_err(Failure::from)?;
            let leaf = item.version.certificate.as_ref().and_then(|certificate| certificate.leaf());
            let words = say!("certificates-revoke-it-waits-for-its-authority");
            let leaf = leaf.ok_or_else(|| Refusal::of_field("confirm", words))?;
            (place, authority, ToRevoke::Certificate(leaf.to_vec()))
        }
    };
    let revoking = &viewer.services.revoking;
    revoking.revoke(&viewer.call.ctx, &place, &authority, &what, reason).await.map_err(refused)?;
    Ok(links::certificate_act(&place, &authority, None, "revocations"))
}

/// Why nothing was revoked, at the field that is to blame.
fn refused(error: RevocationError) -> Stopped {
    let field = match &error {
        RevocationError::NoSuchAuthority(_) => return Refusal::of_field("authority", error.to_string()).into(),
        RevocationError::Invalid(RevocationInvalid::OtherAuthority) => Some("authority"),
        RevocationError::Invalid(RevocationInvalid::Serial) => Some("serial"),
        RevocationError::NotACertificate(_) => Some("certificate"),
        _ => None,
    };
    Stopped::from(Failure::from(error)).at(field)
}

/// The same of a version that its issuer was to take back.
fn not_taken_back(error: CertificateError) -> Stopped {
    let field = match &error {
        CertificateError::RevokedByAuthority | CertificateError::NoSuchIssuer(_) => Some("authority"),
        CertificateError::NotRevoked(_) | CertificateError::IssuerUnreachable(_) => Some("confirm"),
        _ => None,
    };
    Stopped::from(Failure::from(error)).at(field)
}

async fn page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    item: &SecretItem,
    signer: Option<Signer>,
    draft: Draft,
    refusal: Option<&Refusal>,
) -> Response {
    let (name, version) = (&item.secret.name, signer.as_ref().map(|_| &item.version.version));
    let elsewhere = matches!(signer, Some(Signer::Elsewhere));
    let place =
        Place::Certificate(vault.clone(), name.clone(), version.cloned()).below(say!("certificates-revoke-revoke"));
    let mut offers = Offers::new(viewer, &place);
    let authority = match version {
        Some(_) => place_of(&draft.authority, vault).ok(),
        None => Some((vault.clone(), name.clone())),
    };
    let ask = match &authority {
        Some((place, authority)) => {
            Some(Ask::object(ObjectKind::Revocations, Action::CertificateRevoke, place, authority))
        }
        None if elsewhere => {
            let ask = Ask::object(ObjectKind::Certificate, Action::CertificateRevokeVersion, vault, name);
            Some(Ask { version, ..ask })
        }
        None => None,
    };
    let open = match &ask {
        Some(ask) => offers.open(ask, say!("certificates-revoke-revoking")).await,
        None => true,
    };
    let standing = viewer.services.revoking.standing(vault, item).await;
    let before = version.and_then(|_| standing.revoked());
    let reasons = match before {
        None => Reason::ALL.to_vec(),
        Some(_) if is_taken_back(item) => Vec::new(),
        Some(one) => graver_than(one.reason).collect(),
    };
    let commands = Commands::of_vault(viewer.services, vault);
    let (mut main, title, told) = match version {
        Some(version) => {
            let command = match elsewhere {
                true => format!("certificate revoke {name}/{version} --at-issuer --reason superseded"),
                false => format!("certificate revoke AUTHORITY --certificate {name}/{version}"),
            };
            (vec![certificate(item)], say!("certificates-revoke-revoke-a-version-of-name", name = name), command)
        }
        None => {
            let command = format!("certificate revoke {name} --serial SERIAL --reason superseded");
            (Vec::new(), say!("certificates-revoke-revoke-what-name-signed-for", name = name), command)
        }
    };
    main.extend(before.map(|one| already(one, !reasons.is_empty())));
    if open && !reasons.is_empty() {
        let form = Form {
            action: links::certificate_act(vault, name, version, "revoke"),
            csrf_token: Some(viewer.form_token()),
            fields: fields(name, signer.as_ref(), &reasons, draft),
            submit: say!("certificates-revoke-revoke-for-good").to_owned(),
            danger: true,
            cancel_href: Some(links::certificate(vault, name, version)),
            ..Form::default()
        };
        main.push(Panel::new(
            say!("certificates-revoke-confirm"),
            Body::Form(refusal::form(viewer, form, refusal).await),
        ));
    }
    let (_, cannot) = offers.told();
    let of = if version.is_some() && !elsewhere { "AUTHORITY" } else { name.as_str() };
    let body = match version.filter(|_| elsewhere) {
        Some(version) => format!(r#"{{"at_issuer":true,"version":"{version}","reason":"superseded"}}"#),
        None => r#"{"serial":"SERIAL","reason":"superseded"}"#.to_owned(),
    };
    let lead = match elsewhere {
        true => say!("certificates-revoke-its-issuer-is-asked-to"),
        false => say!("certificates-revoke-whoever-checks-the-list-of"),
    };
    let page = PanelsPage {
        lead: Some(lead.to_owned()),
        cannot,
        main,
        aside: vec![snippets::panel(vec![
            commands.vault(&told),
            commands.curl_vault("POST", &format!("/certificates/{of}/revoke"), Some(&body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, title)
    };
    refusal::answer(&page, refusal)
}

/// Whether its issuer elsewhere took it back, which says its reason once.
pub(super) fn is_taken_back(item: &SecretItem) -> bool {
    item.secret.certificate.as_ref().is_some_and(|state| state.revoked(&item.version.version).is_some())
}

/// That it is revoked, and what of that can still be changed.
fn already(one: &RevokedCertificate, changes: bool) -> Panel {
    let words = match changes {
        true => say!("certificates-revoke-it-is-revoked-already-and"),
        false => say!("certificates-revoke-it-is-revoked-already-and-stays"),
    };
    let told = vec![
        Fact::moment(say!("certificates-revoke-revoked"), Some(view::moment(one.at)), ""),
        Fact::text(
            say!("certificates-revoke-why-it-was-revoked"),
            format!("{}: {}", one.reason.as_str(), meaning(one.reason)),
        ),
    ];
    Panel::new(say!("certificates-revoke-revoked-already"), Body::Facts(told)).foot(words)
}

fn fields(name: &ObjectName, signer: Option<&Signer>, reasons: &[Reason], draft: Draft) -> Vec<Field> {
    let label = |reason: &Reason| (reason.as_str(), format!("{}: {}", reason.as_str(), meaning(*reason)));
    let labels: Vec<_> = reasons.iter().map(label).collect();
    let reasons: Vec<(&str, &str)> = labels.iter().map(|(word, label)| (*word, label.as_str())).collect();
    let signed_by = || Field::line("authority", say!("certificates-revoke-signed-by"), draft.authority.clone(), 255);
    let mut fields = match signer {
        Some(Signer::Elsewhere) => Vec::new(),
        Some(Signer::Authority(_)) => {
            vec![signed_by().required().hint(say!("certificates-revoke-the-certificate-of-the-authority-its"))]
        }
        Some(Signer::Unknown) => {
            vec![signed_by().hint(say!("certificates-revoke-the-certificate-of-the-authority-empty"))]
        }
        None => vec![
            Field::line("serial", say!("certificates-revoke-serial-number"), draft.serial, 59)
                .hint(say!("certificates-revoke-in-hexadecimal-digits-or-the")),
            Field::line("version", say!("certificates-revoke-signed-by-version"), draft.version, 32)
                .hint(say!("certificates-revoke-with-a-serial-number-the")),
            Field::code("certificate", say!("certificates-revoke-certificate-pem"), draft.certificate, 6),
        ],
    };
    fields.push(Field::choice("reason", say!("certificates-revoke-why"), &reasons, &draft.reason).required());
    fields.extend(refusal::for_good_fields(name.display()));
    fields
}

/// Which one it is.
fn certificate(item: &SecretItem) -> Panel {
    let mut told = vec![Fact::code(say!("certificates-revoke-version"), item.version.version.to_string())];
    let leaf = item.version.certificate.as_ref().and_then(|certificate| certificate.leaf());
    if let Some(facts) = leaf.and_then(|leaf| CertificateFacts::of(leaf).ok()) {
        told.push(Fact::code(say!("certificates-revoke-serial-number"), data_encoding::HEXLOWER.encode(&facts.serial)));
        told.push(Fact::moment(say!("certificates-revoke-would-end"), Some(view::moment(facts.not_after)), ""));
    }
    if let Some(said) = leaf.and_then(|leaf| strongroom_crypto::x509::Template::of(leaf).ok()) {
        told.insert(0, Fact::text(say!("certificates-revoke-names"), whose(&said)));
    }
    Panel::new(say!("certificates-revoke-certificate"), Body::Facts(told))
}
