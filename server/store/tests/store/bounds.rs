//! There are only so many of what owners may add, however many add at the same moment.

use strongroom_domain::{
    access_policy::MAX_ACCESS_POLICIES,
    grant::Scope,
    policy_document::MAX_DOCUMENTS,
    policy_module::MAX_MODULES,
    ports::AuditLog as _,
    principal::Grantee,
    record::{Entry, Settled},
    role::{MAX_ROLE_DEFINITIONS_OF_VAULT, RoleDefinition},
};
use strongroom_store::{Store, StoreOptions};

use crate::{
    grants, policies,
    support::{Place, Started, id, on_both, options, put_vault, put_vault_beside, vault},
};

on_both!(
    access_policies_of_a_vault_have_a_bound,
    documents_have_a_bound_and_are_replaced_at_it,
    modules_have_a_bound,
    roles_at_home_in_a_vault_have_a_bound,
    vaults_are_made_beside_as_many_as_was_said,
    a_name_that_stands_in_other_letters_is_not_free,
);

/// All of these go in, and the one more does not: each is in a batch of its own, as requests that were judged before.
async fn fill(s: &Started, all: Vec<Entry>, one_more: Entry) {
    let settled = s.store.append(all).await.unwrap();
    assert!(settled.iter().all(|one| *one == Settled::Recorded), "{settled:?}");
    assert_eq!(s.put(one_more).await, Settled::Conflict);
}

async fn access_policies_of_a_vault_have_a_bound(place: Place) {
    let s = place.start().await;
    let group = |number: usize| Grantee::Group { issuer: "https://idp".into(), group: format!("g-{number}") };
    let put = |number| grants::put_policy(grants::policy(s.vault, &group(number), 5), None);
    fill(&s, (0..MAX_ACCESS_POLICIES).map(put).collect(), put(MAX_ACCESS_POLICIES)).await;
    let again = grants::put_policy(grants::policy(s.vault, &group(0), 6), Some(5));
    assert_eq!(s.put(again).await, Settled::Recorded, "what is there may change");
}

async fn documents_have_a_bound_and_are_replaced_at_it(place: Place) {
    let s = place.start().await;
    let write = |number: usize| policies::write(&policies::document(&format!("d-{number}"), "text", 1), None);
    fill(&s, (0..MAX_DOCUMENTS).map(write).collect(), write(MAX_DOCUMENTS)).await;
    let change = |text: &str| policies::write(&policies::document("d-0", text, 2), Some(1));
    assert_eq!(s.put(change(&"x".repeat(64 * 1024))).await, Settled::Conflict, "all of them together are too long");
    assert_eq!(s.put(change("other")).await, Settled::Recorded);
}

async fn modules_have_a_bound(place: Place) {
    let s = place.start().await;
    let push = |number: usize| policies::push(&policies::module(u8::try_from(number).unwrap()), b"one");
    fill(&s, (0..MAX_MODULES).map(push).collect(), push(MAX_MODULES)).await;
}

async fn roles_at_home_in_a_vault_have_a_bound(place: Place) {
    let s = place.start().await;
    let at = |scope: &Scope, number: usize| {
        let role = grants::role(id(), &format!("role-{number}"), 5);
        RoleDefinition { assignable_scopes: vec![scope.clone()], ..role }
    };
    let here = Scope::Vault { vault: s.vault };
    let put = |number| grants::put_role(at(&here, number), None);
    fill(&s, (0..MAX_ROLE_DEFINITIONS_OF_VAULT).map(put).collect(), put(MAX_ROLE_DEFINITIONS_OF_VAULT)).await;
    let wide = at(&Scope::Server, 100);
    assert_eq!(s.put(grants::put_role(wide.clone(), None)).await, Settled::Recorded, "it is at home elsewhere");
    let moved = RoleDefinition { assignable_scopes: vec![here], revision: 6, ..wide };
    assert_eq!(s.put(grants::put_role(moved, Some(5))).await, Settled::Conflict, "and cannot move here");
}

async fn vaults_are_made_beside_as_many_as_was_said(place: Place) {
    let s = place.start().await;
    let make = |name: &str, beside| put_vault_beside(&vault(name), beside);
    let settled = s.store.append(vec![make("two", 2), make("three", 2), make("four", 3)]).await.unwrap();
    assert_eq!(settled, [Settled::Recorded, Settled::Conflict, Settled::Recorded]);
}

async fn a_name_that_stands_in_other_letters_is_not_free(place: Place) {
    let s = place.start().await;
    place.tamper(&["UPDATE vaults SET name = 'DEMO'"]).await;
    let settled = s.store.append(vec![put_vault(&vault("demo")), put_vault(&vault("other"))]).await.unwrap();
    assert_eq!(settled, [Settled::Refused, Settled::Recorded]);
}

/// The last place, wanted by two nodes at once.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_gets_the_last_place() {
    let Some(place) = Place::postgres().await else { return };
    let s = place.start().await;
    let other = StoreOptions { node: "second".to_owned(), ..options() };
    let other = Store::open(&place.url, other).await.unwrap();
    for number in 0..10 {
        let write = |name: String| policies::write(&policies::document(&name, "text", 1), None);
        let there = if number == 0 { MAX_DOCUMENTS - 1 } else { 0 };
        s.store.append((0..there).map(|n| write(format!("d-{n}"))).collect()).await.unwrap();
        let (one, two) = (write(format!("one-{number}")), write(format!("two-{number}")));
        let (left, right) = tokio::join!(s.store.append(vec![one]), other.append(vec![two]));
        let recorded = [left.unwrap()[0], right.unwrap()[0]].iter().filter(|one| **one == Settled::Recorded).count();
        assert_eq!(recorded, 1, "try {number}");
        place.tamper(&["DELETE FROM policy_documents WHERE name LIKE 'one-%' OR name LIKE 'two-%'"]).await;
    }
}
