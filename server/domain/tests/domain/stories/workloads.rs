//! Workload identities: their life, their credentials, and who may give them any.

use std::sync::Arc;

use strongroom_crypto::ClientCertificate;
use strongroom_domain::{
    access_policy::AccessMode,
    action::Action,
    admin::{AdminError, NewRole, NewSecret, ScopeRequest, WorkloadEdit},
    approval::{ApprovalRequest, ApprovalSubject, Verdict},
    decision::DenyReason,
    grant::Scope,
    identity::{Federation, MAX_CREDENTIALS, Workload},
    names::{ObjectKind, VaultName},
    principal::{Grantee, Principal, PrincipalId},
    record::Outcome,
    role::{Role, RoleRef},
    test_support::world::{OWN_ISSUER, World, bearer, person},
    vault::VaultSettings,
};
use uuid::Uuid;

fn owned() -> (World, Arc<Principal>) {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    (world, olga)
}

/// Somebody who may manage workloads, and holds nothing else.
async fn manager(world: &World, olga: &Arc<Principal>) -> Arc<Principal> {
    let role = NewRole {
        name: "Identity Manager".to_owned(),
        actions: vec!["Strongroom/workloads/*".to_owned()],
        assignable_scopes: vec![ScopeRequest::Server],
        ..NewRole::default()
    };
    let role = world.admin.put_role(&world.request(olga), None, &role, None).await.unwrap();
    let keeper = person("keeper");
    let grantee = Grantee::Principal { id: keeper.id.clone() };
    world.put_grant(grantee, RoleRef::Custom(role.id), Scope::Server).unwrap();
    keeper
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
    let twice = change(WorkloadEdit::AddCertificate(certificate(1), None)).await.0.err();
    assert!(matches!(twice, Some(AdminError::CredentialExists("certificate"))));
    assert!(change(WorkloadEdit::RemoveCertificate(certified.credential.unwrap())).await.0.is_ok());
    let twice = change(WorkloadEdit::AddFederation(federation("s"))).await.0.err();
    assert!(matches!(twice, Some(AdminError::CredentialExists("federation"))));
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
    let secret = Some(NewSecret::default());
    let made = world.admin.create_workload(&world.request(&olga), "app", Vec::new(), secret).await.unwrap();
    let id = made.workload.client_id;
    let token = |generation| bearer(id, made.credential.unwrap(), generation);
    let app = token(0);
    world.put_grant(Grantee::Principal { id: app.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let answer = async |token: &Arc<Principal>| match world.admin.list_vaults(&world.request(token)).await {
        Ok(_) => None,
        Err(AdminError::Denied(denial)) => Some(denial.reason),
        Err(other) => panic!("{other}"),
    };
    let enable = async |enabled| {
        let edit = WorkloadEdit::Update { name: None, enabled: Some(enabled) };
        world.admin.change_workload(&world.request(&olga), id, &edit).await.unwrap();
    };
    assert_eq!(answer(&app).await, None);
    enable(false).await;
    enable(false).await;
    assert_eq!(answer(&app).await, Some(DenyReason::Identity));
    enable(true).await;
    assert_eq!(answer(&app).await, Some(DenyReason::Identity), "a token from before stays worthless");
    assert_eq!(answer(&token(1)).await, None, "a new one counts");
    world.admin.delete_workload(&world.request(&olga), id).await.unwrap();
    assert_eq!(answer(&token(1)).await, Some(DenyReason::Identity));
}

#[tokio::test]
async fn a_token_ends_with_the_credential_it_was_made_from_and_with_no_other() {
    let (world, olga) = owned();
    let made = world.admin.create_workload(&world.request(&olga), "app", Vec::new(), None).await.unwrap();
    let id = made.workload.client_id;
    let change =
        async |edit: WorkloadEdit| world.admin.change_workload(&world.request(&olga), id, &edit).await.unwrap();
    let stands = async |credential: Uuid| {
        let ctx = world.request(&bearer(id, credential, 0));
        let stands = world.admin.list_vaults(&ctx).await.is_ok();
        let reason = world.store.image().record(ctx.request_id).unwrap().reason.clone();
        assert_eq!(reason == "identity-disabled", !stands);
        stands
    };
    let credential_of = |changed: &Workload| changed.credential_of(&changed.federations[0]);
    let secret = change(WorkloadEdit::AddSecret(NewSecret::default())).await.credential.unwrap();
    let other = change(WorkloadEdit::AddSecret(NewSecret::default())).await.credential.unwrap();
    let certificate = change(WorkloadEdit::AddCertificate(certificate(1), None)).await.credential.unwrap();
    let federated = change(WorkloadEdit::AddFederation(federation("s"))).await;
    let federated = credential_of(&federated.workload);
    for credential in [secret, other, certificate, federated] {
        assert!(stands(credential).await);
    }
    assert!(!stands(Uuid::from_u128(404)).await, "one that never was");
    let without = Principal { token: None, ..(*bearer(id, secret, 0)).clone() };
    assert!(world.admin.list_vaults(&world.request(&Arc::new(without))).await.is_err(), "one that says nothing of it");

    change(WorkloadEdit::RemoveSecret(secret)).await;
    assert_eq!((stands(secret).await, stands(other).await), (false, true));
    let new = change(WorkloadEdit::ReplaceSecrets(NewSecret::default())).await.credential.unwrap();
    assert_eq!((stands(other).await, stands(new).await), (false, true));
    change(WorkloadEdit::RemoveCertificate(certificate)).await;
    assert_eq!((stands(certificate).await, stands(federated).await), (false, true));
    change(WorkloadEdit::RemoveFederation(federation("s").id())).await;
    assert!(!stands(federated).await);
    let again = change(WorkloadEdit::AddFederation(federation("s"))).await;
    assert!(!stands(federated).await, "registered again it is another one");
    assert_eq!((stands(credential_of(&again.workload)).await, stands(new).await), (true, true));
}

#[tokio::test]
async fn the_last_owner_stays_also_when_it_is_a_workload() {
    let (world, olga) = owned();
    let keeper = manager(&world, &olga).await;
    let app = world.put_workload("app", true).unwrap();
    let id: Uuid = app.id.subject.parse().unwrap();
    world.put_grant(Grantee::Principal { id: app.id.clone() }, Role::Owner, Scope::Server).unwrap();
    world.store.meddle(|image| image.assignments.retain(|a| !a.grantee.covers(&olga)));
    let by = || world.request(&keeper);
    let disable = WorkloadEdit::Update { name: None, enabled: Some(false) };
    let edits = [disable.clone(), WorkloadEdit::RemoveSecret(id)];
    for edit in &edits {
        let kept = world.admin.change_workload(&by(), id, edit).await;
        assert!(matches!(kept, Err(AdminError::LastOwner)), "{edit:?}");
    }
    assert!(matches!(world.admin.delete_workload(&by(), id).await, Err(AdminError::LastOwner)));
    let renamed = WorkloadEdit::Update { name: Some("api".into()), enabled: None };
    assert!(world.admin.change_workload(&world.request(&app), id, &renamed).await.is_ok());

    // Another workload that could get no token is nobody; one that could is enough, until it goes itself.
    let other = world.put_workload("other", true).unwrap();
    let other_id: Uuid = other.id.subject.parse().unwrap();
    let second = world.put_grant(Grantee::Principal { id: other.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let without = world.request(&app);
    world.admin.change_workload(&without, other_id, &WorkloadEdit::RemoveSecret(other_id)).await.unwrap();
    assert!(matches!(world.admin.delete_workload(&by(), id).await, Err(AdminError::LastOwner)));
    let with = world.request(&app);
    let new =
        world.admin.change_workload(&with, other_id, &WorkloadEdit::AddSecret(NewSecret::default())).await.unwrap();
    // Two who go at once, by whatever way, do not both go.
    let took = new.credential.unwrap();
    let (one, two) = tokio::join!(async { world.admin.change_workload(&by(), id, &disable).await.map(drop) }, async {
        world.admin.change_workload(&by(), other_id, &WorkloadEdit::RemoveSecret(took)).await.map(drop)
    },);
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert!(world.store.image().assignments.iter().any(|a| a.id == second.id));
}

/// Whoever could take the name of a stronger workload for one of their own would be given what is meant for that one.
#[tokio::test]
async fn renaming_a_workload_takes_what_it_holds() {
    let (world, olga) = owned();
    let keeper = manager(&world, &olga).await;
    let app = world.put_workload("app", true).unwrap();
    let id: Uuid = app.id.subject.parse().unwrap();
    let rename = async |who: &Arc<Principal>, name: &str| {
        let edit = WorkloadEdit::Update { name: Some(name.to_owned()), enabled: None };
        world.admin.change_workload(&world.request(who), id, &edit).await.map(drop)
    };
    rename(&keeper, "api").await.unwrap();
    world.put_grant(Grantee::Principal { id: app.id.clone() }, Role::Owner, Scope::Server).unwrap();
    assert!(matches!(rename(&keeper, "old").await, Err(AdminError::GrantsMoreThanHeld(_))));
    rename(&keeper, "api").await.unwrap();
    rename(&olga, "old").await.unwrap();
}

#[tokio::test]
async fn enabling_a_workload_takes_what_it_holds() {
    let (world, olga) = owned();
    let keeper = manager(&world, &olga).await;
    let app = world.put_workload("app", false).unwrap();
    let id: Uuid = app.id.subject.parse().unwrap();
    let enable = async |who: &Arc<Principal>, enabled| {
        let edit = WorkloadEdit::Update { name: None, enabled: Some(enabled) };
        world.admin.change_workload(&world.request(who), id, &edit).await.map(drop)
    };
    enable(&keeper, true).await.unwrap();
    enable(&keeper, false).await.unwrap();
    world.put_grant(Grantee::Principal { id: app.id.clone() }, Role::Owner, Scope::Server).unwrap();
    assert!(matches!(enable(&keeper, true).await, Err(AdminError::GrantsMoreThanHeld(_))));
    enable(&keeper, false).await.unwrap();
    enable(&olga, true).await.unwrap();
    enable(&keeper, true).await.unwrap();
}

/// What modules grant it, and what others approved for it, is held by no role.
#[tokio::test]
async fn becoming_a_workload_takes_what_modules_and_approvals_may_let_it_do() {
    let (world, olga) = owned();
    let keeper = manager(&world, &olga).await;
    let app = world.put_workload("app", true).unwrap();
    let id: Uuid = app.id.subject.parse().unwrap();
    let become_it = async |who: &Arc<Principal>| {
        let edit = WorkloadEdit::AddSecret(NewSecret::default());
        world.admin.change_workload(&world.request(who), id, &edit).await.map(drop)
    };
    become_it(&keeper).await.unwrap();
    let settings = VaultSettings { access_mode: AccessMode::Modules, ..VaultSettings::default() };
    let vault = world.put_vault(&VaultName::parse("demo").unwrap(), settings).unwrap();
    assert!(matches!(become_it(&keeper).await, Err(AdminError::MayBeGrantedMore)));
    become_it(&olga).await.unwrap();
    let grantee = Grantee::Principal { id: keeper.id.clone() };
    world.put_grant(grantee, Role::Administrator, Scope::Vault { vault: vault.id }).unwrap();
    become_it(&keeper).await.unwrap();

    let now = world.request(&olga).seconds();
    let subject = ApprovalSubject {
        vault: vault.id,
        principal: app.id.clone(),
        action: Action::SecretGet,
        kind: ObjectKind::Secret,
        name: None,
        version: None,
        content: None,
    };
    let asked = ApprovalRequest::open(Uuid::from_u128(7), subject, None, "two", 2, 600, now);
    let put = |request: &ApprovalRequest| {
        let tag = world.keyring.tag_approval(request).unwrap();
        world.store.meddle(|image| image.approvals.insert(request.id, ApprovalRequest { tag, ..request.clone() }));
    };
    put(&asked);
    become_it(&keeper).await.unwrap();
    let approved = asked.answered(&person("grace").id.clone().into(), Verdict::Grant, None, now).unwrap();
    put(&approved);
    assert!(matches!(become_it(&keeper).await, Err(AdminError::MayBeGrantedMore)), "one of two counts too");
    become_it(&olga).await.unwrap();
    world.store.meddle(|image| image.approvals.get_mut(&asked.id).unwrap().approvers = 1);
    assert!(matches!(become_it(&keeper).await, Err(AdminError::Tampered)));
    put(&approved.answered(&person("grace").id.clone().into(), Verdict::Refuse, None, now).unwrap());
    become_it(&keeper).await.unwrap();
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
    let made = async |expires| {
        let edit = WorkloadEdit::ReplaceSecrets(NewSecret { name: None, expires });
        let ctx = world.request(&olga);
        let changed = world.admin.change_workload(&ctx, id, &edit).await.unwrap();
        changed.workload.secrets[0].expires.unwrap() - ctx.seconds()
    };
    assert_eq!(made(None).await, 180 * 86_400, "none is made without an end");
    assert_eq!(made(Some(now + 600)).await, 600);
    for name in ["", "a\nb", "app\u{200b}", "\u{202e}ppa", "app ", " app", "\u{2060}", &"x".repeat(129)] {
        let update = WorkloadEdit::Update { name: Some(name.to_owned()), enabled: None };
        assert!(matches!(change(update).await, Err(AdminError::Invalid(_))));
    }
    let expired = ClientCertificate { not_after: now, ..*certificate(1) };
    let expired = change(WorkloadEdit::AddCertificate(Box::new(expired), None)).await;
    assert!(matches!(expired, Err(AdminError::Invalid(_))));
    assert!(matches!(change(WorkloadEdit::AddFederation(federation("*"))).await, Err(AdminError::Invalid(_))));
    let own = Federation { issuer: OWN_ISSUER.into(), ..federation("s") };
    assert!(matches!(change(WorkloadEdit::AddFederation(own)).await, Err(AdminError::Invalid(_))));
    for _ in 1..MAX_CREDENTIALS {
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
