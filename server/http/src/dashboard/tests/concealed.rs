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
