//! Keys that sign tokens: who may change them, what changes them by itself, and what the log says.

use std::sync::Arc;

use strongroom_crypto::{RootKey, SeededEntropy};
use strongroom_domain::{
    admin::AdminError,
    context::RequestContext,
    grant::Scope,
    principal::{Grantee, Principal},
    record::RowKind,
    role::Role,
    test_support::world::{TOKEN_KEYS, World, person},
    token_keys::{ANNOUNCED_MILLIS, PRINCIPAL, SKEW_MILLIS, TOKEN_SECONDS, TokenKeyState, TokenKeys},
};

const DAY: i64 = 86_400_000;
const AGE: i64 = 90 * DAY;

fn owned() -> (World, Arc<Principal>) {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    (world, olga)
}

fn schedule(world: &World) -> RequestContext {
    world.request(&Arc::new(Principal::system(PRINCIPAL)))
}

fn held(world: &World) -> Vec<TokenKeyState> {
    let now = strongroom_domain::time::Clock::now_millis(&*world.clock);
    world.token_keys.held().unwrap().facts(now).into_iter().map(|facts| facts.state).collect()
}

#[tokio::test]
async fn keys_change_by_age_and_the_old_one_is_destroyed_after_its_last_token() {
    use TokenKeyState::{Announced, Retired, Signing};
    let (world, _) = owned();
    let keep = async || world.admin.keep_token_keys(&schedule(&world), AGE).await.unwrap();
    keep().await;
    assert_eq!(held(&world), [Signing]);
    world.clock.advance(AGE - 1);
    keep().await;
    assert_eq!(held(&world), [Signing]);
    assert!(world.store.image().happened.is_empty(), "a look is no change and no record");
    world.clock.advance(1);
    keep().await;
    assert_eq!(held(&world), [Signing, Announced]);
    world.clock.advance(ANNOUNCED_MILLIS);
    keep().await;
    assert_eq!(held(&world), [Retired, Signing]);
    let first = world.token_keys.held().unwrap().facts(0)[0].key_id.clone();
    world.clock.advance(TOKEN_SECONDS * 1000 + SKEW_MILLIS);
    keep().await;
    assert_eq!(held(&world), [Signing]);
    let image = world.store.image();
    let told: Vec<_> =
        image.log.iter().map(|l| (l.record.operation.as_str(), l.record.principal_kind.as_str())).collect();
    assert_eq!(told, [("TokenKeyRotate", "system"), ("TokenKeyRetire", "system")]);
    let second = world.token_keys.held().unwrap().facts(0)[0].key_id.clone();
    assert_ne!(first, second);
    assert!(image.log.iter().all(|l| l.record.object.as_deref() == Some(second.as_str())));
    let rows: Vec<_> = image.log.iter().flat_map(|l| &l.record.changed).map(|row| (row.row, row.revision)).collect();
    assert_eq!(rows, [(RowKind::TokenKeys, 1), (RowKind::TokenKeys, 2)]);
}

#[tokio::test]
async fn changing_them_takes_a_role_and_every_try_is_on_record() {
    let (world, olga) = owned();
    let bob = person("bob");
    for revoke in [false, true] {
        let ctx = world.request(&bob);
        assert!(matches!(world.admin.rotate_token_keys(&ctx, revoke).await, Err(AdminError::Denied(_))));
        assert!(world.store.image().record(ctx.request_id).is_some());
    }
    assert!(matches!(world.admin.token_keys(&world.request(&bob)).await, Err(AdminError::Denied(_))));
    // What rotates by age may do that and nothing else.
    assert!(matches!(world.admin.rotate_token_keys(&schedule(&world), true).await, Err(AdminError::Denied(_))));
    assert!(matches!(world.admin.token_keys(&schedule(&world)).await, Err(AdminError::Denied(_))));

    let ctx = world.request(&olga);
    let facts = world.admin.rotate_token_keys(&ctx, false).await.unwrap();
    assert_eq!(facts.len(), 2);
    let image = world.store.image();
    let record = image.record(ctx.request_id).unwrap();
    assert_eq!((record.operation.as_str(), record.object.as_deref()), ("TokenKeyRotate", Some(&*facts[1].key_id)));
    let again = world.request(&olga);
    let refused = world.admin.rotate_token_keys(&again, false).await;
    assert!(matches!(refused, Err(AdminError::TokenKeyAnnounced)));
    assert_eq!(world.store.image().record(again.request_id).unwrap().reason, "token-key-announced");
    let facts = world.admin.rotate_token_keys(&world.request(&olga), true).await.unwrap();
    assert_eq!(facts.iter().map(|f| f.state).collect::<Vec<_>>(), [TokenKeyState::Signing]);
    assert_eq!(world.admin.token_keys(&world.request(&olga)).await.unwrap(), facts);
}

#[tokio::test]
async fn nodes_on_one_database_hold_the_same_keys() {
    let (one, _) = owned();
    let two = World::on(one.store.clone()).unwrap();
    let keep = async |world: &World| world.admin.keep_token_keys(&schedule(world), AGE).await.unwrap();
    for world in [&one, &two] {
        world.clock.advance(AGE);
    }
    // Both find a key due at the same moment; one announces, and the other takes what it finds.
    tokio::join!(keep(&one), keep(&two));
    keep(&one).await;
    keep(&two).await;
    let ids =
        |world: &World| world.token_keys.held().unwrap().facts(0).into_iter().map(|f| f.key_id).collect::<Vec<_>>();
    assert_eq!(ids(&one), ids(&two));
    assert_eq!(held(&two), [TokenKeyState::Signing, TokenKeyState::Announced]);
    assert_eq!(one.store.image().log.iter().filter(|l| l.record.operation == "TokenKeyRotate").count(), 1);
    // A restart finds them as they are.
    let again = World::on(one.store.clone()).unwrap();
    again.clock.advance(AGE);
    keep(&again).await;
    assert_eq!(ids(&again), ids(&one));
}

/// A new root key wraps the keys anew, whichever they are, and changes nothing of them.
#[tokio::test]
async fn a_new_root_key_wraps_them_anew() {
    let (world, olga) = owned();
    world.admin.rotate_token_keys(&world.request(&olga), false).await.unwrap();
    let before = world.store.image().blobs[TOKEN_KEYS].clone();
    let new = RootKey::generate(&SeededEntropy::new(77)).unwrap();
    let ctx = world.request(&Arc::new(Principal::system("seal-rotate")));
    let entropy = SeededEntropy::new(78);
    let rotated = strongroom_domain::seal::rotate(
        &ctx,
        &world.keyring,
        &world.store,
        &world.recorder,
        &new,
        ("file", ""),
        &entropy,
    );
    assert_eq!(rotated.await.unwrap().blobs, 1);
    let after = world.store.image().blobs[TOKEN_KEYS].clone();
    assert_ne!(after.bytes, before.bytes);
    assert_eq!(after.revision, before.revision);
    assert!(TokenKeys::open(&world.keyring, TOKEN_KEYS, &after, 0).is_err(), "the old root key opens it no more");
    let installation = strongroom_domain::test_support::world::INSTALLATION;
    let keyring = strongroom_domain::keyring::Keyring::new(new, installation);
    let keys = TokenKeys::open(&keyring, TOKEN_KEYS, &after, 0).unwrap();
    assert_eq!(keys.facts(ctx.now), TokenKeys::open(&world.keyring, TOKEN_KEYS, &before, 0).unwrap().facts(ctx.now));
}
