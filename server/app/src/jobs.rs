//! Background jobs of a node: signed checkpoints of the audit log (see `checkpoints`), told to its witness (see `witness`); alerts (see `alerts`);
//! counts of anonymous floods; scheduled purges; what is due with keys, certificates and lists of revoked ones; the keys that sign tokens; the periodic check of the
//! chain that the dashboard shows, and of everything that is stored (see `scrubbing`); the return of the audit log after a failure.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use strongroom_acme::Acme;
use strongroom_domain::{
    certificates::Renewed,
    keys::{Destroyed, Rotated},
    purge::{Purged, Purger},
    record::{Counted, Outcome, Record},
    revocations::Issued,
    scrub::Findings,
    token_keys::{self, LOOK_MILLIS},
};
use strongroom_http::services::{ChainStatus, Reached, Services, Verified, WitnessStanding};
use strongroom_store::{
    LogVerdict, Store,
    verify::{Finding, VerifyReport},
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    alerts::Teller,
    audit_check,
    checkpoints::Checkpoints,
    covering::ANCHORS,
    peer::Peer,
    scrubbing::{self, Scrubbing},
    serve::system_request,
    wiring::Node,
    witness::{Testimony, Witness},
};

/// A record is covered by a signed checkpoint at most this long after it became durable.
pub(crate) const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);
/// Counted floods are recorded this often.
const FLOOD_EVERY: Duration = Duration::from_secs(5);
/// The chain is verified as a whole this often.
const VERIFY_EVERY: Duration = Duration::from_secs(600);

/// Most rows of one check that are named.
const MAX_NAMED: usize = 100;

/// What is past its purge date is purged this often.
const PURGE_EVERY: Duration = Duration::from_secs(600);

/// Opened keys that are past their lifetime are dropped this often.
const FORGET_KEYS_EVERY: Duration = Duration::from_secs(30);

/// The hardware token of keys is looked at, and purged keys are destroyed there, this often.
const TOKEN_EVERY: Duration = Duration::from_secs(2);

/// What is due with keys and certificates is done this often.
const ROTATE_EVERY: Duration = Duration::from_secs(300);

/// Proofs for certificate authorities that were left behind are taken away this often.
const SWEEP_PROOFS_EVERY: Duration = Duration::from_secs(600);

/// A node looks whether it still has its place at the database this often.
const PRESENCE_EVERY: Duration = Duration::from_secs(2);
/// How often new records are counted for charts over time. Whoever asks for one counts what came since.
const COUNT_EVERY: Duration = Duration::from_secs(2);

/// The running jobs.
pub(crate) struct Jobs {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    endless: Vec<JoinHandle<()>>,
}

impl Jobs {
    /// Lets counting and checkpoints do their work once more, then ends every job.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.endless {
            task.abort();
            let _ = task.await;
        }
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

