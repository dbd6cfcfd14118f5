//! The Merkle tree over every node's chain: one for all nodes, proofs out of it, and what is found
//! when chain, tree or checkpoints were changed.

use std::sync::Arc;

use strongroom_crypto::{AuditSigner, SeededEntropy, merkle::verify_consistency};
use strongroom_domain::{
    action::Action,
    names::InstallationId,
    ports::{AppendError, AuditLog},
    record::{Proof, Receipt, ReceiptError, TreeCheckpoint, TwoPasts},
    test_support,
};
use strongroom_store::{
    Store, StoreOptions,
    verify::{Anchors, ExportError, ExportLine, Exported, Finding, Source, VerifyReport, verify_export, verify_log},
};
use uuid::Uuid;

use crate::support::{Place, Started, note, on_both, options, permit};

on_both!(
    every_record_has_a_receipt_once_it_is_covered,
    checkpoints_continue_each_other,
    two_who_read_the_same_tree_do_not_both_extend_it,
    a_cut_log_contradicts_a_kept_checkpoint,
    a_log_that_went_on_from_an_older_state_is_forked,
    a_changed_tree_is_named_and_never_signed_again,
    a_chain_that_does_not_follow_is_not_covered,
    a_log_that_lost_what_this_process_wrote_is_not_covered,
    a_head_that_was_testified_to_binds_the_next_start,
    records_that_went_on_without_checkpoints_are_named,
    an_exported_log_is_checked_without_a_database,
);

pub(crate) fn signer() -> AuditSigner {
    AuditSigner::generate(&SeededEntropy::new(1)).ok().unwrap()
}

/// Covers all there is.
pub(crate) async fn cover(store: &Store, installation: Uuid) -> TreeCheckpoint {
    loop {
        let growth = store.tree_growth().await.unwrap();
        let checkpoint = growth.sign(InstallationId(installation), &signer(), 5).unwrap();
        assert!(store.extend_tree(&growth, &checkpoint).await.unwrap());
        if !growth.more {
            return checkpoint;
        }
    }
}

async fn write(store: &Store, count: usize) -> Vec<Uuid> {
    let batch: Vec<_> = (0..count).map(|_| note("Op")).collect();
    let ids = batch.iter().map(|entry| entry.record.id).collect();
    store.append(batch).await.unwrap();
    ids
}

async fn proof(store: &Store, record: Uuid) -> Proof {
    let permit = permit(Action::AuditRead, test_support::server_ref(), None);
    test_support::open(store.receipt(permit, record).await).unwrap()
}

async fn receipt(store: &Store, record: Uuid) -> Receipt {
    match proof(store, record).await {
        Proof::Covered(receipt) => *receipt,
        other => panic!("{other:?}"),
    }
}

async fn verify(place: &Place, trees: &[TreeCheckpoint]) -> VerifyReport {
    let reader = Store::open_read_only(&place.url).await.unwrap();
    let anchors = Anchors { trees: trees.to_vec(), ..Anchors::default() };
    let report = verify_log(&reader, &[signer().public_key()], &anchors).await.unwrap();
    // Rows of the fixture that were cut off with their records are not what this is about.
    let findings = report.findings.into_iter().filter(|f| !matches!(f, Finding::Row { .. })).collect();
    VerifyReport { findings, ..report }
}

