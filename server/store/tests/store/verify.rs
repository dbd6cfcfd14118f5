//! Every way of falsifying the trail is found, and named.

use sqlx::Connection;
use strongroom_crypto::{AuditSigner, CheckpointBody, SeededEntropy, chain};
use strongroom_domain::{
    action::Action,
    ports::AuditLog,
    record::{Checkpoint, Entry, StretchToVerify, VerifiedChain},
    test_support,
};
use strongroom_store::{
    Store,
    verify::{Finding, RowFault, Source, VerifyReport, append_anchor, read_anchors, verify_chain},
};
use uuid::Uuid;

use crate::support::{Place, Started, id, note, on_both, permit, record};

on_both!(
    an_untouched_trail_is_intact,
    an_edited_record_is_named,
    a_stretch_is_verified_by_itself,
    a_hidden_record_is_named,
    a_dropped_record_is_named,
    exchanged_positions_are_named,
    a_record_from_outside_is_named,
    a_cut_chain_contradicts_its_anchor,
    a_rewritten_chain_contradicts_its_anchor,
    a_forged_checkpoint_is_named,
    damaged_rows_are_findings_and_no_errors,
    records_of_the_layout_with_two_rows_stay_verifiable,
);

struct Trail {
    place: Place,
    s: Started,
    signer: AuditSigner,
    /// Record ids by position, from 1.
    records: Vec<Uuid>,
}

/// A trail of ten records; the first is the vault's.
async fn trail(place: Place) -> Trail {
    let s = place.start().await;
    let mut records = vec![Uuid::nil(), Uuid::nil()];
    for n in 2..=10 {
        let entry = Entry { record: record(&format!("Op{n}")), change: None };
        records.push(entry.record.id);
        s.put(entry).await;
    }
    let signer = AuditSigner::generate(&SeededEntropy::new(1)).ok().unwrap();
    Trail { place, s, signer, records }
}

impl Trail {
    fn sign(&self, signer: &AuditSigner, seq: u64, head: [u8; 32]) -> Checkpoint {
        let node = self.s.store.node().to_owned();
        let installation = *self.s.installation.as_bytes();
        let body = CheckpointBody { installation, node: node.clone(), seq, head, at_millis: 4 };
        let signature = signer.sign(&body.to_signed_bytes()).to_vec();
        Checkpoint { node, seq, head, at: 4, key_id: signer.key_id(), signature }
    }

    async fn checkpoint(&self) -> Checkpoint {
        let (seq, head) = self.s.store.chain_head().await.unwrap().unwrap();
        self.sign(&self.signer, seq, head)
    }

    async fn verify(&self, anchors: &[Checkpoint]) -> VerifyReport {
        let reader = Store::open_read_only(&self.place.url).await.unwrap();
        verify_chain(&reader, &[self.signer.public_key()], anchors).await.unwrap()
    }

    fn node(&self) -> String {
        self.s.store.node().to_owned()
    }

    /// An id as SQL.
    fn sql(&self, id: Uuid) -> String {
        if self.place.is_sqlite() { format!("x'{}'", id.simple()) } else { format!("'{id}'") }
    }
}

async fn an_untouched_trail_is_intact(place: Place) {
    let t = trail(place).await;
    let report = t.verify(&[]).await;
    assert!(report.is_intact(), "{:?}", report.findings);
    assert_eq!((report.nodes[0].records, report.nodes[0].last, report.nodes[0].covered), (10, 10, None));
    let checkpoint = t.checkpoint().await;
    t.s.store.put_checkpoint(&checkpoint).await.unwrap();
    t.s.put(note("behind the checkpoint")).await;
    let report = t.verify(&[checkpoint]).await;
    assert!(report.is_intact(), "{:?}", report.findings);
    assert_eq!((report.nodes[0].last, report.nodes[0].covered), (11, Some(10)));
}

async fn an_edited_record_is_named(place: Place) {
    let t = trail(place).await;
    let edit = format!(
        "UPDATE audit_records SET body = replace(body, '127.0.0.1', '127.0.0.2') WHERE id = {}",
        t.sql(t.records[5])
    );
    t.place.tamper(&[&edit]).await;
    let expected = Finding::RecordEdited { node: t.node(), seq: 5, record: t.records[5] };
    let report = t.verify(&[]).await;
    assert!(!report.is_intact());
    assert!(expected.to_string().contains("position 5") && expected.to_string().contains("edited"));
    assert_eq!(report.findings, [expected]);
}

