//! `strongroom dev`: everything a newcomer needs, made at the first start and kept afterwards.
//!
//! Uses the same wiring, gate and record as `serve`; what it makes is marked as development for ever.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use strongroom_crypto::{DevAuthority, SecretText, SystemEntropy, TokenSigner};
use strongroom_domain::{
    admin::{
        AdminError, Administration, ChangedWorkload, MAX_SECRET_SECONDS, MAX_WORKLOAD_PAGE, NewSecret, ScopeRequest,
        WorkloadEdit,
    },
    names::VaultName,
    policy::{AttachmentState, PolicyAttachment},
    ports::VaultStore as _,
    principal::{Grantee, PrincipalId},
    role::Role,
    time::Clock,
    vault::VaultSettings,
};
use strongroom_http::api::wire::API_VERSION;
use strongroom_identity::{
    IssuerConfig, ProviderConfig, TrustedRoots,
    dev_provider::{CLIENT_ID, DevProvider},
};
use time::OffsetDateTime;

use crate::{
    cli::DevArgs,
    clock::SystemClock,
    config,
    dev_env::{DevEnv, Pair},
    dev_listener, harden, hosts,
    installation::{self, Opening, write_private},
    listeners::{Bound, bind},
    seal::{Seal, hardware::Hardware},
    serve::{Beside, end_sessions_of_past_issuers, run_node, system_request},
    wiring::{self, Node, Outside},
};

/// Host of the base in development.
const HOST: &str = "vault.localhost";
/// The vault that is there from the start.
const DEMO: &str = "demo";
/// Where systems keep their certificate authorities.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// Most vaults whose names the line for the hosts file has.
const NAMED_HOSTS: usize = 50;
/// Days a development server certificate is valid.
const CERTIFICATE_DAYS: u16 = 397;

pub(crate) async fn run(args: DevArgs) -> anyhow::Result<()> {
    if !args.listen.ip().is_loopback() && !args.expose {
        anyhow::bail!(
            "other machines may reach {}, and nobody has a password in development: listen on 127.0.0.1, or give --expose too",
            args.listen
        );
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let listener = bind(args.listen)?;
    let port = listener.local_addr()?.port();
    let provider_address =
        SocketAddr::from((Ipv4Addr::LOCALHOST, port.checked_add(1).context("the port is too high")?));
    let provider_listener =
        bind(provider_address).context("the development identity provider listens one port above the server")?;
    let key_token = Hardware::of_options(&args.token)?.map(|hardware| hardware.keys(None)).transpose()?;
    // After the ports: a start that fails there leaves nothing behind.
    installation::prepare_directory(&args.data)?;
    let data = std::fs::canonicalize(&args.data)
        .with_context(|| format!("the data directory {} cannot be read", args.data.display()))?;

    let source = Seal::default().source(&data, None)?;
    let opening =
        Opening { data: &data, database: None, source: &source, node: "node-1", development: Some(true), alone: false };
    let opened = installation::open(&opening, clock.now_millis(), &SystemEntropy).await?;
    harden::lock_memory();
    let certificates = Certificates::ensure(&data, clock.now_millis())?;
    let served = crate::certificates::Certificates::open(&certificates.server, &certificates.key)?;
    let tls = served.server_config()?;

    let base = format!("https://{HOST}:{port}");
    let issuer = format!("https://{provider_address}");
    let outside = Outside {
        base: base.clone(),
        trusted_roots: TrustedRoots::Only(std::fs::read(&certificates.ca)?),
        issuers: Vec::new(),
        providers: vec![ProviderConfig {
            name: "dev".to_owned(),
            label: "Development sign-in".to_owned(),
            issuer: IssuerConfig {
                groups_claim: Some("groups".to_owned()),
                ..IssuerConfig::new(issuer.clone(), Vec::new())
            },
            client_id: CLIENT_ID.to_owned(),
            client_secret: None,
            scopes: vec!["profile".to_owned()],
        }],
        step_up: Vec::new(),
        key_token,
        acme: None,
        token_key_age: config::Tokens::default().key_age()?,
        scrub_every: config::scrub_pause(None)?,
        policy_isolation: args.policy_isolation.unwrap_or_default(),
        policy_signers: Vec::new(),
    };
    let node = wiring::wire(opened, outside, &data, Arc::clone(&clock))?;
    end_sessions_of_past_issuers(&node, &*clock).await?;
    node.warn_of_other_addresses().await?;
    let env = set_up(&node, &*clock, &data, &base, &issuer, &certificates).await?;

    // Made anew at every start: who is signed in stays signed in by the session.
    let signer = TokenSigner::generate(&SystemEntropy)?;
    // The second is asked for beside another provider alone.
    let back = ["/auth/callback", "/auth/dev/callback"].map(|path| format!("{base}{path}"));
    let provider = DevProvider::new(&issuer, back.into(), &signer);
    let beside = dev_listener::serve(provider, Arc::clone(&clock), &base, provider_listener, (*tls).clone())?;
    let vaults = node.store.vaults(false).await?;
    let hosts: Vec<String> = vaults.iter().map(|vault| format!("{}.{HOST}", vault.name)).collect();
    print!("{}", banner(&env, &issuer, &data, &hosts));
    if !args.listen.ip().is_loopback() {
        tracing::warn!(
            "other machines may reach this development server on {}, where nobody has a password",
            args.listen
        );
    }
    run_node(node, Bound::single(listener, &tls), served, &data, Beside { provider: Some(beside), ..Beside::default() })
        .await
}

/// Files of the private CA and of the certificate it issued.
struct Certificates {
    ca: PathBuf,
    /// The private CA together with the system's: for clients that trust one file alone.
    bundle: PathBuf,
    server: PathBuf,
    key: PathBuf,
}

impl Certificates {
    /// Makes what is missing, and a new certificate when the old one is about to end.
    fn ensure(data: &Path, now_millis: i64) -> anyhow::Result<Self> {
        let paths = Self {
            ca: data.join("ca.pem"),
            bundle: data.join("ca-bundle.pem"),
            server: data.join("server.pem"),
            key: data.join("server.key"),
        };
        let ca_key = data.join("ca.key");
        let now = OffsetDateTime::from_unix_timestamp(now_millis.div_euclid(1000))?;
        let authority = if paths.ca.exists() && ca_key.exists() {
            DevAuthority {
                ca_cert_pem: std::fs::read_to_string(&paths.ca)?,
                ca_key_pem: SecretText::new(std::fs::read_to_string(&ca_key)?),
            }
        } else {
            let authority = DevAuthority::create("Strongroom development CA", now, &SystemEntropy)?;
            write_private(&ca_key, authority.ca_key_pem.expose().as_bytes())?;
            std::fs::write(&paths.ca, &authority.ca_cert_pem)?;
            authority
        };
        let age = paths.server.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
        let fresh = age.is_some_and(|age| age.as_secs() < u64::from(CERTIFICATE_DAYS - 30) * 86_400);
        if !(fresh && paths.key.exists()) {
            let names = [HOST.to_owned(), format!("{DEMO}.{HOST}"), format!("*.{HOST}"), "localhost".to_owned()];
            let addresses = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(std::net::Ipv6Addr::LOCALHOST)];
            let (certificate, key) =
                authority.issue_server(&names, &addresses, now, CERTIFICATE_DAYS, &SystemEntropy)?;
            write_private(&paths.key, key.expose().as_bytes())?;
            std::fs::write(&paths.server, certificate)?;
        }
        let system = SYSTEM_BUNDLES.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        std::fs::write(&paths.bundle, format!("{}{system}", authority.ca_cert_pem))?;
        Ok(paths)
    }
}

