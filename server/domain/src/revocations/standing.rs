//! Whether a version that is shown was revoked: what the list says that its certificate names, if that is one of here.
//!
//! Everybody may read these lists, so nobody is asked whether the caller may. A list that cannot be read says nothing: it
//! must never look as if the certificate were good.

use strongroom_crypto::x509::{self, CertificateFacts};

use super::{Revoking, publish::parsed};
use crate::{
    names::{ObjectName, VaultId},
    revocation::{RevokedCertificate, serial_from},
    secret::VersionMeta,
};

/// What is known here of whether a certificate was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody here says that it was. Whoever signed it elsewhere may.
    NotRevoked,
    /// When and why it was.
    Revoked(RevokedCertificate),
    /// It names a list of here that is not there, or cannot be read now.
    Unknown,
}

impl Standing {
    /// When and why it was revoked, if it was.
    #[must_use]
    pub fn revoked(&self) -> Option<&RevokedCertificate> {
        match self {
            Self::Revoked(one) => Some(one),
            Self::NotRevoked | Self::Unknown => None,
        }
    }
}

impl Revoking {
    /// How a version stands: on this node at once, on others a minute later at the latest.
    pub async fn standing(&self, version: &VersionMeta) -> Standing {
        let leaf = version.certificate.as_ref().and_then(|certificate| certificate.leaf());
        let Some((leaf, (vault, name, list))) = leaf.and_then(|leaf| Some((leaf, self.own_list(leaf)?))) else {
            return Standing::NotRevoked;
        };
        let serial = CertificateFacts::of(leaf).ok().and_then(|facts| serial_from(&facts.serial).ok());
        let lists = self.lists((vault, &name, &list), None).await.ok().flatten();
        let found = lists.as_ref().and_then(|lists| lists.get(&list));
        match (found, serial) {
            (Some(found), Some(serial)) => {
                let one = found.revoked.iter().find(|one| one.serial == serial);
                one.map_or(Standing::NotRevoked, |one| Standing::Revoked(one.clone()))
            }
            _ => Standing::Unknown,
        }
    }

    /// The list that a certificate names, if it is one of here.
    fn own_list(&self, certificate: &[u8]) -> Option<(VaultId, ObjectName, String)> {
        let base = self.base.as_ref()?;
        x509::list_addresses(certificate).into_iter().find_map(|address| {
            let mut parts = address.strip_prefix(base.as_str())?.strip_prefix("/crl/")?.splitn(3, '/');
            let (vault, name, list) = parsed(parts.next()?, parts.next()?, parts.next()?)?;
            Some((vault, name, list.to_owned()))
        })
    }
}
