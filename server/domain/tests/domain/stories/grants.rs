//! Giving and taking roles: who may, for how long, and what is never taken away.

use std::sync::Arc;

use strongroom_domain::{
    access_policy::{AccessMode, ObjectPermissions},
    action::Action,
    admin::{AdminError, NewAssignment, OwnRestriction, ScopeRequest},
    decision::{DenyReason, Stage},
    gate::{Ask, Judgement},
    grant::{Assignment, MAX_ASSIGNMENTS, MAX_ASSIGNMENTS_OF_GRANTEE, Scope},
    names::VaultName,
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment},
    principal::{Grantee, Principal, PrincipalId},
    role::Role,
    test_support::{
        Verdict, open,
        world::{BEGIN, OWN_ISSUER, PEOPLE, World, name, person, principal},
    },
    vault::VaultSettings,
};
use uuid::Uuid;

const HOUR: i64 = 3_600_000;

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
fn owned() -> (World, Arc<Principal>, Assignment) {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_vault(&demo(), VaultSettings::default()).unwrap();
    let owner = world.put_grant(of(&olga), Role::Owner, Scope::Server).unwrap();
    (world, olga, owner)
}

async fn may_read(world: &World, who: &Arc<Principal>) -> Result<(), DenyReason> {
    let (vault, db) = (demo(), name("db").unwrap());
    match world.gate.judge(&world.request(who), &Ask::secret(Action::SecretGet, &vault, &db)).await {
        Judgement::Permitted(_) => Ok(()),
        Judgement::Denied(_, denial) => Err(open(denial).reason),
    }
}

fn until(grantee: Grantee, role: Role, ends_at: i64) -> NewAssignment {
    NewAssignment { id: None, grantee, role: role.into(), ends_at: Some(ends_at) }
}

#[tokio::test]
async fn a_role_ends_at_its_end_and_not_before() {
    let (world, olga, _) = owned();
    let ada = person("ada");
    let new = until(of(&ada), Role::SecretsUser, BEGIN + HOUR);
    let given = world.admin.add_assignment(&world.request(&olga), new, &here()).await.unwrap();
    assert_eq!(given.assignment.ends_at, Some(BEGIN + HOUR));
    assert_eq!(may_read(&world, &ada).await, Ok(()));
    world.clock.advance(HOUR - 1);
    assert_eq!(may_read(&world, &ada).await, Ok(()));
    world.clock.advance(1);
    assert_eq!(may_read(&world, &ada).await, Err(DenyReason::NoRole));
    let past = until(of(&ada), Role::SecretsUser, BEGIN + HOUR);
    let refused = world.admin.add_assignment(&world.request(&olga), past, &here()).await;
    assert!(matches!(refused, Err(AdminError::Invalid(_))));
}

#[tokio::test]
async fn an_end_that_no_calendar_has_is_none() {
    let (world, olga, _) = owned();
    let give = async |end| {
        let new = until(of(&person("ada")), Role::SecretsUser, end);
        world.admin.add_assignment(&world.request(&olga), new, &here()).await
    };
    for end in [i64::MAX, 253_402_300_800_000] {
        assert!(matches!(give(end).await, Err(AdminError::Invalid(why)) if why.contains("9999-12-31")));
    }
    assert!(give(253_402_300_799_999).await.is_ok());
}

#[tokio::test]
async fn a_role_of_the_installation_is_assigned_nowhere_below() {
    let (world, olga, _) = owned();
    let ada = person("ada");
    let give = async |role: Role, at: ScopeRequest| {
        world.admin.add_assignment(&world.request(&olga), (of(&ada), role), &at).await
    };
    for below in [here(), ScopeRequest::Secret(demo(), name("db").unwrap())] {
        assert!(matches!(give(Role::Auditor, below).await, Err(AdminError::Invalid(why)) if why.contains(" / ")));
    }
    give(Role::Auditor, ScopeRequest::Server).await.unwrap();
    // Every other has something to permit in a vault.
    for role in Role::ALL.iter().copied().filter(|role| *role != Role::Auditor) {
        assert!(!role.permissions().concern_the_installation_alone(), "{role:?}");
    }
}

