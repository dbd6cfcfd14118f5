//! Certificates by the issuers of a vault: an authority that is kept there, and one elsewhere that takes its time.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use strongroom_crypto::{
    SecretText, SystemEntropy,
    key::{Curve, KeySpec, SignAlgorithm, generate},
    x509::{AlternativeNames, Imported, Usage, Validity, self_signed},
};
use strongroom_domain::{
    certificate::{CertificatePolicy, IssuerReference, PendingStatus, PolicyPatch, Window},
    certificates::{CertificateError, Certificates, Renewed},
    grant::Scope,
    issuance::{Answer, CertificateIssuer, Farewell, Order, Outcome, RenewalInformation, RenewalQuestion},
    issuer::{AcmeSettings, AuthoritySettings, IssuerInvalid, IssuerPatch, IssuerSettings, Profile},
    issuers::{IssuerError, Issuers},
    names::ObjectKind,
    objects::ObjectError,
    principal::Grantee,
    record::Outcome as Recorded,
    role::Role,
    rotation::Rotation,
    secret::SecretItem,
    test_support::world::{enabled, name, person},
    vault::VaultUpdate,
};

use super::{
    certificate_chains::Authority,
    certificates::{by, leaf, signed_elsewhere},
};
use crate::common::Demo;

const DAY: i64 = 86_400;

fn named(issuer: &str) -> Option<IssuerReference> {
    Some(IssuerReference { name: issuer.to_owned(), certificate_type: None, transparency: None })
}

pub(super) fn root() -> PolicyPatch {
    PolicyPatch {
        subject: Some("CN=Root".to_owned()),
        names: Some(Default::default()),
        ca: Some(true),
        extended_usages: Some(Vec::new()),
        usages: Some([Usage::KeyCertSign, Usage::CrlSign].into()),
        exportable: Some(false),
        ..by("Self")
    }
}

pub(super) fn authority(settings: AuthoritySettings) -> IssuerPatch {
    let settings = AuthoritySettings { certificate: "root".to_owned(), ..settings };
    IssuerPatch {
        provider: Some("Strongroom-CA".to_owned()),
        settings: Some(IssuerSettings::Authority(settings)),
        ..IssuerPatch::default()
    }
}

pub(super) fn acme() -> IssuerPatch {
    let directory = "https://ca.example/directory".to_owned();
    IssuerPatch {
        provider: Some("ACME".to_owned()),
        settings: Some(IssuerSettings::Acme(AcmeSettings { directory, ..AcmeSettings::default() })),
        ..IssuerPatch::default()
    }
}

impl Demo {
    pub(super) async fn set_issuer(&self, issuer: &str, given: &IssuerPatch) -> Result<(), IssuerError> {
        let (ctx, name) = (self.request(), name(issuer).unwrap());
        self.world.issuers.set(&ctx, &self.vault, &name, given).await.map(drop)
    }

    async fn run_of(&self, certificates: &Certificates) -> Renewed {
        certificates.do_what_is_due(&self.world.store, &*self.world.clock).await.unwrap()
    }

    async fn run(&self) -> Renewed {
        self.run_of(&self.world.certificates).await
    }

    async fn operation(&self, certificate: &str) -> SecretItem {
        let name = name(certificate).unwrap();
        self.world.certificates.pending(&self.request(), &self.vault, &name).await.unwrap().0
    }
}

fn status(item: &SecretItem) -> (PendingStatus, Option<String>) {
    let pending = item.secret.certificate.as_ref().unwrap().pending.as_ref().unwrap();
    let trouble = pending.enrolment.as_ref().and_then(|enrolment| enrolment.trouble.clone());
    (pending.status, trouble.map(|trouble| trouble.code))
}

