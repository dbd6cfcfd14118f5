//! The use cases of certificates. What they share with every other kind of object is in [`crate::objects`]; here is how
//! certificates come to be: signed with their own key, asked of an authority and merged in, or brought with their keys.
//!
//! A certificate, a key and a secret of one name and version are three faces of one thing. They are written together
//! or not at all, and the key and the secret change with the certificate alone.

mod authority;
mod enrol;
mod import;
mod inquire;
mod make;
mod making;
mod merge;
mod renew;
mod revoke;
mod serve;
mod state;
mod successor;

use std::sync::Arc;

use tokio::sync::Notify;

use strongroom_crypto::x509::{ImportError, IssueError, NotACertificate};

pub use authority::{AUTHORITY_REVOKED, AuthorityIssuer};
pub use enrol::IssuersByProvider;
pub use import::Looked;
pub use renew::{PRINCIPAL as RENEWAL_PRINCIPAL, Renewed};
pub use serve::PRINCIPAL as SERVER_PRINCIPAL;

pub use crate::objects::ObjectPage as CertificatePage;
use crate::{
    alert::Alerts,
    certificate::PolicyError,
    change::PermittedChange,
    context::RequestContext,
    issuers::Issuers,
    keys::{Forge, KeyError, Keys, Queue, Turn},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    objects::{ObjectError, ObjectPage, Objects, Verbs, common_life},
    permit::{Held, Permit},
    record::{HowItWent, Outcome},
    revocations::{RevocationError, Revoking},
    secret::{SecretItem, VaultFacts},
    time::utc,
};

/// Why an operation on certificates did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// For a reason that other objects have too.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// Its key could not be made.
    #[error(transparent)]
    Key(Box<KeyError>),
    /// The policy is not one that certificates can be made by.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// No policy was given, and none is stored.
    #[error("a policy must be given for a certificate that does not exist yet")]
    NoPolicy,
    /// No issuer of this name.
    #[error(
        "there is no certificate issuer named {0} in the vault: Self signs here, Unknown gives out a request to be signed \
         elsewhere"
    )]
    NoSuchIssuer(String),
    /// The issuer is turned off.
    #[error("the certificate issuer {0} is disabled")]
    IssuerDisabled(String),
    /// The issuer of the vault finishes it.
    #[error("an issuer of the vault was asked for this certificate and finishes the operation itself: cancel it first")]
    IssuerWorks,
    /// An operation waits for its certificate.
    #[error("a certificate operation of {0} is in progress: merge, cancel or delete it first")]
    InProgress(ObjectName),
    /// There is no operation.
    #[error("pending certificate not found: {0}")]
    NoPending(ObjectName),
    /// The operation has come to its end.
    #[error("the certificate operation is not in progress any more")]
    NotInProgress,
    /// The version waits for its certificate.
    #[error("the version waits for its certificate and has nothing yet that could be changed")]
    Unfinished,
    /// Bytes that are no certificate.
    #[error(transparent)]
    NotACertificate(#[from] NotACertificate),
    /// A key that may not leave would leave with the new version.
    #[error(
        "the key that is to be used again may not be exported, and it stays so: make the policy's key not exportable, or a new one"
    )]
    KeyStaysHere,
    /// The certificate is for another key.
    #[error("none of the certificates is for the key of the pending request")]
    OtherKey,
    /// The certificate's time is over.
    #[error("the certificate has expired: it was valid until {}", utc(*.0))]
    Expired(i64),
    /// The certificate's time has not come.
    #[error("the certificate is not valid yet: it is from {} on", utc(*.0))]
    NotYetValid(i64),
    /// Its issuer would not take it back.
    #[error("it was not revoked: {0}")]
    NotRevoked(String),
    /// Its issuer could not be asked to take it back.
    #[error("it was not revoked: {0}")]
    IssuerUnreachable(String),
    /// An authority of a vault signed it.
    #[error(
        "its issuer is an authority that is kept in a vault and revokes itself what it signed: name its certificate"
    )]
    RevokedByAuthority,
    /// Nothing is due with the certificate.
    #[error("nothing is due with the certificate")]
    NotDue,
    /// It cannot be taken in.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// It could not be encoded or signed.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl HowItWent for CertificateError {
    fn how(&self) -> (Outcome, &str) {
        let reason = match self {
            Self::Object(error) => return error.how(),
            Self::Key(error) => return error.how(),
            Self::InProgress(_) => "certificate-in-progress",
            Self::NoPending(_) => "pending-not-found",
            Self::Unfinished => "certificate-unfinished",
            Self::Issue(_) => "unavailable",
            Self::NotDue => "not-due",
            Self::NotRevoked(_) => "not-revoked",
            Self::IssuerUnreachable(_) => "issuer-unreachable",
            Self::IssuerWorks => "issuer-works",
            Self::IssuerDisabled(_) => "issuer-disabled",
            Self::Policy(_)
            | Self::NoPolicy
            | Self::NoSuchIssuer(_)
            | Self::NotInProgress
            | Self::NotACertificate(_)
            | Self::Import(_)
            | Self::KeyStaysHere
            | Self::OtherKey
            | Self::RevokedByAuthority
            | Self::Expired(_)
            | Self::NotYetValid(_) => "invalid",
        };
        (Outcome::Failed, reason)
    }
}

