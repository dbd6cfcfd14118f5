//! Every request to every route has its record: the whole table is walked as nobody, as the owner and
//! as a stranger, and so is what is no request to any route. The record is the answer's own and
//! tells the answer's own status.

use strongroom_domain::{
    names::ObjectKind,
    record::{Outcome, Record},
};
use zeroize::Zeroizing;

use super::{BASE, Page, Story, VALUE};
use crate::{
    edge::{Body, RawRequest, Unreadable, answer},
    message::Method,
    routes::{Access, Endpoint, ROUTES, Route, Site},
};

fn raw(method: &str, authority: &str, target: &str) -> RawRequest {
    RawRequest { authority: authority.into(), content_type: None, ..super::raw(method, target) }
}

pub(super) fn of_route(route: &Route, version: &str) -> RawRequest {
    let path: Vec<&str> = route
        .template
        .split('/')
        .map(|part| match part {
            "{vault}" => "demo",
            "{name}" => "walked",
            "{version}" => version,
            "{provider}" => "dev",
            "{tenant}" => "11",
            "{file}" => "none.css",
            part if part.starts_with('{') => "something",
            part => part,
        })
        .collect();
    let (authority, query) = match route.site {
        Site::Base => ("vault.localhost:8443", ""),
        Site::Vault => ("demo.vault.localhost:8443", "?api-version=7.6"),
    };
    let mut raw = raw(route.method.as_str(), authority, &format!("{}{query}", path.join("/")));
    if matches!(route.method, Method::Put | Method::Post | Method::Patch) && route.access == Access::Bearer {
        raw.content_type = Some("application/json".into());
        raw.body = Body::Read(Zeroizing::new(br#"{"value":"a"}"#.to_vec()));
    }
    raw
}

impl Story {
    /// Sends, and gives the answer with the one record that tells of it.
    pub(super) async fn recorded(&self, what: &str, raw: RawRequest) -> (Page, Record) {
        // Nobody's requests are counted when there are too many at once.
        self.world.clock.advance(1000);
        let response = answer(self.services.clone(), raw).await;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        let page = Page { status: response.status, headers: response.headers, text };
        let id = page.header("x-ms-request-id").unwrap().to_owned();
        let mut records: Vec<Record> = self.log().into_iter().filter(|record| record.id.to_string() == id).collect();
        assert_eq!(records.len(), 1, "{what}: one record of {id} ({})", page.status);
        let record = records.remove(0);
        assert_eq!(record.status, Some(page.status), "{what}: {record:?}");
        assert!(!record.reason.is_empty() && !record.operation.is_empty(), "{what}: {record:?}");
        assert_eq!((record.client.as_str(), record.listener.as_str()), ("127.0.0.1", "test"), "{what}");
        assert_eq!(record.trace.is_empty(), record.trace_digest.is_none(), "{what}");
        assert!(!serde_json::to_string(&record).unwrap().contains(VALUE), "{what}: no value");
        (page, record)
    }
}

pub(super) fn routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| !matches!(route.endpoint, Endpoint::Health | Endpoint::Ready))
}

#[tokio::test]
async fn every_request_to_every_route_is_on_record() {
    let story = Story::start();
    for who in [None, Some("ada"), Some("eve")] {
        for route in routes() {
            let what = format!("{who:?} {} {}", route.method.as_str(), route.template);
            // Made again for every route: some of them take it away.
            let objects = story.world.store.image().objects;
            let version = match objects.keys().any(|(_, kind, _)| *kind == ObjectKind::Secret) {
                false => story.set("walked", VALUE).await,
                true => "0".repeat(32),
            };
            let mut raw = of_route(route, &version);
            if let Some(who) = who {
                match route.access {
                    Access::Public => {}
                    Access::Bearer => raw.authorization = Some(Zeroizing::new(format!("Bearer person-{who}"))),
                    Access::Session => {
                        let cookie = story.sign_in(who).await;
                        if route.method == Method::Post {
                            let token = story.get("/vaults", &cookie).await.form_token().to_owned();
                            raw.origin = Some(BASE.into());
                            raw.content_type = Some("application/x-www-form-urlencoded".into());
                            raw.body = Body::Read(Zeroizing::new(format!("csrf_token={token}").into_bytes()));
                        }
                        raw.cookies = Some(cookie);
                    }
                }
            }
            let (page, record) = story.recorded(&what, raw).await;
            let known = who.is_some() && route.access != Access::Public;
            assert_eq!(record.principal_kind != "anonymous", known, "{what}");
            if let (true, Some(who)) = (known, who) {
                assert_eq!(record.principal.unwrap().subject, who, "{what}");
            }
            let expected = match page.status {
                401 => Outcome::Unauthenticated,
                // Led to sign-in: whoever reads the log must not think that the page was shown.
                303 if who.is_none() && route.access == Access::Session => {
                    assert_eq!(record.reason, "session-missing", "{what}");
                    Outcome::Unauthenticated
                }
                ..=399 => Outcome::Allowed,
                _ if record.outcome == Outcome::Denied => Outcome::Denied,
                _ => Outcome::Failed,
            };
            assert_eq!(record.outcome, expected, "{what}");
        }
    }
}

