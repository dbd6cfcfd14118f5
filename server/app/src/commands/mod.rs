//! The commands that talk to a server, and those that look at a data directory.

pub(crate) mod access;
pub(crate) mod access_policy;
pub(crate) mod approval;
pub(crate) mod assignment;
pub(crate) mod attachment;
mod attributes;
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
mod recovery;
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

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use anyhow::Context as _;
use comfy_table::{Table, presets::NOTHING};
use serde_json::Value;

use crate::{cli::Output, plain::plain};

/// A plain table, readable in any terminal: its lines end where their words do, so that one long cell does not make
/// a terminal break all the others.
struct Lines(Table);

impl Deref for Lines {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.0
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut Table {
        &mut self.0
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.trim_fmt())
    }
}

/// A table with these columns.
fn table(header: &[&str]) -> Lines {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    Lines(table)
}

/// Says that something is done: to people in words, to machines in an object.
fn done(output: Output, object: &Value, words: impl fmt::Display) {
    match output {
        Output::Json => println!("{}", crate::plain::json(object)),
        Output::Table => println!("{words}"),
    }
}

/// Names and what they stand for, a line each, without those of which there is nothing to say.
fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, String)>) -> Lines {
    let mut shown = Table::new();
    shown.load_style(NOTHING);
    for (name, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
        shown.add_row([name.to_owned(), value]);
    }
    Lines(shown)
}

/// The schema of a module's settings, as people read it.
fn settings_schema(schema: &Value) -> String {
    format!("settings:\n{}", plain_lines(&format!("{schema:#}")))
}

/// A text of several lines, as it may stand on a terminal.
fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// What stands at a place of an answer, a list with commas.
fn listed(value: &Value, pointer: &str) -> String {
    let words = value.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    words.map(|word| text(word, "")).collect::<Vec<_>>().join(", ")
}

/// What an access policy of an answer allows: `secrets: get, list; keys: sign`.
fn permitted(policy: &Value) -> String {
    let kinds = ["secrets", "keys", "certificates"].map(|kind| (kind, listed(policy, &format!("/permissions/{kind}"))));
    let told: Vec<String> = kinds
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(kind, words)| format!("{kind}: {words}"))
        .collect();
    if told.is_empty() { "nothing".to_owned() } else { told.join("; ") }
}

/// A detail of a record, with its moments as people read them: in records they are Unix milliseconds where something
/// ends, and Unix seconds of attributes and credentials.
fn detail(name: &str, told: &str) -> String {
    let moment = |text: &str, unit: i64| {
        let at: i64 = text.parse().ok()?;
        Some(utc(at.checked_mul(unit)?)).filter(|shown| !shown.is_empty())
    };
    let unit_of = |word: &str| match word {
        "ends_at" | "until" => Some(1),
        "nbf" | "exp" => Some(1000),
        _ => None,
    };
    let whole = unit_of(name);
    let mut before = "";
    let mut words = Vec::new();
    for word in told.split(' ') {
        let number = word.trim_end_matches([',', ';']);
        let shown = unit_of(before).or(whole).and_then(|unit| moment(number, unit));
        words.push(shown.map_or_else(|| word.to_owned(), |shown| word.replacen(number, &shown, 1)));
        before = word;
    }
    plain(&format!("{name}: {}", words.join(" ")))
}

/// Tags of an answer, `NAME=VALUE` each.
fn told_tags(value: &Value, pointer: &str) -> String {
    let tags = value.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    let tags = tags.map(|(name, value)| plain(&format!("{name}={}", value.as_str().unwrap_or_default())));
    tags.collect::<Vec<_>>().join(", ")
}

/// Text at a place of a JSON answer, as it may stand on a terminal.
fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => plain(text),
        Some(Value::Null) | None => String::new(),
        Some(other) => plain(&other.to_string()),
    }
}

/// What a record is about, as scopes write it: `demo/secrets/db`, with the version where there was one.
fn object_path(record: &Value) -> String {
    let kind = match record.get("kind").and_then(Value::as_str) {
        Some("secret") => "secrets",
        Some("key") => "keys",
        Some("certificate") => "certificates",
        _ => "",
    };
    let parts = [text(record, "/vault"), kind.to_owned(), text(record, "/object"), text(record, "/version")];
    let told: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if told.is_empty() { "the installation".to_owned() } else { told.join("/") }
}

/// Unix seconds at a place of a JSON answer as a UTC time.
fn seconds(value: &Value, pointer: &str) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    let at = value.pointer(pointer).and_then(Value::as_i64);
    at.and_then(|at| time::OffsetDateTime::from_unix_timestamp(at).ok()?.format(format).ok()).unwrap_or_default()
}

/// Tags of the command line, `NAME=VALUE` each.
fn tags(given: &[String]) -> anyhow::Result<serde_json::Map<String, Value>> {
    let split = |tag: &String| {
        let (name, value) = tag.split_once('=').with_context(|| format!("the tag {tag} is not NAME=VALUE"))?;
        Ok((name.to_owned(), value.into()))
    };
    given.iter().map(split).collect()
}

/// Unix milliseconds as a UTC time.
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

#[cfg(test)]
mod tests {
    use super::detail;

    #[test]
    fn moments_of_records_are_told_as_dates() {
        for (name, told, shown) in [
            ("ends_at", "1801353600000", "ends_at: 2027-01-31 00:00:00.000Z"),
            ("ends_at", "none", "ends_at: none"),
            ("exp", "none -> 1801353600", "exp: none -> 2027-01-31 00:00:00.000Z"),
            (
                "rules",
                "none -> deny 10.0.0.0/8 until 1801353600000, allow ::/0",
                "rules: none -> deny 10.0.0.0/8 until 2027-01-31 00:00:00.000Z, allow ::/0",
            ),
            ("client_secrets", "7 ci exp 1801353600", "client_secrets: 7 ci exp 2027-01-31 00:00:00.000Z"),
            ("retention_days", "90", "retention_days: 90"),
            ("subject", "until\u{1b} 99999999999999999999", "subject: until\u{fffd} 99999999999999999999"),
        ] {
            assert_eq!(detail(name, told), shown);
        }
    }
}
