//! The configuration of `strongroom serve`, read once and dropped once everything is wired.

pub(crate) mod acme;
mod mistake;

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use serde::{Deserialize, Deserializer};
use strongroom_domain::{decision::StepUp, principal::PrincipalKind, text::deceives};
use strongroom_http::paths::Addresses;
use strongroom_identity::{IssuerConfig, WorkloadWhen};
use url::Url;

use crate::{
    database::{self, has_password},
    policy_process::PolicyIsolation,
    seal::{Seal, hardware::Hardware},
};

/// The whole file. Unknown keys are errors: a misspelt rule must not be a missing one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Base address, `https://HOST[:PORT]`: dashboard, token endpoint, management. Vaults live below it.
    #[serde(deserialize_with = "base")]
    pub(crate) base: String,
    /// Address of the only listener, `main`. Instead of `[[listeners]]`.
    #[serde(default)]
    pub(crate) listen: Option<SocketAddr>,
    /// Listeners by name.
    #[serde(default)]
    pub(crate) listeners: Vec<Listener>,
    /// What connections may cost.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// Data directory: key file, embedded database, anchors.
    pub(crate) data: PathBuf,
    /// Database address; the embedded default when absent.
    #[serde(default)]
    database: Option<String>,
    /// Or where that address is kept: `file:PATH`, `credential:NAME` or `environment`.
    #[serde(default)]
    database_from: Option<String>,
    /// Name of this node in the audit chain.
    #[serde(default = "default_node", deserialize_with = "node")]
    pub(crate) node: String,
    /// How far apart the server begins to look through everything that is stored, in minutes.
    #[serde(default = "default_scrub")]
    scrub_every_minutes: u16,
    /// Certificate and key.
    pub(crate) tls: Tls,
    /// Where policy modules run; `--policy-isolation` goes before it.
    #[serde(default, deserialize_with = "word")]
    pub(crate) policy_isolation: PolicyIsolation,
    /// Public keys (PEM files), one of which has to have signed every policy module that does not ship.
    #[serde(default)]
    pub(crate) policy_signers: Vec<PathBuf>,
    /// Root key.
    #[serde(default)]
    seal: Option<Seal>,
    /// The hardware that a root key may be in.
    #[serde(default)]
    pub(crate) pkcs11: Option<Hardware>,
    /// The root key's file, in configurations from before there were other providers.
    #[serde(default)]
    root_key: Option<RootKeyFile>,
    /// Certificate authority to trust besides the system's when talking to issuers (PEM file).
    #[serde(default)]
    pub(crate) trusted_ca: Option<PathBuf>,
    /// Tokens of this installation's own.
    #[serde(default)]
    pub(crate) tokens: Tokens,
    /// Issuers of bearer tokens and of federated assertions.
    #[serde(default)]
    pub(crate) issuers: Vec<Issuer>,
    /// Providers that people sign in at.
    #[serde(default)]
    pub(crate) providers: Vec<Provider>,
    /// Certificate authorities that may be asked by ACME.
    #[serde(default)]
    pub(crate) acme: Option<acme::Acme>,
    /// Principals that own the installation; appointed at a start that finds no Owner.
    #[serde(default)]
    pub(crate) administrators: Vec<Administrator>,
    /// Who is told the audit log's checkpoints.
    #[serde(default)]
    pub(crate) witness: Option<Witness>,
    /// Who is told what somebody has to see to.
    #[serde(default)]
    pub(crate) alerts: Option<Alerts>,
}

/// Longest name of a node, in characters.
const MAX_NODE: usize = 64;

fn default_node() -> String {
    "node-1".to_owned()
}

/// How far apart rounds of the scrub begin, in minutes, unless something else is said.
const SCRUB_EVERY: u16 = 60;

fn default_scrub() -> u16 {
    SCRUB_EVERY
}

/// `scrub_every_minutes`, from an hour to a week: more often costs more than it finds, and never is not offered.
pub(crate) fn scrub_pause(minutes: Option<u16>) -> anyhow::Result<Duration> {
    let minutes = minutes.unwrap_or(SCRUB_EVERY);
    anyhow::ensure!((60..=10_080).contains(&minutes), "scrub_every_minutes is a number of minutes from 60 to 10080");
    Ok(Duration::from_secs(u64::from(minutes) * 60))
}

