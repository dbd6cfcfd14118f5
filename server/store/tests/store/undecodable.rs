//! Whoever edits a SQLite file can write anything into any cell. Each such cell is a finding that names its row, and a
//! server goes on with all the others. PostgreSQL keeps the types of its columns by itself.

use sqlx::{Connection as _, Row as _, SqliteConnection};
use strongroom_crypto::CheckpointBody;
use strongroom_domain::{
    action::Action,
    change::Change,
    condemned::CondemnedKeys as _,
    identity::{Session, UsedAssertion},
    names::{ObjectKind, ObjectVersion, VaultName},
    ports::{
        AuditLog as _, GrantStore as _, IdentityStore as _, ObjectStore as _, PolicyStore as _, PurgeSchedule as _,
        StoreError, VaultStore as _,
    },
    principal::Grantee,
    record::{Checkpoint, RecordFilter, RowKind, Settled},
    secret::LifeState,
    stored::{Found, StoredRows as _},
    test_support,
};
use strongroom_store::{
    Store,
    verify::{Anchors, verify_log},
};

use crate::{
    approvals, grants, identities, policies, seal,
    support::{Place, Started, entry, id, life, name, note, permit, put_vault, set, vault, version},
    tree::{cover, signer},
};

/// A row in every table that the log or the root key protects.
async fn furnished(place: &Place) -> Started {
    let s = place.start().await;
    let ada = grants::principal("https://idp", "ada", &[]);
    let own = Grantee::Principal { id: ada.id.clone() };
    let session = Session {
        id_hash: [1; 32],
        principal: ada,
        display_name: "Ada".into(),
        created: 5,
        expires: 1 << 40,
        provider_session: None,
        authenticated: None,
        begun: None,
        tag: vec![1; 32],
    };
    let begin = Change::BeginSession(Box::new(session));
    let assertion = UsedAssertion { id_hash: [2; 32], used: 5, expires: 1 << 40 };
    s.store.put_sealed_blob("tokens", b"one").await.unwrap();
    let entries = vec![
        set(s.secret("alpha"), None, &version(), b"one"),
        set(s.key("beta"), None, &version(), b"two"),
        grants::add(&grants::grant(own.clone())),
        grants::put_role(grants::role(id(), "One", 5), None),
        grants::put_policy(grants::policy(s.vault, &own, 5), None),
        identities::make(&identities::workload("payments")),
        approvals::put(&s, &approvals::request(&s, "ada", "alpha", 1000), None, 1000),
        policies::push(&policies::module(1), b"one"),
        policies::attach(1, None).1,
        policies::write(&policies::document("hours", "9 to 5", 1), None),
        policies::keep(&policies::replay(0, 1), None),
        entry(permit(Action::SessionChange, test_support::server_ref(), None), begin),
        seal::token_keys(seal::blob(b"one", 0), seal::blob(b"two", 1)),
        entry(permit(Action::TokenIssue, test_support::server_ref(), None), Change::UseAssertion(assertion)),
    ];
    let settled = s.store.append(entries).await.unwrap();
    assert!(settled.iter().all(|one| *one == Settled::Recorded), "{settled:?}");
    cover(&s.store, s.installation).await;
    let (seq, head) = s.store.chain_head().await.unwrap().unwrap();
    let node = s.store.node().to_owned();
    let body = CheckpointBody { installation: *s.installation.as_bytes(), node: node.clone(), seq, head, at_millis: 5 };
    let signature = signer().sign(&body.to_signed_bytes()).to_vec();
    let single = Checkpoint { node, seq, head, at: 5, key_id: signer().key_id(), signature };
    s.store.put_checkpoint(&single).await.unwrap();
    s
}

/// What both kinds of verification say, one text per finding.
async fn found(place: &Place) -> Vec<String> {
    let reader = Store::open_read_only(&place.url).await.unwrap();
    let report = verify_log(&reader, &[signer().public_key()], &Anchors::default()).await.unwrap();
    let mut found: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    let reader = reader.holding(1);
    let little = verify_log(&reader, &[signer().public_key()], &Anchors::default()).await.unwrap();
    let mut all: Vec<String> = little.findings.iter().map(ToString::to_string).collect();
    all.sort();
    found.sort();
    assert_eq!(all, found, "however little is held at a time");
    let mut walk = reader.walk();
    while let Some(portion) = walk.portion().await.unwrap() {
        for Found { kind, id, row, .. } in portion {
            found.extend(row.err().map(|error| format!("{} {id}: {error}", kind.as_str())));
        }
    }
    // What does not read is shown as nothing, which opens nothing.
    let sealed = reader.installation_keys().await.unwrap().blobs;
    found.extend(sealed.into_iter().filter(|(_, bytes)| bytes.is_empty()).map(|(label, _)| format!("blob {label}")));
    found
}

