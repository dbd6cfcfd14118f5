//! Forms that make, change and use keys. A text to be signed or encrypted goes in by a form and never comes back by
//! one.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use strongroom_crypto::{
    Plaintext,
    key::{Curve, DataAlgorithm, KeySpec, SignAlgorithm},
};
use strongroom_domain::{
    key::KeyOperation,
    keys::{Cleartext, KeyAt, KeyRequest, Sealing},
    names::{ObjectName, VaultName},
    secret::{AttributePatch, SecretAttributes},
};
use strongroom_web::{Body, Fact, Field, FieldKind, Form, Panel, PanelsPage};
use zeroize::Zeroizing;

use super::{
    Failure,
    form::{LONG, SHORT, Sent},
    frame::{Place, Viewer},
    key, links, redirect,
    refusal::{self, Refusal},
    secret::Named,
    secret_forms::{Draft, attributes, vault},
    snippets::{self, Commands},
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Kinds of keys to choose from: what is sent, what is shown.
const KINDS: [(&str, &str); 10] = [
    ("EC P-256", "EC P-256: signs, small and fast"),
    ("EC P-384", "EC P-384: signs"),
    ("EC P-521", "EC P-521: signs"),
    ("EC P-256K", "EC P-256K (secp256k1): signs"),
    ("RSA 2048", "RSA 2048: signs, encrypts, wraps"),
    ("RSA 3072", "RSA 3072: signs, encrypts, wraps"),
    ("RSA 4096", "RSA 4096: signs, encrypts, wraps"),
    ("oct 256", "oct 256: encrypts and wraps with AES"),
    ("oct 192", "oct 192: encrypts and wraps with AES"),
    ("oct 128", "oct 128: encrypts and wraps with AES"),
];

/// Those that are made in the hardware token, where there is one.
const HARDWARE_KINDS: [(&str, &str); 10] = [
    ("EC-HSM P-256", "EC-HSM P-256: signs, in the hardware token"),
    ("EC-HSM P-384", "EC-HSM P-384: signs, in the hardware token"),
    ("EC-HSM P-521", "EC-HSM P-521: signs, in the hardware token"),
    ("EC-HSM P-256K", "EC-HSM P-256K (secp256k1): signs, in the hardware token"),
    ("RSA-HSM 2048", "RSA-HSM 2048: signs, encrypts, wraps, in the hardware token"),
    ("RSA-HSM 3072", "RSA-HSM 3072: signs, encrypts, wraps, in the hardware token"),
    ("RSA-HSM 4096", "RSA-HSM 4096: signs, encrypts, wraps, in the hardware token"),
    ("oct-HSM 256", "oct-HSM 256: encrypts and wraps with AES, in the hardware token"),
    ("oct-HSM 192", "oct-HSM 192: encrypts and wraps with AES, in the hardware token"),
    ("oct-HSM 128", "oct-HSM 128: encrypts and wraps with AES, in the hardware token"),
];

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
fn common_fields(draft: Draft) -> impl Iterator<Item = Field> {
    draft.fields().into_iter().filter(|field| field.name != "content_type").map(|field| match field.name.as_str() {
        "expires" => field.hint("From then on it signs, encrypts and wraps no more; it still verifies and decrypts."),
        "enabled" => field.hint("Nobody can use a disabled version; what is known of it can still be read."),
        _ => field,
    })
}

/// GET /vaults/{vault}/new-key
///
/// # Errors
/// 404 for what is no vault's name.
pub(super) async fn new_key(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    Ok(new_key_page(viewer, &vault, Draft::empty(), (KINDS[0].0, &BTreeSet::new()), None).await)
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
        spec(sent.text("kind")).ok_or_else(|| Problem::bad_parameter("There is no such kind of key."))?;
    let attributes = attributes(sent)?;
    // A form says "new": what is there already gets no new version by it.
    if viewer.services.keys.show(&viewer.further()?, vault, &name, None).await.is_ok() {
        let words = format!("There is a key {name} already.");
        return Err(Problem { status: 409, reason: "exists", ..Problem::bad_parameter(words) }.into());
    }
    let operations = (!operations.is_empty()).then(|| operations.clone());
    let wanted = KeyRequest { spec, hardware, operations };
    let (item, _) = viewer.services.keys.create(&viewer.call.ctx, vault, &name, &wanted, &attributes).await?;
    Ok(item.secret.name)
}

async fn new_key_page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    draft: Draft,
    (kind, operations): (&str, &BTreeSet<KeyOperation>),
    refusal: Option<&Refusal>,
) -> Response {
    let place = Place::Keys(vault.clone()).below("New key");
    let mut kinds = KINDS.to_vec();
    if viewer.services.keys.has_token() {
        kinds.extend(HARDWARE_KINDS);
    }
    let mut fields = vec![
        Field::line("name", "Name", draft.name.clone(), 127)
            .required()
            .hint("1 to 127 letters, digits and hyphens. Names stay: a key cannot be renamed."),
        Field::choice("kind", "Kind", &kinds, kind),
    ];
    fields.extend(KeyOperation::ALL.into_iter().enumerate().map(|(index, operation)| {
        let label = format!("May be used to {}", operation.as_str());
        let field = Field::check(&operation_field(operation), &label, operations.contains(&operation));
        if index == 0 {
            field.hint("None ticked: whatever a key of the kind can. It can be narrowed later too.")
        } else {
            field
        }
    }));
    fields.extend(common_fields(draft));
    let form = Form {
        action: links::in_vault(vault, "new-key", &[]),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: "Create key".to_owned(),
        cancel_href: Some(links::keys(vault)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let body = r#"{"kty":"EC","crv":"P-256"}"#;
    let page = PanelsPage {
        lead: Some("It is made in this vault, and its private part never leaves it.".to_owned()),
        main: vec![Panel::new("Key", Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.vault("key create NAME --type EC --curve P-256"),
            commands.vault("key import NAME --file FILE"),
            commands.curl_vault("POST", "/keys/NAME/create", Some(body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, format!("New key in {vault}"))
    };
    refusal::answer(&page, refusal)
}

/// The operations that are ticked in a form.
fn ticked_operations(sent: &Sent) -> BTreeSet<KeyOperation> {
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
    let draft = Draft::of(&item.version.attributes);
    Ok(edit_page(viewer, &named, draft, properties.spec, &properties.operations, None).await)
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
        let patch = AttributePatch { enabled: Some(enabled), not_before, expires, content_type: None, tags };
        update(viewer, &named, &patch, Some(&operations)).await
    };
    match change.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?;
            let look = viewer.further()?;
            let (item, _) = viewer.services.keys.show(&look, &named.vault, &named.name, named.version.as_ref()).await?;
            let spec = item.version.key.as_ref().ok_or_else(Problem::internal)?.spec;
            Ok(edit_page(viewer, &named, Draft::of_sent(&sent), spec, &operations, Some(&refusal)).await)
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

async fn edit_page(
    viewer: &Viewer<'_>,
    named: &Named,
    draft: Draft,
    spec: KeySpec,
    held: &BTreeSet<KeyOperation>,
    refusal: Option<&Refusal>,
) -> Response {
    let Named { vault, name, version } = named;
    let place = Place::Key(vault.clone(), name.clone(), version.clone()).below("Edit");
    let mut fields: Vec<Field> = KeyOperation::possible(spec)
        .into_iter()
        .map(|operation| {
            let label = format!("May be used to {}", operation.as_str());
            Field::check(&operation_field(operation), &label, held.contains(&operation))
        })
        .collect();
    fields.extend(common_fields(draft));
    if fields.iter().any(|field| matches!(field.kind, FieldKind::Pairs(_))) {
        fields.push(Field::hidden("tags-shown", "yes"));
    }
    let form = Form {
        action: links::key_act(vault, name, version.as_ref(), "edit"),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: "Save".to_owned(),
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
        lead: Some("A date that is set can be moved and not taken away: an empty field changes nothing.".to_owned()),
        main: vec![Panel::new("Attributes", Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.vault(&format!("key update {name}{of_version}{said}")),
            commands.curl_vault("PATCH", &path, Some(&body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, format!("Attributes of {name}"))
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
        .map_err(|_| Problem::bad_parameter(format!("{what} is not base64url.")))
}

async fn operate(viewer: &Viewer<'_>, named: &Named, sent: &Sent) -> Result<Panel, Failure> {
    let given = sent.secret("text");
    let bytes = match sent.ticked("encoded") {
        true => decoded(given.expose(), "The text")?,
        false => Zeroizing::new(given.expose().as_bytes().to_vec()),
    };
    let operation = KeyOperation::parse(sent.text("operation")).filter(|operation| key::IN_PLACE.contains(operation));
    let operation = operation.ok_or_else(|| Problem::bad_parameter("A page offers no such operation."))?;
    let name = sent.text("algorithm");
    let at = KeyAt { vault: &named.vault, name: &named.name, version: named.version.as_ref() };
    let (keys, ctx) = (&viewer.services.keys, &viewer.call.ctx);
    let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let facts = match operation {
        KeyOperation::Sign | KeyOperation::Verify => {
            let algorithm = SignAlgorithm::parse(name)
                .ok_or_else(|| Problem::bad_parameter(format!("{name} neither signs nor verifies.")))?;
            let digest = algorithm.digest_of(bytes.as_slice()).map_err(|_| Problem::internal())?;
            let shown = Fact::code("Digest", text(&digest));
            if operation == KeyOperation::Sign {
                let (_, signature) = keys.sign(ctx, at, algorithm, digest).await?;
                vec![shown, Fact::code("Signature", text(&signature))]
            } else {
                let signature = decoded(sent.text("signature"), "The signature")?.to_vec();
                let (_, good) = keys.verify(ctx, at, algorithm, digest, signature).await?;
                let verdict = if good { "This key's, over this text" } else { "Not this key's over this text" };
                vec![shown, Fact::text("Signature", verdict)]
            }
        }
        _ => {
            let algorithm = DataAlgorithm::parse(name)
                .ok_or_else(|| Problem::bad_parameter(format!("{name} neither encrypts nor wraps.")))?;
            let sealing = if operation == KeyOperation::WrapKey { Sealing::Key } else { Sealing::Data };
            let cleartext = Cleartext { value: Plaintext::from_slice(&bytes), iv: None, aad: None };
            let (_, sealed) = keys.encrypt(ctx, at, sealing, algorithm, cleartext).await?;
            let more = [("Initialization vector", &sealed.iv), ("Tag", &sealed.tag)];
            let more = more.into_iter().filter_map(|(name, bytes)| Some(Fact::code(name, text(bytes.as_deref()?))));
            std::iter::once(Fact::code("Ciphertext", text(&sealed.value))).chain(more).collect()
        }
    };
    let mut facts: Vec<Fact> = facts;
    facts.insert(0, Fact::text("Algorithm", name));
    facts.push(Fact::code("Recorded as", ctx.request_id.to_string()));
    Ok(Panel::new("Result", Body::Facts(facts)).note("bytes in base64url"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_is_offered_is_one() {
        for (kind, label) in KINDS.into_iter().chain(HARDWARE_KINDS) {
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
