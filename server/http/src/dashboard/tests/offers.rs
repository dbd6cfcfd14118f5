//! What pages offer to somebody: nothing that would be refused anyway, and what there is to choose from.

use strongroom_crypto::key::{Curve, KeySpec};
use strongroom_domain::{
    certificate::{IssuerReference, PolicyPatch},
    grant::Scope,
    principal::Grantee,
    role::Role,
    test_support::world::{enabled, name, person},
};

use super::Story;

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
    for closed in ["keys", "access"] {
        let asked = story.get(&format!("/vaults/demo/{closed}"), &story.sign_in("grace").await).await;
        assert_eq!(asked.status, 403, "{closed}");
        assert!(!page.text.contains(&inner(closed)), "{closed}: {}", page.text);
    }
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
    assert!(form.text.contains("<option value=\"/vaults/demo\">"), "{}", form.text);
    // Whoever may not see them is not told, and nothing is refused to find that out.
    let before = story.log().len();
    let strangers = story.get("/access/new-assignment", &story.sign_in("eve").await).await;
    assert!(!strangers.text.contains("ledger-worker") && !strangers.text.contains("app-team"), "{}", strangers.text);
    let denied = story.log().split_off(before).into_iter().filter(|record| record.operation == "WorkloadList");
    assert_eq!(denied.count(), 0);
}
