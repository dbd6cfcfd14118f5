//! Issuers, contacts and revocation by pages: set up, changed, taken away, and what an authority signed taken back.

use strongroom_crypto::x509::CertificateFacts;
use strongroom_domain::{record::Outcome, test_support::world::name};

use super::{Page, Story};

const ROOT: &str = "name=root&subject=CN%3DRoot&issuer=Self&months=120&kind=EC+P-256&form=application%2Fx-pem-file\
                    &enabled=yes&ca=yes&usage-keyCertSign=yes&usage-cRLSign=yes";
const INSIDE: &str = "provider=Strongroom-CA&certificate=root&profile=server&max-days=&crl-url=&enabled=yes";

impl Story {
    /// An authority, the issuer `inside` that is it, and the certificate `web` that it signed. Gives the address of the
    /// version of that one.
    pub(super) async fn with_authority(&self, cookie: &str) -> String {
        for (form, fields) in [("new-certificate", ROOT), ("new-issuer", &format!("name=inside&{INSIDE}"))] {
            let made = self.submit(&format!("/vaults/demo/{form}"), cookie, fields).await;
            assert_eq!(made.status, 303, "{}", made.text);
        }
        let web = "name=web&subject=CN%3Dweb.example&dns=web.example&issuer=inside&months=12&kind=EC+P-256\
                   &form=application%2Fx-pem-file&exportable=yes&enabled=yes&usage-digitalSignature=yes";
        let made = self.submit("/vaults/demo/new-certificate", cookie, web).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let (store, clock) = (&self.world.store, &*self.world.clock);
        assert_eq!(self.services.certificates.do_what_is_due(store, clock).await.unwrap().certificates, 1);
        let page = self.get("/vaults/demo/certificates/web", cookie).await.text;
        let mut links = page.split("href=\"").filter_map(|rest| rest.split('"').next());
        links.find_map(|link| link.strip_suffix("/revoke")).unwrap().to_owned()
    }
}

fn shows(page: &Page, all: &[&str]) {
    assert_eq!(page.status, 200, "{}", page.text);
    for shown in all {
        assert!(page.text.contains(shown), "{shown} in {}", page.text);
    }
}

/// With everything else of the form as it was.
#[tokio::test]
async fn an_authority_that_was_ticked_alone_signs_and_one_that_cannot_is_no_issuer() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let untouched = "&subject=CN%3DHouse&issuer=Self&months=240&kind=EC+P-256&form=application%2Fx-pem-file&exportable=yes\
                     &enabled=yes&usage-digitalSignature=yes&usage-keyEncipherment=yes&ca-was=\
                     &extended=1.3.6.1.5.5.7.3.1%0D%0A1.3.6.1.5.5.7.3.2&actions=renew+at+80%25";
    for (name, ca, status) in [("house", "&ca=yes", 303), ("leaf", "", 400)] {
        let made = story.submit("/vaults/demo/new-certificate", &cookie, &format!("name={name}{untouched}{ca}")).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let over = format!("name=by-{name}&{}", INSIDE.replace("certificate=root", &format!("certificate={name}")));
        let issuer = story.submit("/vaults/demo/new-issuer", &cookie, &over).await;
        assert_eq!(issuer.status, status, "{}", issuer.text);
    }
    let page = story.get("/vaults/demo/certificates/house", &cookie).await;
    shows(&page, &["Certificate signing, Signing of revocation lists"]);
}

