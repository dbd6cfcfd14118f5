//! Bad input on every route of the table, from somebody who may do everything, so that nothing but the input
//! can be what is refused: an error of the documented shape, a record of it, and nothing has happened.

use strongroom_domain::record::Outcome;
use zeroize::Zeroizing;

use super::{BASE, Page, Story, VALUE, raw};
use crate::{
    edge::{Body, RawRequest, Unreadable},
    message::Method,
    routes::{Access, Endpoint, ROUTES, Route, Site},
};

const ID: &str = "00000000-0000-4000-8000-000000000001";
/// A part of a path that is none: of whatever sort it should be.
const WRONG: [&str; 6] = ["not_a_name", "%00", "%ff", "%zz", "a%2Fb", "..%2f..%2fx"];
/// What each parameter never is besides.
const WRONG_FOR: [(&str, &str); 5] =
    [("{vault}", "a--b"), ("{vault}", "x"), ("{version}", "latest"), ("{id}", "1"), ("{credential}", "1")];

/// Routes whose method could have a body and that read none, as in Azure: what stands in one is ignored. This
/// list may only shrink.
const NO_BODY: [Endpoint; 11] = [
    Endpoint::DeletedVaultRecover,
    Endpoint::PolicyRollBackEverywhere,
    Endpoint::TokenKeyRotate,
    Endpoint::TokenKeyRevoke,
    Endpoint::DeletedRecover,
    Endpoint::DeletedKeyRecover,
    Endpoint::DeletedCertificateRecover,
    Endpoint::SecretBackup,
    Endpoint::KeyBackup,
    Endpoint::KeyRotate,
    Endpoint::CertificateBackup,
];
/// Its body is no JSON but a module, and the host that refuses what is none has tests of its own.
const TAKES_BYTES: Endpoint = Endpoint::PolicyModulePush;

/// Bodies that are none of any route.
fn bodies() -> Vec<(&'static str, Body, u16)> {
    let read = |bytes: &[u8]| Body::Read(Zeroizing::new(bytes.to_vec()));
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    vec![
        ("no body", read(b""), 400),
        ("half of a body", read(b"{\"value\":"), 400),
        ("two bodies", read(b"{}{}"), 400),
        ("a list", read(b"[]"), 400),
        ("a text", read(b"\"x\""), 400),
        ("null", read(b"null"), 400),
        ("bytes that are not UTF-8", read(b"{\"name\":\"\xff\xfe\",\"value\":\"\xff\"}"), 400),
        ("5,000 levels", read(deep.as_bytes()), 400),
        ("a body without end", Body::Unreadable(Unreadable::BodyTooLarge), 413),
        ("a body broken off", Body::Unreadable(Unreadable::Broken), 400),
        ("a body that does not arrive", Body::Unreadable(Unreadable::Timeout), 408),
    ]
}

/// The parameters of a route.
fn parameters(route: &Route) -> impl Iterator<Item = &'static str> {
    route.template.split('/').filter(|part| part.starts_with('{'))
}

/// A route's path about things that are there, but for one parameter.
fn path(route: &Route, version: &str, spoilt: Option<(&str, &str)>) -> String {
    let fill = |part: &'static str| match (part, spoilt) {
        (part, Some((parameter, wrong))) if part == parameter => wrong.to_owned(),
        ("{vault}", _) => "demo".to_owned(),
        ("{name}", _) => "walked".to_owned(),
        ("{version}", _) => version.to_owned(),
        ("{scope}", _) => String::new(),
        ("{provider}", _) => "dev".to_owned(),
        ("{tenant}", _) => "11".to_owned(),
        (part, _) if part.starts_with('{') => ID.to_owned(),
        (part, _) => part.to_owned(),
    };
    route.template.split('/').map(fill).collect::<Vec<_>>().join("/")
}

/// A world of its own for a route, and Ada, who owns everything in it.
struct Walk {
    route: &'static Route,
    story: Story,
    version: String,
    cookie: String,
    form_token: String,
    asked: usize,
    /// What was taken, or answered with something else than was expected.
    wrong: Vec<String>,
}

impl Walk {
    async fn of(route: &'static Route) -> Self {
        let story = Story::start();
        let version = story.set("walked", VALUE).await;
        let cookie = story.sign_in("ada").await;
        let form_token = story.get("/vaults", &cookie).await.form_token().to_owned();
        Self { route, story, version, cookie, form_token, asked: 0, wrong: Vec::new() }
    }

