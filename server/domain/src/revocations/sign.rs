//! Signing lists of revoked certificates, by the schedule or right after something was revoked: always as the installation
//! itself, and always on record at the authority whose key signs.

use strongroom_crypto::x509;

use super::{PRINCIPAL, RevocationError, Revoking, Signatory};
use crate::{
    action::Action,
    context::RequestContext,
    gate::Ask,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId, VaultName},
    objects::{ATTEMPTS, InVault, ObjectError, SigningKey},
    ports::{RotationSchedule, StoreError},
    record::HowItWent,
    revocation::{MADE_AGAIN_AFTER, RevocationList, Revocations, SignedList, TRIED_AGAIN_AFTER},
    rotation::{self, FailedAttempts, LifetimeAction},
    schedule::{Due, fails_for_good, own_request},
    secret::SecretItem,
};

/// What is done with those of a vault.
const ACTIONS: [LifetimeAction; 1] = [LifetimeAction::Rotate];

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Issued {
    /// Authorities whose lists were made anew.
    pub authorities: usize,
    /// Authorities of which one should have been made and was not: the records say why.
    pub failed: usize,
}

impl Revoking {
    /// Makes anew the lists whose time has come: long before they lapse.
    ///
    /// # Errors
    /// When the store cannot say what is due, or records cannot be written; the next run goes on.
    pub async fn do_what_is_due(&self, schedule: &dyn RotationSchedule) -> Result<Issued, StoreError> {
        let mut done = Issued::default();
        let mut due = Due::new(schedule, ObjectKind::Revocations, &ACTIONS);
        while let Some((_, object)) = due.next(&*self.clock).await? {
            match self.sign_if_due(&object.vault, &object.name).await {
                Ok(Some(_)) => done.authorities += 1,
                Ok(None) => {}
                Err(error) => {
                    if !matches!(&error, RevocationError::Object(why) if !fails_for_good(why)?) {
                        tracing::error!(%error, vault = %object.vault, authority = %object.name, "a list of revoked certificates could not be made");
                        done.failed += 1;
                    }
                }
            }
        }
        Ok(done)
    }

