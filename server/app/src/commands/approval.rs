//! `strongroom approval`.

use reqwest::Method;
use serde_json::{Value, json};

use super::{seconds, table, text};
use crate::{
    cli::{ApprovalAnswer, ApprovalCommand, Output},
    client::{Client, at, base},
};

pub(crate) async fn run(command: ApprovalCommand) -> anyhow::Result<()> {
    match command {
        ApprovalCommand::List { vault, at: to } => {
            let base = base(&to.connection)?;
            let client = Client::connect(&to.connection, &base).await?;
            let url = at(&base, &["api", "v1", "vaults", &vault, "approvals"], &[])?;
            let found = client.send(Method::GET, url, None).await?;
            match to.output {
                Output::Json => println!("{found:#}"),
                Output::Table => {
                    let requests = found.get("value").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                    print(requests);
                }
            }
            Ok(())
        }
        ApprovalCommand::Grant(answer) => say(answer, "grant").await,
        ApprovalCommand::Refuse(answer) => say(answer, "refuse").await,
    }
}

async fn say(answer: ApprovalAnswer, word: &str) -> anyhow::Result<()> {
    let ApprovalAnswer { id, vault, seconds: wanted, at: to } = answer;
    let base = base(&to.connection)?;
    let client = Client::connect(&to.connection, &base).await?;
    let url = at(&base, &["api", "v1", "vaults", &vault, "approvals", &id, word], &[])?;
    let body = wanted.map_or_else(|| json!({}), |seconds| json!({ "seconds": seconds }));
    let request = client.send(Method::POST, url, Some(serde_json::to_vec(&body)?)).await?;
    match to.output {
        Output::Json => println!("{request:#}"),
        Output::Table => print(std::slice::from_ref(&request)),
    }
    Ok(())
}

fn print(requests: &[Value]) {
    let mut shown = table(&["ID", "STATE", "ENDS", "APPROVED", "WHO", "OPERATION", "OBJECT"]);
    for request in requests {
        let approved = request.get("approvals").and_then(Value::as_array).map_or(0, Vec::len);
        let parts = ["/kind", "/name", "/version"].map(|pointer| text(request, pointer));
        let object: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        shown.add_row([
            text(request, "/id"),
            text(request, "/state"),
            seconds(request, "/ends"),
            format!("{approved} of {}", text(request, "/approvers")),
            format!("{}#{}", text(request, "/principal/issuer"), text(request, "/principal/subject")),
            text(request, "/operation"),
            object.join("/"),
        ]);
    }
    println!("{shown}");
}
