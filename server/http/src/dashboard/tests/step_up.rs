//! How sessions age: in use, idle, ended elsewhere, and too old for what cannot be undone.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_domain::{
    decision::StepUp,
    identity::Session,
    policy::{Effect, Obligation},
    principal::Principal,
    record::{Outcome, Record},
    test_support::Verdict,
};

use super::{Story, VALUE};
use crate::{
    api::operation,
    dashboard::step_up::{is_asked_for, is_fresh, is_such},
    message::Method,
    routes::{Access, Endpoint, ROUTES},
};

const FIFTEEN_MINUTES: i64 = 15 * 60 * 1000;

#[tokio::test]
async fn a_session_in_use_goes_on_and_an_idle_one_ends() {
    let story = Story::start();
    let mut cookie = story.sign_in("ada").await;
    assert!(story.get("/vaults", &cookie).await.cookie("__Host-session").is_none(), "new enough");
    for _ in 0..3 {
        story.world.clock.advance(50 * 60_000);
        let page = story.get("/vaults", &cookie).await;
        assert_eq!(page.status, 200);
        cookie = page.cookie("__Host-session").unwrap();
    }
    story.world.clock.advance(60 * 60_000);
    let led = story.get("/vaults", &cookie).await;
    assert_eq!((led.status, led.header("location")), (303, Some("/sign-in")));
    assert!(led.cookie("__Host-session").is_none(), "what is over is not made anew");
}

#[tokio::test]
async fn what_cannot_be_undone_needs_a_sign_in_of_just_now() {
    let story = Story::start();
    story.set("gone", "x").await;
    let cookie = story.sign_in("ada").await;
    story.submit("/vaults/demo/secrets/gone/delete", &cookie, "").await;
    let purge = "/vaults/demo/deleted/gone/purge";
    assert_eq!(story.get(purge, &cookie).await.status, 200);
    story.world.clock.advance(FIFTEEN_MINUTES);
    let asked = story.get(purge, &cookie).await;
    assert_eq!((asked.status, story.last().reason.as_str()), (403, "step-up-required"));
    let again = "/auth/dev/start?return_to=%2Fvaults%2Fdemo%2Fdeleted%2Fgone%2Fpurge&afresh=yes";
    assert!(asked.text.contains(&again.replace('&', "&#38;")), "{}", asked.text);
    let refused = story.submit(purge, &cookie, "confirm=gone&why=told").await;
    assert_eq!((refused.status, story.last().outcome), (403, Outcome::Denied));
    assert_eq!(story.get("/vaults/demo/deleted", &cookie).await.status, 200, "looking goes on");
    assert!(story.get("/vaults/demo/deleted", &cookie).await.text.contains("gone"), "nothing happened");

    let away = story.get(again, &cookie).await;
    assert!(away.header("location").unwrap().contains("max_age=0"));
    let begun = away.cookie("__Host-sign-in").unwrap();
    let back = story.get("/auth/callback?state=s1&code=ada", &format!("{cookie}; {begun}")).await;
    assert_eq!(back.header("location"), Some(purge), "back to what was to be done");
    let fresh = back.cookie("__Host-session").unwrap();
    assert_eq!(story.get(purge, &cookie).await.status, 303, "the session before has ended");
    assert_eq!(story.submit(purge, &fresh, "confirm=gone&why=told").await.status, 303);
    assert!(!story.get("/vaults/demo/deleted", &fresh).await.text.contains("Purge gone"));
}

/// Forms that a session may send for as long as it lasts: what they do can be undone, and gives nobody more than they
/// had. Whoever adds a form decides here. A new vault may be protected against purging, and then goes not without.
const GOES_WITHOUT: &[Endpoint] = &[
    Endpoint::SignOut,
    Endpoint::NewVaultForm,
    Endpoint::VaultRecoverForm,
    Endpoint::NewSecretForm,
    Endpoint::NewVersionForm,
    // To delete and to enable several it asks by itself.
    Endpoint::BulkSecretsForm,
    Endpoint::SecretImportLookForm,
    Endpoint::SecretImportForm,
    // What a certificate's secret holds asks by itself, and so does enabling a version.
    Endpoint::SecretReveal,
    Endpoint::VersionEditForm,
    Endpoint::VersionDisableForm,
    Endpoint::RollBackForm,
    Endpoint::CompareForm,
    Endpoint::NewKeyForm,
    Endpoint::KeyEditForm,
    Endpoint::KeyDisableForm,
    Endpoint::KeyUseForm,
    Endpoint::KeyLookForm,
    Endpoint::KeyImportForm,
    Endpoint::KeyRotateForm,
    Endpoint::KeyRotationForm,
    Endpoint::KeyRecoverForm,
    Endpoint::MakeCertificateForm,
    Endpoint::CertificateLookForm,
    Endpoint::CertificateImportForm,
    Endpoint::CertificatePolicyForm,
    Endpoint::CertificateRenewForm,
    Endpoint::CertificateMergeForm,
    Endpoint::CertificateCancelForm,
    Endpoint::CertificateForgetForm,
    Endpoint::CertificateEditForm,
    Endpoint::CertificateDisableForm,
    Endpoint::CertificateRecoverForm,
    Endpoint::IssuerDisableForm,
    Endpoint::ContactsForm,
    Endpoint::ContactsDeleteForm,
    Endpoint::RecoverForm,
    Endpoint::NewWorkloadForm,
    Endpoint::WorkloadDisableForm,
    Endpoint::LookForm,
    Endpoint::PinForm,
    Endpoint::AuditViewForm,
    Endpoint::EndOthersForm,
    Endpoint::SessionEndForm,
    Endpoint::ModuleTryForm,
    Endpoint::TokenTryForm,
    Endpoint::ProviderTestForm,
    Endpoint::ApprovalRefuseForm,
    // Asks others, who decide.
    Endpoint::ApprovalAskForm,
    Endpoint::ReplayForm,
    // A mark of one's own, which enforces nothing by itself.
    Endpoint::ReplayReviewForm,
];

