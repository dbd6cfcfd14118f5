//! Fills the audit log of an installation that is stopped, for measuring: `fill_log URL RECORDS RECENT`.
//!
//! Appends RECORDS records through the store itself, so that they are chained and verify like any other; RECENT of
//! them are of the last day and the others of the 29 days before. Who asks for what and how it ends is drawn by a
//! fixed rule: mostly reads of secrets by workloads, now and then a denial, seldom a change by a person. Prints
//! how long it took. Never to be run on an installation that anybody uses.

#![expect(clippy::print_stdout, reason = "a program that prints figures, for whoever runs it")]

use std::{
    collections::BTreeMap,
    error::Error,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use strongroom_domain::{
    ports::AuditLog,
    principal::PrincipalId,
    record::{Entry, Outcome, Record},
};
use strongroom_store::{LogVerdict, Store, StoreOptions};
use uuid::Uuid;

const DAY: u64 = 86_400_000;
/// Records of one transaction.
const BATCH: u64 = 2048;
/// Vaults and names that are asked for.
const VAULTS: u64 = 6;
const NAMES: u64 = 100_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: fill_log URL RECORDS RECENT";
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or(usage)?;
    let records: u64 = arguments.next().ok_or(usage)?.parse()?;
    let recent: u64 = records.min(arguments.next().ok_or(usage)?.parse()?);
    #[expect(clippy::disallowed_methods, reason = "what is measured is the last day before now")]
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let store = Store::open(&url, StoreOptions { cache_bytes: 0, ..StoreOptions::default() }).await?;
    store.judge_log(LogVerdict::Intact);
    let begun = Instant::now();
    let earlier = records - recent;
    let mut numbers = Numbers(1);
    let mut done = 0;
    while done < records {
        let batch = (done..records.min(done + BATCH)).map(|n| {
            let at = match n.checked_sub(earlier) {
                // Ends a minute ago, so that nothing is of the future.
                Some(n) => now - 60_000 - (recent - n) * (DAY - 60_000) / recent,
                None => now - 30 * DAY + n * 29 * DAY / earlier,
            };
            Entry { record: record(at, n, &mut numbers), change: None }
        });
        let batch: Vec<Entry> = batch.collect();
        done += u64::try_from(batch.len())?;
        store.append(batch).await?;
    }
    store.close().await?;
    let took = begun.elapsed().as_secs_f64();
    println!("log: {records} records in {took:.0} s, {recent} of them of the last day");
    Ok(())
}

/// Numbers by a fixed rule (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

fn record(at: u64, n: u64, numbers: &mut Numbers) -> Record {
    // Version 7 (RFC 9562): the moment, then what tells records of one moment apart.
    let id = (u128::from(at) << 80) | (0x7 << 76) | (0b10 << 62) | u128::from(n);
    let chance = numbers.below(100_000);
    let vault = format!("figures-{}", numbers.below(VAULTS));
    let name = format!("s-{}", numbers.below(NAMES));
    let (operation, outcome, kind, reason) = match chance {
        0..2 => ("SecretSet", Outcome::Allowed, "user", "ok"),
        2..20 => ("SecretList", Outcome::Allowed, "user", "ok"),
        20..300 => ("SecretGet", Outcome::Denied, "workload", "no-role"),
        300..400 => ("SecretGet", Outcome::Failed, "workload", "not-found"),
        400..700 => ("SecretGet", Outcome::Unauthenticated, "anonymous", "token-missing"),
        700..9_000 => ("KeySign", Outcome::Allowed, "workload", "ok"),
        9_000..30_000 => ("SecretSet", Outcome::Allowed, "workload", "ok"),
        _ => ("SecretGet", Outcome::Allowed, "workload", "ok"),
    };
    let people = ["ada", "edsger", "grace", "barbara"];
    let subject = match kind {
        "user" => people.get(usize::try_from(numbers.below(4)).unwrap_or(0)).copied().unwrap_or("ada").to_owned(),
        _ => format!("worker-{}", numbers.below(1000)),
    };
    let principal = PrincipalId { issuer: "https://figures.example".to_owned(), subject };
    Record {
        id: Uuid::from_u128(id),
        at: i64::try_from(at).unwrap_or(0),
        principal: (kind != "anonymous").then_some(principal),
        principal_kind: kind.to_owned(),
        claims: BTreeMap::new(),
        groups: Vec::new(),
        client: format!("10.46.{}.{}", numbers.below(16), numbers.below(256)),
        listener: "main".to_owned(),
        operation: operation.to_owned(),
        vault: Some(vault),
        kind: Some(if operation == "KeySign" { "key" } else { "secret" }.to_owned()),
        object: (operation != "SecretList").then_some(name),
        version: None,
        algorithm: None,
        revision: None,
        changed: Vec::new(),
        used_once: None,
        vault_change: None,
        details: BTreeMap::new(),
        outcome,
        reason: reason.to_owned(),
        stated_reason: None,
        status: Some(if outcome == Outcome::Allowed { 200 } else { 403 }),
        count: None,
        duration_micros: 400 + numbers.below(900),
        trace: Vec::new(),
        module_micros: BTreeMap::new(),
        trace_digest: None,
        settings_revision: Some(1),
        policies_revision: None,
        attached: Vec::new(),
        input: None,
    }
}
