//! Keys that change while tokens of the one before are under way.

use strongroom_crypto::SeededEntropy;
use strongroom_domain::{
    time::Clock,
    token_keys::{ANNOUNCED_MILLIS, SKEW_MILLIS, STALE_MILLIS, TOKEN_SECONDS, TokenKeyHolder, TokenKeys},
};
use uuid::Uuid;

use crate::{
    TokenError,
    test_support::{BASE, CLIENT, Gatekeeper, INSTALLATION, ORIGIN, own_keys, signer},
    token_endpoint::{MintError, OwnKeys},
};

fn mint(keys: &OwnKeys, gate: &Gatekeeper) -> Result<String, MintError> {
    keys.mint(CLIENT, ORIGIN, Uuid::from_u128(1), gate.clock.now_millis())
        .map(|token| token.access_token.expose().to_owned())
}

fn key_of(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

#[tokio::test]
async fn tokens_of_the_old_key_count_until_they_expire() {
    let gate = Gatekeeper::new(Vec::new());
    let own = own_keys(&gate, 1);
    let begin = gate.clock.now_millis();
    let keys = TokenKeys::first(signer(1), 0).rotated(begin, &SeededEntropy::new(2)).unwrap();
    own.hold(keys.clone(), begin);
    assert_eq!(own.published().len(), 2, "published at once");
    let before = mint(&own, &gate).unwrap();
    assert_eq!(key_of(&before), signer(1).key_id(), "and signs later");

    gate.clock.advance(ANNOUNCED_MILLIS / 1000 - 1);
    own.hold(keys.clone(), gate.clock.now_millis());
    let last = mint(&own, &gate).unwrap();
    assert_eq!(key_of(&last), signer(1).key_id());
    gate.clock.advance(1);
    let after = mint(&own, &gate).unwrap();
    assert_ne!(key_of(&after), signer(1).key_id());
    for token in [&before, &last, &after] {
        assert!(gate.ask(token).await.is_ok());
    }

    gate.clock.advance(TOKEN_SECONDS - 2);
    own.hold(keys.clone(), gate.clock.now_millis());
    assert!(gate.ask(&last).await.is_ok(), "a second before it expires");
    gate.clock.advance(2 + SKEW_MILLIS / 1000);
    own.hold(keys.clone(), gate.clock.now_millis());
    assert_eq!(own.published().len(), 1, "the old key is not published any more");
    assert_eq!(gate.ask(&last).await.err(), Some(TokenError::UnknownKey));
}

#[tokio::test]
async fn nothing_of_before_counts_after_keys_were_revoked() {
    let gate = Gatekeeper::new(Vec::new());
    let own = own_keys(&gate, 1);
    let before = mint(&own, &gate).unwrap();
    assert!(gate.ask(&before).await.is_ok());
    let now = gate.clock.now_millis();
    let first = TokenKeys::first(signer(1), 0);
    own.hold(first.revoked(now, &SeededEntropy::new(2)).unwrap(), now);
    assert_eq!(gate.ask(&before).await.err(), Some(TokenError::UnknownKey), "remembered or not");
    let after = mint(&own, &gate).unwrap();
    assert!(gate.ask(&after).await.is_ok());
    // Somebody who may write the database puts the old row back.
    own.hold(first, now);
    assert_eq!(gate.ask(&before).await.err(), Some(TokenError::UnknownKey));
    assert_eq!(key_of(&mint(&own, &gate).unwrap()), key_of(&after));
}

#[tokio::test]
async fn a_node_that_has_not_seen_the_keys_for_minutes_signs_nothing() {
    let gate = Gatekeeper::new(Vec::new());
    let own = OwnKeys::new(BASE, INSTALLATION, gate.issuers.clone(), TokenKeys::first(signer(1), 0), 0);
    assert!(mint(&own, &gate).is_err());
    own.hold(TokenKeys::first(signer(1), 0), gate.clock.now_millis());
    gate.clock.advance(STALE_MILLIS / 1000);
    assert!(mint(&own, &gate).is_ok());
    gate.clock.advance(1);
    assert!(mint(&own, &gate).is_err());
}
