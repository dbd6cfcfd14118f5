//! The scrub of a node: when it goes on, how long it pauses, and how the dashboard hears of it (see
//! [`strongroom_domain::scrub`] for what it does). Of several nodes one does it; the others show what that one put on
//! record.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use strongroom_domain::scrub::{self, Findings, Progress, Scrub, Scrubbed};
use strongroom_http::services::{ChainStatus, Services, StoredStatus};
use strongroom_store::Store;

use crate::wiring::Node;

/// The first round begins so long after a start, which has enough to do by itself.
const FIRST_AFTER: Duration = Duration::from_secs(5);
/// After a portion the scrub rests for so many times as long as that took: it takes a twentieth of one core at most.
const REST: u64 = 19;
/// And so long at least, in microseconds.
const SHORTEST_REST: u64 = 10_000;
/// After a portion that could not be read, and between two looks at what another node found.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What puts findings on record.
pub(crate) fn findings(services: &Services) -> Findings {
    Findings::new(services.recorder.clone(), Arc::clone(&services.clock), Arc::clone(&services.entropy))
}

/// The job.
pub(crate) struct Scrubbing {
    store: Arc<Store>,
    services: Arc<Services>,
    chain: Arc<ArcSwap<ChainStatus>>,
    every: Duration,
}

impl Scrubbing {
    pub(crate) fn new(node: &Node) -> Self {
        Self {
            store: Arc::clone(&node.store),
            services: Arc::clone(&node.services),
            chain: Arc::clone(&node.chain),
            every: node.scrub_every,
        }
    }

    /// Never returns.
    pub(crate) async fn run(self) {
        tokio::time::sleep(FIRST_AFTER).await;
        let wrong_before = self.look().await;
        let mut scrub =
            Scrub::new(self.store.clone(), Arc::clone(&self.services.keyring), findings(&self.services), wrong_before);
        loop {
            if !self.store.leads().await {
                tokio::time::sleep(AGAIN_AFTER).await;
                self.look().await;
                continue;
            }
            let begun = self.services.clock.ticks_micros();
            match self.round(&mut scrub).await {
                Ok(()) => {
                    let took = Duration::from_micros(self.services.clock.ticks_micros().saturating_sub(begun));
                    tokio::time::sleep(self.every.saturating_sub(took)).await;
                }
                Err(error) => {
                    tracing::error!(%error, "what is stored could not be looked through; it is tried again");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    /// Goes on with a round to its end, or to what keeps it from that.
    async fn round(&self, scrub: &mut Scrub) -> anyhow::Result<()> {
        loop {
            let begun = self.services.clock.ticks_micros();
            match scrub.portion().await? {
                Progress::Done(found) => {
                    self.show(&found);
                    return Ok(());
                }
                Progress::Going(so_far) if so_far.wrong > 0 => self.show(&so_far),
                Progress::Going(_) => {}
            }
            let took = self.services.clock.ticks_micros().saturating_sub(begun);
            tokio::time::sleep(Duration::from_micros(took.saturating_mul(REST).max(SHORTEST_REST))).await;
        }
    }

    fn show(&self, found: &Scrubbed) {
        let verdict = found.finding().map_or(Ok(Some(found.authentic)), Err);
        self.put(StoredStatus { at: found.began, verdict });
    }

    fn put(&self, stored: StoredStatus) {
        self.chain.rcu(|known| ChainStatus { stored: Some(stored.clone()), ..ChainStatus::clone(known) });
    }

    /// Shows what was found last, on whichever node, and says whether something was wrong.
    async fn look(&self) -> bool {
        match self.store.newest_of_job(scrub::principal(), scrub::ROUND).await {
            Ok(Some(round)) => {
                let finding = scrub::finding_of(&round);
                let is_wrong = finding.is_some();
                self.put(StoredStatus { at: round.at, verdict: finding.map_or(Ok(None), Err) });
                is_wrong
            }
            Ok(None) => false,
            Err(error) => {
                tracing::error!(%error, "what was found last among what is stored could not be read");
                true
            }
        }
    }
}
