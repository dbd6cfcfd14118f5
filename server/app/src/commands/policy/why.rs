//! `strongroom policy why`: a decision as it is on record, or as it would be made now, stage by stage.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Map, Value, json};
use strongroom_domain::{key::KeyOperation, keys::action_of};

use super::would_allow;
use crate::{
    cli::{AsIf, Connection, DecisionId, DescribedRequest, Output, SupposedState},
    client::{Client, at, base},
    commands::{audit, detail, object_path, tags, text, utc, workload},
    plain::plain,
};

/// What is to be said, and how.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Whether what would allow it is said, with so many recorded decisions asked again.
    pub(super) would_allow: Option<u16>,
    pub(super) output: Output,
}

pub(super) async fn recorded(id: &DecisionId, wanted: Wanted, connection: &Connection) -> anyhow::Result<()> {
    let mut record = audit::record(id, connection).await?;
    if let Some(last) = wanted.would_allow {
        let vault = text(&record, "/vault");
        if text(&record, "/outcome") != "denied" || vault.is_empty() {
            bail!("what would allow a request is asked of one that was denied on a vault");
        }
        let base = base(connection)?;
        let client = Client::connect(connection, &base).await?;
        let body = json!({ "decision": text(&record, "/id"), "would_allow": true, "last": last });
        let url = at(&base, &["api", "v1", "vaults", &vault, "why"], &[])?;
        let now = client.send(Method::POST, url, Some(serde_json::to_vec(&body)?)).await?;
        if let Some(members) = record.as_object_mut() {
            members.insert("now".to_owned(), now);
        }
    }
    show(&record, wanted.output)
}

/// How a request would be answered now that nobody makes.
pub(super) async fn described(
    described: DescribedRequest,
    wanted: Wanted,
    connection: &Connection,
) -> anyhow::Result<()> {
    let base = base(connection)?;
    let client = Client::connect(connection, &base).await?;
    let DescribedRequest { who, groups, claims, action, object, algorithm, client: from, listener, at: when, as_if } =
        described;
    let (who, object) = (who.unwrap_or_default(), object.unwrap_or_default());
    let (by, whom) = match who.rsplit_once('#') {
        Some((issuer, subject)) => ("principal", json!({ "issuer": issuer, "subject": subject })),
        None => ("client_id", workload::client_id(&client, &base, &who).await?.into()),
    };
    let mut parts = object.split('/');
    let vault = parts.next().unwrap_or_default();
    let of = parts.next();
    if of.is_some_and(|of| !["secrets", "keys", "certificates"].contains(&of)) {
        bail!("{} is not VAULT, VAULT/secrets/NAME, or the same with keys or certificates", plain(&object));
    }
    let (name, version) = (parts.next(), parts.next());
    let claims = claims.iter().map(|claim| claim.split_once('=').context("a claim is NAME=VALUE"));
    let body = json!({
        by: whom,
        "groups": groups,
        "claims": claims.collect::<anyhow::Result<BTreeMap<_, _>>>()?,
        "client": from,
        "listener": listener,
        "operation": action,
        "name": name,
        "version": version,
        "algorithm": algorithm,
        "object": supposed(&as_if)?,
        "at": when.map(|when| when.seconds().saturating_mul(1000)),
        "would_allow": wanted.would_allow.is_some(),
        "last": wanted.would_allow,
    });
    if algorithm.is_none() && action.as_deref().is_some_and(takes_algorithm) {
        eprintln!("judged without an algorithm, which modules may decide by: --algorithm says one");
    }
    let url = at(&base, &["api", "v1", "vaults", vault, "why"], &[])?;
    let answer = client.send(Method::POST, url, Some(serde_json::to_vec(&body)?)).await?;
    let as_stored = body.get("object").is_none_or(Value::is_null);
    if as_stored && name.is_some() && text(&answer, "/outcome") == "allowed" && !tells_of_state(&answer) {
        eprintln!(
            "whether the object is there, enabled, in its time and fit for this is not told to you, who may not read its \
             attributes: a request that may happen can still fail by that"
        );
    }
    show(&answer, wanted.output)
}

