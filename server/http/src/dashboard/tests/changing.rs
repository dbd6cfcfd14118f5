//! Changing secrets by forms: create, add a version, edit, switch off, roll back, delete, recover, purge.

use strongroom_domain::{
    grant::Scope,
    names::VaultName,
    principal::Grantee,
    record::Outcome,
    role::Role,
    test_support::world::{name, person},
    vault::VaultSettings,
};

use super::{BASE, Page, Story, VALUE};

impl Story {
    /// Sends a form of ours with fields.
    pub(super) async fn submit(&self, target: &str, cookie: &str, fields: &str) -> Page {
        let token = self.get("/vaults", cookie).await.form_token().to_owned();
        let body = format!("csrf_token={token}&{fields}");
        self.send("POST", target, cookie, Some(BASE), &body).await
    }

    async fn value(&self, secret: &str) -> String {
        let request = self.world.request(&self.ada);
        let read = self.world.secrets.get(&request, &self.vault, &name(secret).unwrap(), None).await.unwrap();
        read.value.expose().to_owned()
    }

    fn current(&self, secret: &str) -> String {
        let image = self.world.store.image();
        let stored = image.objects.values().find(|stored| stored.meta.name == name(secret).unwrap()).unwrap();
        stored.meta.current.to_string()
    }
}

fn location(page: &Page) -> &str {
    assert_eq!(page.status, 303, "{}", page.text);
    page.header("location").unwrap()
}

#[tokio::test]
async fn a_secret_lives_from_create_to_purge_by_forms_alone() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let form = story.get("/vaults/demo/new-secret", &cookie).await;
    assert!(form.status == 200 && form.text.contains("action=\"/vaults/demo/new-secret\""));
    let fields = format!(
        "name=Db-Password&value={VALUE}%0D%0Asecond&content_type=text%2Fplain&enabled=yes\
         &expires=2099-01-31T12:00&tag-name-1=team&tag-value-1=ledger"
    );
    let created = story.submit("/vaults/demo/new-secret", &cookie, &fields).await;
    assert_eq!(location(&created), "/vaults/demo/secrets/Db-Password");
    let record = story.last();
    assert_eq!((record.operation.as_str(), record.outcome, record.status), ("SecretSet", Outcome::Allowed, Some(303)));
    assert_eq!(story.value("db-password").await, format!("{VALUE}\nsecond"));
    let page = story.get("/vaults/demo/secrets/Db-Password", &cookie).await;
    for text in ["text/plain", "team: ledger", "31 Jan 2099, 12:00 UTC", "New version", "Disable", "Delete"] {
        assert!(page.text.contains(text), "{text}");
    }

    // Again by the form that says "new": nothing is overwritten.
    let again = story.submit("/vaults/demo/new-secret", &cookie, "name=db-password&value=other").await;
    assert!(again.status == 409 && again.text.contains("There is a secret db-password already"), "{}", again.text);

    let first = story.current("db-password");
    let form = story.get("/vaults/demo/secrets/db-password/new-version", &cookie).await;
    assert!(form.text.contains("value=\"team\"") && !form.text.contains(VALUE), "it begins like the current one");
    let added = story.submit("/vaults/demo/secrets/db-password/new-version", &cookie, "value=newer&enabled=yes").await;
    assert_eq!(location(&added), "/vaults/demo/secrets/Db-Password");
    assert_eq!(story.value("db-password").await, "newer");

    let rolled = story.submit(&format!("/vaults/demo/secrets/db-password/{first}/roll-back"), &cookie, "").await;
    assert_eq!(location(&rolled), "/vaults/demo/secrets/Db-Password");
    assert_eq!(story.value("db-password").await, format!("{VALUE}\nsecond"));
    assert_ne!(story.current("db-password"), first, "a roll back is a version of its own");
    let read = story.log().into_iter().rfind(|r| r.stated_reason.is_some()).unwrap();
    assert_eq!((read.operation.as_str(), read.version.as_deref()), ("SecretGet", Some(first.as_str())));

    let now = story.current("db-password");
    let at = format!("/vaults/demo/secrets/db-password/{now}");
    let edited = "content_type=&content-type-set=yes&enabled=yes&tags-shown=yes&tag-name-1=tier&tag-value-1=0";
    location(&story.submit(&format!("{at}/edit"), &cookie, edited).await);
    let page = story.get(&at, &cookie).await;
    assert!(page.text.contains("tier: 0") && !page.text.contains("team: ledger") && page.text.contains("Not set"));
    assert!(page.text.contains("31 Jan 2099"), "an empty date changes nothing");
    location(&story.submit(&format!("{at}/disable"), &cookie, "").await);
    let page = story.get(&at, &cookie).await;
    assert!(page.text.contains("nobody can read its value") && page.text.contains("/enable\""), "{}", page.text);
    assert!(page.text.contains("tier: 0"), "switching off changes nothing else");
    location(&story.submit(&format!("{at}/enable"), &cookie, "").await);

    let ask = story.get("/vaults/demo/secrets/db-password/delete", &cookie).await;
    assert!(ask.text.contains("recoverable until") && ask.text.contains("Read in the last 24 hours"), "{}", ask.text);
    let deleted = story.submit("/vaults/demo/secrets/db-password/delete", &cookie, "").await;
    assert_eq!(location(&deleted), "/vaults/demo/deleted");
    let list = story.get("/vaults/demo/deleted", &cookie).await;
    assert!(list.text.contains("One deleted secret") && list.text.contains("Db-Password"));
    assert_eq!(story.get("/vaults/demo/secrets/db-password", &cookie).await.status, 404);
    let taken = story.submit("/vaults/demo/new-secret", &cookie, "name=db-password&value=x").await;
    assert!(taken.status == 409 && taken.text.contains("recovered or purged"), "{}", taken.text);
    location(&story.submit("/vaults/demo/deleted/db-password/recover", &cookie, "").await);
    assert_eq!(story.get("/vaults/demo/secrets/db-password", &cookie).await.status, 200);

    location(&story.submit("/vaults/demo/secrets/db-password/delete", &cookie, "").await);
    let unconfirmed = story.submit("/vaults/demo/deleted/db-password/purge", &cookie, "confirm=db&why=told").await;
    assert!(unconfirmed.status == 400 && unconfirmed.text.contains("Nothing was purged"));
    assert!(unconfirmed.text.contains("value=\"told\""), "why stays: {}", unconfirmed.text);
    let silent = story.submit("/vaults/demo/deleted/db-password/purge", &cookie, "confirm=db-password").await;
    assert!(silent.status == 400 && silent.text.contains("say why it is done"), "{}", silent.text);
    location(&story.submit("/vaults/demo/deleted/db-password/purge", &cookie, "confirm=db-password&why=told").await);
    assert!(story.get("/vaults/demo/deleted", &cookie).await.text.contains("No deleted secrets"));
    assert!(story.log().iter().all(|record| !serde_json::to_string(record).unwrap().contains(VALUE)));
}

