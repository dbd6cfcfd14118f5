//! Vaults, network rules, roles, access policies and workloads, managed by forms.

use std::sync::Arc;

use strongroom_crypto::key::{Curve, KeySpec};
use strongroom_domain::{
    admin::UNUSED_AFTER,
    certificate::{IssuerReference, PolicyPatch},
    grant::Scope,
    issuer::{AcmeSettings, IssuerPatch, IssuerSettings},
    policy::Effect,
    ports::AuditLog as _,
    principal::{Grantee, Principal, PrincipalId, PrincipalKind},
    record::{Entry, Outcome, Record},
    role::Role,
    test_support::{
        Verdict,
        world::{enabled, name, person},
    },
    time::Clock as _,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Page, RawRequest, Story, answer, raw};

fn location(page: &Page) -> &str {
    assert_eq!(page.status, 303, "{}", page.text);
    page.header("location").unwrap()
}

#[tokio::test]
async fn a_vault_is_made_configured_deleted_recovered_and_purged() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let form = story.get("/new-vault", &cookie).await;
    assert!(form.text.contains("Irreversible: it can never be switched off again") && form.text.contains("127.0.0.1"));
    for (fields, words) in [
        ("name=a--b&access_mode=rbac&retention_days=90", "a vault name has 3 to 24"),
        ("name=fine&access_mode=rbac&retention_days=6", "7 to 90 days"),
        ("name=fine&access_mode=none&retention_days=90", "no such access mode"),
        ("name=fine&access_mode=rbac&retention_days=90&networks=nowhere", "A network is an address or a range"),
    ] {
        let page = story.submit("/new-vault", &cookie, fields).await;
        let text = page.text.to_lowercase();
        assert!(page.status == 400 && text.contains(&words.to_lowercase()), "{words}: {}", page.text);
    }
    let fields = "name=Payments&access_mode=layered&retention_days=7&tag-name-1=team&tag-value-1=ledger&region=west";
    // Whoever made it needs an access policy too, so they are led to where those are given.
    assert_eq!(location(&story.submit("/new-vault", &cookie, fields).await), "/vaults/payments/access");
    let home = story.get("/vaults/payments", &cookie).await;
    for text in
        ["Access by roles and access policies", "team: ledger", "Recoverable for 7 days", "Reachable from everywhere"]
    {
        assert!(home.text.contains(text), "{text}: {}", home.text);
    }
    let again = story.submit("/new-vault", &cookie, "name=payments&access_mode=rbac&retention_days=90").await;
    assert!(again.status == 409 && again.text.contains("There is a vault of this name already"));

    // Settings; whoever comes late with an older page does not undo what was done meanwhile.
    let settings = "/vaults/payments/settings";
    let change = "access_mode=layered&region=east&tags-shown=yes&tag-name-1=tier&tag-value-1=0&revision=1";
    assert_eq!(location(&story.submit(settings, &cookie, change).await), settings);
    let late = story.submit(settings, &cookie, &change.replace("east", "north")).await;
    assert_eq!(late.status, 412, "{}", late.text);
    assert!(
        late.text.contains("value=\"north\"") && late.text.contains("the form holds what you typed"),
        "{}",
        late.text
    );
    assert!(
        late.text.contains("Stored now") && late.text.contains("east") && late.text.contains("tier=0"),
        "{}",
        late.text
    );
    let page = story.get(settings, &cookie).await;
    assert!(
        page.text.contains("value=\"east\"") && page.text.contains("value=\"tier\"") && !page.text.contains("ledger")
    );

    // Purge protection is asked twice about, and stays.
    let unconfirmed = story.submit("/vaults/payments/protect", &cookie, "confirm=demo&why=told").await;
    assert!(unconfirmed.status == 400 && unconfirmed.text.contains("Nothing was switched on"));
    location(&story.submit("/vaults/payments/protect", &cookie, "confirm=payments&why=told").await);
    assert!(story.get(settings, &cookie).await.text.contains("On, for good"));

    let unconfirmed = story.submit("/vaults/demo/delete", &cookie, "").await;
    assert!(unconfirmed.status == 400 && unconfirmed.text.contains("Nothing was deleted"));
    location(&story.submit("/vaults/demo/delete", &cookie, "confirm=demo&why=told").await);
    assert_eq!(story.get("/vaults/demo/secrets", &cookie).await.status, 404);
    let list = story.get("/deleted-vaults", &cookie).await;
    assert!(list.text.contains("One deleted vault") && list.text.contains("/deleted-vaults/demo/purge"));
    location(&story.submit("/deleted-vaults/demo/recover", &cookie, "").await);
    location(&story.submit("/vaults/demo/delete", &cookie, "confirm=demo&why=told").await);
    let unconfirmed = story.submit("/deleted-vaults/demo/purge", &cookie, "confirm=dem&why=told").await;
    assert!(unconfirmed.status == 400 && unconfirmed.text.contains("Nothing was purged"));
    location(&story.submit("/deleted-vaults/demo/purge", &cookie, "confirm=demo&why=told").await);
    assert!(!story.world.store.image().vaults.contains_key("demo"));
}

