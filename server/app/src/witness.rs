//! The witness: a server elsewhere that is told each checkpoint, so that whoever can write this machine's
//! disk, the anchors on it included, cannot put the log back to an older state unseen.
//!
//! It is told by POST of one [`Told`] as JSON; any answer of success means that it keeps it, 409 that it
//! does not continue what it keeps. By GET it gives back what it keeps, in the form of an anchor file; a
//! witness that cannot answers 404, 405 or 501 and is only told. The installation is in the query.
//!
//! Never in the way of a request: one exchange at a time, each with an end, in a task of its own. While the
//! witness does not answer, the newest checkpoint alone waits for it.

use std::{
    io::{BufReader, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use reqwest::StatusCode;
use serde::Serialize;
use strongroom_crypto::{SecretText, merkle::verify_consistency};
use strongroom_domain::{names::InstallationId, record::TreeCheckpoint, time::Clock};
use strongroom_http::services::{ChainStatus, Verified, WitnessStanding};
use strongroom_store::{
    LogVerdict, Store,
    verify::{Told, parse_anchors},
};
use tokio::sync::watch;

use crate::peer::{Peer, bounded};

/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Most bytes of an answer that are kept.
const MAX_ANSWER: usize = 16 * 1024;
/// Most bytes of what a witness gives back.
const MAX_KEPT: usize = 64 * 1024 * 1024;
/// When the file of answers is as long as this, it is put aside and the one put aside before goes.
const MAX_ANSWERS: u64 = 8 * 1024 * 1024;

/// How a witness is reached.
pub(crate) struct Witness(Peer);

/// Why a witness was not told.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    NoAnswer(String),
    #[error("the log does not continue what the witness keeps: {0}")]
    Contradicts(String),
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::NoAnswer(format!("{error:#}"))
    }
}

/// One line of the file of answers.
#[derive(Serialize)]
struct Answer<'a> {
    at: i64,
    size: u64,
    root: String,
    status: u16,
    answer: &'a str,
}

impl Witness {
    /// # Errors
    /// When the address is not one that may be told, or the roots are none.
    pub(crate) fn new(address: &str, ca: Option<&[u8]>, token: Option<SecretText>) -> anyhow::Result<Self> {
        Ok(Self(Peer::new("the witness", address, ca, token)?))
    }

    /// The checkpoints that the witness keeps; none when it gives nothing back. Not verified.
    pub(crate) async fn keeps(&self, installation: InstallationId) -> anyhow::Result<Option<Vec<TreeCheckpoint>>> {
        let peer = &self.0;
        let response = peer.send(peer.get("installation", &installation.to_string())).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NO_CONTENT => return Ok(Some(Vec::new())),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => return Ok(None),
            other => anyhow::bail!("{peer} answers {other}"),
        }
        let kept = bounded(response, MAX_KEPT).await?;
        anyhow::ensure!(kept.len() < MAX_KEPT, "what {peer} gives back is too long");
        let anchors = parse_anchors(BufReader::new(kept.as_slice()))?;
        anyhow::ensure!(anchors.unreadable.is_empty(), "what {peer} gives back is no checkpoints");
        Ok(Some(anchors.trees))
    }

    /// Tells a checkpoint; gives status and answer.
    async fn tell(&self, told: &Told) -> Result<(StatusCode, String), Trouble> {
        let peer = &self.0;
        let response = peer.send(peer.post(told)).await?;
        let status = response.status();
        let answer = String::from_utf8_lossy(&bounded(response, MAX_ANSWER).await?).into_owned();
        match status {
            StatusCode::CONFLICT => Err(Trouble::Contradicts(crate::plain::plain(&answer))),
            _ if status.is_success() => Ok((status, answer)),
            _ => Err(Trouble::NoAnswer(format!("{peer} answers {status}"))),
        }
    }
}

/// A witness with what it is told.
pub(crate) struct Testimony {
    pub(crate) witness: Witness,
    /// How far apart it is told.
    pub(crate) every: Duration,
    /// Where its answers are kept.
    pub(crate) answers: PathBuf,
    pub(crate) store: Arc<Store>,
    pub(crate) installation: InstallationId,
    pub(crate) public_key: [u8; 32],
    pub(crate) chain: Arc<ArcSwap<ChainStatus>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The newest checkpoint that this node keeps.
    pub(crate) newest: watch::Receiver<Option<TreeCheckpoint>>,
}

