//! Merging: the certificate that an authority made for a request of ours.

use std::sync::Arc;

use strongroom_crypto::x509::{CertificateFacts, ImportError, Template, in_order, own_of, sound};

use super::{CertificateError, Certificates, applied, in_turn, successor::succeeds, valid_now};
use crate::{
    action::Action,
    certificate::{CertificatePolicy, CertificateVersion, Inquiry, PendingOperation, PendingStatus},
    change::{Change, NameWrite},
    context::RequestContext,
    gate::{Ask, Proposed},
    issuance::RenewalInformation,
    key::KeyProperties,
    keyring::VaultKeys,
    keys::Turn,
    names::{ObjectKind, ObjectName, VaultName},
    objects::{ATTEMPTS, Faces, Finished, InVault, ObjectError, active},
    ports::StoreError,
    renewal,
    secret::{AttributePatch, SecretAttributes, SecretItem, SecretMeta, VaultFacts, VersionMeta},
    vault::Vault,
};

const SECONDS_A_DAY: i64 = 86_400;

impl Certificates {
    /// POST /certificates/{name}/pending/merge: finishes the version whose request is out. The leaf is the certificate
    /// for the request's key, wherever it stands; whoever signed one comes behind it.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub async fn merge(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        certificates: &[Vec<u8>],
        tags: Option<&std::collections::BTreeMap<String, String>>,
        enabled: Option<bool>,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        let patch = AttributePatch { enabled, tags: tags.cloned(), ..AttributePatch::default() };
        self.take_in(ctx, (vault, name), certificates, &patch, By::Merge).await
    }

    /// The certificate that an issuer of the vault made, taken in as one that is merged.
    pub(super) async fn take_issued(
        &self,
        ctx: &RequestContext,
        (vault, name): (&VaultName, &ObjectName),
        certificates: &[Vec<u8>],
        (request_id, renewal): (&str, Option<RenewalInformation>),
    ) -> Result<(), CertificateError> {
        let mut random = [0u8; 8];
        self.objects.entropy.fill(&mut random).map_err(|_| ObjectError::Unavailable)?;
        let by = By::Issuer { request_id, renewal, random: u64::from_le_bytes(random) };
        self.take_in(ctx, (vault, name), certificates, &AttributePatch::default(), by).await.map(drop)
    }

    async fn take_in(
        &self,
        ctx: &RequestContext,
        (vault, name): (&VaultName, &ObjectName),
        certificates: &[Vec<u8>],
        patch: &AttributePatch,
        by: By<'_>,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        let facts = CertificateFacts::of_chain(certificates)?;
        patch.check()?;
        let plain = || Ask {
            proposed: Some(Proposed::Patch(patch)),
            ..Ask::object(ObjectKind::Certificate, by.action(), vault, name)
        };
        let mut turn: Option<Turn> = None;
        for _ in 0..ATTEMPTS {
            // What would be stored, as far as it is known before anybody is asked.
            let now = ctx.judged_seconds();
            let foreseen = self.foreseen((vault, name), (&facts, certificates), patch, now).await;
            let ask = match &foreseen {
                Some(foreseen) => foreseen.ask(plain(), ctx.judged_seconds()),
                None => plain(),
            };
            let InVault { mut case, vault, keys } = self.objects.admit(ctx, ask).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                let missing = ObjectError::NotFound(name.clone(), None);
                return Err(self.objects.refuse(ctx, case, missing.into()).await);
            };
            let state = item.secret.certificate.clone();
            let Some((state, pending)) = state.and_then(|state| state.in_progress().cloned().map(|p| (state, p)))
            else {
                return Err(self.objects.refuse(ctx, case, CertificateError::NoPending(name.clone())).await);
            };
            if let Err(why) = by.may_finish(&pending) {
                return Err(self.objects.refuse(ctx, case, why).await);
            }
            let waiting = self.waiting(&vault, &keys, &item, &pending).await?;
            let Some((key, unfinished)) = waiting.key.clone().zip(waiting.certificate.clone()) else {
                return Err(self.objects.refuse(ctx, case, ObjectError::Tampered.into()).await);
            };
            let Some((place, leaf)) = leaf_of(&facts, &key, ctx.judged_seconds()) else {
                return Err(self.objects.refuse(ctx, case, CertificateError::OtherKey).await);
            };
            if let Err(why) = valid_now(leaf.not_before, leaf.not_after, ctx.judged_seconds()) {
                return Err(self.objects.refuse(ctx, case, why).await);
            }
            // What a module could not see it has not allowed.
            if let Some(der) = certificates.get(place)
                && let Err(why) = whole(der)
            {
                return Err(self.objects.refuse(ctx, case, CertificateError::from(why)).await);
            }
            let ordered = in_order(certificates, place, false).and_then(|chain| sound(&chain, now).map(|()| chain));
            let chain = match ordered {
                Ok(chain) => chain,
                Err(why) => return Err(self.objects.refuse(ctx, case, CertificateError::from(why)).await),
            };
            if let Some(der) = certificates.get(place)
                && let Err(why) = self.objects.contradicts_none(&vault, leaf, der).await
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
            let attributes = attributes_of(leaf, &pending, &waiting, patch);
            // Nothing is stored but what was judged.
            if foreseen.is_none_or(|foreseen| foreseen.attributes != attributes || foreseen.key != key) {
                continue;
            }
            let revision = item.secret.revision + 1;
            let current = item.version.certificate.as_ref().and_then(|certificate| certificate.leaf());
            let is_another = current.zip(chain.first()).is_some_and(|(before, next)| !succeeds(before, next, false));
            case.record.version = Some(pending.version.as_str().to_owned());
            case.record.revision = Some(revision);
            // The turn is taken before anything is read, and kept for the next round.
            let began = self.objects.recorder.ticks_micros();
            let come = match self.turn(ctx, turn.take()).await {
                Ok(come) => come,
                Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
            };
            if self.objects.is_judged_too_long_ago(ctx, began) {
                turn = Some(come);
                continue;
            }
            let held = self.objects.store.read_to_change(case.permit, &pending.version).await;
            if held.inspect(|(_, read)| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let (keyring, entropy) = (Arc::clone(&self.objects.keyring), Arc::clone(&self.objects.entropy));
            let now = ctx.seconds();
            let (renew_at, inquiry) = by.renewal(&pending.issuer, attributes.expires, now);
            let work = move |permit, read: Result<Arc<crate::secret::SealedVersion>, StoreError>| {
                let row = read.map_err(ObjectError::from)?;
                if row.meta != waiting || row.sealed.data_key_id != waiting.data_key_id {
                    return Err(ObjectError::Tampered.into());
                }
                let own = &item.secret.name;
                let private = keyring
                    .open(&keys, ObjectKind::Certificate, own, &waiting.version, &row.sealed)
                    .map_err(ObjectError::from)?;
                let certificate = CertificateVersion { content_type: unfinished.content_type, chain };
                let faces = Faces { keyring: &keyring, keys: &keys, entropy: &*entropy, now };
                let finished = Finished {
                    version: &waiting.version,
                    ordinal: waiting.ordinal,
                    created: waiting.created,
                    attributes: &attributes,
                    key: &key,
                    certificate: &certificate,
                    private: &private,
                };
                let mut with_it = Vec::new();
                for (kind, version) in faces.version(own, &finished)? {
                    with_it.push(faces.companion(kind, own, companions.of(kind), &waiting.version, vec![version])?);
                }
                let mut meta = VersionMeta {
                    attributes,
                    certificate: Some(Box::new(certificate)),
                    updated: now,
                    tag: Vec::new(),
                    ..waiting.clone()
                };
                meta.tag =
                    keyring.tag_version(&keys, ObjectKind::Certificate, own, &meta).map_err(ObjectError::from)?;
                let mut state = *state;
                state.pending = Some(PendingOperation { status: PendingStatus::Completed, ..pending });
                (state.renew_at, state.inquiry) = (renew_at, inquiry);
                if is_another {
                    state.authority_since = Some(revision);
                }
                let judged = item.secret.revision;
                let name = faces.tagged(
                    ObjectKind::Certificate,
                    SecretMeta {
                        current: waiting.version.clone(),
                        revision,
                        rotation: Some(Box::new(renewal::plan(&state, &meta))),
                        certificate: Some(Box::new(state)),
                        ..item.secret
                    },
                )?;
                let answer = SecretItem { secret: name.clone(), version: meta.clone() };
                let mut writes = vec![NameWrite {
                    kind: ObjectKind::Certificate,
                    judged: Some(judged),
                    name,
                    new: Vec::new(),
                    updated: vec![meta],
                }];
                writes.append(&mut with_it);
                applied(permit, Change::WriteCertificate(writes), answer)
            };
            let held = in_turn(come, held, work).await?;
            let done = self.objects.recorder.commit_held(ctx, case.record, held).await.map_err(ObjectError::from)?;
            if let Some(item) = done? {
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        Err(self.objects.contended(ctx, plain()).await)
    }

    /// What would come of it by the certificate for the key of the request that is out now; none when there is no such
    /// certificate or no such request. Tells nobody: whoever asks is judged by it.
    async fn foreseen(
        &self,
        (vault, name): (&VaultName, &ObjectName),
        (facts, certificates): (&[CertificateFacts], &[Vec<u8>]),
        patch: &AttributePatch,
        now: i64,
    ) -> Option<Foreseen> {
        let (objects, kind) = (&self.objects, ObjectKind::Certificate);
        let vault = objects.gate.vaults.vault(vault).await.ok()??;
        let keys = objects.keyring.verified_vault_keys(&vault).await.ok()?;
        let found = objects.store.facts(vault.id, kind, name, None).await.ok()??;
        objects.keyring.verify_name(&keys, kind, name, &found.secret).ok()?;
        let item = active(Some(&found))?;
        let state = item.secret.certificate.clone()?;
        let pending = state.in_progress()?;
        let waiting = self.waiting(&vault, &keys, &item, pending).await.ok()?;
        let key = waiting.key.clone()?;
        let (place, leaf) = leaf_of(facts, &key, now)?;
        let template = whole(certificates.get(place)?).ok()?;
        let policy = CertificatePolicy { template, ..state.policy.clone() };
        Some(Foreseen { attributes: attributes_of(leaf, pending, &waiting, patch), key, policy })
    }

    /// The version that waits, authenticated.
    async fn waiting(
        &self,
        vault: &Vault,
        keys: &VaultKeys,
        item: &SecretItem,
        pending: &PendingOperation,
    ) -> Result<VersionMeta, ObjectError> {
        if item.version.version == pending.version {
            return Ok(item.version.clone());
        }
        let (kind, name) = (ObjectKind::Certificate, &item.secret.name);
        let facts = self.objects.store.facts(vault.id, kind, name, Some(&pending.version)).await?;
        let version = facts.and_then(|facts| facts.version.clone()).ok_or(ObjectError::Tampered)?;
        self.objects.keyring.verify_version(keys, kind, name, &version)?;
        if version.version == pending.version { Ok(version) } else { Err(ObjectError::Tampered) }
    }
}

/// What a certificate says, when all of it can be judged.
fn whole(certificate: &[u8]) -> Result<Template, ImportError> {
    let template = Template::in_full(certificate)?;
    template.check()?;
    Ok(template)
}

/// Who brings the certificate of a request.
#[derive(Clone, Copy)]
enum By<'a> {
    /// Whoever had it signed.
    Merge,
    /// The issuer that was asked, for this operation and no other.
    Issuer { request_id: &'a str, renewal: Option<RenewalInformation>, random: u64 },
}

impl By<'_> {
    fn action(self) -> Action {
        match self {
            Self::Merge => Action::CertificatePendingMerge,
            Self::Issuer { .. } => Action::CertificateIssue,
        }
    }

    fn may_finish(self, pending: &PendingOperation) -> Result<(), CertificateError> {
        match self {
            Self::Merge if pending.enrolment.is_some() => Err(CertificateError::IssuerWorks),
            Self::Issuer { request_id, .. } if pending.request_id != request_id => Err(CertificateError::NotDue),
            _ => Ok(()),
        }
    }

    /// When the authority wishes it to be renewed, and how it is asked again.
    fn renewal(self, issuer: &str, expires: Option<i64>, now: i64) -> (Option<i64>, Option<Inquiry>) {
        let Self::Issuer { renewal: Some(said), random, .. } = self else { return (None, None) };
        let renew_at = said.window.and_then(|window| renewal::drawn(window, expires, random));
        (renew_at, Some(renewal::inquiry(issuer, said, now)))
    }
}

