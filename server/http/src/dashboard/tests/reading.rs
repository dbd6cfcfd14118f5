//! Reading and being refused: lists, one secret, a reveal.

use data_encoding::BASE64URL_NOPAD;
use strongroom_domain::{
    grant::Scope,
    policy::{Effect, Obligation},
    principal::Grantee,
    record::{Outcome, Record},
    role::Role,
    test_support::{
        Verdict,
        world::{name, person},
    },
};

use super::{BASE, Page, Story, VALUE};

#[tokio::test]
async fn a_value_is_in_the_answer_to_a_reveal_and_nowhere_else() {
    let story = Story::start();
    let old = story.set("db-password", VALUE).await;
    story.set("db-password", "newer").await;
    let cookie = story.sign_in("ada").await;
    let address = format!("/vaults/demo/secrets/db-password/{old}");
    for target in ["/vaults", "/vaults/demo/secrets", "/vaults/demo/secrets/db-password", &address, "/audit"] {
        let page = story.get(target, &cookie).await;
        assert_eq!(page.status, 200, "{target}");
        assert!(!page.text.contains(VALUE) && !page.text.contains("newer"), "{target}");
        assert!(page.header("refresh").is_none());
    }
    assert!(story.log().iter().all(|record| record.operation != "SecretGet"), "looking is not a read");

    let page = story.get(&address, &cookie).await;
    assert!(page.text.contains("Older version") && page.text.contains(&format!("action=\"{address}/reveal\"")));
    let token = page.form_token().to_owned();
    let shown = story.post(&format!("{address}/reveal"), &cookie, &token).await;
    assert_eq!(shown.status, 200);
    assert!(shown.text.contains(VALUE));
    assert_eq!(shown.header("refresh"), Some(format!("30; url={address}").as_str()));
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    let read = story.log().into_iter().find(|record| record.operation == "SecretGet").unwrap();
    assert_eq!((read.outcome, read.version.as_deref()), (Outcome::Allowed, Some(old.as_str())));
    assert!(shown.text.contains(&read.id.to_string()), "the page names its record");
}

#[tokio::test]
async fn a_policy_module_shortens_how_long_a_value_is_shown() {
    let story = Story::start();
    story.guard();
    story.world.policies.answer("guard", Verdict::Says(Effect::Allow));
    let version = story.set("db-password", VALUE).await;
    let cookie = story.sign_in("ada").await;
    let page = format!("/vaults/demo/secrets/db-password/{version}");
    for (seconds, shown) in [(600, 30), (10, 10), (0, 1)] {
        story.world.policies.oblige("guard", vec![Obligation::ShortenLifetime { seconds }]);
        let token = story.get(&page, &cookie).await.form_token().to_owned();
        let answer = story.post(&format!("{page}/reveal"), &cookie, &token).await;
        assert!(answer.text.contains(VALUE));
        assert_eq!(answer.header("refresh"), Some(format!("{shown}; url=/vaults/demo/secrets/db-password").as_str()));
        assert!(answer.text.contains(&format!("data-hide-after=\"{shown}\"")));
        assert_eq!(answer.header("x-strongroom-keep-for"), Some(seconds.to_string().as_str()));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    story.world.policies.oblige("guard", Vec::new());
    assert_eq!(story.get(&page, &cookie).await.header("x-strongroom-keep-for"), None);
}

#[tokio::test]
async fn a_foreign_form_reveals_nothing() {
    let story = Story::start();
    let version = story.set("db-password", VALUE).await;
    let (ada, bob) = (story.sign_in("ada").await, story.sign_in("bob").await);
    let page = format!("/vaults/demo/secrets/db-password/{version}");
    let token = story.get(&page, &ada).await.form_token().to_owned();
    let foreign = story.get("/vaults", &bob).await.form_token().to_owned();
    let reveal = format!("{page}/reveal");
    for (origin, token) in [
        (Some(BASE), ""),
        (Some(BASE), foreign.as_str()),
        (Some("https://demo.vault.localhost:8443"), &token),
        (None, &token),
    ] {
        let answer = story.send("POST", &reveal, &ada, origin, &format!("csrf_token={token}")).await;
        assert_eq!(answer.status, 403, "{origin:?}");
        assert!(!answer.text.contains(VALUE));
        assert_eq!(story.last().reason, "foreign-form");
    }
    let again = story.get(&reveal, &ada).await;
    assert_eq!(again.status, 303, "a link reveals nothing");
    assert_eq!(again.header("location"), reveal.strip_suffix("/reveal"), "and leads to the page");
    let read = |record: &Record| record.operation == "SecretGet" && record.outcome == Outcome::Allowed;
    assert!(!story.log().iter().any(read));
}

#[tokio::test]
async fn a_denial_names_its_decision_and_hides_what_exists() {
    let story = Story::start();
    let version = story.set("db-password", VALUE).await;
    let cookie = story.sign_in("bob").await;
    let list = story.get("/vaults", &cookie).await;
    assert_eq!(list.status, 200);
    assert!(!list.text.contains("demo") && !list.text.contains("href=\"/audit\""));
    let page = story.get("/vaults/demo/secrets", &cookie).await;
    assert_eq!(page.status, 403);
    let record = story.last();
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Denied, "no-role"));
    assert!(page.text.contains(&record.id.to_string()) && page.text.contains("Key Vault Reader"), "{}", page.text);

    let mut seen = Vec::new();
    for (vault, name) in [("demo", "db-password"), ("demo", "db-passwerd"), ("omed", "db-password")] {
        let page = story.get(&format!("/vaults/{vault}/secrets/{name}/{version}"), &cookie).await;
        assert_eq!(page.status, 403);
        let decision = story.last().id.to_string();
        let text = page.text.replace(vault, "V").replace(name, "N").replace(&decision, "D");
        // The session's own token is the same each time; so is everything else.
        seen.push(text);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "existence makes no difference");
    assert_eq!(story.get("/audit", &cookie).await.status, 403);
}

