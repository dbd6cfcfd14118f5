//! Soft delete, recovery, purge: always of a name with all its versions.

use super::{ATTEMPTS, Companions, InVault, ObjectError, Objects, Verbs, deleted};
use crate::{
    change::{Change, NameWrite},
    condemned::Condemned,
    context::RequestContext,
    gate::{Ask, Case, by_schedule},
    grant::Scope,
    keyring::VaultKeys,
    names::{ObjectKind, ObjectName, VaultName},
    secret::{LifeState, SecretFacts, SecretItem, SecretMeta, VaultFacts},
    vault::Vault,
};

const SECONDS_A_DAY: i64 = 86_400;

impl Objects {
    /// Soft delete of the name with all its versions.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn delete(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), ObjectError> {
        for _ in 0..ATTEMPTS {
            let InVault { case, vault, keys } =
                self.admit(ctx, Ask::object(verbs.kind, verbs.delete, vault, name)).await?;
            let Some(facts) = case.facts.clone().filter(|f| f.secret.life == LifeState::Active) else {
                return Err(self.refuse(ctx, case, ObjectError::NotFound(name.clone(), None)).await);
            };
            if facts.secret.managed {
                return Err(self.refuse(ctx, case, ObjectError::Managed(name.clone())).await);
            }
            let with_it = match self.going_with(verbs, &vault, &keys, name).await {
                Ok(with_it) => with_it,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            let deleted_at = ctx.seconds();
            let purge_at = deleted_at + i64::from(vault.settings.retention_days) * SECONDS_A_DAY;
            let life = LifeState::Deleted { deleted_at, purge_at };
            if let Some(item) = self.change_life(verbs, ctx, case, &keys, (&*facts, with_it), life).await? {
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        Err(self.contended(ctx, Ask::object(verbs.kind, verbs.delete, vault, name)).await)
    }

    /// Takes a soft-deleted name back into use.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn recover(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), ObjectError> {
        for _ in 0..ATTEMPTS {
            let InVault { case, vault, keys } =
                self.admit(ctx, Ask::object(verbs.kind, verbs.recover, vault, name)).await?;
            let Some(facts) = case.facts.clone().filter(|f| f.secret.life != LifeState::Active) else {
                return Err(self.refuse(ctx, case, ObjectError::DeletedNotFound(name.clone())).await);
            };
            if facts.secret.managed {
                return Err(self.refuse(ctx, case, ObjectError::Managed(name.clone())).await);
            }
            let whole = match self.going_with(verbs, &vault, &keys, name).await {
                Ok(with_it) => (&*facts, with_it),
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            if let Some(item) = self.change_life(verbs, ctx, case, &keys, whole, LifeState::Active).await? {
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        Err(self.contended(ctx, Ask::object(verbs.kind, verbs.recover, vault, name)).await)
    }

    /// Gone for good, with every grant at exactly this object, so that
    /// none comes back to life for a later object of the name. Before its purge date only where the
    /// vault is not protected, and never by the schedule.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn purge(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(), ObjectError> {
        for _ in 0..ATTEMPTS {
            let InVault { case, vault, keys } =
                self.admit(ctx, Ask::object(verbs.kind, verbs.purge, vault, name)).await?;
            let found = deleted(case.facts.as_deref()).map(|item| (item.secret.life, item.secret.managed));
            let Some((LifeState::Deleted { purge_at, .. }, managed)) = found else {
                return Err(self.refuse(ctx, case, ObjectError::DeletedNotFound(name.clone())).await);
            };
            if managed {
                return Err(self.refuse(ctx, case, ObjectError::Managed(name.clone())).await);
            }
            let early = ctx.seconds() < purge_at;
            if early && (vault.settings.purge_protection || by_schedule(ctx, verbs.purge)) {
                return Err(self.refuse(ctx, case, ObjectError::PurgeProtected).await);
            }
            let with_it = match self.going_with(verbs, &vault, &keys, name).await {
                Ok(with_it) => with_it,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            if let Err(why) = self.condemn(ctx, &vault, &case).await {
                return Err(self.refuse(ctx, case, why).await);
            }
            let companions: Vec<_> =
                with_it.iter().flat_map(Companions::own).map(|(kind, facts)| (*kind, facts.secret.revision)).collect();
            let mut assignments = Vec::new();
            for kind in std::iter::once(verbs.kind).chain(companions.iter().map(|(kind, _)| *kind)) {
                let scope = Scope::Object { vault: vault.id, kind, name: name.clone() };
                assignments.extend(self.gate.grants.assignments_at(&scope).await?);
            }
            let change = Change::PurgeSecret { vault_revision: vault.revision, companions, assignments };
            if self.change(ctx, case, change, ()).await?.is_some() {
                return Ok(());
            }
        }
        Err(self.contended(ctx, Ask::object(verbs.kind, verbs.purge, vault, name)).await)
    }

    /// Writes down what is to be destroyed in a hardware token once the name is gone.
    async fn condemn(&self, ctx: &RequestContext, vault: &Vault, case: &Case) -> Result<(), ObjectError> {
        let Some(facts) = &case.facts else { return Ok(()) };
        let share = facts.version.as_ref().and_then(|version| version.key.as_ref()?.token);
        let Some(share) = share else { return Ok(()) };
        let key = Some((facts.secret.name.clone(), share.family));
        let condemned = Condemned::new(&self.keyring, vault, key, ctx.seconds())?;
        Ok(self.condemned.condemn(&condemned).await?)
    }

    /// The key and the secret that go with a certificate; nothing goes with anything else.
    async fn going_with(
        &self,
        verbs: &Verbs,
        vault: &Vault,
        keys: &VaultKeys,
        name: &ObjectName,
    ) -> Result<Option<Companions>, ObjectError> {
        if verbs.kind != ObjectKind::Certificate {
            return Ok(None);
        }
        self.companions(vault, keys, name, None).await.map(Some)
    }

    async fn change_life(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        case: Case,
        keys: &VaultKeys,
        (facts, with_it): (&SecretFacts, Option<Companions>),
        life: LifeState,
    ) -> Result<Option<SecretItem>, ObjectError> {
        let version = facts.version.clone().ok_or(ObjectError::Tampered)?;
        let after = |kind, secret: &SecretMeta| -> Result<SecretMeta, ObjectError> {
            let mut secret = SecretMeta { life, revision: secret.revision + 1, tag: Vec::new(), ..secret.clone() };
            secret.tag = self.keyring.tag_name(keys, kind, &secret)?;
            Ok(secret)
        };
        let secret = after(verbs.kind, &facts.secret)?;
        let item = SecretItem { secret: secret.clone(), version };
        let change = match with_it {
            None => Change::SetSecretLife { secret },
            Some(companions) => {
                let write = |kind, judged: &SecretMeta| -> Result<NameWrite, ObjectError> {
                    let name = after(kind, judged)?;
                    Ok(NameWrite { kind, judged: Some(judged.revision), name, new: Vec::new(), updated: Vec::new() })
                };
                let mut writes = vec![write(verbs.kind, &facts.secret)?];
                for (kind, facts) in companions.own() {
                    writes.push(write(*kind, &facts.secret)?);
                }
                Change::WriteCertificate(writes)
            }
        };
        self.change(ctx, case, change, item).await
    }
}
