//! `dev.env`: what a shell needs to talk to the development server, kept between starts.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use strongroom_crypto::SecretText;

/// One workload's credential.
pub(crate) struct Pair {
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretText,
}

/// Everything in the file.
pub(crate) struct DevEnv {
    pub(crate) base: String,
    pub(crate) vault_url: String,
    /// The private CA.
    pub(crate) ca: PathBuf,
    /// The private CA together with the system's.
    pub(crate) bundle: PathBuf,
    pub(crate) tenant: String,
    /// The sample workload: Key Vault Administrator on `demo`.
    pub(crate) app: Pair,
    /// A workload without any grant.
    pub(crate) nobody: Pair,
    /// Owner of the installation.
    pub(crate) operator: Pair,
}

impl DevEnv {
    /// The file's text: one `export` a line, single quotes.
    pub(crate) fn to_text(&self) -> zeroize::Zeroizing<String> {
        let ca = self.ca.display().to_string();
        let mut text = zeroize::Zeroizing::new(String::with_capacity(2048));
        let mut line = |name: &str, value: &str| {
            // Writing into a string does not fail.
            let _ = writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''"));
        };
        line("STRONGROOM_URL", &self.base);
        line("VAULT_URL", &self.vault_url);
        line("VAULT_CA", &ca);
        line("AZURE_AUTHORITY_HOST", &self.base);
        line("AZURE_TENANT_ID", &self.tenant);
        line("AZURE_CLIENT_ID", &self.app.client_id);
        line("AZURE_CLIENT_SECRET", self.app.client_secret.expose());
        line("NOBODY_CLIENT_ID", &self.nobody.client_id);
        line("NOBODY_CLIENT_SECRET", self.nobody.client_secret.expose());
        line("OPERATOR_CLIENT_ID", &self.operator.client_id);
        line("OPERATOR_CLIENT_SECRET", self.operator.client_secret.expose());
        // Python and OpenSSL trust the named file alone, Node adds it to what it trusts already.
        line("REQUESTS_CA_BUNDLE", &self.bundle.display().to_string());
        line("SSL_CERT_FILE", &self.bundle.display().to_string());
        line("NODE_EXTRA_CA_CERTS", &ca);
        text
    }

    /// Reads an earlier file, if there is one and it is complete.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).ok()?);
        let mut values: BTreeMap<&str, String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .filter_map(|(name, value)| {
                Some((name, value.strip_prefix('\'')?.strip_suffix('\'')?.replace(r"'\''", "'")))
            })
            .collect();
        let mut take = |name: &str| values.remove(name);
        Some(Self {
            base: take("STRONGROOM_URL")?,
            vault_url: take("VAULT_URL")?,
            ca: take("VAULT_CA")?.into(),
            bundle: take("SSL_CERT_FILE")?.into(),
            tenant: take("AZURE_TENANT_ID")?,
            app: Pair {
                client_id: take("AZURE_CLIENT_ID")?,
                client_secret: SecretText::new(take("AZURE_CLIENT_SECRET")?),
            },
            nobody: Pair {
                client_id: take("NOBODY_CLIENT_ID")?,
                client_secret: SecretText::new(take("NOBODY_CLIENT_SECRET")?),
            },
            operator: Pair {
                client_id: take("OPERATOR_CLIENT_ID")?,
                client_secret: SecretText::new(take("OPERATOR_CLIENT_SECRET")?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let pair = |name: &str| Pair { client_id: name.into(), client_secret: SecretText::new(format!("{name}'s")) };
        let env = DevEnv {
            base: "https://vault.localhost:8443".into(),
            vault_url: "https://demo.vault.localhost:8443".into(),
            ca: "/tmp/it's/ca.pem".into(),
            bundle: "/tmp/it's/ca-bundle.pem".into(),
            tenant: "t".into(),
            app: pair("app"),
            nobody: pair("nobody"),
            operator: pair("operator"),
        };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dev.env");
        std::fs::write(&path, env.to_text().as_bytes()).unwrap();
        let again = DevEnv::read(&path).unwrap();
        assert_eq!(*again.to_text(), *env.to_text());
        assert_eq!(again.ca, env.ca);
        std::fs::write(&path, "export VAULT_URL='x'\n").unwrap();
        assert!(DevEnv::read(&path).is_none(), "half a file is none");
    }
}
