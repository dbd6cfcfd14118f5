//! What somebody is told of themselves: what counts for them now, and nothing of others.

use strongroom_domain::{
    access_policy::{AccessMode, ObjectPermissions, SecretPermission},
    admin::{AdminError, NewAssignment, ScopeRequest, WantedRole},
    grant::Scope,
    names::VaultName,
    principal::{Grantee, Principal, PrincipalKind},
    record::Outcome,
    role::Role,
    test_support::world::{World, person, principal},
    vault::VaultSettings,
};

fn of(who: &Principal) -> Grantee {
    Grantee::Principal { id: who.id.clone() }
}

#[tokio::test]
async fn somebody_is_told_what_counts_for_them_now() {
    let world = World::start().unwrap();
    let (olga, ada, bob) = (person("olga"), person("ada"), person("bob"));
    let demo = VaultName::parse("demo").unwrap();
    world.put_vault(&demo, VaultSettings { access_mode: AccessMode::Layered, ..VaultSettings::default() }).unwrap();
    world.put_grant(of(&olga), Role::Owner, Scope::Server).unwrap();
    let give = async |role: Role, ends_at: Option<i64>| {
        let new = NewAssignment { id: None, grantee: of(&ada), role: WantedRole::Known(role.into()), ends_at };
        let at = ScopeRequest::Vault(demo.clone());
        world.admin.add_assignment(&world.request(&olga), new, &at).await.unwrap();
    };
    let soon = world.request(&olga).now + 1000;
    give(Role::SecretsUser, None).await;
    give(Role::Reader, Some(soon)).await;
    let get = ObjectPermissions { secrets: [SecretPermission::Get].into(), ..ObjectPermissions::default() };
    world.admin.put_access_policy(&world.request(&olga), &demo, &of(&ada), &get).await.unwrap();

    let request = world.request(&ada);
    let told = world.admin.holdings(&request).await.unwrap();
    let roles: Vec<_> = told.assignments.iter().map(|held| (held.role.as_str(), held.scope.as_str())).collect();
    assert_eq!(roles, [("Key Vault Reader", "/vaults/demo"), ("Key Vault Secrets User", "/vaults/demo")]);
    let policies: Vec<_> = told.access_policies.iter().map(|held| (held.vault.as_str(), &held.permissions)).collect();
    assert_eq!(policies, [("demo", &get)]);
    assert!(told.name.is_none() && !told.more);
    let record = world.store.image().record(request.request_id).unwrap().clone();
    assert_eq!((record.operation.as_str(), record.outcome), ("SessionShow", Outcome::Allowed));

    world.clock.advance(2000);
    let told = world.admin.holdings(&world.request(&ada)).await.unwrap();
    assert_eq!(told.assignments.len(), 1, "what has ended is held no more");
    let told = world.admin.holdings(&world.request(&bob)).await.unwrap();
    assert!(told.assignments.is_empty() && told.access_policies.is_empty(), "nothing of others");
    assert!(!world.admin.holds_something(&world.request(&bob)).await.unwrap());
    assert!(world.admin.holds_something(&world.request(&ada)).await.unwrap());
}

#[tokio::test]
async fn a_workload_that_is_gone_is_told_nothing() {
    let world = World::start().unwrap();
    let gone = principal(&world.gate.own_issuer, "0190aaaa-0000-7000-8000-000000000009", PrincipalKind::Workload, &[]);
    let denied = world.admin.holdings(&world.request(&gone)).await;
    assert!(matches!(denied, Err(AdminError::Denied(_))), "{denied:?}");
}
