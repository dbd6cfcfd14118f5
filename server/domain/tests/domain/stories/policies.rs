//! Policy modules as their owners meet them: uploaded, tried in shadow, enforced, rolled back, attached to
//! all vaults, and turned off on the machine itself when they lock everybody out.

use std::sync::Arc;

use strongroom_domain::{
    action::Action,
    admin::{AdminError, NewRole, ScopeRequest, recover_policies},
    context::RequestContext,
    decision::{DenyReason, StageEffect},
    gate::{Ask, READY_WITHIN, SHADOW_SAMPLES, ShadowCount},
    grant::Scope,
    names::VaultName,
    policy::{
        AttachedBefore, AttachmentState, Effect, FactValue, ModuleDigest, PolicyAttachment, PolicyFailure,
        PolicyRequest, Unfit,
    },
    principal::{Grantee, Principal},
    role::{Role, RoleRef},
    secrets::SecretError,
    test_support::{
        Verdict,
        world::{demo as demo_name, person},
    },
    vault::{VaultSettings, VaultUpdate},
};

use crate::common::Demo;

fn attachment(name: &str, module: u8, state: AttachmentState) -> PolicyAttachment {
    PolicyAttachment {
        name: name.to_owned(),
        module: ModuleDigest([module; 32]),
        settings: "{}".to_owned(),
        state,
        authority: false,
        previous: None,
    }
}

/// Ada administers the secrets of `demo`; Olga owns the installation.
fn scene(policies: Vec<PolicyAttachment>) -> (Demo, Arc<Principal>) {
    let demo = Demo::with(VaultSettings { policies, ..VaultSettings::default() });
    let olga = person("olga");
    demo.world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    (demo, olga)
}

fn why(error: &SecretError) -> String {
    match error {
        SecretError::Denied(denial) => denial.reason.code().to_owned(),
        other => panic!("{other}"),
    }
}

/// The clock stands, so that a machine under load takes none of the budget.
#[tokio::test(start_paused = true)]
async fn a_module_in_shadow_is_on_record_and_has_no_say() {
    let (demo, olga) = scene(vec![
        attachment("denies", 1, AttachmentState::Shadow),
        attachment("fails", 2, AttachmentState::Shadow),
        attachment("allows", 3, AttachmentState::Shadow),
        attachment("off", 4, AttachmentState::Off),
    ]);
    let policies = &demo.world.policies;
    policies.answer("denies", Verdict::Says(Effect::Deny));
    policies.answer("fails", Verdict::Fails(PolicyFailure::OutOfFuel));
    policies.answer("allows", Verdict::Says(Effect::Allow));
    let ctx = demo.request();
    demo.set_in(&ctx, "db", "v").await.unwrap();
    demo.get("db", None).await.unwrap();

    let record = demo.world.store.image().record(ctx.request_id).unwrap().clone();
    let shadows: Vec<(String, StageEffect, String)> = record
        .trace
        .iter()
        .filter(|stage| stage.stage.starts_with("shadow:"))
        .map(|stage| (stage.stage.clone(), stage.effect, stage.reason.clone()))
        .collect();
    assert_eq!(
        shadows,
        [
            ("shadow:denies".to_owned(), StageEffect::WouldDeny, "as-told".to_owned()),
            ("shadow:fails".to_owned(), StageEffect::WouldDeny, "policy-out-of-fuel".to_owned()),
            ("shadow:allows".to_owned(), StageEffect::WouldAllow, "as-told".to_owned()),
        ]
    );
    assert!(record.input.is_some(), "so that it can be asked again");
    let timed: Vec<_> = record.module_micros.keys().map(String::as_str).collect();
    assert_eq!(timed, ["shadow:allows", "shadow:denies", "shadow:fails"], "how long each module ran is on record");
    let shown = demo.world.admin.show_policies(&demo.world.request(&olga), Some(&demo.vault)).await.unwrap();
    let counted: Vec<[u64; 4]> = shown
        .policies
        .iter()
        .map(|one| {
            let shadow = one.shadow.count;
            [shadow.would_allow, shadow.would_deny, shadow.would_fail, shadow.over_budget]
        })
        .collect();
    // The write, the read, and looking at the vault's own settings.
    assert_eq!(counted, [[0, 3, 0, 0], [0, 0, 3, 0], [3, 0, 0, 0], [0, 0, 0, 0]]);
    let oldest = shown.policies[0].shadow.samples.back().unwrap();
    assert_eq!((oldest.decision, oldest.reason.as_str()), (ctx.request_id, "as-told"));
    assert!(shown.policies[2].shadow.samples.is_empty());
    for _ in 0..20 {
        demo.get("db", None).await.unwrap();
    }
    let shown = demo.world.admin.show_policies(&demo.world.request(&olga), Some(&demo.vault)).await.unwrap();
    assert_eq!(shown.policies[0].shadow.samples.len(), SHADOW_SAMPLES);
}

