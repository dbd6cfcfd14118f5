//! One issuer: how it is asked, what it signs, and of an authority kept in a vault its chain and what it may certify.

use strongroom_crypto::x509::Template;
use strongroom_domain::{
    action::Action,
    gate::Ask,
    issuer::{AcmeSettings, AuthoritySettings, Challenge, IssuerSettings, Profile},
    issuers::ShownIssuer,
    names::{ObjectKind, ObjectName, VaultName},
    revocation::Objections,
    role::Role,
};
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Tone, say};

use super::{provider, uses::Uses};
use crate::{
    dashboard::{
        Failure,
        certificates::{chain, policy::subtrees},
        frame::{Place, Viewer},
        links,
        offers::Offers,
        rendered,
        secret::Named,
        snippets::{self, Commands},
        view,
    },
    message::Response,
};

/// GET /vaults/{vault}/issuers/{name}
///
/// # Errors
/// The gate's denial, or why the issuer cannot be shown.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, .. } = Named::of(viewer)?;
    let issuer = viewer.services.issuers.get(&viewer.call.ctx, &vault, &name).await?;
    let name = &issuer.item.secret.name;
    let place = Place::Issuer(vault.clone(), name.clone());
    let mut offers = Offers::new(viewer, &place);
    offer(viewer, &mut offers, &vault, &issuer).await;
    let uses = Uses::read(viewer, &mut offers, &vault).await;
    let mut main = vec![asked(&vault, &issuer)];
    if let IssuerSettings::Authority(settings) = &issuer.settings {
        main.extend(authority(viewer, &mut offers, &vault, settings).await);
    }
    let commands = Commands::of_vault(viewer.services, &vault);
    let enabled = issuer.item.version.attributes.enabled;
    let switch = if enabled { say!("issuers-show-disable") } else { say!("issuers-show-enable") };
    let switched = format!(r#"{{"attributes":{{"enabled":{}}}}}"#, !enabled);
    let mut aside: Vec<Panel> = uses.iter().map(|uses| uses.panel(viewer, &vault, name)).collect();
    aside.push(snippets::panel(vec![
        commands.vault(&format!("certificate issuer show {name}")),
        commands.curl_vault("GET", &format!("/certificates/issuers/{name}"), None),
        commands.curl_vault("PATCH", &format!("/certificates/issuers/{name}"), Some(&switched)).labelled(switch),
    ]));
    let (acts, cannot) = offers.told();
    let badge = match enabled {
        true => (Tone::Good, Icon::Check, say!("issuers-show-enabled").to_owned()),
        false => (Tone::Plain, Icon::Off, say!("issuers-show-disabled").to_owned()),
    };
    let page = PanelsPage {
        badges: vec![badge],
        lead: Some(say!(
            "issuers-show-settings-policies-of-certificates-in",
            settings = provider(&issuer.settings),
            vault = vault
        )),
        acts,
        cannot,
        main,
        aside,
        ..PanelsPage::new(viewer.shell(&place).await, name.to_string())
    };
    Ok(rendered(200, page.render()))
}

async fn offer(viewer: &Viewer<'_>, offers: &mut Offers<'_>, vault: &VaultName, issuer: &ShownIssuer) {
    let name = &issuer.item.secret.name;
    let ask = |action| Ask::object(ObjectKind::Issuer, action, vault, name);
    let at = |act: &str| links::issuer_act(vault, name, act);
    let token = viewer.form_token();
    offers.offer(&ask(Action::IssuerUpdate), Act::link(say!("issuers-show-edit"), at("edit"), Icon::Pencil)).await;
    let (label, act, icon) = match issuer.item.version.attributes.enabled {
        true => (say!("issuers-show-disable"), "disable", Icon::Off),
        false => (say!("issuers-show-enable"), "enable", Icon::Check),
    };
    offers.offer(&ask(Action::IssuerUpdate), Act::post(label, "", at(act), &token, icon)).await;
    offers.offer(&ask(Action::IssuerDelete), Act::link(say!("issuers-show-delete"), at("delete"), Icon::Trash)).await;
}

/// What is said of how it is asked; never its password, nor what it keeps of its account.
pub(super) fn asked(vault: &VaultName, issuer: &ShownIssuer) -> Panel {
    let mut facts = match &issuer.settings {
        IssuerSettings::Authority(settings) => of_authority(vault, settings),
        IssuerSettings::Acme(settings) => of_acme(settings),
    };
    facts.extend([
        Fact::moment(say!("issuers-show-created"), Some(view::moment(issuer.item.version.created)), ""),
        Fact::moment(say!("issuers-show-changed"), Some(view::moment(issuer.item.version.updated)), ""),
    ]);
    Panel::new(say!("issuers-show-how-it-is-asked"), Body::Facts(facts))
}

fn of_authority(vault: &VaultName, settings: &AuthoritySettings) -> Vec<Fact> {
    let said = &settings.certificate;
    let authority = match settings.place() {
        Ok((elsewhere, name)) => Cell::link(said, links::certificate(elsewhere.as_ref().unwrap_or(vault), &name, None)),
        Err(_) => Cell::text(said),
    };
    let longest = settings.max_days.map_or_else(|| say!("issuers-show-as-long-as-the-authoritys").to_owned(), days);
    let list = settings.crl_url.clone().unwrap_or_else(|| say!("issuers-show-published-by-this-server").to_owned());
    vec![
        Fact { name: say!("issuers-show-authority").to_owned(), value: authority },
        Fact::text(say!("issuers-show-signs"), signs(settings.profile)),
        Fact::text(say!("issuers-show-longest-validity"), longest),
        Fact::text(say!("issuers-show-list-of-what-is-revoked"), list),
    ]
}

