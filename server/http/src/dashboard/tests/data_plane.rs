//! The data plane as a client meets it: requests to a vault's host through the edge, over a store in memory.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use strongroom_domain::{
    grant::Scope,
    names::VaultName,
    principal::Grantee,
    record::{Outcome, Record},
    role::Role,
    test_support::world::person,
    vault::VaultSettings,
};
use zeroize::Zeroizing;

use super::{Story, raw};
use crate::{
    api::wire::API_VERSIONS,
    edge::{Body, RawRequest, answer},
};

/// What came back.
struct Said {
    status: u16,
    body: Value,
}

impl Said {
    fn problem(&self) -> String {
        format!("{} {}", self.status, self.body["error"]["code"].as_str().unwrap_or_default())
    }

    /// Path and query of the next page.
    fn next(&self) -> Option<String> {
        let link = self.body["nextLink"].as_str()?;
        let (_, target) = link.split_once(".vault.localhost:8443").unwrap();
        Some(target.to_owned())
    }

    fn ids(&self) -> Vec<&str> {
        let value = self.body["value"].as_array().unwrap();
        value.iter().map(|item| item["id"].as_str().or(item["kid"].as_str()).unwrap()).collect()
    }
}

impl Story {
    /// A request of Ada's to a vault.
    async fn ask_of(&self, vault: &str, method: &str, target: &str, body: &str) -> Said {
        let raw = RawRequest {
            authority: format!("{vault}.vault.localhost:8443"),
            authorization: Some(Zeroizing::new("Bearer person-ada".to_owned())),
            content_type: Some("application/json".to_owned()),
            body: Body::Read(Zeroizing::new(body.as_bytes().to_vec())),
            ..raw(method, target)
        };
        let response = answer(self.services.clone(), raw).await;
        Said { status: response.status, body: serde_json::from_slice(&response.body).unwrap_or(Value::Null) }
    }

    async fn ask(&self, method: &str, target: &str, body: &Value) -> Said {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask_of("demo", method, target, &body).await
    }

    async fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let said = self.ask(method, &format!("{path}?api-version=7.6"), body).await;
        assert!((200..300).contains(&said.status), "{method} {path}: {} {}", said.status, said.body);
        said.body
    }

    /// How often something was changed.
    fn changes(&self) -> usize {
        self.world.store.image().happened.len()
    }

    /// One more record, of a refusal.
    fn refused(&self, before: usize, operation: &str, status: u16) -> Record {
        let log = self.log();
        assert_eq!(log.len(), before + 1, "{operation}");
        let last = self.last();
        assert_eq!((last.operation.as_str(), last.outcome, last.status), (operation, Outcome::Failed, Some(status)));
        last
    }
}

fn token_of(target: &str) -> String {
    let query = target.split_once('?').unwrap().1;
    url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "$skiptoken").unwrap().1.into_owned()
}

fn with(path: &str, token: &str) -> String {
    format!("{path}?api-version=7.6&maxresults=1&$skiptoken={token}")
}

/// Three names of each kind, one with two versions, and two deleted ones.
async fn furnish(story: &Story) {
    let certificate = json!({ "policy": {
        "key_props": { "kty": "EC", "crv": "P-256" },
        "x509_props": { "subject": "CN=a.example" },
        "issuer": { "name": "Self" },
    } });
    let kinds = [
        ("secrets", 'a', "PUT", "", json!({ "value": "v" })),
        ("keys", 'k', "POST", "/create", json!({ "kty": "EC", "crv": "P-256" })),
        ("certificates", 'z', "POST", "/create", certificate),
    ];
    // Keys and secrets of certificates have the names of these, and come behind the others.
    for (collection, first, method, verb, body) in kinds {
        for name in ["a", "a", "b", "c", "d", "e"] {
            story.done(method, &format!("/{collection}/{first}-{name}{verb}"), &body).await;
        }
        for name in ["d", "e"] {
            story.done("DELETE", &format!("/{collection}/{first}-{name}"), &Value::Null).await;
        }
    }
}

