//! The use cases of revocation: what an authority of a vault signed is taken back, and everybody can find out.
//!
//! What is revoked is written down first, under the caller's permit. The list that says so is signed by the authority's
//! key right after, and again every day, as the installation itself: what was written down is signed by the next run of
//! the schedule at the latest, whatever happens in between. Many nodes may do it at once: what is written is bound to the
//! revision that was read, so each list is made once.
//!
//! A list is given to whoever asks, by a name that nobody can guess. Nothing here may tell a stranger more than that one
//! of this name is not here.

mod objections;
mod publish;
mod sign;
mod standing;

use std::{collections::HashSet, sync::Arc};

use strongroom_crypto::{
    key::PublicKey,
    x509::{self, CertificateFacts, ListError, NotACertificate, Reason},
};

use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate::{Ask, signing},
    keyring::VaultKeys,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId, VaultName},
    objects::{ATTEMPTS, InVault, ObjectError, Objects, active, opened_whole, spent},
    permit::Permit,
    ports::StoreError,
    record::{HowItWent, Outcome},
    revocation::{RevocationInvalid, Revocations, RevokedCertificate, serial_from},
    rotation::{self, LifetimeAction, Rotation},
    secret::{SecretFacts, VersionMeta},
    time::Clock,
    vault::Vault,
};

pub use publish::{PublishError, Shelf};
pub use sign::Issued;
pub use standing::Standing;

/// Name of the system principal in records.
pub const PRINCIPAL: &str = "certificate-revocation";
/// Most versions of an authority that are looked through for the one that signed a certificate, beside those with lists.
const MAX_VERSIONS: usize = 500;