#[tokio::test]
async fn someone_who_may_look_but_not_read_is_told_so() {
    let story = Story::start();
    let version = story.set("db-password", VALUE).await;
    story.world.put_grant(Grantee::Principal { id: person("bob").id.clone() }, Role::Reader, Scope::Server).unwrap();
    let cookie = story.sign_in("bob").await;
    let page = story.get("/vaults/demo/secrets/db-password", &cookie).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Key Vault Secrets User") && !page.text.contains("/reveal"));
    let denied =
        story.post(&format!("/vaults/demo/secrets/db-password/{version}/reveal"), &cookie, page.form_token()).await;
    assert_eq!(denied.status, 403);
    assert_eq!(story.last_denied().operation, "SecretGet");
    for told in ["What you can see", "demo/secrets/db-password", "Strongroom Auditor", "may give access", "ada"] {
        assert!(denied.text.contains(told), "{told}: {}", denied.text);
    }
    assert!(!denied.text.contains(VALUE), "{}", denied.text);
}

#[tokio::test]
async fn lists_go_on_and_searches_find_what_is_at_their_end() {
    let story = Story::start();
    for index in 0..230 {
        story.set(&format!("item-{index:03}"), "x").await;
    }
    let cookie = story.sign_in("ada").await;
    let first = story.get("/vaults/demo/secrets", &cookie).await;
    assert!(first.text.contains("item-024") && !first.text.contains("item-025"));
    let next = story.get(&behind(&first), &cookie).await;
    assert!(next.text.contains("item-049") && !next.text.contains("item-024"));

    let found = story.get("/vaults/demo/secrets?q=M-229", &cookie).await;
    assert!(found.text.contains("item-229") && !found.text.contains("have been searched"), "{}", found.text);
    let many = story.get("/vaults/demo/secrets?q=M-1", &cookie).await;
    assert!(many.text.contains("item-124") && !many.text.contains("item-125"), "{}", many.text);
    let behind = behind(&many);
    assert!(behind.starts_with("/vaults/demo/secrets?q=M-1&after=") && !behind.contains("item"), "{behind}");
    let rest = story.get(&behind, &cookie).await;
    assert!(rest.text.contains("item-125") && !rest.text.contains("item-124"));
    let records = story.log().iter().filter(|record| record.operation == "SecretList").count();
    assert_eq!(records, 5, "one for every page");

    // The place of one list is none of another, and nobody writes one.
    let token = behind.split_once("after=").unwrap().1;
    for list in ["keys", "certificates", "deleted", "deleted-keys"] {
        let refused = story.get(&format!("/vaults/demo/{list}?after={token}"), &cookie).await;
        assert_eq!(refused.status, 400, "{list}");
    }
    for made_up in ["item-199", "aXRlbS0xOTk", &token[1..]] {
        let refused = story.get(&format!("/vaults/demo/secrets?after={made_up}"), &cookie).await;
        assert_eq!(refused.status, 400, "{made_up}");
    }
}

