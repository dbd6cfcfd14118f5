//! What would let a denied request through: each change is tried by the gate, is the caller's to make, and is written
//! nowhere.

use std::{collections::BTreeMap, sync::Arc};

use strongroom_crypto::key::{Curve, KeySpec};
use strongroom_domain::{
    access_policy::{AccessMode, ObjectPermission, SecretPermission},
    action::Action,
    admin::{
        About, AdminError, Altered, Described, Explained, NewAssignment, NewRole, ScopeRequest, SingleChange, Which,
        WorkloadEdit, WouldAllow,
    },
    context::RequestContext,
    grant::Scope,
    keys::KeyRequest,
    names::VaultName,
    network::{NetworkAction, NetworkRule, NetworkRules},
    policy::{AttachedBefore, AttachmentState, Effect, ModuleDigest, PolicyAttachment},
    policy_module::ModuleLibrary as _,
    policy_replay::{ALL_VAULTS, MAX_REPLAYS},
    principal::{Grantee, Principal},
    record::Outcome,
    role::Role,
    rotation::{RotationTerms, Span, Trigger},
    secret::AttributePatch,
    secrets::SecretError,
    test_support::{
        MemoryStore, Verdict,
        world::{INSTALLATION, enabled, name, person},
    },
    vault::{VaultSettings, VaultUpdate},
};
use uuid::Uuid;

use crate::common::Demo;

struct Story {
    demo: Demo,
    olga: Arc<Principal>,
    bob: Arc<Principal>,
}

fn attachment(name: &str, module: u8, settings: &str) -> PolicyAttachment {
    PolicyAttachment {
        name: name.to_owned(),
        module: ModuleDigest([module; 32]),
        settings: settings.to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    }
}

impl Story {
    /// Olga owns the installation, Ada administers what is in `demo`, Bob has nothing.
    async fn with(settings: VaultSettings) -> Self {
        let demo = Demo::with(settings);
        let olga = person("olga");
        demo.world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
        Self { demo, olga, bob: person("bob") }
    }

    /// The same, once Ada has stored `db`.
    async fn stored(settings: VaultSettings) -> Self {
        let story = Self::with(settings).await;
        story.demo.set("db", "v").await.unwrap();
        story
    }

    fn vault_id(&self) -> strongroom_domain::names::VaultId {
        self.demo.world.store.image().vaults["demo"].id
    }

    async fn explain(&self, by: &Arc<Principal>, described: Described) -> Explained {
        let about = About::Described(Box::new(described));
        let before = self.demo.world.store.image().happened.len();
        let ctx = self.demo.world.request(by);
        let explained = self.demo.world.admin.explain(&ctx, &self.demo.vault, &about, 100).await.unwrap();
        let image = self.demo.world.store.image();
        assert_eq!(image.happened.len(), before, "nothing is written");
        let record = image.record(ctx.request_id).unwrap();
        assert_eq!((record.operation.as_str(), record.outcome), ("DecisionForesee", Outcome::Allowed));
        explained
    }

    async fn would_allow(&self, by: &Arc<Principal>, described: Described) -> WouldAllow {
        self.explain(by, described).await.would_allow
    }

    /// Whoever asks may read the records and the roles of the vault, and no more.
    fn auditor(&self) -> Arc<Principal> {
        let auditor = person("auditor");
        let grantee = Grantee::Principal { id: auditor.id.clone() };
        self.demo.world.put_grant(grantee.clone(), Role::Auditor, Scope::Server).unwrap();
        let scope = Scope::Vault { vault: self.vault_id() };
        self.demo.world.put_grant(grantee, Role::Reader, scope).unwrap();
        auditor
    }

    /// Makes a change that was told, as the Owner of the installation.
    async fn make(&self, change: &SingleChange, whom: &Principal) {
        let (admin, ctx, vault) = (&self.demo.world.admin, self.demo.world.request(&self.olga), &self.demo.vault);
        let grantee = Grantee::Principal { id: whom.id.clone() };
        let update = async |update: VaultUpdate| admin.update_vault(&ctx, vault, None, &update).await.map(drop);
        let settings = &self.demo.world.store.image().vaults["demo"].settings.clone();
        let in_front = |rule: NetworkRule| {
            let rules = std::iter::once(rule).chain(settings.network.rules.clone()).collect();
            let network = Some(NetworkRules { rules, ..settings.network.clone() });
            VaultUpdate { network, ..VaultUpdate::default() }
        };
        let with = |name: &str, change: &dyn Fn(&mut PolicyAttachment)| {
            let mut policies = settings.policies.clone();
            change(policies.iter_mut().find(|attachment| attachment.name == name).unwrap());
            VaultUpdate { policies: Some(policies), ..VaultUpdate::default() }
        };
        match change {
            SingleChange::Assign { role, scope, .. } => {
                let new = NewAssignment { id: None, grantee, role: (*role).into(), ends_at: None };
                admin.add_assignment(&ctx, new, scope).await.map(drop)
            }
            SingleChange::Permit { permissions, .. } => {
                admin.put_access_policy(&ctx, vault, &grantee, permissions).await.map(drop)
            }
            SingleChange::LetIn(network) => update(in_front(NetworkRule::of(NetworkAction::Allow, *network))).await,
            SingleChange::LetInBy(listener) => {
                let (action, listener) = (NetworkAction::Allow, Some(listener.clone()));
                update(in_front(NetworkRule { action, network: None, listener, ends_at: None })).await
            }
            SingleChange::SetState { attachment, state, .. } => {
                update(with(&attachment.name, &|found| found.state = *state)).await
            }
            SingleChange::Settings { attachment, settings, .. } => {
                update(with(attachment, &|found| found.settings.clone_from(settings))).await
            }
            SingleChange::RollBack { attachment, .. } => {
                update(VaultUpdate { roll_back: Some(attachment.clone()), ..VaultUpdate::default() }).await
            }
            SingleChange::Mode(mode) => {
                update(VaultUpdate { access_mode: Some(*mode), ..VaultUpdate::default() }).await
            }
            SingleChange::Authorize(attachment) => {
                update(with(&attachment.name, &|found| found.authority = true)).await
            }
            SingleChange::Enable { client_id, .. } => {
                let edit = WorkloadEdit::Update { name: None, enabled: Some(true) };
                admin.change_workload(&ctx, *client_id, &edit).await.map(drop)
            }
            SingleChange::Update { .. } => Ok(()),
        }
        .unwrap();
    }

