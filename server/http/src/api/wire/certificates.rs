//! Shapes of the certificates of the Key Vault data plane (Azure Key Vault REST, certificates). What is X.509 is
//! standard base64, thumbprints are base64url.

mod policy;

use std::collections::BTreeMap;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde::{Deserialize, Serialize};
use strongroom_crypto::x509::{ImportError, Imported, certificates_in, thumbprint};
use strongroom_domain::{
    certificate::{CertificateState, ContentType, Enrolment, PendingOperation, PendingStatus, PolicyPatch, Trouble},
    certificates::CertificateError,
    names::VaultName,
    revocations::Standing,
    rotation::Rotation,
    secret::{AttributePatch, SecretAttributes, SecretItem, VaultFacts},
};
use zeroize::Zeroizing;

use super::{Attributes, Deletion, IdForm, SetAttributes, Value};
use crate::{paths::Addresses, problem::Problem};
use policy::Issuer;
pub(crate) use policy::Policy;

/// Most certificates of a merge.
const MAX_MERGED: usize = 16;

fn state(item: &SecretItem) -> Result<&CertificateState, Problem> {
    item.secret.certificate.as_deref().ok_or_else(Problem::internal)
}

/// Attributes that a caller may set: the times are the certificate's own.
#[derive(Default, Deserialize)]
struct Wanted(SetAttributes);

impl Wanted {
    fn enabled(&self) -> Result<Option<bool>, Problem> {
        if self.0.nbf.is_some() || self.0.exp.is_some() {
            return Err(Problem::bad_parameter(
                "nbf and exp of a certificate are those it says itself; validity_months of its policy sets them.",
            ));
        }
        Ok(self.0.enabled)
    }
}

/// Body of POST /certificates/{name}/create.
#[derive(Deserialize)]
pub(crate) struct Create {
    #[serde(default)]
    policy: Option<Policy>,
    #[serde(default)]
    attributes: Option<Wanted>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default, rename = "preserveCertOrder")]
    preserve_order: Option<bool>,
}

impl Create {
    pub(crate) fn split(self) -> Result<(Option<PolicyPatch>, SecretAttributes), Problem> {
        if self.preserve_order == Some(true) {
            return Err(Problem::bad_parameter(
                "preserveCertOrder is for imports: what an issuer gives, or is merged, is kept from the leaf to the root.",
            ));
        }
        let attributes = SecretAttributes {
            enabled: self.attributes.unwrap_or_default().enabled()?.unwrap_or(true),
            not_before: None,
            expires: None,
            content_type: None,
            tags: self.tags.unwrap_or_default(),
        };
        Ok((self.policy.map(Policy::parse).transpose()?, attributes))
    }
}

/// Body of POST /certificates/{name}/import.
#[derive(Deserialize)]
pub(crate) struct Import {
    value: Value,
    #[serde(default)]
    pwd: Option<Value>,
    #[serde(default)]
    policy: Option<Policy>,
    #[serde(default)]
    attributes: Option<Wanted>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default, rename = "preserveCertOrder")]
    preserve_order: Option<bool>,
}

/// A document that is brought: what it is, and its password.
pub(crate) struct Document {
    bytes: Zeroizing<Vec<u8>>,
    form: ContentType,
    password: Option<Value>,
    keep_order: bool,
}

impl Document {
    /// Of several certificates of its key the one that is valid now, in Unix seconds.
    pub(crate) fn read(&self, now: i64) -> Result<Imported, ImportError> {
        let password = self.password.as_ref().map_or("", |password| password.0.expose());
        match self.form {
            ContentType::Pem => Imported::from_pem(&self.bytes, password, self.keep_order, now),
            ContentType::Pkcs12 => Imported::from_pkcs12(&self.bytes, password, self.keep_order, now),
        }
    }
}