#[tokio::test]
async fn an_issuer_is_set_up_shown_changed_and_taken_away() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    shows(&story.get("/vaults/demo/issuers", &cookie).await, &["No issuer was set up", "Unknown", "Always there"]);
    shows(&story.get("/vaults/demo/new-issuer", &cookie).await, &["certificate issuer set NAME --authority"]);
    shows(&story.get("/vaults/demo/new-issuer?provider=acme", &cookie).await, &["Directory", "dns-01"]);
    story.with_authority(&cookie).await;
    let list = story.get("/vaults/demo/issuers", &cookie).await;
    shows(&list, &["One issuer in demo", "An authority kept in a vault", "web", "Copy as", "/certificates/issuers"]);
    let one = story.get("/vaults/demo/issuers/inside", &cookie).await;
    shows(&one, &["class=\"chained\"", "CN=Root", "Any number of authorities", "Names that it may certify", "Signs"]);

    let new = "/vaults/demo/new-issuer";
    for (fields, status, sentence) in [
        (format!("name=inside&{INSIDE}"), 409, "There is an issuer inside already"),
        (format!("name=a_b&{INSIDE}"), 400, "A name"),
        (format!("name=other&{}", INSIDE.replace("root", "none")), 400, "certificate authority none"),
        (format!("name=other&{}", INSIDE.replace("certificate=root", "certificate=web")), 400, "its policy"),
        (format!("name=other&{}", INSIDE.replace("max-days=", "max-days=soon")), 400, "MaxDays must be"),
    ] {
        let refused = story.submit(new, &cookie, &fields).await;
        assert_eq!(refused.status, status, "{fields}");
        let has_reason = refused.text.contains("role=\"alert\"") && refused.text.contains(sentence);
        assert!(has_reason || sentence == "A name", "{sentence} in {}", refused.text);
    }
    let edit = "/vaults/demo/issuers/inside/edit";
    shows(&story.get(edit, &cookie).await, &["value=\"root\""]);
    let changed = story.submit(edit, &cookie, &INSIDE.replace("max-days=", "max-days=30")).await;
    assert_eq!(changed.header("location"), Some("/vaults/demo/issuers/inside"), "{}", changed.text);
    assert_eq!(story.submit("/vaults/demo/issuers/inside/disable", &cookie, "").await.status, 303);
    shows(&story.get("/vaults/demo/issuers/inside", &cookie).await, &["30 days", "Disabled"]);
    assert_eq!(story.submit("/vaults/demo/issuers/inside/enable", &cookie, "").await.status, 303);
    let delete = "/vaults/demo/issuers/inside/delete";
    shows(&story.get(delete, &cookie).await, &["Delete inside for good?", "are renewed no more"]);
    assert_eq!(story.submit(delete, &cookie, "confirm=other&why=told").await.status, 400);
    assert_eq!(
        story.submit(delete, &cookie, "confirm=inside&why=told").await.header("location"),
        Some("/vaults/demo/issuers")
    );
    assert_eq!(story.get("/vaults/demo/issuers/inside", &cookie).await.status, 404);
}

#[tokio::test]
async fn who_is_told_about_certificates_is_kept_and_forgotten() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let contacts = "/vaults/demo/contacts";
    shows(&story.get(contacts, &cookie).await, &["Nobody is told", "certificate contacts set --email"]);
    let set = story.submit(contacts, &cookie, "contacts=ops%40app.example%2C+Ops%0D%0Aada%40app.example").await;
    assert_eq!(set.header("location"), Some(contacts), "{}", set.text);
    shows(&story.get(contacts, &cookie).await, &["2 contacts", "ops@app.example, Ops"]);
    let refused = story.submit(contacts, &cookie, "contacts=%3Cnobody%3E").await;
    assert!(refused.status == 400 && refused.text.contains("&#60;nobody&#62;"), "{}", refused.text);
    assert_eq!(story.submit("/vaults/demo/contacts/delete", &cookie, "").await.status, 303);
    shows(&story.get(contacts, &cookie).await, &["Nobody is told"]);
    let bob = story.sign_in("bob").await;
    assert_eq!(story.get(contacts, &bob).await.status, 403);
}

