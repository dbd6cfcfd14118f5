//! From where a vault may be reached, and how nobody locks themselves out by mistake.

use std::sync::Arc;

use strongroom_domain::{
    action::Action,
    admin::{AdminError, recover_network},
    decision::{Denial, DenyReason},
    gate::{Ask, Judgement},
    grant::Scope,
    names::{ObjectKind, VaultName},
    network::{NetworkRules, ShutOut, parse_network},
    principal::{Grantee, Principal, PrincipalKind},
    record::Outcome,
    role::Role,
    test_support::{
        open,
        world::{OWN_ISSUER, World, name, person, principal},
    },
    vault::{NewVault, VaultSettings, VaultUpdate},
};

fn rules(text: &str) -> NetworkRules {
    serde_json::from_str(text).unwrap()
}

/// Requests of these stories come from 127.0.0.1 over the listener `test`.
#[tokio::test]
async fn a_change_that_locks_its_author_out_is_refused_unless_forced_and_the_record_says_so() {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let payments = VaultName::parse("payments").unwrap();
    world.put_vault(&payments, VaultSettings::default()).unwrap();
    let update = async |network: &str, force: bool| {
        let ctx = world.request(&olga);
        let update = VaultUpdate { network: Some(rules(network)), force, ..VaultUpdate::default() };
        (world.admin.update_vault(&ctx, &payments, None, &update).await, ctx.request_id)
    };
    let outside = r#"{"default_action":"allow","rules":[{"action":"deny","listener":"test"}]}"#;
    for network in [
        outside,
        r#"{"allow":["10.0.0.0/8"]}"#,
        r#"{"default_action":"deny"}"#,
        r#"{"default_action":"deny","rules":[{"action":"allow","network":"127.0.0.0/8","listener":"other"}]}"#,
        r#"{"default_action":"deny","rules":[{"action":"allow","network":"127.0.0.0/8","ends_at":1}]}"#,
    ] {
        let (refused, id) = update(network, false).await;
        assert!(matches!(refused, Err(AdminError::LocksAuthorOut(ShutOut::Now))), "{network}");
        let image = world.store.image();
        let record = image.record(id).unwrap();
        assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Failed, "locks-author-out"));
        assert_eq!(image.vaults["payments"].revision, 1, "nothing has changed");
    }
    let inside = r#"{"default_action":"deny","rules":[{"action":"allow","network":"127.0.0.0/8","listener":"test"}]}"#;
    let (changed, id) = update(inside, true).await;
    assert_eq!(changed.unwrap().settings.network, rules(inside));
    let forced = |id| world.store.image().record(id).unwrap().trace.iter().any(|s| s.reason == "lock-out-forced");
    assert!(!forced(id), "there was nothing to force");
    let (changed, id) = update(outside, true).await;
    assert_eq!(changed.unwrap().revision, 3);
    assert!(forced(id));
    let (denied, id) = update(inside, true).await;
    assert!(matches!(denied, Err(AdminError::Denied(denial)) if matches!(denial.reason, DenyReason::Network(_))));
    let image = world.store.image();
    let stage = image.record(id).unwrap().trace[0].clone();
    assert_eq!((stage.stage.as_str(), stage.detail.as_deref()), ("network", Some("rule 1")));
}

