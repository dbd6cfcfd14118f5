//! Encrypting and wrapping. What a symmetric algorithm gives besides the ciphertext has to be kept with it, so files
//! hold a JSON object: `alg`, `kid`, `value`, and `iv` and `tag` where there are any, bytes in base64url. Of RSA and key
//! wrap the bytes alone are enough, as other programs have them.

use anyhow::{Context as _, bail};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};
use strongroom_crypto::key::DataAlgorithm;

use super::{bytes_of, connect, path, read, version_of, write};
use crate::{
    cli::{OpenArgs, SealArgs, SealedForm, Versioned},
    plain::plain,
};

/// More than any algorithm takes in one request; reading stops there.
const MAX_READ: u64 = 128 * 1024;

/// Makes sure that bytes alone are enough to undo what an algorithm does. The vault names the algorithms it knows.
fn bare(format: SealedForm, algorithm: &str) -> anyhow::Result<()> {
    let more = DataAlgorithm::parse(algorithm).filter(|known| !known.is_rsa() && !algorithm.ends_with("KW"));
    match more {
        Some(_) if format == SealedForm::Raw => {
            bail!("{algorithm} takes more than the bytes to undo, an iv at least: leave --format raw away")
        }
        _ => Ok(()),
    }
}

pub(super) async fn seal(given: &SealArgs, operation: &str) -> anyhow::Result<()> {
    bare(given.format, &given.algorithm)?;
    let text = read(given.through.file.as_deref(), MAX_READ)?;
    let body = zeroize::Zeroizing::new(serde_json::to_vec(
        &json!({ "alg": given.algorithm, "value": BASE64URL_NOPAD.encode(&text) }),
    )?);
    let client = connect(&given.at).await?;
    let mut answer = client.send(Method::POST, &path(&given.key, Some(operation)), Some(body.to_vec())).await?;
    if given.format == SealedForm::Raw {
        return write(given.through.out.as_ref(), &bytes_of(&answer, "value")?);
    }
    if let Some(object) = answer.as_object_mut() {
        object.insert("alg".to_owned(), given.algorithm.clone().into());
    }
    write(given.through.out.as_ref(), format!("{answer}\n").as_bytes())
}

/// What is sent to have a file opened, and the version that sealed it where the file says so: it opens it, whatever is
/// current today.
fn opening(format: SealedForm, algorithm: Option<&str>, sealed: &[u8]) -> anyhow::Result<(Value, Option<String>)> {
    if format == SealedForm::Raw {
        let algorithm = algorithm.context("say --algorithm: bytes alone do not tell it")?;
        bare(format, algorithm)?;
        return Ok((json!({ "alg": algorithm, "value": BASE64URL_NOPAD.encode(sealed) }), None));
    }
    let mut body = serde_json::from_slice::<Value>(sealed).ok().filter(Value::is_object).context(
        "the input is not the JSON that this command's pair writes (server/docs/cli.md): bare bytes, as OpenSSL writes them, \
         are taken with --format raw",
    )?;
    let version = version_of(&body);
    if let Some(object) = body.as_object_mut() {
        object.remove("kid");
        let said = object.get("alg").and_then(Value::as_str).map(str::to_owned);
        let algorithm = match (algorithm, said) {
            (Some(given), Some(said)) if given != said => {
                bail!("the file says that it is by {}, and --algorithm is {given}", plain(&said))
            }
            (Some(given), _) => given.to_owned(),
            (None, Some(said)) => said,
            (None, None) => bail!("say --algorithm: the file does not"),
        };
        object.insert("alg".to_owned(), algorithm.into());
    }
    Ok((body, version))
}

pub(super) async fn open(given: &OpenArgs, operation: &str) -> anyhow::Result<()> {
    let sealed = read(given.through.file.as_deref(), MAX_READ * 2)?;
    let (body, sealed_by) = opening(given.format, given.algorithm.as_deref(), &sealed)?;
    let key = Versioned { name: given.key.name.clone(), version: given.key.version.clone().or(sealed_by) };
    let body = serde_json::to_vec(&body)?;
    let answer = connect(&given.at).await?.send(Method::POST, &path(&key, Some(operation)), Some(body)).await?;
    write(given.through.out.as_ref(), &bytes_of(&answer, "value")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_by_what_it_was_sealed_and_nothing_else_is_believed_in_silence() {
        let file = br#"{"alg":"A256KW","kid":"https://v.example/keys/k/0a","value":"AQ"}"#;
        let (body, version) = opening(SealedForm::Json, None, file).unwrap();
        assert_eq!((body, version.as_deref()), (json!({ "alg": "A256KW", "value": "AQ" }), Some("0a")));
        assert!(opening(SealedForm::Json, Some("A256KW"), file).is_ok());
        let said = |format, algorithm, file: &[u8]| opening(format, algorithm, file).unwrap_err().to_string();
        let other = said(SealedForm::Json, Some("RSA1_5"), file);
        assert!(other.contains("by A256KW, and --algorithm is RSA1_5"), "{other}");
        assert!(said(SealedForm::Json, None, br#"{"value":"AQ"}"#).contains("the file does not"));
        assert!(said(SealedForm::Json, Some("RSA1_5"), &[0, 1]).contains("--format raw"));
        assert!(said(SealedForm::Raw, Some("A256GCM"), &[0, 1]).contains("leave --format raw away"));
        let (body, version) = opening(SealedForm::Raw, Some("RSA-OAEP-256"), &[0, 1]).unwrap();
        assert_eq!((body, version), (json!({ "alg": "RSA-OAEP-256", "value": "AAE" }), None));
    }
}
