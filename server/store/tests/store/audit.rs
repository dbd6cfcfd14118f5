//! The contract of `AuditLog`.

use strongroom_crypto::chain;
use strongroom_domain::{
    action::Action,
    decision::{Stage, StageEffect},
    names::ObjectKind,
    ports::{AppendError, AuditLog},
    principal::PrincipalId,
    record::{
        Checkpoint, DeniedAlike, Entry, FirstSeen, IdPrefix, Outcome, Record, RecordFilter, Settled, UsedGrant, Without,
    },
    secret::Page,
    test_support,
};
use uuid::Uuid;

use crate::support::{Place, Started, id, note, on_both, permit, record, set, version};

/// In milliseconds.
const MINUTE: i64 = 60_000;

on_both!(
    records_are_chained_in_order,
    a_conflict_leaves_only_its_member_out,
    a_record_id_twice_rolls_everything_back,
    names_as_callers_write_them_are_recorded,
    a_batch_of_any_size_is_one_batch,
    filters_and_pages,
    records_alike_are_one_line_and_pages_go_on_where_they_ended,
    a_part_of_a_subject_finds_whoever_has_it_page_by_page,
    what_no_index_finds_is_looked_for_stretch_by_stretch,
    what_people_changed_is_found_apart,
    what_is_counted_for_charts_is_what_is_recorded,
    denials_are_counted_by_who_and_why,
    who_asked_for_the_first_time_is_counted,
    the_last_use_of_a_grant_is_counted,
    what_says_nothing_new_is_left_out_and_no_denial_is,
    checkpoints_come_back,
    a_page_has_an_end_in_bytes_too,
    the_chain_goes_on_after_a_restart,
);

async fn page(s: &Started, filter: RecordFilter) -> Page<Record> {
    let permit = permit(Action::AuditRead, test_support::server_ref(), None);
    test_support::open(s.store.query(permit, filter).await).unwrap()
}

fn at_most(limit: usize) -> RecordFilter {
    RecordFilter { limit, ..RecordFilter::default() }
}

async fn a_page_has_an_end_in_bytes_too(place: Place) {
    let s = place.start().await;
    for _ in 0..30 {
        let record = Record { stated_reason: Some("x".repeat(48_000)), ..record("SecretGet") };
        s.put(Entry { record, change: None }).await;
    }
    let of_reads = RecordFilter { operation: Some("SecretGet".to_owned()), ..at_most(1000) };
    let (mut filter, mut found) = (of_reads, Vec::new());
    loop {
        let page = page(&s, filter.clone()).await;
        found.push(page.items.len());
        let Some(next) = page.next else { break };
        filter.before = Some(next.parse().unwrap());
    }
    assert_eq!(found.iter().sum::<usize>(), 30, "{found:?}");
    assert!(found.len() == 2 && found.iter().all(|items| *items <= 22), "{found:?}");
}

async fn records_are_chained_in_order(place: Place) {
    let store = place.open().await;
    assert!(matches!(store.append(vec![note("early")]).await, Err(AppendError::RolledBack(_))), "no installation");
    let installation = id();
    store.create_installation(installation, 1, false, &[]).await.unwrap();
    assert_eq!(store.chain_head().await.unwrap(), None);
    assert_eq!(store.append(Vec::new()).await.unwrap(), []);
    let records = [record("a"), record("b"), record("c")];
    let mut head = chain::genesis(installation.as_bytes(), store.node());
    for (record, seq) in records.iter().zip(1..) {
        let body = serde_json::to_vec(record).unwrap();
        head = chain::extend(&head, seq, &chain::record_hash(record.id.as_bytes(), &body));
    }
    let [a, b, c] = records.map(|record| Entry { record, change: None });
    assert_eq!(store.append(vec![a, b]).await.unwrap(), [Settled::Recorded; 2]);
    assert_eq!(store.append(vec![c]).await.unwrap(), [Settled::Recorded]);
    assert_eq!(store.chain_head().await.unwrap(), Some((3, head)));
}