pub(crate) fn start(node: &Node, data: &Path, witness: Option<(Witness, Duration)>, alerts: Option<Peer>) -> Jobs {
    let (stop, stopping) = watch::channel(false);
    let anchors = data.join(ANCHORS);
    let (newest, told) = watch::channel(None);
    let checkpoints = Arc::new(Checkpoints::new(node, anchors.clone(), newest));
    let testimony = witness.map(|(witness, every)| Testimony {
        witness,
        every,
        answers: data.join("witness.jsonl"),
        store: Arc::clone(&node.store),
        installation: node.installation,
        public_key: node.auditor.public_key(),
        chain: Arc::clone(&node.chain),
        clock: Arc::clone(&node.services.clock),
        newest: told,
    });
    // From before anything is done of which is told.
    let heard = node.services.certificates.alerts().listen();
    let verifier = Verifier {
        database: node.database.clone(),
        store: Arc::clone(&node.store),
        node: node.store.node().to_owned(),
        services: Arc::clone(&node.services),
        public_key: node.auditor.public_key(),
        chain: Arc::clone(&node.chain),
        anchors,
        told: Arc::new(tokio::sync::Mutex::new(scrubbing::findings(&node.services))),
    };
    let flood = Arc::clone(&node.services);
    let first = Arc::clone(&checkpoints);
    let tasks = vec![
        every(CHECKPOINT_EVERY, stopping.clone(), move || {
            let job = Arc::clone(&checkpoints);
            async move { job.run().await }
        }),
        every(FLOOD_EVERY, stopping, move || record_flood(Arc::clone(&flood))),
    ];
    // Not done once more at the end: one takes as long as the log is, the other never returns.
    let (recorder, entropy) = (node.services.recorder.clone(), Arc::clone(&node.services.entropy));
    let mut endless = vec![
        tokio::spawn(async move {
            // What a process that was killed left uncovered is no finding.
            first.run().await;
            loop {
                verifier.clone().run().await;
                tokio::time::sleep(VERIFY_EVERY).await;
            }
        }),
        tokio::spawn(async move { recorder.resume_when_possible(&*entropy).await }),
        tokio::spawn(purge(Arc::clone(&node.store), Arc::clone(&node.services))),
        tokio::spawn(keep_token_keys(Arc::clone(&node.services), node.token_key_age)),
        tokio::spawn(rotate_keys(Arc::clone(&node.store), Arc::clone(&node.services))),
        tokio::spawn(renew_certificates(Arc::clone(&node.store), Arc::clone(&node.services))),
        tokio::spawn(issue_lists(Arc::clone(&node.store), Arc::clone(&node.services))),
        tokio::spawn(forget_keys(Arc::clone(&node.services))),
        tokio::spawn(keep_presence(Arc::clone(&node.store))),
        tokio::spawn(count_log(Arc::clone(&node.store))),
        tokio::spawn(keep_hardware(Arc::clone(&node.store), Arc::clone(&node.services))),
    ];
    endless.push(tokio::spawn(Scrubbing::new(node).run()));
    if let Some(acme) = &node.acme {
        endless.push(tokio::spawn(sweep_proofs(Arc::clone(acme), Arc::clone(&node.services))));
    }
    if let Some(receiver) = alerts {
        let teller = Teller {
            installation: node.installation,
            node: node.store.node().to_owned(),
            addresses: node.services.addresses.clone(),
        };
        let now = node.services.clock.now_millis().div_euclid(1000);
        endless.push(tokio::spawn(teller.run(receiver, heard, now)));
    }
    endless.extend(testimony.map(|testimony| tokio::spawn(testimony.run())));
    Jobs { stop, tasks, endless }
}

/// Rotates keys that are due, and gives notice of their ends, at the start and then every so often. Every node does; each
/// of it happens once.
async fn rotate_keys(store: Arc<Store>, services: Arc<Services>) {
    loop {
        match services.keys.do_what_is_due(&*store, &*services.clock).await {
            Ok(Rotated { keys: 0, notices: 0, failed: 0 }) => {}
            Ok(done) => tracing::info!(done.keys, done.notices, done.failed, "did what was due with keys"),
            Err(error) => tracing::error!(%error, "what is due with keys was broken off"),
        }
        tokio::time::sleep(ROTATE_EVERY).await;
    }
}

