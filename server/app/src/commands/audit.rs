//! `strongroom audit`: records from the server, and the chain from the database, offline.

mod lines;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use reqwest::Method;
use serde_json::Value;
use strongroom_crypto::SecretText;
use strongroom_domain::{
    record::{ChainedRecord, MAX_RECEIPT, Receipt, TreeCheckpoint},
    time::Clock as _,
};
use strongroom_store::verify::{Anchors, ExportError, ExportLine, read_anchors, verify_export};
use url::Url;

use super::{object_path, seal::Place, text, utc, workload};
use crate::{
    audit_check,
    checkpoints::COVERED_WITHIN,
    cli::{AuditCommand, AuditFilter as Filter, Connection, DecisionId, Output, VerifyArgs, VerifyWith},
    client::{Client, at, base},
    clock::SystemClock,
    covering::ANCHORS,
    database,
    exit::Exit,
    jobs::CHECKPOINT_EVERY,
    terminal,
    witness::Witness,
};

/// Records of a page of the API.
const PAGE: usize = 1000;
/// Most records that are named where several begin alike.
const ALIKE: &str = "10";
/// Nothing is left out.
const EVERYTHING: &str = "";
/// What is said of what is left out.
const LEFT_OUT: &str = "left out: requests without a credential, as every client library sends first, and your own reading of \
                        the log; --all shows them";
/// How often `tail --follow` asks.
const FOLLOW: Duration = Duration::from_secs(1);

pub(crate) async fn run(command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::Tail { lines, follow, wide, all, filter, output, connection } => {
            let look = match output {
                Output::Json => Look::Json,
                Output::Table if wide => Look::Wide,
                Output::Table => Look::Columns(terminal::width().unwrap_or(lines::USUAL_WIDTH)),
            };
            tail(usize::from(lines), follow, (filter, all), look, &connection).await
        }
        AuditCommand::Query { filter, limit, connection } => {
            let server = Server::connect(&connection).await?;
            let filter = server.known(filter).await?;
            let mut shown = 0;
            // One more than is shown, to know whether there is more.
            server
                .query((&filter, EVERYTHING), limit.saturating_add(1), None, |record, _| {
                    if shown < limit {
                        println!("{record}");
                    }
                    shown += 1;
                    true
                })
                .await?;
            match shown {
                0 => eprintln!("{}", nothing_fits(&filter)),
                some if some > limit => eprintln!(
                    "there are more than these {limit}: --limit says how many, and `audit export` prints all there are"
                ),
                _ => {}
            }
            Ok(())
        }
        AuditCommand::Export { connection } => export(&connection).await,
        AuditCommand::Receipt { id, connection } => {
            let server = Server::connect(&connection).await?;
            let id = match uuid::Uuid::try_parse(&id.0) {
                Ok(whole) => whole.to_string(),
                Err(_) => text(&server.record(&id).await?, "/id"),
            };
            println!("{}", server.get(&["api", "v1", "audit", &id, "receipt"], &[]).await?);
            Ok(())
        }
        AuditCommand::VerifyReceipt { file, public_key } => verify_receipt(&file, &public_key),
        AuditCommand::Verify(VerifyArgs { at, database, database_from, export, with }) => {
            let database = match (database, database_from) {
                (Some(database), _) => Some(database::argument(database)?),
                (None, Some(from)) => Some(database::kept(&from)?),
                (None, None) => None,
            };
            match export {
                Some(file) => verify_exported(&file, &Place::of_log(at, None)?, with.anchors, with.public_key),
                None if database.is_some() => verify_offline(&Place::of_log(at, database)?, with).await,
                None => verify_offline(&Place::of(at)?, with).await,
            }
        }
    }
}

/// The server, as the workload of the environment.
struct Server {
    base: Url,
    client: Client,
}

impl Server {
    async fn connect(connection: &Connection) -> anyhow::Result<Self> {
        let base = base(connection)?;
        Ok(Self { client: Client::connect(connection, &base).await?, base })
    }

    async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Value> {
        self.client.send(Method::GET, at(&self.base, path, query)?, None).await
    }

