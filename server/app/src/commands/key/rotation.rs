//! New versions of keys, now or by a policy.

use reqwest::Method;
use serde_json::{Value, json};
use strongroom_domain::rotation::{RotationTerms, Span, Trigger};

use super::{
    super::{facts, seconds, utc},
    KEYS, connect, insert, text,
};
use crate::{
    cli::{Output, RotationCommand, RotationGiven, VaultAt},
    plain,
};

pub(super) async fn rotate(name: &str, at: &VaultAt) -> anyhow::Result<()> {
    let answer = connect(at).await?.send(Method::POST, &["keys", name, "rotate"], None).await?;
    KEYS.print_id(&answer, at.output);
    Ok(())
}

pub(super) async fn policy(command: RotationCommand) -> anyhow::Result<()> {
    let (name, change, at) = match &command {
        RotationCommand::Show { name, at } => (name.as_str(), None, at),
        RotationCommand::Set { name, policy, at } => (name.as_str(), Some(policy), at),
    };
    let client = connect(at).await?;
    let path = ["keys", name, "rotationpolicy"];
    let mut answer = client.send(Method::GET, &path, None).await?;
    if let Some(change) = change {
        // The wire knows policies as a whole alone: what is not said is sent as it is.
        let body = serde_json::to_vec(&body(&answer, change))?;
        answer = client.send(Method::PUT, &path, Some(body)).await?;
    }
    match at.output {
        Output::Json => println!("{}", plain::json(&answer)),
        Output::Table => {
            // Without it what is due is not told; who may read the policy may not always read the key.
            let key = client.send(Method::GET, &["keys", name], None).await.unwrap_or_default();
            println!("{}", facts(told(&answer, &key)));
        }
    }
    Ok(())
}

/// When an action of a policy is due with a version, by the rules that the server keeps too.
fn due(action: &Value, rotates: bool, key: &Value) -> Option<i64> {
    let span = |pointer| action.pointer(pointer).and_then(Value::as_str).and_then(|text| Span::parse(text).ok());
    let moment = |name: &str| key.pointer(&format!("/attributes/{name}")).and_then(Value::as_i64);
    let before = span("/trigger/timeBeforeExpiry");
    if rotates {
        let after = span("/trigger/timeAfterCreate").map(Trigger::AfterCreation);
        let rotate = after.or(before.map(Trigger::BeforeExpiry));
        RotationTerms { rotate, ..RotationTerms::default() }.rotate_at(moment("created")?, moment("exp"))
    } else {
        RotationTerms { notify: before, ..RotationTerms::default() }.notify_at(moment("exp"))
    }
}

/// A policy in words: what is done when, with the version that is current now too, and how long a version lasts.
fn told(policy: &Value, key: &Value) -> Vec<(&'static str, String)> {
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
            let endless = key.get("attributes").is_some_and(|known| known.get("exp").is_none_or(Value::is_null));
            let when = match due(action, rotates, key) {
                Some(at) => format!("{when}: {}", utc(at.saturating_mul(1000))),
                // Known of a key that was read; of one that was not, nothing is said.
                None if endless && rotates => format!(
                    "{when}: never, because the current version does not expire (strongroom key rotate NAME makes one that \
                     does, or strongroom key update NAME --expires WHEN)"
                ),
                None if endless => format!("{when}: never, because the current version does not expire"),
                None => when,
            };
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

/// A policy as Azure writes it, with what is changed of the one there is.
fn body(before: &Value, change: &RotationGiven) -> Value {
    let action = |kind: &str, trigger: &str, duration: &Option<String>| {
        duration.as_ref().map(|duration| json!({ "trigger": { trigger: duration }, "action": { "type": kind } }))
    };
    let kept = |kind: &str| {
        let mut actions = before.get("lifetimeActions").and_then(Value::as_array).into_iter().flatten();
        actions.find(|action| text(action, "/action/type").eq_ignore_ascii_case(kind)).cloned()
    };
    let after = action("Rotate", "timeAfterCreate", &change.rotate_after);
    let rotate = after.or_else(|| action("Rotate", "timeBeforeExpiry", &change.rotate_before_expiry));
    let rotate = if change.no_rotate { None } else { rotate.or_else(|| kept("Rotate")) };
    let notify = action("Notify", "timeBeforeExpiry", &change.notify_before_expiry).or_else(|| kept("Notify"));
    let mut body = json!({ "lifetimeActions": rotate.into_iter().chain(notify).collect::<Vec<_>>() });
    let kept = || before.pointer("/attributes/expiryTime").and_then(Value::as_str).map(str::to_owned);
    let expiry = if change.no_expiry { None } else { change.expiry.clone().or_else(kept) };
    if let Some(expiry) = expiry {
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
        let key = json!({ "attributes": { "created": 1_700_000_000 } });
        let lines: Vec<String> =
            told(&policy, &key).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            lines,
            [
                "new version: P90D after it was made: 2024-02-12 22:13:20.000Z",
                "put on record: P30D before it expires: never, because the current version does not expire",
                "a new version lasts: P2Y",
                "changed: 2023-11-14 22:13:20Z",
            ]
        );
        let nothing = RotationGiven {
            rotate_after: None,
            rotate_before_expiry: None,
            no_rotate: false,
            notify_before_expiry: None,
            expiry: None,
            no_expiry: false,
        };
        // What is not said stays, and what is said takes the place of its kind alone.
        let actions = policy["lifetimeActions"].clone();
        let whole = json!({ "lifetimeActions": actions, "attributes": { "expiryTime": "P2Y" } });
        assert_eq!(body(&policy, &nothing), whole);
        let change = RotationGiven { no_rotate: true, no_expiry: true, ..nothing };
        assert_eq!(body(&policy, &change), json!({ "lifetimeActions": [actions[1]] }));
        let before = Some("P7D".to_owned());
        let change = RotationGiven { rotate_before_expiry: before, no_rotate: false, no_expiry: false, ..change };
        let rotate = json!({ "trigger": { "timeBeforeExpiry": "P7D" }, "action": { "type": "Rotate" } });
        let changed = json!({ "lifetimeActions": [rotate, actions[1]], "attributes": { "expiryTime": "P2Y" } });
        assert_eq!(body(&policy, &change), changed);
        let rotates_never = &told(&changed, &key)[0].1;
        assert!(rotates_never.contains("never, because") && rotates_never.contains("--expires"), "{rotates_never}");
        assert_eq!(told(&changed, &Value::Null)[0].1, "P7D before it expires", "nothing is known of the key");
        let soon = json!({ "attributes": { "created": 1_700_000_000, "exp": 1_700_000_000 + 90 * 86_400 } });
        let early = json!({ "trigger": { "timeBeforeExpiry": "P90D" }, "action": { "type": "Rotate" } });
        let told_early = &told(&json!({ "lifetimeActions": [early] }), &soon)[0].1;
        assert_eq!(told_early, "P90D before it expires: 2023-11-21 22:13:20.000Z", "not in its first week");
        let none = told(&json!({ "lifetimeActions": [] }), &key);
        assert!(none[0].1.starts_with("none by itself") && none[1].1 == "without end", "{none:?}");
    }
}
