//! A vault's end: soft delete, recovery, purge, by hand and by schedule; and what no row can undo.

use std::sync::Arc;

use strongroom_domain::{
    admin::{AdminError, ScopeRequest},
    decision::DenyReason,
    grant::Scope,
    names::VaultName,
    ports::VaultStore,
    principal::{Grantee, Principal},
    purge::{PRINCIPAL, Purged, Purger},
    record::Outcome,
    role::Role,
    secret::LifeState,
    secrets::SecretError,
    test_support::world::{World, demo, name, person},
    vault::{KEPT_VAULTS, MAX_VAULTS, VaultSettings, VaultUpdate},
};

use crate::common::Demo;

const DAY: i64 = 86_400_000;

/// The vault `demo` with a secret `db` in it; Olga owns the installation, Ada administers secrets,
/// Vera holds a role on the vault alone and Sam on the secret alone.
struct Story {
    demo: Demo,
    olga: Arc<Principal>,
    vera: Arc<Principal>,
    sam: Arc<Principal>,
}

impl Story {
    async fn begin(settings: VaultSettings) -> Self {
        let (demo, olga, vera, sam) = (Demo::start_empty(), person("olga"), person("vera"), person("sam"));
        let as_owner = Grantee::Principal { id: olga.id.clone() };
        demo.world.put_grant(as_owner, Role::Owner, Scope::Server).unwrap();
        let story = Self { demo, olga, vera, sam };
        // By the use case, so that the log tells of it.
        story.world().admin.create_vault(&story.request(), &story.demo.vault, settings).await.unwrap();
        for (who, scope) in [
            (&story.vera, ScopeRequest::Vault(demo_name())),
            (&story.sam, ScopeRequest::Secret(demo_name(), name("db").unwrap())),
        ] {
            let grantee = Grantee::Principal { id: who.id.clone() };
            story.world().admin.add_assignment(&story.request(), (grantee, Role::SecretsUser), &scope).await.unwrap();
        }
        story.demo.set("db", "one").await.unwrap();
        story
    }

    fn world(&self) -> &World {
        &self.demo.world
    }

    fn request(&self) -> strongroom_domain::context::RequestContext {
        self.world().request(&self.olga)
    }

    async fn delete(&self) {
        self.world().admin.delete_vault(&self.request(), &self.demo.vault).await.unwrap();
    }

    async fn purge(&self) -> Result<(), AdminError> {
        self.world().admin.purge_vault(&self.request(), &self.demo.vault).await
    }

    async fn reads(&self, who: &Arc<Principal>) -> Result<String, SecretError> {
        let ctx = self.world().request(who);
        let opened = self.world().secrets.get(&ctx, &self.demo.vault, &name("db").unwrap(), None).await?;
        Ok(opened.value.expose().to_owned())
    }

    async fn run_schedule(&self) -> Purged {
        let world = self.world();
        let purger = Purger {
            schedule: &world.store,
            objects: &world.objects,
            admin: &world.admin,
            clock: &*world.clock,
            entropy: &*world.entropy,
        };
        purger.run().await.unwrap()
    }
}

fn demo_name() -> VaultName {
    demo().unwrap()
}

fn protect() -> VaultUpdate {
    VaultUpdate { purge_protection: Some(true), ..VaultUpdate::default() }
}

fn protected() -> VaultSettings {
    VaultSettings { purge_protection: true, ..VaultSettings::default() }
}

