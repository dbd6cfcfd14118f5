//! Ways in: exchanging a credential for an access token, and dashboard sessions.
//!
//! Whether a credential is right is the business of `identity`, behind the port [`Credentials`].
//! Here it is decided what follows, and nothing is given out before it is on record.

pub mod command_line;
mod idle;
mod logout;
pub mod past_issuers;

use std::{net::IpAddr, sync::Arc};

use async_trait::async_trait;
use strongroom_crypto::{Entropy, SecretText};
use uuid::Uuid;

use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    decision::{Stage, StageEffect},
    gate::{Case, Gate},
    identity::{Begun, Session, UsedAssertion, Workload},
    keyring::{Keyring, KeyringError},
    ports::IdentityStore,
    principal::{Principal, PrincipalId},
    record::{FloodGate, HowItWent, NoRecord, Outcome, Record, Recorder},
    sign_in::{SignIn, SignedIn, TokenExplanation},
    throttle::{Rate, Throttle, TooMany, network_of},
    time::uuid_v7,
};

/// What a client shows to prove who it is.
pub enum ClientProof {
    /// A client secret.
    Secret(SecretText),
    /// A JWT of a federated issuer (RFC 7523).
    Assertion(SecretText),
}

/// A credential is not good enough. One answer for unknown, wrong and expired; that a workload is disabled hears
/// only who showed a credential of it that is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Unknown client, wrong or expired credential.
    #[error("the client's credential is not valid")]
    Invalid,
    /// A credential that is right in every respect, of a workload that is disabled. Only who has it learns.
    #[error("the workload is disabled")]
    Disabled,
    /// An assertion that is signed as it should be, before or after its time. Only its signer learns.
    #[error("the client's assertion is not within its time")]
    OutOfTime,
    /// An assertion that is signed as it should be, for somebody else. Only its signer learns.
    #[error("the client's assertion is for another audience")]
    WrongAudience,
    /// The federated issuer's keys cannot be had. Answered as [`CredentialError::Invalid`]: another answer would tell
    /// anybody which federations a workload has. The record says what it was.
    #[error("the issuer of the assertion is not reachable")]
    IssuerUnavailable,
    /// Tokens cannot be signed.
    #[error("tokens cannot be signed")]
    SigningFailed,
}

impl CredentialError {
    /// Whether nobody got in: all that anybody may cause. An issuer that cannot be asked is such a case,
    /// because naming it takes no key.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        match self {
            Self::Invalid | Self::Disabled | Self::OutOfTime | Self::WrongAudience | Self::IssuerUnavailable => true,
            Self::SigningFailed => false,
        }
    }
}

/// What a credential proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The credential used, for the record.
    pub credential: String,
    /// Its id, by which tokens name it.
    pub id: Uuid,
    /// The workload's own assertion, which counts once.
    pub assertion: Option<UsedAssertion>,
}

/// An access token.
pub struct AccessToken {
    /// The token.
    pub token: SecretText,
    /// Seconds it is good for.
    pub expires_in: u32,
}

/// Checks credentials and mints tokens.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Checks a proof against a workload, doing comparable work when there is none.
    ///
    /// # Errors
    /// [`CredentialError`].
    async fn check(
        &self,
        workload: Option<&Workload>,
        client_id: &str,
        proof: &ClientProof,
        now_millis: i64,
    ) -> Result<Proven, CredentialError>;

    /// Checks an assertion against a workload in the same way and tells how every check went; uses nothing up. For
    /// administrators alone: it tells what the workload is federated with.
    async fn explain(&self, workload: Option<&Workload>, assertion: &SecretText, now_millis: i64) -> TokenExplanation;

    /// Signs an access token for a workload that proved itself by this credential. `id` becomes the
    /// token's `jti`.
    ///
    /// # Errors
    /// [`CredentialError::SigningFailed`].
    fn mint(
        &self,
        workload: &Workload,
        credential: Uuid,
        id: Uuid,
        now_millis: i64,
    ) -> Result<AccessToken, CredentialError>;
}

/// Why there is no token or session.
#[derive(Debug, thiserror::Error)]
pub enum EntranceError {
    /// The credential is not good enough.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// Too many refusals from there, or too many tokens for this client.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The store or a source of randomness is not available.
    #[error("the store is unavailable")]
    Unavailable,
    /// The audit record could not be made durable.
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
}

/// What the record says of a credential that is right, of a workload that is disabled.
pub const DISABLED: &str = "workload-disabled";