async fn every_record_has_a_receipt_once_it_is_covered(place: Place) {
    let Started { store, installation, .. } = place.start().await;
    let early = write(&store, 3).await;
    cover(&store, installation).await;
    // More than one segment holds, and no power of two.
    let many = write(&store, 2500).await;
    assert_eq!(proof(&store, many[7]).await, Proof::NotYet);
    assert_eq!(proof(&store, Uuid::nil()).await, Proof::NoRecord);
    cover(&store, installation).await;
    let keys = [signer().public_key()];
    for id in [early[0], many[0], many[1023], many[1024], many[2047], many[2048], many[2499]] {
        let receipt = receipt(&store, id).await;
        assert_eq!(receipt.verify(&keys).unwrap().id, id);
        let text = serde_json::to_string(&receipt).unwrap();
        let again: Receipt = serde_json::from_str(&text).unwrap();
        assert_eq!(again, receipt);
        assert_eq!(receipt.verify(&[]), Err(ReceiptError::Signature));
    }
    let good = receipt(&store, many[5]).await;
    let change = |with: &dyn Fn(&mut Receipt)| {
        let mut changed = good.clone();
        with(&mut changed);
        changed.verify(&keys).unwrap_err()
    };
    let other = receipt(&store, many[6]).await;
    assert_eq!(change(&|r| r.receipt = 2), ReceiptError::Form);
    assert_eq!(change(&|r| r.id = many[6]), ReceiptError::Record);
    assert_eq!(change(&|r| r.record = r.record.replace("allowed", "denied")), ReceiptError::Position);
    assert_eq!(change(&|r| (r.record, r.id) = (other.record.clone(), other.id)), ReceiptError::Position);
    assert_eq!(change(&|r| r.seq += 1), ReceiptError::Position);
    assert_eq!(change(&|r| r.head[0] ^= 1), ReceiptError::Position);
    assert_eq!(change(&|r| _ = r.position_path.pop()), ReceiptError::Position);
    assert_eq!(change(&|r| r.segment.node.push('x')), ReceiptError::Segment);
    assert_eq!(change(&|r| r.index += 1), ReceiptError::Segment);
    assert_eq!(change(&|r| r.checkpoint.at += 1), ReceiptError::Signature);
    assert_eq!(change(&|r| r.installation = Uuid::nil()), ReceiptError::Signature);
    assert_eq!(change(&|r| r.checkpoint.heads[0].seq += 1), ReceiptError::Signature);
    let report = verify(&place, &[]).await;
    assert!(report.is_intact(), "{:?}", report.findings);
    assert_eq!(report.nodes[0].covered, Some(2504));
}

async fn checkpoints_continue_each_other(place: Place) {
    let Started { store, installation, .. } = place.start().await;
    let mut all = vec![cover(&store, installation).await];
    for n in 1..6 {
        write(&store, n).await;
        all.push(cover(&store, installation).await);
    }
    assert!(store.tree_growth().await.unwrap().segments.is_empty());
    assert_eq!(store.latest_tree_checkpoint().await.unwrap().as_ref(), all.last());
    for (i, old) in all.iter().enumerate() {
        for new in &all[i..] {
            let path = store.tree_consistency(old.size, new.size).await.unwrap().unwrap();
            assert!(verify_consistency(old.size, &old.root, new.size, &new.root, &path));
        }
    }
    assert_eq!(store.tree_consistency(6, 7).await.unwrap(), None, "nothing is proven of what is not there");
    assert!(verify(&place, &all).await.is_intact());
}

async fn two_who_read_the_same_tree_do_not_both_extend_it(place: Place) {
    let Started { store, installation, .. } = place.start().await;
    cover(&store, installation).await;
    write(&store, 2).await;
    let (one, other) = (store.tree_growth().await.unwrap(), store.tree_growth().await.unwrap());
    let sign = |growth: &strongroom_domain::record::Growth, at| {
        growth.sign(InstallationId(installation), &signer(), at).unwrap()
    };
    assert!(store.extend_tree(&one, &sign(&one, 6)).await.unwrap());
    assert!(!store.extend_tree(&other, &sign(&other, 7)).await.unwrap());
    assert_eq!(store.latest_tree_checkpoint().await.unwrap().unwrap().at, 6);
    assert!(verify(&place, &[]).await.is_intact());
}

