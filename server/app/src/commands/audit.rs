//! `strongroom audit`: records from the server, and the chain from the database, offline.

mod bundle;
mod checked;
mod lines;

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};
use strongroom_domain::record::{ChainedRecord, MAX_RECEIPT, Receipt, TreeCheckpoint};
use strongroom_store::verify::{Anchors, ExportError, ExportLine, Exported, Later, read_anchors, verify_export};
use url::Url;

pub(crate) use checked::look;

use super::{object_path, seal::Place, text, utc, workload};
use crate::{
    audit_check::Checked,
    cli::{AuditCommand, AuditFilter as Filter, Connection, DecisionId, JsonAlone, Output, VerifyArgs},
    client::{Client, at, base},
    database,
    exit::{Exit, Found},
    terminal,
};

/// Longest first line of a bundle of receipts, in bytes.
const FIRST_LINE: u64 = 64 * 1024;
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
        AuditCommand::Query { filter, limit, output: JsonAlone::Json, connection } => {
            let server = Server::connect(&connection).await?;
            let filter = server.known(filter).await?;
            let mut shown = 0;
            // One more than is shown, to know whether there is more.
            server
                .query((&filter, EVERYTHING), limit.saturating_add(1), None, |record, _| {
                    if shown < limit {
                        println!("{}", crate::plain::json(record));
                    }
                    shown += 1;
                    true
                })
                .await?;
            match shown {
                // Nothing is an answer too: 0, as of a query that finds something.
                0 => eprintln!("{}", nothing_fits(&filter)),
                some if some > limit => eprintln!(
                    "there are more than these {limit}: --limit says how many, and `audit export` prints all there are"
                ),
                _ => {}
            }
            Ok(())
        }
        AuditCommand::Export { output: JsonAlone::Json, connection } => export(&connection).await,
        AuditCommand::Receipt { id, output: JsonAlone::Json, connection } => {
            let server = Server::connect(&connection).await?;
            let id = match uuid::Uuid::try_parse(&id.0) {
                Ok(whole) => whole.to_string(),
                Err(_) => text(&server.record(&id).await?, "/id"),
            };
            let receipt = server.get(&["api", "v1", "audit", &id, "receipt"], &[]).await?;
            println!("{}", crate::plain::json(&receipt));
            Ok(())
        }
        AuditCommand::VerifyReceipt { file, public_key, output: JsonAlone::Json } => verify_receipt(&file, &public_key),
        AuditCommand::Verify(VerifyArgs { at, database, database_from, export, until_own_checkpoint, with }) => {
            let database = match (database, database_from) {
                (Some(database), _) => Some(database::argument(database)?),
                (None, Some(from)) => Some(database::kept(&from)?),
                (None, None) => None,
            };
            let output = at.output;
            if let Some(file) = export {
                let place = Place::of_log(at, None)?;
                return verify_exported(&file, &place, (with.anchors, with.public_key), until_own_checkpoint, output);
            }
            let place = if database.is_some() { Place::of_log(at, database)? } else { Place::of(at)? };
            let looked = look(&place, with).await?;
            match output {
                Output::Json => println!("{}", crate::plain::json(&looked.object())),
                Output::Table => looked.print(),
            }
            looked.verdict()
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
            [] => {
                let why = format!(
                    "no record has the id {}: what was never answered, and what was cut off at the door, has none; \
                     audit tail shows the newest",
                    id.0
                );
                Err(Found::Nothing(why).into())
            }
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
        let client = filter.client.map(|client| client.to_string());
        let without = (!without.is_empty()).then(|| without.to_owned());
        let given = [
            ("outcome", &filter.outcome),
            ("vault", &filter.vault),
            ("object", &filter.object),
            ("principal", &filter.principal),
            ("operation", &filter.operation),
            ("reason", &filter.reason),
            ("client", &client),
            ("kind", &filter.kind),
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
        println!("{}", crate::plain::json(&serde_json::to_string(line)?));
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
    // The dashboard shows the key itself.
    if let Some(key) = file.to_str().and_then(key_of) {
        return Ok(key);
    }
    let text = std::fs::read_to_string(file).with_context(|| {
        format!(
            "the public audit key {} cannot be read: --public-key names it, --config the server's configuration, or --data \
             its data directory",
            file.display()
        )
    })?;
    key_of(&text).with_context(|| format!("{} is not a public audit key", file.display()))
}

/// A public audit key as it is written: 64 hexadecimal digits.
fn key_of(text: &str) -> Option<[u8; 32]> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()?;
    <[u8; 32]>::try_from(bytes).ok()
}

