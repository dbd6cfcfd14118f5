//! What the authorities here sign, as others check it: OpenSSL, and webpki as rustls asks it.

use std::{collections::BTreeSet, path::Path, process::Command, rc::Rc, sync::Arc, time::Duration};

use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};

use super::{authority::Wanted, *};
use crate::{
    entropy::SeededEntropy,
    key::{Curve, KeySpec, NewKey, generate},
};

const NOW: i64 = 1_767_225_600;
const SPEC: KeySpec = KeySpec::Ec { crv: Curve::P256 };

struct Made {
    key: Rc<NewKey>,
    chain: Vec<Vec<u8>>,
}

fn key(seed: u64) -> Rc<NewKey> {
    Rc::new(generate(SPEC, &SeededEntropy::new(seed)).ok().unwrap())
}

fn authority(subject: &str) -> Template {
    Template {
        subject: subject.to_owned(),
        names: AlternativeNames::default(),
        extended_usages: Vec::new(),
        usages: BTreeSet::from([Usage::KeyCertSign, Usage::CrlSign]),
        ca: true,
        path_length: None,
        constraints: Constraints::default(),
    }
}

fn server(host: &str) -> Template {
    Template {
        subject: format!("CN={host}"),
        names: AlternativeNames { dns: vec![host.to_owned()], ..AlternativeNames::default() },
        extended_usages: vec!["1.3.6.1.5.5.7.3.1".to_owned()],
        usages: BTreeSet::from([Usage::DigitalSignature]),
        ca: false,
        path_length: None,
        constraints: Constraints::default(),
    }
}

fn root(template: &Template) -> Made {
    of_key(template, key(1))
}

fn of_key(template: &Template, key: Rc<NewKey>) -> Made {
    let validity = Validity::months(NOW, 120).unwrap();
    let chain = vec![self_signed(template, &key, validity, &SeededEntropy::new(2)).unwrap()];
    Made { key, chain }
}

impl Made {
    fn signs(&self, template: &Template, seed: u64) -> Result<Made, AuthorityError> {
        let key = key(seed);
        let wanted = Wanted {
            request: &request(template, &key).unwrap(),
            template,
            validity: Validity::months(NOW, 12).unwrap(),
            crl_url: Some("https://vault.example/crl/1/ca/2.crl"),
            now: NOW,
        };
        let leaf = issue(&self.chain, (SPEC, &self.key.private), &wanted, &SeededEntropy::new(seed + 100))?;
        Ok(Made { key, chain: std::iter::once(leaf).chain(self.chain.iter().cloned()).collect() })
    }

    fn list(&self, number: u64, now: i64, revoked: &[Revoked]) -> Vec<u8> {
        let list = List { number, this_update: now - 600, next_update: now + 7 * 86_400, revoked };
        revocation_list(&self.chain[0], (SPEC, &self.key.private), &list).unwrap()
    }
}

fn revoked(certificate: &[u8], reason: Reason) -> Revoked {
    Revoked { serial: CertificateFacts::of(certificate).unwrap().serial, at: NOW, reason }
}

