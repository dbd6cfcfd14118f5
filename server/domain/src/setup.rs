//! The first way in where no provider is configured: whoever reads a one-time code from the server's own terminal
//! names the provider that people sign in at, and the one principal of it that owns the installation. Nothing else
//! can be done with the code.
//!
//! The door is a sealed document. It is made open, and the transaction that closes it also makes the Owner: both, or
//! neither. What is stored of it carries a revision that stands in the audit log as well, so that a document put back
//! to before, or taken away, is found by `verify`; and a door that the log says was closed is never opened again,
//! whatever the document says. An installation that has an Owner has no such door.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use strongroom_crypto::{Entropy, Plaintext, SecretText};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{
    action::Action,
    admin::Administration,
    change::{Change, PutTokenKeys},
    context::RequestContext,
    decision::{Stage, StageEffect},
    gate::Case,
    grant::{Assignment, Scope},
    keyring::{Keyring, KeyringError},
    ports::{SealStore, SealedBlob, StoreError},
    principal::{Grantee, PrincipalId, SYSTEM_ISSUER},
    record::{FloodGate, HowItWent, NoRecord, Outcome, Record, RecordFilter, Without},
    role::Role,
    sign_in::SignInError,
    text::deceives,
    throttle::{Rate, Throttle, TooMany, network_of},
    time::uuid_v4,
};

/// Under what the door is sealed.
pub const LABEL: &str = "first-provider-v1";
/// Name of the system principal that looks at the door when a server starts, in records.
pub const PRINCIPAL: &str = "setup";
/// How long a code counts, in milliseconds: half an hour.
pub const CODE_MILLIS: i64 = 30 * 60_000;
/// Characters of a code: 120 random bits in base32.
pub const CODE_CHARACTERS: usize = 24;
/// Bytes that a code is made of.
const CODE_BYTES: usize = 15;
/// Wrong codes from one address (IPv6: one /64): 5 at once, then one in 12 seconds.
pub const REFUSED: Rate = Rate { burst: 5, every_millis: 12_000 };

/// A provider as whoever sets the installation up names it. Has no `Debug`: it holds the client secret.
pub struct FirstProvider {
    /// Name in addresses.
    pub name: String,
    /// Name on the button.
    pub label: String,
    /// Its issuer, letter for letter.
    pub issuer: String,
    /// Client id of this dashboard there.
    pub client_id: String,
    /// Client secret, unless it is a public client.
    pub client_secret: Option<SecretText>,
    /// Claim that names groups, if there is one.
    pub groups_claim: Option<String>,
}

impl FirstProvider {
    /// What is wrong with it, as a sentence; none when it can be tried.
    #[must_use]
    pub fn mistake(&self) -> Option<&'static str> {
        let shown = |text: &str, most: usize| {
            !text.trim().is_empty() && text.chars().count() <= most && !text.contains(deceives)
        };
        let plain = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let name = (1..=32).contains(&self.name.len())
            && self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
        let issuer = plain(&self.issuer, 1024)
            && url::Url::parse(&self.issuer).is_ok_and(|url| {
                url.scheme() == "https" && url.has_host() && url.query().is_none() && url.fragment().is_none()
            });
        let secret = self.client_secret.as_ref().is_none_or(|secret| plain(secret.expose(), 1024));
        let claim = self.groups_claim.as_ref().is_none_or(|claim| plain(claim, 256));
        [
            (name, "The name in addresses is 1 to 32 lower-case letters, digits, - and _."),
            (shown(&self.label, 64), "The name on the button is 1 to 64 characters that can be seen."),
            (
                issuer,
                "The issuer is an https address without query and fragment, letter for letter as its tokens say it.",
            ),
            (plain(&self.client_id, 256), "The client id is 1 to 256 letters, digits and signs, without spaces."),
            (secret, "The client secret is at most 1024 letters, digits and signs, without spaces."),
            (claim, "The claim that names groups is at most 256 letters, digits and signs, without spaces."),
        ]
        .into_iter()
        .find_map(|(good, sentence)| (!good).then_some(sentence))
    }
}

/// What is sealed: the door, and what came through it.
#[derive(Serialize, Deserialize)]
struct Document<'a> {
    revision: i64,
    #[serde(borrow)]
    provider: Option<Line<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    name: String,
    label: String,
    issuer: String,
    client_id: String,
    /// In base64, and so borrowed: no copy of it stays behind.
    client_secret: Option<&'a str>,
    groups_claim: Option<String>,
}

