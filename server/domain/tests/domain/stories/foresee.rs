//! What the gate would say of a request that nobody makes: the same as of one that somebody makes, and nothing comes of it.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use strongroom_crypto::key::{Curve, KeySpec};
use strongroom_domain::{
    action::Action,
    admin::{AdminError, Described},
    decision::StageEffect,
    gate::{DescribedObject, Foreseen},
    grant::Scope,
    key::KeyOperation,
    keys::KeyRequest,
    names::ObjectName,
    network::NetworkRules,
    policy::{
        AlertSeverity, AttachmentState, Effect, ModuleDigest, ObjectState, Obligation, PolicyAttachment, PolicyObject,
    },
    principal::{Grantee, Principal, PrincipalKind, SYSTEM_ISSUER},
    record::Outcome,
    role::Role,
    secret::AttributePatch,
    secrets::SecretError,
    test_support::{
        Verdict,
        world::{BEGIN, demo as demo_name, enabled, name, person},
    },
    vault::VaultSettings,
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

struct Story {
    demo: Demo,
    olga: Arc<Principal>,
}

impl Story {
    /// Ada administers the secrets of `demo`, which has one module that is enforced and one in shadow; Olga owns the
    /// installation.
    async fn start() -> Self {
        let policies =
            vec![attachment("guard", 1, AttachmentState::Enforce), attachment("next", 2, AttachmentState::Shadow)];
        let demo = Demo::with(VaultSettings { policies, ..VaultSettings::default() });
        let olga = person("olga");
        demo.world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
        for attachment in ["guard", "next"] {
            demo.world.policies.answer(attachment, Verdict::Says(Effect::Allow));
        }
        demo.set("db", "v").await.unwrap();
        Self { demo, olga }
    }

    async fn foresee(&self, by: &Arc<Principal>, described: &Described) -> Result<Foreseen, AdminError> {
        self.demo.world.admin.foresee(&self.demo.world.request(by), &self.demo.vault, described).await
    }
}

/// That somebody would read `db`.
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

#[tokio::test]
async fn it_is_what_is_said_of_the_request_that_somebody_makes() {
    let story = Story::start().await;
    let (demo, ada, bob) = (&story.demo, story.demo.ada.clone(), person("bob"));
    for (who, effect) in [(&ada, Effect::Allow), (&ada, Effect::Deny), (&bob, Effect::Allow)] {
        demo.world.policies.answer("guard", Verdict::SaysOfContents(effect));
        let foreseen = story.foresee(&story.olga, &reads(who)).await.unwrap();
        let ctx = demo.world.request(who);
        let done = demo.get_in(&ctx, "db", None).await;
        let record = demo.world.store.image().record(ctx.request_id).unwrap().clone();
        assert_eq!(foreseen.trace, record.trace, "stage by stage");
        assert_eq!(foreseen.settings_revision, record.settings_revision);
        let named = |micros: &BTreeMap<String, u64>| micros.keys().cloned().collect::<Vec<_>>();
        assert_eq!(named(&foreseen.module_micros), named(&record.module_micros), "how long each module ran, too");
        match done {
            Ok(_) => assert_eq!(foreseen.denied, None),
            Err(SecretError::Denied(denial)) => assert_eq!(foreseen.denied, Some(denial.reason)),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn the_state_of_the_object_is_told_behind_the_gate_to_who_may_read_it() {
    let story = Story::start().await;
    let (demo, k, db) = (&story.demo, name("k").unwrap(), name("db").unwrap());
    let request = KeyRequest {
        spec: KeySpec::Ec { crv: Curve::P256 },
        hardware: false,
        operations: Some([KeyOperation::Sign].into()),
    };
    demo.world.keys.create(&demo.request(), &demo.vault, &k, &request, &enabled()).await.unwrap();
    let (reader, auditor) = (person("reader"), person("auditor"));
    for (who, role) in [(&reader, Role::Reader), (&reader, Role::Auditor), (&reader, Role::Contributor)]
        .into_iter()
        .chain([(&auditor, Role::Auditor), (&auditor, Role::Contributor)])
    {
        demo.world.put_grant(Grantee::Principal { id: who.id.clone() }, role, Scope::Server).unwrap();
    }
    let of = |action, object: &ObjectName| Described { action, name: Some(object.clone()), ..reads(&demo.ada) };
    let told = async |by: &Arc<Principal>, described: &Described| {
        let foreseen = story.foresee(by, described).await.unwrap();
        assert!(foreseen.state.is_none() || foreseen.denied.is_none(), "only what the gate lets through");
        foreseen.state.map(|stage| (stage.effect == StageEffect::Allow, stage.reason, stage.detail.unwrap_or_default()))
    };
    let is = async |action, object: &ObjectName, allowed: bool, reason: &str, detail: &str| {
        let (is_allowed, said, more) = told(&reader, &of(action, object)).await.unwrap();
        assert_eq!((is_allowed, said.as_str()), (allowed, reason), "{action:?} {more}");
        assert!(more.contains(detail), "{more}");
        let unseen = told(&auditor, &of(action, object)).await;
        assert_eq!(unseen, None, "an auditor reads no attributes");
    };
    is(Action::SecretGet, &db, true, "in-use", "").await;
    is(Action::KeySign, &k, true, "in-use", "").await;
    is(Action::KeyVerify, &k, false, "operation-not-permitted", "which is for sign").await;
    is(Action::KeyGet, &name("none").unwrap(), false, "not-found", "none").await;
    is(Action::KeyCreate, &name("none").unwrap(), true, "new", "").await;
    is(Action::SecretRecover, &db, false, "deleted-not-found", "db").await;

    let change = |patch: AttributePatch| async move {
        demo.world.keys.update(&demo.request(), &demo.vault, &name("k").unwrap(), None, &patch, None).await.unwrap();
    };
    change(AttributePatch { expires: Some(BEGIN / 1000), ..AttributePatch::default() }).await;
    is(Action::KeySign, &k, false, "outside-window", "expired at 2026-01-01T00:00:00Z").await;
    change(AttributePatch { enabled: Some(false), ..AttributePatch::default() }).await;
    is(Action::KeySign, &k, false, "key-disabled", "disabled").await;
    demo.delete_in(&demo.request(), "db").await.unwrap();
    is(Action::SecretGet, &db, false, "not-found", "soft deleted").await;
    is(Action::SecretSet, &db, false, "deleted-but-recoverable", "db").await;
    is(Action::SecretRecover, &db, true, "deleted", "").await;
}

/// What is said of the object stands in for what is stored, and the rest is as it is.
#[tokio::test]
async fn an_object_can_be_described_as_it_is_not() {
    let story = Story::start().await;
    let (policies, ada) = (&story.demo.world.policies, story.demo.ada.clone());
    let seen = async |object: DescribedObject| {
        let described = Described { object: Some(object), ..reads(&ada) };
        let foreseen = story.foresee(&story.olga, &described).await.unwrap();
        assert_eq!(foreseen.state, None, "what is stored says nothing of it");
        (policies.asked().pop().unwrap().object, foreseen.denied.is_none())
    };
    let (stored, _) = seen(DescribedObject::default()).await;
    assert_eq!((stored.state, stored.enabled, stored.expires), (ObjectState::Active, Some(true), None));
    let tags = BTreeMap::from([("owner".to_owned(), "payments".to_owned())]);
    let other = DescribedObject { tags: Some(tags.clone()), expires: Some(Some(7)), ..DescribedObject::default() };
    let (asked, _) = seen(other.clone()).await;
    assert_eq!(asked, PolicyObject { tags, expires: Some(7), ..stored.clone() });
    let (asked, _) = seen(DescribedObject { expires: Some(None), ..DescribedObject::default() }).await;
    assert_eq!(asked, stored, "it has no end");
    let (asked, _) = seen(DescribedObject { state: Some(ObjectState::Absent), ..DescribedObject::default() }).await;
    assert_eq!((asked.state, asked.enabled, asked.created), (ObjectState::Absent, None, None));
    let unknown = Described { name: Some(name("none").unwrap()), object: Some(other), ..reads(&ada) };
    story.foresee(&story.olga, &unknown).await.unwrap();
    assert_eq!(policies.asked().pop().unwrap().object.expires, Some(7), "of what is not there as well");
    // It is decided by.
    policies.answer("guard", Verdict::EnabledAlone);
    assert!(seen(DescribedObject::default()).await.1);
    assert!(!seen(DescribedObject { enabled: Some(false), ..DescribedObject::default() }).await.1);
    let of_vault =
        Described { action: Action::VaultRead, name: None, object: Some(DescribedObject::default()), ..reads(&ada) };
    assert!(matches!(story.foresee(&story.olga, &of_vault).await, Err(AdminError::Invalid(_))));
}

#[tokio::test]
async fn nothing_comes_of_it_but_the_record_that_somebody_asked() {
    let story = Story::start().await;
    let demo = &story.demo;
    let alert = Obligation::Alert { severity: AlertSeverity::High, sentence: "Look.".to_owned() };
    for attachment in ["guard", "next"] {
        demo.world.policies.answer(attachment, Verdict::SaysOfContents(Effect::Deny));
        let approval = Obligation::RequireApproval { approvers: 1, valid_for: 600 };
        demo.world.policies.oblige(attachment, vec![approval, alert.clone()]);
    }
    let shown = async || {
        let shown = demo.world.admin.show_policies(&demo.world.request(&story.olga), Some(&demo.vault)).await.unwrap();
        shown.policies[1].shadow.count
    };
    let (before, happened) = (shown().await, demo.world.store.image().happened.len());
    let ctx = demo.world.request(&story.olga);
    let foreseen = demo.world.admin.foresee(&ctx, &demo.vault, &reads(&demo.ada)).await.unwrap();
    assert_eq!(foreseen.denied.unwrap().code(), "as-told");
    let image = demo.world.store.image();
    assert!(image.approvals.is_empty(), "nobody is asked to approve");
    assert_eq!(image.happened.len(), happened, "nothing changed");
    let record = image.record(ctx.request_id).unwrap();
    assert_eq!((record.operation.as_str(), record.outcome), ("DecisionForesee", Outcome::Allowed));
    assert_eq!((record.vault.as_deref(), record.object.as_deref()), (Some("demo"), Some("db")));
    let about = record.trace.last().unwrap();
    assert_eq!((about.stage.as_str(), about.reason.as_str()), ("described", "SecretGet"));
    assert_eq!(about.detail.as_deref(), Some(demo.ada.id.to_string().as_str()), "whom it was about");
    assert_eq!(shown().await.would_deny, before.would_deny, "what modules in shadow would say is not counted");
}

#[tokio::test]
async fn it_is_for_who_may_read_the_records_and_the_roles_of_the_vault() {
    let story = Story::start().await;
    let demo = &story.demo;
    let put = |who: &Arc<Principal>, role, scope| {
        demo.world.put_grant(Grantee::Principal { id: who.id.clone() }, role, scope).unwrap();
    };
    let (auditor, owner) = (person("auditor"), person("owner"));
    let vault = demo.world.store.image().vaults["demo"].id;
    put(&auditor, Role::Auditor, Scope::Server);
    put(&owner, Role::Owner, Scope::Vault { vault });
    for who in [&auditor, &owner, &demo.ada, &person("stranger")] {
        let denied = story.foresee(who, &reads(&demo.ada)).await;
        assert!(matches!(denied, Err(AdminError::Denied(_))), "{}", who.id);
    }
    put(&auditor, Role::Contributor, Scope::Vault { vault });
    story.foresee(&auditor, &reads(&demo.ada)).await.unwrap();
}

#[tokio::test]
async fn what_is_described_is_somebody_from_somewhere_who_asks_for_something_there_is() {
    let story = Story::start().await;
    let demo = &story.demo;
    let reason = async |described: &Described| {
        let foreseen = story.foresee(&story.olga, described).await.unwrap();
        foreseen.denied.map(|why| why.code().to_owned())
    };
    let network: NetworkRules = serde_json::from_value(serde_json::json!({
        "default_action": "deny", "rules": [{ "action": "allow", "network": "192.0.2.0/24" }, { "action": "allow", "network": "127.0.0.0/8" }],
    }))
    .unwrap();
    demo.world.put_vault(&demo_name().unwrap(), VaultSettings { network, ..VaultSettings::default() }).unwrap();
    let from = |address: &str| Described { client: Some(address.parse::<IpAddr>().unwrap()), ..reads(&demo.ada) };
    assert_eq!(reason(&from("198.51.100.1")).await.as_deref(), Some("network-not-allowed"));

    let mut system = reads(&demo.ada);
    (system.principal.kind, system.principal.id.issuer) = (PrincipalKind::System, SYSTEM_ISSUER.to_owned());
    let mut crowded = reads(&demo.ada);
    crowded.principal.groups = vec!["g".to_owned(); 257];
    let of_vault = Described { action: Action::VaultRead, ..reads(&demo.ada) };
    for unfit in [system, crowded, of_vault] {
        assert!(matches!(story.foresee(&story.olga, &unfit).await, Err(AdminError::Invalid(_))));
    }
    let elsewhere = strongroom_domain::names::VaultName::parse("nowhere").unwrap();
    let none = demo.world.admin.foresee(&demo.world.request(&story.olga), &elsewhere, &reads(&demo.ada)).await;
    assert!(matches!(none, Err(AdminError::VaultNotFound)));
    let unknown = Described { name: Some(ObjectName::parse("none").unwrap()), ..reads(&demo.ada) };
    assert_eq!(reason(&Described { client: Some("192.0.2.1".parse().unwrap()), ..unknown }).await, None);
}

/// What somebody will be told on Sunday is judged by the rules of now and the clock of then.
#[tokio::test]
async fn a_request_is_described_for_another_time_too() {
    let story = Story::start().await;
    let ada = &story.demo.ada;
    let at = |at| Described { at, ..reads(ada) };
    for (when, seen) in [(Some(BEGIN + 7 * 86_400_000), BEGIN / 1000 + 7 * 86_400), (Some(0), 0), (None, BEGIN / 1000)]
    {
        assert_eq!(story.foresee(&story.olga, &at(when)).await.unwrap().denied, None);
        let asked = story.demo.world.policies.asked();
        let of_ada = asked.iter().rfind(|asked| asked.principal.subject == ada.id.subject);
        assert_eq!(of_ada.unwrap().time, seen);
    }
    for out_of_reach in [-1, i64::MAX] {
        let refused = story.foresee(&story.olga, &at(Some(out_of_reach))).await;
        assert!(matches!(refused, Err(AdminError::Invalid(_))));
    }
}
