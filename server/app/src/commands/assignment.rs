//! `strongroom assignment`.

use anyhow::Context as _;
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
    let mut body = json!({ "role": role, "scope": scope });
    if let Some(principal) = principal {
        let (issuer, subject) = split(&principal)?;
        body["issuer"] = issuer.into();
        body["subject"] = subject.into();
    } else if let Some(group) = group {
        let (issuer, group) = split(&group)?;
        body["issuer"] = issuer.into();
        body["group"] = group.into();
    } else {
        body["client_id"] = workload.context("say for whom: --principal, --group or --workload")?.into();
    }
    let base = base(&connection)?;
    let client = Client::connect(&connection, &base).await?;
    let url = at(&base, &["api", "v1", "assignments"], &[])?;
    let answer = client.send(Method::POST, url, Some(serde_json::to_vec(&body)?)).await?;
    println!("{}", text(&answer, "/id"));
    Ok(())
}
