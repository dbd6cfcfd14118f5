//! Making a version: with the certificate's own signature at once, or a request that waits for an authority's.

use std::{collections::BTreeMap, sync::Arc};

use strongroom_crypto::{
    key::{NewKey, SignAlgorithm},
    x509::{self, Validity},
};

use super::{
    CertificateError, Certificates,
    import::Brought,
    in_turn,
    making::{Making, Origin, finished},
    not_reserved,
};
use crate::{
    action::Action,
    certificate::{CertificatePolicy, PolicyError, PolicyPatch, SELF, UNKNOWN},
    context::RequestContext,
    gate::{Ask, Proposed},
    key::KeyAlgorithm,
    keyring::{Keyring, VaultKeys},
    keys::{KeyError, Turn},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    objects::{ATTEMPTS, InVault, ObjectError, first_revision},
    ports::StoreError,
    rotation::{self, LifetimeAction},
    secret::{
        AttributeError, LifeState, SealedVersion, SecretAttributes, SecretFacts, SecretItem, VaultFacts, VersionMeta,
    },
    vault::Vault,
};

const SECONDS_A_DAY: i64 = 86_400;

impl Certificates {
    /// POST /certificates/{name}/create: a new version by this policy, or by the stored one. Of the issuer `Self` it is
    /// there when this answers; of `Unknown` its request waits for [`Certificates::merge`].
    ///
    /// # Errors
    /// [`CertificateError`].
    pub async fn create(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        given: Option<&PolicyPatch>,
        attributes: &SecretAttributes,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        not_reserved(name)?;
        let given = given.map(|patch| patch.over(&CertificatePolicy::default()));
        if let Some(policy) = &given {
            policy.check_to_make()?;
        }
        self.put(ctx, (vault, name), Action::CertificateCreate, given, None, attributes).await
    }

