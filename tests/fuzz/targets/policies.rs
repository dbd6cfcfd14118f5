//! What the targets of policy modules share.

#[path = "../../../server/policy-host/tests/policies/fixtures.rs"]
#[allow(dead_code, reason = "each target needs a part of it")]
pub(crate) mod fixtures;

use std::future::Future;
use std::path::PathBuf;
use std::sync::LazyLock;

use strongroom_domain::policy::{
    AttachmentState, ModuleDigest, PolicyAnswer, PolicyAttachment, PolicyConnection, PolicyObject, PolicyPrincipal,
    PolicyRequest, RECORDED_FOR_1_0,
};
use strongroom_policy_host::{WasmPolicyEngine, limits};
use tokio::runtime::{Builder, Runtime};

/// A module that answers with whatever bytes its settings spell: see `mirror.wat`.
#[allow(dead_code, reason = "each target needs a part of it")]
pub(crate) fn mirror() -> Vec<u8> {
    fixtures::in_frame("mirror", include_str!("mirror.wat"))
}

/// Settings that spell these bytes to the mirror.
#[allow(dead_code, reason = "each target needs a part of it")]
pub(crate) fn spelled(bytes: &[u8]) -> String {
    let letters = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|half| char::from(b'a' + half));
    ['"'].into_iter().chain(letters).chain(['"']).collect()
}

/// An engine, or what to do without one.
pub(crate) fn engine() -> WasmPolicyEngine {
    WasmPolicyEngine::new().expect("an engine")
}

/// A request with something of everything that modules are handed.
pub(crate) fn request() -> PolicyRequest {
    PolicyRequest {
        recorded_for: RECORDED_FOR_1_0,
        principal: PolicyPrincipal {
            issuer: "https://issuer.example".to_owned(),
            subject: "ada".to_owned(),
            kind: "user".to_owned(),
            groups: vec!["payments".to_owned()],
            claims: [("acr".to_owned(), "1".to_owned())].into(),
        },
        connection: PolicyConnection {
            client_address: "192.0.2.1".to_owned(),
            listener: "https".to_owned(),
            ..PolicyConnection::default()
        },
        action: "Microsoft.KeyVault/vaults/secrets/setSecret/action".to_owned(),
        object: PolicyObject {
            vault: "demo".to_owned(),
            kind: "secret".to_owned(),
            name: "db-password".to_owned(),
            tags: [("owner".to_owned(), "payments".to_owned())].into(),
            ..PolicyObject::default()
        },
        time: 1_780_315_200,
        ..PolicyRequest::default()
    }
}

#[allow(dead_code, reason = "each target needs a part of it")]
pub(crate) fn attach(module: ModuleDigest, settings: String) -> PolicyAttachment {
    PolicyAttachment {
        name: "under test".to_owned(),
        module,
        settings,
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    }
}

/// The engine runs on the calling thread: there is nothing to wait for but a place, and there are places.
#[allow(dead_code, reason = "each target needs a part of it")]
pub(crate) fn now<T>(work: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));
    RUNTIME.block_on(work)
}

/// What comes out is within its bounds and fit for one line of a log, whatever went in.
pub(crate) fn assert_bounded(answers: &[PolicyAnswer]) {
    let line = |text: &str, most: usize| {
        assert!(text.chars().count() <= most, "{text:?} is too long");
        assert!(!text.chars().any(|one| one.is_control() || one == '\u{202e}'), "{text:?} is not one line");
    };
    for answer in answers {
        let code = &answer.reason_code;
        assert!((1..=limits::MAX_REASON_CODE).contains(&code.len()), "{code:?}");
        assert!(code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{code:?}");
        line(&answer.sentence, limits::MAX_TEXT);
        assert!(answer.relied_on.len() <= limits::MAX_RELIED_ON && answer.messages.len() <= limits::MAX_MESSAGES);
        answer.relied_on.iter().for_each(|name| line(name, limits::MAX_ATTRIBUTE));
        answer.messages.iter().for_each(|text| line(text, limits::MAX_TEXT));
        assert!(answer.obligations.len() <= limits::MAX_OBLIGATIONS);
    }
}

/// Where to put what a target begins with, when `run` asks for it.
pub(crate) fn seeds() -> Option<PathBuf> {
    std::env::var_os("STRONGROOM_FUZZ_SEEDS").map(PathBuf::from)
}
