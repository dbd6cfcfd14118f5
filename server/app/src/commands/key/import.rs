//! Private keys from files. They go to the vault alone; nothing of them is printed.

use std::path::Path;

use anyhow::{Context as _, bail};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use reqwest::Method;
use serde_json::{Map, Value, json};
use strongroom_crypto::key::PrivateParts;
use zeroize::Zeroizing;

use super::{KEYS, connect, insert, read};
use crate::cli::VaultAt;

/// More than any private key has; reading stops there.
const MAX_READ: u64 = 64 * 1024;

pub(super) async fn import(
    name: &str,
    file: &Path,
    operations: &[String],
    mut body: Map<String, Value>,
    at: &VaultAt,
) -> anyhow::Result<()> {
    let bytes = read(Some(file), MAX_READ)?;
    let mut key = jwk(&bytes)?;
    if !operations.is_empty() {
        insert(&mut key, "key_ops", operations.to_vec());
    }
    body.insert("key".to_owned(), key);
    let body = Zeroizing::new(serde_json::to_vec(&body)?);
    let answer = connect(at).await?.send(Method::PUT, &["keys", name], Some(body.to_vec())).await?;
    KEYS.print_id(&answer, at.output);
    Ok(())
}

/// A file's key as a JSON Web Key with its private members.
fn jwk(bytes: &[u8]) -> anyhow::Result<Value> {
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        return serde_json::from_slice(bytes).context("the file is not a JSON Web Key");
    }
    let der = match std::str::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN ")) {
        Some(text) => unarmoured(text)?,
        None => Zeroizing::new(bytes.to_vec()),
    };
    let parts =
        PrivateParts::from_der(&der).context("the file holds no RSA or elliptic private key that can be read")?;
    let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    Ok(match &parts {
        PrivateParts::Rsa(rsa) => json!({
            "kty": "RSA", "n": text(&rsa.n), "e": text(&rsa.e), "d": text(&rsa.d), "p": text(&rsa.p), "q": text(&rsa.q),
            "dp": text(&rsa.dp), "dq": text(&rsa.dq), "qi": text(&rsa.qi),
        }),
        PrivateParts::Ec(ec) => json!({
            "kty": "EC", "crv": ec.curve.as_str(), "x": text(&ec.x), "y": text(&ec.y), "d": text(&ec.d),
        }),
    })
}

/// The bytes of the first private key in a PEM text (RFC 7468).
fn unarmoured(text: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut key = None;
    for part in text.split("-----BEGIN ").skip(1) {
        let (label, rest) = part.split_once("-----").context("the PEM text is damaged")?;
        if label == "ENCRYPTED PRIVATE KEY" || rest.contains("Proc-Type: 4,ENCRYPTED") {
            bail!("the key is encrypted; decrypt it first, for example with openssl pkey");
        }
        if label.ends_with("PRIVATE KEY") {
            key = rest.split("-----END ").next();
            break;
        }
    }
    let body: Zeroizing<String> =
        Zeroizing::new(key.context("the PEM text has no private key")?.split_whitespace().collect());
    Ok(Zeroizing::new(BASE64.decode(body.as_bytes()).context("the PEM text is damaged")?))
}