/// The vault, the sample workloads and the sample grants. What is there already stays.
async fn set_up(
    node: &Node,
    clock: &dyn Clock,
    data: &Path,
    base: &str,
    issuer: &str,
    certificates: &Certificates,
) -> anyhow::Result<DevEnv> {
    let path = data.join("dev.env");
    let demo = VaultName::parse(DEMO)?;
    let (ca, bundle) = (certificates.ca.clone(), certificates.bundle.clone());
    if let Some(env) = DevEnv::read(&path)
        && env.base == base
        && env.installation == node.installation.to_string()
    {
        let env = DevEnv { ca, bundle, ..env };
        write_private(&path, env.to_text().as_bytes())?;
        return Ok(env);
    }
    let admin = &node.services.admin;
    match admin.create_vault(&system_request(clock, "dev-setup")?, &demo, demo_settings()?).await {
        Ok(_) | Err(AdminError::VaultExists) => {}
        Err(error) => return Err(error.into()),
    }
    let workload = async |name: &str| -> anyhow::Result<Pair> {
        let made = sample(admin, clock, name).await?;
        Ok(Pair {
            client_id: made.workload.client_id.to_string(),
            client_secret: made.secret.context("a sample workload has a client secret")?,
        })
    };
    let assign = async |grantee: Grantee, role: Role, scope: ScopeRequest| -> anyhow::Result<()> {
        match admin.add_assignment(&system_request(clock, "dev-setup")?, (grantee, role), &scope).await {
            // From before `dev.env` was lost.
            Ok(_) | Err(AdminError::AssignmentExists) => Ok(()),
            Err(error) => Err(error.into()),
        }
    };
    let own = |pair: &Pair| Grantee::Principal {
        id: PrincipalId { issuer: node.own_issuer.clone(), subject: pair.client_id.clone() },
    };
    let env = DevEnv {
        base: base.to_owned(),
        vault_url: node.services.addresses.vault(&demo),
        ca,
        bundle,
        installation: node.installation.to_string(),
        app: workload("sample-app").await?,
        nobody: workload("nobody").await?,
        operator: workload("operator").await?,
    };
    assign(own(&env.app), Role::Administrator, ScopeRequest::Vault(demo.clone())).await?;
    assign(own(&env.operator), Role::Owner, ScopeRequest::Server).await?;
    let admins = Grantee::Group { issuer: issuer.to_owned(), group: "vault-admins".to_owned() };
    assign(admins, Role::Owner, ScopeRequest::Server).await?;
    let team = Grantee::Group { issuer: issuer.to_owned(), group: "app-team".to_owned() };
    assign(team, Role::SecretsUser, ScopeRequest::Vault(demo)).await?;
    write_private(&path, env.to_text().as_bytes())?;
    Ok(env)
}

