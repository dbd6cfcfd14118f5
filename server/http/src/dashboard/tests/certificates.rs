//! Certificates by pages: made, shown with their chain, renewed, asked of an authority, brought in and taken out.

use strongroom_crypto::{
    SeededEntropy,
    key::{Curve, KeySpec, generate},
    x509::{AlternativeNames, Template, Usage, Validity, pem, pkcs12, self_signed},
};
use strongroom_domain::record::Outcome;
use zeroize::Zeroizing;

use super::{BASE, Page, Story, raw};
use crate::edge::{Body, RawRequest, answer};

const MADE: &str = "kind=EC+P-256&months=12&form=application%2Fx-pem-file&exportable=yes&enabled=yes\
                    &usage-digitalSignature=yes&tag-name-1=team&tag-value-1=%3Cledger%3E";

/// Makes a certificate by the form, and gives the address of its version.
async fn made(story: &Story, cookie: &str, name: &str, issuer: &str) -> String {
    let fields = format!(
        "name={name}&subject=CN%3D{name}.example&dns={name}.example&issuer={issuer}&actions=renew+at+80%25&{MADE}"
    );
    let made = story.submit("/vaults/demo/new-certificate", cookie, &fields).await;
    assert_eq!(made.status, 303, "{}", made.text);
    let href = made.header("location").unwrap().to_owned();
    let page = story.get(&href, cookie).await.text;
    let link = format!("href=\"{href}/");
    let mut named = page.split(&link).filter_map(|rest| rest.split(['"', '/']).next());
    format!("{href}/{}", named.find(|part| part.len() == 32).unwrap())
}

/// A document with a certificate for NAME.example and its private key, valid now.
fn document(story: &Story, name: &str, as_pem: bool) -> Zeroizing<Vec<u8>> {
    let entropy = SeededEntropy::new(7);
    let key = generate(KeySpec::Ec { crv: Curve::P256 }, &entropy).ok().unwrap();
    let template = Template {
        subject: format!("CN={name}.example"),
        names: AlternativeNames { dns: vec![format!("{name}.example")], ..Default::default() },
        extended_usages: Vec::new(),
        usages: [Usage::DigitalSignature].into(),
        ca: false,
        path_length: None,
        constraints: Default::default(),
    };
    let now = story.world.request(&story.ada).seconds();
    let leaf = self_signed(&template, &key, Validity::months(now, 2).unwrap(), &entropy).unwrap();
    let chain = [leaf];
    match as_pem {
        true => Zeroizing::new(pem(Some(&key.private), &chain).expose().as_bytes().to_vec()),
        false => Zeroizing::new(pkcs12(Some(&key.private), &chain, name).unwrap().expose().to_vec()),
    }
}

impl Story {
    /// Sends a form of several parts.
    pub(super) async fn parts(&self, target: &str, cookie: &str, token: &str, parts: &[(&str, &[u8])]) -> Page {
        let mut body = Vec::new();
        for (name, bytes) in [("csrf_token", token.as_bytes())].iter().chain(parts) {
            let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--x--\r\n");
        let raw = RawRequest {
            cookies: Some(cookie.into()),
            origin: Some(BASE.into()),
            content_type: Some("multipart/form-data; boundary=x".into()),
            body: Body::Read(Zeroizing::new(body)),
            ..raw("POST", target)
        };
        let response = answer(self.services.clone(), raw).await;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        Page { status: response.status, headers: response.headers, text }
    }
}

/// Sends the first form of an import.
async fn looked(story: &Story, cookie: &str, token: &str, parts: &[(&str, &[u8])]) -> Page {
    story.parts("/vaults/demo/import-certificate", cookie, token, parts).await
}

pub(super) fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap().split('"').next().unwrap()
}

