//! The installation: where people sign in, which keys sign tokens, how the audit log stands. What the configuration
//! file says is shown here and changed there.

use strongroom_domain::{
    action::Action,
    admin::RootKeyShown,
    gate::Ask,
    token_keys::{TokenKeyFacts, TokenKeyState},
};
use strongroom_web::{Act, Body, Cell, Fact, Form, Icon, Panel, PanelsPage, Row, Snippet, Table, Tone, say};

use super::{
    Failure,
    form::{SHORT, Sent},
    frame::{self, Place, Viewer},
    links,
    offers::Offers,
    redirect,
    refusal::{self, Refusal},
    rendered, sign_in,
    snippets::{self, Commands},
    view,
};
use crate::{
    message::{Request, Response},
    services::{ChainStatus, ListenerFacts, Verified, WitnessStanding},
};

/// What is typed to confirm.
const CONFIRM: &str = "revoke";

/// GET /settings
///
/// # Errors
/// The gate's denial, or why the keys cannot be read.
pub(super) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let keys = viewer.services.admin.token_keys(&viewer.call.ctx).await?;
    let place = Place::Installation;
    let mut offers = Offers::new(viewer, &place);
    let rotate = Act::post(
        say!("settings-rotate"),
        say!("settings-the-keys-that-sign-tokens"),
        links::TOKEN_KEYS_ROTATE,
        &viewer.form_token(),
        Icon::Undo,
    );
    offers.offer(&Ask::server(Action::TokenKeyRotate), rotate).await;
    let revoke = Act::link(say!("settings-revoke"), links::TOKEN_KEYS_REVOKE, Icon::Trash);
    offers.offer(&Ask::server(Action::TokenKeyRevoke), revoke).await;
    let (acts, cannot) = offers.told();
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("settings-what-the-configuration-file-says").to_owned()),
        cannot,
        main: vec![providers(viewer), listeners(viewer), token_keys(&keys).acts(acts)],
        aside: vec![
            chain(&(viewer.services.chain)()),
            root_key(viewer).await,
            sealing(),
            snippets::panel(vec![
                commands.server("token keys list"),
                commands.curl_server("GET", "/api/v1/token/keys", None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, say!("settings-settings-of-this-installation"))
    };
    Ok(rendered(200, page.render()))
}

/// Where people sign in, with the addresses that each provider has to know.
fn providers(viewer: &Viewer<'_>) -> Panel {
    let base = viewer.services.addresses.base();
    let token = viewer.form_token();
    let rows: Vec<Row> = viewer
        .services
        .sign_in
        .providers()
        .into_iter()
        .map(|provider| {
            let test = links::provider_test(&provider.id);
            let test = Act::post(say!("settings-test"), &provider.name, test, &token, Icon::Try);
            Row::new(vec![
                Cell::Text { text: provider.name, small: Some(provider.id.clone()) },
                Cell::Code(provider.issuer),
                Cell::Code(sign_in::redirect_address(viewer.services, &provider.id)),
                Cell::Code(links::back_channel_logout(base, &provider.id)),
                Cell::Acts(vec![test]),
            ])
        })
        .collect();
    let body = if rows.is_empty() {
        Body::Text(vec![say!("settings-none-nobody-can-sign-in").to_owned()])
    } else {
        Body::Table(Table::new(&["Provider", "Issuer", "Redirect address", "Back-channel logout", ""], rows))
    };
    Panel::new(say!("settings-sign-in-providers"), body).note(say!("settings-from-the-configuration")).foot(say!(
        "settings-after-logout-base-value",
        base = base,
        value = links::SIGNED_OUT
    ))
}

/// Where this node listens. Another may listen elsewhere.
fn listeners(viewer: &Viewer<'_>) -> Panel {
    let row = |listener: &ListenerFacts| {
        Row::new(vec![
            Cell::text(listener.name.clone()),
            Cell::Code(listener.place.clone()),
            Cell::text(listener.how),
            match listener.proxies.as_slice() {
                [] => Cell::None(say!("settings-nobody").to_owned()),
                proxies => Cell::Code(proxies.join(", ")),
            },
        ])
    };
    let rows: Vec<Row> = viewer.services.listening.told().iter().map(row).collect();
    let body = if rows.is_empty() {
        Body::Text(vec![say!("settings-this-node-does-not-tell").to_owned()])
    } else {
        Body::Table(Table::new(&["Listener", "Where", "How", "Believed about the client"], rows))
    };
    Panel::new(say!("settings-listeners"), body)
        .note(say!("settings-of-this-node-from-the"))
        .foot(say!("settings-network-rules-name-them"))
}

fn token_keys(keys: &[TokenKeyFacts]) -> Panel {
    let row = |key: &TokenKeyFacts| {
        let (tone, icon, word) = match key.state {
            TokenKeyState::Announced => (Tone::Planned, Icon::Hourglass, say!("settings-announced")),
            TokenKeyState::Signing => (Tone::Good, Icon::Check, say!("settings-signing")),
            TokenKeyState::Retired => (Tone::Plain, Icon::Over, say!("settings-retired")),
        };
        let until = key.published_until.map_or_else(
            || Cell::None(say!("settings-until-another-takes-its-place").to_owned()),
            |until| Cell::Moment(view::moment_millis(until)),
        );
        Row::new(vec![
            Cell::Code(key.key_id.clone()),
            Cell::badge(tone, icon, word),
            Cell::Moment(view::moment_millis(key.signs_from)),
            until,
        ])
    };
    let rows = keys.iter().map(row).collect();
    Panel::new(
        say!("settings-keys-that-sign-tokens"),
        Body::Table(Table::new(&["Key", "State", "Signs from", "Goes"], rows)),
    )
    .note(say!("settings-they-change-by-age-by"))
    .foot(say!("settings-a-new-key-is-published"))
}

fn chain(chain: &ChainStatus) -> Panel {
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let verified = match &chain.verified {
        None => Cell::None(say!("settings-not-yet").to_owned()),
        Some(Verified { at, verdict: Ok(reached) }) => Cell::Badge {
            tone: Tone::Good,
            icon: Icon::Check,
            text: say!("settings-to-position", position = view::grouped(reached.position)),
            small: Some(view::moment_millis(*at).text),
        },
        Some(Verified { verdict: Err(finding), .. }) => Cell::Badge {
            tone: Tone::Bad,
            icon: Icon::Ban,
            text: say!("settings-broken").to_owned(),
            small: Some(finding.clone()),
        },
    };
    let witness = match &chain.witness {
        None => Cell::None(say!("settings-none-told").to_owned()),
        Some(WitnessStanding::Told) => Cell::badge(Tone::Good, Icon::Check, say!("settings-told")),
        Some(WitnessStanding::Behind(why)) => Cell::Badge {
            tone: Tone::Warn,
            icon: Icon::Warning,
            text: say!("settings-behind").to_owned(),
            small: Some(why.clone()),
        },
        Some(WitnessStanding::Contradicts(what)) => Cell::Badge {
            tone: Tone::Bad,
            icon: Icon::Ban,
            text: say!("settings-contradicts").to_owned(),
            small: Some(what.clone()),
        },
    };
    Panel::new(
        say!("settings-audit-log"),
        Body::Facts(vec![
            Fact::text(say!("settings-records"), view::grouped(chain.position)),
            Fact::code(say!("settings-head"), chain.head.clone()),
            Fact::code(say!("settings-public-key"), chain.public_key.clone()),
            fact(say!("settings-verified"), verified),
            fact(say!("settings-witness"), witness),
            fact(say!("settings-stored-data"), frame::stored(chain, true)),
        ]),
    )
    .acts(vec![Act::link(say!("settings-audit"), links::AUDIT, Icon::Records)])
}

/// The root key in use, what a start needs of it, and how it is changed: beside the server, for it must hold no other
/// one meanwhile.
async fn root_key(viewer: &Viewer<'_>) -> Panel {
    fn title() -> &'static str {
        say!("settings-root-key")
    }
    let shown = match viewer.further() {
        Ok(ctx) => viewer.services.admin.root_key(&ctx).await.ok(),
        Err(_) => None,
    };
    let Some(RootKeyShown { fact, vaults, blobs }) = shown else {
        return Panel::new(title(), Body::Text(vec![say!("settings-it-could-not-be-read").to_owned()]));
    };
    let wraps = say!("settings-keys-of-vaults-vaults-the", vaults = vaults, blobs = blobs);
    let facts = match fact {
        Some(fact) => vec![
            Fact::code(say!("settings-in-use"), fact.key_id.clone()),
            Fact::text(say!("settings-provider"), fact.provider.clone()),
            Fact::moment(say!("settings-since"), Some(view::moment_millis(fact.since)), ""),
            Fact::text(say!("settings-wraps"), wraps),
            Fact::text(say!("settings-a-start-needs"), needs(&fact.provider)),
        ],
        None => vec![
            Fact::code(say!("settings-in-use"), viewer.services.keyring.root_key_id()),
            Fact::text(say!("settings-wraps"), wraps),
            Fact::text(say!("settings-a-start-needs"), needs("")),
        ],
    };
    Panel::new(title(), Body::Facts(facts)).note("unsealed")
}

