//! `strongroom verify`: everything that is stored, on demand. The log and every row against it, as
//! `audit verify` does with public keys; and with the root key, that each row is what was written and each
//! value opens at its place. Opened values are dropped at once.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Value, json};
use strongroom_domain::stored::{Inspector, StoredRows as _, Verdict};
use strongroom_store::Store;

use super::{audit::look, seal::Place};
use crate::{
    cli::{Output, SealAt, VerifyWith},
    exit::Exit,
    installation,
};

/// Most rows that are named.
const MAX_NAMED: u64 = 1000;

pub(crate) async fn run(at: SealAt, with: VerifyWith) -> anyhow::Result<()> {
    let output = at.output;
    let place = Place::of(at)?;
    let log = look(&place, with).await?;
    if output == Output::Table {
        log.print();
    }
    let seen = rows(&place).await?;
    match output {
        Output::Json => {
            let mut told = log.object();
            if let Some(members) = told.as_object_mut() {
                members.insert("stored".to_owned(), seen.object());
            }
            println!("{}", crate::plain::json(&told));
        }
        Output::Table => seen.print(),
    }
    if seen.wrong > 0 { Err(Exit::Edited.into()) } else { log.verdict() }
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
            let missing = "is missing: the server does not start without it";
            seen.named.push(format!("the installation's own {label} {missing}"));
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
    Ok(seen)
}

#[derive(Default)]
struct Seen {
    authentic: u64,
    opened: u64,
    wrong: u64,
    /// What is wrong, a line each, up to [`MAX_NAMED`].
    named: Vec<String>,
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
                    let wrong = "is not what was written there: it was edited, moved, or is damaged";
                    self.named.push(format!("{} {wrong}", what()));
                }
            }
        }
    }

    /// For machines.
    fn object(&self) -> Value {
        json!({
            "authentic": self.authentic,
            "opened": self.opened,
            "wrong": self.wrong,
            "named": self.named,
            "left_of_purged_vaults": self.left,
            "not_checked": self.closed,
        })
    }

    /// For people.
    fn print(&self) {
        for line in &self.named {
            println!("{line}");
        }
        if self.left > 0 {
            println!("{} rows are left of purged vaults: their key is gone, and the server takes them away", self.left);
        }
        if let Some(more) = self.wrong.checked_sub(MAX_NAMED).filter(|more| *more > 0) {
            println!("and {more} more");
        }
        if self.closed > 0 {
            println!("{} rows are in vaults that are not authentic, and could not be checked", self.closed);
        }
        println!("{} rows are authentic, and {} values open at their places", self.authentic, self.opened);
    }
}
