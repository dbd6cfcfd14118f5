//! Custom role definitions: what they permit, who may write them, and how soon that holds.

use std::sync::Arc;

use strongroom_domain::{
    action::Action,
    admin::{AdminError, NewAssignment, NewRole, ScopeRequest, WantedRole},
    decision::DenyReason,
    gate::{Ask, Judgement},
    grant::Scope,
    names::VaultName,
    principal::{Grantee, Principal},
    role::{MAX_ROLE_DEFINITIONS, MAX_ROLE_DEFINITIONS_OF_VAULT, Role, RoleRef},
    test_support::{
        open,
        world::{World, name, person},
    },
    vault::VaultSettings,
};
use uuid::Uuid;

fn of(who: &Principal) -> Grantee {
    Grantee::Principal { id: who.id.clone() }
}

fn vault(text: &str) -> VaultName {
    VaultName::parse(text).unwrap()
}

fn here() -> ScopeRequest {
    ScopeRequest::Vault(vault("demo"))
}

/// All secret actions but purge, in the vault `demo`.
fn keeper() -> NewRole {
    NewRole {
        name: "Keeper".to_owned(),
        data_actions: vec!["Microsoft.KeyVault/vaults/secrets/*".to_owned()],
        not_data_actions: vec!["Microsoft.KeyVault/vaults/secrets/purge/action".to_owned()],
        assignable_scopes: vec![here()],
        ..NewRole::default()
    }
}

fn owned() -> (World, Arc<Principal>) {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    for name in ["demo", "other"] {
        world.put_vault(&vault(name), VaultSettings::default()).unwrap();
    }
    world.put_grant(of(&olga), Role::Owner, Scope::Server).unwrap();
    (world, olga)
}

async fn may(world: &World, who: &Arc<Principal>, action: Action) -> Result<(), DenyReason> {
    let (vault, db) = (vault("demo"), name("db").unwrap());
    match world.gate.judge(&world.request(who), &Ask::secret(action, &vault, &db)).await {
        Judgement::Permitted(_) => Ok(()),
        Judgement::Denied(_, denial) => Err(open(denial).reason),
    }
}

async fn assign(
    world: &World,
    by: &Arc<Principal>,
    to: &Principal,
    role: Uuid,
    at: &ScopeRequest,
) -> Result<Uuid, AdminError> {
    let new = NewAssignment { id: None, grantee: of(to), role: RoleRef::Custom(role).into(), ends_at: None };
    Ok(world.admin.add_assignment(&world.request(by), new, at).await?.assignment.id)
}

#[tokio::test]
async fn a_custom_role_permits_what_it_says_less_its_exceptions_and_changes_at_once() {
    let (world, olga) = owned();
    let ada = person("ada");
    let role = world.admin.put_role(&world.request(&olga), None, &keeper(), None).await.unwrap();
    assert_eq!(role.assignable_scopes, ["/vaults/demo"]);
    assign(&world, &olga, &ada, role.id, &here()).await.unwrap();
    assert_eq!(may(&world, &ada, Action::SecretSet).await, Ok(()));
    assert_eq!(may(&world, &ada, Action::SecretPurge).await, Err(DenyReason::NoRole));
    // An exception is no denial: another role may permit it.
    let officer = world.put_grant(of(&ada), Role::SecretsOfficer, Scope::Server).unwrap();
    assert_eq!(may(&world, &ada, Action::SecretPurge).await, Ok(()));
    world.store.meddle(|image| image.assignments.retain(|a| a.id != officer.id));

    let less = NewRole { not_data_actions: vec!["*/action".to_owned()], ..keeper() };
    world.admin.put_role(&world.request(&olga), Some(role.id), &less, None).await.unwrap();
    assert_eq!(may(&world, &ada, Action::SecretSet).await, Err(DenyReason::NoRole));
    assert_eq!(may(&world, &ada, Action::SecretDelete).await, Ok(()));
    // Where it is no longer assignable, it permits nothing.
    let elsewhere = NewRole { assignable_scopes: vec![ScopeRequest::Vault(vault("other"))], ..keeper() };
    world.admin.put_role(&world.request(&olga), Some(role.id), &elsewhere, None).await.unwrap();
    assert_eq!(may(&world, &ada, Action::SecretSet).await, Err(DenyReason::NoRole));
    let again = assign(&world, &olga, &ada, role.id, &here()).await;
    assert!(matches!(again, Err(AdminError::NotAssignableHere)));
}

