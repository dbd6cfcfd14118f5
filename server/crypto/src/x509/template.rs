//! What a certificate shall say, besides whose key it is and how long it is valid.

use std::{collections::BTreeSet, net::IpAddr};

use der::{
    Any, Encode, Tag,
    asn1::{Ia5String, ObjectIdentifier, OctetString},
    flagset::FlagSet,
};
use serde::{Deserialize, Serialize};
use x509_cert::{
    ext::{
        Extension, ToExtension,
        pkix::{
            BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
            name::{GeneralName, OtherName},
        },
    },
    name::Name,
};

use super::{
    constraints::Constraints,
    subject::{Subject, SubjectError},
};

/// Most alternative names of a certificate.
pub const MAX_NAMES: usize = 100;
/// Most extended usages of a certificate.
const MAX_EXTENDED: usize = 32;
/// Longest of any alternative name in bytes.
const MAX_NAME: usize = 1024;
/// The user principal name of a smart card logon (Microsoft): an `otherName` of this type.
const UPN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

/// Why a certificate cannot say that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The subject is not one.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// Neither a subject nor an alternative name.
    #[error("a certificate needs a subject or at least one subject alternative name")]
    Nameless,
    /// Too many of something.
    #[error("there are more than 100 subject alternative names or 32 extended key usages")]
    TooMany,
    /// Not a DNS name.
    #[error(
        "a DNS name is not letters, digits and hyphens between dots; a star may stand for its first label alone, and \
         names in other scripts are given in their xn-- form"
    )]
    Dns,
    /// Not a mail address.
    #[error("an email name is not an ASCII address with one @")]
    Email,
    /// Not a user principal name.
    #[error("a user principal name is empty, too long or holds control characters")]
    Upn,
    /// Not a URI.
    #[error("a URI name is not an absolute URI in ASCII")]
    Uri,
    /// Not an object identifier.
    #[error("an extended key usage is not an object identifier such as 1.3.6.1.5.5.7.3.1")]
    ExtendedUsage,
    /// Constraints of an authority in a certificate that is none.
    #[error("a path length and name constraints are for certificates of authorities (ca) alone")]
    NoAuthority,
    /// Usages of an authority in a certificate that is none (RFC 5280, 4.2.1.9).
    #[error("the key usages keyCertSign and cRLSign are for certificates of authorities (ca) alone")]
    SignsWithoutAuthority,
    /// An authority that could sign nothing.
    #[error("an authority (ca) has the key usage keyCertSign; it has that and cRLSign where no key usages are named")]
    MayNotSign,
    /// A name constraint that is none.
    #[error(
        "a name constraint is not a domain (app.example), the domain of mail addresses or a network (10.0.0.0/8) without \
         bits behind its prefix, or there are more than 100"
    )]
    Constraint,
}

/// Subject alternative names (RFC 5280, section 4.2.1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlternativeNames {
    /// DNS names, with a wildcard or without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<String>,
    /// Mail addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
    /// User principal names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upns: Vec<String>,
    /// URIs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uris: Vec<String>,
    /// IP addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
}

impl AlternativeNames {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dns.len() + self.emails.len() + self.upns.len() + self.uris.len() + self.addresses.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each as `kind:name`, for example `dns:app.example`.
    #[must_use]
    pub fn labelled(&self) -> Vec<String> {
        let texts = [("dns", &self.dns), ("email", &self.emails), ("upn", &self.upns), ("uri", &self.uris)];
        let texts = texts.into_iter().flat_map(|(kind, names)| names.iter().map(move |name| format!("{kind}:{name}")));
        texts.chain(self.addresses.iter().map(|address| format!("ip:{address}"))).collect()
    }

    fn check(&self) -> Result<(), TemplateError> {
        if self.len() > MAX_NAMES {
            return Err(TemplateError::TooMany);
        }
        let all = |names: &[String], fits: fn(&str) -> bool| names.iter().all(|name| fits(name));
        if !all(&self.dns, is_dns_name) {
            return Err(TemplateError::Dns);
        }
        if !all(&self.emails, is_email) {
            return Err(TemplateError::Email);
        }
        if !all(&self.upns, |upn| (1..=MAX_NAME).contains(&upn.len()) && !upn.chars().any(char::is_control)) {
            return Err(TemplateError::Upn);
        }
        if !all(&self.uris, is_uri) {
            return Err(TemplateError::Uri);
        }
        Ok(())
    }