impl HowItWent for EntranceError {
    fn how(&self) -> (Outcome, &str) {
        match self {
            Self::Credential(CredentialError::Invalid) => (Outcome::Unauthenticated, "invalid-credential"),
            Self::Credential(CredentialError::Disabled) => (Outcome::Unauthenticated, DISABLED),
            Self::Credential(CredentialError::OutOfTime) => (Outcome::Unauthenticated, "assertion-out-of-time"),
            Self::Credential(CredentialError::WrongAudience) => (Outcome::Unauthenticated, "assertion-wrong-audience"),
            Self::TooMany(_) => (Outcome::Failed, "too-many-requests"),
            Self::Credential(CredentialError::IssuerUnavailable) => (Outcome::Unauthenticated, "issuer-unavailable"),
            Self::Credential(CredentialError::SigningFailed) => (Outcome::Failed, "signing-failed"),
            Self::Unavailable => (Outcome::Failed, "unavailable"),
            Self::NoRecord(_) => (Outcome::Failed, "no-record"),
        }
    }
}

impl From<KeyringError> for EntranceError {
    fn from(error: KeyringError) -> Self {
        tracing::error!(%error, "the keyring refused");
        Self::Unavailable
    }
}

/// The token endpoint's own rates. Refusals are counted against who causes them, tokens against the
/// client that proved itself: nobody can use up what another one needs.
#[derive(Debug)]
pub struct TokenRates {
    refused_address: Throttle<IpAddr>,
    refused_client: Throttle<(IpAddr, [u8; 32])>,
    granted_client: Throttle<Uuid>,
}

impl Default for TokenRates {
    fn default() -> Self {
        Self {
            refused_address: Throttle::new(REFUSED_BY_ADDRESS),
            refused_client: Throttle::new(REFUSED_BY_CLIENT),
            granted_client: Throttle::new(GRANTED_BY_CLIENT),
        }
    }
}

/// Refused credentials from one address (IPv6: one /64): 60 at once, then 10 a second. Beyond, a refusal
/// has no record of its own; a credential that is right is accepted all the same.
pub const REFUSED_BY_ADDRESS: Rate = Rate { burst: 60, every_millis: 100 };
/// Refused credentials for one client id from one address: 20 at once, then 1 a second.
pub const REFUSED_BY_CLIENT: Rate = Rate { burst: 20, every_millis: 1000 };
/// Tokens for one client: 200 at once, then 20 a second.
pub const GRANTED_BY_CLIENT: Rate = Rate { burst: 200, every_millis: 50 };

/// Most sessions that somebody has, in browsers and of the command line: the oldest ends when another one begins.
pub const MAX_SESSIONS: usize = 50;
/// How long a dashboard session lasts at most, in seconds.
pub const SESSION_SECONDS: i64 = 8 * 3600;

pub use idle::IDLE_SECONDS;
pub use logout::MAX_ENDED_AT_PROVIDER;

/// The use cases with what they conduct.
pub struct Entrance {
    /// Makes the permits: a proven credential is what they rest on.
    pub gate: Arc<Gate>,
    /// Whose sign-ins count, as the installation is configured now.
    pub sign_in: Arc<dyn SignIn>,
    /// Workloads and sessions.
    pub identities: Arc<dyn IdentityStore>,
    /// Checks credentials, mints tokens.
    pub credentials: Arc<dyn Credentials>,
    /// Authenticates rows.
    pub keyring: Arc<Keyring>,
    /// Writes records, releases answers.
    pub recorder: Recorder,
    /// Session ids.
    pub entropy: Arc<dyn Entropy>,
    /// Bounds how many refused credentials of nobody in particular are recorded one by one.
    pub flood: FloodGate,
    /// Bounds how often the token endpoint is asked in vain, and how many tokens a client gets.
    pub rates: TokenRates,
}