#[tokio::test]
async fn a_refused_form_comes_back_without_the_value() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let tags: String = (1..=16).map(|n| format!("&tag-name-{n}=t{n}&tag-value-{n}=v")).collect();
    for (fields, words) in [
        (format!("name=a_b&value={VALUE}"), "letters, digits and hyphens"),
        (format!("name=db&value={VALUE}&expires=soon"), "a date and a time in UTC"),
        (format!("name=db&value={VALUE}&tag-value-1=x"), "has no name beside it"),
        (format!("name=db&value={VALUE}{tags}"), "more than 15 tags"),
        (
            format!("name=db&value={VALUE}&not_before=2030-01-01T00:00&expires=2029-01-01T00:00"),
            "Not before is later than the expiry",
        ),
        (format!("name=db&value={}&content_type=kept", VALUE.repeat(2000)), "longer than 25600 bytes"),
    ] {
        let page = story.submit("/vaults/demo/new-secret", &cookie, &fields).await;
        assert_eq!(page.status, 400, "{words}");
        assert!(page.text.contains(words) && page.text.contains("role=\"alert\""), "{words}: {}", page.text);
        assert!(!page.text.contains(VALUE), "{words}");
        assert_eq!(story.last().outcome, Outcome::Failed);
    }
    assert!(story.world.store.image().objects.is_empty(), "nothing was changed");
}