    fn general(&self) -> Result<Vec<GeneralName>, der::Error> {
        let mut names = Vec::with_capacity(self.len());
        for name in &self.dns {
            names.push(GeneralName::DnsName(Ia5String::new(name)?));
        }
        for name in &self.emails {
            names.push(GeneralName::Rfc822Name(Ia5String::new(name)?));
        }
        for name in &self.upns {
            let value = Any::new(Tag::Utf8String, name.as_bytes())?;
            names.push(GeneralName::OtherName(OtherName { type_id: UPN, value }));
        }
        for name in &self.uris {
            names.push(GeneralName::UniformResourceIdentifier(Ia5String::new(name)?));
        }
        for address in &self.addresses {
            let bytes = match address {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            names.push(GeneralName::IpAddress(OctetString::new(bytes)?));
        }
        Ok(names)
    }
}

pub(super) fn is_dns_name(name: &str) -> bool {
    let rest = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    name.len() <= 253 && rest.split('.').all(label)
}

fn is_email(address: &str) -> bool {
    let graphic = address.bytes().all(|byte| byte.is_ascii_graphic());
    let parts = address.split_once('@').filter(|(local, host)| !local.is_empty() && !host.contains('@'));
    graphic && address.len() <= 254 && parts.is_some_and(|(_, host)| is_dns_name(host) && !host.starts_with('*'))
}

fn is_uri(uri: &str) -> bool {
    let scheme = uri.split_once(':').filter(|(_, rest)| !rest.is_empty()).map(|(scheme, _)| scheme);
    let fits = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    uri.len() <= MAX_NAME && uri.bytes().all(|byte| byte.is_ascii_graphic()) && scheme.is_some_and(fits)
}

/// What the key of a certificate may be used for (RFC 5280, section 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Usage {
    /// Sign data, authenticate.
    DigitalSignature,
    /// Sign what cannot be denied later.
    NonRepudiation,
    /// Encrypt keys.
    KeyEncipherment,
    /// Encrypt data.
    DataEncipherment,
    /// Agree on keys.
    KeyAgreement,
    /// Sign certificates.
    KeyCertSign,
    /// Sign revocation lists.
    #[serde(rename = "cRLSign")]
    CrlSign,
    /// With key agreement: encipher only.
    EncipherOnly,
    /// With key agreement: decipher only.
    DecipherOnly,
}

impl Usage {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::DigitalSignature,
        Self::NonRepudiation,
        Self::KeyEncipherment,
        Self::DataEncipherment,
        Self::KeyAgreement,
        Self::KeyCertSign,
        Self::CrlSign,
        Self::EncipherOnly,
        Self::DecipherOnly,
    ];

    /// Its name on the wire, which is RFC 5280's.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DigitalSignature => "digitalSignature",
            Self::NonRepudiation => "nonRepudiation",
            Self::KeyEncipherment => "keyEncipherment",
            Self::DataEncipherment => "dataEncipherment",
            Self::KeyAgreement => "keyAgreement",
            Self::KeyCertSign => "keyCertSign",
            Self::CrlSign => "cRLSign",
            Self::EncipherOnly => "encipherOnly",
            Self::DecipherOnly => "decipherOnly",
        }
    }

    /// By its name, exactly as written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|usage| usage.as_str() == text)
    }

    fn flag(self) -> KeyUsages {
        match self {
            Self::DigitalSignature => KeyUsages::DigitalSignature,
            Self::NonRepudiation => KeyUsages::NonRepudiation,
            Self::KeyEncipherment => KeyUsages::KeyEncipherment,
            Self::DataEncipherment => KeyUsages::DataEncipherment,
            Self::KeyAgreement => KeyUsages::KeyAgreement,
            Self::KeyCertSign => KeyUsages::KeyCertSign,
            Self::CrlSign => KeyUsages::CRLSign,
            Self::EncipherOnly => KeyUsages::EncipherOnly,
            Self::DecipherOnly => KeyUsages::DecipherOnly,
        }
    }
}

/// What a certificate shall say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Distinguished name, as its author wrote it; may be empty when there are alternative names.
    pub subject: String,
    /// Alternative names.
    #[serde(default)]
    pub names: AlternativeNames,
    /// Extended usages, as object identifiers.
    #[serde(default)]
    pub extended_usages: Vec<String>,
    /// Usages of the key.
    #[serde(default)]
    pub usages: BTreeSet<Usage>,
    /// Whether it may sign other certificates.
    #[serde(default)]
    pub ca: bool,
    /// Of an authority: how many more may stand between it and the end of a chain; none for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_length: Option<u8>,
    /// Of an authority: the names that it and those below it may certify.
    #[serde(default, skip_serializing_if = "Constraints::is_empty")]
    pub constraints: Constraints,
}

