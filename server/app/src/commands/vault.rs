//! `strongroom vault`.

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Map, Value, json};
use strongroom_domain::{action::Action, key::KeyAlgorithm};
use url::Url;

use super::{assignment::warn, done, facts, policy::accept, table, tags, text, told_tags, utc};
use crate::{
    cli::{Output, ServerAt, VaultChange, VaultCommand, VaultGiven},
    client::{Client, aimed_at, at, base},
    exit::Exit,
    hosts, terminal,
};

/// The one module that ships and denies without settings.
const TWO_PERSON: &str = "two-person";

pub(crate) async fn run(command: VaultCommand) -> anyhow::Result<()> {
    match command {
        VaultCommand::Create { name, given, at } => create(&name, given, &at).await,
        VaultCommand::List { deleted, at } => list(deleted, &at).await,
        VaultCommand::Show { name, deleted, at } => {
            let kind = if deleted { DELETED } else { ACTIVE };
            print(&Server::connect(&at).await?.send(Method::GET, &[kind, &name], None).await?, at.output);
            Ok(())
        }
        VaultCommand::Update { name, change, at } => update(&name, change, &at).await,
        VaultCommand::Delete { name, at } => {
            let deleted = Server::connect(&at).await?.send(Method::DELETE, &[ACTIVE, &name], None).await?;
            match at.output {
                Output::Json => println!("{}", crate::plain::json(&deleted)),
                Output::Table => {
                    let until = millis(&deleted, "/scheduled_purge_at");
                    let until = if until.is_empty() { until } else { format!(" until {until}") };
                    println!("{} is deleted and recoverable{until}", text(&deleted, "/name"));
                }
            }
            Ok(())
        }
        VaultCommand::Recover { name, at } => {
            let recovered = Server::connect(&at).await?.send(Method::POST, &[DELETED, &name, "recover"], None).await?;
            print_address(&recovered, at.output);
            Ok(())
        }
        VaultCommand::Purge { name, yes, at } => {
            if !yes {
                terminal::confirm(&format!("Purging the vault {name} and all that was in it"), &name)?;
            }
            Server::connect(&at).await?.send(Method::DELETE, &[DELETED, &name], None).await?;
            done(at.output, &json!({ "purged": name }), format_args!("{name} is purged"));
            Ok(())
        }
    }
}

const ACTIVE: &str = "vaults";
const DELETED: &str = "deletedvaults";

struct Server {
    base: Url,
    client: Client,
}

impl Server {
    async fn connect(to: &ServerAt) -> anyhow::Result<Self> {
        let base = base(&to.connection)?;
        let client = Client::connect(&to.connection, &base).await?;
        Ok(Self { base, client })
    }

    fn at(&self, path: &[&str]) -> anyhow::Result<Url> {
        at(&self.base, &[&["api", "v1"], path].concat(), &[])
    }

    async fn send(&self, method: Method, path: &[&str], body: Option<&Value>) -> anyhow::Result<Value> {
        let body = body.map(serde_json::to_vec).transpose()?;
        self.client.send(method, self.at(path)?, body).await
    }
}

async fn create(name: &str, given: VaultGiven, to: &ServerAt) -> anyhow::Result<()> {
    let mut attachments = Vec::with_capacity(given.policies.len());
    for policy in &given.policies {
        attachments.push(attachment(policy).await?);
    }
    let body = json!({
        "name": name,
        "network": { "allow": given.networks },
        "retention_days": given.retention_days,
        "purge_protection": given.purge_protection,
        "policies": attachments,
        "tags": tags(&given.tags)?,
        "region": given.region,
        "access_mode": given.access_mode,
        "refused_algorithms": algorithms(&given.refused)?,
        "force": given.force,
    });
    let made = Server::connect(to).await?.send(Method::POST, &[ACTIVE], Some(&body)).await?;
    print_address(&made, to.output);
    if let Some(next) = first_access(name, &given.access_mode) {
        eprintln!("{next}");
    }
    if let Some(host) = Url::parse(&text(&made, "/url"))?.host_str()
        && let Some(command) = hosts::missing(&[host])
    {
        eprintln!("Once, for clients that use glibc, such as Python and Node:\n{command}");
    }
    Ok(())
}