fn days(count: u32) -> String {
    if count == 1 { say!("issuers-show-1-day").to_owned() } else { say!("issuers-show-count-days", count = count) }
}

/// What certificates of a profile are for.
pub(super) fn signs(profile: Profile) -> &'static str {
    match profile {
        Profile::Server => say!("issuers-show-servers-which-may-be-clients"),
        Profile::Client => say!("issuers-show-clients"),
        Profile::CodeSigning => say!("issuers-show-signing-of-code"),
        Profile::Authority => say!("issuers-show-authorities-below-it-and-nothing"),
    }
}

fn of_acme(settings: &AcmeSettings) -> Vec<Fact> {
    let proof = match &settings.challenge {
        Challenge::Http01 => say!("issuers-show-an-answer-over-http-http").to_owned(),
        Challenge::Dns01 { hook } => say!("issuers-show-a-record-in-the-dns", hook = hook),
    };
    let none_or = |name: &str, text: Option<String>| {
        Fact::text(name, text.unwrap_or_else(|| say!("issuers-show-none").to_owned()))
    };
    let contacts = Some(settings.contacts.join(", ")).filter(|text| !text.is_empty());
    let window = if settings.renewal_information {
        say!("issuers-show-asked-of-it-where-it")
    } else {
        say!("issuers-show-not-asked-of-it")
    };
    let checked = if settings.ca_bundle.is_some() {
        say!("issuers-show-certificates-of-its-own")
    } else {
        say!("issuers-show-the-usual-ones")
    };
    vec![
        Fact::code(say!("issuers-show-directory"), settings.directory.clone()),
        Fact::text(say!("issuers-show-names-are-proven-by"), proof),
        none_or(say!("issuers-show-mail-addresses-of-the-account"), contacts),
        none_or(say!("issuers-show-external-account"), settings.external_account.clone()),
        Fact::text(say!("issuers-show-when-to-renew-ari"), window),
        Fact::text(say!("issuers-show-its-connection-is-checked-with"), checked),
    ]
}

/// The authority's chain and what it may certify, for who may see that.
async fn authority(
    viewer: &Viewer<'_>,
    offers: &mut Offers<'_>,
    vault: &VaultName,
    settings: &AuthoritySettings,
) -> Vec<Panel> {
    let Ok((elsewhere, name)) = settings.place() else { return Vec::new() };
    let place = elsewhere.as_ref().unwrap_or(vault);
    if !viewer.may(&Ask::object(ObjectKind::Certificate, Action::CertificateGet, place, &name)).await {
        let role = Role::least_for(Action::CertificateGet).map_or(Role::Owner.name(), |role| role.name());
        offers.note(say!("issuers-show-seeing-the-chain-of-the", role = role, place = place));
        return Vec::new();
    }
    let Ok(ctx) = viewer.further() else { return Vec::new() };
    let Ok((item, _)) = viewer.services.certificates.show(&ctx, place, &name, None).await else {
        offers.note(say!("issuers-show-the-certificate-of-the-authority"));
        return Vec::new();
    };
    let chain = item.version.certificate.as_ref().map_or(&[][..], |certificate| &certificate.chain);
    let public = item.version.key.as_ref().and_then(|key| key.public.as_ref());
    let mut panels: Vec<Panel> = Vec::new();
    match viewer.services.revoking.objections_to_authority((place, &name), chain).await {
        Ok(told) if told.are_some() => panels.push(silent(place, &name, told)),
        Ok(_) => {}
        Err(_) => offers.note(say!("issuers-show-whether-the-authority-was-revoked")),
    }
    panels.extend(chain::panel(chain, public, viewer.now()).ok());
    panels.extend(chain.first().and_then(|leaf| Template::of(leaf).ok()).map(|said| may_certify(place, &name, &said)));
    panels
}

/// Why the authority signs no certificates, though nobody disabled it.
fn silent(vault: &VaultName, name: &ObjectName, told: Objections) -> Panel {
    let why = match told.revoked {
        Some(reason) => say!("issuers-show-it-or-one-above-it", reason = reason.as_str()),
        None => say!("issuers-show-a-certificate-with-its-key").to_owned(),
    };
    let then = say!("issuers-show-whoever-hears-of-that-takes");
    let renew = Act::link(say!("issuers-show-open"), links::certificate(vault, name, None), Icon::Certificate);
    Panel::new(say!("issuers-show-it-signs-nothing"), Body::Text(vec![why, then.to_owned()])).acts(vec![renew])
}

fn may_certify(vault: &VaultName, name: &ObjectName, said: &Template) -> Panel {
    let below = match said.path_length {
        None => say!("issuers-show-any-number-of-authorities").to_owned(),
        Some(0) => say!("issuers-show-no-other-authority").to_owned(),
        Some(1) => say!("issuers-show-one-authority").to_owned(),
        Some(count) => say!("issuers-show-count-authorities-one-above-the", count = count),
    };
    let facts = vec![
        Fact::text(say!("issuers-show-below-it"), below),
        Fact::text(
            say!("issuers-show-names-that-it-may-certify"),
            subtrees(&said.constraints.permitted, say!("issuers-show-any")),
        ),
        Fact::text(
            say!("issuers-show-names-that-it-may-not"),
            subtrees(&said.constraints.excluded, say!("issuers-show-none")),
        ),
    ];
    let revoked = links::certificate_act(vault, name, None, "revocations");
    Panel::new(say!("issuers-show-what-the-authority-may-certify"), Body::Facts(facts)).acts(vec![Act::link(
        say!("issuers-show-what-it-revoked"),
        revoked,
        Icon::Ban,
    )])
}
