//! The contract of `GrantStore`: assignments, role definitions and access policies.

use std::collections::BTreeMap;

use strongroom_domain::{
    access_policy::{AccessPolicy, CertificatePermission, KeyPermission, ObjectPermissions, SecretPermission},
    action::Action,
    change::{Change, Remaining},
    grant::{Assignment, AssignmentCounts, AssignmentFilter, MAX_ASSIGNMENTS_OF_GRANTEE, Scope},
    names::{ObjectKind, VaultId, VaultName},
    permit::ObjectRef,
    ports::{AuditLog, GrantStore},
    principal::{Grantee, Principal, PrincipalId, PrincipalKind},
    record::{Entry, Settled},
    role::{Role, RoleDefinition, RoleRef},
    test_support,
};
use strongroom_store::{Store, StoreOptions};

use uuid::Uuid;

use crate::support::{Place, entry, id, on_both, options, permit, put_vault, vault};

on_both!(
    grants_are_found_by_principal_and_group,
    of_two_equal_grants_one_is_stored,
    grants_under_another_address_are_counted,
    a_grant_on_a_changed_vault_conflicts,
    grants_are_not_without_number_and_found_by_where_they_are,
    grants_are_listed_in_pages_and_taken_away,
    access_policies_come_back_by_vault_and_grantee,
    role_definitions_come_back_and_stay_while_in_use,
);

pub(crate) fn principal(issuer: &str, subject: &str, groups: &[&str]) -> Principal {
    Principal {
        id: PrincipalId { issuer: issuer.into(), subject: subject.into() },
        kind: PrincipalKind::User,
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        claims: BTreeMap::new(),
        token: None,
        ends: None,
    }
}

pub(crate) fn grant(grantee: Grantee) -> Assignment {
    Assignment {
        id: id(),
        grantee,
        role: Role::Reader.into(),
        scope: Scope::Server,
        created_at: 3,
        ends_at: None,
        tag: vec![5; 32],
    }
}

pub(crate) fn add(assignment: &Assignment) -> Entry {
    entry(
        permit(Action::AssignmentAdd, test_support::server_ref(), None),
        Change::AddAssignment(Box::new(assignment.clone())),
    )
}

async fn grants_are_found_by_principal_and_group(place: Place) {
    let s = place.start().await;
    let ada = principal("https://idp", "ada", &["ops", "ops", "dev"]);
    let found = async |p: &Principal| {
        let found = s.store.assignments(p).await.unwrap();
        assert_eq!(found, s.store.assignments(p).await.unwrap());
        let mut found = found.to_vec();
        found.sort_by_key(|a| a.id);
        found
    };
    assert_eq!(found(&ada).await, []);
    let own = grant(Grantee::Principal { id: ada.id.clone() });
    let ops = grant(Grantee::Group { issuer: "https://idp".into(), group: "ops".into() });
    let foreign = grant(Grantee::Group { issuer: "https://other".into(), group: "dev".into() });
    for assignment in [&own, &ops, &foreign] {
        assert_eq!(s.put(add(assignment)).await, Settled::Recorded);
    }
    assert_eq!(found(&ada).await, [own.clone(), ops.clone()], "also after nothing was found before");
    assert_eq!(found(&principal("https://idp", "bob", &["ops"])).await, [ops]);
    assert_eq!(found(&principal("https://other", "ada", &["dev"])).await, [foreign]);
    assert_eq!(found(&principal("https://idp", "Ada", &[])).await, [], "subjects are compared byte by byte");
    assert_eq!(found(&principal("https://idp", "a\0da", &["\0"])).await, []);
    assert_eq!(s.put(add(&own)).await, Settled::Conflict, "the same assignment twice");
}

/// The same role twice for the same grantee, under two ids: one after the other, and from two nodes at once.
async fn grants_under_another_address_are_counted(place: Place) {
    let s = place.start().await;
    let own = "https://new.example/018f/v2.0";
    for issuer in [own, "https://old.example/018f/v2.0", "https://old.example/018e/v2.0", "https://idp"] {
        let grantee = Grantee::Principal { id: principal(issuer, "app", &[]).id };
        assert_eq!(s.put(add(&grant(grantee))).await, Settled::Recorded);
    }
    let group = Grantee::Group { issuer: "https://old.example/018f/v2.0".into(), group: "g".into() };
    assert_eq!(s.put(add(&grant(group))).await, Settled::Recorded, "no workload is a group");
    assert_eq!(s.store.assignments_under_other_addresses("/018f/v2.0", own).await.unwrap(), 1);
}

