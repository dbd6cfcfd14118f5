use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::verify::expected::Expected;

const KIND: RowKind = RowKind::Secret;
const TAGS: [&str; 3] = ["0000000000000001", "0000000000000002", "0000000000000003"];

fn id(number: usize) -> String {
    format!("v/n{number}")
}

fn change(number: usize, revision: i64, gone: bool, versions: &[(&str, usize)]) -> ChangedRow {
    let versions: BTreeMap<_, _> =
        versions.iter().map(|(version, tag)| ((*version).to_owned(), TAGS[*tag].to_owned())).collect();
    ChangedRow { row: KIND, id: id(number), revision, within: None, gone, digest: None, versions }
}

/// What is there of a name.
struct There {
    number: usize,
    revision: i64,
    versions: Vec<(&'static str, usize)>,
}

impl There {
    fn compare(&self, ledger: &mut impl Ledger) -> bool {
        let id = id(self.number);
        if !ledger.holds(KIND, &id) {
            return true;
        }
        let mut faults = vec![ledger.judge(KIND, &id, Some(self.revision), "")];
        faults.extend(self.versions.iter().map(|(version, tag)| ledger.judge_version(KIND, &id, version, TAGS[*tag])));
        let mut report = VerifyReport::default();
        let good = faults.iter().all(Option::is_none);
        for fault in faults {
            ledger.tell(&mut report, Judged { kind: KIND, id: id.clone(), version: None, fault });
        }
        good
    }
}

/// What is unclear of all shares together, how many there were, and how many rows were as they should be.
fn unclear(most: usize, log: &[ChangedRow], there: &[There]) -> (HashSet<Place>, usize, u64) {
    let (mut sketch, mut report) = (Sketch::holding(most, true), VerifyReport::default());
    let (mut all, mut shares) = (HashSet::new(), 0);
    loop {
        for change in log {
            sketch.learn((0, 0), std::slice::from_ref(change));
        }
        assert!(sketch.held() <= most);
        for one in there {
            one.compare(&mut sketch);
        }
        let (unclear, next) = sketch.conclude(&mut report);
        (all, shares) = (all.into_iter().chain(unclear).collect(), shares + 1);
        match next {
            Some(next) => sketch = next,
            None => return (all, shares, report.rows),
        }
    }
}

#[test]
fn what_is_held_is_bounded_and_in_shares_the_same_is_unclear() {
    let log: Vec<_> = (0..100)
        .flat_map(|number| [change(number, 10, false, &[("a", 0)]), change(number, 11, false, &[("b", 1)])])
        .chain([change(100, 5, false, &[("a", 0)]), change(100, 6, true, &[]), change(100, 77, false, &[("a", 1)])])
        .chain([change(101, 5, false, &[("a", 0)]), change(101, 6, true, &[])])
        .collect();
    let usual = |number| There { number, revision: 11, versions: vec![("a", 0), ("b", 1)] };
    let mut there: Vec<_> = (0..90).map(usual).collect();
    there.push(There { number: 100, revision: 77, versions: vec![("a", 1)] });
    let (none, _, rows) = unclear(HELD, &log[..180], &there[..90]);
    assert!(none.is_empty() && rows == 270, "what is as it should be is clear, {rows}");

    there[3].revision = 10;
    there[4].versions[0].1 = 2;
    there[5].versions.pop();
    there[6].versions.push(("c", 0));
    there.push(usual(200));
    there.push(There { number: 101, revision: 5, versions: Vec::new() });
    let places = |numbers: &[usize]| numbers.iter().map(|number| place_of(KIND, &id(*number))).collect::<HashSet<_>>();
    let expected = places(&[3, 4, 5, 6, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 101, 200]);
    for most in [1, 7, 30, 99, HELD] {
        let (found, shares, rows) = unclear(most, &log, &there);
        assert!(shares >= 100 / (most + 1), "{shares} shares of {most}");
        assert_eq!((found, rows), (expected.clone(), 86 * 3 + 2), "{most}");
    }
}

#[test]
fn sessions_and_what_lies_in_a_vault_that_is_gone_may_go() {
    let vault = |gone, revision| ChangedRow { gone, ..ChangedRow::written(RowKind::Vault, "v".into(), revision) };
    let session = ChangedRow::written(RowKind::Session, "s".into(), 1);
    let log = [vault(false, 1), change(1, 5, false, &[("a", 0)]), session.clone(), vault(true, 2)];
    assert!(unclear(HELD, &log, &[]).0.is_empty());
    assert_eq!(unclear(HELD, &log[..3], &[]).0.len(), 2, "the vault and the name");
    let ended = ChangedRow::gone(RowKind::Session, "s".into(), 2);
    let mut sketch = Sketch::holding(HELD, true);
    sketch.learn((0, 0), &[session.clone(), ended.clone(), session, ended.clone(), ended]);
    assert_eq!(sketch.judge(RowKind::Session, "s", None, ""), None);
    assert_eq!(sketch.conclude(&mut VerifyReport::default()).0.len(), 1, "it is back");
}

proptest! {
    /// Whatever is found in full is unclear in brief, in whatever order the log is read.
    #[test]
    fn nothing_that_is_wrong_is_clear(
        steps in prop::collection::vec((0_usize..3, 0_u8..6, 0_usize..3, 0_usize..3), 1..14),
        turn in any::<prop::sample::Index>(), turned in any::<bool>(),
        there in prop::collection::vec(prop::option::of((0_i64..3, prop::collection::vec((0_usize..3, 0_usize..3), 0..3))), 3),
    ) {
        const VERSIONS: [&str; 3] = ["a", "b", "c"];
        let mut last = [(0_i64, false); 3];
        let mut log = Vec::new();
        for (number, what, version, tag) in steps {
            let (revision, living) = &mut last[number];
            let gone = *living && what == 0;
            *revision = if *living { *revision + 1 } else { *revision + 100 };
            *living = !gone;
            let written: &[_] = if gone || what == 1 { &[] } else { &[(VERSIONS[version], tag)] };
            log.push(change(number, *revision, gone, written));
        }
        if turned {
            let turn = turn.index(log.len());
            log.rotate_left(turn);
        }
        let there: Vec<_> = there.into_iter().enumerate().filter_map(|(number, there)| {
            let (back, versions) = there?;
            let versions: BTreeMap<_, _> = versions.into_iter().map(|(v, tag)| (VERSIONS[v], tag)).collect();
            Some(There { number, revision: last[number].0 - back, versions: versions.into_iter().collect() })
        }).collect();
        for number in 0..3 {
            let mut expected = Expected::of([place_of(KIND, &id(number))].into(), 100, false);
            let mut sketch = Sketch::holding(HELD, !turned);
            for (seq, change) in (1..).zip(&log) {
                expected.learn((0, seq), std::slice::from_ref(change));
                sketch.learn((0, seq), std::slice::from_ref(change));
            }
            let good = there.iter().all(|there| there.compare(&mut expected)) && expected.absent().is_empty();
            for one in &there {
                one.compare(&mut sketch);
            }
            let (unclear, _) = sketch.conclude(&mut VerifyReport::default());
            prop_assert!(good || unclear.contains(&place_of(KIND, &id(number))), "{number} of {log:?}");
        }
    }
}
