//! Workload identities: their life, their credentials, and who may give them any.

use std::sync::Arc;

use strongroom_crypto::ClientCertificate;
use strongroom_domain::{
    admin::{AdminError, NewSecret, WorkloadEdit},
    decision::DenyReason,
    grant::Scope,
    identity::{Federation, MAX_CREDENTIALS},
    names::VaultName,
    principal::{Grantee, Principal, PrincipalId, PrincipalKind},
    record::Outcome,
    role::Role,
    test_support::world::{OWN_ISSUER, World, person, principal},
    vault::VaultSettings,
};
use uuid::Uuid;

fn owned() -> (World, Arc<Principal>) {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    (world, olga)
}

fn federation(subject: &str) -> Federation {
    Federation {
        issuer: "https://ci.example".into(),
        subject: subject.into(),
        audience: "a".into(),
        pattern: subject.contains('*'),
    }
}

fn certificate(byte: u8) -> Box<ClientCertificate> {
    Box::new(ClientCertificate {
        subject: "CN=app".into(),
        sha1: [byte; 20],
        sha256: [byte; 32],
        public_key: vec![byte; 270],
        not_before: 0,
        not_after: i64::MAX / 1000,
    })
}

#[tokio::test]
async fn a_workload_lives_and_every_step_is_on_record() {
    let (world, olga) = owned();
    let ctx = world.request(&olga);
    let made =
        world.admin.create_workload(&ctx, "app", vec![federation("s")], Some(NewSecret::default())).await.unwrap();
    assert_eq!(made.workload.secrets.len(), 1);
    assert!(made.secret.unwrap().expose().starts_with("srs_"));
    let id = made.workload.client_id;
    let change = async |edit: WorkloadEdit| {
        let ctx = world.request(&olga);
        let done = world.admin.change_workload(&ctx, id, &edit).await;
        (done, world.store.image().record(ctx.request_id).map(|r| (r.operation.clone(), r.outcome)))
    };
    let done = |operation: &str| Some((operation.to_owned(), Outcome::Allowed));
    let update = |name: Option<&str>, enabled| WorkloadEdit::Update { name: name.map(str::to_owned), enabled };
    let (renamed, record) = change(update(Some("api"), None)).await;
    assert_eq!((renamed.unwrap().workload.name, record), ("api".into(), done("WorkloadUpdate")));
    let (added, record) = change(WorkloadEdit::AddSecret(NewSecret { name: Some("ci".into()), expires: None })).await;
    let added = added.unwrap();
    assert_eq!((added.workload.secrets.len(), record), (2, done("WorkloadSecretAdd")));
    let (removed, record) = change(WorkloadEdit::RemoveSecret(added.credential.unwrap())).await;
    assert_eq!((removed.unwrap().workload.secrets.len(), record), (1, done("WorkloadSecretRemove")));
    let (again, record) = change(WorkloadEdit::RemoveSecret(added.credential.unwrap())).await;
    assert!(matches!(again, Err(AdminError::CredentialNotFound)));
    assert_eq!(record, Some(("WorkloadSecretRemove".into(), Outcome::Failed)));
    let (replaced, record) = change(WorkloadEdit::ReplaceSecrets(NewSecret::default())).await;
    let replaced = replaced.unwrap().workload;
    assert_eq!((replaced.secrets.len(), record), (1, done("WorkloadSecretReplace")));
    assert_ne!(replaced.secrets[0].hash, made.workload.secrets[0].hash);
    let (certified, _) = change(WorkloadEdit::AddCertificate(certificate(1), None)).await;
    let certified = certified.unwrap();
    assert_eq!(certified.workload.certificates[0].name, "CN=app");
    assert!(change(WorkloadEdit::AddCertificate(certificate(1), None)).await.0.is_err(), "registered already");
    assert!(change(WorkloadEdit::RemoveCertificate(certified.credential.unwrap())).await.0.is_ok());
    assert!(change(WorkloadEdit::AddFederation(federation("s"))).await.0.is_err(), "registered already");
    assert!(change(WorkloadEdit::RemoveFederation(federation("s").id())).await.0.is_ok());
    let (off, record) = change(update(None, Some(false))).await;
    assert_eq!((off.unwrap().workload.enabled, record), (false, done("WorkloadDisable")));
    let shown = world.admin.show_workload(&world.request(&olga), id).await.unwrap();
    assert_eq!((shown.enabled, shown.revision), (false, 9));
    world.keyring.verify_workload(&shown).unwrap();
    let ctx = world.request(&olga);
    world.admin.delete_workload(&ctx, id).await.unwrap();
    let record = world.store.image().record(ctx.request_id).unwrap().clone();
    assert_eq!((record.operation.as_str(), record.object), ("WorkloadDelete", Some(id.to_string())));
    let gone = world.admin.show_workload(&world.request(&olga), id).await;
    assert!(matches!(gone, Err(AdminError::WorkloadNotFound)));
    assert!(matches!(world.admin.delete_workload(&world.request(&olga), id).await, Err(AdminError::WorkloadNotFound)));
}