async fn a_stretch_is_verified_by_itself(place: Place) {
    let t = trail(place).await;
    let verify = async |from: i64, until: i64| {
        let stretch = StretchToVerify { from, until, public_keys: Vec::new() };
        let permit = permit(Action::AuditRead, test_support::server_ref(), None);
        test_support::open(t.s.store.verify_stretch(permit, &stretch).await).unwrap()
    };
    let whole = verify(i64::MIN, i64::MAX).await;
    assert_eq!((whole.findings.len(), whole.cut, whole.checkpoint), (0, false, None), "{:?}", whole.findings);
    let chain = VerifiedChain { node: t.node(), first: 1, last: 10, records: 10, covered: None };
    assert_eq!(whole.chains, [chain]);
    assert!(verify(i64::MIN, i64::MIN).await.chains.is_empty());
    // By the moment of each record: from the fifth to the eighth.
    let at = |seq: usize| i64::try_from(t.records[seq].as_u128() & 0xffff_ffff).unwrap();
    let part = verify(at(5), at(8) + 1).await;
    let chain = VerifiedChain { node: t.node(), first: 5, last: 8, records: 4, covered: None };
    assert_eq!((part.findings.len(), part.chains), (0, vec![chain]));
    let edit = format!(
        "UPDATE audit_records SET body = replace(body, '127.0.0.1', '127.0.0.2') WHERE id = {}",
        t.sql(t.records[6])
    );
    t.place.tamper(&[&edit]).await;
    let expected = Finding::RecordEdited { node: t.node(), seq: 6, record: t.records[6] };
    assert_eq!(verify(at(5), at(8) + 1).await.findings, [expected.to_string()]);
    assert!(verify(at(7), at(8) + 1).await.findings.is_empty(), "of another stretch");
}

async fn a_hidden_record_is_named(place: Place) {
    let t = trail(place).await;
    let hide = format!("UPDATE audit_records SET vault = 'elsewhere' WHERE id = {}", t.sql(t.records[5]));
    t.place.tamper(&[&hide]).await;
    let expected = Finding::RecordHidden { node: t.node(), seq: 5, record: t.records[5] };
    assert_eq!(t.verify(&[]).await.findings, [expected]);
}

async fn a_dropped_record_is_named(place: Place) {
    let t = trail(place).await;
    t.place.tamper(&[&format!("DELETE FROM audit_records WHERE id = {}", t.sql(t.records[5]))]).await;
    let report = t.verify(&[]).await;
    let dropped = Finding::LinksMissing { node: t.node(), from: 5, to: 5 };
    assert!(dropped.to_string().contains("dropped"));
    assert_eq!(report.findings, [dropped]);
    assert_eq!((report.nodes[0].records, report.nodes[0].last), (9, 10));
    // Closing the gap does not help.
    t.place.tamper(&["UPDATE audit_records SET seq = seq - 1000 WHERE seq > 5"]).await;
    t.place.tamper(&["UPDATE audit_records SET seq = seq + 999 WHERE seq < 0"]).await;
    let findings = t.verify(&[]).await.findings;
    assert!(findings.contains(&Finding::LinkBroken { node: t.node(), seq: 5, record: t.records[6] }), "{findings:?}");
}

async fn exchanged_positions_are_named(place: Place) {
    let t = trail(place).await;
    let expected = [Finding::Reordered { node: t.node(), seq: 4, other: 7 }];
    // The rows as wholes.
    let swap = [
        "UPDATE audit_records SET seq = 1000 WHERE seq = 4",
        "UPDATE audit_records SET seq = 4 WHERE seq = 7",
        "UPDATE audit_records SET seq = 7 WHERE seq = 1000",
    ];
    t.place.tamper(&swap).await;
    assert_eq!(t.verify(&[]).await.findings, expected);
    t.place.tamper(&swap).await;
    assert!(t.verify(&[]).await.is_intact());
    // Only the records, the heads staying.
    let set = |seq: i32, id: Uuid, other: i32| {
        format!(
            "UPDATE audit_records SET seq = {seq}, head = (SELECT head FROM audit_kept AS kept WHERE kept.seq = {other}) \
             WHERE id = {}",
            t.sql(id)
        )
    };
    let swap = [
        "CREATE TABLE audit_kept AS SELECT * FROM audit_records".to_owned(),
        set(1000, t.records[4], 7),
        set(4, t.records[7], 4),
        set(7, t.records[4], 7),
    ];
    t.place.tamper(&swap.each_ref().map(String::as_str)).await;
    assert_eq!(t.verify(&[]).await.findings, expected);
}

async fn a_record_from_outside_is_named(place: Place) {
    let t = trail(place).await;
    let forged = id();
    let insert =
        format!("INSERT INTO audit_records (id, at, outcome, body) VALUES ({}, 1, 'allowed', '{{}}')", t.sql(forged));
    t.place.tamper(&[&insert]).await;
    assert_eq!(t.verify(&[]).await.findings, [Finding::Unchained { record: forged }]);
}

