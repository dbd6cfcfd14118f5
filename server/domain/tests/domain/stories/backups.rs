//! Backup and restore: everything of a name comes back as it was, to its own vault alone.

use std::collections::BTreeMap;

use strongroom_crypto::SecretText;
use strongroom_domain::{
    backup::MAX_BACKUP_VERSIONS,
    grant::Scope,
    names::VaultName,
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment},
    principal::Grantee,
    record::Outcome,
    role::Role,
    secret::{AttributePatch, SecretAttributes},
    secrets::SecretError,
    test_support::{
        Verdict,
        world::{enabled, name, person},
    },
    vault::VaultSettings,
};

use crate::common::Demo;

async fn backup(demo: &Demo, secret: &str) -> Vec<u8> {
    demo.world.secrets.backup(&demo.request(), &demo.vault, &name(secret).unwrap()).await.unwrap()
}

async fn restore(demo: &Demo, blob: &[u8]) -> Result<strongroom_domain::secret::SecretItem, SecretError> {
    demo.world.secrets.restore(&demo.request(), &demo.vault, blob).await.map(|(item, _)| item)
}

async fn purge(demo: &Demo, secret: &str) {
    demo.delete_in(&demo.request(), secret).await.unwrap();
    demo.purge_in(&demo.request(), secret).await.unwrap();
}

#[tokio::test]
async fn everything_comes_back_as_it_was() {
    let demo = Demo::start();
    let old = demo.set("Db-Password", "old value").await.unwrap();
    demo.world.clock.advance(3_000);
    let attributes = SecretAttributes {
        expires: Some(20),
        content_type: Some("text/plain".to_owned()),
        tags: BTreeMap::from([("owner".to_owned(), "Zoë".to_owned())]),
        ..enabled()
    };
    let (db, value) = (name("db-password").unwrap(), SecretText::new("new value".to_owned()));
    let new = demo.world.secrets.set(&demo.request(), &demo.vault, &db, &attributes, value).await.unwrap();
    let off = AttributePatch { enabled: Some(false), ..Default::default() };
    demo.world.secrets.update(&demo.request(), &demo.vault, &db, Some(&old.meta.version), &off).await.unwrap();
    let before = demo.world.store.image().objects.values().next().unwrap().clone();
    let blob = backup(&demo, "DB-password").await;
    for value in ["old value", "new value", "Db-Password", "owner"] {
        assert!(!blob.windows(value.len()).any(|w| w == value.as_bytes()), "{value} is sealed");
    }
    purge(&demo, "db-password").await;
    demo.world.clock.advance(60_000);
    let ctx = demo.request();
    let (item, _) = demo.world.secrets.restore(&ctx, &demo.vault, &blob).await.unwrap();
    assert_eq!((item.secret.name.display(), &item.version.version), ("Db-Password", &new.meta.version));
    let image = demo.world.store.image();
    let after = image.objects.values().next().unwrap();
    assert_ne!(after.meta.revision, before.meta.revision, "a permit for the purged name does not fit");
    let plain = |row: &strongroom_domain::test_support::NameRow| -> Vec<_> {
        row.versions.values().map(|v| (v.meta.clone(), v.sealed.clone())).collect()
    };
    assert_eq!(plain(after), plain(&before), "ids, attributes, times, order and values");
    assert_eq!(demo.get("db-password", None).await.unwrap().value.expose(), "new value");
    assert!(matches!(demo.get("db-password", Some(&old.meta.version)).await, Err(SecretError::Disabled)));
    let record = image.record(ctx.request_id).unwrap();
    assert_eq!((record.operation.as_str(), record.object.as_deref()), ("SecretRestore", Some("db-password")));
    assert_eq!(record.version.as_deref(), Some(new.meta.version.as_str()));
    assert_eq!(record.changed[0].versions.len(), 2, "every row that was written is named");
    let next = demo.set("db-password", "newest").await.unwrap();
    assert_eq!(next.meta.ordinal, new.meta.ordinal + 1);
}

#[tokio::test]
async fn a_taken_name_is_not_restored_over() {
    let demo = Demo::start();
    demo.set("db", "v").await.unwrap();
    let blob = backup(&demo, "db").await;
    demo.set("db", "later").await.unwrap();
    assert!(matches!(restore(&demo, &blob).await, Err(SecretError::Exists(_))));
    demo.delete_in(&demo.request(), "db").await.unwrap();
    assert!(matches!(restore(&demo, &blob).await, Err(SecretError::DeletedButRecoverable(_))));
    demo.recover_in(&demo.request(), "db").await.unwrap();
    assert_eq!(demo.get("db", None).await.unwrap().value.expose(), "later");
    assert_eq!(demo.world.store.image().log.iter().filter(|l| l.record.operation == "SecretRestore").count(), 2);
}