    /// The filter with the client id of the workload that it names.
    async fn known(&self, mut filter: Filter) -> anyhow::Result<Filter> {
        if let Some(workload) = filter.workload.take() {
            filter.principal = Some(workload::client_id(&self.client, &self.base, &workload).await?);
        }
        Ok(filter)
    }

    /// The one record of a decision.
    async fn record(&self, id: &DecisionId) -> anyhow::Result<Value> {
        let answer = self.get(&["api", "v1", "audit"], &[("id", &id.0), ("limit", ALIKE)]).await?;
        match answer.get("value").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
            [one] => Ok(one.clone()),
            [] => anyhow::bail!(
                "no record has the id {}: what was never answered, and what was cut off at the door, has none; \
                 audit tail shows the newest",
                id.0
            ),
            several => anyhow::bail!("{}", ambiguous(&id.0, several)),
        }
    }

    /// Gives records, newest first, each with the name of who asked if the server tells it, until there are no
    /// more, `limit` is reached, the record `until` is met, or `take` wants no more.
    async fn query(
        &self,
        (filter, without): (&Filter, &str),
        limit: usize,
        until: Option<&str>,
        mut take: impl FnMut(&Value, Option<&str>) -> bool,
    ) -> anyhow::Result<()> {
        let id = filter.id.as_ref().map(|id| id.0.clone());
        let without = (!without.is_empty()).then(|| without.to_owned());
        let given = [
            ("outcome", &filter.outcome),
            ("vault", &filter.vault),
            ("object", &filter.object),
            ("principal", &filter.principal),
            ("operation", &filter.operation),
            ("id", &id),
            ("from", &filter.from),
            ("until", &filter.until),
            ("without", &without),
        ];
        let (mut before, mut left) = (None::<String>, limit);
        while left > 0 {
            let page = left.min(PAGE).to_string();
            let mut query = vec![("limit", page.as_str())];
            query.extend(given.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
            query.extend(before.as_deref().map(|before| ("before", before)));
            let answer = self.get(&["api", "v1", "audit"], &query).await?;
            for record in answer.get("value").and_then(Value::as_array).into_iter().flatten() {
                let known = until.is_some() && record.get("id").and_then(Value::as_str) == until;
                let subject = record.pointer("/principal/subject").and_then(Value::as_str);
                let name = subject.and_then(|subject| answer.get("names")?.get(subject)?.as_str());
                if known || !take(record, name) {
                    return Ok(());
                }
                left = left.saturating_sub(1);
            }
            match answer.get("next").and_then(Value::as_str) {
                Some(next) => before = Some(next.to_owned()),
                None => return Ok(()),
            }
        }
        Ok(())
    }
}

/// How records are shown.
#[derive(Clone, Copy)]
enum Look {
    Json,
    /// A line each, with everything.
    Wide,
    /// A line each, of so many columns.
    Columns(usize),
}

async fn tail(
    lines: usize,
    follow: bool,
    (filter, all): (Filter, bool),
    look: Look,
    connection: &Connection,
) -> anyhow::Result<()> {
    let server = Server::connect(connection).await?;
    let filter = server.known(filter).await?;
    let without = if all { EVERYTHING } else { routine(&filter) };
    let mut records = Vec::new();
    server.query((&filter, without), lines, None, |record, name| keep(&mut records, record, name)).await?;
    if records.is_empty() {
        eprintln!("{}", nothing_fits(&filter));
    }
    records.reverse();
    show(&records, look, true);
    if !without.is_empty() {
        eprintln!("{LEFT_OUT}");
    }
    let mut last = newest(&records);
    if !follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(FOLLOW).await;
        let mut records = Vec::new();
        server
            .query((&filter, without), PAGE, last.as_deref(), |record, name| {
                // Asking is on record too, and would be shown for ever.
                own(record) || keep(&mut records, record, name)
            })
            .await?;
        records.reverse();
        show(&records, look, false);
        last = newest(&records).or(last);
    }
}

/// What a filter leaves out unless it is told otherwise: nothing where it asks for it by name.
fn routine(filter: &Filter) -> &'static str {
    let named = filter.id.is_some() || filter.operation.is_some();
    match filter.outcome.as_deref() {
        None | Some("allowed") if !named => "challenges,own",
        _ => EVERYTHING,
    }
}