#[tokio::test]
async fn nobody_writes_more_into_a_definition_than_they_hold() {
    let (world, olga) = owned();
    let ron = person("ron");
    let editor = NewRole {
        name: "Role editor".to_owned(),
        actions: vec!["Microsoft.Authorization/*".to_owned()],
        assignable_scopes: vec![here()],
        ..NewRole::default()
    };
    let editor = world.admin.put_role(&world.request(&olga), None, &editor, None).await.unwrap();
    assign(&world, &olga, &ron, editor.id, &here()).await.unwrap();
    world.admin.add_assignment(&world.request(&olga), (of(&ron), Role::SecretsUser), &here()).await.unwrap();
    let write = async |id, new: NewRole| world.admin.put_role(&world.request(&ron), id, &new, None).await;
    assert!(matches!(write(None, keeper()).await, Err(AdminError::GrantsMoreThanHeld(_))));
    let reader = NewRole {
        name: "Value reader".to_owned(),
        data_actions: vec!["Microsoft.KeyVault/vaults/secrets/getSecret/action".to_owned()],
        assignable_scopes: vec![here()],
        ..NewRole::default()
    };
    assert!(write(None, reader.clone()).await.is_ok());
    // Not elsewhere, and not by way of a role that he has.
    for scope in [ScopeRequest::Server, ScopeRequest::Vault(vault("other"))] {
        let wider = NewRole { name: "Wider".to_owned(), assignable_scopes: vec![here(), scope], ..reader.clone() };
        assert!(matches!(write(None, wider).await, Err(AdminError::Denied(_))));
    }
    let more = NewRole { name: "Role editor".to_owned(), ..keeper() };
    assert!(matches!(write(Some(editor.id), more).await, Err(AdminError::GrantsMoreThanHeld(_))));
    // Exceptions of what is held bind: he holds all but purge, and grants all.
    let kept = world.admin.put_role(&world.request(&olga), None, &keeper(), None).await.unwrap();
    assign(&world, &olga, &ron, kept.id, &here()).await.unwrap();
    let all = NewRole { name: "All".to_owned(), not_data_actions: Vec::new(), ..keeper() };
    assert!(matches!(write(None, all).await, Err(AdminError::GrantsMoreThanHeld(_))));
    assert!(write(None, NewRole { name: "As much".to_owned(), ..keeper() }).await.is_ok());
}

#[tokio::test]
async fn a_definition_in_use_stays_and_names_are_taken_once() {
    let (world, olga) = owned();
    let ada = person("ada");
    let role = world.admin.put_role(&world.request(&olga), None, &keeper(), None).await.unwrap();
    let assigned = assign(&world, &olga, &ada, role.id, &here()).await.unwrap();
    let delete = async || world.admin.delete_role(&world.request(&olga), role.id, None).await;
    assert!(matches!(delete().await, Err(AdminError::RoleInUse)));
    for name in ["KEEPER", "owner"] {
        let same = NewRole { name: name.to_owned(), ..keeper() };
        let refused = world.admin.put_role(&world.request(&olga), None, &same, None).await;
        assert!(matches!(refused, Err(AdminError::RoleExists | AdminError::Definition(_))), "{name}");
    }
    let over = world.admin.put_role(&world.request(&olga), Some(Role::Reader.id()), &keeper(), None).await;
    assert!(matches!(over, Err(AdminError::RoleExists)), "a built-in role stays as it is");
    assert!(matches!(
        world.admin.delete_role(&world.request(&olga), Role::Reader.id(), None).await,
        Err(AdminError::Invalid(_))
    ));
    world.admin.remove_assignment(&world.request(&olga), assigned, &ScopeRequest::Server).await.unwrap();
    // One assigns while the other deletes: never an assignment of a definition that is gone.
    let place = here();
    let (deleted, given) = tokio::join!(delete(), assign(&world, &olga, &ada, role.id, &place));
    let image = world.store.image();
    assert_eq!(deleted.is_ok(), !image.roles.contains_key(&role.id));
    assert!(deleted.is_ok() != given.is_ok(), "{deleted:?} {given:?}");
}

