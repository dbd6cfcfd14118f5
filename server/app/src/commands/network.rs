//! `strongroom network`.
//!
//! What is changed is what was read: every change names the revision of the vault that it is of, so
//! that two people at once do not undo each other.

use std::path::Path;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Map, Value, json};
use strongroom_domain::{
    action::Action,
    admin::recover_network,
    names::VaultName,
    network::{NetworkRules, parse_network},
    policy::{AttachmentState, PolicyAttachment},
    ports::{PolicyStore as _, VaultStore as _},
    time::Clock as _,
};
use url::Url;

use super::{recovery::Recovery, seal::Place, table, text, utc};
use crate::{
    cli::{Connection, Moment, NetworkChange, NetworkCommand, NetworkWord, Output},
    client::{Client, aimed_at, at, base},
    clock::SystemClock,
    exit::Found,
};

/// More than any rules may have.
const MAX_FILE: usize = 256 * 1024;

pub(crate) async fn run(command: NetworkCommand) -> anyhow::Result<()> {
    match command {
        NetworkCommand::List { vault, output, connection } => {
            print(&Vault::find(&vault, &connection).await?.network, output);
            Ok(())
        }
        NetworkCommand::Hits { vault, output, connection } => hits(&vault, output, &connection).await,
        NetworkCommand::Set { vault, file, change } => {
            let network = read(&file)?;
            let found = Vault::to_change(&vault, &change).await?;
            found.put(network, &change).await
        }
        NetworkCommand::Add { vault, action, network, listener, until, at, change } => {
            let rule = rule(action, network, listener, until)?;
            let mut found = Vault::to_change(&vault, &change).await?;
            let rules = found.rules()?;
            match at {
                None => rules.push(rule),
                Some(place) if (1..=rules.len().saturating_add(1)).contains(&place) => rules.insert(place - 1, rule),
                Some(place) => bail!(
                    "there are {} rules: nothing can be put in place {place} (strongroom network list {vault} numbers them)",
                    rules.len()
                ),
            }
            found.put_as_it_is(&change).await
        }
        NetworkCommand::Remove { vault, place, change } => {
            let mut found = Vault::to_change(&vault, &change).await?;
            let rules = found.rules()?;
            if !(1..=rules.len()).contains(&place) {
                let why = format!(
                    "there is no rule {place}: the vault has {} (strongroom network list {vault} numbers them)",
                    rules.len()
                );
                return Err(Found::Nothing(why).into());
            }
            rules.remove(place - 1);
            found.put_as_it_is(&change).await
        }
        NetworkCommand::Default { vault, action, change } => {
            let mut found = Vault::to_change(&vault, &change).await?;
            if let Some(network) = found.network.as_object_mut() {
                network.insert("default_action".to_owned(), json!(action.as_str()));
            }
            found.put_as_it_is(&change).await
        }
        NetworkCommand::Recover { vault, allow, at } => {
            let output = at.output;
            recover(&vault, allow.as_deref(), &Place::of(at)?, output).await
        }
    }
}

async fn hits(vault: &str, output: Output, connection: &Connection) -> anyhow::Result<()> {
    let base = base(connection)?;
    let client = Client::connect(connection, &base).await?;
    let path = ["api", "v1", "vaults", vault, "network-hits"];
    let counted = client.send(Method::GET, at(&base, &path, &[])?, None).await?;
    if output == Output::Json {
        println!("{}", crate::plain::json(&counted));
        return Ok(());
    }
    let unseen = Value::Null;
    // Who reads the log need not see the vault: the places of its rules alone are told then.
    let shown = client.send(Method::GET, at(&base, &["api", "v1", "vaults", vault], &[])?, None).await.ok();
    let network = shown.as_ref().and_then(|vault| vault.pointer("/settings/network")).unwrap_or(&unseen);
    println!("{}", told(&counted, network));
    if !flag(&counted, "all_allowed") {
        eprintln!(
            "only the newest 1,000 records and the newest 1,000 denials were looked through: + is at least so often"
        );
    }
    Ok(())
}

fn flag(answer: &Value, name: &str) -> bool {
    answer.get(name).and_then(Value::as_bool) == Some(true)
}