async fn a_conflict_leaves_only_its_member_out(place: Place) {
    let s = place.start().await;
    let v = version();
    let batch = vec![
        set(s.secret("a"), None, &v, b"1"),
        set(s.secret("a"), None, &version(), b"2"),
        note("between"),
        set(s.secret("b"), Some(4), &version(), b"3"),
        set(s.secret("a"), Some(1), &v, b"the version is there already"),
        set(s.secret("c"), None, &version(), b"4"),
    ];
    let ids: Vec<Uuid> = batch.iter().map(|e| e.record.id).collect();
    use Settled::{Conflict, Recorded};
    let settled = s.store.append(batch).await.unwrap();
    assert_eq!(settled, [Recorded, Conflict, Recorded, Conflict, Conflict, Recorded]);
    let expected: Vec<bool> = settled.iter().map(|s| *s == Recorded).collect();
    assert_eq!(s.store.durable(&ids).await.unwrap(), expected);
    assert_eq!((s.revision("a").await, s.revision("b").await, s.revision("c").await), (Some(1), None, Some(1)));
    assert_eq!(s.read("a", &v, 1).await.unwrap().sealed.ciphertext, b"1");
    assert_eq!(s.store.chain_head().await.unwrap().unwrap().0, 4);
    assert_eq!(s.put(note("after")).await, Recorded);
    assert_eq!(s.store.chain_head().await.unwrap().unwrap().0, 5);
}

async fn a_record_id_twice_rolls_everything_back(place: Place) {
    let s = place.start().await;
    let first = record("first");
    s.put(Entry { record: first.clone(), change: None }).await;
    let head = s.store.chain_head().await.unwrap();
    let other = note("other");
    let ids = [other.record.id, first.id];
    let batch = vec![other, set(s.secret("a"), None, &version(), b"1"), Entry { record: first, change: None }];
    assert!(matches!(s.store.append(batch).await, Err(AppendError::RolledBack(_))));
    assert_eq!(s.store.durable(&ids).await.unwrap(), [false, true]);
    assert_eq!(s.revision("a").await, None);
    assert_eq!(s.store.chain_head().await.unwrap(), head);
    assert_eq!(s.put(note("after")).await, Settled::Recorded);
    assert_eq!(s.store.chain_head().await.unwrap().unwrap().0, head.unwrap().0 + 1);
}

async fn names_as_callers_write_them_are_recorded(place: Place) {
    let s = place.start().await;
    for text in ["\0", "%_\\", "' OR 1=1", &"é\u{1f512}".repeat(5000)] {
        let mut entry = note("hostile");
        entry.record.vault = Some(text.into());
        entry.record.object = Some(text.into());
        entry.record.principal = Some(PrincipalId { issuer: text.into(), subject: text.into() });
        let written = entry.record.clone();
        assert_eq!(s.put(entry).await, Settled::Recorded);
        assert_eq!(page(&s, at_most(1)).await.items, std::slice::from_ref(&written));
        let by_name = RecordFilter { vault: Some(text.into()), object: Some(text.into()), ..at_most(9) };
        assert_eq!(page(&s, by_name).await.items, [written]);
    }
}

async fn a_batch_of_any_size_is_one_batch(place: Place) {
    let s = place.start().await;
    let batch: Vec<Entry> = (0..1201).map(|_| note("many")).collect();
    let ids: Vec<Uuid> = batch.iter().map(|e| e.record.id).collect();
    assert_eq!(s.store.append(batch).await.unwrap(), vec![Settled::Recorded; 1201]);
    assert_eq!(s.store.durable(&ids).await.unwrap(), vec![true; 1201]);
    assert_eq!(s.store.chain_head().await.unwrap().unwrap().0, 1202);
    assert_eq!(page(&s, at_most(usize::MAX)).await.items.len(), 1000, "a page is bounded");
    assert_eq!(page(&s, at_most(0)).await.items.len(), 1);
}