#[tokio::test]
async fn nobody_grants_for_longer_than_they_hold() {
    let (world, olga, _) = owned();
    let dan = person("dan");
    for new in [
        NewAssignment::from((of(&dan), Role::DataAccessAdministrator)),
        until(of(&dan), Role::SecretsUser, BEGIN + HOUR),
    ] {
        world.admin.add_assignment(&world.request(&olga), new, &here()).await.unwrap();
    }
    let give = async |new| world.admin.add_assignment(&world.request(&dan), new, &here()).await;
    // To himself too: an end is a restriction, and nobody lifts their own.
    for whom in [&dan, &person("eve")] {
        assert!(give(until(of(whom), Role::SecretsUser, BEGIN + HOUR - 1)).await.is_ok());
        for longer in [until(of(whom), Role::SecretsUser, BEGIN + HOUR + 1), (of(whom), Role::SecretsUser).into()] {
            assert!(matches!(give(longer).await, Err(AdminError::GrantsMoreThanHeld(_))));
        }
    }
}

#[tokio::test]
async fn a_role_is_taken_away_by_those_who_may_and_at_once() {
    let (world, olga, _) = owned();
    let (ada, bob) = (person("ada"), person("bob"));
    let give = async |role| {
        world.admin.add_assignment(&world.request(&olga), (of(&ada), role), &here()).await.unwrap().assignment.id
    };
    let id = give(Role::SecretsOfficer).await;
    assert_eq!(may_read(&world, &ada).await, Ok(()));
    let refused = world.admin.remove_assignment(&world.request(&bob), id, &ScopeRequest::Server).await;
    assert!(matches!(refused, Err(AdminError::Denied(_))));
    let shown = world.admin.show_assignment(&world.request(&ada), id, &ScopeRequest::Server).await.unwrap();
    assert_eq!((shown.assignment.id, shown.scope.as_str()), (id, "/vaults/demo"), "an officer sees who has what");
    assert!(matches!(
        world.admin.show_assignment(&world.request(&bob), id, &ScopeRequest::Server).await,
        Err(AdminError::Denied(_))
    ));

    let ctx = world.request(&olga);
    world.admin.remove_assignment(&ctx, id, &ScopeRequest::Server).await.unwrap();
    assert_eq!(world.store.image().record(ctx.request_id).unwrap().operation, "RoleAssignmentDelete");
    assert_eq!(may_read(&world, &ada).await, Err(DenyReason::NoRole));
    for _ in 0..2 {
        let again = world.admin.remove_assignment(&world.request(&olga), id, &ScopeRequest::Server).await;
        assert!(matches!(again, Err(AdminError::AssignmentNotFound)));
        let shown = world.admin.show_assignment(&world.request(&olga), id, &ScopeRequest::Server).await;
        assert!(matches!(shown, Err(AdminError::AssignmentNotFound)));
        let unseen =
            world.admin.show_assignment(&world.request(&bob), Uuid::from_u128(404), &ScopeRequest::Server).await;
        assert!(matches!(unseen, Err(AdminError::Denied(_))), "whether there is one is not for everybody");
    }
}

#[tokio::test]
async fn the_list_shows_what_is_at_a_scope_and_below_it() {
    let (world, olga, owner) = owned();
    let other = VaultName::parse("other").unwrap();
    world.put_vault(&other, VaultSettings::default()).unwrap();
    let ada = person("ada");
    let secret = ScopeRequest::Secret(demo(), name("Db").unwrap());
    for scope in [here(), ScopeRequest::Vault(other.clone()), secret.clone()] {
        world.admin.add_assignment(&world.request(&olga), (of(&ada), Role::SecretsOfficer), &scope).await.unwrap();
    }
    let list = async |who: &Arc<Principal>, scope: &ScopeRequest, grantee| {
        let page = world.admin.list_assignments(&world.request(who), scope, grantee, None, 100).await?;
        let mut scopes: Vec<String> = page.items.into_iter().map(|shown| shown.scope).collect();
        scopes.sort();
        Ok::<_, AdminError>(scopes)
    };
    let all = ["/", "/vaults/demo", "/vaults/demo/secrets/Db", "/vaults/other"];
    assert_eq!(list(&olga, &ScopeRequest::Server, None).await.unwrap(), all);
    assert_eq!(list(&olga, &ScopeRequest::Server, Some(of(&ada))).await.unwrap(), all[1..]);
    assert_eq!(list(&olga, &here(), None).await.unwrap(), all[1..3]);
    assert_eq!(list(&ada, &here(), None).await.unwrap(), all[1..3]);
    assert_eq!(list(&olga, &secret, None).await.unwrap(), all[2..3]);
    assert!(matches!(list(&ada, &ScopeRequest::Server, None).await, Err(AdminError::Denied(_))));
    // A row made by hand is not passed off as a grant.
    let forged = Assignment { id: Uuid::from_u128(1), tag: vec![0; 32], ..owner };
    world.store.meddle(|image| image.assignments.push(forged));
    assert!(matches!(list(&olga, &ScopeRequest::Server, None).await, Err(AdminError::Tampered)));
}

