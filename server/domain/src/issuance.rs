//! The port to whoever issues certificates: asked about one pending operation, again and again until it ends.

use async_trait::async_trait;
use strongroom_crypto::{
    SecretText,
    x509::{Reason, Template, Validity},
};

use crate::{
    certificate::Window,
    issuer::{AuthorityLife, IssuerSettings},
    names::{ObjectName, VaultName},
};

/// Longest state that an issuer keeps of an operation, in bytes.
pub const MAX_STATE: usize = 16 * 1024;
/// Longest sentence of an issuer that is shown, in bytes.
pub const MAX_MESSAGE: usize = 400;

/// One question to an issuer about one pending operation.
pub struct Order<'a> {
    /// The vault of the certificate and of the issuer.
    pub vault: &'a VaultName,
    /// The issuer's name there.
    pub issuer: &'a ObjectName,
    /// The certificate's name there.
    pub certificate: &'a ObjectName,
    /// Names the operation, the same over all questions.
    pub request_id: &'a str,
    /// How the issuer is asked.
    pub settings: &'a IssuerSettings,
    /// Of an authority kept in a vault: which one it was when the issuer was set.
    pub authority: Option<&'a AuthorityLife>,
    /// Azure: `credentials.pwd`.
    pub password: Option<&'a SecretText>,
    /// What the issuer gave to be kept, by [`Answer::account`].
    pub account: Option<&'a SecretText>,
    /// The request (PKCS#10), DER.
    pub request: &'a [u8],
    /// What the certificate shall say.
    pub template: &'a Template,
    /// For how long it shall be valid.
    pub validity: Validity,
    /// The certificate that it replaces, DER.
    pub replaces: Option<&'a [u8]>,
    /// What the last answer gave as [`Outcome::Pending`]; none the first time.
    pub state: Option<&'a str>,
    /// Unix seconds.
    pub now: i64,
}

/// What an issuer says.
pub struct Answer {
    /// How the operation stands.
    pub outcome: Outcome,
    /// To be kept sealed with the issuer from now on; none: what there is stays.
    pub account: Option<SecretText>,
}

/// How an operation stands with its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Issued {
        /// The certificate with those above it, in any order; checked as what is merged.
        chain: Vec<Vec<u8>>,
        /// When the authority wants it renewed; none where it is none that says so.
        renewal: Option<RenewalInformation>,
    },
    /// It takes longer.
    Pending {
        /// For the next question: at most [`MAX_STATE`] bytes, authenticated and not secret.
        state: String,
        /// When that is to be, Unix seconds.
        ask_at: i64,
    },
    /// It failed.
    Failed {
        /// A short word.
        code: &'static str,
        /// One sentence that everybody may see who may see the certificate.
        message: String,
        /// When it may be tried again, Unix seconds; none: never, and the operation has failed.
        retry_at: Option<i64>,
    },
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, account: None }
    }
}

/// What an authority says of when it wants a certificate renewed (RFC 9773).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenewalInformation {
    /// What it suggests; none when that could not be learnt.
    pub window: Option<Window>,
    /// After how many seconds it wants to be asked again, if it said.
    pub retry_after: Option<i64>,
}

/// A question about a certificate that was issued.
pub struct RenewalQuestion<'a> {
    /// How the issuer is asked.
    pub settings: &'a IssuerSettings,
    /// What the issuer gave to be kept, by [`Answer::account`].
    pub account: Option<&'a SecretText>,
    /// The certificate, DER.
    pub certificate: &'a [u8],
    /// Unix seconds.
    pub now: i64,
}

/// A certificate that an issuer is to take back.
pub struct TakenBack<'a> {
    /// How the issuer is asked.
    pub settings: &'a IssuerSettings,
    /// What the issuer gave to be kept, by [`Answer::account`].
    pub account: Option<&'a SecretText>,
    /// The certificate, DER.
    pub certificate: &'a [u8],
    /// Why.
    pub reason: Reason,
    /// Unix seconds.
    pub now: i64,
}

/// Why an issuer did not take a certificate back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTakenBack {
    /// A short word.
    pub code: &'static str,
    /// Part of a sentence that everybody may see who may see the certificate.
    pub message: String,
}

/// How an issuer took it that what it gave to be kept is kept no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// It has nothing to be told.
    NothingToTell,
    /// It knows.
    Told,
    /// It could not be told: why, in a short word.
    NotTold(&'static str),
}

/// Somebody who issues certificates.
#[async_trait]
pub trait CertificateIssuer: Send + Sync {
    /// Asks, or asks again. One node asks about an operation at a time, for two minutes at most: what takes longer is
    /// answered with [`Outcome::Pending`].
    async fn ask(&self, order: &Order<'_>) -> Answer;

    /// Whether the operator of this server allows what an issuer's settings say: who is never asked is not set up.
    fn is_allowed(&self, _settings: &IssuerSettings) -> bool {
        true
    }

    /// When a certificate that it issued is wanted renewed; none where that cannot be learnt now. In a minute at most.
    async fn renewal_information(&self, _question: &RenewalQuestion<'_>) -> Option<RenewalInformation> {
        None
    }

    /// Has it take a certificate back that it issued; one that it took back before is no failure. In a minute at most.
    ///
    /// # Errors
    /// [`NotTakenBack`].
    async fn take_back(&self, _what: &TakenBack<'_>) -> Result<(), NotTakenBack> {
        Err(NotTakenBack { code: "not-here", message: "the issuer takes no certificate back".to_owned() })
    }

    /// Tells it that what it gave to be kept ([`Answer::account`]) is kept no more, so that whoever has a copy can do
    /// nothing with it. In a minute at most.
    async fn part(&self, _settings: &IssuerSettings, _account: &SecretText, _now: i64) -> Farewell {
        Farewell::NothingToTell
    }
}
