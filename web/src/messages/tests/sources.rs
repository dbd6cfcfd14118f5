//! The sources that ask for messages, read as far as strings, comments and brackets go.

use std::{fs, path::Path};

/// Where texts of the dashboard are made.
const FOLDERS: [&str; 3] = ["src", "templates", "../server/http/src/dashboard"];

/// A file.
pub(super) struct Source {
    pub(super) path: String,
    text: String,
}

/// A string in it.
pub(super) struct Literal {
    pub(super) text: String,
    /// The macro whose argument it is.
    pub(super) of: String,
    pub(super) in_say: bool,
}

pub(super) fn all() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    assert!(found.len() > 100, "the sources are there");
    found
}

fn read(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() && !["tests", "messages"].iter().any(|aside| name.ends_with(aside)) {
            read(&path, found);
        } else if (name.ends_with(".rs") || name.ends_with(".html")) && !name.contains("sample") {
            let text = fs::read_to_string(&path).expect("a source");
            found.push(Source { path: name, text });
        }
    }
}

impl Source {
    pub(super) fn is_code(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Without what is only for tests, which stands last.
    pub(super) fn program(&self) -> &str {
        let own = self.before("#[cfg(test)]\nmod tests {");
        // Of which other tests take what they begin with.
        let lent = self.before("#[cfg(test)]\npub(super) mod tests {");
        if lent.len() < own.len() { lent } else { own }
    }

    fn before(&self, begin: &str) -> &str {
        self.text.find(begin).map_or(self.text.as_str(), |end| &self.text[..end])
    }

    /// Names and variables of the messages that it asks for.
    pub(super) fn asked(&self) -> Vec<(String, Vec<String>)> {
        let calls = self.program().split("say!(").skip(1).filter_map(|rest| {
            let rest = rest.trim_start().strip_prefix('"')?;
            let (name, rest) = rest.split_once('"')?;
            Some((name.to_owned(), variables(rest)))
        });
        calls.collect()
    }

    /// The strings of a source in Rust, without those of samples.
    pub(super) fn literals(&self) -> Vec<Literal> {
        let mut found = Vec::new();
        let mut open: Vec<String> = Vec::new();
        let mut word = String::new();
        let samples = self.before("pub fn samples() ->");
        let mut rest = if samples.len() < self.program().len() { samples } else { self.program() };
        while let Some(c) = rest.chars().next() {
            let mut step = c.len_utf8();
            if rest.starts_with("//") {
                step = rest.find('\n').unwrap_or(rest.len());
            } else if let Some(length) = character(rest) {
                step = length;
            } else if let Some((text, length)) = string(rest) {
                let of = open.iter().rev().find(|of| !of.is_empty()).cloned().unwrap_or_default();
                found.push(Literal { text, in_say: open.iter().any(|of| of == "say"), of });
                step = length;
            } else if "([{".contains(c) {
                open.push(word.strip_suffix('!').unwrap_or_default().to_owned());
            } else if ")]}".contains(c) {
                open.pop();
            }
            if c.is_alphanumeric() || c == '_' || c == '!' {
                word.push(c);
            } else {
                word.clear();
            }
            rest = &rest[step..];
        }
        found
    }
}

/// `, name = value` at the level of the call, until it is closed.
fn variables(rest: &str) -> Vec<String> {
    let mut depth = 0;
    let mut found = Vec::new();
    let mut at = rest;
    while let Some(c) = at.chars().next() {
        let mut step = c.len_utf8();
        if let Some(length) = character(at) {
            step = length;
        } else if let Some((_, length)) = string(at) {
            step = length;
        } else if "([{".contains(c) {
            depth += 1;
        } else if ")]}".contains(c) {
            if depth == 0 {
                break;
            }
            depth -= 1;
        } else if c == ',' && depth == 0 {
            let name = at[1..].trim_start();
            let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
            if end > 0 && name[end..].trim_start().starts_with('=') {
                found.push(name[..end].to_owned());
            }
        }
        at = &at[step..];
    }
    found
}

/// Length of a character that begins here: `'"'`, `'\n'`; not of a lifetime.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let length = match inner.strip_prefix('\\') {
        Some(escaped) => 1 + escaped.chars().next()?.len_utf8() + escaped[1..].find('\'')?,
        None => inner.chars().next()?.len_utf8(),
    };
    inner.get(length..)?.starts_with('\'').then_some(length + 2)
}

/// A string that begins here, as it stands in the source, and its length.
fn string(text: &str) -> Option<(String, usize)> {
    if let Some(raw) = text.strip_prefix("r\"").or_else(|| text.strip_prefix("r#\"")) {
        let end = if text.starts_with("r#") { "\"#" } else { "\"" };
        let length = raw.find(end)?;
        return Some((raw[..length].to_owned(), text.len() - raw.len() + length + end.len()));
    }
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((inner[..at].to_owned(), at + 2)),
            _ => {}
        }
    }
    None
}