/// The address of the next page. It does not say behind which name that begins: a module may hide it.
fn behind(page: &Page) -> String {
    let links = page.text.split("href=\"").filter_map(|rest| rest.split('"').next());
    let mut links = links.filter(|link| link.contains("after=")).map(|link| link.replace("&#38;", "&"));
    let link = links.next().unwrap_or_else(|| panic!("there is a next page: {}", page.text));
    let token = BASE64URL_NOPAD.decode(link.split_once("after=").unwrap().1.as_bytes()).unwrap();
    assert!(!token.windows(4).any(|bytes| bytes == b"item"), "{link}");
    link
}

#[tokio::test]
async fn one_search_finds_what_one_may_list_and_nothing_else() {
    let story = Story::start();
    for name in ["ledger-db", "other"] {
        story.set(name, VALUE).await;
    }
    let ada = story.sign_in("ada").await;
    let page = story.get("/search?q=LEDGER", &ada).await;
    assert!(page.text.contains("One thing with “LEDGER”") && page.text.contains("demo/ledger-db"), "{}", page.text);
    assert!(story.get("/search?q=demo", &ada).await.text.contains("href=\"/vaults/demo\">demo</a>"));
    assert!(story.get("/search?q=audit", &ada).await.text.contains("href=\"/audit\">Audit</a>"));
    assert!(story.get("/search?q=%3Cscript%3E", &ada).await.text.contains("Nothing with “&#60;script&#62;”"));
    assert!(story.get("/search", &ada).await.text.contains("never values"));
    // Pages by their names, in whatever order, and by the vault's: not each of a vault's pages for its name alone.
    for (asked, href) in [
        ("policy+modules", "/policy"),
        ("documents", "/policy/documents"),
        ("network+demo", "/vaults/demo/network"),
        ("approvals", "/vaults/demo/approvals"),
        ("issuers", "/vaults/demo/issuers"),
        ("deleted+keys", "/vaults/demo/deleted-keys"),
    ] {
        let page = story.get(&format!("/search?q={asked}"), &ada).await.text;
        assert!(page.contains(&format!("class=\"name\" href=\"{href}\"")), "{asked}: {page}");
    }
    let named = story.get("/search?q=demo&as=list", &ada).await.text;
    assert!(!named.contains("/vaults/demo/network"), "{named}");
    assert!(!story.get("/search?q=thevalue", &ada).await.text.contains("demo/"), "values are not searched");
    let bob = story.sign_in("bob").await;
    let page = story.get("/search?q=ledger", &bob).await;
    assert!(page.text.contains("Nothing with") && !page.text.contains("demo"), "{}", page.text);
}

#[tokio::test]
async fn commands_ask_what_their_page_asks() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let filter = "q=ledger&tag=team%3Dpay&state=expired&expires=30&rotated=90";
    let chosen = ["ledger", "team=pay", "expired", "30", "90"];
    for (page, values) in [
        (format!("/vaults/demo/secrets?{filter}"), &chosen[..]),
        (format!("/vaults/demo/keys?{filter}"), &chosen[..]),
        (format!("/vaults/demo/certificates?{filter}"), &chosen[..]),
        ("/access?scope=/vaults/demo".to_owned(), &["/vaults/demo"][..]),
        ("/search?q=ledger".to_owned(), &["ledger"][..]),
    ] {
        let text = story.get(&page, &ada).await.text;
        let snippets: Vec<&str> =
            text.split("<pre class=\"code\"").skip(1).map(|rest| rest.split("</pre>").next().unwrap()).collect();
        assert!(!snippets.is_empty(), "{page}: {text}");
        for (snippet, value) in snippets.iter().flat_map(|snippet| values.iter().map(move |value| (snippet, value))) {
            assert!(snippet.contains(value), "{page}: {value} in {snippet}");
        }
    }
}

#[tokio::test]
async fn the_records_page_leaves_out_what_says_nothing_new_and_says_so() {
    let story = Story::start();
    let (ada, bob) = (story.sign_in("ada").await, story.sign_in("bob").await);
    story.get("/vaults", "").await;
    story.get("/audit", &ada).await;
    assert_eq!(story.get("/audit", &bob).await.status, 403);
    let reads = |page: &str| page.matches(">AuditRead<").count();
    let page = story.get("/audit", &ada).await.text;
    assert!(page.contains("Left out: requests without a credential") && page.contains("/audit?own=yes"), "{page}");
    assert!(!page.contains("session-missing"), "a challenge is no attempt: {page}");
    assert_eq!((reads(&page), page.contains("no-role")), (1, true), "bob's denial, and nothing of ada's own: {page}");
    let all = story.get("/audit?own=yes", &ada).await.text;
    assert!(all.contains("session-missing") && all.contains("Challenged") && reads(&all) > 1, "{all}");
    assert!(all.contains("challenged (not drawn)") && all.contains("Leave the routine out"), "{all}");
    let named = story.get("/audit?outcome=unauthenticated", &ada).await.text;
    assert!(named.contains("session-missing") && !named.contains("Left out"), "{named}");
    let denied = story.get("/audit?outcome=denied", &ada).await.text;
    assert!(!denied.contains("Left out"), "there is nothing among them that could be: {denied}");
}

