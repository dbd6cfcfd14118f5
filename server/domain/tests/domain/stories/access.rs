//! What grants access to a vault: its access mode, its access policies, its modules with authority,
//! and that nobody gains by changing them.

use std::sync::Arc;

use strongroom_domain::{
    access_policy::{AccessMode, CertificatePermission, KeyPermission, ObjectPermissions, SecretPermission},
    action::Action,
    admin::{AdminError, ScopeRequest},
    decision::{DenyReason, Stage},
    gate::{Ask, Judgement},
    grant::Scope,
    names::{ObjectKind, VaultName},
    network::ShutOut,
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment},
    principal::{Grantee, Principal},
    role::Role,
    test_support::{
        Verdict, open,
        world::{PEOPLE, World, name, person, principal},
    },
    vault::{Vault, VaultSettings, VaultUpdate},
};

fn of(who: &Principal) -> Grantee {
    Grantee::Principal { id: who.id.clone() }
}

fn demo() -> VaultName {
    VaultName::parse("demo").unwrap()
}

fn only(permissions: &[SecretPermission]) -> ObjectPermissions {
    ObjectPermissions { secrets: permissions.iter().copied().collect(), ..ObjectPermissions::default() }
}

fn authority() -> PolicyAttachment {
    PolicyAttachment {
        name: "decider".to_owned(),
        module: ModuleDigest([7; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: true,
        previous: None,
    }
}

/// Olga owns the installation; Connie configures vaults and sees nothing of what is in them.
struct Scene {
    world: World,
    olga: Arc<Principal>,
    connie: Arc<Principal>,
    vault: Arc<Vault>,
}

fn scene(mode: AccessMode) -> Scene {
    let (world, olga, connie) = (World::start().unwrap(), person("olga"), person("connie"));
    let settings = VaultSettings { access_mode: mode, policies: vec![authority()], ..VaultSettings::default() };
    let vault = world.put_vault(&demo(), settings).unwrap();
    world.put_grant(of(&olga), Role::Owner, Scope::Server).unwrap();
    world.put_grant(of(&connie), Role::Contributor, Scope::Server).unwrap();
    world.policies.answer("decider", Verdict::Says(Effect::Abstain));
    Scene { world, olga, connie, vault }
}

impl Scene {
    async fn may(&self, who: &Arc<Principal>, action: Action) -> Result<(), DenyReason> {
        let (vault, db) = (demo(), name("db").unwrap());
        match self.world.gate.judge(&self.world.request(who), &Ask::secret(action, &vault, &db)).await {
            Judgement::Permitted(_) => Ok(()),
            // What who holds nothing there is told of it is another story.
            Judgement::Denied(_, denial) => Err(match open(denial).reason {
                DenyReason::Concealed(reason) => *reason,
                reason => reason,
            }),
        }
    }

    async fn give(&self, by: &Arc<Principal>, to: &Grantee, secrets: &[SecretPermission]) -> Result<(), AdminError> {
        let given = self.world.admin.put_access_policy(&self.world.request(by), &demo(), to, &only(secrets)).await;
        given.map(|_| ())
    }

    async fn switch(&self, by: &Arc<Principal>, mode: AccessMode) -> Result<(), AdminError> {
        let update = VaultUpdate { access_mode: Some(mode), ..VaultUpdate::default() };
        self.world.admin.update_vault(&self.world.request(by), &demo(), None, &update).await.map(|_| ())
    }
}

#[tokio::test]
async fn each_mode_asks_what_it_says() {
    use DenyReason::{NoAccessPolicy, NoAuthority, NoRole};
    for mode in AccessMode::ALL {
        let s = scene(mode);
        let in_vault = Scope::Vault { vault: s.vault.id };
        let (neither, role, policy, both) = (person("neither"), person("role"), person("policy"), person("both"));
        for who in [&role, &both] {
            s.world.put_grant(of(who), Role::SecretsUser, in_vault.clone()).unwrap();
        }
        for who in [&policy, &both] {
            s.give(&s.olga, &of(who), &[SecretPermission::Get]).await.unwrap();
        }
        let asked = [
            s.may(&neither, Action::SecretGet).await,
            s.may(&role, Action::SecretGet).await,
            s.may(&policy, Action::SecretGet).await,
            s.may(&both, Action::SecretGet).await,
            s.may(&both, Action::SecretDelete).await,
        ];
        let expected = match mode {
            AccessMode::Rbac => [Err(NoRole), Ok(()), Err(NoRole), Ok(()), Err(NoRole)],
            AccessMode::AccessPolicy => [Err(NoAccessPolicy), Err(NoAccessPolicy), Ok(()), Ok(()), Err(NoAccessPolicy)],
            AccessMode::Layered => [Err(NoRole), Err(NoAccessPolicy), Err(NoRole), Ok(()), Err(NoRole)],
            AccessMode::Modules => [NoAuthority, NoAuthority, NoAuthority, NoAuthority, NoAuthority].map(Err),
        };
        assert_eq!(asked, expected, "{mode:?}");
        // Management is by roles in every mode.
        assert_eq!(s.may(&s.connie, Action::AccessPolicyWrite).await, Ok(()), "{mode:?}");
        assert_eq!(s.may(&policy, Action::VaultRead).await, Err(NoRole), "{mode:?}");
    }
}

#[tokio::test]
async fn in_modules_one_with_authority_must_allow_and_none_may_deny() {
    let guard = |name: &str, authority| PolicyAttachment { name: name.to_owned(), authority, ..self::authority() };
    let (yes, no, none) = (Verdict::Says(Effect::Allow), Verdict::Says(Effect::Deny), Verdict::Says(Effect::Abstain));
    for (decider, advisor, allowed) in [
        (yes, none, true),
        (yes, yes, true),
        (yes, no, false),
        (none, yes, false),
        (none, none, false),
        (no, yes, false),
        (Verdict::SaysNothing, yes, false),
    ] {
        let s = scene(AccessMode::Modules);
        let policies = vec![guard("decider", true), guard("advisor", false)];
        let settings = VaultSettings { policies, ..s.vault.settings.clone() };
        s.world.put_vault(&demo(), settings).unwrap();
        s.world.policies.answer("decider", decider);
        s.world.policies.answer("advisor", advisor);
        let judged = s.may(&person("anybody"), Action::SecretGet).await;
        assert_eq!(judged.is_ok(), allowed, "{decider:?} {advisor:?} {judged:?}");
    }
    let s = scene(AccessMode::Modules);
    let off = PolicyAttachment { state: AttachmentState::Off, ..authority() };
    let settings = VaultSettings { policies: vec![off], ..s.vault.settings.clone() };
    s.world.put_vault(&demo(), settings).unwrap();
    s.world.policies.answer("decider", yes);
    assert_eq!(s.may(&s.olga, Action::SecretGet).await, Err(DenyReason::NoAuthority), "off is off");
}

#[tokio::test]
async fn an_access_policy_counts_for_its_group_in_its_vault_while_it_is_there() {
    let s = scene(AccessMode::AccessPolicy);
    let ops = Grantee::Group { issuer: PEOPLE.to_owned(), group: "ops".to_owned() };
    let member = principal(PEOPLE, "ada", s.olga.kind, &["ops"]);
    s.give(&s.olga, &ops, &[SecretPermission::Get, SecretPermission::List]).await.unwrap();
    assert_eq!(s.may(&member, Action::SecretGet).await, Ok(()));
    assert_eq!(s.may(&person("ada"), Action::SecretGet).await, Err(DenyReason::NoAccessPolicy));
    assert_eq!(
        s.world.admin.list_access_policies(&s.world.request(&s.connie), &demo()).await.unwrap().policies.len(),
        1
    );
    s.give(&s.olga, &ops, &[SecretPermission::List]).await.unwrap();
    assert_eq!(s.may(&member, Action::SecretGet).await, Err(DenyReason::NoAccessPolicy), "the new one replaces");
    assert_eq!(s.may(&member, Action::SecretListVersions).await, Ok(()));
    // Carried into another vault, or edited, it counts for nothing.
    let untouched = s.world.store.image();
    s.world.store.meddle(|image| {
        image.access_policies.values_mut().for_each(|policy| policy.permissions = only(&SecretPermission::ALL));
    });
    assert_eq!(s.may(&member, Action::SecretListVersions).await, Err(DenyReason::NoAccessPolicy));
    s.world.store.meddle(|image| *image = untouched);
    s.world.admin.remove_access_policy(&s.world.request(&s.connie), &demo(), &ops).await.unwrap();
    assert_eq!(s.may(&member, Action::SecretListVersions).await, Err(DenyReason::NoAccessPolicy));
    let gone = s.world.admin.remove_access_policy(&s.world.request(&s.connie), &demo(), &ops).await;
    assert!(matches!(gone, Err(AdminError::AccessPolicyNotFound)));
}

/// What the access mode does not ask is marked where the grants of the vault are listed, and only that.
#[tokio::test]
async fn grants_that_sleep_are_marked_in_lists() {
    for mode in AccessMode::ALL {
        let s = scene(mode);
        let at = Scope::Vault { vault: s.vault.id };
        s.world.put_grant(of(&person("ada")), Role::SecretsUser, at.clone()).unwrap();
        s.world.put_grant(of(&person("cleo")), Role::Contributor, at).unwrap();
        s.give(&s.olga, &of(&person("ada")), &[SecretPermission::Get]).await.unwrap();
        let (ctx, vault) = (s.world.request(&s.olga), ScopeRequest::Vault(demo()));
        let listed = s.world.admin.list_assignments(&ctx, &vault, None, None, 100).await.unwrap();
        let mut asleep: Vec<&str> =
            listed.items.iter().filter(|shown| shown.asleep).map(|shown| shown.role.as_str()).collect();
        asleep.dedup();
        let expected: &[&str] = if mode.asks_roles() { &[] } else { &["Key Vault Secrets User"] };
        assert_eq!((listed.items.len(), asleep.as_slice()), (2, expected), "{mode:?}: managing goes by roles always");
        let shown = s.world.admin.list_access_policies(&s.world.request(&s.olga), &demo()).await.unwrap();
        assert_eq!((shown.policies.len(), shown.asleep), (1, !mode.asks_access_policies()), "{mode:?}");
    }
}

#[tokio::test]
async fn nobody_gives_permissions_that_they_do_not_hold_by_role() {
    let s = scene(AccessMode::Rbac);
    let eve = of(&person("eve"));
    assert!(matches!(s.give(&s.connie, &eve, &[SecretPermission::Get]).await, Err(AdminError::PermitsMoreThanHeld)));
    assert!(s.give(&s.connie, &eve, &[]).await.is_ok(), "an empty one gives nothing");
    s.give(&s.olga, &eve, &[SecretPermission::Get]).await.unwrap();
    assert!(s.give(&s.connie, &eve, &[SecretPermission::Get]).await.is_ok(), "what is there already may stay");
    let more = [SecretPermission::Get, SecretPermission::Purge];
    assert!(matches!(s.give(&s.connie, &eve, &more).await, Err(AdminError::PermitsMoreThanHeld)));
    assert!(matches!(s.give(&person("eve"), &eve, &more).await, Err(AdminError::Denied(_))));
}

#[tokio::test]
async fn nobody_lifts_their_own_restriction() {
    // Olga holds every role, and is bound by the access policies all the same.
    for mode in [AccessMode::Layered, AccessMode::AccessPolicy] {
        let s = scene(mode);
        s.give(&s.olga, &of(&person("ada")), &[SecretPermission::Get]).await.unwrap();
        assert!(matches!(s.switch(&s.olga, AccessMode::Rbac).await, Err(AdminError::LiftsOwnRestriction(_))));
        let own = s.give(&s.olga, &of(&s.olga), &[SecretPermission::Get]).await;
        assert!(matches!(own, Err(AdminError::LiftsOwnRestriction(_))));
        // Somebody whom it gives nothing may.
        assert!(s.switch(&s.connie, AccessMode::Rbac).await.is_ok());
        assert_eq!(s.may(&s.olga, Action::SecretGet).await, Ok(()));
    }
    // What modules would say is not known, so leaving them gains whatever is granted.
    let s = scene(AccessMode::Modules);
    assert!(matches!(s.switch(&s.olga, AccessMode::Rbac).await, Err(AdminError::LiftsOwnRestriction(_))));
    assert!(s.switch(&s.connie, AccessMode::Rbac).await.is_ok());
    // An access policy that slept wakes with the mode.
    let s = scene(AccessMode::Rbac);
    s.give(&s.olga, &of(&s.connie), &[SecretPermission::Get]).await.unwrap();
    assert!(matches!(s.switch(&s.connie, AccessMode::AccessPolicy).await, Err(AdminError::LiftsOwnRestriction(_))));
    assert!(s.switch(&s.connie, AccessMode::Layered).await.is_ok(), "she has no role for it");
}

#[tokio::test]
async fn nobody_lifts_a_guard_that_binds_them_but_an_owner_on_record() {
    let guard = PolicyAttachment { authority: false, ..authority() };
    let off = PolicyAttachment { state: AttachmentState::Off, ..guard.clone() };
    let looser = PolicyAttachment { settings: r#"{"a":1}"#.to_owned(), ..guard.clone() };
    let other = PolicyAttachment { module: ModuleDigest([8; 32]), ..guard.clone() };
    let renamed = PolicyAttachment { name: "renamed".to_owned(), ..guard.clone() };
    let more = vec![guard.clone(), PolicyAttachment { name: "more".to_owned(), ..other.clone() }];
    let s = scene(AccessMode::Rbac);
    s.world.policies.answer("more", Verdict::Says(Effect::Abstain));
    s.world.policies.answer("renamed", Verdict::Says(Effect::Abstain));
    let settings = VaultSettings { policies: vec![guard.clone()], ..VaultSettings::default() };
    let vault = s.world.put_vault(&demo(), settings).unwrap().id;
    let change = async |who: &Arc<Principal>, policies: &[PolicyAttachment]| {
        let update = VaultUpdate { policies: Some(policies.to_vec()), ..VaultUpdate::default() };
        let ctx = s.world.request(who);
        let done = s.world.admin.update_vault(&ctx, &demo(), None, &update).await.map(drop);
        (done, s.world.store.image().record(ctx.request_id).unwrap().trace.clone())
    };
    // Victor configures the vault and reads its secrets, or one of them, by this role or that.
    let (victor, wanda) = (person("victor"), person("wanda"));
    for who in [&victor, &wanda] {
        s.world.put_grant(of(who), Role::Contributor, Scope::Server).unwrap();
    }
    s.world.put_grant(of(&victor), Role::SecretsUser, Scope::Vault { vault }).unwrap();
    let db = Scope::Object { vault, kind: ObjectKind::Secret, name: name("db").unwrap() };
    s.world.put_grant(of(&wanda), Role::SecretsUser, db).unwrap();
    for who in [&victor, &wanda] {
        for weaker in [vec![], vec![off.clone()], vec![looser.clone()], vec![other.clone()]] {
            let (done, _) = change(who, &weaker).await;
            assert!(matches!(done, Err(AdminError::LiftsOwnRestriction(_))), "{weaker:?} {done:?}");
        }
        assert!(change(who, &more).await.0.is_ok(), "one more narrows");
        assert!(change(who, &[renamed.clone(), more[1].clone()]).await.0.is_ok(), "a name decides nothing");
        assert!(change(&s.olga, std::slice::from_ref(&guard)).await.0.is_ok());
    }
    // Whoever sees nothing of what is in the vault may, and so may an Owner, on record.
    assert!(change(&s.connie, &[]).await.0.is_ok());
    assert!(change(&victor, std::slice::from_ref(&guard)).await.0.is_ok());
    let (done, trace) = change(&s.olga, std::slice::from_ref(&off)).await;
    assert!(done.is_ok(), "{done:?}");
    assert!(trace.iter().any(|stage| stage.reason == "guard-changed-by-owner"), "{trace:?}");
    let (done, trace) = change(&s.olga, &[off.clone(), renamed.clone()]).await;
    assert!(done.is_ok() && trace.iter().all(|stage| stage.reason != "guard-changed-by-owner"), "nothing was lifted");
}

/// Three changes, each of which looked harmless: the guard unchanged but with authority, the mode, the settings
/// by which it then only granted.
#[tokio::test]
async fn a_guard_is_not_lifted_by_making_an_authority_of_it_first() {
    let guard = PolicyAttachment { authority: false, ..authority() };
    let open = PolicyAttachment { name: "open".to_owned(), settings: r#"{"open":true}"#.to_owned(), ..authority() };
    let victor = person("victor");
    let at = |mode, policies: &[PolicyAttachment]| {
        let s = scene(AccessMode::Rbac);
        s.world.policies.answer("open", Verdict::Says(Effect::Abstain));
        let settings = VaultSettings { access_mode: mode, policies: policies.to_vec(), ..VaultSettings::default() };
        let vault = s.world.put_vault(&demo(), settings).unwrap().id;
        for role in [Role::Contributor, Role::Administrator] {
            s.world.put_grant(of(&victor), role, Scope::Vault { vault }).unwrap();
        }
        s
    };
    let change = async |s: &Scene, who: &Arc<Principal>, mode, policies: Option<&[PolicyAttachment]>| {
        let policies = policies.map(<[PolicyAttachment]>::to_vec);
        let update = VaultUpdate { access_mode: mode, policies, ..VaultUpdate::default() };
        let ctx = s.world.request(who);
        let done = s.world.admin.update_vault(&ctx, &demo(), None, &update).await.map(drop);
        (done, s.world.store.image().record(ctx.request_id).unwrap().trace.clone())
    };
    let (rbac, modules) = (AccessMode::Rbac, AccessMode::Modules);
    let (plain, decider, open) = ([guard], [authority()], [open]);
    // Each of the three, and all at once.
    for (mode, stored, to, policies) in [
        (rbac, &plain, None, Some(&decider[..])),
        (rbac, &decider, Some(modules), None),
        (rbac, &decider, None, Some(&plain[..])),
        (modules, &decider, None, Some(&open[..])),
        (modules, &decider, None, Some(&[])),
        (modules, &decider, None, Some(&[authority(), open[0].clone()])),
        (modules, &plain, None, Some(&[plain[0].clone(), open[0].clone()])),
        (rbac, &plain, Some(modules), Some(&open[..])),
        (modules, &decider, Some(rbac), Some(&open[..])),
    ] {
        let s = at(mode, stored);
        let (done, _) = change(&s, &victor, to, policies).await;
        assert!(
            matches!(done, Err(AdminError::LiftsOwnRestriction(_))),
            "{mode:?} {stored:?} {to:?} {policies:?} {done:?}"
        );
    }
    // An Owner may, on record; nobody else begins to let modules grant, not even from a mode in which no
    // guard binds them because they have no access policy.
    let s = at(rbac, &decider);
    s.give(&s.olga, &of(&person("ada")), &[SecretPermission::Get]).await.unwrap();
    let (done, trace) = change(&s, &s.olga, Some(modules), None).await;
    assert!(done.is_ok() && trace.iter().any(|stage| stage.reason == "guard-changed-by-owner"), "{done:?} {trace:?}");
    let s = at(rbac, &decider);
    s.give(&s.olga, &of(&person("ada")), &[SecretPermission::Get]).await.unwrap();
    assert!(s.switch(&victor, AccessMode::AccessPolicy).await.is_ok(), "it takes everything from him");
    assert!(matches!(s.switch(&victor, modules).await, Err(AdminError::LiftsOwnRestriction(_))));
}

#[tokio::test]
async fn a_broken_guard_is_taken_away_by_an_owner_and_by_nobody_else() {
    let s = scene(AccessMode::Rbac);
    for verdict in [Verdict::SaysNothing, Verdict::Says(Effect::Deny)] {
        let guard = PolicyAttachment { authority: false, ..authority() };
        s.world.put_vault(&demo(), VaultSettings { policies: vec![guard], ..VaultSettings::default() }).unwrap();
        s.world.policies.answer("decider", verdict);
        let change = async |who: &Arc<Principal>, update: VaultUpdate| {
            let ctx = s.world.request(who);
            let done = s.world.admin.update_vault(&ctx, &demo(), None, &update).await.map(drop);
            (done, s.world.store.image().record(ctx.request_id).unwrap().trace.clone())
        };
        let detach = || VaultUpdate { policies: Some(Vec::new()), ..VaultUpdate::default() };
        assert!(matches!(change(&s.connie, detach()).await.0, Err(AdminError::Denied(_))));
        assert!(s.may(&s.olga, Action::SecretGet).await.is_err(), "to read, it binds the owner too");
        let more = VaultUpdate { region: Some("eu".to_owned()), ..detach() };
        assert!(matches!(change(&s.olga, more).await.0, Err(AdminError::Denied(_))), "only that, and nothing with it");
        let (done, trace) = change(&s.olga, detach()).await;
        assert!(done.is_ok(), "{done:?}");
        assert!(trace.iter().any(|stage| stage.reason == "overruled-by-owner"), "{trace:?}");
    }
}

#[tokio::test]
async fn a_module_of_connections_locks_no_owner_out_and_comes_against_its_author_by_force_alone() {
    let s = scene(AccessMode::Rbac);
    s.world.put_vault(&demo(), VaultSettings::default()).unwrap();
    let gate = PolicyAttachment { authority: false, ..authority() };
    s.world.policies.judges_connections(gate.module);
    s.world.policies.answer("decider", Verdict::Says(Effect::Deny));
    let change = async |who: &Arc<Principal>, update: VaultUpdate| {
        let ctx = s.world.request(who);
        let done = s.world.admin.update_vault(&ctx, &demo(), None, &update).await.map(drop);
        (done, s.world.store.image().record(ctx.request_id).unwrap().trace.clone())
    };
    let put = |state, force| {
        let policies = Some(vec![PolicyAttachment { state, ..gate.clone() }]);
        VaultUpdate { policies, force, ..VaultUpdate::default() }
    };
    let says = |trace: &[Stage], reason: &str| trace.iter().any(|stage| stage.reason == reason);
    change(&s.olga, put(AttachmentState::Shadow, false)).await.0.unwrap();
    let (refused, _) = change(&s.olga, put(AttachmentState::Enforce, false)).await;
    assert!(matches!(refused, Err(AdminError::LocksAuthorOut(ShutOut::ByModule))), "{refused:?}");
    let (forced, trace) = change(&s.olga, put(AttachmentState::Enforce, true)).await;
    assert!(forced.is_ok() && says(&trace, "lock-out-forced"), "{forced:?} {trace:?}");

    let other = VaultUpdate { region: Some("eu".to_owned()), ..VaultUpdate::default() };
    assert!(matches!(change(&s.olga, other).await.0, Err(AdminError::Denied(_))), "to all else it binds the owner too");
    let detach = |name: &str| VaultUpdate { detach: Some(name.to_owned()), ..VaultUpdate::default() };
    assert!(matches!(change(&s.connie, detach("decider")).await.0, Err(AdminError::Denied(_))));
    assert!(matches!(change(&s.olga, detach("nobody")).await.0, Err(AdminError::Invalid(_))));
    let (done, trace) = change(&s.olga, detach("decider")).await;
    assert!(done.is_ok() && says(&trace, "overruled-by-owner"), "{done:?} {trace:?}");
    change(&s.connie, VaultUpdate { region: Some("eu".to_owned()), ..VaultUpdate::default() }).await.0.unwrap();
}

#[tokio::test]
async fn a_module_of_connections_comes_to_all_vaults_against_its_author_by_force_alone() {
    let s = scene(AccessMode::Rbac);
    let gate = PolicyAttachment { authority: false, state: AttachmentState::Enforce, ..authority() };
    s.world.policies.judges_connections(gate.module);
    s.world.policies.answer("decider", Verdict::Says(Effect::Deny));
    let put = async |policies: &[PolicyAttachment], force| {
        s.world.admin.put_policies_everywhere(&s.world.request(&s.olga), None, policies, force).await.map(drop)
    };
    let shadow = PolicyAttachment { state: AttachmentState::Shadow, ..gate.clone() };
    put(&[shadow], false).await.unwrap();
    let refused = put(std::slice::from_ref(&gate), false).await;
    assert!(matches!(refused, Err(AdminError::LocksAuthorOut(ShutOut::ByModule))), "{refused:?}");
    put(&[gate], true).await.unwrap();
    put(&[], false).await.unwrap();
}

#[tokio::test]
async fn no_change_of_mode_locks_everybody_out() {
    let s = scene(AccessMode::Rbac);
    for mode in [AccessMode::AccessPolicy, AccessMode::Layered] {
        assert!(matches!(s.switch(&s.olga, mode).await, Err(AdminError::LocksEverybodyOut)), "{mode:?}");
    }
    s.give(&s.olga, &of(&person("ada")), &[SecretPermission::Get]).await.unwrap();
    assert!(s.switch(&s.olga, AccessMode::Layered).await.is_ok());
    let s = scene(AccessMode::Rbac);
    let guard = PolicyAttachment { authority: false, ..authority() };
    let update = VaultUpdate { policies: Some(vec![guard]), ..VaultUpdate::default() };
    s.world.admin.update_vault(&s.world.request(&s.olga), &demo(), None, &update).await.unwrap();
    assert!(matches!(s.switch(&s.olga, AccessMode::Modules).await, Err(AdminError::LocksEverybodyOut)));
}

/// A vault begins as one may become: with a module that grants, or where somebody can be given an access policy.
#[tokio::test]
async fn no_vault_begins_in_which_nobody_could_be_granted_anything() {
    let s = scene(AccessMode::Rbac);
    let begin = async |name: &str, access_mode, policies| {
        let (name, ctx) = (VaultName::parse(name).unwrap(), s.world.request(&s.olga));
        let settings = VaultSettings { access_mode, policies, ..VaultSettings::default() };
        s.world.admin.create_vault(&ctx, &name, settings).await.map(|_| name)
    };
    for policies in [Vec::new(), vec![PolicyAttachment { authority: false, ..authority() }]] {
        let begun = begin("modules", AccessMode::Modules, policies).await;
        assert!(matches!(begun, Err(AdminError::LocksEverybodyOut)), "{begun:?}");
    }
    begin("modules", AccessMode::Modules, vec![authority()]).await.unwrap();
    for (name, mode) in [("policies", AccessMode::AccessPolicy), ("layered", AccessMode::Layered)] {
        let name = begin(name, mode, Vec::new()).await.unwrap();
        let (ctx, ada) = (s.world.request(&s.olga), of(&person("ada")));
        let permissions = only(&[SecretPermission::Get]);
        s.world.admin.put_access_policy(&ctx, &name, &ada, &permissions).await.unwrap();
    }
}

#[tokio::test]
async fn who_does_not_hold_everything_in_a_vault_does_not_let_modules_grant() {
    let s = scene(AccessMode::Rbac);
    assert!(matches!(s.switch(&s.connie, AccessMode::Modules).await, Err(AdminError::AuthorityNotHeld)));
    assert!(s.switch(&s.olga, AccessMode::Modules).await.is_ok());
    // Nor change the settings by which one grants, nor begin a vault so.
    let other = PolicyAttachment { settings: r#"{"a":1}"#.to_owned(), ..authority() };
    let update = VaultUpdate { policies: Some(vec![other]), ..VaultUpdate::default() };
    let by = |who: &Arc<Principal>| s.world.request(who);
    let changed = s.world.admin.update_vault(&by(&s.connie), &demo(), None, &update).await;
    assert!(matches!(changed, Err(AdminError::AuthorityNotHeld)));
    let settings =
        VaultSettings { access_mode: AccessMode::Modules, policies: vec![authority()], ..Default::default() };
    let second = VaultName::parse("second").unwrap();
    let made = s.world.admin.create_vault(&by(&s.connie), &second, settings.clone()).await;
    assert!(matches!(made, Err(AdminError::AuthorityNotHeld)));
    assert!(s.world.admin.create_vault(&by(&s.olga), &second, settings).await.is_ok());
}

/// Rows written before there were access modes and authorities keep their form, and so their tag.
#[test]
fn usual_settings_look_as_before() {
    let text = serde_json::to_string(&VaultSettings::default()).unwrap();
    assert!(!text.contains("access_mode"), "{text}");
    let guard = PolicyAttachment { authority: false, ..authority() };
    assert!(!serde_json::to_string(&guard).unwrap().contains("authority"));
}

#[tokio::test]
async fn permissions_on_keys_are_given_for_each_use_and_for_nothing_else() {
    let s = scene(AccessMode::AccessPolicy);
    let (signer, k) = (person("signer"), name("k").unwrap());
    let signing = ObjectPermissions {
        keys: [KeyPermission::Get, KeyPermission::Sign, KeyPermission::Rotate].into(),
        ..ObjectPermissions::default()
    };
    let put = async |by: &Arc<Principal>, to: &Arc<Principal>, permissions: &ObjectPermissions| {
        s.world.admin.put_access_policy(&s.world.request(by), &demo(), &of(to), permissions).await.map(drop)
    };
    let without = put(&s.connie, &signer, &signing).await;
    assert!(matches!(without, Err(AdminError::PermitsMoreThanHeld)), "who gives it holds it");
    put(&s.olga, &signer, &signing).await.unwrap();
    let vault = demo();
    let expected = [
        Action::KeyGet,
        Action::KeyGetDeleted,
        Action::KeySign,
        Action::KeyRotate,
        Action::KeyRotateIfDue,
        Action::KeyNearExpiry,
    ];
    for action in Action::ALL.iter().copied().filter(|action| action.is_data()) {
        let kind = match action.data_action() {
            data if data.contains("/secrets/") => ObjectKind::Secret,
            data if data.contains("/certificates/") => ObjectKind::Certificate,
            _ => ObjectKind::Key,
        };
        let judged = s.world.gate.judge(&s.world.request(&signer), &Ask::object(kind, action, &vault, &k)).await;
        assert_eq!(matches!(judged, Judgement::Permitted(_)), expected.contains(&action), "{action:?}");
    }
    assert!(matches!(put(&s.olga, &s.olga, &signing).await, Err(AdminError::LiftsOwnRestriction(_))));
}

#[tokio::test]
async fn permissions_on_certificates_are_given_for_each_use_and_for_nothing_else() {
    let s = scene(AccessMode::AccessPolicy);
    let (keeper, c) = (person("keeper"), name("c").unwrap());
    let keeping = ObjectPermissions {
        certificates: [CertificatePermission::List, CertificatePermission::ManageIssuers].into(),
        ..ObjectPermissions::default()
    };
    let put = async |by: &Arc<Principal>| {
        s.world.admin.put_access_policy(&s.world.request(by), &demo(), &of(&keeper), &keeping).await.map(drop)
    };
    assert!(matches!(put(&s.connie).await, Err(AdminError::PermitsMoreThanHeld)), "who gives it holds it");
    put(&s.olga).await.unwrap();
    let vault = demo();
    let expected = [
        Action::CertificateList,
        Action::CertificateListVersions,
        Action::CertificateListDeleted,
        Action::CertificateRevoke,
        Action::CertificateRevokeVersion,
        Action::CertificateNoteRevoked,
        Action::RevocationListIssue,
        Action::IssuerGet,
        Action::IssuerList,
        Action::IssuerSet,
        Action::IssuerUpdate,
        Action::IssuerAsk,
        Action::IssuerDelete,
    ];
    for action in Action::ALL.iter().copied().filter(|action| action.is_data()) {
        let ask = Ask::object(action.object_kind(), action, &vault, &c);
        let judged = s.world.gate.judge(&s.world.request(&keeper), &ask).await;
        assert_eq!(matches!(judged, Judgement::Permitted(_)), expected.contains(&action), "{action:?}");
    }
}
