//! Signing files and verifying them. What is signed is hashed here; the file is not sent.

use std::path::Path;

use anyhow::{Context as _, bail};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};
use strongroom_crypto::key::SignAlgorithm;
use strongroom_domain::time::Clock as _;
use url::Url;
use zeroize::Zeroizing;

use super::{bytes_of, connect, path, read, source, text, version_of, write};
use crate::{
    cli::{Output, SignatureForm, Through, VaultAt, Versioned},
    clock::SystemClock,
    commands::done,
    exit::Exit,
    plain::plain,
};

/// How a signature is made, and in which form it is in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signing {
    algorithm: SignAlgorithm,
    format: SignatureForm,
}

impl Signing {
    pub(super) fn of(algorithm: &str, format: SignatureForm) -> anyhow::Result<Self> {
        let known = || SignAlgorithm::ALL.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", ");
        let algorithm =
            SignAlgorithm::parse(algorithm).with_context(|| format!("the algorithm is one of {}", known()))?;
        // Of other keys signatures have one form alone, which OpenSSL takes as it is.
        let format = if algorithm.as_str().starts_with("ES") { format } else { SignatureForm::Raw };
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

pub(super) async fn sign(key: &Versioned, signing: Signing, through: &Through, at: &VaultAt) -> anyhow::Result<()> {
    let body = json!({ "alg": signing.algorithm.as_str(), "value": signing.digest(through.file.as_deref())? });
    let body = serde_json::to_vec(&body)?;
    let answer = connect(at).await?.send(Method::POST, &path(key, Some("sign")), Some(body)).await?;
    let signature = signing.written(bytes_of(&answer, "value")?)?;
    if at.output == Output::Json {
        let told = json!({
            "kid": answer.get("kid"), "alg": signing.algorithm.as_str(), "value": BASE64URL_NOPAD.encode(&signature),
        });
        return write(through.out.as_ref(), format!("{}\n", crate::plain::json(&told)).as_bytes());
    }
    write(through.out.as_ref(), &signature)?;
    eprintln!("signed by {}", text(&answer, "/kid"));
    Ok(())
}

/// A signature from a file, and the key with the version that made it where the file says so.
fn signed(bytes: &[u8], signing: Signing) -> anyhow::Result<(Vec<u8>, Option<String>)> {
    let told = serde_json::from_slice::<Value>(bytes).ok().filter(Value::is_object);
    let Some(told) = told else { return Ok((signing.read(bytes)?, None)) };
    let algorithm = text(&told, "/alg");
    if algorithm != signing.algorithm.as_str() {
        bail!("the file says that the signature is by {algorithm}, and --algorithm is {}", signing.algorithm.as_str());
    }
    let signature = bytes_of(&told, "value").context("the file with the signature")?;
    // Whichever form it was written in.
    let signature = signing.algorithm.signature_from_der(&signature).unwrap_or_else(|| signature.to_vec());
    Ok((signature, told.get("kid").and_then(Value::as_str).map(str::to_owned)))
}

/// The version that a file says it was signed by. It comes with the file, so it chooses among the versions of the key
/// that was asked about and never the key: of another vault or name it is refused.
fn signer(kid: &str, name: &str, vault_url: &str) -> anyhow::Result<String> {
    let host = |address: &str| Url::parse(address).ok()?.host_str().map(str::to_ascii_lowercase);
    let path = Url::parse(kid).ok().map(|kid| kid.path().to_owned()).unwrap_or_default();
    let version = match path.split('/').collect::<Vec<_>>().as_slice() {
        ["", "keys", key, version] if key.eq_ignore_ascii_case(name) && !version.is_empty() => (*version).to_owned(),
        _ => String::new(),
    };
    if version.is_empty() || host(kid).is_none() || host(kid) != host(vault_url) {
        bail!(
            "the file says that it was signed by {}, which is no version of the key {} in the vault at {}",
            plain(kid),
            plain(name),
            plain(vault_url)
        );
    }
    Ok(version)
}

/// Which version it was, as far as that is known, and what is wrong with it now (Unix seconds).
fn good(version: Option<&str>, key: &Value, now: i64) -> String {
    let ends = key.pointer("/attributes/exp").and_then(Value::as_i64);
    let mut told = match version {
        Some(version) => format!("good: signed by version {}", plain(version)),
        None => "good: signed by the current version".to_owned(),
    };
    if ends.is_some_and(|ends| ends <= now) {
        told.push_str(", which has expired");
    }
    if key.pointer("/attributes/enabled") == Some(&Value::Bool(false)) {
        told.push_str(", which is disabled");
    }
    told
}

pub(super) async fn verify(
    key: &Versioned,
    signing: Signing,
    signature: &Path,
    file: Option<&Path>,
    at: &VaultAt,
) -> anyhow::Result<()> {
    let (signature, signed_by) = signed(&read(Some(signature), 8192)?, signing)?;
    let client = connect(at).await?;
    let signed_by = signed_by.map(|kid| signer(&kid, &key.name, &at.vault_url)).transpose()?;
    let mut key = Versioned { name: key.name.clone(), version: key.version.clone().or(signed_by) };
    let named = key.version.is_some();
    // Which one is current, and what is wrong with it, is told to who may look; the rest can be verified anyway.
    let looked = client.send(Method::GET, &path(&key, None), None).await.unwrap_or_default();
    if !named {
        key.version = looked.get("key").and_then(version_of);
    }
    let body = json!({
        "alg": signing.algorithm.as_str(), "digest": signing.digest(file)?, "value": BASE64URL_NOPAD.encode(&signature),
    });
    let body = serde_json::to_vec(&body)?;
    let answer = client.send(Method::POST, &path(&key, Some("verify")), Some(body)).await?;
    if answer.get("value") != Some(&Value::Bool(true)) {
        let why = match key.version.filter(|_| named) {
            Some(version) => format!("the signature is not that of version {} over these bytes", plain(&version)),
            None => format!(
                "the signature is not that of the key's current version over these bytes (--version names another one, and \
                 strongroom key versions {} lists them)",
                plain(&key.name)
            ),
        };
        return Err(anyhow::Error::new(Exit::BadSignature).context(why));
    }
    let told = good(key.version.as_deref(), &looked, SystemClock::new().now_millis().div_euclid(1000));
    done(at.output, &json!({ "verified": true, "version": key.version }), told);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_of_the_other_form_is_told_what_to_say() {
        let signing = |format| Signing::of("ES256", format).unwrap();
        let der = signing(SignatureForm::Der).written(Zeroizing::new(vec![1; 64])).unwrap();
        assert_eq!(signing(SignatureForm::Der).read(&der).unwrap(), [1; 64]);
        assert!(signing(SignatureForm::Raw).read(&der).unwrap_err().to_string().contains("--format der"));
        assert!(signing(SignatureForm::Der).read(&[1; 64]).unwrap_err().to_string().contains("without --format der"));
        let rsa = Signing::of("RS256", SignatureForm::Der).unwrap();
        assert_eq!(rsa.written(Zeroizing::new(vec![1; 256])).unwrap().len(), 256, "there is no other form");
        assert!(Signing::of("ES255", SignatureForm::Raw).unwrap_err().to_string().contains("ES512"));
    }

    #[test]
    fn a_file_chooses_among_the_versions_of_the_key_that_was_asked_about() {
        let vault = "https://pay.vault.example:8443";
        let by = |kid: &str| signer(kid, "Release", vault);
        assert_eq!(by("https://pay.vault.example/keys/release/0a").unwrap(), "0a");
        for kid in [
            "https://evil.vault.example/keys/release/0a",
            "https://pay.vault.example/keys/other/0a",
            "https://pay.vault.example/secrets/release/0a",
            "https://pay.vault.example/keys/release/",
            "https://pay.vault.example/keys/release",
            "0a",
        ] {
            assert!(by(kid).unwrap_err().to_string().contains("no version of the key Release"), "{kid}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_version_is_told_with_the_good_signature() {
        let key = json!({ "attributes": { "exp": 5, "enabled": false } });
        assert_eq!(good(Some("0a"), &Value::Null, 5), "good: signed by version 0a");
        assert_eq!(good(None, &key, 4), "good: signed by the current version, which is disabled");
        assert_eq!(good(Some("0a"), &key, 5), "good: signed by version 0a, which has expired, which is disabled");
    }

    #[test]
    fn a_signature_in_json_says_who_made_it_and_by_what() {
        let signing = Signing::of("ES256", SignatureForm::Raw).unwrap();
        let file =
            json!({ "kid": "https://v.example/keys/k/0a", "alg": "ES256", "value": BASE64URL_NOPAD.encode(&[1; 64]) });
        let (signature, kid) = signed(file.to_string().as_bytes(), signing).unwrap();
        assert_eq!((signature, kid.as_deref()), (vec![1; 64], Some("https://v.example/keys/k/0a")));
        let other = Signing::of("ES384", SignatureForm::Raw).unwrap();
        let said = signed(file.to_string().as_bytes(), other).unwrap_err().to_string();
        assert!(said.contains("is by ES256, and --algorithm is ES384"), "{said}");
        assert_eq!(signed(&[1; 64], signing).unwrap(), (vec![1; 64], None));
    }
}
