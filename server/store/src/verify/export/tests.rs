//! Every edit of an exported log, with all hashes that take no key made anew after it, against anchors older than the
//! file's checkpoint, newer ones, and none.

use strongroom_crypto::{AuditSigner, SeededEntropy};
use strongroom_domain::record::NodeHead;

use super::*;

const INSTALLATION: Uuid = Uuid::from_u128(7);
/// What each checkpoint covers of each node. The export ends at the last but one.
const COVERED: [[u64; 3]; 5] = [[3, 0, 0], [6, 2, 5], [9, 4, 5], [12, 7, 5], [15, 7, 5]];
const NODES: [&str; 3] = ["a", "b", "c"];

fn signer() -> AuditSigner {
    AuditSigner::generate(&SeededEntropy::new(1)).ok().unwrap()
}

fn record(node: &str, number: u64) -> ExportLine {
    let id = Uuid::from_u128(u128::from(number) * 256 + u128::from(node.as_bytes()[0]));
    let record = format!("{{\"n\":{number},\"node\":\"{node}\"}}");
    ExportLine::Record { node: node.to_owned(), chained: ChainedRecord { seq: number, id, record, head: [0; 32] } }
}

/// Numbers and chains the records anew, as whoever edits the file can.
fn chained(mut lines: Vec<ExportLine>) -> Vec<ExportLine> {
    let mut ends: BTreeMap<String, (u64, [u8; 32])> = BTreeMap::new();
    for line in &mut lines {
        let ExportLine::Record { node, chained } = line else { continue };
        let begin = || (0, chain::genesis(INSTALLATION.as_bytes(), node));
        let (seq, head) = ends.entry(node.clone()).or_insert_with(begin);
        *seq += 1;
        *head = chain::extend(head, *seq, &chain::record_hash(chained.id.as_bytes(), chained.record.as_bytes()));
        (chained.seq, chained.head) = (*seq, *head);
    }
    lines
}

fn records(covered: [u64; 3]) -> Vec<ExportLine> {
    let of = NODES.into_iter().zip(covered);
    chained(of.flat_map(|(node, count)| (1..=count).map(move |number| record(node, number))).collect())
}

/// A genuine checkpoint.
fn checkpoint(covered: [u64; 3]) -> TreeCheckpoint {
    let mut heads: Vec<NodeHead> = Vec::new();
    for line in records(covered) {
        let ExportLine::Record { node, chained } = line else { continue };
        heads.retain(|head| head.node != node);
        heads.push(NodeHead { node, seq: chained.seq, head: chained.head });
    }
    let size: u64 = covered.iter().sum();
    let root = [u8::try_from(size).unwrap(); 32];
    let at = i64::try_from(size).unwrap();
    let (key_id, signature) = (signer().key_id(), Vec::new());
    let mut checkpoint = TreeCheckpoint { size, root, heads, at, key_id, signature };
    let signed = checkpoint.head(InstallationId(INSTALLATION)).to_signed_bytes();
    checkpoint.signature = signer().sign(&signed).to_vec();
    checkpoint
}

fn verify(records: &[ExportLine], own: &TreeCheckpoint, trees: &[TreeCheckpoint]) -> Exported {
    let begin = ExportLine::Export { version: 1, installation: INSTALLATION };
    let end = ExportLine::Checkpoint(own.clone());
    let lines = [&begin].into_iter().chain(records).chain([&end]);
    let lines: Vec<_> = lines.map(|line| serde_json::to_string(line).unwrap()).collect();
    let anchors = Anchors { trees: trees.to_vec(), ..Anchors::default() };
    verify_export(lines.join("\n").as_bytes(), &[signer().public_key()], &anchors).unwrap()
}

fn trees(of: std::ops::Range<usize>) -> Vec<TreeCheckpoint> {
    COVERED[of].iter().copied().map(checkpoint).collect()
}