/// What came of checking a file of several receipts; none for a file of one.
fn bundled(file: &Path, key: [u8; 32]) -> anyhow::Result<Option<bundle::Checked>> {
    let mut first = String::new();
    let begun = BufReader::new(File::open(file)?.take(FIRST_LINE)).read_line(&mut first);
    // What is no text is no bundle, and is told of as no receipt.
    if begun.is_err() || !bundle::begins(&first) {
        return Ok(None);
    }
    bundle::check(BufReader::new(File::open(file)?), &[key]).map(Some)
}

fn verify_receipt(file: &Path, public_key: &Path) -> anyhow::Result<()> {
    let key = read_key(public_key)?;
    let unreadable = || format!("the receipt {} cannot be read", file.display());
    if let Some(checked) = bundled(file, key).with_context(unreadable)? {
        checked.records.iter().for_each(|record| println!("{}", crate::plain::json(record)));
        checked.wrong.iter().for_each(|why| println!("{why}"));
        if !checked.wrong.is_empty() {
            return Err(Exit::Findings.into());
        }
        let held = checked.records.len();
        eprintln!("{held} receipts hold; that no other record was left out, the whole log alone tells");
        return Ok(());
    }
    let length = std::fs::metadata(file).with_context(unreadable)?.len();
    anyhow::ensure!(length <= MAX_RECEIPT as u64, "{} is too long for a receipt", file.display());
    let receipt: Receipt = serde_json::from_slice(&std::fs::read(file).with_context(unreadable)?)
        .with_context(|| format!("{} is not a receipt", file.display()))?;
    if let Err(why) = receipt.verify(&[key]) {
        println!("{why}");
        return Err(Exit::Findings.into());
    }
    println!("{}", crate::plain::json(&receipt.record));
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
    (anchors, public_key): (Option<PathBuf>, Option<PathBuf>),
    older: bool,
    output: Output,
) -> anyhow::Result<()> {
    let key_file = public_key.unwrap_or_else(|| place.data.join("audit.pub"));
    let key = read_key(&key_file)?;
    let kept = match &anchors {
        Some(anchors) => read_anchors(anchors)?,
        None => Anchors::default(),
    };
    let read = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let (Exported { report, compared, later }, broken) =
        match verify_export(std::io::BufReader::new(read), &[key], &kept) {
            Ok(exported) => (exported, None),
            // It begins like an exported log: what is wrong with the rest is a finding.
            Err(broken @ (ExportError::Cut | ExportError::Line(2..))) => {
                (Exported::default(), Some(broken.to_string()))
            }
            Err(other) => return Err(other.into()),
        };
    let checked = Checked { report, anchors: compared, unreadable: kept.unreadable };
    let mut findings: Vec<String> = broken.into_iter().chain(checked.findings()).collect();
    if !older {
        findings.extend(later.iter().map(cut_or_older));
    }
    match output {
        Output::Json => {
            let goes_on = later.iter().map(|Later { node, ends, at, goes_on, goes_on_at }| {
                json!({ "node": node, "ends": ends, "at": at, "goes_on": goes_on, "goes_on_at": goes_on_at })
            });
            let told = json!({
                "log": file,
                "public_key": key_file,
                "intact": findings.is_empty(),
                "findings": findings,
                "nodes": checked::nodes(&checked.report.nodes),
                "anchors": compared,
                "later": goes_on.collect::<Vec<_>>(),
            });
            println!("{}", crate::plain::json(&told));
        }
        Output::Table => {
            println!("verifying the exported log {} by the public key {}", file.display(), key_file.display());
            findings.iter().for_each(|finding| println!("{finding}"));
            for node in &checked.report.nodes {
                println!("{}", checked::of_node(node));
            }
            if older {
                later.iter().for_each(|later| println!("{}: this export is older", goes_on(later)));
            }
            if compared > 0 {
                println!("compared with {compared} checkpoints kept outside the database");
            }
            match (findings.is_empty(), compared) {
                (false, _) => {}
                (true, 0) if anchors.is_some() => println!(
                    "the exported log is what its own checkpoint covers; no anchor was there that covers nothing else"
                ),
                (true, 0) => {
                    println!("the exported log is what its own checkpoint covers; --anchors compares it with others");
                }
                (true, _) if later.is_empty() => println!("the exported log verifies"),
                (true, _) => println!("the exported log verifies up to its own checkpoint"),
            }
        }
    }
    match (findings.is_empty(), compared) {
        (false, _) => Err(Exit::Findings.into()),
        (true, 0) => Err(Exit::Unanchored.into()),
        (true, _) => Ok(()),
    }
}