#[tokio::test]
async fn network_rules_are_tested_and_a_lock_out_is_asked_about() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let at = "/vaults/demo/network";
    let rules = "rules=deny+192.0.2.0%2F24%0D%0Aallow+10.0.0.0%2F8+listener+main&default=allow&revision=1";
    assert_eq!(location(&story.submit(at, &cookie, rules).await), at);
    let page = story.get(&format!("{at}?address=192.0.2.7&listener=main"), &cookie).await;
    assert!(page.text.contains("192.0.2.7 over main: denied by rule 1."), "{}", page.text);
    // Of what was judged since by these rules, neither decided anything.
    assert!(page.text.contains("Hits, 24 h") && page.text.matches("Unused").count() == 2, "{}", page.text);
    assert!(page.text.contains("What no rule fits is allowed. The default decided "), "{}", page.text);
    let target = "/api/v1/vaults/demo/network-hits";
    let authorization = Some(Zeroizing::new("Bearer person-ada".to_owned()));
    let counted = answer(story.services.clone(), RawRequest { authorization, ..raw("GET", target) }).await;
    let counted: serde_json::Value = serde_json::from_slice(&counted.body).unwrap();
    assert!(counted["rules"] == serde_json::json!([]) && counted["default"].as_u64() > Some(0), "{counted}");
    assert!(counted["all_allowed"] == true && counted["all_denied"] == true, "{counted}");
    let page = story.get(&format!("{at}?address=::1"), &cookie).await;
    assert!(page.text.contains("allowed by the default"));
    let slip = story.get(&format!("{at}?address=nonsense"), &cookie).await;
    assert!(slip.status == 400 && slip.text.contains("value=\"nonsense\"") && slip.text.contains("role=\"alert\""));
    assert_eq!(story.last().status, Some(400), "and is on record so");
    // Rules are tried as they are typed: nothing is written, and they stay.
    let tried = "step=preview&rules=deny+198.51.100.0%2F24&default=allow&revision=2&address=198.51.100.9&listener=main";
    let tried = story.submit(at, &cookie, tried).await;
    for shown in
        ["198.51.100.9 over main: denied by rule 1.", "nothing is written yet", "deny 198.51.100.0/24</textarea>"]
    {
        assert!(tried.status == 200 && tried.text.contains(shown), "{shown}: {}", tried.text);
    }
    assert_eq!((story.last().operation.as_str(), story.last().status), ("VaultGet", Some(200)), "nothing was replaced");
    let slip = "step=preview&rules=deny+198.51.100.0%2F24&default=allow&revision=2&address=x";
    let slip = story.submit(at, &cookie, slip).await;
    assert!(slip.status == 400 && slip.text.contains("deny 198.51.100.0/24</textarea>"), "{}", slip.text);
    // Who comes late keeps what was typed, and sees beside it what would be undone.
    let late = story.submit(at, &cookie, "rules=allow+0.0.0.0%2F0&default=allow&revision=1").await;
    assert!(late.status == 412 && late.text.contains("the form holds what you typed"), "{}", late.text);
    for shown in ["allow 0.0.0.0/0", "Stored now", "deny 192.0.2.0/24\nallow 10.0.0.0/8 listener main"] {
        assert!(late.text.contains(shown), "{shown}: {}", late.text);
    }

    let bad = story.submit(at, &cookie, "rules=permit+all&default=deny&revision=2").await;
    assert!(bad.status == 400 && bad.text.contains("Line 1 is no rule"), "{}", bad.text);

    let locked = "rules=allow+10.0.0.0%2F8&default=deny&revision=2";
    let asked = story.submit(at, &cookie, locked).await;
    assert_eq!(asked.status, 409);
    assert!(asked.text.contains("would lock you out") && asked.text.contains("name=\"force\""), "{}", asked.text);
    assert!(asked.text.contains("allow 10.0.0.0/8"), "what was typed is still there");
    assert_eq!(location(&story.submit(at, &cookie, &format!("{locked}&force=yes")).await), at);
    assert!(story.last().trace.iter().any(|stage| stage.reason == "lock-out-forced"));
}