/// The same with certificates. By itself: many keys that take long keep no certificate from being renewed in time. At
/// once when something is ordered of an issuer on this node, and when an issuer is to be asked again.
async fn renew_certificates(store: Arc<Store>, services: Arc<Services>) {
    // When some issuer is to be asked again: also of those that the last run had nothing to do with.
    let mut ask_at: Option<i64> = None;
    loop {
        let mut pause = ROTATE_EVERY;
        match services.certificates.do_what_is_due(&*store, &*services.clock).await {
            Ok(done) => {
                if done != (Renewed { ask_at: done.ask_at, ..Renewed::default() }) {
                    tracing::info!(done.certificates, done.notices, done.failed, "did what was due with certificates");
                }
                let now = services.clock.now_millis().div_euclid(1000);
                ask_at = ask_at.filter(|at| *at > now).into_iter().chain(done.ask_at).min();
                let left = ask_at.map_or(i64::MAX, |at| at.saturating_sub(now).max(1));
                pause = pause.min(Duration::from_secs(u64::try_from(left).unwrap_or(u64::MAX)));
            }
            Err(error) => tracing::error!(%error, "what is due with certificates was broken off"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = services.certificates.until_ordered() => {}
        }
    }
}

/// Makes lists of revoked certificates anew, long before they lapse.
async fn issue_lists(store: Arc<Store>, services: Arc<Services>) {
    loop {
        match services.revoking.do_what_is_due(&*store).await {
            Ok(Issued { authorities: 0, failed: 0 }) => {}
            Ok(done) => tracing::info!(done.authorities, done.failed, "made lists of revoked certificates"),
            Err(error) => tracing::error!(%error, "making lists of revoked certificates was broken off"),
        }
        tokio::time::sleep(ROTATE_EVERY).await;
    }
}

/// Keeps the locks by which other nodes and commands know of this one. Without them it is not ready.
async fn keep_presence(store: Arc<Store>) {
    loop {
        tokio::time::sleep(PRESENCE_EVERY).await;
        if let Err(error) = store.keep_presence().await {
            tracing::error!(%error, "this node cannot hold its place at the database, and answers nobody");
        }
    }
}

/// Counts what was recorded, for charts over time.
async fn count_log(store: Arc<Store>) {
    loop {
        if let Err(error) = store.count_log().await {
            tracing::warn!(%error, "what was recorded could not be counted, so charts over time take long");
        }
        tokio::time::sleep(COUNT_EVERY).await;
    }
}

/// Looks at the hardware token of keys, if there is one, and destroys there what purges left.
async fn keep_hardware(store: Arc<Store>, services: Arc<Services>) {
    loop {
        services.keys.look_at_token().await;
        match services.keys.destroy_condemned(&*store, &*services.clock).await {
            Ok(Destroyed { done: 0, .. }) => {}
            Ok(done) => tracing::info!(done.done, done.left, "destroyed purged keys in the hardware token"),
            Err(error) => tracing::error!(%error, "purged keys could not be destroyed in the hardware token"),
        }
        tokio::time::sleep(TOKEN_EVERY).await;
    }
}

/// Takes away what was put anywhere for certificate authorities by orders that came to no end.
async fn sweep_proofs(acme: Arc<Acme>, services: Arc<Services>) {
    loop {
        acme.sweep(services.clock.now_millis().div_euclid(1000)).await;
        tokio::time::sleep(SWEEP_PROOFS_EVERY).await;
    }
}

/// Takes opened keys out of memory whose time is over, also when nobody asks for them any more.
async fn forget_keys(services: Arc<Services>) {
    loop {
        tokio::time::sleep(FORGET_KEYS_EVERY).await;
        services.keys.sweep(services.clock.now_millis());
    }
}

/// Purges what is past its date, at the start and then every so often. A purge that was begun when
/// the node stops has happened or not, like any other request.
async fn purge(store: Arc<Store>, services: Arc<Services>) {
    loop {
        let purger = Purger {
            schedule: &*store,
            objects: &services.objects,
            admin: &services.admin,
            clock: &*services.clock,
            entropy: &*services.entropy,
        };
        match purger.run().await {
            Ok(Purged { objects: 0, vaults: 0, failed: 0 }) => {}
            Ok(done) => tracing::info!(done.objects, done.vaults, done.failed, "purged what was past its date"),
            Err(error) => tracing::error!(%error, "scheduled purges were broken off"),
        }
        tokio::time::sleep(PURGE_EVERY).await;
    }
}

/// Looks at the keys that sign tokens as they are stored, and does what is due. Every node does: the database lets
/// one of them change them.
async fn keep_token_keys(services: Arc<Services>, max_age: i64) {
    loop {
        tokio::time::sleep(Duration::from_millis(LOOK_MILLIS)).await;
        let kept = match system_request(&*services.clock, token_keys::PRINCIPAL) {
            Ok(ctx) => services.admin.keep_token_keys(&ctx, max_age).await.map_err(anyhow::Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::error!(%error, "the keys that sign tokens could not be looked at");
        }
    }
}

fn every<F>(
    pause: Duration,
    mut stopping: watch::Receiver<bool>,
    mut work: impl FnMut() -> F + Send + 'static,
) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            work().await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stopping.changed() => {
                    work().await;
                    return;
                }
            }
        }
    })
}

