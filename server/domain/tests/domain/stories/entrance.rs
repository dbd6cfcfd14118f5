//! The token endpoint: what is given out, how often, and what a flood leaves behind.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use strongroom_crypto::SecretText;
use strongroom_domain::{
    admin::{AdminError, EndedSessions, MAX_ENDED_SESSIONS},
    context::RequestContext,
    entrance::{
        AccessToken, ClientProof, CredentialError, Credentials, Entrance, EntranceError, Proven, REFUSED_BY_ADDRESS,
        REFUSED_BY_CLIENT, TokenRates, past_issuers,
    },
    grant::Scope,
    identity::{UsedAssertion, Workload},
    principal::{Grantee, Principal, PrincipalKind},
    record::{FloodGate, Outcome},
    role::Role,
    sign_in::{CheckState, TokenCheck, TokenExplanation},
    test_support::{
        FakeSignIn, signed_in,
        world::{PEOPLE, World, person, principal},
    },
    throttle::TooMany,
};
use uuid::Uuid;

/// Right is the secret `right`, and an assertion whose text is `jti <number>`.
#[derive(Default)]
pub(super) struct Checker(AtomicUsize);

#[async_trait]
impl Credentials for Checker {
    async fn check(
        &self,
        workload: Option<&Workload>,
        _: &str,
        proof: &ClientProof,
        now_millis: i64,
    ) -> Result<Proven, CredentialError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let id = workload.ok_or(CredentialError::Invalid)?.client_id;
        let used = now_millis / 1000;
        match proof {
            ClientProof::Secret(secret) if secret.expose() == "disabled" => Err(CredentialError::Disabled),
            ClientProof::Secret(secret) if secret.expose() == "right" => {
                Ok(Proven { credential: "secret".into(), id, assertion: None })
            }
            ClientProof::Assertion(text) => {
                let id_hash = [text.expose().strip_prefix("jti ").unwrap().parse().unwrap(); 32];
                let assertion = Some(UsedAssertion { id_hash, used, expires: used + 600 });
                Ok(Proven { credential: "certificate".into(), id, assertion })
            }
            ClientProof::Secret(secret) if secret.expose() == "unreachable" => Err(CredentialError::IssuerUnavailable),
            ClientProof::Secret(_) => Err(CredentialError::Invalid),
        }
    }

    async fn explain(&self, workload: Option<&Workload>, _: &SecretText, _: i64) -> TokenExplanation {
        let checks = vec![TokenCheck {
            check: "workload",
            state: if workload.is_some() { CheckState::Passed } else { CheckState::Failed },
            verified: true,
            found: String::new(),
            expected: "enabled".to_owned(),
            advice: None,
        }];
        TokenExplanation { principal: None, reason: workload.is_none().then_some("client-unknown"), checks }
    }

    fn mint(&self, _: &Workload, _: Uuid, _: Uuid, _: i64) -> Result<AccessToken, CredentialError> {
        Ok(AccessToken { token: SecretText::new("token".into()), expires_in: 3600 })
    }
}

struct Door {
    world: World,
    entrance: Entrance,
    checker: Arc<Checker>,
    app: String,
}

impl Door {
    fn new() -> Self {
        let world = World::start().unwrap();
        let app = world.put_workload("app", true).unwrap().id.subject.clone();
        let checker = Arc::new(Checker::default());
        let entrance = Entrance {
            gate: world.gate.clone(),
            sign_in: Arc::new(FakeSignIn(vec![PEOPLE.to_owned()])),
            identities: Arc::new(world.store.clone()),
            credentials: checker.clone(),
            keyring: world.keyring.clone(),
            recorder: world.recorder.clone(),
            entropy: world.entropy.clone(),
            flood: FloodGate::default(),
            rates: TokenRates::default(),
        };
        Self { world, entrance, checker, app }
    }

