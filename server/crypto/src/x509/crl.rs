//! Lists of revoked certificates (RFC 5280, section 5): whole, of one authority, signed by its key.
//!
//! Revoking is final here: no certificate is put on hold, and none is taken off a list before its time is over.

use std::time::Duration;

use aws_lc_rs::digest;
use der::{
    DateTime, Decode, Encode,
    asn1::{Uint, UtcTime},
};
use serde::{Deserialize, Serialize};
use x509_cert::{
    Certificate, Version,
    crl::{CertificateList, RevokedCert, TbsCertList},
    ext::{
        ToExtension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, CrlDistributionPoints, CrlNumber, CrlReason, KeyUsage, KeyUsages,
            crl::dp::DistributionPoint,
            name::{DistributionPointName, GeneralName},
        },
    },
    serial_number::SerialNumber,
    time::Time,
};

use super::{
    authority::{AuthorityError, key_id},
    issue::{IssueError, algorithm_of, identifier, sign},
};
use crate::{
    key::{KeySpec, PrivateKey},
    secret::Plaintext,
};

/// Most octets of a serial number that can be revoked.
const MAX_SERIAL: usize = 20;

/// Why a certificate was revoked (RFC 5280, section 5.3.1). Nothing is put on hold, so nothing is released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// Nobody says.
    #[default]
    Unspecified,
    /// Others have its key, or may have it.
    KeyCompromise,
    /// Others have the key of the authority that it is, or may have it.
    #[serde(rename = "cACompromise")]
    CaCompromise,
    /// What it says of its holder is not so any more.
    AffiliationChanged,
    /// Another one is in its place.
    Superseded,
    /// It is not needed any more.
    CessationOfOperation,
    /// What its holder was allowed was taken away.
    PrivilegeWithdrawn,
    /// Others have the key of the attribute authority that it is.
    #[serde(rename = "aACompromise")]
    AaCompromise,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
        Self::AaCompromise,
    ];

    /// Its name in RFC 5280.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
        }
    }

    /// By its name, in whatever letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str().eq_ignore_ascii_case(text))
    }

    /// Whether it says that others have, or may have, the key.
    #[must_use]
    pub fn is_compromise(self) -> bool {
        matches!(self, Self::KeyCompromise | Self::CaCompromise | Self::AaCompromise)
    }

    /// Its code; none of what should not be said (RFC 5280).
    fn code(self) -> Option<CrlReason> {
        Some(match self {
            Self::Unspecified => return None,
            Self::KeyCompromise => CrlReason::KeyCompromise,
            Self::CaCompromise => CrlReason::CaCompromise,
            Self::AffiliationChanged => CrlReason::AffiliationChanged,
            Self::Superseded => CrlReason::Superseded,
            Self::CessationOfOperation => CrlReason::CessationOfOperation,
            Self::PrivilegeWithdrawn => CrlReason::PrivilegeWithdrawn,
            Self::AaCompromise => CrlReason::AaCompromise,
        })
    }
}

/// One certificate on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Serial number, without zeros in front.
    pub serial: Vec<u8>,
    /// When it was revoked, Unix seconds.
    pub at: i64,
    /// Why.
    pub reason: Reason,
}

/// What a list says.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// Its number, greater than that of the list before.
    pub number: u64,
    /// When it was made, Unix seconds.
    pub this_update: i64,
    /// When the next one is there at the latest, Unix seconds.
    pub next_update: i64,
    /// What was revoked.
    pub revoked: &'a [Revoked],
}

/// Why there is no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// Nobody would take it from this one.
    #[error("the key usages of the authority's certificate do not have cRLSign, so nobody takes a list of it")]
    MayNotSignLists,
    /// For a reason that keeps it from signing certificates too.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

impl From<der::Error> for ListError {
    fn from(error: der::Error) -> Self {
        AuthorityError::from(error).into()
    }
}

impl From<IssueError> for ListError {
    fn from(error: IssueError) -> Self {
        AuthorityError::from(error).into()
    }
}

/// Names the list of an authority: the same for every certificate with its name and key, another for another key,
/// because whoever checks a certificate takes a list by the key that signed it alone. 32 hexadecimal digits.
///
/// # Errors
/// [`ListError`] when it is no authority, or must not sign lists.
pub fn list_id(authority: &[u8]) -> Result<String, ListError> {
    let authority = Certificate::from_der(authority)?;
    may_sign_lists(&authority)?;
    let own = authority.tbs_certificate();
    let named = [own.subject().to_der()?, own.subject_public_key_info().to_der()?].concat();
    let digest = digest::digest(&digest::SHA256, &named);
    Ok(data_encoding::HEXLOWER.encode(digest.as_ref().get(..16).unwrap_or_default()))
}