async fn record_flood(services: Arc<Services>) {
    let Counted { failures, reads } = services.flood.take();
    let none = Counted::default();
    for (operation, outcome, count, back) in [
        ("AnonymousFailures", Outcome::Unauthenticated, failures, Counted { failures, ..none }),
        ("PublicReads", Outcome::Allowed, reads, Counted { reads, ..none }),
    ] {
        if count == 0 {
            continue;
        }
        if let Err(error) = record_count(&services, operation, outcome, count).await {
            tracing::error!(%error, count, operation, "counted anonymous requests could not be recorded yet");
            services.flood.put_back(back);
        }
    }
}

async fn record_count(services: &Services, operation: &str, outcome: Outcome, count: u64) -> anyhow::Result<()> {
    let ctx = system_request(&*services.clock, "flood-counter")?;
    let mut record = Record::of(&ctx, operation);
    record.outcome = outcome;
    "counted".clone_into(&mut record.reason);
    record.count = Some(count);
    Ok(services.recorder.note_event(record).await?)
}

#[derive(Clone)]
struct Verifier {
    database: String,
    store: Arc<Store>,
    node: String,
    services: Arc<Services>,
    public_key: [u8; 32],
    chain: Arc<ArcSwap<ChainStatus>>,
    anchors: PathBuf,
    told: Arc<tokio::sync::Mutex<Findings>>,
}

impl Verifier {
    /// How far this node's chain was checked.
    fn reached(&self, checked: &audit_check::Checked) -> Reached {
        let own = checked.report.nodes.iter().find(|node| node.node == self.node);
        let head = own.and_then(|node| node.head).map(|head| data_encoding::HEXLOWER.encode(&head));
        Reached { position: own.map_or(0, |node| node.last), head: head.unwrap_or_default() }
    }

    /// Names every row that is not the one that the log tells of; of several nodes one has it put on record.
    async fn tell(&self, report: &VerifyReport) {
        let is_of_row = |finding: &&Finding| matches!(finding, Finding::Row { .. } | Finding::Unreadable { .. });
        let leads = self.store.leads().await;
        for finding in report.findings.iter().filter(is_of_row).take(MAX_NAMED) {
            let row = finding.to_string();
            tracing::error!(%row, "a stored row is not the one that the audit log tells of");
            if leads {
                self.told.lock().await.tell_put_back(&row).await;
            }
        }
    }

    async fn run(self) {
        let verdict = match audit_check::check(&self.database, self.public_key, &self.anchors, None).await {
            Ok(checked) => {
                self.tell(&checked.report).await;
                let mut verdict = checked.findings().into_iter().next().map_or_else(|| Ok(self.reached(&checked)), Err);
                if let Some(WitnessStanding::Contradicts(why)) = &self.chain.load().witness {
                    verdict = verdict.and_then(|_| Err(format!("it was forked: {why}")));
                }
                // A check that could not be made says nothing: what the last one said holds.
                let judged = if verdict.is_ok() { LogVerdict::Intact } else { LogVerdict::Contradicted };
                self.store.judge_log(judged);
                if matches!(self.chain.load().witness, Some(WitnessStanding::Contradicts(_))) {
                    self.store.judge_log(LogVerdict::Contradicted);
                }
                verdict
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(finding) = &verdict {
            tracing::error!(%finding, "the audit chain does not verify");
        }
        let at = self.services.clock.now_millis();
        self.chain.rcu(|known| ChainStatus {
            verified: Some(Verified { at, verdict: verdict.clone() }),
            ..ChainStatus::clone(known)
        });
    }
}
