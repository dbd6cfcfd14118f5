//! The public half of a key, in the forms that other programs read.

use anyhow::{Context as _, bail};
use data_encoding::BASE64;
use reqwest::Method;
use serde_json::Value;
use strongroom_crypto::key::PublicKey;

use super::{connect, path};
use crate::{
    cli::{PublicForm, VaultAt, Versioned},
    commands::pem,
};

pub(super) async fn export(key: &Versioned, format: PublicForm, at: &VaultAt) -> anyhow::Result<()> {
    let answer = connect(at).await?.send(Method::GET, &path(key, None), None).await?;
    let jwk = answer.get("key").context("the answer has no key")?;
    let public: PublicKey =
        serde_json::from_value(jwk.clone()).context("a symmetric key has no public half to export")?;
    match format {
        PublicForm::Jwk => println!("{}", serde_json::to_string(&public)?),
        PublicForm::Pem => println!("{}", pem("PUBLIC KEY", &public.spki()?)),
        PublicForm::Ssh => match public.ssh() {
            Some((kind, bytes)) => println!("{kind} {} {}", BASE64.encode(&bytes), comment(jwk)),
            None => bail!("SSH knows RSA keys and the curves P-256, P-384 and P-521"),
        },
    }
    Ok(())
}

fn comment(jwk: &Value) -> &str {
    jwk.get("kid").and_then(Value::as_str).unwrap_or_default()
}
