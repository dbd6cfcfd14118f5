//! Documents that policy modules read: who writes them, who is given them, and what is on record.

use std::sync::Arc;

use strongroom_domain::{
    admin::{AdminError, NewRole, ScopeRequest},
    decision::DenyReason,
    grant::Scope,
    policy::{AttachmentState, Effect, FactValue, ModuleDigest, PolicyAttachment},
    policy_document::{MAX_ALL_DOCUMENTS_BYTES, MAX_DOCUMENT_BYTES, MAX_DOCUMENTS},
    principal::{Grantee, Principal},
    record::Outcome,
    role::{Role, RoleRef},
    secrets::SecretError,
    test_support::{Verdict, world::person},
    vault::VaultSettings,
};

use crate::common::Demo;

const GUARD: ModuleDigest = ModuleDigest([1; 32]);
const HOSTS: &str = "document/hosts";

/// Ada administers the secrets of `demo`, whose module reads a document; Olga owns the installation.
fn scene() -> (Demo, Arc<Principal>) {
    let guard = PolicyAttachment {
        name: "guard".to_owned(),
        module: GUARD,
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    let demo = Demo::with(VaultSettings { policies: vec![guard], ..VaultSettings::default() });
    let olga = person("olga");
    demo.world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    demo.world.policies.answer("guard", Verdict::Says(Effect::Allow));
    demo.world.policies.wants(GUARD, &[HOSTS]);
    (demo, olga)
}

fn text(text: &str) -> Option<FactValue> {
    Some(FactValue::Text(text.to_owned()))
}

#[tokio::test]
async fn a_module_is_given_the_document_as_it_is_and_the_record_keeps_what_it_was() {
    let (demo, olga) = scene();
    let admin = &demo.world.admin;
    let put = async |said: &str| admin.put_document(&demo.world.request(&olga), "hosts", said).await.unwrap();
    let given = || demo.world.policies.asked().pop().unwrap().facts[HOSTS].clone();
    demo.set("db", "v").await.unwrap();
    assert_eq!(given(), None, "there is none, which is on record too");

    let first = put("one.example").await;
    demo.get("db", None).await.unwrap();
    assert_eq!(given(), text("one.example"));
    let told = demo.world.store.image().log.last().unwrap().record.clone();

    let second = put("two.example").await;
    assert_eq!(second.revision, first.revision + 1, "without a gap, whenever it is: so the log is verified");
    demo.get("db", None).await.unwrap();
    assert_eq!(given(), text("two.example"), "from the next request on");

    admin.remove_document(&demo.world.request(&olga), "hosts").await.unwrap();
    demo.get("db", None).await.unwrap();
    assert_eq!(given(), None);
    let kept = demo.world.store.image().record(told.id).unwrap().input.clone().unwrap();
    assert_eq!(kept.facts[HOSTS], text("one.example"), "a replay needs nothing but the record");
}

#[tokio::test]
async fn documents_are_written_by_who_has_the_action_and_every_change_is_on_record() {
    let (demo, olga) = scene();
    let admin = &demo.world.admin;
    let writer = person("writer");
    let denied = admin.put_document(&demo.world.request(&writer), "hosts", "x").await;
    assert!(matches!(denied, Err(AdminError::Denied(_))));
    let writes = NewRole {
        name: "Document writer".to_owned(),
        actions: vec!["Strongroom/policyDocuments/write".to_owned()],
        assignable_scopes: vec![ScopeRequest::Server],
        ..NewRole::default()
    };
    let role = admin.put_role(&demo.world.request(&olga), None, &writes, None).await.unwrap();
    demo.world
        .put_grant(Grantee::Principal { id: writer.id.clone() }, RoleRef::Custom(role.id), Scope::Server)
        .unwrap();
    admin.put_document(&demo.world.request(&writer), "hosts", "w").await.unwrap();
    assert!(matches!(admin.show_document(&demo.world.request(&writer), "hosts").await, Err(AdminError::Denied(_))));
    assert!(matches!(admin.list_documents(&demo.world.request(&demo.ada)).await, Err(AdminError::Denied(_))));
    assert!(matches!(admin.show_document(&demo.world.request(&demo.ada), "hosts").await, Err(AdminError::Denied(_))));
    assert!(matches!(admin.remove_document(&demo.world.request(&demo.ada), "x").await, Err(AdminError::Denied(_))));

    let ctx = demo.world.request(&olga);
    admin.put_document(&ctx, "hosts", "x").await.unwrap();
    let record = demo.world.store.image().record(ctx.request_id).unwrap().clone();
    assert_eq!((record.operation.as_str(), record.object.as_deref()), ("PolicyDocumentPut", Some("hosts")));
    assert_eq!((record.outcome, record.changed.len()), (Outcome::Allowed, 1));
    let listed = admin.list_documents(&demo.world.request(&olga)).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["hosts"]);
    assert_eq!(admin.show_document(&demo.world.request(&olga), "hosts").await.unwrap(), listed[0]);
    admin.remove_document(&demo.world.request(&olga), "hosts").await.unwrap();
    for name in ["hosts", "../hosts"] {
        let gone = admin.show_document(&demo.world.request(&olga), name).await;
        assert!(matches!(gone, Err(AdminError::DocumentNotFound)), "{name}");
        let gone = admin.remove_document(&demo.world.request(&olga), name).await;
        assert!(matches!(gone, Err(AdminError::DocumentNotFound)), "{name}");
    }
}