/// A sample workload with a new client secret: the one of this name that is there already, so that a
/// lost `dev.env` leaves no forgotten twin with a valid secret behind, or a new one.
async fn sample(admin: &Administration, clock: &dyn Clock, name: &str) -> anyhow::Result<ChangedWorkload> {
    // `dev.env` is not written again while it is there: as long as there may be.
    let expires = clock.now_millis().div_euclid(1000).saturating_add(MAX_SECRET_SECONDS);
    let secret = NewSecret { name: None, expires: Some(expires) };
    let mut after = None;
    loop {
        let page = admin.list_workloads(&system_request(clock, "dev-setup")?, after, MAX_WORKLOAD_PAGE).await?;
        if let Some(found) = page.items.iter().find(|workload| workload.name == name) {
            let edit = WorkloadEdit::ReplaceSecrets(secret);
            return Ok(admin.change_workload(&system_request(clock, "dev-setup")?, found.client_id, &edit).await?);
        }
        match page.next {
            Some(next) => after = Some(next.parse()?),
            None => break,
        }
    }
    Ok(admin.create_workload(&system_request(clock, "dev-setup")?, name, Vec::new(), Some(secret)).await?)
}

/// One module on the vault, so that a newcomer sees one decide: names that begin with `forbidden-`.
fn demo_settings() -> anyhow::Result<VaultSettings> {
    let module = strongroom_policy_host::shipped()
        .into_iter()
        .find(|module| module.name == "naming-convention")
        .context("the module naming-convention does not ship with this binary")?;
    let attachment = PolicyAttachment {
        name: module.name.to_owned(),
        module: module.digest,
        settings: r#"{"forbidden_names":["forbidden-*"]}"#.to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    Ok(VaultSettings { policies: vec![attachment], ..VaultSettings::default() })
}

/// What is printed: addresses, and commands that work as they stand.
fn banner(env: &DevEnv, issuer: &str, data: &Path, hosts: &[String]) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let shown = |path: &Path| path.strip_prefix(&here).unwrap_or(path).display().to_string();
    let program = std::env::current_exe().map_or_else(|_| "strongroom".to_owned(), |path| shown(&path));
    let (base, ca, dev_env) = (&env.base, shown(&env.ca), shown(&data.join("dev.env")));
    // A name without a slash would be looked for elsewhere.
    let program = if program.contains('/') { program } else { format!("./{program}") };
    let names: Vec<&str> = std::iter::once(HOST).chain(hosts.iter().take(NAMED_HOSTS).map(String::as_str)).collect();
    let all = if hosts.len() > NAMED_HOSTS { format!(" The first {NAMED_HOSTS} vaults:") } else { String::new() };
    let hosts = hosts::missing(&names).map_or_else(String::new, |command| {
        format!(
            "# (Once: glibc, which Python and Node use, does not resolve names below localhost by itself.){all}\n{command}\n"
        )
    });
    format!(
        r#"
Strongroom, development mode. Nothing here is for production.

Dashboard  {base}  (press "Development sign-in" and choose Ada, who owns everything, or Grace, who reads {DEMO})
Sign-in    {issuer}  (trust the CA file in the browser, or accept its warning for both addresses)
Vault      {vault}
CA file    {ca}

# A first secret. In another shell, in this directory:
. {dev_env}

# By the CLI:
printf 'hello' | {program} secret set first
{program} secret get first

# As the operator, who may make vaults and give roles (`as_operator` comes with dev.env):
as_operator {program} audit tail

# By curl:
TOKEN=$(curl -s --cacert "$VAULT_CA" -d grant_type=client_credentials -d "client_id=$AZURE_CLIENT_ID" -d "client_secret=$AZURE_CLIENT_SECRET" -d "scope=$AZURE_AUTHORITY_HOST/.default" "$AZURE_AUTHORITY_HOST/$AZURE_TENANT_ID/oauth2/v2.0/token" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -s -w '\n' --cacert "$VAULT_CA" -X PUT -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{{"value":"hello"}}' "$VAULT_URL/secrets/second?api-version={API_VERSION}"
curl -s -w '\n' --cacert "$VAULT_CA" -H "Authorization: Bearer $TOKEN" "$VAULT_URL/secrets/second?api-version={API_VERSION}"

# By the Python SDK:
{hosts}python3 -m venv strongroom-venv && strongroom-venv/bin/pip install -q azure-identity azure-keyvault-secrets
strongroom-venv/bin/python - <<'PY'
import os
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
client = SecretClient(os.environ["VAULT_URL"], DefaultAzureCredential())
client.set_secret("third", "hello from Python")
print(client.get_secret("third").value)
PY

"#,
        vault = env.vault_url,
    )
}
