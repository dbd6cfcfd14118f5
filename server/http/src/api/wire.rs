//! Shapes of the Key Vault data plane: what is read, what is written (Azure Key Vault REST, secrets).

pub(crate) mod certificates;
pub(crate) mod inventive;
pub(crate) mod issuers;
pub(crate) mod key_operations;
pub(crate) mod key_rotation;
pub(crate) mod keys;
pub(crate) mod pages;
pub(crate) mod revocations;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strongroom_crypto::SecretText;
use strongroom_domain::{
    names::{ObjectName, ObjectVersion, VaultName},
    secret::{AttributePatch, LifeState, SecretAttributes, SecretItem, SecretMeta, VaultFacts, VersionMeta},
};

use crate::{edge::Call, message::Request, paths::Addresses, problem::Problem};

/// The api-version of every request that we show or make ourselves.
pub const API_VERSION: &str = "7.6";

/// Every api-version that is answered; they differ in nothing that concerns secrets.
pub const API_VERSIONS: &[&str] = &[
    "2015-06-01",
    "2016-10-01",
    "7.0",
    "7.1",
    "7.2",
    "7.3",
    "7.4",
    "7.5",
    "7.6-preview.2",
    "7.6",
    "2025-06-01-preview",
    "2025-07-01",
    "2026-01-01-preview",
    "2026-03-01-preview",
    "2026-04-01",
];

/// `api-version` is mandatory and has no default.
pub(crate) fn check_api_version(request: &Request) -> Result<(), Problem> {
    match request.query("api-version") {
        Some(version) if API_VERSIONS.iter().any(|known| known.eq_ignore_ascii_case(version)) => Ok(()),
        Some(_) => Err(Problem::bad_parameter("The specified version of api-version is not supported.")),
        None => Err(Problem::bad_parameter("api-version must be specified exactly once.")),
    }
}

/// Most levels of a JSON body.
const MAX_DEPTH: usize = 64;

/// Whether a JSON text stays within [`MAX_DEPTH`], also in parts that nobody reads.
fn is_shallow(json: &[u8]) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for byte in json {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return false;
        }
    }
    true
}

/// Body of a JSON request, an object.
pub(crate) fn body<T: for<'de> Deserialize<'de>>(request: &Request) -> Result<T, Problem> {
    read(&request.body)
}

/// An object in JSON. An array would be taken for the properties in their order.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Problem> {
    if !is_shallow(body) {
        return Err(Problem::bad_parameter(format!("The request body has more than {MAX_DEPTH} levels.")));
    }
    // Also in parts that nobody reads: the parser passes over them without looking.
    if std::str::from_utf8(body).is_err() {
        return Err(Problem::bad_parameter("The request body is not UTF-8 text."));
    }
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::bad_parameter("The request body is not a JSON object."));
    }
    parse(body)
}

fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii().is_empty() {
        return Err(Problem::bad_parameter("The request has no body: it would be a JSON object."));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let property = property(error.path());
        misread(error.inner(), property.as_deref())
    })?;
    json.end().map_err(|error| misread(&error, None))?;
    Ok(parsed)
}

