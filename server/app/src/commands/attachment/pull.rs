//! Getting an uploaded module back.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};
use strongroom_crypto::sha256;
use strongroom_domain::policy::ModuleDigest;

use super::{
    super::{done, policy::signature_beside},
    MODULES, Server,
};
use crate::{cli::ServerAt, private_file};

pub(super) async fn pull(module: &str, out: Option<PathBuf>, from: &ServerAt) -> anyhow::Result<()> {
    let server = Server::connect(&from.connection).await?;
    let digest = server.digest(module).await?.to_ascii_lowercase();
    let answer = server.client.send(Method::GET, server.at(&[MODULES, &digest, "content"])?, None).await?;
    let (bytes, signature) = read(&answer, &digest)?;
    let file = out.unwrap_or_else(|| PathBuf::from(format!("{digest}.wasm")));
    private_file::write(&file, &bytes, false)?;
    if let Some(signature) = signature {
        private_file::write(&signature_beside(&file), &signature, false)?;
    }
    done(from.output, &json!({ "module": file, "digest": digest, "size": bytes.len() }), file.display());
    Ok(())
}

/// The bytes that have this digest, whatever the server says, and the signature that came with them.
fn read(answer: &Value, digest: &str) -> anyhow::Result<(Vec<u8>, Option<Vec<u8>>)> {
    let decoded = |name: &str| {
        let text = answer.get(name).and_then(Value::as_str)?;
        Some(BASE64URL_NOPAD.decode(text.as_bytes()).with_context(|| format!("the answer's {name} is not base64url")))
    };
    let bytes = decoded("content").context("the answer has no content")??;
    if ModuleDigest(sha256(&bytes)).to_string() != digest {
        bail!("what the server gave is not the module {digest}, so it is not kept");
    }
    Ok((bytes, decoded("signature").transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_module_is_not_kept() {
        let digest = ModuleDigest(sha256(b"module")).to_string();
        let answer = |content: &[u8]| json!({ "content": BASE64URL_NOPAD.encode(content), "signature": "AQI" });
        let (bytes, signature) = read(&answer(b"module"), &digest).unwrap();
        assert_eq!((bytes.as_slice(), signature.as_deref()), (&b"module"[..], Some(&[1, 2][..])));
        assert!(read(&answer(b"other"), &digest).is_err());
        assert!(read(&json!({ "content": "?" }), &digest).is_err());
        assert!(read(&json!({}), &digest).is_err());
    }
}
