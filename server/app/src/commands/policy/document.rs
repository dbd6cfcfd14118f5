//! `strongroom policy document`: the documents that modules read, on a server.

use std::{
    io::{IsTerminal as _, Read as _, Write as _},
    path::Path,
};

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};
use strongroom_domain::policy_document::MAX_DOCUMENT_BYTES;
use url::Url;

use crate::{
    cli::{Connection, DocumentCommand, Output},
    client::{Client, at, base},
    commands::{done, table, text, utc},
    plain::plain_lines,
};

pub(super) async fn run(command: DocumentCommand) -> anyhow::Result<()> {
    match command {
        DocumentCommand::Put { name, file, at } => {
            let body = json!({ "text": read(&file)? });
            let put = send(Method::PUT, Some(&name), Some(serde_json::to_vec(&body)?), &at.connection).await?;
            done(at.output, &put, format_args!("document/{name} is written"));
        }
        DocumentCommand::List { at } => {
            let found = send(Method::GET, None, None, &at.connection).await?;
            if at.output == Output::Json {
                println!("{}", crate::plain::json(&format_args!("{found:#}")));
                return Ok(());
            }
            let mut shown = table(&["NAME", "BYTES", "WRITTEN", "BY"]);
            for document in found.get("value").and_then(Value::as_array).into_iter().flatten() {
                shown.add_row([
                    text(document, "/name"),
                    text(document, "/size"),
                    document.get("written_at").and_then(Value::as_i64).map(utc).unwrap_or_default(),
                    format!("{}#{}", text(document, "/written_by/issuer"), text(document, "/written_by/subject")),
                ]);
            }
            println!("{shown}");
        }
        DocumentCommand::Show { name, at } => {
            let found = send(Method::GET, Some(&name), None, &at.connection).await?;
            match at.output {
                Output::Json => println!("{}", crate::plain::json(&format_args!("{found:#}"))),
                Output::Table => {
                    let written = found.get("text").and_then(Value::as_str).unwrap_or_default();
                    // On a terminal nothing in it acts; elsewhere it is what was written.
                    let shown = std::io::stdout().is_terminal().then(|| plain_lines(written)).flatten();
                    std::io::stdout().write_all(shown.as_deref().unwrap_or(written).as_bytes())?;
                }
            }
        }
        DocumentCommand::Remove { name, at } => {
            send(Method::DELETE, Some(&name), None, &at.connection).await?;
            done(at.output, &json!({ "removed": name }), format_args!("document/{name} is removed"));
        }
    }
    Ok(())
}

async fn send(
    method: Method,
    name: Option<&str>,
    body: Option<Vec<u8>>,
    connection: &Connection,
) -> anyhow::Result<Value> {
    let base = base(connection)?;
    let client = Client::connect(connection, &base).await?;
    let path: Vec<&str> = ["api", "v1", "policy-documents"].into_iter().chain(name).collect();
    let url: Url = at(&base, &path, &[])?;
    client.send(method, url, body).await
}

/// Reads a document, not more of it than one may have.
fn read(file: &Path) -> anyhow::Result<String> {
    let most = u64::try_from(MAX_DOCUMENT_BYTES)?;
    let mut found = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(most + 1).read_to_end(&mut found)?;
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
        opened.take(most + 1).read_to_end(&mut found)?;
    }
    if found.len() > MAX_DOCUMENT_BYTES {
        bail!("a document has at most {MAX_DOCUMENT_BYTES} bytes");
    }
    String::from_utf8(found).context("a document is a text in UTF-8")
}