fn armored(label: &str, ders: &[Vec<u8>]) -> String {
    let one = |der: &Vec<u8>| {
        let text = data_encoding::BASE64.encode(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    ders.iter().map(one).collect()
}

/// What OpenSSL says against a chain, at a moment; with lists, of every certificate below the root.
fn openssl(chain: &[Vec<u8>], lists: &[Vec<u8>], now: i64) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (leaf, above) = chain.split_first().unwrap();
    let (root, between) = above.split_last().unwrap();
    let mut command = Command::new("openssl");
    command.arg("verify").args(["-x509_strict", "-purpose", "sslserver", "-attime", &now.to_string()]);
    let with = |command: &mut Command, option: &str, path: &Path| {
        command.arg(option).arg(path);
    };
    with(&mut command, "-CAfile", &put("root.pem", armored("CERTIFICATE", std::slice::from_ref(root))));
    if !between.is_empty() {
        with(&mut command, "-untrusted", &put("between.pem", armored("CERTIFICATE", between)));
    }
    if !lists.is_empty() {
        command.arg("-crl_check_all");
        with(&mut command, "-CRLfile", &put("lists.pem", armored("X509 CRL", lists)));
    }
    command.arg(put("leaf.pem", armored("CERTIFICATE", std::slice::from_ref(leaf))));
    let done = command.output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    if done.status.success() { Ok(()) } else { Err(String::from_utf8(said).unwrap()) }
}

/// What webpki says against it.
fn webpki(chain: &[Vec<u8>], lists: &[Vec<u8>], host: &str, now: i64) -> Result<(), String> {
    let certificates: Vec<CertificateDer<'_>> = chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let (leaf, above) = certificates.split_first().unwrap();
    let (root, between) = above.split_last().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(root.clone().into_owned()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let lists = lists.iter().map(|list| CertificateRevocationListDer::from(list.clone()));
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls(lists)
        .enforce_revocation_expiration()
        .build()
        .unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap()));
    let name = ServerName::try_from(host).unwrap();
    verifier.verify_server_cert(leaf, between, &name, &[], now).map(drop).map_err(|error| error.to_string())
}

fn domains(permitted: &[&str], excluded: &[&str]) -> Constraints {
    let dns =
        |names: &[&str]| Subtrees { dns: names.iter().map(|&name| name.to_owned()).collect(), ..Subtrees::default() };
    Constraints { permitted: dns(permitted), excluded: dns(excluded) }
}

#[test]
fn a_chain_over_an_intermediate_is_taken_by_openssl_and_webpki() {
    let constraints = Constraints {
        permitted: Subtrees { networks: vec!["10.0.0.0/8".to_owned()], ..domains(&["app.example"], &[]).permitted },
        ..domains(&[], &["secret.app.example"])
    };
    let root = root(&Template { path_length: Some(1), constraints: constraints.clone(), ..authority("CN=Root") });
    let between = root.signs(&Template { path_length: Some(0), ..authority("CN=Between") }, 3).unwrap();
    let leaf = between.signs(&server("www.app.example"), 4).unwrap();
    assert_eq!(leaf.chain.len(), 3);
    assert_eq!(openssl(&leaf.chain, &[], NOW), Ok(()));
    assert_eq!(webpki(&leaf.chain, &[], "www.app.example", NOW), Ok(()));
    // What was asked stands in the certificate, and is read as it was asked.
    let said = Template::of(&root.chain[0]).unwrap();
    assert_eq!((said.path_length, said.constraints), (Some(1), constraints));
    assert_eq!(is_issued_by(&leaf.chain[0], &between.chain[0]), Ok(true));
    assert_eq!(is_issued_by(&leaf.chain[0], &root.chain[0]), Ok(false));

    // No further authority, and no other names.
    assert_eq!(between.signs(&authority("CN=Below"), 5).err(), Some(AuthorityError::PathTooLong));
    for host in ["www.other.example", "a.secret.app.example", "*.app.example"] {
        assert_eq!(between.signs(&server(host), 5).err(), Some(AuthorityError::OutsideConstraints), "{host}");
    }
}

/// By the place of a certificate in the chain.
fn found(chain: &[Vec<u8>]) -> Vec<(usize, Finding)> {
    let told = inspect(chain, None, NOW).unwrap().into_iter().enumerate();
    told.flat_map(|(place, one)| one.findings.into_iter().map(move |finding| (place, finding))).collect()
}

