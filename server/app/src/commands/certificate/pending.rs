//! `strongroom certificate pending`, and what other commands tell of an operation: one that failed says why, so that nobody
//! waits for what never comes.

use reqwest::Method;
use serde_json::Value;

use super::{connect, done, text};
use crate::{
    cli::{Output, VaultAt, Versioned, certificate::PendingCommand},
    client::VaultClient,
    commands::facts,
};

pub(super) async fn run(command: PendingCommand) -> anyhow::Result<()> {
    match command {
        PendingCommand::Show { name, at } => {
            let operation = send(&name, Method::GET, None, &at).await?;
            print(&operation, at.output);
        }
        PendingCommand::Delete { name, at } => {
            let operation = send(&name, Method::DELETE, None, &at).await?;
            done(at.output, &operation, format_args!("the operation of {name} is forgotten"));
        }
    }
    Ok(())
}

pub(super) async fn send(name: &str, method: Method, body: Option<Vec<u8>>, at: &VaultAt) -> anyhow::Result<Value> {
    connect(at).await?.send(method, &["certificates", name, "pending"], body).await
}

/// The operation of what is shown, if there is one that whoever asks may see.
pub(super) async fn operation(vault: &VaultClient, name: &str, shown: &Value) -> Option<Value> {
    shown.pointer("/pending/id")?;
    vault.send(Method::GET, &["certificates", name, "pending"], None).await.ok()
}

/// How an operation stands, in words; nothing of one that made its version.
pub(super) fn stands(operation: &Value) -> String {
    let (code, message) = (text(operation, "/error/code"), text(operation, "/error/message"));
    match text(operation, "/status").as_str() {
        "completed" => String::new(),
        "inProgress" => format!("in progress: {}", text(operation, "/status_details")),
        "failed" if !code.is_empty() => format!("failed ({code}): {message}"),
        other => other.to_owned(),
    }
}

/// Why a version has no certificate that could be given.
pub(super) async fn without(vault: &VaultClient, certificate: &Versioned, shown: &Value) -> anyhow::Error {
    let name = &certificate.name;
    match operation(vault, name, shown).await {
        Some(operation) if text(&operation, "/status") != "inProgress" => anyhow::anyhow!(
            "{name} has no certificate, so there is nothing to export: its operation is {}; `strongroom certificate renew \
             {name}` tries again",
            match stands(&operation) {
                none if none.is_empty() => "completed, for another version".to_owned(),
                stands => stands,
            }
        ),
        _ => anyhow::anyhow!(
            "{name} waits for its authority, so there is nothing to export yet: `strongroom certificate request {name}` writes \
             what is to be signed, `strongroom certificate merge {name} --file FILE` brings in what the authority made"
        ),
    }
}

fn print(operation: &Value, output: Output) {
    if output == Output::Json {
        println!("{}", crate::plain::json(operation));
        return;
    }
    let shown = facts([
        ("status", text(operation, "/status")),
        ("details", text(operation, "/status_details")),
        ("error", text(operation, "/error/code")),
        ("said", text(operation, "/error/message")),
        ("issuer", text(operation, "/issuer/name")),
        ("request id", text(operation, "/request_id")),
    ]);
    println!("{shown}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_operation_that_failed_says_why_and_one_that_is_done_nothing() {
        let failed = json!({ "status": "failed", "error": { "code": "outside-profile", "message": "no" } });
        assert_eq!(stands(&failed), "failed (outside-profile): no");
        assert_eq!(stands(&json!({ "status": "cancelled", "error": { "code": "Cancelled" } })), "cancelled");
        assert_eq!(stands(&json!({ "status": "inProgress", "status_details": "asked" })), "in progress: asked");
        assert_eq!(stands(&json!({ "status": "completed" })), "");
    }
}
