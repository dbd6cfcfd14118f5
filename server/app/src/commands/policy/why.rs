//! `strongroom policy why`: a decision as it is on record, stage by stage. Nothing is asked again here.

use serde_json::Value;

use crate::{
    cli::{Connection, DecisionId, Output},
    commands::{audit, object_path, text, utc},
};

pub(super) async fn run(id: &DecisionId, output: Output, connection: &Connection) -> anyhow::Result<()> {
    let record = audit::record(id, connection).await?;
    if output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&record)?);
        return Ok(());
    }
    for line in told(&record) {
        println!("{line}");
    }
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
        for message in stage.get("messages").and_then(Value::as_array).into_iter().flatten() {
            lines.push(format!("       said: {}", text(message, "")));
        }
        for obligation in stage.get("obligations").and_then(Value::as_array).into_iter().flatten() {
            lines.push(format!("       wanted: {}", text(obligation, "")));
        }
        let fuel = text(stage, "/fuel");
        if !fuel.is_empty() {
            lines.push(format!("       fuel {fuel}"));
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
            "settings_revision": 4,
            "trace": [
                { "stage": "network", "effect": "allow", "reason": "admitted" },
                {
                    "stage": "policy:names", "effect": "deny", "reason": "name-not-allowed",
                    "detail": "00ff The name \u{1b}[2J is not allowed.", "fuel": 812,
                    "messages": ["looked at 3 patterns"],
                    "obligations": [{ "alert": { "severity": "low", "sentence": "Look." } }],
                },
                { "stage": "shadow:next", "effect": "would-allow", "reason": "over-budget" },
            ],
        });
        let told = told(&record).join("\n");
        let expected = "denied SecretGet: name-not-allowed\n  when    1970-01-01 00:00:00.000Z\n  who     workload app\n  \
                        from    192.0.2.1 by listener main\n  what    demo/secrets/db\n  by      the vault's settings of \
                        revision 4\n  1. network: allow, admitted\n  2. policy:names: deny, name-not-allowed\n       \
                        00ff The name \u{fffd}[2J is not allowed.\n       said: looked at 3 patterns\n       wanted: \
                        {\"alert\":{\"sentence\":\"Look.\",\"severity\":\"low\"}}\n       fuel 812\n  3. shadow:next: \
                        would-allow, over-budget";
        assert_eq!(told, expected);
        assert!(super::told(&json!({ "outcome": "unauthenticated" })).last().unwrap().contains("not asked"));
    }
}