#[tokio::test]
async fn the_beginning_of_a_decisions_id_leads_to_its_record() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.get("/vaults", &cookie).await;
    let id = story.last().id.to_string();
    let page = story.get(&format!("/audit/{}", &id[..18]), &cookie).await;
    assert!(page.status == 200 && page.text.contains("Record of") && page.text.contains(&id), "{}", page.text);
    // The clock stands still: all of this moment begin alike.
    let page = story.get(&format!("/audit/{}", &id[..13]), &cookie).await;
    assert!(page.text.contains("Several decisions begin so") && page.text.contains(&id), "{}", page.text);
    assert_eq!(story.get(&format!("/audit/{}", &id[..12]), &cookie).await.status, 404);
    let found = story.get(&format!("/search?q={}", &id[..18]), &cookie).await;
    assert!(found.text.contains(&format!("href=\"/audit/{id}\"")), "{}", found.text);
    // One that nothing begins as leads to the page that says so.
    let none = story.get("/search?q=01900000-0000-7abc", &cookie).await;
    assert!(none.text.contains("href=\"/audit/01900000-0000-7abc\""), "{}", none.text);
}

#[tokio::test]
async fn wherever_a_denial_is_listed_it_leads_to_its_why() {
    let story = Story::start();
    story.set("db-password", VALUE).await;
    let ada = story.sign_in("ada").await;
    let began = story.get("/audit/live", &ada).await.text;
    let since = began.split("\nid: ").nth(1).and_then(|rest| rest.lines().next()).unwrap().to_owned();
    for _ in 0..5 {
        let bob = story.world.request(&person("bob"));
        assert!(story.world.secrets.get(&bob, &story.vault, &name("db-password").unwrap(), None).await.is_err());
    }
    let denied = story.last();
    assert_eq!(denied.outcome, Outcome::Denied);
    let why = format!("/why/{}", denied.id);
    for page in [
        "/audit".to_owned(),
        "/audit?outcome=denied".to_owned(),
        format!("/audit/live?since={since}"),
        format!("/search?q={}", denied.id),
        format!("/search?q={}&as=list", denied.id),
        "/vaults/demo/secrets/db-password".to_owned(),
        "/overview".to_owned(),
    ] {
        let page_text = story.get(&page, &ada).await.text;
        assert!(page_text.contains(&why), "{page}: {page_text}");
    }
    let told = story.get(&why, &ada).await.text;
    assert!(told.contains(&format!("href=\"/audit/{}\"", denied.id)), "the record is one step further: {told}");
}

#[tokio::test]
async fn who_is_new_is_told_on_the_overview_with_the_records_that_show_it() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let young = story.get("/overview", &ada).await.text;
    assert!(young.contains("who is new is not known"), "{young}");
    story.world.clock.advance(2 * 86_400_000);
    let bob = story.world.request(&person("bob"));
    assert!(story.world.secrets.get(&bob, &story.vault, &name("db").unwrap(), None).await.is_err());
    let ada = story.sign_in("ada").await;
    let page = story.get("/overview", &ada).await.text;
    assert!(page.contains("bob at people.example asked for the first time, from 127.0.0.1"), "{page}");
    assert!(page.contains("/audit?principal=https%3A%2F%2Fpeople.example%23bob&#38;range=24h"), "{page}");
    assert!(!page.contains("ada at people.example asked"), "{page}");
}

#[tokio::test]
async fn the_time_that_the_audit_list_shows_is_verified_from_there() {
    let story = Story::start();
    story.set("db", VALUE).await;
    let ada = story.sign_in("ada").await;
    let list = story.get("/audit?range=1h&outcome=denied&group=yes", &ada).await.text;
    assert!(list.contains("href=\"/audit/verify?outcome=denied&#38;range=1h\""), "{list}");
    let page = story.get("/audit/verify?outcome=denied&range=1h", &ada).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for text in ["records are as they were written", "Intact", "What was checked", "Copy as", "/audit?outcome=denied"] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let record = story.log().into_iter().rev().find(|record| record.details.contains_key("verified_from")).unwrap();
    assert_eq!((record.operation.as_str(), record.outcome), ("AuditRead", Outcome::Allowed));
    // The receipts of its records; in this store no checkpoint covers any yet.
    let written = u64::try_from(story.log().len()).unwrap();
    let bundle = story.get("/audit/bundle?range=1h", &ada).await;
    let head: serde_json::Value = serde_json::from_str(bundle.text.lines().next().unwrap()).unwrap();
    assert_eq!((&head["bundle"]["receipts"], &head["bundle"]["whole"]), (&0.into(), &false.into()), "{head}");
    let uncovered = head["bundle"]["not_covered_yet"].as_u64().unwrap();
    assert!(uncovered >= written && written > 0, "the looks of whoever made it are among them: {written}, {head}");
    assert!(bundle.header("content-disposition").unwrap().contains("filename=\"audit-receipts-"));
    let eve = story.sign_in("eve").await;
    assert_eq!(story.get("/audit/verify", &eve).await.status, 403);
    assert_eq!(story.get("/audit/bundle", &eve).await.status, 403);
}