/// One record, found on its server by the id of its decision or the beginning of that.
pub(crate) async fn record(id: &DecisionId, connection: &Connection) -> anyhow::Result<Value> {
    Server::connect(connection).await?.record(id).await
}

/// Several decisions begin alike; which.
fn ambiguous(asked: &str, records: &[Value]) -> String {
    let told = records
        .iter()
        .map(|record| format!("{} ({} {})", text(record, "/id"), text(record, "/operation"), object_path(record)));
    format!(
        "more than one decision begins with {asked}; give the whole id of one: {}",
        told.collect::<Vec<_>>().join(", ")
    )
}

fn newest(records: &[Shown]) -> Option<String> {
    records.last().and_then(|(record, _)| record.get("id")?.as_str().map(str::to_owned))
}

/// A record, and what people call who asked.
type Shown = (Value, Option<String>);

fn keep(records: &mut Vec<Shown>, record: &Value, name: Option<&str>) -> bool {
    records.push((record.clone(), name.map(str::to_owned)));
    true
}

fn own(record: &Value) -> bool {
    ["AuditRead", "Authentication"].iter().any(|name| record.get("operation").and_then(Value::as_str) == Some(name))
        && record.get("outcome").and_then(Value::as_str) == Some("allowed")
}

fn show(records: &[Shown], look: Look, header: bool) {
    let width = match look {
        Look::Json => {
            records.iter().for_each(|(record, _)| println!("{}", crate::plain::json(record)));
            return;
        }
        Look::Wide => None,
        Look::Columns(width) => Some(width),
    };
    lines::lines(records, header, width).iter().for_each(|line| println!("{line}"));
}

/// Instead of silence.
fn nothing_fits(filter: &Filter) -> String {
    match &filter.principal {
        Some(whole) if whole.contains("://") && whole.contains('#') => format!("no record is of {whole}"),
        Some(principal) => format!(
            "no record is of a principal whose subject contains {principal}: the subject of a workload is its client id \
             (identity list), that of a person is what the issuer says; --workload takes a workload's name"
        ),
        None => "no record fits".to_owned(),
    }
}

/// Every node's chain up to the newest checkpoint, page by page, and the checkpoint last.
async fn export(connection: &Connection) -> anyhow::Result<()> {
    let server = Server::connect(connection).await?;
    let newest = server.get(&["api", "v1", "audit", "checkpoint"], &[]).await?;
    let installation = serde_json::from_value(newest.get("installation").cloned().unwrap_or_default())?;
    let checkpoint: TreeCheckpoint = serde_json::from_value(newest.get("checkpoint").cloned().unwrap_or_default())
        .context("there is no checkpoint yet: ask again in some seconds")?;
    let print = |line: &ExportLine| -> anyhow::Result<()> {
        println!("{}", serde_json::to_string(line)?);
        Ok(())
    };
    print(&ExportLine::Export { version: 1, installation })?;
    for head in &checkpoint.heads {
        let mut after = 0;
        while after < head.seq {
            let from = after.to_string();
            let page = server.get(&["api", "v1", "audit", "chain", &head.node], &[("after", &from)]).await?;
            let page: Vec<ChainedRecord> = serde_json::from_value(page.get("value").cloned().unwrap_or_default())?;
            let Some(last) = page.last() else {
                anyhow::bail!(
                    "the chain of node {} ends at {after}, and its checkpoint covers {}",
                    head.node,
                    head.seq
                );
            };
            after = last.seq;
            for chained in page.into_iter().filter(|chained| chained.seq <= head.seq) {
                print(&ExportLine::Record { node: head.node.clone(), chained })?;
            }
        }
    }
    print(&ExportLine::Checkpoint(checkpoint))
}

fn read_key(file: &Path) -> anyhow::Result<[u8; 32]> {
    let text = std::fs::read_to_string(file).with_context(|| {
        format!(
            "the public audit key {} cannot be read: --public-key names it, --config the server's configuration, or --data \
             its data directory",
            file.display()
        )
    })?;
    data_encoding::HEXLOWER_PERMISSIVE
        .decode(text.trim().as_bytes())
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .with_context(|| format!("{} is not a public audit key", file.display()))
}