    /// Each change that is told lets the request through once it is made, on a database of its own.
    async fn each_does(&self, described: &Described, answers: &[(&str, Verdict)]) {
        let found = self.would_allow(&self.olga, described.clone()).await;
        assert!(!found.changes.is_empty());
        for change in changes(&found) {
            let store = MemoryStore::new(INSTALLATION, self.demo.world.store.image());
            let there = Self { demo: self.demo.on(store), olga: self.olga.clone(), bob: self.bob.clone() };
            answers.iter().for_each(|(name, verdict)| there.demo.world.policies.answer(name, *verdict));
            there.make(&change, &described.principal).await;
            let explained = there.explain(&self.olga, described.clone()).await;
            assert_eq!(explained.foreseen.denied, None, "{change:?}");
        }
    }

    async fn denied(&self, who: &Arc<Principal>, ctx: Option<RequestContext>) -> Uuid {
        let ctx = ctx.unwrap_or_else(|| self.demo.world.request(who));
        assert!(matches!(self.demo.get_in(&ctx, "db", None).await, Err(SecretError::Denied(_))));
        ctx.request_id
    }
}

fn reads(principal: &Principal) -> Described {
    Described {
        principal: principal.clone(),
        client: None,
        action: Action::SecretGet,
        name: Some(name("db").unwrap()),
        version: None,
        algorithm: None,
        listener: None,
        proposed: None,
        object: None,
        at: None,
    }
}

fn changes(would_allow: &WouldAllow) -> Vec<SingleChange> {
    would_allow.changes.iter().map(|one| one.change.clone()).collect()
}

#[tokio::test]
async fn the_least_role_at_the_narrowest_scope_that_the_caller_may_assign() {
    let story = Story::stored(VaultSettings::default()).await;
    let found = story.would_allow(&story.olga, reads(&story.bob)).await;
    let [SingleChange::Assign { role, scope, .. }] = &changes(&found)[..] else { panic!("{found:?}") };
    assert_eq!(*role, Role::SecretsUser);
    assert_eq!(*scope, ScopeRequest::Secret(story.demo.vault.clone(), name("db").unwrap()));
    assert!(found.not_yours.is_empty());
    story.each_does(&reads(&story.bob), &[]).await;
    // What is allowed needs no change.
    let explained = story.explain(&story.olga, reads(&story.demo.ada)).await;
    assert_eq!((explained.foreseen.denied, changes(&explained.would_allow)), (None, Vec::new()));
}

#[tokio::test]
async fn a_custom_role_that_allows_less_comes_before_a_built_in_one() {
    let story = Story::stored(VaultSettings::default()).await;
    let new = NewRole {
        name: "Reader of values".to_owned(),
        data_actions: vec!["Microsoft.KeyVault/vaults/secrets/getSecret/action".to_owned()],
        assignable_scopes: vec![ScopeRequest::Vault(story.demo.vault.clone())],
        ..NewRole::default()
    };
    story.demo.world.admin.put_role(&story.demo.world.request(&story.olga), None, &new, None).await.unwrap();
    let found = story.would_allow(&story.olga, reads(&story.bob)).await;
    let [SingleChange::Assign { name, .. }] = &changes(&found)[..] else { panic!("{found:?}") };
    assert_eq!(name, "Reader of values");
}

#[tokio::test]
async fn who_may_not_make_a_change_is_told_which_role_would_do_and_no_more() {
    let story = Story::stored(VaultSettings::default()).await;
    let auditor = story.auditor();
    let found = story.would_allow(&auditor, reads(&story.bob)).await;
    assert!(found.changes.is_empty(), "{found:?}");
    let [other] = &found.not_yours[..] else { panic!("{found:?}") };
    assert_eq!((other.sort, other.why.as_str()), ("assignment", "no-role"));
    assert!(Role::by_name(other.role.unwrap()).unwrap().allows(Action::AssignmentAdd));
    assert_eq!(found.replayed, 0, "nothing is counted for them");
    // Nobody grants what they do not hold.
    let grantee = Grantee::Principal { id: auditor.id.clone() };
    let scope = Scope::Vault { vault: story.vault_id() };
    story.demo.world.put_grant(grantee, Role::DataAccessAdministrator, scope).unwrap();
    let found = story.would_allow(&auditor, reads(&story.bob)).await;
    assert!(found.changes.is_empty(), "{found:?}");
    let [other] = &found.not_yours[..] else { panic!("{found:?}") };
    assert_eq!((other.why.as_str(), other.role), ("grants-more-than-held", Some(Role::SecretsUser.name())));
}

#[tokio::test]
async fn a_grant_counts_the_recorded_denials_that_it_would_lift() {
    let story = Story::stored(VaultSettings::default()).await;
    let first = story.denied(&story.bob, None).await;
    let second = story.denied(&story.bob, None).await;
    story.denied(&person("somebody-else"), None).await;
    let about = About::Decision(second);
    let admin = &story.demo.world.admin;
    let ask = async |last| {
        admin.explain(&story.demo.world.request(&story.olga), &story.demo.vault, &about, last).await.unwrap()
    };
    let found = ask(100).await.would_allow;
    let [only] = &found.changes[..] else { panic!("{found:?}") };
    let counted = &only.recorded;
    assert_eq!((counted.newly_allowed, counted.newly_denied, counted.indeterminate), (2, 0, 0));
    let [group] = &counted.groups[..] else { panic!("{counted:?}") };
    assert_eq!((group.altered, group.count), (Altered::NewlyAllowed, 2));
    assert_eq!((group.principal.as_str(), group.object.as_str()), (&*story.bob.id.to_string(), "demo/db"));
    assert_eq!((group.operation.as_str(), group.reason.as_str()), ("SecretGet", "no-role"));
    assert_eq!(group.samples, [second, first]);
    let counted = ask(0).await.would_allow;
    assert_eq!((counted.replayed, counted.changes[0].recorded.newly_allowed), (0, 0));
}