#[test]
fn every_edit_of_an_export_is_found_though_the_chains_are_made_anew() {
    let (honest, own) = (records(COVERED[3]), checkpoint(COVERED[3]));
    let mut edits: Vec<(String, Vec<ExportLine>)> = Vec::new();
    let mut edit = |what: String, with: &dyn Fn(&mut Vec<ExportLine>)| {
        let mut lines = honest.clone();
        with(&mut lines);
        edits.push((what, lines));
    };
    for at in 0..honest.len() {
        edit(format!("drop {at}"), &|lines| _ = lines.remove(at));
        edit(format!("double {at}"), &|lines| lines.insert(at, lines[at].clone()));
        edit(format!("edit {at}"), &|lines| {
            let ExportLine::Record { chained, .. } = &mut lines[at] else { return };
            chained.record = chained.record.replace("\"n\":", "\"m\":");
        });
        for other in [at + 1, at + 5].into_iter().filter(|other| *other < honest.len()) {
            edit(format!("exchange {at} and {other}"), &|lines| lines.swap(at, other));
        }
    }
    for node in NODES {
        let of = |line: &ExportLine| matches!(line, ExportLine::Record { node: of, .. } if of == node);
        edit(format!("drop all of {node}"), &|lines| lines.retain(|line| !of(line)));
        edit(format!("append to {node}"), &|lines| {
            let end = lines.iter().rposition(of).unwrap();
            lines.insert(end + 1, record(node, 99));
        });
    }
    edit("append a node".to_owned(), &|lines| lines.push(record("d", 1)));
    for kept in [vec![], trees(2..5)] {
        assert!(verify(&honest, &own, &kept).report.is_intact());
        for (what, lines) in &edits {
            assert!(!verify(lines, &own, &kept).report.is_intact(), "{what}, {} anchors", kept.len());
            let anew = chained(lines.clone());
            assert!(!verify(&anew, &own, &kept).report.is_intact(), "{what}, made anew, {} anchors", kept.len());
        }
        for (number, covered) in COVERED.into_iter().enumerate().filter(|(number, _)| *number != 3) {
            let found = verify(&honest, &checkpoint(covered), &kept);
            assert!(!found.report.is_intact(), "with the end of checkpoint {number}, {} anchors", kept.len());
        }
    }
}

#[test]
fn an_older_checkpoint_at_the_end_covers_neither_what_was_rewritten_nor_what_goes_on() {
    let kept = trees(0..5);
    let mut lines = records(COVERED[3]);
    lines.remove(7);
    if let ExportLine::Record { chained, .. } = &mut lines[1] {
        chained.record = "{}".to_owned();
    }
    let rewritten = chained(lines);
    for own in &kept {
        for anchors in [&kept[..], &[]] {
            let found = verify(&rewritten, own, anchors);
            assert!(!found.report.is_intact(), "{:?}", own.heads);
        }
    }
    // What was signed once, and no more than that.
    let older = verify(&records(COVERED[1]), &kept[1], &kept);
    assert_eq!(older.report.findings, []);
    let later =
        |node: &str, ends, goes_on, goes_on_at| Later { node: node.to_owned(), ends, at: 13, goes_on, goes_on_at };
    assert_eq!(older.later, [later("a", 6, 15, 27), later("b", 2, 7, 27)]);
    assert_eq!(older.compared, 2, "those that go on were not compared");
    let alone = verify(&records(COVERED[1]), &kept[1], &[]);
    assert!(alone.report.is_intact() && alone.later.is_empty() && alone.compared == 0);
    // A newer one is compared wherever it says something of what is there: the third node went no further.
    let mut forked = kept[4].clone();
    forked.heads[2].head[0] ^= 1;
    forked.signature = signer().sign(&forked.head(InstallationId(INSTALLATION)).to_signed_bytes()).to_vec();
    let rewritten = Finding::Rewritten { node: "c".to_owned(), seq: 5, source: Source::Anchor };
    assert_eq!(verify(&records(COVERED[1]), &kept[1], &[forked.clone()]).report.findings, [rewritten]);
    forked.heads.remove(2);
    forked.signature = signer().sign(&forked.head(InstallationId(INSTALLATION)).to_signed_bytes()).to_vec();
    let forked_at = Finding::Forked { node: "c".to_owned(), seq: 5, source: Source::Anchor };
    assert_eq!(verify(&records(COVERED[1]), &kept[1], &[forked]).report.findings, [forked_at]);
}