/// What was counted, a line for each rule. One is called unused only where all were counted that it could have decided.
fn told(counted: &Value, network: &Value) -> String {
    let list = |of: &Value| of.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
    let (rules, hits) = (list(network), list(counted));
    let place = |hit: &Value| hit.get("rule").and_then(Value::as_u64).and_then(|place| usize::try_from(place).ok());
    let last = hits.iter().filter_map(place).max().unwrap_or_default().max(rules.len());
    let all = |action: &str| flag(counted, if action == "deny" { "all_denied" } else { "all_allowed" });
    let any = |text: String| if text.is_empty() { "any".to_owned() } else { text };
    let mut table = table(&["RULE", "ACTION", "NETWORK", "LISTENER", "HITS", "LAST"]);
    for number in 1..=last {
        let (action, what, listener) = match rules.get(number - 1) {
            Some(rule) => (text(rule, "/action"), any(text(rule, "/network")), any(text(rule, "/listener"))),
            None => Default::default(),
        };
        let (times, when) = match hits.iter().find(|hit| place(hit) == Some(number)) {
            Some(hit) => {
                let least = if all(&action) { "" } else { "+" };
                let when = hit.get("last").and_then(Value::as_i64).map(utc).unwrap_or_default();
                (format!("{}{least}", text(hit, "/count")), when)
            }
            None if all(&action) => ("unused".to_owned(), String::new()),
            None => ("none of those looked through".to_owned(), String::new()),
        };
        table.add_row([number.to_string(), action, what, listener, times, when]);
    }
    let otherwise = text(network, "/default_action");
    let least = if all(&otherwise) { "" } else { "+" };
    let times = format!("{}{least}", text(counted, "/default"));
    table.add_row(["default".to_owned(), otherwise, String::new(), String::new(), times, String::new()]);
    table.to_string()
}

async fn recover(vault: &str, allow: Option<&str>, place: &Place, output: Output) -> anyhow::Result<()> {
    let name = VaultName::parse(vault)?;
    let network = allow
        .map(|text| parse_network(text).with_context(|| format!("{text} is not a network such as 10.0.0.0/8")))
        .transpose()?;
    let recovery = Recovery::begin(place, "network-recover").await?;
    let Recovery { ctx, keyring, store, recorder, .. } = &recovery;
    let gone = recover_network(ctx, keyring, &**store, recorder, &name, network).await;
    let mut said = Vec::new();
    if let Ok(gone) = &gone {
        said.push(match network {
            Some(network) => format!("the first rule of {vault} lets {network} in now; the others are as they were"),
            None => format!("the first two rules of {vault} let every address in now; the others are as they were"),
        });
        for rule in gone {
            let rule = crate::plain::json(&serde_json::to_string(rule)?);
            said.push(format!("gone from the end of the full list: {rule}"));
        }
    }
    let judged = if gone.is_ok() { enforced(&recovery, &name).await? } else { Vec::new() };
    if !judged.is_empty() {
        said.push(format!(
            "modules are enforced there all the same, and those of connections keep out whom they deny: {}; strongroom policy \
             recover turns them off",
            judged.join(", ")
        ));
    }
    let object = json!({
        "vault": vault,
        "let_in": network.map(|network| network.to_string()),
        "gone": gone.as_deref().unwrap_or_default(),
        "enforced": judged,
    });
    recovery.end(gone.map(drop), output, object, &said).await
}

/// The modules that are enforced in a vault, of the vault and of all.
async fn enforced(recovery: &Recovery<'_>, vault: &VaultName) -> anyhow::Result<Vec<String>> {
    let own = recovery.store.vault(vault).await?;
    let everywhere = recovery.store.installation_policies().await?;
    let enforced = |policies: &[PolicyAttachment], of: &str| {
        let on = policies.iter().filter(|attachment| attachment.state == AttachmentState::Enforce);
        on.map(|attachment| format!("{}{of}", attachment.name)).collect::<Vec<_>>()
    };
    let mut all = own.map(|vault| enforced(&vault.settings.policies, "")).unwrap_or_default();
    all.extend(enforced(&everywhere.policies, " (of all vaults)"));
    Ok(all)
}

/// A vault as it was read.
struct Vault {
    client: Client,
    url: Url,
    revision: String,
    network: Value,
}

impl Vault {
    async fn find(name: &str, connection: &Connection) -> anyhow::Result<Self> {
        let base = base(connection)?;
        let client = Client::connect(connection, &base).await?;
        let url = at(&base, &["api", "v1", "vaults", name], &[])?;
        let answer = client.send(Method::GET, url.clone(), None).await?;
        let network = answer.pointer("/settings/network").cloned().context("the answer has no network rules")?;
        Ok(Self { client, url, revision: text(&answer, "/revision"), network })
    }

    /// The same for a change of it.
    async fn to_change(name: &str, change: &NetworkChange) -> anyhow::Result<Self> {
        let connection = &change.server.connection;
        let asked = at(&base(connection)?, &["api", "v1", "vaults", name], &[])?;
        Self::find(name, connection).await.map_err(|error| aimed_at(error, Action::VaultUpdate, &asked))
    }