/// What a server needs to unseal itself when it starts, by the provider of its root key.
fn needs(provider: &str) -> &'static str {
    match provider {
        "file" => say!("settings-the-key-file-that-the"),
        "passphrase" => {
            say!("settings-the-passphrase-from-somebody-at")
        }
        "credential" => say!("settings-the-systemd-credential-that-the"),
        "environment" => say!("settings-the-variable-strongroom-root-key"),
        "pkcs11" => say!("settings-the-hardware-token-with-this"),
        _ => say!("settings-the-root-key-from-the"),
    }
}

/// Sealing and another root key, and why no button does it.
fn sealing() -> Panel {
    let command = |label: &str, code: &str| Snippet::new(label, code);
    Panel::new(
        say!("settings-seal-and-rotate"),
        Body::Snippets(vec![
            command(say!("settings-whether-the-root-key-opens"), "strongroom seal status --config FILE"),
            command(say!("settings-wrap-every-key-anew"), "strongroom seal rotate --config FILE"),
        ]),
    )
    .note(say!("settings-on-the-servers-own-machine"))
    .foot(say!("settings-no-button-does-this-every"))
}

/// POST /settings/token-keys/rotate
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why no key can be announced.
pub(super) async fn rotate(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    viewer.services.admin.rotate_token_keys(&viewer.call.ctx, false).await?;
    Ok(redirect(links::SETTINGS.to_owned()))
}

