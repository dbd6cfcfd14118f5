//! How dashboard sessions end: by themselves, and because their provider says so.

use std::sync::Arc;

use strongroom_crypto::SecretText;
use strongroom_domain::{
    entrance::{
        CredentialError, Entrance, EntranceError, IDLE_SECONDS, MAX_ENDED_AT_PROVIDER, MAX_SESSIONS, SESSION_SECONDS,
        TokenRates,
    },
    identity::UsedAssertion,
    principal::Principal,
    record::{FloodGate, Outcome},
    sign_in::{LogoutToken, SignedIn},
    test_support::{
        FakeSignIn, signed_in,
        world::{PEOPLE, World, person},
    },
};

use super::entrance::Checker;

struct Door {
    world: World,
    entrance: Entrance,
}

impl Door {
    fn new() -> Self {
        let world = World::start().unwrap();
        let entrance = Entrance {
            gate: world.gate.clone(),
            sign_in: Arc::new(FakeSignIn(vec![PEOPLE.to_owned()])),
            identities: Arc::new(world.store.clone()),
            credentials: Arc::new(Checker::default()),
            keyring: world.keyring.clone(),
            recorder: world.recorder.clone(),
            entropy: world.entropy.clone(),
            flood: FloodGate::default(),
            rates: TokenRates::default(),
        };
        Self { world, entrance }
    }

    fn ctx(&self) -> strongroom_domain::context::RequestContext {
        self.world.request(&Arc::new(Principal::anonymous()))
    }

    async fn begin(&self, who: &str, provider_session: Option<&str>) -> SecretText {
        let who = SignedIn { provider_session: provider_session.map(str::to_owned), ..signed_in(&person(who), "") };
        self.entrance.begin_session(&self.ctx(), who, None).await.unwrap()
    }

    async fn stands(&self, cookie: &str) -> bool {
        self.entrance.session(cookie, self.ctx().now).await.unwrap().is_some()
    }

