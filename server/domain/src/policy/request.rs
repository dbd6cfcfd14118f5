//! What a policy module is asked: the request in the form in which it is handed over and recorded.
//!
//! The JSON of these types stands in audit records, whose bytes are hashed as they were written: a
//! new field must be left out where it says nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who asks, as a module sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyPrincipal {
    /// Issuer of the token or sign-in.
    pub issuer: String,
    /// Subject within the issuer.
    pub subject: String,
    /// `user`, `workload` or `system`.
    pub kind: String,
    /// Groups, as the issuer's configured mapping gives them.
    pub groups: Vec<String>,
    /// Selected claims as text (`acr`, `amr`, ...).
    pub claims: BTreeMap<String, String>,
}

/// How a connection is encrypted, as far as this server ends the encryption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyTls {
    /// `1.2` or `1.3`.
    pub version: String,
    /// IANA's name of the cipher suite.
    pub cipher_suite: String,
}

/// The certificate that a client proved to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyCertificate {
    /// Subject, as RFC 4514 writes it.
    pub subject: String,
    /// Issuer, as RFC 4514 writes it.
    pub issuer: String,
    /// Hexadecimal, lower case.
    pub serial_number: String,
    /// SHA-256 of the certificate, hexadecimal, lower case.
    pub sha256: String,
    /// Subject alternative names, for example `dns:app.example`.
    #[serde(default)]
    pub names: Vec<String>,
    /// Unix seconds.
    pub not_after: i64,
}

/// From where the request came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyConnection {
    /// Client address without port.
    pub client_address: String,
    /// Name of the listener that took the connection.
    pub listener: String,
    /// Addresses of the trusted proxies that passed the request on, the one that connected last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxies: Vec<String>,
    /// None when the encryption ends before this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<PolicyTls>,
    /// The client's certificate, where it showed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<PolicyCertificate>,
}

/// Life of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectState {
    /// There is none of this name, or the whole collection is meant.
    #[default]
    Absent,
    /// In use.
    Active,
    /// Soft deleted, and recoverable.
    Deleted,
}

impl ObjectState {
    fn is_absent(&self) -> bool {
        *self == Self::Absent
    }
}

/// What is asked for. Metadata only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyObject {
    /// Vault name, canonical.
    pub vault: String,
    /// `secret`, `key`, `certificate` or `vault`.
    pub kind: String,
    /// Object name, canonical; empty for operations on the whole collection.
    pub name: String,
    /// Version when one was named.
    pub version: Option<String>,
    /// Life of the object.
    #[serde(default, skip_serializing_if = "ObjectState::is_absent")]
    pub state: ObjectState,
    /// Tags: on a write the ones asked for, otherwise the stored ones.
    pub tags: BTreeMap<String, String>,
    /// Enabled: on a write as asked for, otherwise as stored.
    pub enabled: Option<bool>,
    /// Not before, Unix seconds.
    pub not_before: Option<i64>,
    /// Expires, Unix seconds.
    pub expires: Option<i64>,
    /// When the stored version was made, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// When the stored version was changed last, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<i64>,
    /// When it was soft deleted, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<i64>,
    /// When it will be purged, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge: Option<i64>,
}

/// The key of an operation on a key or a certificate: on a write as it would be, otherwise as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyKeyOperation {
    /// Algorithm, for example `RS256`, where the operation names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// `RSA`, `EC` or `oct`, with `-HSM` where the key never leaves a hardware module.
    pub key_type: String,
    /// Bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_size: Option<u32>,
    /// Curve, for example `P-256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<String>,
    /// Operations that the key permits, for example `sign`.
    #[serde(default)]
    pub key_ops: Vec<String>,
    /// Whether it may be released.
    #[serde(default)]
    pub exportable: bool,
}

/// What a certificate is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyCertificateRequest {
    /// Subject, as RFC 4514 writes it.
    pub subject: String,
    /// Subject alternative names, for example `dns:app.example`.
    #[serde(default)]
    pub names: Vec<String>,
    /// Name of the issuer that is to sign, for example `Self`.
    pub issuer: String,
    /// For how long, in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity_days: Option<u32>,
}

/// A fact that was gathered for modules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FactValue {
    /// A count, an age.
    Number(i64),
    /// A document.
    Text(String),
}

/// Somebody else's consent to this request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyApproval {
    /// Who approved: issuer.
    pub issuer: String,
    /// Subject within the issuer.
    pub subject: String,
    /// When, Unix seconds.
    pub granted: i64,
    /// Until when it counts, Unix seconds.
    pub until: i64,
}

/// [`PolicyRequest::recorded_for`] of what holds everything that modules of the contract 1.0 see.
pub const RECORDED_FOR_1_0: u32 = 1;

