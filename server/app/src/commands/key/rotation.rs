//! New versions of keys, now or by a policy.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    super::{facts, seconds},
    KEYS, connect, insert, text,
};
use crate::cli::{Output, RotationCommand, RotationGiven, VaultAt};

pub(super) async fn rotate(name: &str, at: &VaultAt) -> anyhow::Result<()> {
    let answer = connect(at).await?.send(Method::POST, &["keys", name, "rotate"], None).await?;
    KEYS.print_id(&answer, at.output);
    Ok(())
}

pub(super) async fn policy(command: RotationCommand) -> anyhow::Result<()> {
    let (method, name, body, at) = match &command {
        RotationCommand::Show { name, at } => (Method::GET, name, None, at),
        RotationCommand::Set { name, policy, at } => (Method::PUT, name, Some(serde_json::to_vec(&body(policy))?), at),
    };
    let answer = connect(at).await?.send(method, &["keys", name, "rotationpolicy"], body).await?;
    match at.output {
        Output::Json => println!("{answer}"),
        Output::Table => println!("{}", facts(told(&answer))),
    }
    Ok(())
}

/// A policy in words: what is done when, and how long a version lasts.
fn told(policy: &Value) -> Vec<(&'static str, String)> {
    let actions = policy.get("lifetimeActions").and_then(Value::as_array).into_iter().flatten();
    let mut told: Vec<(&str, String)> = actions
        .map(|action| {
            let after = text(action, "/trigger/timeAfterCreate");
            let before = text(action, "/trigger/timeBeforeExpiry");
            let when = if after.is_empty() {
                format!("{before} before it expires")
            } else {
                format!("{after} after it was made")
            };
            let rotates = text(action, "/action/type").eq_ignore_ascii_case("rotate");
            (if rotates { "new version" } else { "put on record" }, when)
        })
        .collect();
    if !told.iter().any(|(name, _)| *name == "new version") {
        told.insert(0, ("new version", "none by itself (strongroom key rotation-policy set)".to_owned()));
    }
    let lasts = text(policy, "/attributes/expiryTime");
    told.push(("a new version lasts", if lasts.is_empty() { "without end".to_owned() } else { lasts }));
    told.push(("changed", seconds(policy, "/attributes/updated")));
    told
}

/// A policy as Azure writes it.
fn body(policy: &RotationGiven) -> Value {
    let action = |kind: &str, trigger: &str, duration: &Option<String>| {
        duration.as_ref().map(|duration| json!({ "trigger": { trigger: duration }, "action": { "type": kind } }))
    };
    let actions: Vec<Value> = [
        action("Rotate", "timeAfterCreate", &policy.rotate_after),
        action("Rotate", "timeBeforeExpiry", &policy.rotate_before_expiry),
        action("Notify", "timeBeforeExpiry", &policy.notify_before_expiry),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut body = json!({ "lifetimeActions": actions });
    if let Some(expiry) = &policy.expiry {
        insert(&mut body, "attributes", json!({ "expiryTime": expiry }));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_told_in_words() {
        let policy = json!({
            "lifetimeActions": [
                { "trigger": { "timeAfterCreate": "P90D" }, "action": { "type": "Rotate" } },
                { "trigger": { "timeBeforeExpiry": "P30D" }, "action": { "type": "Notify" } },
            ],
            "attributes": { "expiryTime": "P2Y", "updated": 1_700_000_000 },
        });
        let lines: Vec<String> = told(&policy).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            lines,
            [
                "new version: P90D after it was made",
                "put on record: P30D before it expires",
                "a new version lasts: P2Y",
                "changed: 2023-11-14 22:13:20.000Z",
            ]
        );
        let none = told(&json!({ "lifetimeActions": [] }));
        assert!(none[0].1.starts_with("none by itself") && none[1].1 == "without end", "{none:?}");
    }
}