#[tokio::test]
async fn disabled_and_deleted_hold_on_the_next_request() {
    let (world, olga) = owned();
    world.put_vault(&VaultName::parse("demo").unwrap(), VaultSettings::default()).unwrap();
    let made = world.admin.create_workload(&world.request(&olga), "app", Vec::new(), None).await.unwrap();
    let id = made.workload.client_id;
    let app = principal(OWN_ISSUER, &id.to_string(), PrincipalKind::Workload, &[]);
    world.put_grant(Grantee::Principal { id: app.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let answer = async || match world.admin.list_vaults(&world.request(&app)).await {
        Ok(_) => None,
        Err(AdminError::Denied(denial)) => Some(denial.reason),
        Err(other) => panic!("{other}"),
    };
    let enable = async |enabled| {
        let edit = WorkloadEdit::Update { name: None, enabled: Some(enabled) };
        world.admin.change_workload(&world.request(&olga), id, &edit).await.unwrap();
    };
    assert_eq!(answer().await, None);
    enable(false).await;
    assert_eq!(answer().await, Some(DenyReason::Identity));
    enable(true).await;
    assert_eq!(answer().await, None);
    world.admin.delete_workload(&world.request(&olga), id).await.unwrap();
    assert_eq!(answer().await, Some(DenyReason::Identity));
}

#[tokio::test]
async fn limits_hold() {
    let (world, olga) = owned();
    let made = world.admin.create_workload(&world.request(&olga), "app", Vec::new(), None).await.unwrap();
    assert!(made.secret.is_none());
    let id = made.workload.client_id;
    let change =
        async |edit: WorkloadEdit| world.admin.change_workload(&world.request(&olga), id, &edit).await.map(drop);
    let now = world.request(&olga).seconds();
    for expires in [now, now - 1, now + 731 * 86_400, i64::MAX, i64::MIN] {
        let new = NewSecret { name: None, expires: Some(expires) };
        assert!(matches!(change(WorkloadEdit::AddSecret(new)).await, Err(AdminError::Invalid(_))), "{expires}");
    }
    for name in ["", "a\nb", &"x".repeat(129)] {
        let update = WorkloadEdit::Update { name: Some(name.to_owned()), enabled: None };
        assert!(matches!(change(update).await, Err(AdminError::Invalid(_))));
    }
    let expired = ClientCertificate { not_after: now, ..*certificate(1) };
    let expired = change(WorkloadEdit::AddCertificate(Box::new(expired), None)).await;
    assert!(matches!(expired, Err(AdminError::Invalid(_))));
    assert!(matches!(change(WorkloadEdit::AddFederation(federation("*"))).await, Err(AdminError::Invalid(_))));
    let own = Federation { issuer: OWN_ISSUER.into(), ..federation("s") };
    assert!(matches!(change(WorkloadEdit::AddFederation(own)).await, Err(AdminError::Invalid(_))));
    for _ in 0..MAX_CREDENTIALS {
        change(WorkloadEdit::AddSecret(NewSecret::default())).await.unwrap();
    }
    let one_more = change(WorkloadEdit::AddSecret(NewSecret::default())).await;
    assert!(matches!(one_more, Err(AdminError::Invalid(_))));
    let (ctx, edit) = (world.request(&olga), WorkloadEdit::RemoveSecret(id));
    let nobody = world.admin.change_workload(&ctx, Uuid::from_u128(9), &edit);
    assert!(matches!(nobody.await, Err(AdminError::WorkloadNotFound)));
}

#[tokio::test]
async fn only_who_holds_what_a_workload_holds_may_become_it() {
    let (world, _) = owned();
    let vault = world.put_vault(&VaultName::parse("demo").unwrap(), VaultSettings::default()).unwrap();
    let app = world.put_workload("app", true).unwrap();
    let id: Uuid = app.id.subject.parse().unwrap();
    let grant = |to: &PrincipalId, role, scope| {
        world.put_grant(Grantee::Principal { id: to.clone() }, role, scope).unwrap();
    };
    // The workload itself owns the installation, and may renew its own credentials.
    grant(&app.id, Role::Owner, Scope::Server);
    let rotate = async |who: &Arc<Principal>| {
        let edit = WorkloadEdit::AddSecret(NewSecret::default());
        world.admin.change_workload(&world.request(who), id, &edit).await.map(drop)
    };
    rotate(&app).await.unwrap();
    let paul = person("paul");
    assert!(matches!(rotate(&paul).await, Err(AdminError::Denied(_))));
    grant(&paul.id, Role::Administrator, Scope::Vault { vault: vault.id });
    assert!(matches!(rotate(&paul).await, Err(AdminError::Denied(_))));
    grant(&paul.id, Role::Owner, Scope::Server);
    rotate(&paul).await.unwrap();
}

#[tokio::test]
async fn lists_are_for_those_who_may_and_show_no_edited_row() {
    let (world, olga) = owned();
    for name in ["a", "b", "c"] {
        world.put_workload(name, true).unwrap();
    }
    let list = async |who: &Arc<Principal>| world.admin.list_workloads(&world.request(who), None, 2).await;
    let page = list(&olga).await.unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (2, true));
    assert!(matches!(list(&person("bob")).await, Err(AdminError::Denied(_))));
    world.store.meddle(|image| {
        for row in image.workloads.values_mut() {
            Arc::make_mut(row).name.push('x');
        }
    });
    assert!(matches!(list(&olga).await, Err(AdminError::Tampered)));
}