/// The document that is made open.
///
/// # Errors
/// When sealing fails.
pub fn open_door(keyring: &Keyring, entropy: &dyn Entropy) -> Result<Vec<u8>, KeyringError> {
    seal(keyring, 0, None, entropy)
}

fn seal(
    keyring: &Keyring,
    revision: i64,
    provider: Option<&FirstProvider>,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, KeyringError> {
    let secret = provider.and_then(|provider| provider.client_secret.as_ref());
    let secret = secret.map(|secret| Zeroizing::new(BASE64.encode(secret.expose().as_bytes())));
    let provider = provider.map(|provider| Line {
        name: provider.name.clone(),
        label: provider.label.clone(),
        issuer: provider.issuer.clone(),
        client_id: provider.client_id.clone(),
        client_secret: secret.as_ref().map(|secret| secret.as_str()),
        groups_claim: provider.groups_claim.clone(),
    });
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 * 1024));
    serde_json::to_writer(&mut *bytes, &Document { revision, provider }).map_err(|_| KeyringError::Tampered)?;
    keyring.seal_blob(LABEL, &Plaintext::from_slice(&bytes), entropy)
}

/// What is stored of the door: none while it is open.
///
/// # Errors
/// [`KeyringError::Tampered`] when it is not what was sealed here, or has another revision than its row.
pub fn came_through(keyring: &Keyring, stored: &SealedBlob) -> Result<Option<FirstProvider>, KeyringError> {
    let opened = keyring.open_blob(LABEL, &stored.bytes)?;
    let document: Document<'_> = serde_json::from_slice(opened.expose()).map_err(|_| KeyringError::Tampered)?;
    if document.revision != stored.revision {
        return Err(KeyringError::Tampered);
    }
    let Some(line) = document.provider else { return Ok(None) };
    let client_secret = match line.client_secret {
        Some(text) => {
            let bytes = Zeroizing::new(BASE64.decode(text.as_bytes()).map_err(|_| KeyringError::Tampered)?);
            let text = std::str::from_utf8(&bytes).map_err(|_| KeyringError::Tampered)?;
            Some(SecretText::new(text.to_owned()))
        }
        None => None,
    };
    Ok(Some(FirstProvider {
        name: line.name,
        label: line.label,
        issuer: line.issuer,
        client_id: line.client_id,
        client_secret,
        groups_claim: line.groups_claim,
    }))
}

/// A new code, as it is shown once: `ABCDEF-GHIJKL-MNOPQR-STUVWX`.
///
/// # Errors
/// Without randomness.
pub fn new_code(entropy: &dyn Entropy) -> Result<SecretText, strongroom_crypto::EntropyError> {
    let mut random = Zeroizing::new([0u8; CODE_BYTES]);
    entropy.fill(random.as_mut_slice())?;
    let letters = Zeroizing::new(data_encoding::BASE32_NOPAD.encode(random.as_slice()));
    let mut shown = String::with_capacity(CODE_CHARACTERS + 3);
    for (at, letter) in letters.chars().enumerate() {
        if at > 0 && at % 6 == 0 {
            shown.push('-');
        }
        shown.push(letter);
    }
    Ok(SecretText::new(shown))
}

/// What is kept of a code. However it is typed, in capitals or not and with signs between, it is one code. Nothing
/// slower than a hash is needed: nobody tries 120 bits.
#[must_use]
pub fn code_hash(typed: &str) -> [u8; 32] {
    let letters = typed.chars().filter(char::is_ascii_alphanumeric).take(CODE_CHARACTERS + 1);
    let mut plain = Zeroizing::new(String::with_capacity(CODE_CHARACTERS + 1));
    plain.extend(letters.map(|letter| letter.to_ascii_uppercase()));
    strongroom_crypto::sha256(plain.as_bytes())
}

/// A code that was shown on the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCode {
    /// See [`code_hash`].
    pub hash: [u8; 32],
    /// Until when it counts, Unix milliseconds.
    pub expires: i64,
}

/// Where the code is kept that was shown on the server's own terminal last.
pub trait SetupCodes: Send + Sync {
    /// The one that counts, if there is one.
    fn issued(&self) -> Option<IssuedCode>;

    /// It counts no more, and no other will.
    fn spend(&self);
}

/// Takes a provider up while the server runs.
#[async_trait]
pub trait ProviderDesk: Send + Sync {
    /// Whether it answers as an OpenID provider of this issuer. Nothing is kept.
    ///
    /// # Errors
    /// [`SignInError`].
    async fn try_out(&self, provider: &FirstProvider) -> Result<(), SignInError>;

    /// People can sign in at it from now on.
    ///
    /// # Errors
    /// [`SignInError`].
    fn take_up(&self, provider: &FirstProvider) -> Result<(), SignInError>;
}