impl Entrance {
    /// The token endpoint: a credential for an access token.
    ///
    /// # Errors
    /// [`EntranceError`].
    pub async fn issue_token(
        &self,
        ctx: &RequestContext,
        client_id: &str,
        proof: &ClientProof,
    ) -> Result<AccessToken, EntranceError> {
        let from = network_of(ctx.client);
        // Text that is no id is not recorded: clients mix up their fields, and it may be the secret.
        let named = Uuid::try_parse(client_id).ok();
        // However an id is written, it is one client.
        let counted = named.as_ref().map_or(client_id.as_bytes(), |id| id.as_bytes());
        let refusals = (from, strongroom_crypto::sha256(counted));
        let workload = match named {
            Some(id) => self.identities.workload(id).await.map_err(|error| {
                tracing::error!(%error, "the token endpoint could not read a workload");
                EntranceError::Unavailable
            })?,
            None => None,
        };
        let authentic = workload.filter(|w| Some(w.client_id) == named && self.keyring.verify_workload(w).is_ok());
        let proven = self.credentials.check(authentic.as_deref(), client_id, proof, ctx.now).await;
        let Case { permit, mut record, .. } = self.gate.proven(ctx, Action::TokenIssue);
        record.object = named.map(|id| id.to_string());
        let mut assertion = None;
        let outcome = match (proven, authentic) {
            (Ok(Proven { credential, id, assertion: used }), Some(workload)) => {
                self.rates.granted_client.count(&workload.client_id, ctx.now)?;
                assertion = used;
                let subject = workload.client_id.to_string();
                record.principal = Some(PrincipalId { issuer: self.gate.own_issuer.clone(), subject });
                "workload".clone_into(&mut record.principal_kind);
                let proven = Stage::new("credential", StageEffect::Allow, "proven");
                record.trace.push(proven.with_detail(credential));
                self.credentials.mint(&workload, id, ctx.request_id, ctx.now)
            }
            (Ok(_), None) => Err(CredentialError::Invalid),
            (Err(error), _) => Err(error),
        };
        let outcome = match (outcome, assertion) {
            (Ok(token), Some(assertion)) => {
                return self.exchange_once(ctx, permit, record, assertion, token).await;
            }
            (outcome, _) => outcome,
        };
        if let Err(error) = outcome.as_ref().map(drop)
            && error.is_refusal()
        {
            // Only who is refused is held to the rates: otherwise one program with an old secret would
            // keep out all others behind its address. A look at a credential is cheap.
            self.rates.refused_address.check(&from, ctx.now)?;
            self.rates.refused_client.check(&refusals, ctx.now)?;
            let _ = self.rates.refused_address.count(&from, ctx.now);
            let _ = self.rates.refused_client.count(&refusals, ctx.now);
            if !self.flood.admit(ctx.now) {
                // One of a flood: nothing is given out, and the edge counts it instead of recording it.
                return Err((*error).into());
            }
        }
        self.recorder.release(ctx, record, permit.hold(outcome.map_err(EntranceError::from))).await?
    }

    /// Gives a token out and remembers the assertion it was given for, in one transaction.
    async fn exchange_once(
        &self,
        ctx: &RequestContext,
        permit: crate::permit::Permit,
        record: Record,
        assertion: UsedAssertion,
        token: AccessToken,
    ) -> Result<AccessToken, EntranceError> {
        let change = Change::UseAssertion(assertion);
        let (change, held) = permit.apply(change, token).map_err(|error| {
            tracing::error!(%error, "a change did not fit its permit");
            EntranceError::Unavailable
        })?;
        let client = record.principal.clone();
        match self.recorder.commit(ctx, record, change, held).await? {
            Some(token) => Ok(token),
            None => {
                // Nothing happened and nothing is recorded yet: the edge records the refusal.
                tracing::warn!(?client, "an assertion that was exchanged before is refused");
                Err(CredentialError::Invalid.into())
            }
        }
    }

    /// Begins a dashboard session; gives the cookie's value, which is stored nowhere.
    ///
    /// # Errors
    /// [`EntranceError`].
    pub async fn begin_session(
        &self,
        ctx: &RequestContext,
        who: SignedIn,
        program: Option<String>,
    ) -> Result<SecretText, EntranceError> {
        self.make_room(ctx, &who.principal, None).await?;
        let mut random = zeroize::Zeroizing::new([0u8; 32]);
        self.entropy.fill(random.as_mut_slice()).map_err(|_| EntranceError::Unavailable)?;
        let secret = SecretText::new(data_encoding::BASE64URL_NOPAD.encode(random.as_slice()));
        let created = ctx.seconds();
        let mut session = Session {
            id_hash: strongroom_crypto::sha256(secret.expose().as_bytes()),
            principal: who.principal,
            display_name: who.display_name,
            created,
            expires: created + SESSION_SECONDS,
            provider_session: who.provider_session,
            authenticated: who.authenticated,
            begun: Some(Begun { client: ctx.client.to_canonical(), command_line: false, program }),
            tag: Vec::new(),
        };
        session.tag = self.keyring.tag_session(&session)?;
        let Case { permit, mut record, .. } = self.gate.proven(ctx, Action::SessionChange);
        "SessionBegin".clone_into(&mut record.operation);
        record.principal = Some(session.principal.id.clone());
        session.principal.kind.as_str().clone_into(&mut record.principal_kind);
        let cookie = self.shown_at(&secret, created);
        self.change(ctx, permit, record, Change::BeginSession(Box::new(session)), cookie).await
    }

