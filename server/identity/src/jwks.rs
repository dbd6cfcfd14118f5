//! The keys of an issuer: read from its key set (RFC 7517), refreshed with care, kept through an
//! outage.
//!
//! - Fetched when first needed, again when a token names a key that is not known (at most once in
//!   [`REFRESH_INTERVAL_SECONDS`]), and behind the scenes when older than [`SOFT_AGE_SECONDS`], so
//!   that a key the issuer withdrew stops counting.
//! - One fetch at a time per issuer; it goes on when the request that began it is given up.
//! - When the issuer cannot be reached, known keys count for [`HARD_AGE_SECONDS`], no longer.
//!
//! Must never take a key from anywhere but the issuer's own key set, nor a symmetric one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use strongroom_domain::{
    sign_in::{ProviderLook, ProviderTold},
    time::Clock,
};
use tokio::sync::Mutex;

use crate::{
    http_client::{FetchError, HttpClient},
    jwt::TokenError,
};

/// Shortest time between two fetches, unless the last one failed: then 1, 2, 4, ... up to this.
pub const REFRESH_INTERVAL_SECONDS: u64 = 30;

/// Age from which keys are renewed behind the scenes.
pub const SOFT_AGE_SECONDS: u64 = 10 * 60;

/// Age beyond which keys no longer count: how long an outage of the issuer is survived.
pub const HARD_AGE_SECONDS: u64 = 24 * 60 * 60;

/// Most keys of a set that are looked at.
const MAX_KEYS: usize = 64;

const MICROS: u64 = 1_000_000;

/// A public key that may verify tokens.
pub(crate) struct VerificationKey {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    kind: KeyKind,
    decoding: DecodingKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl VerificationKey {
    /// Whether the key is for this algorithm: by its kind, and by its own `alg` if it has one.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        let by_kind = match algorithm {
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => self.kind == KeyKind::Rsa,
            Algorithm::ES256 => self.kind == KeyKind::P256,
            Algorithm::ES384 => self.kind == KeyKind::P384,
            Algorithm::EdDSA => self.kind == KeyKind::Ed25519,
            _ => false,
        };
        by_kind && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// The RSA key of a registered certificate (PKCS#1 DER).
    pub(crate) fn registered_rsa(public_key: &[u8]) -> Self {
        Self { id: None, algorithm: None, kind: KeyKind::Rsa, decoding: DecodingKey::from_rsa_der(public_key) }
    }

    pub(crate) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// A member of a key set, as far as it matters.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    key_use: Option<String>,
    key_ops: Option<Vec<String>>,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Jwk {
    /// The key, if it is one for signatures that this server can verify.
    fn verification_key(self) -> Option<VerificationKey> {
        let for_signatures = self.key_use.as_deref().is_none_or(|key_use| key_use == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !for_signatures {
            return None;
        }
        let algorithm = match self.alg {
            Some(name) => Some(name.parse().ok()?),
            None => None,
        };
        let (kind, decoding) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", None) => (KeyKind::Rsa, DecodingKey::from_rsa_components(&self.n?, &self.e?).ok()?),
            ("EC", Some("P-256")) => (KeyKind::P256, ec_key(&self.x?, &self.y?, 32)?),
            ("EC", Some("P-384")) => (KeyKind::P384, ec_key(&self.x?, &self.y?, 48)?),
            ("OKP", Some("Ed25519")) => (KeyKind::Ed25519, ed_key(&self.x?)?),
            _ => return None,
        };
        Some(VerificationKey { id: self.kid, algorithm, kind, decoding })
    }
}

fn ec_key(x: &str, y: &str, coordinate_len: usize) -> Option<DecodingKey> {
    let is_coordinate = |text: &str| URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == coordinate_len);
    if is_coordinate(x) && is_coordinate(y) { DecodingKey::from_ec_components(x, y).ok() } else { None }
}

fn ed_key(x: &str) -> Option<DecodingKey> {
    let public = URL_SAFE_NO_PAD.decode(x).ok()?;
    (public.len() == 32).then(|| DecodingKey::from_ed_der(&public))
}

/// The usable keys of one key set document.
pub(crate) struct KeySet {
    keys: Vec<Arc<VerificationKey>>,
    /// The document as it came: for comparison, and for the OpenID Connect library.
    pub(crate) document: Vec<u8>,
}

