//! Running: listeners, background jobs, and a stop that finishes what was started.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use strongroom_crypto::{SecretText, SystemEntropy};
use strongroom_domain::{
    context::RequestContext,
    entrance::past_issuers,
    principal::Principal,
    time::{Clock, uuid_v7},
};
use strongroom_identity::{IssuerConfig, ProviderConfig, TrustedRoots};

use crate::{
    administrators::{Administrators, FIRST_HOUR},
    certificates::Certificates,
    cli::ServeArgs,
    clock::SystemClock,
    config::{self, Config, Provider},
    harden,
    installation::{self, Opening},
    jobs,
    listeners::Bound,
    own_certificate::{InVault, Place},
    peer::Peer,
    policy_process, private_file, setup_code,
    wiring::{self, Node, Outside},
    witness::Witness,
};

pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let path = args.config.context(
        "no configuration: give --config FILE; server/docs/operations.md has an example and describes each key \
         (to try things out, `strongroom dev` needs none)",
    )?;
    let mut config = config::read(&path)?;
    let shows_password = config.shows_password(&path);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let in_vault = config.tls.from_vault.as_deref().map(Place::parse).transpose()?;
    let mut certificates = Certificates::open(&config.tls.certificate, &config.tls.key)?;
    let secret = secret_files(&config);
    let tls = certificates.server_config()?;
    let bound = Bound::of(config.listen, std::mem::take(&mut config.listeners), &config.limits, &tls)?;
    let source = config.seal()?.source(&config.data, config.pkcs11.as_ref())?;
    let administrators = Administrators::of(&config)?;
    // Nobody is named: whoever has the code of the terminal names the first ones.
    let waits = config.providers.is_empty() && config.administrators.is_empty();
    let ca = config.trusted_ca.as_deref();
    let witness = config.witness.take().map(|witness| witness_of(witness, ca)).transpose()?;
    let alerts = config.alerts.take().map(|alerts| receiver_of(alerts, ca)).transpose()?;
    // Everything that the configuration alone can get wrong is told before anything is made.
    let (data, database, node) = (config.data.clone(), config.database()?, std::mem::take(&mut config.node));
    let key_token = match &config.pkcs11 {
        Some(hardware) => Some(hardware.keys(source.token())?),
        None => None,
    };
    let mut outside = outside(config)?;
    outside.key_token = key_token;
    let names = wiring::check(&outside, &clock)?;
    let opening = Opening {
        data: &data,
        database: database.as_deref(),
        source: &source,
        node: &node,
        development: Some(false),
        alone: false,
    };
    if let Some(why) = administrators.lacking()
        && !waits
        && !installation::exists(&opening).await?
    {
        anyhow::bail!("no installation is made that nobody could manage: {why} ({FIRST_HOUR})");
    }
    let opened = installation::open(&opening, clock.now_millis(), &SystemEntropy).await?;
    setup_code::add_first_provider(&opened, &mut outside).await?;
    let fresh = opened.fresh;
    if shows_password {
        tracing::warn!(
            file = %path.display(),
            "everybody on this machine can read the configuration, and its `database` holds a password: chmod o-r it, or let \
             `database_from` name a file of mode 0600 or a credential with the address"
        );
    }
    for (file, what) in &secret {
        private_file::warn_if_open_to_all(file, what);
    }
    harden::lock_memory();
    if let Some(isolation) = args.policy_isolation {
        outside.policy_isolation = isolation;
    }
    let node = wiring::wire(opened, outside, &data, Arc::clone(&clock))?;
    if fresh {
        println!("A new installation, {}. Its root key is {}: back it up.", node.installation, source.shown());
    }
    end_sessions_of_past_issuers(&node, &*clock).await?;
    node.warn_of_other_addresses().await?;
    if waits && node.waits_for_setup(&*clock).await? {
        setup_code::ask(node.services.addresses.base(), &data, &path, clock.now_millis())?;
    } else {
        match administrators.appoint(&node.services.admin, &*clock).await? {
            0 => {}
            1 => println!("The configured administrator is Owner of the installation now."),
            several => println!("The {several} configured administrators are Owners of the installation now."),
        }
    }
    if let Some(place) = in_vault {
        certificates.use_vault(InVault::new(place, node.services.clone())).await;
    }
    certificates.warn_of_other_names(names.host());
    println!("Strongroom serves {} on {}.", node.services.addresses.base(), bound.shown);
    run_node(node, bound, certificates, &data, Beside { provider: None, witness, alerts }).await
}