/// Takes back everything behind a position, with what covers it.
async fn roll_back(place: &Place, store: Arc<Store>, last: u64, size: u64) {
    store.close().await.unwrap();
    drop(store);
    let size = i64::try_from(size).unwrap();
    let mut statements = vec![
        format!("DELETE FROM audit_records WHERE seq > {last}"),
        format!("DELETE FROM audit_segments WHERE place >= {size}"),
        format!("DELETE FROM audit_checkpoints WHERE size > {size}"),
    ];
    let mut level = 0;
    while 1 << level <= size.max(1) * 64 {
        statements
            .push(format!("DELETE FROM audit_tree WHERE level = {level} AND (place + 1) * {} > {size}", 1 << level));
        level += 1;
    }
    place.tamper(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

async fn a_cut_log_contradicts_a_kept_checkpoint(place: Place) {
    let Started { store, installation, .. } = place.start().await;
    write(&store, 4).await;
    let first = cover(&store, installation).await;
    write(&store, 4).await;
    let second = cover(&store, installation).await;
    let node = store.node().to_owned();
    roll_back(&place, store, 5, first.size).await;
    assert!(verify(&place, std::slice::from_ref(&first)).await.is_intact(), "without it there is nothing to see");
    let cut = Finding::Truncated { node, ends: 5, checkpoint: 9, source: Source::Anchor };
    assert_eq!(verify(&place, &[first, second]).await.findings, [cut]);
}

async fn a_log_that_went_on_from_an_older_state_is_forked(place: Place) {
    let Started { store, installation, .. } = place.start().await;
    write(&store, 4).await;
    let first = cover(&store, installation).await;
    write(&store, 4).await;
    let kept = cover(&store, installation).await;
    let node = store.node().to_owned();
    roll_back(&place, store, 5, first.size).await;
    let store = place.open().await;
    write(&store, 6).await;
    let other = cover(&store, installation).await;
    // What the job asks before it keeps or signs anything.
    let path = store.tree_consistency(kept.size, other.size).await.unwrap().unwrap_or_default();
    assert!(!verify_consistency(kept.size, &kept.root, other.size, &other.root, &path));
    assert!(verify(&place, &[other]).await.is_intact(), "the new past is well made");
    let forked = Finding::Forked { node, seq: 9, source: Source::Anchor };
    assert!(forked.to_string().contains("forked"));
    assert_eq!(verify(&place, &[kept]).await.findings, [forked]);
}

async fn a_changed_tree_is_named_and_never_signed_again(place: Place) {
    let Started { store, installation, .. } = place.start().await;
    write(&store, 4).await;
    let first = cover(&store, installation).await;
    write(&store, 4).await;
    let second = cover(&store, installation).await;
    let refused = async || {
        write(&store, 1).await;
        let growth = store.tree_growth().await.unwrap();
        growth.sign(InstallationId(installation), &signer(), 6).unwrap_err()
    };
    let zeros = if place.is_sqlite() { "zeroblob(32)".to_owned() } else { format!("'\\x{}'::bytea", "00".repeat(32)) };
    // The tree's inner nodes are not read by an auditor, and what is signed is not taken from them.
    place.tamper(&["CREATE TABLE kept_tree AS SELECT * FROM audit_tree"]).await;
    place.tamper(&[&format!("UPDATE audit_tree SET root = {zeros}")]).await;
    assert_eq!(refused().await, TwoPasts::Changed);
    // Two segments, and the one over both.
    assert_eq!(verify(&place, &[]).await.findings, [Finding::TreeNodes { wrong: 3 }]);
    place.tamper(&["DELETE FROM audit_tree", "INSERT INTO audit_tree SELECT * FROM kept_tree"]).await;
    place.tamper(&[&format!("UPDATE audit_checkpoints SET at = 77 WHERE size = {}", second.size)]).await;
    assert_eq!(refused().await, TwoPasts::Forged);
    let forged = Finding::TreeForged { size: second.size, source: Source::Database };
    assert_eq!(verify(&place, &[]).await.findings, [forged]);
    place.tamper(&[&format!("UPDATE audit_checkpoints SET at = 5 WHERE size = {}", second.size)]).await;
    assert!(verify(&place, &[]).await.is_intact());
    let (kept, delete) = ([first.clone(), second.clone()], "DELETE FROM audit_checkpoints WHERE size <=");
    place.tamper(&["CREATE TABLE kept_checkpoints AS SELECT * FROM audit_checkpoints"]).await;
    place.tamper(&[&format!("{delete} {}", first.size)]).await;
    assert!(verify(&place, &[]).await.is_intact(), "nothing else tells of it");
    let missing = Finding::CheckpointsMissing { count: 1, first: first.size, last: first.size };
    assert_eq!(verify(&place, &kept).await.findings, [missing]);
    let back = "INSERT INTO audit_checkpoints SELECT * FROM kept_checkpoints";
    place.tamper(&["DELETE FROM audit_checkpoints", back, "DROP TABLE kept_checkpoints"]).await;
    assert!(verify(&place, &kept).await.is_intact());
    place.tamper(&[&format!("UPDATE audit_segments SET root = {zeros} WHERE place = 0")]).await;
    let findings = verify(&place, std::slice::from_ref(&first)).await.findings;
    let changed = |source| Finding::TreeChanged { size: first.size, source };
    assert!(
        findings.contains(&changed(Source::Anchor)) && findings.contains(&changed(Source::Database)),
        "{findings:?}"
    );
    place.tamper(&["DELETE FROM audit_segments WHERE place >= 0"]).await;
    let cut = |size, source| Finding::TreeCut { ends: 0, size, source };
    let expected = [cut(second.size, Source::Database), cut(first.size, Source::Anchor)];
    assert_eq!(verify(&place, &[first]).await.findings, expected);
}

async fn a_chain_that_does_not_follow_is_not_covered(place: Place) {
    let Started { store, installation, .. } = place.start().await;
    cover(&store, installation).await;
    write(&store, 4).await;
    place.tamper(&["UPDATE audit_records SET record_hash = head WHERE seq = 3"]).await;
    assert!(store.tree_growth().await.is_err());
}

/// Somebody takes the newest records away before they are covered, on a database that goes on.
async fn a_log_that_lost_what_this_process_wrote_is_not_covered(place: Place) {
    let Started { store, installation, .. } = place.start().await;
    write(&store, 3).await;
    cover(&store, installation).await;
    write(&store, 2).await;
    let keep = "CREATE TABLE kept AS SELECT * FROM audit_records WHERE seq = 6";
    place.tamper(&[keep, "DELETE FROM audit_records WHERE seq = 6"]).await;
    let error = store.tree_growth().await.unwrap_err().to_string();
    assert!(error.contains("does not have position 6 as this node wrote it"), "{error}");
    // A failure, after which the head is read anew, makes it forget nothing.
    place.tamper(&["ALTER TABLE audit_fence RENAME TO away"]).await;
    assert!(store.durable(&[Uuid::nil()]).await.is_err());
    place.tamper(&["ALTER TABLE away RENAME TO audit_fence"]).await;
    let refused = store.append(vec![note("after")]).await;
    assert!(matches!(&refused, Err(AppendError::RolledBack(why)) if why.contains("position 6")), "{refused:?}");
    place.tamper(&["INSERT INTO audit_records SELECT * FROM kept", "DROP TABLE kept"]).await;
    store.append(vec![note("after")]).await.unwrap();
    cover(&store, installation).await;
    assert_eq!(verify(&place, &[]).await.nodes[0].covered, Some(7), "once it is back, all goes on");
}

async fn a_head_that_was_testified_to_binds_the_next_start(place: Place) {
    let Started { store, installation, .. } = place.start().await;
    write(&store, 3).await;
    cover(&store, installation).await;
    write(&store, 2).await;
    let (seq, head) = store.written_head().unwrap();
    assert_eq!(seq, 6);
    store.close().await.unwrap();
    drop(store);
    place.tamper(&["DELETE FROM audit_records WHERE seq = 6"]).await;
    let store = place.open().await;
    store.testified_head(seq, head);
    assert!(store.tree_growth().await.is_err());
    assert!(matches!(store.append(vec![note("on")]).await, Err(AppendError::RolledBack(_))));
}

/// A server covers what it writes within seconds, and answers nobody when it cannot.
async fn records_that_went_on_without_checkpoints_are_named(place: Place) {
    let Started { store, installation, .. } = place.start().await;
    cover(&store, installation).await;
    let at = async |times: &[i64]| {
        let mut batch: Vec<_> = times.iter().map(|_| note("Op")).collect();
        batch.iter_mut().zip(times).for_each(|(entry, at)| entry.record.at = *at);
        store.append(batch).await.unwrap();
    };
    at(&[1_000_000, 1_055_000]).await;
    let report = verify(&place, &[]).await;
    assert_eq!((report.uncovered, report.findings), (2, vec![]), "as a killed server leaves it");
    at(&[1_061_000]).await;
    let node = store.node().to_owned();
    let uncovered = Finding::Uncovered { node, from: 2, to: 4, millis: 61_000 };
    assert_eq!(verify(&place, &[]).await.findings, [uncovered]);
    cover(&store, installation).await;
    let report = verify(&place, &[]).await;
    assert_eq!((report.uncovered, report.findings), (0, vec![]));
}

/// Nodes of one database have one tree, whoever signs.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_covers_the_heads_of_all_nodes_of_a_database() {
    let Some(place) = Place::postgres().await else { return };
    let Started { store: one, installation, .. } = place.start().await;
    let two = Arc::new(Store::open(&place.url, StoreOptions { node: "node-2".into(), ..options() }).await.unwrap());
    write(&one, 4).await;
    let of_two = write(&two, 7).await;
    let first = cover(&one, installation).await;
    let heads = |checkpoint: &TreeCheckpoint| {
        checkpoint.heads.iter().map(|head| (head.node.clone(), head.seq)).collect::<Vec<_>>()
    };
    assert_eq!(heads(&first), [(one.node().to_owned(), 5), ("node-2".to_owned(), 7)]);
    let of_one = write(&one, 1).await;
    let second = cover(&two, installation).await;
    assert_eq!(heads(&second), [(one.node().to_owned(), 6), ("node-2".to_owned(), 7)]);
    // Both at once, again and again: every record is covered once, in one tree.
    let mut at_once = tokio::task::JoinSet::new();
    for store in [Arc::clone(&one), Arc::clone(&two)] {
        at_once.spawn(async move {
            let mut signed = 0;
            for _ in 0..20 {
                write(&store, 3).await;
                let growth = store.tree_growth().await.unwrap();
                if growth.segments.is_empty() {
                    continue;
                }
                let checkpoint = growth.sign(InstallationId(installation), &signer(), 9).unwrap();
                signed += usize::from(store.extend_tree(&growth, &checkpoint).await.unwrap());
            }
            signed
        });
    }
    assert!(at_once.join_all().await.into_iter().sum::<usize>() > 0);
    let kept = [first, second, cover_rest(&one, installation).await];
    let keys = [signer().public_key()];
    for (store, id) in [(&one, of_two[3]), (&two, of_one[0]), (&two, of_two[6])] {
        assert_eq!(receipt(store, id).await.verify(&keys).unwrap().id, id, "any node proves the records of any");
    }
    let report = verify(&place, &kept).await;
    assert!(report.is_intact(), "{:?}", report.findings);
    assert_eq!(report.nodes.iter().map(|n| (n.last, n.covered)).collect::<Vec<_>>(), [(66, Some(66)), (67, Some(67))]);
}

/// Whoever takes back what one node wrote, with all that covers it, has not taken back what the other node keeps.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_keeps_shows_that_the_log_of_another_was_taken_back() {
    let Some(place) = Place::postgres().await else { return };
    let Started { store: one, installation, .. } = place.start().await;
    let two = Store::open(&place.url, StoreOptions { node: "node-2".into(), ..options() }).await.unwrap();
    write(&one, 4).await;
    write(&two, 2).await;
    let first = cover(&two, installation).await;
    write(&one, 4).await;
    // By the second node, which keeps it in a file of its own.
    let kept = cover(&two, installation).await;
    let node = one.node().to_owned();
    two.close().await.unwrap();
    roll_back(&place, one, 5, first.size).await;
    assert!(verify(&place, &[first]).await.is_intact(), "the database alone shows nothing");
    let cut = Finding::Truncated { node, ends: 5, checkpoint: 9, source: Source::Anchor };
    assert_eq!(verify(&place, &[kept]).await.findings, [cut]);
}

