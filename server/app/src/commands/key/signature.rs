//! Signing files and verifying them. What is signed is hashed here; the file is not sent.

use std::path::Path;

use anyhow::{Context as _, bail};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};
use strongroom_crypto::key::SignAlgorithm;
use zeroize::Zeroizing;

use super::{bytes_of, connect, path, read, source, text, version_of, write};
use crate::{
    cli::{Output, SignatureForm, Through, VaultAt, Versioned},
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
        return write(through.out.as_ref(), format!("{told}\n").as_bytes());
    }
    write(through.out.as_ref(), &signature)?;
    eprintln!("signed by {}", text(&answer, "/kid"));
    Ok(())
}

/// A signature from a file, and the version that made it where the file says so.
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
    Ok((signature, version_of(&told)))
}

pub(super) async fn verify(
    key: &Versioned,
    signing: Signing,
    signature: &Path,
    file: Option<&Path>,
    at: &VaultAt,
) -> anyhow::Result<()> {
    let (signature, signed_by) = signed(&read(Some(signature), 8192)?, signing)?;
    let key = Versioned { name: key.name.clone(), version: key.version.clone().or(signed_by) };
    let body = json!({
        "alg": signing.algorithm.as_str(), "digest": signing.digest(file)?, "value": BASE64URL_NOPAD.encode(&signature),
    });
    let body = serde_json::to_vec(&body)?;
    let answer = connect(at).await?.send(Method::POST, &path(&key, Some("verify")), Some(body)).await?;
    if answer.get("value") != Some(&Value::Bool(true)) {
        match &key.version {
            Some(version) => bail!("the signature is not that of version {} over these bytes", plain(version)),
            None => bail!(
                "the signature is not that of the key's current version over these bytes: --version names another one, and \
                 strongroom key versions {} lists them",
                plain(&key.name)
            ),
        }
    }
    println!("the signature is good");
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
    fn a_signature_in_json_says_who_made_it_and_by_what() {
        let signing = Signing::of("ES256", SignatureForm::Raw).unwrap();
        let file =
            json!({ "kid": "https://v.example/keys/k/0a", "alg": "ES256", "value": BASE64URL_NOPAD.encode(&[1; 64]) });
        let (signature, version) = signed(file.to_string().as_bytes(), signing).unwrap();
        assert_eq!((signature, version.as_deref()), (vec![1; 64], Some("0a")));
        let other = Signing::of("ES384", SignatureForm::Raw).unwrap();
        let said = signed(file.to_string().as_bytes(), other).unwrap_err().to_string();
        assert!(said.contains("is by ES256, and --algorithm is ES384"), "{said}");
        assert_eq!(signed(&[1; 64], signing).unwrap(), (vec![1; 64], None));
    }
}
