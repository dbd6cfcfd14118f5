//! Keys as data: what kind of key a version is and what it may be used for. Never the private part.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use strongroom_crypto::key::{DataAlgorithm, KeySpec, PublicKey, SignAlgorithm};
use uuid::Uuid;

/// What a key may be used for (`key_ops` of RFC 7517, section 4.3), in the order of Azure's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyOperation {
    /// Encrypt data.
    Encrypt,
    /// Decrypt data.
    Decrypt,
    /// Sign a digest.
    Sign,
    /// Verify a signature.
    Verify,
    /// Wrap a key.
    WrapKey,
    /// Unwrap a key.
    UnwrapKey,
}

impl KeyOperation {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Encrypt, Self::Decrypt, Self::Sign, Self::Verify, Self::WrapKey, Self::UnwrapKey];

    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Sign => "sign",
            Self::Verify => "verify",
            Self::WrapKey => "wrapKey",
            Self::UnwrapKey => "unwrapKey",
        }
    }

    /// By its name, exactly as written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == text)
    }

    /// What a key of this kind can do at all.
    #[must_use]
    pub fn possible(spec: KeySpec) -> BTreeSet<Self> {
        match spec {
            KeySpec::Ec { .. } => BTreeSet::from([Self::Sign, Self::Verify]),
            KeySpec::Rsa { .. } | KeySpec::Oct { .. } => BTreeSet::from(Self::ALL),
        }
    }

    /// What a key may be used for when its maker says nothing (Azure's defaults).
    #[must_use]
    pub fn default_for(spec: KeySpec) -> BTreeSet<Self> {
        let mut operations = Self::possible(spec);
        if let KeySpec::Oct { .. } = spec {
            operations.retain(|operation| !matches!(operation, Self::Sign | Self::Verify));
        }
        operations
    }
}

/// An algorithm by its name, of whatever sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct KeyAlgorithm(&'static str);

/// No algorithm of keys has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such algorithm of keys")]
pub struct NoSuchAlgorithm;

impl KeyAlgorithm {
    /// By its name, exactly as written.
    ///
    /// # Errors
    /// [`NoSuchAlgorithm`].
    pub fn parse(name: &str) -> Result<Self, NoSuchAlgorithm> {
        let signs = SignAlgorithm::parse(name).map(Self::from);
        signs.or_else(|| DataAlgorithm::parse(name).map(Self::from)).ok_or(NoSuchAlgorithm)
    }

    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let signs = SignAlgorithm::ALL.iter().copied().map(Self::from);
        signs.chain(DataAlgorithm::ALL.iter().copied().map(Self::from))
    }

    /// All that Azure advises against: `RSAES-PKCS1-v1_5`, whose padding has been an oracle again and again; OAEP
    /// with SHA-1; and CBC, which says nothing of whether a ciphertext was changed.
    pub fn weak() -> impl Iterator<Item = Self> {
        let weak = |algorithm: &&DataAlgorithm| {
            matches!(algorithm, DataAlgorithm::Rsa15 | DataAlgorithm::RsaOaep) || algorithm.is_cbc()
        };
        DataAlgorithm::ALL.iter().filter(weak).copied().map(Self::from)
    }
}

impl From<SignAlgorithm> for KeyAlgorithm {
    fn from(algorithm: SignAlgorithm) -> Self {
        Self(algorithm.as_str())
    }
}

impl From<DataAlgorithm> for KeyAlgorithm {
    fn from(algorithm: DataAlgorithm) -> Self {
        Self(algorithm.as_str())
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'de> Deserialize<'de> for KeyAlgorithm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// What of a version is a key's alone. Judged by the gate's side and by every operation, so authenticated
/// with the version it stands in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyProperties {
    /// Type and size.
    pub spec: KeySpec,
    /// What it may be used for.
    pub operations: BTreeSet<KeyOperation>,
    /// Whether the private part may ever leave. No key that is made or imported today may.
    pub exportable: bool,
    /// The public half; none of a symmetric key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<PublicKey>,
    /// What a hardware token has of the name's versions; none of a name that never had one there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenShare>,
}

/// What a hardware token has of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenShare {
    /// Which objects of the token are the name's. Kept by every later version, so that a purge knows all of them.
    pub family: Uuid,
    /// Whether this version is there. One made in software may follow one of hardware, and the other way round.
    pub here: bool,
}

impl KeyProperties {
    /// Whether the private part is in a hardware token, which it never leaves.
    #[must_use]
    pub fn in_token(&self) -> bool {
        self.token.is_some_and(|share| share.here)
    }

