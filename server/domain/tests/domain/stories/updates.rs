//! Changing attributes: what is given changes, what is not stays, and the value never moves.

use std::collections::BTreeMap;

use strongroom_crypto::SecretText;
use strongroom_domain::{
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment},
    principal::Grantee,
    record::{Outcome, tag_digest},
    role::Role,
    secret::{AttributeError, AttributePatch, SecretAttributes},
    secrets::SecretError,
    test_support::{
        Verdict,
        world::{BEGIN, enabled, name, person},
    },
    vault::VaultSettings,
};

use crate::common::Demo;

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn full() -> SecretAttributes {
    SecretAttributes {
        not_before: Some(10),
        expires: Some(20),
        content_type: Some("text/plain".to_owned()),
        tags: tags(&[("team", "payments"), ("env", "prod")]),
        ..enabled()
    }
}

#[tokio::test]
async fn what_is_given_changes_and_the_rest_stays() {
    let demo = Demo::start();
    let (db, value) = (name("db").unwrap(), SecretText::new("v".to_owned()));
    let set = demo.world.secrets.set(&demo.request(), &demo.vault, &db, &full(), value).await.unwrap();
    demo.world.clock.advance(5_000);
    for (patch, expected) in [
        (AttributePatch::default(), full()),
        (AttributePatch { enabled: Some(false), ..Default::default() }, SecretAttributes { enabled: false, ..full() }),
        (
            AttributePatch { expires: Some(30), enabled: Some(true), ..Default::default() },
            SecretAttributes { expires: Some(30), ..full() },
        ),
        (
            AttributePatch {
                tags: Some(tags(&[("only", "this")])),
                content_type: Some(String::new()),
                ..Default::default()
            },
            SecretAttributes {
                expires: Some(30),
                tags: tags(&[("only", "this")]),
                content_type: Some(String::new()),
                ..full()
            },
        ),
        (
            AttributePatch { tags: Some(BTreeMap::new()), ..Default::default() },
            SecretAttributes { expires: Some(30), tags: BTreeMap::new(), content_type: Some(String::new()), ..full() },
        ),
    ] {
        let ctx = demo.request();
        let (item, _) = demo.world.secrets.update(&ctx, &demo.vault, &db, None, &patch).await.unwrap();
        assert_eq!(item.version.attributes, expected, "{patch:?}");
        assert_eq!((item.version.created, item.version.updated), (BEGIN / 1000, BEGIN / 1000 + 5));
        assert_eq!((&item.version.version, item.version.ordinal), (&set.meta.version, 1), "no version is made");
        let image = demo.world.store.image();
        let record = image.record(ctx.request_id).unwrap();
        assert_eq!((record.operation.as_str(), record.revision), ("SecretUpdate", Some(item.secret.revision)));
        assert_eq!(record.version.as_deref(), Some(set.meta.version.as_str()));
    }
    assert_eq!(demo.get("db", None).await.unwrap().value.expose(), "v");
}

#[tokio::test]
async fn an_older_version_is_changed_alone_and_a_disabled_one_comes_back() {
    let demo = Demo::start();
    let old = demo.set("db", "old").await.unwrap();
    demo.set("db", "new").await.unwrap();
    let db = name("Db").unwrap();
    let off = AttributePatch { enabled: Some(false), ..Default::default() };
    let on = AttributePatch { enabled: Some(true), ..Default::default() };
    let update = async |patch| {
        demo.world.secrets.update(&demo.request(), &demo.vault, &db, Some(&old.meta.version), patch).await.unwrap()
    };
    update(&off).await;
    assert!(matches!(demo.get("db", Some(&old.meta.version)).await, Err(SecretError::Disabled)));
    assert_eq!(demo.get("db", None).await.unwrap().value.expose(), "new");
    update(&on).await;
    assert_eq!(demo.get("db", Some(&old.meta.version)).await.unwrap().value.expose(), "old");
}

