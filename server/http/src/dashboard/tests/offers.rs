//! What pages offer to somebody: nothing that would be refused anyway, and what there is to choose from.

use strongroom_crypto::key::{Curve, KeySpec};
use strongroom_domain::{
    certificate::{IssuerReference, PolicyPatch},
    grant::Scope,
    principal::Grantee,
    role::Role,
    test_support::world::{enabled, name, person},
};

use super::{
    Story, VALUE,
    walk::{of_route, routes},
};
use crate::{
    message::Method,
    routes::{Access, Endpoint},
};

/// Where forms lead that are everybody's own.
const OWN: [&str; 3] = ["/sign-out", "/me/", "/command-line"];

/// Where the forms of a page lead, without those that are everybody's own.
fn forms(page: &str) -> Vec<&str> {
    let heads = page.split("<form").skip(1).filter_map(|form| form.split('>').next());
    let posts = heads.filter(|head| head.contains("method=\"post\""));
    let actions = posts.filter_map(|head| head.split("action=\"").nth(1)?.split('"').next());
    actions.filter(|action| OWN.iter().all(|own| !action.starts_with(own))).collect()
}

/// On whatever page somebody is, and however they came there: a form that they cannot send stands beside a sentence that
/// says what is missing, and the sidebar leads nowhere that is closed.
#[tokio::test]
async fn every_page_says_what_is_missing_to_whoever_may_only_look() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let version = story.set("walked", VALUE).await;
    let key = story.submit("/vaults/demo/new-key", &ada, "name=walked&kind=EC+P-256&enabled=yes").await;
    assert_eq!(key.status, 303, "{}", key.text);
    story.world.put_grant(Grantee::Principal { id: person("bob").id.clone() }, Role::Reader, Scope::Server).unwrap();
    for who in ["bob", "eve"] {
        let cookie = story.sign_in(who).await;
        let (mut shown, mut sidebar) = (0, std::collections::BTreeSet::new());
        for route in routes().filter(|route| route.access == Access::Session && route.method == Method::Get) {
            if matches!(route.endpoint, Endpoint::AuditLive | Endpoint::AuditExportPage | Endpoint::AuditBundlePage) {
                continue;
            }
            let path = of_route(route, &version).path;
            let page = story.get(&path, &cookie).await;
            if page.status != 200 {
                continue;
            }
            shown += 1;
            let (forms, told) = (forms(&page.text), page.text.contains("class=\"cannot\""));
            assert!(forms.is_empty() || told, "{who} at {path}: {forms:?} {}", page.text);
            let nav = page.text.split("<nav class=\"nav\"").nth(1).and_then(|rest| rest.split("</nav>").next());
            let links = nav.unwrap_or_default().split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
            sidebar.extend(links.map(str::to_owned));
        }
        assert!(shown > 10, "{who}: {shown} pages");
        for link in sidebar.iter().filter(|link| !link.contains(".svg")) {
            assert_ne!(story.get(link, &cookie).await.status, 403, "{who}: {link}");
        }
    }
}

#[tokio::test]
async fn who_may_look_is_not_offered_to_change() {
    let story = Story::start();
    story.set("db", "v").await;
    story.world.put_grant(Grantee::Principal { id: person("bob").id.clone() }, Role::Reader, Scope::Server).unwrap();
    let ada = story.sign_in("ada").await;
    let bob = story.sign_in("bob").await;
    for (page, submit, act) in [
        ("/vaults/demo/settings", "Save settings", "Changing settings needs the role"),
        ("/vaults/demo/network", "Replace the rules", "Changing the rules needs the role"),
    ] {
        let (owners, readers) = (story.get(page, &ada).await.text, story.get(page, &bob).await.text);
        assert!(owners.contains(submit) && !owners.contains(act), "{page}: {owners}");
        assert!(!readers.contains(submit) && readers.contains(act), "{page}: {readers}");
    }
    assert!(story.get("/vaults/demo/settings", &ada).await.text.contains("/vaults/demo/protect"));
    assert!(!story.get("/vaults/demo/settings", &bob).await.text.contains("/vaults/demo/protect"));
}