    /// A request that Ada may make, but for what is spoilt in its path or query.
    fn ask(&self, spoilt: Option<(&str, &str)>, query: &str) -> RawRequest {
        let target = format!("{}{query}", path(self.route, &self.version, spoilt));
        let mut raw = raw(self.route.method.as_str(), &target);
        if self.route.site == Site::Vault {
            raw.authority = "demo.vault.localhost:8443".into();
        }
        match self.route.access {
            Access::Public => {}
            Access::Bearer => {
                raw.authorization = Some(Zeroizing::new("Bearer person-ada".into()));
                raw.content_type = Some("application/json".into());
                raw.body = Body::Read(Zeroizing::new(b"{\"value\":\"changed\"}".to_vec()));
            }
            Access::Session => {
                raw.cookies = Some(self.cookie.clone());
                raw.origin = Some(BASE.into());
                raw.body = Body::Read(Zeroizing::new(format!("csrf_token={}", self.form_token).into_bytes()));
            }
        }
        raw
    }

    fn changes(&self) -> usize {
        self.story.world.store.meddle(|image| image.happened.len())
    }

    /// Sends; it is refused with one of these, and nothing has happened.
    async fn refused(&mut self, what: &str, raw: RawRequest, expected: &[u16]) {
        let what = format!("{what} to {} {}", self.route.method.as_str(), self.route.template);
        let before = self.changes();
        let (page, record) = self.story.recorded(&what, raw).await;
        let bearer = self.route.access == Access::Bearer;
        let known = record.principal.map(|principal| principal.subject).as_deref() == Some("ada");
        for (complaint, is_so) in [
            ("another status", !expected.contains(&page.status)),
            ("a value comes back", page.text.contains(VALUE)),
            ("something has happened", self.changes() != before),
            ("on record as allowed", record.outcome == Outcome::Allowed),
            // A path that cannot be read leads to no page, and so nobody looks for a session.
            ("on record without its caller", bearer && !known),
            ("not of the documented shape", bearer && !is_documented(&page)),
        ] {
            if is_so {
                self.wrong.push(format!("{what}: {complaint} ({})", page.status));
            }
        }
        self.asked += 1;
    }

    async fn bodies(&mut self, query: &str) {
        for (what, body, status) in bodies() {
            let raw = RawRequest { body, ..self.ask(None, query) };
            self.refused(what, raw, &[status]).await;
        }
    }

    async fn parameters(&mut self, query: &str) {
        // Any text may be the name of a file or a node.
        for parameter in parameters(self.route).filter(|parameter| !["{file}", "{node}"].contains(parameter)) {
            let besides = WRONG_FOR.iter().filter(|(of, _)| *of == parameter).map(|(_, wrong)| *wrong);
            for wrong in WRONG.into_iter().chain(besides) {
                let raw = self.ask(Some((parameter, wrong)), query);
                self.refused(&format!("{wrong} for {parameter}"), raw, &[400, 404]).await;
            }
        }
    }

    async fn api_versions(&mut self) {
        for query in ["", "?api-version=", "?api-version=9.9", "?api-version=7.6&api-version=7.6"] {
            let raw = self.ask(None, query);
            self.refused(&format!("{query:?}"), raw, &[400]).await;
        }
    }
}

/// Azure's shape of an error, with a code and a sentence.
fn is_documented(page: &Page) -> bool {
    let body: serde_json::Value = serde_json::from_str(&page.text).unwrap_or_default();
    let said = |part| body.pointer(part).and_then(|text| text.as_str()).is_some_and(|text| !text.is_empty());
    said("/error/code") && said("/error/message")
}

#[tokio::test]
async fn bad_input_changes_nothing_on_any_route_and_is_on_record() {
    let (mut asked, mut wrong) = (0, Vec::new());
    for route in ROUTES {
        let mut walk = Walk::of(route).await;
        let query = if route.site == Site::Vault { "?api-version=7.6" } else { "" };
        let may_have_a_body = matches!(route.method, Method::Put | Method::Post | Method::Patch);
        let takes_json = may_have_a_body && !NO_BODY.contains(&route.endpoint) && route.endpoint != TAKES_BYTES;
        if route.access == Access::Bearer && takes_json {
            walk.bodies(query).await;
        }
        walk.parameters(query).await;
        if route.site == Site::Vault {
            walk.api_versions().await;
        }
        asked += walk.asked;
        wrong.extend(walk.wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked > 1000, "{asked} requests");
}