/// GET /settings/token-keys/revoke
///
/// # Errors
/// The gate's denial, or why the keys cannot be read.
pub(super) async fn ask_revoke(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let keys = viewer.services.admin.token_keys(&viewer.call.ctx).await?;
    Ok(revoke_page(viewer, &keys, None).await)
}

/// POST /settings/token-keys/revoke: a new key in the place of all, once it was confirmed.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn revoke(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let is_named = sent.text("confirm") == CONFIRM;
    if let Err(refusal) = refusal::for_good(viewer, &sent, is_named, (say!("settings-revoked-word"), CONFIRM)) {
        let keys = viewer.services.admin.token_keys(&viewer.further()?).await?;
        return Ok(revoke_page(viewer, &keys, Some(&refusal)).await);
    }
    viewer.services.admin.rotate_token_keys(&viewer.call.ctx, true).await?;
    Ok(redirect(links::SETTINGS.to_owned()))
}

async fn revoke_page(viewer: &Viewer<'_>, keys: &[TokenKeyFacts], refusal: Option<&Refusal>) -> Response {
    let form = Form {
        action: links::TOKEN_KEYS_REVOKE.to_owned(),
        csrf_token: Some(viewer.form_token()),
        fields: refusal::for_good_fields(CONFIRM),
        submit: say!("settings-revoke-every-key").to_owned(),
        danger: true,
        cancel_href: Some(links::SETTINGS.to_owned()),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("settings-every-access-token-of-this").to_owned()),
        main: vec![token_keys(keys), Panel::new(say!("settings-confirm"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server("token keys revoke"),
            commands.curl_server("POST", "/api/v1/token/keys/revoke", None),
        ])],
        ..PanelsPage::new(
            viewer.shell(&Place::Installation.below(say!("settings-revoke-token-keys"))).await,
            say!("settings-revoke-the-keys-that-sign"),
        )
    };
    refusal::answer(&page, refusal)
}
