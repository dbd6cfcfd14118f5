//! Orders at an authority that answers as it is told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use data_encoding::BASE64URL_NOPAD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use strongroom_crypto::{
    SecretText,
    x509::{Reason, Validity},
};
use strongroom_domain::{
    certificate::{CertificatePolicy, Window},
    issuance::{Answer, CertificateIssuer, Farewell, Order, Outcome, RenewalInformation, RenewalQuestion, TakenBack},
    issuer::{AcmeSettings, Challenge, IssuerSettings},
    names::{ObjectName, VaultName},
    proofs::Proofs,
    test_support::world::World,
};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

use crate::{Acme, DnsHook};

const NOW: i64 = 1_800_000_000;
const TOKEN: &str = "a-token-of-the-authority";

/// What the authority is told to do, and what it saw.
#[derive(Default)]
struct Told {
    /// Paths that answer something else: status, body, `Retry-After`.
    instead: HashMap<String, (u16, Value, Option<&'static str>)>,
    /// Payload of each POST, by path.
    seen: Vec<(String, Value)>,
    renewal_info: bool,
    ready: bool,
    failed: bool,
    finalized: bool,
    replaces: Option<Value>,
    chain: String,
}

#[derive(Clone)]
struct Authority(Arc<Mutex<Told>>);

impl Respond for Authority {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut told = self.0.lock().unwrap();
        let base = format!("http://{}", request.headers["host"].to_str().unwrap());
        let at = |path: &str| format!("{base}{path}");
        let path = request.url.path().to_owned();
        let payload = serde_json::from_slice::<Value>(&request.body).ok().and_then(|jws| {
            let payload = BASE64URL_NOPAD.decode(jws["payload"].as_str()?.as_bytes()).ok()?;
            Some(serde_json::from_slice(&payload).unwrap_or(Value::Null))
        });
        if let Some(payload) = payload.clone() {
            told.seen.push((path.clone(), payload));
        }
        let answer = |status: u16, body: Value| {
            ResponseTemplate::new(status).set_body_json(body).insert_header("replay-nonce", "nonce")
        };
        if let Some((status, body, after)) = told.instead.get(&path).cloned() {
            let answer = answer(status, body);
            return match after {
                Some(after) => answer.insert_header("retry-after", after),
                None => answer,
            };
        }
        let order = |told: &Told| {
            let status = match (told.failed, told.ready, told.finalized) {
                (true, ..) => "invalid",
                (_, _, true) => "valid",
                (_, true, _) => "ready",
                _ => "pending",
            };
            json!({
                "status": status, "authorizations": [at("/authz/1")], "finalize": at("/finalize/1"),
                "certificate": at("/cert/1"), "replaces": told.replaces,
            })
        };
        match path.as_str() {
            "/dir" => {
                let mut directory = json!({
                    "newNonce": at("/nonce"), "newAccount": at("/account"), "newOrder": at("/order"),
                    "revokeCert": at("/revoke"),
                });
                if told.renewal_info {
                    directory["renewalInfo"] = at("/ari").into();
                }
                answer(200, directory)
            }
            "/revoke" => ResponseTemplate::new(200).insert_header("replay-nonce", "nonce"),
            "/nonce" => ResponseTemplate::new(200).insert_header("replay-nonce", "nonce"),
            "/account/1" => answer(200, json!({ "status": "deactivated" })),
            "/account" => answer(201, json!({ "status": "valid" })).insert_header("location", at("/account/1")),
            "/order" => {
                told.replaces = payload.and_then(|payload| payload.get("replaces").cloned());
                (told.ready, told.finalized) = (false, false);
                answer(201, order(&told)).insert_header("location", at("/orders/1"))
            }
            "/orders/1" => answer(200, order(&told)),
            "/authz/1" => {
                let (status, of_challenge) = match (told.failed, told.ready) {
                    (true, _) => ("invalid", "invalid"),
                    (_, true) => ("valid", "valid"),
                    _ => ("pending", "pending"),
                };
                let error = json!({ "type": "urn:ietf:params:acme:error:connection", "detail": "<script>" });
                let challenge = |kind: &str, url: &str| {
                    let error = if told.failed && kind == "http-01" { error.clone() } else { Value::Null };
                    json!({ "type": kind, "url": at(url), "token": TOKEN, "status": of_challenge, "error": error })
                };
                answer(
                    200,
                    json!({
                        "identifier": { "type": "dns", "value": "a.example" }, "status": status,
                        "challenges": [challenge("http-01", "/chall/1"), challenge("dns-01", "/chall/1")],
                    }),
                )
            }
            "/chall/1" => {
                told.ready = true;
                answer(200, json!({ "type": "http-01", "url": at("/chall/1"), "token": TOKEN, "status": "processing" }))
            }
            "/finalize/1" => {
                told.finalized = true;
                answer(200, order(&told))
            }
            "/cert/1" => {
                ResponseTemplate::new(200).set_body_string(told.chain.clone()).insert_header("replay-nonce", "nonce")
            }
            ari if ari.starts_with("/ari/") => answer(
                200,
                json!({
                    "suggestedWindow": { "start": "2027-02-01T00:00:00Z", "end": "2027-02-03T00:00:00Z" },
                }),
            )
            .insert_header("retry-after", "21600"),
            _ => answer(404, json!({ "type": "urn:ietf:params:acme:error:malformed" })),
        }
    }
}

