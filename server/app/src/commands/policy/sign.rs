//! `strongroom policy sign` and `verify`: an Ed25519 signature (RFC 8032) over a module's bytes, 64 bytes beside
//! it. `openssl pkeyutl` makes and checks the same.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject as _};
use serde_json::json;
use strongroom_policy_host::signature;
use zeroize::Zeroizing;

use super::{Loaded, read_module};
use crate::{cli::Output, commands::done, exit::Exit};

/// Where the signature of a file is.
pub(crate) fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

pub(super) fn sign(file: &Path, key: &Path, output: Output) -> anyhow::Result<()> {
    let bytes = read_module(file)?;
    // What no server would load is not worth a signature.
    Loaded::bytes(&bytes).with_context(|| format!("{} is not loaded, so it is not signed", file.display()))?;
    let pem = Zeroizing::new(std::fs::read(key).with_context(|| format!("{} cannot be read", key.display()))?);
    let key_der = PrivatePkcs8KeyDer::from_pem_slice(&pem)
        .with_context(|| format!("{} holds no private key in PKCS#8 PEM", key.display()))?;
    let made = signature::sign(&bytes, key_der.secret_pkcs8_der())
        .with_context(|| format!("{} is not an Ed25519 key", key.display()))?;
    let path = beside(file);
    std::fs::write(&path, made).with_context(|| format!("{} cannot be written", path.display()))?;
    done(output, &json!({ "signature": path }), path.display());
    Ok(())
}

pub(super) fn verify(file: &Path, public_key: &Path, output: Output) -> anyhow::Result<()> {
    let bytes = read_module(file)?;
    let path = beside(file);
    let made = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let pem = std::fs::read(public_key).with_context(|| format!("{} cannot be read", public_key.display()))?;
    let key = SubjectPublicKeyInfoDer::from_pem_slice(&pem)
        .with_context(|| format!("{} holds no public key in PEM", public_key.display()))?;
    match signature::verify(&bytes, &made, &key) {
        Ok(()) => {
            let signed = format!("{} is signed by this key", file.display());
            done(output, &json!({ "module": file, "verified": true }), signed);
            Ok(())
        }
        Err(signature::SignatureError::Key) => anyhow::bail!("{} is not an Ed25519 key", public_key.display()),
        Err(signature::SignatureError::Forged) => Err(Exit::NotSigned.into()),
    }
}