    fn from(&self, address: &str) -> RequestContext {
        let client: IpAddr = address.parse().unwrap();
        self.world.request_from(&Arc::new(Principal::anonymous()), client)
    }

    async fn ask(&self, address: &str, client: &str, secret: &str) -> Result<(), EntranceError> {
        let proof = ClientProof::Secret(SecretText::new(secret.into()));
        self.entrance.issue_token(&self.from(address), client, &proof).await.map(drop)
    }

    fn records(&self) -> usize {
        self.world.store.image().log.len()
    }
}

fn refused(answer: &Result<(), EntranceError>) -> bool {
    matches!(answer, Err(EntranceError::Credential(CredentialError::Invalid)))
}

fn too_many(answer: &Result<(), EntranceError>) -> Option<u32> {
    match answer {
        Err(EntranceError::TooMany(TooMany { retry_after })) => Some(*retry_after),
        _ => None,
    }
}

#[tokio::test]
async fn a_flood_of_refused_secrets_is_recorded_in_part_and_counted_in_whole() {
    let door = Door::new();
    // Each from an address of its own, so that no rate but the log's own bound holds them.
    let flood = async |from: u32, to: u32| {
        for n in from..to {
            let address = IpAddr::from((0x0a00_0000 + n).to_be_bytes()).to_string();
            assert!(refused(&door.ask(&address, &door.app, "wrong").await), "every one has the same answer");
        }
    };
    flood(0, 500).await;
    assert_eq!(door.records(), 20, "twenty at once have a record of their own");
    assert_eq!(door.entrance.flood.take().failures, 480);
    door.world.clock.advance(2_000);
    flood(500, 600).await;
    assert_eq!(door.records(), 30, "and five a second after that");
    assert_eq!(door.entrance.flood.take().failures, 90);
    assert!(door.world.store.image().log.iter().all(|l| l.record.outcome == Outcome::Unauthenticated));
    // Who is right is recorded, whatever flood there is.
    door.ask("192.0.2.1", &door.app, "right").await.unwrap();
    assert_eq!(door.records(), 31);
}

#[tokio::test]
async fn an_address_that_is_refused_too_often_is_told_to_wait_and_keeps_nobody_out() {
    let door = Door::new();
    let mut told = 0;
    for n in 0..200 {
        // Other clients every time, and another address of the same network.
        let answer = door.ask(&format!("2001:db8::{n:x}"), &Uuid::from_u128(n).to_string(), "wrong").await;
        told += u32::from(refused(&answer));
        assert!(refused(&answer) || too_many(&answer) == Some(1));
    }
    assert_eq!(told, REFUSED_BY_ADDRESS.burst);
    let records = door.records();
    assert!(too_many(&door.ask("2001:db8::1", &door.app, "wrong").await).is_some());
    assert_eq!(door.records(), records, "those have no record of their own");
    assert!(door.ask("2001:db8::1", &door.app, "right").await.is_ok(), "who is right is not the one who floods");
    assert!(door.ask("2001:db8:0:1::1", &door.app, "right").await.is_ok(), "a neighbour has nothing to do with it");
    door.world.clock.advance(REFUSED_BY_ADDRESS.every_millis);
    assert!(refused(&door.ask("2001:db8::1", &door.app, "wrong").await));
}

#[tokio::test]
async fn a_client_that_is_refused_too_often_waits_and_nobody_else_does() {
    let door = Door::new();
    let mut answers = Vec::new();
    // However its id is written.
    let spelt = [door.app.clone(), door.app.to_uppercase(), door.app.replace('-', ""), format!("{{{}}}", door.app)];
    for client in spelt.iter().cycle().take(30) {
        answers.push(door.ask("10.0.0.1", client, "wrong").await);
    }
    assert_eq!(answers.iter().filter(|a| refused(a)).count(), REFUSED_BY_CLIENT.burst as usize);
    assert_eq!(too_many(&answers[29]), Some(1));
    let other = door.world.put_workload("other", true).unwrap().id.subject.clone();
    assert!(refused(&door.ask("10.0.0.1", &other, "wrong").await), "another client is counted apart");
    for address in ["10.0.0.1", "10.0.0.2"] {
        assert!(door.ask(address, &door.app, "right").await.is_ok(), "nobody can lock the client itself out");
    }
    door.world.clock.advance(1_000);
    assert!(refused(&door.ask("10.0.0.1", &door.app, "wrong").await));
}

