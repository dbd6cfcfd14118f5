//! What the records of management say: what was given to whom and until when, and what was changed into what.

use std::sync::Arc;

use strongroom_domain::{
    access_policy::{KeyPermission, ObjectPermissions, SecretPermission},
    admin::{NewAssignment, NewRole, NewSecret, ScopeRequest, WorkloadEdit},
    grant::Scope,
    identity::Federation,
    key::KeyAlgorithm,
    names::VaultName,
    network::{NetworkAction, NetworkRule, NetworkRules},
    principal::{Grantee, Principal},
    record::Outcome,
    role::Role,
    test_support::world::{BEGIN, World, person},
    vault::{VaultSettings, VaultUpdate},
};

fn of(who: &Principal) -> Grantee {
    Grantee::Principal { id: who.id.clone() }
}

fn demo() -> VaultName {
    VaultName::parse("demo").unwrap()
}

/// An installation that Olga owns, with a vault `demo`.
fn owned() -> (World, Arc<Principal>) {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_vault(&demo(), VaultSettings::default()).unwrap();
    world.put_grant(of(&olga), Role::Owner, Scope::Server).unwrap();
    (world, olga)
}

/// The details of the newest record, which is of this operation.
fn told(world: &World, operation: &str) -> String {
    let record = world.store.image().log.last().unwrap().record.clone();
    assert_eq!((record.operation.as_str(), record.outcome), (operation, Outcome::Allowed));
    record.details.iter().map(|(name, told)| format!("{name}: {told}")).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn who_got_and_who_lost_which_role_where_and_until_when() {
    let (world, olga) = owned();
    let here = ScopeRequest::Vault(demo());
    let end = BEGIN + 3_600_000;
    let new =
        NewAssignment { id: None, grantee: of(&person("ada")), role: Role::SecretsUser.into(), ends_at: Some(end) };
    let given = world.admin.add_assignment(&world.request(&olga), new, &here).await.unwrap().assignment.id;
    let all = format!(
        "ends_at: {end}; issuer: https://people.example; role: Key Vault Secrets User; scope: /vaults/demo; subject: ada"
    );
    assert_eq!(told(&world, "RoleAssignmentCreate"), all);
    world.admin.remove_assignment(&world.request(&olga), given, &ScopeRequest::Server).await.unwrap();
    assert_eq!(told(&world, "RoleAssignmentDelete"), all);
    let group = Grantee::Group { issuer: "https://people.example".into(), group: "ops".into() };
    world.admin.add_assignment(&world.request(&olga), (group, Role::Owner), &ScopeRequest::Server).await.unwrap();
    assert_eq!(
        told(&world, "RoleAssignmentCreate"),
        "ends_at: none; group: ops; issuer: https://people.example; role: Owner; scope: /"
    );
}

#[tokio::test]
async fn what_an_access_policy_permits_and_permitted() {
    let (world, olga) = owned();
    let ada = of(&person("ada"));
    let put = async |secrets: &[SecretPermission], keys: &[KeyPermission]| {
        let permissions = ObjectPermissions {
            secrets: secrets.iter().copied().collect(),
            keys: keys.iter().copied().collect(),
            ..ObjectPermissions::default()
        };
        world.admin.put_access_policy(&world.request(&olga), &demo(), &ada, &permissions).await.unwrap();
        told(&world, "AccessPolicyWrite")
    };
    let (whose, whom) = ("issuer: https://people.example", "subject: ada");
    let both = [SecretPermission::Get, SecretPermission::List];
    assert_eq!(put(&both, &[]).await, format!("{whose}; secrets: get, list; {whom}"));
    let changed = put(&both[..1], &[KeyPermission::Sign]).await;
    assert_eq!(changed, format!("{whose}; keys: none -> sign; secrets: get, list -> get; {whom}"));
    world.admin.remove_access_policy(&world.request(&olga), &demo(), &ada).await.unwrap();
    assert_eq!(told(&world, "AccessPolicyWrite"), format!("{whose}; keys: sign; secrets: get; {whom}"));
}

#[tokio::test]
async fn what_a_role_definition_has_in_it() {
    let (world, olga) = owned();
    let read = "Microsoft.KeyVault/vaults/secrets/getSecret/action";
    let new = NewRole {
        name: "Keeper".to_owned(),
        data_actions: vec![read.to_owned()],
        assignable_scopes: vec![ScopeRequest::Vault(demo())],
        ..NewRole::default()
    };
    let id = world.admin.put_role(&world.request(&olga), None, &new, None).await.unwrap().id;
    let made = format!("assignable_scopes: /vaults/demo; data_actions: {read}; id: {id}; name: Keeper");
    assert_eq!(told(&world, "RoleDefinitionWrite"), made);
    let wider = NewRole { data_actions: vec!["Microsoft.KeyVault/vaults/secrets/*".to_owned()], ..new };
    world.admin.put_role(&world.request(&olga), Some(id), &wider, None).await.unwrap();
    let changed = format!("data_actions: {read} -> Microsoft.KeyVault/vaults/secrets/*; id: {id}");
    assert_eq!(told(&world, "RoleDefinitionWrite"), changed);
    world.admin.delete_role(&world.request(&olga), id, None).await.unwrap();
    assert_eq!(
        told(&world, "RoleDefinitionDelete"),
        made.replace(read, "Microsoft.KeyVault/vaults/secrets/*"),
        "as it was at last"
    );
}

#[tokio::test]
async fn what_a_vault_was_made_with_and_what_became_of_its_settings() {
    let (world, olga) = owned();
    let other = VaultName::parse("other").unwrap();
    world.admin.create_vault(&world.request(&olga), &other, VaultSettings::default()).await.unwrap();
    assert_eq!(
        told(&world, "VaultPut"),
        "access_mode: rbac; default_action: allow; purge_protection: false; region: none; retention_days: 90"
    );
    let out =
        NetworkRule { ends_at: Some(BEGIN), ..NetworkRule::of(NetworkAction::Deny, "10.0.0.0/8".parse().unwrap()) };
    let update = VaultUpdate {
        network: Some(NetworkRules { default_action: NetworkAction::Allow, rules: vec![out] }),
        purge_protection: Some(true),
        tags: Some([("team".to_owned(), "hush".to_owned())].into()),
        region: Some("north".to_owned()),
        refused_algorithms: Some([KeyAlgorithm::parse("RSA1_5").unwrap()].into()),
        ..VaultUpdate::default()
    };
    world.admin.update_vault(&world.request(&olga), &other, None, &update).await.unwrap();
    assert_eq!(
        told(&world, "VaultPatch"),
        format!(
            "purge_protection: false -> true; refused_algorithms: none -> RSA1_5; region: none -> north; rules: none -> deny \
             10.0.0.0/8 until {BEGIN}; tags: team"
        ),
        "of tags the names alone"
    );
    world.admin.update_vault(&world.request(&olga), &other, None, &update).await.unwrap();
    assert_eq!(told(&world, "VaultPatch"), "", "nothing of what stayed");
}

#[tokio::test]
async fn what_became_of_an_identity_and_never_its_secret() {
    let (world, olga) = owned();
    let federation = |subject: &str| Federation {
        issuer: "https://ci.example".into(),
        subject: subject.into(),
        audience: "vault".into(),
        pattern: false,
    };
    let made = world
        .admin
        .create_workload(&world.request(&olga), "app", vec![federation("main")], Some(NewSecret::default()))
        .await
        .unwrap();
    let (id, secret) = (made.workload.client_id, &made.workload.secrets[0]);
    let held = format!("{} exp {}", secret.id, secret.expires.unwrap());
    assert_eq!(
        told(&world, "WorkloadCreate"),
        format!(
            "audience: vault; client_secrets: {held}; enabled: true; issuer: https://ci.example; name: app; subject: \
             main"
        )
    );
    let change = async |edit: WorkloadEdit, operation: &str| {
        world.admin.change_workload(&world.request(&olga), id, &edit).await.unwrap();
        told(&world, operation)
    };
    let update = WorkloadEdit::Update { name: Some("api".to_owned()), enabled: Some(false) };
    assert_eq!(change(update, "WorkloadDisable").await, "enabled: true -> false; name: app -> api");
    let added = change(WorkloadEdit::AddFederation(federation("tags")), "WorkloadFederationAdd").await;
    assert_eq!(added, "audience: vault; issuer: https://ci.example; subject: tags");
    let removed = change(WorkloadEdit::RemoveSecret(secret.id), "WorkloadSecretRemove").await;
    assert_eq!(removed, format!("client_secrets: {held} -> none"));
    world.admin.delete_workload(&world.request(&olga), id).await.unwrap();
    let gone = told(&world, "WorkloadDelete");
    assert!(gone.starts_with("enabled: false; federation 1 audience: vault;"), "{gone}");
    assert!(gone.contains("federation 2 subject: tags; federations: 2; name: api"), "{gone}");

    let secret = made.secret.unwrap();
    let hash = data_encoding::HEXLOWER.encode(&made.workload.secrets[0].hash);
    for logged in &world.store.image().log {
        let text = String::from_utf8(logged.body.clone()).unwrap();
        assert!(!text.contains(secret.expose()) && !text.contains(&hash), "{text}");
    }
}