#[tokio::test]
async fn a_page_begins_where_its_own_listing_said_and_nowhere_else() {
    let story = Story::start();
    story.world.put_vault(&VaultName::parse("other").unwrap(), VaultSettings::default()).unwrap();
    furnish(&story).await;
    let listings = [
        ("/secrets", "SecretList"),
        ("/deletedsecrets", "SecretListDeleted"),
        ("/secrets/a-a/versions", "SecretListVersions"),
        ("/keys", "KeyList"),
        ("/deletedkeys", "KeyListDeleted"),
        ("/keys/k-a/versions", "KeyListVersions"),
        ("/certificates", "CertificateList"),
        ("/deletedcertificates", "CertificateListDeleted"),
        ("/certificates/z-a/versions", "CertificateListVersions"),
    ];
    let mut tokens = BTreeMap::new();
    for (path, _) in listings {
        let first = story.ask("GET", &format!("{path}?api-version=7.6&maxresults=1"), &Value::Null).await;
        let next = first.next().unwrap_or_else(|| panic!("{path} has a second page: {}", first.body));
        let second = story.ask("GET", &next, &Value::Null).await;
        assert_eq!(second.status, 200, "{path}");
        assert_ne!(second.ids(), first.ids(), "{path}");
        tokens.insert(path, token_of(&next));
    }
    let changes = story.changes();
    for (path, operation) in listings {
        let own = &tokens[path];
        let mut others: Vec<String> =
            tokens.iter().filter(|(of, _)| **of != path).map(|(_, token)| token.clone()).collect();
        // The place alone, as anybody can write it; what was sealed, cut and edited.
        others.push(BASE64URL_NOPAD.encode(b"a-a"));
        let bytes = BASE64URL_NOPAD.decode(own.as_bytes()).unwrap();
        others.push(BASE64URL_NOPAD.encode(&bytes[32..]));
        for at in [0, 31, bytes.len() - 1] {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            others.push(BASE64URL_NOPAD.encode(&forged));
        }
        others.push(BASE64URL_NOPAD.encode(&bytes[..bytes.len() - 1]));
        for token in others {
            let records = story.log().len();
            let said = story.ask("GET", &with(path, &token), &Value::Null).await;
            assert_eq!(said.problem(), "400 BadParameter", "{path} {token}");
            let last = story.refused(records, operation, 400);
            assert_eq!((last.vault.as_deref(), last.reason.as_str()), (Some("demo"), "bad-parameter"));
        }
        let records = story.log().len();
        let said = story.ask_of("other", "GET", &with(path, own), "").await;
        assert_eq!(said.problem(), "400 BadParameter", "{path} of another vault");
        assert_eq!(story.refused(records, operation, 400).vault.as_deref(), Some("other"));
        // However the path is spelt.
        let capitals = path.to_ascii_uppercase();
        assert_eq!(story.ask("GET", &with(&capitals, own), &Value::Null).await.status, 200, "{capitals}");
    }
    assert_eq!(story.changes(), changes, "nothing was changed");

    // A stale one, whose object is gone, goes on behind where it was.
    story.done("DELETE", "/secrets/a-a", &Value::Null).await;
    story.done("DELETE", "/deletedsecrets/a-a", &Value::Null).await;
    let said = story.ask("GET", &with("/secrets", &tokens["/secrets"]), &Value::Null).await;
    assert_eq!(said.status, 200, "{}", said.body);
    assert!(said.ids()[0].ends_with("/secrets/a-b"), "{}", said.body);
}

#[tokio::test]
async fn a_filtered_list_of_assignments_stays_so_on_every_page() {
    let story = Story::start();
    let vault = story.world.put_vault(&VaultName::parse("other").unwrap(), VaultSettings::default()).unwrap();
    let scope = || Scope::Vault { vault: vault.id };
    for _ in 0..101 {
        story.world.put_grant(Grantee::Principal { id: person("bob").id.clone() }, Role::Reader, scope()).unwrap();
        story.world.put_grant(Grantee::Principal { id: person("eve").id.clone() }, Role::Reader, scope()).unwrap();
    }
    let mut next = Some(
        "/providers/Microsoft.Authorization/roleAssignments?api-version=7.6\
         &$filter=principalId%20eq%20%27https%3A%2F%2Fpeople.example%23bob%27"
            .to_owned(),
    );
    let mut seen = 0;
    while let Some(target) = next {
        let page = story.ask_of("other", "GET", &target, "").await;
        assert_eq!(page.status, 200, "{}", page.body);
        for shown in page.body["value"].as_array().unwrap() {
            assert_eq!(shown["properties"]["principalId"], "https://people.example#bob");
            seen += 1;
        }
        next = page.next();
    }
    assert_eq!(seen, 101);
}

/// The names of everything in an answer.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, member)| (name.clone(), shape(member))).collect())
        }
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Null => Value::Null,
        _ => json!(true),
    }
}

