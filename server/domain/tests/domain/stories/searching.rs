//! Names and tags looked through in all vaults at once: each judged by itself, one record, and nothing that a list would not
//! show.

use std::{collections::BTreeMap, slice::from_ref};

use strongroom_crypto::SecretText;
use strongroom_domain::{
    grant::Scope,
    names::{ObjectKind, VaultName},
    objects::{FoundOfKind, NAME_SEARCH},
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment, PolicyFailure},
    principal::Grantee,
    role::Role,
    search::Search,
    secret::SecretAttributes,
    test_support::{
        Verdict,
        world::{enabled, name, person},
    },
    vault::VaultSettings,
};

use crate::common::Demo;

fn told(found: &[FoundOfKind]) -> String {
    let secrets = found.iter().filter(|found| found.kind == ObjectKind::Secret);
    let names = secrets.flat_map(|found| &found.items).map(|(vault, item)| format!("{vault}/{}", item.secret.name));
    names.collect::<Vec<_>>().join(" ")
}

fn about(words: &str) -> Search {
    Search { words: words.to_owned(), in_tags: true, ..Search::default() }
}

async fn set(demo: &Demo, vault: &VaultName, secret: &str, tag: &str, on: bool) {
    let tags = BTreeMap::from([(tag.to_owned(), "x".to_owned())]);
    let attributes = SecretAttributes { tags, enabled: on, ..enabled() };
    let value = SecretText::new("v".to_owned());
    demo.world.secrets.set(&demo.request(), vault, &name(secret).unwrap(), &attributes, value).await.unwrap();
}

#[tokio::test]
async fn each_vault_is_judged_by_itself_and_one_record_tells_of_a_search() {
    let demo = Demo::start();
    let other = VaultName::parse("other").unwrap();
    demo.world.put_vault(&other, VaultSettings::default()).unwrap();
    set(&demo, &demo.vault, "ledger", "a", true).await;
    set(&demo, &other, "db", "Ledger", true).await;
    set(&demo, &other, "other", "a", true).await;
    let vaults = [demo.vault.clone(), other.clone()];
    let before = demo.world.store.image().log.len();
    let found = demo.world.objects.search_all(&demo.request(), &vaults, &about("LEDGER"), 9).await.unwrap();
    assert_eq!(told(&found), "demo/ledger other/db");
    let log = demo.world.store.image().log;
    assert_eq!((log.len(), log.last().unwrap().record.operation.as_str()), (before + 1, NAME_SEARCH));
    let first = demo.world.objects.search_all(&demo.request(), &vaults, &about("ledger"), 1).await.unwrap();
    assert!(told(&first) == "demo/ledger" && first.iter().any(|found| found.more));

    // Who may list in one of them alone learns nothing of the other.
    let bob = person("bob");
    let id = demo.world.store.image().vaults["demo"].id;
    let grantee = Grantee::Principal { id: bob.id.clone() };
    demo.world.put_grant(grantee, Role::Administrator, Scope::Vault { vault: id }).unwrap();
    let found = demo.world.objects.search_all(&demo.world.request(&bob), &vaults, &about("ledger"), 9).await.unwrap();
    assert_eq!(told(&found), "demo/ledger");
    let nobody = demo.world.request(&person("mallory"));
    let found = demo.world.objects.search_all(&nobody, &vaults, &about("ledger"), 9).await.unwrap();
    assert!(found.is_empty());
}

#[tokio::test]
async fn what_a_module_denies_is_not_found() {
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
    set(&demo, &demo.vault, "ledger-a", "x", true).await;
    set(&demo, &demo.vault, "ledger-b", "x", false).await;
    let find = async || {
        let found = demo.world.objects.search_all(&demo.request(), from_ref(&demo.vault), &about("ledger"), 9).await;
        let found = found.unwrap();
        (told(&found), found.first().map_or(0, |found| found.kept_back))
    };
    let in_vault = async || {
        let found = demo.world.secrets.search(&demo.request(), &demo.vault, &about("ledger"), 9).await;
        found.map(|found| found.items.len()).ok()
    };
    assert_eq!((find().await, in_vault().await), (("demo/ledger-a demo/ledger-b".to_owned(), 0), Some(2)));
    demo.world.policies.answer("guard", Verdict::EnabledAlone);
    assert_eq!((find().await, in_vault().await), (("demo/ledger-a".to_owned(), 0), Some(1)));
    demo.world.policies.answer("guard", Verdict::Fails(PolicyFailure::Trap));
    assert_eq!((find().await.0, in_vault().await), (String::new(), None), "no answer finds nothing");
}
