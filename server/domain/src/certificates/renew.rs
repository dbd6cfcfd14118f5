//! Renewal: the next version of a certificate by its policy, when its time has come, and notice of an end that somebody
//! has to see to.
//!
//! What is due is done by the same use cases and the same gate as everybody's requests, with a record each. Many nodes
//! may do it at once: a change is bound to the revision that was judged, so each happens once. A renewal that fails
//! changes nothing but when it is tried again: the version in use stays.

use super::{CertificateError, Certificates, state::Changed};
use crate::{
    action::Action,
    alert::{Alert, AlertKind, Failure},
    certificate::CertificateState,
    context::RequestContext,
    gate::Ask,
    names::ObjectKind,
    objects::ObjectError,
    ports::{DueObject, RotationSchedule, StoreError},
    record::HowItWent,
    renewal,
    rotation::{self, LifetimeAction, Rotation},
    schedule::{Due, fails_for_good, own_request},
    secret::{SecretAttributes, SecretItem},
    time::Clock,
};

/// Name of the system principal in records.
pub const PRINCIPAL: &str = "certificate-renewal";

/// What is done with those of a vault, in this order.
const ACTIONS: [LifetimeAction; 3] = [LifetimeAction::Plan, LifetimeAction::Rotate, LifetimeAction::Notify];

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Renewed {
    /// Certificates with a new version.
    pub certificates: usize,
    /// When an issuer is to be asked again next, Unix seconds.
    pub ask_at: Option<i64>,
    /// Certificates of whose end notice was given.
    pub notices: usize,
    /// Certificates with which something should have been done and was not: the records say why.
    pub failed: usize,
}

/// What is to be done with a certificate that is due.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// An issuer is asked for the version that was ordered.
    Ask,
    /// The authority of the version in use is asked when it wants that renewed.
    Inquire,
    /// The next version is made or ordered.
    Renew,
}

impl Certificates {
    /// Does what is due: in each vault renews, then gives notice of what still ends soon. Vaults take turns.
    ///
    /// # Errors
    /// When the store cannot say what is due, or records cannot be written; the next run goes on.
    pub async fn do_what_is_due(
        &self,
        schedule: &dyn RotationSchedule,
        clock: &dyn Clock,
    ) -> Result<Renewed, StoreError> {
        let mut done = Renewed::default();
        let mut due = Due::new(schedule, ObjectKind::Certificate, &ACTIONS);
        while let Some((action, certificate)) = due.next(clock).await? {
            self.act(action, &certificate, clock, &mut done).await?;
        }
        Ok(done)
    }

    async fn act(
        &self,
        action: LifetimeAction,
        due: &DueObject,
        clock: &dyn Clock,
        done: &mut Renewed,
    ) -> Result<(), StoreError> {
        let ctx = own_request(PRINCIPAL, clock, &*self.objects.entropy)?;
        let outcome = match action {
            LifetimeAction::Plan => self.plan(&ctx, due).await,
            LifetimeAction::Rotate => self.renew(ctx, due, clock, done).await,
            LifetimeAction::Notify => self.notify(&ctx, due).await.map(|item| {
                done.notices += 1;
                self.alert(AlertKind::EndsSoon, due, Some(&item), ctx.seconds());
            }),
        };
        let Err(error) = outcome else { return Ok(()) };
        if fails(&error)? {
            // On record; one certificate that cannot be renewed keeps no other from it.
            tracing::error!(%error, vault = %due.vault, certificate = %due.name, "what is due with a certificate could not be done");
            done.failed += 1;
            if action == LifetimeAction::Rotate {
                self.try_later(due, &error, clock).await?;
            }
        }
        Ok(())
    }

    /// Has a renewal that failed tried again later, and tells of it: of many nodes that tried it, one does both.
    async fn try_later(&self, due: &DueObject, why: &CertificateError, clock: &dyn Clock) -> Result<(), StoreError> {
        let ctx = own_request(PRINCIPAL, clock, &*self.objects.entropy)?;
        let item = match self.postpone(&ctx, due, why).await {
            Ok(item) => Some(item),
            Err(error) if !fails(&error)? => return Ok(()),
            Err(error) => {
                tracing::error!(%error, vault = %due.vault, certificate = %due.name, "its next renewal is tried without a pause");
                None
            }
        };
        let (outcome, reason) = why.how();
        let rotation = item.as_ref().and_then(|item| item.secret.rotation.as_deref());
        let failure = Failure {
            outcome,
            reason: reason.to_owned(),
            failures: rotation.and_then(|rotation| rotation.failed.as_ref()).map_or(1, |failed| failed.count),
            next: rotation.and_then(|rotation| rotation.rotate_at),
        };
        self.alert(AlertKind::NotRenewed(failure), due, item.as_ref(), ctx.seconds());
        Ok(())
    }

    /// Tells whoever listens of a certificate that somebody has to see to.
    pub(super) fn alert(&self, kind: AlertKind, due: &DueObject, item: Option<&SecretItem>, at: i64) {
        let (vault, certificate) = (due.vault.clone(), due.name.clone());
        let expires = item.and_then(|item| item.version.attributes.expires);
        self.alerts.raise(Alert { kind, at, vault, certificate, expires });
    }

