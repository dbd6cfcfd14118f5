//! What the gate is asked: an action on something, with what a write would make of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    action::Action,
    approval::Content,
    certificate::{CertificatePolicy, PolicyPatch},
    grant::Assignment,
    key::{KeyOperation, KeyProperties},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    policy::{ObjectState, PolicyObject},
    rotation::{self, RotationTerms},
    secret::{AttributePatch, SealedVersion, SecretAttributes, SecretFacts},
};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The action.
    pub action: Action,
    /// The vault; none for the installation itself.
    pub vault: Option<&'a VaultName>,
    /// Kind of the object.
    pub kind: ObjectKind,
    /// The object, unless the whole collection is meant.
    pub name: Option<&'a ObjectName>,
    /// The version, if one was named.
    pub version: Option<&'a ObjectVersion>,
    /// On a write: the attributes as they would be.
    pub proposed: Option<Proposed<'a>>,
    /// Whether it does nothing but change which modules are attached to the vault.
    pub mends_modules: bool,
    /// Of an operation with a key, and of a certificate that its key signs: by which algorithm.
    pub algorithm: Option<&'static str>,
    /// On the making and the restoring of a key: what it would be. When it is made its public half is not there yet.
    pub key: Option<&'a KeyProperties>,
    /// On an update of a key: what it might be used for.
    pub operations: Option<&'a BTreeSet<KeyOperation>>,
    /// On the making of a certificate, and of one that an authority signs: how, and for how many days it would be valid.
    /// On a restore what the current version says, and for how many days more.
    pub certificate: Option<(&'a CertificatePolicy, u32)>,
    /// On the restore of a certificate: how its next version would be made.
    pub next: Option<&'a CertificatePolicy>,
    /// On an update of a certificate's policy: what of it would be another.
    pub policy: Option<&'a PolicyPatch>,
    /// What would be done, where neither the action nor what else is said here tells it: in the management of a vault, of
    /// issuers and contacts, and of a revocation. An approval is for this.
    pub content: Option<&'a Content>,
    /// The assignment that it is about, where it is about one: what is a person's own they may give up.
    pub assignment: Option<&'a Assignment>,
    /// On a restore: all versions of the backup, of which what can be seen of each is judged.
    pub versions: &'a [SealedVersion],
    /// Of a request that nobody makes: what the object is taken to be where it is not taken as it is.
    pub described: Option<&'a DescribedObject>,
}

/// An object as modules would see it, if it were so. What is not said is as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedObject {
    /// Whether it is there.
    pub state: Option<ObjectState>,
    /// Whether the version may be used.
    pub enabled: Option<bool>,
    /// From when on, Unix seconds, or that this is not said.
    pub not_before: Option<Option<i64>>,
    /// Until when, Unix seconds, or that it has no end.
    pub expires: Option<Option<i64>>,
    /// All its tags.
    pub tags: Option<BTreeMap<String, String>>,
}

impl DescribedObject {
    pub(super) fn put_into(&self, object: &mut PolicyObject) {
        if let Some(state) = self.state {
            object.state = state;
            if state != ObjectState::Deleted {
                (object.deleted, object.purge) = (None, None);
            }
            if state == ObjectState::Absent {
                (object.created, object.updated) = (None, None);
                (object.enabled, object.not_before, object.expires) = (None, None, None);
                object.tags.clear();
            }
        }
        object.enabled = self.enabled.or(object.enabled);
        object.not_before = self.not_before.unwrap_or(object.not_before);
        object.expires = self.expires.unwrap_or(object.expires);
        if let Some(tags) = &self.tags {
            object.tags.clone_from(tags);
        }
    }
}

/// What a write would make of a version's attributes.
#[derive(Clone, Copy, Debug)]
pub enum Proposed<'a> {
    /// These.
    Whole(&'a SecretAttributes),
    /// The stored ones with these changes.
    Patch(&'a AttributePatch),
    /// Those of the version that a rotation makes.
    Successor {
        /// Unix seconds.
        now: i64,
    },
    /// Those of the version that a rotation by these terms would make.
    SuccessorBy {
        /// The terms that are to be set.
        terms: &'a RotationTerms,
        /// Unix seconds.
        now: i64,
    },
    /// These, with the tags of the version before.
    Renewal(&'a SecretAttributes),
}

impl Proposed<'_> {
    pub(super) fn over(self, facts: Option<&SecretFacts>) -> Option<SecretAttributes> {
        let stored = || Some(&facts?.version.as_ref()?.attributes);
        match self {
            Self::Whole(attributes) => Some(attributes.clone()),
            Self::Patch(patch) => Some(patch.over(stored()?)),
            Self::Successor { now } => Some(rotation::successor(&facts?.secret, stored()?, now)),
            Self::SuccessorBy { terms, now } => Some(terms.successor(stored()?, now)),
            Self::Renewal(attributes) => {
                let tags = stored().map(|stored| stored.tags.clone()).unwrap_or_default();
                Some(SecretAttributes { tags, ..attributes.clone() })
            }
        }
    }
}

impl<'a> Ask<'a> {
    /// An action on the installation.
    #[must_use]
    pub fn server(action: Action) -> Self {
        Self {
            action,
            vault: None,
            kind: ObjectKind::Server,
            name: None,
            version: None,
            proposed: None,
            mends_modules: false,
            algorithm: None,
            key: None,
            operations: None,
            certificate: None,
            next: None,
            policy: None,
            content: None,
            assignment: None,
            versions: &[],
            described: None,
        }
    }

    /// An action on a vault itself.
    #[must_use]
    pub fn vault(action: Action, vault: &'a VaultName) -> Self {
        Self { vault: Some(vault), kind: ObjectKind::Vault, ..Self::server(action) }
    }

    /// An action on all objects of a kind in a vault.
    #[must_use]
    pub fn objects(kind: ObjectKind, action: Action, vault: &'a VaultName) -> Self {
        Self { kind, ..Self::vault(action, vault) }
    }

    /// An action on one object.
    #[must_use]
    pub fn object(kind: ObjectKind, action: Action, vault: &'a VaultName, name: &'a ObjectName) -> Self {
        Self { name: Some(name), ..Self::objects(kind, action, vault) }
    }

    /// An action on the secrets of a vault.
    #[must_use]
    pub fn secrets(action: Action, vault: &'a VaultName) -> Self {
        Self::objects(ObjectKind::Secret, action, vault)
    }

    /// An action on one workload identity, named by its client id.
    #[must_use]
    pub fn workload(action: Action, client_id: &'a ObjectName) -> Self {
        Self { kind: ObjectKind::Workload, name: Some(client_id), ..Self::server(action) }
    }

    /// An action on one secret.
    #[must_use]
    pub fn secret(action: Action, vault: &'a VaultName, name: &'a ObjectName) -> Self {
        Self { name: Some(name), ..Self::secrets(action, vault) }
    }
}