async fn cover_rest(store: &Store, installation: Uuid) -> TreeCheckpoint {
    let growth = store.tree_growth().await.unwrap();
    if growth.segments.is_empty() { growth.last.unwrap() } else { cover(store, installation).await }
}

async fn an_exported_log_is_checked_without_a_database(place: Place) {
    let Started { store, installation, .. } = place.start().await;
    write(&store, 4).await;
    let kept = cover(&store, installation).await;
    write(&store, 6).await;
    let checkpoint = cover(&store, installation).await;
    let permit = permit(Action::AuditRead, test_support::server_ref(), None);
    let chained = test_support::open(store.chain(permit, store.node(), 0, 100).await).unwrap();
    assert_eq!(chained.iter().map(|c| c.seq).collect::<Vec<_>>(), (1..=11).collect::<Vec<_>>());
    let node = store.node().to_owned();
    let mut lines = vec![ExportLine::Export { version: 1, installation }];
    lines.extend(chained.into_iter().map(|chained| ExportLine::Record { node: node.clone(), chained }));
    lines.push(ExportLine::Checkpoint(checkpoint.clone()));
    let lines: Vec<String> = lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
    let anchors = Anchors { trees: vec![kept.clone()], ..Anchors::default() };
    let check = |lines: &[String]| verify_export(lines.join("\n").as_bytes(), &[signer().public_key()], &anchors);
    let Exported { report, compared, later } = check(&lines).unwrap();
    assert!(report.is_intact(), "{:?}", report.findings);
    assert_eq!((compared, later), (1, vec![]));
    assert_eq!((report.nodes[0].records, report.nodes[0].covered), (11, Some(11)));
    let findings = |change: &dyn Fn(&mut Vec<String>)| {
        let mut changed = lines.clone();
        change(&mut changed);
        check(&changed).unwrap().report.findings
    };
    let edited = findings(&|l| l[6] = l[6].replace("127.0.0.1", "127.0.0.2"));
    assert!(matches!(&edited[..], [Finding::LinkBroken { seq: 6, .. }]), "{edited:?}");
    let dropped = findings(&|l| _ = l.remove(6));
    assert_eq!(dropped, [Finding::LinksMissing { node: node.clone(), from: 6, to: 6 }]);
    let cut = findings(&|l| _ = l.remove(11));
    let truncated = Finding::Truncated { node: node.clone(), ends: 10, checkpoint: 11, source: Source::Export };
    assert_eq!(cut, [truncated]);
    let forged = findings(&|l| l[12] = l[12].replace("\"at\":5", "\"at\":6"));
    assert_eq!(forged, [Finding::TreeForged { size: checkpoint.size, source: Source::Export }]);
    let exchanged = findings(&|l| l.swap(4, 7));
    assert_eq!(exchanged, [Finding::Reordered { node: node.clone(), seq: 4, other: 7 }]);
    // A genuine checkpoint that covers less than the file has.
    let older = serde_json::to_string(&ExportLine::Checkpoint(kept.clone())).unwrap();
    let added = findings(&|l| l[12].clone_from(&older));
    assert_eq!(added, [Finding::Added { node, from: 6, to: 11 }]);
    assert!(matches!(check(&lines[..12]), Err(ExportError::Cut)));
    assert!(matches!(check(&lines[1..]), Err(ExportError::Form)));
    // Records that the dashboard or `audit query` gives say what they are, and are no damaged log.
    let record = r#"{"id":"1","operation":"SecretGet","outcome":"allowed"}"#.to_owned();
    let chosen = r#"{"export":{"filter":{},"records":1,"whole":true}}"#.to_owned();
    for lines in [vec![chosen, record.clone()], vec![record]] {
        assert!(matches!(check(&lines), Err(ExportError::Chosen)));
    }
    assert!(matches!(check(&["{}".to_owned()]), Err(ExportError::Line(1))));
}