/// Where a chain goes on that an exported log does not have to its end.
fn goes_on(later: &Later) -> String {
    let Later { node, ends, at, goes_on, goes_on_at } = later;
    format!(
        "the chain of node {node} ends at position {ends} here ({}), and the anchors go on to position {goes_on} ({})",
        utc(*at),
        utc(*goes_on_at)
    )
}

fn cut_or_older(later: &Later) -> String {
    format!("{}: the file was cut off, or exported before; --until-own-checkpoint accepts an older one", goes_on(later))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::SealAt;

    #[test]
    fn several_decisions_that_begin_alike_are_named() {
        let record = |id: &str| serde_json::json!({ "id": id, "operation": "SecretGet", "vault": "demo", "kind": "secret", "object": "db" });
        let told = ambiguous("01900000-0000", &[record("01900000-0000-7000"), record("01900000-0000-7001")]);
        let expected = "more than one decision begins with 01900000-0000; give the whole id of one: 01900000-0000-7000 \
                        (SecretGet demo/secrets/db), 01900000-0000-7001 (SecretGet demo/secrets/db)";
        assert_eq!(told, expected);
    }

    #[test]
    fn a_public_key_is_given_by_itself_or_by_the_file_that_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.pub");
        let digits = "ab".repeat(32);
        std::fs::write(&file, format!("{digits}\n")).unwrap();
        assert_eq!(read_key(&file).unwrap(), [0xab; 32]);
        assert_eq!(read_key(Path::new(&digits)).unwrap(), [0xab; 32]);
        assert!(read_key(Path::new(&digits[2..])).is_err(), "a key is 32 bytes");
    }

    #[test]
    fn a_damaged_export_is_a_finding_and_another_file_is_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let (file, key) = (folder.path().join("export"), folder.path().join("audit.pub"));
        let place = Place::of_log(SealAt { config: None, data: folder.path().to_owned(), output: Output::Table }, None)
            .unwrap();
        std::fs::write(&key, "00".repeat(32)).unwrap();
        let begin = serde_json::to_string(&ExportLine::Export { version: 1, installation: uuid::Uuid::nil() }).unwrap();
        let code = |text: String| {
            std::fs::write(&file, text).unwrap();
            let error = verify_exported(&file, &place, (None, Some(key.clone())), false, Output::Table).unwrap_err();
            error.downcast_ref::<Exit>().copied()
        };
        assert_eq!(code(format!("{begin}\n")), Some(Exit::Findings), "cut off after a line");
        assert_eq!(code(format!("{begin}\n{{\"reco")), Some(Exit::Findings), "cut off within a line");
        assert_eq!(code("hello\n".to_owned()), None);
        assert_eq!(code("{}".to_owned()), None);
    }
}
