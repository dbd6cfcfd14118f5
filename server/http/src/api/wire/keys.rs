//! Shapes of the keys of the Key Vault data plane (Azure Key Vault REST, keys). Bytes are base64url.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use strongroom_crypto::key::{Curve, EcComponents, KeyParts, KeyRejected, KeySpec, PublicKey, RsaComponents};
use strongroom_domain::{
    key::{KeyOperation, KeyProperties},
    keys::{Import, KeyError, KeyRequest},
    names::{ObjectName, VaultName},
    secret::{AttributePatch, LifeState, SecretAttributes, SecretItem, VaultFacts},
};
use zeroize::Zeroizing;

use super::{Attributes, Deletion, IdForm, SetAttributes};
use crate::{paths::Addresses, problem::Problem};

/// Longest number of a key in bytes: the modulus of the biggest RSA key, and some.
const MAX_NUMBER: usize = 1024;

#[derive(Default, Deserialize)]
struct KeyAttributes {
    #[serde(flatten)]
    common: SetAttributes,
    #[serde(default)]
    exportable: Option<bool>,
}

impl KeyAttributes {
    /// No private part leaves this server, so nobody is let believe that one could.
    fn refuse_export(&self, release_policy: bool) -> Result<(), Problem> {
        if self.exportable == Some(true) || release_policy {
            return Err(Problem::bad_parameter(
                "Exportable keys and release policies are not offered: no private key leaves this vault.",
            ));
        }
        Ok(())
    }
}

fn operations(names: Option<Vec<String>>) -> Result<Option<BTreeSet<KeyOperation>>, Problem> {
    let parse = |name: &String| {
        KeyOperation::parse(name).ok_or_else(|| {
            Problem::bad_parameter("key_ops may hold encrypt, decrypt, sign, verify, wrapKey and unwrapKey.")
        })
    };
    names.map(|names| names.iter().map(parse).collect()).transpose()
}

/// A type of key and whether it is to live in hardware.
fn kind(kty: &str) -> Option<(&str, bool)> {
    match kty {
        "RSA" | "EC" | "oct" => Some((kty, false)),
        "RSA-HSM" | "EC-HSM" | "oct-HSM" => kty.strip_suffix("-HSM").map(|kty| (kty, true)),
        _ => None,
    }
}

pub(in crate::api::wire) fn curve(crv: Option<&str>) -> Result<Curve, Problem> {
    let named = crv.unwrap_or("P-256");
    Curve::ALL
        .into_iter()
        .find(|curve| curve.as_str() == named)
        .ok_or_else(|| Problem::bad_parameter("crv must be P-256, P-256K, P-384 or P-521."))
}

/// Body of POST /keys/{name}/create.
#[derive(Deserialize)]
pub(crate) struct CreateKey {
    kty: String,
    #[serde(default)]
    key_size: Option<u64>,
    #[serde(default)]
    public_exponent: Option<u64>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    attributes: Option<KeyAttributes>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    release_policy: Option<serde::de::IgnoredAny>,
}

impl CreateKey {
    pub(crate) fn split(self) -> Result<(KeyRequest, SecretAttributes), Problem> {
        let given = self.attributes.unwrap_or_default();
        given.refuse_export(self.release_policy.is_some())?;
        let size = || KeyError::from(KeyRejected::Size);
        let (kty, hardware) = kind(&self.kty)
            .ok_or_else(|| Problem::bad_parameter("kty must be RSA, EC or oct, or one of them with -HSM."))?;
        let spec = match kty {
            "RSA" => {
                if self.public_exponent.is_some_and(|exponent| exponent != 65_537) {
                    return Err(Problem::bad_parameter("public_exponent must be 65537."));
                }
                KeySpec::rsa(self.key_size.unwrap_or(2048)).ok_or_else(size)?
            }
            "EC" => KeySpec::Ec { crv: curve(self.crv.as_deref())? },
            _ => KeySpec::oct(self.key_size.unwrap_or(256)).ok_or_else(size)?,
        };
        let request = KeyRequest { spec, hardware, operations: operations(self.key_ops)? };
        Ok((request, given.common.whole(None, self.tags)))
    }
}

/// Body of PATCH /keys/{name}/{version}. What is absent or null stays as it is.
#[derive(Deserialize)]
pub(crate) struct UpdateKey {
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    attributes: Option<KeyAttributes>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    release_policy: Option<serde::de::IgnoredAny>,
}

impl UpdateKey {
    pub(crate) fn split(self) -> Result<(AttributePatch, Option<BTreeSet<KeyOperation>>), Problem> {
        let given = self.attributes.unwrap_or_default();
        given.refuse_export(self.release_policy.is_some())?;
        let patch = given.common.patch(None, self.tags);
        Ok((patch, operations(self.key_ops)?))
    }
}

