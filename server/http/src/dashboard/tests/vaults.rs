//! The list of vaults, page by page, and the frame that does not grow with it.

use strongroom_domain::{
    grant::Scope,
    names::VaultName,
    principal::Grantee,
    role::Role,
    test_support::world::{name, person},
    vault::VaultSettings,
};

use super::Story;

/// A row of the list.
fn row(vault: &str) -> String {
    format!("class=\"name\" href=\"/vaults/{vault}\"")
}

#[tokio::test]
async fn vaults_have_pages_a_search_and_an_order_and_the_sidebar_stays_short() {
    let story = Story::start();
    for number in 0..30 {
        let vault = VaultName::parse(&format!("team-{number:02}")).unwrap();
        story.world.put_vault(&vault, VaultSettings::default()).unwrap();
    }
    let cookie = story.sign_in("ada").await;
    let first = story.get("/vaults", &cookie).await.text;
    assert!(first.contains("25 on this page") && first.contains("/vaults?after=team-23"), "{first}");
    assert!(first.contains(&row("demo")) && !first.contains(&row("team-24")), "{first}");
    let second = story.get("/vaults?after=team-23", &cookie).await.text;
    assert!(second.contains(&row("team-29")) && !second.contains(&row("team-23")), "{second}");
    assert!(second.contains("6 on this page") && !second.contains("after=team-29"), "{second}");
    let found = story.get("/vaults?q=Team-2", &cookie).await.text;
    assert!(found.contains(&row("team-25")) && !found.contains(&row("demo")), "{found}");
    assert!(story.get("/vaults?q=none", &cookie).await.text.contains("No vault that you may list is like that"));
    let turned = story.get("/vaults?sort=name&order=desc", &cookie).await.text;
    assert!(turned.find(&row("team-29")).unwrap() < turned.find(&row("team-28")).unwrap(), "{turned}");
    assert_eq!(story.get(&format!("/vaults?q={}", "x".repeat(25)), &cookie).await.status, 400);

    // In the sidebar and in the menu of narrow screens.
    let in_sidebar = |page: &str| page.matches("class=\"vault\"").count();
    assert_eq!(in_sidebar(&first), 0, "none is open, and none is pinned: {first}");
    let open = story.get("/vaults/team-05", &cookie).await.text;
    assert_eq!(in_sidebar(&open), 2, "{open}");
    assert!(open.contains(">All vaults</a>"), "{open}");
    let pins = story.submit("/me/pins", &cookie, "vault=team-07&pinned=yes").await.cookie("__Host-pins").unwrap();
    let pinned = story.get("/vaults/team-05", &format!("{cookie}; {pins}")).await.text;
    assert_eq!(in_sidebar(&pinned), 4, "{pinned}");
}

#[tokio::test]
async fn the_list_tells_what_is_in_each_and_what_is_hidden() {
    let story = Story::start();
    story.set("db", "v").await;
    let eve = story.sign_in("eve").await;
    assert_eq!(story.get("/vaults/demo/secrets", &eve).await.status, 403);
    let ada = story.sign_in("ada").await;
    let list = story.get("/vaults", &ada).await.text;
    assert!(list.contains("1 / 0 / 0") && list.contains("vault=demo"), "{list}");
    let home = story.get("/vaults/demo", &ada).await.text;
    assert!(home.contains("Denials in 24 h") && home.contains("Near their end"), "{home}");
    story.world.put_grant(Grantee::Principal { id: person("bob").id.clone() }, Role::Reader, Scope::Server).unwrap();
    let hidden = story.get("/vaults", &story.sign_in("bob").await).await.text;
    assert!(hidden.contains("Seeing denials needs the role Strongroom Auditor on the installation."), "{hidden}");
    assert!(!hidden.contains("outcome=denied"), "{hidden}");
}

#[tokio::test]
async fn the_list_of_secrets_tells_who_read_them_lately_to_whoever_may_read_the_log() {
    let story = Story::start();
    story.set("read", "v").await;
    story.set("unread", "v").await;
    let request = story.world.request(&story.ada);
    story.services.secrets.get(&request, &story.vault, &name("read").unwrap(), None).await.unwrap();
    let list = story.get("/vaults/demo/secrets", &story.sign_in("ada").await).await.text;
    for told in ["v1, rotated", "Last read", "Readers, 24 h", ">nobody<", "Not in 24 h"] {
        assert!(list.contains(told), "{told}: {list}");
    }
    story.world.put_grant(Grantee::Principal { id: person("bob").id.clone() }, Role::Reader, Scope::Server).unwrap();
    let hidden = story.get("/vaults/demo/secrets", &story.sign_in("bob").await).await.text;
    assert!(!hidden.contains("Last read"), "{hidden}");
    assert!(hidden.contains("Seeing reads needs the role Strongroom Auditor on the installation."), "{hidden}");
}

#[tokio::test]
async fn a_new_vault_is_shown_as_a_command_before_it_is_made() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let fields = "name=fresh&access_mode=rbac&retention_days=30&region=eu-1&tag-name-1=team&tag-value-1=pay";
    let shown = story.submit("/new-vault", &ada, &format!("{fields}&step=preview")).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    for told in
        ["vault create ", "fresh", "--retention-days ", "--region ", "team=pay", "name=\"step\" value=\"preview\""]
    {
        assert!(shown.text.contains(told), "{told}: {}", shown.text);
    }
    assert_eq!(story.get("/vaults/fresh", &ada).await.status, 404, "nothing was made");
    assert_eq!(story.submit("/new-vault", &ada, &format!("{fields}&module=none")).await.status, 400);
    assert_eq!(story.submit("/new-vault", &ada, fields).await.status, 303);
}
