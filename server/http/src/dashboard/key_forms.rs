//! Forms that make, change and use keys. A text to be signed or encrypted goes in by a form and never comes back by
//! one.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use strongroom_crypto::{
    Plaintext,
    key::{Curve, DataAlgorithm, KeySpec, SignAlgorithm},
};
use strongroom_domain::{
    action::Action,
    key::KeyOperation,
    keys::{Cleartext, KeyAt, KeyRequest, Sealing},
    names::{ObjectName, VaultName},
    secret::{AttributePatch, SecretAttributes},
};
use strongroom_web::{Body, Fact, Field, FieldKind, Form, Panel, PanelsPage, say};
use zeroize::Zeroizing;

use super::{
    Failure,
    form::{LONG, SHORT, Sent},
    frame::{Place, Viewer},
    key, links, redirect,
    refusal::{self, AsOf, Refusal},
    secret::Named,
    secret_forms::{Draft, attributes, vault},
    snippets::{self, Commands},
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Kinds of keys to choose from: what is sent, what is shown.
fn kinds() -> [(&'static str, &'static str); 10] {
    [
        ("EC P-256", say!("key-forms-ec-p-256-signs-small")),
        ("EC P-384", say!("key-forms-ec-p-384-signs")),
        ("EC P-521", say!("key-forms-ec-p-521-signs")),
        ("EC P-256K", say!("key-forms-ec-p-256k-secp256k1-signs")),
        ("RSA 2048", say!("key-forms-rsa-2048-signs-encrypts-wraps")),
        ("RSA 3072", say!("key-forms-rsa-3072-signs-encrypts-wraps")),
        ("RSA 4096", say!("key-forms-rsa-4096-signs-encrypts-wraps")),
        ("oct 256", say!("key-forms-oct-256-encrypts-and-wraps")),
        ("oct 192", say!("key-forms-oct-192-encrypts-and-wraps")),
        ("oct 128", say!("key-forms-oct-128-encrypts-and-wraps")),
    ]
}

/// Those that are made in the hardware token, where there is one.
fn hardware_kinds() -> [(&'static str, &'static str); 10] {
    [
        ("EC-HSM P-256", say!("key-forms-ec-hsm-p-256-signs")),
        ("EC-HSM P-384", say!("key-forms-ec-hsm-p-384-signs")),
        ("EC-HSM P-521", say!("key-forms-ec-hsm-p-521-signs")),
        ("EC-HSM P-256K", say!("key-forms-ec-hsm-p-256k-secp256k1")),
        ("RSA-HSM 2048", say!("key-forms-rsa-hsm-2048-signs-encrypts")),
        ("RSA-HSM 3072", say!("key-forms-rsa-hsm-3072-signs-encrypts")),
        ("RSA-HSM 4096", say!("key-forms-rsa-hsm-4096-signs-encrypts")),
        ("oct-HSM 256", say!("key-forms-oct-hsm-256-encrypts-and")),
        ("oct-HSM 192", say!("key-forms-oct-hsm-192-encrypts-and")),
        ("oct-HSM 128", say!("key-forms-oct-hsm-128-encrypts-and")),
    ]
}

/// What kind of key, and whether in the hardware token.
pub(super) fn spec(kind: &str) -> Option<(KeySpec, bool)> {
    let (kty, size) = kind.split_once(' ')?;
    let (kty, hardware) = kty.strip_suffix("-HSM").map_or((kty, false), |kty| (kty, true));
    let spec = match kty {
        "EC" => Curve::ALL.into_iter().find(|curve| curve.as_str() == size).map(|crv| KeySpec::Ec { crv }),
        "RSA" => KeySpec::rsa(size.parse().ok()?),
        "oct" => KeySpec::oct(size.parse().ok()?),
        _ => None,
    };
    Some((spec?, hardware))
}

/// The fields that keys share with secrets, in the words of keys.
pub(super) fn common_fields(draft: Draft) -> impl Iterator<Item = Field> {
    draft.fields().into_iter().filter(|field| field.name != "content_type").map(|field| match field.name.as_str() {
        "expires" => field.hint(say!("key-forms-from-then-on-it-signs")),
        "enabled" => field.hint(say!("key-forms-nobody-can-use-a-disabled")),
        _ => field,
    })
}

/// GET /vaults/{vault}/new-key
///
/// # Errors
/// 404 for what is no vault's name.
pub(super) async fn new_key(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    Ok(new_key_page(viewer, &vault, Draft::empty(), (kinds()[0].0, &BTreeSet::new()), None).await)
}

/// POST /vaults/{vault}/new-key
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn create(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let vault = vault(viewer)?;
    let operations = ticked_operations(&sent);
    match try_create(viewer, &vault, &sent, &operations).await {
        Ok(name) => Ok(redirect(links::key(&vault, &name, None))),
        Err(failure) => {
            let refusal = Refusal::of(failure)?;
            let made_of = (sent.text("kind"), &operations);
            Ok(new_key_page(viewer, &vault, Draft::of_sent(&sent), made_of, Some(&refusal)).await)
        }
    }
}

async fn try_create(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    sent: &Sent,
    operations: &BTreeSet<KeyOperation>,
) -> Result<ObjectName, Failure> {
    let name = ObjectName::parse(sent.text("name")).map_err(|error| Problem::bad_parameter(format!("{error}.")))?;
    let (spec, hardware) =
        spec(sent.text("kind")).ok_or_else(|| Problem::bad_parameter(say!("key-forms-there-is-no-such-kind")))?;
    let attributes = attributes(sent)?;
    // A form says "new": what is there already gets no new version by it.
    let words = say!("key-forms-there-is-a-key-name", name = name);
    if viewer.services.keys.show(&viewer.further()?, vault, &name, None).await.is_ok() {
        return Err(Problem { status: 409, reason: "exists", ..Problem::bad_parameter(words) }.into());
    }
    let operations = (!operations.is_empty()).then(|| operations.clone());
    let wanted = KeyRequest { spec, hardware, operations };
    refusal::hold_new(viewer, Action::KeyCreate);
    let made = viewer.services.keys.create(&viewer.call.ctx, vault, &name, &wanted, &attributes).await;
    made.map(|(item, _)| item.secret.name).map_err(|error| refusal::or_taken(error.into(), &words))
}

async fn new_key_page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    draft: Draft,
    (kind, operations): (&str, &BTreeSet<KeyOperation>),
    refusal: Option<&Refusal>,
) -> Response {
    let place = Place::Keys(vault.clone()).below(say!("key-forms-new-key"));
    let mut kinds = kinds().to_vec();
    if viewer.services.keys.has_token() {
        kinds.extend(hardware_kinds());
    }
    let mut fields = vec![
        Field::line("name", say!("key-forms-name"), draft.name.clone(), 127)
            .required()
            .hint(say!("key-forms-1-to-127-letters-digits")),
        Field::choice("kind", say!("key-forms-kind"), &kinds, kind),
    ];
    fields.extend(operation_fields(operations));
    fields.extend(common_fields(draft));
    let form = Form {
        action: links::in_vault(vault, "new-key", &[]),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("key-forms-create-key").to_owned(),
        cancel_href: Some(links::keys(vault)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let body = r#"{"kty":"EC","crv":"P-256"}"#;
    let page = PanelsPage {
        lead: Some(say!("key-forms-it-is-made-in-this").to_owned()),
        main: vec![Panel::new(say!("key-forms-key"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.vault("key create NAME --type EC --curve P-256"),
            commands.vault("key import NAME --file FILE"),
            commands.curl_vault("POST", "/keys/NAME/create", Some(body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("key-forms-new-key-in-vault", vault = vault))
    };
    refusal::answer(&page, refusal)
}

/// The boxes of what a new key may be used for.
pub(super) fn operation_fields(ticked: &BTreeSet<KeyOperation>) -> impl Iterator<Item = Field> {
    KeyOperation::ALL.into_iter().enumerate().map(move |(index, operation)| {
        let label = say!("key-forms-may-be-used-to-operation", operation = operation.as_str());
        let field = Field::check(&operation_field(operation), &label, ticked.contains(&operation));
        if index == 0 { field.hint(say!("key-forms-none-ticked-whatever-a-key")) } else { field }
    })
}

/// The operations that are ticked in a form.
pub(super) fn ticked_operations(sent: &Sent) -> BTreeSet<KeyOperation> {
    KeyOperation::ALL.into_iter().filter(|operation| sent.ticked(&operation_field(*operation))).collect()
}

/// The field of an operation in the forms that make and change a key.
fn operation_field(operation: KeyOperation) -> String {
    format!("op-{}", operation.as_str())
}

/// GET /vaults/{vault}/keys/{name}/{version}/edit
///
/// # Errors
/// The gate's denial, or why the version cannot be shown.
pub(super) async fn edit(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let named = Named::of(viewer)?;
    let (item, _) =
        viewer.services.keys.show(&viewer.call.ctx, &named.vault, &named.name, named.version.as_ref()).await?;
    let properties = item.version.key.as_ref().ok_or_else(Problem::internal)?;
    let (draft, as_of) = (Draft::of(&item.version.attributes), AsOf::of(item.secret.revision));
    Ok(edit_page(viewer, &named, (draft, as_of), properties.spec, &properties.operations, None).await)
}

/// POST /vaults/{vault}/keys/{name}/{version}/edit
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn change(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let named = Named::of(viewer)?;
    let operations = ticked_operations(&sent);
    let change = async {
        let SecretAttributes { enabled, not_before, expires, tags, .. } = attributes(&sent)?;
        let tags = sent.given("tags-shown").map(|_| tags);
        let patch = AttributePatch { enabled: Some(enabled), not_before, expires, tags, ..AttributePatch::default() };
        refusal::hold(viewer, &sent, Action::KeyUpdate);
        update(viewer, &named, &patch, Some(&operations)).await
    };
    match change.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?.keeping();
            let look = viewer.further()?;
            let (item, _) = viewer.services.keys.show(&look, &named.vault, &named.name, named.version.as_ref()).await?;
            let properties = item.version.key.as_ref().ok_or_else(Problem::internal)?;
            let as_of = if refusal.is_late() {
                let stored = Draft::of(&item.version.attributes);
                AsOf::late(item.secret.revision, edit_fields(stored, properties.spec, &properties.operations))
            } else {
                AsOf::of_sent(&sent)
            };
            let draft = (Draft::of_sent(&sent), as_of);
            Ok(edit_page(viewer, &named, draft, properties.spec, &operations, Some(&refusal)).await)
        }
    }
}

/// POST /vaults/{vault}/keys/{name}/{version}/enable and /disable
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn switch(viewer: &Viewer<'_>, request: &Request, enabled: bool) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let named = Named::of(viewer)?;
    let patch = AttributePatch { enabled: Some(enabled), ..AttributePatch::default() };
    Ok(redirect(update(viewer, &named, &patch, None).await?))
}

async fn update(
    viewer: &Viewer<'_>,
    named: &Named,
    patch: &AttributePatch,
    operations: Option<&BTreeSet<KeyOperation>>,
) -> Result<String, Failure> {
    let Named { vault, name, version } = named;
    let ctx = &viewer.call.ctx;
    let (item, _) = viewer.services.keys.update(ctx, vault, name, version.as_ref(), patch, operations).await?;
    let shown = (item.secret.current != item.version.version).then_some(&item.version.version);
    Ok(links::key(vault, &item.secret.name, shown))
}

fn edit_fields(draft: Draft, spec: KeySpec, held: &BTreeSet<KeyOperation>) -> Vec<Field> {
    let mut fields: Vec<Field> = KeyOperation::possible(spec)
        .into_iter()
        .map(|operation| {
            let label = say!("key-forms-may-be-used-to-operation", operation = operation.as_str());
            Field::check(&operation_field(operation), &label, held.contains(&operation))
        })
        .collect();
    fields.extend(common_fields(draft));
    if fields.iter().any(|field| matches!(field.kind, FieldKind::Pairs(_))) {
        fields.push(Field::hidden("tags-shown", "yes"));
    }
    fields
}

async fn edit_page(
    viewer: &Viewer<'_>,
    named: &Named,
    (draft, as_of): (Draft, AsOf),
    spec: KeySpec,
    held: &BTreeSet<KeyOperation>,
    refusal: Option<&Refusal>,
) -> Response {
    let Named { vault, name, version } = named;
    let place = Place::Key(vault.clone(), name.clone(), version.clone()).below(say!("key-forms-edit"));
    let mut fields = edit_fields(draft, spec, held);
    fields.push(as_of.field());
    let form = Form {
        action: links::key_act(vault, name, version.as_ref(), "edit"),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("key-forms-save").to_owned(),
        cancel_href: Some(links::key(vault, name, version.as_ref())),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let path = version.as_ref().map_or_else(|| format!("/keys/{name}"), |version| format!("/keys/{name}/{version}"));
    let listed: Vec<&str> = held.iter().map(|operation| operation.as_str()).collect();
    let body = serde_json::json!({ "key_ops": listed }).to_string();
    let of_version = version.as_ref().map(|version| format!(" --version {version}")).unwrap_or_default();
    let said: String = listed.iter().map(|operation| format!(" --op {operation}")).collect();
    let page = PanelsPage {
        lead: Some(say!("key-forms-a-date-that-is-set").to_owned()),
        main: [Panel::new(say!("key-forms-attributes"), Body::Form(form))].into_iter().chain(as_of.panel()).collect(),
        aside: vec![snippets::panel(vec![
            commands.vault(&format!("key update {name}{of_version}{said}")),
            commands.curl_vault("PATCH", &path, Some(&body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("key-forms-attributes-of-name", name = name))
    };
    refusal::answer(&page, refusal)
}

/// POST /vaults/{vault}/keys/{name}/{version}/use: one operation, and the page with what came of it.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why the key cannot be used.
pub(super) async fn use_it(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let named = Named::of(viewer)?;
    let (done, refusal) = match operate(viewer, &named, &sent).await {
        Ok(done) => (Some(done), None),
        Err(failure) => (None, Some(Refusal::of(failure)?)),
    };
    // The page around it is a read of its own.
    let look = viewer.further()?;
    let shown = viewer.services.keys.show(&look, &named.vault, &named.name, named.version.as_ref()).await?;
    key::page(viewer, &named.vault, shown, done, refusal.as_ref()).await
}

fn decoded(text: &str, what: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    BASE64URL_NOPAD
        .decode(text.trim().trim_end_matches('=').as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| Problem::bad_parameter(say!("key-forms-what-is-not-base64url", what = what)))
}

async fn operate(viewer: &Viewer<'_>, named: &Named, sent: &Sent) -> Result<Panel, Failure> {
    let given = sent.secret("input");
    let bytes = match sent.ticked("encoded") {
        true => decoded(given.expose(), say!("key-forms-the-text"))?,
        false => Zeroizing::new(given.expose().as_bytes().to_vec()),
    };
    let operation = KeyOperation::parse(sent.text("operation")).filter(|operation| key::IN_PLACE.contains(operation));
    let operation = operation.ok_or_else(|| Problem::bad_parameter(say!("key-forms-a-page-offers-no-such")))?;
    let name = sent.text("algorithm");
    let at = KeyAt { vault: &named.vault, name: &named.name, version: named.version.as_ref() };
    let (keys, ctx) = (&viewer.services.keys, &viewer.call.ctx);
    let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let facts = match operation {
        KeyOperation::Sign | KeyOperation::Verify => {
            let algorithm = SignAlgorithm::parse(name).ok_or_else(|| {
                Problem::bad_parameter(say!("key-forms-name-neither-signs-nor-verifies", name = name))
            })?;
            let digest = algorithm.digest_of(bytes.as_slice()).map_err(|_| Problem::internal())?;
            let shown = Fact::code(say!("key-forms-digest"), text(&digest));
            if operation == KeyOperation::Sign {
                let (_, signature) = keys.sign(ctx, at, algorithm, digest).await?;
                vec![shown, Fact::code(say!("key-forms-signature"), text(&signature))]
            } else {
                let signature = decoded(sent.text("signature"), say!("key-forms-the-signature"))?.to_vec();
                let (_, good) = keys.verify(ctx, at, algorithm, digest, signature).await?;
                let verdict = if good {
                    say!("key-forms-this-keys-over-this-text")
                } else {
                    say!("key-forms-not-this-keys-over-this")
                };
                vec![shown, Fact::text(say!("key-forms-signature"), verdict)]
            }
        }
        _ => {
            let algorithm = DataAlgorithm::parse(name).ok_or_else(|| {
                Problem::bad_parameter(say!("key-forms-name-neither-encrypts-nor-wraps", name = name))
            })?;
            let sealing = if operation == KeyOperation::WrapKey { Sealing::Key } else { Sealing::Data };
            let cleartext = Cleartext { value: Plaintext::from_slice(&bytes), iv: None, aad: None };
            let (_, sealed) = keys.encrypt(ctx, at, sealing, algorithm, cleartext).await?;
            let more = [(say!("key-forms-initialization-vector"), &sealed.iv), (say!("key-forms-tag"), &sealed.tag)];
            let more = more.into_iter().filter_map(|(name, bytes)| Some(Fact::code(name, text(bytes.as_deref()?))));
            std::iter::once(Fact::code(say!("key-forms-ciphertext"), text(&sealed.value))).chain(more).collect()
        }
    };
    let mut facts: Vec<Fact> = facts;
    facts.insert(0, Fact::text(say!("key-forms-algorithm"), name));
    facts.push(Fact::code(say!("key-forms-recorded-as"), ctx.request_id.to_string()));
    Ok(Panel::new(say!("key-forms-result"), Body::Facts(facts)).note(say!("key-forms-bytes-in-base64url")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_is_offered_is_one() {
        for (kind, label) in kinds().into_iter().chain(hardware_kinds()) {
            let (spec, hardware) = spec(kind).unwrap();
            let plain = kind.replace("-HSM", "");
            assert_eq!((super::super::view::key_kind(spec), hardware), (plain.clone(), plain != kind));
            assert!(label.starts_with(kind));
        }
        for other in ["", "EC", "EC P-224", "RSA 1024", "oct 1", "oct x", "RSA-HSM", "RSA-HSM 1024"] {
            assert_eq!(spec(other), None, "{other}");
        }
    }
}
