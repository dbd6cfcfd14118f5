//! `strongroom secret`: values come from files and pipes and go to standard output, nowhere else.

use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};
use strongroom_http::api::wire::API_VERSION;
use url::Url;
use zeroize::Zeroizing;

use super::{table, text, utc};
use crate::{
    cli::{Output, SecretCommand, VaultAt},
    client::{Client, at, parse},
    terminal,
};

/// More than any secret may have; reading stops there.
const MAX_READ: u64 = 64 * 1024;

pub(crate) async fn run(command: SecretCommand) -> anyhow::Result<()> {
    match command {
        SecretCommand::Set { name, misplaced, allow_empty, value_file, content_type, tags, at } => {
            if !misplaced.is_empty() {
                // Neither repeated nor sent: it stands in the shell's history already.
                bail!(
                    "a value is never an argument, where other users and the shell's history see it; pipe it: \
                     printf '%s' \"$VALUE\" | strongroom secret set {name} (or --value-file FILE)"
                );
            }
            set(&name, value_file, allow_empty, content_type, &tags, &at).await
        }
        SecretCommand::Get { name, version, at } => get(&name, version.as_deref(), &at).await,
        SecretCommand::List { at } => list(&at).await,
        SecretCommand::Delete { name, at } => delete(&name, &at).await,
    }
}

fn secret_url(vault: &Url, name: &str, version: Option<&str>) -> anyhow::Result<Url> {
    let mut segments = vec!["secrets", name];
    segments.extend(version);
    at(vault, &segments, &[("api-version", API_VERSION)])
}

async fn set(
    name: &str,
    value_file: Option<PathBuf>,
    allow_empty: bool,
    content_type: Option<String>,
    tags: &[String],
    to: &VaultAt,
) -> anyhow::Result<()> {
    let value = read_value(value_file.as_deref())?;
    if value.is_empty() && !allow_empty {
        bail!("the value is empty; --allow-empty stores it all the same");
    }
    let mut labels = serde_json::Map::new();
    for tag in tags {
        let (key, value) = tag.split_once('=').with_context(|| format!("the tag {tag} is not NAME=VALUE"))?;
        labels.insert(key.to_owned(), value.into());
    }
    let vault = parse(&to.vault_url)?;
    let client = Client::connect(&to.connection, &vault).await?;
    let mut body = json!({ "value": value.as_str(), "tags": labels });
    if let (Some(object), Some(content_type)) = (body.as_object_mut(), content_type) {
        object.insert("contentType".to_owned(), content_type.into());
    }
    let answer = client.send(Method::PUT, secret_url(&vault, name, None)?, Some(serde_json::to_vec(&body)?)).await?;
    match to.output {
        Output::Json => {
            let mut answer = answer;
            // The value is not echoed.
            if let Some(object) = answer.as_object_mut() {
                object.remove("value");
            }
            println!("{answer}");
        }
        Output::Table => println!("{}", text(&answer, "/id")),
    }
    Ok(())
}

fn read_value(file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    if file.is_none() && terminal::is_present() {
        return terminal::ask_unseen("Value: ", usize::try_from(MAX_READ)?);
    }
    let mut value = Zeroizing::new(String::new());
    let read = match file.filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let file = std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
            file.take(MAX_READ).read_to_string(&mut value)
        }
        None => std::io::stdin().lock().take(MAX_READ).read_to_string(&mut value),
    };
    let length = read.context("the value is not text in UTF-8")?;
    if u64::try_from(length).is_ok_and(|length| length >= MAX_READ) {
        bail!("the value is too long");
    }
    if value.ends_with('\n') {
        value.pop();
    }
    Ok(value)
}

async fn get(name: &str, version: Option<&str>, from: &VaultAt) -> anyhow::Result<()> {
    let vault = parse(&from.vault_url)?;
    let client = Client::connect(&from.connection, &vault).await?;
    let answer = client.send(Method::GET, secret_url(&vault, name, version)?, None).await?;
    let mut out = std::io::stdout().lock();
    match from.output {
        Output::Json => writeln!(out, "{answer}")?,
        Output::Table => {
            let value = answer.get("value").and_then(Value::as_str).context("the answer has no value")?;
            writeln!(out, "{value}")?;
        }
    }
    Ok(())
}

async fn list(from: &VaultAt) -> anyhow::Result<()> {
    let vault = parse(&from.vault_url)?;
    let client = Client::connect(&from.connection, &vault).await?;
    let mut next = Some(at(&vault, &["secrets"], &[("api-version", API_VERSION)])?);
    let mut items = Vec::new();
    while let Some(url) = next.take() {
        let page = client.send(Method::GET, url, None).await?;
        items.extend(page.get("value").and_then(Value::as_array).cloned().unwrap_or_default());
        if let Some(link) = page.get("nextLink").and_then(Value::as_str) {
            let link = Url::parse(link)?;
            if link.origin() != vault.origin() {
                bail!("the server's next page is on another site");
            }
            next = Some(link);
        }
    }
    if from.output == Output::Json {
        println!("{}", Value::Array(items));
        return Ok(());
    }
    let mut table = table(&["NAME", "ENABLED", "UPDATED", "CONTENT TYPE"]);
    for item in &items {
        let id = text(item, "/id");
        let updated = item.pointer("/attributes/updated").and_then(Value::as_i64).unwrap_or_default();
        table.add_row([
            id.rsplit('/').next().unwrap_or_default().to_owned(),
            text(item, "/attributes/enabled"),
            utc(updated.saturating_mul(1000)),
            text(item, "/contentType"),
        ]);
    }
    println!("{table}");
    Ok(())
}

async fn delete(name: &str, from: &VaultAt) -> anyhow::Result<()> {
    let vault = parse(&from.vault_url)?;
    let client = Client::connect(&from.connection, &vault).await?;
    let answer = client.send(Method::DELETE, secret_url(&vault, name, None)?, None).await?;
    match from.output {
        Output::Json => println!("{answer}"),
        Output::Table => {
            let until = answer.get("scheduledPurgeDate").and_then(Value::as_i64).unwrap_or_default();
            println!("{} is deleted and recoverable until {}", text(&answer, "/id"), utc(until.saturating_mul(1000)));
        }
    }
    Ok(())
}
