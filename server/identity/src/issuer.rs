//! Which issuers count, and what counts of their tokens.
//!
//! An issuer is known by its exact string. Its configuration says whose tokens they are, for which
//! audience, by which algorithms and which claims become part of a principal. Must never learn an
//! issuer from a token.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use jsonwebtoken::Algorithm;
use strongroom_crypto::PublicJwk;
use strongroom_domain::{principal::PrincipalKind, time::Clock};

use crate::{
    http_client::HttpClient,
    jwks::{KeySet, RemoteKeys, VerificationKey},
    jwt::TokenError,
};

/// Most issuers of registered federations whose keys are kept at a time.
const MAX_FEDERATION_ISSUERS: usize = 64;

/// A claim that marks the tokens of workloads at an issuer of people (Entra: `idtyp` = `app`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadWhen {
    /// Name of the claim.
    pub claim: String,
    /// Its exact text.
    pub value: String,
}

/// One configured issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerConfig {
    /// The exact `iss` of its tokens; `<issuer>/.well-known/openid-configuration` is its discovery.
    pub issuer: String,
    /// Audiences for which its tokens are accepted as bearer tokens. Empty: never as bearer tokens
    /// (an issuer for sign-in or federation only).
    pub audience: Vec<String>,
    /// Whose tokens they are: [`PrincipalKind::User`] or [`PrincipalKind::Workload`].
    pub kind: PrincipalKind,
    /// At an issuer of people: what marks the tokens of workloads.
    pub workload_when: Option<WorkloadWhen>,
    /// Claim with the names of groups; none: no groups.
    pub groups_claim: Option<String>,
    /// Claims whose values are groups too, each called `CLAIM=VALUE`: `department=payments`.
    pub claims_as_groups: Vec<String>,
    /// Claims that become part of the principal, for policies to rely on.
    pub claims: Vec<String>,
    /// Where the key set is, when not where the discovery document says.
    pub jwks_uri: Option<String>,
    /// Signature algorithms that its tokens may use (JOSE names).
    pub algorithms: Vec<String>,
}

impl IssuerConfig {
    /// An issuer of people with everything at its default: no groups; claims `acr`, `amr`, `azp`
    /// and `appid`; algorithms RS256, PS256, ES256, ES384 and EdDSA.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: Vec<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience,
            kind: PrincipalKind::User,
            workload_when: None,
            groups_claim: None,
            claims_as_groups: Vec::new(),
            claims: ["acr", "amr", "azp", "appid"].map(String::from).to_vec(),
            jwks_uri: None,
            algorithms: ["RS256", "PS256", "ES256", "ES384", "EdDSA"].map(String::from).to_vec(),
        }
    }
}

/// Why the configuration of an issuer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerConfigError {
    /// Two issuers have the same name.
    #[error("the issuer {0} is configured twice")]
    Duplicate(String),
    /// Not an `https` address without query and fragment.
    #[error("the issuer {0} is not an https address without query and fragment")]
    NotAnAddress(String),
    /// The key set is not at an `https` address.
    #[error("the jwks_uri of the issuer {0} is not an https address")]
    BadJwksUri(String),
    /// Symmetric, `none`, unknown, or no algorithm at all.
    #[error(
        "the issuer {0} may only use RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA, at least one"
    )]
    BadAlgorithm(String),
    /// Tokens never speak for Strongroom itself.
    #[error("the issuer {0} may issue for users or workloads only")]
    BadKind(String),
    /// The keys of this installation do not parse.
    #[error("the installation's own token keys are unusable")]
    OwnKeys,
}

/// Whose assertions may stand for a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FederationIssuers {
    /// Those of configured issuers only.
    ConfiguredOnly,
    /// Also those of any issuer that the federation of a workload names: whoever may edit workloads
    /// can make this server fetch key sets from hosts of their choice.
    AsRegistered,
}

