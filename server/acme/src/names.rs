//! The names that a certificate is asked for, read out of its request: what an order is made of.
//!
//! An authority proves names of the DNS and IP addresses. What else a policy may ask for, it cannot be asked for here.

use std::{collections::BTreeSet, net::IpAddr};

use instant_acme::Identifier;
use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
};

use strongroom_domain::proofs::ProofKind;

use crate::trouble::AcmeError;

/// Most names of one order, as large authorities have it.
const MOST: usize = 100;
/// Longest request.
const MAX_REQUEST: usize = 64 * 1024;

/// The names of an order, each once, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identifiers(Vec<Identifier>);

impl Identifiers {
    /// The names that a request (PKCS#10, DER) is for: its alternative names, or without any its common name.
    ///
    /// # Errors
    /// [`AcmeError::Unsuitable`] when there are none, too many, or some that cannot be proven so.
    pub(crate) fn of_request(request: &[u8], proof: ProofKind) -> Result<Self, AcmeError> {
        let unreadable = || AcmeError::Unsuitable("the request cannot be read");
        if request.len() > MAX_REQUEST {
            return Err(unreadable());
        }
        let (_, request) = X509CertificationRequest::from_der(request).map_err(|_| unreadable())?;
        let (mut names, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for extension in request.requested_extensions().into_iter().flatten() {
            let ParsedExtension::SubjectAlternativeName(alternative) = extension else { continue };
            for name in &alternative.general_names {
                match name {
                    GeneralName::DNSName(name) => {
                        names.insert(name.to_ascii_lowercase());
                    }
                    GeneralName::IPAddress(bytes) => {
                        addresses.insert(address(bytes).ok_or_else(unreadable)?);
                    }
                    _ => {
                        return Err(AcmeError::Unsuitable(
                            "an authority by ACME certifies DNS names and IP addresses: take the others out of the policy",
                        ));
                    }
                }
            }
        }
        let common: Vec<&str> = request
            .certification_request_info
            .subject
            .iter_common_name()
            .filter_map(|name| name.as_str().ok())
            .collect();
        if names.is_empty() && addresses.is_empty() {
            names.extend(common.iter().filter(|name| is_dns_name(name)).map(|name| name.to_ascii_lowercase()));
        }
        let found = names.len() + addresses.len();
        if found == 0 {
            return Err(AcmeError::Unsuitable(
                "the policy asks for no DNS name and no IP address that could be proven",
            ));
        }
        if found > MOST {
            return Err(AcmeError::Unsuitable("the policy asks for more than 100 names"));
        }
        let wildcard = names.iter().any(|name| name.starts_with("*."));
        match proof {
            ProofKind::Http01 if wildcard => {
                Err(AcmeError::Unsuitable("a name with a wildcard is proven by dns-01 alone"))
            }
            ProofKind::Dns01 if !addresses.is_empty() => {
                Err(AcmeError::Unsuitable("an IP address is proven by http-01 alone"))
            }
            _ => {
                let names = names.into_iter().map(Identifier::Dns);
                Ok(Self(names.chain(addresses.into_iter().map(Identifier::Ip)).collect()))
            }
        }
    }

    pub(crate) fn as_slice(&self) -> &[Identifier] {
        &self.0
    }

    /// Of the texts of an authority, the one that is a name of this order.
    pub(crate) fn ours(&self, text: &str) -> Option<String> {
        let bare = |name: &str| name.trim_start_matches("*.").to_owned();
        self.0.iter().map(shown).find(|ours| bare(ours).eq_ignore_ascii_case(text.trim_start_matches("*.")))
    }
}

/// A name as people write it.
pub(crate) fn shown(identifier: &Identifier) -> String {
    identifier.authorized(false).to_string()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => None,
    }
}

fn is_dns_name(name: &str) -> bool {
    let rest = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    rest.len() <= 253 && rest.contains('.') && rest.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn request(common: &str, names: &[SanType]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common);
        params.subject_alt_names = names.to_vec();
        params.serialize_request(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    #[test]
    fn an_order_is_for_the_alternative_names_or_else_the_common_name() {
        let of = |common: &str, names: &[SanType], proof| {
            let found = Identifiers::of_request(&request(common, names), proof);
            found.map(|found| found.as_slice().iter().map(shown).collect::<Vec<_>>()).map_err(|error| error.to_string())
        };
        let address = SanType::IpAddress("192.0.2.7".parse().unwrap());
        let found = of(
            "x.example",
            &[dns("B.example"), dns("a.example"), dns("b.example"), address.clone()],
            ProofKind::Http01,
        );
        assert_eq!(found.unwrap(), ["a.example", "b.example", "192.0.2.7"]);
        assert_eq!(of("Only.example", &[], ProofKind::Http01).unwrap(), ["only.example"]);
        assert_eq!(of("x", &[dns("*.a.example")], ProofKind::Dns01).unwrap(), ["*.a.example"]);
        for (common, names, proof, why) in [
            ("x", vec![dns("*.a.example")], ProofKind::Http01, "dns-01 alone"),
            ("x", vec![address], ProofKind::Dns01, "http-01 alone"),
            ("Payments", Vec::new(), ProofKind::Http01, "no DNS name"),
            (
                "x",
                vec![SanType::Rfc822Name("a@b.example".try_into().unwrap())],
                ProofKind::Http01,
                "take the others out",
            ),
            ("x", (0..101).map(|n| dns(&format!("n{n}.example"))).collect(), ProofKind::Http01, "more than 100"),
        ] {
            assert!(of(common, &names, proof).unwrap_err().contains(why), "{why}");
        }
        assert!(Identifiers::of_request(b"no request", ProofKind::Http01).is_err());
    }
}