/// Files of the configuration that are for the server alone, besides those that are refused unless they are.
fn secret_files(config: &Config) -> Vec<(PathBuf, &'static str)> {
    let of_providers = config.providers.iter().filter_map(|provider| provider.client_secret_file.clone());
    let mut files: Vec<_> = of_providers.map(|file| (file, "the client secret of a provider")).collect();
    files.push((config.tls.key.clone(), "the private key of the server's certificate"));
    files.push((installation::embedded_file(&config.data), "the database"));
    files
}

/// The witness of the configuration, and how far apart it is told.
fn witness_of(config: config::Witness, ca: Option<&Path>) -> anyhow::Result<(Witness, Duration)> {
    let config::Witness { url, token_file, every_seconds } = config;
    anyhow::ensure!((1..=3600).contains(&every_seconds), "every_seconds of [witness] is from 1 to 3600");
    let (roots, token) = (roots(ca)?, token(token_file.as_deref())?);
    Ok((Witness::new(&url, roots.as_deref(), token)?, Duration::from_secs(every_seconds)))
}

/// Who is told what somebody has to see to.
fn receiver_of(config::Alerts { url, token_file }: config::Alerts, ca: Option<&Path>) -> anyhow::Result<Peer> {
    let (roots, token) = (roots(ca)?, token(token_file.as_deref())?);
    Peer::new("the receiver of alerts", &url, roots.as_deref(), token)
}

/// Certificate authorities that are trusted besides the system's.
fn roots(ca: Option<&Path>) -> anyhow::Result<Option<Vec<u8>>> {
    ca.map(|path| std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))).transpose()
}

/// The bearer token of a file.
fn token(file: Option<&Path>) -> anyhow::Result<Option<SecretText>> {
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        anyhow::Ok(SecretText::new(text.trim().to_owned()))
    };
    file.map(read).transpose()
}

/// What runs beside a node's listeners.
#[derive(Default)]
pub(crate) struct Beside {
    /// The development identity provider.
    pub(crate) provider: Option<actix_web::dev::Server>,
    /// The audit log's witness, and how far apart it is told.
    pub(crate) witness: Option<(Witness, Duration)>,
    /// Who is told what somebody has to see to.
    pub(crate) alerts: Option<Peer>,
}

fn outside(config: Config) -> anyhow::Result<Outside> {
    let scrub_every = config.scrub_every()?;
    let trusted_roots = match &config.trusted_ca {
        Some(path) => TrustedRoots::SystemAnd(
            std::fs::read(path).with_context(|| format!("trusted_ca: {} cannot be read", path.display()))?,
        ),
        None => TrustedRoots::System,
    };
    let base = config.base.trim_end_matches('/').to_owned();
    let issuers = config.issuers.into_iter().map(|i| i.into_config(&base)).collect::<anyhow::Result<Vec<_>>>()?;
    let step_up = config.providers.iter().filter_map(Provider::step_up).collect();
    let providers = config.providers.into_iter().map(provider).collect::<anyhow::Result<Vec<_>>>()?;
    let token_key_age = config.tokens.key_age()?;
    let policy_isolation = config.policy_isolation;
    let acme = config.acme.map(config::acme::Acme::allowed).transpose()?;
    let policy_signers = policy_process::signers(&config.policy_signers)?;
    Ok(Outside {
        base,
        trusted_roots,
        issuers,
        providers,
        step_up,
        key_token: None,
        acme,
        token_key_age,
        scrub_every,
        policy_isolation,
        policy_signers,
    })
}

