//! `strongroom secret`: values come from files and pipes and go to standard output, nowhere else.

mod backup;
mod import;

use std::{
    io::{IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{seconds, table, tags, text};
use crate::{
    cli::{Output, SecretCommand, VaultAt},
    client::VaultClient,
    plain::{plain, plain_lines},
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
        SecretCommand::List { deleted, at } => list(deleted, &at).await,
        SecretCommand::Versions { name, at } => versions(&name, &at).await,
        SecretCommand::Delete { name, at } => delete(&name, &at).await,
        SecretCommand::Recover { name, at } => recover(&name, &at).await,
        SecretCommand::Purge { name, yes, at } => purge(&name, yes, &at).await,
        SecretCommand::Backup { name, file, overwrite, at } => backup::backup(&name, &file, overwrite, &at).await,
        SecretCommand::Import { import: given, at } => import::import(given, &at).await,
        SecretCommand::Restore { file, at } => backup::restore(&file, &at).await,
    }
}

async fn connect(at: &VaultAt) -> anyhow::Result<VaultClient> {
    VaultClient::connect(&at.vault_url, &at.connection).await
}

async fn set(
    name: &str,
    value_file: Option<PathBuf>,
    allow_empty: bool,
    content_type: Option<String>,
    tags_given: &[String],
    to: &VaultAt,
) -> anyhow::Result<()> {
    let value = read_value(value_file.as_deref())?;
    if value.is_empty() && !allow_empty {
        bail!("the value is empty; --allow-empty stores it all the same");
    }
    let labels = tags(tags_given)?;
    let vault = connect(to).await?;
    let mut body = json!({ "value": value.as_str(), "tags": labels });
    if let (Some(object), Some(content_type)) = (body.as_object_mut(), content_type) {
        object.insert("contentType".to_owned(), content_type.into());
    }
    let answer = vault.send(Method::PUT, &["secrets", name], Some(serde_json::to_vec(&body)?)).await?;
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
    let vault = connect(from).await?;
    let shown = match from.output {
        Output::Json => {
            let mut path = vec!["secrets", name];
            path.extend(version);
            Zeroizing::new(vault.send(Method::GET, &path, None).await?.to_string())
        }
        Output::Table => vault.value(name, version).await?,
    };
    let mut out = std::io::stdout().lock();
    // What it is piped to gets every character; a terminal would do what some of them say.
    match plain_lines(&shown).filter(|_| out.is_terminal()).map(Zeroizing::new) {
        Some(replaced) => {
            writeln!(out, "{}", replaced.as_str())?;
            eprintln!(
                "characters that a terminal would act on are shown as \u{fffd}; pipe the value to get it as it is"
            );
        }
        None => writeln!(out, "{}", shown.as_str())?,
    }
    Ok(())
}

/// What an identifier ends with: a name, or a version.
fn last_part(item: &Value) -> String {
    text(item, "/id").rsplit('/').next().unwrap_or_default().to_owned()
}

async fn list(deleted: bool, from: &VaultAt) -> anyhow::Result<()> {
    let vault = connect(from).await?;
    let items = vault.all(&[if deleted { "deletedsecrets" } else { "secrets" }]).await?;
    if from.output == Output::Json {
        println!("{}", Value::Array(items));
        return Ok(());
    }
    let mut shown = if deleted {
        table(&["NAME", "DELETED", "RECOVERABLE UNTIL", "CONTENT TYPE"])
    } else {
        table(&["NAME", "ENABLED", "UPDATED", "CONTENT TYPE"])
    };
    for item in &items {
        let (state, time) = if deleted {
            (seconds(item, "/deletedDate"), seconds(item, "/scheduledPurgeDate"))
        } else {
            (text(item, "/attributes/enabled"), seconds(item, "/attributes/updated"))
        };
        shown.add_row([last_part(item), state, time, text(item, "/contentType")]);
    }
    println!("{shown}");
    Ok(())
}

async fn versions(name: &str, from: &VaultAt) -> anyhow::Result<()> {
    let vault = connect(from).await?;
    let mut items = vault.all(&["secrets", name, "versions"]).await?;
    if items.is_empty() {
        // As Azure has it, a listing of versions does not tell whether there is such a secret.
        eprintln!("there is no secret {}, or none that you may know of", plain(name));
    }
    if from.output == Output::Json {
        println!("{}", Value::Array(items));
        return Ok(());
    }
    items.sort_by_key(|item| std::cmp::Reverse(item.pointer("/attributes/created").and_then(Value::as_i64)));
    let mut shown = table(&["VERSION", "ENABLED", "CREATED", "NOT BEFORE", "EXPIRES", "CONTENT TYPE"]);
    for item in &items {
        let [created, begins, ends] =
            ["created", "nbf", "exp"].map(|time| seconds(item, &format!("/attributes/{time}")));
        let enabled = text(item, "/attributes/enabled");
        shown.add_row([last_part(item), enabled, created, begins, ends, text(item, "/contentType")]);
    }
    println!("{shown}");
    Ok(())
}

async fn delete(name: &str, from: &VaultAt) -> anyhow::Result<()> {
    let answer = connect(from).await?.send(Method::DELETE, &["secrets", name], None).await?;
    match from.output {
        Output::Json => println!("{answer}"),
        Output::Table => {
            let until = seconds(&answer, "/scheduledPurgeDate");
            println!("{} is deleted and recoverable until {until}", text(&answer, "/id"));
        }
    }
    Ok(())
}

async fn recover(name: &str, at: &VaultAt) -> anyhow::Result<()> {
    let answer = connect(at).await?.send(Method::POST, &["deletedsecrets", name, "recover"], None).await?;
    print_id(&answer, at.output);
    Ok(())
}

async fn purge(name: &str, yes: bool, from: &VaultAt) -> anyhow::Result<()> {
    if !yes {
        terminal::confirm(&format!("Purging the secret {name}"), name)?;
    }
    connect(from).await?.send(Method::DELETE, &["deletedsecrets", name], None).await?;
    if from.output == Output::Table {
        println!("{name} is purged");
    }
    Ok(())
}

fn print_id(answer: &Value, output: Output) {
    match output {
        Output::Json => println!("{answer}"),
        Output::Table => println!("{}", text(answer, "/id")),
    }
}