async fn of_two_equal_grants_one_is_stored(place: Place) {
    let s = place.start().await;
    let given = |subject: &str| grant(Grantee::Principal { id: principal("https://idp", subject, &[]).id });
    assert_eq!(s.put(add(&given("ada"))).await, Settled::Recorded);
    assert_eq!(s.put(add(&given("ada"))).await, Settled::Conflict);
    assert_eq!(s.put(add(&Assignment { ends_at: Some(9), ..given("ada") })).await, Settled::Recorded, "another end");
    if !place.is_sqlite() {
        let options = StoreOptions { node: "other".to_owned(), ..options() };
        let other = Store::open(&place.url, options).await.unwrap();
        for round in 0..20 {
            let subject = format!("subject-{round}");
            let (here, there) = (vec![add(&given(&subject))], vec![add(&given(&subject))]);
            let (here, there) = tokio::join!(s.store.append(here), other.append(there));
            let mut settled = [here.unwrap()[0], there.unwrap()[0]];
            settled.sort_by_key(|settled| *settled == Settled::Recorded);
            assert_eq!(settled, [Settled::Conflict, Settled::Recorded]);
        }
    }
    let all = s.store.assignments(&principal("https://idp", "ada", &[])).await.unwrap();
    assert_eq!(all.len(), 2);
}

async fn a_grant_on_a_changed_vault_conflicts(place: Place) {
    let s = place.start().await;
    let object =
        || ObjectRef { vault: Some((s.vault, VaultName::parse("demo").unwrap())), kind: ObjectKind::Vault, name: None };
    let grant = || {
        let grantee = Grantee::Group { issuer: "i".into(), group: "g".into() };
        Box::new(Assignment { scope: Scope::Vault { vault: s.vault }, ..grant(grantee) })
    };
    for (revision, outcome) in [(2, Settled::Conflict), (1, Settled::Recorded)] {
        let entry = entry(permit(Action::AssignmentAdd, object(), Some(revision)), Change::AddAssignment(grant()));
        assert_eq!(s.put(entry).await, outcome);
    }
    assert_eq!(s.store.assignments(&principal("i", "x", &["g"])).await.unwrap().len(), 1);
}

fn add_in(vault: VaultId, vault_name: &str, assignment: &Assignment) -> Entry {
    let vault = Some((vault, VaultName::parse(vault_name).unwrap()));
    let object = ObjectRef { vault, kind: ObjectKind::Vault, name: None };
    entry(permit(Action::AssignmentAdd, object, Some(1)), Change::AddAssignment(Box::new(assignment.clone())))
}