/// Why nothing was set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// It was set up before, or has an Owner.
    #[error("the installation is set up")]
    Closed,
    /// The code is not the one that was shown last, or it is over.
    #[error("the setup code does not count")]
    Code,
    /// Too many wrong codes from there.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// What was named cannot be.
    #[error("{0}")]
    Invalid(&'static str),
    /// The provider does not answer as one.
    #[error(transparent)]
    Provider(#[from] SignInError),
    /// The store or a source of randomness is not available.
    #[error("the store is unavailable")]
    Unavailable,
    /// The audit record could not be made durable.
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
}

impl HowItWent for SetupError {
    fn how(&self) -> (Outcome, &str) {
        match self {
            Self::Closed => (Outcome::Failed, "setup-closed"),
            Self::Code => (Outcome::Unauthenticated, "setup-code-invalid"),
            Self::TooMany(_) => (Outcome::Failed, "too-many-requests"),
            Self::Invalid(_) => (Outcome::Failed, "setup-invalid"),
            Self::Provider(error) => (Outcome::Failed, error.reason()),
            Self::Unavailable => (Outcome::Failed, "unavailable"),
            Self::NoRecord(_) => (Outcome::Failed, "no-record"),
        }
    }
}

impl From<StoreError> for SetupError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the setup could not ask the store");
        Self::Unavailable
    }
}

impl From<KeyringError> for SetupError {
    fn from(error: KeyringError) -> Self {
        tracing::error!(%error, "the keyring refused the setup");
        Self::Unavailable
    }
}

/// The use case with what it conducts.
pub struct Setup {
    /// The door is stored there.
    store: Arc<dyn SealStore>,
    /// The code of the terminal.
    codes: Arc<dyn SetupCodes>,
    /// Tries the provider and takes it up.
    desk: Arc<dyn ProviderDesk>,
    /// Bounds how many wrong codes are recorded one by one.
    flood: FloodGate,
    /// Bounds how many wrong codes are answered.
    refused: Throttle<IpAddr>,
    /// Whether this start of the server found that the installation may be set up.
    unlocked: AtomicBool,
}

impl Setup {
    /// Locked, as it is for every installation but one that nobody owns.
    #[must_use]
    pub fn locked(store: Arc<dyn SealStore>, codes: Arc<dyn SetupCodes>, desk: Arc<dyn ProviderDesk>) -> Self {
        let (flood, refused) = (FloodGate::default(), Throttle::new(REFUSED));
        Self { store, codes, desk, flood, refused, unlocked: AtomicBool::new(false) }
    }

    /// Unlocks it, after [`Setup::was_never_done`] said that it may be.
    pub fn unlock(&self) {
        self.unlocked.store(true, Ordering::Release);
    }

    /// Whether a start of the server leaves the door open, on record: nobody owns the installation, and the log holds
    /// no record of a setup. `ctx` is a request of [`PRINCIPAL`].
    ///
    /// # Errors
    /// [`SetupError`].
    pub async fn was_never_done(admin: &Administration, ctx: &RequestContext) -> Result<bool, SetupError> {
        if has_owner(admin, ctx.now).await? {
            return Ok(false);
        }
        let Case { permit, mut record, .. } = admin.gate.proven(ctx, Action::AuditRead);
        "SetupLook".clone_into(&mut record.operation);
        let filter = RecordFilter {
            operation: Some(Action::SetupFinish.operation().to_owned()),
            outcome: Some(Outcome::Allowed),
            without: Without::default(),
            limit: 1,
            ..RecordFilter::default()
        };
        let held = admin.audit.query(permit, filter).await.map(|page| page.map_err(SetupError::from));
        Ok(admin.recorder.release(ctx, record, held).await??.items.is_empty())
    }

    /// Whether somebody with the code could still come in.
    ///
    /// # Errors
    /// [`SetupError::Unavailable`].
    pub async fn is_open(&self, admin: &Administration, now: i64) -> Result<bool, SetupError> {
        if !self.unlocked.load(Ordering::Acquire) {
            return Ok(false);
        }
        let stored = self.store.sealed_blob(LABEL).await?;
        Ok(stored.is_some_and(|blob| blob.revision == 0) && !has_owner(admin, now).await?)
    }