#[tokio::test]
async fn a_filter_is_saved_under_a_name_for_whoever_saved_it() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let fields = "name=Denied+tonight&query=range%3D24h%26outcome%3Ddenied%26before%3Dx&step=save";
    let saved = story.submit("/me/audit-views", &ada, fields).await;
    assert_eq!((saved.status, saved.header("location")), (303, Some("/audit?outcome=denied&range=24h")));
    let views = saved.cookie("__Host-audit-views").unwrap();
    let with_views = format!("{ada}; {views}");
    let link = "href=\"/audit?outcome=denied&#38;range=24h\">Denied tonight</a>";
    let page = story.get("/audit", &with_views).await.text;
    assert!(page.contains(link) && page.contains("Remove<span class=\"sr\"> Denied tonight</span>"), "{page}");
    let open = story.get("/audit?outcome=denied&range=24h", &with_views).await.text;
    assert!(open.contains(&format!("class=\"btn primary\" {link}")), "{open}");
    assert!(!story.get("/audit", &ada).await.text.contains("Denied tonight"));
    // In the same browser, for somebody else who may read the log.
    story.world.put_grant(Grantee::Principal { id: person("bob").id.clone() }, Role::Owner, Scope::Server).unwrap();
    let bob = format!("{}; {views}", story.sign_in("bob").await);
    assert!(!story.get("/audit", &bob).await.text.contains("Denied tonight"));
    for unfit in ["name=&query=&step=save", "name=a%0Ab&query=&step=save", "name=a&query=&step=keep"] {
        assert_eq!(story.submit("/me/audit-views", &with_views, unfit).await.status, 400, "{unfit}");
    }
    let removed = story.submit("/me/audit-views", &with_views, "name=Denied+tonight&query=&step=remove").await;
    let none = format!("{ada}; {}", removed.cookie("__Host-audit-views").unwrap());
    assert_eq!(removed.header("location"), Some("/audit"));
    assert!(!story.get("/audit", &none).await.text.contains("Denied tonight"));
}

#[tokio::test]
async fn repeats_are_one_row_that_leads_to_each_of_them() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    for secret in ["db", "db", "mail", "db"] {
        let bob = story.world.request(&person("bob"));
        assert!(story.world.secrets.get(&bob, &story.vault, &name(secret).unwrap(), None).await.is_err());
        story.world.clock.advance(1000);
    }
    let rows = |page: &str| page.matches("</svg>Denied</span>").count();
    let each = story.get("/audit?outcome=denied", &ada).await.text;
    assert_eq!((rows(&each), each.contains("/audit?outcome=denied&#38;group=yes")), (4, true), "{each}");
    let folded = story.get("/audit?outcome=denied&group=yes", &ada).await.text;
    assert!(rows(&folded) == 2 && folded.contains("3 times: show each"), "{folded}");
    assert!(folded.contains("Show each record"), "{folded}");
    let link = folded.split("3 times: show each").next().and_then(|before| before.rsplit("href=\"").next()).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    let shown = story.get(&link, &ada).await.text;
    assert!(rows(&shown) == 3 && !shown.contains("demo/secrets/mail"), "{link}: {shown}");
}

#[tokio::test]
async fn somebody_without_a_role_is_told_whom_to_ask_and_who_they_are() {
    let story = Story::start();
    let bob = story.sign_in("bob").await;
    let principal = person("bob").id.to_string();
    for page in ["/overview", "/vaults"] {
        let page = story.get(page, &bob).await.text;
        assert!(page.contains("You hold no role") && page.contains(&principal), "{page}");
    }
    let ada = story.sign_in("ada").await;
    let page = story.get("/overview", &ada).await.text;
    assert!(!page.contains("You hold no role"), "{page}");
    assert!(page.contains("List vaults") && page.contains("List denials"), "{page}");
}
