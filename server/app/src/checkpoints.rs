//! Checkpoints of the whole audit log: whichever node comes first signs for all of them, and every
//! node keeps each one outside the database.
//!
//! Nothing is signed, and nothing is kept, that does not continue what this node kept before, or that does
//! not go through what this process wrote: a log with two pasts gets no second signature and no silent
//! anchor. While the log cannot be covered the node answers nobody, and what this process wrote last is
//! signed by itself and kept, so that a start after it knows.

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use strongroom_crypto::{
    AuditSigner, CheckpointBody,
    merkle::{Hash, verify_consistency},
    verify_audit_signature,
};
use strongroom_domain::{
    names::InstallationId,
    ports::{AuditLog as _, StoreError},
    record::{Checkpoint, TreeCheckpoint, TwoPasts},
};
use strongroom_http::services::{ChainStatus, Services, Verified};
use strongroom_store::{
    Store,
    verify::{append_anchor, append_tree, read_anchors},
};
use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};

use crate::wiring::Node;

/// Most checkpoints of one run: after a long pause the rest follows with the next run.
const MAX_AT_ONCE: usize = 64;

/// Longest time for which answers are given without a checkpoint that covers their records.
const COVERED_WITHIN: Duration = Duration::from_secs(10);

/// What this node has kept outside the database last.
#[derive(Clone, Copy)]
enum Kept {
    /// The anchor file was not read yet.
    Unread,
    Nothing,
    Tree(u64, Hash),
}

/// What is known from one run to the next.
struct Known {
    kept: Kept,
    /// When everything was covered last, by the steady clock.
    covered_at: u64,
    /// The head of this process that was kept by itself last.
    testified: Option<(u64, [u8; 32])>,
}

pub(crate) struct Checkpoints {
    store: Arc<Store>,
    signer: Arc<AuditSigner>,
    services: Arc<Services>,
    installation: InstallationId,
    chain: Arc<ArcSwap<ChainStatus>>,
    anchors: PathBuf,
    known: Mutex<Known>,
    /// What was kept last, for whoever tells it on.
    newest: watch::Sender<Option<TreeCheckpoint>>,
}

impl Checkpoints {
    pub(crate) fn new(node: &Node, anchors: PathBuf, newest: watch::Sender<Option<TreeCheckpoint>>) -> Self {
        Self {
            store: Arc::clone(&node.store),
            signer: Arc::clone(&node.auditor),
            services: Arc::clone(&node.services),
            installation: node.installation,
            chain: Arc::clone(&node.chain),
            anchors,
            known: Mutex::new(Known {
                kept: Kept::Unread,
                covered_at: node.services.clock.ticks_micros(),
                testified: None,
            }),
            newest,
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

    /// Signs the head that this process wrote, whatever the database says of it, and keeps it: whoever took
    /// records away before they were covered cannot have the next start believe the rest.
    async fn testify(&self, known: &mut Known) -> anyhow::Result<()> {
        let Some((seq, head)) = self.store.written_head().filter(|head| known.testified != Some(*head)) else {
            return Ok(());
        };
        let at = self.services.clock.now_millis();
        let node = self.store.node().to_owned();
        let mut checkpoint = Checkpoint { node, seq, head, at, key_id: self.signer.key_id(), signature: Vec::new() };
        checkpoint.signature = self.signer.sign(&self.body(&checkpoint).to_signed_bytes()).to_vec();
        let anchors = self.anchors.clone();
        tokio::task::spawn_blocking(move || append_anchor(&anchors, &checkpoint)).await??;
        known.testified = Some((seq, head));
        Ok(())
    }

    fn body(&self, checkpoint: &Checkpoint) -> CheckpointBody {
        CheckpointBody {
            installation: *self.installation.0.as_bytes(),
            node: checkpoint.node.clone(),
            seq: checkpoint.seq,
            head: checkpoint.head,
            at_millis: checkpoint.at,
        }
    }

    async fn cover(&self, kept: &mut Kept) -> anyhow::Result<()> {
        // Before the log is looked at: it must go through what this node testified to.
        self.read_kept(kept).await?;
        for _ in 0..MAX_AT_ONCE {
            let growth = self.store.tree_growth().await?;
            if let Some(newest) = &growth.last {
                self.keep(kept, newest).await?;
            } else if matches!(self.read_kept(kept).await?, Kept::Tree(..)) {
                return Err(TwoPasts::Forked.into());
            }
            if growth.segments.is_empty() {
                return self.show().await;
            }
            let at = self.services.clock.now_millis();
            let checkpoint = growth.sign(self.installation, &self.signer, at)?;
            // Somebody else may have been faster: then theirs is read and kept instead.
            if self.store.extend_tree(&growth, &checkpoint).await? && !growth.more {
                self.keep(kept, &checkpoint).await?;
                return self.show().await;
            }
        }
        anyhow::bail!("the tree keeps being longer than its newest checkpoint says, or there is more to cover")
    }

    /// Keeps a checkpoint outside the database, if it continues the one before it.
    async fn keep(&self, kept: &mut Kept, newest: &TreeCheckpoint) -> anyhow::Result<()> {
        if !newest.is_authentic(self.installation, &[self.signer.public_key()]) {
            return Err(TwoPasts::Forged.into());
        }
        if let Kept::Tree(size, root) = self.read_kept(kept).await? {
            if (size, root) == (newest.size, newest.root) {
                if self.newest.borrow().is_none() {
                    self.newest.send_replace(Some(newest.clone()));
                }
                return Ok(());
            }
            let path = self.store.tree_consistency(size, newest.size).await?.unwrap_or_default();
            if !verify_consistency(size, &root, newest.size, &newest.root, &path) {
                return Err(TwoPasts::Forked.into());
            }
        }
        let (anchors, checkpoint) = (self.anchors.clone(), newest.clone());
        tokio::task::spawn_blocking(move || append_tree(&anchors, &checkpoint)).await??;
        *kept = Kept::Tree(newest.size, newest.root);
        self.newest.send_replace(Some(newest.clone()));
        Ok(())
    }

    /// What was kept before this process began counts like what it kept itself.
    async fn read_kept(&self, kept: &mut Kept) -> anyhow::Result<Kept> {
        if matches!(kept, Kept::Unread) {
            let anchors = self.anchors.clone();
            let read =
                tokio::task::spawn_blocking(
                    move || {
                        if anchors.exists() { read_anchors(&anchors).map(Some) } else { Ok(None) }
                    },
                );
            let key = self.signer.public_key();
            let anchors = read.await??.unwrap_or_default();
            // Lines of another installation, or forged ones, bind nobody.
            for head in anchors.checkpoints.iter().filter(|head| head.node == self.store.node()) {
                if verify_audit_signature(&key, &self.body(head).to_signed_bytes(), &head.signature) {
                    self.store.testified_head(head.seq, head.head);
                }
            }
            let own = anchors.trees.into_iter().filter(|tree| tree.is_authentic(self.installation, &[key]));
            *kept = own.max_by_key(|tree| tree.size).map_or(Kept::Nothing, |tree| Kept::Tree(tree.size, tree.root));
        }
        Ok(*kept)
    }

    async fn show(&self) -> anyhow::Result<()> {
        let Some((seq, head)) = self.store.chain_head().await? else { return Ok(()) };
        let head = data_encoding::HEXLOWER.encode(&head);
        self.chain.rcu(|known| ChainStatus { position: seq, head: head.clone(), ..ChainStatus::clone(known) });
        Ok(())
    }
}