/// What is said of the object in place of what is stored; null for nothing.
fn supposed(as_if: &AsIf) -> anyhow::Result<Value> {
    let AsIf { tags: given, no_tags, state, enabled, disabled, not_before, expires, no_expiry } = as_if;
    let mut object = Map::new();
    let mut say = |name: &str, value: Value| object.insert(name.to_owned(), value);
    if *no_tags || !given.is_empty() {
        say("tags", tags(given)?.into());
    }
    if let Some(state) = state {
        let word = match state {
            SupposedState::Active => "active",
            SupposedState::Deleted => "deleted",
            SupposedState::Absent => "absent",
        };
        say("state", word.into());
    }
    if *enabled || *disabled {
        say("enabled", (*enabled).into());
    }
    if let Some(at) = not_before {
        say("not_before", at.seconds().into());
    }
    if let Some(at) = expires {
        say("expires", at.seconds().into());
    }
    if *no_expiry {
        say("expires", Value::Null);
    }
    Ok(if object.is_empty() { Value::Null } else { object.into() })
}

/// Whether an answer holds the state of the object, which the real request would be held against as well.
fn tells_of_state(answer: &Value) -> bool {
    let stages = answer.get("trace").and_then(Value::as_array).into_iter().flatten();
    stages.into_iter().any(|stage| text(stage, "/stage") == "state")
}

/// Whether an operation is done by an algorithm.
fn takes_algorithm(operation: &str) -> bool {
    KeyOperation::ALL.into_iter().any(|one| action_of(one).operation() == operation)
}

fn show(record: &Value, output: Output) -> anyhow::Result<()> {
    if output == Output::Json {
        println!("{}", crate::plain::json(&serde_json::to_string_pretty(record)?));
        return Ok(());
    }
    for line in told(record) {
        println!("{line}");
    }
    would_allow::print(record);
    Ok(())
}

