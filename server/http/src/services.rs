//! What the handlers work with, put together once by `app`.

use std::sync::{Arc, OnceLock};

use strongroom_crypto::Entropy;
use strongroom_domain::{
    admin::Administration,
    certificates::Certificates,
    entrance::Entrance,
    issuers::Issuers,
    keyring::Keyring,
    keys::Keys,
    objects::Objects,
    proofs::Proofs,
    record::{FloodGate, Recorder},
    revocations::Revoking,
    secrets::Secrets,
    setup::Setup,
    sign_in::{Authenticator, SignIn},
    throttle::Throttle,
    time::Clock,
};

use crate::{api::token::TokenDesk, paths::Addresses};

pub use crate::{dashboard::live_batches, large_body::LongBodies, long_answer::LongAnswers};

/// How the audit chain stands, for the dashboard's badge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainStatus {
    /// Position of the last record in the chain.
    pub position: u64,
    /// Head of the chain, hexadecimal.
    pub head: String,
    /// The public key that checkpoints are signed with, hexadecimal: all that a verification takes.
    pub public_key: String,
    /// What the last verification said, if there was one.
    pub verified: Option<Verified>,
    /// How the witness stands, if there is one that was told or tried.
    pub witness: Option<WitnessStanding>,
    /// What the last look at everything that is stored said, if there was one. A look that goes on counts once it
    /// found something.
    pub stored: Option<StoredStatus>,
}

/// Whether the certificate that this node shows is the one that it should show.
#[derive(Clone, Debug, Default)]
pub struct CertificateStanding(Arc<std::sync::atomic::AtomicBool>);

impl CertificateStanding {
    /// The last look could not take it from its place, so the one before it is shown.
    pub fn set_kept(&self, kept: bool) {
        self.0.store(kept, std::sync::atomic::Ordering::Relaxed);
    }

    /// Whether it is so.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Where this node listens, from when it does.
#[derive(Clone, Debug, Default)]
pub struct Listening(Arc<OnceLock<Vec<ListenerFacts>>>);

/// One way in, as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerFacts {
    /// Its name in network rules and records.
    pub name: String,
    /// Its address, or that it is a Unix socket.
    pub place: String,
    /// How somebody there is spoken to, in words.
    pub how: &'static str,
    /// Networks of proxies whose word about the client counts.
    pub proxies: Vec<String>,
}

impl Listening {
    /// These are the ways in. Told once.
    pub fn tell(&self, listeners: Vec<ListenerFacts>) {
        let _ = self.0.set(listeners);
    }

    /// The ways in.
    #[must_use]
    pub fn told(&self) -> &[ListenerFacts] {
        self.0.get().map_or(&[], Vec::as_slice)
    }
}

/// A look at everything that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredStatus {
    /// When it began, Unix milliseconds.
    pub at: i64,
    /// How many rows are what was written, as far as this node counted them; or which are not.
    pub verdict: Result<Option<u64>, String>,
}

/// How a witness of the audit log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WitnessStanding {
    /// It was told the newest checkpoint that there was.
    Told,
    /// It does not answer; why.
    Behind(String),
    /// It keeps another past than this log has; what.
    Contradicts(String),
}

/// A verification of the audit chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// When, Unix milliseconds.
    pub at: i64,
    /// How far the chain is right, or what was wrong. Newer records are not verified yet.
    pub verdict: Result<Reached, String>,
}

/// How far a chain was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Position of the last record checked.
    pub position: u64,
    /// Head there, hexadecimal.
    pub head: String,
}

/// The use cases and ports behind the routes.
pub struct Services {
    /// Hosts and links.
    pub addresses: Addresses,
    /// Made by `dev`, for ever.
    pub development: bool,
    /// Secrets.
    pub secrets: Secrets,
    /// Keys.
    pub keys: Keys,
    /// Certificates.
    pub certificates: Certificates,
    /// Who issues them, and who is told.
    pub issuers: Arc<Issuers>,
    /// What authorities have revoked.
    pub revoking: Arc<Revoking>,
    /// What is common to all of them.
    pub objects: Arc<Objects>,
    /// Vaults, assignments, workloads, records.
    pub admin: Administration,
    /// Tokens and sessions.
    pub entrance: Entrance,
    /// The first way in.
    pub setup: Setup,
    /// Bearer tokens.
    pub authenticator: Arc<dyn Authenticator>,
    /// OIDC sign-in of people.
    pub sign_in: Arc<dyn SignIn>,
    /// Wire shapes of the token endpoint.
    pub token_desk: Arc<dyn TokenDesk>,
    /// Writes records.
    pub recorder: Recorder,
    /// Counts floods of anonymous failures.
    pub flood: FloodGate,
    /// How the server's own certificate stands.
    pub certificate: CertificateStanding,
    /// Where this node listens.
    pub listening: Listening,
    /// Places for long bodies.
    pub long_bodies: LongBodies,
    /// Places for long answers.
    pub long_answers: LongAnswers,
    /// How often each session asks what was recorded since.
    pub live_batches: Throttle<[u8; 32]>,
    /// What certificate authorities look for.
    pub proofs: Proofs,
    /// Seals the cookie of a sign-in under way.
    pub keyring: Arc<Keyring>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// How the audit chain stands now.
    pub chain: Arc<dyn Fn() -> ChainStatus + Send + Sync>,
}
