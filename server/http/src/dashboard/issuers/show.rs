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
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Tone};

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
    let switch = if enabled { "Disable" } else { "Enable" };
    let switched = format!(r#"{{"attributes":{{"enabled":{}}}}}"#, !enabled);
    let mut aside: Vec<Panel> = uses.iter().map(|uses| uses.panel(viewer, &vault, name)).collect();
    aside.push(snippets::panel(vec![
        commands.vault(&format!("certificate issuer show {name}")),
        commands.curl_vault("GET", &format!("/certificates/issuers/{name}"), None),
        commands.curl_vault("PATCH", &format!("/certificates/issuers/{name}"), Some(&switched)).labelled(switch),
    ]));
    let (acts, cannot) = offers.told();
    let badge = match enabled {
        true => (Tone::Good, Icon::Check, "Enabled".to_owned()),
        false => (Tone::Plain, Icon::Off, "Disabled".to_owned()),
    };
    let page = PanelsPage {
        badges: vec![badge],
        lead: Some(format!("{}. Policies of certificates in {vault} name it.", provider(&issuer.settings))),
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
    offers.offer(&ask(Action::IssuerUpdate), Act::link("Edit", at("edit"), Icon::Pencil)).await;
    let (label, act, icon) = match issuer.item.version.attributes.enabled {
        true => ("Disable", "disable", Icon::Off),
        false => ("Enable", "enable", Icon::Check),
    };
    offers.offer(&ask(Action::IssuerUpdate), Act::post(label, "", at(act), &token, icon)).await;
    offers.offer(&ask(Action::IssuerDelete), Act::link("Delete", at("delete"), Icon::Trash)).await;
}

/// What is said of how it is asked; never its password, nor what it keeps of its account.
pub(super) fn asked(vault: &VaultName, issuer: &ShownIssuer) -> Panel {
    let mut facts = match &issuer.settings {
        IssuerSettings::Authority(settings) => of_authority(vault, settings),
        IssuerSettings::Acme(settings) => of_acme(settings),
    };
    facts.extend([
        Fact::moment("Created", Some(view::moment(issuer.item.version.created)), ""),
        Fact::moment("Changed", Some(view::moment(issuer.item.version.updated)), ""),
    ]);
    Panel::new("How it is asked", Body::Facts(facts))
}

fn of_authority(vault: &VaultName, settings: &AuthoritySettings) -> Vec<Fact> {
    let said = &settings.certificate;
    let authority = match settings.place() {
        Ok((elsewhere, name)) => Cell::link(said, links::certificate(elsewhere.as_ref().unwrap_or(vault), &name, None)),
        Err(_) => Cell::text(said),
    };
    let longest = settings.max_days.map_or_else(|| "As long as the authority's own".to_owned(), days);
    let list = settings.crl_url.clone().unwrap_or_else(|| "Published by this server".to_owned());
    vec![
        Fact { name: "Authority".to_owned(), value: authority },
        Fact::text("Signs", signs(settings.profile)),
        Fact::text("Longest validity", longest),
        Fact::text("List of what is revoked", list),
    ]
}

fn days(count: u32) -> String {
    if count == 1 { "1 day".to_owned() } else { format!("{count} days") }
}

/// What certificates of a profile are for.
pub(super) fn signs(profile: Profile) -> &'static str {
    match profile {
        Profile::Server => "Servers, which may be clients of each other",
        Profile::Client => "Clients",
        Profile::CodeSigning => "Signing of code",
        Profile::Authority => "Authorities below it, and nothing else",
    }
}

fn of_acme(settings: &AcmeSettings) -> Vec<Fact> {
    let proof = match &settings.challenge {
        Challenge::Http01 => "An answer over HTTP (http-01)".to_owned(),
        Challenge::Dns01 { hook } => format!("A record in the DNS (dns-01), set by the hook {hook}"),
    };
    let none_or = |name: &str, text: Option<String>| Fact::text(name, text.unwrap_or_else(|| "None".to_owned()));
    let contacts = Some(settings.contacts.join(", ")).filter(|text| !text.is_empty());
    let window = if settings.renewal_information { "Asked of it, where it offers that" } else { "Not asked of it" };
    let checked = if settings.ca_bundle.is_some() { "Certificates of its own" } else { "The usual ones" };
    vec![
        Fact::code("Directory", settings.directory.clone()),
        Fact::text("Names are proven by", proof),
        none_or("Mail addresses of the account", contacts),
        none_or("External account", settings.external_account.clone()),
        Fact::text("When to renew (ARI)", window),
        Fact::text("Its connection is checked with", checked),
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
        offers.note(format!("Seeing the chain of the authority needs the role {role} on it or on the vault {place}."));
        return Vec::new();
    }
    let Ok(ctx) = viewer.further() else { return Vec::new() };
    let Ok((item, _)) = viewer.services.certificates.show(&ctx, place, &name, None).await else {
        offers.note("The certificate of the authority is not there now: nothing is signed.");
        return Vec::new();
    };
    let chain = item.version.certificate.as_ref().map_or(&[][..], |certificate| &certificate.chain);
    let public = item.version.key.as_ref().and_then(|key| key.public.as_ref());
    let mut panels: Vec<Panel> = Vec::new();
    match viewer.services.revoking.objections_to_authority((place, &name), chain).await {
        Ok(told) if told.are_some() => panels.push(silent(place, &name, told)),
        Ok(_) => {}
        Err(_) => offers.note("Whether the authority was revoked cannot be found out now: nothing is signed."),
    }
    panels.extend(chain::panel(chain, public, viewer.now()).ok());
    panels.extend(chain.first().and_then(|leaf| Template::of(leaf).ok()).map(|said| may_certify(place, &name, &said)));
    panels
}

/// Why the authority signs no certificates, though nobody disabled it.
fn silent(vault: &VaultName, name: &ObjectName, told: Objections) -> Panel {
    let why = match told.revoked {
        Some(reason) => format!("It, or one above it, was revoked ({}).", reason.as_str()),
        None => "A certificate with its key, or with that of one above it, was revoked as compromised.".to_owned(),
    };
    let then = "Whoever hears of that takes nothing that it signs, so nothing is signed until it has another version. The \
                lists of what it revoked are signed as before.";
    let renew = Act::link("Open", links::certificate(vault, name, None), Icon::Certificate);
    Panel::new("It signs nothing", Body::Text(vec![why, then.to_owned()])).acts(vec![renew])
}

fn may_certify(vault: &VaultName, name: &ObjectName, said: &Template) -> Panel {
    let below = match said.path_length {
        None => "Any number of authorities".to_owned(),
        Some(0) => "No other authority".to_owned(),
        Some(1) => "One authority".to_owned(),
        Some(count) => format!("{count} authorities, one above the other"),
    };
    let facts = vec![
        Fact::text("Below it", below),
        Fact::text("Names that it may certify", subtrees(&said.constraints.permitted, "Any")),
        Fact::text("Names that it may not", subtrees(&said.constraints.excluded, "None")),
    ];
    let revoked = links::certificate_act(vault, name, None, "revocations");
    Panel::new("What the authority may certify", Body::Facts(facts)).acts(vec![Act::link(
        "What it revoked",
        revoked,
        Icon::Ban,
    )])
}