#[tokio::test]
async fn roles_are_given_with_an_end_and_taken_away() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let grantee = "issuer=https%3A%2F%2Fi.example&group=%3Cb%3Eoncall";
    let fields = format!("{grantee}&role=Key+Vault+Secrets+User&scope=%2Fvaults%2Fdemo&ends_at=2099-01-31T12:00");
    assert_eq!(location(&story.submit("/access/new-assignment", &cookie, &fields).await), "/vaults/demo/access");
    let page = story.get("/vaults/demo/access", &cookie).await;
    assert!(page.text.contains("&#60;b&#62;oncall") && page.text.contains("31 Jan 2099, 12:00 UTC"), "{}", page.text);
    assert!(page.text.contains("Roles at the installation") && page.text.contains("not in use here"));
    for (fields, status, words) in [
        (fields.as_str(), 409, "already"),
        ("role=Owner&scope=%2F", 400, "Name the grantee"),
        ("client_id=x&role=Owner&scope=%2F", 400, "A client id is a UUID"),
        ("issuer=ISSUER&group=GROUP&role=Owner&scope=%2F", 400, "An issuer is an https address"),
        ("issuer=https%3A%2F%2Fi.example&subject=s&role=Nobody&scope=%2F", 400, "There is no role of this name"),
        ("issuer=https%3A%2F%2Fi.example&subject=s&role=Owner&scope=demo", 400, "A scope is /"),
        (
            "issuer=https%3A%2F%2Fi.example&subject=s&role=Owner&scope=%2F&ends_at=2001-01-01T00:00",
            400,
            "lies in the future",
        ),
    ] {
        let page = story.submit("/access/new-assignment", &cookie, fields).await;
        assert_eq!(page.status, status, "{fields}: {}", page.text);
        assert!(page.text.contains(words) && page.text.contains("role=\"alert\""), "{words}: {}", page.text);
    }
    let grants = "/access/grants?scope=/vaults/demo&above=true";
    assert!(page.text.contains("href=\"/access/grants?scope=%2Fvaults%2Fdemo&#38;above=true\""), "{}", page.text);
    let page = story.get(grants, &cookie).await;
    for told in ["&#60;b&#62;oncall", "Never", "In use", "access list --scope"] {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    let elsewhere = "not of this one object";
    assert!(!page.text.contains(elsewhere));
    let of_one = story.get("/access/grants?scope=/vaults/demo/secrets/db&above=true", &cookie).await;
    assert!(of_one.text.contains(elsewhere), "a grant's use is not the secret's: {}", of_one.text);
    let of_uses = page.text.split("href=\"/access/new-role?of=").nth(1).unwrap().split('"').next().unwrap();
    let proposed = story.get(&format!("/access/new-role?of={of_uses}"), &cookie).await;
    for told in ["What it was used for", "Microsoft.Authorization/roleAssignments/write", "name=\"name\" value=\"\""] {
        assert!(proposed.text.contains(told), "{told}: {}", proposed.text);
    }
    assert_eq!(story.get("/access/new-role?of=x", &cookie).await.status, 404);
    let unused = story.get(&format!("{grants}&state=unused"), &cookie).await;
    assert!(unused.text.contains("No grant is like that here."), "{}", unused.text);
    let list = story.get("/access?scope=/vaults/demo", &cookie).await;
    let remove = list.text.split("href=\"/access/assignments/").nth(1).unwrap().split('"').next().unwrap();
    let remove = format!("/access/assignments/{remove}");
    let ask = story.get(&remove, &cookie).await;
    assert!(ask.text.contains("What is left afterwards") && ask.text.contains("Nothing: this is the only role"));
    location(&story.submit(&remove, &cookie, "").await);
    assert!(story.get("/access?scope=/vaults/demo", &cookie).await.text.contains("No assignments at /vaults/demo"));

    // The last owner stays.
    let list = story.get("/access", &cookie).await;
    let remove = list.text.split("href=\"/access/assignments/").nth(1).unwrap().split('"').next().unwrap();
    let refused = story.submit(&format!("/access/assignments/{remove}"), &cookie, "").await;
    assert!(refused.status == 409 && refused.text.contains("This is the last Owner"), "{}", refused.text);
}

#[tokio::test]
async fn what_nobody_used_is_taken_away_a_page_at_a_time() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    for group in ["one", "two"] {
        let fields =
            format!("issuer=https%3A%2F%2Fi.example&group={group}&role=Key+Vault+Reader&scope=%2Fvaults%2Fdemo");
        location(&story.submit("/access/new-assignment", &cookie, &fields).await);
    }
    let at = "/access/grants/unused?scope=%2Fvaults%2Fdemo";
    let early = story.get(at, &cookie).await;
    assert!(early.text.contains("Nothing here is known to be unused.") && !early.text.contains("name=\"grant-"));
    story.world.clock.advance(UNUSED_AFTER);
    let cookie = story.sign_in("ada").await;
    let page = story.get(at, &cookie).await;
    assert!(page.text.contains("Key Vault Reader of the group one at /vaults/demo"), "{}", page.text);
    let ticked: Vec<&str> =
        page.text.split("name=\"grant-").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(ticked.len(), 2);
    let scope = "scope=%2Fvaults%2Fdemo";
    assert_eq!(story.submit("/access/grants/unused", &cookie, scope).await.status, 400, "nothing is ticked");
    let fields = format!("{scope}&grant-{}=yes&grant-x=yes", ticked[0]);
    let done = story.submit("/access/grants/unused", &cookie, &fields).await;
    for told in ["1 of 2 removed", "Not done, because they were used or changed meanwhile, or are gone: 1."] {
        assert!(done.text.contains(told), "{told}: {}", done.text);
    }
    assert_eq!((story.last().operation.as_str(), story.last().outcome), ("RoleAssignmentDelete", Outcome::Allowed));
    let left = story.get(at, &cookie).await;
    assert!(!left.text.contains(ticked[0]) && left.text.contains(ticked[1]));
}