#[tokio::test]
async fn what_modules_would_have_seen_of_a_recorded_denial_is_not_guessed() {
    let policies = vec![attachment("guard", 1, "{}")];
    let story = Story::with(VaultSettings { policies, ..VaultSettings::default() }).await;
    story.demo.world.policies.answer("guard", Verdict::Says(Effect::Allow));
    story.demo.set("db", "v").await.unwrap();
    story.denied(&story.bob, None).await;
    let found = story.would_allow(&story.olga, reads(&story.bob)).await;
    let counted = &found.changes[0].recorded;
    assert_eq!((counted.newly_allowed, counted.indeterminate), (0, 1), "no module was asked then");
}

#[tokio::test]
async fn in_the_modes_of_access_policies_a_permission_is_what_is_missing() {
    let story = Story::stored(VaultSettings::default()).await;
    let mode = |mode| {
        let settings = VaultSettings { access_mode: mode, ..VaultSettings::default() };
        story.demo.world.store.meddle(|image| {
            let mut vault = (*image.vaults["demo"]).clone();
            vault.settings = settings.clone();
            vault.tag = story.demo.world.keyring.tag_vault(&vault).unwrap();
            image.vaults.insert("demo".to_owned(), Arc::new(vault));
        });
    };
    mode(AccessMode::AccessPolicy);
    let found = story.would_allow(&story.olga, reads(&story.bob)).await;
    let [SingleChange::Permit { permissions, permission }] = &changes(&found)[..] else { panic!("{found:?}") };
    assert_eq!(*permission, ObjectPermission::Secret(SecretPermission::Get));
    assert_eq!(permissions.secrets, [SecretPermission::Get].into());
    story.each_does(&reads(&story.bob), &[]).await;
    // Nobody lifts their own restriction.
    let found = story.would_allow(&story.olga, reads(&story.olga)).await;
    assert!(found.changes.is_empty(), "{found:?}");
    assert_eq!(found.not_yours[0].why, "lifts-own-restriction");
    // Both are missing: neither alone does.
    mode(AccessMode::Layered);
    let found = story.would_allow(&story.olga, reads(&story.bob)).await;
    assert!(found.changes.is_empty() && found.not_yours.is_empty(), "{found:?}");
    // One is missing: it alone does.
    let grantee = Grantee::Principal { id: story.bob.id.clone() };
    story.demo.world.put_grant(grantee, Role::SecretsUser, Scope::Vault { vault: story.vault_id() }).unwrap();
    let found = story.would_allow(&story.olga, reads(&story.bob)).await;
    assert!(matches!(&changes(&found)[..], [SingleChange::Permit { .. }]), "{found:?}");
    // Roles alone would do as well, and that is no change for somebody whom the mode restricts.
    let [other] = &found.not_yours[..] else { panic!("{found:?}") };
    assert_eq!((other.sort, other.why.as_str()), ("access-mode", "lifts-own-restriction"));
    assert_eq!(found.tried, ["access-policy", "access-mode"]);
    story.each_does(&reads(&story.bob), &[]).await;
}

#[tokio::test]
async fn one_address_or_the_listener_is_let_in_in_front_of_all_rules() {
    let network: NetworkRules = serde_json::from_value(serde_json::json!({
        "default_action": "allow", "rules": [{ "action": "deny", "network": "198.51.100.0/24" }],
    }))
    .unwrap();
    let story = Story::stored(VaultSettings { network, ..VaultSettings::default() }).await;
    let elsewhere = "198.51.100.7".parse().unwrap();
    let first = story.denied(&story.demo.ada, Some(story.demo.world.request_from(&story.demo.ada, elsewhere))).await;
    let neighbour = "198.51.100.8".parse().unwrap();
    story.denied(&story.demo.ada, Some(story.demo.world.request_from(&story.demo.ada, neighbour))).await;
    let described = Described { client: Some(elsewhere), ..reads(&story.demo.ada) };
    story.each_does(&described, &[]).await;
    let found = story.would_allow(&story.olga, described).await;
    let [SingleChange::LetIn(network), SingleChange::LetInBy(listener)] = &changes(&found)[..] else {
        panic!("{found:?}")
    };
    assert_eq!((network.to_string().as_str(), listener.as_str()), ("198.51.100.7/32", "test"));
    // People's groups are on record where a module was asked: whether Ada may is not known from these records alone.
    let counted = |place: usize| &found.changes[place].recorded;
    assert_eq!((counted(0).newly_allowed, counted(0).indeterminate), (1, 0), "hers by her own role");
    assert_eq!(counted(0).groups[0].samples, [first]);
    assert_eq!(counted(1).newly_allowed, 2, "the listener lets in the neighbour, too");
}