    fn rules(&mut self) -> anyhow::Result<&mut Vec<Value>> {
        let rules = self.network.pointer_mut("/rules").and_then(Value::as_array_mut);
        rules.context("the answer has no network rules")
    }

    async fn put_as_it_is(self, change: &NetworkChange) -> anyhow::Result<()> {
        let network = self.network.clone();
        self.put(network, change).await
    }

    async fn put(self, network: Value, change: &NetworkChange) -> anyhow::Result<()> {
        let body = serde_json::to_vec(&json!({ "network": network, "force": change.force }))?;
        let answer = self.client.send_if(Method::PATCH, self.url, Some(body), Some(&self.revision)).await?;
        // As `network list` prints them: what is in force now.
        print(answer.pointer("/settings/network").unwrap_or(&Value::Null), change.server.output);
        Ok(())
    }
}

fn rule(
    action: NetworkWord,
    network: Option<String>,
    listener: Option<String>,
    until: Option<Moment>,
) -> anyhow::Result<Value> {
    let mut rule = Map::new();
    rule.insert("action".to_owned(), json!(action.as_str()));
    if let Some(network) = network {
        rule.insert("network".to_owned(), json!(network));
    }
    if let Some(listener) = listener {
        rule.insert("listener".to_owned(), json!(listener));
    }
    if let Some(until) = until {
        let ends_at = until.millis();
        if ends_at <= SystemClock::new().now_millis() {
            bail!("--until {until} is past: the rule would hold for nobody");
        }
        rule.insert("ends_at".to_owned(), json!(ends_at));
    }
    Ok(Value::Object(rule))
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let body = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    if body.len() > MAX_FILE {
        bail!("{} is too long for network rules", file.display());
    }
    serde_json::from_slice(&body).with_context(|| format!("{} is not JSON", file.display()))
}

fn print(network: &Value, output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(network));
        return;
    }
    let mut table = table(&["RULE", "ACTION", "NETWORK", "LISTENER", "UNTIL", "NOTE"]);
    let now = SystemClock::new().now_millis();
    let known = serde_json::from_value::<NetworkRules>(network.clone()).unwrap_or_default();
    let any = |text: String| if text.is_empty() { "any".to_owned() } else { text };
    let rules = network.pointer("/rules").and_then(Value::as_array);
    for (place, rule) in rules.into_iter().flatten().enumerate() {
        let until = rule.get("ends_at").and_then(Value::as_i64).map(utc).unwrap_or_default();
        let (network, listener) = (any(text(rule, "/network")), any(text(rule, "/listener")));
        let over = rule.get("ends_at").and_then(Value::as_i64).is_some_and(|end| end <= now);
        let note = match known.hidden_by(place, now) {
            Some(before) => format!("never reached: rule {} comes first", before.saturating_add(1)),
            None if over => "over".to_owned(),
            None => String::new(),
        };
        table.add_row([place.saturating_add(1).to_string(), text(rule, "/action"), network, listener, until, note]);
    }
    let otherwise = text(network, "/default_action");
    table.add_row(["default".to_owned(), otherwise, "any".to_owned(), "any".to_owned(), String::new(), String::new()]);
    println!("{table}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_called_unused_where_everything_was_counted_that_it_could_have_decided() {
        let network = json!({ "default_action": "deny", "rules": [
            { "action": "allow", "network": "10.0.0.0/8" }, { "action": "deny", "listener": "public" },
            { "action": "allow", "network": "192.0.2.0/24" },
        ] });
        let hits = json!([{ "rule": 1, "count": 12, "last": 1_700_000_000_000_i64 }]);
        let said = |allowed: bool, network: &Value| {
            told(&json!({ "rules": hits, "default": 3, "all_allowed": allowed, "all_denied": true }), network)
        };
        let all = said(true, &network);
        let words: Vec<Vec<&str>> = all.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[1], ["1", "allow", "10.0.0.0/8", "any", "12", "2023-11-14", "22:13:20.000Z"]);
        assert_eq!(words[2], ["2", "deny", "any", "public", "unused"]);
        assert_eq!(words[3], ["3", "allow", "192.0.2.0/24", "any", "unused"]);
        assert_eq!(words[4], ["default", "deny", "3"]);
        let partly = said(false, &network);
        assert!(partly.contains("12+") && partly.contains("none of those") && partly.contains("unused"), "{partly}");
        assert!(said(true, &Value::Null).contains("12"), "for who may not see the rules");
    }
}