/// `[[listeners]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listener {
    /// Name in network rules and records.
    pub(crate) name: String,
    /// Address and port; or else `socket`.
    #[serde(default)]
    pub(crate) address: Option<SocketAddr>,
    /// Path of a Unix socket.
    #[serde(default)]
    pub(crate) socket: Option<PathBuf>,
    /// Permissions of the Unix socket's file, octal; 0600 when absent.
    #[serde(default)]
    pub(crate) mode: Option<String>,
    /// Whether TLS is spoken; only a Unix socket may do without, and does when this is absent.
    #[serde(default)]
    pub(crate) tls: Option<bool>,
    /// Networks of the proxies in front.
    #[serde(default)]
    pub(crate) proxies: Vec<String>,
    /// Whether those proxies begin connections with a PROXY header.
    #[serde(default)]
    pub(crate) proxy_protocol: bool,
    /// Header in which those proxies name the client.
    #[serde(default, deserialize_with = "some_word")]
    pub(crate) forwarded: Option<Forwarded>,
    /// Whether it is for certificate authorities alone: plain HTTP, the answers of http-01, and nothing else.
    #[serde(default)]
    pub(crate) acme: bool,
}

/// `forwarded` of a listener.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Forwarded {
    XForwardedFor,
    Forwarded,
}

/// `[limits]`; what is absent is as `strongroom_http::server::Limits` says. Times are in seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    #[serde(default)]
    pub(crate) connections: Option<usize>,
    #[serde(default)]
    pub(crate) connections_per_client: Option<usize>,
    #[serde(default)]
    pub(crate) head_seconds: Option<u64>,
    #[serde(default)]
    pub(crate) body_seconds: Option<u64>,
    #[serde(default)]
    pub(crate) answer_seconds: Option<u64>,
    #[serde(default)]
    pub(crate) idle_seconds: Option<u64>,
    #[serde(default)]
    pub(crate) stop_seconds: Option<u64>,
}

/// `[tls]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// PEM file, leaf first.
    pub(crate) certificate: PathBuf,
    /// PEM file (PKCS#8, PKCS#1 or SEC1).
    pub(crate) key: PathBuf,
    /// Vault and name of a certificate that takes their place once it can be read.
    #[serde(default)]
    pub(crate) from_vault: Option<String>,
}

/// `[tokens]`
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tokens {
    /// How many days a key signs tokens until another takes its place.
    rotate_keys_after_days: u16,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { rotate_keys_after_days: 90 }
    }
}

impl Tokens {
    /// How long a key signs, in milliseconds.
    pub(crate) fn key_age(&self) -> anyhow::Result<i64> {
        if !(1..=3650).contains(&self.rotate_keys_after_days) {
            anyhow::bail!("rotate_keys_after_days is a number of days from 1 to 3650");
        }
        Ok(i64::from(self.rotate_keys_after_days) * 86_400_000)
    }
}

/// `[root_key]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RootKeyFile {
    #[serde(default)]
    file: Option<PathBuf>,
}

impl Config {
    /// Whether a password of the database stands in this file, which everybody on the machine can read.
    pub(crate) fn shows_password(&self, path: &Path) -> bool {
        let everybody = std::fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o004 != 0);
        everybody && self.database.as_deref().is_some_and(has_password)
    }

    /// How far apart rounds of the scrub begin.
    pub(crate) fn scrub_every(&self) -> anyhow::Result<Duration> {
        scrub_pause(Some(self.scrub_every_minutes))
    }

    /// The address of the database; none for the embedded one.
    pub(crate) fn database(&self) -> anyhow::Result<Option<String>> {
        database::address(self.database.as_deref(), self.database_from.as_deref())
    }

    /// Where the root key comes from.
    pub(crate) fn seal(&self) -> anyhow::Result<Seal> {
        match (&self.seal, &self.root_key) {
            (Some(_), Some(_)) => anyhow::bail!("[seal] and [root_key] say the same: keep [seal]"),
            (Some(seal), None) => Ok(seal.clone()),
            (None, Some(root_key)) => Ok(Seal { file: root_key.file.clone(), ..Seal::default() }),
            (None, None) => Ok(Seal::default()),
        }
    }
}