/// Naming an issuer that cannot be asked takes no key, so it is counted as any other failure of nobody.
#[tokio::test]
async fn an_issuer_that_cannot_be_asked_opens_no_way_around_the_rates() {
    let door = Door::new();
    let mut answers = Vec::new();
    for _ in 0..30 {
        answers.push(door.ask("10.0.0.1", &door.app, "unreachable").await);
    }
    let is_unavailable = |answer: &&Result<(), EntranceError>| {
        matches!(answer, Err(EntranceError::Credential(CredentialError::IssuerUnavailable)))
    };
    assert_eq!(answers.iter().filter(is_unavailable).count(), REFUSED_BY_CLIENT.burst as usize);
    assert_eq!(too_many(&answers[29]), Some(1));
    let image = door.world.store.image();
    let record = &image.log.last().unwrap().record;
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Unauthenticated, "issuer-unavailable"));
    // Nor does a workload that is disabled, and its record says what it was.
    let door = Door::new();
    let mut answers = Vec::new();
    for _ in 0..30 {
        answers.push(door.ask("10.0.0.2", &door.app, "disabled").await);
    }
    assert_eq!(too_many(&answers[29]), Some(1));
    let image = door.world.store.image();
    let record = &image.log.last().unwrap().record;
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Unauthenticated, "workload-disabled"));
}

/// Told to those alone who may have tokens explained and see the workload, on record, and nothing is used up.
#[tokio::test]
async fn an_assertion_is_explained_to_those_who_may_see_its_workload_and_uses_nothing_up() {
    let door = Door::new();
    let (olga, reader) = (person("olga"), person("reader"));
    let to = |who: &Principal| Grantee::Principal { id: who.id.clone() };
    door.world.put_grant(to(&olga), Role::Owner, Scope::Server).unwrap();
    door.world.put_grant(to(&reader), Role::Reader, Scope::Server).unwrap();
    let (client_id, assertion) = (door.app.parse::<Uuid>().unwrap(), SecretText::new("jti 1".into()));
    let shown = &assertion;
    let explain = async |who: &Arc<Principal>, client_id| {
        let ctx = door.world.request(who);
        let told = door.world.admin.explain_assertion(&ctx, &*door.entrance.credentials, client_id, shown).await;
        (told, door.world.store.image().record(ctx.request_id).unwrap().clone())
    };
    let (told, record) = explain(&olga, client_id).await;
    assert_eq!(told.unwrap().principal.unwrap().id.subject, door.app);
    assert_eq!((record.operation.as_str(), record.object.as_deref()), ("TokenExplain", Some(door.app.as_str())));
    let nobody = Uuid::from_u128(9);
    let told = explain(&olga, nobody).await.0.unwrap();
    assert_eq!((told.reason, told.principal), (Some("client-unknown"), None));
    for who in [&reader, &person("eve")] {
        let (told, record) = explain(who, client_id).await;
        assert!(matches!(told, Err(AdminError::Denied(_))));
        assert_eq!(record.outcome, Outcome::Denied);
    }
    assert!(door.world.store.image().used_assertions.is_empty());
    let proof = ClientProof::Assertion(assertion);
    let ctx = door.from("10.0.0.1");
    door.entrance.issue_token(&ctx, &door.app, &proof).await.unwrap();
    let used = door.world.store.image().record(ctx.request_id).unwrap().used_once.clone().unwrap();
    assert_eq!((used.used, used.expires), (ctx.seconds(), ctx.seconds() + 600), "and its use is on record");
}

