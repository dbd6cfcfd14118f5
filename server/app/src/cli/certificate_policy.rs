//! What can be said of a certificate's policy by itself, and of when the next version is made.

use clap::{Args, Subcommand};

use super::{VaultAt, certificate::BundleForm};

/// `strongroom certificate policy`
#[derive(Subcommand)]
pub(crate) enum CertificatePolicyCommand {
    /// Show how the next version is made, and when.
    Show {
        /// Name of the certificate.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Change what is said; the rest and the version that is there stay as they are.
    Set {
        /// Name of the certificate.
        name: String,
        #[command(flatten)]
        policy: Box<PolicyGiven>,
        #[command(flatten)]
        at: VaultAt,
    },
}

/// Lifetime actions: one that is said takes the place of those of its kind.
#[derive(Args)]
pub(crate) struct LifetimeGiven {
    /// Renew it by itself at this part of its lifetime, for example `80%`.
    #[arg(long, value_parser = percentage, conflicts_with = "renew_before")]
    pub(crate) renew_at: Option<u8>,
    /// Renew it by itself so many days before it ends, for example `30d`.
    #[arg(long, value_parser = days)]
    pub(crate) renew_before: Option<u32>,
    /// Tell the contacts of the vault at this part of its lifetime.
    #[arg(long, value_parser = percentage, conflicts_with = "notify_before")]
    pub(crate) notify_at: Option<u8>,
    /// Tell the contacts of the vault so many days before it ends.
    #[arg(long, value_parser = days)]
    pub(crate) notify_before: Option<u32>,
}

/// What of a policy is changed.
#[derive(Args)]
pub(crate) struct PolicyGiven {
    /// Subject, for example `CN=app.example, O=Example`.
    #[arg(long)]
    pub(crate) subject: Option<String>,
    /// DNS name; may be given several times. Names that are said take the place of all names, of every sort.
    #[arg(long = "dns")]
    pub(crate) dns: Vec<String>,
    /// Mail address; the same.
    #[arg(long = "email")]
    pub(crate) emails: Vec<String>,
    /// IP address; the same.
    #[arg(long = "ip")]
    pub(crate) addresses: Vec<String>,
    /// URI; the same.
    #[arg(long = "uri")]
    pub(crate) uris: Vec<String>,
    /// User principal name; the same.
    #[arg(long = "upn")]
    pub(crate) upns: Vec<String>,
    /// Who signs: `Self`, `Unknown` for a request that is signed elsewhere, or an issuer of the vault.
    #[arg(long)]
    pub(crate) issuer: Option<String>,
    /// For how many months the next version is valid.
    #[arg(long)]
    pub(crate) months: Option<u32>,
    /// Type of the next version's key: RSA or EC.
    #[arg(long = "type")]
    pub(crate) kty: Option<String>,
    /// Bits of the next version's key, of RSA (2048, 3072, 4096).
    #[arg(long, conflicts_with = "curve")]
    pub(crate) size: Option<u64>,
    /// Curve of the next version's key, of EC: P-256, P-256K, P-384 or P-521.
    #[arg(long)]
    pub(crate) curve: Option<String>,
    /// Usage of the key; may be given several times. Those that are said take the place of all.
    #[arg(long = "usage")]
    pub(crate) usages: Vec<String>,
    /// Extended usage as an object identifier; the same.
    #[arg(long = "eku")]
    pub(crate) extended: Vec<String>,
    /// In which form the secret gives the next version out.
    #[arg(long, value_enum)]
    pub(crate) format: Option<BundleForm>,
    /// Give the next version's private key out with its secret.
    #[arg(long, conflicts_with = "not_exportable")]
    pub(crate) exportable: bool,
    /// Keep the next version's private key in the vault.
    #[arg(long)]
    pub(crate) not_exportable: bool,
    /// Keep the key of the version before.
    #[arg(long, conflicts_with = "no_reuse_key")]
    pub(crate) reuse_key: bool,
    /// Make a new key for each version.
    #[arg(long)]
    pub(crate) no_reuse_key: bool,
    #[command(flatten)]
    pub(crate) lifetime: LifetimeGiven,
}

/// `80%`; the sign may be left out.
fn percentage(text: &str) -> Result<u8, &'static str> {
    let number: Option<u8> = text.strip_suffix('%').unwrap_or(text).parse().ok();
    number.filter(|number| (1..=99).contains(number)).ok_or("it is a part of the lifetime, 1% to 99%")
}

/// `30d`; the letter may be left out.
fn days(text: &str) -> Result<u32, &'static str> {
    let number: Option<u32> = text.strip_suffix('d').unwrap_or(text).parse().ok();
    number.filter(|number| *number > 0).ok_or("it is a number of days, for example 30d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_days_are_read_as_people_write_them() {
        assert_eq!((percentage("80%"), percentage("1"), days("30d"), days("7")), (Ok(80), Ok(1), Ok(30), Ok(7)));
        for bad in ["", "%", "0%", "100%", "300%", "-1"] {
            assert!(percentage(bad).is_err(), "{bad}");
        }
        for bad in ["", "d", "0d", "1w", "-1d"] {
            assert!(days(bad).is_err(), "{bad}");
        }
    }
}
