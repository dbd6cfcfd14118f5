//! Revoking: a version that is kept in a vault, or whatever else an authority signed, by its serial number or as it is.
//! It is final, so a name is typed and what it does is said before; the authority's own vault is where it is judged.

use strongroom_crypto::x509::{CertificateFacts, Reason, certificates_in};
use strongroom_domain::{
    action::Action,
    certificate::{SELF, UNKNOWN},
    gate::Ask,
    issuer::{AuthoritySettings, IssuerSettings},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    revocation::{RevocationInvalid, RevokedCertificate, graver_than, serial_of},
    revocations::{RevocationError, ToRevoke},
    secret::SecretItem,
};
use strongroom_web::{Body, Fact, Field, Form, Panel, PanelsPage};

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
        Reason::Unspecified => "nobody says why",
        Reason::KeyCompromise => "others have its key, or may have it",
        Reason::CaCompromise => "others have the key of the authority that it is, or may have it",
        Reason::AffiliationChanged => "what it says of its holder is not so any more",
        Reason::Superseded => "another one is in its place",
        Reason::CessationOfOperation => "it is not needed any more",
        Reason::PrivilegeWithdrawn => "what its holder was allowed was taken away",
        Reason::AaCompromise => "others have the key of the attribute authority that it is",
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
            let words = "The certificate of the authority that signed it is named by NAME or VAULT/NAME.";
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
    let authority = if version.is_some() { signer(viewer, &vault, &item).await } else { None };
    let draft = Draft { authority: authority.unwrap_or_default(), ..Draft::default() };
    Ok(page(viewer, &vault, &item, version.is_some(), draft, None).await)
}

/// The authority of a vault that its policy names, for who may see the issuer.
async fn signer(viewer: &Viewer<'_>, vault: &VaultName, item: &SecretItem) -> Option<String> {
    let issuer = &item.secret.certificate.as_deref()?.policy.issuer.name;
    let issuer = Some(issuer).filter(|issuer| ![SELF, UNKNOWN].contains(&issuer.as_str()))?;
    let issuer = ObjectName::parse(issuer).ok()?;
    if !viewer.may(&Ask::object(ObjectKind::Issuer, Action::IssuerGet, vault, &issuer)).await {
        return None;
    }
    let shown = viewer.services.issuers.get(&viewer.further().ok()?, vault, &issuer).await.ok()?;
    match shown.settings {
        IssuerSettings::Authority(settings) => Some(settings.certificate),
        IssuerSettings::Acme(_) => None,
    }
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
    match try_revoke(viewer, &named, &draft, sent.text("confirm")).await {
        Ok(href) => Ok(redirect(href)),
        Err(stopped) => {
            let refusal = stopped.refusal()?;
            let look = viewer.further()?;
            let (item, _) = viewer.services.certificates.show(&look, vault, name, version.as_ref()).await?;
            Ok(page(viewer, vault, &item, version.is_some(), draft, Some(&refusal)).await)
        }
    }
}