/// One issuer with its authority, and one operation with what is kept of it.
struct Story {
    told: Arc<Mutex<Told>>,
    _server: MockServer,
    acme: Acme,
    proofs: Proofs,
    settings: IssuerSettings,
    password: Option<SecretText>,
    account: Option<SecretText>,
    state: Option<String>,
    replaces: Option<Vec<u8>>,
    request: Vec<u8>,
}

impl Story {
    async fn begin(told: Told) -> Self {
        Self::with(told, Challenge::Http01, HashMap::new()).await
    }

    async fn with(told: Told, challenge: Challenge, hooks: HashMap<String, DnsHook>) -> Self {
        let told = Arc::new(Mutex::new(Told { chain: chain(), ..told }));
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(Authority(Arc::clone(&told))).mount(&server).await;
        let world = World::start().unwrap();
        let proofs = || Proofs::new(Arc::clone(&world.keyring), Arc::new(world.store.clone()));
        let directory = format!("{}/dir", server.uri());
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "a.example");
        let request = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        Self {
            told,
            acme: Acme::plain(&directory, proofs(), hooks),
            proofs: proofs(),
            _server: server,
            settings: IssuerSettings::Acme(AcmeSettings {
                directory,
                contacts: vec!["ops@a.example".to_owned()],
                challenge,
                external_account: None,
                ca_bundle: None,
                renewal_information: true,
            }),
            password: None,
            account: None,
            state: None,
            replaces: None,
            request,
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    fn acme_settings(&mut self) -> &mut AcmeSettings {
        match &mut self.settings {
            IssuerSettings::Acme(settings) => settings,
            _ => unreachable!(),
        }
    }

    fn instead(&self, path: &str, status: u16, kind: &str, after: Option<&'static str>) {
        let body = json!({ "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": "<script>" });
        self.told().instead.insert(path.to_owned(), (status, body, after));
    }

    /// Payloads that came to a path.
    fn sent(&self, path: &str) -> Vec<Value> {
        self.told().seen.iter().filter(|(at, _)| at == path).map(|(_, payload)| payload.clone()).collect()
    }

    /// One question; what is to be kept is kept.
    async fn ask(&mut self) -> Outcome {
        let name = |text| ObjectName::parse(text).unwrap();
        let (vault, issuer, certificate) = (VaultName::parse("demo").unwrap(), name("le"), name("web"));
        let policy = CertificatePolicy::default();
        let order = Order {
            vault: &vault,
            issuer: &issuer,
            certificate: &certificate,
            request_id: "operation",
            settings: &self.settings,
            authority: None,
            password: self.password.as_ref(),
            account: self.account.as_ref(),
            request: &self.request,
            template: &policy.template,
            validity: Validity::months(NOW, 3).unwrap(),
            replaces: self.replaces.as_deref(),
            state: self.state.as_deref(),
            now: NOW,
        };
        let Answer { outcome, account } = self.acme.ask(&order).await;
        self.account = account.or(self.account.take());
        if let Outcome::Pending { state, .. } = &outcome {
            self.state = Some(state.clone());
        }
        outcome
    }

    /// When the authority wants a certificate renewed.
    async fn renewal_information(&self, certificate: &[u8]) -> Option<RenewalInformation> {
        let (settings, account) = (&self.settings, self.account.as_ref());
        self.acme.renewal_information(&RenewalQuestion { settings, account, certificate, now: NOW }).await
    }

    /// The word of why a certificate is not taken back.
    async fn take_back(&self, certificate: &[u8], reason: Reason) -> Result<(), &'static str> {
        let (settings, account) = (&self.settings, self.account.as_ref());
        let what = TakenBack { settings, account, certificate, reason, now: NOW };
        self.acme.take_back(&what).await.map_err(|why| why.code)
    }

