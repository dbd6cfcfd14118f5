//! Vaults, grants, workloads and the log itself.

use strongroom_domain::{
    admin::{AdminError, KeptBack, KeptBy, ScopeRequest, VaultListing},
    decision::DenyReason,
    grant::Scope,
    names::VaultName,
    network::NetworkRules,
    principal::Grantee,
    record::{Outcome, RecordFilter},
    role::Role,
    test_support::world::{World, name, person},
    vault::VaultSettings,
};

fn vault(text: &str) -> VaultName {
    VaultName::parse(text).unwrap()
}

/// Olga owns the installation.
fn owned() -> (World, std::sync::Arc<strongroom_domain::principal::Principal>) {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    (world, olga)
}

#[tokio::test]
async fn a_vault_is_made_once() {
    let (world, olga) = owned();
    let ctx = world.request(&olga);
    world.admin.create_vault(&ctx, &vault("Payments"), VaultSettings::default()).await.unwrap();
    let again = world.admin.create_vault(&world.request(&olga), &vault("payments"), VaultSettings::default()).await;
    assert!(matches!(again, Err(AdminError::VaultExists)));
    // Two ways to the same name, judged before either exists.
    let make = |text: &'static str| {
        let (world, olga) = (&world, &olga);
        async move { world.admin.create_vault(&world.request(olga), &vault(text), VaultSettings::default()).await }
    };
    let at_once = tokio::join!(make("race"), make("RACE"));
    assert!(at_once.0.is_ok() != at_once.1.is_ok());
    let image = world.store.image();
    assert_eq!(image.vaults.len(), 2);
    assert_eq!(image.record(ctx.request_id).unwrap().vault.as_deref(), Some("payments"));
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_hold() {
    let (world, _) = owned();
    let made = world.put_vault(&vault("demo"), VaultSettings::default()).unwrap();
    let dan = person("dan");
    let scope = Scope::Vault { vault: made.id };
    let dan_is = |role| world.put_grant(Grantee::Principal { id: dan.id.clone() }, role, scope.clone()).unwrap();
    dan_is(Role::DataAccessAdministrator);
    dan_is(Role::SecretsUser);
    let give = |role, to: ScopeRequest| {
        let (world, dan) = (&world, &dan);
        async move {
            let grantee = Grantee::Principal { id: person("eve").id.clone() };
            world.admin.add_assignment(&world.request(dan), (grantee, role), &to).await
        }
    };
    let here = || ScopeRequest::Vault(vault("demo"));
    assert!(give(Role::SecretsUser, here()).await.is_ok());
    assert!(give(Role::SecretsUser, ScopeRequest::Secret(vault("demo"), name("db").unwrap())).await.is_ok());
    assert!(matches!(give(Role::SecretsOfficer, here()).await, Err(AdminError::GrantsMoreThanHeld(_))));
    assert!(matches!(give(Role::Owner, here()).await, Err(AdminError::GrantsMoreThanHeld(_))));
    assert!(matches!(give(Role::SecretsUser, ScopeRequest::Server).await, Err(AdminError::Denied(_))));
    assert!(matches!(give(Role::SecretsUser, ScopeRequest::Vault(vault("other"))).await, Err(AdminError::Denied(_))));
}

#[tokio::test]
async fn a_list_of_vaults_shows_what_the_gate_would_show_one_by_one() {
    let (world, olga) = owned();
    let near =
        VaultSettings { network: NetworkRules::only(vec!["10.0.0.0/8".parse().unwrap()]), ..VaultSettings::default() };
    let near = world.put_vault(&vault("near"), near).unwrap();
    let open = world.put_vault(&vault("open"), VaultSettings::default()).unwrap();
    world.put_vault(&vault("other"), VaultSettings::default()).unwrap();
    let names = |listed: VaultListing| listed.vaults.iter().map(|v| v.name.as_str().to_owned()).collect::<Vec<_>>();
    let all = world.admin.list_vaults(&world.request_from(&olga, "10.0.0.1".parse().unwrap())).await.unwrap();
    assert_eq!(names(all), ["near", "open", "other"]);
    let ctx = world.request(&olga);
    let from_afar = world.admin.list_vaults(&ctx).await.unwrap();
    let kept_back = vec![KeptBack { vault: vault("near"), by: KeptBy::Network }];
    assert_eq!(from_afar.kept_back, kept_back, "who would see it is told what keeps it back");
    let trace = world.store.image().record(ctx.request_id).unwrap().trace.clone();
    assert_eq!(trace.last().unwrap().detail.as_deref(), Some("2 of 3, 1 kept back"));
    assert_eq!(names(from_afar), ["open", "other"], "network rules count here too");
    let (rita, sam) = (person("rita"), person("sam"));
    let inside = Scope::Vault { vault: near.id };
    world.put_grant(Grantee::Principal { id: sam.id.clone() }, Role::PurgeOperator, inside).unwrap();
    let of_sam = world.admin.list_vaults(&world.request(&sam)).await.unwrap();
    assert_eq!(of_sam, VaultListing::default(), "whose role shows no vault is told of none");
    world.put_grant(Grantee::Principal { id: rita.id.clone() }, Role::Reader, Scope::Vault { vault: open.id }).unwrap();
    let of_rita = world.admin.list_vaults(&world.request(&rita)).await.unwrap();
    assert!(of_rita.kept_back.is_empty(), "of one that no role of theirs reaches");
    assert_eq!(names(of_rita), ["open"]);
}