#[tokio::test]
async fn a_blob_opens_in_its_own_vault_alone_and_unchanged_alone() {
    let demo = Demo::start();
    demo.set("db", "v").await.unwrap();
    let blob = backup(&demo, "db").await;
    let other = VaultName::parse("other").unwrap();
    demo.world.put_vault(&other, VaultSettings::default()).unwrap();
    let elsewhere = demo.world.secrets.restore(&demo.request(), &other, &blob).await;
    assert!(matches!(elsewhere, Err(SecretError::BadBackup)), "another vault");
    let stranger = Demo::start();
    stranger.world.store.meddle(|image| image.vaults.clear());
    stranger.world.put_vault(&stranger.vault, VaultSettings::default()).unwrap();
    assert!(matches!(restore(&stranger, &blob).await, Err(SecretError::BadBackup)), "another installation");
    purge(&demo, "db").await;
    let before = demo.world.store.image().happened.len();
    for place in 0..blob.len() {
        let mut changed = blob.clone();
        changed[place] ^= 1;
        if place % 7 == 0 || place < 32 || place + 32 > blob.len() {
            assert!(matches!(restore(&demo, &changed).await, Err(SecretError::BadBackup)), "byte {place}");
        }
    }
    for cut in [0, 1, 12, 28, blob.len() - 1] {
        assert!(matches!(restore(&demo, &blob[..cut]).await, Err(SecretError::BadBackup)), "cut at {cut}");
    }
    let image = demo.world.store.image();
    assert_eq!(image.happened.len(), before, "nothing has changed");
    let record = &image.log.last().unwrap().record;
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Failed, "bad-backup"));
    restore(&demo, &blob).await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_or_too_much_is_not_backed_up() {
    let demo = Demo::start();
    let ask = async |secret: &str| {
        demo.world.secrets.backup(&demo.request(), &demo.vault, &name(secret).unwrap()).await.unwrap_err()
    };
    assert!(matches!(ask("nothing").await, SecretError::NotFound(..)));
    demo.set("gone", "v").await.unwrap();
    demo.delete_in(&demo.request(), "gone").await.unwrap();
    assert!(matches!(ask("gone").await, SecretError::NotFound(..)), "what is deleted is recovered first");
    for _ in 0..MAX_BACKUP_VERSIONS {
        demo.set("many", "v").await.unwrap();
    }
    backup(&demo, "many").await;
    demo.set("many", "one more").await.unwrap();
    assert!(matches!(ask("many").await, SecretError::TooMuchToBackUp));
}

#[tokio::test]
async fn a_damaged_secret_is_not_backed_up() {
    let demo = Demo::start();
    demo.set("db", "v").await.unwrap();
    demo.set("db", "w").await.unwrap();
    demo.world.store.meddle(|image| {
        let row = image.objects.values_mut().next().unwrap();
        let older = row.versions.values_mut().find(|v| v.meta.version != row.meta.current).unwrap();
        std::sync::Arc::make_mut(older).sealed.ciphertext[15] ^= 1;
    });
    let refused = demo.world.secrets.backup(&demo.request(), &demo.vault, &name("db").unwrap()).await;
    assert!(matches!(refused, Err(SecretError::Tampered)), "found when it is made, not when it is needed");
}

#[tokio::test]
async fn restoring_takes_its_own_permission_and_modules_see_what_comes() {
    let attachment = PolicyAttachment {
        name: "naming".to_owned(),
        module: ModuleDigest([7; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    let demo = Demo::with(VaultSettings { policies: vec![attachment], ..VaultSettings::default() });
    demo.world.policies.answer("naming", Verdict::Says(Effect::Allow));
    let tagged = SecretAttributes { tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]), ..enabled() };
    let (db, value) = (name("db").unwrap(), SecretText::new("v".to_owned()));
    demo.world.secrets.set(&demo.request(), &demo.vault, &db, &tagged, value).await.unwrap();
    let blob = backup(&demo, "db").await;
    purge(&demo, "db").await;

    let bob = person("bob");
    demo.world.put_grant(Grantee::Principal { id: bob.id.clone() }, Role::SecretsUser, Scope::Server).unwrap();
    for bytes in [&blob[..], b"nonsense"] {
        let denied = demo.world.secrets.restore(&demo.world.request(&bob), &demo.vault, bytes).await;
        assert!(matches!(denied, Err(SecretError::Denied(_))), "nobody learns what a blob is worth without a role");
    }
    let back = demo.world.secrets.backup(&demo.world.request(&bob), &demo.vault, &db).await;
    assert!(matches!(back, Err(SecretError::Denied(_))));

    let ctx = demo.request();
    demo.world.secrets.restore(&ctx, &demo.vault, &blob).await.unwrap();
    let input = demo.world.store.image().record(ctx.request_id).unwrap().input.clone().unwrap();
    assert_eq!((input.object.name.as_str(), &input.object.tags), ("db", &tagged.tags));
}