#[tokio::test]
async fn a_version_is_revoked_for_good_once_its_name_was_typed() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let version = story.with_authority(&cookie).await;
    let list = "/vaults/demo/certificates/root/revocations";
    shows(&story.get(list, &cookie).await, &["Counts", "Nothing that its key signed is revoked", "/crl/"]);
    let revoke = format!("{version}/revoke");
    let form = story.get(&revoke, &cookie).await;
    shows(&form, &["Nothing takes it back", "value=\"root\"", "keyCompromise: others", "--certificate web/"]);
    let fields = "authority=root&reason=keyCompromise&confirm=web&why=told";
    for (from, to) in
        [("confirm=web&why=told", "confirm=root&why=told"), ("=root", "=none"), ("=root", "=a/b/c"), ("keyC", "c")]
    {
        let refused = story.submit(&revoke, &cookie, &fields.replacen(from, to, 1)).await;
        assert_eq!(refused.status, 400, "{to}: {}", refused.text);
        assert!(refused.text.contains("role=\"alert\""), "{}", refused.text);
    }
    let done = story.submit(&revoke, &cookie, fields).await;
    assert_eq!(done.header("location"), Some(list), "{}", done.text);
    let record = story.log().into_iter().rfind(|record| record.operation == "CertificateRevoke").unwrap();
    assert_eq!((record.outcome, record.object.as_deref()), (Outcome::Allowed, Some("root")));
    shows(&story.get(list, &cookie).await, &["keyCompromise", "Would have ended"]);
    let kept = story.get(&version, &cookie).await;
    shows(&kept, &["It was revoked on", "(keyCompromise)", "Why it was revoked", ">Revoked<"]);
    assert!(!kept.text.contains("/revoke\""), "it is not offered again: {}", kept.text);
    shows(&story.get("/vaults/demo/certificates", &cookie).await, &["keyCompromise"]);
    let served = "demo/certificates/web serves a revoked certificate";
    shows(&story.get("/overview", &cookie).await, &[served, "keyCompromise, since"]);
    story.submit("/vaults/demo/certificates/web/policy/renew", &cookie, "").await;
    story.services.certificates.do_what_is_due(&story.world.store, &*story.world.clock).await.unwrap();
    let renewed = story.get("/overview", &cookie).await.text;
    assert!(!renewed.contains(served), "{renewed}");
    let again = story.get(&revoke, &cookie).await;
    shows(&again, &["Revoked already", "No graver reason"]);
    assert!(!again.text.contains("Revoke for good"), "{}", again.text);
    let signed = "/vaults/demo/certificates/root/revoke";
    shows(&story.get(signed, &cookie).await, &["Serial number", "certificate revoke root --serial"]);
    for (fields, status) in [
        ("serial=0A%3Ab1&reason=superseded&confirm=root&why=told", 303),
        ("serial=0A%3Ab1&certificate=x&reason=superseded&confirm=root&why=told", 400),
        ("serial=0A%3Ab1&version=x&reason=superseded&confirm=root&why=told", 400),
        ("serial=xyz&reason=superseded&confirm=root&why=told", 400),
        ("certificate=none&reason=superseded&confirm=root&why=told", 400),
    ] {
        assert_eq!(story.submit(signed, &cookie, fields).await.status, status, "{fields}");
    }
    shows(&story.get(list, &cookie).await, &["0ab1"]);
    let bob = story.sign_in("bob").await;
    assert_eq!(story.get(&revoke, &bob).await.status, 403);
    assert_eq!(story.submit(&revoke, &bob, fields).await.status, 403);
}

