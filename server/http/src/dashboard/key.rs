//! One key: what is known of it, its public part, its versions, and using it in place.

use std::collections::BTreeSet;

use strongroom_crypto::key::{DataAlgorithm, KeySpec, PublicKey, SignAlgorithm};
use strongroom_domain::{
    action::Action,
    gate::Ask,
    key::{KeyAlgorithm, KeyOperation, KeyProperties},
    keys::action_of,
    names::{ObjectKind, ObjectName, VaultName},
    secret::{SecretItem, VaultFacts},
};
use strongroom_web::{
    Act, Body, Cell, Fact, Field, FieldKind, Form, Icon, Panel, PanelsPage, Row, Snippet, Table, Tone, say,
};

use super::{
    Failure,
    frame::{Place, Viewer},
    key_rotation,
    key_uses::{self, Uses},
    kinds::Kind,
    links,
    offers::{Offers, listed},
    refusal::{self, Refusal},
    secret::Named,
    snippets::{self, Commands},
    sort, view,
};
use crate::{message::Response, problem::Problem};

/// What a page can do with a key, in the order of its form. What gives cleartext away is left to programs: no page
/// shows it.
pub(super) const IN_PLACE: [KeyOperation; 4] =
    [KeyOperation::Sign, KeyOperation::Verify, KeyOperation::Encrypt, KeyOperation::WrapKey];

fn words(operation: KeyOperation) -> &'static str {
    match operation {
        KeyOperation::Encrypt => say!("key-encrypt"),
        KeyOperation::Decrypt => say!("key-decrypt"),
        KeyOperation::Sign => say!("key-sign"),
        KeyOperation::Verify => say!("key-verify"),
        KeyOperation::WrapKey => say!("key-wrap-a-key"),
        KeyOperation::UnwrapKey => say!("key-unwrap-a-key"),
    }
}

/// What a key may be used for, as a sentence without an end.
pub(super) fn operations(operations: &BTreeSet<KeyOperation>) -> String {
    match operations.len() {
        0 => say!("key-nothing").to_owned(),
        _ => operations.iter().map(|operation| operation.as_str()).collect::<Vec<_>>().join(", "),
    }
}

/// GET /vaults/{vault}/keys/{name}[/{version}]
///
/// # Errors
/// The gate's denial, or why the key cannot be shown.
pub(super) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, version } = Named::of(viewer)?;
    let shown = viewer.services.keys.show(&viewer.call.ctx, &vault, &name, version.as_ref()).await?;
    page(viewer, &vault, shown, None, None).await
}

/// The page of a key, with what using it gave or why it was refused.
pub(super) async fn page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    (item, facts): (SecretItem, VaultFacts),
    done: Option<Panel>,
    refusal: Option<&Refusal>,
) -> Result<Response, Failure> {
    let properties = item.version.key.clone().ok_or_else(Problem::internal)?;
    let name = &item.secret.name;
    let current = item.secret.current == item.version.version;
    let version = (!current).then(|| item.version.version.clone());
    let place = Place::Key(vault.clone(), name.clone(), version);
    let mut offers = Offers::new(viewer, &place);
    let acts = acts(viewer, &mut offers, vault, &item, current).await;
    let usable = usable(viewer, &mut offers, vault, &item, &properties).await;
    if !usable.refused.is_empty() {
        offers.note(say!("key-this-vault-refuses-operations-by", refused = listed(&usable.refused)));
    }
    let uses = if offers.open(&Ask::server(Action::AuditRead), say!("key-seeing-uses")).await {
        key_uses::by_version(viewer, vault, name).await
    } else {
        None
    };
    // The key of a certificate is renewed with it.
    let rotates = current && !item.secret.managed;
    let rotation = if rotates { key_rotation::panel(viewer, &mut offers, vault, &item).await } else { None };
    let (offered, cannot) = offers.told();
    let mut main: Vec<Panel> = done.into_iter().collect();
    if !usable.operations.is_empty() {
        main.push(use_panel(viewer, vault, &item, &usable, refusal).await);
    }
    let (versions, partial) = Kind::Key.versions(viewer, vault, &item).await;
    main.push(versions_panel(viewer, vault, &item, (versions.as_slice(), uses.as_ref())));
    let mut aside = vec![details(viewer, vault, &item, &properties, facts)];
    aside.extend(rotation);
    if let Some(public) = &properties.public {
        aside.push(public_panel(vault, &item, public));
    }
    aside.push(snippets::panel(commands(viewer, vault, name, &properties, &usable.refused)));
    let (tone, icon, word) = view::state_badge(view::state(&item.version.attributes, viewer.now()));
    let mut badges = vec![(tone, icon, word)];
    if !current {
        badges.push((Tone::Plain, Icon::Undo, say!("key-older-version").to_owned()));
    }
    let page = PanelsPage {
        badges,
        lead: Some(say!(
            "key-properties-key-in-vault-for",
            properties = view::kind_of(&properties),
            vault = vault,
            operations = operations(&properties.operations),
            created = view::moment(item.version.created).text
        )),
        tags: view::tags(&item.version.attributes.tags),
        acts: acts.into_iter().chain(offered).collect(),
        cannot,
        notices: partial.into_iter().collect(),
        main,
        aside,
        ..PanelsPage::new(viewer.shell(&place).await, name.to_string())
    };
    Ok(refusal::answer(&page, refusal))
}

