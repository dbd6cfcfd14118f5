//! Secrets as data: attributes, versions, and the life of a name. Keys and certificates are kept in the same shape:
//! what is a key alone stands in [`VersionMeta::key`], what is a certificate alone in [`VersionMeta::certificate`] and
//! [`SecretMeta::certificate`], and the private part is sealed where a secret has its value.
//!
//! Metadata only, and sealed rows; an opened value appears nowhere in this module but in
//! [`OpenedSecret`], whose plaintext has neither `Debug` nor `Serialize`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strongroom_crypto::{SealedValue, SecretText};

use crate::{
    certificate::{CertificateState, CertificateVersion},
    key::KeyProperties,
    names::{ObjectName, ObjectVersion, VaultId},
    rotation::Rotation,
};

/// Longest value in bytes (Azure: 25 kB).
pub const MAX_VALUE_BYTES: usize = 25_600;
/// Longest content type in characters.
pub const MAX_CONTENT_TYPE: usize = 255;
/// Most tags.
pub const MAX_TAGS: usize = 15;
/// Longest tag name and tag value in characters.
pub const MAX_TAG_TEXT: usize = 256;

/// What a caller may set on a version besides its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretAttributes {
    /// A disabled version cannot be read.
    pub enabled: bool,
    /// Not before, Unix seconds. Informational for secrets, as in Azure.
    pub not_before: Option<i64>,
    /// Expires, Unix seconds. Informational for secrets, as in Azure.
    pub expires: Option<i64>,
    /// Free text, for example a media type.
    pub content_type: Option<String>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
}

/// Metadata of one version. Judged by the gate, so authenticated by `tag`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionMeta {
    /// Which version.
    pub version: ObjectVersion,
    /// Attributes.
    pub attributes: SecretAttributes,
    /// Unix seconds.
    pub created: i64,
    /// Unix seconds.
    pub updated: i64,
    /// Places versions in time: 1 for the first, one more for each later one.
    pub ordinal: i64,
    /// Identity of the data key that seals the value: binds metadata and value together.
    pub data_key_id: [u8; 16],
    /// Of a version of a key or a certificate: what kind of key it is and what it may be used for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Box<KeyProperties>>,
    /// Of a version of a certificate: the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Box<CertificateVersion>>,
    /// HMAC-SHA256 over place and everything above, under a key of the vault.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

/// Life of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum LifeState {
    /// In use.
    Active,
    /// Soft deleted: recoverable until `purge_at`.
    Deleted {
        /// Unix seconds.
        deleted_at: i64,
        /// Unix seconds.
        purge_at: i64,
    },
}

/// A name of a secret, a key or a certificate with all its versions, as one row. Judged by the gate, so authenticated
/// by `tag`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretMeta {
    /// Name in the creator's spelling.
    pub name: ObjectName,
    /// Active or soft deleted.
    pub life: LifeState,
    /// The version that a read without version gets.
    pub current: ObjectVersion,
    /// Counts changes of the name from a random beginning; a permit is bound to it.
    pub revision: i64,
    /// Of a secret or a key: it is that of the certificate of its name, and changes with it alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed: bool,
    /// Of a certificate: its policy and its last operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Box<CertificateState>>,
    /// Of a key or a certificate: what is done with it by itself, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Box<Rotation>>,
    /// HMAC-SHA256 over place and everything above, under a key of the vault.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

/// What the store knows of a secret and one of its versions, without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFacts {
    /// The name.
    pub secret: SecretMeta,
    /// The version asked for, or the current one; none when there is no such version.
    pub version: Option<VersionMeta>,
}

/// A version with its sealed value, as stored.
#[derive(Clone, Debug)]
pub struct SealedVersion {
    /// Metadata.
    pub meta: VersionMeta,
    /// The value, sealed to its place.
    pub sealed: SealedValue,
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretItem {
    /// The name.
    pub secret: SecretMeta,
    /// Its current version, or the listed one in a list of versions.
    pub version: VersionMeta,
}

/// A page of a listing, in order of name or version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The lines.
    pub items: Vec<T>,
    /// Where the next page begins (exclusive), if there is one.
    pub next: Option<String>,
}

/// Objects of several vaults whose current version ends within some time, the first to end first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endings {
    /// Where, and what.
    pub items: Vec<(VaultId, SecretItem)>,
    /// Not every version that ends within the time was looked at.
    pub more: bool,
    /// How many are behind in each vault where one is: secrets whose current version is older than a moment, keys and
    /// certificates that should have got another version before it. Counted to [`MOST_BEHIND`].
    pub behind: Vec<(VaultId, u64)>,
    /// How many there are in each vault where there is one, those that belong to a certificate too, if they were to be
    /// counted. Counted to [`MOST_COUNTED`].
    pub counts: Vec<(VaultId, u64)>,
}