/// What a merge would store, as policy modules are to see it.
struct Foreseen {
    attributes: SecretAttributes,
    key: Box<KeyProperties>,
    /// The certificate's policy, saying what the leaf says.
    policy: CertificatePolicy,
}

impl Foreseen {
    fn ask<'a>(&'a self, plain: Ask<'a>, now: i64) -> Ask<'a> {
        let left = self.attributes.expires.unwrap_or(now).saturating_sub(now).div_euclid(SECONDS_A_DAY);
        Ask {
            proposed: Some(Proposed::Whole(&self.attributes)),
            key: Some(&self.key),
            certificate: Some((&self.policy, u32::try_from(left).unwrap_or(0))),
            ..plain
        }
    }
}

/// The certificate that is for a key, and where it stands.
fn leaf_of<'a>(facts: &'a [CertificateFacts], key: &KeyProperties, now: i64) -> Option<(usize, &'a CertificateFacts)> {
    let place = own_of(facts, key.public.as_ref()?, now)?;
    Some((place, facts.get(place)?))
}

fn attributes_of(
    leaf: &CertificateFacts,
    pending: &PendingOperation,
    waiting: &VersionMeta,
    patch: &AttributePatch,
) -> SecretAttributes {
    SecretAttributes {
        enabled: patch.enabled.unwrap_or(pending.enabled),
        not_before: Some(leaf.not_before),
        expires: Some(leaf.not_after),
        content_type: None,
        tags: patch.tags_over(&waiting.attributes.tags),
    }
}
