//! Names: the one parser of what callers call things.
//!
//! A name is parsed once, judged and used in the same canonical form. Comparison is ASCII
//! case-insensitive, as in Azure; the spelling of the creator is kept for display only. Nothing
//! here may decode, trim or repair: input that is not a name is an error.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Azure: 3 to 24 characters, a letter first, letters, digits and single hyphens, no hyphen at the end.
    #[error(
        "a vault name has 3 to 24 letters, digits and single hyphens, begins with a letter and does not end with a hyphen"
    )]
    Vault,
    /// Azure: `^[0-9a-zA-Z-]{1,127}$`.
    #[error("an object name has 1 to 127 letters, digits and hyphens")]
    Object,
    /// Azure: 32 hexadecimal digits.
    #[error("a version has 32 hexadecimal digits")]
    Version,
}

/// Name of a vault, the first label of its host.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VaultName(String);

impl VaultName {
    /// Parses and folds to lower case.
    ///
    /// # Errors
    /// [`NameError::Vault`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let bytes = text.as_bytes();
        let shape = (3..=24).contains(&bytes.len())
            && bytes.first().is_some_and(u8::is_ascii_alphabetic)
            && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            && !text.contains("--");
        if shape { Ok(Self(text.to_ascii_lowercase())) } else { Err(NameError::Vault) }
    }

    /// Canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Name of a secret, key or certificate. Two spellings that differ in case are the same name.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectName {
    canonical: String,
    display: String,
}

impl ObjectName {
    /// Parses; keeps the spelling for display.
    ///
    /// # Errors
    /// [`NameError::Object`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let shape = (1..=127).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if shape {
            Ok(Self { canonical: text.to_ascii_lowercase(), display: text.to_owned() })
        } else {
            Err(NameError::Object)
        }
    }

    /// The form that is judged, stored, sealed and compared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// Whether a word of addresses stands where such an object's name would (Azure Key Vault REST, certificates), so that
    /// nobody could reach what has that name.
    #[must_use]
    pub fn is_reserved(&self, kind: ObjectKind) -> bool {
        kind == ObjectKind::Certificate && ["contacts", "issuers", "restore"].contains(&self.as_str())
    }

    /// The spelling it was given with.
    #[must_use]
    pub fn display(&self) -> &str {
        &self.display
    }
}

impl PartialEq for ObjectName {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}
impl Eq for ObjectName {}
impl std::hash::Hash for ObjectName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

/// Version of an object: 32 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectVersion(String);

impl ObjectVersion {
    /// Parses; upper-case digits are folded.
    ///
    /// # Errors
    /// [`NameError::Version`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(NameError::Version)
        }
    }

    /// Makes a version from 16 random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(data_encoding::HEXLOWER.encode(&bytes))
    }

    /// Canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_name {
    ($type:ty, $show:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.$show())
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.$show(), f)
            }
        }
        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.$show().to_owned()
            }
        }
    };
}
text_name!(VaultName, as_str);
text_name!(ObjectName, display);
text_name!(ObjectVersion, as_str);

/// What kind of thing a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// A secret.
    Secret,
    /// A key.
    Key,
    /// A certificate.
    Certificate,
    /// Who issues certificates for a vault.
    Issuer,
    /// Who is told about the certificates of a vault.
    Contacts,
    /// What an authority of a vault has revoked.
    Revocations,
    /// The vault itself, and what is configured on it.
    Vault,
    /// The installation: vaults, identities, assignments, audit.
    Server,
    /// A workload identity, named by its client id.
    Workload,
}

impl ObjectKind {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::Secret,
        Self::Key,
        Self::Certificate,
        Self::Issuer,
        Self::Contacts,
        Self::Revocations,
        Self::Vault,
        Self::Server,
        Self::Workload,
    ];

    /// Reads the word of [`Self::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it is one of what a vault holds.
    #[must_use]
    pub fn is_in_vault(self) -> bool {
        matches!(self, Self::Secret | Self::Key | Self::Certificate | Self::Issuer | Self::Contacts | Self::Revocations)
    }

    /// The word used in associated data, policy requests and audit records. Frozen.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Key => "key",
            Self::Certificate => "certificate",
            Self::Issuer => "issuer",
            Self::Contacts => "contacts",
            Self::Revocations => "revocations",
            Self::Vault => "vault",
            Self::Server => "server",
            Self::Workload => "workload",
        }
    }

    /// The name of an object among all objects of its vault. A secret's is its own, because secrets were
    /// there first; no name has a slash in it, so no other kind's can be taken for one. Frozen.
    #[must_use]
    pub fn qualify(self, name: &ObjectName) -> String {
        match self {
            Self::Secret => name.as_str().to_owned(),
            kind => format!("{}/{}", kind.as_str(), name.as_str()),
        }
    }
}

/// Identity of an installation; the tenant of its token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstallationId(pub Uuid);

/// Identity of a vault. A vault made again under an old name is another vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VaultId(pub Uuid);

impl fmt::Display for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn vault_names_follow_azure() {
        for good in ["abc", "Demo", "a1-b2", "abcdefghijklmnopqrstuvwx"] {
            assert!(VaultName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "1ab", "a--b", "ab-", "-ab", "a_b", "abcdefghijklmnopqrstuvwxy", "ab\u{e9}"] {
            assert!(VaultName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn case_is_kept_for_display_and_ignored_for_identity() {
        let (a, b) = (ObjectName::parse("Db-Password").unwrap(), ObjectName::parse("db-password").unwrap());
        assert_eq!(a, b);
        assert_eq!(a.display(), "Db-Password");
        assert_eq!(a.as_str(), "db-password");
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_canonical_and_survives_a_second_parse(text in "\\PC{0,140}") {
            if let Ok(name) = ObjectName::parse(&text) {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
                let again = ObjectName::parse(name.as_str()).unwrap();
                prop_assert_eq!(again.as_str(), name.as_str());
            }
        }

        #[test]
        fn only_the_documented_alphabet_is_accepted(text in "[a-zA-Z0-9-]{1,127}", bad in "[^a-zA-Z0-9-]") {
            prop_assert!(ObjectName::parse(&text).is_ok());
            let spoilt = format!("{}{bad}", &text[..text.len().min(100)]);
            prop_assert!(ObjectName::parse(&spoilt).is_err());
        }
    }
}