/// Where counting ends.
pub const MOST_BEHIND: u64 = 1000;
/// Where counting all that there is ends.
pub const MOST_COUNTED: u64 = 10_000;

/// A version whose value has been opened for a caller.
pub struct OpenedSecret {
    /// The name.
    pub secret: SecretMeta,
    /// Metadata.
    pub meta: VersionMeta,
    /// Recovery level of the vault.
    pub vault: VaultFacts,
    /// The value.
    pub value: SecretText,
    /// Of the secret of a certificate: the version before, if there is one.
    pub previous: Option<ObjectVersion>,
}

/// What of a vault shows on its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultFacts {
    /// Azure's word for what deletion means here.
    pub recovery_level: &'static str,
    /// Days of soft delete.
    pub recoverable_days: u16,
}

/// Why attributes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// More than [`MAX_TAGS`].
    #[error("there are more than 15 tags")]
    TooManyTags,
    /// Longer than [`MAX_TAG_TEXT`].
    #[error("a tag name or value is longer than 256 characters")]
    TagTooLong,
    /// Longer than [`MAX_CONTENT_TYPE`].
    #[error("the content type is longer than 255 characters")]
    ContentTypeTooLong,
    /// Longer than [`MAX_VALUE_BYTES`].
    #[error("the value is longer than 25600 bytes")]
    ValueTooLong,
    /// Outside 1970 to 9999.
    #[error("a time is outside 1970-01-01 to 9999-12-31")]
    TimeOutOfRange,
    /// U+0000 in a text, which not every database can keep.
    #[error("the content type or a tag contains a NUL character")]
    Nul,
    /// `nbf` after `exp`.
    #[error("nbf is later than exp")]
    WindowEmpty,
}

/// 9999-12-31T23:59:59Z, the last second that every client can show.
pub(crate) const LAST_SECOND: i64 = 253_402_300_799;

impl SecretAttributes {
    /// Checks the documented limits.
    ///
    /// # Errors
    /// The first [`AttributeError`] that applies.
    pub fn check(&self) -> Result<(), AttributeError> {
        if self.tags.len() > MAX_TAGS {
            return Err(AttributeError::TooManyTags);
        }
        let too_long = |text: &str| text.chars().count() > MAX_TAG_TEXT;
        if self.tags.iter().any(|(k, v)| too_long(k) || too_long(v)) {
            return Err(AttributeError::TagTooLong);
        }
        if self.content_type.as_ref().is_some_and(|c| c.chars().count() > MAX_CONTENT_TYPE) {
            return Err(AttributeError::ContentTypeTooLong);
        }
        let texts = self.tags.iter().flat_map(|(k, v)| [k, v]).chain(&self.content_type);
        if texts.into_iter().any(|text| text.contains('\0')) {
            return Err(AttributeError::Nul);
        }
        let outside = |t: Option<i64>| t.is_some_and(|t| !(0..=LAST_SECOND).contains(&t));
        if outside(self.not_before) || outside(self.expires) {
            return Err(AttributeError::TimeOutOfRange);
        }
        self.check_window()
    }

    /// Checks that the version begins before it ends.
    ///
    /// # Errors
    /// [`AttributeError::WindowEmpty`].
    pub fn check_window(&self) -> Result<(), AttributeError> {
        match (self.not_before, self.expires) {
            (Some(nbf), Some(exp)) if nbf > exp => Err(AttributeError::WindowEmpty),
            _ => Ok(()),
        }
    }
}

/// What of a version's attributes a caller wants changed (Azure: PATCH). What is not given stays;
/// tags are replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributePatch {
    /// See [`SecretAttributes::enabled`].
    pub enabled: Option<bool>,
    /// See [`SecretAttributes::not_before`]. Cannot be taken away, as in Azure.
    pub not_before: Option<i64>,
    /// See [`SecretAttributes::expires`]. Cannot be taken away, as in Azure.
    pub expires: Option<i64>,
    /// See [`SecretAttributes::content_type`].
    pub content_type: Option<String>,
    /// See [`SecretAttributes::tags`].
    pub tags: Option<BTreeMap<String, String>>,
    /// Single tags that are set, or taken away where there is no value; the others stay, whoever sets them meanwhile.
    pub retag: BTreeMap<String, Option<String>>,
}