/// Every column of every row that counts, with what cannot stand there.
#[tokio::test(flavor = "multi_thread")]
async fn every_cell_that_does_not_read_is_a_finding() {
    // Nothing that is judged: who is alone with the database, and facts that nothing rests on.
    const ASIDE: [&str; 5] = ["seaql_migrations", "audit_fence", "root_keys", "condemned_keys", "acme_proofs"];

    let place = Place::sqlite();
    let _s = furnished(&place).await;
    let before = found(&place).await;
    assert_eq!(before, Vec::<String>::new());
    let mut database = SqliteConnection::connect(&place.url).await.unwrap();
    // But a number that is the whole key: SQLite itself takes nothing else there.
    let columns = "SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c \
                   WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' \
                   AND NOT (c.pk = 1 AND lower(c.type) = 'integer') ORDER BY 1, 2";
    let columns = sqlx::query(columns).fetch_all(&mut database).await.unwrap();
    let (mut tried, mut untold) = (0, Vec::new());
    for column in columns {
        let (table, column, of): (String, String, String) = (column.get(0), column.get(1), column.get(2));
        if ASIDE.contains(&table.as_str()) || table == "installation" {
            continue;
        }
        let wrong = match of.to_ascii_lowercase().as_str() {
            text if text.contains("text") || text.contains("char") => "x'ff00'",
            blob if blob.contains("blob") || blob.contains("uuid") => "7",
            _ => "'none'",
        };
        let there = "rowid = (SELECT place FROM kept)";
        let kept = format!("CREATE TABLE kept AS SELECT rowid AS place, \"{column}\" AS cell FROM {table} LIMIT 1");
        let edit = format!("UPDATE {table} SET \"{column}\" = {wrong} WHERE {there}");
        place.tamper(&["PRAGMA foreign_keys = OFF", &kept, &edit]).await;
        let now = found(&place).await;
        if now.len() <= before.len() {
            untold.push(format!("{table}.{column} = {wrong}: {now:?}"));
        }
        let back = format!("UPDATE {table} SET \"{column}\" = (SELECT cell FROM kept) WHERE {there}");
        place.tamper(&["PRAGMA foreign_keys = OFF", &back, "DROP TABLE kept"]).await;
        tried += 1;
    }
    assert!(tried > 80, "{tried}");
    assert!(untold.is_empty(), "{}", untold.join("\n"));
    assert_eq!(found(&place).await, before, "all was put back");
}

/// Findings name the table and the row, and nothing of what stands in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_cell_that_does_not_read_is_told_by_table_and_place() {
    let place = Place::sqlite();
    let s = furnished(&place).await;
    place
        .tamper(&[
            "UPDATE vaults SET revision = 'stolen'",
            "UPDATE secrets SET display = x'fe' WHERE name = 'alpha'",
            "UPDATE audit_records SET body = x'fe' WHERE seq = 3",
            "UPDATE audit_records SET id = 'stolen-id' WHERE seq = 4",
            "UPDATE workloads SET client_id = x'0102'",
        ])
        .await;
    let told = found(&place).await.join("\n");
    let vault = s.vault;
    for expected in [
        format!("vault {vault} was edited: a cell holds what cannot stand there"),
        format!("secret {vault}/alpha: "),
        "position 3) was edited".to_owned(),
        "the row stolen-id of audit_records was edited".to_owned(),
        "the row 0x0102 of workloads was edited".to_owned(),
    ] {
        assert!(told.contains(&expected), "{expected} is not in {told}");
    }
    assert!(!told.contains("stolen\"") && !told.contains(&format!("vault {vault} was deleted")), "{told}");
}

