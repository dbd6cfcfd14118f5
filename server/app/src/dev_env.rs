//! `dev.env`: what a shell needs to talk to the development server, kept between starts.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use strongroom_crypto::SecretText;

/// What Azure's packages are told as their tenant: the only name for which they do not ask Microsoft who
/// the authority is, whatever else the program that uses them says. The token endpoint answers it as it
/// answers the installation's id.
const SDK_TENANT: &str = "adfs";

/// A shell function for commands that the sample app may not do.
const AS_OPERATOR: &str = r#"# Runs one command as the operator: as_operator strongroom audit tail
as_operator() { AZURE_CLIENT_ID="$OPERATOR_CLIENT_ID" AZURE_CLIENT_SECRET="$OPERATOR_CLIENT_SECRET" "$@"; }
"#;

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
    /// Id of the installation.
    pub(crate) installation: String,
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
        let bundle = self.bundle.display().to_string();
        let mut text = zeroize::Zeroizing::new(String::with_capacity(4096));
        let mut block = |comment: &str, lines: &[(&str, &str)]| {
            // Writing into a string does not fail.
            let _ = writeln!(text, "# {comment}");
            for (name, value) in lines {
                let _ = writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''"));
            }
        };
        block(
            "Where the server is, its sample vault, its certificate authority, and its id.",
            &[
                ("STRONGROOM_URL", &self.base),
                ("VAULT_URL", &self.vault_url),
                ("VAULT_CA", &ca),
                ("INSTALLATION_ID", &self.installation),
            ],
        );
        block(
            "Azure's packages: tokens come from this server. For the tenant adfs they ask nobody else whether it may be trusted.",
            &[("AZURE_AUTHORITY_HOST", &self.base), ("AZURE_TENANT_ID", SDK_TENANT)],
        );
        let mut pair = |id, secret, of: &Pair, comment| {
            block(comment, &[(id, &of.client_id), (secret, of.client_secret.expose())]);
        };
        pair(
            "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SECRET",
            &self.app,
            "The sample app: Key Vault Administrator on the vault demo.",
        );
        pair(
            "NOBODY_CLIENT_ID",
            "NOBODY_CLIENT_SECRET",
            &self.nobody,
            "A workload without any role, to be refused as.",
        );
        pair(
            "OPERATOR_CLIENT_ID",
            "OPERATOR_CLIENT_SECRET",
            &self.operator,
            "The operator: Owner of the installation.",
        );
        block(
            "Whom to trust: Python and OpenSSL the named file alone, Node the file besides its own.",
            &[("REQUESTS_CA_BUNDLE", &bundle), ("SSL_CERT_FILE", &bundle), ("NODE_EXTRA_CA_CERTS", &ca)],
        );
        text.push_str(AS_OPERATOR);
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
            // Earlier files had the id as the tenant.
            installation: take("INSTALLATION_ID").or_else(|| take("AZURE_TENANT_ID"))?,
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
            installation: "t".into(),
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
