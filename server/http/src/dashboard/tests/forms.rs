//! Every form of every page: it carries the session's token, and without it nothing happens. Every page that they stand
//! on shows as text what somebody wrote, and has commands that do the same.

use std::collections::BTreeSet;

use strongroom_domain::{grant::Scope, principal::Grantee, role::Role};
use url::form_urlencoded;

use super::{BASE, Page, Story, VALUE};
use crate::{
    message::Method,
    paths::segments,
    routes::{Access, Found, ROUTES, Site, find},
};

fn between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split(end).next())
}

/// What would be mark-up if it were not text.
pub(super) const PROBE: &str = "\"><img src=x onerror=alert(1)><script>alert(1)</script>";

/// A page, in which the probe is text and whose addresses lead within ours, or to others by TLS.
pub(super) fn harmless(what: &str, page: Page) -> Page {
    for mark_up in ["<img", "<script>alert"] {
        assert!(!page.text.contains(mark_up), "{what}: {}", page.text);
    }
    for leading in [" href=\"", " action=\"", " src=\""] {
        for address in between(&page.text, leading, "\"") {
            let within = address.starts_with(['/', '#', '?']) && !address.starts_with("//");
            assert!(within || address.starts_with("https://"), "{what} leads to {address}");
        }
    }
    page
}

/// Pages to begin from; the walk follows their links.
const START: [&str; 6] = ["/overview", "/vaults", "/audit", "/access", "/policy", "/settings"];