#[test]
fn every_form_needs_a_fresh_proof_or_goes_without_on_purpose() {
    let forms = ROUTES.iter().filter(|route| route.access == Access::Session && route.method == Method::Post);
    for endpoint in forms.map(|route| route.endpoint) {
        assert_ne!(is_asked_for(endpoint), GOES_WITHOUT.contains(&endpoint), "{endpoint:?}");
    }
}

/// Forms of one operation have one answer. Where it depends on what is there, the use case gives it; to switch off what
/// answers takes no proof, as to switch it on again does.
#[test]
fn all_forms_of_one_operation_have_one_answer() {
    let by_what_is_there = ["SecretGet", "SecretUpdate", "KeyUpdate", "CertificateUpdate", "Page"];
    let switch_off = [Endpoint::IssuerDisableForm, Endpoint::WorkloadDisableForm];
    let mut answers: BTreeMap<&str, BTreeSet<bool>> = BTreeMap::new();
    let forms = ROUTES.iter().filter(|route| route.access == Access::Session && route.method == Method::Post);
    for endpoint in forms.map(|route| route.endpoint).filter(|endpoint| !switch_off.contains(endpoint)) {
        answers.entry(operation(endpoint)).or_default().insert(is_asked_for(endpoint));
    }
    for (operation, answers) in answers.iter().filter(|(operation, _)| !by_what_is_there.contains(*operation)) {
        assert_eq!(answers.len(), 1, "{operation}");
    }
}