#[tokio::test]
async fn an_authority_in_the_vault_signs_what_its_issuer_allows() {
    let demo = Demo::start();
    assert!(matches!(demo.issue("app", &by("inside")).await, Err(CertificateError::NoSuchIssuer(_))));
    let missing = demo.set_issuer("inside", &authority(AuthoritySettings::default())).await;
    assert!(matches!(missing, Err(IssuerError::NoSuchAuthority(_))), "{missing:?}");
    demo.issue("plain", &by("Self")).await.unwrap();
    let plain = IssuerPatch {
        settings: Some(IssuerSettings::Authority(AuthoritySettings {
            certificate: "plain".to_owned(),
            ..AuthoritySettings::default()
        })),
        ..authority(AuthoritySettings::default())
    };
    assert!(matches!(demo.set_issuer("inside", &plain).await, Err(IssuerError::NotAnAuthority(_))));
    let made = demo.issue("root", &root()).await.unwrap();
    demo.set_issuer("inside", &authority(AuthoritySettings { max_days: Some(7), ..Default::default() })).await.unwrap();

    let begun = demo.issue("app", &by("Inside")).await.unwrap();
    assert_eq!(status(&begun), (PendingStatus::InProgress, None));
    let (ctx, app) = (demo.request(), name("app").unwrap());
    let merged = demo.world.certificates.merge(&ctx, &demo.vault, &app, &[], None, None).await;
    assert!(matches!(merged, Err(CertificateError::IssuerWorks)));
    assert_eq!(demo.run().await, Renewed { certificates: 1, ..Renewed::default() });
    assert_eq!(status(&demo.operation("app").await), (PendingStatus::Completed, None));
    let app = demo.certificate("app").await.unwrap();
    let (facts, now) = (leaf(&app), demo.request().seconds());
    assert_eq!((facts.issuer, facts.not_after), (leaf(&made).subject, now + 7 * 86_400));
    let chain = &app.version.certificate.as_ref().unwrap().chain;
    assert_eq!((chain.len(), &chain[1]), (2, &made.version.certificate.as_ref().unwrap().chain[0]));
    assert!(app.version.attributes.enabled);
    demo.key_of("app").await.unwrap();
    let signed = |what: &str| {
        let records = demo.world.store.image().log.into_iter().map(|logged| logged.record);
        let mut signed = records.filter(|record| {
            record.operation == "CertificateAuthoritySign"
                && record.object.as_deref() == Some("root")
                && record.outcome == Recorded::Allowed
                && record.details.get("signed").map(String::as_str) == Some(what)
        });
        signed.next().map(|record| record.details)
    };
    assert_eq!(signed("list").unwrap()["number"].parse::<i64>().ok(), Some(now));
    let told = signed("certificate").expect("what an authority signs is on record at its own name");
    let serial = data_encoding::HEXLOWER.encode(&facts.serial);
    let digest = data_encoding::HEXLOWER.encode(&strongroom_crypto::sha256(&chain[0]));
    for (name, said) in [
        ("for", "demo/app"),
        ("issuer", "inside"),
        ("subject", "CN=app.example"),
        ("serial", serial.as_str()),
        ("sha256", digest.as_str()),
    ] {
        assert_eq!(told[name], said, "{name}");
    }

    // What the profile does not allow fails, and stays to be seen.
    let client = authority(AuthoritySettings { profile: Profile::Client, ..Default::default() });
    demo.set_issuer("clients", &client).await.unwrap();
    demo.issue("server", &by("clients")).await.unwrap();
    assert_eq!(demo.run().await, Renewed { failed: 1, ..Renewed::default() });
    let failed = (PendingStatus::Failed, Some("outside-profile".to_owned()));
    assert_eq!(status(&demo.operation("server").await), failed);
    assert_eq!(demo.run().await, Renewed::default(), "nobody asks again by themselves");
}

