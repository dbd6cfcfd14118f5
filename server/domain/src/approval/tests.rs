use uuid::Uuid;

use super::*;

fn person(subject: &str) -> PrincipalId {
    PrincipalId { issuer: "https://people.example".to_owned(), subject: subject.to_owned() }
}

fn subject() -> ApprovalSubject {
    ApprovalSubject {
        vault: VaultId(Uuid::from_u128(1)),
        principal: person("ada"),
        action: Action::SecretGet,
        kind: ObjectKind::Secret,
        name: ObjectName::parse("db").ok(),
        version: None,
        content: None,
    }
}

fn by(subject: &str) -> Approver {
    person(subject).into()
}

fn wants(approvers: u32) -> ApprovalRequest {
    ApprovalRequest::open(Uuid::from_u128(7), subject(), Some(70), "two", approvers, 600, 1000)
}

#[test]
fn a_key_is_of_one_principal_one_operation_one_object_one_version_and_one_content() {
    let base = subject();
    let version = ObjectVersion::parse("0123456789abcdef0123456789abcdef").ok();
    let others = [
        ApprovalSubject { vault: VaultId(Uuid::from_u128(2)), ..base.clone() },
        ApprovalSubject { principal: person("grace"), ..base.clone() },
        // The same letters, cut elsewhere.
        ApprovalSubject {
            principal: PrincipalId { issuer: "https://people.examplea".to_owned(), subject: "da".to_owned() },
            ..base.clone()
        },
        ApprovalSubject { action: Action::SecretSet, ..base.clone() },
        ApprovalSubject { kind: ObjectKind::Key, ..base.clone() },
        ApprovalSubject { name: ObjectName::parse("db2").ok(), ..base.clone() },
        ApprovalSubject { name: None, ..base.clone() },
        ApprovalSubject { version, ..base.clone() },
        ApprovalSubject { content: Some("ab".to_owned()), ..base.clone() },
        ApprovalSubject { content: Some("ba".to_owned()), ..base.clone() },
    ];
    let mut keys: Vec<String> = others.iter().map(ApprovalSubject::key).collect();
    assert!(!keys.contains(&base.key()));
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), others.len());
    let spelt = ApprovalSubject { name: ObjectName::parse("DB").ok(), ..base.clone() };
    assert_eq!(spelt.key(), base.key(), "two spellings are one name");
}

/// Requests that were opened before contents were told are found and authentic as before.
#[test]
fn a_request_without_content_is_written_as_ever() {
    let text = serde_json::to_string(&wants(1)).unwrap();
    assert!(!text.contains("content") && !text.contains("details"), "{text}");
    assert_eq!(subject().key(), "9c8e1913ce04f2827c2e850cc6739305202f74e5dbdd9042589d35dec0f9fd0e");
}

#[test]
fn what_counts_once_has_ended_then() {
    let granted = wants(1).answered(&by("grace"), Verdict::Grant, Some(60), 2000).unwrap();
    let spent = granted.spent(2001);
    assert!(!spent.is_there(2001) && spent.counting(2000).next().is_none());
    assert_eq!((spent.id, spent.revision, spent.ends), (granted.id, granted.revision + 1, 2001));
}

#[test]
fn an_approval_counts_from_when_it_is_given_until_it_ends() {
    let granted = wants(1).answered(&by("grace"), Verdict::Grant, Some(60), 2000).unwrap();
    assert_eq!((granted.state(2000), granted.ends), (ApprovalState::Granted, 2060));
    assert_eq!(granted.counting(2059).count(), 1);
    assert_eq!(granted.counting(2060).count(), 0, "over in the second in which it ends");
    assert!(!granted.is_there(2060), "and then it has to be asked for anew");
}

#[test]
fn nobody_approves_their_own_or_twice() {
    assert_eq!(wants(1).answered(&by("ada"), Verdict::Grant, None, 2000), Err(Unheard::Own));
    assert_eq!(wants(1).answered(&by("ada"), Verdict::Refuse, None, 2000), Err(Unheard::Own));
    let once = wants(2).answered(&by("grace"), Verdict::Grant, None, 2000).unwrap();
    let twice = once.answered(&by("grace"), Verdict::Grant, None, 2100).unwrap();
    assert_eq!((twice.counting(2100).count(), twice.state(2100)), (1, ApprovalState::Waiting));
    let both = twice.answered(&by("linus"), Verdict::Grant, Some(60), 2200).unwrap();
    assert_eq!((both.state(2200), both.ends), (ApprovalState::Granted, 2260), "it cannot do without either");
    // A row that says so all the same counts for nothing.
    let mut forged = wants(1);
    forged.approvals.push(Approval { by: person("ada"), granted: 1000, until: 9000, group: None, generation: None });
    assert_eq!(forged.state(1000), ApprovalState::Waiting);
}

