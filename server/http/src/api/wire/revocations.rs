//! Shapes of revocation.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use strongroom_domain::{
    names::{ObjectName, VaultName},
    revocation::{RevocationList, SignedList},
    revocations::ShownRevocations,
};

use crate::services::Services;

/// Body of POST /certificates/{name}/revoke. What is not known here might narrow what is revoked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoke {
    /// Serial number in hexadecimal digits.
    #[serde(default)]
    pub(crate) serial: Option<String>,
    /// The certificate itself: DER in base64, or PEM.
    #[serde(default)]
    pub(crate) certificate: Option<String>,
    /// Why, in RFC 5280's words.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// With a serial number: the version of the authority that signed it; else its current one. Else the version that is
    /// revoked.
    #[serde(default)]
    pub(crate) version: Option<String>,
    /// Not what an authority of this name signed: a version of the name itself, by whoever issued it elsewhere.
    #[serde(default)]
    pub(crate) at_issuer: bool,
    /// With that: the issuer, by its name in the vault; else the one of the policy.
    #[serde(default)]
    pub(crate) issuer: Option<String>,
}

/// Everything that an authority has revoked.
#[derive(Serialize)]
pub(crate) struct Revocations<'a> {
    id: String,
    lists: Vec<List<'a>>,
}

#[derive(Serialize)]
struct List<'a> {
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    this_update: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_update: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crl: Option<String>,
    revoked: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    serial: &'a str,
    revoked: i64,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
}

impl<'a> Revocations<'a> {
    pub(crate) fn of(services: &Services, vault: &VaultName, name: &ObjectName, shown: &'a ShownRevocations) -> Self {
        let list = |list: &'a RevocationList| {
            let signed = list.signed.as_ref();
            let one = |one: &'a strongroom_domain::revocation::RevokedCertificate| One {
                serial: &one.serial,
                revoked: one.at,
                reason: one.reason.as_str(),
                expires: one.ends,
            };
            List {
                version: list.version.as_str(),
                url: services.revoking.address(shown.vault, name, &list.id),
                number: signed.map(|signed| signed.number),
                made: signed.map(SignedList::made),
                this_update: signed.map(|signed| signed.this_update),
                next_update: signed.map(|signed| signed.next_update),
                crl: signed.map(|signed| BASE64.encode(&signed.der)),
                revoked: list.revoked.iter().map(one).collect(),
            }
        };
        let id = services.addresses.object("certificates", vault, name, None);
        Self { id: format!("{id}/revocations"), lists: shown.all.lists.iter().map(list).collect() }
    }
}
