use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn secret(revision: i64, gone: bool, versions: &[(&str, &str)]) -> ChangedRow {
    let versions: BTreeMap<_, _> =
        versions.iter().map(|(version, tag)| ((*version).to_owned(), (*tag).to_owned())).collect();
    ChangedRow { row: RowKind::Secret, id: "v/n".to_owned(), revision, within: None, gone, digest: None, versions }
}

fn learned(changes: &[ChangedRow]) -> Expected {
    let places = changes.iter().map(|change| place_of(change.row, &change.id));
    let others = [place_of(RowKind::Secret, "v/other")];
    let mut expected = Expected::of(places.chain(others).collect(), HELD, false);
    for (seq, change) in (1..).zip(changes) {
        expected.learn((0, seq), std::slice::from_ref(change));
    }
    expected
}

fn judged(expected: &mut Expected, revision: i64) -> Option<RowFault> {
    expected.judge(RowKind::Secret, "v/n", Some(revision), "")
}

const T1: &str = "0000000000000001";
const T2: &str = "0000000000000002";

#[test]
fn every_fault_has_its_name() {
    let mut expected = learned(&[secret(10, false, &[]), secret(11, false, &[])]);
    assert_eq!(judged(&mut expected, 11), None);
    assert_eq!(judged(&mut expected, 10), Some(RowFault::Older { found: 10, recorded: 11 }));
    assert_eq!(judged(&mut expected, 12), Some(RowFault::Ahead { found: 12, recorded: 11 }));
    assert_eq!(expected.judge(RowKind::Secret, "v/other", Some(1), ""), Some(RowFault::Unrecorded));

    let mut expected = learned(&[secret(10, false, &[]), secret(11, true, &[])]);
    assert_eq!(judged(&mut expected, 10), Some(RowFault::Back));
    assert!(expected.absent().is_empty());
    let expected = learned(&[secret(10, false, &[])]);
    assert_eq!(expected.absent().len(), 1);

    let grant = ChangedRow { digest: Some(T1.to_owned()), ..ChangedRow::written(RowKind::Assignment, "a".into(), 1) };
    let mut expected = learned(&[grant]);
    assert_eq!(expected.judge(RowKind::Assignment, "a", None, T1), None);
    assert_eq!(expected.judge(RowKind::Assignment, "a", None, T2), Some(RowFault::NotLast));
}

#[test]
fn a_version_is_what_was_written_last_in_this_life_of_the_name() {
    let changes = [secret(10, false, &[("a", T1)]), secret(11, false, &[("b", T1)]), secret(12, false, &[("a", T2)])];
    let mut expected = learned(&changes);
    assert_eq!(judged(&mut expected, 12), None);
    assert_eq!(expected.judge_version(RowKind::Secret, "v/n", "a", T2), None);
    assert_eq!(expected.judge_version(RowKind::Secret, "v/n", "a", T1), Some(RowFault::NotLast));
    assert_eq!(expected.judge_version(RowKind::Secret, "v/n", "c", T1), Some(RowFault::Unrecorded));
    assert_eq!(expected.absent().iter().filter(|absent| absent.version).count(), 1, "b was not seen");

    let again = [&changes[..], &[secret(13, true, &[]), secret(900, false, &[("a", T1)])]].concat();
    let mut expected = learned(&again);
    assert_eq!(judged(&mut expected, 900), None);
    assert_eq!(expected.judge_version(RowKind::Secret, "v/n", "a", T1), None, "restored as it was");
    assert_eq!(expected.judge_version(RowKind::Secret, "v/n", "b", T1), Some(RowFault::Back));
    assert!(expected.absent().is_empty());
}

#[test]
fn what_lies_in_a_vault_goes_with_it() {
    let vault = |gone, revision| ChangedRow { gone, ..ChangedRow::written(RowKind::Vault, "v".into(), revision) };
    assert!(learned(&[vault(false, 1), secret(5, false, &[]), vault(true, 2)]).absent().is_empty());
    assert_eq!(learned(&[vault(false, 1), secret(5, false, &[])]).absent().len(), 2);
}

#[test]
fn sessions_end_by_themselves_and_do_not_come_back() {
    let begun = ChangedRow::written(RowKind::Session, "s".into(), 1);
    let ended = ChangedRow::gone(RowKind::Session, "s".into(), 2);
    assert!(learned(std::slice::from_ref(&begun)).absent().is_empty());
    let mut expected = learned(&[begun, ended]);
    assert_eq!(expected.judge(RowKind::Session, "s", None, ""), Some(RowFault::Back));
}

