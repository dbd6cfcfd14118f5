//! Identities that Strongroom keeps itself: workloads with their credentials, and dashboard sessions.
//!
//! Credentials are stored as keyed hashes only; a session is stored as the hash of its cookie.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::principal::Principal;

/// A client secret of a workload, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecretHash {
    /// Identity of the credential, shown in records.
    pub id: Uuid,
    /// Keyed hash (HMAC-SHA256) of the secret.
    pub hash: Vec<u8>,
    /// Unix seconds after which it no longer counts.
    pub expires: Option<i64>,
}

/// A federation: tokens of a foreign issuer that stand for the workload (RFC 7523 client assertions).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Federation {
    /// Exact issuer of the assertion.
    pub issuer: String,
    /// Exact subject of the assertion.
    pub subject: String,
    /// Exact audience of the assertion.
    pub audience: String,
}

/// A workload identity (Azure: service principal).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Client id, also the subject of its tokens.
    pub client_id: Uuid,
    /// Name shown to people.
    pub name: String,
    /// A disabled workload gets no token, and its tokens count for nothing.
    pub enabled: bool,
    /// Client secrets.
    pub secrets: Vec<ClientSecretHash>,
    /// Federations.
    pub federations: Vec<Federation>,
    /// Counts changes; authenticated.
    pub revision: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl Workload {
    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data. Kept as a result so that nothing can panic.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// A dashboard session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// SHA-256 of the cookie's random value: the database cannot be used to sign in.
    pub id_hash: [u8; 32],
    /// Who signed in.
    pub principal: Principal,
    /// Name to greet the person with; never identifies.
    pub display_name: String,
    /// Unix seconds.
    pub created: i64,
    /// Unix seconds: the absolute end.
    pub expires: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl Session {
    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data. Kept as a result so that nothing can panic.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}
