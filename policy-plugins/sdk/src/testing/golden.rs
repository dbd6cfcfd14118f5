//! Golden cases: one file that is run natively here and against the compiled module by the server.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{RequestBuilder, ask, check_settings};
use crate::contract::exports::strongroom::policy::guard::{Fact, FactValue, Obligation, Severity};
use crate::{
    Approval, CertificateRequest, ClientCertificate, Connection, Effect, KeyOperation, Object, ObjectState, Policy,
    Principal, Request, Tls,
};

/// Runs a file of golden cases against a module, natively. The server's tests run the same file
/// against the compiled module, so both must agree.
///
/// The file holds `base`, a whole request in the server's JSON form; `cases`, each with a `name`,
/// `settings`, changes to the base request (`with`, an RFC 7396 merge patch), the `effect` and
/// `reason_code` to expect and, where the answer has some, its `obligations`, each by its name or
/// whole, as a record of the server shows it; and `refused_settings`, settings that the module must not take.
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
        let told = decision.obligations.iter().enumerate();
        let obligations: Vec<_> = told.map(|(place, one)| as_expected(one, case.obligations.get(place))).collect();
        assert_eq!(obligations, case.obligations, "{}", case.name);
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

/// An obligation as a case expects it.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Expected {
    Named(String),
    Whole(Map<String, Value>),
}

/// An obligation as the server writes it, its name under `do`; what is empty is left out.
fn whole(obligation: &Obligation) -> Map<String, Value> {
    let told = match obligation {
        Obligation::StepUp(wanted) => {
            json!({ "do": "step-up", "acr": wanted.acr, "amr": wanted.amr, "max_age": wanted.max_age })
        }
        Obligation::RequireApproval(wanted) => {
            json!({ "do": "require-approval", "approvers": wanted.approvers, "valid_for": wanted.valid_for })
        }
        Obligation::ShortenLifetime(seconds) => json!({ "do": "shorten-lifetime", "seconds": seconds }),
        Obligation::Alert(alert) => {
            let severity = match alert.severity {
                Severity::Low => "low",
                Severity::Medium => "medium",
                Severity::High => "high",
            };
            json!({ "do": "alert", "severity": severity, "sentence": alert.sentence })
        }
    };
    let members = told.as_object().cloned().unwrap_or_default();
    members.into_iter().filter(|(_, value)| !value.is_null() && *value != json!([])).collect()
}

