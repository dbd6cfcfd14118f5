//! What a request brings is text wherever a page shows it: what is asked for, names in a path, reasons, headers, and who
//! somebody says that they are. What forms keep is probed with the walk of all forms.

use strongroom_domain::{grant::Scope, principal::Grantee, role::Role, test_support::world::person};
use url::form_urlencoded;

use super::{
    RawRequest, Story, VALUE,
    forms::{PROBE, harmless},
    raw,
};

/// As a page shows the probe.
const SHOWN: &str = "&#60;img src=x onerror=alert(1)&#62;";

fn in_addresses() -> String {
    form_urlencoded::byte_serialize(PROBE.as_bytes()).collect()
}

#[tokio::test]
async fn what_is_asked_for_is_text() {
    let story = Story::start();
    story.set("db-password", VALUE).await;
    let ada = story.sign_in("ada").await;
    let probe = in_addresses();
    for target in [
        "/search?q=*",
        "/vaults?q=*&sort=*&after=*",
        "/vaults/demo/secrets?q=*",
        "/vaults/demo/secrets?tag=*&state=*&expires=*&rotated=*&sort=*&after=*",
        "/vaults/demo/keys?q=*&sort=*&after=*",
        "/vaults/demo/certificates?q=*&sort=*&after=*",
        "/vaults/demo/network?address=*&listener=*",
        "/vaults/demo/new-issuer?provider=*",
        "/audit?principal=*&object=*",
        "/audit?outcome=*&from=*&before=*&range=*&reason=*",
        "/access?scope=*&kind=*&q=*",
        "/access/new-assignment?issuer=*&subject=*&group=*&role=*&scope=*&until=*",
        "/why?issuer=*&subject=*&groups=*&action=*&vault=*&name=*&at=*",
        "/vaults/*/secrets",
        "/vaults/demo/secrets/*",
        "/vaults/demo/keys/*",
        "/why/*",
        "/audit/*",
        "/policy/modules/*",
        "/policy/documents/*",
        "/policy/attached/*/*",
        "/access/roles/*",
        "/auth/*/start",
        "/*",
    ] {
        let target = target.replace('*', &probe);
        harmless(&target, story.get(&target, &ada).await);
    }
}

#[tokio::test]
async fn reasons_headers_and_names_are_text() {
    let story = Story::start();
    let version = story.set("db-password", VALUE).await;
    let ada = story.sign_in("ada").await;
    let probe = in_addresses();
    let reveal = format!("/vaults/demo/secrets/db-password/{version}/reveal");
    let revealed = story.submit(&reveal, &ada, &format!("reason={probe}")).await;
    assert_eq!(revealed.status, 200);
    assert!(harmless("a reveal", revealed).text.contains(SHOWN));

    let headers = RawRequest {
        cookies: Some(ada.clone()),
        client_request_id: Some(PROBE.into()),
        accept_language: Some(PROBE.into()),
        user_agent: Some(PROBE.into()),
        ..raw("GET", "/vaults/demo/secrets")
    };
    let (page, record) = story.recorded("headers", headers).await;
    harmless("headers", page);
    harmless("their record", story.get(&format!("/audit/{}", record.id), &ada).await);

    // Somebody whose name is mark-up, as a provider may say, and who is given something.
    let named = story.sign_in(&probe).await;
    let own = harmless("their own page", story.get("/me", &named).await);
    assert!(own.text.contains(SHOWN), "{}", own.text);
    harmless("a denial", story.get("/vaults/demo/secrets", &named).await);
    let grantee = Grantee::Principal { id: person(PROBE).id.clone() };
    story.world.put_grant(grantee, Role::Reader, Scope::Server).unwrap();
    harmless("a list", story.get("/vaults/demo/secrets", &named).await);
    for page in ["/access", "/vaults/demo/access", "/vaults/demo/secrets/db-password", "/overview", "/audit"] {
        harmless(page, story.get(page, &ada).await);
    }
    assert!(story.get("/audit", &ada).await.text.contains(SHOWN), "who it was");
}
