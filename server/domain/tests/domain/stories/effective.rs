//! Who has access by which grant, and when it was last used: what people take away by it was not needed.

use std::{collections::BTreeSet, sync::Arc};

use strongroom_domain::{
    access_policy::{AccessMode, ObjectPermissions, SecretPermission},
    admin::{
        AdminError, Gone, GrantShown, GrantState, GrantedBy, GrantsPage, GrantsWanted, HiddenGrants, LastUsed,
        ScopeRequest, UNUSED_AFTER,
    },
    grant::Scope,
    names::VaultName,
    principal::{Grantee, Principal},
    record::Outcome,
    role::Role,
    test_support::world::{BEGIN, PEOPLE, World, person, principal},
    vault::{Vault, VaultSettings},
};

fn of(who: &Principal) -> Grantee {
    Grantee::Principal { id: who.id.clone() }
}

fn demo() -> VaultName {
    VaultName::parse("demo").unwrap()
}

fn here() -> ScopeRequest {
    ScopeRequest::Vault(demo())
}

/// An installation that Olga owns, with a vault `demo`.
fn owned(mode: AccessMode) -> (World, Arc<Principal>, Arc<Vault>) {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    let vault = world.put_vault(&demo(), VaultSettings { access_mode: mode, ..VaultSettings::default() }).unwrap();
    world.put_grant(of(&olga), Role::Owner, Scope::Server).unwrap();
    (world, olga, vault)
}

async fn list(
    world: &World,
    who: &Arc<Principal>,
    scope: &ScopeRequest,
    wanted: &GrantsWanted,
) -> Result<GrantsPage, AdminError> {
    let knows = |issuer: &str| issuer == PEOPLE;
    world.admin.list_grants(&world.request(who), scope, wanted, (None, 100), &knows).await
}

fn all() -> GrantsWanted {
    GrantsWanted { above: true, ..GrantsWanted::default() }
}

fn subject(grant: &GrantShown) -> &str {
    match &grant.grantee {
        Grantee::Principal { id } => &id.subject,
        Grantee::Group { group, .. } => group,
    }
}

fn find<'a>(page: &'a GrantsPage, name: &str) -> &'a GrantShown {
    page.items.iter().find(|grant| subject(grant) == name).unwrap()
}

fn states(grant: &GrantShown) -> Vec<GrantState> {
    grant.states.iter().copied().collect()
}

async fn look_at_vault(world: &World, who: &Arc<Principal>) {
    world.admin.show_vault(&world.request(who), &demo()).await.unwrap();
}

#[tokio::test]
async fn a_grant_tells_when_it_was_last_used_and_what_was_never_used_is_unused_after_ninety_days() {
    let (world, olga, vault) = owned(AccessMode::Rbac);
    let (ada, bob) = (person("ada"), person("bob"));
    let in_vault = || Scope::Vault { vault: vault.id };
    for who in [&ada, &bob] {
        world.put_grant(of(who), Role::SecretsUser, in_vault()).unwrap();
    }
    let group = Grantee::Group { issuer: PEOPLE.to_owned(), group: "ops".to_owned() };
    world.put_grant(group, Role::Reader, in_vault()).unwrap();
    let page = list(&world, &olga, &here(), &all()).await.unwrap();
    assert_eq!(find(&page, "ada").last_used, LastUsed::NotSince(BEGIN));
    assert!(page.items.iter().all(|grant| grant.states.is_empty()), "given a moment ago: {page:?}");

    world.clock.advance(UNUSED_AFTER);
    look_at_vault(&world, &ada).await;
    look_at_vault(&world, &principal(PEOPLE, "gus", olga.kind, &["ops"])).await;
    let page = list(&world, &olga, &here(), &all()).await.unwrap();
    let used = |by: &str| LastUsed::At { at: BEGIN + UNUSED_AFTER, by: Some(person(by).id.clone()) };
    assert_eq!((&find(&page, "ada").last_used, states(find(&page, "ada"))), (&used("ada"), vec![]));
    assert_eq!(find(&page, "ops").last_used, used("gus"), "who of a group it was");
    assert_eq!(find(&page, "bob").last_used, LastUsed::NotSince(BEGIN));
    assert_eq!(states(find(&page, "bob")), [GrantState::Unused]);
    let unused = GrantsWanted { state: Some(GrantState::Unused), ..GrantsWanted::default() };
    let page = list(&world, &olga, &here(), &unused).await.unwrap();
    assert_eq!(page.items.iter().map(subject).collect::<Vec<_>>(), ["bob"]);
}