/// What leads on; the offers get what grants let through.
async fn acts(
    viewer: &Viewer<'_>,
    offers: &mut Offers<'_>,
    vault: &VaultName,
    item: &SecretItem,
    current: bool,
) -> Vec<Act> {
    let (name, version) = (&item.secret.name, Some(&item.version.version));
    if item.secret.managed {
        offers.note(Kind::Key.managed_words(name));
        let own = Act::link(say!("key-certificate"), links::certificate(vault, name, version), Icon::Certificate);
        offers.offer(&Kind::Certificate.ask(Action::CertificateGet, vault), own).await;
        return shown_before(vault, name, current);
    }
    let at = |act: &str, version| links::key_act(vault, name, version, act);
    let ask = |action| Ask { version, ..Ask::object(ObjectKind::Key, action, vault, name) };
    offers.offer(&ask(Action::KeyUpdate), Act::link(say!("key-edit"), at("edit", version), Icon::Pencil)).await;
    let (label, act, icon) = match item.version.attributes.enabled {
        true => (say!("key-disable"), "disable", Icon::Off),
        false => (say!("key-enable"), "enable", Icon::Check),
    };
    let switch = Act::post(label, "", at(act, version), &viewer.form_token(), icon);
    offers.offer(&ask(Action::KeyUpdate), switch).await;
    // No backup can hold what is in a hardware token.
    if !item.version.key.as_ref().is_some_and(|key| key.in_token()) {
        let backup = Act::post(say!("key-back-up"), "", at("backup", version), &viewer.form_token(), Icon::Download);
        offers.offer(&Ask::object(ObjectKind::Key, Action::KeyBackup, vault, name), backup).await;
    }
    offers.offer(&ask(Action::KeyDelete), Act::link(say!("key-delete"), at("delete", None), Icon::Trash)).await;
    shown_before(vault, name, current)
}

/// The way to the current version, from another one.
fn shown_before(vault: &VaultName, name: &ObjectName, current: bool) -> Vec<Act> {
    if current {
        return Vec::new();
    }
    vec![Act::link(say!("key-show-the-current-version"), links::key(vault, name, None), Icon::Key)]
}