    /// A new version: made, or of what was brought.
    pub(super) async fn put(
        &self,
        ctx: &RequestContext,
        (vault, name): (&VaultName, &ObjectName),
        action: Action,
        given: Option<CertificatePolicy>,
        brought: Option<&Brought>,
        attributes: &SecretAttributes,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        attributes.check().map_err(ObjectError::from)?;
        let name_of_vault = vault;
        let (mut made, mut turn): (Option<Arc<NewKey>>, Option<Turn>) = (None, None);
        for _ in 0..ATTEMPTS {
            // Looked up before anybody is judged, because it is what is judged; nothing of it is told before.
            let policy = match &given {
                Some(policy) => Some(policy.clone()),
                None => self.stored_policy(name_of_vault, name).await,
            };
            let by_policy = || Validity::months(ctx.seconds(), policy.as_ref()?.validity_months);
            let validity = brought.map(|brought| brought.window).or_else(by_policy);
            let days = validity.map_or(0, |validity| (validity.not_after - ctx.seconds()).div_euclid(SECONDS_A_DAY));
            let mut attributes = SecretAttributes {
                not_before: validity.map(|validity| validity.not_before),
                expires: validity.map(|validity| validity.not_after),
                ..attributes.clone()
            };
            let would_be = policy.as_ref().map(CertificatePolicy::next_key);
            // What is brought was signed elsewhere; of everything else the key signs the certificate or its request.
            let signed_by = policy.as_ref().filter(|_| brought.is_none());
            let signed_by = signed_by.and_then(|policy| x509::algorithm_of(policy.key.spec));
            let proposed = match action {
                Action::CertificateRenewIfDue => Proposed::Renewal(&attributes),
                _ => Proposed::Whole(&attributes),
            };
            let ask = Ask {
                proposed: Some(proposed),
                key: would_be.as_ref(),
                algorithm: signed_by.map(SignAlgorithm::as_str),
                certificate: policy.as_ref().map(|policy| (policy, u32::try_from(days).unwrap_or(0))),
                ..Ask::object(ObjectKind::Certificate, action, name_of_vault, name)
            };
            let InVault { mut case, vault, keys } = self.objects.admit(ctx, ask).await?;
            let before = case.facts.clone();
            let stored = before.as_ref().and_then(|facts| facts.secret.certificate.as_ref()).map(|state| &state.policy);
            if given.is_none() && stored != policy.as_ref() {
                // Changed since it was looked up: what would be made was not judged.
                continue;
            }
            if action == Action::CertificateRenewIfDue {
                match to_renew(before.as_deref(), name, ctx.seconds()) {
                    Ok(tags) => attributes.tags.clone_from(tags),
                    Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
                }
            }
            let (Some(policy), Some(would_be)) = (policy, would_be) else {
                return Err(self.objects.refuse(ctx, case, CertificateError::NoPolicy).await);
            };
            let Some(validity) = validity else {
                let why = CertificateError::Policy(PolicyError::Validity);
                return Err(self.objects.refuse(ctx, case, why).await);
            };
            if let Some(algorithm) = signed_by.map(KeyAlgorithm::from)
                && vault.settings.refused_algorithms.contains(&algorithm)
            {
                return Err(self.objects.refuse(ctx, case, KeyError::AlgorithmRefused(algorithm).into()).await);
            }
            let kept = key_to_keep(before.as_deref(), &policy).filter(|_| brought.is_none()).cloned();
            let gives_up = match self.has_lost_its_key(name_of_vault, name, kept.as_ref()).await {
                Ok(gives_up) => gives_up,
                Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
            };
            let gives_up = gives_up || kept.as_ref().is_some_and(|kept| was_compromised(before.as_deref(), kept));
            let kept = kept.filter(|_| !gives_up);
            if let Err(why) = possible(before.as_deref(), &policy, name, kept.as_ref()) {
                return Err(self.objects.refuse(ctx, case, why).await);
            }
            if brought.is_none()
                && let Err(why) = self.has_issuer(&vault, &keys, &policy.issuer.name).await
            {
                return Err(self.objects.refuse(ctx, case, why).await);
            }
            if let Some((brought, leaf)) = brought.and_then(|brought| Some((brought, brought.chain.first()?)))
                && let Err(why) = self.objects.contradicts_none(&vault, &brought.facts, leaf).await
            {
                return Err(self.objects.refuse(ctx, case, CertificateError::from(why)).await);
            }
            let companions = match self.objects.companions(&vault, &keys, name, None).await {
                Ok(companions) => companions,
                Err(why) => return Err(self.objects.refuse(ctx, case, why.into()).await),
            };
            if let Some(kind) = companions.foreign() {
                return Err(self.objects.refuse(ctx, case, ObjectError::NameTaken(kind).into()).await);
            }
            // What takes long comes before anything is read: whoever waited for it is judged again, with it in hand.
            let began = self.objects.recorder.ticks_micros();
            if brought.is_none() && kept.is_none() && made.as_ref().is_none_or(|key| key.spec != policy.key.spec) {
                let entropy = Arc::clone(&self.objects.entropy);
                made = match self.forge.make(policy.key.spec, &ctx.principal.id, entropy).await {
                    Ok(key) => Some(Arc::new(key)),
                    Err(why) => return Err(self.objects.refuse(ctx, case, why.into()).await),
                };
            }
            let come = match self.turn(ctx, turn.take()).await {
                Ok(come) => come,
                Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
            };
            if self.objects.is_judged_too_long_ago(ctx, began) {
                turn = Some(come);
                continue;
            }
            let mut random = [[0u8; 16]; 3];
            for bytes in &mut random {
                self.objects.entropy.fill(bytes).map_err(|_| ObjectError::Unavailable)?;
            }
            let [version, request_id, revision] = random;
            let making = Making {
                keyring: Arc::clone(&self.objects.keyring),
                keys: Arc::clone(&keys),
                entropy: Arc::clone(&self.objects.entropy),
                now: ctx.seconds(),
                name: before.as_ref().map_or_else(|| name.clone(), |facts| facts.secret.name.clone()),
                revision: before.as_ref().map_or_else(|| first_revision(revision), |facts| facts.secret.revision + 1),
                version: ObjectVersion::from_bytes(version),
                request_id: data_encoding::HEXLOWER.encode(&request_id),
                before: before.clone(),
                companions,
                would_be,
                attributes,
                gives_up_key: gives_up,
                origin: match brought {
                    Some(brought) => Origin::Brought(brought.chain.clone()),
                    None if policy.issuer.name.eq_ignore_ascii_case(SELF) => Origin::SignsItself(validity),
                    None if policy.issuer.name.eq_ignore_ascii_case(UNKNOWN) => Origin::Asks,
                    None => Origin::Ordered,
                },
                policy,
            };
            case.record.version = Some(making.version.as_str().to_owned());
            case.record.revision = Some(making.revision);
            if gives_up {
                case.record.detail("key", "a new one, because that of the version before was revoked as compromised");
            }
            let held = if let Some(key) =
                brought.map(|brought| &brought.key).or(made.as_ref().filter(|_| kept.is_none()))
            {
                case.permit.hold_with(Ok(Arc::clone(key)))
            } else if let Some(kept) = kept {
                let held = self.objects.store.read_to_change(case.permit, &kept.version).await;
                if held.inspect(|(_, read)| matches!(read, Err(StoreError::Stale))) {
                    continue;
                }
                let (keyring, name) = (Arc::clone(&self.objects.keyring), making.name.clone());
                held.map(move |(permit, read)| (permit, kept_key(&keyring, &keys, &name, &kept, read).map(Arc::new)))
            } else {
                // Unreachable by construction: there is one of the three.
                return Err(self.objects.refuse(ctx, case, ObjectError::Unavailable.into()).await);
            };
            let held = in_turn(come, held, move |permit, key| making.make(permit, &*key?)).await?;
            let done = self.objects.recorder.commit_held(ctx, case.record, held).await.map_err(ObjectError::from)?;
            if let Some(item) = done? {
                if item.secret.certificate.as_ref().is_some_and(|state| state.asks_at().is_some()) {
                    self.ordered.notify_one();
                }
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        let ask = Ask {
            proposed: Some(Proposed::Whole(attributes)),
            ..Ask::object(ObjectKind::Certificate, action, name_of_vault, name)
        };
        Err(self.objects.contended(ctx, ask).await)
    }

    /// Whether others have the key of the version before, as far as the authority here knows that signed it: no further
    /// certificate is asked for with such a key, whatever the policy says.
    async fn has_lost_its_key(
        &self,
        vault: &VaultName,
        name: &ObjectName,
        before: Option<&VersionMeta>,
    ) -> Result<bool, CertificateError> {
        let Some(certificate) = before.and_then(|version| version.certificate.as_ref()) else { return Ok(false) };
        Ok(self.revoking.objections((vault, name), &certificate.chain).await?.compromised)
    }

    /// Whether somebody can be asked who has this name.
    pub(super) async fn has_issuer(
        &self,
        vault: &Vault,
        keys: &VaultKeys,
        issuer: &str,
    ) -> Result<(), CertificateError> {
        if [SELF, UNKNOWN].iter().any(|known| issuer.eq_ignore_ascii_case(known)) {
            return Ok(());
        }
        let unknown = || CertificateError::NoSuchIssuer(issuer.to_owned());
        let (kind, name) = (ObjectKind::Issuer, ObjectName::parse(issuer).map_err(|_| unknown())?);
        let found = self.objects.store.facts(vault.id, kind, &name, None).await.map_err(ObjectError::from)?;
        let facts = found.ok_or_else(unknown)?;
        self.objects.keyring.verify_name(keys, kind, &name, &facts.secret).map_err(ObjectError::from)?;
        let version = facts.version.as_ref().ok_or_else(unknown)?;
        self.objects.keyring.verify_version(keys, kind, &name, version).map_err(ObjectError::from)?;
        if version.attributes.enabled { Ok(()) } else { Err(CertificateError::IssuerDisabled(issuer.to_owned())) }
    }

    async fn stored_policy(&self, vault: &VaultName, name: &ObjectName) -> Option<CertificatePolicy> {
        let objects = &self.objects;
        let vault = objects.gate.vaults.vault(vault).await.ok()??;
        let keys = objects.keyring.verified_vault_keys(&vault).await.ok()?;
        let facts = objects.store.facts(vault.id, ObjectKind::Certificate, name, None).await.ok()??;
        objects.keyring.verify_name(&keys, ObjectKind::Certificate, name, &facts.secret).ok()?;
        facts.secret.certificate.as_ref().map(|state| state.policy.clone())
    }
}

/// The tags of the version that is due to be renewed, which the next one keeps.
fn to_renew<'a>(
    before: Option<&'a SecretFacts>,
    name: &ObjectName,
    now: i64,
) -> Result<&'a BTreeMap<String, String>, CertificateError> {
    let Some(facts) = before.filter(|facts| facts.secret.life == LifeState::Active) else {
        return Err(ObjectError::NotFound(name.clone(), None).into());
    };
    let version = finished(before).filter(|version| version.attributes.enabled);
    let due = version.filter(|_| rotation::is_due(&facts.secret, LifetimeAction::Rotate, now));
    due.map(|version| &version.attributes.tags).ok_or(CertificateError::NotDue)
}

