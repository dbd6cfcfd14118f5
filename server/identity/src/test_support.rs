//! What tests of this crate share: a clock to move, an issuer to break, tokens to forge.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use strongroom_crypto::{DevAuthority, SeededEntropy, TokenSigner};
use strongroom_domain::{principal::TokenOrigin, time::Clock, token_keys::TokenKeys};
use time::OffsetDateTime;
use uuid::Uuid;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::{
    BearerValidator, FederationIssuers, HttpClient, IssuerConfig, Issuers, TrustedRoots,
    token_endpoint::{OwnKeys, own_issuer},
};

/// 2026-01-31 12:00:00Z.
pub(crate) const NOW: i64 = 1_769_860_800;

pub(crate) const BASE: &str = "https://vault.localhost:8443";

pub(crate) const INSTALLATION: Uuid = Uuid::from_u128(0x0197_a1b2_c3d4_7000_8000_0000_0000_0001);

pub(crate) const CLIENT: Uuid = Uuid::from_u128(0x0197_a1b2_c3d4_7000_8000_0000_0000_00aa);
/// What a token of that client was made from.
pub(crate) const ORIGIN: TokenOrigin = TokenOrigin { credential: Uuid::from_u128(0xc1), generation: 2 };

pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(NOW * 1000)))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_millis(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn ticks_micros(&self) -> u64 {
        // Not Unix time: whoever mixes the two up shall notice.
        u64::try_from(self.now_millis() - NOW * 1000).unwrap() * 1000
    }
}

pub(crate) fn authority() -> Vec<u8> {
    let moment = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    DevAuthority::create("test", moment, &SeededEntropy::new(1)).ok().unwrap().ca_cert_pem.into_bytes()
}

pub(crate) fn http_client() -> HttpClient {
    HttpClient::new(TrustedRoots::Only(authority()), true).unwrap()
}

pub(crate) fn signer(seed: u64) -> TokenSigner {
    TokenSigner::generate(&SeededEntropy::new(seed)).ok().unwrap()
}

/// A token in the making: every part may be wrong.
#[derive(Clone)]
pub(crate) struct Forge {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Forge {
    /// What `signer` would rightly say for `issuer`.
    pub(crate) fn new(issuer: &str, signer: &TokenSigner) -> Self {
        Self {
            header: json!({ "alg": "ES256", "typ": "JWT", "kid": signer.key_id() }),
            claims: json!({ "iss": issuer, "aud": BASE, "sub": "ada", "iat": NOW, "nbf": NOW, "exp": NOW + 3600 }),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.header, name, value.into());
        self
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.claims, name, value.into());
        self
    }

    pub(crate) fn sign(&self, signer: &TokenSigner) -> String {
        self.sign_as(&EncodingKey::from_ec_der(&signer.pkcs8_der()), Algorithm::ES256)
    }

    pub(crate) fn sign_as(&self, key: &EncodingKey, algorithm: Algorithm) -> String {
        sign_text(&self.header.to_string(), &self.claims.to_string(), key, algorithm)
    }
}

/// Signs any two texts.
pub(crate) fn sign_text(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// Sets a member; null removes it.
fn set(object: &mut Value, name: &str, value: Value) {
    let members = object.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
}

/// An issuer on loopback that publishes what it is told to.
pub(crate) struct FakeIssuer {
    pub(crate) server: MockServer,
    keys: Arc<Mutex<Value>>,
    status: Arc<Mutex<u16>>,
}

impl FakeIssuer {
    pub(crate) async fn start(keys: Value) -> Self {
        Self::start_with(keys, |uri| json!({ "issuer": uri, "jwks_uri": format!("{uri}/jwks") })).await
    }

    pub(crate) async fn start_with(keys: Value, discovery: impl Fn(&str) -> Value) -> Self {
        let server = MockServer::start().await;
        let (keys, status) = (Arc::new(Mutex::new(keys)), Arc::new(Mutex::new(200)));
        let document = discovery(&server.uri());
        let published = Arc::clone(&status);
        Mock::given(matchers::path("/.well-known/openid-configuration"))
            .respond_with(move |_: &wiremock::Request| {
                ResponseTemplate::new(*published.lock().unwrap()).set_body_json(&document)
            })
            .mount(&server)
            .await;
        let (published_keys, published) = (Arc::clone(&keys), Arc::clone(&status));
        Mock::given(matchers::path("/jwks"))
            .respond_with(move |_: &wiremock::Request| {
                ResponseTemplate::new(*published.lock().unwrap()).set_body_json(&*published_keys.lock().unwrap())
            })
            .mount(&server)
            .await;
        Self { server, keys, status }
    }

    pub(crate) fn name(&self) -> String {
        self.server.uri()
    }

    pub(crate) fn publish(&self, keys: Value) {
        *self.keys.lock().unwrap() = keys;
    }

    /// From now on every answer has this status.
    pub(crate) fn answer_with(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    /// How many times the key set was asked for.
    pub(crate) async fn key_fetches(&self) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().filter(|request| request.url.path() == "/jwks").count()
    }
}

pub(crate) fn key_set(signers: &[&TokenSigner]) -> Value {
    json!({ "keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>() })
}

/// A validator with its own issuer (key: `signer(1)`) and the configured ones.
pub(crate) struct Gatekeeper {
    pub(crate) validator: BearerValidator,
    pub(crate) issuers: Arc<Issuers>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Gatekeeper {
    pub(crate) fn new(configured: Vec<IssuerConfig>) -> Self {
        Self::with(configured, FederationIssuers::ConfiguredOnly)
    }

    pub(crate) fn with(configured: Vec<IssuerConfig>, federation: FederationIssuers) -> Self {
        let clock = ManualClock::new();
        let shared: Arc<dyn Clock> = clock.clone();
        let own = own_issuer(BASE, INSTALLATION);
        let keys = [signer(1).jwk()];
        let issuers =
            Issuers::new(&own, BASE, &keys, configured, federation, http_client(), Arc::clone(&shared)).unwrap();
        let issuers = Arc::new(issuers);
        Self { validator: BearerValidator::new(Arc::clone(&issuers), shared), issuers, clock }
    }
}

/// Keys of which the first signs, seen now.
pub(crate) fn own_keys(gate: &Gatekeeper, seed: u64) -> Arc<OwnKeys> {
    let keys = TokenKeys::first(signer(seed), 0);
    Arc::new(OwnKeys::new(BASE, INSTALLATION, gate.issuers.clone(), keys, gate.clock.now_millis()))
}

/// What one forged or honest token gives.
impl Gatekeeper {
    pub(crate) async fn ask(
        &self,
        token: &str,
    ) -> Result<Arc<strongroom_domain::principal::Principal>, crate::TokenError> {
        self.validator.authenticate(token, self.clock.now_millis()).await
    }
}
