//! For tests only: permits without a gate, and the whole domain over ports in memory. Compiled in by
//! the feature `test-support`, which no crate of the product may enable outside its dev-dependencies.

mod clock;
mod image;
mod memory;
mod policies;
mod sign_in;
pub mod world;

pub use clock::ManualClock;
pub use image::{BrokenChain, Happened, Image, Logged, NameRow};
pub use memory::{Fault, MemoryStore};
pub use policies::{FakePolicies, Verdict};
pub use sign_in::{FakeSignIn, signed_in};

use uuid::Uuid;

use crate::{
    action::Action,
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    permit::{Held, ObjectRef, Permit, Permits},
};

/// A permit out of thin air.
#[must_use]
pub fn permit(request_id: Uuid, action: Action, object: ObjectRef, revision: Option<i64>) -> Permit {
    Permit::grant(request_id, action, object, revision)
}

/// Permits for the same on several objects, together.
#[must_use]
pub fn permits(together: Vec<Permit>) -> Option<Permits> {
    Permits::together(together)
}

/// Reference to a secret.
#[must_use]
pub fn secret_ref(vault: VaultId, vault_name: VaultName, name: Option<ObjectName>) -> ObjectRef {
    ObjectRef { vault: Some((vault, vault_name)), kind: ObjectKind::Secret, name }
}

/// Reference to the installation.
#[must_use]
pub fn server_ref() -> ObjectRef {
    ObjectRef { vault: None, kind: ObjectKind::Server, name: None }
}

/// Looks into what is held, without a record.
pub fn open<T>(held: Held<T>) -> T {
    held.open()
}