#[tokio::test]
async fn a_deleted_vault_is_not_there_and_comes_back_as_it_was() {
    let story = Story::begin(VaultSettings { retention_days: 7, ..VaultSettings::default() }).await;
    story.delete().await;
    // To its data plane it is a vault that never was: who holds a role on the installation is told
    // that it is missing, others what they are told of any vault.
    assert!(matches!(story.demo.get("db", None).await, Err(SecretError::VaultNotFound)));
    assert!(matches!(story.demo.set("db", "two").await, Err(SecretError::VaultNotFound)));
    for who in [&story.vera, &story.sam, &person("eve")] {
        assert!(matches!(story.reads(who).await, Err(SecretError::Denied(d)) if d.reason == DenyReason::NoRole));
    }
    let admin = &story.world().admin;
    let missing = admin.show_vault(&story.request(), &demo_name()).await;
    assert!(matches!(missing, Err(AdminError::VaultNotFound)));
    let changed = admin.update_vault(&story.request(), &demo_name(), None, &protect()).await;
    assert!(matches!(changed, Err(AdminError::VaultNotFound)));
    assert!(matches!(admin.delete_vault(&story.request(), &demo_name()).await, Err(AdminError::VaultNotFound)));
    assert!(admin.list_vaults(&story.request()).await.unwrap().vaults.is_empty());
    assert!(admin.visible_vaults(&story.request()).await.unwrap().is_empty());
    // Its name stays taken, and it is listed where deleted vaults are.
    let again = admin.create_vault(&story.request(), &demo_name(), VaultSettings::default()).await;
    assert!(matches!(again, Err(AdminError::VaultDeletedButRecoverable)));
    let listed = admin.list_deleted_vaults(&story.request()).await.unwrap().vaults;
    let LifeState::Deleted { deleted_at, purge_at } = listed[0].life else { panic!("it is deleted") };
    assert_eq!(purge_at - deleted_at, 7 * 86_400);
    assert_eq!(admin.show_deleted_vault(&story.request(), &demo_name()).await.unwrap(), listed[0]);

    admin.recover_vault(&story.request(), &demo_name()).await.unwrap();
    for who in [&story.demo.ada, &story.vera, &story.sam] {
        assert_eq!(story.reads(who).await.unwrap(), "one");
    }
    for gone in [
        admin.recover_vault(&story.request(), &demo_name()).await.map(|_| ()),
        admin.show_deleted_vault(&story.request(), &demo_name()).await.map(|_| ()),
        story.purge().await,
    ] {
        assert!(matches!(gone, Err(AdminError::DeletedVaultNotFound)));
    }
}

#[tokio::test]
async fn a_purged_vault_takes_everything_in_it_along() {
    let story = Story::begin(VaultSettings::default()).await;
    story.delete().await;
    story.purge().await.unwrap();
    let image = story.world().store.image();
    assert!(image.vaults.is_empty() && image.objects.is_empty());
    assert!(image.assignments.iter().all(|a| a.scope == Scope::Server), "grants in it went along");
    // The name is free, and nothing of the old vault comes with it.
    let admin = &story.world().admin;
    admin.create_vault(&story.request(), &demo_name(), VaultSettings::default()).await.unwrap();
    story.demo.set("db", "new").await.unwrap();
    assert_eq!(story.reads(&story.demo.ada).await.unwrap(), "new");
    assert!(story.reads(&story.vera).await.is_err() && story.reads(&story.sam).await.is_err());
}

#[tokio::test]
async fn a_grant_at_a_secret_does_not_outlive_it() {
    let story = Story::begin(VaultSettings::default()).await;
    assert_eq!(story.reads(&story.sam).await.unwrap(), "one");
    let ctx = || story.demo.request();
    story.demo.delete_in(&ctx(), "db").await.unwrap();
    story.demo.recover_in(&ctx(), "db").await.unwrap();
    assert_eq!(story.reads(&story.sam).await.unwrap(), "one", "a recovery keeps it");
    story.demo.delete_in(&ctx(), "db").await.unwrap();
    story.demo.purge_in(&ctx(), "db").await.unwrap();
    story.demo.set("db", "somebody else's").await.unwrap();
    assert!(matches!(story.reads(&story.sam).await, Err(SecretError::Denied(_))));
    assert_eq!(story.reads(&story.vera).await.unwrap(), "somebody else's", "a wider grant is another matter");
}

