//! The public half of a key, in the forms that other programs read.

use anyhow::{Context as _, bail};
use data_encoding::BASE64;
use reqwest::Method;
use serde_json::Value;
use strongroom_crypto::key::PublicKey;

use super::{connect, path, text};
use crate::{
    cli::{Output, PublicForm, VaultAt, Versioned},
    commands::pem,
    plain,
};

pub(super) async fn export(key: &Versioned, format: PublicForm, at: &VaultAt) -> anyhow::Result<()> {
    let answer = connect(at).await?.send(Method::GET, &path(key, None), None).await?;
    let jwk = answer.get("key").context("the answer has no key")?;
    if text(jwk, "/kty").starts_with("oct") {
        bail!("a symmetric key has no public half to export");
    }
    let public: PublicKey = serde_json::from_value(jwk.clone()).context("the answer has no public key")?;
    let format = match at.output {
        Output::Table => format,
        // Of its forms the one that is JSON.
        Output::Json => PublicForm::Jwk,
    };
    match format {
        PublicForm::Jwk => println!("{}", plain::json(&standard(&public, jwk)?)),
        PublicForm::Pem => println!("{}", pem("PUBLIC KEY", &public.spki()?)),
        PublicForm::Ssh => match public.ssh() {
            Some((kind, bytes)) => println!("{kind} {} {}", BASE64.encode(&bytes), comment(jwk)),
            None => bail!("SSH knows RSA keys and the curves P-256, P-384 and P-521"),
        },
    }
    Ok(())
}

/// As the standards have it and not Azure: secp256k1 by its name (RFC 8812, section 3.1), and which key it is.
fn standard(public: &PublicKey, jwk: &Value) -> anyhow::Result<Value> {
    let mut shown = serde_json::to_value(public)?;
    let curve = text(&shown, "/crv");
    if let Some(object) = shown.as_object_mut() {
        if curve == "P-256K" {
            object.insert("crv".to_owned(), "secp256k1".into());
        }
        object.insert("kid".to_owned(), comment(jwk).into());
    }
    Ok(shown)
}

/// Which key it is, in one line that commands nothing: the server may be anybody's, and a file of `authorized_keys` has
/// a key on each line.
fn comment(jwk: &Value) -> String {
    text(jwk, "/kid")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_public_key_is_written_as_other_programs_read_it() {
        let jwk =
            json!({ "kid": "https://v.example/keys/k/0a", "kty": "EC-HSM", "crv": "P-256K", "x": "AQ", "y": "Ag" });
        let public: PublicKey = serde_json::from_value(jwk.clone()).unwrap();
        let expected =
            json!({ "kid": "https://v.example/keys/k/0a", "kty": "EC", "crv": "secp256k1", "x": "AQ", "y": "Ag" });
        assert_eq!(standard(&public, &jwk).unwrap(), expected);
        let hostile = comment(&json!({ "kid": "a\nssh-rsa AAAA evil\u{1b}[2J\u{9b}" }));
        assert!(!hostile.contains(['\n', '\u{1b}', '\u{9b}']), "{hostile}");
    }
}