impl KeySet {
    /// Reads a document. Keys that are not usable here are left out; nothing when none is left.
    pub(crate) fn parse(document: Vec<u8>) -> Option<Self> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<serde_json::Value>,
        }
        let parsed: Document = serde_json::from_slice(&document).ok()?;
        let keys: Vec<_> = parsed
            .keys
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.verification_key())
            .map(Arc::new)
            .collect();
        if keys.is_empty() { None } else { Some(Self { keys, document }) }
    }

    /// The key a token means: by its id, or without one the only key that fits.
    pub(crate) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<VerificationKey>> {
        let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm));
        match id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)).cloned(),
            None => {
                let only = fitting.next()?;
                if fitting.next().is_some() { None } else { Some(Arc::clone(only)) }
            }
        }
    }
}

/// The parts of an OpenID Provider's metadata (OpenID Connect Discovery 1.0, RFC 8414) that matter.
#[derive(Clone, Deserialize)]
pub(crate) struct Discovery {
    pub(crate) issuer: String,
    pub(crate) jwks_uri: String,
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: Option<String>,
    /// OpenID Connect RP-Initiated Logout 1.0.
    pub(crate) end_session_endpoint: Option<String>,
    #[serde(default)]
    pub(crate) token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

/// What was fetched from an issuer at one time.
pub(crate) struct Snapshot {
    pub(crate) keys: KeySet,
    pub(crate) discovery: Option<Discovery>,
    fetched_at: u64,
    /// Counts fetches, so that a waiting request sees that another one has fetched for it.
    sequence: u64,
}

/// Why a fetch brought nothing.
#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the discovery document does not parse")]
    Discovery,
    #[error("the discovery document is for another issuer")]
    WrongIssuer,
    #[error("the key set holds no usable key")]
    NoKeys,
}

#[derive(Default)]
struct Attempts {
    last: Option<u64>,
    failures: u32,
}

impl Attempts {
    fn may_try(&self, now: u64) -> bool {
        let pause = match self.failures {
            0 => REFRESH_INTERVAL_SECONDS,
            failures => REFRESH_INTERVAL_SECONDS.min(1 << failures.saturating_sub(1).min(6)),
        };
        self.last.is_none_or(|last| now.saturating_sub(last) >= pause * MICROS)
    }
}

/// The keys of an issuer that are fetched over HTTP.
pub(crate) struct RemoteKeys {
    issuer: String,
    jwks_uri: Option<String>,
    wants_discovery: bool,
    http: HttpClient,
    clock: Arc<dyn Clock>,
    current: ArcSwapOption<Snapshot>,
    attempts: Mutex<Attempts>,
    generation: AtomicU64,
    renewing: AtomicBool,
}

