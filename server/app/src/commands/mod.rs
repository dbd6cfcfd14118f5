//! The commands that talk to a server, and those that look at a data directory.

pub(crate) mod access_policy;
pub(crate) mod assignment;
pub(crate) mod attachment;
pub(crate) mod audit;
mod backup;
pub(crate) mod certificate;
pub(crate) mod completions;
pub(crate) mod identity;
pub(crate) mod key;
pub(crate) mod login;
pub(crate) mod network;
mod object;
pub(crate) mod policy;
pub(crate) mod role;
pub(crate) mod routes;
pub(crate) mod run;
pub(crate) mod seal;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod token;
pub(crate) mod vault;
pub(crate) mod verify;
mod workload;

use anyhow::Context as _;
use comfy_table::{Table, presets::NOTHING};
use serde_json::Value;

use crate::plain::plain;

/// A plain table, readable in any terminal.
fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table
}

/// Text at a place of a JSON answer, as it may stand on a terminal.
fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => plain(text),
        Some(Value::Null) | None => String::new(),
        Some(other) => plain(&other.to_string()),
    }
}

/// Unix seconds at a place of a JSON answer as a UTC time.
fn seconds(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_i64).map(|at| utc(at.saturating_mul(1000))).unwrap_or_default()
}

/// Tags of the command line, `NAME=VALUE` each.
fn tags(given: &[String]) -> anyhow::Result<serde_json::Map<String, Value>> {
    let split = |tag: &String| {
        let (name, value) = tag.split_once('=').with_context(|| format!("the tag {tag} is not NAME=VALUE"))?;
        Ok((name.to_owned(), value.into()))
    };
    given.iter().map(split).collect()
}

/// Unix seconds or milliseconds as a UTC time, to the unit given.
fn utc(millis: i64) -> String {
    let format =
        time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]Z");
    time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .ok()
        .and_then(|at| at.format(format).ok())
        .unwrap_or_default()
}

/// A document in PEM (RFC 7468), without a line break at its end.
fn pem(label: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", lines.join("\n"))
}