async fn filters_and_pages(place: Place) {
    let s = place.start().await;
    let mut written = Vec::new();
    for n in 0..6_i64 {
        let mut record = record("Op");
        // Two at each moment: the id decides.
        record.at = 1000 + n / 2;
        record.outcome = if n % 2 == 0 { Outcome::Allowed } else { Outcome::Denied };
        record.vault = Some(if n < 3 { "one" } else { "two" }.into());
        record.object = Some(format!("Db-{n}_x"));
        record.principal = Some(PrincipalId { issuer: "i".into(), subject: format!("Ada{n}") });
        written.push(record.clone());
        s.put(Entry { record, change: None }).await;
    }
    written.reverse();
    let ids = |page: &Page<Record>| page.items.iter().map(|r| r.id).collect::<Vec<_>>();
    let expect = |keep: &dyn Fn(&Record) -> bool| written.iter().filter(|r| keep(r)).map(|r| r.id).collect::<Vec<_>>();
    let only = async |filter: RecordFilter| ids(&page(&s, filter).await);

    let denied = RecordFilter { outcome: Some(Outcome::Denied), ..at_most(9) };
    assert_eq!(only(denied).await, expect(&|r| r.outcome == Outcome::Denied));
    let one = RecordFilter { vault: Some("one".into()), ..at_most(9) };
    assert_eq!(only(one).await, expect(&|r| r.vault.as_deref() == Some("one")));
    let object = RecordFilter { object: Some("B-4_".into()), ..at_most(9) };
    assert_eq!(only(object).await, expect(&|r| r.object.as_deref() == Some("Db-4_x")));
    let any = RecordFilter { object: Some("db%".into()), ..at_most(9) };
    assert_eq!(only(any).await, Vec::<Uuid>::new(), "a per cent sign is a per cent sign");
    let concerns = |text: &str| RecordFilter { concerns: Some(text.into()), ..at_most(9) };
    assert_eq!(only(concerns("one")).await, expect(&|r| r.vault.as_deref() == Some("one")));
    assert_eq!(only(concerns("b-4_")).await, expect(&|r| r.object.as_deref() == Some("Db-4_x")));
    assert_eq!(only(concerns("tw")).await, Vec::<Uuid>::new(), "a vault's name is whole");
    let principal = RecordFilter { principal: Some("da5".into()), vault: Some("two".into()), ..at_most(9) };
    assert_eq!(only(principal).await, expect(&|r| r.principal.as_ref().unwrap().subject == "Ada5"));
    let whole = |issuer: &str| RecordFilter {
        whole_principal: Some(PrincipalId { issuer: issuer.into(), subject: "Ada5".into() }),
        ..at_most(9)
    };
    assert_eq!(only(whole("i")).await, expect(&|r| r.principal.as_ref().unwrap().subject == "Ada5"));
    assert_eq!(only(whole("j")).await, Vec::<Uuid>::new(), "of the same subject elsewhere");

    let window = RecordFilter { from: Some(1001), until: Some(1002), ..at_most(9) };
    assert_eq!(only(window).await, expect(&|r| r.at == 1001));
    let decision = RecordFilter { id: Some(written[2].id.into()), ..at_most(9) };
    assert_eq!(only(decision).await, [written[2].id]);
    let mut hostile = record("Other");
    hostile.at = 0;
    hostile.stated_reason = Some(r#"","operation":"Op","vault":""#.into());
    s.put(Entry { record: hostile.clone(), change: None }).await;
    let operation = |name: &str| RecordFilter { operation: Some(name.into()), ..at_most(9) };
    assert_eq!(only(operation("Op")).await, expect(&|_| true), "text of a caller is no operation");
    assert_eq!(only(operation("Other")).await, [hostile.id]);
    assert_eq!(only(operation("op")).await, Vec::<Uuid>::new(), "exactly");
    assert_eq!(only(operation("O%")).await, Vec::<Uuid>::new());
    assert_eq!(only(operation("op\"")).await, Vec::<Uuid>::new());

    let mut told = record("KeySign");
    (told.at, told.outcome, told.reason) = (1, Outcome::Denied, "no-role".into());
    (told.client, told.kind) = ("2001:db8::7".into(), Some("key".into()));
    told.stated_reason = Some(r#""outcome":"denied","reason":"other","kind":"secret","#.into());
    s.put(Entry { record: told.clone(), change: None }).await;
    let reason = |text: &str| RecordFilter { reason: Some(text.into()), ..at_most(9) };
    assert_eq!(only(reason("no-role")).await, [told.id]);
    assert_eq!(only(RecordFilter { outcome: Some(Outcome::Denied), ..reason("no-role") }).await, [told.id]);
    assert_eq!(only(RecordFilter { outcome: Some(Outcome::Failed), ..reason("no-role") }).await, Vec::<Uuid>::new());
    for none in ["no-rol", "other", "no%", "\""] {
        assert_eq!(only(reason(none)).await, Vec::<Uuid>::new(), "{none}");
    }
    let client = |text: &str| RecordFilter { client: Some(text.parse().unwrap()), ..at_most(9) };
    assert_eq!(only(client("2001:db8::7")).await, [told.id]);
    assert_eq!(only(client("2001:db8::70")).await, Vec::<Uuid>::new());
    let kind = |kind| RecordFilter { kind: Some(kind), operation: Some("KeySign".into()), ..at_most(9) };
    assert_eq!(only(kind(ObjectKind::Key)).await, [told.id]);
    assert_eq!(only(kind(ObjectKind::Secret)).await, Vec::<Uuid>::new(), "text of a caller is no kind");

    let without = Without { allowed: vec!["Op".into(), "None".into()], ..Without::default() };
    // What made the installation is on record as well.
    let left = only(RecordFilter { without, ..at_most(9) }).await;
    assert!(left.contains(&hostile.id), "text of a caller leaves nothing out either");
    assert!(written.iter().all(|r| left.contains(&r.id) == (r.outcome != Outcome::Allowed)), "{left:?}");
    for length in [13, 18, 36] {
        let text = &written[2].id.to_string()[..length];
        let found = only(RecordFilter { id: IdPrefix::parse(text), from: Some(1000), ..at_most(9) }).await;
        assert_eq!(found, expect(&|r| r.id.to_string().starts_with(text)), "{text}");
        assert!(found.contains(&written[2].id));
    }

    let tally = async |filter: RecordFilter, stretch: i64| {
        let permit = permit(Action::AuditRead, test_support::server_ref(), None);
        let told = test_support::open(s.store.tally(permit, filter, stretch).await).unwrap().unwrap();
        told.into_iter().map(|t| (t.from, t.outcome, t.records)).collect::<Vec<_>>()
    };
    let six = RecordFilter { from: Some(1000), until: Some(1003), ..at_most(1) };
    let (allowed, denied) = (Outcome::Allowed, Outcome::Denied);
    assert_eq!(tally(six.clone(), 1000).await, [(1000, allowed, 3), (1000, denied, 3)]);
    let one = RecordFilter { vault: Some("one".into()), ..six };
    assert_eq!(tally(one, 2).await, [(1000, allowed, 2), (1000, denied, 1)]);
    let window = RecordFilter { from: Some(1001), until: Some(1003), ..at_most(1) };
    assert_eq!(tally(window, 1).await, [(1001, allowed, 1), (1001, denied, 1), (1002, allowed, 1), (1002, denied, 1)]);

    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = page(&s, RecordFilter { before, ..at_most(2) }).await;
        assert!(page.items.len() <= 2);
        seen.extend(page.items);
        before = page.next.map(|next| next.parse().unwrap());
        if before.is_none() {
            break;
        }
    }
    seen.sort_by_key(|r| std::cmp::Reverse((r.at, r.id)));
    assert_eq!(seen.len(), 9, "six, the vault's, the hostile one and the key's");
    assert!(written.iter().all(|r| seen.contains(r)));
    assert_eq!(page(&s, RecordFilter { before: Some(Uuid::nil()), ..at_most(2) }).await.items, []);
}

async fn records_alike_are_one_line_and_pages_go_on_where_they_ended(place: Place) {
    let s = place.start().await;
    // Of each, in this order, the oldest first.
    for (n, operation) in (1..).zip("a b a a c b a a".split(' ')) {
        let record = Record { at: n, vault: Some("folded".into()), operation: operation.into(), ..record("SecretGet") };
        s.put(Entry { record, change: None }).await;
    }
    let mut filter = RecordFilter { vault: Some("folded".into()), ..at_most(2) };
    let mut pages = Vec::new();
    loop {
        let permit = permit(Action::AuditRead, test_support::server_ref(), None);
        let page = test_support::open(s.store.repeats(permit, filter.clone()).await).unwrap();
        let lines =
            page.items.iter().map(|line| (line.newest.operation.clone(), line.newest.at, line.first, line.records));
        pages.push(lines.collect::<Vec<_>>());
        let Some(next) = page.next else { break };
        filter.before = Some(next.parse().unwrap());
    }
    let line = |operation: &str, newest: i64, first: i64, records: u64| (operation.to_owned(), newest, first, records);
    assert_eq!(
        pages,
        [
            vec![line("a", 8, 7, 2), line("b", 6, 6, 1)],
            vec![line("c", 5, 5, 1), line("a", 4, 3, 2)],
            vec![line("b", 2, 2, 1), line("a", 1, 1, 1)]
        ]
    );
}

async fn a_part_of_a_subject_finds_whoever_has_it_page_by_page(place: Place) {
    let s = place.start().await;
    let mut written = Vec::new();
    for n in 0..12_i64 {
        let subject = ["Ada", "adalbert", "grace"][usize::try_from(n % 3).unwrap()];
        let mut record = record(if n % 2 == 0 { "Even" } else { "Odd" });
        (record.at, record.principal) =
            (1000 + n / 2, Some(PrincipalId { issuer: "i".into(), subject: subject.into() }));
        written.push(record.clone());
        s.put(Entry { record, change: None }).await;
    }
    written.reverse();
    written.sort_by_key(|r| std::cmp::Reverse((r.at, r.id)));
    let asked = |operation: Option<&str>| RecordFilter {
        principal: Some("DA".to_ascii_lowercase()),
        operation: operation.map(str::to_owned),
        ..at_most(3)
    };
    for operation in [None, Some("Odd"), Some("None")] {
        let (mut found, mut filter) = (Vec::new(), asked(operation));
        loop {
            let page = page(&s, filter.clone()).await;
            found.extend(page.items);
            let Some(next) = page.next else { break };
            filter.before = Some(next.parse().unwrap());
        }
        let of = |r: &&Record| {
            r.principal.as_ref().unwrap().subject != "grace" && operation.is_none_or(|wanted| r.operation == wanted)
        };
        assert_eq!(found, written.iter().filter(of).cloned().collect::<Vec<_>>(), "{operation:?}");
    }
    let permit = permit(Action::AuditRead, test_support::server_ref(), None);
    let all = RecordFilter { from: Some(1000), until: Some(2000), ..asked(None) };
    let told = test_support::open(s.store.tally(permit, all, 1000).await).unwrap().unwrap();
    assert_eq!(told.iter().map(|t| t.records).collect::<Vec<_>>(), [8]);
}

async fn what_no_index_finds_is_looked_for_stretch_by_stretch(place: Place) {
    let s = place.start().await;
    let who = PrincipalId { issuer: "https://idp".into(), subject: "Ada".into() };
    let mut written = Vec::new();
    for n in 0..20_i64 {
        let mut record = record("Op");
        (record.at, record.object) = (1000 + n / 3, Some(if n % 7 == 0 { "db-main" } else { "other" }.into()));
        record.principal = (n % 2 == 0).then(|| who.clone());
        written.push(record.clone());
        s.put(Entry { record, change: None }).await;
    }
    written.reverse();
    let mut filter = RecordFilter { object: Some("b-m".into()), look_through: Some(4), ..at_most(9) };
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let page = page(&s, filter.clone()).await;
        found.extend(page.items);
        pages += 1;
        let Some(next) = page.next else { break };
        filter.before = Some(next.parse().unwrap());
    }
    let wanted = written.iter().filter(|r| r.object.as_deref() == Some("db-main")).cloned();
    assert_eq!(found, wanted.collect::<Vec<_>>());
    assert!((4..=6).contains(&pages), "{pages} pages over all records");
    let tally = async |most: usize| {
        let permit = permit(Action::AuditRead, test_support::server_ref(), None);
        let window = RecordFilter { from: Some(1000), until: Some(2000), look_through: Some(most), ..filter.clone() };
        let window = RecordFilter { before: None, ..window };
        test_support::open(s.store.tally(permit, window, 1000).await).unwrap().map(|told| told.len())
    };
    assert_eq!((tally(4).await, tally(100).await), (None, Some(1)), "nothing is told of a part");
    let of_whom = async |principal: Option<&str>, whole: Option<PrincipalId>, most: usize| {
        let permit = permit(Action::AuditRead, test_support::server_ref(), None);
        let window = RecordFilter {
            principal: principal.map(str::to_owned),
            whole_principal: whole,
            from: Some(0),
            until: Some(9000),
            look_through: Some(most),
            ..at_most(1)
        };
        let told = test_support::open(s.store.tally(permit, window, 9000).await).unwrap();
        told.map(|told| told.iter().map(|tally| tally.records).sum::<u64>())
    };
    for (part, whole) in [(None, Some(who.clone())), (Some("da"), None)] {
        assert_eq!(of_whom(part, whole.clone(), 10).await, Some(10));
        assert_eq!(of_whom(part, whole, 9).await, None, "more than is looked through");
    }
    assert_eq!(of_whom(Some("nobody at all"), None, 0).await, Some(0));
}

