//! Lists: pages, links, order, and that no list carries a value.

use reqwest::Method;
use serde_json::Value;

use crate::support::{Ask, TestVault};

/// Follows `nextLink` to the end, as clients do: verbatim. Gives ids page by page.
async fn pages(vault: &TestVault, token: &str, path: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = Some(format!("{}{path}", vault.vault_url("demo")));
    while let Some(url) = next {
        let page = Ask::new(vault.http(), Method::GET, &url).bearer(token).send().await.expect(200).json();
        let items = page["value"].as_array().expect("a list");
        assert!(items.iter().all(|item| item["value"].is_null()), "a list never carries a value");
        pages.push(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect());
        assert!(page.as_object().unwrap().contains_key("nextLink"), "the last page says so");
        next = page["nextLink"].as_str().map(str::to_owned);
        if let Some(link) = &next {
            assert!(link.starts_with(&vault.vault_url("demo")), "{link}");
            assert!(link.contains("api-version=7.5"), "{link}");
        }
        assert!(pages.len() < 100, "the list has an end");
    }
    pages
}

#[tokio::test]
async fn a_list_comes_in_pages_that_miss_and_repeat_nothing() {
    let vault = TestVault::dev().await;
    let token = vault.token(&vault.app()).await;
    let mut expected = Vec::new();
    for number in 0..30 {
        // Written in an order that is not the order of names.
        let name = format!("item-{:02}", (number * 7) % 30);
        vault.set(&token, &name, "x").await;
        expected.push(format!("{}/secrets/{name}", vault.vault_url("demo")));
    }
    expected.sort();

    let by_default = pages(&vault, &token, "/secrets?api-version=7.5").await;
    assert_eq!(by_default.iter().map(Vec::len).collect::<Vec<_>>(), [25, 5]);
    assert_eq!(by_default.concat(), expected, "by name");
    let small = pages(&vault, &token, "/secrets?api-version=7.5&maxresults=4").await;
    assert!(small.iter().all(|page| page.len() <= 4));
    assert_eq!(small.concat(), expected);
    let encoded = pages(&vault, &token, "/secrets/?maxresults=10&api%2Dversion=7.5").await;
    assert_eq!(encoded.concat(), expected);

    let gone = vault.ask(Method::DELETE, "/secrets/item-00").bearer(&token).send().await.expect(200).json();
    assert!(!pages(&vault, &token, "/secrets?api-version=7.5").await.concat().contains(&expected[0]));
    let deleted = pages(&vault, &token, "/deletedsecrets?api-version=7.5&maxresults=1").await.concat();
    assert_eq!(deleted, [expected[0].clone()]);
    assert!(gone["recoveryId"].is_string());
}

#[tokio::test]
async fn versions_are_listed_in_the_order_in_which_they_were_made() {
    let vault = TestVault::dev().await;
    let token = vault.token(&vault.app()).await;
    let mut expected = Vec::new();
    for number in 0..6 {
        let bundle: Value = vault.set(&token, "many", &number.to_string()).await;
        expected.push(bundle["id"].as_str().unwrap().to_owned());
    }
    // Several within one second, which is all that their attributes tell.
    expected.reverse();
    let found = pages(&vault, &token, "/secrets/many/versions?api-version=7.5&maxresults=4").await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2]);
    assert_eq!(found.concat(), expected);
}

#[tokio::test]
async fn page_sizes_and_tokens_outside_the_rules_are_refused() {
    let vault = TestVault::dev().await;
    let token = vault.token(&vault.app()).await;
    for query in [
        "maxresults=0",
        "maxresults=26",
        "maxresults=-1",
        "maxresults=",
        "maxresults=ten",
        "maxresults=99999999999999999999",
        "maxresults=5&maxresults=6",
        "$skiptoken=%00",
        "$skiptoken=nonsense!",
        "%24skiptoken=",
    ] {
        for path in ["/secrets", "/deletedsecrets", "/secrets/x/versions"] {
            let answer = vault.ask(Method::GET, &format!("{path}?{query}")).bearer(&token).send().await;
            assert_eq!(answer.problem(), "400 BadParameter", "{path}?{query}");
        }
    }
}
