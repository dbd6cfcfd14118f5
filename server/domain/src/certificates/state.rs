//! What is known of a certificate and can be changed without its key: attributes, the policy, the pending operation.

use super::{CertificateError, Certificates};
use crate::{
    action::Action,
    certificate::{CertificatePolicy, CertificateState, PendingStatus, PolicyPatch},
    change::{Change, NameWrite},
    context::RequestContext,
    gate::{Ask, Proposed, by_schedule},
    keyring::VaultKeys,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    objects::{ATTEMPTS, InVault, ObjectError, Verbs, active},
    renewal,
    rotation::Rotation,
    secret::{AttributePatch, SecretAttributes, SecretItem, SecretMeta, VaultFacts, VersionMeta},
    vault::Vault,
};

impl Certificates {
    /// GET /certificates/{name}/policy.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub async fn policy(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        let verbs = &Verbs { show: Action::CertificatePolicyGet, ..*Verbs::CERTIFICATES };
        Ok(self.objects.show(verbs, ctx, vault, name, None).await?)
    }

    /// GET /certificates/{name}/pending.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub async fn pending(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        let verbs = &Verbs { show: Action::CertificatePendingGet, ..*Verbs::CERTIFICATES };
        match self.objects.show(verbs, ctx, vault, name, None).await {
            // A name without a certificate has no operation either (Azure).
            Err(ObjectError::NotFound(name, _)) => Err(CertificateError::NoPending(name)),
            outcome => Ok(outcome?),
        }
    }

    /// PATCH /certificates/{name}/policy: what is given replaces what is stored; versions that are there stay as they
    /// are.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub async fn update_policy(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        patch: &PolicyPatch,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        let now = ctx.seconds();
        let changed = |state: &CertificateState| with_policy(state, patch, now).map(|after| (after.clone(), after));
        let ask = Ask {
            policy: Some(patch),
            ..Ask::object(ObjectKind::Certificate, Action::CertificatePolicyUpdate, vault, name)
        };
        self.change_state(ctx, &ask, changed).await
    }

    /// PATCH /certificates/{name}/pending: calls off an operation that waits.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub async fn cancel(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        let changed = |state: &CertificateState| {
            let mut after = state.clone();
            match &mut after.pending {
                None => Err(CertificateError::NoPending(name.clone())),
                Some(pending) if pending.status == PendingStatus::InProgress => {
                    pending.status = PendingStatus::Cancelled;
                    Ok((after.clone(), after))
                }
                Some(_) => Err(CertificateError::NotInProgress),
            }
        };
        let ask = Ask::object(ObjectKind::Certificate, Action::CertificatePendingUpdate, vault, name);
        self.change_state(ctx, &ask, changed).await
    }

    /// DELETE /certificates/{name}/pending: forgets the operation, which ends one that waits. Gives it as it was.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub async fn delete_pending(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        let changed = |state: &CertificateState| match &state.pending {
            None => Err(CertificateError::NoPending(name.clone())),
            Some(_) => Ok((CertificateState { pending: None, ..state.clone() }, state.clone())),
        };
        let ask = Ask::object(ObjectKind::Certificate, Action::CertificatePendingDelete, vault, name);
        self.change_state(ctx, &ask, changed).await
    }

    /// PATCH /certificates/{name}/{version}: other attributes for a version and for its key and its secret, and another
    /// policy for the name.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub async fn update(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        (name, version): (&ObjectName, Option<&ObjectVersion>),
        patch: &AttributePatch,
        policy: Option<&PolicyPatch>,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        patch.check()?;
        let ask = || Ask {
            version,
            proposed: Some(Proposed::Patch(patch)),
            policy,
            ..Ask::object(ObjectKind::Certificate, Action::CertificateUpdate, vault, name)
        };
        for _ in 0..ATTEMPTS {
            let InVault { mut case, vault, keys } = self.objects.admit(ctx, ask()).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                let missing = ObjectError::NotFound(name.clone(), version.cloned());
                return Err(self.objects.refuse(ctx, case, missing.into()).await);
            };
            if item.version.certificate.as_ref().is_none_or(|certificate| certificate.leaf().is_none()) {
                return Err(self.objects.refuse(ctx, case, CertificateError::Unfinished).await);
            }
            let mut own = item.secret.clone();
            if let (Some(policy), Some(state)) = (policy, own.certificate.as_deref()) {
                if let Err(why) = self.has_issuer_of(&vault, &keys, policy, state).await {
                    return Err(self.objects.refuse(ctx, case, why).await);
                }
                match with_policy(state, policy, ctx.seconds()) {
                    Ok(state) => own.certificate = Some(Box::new(state)),
                    Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
                }
            }
            if let Some(state) = &own.certificate {
                if own.current == item.version.version {
                    let after = patched(item.version.clone(), patch, ctx.seconds());
                    own.rotation = Some(renewal::follow(Some((&item.secret, &item.version)), state, &after));
                } else if policy.is_some() {
                    // The current version is not at hand: the schedule works it out.
                    own.rotation = None;
                }
            }
            case.record.version = Some(item.version.version.as_str().to_owned());
            let companions = match self.objects.companions(&vault, &keys, name, Some(&item.version.version)).await {
                Ok(companions) => companions,
                Err(why) => return Err(self.objects.refuse(ctx, case, why.into()).await),
            };
            let mut rows = vec![(ObjectKind::Certificate, own, item.version.clone())];
            for (kind, facts) in companions.own() {
                let version = facts.version.clone().ok_or(ObjectError::Tampered)?;
                rows.push((*kind, facts.secret.clone(), version));
            }
            let mut writes = Vec::with_capacity(rows.len());
            for (kind, secret, version) in rows {
                writes.push(self.rewritten(&keys, kind, secret, version, patch, ctx.seconds())?);
            }
            let Some(after) = writes
                .first()
                .and_then(|own| Some(SecretItem { secret: own.name.clone(), version: own.updated.first()?.clone() }))
            else {
                return Err(ObjectError::Unavailable.into());
            };
            let change = Change::WriteCertificate(writes);
            if let Some(after) = self.objects.change(ctx, case, change, after).await? {
                return Ok((after, VaultFacts::from(&*vault)));
            }
        }
        Err(self.objects.contended(ctx, ask()).await)
    }

    /// Whether the issuer that a patch names is there, if it is another than the one that is stored: found out by the next
    /// renewal it would be found out too late.
    async fn has_issuer_of(
        &self,
        vault: &Vault,
        keys: &VaultKeys,
        patch: &PolicyPatch,
        stored: &CertificateState,
    ) -> Result<(), CertificateError> {
        match &patch.issuer {
            Some(issuer) if !issuer.name.eq_ignore_ascii_case(&stored.policy.issuer.name) => {
                self.has_issuer(vault, keys, &issuer.name).await
            }
            _ => Ok(()),
        }
    }

    /// One face of a version with other attributes; what is sealed stays.
    fn rewritten(
        &self,
        keys: &VaultKeys,
        kind: ObjectKind,
        secret: SecretMeta,
        version: VersionMeta,
        patch: &AttributePatch,
        now: i64,
    ) -> Result<NameWrite, ObjectError> {
        let judged = secret.revision;
        let mut meta = patched(version, patch, now);
        meta.tag = self.objects.keyring.tag_version(keys, kind, &secret.name, &meta)?;
        let mut name = SecretMeta { revision: judged + 1, tag: Vec::new(), ..secret };
        name.tag = self.objects.keyring.tag_name(keys, kind, &name)?;
        Ok(NameWrite { kind, judged: Some(judged), name, new: Vec::new(), updated: vec![meta] })
    }

    /// Another state for a name, with what is to be done by itself after it. `changed` gives it, and the one to answer
    /// with.
    async fn change_state(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        changed: impl Fn(&CertificateState) -> Result<(CertificateState, CertificateState), CertificateError>,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        self.change_name(ctx, ask, |item, state| {
            let (after, shown) = changed(state)?;
            let rotation = renewal::follow(Some((&item.secret, &item.version)), &after, &item.version);
            Ok(Changed { state: after, rotation, shown })
        })
        .await
    }

    /// Another row for a name; its versions stay as they are.
    pub(super) async fn change_name(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        changed: impl Fn(&SecretItem, &CertificateState) -> Result<Changed, CertificateError>,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        for _ in 0..ATTEMPTS {
            let InVault { mut case, vault, keys } = self.objects.admit(ctx, ask.clone()).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                let why = match ask.name {
                    Some(name) => ObjectError::NotFound(name.clone(), None),
                    None => ObjectError::Unavailable,
                };
                return Err(self.objects.refuse(ctx, case, why.into()).await);
            };
            let Some(state) = item.secret.certificate.as_deref() else {
                return Err(self.objects.refuse(ctx, case, ObjectError::Tampered.into()).await);
            };
            if let Some(policy) = ask.policy
                && let Err(why) = self.has_issuer_of(&vault, &keys, policy, state).await
            {
                return Err(self.objects.refuse(ctx, case, why).await);
            }
            let Changed { state, rotation, shown } = match changed(&item, state) {
                Ok(changed) => changed,
                Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
            };
            // Of the version in use; what was revoked may be another one.
            if by_schedule(ctx, ask.action) && ask.action != Action::CertificateNoteRevoked {
                case.record.version = Some(item.version.version.as_str().to_owned());
            }
            let judged = item.secret.revision;
            let mut row = SecretMeta {
                revision: judged + 1,
                certificate: Some(Box::new(state)),
                rotation: Some(rotation),
                tag: Vec::new(),
                ..item.secret.clone()
            };
            row.tag = self.objects.keyring.tag_name(&keys, ObjectKind::Certificate, &row).map_err(ObjectError::from)?;
            let shown = SecretMeta { certificate: Some(Box::new(shown)), ..row.clone() };
            let answer = SecretItem { secret: shown, version: item.version };
            let write = NameWrite {
                kind: ObjectKind::Certificate,
                judged: Some(judged),
                name: row,
                new: Vec::new(),
                updated: Vec::new(),
            };
            let change = Change::WriteCertificate(vec![write]);
            if let Some(answer) = self.objects.change(ctx, case, change, answer).await? {
                return Ok((answer, VaultFacts::from(&*vault)));
            }
        }
        Err(self.objects.contended(ctx, ask.clone()).await)
    }
}

/// What becomes of a name.
pub(super) struct Changed {
    pub(super) state: CertificateState,
    pub(super) rotation: Box<Rotation>,
    /// The state to answer with.
    pub(super) shown: CertificateState,
}

/// A version with other attributes; its tag is to be made.
fn patched(version: VersionMeta, patch: &AttributePatch, now: i64) -> VersionMeta {
    let attributes = SecretAttributes {
        enabled: patch.enabled.unwrap_or(version.attributes.enabled),
        tags: patch.tags_over(&version.attributes.tags),
        ..version.attributes
    };
    VersionMeta { attributes, updated: now, tag: Vec::new(), ..version }
}

fn with_policy(state: &CertificateState, patch: &PolicyPatch, now: i64) -> Result<CertificateState, CertificateError> {
    let policy: CertificatePolicy = patch.over(&state.policy);
    policy.check_to_make()?;
    Ok(CertificateState { policy, policy_updated: now, ..state.clone() })
}