/// What somebody was given in one vault is not read where they are judged in another, and is not without number.
async fn grants_are_not_without_number_and_found_by_where_they_are(place: Place) {
    let s = place.start().await;
    let other = vault("another");
    assert_eq!(s.put(put_vault(&other)).await, Settled::Recorded);
    let (ada, bob) = (principal("https://idp", "ada", &["ops"]), principal("https://idp", "bob", &[]));
    let of = |who: &Principal, scope: Scope, ends_at: i64| Assignment {
        scope,
        ends_at: Some(ends_at),
        ..grant(Grantee::Principal { id: who.id.clone() })
    };
    let (here, there) = (Scope::Vault { vault: s.vault }, Scope::Vault { vault: other.id });
    let reaching = async |vault| {
        let found = s.store.assignments_reaching(&ada, vault).await.unwrap();
        assert_eq!(found, s.store.assignments_reaching(&ada, vault).await.unwrap());
        found.len() as u64
    };
    assert_eq!((reaching(None).await, reaching(Some(s.vault)).await), (0, 0));
    let most = i64::try_from(MAX_ASSIGNMENTS_OF_GRANTEE).unwrap();
    let many = (1..most).map(|end| add_in(s.vault, "demo", &of(&ada, here.clone(), end))).collect();
    assert!(s.store.append(many).await.unwrap().iter().all(|settled| *settled == Settled::Recorded));
    for (vault, vault_name, given) in
        [(other.id, "another", of(&ada, there.clone(), 1)), (s.vault, "demo", of(&bob, here.clone(), 1))]
    {
        assert_eq!(s.put(add_in(vault, vault_name, &given)).await, Settled::Recorded);
    }
    assert_eq!(s.put(add(&of(&ada, Scope::Server, 1))).await, Settled::Recorded);
    let ends = [most, most + 1].map(|end| of(&ada, here.clone(), end));
    let mut settled = if place.is_sqlite() {
        s.store.append(ends.iter().map(|given| add_in(s.vault, "demo", given)).collect()).await.unwrap()
    } else {
        let beside = Store::open(&place.url, StoreOptions { node: "other".to_owned(), ..options() }).await.unwrap();
        let (one, two) = tokio::join!(
            s.store.append(vec![add_in(s.vault, "demo", &ends[0])]),
            beside.append(vec![add_in(s.vault, "demo", &ends[1])])
        );
        [one.unwrap(), two.unwrap()].concat()
    };
    settled.sort_by_key(|settled| *settled == Settled::Recorded);
    assert_eq!(settled, [Settled::Conflict, Settled::Recorded], "there is room for one of the two");
    assert_eq!(reaching(None).await, 1, "on the installation alone");
    assert_eq!(reaching(Some(s.vault)).await, MAX_ASSIGNMENTS_OF_GRANTEE + 1);
    assert_eq!(reaching(Some(other.id)).await, 2);
    assert_eq!(s.store.assignments(&ada).await.unwrap().len() as u64, MAX_ASSIGNMENTS_OF_GRANTEE + 2);
    let own = Grantee::Principal { id: ada.id.clone() };
    let counts = AssignmentCounts { of_grantee: MAX_ASSIGNMENTS_OF_GRANTEE, of_all: MAX_ASSIGNMENTS_OF_GRANTEE + 1 };
    assert_eq!(s.store.assignment_counts(&here, &own).await.unwrap(), counts);
    let counts = AssignmentCounts { of_grantee: 1, of_all: 1 };
    assert_eq!(s.store.assignment_counts(&Scope::Server, &own).await.unwrap(), counts);

    // A row of another place is not even looked at: the body of one that nobody wrote could not be read.
    place.tamper(&[&format!("UPDATE assignments SET body = 'no' WHERE scope_key = '{}'", here.key())]).await;
    let filter = AssignmentFilter { within: Some(there), ..AssignmentFilter::default() };
    let permit = permit(Action::AssignmentRead, test_support::server_ref(), None);
    let listed = test_support::open(s.store.list_assignments(permit, &filter, None, 10).await).unwrap();
    assert_eq!((listed.items.len(), listed.next), (1, None));
}

async fn grants_are_listed_in_pages_and_taken_away(place: Place) {
    let s = place.start().await;
    let (ada, bob) = (principal("https://idp", "ada", &[]), principal("https://idp", "bob", &[]));
    let mut all = Vec::new();
    for (n, who) in [&ada, &bob, &ada, &ada].into_iter().enumerate() {
        let scope = if n == 3 { Scope::Vault { vault: s.vault } } else { Scope::Server };
        let given =
            Assignment { scope, ends_at: (n == 2).then_some(9), ..grant(Grantee::Principal { id: who.id.clone() }) };
        let row = if n == 3 {
            let vault = Some((s.vault, VaultName::parse("demo").unwrap()));
            let object = ObjectRef { vault, kind: ObjectKind::Vault, name: None };
            entry(permit(Action::AssignmentAdd, object, Some(1)), Change::AddAssignment(Box::new(given.clone())))
        } else {
            add(&given)
        };
        assert_eq!(s.put(row).await, Settled::Recorded);
        all.push(given);
    }
    let listed = async |filter: AssignmentFilter, after, limit| {
        let permit = permit(Action::AssignmentRead, test_support::server_ref(), None);
        test_support::open(s.store.list_assignments(permit, &filter, after, limit).await).unwrap()
    };
    let everything = listed(AssignmentFilter::default(), None, 10).await;
    let mut sorted = all.clone();
    sorted.sort_by_key(|a| a.id);
    assert_eq!((everything.items, everything.next), (sorted.clone(), None));
    let within = s.store.assignments_within(&AssignmentFilter::default(), Some(sorted[0].id), 2).await.unwrap();
    assert_eq!((within.items, within.next), (sorted[1..3].to_vec(), Some(sorted[2].id.to_string())));
    let first = listed(AssignmentFilter::default(), None, 3).await;
    assert_eq!((first.items.as_slice(), first.next.clone()), (&sorted[..3], Some(sorted[2].id.to_string())));
    assert_eq!(listed(AssignmentFilter::default(), Some(sorted[2].id), 3).await.items, sorted[3..]);
    let of_bob = AssignmentFilter { grantee: Some(all[1].grantee.clone()), ..AssignmentFilter::default() };
    assert_eq!(listed(of_bob, None, 10).await.items, [all[1].clone()]);
    let in_vault = AssignmentFilter { within: Some(all[3].scope.clone()), ..AssignmentFilter::default() };
    assert_eq!(listed(in_vault, None, 10).await.items, [all[3].clone()]);
    let mut on_all: Vec<_> = s.store.installation_assignments().await.unwrap().iter().map(|a| a.id).collect();
    on_all.sort();
    let mut expected: Vec<_> = all[..3].iter().map(|a| a.id).collect();
    expected.sort();
    assert_eq!(on_all, expected);

    assert_eq!(s.store.assignment(all[2].id).await.unwrap().as_ref(), Some(&all[2]), "its end comes back too");
    let remove = |which: &Assignment, remaining: Option<Uuid>| {
        let remaining = remaining.map(|assignment| Remaining { assignment, workload: None });
        let change = Change::RemoveAssignment { assignment: Box::new(which.clone()), remaining };
        entry(permit(Action::AssignmentRemove, test_support::server_ref(), None), change)
    };
    assert_eq!(s.store.assignments(&ada).await.unwrap().len(), 3);
    assert_eq!(s.put(remove(&all[0], Some(all[2].id))).await, Settled::Recorded);
    assert_eq!(s.store.assignments(&ada).await.unwrap().len(), 2, "also when it was read before");
    assert_eq!(s.store.assignment(all[0].id).await.unwrap(), None);
    assert_eq!(s.put(remove(&all[0], None)).await, Settled::Conflict, "it is gone already");
    assert_eq!(s.put(remove(&all[2], Some(all[0].id))).await, Settled::Conflict, "what must remain is gone");
    assert_eq!(s.store.assignments(&ada).await.unwrap().len(), 2);
}

