//! Backup and restore of a name with all its versions.
//!
//! Values stay sealed on the way out and on the way back; they are opened only to make sure that
//! they can be, and dropped at once.

use std::sync::Arc;

use strongroom_crypto::{Entropy, Plaintext, x509::ImportError};

use super::{ATTEMPTS, Faces, Finished, InVault, ObjectError, Objects, Verbs, active, write::first_revision};
use crate::{
    backup::{Backup, MAX_BACKUP_VERSIONS},
    certificate::CertificatePolicy,
    change::{Change, NameWrite},
    context::RequestContext,
    gate::{Ask, Proposed},
    keyring::{Keyring, VaultKeys},
    names::{ObjectKind, ObjectName, VaultName},
    places::{Place, Places},
    ports::StoreError,
    principal::PrincipalId,
    renewal, rotation,
    secret::{LifeState, SealedVersion, SecretItem, SecretMeta, VaultFacts},
};

/// Where the keys and secrets of restored certificates are made: one restore at a time on a node, on a thread of its
/// own, and one of each caller waits for it. A document of PKCS#12 costs thousands of rounds of hashing, and a backup
/// may hold hundreds of them.
#[derive(Clone)]
pub struct RestorePlace(Places);

impl Default for RestorePlace {
    fn default() -> Self {
        Self(Places::new(1))
    }
}

impl RestorePlace {
    /// The place, once the caller does not have it and nobody else; none when that takes too long.
    pub async fn enter(&self, caller: &PrincipalId) -> Option<Place> {
        self.0.enter(caller).await
    }
}

/// Works on a thread of its own.
async fn on_a_thread<T: Send + 'static>(
    place: Option<Arc<Place>>,
    work: impl FnOnce() -> Result<T, ObjectError> + Send + 'static,
) -> Result<T, ObjectError> {
    let worked = tokio::task::spawn_blocking(move || {
        // Held until the thread is free again, also when nobody waits any more.
        let _place = place;
        work()
    });
    worked.await.map_err(|_| ObjectError::Unavailable)?
}

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
            if item.secret.managed {
                return Err(self.refuse(ctx, case, ObjectError::Managed(name.clone())).await);
            }
            if item.version.key.as_ref().is_some_and(|key| key.token.is_some()) {
                return Err(self.refuse(ctx, case, ObjectError::InToken(name.clone())).await);
            }
            let held = self.store.all_versions(case.permit, MAX_BACKUP_VERSIONS + 1).await;
            if held.inspect(|read| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let held = held.map(|versions| self.seal_backup(verbs, &keys, item, versions?));
            return self.recorder.release(ctx, case.record, held).await?;
        }
        Err(self.contended(ctx, Ask::object(verbs.kind, verbs.backup, vault, name)).await)
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
        let SecretMeta { name, current, certificate, .. } = item.secret;
        for version in &versions {
            self.keyring.verify_version(keys, verbs.kind, &name, &version.meta)?;
            opened(&self.keyring, keys, verbs.kind, &name, version)?;
        }
        let backup = Backup { kind: verbs.kind, name, current, certificate, versions };
        if backup.current().is_none() {
            return Err(ObjectError::Tampered);
        }
        let bytes = backup.encode().map_err(|_| ObjectError::TooMuchToBackUp)?;
        Ok(self.keyring.seal_backup(keys, &bytes, &*self.entropy)?)
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
        // Taken before it is judged, so that what is judged still holds when the work begins.
        let place = match verbs.kind {
            ObjectKind::Certificate => self.restores.enter(&ctx.principal.id).await.map(Arc::new),
            _ => None,
        };
        for _ in 0..ATTEMPTS {
            let Some((backup, current)) = current else {
                let InVault { case, .. } = self.admit(ctx, Ask::objects(verbs.kind, verbs.restore, vault)).await?;
                return Err(self.refuse(ctx, case, ObjectError::BadBackup).await);
            };
            let proposed = Some(Proposed::Whole(&current.meta.attributes));
            let next = backup.certificate.as_deref().map(|state| &state.policy);
            let (said, unsaid) = match next.map(|next| said(next, backup, ctx.judged_seconds())) {
                Some(Ok(said)) => (said, None),
                Some(Err(why)) => (None, Some(why)),
                None => (None, None),
            };
            let would_be = next.map(|next| (next, next.days_from(ctx.judged_seconds())));
            let ask = Ask {
                proposed,
                key: current.meta.key.as_deref(),
                certificate: said.as_ref().map(|(policy, days)| (policy, *days)).or(would_be),
                next,
                versions: &backup.versions,
                ..Ask::object(verbs.kind, verbs.restore, vault, &backup.name)
            };
            let InVault { mut case, vault, keys } = self.admit(ctx, ask).await?;
            if let Some(taken) = &case.facts {
                let why = match taken.secret.life {
                    LifeState::Active => ObjectError::Exists(backup.name.clone()),
                    LifeState::Deleted { .. } => ObjectError::DeletedButRecoverable(backup.name.clone()),
                };
                return Err(self.refuse(ctx, case, why).await);
            }
            if verbs.kind == ObjectKind::Certificate && place.is_none() {
                return Err(self.refuse(ctx, case, ObjectError::Busy).await);
            }
            if backup.name.is_reserved(verbs.kind) {
                let why = ObjectError::Reserved(verbs.kind, backup.name.clone());
                return Err(self.refuse(ctx, case, why).await);
            }
            // What a module could not see it has not allowed.
            if let Some(why) = unsaid {
                return Err(self.refuse(ctx, case, ObjectError::Unsaid(why)).await);
            }
            if let Err(why) = self.backup_contradicts_none(&vault, backup).await {
                return Err(self.refuse(ctx, case, why).await);
            }
            let (item, versions) = self.as_new(verbs, &keys, backup, current)?;
            case.record.version = Some(item.version.version.as_str().to_owned());
            let change = if verbs.kind == ObjectKind::Certificate {
                let companions = match self.companions(&vault, &keys, &backup.name, None).await {
                    Ok(companions) => companions,
                    Err(why) => return Err(self.refuse(ctx, case, why).await),
                };
                if let Some(kind) = companions.foreign() {
                    return Err(self.refuse(ctx, case, ObjectError::NameTaken(kind)).await);
                }
                let making = Making {
                    keyring: Arc::clone(&self.keyring),
                    keys: Arc::clone(&keys),
                    entropy: Arc::clone(&self.entropy),
                    now: ctx.seconds(),
                };
                let own = item.secret.clone();
                match on_a_thread(place.clone(), move || making.with_companions(own, versions)).await {
                    Ok(writes) => Change::WriteCertificate(writes),
                    Err(why) => return Err(self.refuse(ctx, case, why).await),
                }
            } else {
                Change::RestoreSecret { secret: item.secret.clone(), versions }
            };
            if let Some(item) = self.change(ctx, case, change, item).await? {
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        match current {
            Some((backup, _)) => {
                Err(self.contended(ctx, Ask::object(verbs.kind, verbs.restore, vault, &backup.name)).await)
            }
            None => Err(self.contended(ctx, Ask::objects(verbs.kind, verbs.restore, vault)).await),
        }
    }

    async fn look_into(&self, verbs: &Verbs, vault: &VaultName, blob: &[u8]) -> Option<Backup> {
        let vault = self.gate.vaults.vault(vault).await.ok()??;
        let keys = self.keyring.verified_vault_keys(&vault).await.ok()?;
        let backup = Backup::decode(&self.keyring.open_backup(&keys, blob).ok()?).ok()?;
        if backup.kind != verbs.kind || backup.certificate.is_some() != (verbs.kind == ObjectKind::Certificate) {
            return None;
        }
        let openable = |version| opened(&self.keyring, &keys, verbs.kind, &backup.name, version).is_ok();
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
            managed: false,
            certificate: backup.certificate.clone().map(|mut state| {
                // No issuer was set for the name in its new life.
                state.authority_since = None;
                state
            }),
            // A key's policy is not part of a backup, and what was done is not either: what is to be done by itself is
            // decided anew.
            rotation: match &backup.certificate {
                Some(state) => Some(Box::new(renewal::plan(state, &current.meta))),
                None => rotation::follow(None, &current.meta),
            },
            tag: Vec::new(),
        };
        secret.tag = self.keyring.tag_name(keys, verbs.kind, &secret)?;
        Ok((SecretItem { secret, version: current.meta.clone() }, versions))
    }
}