async fn try_revoke(
    viewer: &Viewer<'_>,
    Named { vault, name, version }: &Named,
    draft: &Draft,
    confirmed: &str,
) -> Result<String, Stopped> {
    if ObjectName::parse(confirmed).ok().as_ref() != Some(name) {
        return Err(Stopped::from(refusal::unconfirmed("revoked", name.display())).at(Some("confirm")));
    }
    let reason = draft.reason()?;
    let (place, authority, what) = match version {
        None => (vault.clone(), name.clone(), draft.signed()?),
        Some(version) => {
            let (place, authority) = place_of(&draft.authority, vault)?;
            let further = viewer.further()?;
            let shown = viewer.services.certificates.show(&further, vault, name, Some(version)).await;
            let (item, _) = shown.map_err(Failure::from)?;
            let leaf = item.version.certificate.as_ref().and_then(|certificate| certificate.leaf());
            let words = "It waits for its authority, so there is nothing to revoke yet.";
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

async fn page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    item: &SecretItem,
    one_version: bool,
    draft: Draft,
    refusal: Option<&Refusal>,
) -> Response {
    let (name, version) = (&item.secret.name, one_version.then_some(&item.version.version));
    let place = Place::Certificate(vault.clone(), name.clone(), version.cloned()).below("Revoke");
    let mut offers = Offers::new(viewer, &place);
    let authority = match one_version {
        true => place_of(&draft.authority, vault).ok(),
        false => Some((vault.clone(), name.clone())),
    };
    let open = match &authority {
        Some((place, authority)) => {
            let ask = Ask::object(ObjectKind::Revocations, Action::CertificateRevoke, place, authority);
            offers.open(&ask, "Revoking").await
        }
        None => true,
    };
    let standing = viewer.services.revoking.standing(&item.version).await;
    let before = version.and_then(|_| standing.revoked());
    let reasons = before.map_or_else(|| Reason::ALL.to_vec(), |one| graver_than(one.reason).collect());
    let commands = Commands::of_vault(viewer.services, vault);
    let (mut main, title, told) = match version {
        Some(version) => {
            let command = format!("certificate revoke AUTHORITY --certificate {name}/{version}");
            (vec![certificate(item)], format!("Revoke a version of {name} for good?"), command)
        }
        None => {
            let command = format!("certificate revoke {name} --serial SERIAL --reason superseded");
            (Vec::new(), format!("Revoke what {name} signed for good?"), command)
        }
    };
    main.extend(before.map(already));
    if open && !reasons.is_empty() {
        let form = Form {
            action: links::certificate_act(vault, name, version, "revoke"),
            csrf_token: Some(viewer.form_token()),
            fields: fields(name, one_version, &reasons, draft),
            submit: "Revoke for good".to_owned(),
            danger: true,
            cancel_href: Some(links::certificate(vault, name, version)),
            ..Form::default()
        };
        main.push(Panel::new("Confirm", Body::Form(refusal::form(viewer, form, refusal).await)));
    }
    let (_, cannot) = offers.told();
    let of = if one_version { "AUTHORITY" } else { name.as_str() };
    let body = r#"{"serial":"SERIAL","reason":"superseded"}"#;
    let page = PanelsPage {
        lead: Some(
            "Whoever checks the list of its authority refuses it from the next list on: servers and clients that still \
             use it fail. Nothing takes it back. What is kept in this vault stays, and is given out as before: renew it \
             first, and disable what nobody is to use."
                .to_owned(),
        ),
        cannot,
        main,
        aside: vec![snippets::panel(vec![
            commands.vault(&told),
            commands.curl_vault("POST", &format!("/certificates/{of}/revoke"), Some(body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, title)
    };
    refusal::answer(&page, refusal)
}

/// That it is revoked, and what of that can still be changed.
fn already(one: &RevokedCertificate) -> Panel {
    let words = match graver_than(one.reason).next() {
        Some(_) => "It is revoked already, and stays so. A graver reason can still be said in place of this one.",
        None => "It is revoked already, and stays so. There is no graver reason than this one.",
    };
    let told = vec![
        Fact::moment("Revoked", Some(view::moment(one.at)), ""),
        Fact::text("Why it was revoked", format!("{}: {}", one.reason.as_str(), meaning(one.reason))),
    ];
    Panel::new("Revoked already", Body::Facts(told)).foot(words)
}

fn fields(name: &ObjectName, one_version: bool, reasons: &[Reason], draft: Draft) -> Vec<Field> {
    let label = |reason: &Reason| (reason.as_str(), format!("{}: {}", reason.as_str(), meaning(*reason)));
    let labels: Vec<_> = reasons.iter().map(label).collect();
    let reasons: Vec<(&str, &str)> = labels.iter().map(|(word, label)| (*word, label.as_str())).collect();
    let mut fields = match one_version {
        true => vec![
            Field::line("authority", "Signed by", draft.authority, 255)
                .required()
                .hint("The certificate of the authority: its name in this vault, or VAULT/NAME."),
        ],
        false => vec![
            Field::line("serial", "Serial number", draft.serial, 59)
                .hint("In hexadecimal digits, or the certificate below."),
            Field::line("version", "Signed by version", draft.version, 32)
                .hint("With a serial number: the version of the authority that signed it; empty for the current one."),
            Field::code("certificate", "Certificate, PEM", draft.certificate, 6),
        ],
    };
    fields.push(Field::choice("reason", "Why", &reasons, &draft.reason).required());
    fields.push(refusal::confirm_field(name.display()));
    fields
}

/// Which one it is.
fn certificate(item: &SecretItem) -> Panel {
    let mut told = vec![Fact::code("Version", item.version.version.to_string())];
    let leaf = item.version.certificate.as_ref().and_then(|certificate| certificate.leaf());
    if let Some(facts) = leaf.and_then(|leaf| CertificateFacts::of(leaf).ok()) {
        told.push(Fact::code("Serial number", data_encoding::HEXLOWER.encode(&facts.serial)));
        told.push(Fact::moment("Would end", Some(view::moment(facts.not_after)), ""));
    }
    if let Some(said) = leaf.and_then(|leaf| strongroom_crypto::x509::Template::of(leaf).ok()) {
        told.insert(0, Fact::text("Names", whose(&said)));
    }
    Panel::new("Certificate", Body::Facts(told))
}
