//! Backup files: the bytes that the vault sealed, as `az keyvault secret backup` and `key backup` write them too.

use std::{
    fs::File,
    io::{IsTerminal as _, Read, Write as _},
    path::Path,
};

use anyhow::{Context as _, bail};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::object::{Collection, connect};
use crate::{
    cli::{Output, VaultAt},
    private_file,
};

/// More than any backup has; reading stops there.
const MAX_FILE: u64 = 64 * 1024 * 1024;

pub(super) async fn backup(
    of: &Collection,
    name: &str,
    file: &Path,
    overwrite: bool,
    from: &VaultAt,
) -> anyhow::Result<()> {
    let piped = file == Path::new("-");
    // Before anything is asked for: a backup that could not be kept would be on record all the same.
    if piped && std::io::stdout().is_terminal() {
        bail!("a backup is no text for a terminal: pipe it, or name a file");
    }
    if !piped && !overwrite && file.symlink_metadata().is_ok() {
        bail!("{} is there already; --overwrite replaces it", file.display());
    }
    let answer = connect(from).await?.send(Method::POST, &[of.path, name, "backup"], None).await?;
    let blob = answer.get("value").and_then(Value::as_str).context("the answer has no backup")?;
    let blob =
        BASE64URL_NOPAD.decode(blob.trim_end_matches('=').as_bytes()).context("the answer's backup is damaged")?;
    if piped {
        return Ok(std::io::stdout().lock().write_all(&blob)?);
    }
    private_file::write(file, &blob, overwrite)?;
    match from.output {
        Output::Json => {
            let made = json!({ "file": file.display().to_string(), "bytes": blob.len() });
            println!("{}", crate::plain::json(&made));
        }
        Output::Table => println!("{} holds {name}, {} bytes", file.display(), blob.len()),
    }
    Ok(())
}

pub(super) async fn restore(of: &Collection, file: &Path, to: &VaultAt) -> anyhow::Result<()> {
    let mut blob = Vec::new();
    let opened: Box<dyn Read> = match file == Path::new("-") {
        true => Box::new(std::io::stdin()),
        false => Box::new(File::open(file).with_context(|| format!("{} cannot be read", file.display()))?),
    };
    opened.take(MAX_FILE.saturating_add(1)).read_to_end(&mut blob)?;
    if u64::try_from(blob.len()).is_ok_and(|length| length > MAX_FILE) {
        bail!("{} is too long for a backup", file.display());
    }
    let body = serde_json::to_vec(&json!({ "value": BASE64URL_NOPAD.encode(&blob) }))?;
    let answer = connect(to).await?.send(Method::POST, &[of.path, "restore"], Some(body)).await?;
    of.print_id(&answer, to.output);
    Ok(())
}