#[tokio::test]
async fn an_authority_that_was_revoked_is_named_where_somebody_looks() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.with_authority(&cookie).await;
    let root = name("root").unwrap();
    let certificates = &story.services.certificates;
    let (item, _) = certificates.show(&story.world.request(&story.ada), &story.vault, &root, None).await.unwrap();
    let facts = CertificateFacts::of(item.version.certificate.as_ref().unwrap().leaf().unwrap()).unwrap();
    let (issuer, overview) = ("/vaults/demo/issuers/inside", "/overview");
    assert!(!story.get(issuer, &cookie).await.text.contains("It signs nothing"));
    let serial = data_encoding::HEXLOWER.encode(&facts.serial);
    let fields = format!("serial={serial}&reason=cACompromise&confirm=root&why=told");
    let done = story.submit("/vaults/demo/certificates/root/revoke", &cookie, &fields).await;
    assert_eq!(done.status, 303, "{}", done.text);
    shows(&story.get(issuer, &cookie).await, &["It signs nothing", "was revoked (cACompromise)"]);
    shows(&story.get(overview, &cookie).await, &["The authority demo/certificates/root signs nothing"]);
    story.submit("/vaults/demo/certificates/web/policy/renew", &cookie, "").await;
    let done = certificates.do_what_is_due(&story.world.store, &*story.world.clock).await.unwrap();
    assert_eq!((done.certificates, done.failed), (0, 1));
    shows(&story.get("/vaults/demo/certificates/web", &cookie).await, &["was revoked by the authority above"]);

    story.submit("/vaults/demo/certificates/root/policy/renew", &cookie, "").await;
    assert!(!story.get(issuer, &cookie).await.text.contains("It signs nothing"));
    assert!(!story.get(overview, &cookie).await.text.contains("signs nothing"));
}

#[tokio::test]
async fn of_what_an_acme_server_issued_that_one_is_asked_and_no_authority_is_named() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let far = "name=far&provider=ACME&directory=https%3A%2F%2Fca.example%2Fdir&challenge=http-01&enabled=yes";
    let web = "name=web&subject=CN%3Dweb.example&dns=web.example&issuer=Self&months=12&kind=EC+P-256\
               &form=application%2Fx-pem-file&exportable=yes&enabled=yes&usage-digitalSignature=yes";
    let policy = "subject=CN%3Dweb.example&issuer=far&issuer-was=Self&months=3&kind=EC+P-256\
                  &form=application%2Fx-pem-file&usage-digitalSignature=yes&actions=renew+10+days+before";
    for (form, fields) in [("new-issuer", far), ("new-certificate", web), ("certificates/web/policy", policy)] {
        let made = story.submit(&format!("/vaults/demo/{form}"), &cookie, fields).await;
        assert_eq!(made.status, 303, "{form}: {}", made.text);
    }
    let page = story.get("/vaults/demo/certificates/web", &cookie).await.text;
    let mut links = page.split("href=\"").filter_map(|rest| rest.split('"').next());
    let revoke = links.find(|link| link.ends_with("/revoke")).unwrap();
    let form = story.get(revoke, &cookie).await;
    shows(&form, &["Its issuer is asked to take it back", "--at-issuer", "keyCompromise: others"]);
    assert!(!form.text.contains("name=\"authority\""), "{}", form.text);
    // Nobody here speaks with it.
    let refused = story.submit(revoke, &cookie, "reason=superseded&confirm=web&why=told").await;
    assert!(refused.status == 400 && refused.text.contains("cannot ask issuers"), "{}", refused.text);
    let of = |record: &strongroom_domain::record::Record| record.operation == "CertificateVersionRevoke";
    let told: Vec<_> = story.log().into_iter().filter(of).map(|record| (record.outcome, record.status)).collect();
    assert_eq!(told, [(Outcome::Failed, Some(400))], "as it was answered, by nobody that was asked");
}

#[tokio::test]
async fn the_overview_says_what_an_issuer_did_not_issue_until_it_does() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.with_authority(&cookie).await;
    let renewed = async || {
        story.submit("/vaults/demo/certificates/web/policy/renew", &cookie, "").await;
        story.services.certificates.do_what_is_due(&story.world.store, &*story.world.clock).await.unwrap();
        story.get("/overview", &cookie).await.text
    };
    assert_eq!(story.submit("/vaults/demo/certificates/root/delete", &cookie, "").await.status, 303);
    story.world.clock.advance(1000);
    let failed = renewed().await;
    assert!(
        failed.contains("web was not issued by its issuer") && failed.contains("authority-unavailable"),
        "{failed}"
    );
    assert_eq!(story.submit("/vaults/demo/deleted-certificates/root/recover", &cookie, "").await.status, 303);
    story.world.clock.advance(1000);
    assert!(!renewed().await.contains("was not issued"));
}
