//! The life of a secret.

use strongroom_crypto::SecretText;
use strongroom_domain::{
    access_policy::AccessMode,
    action::Action,
    grant::Scope,
    names::{ObjectKind, VaultName},
    network::NetworkRules,
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment},
    principal::Grantee,
    record::Outcome,
    role::Role,
    secret::{LifeState, SecretAttributes},
    secrets::{MAX_PAGE, SecretError},
    test_support::{
        Verdict,
        world::{BEGIN, enabled, name, person},
    },
    vault::VaultSettings,
};

use crate::common::Demo;

#[tokio::test]
async fn the_newest_version_is_current_and_the_older_ones_stay() {
    let demo = Demo::start();
    let old = demo.set("Db-Password", "old").await.unwrap();
    let new = demo.set("db-password", "new").await.unwrap();
    assert_eq!(demo.get("DB-PASSWORD", None).await.unwrap().value.expose(), "new");
    assert_eq!(demo.get("db-password", Some(&old.meta.version)).await.unwrap().value.expose(), "old");
    assert_eq!((old.meta.ordinal, new.meta.ordinal), (1, 2));
    assert_eq!(new.secret.name.display(), "Db-Password", "the first spelling stays");
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_that_is_recorded() {
    let demo = Demo::start();
    let set = demo.set("db", "v").await.unwrap();
    assert!(matches!(demo.get("nothing", None).await, Err(SecretError::NotFound(_, None))));
    let mut other = set.meta.version.as_str().to_owned();
    other.replace_range(..1, if other.starts_with('0') { "1" } else { "0" });
    let other = strongroom_domain::names::ObjectVersion::parse(&other).unwrap();
    assert!(matches!(demo.get("db", Some(&other)).await, Err(SecretError::NotFound(_, Some(_)))));
    let image = demo.world.store.image();
    assert!(image.log[1..].iter().all(|l| l.record.outcome == Outcome::Failed && l.record.reason == "not-found"));
}

#[tokio::test]
async fn a_disabled_version_cannot_be_read_but_its_successor_can() {
    let demo = Demo::start();
    let attributes = SecretAttributes { enabled: false, ..enabled() };
    let (db, value) = (name("db").unwrap(), SecretText::new("v".to_owned()));
    let disabled = demo.world.secrets.set(&demo.request(), &demo.vault, &db, &attributes, value).await.unwrap();
    assert!(matches!(demo.get("db", None).await, Err(SecretError::Disabled)));
    demo.set("db", "w").await.unwrap();
    assert_eq!(demo.get("db", None).await.unwrap().value.expose(), "w");
    assert!(matches!(demo.get("db", Some(&disabled.meta.version)).await, Err(SecretError::Disabled)));
    let (item, _) = demo.world.secrets.show(&demo.request(), &demo.vault, &db, None).await.unwrap();
    assert_eq!(item.version.ordinal, 2);
}

#[tokio::test]
async fn deleted_is_recoverable_and_blocks_its_name_until_it_is_purged() {
    let demo = Demo::start();
    let db = name("db").unwrap();
    let set = demo.set("db", "v").await.unwrap();
    let deleted = demo.delete_in(&demo.request(), "db").await.unwrap();
    let day = 86_400;
    assert_eq!(deleted.secret.life, LifeState::Deleted { deleted_at: BEGIN / 1000, purge_at: BEGIN / 1000 + 90 * day });
    assert!(matches!(demo.get("db", None).await, Err(SecretError::NotFound(..))));
    assert!(matches!(demo.get("db", Some(&set.meta.version)).await, Err(SecretError::NotFound(..))));
    assert!(matches!(demo.set("db", "w").await, Err(SecretError::DeletedButRecoverable(_))));
    assert!(matches!(demo.delete_in(&demo.request(), "db").await, Err(SecretError::NotFound(..))));
    demo.world.secrets.get_deleted(&demo.request(), &demo.vault, &db).await.unwrap();

    demo.recover_in(&demo.request(), "db").await.unwrap();
    assert_eq!(demo.get("db", None).await.unwrap().value.expose(), "v");
    assert!(matches!(demo.recover_in(&demo.request(), "db").await, Err(SecretError::DeletedNotFound(_))));
    assert!(matches!(demo.purge_in(&demo.request(), "db").await, Err(SecretError::DeletedNotFound(_))));

    demo.delete_in(&demo.request(), "db").await.unwrap();
    demo.purge_in(&demo.request(), "db").await.unwrap();
    assert!(demo.world.store.image().objects.is_empty());
    let gone = demo.world.secrets.get_deleted(&demo.request(), &demo.vault, &db).await;
    assert!(matches!(gone, Err(SecretError::DeletedNotFound(_))));
    assert_eq!(demo.set("db", "again").await.unwrap().meta.ordinal, 1);
}

#[tokio::test]
async fn purge_protection_holds_against_everybody() {
    let demo = Demo::with(VaultSettings { purge_protection: true, ..VaultSettings::default() });
    demo.world.put_grant(Grantee::Principal { id: demo.ada.id.clone() }, Role::Owner, Scope::Server).unwrap();
    demo.set("db", "v").await.unwrap();
    demo.delete_in(&demo.request(), "db").await.unwrap();
    let ctx = demo.request();
    assert!(matches!(demo.purge_in(&ctx, "db").await, Err(SecretError::PurgeProtected)));
    assert_eq!(demo.world.store.image().record(ctx.request_id).unwrap().reason, "purge-protected");
    demo.recover_in(&demo.request(), "db").await.unwrap();
}

#[tokio::test]
async fn listings_come_in_pages_in_order_of_name_and_show_no_deleted() {
    let demo = Demo::start();
    for number in 0..30 {
        demo.set(&format!("Secret-{number:02}"), "v").await.unwrap();
    }
    demo.delete_in(&demo.request(), "secret-07").await.unwrap();
    let secrets = &demo.world.secrets;
    let (first, _) = secrets.list(&demo.request(), &demo.vault, false, None, 1000).await.unwrap();
    assert_eq!(first.items.len(), MAX_PAGE);
    let next = name(first.next.as_deref().unwrap()).unwrap();
    let (second, _) = secrets.list(&demo.request(), &demo.vault, false, Some(&next), MAX_PAGE).await.unwrap();
    assert_eq!(second.next, None);
    let names: Vec<_> = first.items.iter().chain(&second.items).map(|i| i.secret.name.display().to_owned()).collect();
    let expected: Vec<_> = (0..30).filter(|n| *n != 7).map(|n| format!("Secret-{n:02}")).collect();
    assert_eq!(names, expected);
    let (deleted, _) = secrets.list(&demo.request(), &demo.vault, true, None, MAX_PAGE).await.unwrap();
    assert_eq!(deleted.items.len(), 1);
}

#[tokio::test]
async fn versions_are_listed_and_a_missing_name_has_none() {
    let demo = Demo::start();
    for value in ["a", "b", "c"] {
        demo.set("db", value).await.unwrap();
    }
    let secrets = &demo.world.secrets;
    let (db, nothing) = (name("db").unwrap(), name("nothing").unwrap());
    let (page, _) = secrets.versions(&demo.request(), &demo.vault, &db, None, 2).await.unwrap();
    assert_eq!(page.items.len(), 2);
    let after = strongroom_domain::names::ObjectVersion::parse(page.next.as_deref().unwrap()).unwrap();
    let (rest, _) = secrets.versions(&demo.request(), &demo.vault, &db, Some(&after), 2).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let made: Vec<i64> = page.items.iter().chain(&rest.items).map(|item| item.version.ordinal).collect();
    assert_eq!(made, [3, 2, 1], "the newest first, made within a second or not");
    let (none, _) = secrets.versions(&demo.request(), &demo.vault, &nothing, None, 2).await.unwrap();
    assert!(none.items.is_empty());
}

#[tokio::test]
async fn a_listing_with_one_edited_row_tells_nothing() {
    let demo = Demo::start();
    demo.set("a", "v").await.unwrap();
    demo.set("b", "v").await.unwrap();
    demo.world.store.meddle(|image| image.objects.values_mut().next().unwrap().meta.tag[0] ^= 1);
    let listed = demo.world.secrets.list(&demo.request(), &demo.vault, false, None, 25).await;
    assert!(matches!(listed, Err(SecretError::Tampered)));
    assert_eq!(demo.world.store.image().log.last().unwrap().record.outcome, Outcome::Failed);
}

#[tokio::test]
async fn a_role_on_one_secret_opens_that_secret_only() {
    let demo = Demo::start();
    demo.set("db", "v").await.unwrap();
    demo.set("other", "w").await.unwrap();
    let bob = person("bob");
    let vault = demo.world.store.image().vaults["demo"].id;
    let scope = Scope::Object { vault, kind: ObjectKind::Secret, name: name("DB").unwrap() };
    demo.world.put_grant(Grantee::Principal { id: bob.id.clone() }, Role::SecretsUser, scope).unwrap();
    let request = || demo.world.request(&bob);
    assert!(demo.get_in(&request(), "db", None).await.is_ok());
    assert!(matches!(demo.get_in(&request(), "other", None).await, Err(SecretError::Denied(_))));
    assert!(matches!(demo.set_in(&request(), "db", "x").await, Err(SecretError::Denied(_))));
    let listed = demo.world.secrets.list(&request(), &demo.vault, false, None, 25).await;
    assert!(matches!(listed, Err(SecretError::Denied(_))));
}

#[tokio::test]
async fn nobody_learns_whether_a_vault_exists_without_a_role_on_the_installation() {
    let decider = PolicyAttachment {
        name: "decider".to_owned(),
        module: ModuleDigest([7; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: true,
        previous: None,
    };
    let (missing, db) = (VaultName::parse("missing").unwrap(), name("db").unwrap());
    for (mode, effect) in AccessMode::ALL.into_iter().flat_map(|mode| [(mode, Effect::Abstain), (mode, Effect::Deny)]) {
        let policies = vec![decider.clone()];
        let demo = Demo::with(VaultSettings { access_mode: mode, policies, ..VaultSettings::default() });
        demo.world.policies.answer("decider", Verdict::Says(effect));
        let asks = async |who: &str, vault: &VaultName| {
            let answer = demo.world.secrets.get(&demo.world.request(&person(who)), vault, &db, None).await;
            let Some(SecretError::Denied(denial)) = answer.err() else { panic!("{who} has no role") };
            // The record has the true reason.
            assert_eq!(demo.world.store.image().log.last().unwrap().record.reason, denial.reason.code());
            denial.reason
        };
        let (there, not_there) = (asks("bob", &demo.vault).await, asks("bob", &missing).await);
        assert_eq!(*there.told(), not_there, "{mode:?} {effect:?}");
        // Who holds something there is told why.
        let vault = demo.world.store.image().vaults["demo"].id;
        let scope = Scope::Object { vault, kind: ObjectKind::Secret, name: name("other").unwrap() };
        let carol = Grantee::Principal { id: person("carol").id.clone() };
        demo.world.put_grant(carol, Role::SecretsUser, scope).unwrap();
        let why = asks("carol", &demo.vault).await;
        assert_eq!(*why.told(), why, "{mode:?} {effect:?}");
        let admin = demo.world.secrets.get(&demo.request(), &missing, &db, None).await;
        assert!(matches!(admin, Err(SecretError::VaultNotFound)));
    }
}

#[tokio::test]
async fn a_record_says_who_what_where_why_and_by_which_grant() {
    let attachment = PolicyAttachment {
        name: "naming".to_owned(),
        module: ModuleDigest([7; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    let demo = Demo::with(VaultSettings {
        network: NetworkRules::only(vec!["127.0.0.0/8".parse().unwrap()]),
        policies: vec![attachment],
        ..VaultSettings::default()
    });
    demo.world.policies.answer("naming", Verdict::Says(Effect::Allow));
    let ctx = demo.request();
    demo.world.clock.advance(3);
    let set = demo.set_in(&ctx, "Db", "v").await.unwrap();
    let image = demo.world.store.image();
    let record = image.record(ctx.request_id).unwrap();
    assert_eq!(record.principal.as_ref(), Some(&demo.ada.id));
    assert_eq!((record.client.as_str(), record.listener.as_str()), ("127.0.0.1", "test"));
    assert_eq!((record.operation.as_str(), record.vault.as_deref()), ("SecretSet", Some("demo")));
    assert_eq!((record.kind.as_deref(), record.object.as_deref()), (Some("secret"), Some("db")));
    assert_eq!(record.version.as_deref(), Some(set.meta.version.as_str()));
    assert_eq!(record.revision, Some(set.secret.revision));
    assert_eq!((record.at, record.duration_micros), (BEGIN, 3000));
    assert_eq!(record.settings_revision, Some(1));
    let stages: Vec<_> = record.trace.iter().map(|s| s.stage.as_str()).collect();
    assert_eq!(stages, ["network", "grants", "policy:naming"]);
    assert_eq!(record.trace[1].detail, Some(image.assignments[0].id.to_string()));
    let input = record.input.as_ref().unwrap();
    assert_eq!((input.object.name.as_str(), input.time), ("db", BEGIN / 1000));
}

#[tokio::test]
async fn what_was_changed_since_it_was_looked_at_stays_as_it_is() {
    let demo = Demo::start();
    let set_at = async |revision| {
        let ctx = demo.request();
        ctx.expect_revision(Action::SecretSet, revision);
        (ctx.request_id, demo.set_in(&ctx, "db", "v").await)
    };
    // Nothing is there yet.
    let seen = set_at(0).await.1.unwrap().secret.revision;
    assert_eq!(set_at(seen).await.1.unwrap().secret.revision, seen + 1);
    for late in [seen, 0] {
        let (id, refused) = set_at(late).await;
        assert!(matches!(refused, Err(SecretError::OtherRevision)), "{late}");
        let image = demo.world.store.image();
        let record = image.record(id).unwrap();
        assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Failed, "other-revision"));
    }
    // Of another action nothing was said.
    let ctx = demo.request();
    ctx.expect_revision(Action::SecretUpdate, 0);
    assert_eq!(demo.set_in(&ctx, "db", "v").await.unwrap().meta.ordinal, 3);
}

#[tokio::test]
async fn limits_are_refused_before_anything_is_judged_or_written() {
    let demo = Demo::start();
    assert!(matches!(demo.set("db", &"x".repeat(25_601)).await, Err(SecretError::Invalid(_))));
    assert!(demo.set("db", &"x".repeat(25_600)).await.is_ok());
    assert_eq!(demo.world.store.image().happened.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn many_writers_of_one_name_all_count_or_are_told_so() {
    let demo = std::sync::Arc::new(Demo::start());
    demo.world.store.set_jitter(7);
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..20 {
        let demo = demo.clone();
        writers.spawn(async move { demo.set("db", &number.to_string()).await.map(|set| set.meta.ordinal) });
    }
    let outcomes = writers.join_all().await;
    let mut ordinals: Vec<_> = outcomes.iter().filter_map(|o| o.as_ref().ok().copied()).collect();
    ordinals.sort_unstable();
    assert_eq!(ordinals, (1..=i64::try_from(ordinals.len()).unwrap()).collect::<Vec<_>>(), "no update was lost");
    assert!(outcomes.iter().all(|o| matches!(o, Ok(_) | Err(SecretError::Contended))));
    let image = demo.world.store.image();
    assert_eq!(image.happened.len(), ordinals.len());
    let given_up = image.log.iter().filter(|l| (l.record.outcome, &*l.record.reason) == (Outcome::Failed, "contended"));
    assert!(ordinals.len() < 20, "some gave up");
    assert_eq!(given_up.count(), 20 - ordinals.len(), "and that is on record");
}