#[tokio::test]
async fn a_certificate_is_made_shown_and_renewed() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    assert!(story.get("/vaults/demo/certificates", &cookie).await.text.contains("No certificates in demo"));
    let version = made(&story, &cookie, "web", "Self").await;
    let page = story.get("/vaults/demo/certificates/web", &cookie).await.text;
    for shown in [
        "class=\"chained\"",
        "CN=web.example",
        "Leaf, signed by itself",
        "dns:web.example",
        "-----BEGIN CERTIFICATE-----",
        "renew at 80%",
        "Renew now",
        "&#60;ledger&#62;",
        "May be exported",
    ] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    assert!(!page.contains("<ledger>") && !page.contains("PRIVATE KEY"), "{page}");
    assert_eq!(story.get(&version, &cookie).await.status, 200);
    let list = story.get("/vaults/demo/certificates?q=web", &cookie).await.text;
    assert!(list.contains("One certificate in demo") && list.contains("CN=web.example"), "{list}");
    assert!(story.get("/search?q=web", &cookie).await.text.contains("demo/web"));
    let same = format!("name=web&dns=a.b&issuer=Self&{MADE}");
    let again = story.submit("/vaults/demo/new-certificate", &cookie, &same).await;
    assert_eq!(again.status, 409);
    for (fields, sentence) in [
        ("name=other&issuer=Self", "A certificate needs a subject or at least one subject alternative name"),
        ("name=other&dns=a.example&issuer=Nobody", "There is no certificate issuer named Nobody"),
        ("name=other&dns=a..b&issuer=Self", "A DNS name is not letters"),
        ("name=other&dns=a.example&issuer=Self&actions=mail", "“mail” is none"),
        ("name=other&dns=a.example&issuer=Self&addresses=here", "“here” is no IP address."),
    ] {
        let refused = story.submit("/vaults/demo/new-certificate", &cookie, &format!("{fields}&{MADE}")).await;
        assert_eq!(refused.status, 400, "{fields}");
        assert!(refused.text.contains(sentence) && refused.text.contains("role=\"alert\""), "{}", refused.text);
    }
    assert_eq!(story.submit(&format!("{version}/disable"), &cookie, "").await.status, 303);
    assert!(!story.get("/vaults/demo/certificates/web", &cookie).await.text.contains("/disable\""));
    let renewed = story.submit("/vaults/demo/certificates/web/policy/renew", &cookie, "").await;
    let page = story.get("/vaults/demo/certificates/web", &cookie).await.text;
    assert!(page.contains("/disable\""), "the next one is enabled as one that is created: {page}");
    assert_eq!((renewed.status, renewed.header("location")), (303, Some("/vaults/demo/certificates/web")));
    let old = story.get(&version, &cookie).await.text;
    assert!(old.contains("Older version") && !old.contains("Renew now"), "{old}");
    assert!(story.get("/vaults/demo/certificates/web", &cookie).await.text.contains("&#60;ledger&#62;"), "its tags");
    let bob = story.sign_in("bob").await;
    let denied = story.get("/vaults/demo/certificates/web", &bob).await;
    assert_eq!(denied.status, 403);
    assert!(denied.text.contains("You cannot see this certificate."), "{}", denied.text);
}

#[tokio::test]
async fn a_policy_is_changed_by_its_form_and_counts_for_the_next_version() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    made(&story, &cookie, "web", "Self").await;
    let policy = "/vaults/demo/certificates/web/policy";
    let form = story.get(policy, &cookie).await.text;
    assert!(form.contains("value=\"CN=web.example\"") && form.contains("name=\"issuer-was\" value=\"Self\""), "{form}");
    let said = "subject=CN%3Dother.example&issuer=Self&issuer-was=Self&months=3&kind=EC+P-384&form=application%2Fx-pkcs12\
                &usage-keyAgreement=yes&actions=renew+10+days+before";
    let changed = story.submit(policy, &cookie, said).await;
    assert_eq!(changed.header("location"), Some("/vaults/demo/certificates/web"), "{}", changed.text);
    let page = story.get("/vaults/demo/certificates/web", &cookie).await.text;
    for shown in ["CN=other.example", "3 months", "EC P-384", "renew 10 days before", "Stays in the vault"] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    assert!(page.contains("CN=web.example"), "the version that is there stays");
    let refused = story.submit(policy, &cookie, &said.replace("10+days", "1000+days")).await;
    assert!(refused.status == 400 && refused.text.contains("A lifetime action has"), "{}", refused.text);
    let key = async || story.get("/vaults/demo/keys/web", &cookie).await.text;
    assert!(key().await.contains("Goes out with the secret of its certificate"), "as long as it does");
    assert_eq!(story.submit("/vaults/demo/certificates/web/policy/renew", &cookie, "").await.status, 303);
    let page = story.get("/vaults/demo/certificates/web", &cookie).await.text;
    assert!(page.contains("its policy says that it may not be exported"), "{page}");
    assert!(key().await.contains("Never leaves this vault"));
}