#[tokio::test]
async fn a_guard_is_set_aside_or_taken_back_by_an_owner_of_the_installation() {
    let mut guard = attachment("guard", 2, "new");
    guard.previous = Some(AttachedBefore {
        module: ModuleDigest([1; 32]),
        settings: "old".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
    });
    let story = Story::with(VaultSettings { policies: vec![guard], ..VaultSettings::default() }).await;
    let policies = &story.demo.world.policies;
    policies.answer("old", Verdict::Says(Effect::Allow));
    policies.answer("new", Verdict::Says(Effect::Allow));
    story.demo.set("db", "v").await.unwrap();
    policies.answer("new", Verdict::SaysOfContents(Effect::Deny));
    let denied = story.denied(&story.demo.ada, None).await;
    let found = story.would_allow(&story.olga, reads(&story.demo.ada)).await;
    let found_changes = changes(&found);
    let [
        SingleChange::RollBack { to, which: Which::Vault, .. },
        SingleChange::Settings { settings, .. },
        SingleChange::SetState { state: AttachmentState::Shadow, .. },
        SingleChange::SetState { state: AttachmentState::Off, .. },
    ] = &found_changes[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!((to.settings.as_str(), settings.as_str()), ("old", "old"));
    for one in &found.changes {
        let counted = &one.recorded;
        assert_eq!((counted.newly_allowed, counted.newly_denied, counted.indeterminate), (1, 0, 0), "{one:?}");
        assert_eq!(counted.groups[0].samples, [denied]);
    }
    let answers = [("old", Verdict::Says(Effect::Allow)), ("new", Verdict::SaysOfContents(Effect::Deny))];
    story.each_does(&reads(&story.demo.ada), &answers).await;
    // What stood there before denies as well: no way back.
    policies.answer("old", Verdict::SaysOfContents(Effect::Deny));
    let found = story.would_allow(&story.olga, reads(&story.demo.ada)).await;
    assert!(changes(&found).iter().all(|change| matches!(change, SingleChange::SetState { .. })), "{found:?}");
    // An Owner of the vault is restricted by the guard, and lifts none.
    let owner = story.auditor();
    let grantee = Grantee::Principal { id: owner.id.clone() };
    story.demo.world.put_grant(grantee, Role::Owner, Scope::Vault { vault: story.vault_id() }).unwrap();
    let found = story.would_allow(&owner, reads(&story.demo.ada)).await;
    assert!(found.changes.is_empty(), "{found:?}");
    let [other] = &found.not_yours[..] else { panic!("{found:?}") };
    assert_eq!((other.why.as_str(), other.role), ("lifts-own-restriction", Some("Owner")));
}

/// What the schema of a module offers is tried in its place, with the name that was asked for first; who may not change
/// modules is told no more than that settings would do.
#[tokio::test]
async fn other_settings_of_a_guard_are_tried_as_its_schema_offers_them() {
    const SCHEMA: &str = r#"{"type":"object","properties":{"names":{"type":"array","items":{"type":"string"}}}}"#;
    const NONE: &str = r#"{"names":[]}"#;
    const WITH_IT: &str = r#"{"names":["db"]}"#;
    let digest = ModuleDigest(strongroom_crypto::sha256(SCHEMA.as_bytes()));
    let guard = PolicyAttachment { module: digest, ..attachment("guard", 1, NONE) };
    let story = Story::with(VaultSettings { policies: vec![guard], ..VaultSettings::default() }).await;
    let policies = &story.demo.world.policies;
    policies.admit(SCHEMA.as_bytes().into(), None).await.unwrap();
    policies.answer(NONE, Verdict::Says(Effect::Allow));
    story.demo.set("db", "v").await.unwrap();
    policies.answer(NONE, Verdict::SaysOfContents(Effect::Deny));
    policies.answer(WITH_IT, Verdict::Says(Effect::Allow));
    let denied = story.denied(&story.demo.ada, None).await;
    let found = story.would_allow(&story.olga, reads(&story.demo.ada)).await;
    let found_changes = changes(&found);
    // All others are refused by the module, and so tried in vain.
    let [
        SingleChange::Settings { settings, how: Some(how), .. },
        SingleChange::SetState { .. },
        SingleChange::SetState { .. },
    ] = &found_changes[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!((settings.as_str(), how.as_str()), (WITH_IT, r#"add "db" to names"#));
    let counted = &found.changes[0].recorded;
    assert_eq!((counted.newly_allowed, counted.newly_denied, counted.indeterminate), (1, 0, 0));
    assert_eq!(counted.groups[0].samples, [denied]);
    assert!(found.changes.iter().all(|one| one.lifts_rule), "with it, this module denies nobody any more");
    story
        .each_does(
            &reads(&story.demo.ada),
            &[(NONE, Verdict::SaysOfContents(Effect::Deny)), (WITH_IT, Verdict::Says(Effect::Allow))],
        )
        .await;
    let found = story.would_allow(&story.auditor(), reads(&story.demo.ada)).await;
    assert!(found.changes.is_empty(), "{found:?}");
    let sorts: Vec<_> = found.not_yours.iter().map(|one| (one.sort, one.why.as_str())).collect();
    assert_eq!(sorts, [("attachment-settings", "no-role"), ("attachment-state", "no-role")]);
}

#[tokio::test]
async fn a_guard_of_all_vaults_is_changed_where_it_is_attached() {
    let story = Story::stored(VaultSettings::default()).await;
    let (world, ctx) = (&story.demo.world, story.demo.world.request(&story.olga));
    world.policies.answer("wide", Verdict::SaysOfContents(Effect::Deny));
    world.admin.put_policies_everywhere(&ctx, None, &[attachment("wide", 3, "{}")], false).await.unwrap();
    let found = story.would_allow(&story.olga, reads(&story.demo.ada)).await;
    let found_changes = changes(&found);
    let [SingleChange::SetState { which: Which::Everywhere, .. }, SingleChange::SetState { .. }] = &found_changes[..]
    else {
        panic!("{found:?}")
    };
}

#[tokio::test]
async fn where_no_module_grants_one_with_authority_is_enforced() {
    let policies = vec![
        PolicyAttachment { authority: true, ..attachment("says-nothing", 1, "{}") },
        PolicyAttachment { authority: true, state: AttachmentState::Shadow, ..attachment("grants", 2, "{}") },
    ];
    let settings = VaultSettings { policies, access_mode: AccessMode::Modules, ..VaultSettings::default() };
    let story = Story::with(settings).await;
    story.demo.world.policies.answer("says-nothing", Verdict::Says(Effect::Abstain));
    story.demo.world.policies.answer("grants", Verdict::Says(Effect::Allow));
    let found = story.would_allow(&story.olga, reads(&story.bob)).await;
    let found_changes = changes(&found);
    let [SingleChange::SetState { attachment, state: AttachmentState::Enforce, .. }] = &found_changes[..] else {
        panic!("{found:?}")
    };
    assert_eq!(attachment.name, "grants");
    let answers = [("says-nothing", Verdict::Says(Effect::Abstain)), ("grants", Verdict::Says(Effect::Allow))];
    story.each_does(&reads(&story.bob), &answers).await;
}

#[tokio::test]
async fn a_guard_that_allows_is_let_grant_where_no_module_does() {
    let settings = VaultSettings {
        policies: vec![attachment("allows", 1, "{}")],
        access_mode: AccessMode::Modules,
        ..VaultSettings::default()
    };
    let story = Story::with(settings).await;
    story.demo.world.policies.answer("allows", Verdict::Says(Effect::Allow));
    let found = story.would_allow(&story.olga, reads(&story.bob)).await;
    let found_changes = changes(&found);
    let [SingleChange::Authorize(attachment)] = &found_changes[..] else { panic!("{found:?}") };
    assert_eq!(attachment.name, "allows");
    assert_eq!(found.tried, ["attachment-authority", "access-mode"]);
    story.each_does(&reads(&story.bob), &[("allows", Verdict::Says(Effect::Allow))]).await;
}

#[tokio::test]
async fn a_disabled_workload_is_enabled_by_who_may_become_it() {
    let story = Story::stored(VaultSettings::default()).await;
    let app = story.demo.world.put_workload("app", false).unwrap();
    let grantee = Grantee::Principal { id: app.id.clone() };
    story.demo.world.put_grant(grantee, Role::SecretsUser, Scope::Vault { vault: story.vault_id() }).unwrap();
    let described = reads(&app);
    let found = story.would_allow(&story.auditor(), described.clone()).await;
    assert!(found.changes.is_empty(), "{found:?}");
    let [other] = &found.not_yours[..] else { panic!("{found:?}") };
    assert_eq!((other.sort, other.why.as_str()), ("identity", "no-role"));
    let found = story.would_allow(&story.olga, described.clone()).await;
    let found_changes = changes(&found);
    let [SingleChange::Enable { name, .. }] = &found_changes[..] else { panic!("{found:?}") };
    assert_eq!(name, "app");
    story.each_does(&described, &[]).await;
}

/// What nobody's single change lifts is told with what was tried, and with who could approve it.
#[tokio::test]
async fn a_denial_that_others_could_approve_names_their_request() {
    let policies = vec![attachment("two-person", 1, "{}")];
    let story = Story::with(VaultSettings { policies, ..VaultSettings::default() }).await;
    story.demo.world.policies.sees_alone(ModuleDigest([1; 32]), Action::SecretGet);
    story.demo.world.policies.answer("two-person", Verdict::Says(Effect::Allow));
    story.demo.set("db", "v").await.unwrap();
    story.demo.world.policies.answer("two-person", Verdict::NeedsApproval(1));
    let found = story.would_allow(&story.olga, reads(&story.demo.ada)).await;
    assert_eq!((found.by_approval, found.approval), (true, None), "nothing is opened by asking what if");
    story.denied(&story.demo.ada, None).await;
    let found = story.would_allow(&story.olga, reads(&story.demo.ada)).await;
    let open: Vec<_> = story.demo.world.store.image().approvals.values().map(|request| request.id).collect();
    assert_eq!((found.by_approval, found.approval.into_iter().collect::<Vec<_>>()), (true, open));
    let found = story.would_allow(&story.olga, reads(&story.bob)).await;
    assert!(!found.by_approval && found.tried == ["assignment", "access-mode"], "{found:?}");
}

#[tokio::test]
async fn an_object_is_changed_where_that_alone_does() {
    let policies = vec![attachment("enabled-only", 1, "{}")];
    let story = Story::with(VaultSettings { policies, ..VaultSettings::default() }).await;
    story.demo.world.policies.answer("enabled-only", Verdict::Says(Effect::Allow));
    story.demo.set("db", "v").await.unwrap();
    let patch = AttributePatch { enabled: Some(false), expires: Some(4_000_000_000), ..AttributePatch::default() };
    let (ctx, db) = (story.demo.request(), name("db").unwrap());
    story.demo.world.secrets.update(&ctx, &story.demo.vault, &db, None, &patch).await.unwrap();
    story.demo.world.policies.answer("enabled-only", Verdict::EnabledAlone);
    story.denied(&story.demo.ada, None).await;
    // Ada may update it; she cannot ask, so somebody asks who may do both.
    let grantee = Grantee::Principal { id: story.olga.id.clone() };
    story.demo.world.put_grant(grantee, Role::Administrator, Scope::Server).unwrap();
    let found = story.would_allow(&story.olga, reads(&story.demo.ada)).await;
    let Some(SingleChange::Update { patch, .. }) = changes(&found).first().cloned() else { panic!("{found:?}") };
    assert_eq!(patch, AttributePatch { enabled: Some(true), ..AttributePatch::default() });
    assert_eq!(found.changes[0].recorded.newly_allowed, 1);
}

#[tokio::test]
async fn a_decision_is_one_that_was_denied_on_the_vault() {
    let story = Story::stored(VaultSettings::default()).await;
    let admin = &story.demo.world.admin;
    let explain = async |vault: &VaultName, id| {
        admin.explain(&story.demo.world.request(&story.olga), vault, &About::Decision(id), 10).await
    };
    let allowed = story.demo.request();
    story.demo.get_in(&allowed, "db", None).await.unwrap();
    assert!(matches!(explain(&story.demo.vault, allowed.request_id).await, Err(AdminError::Invalid(_))));
    let unknown = Uuid::from_u128(9);
    assert!(matches!(explain(&story.demo.vault, unknown).await, Err(AdminError::RecordNotFound)));
    let denied = story.denied(&story.bob, None).await;
    let other = VaultName::parse("other").unwrap();
    story.demo.world.put_vault(&other, VaultSettings::default()).unwrap();
    assert!(matches!(explain(&other, denied).await, Err(AdminError::RecordNotFound)), "of another vault");
    // What was denied then may be allowed by now.
    let grantee = Grantee::Principal { id: story.bob.id.clone() };
    story.demo.world.put_grant(grantee, Role::SecretsUser, Scope::Server).unwrap();
    assert_eq!(explain(&story.demo.vault, denied).await.unwrap().foreseen.denied, None);
    let ada = admin.explain(&story.demo.request(), &story.demo.vault, &About::Decision(denied), 10).await;
    assert!(matches!(ada, Err(AdminError::Denied(_))), "it is for who may read the records");
}

/// Ada reads `db` past a guard that would deny her if its settings were others.
async fn replayed() -> (Story, Uuid) {
    let policies = vec![attachment("guard", 1, "{}")];
    let story = Story::with(VaultSettings { policies, ..VaultSettings::default() }).await;
    story.demo.world.policies.answer("{}", Verdict::Says(Effect::Allow));
    story.demo.world.policies.answer("strict", Verdict::Says(Effect::Allow));
    story.demo.set("db", "v").await.unwrap();
    let ctx = story.demo.request();
    story.demo.get_in(&ctx, "db", None).await.unwrap();
    (story, ctx.request_id)
}

#[tokio::test]
async fn a_replay_says_what_a_candidate_would_change_and_is_kept() {
    let (story, read) = replayed().await;
    let admin = &story.demo.world.admin;
    let candidate = [attachment("guard", 1, "strict")];
    story.demo.world.policies.answer("strict", Verdict::SaysOfContents(Effect::Deny));
    let ctx = story.demo.world.request(&story.olga);
    let made = admin.replay(&ctx, &story.demo.vault, &candidate, 100).await.unwrap();
    let counted = &made.counted;
    assert_eq!((counted.newly_allowed, counted.newly_denied, counted.indeterminate), (0, 2, 0), "{counted:?}");
    let group = counted.groups.iter().find(|group| group.operation == "SecretGet").unwrap();
    assert_eq!(
        (group.altered, group.reason.as_str(), &group.samples[..]),
        (Altered::NewlyDenied, "as-told", &[read][..])
    );
    assert_eq!((made.id, &made.by), (ctx.request_id, &story.olga.id));
    let record = story.demo.world.store.image().record(ctx.request_id).unwrap().clone();
    assert_eq!((record.operation.as_str(), record.outcome), ("PolicyReplay", Outcome::Allowed));
    assert_eq!(record.vault.as_deref(), Some("demo"));
    // The rules are as they were.
    story.demo.get("db", None).await.unwrap();
    let shown = admin.show_replay(&story.demo.world.request(&story.olga), &story.demo.vault, made.id).await.unwrap();
    assert_eq!(shown, made);
    let all = admin.list_replays(&story.demo.world.request(&story.olga), &story.demo.vault).await.unwrap();
    assert_eq!(all, [made]);
}

/// A backup is about all versions of a name, any of which keeps all of them in, and one of them is on record: what becomes
/// of it cannot be told, by the rules as they are either.
#[tokio::test]
async fn a_replay_guesses_nothing_of_versions_that_are_not_on_record() {
    let (story, _) = replayed().await;
    let set = async |enabled| {
        let patch = AttributePatch { enabled: Some(enabled), ..AttributePatch::default() };
        let (ctx, db) = (story.demo.request(), name("db").unwrap());
        story.demo.world.secrets.update(&ctx, &story.demo.vault, &db, None, &patch).await.unwrap();
    };
    set(false).await;
    story.demo.set("db", "another").await.unwrap();
    let db = name("db").unwrap();
    let backup = story.demo.request();
    story.demo.world.secrets.backup(&backup, &story.demo.vault, &db).await.unwrap();
    let record = story.demo.world.store.image().record(backup.request_id).unwrap().clone();
    assert_eq!(record.trace.iter().filter(|stage| stage.reason == "judged-version-by-version").count(), 1);
    let replay = async |verdict| {
        story.demo.world.policies.answer("strict", verdict);
        let candidate = [attachment("guard", 1, "strict")];
        let ctx = story.demo.world.request(&story.olga);
        let groups =
            story.demo.world.admin.replay(&ctx, &story.demo.vault, &candidate, 100).await.unwrap().counted.groups;
        groups.into_iter().find(|group| group.operation == "SecretBackup").map(|group| group.altered)
    };
    for verdict in [Verdict::EnabledAlone, Verdict::SaysOfContents(Effect::Deny)] {
        assert_eq!(replay(verdict).await, Some(Altered::Indeterminate));
    }
}

/// Entries of a listing are not on record: whoever would be asked about them might leave some out, and that is the same
/// only where the same are asked.
#[tokio::test]
async fn a_replay_guesses_nothing_of_the_entries_of_a_listing() {
    let (story, _) = replayed().await;
    let (policies, vault) = (&story.demo.world.policies, &story.demo.vault);
    story.demo.world.secrets.list(&story.demo.request(), vault, false, None, 10).await.unwrap();
    policies.sees_alone(ModuleDigest([2; 32]), Action::KeySign);
    let replay = async |candidate: &[PolicyAttachment]| {
        let ctx = story.demo.world.request(&story.olga);
        let groups = story.demo.world.admin.replay(&ctx, vault, candidate, 100).await.unwrap().counted.groups;
        groups.into_iter().find(|group| group.operation == "SecretList").map(|group| group.altered)
    };
    let guard = attachment("guard", 1, "{}");
    assert_eq!(replay(std::slice::from_ref(&guard)).await, None, "nothing changes");
    policies.answer("beside", Verdict::Says(Effect::Allow));
    let beside = |module| attachment("beside", module, "beside");
    // It lets the listing through, and who knows which entries.
    assert_eq!(replay(&[guard.clone(), beside(3)]).await, Some(Altered::Indeterminate));
    assert_eq!(replay(&[]).await, Some(Altered::Indeterminate), "what it left out would be shown");
    policies.wants_none_of(ModuleDigest([2; 32]));
    assert_eq!(replay(&[guard.clone(), beside(2)]).await, None, "it would be asked about none of them");
    policies.answer("beside", Verdict::SaysOfContents(Effect::Deny));
    assert_eq!(replay(&[guard, beside(3)]).await, Some(Altered::NewlyDenied));
}

/// What a schedule does is no request of somebody's, and modules judge it all the same.
#[tokio::test]
async fn a_replay_asks_again_what_a_schedule_did_before_the_eyes_of_modules() {
    let (story, _) = replayed().await;
    let (world, vault, k) = (&story.demo.world, &story.demo.vault, name("k").unwrap());
    let request = KeyRequest { spec: KeySpec::Ec { crv: Curve::P256 }, hardware: false, operations: None };
    world.keys.create(&story.demo.request(), vault, &k, &request, &enabled()).await.unwrap();
    let rotate = Some(Trigger::AfterCreation(Span::parse("P30D").unwrap()));
    let terms = RotationTerms { rotate, ..RotationTerms::default() };
    world.keys.set_rotation_policy(&story.demo.request(), vault, &k, &terms).await.unwrap();
    world.clock.advance(31 * 86_400_000);
    assert_eq!(world.keys.do_what_is_due(&world.store, &*world.clock).await.unwrap().keys, 1);
    world.policies.answer("strict", Verdict::SaysOfContents(Effect::Deny));
    let ctx = world.request(&story.olga);
    let made = world.admin.replay(&ctx, vault, &[attachment("guard", 1, "strict")], 100).await.unwrap();
    let group = made.counted.groups.iter().find(|group| group.operation == "KeyRotateIfDue").unwrap();
    assert_eq!((group.altered, group.count, group.reason.as_str()), (Altered::NewlyDenied, 1, "as-told"));
}

/// What is no decision is left out and not said to stay as it is.
#[tokio::test]
async fn a_replay_says_how_many_decisions_it_asked_again() {
    let (story, _) = replayed().await;
    let (admin, vault) = (&story.demo.world.admin, &story.demo.vault);
    let replay = async || admin.replay(&story.demo.world.request(&story.olga), vault, &[], 100).await.unwrap();
    let first = replay().await;
    // The replay itself is on record, and nobody's request of the vault.
    let second = replay().await;
    assert_eq!(second.replayed, first.replayed, "{:?}", second.counted);
    assert_eq!(second.counted.left_out, first.counted.left_out + 1);
    assert_eq!(second.counted.asked, second.replayed);
    let counted = &second.counted;
    let stay = counted.stay_allowed + counted.stay_denied;
    assert_eq!(stay + counted.newly_allowed + counted.newly_denied + counted.indeterminate, second.replayed);
}

/// What modules deny of it an Owner of the installation overrules, and so does a replay.
#[tokio::test]
async fn a_replay_knows_that_an_owner_overrules_modules() {
    let (story, _) = replayed().await;
    let (world, vault) = (&story.demo.world, &story.demo.vault);
    let with = |policies: Vec<PolicyAttachment>| VaultUpdate { policies: Some(policies), ..VaultUpdate::default() };
    let update = async |update: &VaultUpdate| {
        world.admin.update_vault(&world.request(&story.olga), vault, None, update).await.unwrap();
    };
    update(&with(vec![attachment("guard", 1, "{}"), attachment("beside", 1, "strict")])).await;
    let changed = async || {
        let ctx = world.request(&story.olga);
        let made = world.admin.replay(&ctx, vault, &[attachment("guard", 1, "strict")], 100).await.unwrap();
        let updates = made.counted.groups.into_iter().filter(|group| group.operation == "VaultPatch");
        updates.map(|group| (group.altered, group.count)).collect::<Vec<_>>()
    };
    let tags = BTreeMap::from([("owner".to_owned(), "payments".to_owned())]);
    update(&VaultUpdate { tags: Some(tags), ..VaultUpdate::default() }).await;
    update(&with(vec![attachment("guard", 1, "{}")])).await;
    world.policies.answer("strict", Verdict::Says(Effect::Deny));
    assert_eq!(changed().await, [(Altered::NewlyDenied, 1)], "what changes more than modules is theirs to deny");
}

/// Where no module was asked what is recorded does not hold what they would see: that matters to nobody who does not
/// want to see such requests, and to everybody else it is not guessed. In the mode `modules` nobody's authority is
/// nobody's.
#[tokio::test]
async fn a_replay_first_asks_who_would_be_asked_at_all() {
    let story = Story::stored(VaultSettings::default()).await;
    story.demo.get("db", None).await.unwrap();
    let policies = &story.demo.world.policies;
    policies.answer("{}", Verdict::Says(Effect::Deny));
    policies.sees_alone(ModuleDigest([1; 32]), Action::KeySign);
    let replay = async |candidate: &[PolicyAttachment]| {
        let ctx = story.demo.world.request(&story.olga);
        let counted = story.demo.world.admin.replay(&ctx, &story.demo.vault, candidate, 100).await.unwrap().counted;
        (counted.newly_allowed, counted.newly_denied, counted.indeterminate)
    };
    let before = policies.asked().len();
    assert_eq!(replay(&[attachment("blind", 1, "{}")]).await, (0, 0, 0), "it would be asked about none of them");
    let (allowed, denied, unknown) = replay(&[attachment("blind", 1, "{}"), attachment("sees", 2, "{}")]).await;
    assert!((allowed, denied) == (0, 0) && unknown >= 2, "{allowed}, {denied}, {unknown}");
    assert_eq!(policies.asked().len(), before, "nobody is asked about what is not on record");
}

/// What is attached to all vaults is tried on the decisions of one, and the vault's own modules stay.
#[tokio::test]
async fn a_replay_varies_what_is_attached_to_all_vaults() {
    let (story, read) = replayed().await;
    let (admin, vault) = (&story.demo.world.admin, &story.demo.vault);
    story.demo.world.policies.answer("strict", Verdict::SaysOfContents(Effect::Deny));
    let ctx = story.demo.world.request(&story.olga);
    let made = admin.replay_everywhere(&ctx, vault, &[attachment("wide", 1, "strict")], 100).await.unwrap();
    let group = made.counted.groups.iter().find(|group| group.operation == "SecretGet").unwrap();
    assert_eq!((group.altered, &group.samples[..]), (Altered::NewlyDenied, &[read][..]));
    assert!(made.everywhere && made.candidate.len() == 1, "{made:?}");
    let shown = admin.show_replay(&story.demo.world.request(&story.olga), vault, made.id).await.unwrap();
    assert_eq!(shown, made);
    // Those of all vaults are told as such, and one vault's do not stand for them.
    let all = None::<&VaultName>;
    let every =
        admin.replay_everywhere(&story.demo.world.request(&story.olga), all, &made.candidate, 100).await.unwrap();
    assert!(every.vault == ALL_VAULTS && every.counted.groups.iter().any(|group| group.samples == [read]), "{every:?}");
    let of_all = admin.list_replays(&story.demo.world.request(&story.olga), all).await.unwrap();
    assert_eq!(of_all, [every]);
    let ada = admin.list_replays(&story.demo.request(), all).await;
    assert!(matches!(ada, Err(AdminError::Denied(_))));
    // Nothing in place of nothing.
    let none = admin.replay_everywhere(&story.demo.world.request(&story.olga), vault, &[], 100).await.unwrap();
    assert_eq!((none.counted.newly_allowed, none.counted.newly_denied, none.counted.indeterminate), (0, 0, 0));
    let ada = admin.replay_everywhere(&story.demo.request(), vault, &[], 100).await;
    assert!(matches!(ada, Err(AdminError::Denied(_))));
}

/// Whoever reviews says so by name, and a change that enforces tells how far that went.
#[tokio::test]
async fn what_a_replay_found_is_reviewed_and_enforcing_it_tells_how_far() {
    let (story, _) = replayed().await;
    let (admin, vault) = (&story.demo.world.admin, &story.demo.vault);
    story.demo.world.policies.answer("strict", Verdict::SaysOfContents(Effect::Deny));
    let strict = |state| PolicyAttachment { state, ..attachment("guard", 1, "strict") };
    let put = async |state, reason: &str| {
        let ctx = story.demo.world.request(&story.olga);
        ctx.state_reason(reason).unwrap();
        let update = VaultUpdate { policies: Some(vec![strict(state)]), ..VaultUpdate::default() };
        admin.update_vault(&ctx, vault, None, &update).await.unwrap();
        story.demo.world.store.image().record(ctx.request_id).unwrap().details.clone()
    };
    let reviewed = async || {
        let shown = admin.show_policies(&story.demo.world.request(&story.olga), Some(vault)).await.unwrap();
        shown.policies[0].reviewed
    };
    assert!(!put(AttachmentState::Shadow, "").await.contains_key("reviewed"));
    assert_eq!(reviewed().await, None);
    let enforced = put(AttachmentState::Enforce, "INC-7").await;
    assert_eq!((enforced["reviewed"].as_str(), enforced["emergency_enforce"].as_str()), ("guard: no replay", "true"));
    put(AttachmentState::Shadow, "").await;
    let candidate = [strict(AttachmentState::Enforce)];
    let made = admin.replay(&story.demo.world.request(&story.olga), vault, &candidate, 100).await.unwrap();
    let groups = made.counted.groups.len();
    assert!(groups > 0);
    // One decision that nothing changes is no review of what the others told.
    story.demo.world.policies.answer("strict", Verdict::Says(Effect::Abstain));
    let narrow = admin.replay(&story.demo.world.request(&story.olga), vault, &candidate, 1).await.unwrap();
    assert!(!narrow.counted.all && narrow.is_narrow() && !made.is_narrow());
    story.demo.world.policies.answer("strict", Verdict::SaysOfContents(Effect::Deny));
    let open = reviewed().await.unwrap();
    assert_eq!((open.replay, open.groups, open.open), (made.id, groups, groups));

    let review = async |who: &Arc<Principal>, groups: &[usize]| {
        admin.review_replay(&story.demo.world.request(who), vault, made.id, groups).await
    };
    assert!(matches!(review(&story.bob, &[1]).await, Err(AdminError::Denied(_))));
    for none in [&[][..], &[0], &[groups + 1]] {
        assert!(matches!(review(&story.olga, none).await, Err(AdminError::Invalid(_))), "{none:?}");
    }
    let auditor = story.auditor();
    let first = review(&auditor, &[1]).await.unwrap();
    assert_eq!(first.review_of(1).unwrap().by, auditor.id);
    let all: Vec<usize> = (1..=groups).collect();
    let done = review(&story.olga, &all).await.unwrap();
    assert_eq!(done.review_of(1).unwrap().by, auditor.id, "what somebody reviewed stays theirs");
    assert!(reviewed().await.unwrap().is_complete());
    let told = put(AttachmentState::Enforce, "").await;
    let (id, decisions) = (made.id, made.replayed);
    let sentence = format!("guard: {groups} of {groups} groups of replay {id} of {decisions} decisions");
    assert_eq!(told["reviewed"], sentence);
    assert!(!told.contains_key("emergency_enforce"));
}

#[tokio::test]
async fn a_replay_is_for_who_may_read_records_and_settings_and_of_one_vault() {
    let (story, _) = replayed().await;
    let (admin, vault) = (&story.demo.world.admin, &story.demo.vault);
    let candidate = [attachment("guard", 1, "{}")];
    let made = admin.replay(&story.demo.world.request(&story.olga), vault, &candidate, 10).await.unwrap();
    for who in [&story.demo.ada, &story.bob] {
        let ctx = || story.demo.world.request(who);
        assert!(matches!(admin.replay(&ctx(), vault, &candidate, 10).await, Err(AdminError::Denied(_))));
        assert!(matches!(admin.list_replays(&ctx(), vault).await, Err(AdminError::Denied(_))));
        assert!(matches!(admin.show_replay(&ctx(), vault, made.id).await, Err(AdminError::Denied(_))));
    }
    admin.show_replay(&story.demo.world.request(&story.auditor()), vault, made.id).await.unwrap();
    let other = VaultName::parse("other").unwrap();
    story.demo.world.put_vault(&other, VaultSettings::default()).unwrap();
    let elsewhere = admin.show_replay(&story.demo.world.request(&story.olga), &other, made.id).await;
    assert!(matches!(elsewhere, Err(AdminError::ReplayNotFound)));
    // A candidate that could not be attached is not tried.
    let missing = [attachment("unheard-of", 9, "unheard-of")];
    let refused = admin.replay(&story.demo.world.request(&story.olga), vault, &missing, 10).await;
    assert!(matches!(refused, Err(AdminError::AttachmentRefused { .. })));
}

#[tokio::test]
async fn a_replay_that_was_edited_is_not_shown_and_the_newest_takes_the_place_of_the_oldest() {
    let (story, _) = replayed().await;
    let (admin, vault) = (&story.demo.world.admin, &story.demo.vault);
    let run = async || admin.replay(&story.demo.world.request(&story.olga), vault, &[], 0).await.unwrap();
    let first = run().await;
    let mut newest = first.id;
    for _ in 0..MAX_REPLAYS {
        newest = run().await.id;
    }
    let list = async || admin.list_replays(&story.demo.world.request(&story.olga), vault).await;
    let kept = list().await.unwrap();
    assert_eq!(i64::try_from(kept.len()).unwrap(), MAX_REPLAYS);
    assert!(kept.iter().any(|replay| replay.id == newest) && kept.iter().all(|replay| replay.id != first.id));
    story.demo.world.store.meddle(|image| {
        if let Some(replay) = image.policy_replays.get_mut(&3) {
            replay.counted.newly_denied = 7;
        }
    });
    assert!(matches!(list().await, Err(AdminError::Tampered)));
}