/// `[[issuers]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issuer {
    #[serde(deserialize_with = "issuer")]
    pub(crate) issuer: String,
    /// Audiences accepted for bearer tokens; the base when absent.
    #[serde(default)]
    audience: Option<Vec<String>>,
    /// Whose tokens: `user` or `workload`.
    #[serde(default, deserialize_with = "word")]
    kind: IssuerKind,
    /// At an issuer of people: the claim and value that mark tokens of workloads.
    #[serde(default)]
    workload_claim: Option<String>,
    #[serde(default)]
    workload_value: Option<String>,
    #[serde(default)]
    groups_claim: Option<String>,
    /// Claims whose values are groups too, called `CLAIM=VALUE`.
    #[serde(default, deserialize_with = "claims_as_groups")]
    claims_as_groups: Vec<String>,
    #[serde(default)]
    claims: Option<Vec<String>>,
    #[serde(default)]
    jwks_uri: Option<String>,
    #[serde(default)]
    algorithms: Option<Vec<String>>,
}

/// `kind` of an issuer.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum IssuerKind {
    User,
    #[default]
    Workload,
}

impl Issuer {
    /// Whether its tokens name groups.
    pub(crate) fn says_groups(&self) -> bool {
        self.groups_claim.is_some() || !self.claims_as_groups.is_empty()
    }

    pub(crate) fn into_config(self, base: &str) -> anyhow::Result<IssuerConfig> {
        let plain = IssuerConfig::new(self.issuer, self.audience.unwrap_or_else(|| vec![base.to_owned()]));
        let workload_when = match (self.workload_claim, self.workload_value) {
            (None, None) => None,
            (Some(claim), Some(value)) => Some(WorkloadWhen { claim, value }),
            _ => anyhow::bail!("workload_claim and workload_value of an issuer go together"),
        };
        // Records are searched by what stands first in them under these names, and claims stand before it.
        let found_by = ["operation", "client", "outcome"];
        if let Some(claim) = self.claims.iter().flatten().find(|claim| found_by.contains(&claim.as_str())) {
            anyhow::bail!("claims of an issuer: none may be called {claim}, because records are found by theirs");
        }
        Ok(IssuerConfig {
            kind: match self.kind {
                IssuerKind::User => PrincipalKind::User,
                IssuerKind::Workload => PrincipalKind::Workload,
            },
            workload_when,
            groups_claim: self.groups_claim,
            claims_as_groups: self.claims_as_groups,
            claims: self.claims.unwrap_or(plain.claims),
            jwks_uri: self.jwks_uri,
            algorithms: self.algorithms.unwrap_or(plain.algorithms),
            ..plain
        })
    }
}

/// `[[providers]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Provider {
    /// Name in addresses, lower-case letters and digits.
    #[serde(deserialize_with = "provider_name")]
    pub(crate) name: String,
    /// Name on the button.
    pub(crate) label: String,
    #[serde(deserialize_with = "issuer")]
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// File with the client secret; none for a public client.
    #[serde(default)]
    pub(crate) client_secret_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) groups_claim: Option<String>,
    /// Claims whose values are groups too, called `CLAIM=VALUE`.
    #[serde(default, deserialize_with = "claims_as_groups")]
    pub(crate) claims_as_groups: Vec<String>,
    #[serde(default = "default_scopes")]
    pub(crate) scopes: Vec<String>,
    /// Authentication context classes, one of which a sign-in must have before what cannot be undone.
    #[serde(default, deserialize_with = "classes")]
    step_up_acr: Vec<String>,
    /// Authentication methods, one of which it must have used.
    #[serde(default, deserialize_with = "classes")]
    step_up_amr: Vec<String>,
}

impl Provider {
    /// Whether its tokens name groups.
    pub(crate) fn says_groups(&self) -> bool {
        self.groups_claim.is_some() || !self.claims_as_groups.is_empty()
    }