/// By a name of a user or a workload somebody logs on, whoever may have servers certified.
#[tokio::test]
async fn a_profile_says_which_sorts_of_names_are_certified() {
    let demo = Demo::start();
    demo.issue("root", &root()).await.unwrap();
    for (issuer, profile) in [("server", Profile::Server), ("client", Profile::Client), ("code", Profile::CodeSigning)]
    {
        demo.set_issuer(issuer, &authority(AuthoritySettings { profile, ..Default::default() })).await.unwrap();
    }
    let named = |sort: &str| {
        let (mut names, name) = (AlternativeNames::default(), "a.example".to_owned());
        match sort {
            "dns" => names.dns.push(name),
            "ip" => names.addresses.push([192, 0, 2, 7].into()),
            "upn" => names.upns.push("ada@a.example".to_owned()),
            "uri" => names.uris.push("https://a.example/".to_owned()),
            _ => names.emails.push("ada@a.example".to_owned()),
        }
        (Some(names), "CN=a".to_owned())
    };
    for (issuer, fine) in
        [("server", &["dns", "ip"][..]), ("client", &["dns", "email", "upn", "uri"][..]), ("code", &[][..])]
    {
        for sort in ["dns", "ip", "email", "upn", "uri", "subject", "mail", "uid"] {
            let (names, subject) = match sort {
                "subject" => (Some(AlternativeNames::default()), "CN=a,emailAddress=ada@a.example".to_owned()),
                "mail" => {
                    (Some(AlternativeNames::default()), "CN=a,0.9.2342.19200300.100.1.3=ada@a.example".to_owned())
                }
                "uid" => (Some(AlternativeNames::default()), "CN=a,UID=ada@a.example".to_owned()),
                other => named(other),
            };
            let policy = PolicyPatch { names, subject: Some(subject), extended_usages: Some(Vec::new()), ..by(issuer) };
            let certificate = format!("{issuer}-{sort}");
            demo.issue(&certificate, &policy).await.unwrap();
            demo.run().await;
            let as_name = match sort {
                "subject" | "mail" => "email",
                "uid" => "upn",
                other => other,
            };
            let expected = match fine.contains(&as_name) {
                true => (PendingStatus::Completed, None),
                false => (PendingStatus::Failed, Some("outside-profile".to_owned())),
            };
            assert_eq!(status(&demo.operation(&certificate).await), expected, "{certificate}");
        }
    }
}

/// Whoever named an authority could sign with it. That says nothing of one that others make under its name later.
#[tokio::test]
async fn an_issuer_signs_by_the_authority_it_was_set_for_and_by_none_that_took_its_name() {
    let demo = Demo::start();
    demo.issue("root", &root()).await.unwrap();
    let given = authority(AuthoritySettings::default());
    demo.set_issuer("inside", &given).await.unwrap();
    // A renewed one, with a new key, is the same.
    demo.issue("root", &root()).await.unwrap();
    demo.issue("app", &by("inside")).await.unwrap();
    assert_eq!(demo.run().await, Renewed { certificates: 1, ..Renewed::default() });

    let root_name = name("root").unwrap();
    demo.world.certificates.delete(&demo.request(), &demo.vault, &root_name).await.unwrap();
    demo.world.certificates.purge(&demo.request(), &demo.vault, &root_name).await.unwrap();
    demo.issue("root", &root()).await.unwrap();
    demo.issue("other", &by("inside")).await.unwrap();
    assert_eq!(demo.run().await, Renewed { failed: 1, ..Renewed::default() });
    let failed = (PendingStatus::Failed, Some("authority-changed".to_owned()));
    assert_eq!(status(&demo.operation("other").await), failed);
    // What names no authority judges none.
    let (ctx, inside) = (demo.request(), name("inside").unwrap());
    let enabled = IssuerPatch { enabled: Some(true), ..IssuerPatch::default() };
    demo.world.issuers.update(&ctx, &demo.vault, &inside, &enabled).await.map(drop).unwrap();
    demo.issue("third", &by("inside")).await.unwrap();
    assert_eq!(demo.run().await, Renewed { failed: 1, ..Renewed::default() });

    demo.set_issuer("inside", &given).await.unwrap();
    demo.issue("fourth", &by("inside")).await.unwrap();
    assert_eq!(demo.run().await, Renewed { certificates: 1, ..Renewed::default() });
    let fourth = demo.certificate("fourth").await.unwrap();
    let der = fourth.version.certificate.as_ref().unwrap().leaf().unwrap().to_vec();
    assert!(der.windows(4).any(|part| part == b".crl"), "the list of the key that is gone is no hindrance");
}