/// With one key and one name for all roots: what an honest one signed is put below one that does not allow it.
#[test]
fn what_openssl_refuses_in_a_chain_is_found_by_looking() {
    let open = root(&authority("CN=Root"));
    let between = open.signs(&authority("CN=Between"), 3).unwrap();
    let below = between.signs(&authority("CN=Below"), 5).unwrap();
    let leaf = below.signs(&server("evil.example"), 4).unwrap();
    assert_eq!((openssl(&leaf.chain, &[], NOW), found(&leaf.chain)), (Ok(()), Vec::new()));
    let under = |template: &Template| {
        let (_, without) = leaf.chain.split_last().unwrap();
        [without, &of_key(template, Rc::clone(&open.key)).chain].concat()
    };
    let outside = || Finding::OutsideConstraints("CN=Root".to_owned());
    for (template, wrong, said) in [
        (Template { path_length: Some(1), ..authority("CN=Root") }, vec![(3, Finding::PathTooLong(1))], "path length"),
        (
            Template { constraints: domains(&["good.example"], &[]), ..authority("CN=Root") },
            vec![(0, outside())],
            "permitted subtree",
        ),
        (
            Template { constraints: domains(&[], &["evil.example"]), ..authority("CN=Root") },
            vec![(0, outside())],
            "excluded subtree",
        ),
        (
            Template { usages: BTreeSet::from([Usage::DigitalSignature]), ..authority("CN=Root") },
            vec![(3, Finding::MayNotSign)],
            "",
        ),
    ] {
        let chain = under(&template);
        let told = openssl(&chain, &[], NOW).unwrap_err();
        assert!(told.contains(said), "{told}");
        assert_eq!(found(&chain), wrong, "{told}");
    }
    // As long as it may be, and within.
    let fits = Template { path_length: Some(2), constraints: domains(&["example"], &[]), ..authority("CN=Root") };
    assert_eq!((openssl(&under(&fits), &[], NOW), found(&under(&fits))), (Ok(()), Vec::new()));
}

#[test]
fn what_signs_without_being_an_authority_and_what_nobody_here_can_verify_is_found() {
    let usages = BTreeSet::from([Usage::DigitalSignature, Usage::KeyCertSign]);
    let signs = root(&Template { usages, ..server("a.example") });
    assert_eq!(found(&signs.chain), [(0, Finding::SignsWithoutAuthority)]);
    let mut chain = root(&authority("CN=Root")).signs(&server("a.example"), 4).unwrap().chain;
    // ECDSA with SHA-224 is signed by nobody here, and verified by nothing.
    let (known, other) = ([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02], 0x01);
    let places: Vec<usize> = (0..chain[0].len()).filter(|place| chain[0][*place..].starts_with(&known)).collect();
    assert_eq!(places.len(), 2, "what is signed says it too");
    for place in places {
        chain[0][place + known.len() - 1] = other;
    }
    assert_eq!(found(&chain), [(0, Finding::Unchecked("1.2.840.10045.4.3.1".to_owned()))]);
}

#[test]
fn every_name_of_a_subject_keeps_the_constraints() {
    let mut constraints = domains(&["app.example"], &["secret.app.example"]);
    constraints.permitted.emails = vec!["app.example".to_owned()];
    let root = root(&Template { constraints, ..authority("CN=Root") });
    let signed =
        |subject: &str| root.signs(&Template { subject: subject.to_owned(), ..server("www.app.example") }, 4).err();
    for good in [
        "CN=www.app.example",
        "CN=www.app.example.",
        "CN=payments",
        "CN=Payments team v1.2",
        "emailAddress=ops@app.example,CN=www.app.example",
        "0.9.2342.19200300.100.1.3=ops@app.example,UID=ops@www.app.example",
        "UID=ops",
    ] {
        assert_eq!(signed(good), None, "{good}");
    }
    for bad in [
        "CN=www.app.example,CN=www.other.example",
        "CN=www.app.example+CN=secret.app.example",
        "CN=www.other.example\\ ",
        "CN=secret.app.example.",
        "CN=a *.other.example",
        "CN=*",
        "CN=*.app.example",
        "CN=www\u{ff0e}other\u{3002}example",
        "CN=b\u{fc}cher.app.example",
        "emailAddress=ops@other.example,CN=www.app.example",
        "0.9.2342.19200300.100.1.3=ops@other.example,CN=www.app.example",
        "UID=ops@other.example,CN=www.app.example",
    ] {
        assert_eq!(signed(bad), Some(AuthorityError::OutsideConstraints), "{bad}");
    }
}