fn verify_receipt(file: &Path, public_key: &Path) -> anyhow::Result<()> {
    let key = read_key(public_key)?;
    let unreadable = || format!("the receipt {} cannot be read", file.display());
    let length = std::fs::metadata(file).with_context(unreadable)?.len();
    anyhow::ensure!(length <= MAX_RECEIPT as u64, "{} is too long for a receipt", file.display());
    let receipt: Receipt = serde_json::from_slice(&std::fs::read(file).with_context(unreadable)?)
        .with_context(|| format!("{} is not a receipt", file.display()))?;
    if let Err(why) = receipt.verify(&[key]) {
        println!("{why}");
        return Err(Exit::Findings.into());
    }
    println!("{}", receipt.record);
    let TreeCheckpoint { at, key_id, .. } = &receipt.checkpoint;
    eprintln!(
        "the receipt holds: position {} of node {}, covered at {} by key {key_id}",
        receipt.seq,
        receipt.segment.node,
        utc(*at)
    );
    Ok(())
}

fn verify_exported(
    file: &Path,
    place: &Place,
    anchors: Option<PathBuf>,
    public_key: Option<PathBuf>,
) -> anyhow::Result<()> {
    let key_file = public_key.unwrap_or_else(|| place.data.join("audit.pub"));
    let key = read_key(&key_file)?;
    let kept = match &anchors {
        Some(anchors) => read_anchors(anchors)?,
        None => Anchors::default(),
    };
    let read = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    println!("verifying the exported log {} by the public key {}", file.display(), key_file.display());
    let report = match verify_export(std::io::BufReader::new(read), &[key], &kept) {
        Ok(report) => report,
        // It begins like an exported log: what is wrong with the rest is a finding.
        Err(broken @ (ExportError::Cut | ExportError::Line(2..))) => {
            println!("{broken}");
            return Err(Exit::Findings.into());
        }
        Err(other) => return Err(other.into()),
    };
    report.findings.iter().for_each(|finding| println!("{finding}"));
    for node in &report.nodes {
        println!("node {}: {} records, the last at position {}", node.node, node.records, node.last);
    }
    if !report.is_intact() {
        return Err(Exit::Findings.into());
    }
    if anchors.is_none() {
        println!("the exported log is what its own checkpoint covers; --anchors compares it with others");
        return Err(Exit::Unanchored.into());
    }
    println!("compared with {} checkpoints kept outside the database", kept.checkpoints.len() + kept.trees.len());
    println!("the exported log verifies");
    Ok(())
}

/// A witness of the command line.
fn witness_at(address: &str, token: Option<PathBuf>, ca: Option<PathBuf>) -> anyhow::Result<Witness> {
    let read = |path: PathBuf| std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()));
    let token = token.map(read).transpose()?.map(String::from_utf8).transpose().context("the token is no text")?;
    let token = token.map(|token| SecretText::new(token.trim().to_owned()));
    Witness::new(address, ca.map(read).transpose()?.as_deref(), token)
}

pub(crate) async fn verify_offline(place: &Place, with: VerifyWith) -> anyhow::Result<()> {
    let data = &place.data;
    let VerifyWith { anchors, public_key, witness, witness_token_file, witness_ca } = with;
    let witness = witness.map(|address| witness_at(&address, witness_token_file, witness_ca)).transpose()?;
    let key_file = public_key.unwrap_or_else(|| data.join("audit.pub"));
    let key = read_key(&key_file)?;
    let anchors = anchors.unwrap_or_else(|| data.join(ANCHORS));
    let address = place.address();
    println!("verifying the log in {} by the public key {}", database::shown(&address), key_file.display());
    let checked = audit_check::check(&address, key, &anchors, witness.as_ref()).await?;
    let mut findings = checked.findings();
    if checked.report.nodes.iter().all(|node| node.records == 0) {
        findings.push("there is no record at all: an installation in use has some".to_owned());
    }
    for finding in &findings {
        println!("{finding}");
    }
    let report = &checked.report;
    for node in &report.nodes {
        println!("node {}: {} records, the last at position {}", node.node, node.records, node.last);
    }
    println!(
        "{} rows are of the revisions that the log tells; whether what is in them is authentic takes the root key: `strongroom verify`",
        report.rows
    );
    if report.untracked > 0 {
        println!("{} rows are older than what the log tells of rows, and were not compared", report.untracked);
    }
    if report.uncovered > 0 {
        let age = report.uncovered_since.map(|since| SystemClock::new().now_millis().saturating_sub(since));
        println!("{}", uncovered(report.uncovered, report.uncovered_since, age));
    }
    if checked.anchors > 0 {
        println!("compared with {} checkpoints kept outside the database", checked.anchors);
    }
    if checked.is_only_older() && findings.len() == report.findings.len() {
        println!(
            "nothing else is wrong: this is a whole, older state, as a copy beside newer anchors is (server/docs/operations.md, \"Bringing a \
             copy back\"), and as a log is whose end somebody removed"
        );
    }
    if !findings.is_empty() {
        return Err(Exit::Findings.into());
    }
    if checked.anchors == 0 {
        return Err(Exit::Unanchored.into());
    }
    println!("the audit log verifies");
    Ok(())
}