#[tokio::test]
async fn a_request_waits_is_called_off_and_is_merged() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    made(&story, &cookie, "web", "Unknown").await;
    let at = "/vaults/demo/certificates/web";
    let page = story.get(at, &cookie).await.text;
    for shown in ["Waits for its authority", "-----BEGIN CERTIFICATE REQUEST-----", "Merge", "Call off"] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    assert!(!page.contains("Renew now") && !page.contains("class=\"chained\""), "{page}");
    let foreign = document(&story, "web", true);
    let foreign = String::from_utf8_lossy(&foreign).split("-----END PRIVATE KEY-----").nth(1).unwrap().to_owned();
    let foreign: String = form_urlencoded(&foreign);
    for (text, sentence) in [("none", "This is not an X.509 certificate"), (&foreign, "for the key of the pending")] {
        let refused = story.submit(&format!("{at}/pending/merge"), &cookie, &format!("certificates={text}")).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(refused.text.contains(sentence) && refused.text.contains("role=\"alert\""), "{}", refused.text);
    }
    // What was pasted stays, with the tags that were written beside it.
    let fields = format!("certificates={foreign}&tag-name-1=team&tag-value-1=shop");
    let refused = story.submit(&format!("{at}/pending/merge"), &cookie, &fields).await.text;
    for kept in ["-----BEGIN CERTIFICATE-----", "value=\"team\"", "value=\"shop\""] {
        assert!(refused.contains(kept), "{kept}: {refused}");
    }
    assert_eq!(story.submit(&format!("{at}/pending/cancel"), &cookie, "").await.status, 303);
    let page = story.get(at, &cookie).await.text;
    assert!(page.contains("Called off") && !page.contains("CERTIFICATE REQUEST"), "{page}");
    assert!(!page.contains("Waits for its authority"), "nothing comes any more: {page}");
    assert_eq!(story.submit(&format!("{at}/pending/delete"), &cookie, "").await.status, 303);
    let page = story.get(at, &cookie).await.text;
    assert!(!page.contains("Pending operation") && page.contains("Never issued"), "{page}");
    assert_eq!(story.submit(&format!("{at}/pending/merge"), &cookie, "certificates=none").await.status, 404);
}

fn form_urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn a_document_is_looked_into_before_it_is_taken_in() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let token = story.get("/vaults", &cookie).await.form_token().to_owned();
    for (as_pem, field) in [(true, "pasted"), (false, "document")] {
        let name = if as_pem { "brought-pem" } else { "brought-pfx" };
        let document = document(&story, name, as_pem);
        let shown = looked(&story, &cookie, &token, &[("name", name.as_bytes()), (field, &document)]).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        let record = story.log().into_iter().rfind(|record| record.operation == "CertificateInspect").unwrap();
        assert_eq!((record.outcome, record.object.as_deref()), (Outcome::Allowed, Some(name)));
        for words in [format!("CN={name}.example"), "The first certificate&#39;s".into(), "Nothing is kept yet".into()]
        {
            assert!(shown.text.contains(&words), "{words} in {}", shown.text);
        }
        assert!(!shown.text.contains("PRIVATE KEY"), "{}", shown.text);
        assert_eq!(story.get(&format!("/vaults/demo/certificates/{name}"), &cookie).await.status, 404);
        let sealed = hidden(&shown.text, "sealed");
        let store = "/vaults/demo/import-certificate/store";
        let said = "form=application%2Fx-pem-file&enabled=yes";
        // For another name, another session, or changed, it is nothing.
        let other = story.submit(store, &cookie, &format!("name=other&sealed={sealed}&{said}")).await;
        assert!(other.status == 400 && other.text.contains("choose the file once more"), "{}", other.text);
        let another = story.sign_in("ada").await;
        let theirs = story.submit(store, &another, &format!("name={name}&sealed={sealed}&{said}")).await;
        assert_eq!(theirs.status, 400);
        for origin in [None, Some("https://evil.example")] {
            let body = format!("csrf_token={token}&name={name}&sealed={sealed}&{said}");
            assert_eq!(story.send("POST", store, &cookie, origin, &body).await.status, 403);
        }
        let taken = story.submit(store, &cookie, &format!("name={name}&sealed={sealed}&{said}&exportable=yes")).await;
        assert_eq!(taken.status, 303, "{}", taken.text);
        let page = story.get(taken.header("location").unwrap(), &cookie).await.text;
        assert!(page.contains("Download with its private key") && page.contains("class=\"chained\""));
        story.world.clock.advance(601_000);
        let late = story.submit(store, &cookie, &format!("name={name}&sealed={sealed}&{said}")).await;
        assert_eq!(late.status, 400, "ten minutes are over");
    }
    let document = document(&story, "alone", true);
    let text = String::from_utf8_lossy(&document);
    let alone = text.split("-----END PRIVATE KEY-----\n").nth(1).unwrap().as_bytes();
    let shown = looked(&story, &cookie, &token, &[("name", b"alone"), ("document", alone)]).await;
    assert!(shown.status == 200 && shown.text.contains("It holds no private key"), "{}", shown.text);
    let long = vec![b'x'; 25_601];
    for (parts, sentence) in [
        (&[("name", &b"a"[..]), ("document", &b"none"[..])][..], "The document is damaged"),
        (&[("name", &b"a"[..])][..], "Choose a file, PFX or PEM"),
        (&[("name", &b"a_b"[..]), ("document", &b"none"[..])][..], "An object name has 1 to 127"),
        (&[("name", &b"a"[..]), ("document", &b"x"[..]), ("pasted", &b"y"[..])][..], "Either a file or a text"),
        (&[("name", &b"a"[..]), ("document", long.as_slice())][..], "It is longer than the 25,600 bytes"),
    ] {
        let refused = looked(&story, &cookie, &token, parts).await;
        assert!(refused.status == 400 && refused.text.contains(sentence), "{sentence}: {}", refused.text);
    }
    // Nobody's document is opened who may not import it.
    let bob = story.sign_in("bob").await;
    let theirs = story.get("/vaults", &bob).await.form_token().to_owned();
    let denied = looked(&story, &bob, &theirs, &[("name", b"a"), ("document", &document)]).await;
    assert_eq!(denied.status, 403);
    assert_eq!(looked(&story, &cookie, "other", &[("name", b"a"), ("document", &document)]).await.status, 403);
}