#[tokio::test]
async fn custom_roles_and_access_policies_are_written_and_removed() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let fields = "name=Lister&description=%3Ci%3E&data_actions=Microsoft.KeyVault%2Fvaults%2Fsecrets%2FreadMetadata%2Faction&scopes=%2Fvaults%2Fdemo";
    let at = location(&story.submit("/access/new-role", &cookie, fields).await).to_owned();
    let page = story.get(&at, &cookie).await;
    assert!(page.text.contains("Lister") && page.text.contains("&#60;i&#62;") && page.text.contains("/vaults/demo"));
    let seen = story.revision(&format!("{at}/edit"), &cookie).await;
    let changed = format!("{}&revision={seen}", fields.replace("name=Lister", "name=Looker"));
    assert_eq!(location(&story.submit(&format!("{at}/edit"), &cookie, &changed).await), at);
    let late = story.submit(&format!("{at}/edit"), &cookie, &changed.replace("Looker", "Late")).await;
    assert!(late.status == 412 && late.text.contains("Stored now"), "{}", late.text);
    assert!(late.text.contains("value=\"Late\"") && late.text.contains("Looker"), "{}", late.text);
    assert!(story.get("/access/roles", &cookie).await.text.contains("Looker"));
    let nothing = story.submit("/access/new-role", &cookie, "name=Empty&scopes=%2F").await;
    assert_eq!(nothing.status, 400, "{}", nothing.text);
    location(&story.submit(&format!("{at}/delete"), &cookie, "").await);
    assert_eq!(story.get(&at, &cookie).await.status, 404);

    let put = "issuer=https%3A%2F%2Fi.example&subject=eve&get=yes&list=yes";
    location(&story.submit("/vaults/demo/access-policy", &cookie, put).await);
    let page = story.get("/vaults/demo/access", &cookie).await;
    assert!(
        page.text.contains("get, list") && page.text.contains("the access mode does not ask them"),
        "{}",
        page.text
    );
    let edit = story.get("/vaults/demo/access-policy?issuer=https://i.example&subject=eve", &cookie).await;
    assert!(
        edit.text.contains("name=\"get\" value=\"yes\" checked")
            && !edit.text.contains("name=\"purge\" value=\"yes\" checked")
    );
    // What was taken away meanwhile does not come back by an older page, nor is one made over another.
    let seen = edit.text.split("name=\"revision\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let made = story.submit("/vaults/demo/access-policy", &cookie, put).await;
    assert!(made.status == 412 && made.text.contains("Stored now") && made.text.contains("get, list"), "{}", made.text);
    let whom = "issuer=https%3A%2F%2Fi.example&subject=eve";
    let asked = story.get(&format!("/vaults/demo/access-policy/remove?{whom}"), &cookie).await;
    assert!(asked.status == 200 && asked.text.contains("Taken away") && asked.text.contains("eve"), "{}", asked.text);
    assert!(story.get("/vaults/demo/access", &cookie).await.text.contains("get, list"), "a link takes nothing away");
    location(&story.submit("/vaults/demo/access-policy/remove", &cookie, whom).await);
    let gone = story.get(&format!("/vaults/demo/access-policy/remove?{whom}"), &cookie).await;
    assert_eq!(location(&gone), "/vaults/demo/access");
    let late = story.submit("/vaults/demo/access-policy", &cookie, &format!("{put}&revision={seen}")).await;
    assert!(late.status == 412 && late.text.contains("name=\"revision\" value=\"0\""), "{}", late.text);
    assert!(!story.get("/vaults/demo/access", &cookie).await.text.contains("get, list"));
}

#[tokio::test]
async fn a_client_secret_is_told_once() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let made = story.submit("/access/new-workload", &cookie, "name=%3Cledger%3E").await;
    let at = location(&made).to_owned();
    assert!(story.get("/access/workloads", &cookie).await.text.contains("&#60;ledger&#62;"));
    let ends = crate::dashboard::view::for_field(story.world.clock.now_millis() / 1000 + 30 * 86_400);
    let fields = format!("secret-name=laptop&secret-expires={ends}");
    let told = story.submit(&format!("{at}/new-secret"), &cookie, &fields).await;
    assert_eq!((told.status, told.header("cache-control")), (200, Some("no-store")));
    let secret = told.text.split("data-value").nth(1).unwrap().split('>').nth(1).unwrap().split('<').next().unwrap();
    assert!(secret.len() > 30, "{secret}");
    assert!(told.text.contains(&story.last().id.to_string()), "the page names its record");
    let page = story.get(&at, &cookie).await;
    assert!(page.text.contains("laptop") && !page.text.contains(secret));
    assert!(!story.log().iter().any(|record| serde_json::to_string(record).unwrap().contains(secret)));

    let fields = "issuer=https%3A%2F%2Fci.example&subject=repo%3Aa&audience=aud";
    assert_eq!(location(&story.submit(&format!("{at}/new-federation"), &cookie, fields).await), at);
    // As the API judges them: what is no issuer is refused, one that nobody configured is told.
    let nope =
        story.submit(&format!("{at}/new-federation"), &cookie, "issuer=http%3A%2F%2Fnope&subject=s&audience=a").await;
    assert!(nope.status == 400 && nope.text.contains("issuer is an https address"), "{}", nope.text);
    let unconfigured = "No issuer https://nobody.example is configured";
    assert!(!story.get(&at, &cookie).await.text.contains(unconfigured));
    let fields = "issuer=https%3A%2F%2Fnobody.example&subject=s&audience=a";
    assert_eq!(location(&story.submit(&format!("{at}/new-federation"), &cookie, fields).await), at);
    assert!(story.get(&at, &cookie).await.text.contains(unconfigured));
    let group = "issuer=https%3A%2F%2Fnobody.example&group=ops&role=Key+Vault+Reader&scope=%2F";
    let given = location(&story.submit("/access/new-assignment", &cookie, group).await).to_owned();
    assert!(story.get(&given, &cookie).await.text.contains(unconfigured));

    // Tried before an app relies on it, and neither kept nor sent back.
    let claims = r#"{"iss":"https://ci.example","sub":"repo:a","aud":["aud"],"name":"<img>"}"#;
    let token = format!("e30.{}.c2lnbmF0dXJl", data_encoding::BASE64URL_NOPAD.encode(claims.as_bytes()));
    let tried = story.submit(&format!("{at}/try-token"), &cookie, &format!("token={token}")).await;
    assert_eq!((tried.status, tried.header("cache-control")), (200, Some("no-store")));
    for said in ["federation issuer", "repo:a fits", "token explain --workload"] {
        assert!(tried.text.contains(said), "{said}: {}", tried.text);
    }
    assert!(!tried.text.contains("c2lnbmF0dXJl") && !tried.text.contains("<img>"), "{}", tried.text);
    assert!(!story.log().iter().any(|record| serde_json::to_string(record).unwrap().contains("c2lnbmF0dXJl")));
    let bad = story.submit(&format!("{at}/new-certificate"), &cookie, "certificate=nothing").await;
    assert!(bad.status == 400 && bad.text.contains("The certificate is refused"), "{}", bad.text);
    let page = story.get(&at, &cookie).await;
    for sort in ["secrets", "federations"] {
        let remove = page.text.split(&format!("href=\"{at}/{sort}/")).nth(1).unwrap().split('"').next().unwrap();
        let asked = story.get(&format!("{at}/{sort}/{remove}"), &cookie).await;
        assert!(asked.status == 200 && asked.text.contains("Never, as far as the log goes"), "{}", asked.text);
        location(&story.submit(&format!("{at}/{sort}/{remove}"), &cookie, "").await);
    }
    let gone = format!("{at}/secrets/{}/remove", Uuid::from_u128(7));
    assert_eq!(story.get(&gone, &cookie).await.status, 404, "nothing is asked about what is not there");
    location(&story.submit(&format!("{at}/disable"), &cookie, "").await);
    assert!(story.get(&at, &cookie).await.text.contains("/enable\""));
    location(&story.submit(&format!("{at}/rename"), &cookie, "workload-name=worker").await);
    let unconfirmed = story.submit(&format!("{at}/delete"), &cookie, "confirm=other&why=told").await;
    assert_eq!(unconfirmed.status, 400);
    location(&story.submit(&format!("{at}/delete"), &cookie, "confirm=worker&why=told").await);
    assert_eq!(story.get(&at, &cookie).await.status, 404);
}

