//! `network-zone`: connections come from the networks and listeners that a vault is for.
//!
//! It judges connections alone, before it is known who asks, and what it denies is answered as a
//! firewall answers. Besides the network rules that every vault has, it can tell by which proxies a
//! request came, and how it was encrypted.

use serde::Deserialize;
use strongroom_policy_sdk::{About, Answer, Network, Policy, Request, export_policy};

/// Most entries in one setting, and longest name in bytes.
const MAX_ENTRIES: usize = 128;
const MAX_NAME_BYTES: usize = 64;

/// From where a vault may be reached. An empty list asks for nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The client's address must be in one of these networks.
    pub allowed: Vec<Network>,
    /// The client's address must be in none of these, allowed or not.
    pub denied: Vec<Network>,
    /// The listener must be one of these.
    pub listeners: Vec<String>,
    /// Every proxy on the way must be in one of these networks.
    pub proxies: Vec<Network>,
    /// The client itself must have connected, without any proxy.
    pub direct: bool,
    /// The connection must be encrypted up to this server, by this version at least: `1.2` or `1.3`.
    pub min_tls: Option<Tls>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Tls {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

/// The module.
#[derive(Debug)]
pub struct NetworkZone;

impl Policy for NetworkZone {
    type Settings = Settings;

    const ABOUT: About = About::new(
        "network-zone",
        env!("CARGO_PKG_VERSION"),
        "Connections come from the networks and listeners that the vault is for.",
    )
    .of_connections()
    .settings_schema(include_str!("../settings.schema.json"));

    fn decide(request: &Request, settings: &Settings) -> Answer {
        let connection = &request.connection;
        let is_in = |networks: &[Network], address: &str| networks.iter().any(|network| network.contains(address));
        if is_in(&settings.denied, &connection.client_address) {
            return deny("address-denied", "connection.client_address");
        }
        if !settings.allowed.is_empty() && !is_in(&settings.allowed, &connection.client_address) {
            return deny("address-not-allowed", "connection.client_address");
        }
        if !settings.listeners.is_empty() && !settings.listeners.contains(&connection.listener) {
            return deny("listener-not-allowed", "connection.listener");
        }
        if settings.direct && !connection.proxies.is_empty() {
            return deny("not-direct", "connection.proxies");
        }
        if !settings.proxies.is_empty() && !connection.proxies.iter().all(|proxy| is_in(&settings.proxies, proxy)) {
            return deny("proxy-not-allowed", "connection.proxies");
        }
        if let Some(least) = settings.min_tls {
            let enough = connection.tls.as_ref().is_some_and(|tls| match least {
                Tls::V1_2 => matches!(tls.version.as_str(), "1.2" | "1.3"),
                Tls::V1_3 => tls.version == "1.3",
            });
            if !enough {
                return deny("encryption-too-weak", "connection.tls");
            }
        }
        Answer::allow("in-zone").relied_on("connection")
    }

    fn validate(settings: &Settings) -> Result<(), String> {
        let Settings { allowed, denied, listeners, proxies, .. } = settings;
        let lengths = [allowed.len(), denied.len(), listeners.len(), proxies.len()];
        if lengths.into_iter().any(|length| length > MAX_ENTRIES) {
            return Err(format!("a setting has more than {MAX_ENTRIES} entries"));
        }
        if listeners.iter().any(|name| !(1..=MAX_NAME_BYTES).contains(&name.len())) {
            return Err(format!("a listener's name is 1 to {MAX_NAME_BYTES} bytes long"));
        }
        Ok(())
    }
}

fn deny(code: &str, relied_on: &str) -> Answer {
    Answer::deny(code, "This vault is not reached from here.").relied_on(relied_on)
}

export_policy!(NetworkZone);