#[tokio::test]
async fn who_abstains_and_who_is_not_asked_is_on_record_and_counted_for_nothing_else() {
    let (demo, olga) = scene(vec![
        attachment("unasked", 1, AttachmentState::Enforce),
        attachment("abstains", 2, AttachmentState::Enforce),
        attachment("shadow-unasked", 1, AttachmentState::Shadow),
        attachment("shadow-abstains", 2, AttachmentState::Shadow),
    ]);
    let policies = &demo.world.policies;
    policies.sees_alone(attachment("", 1, AttachmentState::Off).module, Action::KeySign);
    for name in ["unasked", "shadow-unasked"] {
        policies.answer(name, Verdict::Says(Effect::Deny));
    }
    for name in ["abstains", "shadow-abstains"] {
        policies.answer(name, Verdict::Says(Effect::Abstain));
    }
    let ctx = demo.request();
    demo.set_in(&ctx, "db", "v").await.unwrap();
    let record = demo.world.store.image().record(ctx.request_id).unwrap().clone();
    let effects: Vec<_> = record.trace.iter().rev().take(4).map(|stage| stage.effect).collect();
    let expected = [StageEffect::WouldAbstain, StageEffect::NotAsked, StageEffect::Abstain, StageEffect::NotAsked];
    assert_eq!(effects, expected);
    let shown = demo.world.admin.show_policies(&demo.world.request(&olga), Some(&demo.vault)).await.unwrap();
    let [.., unasked, abstains] = shown.policies.as_slice() else { panic!("four are attached") };
    assert_eq!(unasked.shadow.count, ShadowCount::default());
    assert_eq!(abstains.shadow.count, ShadowCount { would_abstain: 2, ..ShadowCount::default() });
}

