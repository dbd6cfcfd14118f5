//! `strongroom key`: what is signed, encrypted or wrapped comes from files and pipes and goes to them.

mod data;
mod import;
mod public;
mod rotation;

use std::{
    fs::File,
    io::{Read, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Map, Value, json};
use strongroom_crypto::key::SignAlgorithm;
use zeroize::Zeroizing;

use super::{
    object::{Collection, connect},
    tags,
};
use crate::{
    cli::{KeyChange, KeyCommand, KeyGiven, KeyNamed, Through, VaultAt},
    private_file,
};

/// Keys, as a collection.
const KEYS: Collection =
    Collection { word: "key", path: "keys", deleted: "deletedkeys", line_id: "/kid", id: "/key/kid", column: None };

pub(crate) async fn run(command: KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Life(step) => KEYS.run(step).await,
        KeyCommand::Create { name, key, at } => create(&name, key, &at).await,
        KeyCommand::Import { name, file, operations, tags, at } => {
            import::import(&name, &file, &operations, &tags, &at).await
        }
        KeyCommand::Get { key, at } => get(&key, &at).await,
        KeyCommand::Update { key, change, at } => update(&key, change, &at).await,
        KeyCommand::Rotate { name, at } => rotation::rotate(&name, &at).await,
        KeyCommand::RotationPolicy(command) => rotation::policy(command).await,
        KeyCommand::Sign { key, algorithm, through, at } => sign(&key, &algorithm, &through, &at).await,
        KeyCommand::Verify { key, algorithm, signature, file, at } => {
            verify(&key, &algorithm, &signature, file.as_deref(), &at).await
        }
        KeyCommand::Encrypt(given) => data::seal(&given, "encrypt").await,
        KeyCommand::Wrap(given) => data::seal(&given, "wrapkey").await,
        KeyCommand::Decrypt(given) => data::open(&given, "decrypt").await,
        KeyCommand::Unwrap(given) => data::open(&given, "unwrapkey").await,
        KeyCommand::Export { key, format, at } => public::export(&key, format, &at).await,
    }
}

fn insert(body: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(object) = body.as_object_mut() {
        object.insert(name.to_owned(), value.into());
    }
}

async fn create(name: &str, key: KeyGiven, at: &VaultAt) -> anyhow::Result<()> {
    let mut body = json!({ "kty": key.kty, "tags": tags(&key.tags)? });
    if let Some(size) = key.size {
        insert(&mut body, "key_size", size);
    }
    if let Some(curve) = key.curve {
        insert(&mut body, "crv", curve);
    }
    if !key.operations.is_empty() {
        insert(&mut body, "key_ops", key.operations);
    }
    let body = serde_json::to_vec(&body)?;
    let answer = connect(at).await?.send(Method::POST, &["keys", name, "create"], Some(body)).await?;
    KEYS.print_id(&answer, at.output);
    Ok(())
}

/// The path of a key, with an empty version for the current one.
fn path<'a>(key: &'a KeyNamed, operation: Option<&'a str>) -> Vec<&'a str> {
    let version = key.version.as_deref();
    match operation {
        Some(operation) => vec!["keys", &key.name, version.unwrap_or_default(), operation],
        None => ["keys", &key.name].into_iter().chain(version).collect(),
    }
}

async fn get(key: &KeyNamed, at: &VaultAt) -> anyhow::Result<()> {
    println!("{}", connect(at).await?.send(Method::GET, &path(key, None), None).await?);
    Ok(())
}

async fn update(key: &KeyNamed, change: KeyChange, at: &VaultAt) -> anyhow::Result<()> {
    let mut body = Value::Object(Map::new());
    if let Some(enabled) = change.enabled {
        insert(&mut body, "attributes", json!({ "enabled": enabled }));
    }
    if !change.operations.is_empty() {
        insert(&mut body, "key_ops", change.operations);
    }
    if !change.tags.is_empty() {
        insert(&mut body, "tags", tags(&change.tags)?);
    }
    if body.as_object().is_some_and(Map::is_empty) {
        bail!("say what to change: --enabled, --op or --tag");
    }
    let body = serde_json::to_vec(&body)?;
    let answer = connect(at).await?.send(Method::PATCH, &path(key, None), Some(body)).await?;
    KEYS.print_id(&answer, at.output);
    Ok(())
}

/// A file, or standard input.
fn source(file: Option<&Path>) -> anyhow::Result<Box<dyn Read>> {
    Ok(match file.filter(|path| *path != Path::new("-")) {
        Some(path) => Box::new(File::open(path).with_context(|| format!("{} cannot be read", path.display()))?),
        None => Box::new(std::io::stdin()),
    })
}

/// At most `most` bytes of a file or of standard input.
fn read(file: Option<&Path>, most: u64) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    source(file)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > most) {
        bail!("there are more than {most} bytes");
    }
    Ok(bytes)
}

/// To a new file for its owner alone, or to standard output.
fn write(out: Option<&PathBuf>, bytes: &[u8]) -> anyhow::Result<()> {
    match out {
        Some(file) => private_file::write(file, bytes, false),
        None => Ok(std::io::stdout().lock().write_all(bytes)?),
    }
}

/// What a file is signed by: its digest, whatever its length.
fn digest(algorithm: &str, file: Option<&Path>) -> anyhow::Result<String> {
    let known = || SignAlgorithm::ALL.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", ");
    let algorithm = SignAlgorithm::parse(algorithm).with_context(|| format!("the algorithm is one of {}", known()))?;
    Ok(BASE64URL_NOPAD.encode(&algorithm.digest_of(source(file)?)?))
}

async fn sign(key: &KeyNamed, algorithm: &str, through: &Through, at: &VaultAt) -> anyhow::Result<()> {
    let body = json!({ "alg": algorithm, "value": digest(algorithm, through.file.as_deref())? });
    let body = serde_json::to_vec(&body)?;
    let answer = connect(at).await?.send(Method::POST, &path(key, Some("sign")), Some(body)).await?;
    write(through.out.as_ref(), &bytes_of(&answer, "value")?)
}

async fn verify(
    key: &KeyNamed,
    algorithm: &str,
    signature: &Path,
    file: Option<&Path>,
    at: &VaultAt,
) -> anyhow::Result<()> {
    let signature = read(Some(signature), 4096)?;
    let digest = digest(algorithm, file)?;
    let body = json!({ "alg": algorithm, "digest": digest, "value": BASE64URL_NOPAD.encode(&signature) });
    let body = serde_json::to_vec(&body)?;
    let answer = connect(at).await?.send(Method::POST, &path(key, Some("verify")), Some(body)).await?;
    if answer.get("value") != Some(&Value::Bool(true)) {
        bail!("the signature is not this key's over these bytes");
    }
    println!("the signature is good");
    Ok(())
}

/// Bytes that an answer has in base64url.
fn bytes_of(answer: &Value, name: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let text = answer.get(name).and_then(Value::as_str).with_context(|| format!("the answer has no {name}"))?;
    let bytes = BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes());
    Ok(Zeroizing::new(bytes.context("the answer is damaged")?))
}