#[tokio::test]
async fn a_session_ends_with_its_provider() {
    let mut door = Door::new();
    let ada = person("ada");
    let begun = door.entrance.begin_session(&door.from("10.0.0.1"), signed_in(&ada, "Ada"), None).await.unwrap();
    let now = door.from("10.0.0.1").now;
    let found = door.entrance.session(begun.expose(), now).await.unwrap();
    assert_eq!(found.unwrap().principal, *ada);
    // The provider was taken out of the configuration, and the server started again.
    door.entrance.sign_in = Arc::new(FakeSignIn(vec!["https://others.example".to_owned()]));
    assert!(door.entrance.session(begun.expose(), now).await.unwrap().is_none());
}

/// What an intruder got by a provider is over when that provider was taken out, cleaned and put back.
#[tokio::test]
async fn a_session_does_not_come_back_with_its_provider() {
    let mut door = Door::new();
    let here = || door.from("10.0.0.1");
    let begun = door.entrance.begin_session(&here(), signed_in(&person("ada"), "Ada"), None).await.unwrap();
    let other = principal("https://others.example", "bob", PrincipalKind::User, &[]);
    let stays = door.entrance.begin_session(&here(), signed_in(&other, "Bob"), None).await.unwrap();
    let now = here().now;
    let start = async |entrance: &Entrance| {
        let by = Arc::new(Principal::system(past_issuers::PRINCIPAL));
        entrance.end_sessions_of_past_issuers(|| Ok::<_, EntranceError>(door.world.request(&by))).await.unwrap()
    };
    let both = || Arc::new(FakeSignIn(vec![PEOPLE.to_owned(), "https://others.example".to_owned()]));
    door.entrance.sign_in = both();
    assert_eq!(start(&door.entrance).await, 0, "nothing to end, and nothing on record");
    let before = door.world.store.image().log.len();
    door.entrance.sign_in = Arc::new(FakeSignIn(vec!["https://others.example".to_owned()]));
    assert_eq!(start(&door.entrance).await, 1);
    door.entrance.sign_in = both();
    assert!(door.entrance.session(begun.expose(), now).await.unwrap().is_none());
    assert!(door.entrance.session(stays.expose(), now).await.unwrap().is_some());
    let log = door.world.store.image().log;
    let record = &log.last().unwrap().record;
    assert_eq!((log.len(), record.operation.as_str()), (before + 1, "SessionRevoke"));
    assert_eq!((record.object.as_deref(), record.changed.len()), (Some(PEOPLE), 1));
    // Nobody else ends sessions by this.
    let by = person("eve");
    door.entrance.sign_in = Arc::new(FakeSignIn(Vec::new()));
    let refused = door.entrance.end_sessions_of_past_issuers(|| Ok::<_, EntranceError>(door.world.request(&by))).await;
    assert!(matches!(refused, Err(EntranceError::Unavailable)));
}

#[tokio::test]
async fn a_client_gets_no_more_tokens_than_its_rate() {
    let door = Door::new();
    let mut granted = 0;
    for n in 0..250u32 {
        let address = IpAddr::from((0x0a00_0000 + n).to_be_bytes()).to_string();
        match door.ask(&address, &door.app, "right").await {
            Ok(()) => granted += 1,
            answer => assert_eq!(too_many(&answer), Some(1)),
        }
    }
    assert_eq!(granted, 200);
    let other = door.world.put_workload("other", true).unwrap().id.subject.clone();
    assert!(door.ask("10.0.0.1", &other, "right").await.is_ok());
    door.world.clock.advance(50);
    assert!(door.ask("10.0.0.1", &door.app, "right").await.is_ok());
}