#[tokio::test]
async fn what_nobody_can_come_by_and_what_does_not_count_is_marked() {
    let (world, olga, vault) = owned(AccessMode::AccessPolicy);
    let (ada, eve) = (person("ada"), principal("https://gone.example", "eve", olga.kind, &[]));
    let worker = world.put_workload("worker", true).unwrap();
    let in_vault = || Scope::Vault { vault: vault.id };
    world.put_grant(of(&ada), Role::SecretsUser, in_vault()).unwrap();
    world.put_grant(of(&eve), Role::Contributor, in_vault()).unwrap();
    world.put_grant(of(&worker), Role::Contributor, in_vault()).unwrap();
    let get = ObjectPermissions { secrets: [SecretPermission::Get].into(), ..ObjectPermissions::default() };
    let bob = of(&person("bob"));
    world.admin.put_access_policy(&world.request(&olga), &demo(), &bob, &get).await.unwrap();
    let page = list(&world, &olga, &here(), &all()).await.unwrap();
    assert_eq!(states(find(&page, "ada")), [GrantState::Asleep], "the vault does not ask roles");
    assert_eq!((states(find(&page, "eve")), find(&page, "eve").gone), (vec![GrantState::Orphan], Some(Gone::Issuer)));
    assert_eq!(states(find(&page, &worker.id.subject)), []);
    let policy = find(&page, "bob");
    assert_eq!(policy.by, GrantedBy::Policy { vault: demo(), permissions: get });
    assert_eq!((policy.scope.as_str(), states(policy)), ("/vaults/demo", vec![]));
    assert_eq!(states(find(&page, "olga")), [GrantState::Asleep], "of what is in this vault");

    world.store.meddle(|image| image.workloads.clear());
    let orphans = GrantsWanted { state: Some(GrantState::Orphan), ..GrantsWanted::default() };
    let page = list(&world, &olga, &ScopeRequest::Server, &orphans).await.unwrap();
    let found: BTreeSet<&str> = page.items.iter().map(subject).collect();
    assert_eq!(found, BTreeSet::from(["eve", worker.id.subject.as_str()]));
    let of_bob = GrantsWanted { who: Some("BOB".to_owned()), ..GrantsWanted::default() };
    assert_eq!(list(&world, &olga, &ScopeRequest::Server, &of_bob).await.unwrap().items.len(), 1);
    let by_role = GrantsWanted { role: Some("secrets user".to_owned()), ..GrantsWanted::default() };
    assert_eq!(list(&world, &olga, &ScopeRequest::Server, &by_role).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn who_may_not_read_access_is_told_so_and_what_else_they_may_not_read_is_hidden() {
    let (world, olga, vault) = owned(AccessMode::Layered);
    let (ada, bob) = (person("ada"), person("bob"));
    world.put_grant(of(&ada), Role::SecretsOfficer, Scope::Vault { vault: vault.id }).unwrap();
    let group = Grantee::Group { issuer: PEOPLE.to_owned(), group: "ops".to_owned() };
    world.put_grant(group, Role::Reader, Scope::Vault { vault: vault.id }).unwrap();
    look_at_vault(&world, &principal(PEOPLE, "gus", olga.kind, &["ops"])).await;
    assert!(matches!(list(&world, &bob, &here(), &all()).await, Err(AdminError::Denied(_))));
    assert!(matches!(list(&world, &ada, &ScopeRequest::Server, &all()).await, Err(AdminError::Denied(_))));
    let page = list(&world, &ada, &here(), &all()).await.unwrap();
    assert!(page.hidden.contains(&HiddenGrants::Above) && page.hidden.contains(&HiddenGrants::Users), "{page:?}");
    assert!(page.items.iter().all(|grant| subject(grant) != "olga"));
    assert!(matches!(find(&page, "ops").last_used, LastUsed::At { by: None, .. }), "{page:?}");

    let request = world.request(&olga);
    let page = world.admin.list_grants(&request, &here(), &all(), (None, 100), &|_| true).await.unwrap();
    assert!(page.hidden.is_empty() && page.items.iter().any(|grant| subject(grant) == "olga"));
    let record = world.store.image().record(request.request_id).unwrap().clone();
    assert_eq!((record.operation.as_str(), record.outcome), ("RoleAssignmentRead", Outcome::Allowed));
    assert!(record.trace.iter().any(|stage| stage.detail.as_deref() == Some("AccessPolicyRead: 1 of 1")), "{record:?}");
}

#[tokio::test]
async fn grants_come_in_pages_each_once() {
    let (world, olga, vault) = owned(AccessMode::Layered);
    for n in 0..5 {
        let who = person(&format!("p{n}"));
        world.put_grant(of(&who), Role::SecretsUser, Scope::Vault { vault: vault.id }).unwrap();
        let get = ObjectPermissions { secrets: [SecretPermission::Get].into(), ..ObjectPermissions::default() };
        world.admin.put_access_policy(&world.request(&olga), &demo(), &of(&who), &get).await.unwrap();
    }
    let whole = list(&world, &olga, &here(), &all()).await.unwrap();
    assert_eq!((whole.items.len(), whole.next), (11, None));
    for limit in 1..=11 {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = (after.as_deref(), limit);
            let page = world.admin.list_grants(&world.request(&olga), &here(), &all(), page, &|_| true).await.unwrap();
            assert!(page.items.len() <= limit);
            found.extend(page.items.into_iter().map(|grant| (subject(&grant).to_owned(), grant.by)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let expected: Vec<_> = whole.items.iter().map(|one| (subject(one).to_owned(), one.by.clone())).collect();
        assert_eq!(found, expected, "by {limit}");
    }
    let wrong = world.admin.list_grants(&world.request(&olga), &here(), &all(), (Some("x"), 5), &|_| true).await;
    assert!(matches!(wrong, Err(AdminError::Invalid(_))));
}

#[tokio::test]
async fn what_an_assignment_was_used_for_is_told_to_who_may_read_it() {
    let (world, olga, vault) = owned(AccessMode::Rbac);
    let (ada, bob) = (person("ada"), person("bob"));
    let given = world.put_grant(of(&ada), Role::SecretsOfficer, Scope::Vault { vault: vault.id }).unwrap();
    look_at_vault(&world, &ada).await;
    world.clock.advance(UNUSED_AFTER + 1);
    list(&world, &ada, &here(), &GrantsWanted::default()).await.unwrap();
    let used = async |who| world.admin.used_actions(&world.request(who), given.id, &ScopeRequest::Server).await;
    let told = used(&olga).await.unwrap();
    assert_eq!(told.of.role, "Key Vault Secrets Officer");
    assert_eq!(told.operations.keys().collect::<Vec<_>>(), ["RoleAssignmentRead"], "what is long ago is left out");
    assert_eq!(told.known_from, Some(BEGIN + 1));
    assert_eq!(Vec::from_iter(told.patterns(false)), ["Microsoft.Authorization/roleAssignments/read"]);
    assert!(told.patterns(true).is_empty());
    assert!(matches!(used(&bob).await, Err(AdminError::Denied(_))));
    let unknown = world.admin.used_actions(&world.request(&olga), uuid::Uuid::nil(), &ScopeRequest::Server).await;
    assert!(matches!(unknown, Err(AdminError::AssignmentNotFound)));
}
