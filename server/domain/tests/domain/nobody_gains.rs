//! Whatever somebody does with the management operations, whatever roles they hold for it: they gain
//! nothing themselves, and nobody gets from them what they do not hold by role.
//!
//! Drawn at random, judged by the gate itself; what is held by role is computed here anew, from the
//! rows, in a few lines.

use std::{collections::BTreeSet, sync::Arc};

use proptest::{prelude::*, sample::select};
use strongroom_domain::{
    access_policy::{
        AccessMode, AccessPolicy, CertificatePermission, KeyPermission, ObjectPermissions, SecretPermission,
    },
    action::Action,
    admin::{NewAssignment, NewRole, NewSecret, ScopeRequest, WorkloadEdit},
    context::RequestContext,
    gate::{Ask, Judgement},
    grant::{Assignment, Scope, Target},
    names::{ObjectKind, ObjectName, VaultName},
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment},
    principal::{Grantee, Principal},
    role::{Role, RoleRef},
    test_support::{
        Verdict,
        world::{BEGIN, PEOPLE, World, name, person, principal},
    },
    vault::{VaultSettings, VaultUpdate},
};
use uuid::Uuid;

const HOUR: i64 = 3_600_000;
const CUSTOM: [Uuid; 2] = [Uuid::from_u128(0xc1), Uuid::from_u128(0xc2)];
/// Parts of definitions, of each half: wide, narrow, and what overlaps.
const ACTIONS: [&str; 6] = [
    "*",
    "Microsoft.KeyVault/vaults/*",
    "Microsoft.KeyVault/vaults/read",
    "Microsoft.Authorization/*",
    "Microsoft.Authorization/roleAssignments/write",
    "*/write",
];
const DATA_ACTIONS: [&str; 8] = [
    "*",
    "Microsoft.KeyVault/vaults/*",
    "Microsoft.KeyVault/vaults/secrets/*",
    "Microsoft.KeyVault/vaults/secrets/getSecret/action",
    "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    "Microsoft.KeyVault/vaults/secrets/purge/action",
    "Microsoft.KeyVault/vaults/keys/*",
    "Microsoft.KeyVault/vaults/keys/sign/action",
];

/// An action of the table, a place, a moment.
type Can = (usize, usize, i64);