    /// Makes the next version, or asks an issuer for it: for the first time, or again.
    async fn renew(
        &self,
        ctx: RequestContext,
        due: &DueObject,
        clock: &dyn Clock,
        done: &mut Renewed,
    ) -> Result<(), CertificateError> {
        match self.next_step(due, ctx.seconds()).await {
            Step::Ask => return self.enrol(&ctx, due, clock, done).await,
            Step::Inquire => return self.inquire(&ctx, due, clock).await,
            Step::Renew => self.renew_if_due(&ctx, due).await?,
        }
        if self.next_step(due, ctx.seconds()).await == Step::Ask {
            let ctx = own_request(PRINCIPAL, clock, &*self.objects.entropy).map_err(ObjectError::from)?;
            return self.enrol(&ctx, due, clock, done).await;
        }
        done.certificates += 1;
        Ok(())
    }

    /// What is to be done with what is due. Tells nobody: whatever is done is judged.
    async fn next_step(&self, due: &DueObject, now: i64) -> Step {
        let found = async {
            let vault = self.objects.gate.vaults.vault(&due.vault).await.ok()??;
            let facts = self.objects.store.facts(vault.id, ObjectKind::Certificate, &due.name, None).await.ok()??;
            if facts.secret.certificate.as_ref()?.asks_at().is_some() {
                return Some(Step::Ask);
            }
            renewal::is_to_inquire(&facts.secret, now).then_some(Step::Inquire)
        };
        found.await.unwrap_or(Step::Renew)
    }

    async fn renew_if_due(&self, ctx: &RequestContext, due: &DueObject) -> Result<(), CertificateError> {
        // Its tags are those of the version before.
        let attributes = SecretAttributes {
            enabled: true,
            not_before: None,
            expires: None,
            content_type: None,
            tags: std::collections::BTreeMap::new(),
        };
        let place = (&due.vault, &due.name);
        self.put(ctx, place, Action::CertificateRenewIfDue, None, None, &attributes).await.map(drop)
    }

    /// Says when a renewal that failed is tried again, once over many nodes that tried it.
    async fn postpone(
        &self,
        ctx: &RequestContext,
        due: &DueObject,
        why: &CertificateError,
    ) -> Result<SecretItem, CertificateError> {
        let mut random = [0u8; 4];
        self.objects.entropy.fill(&mut random).map_err(|_| ObjectError::Unavailable)?;
        let (reason, random) = (why.how().1, u32::from_le_bytes(random));
        let after = |rotation: &Rotation| renewal::postponed(rotation, reason, ctx.seconds(), random);
        self.change_times(ctx, due, Action::CertificateRenewalPostpone, LifetimeAction::Rotate, after).await
    }

    /// Puts on record that somebody has to see to a certificate before its end, once.
    async fn notify(&self, ctx: &RequestContext, due: &DueObject) -> Result<SecretItem, CertificateError> {
        let after = |rotation: &Rotation| Rotation { notify_at: None, ..rotation.clone() };
        self.change_times(ctx, due, Action::CertificateNearExpiry, LifetimeAction::Notify, after).await
    }

    /// Works out what is to be done with a certificate of which that was never said.
    async fn plan(&self, ctx: &RequestContext, due: &DueObject) -> Result<(), CertificateError> {
        let planned = |item: &SecretItem, state: &CertificateState| {
            if !rotation::is_due(&item.secret, LifetimeAction::Plan, ctx.seconds()) {
                return Err(CertificateError::NotDue);
            }
            let rotation = Box::new(renewal::plan(state, &item.version));
            Ok(Changed { state: state.clone(), rotation, shown: state.clone() })
        };
        let ask = Ask::object(ObjectKind::Certificate, Action::CertificateRenewalPlan, &due.vault, &due.name);
        self.change_name(ctx, &ask, planned).await.map(drop)
    }

    /// Other times for what is done by itself with a certificate, if that is due still.
    async fn change_times(
        &self,
        ctx: &RequestContext,
        due: &DueObject,
        action: Action,
        what: LifetimeAction,
        after: impl Fn(&Rotation) -> Rotation,
    ) -> Result<SecretItem, CertificateError> {
        let changed = |item: &SecretItem, state: &CertificateState| {
            let rotation =
                item.secret.rotation.as_ref().filter(|_| rotation::is_due(&item.secret, what, ctx.seconds()));
            let rotation = rotation.ok_or(CertificateError::NotDue)?;
            Ok(Changed { state: state.clone(), rotation: Box::new(after(rotation)), shown: state.clone() })
        };
        let ask = Ask::object(ObjectKind::Certificate, action, &due.vault, &due.name);
        self.change_name(ctx, &ask, changed).await.map(|(item, _)| item)
    }
}

/// Whether it went wrong with this certificate.
pub(super) fn fails(error: &CertificateError) -> Result<bool, StoreError> {
    match error {
        // Another node was faster.
        CertificateError::NotDue | CertificateError::NoPending(_) => Ok(false),
        CertificateError::Object(error) => fails_for_good(error),
        _ => Ok(true),
    }
}
