//! `strongroom verify`: everything that is stored, on demand. The log and every row against it, as
//! `audit verify` does with public keys; and with the root key, that each row is what was written and each
//! value opens at its place. Opened values are dropped at once.

use std::sync::Arc;

use anyhow::Context as _;
use strongroom_domain::stored::{Inspector, StoredRows as _, Verdict};
use strongroom_store::Store;

use super::{audit::verify_offline, seal::Place};
use crate::{
    cli::{SealAt, VerifyWith},
    exit::Exit,
    installation,
};

/// Most rows that are named.
const MAX_NAMED: u64 = 1000;

pub(crate) async fn run(at: SealAt, with: VerifyWith) -> anyhow::Result<()> {
    let place = Place::of(at)?;
    let log = match verify_offline(&place, with).await {
        Ok(()) => None,
        Err(error) => Some(error.downcast::<Exit>()?),
    };
    let seen = rows(&place).await?;
    println!("{} rows are authentic, and {} values open at their places", seen.authentic, seen.opened);
    match log {
        _ if seen.wrong > 0 => Err(Exit::Edited.into()),
        Some(exit) => Err(exit.into()),
        None => Ok(()),
    }
}

/// Checks every row with the root key.
async fn rows(place: &Place) -> anyhow::Result<Seen> {
    let reader = Arc::new(Store::open_read_only(&place.address()).await?);
    let installation = reader.installation().await?.context("the database holds no installation")?;
    let sealed = reader.installation_keys().await?;
    let source = place.source()?;
    let keyring = Arc::new(installation::keyring_of(&sealed, installation.id, &source)?);
    let mut seen = Seen::default();
    for label in installation::signing_keys(installation.development) {
        if !sealed.blobs.iter().any(|(known, _)| known == label) {
            seen.wrong += 1;
            println!("the installation's own {label} is missing: the server does not start without it");
        }
    }
    let mut walk = reader.walk();
    let mut inspector = Inspector::new(keyring, reader);
    while let Some(portion) = walk.portion().await? {
        for found in portion {
            let row = inspector.inspect(found).await?;
            seen.see(row.verdict, || row.to_string());
        }
    }
    if seen.left > 0 {
        println!("{} rows are left of purged vaults: their key is gone, and the server takes them away", seen.left);
    }
    if let Some(more) = seen.wrong.checked_sub(MAX_NAMED).filter(|more| *more > 0) {
        println!("and {more} more");
    }
    if seen.closed > 0 {
        println!("{} rows are in vaults that are not authentic, and could not be checked", seen.closed);
    }
    Ok(seen)
}

#[derive(Default)]
struct Seen {
    authentic: u64,
    opened: u64,
    wrong: u64,
    /// Rows in vaults whose own row is wrong.
    closed: u64,
    /// Rows of purged vaults.
    left: u64,
}

impl Seen {
    fn see(&mut self, verdict: Verdict, what: impl FnOnce() -> String) {
        match verdict {
            Verdict::Authentic { opened } => {
                self.authentic = self.authentic.saturating_add(1);
                self.opened = self.opened.saturating_add(u64::from(opened));
            }
            Verdict::Closed => self.closed = self.closed.saturating_add(1),
            Verdict::Left => self.left = self.left.saturating_add(1),
            Verdict::Wrong | Verdict::Orphan => {
                self.wrong = self.wrong.saturating_add(1);
                if self.wrong <= MAX_NAMED {
                    println!("{} is not what was written there: it was edited, moved, or is damaged", what());
                }
            }
        }
    }
}
