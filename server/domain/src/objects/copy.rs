//! Backup and restore of a name with all its versions.
//!
//! Values stay sealed on the way out and on the way back; they are opened only to make sure that
//! they can be, and dropped at once.

use super::{ATTEMPTS, InVault, ObjectError, Objects, Verbs, active, write::first_revision};
use crate::{
    backup::{Backup, MAX_BACKUP_VERSIONS},
    change::Change,
    context::RequestContext,
    gate::{Ask, Proposed},
    keyring::VaultKeys,
    names::{ObjectName, VaultName},
    ports::StoreError,
    secret::{LifeState, SealedVersion, SecretItem, SecretMeta, VaultFacts},
};

impl Objects {
    /// A sealed blob with all versions.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn backup(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<Vec<u8>, ObjectError> {
        for _ in 0..ATTEMPTS {
            let InVault { case, keys, .. } =
                self.admit(ctx, Ask::object(verbs.kind, verbs.backup, vault, name)).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                return Err(self.refuse(ctx, case, ObjectError::NotFound(name.clone(), None)).await);
            };
            let held = self.store.all_versions(case.permit, MAX_BACKUP_VERSIONS + 1).await;
            if held.inspect(|read| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let held = held.map(|versions| self.seal_backup(verbs, &keys, item, versions?));
            return self.recorder.release(ctx, case.record, held).await?;
        }
        Err(ObjectError::Contended)
    }

    fn seal_backup(
        &self,
        verbs: &Verbs,
        keys: &VaultKeys,
        item: SecretItem,
        versions: Vec<SealedVersion>,
    ) -> Result<Vec<u8>, ObjectError> {
        if versions.len() > MAX_BACKUP_VERSIONS {
            return Err(ObjectError::TooMuchToBackUp);
        }
        let name = &item.secret.name;
        for version in &versions {
            self.keyring.verify_version(keys, verbs.kind, name, &version.meta)?;
            self.openable(verbs, keys, name, version)?;
        }
        let backup = Backup { kind: verbs.kind, name: name.clone(), current: item.secret.current, versions };
        if backup.current().is_none() {
            return Err(ObjectError::Tampered);
        }
        let bytes = backup.encode().map_err(|_| ObjectError::TooMuchToBackUp)?;
        Ok(self.keyring.seal_backup(keys, &bytes, &*self.entropy)?)
    }

    /// A backup that cannot be restored is worth nothing, and a restored value that cannot be opened
    /// is none.
    fn openable(
        &self,
        verbs: &Verbs,
        keys: &VaultKeys,
        name: &ObjectName,
        version: &SealedVersion,
    ) -> Result<(), ObjectError> {
        if version.meta.data_key_id != version.sealed.data_key_id {
            return Err(ObjectError::Tampered);
        }
        self.keyring.open(keys, verbs.kind, name, &version.meta.version, &version.sealed)?;
        Ok(())
    }

    /// The name with all versions as they were, unless the name is taken.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn restore(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        blob: &[u8],
    ) -> Result<(SecretItem, VaultFacts), ObjectError> {
        // Looked into before anybody is judged, because the name to judge is in it; nothing of it
        // is told before.
        let backup = self.look_into(verbs, vault, blob).await;
        let current = backup.as_ref().and_then(|backup| Some((backup, backup.current()?)));
        for _ in 0..ATTEMPTS {
            let Some((backup, current)) = current else {
                let InVault { case, .. } = self.admit(ctx, Ask::objects(verbs.kind, verbs.restore, vault)).await?;
                return Err(self.refuse(ctx, case, ObjectError::BadBackup).await);
            };
            let proposed = Some(Proposed::Whole(&current.meta.attributes));
            let ask = Ask { proposed, ..Ask::object(verbs.kind, verbs.restore, vault, &backup.name) };
            let InVault { mut case, vault, keys } = self.admit(ctx, ask).await?;
            if let Some(taken) = &case.facts {
                let why = match taken.secret.life {
                    LifeState::Active => ObjectError::Exists(backup.name.clone()),
                    LifeState::Deleted { .. } => ObjectError::DeletedButRecoverable(backup.name.clone()),
                };
                return Err(self.refuse(ctx, case, why).await);
            }
            let (item, versions) = self.as_new(verbs, &keys, backup, current)?;
            case.record.version = Some(item.version.version.as_str().to_owned());
            let change = Change::RestoreSecret { secret: item.secret.clone(), versions };
            if let Some(item) = self.change(ctx, case, change, item).await? {
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        Err(ObjectError::Contended)
    }

    async fn look_into(&self, verbs: &Verbs, vault: &VaultName, blob: &[u8]) -> Option<Backup> {
        let vault = self.gate.vaults.vault(vault).await.ok()??;
        self.keyring.verify_vault(&vault).ok()?;
        let keys = self.keyring.vault_keys(&vault).ok()?;
        let backup = Backup::decode(&self.keyring.open_backup(&keys, blob).ok()?).ok()?;
        if backup.kind != verbs.kind {
            return None;
        }
        let openable = |version| self.openable(verbs, &keys, &backup.name, version).is_ok();
        backup.versions.iter().all(openable).then_some(backup)
    }

    /// The rows of a name that is made again: same versions, a revision of its own.
    fn as_new(
        &self,
        verbs: &Verbs,
        keys: &VaultKeys,
        backup: &Backup,
        current: &SealedVersion,
    ) -> Result<(SecretItem, Vec<SealedVersion>), ObjectError> {
        let mut random = [0u8; 16];
        self.entropy.fill(&mut random).map_err(|_| ObjectError::Unavailable)?;
        let mut versions = backup.versions.clone();
        for version in &mut versions {
            version.meta.tag = self.keyring.tag_version(keys, verbs.kind, &backup.name, &version.meta)?;
        }
        let mut secret = SecretMeta {
            name: backup.name.clone(),
            life: LifeState::Active,
            current: backup.current.clone(),
            revision: first_revision(random),
            tag: Vec::new(),
        };
        secret.tag = self.keyring.tag_name(keys, verbs.kind, &secret)?;
        Ok((SecretItem { secret, version: current.meta.clone() }, versions))
    }
}
