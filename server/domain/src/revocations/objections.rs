//! What the authority here that signed a certificate says against it, asked before something is signed by it or for its key.
//!
//! Which authority that is stands in the certificate: the address of the list, which whoever signed it put there. Whoever
//! makes an issuer chooses that address, so a list that is not of the key that signed says nothing for a certificate. Where
//! none is named that is kept here, it is looked for in the vault at hand by who signed it. Nothing is said against what
//! was signed elsewhere, because nobody here knows.
//!
//! Read as the installation itself, and told to nobody. What was read is kept for the row exactly as it stood, and is read
//! again for every other one: nothing is ever told of a row of before.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use strongroom_crypto::{
    key::PublicKey,
    x509::{self, CertificateFacts},
};

use super::{RevocationError, Revoking, publish::parsed};
use crate::{
    action::Action,
    gate::Ask,
    keyring::VaultKeys,
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    objects::{ObjectError, active},
    revocation::{Objections, Revocations},
    secret::{LifeState, SecretItem, VersionMeta},
    vault::Vault,
};

/// Most authorities of which it is kept what they have revoked.
const MAX_KEPT: usize = 64;
/// Most addresses of lists in a certificate that are looked at.
pub(super) const MAX_ADDRESSES: usize = 8;
/// Most versions that are looked at of one issuer and serial number: all of them say the same.
const MOST: usize = 16;

/// What names a row exactly as it stands: the tags of name and version.
type Marks = (Vec<u8>, Vec<u8>);

fn marks(item: &SecretItem) -> Marks {
    (item.secret.tag.clone(), item.version.tag.clone())
}

type Kept = HashMap<(VaultId, String), (Marks, Arc<Revocations>)>;

/// What was read of authorities, each with the row of which it was.
#[derive(Default)]
pub(super) struct Known(Mutex<Kept>);

impl Known {
    fn find(&self, place: &(VaultId, String), marks: &Marks) -> Option<Arc<Revocations>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(place).filter(|(of, _)| of == marks).map(|(_, known)| Arc::clone(known))
    }

    fn keep(&self, place: (VaultId, String), marks: Marks, known: &Arc<Revocations>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(place, (marks, Arc::clone(known)));
    }
}

impl Revoking {
    /// What is said against the certificate of a version: the first of `chain`, among which are those above it, and which is
    /// kept in the vault under this name.
    ///
    /// # Errors
    /// [`RevocationError`], when it cannot be found out.
    pub(crate) async fn objections(
        &self,
        (vault, name): (&VaultName, &ObjectName),
        chain: &[Vec<u8>],
    ) -> Result<Objections, RevocationError> {
        match chain.first() {
            Some(certificate) => self.of(vault, Some(name), certificate, chain).await,
            None => Ok(Objections::default()),
        }
    }

    /// What is said against an authority that is kept in the vault under this name, or against one above it, because no
    /// verifier takes what is signed below one that was revoked.
    ///
    /// # Errors
    /// [`RevocationError`], when it cannot be found out.
    pub async fn objections_to_authority(
        &self,
        (vault, name): (&VaultName, &ObjectName),
        chain: &[Vec<u8>],
    ) -> Result<Objections, RevocationError> {
        for (place, certificate) in chain.iter().enumerate() {
            let told = self.of(vault, Some(name).filter(|_| place == 0), certificate, chain).await?;
            if told.are_some() {
                return Ok(told);
            }
        }
        Ok(Objections::default())
    }

    /// Whether an authority was told that others have a key: of any certificate with it, or of the one that is `replaced`
    /// and has it.
    ///
    /// # Errors
    /// [`RevocationError`], when it cannot be found out.
    pub(crate) async fn is_compromised(
        &self,
        (vault, name): (&VaultName, &ObjectName),
        key: &PublicKey,
        replaced: Option<&[u8]>,
    ) -> Result<bool, RevocationError> {
        let Some(known) = self.known(vault, name).await? else { return Ok(false) };
        let replaced = replaced.and_then(|certificate| CertificateFacts::of(certificate).ok());
        let had_it = replaced.filter(|facts| facts.key.as_ref().is_some_and(|had| had.is_kin_of(key)));
        Ok(known.is_compromised(key) || had_it.is_some_and(|facts| known.tells_of(&facts)))
    }

    /// What is said against one certificate of a chain, in whichever order that is; `own` is the name under which it is kept.
    async fn of(
        &self,
        vault: &VaultName,
        own: Option<&ObjectName>,
        certificate: &[u8],
        chain: &[Vec<u8>],
    ) -> Result<Objections, RevocationError> {
        let facts = CertificateFacts::of(certificate)?;
        for address in x509::list_addresses(certificate).into_iter().take(MAX_ADDRESSES) {
            let Some((id, name, list)) = addressed(&address) else { continue };
            let names = self.objects.gate.vaults.names_of(&BTreeSet::from([id])).await?;
            if let Some(named) = names.get(&id)
                && let Some(told) = self.on((named, &name), list, &facts).await?
                && (told.are_some() || is_of_signer(list, certificate, chain) == Some(true))
            {
                return Ok(told);
            }
        }
        let Some(signer) = signers(certificate, chain).next() else { return Ok(Objections::default()) };
        // Nobody has a list who may not sign one.
        let Ok(list) = x509::list_id(signer) else { return Ok(Objections::default()) };
        if let Some(own) = own.filter(|_| facts.issuer == facts.subject) {
            return Ok(self.on((vault, own), &list, &facts).await?.unwrap_or_default());
        }
        let found = self.objects.gate.vaults.vault(vault).await?.ok_or(ObjectError::VaultNotFound)?;
        let keys = self.objects.keyring.verified_vault_keys(&found).await.map_err(ObjectError::from)?;
        let signers = self.issued_as(&found, &keys, &CertificateFacts::of(signer)?).await?;
        for name in signers.into_iter().map(|(name, _)| name).collect::<HashSet<_>>() {
            if let Some(told) = self.on((vault, &name), &list, &facts).await? {
                return Ok(told);
            }
        }
        Ok(Objections::default())
    }

