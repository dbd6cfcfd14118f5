//! Sessions of the command line: from a person's yes to a token, and what becomes of codes in other hands.

use std::sync::Arc;

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use strongroom_crypto::{SecretText, sha256};
use strongroom_domain::{
    context::RequestContext,
    entrance::{
        AccessToken, ClientProof, CredentialError, Credentials, Entrance, EntranceError, Proven, TokenRates,
        command_line::{CODE_MILLIS, COMMAND_LINE_SECONDS, CommandLineRequest, TOKEN_PREFIX},
    },
    grant::Scope,
    identity::{Session, Workload},
    principal::{Grantee, Principal},
    record::{FloodGate, Outcome},
    role::Role,
    sign_in::TokenExplanation,
    test_support::{
        FakeSignIn, signed_in,
        world::{PEOPLE, World, person},
    },
};
use uuid::Uuid;

struct Nobody;

#[async_trait]
impl Credentials for Nobody {
    async fn check(&self, _: Option<&Workload>, _: &str, _: &ClientProof, _: i64) -> Result<Proven, CredentialError> {
        Err(CredentialError::Invalid)
    }

    async fn explain(&self, _: Option<&Workload>, _: &SecretText, _: i64) -> TokenExplanation {
        TokenExplanation { principal: None, reason: Some("token-malformed"), checks: Vec::new() }
    }

    fn mint(&self, _: &Workload, _: Uuid, _: Uuid, _: i64) -> Result<AccessToken, CredentialError> {
        Err(CredentialError::SigningFailed)
    }
}

const URI: &str = "http://127.0.0.1:4000/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

struct Story {
    world: World,
    entrance: Entrance,
    /// Ada's session of the dashboard, and its cookie.
    ada: Arc<Session>,
    cookie: SecretText,
}

impl Story {
    async fn begin() -> Self {
        let world = World::start().unwrap();
        let entrance = Entrance {
            gate: world.gate.clone(),
            sign_in: Arc::new(FakeSignIn(vec![PEOPLE.to_owned()])),
            identities: Arc::new(world.store.clone()),
            credentials: Arc::new(Nobody),
            keyring: world.keyring.clone(),
            recorder: world.recorder.clone(),
            entropy: world.entropy.clone(),
            flood: FloodGate::default(),
            rates: TokenRates::default(),
        };
        let ctx = world.request(&Arc::new(Principal::anonymous()));
        let ada = Principal { groups: vec!["admins".to_owned()], ..(*person("ada")).clone() };
        let cookie = entrance.begin_session(&ctx, signed_in(&ada, "Ada"), None).await.ok().unwrap();
        let ada = entrance.session(cookie.expose(), ctx.now).await.ok().unwrap().unwrap();
        Self { world, entrance, ada, cookie }
    }

    fn anonymous(&self) -> RequestContext {
        self.world.request(&Arc::new(Principal::anonymous()))
    }

    fn now(&self) -> i64 {
        self.anonymous().now
    }

    async fn code(&self) -> SecretText {
        let challenge = BASE64URL_NOPAD.encode(&sha256(VERIFIER.as_bytes()));
        let asked = CommandLineRequest::check(URI, &challenge, "0123456789abcdef").unwrap();
        let ctx = self.world.request(&Arc::new(self.ada.principal.clone()));
        self.entrance.allow_command_line(&ctx, &self.ada, &asked).await.ok().unwrap()
    }

    async fn exchange(&self, code: &str, verifier: &str, uri: &str) -> Result<SecretText, EntranceError> {
        self.entrance.begin_command_line(&self.anonymous(), code, verifier, uri).await.map(|begun| begun.token)
    }

    async fn whose(&self, token: &str) -> Option<Principal> {
        self.entrance.command_line_session(token, self.now()).await.ok().unwrap().map(|s| s.principal.clone())
    }

    fn told(&self) -> Vec<(String, Outcome)> {
        self.world.store.image().log.iter().map(|l| (l.record.operation.clone(), l.record.outcome)).collect()
    }
}

fn refused<T>(answer: Result<T, EntranceError>) -> bool {
    matches!(answer, Err(EntranceError::Credential(CredentialError::Invalid)))
}

#[tokio::test]
async fn what_a_person_allowed_acts_as_them_for_an_hour() {
    let story = Story::begin().await;
    let code = story.code().await;
    let token = story.exchange(code.expose(), VERIFIER, URI).await.ok().unwrap();
    assert!(token.expose().starts_with(TOKEN_PREFIX));
    assert_eq!(story.whose(token.expose()).await.as_ref(), Some(&story.ada.principal));
    story.world.clock.advance(COMMAND_LINE_SECONDS * 1000 - 1);
    assert!(story.whose(token.expose()).await.is_some());
    story.world.clock.advance(1);
    assert_eq!(story.whose(token.expose()).await, None);
    let operations: Vec<String> = story.told().into_iter().map(|(operation, _)| operation).collect();
    assert_eq!(operations, ["SessionBegin", "CommandLineAllow", "CommandLineSignIn"]);
    let image = story.world.store.image();
    let told = &image.log.last().unwrap().record;
    assert_eq!(told.principal.as_ref(), Some(&story.ada.principal.id));
    for logged in &image.log {
        let body = String::from_utf8_lossy(&logged.body).into_owned();
        assert!(!body.contains(code.expose()) && !body.contains(token.expose()), "neither is ever written");
    }
}

