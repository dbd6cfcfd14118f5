//! `Permit` and `Held`: the two types that make the compiler find a handler that forgot a check.
//!
//! A [`Permit`] is made by the gate alone, is bound to one request, one action, one object and one
//! revision of its row, cannot be cloned, and is consumed by the operation it allows. What the
//! operation brings back is [`Held`]: nobody can look into it until the record of the operation is
//! durable. Neither may ever get a public constructor or a public way to look inside.

use uuid::Uuid;

use crate::{
    action::Action,
    change::{Change, ChangeError, PermittedChange},
    names::{ObjectKind, ObjectName, VaultId, VaultName},
};

/// The object a permit is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// The vault; none for the installation itself.
    pub vault: Option<(VaultId, VaultName)>,
    /// Kind of the object.
    pub kind: ObjectKind,
    /// Its name; none for a collection, a vault or the installation. A vault that does not exist yet
    /// has no id, so its name stands here.
    pub name: Option<ObjectName>,
}

/// Proof that the gate allowed one operation on one object, as it was at one revision.
#[derive(Debug)]
pub struct Permit {
    request_id: Uuid,
    action: Action,
    object: ObjectRef,
    revision: Option<i64>,
}

impl Permit {
    /// Only the gate makes permits.
    pub(crate) fn grant(request_id: Uuid, action: Action, object: ObjectRef, revision: Option<i64>) -> Self {
        Self { request_id, action, object, revision }
    }

    /// The request it belongs to.
    #[must_use]
    pub fn request_id(&self) -> Uuid {
        self.request_id
    }

    /// The action it allows.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// The object it allows it on.
    #[must_use]
    pub fn object(&self) -> &ObjectRef {
        &self.object
    }

    /// Revision of the object's row when it was judged; none when there was no row. An operation
    /// that finds another revision must not go on.
    #[must_use]
    pub fn revision(&self) -> Option<i64> {
        self.revision
    }

    /// Spends the permit on an outcome, which is held until it is on record.
    #[must_use]
    pub fn hold<T>(self, outcome: T) -> Held<T> {
        Held { request_id: self.request_id, outcome }
    }

    /// Spends the permit on a change and the answer that goes out when the change and its record
    /// are durable.
    ///
    /// # Errors
    /// [`ChangeError`] when the change is not what the permit was given for.
    pub fn apply<T>(self, change: Change, answer: T) -> Result<(PermittedChange, Held<T>), ChangeError> {
        let request_id = self.request_id;
        let change = PermittedChange::bind(self, change)?;
        Ok((change, Held { request_id, outcome: answer }))
    }
}

/// An outcome, errors included, that is not on record yet.
pub struct Held<T> {
    request_id: Uuid,
    outcome: T,
}

impl<T> Held<T> {
    /// Holds a denial or another outcome for which there is no permit. Only for this crate's gate.
    pub(crate) fn without_permit(request_id: Uuid, outcome: T) -> Self {
        Self { request_id, outcome }
    }

    /// The request it belongs to.
    #[must_use]
    pub fn request_id(&self) -> Uuid {
        self.request_id
    }

    /// Works on what is held, inside: the result is held too. For the use cases of this crate
    /// (opening a sealed row), never for adapters.
    pub(crate) fn map<U>(self, work: impl FnOnce(T) -> U) -> Held<U> {
        Held { request_id: self.request_id, outcome: work(self.outcome) }
    }

    /// Looks at how it went, not at what it is: for writing the record.
    pub(crate) fn inspect<U>(&self, look: impl FnOnce(&T) -> U) -> U {
        look(&self.outcome)
    }

    /// Opens. Only the recorder may call this, after the record is durable.
    pub(crate) fn open(self) -> T {
        self.outcome
    }
}