    async fn told(&self, n: u8, subject: Option<&str>, session: Option<&str>) -> Result<usize, EntranceError> {
        let used = self.ctx().seconds();
        let token = LogoutToken {
            issuer: PEOPLE.to_owned(),
            subject: subject.map(str::to_owned),
            session: session.map(str::to_owned),
            once: UsedAssertion { id_hash: [n; 32], used, expires: used + 600 },
        };
        self.entrance.end_at_provider(&self.ctx(), token).await
    }
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends_and_one_in_use_goes_on_to_its_end() {
    let door = Door::new();
    let cookie = door.begin("ada", None).await;
    door.world.clock.advance((IDLE_SECONDS - 1) * 1000);
    assert!(door.stands(cookie.expose()).await);
    let now = door.ctx().now;
    let renewed = door.entrance.renewed(cookie.expose(), now).unwrap();
    assert!(door.entrance.renewed(renewed.expose(), now).is_none(), "new enough");
    door.world.clock.advance(1000);
    assert!(!door.stands(cookie.expose()).await, "a copy of the cookie from then opens nothing");
    assert!(door.entrance.renewed(cookie.expose(), door.ctx().now).is_none(), "nor is it made anew");
    assert!(door.stands(renewed.expose()).await);
    let mut cookie = renewed;
    for _ in 0..SESSION_SECONDS / 1800 - 3 {
        door.world.clock.advance(1_800_000);
        assert!(door.stands(cookie.expose()).await);
        cookie = door.entrance.renewed(cookie.expose(), door.ctx().now).unwrap();
    }
    door.world.clock.advance(1_800_000);
    assert!(!door.stands(cookie.expose()).await, "the absolute end");
}

#[tokio::test]
async fn nobody_can_say_for_themselves_when_a_session_was_used() {
    let door = Door::new();
    let cookie = door.begin("ada", None).await;
    let parts: Vec<&str> = cookie.expose().split('.').collect();
    let later = parts[1].parse::<i64>().unwrap() + 100;
    for forged in
        [parts[0].to_owned(), format!("{}.{later}.{}", parts[0], parts[2]), format!("{}.{}.", parts[0], parts[1])]
    {
        assert!(!door.stands(&forged).await, "{forged}");
    }
    let other = door.begin("bob", None).await;
    let others: Vec<&str> = other.expose().split('.').collect();
    assert!(!door.stands(&format!("{}.{}.{}", parts[0], others[1], others[2])).await, "a tag of another session");
}

#[tokio::test]
async fn a_provider_ends_what_came_from_one_of_its_sessions() {
    let door = Door::new();
    let (laptop, phone) = (door.begin("ada", Some("s1")).await, door.begin("ada", Some("s2")).await);
    let (unknown, bob) = (door.begin("ada", None).await, door.begin("bob", Some("s3")).await);
    assert_eq!(door.told(1, Some("bob"), Some("s1")).await.unwrap(), 0, "that session is somebody else's");
    assert_eq!(door.told(2, Some("ada"), Some("s1")).await.unwrap(), 2);
    assert!(!door.stands(laptop.expose()).await);
    assert!(!door.stands(unknown.expose()).await, "of which it is not known where it came from");
    assert!(door.stands(phone.expose()).await);
    assert_eq!(door.told(3, None, Some("s3")).await.unwrap(), 1);
    assert!(!door.stands(bob.expose()).await);
    let record = door.world.store.image().log.last().unwrap().record.clone();
    assert_eq!((record.operation.as_str(), record.outcome), ("SessionEndByProvider", Outcome::Allowed));
    assert_eq!(record.principal.unwrap().subject, "bob");
    assert_eq!(record.changed.len(), 1, "the record names the row, so that it does not come back unseen");
    assert_eq!(door.told(4, Some("ada"), None).await.unwrap(), 1, "everything of a person");
    assert!(!door.stands(phone.expose()).await);
}

#[tokio::test]
async fn a_logout_token_counts_once() {
    let door = Door::new();
    door.begin("ada", None).await;
    assert_eq!(door.told(1, Some("ada"), None).await.unwrap(), 1);
    let again = door.begin("ada", None).await;
    door.world.clock.advance(1_000);
    let replayed = door.told(1, Some("ada"), None).await;
    assert!(matches!(replayed, Err(EntranceError::Credential(CredentialError::Invalid))));
    assert!(door.stands(again.expose()).await);
}

#[tokio::test]
async fn somebody_has_so_many_sessions_and_the_oldest_ends_for_another_one() {
    let door = Door::new();
    let bob = door.begin("bob", None).await;
    let mut all = Vec::new();
    for _ in 0..MAX_SESSIONS + 2 {
        door.world.clock.advance(1000);
        all.push(door.begin("ada", None).await);
    }
    let now = door.ctx().now;
    assert_eq!(door.entrance.sessions_of(&person("ada").id, now).await.unwrap().len(), MAX_SESSIONS);
    for (index, cookie) in all.iter().enumerate() {
        assert_eq!(door.stands(cookie.expose()).await, index >= 2, "{index}");
    }
    assert!(door.stands(bob.expose()).await, "others are not concerned");
    let image = door.world.store.image();
    let ended = image.log.iter().map(|logged| &logged.record).filter(|record| record.operation == "SessionEnd");
    let told: Vec<_> = ended.map(|record| (record.principal.clone(), record.changed.len())).collect();
    assert_eq!(told, [(Some(person("ada").id.clone()), 1), (Some(person("ada").id.clone()), 1)], "each is on record");
}

/// However many there are, and however they came to be.
#[tokio::test]
async fn a_provider_ends_more_sessions_than_one_record_names() {
    const MANY: usize = 2 * MAX_ENDED_AT_PROVIDER + 1;
    let door = Door::new();
    door.begin("ada", None).await;
    let one = door.world.store.image().sessions.values().next().unwrap().clone();
    door.world.store.meddle(|image| {
        for number in 1..MANY {
            let mut session = (*one).clone();
            session.id_hash[..8].copy_from_slice(&number.to_be_bytes());
            session.tag = door.world.keyring.tag_session(&session).unwrap();
            image.sessions.insert(session.id_hash, Arc::new(session));
        }
    });
    let before = door.world.store.image().log.len();
    assert_eq!(door.told(1, Some("ada"), None).await.unwrap(), MANY);
    let image = door.world.store.image();
    assert!(image.sessions.is_empty());
    let records = image.log[before..].iter().map(|logged| &logged.record);
    let told: Vec<_> = records.map(|record| (record.operation.as_str(), record.changed.len())).collect();
    assert_eq!(told.iter().map(|(_, rows)| rows).sum::<usize>(), MANY, "each is named by a record");
    assert!(
        told.iter().all(|(operation, rows)| *operation == "SessionEndByProvider" && *rows <= MAX_ENDED_AT_PROVIDER),
        "{told:?}"
    );
    // Whoever repeats the token ends nothing that began since.
    let again = door.begin("ada", None).await;
    door.world.clock.advance(1_000);
    assert!(door.told(1, Some("ada"), None).await.is_err());
    assert!(door.stands(again.expose()).await);
}
