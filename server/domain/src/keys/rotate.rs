//! New versions of keys in place of old ones, by hand and by a policy, and notice before a version ends.
//!
//! What is due is done by the same use cases and the same gate as everybody's requests, with a record each.
//! Many nodes may do it at once: a change is bound to the revision that was judged, so each happens once.

use super::{KeyError, Keys, Source};
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate::{Ask, Case, Proposed},
    key::KeyProperties,
    keyring::VaultKeys,
    names::{ObjectKind, ObjectName, VaultName},
    objects::{ATTEMPTS, InVault, NewVersion, ObjectError, Verbs, active},
    ports::{DueObject, RotationSchedule, StoreError},
    rotation::{self, LifetimeAction, Rotation, RotationPolicy, RotationTerms},
    schedule::{Due, fails_for_good, own_request},
    secret::{SecretItem, SecretMeta, VaultFacts},
    time::Clock,
};

/// Name of the system principal in records.
pub const PRINCIPAL: &str = "key-rotation";

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Keys with a new version.
    pub keys: usize,
    /// Keys of whose end notice was given.
    pub notices: usize,
    /// Keys with which something should have been done and was not: the records say why.
    pub failed: usize,
}

impl Keys {
    /// POST /keys/{name}/rotate: a new version of the same kind, for the same use.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn rotate(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), KeyError> {
        self.rotate_as(ctx, vault, name, Action::KeyRotate).await
    }

    async fn rotate_as(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        action: Action,
    ) -> Result<(SecretItem, VaultFacts), KeyError> {
        let mut source = Source::default();
        let done = self.rotate_from(ctx, (vault, name), action, &mut source).await;
        self.discard_unused(source).await;
        done
    }

    async fn rotate_from(
        &self,
        ctx: &RequestContext,
        (vault, name): (&VaultName, &ObjectName),
        action: Action,
        source: &mut Source,
    ) -> Result<(SecretItem, VaultFacts), KeyError> {
        let proposed = Some(Proposed::Successor { now: ctx.seconds() });
        let ask = || Ask { proposed, ..Ask::object(ObjectKind::Key, action, vault, name) };
        for _ in 0..ATTEMPTS {
            let InVault { mut case, vault, keys } = self.objects.admit(ctx, ask()).await?;
            let facts = case.facts.clone();
            let found = active(facts.as_deref()).and_then(|item| Some((item.version.key.clone()?, item)));
            let Some((properties, item)) = found else {
                return Err(self.objects.refuse(ctx, case, ObjectError::NotFound(name.clone(), None).into()).await);
            };
            if item.secret.managed {
                return Err(self.objects.refuse(ctx, case, ObjectError::Managed(name.clone()).into()).await);
            }
            if action == Action::KeyRotateIfDue && !is_due(&item, LifetimeAction::Rotate, ctx) {
                return Err(self.objects.refuse(ctx, case, KeyError::NotDue).await);
            }
            let attributes = rotation::successor(&item.secret, &item.version.attributes, ctx.seconds());
            // Made only for who may have it, and once as long as it fits, however often it is judged.
            let began = self.objects.recorder.ticks_micros();
            let key = match self.material(ctx, source, vault.id, &properties).await {
                Ok(key) => key,
                Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
            };
            if self.objects.is_judged_too_long_ago(ctx, began) {
                continue;
            }
            let next = KeyProperties { public: key.public.clone(), ..*properties };
            let new = NewVersion { attributes: &attributes, key: Some(next), value: &key.private };
            let (item, change) = self.objects.new_version(Verbs::KEYS, ctx, &keys, name, new, facts.as_deref())?;
            case.record.version = Some(item.version.version.as_str().to_owned());
            if let Some(item) = self.commit_version(ctx, case, change, item, source).await? {
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        Err(self.objects.contended(ctx, ask()).await)
    }

    /// GET /keys/{name}/rotationpolicy: the name as it is written, and its policy; none when nobody gave it one.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn rotation_policy(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(ObjectName, Option<RotationPolicy>), KeyError> {
        let (name, policy, _) = self.rotation_policy_at(ctx, vault, name).await?;
        Ok((name, policy))
    }

    /// The same with the revision that the key is at.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn rotation_policy_at(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(ObjectName, Option<RotationPolicy>, i64), KeyError> {
        let ask = Ask::object(ObjectKind::Key, Action::KeyRotationPolicyGet, vault, name);
        let InVault { case, .. } = self.objects.admit(ctx, ask).await?;
        let item = active(case.facts.as_deref()).ok_or_else(|| ObjectError::NotFound(name.clone(), None));
        let found = item.map(|SecretItem { secret, .. }| {
            let policy = rotation::policy_of(&secret).cloned();
            (secret.name, policy, secret.revision)
        });
        let held = case.permit.hold(found);
        Ok(self.objects.recorder.release(ctx, case.record, held).await.map_err(ObjectError::from)??)
    }

    /// PUT /keys/{name}/rotationpolicy. Versions that are there keep their ends.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn set_rotation_policy(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        terms: &RotationTerms,
    ) -> Result<(ObjectName, RotationPolicy), KeyError> {
        terms.check()?;
        // What it would make, were it due now.
        let proposed = Some(Proposed::SuccessorBy { terms, now: ctx.seconds() });
        let ask = || Ask { proposed, ..Ask::object(ObjectKind::Key, Action::KeyRotationPolicySet, vault, name) };
        for _ in 0..ATTEMPTS {
            let InVault { mut case, keys, .. } = self.objects.admit(ctx, ask()).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                return Err(self.objects.refuse(ctx, case, ObjectError::NotFound(name.clone(), None).into()).await);
            };
            if item.secret.managed {
                return Err(self.objects.refuse(ctx, case, ObjectError::Managed(name.clone()).into()).await);
            }
            let now = ctx.seconds();
            let created = rotation::policy_of(&item.secret).map_or(now, |before| before.created);
            let policy = RotationPolicy { terms: terms.clone(), created, updated: now };
            let rotation = Rotation::of(Some(policy.clone()), &item.version);
            case.record.detail_rotation(terms);
            let answer = (item.secret.name.clone(), policy);
            if let Some(answer) = self.put_rotation(ctx, case, &keys, item.secret, rotation, answer).await? {
                return Ok(answer);
            }
        }
        Err(self.objects.contended(ctx, ask()).await)
    }

    /// Puts on record that the current version of a key ends soon, once.
    async fn notify(&self, ctx: &RequestContext, vault: &VaultName, name: &ObjectName) -> Result<(), KeyError> {
        let ask = || Ask::object(ObjectKind::Key, Action::KeyNearExpiry, vault, name);
        for _ in 0..ATTEMPTS {
            let InVault { mut case, keys, .. } = self.objects.admit(ctx, ask()).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                return Err(self.objects.refuse(ctx, case, ObjectError::NotFound(name.clone(), None).into()).await);
            };
            if !is_due(&item, LifetimeAction::Notify, ctx) {
                return Err(self.objects.refuse(ctx, case, KeyError::NotDue).await);
            }
            case.record.version = Some(item.version.version.as_str().to_owned());
            let given = item.secret.rotation.clone();
            let rotation = given.map(|rotation| Box::new(Rotation { notify_at: None, ..*rotation }));
            if self.put_rotation(ctx, case, &keys, item.secret, rotation, ()).await?.is_some() {
                return Ok(());
            }
        }
        Err(self.objects.contended(ctx, ask()).await)
    }

    /// Writes what is to be done with a key by itself; nothing else of it changes.
    async fn put_rotation<T>(
        &self,
        ctx: &RequestContext,
        case: Case,
        keys: &VaultKeys,
        before: SecretMeta,
        rotation: Option<Box<Rotation>>,
        answer: T,
    ) -> Result<Option<T>, ObjectError> {
        let mut secret = SecretMeta { rotation, revision: before.revision + 1, tag: Vec::new(), ..before };
        secret.tag = self.objects.keyring.tag_name(keys, ObjectKind::Key, &secret)?;
        self.objects.change(ctx, case, Change::SetSecretLife { secret }, answer).await
    }

    /// Does what is due: in each vault rotates, then gives notice of what still ends soon. Vaults take turns.
    ///
    /// # Errors
    /// When the store cannot say what is due, or records cannot be written; the next run goes on.
    pub async fn do_what_is_due(
        &self,
        schedule: &dyn RotationSchedule,
        clock: &dyn Clock,
    ) -> Result<Rotated, StoreError> {
        let mut done = Rotated::default();
        let mut due = Due::new(schedule, ObjectKind::Key, &[LifetimeAction::Rotate, LifetimeAction::Notify]);
        while let Some((action, key)) = due.next(clock).await? {
            self.act(action, &key, clock, &mut done).await?;
        }
        Ok(done)
    }

    async fn act(
        &self,
        action: LifetimeAction,
        due: &DueObject,
        clock: &dyn Clock,
        done: &mut Rotated,
    ) -> Result<(), StoreError> {
        let ctx = own_request(PRINCIPAL, clock, &*self.objects.entropy)?;
        let outcome = match action {
            LifetimeAction::Rotate => {
                self.rotate_as(&ctx, &due.vault, &due.name, Action::KeyRotateIfDue).await.map(|_| done.keys += 1)
            }
            LifetimeAction::Notify => self.notify(&ctx, &due.vault, &due.name).await.map(|()| done.notices += 1),
            // Of certificates alone.
            LifetimeAction::Plan => return Ok(()),
        };
        let Err(error) = outcome else { return Ok(()) };
        let fails = match &error {
            // Another node was faster.
            KeyError::NotDue => false,
            KeyError::Object(error) => fails_for_good(error)?,
            _ => true,
        };
        if fails {
            // On record; one key that cannot be rotated keeps no other from it.
            tracing::error!(%error, vault = %due.vault, key = %due.name, "what is due with a key could not be done");
            done.failed += 1;
        }
        Ok(())
    }
}

fn is_due(item: &SecretItem, action: LifetimeAction, ctx: &RequestContext) -> bool {
    rotation::is_due(&item.secret, action, ctx.seconds())
}