fn provider(provider: Provider) -> anyhow::Result<ProviderConfig> {
    let client_secret = match &provider.client_secret_file {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
            Some(SecretText::new(text.trim_end().to_owned()))
        }
        None => None,
    };
    let issuer = IssuerConfig {
        groups_claim: provider.groups_claim,
        claims_as_groups: provider.claims_as_groups,
        ..IssuerConfig::new(provider.issuer, Vec::new())
    };
    Ok(ProviderConfig {
        name: provider.name,
        label: provider.label,
        issuer,
        client_id: provider.client_id,
        client_secret,
        scopes: provider.scopes,
    })
}

/// A request of Strongroom itself, for what a first start sets up.
pub(crate) fn system_request(clock: &dyn Clock, job: &str) -> anyhow::Result<RequestContext> {
    let now = clock.now_millis();
    let id = uuid_v7(now, &SystemEntropy)?;
    let loopback = std::net::IpAddr::from([127, 0, 0, 1]);
    Ok(RequestContext::new(id, Arc::new(Principal::system(job)), loopback, "local", now))
}

/// Before anybody is answered: whose provider or issuer is configured no more is signed out for good.
pub(crate) async fn end_sessions_of_past_issuers(node: &Node, clock: &dyn Clock) -> anyhow::Result<()> {
    let request = || system_request(clock, past_issuers::PRINCIPAL);
    let ended = node.services.entrance.end_sessions_of_past_issuers(request).await;
    match ended.context("sessions of issuers that are configured no more could not be ended")? {
        0 => {}
        ended => tracing::warn!(ended, "sessions of issuers that are configured no more are ended"),
    }
    Ok(())
}

/// Serves until told to stop; then finishes what was started, and the audit log last.
pub(crate) async fn run_node(
    node: Node,
    bound: Bound,
    certificates: Certificates,
    data: &Path,
    beside: Beside,
) -> anyhow::Result<()> {
    let Beside { provider: beside, witness, alerts } = beside;
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let Bound { listeners, limits, files, .. } = bound;
    let server = strongroom_http::server::serve(&node.services, listeners, limits, workers)?;
    let watch = tokio::spawn(certificates.watch());
    // Beside serving: a request that needs a module waits for it.
    let warming =
        tokio::spawn(policy_process::warm(Arc::clone(&node.policies), node.store.clone(), node.store.clone()));
    let handle = server.handle();
    let beside_handle = beside.as_ref().map(actix_web::dev::Server::handle);
    let beside = beside.map(tokio::spawn);
    let jobs = jobs::start(&node, data, witness, alerts);
    let served = tokio::spawn(server);
    tokio::select! {
        () = stop_signal() => tracing::info!("stopping when the requests under way have ended; Ctrl-C again stops now"),
        ended = served => {
            ended??;
            anyhow::bail!("the server ended by itself");
        }
    }
    let finish = async {
        handle.stop(true).await;
        watch.abort();
        warming.abort();
        for file in files {
            let _ = std::fs::remove_file(file);
        }
        if let Some(beside) = beside_handle {
            beside.stop(false).await;
        }
        if let Some(beside) = beside {
            beside.await??;
        }
        jobs.stop().await;
        let Node { services, committer, .. } = node;
        drop(services);
        // The committer ends when nobody can send to it any more, with an empty queue.
        if tokio::time::timeout(std::time::Duration::from_secs(5), committer).await.is_err() {
            tracing::warn!("the audit committer still had users when the server stopped");
        }
        Ok(())
    };
    tokio::select! {
        finished = finish => finished,
        // As good as a power cut, which loses nothing that was acknowledged.
        () = stop_signal() => anyhow::bail!("stopped at once; requests under way got no answer"),
    }
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