#[tokio::test]
async fn a_definition_that_was_edited_permits_nothing() {
    let (world, olga) = owned();
    let ada = person("ada");
    let role = world.admin.put_role(&world.request(&olga), None, &keeper(), None).await.unwrap();
    assign(&world, &olga, &ada, role.id, &here()).await.unwrap();
    world.store.meddle(|image| image.roles.get_mut(&role.id).unwrap().not_data_actions.clear());
    assert_eq!(may(&world, &ada, Action::SecretSet).await, Err(DenyReason::NoRole));
    assert!(matches!(world.admin.list_roles(&world.request(&olga), &here()).await, Err(AdminError::Tampered)));
}

#[tokio::test]
async fn definitions_are_listed_where_they_matter_and_are_not_without_number() {
    let (world, olga) = owned();
    world.admin.put_role(&world.request(&olga), None, &keeper(), None).await.unwrap();
    let list = async |scope: ScopeRequest| world.admin.list_roles(&world.request(&olga), &scope).await.unwrap().len();
    assert_eq!(list(here()).await, Role::ALL.len() + 1);
    assert_eq!(list(ScopeRequest::Server).await, Role::ALL.len() + 1);
    assert_eq!(list(ScopeRequest::Vault(vault("other"))).await, Role::ALL.len());
    assert!(matches!(
        world.admin.list_roles(&world.request(&person("eve")), &here()).await,
        Err(AdminError::Denied(_))
    ));
    world.store.meddle(|image| {
        let first = image.roles.values().next().unwrap().clone();
        for n in 1..u128::try_from(MAX_ROLE_DEFINITIONS).unwrap() {
            let mut other = first.clone();
            (other.id, other.name) = (Uuid::from_u128(n), format!("copy {n}"));
            image.roles.insert(other.id, other);
        }
    });
    let one_more = NewRole { name: "One more".to_owned(), ..keeper() };
    let refused = world.admin.put_role(&world.request(&olga), None, &one_more, None).await;
    assert!(matches!(refused, Err(AdminError::TooManyRoles)));
}

/// Whoever may write roles in one vault leaves room for those of others.
#[tokio::test]
async fn one_vault_has_only_so_many_definitions_of_its_own() {
    let (world, olga) = owned();
    let write = async |n: usize, at: ScopeRequest| {
        let new = NewRole { name: format!("Keeper {n}"), assignable_scopes: vec![at], ..keeper() };
        world.admin.put_role(&world.request(&olga), None, &new, None).await
    };
    let first = write(0, here()).await.unwrap();
    for n in 1..MAX_ROLE_DEFINITIONS_OF_VAULT {
        let secret = ScopeRequest::Secret(vault("demo"), name("db").unwrap());
        write(n, if n % 2 == 0 { here() } else { secret }).await.unwrap();
    }
    assert!(matches!(write(98, here()).await, Err(AdminError::TooManyRoles)));
    let other = write(99, ScopeRequest::Vault(vault("other"))).await.unwrap();
    assert!(write(100, ScopeRequest::Server).await.is_ok());
    let again = NewRole { name: "Again".to_owned(), ..keeper() };
    assert!(world.admin.put_role(&world.request(&olga), Some(first.id), &again, None).await.is_ok(), "it is there");
    let moved = NewRole { name: "Moved".to_owned(), ..keeper() };
    let moved = world.admin.put_role(&world.request(&olga), Some(other.id), &moved, None).await;
    assert!(matches!(moved, Err(AdminError::TooManyRoles)), "not from another vault either");
}