#[tokio::test]
async fn a_protected_vault_is_purged_by_nobody_before_its_date() {
    let story = Story::begin(VaultSettings { retention_days: 7, ..protected() }).await;
    story.demo.delete_in(&story.demo.request(), "db").await.unwrap();
    let early = story.demo.purge_in(&story.demo.request(), "db").await;
    assert!(matches!(early, Err(SecretError::PurgeProtected)));
    story.delete().await;
    assert!(matches!(story.purge().await, Err(AdminError::PurgeProtected)));
    assert_eq!(story.run_schedule().await, Purged::default());
    story.world().clock.advance(7 * DAY - 1000);
    assert!(matches!(story.purge().await, Err(AdminError::PurgeProtected)));
    assert_eq!(story.run_schedule().await, Purged::default());
    story.world().clock.advance(1000);
    assert_eq!(story.run_schedule().await, Purged { vaults: 1, ..Purged::default() });
    assert!(story.world().store.image().vaults.is_empty());
}

/// The same of an object's own row: the one from when it was deleted stays authentic after it was recovered.
#[tokio::test]
async fn no_row_of_what_was_recovered_purges_it() {
    let story = Story::begin(VaultSettings { retention_days: 7, ..protected() }).await;
    let (store, ctx) = (&story.world().store, || story.demo.request());
    story.demo.delete_in(&ctx(), "db").await.unwrap();
    let deleted = store.image().objects;
    story.demo.recover_in(&ctx(), "db").await.unwrap();
    story.world().clock.advance(8 * DAY);
    let recovered = store.image().objects;
    store.meddle(|image| image.objects = deleted);
    let request = ctx();
    let purge = story.demo.purge_in(&request, "db").await;
    assert!(matches!(purge, Err(SecretError::Denied(d)) if d.reason == DenyReason::Tampered));
    let record = store.image().record(request.request_id).cloned().unwrap();
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Denied, "tampered"));
    assert_eq!(story.run_schedule().await, Purged { failed: 1, ..Purged::default() }, "nor by its date");
    assert_eq!(store.image().objects.len(), 1);

    // As it was left, it goes as everything does.
    store.meddle(|image| image.objects = recovered);
    story.demo.delete_in(&ctx(), "db").await.unwrap();
    story.world().clock.advance(8 * DAY);
    assert_eq!(story.run_schedule().await, Purged { objects: 1, ..Purged::default() });
}

/// The adversary can write the database: edits the row, or puts an older, authentic one back.
#[tokio::test]
async fn no_row_takes_purge_protection_away() {
    let story = Story::begin(VaultSettings::default()).await;
    let unprotected = story.world().store.image().vaults["demo"].clone();
    let admin = &story.world().admin;
    admin.update_vault(&story.request(), &demo_name(), None, &protect()).await.unwrap();
    story.demo.delete_in(&story.demo.request(), "db").await.unwrap();
    let is_tampered = |reason: &DenyReason| *reason == DenyReason::Tampered;

    // The older row as it was: the gate believes it as long as nothing is removed.
    story.world().store.meddle(|image| image.vaults.insert("demo".into(), unprotected.clone()));
    let ctx = story.demo.request();
    let purge = story.demo.purge_in(&ctx, "db").await;
    assert!(matches!(purge, Err(SecretError::Denied(d)) if is_tampered(&d.reason)));
    let record = story.world().store.image().record(ctx.request_id).cloned().unwrap();
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Denied, "tampered"));
    // A soft delete of it is a change on top of the older row, and bears its own revision: the same
    // that the log tells of, but the log remembers the protection.
    story.delete().await;
    assert!(matches!(story.purge().await, Err(AdminError::Denied(d)) if is_tampered(&d.reason)));
    story.world().clock.advance(91 * DAY);
    let late = story.run_schedule().await;
    assert_eq!((late.vaults, late.objects, late.failed), (0, 0, 1), "not even after its date, and it is reported");
    assert!(!story.world().store.image().objects.is_empty());

    // An edited row is no row at all.
    let mut edited = (*unprotected).clone();
    edited.revision = 3;
    story.world().store.meddle(|image| image.vaults.insert("demo".into(), Arc::new(edited)));
    assert!(matches!(story.purge().await, Err(AdminError::Denied(d)) if is_tampered(&d.reason)));
}