async fn give_up(world: &World, who: &Arc<Principal>, id: Uuid) -> (Result<(), AdminError>, Vec<Stage>) {
    let ctx = world.request(who);
    let done = world.admin.remove_assignment(&ctx, id, &ScopeRequest::Server).await.map(drop);
    (done, world.store.image().record(ctx.request_id).unwrap().trace.clone())
}

#[tokio::test]
async fn people_give_up_what_they_hold_by_name_and_nothing_else() {
    let (world, olga, owner) = owned();
    let there = Scope::Vault { vault: world.store.image().vaults["demo"].id };
    let ada = principal(PEOPLE, "ada", person("ada").kind, &["team"]);
    let team = Grantee::Group { issuer: PEOPLE.to_owned(), group: "team".to_owned() };
    let app = world.put_workload("app", true).unwrap();
    let give = |grantee: Grantee| world.put_grant(grantee, Role::SecretsUser, there.clone()).unwrap().id;
    let (own, teams, apps) = (give(of(&ada)), give(team), give(of(&app)));
    let bob = person("bob");
    for (who, id) in [(&ada, teams), (&app, apps), (&bob, own)] {
        assert!(matches!(give_up(&world, who, id).await.0, Err(AdminError::Denied(_))), "{}", who.id);
    }
    let (done, trace) = give_up(&world, &ada, own).await;
    assert!(done.is_ok() && trace.iter().any(|stage| stage.reason == "own-assignment"), "{trace:?}");
    assert!(world.store.image().assignments.iter().all(|given| given.id != own));
    // Who may take it from anybody does that, and the last Owner stays.
    let hers = give(of(&olga));
    let (done, trace) = give_up(&world, &olga, hers).await;
    assert!(done.is_ok() && trace.iter().all(|stage| stage.reason != "own-assignment"), "{trace:?}");
    assert!(matches!(give_up(&world, &olga, owner.id).await.0, Err(AdminError::LastOwner)));
    assert!(world.admin.is_last_owner(&world.request(&olga), &owner).await.unwrap());
}