/// Who may make and import certificates may not sign with an authority, nor widen what issuers of others sign by it.
#[tokio::test]
async fn a_wider_version_of_an_authority_and_a_foreign_one_sign_for_no_issuer_that_was_set_before() {
    let demo = Demo::start();
    let longest = |length| PolicyPatch { path_length: Some(length), ..root() };
    demo.issue("root", &longest(Some(1))).await.unwrap();
    let given = authority(AuthoritySettings::default());
    demo.set_issuer("inside", &given).await.unwrap();
    demo.issue("root", &longest(Some(0))).await.unwrap();
    demo.issue("app", &by("inside")).await.unwrap();
    assert_eq!(demo.run().await, Renewed { certificates: 1, ..Renewed::default() }, "a narrower one is the same");

    let failed = (PendingStatus::Failed, Some("authority-changed".to_owned()));
    demo.issue("root", &longest(None)).await.unwrap();
    demo.issue("wider", &by("inside")).await.unwrap();
    assert_eq!(demo.run().await, Renewed { failed: 1, ..Renewed::default() });
    assert_eq!(status(&demo.operation("wider").await), failed);
    demo.set_issuer("inside", &given).await.unwrap();
    demo.issue("agreed", &by("inside")).await.unwrap();
    assert_eq!(demo.run().await, Renewed { certificates: 1, ..Renewed::default() });

    let key = generate(KeySpec::Ec { crv: Curve::P256 }, &SystemEntropy).ok().unwrap();
    let template = longest(None).over(&CertificatePolicy::default()).template;
    let (ctx, root_name) = (demo.request(), name("root").unwrap());
    let validity = Validity::months(ctx.seconds(), 12).unwrap();
    let chain = vec![self_signed(&template, &key, validity, &SystemEntropy).unwrap()];
    let (place, read) = ((&demo.vault, &root_name), move || Ok(Imported { key, chain }));
    demo.world.certificates.import(&ctx, place, read, &PolicyPatch::default(), &enabled()).await.map(drop).unwrap();
    demo.issue("foreign", &by("inside")).await.unwrap();
    assert_eq!(demo.run().await, Renewed { failed: 1, ..Renewed::default() });
    assert_eq!(status(&demo.operation("foreign").await), failed);
}