#[tokio::test]
async fn who_may_nothing_of_it_is_told_which_role_is_missing() {
    let story = Story::start();
    let made = story.submit("/access/new-workload", &story.sign_in("ada").await, "name=worker").await;
    let workload = location(&made).to_owned();
    story.world.put_grant(Grantee::Principal { id: person("bob").id.clone() }, Role::Reader, Scope::Server).unwrap();
    let cookie = story.sign_in("bob").await;
    let vaults = story.get("/vaults", &cookie).await;
    assert!(
        vaults.text.contains("New vault needs the role Key Vault Contributor on the installation."),
        "{}",
        vaults.text
    );
    let id = "00000000-0000-4000-8000-000000000001";
    for target in [
        "/new-vault".to_owned(),
        "/vaults/demo/settings".to_owned(),
        "/vaults/demo/protect".to_owned(),
        "/vaults/demo/network".to_owned(),
        "/vaults/demo/delete".to_owned(),
        "/vaults/demo/access-policy".to_owned(),
        "/access/new-assignment".to_owned(),
        format!("/access/assignments/{id}/remove"),
        "/access/new-role".to_owned(),
        format!("/access/roles/{id}/delete"),
        "/access/new-workload".to_owned(),
        format!("{workload}/new-secret"),
        format!("{workload}/disable"),
    ] {
        let fields = "name=new&access_mode=rbac&retention_days=90&revision=1&default=allow&confirm=demo&why=told\
                      &issuer=https%3A%2F%2Fi.example&subject=s&role=Owner&scope=%2F&get=yes&scopes=%2F&data_actions=*";
        let denials = || story.log().iter().filter(|record| record.outcome == Outcome::Denied).count();
        let before = denials();
        let page = story.submit(&target, &cookie, fields).await;
        assert_eq!(page.status, 403, "{target}: {}", page.text);
        assert!(denials() > before, "{target}");
    }
}