#[tokio::test]
async fn giving_up_a_role_gets_around_nothing_that_binds() {
    let (world, _, _) = owned();
    let guard = PolicyAttachment {
        name: "guard".to_owned(),
        module: ModuleDigest([7; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    let settings = VaultSettings { policies: vec![guard], ..VaultSettings::default() };
    let there = Scope::Vault { vault: world.put_vault(&demo(), settings).unwrap().id };
    let (ada, victor) = (person("ada"), person("victor"));
    let own = world.put_grant(of(&ada), Role::SecretsUser, there.clone()).unwrap();
    world.policies.answer("guard", Verdict::Says(Effect::Deny));
    assert!(matches!(give_up(&world, &ada, own.id).await.0, Err(AdminError::Denied(_))), "a module is asked");
    world.policies.answer("guard", Verdict::SaysOfContents(Effect::Deny));
    // Who configures the vault could lift its modules, had he nothing in it.
    let configures = world.put_grant(of(&victor), Role::Contributor, Scope::Server).unwrap();
    let reads = world.put_grant(of(&victor), Role::SecretsUser, there).unwrap();
    let refused = give_up(&world, &victor, reads.id).await.0;
    assert!(matches!(refused, Err(AdminError::LiftsOwnRestriction(OwnRestriction::OwnRole))), "{refused:?}");
    for id in [configures.id, reads.id] {
        assert!(give_up(&world, &victor, id).await.0.is_ok());
    }
    assert!(give_up(&world, &ada, own.id).await.0.is_ok());
}

#[tokio::test]
async fn whom_to_ask_for_access_is_told_to_those_who_may_read_assignments() {
    let (world, olga, _) = owned();
    let (ada, dan, connie) = (person("ada"), person("dan"), person("connie"));
    let ending = until(of(&person("eve")), Role::DataAccessAdministrator, BEGIN + HOUR);
    for new in [
        NewAssignment::from((of(&ada), Role::SecretsOfficer)),
        NewAssignment::from((of(&dan), Role::DataAccessAdministrator)),
        NewAssignment::from((of(&connie), Role::Contributor)),
        ending,
    ] {
        world.admin.add_assignment(&world.request(&olga), new, &here()).await.unwrap();
    }
    world.clock.advance(HOUR);
    let asked = async |who: &Arc<Principal>, at: &ScopeRequest, mode| {
        let found = world.admin.who_gives_access(&world.request(who), at, mode).await?;
        Ok::<_, AdminError>(found.into_iter().map(|shown| shown.assignment.grantee).collect::<Vec<_>>())
    };
    assert_eq!(asked(&ada, &here(), AccessMode::Rbac).await.unwrap(), [of(&dan)]);
    assert_eq!(asked(&ada, &here(), AccessMode::Layered).await.unwrap(), [of(&dan), of(&connie)]);
    assert_eq!(asked(&olga, &ScopeRequest::Server, AccessMode::Rbac).await.unwrap(), [of(&olga)]);
    for at in [ScopeRequest::Server, here()] {
        assert!(matches!(asked(&person("bob"), &at, AccessMode::Rbac).await, Err(AdminError::Denied(_))));
    }
    assert!(matches!(asked(&ada, &ScopeRequest::Server, AccessMode::Rbac).await, Err(AdminError::Denied(_))));
}

#[tokio::test]
async fn the_last_owner_stays() {
    let (world, olga, owner) = owned();
    let remove = async |who: &Arc<Principal>, id| {
        world.admin.remove_assignment(&world.request(who), id, &ScopeRequest::Server).await
    };
    assert!(matches!(remove(&olga, owner.id).await, Err(AdminError::LastOwner)));
    // None of these would be left: one that ends, one forged, one of a vault, a workload that is disabled.
    let off = world.put_workload("off", false).unwrap();
    world.put_grant(of(&off), Role::Owner, Scope::Server).unwrap();
    let in_a_vault = Scope::Vault { vault: world.store.image().vaults["demo"].id };
    world.put_grant(of(&person("vic")), Role::Owner, in_a_vault).unwrap();
    let forged = world.put_grant(of(&person("eve")), Role::Reader, Scope::Server).unwrap();
    world
        .store
        .meddle(|image| image.assignments.iter_mut().find(|a| a.id == forged.id).unwrap().role = Role::Owner.into());
    let ending = until(of(&person("tim")), Role::Owner, BEGIN + HOUR);
    let ending = world.admin.add_assignment(&world.request(&olga), ending, &ScopeRequest::Server).await.unwrap();
    assert!(matches!(remove(&olga, owner.id).await, Err(AdminError::LastOwner)));
    assert!(remove(&olga, ending.assignment.id).await.is_ok(), "an Owner that ends goes while one without end is left");
    // A second one without an end: either may go, not both.
    let group = Grantee::Group { issuer: "https://people.example".to_owned(), group: "owners".to_owned() };
    let second = world.put_grant(group, Role::Owner, Scope::Server).unwrap();
    assert!(remove(&olga, second.id).await.is_ok());
    let otto = person("otto");
    let third = world.put_grant(of(&otto), Role::Owner, Scope::Server).unwrap();
    let (one, other) = tokio::join!(remove(&olga, third.id), remove(&otto, owner.id));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let image = world.store.image();
    let left = image.assignments.iter().filter(|a| a.id == owner.id || a.id == third.id).count();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn the_same_is_not_granted_twice_and_nobody_who_cannot_be_is_granted_anything() {
    let (world, olga, _) = owned();
    let batch = world.put_workload("batch", false).unwrap();
    let group = Grantee::Group { issuer: "https://people.example".to_owned(), group: "ops".to_owned() };
    let give = async |new: NewAssignment| world.admin.add_assignment(&world.request(&olga), new, &here()).await;
    for grantee in [of(&batch), group, of(&person("ada"))] {
        assert!(give((grantee.clone(), Role::Reader).into()).await.is_ok(), "{grantee:?}");
        let twice = give((grantee.clone(), Role::Reader).into()).await;
        assert!(matches!(twice, Err(AdminError::AssignmentExists)), "{grantee:?}");
        assert!(give(until(grantee.clone(), Role::Reader, BEGIN + HOUR)).await.is_ok(), "until another end");
        assert!(give((grantee.clone(), Role::SecretsUser).into()).await.is_ok(), "another role");
        // Both are judged before either is stored.
        let role = || (grantee.clone(), Role::SecretsOfficer).into();
        let (one, other) = tokio::join!(give(role()), give(role()));
        assert!(one.is_ok() != other.is_ok());
        assert!(matches!(one.and(other), Err(AdminError::AssignmentExists)), "{grantee:?}");
    }
    let own = |subject: &str| PrincipalId { issuer: OWN_ISSUER.to_owned(), subject: subject.to_owned() };
    for nobody in [
        Grantee::Principal { id: own(&Uuid::from_u128(404).to_string()) },
        Grantee::Principal { id: own(&batch.id.subject.to_ascii_uppercase().replace('-', "")) },
        Grantee::Principal { id: own("batch") },
        Grantee::Group { issuer: OWN_ISSUER.to_owned(), group: "ops".to_owned() },
        of(&Principal::system("audit")),
    ] {
        let refused = give((nobody.clone(), Role::Reader).into()).await;
        assert!(matches!(refused, Err(AdminError::GranteeNotFound)), "{nobody:?}");
        let policy =
            world.admin.put_access_policy(&world.request(&olga), &demo(), &nobody, &ObjectPermissions::default()).await;
        assert!(matches!(policy, Err(AdminError::GranteeNotFound)), "{nobody:?}");
    }
}

/// Whoever may grant in one vault must not make what is judged for others slow.
#[tokio::test]
async fn a_grantee_has_only_so_many_roles_in_a_vault_and_a_vault_only_so_many() {
    let (world, olga, _) = owned();
    let (elsewhere, vera) = (VaultName::parse("elsewhere").unwrap(), person("vera"));
    world.put_vault(&elsewhere, VaultSettings::default()).unwrap();
    let at = |n: u64| ScopeRequest::Secret(demo(), name(&format!("s{n}")).unwrap());
    let give = async |who: &Grantee, at: &ScopeRequest| {
        world.admin.add_assignment(&world.request(&olga), (who.clone(), Role::SecretsUser), at).await
    };
    for n in 1..MAX_ASSIGNMENTS_OF_GRANTEE {
        give(&of(&vera), &at(n)).await.unwrap();
    }
    // Both are judged before either is stored.
    let (whom, left, right) = (of(&vera), at(0), here());
    let (one, other) = tokio::join!(give(&whom, &left), give(&whom, &right));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert!(matches!(one.and(other), Err(AdminError::TooManyAssignments)));
    assert!(give(&of(&vera), &ScopeRequest::Vault(elsewhere)).await.is_ok(), "another vault");
    assert!(give(&of(&vera), &ScopeRequest::Server).await.is_ok(), "the installation");
    assert!(give(&of(&person("ada")), &here()).await.is_ok(), "somebody else");
    let there = world.store.image().assignments.iter().filter(|a| a.scope.vault().is_some()).count() as u64;
    let vault = world.store.image().vaults["demo"].id;
    for n in there - 1..MAX_ASSIGNMENTS {
        world.put_grant(of(&person(&format!("p{n}"))), Role::Reader, Scope::Vault { vault }).unwrap();
    }
    assert!(matches!(give(&of(&person("bob")), &here()).await, Err(AdminError::TooManyAssignments)));
}

/// A list reads much, so that nobody may have many of them made at once.
#[tokio::test(start_paused = true)]
async fn a_caller_lists_once_at_a_time_and_keeps_nobody_out() {
    let (world, olga, owner) = owned();
    let rita = person("rita");
    world.put_grant(of(&rita), Role::Reader, owner.scope).unwrap();
    let list = async |who: &Arc<Principal>| {
        world.admin.list_assignments(&world.request(who), &here(), None, None, 10).await.map(|page| page.items.len())
    };
    let place = world.admin.listings.enter(&rita.id).await.unwrap();
    assert!(matches!(list(&rita).await, Err(AdminError::Busy)), "ten seconds later");
    assert!(matches!(world.admin.holdings(&world.request(&rita)).await, Err(AdminError::Busy)));
    assert!(matches!(world.admin.visible_vaults(&world.request(&rita)).await, Err(AdminError::Busy)), "for a page too");
    assert_eq!(list(&olga).await.unwrap(), 0);
    drop(place);
    assert_eq!(list(&rita).await.unwrap(), 0);
}

#[tokio::test]
async fn a_workload_that_does_not_count_lists_nothing_not_even_no_vaults() {
    let world = World::start().unwrap();
    let (enabled, disabled) = (world.put_workload("on", true).unwrap(), world.put_workload("off", false).unwrap());
    let ctx = world.request(&enabled);
    assert_eq!(world.admin.list_vaults(&ctx).await.unwrap().vaults.len(), 0);
    let trace = world.store.image().record(ctx.request_id).unwrap().trace.clone();
    let stages: Vec<_> = trace.iter().map(|stage| (stage.stage.as_str(), stage.detail.as_deref())).collect();
    assert_eq!(stages, [("identity", None), ("grants", Some("0 of 0"))]);
    let ctx = world.request(&disabled);
    let refused = world.admin.list_vaults(&ctx).await;
    assert!(matches!(refused, Err(AdminError::Denied(_))));
    let record = world.store.image().record(ctx.request_id).unwrap().clone();
    assert_eq!((record.operation.as_str(), record.reason.as_str()), ("VaultList", "identity-disabled"));
}
