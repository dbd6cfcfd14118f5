//! Checkpoints of the whole audit log: whichever node comes first signs for all of them, and every
//! node keeps each one outside the database.
//!
//! Nothing is signed, and nothing is kept, that does not continue what this node kept before: a log
//! with two pasts gets no second signature and no silent anchor.

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use strongroom_crypto::{
    AuditSigner,
    merkle::{Hash, verify_consistency},
};
use strongroom_domain::{
    names::InstallationId,
    ports::AuditLog as _,
    record::{TreeCheckpoint, TwoPasts},
};
use strongroom_http::services::{ChainStatus, Services, Verified};
use strongroom_store::{
    Store,
    verify::{append_tree, read_anchors},
};
use tokio::sync::{Mutex, watch};

use crate::wiring::Node;

/// Most checkpoints of one run: after a long pause the rest follows with the next run.
const MAX_AT_ONCE: usize = 64;

/// What this node has kept outside the database last.
#[derive(Clone, Copy)]
enum Kept {
    /// The anchor file was not read yet.
    Unread,
    Nothing,
    Tree(u64, Hash),
}

pub(crate) struct Checkpoints {
    store: Arc<Store>,
    signer: Arc<AuditSigner>,
    services: Arc<Services>,
    installation: InstallationId,
    chain: Arc<ArcSwap<ChainStatus>>,
    anchors: PathBuf,
    kept: Mutex<Kept>,
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
            kept: Mutex::new(Kept::Unread),
            newest,
        }
    }

    /// Covers what is not covered yet, and keeps the newest checkpoint.
    pub(crate) async fn run(&self) {
        let mut kept = self.kept.lock().await;
        if let Err(error) = self.cover(&mut kept).await {
            tracing::error!(%error, "the audit log could not be covered by a checkpoint");
            if error.downcast_ref::<TwoPasts>().is_some() {
                let verdict = Err(error.to_string());
                let at = self.services.clock.now_millis();
                self.chain.rcu(|known| ChainStatus {
                    verified: Some(Verified { at, verdict: verdict.clone() }),
                    ..ChainStatus::clone(known)
                });
            }
        }
    }

    async fn cover(&self, kept: &mut Kept) -> anyhow::Result<()> {
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
            let trees = read.await??.map(|anchors| anchors.trees).unwrap_or_default();
            // Lines of another installation, or forged ones, bind nobody.
            let own = trees.into_iter().filter(|tree| tree.is_authentic(self.installation, &[key]));
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