#[tokio::test]
async fn the_audit_page_hides_its_own_requests_and_names_workloads() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let made = story.submit("/access/new-workload", &cookie, "name=ledger-worker").await;
    let client_id = location(&made).rsplit('/').next().unwrap().to_owned();
    let own_issuer = story.world.gate.own_issuer.clone();
    let id = PrincipalId { issuer: own_issuer, subject: client_id.clone() };
    let worker = Arc::new(Principal { id, kind: PrincipalKind::Workload, ..(*person("worker")).clone() });
    let request = story.world.request(&worker);
    assert!(story.world.secrets.get(&request, &story.vault, &name("db").unwrap(), None).await.is_err());
    let asset = strongroom_web::asset_names().next().unwrap();
    story.get(&format!("/assets/{asset}"), &cookie).await;
    let page = story.get("/audit", &cookie).await;
    assert!(!page.text.contains(">Asset<") && page.text.contains("WorkloadCreate"), "{}", page.text);
    assert!(story.get("/audit?own=yes", &cookie).await.text.contains("Asset"));
    assert!(page.text.contains("<rect class=\"f-bar\"") && page.text.contains("The same as a table"), "the chart");
    for (object, found) in [("demo/secrets/db", true), ("demo", true), ("db", true), ("demo/secrets/none", false)] {
        let page = story.get(&format!("/audit?operation=SecretGet&object={object}"), &cookie).await;
        assert_eq!(page.text.contains(&format!("ledger-worker ({client_id})")), found, "{object}: {}", page.text);
    }
    for query in
        ["range=1h", "from=2001-01-01T00:00&until=2002-01-01T00:00", "outcome=denied&vault=demo&operation=SecretGet"]
    {
        let page = story.get(&format!("/audit?{query}"), &cookie).await;
        assert_eq!(page.status, 200, "{query}");
    }
    let export = story.get("/audit/export?operation=WorkloadCreate", &cookie).await;
    assert_eq!(export.header("content-type"), Some("application/x-ndjson; charset=utf-8"));
    assert!(export.header("content-disposition").unwrap().starts_with("attachment; filename=\"audit-"));
    let lines: Vec<serde_json::Value> = export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[1]["operation"]), (2, &"WorkloadCreate".into()), "{lines:?}");
    let told = &lines[0]["export"];
    assert_eq!((&told["records"], &told["whole"], &told["continue"]), (&1.into(), &true.into(), &().into()), "{told}");
    assert_eq!(told["filter"], serde_json::json!({ "operation": "WorkloadCreate" }));
    assert!(!export.header("content-disposition").unwrap().contains("part"));
    let page = story.get("/audit?outcome=denied", &cookie).await;
    assert!(page.text.contains(&format!("ledger-worker ({client_id})")), "{}", page.text);
    assert!(page.text.contains("1 denied in 1 d; one reason covers 100 %: "), "{}", page.text);
    let asked = story.get("/audit?outcome=denied&vault=demo&reason=no-role&range=1h", &cookie).await.text;
    for said in ["audit query --outcome", "--vault", "--reason", "--from", "/api/v1/audit?outcome=denied"] {
        assert!(asked.contains(said), "the commands ask the same: {said}");
    }
    // By its name, as the list shows it; and what nobody was known for.
    let page = story.get("/audit?principal=Ledger-Worker&outcome=denied", &cookie).await;
    assert!(page.text.contains(&format!("ledger-worker ({client_id})")), "{}", page.text);
    assert!(page.text.contains(&format!("value=\"{client_id}\"")), "the form says it: {}", page.text);
    assert!(page.text.contains("Sign-ins of ledger-worker, failed ones too"), "{}", page.text);
    assert!(page.text.contains(&format!("/audit?object={client_id}")), "{}", page.text);
    let part = story.get("/audit?principal=ledger-work", &cookie).await;
    assert_eq!(part.status, 200, "a part of a name is no name");
}

#[tokio::test]
async fn a_slip_in_the_filter_is_told_beside_its_field() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    for (query, kept, wrong) in [
        ("operation=SecretGot&vault=demo", ["value=\"SecretGot\"", "value=\"demo\""], "the nearest is SecretGet."),
        ("client=10.0.0&reason=no-role", ["value=\"10.0.0\"", "value=\"no-role\""], "client is a whole address"),
        (
            "from=2026-01-02T00:00&until=2026-01-01T00:00",
            ["value=\"2026-01-02T00:00\"", "value=\"2026-01-01T00:00\""],
            "The end is not later than the beginning.",
        ),
    ] {
        let page = story.get(&format!("/audit?{query}"), &cookie).await;
        let told = (story.last().status, story.last().reason);
        assert_eq!((page.status, told), (400, (Some(400), "bad-parameter".to_owned())), "{query}");
        let (_, told) = page.text.split_once("<small class=\"wrong\">").unwrap();
        assert!(told.starts_with(wrong) || told.split("</small>").next().unwrap().contains(wrong), "{query}: {told}");
        assert!(kept.iter().all(|kept| page.text.contains(kept)), "{query}: {}", page.text);
    }
    let eve = story.sign_in("eve").await;
    assert_eq!(story.get("/audit?operation=SecretGot", &eve).await.status, 403, "only for whoever may read it");
}

#[tokio::test]
async fn an_export_that_was_cut_says_so_and_where_it_goes_on() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let ctx = story.world.request(&person("eve"));
    assert!(story.world.secrets.get(&ctx, &story.vault, &name("db").unwrap(), None).await.is_err());
    let denied = story.last();
    assert_eq!(denied.outcome, Outcome::Denied);
    let id = |number: u128| Uuid::from_u128((7 << 76) | (1 << 70) | number);
    let again = |number: u128| Entry { record: Record { id: id(number), ..denied.clone() }, change: None };
    story.world.store.append((0..10_000).map(again).collect()).await.unwrap();
    let page = story.get("/audit?outcome=denied&range=1h", &cookie).await;
    assert!(page.text.contains("Export the newest 10,000 of about 10,001 as JSON lines"), "{}", page.text);
    let read = |page: &Page| {
        let lines: Vec<serde_json::Value> = page.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (lines[0]["export"].clone(), lines[1..].iter().map(|record| record["id"].clone()).collect::<Vec<_>>())
    };
    let first = story.get("/audit/export?outcome=denied&range=1h", &cookie).await;
    let (told, mut all) = read(&first);
    assert!(first.header("content-disposition").unwrap().ends_with("-part-1.jsonl\""));
    assert_eq!((&told["records"], &told["whole"], &told["part"]), (&10_000.into(), &false.into(), &1.into()), "{told}");
    assert!(told["from"].is_string(), "{told}");
    let rest = story.get(told["continue"].as_str().unwrap(), &cookie).await;
    assert!(rest.header("content-disposition").unwrap().ends_with("-part-2.jsonl\""));
    let (told, last) = read(&rest);
    assert_eq!((&told["records"], &told["whole"], &told["continue"]), (&1.into(), &false.into(), &().into()), "{told}");
    assert_eq!(last, [denied.id.to_string()]);
    all.extend(last);
    all.sort_by_key(ToString::to_string);
    all.dedup();
    assert_eq!(all.len(), 10_001);
}

