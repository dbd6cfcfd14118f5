//! Private keys from files. They go to the vault alone; nothing of them is printed.

use std::path::Path;

use anyhow::{Context as _, bail};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use reqwest::Method;
use serde_json::{Map, Value, json};
use strongroom_crypto::{key::PrivateParts, x509::EncryptedKey};
use zeroize::Zeroizing;

use super::{KEYS, connect, insert, password, read, stay_in_hardware, text};
use crate::cli::VaultAt;

/// id-RSASSA-PSS (RFC 4055), the algorithm of an RSA key that is for these signatures alone.
const PSS_ALONE: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];

/// What such a key is for.
const SIGNS: [&str; 2] = ["sign", "verify"];

/// More than any private key has; reading stops there.
const MAX_READ: u64 = 64 * 1024;

pub(super) async fn import(
    name: &str,
    key: Value,
    leave_hardware: bool,
    mut body: Map<String, Value>,
    at: &VaultAt,
) -> anyhow::Result<()> {
    body.insert("key".to_owned(), key);
    let body = Zeroizing::new(serde_json::to_vec(&body)?);
    let client = connect(at).await?;
    if !leave_hardware {
        stay_in_hardware(&client, name, "rotate it there (strongroom key rotate), or give").await?;
    }
    let answer = client.send(Method::PUT, &["keys", name], Some(body.to_vec())).await?;
    KEYS.print_id(&answer, at.output);
    Ok(())
}

/// The private key in a file, as it is sent: for these operations, or for what is usual where there are none.
pub(super) fn private(file: &Path, password_file: Option<&Path>, operations: &[String]) -> anyhow::Result<Value> {
    if [Some(file), password_file] == [Some(Path::new("-")); 2] {
        bail!("standard input can be --file or --password-file, not both");
    }
    let password = password_file.map(password).transpose()?;
    let (mut key, restricted) = jwk(&read(Some(file), MAX_READ)?, password.as_deref().map(String::as_str))?;
    if restricted {
        if let Some(other) = operations.iter().find(|operation| !SIGNS.contains(&operation.as_str())) {
            bail!("the file restricts the key to signatures by RSASSA-PSS: --op {other} is not for it");
        }
        eprintln!(
            "the file restricts the key to signatures by RSASSA-PSS: it is taken in to sign and verify, but the vault does not \
             hold it to PSS"
        );
    }
    if !operations.is_empty() {
        insert(&mut key, "key_ops", operations.to_vec());
    } else if restricted {
        insert(&mut key, "key_ops", SIGNS.to_vec());
    }
    Ok(key)
}

/// A file's key as a JSON Web Key with its private members, and whether the file restricts it to RSASSA-PSS.
fn jwk(bytes: &[u8], password: Option<&str>) -> anyhow::Result<(Value, bool)> {
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        let key = serde_json::from_slice(bytes).context("the file is not a JSON Web Key")?;
        return Ok((of_jwk(key)?, false));
    }
    let der = match std::str::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN ")) {
        Some(text) => unarmoured(text)?,
        None => Zeroizing::new(bytes.to_vec()),
    };
    let der = match EncryptedKey::read(&der) {
        Some(locked) => {
            let password =
                password.context("the key is encrypted: give --password-file FILE, `-` for standard input")?;
            locked.open(password).context("the encrypted key")?
        }
        None => der,
    };
    let parts = PrivateParts::from_der(&der).with_context(|| unreadable(&der))?;
    let restricted = has(&der, &PSS_ALONE) && matches!(parts, PrivateParts::Rsa(_));
    let b64 = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let key = match &parts {
        PrivateParts::Rsa(rsa) => json!({
            "kty": "RSA", "n": b64(&rsa.n), "e": b64(&rsa.e), "d": b64(&rsa.d), "p": b64(&rsa.p), "q": b64(&rsa.q),
            "dp": b64(&rsa.dp), "dq": b64(&rsa.dq), "qi": b64(&rsa.qi),
        }),
        PrivateParts::Ec(ec) => json!({
            "kty": "EC", "crv": ec.curve.as_str(), "x": b64(&ec.x), "y": b64(&ec.y), "d": b64(&ec.d),
        }),
    };
    Ok((key, restricted))
}

/// A JSON Web Key as it is sent: one key of a type there is, with its private half, and the curve by Azure's name.
fn of_jwk(mut key: Value) -> anyhow::Result<Value> {
    if key.get("keys").is_some_and(Value::is_array) {
        bail!("the file is a set of JSON Web Keys: take the one that is meant out of it");
    }
    let (others, private) = match text(&key, "/kty").trim_end_matches("-HSM") {
        "RSA" => (&["n", "e", "p", "q", "dp", "dq", "qi"][..], "d"),
        "EC" => (&["crv", "x", "y"][..], "d"),
        "oct" => (&[][..], "k"),
        "OKP" => bail!("Ed25519 and its like (kty OKP) are not offered: keys are RSA, EC or oct"),
        other => bail!("the JSON Web Key has the type \"{other}\" (kty): keys are RSA, EC or oct"),
    };
    if key.get(private).is_none() {
        bail!("the JSON Web Key is a public one, without the member {private}: an import takes the private half");
    }
    if let Some(missing) = others.iter().find(|member| key.get(**member).is_none()) {
        bail!("the JSON Web Key has no member {missing}: besides {private}, an import takes {}", others.join(", "));
    }
    if text(&key, "/crv") == "secp256k1" {
        insert(&mut key, "crv", "P-256K");
    }
    Ok(key)
}

