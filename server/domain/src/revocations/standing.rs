//! Whether a version that is shown was revoked: what is remembered of an issuer elsewhere that took it back, or what the
//! list of an authority here says, which its certificate names or whose authority stands above it.
//!
//! Everybody may read these lists, so nobody is asked whether the caller may. A list that cannot be read says nothing: it
//! must never look as if the certificate were good.

use strongroom_crypto::x509::{self, CertificateFacts};

use super::{
    RevocationError, Revoking,
    objections::{MAX_ADDRESSES, addressed, is_of_signer},
    publish::{Unread, parsed},
};
use crate::{
    names::{ObjectName, VaultId, VaultName},
    objects::ObjectError,
    revocation::{RevokedCertificate, serial_from},
    secret::SecretItem,
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
    /// How a version stands that is kept in a vault: on this node at once, on others a minute later at the latest.
    pub async fn standing(&self, vault: &VaultName, item: &SecretItem) -> Standing {
        let (state, version) = (item.secret.certificate.as_ref(), &item.version);
        if let Some(known) = state.and_then(|state| state.revoked(&version.version)) {
            return Standing::Revoked(known.clone());
        }
        let chain = version.certificate.as_ref().map_or(&[][..], |certificate| &certificate.chain);
        let Some(leaf) = chain.first() else { return Standing::NotRevoked };
        let Ok(facts) = CertificateFacts::of(leaf) else { return Standing::Unknown };
        // Whoever makes an issuer chooses the address that its certificates name.
        let may_tell = |list: &str| is_of_signer(list, leaf, chain) != Some(false);
        if let Some((vault, name, list)) = self.own_list(leaf).filter(|(_, _, list)| may_tell(list)) {
            return match self.on_list((vault, &name, &list), &facts).await {
                Ok(Some(standing)) => standing,
                _ => Standing::Unknown,
            };
        }
        // This server may have had another name when it was signed, or somebody else publishes lists at such addresses.
        for address in x509::list_addresses(leaf).iter().take(MAX_ADDRESSES) {
            let Some((vault, name, list)) = addressed(address).filter(|(_, _, list)| may_tell(list)) else { continue };
            match self.on_list((vault, &name, list), &facts).await {
                Ok(Some(standing)) => return standing,
                Ok(None) => {}
                Err(_) => return Standing::Unknown,
            }
        }
        // Its list is published elsewhere, or nowhere, and kept here all the same.
        match chain.get(1) {
            Some(signer) => self.by_signer(vault, signer, &facts).await.unwrap_or(Standing::Unknown),
            None => Standing::NotRevoked,
        }
    }

    /// What the list of an authority of the same vault says that signed it; nothing of others.
    async fn by_signer(
        &self,
        vault: &VaultName,
        signer: &[u8],
        facts: &CertificateFacts,
    ) -> Result<Standing, RevocationError> {
        let (of_signer, Ok(list)) = (CertificateFacts::of(signer)?, x509::list_id(signer)) else {
            return Ok(Standing::NotRevoked);
        };
        if of_signer.subject != facts.issuer {
            return Ok(Standing::NotRevoked);
        }
        let found = self.objects.gate.vaults.vault(vault).await?.ok_or(ObjectError::VaultNotFound)?;
        let keys = self.objects.keyring.verified_vault_keys(&found).await.map_err(ObjectError::from)?;
        for (name, _) in self.issued_as(&found, &keys, &of_signer).await? {
            let said = self.on_list((found.id, &name, &list), facts).await;
            if let Some(standing) = said.map_err(|_| ObjectError::Unavailable)? {
                return Ok(standing);
            }
        }
        Ok(Standing::NotRevoked)
    }

    /// What a list says of a certificate; none where it is not there.
    async fn on_list(
        &self,
        place: (VaultId, &ObjectName, &str),
        facts: &CertificateFacts,
    ) -> Result<Option<Standing>, Unread> {
        let Some(lists) = self.lists(place, None).await? else { return Ok(None) };
        let Some(found) = lists.get(place.2) else { return Ok(None) };
        let Ok(serial) = serial_from(&facts.serial) else { return Ok(Some(Standing::Unknown)) };
        let one = found.revoked.iter().find(|one| one.serial == serial);
        Ok(Some(one.map_or(Standing::NotRevoked, |one| Standing::Revoked(one.clone()))))
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
