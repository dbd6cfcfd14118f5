//! Assignments: who holds which role definition at which scope.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    action::Action,
    names::{ObjectKind, ObjectName, VaultId},
    principal::{Grantee, Principal},
    role::Role,
};

/// Where a role applies. A wider scope covers the narrower ones below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum Scope {
    /// The whole installation.
    Server,
    /// One vault and everything in it.
    Vault {
        /// Which vault.
        vault: VaultId,
    },
    /// One object of one vault, all its versions.
    Object {
        /// Which vault.
        vault: VaultId,
        /// Kind of the object.
        kind: ObjectKind,
        /// Its name.
        name: ObjectName,
    },
}

/// What a request is about, for matching scopes.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The vault; none for the installation itself.
    pub vault: Option<VaultId>,
    /// Kind of the object.
    pub kind: ObjectKind,
    /// The object; none for a collection, a vault or the installation.
    pub name: Option<&'a ObjectName>,
}

impl Scope {
    /// Whether a role at this scope reaches the target.
    #[must_use]
    pub fn covers(&self, target: Target<'_>) -> bool {
        match self {
            Self::Server => true,
            Self::Vault { vault } => target.vault == Some(*vault),
            Self::Object { vault, kind, name } => {
                target.vault == Some(*vault) && target.kind == *kind && target.name == Some(name)
            }
        }
    }
}

/// One grant. Authenticated by `tag`, so a hand-made row grants nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Identity of the assignment.
    pub id: Uuid,
    /// For whom.
    pub grantee: Grantee,
    /// Which role definition.
    pub role: Role,
    /// Where.
    pub scope: Scope,
    /// Since when, Unix milliseconds.
    pub created_at: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl Assignment {
    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data. Kept as a result so that nothing can panic.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&(&self.id, &self.grantee, &self.role, &self.scope, self.created_at))
    }

    /// Whether this assignment allows the principal to do `action` to `target`.
    #[must_use]
    pub fn allows(&self, principal: &Principal, action: Action, target: Target<'_>) -> bool {
        self.role.allows(action) && self.scope.covers(target) && self.grantee.covers(principal)
    }
}
