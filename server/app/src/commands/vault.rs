//! `strongroom vault`.

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::json;

use super::text;
use crate::{
    cli::VaultCommand,
    client::{Client, at, base},
    hosts,
};

pub(crate) async fn run(command: VaultCommand) -> anyhow::Result<()> {
    let VaultCommand::Create { name, networks, retention_days, purge_protection, policies, connection } = command;
    let attachments = policies.iter().map(|policy| attachment(policy)).collect::<anyhow::Result<Vec<_>>>()?;
    let body = json!({
        "name": name,
        "network": { "allow": networks },
        "retention_days": retention_days,
        "purge_protection": purge_protection,
        "policies": attachments,
    });
    let base = base(&connection)?;
    let client = Client::connect(&connection, &base).await?;
    let url = at(&base, &["api", "v1", "vaults"], &[])?;
    let answer = client.send(Method::POST, url, Some(serde_json::to_vec(&body)?)).await?;
    let address = text(&answer, "/url");
    println!("{address}");
    if let Some(host) = url::Url::parse(&address)?.host_str()
        && let Some(command) = hosts::missing(&[host])
    {
        eprintln!("Once, for clients that use glibc, such as Python and Node:\n{command}");
    }
    Ok(())
}

/// `NAME=SETTINGS`, where NAME is a module that ships with this program.
fn attachment(policy: &str) -> anyhow::Result<serde_json::Value> {
    let (name, settings) = policy.split_once('=').unwrap_or((policy, "{}"));
    let shipped = strongroom_policy_host::shipped();
    let Some(module) = shipped.iter().find(|module| module.name == name) else {
        let names: Vec<_> = shipped.iter().map(|module| module.name).collect();
        bail!("{name} is not a module that ships; those are {}", names.join(", "));
    };
    serde_json::from_str::<serde_json::Value>(settings)
        .with_context(|| format!("the settings of {name} are not JSON"))?;
    Ok(json!({ "name": name, "module": module.digest, "settings": settings, "state": "enforce" }))
}