#[tokio::test]
async fn who_may_look_is_told_which_role_is_missing() {
    let story = Story::start();
    let version = story.set("db-password", VALUE).await;
    story.set("db-password", "newer").await;
    story.world.put_grant(Grantee::Principal { id: person("bob").id.clone() }, Role::Reader, Scope::Server).unwrap();
    let cookie = story.sign_in("bob").await;
    let page = story.get("/vaults/demo/secrets/db-password", &cookie).await;
    let sentence =
        "New version, Edit, Disable, Delete and Roll back need the role Key Vault Secrets Officer on this secret";
    assert!(page.text.contains(sentence) && !page.text.contains("roll-back"), "{}", page.text);
    // Who reads assignments sees who can read it; who does not read the log sees nothing of that.
    for told in ["Who can read it", "Hidden: what was done with it"] {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    assert!(
        story
            .get("/vaults/demo/secrets", &cookie)
            .await
            .text
            .contains("New secret, Import .env, Change several and Delete several need the role")
    );
    let at = format!("/vaults/demo/secrets/db-password/{version}");
    for (target, fields) in [
        ("/vaults/demo/new-secret", "name=other&value=x"),
        ("/vaults/demo/secrets/db-password/new-version", "value=x"),
        ("/vaults/demo/secrets/db-password/delete", ""),
        (&format!("{at}/edit"), ""),
        (&format!("{at}/disable"), ""),
        (&format!("{at}/roll-back"), ""),
        ("/vaults/demo/deleted/db-password/recover", ""),
        ("/vaults/demo/deleted/db-password/purge", "confirm=db-password&why=told"),
    ] {
        let page = story.submit(target, &cookie, fields).await;
        assert_eq!(page.status, 403, "{target}");
        assert!(page.text.contains("Missing role"), "{target}: {}", page.text);
    }
    assert_eq!(story.world.store.image().objects.len(), 1);
}

#[tokio::test]
async fn what_is_protected_offers_no_purge() {
    let story = Story::start();
    let safe = VaultName::parse("safe").unwrap();
    story.world.put_vault(&safe, VaultSettings { purge_protection: true, ..VaultSettings::default() }).unwrap();
    let cookie = story.sign_in("ada").await;
    location(&story.submit("/vaults/safe/new-secret", &cookie, "name=db&value=x&enabled=yes").await);
    location(&story.submit("/vaults/safe/secrets/db/delete", &cookie, "").await);
    let list = story.get("/vaults/safe/deleted", &cookie).await;
    assert!(list.text.contains("Recover") && !list.text.contains("/purge\""), "{}", list.text);
    let page = story.get("/vaults/safe/deleted/db/purge", &cookie).await;
    assert!(page.text.contains("purge protected") && !page.text.contains("Purge for good</button>"));
    let refused = story.submit("/vaults/safe/deleted/db/purge", &cookie, "confirm=db&why=told").await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn filters_stand_in_the_address() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    for (name, rest) in [
        ("plain", "&enabled=yes"),
        ("off", ""),
        ("tagged", "&enabled=yes&tag-name-1=team&tag-value-1=ledger"),
        ("ending", "&enabled=yes&expires=2099-01-01T00:00"),
    ] {
        location(&story.submit("/vaults/demo/new-secret", &cookie, &format!("name={name}&value=x{rest}")).await);
    }
    let names = async |query: &str| {
        let page = story.get(&format!("/vaults/demo/secrets?{query}"), &cookie).await;
        assert_eq!(page.status, 200, "{query}");
        let found =
            ["plain", "off", "tagged", "ending"].iter().filter(|name| page.text.contains(&format!(">{name}</a>")));
        found.copied().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("").await, "plain off tagged ending");
    assert_eq!(names("state=disabled").await, "off");
    assert_eq!(names("tag=team").await, "tagged");
    assert_eq!(names("tag=team%3Dledger").await, "tagged");
    assert_eq!(names("tag=team%3Dother").await, "");
    assert_eq!(names("expires=never&state=enabled").await, "plain tagged");
    assert_eq!(names("expires=90").await, "");
    assert_eq!(names("rotated=365").await, "", "all were made just now");
    let none = story.get("/vaults/demo/secrets?tag=%3Cb%3E&state=expired", &cookie).await;
    assert!(none.text.contains("tagged “&#60;b&#62;”, in state expired"), "{}", none.text);
    for bad in ["state=x", "expires=8", "rotated=8"] {
        assert_eq!(story.get(&format!("/vaults/demo/secrets?{bad}"), &cookie).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn what_was_changed_is_told_wherever_a_change_is_listed() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let fields = "issuer=https%3A%2F%2Fpeople.example&subject=bob&role=Key+Vault+Reader&scope=%2F";
    let given = story.submit("/access/new-assignment", &ada, fields).await;
    assert_eq!(given.status, 303, "{}", given.text);
    let id = story.log().into_iter().find(|record| record.operation == "RoleAssignmentCreate").unwrap().id;
    let told = "Gave Key Vault Reader at / to bob";
    let entry = story.get(&format!("/audit/{id}"), &ada).await.text;
    assert!(entry.contains("What was changed") && entry.contains(told), "{entry}");
    for text in ["Key Vault Reader", "ends_at", "bob"] {
        assert!(entry.contains(text), "{text}: {entry}");
    }
    story.world.clock.advance(1000);
    let overview = story.get("/overview", &ada).await.text;
    assert!(overview.matches(told).count() >= 2, "among the changes, and below the chart: {overview}");
    assert!(overview.contains(&format!("href=\"/audit/{id}\"")), "{overview}");
}

#[tokio::test]
async fn a_record_has_a_page() {
    let story = Story::start();
    story.set("db-password", VALUE).await;
    let bob = story.sign_in("bob").await;
    story.get("/vaults/demo/secrets", &bob).await;
    let id = story.last().id;
    let ada = story.sign_in("ada").await;
    let page = story.get(&format!("/audit/{id}"), &ada).await;
    for text in ["Denied", "no-role", "bob", "SecretList", "Stages", "127.0.0.1", &id.to_string()] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    // What would allow it is told on demand, with the command that makes the change.
    assert!(page.text.contains(&format!("href=\"/why/{id}\"")), "{}", page.text);
    let page = story.get(&format!("/why/{id}"), &ada).await;
    assert!(page.text.contains(&format!("href=\"/why/{id}?would-allow=yes\"")), "{}", page.text);
    let page = story.get(&format!("/why/{id}?would-allow=yes"), &ada).await;
    let sections = page
        .text
        .split("<section")
        .filter(|section| section.contains("What would allow it") || section.contains("Commands that make"));
    let words = sections
        .flat_map(|section| section.split('<').filter_map(|tag| tag.split_once('>')).map(|(_, text)| text.trim()));
    let words: Vec<_> = words.filter(|text| !text.is_empty()).collect();
    insta::assert_snapshot!(words.join("\n"));
    assert_eq!(story.get("/audit/nothing", &ada).await.status, 404);
    assert_eq!(story.get(&format!("/audit/{id}"), &bob).await.status, 403);
    let none = story.get("/audit/01900000-0000-7000-8000-000000000001", &ada).await;
    assert!(none.text.contains("no record of this decision"), "{}", none.text);
}

#[tokio::test]
async fn what_acts_at_once_can_be_undone_from_the_next_page() {
    let story = Story::start();
    let version = story.set("db", "x").await;
    let cookie = story.sign_in("ada").await;
    let at = format!("/vaults/demo/secrets/db/{version}");
    let done = story.submit(&format!("{at}/disable"), &cookie, "").await;
    let kept = done.cookie("__Host-undo").unwrap();
    let page = story.get(location(&done), &format!("{cookie}; {kept}")).await;
    let offered = page.text.split("data-undo=\"10\"").nth(1).unwrap().split("</form>").next().unwrap();
    assert!(offered.contains("db was disabled.") && offered.contains(&format!("action=\"{at}/enable\"")), "{offered}");
    assert!(!story.get(&at, &cookie).await.text.contains("data-undo"), "to whom it was told, and for a moment");
    story.world.clock.advance(11_000);
    assert!(!story.get(&at, &format!("{cookie}; {kept}")).await.text.contains("data-undo"));
    let undone = story.submit(&format!("{at}/enable"), &format!("{cookie}; {kept}"), "undoes=yes").await;
    assert_eq!(
        (location(&undone), undone.cookie("__Host-undo")),
        (at.strip_suffix(&format!("/{version}")).unwrap(), None)
    );
    assert_eq!((story.last().operation.as_str(), story.last().outcome), ("SecretUpdate", Outcome::Allowed));

    let pin = "vault=demo&pinned=yes&back=%2Fvaults";
    let pinned = story.submit("/me/pins", &cookie, pin).await;
    let kept = pinned.cookie("__Host-undo").unwrap();
    let page = story.get("/vaults", &format!("{cookie}; {kept}")).await.text;
    assert!(page.contains("demo was pinned.") && page.contains("name=\"pinned\" value=\"no\""), "{page}");
    let several = story.submit("/vaults/demo/bulk-secrets", &cookie, "secret=db&act=disable").await.text;
    assert!(several.contains("name=\"act\" value=\"enable\"") && several.contains("Undo"), "{several}");
}
