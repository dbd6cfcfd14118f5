//! The contracts of `VaultStore`, `GrantStore` and `IdentityStore`, and the installation.

use std::collections::BTreeMap;

use strongroom_domain::{
    access_policy::{AccessPolicy, KeyPermission, ObjectPermissions, SecretPermission},
    action::Action,
    change::{Change, Remaining},
    grant::{Assignment, AssignmentCounts, AssignmentFilter, MAX_ASSIGNMENTS_OF_GRANTEE, Scope},
    identity::{Session, UsedAssertion, Workload},
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    permit::ObjectRef,
    ports::{AuditLog, GrantStore, IdentityStore, SealStore, StoreError, VaultStore},
    principal::{Grantee, Principal, PrincipalId, PrincipalKind},
    record::{Entry, Settled},
    role::{Role, RoleDefinition, RoleRef},
    test_support,
};
use strongroom_store::{Store, StoreOptions};

use uuid::Uuid;

use crate::support::{Place, entry, id, on_both, options, permit, put_vault, vault};

on_both!(
    vaults_are_found_by_name,
    a_vault_name_is_taken_once,
    grants_are_found_by_principal_and_group,
    of_two_equal_grants_one_is_stored,
    a_grant_on_a_changed_vault_conflicts,
    grants_are_not_without_number_and_found_by_where_they_are,
    grants_are_listed_in_pages_and_taken_away,
    access_policies_come_back_by_vault_and_grantee,
    role_definitions_come_back_and_stay_while_in_use,
    workloads_come_back,
    workloads_change_and_go,
    an_owner_that_must_remain_is_there_as_it_was_found,
    workloads_are_listed_in_pages,
    an_assertion_counts_once,
    a_code_counts_once_and_while_its_session_stands,
    sessions_begin_and_end,
    a_session_that_is_hidden_counts_no_more_and_can_be_ended,
    there_is_one_installation,
);

async fn vaults_are_found_by_name(place: Place) {
    let s = place.start().await;
    let other = vault("another");
    assert_eq!(s.put(put_vault(&other)).await, Settled::Recorded);
    for _ in 0..2 {
        let found = s.store.vault(&VaultName::parse("Another").unwrap()).await.unwrap().unwrap();
        assert_eq!(*found, other);
        assert_eq!(s.store.vault(&VaultName::parse("nowhere").unwrap()).await.unwrap(), None);
    }
    let all = s.store.vaults(false).await.unwrap();
    assert_eq!(all.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["another", "demo"]);
}

async fn a_vault_name_is_taken_once(place: Place) {
    let s = place.start().await;
    assert_eq!(s.put(put_vault(&vault("demo"))).await, Settled::Conflict);
    assert_eq!(s.store.vault(&VaultName::parse("demo").unwrap()).await.unwrap().unwrap().id, s.vault);
}

fn principal(issuer: &str, subject: &str, groups: &[&str]) -> Principal {
    Principal {
        id: PrincipalId { issuer: issuer.into(), subject: subject.into() },
        kind: PrincipalKind::User,
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        claims: BTreeMap::new(),
        token: None,
    }
}