/// What a vault still needs before anybody reaches what is in it, where its access mode says that a role is not enough.
fn first_access(vault: &str, mode: &str) -> Option<String> {
    let policy = format!(
        "strongroom access-policy set {vault} --secret-permissions get,list,set --workload CLIENT-ID (or --group \
         ISSUER#GROUP, --principal ISSUER#SUBJECT)"
    );
    match mode {
        "access-policy" => Some(format!("nobody can use what is in it yet: {policy}")),
        "layered" => Some(format!(
            "nobody can use what is in it yet, because a role and an access policy must both allow: {policy}, and strongroom \
             assignment add --role \"Key Vault Secrets User\" --scope /vaults/{vault} with the same --workload, --group or \
             --principal"
        )),
        _ => None,
    }
}

async fn list(deleted: bool, from: &ServerAt) -> anyhow::Result<()> {
    let kind = if deleted { DELETED } else { ACTIVE };
    let answer = Server::connect(from).await?.send(Method::GET, &[kind], None).await?;
    let vaults = answer.get("value").cloned().context("the answer has no vaults")?;
    print_list(&vaults, deleted, from.output);
    let damaged: Vec<&str> =
        answer.get("damaged").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for name in &damaged {
        eprintln!("vault {} is left out: what is stored of it fails its authentication", crate::plain::plain(name));
    }
    if damaged.is_empty() { Ok(()) } else { Err(Exit::Damaged.into()) }
}

fn print_list(vaults: &Value, deleted: bool, output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(vaults));
        return;
    }
    let mut shown = if deleted {
        table(&["NAME", "DELETED", "RECOVERABLE UNTIL"])
    } else {
        table(&["NAME", "ACCESS MODE", "REGION", "URL"])
    };
    for vault in vaults.as_array().into_iter().flatten() {
        if deleted {
            let times = ["/deleted_at", "/scheduled_purge_at"].map(|pointer| millis(vault, pointer));
            shown.add_row([text(vault, "/name")].into_iter().chain(times));
        } else {
            shown.add_row([text(vault, "/name"), mode(vault), text(vault, "/settings/region"), text(vault, "/url")]);
        }
    }
    println!("{shown}");
}