/// Of these no constraint of a certificate speaks, and no verifier asks.
#[test]
fn users_and_sites_keep_the_domains_of_the_authority() {
    let mut constraints = domains(&["app.example"], &["secret.app.example"]);
    constraints.permitted.emails = vec!["mail.example".to_owned()];
    let root = root(&Template { constraints, ..authority("CN=Root") });
    let signed = |upn: Option<&str>, uri: Option<&str>| {
        let owned = |name: Option<&str>| name.map(str::to_owned).into_iter().collect();
        let names = AlternativeNames { upns: owned(upn), uris: owned(uri), ..AlternativeNames::default() };
        root.signs(&Template { subject: String::new(), names, ..server("www.app.example") }, 4).err()
    };
    for upn in ["ada@app.example", "ada@corp.app.example.", "ada@mail.example"] {
        assert_eq!(signed(Some(upn), None), None, "{upn}");
    }
    for upn in ["ada@corp.example", "administrator", "ada@secret.app.example", "ada@\u{17f}ecret.app.example"] {
        assert_eq!(signed(Some(upn), None), Some(AuthorityError::OutsideConstraints), "{upn}");
    }
    for uri in
        ["spiffe://app.example/web", "https://u@www.app.example:8443", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"]
    {
        assert_eq!(signed(None, Some(uri)), None, "{uri}");
    }
    for uri in [
        "spiffe://corp.example/web",
        "https://secret.app.example",
        "https://corp.example\\@app.example/",
        "https:corp.example",
        "sip:ada@corp.example",
        "mailto:ada@corp.example",
        "spiffe:corp.example/web",
        "https://[::1]/",
    ] {
        assert_eq!(signed(None, Some(uri)), Some(AuthorityError::OutsideConstraints), "{uri}");
    }
}

/// Whoever has a name of an authority signs lists that some take for those of that one.
#[test]
fn nobody_below_an_authority_has_its_name() {
    let root = root(&authority("CN=House Root, O=House"));
    let between = root.signs(&authority("CN=Between, O=House"), 3).unwrap();
    for taken in ["CN=House Root, O=House", "CN=house  root,O=HOUSE", "cn=between, o=House"] {
        assert_eq!(between.signs(&authority(taken), 4).err(), Some(AuthorityError::Namesake), "{taken}");
        let leaf = Template { subject: taken.to_owned(), ..server("app.example") };
        assert_eq!(between.signs(&leaf, 4).err(), Some(AuthorityError::Namesake), "{taken}");
    }
    between.signs(&authority("O=House, CN=Between"), 5).unwrap();
    between.signs(&Template { subject: String::new(), ..server("app.example") }, 6).unwrap();
}

#[test]
fn what_an_authority_here_would_not_sign_nobody_takes() {
    let root = root(&Template {
        path_length: Some(0),
        constraints: domains(&["app.example"], &["secret.app.example"]),
        ..authority("CN=Root")
    });
    // One that has forgotten what stands above it signs what it must not.
    let forgetful = |made: Made| Made { chain: vec![made.chain[0].clone()], ..made };
    let of_root = Template { path_length: None, constraints: Constraints::default(), ..authority("CN=Root") };
    let unbound = of_key(&of_root, Rc::clone(&root.key));
    let between = forgetful(unbound.signs(&authority("CN=Between"), 3).unwrap());
    let leaf = |host: &str| {
        let mut chain = between.signs(&server(host), 4).unwrap().chain;
        chain.push(root.chain[0].clone());
        chain
    };
    let deep = leaf("www.app.example");
    let told = openssl(&deep, &[], NOW).unwrap_err();
    assert!(told.contains("path length"), "{told}");
    // Of a root webpki knows names and key alone (RFC 5280, section 6.1.1), so it is asked about one below.
    let short = unbound.signs(&Template { path_length: Some(0), ..authority("CN=Short") }, 7).unwrap();
    let twin = of_key(&authority("CN=Short"), Rc::clone(&short.key));
    let below = forgetful(twin.signs(&authority("CN=Below"), 8).unwrap());
    let mut deeper = below.signs(&server("www.app.example"), 9).unwrap().chain;
    deeper.extend(short.chain);
    let told = openssl(&deeper, &[], NOW).unwrap_err();
    assert!(told.contains("path length"), "{told}");
    let told = webpki(&deeper, &[], "www.app.example", NOW).unwrap_err();
    assert!(told.contains("PathLenConstraint"), "{told}");

    for host in ["www.other.example", "a.secret.app.example"] {
        let direct = unbound.signs(&server(host), 6).unwrap();
        let chain = [direct.chain[0].clone(), root.chain[0].clone()];
        let told = openssl(&chain, &[], NOW).unwrap_err();
        assert!(told.contains("subtree violation"), "{told}");
        let told = webpki(&chain, &[], host, NOW).unwrap_err();
        assert!(told.contains("NameConstraintViolation"), "{told}");
    }
}

#[test]
fn a_revoked_certificate_is_taken_before_and_refused_after_and_a_lapsed_list_refuses_all() {
    let root = root(&authority("CN=Root"));
    let between = root.signs(&authority("CN=Between"), 3).unwrap();
    let (one, other) =
        (between.signs(&server("a.example"), 4).unwrap(), between.signs(&server("b.example"), 5).unwrap());
    let lists = |revoked: &[Revoked]| [root.list(1, NOW, &[]), between.list(7, NOW, revoked)];
    let check = |chain: &[Vec<u8>], host: &str, lists: &[Vec<u8>], now: i64| {
        (openssl(chain, lists, now), webpki(chain, lists, host, now))
    };
    assert_eq!(check(&one.chain, "a.example", &lists(&[]), NOW), (Ok(()), Ok(())));
    for reason in Reason::ALL {
        let lists = lists(&[revoked(&one.chain[0], reason)]);
        let (openssl, webpki) = check(&one.chain, "a.example", &lists, NOW);
        assert!(openssl.unwrap_err().contains("certificate revoked"), "{}", reason.as_str());
        assert!(webpki.unwrap_err().contains("Revoked"), "{}", reason.as_str());
        assert_eq!(check(&other.chain, "b.example", &lists, NOW), (Ok(()), Ok(())), "another one of it");
    }
    let of_root = [root.list(2, NOW, &[revoked(&between.chain[0], Reason::CaCompromise)]), between.list(8, NOW, &[])];
    assert!(openssl(&other.chain, &of_root, NOW).unwrap_err().contains("certificate revoked"));

    let later = NOW + 8 * 86_400;
    let (openssl, webpki) = check(&other.chain, "b.example", &lists(&[]), later);
    assert!(openssl.unwrap_err().contains("CRL has expired") && webpki.is_err());
    let again = [root.list(3, later, &[]), between.list(9, later, &[])];
    assert_eq!(check(&other.chain, "b.example", &again, later), (Ok(()), Ok(())));
}

#[test]
fn an_authority_keeps_to_its_usages_and_to_the_time_of_those_above_it() {
    let root_of =
        |usages: &[Usage]| root(&Template { usages: usages.iter().copied().collect(), ..authority("CN=Root") });
    let no_signer = root_of(&[Usage::CrlSign]).signs(&server("app.example"), 4);
    assert_eq!(no_signer.err(), Some(AuthorityError::NotAnAuthority));
    let for_servers = vec!["1.3.6.1.5.5.7.3.1".to_owned()];
    let mut web = root_of(&[Usage::KeyCertSign, Usage::CrlSign])
        .signs(&Template { extended_usages: for_servers, ..authority("CN=Web") }, 3)
        .unwrap();
    let below = web.signs(&authority("CN=Below"), 5).unwrap();
    for signs in [&web, &below] {
        signs.signs(&server("app.example"), 6).unwrap();
        for asked in [vec!["1.3.6.1.5.5.7.3.3".to_owned()], Vec::new()] {
            let refused = signs.signs(&Template { extended_usages: asked, ..server("app.example") }, 7);
            assert_eq!(refused.err(), Some(AuthorityError::OutsideUsages));
        }
    }
    let mut above = |begins: i64, ends: i64| -> Result<i64, AuthorityError> {
        let validity = Validity { not_before: begins, not_after: ends };
        web.chain[1] = self_signed(&authority("CN=Root"), &key(1), validity, &SeededEntropy::new(9)).unwrap();
        let signed = web.signs(&server("app.example"), 8)?;
        Ok(CertificateFacts::of(&signed.chain[0]).unwrap().not_after)
    };
    assert_eq!(above(NOW - 1000, NOW + 86_400), Ok(NOW + 86_400));
    assert_eq!(above(NOW - 1000, NOW - 1), Err(AuthorityError::NotValid));
}

#[test]
fn a_list_is_of_who_may_sign_lists_and_has_one_name_for_one_key() {
    let mut silent = authority("CN=Root");
    silent.usages.remove(&Usage::CrlSign);
    assert_eq!(list_id(&root(&silent).chain[0]), Err(ListError::MayNotSignLists));
    let leaf = root(&server("a.example"));
    assert_eq!(list_id(&leaf.chain[0]), Err(AuthorityError::NotAnAuthority.into()));
    let one = root(&authority("CN=Root"));
    let again = of_key(&Template { path_length: Some(3), ..authority("CN=Root") }, Rc::clone(&one.key));
    assert_eq!(list_id(&one.chain[0]), list_id(&again.chain[0]));
    assert_ne!(list_id(&one.chain[0]), list_id(&root(&authority("CN=Other")).chain[0]));
    let ended = List { number: 1, this_update: NOW + 4000 * 86_400, next_update: NOW + 4001 * 86_400, revoked: &[] };
    let made = revocation_list(&one.chain[0], (SPEC, &one.key.private), &ended);
    assert_eq!(made, Err(AuthorityError::NotValid.into()));
}

#[test]
fn a_request_has_the_key_of_its_certificate_and_a_certificate_the_address_of_its_list() {
    let root = root(&authority("CN=Root"));
    let leaf = root.signs(&server("a.example"), 4).unwrap();
    let own = CertificateFacts::of(&leaf.chain[0]).unwrap().key.unwrap();
    let asked = key_of_request(&request(&server("b.example"), &leaf.key).unwrap()).unwrap();
    assert_eq!((asked.thumbprint(), own.thumbprint().len()), (own.thumbprint(), 43));
    assert_ne!(own.thumbprint(), root.key.public.as_ref().unwrap().thumbprint());
    assert_eq!(key_of_request(b"no request"), None);
    assert_eq!(list_addresses(&leaf.chain[0]), ["https://vault.example/crl/1/ca/2.crl"]);
    assert!(list_addresses(&root.chain[0]).is_empty() && list_addresses(b"no certificate").is_empty());
}

#[test]
fn a_list_says_every_serial_number_that_can_be_revoked() {
    let root = root(&authority("CN=Root"));
    let serials = [vec![0xff; 20], vec![0x80], vec![0x0a, 0xb1]];
    let entry = |serial: &Vec<u8>| Revoked { serial: serial.clone(), at: NOW, reason: Reason::Superseded };
    let der = root.list(7, NOW, &serials.iter().map(entry).collect::<Vec<_>>());
    let (_, read) = x509_parser::parse_x509_crl(&der).unwrap();
    let number = |raw: &[u8]| raw.iter().copied().skip_while(|octet| *octet == 0).collect::<Vec<u8>>();
    let found: Vec<_> = read.iter_revoked_certificates().map(|one| number(one.raw_serial())).collect();
    assert_eq!(found, serials);
}

#[test]
fn constraints_are_for_authorities_alone() {
    let with = |template: Template| template.check();
    assert_eq!(with(Template { path_length: Some(0), ..server("a.example") }), Err(TemplateError::NoAuthority));
    let constraints = domains(&["app.example"], &[]);
    assert_eq!(
        with(Template { constraints: constraints.clone(), ..server("a.example") }),
        Err(TemplateError::NoAuthority)
    );
    assert_eq!(with(Template { constraints, path_length: Some(0), ..authority("CN=Root") }), Ok(()));
}
