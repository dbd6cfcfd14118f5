//! `strongroom key`: what is signed, encrypted or wrapped comes from files and pipes and goes to them.

mod data;
mod import;
mod public;
mod rotation;

use std::{
    fs::File,
    io::{IsTerminal as _, Read, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};
use strongroom_crypto::key::{PublicKey, SignAlgorithm};
use zeroize::Zeroizing;

use super::{
    attributes::update,
    listed,
    object::{Collection, connect},
    text,
};
use crate::{
    cli::{KeyCommand, KeyGiven, SignatureForm, Through, VaultAt, Versioned},
    plain::plain_lines,
    private_file,
};

/// Keys, as a collection.
const KEYS: Collection =
    Collection { word: "key", path: "keys", deleted: "deletedkeys", line_id: "/kid", id: "/key/kid", column: None };

pub(crate) async fn run(command: KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Life(step) => KEYS.run(step).await,
        KeyCommand::Create { name, key, at } => create(&name, key, &at).await,
        KeyCommand::Import { name, file, operations, attributes, at } => {
            import::import(&name, &file, &operations, attributes.body()?, &at).await
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
            sign(&key, Signing::of(&algorithm, format)?, &through, &at).await
        }
        KeyCommand::Verify { key, algorithm, signature, format, file, at } => {
            verify(&key, Signing::of(&algorithm, format)?, &signature, file.as_deref(), &at).await
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

async fn create(name: &str, key: KeyGiven, at: &VaultAt) -> anyhow::Result<()> {
    fitting(&key.kty, key.size, key.curve.as_deref())?;
    let mut body = Value::Object(key.attributes.body()?);
    insert(&mut body, "kty", key.kty);
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
fn path<'a>(key: &'a Versioned, operation: Option<&'a str>) -> Vec<&'a str> {
    let version = key.version.as_deref();
    match operation {
        Some(operation) => vec!["keys", &key.name, version.unwrap_or_default(), operation],
        None => ["keys", &key.name].into_iter().chain(version).collect(),
    }
}

async fn get(key: &Versioned, at: &VaultAt) -> anyhow::Result<()> {
    let answer = connect(at).await?.send(Method::GET, &path(key, None), None).await?;
    let jwk = answer.get("key").cloned().unwrap_or_default();
    let kind = match serde_json::from_value::<PublicKey>(jwk) {
        Ok(PublicKey::Rsa { n, .. }) => format!("RSA, {} bits", n.len().saturating_mul(8)),
        Ok(PublicKey::Ec { crv, .. }) => format!("EC, {}", crv.as_str()),
        Err(_) => text(&answer, "/key/kty"),
    };
    let managed = text(&answer, "/managed");
    let managed = if managed == "true" { "by a certificate of this name".to_owned() } else { String::new() };
    let own = [("type", kind), ("operations", listed(&answer, "/key/key_ops")), ("managed", managed)];
    KEYS.print_one(&answer, own, at.output);
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

/// How a signature is made, and in which form it is in a file.
#[derive(Clone, Copy, Debug)]
struct Signing {
    algorithm: SignAlgorithm,
    format: SignatureForm,
}

impl Signing {
    fn of(algorithm: &str, format: SignatureForm) -> anyhow::Result<Self> {
        let known = || SignAlgorithm::ALL.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", ");
        let algorithm =
            SignAlgorithm::parse(algorithm).with_context(|| format!("the algorithm is one of {}", known()))?;
        let elliptic = algorithm.as_str().starts_with("ES");
        if format == SignatureForm::Der && !elliptic {
            bail!(
                "signatures by {} have one form alone, which OpenSSL takes as it is: leave --format away",
                algorithm.as_str()
            );
        }
        Ok(Self { algorithm, format })
    }

    /// What a file is signed by: its digest, whatever its length.
    fn digest(self, file: Option<&Path>) -> anyhow::Result<String> {
        Ok(BASE64URL_NOPAD.encode(&self.algorithm.digest_of(source(file)?)?))
    }

    /// A signature of the vault, as a file has it.
    fn written(self, raw: Zeroizing<Vec<u8>>) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        match self.format {
            SignatureForm::Raw => Ok(raw),
            SignatureForm::Der => {
                let der = self.algorithm.signature_to_der(&raw).context("the answer's signature is damaged")?;
                Ok(Zeroizing::new(der))
            }
        }
    }

    /// A signature of a file, as the vault takes it.
    fn read(self, written: &[u8]) -> anyhow::Result<Vec<u8>> {
        let (algorithm, der) = (self.algorithm.as_str(), self.algorithm.signature_from_der(written));
        match (self.format, der) {
            (SignatureForm::Der, Some(raw)) => Ok(raw),
            (SignatureForm::Der, None) => {
                bail!("the file holds no {algorithm} signature in DER; without --format der it is taken as r and s")
            }
            (SignatureForm::Raw, Some(_)) => bail!("the file holds a signature in DER: give --format der"),
            (SignatureForm::Raw, None) => Ok(written.to_vec()),
        }
    }
}

async fn sign(key: &Versioned, signing: Signing, through: &Through, at: &VaultAt) -> anyhow::Result<()> {
    let body = json!({ "alg": signing.algorithm.as_str(), "value": signing.digest(through.file.as_deref())? });
    let body = serde_json::to_vec(&body)?;
    let answer = connect(at).await?.send(Method::POST, &path(key, Some("sign")), Some(body)).await?;
    write(through.out.as_ref(), &signing.written(bytes_of(&answer, "value")?)?)
}

async fn verify(
    key: &Versioned,
    signing: Signing,
    signature: &Path,
    file: Option<&Path>,
    at: &VaultAt,
) -> anyhow::Result<()> {
    let signature = signing.read(&read(Some(signature), 4096)?)?;
    let body = json!({
        "alg": signing.algorithm.as_str(), "digest": signing.digest(file)?, "value": BASE64URL_NOPAD.encode(&signature),
    });
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

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_signature_of_the_other_form_is_told_what_to_say() {
        let signing = |format| Signing::of("ES256", format).unwrap();
        let der = signing(SignatureForm::Der).written(Zeroizing::new(vec![1; 64])).unwrap();
        assert_eq!(signing(SignatureForm::Der).read(&der).unwrap(), [1; 64]);
        assert!(signing(SignatureForm::Raw).read(&der).unwrap_err().to_string().contains("--format der"));
        assert!(signing(SignatureForm::Der).read(&[1; 64]).unwrap_err().to_string().contains("without --format der"));
        assert!(Signing::of("RS256", SignatureForm::Der).unwrap_err().to_string().contains("leave --format away"));
        assert!(Signing::of("ES255", SignatureForm::Raw).unwrap_err().to_string().contains("ES512"));
    }
}