/// What is said of records behind the newest checkpoint: nothing to worry about while a running server is about to
/// cover them, and what to do about it when it should have.
fn uncovered(records: u64, since: Option<i64>, age: Option<i64>) -> String {
    let every = CHECKPOINT_EVERY.as_secs();
    let within = i64::try_from(COVERED_WITHIN.as_millis()).unwrap_or(i64::MAX);
    if age.is_some_and(|age| age <= within) {
        return format!(
            "{records} records of the last seconds wait for their checkpoint: a running server signs one every {every} seconds, \
             one that was stopped does at its next start"
        );
    }
    format!(
        "{records} records since {} are not covered by a checkpoint, and whoever can write the database can still rewrite \
         them: start the server if it is stopped, which covers them; if it runs, it should have within {every} seconds, \
         and its log says why it does not",
        since.map_or_else(|| "an unknown time".to_owned(), utc)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::SealAt;

    #[test]
    fn the_last_seconds_are_no_alarm_and_older_records_are() {
        let calm = uncovered(2, Some(1000), Some(3000));
        assert!(calm.contains("every 2 seconds") && !calm.contains("rewrite"), "{calm}");
        for age in [Some(60_000), None] {
            let alarm = uncovered(2, Some(1_700_000_000_123), age);
            assert!(alarm.contains("since 2023-11-14 22:13:20.123Z") && alarm.contains("rewrite"), "{alarm}");
        }
    }

    #[test]
    fn several_decisions_that_begin_alike_are_named() {
        let record = |id: &str| serde_json::json!({ "id": id, "operation": "SecretGet", "vault": "demo", "kind": "secret", "object": "db" });
        let told = ambiguous("01900000-0000", &[record("01900000-0000-7000"), record("01900000-0000-7001")]);
        let expected = "more than one decision begins with 01900000-0000; give the whole id of one: 01900000-0000-7000 \
                        (SecretGet demo/secrets/db), 01900000-0000-7001 (SecretGet demo/secrets/db)";
        assert_eq!(told, expected);
    }

    #[test]
    fn a_damaged_export_is_a_finding_and_another_file_is_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let (file, key) = (folder.path().join("export"), folder.path().join("audit.pub"));
        let place = Place::of_log(SealAt { config: None, data: folder.path().to_owned() }, None).unwrap();
        std::fs::write(&key, "00".repeat(32)).unwrap();
        let begin = serde_json::to_string(&ExportLine::Export { version: 1, installation: uuid::Uuid::nil() }).unwrap();
        let code = |text: String| {
            std::fs::write(&file, text).unwrap();
            let error = verify_exported(&file, &place, None, Some(key.clone())).unwrap_err();
            error.downcast_ref::<Exit>().copied()
        };
        assert_eq!(code(format!("{begin}\n")), Some(Exit::Findings), "cut off after a line");
        assert_eq!(code(format!("{begin}\n{{\"reco")), Some(Exit::Findings), "cut off within a line");
        assert_eq!(code("hello\n".to_owned()), None);
        assert_eq!(code("{}".to_owned()), None);
    }
}