    /// What an authority says against a certificate; none when it has no such list and knows nothing of its key.
    async fn on(
        &self,
        (vault, name): (&VaultName, &ObjectName),
        list: &str,
        facts: &CertificateFacts,
    ) -> Result<Option<Objections>, RevocationError> {
        let Some(known) = self.known(vault, name).await? else { return Ok(None) };
        let told = known.objections(list, facts);
        let is_its_own = known.lists.iter().any(|one| one.id == list);
        Ok((is_its_own || told.compromised).then_some(told))
    }

    /// What an authority has revoked, without the lists that say so; none when nothing was ever written down of it.
    async fn known(&self, vault: &VaultName, name: &ObjectName) -> Result<Option<Arc<Revocations>>, RevocationError> {
        let (kind, objects) = (ObjectKind::Revocations, &self.objects);
        let found = objects.gate.vaults.vault(vault).await?.ok_or(ObjectError::VaultNotFound)?;
        let facts = objects.store.facts(found.id, kind, name, None).await?;
        let Some(item) = active(facts.as_deref()) else { return Ok(None) };
        let place = (found.id, item.secret.name.as_str().to_owned());
        if let Some(known) = self.shelf.known.find(&place, &marks(&item)) {
            return Ok(Some(known));
        }
        // What was revoked counts also while the vault is soft deleted.
        let action = match found.life {
            LifeState::Active => Action::RevocationListIssue,
            LifeState::Deleted { .. } => Action::RevocationListPublish,
        };
        let ctx = self.own_request()?;
        let ask = Ask::object(kind, action, vault, name);
        let Some((item, document)) = objects.read_whole(&ctx, ask).await? else { return Ok(None) };
        let mut all = Revocations::of_document(&document).map_err(|_| ObjectError::Tampered)?;
        for list in &mut all.lists {
            list.signed = None;
        }
        let known = Arc::new(all);
        self.shelf.known.keep(place, marks(&item), &known);
        Ok(Some(known))
    }

    /// The versions of certificates of a vault that were issued as this one, authenticated.
    pub(super) async fn issued_as(
        &self,
        vault: &Vault,
        keys: &VaultKeys,
        certificate: &CertificateFacts,
    ) -> Result<Vec<(ObjectName, VersionMeta)>, RevocationError> {
        let (kind, objects) = (ObjectKind::Certificate, &self.objects);
        let mut found = Vec::new();
        for (name, version) in objects.store.issued_as(vault.id, &certificate.issued_as(), MOST).await? {
            let facts = objects.store.facts(vault.id, kind, &name, Some(&version)).await?;
            let Some(facts) = facts else { continue };
            let Some(version) = facts.version.clone() else { continue };
            objects.keyring.verify_version(keys, kind, &facts.secret.name, &version).map_err(ObjectError::from)?;
            found.push((facts.secret.name.clone(), version));
        }
        Ok(found)
    }
}

/// Those of a chain whose key signed a certificate.
fn signers<'a>(certificate: &'a [u8], chain: &'a [Vec<u8>]) -> impl Iterator<Item = &'a Vec<u8>> {
    chain.iter().filter(move |other| x509::is_issued_by(certificate, other).unwrap_or(false))
}

/// Whether a list is of the key that signed a certificate; none where who signed it is not in its chain.
pub(super) fn is_of_signer(list: &str, certificate: &[u8], chain: &[Vec<u8>]) -> Option<bool> {
    let mut signers = signers(certificate, chain).peekable();
    signers.peek()?;
    Some(signers.any(|signer| x509::list_id(signer).is_ok_and(|own| own == list)))
}

/// The place of a list, by an address at which this server publishes one, under whichever host.
pub(super) fn addressed(address: &str) -> Option<(VaultId, ObjectName, &str)> {
    let (_, path) = address.rsplit_once("/crl/")?;
    let mut parts = path.split('/');
    let (vault, name, list) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() { None } else { parsed(vault, name, list) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_a_place_here_or_nowhere() {
        let (vault, list) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
        let at = |tail: &str| format!("https://vault.example/crl/{vault}/{tail}");
        let found = at(&format!("root/{list}.crl"));
        let (id, name, named) = addressed(&found).unwrap();
        assert_eq!((id.0.simple().to_string().as_str(), name.as_str(), named), (vault, "root", list));
        for wrong in [
            at(&format!("root/{list}")),
            at(&format!("root/{list}.crl/")),
            at(&format!("more/root/{list}.crl")),
            at("root"),
            "http://elsewhere.example/ca.crl".to_owned(),
        ] {
            assert!(addressed(&wrong).is_none(), "{wrong}");
        }
    }
}
