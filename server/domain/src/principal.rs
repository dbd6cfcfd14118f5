//! Who asks. A principal is an issuer and a subject; everything else about it is a claim.
//!
//! Names and addresses of people are for display and must never identify anybody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What sort of principal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrincipalKind {
    /// A person, signed in at an OIDC provider.
    User,
    /// An app, by client credentials, federation, or a token of its own issuer.
    Workload,
    /// Strongroom itself: background jobs and local commands.
    System,
}

impl PrincipalKind {
    /// The word used in records and policy requests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Workload => "workload",
            Self::System => "system",
        }
    }
}

/// Issuer of Strongroom's own doings. No address, so no OIDC issuer can have it.
pub const SYSTEM_ISSUER: &str = "strongroom";

/// The identity of a principal: exact issuer, exact subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrincipalId {
    /// Issuer, compared byte by byte.
    pub issuer: String,
    /// Subject within the issuer, compared byte by byte.
    pub subject: String,
}

impl PrincipalId {
    /// The client id, when this is a workload of the installation whose issuer this is.
    #[must_use]
    pub fn workload_of(&self, own_issuer: &str) -> Option<Uuid> {
        let id = Uuid::try_parse(&self.subject).ok().filter(|_| self.issuer == own_issuer)?;
        // Subjects are compared byte by byte: one that is written in another way is nobody.
        (id.to_string() == self.subject).then_some(id)
    }
}

impl std::fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.issuer, self.subject)
    }
}

/// What a token of this installation was made from. It counts only as long as its workload says so, see
/// [`crate::identity::Workload::stands_behind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenOrigin {
    /// The credential that was exchanged for it.
    pub credential: Uuid,
    /// The workload's [`generation`](crate::identity::Workload::generation) at that time.
    pub generation: i64,
}

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Identity.
    pub id: PrincipalId,
    /// Sort.
    pub kind: PrincipalKind,
    /// Groups by the issuer's configured mapping.
    pub groups: Vec<String>,
    /// Selected claims as text: what policies may rely on.
    pub claims: BTreeMap<String, String>,
    /// What its token was made from, when this installation made it. Of one request: stored nowhere.
    #[serde(skip)]
    pub token: Option<TokenOrigin>,
    /// From when on its token does not count any more, Unix seconds. Of one request: stored nowhere.
    #[serde(skip)]
    pub ends: Option<i64>,
}

impl Principal {
    /// Nobody in particular: no valid credential was shown.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            id: PrincipalId { issuer: String::new(), subject: String::new() },
            kind: PrincipalKind::User,
            groups: Vec::new(),
            claims: BTreeMap::new(),
            token: None,
            ends: None,
        }
    }

    /// Whether no valid credential was shown.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.id.issuer.is_empty()
    }

    /// Strongroom acting on its own behalf; `job` names what acts.
    #[must_use]
    pub fn system(job: &str) -> Self {
        Self {
            id: PrincipalId { issuer: SYSTEM_ISSUER.into(), subject: job.into() },
            kind: PrincipalKind::System,
            groups: Vec::new(),
            claims: BTreeMap::new(),
            token: None,
            ends: None,
        }
    }
}

/// Whom an assignment is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum Grantee {
    /// One principal.
    Principal {
        /// Which.
        id: PrincipalId,
    },
    /// Everybody whom this issuer puts into the group.
    Group {
        /// Issuer that says who belongs.
        issuer: String,
        /// Name of the group at that issuer.
        group: String,
    },
}

impl Grantee {
    /// Whether the principal is meant.
    #[must_use]
    pub fn covers(&self, principal: &Principal) -> bool {
        match self {
            Self::Principal { id } => *id == principal.id,
            Self::Group { issuer, group } => {
                *issuer == principal.id.issuer && principal.groups.iter().any(|g| g == group)
            }
        }
    }

    /// What sort of grantee it is: `principal` or `group`.
    #[must_use]
    pub fn sort(&self) -> &'static str {
        match self {
            Self::Principal { .. } => "principal",
            Self::Group { .. } => "group",
        }
    }

    /// The key by which stores look assignments up: unambiguous and stable.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Principal { id } => format!("p\n{}\n{}", id.issuer, id.subject),
            Self::Group { issuer, group } => format!("g\n{issuer}\n{group}"),
        }
    }

    /// All keys under which grants of this principal may be found.
    #[must_use]
    pub fn keys_of(principal: &Principal) -> Vec<String> {
        let own = Self::Principal { id: principal.id.clone() }.key();
        let groups = principal
            .groups
            .iter()
            .map(|group| Self::Group { issuer: principal.id.issuer.clone(), group: group.clone() }.key());
        std::iter::once(own).chain(groups).collect()
    }
}