async fn what_people_changed_is_found_apart(place: Place) {
    let s = place.start().await;
    let mut change = set(s.secret("a"), None, &version(), b"1");
    change.record.principal_kind = "user".into();
    let by_person = change.record.id;
    let by_workload = set(s.secret("b"), None, &version(), b"1");
    let mut read = note("SecretGet");
    read.record.principal_kind = "user".into();
    for entry in [change, by_workload, read] {
        assert_eq!(s.put(entry).await, Settled::Recorded);
    }
    let found = page(&s, RecordFilter { changes_of_people: true, ..at_most(9) }).await;
    assert_eq!(found.items.iter().map(|r| r.id).collect::<Vec<_>>(), [by_person]);
    assert!(found.items.iter().all(Record::is_change_of_person));
}

/// However often it is asked meanwhile, and whatever is left out.
async fn what_is_counted_for_charts_is_what_is_recorded(place: Place) {
    let s = place.start().await;
    let reader = PrincipalId { issuer: "https://idp".into(), subject: "Ada".into() };
    let elsewhere = PrincipalId { issuer: "https://other".into(), ..reader.clone() };
    let mut all = Vec::new();
    let endings = [
        (Outcome::Allowed, "ok"),
        (Outcome::Denied, "no-role"),
        (Outcome::Failed, "not-found"),
        (Outcome::Unauthenticated, "token-missing"),
        (Outcome::Unauthenticated, "token-expired"),
    ];
    let leave_out = Without { challenges: true, reads_of: Some(reader.clone()), allowed: vec!["Page".into()] };
    for (n, operation) in (100..).zip(["AuditRead", "Page", "Asset", "SecretGet"]) {
        for (outcome, reason) in endings {
            for (principal, vault) in [(None, "one"), (Some(&reader), "Two"), (Some(&elsewhere), "one")] {
                let mut record = record(operation);
                (record.at, record.outcome, record.reason) = (n * MINUTE + 7, outcome, reason.into());
                (record.principal, record.vault) = (principal.cloned(), Some(vault.into()));
                all.push(record.clone());
                s.put(Entry { record, change: None }).await;
            }
        }
        let window = || RecordFilter { from: Some(100 * MINUTE), until: Some(110 * MINUTE), ..at_most(1) };
        for filter in [
            window(),
            RecordFilter { without: leave_out.clone(), ..window() },
            RecordFilter { outcome: Some(Outcome::Denied), ..window() },
            RecordFilter { vault: Some("two".into()), without: leave_out.clone(), ..window() },
            RecordFilter { vault: Some("none".into()), ..window() },
            RecordFilter { until: Some(102 * MINUTE), ..window() },
        ] {
            let takes = |r: &&Record| {
                filter.until.is_some_and(|until| r.at < until)
                    && filter.outcome.is_none_or(|outcome| r.outcome == outcome)
                    && filter.vault.as_ref().is_none_or(|vault| r.vault.as_ref().unwrap().to_lowercase() == *vault)
                    && !filter.without.leaves_out(r)
            };
            let mut expected = std::collections::BTreeMap::new();
            for r in all.iter().filter(takes) {
                *expected.entry((r.at / MINUTE * MINUTE, r.outcome.as_str(), r.is_challenge())).or_insert(0_u64) += 1;
            }
            let permit = permit(Action::AuditRead, test_support::server_ref(), None);
            let told = test_support::open(s.store.tally(permit, filter.clone(), MINUTE).await).unwrap().unwrap();
            let told = told.into_iter().map(|t| ((t.from, t.outcome.as_str(), t.challenge), t.records));
            assert_eq!(told.collect::<std::collections::BTreeMap<_, _>>(), expected, "{filter:?}");
        }
        s.store.count_log().await.unwrap();
    }
}