/// The request is signed by another algorithm, which the vault allows.
#[tokio::test]
async fn an_authority_signs_by_no_algorithm_that_is_switched_off_in_its_vault() {
    let demo = Demo::start();
    demo.issue("root", &root()).await.unwrap();
    demo.set_issuer("inside", &authority(AuthoritySettings::default())).await.unwrap();
    demo.world.put_grant(Grantee::Principal { id: demo.ada.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let off = VaultUpdate { refused_algorithms: Some([SignAlgorithm::Es256.into()].into()), ..VaultUpdate::default() };
    demo.world.admin.update_vault(&demo.request(), &demo.vault, None, &off).await.unwrap();
    let policy = PolicyPatch { spec: Some(KeySpec::Ec { crv: Curve::P384 }), ..by("inside") };
    demo.issue("app", &policy).await.unwrap();
    assert_eq!(demo.run().await, Renewed { failed: 1, ..Renewed::default() });
    let failed = (PendingStatus::Failed, Some("algorithm-refused".to_owned()));
    assert_eq!(status(&demo.operation("app").await), failed);
}

/// What a policy says to sign by itself, or by nobody here, is asked of no issuer.
#[tokio::test]
async fn no_issuer_has_a_name_that_stands_for_none() {
    let demo = Demo::start();
    for taken in ["Self", "self", "UNKNOWN"] {
        let refused = demo.set_issuer(taken, &acme()).await;
        assert!(matches!(refused, Err(IssuerError::Invalid(IssuerInvalid::Name))), "{taken}: {refused:?}");
    }
}

#[tokio::test]
async fn what_an_issuer_allows_is_for_who_may_sign_with_the_authority() {
    let demo = Demo::start();
    demo.issue("root", &root()).await.unwrap();
    let officer = person("officer");
    let vault = demo.world.store.image().vaults[demo.vault.as_str()].id;
    let grantee = Grantee::Principal { id: officer.id.clone() };
    demo.world.put_grant(grantee, Role::CertificatesOfficer, Scope::Vault { vault }).unwrap();
    let ctx = demo.world.request(&officer);
    let given = authority(AuthoritySettings::default());
    let refused = demo.world.issuers.set(&ctx, &demo.vault, &name("inside").unwrap(), &given).await;
    assert!(matches!(refused, Err(IssuerError::NoSuchAuthority(_))));
    let ctx = demo.world.request(&officer);
    let elsewhere = demo.world.issuers.set(&ctx, &demo.vault, &name("outside").unwrap(), &acme()).await;
    assert!(elsewhere.is_ok(), "what is asked elsewhere is the officer's to say");
}

/// An authority elsewhere, and what it says one time after the other.
struct Elsewhere {
    answers: Mutex<Vec<Outcome>>,
    asked: Mutex<Vec<(Option<String>, Option<String>)>>,
    /// What it says of when it wants a certificate renewed, and who asked with which account.
    wishes: Mutex<Vec<Option<RenewalInformation>>>,
    inquiries: Mutex<Vec<Option<String>>>,
    /// Who was told that an account is given up, and how it takes that.
    parted: Mutex<Vec<(IssuerSettings, String)>>,
    farewell: Farewell,
}

impl Elsewhere {
    fn that_says(answers: Vec<Outcome>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers),
            asked: Mutex::default(),
            wishes: Mutex::default(),
            inquiries: Mutex::default(),
            parted: Mutex::default(),
            farewell: Farewell::Told,
        })
    }

    fn inquiries(&self) -> usize {
        self.inquiries.lock().unwrap().len()
    }
}

#[async_trait]
impl CertificateIssuer for Elsewhere {
    async fn ask(&self, order: &Order<'_>) -> Answer {
        let account = order.account.map(|account| account.expose().to_owned());
        self.asked.lock().unwrap().push((order.state.map(str::to_owned), account));
        let outcome = self.answers.lock().unwrap().remove(0);
        Answer { outcome, account: Some(SecretText::new("account-key".to_owned())) }
    }

    async fn part(&self, settings: &IssuerSettings, account: &SecretText, _now: i64) -> Farewell {
        self.parted.lock().unwrap().push((settings.clone(), account.expose().to_owned()));
        self.farewell
    }

    async fn renewal_information(&self, question: &RenewalQuestion<'_>) -> Option<RenewalInformation> {
        let account = question.account.map(|account| account.expose().to_owned());
        self.inquiries.lock().unwrap().push(account);
        self.wishes.lock().unwrap().remove(0)
    }
}

/// An operator who lists other directories.
struct Unlisted;

#[async_trait]
impl CertificateIssuer for Unlisted {
    async fn ask(&self, _order: &Order<'_>) -> Answer {
        Outcome::Failed { code: "asked", message: String::new(), retry_at: None }.into()
    }

    fn is_allowed(&self, _settings: &IssuerSettings) -> bool {
        false
    }
}

#[tokio::test]
async fn an_issuer_that_the_operator_does_not_list_is_not_set_up() {
    let demo = Demo::start();
    let issuers = Issuers { objects: demo.world.objects.clone(), acme: Some(Arc::new(Unlisted)) };
    let refused = issuers.set(&demo.request(), &demo.vault, &name("far").unwrap(), &acme()).await;
    assert!(matches!(refused, Err(IssuerError::NotListed)));
}