pub(crate) fn role(id: Uuid, name: &str, revision: i64) -> RoleDefinition {
    RoleDefinition {
        id,
        name: name.into(),
        description: "d".into(),
        actions: Vec::new(),
        not_actions: Vec::new(),
        data_actions: vec!["a/*".into()],
        not_data_actions: vec!["a/b".into()],
        assignable_scopes: vec![Scope::Server],
        revision,
        tag: vec![8; 32],
    }
}

pub(crate) fn put_role(role: RoleDefinition, replaces: Option<i64>) -> Entry {
    let change = Change::PutRole { role: Box::new(role), replaces };
    entry(permit(Action::RoleWrite, test_support::server_ref(), None), change)
}

async fn role_definitions_come_back_and_stay_while_in_use(place: Place) {
    let s = place.start().await;
    let change = |action, change| entry(permit(action, test_support::server_ref(), None), change);
    let put = put_role;
    let delete = |role| change(Action::RoleDelete, Change::DeleteRole(Box::new(role)));
    let one = id();
    let refer = |role| Assignment {
        role: RoleRef::Custom(role),
        ..grant(Grantee::Group { issuer: "i".into(), group: "g".into() })
    };
    assert_eq!(s.put(add(&refer(one))).await, Settled::Conflict, "there is no such definition");
    assert_eq!(s.store.role_definition(one).await.unwrap(), None);
    assert_eq!(s.put(put(role(one, "One", 5), None)).await, Settled::Recorded);
    for _ in 0..2 {
        assert_eq!(*s.store.role_definition(one).await.unwrap().unwrap(), role(one, "One", 5));
    }
    assert_eq!(s.put(put(role(id(), "ONE", 5), None)).await, Settled::Conflict, "the name is taken");
    assert_eq!(s.put(put(role(one, "One", 6), Some(4))).await, Settled::Conflict, "it has another revision");
    assert_eq!(s.put(put(role(one, "Uno", 6), Some(5))).await, Settled::Recorded);
    assert_eq!(s.store.role_definition(one).await.unwrap().unwrap().name, "Uno", "also when it was read before");
    assert_eq!(s.store.role_definitions().await.unwrap(), [role(one, "Uno", 6)]);
    let assigned = refer(one);
    assert!(!s.store.role_in_use(one).await.unwrap());
    assert_eq!(s.put(add(&assigned)).await, Settled::Recorded);
    assert!(s.store.role_in_use(one).await.unwrap());
    assert_eq!(s.store.assignment(assigned.id).await.unwrap(), Some(assigned.clone()));
    assert_eq!(s.put(delete(role(one, "Uno", 6))).await, Settled::Conflict, "it is in use");
    let remove = Change::RemoveAssignment { assignment: Box::new(assigned), remaining: None };
    assert_eq!(s.put(change(Action::AssignmentRemove, remove)).await, Settled::Recorded);
    assert_eq!(s.put(delete(role(one, "Uno", 6))).await, Settled::Recorded);
    assert_eq!(s.store.role_definition(one).await.unwrap(), None);
}