#[tokio::test]
async fn what_needs_a_fresh_sign_in_needs_it_by_every_form() {
    let story = Story::start();
    let (plain, off) = (story.set("plain", VALUE).await, story.set("off", VALUE).await);
    let cookie = story.sign_in("ada").await;
    let made = story.submit("/vaults/demo/new-key", &cookie, "name=signing&kind=EC+P-256&enabled=yes").await;
    assert_eq!(made.status, 303, "{}", made.text);
    let fields = "name=own&dns=app.example&issuer=Self&months=1&kind=EC+P-256&exportable=yes&enabled=yes\
                  &form=application%2Fx-pem-file";
    let made = story.submit("/vaults/demo/new-certificate", &cookie, fields).await;
    assert_eq!(made.status, 303, "{}", made.text);
    let workload =
        story.submit("/access/new-workload", &cookie, "name=worker").await.header("location").unwrap().to_owned();
    let mut edits = vec![format!("/vaults/demo/secrets/off/{off}/edit")];
    for page in ["/vaults/demo/keys/signing", "/vaults/demo/certificates/own"] {
        let text = story.get(page, &cookie).await.text;
        let mut links = text.split("href=\"").filter_map(|rest| rest.split('"').next());
        edits.push(links.find(|link| link.ends_with("/edit")).unwrap().to_owned());
    }
    for edit in &edits {
        let disabled = story.submit(&edit.replace("/edit", "/disable"), &cookie, "").await;
        assert_eq!(disabled.status, 303, "{edit}: {}", disabled.text);
    }
    let of_certificate = edits[2].replace("/certificates/", "/secrets/");
    let (reveal, compare) = (of_certificate.replace("/edit", "/reveal"), of_certificate.replace("/edit", "/compare"));
    story.world.clock.advance(FIFTEEN_MINUTES);
    let mut asked: Vec<(String, &str)> = edits.iter().map(|edit| (edit.clone(), "enabled=yes")).collect();
    asked.extend(edits.iter().map(|edit| (edit.replace("/edit", "/enable"), "")));
    asked.extend([(reveal, ""), (compare, "")]);
    for kind in ["secrets/off", "keys/signing", "certificates/own"] {
        asked.push((format!("/vaults/demo/{kind}/delete"), ""));
    }
    asked.push(("/vaults/demo/bulk-secrets".to_owned(), "secret=off&act=delete&sure=yes"));
    asked.push(("/vaults/demo/bulk-secrets".to_owned(), "secret=off&act=enable"));
    asked.extend(["rename", "enable"].map(|act| (format!("{workload}/{act}"), "name=other")));
    for (form, fields) in asked {
        let before = story.log().len();
        let answer = story.submit(&form, &cookie, fields).await;
        assert_eq!(answer.status, 403, "{form} {fields}: {}", answer.text);
        assert!(!answer.text.contains("PRIVATE KEY"), "{form}");
        let told = story.log().split_off(before);
        let refused = |record: &Record| record.reason == "step-up-required" && record.outcome == Outcome::Denied;
        assert!(told.iter().any(refused), "{form} {fields}: {told:?}");
        assert!(told.iter().all(|record| record.changed.is_empty()), "{form} {fields}: {told:?}");
    }
    // What is on stays on, what is off stays off, and a value that is no private key is revealed.
    let reveal = format!("/vaults/demo/secrets/plain/{plain}/reveal");
    let plain = format!("/vaults/demo/secrets/plain/{plain}/edit");
    for (form, fields, status) in
        [(plain.as_str(), "enabled=yes", 303), (edits[0].as_str(), "content_type=x", 303), (reveal.as_str(), "", 200)]
    {
        let answer = story.submit(form, &cookie, fields).await;
        assert_eq!(answer.status, status, "{form} {fields}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_vault_is_protected_for_ever_by_somebody_who_proved_who_they_are() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.world.clock.advance(FIFTEEN_MINUTES);
    let new = "name=safe&access_mode=rbac&retention_days=90";
    let protected = format!("{new}&purge_protection=yes");
    let asked = story.submit("/new-vault", &cookie, &protected).await;
    assert_eq!((asked.status, story.last().reason.as_str()), (403, "step-up-required"));
    assert_eq!(story.submit("/new-vault", &cookie, new).await.status, 303, "nothing was made, and this can be undone");
}

/// An old session made a token of the command line, which is asked for no proof.
#[tokio::test]
async fn an_old_session_gives_no_power_away_and_lets_no_command_line_in() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let pages = ["/command-line", "/access/new-role", "/vaults/demo/access-policy", "/vaults/demo/settings"];
    for page in pages {
        assert_ne!(story.get(page, &cookie).await.status, 403, "{page}");
    }
    story.world.clock.advance(FIFTEEN_MINUTES);
    for page in pages {
        assert_eq!(story.get(page, &cookie).await.status, 403, "{page}");
        assert_eq!(story.last().reason, "step-up-required", "{page}");
        assert_eq!(story.submit(page, &cookie, "").await.status, 403, "{page}");
    }
    // Rules are looked at by whoever is signed in, and changed after a fresh sign-in, which is said before they are typed.
    let looked = story.get("/vaults/demo/network", &cookie).await;
    assert_eq!(looked.status, 200);
    let again = "href=\"/auth/dev/start?return_to=%2Fvaults%2Fdemo%2Fnetwork&#38;afresh=yes";
    assert!(looked.text.contains(again), "{}", looked.text);
    assert_eq!(story.submit("/vaults/demo/network", &cookie, "rules=allow+0.0.0.0%2F0").await.status, 403);
    assert_eq!(story.last().reason, "step-up-required");
}

/// What one secret needs it for, several need it for too. What is typed on a page of a fresh session is asked about no more.
#[tokio::test]
async fn several_secrets_are_deleted_or_enabled_after_a_fresh_sign_in_alone() {
    let story = Story::start();
    story.set("db", "x").await;
    let cookie = story.sign_in("ada").await;
    assert!(!story.get("/vaults/demo/network", &cookie).await.text.contains("afresh=yes"));
    story.world.clock.advance(FIFTEEN_MINUTES);
    for (act, status) in [("delete", 403), ("delete&sure=yes", 403), ("enable", 403), ("disable", 200)] {
        let done = story.submit("/vaults/demo/bulk-secrets", &cookie, &format!("secret=db&act={act}")).await;
        assert_eq!(done.status, status, "{act}");
    }
    let back = story.get("/vaults/demo/secrets", &cookie).await.text;
    assert!(back.contains(">db<"), "{back}");
}

#[test]
fn a_sign_in_is_of_the_kind_that_is_asked_for_only_when_the_provider_says_so() {
    let terms = |acr: &[&str], amr: &[&str]| StepUp {
        acr: acr.iter().map(|class| (*class).to_owned()).collect(),
        amr: amr.iter().map(|method| (*method).to_owned()).collect(),
        max_age: None,
    };
    let session = |claims: &[(&str, &str)]| Session {
        id_hash: [1; 32],
        principal: Principal {
            claims: claims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Principal::system("test")
        },
        display_name: "Ada".to_owned(),
        created: 1000,
        expires: 9000,
        provider_session: None,
        authenticated: Some(1000),
        begun: None,
        tag: Vec::new(),
    };
    let (strong, weak) = (session(&[("acr", "phr"), ("amr", "pwd hwk")]), session(&[("acr", "phr2"), ("amr", "pwd")]));
    assert!(is_such(&weak, None), "any way where none is asked for");
    for terms in [terms(&["phrh", "phr"], &[]), terms(&[], &["hwk"]), terms(&["phr"], &["otp", "hwk"])] {
        assert!(is_such(&strong, Some(&terms)), "{terms:?}");
        assert!(!is_such(&weak, Some(&terms)), "{terms:?}");
        assert!(!is_such(&session(&[]), Some(&terms)), "what is not told is not so: {terms:?}");
    }
}

#[test]
fn a_proof_from_a_time_to_come_is_fresh_only_as_far_as_clocks_differ() {
    let session = |authenticated| Session {
        id_hash: [1; 32],
        principal: Principal::system("test"),
        display_name: "Ada".to_owned(),
        created: 1000,
        expires: 9000,
        provider_session: None,
        authenticated,
        begun: None,
        tag: Vec::new(),
    };
    for (proved, fresh) in
        [(Some(1000), true), (Some(1060), true), (Some(1061), false), (Some(100), false), (None, false)]
    {
        assert_eq!(is_fresh(&session(proved), 1000), fresh, "{proved:?}");
    }
}

#[tokio::test]
async fn a_policy_that_asks_for_more_says_how_to_prove_it() {
    let story = Story::start();
    story.set("db-password", "x").await;
    let cookie = story.sign_in("ada").await;
    story.guard();
    let wanted = Obligation::StepUp { acr: vec!["phr".to_owned(), "phrh".to_owned()], amr: Vec::new(), max_age: None };
    story.world.policies.oblige("guard", vec![wanted]);
    story.world.policies.answer("guard", Verdict::Says(Effect::Deny));
    let page = story.get("/vaults/demo/secrets/db-password", &cookie).await;
    assert_eq!(page.status, 403);
    let again = "/auth/dev/start?return_to=%2Fvaults%2Fdemo%2Fsecrets%2Fdb-password&#38;afresh=yes&#38;acr=phr+phrh";
    assert!(page.text.contains(&format!("href=\"{again}\"")), "{}", page.text);
    // A form keeps what was typed, and the way to it is beside.
    let typed = story.submit("/vaults/demo/new-secret", &cookie, "name=other&value=x&content_type=kept").await;
    assert!(typed.status == 403 && typed.text.contains("value=\"kept\""), "{}", typed.text);
    assert!(typed.text.contains("acr=phr+phrh\" target=\"_blank\""), "{}", typed.text);
    story.world.policies.oblige("guard", Vec::new());
    assert!(!story.get("/vaults/demo/secrets/db-password", &cookie).await.text.contains("afresh"));
}

#[tokio::test]
async fn a_provider_ends_sessions_and_its_token_counts_once() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let told = async |provider: &str, body: &str| {
        story.send("POST", &format!("/auth/{provider}/back-channel-logout"), "", None, body).await
    };
    for (provider, body, status) in [
        ("dev", "", 400),
        ("dev", "logout_token=x", 400),
        ("dev", "logout_token=ada.1&logout_token=ada.2", 400),
        ("none", "logout_token=ada.1", 404),
        ("down", "logout_token=ada.1", 503),
    ] {
        let page = told(provider, body).await;
        assert_eq!(page.status, status, "{provider} {body}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.text.starts_with("{\"error\":\"invalid_request\""), "{}", page.text);
    }
    assert_eq!(story.get("/vaults", &cookie).await.status, 200);
    let page = told("dev", "logout_token=ada.1").await;
    assert_eq!((page.status, page.text.as_str()), (200, ""));
    assert_eq!((story.last().operation.as_str(), story.last().outcome), ("SessionEndByProvider", Outcome::Allowed));
    assert_eq!(story.get("/vaults", &cookie).await.status, 303, "at once");
    let again = story.sign_in("ada").await;
    story.world.clock.advance(31_000);
    assert_eq!(told("dev", "logout_token=ada.1").await.status, 400);
    assert_eq!(story.last().reason, "logout-token-replayed");
    assert_eq!(story.get("/vaults", &again).await.status, 200);
}