/// One request as a module judges it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRequest {
    /// The newest major version of the contract whose modules can be asked with this; 0 is the 0.1 of
    /// earlier releases.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub recorded_for: u32,
    /// Who.
    pub principal: PolicyPrincipal,
    /// From where.
    pub connection: PolicyConnection,
    /// Azure data action, for example `Microsoft.KeyVault/vaults/secrets/getSecret/action`.
    pub action: String,
    /// What.
    pub object: PolicyObject,
    /// The key, on operations on keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_operation: Option<PolicyKeyOperation>,
    /// The certificate, where one is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_request: Option<PolicyCertificateRequest>,
    /// When, Unix seconds. Modules have no clock of their own.
    pub time: i64,
    /// The facts that were gathered, by their names in the contract; none as a value is a fact that
    /// there is not, while one that is not here was not gathered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, Option<FactValue>>,
    /// Approvals of this request, when they were gathered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<PolicyApproval>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde calls")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl PolicyRequest {
    /// Whether this holds the fact of this name (`policy.wit` lists them), so that a module that
    /// wants it can be asked without a guess.
    #[must_use]
    pub fn holds(&self, fact: &str) -> bool {
        match fact {
            "groups" | "claims" | "tags" => true,
            "approvals" => self.approvals.is_some(),
            other => self.facts.contains_key(other),
        }
    }

    /// A sentence about the first member of what somebody writes down as a request, or as a part of one, that no request
    /// has. Read without this, it would be passed over, and the module asked something else than was meant.
    #[must_use]
    pub fn unknown_member(described: &Value) -> Option<String> {
        let shape = serde_json::to_value(whole()).ok()?;
        unknown(described, &shape, "")
    }
}

/// Members whose own members are named by whoever writes them.
const NAMED_FREELY: [&str; 3] = ["claims", "tags", "facts"];

fn unknown(described: &Value, shape: &Value, place: &str) -> Option<String> {
    match (described, shape) {
        (Value::Object(members), Value::Object(known)) => members.iter().find_map(|(name, member)| {
            let Some(shape) = known.get(name) else {
                let of = if place.is_empty() { "a request".to_owned() } else { format!("`{place}` of a request") };
                let known: Vec<_> = known.keys().map(String::as_str).collect();
                return Some(format!("{of} has no member `{name}`; it has {}", known.join(", ")));
            };
            if NAMED_FREELY.contains(&name.as_str()) {
                return None;
            }
            let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            unknown(member, shape, &place)
        }),
        (Value::Array(items), Value::Array(shapes)) => {
            let shape = shapes.first()?;
            items.iter().find_map(|item| unknown(item, shape, place))
        }
        _ => None,
    }
}

/// A request that holds everything that one may hold. No field is left to a default, so that none is forgotten here.
fn whole() -> PolicyRequest {
    PolicyRequest {
        recorded_for: RECORDED_FOR_1_0,
        principal: PolicyPrincipal::default(),
        connection: PolicyConnection {
            client_address: String::new(),
            listener: String::new(),
            proxies: vec![String::new()],
            tls: Some(PolicyTls { version: String::new(), cipher_suite: String::new() }),
            client_certificate: Some(PolicyCertificate {
                subject: String::new(),
                issuer: String::new(),
                serial_number: String::new(),
                sha256: String::new(),
                names: Vec::new(),
                not_after: 0,
            }),
        },
        action: String::new(),
        object: PolicyObject {
            vault: String::new(),
            kind: String::new(),
            name: String::new(),
            version: None,
            state: ObjectState::Active,
            tags: BTreeMap::new(),
            enabled: None,
            not_before: None,
            expires: None,
            created: Some(0),
            updated: Some(0),
            deleted: Some(0),
            purge: Some(0),
        },
        key_operation: Some(PolicyKeyOperation {
            algorithm: Some(String::new()),
            key_type: String::new(),
            key_size: Some(0),
            curve: Some(String::new()),
            key_ops: Vec::new(),
            exportable: false,
        }),
        certificate_request: Some(PolicyCertificateRequest {
            subject: String::new(),
            names: Vec::new(),
            issuer: String::new(),
            validity_days: Some(0),
        }),
        time: 0,
        facts: BTreeMap::from([(String::new(), None)]),
        approvals: Some(vec![PolicyApproval { issuer: String::new(), subject: String::new(), granted: 0, until: 0 }]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_no_request_has_is_found_wherever_it_stands() {
        for (described, place) in [
            (json!({ "acton": "x" }), "a request has no member `acton`"),
            (json!({ "object": { "enabeld": false } }), "`object` of a request has no member `enabeld`"),
            (json!({ "object": { "enabeld": null } }), "`enabeld`"),
            (json!({ "connection": { "tls": { "cipher": "x" } } }), "`connection.tls` of a request"),
            (json!({ "approvals": [{ "who": "grace" }] }), "`approvals` of a request has no member `who`"),
        ] {
            let found = PolicyRequest::unknown_member(&described).unwrap_or_default();
            assert!(found.contains(place), "{described}: {found}");
        }
        for described in [
            serde_json::to_value(whole()).unwrap(),
            serde_json::to_value(PolicyRequest::default()).unwrap(),
            json!({ "principal": { "claims": { "acr": "c2" } }, "object": { "tags": { "a": "b", "c": null } } }),
            json!({ "facts": { "days-since-rotation": null }, "key_operation": null, "connection": { "proxies": [] } }),
            json!("no object"),
        ] {
            assert_eq!(PolicyRequest::unknown_member(&described), None, "{described}");
        }
    }
}