pub(crate) fn policy(vault: VaultId, grantee: &Grantee, revision: i64) -> AccessPolicy {
    AccessPolicy {
        vault,
        grantee: grantee.clone(),
        permissions: ObjectPermissions {
            secrets: [SecretPermission::Get, SecretPermission::List].into(),
            keys: [KeyPermission::WrapKey].into(),
            certificates: [CertificatePermission::ManageIssuers].into(),
        },
        revision,
        tag: vec![6; 32],
    }
}

fn on_vault(vault: VaultId, change: Change) -> Entry {
    let vault = Some((vault, VaultName::parse("demo").unwrap()));
    let object = ObjectRef { vault, kind: ObjectKind::Vault, name: None };
    entry(permit(Action::AccessPolicyWrite, object, Some(1)), change)
}

pub(crate) fn put_policy(policy: AccessPolicy, replaces: Option<i64>) -> Entry {
    on_vault(policy.vault, Change::PutAccessPolicy { policy: Box::new(policy), replaces })
}

async fn access_policies_come_back_by_vault_and_grantee(place: Place) {
    let s = place.start().await;
    let ada = principal("https://idp", "ada", &["ops"]);
    let own = Grantee::Principal { id: ada.id.clone() };
    let group = Grantee::Group { issuer: "https://idp".into(), group: "ops".into() };
    let policy = |grantee: &Grantee, revision| policy(s.vault, grantee, revision);
    let on_vault = |change| on_vault(s.vault, change);
    let put = put_policy;
    assert_eq!(s.store.access_policies(s.vault, &ada).await.unwrap().len(), 0);
    assert_eq!(s.put(put(policy(&own, 5), None)).await, Settled::Recorded);
    assert_eq!(s.put(put(policy(&group, 5), None)).await, Settled::Recorded);
    assert_eq!(s.put(put(policy(&own, 6), None)).await, Settled::Conflict, "there is one already");
    assert_eq!(s.store.access_policies(s.vault, &ada).await.unwrap().len(), 2);
    assert_eq!(s.put(put(policy(&own, 6), Some(4))).await, Settled::Conflict, "it has another revision");
    assert_eq!(s.put(put(policy(&own, 6), Some(5))).await, Settled::Recorded);
    let found = s.store.access_policies(s.vault, &ada).await.unwrap();
    assert!(found.contains(&policy(&own, 6)) && found.contains(&policy(&group, 5)), "{found:?}");
    let other = VaultId(id());
    assert_eq!(s.store.access_policies(other, &ada).await.unwrap().len(), 0, "another vault");
    let bob = principal("https://idp", "bob", &[]);
    assert_eq!(s.store.access_policies(s.vault, &bob).await.unwrap().len(), 0, "another principal");
    assert_eq!(s.store.all_access_policies(s.vault).await.unwrap().len(), 2);
    let vaults = [s.vault, other].into();
    let whole = s.store.access_policies_in(&vaults, None, 10).await.unwrap();
    assert_eq!(whole, s.store.all_access_policies(s.vault).await.unwrap());
    assert_eq!(s.store.access_policies_in(&vaults, None, 1).await.unwrap(), whole[..1]);
    let first = whole[0].grantee.key();
    let later = s.store.access_policies_in(&vaults, Some((s.vault, first.as_str())), 10).await.unwrap();
    assert_eq!(later, whole[1..]);
    assert_eq!(s.store.access_policies_in(&[other].into(), None, 10).await.unwrap().len(), 0);
    let everywhere = async |who, limit| s.store.access_policies_everywhere(who, limit).await.unwrap();
    assert_eq!(everywhere(&ada, 10).await.len(), 2);
    assert_eq!((everywhere(&ada, 1).await.len(), everywhere(&bob, 10).await.len()), (1, 0));
    let remove = |policy| on_vault(Change::RemoveAccessPolicy(Box::new(policy)));
    assert_eq!(s.put(remove(policy(&own, 5))).await, Settled::Conflict, "it has moved on");
    assert_eq!(s.put(remove(policy(&own, 6))).await, Settled::Recorded);
    assert_eq!(*s.store.access_policies(s.vault, &ada).await.unwrap(), [policy(&group, 5)], "gone at once");
}
