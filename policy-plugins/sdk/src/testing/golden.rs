//! Golden cases: one file that is run natively here and against the compiled module by the server.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{RequestBuilder, ask, check_settings};
use crate::{Connection, Effect, Object, Policy, Principal, Request};

/// Runs a file of golden cases against a module, natively. The server's tests run the same file
/// against the compiled module, so both must agree.
///
/// The file holds `base`, a whole request in the server's JSON form; `cases`, each with a `name`,
/// `settings`, changes to the base request (`with`, an RFC 7396 merge patch) and the `effect` and
/// `reason_code` to expect; and `refused_settings`, settings that the module must not take.
///
/// # Panics
/// When the file cannot be read, or the module answers otherwise.
pub fn golden<P: Policy>(file: impl AsRef<Path>) {
    let text = std::fs::read_to_string(file).expect("the golden file is readable");
    let file: GoldenFile = serde_json::from_str(&text).expect("the golden file has its shape");
    assert!(!file.cases.is_empty(), "a golden file without cases proves nothing");
    for case in &file.cases {
        let mut json = file.base.clone();
        merge(&mut json, &case.with);
        let request: GoldenRequest = serde_json::from_value(json).expect(&case.name);
        let decision = ask::<P>(&case.settings.to_string(), &request.into());
        let found = (word(decision.effect), decision.reason_code.as_str());
        assert_eq!(found, (case.effect.as_str(), case.reason_code.as_str()), "{}", case.name);
    }
    for settings in &file.refused_settings {
        if check_settings::<P>(&settings.to_string()).is_ok() {
            panic!("these settings should be refused: {settings}");
        }
    }
}

fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
        Effect::Abstain => "abstain",
    }
}

/// RFC 7396: objects are merged, null removes, anything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Some(members) = target.as_object_mut() else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenFile {
    base: Value,
    cases: Vec<GoldenCase>,
    #[serde(default)]
    refused_settings: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenCase {
    name: String,
    settings: Value,
    with: Value,
    effect: String,
    reason_code: String,
}

/// A request in the server's JSON form.
#[derive(Deserialize)]
struct GoldenRequest {
    principal: GoldenPrincipal,
    connection: GoldenConnection,
    action: String,
    object: GoldenObject,
    time: i64,
}

#[derive(Deserialize)]
struct GoldenPrincipal {
    issuer: String,
    subject: String,
    kind: String,
    groups: Vec<String>,
    claims: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct GoldenConnection {
    client_address: String,
    listener: String,
}

#[derive(Deserialize)]
struct GoldenObject {
    vault: String,
    kind: String,
    name: String,
    version: Option<String>,
    tags: BTreeMap<String, String>,
    enabled: Option<bool>,
    not_before: Option<i64>,
    expires: Option<i64>,
}

impl From<GoldenRequest> for RequestBuilder {
    fn from(golden: GoldenRequest) -> Self {
        let GoldenRequest { principal, connection, action, object, time } = golden;
        Self(Request {
            principal: Principal {
                issuer: principal.issuer,
                subject: principal.subject,
                kind: principal.kind,
                groups: principal.groups,
                claims: principal.claims.into_iter().collect(),
            },
            connection: Connection { client_address: connection.client_address, listener: connection.listener },
            action,
            object: Object {
                vault: object.vault,
                kind: object.kind,
                name: object.name,
                version: object.version,
                tags: object.tags.into_iter().collect(),
                enabled: object.enabled,
                not_before: object.not_before,
                expires: object.expires,
            },
            time,
        })
    }
}
