//! `strongroom secret`: values come from files and pipes and go to standard output, nowhere else.

mod import;

use std::{
    io::{IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{
    attributes::update,
    object::{Collection, connect},
    text,
};
use crate::{
    cli::{Output, SecretCommand, VaultAt},
    plain::plain_lines,
    terminal,
};

/// More than any secret may have; reading stops there.
const MAX_READ: u64 = 64 * 1024;

pub(crate) async fn run(command: SecretCommand) -> anyhow::Result<()> {
    match command {
        SecretCommand::Life(step) => SECRETS.run(step).await,
        SecretCommand::Set { name, misplaced, allow_empty, value_file, content_type, attributes, at } => {
            if !misplaced.is_empty() {
                // Neither repeated nor sent: it stands in the shell's history already.
                bail!(
                    "a value is never an argument, where other users and the shell's history see it; pipe it: \
                     printf '%s' \"$VALUE\" | strongroom secret set {name} (or --value-file FILE)"
                );
            }
            set(&name, value_file, allow_empty, with_type(attributes.body()?, content_type), &at).await
        }
        SecretCommand::Update { secret, change, content_type, at } => {
            let options = "--enabled, --not-before, --expires, --tag, --no-tags or --content-type";
            update(&SECRETS, &secret, with_type(change.body()?, content_type), options, &at).await
        }
        SecretCommand::Get { name, version, at } => get(&name, version.as_deref(), &at).await,
        SecretCommand::Import { import: given, at } => import::import(given, &at).await,
    }
}

/// Secrets, as a collection.
const SECRETS: Collection = Collection {
    word: "secret",
    path: "secrets",
    deleted: "deletedsecrets",
    asked: &[],
    line_id: "/id",
    id: "/id",
    columns: &[("CONTENT TYPE", |item| text(item, "/contentType"))],
    own: |secret| vec![("content type", text(secret, "/contentType"))],
};

fn with_type(mut body: Map<String, Value>, content_type: Option<String>) -> Map<String, Value> {
    body.extend(content_type.map(|content_type| ("contentType".to_owned(), content_type.into())));
    body
}

async fn set(
    name: &str,
    value_file: Option<PathBuf>,
    allow_empty: bool,
    mut body: Map<String, Value>,
    to: &VaultAt,
) -> anyhow::Result<()> {
    let value = read_value(value_file.as_deref())?;
    if value.is_empty() && !allow_empty {
        bail!("the value is empty; --allow-empty stores it all the same");
    }
    body.insert("value".to_owned(), value.as_str().into());
    let vault = connect(to).await?;
    let answer = vault.send(Method::PUT, &["secrets", name], Some(serde_json::to_vec(&body)?)).await?;
    match to.output {
        Output::Json => {
            let mut answer = answer;
            // The value is not echoed.
            if let Some(object) = answer.as_object_mut() {
                object.remove("value");
            }
            println!("{}", crate::plain::json(&answer));
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