impl Import {
    pub(crate) fn split(self) -> Result<(Document, PolicyPatch, SecretAttributes), Problem> {
        let mut policy = self.policy.map(Policy::parse).transpose()?.unwrap_or_default();
        let value = self.value.0.expose();
        let is_pem = |bytes: &[u8]| bytes.windows(11).any(|window| window == b"-----BEGIN ");
        // Azure's Python package sends PEM in base64 unless the policy says that it is PEM.
        let bytes = if is_pem(value.as_bytes()) {
            Zeroizing::new(value.as_bytes().to_vec())
        } else {
            let decoded = BASE64.decode(value.trim().as_bytes());
            Zeroizing::new(decoded.map_err(|_| CertificateError::from(ImportError::Damaged))?)
        };
        let form = if is_pem(&bytes) { ContentType::Pem } else { ContentType::Pkcs12 };
        // What is brought is given out in the form in which it came, unless something else is said.
        policy.content_type = policy.content_type.or(Some(form));
        let attributes = SecretAttributes {
            enabled: self.attributes.unwrap_or_default().enabled()?.unwrap_or(true),
            not_before: None,
            expires: None,
            content_type: None,
            tags: self.tags.unwrap_or_default(),
        };
        let keep_order = self.preserve_order.unwrap_or(false);
        Ok((Document { bytes, form, password: self.pwd, keep_order }, policy, attributes))
    }
}

/// Body of PATCH /certificates/{name}/{version}. What is absent or null stays as it is.
#[derive(Deserialize)]
pub(crate) struct Update {
    #[serde(default)]
    policy: Option<Policy>,
    #[serde(default)]
    attributes: Option<Wanted>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
}

impl Update {
    pub(crate) fn split(self) -> Result<(Option<PolicyPatch>, AttributePatch), Problem> {
        let patch = AttributePatch {
            enabled: self.attributes.unwrap_or_default().enabled()?,
            tags: self.tags,
            ..AttributePatch::default()
        };
        Ok((self.policy.map(Policy::parse).transpose()?, patch))
    }
}

/// Body of PATCH /certificates/{name}/pending.
#[derive(Deserialize)]
pub(crate) struct Cancel {
    cancellation_requested: bool,
}

impl Cancel {
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.cancellation_requested {
            return Ok(());
        }
        Err(Problem::bad_parameter("cancellation_requested must be true: a cancellation cannot be taken back."))
    }
}

/// Body of POST /certificates/{name}/pending/merge.
#[derive(Deserialize)]
pub(crate) struct Merge {
    x5c: Vec<String>,
    #[serde(default)]
    attributes: Option<Wanted>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
}

/// What a merge gives: the certificates, tags, whether the version is to be enabled.
type Merged = (Vec<Vec<u8>>, Option<BTreeMap<String, String>>, Option<bool>);

impl Merge {
    pub(crate) fn split(self) -> Result<Merged, Problem> {
        let mut found = Vec::new();
        for text in &self.x5c {
            found.extend(certificates_in(text.as_bytes()).map_err(CertificateError::from)?);
            if found.len() > MAX_MERGED {
                return Err(Problem::bad_parameter("x5c holds more than 16 certificates."));
            }
        }
        let enabled = self.attributes.unwrap_or_default().enabled()?;
        Ok((found, self.tags, enabled))
    }
}

/// Where an operation is found.
#[derive(Serialize)]
struct PendingLink {
    id: String,
}

/// What is known here of whether a version was revoked. Not Azure's: it is there when there is something to say.
#[derive(Serialize)]
struct Revocation {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl Revocation {
    fn of(standing: &Standing) -> Option<Self> {
        match standing {
            Standing::NotRevoked => None,
            Standing::Revoked(one) => {
                Some(Self { status: "revoked", revoked: Some(one.at), reason: Some(one.reason.as_str()) })
            }
            Standing::Unknown => Some(Self { status: "unknown", revoked: None, reason: None }),
        }
    }
}

/// When the next version is made by itself, and how often that failed since the current one was made. Not Azure's: it is
/// there when there is something to say.
#[derive(Serialize)]
struct Renewal<'a> {
    status: &'static str,
    /// When it is tried, for the first time or again; Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
    #[serde(flatten)]
    failed: Option<Failures<'a>>,
}

#[derive(Serialize)]
struct Failures<'a> {
    failures: u32,
    last: i64,
    reason: &'a str,
}

impl<'a> Renewal<'a> {
    fn of(rotation: &'a Rotation) -> Option<Self> {
        let failed = rotation.failed.as_ref();
        let failed =
            failed.map(|failed| Failures { failures: failed.count, last: failed.last, reason: &failed.reason });
        let status = if failed.is_some() { "failed" } else { "planned" };
        (failed.is_some() || rotation.rotate_at.is_some()).then_some(Self { status, next: rotation.rotate_at, failed })
    }

