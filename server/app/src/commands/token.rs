//! `strongroom token`. A token goes to the server it is asked about, and nowhere else.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{table, text, utc, workload};
use crate::{
    cli::{Connection, Output, ServerAt, TokenCommand, TokenKeysCommand},
    client::{self, Client, at, base},
    terminal::confirm,
};

/// More than any token may have; reading stops there.
const MAX_READ: u64 = 64 * 1024;

pub(crate) async fn run(command: TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::Explain { file, workload, output, connection } => {
            explain(file, workload.as_deref(), output, &connection).await
        }
        TokenCommand::Keys(TokenKeysCommand::List { at }) => keys(Method::GET, &[], &at).await,
        TokenCommand::Keys(TokenKeysCommand::Rotate { at }) => keys(Method::POST, &["rotate"], &at).await,
        TokenCommand::Keys(TokenKeysCommand::Revoke { yes, at }) => {
            if !yes {
                confirm("Revoking every token that was issued so far", "revoke")?;
            }
            keys(Method::POST, &["revoke"], &at).await
        }
    }
}

/// Asks for the keys, or for a change of them; both are answered with all of them.
async fn keys(method: Method, change: &[&str], at: &ServerAt) -> anyhow::Result<()> {
    let base = base(&at.connection)?;
    let client = Client::connect(&at.connection, &base).await?;
    let path = [&["api", "v1", "token", "keys"], change].concat();
    let answer = client.send(method, client::at(&base, &path, &[])?, None).await?;
    if at.output == Output::Json {
        println!("{}", crate::plain::json(&answer));
        return Ok(());
    }
    let mut keys = table(&["KEY", "STATE", "PUBLISHED", "SIGNS FROM", "PUBLISHED UNTIL"]);
    for key in answer.get("value").and_then(Value::as_array).into_iter().flatten() {
        let time = |name: &str| key.get(name).and_then(Value::as_i64).map_or_else(String::new, utc);
        keys.add_row([
            text(key, "/key_id"),
            text(key, "/state"),
            time("announced_at"),
            time("signs_from"),
            time("published_until"),
        ]);
    }
    println!("{keys}");
    Ok(())
}

async fn explain(
    file: Option<PathBuf>,
    workload: Option<&str>,
    output: Output,
    connection: &Connection,
) -> anyhow::Result<()> {
    let token = read(file.as_deref())?;
    let base = base(connection)?;
    let client = Client::connect(connection, &base).await?;
    let body = match workload {
        None => json!({ "token": token.as_str() }),
        Some(workload) => {
            let client_id = workload::client_id(&client, &base, workload).await?;
            json!({ "token": token.as_str(), "client_id": client_id })
        }
    };
    let body = Zeroizing::new(serde_json::to_vec(&body)?);
    let url = at(&base, &["api", "v1", "token", "explain"], &[])?;
    let answer = client.send(Method::POST, url, Some(body.to_vec())).await?;
    let accepted = answer.get("accepted").and_then(Value::as_bool).unwrap_or_default();
    if output == Output::Json {
        println!("{}", crate::plain::json(&answer));
    } else {
        let mut checks = table(&["CHECK", "STATE", "FOUND", "EXPECTED"]);
        let all = answer.get("checks").and_then(Value::as_array).cloned().unwrap_or_default();
        for check in &all {
            let state = text(check, "/state");
            let verified = check.get("verified").and_then(Value::as_bool).unwrap_or_default();
            let state = if verified || state == "not-reached" { state } else { format!("{state} (unverified)") };
            checks.add_row([text(check, "/check"), state, text(check, "/found"), text(check, "/expected")]);
        }
        println!("{checks}");
        for check in all.iter().filter(|check| !text(check, "/advice").is_empty()) {
            println!("{}: {}", text(check, "/check"), text(check, "/advice"));
        }
    }
    if !accepted {
        bail!("the token is not accepted");
    }
    Ok(())
}

/// The first line that is not empty, with or without `Bearer ` in front.
fn read(file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    match file.filter(|path| *path != Path::new("-")) {
        Some(path) => std::fs::File::open(path)
            .with_context(|| format!("{} cannot be read", path.display()))?
            .take(MAX_READ)
            .read_to_string(&mut text),
        None => std::io::stdin().lock().take(MAX_READ).read_to_string(&mut text),
    }
    .context("the token is not text")?;
    let trimmed = text.trim();
    let token = match trimmed.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer ") => token.trim(),
        _ => trimmed,
    };
    Ok(Zeroizing::new(token.to_owned()))
}
