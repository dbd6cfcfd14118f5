//! What somebody has to see to, told to whoever listens besides being on record, for machines that wake people. Says what its
//! record says, and never a value. Nothing waits for a listener, and nothing is kept for one that comes later.

use tokio::sync::broadcast;

use crate::{
    names::{ObjectName, VaultName},
    record::Outcome,
};

/// Most alerts that wait for a slow listener; then the oldest make room.
const MOST: usize = 256;

/// What somebody has to see to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What it is.
    pub kind: AlertKind,
    /// Unix seconds.
    pub at: i64,
    /// The vault.
    pub vault: VaultName,
    /// The certificate.
    pub certificate: ObjectName,
    /// When the version in use ends, Unix seconds; none where there is none, or nobody could say.
    pub expires: Option<i64>,
}

/// What is the matter with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertKind {
    /// Its next version should have been made and was not.
    NotRenewed(Failure),
    /// The issuer that was asked for a version gave none.
    NotIssued(Failure),
    /// It ends soon, and its policy has somebody told.
    EndsSoon,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Denied or failed.
    pub outcome: Outcome,
    /// As its record says it.
    pub reason: String,
    /// How many have failed, one after the other.
    pub failures: u32,
    /// When it is tried again, Unix seconds; none where it is not, or nobody could say.
    pub next: Option<i64>,
}

/// Where they are told.
pub struct Alerts(broadcast::Sender<Alert>);

impl Default for Alerts {
    fn default() -> Self {
        Self(broadcast::Sender::new(MOST))
    }
}

impl Alerts {
    pub(crate) fn raise(&self, alert: Alert) {
        // Refused when nobody listens, which nobody has to.
        let _ = self.0.send(alert);
    }

    /// What is told from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Alert> {
        self.0.subscribe()
    }
}