    /// Signs the lists of an authority, if their time has come. Gives them as they are then.
    pub(super) async fn sign_if_due(
        &self,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<Option<Revocations>, RevocationError> {
        for _ in 0..ATTEMPTS {
            let Some((item, mut all)) = self.read(vault, name).await? else { return Ok(None) };
            let now = self.seconds();
            if !rotation::is_due(&item.secret, LifetimeAction::Rotate, now) {
                return Ok(None);
            }
            if self.take_on(vault, name, &mut all).await? {
                all.forget(now);
            }
            let mut failed = None;
            // Nobody takes one that an authority signs that has ended.
            for list in all.lists.iter_mut().filter(|list| list.ends > now) {
                match self.signed(vault, name, list, now).await {
                    Ok(signed) => list.signed = Some(signed),
                    // Nothing is worth writing down: the next run tries again.
                    Err(RevocationError::Object(why @ (ObjectError::Unavailable | ObjectError::NoRecord(_)))) => {
                        return Err(why.into());
                    }
                    Err(why) => {
                        // Nobody will ever sign that of a key that is gone for good: nothing waits for it.
                        let missing = matches!(why, RevocationError::NoSuchAuthority(_));
                        if !missing || !self.is_gone(vault, name, &list.version).await? {
                            failed = Some(why);
                        }
                    }
                }
            }
            let before = item.secret.rotation.as_ref().and_then(|rotation| rotation.failed.as_ref());
            let attempt = |why: &RevocationError| FailedAttempts {
                count: before.map_or(1, |before| before.count.saturating_add(1)),
                last: now,
                reason: why.how().1.to_owned(),
            };
            // One that lapses earlier does so with the certificate of its key, which may have been renewed by then.
            let lapses = all.lists.iter().filter_map(|list| Some(list.signed.as_ref()?.next_update));
            let again = match &failed {
                Some(_) => now + TRIED_AGAIN_AFTER,
                None => lapses.filter(|at| *at > now).fold(now + MADE_AGAIN_AFTER, i64::min),
            };
            let attempts = failed.as_ref().map(attempt);
            if self.rewrite((vault, name), Some(item.secret.revision), &all, (again, attempts)).await? {
                return match failed {
                    Some(why) => Err(why),
                    None => Ok(Some(all)),
                };
            }
        }
        Err(ObjectError::Contended.into())
    }

    /// Gives each list to the newest certificate of its key, so that it does not end with one that was renewed. Whether all
    /// certificates were seen: what is revoked is forgotten by nothing less.
    async fn take_on(
        &self,
        vault: &VaultName,
        name: &ObjectName,
        all: &mut Revocations,
    ) -> Result<bool, RevocationError> {
        let found = self.objects.gate.vaults.vault(vault).await?.ok_or(ObjectError::VaultNotFound)?;
        let keys = self.objects.keyring.verified_vault_keys(&found).await.map_err(ObjectError::from)?;
        let known = match self.signatories(&found, &keys, name).await {
            Ok((_, known)) => known,
            // One that is damaged keeps no list of another from being made.
            Err(RevocationError::Object(ObjectError::Tampered)) => return Ok(false),
            Err(why) => return Err(why),
        };
        for list in &mut all.lists {
            for one in known.iter().filter(|one| one.list == list.id) {
                if one.ends > list.ends {
                    (list.version, list.ends) = (one.version.clone(), one.ends);
                }
            }
        }
        Ok(true)
    }

    /// Begins the list of a key, or has a newer certificate of it take that on; once over many nodes. Whether there was
    /// anything to do.
    pub(super) async fn begin(
        &self,
        vault: &VaultName,
        name: &ObjectName,
        key: &Signatory,
    ) -> Result<bool, RevocationError> {
        for _ in 0..ATTEMPTS {
            let (judged, mut all) = match self.read(vault, name).await? {
                Some((item, all)) => (Some(item.secret.revision), all),
                None => (None, Revocations::default()),
            };
            let before = all.lists.clone();
            if all.list(key.named()).is_err() {
                self.make_room((vault, name), &mut all).await?;
            }
            all.list(key.named())?;
            if all.lists == before {
                return Ok(false);
            }
            if self.rewrite((vault, name), judged, &all, (self.seconds(), None)).await? {
                return Ok(true);
            }
        }
        Err(ObjectError::Contended.into())
    }

    /// Lets go of the lists of keys that are gone for good, once nothing that they say counts.
    async fn make_room(
        &self,
        (vault, name): (&VaultName, &ObjectName),
        all: &mut Revocations,
    ) -> Result<(), RevocationError> {
        let mut kept = Vec::new();
        for list in std::mem::take(&mut all.lists) {
            let counts = list.signed.as_ref().is_some_and(|signed| self.seconds() < signed.next_update);
            if counts || !self.is_gone(vault, name, &list.version).await? {
                kept.push(list);
            }
        }
        all.lists = kept;
        Ok(())
    }

    /// Whether a version of an authority was purged, and is not just deleted.
    async fn is_gone(
        &self,
        vault: &VaultName,
        name: &ObjectName,
        version: &ObjectVersion,
    ) -> Result<bool, RevocationError> {
        let found = self.objects.gate.vaults.vault(vault).await?.ok_or(ObjectError::VaultNotFound)?;
        let facts = self.objects.store.facts(found.id, ObjectKind::Certificate, name, Some(version)).await?;
        Ok(facts.is_none_or(|facts| facts.version.is_none()))
    }

    pub(super) fn seconds(&self) -> i64 {
        self.clock.now_millis().div_euclid(1000)
    }

    pub(super) fn own_request(&self) -> Result<RequestContext, RevocationError> {
        Ok(own_request(PRINCIPAL, &*self.clock, &*self.objects.entropy)?)
    }

    /// What an authority has revoked, if anything was ever written down of it. That there is nothing is no failure, so it
    /// is not asked for under a permit.
    pub(super) async fn read(
        &self,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<Option<(SecretItem, Revocations)>, RevocationError> {
        let (kind, objects) = (ObjectKind::Revocations, &self.objects);
        let found = objects.gate.vaults.vault(vault).await?.ok_or(ObjectError::VaultNotFound)?;
        if objects.store.facts(found.id, kind, name, None).await?.is_none() {
            return Ok(None);
        }
        let ctx = self.own_request()?;
        let ask = Ask::object(kind, Action::RevocationListIssue, vault, name);
        let Some((item, document)) = objects.read_whole(&ctx, ask).await? else { return Ok(None) };
        Ok(Some((item, Revocations::of_document(&document).map_err(|_| ObjectError::Tampered)?)))
    }

    /// Writes it, if it is still the one that was read.
    async fn rewrite(
        &self,
        (vault, name): (&VaultName, &ObjectName),
        judged: Option<i64>,
        all: &Revocations,
        (due, failed): (i64, Option<FailedAttempts>),
    ) -> Result<bool, RevocationError> {
        let ctx = self.own_request()?;
        let ask = Ask::object(ObjectKind::Revocations, Action::RevocationListIssue, vault, name);
        let InVault { case, keys, vault: found } = self.objects.admit(&ctx, ask).await?;
        let facts = case.facts.clone();
        if facts.as_ref().map(|facts| facts.secret.revision) != judged {
            return match self.objects.refuse(&ctx, case, ObjectError::Contended).await {
                ObjectError::Contended => Ok(false),
                why => Err(why.into()),
            };
        }
        let change = match self.written(&ctx, &keys, name, all, (all.plan(due, failed), facts.as_deref())) {
            Ok(change) => change,
            Err(why) => return Err(self.objects.refuse(&ctx, case, why).await.into()),
        };
        let written = self.objects.change(&ctx, case, change, ()).await?.is_some();
        if written {
            self.shelf.forget(found.id, name);
        }
        Ok(written)
    }

    /// The next list of a key, signed by it. A version that is disabled signs no certificates, and lists all the same:
    /// what it signed before is taken for as long as nobody hears otherwise.
    async fn signed(
        &self,
        vault: &VaultName,
        name: &ObjectName,
        list: &RevocationList,
        now: i64,
    ) -> Result<SignedList, RevocationError> {
        let ctx = self.own_request()?;
        let ask = Ask::object(ObjectKind::Certificate, Action::AuthoritySign, vault, name);
        let ask = Ask { version: Some(&list.version), ..ask };
        let missing = || RevocationError::NoSuchAuthority(name.clone());
        let sign = |with: &SigningKey<'_>| -> Result<_, RevocationError> {
            let leaf = with.chain.first().ok_or_else(missing)?;
            let (number, this_update, next_update) = list.next(now);
            let revoked = list.entries();
            let said = x509::List { number, this_update, next_update, revoked: &revoked };
            let der = x509::revocation_list(leaf, with.key(), &said)?;
            Ok(SignedList { number, this_update, next_update, der })
        };
        let told = |signed: &SignedList| {
            vec![("signed", "list".to_owned()), ("list", list.id.clone()), ("number", signed.number.to_string())]
        };
        self.objects.sign_as_authority(&ctx, ask, (|_: VaultId, _: &SecretItem| Ok(()), missing), sign, told).await
    }
}
