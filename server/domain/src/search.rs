//! What the objects of a vault are searched for, and in which order they are told: by what is judged and authenticated of
//! each, never by a value.
//!
//! The store looks through names and copies of what stands in current versions, however many there are, and gives back
//! what may be like that; whoever asked holds each against [`Search::takes`] once it is authenticated. So an edited copy
//! can make a search miss something, which the scrub finds, and never show what is not so.

use std::{cmp::Ordering, ops::Range};

use crate::{
    names::{ObjectName, VaultId},
    secret::{SecretAttributes, SecretItem},
};

/// Most names that are looked through for one answer.
pub const MOST_LOOKED_THROUGH: u64 = 200_000;
/// How long before its end something counts as expiring, in seconds: 30 days.
pub const NEAR: i64 = 30 * 86_400;

/// How a version stands at a moment. In the order of these words, which is how a list is sorted by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Switched off.
    Disabled,
    /// Enabled, inside its dates.
    Enabled,
    /// Its end has passed.
    Expired,
    /// Enabled, and its end is within [`NEAR`].
    Expiring,
    /// Its not-before date lies ahead.
    NotYetValid,
}

impl Standing {
    /// That of these attributes at a moment (Unix seconds).
    #[must_use]
    pub fn of(attributes: &SecretAttributes, now: i64) -> Self {
        match (attributes.not_before, attributes.expires) {
            _ if !attributes.enabled => Self::Disabled,
            (_, Some(expires)) if expires <= now => Self::Expired,
            (Some(not_before), _) if not_before > now => Self::NotYetValid,
            (_, Some(expires)) if expires <= now.saturating_add(NEAR) => Self::Expiring,
            _ => Self::Enabled,
        }
    }
}

/// When something is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Not at all.
    Never,
    /// Within these seconds.
    Within(Range<i64>),
}

/// By what a list is sorted. What has none of it comes last, either way; what is alike is in order of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortedBy {
    /// Its name.
    #[default]
    Name,
    /// Its standing.
    Standing,
    /// When its current version was last changed.
    Updated,
    /// When it ends.
    Expires,
    /// Its tags.
    Tags,
}

/// What is to be found: all of this is so. Small and capital letters of ASCII are alike in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Stands in the name.
    pub words: String,
    /// Or else in the name or the value of a tag.
    pub in_tags: bool,
    /// It has this tag, with this value where one is said.
    pub tag: Option<(String, Option<String>)>,
    /// How it stands.
    pub standing: Option<Standing>,
    /// When it ends.
    pub expires: Option<Expiry>,
    /// Its current version was made before this moment, Unix seconds.
    pub made_before: Option<i64>,
    /// The order.
    pub by: SortedBy,
    /// The last first.
    pub descending: bool,
    /// In the order of names: only names behind this one.
    pub after: Option<ObjectName>,
    /// So many are left out at the beginning.
    pub from: u64,
    /// The moment, Unix seconds.
    pub now: i64,
}

/// What an object is sorted by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Standing(Standing),
    Moment(i64),
    Text(String),
}

impl Search {
    /// Whether this is among what is searched for.
    #[must_use]
    pub fn takes(&self, item: &SecretItem) -> bool {
        let attributes = &item.version.attributes;
        let words = self.words.to_ascii_lowercase();
        let has = |text: &str| text.to_ascii_lowercase().contains(&words);
        let in_tags = || attributes.tags.iter().any(|(name, value)| has(name) || has(value));
        let named = has(item.secret.name.as_str()) || (self.in_tags && in_tags());
        let tagged = self.tag.as_ref().is_none_or(|(name, wanted)| {
            attributes.tags.get(name).is_some_and(|held| wanted.as_ref().is_none_or(|wanted| wanted == held))
        });
        let stands = self.standing.is_none_or(|wanted| Standing::of(attributes, self.now) == wanted);
        let ends = match &self.expires {
            None => true,
            Some(Expiry::Never) => attributes.expires.is_none(),
            Some(Expiry::Within(within)) => attributes.expires.is_some_and(|expires| within.contains(&expires)),
        };
        let of_age = self.made_before.is_none_or(|moment| item.version.created < moment);
        named && tagged && stands && ends && of_age
    }

    /// Which of two comes first.
    #[must_use]
    pub fn compare(&self, one: &SecretItem, other: &SecretItem) -> Ordering {
        let by_key = match (self.key(one), self.key(other)) {
            (Some(one), Some(other)) if self.descending => other.cmp(&one),
            (Some(one), Some(other)) => one.cmp(&other),
            (one, other) => other.is_some().cmp(&one.is_some()),
        };
        by_key.then_with(|| one.secret.name.as_str().cmp(other.secret.name.as_str()))
    }

    fn key(&self, item: &SecretItem) -> Option<Key> {
        let version = &item.version;
        let tags = &version.attributes.tags;
        match self.by {
            SortedBy::Name => Some(Key::Text(item.secret.name.as_str().to_owned())),
            SortedBy::Standing => Some(Key::Standing(Standing::of(&version.attributes, self.now))),
            SortedBy::Updated => Some(Key::Moment(version.updated)),
            SortedBy::Expires => version.attributes.expires.map(Key::Moment),
            SortedBy::Tags if tags.is_empty() => None,
            SortedBy::Tags => serde_json::to_string(tags).ok().map(|tags| Key::Text(tags.to_ascii_lowercase())),
        }
    }
}

/// What was found, one vault after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Where, and what.
    pub items: Vec<(VaultId, SecretItem)>,
    /// There is more of it.
    pub more: bool,
    /// Where more than [`MOST_LOOKED_THROUGH`] names would have had to be looked through: not all were.
    pub in_part: bool,
    /// In the order of names, and of one vault: the name behind which to search on, if there is more to look at.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_version_stands_by_its_dates() {
        let of = |enabled, not_before, expires| {
            let tags = BTreeMap::new();
            Standing::of(&SecretAttributes { enabled, not_before, expires, content_type: None, tags }, 1000)
        };
        assert_eq!(of(false, None, Some(1)), Standing::Disabled);
        assert_eq!(of(true, Some(2000), Some(1000)), Standing::Expired);
        assert_eq!(of(true, Some(1001), Some(1002)), Standing::NotYetValid);
        assert_eq!(of(true, Some(1000), Some(1000 + NEAR)), Standing::Expiring);
        assert_eq!(of(true, None, Some(1001 + NEAR)), Standing::Enabled);
        assert_eq!(of(true, None, Some(i64::MAX)), Standing::Enabled);
    }
}
