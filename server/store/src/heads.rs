//! What this process knows of its own chain, whatever the database says by now. A database that has lost
//! what was certainly written must not be gone on from as if that had never been: whoever writes the
//! database can take records away, and the chain's links need no key.

use std::sync::{Mutex, PoisonError};

use sea_orm::ConnectionTrait;
use strongroom_domain::ports::StoreError;

use crate::{fault::damaged, reading::links_after, rows};

/// Position and head of a chain; position 0 is the empty chain.
pub(crate) type Head = (u64, [u8; 32]);

/// Heads that this node's chain must go through.
#[derive(Default)]
pub(crate) struct KnownHeads(Mutex<Known>);

#[derive(Clone, Copy, Default)]
struct Known {
    /// After the last batch that was certainly committed.
    written: Option<Head>,
    /// What this node testified to before it was started.
    testified: Option<Head>,
}

impl KnownHeads {
    fn with<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A batch was committed, and the chain's head is this one.
    pub(crate) fn write(&self, head: Head) {
        self.with(|known| known.written = Some(head));
    }

    /// An earlier process of this node has testified to this head.
    pub(crate) fn testify(&self, head: Head) {
        self.with(|known| known.testified = known.testified.max(Some(head)));
    }

    /// The last head that was certainly committed.
    pub(crate) fn written(&self) -> Option<Head> {
        self.with(|known| known.written)
    }

    /// All that the chain must go through.
    pub(crate) fn all(&self) -> Vec<Head> {
        let Known { written, testified } = self.with(|known| *known);
        written.into_iter().chain(testified).filter(|(seq, _)| *seq > 0).collect()
    }

    /// Whether the chain in the database goes through all of them.
    pub(crate) async fn hold_in(&self, database: &impl ConnectionTrait, node: &str) -> Result<(), StoreError> {
        for (seq, head) in self.all() {
            let before = i64::try_from(seq).map_err(|e| damaged("audit chain", e))?.saturating_sub(1);
            let links = links_after(database, node, before, 1).await?;
            let found = links.first().map(|link| rows::position(link.seq, link.head.as_deref())).transpose()?;
            if found != Some((seq, head)) {
                return Err(lost(seq));
            }
        }
        Ok(())
    }
}

/// The chain does not go through a head that it must go through.
pub(crate) fn lost(seq: u64) -> StoreError {
    damaged("audit chain", format_args!("the database does not have position {seq} as this node wrote it"))
}