#[tokio::test]
async fn an_issuer_that_the_operator_lists_no_more_is_disabled_and_deleted_and_never_enabled() {
    let demo = Demo::start();
    demo.set_issuer("far", &acme()).await.unwrap();
    let far = name("far").unwrap();
    let to = |enabled| IssuerPatch { enabled: Some(enabled), ..IssuerPatch::default() };
    let unlisted: Arc<dyn CertificateIssuer> = Arc::new(Unlisted);
    for acme in [Some(unlisted), None] {
        let issuers = Issuers { objects: demo.world.objects.clone(), acme };
        let change = async |patch| issuers.update(&demo.request(), &demo.vault, &far, &patch).await;
        assert!(!change(to(false)).await.unwrap().item.version.attributes.enabled);
        let refused = change(to(true)).await;
        assert!(matches!(refused, Err(IssuerError::NotListed | IssuerError::NotHere(_))));
    }
    let issuers = Issuers { objects: demo.world.objects.clone(), acme: None };
    issuers.delete(&demo.request(), &demo.vault, &far).await.unwrap();
}

#[tokio::test]
async fn an_issuer_that_takes_its_time_is_asked_again_and_its_failure_never_touches_what_is_in_use() {
    let demo = Demo::start();
    demo.set_issuer("far", &acme()).await.unwrap();
    demo.issue("app", &by("Self")).await.unwrap();
    let in_use = demo.certificate("app").await.unwrap();
    let now = demo.request().seconds();
    let answers = vec![
        Outcome::Pending { state: "order-1".to_owned(), ask_at: now + 60 },
        Outcome::Failed { code: "rate-limited", message: "Later".to_owned(), retry_at: Some(now + 600) },
        Outcome::Issued { chain: in_use.version.certificate.as_ref().unwrap().chain.clone(), renewal: None },
    ];
    let elsewhere = Elsewhere::that_says(answers);
    let certificates = demo.world.certificates_by(elsewhere.clone());
    let other = PolicyPatch { issuer: named("far"), ..by("far") };
    demo.issue("app", &other).await.unwrap();

    assert_eq!(demo.run_of(&certificates).await, Renewed { ask_at: Some(now + 60), ..Renewed::default() });
    assert_eq!(demo.run_of(&certificates).await, Renewed::default(), "not before its time");
    demo.world.clock.advance(60_000);
    let second = demo.run_of(&certificates).await;
    assert_eq!((second.failed, second.ask_at), (1, Some(now + 600)));
    let told = (PendingStatus::InProgress, Some("rate-limited".to_owned()));
    assert_eq!(status(&demo.operation("app").await), told);
    demo.world.clock.advance(540_000);
    // A certificate of another key is nothing that was asked for.
    assert_eq!(demo.run_of(&certificates).await, Renewed { failed: 1, ..Renewed::default() });
    let refused = (PendingStatus::Failed, Some("answer-refused".to_owned()));
    assert_eq!(status(&demo.operation("app").await), refused);
    assert_eq!(demo.certificate("app").await.unwrap().version, in_use.version, "the version in use stays");
    let kept = Some("account-key".to_owned());
    let state = |text: &str| Some(text.to_owned());
    assert_eq!(
        *elsewhere.asked.lock().unwrap(),
        [(None, None), (state("order-1"), kept.clone()), (state("order-1"), kept)]
    );
    let shown = demo.world.issuers.get(&demo.request(), &demo.vault, &name("far").unwrap()).await.unwrap();
    assert_eq!(shown.settings.provider(), "ACME");
}