/// What is wrong with a document that is no private key of ours, as far as its object identifiers tell.
fn unreadable(der: &[u8]) -> &'static str {
    /// Ed25519, Ed448, X25519 and X448 (RFC 8410) but for the last byte.
    const EDWARDS: [u8; 4] = [0x06, 0x03, 0x2b, 0x65];
    /// id-ecPublicKey (RFC 5480).
    const ELLIPTIC: [u8; 9] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    /// Data in PKCS#7 (RFC 2315), of which a PFX is made.
    const PKCS7: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
    /// The arc of the Brainpool curves (RFC 5639), which the older form names alone.
    const BRAINPOOL: [u8; 7] = [0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01];
    if has(der, &EDWARDS) {
        "the file holds an Ed25519 key or one of its like, which are not offered: keys are RSA, or on P-256, P-384, P-521 or \
         secp256k1"
    } else if has(der, &ELLIPTIC) || has(der, &BRAINPOOL) {
        "the file holds an elliptic key of a curve that is not offered, or a damaged one: curves are P-256, P-384, P-521 and \
         secp256k1"
    } else if has(der, &PKCS7) {
        "the file is a PFX (PKCS#12): `strongroom certificate import` takes it in with its certificate; for the key alone, take it \
         out on the way: `openssl pkcs12 -in FILE -nocerts -noenc | strongroom key import NAME --file -`"
    } else {
        "the file holds no RSA or elliptic private key that can be read"
    }
}

fn has(der: &[u8], sought: &[u8]) -> bool {
    der.windows(sought.len()).any(|part| part == sought)
}

/// What a PEM text has in the place of a private key.
fn something_else(label: &str) -> Option<&'static str> {
    Some(match label {
        "OPENSSH PRIVATE KEY" => {
            "the key is in OpenSSH's own form: make a copy and convert that by `ssh-keygen -p -m PKCS8 -f COPY`"
        }
        "PUBLIC KEY" | "RSA PUBLIC KEY" => "the file holds a public key: an import takes the private half",
        "CERTIFICATE" => "the file holds a certificate: an import takes a private key (strongroom certificate import)",
        _ => return None,
    })
}

/// The bytes of the first private key in a PEM text (RFC 7468).
fn unarmoured(text: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let (mut key, mut other) = (None, None);
    for part in text.split("-----BEGIN ").skip(1) {
        let (label, rest) = part.split_once("-----").context("the PEM text is damaged")?;
        if rest.contains("Proc-Type: 4,ENCRYPTED") {
            bail!(
                "the key is encrypted in OpenSSL's old form, which is not read: decrypt it on the way, so that it never lies on a \
                 disk: `openssl pkey -in FILE | strongroom key import NAME --file -`"
            );
        }
        match something_else(label) {
            Some(why) if label.ends_with("PRIVATE KEY") => bail!("{why}"),
            why => other = other.or(why),
        }
        if label.ends_with("PRIVATE KEY") {
            key = rest.split("-----END ").next();
            break;
        }
    }
    let body: Zeroizing<String> =
        Zeroizing::new(key.context(other.unwrap_or("the PEM text has no private key"))?.split_whitespace().collect());
    Ok(Zeroizing::new(BASE64.decode(body.as_bytes()).context("the PEM text is damaged")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(file: &str) -> String {
        format!("{:#}", jwk(file.as_bytes(), None).unwrap_err())
    }

    #[test]
    fn what_cannot_be_imported_is_called_by_its_name() {
        for (file, said) in [
            (r#"{"keys":[]}"#, "a set of JSON Web Keys"),
            (r#"{"kty":"EC","crv":"P-256","x":"AQ","y":"Ag"}"#, "a public one, without the member d"),
            (r#"{"kty":"oct"}"#, "without the member k"),
            (r#"{"kty":"RSA","n":"AQ","e":"AQ","d":"AQ"}"#, "has no member p: besides d"),
            (r#"{"kty":"EC","crv":"P-256","d":"AQ"}"#, "has no member x"),
            (r#"{"kty":"OKP","crv":"Ed25519","d":"AQ"}"#, "Ed25519"),
            (r#"{"kty":"dog"}"#, "has the type \"dog\""),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nAQ==\n-----END OPENSSH PRIVATE KEY-----", "ssh-keygen -p -m PKCS8"),
            ("-----BEGIN PUBLIC KEY-----\nAQ==\n-----END PUBLIC KEY-----", "holds a public key"),
            ("-----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----", "certificate import"),
            // openssl genpkey -algorithm ed25519
            (
                "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END PRIVATE KEY-----",
                "Ed25519",
            ),
            ("something", "no RSA or elliptic private key"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAQ==\n-----END RSA PRIVATE KEY-----",
                "OpenSSL's old form",
            ),
        ] {
            assert!(why(file).contains(said), "{file}: {}", why(file));
        }
        let brainpool = [&[0x30, 0x0b, 0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07][..]].concat();
        assert!(format!("{:#}", jwk(&brainpool, None).unwrap_err()).contains("of a curve that is not offered"));
        let pfx = [&[0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01][..]].concat();
        assert!(format!("{:#}", jwk(&pfx, None).unwrap_err()).contains("certificate import"));
    }

    #[test]
    fn a_curve_is_taken_by_its_name_in_the_standard() {
        let (key, restricted) = jwk(br#"{"kty":"EC","crv":"secp256k1","x":"AQ","y":"Ag","d":"Aw"}"#, None).unwrap();
        assert!(key["crv"] == "P-256K" && !restricted);
    }
}