impl AttributePatch {
    /// The tags as they would be.
    #[must_use]
    pub fn tags_over(&self, stored: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut tags = self.tags.as_ref().unwrap_or(stored).clone();
        for (name, value) in &self.retag {
            match value {
                Some(value) => drop(tags.insert(name.clone(), value.clone())),
                None => drop(tags.remove(name)),
            }
        }
        tags
    }

    /// Checks what comes of it. What was stored earlier is held against the caller only where they add to it.
    ///
    /// # Errors
    /// The first [`AttributeError`] that applies.
    pub fn check_outcome(&self, after: &SecretAttributes) -> Result<(), AttributeError> {
        if self.retag.values().any(Option::is_some) && after.tags.len() > MAX_TAGS {
            return Err(AttributeError::TooManyTags);
        }
        after.check_window()
    }

    /// The attributes as they would be.
    #[must_use]
    pub fn over(&self, stored: &SecretAttributes) -> SecretAttributes {
        SecretAttributes {
            enabled: self.enabled.unwrap_or(stored.enabled),
            not_before: self.not_before.or(stored.not_before),
            expires: self.expires.or(stored.expires),
            content_type: self.content_type.as_ref().or(stored.content_type.as_ref()).cloned(),
            tags: self.tags_over(&stored.tags),
        }
    }

    /// Checks the documented limits of what is given. What was stored earlier is not held against
    /// the caller; the window of both together is [`SecretAttributes::check_window`]'s.
    ///
    /// # Errors
    /// The first [`AttributeError`] that applies.
    pub fn check(&self) -> Result<(), AttributeError> {
        let nothing = SecretAttributes {
            enabled: true,
            not_before: None,
            expires: None,
            content_type: None,
            tags: BTreeMap::new(),
        };
        self.over(&nothing).check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_tag_leaves_the_others() {
        let tags = |all: &[&str]| all.iter().map(|tag| ((*tag).to_owned(), "1".to_owned())).collect::<BTreeMap<_, _>>();
        let set = |name: &str, value: Option<&str>| AttributePatch {
            retag: BTreeMap::from([(name.to_owned(), value.map(str::to_owned))]),
            ..AttributePatch::default()
        };
        let stored = SecretAttributes { tags: tags(&["legalhold", "owner"]), ..plain() };
        assert_eq!(set("team", Some("1")).over(&stored).tags, tags(&["legalhold", "owner", "team"]));
        assert_eq!(set("owner", None).over(&stored).tags, tags(&["legalhold"]));
        assert_eq!(set("none", None).over(&stored).tags, stored.tags);
        let full = (0..MAX_TAGS).map(|n| (n.to_string(), String::new())).collect();
        let (full, one_more) = (SecretAttributes { tags: full, ..plain() }, set("team", Some("1")));
        assert_eq!(one_more.check_outcome(&one_more.over(&full)), Err(AttributeError::TooManyTags));
        let longest = "x".repeat(MAX_TAG_TEXT + 1);
        assert_eq!(set("team", Some(&longest)).check(), Err(AttributeError::TagTooLong));
    }

    fn plain() -> SecretAttributes {
        SecretAttributes { enabled: true, not_before: None, expires: None, content_type: None, tags: BTreeMap::new() }
    }

    #[test]
    fn limits_are_those_of_the_documentation() {
        assert_eq!(plain().check(), Ok(()));
        let tags = |n: usize| (0..n).map(|i| (i.to_string(), String::new())).collect::<BTreeMap<_, _>>();
        assert_eq!(SecretAttributes { tags: tags(15), ..plain() }.check(), Ok(()));
        assert_eq!(SecretAttributes { tags: tags(16), ..plain() }.check(), Err(AttributeError::TooManyTags));
        let long = BTreeMap::from([("k".to_owned(), "\u{e9}".repeat(257))]);
        assert_eq!(SecretAttributes { tags: long, ..plain() }.check(), Err(AttributeError::TagTooLong));
        assert_eq!(
            SecretAttributes { content_type: Some("x".repeat(256)), ..plain() }.check(),
            Err(AttributeError::ContentTypeTooLong)
        );
        assert_eq!(SecretAttributes { content_type: Some("a\0b".into()), ..plain() }.check(), Err(AttributeError::Nul));
        assert_eq!(
            SecretAttributes { expires: Some(-1), ..plain() }.check(),
            Err(AttributeError::TimeOutOfRange),
            "a client that truncates to 32 bits sends a negative time"
        );
        assert_eq!(
            SecretAttributes { not_before: Some(2), expires: Some(1), ..plain() }.check(),
            Err(AttributeError::WindowEmpty)
        );
    }
}