    /// Ends the oldest sessions of somebody who has as many as one has, so that another one may begin. Whoever begins one
    /// after the other would make the ends of all of them, which are wanted at once when they are, a long job.
    async fn make_room(
        &self,
        ctx: &RequestContext,
        whose: &Principal,
        but: Option<&[u8; 32]>,
    ) -> Result<(), EntranceError> {
        let all = self.sessions_of(&whose.id, ctx.now).await?;
        let whose = Arc::new(whose.clone());
        for old in all.iter().skip(MAX_SESSIONS - 1).filter(|session| Some(&session.id_hash) != but) {
            let further = self.further(ctx, &whose)?;
            let Case { permit, mut record, .. } = self.gate.proven(&further, Action::SessionChange);
            "SessionEnd".clone_into(&mut record.operation);
            record.detail("because", "too-many-sessions");
            self.change(&further, permit, record, Change::EndSession { id_hash: old.id_hash }, ()).await?;
        }
        Ok(())
    }

    /// One more change for the same request, with a record of its own.
    fn further(&self, ctx: &RequestContext, whose: &Arc<Principal>) -> Result<RequestContext, EntranceError> {
        let id = uuid_v7(ctx.now, &*self.entropy).map_err(|_| EntranceError::Unavailable)?;
        Ok(RequestContext::new(id, Arc::clone(whose), ctx.client, ctx.listener.clone(), ctx.now))
    }

    /// Ends a dashboard session, at once.
    ///
    /// # Errors
    /// [`EntranceError`].
    pub async fn end_session(&self, ctx: &RequestContext, id_hash: [u8; 32]) -> Result<(), EntranceError> {
        let Case { permit, mut record, .. } = self.gate.proven(ctx, Action::SessionChange);
        "SessionEnd".clone_into(&mut record.operation);
        self.change(ctx, permit, record, Change::EndSession { id_hash }, ()).await
    }

    /// The session behind a cookie, if it is one of ours and not over. One that nobody used for
    /// [`IDLE_SECONDS`] is over, and so is one that began at a provider which is not configured any more.
    ///
    /// # Errors
    /// [`EntranceError::Unavailable`].
    pub async fn session(&self, cookie: &str, now_millis: i64) -> Result<Option<Arc<Session>>, EntranceError> {
        match self.in_use(cookie, now_millis) {
            Some(secret) => self.find_session(&strongroom_crypto::sha256(secret.as_bytes()), now_millis).await,
            None => Ok(None),
        }
    }

    async fn find_session(&self, id_hash: &[u8; 32], now_millis: i64) -> Result<Option<Arc<Session>>, EntranceError> {
        let found = self.identities.session(id_hash).await.map_err(|error| {
            tracing::error!(%error, "a session could not be read");
            EntranceError::Unavailable
        })?;
        let now = now_millis.div_euclid(1000);
        Ok(found.filter(|s| {
            s.id_hash == *id_hash
                && s.expires > now
                && self.keyring.verify_session(s).is_ok()
                && self.sign_in.knows(&s.principal.id.issuer)
        }))
    }

    /// The sessions of a principal that are not over, the newest first: for that principal to see.
    ///
    /// # Errors
    /// [`EntranceError::Unavailable`].
    pub async fn sessions_of(
        &self,
        principal: &PrincipalId,
        now_millis: i64,
    ) -> Result<Vec<Arc<Session>>, EntranceError> {
        let found = self.identities.sessions(principal).await.map_err(|error| {
            tracing::error!(%error, "sessions could not be read");
            EntranceError::Unavailable
        })?;
        let now = now_millis.div_euclid(1000);
        let good = |s: &Arc<Session>| {
            s.principal.id == *principal && s.expires > now && self.keyring.verify_session(s).is_ok()
        };
        let mut sessions: Vec<Arc<Session>> = found.into_iter().filter(good).collect();
        sessions.sort_by_key(|session| (std::cmp::Reverse(session.created), session.id_hash));
        Ok(sessions)
    }

    /// What a form of the dashboard must send back: bound to the session, useless elsewhere.
    #[must_use]
    pub fn form_token(&self, session: &Session) -> String {
        data_encoding::BASE64URL_NOPAD.encode(&self.keyring.form_token(&session.id_hash))
    }

    async fn change<T>(
        &self,
        ctx: &RequestContext,
        permit: crate::permit::Permit,
        record: Record,
        change: Change,
        answer: T,
    ) -> Result<T, EntranceError> {
        let (change, held) = permit.apply(change, answer).map_err(|error| {
            tracing::error!(%error, "a change did not fit its permit");
            EntranceError::Unavailable
        })?;
        self.recorder.commit(ctx, record, change, held).await?.ok_or(EntranceError::Unavailable)
    }
}
