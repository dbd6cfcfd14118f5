//! Keys as data: what kind of key a version is and what it may be used for. Never the private part.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strongroom_crypto::key::{KeySpec, PublicKey};

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
        let properties = KeyProperties { spec, operations, exportable: false, public: Some(public) };
        let text = serde_json::to_string(&properties).unwrap();
        let (x, y) = (format!("{}E", "AQEB".repeat(10) + "AQ"), format!("{}I", "AgIC".repeat(10) + "Ag"));
        assert_eq!(
            text,
            format!(
                r#"{{"spec":{{"kty":"EC","crv":"P-256K"}},"operations":["sign","verify"],"exportable":false,"public":{{"kty":"EC","crv":"P-256K","x":"{x}","y":"{y}"}}}}"#
            )
        );
        assert_eq!(serde_json::from_str::<KeyProperties>(&text).unwrap(), properties);
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
