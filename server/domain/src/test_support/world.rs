//! The whole domain over ports in memory: a vault to tell stories in.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use strongroom_crypto::{Entropy, RootKey, SeededEntropy, TokenSigner};
use uuid::Uuid;

use super::{Image, ManualClock, MemoryStore, policies::FakePolicies};
use crate::{
    admin::{Administration, LISTINGS, Looks, TokenKeyring},
    certificates::{AuthorityIssuer, Certificates, IssuersByProvider},
    context::RequestContext,
    gate::{Gate, ModuleRuns, ShadowCounts},
    grant::{Assignment, Scope},
    identity::{ClientSecretHash, Workload},
    issuance::{Answer, CertificateIssuer, Order, Outcome},
    issuers::Issuers,
    keyring::{Keyring, KeyringError},
    keys::Keys,
    names::{InstallationId, NameError, ObjectName, VaultId, VaultName},
    objects::{Objects, RestorePlace},
    places::Places,
    ports::SealedBlob,
    principal::{Grantee, Principal, PrincipalId, PrincipalKind, TokenOrigin},
    record::{Recorder, spawn},
    revocations::{Revoking, Shelf},
    role::RoleRef,
    secret::{LifeState, SecretAttributes},
    secrets::Secrets,
    token_keys::{TokenKeyHolder, TokenKeys},
    vault::{Vault, VaultSettings},
};

/// The installation of all tests.
pub const INSTALLATION: InstallationId = InstallationId(Uuid::from_u128(0x11));
/// Issuer of the installation's own tokens.
pub const OWN_ISSUER: &str = "https://vault.localhost:8443/11/v2.0";
/// Issuer of people.
pub const PEOPLE: &str = "https://people.example";
/// When tests begin: 2026-01-01T00:00:00Z in milliseconds.
pub const BEGIN: i64 = 1_767_225_600_000;

/// Label of the keys that sign tokens.
pub const TOKEN_KEYS: &str = "token-signing-key";

static REQUESTS: AtomicU64 = AtomicU64::new(1);
static STARTS: AtomicU64 = AtomicU64::new(1);

/// Holds the keys that sign tokens, and does nothing with them.
#[derive(Default)]
pub struct HeldTokenKeys(Mutex<Option<TokenKeys>>);

impl HeldTokenKeys {
    /// What was given last.
    #[must_use]
    pub fn held(&self) -> Option<TokenKeys> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TokenKeyHolder for HeldTokenKeys {
    fn hold(&self, keys: TokenKeys, _now: i64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }
}

/// Somebody elsewhere of whom no test wants anything.
struct Silent;

#[async_trait]
impl CertificateIssuer for Silent {
    async fn ask(&self, _order: &Order<'_>) -> Answer {
        Outcome::Failed { code: "silent", message: String::new(), retry_at: None }.into()
    }
}

/// One node with everything on it.
pub struct World {
    /// The database.
    pub store: MemoryStore,
    /// The time.
    pub clock: Arc<ManualClock>,
    /// The modules.
    pub policies: Arc<FakePolicies>,
    /// The keys.
    pub keyring: Arc<Keyring>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The gate.
    pub gate: Arc<Gate>,
    /// The recorder.
    pub recorder: Recorder,
    /// The use cases of all objects.
    pub objects: Arc<Objects>,
    /// The use cases of secrets.
    pub secrets: Arc<Secrets>,
    /// The use cases of keys.
    pub keys: Arc<Keys>,
    /// The use cases of certificates.
    pub certificates: Arc<Certificates>,
    /// Use cases of issuers and contacts.
    pub issuers: Arc<Issuers>,
    /// Use cases of what authorities have revoked.
    pub revoking: Arc<Revoking>,
    /// The use cases of the installation.
    pub admin: Arc<Administration>,
    /// The keys that sign tokens, as this node holds them.
    pub token_keys: Arc<HeldTokenKeys>,
    /// The committer's task, to be aborted by a test of crashes.
    pub committer: tokio::task::JoinHandle<()>,
}

impl World {
    /// A node on a new, empty database.
    ///
    /// # Errors
    /// None: randomness of a seed does not fail.
    pub fn start() -> Result<Self, KeyringError> {
        Self::on(MemoryStore::new(INSTALLATION, Image::default()))
    }

