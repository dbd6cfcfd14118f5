//! `strongroom assignment`.

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::json;

use super::text;
use crate::{
    cli::AssignmentCommand,
    client::{Client, at, base},
};

pub(crate) async fn run(command: AssignmentCommand) -> anyhow::Result<()> {
    let AssignmentCommand::Add { role, scope, principal, group, workload, connection } = command;
    let split = |text: &str| -> anyhow::Result<(String, String)> {
        let (issuer, name) = text.rsplit_once('#').with_context(|| format!("{text} is not ISSUER#NAME"))?;
        Ok((issuer.to_owned(), name.to_owned()))
    };
    let grantee = match (principal, group, workload) {
        (Some(principal), ..) => {
            let (issuer, subject) = split(&principal)?;
            json!({ "role": role, "scope": scope, "issuer": issuer, "subject": subject })
        }
        (None, Some(group), _) => {
            let (issuer, group) = split(&group)?;
            json!({ "role": role, "scope": scope, "issuer": issuer, "group": group })
        }
        (None, None, Some(workload)) => json!({ "role": role, "scope": scope, "client_id": workload }),
        (None, None, None) => bail!("say for whom: --principal, --group or --workload"),
    };
    let base = base(&connection)?;
    let client = Client::connect(&connection, &base).await?;
    let url = at(&base, &["api", "v1", "assignments"], &[])?;
    let answer = client.send(Method::POST, url, Some(serde_json::to_vec(&grantee)?)).await?;
    println!("{}", text(&answer, "/id"));
    Ok(())
}
