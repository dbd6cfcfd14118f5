//! Details of a record: what a change made of an object, or what an operation found, in the words of the wire.
//!
//! For whoever reads the log: which operations a key lost, by how much its end moved, whether a signature was good. They
//! hold what is shown of an object to whoever may read it, and never a value, key material, or what is signed or
//! encrypted. Nothing is judged by them. Bounded: what does not fit is cut and says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use strongroom_crypto::key::KeySpec;

use super::Record;
use crate::{
    key::{KeyOperation, KeyProperties},
    rotation::{RotationTerms, Trigger},
    secret::SecretAttributes,
};

/// Most details of a record.
pub const MAX_DETAILS: usize = 16;
/// Longest detail, in characters.
pub const MAX_DETAIL: usize = 600;

impl Record {
    /// Adds one detail.
    pub(crate) fn detail(&mut self, name: impl Into<String>, told: impl Display) {
        if self.details.len() >= MAX_DETAILS {
            return;
        }
        let told = told.to_string();
        let cut = match told.char_indices().nth(MAX_DETAIL) {
            Some((end, _)) => format!("{}…", told.get(..end).unwrap_or_default()),
            None => told,
        };
        self.details.insert(name.into(), cut);
    }

    /// Of a new version of a key: what it is.
    pub(crate) fn detail_key(&mut self, key: &KeyProperties, attributes: &SecretAttributes) {
        self.detail("kty", key.type_name());
        match key.spec {
            KeySpec::Ec { crv } => self.detail("crv", crv.as_str()),
            KeySpec::Rsa { bits } | KeySpec::Oct { bits } => self.detail("key_size", bits),
        }
        self.detail("key_ops", operations(&key.operations));
        if !attributes.enabled {
            self.detail("enabled", false);
        }
        for (name, moment) in [("nbf", attributes.not_before), ("exp", attributes.expires)] {
            if let Some(moment) = moment {
                self.detail(name, moment);
            }
        }
    }

    /// Of a changed version: each of its attributes that is another one now, as it was and as it is; of tags the names
    /// alone.
    pub(crate) fn detail_change(
        &mut self,
        (before, after): (&SecretAttributes, &SecretAttributes),
        keys: Option<(&KeyProperties, &KeyProperties)>,
    ) {
        let mut changed = |name: &str, before: String, after: String| {
            if before != after {
                self.detail(name, format_args!("{before} -> {after}"));
            }
        };
        changed("enabled", before.enabled.to_string(), after.enabled.to_string());
        changed("nbf", moment(before.not_before), moment(after.not_before));
        changed("exp", moment(before.expires), moment(after.expires));
        if let Some((before, after)) = keys {
            changed("key_ops", operations(&before.operations), operations(&after.operations));
        }
        let others = other_tags(&before.tags, &after.tags);
        if !others.is_empty() {
            self.detail("tags", others.join(", "));
        }
    }

    /// Of a rotation policy: its terms.
    pub(crate) fn detail_rotation(&mut self, terms: &RotationTerms) {
        match terms.rotate {
            Some(Trigger::AfterCreation(span)) => self.detail("rotate", format_args!("{span} after creation")),
            Some(Trigger::BeforeExpiry(span)) => self.detail("rotate", format_args!("{span} before expiry")),
            None => self.detail("rotate", "never"),
        }
        match terms.notify {
            Some(span) => self.detail("notify", format_args!("{span} before expiry")),
            None => self.detail("notify", "never"),
        }
        match terms.expiry {
            Some(span) => self.detail("expiryTime", span),
            None => self.detail("expiryTime", "none"),
        }
    }
}

/// A moment that there may be.
pub(super) fn moment(moment: Option<i64>) -> String {
    moment.map_or_else(|| "none".to_owned(), |moment| moment.to_string())
}

/// Names of the tags that are others now.
pub(super) fn other_tags(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names = before.keys().chain(after.keys()).collect::<BTreeSet<_>>();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

fn operations(operations: &BTreeSet<KeyOperation>) -> String {
    let names: Vec<&str> = operations.iter().map(|operation| operation.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
