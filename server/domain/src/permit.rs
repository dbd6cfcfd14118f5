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
///
/// Whoever has one can spend it:
/// ```
/// use strongroom_domain::permit::{Held, Permit};
/// fn spend(permit: Permit) -> Held<&'static str> {
///     permit.hold("outcome")
/// }
/// ```
/// Nobody but the gate can make one:
/// ```compile_fail,E0624
/// use strongroom_domain::{action::Action, permit::{ObjectRef, Permit}};
/// fn forge(object: ObjectRef) -> Permit {
///     Permit::grant(uuid::Uuid::nil(), Action::SecretGet, object, None)
/// }
/// ```
/// ```compile_fail,E0451
/// use strongroom_domain::{action::Action, permit::{ObjectRef, Permit}};
/// fn forge(object: ObjectRef) -> Permit {
///     Permit { request_id: uuid::Uuid::nil(), action: Action::SecretGet, object, revision: None }
/// }
/// ```
/// It cannot be bent to another action or object:
/// ```compile_fail,E0616
/// use strongroom_domain::{action::Action, permit::Permit};
/// fn bend(mut permit: Permit) -> Permit {
///     permit.action = Action::SecretGet;
///     permit
/// }
/// ```
/// It cannot be copied:
/// ```compile_fail,E0599
/// use strongroom_domain::permit::Permit;
/// fn copy(permit: &Permit) -> Permit {
///     permit.clone()
/// }
/// ```
/// ```compile_fail,E0382
/// use strongroom_domain::permit::{Held, Permit};
/// fn spend_twice(permit: Permit) -> (Held<u8>, Held<u8>) {
///     (permit.hold(1), permit.hold(2))
/// }
/// ```
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

    /// Holds what was read together with the permit, for an operation that reads before it changes: both are
    /// out of reach until the recorder opens what came of them.
    #[must_use]
    pub fn hold_with<T>(self, outcome: T) -> Held<(Self, T)> {
        Held { request_id: self.request_id, outcome: (self, outcome) }
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

/// Permits that one request was given for the same action on several objects, spent together: for what is read of all
/// of them at once.
#[derive(Debug)]
pub struct Permits {
    first: Permit,
    others: Vec<Permit>,
}

impl Permits {
    /// None when there is none, or when they are of different requests or actions.
    pub(crate) fn together(permits: Vec<Permit>) -> Option<Self> {
        let mut permits = permits.into_iter();
        let first = permits.next()?;
        let others: Vec<Permit> = permits.collect();
        let alike = |other: &Permit| (other.request_id, other.action) == (first.request_id, first.action);
        others.iter().all(alike).then_some(Self { first, others })
    }

    /// One alone.
    pub(crate) fn one(first: Permit) -> Self {
        Self { first, others: Vec::new() }
    }

    /// What each is for.
    pub fn iter(&self) -> impl Iterator<Item = &Permit> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The action that they allow.
    #[must_use]
    pub fn action(&self) -> Action {
        self.first.action
    }

    /// Spends all of them on one outcome.
    #[must_use]
    pub fn hold<T>(self, outcome: T) -> Held<T> {
        self.first.hold(outcome)
    }
}

/// An outcome, errors included, that is not on record yet.
///
/// Everybody may carry it:
/// ```
/// use strongroom_domain::permit::Held;
/// fn whose(held: &Held<u8>) -> uuid::Uuid {
///     held.request_id()
/// }
/// ```
/// Nobody outside can open it, look into it or work on it:
/// ```compile_fail,E0624
/// use strongroom_domain::permit::Held;
/// fn open(held: Held<u8>) -> u8 {
///     held.open()
/// }
/// ```
/// ```compile_fail,E0616
/// use strongroom_domain::permit::Held;
/// fn open(held: Held<u8>) -> u8 {
///     held.outcome
/// }
/// ```
/// ```compile_fail,E0624
/// use strongroom_domain::permit::Held;
/// fn look(held: &Held<u8>) -> u8 {
///     held.inspect(|outcome| *outcome)
/// }
/// ```
/// ```compile_fail,E0624
/// use strongroom_domain::permit::Held;
/// fn leak(held: Held<u8>) -> Held<()> {
///     held.map(|outcome| assert_eq!(outcome, 0))
/// }
/// ```
/// It cannot be printed:
/// ```compile_fail,E0277
/// use strongroom_domain::permit::Held;
/// fn print(held: Held<u8>) -> String {
///     format!("{held:?}")
/// }
/// ```
/// Nor can one be made without spending a permit:
/// ```compile_fail,E0624
/// use strongroom_domain::permit::Held;
/// fn forge() -> Held<u8> {
///     Held::without_permit(uuid::Uuid::nil(), 1)
/// }
/// ```
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

    /// Two outcomes of the same request as one, which its one record opens.
    pub(crate) fn and<U>(self, other: Held<U>) -> Held<(T, U)> {
        debug_assert_eq!(self.request_id, other.request_id);
        Held { request_id: self.request_id, outcome: (self.outcome, other.outcome) }
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