    /// A node on this database: a restart, or one more node. All have the same root key.
    ///
    /// # Errors
    /// None: randomness of a seed does not fail.
    pub fn on(store: MemoryStore) -> Result<Self, KeyringError> {
        let root = RootKey::generate(&SeededEntropy::new(1))?;
        // Every start draws something else, as a machine does.
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1 + STARTS.fetch_add(1, Ordering::Relaxed)));
        let keyring = Arc::new(Keyring::new(root, INSTALLATION));
        let clock = Arc::new(ManualClock::at(BEGIN));
        let policies = Arc::new(FakePolicies::default());
        let document =
            TokenKeys::first(TokenSigner::generate(&SeededEntropy::new(2)).map_err(|_| KeyringError::Tampered)?, BEGIN);
        let bytes = keyring.seal_blob(TOKEN_KEYS, &document.to_document()?, &*entropy)?;
        let made = SealedBlob { bytes, revision: document.revision() };
        store.meddle(|image| {
            image.blobs.entry(TOKEN_KEYS.to_owned()).or_insert(made);
        });
        let token_keys = Arc::new(HeldTokenKeys::default());
        let ports = Arc::new(store.clone());
        let (committer, task) = spawn(ports.clone());
        let recorder = Recorder::new(committer, clock.clone());
        let gate = Arc::new(Gate {
            own_issuer: OWN_ISSUER.to_owned(),
            vaults: ports.clone(),
            grants: ports.clone(),
            objects: ports.clone(),
            identities: ports.clone(),
            policies: policies.clone(),
            attached: ports.clone(),
            counts: ports.clone(),
            approvals: ports.clone(),
            shadows: ShadowCounts::default(),
            runs: ModuleRuns::default(),
            keyring: keyring.clone(),
        });
        let objects = Arc::new(Objects {
            gate: gate.clone(),
            store: ports.clone(),
            keyring: keyring.clone(),
            recorder: recorder.clone(),
            entropy: entropy.clone(),
            restores: RestorePlace::default(),
            condemned: ports.clone(),
        });
        let secrets = Arc::new(Secrets { objects: objects.clone() });
        let keys = Arc::new(Keys::new(objects.clone()));
        let issuers = Arc::new(Issuers { objects: objects.clone(), acme: Some(Arc::new(Silent)) });
        let revoking = revoking(&objects, clock.clone());
        let providers = providers(&objects, clock.clone());
        let certificates =
            Arc::new(Certificates::new(objects.clone(), &keys, issuers.clone(), (providers, revoking.clone())));
        let admin = Arc::new(Administration {
            gate: gate.clone(),
            vaults: ports.clone(),
            grants: ports.clone(),
            audit: ports.clone(),
            looks: Looks::default(),
            listings: Places::new(LISTINGS),
            policies: policies.clone(),
            library: policies.clone(),
            modules: ports.clone(),
            condemned: ports.clone(),
            token_keys: TokenKeyring { store: ports, label: TOKEN_KEYS, made_at: BEGIN, holder: token_keys.clone() },
            keyring: keyring.clone(),
            recorder: recorder.clone(),
            entropy: entropy.clone(),
        });
        Ok(Self {
            store,
            clock,
            policies,
            keyring,
            entropy,
            gate,
            recorder,
            objects,
            secrets,
            keys,
            certificates,
            issuers,
            revoking,
            admin,
            token_keys,
            committer: task,
        })
    }

    /// The use cases of certificates once more, over the same store.
    #[must_use]
    pub fn other_certificates(&self) -> Certificates {
        let providers = providers(&self.objects, self.clock.clone());
        Certificates::new(self.objects.clone(), &self.keys, self.issuers.clone(), (providers, self.revoking.clone()))
    }

    /// The same, with somebody in the place of an ACME server.
    #[must_use]
    pub fn certificates_by(&self, acme: Arc<dyn CertificateIssuer>) -> Certificates {
        let providers = IssuersByProvider { acme: Some(acme), ..providers(&self.objects, self.clock.clone()) };
        Certificates::new(self.objects.clone(), &self.keys, self.issuers.clone(), (providers, self.revoking.clone()))
    }

    /// Puts a vault in place, as if it had been made long ago.
    ///
    /// # Errors
    /// When sealing its key fails.
    pub fn put_vault(&self, name: &VaultName, settings: VaultSettings) -> Result<Arc<Vault>, KeyringError> {
        let id = VaultId(Uuid::from_u128(u128::from(REQUESTS.fetch_add(1, Ordering::Relaxed)) << 64));
        let wrapped_key = self.keyring.new_vault_key(id, &*self.entropy)?;
        let mut vault = Vault {
            id,
            name: name.clone(),
            settings,
            revision: 1,
            created_at: BEGIN,
            wrapped_key,
            life: LifeState::Active,
            tag: Vec::new(),
        };
        vault.tag = self.keyring.tag_vault(&vault)?;
        let vault = Arc::new(vault);
        self.store.meddle(|image| image.vaults.insert(name.as_str().to_owned(), vault.clone()));
        Ok(vault)
    }

    /// Puts a grant in place.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn put_grant(
        &self,
        grantee: Grantee,
        role: impl Into<RoleRef>,
        scope: Scope,
    ) -> Result<Assignment, KeyringError> {
        let id = Uuid::from_u128(u128::from(REQUESTS.fetch_add(1, Ordering::Relaxed)));
        let mut assignment =
            Assignment { id, grantee, role: role.into(), scope, created_at: BEGIN, ends_at: None, tag: Vec::new() };
        assignment.tag = self.keyring.tag_assignment(&assignment)?;
        self.store.meddle(|image| image.assignments.push(assignment.clone()));
        Ok(assignment)
    }

    /// Puts a workload with one client secret in place and gives the principal of its tokens.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn put_workload(&self, name: &str, enabled: bool) -> Result<Arc<Principal>, KeyringError> {
        let client_id = Uuid::from_u128(u128::from(REQUESTS.fetch_add(1, Ordering::Relaxed)) << 32);
        let secret = ClientSecretHash { id: client_id, hash: vec![0; 32], expires: None, name: None, created: None };
        let mut workload = Workload { enabled, secrets: vec![secret], ..Workload::new(client_id, name) };
        workload.tag = self.keyring.tag_workload(&workload)?;
        self.store.meddle(|image| image.workloads.insert(client_id, Arc::new(workload)));
        Ok(bearer(client_id, client_id, 0))
    }

    /// A request of this principal from the same machine.
    #[must_use]
    pub fn request(&self, principal: &Arc<Principal>) -> RequestContext {
        self.request_from(principal, IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// A request of this principal from elsewhere.
    #[must_use]
    pub fn request_from(&self, principal: &Arc<Principal>, client: IpAddr) -> RequestContext {
        let id = Uuid::from_u128((7 << 76) | u128::from(REQUESTS.fetch_add(1, Ordering::Relaxed)));
        let now = crate::time::Clock::now_millis(&*self.clock);
        RequestContext::new(id, principal.clone(), client, "test", now)
    }
}

/// A principal.
#[must_use]
pub fn principal(issuer: &str, subject: &str, kind: PrincipalKind, groups: &[&str]) -> Arc<Principal> {
    Arc::new(Principal {
        id: PrincipalId { issuer: issuer.to_owned(), subject: subject.to_owned() },
        kind,
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        claims: BTreeMap::new(),
        token: None,
        ends: None,
    })
}

/// A workload by a token that was made from this credential, when it had been disabled so often.
#[must_use]
pub fn bearer(client_id: Uuid, credential: Uuid, generation: i64) -> Arc<Principal> {
    let workload = principal(OWN_ISSUER, &client_id.to_string(), PrincipalKind::Workload, &[]);
    Arc::new(Principal { token: Some(TokenOrigin { credential, generation }), ..(*workload).clone() })
}

/// A person.
#[must_use]
pub fn person(subject: &str) -> Arc<Principal> {
    principal(PEOPLE, subject, PrincipalKind::User, &[])
}

/// Attributes of an enabled version without anything else.
#[must_use]
pub fn enabled() -> SecretAttributes {
    SecretAttributes { enabled: true, not_before: None, expires: None, content_type: None, tags: BTreeMap::new() }
}

/// The vault of most stories.
///
/// # Errors
/// None.
pub fn demo() -> Result<VaultName, NameError> {
    VaultName::parse("demo")
}

/// A secret's name.
///
/// # Errors
/// When it is none.
pub fn name(text: &str) -> Result<ObjectName, NameError> {
    ObjectName::parse(text)
}

/// The authorities kept in vaults, and nobody else.
#[must_use]
pub fn providers(objects: &Arc<Objects>, clock: Arc<dyn crate::time::Clock>) -> IssuersByProvider {
    let revoking = revoking(objects, clock.clone());
    IssuersByProvider { authority: Arc::new(AuthorityIssuer { objects: objects.clone(), clock, revoking }), acme: None }
}

/// What authorities have revoked, published where everything is.
#[must_use]
pub fn revoking(objects: &Arc<Objects>, clock: Arc<dyn crate::time::Clock>) -> Arc<Revoking> {
    let base = Some("https://vault.localhost:8443".to_owned());
    Arc::new(Revoking { objects: objects.clone(), clock, base, shelf: Shelf::default() })
}