#[tokio::test]
async fn what_is_no_request_to_a_route_is_on_record_too() {
    let story = Story::start();
    let vault = "demo.vault.localhost:8443";
    for (what, status, raw) in [
        ("no such path", 404, raw("GET", "vault.localhost:8443", "/nothing")),
        ("no such path of the API", 401, raw("GET", "vault.localhost:8443", "/api/v1/nothing")),
        ("another method", 405, raw("BREW", "vault.localhost:8443", "/sign-in")),
        ("a foreign host", 421, raw("GET", "example.com", "/secrets")),
        ("no host", 421, raw("GET", "", "/secrets")),
        ("no token", 401, raw("GET", vault, "/secrets?api-version=7.6")),
        ("a broken path", 401, raw("GET", vault, "/secrets/%zz")),
    ] {
        let (page, record) = story.recorded(what, raw).await;
        assert_eq!((page.status, record.principal), (status, None), "{what}");
    }
    let ada = |raw: RawRequest| RawRequest { authorization: Some(Zeroizing::new("Bearer person-ada".into())), ..raw };
    let set = "/secrets/db?api-version=7.6";
    for (what, status, raw) in [
        ("a broken path", 400, raw("GET", vault, "/secrets/%zz")),
        ("a path that is none", 404, raw("GET", vault, "/secrets/a/b/c/d?api-version=7.6")),
        ("no api-version", 400, raw("GET", vault, "/secrets")),
        ("a body that is no JSON", 400, raw("PUT", vault, set)),
        (
            "a body too large",
            413,
            RawRequest { body: Body::Unreadable(Unreadable::BodyTooLarge), ..raw("PUT", vault, set) },
        ),
        ("a body broken off", 400, RawRequest { body: Body::Unreadable(Unreadable::Broken), ..raw("PUT", vault, set) }),
        ("a body too slow", 408, RawRequest { body: Body::Unreadable(Unreadable::Timeout), ..raw("PUT", vault, set) }),
    ] {
        let (page, record) = story.recorded(what, ada(raw)).await;
        assert_eq!(page.status, status, "{what}");
        assert_eq!(record.principal.unwrap().subject, "ada", "{what}");
    }
}

#[tokio::test]
async fn probes_leave_no_record_and_floods_are_counted() {
    let story = Story::start();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(story.get(path, "").await.status, 200);
        // Who looks after a machine may know its address alone. A vault's host tells nobody which paths it has.
        for (authority, status) in [("192.0.2.9:8443", 200), ("localhost", 200), ("demo.vault.localhost:8443", 401)] {
            let answered = answer(story.services.clone(), raw("GET", authority, path)).await;
            assert_eq!(answered.status, status, "{authority}");
        }
    }
    assert_eq!(story.log().len(), 2, "the two of the vault's host");
    for _ in 0..100 {
        assert_eq!(story.get("/nothing", "").await.status, 404);
        assert_eq!(story.get("/sign-in", "").await.status, 200);
    }
    let counted = story.services.flood.take();
    assert_eq!(story.log().len() as u64 + counted.failures + counted.reads, 202, "recorded or counted");
    assert!(counted.failures >= 60 && counted.reads >= 60, "{counted:?}");
}

#[tokio::test]
async fn a_reveal_is_recorded_with_the_reason_that_was_given() {
    let story = Story::start();
    let version = story.set("db-password", VALUE).await;
    let cookie = story.sign_in("ada").await;
    let token = story.get("/vaults", &cookie).await.form_token().to_owned();
    let target = format!("/vaults/demo/secrets/db-password/{version}/reveal");
    let post = async |reason: &str| {
        let body = format!("csrf_token={token}&reason={reason}");
        let page = story.send("POST", &target, &cookie, Some(BASE), &body).await;
        let id = page.header("x-ms-request-id").unwrap().to_owned();
        let record = story.log().into_iter().find(|record| record.id.to_string() == id).unwrap();
        (page, record)
    };
    let (page, record) = post("+ticket+%3C42%3E+").await;
    assert_eq!((page.status, record.stated_reason.as_deref()), (200, Some("ticket <42>")));
    assert!(page.text.contains("thevalueitself") && !page.text.contains("ticket <42>"), "escaped");
    assert!(story.get("/audit", &cookie).await.text.contains("ticket"));
    assert_eq!(post("").await.1.stated_reason, None, "nobody has to");
    for unfit in ["a%0Ab".to_owned(), "x".repeat(201)] {
        let (page, record) = post(&unfit).await;
        assert_eq!((page.status, record.stated_reason), (400, None), "{unfit}");
        assert!(!page.text.contains(VALUE));
    }
}
