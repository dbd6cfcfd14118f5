//! One certificate: its chain, its versions, how it is made and renewed, what waits, and the ways out.

use strongroom_crypto::x509;
use strongroom_domain::{
    action::Action,
    certificate::{CertificateState, PendingStatus, SELF, UNKNOWN},
    gate::Ask,
    names::{ObjectKind, ObjectName, VaultName},
    revocation::graver_than,
    revocations::Standing,
    role::Role,
    secret::{SecretItem, VaultFacts},
};
use strongroom_web::{
    Act, Body, Cell, Fact, Field, Form, Icon, Panel, PanelsPage, RevealForm, Row, Snippet, Table, Tone, say,
};

use super::{
    chain, is_waiting, list::whose, pem, pending, policy, revoke::is_taken_back, standing_badge, state_badge,
    state_cell,
};
use crate::{
    dashboard::{
        Failure,
        frame::{Place, Viewer},
        kinds::Kind,
        links,
        offers::Offers,
        refusal::{self, Refusal},
        secret::Named,
        snippets::{self, Commands},
        sort, view,
    },
    message::Response,
    problem::Problem,
};

/// GET /vaults/{vault}/certificates/{name}[/{version}]
///
/// # Errors
/// The gate's denial, or why the certificate cannot be shown.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, version } = Named::of(viewer)?;
    let shown = viewer.services.certificates.show(&viewer.call.ctx, &vault, &name, version.as_ref()).await?;
    page(viewer, &vault, shown, None).await
}

/// The page of a certificate, with why nothing was merged.
pub(super) async fn page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    (item, facts): (SecretItem, VaultFacts),
    refused: Option<(&Refusal, &pending::Draft)>,
) -> Result<Response, Failure> {
    let state = item.secret.certificate.as_deref().ok_or_else(Problem::internal)?;
    let name = &item.secret.name;
    let current = item.secret.current == item.version.version;
    let place = Place::Certificate(vault.clone(), name.clone(), (!current).then(|| item.version.version.clone()));
    let mut offers = Offers::new(viewer, &place);
    let standing = viewer.services.revoking.standing(vault, &item).await;
    let acts = acts(viewer, &mut offers, vault, &item, &standing).await;
    let mut main = Vec::new();
    // One that came to its end is told by the version that it made.
    let open = state.pending.as_ref().filter(|pending| pending.status != PendingStatus::Completed);
    if current && open.is_some() {
        main.extend(pending::panels(viewer, &mut offers, vault, name, refused).await);
    }
    let certificates = item.version.certificate.as_ref().map_or(&[][..], |certificate| &certificate.chain);
    let public = item.version.key.as_ref().and_then(|key| key.public.as_ref());
    if !is_waiting(&item) {
        match chain::panel(certificates, public, viewer.now()) {
            Ok(panel) => main.push(panel),
            Err(_) => return Err(Problem::internal().into()),
        }
    }
    let (versions, partial) = Kind::Certificate.versions(viewer, vault, &item).await;
    main.push(versions_panel(viewer, vault, &item, &versions).await);
    let mut aside = vec![details(viewer, vault, &item, &standing, facts)];
    aside.push(policy_panel(&mut offers, vault, &item, state).await);
    if !is_waiting(&item) {
        aside.push(public_panel(vault, &item, certificates));
        aside.push(export_panel(viewer, vault, &item).await);
    }
    aside.push(snippets::panel(commands(viewer, vault, name, is_waiting(&item))));
    let (offered, cannot) = offers.told();
    let mut badges = vec![state_badge(&item, viewer.now())];
    badges.extend(standing_badge(&standing));
    if !current {
        badges.push((Tone::Plain, Icon::Undo, say!("certificates-show-older-version").to_owned()));
    }
    let subject = certificates.first().and_then(|leaf| x509::Template::of(leaf).ok());
    let page = PanelsPage {
        badges,
        lead: Some(say!(
            "certificates-show-certificate-in-vault-template-version",
            vault = vault,
            template = whose(subject.as_ref().unwrap_or(&state.policy.template)),
            created = view::moment(item.version.created).text
        )),
        tags: view::tags(&item.version.attributes.tags),
        acts: acts.into_iter().chain(offered).collect(),
        cannot,
        notices: partial.into_iter().chain(standing_notice(&standing, current)).chain(failed(&item)).collect(),
        main,
        aside,
        ..PanelsPage::new(viewer.shell(&place).await, name.to_string())
    };
    Ok(refusal::answer(&page, refused.map(|(refusal, _)| refusal)))
}