/// An obligation in the form in which it is expected.
fn as_expected(obligation: &Obligation, expected: Option<&Expected>) -> Expected {
    let whole = whole(obligation);
    match expected {
        Some(Expected::Whole(_)) => Expected::Whole(whole),
        _ => Expected::Named(whole.get("do").and_then(Value::as_str).unwrap_or_default().to_owned()),
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
    #[serde(default = "nothing")]
    settings: Value,
    #[serde(default = "nothing")]
    with: Value,
    effect: String,
    reason_code: String,
    #[serde(default)]
    obligations: Vec<Expected>,
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// A request in the server's JSON form.
#[derive(Deserialize)]
struct GoldenRequest {
    principal: GoldenPrincipal,
    connection: GoldenConnection,
    action: String,
    object: GoldenObject,
    #[serde(default)]
    key_operation: Option<GoldenKeyOperation>,
    #[serde(default)]
    certificate_request: Option<GoldenCertificateRequest>,
    time: i64,
    #[serde(default)]
    facts: BTreeMap<String, Option<GoldenFact>>,
    #[serde(default)]
    approvals: Option<Vec<GoldenApproval>>,
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
    #[serde(default)]
    proxies: Vec<String>,
    #[serde(default)]
    tls: Option<GoldenTls>,
    #[serde(default)]
    client_certificate: Option<GoldenCertificate>,
}

#[derive(Deserialize)]
struct GoldenTls {
    version: String,
    cipher_suite: String,
}

#[derive(Deserialize)]
struct GoldenCertificate {
    subject: String,
    issuer: String,
    serial_number: String,
    sha256: String,
    #[serde(default)]
    names: Vec<String>,
    not_after: i64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
enum GoldenState {
    #[default]
    Absent,
    Active,
    Deleted,
}

#[derive(Deserialize)]
struct GoldenObject {
    vault: String,
    kind: String,
    name: String,
    version: Option<String>,
    #[serde(default)]
    state: GoldenState,
    tags: BTreeMap<String, String>,
    enabled: Option<bool>,
    not_before: Option<i64>,
    expires: Option<i64>,
    #[serde(default)]
    created: Option<i64>,
    #[serde(default)]
    updated: Option<i64>,
    #[serde(default)]
    deleted: Option<i64>,
    #[serde(default)]
    purge: Option<i64>,
}

#[derive(Deserialize)]
struct GoldenKeyOperation {
    #[serde(default)]
    algorithm: Option<String>,
    key_type: String,
    #[serde(default)]
    key_size: Option<u32>,
    #[serde(default)]
    curve: Option<String>,
    #[serde(default)]
    key_ops: Vec<String>,
    #[serde(default)]
    exportable: bool,
}

#[derive(Deserialize)]
struct GoldenCertificateRequest {
    subject: String,
    #[serde(default)]
    names: Vec<String>,
    issuer: String,
    #[serde(default)]
    validity_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum GoldenFact {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
struct GoldenApproval {
    issuer: String,
    subject: String,
    granted: i64,
    until: i64,
}

impl From<GoldenRequest> for RequestBuilder {
    fn from(golden: GoldenRequest) -> Self {
        let GoldenRequest { principal, connection, action, object, time, .. } = golden;
        let fact = |(name, value): (String, Option<GoldenFact>)| {
            let value = match value? {
                GoldenFact::Number(number) => FactValue::Number(number),
                GoldenFact::Text(text) => FactValue::Text(text),
            };
            Some(Fact { name, value })
        };
        Self(Request {
            principal: Principal {
                issuer: principal.issuer,
                subject: principal.subject,
                kind: principal.kind,
                groups: principal.groups,
                claims: principal.claims.into_iter().collect(),
            },
            connection: Connection {
                client_address: connection.client_address,
                listener: connection.listener,
                proxies: connection.proxies,
                tls: connection.tls.map(|tls| Tls { version: tls.version, cipher_suite: tls.cipher_suite }),
                client_certificate: connection.client_certificate.map(|shown| ClientCertificate {
                    subject: shown.subject,
                    issuer: shown.issuer,
                    serial_number: shown.serial_number,
                    sha256: shown.sha256,
                    names: shown.names,
                    not_after: shown.not_after,
                }),
            },
            action,
            object: Object {
                vault: object.vault,
                kind: object.kind,
                name: object.name,
                version: object.version,
                state: match object.state {
                    GoldenState::Absent => ObjectState::Absent,
                    GoldenState::Active => ObjectState::Active,
                    GoldenState::Deleted => ObjectState::Deleted,
                },
                tags: object.tags.into_iter().collect(),
                enabled: object.enabled,
                not_before: object.not_before,
                expires: object.expires,
                created: object.created,
                updated: object.updated,
                deleted: object.deleted,
                purge: object.purge,
            },
            key_operation: golden.key_operation.map(|key| KeyOperation {
                algorithm: key.algorithm,
                key_type: key.key_type,
                key_size: key.key_size,
                curve: key.curve,
                key_ops: key.key_ops,
                exportable: key.exportable,
            }),
            certificate_request: golden.certificate_request.map(|asked| CertificateRequest {
                subject: asked.subject,
                names: asked.names,
                issuer: asked.issuer,
                validity_days: asked.validity_days,
            }),
            time,
            facts: golden.facts.into_iter().filter_map(fact).collect(),
            approvals: golden
                .approvals
                .into_iter()
                .flatten()
                .map(|one| Approval {
                    issuer: one.issuer,
                    subject: one.subject,
                    granted: one.granted,
                    until: one.until,
                })
                .collect(),
        })
    }
}