/// What is asked at a vault changes and tells nothing that reaches beyond it.
#[tokio::test]
async fn through_a_vault_only_what_is_at_home_there_is_written() {
    let (world, olga) = owned();
    let (ada, ron) = (person("ada"), person("ron"));
    let request = || world.request(&ron);
    world.put_grant(of(&ron), Role::Owner, Scope::Vault { vault: world.store.image().vaults["demo"].id }).unwrap();
    let (demo, other) = (here(), ScopeRequest::Vault(vault("other")));
    let wide = NewRole { name: "Wide".to_owned(), assignable_scopes: vec![ScopeRequest::Server], ..keeper() };
    let wide = world.admin.put_role(&world.request(&olga), None, &wide, None).await.unwrap();
    let foreign = NewRole { name: "Foreign".to_owned(), assignable_scopes: vec![other.clone()], ..keeper() };
    let foreign = world.admin.put_role(&world.request(&olga), None, &foreign, None).await.unwrap();

    assert!(world.admin.show_role(&request(), wide.id, Some(&demo)).await.is_ok(), "assignable here too");
    let unseen = world.admin.show_role(&request(), foreign.id, Some(&demo)).await;
    assert!(matches!(unseen, Err(AdminError::RoleNotFound)));
    for id in [wide.id, foreign.id] {
        let taken = world.admin.put_role(&request(), Some(id), &keeper(), Some(&demo)).await;
        assert!(matches!(taken, Err(AdminError::RoleExists)));
    }
    let wider = world.admin.delete_role(&request(), wide.id, Some(&demo)).await;
    assert!(matches!(wider, Err(AdminError::Invalid(_))), "{wider:?}");
    let unseen = world.admin.delete_role(&request(), foreign.id, Some(&demo)).await;
    assert!(matches!(unseen, Err(AdminError::RoleNotFound)));
    let own = world.admin.put_role(&request(), Some(Uuid::from_u128(9)), &keeper(), Some(&demo)).await.unwrap();
    let changed = NewRole { description: "changed".to_owned(), ..keeper() };
    assert!(world.admin.put_role(&request(), Some(own.id), &changed, Some(&demo)).await.is_ok());
    assert!(world.admin.delete_role(&request(), own.id, Some(&demo)).await.is_ok());

    let everywhere = world.put_grant(of(&ada), Role::Reader, Scope::Server).unwrap();
    for within in [&demo, &other] {
        let ask = || if *within == demo { request() } else { world.request(&olga) };
        let unseen = world.admin.show_assignment(&ask(), everywhere.id, within).await;
        assert!(matches!(unseen, Err(AdminError::AssignmentNotFound)));
        let kept = world.admin.remove_assignment(&ask(), everywhere.id, within).await;
        assert!(matches!(kept, Err(AdminError::AssignmentNotFound)));
    }
    let absent = world.admin.show_assignment(&request(), Uuid::from_u128(404), &other).await;
    assert!(matches!(absent, Err(AdminError::Denied(_))), "he learns nothing of another vault");
}