    /// Of a version: that of its name, if it is the current one and not deleted.
    fn of_current(item: &'a SecretItem, deletion: Option<&Deletion>) -> Option<Self> {
        let is_current = deletion.is_none() && item.secret.current == item.version.version;
        item.secret.rotation.as_deref().filter(|_| is_current).and_then(Self::of)
    }
}

/// A certificate, or a deleted certificate.
#[derive(Serialize)]
pub(crate) struct Bundle<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5t: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cer: Option<String>,
    #[serde(rename = "contentType", skip_serializing_if = "Option::is_none")]
    content_type: Option<&'static str>,
    attributes: Attributes,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<String, String>,
    policy: Policy,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<PendingLink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation: Option<Revocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewal: Option<Renewal<'a>>,
    #[serde(flatten)]
    deletion: Option<Deletion>,
}

/// A line of a listing.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5t: Option<String>,
    attributes: Attributes,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation: Option<Revocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewal: Option<Renewal<'a>>,
    #[serde(flatten)]
    deletion: Option<Deletion>,
}

/// Whether there is a certificate in the version already.
pub(crate) fn is_finished(item: &SecretItem) -> bool {
    leaf(item).is_some()
}

fn leaf(item: &SecretItem) -> Option<&[u8]> {
    item.version.certificate.as_ref()?.leaf()
}

fn deletion(addresses: &Addresses, vault: &VaultName, item: &SecretItem) -> Option<Deletion> {
    let name = &item.secret.name;
    Deletion::of(&item.secret.life, || addresses.deleted_object("certificates", vault, name))
}

/// The bundle of a certificate.
pub(crate) fn bundle<'a>(
    addresses: &Addresses,
    vault: &VaultName,
    item: &'a SecretItem,
    facts: VaultFacts,
    standing: &Standing,
) -> Result<Bundle<'a>, Problem> {
    let (name, version) = (&item.secret.name, Some(&item.version.version));
    let leaf = leaf(item);
    let pending = state(item)?
        .pending
        .as_ref()
        .map(|_| PendingLink { id: format!("{}/pending", addresses.object("certificates", vault, name, None)) });
    let deletion = deletion(addresses, vault, item);
    Ok(Bundle {
        id: addresses.object("certificates", vault, name, version),
        kid: leaf.map(|_| addresses.object("keys", vault, name, version)),
        sid: leaf.map(|_| addresses.object("secrets", vault, name, version)),
        x5t: leaf.map(|der| BASE64URL_NOPAD.encode(&thumbprint(der))),
        cer: leaf.map(|der| BASE64.encode(der)),
        content_type: item.version.certificate.as_ref().map(|certificate| certificate.content_type.as_str()),
        attributes: Attributes::of(&item.version, facts),
        tags: &item.version.attributes.tags,
        policy: Policy::of(addresses, vault, item)?,
        pending,
        revocation: Revocation::of(standing),
        renewal: Renewal::of_current(item, deletion.as_ref()),
        deletion,
    })
}

/// One line.
pub(crate) fn line<'a>(
    addresses: &Addresses,
    vault: &VaultName,
    item: &'a SecretItem,
    facts: VaultFacts,
    form: IdForm,
    standing: &Standing,
) -> Line<'a> {
    let version = (form == IdForm::Versioned).then_some(&item.version.version);
    let deletion = deletion(addresses, vault, item);
    Line {
        id: addresses.object("certificates", vault, &item.secret.name, version),
        x5t: leaf(item).map(|der| BASE64URL_NOPAD.encode(&thumbprint(der))),
        attributes: Attributes::of(&item.version, facts),
        tags: &item.version.attributes.tags,
        revocation: Revocation::of(standing),
        // Lists say what somebody has to look at.
        renewal: Renewal::of_current(item, deletion.as_ref()).filter(|renewal| renewal.failed.is_some()),
        deletion,
    }
}

/// An operation on a certificate.
#[derive(Serialize)]
pub(crate) struct Operation {
    id: String,
    issuer: Issuer,
    csr: String,
    cancellation_requested: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_details: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<OperationProblem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    request_id: String,
}