async fn a_cut_chain_contradicts_its_anchor(place: Place) {
    let t = trail(place).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchors.jsonl");
    let checkpoint = t.checkpoint().await;
    append_anchor(&path, &t.sign(&t.signer, 3, head_at(&t, 3).await)).unwrap();
    append_anchor(&path, &checkpoint).unwrap();
    t.s.store.put_checkpoint(&checkpoint).await.unwrap();
    t.place.tamper(&["DELETE FROM audit_records WHERE seq > 8"]).await;
    let found = |source| Finding::Truncated { node: t.node(), ends: 8, checkpoint: 10, source };
    assert_eq!(t.verify(&[]).await.findings, [found(Source::Database)]);
    // A careful hand takes the checkpoint along. The anchor is out of its reach.
    t.place.tamper(&["DELETE FROM checkpoints"]).await;
    assert!(t.verify(&[]).await.is_intact(), "without an anchor there is nothing to see");
    let anchors = read_anchors(&path).unwrap();
    assert_eq!(anchors.unreadable, [0; 0]);
    let report = t.verify(&anchors.checkpoints).await;
    assert_eq!(report.findings, [found(Source::Anchor)]);
    assert_eq!(report.nodes[0].covered, Some(3));
    // Everything gone is found as well.
    t.place.tamper(&["DELETE FROM audit_records"]).await;
    let gone = Finding::Truncated { node: t.node(), ends: 0, checkpoint: 10, source: Source::Anchor };
    let unrecorded = |finding: &Finding| matches!(finding, Finding::Row { fault: RowFault::Unrecorded, .. });
    let (rows, chain): (Vec<_>, Vec<_>) =
        t.verify(&anchors.checkpoints).await.findings.into_iter().partition(unrecorded);
    assert_eq!(chain, [gone]);
    assert_eq!(rows.len(), 1, "and the vault has no record any more");
}

async fn head_at(t: &Trail, seq: i64) -> [u8; 32] {
    links(t).await.into_iter().find(|link| link.0 == seq).unwrap().2.try_into().unwrap()
}

/// Position, record hash and head of every link, read past the store.
async fn links(t: &Trail) -> Vec<(i64, Vec<u8>, Vec<u8>)> {
    let all = "SELECT seq, record_hash, head FROM audit_records ORDER BY seq";
    if t.place.is_sqlite() {
        let mut connection = sqlx::SqliteConnection::connect(&t.place.url).await.unwrap();
        sqlx::query_as(all).fetch_all(&mut connection).await.unwrap()
    } else {
        let mut connection = sqlx::PgConnection::connect(&t.place.url).await.unwrap();
        sqlx::query_as(all).fetch_all(&mut connection).await.unwrap()
    }
}