/// What a page offers to do with a key.
struct Usable {
    /// The operations, each with an algorithm at least.
    operations: Vec<KeyOperation>,
    /// The algorithms, each with what it is for.
    algorithms: Vec<(&'static str, String)>,
    /// The algorithms that would do too, and that the vault refuses.
    refused: Vec<&'static str>,
}

impl Usable {
    fn of(spec: KeySpec, operations: &[KeyOperation], refused: &BTreeSet<KeyAlgorithm>) -> Self {
        let (refused, algorithms): (Vec<_>, Vec<_>) = algorithms(spec, operations)
            .into_iter()
            .partition(|(name, _)| refused.iter().any(|refused| refused.as_str() == *name));
        let takes = |operation: &&KeyOperation| {
            let fitting = self::algorithms(spec, &[**operation]);
            algorithms.iter().any(|(name, _)| fitting.iter().any(|(fitting, _)| fitting == name))
        };
        Self {
            operations: operations.iter().filter(takes).copied().collect(),
            refused: refused.into_iter().map(|(name, _)| name).collect(),
            algorithms,
        }
    }
}

/// Which operations of a page the key is for and this person may do now.
async fn usable(
    viewer: &Viewer<'_>,
    offers: &mut Offers<'_>,
    vault: &VaultName,
    item: &SecretItem,
    properties: &KeyProperties,
) -> Usable {
    let (mut usable, mut refused) = (Vec::new(), BTreeSet::new());
    let enabled = item.version.attributes.enabled;
    for operation in IN_PLACE.into_iter().filter(|operation| enabled && properties.operations.contains(operation)) {
        let version = Some(&item.version.version);
        let ask = Ask { version, ..Ask::object(ObjectKind::Key, action_of(operation), vault, &item.secret.name) };
        if offers.open(&ask, words(operation)).await {
            if usable.is_empty() {
                refused = viewer.services.admin.refused_algorithms(&viewer.call.ctx, &ask).await;
            }
            usable.push(operation);
        }
    }
    Usable::of(properties.spec, &usable, &refused)
}

/// Algorithms of a key for what a page offers, each with what it is for.
fn algorithms(spec: KeySpec, usable: &[KeyOperation]) -> Vec<(&'static str, String)> {
    let signs = usable.iter().any(|operation| matches!(operation, KeyOperation::Sign | KeyOperation::Verify));
    let encrypts = usable.contains(&KeyOperation::Encrypt);
    let wraps = usable.contains(&KeyOperation::WrapKey);
    let signing = SignAlgorithm::ALL.iter().filter(|algorithm| signs && algorithm.fits(spec));
    let signing = signing
        .map(|algorithm| (algorithm.as_str(), say!("key-algorithm-sign-verify", algorithm = algorithm.as_str())));
    let data = DataAlgorithm::ALL.iter().filter(|algorithm| algorithm.fits(spec)).filter_map(|algorithm| {
        let can = [(encrypts && algorithm.encrypts(), "encrypt"), (wraps && algorithm.wraps(), "wrap")];
        let can: Vec<&str> = can.into_iter().filter_map(|(can, word)| can.then_some(word)).collect();
        (!can.is_empty()).then(|| (algorithm.as_str(), format!("{}: {}", algorithm.as_str(), can.join(", "))))
    });
    signing.chain(data).collect()
}

async fn use_panel(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    item: &SecretItem,
    usable: &Usable,
    refusal: Option<&Refusal>,
) -> Panel {
    let operations: Vec<(&str, &str)> =
        usable.operations.iter().map(|operation| (operation.as_str(), words(*operation))).collect();
    let algorithms: Vec<(&str, &str)> = usable.algorithms.iter().map(|(name, label)| (*name, label.as_str())).collect();
    let first = |options: &[(&'static str, &str)]| options.first().map_or("", |(name, _)| *name);
    let mut fields = vec![
        Field::choice("operation", say!("key-operation"), &operations, operations.first().map_or("", |(name, _)| name)),
        Field::choice("algorithm", say!("key-algorithm"), &algorithms, first(&algorithms)),
        Field::new("input", say!("key-text"), FieldKind::Secret)
            .required()
            .hint(say!("key-what-is-signed-verified-encrypted")),
        Field::check("encoded", say!("key-the-text-is-bytes-in"), false),
    ];
    if usable.operations.contains(&KeyOperation::Verify) {
        fields.push(
            Field::lines("signature", say!("key-signature-to-verify"), "", 2)
                .hint(say!("key-in-base64url-as-signing-gave")),
        );
    }
    let form = Form {
        action: links::key_act(vault, &item.secret.name, Some(&item.version.version), "use"),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("key-use-the-key").to_owned(),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    Panel::new(say!("key-use-it"), Body::Form(form))
        .note(say!("key-each-use-is-judged-and"))
        .foot(say!("key-decrypting-and-unwrapping-give-cleartext"))
}

fn versions_panel(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    shown: &SecretItem,
    (versions, uses): (&[SecretItem], Option<&Uses>),
) -> Panel {
    let row = |item: &SecretItem| {
        let (tone, icon, text) = view::state_badge(view::state(&item.version.attributes, viewer.now()));
        let version = &item.version;
        let current = (version.version == item.secret.current).then(|| say!("key-current").to_owned());
        let mut cells = vec![
            Cell::Link {
                text: version.version.to_string(),
                href: links::key(vault, &item.secret.name, Some(&version.version)),
                small: current,
            },
            Cell::Badge { tone, icon, text, small: None },
            Cell::text(version.key.as_ref().map(|key| view::kind_of(key)).unwrap_or_default()),
            Cell::Moment(view::moment(version.created)),
        ];
        cells.extend(uses.into_iter().flat_map(|uses| uses.cells(version.version.as_str())));
        Row { cells, marked: version.version == shown.version.version }
    };
    let rows = versions.iter().map(row).collect();
    let columns: &[&str] = match uses {
        Some(_) => &["Version", "State", "Kind", "Created", "Uses, 24 h", "Last used"],
        None => &["Version", "State", "Kind", "Created"],
    };
    let table = Table::new(columns, rows);
    sort::panel(viewer, say!("key-versions"), "versions", table, Some(say!("key-newest-first")))
}

fn details(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    item: &SecretItem,
    properties: &KeyProperties,
    facts: VaultFacts,
) -> Panel {
    let (name, version) = (&item.secret.name, &item.version);
    let attributes = &version.attributes;
    Panel::new(
        say!("key-details"),
        Body::Facts(vec![
            Fact::code(
                say!("key-identifier"),
                viewer.services.addresses.object("keys", vault, name, Some(&version.version)),
            ),
            Fact::text(say!("key-kind"), view::kind_of(properties)),
            Fact::text(say!("key-for"), operations(&properties.operations)),
            Fact::text(
                say!("key-private-part"),
                if properties.in_token() {
                    say!("key-never-leaves-the-hardware-token")
                } else if properties.exportable {
                    say!("key-goes-out-with-the-secret")
                } else {
                    say!("key-never-leaves-this-vault")
                },
            ),
            Fact::moment(say!("key-created"), Some(view::moment(version.created)), ""),
            Fact::moment(say!("key-updated"), Some(view::moment(version.updated)), ""),
            Fact::moment(say!("key-not-before"), attributes.not_before.map(view::moment), say!("key-not-set")),
            Fact::moment(say!("key-expires"), attributes.expires.map(view::moment), say!("key-never")),
            Fact::text(say!("key-deletion"), view::recovery(facts)),
        ]),
    )
    .foot(say!("key-the-identifier-is-what-clients"))
}

/// The public part in the forms that other programs read.
fn public_panel(vault: &VaultName, item: &SecretItem, public: &PublicKey) -> Panel {
    let path = links::key_act(vault, &item.secret.name, Some(&item.version.version), "public");
    let saved = ["pem", "jwk"]
        .map(|form| Act::link(&form.to_uppercase(), links::asked(&path, &[("as", Some(form))]), Icon::Download));
    let mut forms =
        vec![Snippet::new(say!("key-json-web-key"), serde_json::to_string_pretty(public).unwrap_or_default())];
    if let Ok(pem) = public.pem() {
        forms.push(Snippet::new("PEM", pem));
    }
    if let Some((kind, bytes)) = public.ssh() {
        forms.push(Snippet::new(say!("key-openssh"), format!("{kind} {}", data_encoding::BASE64.encode(&bytes))));
    }
    Panel::new(say!("key-public-part"), Body::Snippets(forms)).note(say!("key-not-a-secret")).acts(saved.into())
}

fn commands(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    name: &ObjectName,
    properties: &KeyProperties,
    refused: &[&str],
) -> Vec<Snippet> {
    let commands = Commands::of_vault(viewer.services, vault);
    let (verb, usual) = match properties.spec {
        KeySpec::Oct { bits } => ("encrypt", format!("A{bits}GCM")),
        KeySpec::Rsa { .. } => ("sign", "PS256".to_owned()),
        KeySpec::Ec { .. } => ("sign", String::new()),
    };
    let signing = SignAlgorithm::ALL.iter().filter(|algorithm| algorithm.fits(properties.spec) && verb == "sign");
    let others = signing.map(|algorithm| algorithm.as_str());
    let fitting = std::iter::once(usual.as_str()).chain(others).find(|one| !one.is_empty() && !refused.contains(one));
    let used =
        fitting.map(|algorithm| commands.vault(&format!("key {verb} {name} --algorithm {algorithm} --file FILE")));
    used.into_iter().chain([commands.curl_vault("GET", &format!("/keys/{name}"), None)]).collect()
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::key::Curve;

    use super::*;

    #[test]
    fn what_a_vault_refuses_is_not_offered_and_neither_is_an_operation_that_nothing_is_left_for() {
        let refused = |names: &[&str]| names.iter().map(|name| KeyAlgorithm::parse(name).unwrap()).collect();
        let rsa = KeySpec::Rsa { bits: 2048 };
        let usable = Usable::of(rsa, &IN_PLACE, &refused(&["RSA1_5", "A128CBC", "RSA-OAEP"]));
        assert_eq!(usable.refused, ["RSA1_5", "RSA-OAEP"], "of those that fit the key");
        assert!(usable.operations == IN_PLACE && usable.algorithms.iter().any(|(name, _)| *name == "RSA-OAEP-256"));
        let usable = Usable::of(rsa, &IN_PLACE, &refused(&["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"]));
        assert_eq!(usable.operations, [KeyOperation::Sign, KeyOperation::Verify]);
        let none = Usable::of(KeySpec::Ec { crv: Curve::P256 }, &IN_PLACE, &refused(&["ES256"]));
        assert!(none.operations.is_empty() && none.algorithms.is_empty());
    }

    #[test]
    fn algorithms_are_those_of_the_key_and_of_what_is_offered() {
        let names = |spec, usable: &[KeyOperation]| -> Vec<&str> {
            algorithms(spec, usable).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(KeySpec::Ec { crv: Curve::P256K }, &IN_PLACE), ["ES256K"]);
        assert_eq!(names(KeySpec::Oct { bits: 256 }, &[KeyOperation::WrapKey]), ["A256KW"]);
        assert_eq!(
            names(KeySpec::Rsa { bits: 2048 }, &[KeyOperation::Encrypt]),
            ["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"]
        );
        assert!(names(KeySpec::Oct { bits: 128 }, &[]).is_empty());
    }
}