#[tokio::test]
async fn every_form_proves_where_it_comes_from() {
    let story = Story::start();
    for value in [VALUE, "newer"] {
        story.set("db-password", value).await;
    }
    story.set("gone", "x").await;
    // One that Ada may give up: she stays the only Owner.
    story.world.put_grant(Grantee::Principal { id: story.ada.id.clone() }, Role::Reader, Scope::Server).unwrap();
    // A workload with a credential of each sort, an access policy, a custom role, a deleted vault.
    story.sign_in("ada").await;
    let ada = story.sign_in("ada").await;
    let token = story.get("/vaults", &ada).await.form_token().to_owned();
    story.post("/vaults/demo/secrets/gone/delete", &ada, &token).await;
    let made = story.submit("/access/new-workload", &ada, "name=worker").await;
    let workload = made.header("location").unwrap().to_owned();
    for (act, fields) in [
        ("new-secret", "secret-name=first"),
        ("new-federation", "issuer=https%3A%2F%2Fci.example&subject=repo%3Aledger&audience=a"),
        ("new-certificate", "certificate=none"),
    ] {
        story.submit(&format!("{workload}/{act}"), &ada, fields).await;
    }
    story.submit("/vaults/demo/access-policy", &ada, "issuer=https%3A%2F%2Fi.example&group=g&get=yes").await;
    story
        .submit(
            "/access/new-role",
            &ada,
            "name=Custom&data_actions=Microsoft.KeyVault%2Fvaults%2Fsecrets%2F*&scopes=%2F",
        )
        .await;
    for key in ["signing", "gone"] {
        let made = story.submit("/vaults/demo/new-key", &ada, &format!("name={key}&kind=EC+P-256&enabled=yes")).await;
        assert_eq!(made.status, 303, "{}", made.text);
    }
    story.submit("/vaults/demo/keys/gone/delete", &ada, "").await;
    // One that an authority signed, whose issuer is there; one that is there, one whose request waits, one that is deleted.
    story.with_authority(&ada).await;
    for (certificate, issuer) in [("own", "Self"), ("asked", "Unknown"), ("dropped", "Self")] {
        let fields =
            format!("name={certificate}&dns=app.example&issuer={issuer}&months=1&kind=EC+P-256&exportable=yes");
        let fields = format!("{fields}&form=application%2Fx-pem-file&enabled=yes");
        let made = story.submit("/vaults/demo/new-certificate", &ada, &fields).await;
        assert_eq!(made.status, 303, "{}", made.text);
    }
    story.submit("/vaults/demo/certificates/dropped/delete", &ada, "").await;
    story.submit("/policy/new-document", &ada, "name=sites&text=fra").await;
    story.asked("robert");
    story.submit("/new-vault", &ada, "name=old&access_mode=rbac&retention_days=7").await;
    story.submit("/vaults/old/delete", &ada, "confirm=old&why=told").await;
    // A module in two places, one of which has been changed.
    let module = story.module("rule").await;
    for (to, name) in [("demo", "guard"), ("demo", "other"), ("_all", "guard")] {
        story.attached(&ada, module, to, name).await;
    }
    story.changed_settings(&ada, module).await;
    // Kept or sent back with what is wrong with it: the probe in every field that a form has.
    let probe: String = form_urlencoded::byte_serialize(PROBE.as_bytes()).collect();
    let federation = format!("{workload}/new-federation");
    for (form, fields) in [
        ("/access/new-workload", "name=*"),
        (federation.as_str(), "issuer=https%3A%2F%2Fother.example&subject=*&audience=*"),
        ("/vaults/demo/access-policy", "issuer=https%3A%2F%2Fi.example&group=*&get=yes"),
        ("/access/new-role", "name=*&description=*&data_actions=*&actions=*&scopes=*"),
        ("/access/new-assignment", "issuer=*&subject=*&group=*&role=*&scope=*&until=*"),
        ("/access/new-assignment", "issuer=https%3A%2F%2Fi.example&group=*&role=Owner&scope=%2F&step=preview"),
        ("/access/new-assignment", "issuer=https%3A%2F%2Fi.example&subject=*&role=*&scope=%2F&step=preview"),
        ("/vaults/demo/access-policy", "issuer=https%3A%2F%2Fi.example&group=*&list=yes&step=preview"),
        ("/vaults/demo/new-key", "name=*&kind=*"),
        ("/vaults/demo/new-certificate", "name=*&subject=*&dns=*&emails=*&issuer=*&months=*&kind=EC+P-256"),
        (
            "/vaults/demo/new-certificate",
            "name=marked&subject=CN%3D*&dns=app.example&issuer=Self&months=1&kind=EC+P-256",
        ),
        ("/vaults/demo/contacts", "contacts=ops%40app.example%2C*"),
        ("/vaults/demo/contacts", "contacts=*"),
        ("/vaults/demo/new-issuer", "provider=Strongroom-CA&name=*&certificate=*&profile=*&max-days=*&crl-url=*"),
        (
            "/vaults/demo/new-issuer",
            "provider=ACME&name=*&directory=*&contacts=*&challenge=*&hook=*&external=*&external-key=*&bundle=*",
        ),
        ("/vaults/demo/certificates/root/revoke", "serial=*&version=*&certificate=*&reason=*&confirm=root&why=told"),
        ("/vaults/demo/network", "rules=*&default=*"),
        ("/new-vault", "name=*&access_mode=*&retention_days=*"),
        ("/policy/new-document", "name=marked&text=*"),
        ("/policy/new-document", "name=*&text=*"),
    ] {
        let answer = story.submit(form, &ada, &fields.replace('*', &probe)).await;
        assert!(matches!(answer.status, 200 | 303 | 400 | 404 | 409), "{form}: {}", answer.status);
        harmless(form, answer);
    }
    let claims = data_encoding::BASE64URL_NOPAD.encode(format!("{{\"iss\":{PROBE:?},\"sub\":{PROBE:?}}}").as_bytes());
    for token in [probe.clone(), format!("e30.{claims}.e30")] {
        let tried = story.submit(&format!("{workload}/try-token"), &ada, &format!("token={token}")).await;
        assert_eq!(tried.status, 200);
        harmless("a token", tried);
    }
    let question = format!("/why?issuer={probe}&subject={probe}&groups={probe}&action={probe}&vault=demo&at={probe}");
    harmless("a question", story.get(&question, &ada).await);
    story.asked(PROBE);

    let mut to_see: Vec<String> = START.iter().map(|page| (*page).to_owned()).collect();
    let (mut seen, mut forms) = (BTreeSet::new(), BTreeSet::new());
    while let Some(target) = to_see.pop() {
        // Records are alike; a few of them are enough.
        let alike = ["/audit/", "/why/"].into_iter().find(|begun| target.starts_with(begun));
        if !seen.insert(target.clone())
            || alike.is_some_and(|begun| seen.iter().filter(|page| page.starts_with(begun)).count() > 5)
        {
            continue;
        }
        let page = harmless(&target, story.get(&target, &ada).await);
        assert!(matches!(page.status, 200 | 303), "{target}: {}", page.status);
        if page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            assert!(page.text.contains("Copy as"), "{target}: the same by the command line or by curl");
        }
        assert!(!page.text.contains(VALUE), "{target} holds no value");
        for form in between(&page.text, "<form", "</form>").filter(|form| form.contains("method=\"post\"")) {
            assert_eq!(form.matches(&format!("name=\"csrf_token\" value=\"{token}\"")).count(), 1, "{target}: {form}");
            forms.insert(between(form, "action=\"", "\"").next().unwrap().to_owned());
        }
        let links = between(&page.text, "href=\"", "\"").map(|link| link.replace("&#38;", "&"));
        to_see.extend(links.filter(|link| {
            link.starts_with('/')
                && !link.starts_with("/assets/")
                && !link.starts_with("/audit/export")
                && !link.starts_with("/audit/bundle")
                && !link.starts_with("/audit?")
                && !link.starts_with("/search?")
                && !link.contains("after=")
                && !link.contains("sort=")
        }));
    }

    let (log, image) = (story.log().len(), story.world.store.image());
    let rows = |image: &strongroom_domain::test_support::Image| format!("{:?} {:?}", image.objects.len(), image.vaults);
    let before = rows(&image);
    for action in &forms {
        // Every other way from elsewhere is tried at every route of the table.
        for (origin, token) in [(Some(BASE), ""), (Some("https://evil.example"), token.as_str())] {
            let answer = story.send("POST", action, &ada, origin, &format!("csrf_token={token}")).await;
            assert_eq!(answer.status, 403, "{action} {origin:?}");
            assert_eq!(story.last().reason, "foreign-form", "{action} {origin:?}");
        }
        assert!(
            matches!(story.get(action, &ada).await.status, 200 | 303 | 404 | 405),
            "{action}: a link changes nothing"
        );
    }
    assert!(story.log().len() > log);
    assert_eq!(rows(&story.world.store.image()), before, "nothing changed");

    // Every route that takes a form of a session was met on some page.
    let met: BTreeSet<&str> = forms
        .iter()
        .filter_map(|action| match find(Site::Base, Method::Post, &segments(action).unwrap()) {
            Found::Route(route, _) => Some(route.template),
            _ => None,
        })
        .collect();
    let all: BTreeSet<&str> = ROUTES
        .iter()
        .filter(|route| route.access == Access::Session && route.method == Method::Post)
        .map(|route| route.template)
        .collect();
    let missing: Vec<_> = all
        .difference(&met)
        .filter(|template| {
            // What is off has this form, what is on the other; a certificate of a workload takes a real one to be there,
            // and a program of the command line, who lacks an approval, what is in a document, grants that nobody used
            // and groups of a replay have their own stories.
            !template.ends_with("/enable")
                && **template != "/command-line"
                && **template != "/ask-approval"
                && !template.ends_with("/import-certificate/store")
                && !template.ends_with("/import-secrets/store")
                && !template.ends_with("/import-key/store")
                && **template != "/access/grants/unused"
                && !template.ends_with("/replays/{id}/review")
                && !template.ends_with("/certificates/{credential}/remove")
        })
        .collect();
    assert!(missing.is_empty(), "no page leads to {missing:?}");
}