#[tokio::test]
async fn a_certificate_goes_out_as_a_file_and_its_key_by_a_recorded_reading() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let version = made(&story, &cookie, "web", "Self").await;
    for (form, kind) in
        [("pem", "application/x-pem-file"), ("cer", "application/pkix-cert"), ("pfx", "application/x-pkcs12")]
    {
        let file = story.get(&format!("{version}/public?as={form}"), &cookie).await;
        assert_eq!((file.status, file.header("content-type")), (200, Some(kind)));
        let named = format!("attachment; filename=\"web.{form}\"");
        assert_eq!(file.header("content-disposition"), Some(named.as_str()));
        assert!(!file.text.contains("PRIVATE KEY"));
    }
    assert_eq!(story.get(&format!("{version}/public?as=exe"), &cookie).await.status, 400);
    let reads = |story: &Story| story.log().iter().filter(|record| record.operation == "SecretGet").count();
    assert_eq!(reads(&story), 0, "looking is no reading");
    let file = story.submit(&format!("{version}/export"), &cookie, "reason=INC-7").await;
    assert_eq!((file.status, file.header("cache-control")), (200, Some("no-store")));
    assert!(file.text.starts_with("-----BEGIN PRIVATE KEY-----") && file.text.contains("BEGIN CERTIFICATE"));
    let read = story.log().into_iter().rfind(|record| record.operation == "SecretGet").unwrap();
    assert_eq!((read.outcome, read.stated_reason.as_deref()), (Outcome::Allowed, Some("INC-7")));
    // A secret that is no certificate's does not go this way.
    let plain = story.set("plain", "-----BEGIN x").await;
    assert_eq!(story.submit(&format!("/vaults/demo/certificates/plain/{plain}/export"), &cookie, "").await.status, 404);
    let bob = story.sign_in("bob").await;
    assert_eq!(story.submit(&format!("{version}/export"), &bob, "").await.status, 403);
    assert_eq!(story.get(&format!("{version}/public"), &bob).await.status, 403);
}

#[tokio::test]
async fn a_certificate_is_changed_deleted_recovered_and_purged_with_its_key_and_its_secret() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let version = made(&story, &cookie, "web", "Self").await;
    assert_eq!(story.submit(&format!("{version}/disable"), &cookie, "").await.status, 303);
    let page = story.get("/vaults/demo/certificates/web", &cookie).await.text;
    assert!(page.contains("Disabled") && page.contains("nobody can read its secret"), "{page}");
    assert_eq!(story.submit(&format!("{version}/enable"), &cookie, "").await.status, 303);
    let changed = story.submit(&format!("{version}/edit"), &cookie, "enabled=yes&tags-shown=yes").await;
    assert_eq!(changed.header("location"), Some("/vaults/demo/certificates/web"));
    assert!(!story.get("/vaults/demo/certificates/web", &cookie).await.text.contains("ledger"));
    let deleted = story.submit("/vaults/demo/certificates/web/delete", &cookie, "").await;
    assert_eq!(deleted.header("location"), Some("/vaults/demo/deleted-certificates"));
    for gone in ["certificates", "keys", "secrets"] {
        assert_eq!(story.get(&format!("/vaults/demo/{gone}/web"), &cookie).await.status, 404, "{gone}");
    }
    assert!(story.get("/vaults/demo/deleted-certificates", &cookie).await.text.contains("One deleted certificate"));
    let recovered = story.submit("/vaults/demo/deleted-certificates/web/recover", &cookie, "").await;
    assert_eq!(recovered.header("location"), Some("/vaults/demo/certificates/web"));
    story.submit("/vaults/demo/certificates/web/delete", &cookie, "").await;
    let purge = "/vaults/demo/deleted-certificates/web/purge";
    assert_eq!(story.submit(purge, &cookie, "confirm=other&why=told").await.status, 400);
    assert_eq!(story.submit(purge, &cookie, "confirm=web&why=told").await.status, 303);
    assert!(story.get("/vaults/demo/deleted-certificates", &cookie).await.text.contains("No deleted certificates"));
}