pub(crate) struct LocalKeys {
    keys: ArcSwap<KeySet>,
    generation: AtomicU64,
}

pub(crate) enum Keys {
    Local(LocalKeys),
    Remote(Arc<RemoteKeys>),
}

/// One issuer with its keys.
pub(crate) struct Issuer {
    pub(crate) config: IssuerConfig,
    pub(crate) algorithms: Vec<Algorithm>,
    keys: Keys,
}

impl Issuer {
    /// Checks the configuration and prepares to fetch keys.
    pub(crate) fn remote(
        config: IssuerConfig,
        wants_discovery: bool,
        http: &HttpClient,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, IssuerConfigError> {
        let name = config.issuer.clone();
        let not_an_address = || IssuerConfigError::NotAnAddress(name.clone());
        let url = http.check_url(&name).map_err(|_| not_an_address())?;
        if url.query().is_some()
            || url.fragment().is_some()
            || name.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            return Err(not_an_address());
        }
        if config.jwks_uri.as_ref().is_some_and(|uri| http.check_url(uri).is_err()) {
            return Err(IssuerConfigError::BadJwksUri(name));
        }
        if config.kind == PrincipalKind::System {
            return Err(IssuerConfigError::BadKind(name));
        }
        let algorithms = algorithms(&config)?;
        let keys = RemoteKeys::new(name, config.jwks_uri.clone(), wants_discovery, http.clone(), Arc::clone(clock));
        Ok(Self { config, algorithms, keys: Keys::Remote(keys) })
    }

    fn own(issuer: String, audience: String, keys: &[PublicJwk]) -> Result<Self, IssuerConfigError> {
        let mut config = IssuerConfig::new(issuer, vec![audience]);
        config.kind = PrincipalKind::Workload;
        config.algorithms = vec!["ES256".into()];
        let keys = LocalKeys { keys: ArcSwap::from_pointee(local_key_set(keys)?), generation: AtomicU64::new(0) };
        Ok(Self { config, algorithms: vec![Algorithm::ES256], keys: Keys::Local(keys) })
    }

    /// Whether this installation itself is the issuer.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.keys, Keys::Local(_))
    }

    /// Counts changes of the key set.
    pub(crate) fn generation(&self) -> u64 {
        match &self.keys {
            Keys::Local(local) => local.generation.load(Ordering::Acquire),
            Keys::Remote(remote) => remote.generation(),
        }
    }

    /// Whether the issuer may use the algorithm.
    pub(crate) fn permits(&self, algorithm: Algorithm) -> Result<(), TokenError> {
        if self.algorithms.contains(&algorithm) { Ok(()) } else { Err(TokenError::ForbiddenAlgorithm) }
    }

    /// The key a token means, if the issuer may use the algorithm at all.
    pub(crate) async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<VerificationKey>, TokenError> {
        self.permits(algorithm)?;
        match &self.keys {
            Keys::Local(local) => local.keys.load().find(id, algorithm).ok_or(TokenError::UnknownKey),
            Keys::Remote(remote) => remote.key(id, algorithm).await,
        }
    }

    /// The remote keys; none for the installation's own issuer.
    pub(crate) fn remote_keys(&self) -> Option<&Arc<RemoteKeys>> {
        match &self.keys {
            Keys::Local(_) => None,
            Keys::Remote(remote) => Some(remote),
        }
    }
}

fn algorithms(config: &IssuerConfig) -> Result<Vec<Algorithm>, IssuerConfigError> {
    let refused = || IssuerConfigError::BadAlgorithm(config.issuer.clone());
    let parsed: Result<Vec<Algorithm>, _> = config.algorithms.iter().map(|name| name.parse()).collect();
    let parsed = parsed.map_err(|_| refused())?;
    let symmetric = |algorithm: &Algorithm| matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512);
    if parsed.is_empty() || parsed.iter().any(symmetric) { Err(refused()) } else { Ok(parsed) }
}

