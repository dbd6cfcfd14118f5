//! `strongroom key`: what is signed, encrypted or wrapped comes from files and pipes and goes to them.

mod data;
mod import;
mod public;
mod rotation;
mod signature;

use std::{
    fs::File,
    io::{IsTerminal as _, Read, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    attributes::update,
    listed,
    object::{Collection, connect},
    text,
};
use crate::{
    cli::{KeyCommand, KeyGiven, VaultAt, Versioned},
    client::VaultClient,
    plain::{plain, plain_lines},
    private_file,
};
use signature::Signing;

/// Keys, as a collection.
const KEYS: Collection = Collection {
    word: "key",
    path: "keys",
    deleted: "deletedkeys",
    asked: &[],
    line_id: "/kid",
    id: "/key/kid",
    columns: &[("TYPE", |line| kind(line, ""))],
    own: |key| {
        let managed = text(key, "/managed") == "true";
        let managed = if managed { "by a certificate of this name".to_owned() } else { String::new() };
        vec![("type", kind(key, "/key")), ("operations", listed(key, "/key/key_ops")), ("managed", managed)]
    },
};

/// More than any password has that a document is opened with; reading stops there.
const MAX_PASSWORD: u64 = 4096;

/// What kind of key, as far as an answer tells: `RSA, 2048 bits`; `EC-HSM, P-256, in the hardware token`. `of` is
/// where its type stands.
fn kind(answer: &Value, of: &str) -> String {
    let part = |name: &str| text(answer, &format!("{of}/{name}"));
    let size = text(answer, "/attributes/key_size");
    let size = if size.is_empty() { size } else { format!("{size} bits") };
    let place = if in_token(answer) { "in the hardware token" } else { "" };
    let told = [part("kty"), part("crv"), size, place.to_owned()];
    told.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn in_token(answer: &Value) -> bool {
    !matches!(text(answer, "/attributes/hsmPlatform").as_str(), "" | "0")
}

pub(crate) async fn run(command: KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Life(step) => KEYS.run(step).await,
        KeyCommand::Create { name, key, at } => create(&name, key, &at).await,
        KeyCommand::Import { name, file, password_file, operations, leave_hardware, attributes, at } => {
            let key = import::private(&file, password_file.as_deref(), &operations)?;
            import::import(&name, key, leave_hardware, attributes.body()?, &at).await
        }
        KeyCommand::Get { key, at } => get(&key, &at).await,
        KeyCommand::Update { key, change, operations, at } => {
            let mut body = change.body()?;
            if !operations.is_empty() {
                body.insert("key_ops".to_owned(), operations.into());
            }
            let options = "--enabled, --not-before, --expires, --op, --tag or --no-tags";
            update(&KEYS, &key, body, options, &at).await
        }
        KeyCommand::Rotate { name, at } => rotation::rotate(&name, &at).await,
        KeyCommand::RotationPolicy(command) => rotation::policy(command).await,
        KeyCommand::Sign { key, algorithm, format, through, at } => {
            signature::sign(&key, Signing::of(&algorithm, format)?, &through, &at).await
        }
        KeyCommand::Verify { key, algorithm, signature, format, file, at } => {
            signature::verify(&key, Signing::of(&algorithm, format)?, &signature, file.as_deref(), &at).await
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

/// Refuses what says nothing of a key of this type, and would be left out in silence. The vault names the types.
pub(super) fn fitting(kty: &str, size: Option<u64>, curve: Option<&str>) -> anyhow::Result<()> {
    let (kind, takes, other) = match kty.trim_end_matches("-HSM") {
        "EC" => ("elliptic", "a curve, --curve", size.map(|_| "--size")),
        "RSA" => ("RSA", "a size, --size", curve.map(|_| "--curve")),
        "oct" => ("symmetric", "a size, --size", curve.map(|_| "--curve")),
        _ => return Ok(()),
    };
    match other {
        Some(other) => bail!("{kind} keys have {takes}: leave {other} away, or say another --type"),
        None => Ok(()),
    }
}

/// What kind of key is made: as it was said, and otherwise like the version that is there now, so that a new version
/// is another kind of key only where that was meant.
fn kind_to_make(key: &KeyGiven, current: Option<&Value>) -> anyhow::Result<(String, Option<u64>, Option<String>)> {
    let of_current = current.map(|current| text(current, "/key/kty")).filter(|kty| !kty.is_empty());
    let kty = match (&key.kty, &of_current) {
        (Some(kty), _) => kty.clone(),
        (None, Some(kty)) if key.leave_hardware => kty.trim_end_matches("-HSM").to_owned(),
        (None, Some(kty)) => kty.clone(),
        (None, None) => "EC".to_owned(),
    };
    fitting(&kty, key.size, key.curve.as_deref())?;
    let family = |kty: &str| kty.trim_end_matches("-HSM").to_owned();
    let (mut size, mut curve) = (key.size, key.curve.clone());
    if let Some(current) = current.filter(|_| of_current.is_some_and(|of_current| family(&of_current) == family(&kty)))
    {
        if family(&kty) == "EC" {
            curve = curve.or_else(|| Some(text(current, "/key/crv")).filter(|curve| !curve.is_empty()));
        } else {
            size = size.or_else(|| current.pointer("/attributes/key_size").and_then(Value::as_u64));
        }
    }
    Ok((kty, size, curve))
}

async fn create(name: &str, key: KeyGiven, at: &VaultAt) -> anyhow::Result<()> {
    // What is wrong without a look at what there is is told without one.
    if let Some(kty) = &key.kty {
        fitting(kty, key.size, key.curve.as_deref())?;
    }
    let client = connect(at).await?;
    // Who may not look is not kept from it.
    let current = client.send(Method::GET, &["keys", name], None).await.ok();
    let (kty, size, curve) = kind_to_make(&key, current.as_ref())?;
    if !kty.ends_with("-HSM") && !key.leave_hardware {
        stay_in_hardware(&client, name, "give --type with -HSM, or").await?;
    }
    let mut body = Value::Object(key.attributes.body()?);
    insert(&mut body, "kty", kty);
    if let Some(size) = size {
        insert(&mut body, "key_size", size);
    }
    if let Some(curve) = curve {
        insert(&mut body, "crv", curve);
    }
    if !key.operations.is_empty() {
        insert(&mut body, "key_ops", key.operations);
    }
    let body = serde_json::to_vec(&body)?;
    let answer = client.send(Method::POST, &["keys", name, "create"], Some(body)).await?;
    if let Some(current) = current {
        let (was, is) = (kind(&current, "/key"), kind(&answer, "/key"));
        if was != is {
            eprintln!("{} was {was}, and is {is} from this version on", plain(name));
        }
    }
    KEYS.print_id(&answer, at.output);
    Ok(())
}

/// Refuses to let a version in software take the place of one in a token without a word: whoever asks for the name
/// would go on with it. Who may not list versions is not kept from it.
async fn stay_in_hardware(client: &VaultClient, name: &str, instead: &str) -> anyhow::Result<()> {
    let Ok(versions) = client.all(&["keys", name, "versions"]).await else { return Ok(()) };
    let newest = versions.iter().max_by_key(|line| line.pointer("/attributes/created").and_then(Value::as_i64));
    if newest.is_some_and(in_token) {
        bail!(
            "the current version of {} is in the hardware token, and this one would be in software: {instead} \
             --leave-hardware if that is meant",
            plain(name)
        );
    }
    Ok(())
}

/// The path of a key, with an empty version for the current one.
fn path<'a>(key: &'a Versioned, operation: Option<&'a str>) -> Vec<&'a str> {
    let version = key.version.as_deref();
    match operation {
        Some(operation) => vec!["keys", &key.name, version.unwrap_or_default(), operation],
        None => ["keys", &key.name].into_iter().chain(version).collect(),
    }
}

async fn get(key: &Versioned, at: &VaultAt) -> anyhow::Result<()> {
    let answer = connect(at).await?.send(Method::GET, &path(key, None), None).await?;
    KEYS.print_one(&answer, (KEYS.own)(&answer), at.output);
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
    let from = file.filter(|path| *path != Path::new("-"));
    let from = from.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
    let mut bytes = Zeroizing::new(Vec::new());
    source(file)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > most) {
        bail!("{from} has more than {most} bytes, the most that is read here");
    }
    Ok(bytes)
}

/// The password in a file, without the end of its line. Whoever gives one that all may read is told.
pub(super) fn password(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    if private_file::is_open_to_all(file) {
        eprintln!("everybody on this machine may read {}: chmod o-r", file.display());
    }
    let bytes = read(Some(file), MAX_PASSWORD)?;
    let text = std::str::from_utf8(&bytes).context("the password is not text in UTF-8")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

/// To a new file for its owner alone, or to standard output: to a terminal only what cannot command it, because
/// whoever encrypted it, with the public part alone, chose it.
fn write(out: Option<&PathBuf>, bytes: &[u8]) -> anyhow::Result<()> {
    if out.is_none() && std::io::stdout().is_terminal() {
        let Ok(text) = std::str::from_utf8(bytes) else {
            bail!("this is no text for a terminal: give --out FILE, or pipe it");
        };
        if let Some(shown) = plain_lines(text) {
            return Ok(std::io::stdout().lock().write_all(Zeroizing::new(shown).as_bytes())?);
        }
    }
    match out {
        Some(file) => private_file::write(file, bytes, false),
        None => Ok(std::io::stdout().lock().write_all(bytes)?),
    }
}

/// The version that an answer, or a file with one, says it is of.
fn version_of(answer: &Value) -> Option<String> {
    answer.get("kid").and_then(Value::as_str).and_then(|kid| kid.rsplit('/').next()).map(str::to_owned)
}

/// Bytes that an answer has in base64url.
fn bytes_of(answer: &Value, name: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let text = answer.get(name).and_then(Value::as_str).with_context(|| format!("the answer has no {name}"))?;
    let bytes = BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes());
    Ok(Zeroizing::new(bytes.context("the answer is damaged")?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::NewAttributes;

    #[test]
    fn a_new_version_is_of_the_kind_that_is_there_unless_another_is_said() {
        let given = |kty: Option<&str>, size, curve: Option<&str>, leave_hardware| KeyGiven {
            kty: kty.map(str::to_owned),
            size,
            curve: curve.map(str::to_owned),
            operations: Vec::new(),
            leave_hardware,
            attributes: NewAttributes { not_before: None, expires: None, disabled: false, tags: Vec::new() },
        };
        let made = |key: &KeyGiven, current: Option<&Value>| kind_to_make(key, current).unwrap();
        let of = |kty: &str, size, curve: Option<&str>| (kty.to_owned(), size, curve.map(str::to_owned));
        let rsa = json!({ "key": { "kty": "RSA" }, "attributes": { "key_size": 4096 } });
        let hard = json!({ "key": { "kty": "EC-HSM", "crv": "P-384" }, "attributes": {} });
        let nothing = given(None, None, None, false);
        assert_eq!(made(&nothing, None), of("EC", None, None));
        assert_eq!(made(&nothing, Some(&rsa)), of("RSA", Some(4096), None));
        assert_eq!(made(&nothing, Some(&hard)), of("EC-HSM", None, Some("P-384")));
        assert_eq!(made(&given(None, None, None, true), Some(&hard)), of("EC", None, Some("P-384")));
        assert_eq!(made(&given(Some("RSA"), Some(2048), None, false), Some(&rsa)), of("RSA", Some(2048), None));
        assert_eq!(made(&given(Some("EC"), None, None, false), Some(&rsa)), of("EC", None, None));
        assert!(
            kind_to_make(&given(None, None, Some("P-256"), false), Some(&rsa)).is_err(),
            "another type is not said"
        );
    }

    #[test]
    fn what_a_type_of_key_does_not_have_is_refused() {
        for (kty, size, curve, good) in [
            ("EC", None, Some("P-384"), true),
            ("EC", Some(2048), None, false),
            ("RSA", Some(2048), None, true),
            ("RSA", None, Some("P-256"), false),
            ("RSA-HSM", None, Some("P-256"), false),
            ("oct", Some(256), None, true),
            ("oct", None, Some("P-256"), false),
            ("none of ours", Some(1), Some("x"), true),
        ] {
            assert_eq!(fitting(kty, size, curve).is_ok(), good, "{kty} {size:?} {curve:?}");
        }
        let said = fitting("RSA", None, Some("P-256")).unwrap_err().to_string();
        assert_eq!(said, "RSA keys have a size, --size: leave --curve away, or say another --type");
    }
}