/// Why an operation on what was revoked did not happen.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// For a reason that other objects have too.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// It cannot be revoked.
    #[error(transparent)]
    Invalid(#[from] RevocationInvalid),
    /// Bytes that are no certificate.
    #[error(transparent)]
    NotACertificate(#[from] NotACertificate),
    /// Nobody would take a list of it.
    #[error(transparent)]
    List(#[from] ListError),
    /// No such authority.
    #[error("there is no certificate of an authority named {0} in the vault, or no such version of it")]
    NoSuchAuthority(ObjectName),
}

impl HowItWent for RevocationError {
    fn how(&self) -> (Outcome, &str) {
        let reason = match self {
            Self::Object(error) => return error.how(),
            Self::NoSuchAuthority(_) => "not-found",
            Self::Invalid(_) | Self::NotACertificate(_) | Self::List(_) => "invalid",
        };
        (Outcome::Failed, reason)
    }
}

impl From<StoreError> for RevocationError {
    fn from(error: StoreError) -> Self {
        ObjectError::from(error).into()
    }
}

/// What is to be revoked.
pub enum ToRevoke {
    /// The certificate of this serial number, signed by this version of the authority; without one, by the one that is found
    /// out of a certificate that is kept in its vault, or else by the current.
    Serial(String, Option<ObjectVersion>),
    /// This one, DER: the authority's version that signed it is found out.
    Certificate(Vec<u8>),
}

/// What an authority has revoked, as it is shown.
#[derive(Debug)]
pub struct ShownRevocations {
    /// The lists.
    pub all: Revocations,
    /// The vault, as addresses name it.
    pub vault: VaultId,
}

/// A key that an authority signs with, or did.
struct Signatory {
    list: String,
    version: ObjectVersion,
    ends: i64,
    certificate: Vec<u8>,
}

impl Signatory {
    /// Of a version that is an authority's; none of others.
    fn of(version: &VersionMeta) -> Option<Self> {
        let certificate = version.certificate.as_ref()?.leaf()?.to_vec();
        let (list, facts) = (x509::list_id(&certificate).ok()?, CertificateFacts::of(&certificate).ok()?);
        Some(Self { list, version: version.version.clone(), ends: facts.not_after, certificate })
    }

    fn named(&self) -> (&str, &ObjectVersion, i64) {
        (&self.list, &self.version, self.ends)
    }
}

/// The use cases with what they conduct.
pub struct Revoking {
    /// What they share with everything else.
    pub objects: Arc<Objects>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// `https://BASE`, where lists are published; none where nothing is.
    pub base: Option<String>,
    /// Lists that were read a short while ago.
    pub shelf: Shelf,
}

impl Revoking {
    /// POST /certificates/{name}/revoke.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub async fn revoke(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        what: &ToRevoke,
        reason: Reason,
    ) -> Result<ShownRevocations, RevocationError> {
        let shown = self.write_down(ctx, vault, name, what, reason).await?;
        self.shelf.forget(shown.vault, name);
        // On record with a reason if it fails, and tried again by the schedule.
        match self.sign_if_due(vault, name).await {
            Ok(Some(all)) => Ok(ShownRevocations { all, ..shown }),
            Ok(None) => Ok(shown),
            Err(error) => {
                tracing::error!(%error, %vault, authority = %name, "a list of revoked certificates is signed later");
                Ok(shown)
            }
        }
    }

    /// GET /certificates/{name}/revocations.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub async fn show(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<ShownRevocations, RevocationError> {
        let ask = Ask::object(ObjectKind::Revocations, Action::RevocationListGet, vault, name);
        let (_, document) =
            self.objects.read_whole(ctx, ask).await?.ok_or_else(|| ObjectError::NotFound(name.clone(), None))?;
        let all = Revocations::of_document(&document).map_err(|_| ObjectError::Tampered)?;
        let found = self.objects.gate.vaults.vault(vault).await?.ok_or(ObjectError::VaultNotFound)?;
        Ok(ShownRevocations { all, vault: found.id })
    }

    /// The address at which the list of an authority's version is found, for the certificates that it signs; none when
    /// there is no place for it, or nobody would take one. The first certificate begins the list, and where that cannot be
    /// signed there is no address: lists of other keys that cannot be are no hindrance.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub(crate) async fn point(
        &self,
        vault: &VaultName,
        name: &ObjectName,
        version: &VersionMeta,
    ) -> Result<Option<String>, RevocationError> {
        let (Some(signatory), true) = (Signatory::of(version), self.base.is_some()) else { return Ok(None) };
        let found = self.objects.gate.vaults.vault(vault).await?.ok_or(ObjectError::VaultNotFound)?;
        let keys = self.objects.keyring.verified_vault_keys(&found).await.map_err(ObjectError::from)?;
        let (kind, objects) = (ObjectKind::Revocations, &self.objects);
        let facts = objects.store.facts(found.id, kind, name, None).await?;
        if let Some(facts) = &facts {
            objects.keyring.verify_name(&keys, kind, name, &facts.secret).map_err(ObjectError::from)?;
        }
        let (there, waits) = match active(facts.as_deref()) {
            Some(item) => {
                objects.keyring.verify_version(&keys, kind, name, &item.version).map_err(ObjectError::from)?;
                let failed = item.secret.rotation.as_ref().is_some_and(|rotation| rotation.failed.is_some());
                // One that was begun and is not signed is due at once, whoever began it and did not come back.
                let due = rotation::is_due(&item.secret, LifetimeAction::Rotate, self.seconds());
                // A newer certificate of the key takes its list on, which would lapse with that of before.
                let by = item.version.attributes.tags.get(&signatory.list);
                (by.is_some_and(|by| by == signatory.version.as_str()), failed || due)
            }
            None => (false, false),
        };
        let begun = !there && self.begin(vault, name, &signatory).await?;
        if waits || begun {
            let done = self.sign_if_due(vault, name).await;
            let mut lists = self.read(vault, name).await?.map(|(_, all)| all.lists).unwrap_or_default().into_iter();
            let own = lists.find(|list| list.id == signatory.list).and_then(|list| list.signed);
            if own.is_none_or(|signed| signed.next_update <= self.seconds()) {
                return Err(done.err().unwrap_or_else(|| ObjectError::Unavailable.into()));
            }
        }
        Ok(self.address(found.id, name, &signatory.list))
    }

    /// Where a list is published.
    #[must_use]
    pub fn address(&self, vault: VaultId, name: &ObjectName, list: &str) -> Option<String> {
        let base = self.base.as_ref()?;
        Some(format!("{base}/crl/{}/{}/{list}.crl", vault.0.simple(), name.as_str()))
    }

    /// The versions of an authority, each of which was an authority's.
    async fn signatories(
        &self,
        vault: &Vault,
        keys: &VaultKeys,
        name: &ObjectName,
    ) -> Result<(Option<ObjectVersion>, Vec<Signatory>), RevocationError> {
        let (kind, objects) = (ObjectKind::Certificate, &self.objects);
        let Some(facts) = objects.store.facts(vault.id, kind, name, None).await? else { return Ok((None, Vec::new())) };
        objects.keyring.verify_name(keys, kind, name, &facts.secret).map_err(ObjectError::from)?;
        let mut versions = objects.store.version_metas(vault.id, kind, name, MAX_VERSIONS).await?;
        // Those are the oldest. What others signed is to be revoked no less: each has its list, or is the current one.
        let lists = objects.store.facts(vault.id, ObjectKind::Revocations, name, None).await?;
        let tags = active(lists.as_deref()).map(|item| item.version.attributes.tags).unwrap_or_default();
        for version in tags.values().filter_map(|version| ObjectVersion::parse(version).ok()) {
            if versions.iter().all(|known| known.version != version) {
                let found = objects.store.facts(vault.id, kind, name, Some(&version)).await?;
                versions.extend(found.and_then(|found| found.version.clone()));
            }
        }
        let newest = facts.version.as_ref().filter(|newest| versions.iter().all(|one| one.version != newest.version));
        versions.extend(newest.cloned());
        for version in &versions {
            objects.keyring.verify_version(keys, kind, name, version).map_err(ObjectError::from)?;
        }
        let current = active(Some(&facts)).map(|item| item.version.version);
        Ok((current, versions.iter().filter_map(Signatory::of).collect()))
    }

    /// Who signed what is to be revoked, and how it stands on the list.
    async fn to_write(
        &self,
        (vault, keys): (&Vault, &VaultKeys),
        name: &ObjectName,
        what: &ToRevoke,
        (reason, now): (Reason, i64),
    ) -> Result<(Signatory, RevokedCertificate), RevocationError> {
        let (current, mut all) = self.signatories(vault, keys, name).await?;
        let nobody = || RevocationError::NoSuchAuthority(name.clone());
        if all.is_empty() {
            return Err(nobody());
        }
        match what {
            ToRevoke::Serial(serial, version) => {
                // A version stands for its key, and the newest certificate of that for its list: the one that is named may
                // have ended.
                if let Some(version) = version {
                    let named = all.iter().find(|one| one.version == *version).ok_or_else(nobody)?;
                    let list = named.list.clone();
                    all.retain(|one| one.list == list);
                }
                let kept = self.kept_as((vault, keys), &all, serial).await?;
                let longest = || all.iter().enumerate().max_by_key(|(_, one)| one.ends).map(|(place, _)| place);
                let named = || match version {
                    Some(_) => longest(),
                    None => all.iter().position(|one| Some(&one.version) == current.as_ref()),
                };
                let place = kept.as_ref().map(|(place, _)| *place).or_else(named).ok_or_else(nobody)?;
                let kept = kept.map(|(_, kept)| kept);
                let one = RevokedCertificate {
                    serial: serial.clone(),
                    at: now,
                    reason,
                    ends: kept.as_ref().map(|kept| kept.not_after),
                    key: kept.and_then(|kept| kept.key).as_ref().map(PublicKey::kinship),
                };
                Ok((all.swap_remove(place), one))
            }
            ToRevoke::Certificate(der) => {
                let facts = CertificateFacts::of(der)?;
                let signed = |one: &Signatory| x509::is_issued_by(der, &one.certificate).unwrap_or(false);
                // The newest with the key.
                let place = all.iter().rposition(signed).ok_or(RevocationInvalid::OtherAuthority)?;
                let serial = serial_from(&facts.serial)?;
                let key = facts.key.as_ref().map(PublicKey::kinship);
                let one = RevokedCertificate { serial, at: now, reason, ends: Some(facts.not_after), key };
                Ok((all.swap_remove(place), one))
            }
        }
    }

    /// What the certificate of a serial number says that one of these signed, and the newest with the key that did; none
    /// of one that is not kept in the authority's own vault.
    async fn kept_as(
        &self,
        (vault, keys): (&Vault, &VaultKeys),
        all: &[Signatory],
        serial: &str,
    ) -> Result<Option<(usize, CertificateFacts)>, RevocationError> {
        let Ok(mut octets) = data_encoding::HEXLOWER.decode(serial.as_bytes()) else { return Ok(None) };
        if octets.first().is_some_and(|first| first & 0x80 != 0) {
            // As it is encoded: a positive number.
            octets.insert(0, 0);
        }
        let mut asked = HashSet::new();
        for signatory in all {
            let own = CertificateFacts::of(&signatory.certificate)?;
            if !asked.insert(own.subject.clone()) {
                continue;
            }
            let wanted = CertificateFacts { issuer: own.subject.clone(), serial: octets.clone(), ..own };
            for (_, version) in self.issued_as(vault, keys, &wanted).await? {
                let Some(leaf) = version.certificate.as_ref().and_then(|certificate| certificate.leaf()) else {
                    continue;
                };
                let signed = |one: &Signatory| x509::is_issued_by(leaf, &one.certificate).unwrap_or(false);
                if let Some(place) = all.iter().rposition(signed) {
                    return Ok(Some((place, CertificateFacts::of(leaf)?)));
                }
            }
        }
        Ok(None)
    }

    async fn write_down(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        what: &ToRevoke,
        reason: Reason,
    ) -> Result<ShownRevocations, RevocationError> {
        let (kind, objects) = (ObjectKind::Revocations, &self.objects);
        let content = signing::revocation(what, reason).map_err(|_| ObjectError::Unavailable)?;
        let ask = Ask { content: Some(&content), ..Ask::object(kind, Action::CertificateRevoke, vault, name) };
        for _ in 0..ATTEMPTS {
            let InVault { mut case, vault: found, keys } = objects.admit(ctx, ask.clone()).await?;
            let written = self.to_write((&found, &keys), name, what, (reason, ctx.seconds())).await;
            let (signatory, one) = match written {
                Ok(written) => written,
                Err(why) => return Err(objects.refuse(ctx, case, why).await),
            };
            let facts = case.facts.clone();
            let changed = |mut all: Revocations| -> Result<_, RevocationError> {
                all.revoke(signatory.named(), one.clone())?;
                let written =
                    self.written(ctx, &keys, name, &all, (all.plan(ctx.seconds(), None), facts.as_deref()))?;
                Ok((written, all))
            };
            let Some(item) = active(facts.as_deref()) else {
                let (change, all) = match changed(Revocations::default()) {
                    Ok(changed) => changed,
                    Err(why) => return Err(objects.refuse(ctx, case, why).await),
                };
                match objects.change(ctx, case, change, all).await? {
                    Some(all) => return Ok(ShownRevocations { all, vault: found.id }),
                    None => continue,
                }
            };
            case.record.revision = Some(item.secret.revision + 1);
            let held = objects.store.read_to_change(case.permit, &item.version.version).await;
            if held.inspect(|(_, read)| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let spends = case.spends;
            let held = held.map(|(permit, read): (Permit, _)| {
                let document = opened_whole(&objects.keyring, &keys, kind, &item, read)?;
                let (change, all) = changed(Revocations::of_document(&document).map_err(|_| ObjectError::Tampered)?)?;
                let (change, all) = spent::<_, RevocationError>(permit, change, all)?;
                Ok::<_, RevocationError>((objects.spending(change, spends, ctx.seconds())?, all))
            });
            if let Some(all) =
                objects.recorder.commit_held(ctx, case.record, held).await.map_err(ObjectError::from)??
            {
                return Ok(ShownRevocations { all, vault: found.id });
            }
        }
        Err(objects.contended(ctx, ask).await)
    }

    /// The row as it is afterwards, and when its next lists are made.
    fn written(
        &self,
        ctx: &RequestContext,
        keys: &VaultKeys,
        name: &ObjectName,
        all: &Revocations,
        (plan, before): (Option<Box<Rotation>>, Option<&SecretFacts>),
    ) -> Result<Change, ObjectError> {
        let document = all.to_document().map_err(|_| ObjectError::Unavailable)?;
        let place = (ObjectKind::Revocations, name);
        let (_, change) = self.objects.whole(ctx, keys, place, &document, &all.attributes(), (plan, before))?;
        Ok(change)
    }
}
