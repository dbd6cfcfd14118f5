//! Signed checkpoints of the whole audit log: whichever process comes first signs for all of them, and every
//! one keeps each checkpoint outside the database.
//!
//! Nothing is signed, and nothing is kept, that does not continue what was kept before, or that does not go
//! through what this process wrote: a log with two pasts gets no second signature and no silent anchor.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use strongroom_crypto::{
    AuditSigner, CheckpointBody,
    merkle::{Hash, verify_consistency},
    verify_audit_signature,
};
use strongroom_domain::{
    names::InstallationId,
    record::{Checkpoint, TreeCheckpoint, TwoPasts},
    time::Clock,
};
use strongroom_store::{
    Store,
    verify::{append_anchor, append_tree, read_anchors},
};
use tokio::sync::watch;

/// Name of the anchor file in the data directory.
pub(crate) const ANCHORS: &str = "anchors.jsonl";

/// Most checkpoints of one run: after a long pause the rest follows with the next run.
const MAX_AT_ONCE: usize = 64;

/// What this node has kept outside the database last.
#[derive(Clone, Copy)]
pub(crate) enum Kept {
    /// The anchor file was not read yet.
    Unread,
    Nothing,
    Tree(u64, Hash),
}

/// Who covers, what, and where it is kept.
pub(crate) struct Covering {
    pub(crate) store: Arc<Store>,
    pub(crate) signer: Arc<AuditSigner>,
    pub(crate) installation: InstallationId,
    pub(crate) anchors: PathBuf,
    /// What was kept last, for whoever tells it on.
    pub(crate) newest: watch::Sender<Option<TreeCheckpoint>>,
}

/// Covers what a command wrote that works on the database itself, without a server whose job it would be:
/// records that stay uncovered for long look like an attack.
///
/// # Errors
/// As [`Covering::cover`].
pub(crate) async fn cover_once(
    store: &Arc<Store>,
    signer: AuditSigner,
    installation: InstallationId,
    data: &Path,
    clock: &dyn Clock,
) -> anyhow::Result<()> {
    let (newest, _) = watch::channel(None);
    let covering = Covering {
        store: Arc::clone(store),
        signer: Arc::new(signer),
        installation,
        anchors: data.join(ANCHORS),
        newest,
    };
    covering.cover(&mut Kept::Unread, clock).await
}

impl Covering {
    /// Covers what is not covered yet, and keeps the newest checkpoint.
    ///
    /// # Errors
    /// What the store says; [`TwoPasts`] when the log does not continue what was kept.
    pub(crate) async fn cover(&self, kept: &mut Kept, clock: &dyn Clock) -> anyhow::Result<()> {
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
                return Ok(());
            }
            let at = clock.now_millis();
            let checkpoint = growth.sign(self.installation, &self.signer, at)?;
            // Somebody else may have been faster: then theirs is read and kept instead.
            if self.store.extend_tree(&growth, &checkpoint).await? && !growth.more {
                self.keep(kept, &checkpoint).await?;
                return Ok(());
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

    /// Signs the head that this process wrote, whatever the database says of it, and keeps it: whoever took
    /// records away before they were covered cannot have the next start believe the rest.
    pub(crate) async fn testify(&self, (seq, head): (u64, [u8; 32]), at: i64) -> anyhow::Result<()> {
        let node = self.store.node().to_owned();
        let mut checkpoint = Checkpoint { node, seq, head, at, key_id: self.signer.key_id(), signature: Vec::new() };
        checkpoint.signature = self.signer.sign(&self.body(&checkpoint).to_signed_bytes()).to_vec();
        let anchors = self.anchors.clone();
        tokio::task::spawn_blocking(move || append_anchor(&anchors, &checkpoint)).await??;
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
}