#[tokio::test]
async fn a_vault_that_its_maker_could_not_reach_is_made_by_force_alone() {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let payments = VaultName::parse("payments").unwrap();
    let settings = || VaultSettings { network: rules(r#"{"allow":["10.0.0.0/8"]}"#), ..VaultSettings::default() };
    let ctx = world.request(&olga);
    let refused = world.admin.create_vault(&ctx, &payments, settings()).await;
    assert!(matches!(refused, Err(AdminError::LocksAuthorOut(ShutOut::Now))));
    let image = world.store.image();
    assert_eq!(image.record(ctx.request_id).unwrap().reason, "locks-author-out");
    assert!(image.vaults.is_empty(), "nothing has changed");
    let ctx = world.request(&olga);
    world.admin.create_vault(&ctx, &payments, NewVault { settings: settings(), force: true }).await.unwrap();
    let image = world.store.image();
    assert!(image.record(ctx.request_id).unwrap().trace.iter().any(|stage| stage.reason == "lock-out-forced"));
}

#[tokio::test]
async fn a_rule_ends_when_it_says() {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let payments = VaultName::parse("payments").unwrap();
    let now = strongroom_domain::time::Clock::now_millis(&*world.clock);
    let network = format!(
        r#"{{"default_action":"deny","rules":[{{"action":"allow","network":"127.0.0.1","ends_at":{}}}]}}"#,
        now + 60_000
    );
    let settings = VaultSettings { network: rules(&network), ..VaultSettings::default() };
    world.put_vault(&payments, settings).unwrap();
    world.clock.advance(59_999);
    world.admin.show_vault(&world.request(&olga), &payments).await.unwrap();
    world.clock.advance(1);
    let denied = world.admin.show_vault(&world.request(&olga), &payments).await;
    assert!(matches!(denied, Err(AdminError::Denied(denial)) if matches!(denial.reason, DenyReason::Network(_))));
}

/// Whom the rules keep out and who holds nothing in the vault learns nothing of it, not even by an identity that does
/// not count; who holds anything in it hears of the rules. The record says what it was.
#[tokio::test]
async fn strangers_whom_the_rules_keep_out_hear_what_they_hear_of_no_vault() {
    let world = World::start().unwrap();
    let (payments, absent) = (VaultName::parse("payments").unwrap(), VaultName::parse("absent").unwrap());
    let db = name("db").unwrap();
    let shut = VaultSettings { network: rules(r#"{"default_action":"deny"}"#), ..VaultSettings::default() };
    let vault = world.put_vault(&payments, shut).unwrap().id;
    let (ada, mallory) = (person("ada"), person("mallory"));
    let gone = principal(OWN_ISSUER, &uuid::Uuid::from_bytes([9; 16]).to_string(), PrincipalKind::Workload, &[]);
    let one = Scope::Object { vault, kind: ObjectKind::Secret, name: name("other").unwrap() };
    world.put_grant(Grantee::Principal { id: ada.id.clone() }, Role::SecretsUser, one).unwrap();
    let hears = async |who: &Arc<Principal>, vault: &VaultName| {
        let ask = Ask::secret(Action::SecretGet, vault, &db);
        match world.gate.judge(&world.request(who), &ask).await {
            Judgement::Denied(record, denial) => {
                let Denial { reason, .. } = open(denial);
                (reason.told().clone(), reason.code().to_owned(), record.trace.first().cloned())
            }
            Judgement::Permitted(_) => panic!("nobody may"),
        }
    };
    for (who, told) in [(&mallory, DenyReason::NoRole), (&gone, DenyReason::Identity)] {
        let (of_shut, code, first) = hears(who, &payments).await;
        assert_eq!((&of_shut, &hears(who, &absent).await.0), (&told, &told));
        assert!(first.is_some_and(|stage| stage.reason == "network-not-allowed"), "{code}");
    }
    assert_eq!(hears(&mallory, &payments).await.1, "network-not-allowed");
    assert!(matches!(hears(&ada, &payments).await.0, DenyReason::Network(_)));
}

/// A rule that lets its author in for a while is no way in.
#[tokio::test]
async fn a_lock_out_that_comes_with_the_end_of_a_rule_is_one() {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let payments = VaultName::parse("payments").unwrap();
    world.put_vault(&payments, VaultSettings::default()).unwrap();
    let end = world.request(&olga).now + 8_000;
    let ending = |default: &str| {
        rules(&format!(
            r#"{{"default_action":"{default}","rules":[{{"action":"allow","network":"127.0.0.0/8","ends_at":{end}}}]}}"#
        ))
    };
    let put = async |update: VaultUpdate| {
        let ctx = world.request(&olga);
        (world.admin.update_vault(&ctx, &payments, None, &update).await, ctx.request_id)
    };
    let network = |network, force| VaultUpdate { network: Some(network), force, ..VaultUpdate::default() };
    put(network(ending("allow"), false)).await.0.unwrap();
    let refused = put(network(ending("deny"), false)).await.0.unwrap_err();
    assert!(matches!(refused, AdminError::LocksAuthorOut(ShutOut::OnceEnded(0))), "{refused}");
    assert!(refused.to_string().contains("lock you out of the vault once rule 1 has ended:"), "{refused}");
    let other = VaultName::parse("other").unwrap();
    let begun = VaultSettings { network: ending("deny"), ..VaultSettings::default() };
    let begun = world.admin.create_vault(&world.request(&olga), &other, begun).await;
    assert!(matches!(begun, Err(AdminError::LocksAuthorOut(ShutOut::OnceEnded(0)))));
    let (forced, id) = put(network(ending("deny"), true)).await;
    forced.unwrap();
    assert!(world.store.image().record(id).unwrap().trace.iter().any(|stage| stage.reason == "lock-out-forced"));
    // What stands so already is no reason to refuse something else.
    put(VaultUpdate { region: Some("east".to_owned()), ..VaultUpdate::default() }).await.0.unwrap();
}

/// The way back for whoever has the machine and the root key.
#[tokio::test]
async fn a_vault_that_nobody_reaches_is_reached_again_with_the_root_key() {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let payments = VaultName::parse("payments").unwrap();
    let shut = rules(r#"{"default_action":"deny","rules":[{"action":"deny","network":"127.0.0.0/8"}]}"#);
    world.put_vault(&payments, VaultSettings { network: shut, ..VaultSettings::default() }).unwrap();
    let show = async || world.admin.show_vault(&world.request(&olga), &payments).await;
    assert!(matches!(show().await, Err(AdminError::Denied(denial)) if matches!(denial.reason, DenyReason::Network(_))));
    let recover = async |network: Option<&str>| {
        let ctx = world.request(&Arc::new(Principal::system("network-recover")));
        let network = network.and_then(parse_network);
        recover_network(&ctx, &world.keyring, &world.store, &world.recorder, &payments, network).await.unwrap();
        ctx.request_id
    };
    recover(Some("10.0.0.0/8")).await;
    assert!(show().await.is_err(), "another network than that of these requests");
    let id = recover(None).await;
    let shown = show().await.unwrap();
    assert_eq!((shown.settings.network.rules.len(), shown.revision), (4, 3), "nothing is taken away");
    let image = world.store.image();
    let record = image.record(id).unwrap();
    assert_eq!((record.operation.as_str(), record.vault.as_deref()), ("VaultPatch", Some("payments")));
    assert!(record.trace.iter().any(|stage| stage.reason == "recovered-with-root-key"), "{:?}", record.trace);
    assert_eq!(record.changed.len(), 1);
}