impl Testimony {
    /// Tells the witness the newest checkpoint, again and again. Never returns.
    pub(crate) async fn run(self) {
        let (mut compared, mut told) = (false, None);
        let mut pause = self.every;
        loop {
            let newest = self.newest.borrow().clone();
            if let Some(newest) = newest.filter(|newest| told != Some(newest.size)) {
                match self.testify(&newest, &mut compared).await {
                    Ok(()) => {
                        told = Some(newest.size);
                        pause = self.every;
                        self.show(WitnessStanding::Told);
                    }
                    Err(trouble) => {
                        tracing::error!(%trouble, "the witness was not told the newest checkpoint");
                        pause = pause.saturating_mul(2).min(LONGEST_PAUSE.max(self.every));
                        self.show(match trouble {
                            Trouble::NoAnswer(why) => WitnessStanding::Behind(why),
                            Trouble::Contradicts(why) => WitnessStanding::Contradicts(why),
                        });
                    }
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Before the first word, and after every contradiction, what the witness keeps is compared.
    async fn testify(&self, newest: &TreeCheckpoint, compared: &mut bool) -> Result<(), Trouble> {
        if !*compared {
            for kept in self.witness.keeps(self.installation).await?.unwrap_or_default() {
                // What is not ours binds nobody.
                if kept.is_authentic(self.installation, &[self.public_key]) {
                    self.compare(&kept, newest).await?;
                }
            }
            *compared = true;
        }
        let node = self.store.node().to_owned();
        let told = Told { witness: 1, installation: self.installation.0, node, checkpoint: newest.clone() };
        match self.witness.tell(&told).await {
            Ok((status, answer)) => Ok(self.keep(newest, status, &answer)?),
            Err(trouble) => {
                *compared = matches!(trouble, Trouble::NoAnswer(_));
                Err(trouble)
            }
        }
    }

    async fn compare(&self, kept: &TreeCheckpoint, newest: &TreeCheckpoint) -> Result<(), Trouble> {
        let path = self.store.tree_consistency(kept.size, newest.size).await.map_err(anyhow::Error::from)?;
        if verify_consistency(kept.size, &kept.root, newest.size, &newest.root, &path.unwrap_or_default()) {
            return Ok(());
        }
        Err(Trouble::Contradicts(format!("it was told of {} segments, and these are {}", kept.size, newest.size)))
    }

    fn keep(&self, newest: &TreeCheckpoint, status: StatusCode, answer: &str) -> anyhow::Result<()> {
        let root = data_encoding::HEXLOWER.encode(&newest.root);
        let (at, status) = (self.clock.now_millis(), status.as_u16());
        append(&self.answers, &Answer { at, size: newest.size, root, status, answer })
            .with_context(|| format!("the witness's answer cannot be kept in {}", self.answers.display()))
    }

    fn show(&self, standing: WitnessStanding) {
        let found = match &standing {
            WitnessStanding::Contradicts(why) => {
                Some(Verified { at: self.clock.now_millis(), verdict: Err(format!("it was forked: {why}")) })
            }
            _ => None,
        };
        self.chain.rcu(|known| ChainStatus {
            witness: Some(standing.clone()),
            verified: found.clone().or_else(|| known.verified.clone()),
            ..ChainStatus::clone(known)
        });
        // After it can be seen: a check of the log that ends meanwhile looks there once more.
        if matches!(standing, WitnessStanding::Contradicts(_)) {
            self.store.judge_log(LogVerdict::Contradicted);
        }
    }
}

fn append(path: &Path, answer: &Answer<'_>) -> anyhow::Result<()> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() >= MAX_ANSWERS) {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".1");
        std::fs::rename(path, aside)?;
    }
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(&line)?;
    Ok(file.sync_data()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witness.jsonl");
        let answer = Answer { at: 1, size: 2, root: "00".into(), status: 200, answer: "seen\nby me" };
        append(&path, &answer).unwrap();
        append(&path, &answer).unwrap();
        let line = "{\"at\":1,\"size\":2,\"root\":\"00\",\"status\":200,\"answer\":\"seen\\nby me\"}\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), line.repeat(2));
        std::fs::File::options().write(true).open(&path).unwrap().set_len(MAX_ANSWERS).unwrap();
        append(&path, &answer).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), line);
        assert_eq!(std::fs::metadata(folder.path().join("witness.jsonl.1")).unwrap().len(), MAX_ANSWERS);
    }
}
