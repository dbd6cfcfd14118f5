//! `strongroom secret import`: what a `.env` file says becomes secrets.
//!
//! Everything is looked at before anything is written. Must never print a value.

use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};
use strongroom_domain::{
    dotenv::{self, Entry},
    names::ObjectName,
    secret::MAX_VALUE_BYTES,
};
use zeroize::Zeroizing;

use super::{
    super::{table, tags},
    connect,
};
use crate::{
    cli::{Output, SecretImport, VaultAt},
    client::{Refused, VaultClient},
    exit::Found,
};

/// A value and the secret that it becomes.
struct Planned {
    variable: String,
    secret: String,
    value: Zeroizing<String>,
}

/// What would be done about one.
enum Step {
    Create,
    /// With what the new version keeps of the current one: content type and tags.
    Change(Map<String, Value>),
    Unchanged,
    /// A deleted secret has the name.
    Taken,
}

impl Step {
    fn word(&self, dry_run: bool) -> &'static str {
        match (self, dry_run) {
            (Self::Create, true) => "create",
            (Self::Create, false) => "created",
            (Self::Change(_), true) => "change",
            (Self::Change(_), false) => "changed",
            (Self::Unchanged, _) => "unchanged",
            (Self::Taken, _) => "taken",
        }
    }
}

pub(super) async fn import(given: SecretImport, to: &VaultAt) -> anyhow::Result<()> {
    let text = read(&given.file)?;
    let entries = dotenv::parse(&text).with_context(|| given.file.display().to_string())?;
    let planned = plan(entries, &given.prefix, given.allow_empty)?;
    let tags = tags(&given.tags)?;
    let vault = connect(to).await?;
    let mut steps = Vec::with_capacity(planned.len());
    for one in &planned {
        steps.push(compare(&vault, one).await.with_context(|| one.secret.clone())?);
    }
    let taken = planned.iter().zip(&steps).filter(|(_, step)| matches!(step, Step::Taken));
    let taken: Vec<_> = taken.map(|(one, _)| one.secret.as_str()).collect();
    if !taken.is_empty() {
        let taken = taken.join(", ");
        let why = format!("nothing was written: deleted secrets have the names {taken}; recover or purge them first");
        return Err(Found::Conflict(why).into());
    }
    if !given.dry_run {
        write(&vault, &planned, &steps, &tags).await?;
    }
    print(&planned, &steps, given.dry_run, to.output);
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(dotenv::MAX_FILE.saturating_add(1)));
    let opened = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let most = u64::try_from(dotenv::MAX_FILE)?.saturating_add(1);
    let length = opened.take(most).read_to_end(&mut bytes).with_context(|| format!("{}", file.display()))?;
    if length > dotenv::MAX_FILE {
        bail!("{} is longer than {} bytes", file.display(), dotenv::MAX_FILE);
    }
    utf8(std::mem::take(&mut *bytes))
}

/// The text, or the line that is none.
fn utf8(bytes: Vec<u8>) -> anyhow::Result<Zeroizing<String>> {
    String::from_utf8(bytes).map(Zeroizing::new).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let bytes = Zeroizing::new(error.into_bytes());
        let before = bytes.iter().take(good).filter(|byte| **byte == b'\n').count();
        anyhow::anyhow!("line {}: not text in UTF-8: nothing was written", before.saturating_add(1))
    })
}

/// The names that the entries get, all of them in order before anybody is asked.
fn plan(entries: Vec<Entry>, prefix: &str, allow_empty: bool) -> anyhow::Result<Vec<Planned>> {
    let mut seen = BTreeMap::new();
    let mut planned = Vec::with_capacity(entries.len());
    for entry in entries {
        let secret = entry.secret(prefix);
        let Entry { line, name, value } = entry;
        ObjectName::parse(&secret).with_context(|| format!("line {line}: {secret} cannot be a secret's name"))?;
        // Names of secrets do not tell upper case from lower case.
        if let Some(other) = seen.insert(secret.to_ascii_lowercase(), name.clone()) {
            bail!("line {line}: {other} and {name} would be the same secret, {secret}: nothing was written");
        }
        if value.is_empty() && !allow_empty {
            bail!("line {line}: {name} is empty; --allow-empty stores it all the same");
        }
        if value.len() > MAX_VALUE_BYTES {
            bail!("line {line}: {name} is longer than the {MAX_VALUE_BYTES} bytes that a secret may have");
        }
        planned.push(Planned { variable: name, secret, value });
    }
    Ok(planned)
}

fn status(error: &anyhow::Error) -> Option<StatusCode> {
    error.downcast_ref::<Refused>().map(|refused| refused.status)
}