/// Tells where a body is wrong and never what stands there: the text of a parse error may quote a value.
fn misread(error: &serde_json::Error, property: Option<&str>) -> Problem {
    let place = format!("line {} column {}", error.line(), error.column());
    if error.classify() != serde_json::error::Category::Data {
        return Problem::bad_parameter(format!("The request body is not valid JSON ({place})."));
    }
    let text = error.to_string();
    // The names in such texts are those of the shape, and nothing that was sent.
    let named = |start| text.strip_prefix(start).and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
    let missing = named("missing field `");
    if let Some(name) = named("duplicate field `") {
        return Problem::bad_parameter(format!("The property '{name}' is there twice."));
    }
    // What was sent stands in front of this, and nothing of it behind the last one.
    let known = text
        .rsplit_once("`, expected ")
        .map(|(_, known)| known.split(" at line ").next().unwrap_or(known).replace('`', "'"));
    let name = property.unwrap_or("A property of the request body");
    if let (Some(known), true) = (&known, text.starts_with("unknown field `")) {
        return Problem::bad_parameter(format!("There is no property '{name}' ({place}): it is {known}."));
    }
    if let (Some(known), true) = (&known, text.starts_with("unknown variant `")) {
        return Problem::bad_parameter(format!("The property '{name}' has a wrong value ({place}): it is {known}."));
    }
    Problem::bad_parameter(match (missing, property) {
        (Some(name), None) => format!("The request body has no property '{name}', which is required."),
        (Some(name), Some(of)) => format!("The property '{of}' has no property '{name}', which is required."),
        (None, Some(name)) => format!("The property '{name}' has a wrong type or value ({place})."),
        (None, None) => format!("A property of the request body has a wrong type or value ({place})."),
    })
}

/// The property in question, as far down as its names are plain words: names of tags are the caller's own text.
fn property(path: &serde_path_to_error::Path) -> Option<String> {
    use serde_path_to_error::Segment;
    let mut shown = String::new();
    for segment in path {
        match segment {
            Segment::Map { key } if key.len() <= 40 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                if !shown.is_empty() {
                    shown.push('.');
                }
                shown.push_str(key);
            }
            Segment::Seq { index } => shown.push_str(&format!("[{index}]")),
            _ => break,
        }
        if shown.len() > 120 {
            break;
        }
    }
    (!shown.is_empty()).then_some(shown)
}

/// Body of PUT /secrets/{name}.
#[derive(Deserialize)]
pub(crate) struct SetSecret {
    pub(crate) value: Value,
    #[serde(default, rename = "contentType")]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) attributes: Option<SetAttributes>,
    #[serde(default)]
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// A value on its way in.
pub(crate) struct Value(pub(crate) SecretText);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretText::new(text)))
    }
}

#[derive(Default, Deserialize)]
pub(crate) struct SetAttributes {
    #[serde(default)]
    pub(crate) enabled: Option<bool>,
    #[serde(default)]
    pub(crate) nbf: Option<i64>,
    #[serde(default)]
    pub(crate) exp: Option<i64>,
}

impl SetAttributes {
    /// All attributes of a new version.
    pub(crate) fn whole(
        self,
        content_type: Option<String>,
        tags: Option<BTreeMap<String, String>>,
    ) -> SecretAttributes {
        SecretAttributes {
            enabled: self.enabled.unwrap_or(true),
            not_before: self.nbf,
            expires: self.exp,
            content_type,
            tags: tags.unwrap_or_default(),
        }
    }

    /// What of a version is to be changed.
    pub(crate) fn patch(self, content_type: Option<String>, tags: Option<BTreeMap<String, String>>) -> AttributePatch {
        AttributePatch {
            enabled: self.enabled,
            not_before: self.nbf,
            expires: self.exp,
            content_type,
            tags,
            ..AttributePatch::default()
        }
    }
}

/// Body of PATCH /secrets/{name}/{version}. What is absent or null stays as it is.
#[derive(Deserialize)]
pub(crate) struct UpdateSecret {
    #[serde(default, rename = "contentType")]
    content_type: Option<String>,
    #[serde(default)]
    attributes: Option<SetAttributes>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
}

impl UpdateSecret {
    pub(crate) fn patch(self) -> AttributePatch {
        self.attributes.unwrap_or_default().patch(self.content_type, self.tags)
    }
}

impl SetSecret {
    pub(crate) fn split(self) -> (SecretAttributes, SecretText) {
        let attributes = self.attributes.unwrap_or_default().whole(self.content_type, self.tags);
        (attributes, self.value.0)
    }
}

/// A backup: answer of POST /secrets/{name}/backup, body of POST /secrets/restore.
#[derive(Deserialize, Serialize)]
pub(crate) struct BackupBlob {
    value: String,
}

