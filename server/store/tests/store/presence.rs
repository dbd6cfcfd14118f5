//! Who may be at a database on a server at the same time, and what becomes of a node that lost its place.

use strongroom_domain::ports::{AuditLog, VaultStore};
use strongroom_store::{OpenError, Store, StoreOptions};

use crate::support::{Place, note, on_both, options, put_vault, vault};

fn named(node: &str) -> StoreOptions {
    StoreOptions { node: node.to_owned(), ..options() }
}

fn alone() -> StoreOptions {
    StoreOptions { alone: true, ..named("elsewhere") }
}

/// Ends every session but this one, as a restart of the database does.
async fn cut_off(place: &Place) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    place.tamper(&[end]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_have_names_of_their_own_and_none_is_there_beside_who_is_alone() {
    let Some(place) = Place::postgres().await else { return };
    let s = place.start().await;
    let twin = Store::open(&place.url, options()).await.err().unwrap();
    assert!(matches!(&twin, OpenError::NodeIsThere(name) if name == s.store.node()), "{twin}");
    assert!(twin.to_string().contains("`node` in its configuration") && !twin.to_string().contains('\n'), "{twin}");
    let second = Store::open(&place.url, named("second")).await.unwrap();
    assert!(matches!(Store::open(&place.url, alone()).await, Err(OpenError::NodesAreThere)));
    s.store.append(vec![note("nobody minds a try")]).await.unwrap();
    s.store.close().await.unwrap();
    second.close().await.unwrap();
    let only = Store::open(&place.url, alone()).await.unwrap();
    assert!(matches!(Store::open(&place.url, options()).await, Err(OpenError::SomebodyIsAlone)));
    only.append(vec![note("alone")]).await.unwrap();
    drop(only);
    Store::open(&place.url, options()).await.unwrap();
}

/// What is done once for all nodes: by the first that asks, for as long as it is there.
async fn one_node_leads_until_it_is_gone(place: Place) {
    let s = place.start().await;
    assert!(s.store.leads().await && s.store.leads().await, "asking again changes nothing");
    if place.is_sqlite() {
        return;
    }
    let second = Store::open(&place.url, named("second")).await.unwrap();
    let third = Store::open(&place.url, named("third")).await.unwrap();
    assert!(!second.leads().await && !third.leads().await);
    // Its session ends with it, and with that its turn. Who goes on without having noticed leads nobody.
    cut_off(&place).await;
    assert!(!s.store.leads().await);
    second.keep_presence().await.unwrap();
    s.store.keep_presence().await.unwrap();
    assert!(second.leads().await && !s.store.leads().await, "it is not given back to whoever had it");
    second.close().await.unwrap();
    third.keep_presence().await.unwrap();
    assert!(s.store.leads().await && !third.leads().await);
}

on_both!(one_node_leads_until_it_is_gone);

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_place_takes_it_again_or_writes_nothing() {
    let Some(place) = Place::postgres().await else { return };
    let s = place.start().await;
    cut_off(&place).await;
    s.store.keep_presence().await.unwrap();
    assert!(matches!(Store::open(&place.url, options()).await, Err(OpenError::NodeIsThere(_))));
    // The writing connection ended too: the first batch finds out, the next goes on.
    let _ = s.store.append(vec![note("lost")]).await;
    s.store.append(vec![note("back")]).await.unwrap();

    // Somebody else has the name by the time the node looks.
    cut_off(&place).await;
    let twin = Store::open(&place.url, options()).await.unwrap();
    let why = s.store.keep_presence().await.unwrap_err().to_string();
    assert!(why.contains(s.store.node()), "{why}");
    assert!(s.store.append(vec![note("beside it")]).await.is_err());
    assert!(s.store.chain_head().await.is_err(), "so it is not ready");
    twin.append(vec![note("the twin")]).await.unwrap();
    twin.close().await.unwrap();
    s.store.keep_presence().await.unwrap();
    s.store.append(vec![note("alone under its name again")]).await.unwrap();
}

/// A command that is alone keeps a node out that has not noticed yet that its session ended.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_while_somebody_is_alone() {
    let Some(place) = Place::postgres().await else { return };
    let s = place.start().await;
    cut_off(&place).await;
    let _ = s.store.append(vec![note("lost")]).await;
    let only = Store::open(&place.url, alone()).await.unwrap();
    assert!(s.store.append(vec![note("beside it")]).await.is_err());
    only.close().await.unwrap();
    s.store.append(vec![note("again")]).await.unwrap();
}

/// However it came about: what is wrapped by a root key that is gone would be lost.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_under_a_root_key_that_is_not_in_use_any_more() {
    let mut places = vec![Place::sqlite()];
    places.extend(Place::postgres().await);
    for place in places {
        let s = place.start().await;
        place
            .tamper(&[
                "INSERT INTO root_keys (key_id, provider, parameters, since, tag) VALUES ('one', 'file', '', 1, 'x')",
            ])
            .await;
        s.store.works_with("one").await;
        s.put(note("under the first")).await;
        place
            .tamper(&[
                "UPDATE root_keys SET retired_at = 2",
                "INSERT INTO root_keys (key_id, provider, parameters, since, tag) VALUES ('two', 'file', '', 2, 'x')",
            ])
            .await;
        let made = s.store.append(vec![put_vault(&vault("late"))]).await;
        assert!(made.is_err_and(|why| format!("{why:?}").contains("start it again")));
        assert!(s.store.vault(&vault("late").name).await.unwrap().is_none(), "and nothing came of it");
        assert_eq!(
            s.store.keep_presence().await.is_err(),
            !place.is_sqlite(),
            "where nodes look, it is noticed by itself"
        );
    }
}