/// Asked by one node, again and again; what fails costs nothing, and nothing is renewed later than the policy says.
#[tokio::test]
async fn the_authority_of_a_version_in_use_is_asked_again_and_has_it_renewed_earlier() {
    let demo = Demo::start();
    demo.set_issuer("far", &acme()).await.unwrap();
    let begun = demo.issue("app", &by("far")).await.unwrap();
    let now = demo.request().seconds();
    let within = |from: i64, to: i64| {
        let window = Some(Window { begin: now + from * DAY, end: now + to * DAY });
        Some(RenewalInformation { window, retry_after: Some(7200) })
    };
    let chain = vec![signed_elsewhere(&demo, &demo.own_key(&begun), 12, 0)];
    let elsewhere = Elsewhere::that_says(vec![Outcome::Issued { chain, renewal: within(200, 210) }]);
    *elsewhere.wishes.lock().unwrap() = vec![None, within(200, 210), within(20, 30), within(350, 360)];
    let one = demo.world.certificates_by(elsewhere.clone());
    let twin = demo.on(demo.world.store.node("twin"));
    let two = twin.world.certificates_by(elsewhere.clone());
    let pass = |seconds: i64| [&demo, &twin].map(|node| node.world.clock.advance(seconds * 1000));
    let times = async || {
        let Rotation { rotate_at, inquire_at, failed, .. } =
            *demo.certificate("app").await.unwrap().secret.rotation.unwrap();
        assert_eq!(failed, None);
        (rotate_at.unwrap() - now, inquire_at.unwrap() - demo.request().seconds())
    };
    let both = async || {
        let (one, two) = tokio::join!(demo.run_of(&one), twin.run_of(&two));
        assert_eq!((one, two), (Renewed::default(), Renewed::default()));
        elsewhere.inquiries()
    };
    assert_eq!(demo.run_of(&one).await, Renewed { certificates: 1, ..Renewed::default() });
    let (planned, next) = times().await;
    assert!((200 * DAY..=210 * DAY).contains(&planned), "{planned}");
    assert_eq!((next, both().await), (7200, 0), "when the authority said");
    pass(7200);
    assert_eq!(both().await, 1);
    assert_eq!(times().await, (planned, 6 * 3600), "of no answer comes nothing");
    pass(6 * 3600);
    assert_eq!(both().await, 2);
    assert_eq!(times().await, (planned, 7200), "of the same window nothing is drawn again");
    pass(7200);
    assert_eq!(both().await, 3);
    let (earlier, _) = times().await;
    assert!((20 * DAY..=30 * DAY).contains(&earlier), "{earlier}");
    pass(7200);
    assert_eq!(both().await, 4);
    let (latest, _) = times().await;
    assert!((290 * DAY..=292 * DAY).contains(&latest), "80 hundredths of a year, as the policy says: {latest}");
    let kept = Some("account-key".to_owned());
    assert!(elsewhere.inquiries.lock().unwrap().iter().all(|account| *account == kept));

    demo.world.issuers.delete(&demo.request(), &demo.vault, &name("far").unwrap()).await.unwrap();
    pass(7200);
    assert_eq!(both().await, 4, "nobody is left to be asked");
    let rotation = demo.certificate("app").await.unwrap().secret.rotation.unwrap();
    assert_eq!((rotation.rotate_at, rotation.inquire_at), (Some(now + latest), None));
}

/// What does not belong together is not taken from an issuer either.
#[tokio::test]
async fn an_answer_that_is_no_chain_is_refused() {
    let demo = Demo::start();
    demo.set_issuer("far", &acme()).await.unwrap();
    let begun = demo.issue("app", &by("far")).await.unwrap();
    let own = demo.own_key(&begun);
    let chain = vec![Authority::new(&demo, "one").certifies(&own), Authority::new(&demo, "other").root];
    let elsewhere = Elsewhere::that_says(vec![Outcome::Issued { chain, renewal: None }]);
    let certificates = demo.world.certificates_by(elsewhere);
    assert_eq!(demo.run_of(&certificates).await, Renewed { failed: 1, ..Renewed::default() });
    assert_eq!(status(&demo.operation("app").await), (PendingStatus::Failed, Some("answer-refused".to_owned())));
}

#[tokio::test]
async fn an_operation_that_was_called_off_is_not_asked_for() {
    let demo = Demo::start();
    demo.set_issuer("far", &acme()).await.unwrap();
    demo.issue("app", &by("far")).await.unwrap();
    let app = name("app").unwrap();
    demo.world.certificates.cancel(&demo.request(), &demo.vault, &app).await.unwrap();
    assert_eq!(demo.run().await, Renewed::default());
    demo.world.certificates.delete_pending(&demo.request(), &demo.vault, &app).await.unwrap();
    demo.issue("app", &by("far")).await.unwrap();
    assert_eq!(demo.run().await, Renewed { failed: 1, ..Renewed::default() }, "nobody here speaks with it");
    assert_eq!(status(&demo.operation("app").await), (PendingStatus::Failed, Some("not-here".to_owned())));
}

