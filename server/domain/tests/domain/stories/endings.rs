//! What ends soon, in all vaults at once: each judged by itself, one record, and nothing that a list would not show.

use strongroom_crypto::SecretText;
use strongroom_domain::{
    grant::Scope,
    names::{ObjectKind, VaultName},
    objects::{Ahead, ENDING, EndingSoon, ObjectError},
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment, PolicyFailure},
    principal::Grantee,
    role::Role,
    secret::SecretAttributes,
    test_support::{
        Verdict,
        world::{enabled, name, person},
    },
    vault::VaultSettings,
};

use crate::common::Demo;

fn told(found: &[EndingSoon], kind: ObjectKind) -> (String, usize) {
    let lane = found.iter().find(|lane| lane.kind == kind).unwrap();
    let names: Vec<_> = lane.items.iter().map(|(vault, item)| format!("{vault}/{}", item.secret.name)).collect();
    (names.join(" "), lane.hidden)
}

fn ahead() -> Ahead {
    Ahead { within: 10..1000, made_before: i64::MAX, due_before: 0, limit: 9, count: true }
}

/// How many secrets are behind, by vault.
fn behind(found: &[EndingSoon]) -> String {
    let lane = found.iter().find(|lane| lane.kind == ObjectKind::Secret).unwrap();
    let counts = lane.behind.iter().map(|(vault, count)| format!("{vault} {count}"));
    let mut counts: Vec<_> = counts.collect();
    counts.sort();
    format!("{}; {} not counted", counts.join(", "), lane.uncounted)
}

/// How many of a kind there are, by vault.
fn counts(found: &[EndingSoon], kind: ObjectKind) -> String {
    let lane = found.iter().find(|lane| lane.kind == kind).unwrap();
    let mut counts: Vec<_> = lane.counts.iter().map(|(vault, count)| format!("{vault} {count}")).collect();
    counts.sort();
    counts.join(", ")
}

async fn set(demo: &Demo, vault: &VaultName, secret: &str, end: i64, on: bool) {
    let attributes = SecretAttributes { expires: Some(end), enabled: on, ..enabled() };
    let value = SecretText::new("v".to_owned());
    demo.world.secrets.set(&demo.request(), vault, &name(secret).unwrap(), &attributes, value).await.unwrap();
}

#[tokio::test]
async fn each_vault_is_judged_by_itself_and_one_record_tells_of_all() {
    let demo = Demo::start();
    let other = VaultName::parse("other").unwrap();
    demo.world.put_vault(&other, VaultSettings::default()).unwrap();
    set(&demo, &demo.vault, "late", 300, true).await;
    set(&demo, &other, "soon", 100, true).await;
    set(&demo, &other, "over", 9, true).await;
    let vaults = [demo.vault.clone(), other.clone()];
    let before = demo.world.store.image().log.len();
    let found = demo.world.objects.ending(&demo.request(), &vaults, &ahead()).await.unwrap();
    assert_eq!(told(&found, ObjectKind::Secret), ("other/soon demo/late".to_owned(), 0));
    assert_eq!(told(&found, ObjectKind::Key), (String::new(), 0));
    assert_eq!(behind(&found), "demo 1, other 2; 0 not counted");
    assert_eq!(counts(&found, ObjectKind::Secret), "demo 1, other 2");
    assert_eq!(counts(&found, ObjectKind::Key), "demo 0, other 0");
    let log = demo.world.store.image().log;
    assert_eq!((log.len(), log.last().unwrap().record.operation.as_str()), (before + 1, ENDING));

    // Who may list in one of them alone learns nothing of the other.
    let bob = person("bob");
    let id = demo.world.store.image().vaults["demo"].id;
    let grantee = Grantee::Principal { id: bob.id.clone() };
    demo.world.put_grant(grantee, Role::Administrator, Scope::Vault { vault: id }).unwrap();
    let found = demo.world.objects.ending(&demo.world.request(&bob), &vaults, &ahead()).await.unwrap();
    assert_eq!(told(&found, ObjectKind::Secret), ("demo/late".to_owned(), 1));
    assert_eq!(behind(&found), "demo 1; 0 not counted");
    assert_eq!(counts(&found, ObjectKind::Secret), "demo 1");
    assert_eq!(told(&found, ObjectKind::Certificate), (String::new(), 1));
    let nobody = demo.world.request(&person("mallory"));
    let found = demo.world.objects.ending(&nobody, &vaults, &ahead()).await.unwrap();
    assert_eq!(told(&found, ObjectKind::Secret), (String::new(), 2));
}

#[tokio::test]
async fn what_a_module_denies_is_not_among_what_ends() {
    let guard = PolicyAttachment {
        name: "guard".to_owned(),
        module: ModuleDigest([7; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    let demo = Demo::with(VaultSettings { policies: vec![guard], ..VaultSettings::default() });
    demo.world.policies.answer("guard", Verdict::Says(Effect::Allow));
    set(&demo, &demo.vault, "a", 100, true).await;
    set(&demo, &demo.vault, "b", 200, false).await;
    let vaults = [demo.vault.clone()];
    let ending = async || demo.world.objects.ending(&demo.request(), &vaults, &ahead()).await.unwrap();
    assert_eq!(told(&ending().await, ObjectKind::Secret), ("demo/a demo/b".to_owned(), 0));
    demo.world.policies.answer("guard", Verdict::EnabledAlone);
    assert_eq!(told(&ending().await, ObjectKind::Secret), ("demo/a".to_owned(), 0));
    assert_eq!(behind(&ending().await), "; 1 not counted", "a count would tell of what it denies");
    demo.world.policies.answer("guard", Verdict::Fails(PolicyFailure::Trap));
    assert_eq!(told(&ending().await, ObjectKind::Secret), (String::new(), 1), "no answer lists nothing");
}

#[tokio::test]
async fn an_end_that_somebody_edited_is_not_shown() {
    let demo = Demo::start();
    set(&demo, &demo.vault, "db", 5000, true).await;
    demo.world.store.meddle(|image| {
        for row in image.objects.values_mut() {
            for version in row.versions.values_mut() {
                let mut edited = (**version).clone();
                edited.meta.attributes.expires = Some(100);
                *version = std::sync::Arc::new(edited);
            }
        }
    });
    let found = demo.world.objects.ending(&demo.request(), std::slice::from_ref(&demo.vault), &ahead()).await;
    assert!(matches!(found, Err(ObjectError::Tampered)));
}