async fn update(name: &str, change: VaultChange, to: &ServerAt) -> anyhow::Result<()> {
    let (added, removed) = (tags(&change.tags)?, change.removed_tags);
    let (refused, accepted) = (algorithms(&change.refused)?, algorithms(&change.accepted)?);
    let server = Server::connect(to).await?;
    let mut body = Map::new();
    let mut revision = None;
    let (other_tags, other_algorithms) =
        (!added.is_empty() || !removed.is_empty(), !refused.is_empty() || !accepted.is_empty());
    // Both are replaced as a whole: what is sent is what was read, changed, if nobody was faster.
    let read = if other_tags || other_algorithms {
        let asked = server.at(&[ACTIVE, name])?;
        let read = server.send(Method::GET, &[ACTIVE, name], None).await;
        read.map_err(|error| aimed_at(error, Action::VaultUpdate, &asked))?
    } else {
        Value::Null
    };
    if other_algorithms {
        let before = read.pointer("/settings/refused_algorithms").and_then(Value::as_array).cloned();
        let mut all = before.unwrap_or_default();
        all.retain(|algorithm| !accepted.iter().any(|accepted| algorithm == accepted.as_str()));
        all.extend(refused.iter().map(|algorithm| json!(algorithm)));
        body.insert("refused_algorithms".to_owned(), all.into());
        revision = Some(text(&read, "/revision"));
    }
    if other_tags {
        let mut all = read.pointer("/settings/tags").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(missing) = removed.iter().find(|tag| all.remove(tag.as_str()).is_none()) {
            bail!("the vault has no tag {missing}");
        }
        all.extend(added);
        body.insert("tags".to_owned(), all.into());
        revision = Some(text(&read, "/revision"));
    }
    let plainly = [
        ("purge_protection", change.purge_protection.then_some(Value::Bool(true))),
        ("region", change.region.map(Value::from)),
        ("access_mode", change.access_mode.map(Value::from)),
    ];
    body.extend(plainly.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let (url, body) = (server.at(&[ACTIVE, name])?, serde_json::to_vec(&body)?);
    let changed = server.client.send_if(Method::PATCH, url, Some(body), revision.as_deref()).await?;
    warn(&changed);
    print(&changed, to.output);
    Ok(())
}

/// Algorithms by their names; `weak` stands for all that are.
fn algorithms(given: &[String]) -> anyhow::Result<Vec<KeyAlgorithm>> {
    let mut all = Vec::new();
    for name in given {
        if name == "weak" {
            all.extend(KeyAlgorithm::weak());
        } else {
            let known = || KeyAlgorithm::all().map(KeyAlgorithm::as_str).collect::<Vec<_>>().join(", ");
            let algorithm = KeyAlgorithm::parse(name).ok();
            all.push(
                algorithm
                    .with_context(|| format!("{name} is no algorithm of keys; those are {}, and weak", known()))?,
            );
        }
    }
    Ok(all)
}

/// Unix milliseconds at a place of an answer as a UTC time.
fn millis(vault: &Value, pointer: &str) -> String {
    vault.pointer(pointer).and_then(Value::as_i64).map(utc).unwrap_or_default()
}

/// The access mode, which is not written where it is the usual one.
fn mode(vault: &Value) -> String {
    let mode = text(vault, "/settings/access_mode");
    if mode.is_empty() { "rbac".to_owned() } else { mode }
}

fn print_address(vault: &Value, output: Output) {
    match output {
        Output::Json => println!("{}", crate::plain::json(vault)),
        Output::Table => println!("{}", text(vault, "/url")),
    }
}

fn print(vault: &Value, output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(vault));
        return;
    }
    let settings = |name: &str| text(vault, &format!("/settings/{name}"));
    let lines = [
        ("name", text(vault, "/name")),
        ("address", text(vault, "/url")),
        ("id", text(vault, "/id")),
        ("access mode", mode(vault)),
        ("policies", policies(vault)),
        ("network", network(vault)),
        ("region", settings("region")),
        ("tags", told_tags(vault, "/settings/tags")),
        ("retention", format!("{} days", settings("retention_days"))),
        ("purge protection", if settings("purge_protection") == "true" { "on" } else { "off" }.to_owned()),
        ("algorithms off", refused(vault)),
        ("recovery level", text(vault, "/recovery_level")),
        ("created", millis(vault, "/created_at")),
        ("deleted", millis(vault, "/deleted_at")),
        ("recoverable until", millis(vault, "/scheduled_purge_at")),
        ("revision", text(vault, "/revision")),
    ];
    println!("{}", facts(lines));
}

/// Algorithms that are switched off.
fn refused(vault: &Value) -> String {
    let all = vault.pointer("/settings/refused_algorithms").and_then(Value::as_array);
    all.into_iter().flatten().map(|algorithm| text(algorithm, "")).collect::<Vec<_>>().join(", ")
}