#[tokio::test]
async fn documents_are_short_and_few() {
    let (demo, olga) = scene();
    let put =
        async |name: &str, text: &str| demo.world.admin.put_document(&demo.world.request(&olga), name, text).await;
    let longest = "x".repeat(MAX_DOCUMENT_BYTES);
    for name in ["", "A", "a b", "a/b", &"a".repeat(65)] {
        assert!(matches!(put(name, "x").await, Err(AdminError::Invalid(_))), "{name}");
    }
    assert!(matches!(put("long", &format!("{longest}x")).await, Err(AdminError::Invalid(_))));
    for number in 0..MAX_ALL_DOCUMENTS_BYTES / MAX_DOCUMENT_BYTES {
        put(&format!("long-{number}"), &longest).await.unwrap();
    }
    assert!(matches!(put("one-more", "x").await, Err(AdminError::TooManyDocuments)));
    put("long-0", &longest.replace('x', "y")).await.unwrap();
    put("long-0", "").await.unwrap();
    let there = MAX_ALL_DOCUMENTS_BYTES / MAX_DOCUMENT_BYTES;
    for number in there..MAX_DOCUMENTS {
        put(&format!("empty-{number}"), "").await.unwrap();
    }
    assert!(matches!(put("one-more", "").await, Err(AdminError::TooManyDocuments)));
}

#[tokio::test]
async fn a_document_that_somebody_edited_denies_whoever_it_would_be_given_for() {
    let (demo, olga) = scene();
    demo.set("db", "v").await.unwrap();
    for name in ["hosts", "other"] {
        demo.world.admin.put_document(&demo.world.request(&olga), name, "one.example").await.unwrap();
    }
    demo.get("db", None).await.unwrap();
    let reason = async || match demo.get("db", None).await {
        Err(SecretError::Denied(denial)) => denial.reason,
        _ => panic!("nothing was denied"),
    };
    demo.world.store.meddle(|image| image.policy_documents.get_mut("hosts").unwrap().text.push_str(",evil.example"));
    assert_eq!(reason().await, DenyReason::Tampered);
    demo.world.store.meddle(|image| {
        let other = image.policy_documents["other"].clone();
        image.policy_documents.insert("hosts".to_owned(), other);
    });
    assert_eq!(reason().await, DenyReason::Tampered, "another authentic one in its place");
    demo.world.policies.wants(GUARD, &[]);
    assert!(demo.get("db", None).await.is_ok(), "who does not ask for it is not concerned");
}
