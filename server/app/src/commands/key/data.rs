//! Encrypting and wrapping. What a symmetric algorithm gives besides the ciphertext has to be kept with it,
//! so files hold a JSON object: `alg`, `kid`, `value`, and `iv` and `tag` where there are any.

use anyhow::Context as _;
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::{bytes_of, connect, path, read, write};
use crate::cli::{DataArgs, Versioned};

/// More than any algorithm takes in one request; reading stops there.
const MAX_READ: u64 = 128 * 1024;

pub(super) async fn seal(given: &DataArgs, operation: &str) -> anyhow::Result<()> {
    let text = read(given.through.file.as_deref(), MAX_READ)?;
    let body = zeroize::Zeroizing::new(serde_json::to_vec(
        &json!({ "alg": given.algorithm, "value": BASE64URL_NOPAD.encode(&text) }),
    )?);
    let client = connect(&given.at).await?;
    let mut answer = client.send(Method::POST, &path(&given.key, Some(operation)), Some(body.to_vec())).await?;
    if let Some(object) = answer.as_object_mut() {
        object.insert("alg".to_owned(), given.algorithm.clone().into());
    }
    write(given.through.out.as_ref(), format!("{answer}\n").as_bytes())
}

pub(super) async fn open(given: &DataArgs, operation: &str) -> anyhow::Result<()> {
    let sealed = read(given.through.file.as_deref(), MAX_READ * 2)?;
    let mut body: Value = serde_json::from_slice(&sealed).context("the input is not what this command's pair wrote")?;
    // The version that sealed it opens it, whatever is current today.
    let kid = body.as_object_mut().and_then(|body| body.remove("kid"));
    let sealed_by = kid.as_ref().and_then(Value::as_str).and_then(|kid| kid.rsplit('/').next()).map(str::to_owned);
    if let Some(body) = body.as_object_mut() {
        body.insert("alg".to_owned(), given.algorithm.clone().into());
    }
    let key = Versioned { name: given.key.name.clone(), version: given.key.version.clone().or(sealed_by) };
    let body = serde_json::to_vec(&body)?;
    let answer = connect(&given.at).await?.send(Method::POST, &path(&key, Some(operation)), Some(body)).await?;
    write(given.through.out.as_ref(), &bytes_of(&answer, "value")?)
}