#[tokio::test]
async fn the_schedule_purges_what_is_due_once_and_on_record() {
    let story = Story::begin(VaultSettings { retention_days: 7, ..VaultSettings::default() }).await;
    for n in 0..230 {
        let secret = format!("s{n}");
        story.demo.set(&secret, "x").await.unwrap();
        if n % 2 == 0 {
            story.demo.delete_in(&story.demo.request(), &secret).await.unwrap();
        }
    }
    story.world().clock.advance(6 * DAY);
    story.demo.delete_in(&story.demo.request(), "s1").await.unwrap();
    assert_eq!(story.run_schedule().await, Purged::default());
    story.world().clock.advance(DAY);
    // Two nodes at once: each name goes once, with one record.
    let twin = story.demo.on(story.world().store.node("twin"));
    let world = &twin.world;
    world.clock.advance(7 * DAY);
    let other = Purger {
        schedule: &world.store,
        objects: &world.objects,
        admin: &world.admin,
        clock: &*world.clock,
        entropy: &*world.entropy,
    };
    let (one, two) = tokio::join!(story.run_schedule(), other.run());
    let two = two.unwrap();
    assert_eq!((one.objects + two.objects, one.failed + two.failed), (115, 0));
    let image = story.world().store.image();
    assert_eq!(image.objects.len(), 230 - 115 + 1);
    assert_eq!(image.objects.values().filter(|row| row.meta.life != LifeState::Active).count(), 1, "s1 is not due");
    let purges = image.log.iter().filter(|l| l.record.operation == "SecretPurge");
    let purges: Vec<_> = purges.filter(|l| l.record.outcome == Outcome::Allowed).collect();
    assert_eq!(purges.len(), 115);
    assert!(purges.iter().all(|l| l.record.principal.as_ref().is_some_and(|p| p.subject == PRINCIPAL)));
}

#[tokio::test]
async fn only_so_many_vaults_are_made() {
    let story = Story::begin(VaultSettings::default()).await;
    let one = story.world().store.image().vaults["demo"].clone();
    let fill = |from: usize, to: usize| {
        story.world().store.meddle(|image| {
            for n in from..to {
                let mut other = (*one).clone();
                other.name = VaultName::parse(&format!("vault-{n}")).unwrap();
                image.vaults.insert(format!("vault-{n}"), Arc::new(other));
            }
        });
    };
    let make = async |who: &Arc<Principal>, name: &str| {
        let name = VaultName::parse(name).unwrap();
        story.world().admin.create_vault(&story.world().request(who), &name, VaultSettings::default()).await
    };
    let cleo = person("cleo");
    story.world().put_grant(Grantee::Principal { id: cleo.id.clone() }, Role::Contributor, Scope::Server).unwrap();
    fill(1, MAX_VAULTS - KEPT_VAULTS - 1);
    make(&cleo, "the-last-of-cleo").await.unwrap();
    let kept = make(&cleo, "one-more").await;
    assert!(matches!(kept, Err(AdminError::TooManyVaults)), "the last ones are for the owners");
    make(&story.olga, "of-an-owner").await.unwrap();
    fill(MAX_VAULTS - KEPT_VAULTS, MAX_VAULTS - 1);
    assert_eq!(story.world().store.vaults(false).await.unwrap().len(), MAX_VAULTS);
    assert!(matches!(make(&story.olga, "one-more").await, Err(AdminError::TooManyVaults)));
}