/// One damaged row of a table, and everybody else is served.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_goes_on_with_all_rows_but_the_one() {
    let place = Place::sqlite();
    let s = furnished(&place).await;
    let (other, ada) = (vault("other"), grants::principal("https://idp", "ada", &["ops"]));
    let named = |text: &str| VaultName::parse(text).unwrap();
    let ops = Grantee::Group { issuer: "https://idp".into(), group: "ops".into() };
    let (good, bad) = (grants::grant(ops.clone()), identities::workload("bad"));
    s.store
        .append(vec![
            put_vault(&other),
            grants::add(&good),
            grants::put_policy(grants::policy(s.vault, &ops, 5), None),
            identities::make(&bad),
        ])
        .await
        .unwrap();
    let deleted = LifeState::Deleted { deleted_at: 1, purge_at: 2 };
    let gone = version();
    for object in ["due-1", "due-2"] {
        s.put(set(s.secret(object), None, &gone, b"one")).await;
        s.put(life(s.secret(object), 1, &gone, deleted)).await;
    }
    s.put(note("Kept")).await;
    place
        .tamper(&[
            "UPDATE vaults SET created_at = 'none' WHERE name = 'other'",
            "UPDATE workloads SET revision = 'none' WHERE body LIKE '%\"bad\"%'",
            "UPDATE assignments SET body = x'ff' WHERE grantee_key NOT LIKE '%ops%'",
            "UPDATE access_policies SET revision = 'none' WHERE grantee_key NOT LIKE '%ops%'",
            "UPDATE sessions SET expires = 'never'",
            "UPDATE secrets SET display = x'ff' WHERE name = 'due-1'",
            "UPDATE audit_records SET outcome = x'ff' WHERE seq = 2",
            "INSERT INTO condemned_keys (label, body, tag) VALUES ('one', x'ff', x'00')",
        ])
        .await;

    assert_eq!(s.store.vault(&named("demo")).await.unwrap().unwrap().id, s.vault);
    assert!(matches!(s.store.vault(&named("other")).await, Err(StoreError::Damaged(_))), "this one is damaged");
    assert_eq!(s.store.vaults(false).await.unwrap().len(), 1);
    assert!(matches!(s.store.workload(bad.client_id).await, Err(StoreError::Damaged(_))));
    assert!(s.store.workload(id()).await.unwrap().is_none(), "others are looked for as ever");
    assert_eq!(*s.store.assignments(&ada).await.unwrap(), [good], "what is damaged grants nothing");
    assert_eq!(s.store.access_policies(s.vault, &ada).await.unwrap().len(), 1);
    assert!(matches!(s.store.session(&[1; 32]).await, Err(StoreError::Damaged(_))));
    assert_eq!(s.store.all_sessions(None, 10).await.unwrap(), []);
    let due = s.store.due_objects(10, None, 10).await.unwrap();
    assert!(due.iter().any(|due| due.name == name("due-2")), "{due:?}");
    assert_eq!(s.store.condemned(None, 10).await.unwrap(), []);
    let permit = permit(Action::AuditRead, test_support::server_ref(), None);
    let records = test_support::open(s.store.query(permit, RecordFilter::default()).await).unwrap();
    assert!(records.items.iter().any(|record| record.operation == "Kept"), "the newest one is shown");
    // A grant beside the damaged one of the same grantee, in one batch with somebody else's.
    let alike = grants::grant(Grantee::Principal { id: ada.id });
    let settled = s.store.append(vec![note("Other"), grants::add(&alike)]).await.unwrap();
    assert_eq!(settled, [Settled::Recorded, Settled::Recorded]);
    assert!(s.store.policy_modules().await.unwrap().len() == 1);
}

/// Letters of another case, and a text of the same bytes: each reads as what was written, and none is found by it.
#[tokio::test(flavor = "multi_thread")]
async fn what_reads_alike_and_is_found_by_nobody_is_damaged() {
    let place = Place::sqlite();
    let s = place.start().await;
    // With letters, which have cases.
    let first = ObjectVersion::parse("0190000000007000800000000000abcd").unwrap();
    let second = version();
    s.put(set(s.secret("alpha"), None, &first, b"one")).await;
    s.put(set(s.secret("beta"), None, &second, b"two")).await;
    let workload = identities::workload("payments");
    s.put(identities::make(&workload)).await;
    let demo = VaultName::parse("demo").unwrap();
    place
        .tamper(&[
            "PRAGMA foreign_keys = OFF",
            "UPDATE vaults SET name = 'Demo'",
            "UPDATE secrets SET current = upper(current) WHERE name = 'alpha'",
            "UPDATE secrets SET vault_id = CAST(vault_id AS TEXT) WHERE name = 'beta'",
            "UPDATE workloads SET client_id = CAST(client_id AS TEXT)",
        ])
        .await;
    assert!(matches!(s.store.vault(&demo).await, Err(StoreError::Damaged(_))), "it is not taken for missing");
    assert_eq!(s.store.vaults(false).await.unwrap().len(), 0);
    assert_eq!(s.store.vault_names(false).await.unwrap(), []);
    let facts = s.store.facts(s.vault, ObjectKind::Secret, &name("alpha"), None).await;
    assert!(matches!(facts, Err(StoreError::Damaged(_))), "{facts:?}");
    assert!(matches!(s.store.workload(workload.client_id).await, Err(StoreError::Damaged(_))));

    let reader = Store::open_read_only(&place.url).await.unwrap();
    let mut wrong = Vec::new();
    let mut walk = reader.walk();
    while let Some(portion) = walk.portion().await.unwrap() {
        wrong.extend(portion.into_iter().filter(|found| found.row.is_err()).map(|found| (found.kind, found.id)));
    }
    let expected = [
        (RowKind::Vault, format!("{} (Demo)", s.vault)),
        (RowKind::Workload, workload.client_id.to_string()),
        (RowKind::Secret, format!("{}/alpha", s.vault)),
        (RowKind::Secret, format!("{}/beta", s.vault)),
    ];
    for row in &expected {
        assert!(wrong.contains(row), "{row:?} is not in {wrong:?}");
    }
    assert_eq!(wrong.len(), expected.len(), "{wrong:?}");
    let report = verify_log(&reader, &[], &Anchors::default()).await.unwrap();
    let told: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|line| line.contains("Demo is not spelt as names are stored")), "{told:?}");
}