#[tokio::test]
async fn a_code_counts_once_for_a_minute_and_for_its_verifier_and_address_alone() {
    let story = Story::begin().await;
    let code = story.code().await;
    let other_verifier = VERIFIER.replace('d', "e");
    let changed = format!("{}A", &code.expose()[..code.expose().len() - 1]);
    let changed = if changed == code.expose() { changed.replace('A', "B") } else { changed };
    for (code, verifier, uri) in [
        (code.expose(), other_verifier.as_str(), URI),
        (code.expose(), "", URI),
        (code.expose(), VERIFIER, "http://127.0.0.1:4001/callback"),
        (changed.as_str(), VERIFIER, URI),
        ("", VERIFIER, URI),
        (story.cookie.expose(), VERIFIER, URI),
    ] {
        assert!(refused(story.exchange(code, verifier, uri).await), "{uri} {verifier}");
    }
    let unauthenticated = |(operation, outcome): &(String, Outcome)| {
        operation == "CommandLineSignIn" && *outcome == Outcome::Unauthenticated
    };
    assert_eq!(story.told().iter().filter(|told| unauthenticated(told)).count(), 6, "each is on record");
    assert!(story.exchange(code.expose(), VERIFIER, URI).await.is_ok(), "and the code was not used up by them");
    assert!(refused(story.exchange(code.expose(), VERIFIER, URI).await), "twice");
    let late = story.code().await;
    story.world.clock.advance(CODE_MILLIS);
    assert!(refused(story.exchange(late.expose(), VERIFIER, URI).await));
}

/// The code, the verifier and the address are all there again; what they made has ended.
#[tokio::test]
async fn a_session_that_ended_does_not_begin_again_by_its_code() {
    let story = Story::begin().await;
    let code = story.code().await;
    let token = story.exchange(code.expose(), VERIFIER, URI).await.ok().unwrap();
    let session = story.entrance.command_line_session(token.expose(), story.now()).await.ok().unwrap().unwrap();
    let ctx = story.world.request(&Arc::new(session.principal.clone()));
    story.entrance.end_command_line(&ctx, &session).await.ok().unwrap();
    for wait in [0, 30_000, 29_999] {
        story.world.clock.advance(wait);
        assert!(refused(story.exchange(code.expose(), VERIFIER, URI).await), "after {wait}");
    }
    assert_eq!(story.whose(token.expose()).await, None);
    let later = story.code().await;
    assert!(story.exchange(later.expose(), VERIFIER, URI).await.is_ok(), "another one counts");
    story.world.clock.advance(CODE_MILLIS + 2000);
    let next = story.code().await;
    assert!(story.exchange(next.expose(), VERIFIER, URI).await.is_ok());
    assert_eq!(story.world.store.image().used_assertions.len(), 1, "and those that are over are forgotten");
}

#[tokio::test]
async fn a_code_counts_while_the_session_it_was_allowed_from_stands() {
    let story = Story::begin().await;
    let owner = person("olga");
    story.world.put_grant(Grantee::Principal { id: owner.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let by_herself = story.code().await;
    story.entrance.end_session(&story.anonymous(), story.ada.id_hash).await.ok().unwrap();
    assert!(refused(story.exchange(by_herself.expose(), VERIFIER, URI).await), "she signed out");

    let story = Story::begin().await;
    story.world.put_grant(Grantee::Principal { id: owner.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let (code, used) = (story.code().await, story.code().await);
    let token = story.exchange(used.expose(), VERIFIER, URI).await.ok().unwrap();
    let ended = story.world.admin.end_sessions(&story.world.request(&owner), &story.ada.principal.id).await.unwrap();
    assert_eq!(ended.ended, 2);
    for code in [&code, &used] {
        assert!(refused(story.exchange(code.expose(), VERIFIER, URI).await), "an Owner ended it");
    }
    assert_eq!(story.whose(token.expose()).await, None);
}

#[tokio::test]
async fn cookies_and_tokens_are_not_taken_for_each_other() {
    let story = Story::begin().await;
    let code = story.code().await;
    let token = story.exchange(code.expose(), VERIFIER, URI).await.ok().unwrap();
    assert!(story.entrance.session(token.expose(), story.now()).await.ok().unwrap().is_none());
    for text in [story.cookie.expose().to_owned(), format!("{TOKEN_PREFIX}{}", story.cookie.expose())] {
        assert_eq!(story.whose(&text).await, None);
    }
}

#[tokio::test]
async fn signing_out_ends_it_at_once_and_leaves_the_dashboard_alone() {
    let story = Story::begin().await;
    let code = story.code().await;
    let token = story.exchange(code.expose(), VERIFIER, URI).await.ok().unwrap();
    let session = story.entrance.command_line_session(token.expose(), story.now()).await.ok().unwrap().unwrap();
    let ctx = story.world.request(&Arc::new(session.principal.clone()));
    story.entrance.end_command_line(&ctx, &session).await.ok().unwrap();
    assert_eq!(story.whose(token.expose()).await, None);
    assert!(story.entrance.session(story.cookie.expose(), story.now()).await.ok().unwrap().is_some());
    assert_eq!(story.told().last().unwrap().0, "CommandLineSignOut");
}
