//! What somebody with a token and without any right is told of a vault: the same as of one that does not exist, byte for
//! byte and whatever is the matter with it, unless its owners let a module invite.

use std::sync::Arc;

use strongroom_domain::{
    access_policy::AccessMode,
    grant::Scope,
    names::ObjectKind,
    network::NetworkRules,
    policy::{AttachmentState, Effect, ModuleDigest, Obligation, PolicyAttachment, PolicyFailure},
    principal::Grantee,
    record::{Outcome, Record},
    role::Role,
    test_support::{
        Verdict,
        world::{name, person},
    },
    vault::VaultSettings,
};
use zeroize::Zeroizing;

use super::{Story, VALUE};
use crate::edge::{Body, RawRequest, answer};

/// An answer without the ids of its request.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// Everything that can be asked of a vault, as far as its kind matters.
const ASKED: [(&str, &str, &str); 10] = [
    ("GET", "/secrets/db", ""),
    ("GET", "/secrets/none", ""),
    ("GET", "/secrets", ""),
    ("PUT", "/secrets/db", r#"{"value":"v"}"#),
    ("DELETE", "/secrets/db", ""),
    ("GET", "/deletedsecrets/db", ""),
    ("GET", "/keys/signer", ""),
    ("POST", "/keys/signer/create", r#"{"kty":"EC"}"#),
    ("GET", "/certificates", ""),
    ("GET", "/providers/Microsoft.Authorization/roleAssignments", ""),
];

impl Story {
    /// What Eve, who holds nothing anywhere, is told by a vault's host, and the record of it.
    async fn told(&self, vault: &str, (method, path, body): (&str, &str, &str)) -> (Told, Record) {
        let raw = RawRequest {
            authority: format!("{vault}.vault.localhost:8443"),
            authorization: Some(Zeroizing::new("Bearer person-eve".into())),
            content_type: (!body.is_empty()).then(|| "application/json".into()),
            body: Body::Read(Zeroizing::new(body.as_bytes().to_vec())),
            ..super::raw(method, &format!("{path}?api-version=7.6"))
        };
        let response = answer(self.services.clone(), raw).await;
        let id = response.headers.iter().find(|(name, _)| *name == "x-ms-request-id").unwrap().1.clone();
        let record = self.log().into_iter().find(|record| record.id.to_string() == id).unwrap();
        let headers = response.headers.iter().map(|(name, value)| (*name, value.replace(&id, "ID"))).collect();
        let body = String::from_utf8(response.body.to_vec()).unwrap().replace(&id, "ID");
        (Told { status: response.status, headers, body }, record)
    }

    /// That nothing of a vault shows to Eve.
    async fn conceals(&self, what: &str) {
        for asked in ASKED {
            let (there, record) = self.told("demo", asked).await;
            let (missing, of_missing) = self.told("missing", asked).await;
            assert_eq!(there, missing, "{what}: {asked:?} {}", record.reason);
            assert_eq!(there.status, 403, "{what}: {asked:?} {}", there.body);
            assert_eq!((record.outcome, record.status), (Outcome::Denied, Some(403)), "{what}: {asked:?}");
            assert!(of_missing.module_micros.is_empty() && of_missing.input.is_none(), "no module is asked: {asked:?}");
        }
    }

    fn modules(&self, mode: AccessMode, authority: bool) {
        let decider = PolicyAttachment {
            name: "decider".to_owned(),
            module: ModuleDigest([7; 32]),
            settings: "{}".to_owned(),
            state: AttachmentState::Enforce,
            authority,
            previous: None,
        };
        let settings = VaultSettings { access_mode: mode, policies: vec![decider], ..VaultSettings::default() };
        self.world.put_vault(&self.vault, settings).unwrap();
    }
}

#[tokio::test]
async fn a_stranger_is_told_of_a_vault_what_is_told_of_none() {
    for mode in AccessMode::ALL {
        let story = Story::start();
        story.set("db", VALUE).await;
        for (what, verdict) in [
            ("it denies", Verdict::Says(Effect::Deny)),
            ("it abstains", Verdict::Says(Effect::Abstain)),
            ("it fails", Verdict::Fails(PolicyFailure::Trap)),
        ] {
            story.modules(mode, true);
            story.world.policies.answer("decider", verdict);
            story.conceals(&format!("{mode:?}: {what}")).await;
        }
        // A guard that asks for more invites nobody: it gives nothing.
        story.modules(mode, false);
        story.world.policies.answer("decider", Verdict::NeedsApproval(1));
        story.conceals(&format!("{mode:?}: a guard asks for approval")).await;
        let shut = NetworkRules::only(vec!["10.0.0.0/8".parse().unwrap()]);
        let settings = VaultSettings { access_mode: mode, network: shut, ..VaultSettings::default() };
        story.world.put_vault(&story.vault, settings).unwrap();
        story.conceals(&format!("{mode:?}: network rules")).await;
    }
}

#[tokio::test]
async fn a_damaged_vault_shows_to_those_alone_who_hold_something_there() {
    for mode in AccessMode::ALL {
        let story = Story::start();
        story.set("db", VALUE).await;
        story.modules(mode, true);
        story.world.policies.answer("decider", Verdict::Says(Effect::Allow));
        story.world.store.meddle(|image| {
            let row = image.vaults.get_mut("demo").unwrap();
            let mut edited = (**row).clone();
            edited.settings.purge_protection = !edited.settings.purge_protection;
            *row = Arc::new(edited);
        });
        story.conceals(&format!("{mode:?}: damaged")).await;
        let get = ("GET", "/secrets/db", "");
        assert_eq!(story.told("demo", get).await.1.reason, "tampered", "the record tells the truth");
        // One object in it is enough to hold.
        let vault = story.world.store.image().vaults["demo"].id;
        let scope = Scope::Object { vault, kind: ObjectKind::Secret, name: name("other").unwrap() };
        story.world.put_grant(Grantee::Principal { id: person("eve").id.clone() }, Role::SecretsUser, scope).unwrap();
        let (told, record) = story.told("demo", get).await;
        assert_eq!((told.status, record.reason.as_str(), record.status), (500, "tampered", Some(500)), "{mode:?}");
        assert_eq!(story.told("missing", get).await.0.status, 403);
    }
}

/// The owners' choice: who is to step up, or to have others approve, has to know.
#[tokio::test]
async fn a_module_with_authority_that_invites_says_so_to_strangers_and_to_nobody_of_a_vault_that_is_missing() {
    let story = Story::start();
    story.set("db", VALUE).await;
    story.modules(AccessMode::Modules, true);
    let get = ("GET", "/secrets/db", "");
    let step_up = Obligation::StepUp { acr: vec!["strong".to_owned()], amr: Vec::new(), max_age: None };
    story.world.policies.answer("decider", Verdict::Says(Effect::Deny));
    story.world.policies.oblige("decider", vec![step_up]);
    let (told, _) = story.told("demo", get).await;
    assert_eq!(told.status, 401, "{}", told.body);
    assert!(told.headers.iter().any(|(name, value)| *name == "www-authenticate" && value.contains("claims=")));
    assert!(!told.body.contains("decider"), "{}", told.body);
    assert_eq!(story.told("missing", get).await.0.status, 403);
}

/// A link that somebody else made asks nobody for anything: a page says that others have to approve, and a form asks them.
#[tokio::test]
async fn looking_at_a_page_opens_no_request_for_approval_and_asking_does() {
    let story = Story::start();
    story.set("db", VALUE).await;
    let reader = Grantee::Principal { id: person("eve").id.clone() };
    story.world.put_grant(reader, Role::SecretsUser, Scope::Server).unwrap();
    story.modules(AccessMode::Rbac, false);
    story.world.policies.answer("decider", Verdict::NeedsApproval(1));
    let eve = story.sign_in("eve").await;
    let page = "/vaults/demo/secrets/db";
    let waiting = || story.world.store.image().approvals.len();
    for _ in 0..2 {
        let denied = story.get(page, &eve).await;
        assert!(denied.status == 403 && denied.text.contains("nobody was asked yet"), "{}", denied.text);
        let field = format!("name=\"page\" value=\"{page}\"");
        assert!(denied.text.contains("Ask for approval") && denied.text.contains(&field), "{}", denied.text);
        assert_eq!(waiting(), 0);
    }
    for elsewhere in ["https://evil.example/", "//evil.example", "/sign-in", "/ask-approval", ""] {
        assert_eq!(story.submit("/ask-approval", &eve, &format!("page={elsewhere}")).await.status, 404, "{elsewhere}");
    }
    let foreign =
        story.send("POST", "/ask-approval", &eve, Some("https://evil.example"), &format!("page={page}")).await;
    assert_eq!((foreign.status, waiting()), (403, 0));
    let asked = story.submit("/ask-approval", &eve, &format!("page={page}")).await;
    assert_eq!((asked.status, asked.header("location"), waiting()), (303, Some(page), 1), "{}", asked.text);
    let denied = story.get(page, &eve).await;
    assert!(denied.text.contains("has to approve it: request ") && waiting() == 1, "{}", denied.text);
    assert!(!denied.text.contains("Ask for approval"), "{}", denied.text);
}