/// Bytes in base64url, cleared when dropped.
pub(crate) struct Bytes(pub(crate) Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let text = text.trim_end_matches('=');
        data_encoding::BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map(|bytes| Self(Zeroizing::new(bytes)))
            .map_err(|_| serde::de::Error::custom("not base64url"))
    }
}

/// Body of PUT /keys/{name}.
#[derive(Deserialize)]
pub(crate) struct ImportKey {
    key: PrivateJwk,
    #[serde(default, rename = "Hsm", alias = "hsm")]
    hsm: Option<bool>,
    #[serde(default)]
    attributes: Option<KeyAttributes>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    release_policy: Option<serde::de::IgnoredAny>,
}

/// A private JSON Web Key (RFC 7518, section 6).
#[derive(Deserialize)]
struct PrivateJwk {
    kty: String,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<Bytes>,
    #[serde(default)]
    e: Option<Bytes>,
    #[serde(default)]
    d: Option<Bytes>,
    #[serde(default)]
    p: Option<Bytes>,
    #[serde(default)]
    q: Option<Bytes>,
    #[serde(default)]
    dp: Option<Bytes>,
    #[serde(default)]
    dq: Option<Bytes>,
    #[serde(default)]
    qi: Option<Bytes>,
    #[serde(default)]
    x: Option<Bytes>,
    #[serde(default)]
    y: Option<Bytes>,
    #[serde(default)]
    k: Option<Bytes>,
}

fn part(part: Option<Bytes>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let bytes = part.map(|bytes| bytes.0).filter(|bytes| !bytes.is_empty() && bytes.len() <= MAX_NUMBER);
    Ok(bytes.ok_or(KeyRejected::Inconsistent)?)
}

impl PrivateJwk {
    /// Taken apart, not looked at: that is for whoever may import it.
    fn into_parts(self, kty: &str) -> Result<KeyParts, Problem> {
        Ok(match kty {
            "RSA" => KeyParts::Rsa(RsaComponents {
                n: part(self.n)?.to_vec(),
                e: part(self.e)?.to_vec(),
                d: part(self.d)?,
                p: part(self.p)?,
                q: part(self.q)?,
                dp: part(self.dp)?,
                dq: part(self.dq)?,
                qi: part(self.qi)?,
            }),
            "EC" => KeyParts::Ec(EcComponents {
                curve: curve(self.crv.as_deref().or(Some("")))?,
                x: part(self.x)?.to_vec(),
                y: part(self.y)?.to_vec(),
                d: part(self.d)?,
            }),
            _ => KeyParts::Oct(part(self.k)?),
        })
    }
}

impl ImportKey {
    pub(crate) fn split(mut self) -> Result<(Import, SecretAttributes), Problem> {
        let given = self.attributes.unwrap_or_default();
        given.refuse_export(self.release_policy.is_some())?;
        let kty = self.key.kty.clone();
        let (kty, hardware) = kind(&kty)
            .ok_or_else(|| Problem::bad_parameter("kty must be RSA, EC or oct, or one of them with -HSM."))?;
        let operations = operations(self.key.key_ops.take())?;
        let parts = self.key.into_parts(kty)?;
        let brought = Import { parts, hardware: hardware || self.hsm == Some(true), operations };
        Ok((brought, given.common.whole(None, self.tags)))
    }
}

/// A private JSON Web Key by itself, as a file has it, and what it says that it may be used for. Taken apart, not looked at.
pub(crate) fn private_jwk(text: &[u8]) -> Result<(KeyParts, Option<BTreeSet<KeyOperation>>), Problem> {
    let mut key: PrivateJwk = serde_json::from_slice(text)
        .map_err(|_| Problem::bad_parameter("It is not one private JSON Web Key with a type (kty)."))?;
    // As other programs call it (RFC 8812).
    if key.crv.as_deref() == Some("secp256k1") {
        key.crv = Some("P-256K".to_owned());
    }
    let kty = key.kty.clone();
    let (kty, _) = kind(&kty).ok_or_else(|| Problem::bad_parameter("Its type (kty) must be RSA, EC or oct."))?;
    let operations = operations(key.key_ops.take())?;
    Ok((key.into_parts(kty)?, operations))
}

/// The public part of a key on the wire.
#[derive(Serialize)]
struct Jwk<'a> {
    kid: String,
    kty: &'static str,
    key_ops: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

impl Jwk<'_> {
    fn of(kid: String, key: &KeyProperties) -> Self {
        let text = |bytes: &[u8]| Some(data_encoding::BASE64URL_NOPAD.encode(bytes));
        let kty = key.type_name();
        let key_ops = key.operations.iter().map(|operation| operation.as_str()).collect();
        let none = Self { kid, kty, key_ops, n: None, e: None, crv: None, x: None, y: None };
        match &key.public {
            Some(PublicKey::Rsa { n, e }) => Self { n: text(n), e: text(e), ..none },
            Some(PublicKey::Ec { crv, x, y }) => Self { crv: Some(crv.as_str()), x: text(x), y: text(y), ..none },
            None => none,
        }
    }
}