    /// Names the provider, and `subject` at it as Owner of the installation. Closes the door.
    ///
    /// # Errors
    /// [`SetupError`]; the code counts on unless all went well.
    pub async fn finish(
        &self,
        admin: &Administration,
        ctx: &RequestContext,
        code: &SecretText,
        provider: FirstProvider,
        subject: &str,
    ) -> Result<(), SetupError> {
        if !self.is_open(admin, ctx.now).await? {
            return Err(SetupError::Closed);
        }
        let from = network_of(ctx.client);
        // Compared first: whoever has the code is let in, whoever floods from the same address.
        let right = self.counts(code, ctx.now);
        if !right {
            self.refused.check(&from, ctx.now)?;
        }
        let Case { permit, mut record, .. } = admin.gate.proven(ctx, Action::SetupFinish);
        if !right {
            let _ = self.refused.count(&from, ctx.now);
            if !self.flood.admit(ctx.now) {
                // One of a flood: the edge counts it instead of recording it.
                return Err(SetupError::Code);
            }
            let held = permit.hold(Err::<(), _>(SetupError::Code));
            return admin.recorder.release(ctx, record, held).await?;
        }
        record.trace.push(Stage::new("setup-code", StageEffect::Allow, "proven"));
        let prepared = self.prepare(admin, ctx, &provider, subject, &mut record).await;
        let (put, owner) = match prepared {
            Ok(prepared) => prepared,
            Err(why) => return admin.recorder.release(ctx, record, permit.hold(Err(why))).await?,
        };
        let change = Change::FinishSetup { put: Box::new(put), owner: Box::new(owner) };
        let (change, held) = permit.apply(change, ()).map_err(|error| {
            tracing::error!(%error, "a change did not fit its permit");
            SetupError::Unavailable
        })?;
        // Somebody else was first: nothing happened, and the edge records the refusal.
        admin.recorder.commit(ctx, record, change, held).await?.ok_or(SetupError::Closed)?;
        self.unlocked.store(false, Ordering::Release);
        self.codes.spend();
        if let Err(error) = self.desk.take_up(&provider) {
            tracing::error!(%error, "the provider is stored and could not be taken up: start the server again");
        }
        Ok(())
    }

    /// Whether this is the code of the terminal, and not over.
    fn counts(&self, code: &SecretText, now: i64) -> bool {
        let hash = code_hash(code.expose());
        self.codes.issued().is_some_and(|issued| {
            let in_time = (1..=CODE_MILLIS).contains(&issued.expires.saturating_sub(now));
            bool::from(issued.hash.ct_eq(&hash)) && in_time
        })
    }

    async fn prepare(
        &self,
        admin: &Administration,
        ctx: &RequestContext,
        provider: &FirstProvider,
        subject: &str,
        record: &mut Record,
    ) -> Result<(PutTokenKeys, Assignment), SetupError> {
        if let Some(sentence) = provider.mistake() {
            return Err(SetupError::Invalid(sentence));
        }
        let subject = subject.trim();
        if subject.is_empty() || subject.chars().count() > 255 || subject.contains(deceives) {
            return Err(SetupError::Invalid("The administrator's subject is 1 to 255 characters that can be seen."));
        }
        if provider.issuer == SYSTEM_ISSUER || provider.issuer == admin.gate.own_issuer {
            return Err(SetupError::Invalid("The issuer is that of another system than this one."));
        }
        record.object = Some(provider.name.clone());
        record.detail("provider", &provider.label);
        record.detail("client_id", &provider.client_id);
        self.desk.try_out(provider).await?;
        let before = self.store.sealed_blob(LABEL).await?.ok_or(SetupError::Closed)?;
        if came_through(&admin.keyring, &before)?.is_some() || before.revision != 0 {
            return Err(SetupError::Closed);
        }
        let after = SealedBlob { bytes: seal(&admin.keyring, 1, Some(provider), &*admin.entropy)?, revision: 1 };
        let id = uuid_v4(&*admin.entropy).map_err(|_| SetupError::Unavailable)?;
        let grantee =
            Grantee::Principal { id: PrincipalId { issuer: provider.issuer.clone(), subject: subject.to_owned() } };
        let mut owner = Assignment {
            id,
            grantee,
            role: Role::Owner.into(),
            scope: Scope::Server,
            created_at: ctx.now,
            ends_at: None,
            tag: Vec::new(),
        };
        owner.tag = admin.keyring.tag_assignment(&owner)?;
        record.detail_assignment(&owner, Role::Owner.name(), "/");
        Ok((PutTokenKeys { label: LABEL, before, after }, owner))
    }
}

async fn has_owner(admin: &Administration, now: i64) -> Result<bool, SetupError> {
    let owners = admin.owners(now).await.map_err(|error| {
        tracing::error!(%error, "the Owners of the installation could not be read");
        SetupError::Unavailable
    })?;
    Ok(!owners.is_empty())
}