#[tokio::test]
async fn the_api_names_workloads_beside_their_ids() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let made = story.submit("/access/new-workload", &cookie, "name=ledger-worker").await;
    let client_id = location(&made).rsplit('/').next().unwrap().to_owned();
    let id = PrincipalId { issuer: story.world.gate.own_issuer.clone(), subject: client_id.clone() };
    let worker = Arc::new(Principal { id, kind: PrincipalKind::Workload, ..(*person("worker")).clone() });
    let request = story.world.request(&worker);
    assert!(story.world.secrets.get(&request, &story.vault, &name("db").unwrap(), None).await.is_err());
    let fields = format!("client_id={client_id}&role=Key+Vault+Reader&scope=%2Fvaults%2Fdemo");
    location(&story.submit("/access/new-assignment", &cookie, &fields).await);
    let ask = async |target: &str| {
        let authorization = Some(Zeroizing::new("Bearer person-ada".to_owned()));
        let response = answer(story.services.clone(), RawRequest { authorization, ..raw("GET", target) }).await;
        serde_json::from_slice::<serde_json::Value>(&response.body).unwrap()
    };
    let read = ask("/api/v1/audit?object=demo/secrets/db&operation=SecretGet").await;
    assert_eq!(read["value"].as_array().unwrap().len(), 1, "{read}");
    assert_eq!(read["names"], serde_json::json!({ client_id: "ledger-worker" }));
    let wrong = ask("/api/v1/audit?object=demo/things/db").await;
    assert!(wrong["error"]["message"].as_str().unwrap().contains("VAULT/KIND/NAME"), "never silence: {wrong}");
    let assigned = ask("/api/v1/assignments?scope=/vaults/demo").await;
    assert_eq!(assigned["value"][0]["grantee_name"], "ledger-worker", "{assigned}");

    // Whoever another issuer calls by the same id is somebody else.
    let demo = story.world.store.image().vaults["demo"].id;
    let foreign = PrincipalId { issuer: "https://evil.example".to_owned(), subject: worker.id.subject.clone() };
    let foreign = Grantee::Principal { id: foreign };
    story.world.put_grant(foreign, Role::Administrator, Scope::Vault { vault: demo }).unwrap();
    let assigned = ask("/api/v1/assignments?scope=/vaults/demo").await;
    let of = |issuer: &str| {
        let all = assigned["value"].as_array().unwrap();
        all.iter().find(|given| given["grantee"]["id"]["issuer"] == issuer).unwrap().clone()
    };
    assert!(of("https://evil.example").get("grantee_name").is_none(), "{assigned}");
    assert_eq!(of(&story.world.gate.own_issuer)["grantee_name"], "ledger-worker", "{assigned}");
    assert!(assigned["value"].as_array().unwrap().iter().all(|given| given.get("grantee_deleted").is_none()));

    // What was given to somebody who is gone is marked, for machines and for people.
    let gone = PrincipalId { subject: uuid::Uuid::nil().to_string(), ..worker.id.clone() };
    let left = Grantee::Principal { id: gone.clone() };
    story.world.put_grant(left, Role::Reader, Scope::Vault { vault: demo }).unwrap();
    let assigned = ask("/api/v1/assignments?scope=/vaults/demo").await;
    let marked: Vec<_> =
        assigned["value"].as_array().unwrap().iter().filter(|given| given["grantee_deleted"] == true).collect();
    assert_eq!(marked.len(), 1, "{assigned}");
    assert_eq!(marked[0]["grantee"]["id"]["subject"], gone.subject);
    let page = story.get("/access", &cookie).await;
    assert!(page.text.contains("identity deleted"), "{}", page.text);
}

#[tokio::test]
async fn the_overview_says_what_needs_somebody() {
    let story = Story::start();
    story.set("db", "x").await;
    let cookie = story.sign_in("ada").await;
    let quiet = story.get("/overview", &cookie).await;
    assert!(quiet.status == 200 && quiet.text.contains("<h1>Nothing needs you</h1>"), "{}", quiet.text);
    let eve = story.sign_in("eve").await;
    for _ in 0..6 {
        story.get("/vaults/demo/secrets/db", &eve).await;
    }
    story.world.clock.advance(1000);
    let fields = "issuer=https%3A%2F%2Fi.example&subject=s&role=Key+Vault+Reader&scope=%2Fvaults%2Fdemo";
    let ends = crate::dashboard::view::for_field(story.world.clock.now_millis() / 1000 + 7200);
    location(&story.submit("/access/new-assignment", &cookie, &format!("{fields}&ends_at={ends}")).await);
    let page = story.get("/overview", &cookie).await;
    assert!(page.text.contains("<h1>2 things need attention</h1>"), "{}", page.text);
    assert!(
        page.text.contains("eve at people.example was denied 6 times")
            && page.text.contains("Key Vault Reader at /vaults/demo ends")
    );
    assert!(page.text.contains("RoleAssignmentCreate"), "changes by people");
    let other = story.get("/overview", &eve).await;
    assert!(other.text.contains("Denials and changes are hidden") && !other.text.contains("denied 6 times"));
    assert!(other.text.contains("<h1>Nothing that you may see needs you</h1>"), "{}", other.text);
    assert!(page.text.contains("<dt>Records</dt>") && !other.text.contains("<dt>Records</dt>"), "how busy it is");
    assert_eq!(story.get("/", &cookie).await.header("location"), Some("/overview"));
}

