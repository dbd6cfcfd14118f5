//! What is wrong in a configuration: at which line, at which key, and what it should be. Must never say what stands there:
//! a value may be a password, or the wrong line of somebody's clipboard.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

/// Reads a configuration, or says in one line what is wrong.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let from = toml::de::Deserializer::parse(text).map_err(|error| not_toml(text, &error))?;
    serde_path_to_error::deserialize(from).map_err(|error: serde_path_to_error::Error<toml::de::Error>| {
        let told = told(error.path(), error.inner().message());
        match error.inner().span() {
            Some(span) => format!("line {}: {told}", line(text, span.start)),
            None => told,
        }
    })
}

fn line(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count().saturating_add(1)
}

fn not_toml(text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else { return "it is no TOML".to_owned() };
    let what = error.message().lines().next().unwrap_or_default();
    // The one error whose place is a key and nothing else.
    let twice = text.get(span.clone()).filter(|_| what == "duplicate key").filter(|key| key.chars().all(is_of_a_key));
    let of = twice.map_or_else(String::new, |key| format!(" `{key}`"));
    format!("line {}: it is no TOML: {what}{of}", line(text, span.start))
}

fn is_of_a_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// A parser's words, of which those that repeat a value are left out.
fn told(path: &Path, message: &str) -> String {
    let named = |ending: &str| format!("`{}`", dotted(path, ending));
    let quoted = |start: &str| message.strip_prefix(start)?.split_once('`');
    if let Some((field, _)) = quoted("missing field `") {
        return format!("{} is missing", named(field));
    }
    if let Some((field, rest)) = quoted("unknown field `") {
        return format!("there is no key {}{rest}", named(field));
    }
    // The words of serde are `invalid type: ..., expected ...`, with the value in the middle; ours begin with `expected`.
    let expected = match message.strip_prefix("expected ") {
        Some(ours) => Some(ours),
        None => {
            message.starts_with("invalid ").then(|| message.rsplit_once(", expected ")).flatten().map(|(_, what)| what)
        }
    };
    // What Rust calls it says nothing to whoever writes a configuration.
    let expected = expected.map(|what| match what {
        "usize" | "u64" | "u32" | "u16" => "a whole number, 0 or more",
        "a sequence" => "a list",
        other => other,
    });
    match expected {
        Some(what) => format!("{} is not right: expected {what}", named("")),
        None if message == "invalid socket address syntax" => {
            format!("{} is not right: expected ADDRESS:PORT", named(""))
        }
        None => format!("{} is not right", named("")),
    }
}

/// The path of a key, `providers[0].name`, with one more name at its end where that is not there already.
fn dotted(path: &Path, ending: &str) -> String {
    let mut shown = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => shown.push_str(&format!("[{index}]")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                if !shown.is_empty() {
                    shown.push('.');
                }
                shown.push_str(key);
            }
            Segment::Unknown => {}
        }
    }
    if ending.is_empty() || shown == ending || shown.ends_with(&format!(".{ending}")) {
        return shown;
    }
    if shown.is_empty() { ending.to_owned() } else { format!("{shown}.{ending}") }
}
