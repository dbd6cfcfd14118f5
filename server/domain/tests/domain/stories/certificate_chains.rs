//! Chains of certificates that others made: in one order, or not taken in at all.

use std::collections::BTreeSet;

use strongroom_crypto::{
    SystemEntropy,
    key::{Curve, KeySpec, NewKey, generate},
    x509::{ImportError, Template, Usage, Validity, Wanted, issue, request, self_signed},
};
use strongroom_domain::{certificate::CertificatePolicy, certificates::CertificateError, test_support::world::name};

use super::certificates::{by, signed_elsewhere};
use crate::common::Demo;

const EC: KeySpec = KeySpec::Ec { crv: Curve::P256 };

/// An authority outside, with a root of its own.
pub(super) struct Authority {
    template: Template,
    key: NewKey,
    pub(super) root: Vec<u8>,
    now: i64,
}

impl Authority {
    pub(super) fn new(demo: &Demo, name: &str) -> Self {
        let template = Template {
            subject: format!("CN={name}"),
            extended_usages: Vec::new(),
            usages: BTreeSet::from([Usage::KeyCertSign]),
            ca: true,
            ..CertificatePolicy::default().template
        };
        let (key, now) = (generate(EC, &SystemEntropy).ok().unwrap(), demo.request().seconds());
        let root = self_signed(&template, &key, Validity::months(now, 12).unwrap(), &SystemEntropy).unwrap();
        Self { template, key, root, now }
    }

    fn signs(&self, template: &Template, key: &NewKey) -> Vec<u8> {
        let wanted = Wanted {
            request: &request(template, key).unwrap(),
            template,
            validity: Validity::months(self.now, 1).unwrap(),
            crl_url: None,
            now: self.now,
        };
        issue(std::slice::from_ref(&self.root), (EC, &self.key.private), &wanted, &SystemEntropy).unwrap()
    }

    /// A certificate of somebody's key.
    pub(super) fn certifies(&self, key: &NewKey) -> Vec<u8> {
        let subject = "CN=elsewhere".to_owned();
        self.signs(&Template { subject, ..CertificatePolicy::default().template }, key)
    }

    fn certifies_authority(&self, other: &Self) -> Vec<u8> {
        self.signs(&other.template, &other.key)
    }
}

#[tokio::test]
async fn what_is_merged_is_put_in_order_and_nothing_is_stored_of_what_does_not_belong_together() {
    let demo = Demo::start();
    let waiting = demo.issue("app", &by("Unknown")).await.unwrap();
    let own = demo.own_key(&waiting);
    let [below, above] = ["Below", "Above"].map(|name| Authority::new(&demo, name));
    let leaf = below.certifies(&own);
    let (crossed, back) = (above.certifies_authority(&below), below.certifies_authority(&above));
    let stranger = signed_elsewhere(&demo, &generate(EC, &SystemEntropy).ok().unwrap(), 1, 0);
    let namesake = Authority::new(&demo, "Below").root;
    let merge = async |chain: &[&Vec<u8>]| {
        let chain: Vec<Vec<u8>> = chain.iter().copied().cloned().collect();
        let (ctx, app) = (demo.request(), name("app").unwrap());
        let merged = demo.world.certificates.merge(&ctx, &demo.vault, &app, &chain, None, None).await;
        merged.map(|(item, _)| item.version.certificate.unwrap().chain)
    };
    for (what, chain, expected) in [
        ("a circle", &[&leaf, &crossed, &back][..], ImportError::Circle),
        ("a stranger", &[&leaf, &below.root, &stranger][..], ImportError::Unrelated(3)),
        ("another authority of the name", &[&namesake, &leaf][..], ImportError::Unrelated(1)),
    ] {
        let refused = merge(chain).await;
        assert!(matches!(&refused, Err(CertificateError::Import(why)) if *why == expected), "{what}: {refused:?}");
        let stored = demo.certificate("app").await.unwrap();
        assert!(stored.version.certificate.unwrap().chain.is_empty(), "{what}: nothing was stored");
    }
    let merged = merge(&[&above.root, &crossed, &leaf, &leaf, &crossed]).await.unwrap();
    assert_eq!(merged, [leaf, crossed, above.root], "from the leaf to the root, each once");
}