impl BackupBlob {
    pub(crate) fn of(blob: &[u8]) -> Self {
        Self { value: data_encoding::BASE64URL_NOPAD.encode(blob) }
    }

    /// The blob; empty when it is not base64url, and nothing empty is a backup.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let text = self.value.trim_end_matches('=');
        data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap_or_default()
    }
}

/// Attributes on the wire.
#[derive(Serialize)]
pub(crate) struct Attributes {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    created: i64,
    updated: i64,
    #[serde(rename = "recoveryLevel")]
    recovery_level: &'static str,
    #[serde(rename = "recoverableDays")]
    recoverable_days: u16,
}

impl Attributes {
    pub(crate) fn of(meta: &VersionMeta, vault: VaultFacts) -> Self {
        Self {
            enabled: meta.attributes.enabled,
            nbf: meta.attributes.not_before,
            exp: meta.attributes.expires,
            created: meta.created,
            updated: meta.updated,
            recovery_level: vault.recovery_level,
            recoverable_days: vault.recoverable_days,
        }
    }
}

/// A secret, a deleted secret, or a line of a listing: absent parts are left out.
#[derive(Serialize)]
pub(crate) struct Bundle<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    id: String,
    #[serde(rename = "contentType", skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    attributes: Attributes,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<String, String>,
    /// The key that goes with the secret of a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    managed: bool,
    /// Of the secret of a certificate: the version before.
    #[serde(rename = "previousVersion", skip_serializing_if = "Option::is_none")]
    previous_version: Option<&'a str>,
    #[serde(flatten)]
    deletion: Option<Deletion>,
}

/// What a soft-deleted object shows besides.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deletion {
    recovery_id: String,
    deleted_date: i64,
    scheduled_purge_date: i64,
}

impl Deletion {
    pub(crate) fn of(life: &LifeState, recovery_id: impl FnOnce() -> String) -> Option<Self> {
        match life {
            LifeState::Active => None,
            LifeState::Deleted { deleted_at, purge_at } => {
                Some(Self { recovery_id: recovery_id(), deleted_date: *deleted_at, scheduled_purge_date: *purge_at })
            }
        }
    }
}

/// Which identifier a bundle carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdForm {
    /// With the version: a secret, a line of its versions.
    Versioned,
    /// Without: a line of the list of secrets.
    Unversioned,
}

impl<'a> Bundle<'a> {
    pub(crate) fn of(
        addresses: &Addresses,
        vault: &VaultName,
        item: (&'a SecretMeta, &'a VersionMeta),
        facts: VaultFacts,
        form: IdForm,
        value: Option<&'a str>,
    ) -> Self {
        let (SecretMeta { name, life, managed, .. }, meta) = item;
        let version = (form == IdForm::Versioned).then_some(&meta.version);
        let deletion = Deletion::of(life, || addresses.deleted_object("secrets", vault, name));
        Self {
            value,
            id: addresses.secret(vault, name, version),
            content_type: meta.attributes.content_type.as_deref(),
            attributes: Attributes::of(meta, facts),
            tags: &meta.attributes.tags,
            kid: managed.then(|| addresses.object("keys", vault, name, version)),
            managed: *managed,
            previous_version: None,
            deletion,
        }
    }

    /// The same with the version before.
    pub(crate) fn after(self, previous: Option<&'a ObjectVersion>) -> Self {
        Self { previous_version: previous.map(ObjectVersion::as_str), ..self }
    }

    pub(crate) fn of_item(
        addresses: &Addresses,
        vault: &VaultName,
        item: &'a SecretItem,
        facts: VaultFacts,
        form: IdForm,
    ) -> Self {
        Self::of(addresses, vault, (&item.secret, &item.version), facts, form, None)
    }
}

pub(crate) use pages::Pages;

/// A page of a listing.
#[derive(Serialize)]
pub(crate) struct Listing<T> {
    pub(crate) value: Vec<T>,
    #[serde(rename = "nextLink")]
    pub(crate) next_link: Option<String>,
}

