//! New versions of keys, now or by a policy.

use reqwest::Method;
use serde_json::{Value, json};

use super::{KEYS, connect, insert};
use crate::cli::{RotationCommand, RotationGiven, VaultAt};

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
    println!("{}", connect(at).await?.send(method, &["keys", name, "rotationpolicy"], body).await?);
    Ok(())
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
