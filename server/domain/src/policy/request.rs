//! What a policy module is asked: the request in the form in which it is handed over and recorded.
//!
//! The JSON of these types stands in audit records, whose bytes are hashed as they were written: a
//! new field must be left out where it says nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
}