fn local_key_set(keys: &[PublicJwk]) -> Result<KeySet, IssuerConfigError> {
    let document = serde_json::to_vec(&serde_json::json!({ "keys": keys })).map_err(|_| IssuerConfigError::OwnKeys)?;
    KeySet::parse(document).ok_or(IssuerConfigError::OwnKeys)
}

/// All issuers of this installation.
pub struct Issuers {
    configured: HashMap<String, Arc<Issuer>>,
    own: Arc<Issuer>,
    registered: Mutex<HashMap<String, Arc<Issuer>>>,
    federation: FederationIssuers,
    http: HttpClient,
    clock: Arc<dyn Clock>,
}

impl Issuers {
    /// The installation's own issuer (`own_issuer`, see [`crate::token_endpoint::own_issuer`]; its
    /// tokens are for `own_audience`, signed with one of `own_keys`) and the configured ones.
    ///
    /// # Errors
    /// [`IssuerConfigError`].
    pub fn new(
        own_issuer: &str,
        own_audience: &str,
        own_keys: &[PublicJwk],
        configured: Vec<IssuerConfig>,
        federation: FederationIssuers,
        http: HttpClient,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IssuerConfigError> {
        let own = Arc::new(Issuer::own(own_issuer.to_owned(), own_audience.to_owned(), own_keys)?);
        let mut issuers = HashMap::new();
        for config in configured {
            let name = config.issuer.clone();
            let issuer = Issuer::remote(config, false, &http, &clock)?;
            if name == own_issuer || issuers.insert(name.clone(), Arc::new(issuer)).is_some() {
                return Err(IssuerConfigError::Duplicate(name));
            }
        }
        Ok(Self { configured: issuers, own, registered: Mutex::default(), federation, http, clock })
    }

    /// Replaces the installation's own keys after a rotation: the new one, and old ones until the
    /// last token signed with them has expired.
    ///
    /// # Errors
    /// [`IssuerConfigError::OwnKeys`].
    pub fn replace_own_keys(&self, keys: &[PublicJwk]) -> Result<(), IssuerConfigError> {
        if let Keys::Local(local) = &self.own.keys {
            local.keys.store(Arc::new(local_key_set(keys)?));
            local.generation.fetch_add(1, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Names of the issuers whose bearer tokens may be accepted, the installation's own first.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut configured: Vec<&str> = self
            .configured
            .values()
            .filter(|i| !i.config.audience.is_empty())
            .map(|i| i.config.issuer.as_str())
            .collect();
        configured.sort_unstable();
        std::iter::once(self.own.config.issuer.as_str()).chain(configured).collect()
    }

    /// The issuer whose bearer tokens may be accepted.
    pub(crate) fn bearer(&self, name: &str) -> Option<&Arc<Issuer>> {
        if name == self.own.config.issuer { Some(&self.own) } else { self.configured.get(name) }
    }

    /// The issuer of an assertion that a registered federation names. Must only be asked for names
    /// that come from a federation, never for one that comes from a token.
    pub(crate) fn federation(&self, name: &str) -> Option<Arc<Issuer>> {
        if let Some(issuer) = self.configured.get(name) {
            return Some(Arc::clone(issuer));
        }
        if self.federation == FederationIssuers::ConfiguredOnly || name == self.own.config.issuer {
            return None;
        }
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(issuer) = registered.get(name) {
            return Some(Arc::clone(issuer));
        }
        let issuer = Issuer::remote(IssuerConfig::new(name, Vec::new()), false, &self.http, &self.clock).ok()?;
        if registered.len() >= MAX_FEDERATION_ISSUERS {
            // Which one goes matters little: its keys are fetched again when they are needed.
            let any = registered.keys().next().cloned();
            any.and_then(|any| registered.remove(&any));
        }
        let issuer = Arc::new(issuer);
        registered.insert(name.to_owned(), Arc::clone(&issuer));
        Some(issuer)
    }
}
