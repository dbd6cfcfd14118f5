//! Assignments: who holds which role definition at which scope.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    names::{ObjectKind, ObjectName, VaultId},
    principal::{Grantee, Principal},
    role::RoleRef,
};

/// Most assignments of one grantee in one vault, or on the installation itself: whatever is judged for the grantee
/// there looks at each of them.
pub const MAX_ASSIGNMENTS_OF_GRANTEE: u64 = 100;
/// Most assignments in one vault, or on the installation itself.
pub const MAX_ASSIGNMENTS: u64 = 2000;
/// Most grants that one request looks through: the next one goes on.
pub const MAX_LOOKED_THROUGH: usize = 2000;

/// How many assignments there are in the vault that a scope lies in, or on the installation itself. Those that have
/// ended count until they are removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssignmentCounts {
    /// Of one grantee.
    pub of_grantee: u64,
    /// Of everybody.
    pub of_all: u64,
}

impl AssignmentCounts {
    /// Whether there may be one more.
    #[must_use]
    pub fn leave_room(self) -> bool {
        self.of_grantee < MAX_ASSIGNMENTS_OF_GRANTEE && self.of_all < MAX_ASSIGNMENTS
    }
}

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
    /// The key that a scope is stored and found under: `/`, `/vaults/ID` or `/vaults/ID/secrets/NAME`,
    /// the name in its canonical form.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Server => "/".to_owned(),
            Self::Vault { vault } => format!("/vaults/{vault}"),
            Self::Object { vault, kind, name } => format!("/vaults/{vault}/{}s/{}", kind.as_str(), name.as_str()),
        }
    }

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

    /// The target that stands for everything at this scope.
    #[must_use]
    pub fn target(&self) -> Target<'_> {
        match self {
            Self::Server => Target { vault: None, kind: ObjectKind::Server, name: None },
            Self::Vault { vault } => Target { vault: Some(*vault), kind: ObjectKind::Vault, name: None },
            Self::Object { vault, kind, name } => Target { vault: Some(*vault), kind: *kind, name: Some(name) },
        }
    }

    /// Whether `other` is this scope or lies below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Server, _) => true,
            (_, Self::Server) => false,
            (wide, narrow) => wide.covers(narrow.target()),
        }
    }

    /// Whether one of the two is the other or lies below it.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// The vault it is in, if it is in one.
    #[must_use]
    pub fn vault(&self) -> Option<VaultId> {
        match self {
            Self::Server => None,
            Self::Vault { vault } | Self::Object { vault, .. } => Some(*vault),
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
    pub role: RoleRef,
    /// Where.
    pub scope: Scope,
    /// Since when, Unix milliseconds.
    pub created_at: i64,
    /// When it ends, Unix milliseconds: from then on it grants nothing. None for no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<i64>,
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
        match self.ends_at {
            // Rows from before there were ends have this form.
            None => serde_json::to_vec(&(&self.id, &self.grantee, &self.role, &self.scope, self.created_at)),
            Some(ends_at) => {
                serde_json::to_vec(&(&self.id, &self.grantee, &self.role, &self.scope, self.created_at, ends_at))
            }
        }
    }

    /// Whether it still counts at this moment (Unix milliseconds).
    #[must_use]
    pub fn counts_at(&self, now: i64) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }

    /// Whether it counts at least as long as something that ends then.
    #[must_use]
    pub fn lasts_until(&self, end: Option<i64>) -> bool {
        match (self.ends_at, end) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => own >= other,
        }
    }

    /// Whether this assignment concerns the principal and the target at this moment.
    #[must_use]
    pub fn concerns(&self, principal: &Principal, target: Target<'_>, now: i64) -> bool {
        self.counts_at(now) && self.scope.covers(target) && self.grantee.covers(principal)
    }
}

/// Which assignments to list. Everything that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssignmentFilter {
    /// Only at this scope or below it.
    pub within: Option<Scope>,
    /// Only at one of these scopes, unless empty.
    pub at: Vec<Scope>,
    /// Only for this grantee.
    pub grantee: Option<Grantee>,
}

impl AssignmentFilter {
    /// Whether it is one of them.
    #[must_use]
    pub fn matches(&self, assignment: &Assignment) -> bool {
        self.within.as_ref().is_none_or(|scope| scope.contains(&assignment.scope))
            && (self.at.is_empty() || self.at.contains(&assignment.scope))
            && self.grantee.as_ref().is_none_or(|grantee| *grantee == assignment.grantee)
    }
}