/// `NAME=SETTINGS`, where NAME is a module that ships with this program.
async fn attachment(policy: &str) -> anyhow::Result<Value> {
    let (name, settings) = policy.split_once('=').map_or((policy, None), |(name, settings)| (name, Some(settings)));
    let shipped = strongroom_policy_host::shipped();
    let Some(module) = shipped.iter().find(|module| module.name == name) else {
        let names: Vec<_> = shipped.iter().map(|module| module.name).collect();
        bail!("{name} is not a module that ships; those are {}", names.join(", "));
    };
    let text = settings.unwrap_or("{}");
    serde_json::from_str::<Value>(text).with_context(|| format!("the settings of {name} are not JSON"))?;
    accept(module.bytes, text)
        .await
        .with_context(|| format!("{name} is not attached (strongroom policy inspect {name} describes its settings)"))?;
    if settings.is_none() {
        eprintln!(
            "warning: {name} is attached without settings and {}: --policy '{name}={{...}}' says what it is to enforce \
             (strongroom policy inspect {name})",
            without_settings(name)
        );
    }
    Ok(json!({ "name": name, "module": module.digest, "settings": text, "state": "enforce" }))
}

/// What a module does that demands no settings and gets none.
fn without_settings(module: &str) -> &'static str {
    match module {
        TWO_PERSON => "wants the approval of somebody else for everything but approving",
        // A module that demands none keeps no rule by itself.
        _ => "denies nothing so",
    }
}

/// What is attached, one line each.
fn policies(vault: &Value) -> String {
    let all = vault.pointer("/settings/policies").and_then(Value::as_array);
    let line = |one: &Value| {
        let [name, state, settings] = ["/name", "/state", "/settings"].map(|pointer| text(one, pointer));
        format!("{name} ({state}) {settings}")
    };
    all.into_iter().flatten().map(line).collect::<Vec<_>>().join("\n")
}

/// What network rules there are; `network list` shows them.
fn network(vault: &Value) -> String {
    let rules = vault.pointer("/settings/network/rules").and_then(Value::as_array).map_or(0, Vec::len);
    let otherwise = text(vault, "/settings/network/default_action");
    match rules {
        0 => format!("{otherwise} from everywhere"),
        1 => format!("1 rule, otherwise {otherwise}"),
        several => format!("{several} rules, otherwise {otherwise}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_is_shown_with_what_restricts_it() {
        let vault = json!({ "settings": {
            "policies": [
                { "name": "hours\u{1b}", "state": "enforce", "settings": "{\"x\":1}" },
                { "name": "names", "state": "shadow", "settings": "{}" },
            ],
            "network": { "default_action": "deny", "rules": [{}, {}] },
        } });
        assert_eq!(policies(&vault), "hours\u{fffd} (enforce) {\"x\":1}\nnames (shadow) {}");
        assert_eq!(network(&vault), "2 rules, otherwise deny");
        let open = json!({ "settings": { "network": { "default_action": "allow", "rules": [] } } });
        assert_eq!((policies(&open), network(&open)), (String::new(), "allow from everywhere".to_owned()));
    }

    #[tokio::test]
    async fn settings_are_refused_in_the_words_of_the_module() {
        let refused = async |policy: &str| format!("{:#}", attachment(policy).await.unwrap_err());
        let words = refused(r#"naming-convention={"required_tag":["owner"]}"#).await;
        assert!(words.contains("refuses these settings") && words.contains("required_tag"), "{words}");
        assert!(refused("office-hours").await.contains("policy inspect office-hours"));
        assert!(refused("no-such-module={}").await.contains("is not a module that ships"));
        assert!(refused("naming-convention={").await.contains("not JSON"));
        attachment(r#"naming-convention={"required_tags":["owner"]}"#).await.unwrap();
    }

    /// What the warning says holds: whatever ships and demands no settings denies nothing by itself, but for one.
    #[tokio::test]
    async fn modules_that_deny_without_settings_demand_them_or_are_told() {
        let mut free = Vec::new();
        for module in strongroom_policy_host::shipped() {
            if attachment(module.name).await.is_ok() {
                free.push(module.name);
            }
        }
        assert_eq!(free, ["naming-convention", "network-zone", TWO_PERSON], "with {{}} the first two deny nothing");
        assert!(without_settings(TWO_PERSON).contains("everything"));
    }
}
