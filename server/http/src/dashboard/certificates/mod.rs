//! Certificates: which there are, how each is made and renewed, what waits for an authority, and how one comes in from
//! elsewhere and goes out.
//!
//! What is public is shown and handed out here. A private key is never on a page: it comes in by a form that is
//! answered with what was in it, and goes out as a file in the answer to one, by the same reading of its secret as
//! everywhere.

pub(super) mod chain;
pub(super) mod files;
pub(super) mod forms;
pub(super) mod import;
pub(super) mod list;
pub(super) mod pending;
pub(super) mod policy;
pub(super) mod revocation;
pub(super) mod revoke;
pub(super) mod show;

use data_encoding::BASE64;
use strongroom_domain::{certificate::PendingStatus, revocations::Standing, secret::SecretItem};
use strongroom_web::{Cell, Icon, Tone, say};

use super::view;

/// Whether the version has no certificate, yet or for good.
fn is_waiting(item: &SecretItem) -> bool {
    item.version.certificate.as_ref().is_none_or(|certificate| certificate.leaf().is_none())
}

/// How a version stands.
fn state_badge(item: &SecretItem, now: i64) -> (Tone, Icon, String) {
    if is_waiting(item) {
        let pending = item.secret.certificate.as_ref().and_then(|state| state.pending.as_ref());
        let own = pending.filter(|pending| pending.version == item.version.version).map(|pending| pending.status);
        let (tone, icon, text) = match own {
            Some(PendingStatus::InProgress) => {
                (Tone::Planned, Icon::Hourglass, say!("certificates-waits-for-its-authority"))
            }
            Some(PendingStatus::Cancelled) => (Tone::Plain, Icon::Off, say!("certificates-called-off")),
            Some(PendingStatus::Failed) => (Tone::Bad, Icon::Warning, say!("certificates-failed")),
            // A try before the last one, or one that was forgotten.
            Some(PendingStatus::Completed) | None => (Tone::Plain, Icon::Off, say!("certificates-never-issued")),
        };
        return (tone, icon, text.to_owned());
    }
    view::state_badge(view::state(&item.version.attributes, now))
}

/// How a version stands with its authority, if there is something to say.
fn standing_badge(standing: &Standing) -> Option<(Tone, Icon, String)> {
    match standing {
        Standing::NotRevoked => None,
        Standing::Revoked(_) => Some((Tone::Bad, Icon::Ban, say!("certificates-revoked").to_owned())),
        Standing::Unknown => Some((Tone::Warn, Icon::Unknown, say!("certificates-perhaps-revoked").to_owned())),
    }
}

/// How a version stands, in a cell: that it was revoked is more than whatever else is to be said of it.
fn state_cell(item: &SecretItem, standing: &Standing, now: i64) -> Cell {
    let (tone, icon, text) = standing_badge(standing).unwrap_or_else(|| state_badge(item, now));
    let small = standing.revoked().map(|one| format!("{}, {}", view::moment(one.at).text, one.reason.as_str()));
    Cell::Badge { tone, icon, text, small }
}

/// One document in PEM (RFC 7468): 64 characters a line.
fn pem(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in bytes.chunks(48) {
        BASE64.encode_append(line, &mut text);
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