/// That its authority took it back, or that nobody knows.
fn standing_notice(standing: &Standing, current: bool) -> Option<String> {
    let next = if current {
        say!("certificates-show-renew-it-and-whoever-uses")
    } else {
        say!("certificates-show-use-the-current-version")
    };
    match standing {
        Standing::NotRevoked => None,
        Standing::Revoked(one) => Some(say!(
            "certificates-show-it-was-revoked-on-at",
            at = view::moment(one.at).text,
            reason = one.reason.as_str(),
            next = next
        )),
        Standing::Unknown => Some(say!("certificates-show-whether-it-was-revoked-is").to_owned()),
    }
}

/// That it should have been renewed and was not.
fn failed(item: &SecretItem) -> Option<String> {
    let failed = item.secret.rotation.as_ref()?.failed.as_ref()?;
    let times =
        if failed.count == 1 { "once".to_owned() } else { say!("certificates-show-count-times", count = failed.count) };
    Some(say!(
        "certificates-show-its-renewal-failed-times-last",
        times = times,
        last = view::moment(failed.last).text,
        reason = failed.reason
    ))
}

/// What leads on; the offers get what grants let through.
async fn acts(
    viewer: &Viewer<'_>,
    offers: &mut Offers<'_>,
    vault: &VaultName,
    item: &SecretItem,
    standing: &Standing,
) -> Vec<Act> {
    let (name, version) = (&item.secret.name, Some(&item.version.version));
    let state = item.secret.certificate.as_deref();
    let current = item.secret.current == item.version.version;
    let at = |act: &str, version| links::certificate_act(vault, name, version, act);
    let ask = |action| Ask { version, ..Ask::object(ObjectKind::Certificate, action, vault, name) };
    let token = viewer.form_token();
    if current && state.is_some_and(|state| state.in_progress().is_none()) {
        let renew = Act::post(say!("certificates-show-renew-now"), "", at("policy/renew", None), &token, Icon::Undo);
        offers.offer(&ask(Action::CertificateCreate), renew).await;
    }
    if !is_waiting(item) {
        offers
            .offer(
                &ask(Action::CertificateUpdate),
                Act::link(say!("certificates-show-edit"), at("edit", version), Icon::Pencil),
            )
            .await;
        let (label, act, icon) = match item.version.attributes.enabled {
            true => (say!("certificates-show-disable"), "disable", Icon::Off),
            false => (say!("certificates-show-enable"), "enable", Icon::Check),
        };
        offers.offer(&ask(Action::CertificateUpdate), Act::post(label, "", at(act, version), &token, icon)).await;
    }
    revoking(offers, vault, item, standing).await;
    offers
        .offer(
            &ask(Action::CertificateDelete),
            Act::link(say!("certificates-show-delete"), at("delete", None), Icon::Trash),
        )
        .await;
    if current {
        return Vec::new();
    }
    vec![Act::link(
        say!("certificates-show-show-the-current-version"),
        links::certificate(vault, name, None),
        Icon::Certificate,
    )]
}

/// What an authority revoked, and revoking what an issuer of the vault signed. Who may do that is judged at the authority,
/// which the page of it finds out. What is revoked is revoked again for a graver reason alone.
async fn revoking(offers: &mut Offers<'_>, vault: &VaultName, item: &SecretItem, standing: &Standing) {
    let (name, version) = (&item.secret.name, Some(&item.version.version));
    let Some(leaf) = item.version.certificate.as_ref().and_then(|certificate| certificate.leaf()) else { return };
    if x509::Template::of(leaf).is_ok_and(|said| said.ca) {
        let ask = Ask::object(ObjectKind::Revocations, Action::RevocationListGet, vault, name);
        let at = links::certificate_act(vault, name, None, "revocations");
        offers.offer(&ask, Act::link(say!("certificates-show-what-it-revoked"), at, Icon::Ban)).await;
    }
    let label = match standing.revoked() {
        None => say!("certificates-show-revoke"),
        Some(one) if !is_taken_back(item) && graver_than(one.reason).next().is_some() => {
            say!("certificates-show-say-a-graver-reason")
        }
        Some(_) => return,
    };
    let issuer = item.secret.certificate.as_ref().map(|state| state.policy.issuer.name.as_str());
    if issuer.is_some_and(|issuer| ![SELF, UNKNOWN].contains(&issuer)) {
        let ask = Ask { version, ..Ask::object(ObjectKind::Certificate, Action::CertificateGet, vault, name) };
        let at = links::certificate_act(vault, name, version, "revoke");
        offers.offer(&ask, Act::link(label, at, Icon::Ban)).await;
    }
}