#[derive(Serialize)]
struct OperationProblem {
    code: String,
    message: String,
}

/// The last operation of a name; none when there is none, or another than the caller asks about.
pub(crate) fn operation(
    addresses: &Addresses,
    vault: &VaultName,
    item: &SecretItem,
    asked: Option<&str>,
) -> Result<Operation, Problem> {
    let name = &item.secret.name;
    let of = |pending: &&PendingOperation| asked.is_none_or(|asked| asked.eq_ignore_ascii_case(&pending.request_id));
    let pending = state(item)?.pending.as_ref().filter(of);
    let pending = pending.ok_or_else(|| CertificateError::NoPending(name.clone()))?;
    let id = addresses.object("certificates", vault, name, None);
    let (status, status_details, error) = match pending.status {
        PendingStatus::InProgress => ("inProgress", Some(details(pending)), None),
        PendingStatus::Completed => ("completed", pending.gives_up_key.then(|| NEW_KEY.to_owned()), None),
        PendingStatus::Cancelled => {
            let message = "The operation was cancelled.".to_owned();
            ("cancelled", Some(message.clone()), Some(OperationProblem { code: "Cancelled".to_owned(), message }))
        }
        PendingStatus::Failed => {
            let trouble = pending.enrolment.as_ref().and_then(|enrolment| enrolment.trouble.clone());
            let problem = trouble.map(|Trouble { code, message }| OperationProblem { code, message });
            ("failed", problem.as_ref().map(|problem| problem.message.clone()), problem)
        }
    };
    Ok(Operation {
        issuer: Issuer::named(&pending.issuer),
        csr: BASE64.encode(&pending.request),
        cancellation_requested: pending.status == PendingStatus::Cancelled,
        status,
        status_details,
        error,
        target: (pending.status == PendingStatus::Completed).then(|| id.clone()),
        request_id: pending.request_id.clone(),
        id: format!("{id}/pending"),
    })
}

/// What of an operation that goes on is told.
const ASK: &str = "Pending certificate created. Ask for this operation to learn when it is done.";

/// What is told of a key that is not the one that the policy says to keep.
const NEW_KEY: &str =
    "The key is a new one, though the policy says to reuse it: that of the version before was revoked as compromised.";

fn details(pending: &PendingOperation) -> String {
    let stands = how_it_stands(pending);
    if pending.gives_up_key { format!("{stands} {NEW_KEY}") } else { stands }
}

fn how_it_stands(pending: &PendingOperation) -> String {
    match &pending.enrolment {
        None => "Pending certificate created. Please Perform Merge to complete the request. The certificate signing \
                 request is in csr."
            .to_owned(),
        Some(Enrolment { trouble: None, .. }) => ASK.to_owned(),
        Some(Enrolment { trouble: Some(trouble), .. }) => {
            format!("The issuer is asked again. The last time: {}", trouble.message)
        }
    }
}

impl Operation {
    /// As it began, also when it is done already: Azure's Python package takes an operation that never was in progress
    /// for one without a result.
    pub(crate) fn begun(self) -> Self {
        match self.status {
            "completed" => Self { status: "inProgress", status_details: Some(ASK.to_owned()), target: None, ..self },
            _ => self,
        }
    }

    /// Where its state can be asked for.
    pub(crate) fn location(&self, api_version: &str) -> String {
        format!("{}?api-version={api_version}&request_id={}", self.id, self.request_id)
    }
}

#[cfg(test)]
mod tests {
    use strongroom_domain::rotation::FailedAttempts;

    use super::*;

    #[test]
    fn a_renewal_is_told_with_what_failed_of_it_and_nothing_where_there_is_none() {
        let told = |rotation: &Rotation| serde_json::to_value(Renewal::of(rotation)).unwrap();
        let planned = Rotation { rotate_at: Some(7), ..Rotation::default() };
        let failed = Some(FailedAttempts { count: 2, last: 5, reason: "denied".to_owned() });
        assert_eq!(told(&Rotation::default()), serde_json::json!(null));
        assert_eq!(told(&planned), serde_json::json!({ "status": "planned", "next": 7 }));
        assert_eq!(
            told(&Rotation { failed, ..planned }),
            serde_json::json!({ "status": "failed", "next": 7, "failures": 2, "last": 5, "reason": "denied" })
        );
    }
}