#[tokio::test]
async fn a_role_shows_at_a_scope_only_where_it_may_be_assigned_there() {
    let (world, olga) = owned();
    let ron = person("ron");
    world.put_grant(of(&ron), Role::Owner, Scope::Vault { vault: world.store.image().vaults["demo"].id }).unwrap();
    let (other, secret) =
        (ScopeRequest::Vault(vault("other")), ScopeRequest::Secret(vault("demo"), name("db").unwrap()));
    let hidden = ScopeRequest::Secret(vault("other"), name("merger-plan").unwrap());
    let spanning = NewRole { assignable_scopes: vec![here(), other, secret, hidden], ..keeper() };
    let spanning = world.admin.put_role(&world.request(&olga), None, &spanning, None).await.unwrap();
    assert_eq!(spanning.assignable_scopes.len(), 4, "who wrote it sees it whole");
    let seen = ["/vaults/demo", "/vaults/demo/secrets/db"];
    let listed = world.admin.list_roles(&world.request(&ron), &here()).await.unwrap();
    assert_eq!(listed.iter().find(|role| role.id == spanning.id).unwrap().assignable_scopes, seen);
    let shown = world.admin.show_role(&world.request(&ron), spanning.id, Some(&here())).await.unwrap();
    assert_eq!(shown.assignable_scopes, seen);
    assert!(matches!(world.admin.show_role(&world.request(&ron), spanning.id, None).await, Err(AdminError::Denied(_))));
    let all = world.admin.list_roles(&world.request(&olga), &ScopeRequest::Server).await.unwrap();
    assert_eq!(all.iter().find(|role| role.id == spanning.id).unwrap().assignable_scopes.len(), 4);
}

#[tokio::test]
async fn which_roles_there_are_is_learnt_by_nobody_who_may_not_grant() {
    let (world, olga) = owned();
    let (ron, eve) = (person("ron"), person("eve"));
    world.put_grant(of(&ron), Role::Owner, Scope::Vault { vault: world.store.image().vaults["demo"].id }).unwrap();
    let elsewhere =
        NewRole { name: "Merger".to_owned(), assignable_scopes: vec![ScopeRequest::Vault(vault("other"))], ..keeper() };
    world.admin.put_role(&world.request(&olga), None, &elsewhere, None).await.unwrap();
    world.admin.put_role(&world.request(&olga), None, &keeper(), None).await.unwrap();
    let ask = async |who: &Arc<Principal>, text: &str| {
        let role = WantedRole::Named(text.to_owned());
        let new = NewAssignment { id: None, grantee: of(&person("ada")), role, ends_at: None };
        world.admin.add_assignment(&world.request(who), new, &here()).await.map(|shown| shown.role)
    };
    for text in ["Merger", "Keeper", "Nothing", "Owner"] {
        assert!(matches!(ask(&eve, text).await, Err(AdminError::Denied(_))), "{text}");
    }
    assert_eq!(ask(&ron, "KEEPER").await.unwrap(), "Keeper");
    assert_eq!(ask(&ron, "key vault reader").await.unwrap(), "Key Vault Reader");
    for text in ["Merger", "Nothing"] {
        assert!(matches!(ask(&ron, text).await, Err(AdminError::NoSuchRoleName)), "{text}: of no concern here");
    }
}

/// Whoever may not, makes the server read no list of what others have.
#[tokio::test]
async fn nothing_that_grows_is_read_before_somebody_is_admitted() {
    let (world, olga) = owned();
    let eve = person("eve");
    let role = world.admin.put_role(&world.request(&olga), None, &keeper(), None).await.unwrap();
    let there = Scope::Vault { vault: world.store.image().vaults["demo"].id };
    let given = world.put_grant(of(&person("ada")), Role::Reader, there).unwrap();
    let before = world.store.listed();
    for at in [None, Some(here())] {
        let ask = || world.request(&eve);
        let denied = |found: Option<AdminError>| assert!(matches!(found, Some(AdminError::Denied(_))), "{found:?}");
        denied(world.admin.show_role(&ask(), role.id, at.as_ref()).await.err());
        denied(world.admin.put_role(&ask(), Some(role.id), &keeper(), at.as_ref()).await.err());
        denied(world.admin.delete_role(&ask(), role.id, at.as_ref()).await.err());
        let within = at.unwrap_or(ScopeRequest::Server);
        denied(world.admin.show_assignment(&ask(), given.id, &within).await.err());
        denied(world.admin.remove_assignment(&ask(), given.id, &within).await.err());
    }
    assert_eq!(world.store.listed(), before);
}