async fn versions_panel(viewer: &Viewer<'_>, vault: &VaultName, shown: &SecretItem, versions: &[SecretItem]) -> Panel {
    let row = |item: &SecretItem, standing: &Standing| {
        let version = &item.version;
        let expires = version.attributes.expires;
        Row {
            cells: vec![
                Cell::Link {
                    text: version.version.to_string(),
                    href: links::certificate(vault, &item.secret.name, Some(&version.version)),
                    small: (version.version == item.secret.current)
                        .then(|| say!("certificates-show-current").to_owned()),
                },
                state_cell(item, standing, viewer.now()),
                Cell::Moment(view::moment(version.created)),
                expires.map_or_else(
                    || Cell::None(say!("certificates-show-not-yet-known").to_owned()),
                    |at| Cell::Moment(view::moment(at)),
                ),
            ],
            marked: version.version == shown.version.version,
        }
    };
    let mut rows = Vec::with_capacity(versions.len());
    for item in versions {
        rows.push(row(item, &viewer.services.revoking.standing(vault, item).await));
    }
    let table = Table::new(&["Version", "State", "Created", "Expires"], rows);
    sort::panel(
        viewer,
        say!("certificates-show-versions"),
        "versions",
        table,
        Some(say!("certificates-show-newest-first")),
    )
}

fn details(viewer: &Viewer<'_>, vault: &VaultName, item: &SecretItem, standing: &Standing, facts: VaultFacts) -> Panel {
    let (name, version) = (&item.secret.name, &item.version);
    let addresses = &viewer.services.addresses;
    let mut told = vec![Fact::code(
        say!("certificates-show-identifier"),
        addresses.object("certificates", vault, name, Some(&version.version)),
    )];
    if let Some(leaf) = version.certificate.as_ref().and_then(|certificate| certificate.leaf()) {
        let link = |name: &str, text: &str, href| Fact { name: name.to_owned(), value: Cell::link(text, href) };
        let thumbprint = data_encoding::HEXUPPER.encode(&x509::thumbprint(leaf));
        told.push(Fact::code(say!("certificates-show-thumbprint"), thumbprint));
        told.push(link(
            say!("certificates-show-key"),
            say!("certificates-show-of-the-same-name"),
            links::key(vault, name, Some(&version.version)),
        ));
        told.push(link(
            say!("certificates-show-secret"),
            say!("certificates-show-of-the-same-name"),
            links::secret(vault, name, Some(&version.version)),
        ));
    }
    told.extend([
        Fact::moment(say!("certificates-show-created"), Some(view::moment(version.created)), ""),
        Fact::moment(say!("certificates-show-updated"), Some(view::moment(version.updated)), ""),
        Fact::moment(
            say!("certificates-show-not-before"),
            version.attributes.not_before.map(view::moment),
            say!("certificates-show-not-yet-known"),
        ),
        Fact::moment(
            say!("certificates-show-expires"),
            version.attributes.expires.map(view::moment),
            say!("certificates-show-not-yet-known"),
        ),
    ]);
    if let Some(one) = standing.revoked() {
        told.push(Fact::moment(say!("certificates-show-revoked"), Some(view::moment(one.at)), ""));
        told.push(Fact::text(say!("certificates-show-why-it-was-revoked"), one.reason.as_str()));
    }
    told.push(Fact::text(say!("certificates-show-deletion"), view::recovery(facts)));
    Panel::new(say!("certificates-show-details"), Body::Facts(told))
        .foot(say!("certificates-show-the-identifier-is-what-clients"))
}