async fn denials_are_counted_by_who_and_why(place: Place) {
    let s = place.start().await;
    let ada = PrincipalId { issuer: "https://idp".into(), subject: "Ada".into() };
    let elsewhere = PrincipalId { issuer: "https://other".into(), ..ada.clone() };
    let deny = async |minute: i64, principal: &PrincipalId, reason: &str| {
        let mut record = record("SecretGet");
        (record.at, record.outcome, record.reason) = (minute * MINUTE, Outcome::Denied, reason.into());
        record.principal = Some(principal.clone());
        s.put(Entry { record, change: None }).await;
    };
    let told = async |from: i64| {
        let permit = permit(Action::AuditRead, test_support::server_ref(), None);
        let found = test_support::open(s.store.denials(permit, from * MINUTE).await).unwrap();
        assert!(!found.in_part);
        assert!(found.alike.iter().all(|one| !one.newest.is_nil()), "one of them is named");
        found.alike.into_iter().map(|one| DeniedAlike { newest: Uuid::nil(), ..one }).collect::<Vec<_>>()
    };
    let alike = |who: &PrincipalId, reason: &str, records: u64, first: i64| DeniedAlike {
        principal: Some(who.clone()),
        reason: reason.to_owned(),
        records,
        first: first * MINUTE,
        newest: Uuid::nil(),
    };
    s.put(Entry { record: Record { at: 101 * MINUTE, ..record("SecretGet") }, change: None }).await;
    for minute in 100..112 {
        deny(minute, &ada, "no-role").await;
    }
    deny(101, &elsewhere, "no-role").await;
    deny(105, &ada, "network").await;
    let all = [alike(&ada, "no-role", 12, 100), alike(&elsewhere, "no-role", 1, 101), alike(&ada, "network", 1, 105)];
    for _ in 0..2 {
        assert_eq!(told(100).await, all);
        assert_eq!(told(110).await, [alike(&ada, "no-role", 2, 110)]);
        s.store.count_log().await.unwrap();
    }
    // What is counted no more is looked for in the log.
    deny(100 + 26 * 60, &elsewhere, "no-role").await;
    assert_eq!(told(1000).await, [alike(&elsewhere, "no-role", 1, 100 + 26 * 60)]);
    assert_eq!(told(100).await[..2], [all[0].clone(), alike(&elsewhere, "no-role", 2, 101)]);
}