impl RemoteKeys {
    /// Keys of `issuer`, from `jwks_uri` or from where its discovery document says. With
    /// `wants_discovery` that document is fetched in any case.
    pub(crate) fn new(
        issuer: String,
        jwks_uri: Option<String>,
        wants_discovery: bool,
        http: HttpClient,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            issuer,
            jwks_uri,
            wants_discovery,
            http,
            clock,
            current: ArcSwapOption::empty(),
            attempts: Mutex::default(),
            generation: AtomicU64::new(0),
            renewing: AtomicBool::new(false),
        })
    }

    /// Counts changes of the key set.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The key a token means.
    pub(crate) async fn key(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<VerificationKey>, TokenError> {
        self.snapshot_where(|snapshot| snapshot.keys.find(id, algorithm)).await
    }

    /// What is known of the issuer now.
    pub(crate) async fn snapshot(self: &Arc<Self>) -> Result<Arc<Snapshot>, TokenError> {
        self.snapshot_where(|snapshot| Some(Arc::clone(snapshot))).await
    }

    async fn snapshot_where<T>(self: &Arc<Self>, find: impl Fn(&Arc<Snapshot>) -> Option<T>) -> Result<T, TokenError> {
        let known = self.usable();
        if let Some(found) = known.as_ref().and_then(&find) {
            self.renew_if_old(known.as_ref());
            return Ok(found);
        }
        let seen = self.current.load().as_ref().map_or(0, |snapshot| snapshot.sequence);
        let keys = Arc::clone(self);
        // A task of its own: a client that hangs up must not keep the keys from being fetched.
        let reached = tokio::spawn(async move { keys.refresh(seen).await }).await.unwrap_or(false);
        match self.usable() {
            Some(snapshot) => {
                find(&snapshot).ok_or(if reached { TokenError::UnknownKey } else { TokenError::IssuerUnavailable })
            }
            None => Err(TokenError::IssuerUnavailable),
        }
    }

    /// The last snapshot unless it is too old to count.
    fn usable(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full().filter(|snapshot| self.age(snapshot) < HARD_AGE_SECONDS * MICROS)
    }

    fn age(&self, snapshot: &Snapshot) -> u64 {
        self.clock.ticks_micros().saturating_sub(snapshot.fetched_at)
    }

    fn renew_if_old(self: &Arc<Self>, snapshot: Option<&Arc<Snapshot>>) {
        let Some(snapshot) = snapshot else { return };
        if self.age(snapshot) < SOFT_AGE_SECONDS * MICROS || self.renewing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (keys, seen) = (Arc::clone(self), snapshot.sequence);
        tokio::spawn(async move {
            keys.refresh(seen).await;
            keys.renewing.store(false, Ordering::Release);
        });
    }

    /// Fetches, unless somebody else has since `seen`, or it is too early. Whether the issuer
    /// answered the last time it was asked.
    async fn refresh(&self, seen: u64) -> bool {
        let mut attempts = self.attempts.lock().await;
        let current = self.current.load_full();
        let sequence = current.as_ref().map_or(0, |snapshot| snapshot.sequence);
        if sequence > seen {
            return true;
        }
        let now = self.clock.ticks_micros();
        if !attempts.may_try(now) {
            return attempts.failures == 0;
        }
        attempts.last = Some(now);
        match self.fetch().await {
            Ok((keys, discovery)) => {
                attempts.failures = 0;
                let changed = current.is_none_or(|old| old.keys.document != keys.document);
                let snapshot = Snapshot { keys, discovery, fetched_at: now, sequence: sequence.saturating_add(1) };
                self.current.store(Some(Arc::new(snapshot)));
                if changed {
                    self.generation.fetch_add(1, Ordering::AcqRel);
                }
                true
            }
            Err(error) => {
                attempts.failures = attempts.failures.saturating_add(1);
                tracing::warn!(issuer = self.issuer, %error, "the keys of an issuer could not be fetched");
                false
            }
        }
    }

    async fn fetch(&self) -> Result<(KeySet, Option<Discovery>), RefreshError> {
        let discovery = match &self.jwks_uri {
            Some(_) if !self.wants_discovery => None,
            _ => Some(self.discover().await?),
        };
        let from_discovery = discovery.as_ref().map(|discovery| &discovery.jwks_uri);
        let uri = self.jwks_uri.as_ref().or(from_discovery).ok_or(RefreshError::Discovery)?;
        let keys = KeySet::parse(self.http.get(uri).await?).ok_or(RefreshError::NoKeys)?;
        Ok((keys, discovery))
    }

    async fn discover(&self) -> Result<Discovery, RefreshError> {
        self.discovered(&self.http.get(&self.discovery_uri()).await?)
    }

    fn discovery_uri(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'))
    }

    fn discovered(&self, document: &[u8]) -> Result<Discovery, RefreshError> {
        let discovery: Discovery = serde_json::from_slice(document).map_err(|_| RefreshError::Discovery)?;
        if discovery.issuer == self.issuer { Ok(discovery) } else { Err(RefreshError::WrongIssuer) }
    }

    /// Asks the issuer now, whatever is known of it, and keeps nothing of the answer.
    pub(crate) async fn look(&self, now_millis: i64) -> ProviderLook {
        let discovery_uri = self.discovery_uri();
        let (found, date) = match self.http.get_dated(&discovery_uri).await {
            Ok((document, date)) => (self.discovered(&document), date),
            Err(error) => (Err(error.into()), None),
        };
        let known = found.as_ref().ok().map(|discovery| discovery.jwks_uri.clone());
        let keys = match self.jwks_uri.clone().or(known) {
            Some(uri) => match self.http.get(&uri).await {
                Ok(document) => KeySet::parse(document).map(|set| set.keys.len()).ok_or(RefreshError::NoKeys),
                Err(error) => Err(error.into()),
            },
            None => Err(RefreshError::Discovery),
        };
        ProviderLook {
            at: now_millis,
            discovery_uri,
            discovery: found.map_err(|error| error.to_string()).map(|discovery| ProviderTold {
                authorization_endpoint: discovery.authorization_endpoint,
                token_endpoint: discovery.token_endpoint,
                jwks_uri: discovery.jwks_uri,
                end_session_endpoint: discovery.end_session_endpoint,
            }),
            keys: keys.map_err(|error| error.to_string()),
            clock_ahead: date.map(|date| date.saturating_sub(now_millis.div_euclid(1000))),
        }
    }
}