async fn policy_panel(
    offers: &mut Offers<'_>,
    vault: &VaultName,
    item: &SecretItem,
    state: &CertificateState,
) -> Panel {
    let name = &item.secret.name;
    let mut acts = Vec::new();
    let ask = Ask::object(ObjectKind::Certificate, Action::CertificatePolicyUpdate, vault, name);
    if offers.open(&ask, say!("certificates-show-changing-the-policy")).await {
        acts.push(Act::link(
            say!("certificates-show-change"),
            links::certificate_act(vault, name, None, "policy"),
            Icon::Pencil,
        ));
    }
    let rotation = item.secret.rotation.as_deref();
    let by_itself = state.policy.renews_by_itself();
    let mut facts = vec![Fact::moment(
        say!("certificates-show-renewed"),
        rotation.and_then(|rotation| rotation.rotate_at).map(view::moment),
        if by_itself {
            say!("certificates-show-not-by-itself")
        } else {
            say!("certificates-show-by-hand-nobody-here-can")
        },
    )];
    let notice = rotation.and_then(|rotation| rotation.notify_at).map(view::moment);
    facts.push(Fact::moment(
        say!("certificates-show-notice-of-its-end"),
        notice,
        say!("certificates-show-none-to-come"),
    ));
    if let Some(at) = rotation.and_then(|rotation| rotation.inquire_at) {
        facts.push(Fact::moment(say!("certificates-show-its-authority-asked-again-when"), Some(view::moment(at)), ""));
    }
    facts.extend(policy::facts(&state.policy));
    facts.push(Fact::moment(say!("certificates-show-policy-set"), Some(view::moment(state.policy_updated)), ""));
    Panel::new(say!("certificates-show-how-the-next-version-is"), Body::Facts(facts)).acts(acts)
}

/// What anybody may have.
fn public_panel(vault: &VaultName, item: &SecretItem, certificates: &[Vec<u8>]) -> Panel {
    let href = |form| {
        let path = links::certificate_act(vault, &item.secret.name, Some(&item.version.version), "public");
        links::asked(&path, &[("as", Some(form))])
    };
    let mut forms = Vec::new();
    if let Some(leaf) = certificates.first() {
        forms.push(Snippet::new(say!("certificates-show-certificate-pem"), pem("CERTIFICATE", leaf)));
    }
    if certificates.len() > 1 {
        forms
            .push(Snippet::new(say!("certificates-show-chain-pem"), x509::pem(None, certificates).expose().to_owned()));
    }
    Panel::new(say!("certificates-show-public-part"), Body::Snippets(forms))
        .note(say!("certificates-show-not-a-secret"))
        .acts(["pem", "cer", "pfx"].map(|form| Act::link(&form.to_uppercase(), href(form), Icon::Download)).into())
}

/// The way out with the private key.
async fn export_panel(viewer: &Viewer<'_>, vault: &VaultName, item: &SecretItem) -> Panel {
    fn title() -> &'static str {
        say!("certificates-show-with-its-private-key")
    }
    let (name, version) = (&item.secret.name, Some(&item.version.version));
    let said = |words: String| Panel::new(title(), Body::Text(vec![words]));
    if item.version.key.as_ref().is_some_and(|key| !key.exportable) {
        return said(say!("certificates-show-its-private-key-stays-in").to_owned());
    }
    if !item.version.attributes.enabled {
        return said(say!("certificates-show-this-version-is-disabled-so").to_owned());
    }
    if !viewer.may(&Ask { version, ..Ask::secret(Action::SecretGet, vault, name) }).await {
        let role = Role::least_for(Action::SecretGet).map_or(Role::Owner.name(), |role| role.name());
        return said(say!("certificates-show-it-is-in-the-secret", role = role));
    }
    let form = Form {
        action: links::certificate_act(vault, name, version, "export"),
        csrf_token: Some(viewer.form_token()),
        fields: vec![
            Field::line(RevealForm::REASON_FIELD, say!("certificates-show-reason"), "", 200)
                .hint(say!("certificates-show-it-is-recorded-with-the")),
        ],
        submit: say!("certificates-show-download-with-its-private-key").to_owned(),
        ..Form::default()
    };
    Panel::new(title(), Body::Form(form)).foot(say!("certificates-show-a-pfx-has-no-password"))
}

fn commands(viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName, waits: bool) -> Vec<Snippet> {
    let commands = Commands::of_vault(viewer.services, vault);
    let mut told = vec![commands.vault(&format!("certificate show {name}"))];
    if waits {
        told.push(
            commands.vault(&format!("certificate request {name}")).labelled(say!("certificates-show-its-request")),
        );
        told.push(
            commands.vault(&format!("certificate merge {name} --file FILE")).labelled(say!("certificates-show-merge")),
        );
    } else {
        told.push(commands.vault(&format!("certificate inspect {name}")).labelled(say!("certificates-show-chain")));
        told.push(commands.vault(&format!("certificate renew {name}")).labelled(say!("certificates-show-renew")));
        told.push(
            commands
                .vault(&format!("certificate export {name} --public"))
                .labelled(say!("certificates-show-public-part")),
        );
        told.push(
            commands
                .vault(&format!("certificate export {name} --out FILE"))
                .labelled(say!("certificates-show-with-its-private-key")),
        );
    }
    told.push(commands.curl_vault("GET", &format!("/certificates/{name}"), None));
    told
}
