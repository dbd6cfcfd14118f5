//! Wiring: adapters behind ports, ports into use cases, use cases into services. No judgement, no
//! state; the configuration is gone when this is done.

use std::{path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use strongroom_acme::{Acme, Allowed};
use strongroom_crypto::{AuditSigner, Entropy, SystemEntropy, TokenSigner, key::KeyToken};
use strongroom_domain::{
    admin::{Administration, LISTINGS, Looks, TokenKeyring},
    certificates::{AuthorityIssuer, Certificates, IssuersByProvider},
    decision::StepUp,
    entrance::{Entrance, TokenRates},
    gate::{Gate, ModuleRuns, ShadowCounts},
    issuance::CertificateIssuer,
    keys::Keys,
    names::InstallationId,
    objects::{Objects, RestorePlace},
    places::Places,
    proofs::Proofs,
    record::{Committer, FloodGate, Recorder, spawn},
    revocations::{Revoking, Shelf},
    secrets::Secrets,
    setup::{self, Setup},
    sign_in::SignIn,
    time::Clock,
    token_keys::TokenKeys,
};
use strongroom_http::{
    paths::Addresses,
    services::{CertificateStanding, ChainStatus, Listening, LongAnswers, LongBodies, Services, live_batches},
};
use strongroom_identity::{
    BearerValidator, FederationIssuers, HttpClient, IssuerConfig, Issuers, ProviderConfig, Providers, SignInService,
    TrustedRoots, WorkloadCredentials,
    token_endpoint::{OwnKeys, own_issuer, token_endpoints},
};
use strongroom_policy_host::{PolicyHost, signature::Signer};
use strongroom_store::Store;
use tokio::task::JoinHandle;

use crate::{
    installation::Opened,
    policy_process::{self, PolicyIsolation},
    setup_code::CodeFile,
    token_desk::Desk,
};

/// What the outside says: who may ask, and who may sign in.
pub(crate) struct Outside {
    pub(crate) base: String,
    pub(crate) trusted_roots: TrustedRoots,
    pub(crate) issuers: Vec<IssuerConfig>,
    pub(crate) providers: Vec<ProviderConfig>,
    /// How people of an issuer must have signed in before what cannot be undone.
    pub(crate) step_up: Vec<(String, StepUp)>,
    /// The hardware token that keys of the types with -HSM are made in.
    pub(crate) key_token: Option<Arc<dyn KeyToken>>,
    /// Certificate authorities that may be asked by ACME; none when the operator says nothing of it.
    pub(crate) acme: Option<Allowed>,
    /// How long a key signs tokens, in milliseconds.
    pub(crate) token_key_age: i64,
    /// How far apart rounds of the scrub begin.
    pub(crate) scrub_every: Duration,
    /// Where policy modules run.
    pub(crate) policy_isolation: PolicyIsolation,
    /// Whose signatures policy modules need; empty for none.
    pub(crate) policy_signers: Vec<Signer>,
}

/// A wired node.
pub(crate) struct Node {
    pub(crate) services: Arc<Services>,
    pub(crate) store: Arc<Store>,
    pub(crate) auditor: Arc<AuditSigner>,
    pub(crate) installation: InstallationId,
    pub(crate) chain: Arc<ArcSwap<ChainStatus>>,
    pub(crate) committer: JoinHandle<()>,
    pub(crate) policies: Arc<PolicyHost>,
    pub(crate) own_issuer: String,
    /// Asks certificate authorities by ACME.
    pub(crate) acme: Option<Arc<Acme>>,
    /// How long a key signs tokens, in milliseconds.
    pub(crate) token_key_age: i64,
    /// How far apart rounds of the scrub begin.
    pub(crate) scrub_every: Duration,
    /// Address of the database, for checks that read it beside the node.
    pub(crate) database: String,
}

impl Node {
    /// Leaves the door of the setup open if nobody owns the installation and it was never set up. Only for a start by
    /// a configuration that names neither a provider nor an administrator.
    pub(crate) async fn waits_for_setup(&self, clock: &dyn Clock) -> anyhow::Result<bool> {
        let services = &self.services;
        let ctx = crate::serve::system_request(clock, setup::PRINCIPAL)?;
        if !Setup::was_never_done(&services.admin, &ctx).await? {
            return Ok(false);
        }
        let door = setup::open_door(&services.keyring, &*services.entropy)?;
        self.store.add_sealed_blob(setup::LABEL, &door).await?;
        services.setup.unlock();
        Ok(services.setup.is_open(&services.admin, clock.now_millis()).await?)
    }

    /// Says so when workloads hold grants under another address of this installation: they are known by their issuer, in
    /// which the address stands, and under the new one they hold nothing.
    pub(crate) async fn warn_of_other_addresses(&self) -> anyhow::Result<()> {
        let ending = format!("/{}/v2.0", self.installation);
        let found = self.store.assignments_under_other_addresses(&ending, &self.own_issuer).await?;
        if found > 0 {
            tracing::warn!(
                assignments = found,
                address = self.services.addresses.base(),
                "assignments are for workloads under an address that this installation had before, and count for nobody now: \
                 bring the address back, or give the roles anew (`strongroom assignment list` shows them)"
            );
        }
        Ok(())
    }
}

/// Whether what the configuration says of the outside can be wired at all, before there is an installation to wire it
/// to. Gives the addresses.
pub(crate) fn check(outside: &Outside, clock: &Arc<dyn Clock>) -> anyhow::Result<Addresses> {
    let nobody = uuid::Uuid::nil();
    let addresses = Addresses::new(&outside.base, &nobody.to_string())?;
    let base = addresses.base().to_owned();
    let http = HttpClient::new(outside.trusted_roots.clone(), false)?;
    let (own, issuers) = (own_issuer(&base, nobody), outside.issuers.clone());
    // Keys that sign nothing: the installation's own are made later, or opened.
    let keys = TokenKeys::first(TokenSigner::generate(&SystemEntropy)?, clock.now_millis());
    let keys = keys.published(clock.now_millis());
    Issuers::new(&own, &base, &keys, issuers, FederationIssuers::ConfiguredOnly, http.clone(), Arc::clone(clock))?;
    // Their secrets stay where they are: nobody is asked for anything.
    let providers = outside.providers.iter().map(|one| ProviderConfig {
        name: one.name.clone(),
        label: one.label.clone(),
        issuer: one.issuer.clone(),
        client_id: one.client_id.clone(),
        client_secret: None,
        scopes: one.scopes.clone(),
    });
    Providers::new(providers.collect(), http, clock)?;
    Ok(addresses)
}

pub(crate) fn wire(opened: Opened, outside: Outside, data: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Node> {
    let Opened { installation, store, keyring, auditor, tokens, token_label, database, .. } = opened;
    let (id, development) = (installation.id, installation.development);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let keyring = Arc::new(keyring);
    let store = Arc::new(store);
    let policies = Arc::new(policy_process::start(
        outside.policy_isolation,
        data,
        &keyring,
        store.clone(),
        outside.policy_signers,
    )?);
    let (committer, committer_task): (Committer, _) = spawn(store.clone());
    let recorder = Recorder::new(committer, Arc::clone(&clock));
    let addresses = Addresses::new(&outside.base, &id.to_string())?;
    let base = addresses.base().to_owned();
    let own_issuer = own_issuer(&base, id.0);

    let now = clock.now_millis();
    let http = HttpClient::new(outside.trusted_roots, false)?;
    let issuers = Arc::new(Issuers::new(
        &own_issuer,
        &base,
        &tokens.published(now),
        outside.issuers,
        FederationIssuers::ConfiguredOnly,
        http.clone(),
        Arc::clone(&clock),
    )?);
    let providers = Providers::new(outside.providers, http, &clock)?;
    let own_keys = Arc::new(OwnKeys::new(&base, id.0, Arc::clone(&issuers), tokens, now));

    let gate = Arc::new(Gate {
        own_issuer: own_issuer.clone(),
        vaults: store.clone(),
        grants: store.clone(),
        objects: store.clone(),
        identities: store.clone(),
        policies: policies.clone(),
        attached: store.clone(),
        counts: store.clone(),
        approvals: store.clone(),
        shadows: ShadowCounts::default(),
        runs: ModuleRuns::default(),
        keyring: Arc::clone(&keyring),
    });
    let objects = Arc::new(Objects {
        gate: Arc::clone(&gate),
        store: store.clone(),
        keyring: Arc::clone(&keyring),
        recorder: recorder.clone(),
        entropy: Arc::clone(&entropy),
        restores: RestorePlace::default(),
        condemned: store.clone(),
    });
    let acme = outside.acme.map(|allowed| {
        let proofs = Proofs::new(Arc::clone(&keyring), store.clone());
        Arc::new(Acme::new(allowed, proofs))
    });
    let keys = Keys::new(Arc::clone(&objects));
    let keys = match outside.key_token {
        Some(token) => keys.with_token(token),
        None => keys,
    };
    let revoking = Arc::new(Revoking {
        objects: Arc::clone(&objects),
        clock: Arc::clone(&clock),
        base: Some(addresses.base().to_owned()),
        shelf: Shelf::default(),
    });
    let providers_of_certificates = IssuersByProvider {
        authority: Arc::new(AuthorityIssuer {
            objects: Arc::clone(&objects),
            clock: Arc::clone(&clock),
            revoking: Arc::clone(&revoking),
        }),
        acme: acme.clone().map(|acme| acme as Arc<dyn CertificateIssuer>),
    };
    let certificate_issuers = Arc::new(strongroom_domain::issuers::Issuers {
        objects: Arc::clone(&objects),
        acme: providers_of_certificates.acme.clone(),
    });
    let public_key = data_encoding::HEXLOWER.encode(&auditor.public_key());
    let chain = Arc::new(ArcSwap::from_pointee(ChainStatus { public_key, ..ChainStatus::default() }));
    let shown = Arc::clone(&chain);
    let desk = Arc::new(SignInService::new(providers, Arc::clone(&entropy)).with_step_up(outside.step_up));
    let sign_in: Arc<dyn SignIn> = desk.clone();
    let services = Services {
        development,
        secrets: Secrets { objects: Arc::clone(&objects) },
        certificates: Certificates::new(
            Arc::clone(&objects),
            &keys,
            Arc::clone(&certificate_issuers),
            (providers_of_certificates, Arc::clone(&revoking)),
        ),
        issuers: certificate_issuers,
        revoking,
        keys,
        objects,
        admin: Administration {
            gate: Arc::clone(&gate),
            vaults: store.clone(),
            grants: store.clone(),
            audit: store.clone(),
            looks: Looks::default(),
            listings: Places::new(LISTINGS),
            policies: policies.clone(),
            token_keys: TokenKeyring {
                store: store.clone(),
                label: token_label,
                made_at: installation.created_at,
                holder: own_keys.clone(),
            },
            library: policies.clone(),
            modules: store.clone(),
            condemned: store.clone(),
            keyring: Arc::clone(&keyring),
            recorder: recorder.clone(),
            entropy: Arc::clone(&entropy),
        },
        entrance: Entrance {
            gate,
            sign_in: Arc::clone(&sign_in),
            identities: store.clone(),
            credentials: Arc::new(WorkloadCredentials::new(
                Arc::clone(&keyring),
                Arc::clone(&issuers),
                token_endpoints(&base, id.0),
                Arc::clone(&own_keys),
            )),
            keyring: Arc::clone(&keyring),
            recorder: recorder.clone(),
            entropy: Arc::clone(&entropy),
            flood: FloodGate::default(),
            rates: TokenRates::default(),
        },
        setup: Setup::locked(store.clone(), Arc::new(CodeFile::of(data)), desk),
        authenticator: Arc::new(BearerValidator::new(issuers, Arc::clone(&clock))),
        sign_in,
        token_desk: Arc::new(Desk { base, installation: id.0, keys: own_keys }),
        recorder,
        flood: FloodGate::default(),
        certificate: CertificateStanding::default(),
        listening: Listening::default(),
        long_bodies: LongBodies::default(),
        long_answers: LongAnswers::default(),
        live_batches: live_batches(),
        proofs: Proofs::new(Arc::clone(&keyring), store.clone()),
        keyring,
        clock,
        entropy,
        addresses,
        chain: Arc::new(move || ChainStatus::clone(&shown.load())),
    };
    Ok(Node {
        services: Arc::new(services),
        store,
        auditor: Arc::new(auditor),
        installation: id,
        chain,
        committer: committer_task,
        policies,
        own_issuer,
        acme,
        token_key_age: outside.token_key_age,
        scrub_every: outside.scrub_every,
        database,
    })
}