#[tokio::test]
async fn the_sidebar_leads_nowhere_that_is_closed() {
    let story = Story::start();
    story.set("db", "v").await;
    let vault = story.services.admin.show_vault(&story.world.request(&story.ada), &story.vault).await.unwrap();
    let grace = Grantee::Principal { id: person("grace").id.clone() };
    story.world.put_grant(grace, Role::SecretsUser, Scope::Vault { vault: vault.id }).unwrap();
    let page = story.get("/vaults/demo/secrets", &story.sign_in("grace").await).await;
    let inner = |page: &str| format!("class=\"in\" href=\"/vaults/demo/{page}\"");
    assert!(page.status == 200 && page.text.contains(&inner("secrets")), "{}", page.text);
    for (closed, lacks) in [("keys", "Keys"), ("access", "Access")] {
        let asked = story.get(&format!("/vaults/demo/{closed}"), &story.sign_in("grace").await).await;
        assert_eq!(asked.status, 403, "{closed}");
        assert!(!page.text.contains(&inner(closed)), "{closed}: {}", page.text);
        let lacks = format!("{lacks} <small>needs Key Vault Reader</small>");
        assert!(page.text.contains(&lacks), "{lacks}: {}", page.text);
    }
    assert!(page.text.contains("Audit <small>needs Strongroom Auditor</small>"), "{}", page.text);
    // Whom to ask is for those who may read assignments.
    let home = story.get("/vaults/demo", &story.sign_in("grace").await).await;
    assert!(home.text.contains("Owners are hidden") && !home.text.contains(">ada<"), "{}", home.text);
    let home = story.get("/vaults/demo", &story.sign_in("ada").await).await;
    assert!(home.text.contains("<small>on the installation</small>"), "{}", home.text);
    // Where somebody is all the same is named.
    let refused = story.get("/vaults/demo/keys", &story.sign_in("grace").await).await;
    assert!(refused.text.contains(&inner("keys")), "{}", refused.text);
    let owners = story.get("/vaults/demo/secrets", &story.sign_in("ada").await).await;
    for open in ["secrets", "keys", "certificates", "deleted", "access", "network", "approvals", "settings"] {
        assert!(owners.text.contains(&inner(open)), "{open}: {}", owners.text);
    }
}

#[tokio::test]
async fn what_a_certificate_keeps_is_changed_with_it_alone() {
    let story = Story::start();
    let given = PolicyPatch {
        spec: Some(KeySpec::Ec { crv: Curve::P256 }),
        subject: Some("CN=app.example".to_owned()),
        issuer: Some(IssuerReference { name: "Self".to_owned(), certificate_type: None, transparency: None }),
        ..PolicyPatch::default()
    };
    let ctx = story.world.request(&story.ada);
    let certificates = &story.services.certificates;
    certificates.create(&ctx, &story.vault, &name("web").unwrap(), Some(&given), &enabled()).await.unwrap();
    let cookie = story.sign_in("ada").await;
    for kind in ["keys", "secrets"] {
        let page = story.get(&format!("/vaults/demo/{kind}/web"), &cookie).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("belongs to the certificate web"), "{}", page.text);
        for act in ["/delete\"", "/disable\"", "/edit\"", "/new-version\""] {
            assert!(!page.text.contains(act), "{kind} {act}: {}", page.text);
        }
    }
}

#[tokio::test]
async fn a_form_about_a_grant_names_whom_and_where() {
    let story = Story::start();
    let worker = story.world.put_workload("ledger-worker", true).unwrap();
    let group = Grantee::Group { issuer: "https://login.example".to_owned(), group: "app-team".to_owned() };
    story.world.put_grant(group, Role::SecretsUser, Scope::Server).unwrap();
    for page in ["/access/new-assignment", "/vaults/demo/access-policy"] {
        let form = story.get(page, &story.sign_in("ada").await).await;
        for known in [
            format!("<option value=\"{}\">ledger-worker</option>", worker.id.subject),
            "<option value=\"app-team\">at https://login.example</option>".to_owned(),
            "<option value=\"ada\">you</option>".to_owned(),
            "<option value=\"https://login.example\">".to_owned(),
        ] {
            assert!(form.text.contains(&known), "{page} {known}: {}", form.text);
        }
    }
    let form = story.get("/access/new-assignment", &story.sign_in("ada").await).await;
    assert!(form.text.contains("<option value=\"\" selected>"), "no role is chosen beforehand: {}", form.text);
    assert!(form.text.contains("<option value=\"/vaults/demo\">"), "{}", form.text);
    // Whoever may not see them is not told, and nothing is refused to find that out.
    let before = story.log().len();
    let strangers = story.get("/access/new-assignment", &story.sign_in("eve").await).await;
    assert!(!strangers.text.contains("ledger-worker") && !strangers.text.contains("app-team"), "{}", strangers.text);
    let denied = story.log().split_off(before).into_iter().filter(|record| record.operation == "WorkloadList");
    assert_eq!(denied.count(), 0);
}