/// What the certificate of the current version says, unless it waits for one. All others can be judged, too.
fn said(next: &CertificatePolicy, backup: &Backup, now: i64) -> Result<Option<(CertificatePolicy, u32)>, ImportError> {
    let mut of_current = None;
    for version in &backup.versions {
        let leaf = version.meta.certificate.as_ref().and_then(|certificate| certificate.leaf());
        let said = leaf.map(|leaf| next.as_in(leaf, now)).transpose()?;
        if version.meta.version == backup.current {
            of_current = said;
        }
    }
    Ok(of_current)
}

/// A backup that cannot be restored is worth nothing, and a restored value that cannot be opened is none.
fn opened(
    keyring: &Keyring,
    keys: &VaultKeys,
    kind: ObjectKind,
    name: &ObjectName,
    version: &SealedVersion,
) -> Result<Plaintext, ObjectError> {
    if version.meta.data_key_id != version.sealed.data_key_id {
        return Err(ObjectError::Tampered);
    }
    Ok(keyring.open(keys, kind, name, &version.meta.version, &version.sealed)?)
}

/// What a restored certificate's key and secret are made with.
struct Making {
    keyring: Arc<Keyring>,
    keys: Arc<VaultKeys>,
    entropy: Arc<dyn Entropy>,
    /// Unix seconds.
    now: i64,
}

impl Making {
    /// The rows of a certificate with those of its key and its secret, which are made again of what it holds.
    fn with_companions(&self, own: SecretMeta, versions: Vec<SealedVersion>) -> Result<Vec<NameWrite>, ObjectError> {
        let kind = ObjectKind::Certificate;
        let faces = Faces { keyring: &self.keyring, keys: &self.keys, entropy: &*self.entropy, now: self.now };
        let (mut of_key, mut of_secret) = (Vec::new(), Vec::new());
        for version in &versions {
            let meta = &version.meta;
            let (Some(key), Some(certificate)) = (&meta.key, &meta.certificate) else {
                return Err(ObjectError::BadBackup);
            };
            if certificate.leaf().is_none() {
                continue;
            }
            let private = opened(&self.keyring, &self.keys, kind, &own.name, version)?;
            let finished = Finished {
                version: &meta.version,
                ordinal: meta.ordinal,
                created: meta.created,
                attributes: &meta.attributes,
                key,
                certificate,
                private: &private,
            };
            let [(_, key), (_, secret)] = faces.version(&own.name, &finished)?;
            of_key.push(key);
            of_secret.push(secret);
        }
        let (name, current) = (own.name.clone(), own.current.clone());
        let mut writes = vec![NameWrite { kind, judged: None, name: own, new: versions, updated: Vec::new() }];
        if of_key.iter().any(|version| version.meta.version == current) {
            writes.push(faces.companion(ObjectKind::Key, &name, None, &current, of_key)?);
            writes.push(faces.companion(ObjectKind::Secret, &name, None, &current, of_secret)?);
        }
        Ok(writes)
    }
}