#[tokio::test]
async fn a_workloads_own_assertion_is_exchanged_once() {
    let door = Door::new();
    let exchange = async |entrance: &Entrance, jti: u8| {
        let proof = ClientProof::Assertion(SecretText::new(format!("jti {jti}")));
        let ctx = door.from("10.0.0.1");
        (entrance.issue_token(&ctx, &door.app, &proof).await.map(drop), ctx.request_id)
    };
    let (first, request) = exchange(&door.entrance, 1).await;
    first.unwrap();
    let record = door.world.store.image().record(request).unwrap().clone();
    assert_eq!((record.outcome, record.trace[0].detail.as_deref()), (Outcome::Allowed, Some("certificate")));
    door.world.clock.advance(30_000);
    exchange(&door.entrance, 1).await.0.unwrap();
    door.world.clock.advance(1_000);
    let (again, request) = exchange(&door.entrance, 1).await;
    assert!(refused(&again));
    assert!(door.world.store.image().record(request).is_none(), "the edge records it");
    exchange(&door.entrance, 2).await.0.unwrap();
    // Another node knows it too.
    let elsewhere = World::on(door.world.store.node("node-2")).unwrap();
    let entrance = Entrance {
        gate: elsewhere.gate.clone(),
        sign_in: Arc::new(FakeSignIn::default()),
        identities: Arc::new(elsewhere.store.clone()),
        credentials: door.checker.clone(),
        keyring: elsewhere.keyring.clone(),
        recorder: elsewhere.recorder.clone(),
        entropy: elsewhere.entropy.clone(),
        flood: FloodGate::default(),
        rates: TokenRates::default(),
    };
    assert!(refused(&exchange(&entrance, 1).await.0));
}

#[tokio::test]
async fn an_administrator_ends_the_sessions_of_somebody_and_of_nobody_else() {
    let mut door = Door::new();
    door.entrance.sign_in = Arc::new(FakeSignIn(vec![PEOPLE.to_owned()]));
    let (ada, bob, olga) = (person("ada"), person("bob"), person("olga"));
    let owner = Grantee::Principal { id: olga.id.clone() };
    door.world.put_grant(owner, Role::Owner, Scope::Server).unwrap();
    let begin = async |who: &Principal| {
        door.entrance.begin_session(&door.from("10.0.0.1"), signed_in(who, ""), None).await.unwrap()
    };
    let now = door.from("10.0.0.1").now;
    let stands = async |cookie: &SecretText| door.entrance.session(cookie.expose(), now).await.unwrap().is_some();
    let cookies = [begin(&ada).await, begin(&ada).await, begin(&bob).await];
    let refused = door.world.admin.end_sessions(&door.world.request(&bob), &ada.id).await;
    assert!(matches!(refused, Err(AdminError::Denied(_))));
    let ctx = door.world.request(&olga);
    let ended = door.world.admin.end_sessions(&ctx, &ada.id).await.unwrap();
    assert_eq!(ended, EndedSessions { ended: 2, more: false });
    let record = door.world.store.image().record(ctx.request_id).unwrap().clone();
    assert_eq!((record.operation.as_str(), record.object), ("SessionRevoke", Some(ada.id.to_string())));
    assert_eq!(record.changed.len(), 2, "the record names the rows, so that none comes back unseen");
    for (cookie, left) in cookies.iter().zip([false, false, true]) {
        assert_eq!(stands(cookie).await, left);
    }
    // More than somebody has now, as from before there was an end to that.
    begin(&ada).await;
    door.world.store.meddle(|image| {
        let one = image.sessions.values().find(|session| session.principal.id == ada.id).unwrap().clone();
        for number in 0..MAX_ENDED_SESSIONS {
            let mut session = (*one).clone();
            session.id_hash[..8].copy_from_slice(&number.to_be_bytes());
            image.sessions.insert(session.id_hash, Arc::new(session));
        }
    });
    let end = async || door.world.admin.end_sessions(&door.world.request(&olga), &ada.id).await.unwrap();
    assert_eq!(end().await, EndedSessions { ended: MAX_ENDED_SESSIONS, more: true });
    assert_eq!(end().await, EndedSessions { ended: 1, more: false });
}