#[tokio::test]
async fn what_ends_within_days_is_what_the_overview_begins_with() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let ends = crate::dashboard::view::for_field(story.world.clock.now_millis() / 1000 + 5 * 86_400 + 7200);
    for name in ["soon", "sooner"] {
        let fields = format!("name={name}&value=x&enabled=yes&expires={ends}");
        location(&story.submit("/vaults/demo/new-secret", &cookie, &fields).await);
    }
    let page = story.get("/overview", &cookie).await.text;
    assert!(page.contains("<h1>2 things need attention</h1>") && page.contains("demo/soon ends in 5 d"), "{page}");
}

#[tokio::test]
async fn the_overview_counts_every_denial_and_leaves_nobody_out() {
    let story = Story::start();
    story.set("db", "x").await;
    for (who, times) in [("eve", 5), ("grace", 1)] {
        let cookie = story.sign_in(who).await;
        for _ in 0..times {
            assert_eq!(story.get("/vaults/demo/secrets/db", &cookie).await.status, 403);
        }
    }
    story.world.store.meddle(|image| {
        let last = image.log.iter().rev().find(|logged| logged.record.outcome == Outcome::Denied).cloned().unwrap();
        image.log.extend(std::iter::repeat_n(last, 1000));
    });
    let page = story.get("/overview", &story.sign_in("ada").await).await.text;
    for told in ["<h1>2 things need attention</h1>", "grace at people.example was denied 1,001 times"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(page.contains("eve at people.example was denied 5 times"), "{page}");
}

#[tokio::test]
async fn what_the_overview_could_not_read_is_not_told_to_be_nothing() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.world.store.keep_log_unread(true);
    let page = story.get("/overview", &cookie).await.text;
    assert!(page.contains("<h1>5 things could not be looked at</h1>") && !page.contains("Nothing needs you"), "{page}");
    for part in ["Denials", "Renewals of certificates", "Changes by people", "What is unusual", "Decisions over time"] {
        assert!(page.contains(&format!("{part} could not be read just now")), "{part}: {page}");
    }
    story.world.store.keep_log_unread(false);
    let page = story.get("/overview", &cookie).await.text;
    assert!(page.contains("<h1>Nothing needs you</h1>"), "{page}");
}

/// And which one somebody has to see to. It is told as long as no later version is there.
#[tokio::test]
async fn the_overview_says_which_certificate_was_not_renewed_until_it_is() {
    let story = Story::start();
    story.guard();
    story.world.policies.answer("guard", Verdict::Says(Effect::Allow));
    let (certificates, app) = (&story.services.certificates, name("app").unwrap());
    let issuer =
        |name: &str| Some(IssuerReference { name: name.to_owned(), certificate_type: None, transparency: None });
    let by = |name: &str| PolicyPatch { issuer: issuer(name), ..PolicyPatch::default() };
    let key = Some(KeySpec::Ec { crv: Curve::P256 });
    let policy = PolicyPatch { spec: key, subject: Some("CN=app".to_owned()), ..by("Self") };
    let ask = || story.world.request(&story.ada);
    certificates.create(&ask(), &story.vault, &app, Some(&policy), &enabled()).await.unwrap();
    let told = async |issuer: &str, days: i64| {
        certificates.update_policy(&ask(), &story.vault, &app, &by(issuer)).await.unwrap();
        story.world.clock.advance(days * 86_400_000);
        certificates.do_what_is_due(&story.world.store, &*story.world.clock).await.unwrap();
        let cookie = story.sign_in("ada").await;
        story.get("/overview", &cookie).await.text
    };
    let directory = "https://ca.example/directory".to_owned();
    let gone = IssuerPatch {
        provider: Some("ACME".to_owned()),
        settings: Some(IssuerSettings::Acme(AcmeSettings { directory, ..AcmeSettings::default() })),
        ..IssuerPatch::default()
    };
    let (issuers, nobody) = (&story.services.issuers, name("Nobody").unwrap());
    issuers.set(&ask(), &story.vault, &nobody, &gone).await.map(drop).unwrap();
    told("Nobody", 0).await;
    issuers.delete(&ask(), &story.vault, &nobody).await.map(drop).unwrap();
    let failed = told("Nobody", 300).await;
    assert!(failed.contains("app could not be renewed") && failed.contains("it is tried again"), "{failed}");
    let renewed = told("Self", 0).await;
    assert!(renewed.contains("<h1>Nothing needs you</h1>"), "{renewed}");
    // What a module forbids, until it does not.
    for (verdict, days, told) in [(Effect::Deny, 300, true), (Effect::Allow, 1, false)] {
        story.world.policies.answer("guard", Verdict::Says(verdict));
        story.world.clock.advance(days * 86_400_000);
        certificates.do_what_is_due(&story.world.store, &*story.world.clock).await.unwrap();
        story.world.policies.answer("guard", Verdict::Says(Effect::Allow));
        let page = story.get("/overview", &story.sign_in("ada").await).await.text;
        assert_eq!(page.contains("app could not be renewed"), told, "{page}");
    }
    let ends = told("Unknown", 300).await;
    assert!(ends.contains("app ends soon") && !ends.contains("could not be renewed"), "{ends}");
}