#[derive(Serialize)]
struct ShownAttributes {
    #[serde(flatten)]
    common: Attributes,
    exportable: bool,
    /// "0" is software. Azure has "1" and "2" for what its hardware is validated by; of a token nobody here knows that,
    /// so it is "1", the least that is hardware.
    #[serde(rename = "hsmPlatform")]
    hsm_platform: &'static str,
    /// Bits, of an RSA or a symmetric key: the size of the latter is nowhere else. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_size: Option<u16>,
}

impl ShownAttributes {
    fn of(item: &SecretItem, facts: VaultFacts) -> Self {
        let key = item.version.key.as_deref();
        let key_size = key.and_then(|key| match key.spec {
            KeySpec::Rsa { bits } | KeySpec::Oct { bits } => Some(bits),
            KeySpec::Ec { .. } => None,
        });
        Self {
            common: Attributes::of(&item.version, facts),
            exportable: key.is_some_and(|key| key.exportable),
            hsm_platform: if key.is_some_and(KeyProperties::in_token) { "1" } else { "0" },
            key_size,
        }
    }
}

/// A key, or a deleted key.
#[derive(Serialize)]
pub(crate) struct KeyBundle<'a> {
    key: Jwk<'a>,
    attributes: ShownAttributes,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    managed: bool,
    #[serde(flatten)]
    deletion: Option<Deletion>,
}

impl KeyBundle<'_> {
    /// The operations that the bundle names as permitted.
    pub(super) fn operations(&mut self) -> (&'static str, &mut Vec<&'static str>) {
        (self.key.kty, &mut self.key.key_ops)
    }
}

/// A line of a listing: no part of the key.
#[derive(Serialize)]
pub(crate) struct KeyLine<'a> {
    kid: String,
    /// Type, and the curve of an elliptic key: ours, so that a listing tells keys apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    kty: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    attributes: ShownAttributes,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    managed: bool,
    #[serde(flatten)]
    deletion: Option<Deletion>,
}

fn deletion(addresses: &Addresses, vault: &VaultName, name: &ObjectName, life: &LifeState) -> Option<Deletion> {
    Deletion::of(life, || addresses.deleted_object("keys", vault, name))
}

/// The bundle of a key; an item without properties is no key.
pub(crate) fn bundle<'a>(
    addresses: &Addresses,
    vault: &VaultName,
    item: &'a SecretItem,
    facts: VaultFacts,
) -> Result<KeyBundle<'a>, Problem> {
    let name = &item.secret.name;
    let properties = item.version.key.as_ref().ok_or_else(Problem::internal)?;
    let kid = addresses.object("keys", vault, name, Some(&item.version.version));
    Ok(KeyBundle {
        key: Jwk::of(kid, properties),
        attributes: ShownAttributes::of(item, facts),
        tags: &item.version.attributes.tags,
        managed: item.secret.managed,
        deletion: deletion(addresses, vault, name, &item.secret.life),
    })
}

/// One line.
pub(crate) fn line<'a>(
    addresses: &Addresses,
    vault: &VaultName,
    item: &'a SecretItem,
    facts: VaultFacts,
    form: IdForm,
) -> KeyLine<'a> {
    let name = &item.secret.name;
    let version = (form == IdForm::Versioned).then_some(&item.version.version);
    let key = item.version.key.as_deref();
    KeyLine {
        kid: addresses.object("keys", vault, name, version),
        kty: key.map(KeyProperties::type_name),
        crv: key.and_then(|key| match key.spec {
            KeySpec::Ec { crv } => Some(crv.as_str()),
            KeySpec::Rsa { .. } | KeySpec::Oct { .. } => None,
        }),
        attributes: ShownAttributes::of(item, facts),
        tags: &item.version.attributes.tags,
        managed: item.secret.managed,
        deletion: deletion(addresses, vault, name, &item.secret.life),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imported_key_is_taken_apart_and_looked_at_by_nobody_yet() {
        let number = data_encoding::BASE64URL_NOPAD.encode(&[0xc1; 256]);
        let mut key = serde_json::json!({ "kty": "RSA" });
        for part in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
            key[part] = number.clone().into();
        }
        let body: ImportKey = serde_json::from_value(serde_json::json!({ "key": key })).unwrap();
        let (brought, _) = body.split().ok().unwrap();
        assert_eq!(brought.parts.spec(), Ok(KeySpec::Rsa { bits: 2048 }));
        assert!(brought.parts.into_key().is_err(), "these numbers are no key, which is found when somebody looks");
        let short = serde_json::json!({ "key": { "kty": "oct", "k": "AAAA" } });
        let (short, _) = serde_json::from_value::<ImportKey>(short).unwrap().split().ok().unwrap();
        assert_eq!(short.parts.spec(), Err(KeyRejected::Size));
    }
}