fn possible(
    before: Option<&SecretFacts>,
    policy: &CertificatePolicy,
    name: &ObjectName,
    kept: Option<&VersionMeta>,
) -> Result<(), CertificateError> {
    if before.is_some_and(|facts| facts.secret.life != LifeState::Active) {
        return Err(ObjectError::DeletedButRecoverable(name.clone()).into());
    }
    if before.and_then(|facts| facts.secret.certificate.as_ref()).is_some_and(|state| state.in_progress().is_some()) {
        return Err(CertificateError::InProgress(name.clone()));
    }
    let kept = kept.and_then(|version| version.key.as_ref());
    if policy.key.exportable && kept.is_some_and(|key| !key.exportable) {
        return Err(CertificateError::KeyStaysHere);
    }
    Ok(())
}

/// The version whose key the new one is to keep, if the policy says so and the key is what it asks for.
fn key_to_keep<'a>(before: Option<&'a SecretFacts>, policy: &CertificatePolicy) -> Option<&'a VersionMeta> {
    let version = finished(before).filter(|_| policy.key.reuse)?;
    (version.key.as_ref()?.spec == policy.key.spec).then_some(version)
}

/// Whether an issuer elsewhere took a version of the name back because others have this one's key.
fn was_compromised(before: Option<&SecretFacts>, kept: &VersionMeta) -> bool {
    let state = before.and_then(|facts| facts.secret.certificate.as_ref());
    let key = kept.key.as_ref().and_then(|key| key.public.as_ref());
    state.zip(key).is_some_and(|(state, key)| state.is_compromised(key))
}

/// The key of the version before, opened for the next one.
fn kept_key(
    keyring: &Keyring,
    keys: &VaultKeys,
    name: &ObjectName,
    kept: &VersionMeta,
    read: Result<Arc<SealedVersion>, StoreError>,
) -> Result<NewKey, CertificateError> {
    let row = read.map_err(ObjectError::from)?;
    let Some(properties) = kept.key.as_ref().filter(|_| row.meta == *kept) else {
        return Err(ObjectError::Tampered.into());
    };
    if row.sealed.data_key_id != kept.data_key_id {
        return Err(ObjectError::Tampered.into());
    }
    let private =
        keyring.open(keys, ObjectKind::Certificate, name, &kept.version, &row.sealed).map_err(ObjectError::from)?;
    Ok(NewKey { spec: properties.spec, private, public: properties.public.clone() })
}

impl From<AttributeError> for CertificateError {
    fn from(error: AttributeError) -> Self {
        ObjectError::from(error).into()
    }
}