    /// The issuer, and how its people must have signed in before what cannot be undone, if that is said.
    pub(crate) fn step_up(&self) -> Option<(String, StepUp)> {
        let terms = StepUp { acr: self.step_up_acr.clone(), amr: self.step_up_amr.clone(), max_age: None };
        (!terms.acr.is_empty() || !terms.amr.is_empty()).then(|| (self.issuer.clone(), terms))
    }
}

/// Names of classes or methods, which stand beside each other in requests and claims with spaces between.
fn classes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    let is_name = |name: &String| (1..=256).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if names.len() <= 8 && names.iter().all(is_name) {
        Ok(names)
    } else {
        Err(serde::de::Error::custom("expected at most 8 names of 1 to 256 letters, digits and signs, without spaces"))
    }
}

fn claims_as_groups<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let names = classes(from)?;
    // What stands before the first sign of equality in a group's name is the claim.
    match names.iter().find(|name| name.contains('=')) {
        Some(name) => {
            Err(serde::de::Error::custom(format!("a claim whose values are groups has no = in its name: {name}")))
        }
        None => Ok(names),
    }
}

fn default_scopes() -> Vec<String> {
    vec!["profile".to_owned()]
}

/// `[witness]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Witness {
    /// Address to POST each checkpoint to, and to GET those that it keeps from.
    pub(crate) url: String,
    /// File with a bearer token for it.
    #[serde(default)]
    pub(crate) token_file: Option<PathBuf>,
    /// How far apart it is told, in seconds.
    #[serde(default = "default_witness_seconds")]
    pub(crate) every_seconds: u64,
}

fn default_witness_seconds() -> u64 {
    10
}

/// `[alerts]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alerts {
    /// Address to POST each to.
    pub(crate) url: String,
    /// File with a bearer token for it.
    #[serde(default)]
    pub(crate) token_file: Option<PathBuf>,
}

/// `[[administrators]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Administrator {
    pub(crate) issuer: String,
    #[serde(default)]
    pub(crate) subject: Option<String>,
    #[serde(default)]
    pub(crate) group: Option<String>,
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the configuration {} cannot be read", path.display()))?;
    parse(&text).with_context(|| format!("the configuration {} is not right", path.display()))
}

fn parse(text: &str) -> anyhow::Result<Config> {
    mistake::read(text).map_err(anyhow::Error::msg)
}

/// A text that has to be of some form. A wrong one is told with what would be right.
fn of_form<'de, D: Deserializer<'de>>(from: D, fits: impl Fn(&str) -> bool, what: &str) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if fits(&text) { Ok(text) } else { Err(serde::de::Error::custom(format!("expected {what}"))) }
}

fn base<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let fits = |text: &str| Addresses::new(text.trim_end_matches('/'), "").is_ok();
    of_form(from, fits, "https://HOST or https://HOST:PORT, without a path")
}

fn issuer<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let fits = |text: &str| {
        Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http") && url.query().is_none() && url.fragment().is_none()
        })
    };
    of_form(
        from,
        fits,
        "the https address of an issuer, without query and fragment, letter for letter as its tokens say it",
    )
}

fn provider_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let fits = |text: &str| {
        (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
    };
    of_form(from, fits, "1 to 32 lower-case letters, digits, - and _, because it stands in addresses")
}

/// The name of a node, as it stands in the log and on people's screens.
fn node<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    let is_one = !name.trim().is_empty() && name.chars().count() <= MAX_NODE && !name.contains(deceives);
    if is_one { Ok(name) } else { Err(serde::de::Error::custom("expected 1 to 64 characters that can be seen")) }
}

/// One of a few words. A wrong one is told with those that would be right.
pub(crate) fn word<'de, D: Deserializer<'de>, T: clap::ValueEnum>(from: D) -> Result<T, D::Error> {
    T::from_str(&String::deserialize(from)?, false).map_err(|_| {
        let known =
            T::value_variants().iter().filter_map(|one| Some(format!("`{}`", one.to_possible_value()?.get_name())));
        serde::de::Error::custom(format!("expected one of {}", known.collect::<Vec<_>>().join(", ")))
    })
}

fn some_word<'de, D: Deserializer<'de>, T: clap::ValueEnum>(from: D) -> Result<Option<T>, D::Error> {
    word(from).map(Some)
}

#[cfg(test)]
mod tests;