#[test]
fn a_session_that_began_again_on_record_is_there_until_it_ends_again() {
    let begun = ChangedRow::written(RowKind::Session, "s".into(), 1);
    let ended = ChangedRow::gone(RowKind::Session, "s".into(), 2);
    let mut log = vec![begun.clone(), ended.clone(), begun.clone()];
    assert_eq!(learned(&log).judge(RowKind::Session, "s", None, ""), None);
    log.push(ended.clone());
    assert_eq!(learned(&log).judge(RowKind::Session, "s", None, ""), Some(RowFault::Back));
    // An end twice, as of a page that is sent again, is one end.
    log.extend([ended, begun]);
    assert_eq!(learned(&log).judge(RowKind::Session, "s", None, ""), None);
}

#[test]
fn a_document_that_was_written_with_a_gap_ends_all_the_same() {
    let document = |revision| ChangedRow::written(RowKind::PolicyDocument, "hosts".into(), revision);
    let removed = |revision| ChangedRow::gone(RowKind::PolicyDocument, "hosts".into(), revision);
    let judged = |log: &[ChangedRow], found| learned(log).judge(RowKind::PolicyDocument, "hosts", Some(found), "");
    let mut log = vec![document(10), document(500)];
    assert_eq!(judged(&log, 500), None);
    assert_eq!(judged(&log, 10), Some(RowFault::Older { found: 10, recorded: 500 }));
    log.push(removed(501));
    assert!(learned(&log).absent().is_empty());
    assert_eq!(judged(&log, 500), Some(RowFault::Back));
    log.push(document(900));
    assert_eq!(judged(&log, 900), None);
    assert_eq!(learned(&log).absent().len(), 1);
}

#[test]
fn a_denied_change_changed_nothing() {
    let rows = [secret(1, false, &[])];
    assert_eq!(changed(Outcome::Allowed, &rows), rows);
    assert!(changed(Outcome::Denied, &rows).is_empty());
    let opened = [ChangedRow::written(RowKind::Approval, "a".into(), 1)];
    assert_eq!(changed(Outcome::Denied, &opened), opened);
}

#[test]
fn of_names_with_many_versions_some_are_left_for_later() {
    let name = |number: usize| format!("v/n{number}");
    let change = |number: usize| ChangedRow { id: name(number), ..secret(1, false, &[("a", T1), ("b", T1)]) };
    let mut left: Vec<Place> = (0..10).map(|number| place_of(RowKind::Secret, &name(number))).collect();
    let (mut rounds, mut absent) = (0, 0);
    while !left.is_empty() {
        let mut expected = Expected::of(left.into_iter().collect(), 5, false);
        (0..10).for_each(|number| expected.learn((0, 1), &[change(number)]));
        assert!(expected.versions.len() <= 5);
        (rounds, absent) = (rounds + 1, absent + expected.absent().len());
        left = expected.later();
    }
    assert!(rounds >= 5 && absent == 10, "{rounds} {absent}");
}

proptest! {
    /// Nodes' chains are walked one after the other, in whatever order the changes happened.
    #[test]
    fn the_order_of_the_walk_does_not_matter(
        lives in prop::collection::vec(1i64..6, 1..4),
        order in any::<prop::sample::Index>(), ends in any::<bool>(),
    ) {
        let mut changes = Vec::new();
        let mut last = 0;
        for (number, length) in lives.iter().enumerate() {
            let begin = 1000 * i64::try_from(number + 1).unwrap();
            changes.extend((begin..begin + length).map(|revision| secret(revision, false, &[])));
            last = begin + length - 1;
            if number + 1 < lives.len() || ends {
                changes.push(secret(begin + length, true, &[]));
            }
        }
        let turn = order.index(changes.len());
        changes.rotate_left(turn);
        let (even, odd): (Vec<_>, Vec<_>) = changes.iter().cloned().enumerate().partition(|(place, _)| place % 2 == 0);
        let shuffled: Vec<_> = odd.into_iter().chain(even).map(|(_, change)| change).collect();
        let mut expected = learned(&shuffled);
        let fault = judged(&mut expected, last);
        prop_assert_eq!(fault, ends.then_some(RowFault::Back));
    }
}