fn grant(grantee: Grantee) -> Assignment {
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

fn add(assignment: &Assignment) -> Entry {
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

async fn role_definitions_come_back_and_stay_while_in_use(place: Place) {
    let s = place.start().await;
    let role = |id, name: &str, revision| RoleDefinition {
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
    };
    let change = |action, change| entry(permit(action, test_support::server_ref(), None), change);
    let put = |role, replaces| change(Action::RoleWrite, Change::PutRole { role: Box::new(role), replaces });
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

async fn access_policies_come_back_by_vault_and_grantee(place: Place) {
    let s = place.start().await;
    let ada = principal("https://idp", "ada", &["ops"]);
    let own = Grantee::Principal { id: ada.id.clone() };
    let group = Grantee::Group { issuer: "https://idp".into(), group: "ops".into() };
    let policy = |grantee: &Grantee, revision| AccessPolicy {
        vault: s.vault,
        grantee: grantee.clone(),
        permissions: ObjectPermissions {
            secrets: [SecretPermission::Get, SecretPermission::List].into(),
            keys: [KeyPermission::WrapKey].into(),
        },
        revision,
        tag: vec![6; 32],
    };
    let on_vault = |change| {
        let vault = Some((s.vault, VaultName::parse("demo").unwrap()));
        entry(
            permit(Action::AccessPolicyWrite, ObjectRef { vault, kind: ObjectKind::Vault, name: None }, Some(1)),
            change,
        )
    };
    let put = |policy: AccessPolicy, replaces| on_vault(Change::PutAccessPolicy { policy: Box::new(policy), replaces });
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
    let everywhere = async |who, limit| s.store.access_policies_everywhere(who, limit).await.unwrap();
    assert_eq!(everywhere(&ada, 10).await.len(), 2);
    assert_eq!((everywhere(&ada, 1).await.len(), everywhere(&bob, 10).await.len()), (1, 0));
    let remove = |policy| on_vault(Change::RemoveAccessPolicy(Box::new(policy)));
    assert_eq!(s.put(remove(policy(&own, 5))).await, Settled::Conflict, "it has moved on");
    assert_eq!(s.put(remove(policy(&own, 6))).await, Settled::Recorded);
    assert_eq!(*s.store.access_policies(s.vault, &ada).await.unwrap(), [policy(&group, 5)], "gone at once");
}

async fn workloads_come_back(place: Place) {
    let s = place.start().await;
    let workload = workload("payments");
    let put = || make(&workload);
    assert_eq!(s.store.workload(workload.client_id).await.unwrap(), None);
    assert_eq!(s.put(put()).await, Settled::Recorded);
    for _ in 0..2 {
        assert_eq!(*s.store.workload(workload.client_id).await.unwrap().unwrap(), workload);
    }
    assert_eq!(s.put(put()).await, Settled::Conflict);
}

fn workload(name: &str) -> Workload {
    Workload { tag: vec![4; 32], ..Workload::new(id(), name) }
}

fn make(workload: &Workload) -> Entry {
    entry(
        permit(Action::WorkloadCreate, test_support::server_ref(), None),
        Change::PutWorkload { workload: Box::new(workload.clone()), remaining: None },
    )
}

fn workload_ref(workload: &Workload) -> ObjectRef {
    let name = ObjectName::parse(&workload.client_id.to_string()).ok();
    ObjectRef { vault: None, kind: ObjectKind::Workload, name }
}

async fn workloads_change_and_go(place: Place) {
    let s = place.start().await;
    let old = workload("payments");
    assert_eq!(s.put(make(&old)).await, Settled::Recorded);
    assert_eq!(*s.store.workload(old.client_id).await.unwrap().unwrap(), old);
    let new = Workload { enabled: false, revision: 2, tag: vec![5; 32], ..old.clone() };
    let change = |revision: i64, to: &Workload| {
        let permit = permit(Action::WorkloadUpdate, workload_ref(&old), Some(revision));
        entry(permit, Change::PutWorkload { workload: Box::new(to.clone()), remaining: None })
    };
    assert_eq!(s.put(change(1, &new)).await, Settled::Recorded);
    assert_eq!(*s.store.workload(old.client_id).await.unwrap().unwrap(), new, "on the next read");
    assert_eq!(s.put(change(1, &new)).await, Settled::Conflict, "it is not as it was judged");
    let delete = |revision| {
        let permit = permit(Action::WorkloadDelete, workload_ref(&old), Some(revision));
        entry(permit, Change::DeleteWorkload { remaining: None })
    };
    assert_eq!(s.put(delete(1)).await, Settled::Conflict);
    assert!(s.store.workload(old.client_id).await.unwrap().is_some());
    assert_eq!(s.put(delete(2)).await, Settled::Recorded);
    assert_eq!(s.store.workload(old.client_id).await.unwrap(), None, "on the next read");
    assert_eq!(s.put(delete(2)).await, Settled::Conflict);
    assert_eq!(s.put(change(2, &Workload { revision: 3, ..new })).await, Settled::Conflict, "what is gone stays gone");
}

async fn an_owner_that_must_remain_is_there_as_it_was_found(place: Place) {
    let s = place.start().await;
    let (going, staying) = (workload("going"), workload("staying"));
    let owner = grant(Grantee::Principal { id: principal("i", "staying", &[]).id });
    for entry in [make(&going), make(&staying), add(&owner)] {
        assert_eq!(s.put(entry).await, Settled::Recorded);
    }
    let remaining =
        |assignment, revision| Some(Remaining { assignment, workload: Some((staying.client_id, revision)) });
    let of = |action| permit(action, workload_ref(&going), Some(1));
    let disabled = Workload { enabled: false, revision: 2, ..going.clone() };
    for (assignment, revision) in [(id(), 1), (owner.id, 2)] {
        let remaining = remaining(assignment, revision);
        let change = Change::PutWorkload { workload: Box::new(disabled.clone()), remaining };
        assert_eq!(s.put(entry(of(Action::WorkloadUpdate), change)).await, Settled::Conflict);
        let change = Change::DeleteWorkload { remaining };
        assert_eq!(s.put(entry(of(Action::WorkloadDelete), change)).await, Settled::Conflict);
        let change = Change::RemoveAssignment { assignment: Box::new(owner.clone()), remaining };
        let removal = permit(Action::AssignmentRemove, test_support::server_ref(), None);
        assert_eq!(s.put(entry(removal, change)).await, Settled::Conflict);
    }
    assert_eq!(*s.store.workload(going.client_id).await.unwrap().unwrap(), going);
    let change = Change::DeleteWorkload { remaining: remaining(owner.id, 1) };
    assert_eq!(s.put(entry(of(Action::WorkloadDelete), change)).await, Settled::Recorded);
}

async fn workloads_are_listed_in_pages(place: Place) {
    let s = place.start().await;
    let mut all: Vec<_> = (0..5).map(|n| workload(&format!("w{n}"))).collect();
    for one in &all {
        assert_eq!(s.put(make(one)).await, Settled::Recorded);
    }
    all.sort_by_key(|one| one.client_id);
    let list = async |after, limit| {
        let permit = permit(Action::WorkloadRead, test_support::server_ref(), None);
        test_support::open(s.store.workloads(permit, after, limit).await).unwrap()
    };
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = list(after, 2).await;
        assert!(page.items.len() <= 2);
        seen.extend(page.items.iter().map(|one| (**one).clone()));
        let Some(next) = page.next else { break };
        after = Some(next.parse().unwrap());
    }
    assert_eq!(seen, all);
    assert_eq!(list(None, 5).await.next, None, "a full last page has no next one");
    let wrong = permit(Action::WorkloadCreate, test_support::server_ref(), None);
    assert!(test_support::open(s.store.workloads(wrong, None, 5).await).is_err(), "another permit lists nothing");
}

async fn an_assertion_counts_once(place: Place) {
    let s = place.start().await;
    let exchange = async |byte: u8, used: i64, expires: i64| {
        let used = UsedAssertion { id_hash: [byte; 32], used, expires };
        let permit = permit(Action::TokenIssue, test_support::server_ref(), None);
        s.put(entry(permit, Change::UseAssertion(used))).await
    };
    assert_eq!(exchange(1, 1000, 1600).await, Settled::Recorded);
    assert_eq!(exchange(1, 1030, 1600).await, Settled::Recorded, "the client's own repetition");
    assert_eq!(exchange(1, 1031, 1600).await, Settled::Conflict);
    assert_eq!(exchange(2, 1031, 1600).await, Settled::Recorded, "another one");
    assert_eq!(exchange(1, 1600, 1600).await, Settled::Conflict, "to its last second");
    assert_eq!(exchange(3, 1601, 1700).await, Settled::Recorded);
    assert_eq!(exchange(1, 1601, 1700).await, Settled::Recorded, "forgotten once it has expired");
}

async fn a_code_counts_once_and_while_its_session_stands(place: Place) {
    let s = place.start().await;
    let session = |byte: u8, created| Session {
        id_hash: [byte; 32],
        principal: principal("https://idp", "ada", &[]),
        display_name: "Ada".into(),
        created,
        expires: created + 3600,
        provider_session: None,
        authenticated: None,
        tag: vec![3; 32],
    };
    let change = |change| entry(permit(Action::SessionChange, test_support::server_ref(), None), change);
    let exchange = async |code: u8, at: i64, allowed_from: u8| {
        let session = Box::new(session(code, at));
        let code = UsedAssertion { id_hash: [code; 32], used: at, expires: 1061 };
        s.put(change(Change::BeginCommandLine { session, code, allowed_from: [allowed_from; 32] })).await
    };
    s.put(change(Change::BeginSession(Box::new(session(1, 1000))))).await;
    assert_eq!(exchange(7, 1001, 9).await, Settled::Conflict, "allowed from no session");
    assert_eq!(exchange(7, 1001, 1).await, Settled::Recorded, "and not used up by that");
    assert!(s.store.session(&[7; 32]).await.unwrap().is_some());
    assert_eq!(exchange(7, 1001, 1).await, Settled::Conflict);
    s.put(change(Change::EndSession { id_hash: [7; 32] })).await;
    assert_eq!(exchange(7, 1002, 1).await, Settled::Conflict, "its session has ended");
    assert_eq!(exchange(7, 1061, 1).await, Settled::Conflict, "to its last second");
    assert_eq!(s.store.session(&[7; 32]).await.unwrap(), None);
    s.put(change(Change::EndSession { id_hash: [1; 32] })).await;
    assert_eq!(exchange(8, 1003, 1).await, Settled::Conflict, "what it was allowed from has ended");
    assert_eq!(s.store.session(&[8; 32]).await.unwrap(), None);
}

async fn sessions_begin_and_end(place: Place) {
    let s = place.start().await;
    let session = |byte: u8, created, expires| Session {
        id_hash: [byte; 32],
        principal: principal("https://idp", "ada", &["ops"]),
        display_name: "Ada".into(),
        created,
        expires,
        provider_session: None,
        authenticated: None,
        tag: vec![3; 32],
    };
    let change = |change| entry(permit(Action::SessionChange, test_support::server_ref(), None), change);
    let (old, new) = (session(1, 10, 20), session(2, 30, 40));
    assert_eq!(s.put(change(Change::BeginSession(Box::new(old.clone())))).await, Settled::Recorded);
    assert_eq!(*s.store.session(&[1; 32]).await.unwrap().unwrap(), old);
    assert_eq!(s.put(change(Change::EndSession { id_hash: [1; 32] })).await, Settled::Recorded);
    assert_eq!(s.store.session(&[1; 32]).await.unwrap(), None, "an ended session is gone at once");
    assert_eq!(s.put(change(Change::EndSession { id_hash: [1; 32] })).await, Settled::Recorded, "again is no error");
    s.put(change(Change::BeginSession(Box::new(old.clone())))).await;
    s.put(change(Change::BeginSession(Box::new(new.clone())))).await;
    assert_eq!(s.store.session(&[1; 32]).await.unwrap(), None, "expired ones are cleared by the next one");
    assert_eq!(*s.store.session(&[2; 32]).await.unwrap().unwrap(), new);
    assert_eq!(s.put(change(Change::BeginSession(Box::new(new)))).await, Settled::Conflict);
    let own = |byte: u8, subject: &str| {
        let mut session = session(byte, 50, 90);
        session.provider_session = (byte != 3).then(|| format!("at-provider-{byte}"));
        session.principal.id.subject = subject.to_owned();
        change(Change::BeginSession(Box::new(session)))
    };
    for (byte, subject) in [(3, "ada"), (4, "bob"), (5, "ada")] {
        assert_eq!(s.put(own(byte, subject)).await, Settled::Recorded);
    }
    let ada = principal("https://idp", "ada", &[]).id;
    let mut found: Vec<_> = s.store.sessions(&ada).await.unwrap().iter().map(|session| session.id_hash).collect();
    found.sort_unstable();
    assert_eq!(found, [[3; 32], [5; 32]]);
    for byte in [3, 4, 5] {
        assert!(s.store.session(&[byte; 32]).await.unwrap().is_some());
    }
    let at = |issuer: &'static str, id: &'static str| s.store.sessions_at(issuer, id);
    assert_eq!(at("https://idp", "at-provider-5").await.unwrap()[0].id_hash, [5; 32]);
    assert!(at("https://other", "at-provider-5").await.unwrap().is_empty(), "another provider's session");
    let by_token = |sessions, used| {
        let token = UsedAssertion { id_hash: [7; 32], used, expires: 2000 };
        change(Change::EndSessionsAtProvider { sessions, token })
    };
    assert_eq!(s.put(by_token(vec![[4; 32]], 60)).await, Settled::Recorded);
    assert_eq!(s.store.session(&[4; 32]).await.unwrap(), None);
    assert_eq!(s.put(by_token(vec![[5; 32]], 61)).await, Settled::Conflict, "a token counts once");
    assert!(s.store.session(&[5; 32]).await.unwrap().is_some(), "and then ends nothing");
    assert_eq!(s.put(own(4, "bob")).await, Settled::Recorded);
    let permit = permit(Action::SessionRevoke, test_support::server_ref(), None);
    assert_eq!(s.put(entry(permit, Change::EndSessions(vec![[3; 32], [5; 32]]))).await, Settled::Recorded);
    // Page by page.
    for byte in [6, 7, 8] {
        assert_eq!(s.put(own(byte, "carol")).await, Settled::Recorded);
    }
    let (mut all, mut after) = (Vec::new(), None);
    while let Some(last) = {
        let page = s.store.all_sessions(after, 2).await.unwrap();
        all.extend(page.iter().map(|session| session.id_hash[0]));
        page.last().map(|session| session.id_hash)
    } {
        after = Some(last);
    }
    assert_eq!(all, [4, 6, 7, 8]);
    for (byte, left) in [(3, false), (4, true), (5, false)] {
        assert_eq!(s.store.session(&[byte; 32]).await.unwrap().is_some(), left, "also when it was read before");
    }
}

/// By a column that is not authenticated, sessions were found; and so hidden from whoever ends them.
async fn a_session_that_is_hidden_counts_no_more_and_can_be_ended(place: Place) {
    let s = place.start().await;
    let ada = principal("https://idp", "ada", &[]);
    for (byte, provider_session) in [(1, None), (2, None), (3, None), (4, Some("theirs".to_owned()))] {
        let session = Session {
            id_hash: [byte; 32],
            principal: ada.clone(),
            display_name: "Ada".into(),
            created: 10,
            expires: 90,
            provider_session,
            authenticated: None,
            tag: vec![3; 32],
        };
        let permit = permit(Action::SessionChange, test_support::server_ref(), None);
        assert_eq!(s.put(entry(permit, Change::BeginSession(Box::new(session)))).await, Settled::Recorded);
    }
    let of = |byte: u8| {
        let hash = format!("{byte:02x}").repeat(32);
        if place.is_sqlite() { format!("x'{hash}'") } else { format!("'\\x{hash}'::bytea") }
    };
    place
        .tamper(&[
            &format!("UPDATE sessions SET principal = NULL WHERE id_hash = {}", of(1)),
            &format!("UPDATE sessions SET principal = 'bob' WHERE id_hash = {}", of(2)),
            &format!("UPDATE sessions SET provider_session = NULL WHERE id_hash = {}", of(4)),
        ])
        .await;
    for (byte, whole) in [(1, false), (2, false), (3, true), (4, false)] {
        assert_eq!(s.store.session(&[byte; 32]).await.is_ok(), whole, "{byte}");
    }
    let mut found: Vec<_> = s.store.sessions(&ada.id).await.unwrap().iter().map(|session| session.id_hash).collect();
    found.sort_unstable();
    assert_eq!(found, [[1; 32], [2; 32], [3; 32], [4; 32]]);
    let at_provider = s.store.sessions_at("https://idp", "theirs").await.unwrap();
    assert_eq!(at_provider.iter().map(|session| session.id_hash).collect::<Vec<_>>(), [[4; 32]]);
    let mut damaged = Vec::new();
    let reader = Store::open_read_only(&place.url).await.unwrap();
    reader
        .stored_rows(|(kind, id, row)| {
            if row.is_err() {
                damaged.push((kind, id));
            }
        })
        .await
        .unwrap();
    assert_eq!(damaged.len(), 3, "{damaged:?}");
    let permit = permit(Action::SessionRevoke, test_support::server_ref(), None);
    let hashes = found.clone();
    assert_eq!(s.put(entry(permit, Change::EndSessions(hashes))).await, Settled::Recorded);
    assert!(s.store.sessions(&ada.id).await.unwrap().is_empty());
}

async fn there_is_one_installation(place: Place) {
    let store = place.open().await;
    assert_eq!(store.installation().await.unwrap(), None);
    let made = store.create_installation(id(), 77, true, &[("audit", b"sealed")]).await.unwrap();
    assert!(made.development);
    assert!(matches!(store.create_installation(id(), 78, false, &[("audit", b"other")]).await, Err(StoreError::Stale)));
    assert_eq!(store.installation().await.unwrap(), Some(made), "the development mark stays");
    assert_eq!(store.sealed_blob("audit").await.unwrap().unwrap().bytes, b"sealed");
    store.put_sealed_blob("audit", b"rewrapped").await.unwrap();
    assert_eq!(store.sealed_blob("audit").await.unwrap().unwrap().bytes, b"rewrapped");
    assert_eq!(store.sealed_blob("token").await.unwrap(), None);
    assert!(store.put_sealed_blob("big", &vec![0; 1 << 20]).await.is_err());
    drop(store);
    let again = place.open().await;
    assert_eq!(again.installation().await.unwrap(), Some(made));
    // Not even when its row is taken away: what its keys protect would be lost.
    place.tamper(&["DELETE FROM installation"]).await;
    assert!(matches!(again.create_installation(id(), 79, false, &[("audit", b"other")]).await, Err(StoreError::Stale)));
    assert_eq!(again.sealed_blob("audit").await.unwrap().unwrap().bytes, b"rewrapped");
}