/// One edited row hides neither itself from those who may see it, nor the others.
#[tokio::test]
async fn a_damaged_vault_is_named_to_those_who_may_see_it() {
    let (world, olga) = owned();
    let broken = world.put_vault(&vault("broken"), VaultSettings::default()).unwrap();
    world.put_vault(&vault("whole"), VaultSettings::default()).unwrap();
    let scope = Scope::Vault { vault: broken.id };
    let (rita, sam) = (person("rita"), person("sam"));
    world.put_grant(Grantee::Principal { id: rita.id.clone() }, Role::Reader, scope.clone()).unwrap();
    world.put_grant(Grantee::Principal { id: sam.id.clone() }, Role::PurgeOperator, scope).unwrap();
    world.store.meddle(|image| {
        let mut edited = (*broken).clone();
        edited.settings.purge_protection = !edited.settings.purge_protection;
        image.vaults.insert("broken".to_owned(), std::sync::Arc::new(edited));
    });
    let ctx = world.request(&olga);
    let listed = world.admin.list_vaults(&ctx).await.unwrap();
    assert_eq!(listed.vaults.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["whole"]);
    assert_eq!(listed.damaged, [vault("broken")]);
    let trace = world.store.image().record(ctx.request_id).unwrap().trace.clone();
    assert_eq!(trace.last().unwrap().detail.as_deref(), Some("1 of 2, 1 damaged"));
    assert_eq!(world.admin.list_vaults(&world.request(&rita)).await.unwrap().damaged, [vault("broken")]);
    let sam = world.admin.list_vaults(&world.request(&sam)).await.unwrap();
    assert_eq!(sam, VaultListing::default(), "whose role shows no vault");
}

#[tokio::test]
async fn a_disabled_workload_may_not_even_list_vaults() {
    let (world, _) = owned();
    world.put_vault(&vault("demo"), VaultSettings::default()).unwrap();
    let app = world.put_workload("app", false).unwrap();
    world.put_grant(Grantee::Principal { id: app.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let ctx = world.request(&app);
    let listed = world.admin.list_vaults(&ctx).await;
    assert!(matches!(listed, Err(AdminError::Denied(d)) if d.reason == DenyReason::Identity));
    assert_eq!(world.store.image().record(ctx.request_id).unwrap().outcome, Outcome::Denied);
}

#[tokio::test(start_paused = true)]
async fn reading_the_log_takes_a_role_and_is_on_the_log() {
    let (world, olga) = owned();
    let filter = || RecordFilter { limit: 2, ..RecordFilter::default() };
    let denied = world.admin.query_audit(&world.request(&person("bob")), filter()).await;
    assert!(matches!(denied, Err(AdminError::Denied(_))));
    for _ in 0..3 {
        world.admin.query_audit(&world.request(&olga), filter()).await.unwrap();
    }
    let page = world.admin.query_audit(&world.request(&olga), filter()).await.unwrap();
    assert_eq!(page.items.len(), 2);
    let before = page.next.unwrap().parse().ok();
    let older = world.admin.query_audit(&world.request(&olga), RecordFilter { before, ..filter() }).await.unwrap();
    let told: Vec<_> = older.items.iter().map(|r| (r.operation.as_str(), r.outcome)).collect();
    assert_eq!(told, [("AuditRead", Outcome::Allowed), ("AuditRead", Outcome::Denied)]);
    assert_eq!(older.next, None);
    // While others look through a log that is long, whoever finds no place is told, and that is on record too.
    let places = [person("grace"), person("alan")].map(|other| other.id.clone());
    let taken = futures_util::future::join_all(places.iter().map(|id| world.admin.looks.enter(id))).await;
    assert!(taken.iter().all(Option::is_some));
    let ctx = world.request(&olga);
    assert!(matches!(world.admin.query_audit(&ctx, filter()).await, Err(AdminError::Busy)));
    let record = world.store.image().record(ctx.request_id).unwrap().clone();
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Failed, "throttled"));
    drop(taken);
    world.admin.query_audit(&world.request(&olga), filter()).await.unwrap();
}
