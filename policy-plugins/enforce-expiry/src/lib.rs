//! `enforce-expiry`: secrets and keys expire, and soon enough.
//!
//! It judges the writes that set an expiry date, or have the next version set one, and what is
//! restored; if asked to, also the reads of what has expired.
//! Certificates are left alone on writes: theirs is in the certificate, not in the request.

use serde::Deserialize;
use strongroom_policy_sdk::{About, Answer, Policy, Request, export_policy};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
/// A hundred years: enough for every use, and far from overflow.
const MAX_DAYS: u32 = 36_500;

const GET_SECRET: &str = "Microsoft.KeyVault/vaults/secrets/getSecret/action";
const READ_KEY: &str = "Microsoft.KeyVault/vaults/keys/read";
const READ_CERTIFICATE: &str = "Microsoft.KeyVault/vaults/certificates/read";
/// Everything else that the module asks to see is a write.
const READS: &[&str] = &[GET_SECRET, READ_KEY, READ_CERTIFICATE];

/// How soon things expire.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Furthest expiry date of a write, in days from the request; 1 to 36,500.
    pub max_days: u32,
    /// Whether what has expired may not be read any more.
    #[serde(default)]
    pub deny_expired_reads: bool,
}

/// The module.
#[derive(Debug)]
pub struct EnforceExpiry;

impl Policy for EnforceExpiry {
    type Settings = Settings;

    const ABOUT: About = About::new(
        "enforce-expiry",
        env!("CARGO_PKG_VERSION"),
        "Secrets and keys must expire within a number of days.",
    )
    .actions(&[
        "Microsoft.KeyVault/vaults/secrets/setSecret/action",
        "Microsoft.KeyVault/vaults/secrets/update/action",
        "Microsoft.KeyVault/vaults/secrets/restore/action",
        "Microsoft.KeyVault/vaults/keys/create/action",
        "Microsoft.KeyVault/vaults/keys/import/action",
        "Microsoft.KeyVault/vaults/keys/update/action",
        "Microsoft.KeyVault/vaults/keys/restore/action",
        "Microsoft.KeyVault/vaults/keys/rotate/action",
        "Microsoft.KeyVault/vaults/keyrotationpolicies/write",
        GET_SECRET,
        READ_KEY,
        READ_CERTIFICATE,
    ])
    .settings_schema(include_str!("../settings.schema.json"));

    fn decide(request: &Request, settings: &Settings) -> Answer {
        if READS.contains(&request.action.as_str()) {
            judge_read(request, settings)
        } else {
            judge_write(request, settings)
        }
    }

    fn validate(settings: &Settings) -> Result<(), String> {
        if (1..=MAX_DAYS).contains(&settings.max_days) {
            Ok(())
        } else {
            Err(format!("max_days is not between 1 and {MAX_DAYS}"))
        }
    }
}

fn judge_write(request: &Request, settings: &Settings) -> Answer {
    let max_days = settings.max_days;
    let Some(expires) = request.object.expires else {
        return Answer::deny("expiry-missing", format!("Set an expiry date within {max_days} days."))
            .relied_on("object.expires");
    };
    let latest = request.time.saturating_add(i64::from(max_days) * SECONDS_PER_DAY);
    if expires > latest {
        return Answer::deny("expiry-too-late", format!("The expiry date must be within {max_days} days."))
            .relied_on("object.expires")
            .relied_on("time");
    }
    Answer::allow("expires-in-time").relied_on("object.expires").relied_on("time")
}

fn judge_read(request: &Request, settings: &Settings) -> Answer {
    if !settings.deny_expired_reads {
        return Answer::abstain("reads-not-judged");
    }
    match request.object.expires {
        Some(expires) if expires <= request.time => {
            Answer::deny("expired", "It has expired, and this vault does not give out what has expired.")
                .relied_on("object.expires")
                .relied_on("time")
        }
        _ => Answer::allow("not-expired").relied_on("object.expires").relied_on("time"),
    }
}

export_policy!(EnforceExpiry);
