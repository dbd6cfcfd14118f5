//! `strongroom audit`: records from the server, and the chain from the database, offline.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use reqwest::Method;
use serde_json::Value;

use super::{table, text, utc};
use crate::{
    audit_check,
    cli::{AuditCommand, Connection, Output},
    client::{Client, at, base},
    exit::Exit,
    installation::embedded_database,
};

pub(crate) async fn run(command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::Tail { lines, outcome, output, connection } => {
            tail(lines, outcome.as_deref(), output, &connection).await
        }
        AuditCommand::Verify { data, database, anchors, public_key } => {
            verify_offline(&data, database, anchors, public_key).await
        }
    }
}

async fn tail(lines: usize, outcome: Option<&str>, output: Output, connection: &Connection) -> anyhow::Result<()> {
    let base = base(connection)?;
    let client = Client::connect(connection, &base).await?;
    let limit = lines.to_string();
    let mut query = vec![("limit", limit.as_str())];
    query.extend(outcome.map(|outcome| ("outcome", outcome)));
    let answer = client.send(Method::GET, at(&base, &["api", "v1", "audit"], &query)?, None).await?;
    let records = answer.get("value").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut table = table(&["TIME", "OUTCOME", "PRINCIPAL", "OPERATION", "VAULT", "OBJECT", "REASON", "DECISION"]);
    for record in records.iter().rev() {
        if output == Output::Json {
            println!("{record}");
            continue;
        }
        let at = record.get("at").and_then(Value::as_i64).unwrap_or_default();
        let mut row = vec![utc(at)];
        row.extend(
            ["/outcome", "/principal/subject", "/operation", "/vault", "/object", "/reason", "/id"]
                .map(|pointer| text(record, pointer)),
        );
        table.add_row(row);
    }
    if output == Output::Table {
        println!("{table}");
    }
    Ok(())
}

async fn verify_offline(
    data: &Path,
    database: Option<String>,
    anchors: Option<PathBuf>,
    public_key: Option<PathBuf>,
) -> anyhow::Result<()> {
    let key_file = public_key.unwrap_or_else(|| data.join("audit.pub"));
    let text = std::fs::read_to_string(&key_file)
        .with_context(|| format!("the public audit key {} cannot be read", key_file.display()))?;
    let key = data_encoding::HEXLOWER_PERMISSIVE
        .decode(text.trim().as_bytes())
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .with_context(|| format!("{} is not a public audit key", key_file.display()))?;
    let anchors = anchors.unwrap_or_else(|| data.join("anchors.jsonl"));
    let address = database.unwrap_or_else(|| embedded_database(data));
    let checked = audit_check::check(&address, key, &anchors).await?;
    let mut findings = checked.findings();
    if checked.report.nodes.iter().all(|node| node.records == 0) {
        findings.push("there is no record at all: an installation in use has some".to_owned());
    }
    for finding in &findings {
        println!("{finding}");
    }
    let report = &checked.report;
    for node in &report.nodes {
        println!("node {}: {} records, the last at position {}", node.node, node.records, node.last);
    }
    println!("{} rows are as the log says", report.rows);
    if report.untracked > 0 {
        println!("{} rows are older than what the log tells of rows, and were not compared", report.untracked);
    }
    if checked.anchors > 0 {
        println!("compared with {} checkpoints kept outside the database", checked.anchors);
    }
    if !findings.is_empty() {
        return Err(Exit::Findings.into());
    }
    if checked.anchors == 0 {
        return Err(Exit::Unanchored.into());
    }
    println!("the audit log verifies");
    Ok(())
}