    /// Its type as it is written (`kty`).
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match (self.spec, self.in_token()) {
            (KeySpec::Rsa { .. }, false) => "RSA",
            (KeySpec::Rsa { .. }, true) => "RSA-HSM",
            (KeySpec::Ec { .. }, false) => "EC",
            (KeySpec::Ec { .. }, true) => "EC-HSM",
            (KeySpec::Oct { .. }, false) => "oct",
            (KeySpec::Oct { .. }, true) => "oct-HSM",
        }
    }

    /// Checks that the key can do what it may be used for. A symmetric key in a token encrypts and wraps alone.
    ///
    /// # Errors
    /// [`ImpossibleOperations`].
    pub fn check_operations(&self) -> Result<(), ImpossibleOperations> {
        use KeyOperation::{Sign, Verify};
        let authenticates = [Sign, Verify].iter().any(|operation| self.operations.contains(operation));
        if self.in_token() && matches!(self.spec, KeySpec::Oct { .. }) && authenticates {
            return Err(ImpossibleOperations);
        }
        check_operations(self.spec, &self.operations)
    }
}

/// Operations that a key of this kind cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key of this type cannot do one of the operations in key_ops")]
pub struct ImpossibleOperations;

/// Checks that a key of this kind can do the operations.
///
/// # Errors
/// [`ImpossibleOperations`].
pub fn check_operations(spec: KeySpec, operations: &BTreeSet<KeyOperation>) -> Result<(), ImpossibleOperations> {
    if operations.is_subset(&KeyOperation::possible(spec)) { Ok(()) } else { Err(ImpossibleOperations) }
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::key::Curve;

    use super::*;

    /// Pins the form: it is authenticated as written and kept for as long as the key.
    #[test]
    fn properties_keep_their_form() {
        let spec = KeySpec::Ec { crv: Curve::P256K };
        let public = PublicKey::Ec { crv: Curve::P256K, x: vec![1; 32], y: vec![2; 32] };
        let operations = KeyOperation::default_for(spec);
        let mut properties = KeyProperties { spec, operations, exportable: false, public: Some(public), token: None };
        let text = serde_json::to_string(&properties).unwrap();
        let (x, y) = (format!("{}E", "AQEB".repeat(10) + "AQ"), format!("{}I", "AgIC".repeat(10) + "Ag"));
        assert_eq!(
            text,
            format!(
                r#"{{"spec":{{"kty":"EC","crv":"P-256K"}},"operations":["sign","verify"],"exportable":false,"public":{{"kty":"EC","crv":"P-256K","x":"{x}","y":"{y}"}}}}"#
            )
        );
        assert_eq!(serde_json::from_str::<KeyProperties>(&text).unwrap(), properties);
        properties.token = Some(TokenShare { family: Uuid::from_u128(7), here: true });
        let in_token = serde_json::to_string(&properties).unwrap();
        let share = r#","token":{"family":"00000000-0000-0000-0000-000000000007","here":true}}"#;
        assert_eq!(in_token, format!("{}{share}", &text[..text.len() - 1]));
        assert_eq!(serde_json::from_str::<KeyProperties>(&in_token).unwrap(), properties);
    }

    #[test]
    fn a_symmetric_key_in_a_token_authenticates_nothing() {
        let operations = BTreeSet::from([KeyOperation::Sign]);
        let spec = KeySpec::Oct { bits: 256 };
        let mut key = KeyProperties { spec, operations, exportable: false, public: None, token: None };
        assert!(key.check_operations().is_ok());
        let share = TokenShare { family: Uuid::nil(), here: false };
        key.token = Some(share);
        assert_eq!((key.check_operations(), key.type_name()), (Ok(()), "oct"));
        key.token = Some(TokenShare { here: true, ..share });
        assert_eq!((key.check_operations(), key.type_name()), (Err(ImpossibleOperations), "oct-HSM"));
    }

    #[test]
    fn algorithms_are_known_by_their_names_and_the_weak_ones_are_these() {
        let weak: Vec<&str> = KeyAlgorithm::weak().map(KeyAlgorithm::as_str).collect();
        let cbc = ["A128CBC", "A192CBC", "A256CBC", "A128CBCPAD", "A192CBCPAD", "A256CBCPAD"];
        assert_eq!(weak, [&["RSA1_5", "RSA-OAEP"], &cbc[..]].concat());
        for name in weak.into_iter().chain(["ES256K", "PS512", "A256KW"]) {
            assert_eq!(KeyAlgorithm::parse(name).map(KeyAlgorithm::as_str), Ok(name));
        }
        for name in ["", "rsa1_5", "RSNULL", "none"] {
            assert_eq!(KeyAlgorithm::parse(name), Err(NoSuchAlgorithm), "{name}");
        }
    }

    #[test]
    fn a_key_on_a_curve_signs_and_nothing_else() {
        let ec = KeySpec::Ec { crv: Curve::P256 };
        assert!(check_operations(ec, &BTreeSet::from([KeyOperation::Encrypt])).is_err());
        assert!(check_operations(ec, &BTreeSet::new()).is_ok());
        assert!(check_operations(KeySpec::Oct { bits: 128 }, &BTreeSet::from([KeyOperation::Sign])).is_ok());
        for operation in KeyOperation::ALL {
            assert_eq!(KeyOperation::parse(operation.as_str()), Some(operation));
        }
        assert_eq!(KeyOperation::parse("wrapkey"), None);
    }
}
