//! Covers the audit log again and again while a node runs (see `covering`). While the log cannot be covered
//! the node answers nobody, and what this process wrote last is signed by itself and kept, so that a start
//! after it knows.

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use strongroom_domain::{
    ports::{AuditLog as _, StoreError},
    record::{TreeCheckpoint, TwoPasts},
};
use strongroom_http::services::{ChainStatus, Services, Verified};
use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};

use crate::{
    covering::{Covering, Kept},
    wiring::Node,
};

/// Longest time for which answers are given without a checkpoint that covers their records.
pub(crate) const COVERED_WITHIN: Duration = Duration::from_secs(10);

/// What is known from one run to the next.
struct Known {
    kept: Kept,
    /// When everything was covered last, by the steady clock.
    covered_at: u64,
    /// The head of this process that was kept by itself last.
    testified: Option<(u64, [u8; 32])>,
}

pub(crate) struct Checkpoints {
    covering: Covering,
    services: Arc<Services>,
    chain: Arc<ArcSwap<ChainStatus>>,
    known: Mutex<Known>,
}

impl Checkpoints {
    pub(crate) fn new(node: &Node, anchors: PathBuf, newest: watch::Sender<Option<TreeCheckpoint>>) -> Self {
        Self {
            covering: Covering {
                store: Arc::clone(&node.store),
                signer: Arc::clone(&node.auditor),
                installation: node.installation,
                anchors,
                newest,
            },
            services: Arc::clone(&node.services),
            chain: Arc::clone(&node.chain),
            known: Mutex::new(Known {
                kept: Kept::Unread,
                covered_at: node.services.clock.ticks_micros(),
                testified: None,
            }),
        }
    }

    /// Covers what is not covered yet, and keeps the newest checkpoint.
    pub(crate) async fn run(&self) {
        let mut known = self.known.lock().await;
        let health = self.services.recorder.health();
        let covered = {
            let mut covering = std::pin::pin!(self.cover(&mut known.kept));
            match timeout(COVERED_WITHIN, &mut covering).await {
                Ok(covered) => covered,
                Err(_) => {
                    tracing::error!("covering the audit log by a checkpoint takes too long");
                    health.set_uncovered(true);
                    covering.await
                }
            }
        };
        let now = self.services.clock.ticks_micros();
        let Err(error) = covered else {
            known.covered_at = now;
            health.set_uncovered(false);
            return;
        };
        tracing::error!(%error, "the audit log could not be covered by a checkpoint");
        let contradicted = error.is::<TwoPasts>() || matches!(error.downcast_ref(), Some(StoreError::Damaged(_)));
        let since = Duration::from_micros(now.saturating_sub(known.covered_at));
        if (contradicted || since > COVERED_WITHIN) && !health.is_uncovered() {
            tracing::error!("nobody is answered until the audit log can be covered");
            health.set_uncovered(true);
        }
        if contradicted {
            let verdict = Err(error.to_string());
            let at = self.services.clock.now_millis();
            self.chain.rcu(|known| ChainStatus {
                verified: Some(Verified { at, verdict: verdict.clone() }),
                ..ChainStatus::clone(known)
            });
        }
        if let Err(error) = self.testify(&mut known).await {
            tracing::error!(%error, "what this node wrote last could not be kept outside the database");
        }
    }

    async fn testify(&self, known: &mut Known) -> anyhow::Result<()> {
        let Some(head) = self.covering.store.written_head().filter(|head| known.testified != Some(*head)) else {
            return Ok(());
        };
        self.covering.testify(head, self.services.clock.now_millis()).await?;
        known.testified = Some(head);
        Ok(())
    }

    async fn cover(&self, kept: &mut Kept) -> anyhow::Result<()> {
        self.covering.cover(kept, &*self.services.clock).await?;
        self.show().await
    }

    async fn show(&self) -> anyhow::Result<()> {
        let Some((seq, head)) = self.covering.store.chain_head().await? else { return Ok(()) };
        let head = data_encoding::HEXLOWER.encode(&head);
        self.chain.rcu(|known| ChainStatus { position: seq, head: head.clone(), ..ChainStatus::clone(known) });
        Ok(())
    }
}
