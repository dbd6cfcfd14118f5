//! The names that an authority may certify (RFC 5280, section 4.2.1.10), as its maker says them.
//!
//! Whoever checks a chain enforces them; the authorities that are kept here enforce them before they sign as well.

use std::net::IpAddr;

use der::{
    Decode as _,
    asn1::{Ia5String, OctetString},
};
use serde::{Deserialize, Serialize};
use x509_cert::{
    ext::{
        Extension, ToExtension,
        pkix::{
            NameConstraints,
            constraints::name::{GeneralSubtree, GeneralSubtrees},
            name::GeneralName,
        },
    },
    name::Name,
};

use super::template::{TemplateError, is_dns_name};

/// Most names of an authority's constraints.
const MAX_CONSTRAINTS: usize = 100;

/// Domains, domains of mail addresses, and networks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtrees {
    /// A domain stands for itself and all below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<String>,
    /// A host stands for its own addresses, a domain with a dot in front for those of hosts below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
    /// Networks, as `10.0.0.0/8`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
}

/// What an authority, and all below it, may certify.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraints {
    /// Of a kind that is named here, these names alone.
    #[serde(default, skip_serializing_if = "Subtrees::is_empty")]
    pub permitted: Subtrees,
    /// These never.
    #[serde(default, skip_serializing_if = "Subtrees::is_empty")]
    pub excluded: Subtrees,
}

impl Subtrees {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.dns.len() + self.emails.len() + self.networks.len()
    }

    fn check(&self) -> Result<(), TemplateError> {
        let domain = |name: &String| {
            let plain = name.strip_prefix('.').unwrap_or(name);
            is_dns_name(plain) && !plain.starts_with('*')
        };
        let fit =
            self.dns.iter().chain(&self.emails).all(domain) && self.networks.iter().all(|net| network(net).is_some());
        if fit { Ok(()) } else { Err(TemplateError::Constraint) }
    }

    fn general(&self) -> Result<Option<GeneralSubtrees>, der::Error> {
        let mut bases = Vec::with_capacity(self.len());
        for name in &self.dns {
            bases.push(GeneralName::DnsName(Ia5String::new(name)?));
        }
        for name in &self.emails {
            bases.push(GeneralName::Rfc822Name(Ia5String::new(name)?));
        }
        for net in &self.networks {
            let octets = network(net).ok_or_else(|| der::Error::from(der::ErrorKind::Failed))?;
            bases.push(GeneralName::IpAddress(OctetString::new(octets)?));
        }
        let subtrees = bases.into_iter().map(|base| GeneralSubtree { base, minimum: 0, maximum: None });
        Ok((!self.is_empty()).then(|| subtrees.collect()))
    }

    /// What stands in a certificate, as far as it can be said here.
    fn read(subtrees: Option<GeneralSubtrees>) -> Option<Self> {
        let mut found = Self::default();
        for subtree in subtrees.unwrap_or_default() {
            match subtree.base {
                GeneralName::DnsName(name) => found.dns.push(name.as_str().to_owned()),
                GeneralName::Rfc822Name(name) => found.emails.push(name.as_str().to_owned()),
                GeneralName::IpAddress(octets) => found.networks.push(as_text(octets.as_bytes())?),
                _ => return None,
            }
        }
        Some(found)
    }
}

impl Constraints {
    /// Whether everything may be certified.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.permitted.is_empty() && self.excluded.is_empty()
    }

    pub(super) fn check(&self) -> Result<(), TemplateError> {
        if self.permitted.len() + self.excluded.len() > MAX_CONSTRAINTS {
            return Err(TemplateError::Constraint);
        }
        self.permitted.check()?;
        self.excluded.check()
    }

    /// Critical, as RFC 5280 demands: who does not understand it takes nothing.
    pub(super) fn extension(&self, subject: &Name) -> Result<Extension, der::Error> {
        let permitted_subtrees = self.permitted.general()?;
        let excluded_subtrees = self.excluded.general()?;
        (&NameConstraints { permitted_subtrees, excluded_subtrees }).to_extension(subject, &[])
    }

    /// Those of an extension; none when it says what cannot be said here.
    pub(super) fn of(extension: &[u8]) -> Option<Self> {
        let said = NameConstraints::from_der(extension).ok()?;
        let found = Self {
            permitted: Subtrees::read(said.permitted_subtrees)?,
            excluded: Subtrees::read(said.excluded_subtrees)?,
        };
        found.check().is_ok().then_some(found)
    }
}

/// Address and mask of a network as a certificate has them; none when bits stand behind its prefix.
fn network(text: &str) -> Option<Vec<u8>> {
    let (address, prefix) = text.split_once('/')?;
    let octets = match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let digits = prefix.bytes().all(|byte| byte.is_ascii_digit()) && (prefix == "0" || !prefix.starts_with('0'));
    let bits = prefix.parse::<usize>().ok().filter(|bits| digits && *bits <= octets.len() * 8)?;
    let mask: Vec<u8> = (0..octets.len())
        .map(|place| u8::try_from(0xff00_u32 >> bits.saturating_sub(place * 8).min(8) & 0xff).unwrap_or_default())
        .collect();
    let within = octets.iter().zip(&mask).all(|(octet, mask)| octet & !mask == 0);
    within.then(|| [octets, mask].concat())
}

fn as_text(octets: &[u8]) -> Option<String> {
    let (address, mask) = octets.split_at_checked(octets.len() / 2)?;
    let bits: u32 = mask.iter().map(|octet| octet.leading_ones()).sum();
    let address = <[u8; 4]>::try_from(address)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(address).map(IpAddr::from))
        .ok()?;
    let text = format!("{address}/{bits}");
    // A mask with holes has no such text.
    (network(&text)? == octets).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_one_form() {
        assert_eq!(network("10.0.0.0/8").unwrap(), [10, 0, 0, 0, 255, 0, 0, 0]);
        assert_eq!(network("10.32.0.0/11").unwrap(), [10, 32, 0, 0, 255, 224, 0, 0]);
        assert_eq!(network("0.0.0.0/0").unwrap(), [0; 8]);
        assert_eq!(network("2001:db8::/32").unwrap().len(), 32);
        for bad in ["10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/+8", "app.example/8", ""] {
            assert_eq!(network(bad), None, "{bad}");
        }
        for text in ["10.32.0.0/11", "192.0.2.7/32", "2001:db8::/32", "0.0.0.0/0"] {
            assert_eq!(as_text(&network(text).unwrap()).as_deref(), Some(text));
        }
        assert_eq!(as_text(&[10, 0, 0, 0, 255, 0, 255, 0]), None, "a mask with a hole");
    }

    #[test]
    fn what_no_constraint_can_say_is_refused() {
        let dns = |name: &str| {
            let permitted = Subtrees { dns: vec![name.to_owned()], ..Subtrees::default() };
            Constraints { permitted, ..Constraints::default() }.check()
        };
        assert_eq!((dns("app.example"), dns(".app.example")), (Ok(()), Ok(())));
        for bad in ["", "*.app.example", "a b", ".."] {
            assert_eq!(dns(bad), Err(TemplateError::Constraint), "{bad}");
        }
    }
}