/// The decision in words, a line each.
fn told(record: &Value) -> Vec<String> {
    let at = record.get("at").and_then(Value::as_i64).map(utc).unwrap_or_default();
    let mut lines = vec![
        format!("{} {}: {}", text(record, "/outcome"), text(record, "/operation"), text(record, "/reason")),
        format!("  when    {at}"),
        format!("  who     {} {}", text(record, "/principal_kind"), text(record, "/principal/subject")),
        format!("  from    {} by listener {}", text(record, "/client"), text(record, "/listener")),
        format!("  what    {}", object_path(record)),
    ];
    let algorithm = text(record, "/algorithm");
    if !algorithm.is_empty() {
        lines.push(format!("  using   the algorithm {algorithm}"));
    }
    let details = record.get("details").and_then(Value::as_object).into_iter().flatten();
    lines.extend(details.map(|(name, value)| format!("  {}", detail(name, value.as_str().unwrap_or_default()))));
    let revision = text(record, "/settings_revision");
    if !revision.is_empty() {
        lines.push(format!("  by      the vault's settings of revision {revision}"));
    }
    let stages = record.get("trace").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if stages.is_empty() {
        lines.push("the gate was not asked: the request did not get that far".to_owned());
    }
    for (number, stage) in (1..).zip(stages) {
        let (effect, reason) = (text(stage, "/effect"), text(stage, "/reason"));
        lines.push(format!("{number:>3}. {}: {effect}, {reason}", text(stage, "/stage")));
        let detail = text(stage, "/detail");
        if !detail.is_empty() {
            lines.push(format!("       {detail}"));
        }
        let relied_on = stage.get("relied_on").and_then(Value::as_array).into_iter().flatten();
        let relied_on: Vec<_> = relied_on.map(|attribute| text(attribute, "")).collect();
        if !relied_on.is_empty() {
            lines.push(format!("       relied on: {}", relied_on.join(", ")));
        }
        for message in stage.get("messages").and_then(Value::as_array).into_iter().flatten() {
            lines.push(format!("       said: {}", text(message, "")));
        }
        for obligation in stage.get("obligations").and_then(Value::as_array).into_iter().flatten() {
            lines.push(format!("       wanted: {}", text(obligation, "")));
        }
        let fuel = Some(text(stage, "/fuel")).filter(|fuel| !fuel.is_empty()).map(|fuel| format!("fuel {fuel}"));
        let micros = record.get("module_micros").and_then(|all| all.get(stage.get("stage")?.as_str()?)?.as_u64());
        let cost: Vec<_> = fuel.into_iter().chain(micros.map(|micros| format!("{micros} µs"))).collect();
        if !cost.is_empty() {
            lines.push(format!("       {}", cost.join(", ")));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_decision_is_told_stage_by_stage_in_order() {
        let record = json!({
            "at": 0, "operation": "SecretGet", "outcome": "denied", "reason": "name-not-allowed",
            "principal_kind": "workload", "principal": { "issuer": "https://idp", "subject": "app" },
            "client": "192.0.2.1", "listener": "main", "vault": "demo", "kind": "secret", "object": "db",
            "algorithm": "PS256", "details": { "enabled": "true -> false" },
            "settings_revision": 4,
            "module_micros": { "policy:names": 37 },
            "trace": [
                { "stage": "network", "effect": "allow", "reason": "admitted" },
                {
                    "stage": "policy:names", "effect": "deny", "reason": "name-not-allowed",
                    "detail": "00ff The name \u{1b}[2J is not allowed.", "fuel": 812,
                    "relied_on": ["object.name", "settings"], "messages": ["looked at 3 patterns"],
                    "obligations": [{ "alert": { "severity": "low", "sentence": "Look." } }],
                },
                { "stage": "shadow:next", "effect": "would-allow", "reason": "over-budget" },
            ],
        });
        let told = told(&record).join("\n");
        let expected = "denied SecretGet: name-not-allowed\n  when    1970-01-01 00:00:00.000Z\n  who     workload app\n  \
                        from    192.0.2.1 by listener main\n  what    demo/secrets/db\n  using   the algorithm PS256\n  \
                        enabled: true -> false\n  by      the vault's settings of \
                        revision 4\n  1. network: allow, admitted\n  2. policy:names: deny, name-not-allowed\n       \
                        00ff The name \u{fffd}[2J is not allowed.\n       relied on: object.name, settings\n       said: looked at 3 patterns\n       wanted: \
                        {\"alert\":{\"sentence\":\"Look.\",\"severity\":\"low\"}}\n       fuel 812, 37 µs\n  3. shadow:next: \
                        would-allow, over-budget";
        assert_eq!(told, expected);
        assert!(super::told(&json!({ "outcome": "unauthenticated" })).last().unwrap().contains("not asked"));
    }

    #[test]
    fn an_object_is_described_by_what_is_said_of_it_alone() {
        let as_if = || AsIf {
            tags: Vec::new(),
            no_tags: false,
            state: None,
            enabled: false,
            disabled: false,
            not_before: None,
            expires: None,
            no_expiry: false,
        };
        assert_eq!(supposed(&as_if()).unwrap(), Value::Null, "as it is stored");
        let tags = vec!["owner=payments".to_owned()];
        let said = AsIf { tags, disabled: true, no_expiry: true, state: Some(SupposedState::Deleted), ..as_if() };
        let expected = json!({
            "tags": { "owner": "payments" }, "enabled": false, "expires": null, "state": "deleted",
        });
        assert_eq!(supposed(&said).unwrap(), expected);
        let until = AsIf { no_tags: true, expires: Some("2027-01-31T00:00:00Z".parse().unwrap()), ..as_if() };
        assert_eq!(supposed(&until).unwrap(), json!({ "tags": {}, "expires": 1_801_353_600 }));
        assert!(supposed(&AsIf { tags: vec!["owner".to_owned()], ..as_if() }).is_err());
    }
}