impl Template {
    /// Checks that a certificate can say this.
    ///
    /// # Errors
    /// The first [`TemplateError`] that applies.
    pub fn check(&self) -> Result<(), TemplateError> {
        let subject = Subject::parse(&self.subject)?;
        if self.extended_usages.len() > MAX_EXTENDED {
            return Err(TemplateError::TooMany);
        }
        if subject.is_empty() && self.names.is_empty() {
            return Err(TemplateError::Nameless);
        }
        // In the one way that the certificate will say it: whoever judges what is asked for compares texts.
        let canonical = |oid: &String| ObjectIdentifier::new(oid).is_ok_and(|said| said.to_string() == *oid);
        if !self.extended_usages.iter().all(|oid| oid.len() <= 128 && canonical(oid)) {
            return Err(TemplateError::ExtendedUsage);
        }
        if !self.ca && (self.path_length.is_some() || !self.constraints.is_empty()) {
            return Err(TemplateError::NoAuthority);
        }
        self.constraints.check()?;
        self.names.check()
    }

    /// Whether what is to be made signs others if it is an authority, and only then. Certificates that others made may say
    /// what they like of that.
    ///
    /// # Errors
    /// [`TemplateError::SignsWithoutAuthority`] or [`TemplateError::MayNotSign`].
    pub fn check_signing(&self) -> Result<(), TemplateError> {
        let has = |usage| self.usages.contains(&usage);
        match self.ca {
            true if !has(Usage::KeyCertSign) => Err(TemplateError::MayNotSign),
            false if has(Usage::KeyCertSign) || has(Usage::CrlSign) => Err(TemplateError::SignsWithoutAuthority),
            _ => Ok(()),
        }
    }

    /// The same with the hosts that its subject alone names among the alternative names, where clients look for them (RFC
    /// 9525) and authorities for everybody want them; as it is where there are alternative names, and of an authority.
    #[must_use]
    pub fn with_hosts_of_subject(&self) -> Self {
        let mut said = self.clone();
        if !self.ca
            && self.names.is_empty()
            && let Ok(subject) = Subject::parse(&self.subject)
        {
            for host in subject.common_names().filter(|name| name.contains('.') && is_dns_name(name)) {
                let host = host.to_ascii_lowercase();
                if !said.names.dns.contains(&host) {
                    said.names.dns.push(host);
                }
            }
        }
        said
    }

    pub(super) fn name(&self) -> Result<Name, der::Error> {
        let unchecked = |_| der::Error::from(der::ErrorKind::Failed);
        Subject::parse(&self.subject).map_err(unchecked)?.to_name()
    }

    /// The extensions that say it, in a certificate or in a request for one.
    pub(super) fn extensions(&self, subject: &Name) -> Result<Vec<Extension>, der::Error> {
        let mut extensions = Vec::new();
        let mut add = |extension: Extension| extensions.push(extension);
        // At the end of a chain, whatever of it is trusted, unless it says otherwise.
        let constraints = BasicConstraints { ca: self.ca, path_len_constraint: self.path_length };
        let value = OctetString::new(constraints.to_der()?)?;
        add(Extension {
            extn_id: <BasicConstraints as der::oid::AssociatedOid>::OID,
            critical: true,
            extn_value: value,
        });
        if !self.usages.is_empty() {
            let flags = self.usages.iter().fold(FlagSet::default(), |flags, usage| flags | usage.flag());
            add((&KeyUsage(flags)).to_extension(subject, &[])?);
        }
        if !self.extended_usages.is_empty() {
            let purposes = self.extended_usages.iter().map(|oid| ObjectIdentifier::new(oid));
            let purposes = purposes.collect::<Result<Vec<_>, _>>()?;
            add((&ExtendedKeyUsage(purposes)).to_extension(subject, &[])?);
        }
        if !self.names.is_empty() {
            add((&SubjectAltName(self.names.general()?)).to_extension(subject, &[])?);
        }
        if !self.constraints.is_empty() {
            add(self.constraints.extension(subject)?);
        }
        Ok(extensions)
    }
}