/// Somebody who knows how chains are made drops a record and makes everything after it anew.
async fn a_rewritten_chain_contradicts_its_anchor(place: Place) {
    let t = trail(place).await;
    let anchor = t.checkpoint().await;
    let blob = |bytes: &[u8]| {
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        if t.place.is_sqlite() { format!("x'{hex}'") } else { format!("'\\x{hex}'") }
    };
    let links = links(&t).await;
    let mut head: [u8; 32] = links[3].2.clone().try_into().unwrap();
    let mut statements = vec![format!("DELETE FROM audit_records WHERE id = {}", t.sql(t.records[5]))];
    for (seq, hash, _) in &links[5..] {
        let new = u64::try_from(seq - 1).unwrap();
        head = chain::extend(&head, new, &hash.clone().try_into().unwrap());
        statements.push(format!("UPDATE audit_records SET seq = {new}, head = {} WHERE seq = {seq}", blob(&head)));
    }
    t.place.tamper(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(t.verify(&[]).await.is_intact(), "well made; only an anchor shows it");
    t.s.store.latest_checkpoint().await.unwrap();
    // The store of the test still knows the old head; a restarted one would go on from the new end.
    let cut = Finding::Truncated { node: t.node(), ends: 9, checkpoint: 10, source: Source::Anchor };
    assert_eq!(t.verify(std::slice::from_ref(&anchor)).await.findings, [cut]);
    let (node, url) = (t.node(), t.place.url.clone());
    let Trail { place, s, signer, .. } = t;
    drop(s);
    let store = place.open().await;
    store.append(vec![note("fills the place")]).await.unwrap();
    let report = verify_chain(&Store::open_read_only(&url).await.unwrap(), &[signer.public_key()], &[anchor]).await;
    assert_eq!(report.unwrap().findings, [Finding::Rewritten { node, seq: 10, source: Source::Anchor }]);
}

async fn a_forged_checkpoint_is_named(place: Place) {
    let t = trail(place).await;
    let stranger = AuditSigner::generate(&SeededEntropy::new(2)).ok().unwrap();
    let good = t.checkpoint().await;
    let forged = [
        t.sign(&stranger, 10, good.head),
        Checkpoint { seq: 9, ..good.clone() },
        Checkpoint { at: 5, ..good.clone() },
        Checkpoint { key_id: stranger.key_id(), ..good.clone() },
        Checkpoint { signature: Vec::new(), ..good.clone() },
    ];
    for checkpoint in forged {
        let finding = |source| Finding::CheckpointForged { node: t.node(), seq: checkpoint.seq, source };
        let report = t.verify(std::slice::from_ref(&checkpoint)).await;
        assert_eq!(report.findings, [finding(Source::Anchor)]);
        assert_eq!(report.nodes[0].covered, None);
    }
    t.s.store.put_checkpoint(&t.sign(&stranger, 10, good.head)).await.unwrap();
    let finding = Finding::CheckpointForged { node: t.node(), seq: 10, source: Source::Database };
    assert_eq!(t.verify(&[good]).await.findings, [finding]);
}

async fn damaged_rows_are_findings_and_no_errors(place: Place) {
    let t = trail(place).await;
    t.s.store.put_checkpoint(&t.checkpoint().await).await.unwrap();
    let short = if t.place.is_sqlite() { "x'00'" } else { "'\\x00'" };
    t.place
        .tamper(&[
            &format!("UPDATE audit_records SET head = {short} WHERE seq = 5"),
            &format!("UPDATE checkpoints SET head = {short}"),
            "UPDATE audit_records SET seq = -3 WHERE seq = 10",
        ])
        .await;
    let findings = t.verify(&[]).await.findings;
    let broken = |seq, record| Finding::LinkBroken { node: t.node(), seq, record };
    for expected in [
        broken(0, t.records[10]),
        broken(5, t.records[5]),
        Finding::CheckpointForged { node: t.node(), seq: 10, source: Source::Database },
    ] {
        assert!(findings.contains(&expected), "{expected} is not among {findings:?}");
    }
}

/// The log as releases before kept it: a table of records and one of their positions.
async fn records_of_the_layout_with_two_rows_stay_verifiable(place: Place) {
    let t = trail(place).await;
    let anchor = t.checkpoint().await;
    let node = t.node();
    t.s.store.close().await.unwrap();
    let Trail { place, s, signer, records } = t;
    drop(s);
    let (uuid, bytes) = if place.is_sqlite() { ("blob", "blob") } else { ("uuid", "bytea") };
    let two_rows = [
        &format!(
            "CREATE TABLE audit_chain (node text NOT NULL, seq bigint NOT NULL, record_id {uuid} NOT NULL UNIQUE, \
             record_hash {bytes} NOT NULL, head {bytes} NOT NULL, PRIMARY KEY (node, seq))"
        ),
        "INSERT INTO audit_chain (node, seq, record_id, record_hash, head) \
         SELECT node, seq, id, record_hash, head FROM audit_records",
        "DROP INDEX audit_records_by_position",
        "DROP INDEX audit_records_by_outcome",
        "CREATE INDEX audit_records_by_outcome ON audit_records (outcome, at, id)",
        "ALTER TABLE audit_records DROP COLUMN node",
        "ALTER TABLE audit_records DROP COLUMN seq",
        "ALTER TABLE audit_records DROP COLUMN record_hash",
        "ALTER TABLE audit_records DROP COLUMN head",
        "DELETE FROM seaql_migrations WHERE version = 'm0013_one_row_per_record'",
    ];
    let verify = async |place: &Place| {
        let reader = Store::open_read_only(&place.url).await.unwrap();
        verify_chain(&reader, &[signer.public_key()], std::slice::from_ref(&anchor)).await.unwrap()
    };
    place.tamper(&two_rows).await;
    let store = place.open().await;
    assert_eq!(store.chain_head().await.unwrap(), Some((anchor.seq, anchor.head)));
    store.append(vec![note("in one row")]).await.unwrap();
    let report = verify(&place).await;
    assert!(report.is_intact(), "{:?}", report.findings);
    assert_eq!((report.nodes[0].records, report.nodes[0].covered), (11, Some(10)));
    store.close().await.unwrap();
    drop(store);

    // What was wrong with it before stays visible: a record dropped, and one from outside.
    place.tamper(&two_rows).await;
    let id = |id: Uuid| if place.is_sqlite() { format!("x'{}'", id.simple()) } else { format!("'{id}'") };
    let drop_one = format!("DELETE FROM audit_records WHERE id = {}", id(records[5]));
    let outside =
        format!("INSERT INTO audit_records (id, at, outcome, body) VALUES ({}, 1, 'failed', '{{}}')", id(Uuid::max()));
    place.tamper(&[&drop_one, &outside]).await;
    drop(place.open().await);
    let expected = [Finding::LinksMissing { node, from: 5, to: 5 }, Finding::Unchained { record: Uuid::max() }];
    assert_eq!(verify(&place).await.findings, expected);
}