/// What it would have said under other settings, or when somebody attached it before, is no reason to enforce it now.
#[tokio::test]
async fn what_was_seen_in_shadow_is_of_the_settings_that_are_there_and_of_this_attachment() {
    let (demo, olga) = scene(vec![attachment("rule", 1, AttachmentState::Shadow)]);
    let admin = &demo.world.admin;
    demo.world.policies.answer("rule", Verdict::Says(Effect::Deny));
    let seen = async |policies: Option<Vec<PolicyAttachment>>| {
        let update = VaultUpdate { policies, ..VaultUpdate::default() };
        if update.policies.is_some() {
            admin.update_vault(&demo.world.request(&olga), &demo.vault, None, &update).await.unwrap();
        }
        let shown = admin.show_policies(&demo.world.request(&olga), Some(&demo.vault)).await.unwrap();
        shown.policies.first().map(|one| (one.shadow.count.would_deny, one.shadow.since.is_some()))
    };
    assert_eq!(seen(None).await, Some((1, true)), "the settings that were asked for");
    assert_eq!(seen(None).await, Some((2, true)));
    let changed =
        PolicyAttachment { settings: r#"{"a":1}"#.to_owned(), ..attachment("rule", 1, AttachmentState::Shadow) };
    assert_eq!(seen(Some(vec![changed.clone()])).await, Some((1, true)), "other settings are counted anew");
    assert_eq!(seen(None).await, Some((2, true)));
    assert_eq!(seen(Some(Vec::new())).await, None);
    assert_eq!(seen(Some(vec![changed])).await, Some((1, true)), "so is what is attached again");
}

/// Each page of the dashboard asks what it may offer: who only looks at pages makes no module in shadow seem to deny.
#[tokio::test]
async fn what_is_only_offered_counts_nothing_in_shadow() {
    let (demo, olga) = scene(vec![attachment("denies", 1, AttachmentState::Shadow)]);
    demo.world.policies.answer("denies", Verdict::Says(Effect::Deny));
    let (ctx, admin) = (demo.world.request(&olga), &demo.world.admin);
    let ask = Ask::vault(Action::VaultUpdate, &demo.vault);
    assert!(admin.may(&ctx, &ask).await);
    assert_eq!(admin.obstacle(&ctx, &ask).await, None);
    assert_eq!(admin.visible_vaults(&ctx).await.unwrap().len(), 1);
    let shown = admin.show_policies(&ctx, Some(&demo.vault)).await.unwrap();
    assert_eq!(shown.policies[0].shadow.count.would_deny, 1, "the settings that were really asked for");
}

/// Whatever the modules in shadow do, the answer comes within their budget.
#[tokio::test(start_paused = true)]
async fn modules_in_shadow_slow_nobody_down_beyond_their_budget() {
    let slow: Vec<_> = (1..=5).map(|n| attachment(&format!("slow-{n}"), n, AttachmentState::Shadow)).collect();
    let (demo, _) = scene(slow.clone());
    for attachment in &slow {
        demo.world.policies.answer(&attachment.name, Verdict::Hangs);
    }
    let ctx = demo.request();
    let began = tokio::time::Instant::now();
    demo.set_in(&ctx, "db", "v").await.unwrap();
    assert!(began.elapsed() < strongroom_domain::gate::SHADOW_BUDGET * 2, "{:?}", began.elapsed());
    let record = demo.world.store.image().record(ctx.request_id).unwrap().clone();
    let unheard = record.trace.iter().filter(|stage| stage.reason == "over-budget").count();
    assert_eq!(unheard, 5);
}

/// However many vaults there are, a list of them is one answer; and what is only offered asks nobody in shadow.
#[tokio::test(start_paused = true)]
async fn modules_in_shadow_have_one_budget_for_a_list_of_many_vaults() {
    let (demo, olga) = scene(Vec::new());
    for number in 0..40 {
        let vault = VaultName::parse(&format!("vault-{number}")).unwrap();
        demo.world.put_vault(&vault, VaultSettings::default()).unwrap();
    }
    demo.world.policies.answer("slow", Verdict::Hangs);
    demo.world.policies.answer("denies", Verdict::Says(Effect::Deny));
    let admin = &demo.world.admin;
    let everywhere = [attachment("denies", 1, AttachmentState::Shadow), attachment("slow", 2, AttachmentState::Shadow)];
    admin.put_policies_everywhere(&demo.world.request(&olga), None, &everywhere, false).await.unwrap();
    let before = demo.world.policies.asked().len();
    let began = tokio::time::Instant::now();
    assert_eq!(admin.visible_vaults(&demo.world.request(&olga)).await.unwrap().len(), 41);
    assert!(began.elapsed().is_zero(), "{:?}", began.elapsed());
    assert_eq!(demo.world.policies.asked().len(), before, "nobody in shadow is asked ahead");
    let began = tokio::time::Instant::now();
    assert_eq!(admin.list_vaults(&demo.world.request(&olga)).await.unwrap().vaults.len(), 41);
    assert!(began.elapsed() < strongroom_domain::gate::SHADOW_BUDGET * 2, "{:?}", began.elapsed());
    let shown = admin.show_policies(&demo.world.request(&olga), None).await.unwrap();
    let [denies, slow] = shown.policies.as_slice() else { panic!("two are attached") };
    assert_eq!((denies.shadow.count.would_deny, slow.shadow.count.over_budget), (1, 41));
    assert!(denies.shadow.samples.is_empty(), "the record of a list has no stage to look at");
}

/// Who stands behind a denial is named, because `why` shows everybody that is attached.
#[tokio::test]
async fn who_is_behind_a_denial_is_on_record_as_not_asked() {
    let (demo, _) = scene(vec![
        attachment("denies", 1, AttachmentState::Enforce),
        attachment("behind", 2, AttachmentState::Enforce),
        attachment("also", 3, AttachmentState::Enforce),
    ]);
    let policies = &demo.world.policies;
    for name in ["denies", "behind", "also"] {
        policies.answer(name, Verdict::Says(Effect::Deny));
    }
    let of = |ctx: &RequestContext| {
        let record = demo.world.store.image().record(ctx.request_id).unwrap().clone();
        let stages = record.trace.into_iter().filter(|stage| stage.stage.starts_with("policy:"));
        stages.map(|stage| (stage.stage, stage.effect, stage.reason)).collect::<Vec<_>>()
    };
    let named = |name: &str, effect, reason: &str| (format!("policy:{name}"), effect, reason.to_owned());
    let expected = [
        named("denies", StageEffect::Deny, "as-told"),
        named("behind", StageEffect::NotAsked, "behind-a-denial"),
        named("also", StageEffect::NotAsked, "behind-a-denial"),
    ];
    let ctx = demo.request();
    demo.set_in(&ctx, "db", "v").await.err().unwrap();
    assert_eq!(of(&ctx), expected);
    // Those of connections stand at their own stage.
    policies.judges_connections(ModuleDigest([1; 32]));
    policies.judges_connections(ModuleDigest([2; 32]));
    let ctx = demo.request();
    demo.set_in(&ctx, "db", "v").await.err().unwrap();
    assert_eq!(of(&ctx), expected[..2]);
}

/// A node that has not loaded a module in shadow yet, and one that wants to see what takes a look-up, does
/// not let a request wait for it either.
#[tokio::test(start_paused = true)]
async fn modules_in_shadow_are_not_waited_for_while_they_are_loaded() {
    let (demo, _) =
        scene(vec![attachment("new", 1, AttachmentState::Shadow), attachment("there", 2, AttachmentState::Shadow)]);
    demo.world.policies.answer("there", Verdict::Says(Effect::Deny));
    demo.world.policies.keeps_loading(ModuleDigest([1; 32]));
    let ctx = demo.request();
    let began = tokio::time::Instant::now();
    demo.set_in(&ctx, "db", "v").await.unwrap();
    assert!(began.elapsed() < strongroom_domain::gate::SHADOW_BUDGET * 2, "{:?}", began.elapsed());
    let record = demo.world.store.image().record(ctx.request_id).unwrap().clone();
    let shadows: Vec<_> = record.trace.iter().filter(|stage| stage.stage.starts_with("shadow:")).collect();
    assert!(shadows.iter().all(|stage| stage.reason == "over-budget"), "{shadows:?}");
    assert_eq!(shadows.len(), 2);
}

/// A module that takes for ever to be compiled or loaded, and one of connections, which is looked for first: both
/// together are waited for no longer than one, and what stands before them is asked as ever.
#[tokio::test(start_paused = true)]
async fn an_enforced_module_that_is_not_ready_in_time_denies_by_its_own_reason() {
    let (demo, _) = scene(vec![
        attachment("there", 1, AttachmentState::Enforce),
        attachment("endless", 2, AttachmentState::Enforce),
        attachment("endless-network", 3, AttachmentState::Enforce),
    ]);
    let policies = &demo.world.policies;
    for name in ["there", "endless", "endless-network"] {
        policies.answer(name, Verdict::Says(Effect::Allow));
    }
    policies.judges_connections(ModuleDigest([3; 32]));
    for module in [2, 3] {
        policies.keeps_loading(ModuleDigest([module; 32]));
    }
    let (ctx, began) = (demo.request(), tokio::time::Instant::now());
    let denied = demo.set_in(&ctx, "db", "v").await.err().unwrap();
    assert!(began.elapsed() <= READY_WITHIN * 2, "{:?}", began.elapsed());
    assert_eq!(why(&denied), "policy-not-ready");
    let record = demo.world.store.image().record(ctx.request_id).unwrap().clone();
    let stages: Vec<_> = record.trace.iter().filter(|stage| stage.stage.starts_with("policy:")).collect();
    let said: Vec<_> = stages.iter().map(|stage| (stage.stage.as_str(), stage.effect)).collect();
    let behind = ("policy:endless-network", StageEffect::NotAsked);
    assert_eq!(said, [("policy:there", StageEffect::Allow), ("policy:endless", StageEffect::Deny), behind]);
    assert_eq!(policies.asked().len(), 1, "nobody asks a module that is not there");

    // Once they are, they are asked.
    for module in [2, 3] {
        policies.is_loaded(ModuleDigest([module; 32]));
    }
    demo.set("db", "v").await.unwrap();
}

#[tokio::test]
async fn a_module_is_told_how_often_somebody_was_here_lately() {
    let (demo, _) = scene(vec![attachment("rate", 1, AttachmentState::Enforce)]);
    let (mine, denied) = ("count/principal-object/any/60", "count/object/denied/60");
    demo.world.policies.wants(ModuleDigest([1; 32]), &[mine, denied]);
    demo.world.policies.answer("rate", Verdict::Says(Effect::Allow));
    demo.set("db", "v").await.unwrap();
    demo.get("db", None).await.unwrap();
    demo.world.policies.answer("rate", Verdict::Says(Effect::Deny));
    assert!(demo.get("db", None).await.is_err());
    demo.world.policies.answer("rate", Verdict::Says(Effect::Allow));
    demo.get("db", None).await.unwrap();
    let told = |fact: &str| -> Vec<i64> {
        let number = |request: &PolicyRequest| match request.facts.get(fact) {
            Some(Some(FactValue::Number(number))) => *number,
            other => panic!("{other:?}"),
        };
        demo.world.policies.asked().iter().map(number).collect()
    };
    assert_eq!(told(mine), [0, 1, 2, 3]);
    assert_eq!(told(denied), [0, 0, 0, 1]);
    // What was counted is on record, so that the decision can be asked again.
    let record = demo.world.store.image().log.last().unwrap().record.clone();
    assert_eq!(record.input.unwrap().facts[mine], Some(FactValue::Number(3)));
}

#[tokio::test]
async fn a_rollback_brings_module_settings_and_state_back() {
    let (demo, olga) = scene(Vec::new());
    let admin = &demo.world.admin;
    for name in ["rule", "other"] {
        demo.world.policies.answer(name, Verdict::Says(Effect::Allow));
    }
    let put = async |policies: Vec<PolicyAttachment>| {
        let update = VaultUpdate { policies: Some(policies), ..VaultUpdate::default() };
        admin.update_vault(&demo.world.request(&olga), &demo.vault, None, &update).await
    };
    let back = async || {
        let update = VaultUpdate { roll_back: Some("rule".to_owned()), ..VaultUpdate::default() };
        admin.update_vault(&demo.world.request(&olga), &demo.vault, None, &update).await
    };
    assert!(matches!(back().await, Err(AdminError::Invalid(why)) if why.contains("no policy module")));
    let first = attachment("rule", 1, AttachmentState::Enforce);
    // What a caller says stood there before does not count.
    let nine = AttachedBefore {
        module: ModuleDigest([9; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Off,
        authority: true,
    };
    let forged = PolicyAttachment { previous: Some(nine), ..first.clone() };
    put(vec![forged, attachment("other", 5, AttachmentState::Enforce)]).await.unwrap();
    assert!(matches!(back().await, Err(AdminError::Invalid(why)) if why.contains("no way back")));

    let second =
        PolicyAttachment { settings: r#"{"a":1}"#.to_owned(), ..attachment("rule", 2, AttachmentState::Shadow) };
    put(vec![attachment("other", 5, AttachmentState::Enforce), second.clone()]).await.unwrap();
    // Enforcing it is no other version: the way back stays.
    put(vec![
        attachment("other", 5, AttachmentState::Enforce),
        PolicyAttachment { state: AttachmentState::Enforce, ..second },
    ])
    .await
    .unwrap();
    let after = back().await.unwrap();
    let rule = &after.settings.policies[1];
    assert_eq!((rule.module, rule.settings.as_str(), rule.state), (first.module, "{}", AttachmentState::Enforce));
    assert_eq!(after.settings.policies[0].name, "other", "the order stays");
    let forth = back().await.unwrap();
    assert_eq!(forth.settings.policies[1].module, ModuleDigest([2; 32]), "and back again");
}

#[test]
fn a_rollback_makes_no_authority_of_what_was_a_guard() {
    let guard = attachment("rule", 1, AttachmentState::Enforce);
    let authority = PolicyAttachment { authority: true, ..attachment("rule", 2, AttachmentState::Enforce) };
    let put = PolicyAttachment::following(vec![authority], std::slice::from_ref(&guard));
    let back = PolicyAttachment::rolled_back(&put, "rule").unwrap();
    assert_eq!((back[0].module, back[0].authority), (guard.module, false));
    let forth = PolicyAttachment::rolled_back(&back, "rule").unwrap();
    assert_eq!((forth[0].module, forth[0].authority), (ModuleDigest([2; 32]), true));
    // One that was remembered before this was told grants nothing when it comes back.
    let old: AttachedBefore =
        serde_json::from_value(serde_json::json!({ "module": guard.module, "settings": "{}", "state": "enforce" }))
            .unwrap();
    let back = PolicyAttachment::rolled_back(&[PolicyAttachment { previous: Some(old), ..put[0].clone() }], "rule");
    assert!(!back.unwrap()[0].authority);
    // Nothing but the authority changed: that too is a step back.
    let granted = PolicyAttachment { authority: true, ..guard.clone() };
    let put = PolicyAttachment::following(vec![granted], std::slice::from_ref(&guard));
    assert!(!PolicyAttachment::rolled_back(&put, "rule").unwrap()[0].authority);
}

/// Whoever may write the policies of the installation is no Owner for that, and may hold roles in any vault.
#[tokio::test]
async fn a_guard_of_all_vaults_is_lifted_by_an_owner_alone_and_added_by_whoever_writes_policies() {
    let (demo, olga) = scene(Vec::new());
    let (admin, polly) = (&demo.world.admin, person("polly"));
    let writes = NewRole {
        name: "Policy writer".to_owned(),
        actions: vec!["Strongroom/policies/*".to_owned()],
        assignable_scopes: vec![ScopeRequest::Server],
        ..NewRole::default()
    };
    let role = admin.put_role(&demo.world.request(&olga), None, &writes, None).await.unwrap();
    let whom = Grantee::Principal { id: polly.id.clone() };
    demo.world.put_grant(whom.clone(), RoleRef::Custom(role.id), Scope::Server).unwrap();
    demo.world.put_grant(whom, Role::SecretsUser, Scope::Server).unwrap();
    for name in ["hours", "names"] {
        demo.world.policies.answer(name, Verdict::Says(Effect::Allow));
    }
    let put = async |who: &Arc<Principal>, policies: &[PolicyAttachment]| {
        admin.put_policies_everywhere(&demo.world.request(who), None, policies, false).await
    };
    let (hours, names) =
        (attachment("hours", 1, AttachmentState::Enforce), attachment("names", 2, AttachmentState::Enforce));
    put(&olga, std::slice::from_ref(&hours)).await.unwrap();
    let off = PolicyAttachment { state: AttachmentState::Off, ..hours.clone() };
    let shadow = PolicyAttachment { state: AttachmentState::Shadow, ..hours.clone() };
    let changed = PolicyAttachment { settings: r#"{"a":1}"#.to_owned(), ..hours.clone() };
    for lifted in [vec![], vec![off], vec![shadow], vec![changed.clone()], vec![names.clone()]] {
        assert!(matches!(put(&polly, &lifted).await, Err(AdminError::LiftsOwnRestriction(_))), "{lifted:?}");
    }
    put(&polly, &[names, hours.clone()]).await.unwrap();
    put(&olga, &[changed]).await.unwrap();
    let record = demo.world.store.image().log.last().unwrap().record.clone();
    assert!(record.trace.iter().any(|stage| stage.reason == "guard-changed-by-owner"), "{:?}", record.trace);
    let back = admin.roll_back_everywhere(&demo.world.request(&polly), "hours", None, false).await;
    assert!(matches!(back, Err(AdminError::LiftsOwnRestriction(_))), "{back:?}");
    // A second press of the same page, or of somebody else's, would bring back what the first took away.
    let seen = admin.show_policies(&demo.world.request(&olga), None).await.unwrap().revision;
    let press = async || admin.roll_back_everywhere(&demo.world.request(&olga), "hours", Some(seen), false).await;
    press().await.unwrap();
    assert!(matches!(press().await, Err(AdminError::OtherRevision)));
}

#[tokio::test]
async fn modules_of_all_vaults_narrow_every_one_and_making_one() {
    let (demo, olga) = scene(Vec::new());
    let admin = &demo.world.admin;
    let put = async |who: &Arc<Principal>, expected, policies: Vec<PolicyAttachment>| {
        admin.put_policies_everywhere(&demo.world.request(who), expected, &policies, false).await
    };
    demo.set("db", "v").await.unwrap();
    let rule = attachment("rule", 1, AttachmentState::Enforce);
    assert!(matches!(put(&demo.ada, None, vec![rule.clone()]).await, Err(AdminError::Denied(_))));
    let missing = put(&olga, None, vec![rule.clone()]).await;
    assert!(matches!(
        missing,
        Err(AdminError::AttachmentRefused { why: Unfit { failure: PolicyFailure::Missing, .. }, .. })
    ));
    demo.world.policies.answer("rule", Verdict::Says(Effect::Deny));
    let grants = PolicyAttachment { authority: true, ..rule.clone() };
    assert!(matches!(put(&olga, None, vec![grants]).await, Err(AdminError::Invalid(_))));
    assert_eq!(put(&olga, Some(0), vec![rule.clone()]).await.unwrap().revision, 1);
    assert!(matches!(put(&olga, Some(0), vec![]).await, Err(AdminError::OtherRevision)));

    assert_eq!(why(&demo.get("db", None).await.err().unwrap()), "as-told");
    let new = strongroom_domain::names::VaultName::parse("another").unwrap();
    let made = admin.create_vault(&demo.world.request(&olga), &new, VaultSettings::default()).await;
    assert!(
        matches!(made, Err(AdminError::Denied(denial)) if matches!(&denial.reason, DenyReason::Policy { attachment, .. } if attachment == "everywhere/rule"))
    );
    // What is changed for all vaults concerns each of them.
    let everywhere = |denied: AdminError| matches!(&denied, AdminError::Denied(denial) if matches!(&denial.reason, DenyReason::Policy { attachment, .. } if attachment == "everywhere/rule"));
    let ctx = || demo.world.request(&olga);
    let grantee = Grantee::Principal { id: demo.ada.id.clone() };
    let given = admin.add_assignment(&ctx(), (grantee, Role::SecretsUser), &ScopeRequest::Server).await;
    assert!(everywhere(given.err().unwrap()));
    assert!(everywhere(admin.create_workload(&ctx(), "app", Vec::new(), None).await.err().unwrap()));
    let custom = NewRole {
        name: "Reader of all".to_owned(),
        data_actions: vec!["Microsoft.KeyVault/vaults/secrets/getSecret/action".to_owned()],
        assignable_scopes: vec![ScopeRequest::Server],
        ..NewRole::default()
    };
    assert!(everywhere(admin.put_role(&ctx(), None, &custom, None).await.err().unwrap()));
    let asked = demo.world.policies.asked().pop().unwrap();
    assert_eq!((asked.object.vault.as_str(), asked.object.kind.as_str()), ("", "server"));
    // They are asked about vaults, so those who attached them can always take them away.
    put(&olga, Some(1), vec![PolicyAttachment { state: AttachmentState::Off, ..rule }]).await.unwrap();
    demo.get("db", None).await.unwrap();

    // Edited behind the product's back, everything is denied.
    demo.world.store.meddle(|image| {
        let mut forged = (*image.installation_policies).clone();
        forged.policies.clear();
        image.installation_policies = Arc::new(forged);
    });
    assert_eq!(why(&demo.get("db", None).await.err().unwrap()), "tampered");
}

#[tokio::test]
async fn a_module_is_uploaded_once_shown_and_removed_when_it_is_attached_nowhere() {
    let (demo, olga) = scene(Vec::new());
    let admin = &demo.world.admin;
    let push = async |who: &Arc<Principal>, bytes: &[u8]| {
        admin.push_module(&demo.world.request(who), Arc::from(bytes), None).await
    };
    assert!(matches!(push(&demo.ada, b"module").await, Err(AdminError::Denied(_))));
    assert!(matches!(push(&olga, b"").await, Err(AdminError::ModuleRefused(_))));
    let forged = admin.push_module(&demo.world.request(&olga), Arc::from(b"module".as_slice()), Some(b"other")).await;
    assert!(matches!(forged, Err(AdminError::ModuleNotSigned)));
    let made = push(&olga, b"module").await.unwrap();
    let again = push(&olga, b"module").await.unwrap();
    assert_eq!((made.facts.digest, made.size), (again.facts.digest, 6));
    let signed = async |signature: &[u8]| {
        let ctx = demo.world.request(&olga);
        let pushed = admin.push_module(&ctx, Arc::from(b"module".as_slice()), Some(signature)).await;
        let kept = demo.world.store.image().policy_modules[&made.facts.digest].0.signature.clone();
        pushed.map(|_| kept.unwrap())
    };
    let first = signed(b"module").await.unwrap();
    demo.world.policies.lists_signers(false);
    assert!(matches!(signed(b"module, too").await, Err(AdminError::ModuleSignedOtherwise)), "it may be worse");
    demo.world.policies.lists_signers(true);
    assert!(matches!(signed(b"forged").await, Err(AdminError::ModuleNotSigned)));
    assert_ne!(signed(b"module, too").await.unwrap(), first, "one that holds takes the place of the one before");
    let listed = admin.list_modules(&demo.world.request(&olga)).await.unwrap();
    assert_eq!(listed.iter().map(|module| module.facts.digest).collect::<Vec<_>>(), [made.facts.digest]);
    let digest = made.facts.digest;
    assert_eq!(admin.show_module(&demo.world.request(&olga), digest).await.unwrap().uploaded.unwrap().0, olga.id);

    let (kept, bytes) = admin.pull_module(&demo.world.request(&olga), digest).await.unwrap();
    assert_eq!((kept.digest, bytes.as_slice()), (digest, &b"module"[..]));
    let pulled = admin.pull_module(&demo.world.request(&demo.ada), digest).await;
    assert!(matches!(pulled, Err(AdminError::Denied(_))));

    demo.world.policies.answer("rule", Verdict::Says(Effect::Allow));
    let put = async |policies: Vec<PolicyAttachment>| {
        let update = VaultUpdate { policies: Some(policies), ..VaultUpdate::default() };
        admin.update_vault(&demo.world.request(&olga), &demo.vault, None, &update).await.unwrap()
    };
    let remove = async || admin.remove_module(&demo.world.request(&olga), digest).await;
    let attached = PolicyAttachment { module: digest, ..attachment("rule", 0, AttachmentState::Off) };
    put(vec![attached]).await;
    assert!(matches!(remove().await, Err(AdminError::ModuleInUse)));
    put(vec![attachment("rule", 1, AttachmentState::Off)]).await;
    assert!(matches!(remove().await, Err(AdminError::ModuleInUse)), "there is a way back to it");
    put(vec![]).await;
    remove().await.unwrap();
    assert!(matches!(remove().await, Err(AdminError::ModuleNotFound)));
    assert!(matches!(admin.show_module(&demo.world.request(&olga), digest).await, Err(AdminError::ModuleNotFound)));
    // What is known of a module counts only as it was written.
    push(&olga, b"module").await.unwrap();
    demo.world.store.meddle(|image| {
        for (module, _) in image.policy_modules.values_mut() {
            module.name = "harmless".to_owned();
        }
    });
    assert!(matches!(admin.list_modules(&demo.world.request(&olga)).await, Err(AdminError::Tampered)));
}

#[tokio::test]
async fn a_lock_out_is_undone_on_the_machine_itself_and_is_on_record() {
    let (demo, olga) = scene(vec![attachment("rule", 1, AttachmentState::Enforce)]);
    let admin = &demo.world.admin;
    demo.world.policies.answer("rule", Verdict::Says(Effect::Deny));
    demo.world.policies.answer("all", Verdict::Says(Effect::Allow));
    let everywhere = vec![attachment("all", 2, AttachmentState::Enforce)];
    admin.put_policies_everywhere(&demo.world.request(&olga), None, &everywhere, false).await.unwrap();
    demo.world.policies.answer("all", Verdict::Says(Effect::Deny));
    let settings = admin.show_vault(&demo.world.request(&olga), &demo.vault).await;
    assert!(matches!(settings, Err(AdminError::Denied(_))), "the owner too");

    let name = demo_name().unwrap();
    for (vault, turned_off) in [(None, "all"), (Some(&name), "rule")] {
        let ctx = demo.world.request(&Arc::new(Principal::system("policy-recover")));
        let recovered = recover_policies(
            &ctx,
            &demo.world.keyring,
            (&demo.world.store, &demo.world.store),
            &demo.world.recorder,
            vault,
        )
        .await
        .unwrap();
        assert_eq!(recovered.attachments, [turned_off]);
        let record = demo.world.store.image().record(ctx.request_id).unwrap().clone();
        assert_eq!((record.operation.as_str(), record.changed.len()), ("PolicyRecover", 1));
    }
    demo.set("db", "v").await.unwrap();
    let after = admin.show_vault(&demo.world.request(&olga), &name).await.unwrap();
    let [rule] = after.settings.policies.as_slice() else { panic!("nothing is detached") };
    assert_eq!(rule.state, AttachmentState::Off);
}