/// Where a certificate says that the list is found on which it stands once it was revoked; nothing of what cannot be read.
#[must_use]
pub fn list_addresses(certificate: &[u8]) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(certificate) else { return Vec::new() };
    let points = certificate.tbs_certificate().get_extension::<CrlDistributionPoints>();
    let Ok(Some((_, CrlDistributionPoints(points)))) = points else { return Vec::new() };
    let names = |point: DistributionPoint| match point.distribution_point {
        Some(DistributionPointName::FullName(names)) => names,
        Some(DistributionPointName::NameRelativeToCRLIssuer(_)) | None => Vec::new(),
    };
    let address = |name| match name {
        GeneralName::UniformResourceIdentifier(address) => Some(address.as_str().to_owned()),
        _ => None,
    };
    points.into_iter().flat_map(names).filter_map(address).collect()
}

/// A list (version 2) in DER, signed by the authority whose key this is.
///
/// # Errors
/// [`ListError`].
pub fn revocation_list(
    authority: &[u8],
    (spec, private): (KeySpec, &Plaintext),
    list: &List<'_>,
) -> Result<Vec<u8>, ListError> {
    let authority = Certificate::from_der(authority)?;
    may_sign_lists(&authority)?;
    let own = authority.tbs_certificate();
    let ends = i64::try_from(own.validity().not_after.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    if list.this_update > ends {
        return Err(AuthorityError::NotValid.into());
    }
    let algorithm = algorithm_of(spec).ok_or(IssueError)?;
    let key = PrivateKey::open(spec, private).map_err(|_| IssueError)?;
    let issuer = own.subject().clone();
    let above = AuthorityKeyIdentifier {
        key_identifier: Some(key_id(&authority)?),
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    let number = CrlNumber(Uint::new(&list.number.to_be_bytes())?);
    let extensions = vec![(&above).to_extension(&issuer, &[])?, (&number).to_extension(&issuer, &[])?];
    let mut revoked = Vec::with_capacity(list.revoked.len());
    for one in list.revoked {
        let entry = one.reason.code().map(|code| (&code).to_extension(&issuer, &[])).transpose()?;
        revoked.push(RevokedCert {
            serial_number: serial(&one.serial)?,
            revocation_date: time(one.at)?,
            crl_entry_extensions: entry.map(|entry| vec![entry]),
        });
    }
    let tbs_cert_list = TbsCertList {
        version: Version::V2,
        signature: identifier(algorithm),
        issuer,
        this_update: time(list.this_update)?,
        next_update: Some(time(list.next_update)?),
        // One without any has no sequence for them (RFC 5280, section 5.1.2.6).
        revoked_certificates: (!revoked.is_empty()).then_some(revoked),
        crl_extensions: Some(extensions),
    };
    let signature = sign(&key, algorithm, &tbs_cert_list.to_der()?)?;
    Ok(CertificateList { tbs_cert_list, signature_algorithm: identifier(algorithm), signature }.to_der()?)
}

fn may_sign_lists(authority: &Certificate) -> Result<(), ListError> {
    let own = authority.tbs_certificate();
    if !own.get_extension::<BasicConstraints>()?.is_some_and(|(_, constraints)| constraints.ca) {
        return Err(AuthorityError::NotAnAuthority.into());
    }
    let usages = own.get_extension::<KeyUsage>()?;
    if usages.is_some_and(|(_, KeyUsage(usages))| !usages.contains(KeyUsages::CRLSign)) {
        return Err(ListError::MayNotSignLists);
    }
    Ok(())
}

fn serial(octets: &[u8]) -> Result<SerialNumber, ListError> {
    if octets.is_empty() || octets.len() > MAX_SERIAL {
        return Err(IssueError.into());
    }
    // Read and not made: one of 20 octets whose first bit is set is longer as it is encoded, and no list is to stay unsigned
    // for the sake of one that somebody else gave, or nobody.
    Ok(SerialNumber::from_der(&Uint::new(octets)?.to_der()?)?)
}

fn time(seconds: i64) -> Result<Time, ListError> {
    let seconds = u64::try_from(seconds).map_err(|_| IssueError)?;
    let at = DateTime::from_unix_duration(Duration::from_secs(seconds))?;
    // By RFC 5280, section 5.1.2.4.
    Ok(if at.year() <= UtcTime::MAX_YEAR { Time::from(UtcTime::from_date_time(at)?) } else { Time::from(at) })
}