    /// Questions until something else comes than another one.
    async fn until_the_end(&mut self) -> Outcome {
        for _ in 0..5 {
            match self.ask().await {
                Outcome::Pending { .. } => {}
                end => return end,
            }
        }
        panic!("no end");
    }

    async fn fails(&mut self) -> (&'static str, String, Option<i64>) {
        match self.until_the_end().await {
            Outcome::Failed { code, message, retry_at } => (code, message, retry_at.map(|at| at - NOW)),
            _ => panic!("it came to something"),
        }
    }

    /// Proofs are taken away beside whatever comes next.
    async fn nothing_is_left(&self) {
        while !self.proofs.of_order("operation").await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

/// A certificate until the year 4096 with its issuer, PEM.
fn chain() -> String {
    let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let mut leaf = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    leaf.use_authority_key_identifier_extension = true;
    let issuer = Issuer::new(root, root_key);
    format!("{}{root_pem}", leaf.signed_by(&key, &issuer).unwrap().pem())
}

#[tokio::test]
async fn an_order_goes_from_its_names_to_its_chain_and_is_renewed_in_the_window() {
    let mut story = Story::begin(Told { renewal_info: true, ..Told::default() }).await;
    assert!(matches!(story.ask().await, Outcome::Pending { ask_at: NOW, .. }), "an account is kept before it is used");
    assert!(story.sent("/order").is_empty() && story.account.is_some());
    let Outcome::Issued { chain, renewal } = story.until_the_end().await else { panic!("no certificate") };
    assert_eq!(chain.len(), 2);
    let window = Some(Window { begin: 1_801_440_000, end: 1_801_612_800 });
    assert_eq!(renewal, Some(RenewalInformation { window, retry_after: Some(21_600) }));
    assert_eq!(story.sent("/account")[0]["contact"], json!(["mailto:ops@a.example"]));
    assert_eq!(story.sent("/order")[0], json!({ "identifiers": [{ "type": "dns", "value": "a.example" }] }));
    story.nothing_is_left().await;

    (story.replaces, story.state) = (Some(chain[0].clone()), None);
    assert!(matches!(story.until_the_end().await, Outcome::Issued { .. }));
    let named = crate::renewal::certificate_id(&chain[0]).unwrap().to_string();
    assert_eq!(story.sent("/order")[1]["replaces"], json!(named));
    assert_eq!(story.sent("/account").len(), 1, "the account is the one before");
}

#[tokio::test]
async fn a_certificate_in_use_is_asked_about_again_and_whatever_fails_says_nothing() {
    let mut story = Story::begin(Told { renewal_info: true, ..Told::default() }).await;
    let Outcome::Issued { chain, .. } = story.until_the_end().await else { panic!("no certificate") };
    let at = format!("/ari/{}", crate::renewal::certificate_id(&chain[0]).unwrap());
    let moved = json!({ "suggestedWindow": { "start": "2027-01-20T00:00:00Z", "end": "2027-01-21T00:00:00Z" } });
    story.told().instead.insert(at.clone(), (200, moved.clone(), Some("600")));
    let window = Some(Window { begin: 1_800_403_200, end: 1_800_489_600 });
    let said = Some(RenewalInformation { window, retry_after: Some(600) });
    assert_eq!(story.renewal_information(&chain[0]).await, said);
    for (status, body, after) in [(500, json!({}), Some("600")), (200, json!({}), Some("600")), (200, moved, None)] {
        story.told().instead.insert(at.clone(), (status, body, after));
        assert_eq!(story.renewal_information(&chain[0]).await, None);
    }
    assert_eq!(story.renewal_information(b"no certificate").await, None);
    story.told().instead.clear();
    story.acme_settings().renewal_information = false;
    assert_eq!(story.renewal_information(&chain[0]).await, None, "nobody wants to know");
    story.acme_settings().renewal_information = true;
    story.told().renewal_info = false;
    assert_eq!(story.renewal_information(&chain[0]).await, None, "the authority says no more");
}

#[tokio::test]
async fn a_certificate_is_taken_back_by_the_account_that_has_it() {
    let mut story = Story::begin(Told::default()).await;
    let Outcome::Issued { chain, .. } = story.until_the_end().await else { panic!("no certificate") };
    assert_eq!(story.take_back(&chain[0], Reason::Superseded).await, Ok(()));
    assert_eq!(story.take_back(&chain[0], Reason::Unspecified).await, Ok(()));
    let named = BASE64URL_NOPAD.encode(&chain[0]);
    assert_eq!(story.sent("/revoke"), [json!({ "certificate": named, "reason": 4 }), json!({ "certificate": named })]);
    story.instead("/revoke", 400, "alreadyRevoked", None);
    assert_eq!(story.take_back(&chain[0], Reason::Superseded).await, Ok(()), "as it was wanted");
    for (kind, code) in [
        ("badRevocationReason", "acme-reason-refused"),
        ("unauthorized", "acme-account-refused"),
        ("serverInternal", "acme-unreachable"),
        ("malformed", "acme-failed"),
    ] {
        story.instead("/revoke", 400, kind, None);
        assert_eq!(story.take_back(&chain[0], Reason::Superseded).await, Err(code), "{kind}");
    }
    story.account = None;
    assert_eq!(story.take_back(&chain[0], Reason::Superseded).await, Err("acme-account-refused"));
}

#[tokio::test]
async fn an_account_that_is_kept_no_more_is_deactivated() {
    let mut story = Story::begin(Told::default()).await;
    story.ask().await;
    let account = story.account.take().unwrap();
    assert_eq!(story.acme.part(&story.settings, &account, NOW).await, Farewell::Told);
    assert_eq!(story.sent("/account/1"), [json!({ "status": "deactivated" })]);
    story.instead("/account/1", 403, "unauthorized", None);
    let again = story.acme.part(&story.settings, &account, NOW).await;
    assert!(matches!(again, Farewell::NotTold("acme-account-refused")), "{again:?}");
    story.acme_settings().directory.push('2');
    assert_eq!(story.acme.part(&story.settings, &account, NOW).await, Farewell::NotTold("acme-forbidden"));
}

#[tokio::test]
async fn a_certificate_that_was_replaced_already_is_asked_for_like_any_other() {
    let mut story = Story::begin(Told { renewal_info: true, ..Told::default() }).await;
    let Outcome::Issued { chain, .. } = story.until_the_end().await else { panic!("no certificate") };
    (story.replaces, story.state) = (Some(chain[0].clone()), None);
    // Refused with it and without it, so that both are seen.
    story.instead("/order", 409, "alreadyReplaced", None);
    assert_eq!(story.fails().await.0, "acme-failed");
    assert_eq!(story.sent("/order").len(), 3, "with it, and then without");
    assert!(story.sent("/order")[2].get("replaces").is_none());
}

#[tokio::test]
async fn an_answer_is_there_when_the_authority_looks_for_it_and_stays_until_the_end() {
    let mut story = Story::begin(Told::default()).await;
    story.ask().await;
    story.instead("/chall/1", 503, "serverInternal", None);
    assert!(
        matches!(story.ask().await, Outcome::Pending { ask_at, .. } if ask_at == NOW + 60),
        "what was reached is kept"
    );
    let shown = story.proofs.answer(TOKEN, NOW).await.unwrap().unwrap();
    assert!(shown.starts_with(&format!("{TOKEN}.")), "{shown}");
    let again = story.fails().await;
    assert_eq!((again.0, again.2), ("acme-unreachable", Some(60)), "it lasts, and is told");
    story.told().instead.clear();
    assert!(matches!(story.until_the_end().await, Outcome::Issued { .. }));
    assert_eq!(story.sent("/order").len(), 1, "it is the same order");
    story.nothing_is_left().await;
}

#[tokio::test]
async fn each_trouble_has_its_sentence_and_nothing_of_the_authoritys() {
    for (path, status, kind, after, code, retry, part) in [
        ("/order", 429, "rateLimited", Some("120"), "acme-rate-limited", Some(120), "in 2 minutes"),
        ("/order", 403, "rejectedIdentifier", None, "acme-name-refused", None, "no certificate for"),
        ("/order", 503, "serverInternal", None, "acme-unreachable", Some(60), "cannot be reached"),
        ("/order", 403, "unauthorized", None, "acme-account-refused", None, "does not accept the account"),
        ("/account", 403, "externalAccountRequired", None, "acme-account-refused", None, "key id and MAC key"),
        ("/finalize/1", 400, "badCSR", None, "acme-request-refused", None, "does not accept the request"),
        ("/finalize/1", 403, "unauthorized", None, "acme-request-refused", None, "not what was ordered"),
        ("/finalize/1", 400, "malformed", None, "acme-request-refused", None, "does not accept the request"),
        ("/finalize/1", 403, "userActionRequired", None, "acme-account-refused", None, "does not accept the account"),
        ("/finalize/1", 400, "rejectedIdentifier", None, "acme-name-refused", None, "no certificate for"),
        ("/chall/1", 403, "unauthorized", None, "acme-not-proven", None, "could not prove a.example by http-01"),
        ("/order", 400, "somethingNew", None, "acme-failed", None, "not what RFC 8555 says"),
    ] {
        let mut story = Story::begin(Told::default()).await;
        story.instead(path, status, kind, after);
        let (told, message, again) = story.fails().await;
        assert_eq!((told, again), (code, retry), "{kind} {message}");
        assert!(message.contains(part) && !message.contains("script") && message.len() <= 400, "{message}");
    }
}

#[tokio::test]
async fn a_name_that_is_not_proven_is_told_with_what_the_authority_found() {
    let mut story = Story::begin(Told::default()).await;
    story.ask().await;
    story.told().failed = true;
    let (code, message, again) = story.fails().await;
    assert_eq!((code, again), ("acme-not-proven", None));
    assert_eq!(
        message,
        "The authority could not prove a.example by http-01: it could not connect to the address of the name."
    );
    story.nothing_is_left().await;
    assert_eq!(story.proofs.answer(TOKEN, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn an_account_is_bound_to_the_one_that_the_authority_knows() {
    let mut story = Story::begin(Told::default()).await;
    story.acme_settings().external_account = Some("kid-1".to_owned());
    assert_eq!(story.fails().await.0, "acme-account-refused", "without its key nobody is asked");
    assert!(story.sent("/account").is_empty());
    story.password =
        Some(SecretText::new("zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W".to_owned()));
    assert!(matches!(story.until_the_end().await, Outcome::Issued { .. }));
    let binding = story.sent("/account")[0]["externalAccountBinding"].clone();
    let header = BASE64URL_NOPAD.decode(binding["protected"].as_str().unwrap().as_bytes()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!((&header["alg"], &header["kid"]), (&json!("HS256"), &json!("kid-1")));
}

#[tokio::test]
async fn an_account_that_the_authority_forgot_is_made_anew_and_not_for_ever() {
    let mut story = Story::begin(Told::default()).await;
    story.instead("/order", 400, "accountDoesNotExist", None);
    assert_eq!(story.fails().await.0, "acme-account-refused");
    assert_eq!(story.sent("/account").len(), 2);
}

#[tokio::test]
async fn what_the_operator_does_not_list_is_not_asked() {
    let mut story = Story::begin(Told::default()).await;
    assert!(story.acme.is_allowed(&story.settings));
    story.acme_settings().directory.push('2');
    assert!(!story.acme.is_allowed(&story.settings), "so that no issuer of it is set up");
    let (code, message, _) = story.fails().await;
    assert_eq!((code, message.contains("does not list")), ("acme-forbidden", true), "{message}");
    story.acme_settings().challenge = Challenge::Dns01 { hook: "none".to_owned() };
    story.acme_settings().directory.pop();
    assert_eq!(story.fails().await.0, "acme-unsuitable", "nor is a program run that it does not have");
    assert!(story.sent("/chall/1").is_empty());
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_and_elsewhere_nobody_is_asked() {
    let mut story = Story::begin(Told::default()).await;
    let long = "x".repeat(300 * 1024);
    story.told().instead.insert("/account".to_owned(), (200, json!(long), None));
    assert_eq!(story.fails().await.0, "acme-failed");
    let mut story = Story::begin(Told::default()).await;
    let elsewhere = json!({
        "status": "pending", "authorizations": ["http://127.0.0.1:1/authz"], "finalize": "http://127.0.0.1:1/finalize",
    });
    story.ask().await;
    story.told().instead.insert("/orders/1".to_owned(), (200, elsewhere, None));
    story.state = story.state.take().map(|state| {
        let mut state: Value = serde_json::from_str(&state).unwrap();
        state["order"] = state["account"].as_str().unwrap().replace("account", "orders").into();
        state.to_string()
    });
    assert_eq!(story.fails().await.0, "acme-forbidden");
}

#[tokio::test]
async fn a_record_is_put_into_the_dns_by_the_operators_program_and_taken_away() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (program, calls) = (folder.path().join("hook"), folder.path().join("calls"));
    std::fs::write(&program, format!("#!/bin/sh\necho \"$1 $2 ${{#3}}\" >> {}\n", calls.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let limit = std::time::Duration::from_secs(20);
    let hook = DnsHook::new(crate::HookSettings { program, environment: Vec::new(), limit }).unwrap();
    let challenge = Challenge::Dns01 { hook: "script".to_owned() };
    let mut story = Story::with(Told::default(), challenge, HashMap::from([("script".to_owned(), hook)])).await;
    assert!(matches!(story.until_the_end().await, Outcome::Issued { .. }));
    story.nothing_is_left().await;
    let calls = std::fs::read_to_string(calls).unwrap();
    assert_eq!(calls, "present _acme-challenge.a.example 43\ncleanup _acme-challenge.a.example 43\n");
}