async fn compare(vault: &VaultClient, one: &Planned) -> anyhow::Result<Step> {
    match vault.send(Method::GET, &["secrets", &one.secret], None).await {
        Ok(mut now) => {
            if let Some(Value::String(value)) = now.get_mut("value").map(Value::take)
                && *Zeroizing::new(value) == *one.value
            {
                return Ok(Step::Unchanged);
            }
            let kept =
                ["contentType", "tags"].into_iter().filter_map(|part| Some((part.to_owned(), now.get(part)?.clone())));
            Ok(Step::Change(kept.collect()))
        }
        Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => {
            match vault.send(Method::GET, &["deletedsecrets", &one.secret], None).await {
                Ok(_) => Ok(Step::Taken),
                // Who may not know is told when it is written.
                Err(error) if matches!(status(&error), Some(StatusCode::NOT_FOUND | StatusCode::FORBIDDEN)) => {
                    Ok(Step::Create)
                }
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

async fn write(
    vault: &VaultClient,
    planned: &[Planned],
    steps: &[Step],
    tags: &Map<String, Value>,
) -> anyhow::Result<()> {
    let todo: Vec<_> = planned.iter().zip(steps).filter(|(_, step)| !matches!(step, Step::Unchanged)).collect();
    for (done, (one, step)) in todo.iter().enumerate() {
        let mut body = if let Step::Change(kept) = step { kept.clone() } else { Map::new() };
        body.insert("value".to_owned(), one.value.as_str().into());
        if let (false, Value::Object(kept)) = (tags.is_empty(), body.entry("tags").or_insert_with(|| json!({}))) {
            kept.extend(tags.clone());
        }
        let written = vault.send(Method::PUT, &["secrets", &one.secret], Some(serde_json::to_vec(&body)?)).await;
        written.with_context(|| {
            format!(
                "{} was not written, after {done} of {} that were: once what is said here is mended, the command \
                     goes on where it stopped",
                one.secret,
                todo.len()
            )
        })?;
    }
    Ok(())
}

fn print(planned: &[Planned], steps: &[Step], dry_run: bool, output: Output) {
    let lines = planned.iter().zip(steps);
    if output == Output::Json {
        let line = |(one, step): (&Planned, &Step)| json!({ "name": one.variable, "secret": one.secret, "change": step.word(dry_run) });
        println!("{}", crate::plain::json(&lines.map(line).collect::<Value>()));
        return;
    }
    let mut shown = table(&["NAME", "SECRET", if dry_run { "WOULD BE" } else { "IS" }]);
    for (one, step) in lines {
        let word = match step {
            Step::Create => "created",
            Step::Change(_) => "changed",
            Step::Unchanged | Step::Taken => step.word(dry_run),
        };
        shown.add_row([one.variable.as_str(), &one.secret, word]);
    }
    println!("{shown}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(text: &str, prefix: &str) -> Result<Vec<String>, String> {
        let planned = plan(dotenv::parse(text).unwrap(), prefix, false).map_err(|error| format!("{error:#}"))?;
        Ok(planned.into_iter().map(|one| one.secret).collect())
    }

    #[test]
    fn the_line_that_is_no_text_is_named() {
        assert_eq!(*utf8(b"A=\xc3\xa4\n".to_vec()).unwrap(), "A=\u{e4}\n");
        let told = utf8(b"A=1\nB=2\nC=\xff\n".to_vec()).unwrap_err().to_string();
        assert!(told.starts_with("line 3: not text in UTF-8"), "{told}");
    }

    #[test]
    fn names_become_names_of_secrets() {
        assert_eq!(names("DB_URL=x\na.b=y", "app-").unwrap(), ["app-DB-URL", "app-a-b"]);
        assert!(names("A_B=x\na-b=y", "").unwrap_err().contains("A_B and a-b would be the same secret"));
        assert!(names("A=x", "no space ").unwrap_err().contains("cannot be a secret's name"));
        assert!(names(&format!("{}=x", "A".repeat(128)), "").is_err());
        assert!(names("A=", "").unwrap_err().contains("--allow-empty"));
        let long = names(&format!("A={}", "x".repeat(MAX_VALUE_BYTES + 1)), "").unwrap_err();
        assert!(long.contains("longer") && !long.contains("xx"), "{long}");
    }

    proptest! {
        #[test]
        fn whatever_is_planned_has_a_name_that_a_vault_takes(name in "[A-Za-z_][A-Za-z0-9_.-]{0,140}", prefix in "[a-z_-]{0,3}") {
            if let Ok(planned) = names(&format!("{name}=x"), &prefix) {
                prop_assert!(planned.iter().all(|name| ObjectName::parse(name).is_ok()));
            } else {
                prop_assert!(prefix.len() + name.len() > 127);
            }
        }
    }
}