#[tokio::test]
async fn bad_attributes_and_missing_objects_change_nothing() {
    let demo = Demo::start();
    let (db, value) = (name("db").unwrap(), SecretText::new("v".to_owned()));
    demo.world.secrets.set(&demo.request(), &demo.vault, &db, &full(), value).await.unwrap();
    let before = demo.world.store.image().happened.len();
    let update = async |secret: &str, patch: AttributePatch| {
        demo.world.secrets.update(&demo.request(), &demo.vault, &name(secret).unwrap(), None, &patch).await.unwrap_err()
    };
    let refused = |error| matches!(error, SecretError::Invalid(_));
    assert!(refused(update("db", AttributePatch { expires: Some(-1), ..Default::default() }).await));
    let ends_before_it_began = update("db", AttributePatch { expires: Some(9), ..Default::default() }).await;
    assert!(matches!(ends_before_it_began, SecretError::Invalid(AttributeError::WindowEmpty)), "with what is stored");
    let many: BTreeMap<_, _> = (0..16).map(|n| (n.to_string(), String::new())).collect();
    assert!(refused(update("db", AttributePatch { tags: Some(many), ..Default::default() }).await));
    assert!(matches!(update("nothing", AttributePatch::default()).await, SecretError::NotFound(..)));
    demo.delete_in(&demo.request(), "db").await.unwrap();
    assert!(matches!(update("db", AttributePatch::default()).await, SecretError::NotFound(..)), "not while deleted");
    assert_eq!(demo.world.store.image().happened.len(), before + 1, "the deletion");
    assert_eq!(demo.world.store.image().log.last().unwrap().record.outcome, Outcome::Failed);
}

#[tokio::test]
async fn a_module_judges_the_attributes_as_they_would_be() {
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
    let (db, value) = (name("db").unwrap(), SecretText::new("v".to_owned()));
    demo.world.secrets.set(&demo.request(), &demo.vault, &db, &full(), value).await.unwrap();
    let ctx = demo.request();
    let patch = AttributePatch { enabled: Some(false), tags: Some(tags(&[("new", "tag")])), ..Default::default() };
    demo.world.secrets.update(&ctx, &demo.vault, &db, None, &patch).await.unwrap();
    let image = demo.world.store.image();
    let input = image.record(ctx.request_id).unwrap().input.clone().unwrap();
    assert_eq!(input.action, "Microsoft.KeyVault/vaults/secrets/update/action");
    assert_eq!((input.object.enabled, input.object.tags), (Some(false), tags(&[("new", "tag")])));
    assert_eq!((input.object.not_before, input.object.expires), (Some(10), Some(20)), "what is not given is as stored");
    demo.world.policies.answer("naming", Verdict::Says(Effect::Deny));
    let denied = demo.world.secrets.update(&demo.request(), &demo.vault, &db, None, &patch).await;
    assert!(matches!(denied, Err(SecretError::Denied(_))));
}

#[tokio::test]
async fn who_may_only_read_may_not_update() {
    let demo = Demo::start();
    demo.set("db", "v").await.unwrap();
    let bob = person("bob");
    let grantee = Grantee::Principal { id: bob.id.clone() };
    demo.world.put_grant(grantee, Role::SecretsUser, strongroom_domain::grant::Scope::Server).unwrap();
    let patch = AttributePatch { enabled: Some(false), ..Default::default() };
    let ctx = demo.world.request(&bob);
    let denied = demo.world.secrets.update(&ctx, &demo.vault, &name("db").unwrap(), None, &patch).await;
    assert!(matches!(denied, Err(SecretError::Denied(_))));
    assert_eq!(demo.world.store.image().record(ctx.request_id).unwrap().outcome, Outcome::Denied);
}

/// The row of before an update, put back by hand, is authentic in itself; the record gives it away.
#[tokio::test]
async fn the_record_names_the_versions_row_as_it_was_left() {
    let demo = Demo::start();
    let set = demo.set("db", "v").await.unwrap();
    let off = AttributePatch { enabled: Some(false), ..Default::default() };
    let ctx = demo.request();
    demo.world.secrets.update(&ctx, &demo.vault, &name("db").unwrap(), None, &off).await.unwrap();
    let image = demo.world.store.image();
    let left = &image.objects.values().next().unwrap().versions[&set.meta.version].meta.tag;
    assert_ne!(left, &set.meta.tag);
    let changed = &image.record(ctx.request_id).unwrap().changed[0];
    assert_eq!(changed.versions[set.meta.version.as_str()], tag_digest(left));
}