/// An account is given up with its issuer, or when that is asked elsewhere, and that is on record.
#[tokio::test]
async fn the_authority_of_an_issuer_that_goes_is_told_to_end_its_account() {
    let demo = Demo::start();
    let pending = |state: &str| Outcome::Pending { state: state.to_owned(), ask_at: i64::MAX };
    let elsewhere = Elsewhere::that_says(["one", "two", "three"].map(pending).to_vec());
    let (certificates, far) = (demo.world.certificates_by(elsewhere.clone()), name("far").unwrap());
    let issuers = Issuers { objects: demo.world.objects.clone(), acme: Some(elsewhere.clone()) };
    let at = |directory: &str| {
        let directory = format!("https://{directory}/directory");
        let settings = IssuerSettings::Acme(AcmeSettings { directory, ..AcmeSettings::default() });
        IssuerPatch { settings: Some(settings), ..acme() }
    };
    let set =
        async |given: &IssuerPatch| issuers.set(&demo.request(), &demo.vault, &far, given).await.map(drop).unwrap();
    // The first question has it make an account.
    let registers = async |certificate: &str| {
        demo.issue(certificate, &by("far")).await.unwrap();
        demo.run_of(&certificates).await;
    };
    let told = async |many: usize| loop {
        let records = demo.world.store.image().log.into_iter().map(|logged| logged.record);
        let told: Vec<_> = records.filter(|record| record.operation == "IssuerAccountDeactivate").collect();
        if told.len() >= many {
            assert_eq!(told.len(), many);
            break told.last().cloned().unwrap();
        }
        tokio::task::yield_now().await;
    };
    set(&at("one.example")).await;
    registers("a").await;
    set(&at("one.example")).await;
    set(&at("two.example")).await;
    let record = told(1).await;
    assert_eq!(
        (record.object.as_deref(), record.outcome, record.reason.as_str()),
        (Some("far"), Recorded::Allowed, "told")
    );
    registers("b").await;
    issuers.update(&demo.request(), &demo.vault, &far, &at("three.example")).await.map(drop).unwrap();
    told(2).await;
    registers("c").await;
    issuers.delete(&demo.request(), &demo.vault, &far).await.map(drop).unwrap();
    told(3).await;
    let parted: Vec<_> = elsewhere
        .parted
        .lock()
        .unwrap()
        .iter()
        .map(|(settings, account)| {
            let IssuerSettings::Acme(settings) = settings else { panic!() };
            (settings.directory.clone(), account.clone())
        })
        .collect();
    let one = |directory: &str| (format!("https://{directory}/directory"), "account-key".to_owned());
    assert_eq!(parted, [one("one.example"), one("two.example"), one("three.example")]);
}

/// Who writes into the database puts no other issuer's credentials in the place of one.
#[tokio::test]
async fn an_issuer_opens_at_its_own_place_alone() {
    let demo = Demo::start();
    demo.set_issuer("one", &acme()).await.unwrap();
    demo.set_issuer("two", &acme()).await.unwrap();
    let get = async |issuer: &str| {
        demo.world.issuers.get(&demo.request(), &demo.vault, &name(issuer).unwrap()).await.map(drop)
    };
    get("one").await.unwrap();
    demo.world.store.meddle(|image| {
        let of = |issuer: &str| {
            let key = image.objects.keys().find(|(_, kind, name)| *kind == ObjectKind::Issuer && name == issuer);
            key.unwrap().clone()
        };
        let (one, two) = (of("one"), of("two"));
        let row = image.objects[&two].clone();
        image.objects.insert(one, row);
    });
    assert!(matches!(get("one").await, Err(IssuerError::Object(ObjectError::Tampered | ObjectError::Denied(_)))));
    get("two").await.unwrap();
}