async fn the_last_use_of_a_grant_is_counted(place: Place) {
    let s = place.start().await;
    let (role, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let who = |subject: &str| PrincipalId { issuer: "https://idp".into(), subject: subject.into() };
    let allow =
        |stage: &str, reason: &str, detail: String| Stage::new(stage, StageEffect::Allow, reason).with_detail(detail);
    let by_role = |id: Uuid| vec![allow("network", "ok", id.to_string()), allow("grants", "Owner", id.to_string())];
    let by_policy = |sort: &str| vec![allow("access-policy", sort, "revision 7".to_owned())];
    let put = async |at: i64, subject: &str, operation: &str, outcome: Outcome, trace: Vec<Stage>| {
        let mut record = record(operation);
        (record.at, record.outcome, record.trace) = (at, outcome, trace);
        (record.principal, record.vault) = (Some(who(subject)), Some("Demo".into()));
        // Whatever a caller writes looks like no stage.
        record.stated_reason = Some(format!(r#""stage":"grants","effect":"allow","detail":"{other}""#));
        s.put(Entry { record, change: None }).await;
    };
    let grants = [
        UsedGrant::Assignment(role),
        UsedGrant::Assignment(other),
        UsedGrant::OfPrincipal("demo".into(), who("Ada")),
        UsedGrant::OfGroup("demo".into(), 9),
    ];
    let told = async || {
        let uses = s.store.uses(&grants).await.unwrap().unwrap();
        assert_eq!(uses.since, i64::MIN, "nothing was forgotten");
        let told = uses.of.into_iter().map(|uses| {
            let uses = uses.into_iter().map(|(operation, used)| (operation, used.at, used.by.subject));
            uses.collect::<Vec<_>>()
        });
        told.collect::<Vec<_>>()
    };
    let used = |operation: &str, at: i64, by: &str| (operation.to_owned(), at, by.to_owned());
    put(10, "Ada", "SecretGet", Outcome::Allowed, by_role(role)).await;
    put(30, "Bob", "SecretGet", Outcome::Failed, by_role(role)).await;
    put(40, "Eve", "SecretGet", Outcome::Denied, by_role(role)).await;
    put(20, "Ada", "SecretSet", Outcome::Allowed, by_role(role)).await;
    put(50, "Ada", "SecretSet", Outcome::Allowed, Vec::new()).await;
    for subject in ["Ada", "Bob"] {
        put(60, subject, "KeySign", Outcome::Allowed, by_policy("principal")).await;
    }
    put(61, "Bob", "KeySign", Outcome::Allowed, by_policy("group")).await;
    let mut expected = vec![
        vec![used("SecretGet", 30, "Bob"), used("SecretSet", 20, "Ada")],
        Vec::new(),
        vec![used("KeySign", 60, "Ada")],
        vec![used("KeySign", 61, "Bob")],
    ];
    assert_eq!(told().await, expected);
    s.store.count_log().await.unwrap();
    put(70, "Ada", "SecretGet", Outcome::Allowed, [by_role(role), by_policy("principal")].concat()).await;
    expected[0][0] = used("SecretGet", 70, "Ada");
    expected[2].push(used("SecretGet", 70, "Ada"));
    assert_eq!(told().await, expected);
}

async fn who_asked_for_the_first_time_is_counted(place: Place) {
    let s = place.start().await;
    let ada = PrincipalId { issuer: "https://idp".into(), subject: "Ada \"A\"".into() };
    let elsewhere = PrincipalId { issuer: "https://other".into(), ..ada.clone() };
    let asked = async |minute: i64, principal: &PrincipalId, client: &str| {
        let (principal, client) = (Some(principal.clone()), client.to_owned());
        let record = Record { at: minute * MINUTE, principal, client, ..record("SecretGet") };
        s.put(Entry { record, change: None }).await;
    };
    for minute in [1, 2, 110] {
        asked(minute, &ada, "192.0.2.1").await;
    }
    asked(105, &ada, "2001:db8::7").await;
    asked(106, &elsewhere, "192.0.2.1").await;
    let news = async |since: i64| {
        let permit = permit(Action::AuditRead, test_support::server_ref(), None);
        test_support::open(s.store.news(permit, since * MINUTE).await).unwrap()
    };
    let seen = |principal: &PrincipalId, client: &str, minute: i64| FirstSeen {
        principal: principal.clone(),
        client: client.to_owned(),
        first: minute * MINUTE,
        addresses: 1,
        beyond: false,
    };
    for _ in 0..2 {
        let told = news(100).await.unwrap();
        assert_eq!(told.principals, [seen(&elsewhere, "192.0.2.1", 106)]);
        assert_eq!(told.addresses, [seen(&ada, "2001:db8::7", 105)]);
        assert_eq!(news(1).await, None, "the log began then");
        s.store.count_log().await.unwrap();
    }
}

async fn what_says_nothing_new_is_left_out_and_no_denial_is(place: Place) {
    let s = place.start().await;
    let reader = PrincipalId { issuer: "https://idp".into(), subject: "Ada".into() };
    let elsewhere = PrincipalId { issuer: "https://other".into(), ..reader.clone() };
    let mut all = Vec::new();
    for operation in ["AuditRead", "Page", "SecretGet"] {
        for (outcome, reason) in [
            (Outcome::Allowed, "ok"),
            (Outcome::Denied, "no-role"),
            (Outcome::Failed, "token-missing"),
            (Outcome::Unauthenticated, "token-missing"),
            (Outcome::Unauthenticated, "session-missing"),
            (Outcome::Unauthenticated, "token-expired"),
        ] {
            for principal in [None, Some(&reader), Some(&elsewhere)] {
                let mut record = record(operation);
                (record.at, record.outcome, record.reason) = (5000, outcome, reason.into());
                record.principal = principal.cloned();
                record.stated_reason = Some(r#""outcome":"unauthenticated","reason":"token-missing","#.into());
                all.push(record.clone());
                s.put(Entry { record, change: None }).await;
            }
        }
    }
    let some = |without: Without| RecordFilter { from: Some(5000), without, ..at_most(99) };
    let everything = Without { challenges: true, reads_of: Some(reader), allowed: vec!["Page".into()] };
    for without in [
        Without::default(),
        Without { challenges: true, ..Without::default() },
        Without { reads_of: everything.reads_of.clone(), ..Without::default() },
        everything,
    ] {
        let mut left: Vec<Uuid> = page(&s, some(without.clone())).await.items.iter().map(|r| r.id).collect();
        let mut expected: Vec<Uuid> = all.iter().filter(|r| !without.leaves_out(r)).map(|r| r.id).collect();
        left.sort_unstable();
        expected.sort_unstable();
        assert_eq!(left, expected, "{without:?}");
    }
    let permit = permit(Action::AuditRead, test_support::server_ref(), None);
    let told = test_support::open(s.store.tally(permit, some(Without::default()), 5000).await).unwrap().unwrap();
    let told: Vec<_> = told.into_iter().map(|t| (t.outcome, t.challenge, t.records)).collect();
    let expected = [
        (Outcome::Allowed, false, 9),
        (Outcome::Denied, false, 9),
        (Outcome::Failed, false, 9),
        (Outcome::Unauthenticated, false, 9),
        (Outcome::Unauthenticated, true, 18),
    ];
    assert_eq!(told, expected);
}

async fn checkpoints_come_back(place: Place) {
    let s = place.start().await;
    assert_eq!(s.store.latest_checkpoint().await.unwrap(), None);
    let checkpoint = |seq, node: &str| Checkpoint {
        node: node.into(),
        seq,
        head: [1; 32],
        at: 5,
        key_id: "k".into(),
        signature: vec![2; 64],
    };
    for (seq, node) in [(3, s.store.node()), (9, "elsewhere"), (2, s.store.node())] {
        s.store.put_checkpoint(&checkpoint(seq, node)).await.unwrap();
    }
    s.store.put_checkpoint(&Checkpoint { at: 6, ..checkpoint(3, s.store.node()) }).await.unwrap();
    assert_eq!(s.store.latest_checkpoint().await.unwrap(), Some(checkpoint(3, s.store.node())));
    assert!(s.store.put_checkpoint(&checkpoint(u64::MAX, "n")).await.is_err());
}

async fn the_chain_goes_on_after_a_restart(place: Place) {
    let Started { store, .. } = place.start().await;
    store.append(vec![note("before")]).await.unwrap();
    let head = store.chain_head().await.unwrap();
    drop(store);
    let again = place.open().await;
    assert_eq!(again.chain_head().await.unwrap(), head);
    again.append(vec![note("after")]).await.unwrap();
    assert_eq!(again.chain_head().await.unwrap().unwrap().0, 3);
}
