//! What proves that a command acts for a workload: the variables that the SDKs read too.
//!
//! A named workload without a proof is an error: whoever lost their credential must not act as the person who
//! happens to be signed in on the same machine.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use strongroom_crypto::SecretText;

/// Longest token in a file, in bytes: as the token endpoint takes it.
const MAX_ASSERTION: u64 = 16 * 1024;

/// A workload's proof.
pub(crate) enum Credential {
    Secret(SecretText),
    /// A token of an issuer that the workload is federated with.
    Assertion {
        token: SecretText,
        /// Where it was read.
        file: PathBuf,
    },
}

impl Credential {
    /// The workload that the environment names, with its proof; none when neither is there.
    pub(crate) fn of_environment(client_id: Option<&str>) -> anyhow::Result<Option<(&str, Self)>> {
        let secret = std::env::var("AZURE_CLIENT_SECRET").ok();
        let file = std::env::var_os("AZURE_FEDERATED_TOKEN_FILE");
        Self::among(client_id, secret.map(SecretText::new), file.as_deref().map(Path::new))
    }

    fn among<'a>(
        client_id: Option<&'a str>,
        secret: Option<SecretText>,
        token_file: Option<&Path>,
    ) -> anyhow::Result<Option<(&'a str, Self)>> {
        match (client_id, secret, token_file) {
            (Some(client_id), Some(secret), _) => Ok(Some((client_id, Self::Secret(secret)))),
            (Some(client_id), None, Some(file)) => {
                Ok(Some((client_id, Self::Assertion { token: token_in(file)?, file: file.to_owned() })))
            }
            (Some(client_id), None, None) => bail!(
                "the workload {client_id} is named (AZURE_CLIENT_ID or --client-id) and nothing proves that you may act for it: \
                 set AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE, or name no workload to act as whoever signed in"
            ),
            (None, Some(_), _) => bail!("AZURE_CLIENT_SECRET is set and no client id: set AZURE_CLIENT_ID"),
            (None, None, _) => Ok(None),
        }
    }
}

/// The token in a file, without the line end that an editor or a shell put behind it.
fn token_in(file: &Path) -> anyhow::Result<SecretText> {
    let unreadable = || format!("the token file {} (AZURE_FEDERATED_TOKEN_FILE) cannot be read", file.display());
    let mut text = String::new();
    let read = std::fs::File::open(file).and_then(|opened| opened.take(MAX_ASSERTION + 1).read_to_string(&mut text));
    let whole = SecretText::new(text);
    read.with_context(unreadable)?;
    let token = whole.expose().trim();
    if token.is_empty() || u64::try_from(whole.len()).is_ok_and(|length| length > MAX_ASSERTION) {
        bail!("the token file {} holds no token: it has 1 to {MAX_ASSERTION} bytes", file.display());
    }
    Ok(SecretText::new(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> SecretText {
        SecretText::new("s".to_owned())
    }

    #[test]
    fn a_named_workload_needs_a_proof() {
        let why = Credential::among(Some("app"), None, None).err().unwrap().to_string();
        assert!(why.contains("nothing proves") && why.contains("AZURE_FEDERATED_TOKEN_FILE"), "{why}");
        assert!(Credential::among(None, Some(secret()), None).is_err());
        assert!(Credential::among(None, None, None).unwrap().is_none());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        assert!(Credential::among(Some("app"), None, Some(&file)).is_err(), "there is no such file");
        std::fs::write(&file, "header.claims.signature\n").unwrap();
        let (_, found) = Credential::among(Some("app"), None, Some(&file)).unwrap().unwrap();
        assert!(matches!(found, Credential::Assertion { token, .. } if token.expose() == "header.claims.signature"));
        let (_, found) = Credential::among(Some("app"), Some(secret()), Some(&file)).unwrap().unwrap();
        assert!(matches!(found, Credential::Secret(_)), "as the SDKs do");
        std::fs::write(&file, "\n").unwrap();
        assert!(Credential::among(Some("app"), None, Some(&file)).is_err());
        std::fs::write(&file, "x".repeat(17 * 1024)).unwrap();
        assert!(Credential::among(Some("app"), None, Some(&file)).is_err());
    }
}