#[test]
fn a_refusal_takes_back_what_was_granted_and_only_who_refused_thinks_better_of_it() {
    let granted = wants(1).answered(&by("grace"), Verdict::Grant, None, 2000).unwrap();
    let refused = granted.answered(&by("linus"), Verdict::Refuse, Some(120), 2010).unwrap();
    assert_eq!((refused.state(2010), refused.ends, refused.counting(2010).count()), (ApprovalState::Refused, 2130, 0));
    assert_eq!(refused.answered(&by("grace"), Verdict::Grant, None, 2020), Err(Unheard::Refused));
    let again = refused.answered(&by("linus"), Verdict::Grant, None, 2030).unwrap();
    assert_eq!(again.state(2030), ApprovalState::Granted);
}

#[test]
fn nobody_grants_for_longer_than_the_module_lets_it_count() {
    for seconds in [0, 59, 601, u32::MAX] {
        let answer = wants(1).answered(&by("grace"), Verdict::Grant, Some(seconds), 2000);
        assert_eq!(answer, Err(Unheard::Seconds), "{seconds}");
    }
}

#[test]
fn a_module_that_wants_more_or_for_shorter_is_heard_and_one_that_wants_less_changes_nothing() {
    let granted = wants(1).answered(&by("grace"), Verdict::Grant, None, 2000).unwrap();
    assert_eq!(granted.asking_for("two", 1, 600, 2001), None);
    assert_eq!(granted.asking_for("two", 1, 6000, 2001), None);
    let more = granted.asking_for("two", 2, 600, 2001).unwrap();
    assert_eq!((more.state(2001), more.counting(2001).count()), (ApprovalState::Waiting, 1));
    assert_eq!(more.id, granted.id);
    let shorter = granted.asking_for("two", 1, 60, 2030).unwrap();
    assert_eq!((shorter.state(2030), shorter.ends), (ApprovalState::Granted, 2060));
    let over = granted.asking_for("two", 1, 60, 2100).unwrap();
    assert_eq!(over.state(2100), ApprovalState::Waiting);
}

#[test]
fn of_several_modules_the_one_that_waits_is_named() {
    let granted = wants(1).answered(&by("grace"), Verdict::Grant, None, 2000).unwrap();
    let other = granted.asking_for("three", 3, 600, 2001).unwrap();
    assert_eq!((other.attachment.as_str(), other.approvers, other.counting(2001).count()), ("three", 3, 1));
    assert_eq!(other.asking_for("three", 3, 600, 2002), None);
    let first = other.asking_for("two", 1, 600, 2700).unwrap();
    assert_eq!((first.attachment.as_str(), first.approvers), ("two", 3), "and it wants no less than was wanted");
}

#[test]
fn as_many_people_as_may_is_the_most() {
    let mut request = wants(MAX_APPROVERS);
    for one in 0..MAX_APPROVERS {
        request = request.answered(&by(&format!("p{one}")), Verdict::Grant, None, 2000).unwrap();
    }
    assert_eq!(request.state(2000), ApprovalState::Granted);
    assert_eq!(request.answered(&by("one-more"), Verdict::Grant, None, 2000), Err(Unheard::Enough));
}

#[test]
fn a_request_is_for_one_life_of_a_name() {
    let request = wants(1);
    for (revision, is_of) in
        [(70, true), (71, true), (70 + MAX_REVISIONS, true), (71 + MAX_REVISIONS, false), (69, false)]
    {
        assert_eq!(request.is_of(Some(revision)), is_of, "{revision}");
    }
    assert!(!request.is_of(None), "purged");
    assert!(!request.is_of(Some(i64::MIN)) && !request.is_of(Some(i64::MAX)));
    let absent = ApprovalRequest { seen: None, ..request.clone() };
    assert!(absent.is_of(None) && !absent.is_of(Some(70)), "what was not there is not what is there now");
    let granted = request.answered(&by("grace"), Verdict::Grant, None, 2000).unwrap();
    let anew = granted.anew(Some(5), "two", 2, 60, 3000);
    assert_eq!((anew.id, anew.revision, anew.state(3000)), (granted.id, granted.revision + 1, ApprovalState::Waiting));
    assert_eq!((anew.approvals.len(), anew.seen, anew.ends), (0, Some(5), 3000 + WAITING_SECONDS));
}

#[test]
fn an_older_row_keeps_its_bytes() {
    let older = ApprovalRequest { seen: None, ..wants(1) }.answered(&by("grace"), Verdict::Grant, None, 2000).unwrap();
    let text = String::from_utf8(older.authenticated().unwrap()).unwrap();
    assert!(!["seen", "group", "generation"].iter().any(|field| text.contains(field)), "{text}");
}

#[test]
fn a_refusal_is_not_replaced_by_another_ones_in_order_to_lift_it() {
    let refused = wants(1).answered(&by("linus"), Verdict::Refuse, Some(600), 2000).unwrap();
    assert_eq!(refused.answered(&by("grace"), Verdict::Refuse, Some(60), 2010), Err(Unheard::Refused));
    let owner = Approver { owns_installation: true, ..by("olga") };
    let lifted = refused.answered(&owner, Verdict::Grant, None, 2010).unwrap();
    assert_eq!((lifted.state(2010), lifted.refusal), (ApprovalState::Granted, None));
    let own = Approver { owns_installation: true, ..by("ada") };
    assert_eq!(refused.answered(&own, Verdict::Grant, None, 2010), Err(Unheard::Own));
}