/// What modules say of contents, by their settings. Of management they say nothing, or nobody could try.
const MODULES: [(&str, Effect); 3] = [
    (r#"{"says":"no"}"#, Effect::Deny),
    (r#"{"says":"nothing"}"#, Effect::Abstain),
    (r#"{"says":"yes"}"#, Effect::Allow),
];

/// An attached module: which, whether it is enforced, whether it has authority.
type Attached = (usize, bool, bool);

/// One management operation. Numbers choose people, scopes and rows.
#[derive(Clone, Debug)]
enum Step {
    Assign { to: usize, role: usize, at: usize, ends: Option<i64> },
    Unassign(usize),
    PutRole { id: usize, parts: [Vec<&'static str>; 4], at: usize },
    DeleteRole(usize),
    Permit { to: usize, vault: usize, permissions: ObjectPermissions },
    Forbid { to: usize, vault: usize },
    Mode { vault: usize, mode: AccessMode },
    Modules { vault: usize, attached: Vec<Attached> },
    Credential,
    Enable(bool),
}

fn roles() -> usize {
    Role::ALL.len() + CUSTOM.len()
}

fn parts() -> impl Strategy<Value = [Vec<&'static str>; 4]> {
    let list = |of: &[&'static str]| proptest::collection::vec(select(of.to_vec()), 0..3);
    [list(&ACTIONS), list(&ACTIONS), list(&DATA_ACTIONS), list(&DATA_ACTIONS)]
}

fn permissions() -> impl Strategy<Value = ObjectPermissions> {
    let secrets = proptest::collection::btree_set(select(SecretPermission::ALL.to_vec()), 0..4);
    let keys = proptest::collection::btree_set(select(KeyPermission::ALL.to_vec()), 0..4);
    let certificates = proptest::collection::btree_set(select(CertificatePermission::ALL.to_vec()), 0..4);
    (secrets, keys, certificates).prop_map(|(secrets, keys, certificates)| ObjectPermissions {
        secrets,
        keys,
        certificates,
    })
}

/// Ends before, between and after the moments that are looked at.
fn ends() -> impl Strategy<Value = Option<i64>> {
    select(vec![None, None, Some(BEGIN + HOUR), Some(BEGIN + 3 * HOUR)])
}

fn mode() -> impl Strategy<Value = AccessMode> {
    select(vec![AccessMode::Rbac, AccessMode::AccessPolicy, AccessMode::Layered])
}

fn attached() -> impl Strategy<Value = Vec<Attached>> {
    proptest::collection::vec((0..MODULES.len(), proptest::bool::weighted(0.8), any::<bool>()), 0..3)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5_usize, 0..roles(), 0..5_usize, ends()).prop_map(|(to, role, at, ends)| Step::Assign { to, role, at, ends }),
        1 => (0..8_usize).prop_map(Step::Unassign),
        3 => (0..3_usize, parts(), 0..5_usize).prop_map(|(id, parts, at)| Step::PutRole { id, parts, at }),
        1 => (0..2_usize).prop_map(Step::DeleteRole),
        3 => (0..5_usize, 0..2_usize, permissions()).prop_map(|(to, vault, permissions)| Step::Permit { to, vault, permissions }),
        1 => (0..5_usize, 0..2_usize).prop_map(|(to, vault)| Step::Forbid { to, vault }),
        2 => (0..2_usize, mode()).prop_map(|(vault, mode)| Step::Mode { vault, mode }),
        1 => Just(Step::Credential),
        1 => any::<bool>().prop_map(Step::Enable),
    ]
}

/// The same, and what is attached to a vault, and all modes.
fn step_with_modules() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => step(),
        3 => (0..2_usize, attached()).prop_map(|(vault, attached)| Step::Modules { vault, attached }),
        2 => (0..2_usize, select(AccessMode::ALL.to_vec())).prop_map(|(vault, mode)| Step::Mode { vault, mode }),
    ]
}

/// Who there is: Mallory, who acts, twice (alone, and by a group of hers), another person, a group
/// that she is not in, a workload.
struct Scene {
    world: World,
    mallory: Arc<Principal>,
    others: Vec<Arc<Principal>>,
    workload: Uuid,
}

fn vault(number: usize) -> VaultName {
    VaultName::parse(["demo", "side"][number % 2]).unwrap()
}

fn policies(attached: &[Attached]) -> Vec<PolicyAttachment> {
    let policy = |(number, (module, enforced, authority)): (usize, &Attached)| PolicyAttachment {
        name: format!("module-{number}"),
        module: ModuleDigest([7; 32]),
        settings: MODULES[*module].0.to_owned(),
        state: if *enforced { AttachmentState::Enforce } else { AttachmentState::Off },
        authority: *authority,
        previous: None,
    };
    attached.iter().enumerate().map(policy).collect()
}

fn secret() -> ObjectName {
    name("db").unwrap()
}

fn place(number: usize) -> ScopeRequest {
    match number {
        0 => ScopeRequest::Server,
        1 | 2 => ScopeRequest::Vault(vault(number)),
        _ => ScopeRequest::Secret(vault(number), secret()),
    }
}

fn role(number: usize) -> RoleRef {
    match number.checked_sub(Role::ALL.len()) {
        None => Role::ALL[number].into(),
        Some(custom) => RoleRef::Custom(CUSTOM[custom]),
    }
}

impl Scene {
    fn set(begin: &[Step]) -> Self {
        let world = World::start().unwrap();
        for number in 0..2 {
            world.put_vault(&vault(number), VaultSettings::default()).unwrap();
        }
        for (settings, effect) in MODULES {
            world.policies.answer(settings, Verdict::SaysOfContents(effect));
        }
        let mallory = principal(PEOPLE, "mallory", person("x").kind, &["hers"]);
        let workload = world.put_workload("batch", true).unwrap();
        let client_id = workload.id.subject.parse().unwrap();
        let others = vec![person("bob"), principal(PEOPLE, "carol", person("x").kind, &["theirs"]), workload];
        let scene = Self { world, mallory, others, workload: client_id };
        for step in begin {
            scene.begin_with(step);
        }
        scene
    }

    fn grantee(&self, number: usize) -> Grantee {
        let group = |group: &str| Grantee::Group { issuer: PEOPLE.to_owned(), group: group.to_owned() };
        let of = |who: &Principal| Grantee::Principal { id: who.id.clone() };
        match number {
            0 => of(&self.mallory),
            1 => group("hers"),
            2 => of(&self.others[0]),
            3 => group("theirs"),
            _ => of(&self.others[2]),
        }
    }

    fn scope(&self, number: usize) -> Scope {
        let id = |name: &VaultName| self.world.store.image().vaults[name.as_str()].id;
        match place(number) {
            ScopeRequest::Server => Scope::Server,
            ScopeRequest::Vault(name) => Scope::Vault { vault: id(&name) },
            ScopeRequest::Secret(name, object) => {
                Scope::Object { vault: id(&name), kind: ObjectKind::Secret, name: object }
            }
            ScopeRequest::Key(name, object) => Scope::Object { vault: id(&name), kind: ObjectKind::Key, name: object },
            ScopeRequest::Certificate(name, object) => {
                Scope::Object { vault: id(&name), kind: ObjectKind::Certificate, name: object }
            }
        }
    }

    /// What others have arranged before, by rows put in place.
    fn begin_with(&self, step: &Step) {
        let keyring = &self.world.keyring;
        match step {
            Step::Assign { to, role: which, at, ends } => {
                let mut given = self.world.put_grant(self.grantee(*to), role(*which), self.scope(*at)).unwrap();
                given.ends_at = *ends;
                given.tag = keyring.tag_assignment(&given).unwrap();
                self.world.store.meddle(|image| *image.assignments.last_mut().unwrap() = given);
            }
            Step::PutRole { id, parts, at } => {
                let id = CUSTOM[id % 2];
                let list = |n: usize| parts[n].iter().map(|&part| part.to_owned()).collect();
                let mut made = strongroom_domain::role::RoleDefinition {
                    id,
                    name: format!("custom {id}"),
                    description: String::new(),
                    actions: list(0),
                    not_actions: list(1),
                    data_actions: list(2),
                    not_data_actions: list(3),
                    assignable_scopes: vec![self.scope(*at)],
                    revision: 1,
                    tag: Vec::new(),
                };
                made.tag = keyring.tag_role(&made).unwrap();
                self.world.store.meddle(|image| image.roles.insert(id, made));
            }
            Step::Permit { to, vault: number, permissions } => {
                let id = self.world.store.image().vaults[vault(*number).as_str()].id;
                let grantee = self.grantee(*to);
                let mut policy =
                    AccessPolicy { vault: id, grantee, permissions: permissions.clone(), revision: 1, tag: Vec::new() };
                policy.tag = keyring.tag_access_policy(&policy).unwrap();
                self.world.store.meddle(|image| image.access_policies.insert((id, policy.grantee.key()), policy));
            }
            Step::Mode { vault, mode } => self.set_settings(*vault, |settings| settings.access_mode = *mode),
            Step::Modules { vault, attached } => {
                self.set_settings(*vault, |settings| settings.policies = policies(attached));
            }
            _ => {}
        }
    }

    fn set_settings(&self, number: usize, set: impl FnOnce(&mut VaultSettings)) {
        self.world.store.meddle(|image| {
            let found = image.vaults.get_mut(vault(number).as_str()).unwrap();
            let mut changed = (**found).clone();
            set(&mut changed.settings);
            changed.tag = self.world.keyring.tag_vault(&changed).unwrap();
            *found = Arc::new(changed);
        });
    }

    /// Whether she may lift what binds her, on record: she owns the installation.
    fn owns_all(&self) -> bool {
        let image = self.world.store.image();
        let owner = |a: &&Assignment| a.role == Role::Owner && a.scope == Scope::Server;
        image.assignments.iter().filter(owner).any(|a| a.concerns(&self.mallory, Scope::Server.target(), BEGIN))
    }

    async fn act(&self, step: &Step) -> Result<(), String> {
        let (admin, ctx) = (&self.world.admin, &self.world.request(&self.mallory));
        let said = |error: strongroom_domain::admin::AdminError| error.to_string();
        match step {
            Step::Assign { to, role: which, at, ends } => {
                let new =
                    NewAssignment { id: None, grantee: self.grantee(*to), role: role(*which).into(), ends_at: *ends };
                admin.add_assignment(ctx, new, &place(*at)).await.map(drop).map_err(said)
            }
            Step::Unassign(number) => {
                let all = self.world.store.image().assignments.clone();
                let Some(found) = all.get(number % all.len().max(1)) else { return Ok(()) };
                admin.remove_assignment(ctx, found.id, &ScopeRequest::Server).await.map(drop).map_err(said)
            }
            Step::PutRole { id, parts, at } => {
                let list = |n: usize| parts[n].iter().map(|&part| part.to_owned()).collect();
                let id = CUSTOM.get(*id).copied();
                let new = NewRole {
                    name: id.map_or("new".to_owned(), |id| format!("custom {id}")),
                    actions: list(0),
                    not_actions: list(1),
                    data_actions: list(2),
                    not_data_actions: list(3),
                    assignable_scopes: vec![place(*at)],
                    ..NewRole::default()
                };
                admin.put_role(ctx, id, &new, None).await.map(drop).map_err(said)
            }
            Step::DeleteRole(id) => admin.delete_role(ctx, CUSTOM[*id], None).await.map(drop).map_err(said),
            Step::Permit { to, vault: number, permissions } => {
                let done = admin.put_access_policy(ctx, &vault(*number), &self.grantee(*to), permissions).await;
                done.map(drop).map_err(said)
            }
            Step::Forbid { to, vault: number } => {
                admin.remove_access_policy(ctx, &vault(*number), &self.grantee(*to)).await.map_err(said)
            }
            Step::Mode { vault: number, mode } => {
                let update = VaultUpdate { access_mode: Some(*mode), ..VaultUpdate::default() };
                admin.update_vault(ctx, &vault(*number), None, &update).await.map(drop).map_err(said)
            }
            Step::Modules { vault: number, attached } => {
                let update = VaultUpdate { policies: Some(policies(attached)), ..VaultUpdate::default() };
                admin.update_vault(ctx, &vault(*number), None, &update).await.map(drop).map_err(said)
            }
            Step::Credential => {
                let edit = WorkloadEdit::AddSecret(NewSecret { name: None, expires: None });
                admin.change_workload(ctx, self.workload, &edit).await.map(drop).map_err(said)
            }
            Step::Enable(enabled) => {
                let edit = WorkloadEdit::Update { name: None, enabled: Some(*enabled) };
                admin.change_workload(ctx, self.workload, &edit).await.map(drop).map_err(said)
            }
        }
    }

    /// What the gate lets them do, at which place, now and when some grants have ended.
    async fn may(&self, who: &Arc<Principal>) -> BTreeSet<Can> {
        let mut allowed = BTreeSet::new();
        for now in [BEGIN, BEGIN + 2 * HOUR] {
            for (number, action) in Action::ALL.iter().enumerate() {
                for at in 0..5 {
                    let scope = place(at);
                    let (vault, object) = match &scope {
                        ScopeRequest::Server => (None, None),
                        ScopeRequest::Vault(vault) => (Some(vault), None),
                        ScopeRequest::Secret(vault, object)
                        | ScopeRequest::Key(vault, object)
                        | ScopeRequest::Certificate(vault, object) => (Some(vault), Some(object)),
                    };
                    let ask = match (vault, object) {
                        (None, _) => Ask::server(*action),
                        (Some(vault), None) if action.is_data() => Ask::secrets(*action, vault),
                        (Some(vault), None) => Ask::vault(*action, vault),
                        (Some(vault), Some(object)) => Ask::secret(*action, vault, object),
                    };
                    let local = self.world.request(who);
                    let ctx = RequestContext::new(local.request_id, Arc::clone(who), local.client, "test", now);
                    if matches!(self.world.gate.judge(&ctx, &ask).await, Judgement::Permitted(_)) {
                        allowed.insert((number, at, now));
                    }
                }
            }
        }
        allowed
    }

    /// Whether Mallory holds an action by role, whatever the mode of the vault.
    fn held(&self, (number, at, now): Can) -> bool {
        let (action, scope, image) = (Action::ALL[number], self.scope(at), self.world.store.image());
        let target = match &scope {
            Scope::Vault { vault } if action.is_data() => {
                Target { vault: Some(*vault), kind: ObjectKind::Secret, name: None }
            }
            other => other.target(),
        };
        image.assignments.iter().filter(|a| a.concerns(&self.mallory, target, now)).any(|a| match a.role {
            RoleRef::BuiltIn(role) => role.allows(action),
            RoleRef::Custom(id) => {
                image.roles.get(&id).is_some_and(|r| r.assignable_at(&a.scope) && r.permissions().allows(action))
            }
        })
    }

    fn all_held(&self) -> BTreeSet<Can> {
        let moments = [BEGIN, BEGIN + 2 * HOUR];
        let all = (0..Action::ALL.len()).flat_map(|n| (0..5).flat_map(move |at| moments.map(|now| (n, at, now))));
        all.filter(|one| self.held(*one)).collect()
    }
}

/// Everything that somebody may do, and everything that Mallory holds by role.
struct Snapshot {
    own: BTreeSet<Can>,
    held: BTreeSet<Can>,
    others: Vec<BTreeSet<Can>>,
}

impl Snapshot {
    async fn of(scene: &Scene) -> Self {
        let mut others = Vec::new();
        for other in &scene.others {
            others.push(scene.may(other).await);
        }
        Self { own: scene.may(&scene.mallory).await, held: scene.all_held(), others }
    }
}

/// What was gained by which step, if anything was.
async fn play(begin: &[Step], steps: &[Step]) -> Result<(), String> {
    let scene = Scene::set(begin);
    let mut before = Snapshot::of(&scene).await;
    for step in steps {
        let owned = scene.owns_all();
        if scene.act(step).await.is_err() {
            continue;
        }
        let after = Snapshot::of(&scene).await;
        let shown = |(action, at, now): &Can| format!("{:?} at {} at {now}", Action::ALL[*action], place(*at));
        let lifts = matches!(step, Step::Modules { .. } | Step::Mode { mode: AccessMode::Modules, .. });
        if let Some(gained) = after.own.difference(&before.own).find(|_| !(lifts && owned)) {
            return Err(format!("{step:?} gained her {}", shown(gained)));
        }
        if let Some(gained) = after.held.difference(&before.held).next() {
            return Err(format!("{step:?} gave her the role for {}", shown(gained)));
        }
        for (n, other) in scene.others.iter().enumerate() {
            // A change of mode or modules makes grants count that somebody else gave; disabling and enabling
            // is no grant either, and lets nobody become the workload.
            let hers = !matches!(step, Step::Mode { .. } | Step::Modules { .. } | Step::Enable(_));
            let mut given = after.others[n].difference(&before.others[n]);
            if let Some(given) = given.find(|one| hers && !before.held.contains(*one)) {
                return Err(format!("{step:?} gave {} what she does not hold: {}", other.id, shown(given)));
            }
            if matches!(step, Step::Credential)
                && other.id.subject == scene.workload.to_string()
                && let Some(taken) = after.others[n].iter().find(|one| !before.held.contains(*one))
            {
                return Err(format!("{step:?} lets her become who may {}", shown(taken)));
            }
        }
        before = after;
    }
    Ok(())
}

fn played(begin: Vec<Step>, modes: [AccessMode; 2], manager: Role, at: usize, steps: &[Step]) -> Result<(), String> {
    let number = Role::ALL.iter().position(|role| *role == manager).unwrap();
    let mut begin = begin;
    begin.extend(modes.into_iter().enumerate().map(|(vault, mode)| Step::Mode { vault, mode }));
    begin.push(Step::Assign { to: 0, role: number, at, ends: None });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(play(&begin, steps))
}

fn manager() -> impl Strategy<Value = Role> {
    select(vec![Role::Owner, Role::Owner, Role::DataAccessAdministrator, Role::Contributor, Role::Administrator])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn by_what_they_manage(
        begin in proptest::collection::vec(step(), 2..10),
        modes in [mode(), mode()],
        manager in manager(),
        at in 0..3_usize,
        steps in proptest::collection::vec(step(), 1..10),
    ) {
        let played = played(begin, modes, manager, at, &steps);
        prop_assert!(played.is_ok(), "{}", played.unwrap_err());
    }
}

proptest! {
    // Slower: each request is one for the modules.
    #![proptest_config(ProptestConfig { cases: 25, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn by_what_they_attach(
        begin in proptest::collection::vec(step_with_modules(), 2..8),
        modes in [mode(), mode()],
        manager in manager(),
        at in 0..3_usize,
        steps in proptest::collection::vec(step_with_modules(), 1..8),
    ) {
        let played = played(begin, modes, manager, at, &steps);
        prop_assert!(played.is_ok(), "{}", played.unwrap_err());
    }
}