#[tokio::test]
async fn every_api_version_answers_every_operation_on_secrets_alike() {
    let mut expected = None;
    for version in API_VERSIONS {
        let story = Story::start();
        let query = format!("?api-version={version}");
        let mut shapes = Vec::new();
        let mut ask = async |method: &str, path: &str, body: Value| {
            let said = story.ask(method, &format!("{path}{query}"), &body).await;
            assert!((200..300).contains(&said.status), "{version} {method} {path}: {} {}", said.status, said.body);
            shapes.push((method.to_owned(), path.len(), said.status, shape(&said.body)));
            said.body
        };
        let attributes = json!({ "enabled": true, "nbf": 1, "exp": 2_000_000_000 });
        let whole =
            json!({ "value": "v", "contentType": "text/plain", "tags": { "a": "b" }, "attributes": attributes });
        let set = ask("PUT", "/secrets/db", whole).await;
        let id = set["id"].as_str().unwrap();
        let versioned = id.split_once(".vault.localhost:8443").unwrap().1;
        ask("GET", versioned, Value::Null).await;
        ask("GET", "/secrets/db", Value::Null).await;
        ask("PATCH", versioned, json!({ "contentType": "text/html" })).await;
        ask("GET", "/secrets", Value::Null).await;
        ask("GET", "/secrets/db/versions", Value::Null).await;
        let blob = ask("POST", "/secrets/db/backup", Value::Null).await;
        ask("DELETE", "/secrets/db", Value::Null).await;
        ask("GET", "/deletedsecrets", Value::Null).await;
        ask("GET", "/deletedsecrets/db", Value::Null).await;
        ask("POST", "/deletedsecrets/db/recover", Value::Null).await;
        ask("DELETE", "/secrets/db", Value::Null).await;
        ask("DELETE", "/deletedsecrets/db", Value::Null).await;
        let restored = ask("POST", "/secrets/restore", blob).await;
        assert_eq!(restored["id"], set["id"]);
        assert_eq!(&shapes, expected.get_or_insert_with(|| shapes.clone()), "{version}");
    }
}

#[tokio::test]
async fn requests_to_what_was_purged_find_nothing_change_nothing_and_are_on_record() {
    let story = Story::start();
    let old = story.done("PUT", "/secrets/gone", &json!({ "value": "1" })).await;
    let old = old["id"].as_str().unwrap().split_once(".vault.localhost:8443").unwrap().1.to_owned();
    story.done("PUT", "/secrets/gone", &json!({ "value": "2" })).await;
    story.done("DELETE", "/secrets/gone", &Value::Null).await;
    story.done("DELETE", "/deletedsecrets/gone", &Value::Null).await;
    let changes = story.changes();
    for (method, path, operation) in [
        ("GET", "/secrets/gone", "SecretGet"),
        ("GET", old.as_str(), "SecretGet"),
        ("PATCH", "/secrets/gone", "SecretUpdate"),
        ("PATCH", old.as_str(), "SecretUpdate"),
        ("DELETE", "/secrets/gone", "SecretDelete"),
        ("POST", "/secrets/gone/backup", "SecretBackup"),
        ("GET", "/deletedsecrets/gone", "SecretGetDeleted"),
        ("POST", "/deletedsecrets/gone/recover", "SecretRecover"),
        ("DELETE", "/deletedsecrets/gone", "SecretPurge"),
    ] {
        let records = story.log().len();
        let body = if method == "PATCH" { json!({ "tags": {} }) } else { Value::Null };
        let said = story.ask(method, &format!("{path}?api-version=7.6"), &body).await;
        assert_eq!(said.problem(), "404 SecretNotFound", "{method} {path}");
        assert_eq!(story.refused(records, operation, 404).object.as_deref(), Some("gone"), "{method} {path}");
    }
    assert_eq!(story.changes(), changes);
}

#[tokio::test]
async fn absurd_times_change_nothing_and_are_on_record() {
    let story = Story::start();
    story.done("PUT", "/secrets/kept", &json!({ "value": "1" })).await;
    let changes = story.changes();
    for time in ["253402300800", "9223372036854775807", "9223372036854775808", "-5", "1.5", "1e400", "\"soon\"", "{}"] {
        for attribute in ["nbf", "exp"] {
            for (method, operation, value) in [("PUT", "SecretSet", r#""value":"2","#), ("PATCH", "SecretUpdate", "")] {
                let body = format!(r#"{{{value}"attributes":{{"{attribute}":{time}}}}}"#);
                let records = story.log().len();
                let said = story.ask_of("demo", method, "/secrets/kept?api-version=7.6", &body).await;
                assert_eq!(said.problem(), "400 BadParameter", "{method} {body}");
                assert_eq!(story.refused(records, operation, 400).object.as_deref(), Some("kept"), "{method} {body}");
            }
        }
    }
    assert_eq!(story.changes(), changes);
}

#[tokio::test]
async fn what_cannot_be_restored_changes_nothing_and_is_on_record() {
    let story = Story::start();
    story.world.put_vault(&VaultName::parse("other").unwrap(), VaultSettings::default()).unwrap();
    story.done("PUT", "/secrets/kept", &json!({ "value": "1" })).await;
    let blob = story.done("POST", "/secrets/kept/backup", &Value::Null).await.to_string();
    let changes = story.changes();
    for (vault, problem, status, reason) in
        [("demo", "409 Conflict", 409, "exists"), ("other", "400 BadParameter", 400, "bad-backup")]
    {
        let records = story.log().len();
        let said = story.ask_of(vault, "POST", "/secrets/restore?api-version=7.6", &blob).await;
        assert_eq!(said.problem(), problem, "{vault}");
        let last = story.refused(records, "SecretRestore", status);
        assert_eq!((last.vault.as_deref(), last.reason.as_str()), (Some(vault), reason));
    }
    assert_eq!(story.changes(), changes);
}