impl From<KeyError> for CertificateError {
    fn from(error: KeyError) -> Self {
        Self::Key(Box::new(error))
    }
}

/// Of a look at what was revoked.
impl From<RevocationError> for CertificateError {
    fn from(error: RevocationError) -> Self {
        match error {
            RevocationError::Object(error) => error.into(),
            RevocationError::NotACertificate(error) => error.into(),
            // None that a look ends with.
            _ => ObjectError::Unavailable.into(),
        }
    }
}

/// The use cases with what they conduct.
pub struct Certificates {
    objects: Arc<Objects>,
    forge: Arc<Forge>,
    cores: Arc<Queue>,
    issuers: Arc<Issuers>,
    providers: IssuersByProvider,
    revoking: Arc<Revoking>,
    /// Something was ordered just now of an issuer.
    ordered: Notify,
    alerts: Alerts,
}

common_life!(Certificates, Verbs::CERTIFICATES, CertificateError);

/// What came of the work on what was read: a change, and what is answered once it is durable.
type Worked = Result<(PermittedChange, Held<SecretItem>), CertificateError>;

impl Certificates {
    /// Over what all kinds of objects share. Keys are made where all keys are made, and what takes a core waits where
    /// the uses of keys wait.
    #[must_use]
    pub fn new(
        objects: Arc<Objects>,
        keys: &Keys,
        issuers: Arc<Issuers>,
        (providers, revoking): (IssuersByProvider, Arc<Revoking>),
    ) -> Self {
        let (forge, cores) = (keys.forge(), keys.cores());
        Self { objects, forge, cores, issuers, providers, revoking, ordered: Notify::new(), alerts: Alerts::default() }
    }

    /// Waits until something is ordered of an issuer on this node: whoever asks for it need not wait for the schedule.
    pub async fn until_ordered(&self) {
        self.ordered.notified().await;
    }

    /// Where is told what somebody has to see to.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// The caller's turn for a core: the one that has come already, or the next.
    async fn turn(&self, ctx: &RequestContext, come: Option<Turn>) -> Result<Turn, CertificateError> {
        match come {
            Some(come) => Ok(come),
            None => Ok(self.cores.turn(&ctx.principal.id).await?),
        }
    }
}

/// What is merged or imported is valid now, in Unix seconds.
fn valid_now(not_before: i64, not_after: i64, now: i64) -> Result<(), CertificateError> {
    if now > not_after {
        Err(CertificateError::Expired(not_after))
    } else if now < not_before {
        Err(CertificateError::NotYetValid(not_before))
    } else {
        Ok(())
    }
}

/// Certificates that have such a name are renewed, and nobody makes more of them.
fn not_reserved(name: &ObjectName) -> Result<(), ObjectError> {
    let kind = ObjectKind::Certificate;
    if name.is_reserved(kind) { Err(ObjectError::Reserved(kind, name.clone())) } else { Ok(()) }
}

/// Signs and encodes on a thread of its own, in the caller's turn. What is worked on stays held.
async fn in_turn<S: Send + 'static>(
    turn: Turn,
    held: Held<(Permit, S)>,
    work: impl FnOnce(Permit, S) -> Worked + Send + 'static,
) -> Result<Held<Worked>, CertificateError> {
    Ok(turn.run(move || held.map(move |(permit, read)| work(permit, read))).await?)
}

/// A change that does not fit its permit is a mistake of this program.
fn applied(permit: Permit, change: crate::change::Change, answer: SecretItem) -> Worked {
    permit.apply(change, answer).map_err(|error| {
        tracing::error!(%error, "a change did not fit its permit");
        ObjectError::Unavailable.into()
    })
}
