//! What policy modules are asked, when, and what is done with their answers.

use strongroom_crypto::secret::SecretText;
use strongroom_domain::{
    context::Answers,
    decision::{DenyReason, STEP_UP, StepUp},
    policy::{
        AlertSeverity, AttachmentState, Effect, FactValue, ModuleDigest, ObjectState, Obligation, PolicyAttachment,
    },
    secret::SecretAttributes,
    secrets::SecretError,
    test_support::{
        Verdict,
        world::{enabled, name},
    },
    vault::VaultSettings,
};

use crate::common::Demo;

const GUARD: ModuleDigest = ModuleDigest([7; 32]);
const DAY: i64 = 86_400_000;

fn guarded() -> Demo {
    let guard = PolicyAttachment {
        name: "guard".to_owned(),
        module: GUARD,
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    let demo = Demo::with(VaultSettings { policies: vec![guard], ..VaultSettings::default() });
    demo.world.policies.answer("guard", Verdict::Says(Effect::Allow));
    demo
}

fn denial(answer: Result<impl Sized, SecretError>) -> DenyReason {
    match answer {
        Err(SecretError::Denied(denial)) => denial.reason,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was allowed"),
    }
}

#[tokio::test]
async fn a_module_sees_the_life_of_an_object_and_the_age_of_its_current_version() {
    let demo = guarded();
    let first = demo.set("db", "one").await.unwrap();
    demo.world.clock.advance(3 * DAY);
    let second = demo.set("db", "two").await.unwrap();
    demo.world.clock.advance(2 * DAY + DAY / 2);
    demo.get("db", None).await.unwrap();
    demo.get("db", Some(&first.meta.version)).await.unwrap();
    demo.delete_in(&demo.request(), "db").await.unwrap();
    demo.recover_in(&demo.request(), "db").await.unwrap();

    let asked = demo.world.policies.asked();
    let states: Vec<_> = asked.iter().map(|request| request.object.state).collect();
    let (absent, active, deleted) = (ObjectState::Absent, ObjectState::Active, ObjectState::Deleted);
    assert_eq!(states, [absent, active, active, active, active, deleted]);
    let ages: Vec<_> = asked.iter().map(|request| request.facts.get("days-since-rotation").cloned()).collect();
    let days = |days| Some(Some(FactValue::Number(days)));
    // Nothing is said of the current version where an older one was looked at and nobody asked.
    assert_eq!(ages, [Some(None), days(3), days(2), None, days(2), days(2)]);
    assert_eq!(asked[2].object.created, Some(second.meta.created));
    assert_eq!(asked[3].object.created, Some(first.meta.created));
    assert!(asked[5].object.deleted.is_some() && asked[5].object.purge > asked[5].object.deleted);

    demo.world.policies.wants(GUARD, &["days-since-rotation"]);
    demo.get("db", Some(&first.meta.version)).await.unwrap();
    let asked = demo.world.policies.asked();
    assert_eq!(asked[6].facts.get("days-since-rotation").cloned(), days(2), "of the current version");
}

/// What is denied by itself is not in a list either, and the list goes on where it would have.
#[tokio::test]
async fn a_list_leaves_out_what_a_module_denies_and_says_how_much() {
    let demo = guarded();
    for (secret, on) in [("a", true), ("b", false), ("c", true)] {
        let attributes = SecretAttributes { enabled: on, ..enabled() };
        let value = SecretText::new("v".to_owned());
        let name = name(secret).unwrap();
        demo.world.secrets.set(&demo.request(), &demo.vault, &name, &attributes, value).await.unwrap();
    }
    let list = async |after: Option<&str>, limit| {
        let after = after.map(|after| name(after).unwrap());
        let (page, _) =
            demo.world.secrets.list(&demo.request(), &demo.vault, false, after.as_ref(), limit).await.unwrap();
        let names: Vec<_> = page.items.iter().map(|item| item.secret.name.to_string()).collect();
        (names.join(" "), page.next.is_some())
    };
    assert_eq!(list(None, 25).await, ("a b c".to_owned(), false));
    demo.world.policies.answer("guard", Verdict::EnabledAlone);
    assert_eq!(list(None, 25).await, ("a c".to_owned(), false));
    let record = demo.world.store.image().log.last().unwrap().record.clone();
    let told = record.trace.iter().find(|stage| stage.reason == "judged-entry-by-entry").unwrap();
    assert_eq!(told.detail.as_deref(), Some("2 of 3"));
    assert_eq!(list(Some("a"), 1).await, (String::new(), true), "a short page, and there is more");
    let asked = demo.world.policies.asked().pop().unwrap();
    assert_eq!((asked.object.name.as_str(), asked.object.enabled), ("b", Some(false)));
    assert!(demo.get("b", None).await.is_err());

    demo.world.policies.answer("guard", Verdict::Fails(strongroom_domain::policy::PolicyFailure::Trap));
    assert!(demo.world.secrets.list(&demo.request(), &demo.vault, false, None, 25).await.is_err());
}

#[tokio::test]
async fn an_alert_is_on_record_and_a_lifetime_shortens_what_was_allowed() {
    let demo = guarded();
    demo.set("db", "one").await.unwrap();
    let alert = Obligation::Alert { severity: AlertSeverity::High, sentence: "Look.".to_owned() };
    demo.world.policies.oblige("guard", vec![alert.clone()]);
    demo.get("db", None).await.unwrap();
    let newest = demo.world.store.image().log.last().unwrap().record.clone();
    assert_eq!(newest.trace.last().unwrap().obligations, vec![alert.clone()]);

    let lifetime = |seconds| Obligation::ShortenLifetime { seconds };
    demo.world.policies.oblige("guard", vec![lifetime(300), alert, lifetime(60)]);
    for (effect, kept) in [(Effect::Allow, Some(60)), (Effect::Abstain, Some(60)), (Effect::Deny, None)] {
        demo.world.policies.answer("guard", Verdict::Says(effect));
        let ctx = demo.request();
        assert_eq!(ctx.lifetime(), None, "nothing is known of it before it is recorded");
        assert_eq!(demo.get_in(&ctx, "db", None).await.is_ok(), kept.is_some());
        assert_eq!(ctx.lifetime(), kept, "the strictest of what those said who let it through");
        let newest = demo.world.store.image().record(ctx.request_id).unwrap().clone();
        assert!(newest.trace.last().unwrap().obligations.contains(&lifetime(60)));
    }
}

#[tokio::test]
async fn a_module_of_connections_sees_nothing_else_and_denies_as_the_network_does() {
    let demo = guarded();
    demo.set("db", "one").await.unwrap();
    demo.world.policies.judges_connections(GUARD);
    demo.get("db", None).await.unwrap();
    let asked = demo.world.policies.asked().pop().unwrap();
    assert_eq!((asked.principal.subject.as_str(), asked.action.as_str(), asked.object.name.as_str()), ("", "", ""));
    assert_eq!(asked.object.vault, "demo");
    assert!(!asked.connection.client_address.is_empty());

    demo.world.policies.answer("guard", Verdict::Says(Effect::Deny));
    assert!(matches!(denial(demo.get("db", None).await), DenyReason::Network(_)));
    // Before it is looked at what the caller may do: a stranger is kept out by the same, and hears of no vault.
    let stranger = strongroom_domain::test_support::world::person("stranger");
    let answer = denial(demo.get_in(&demo.world.request(&stranger), "db", None).await);
    assert!(matches!(&answer, DenyReason::Concealed(reason) if matches!(**reason, DenyReason::Network(_))));
    let newest = demo.world.store.image().log.last().unwrap().record.clone();
    let last = newest.trace.last().map(|stage| stage.stage.as_str());
    assert_eq!((newest.reason.as_str(), last), ("network-not-allowed", Some("policy:guard")));
}

/// Missing when the connection was judged, and there with its stage known when the rest was: it was asked at neither.
#[tokio::test]
async fn a_module_of_connections_that_comes_late_is_asked_all_the_same() {
    let demo = guarded();
    demo.set("db", "one").await.unwrap();
    demo.world.policies.judges_connections(GUARD);
    demo.world.policies.answer("guard", Verdict::Says(Effect::Deny));
    demo.world.policies.comes_late(GUARD);
    assert!(matches!(denial(demo.get("db", None).await), DenyReason::Policy { .. }));
    assert!(matches!(denial(demo.get("db", None).await), DenyReason::Network(_)), "from then on in its place");
}

#[tokio::test]
async fn a_denial_says_which_sign_in_would_lift_it_and_is_recorded_as_it_is_answered() {
    let demo = guarded();
    demo.set("db", "one").await.unwrap();
    let (acr, amr) = (vec!["c2".to_owned()], Vec::new());
    let wanted = Obligation::StepUp { acr: acr.clone(), amr: amr.clone(), max_age: None };
    demo.world.policies.oblige("guard", vec![wanted]);
    demo.world.policies.answer("guard", Verdict::Says(Effect::Deny));
    let answers = Answers { success: 200, otherwise: |_, reason| Some(if reason == STEP_UP { 401 } else { 403 }) };
    let reason = denial(demo.get_in(&demo.request().answered(answers), "db", None).await);
    let DenyReason::Policy { step_up, .. } = reason else { panic!("{reason:?}") };
    assert_eq!(step_up, Some(Box::new(StepUp { acr, amr, max_age: None })));
    let newest = demo.world.store.image().log.last().unwrap().record.clone();
    assert_eq!((newest.reason.as_str(), newest.status), ("as-told", Some(401)));
}