/// The name in the path.
pub(crate) fn name(call: &Call) -> Result<ObjectName, Problem> {
    ObjectName::parse(call.parameter(0))
        .map_err(|error| Problem::bad_parameter(format!("The request URI contains an invalid name: {error}.")))
}

/// The version in the path, if there is one that is not empty.
pub(crate) fn version(call: &Call) -> Result<Option<ObjectVersion>, Problem> {
    match call.parameter(1) {
        "" => Ok(None),
        text => ObjectVersion::parse(text)
            .map(Some)
            .map_err(|error| Problem::bad_parameter(format!("The request URI contains an invalid version: {error}."))),
    }
}

/// `maxresults`: 1 to 25, 25 when absent.
pub(crate) fn max_results(request: &Request) -> Result<usize, Problem> {
    if !request.has_query("maxresults") {
        return Ok(25);
    }
    match request.query("maxresults").and_then(|text| text.parse().ok()) {
        Some(count @ 1..=25) => Ok(count),
        _ => Err(Problem::bad_parameter("maxresults must be a whole number from 1 to 25.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_outside_of_texts_count_as_levels() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_shallow(nested(MAX_DEPTH).as_bytes()));
        assert!(!is_shallow(nested(MAX_DEPTH + 1).as_bytes()));
        assert!(is_shallow(format!("[{}]", "{},".repeat(1000)).as_bytes()), "side by side");
        assert!(is_shallow(format!(r#"{{"value":"\"{}"}}"#, "[".repeat(1000)).as_bytes()), "in a text");
    }

    #[test]
    fn a_wrong_property_is_named_and_what_stands_there_is_not() {
        let said = |body: &str| parse::<SetSecret>(body.as_bytes()).err().expect(body).message;
        for (body, expected) in [
            ("{}", "The request body has no property 'value', which is required."),
            (r#"{"value":4711}"#, "The property 'value' has a wrong type or value (line 1 column 13)."),
            (
                r#"{"value":"x","attributes":{"exp":"hunter2"}}"#,
                "The property 'attributes.exp' has a wrong type or value (line 1 column 42).",
            ),
            (
                r#"{"value":"x","tags":{"team":7}}"#,
                "The property 'tags.team' has a wrong type or value (line 1 column 29).",
            ),
            (
                r#"{"value":"x","tags":{"hunter 2":7}}"#,
                "The property 'tags' has a wrong type or value (line 1 column 33).",
            ),
            (r#"{"value":"hunter2""#, "The request body is not valid JSON (line 1 column 18)."),
            (r#"{"value":"x"} {"#, "The request body is not valid JSON (line 1 column 15)."),
            (r#"{"value":"x","value":"hunter2"}"#, "The property 'value' is there twice."),
            (" ", "The request has no body: it would be a JSON object."),
        ] {
            assert_eq!(said(body), expected);
        }
    }

    #[test]
    fn what_there_is_not_is_told_with_what_there_is() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Mode {
            Open,
            Closed,
        }
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Shape {
            mode: Mode,
        }
        let said = |body: &str| parse::<Shape>(body.as_bytes()).map(drop).expect_err(body).message;
        assert_eq!(said(r#"{"moed":"open"}"#), "There is no property 'moed' (line 1 column 7): it is 'mode'.");
        let wrong = said(r#"{"mode":"hunter2`, expected `me"}"#);
        assert!(
            wrong.starts_with("The property 'mode' has a wrong value") && wrong.ends_with("it is 'open' or 'closed'."),
            "{wrong}"
        );
        assert!(!wrong.contains("hunter2"), "{wrong}");
        assert!(matches!(parse::<Shape>(br#"{"mode":"closed"}"#).unwrap().mode, Mode::Closed));
        assert!(matches!(parse::<Shape>(br#"{"mode":"open"}"#).unwrap().mode, Mode::Open));
    }
}
