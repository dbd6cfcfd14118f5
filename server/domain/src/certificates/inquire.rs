//! Asking the authority of a version in use again when it wants that renewed (RFC 9773).
//!
//! The next question is written down before this one is asked: of many nodes one asks, and a question that came to
//! nothing costs nothing but the time to the next. Whatever is said, a version is renewed no later than its policy says.

use super::{CertificateError, Certificates, RENEWAL_PRINCIPAL, renew, state::Changed};
use crate::{
    action::Action,
    certificate::{CertificateState, Inquiry},
    context::RequestContext,
    gate::Ask,
    issuance::{RenewalInformation, RenewalQuestion},
    issuers::IssuerError,
    names::{ObjectKind, ObjectName},
    objects::ObjectError,
    ports::DueObject,
    renewal,
    rotation::Rotation,
    schedule::own_request,
    secret::SecretItem,
    time::Clock,
};

impl Certificates {
    /// Asks once, and plans the renewal by what is said. A question that fails is no renewal that failed.
    pub(super) async fn inquire(
        &self,
        ctx: &RequestContext,
        due: &DueObject,
        clock: &dyn Clock,
    ) -> Result<(), CertificateError> {
        let Err(error) = self.ask_when(ctx, due, clock).await else { return Ok(()) };
        if renew::fails(&error).map_err(ObjectError::from)? {
            tracing::warn!(%error, vault = %due.vault, certificate = %due.name, "an authority could not be asked when it wants a certificate renewed");
        }
        Ok(())
    }

    async fn ask_when(&self, ctx: &RequestContext, due: &DueObject, clock: &dyn Clock) -> Result<(), CertificateError> {
        let ask = Ask::object(ObjectKind::Certificate, Action::CertificateRenewalPlan, &due.vault, &due.name);
        let next = || {
            own_request(RENEWAL_PRINCIPAL, clock, &*self.objects.entropy)
                .map_err(|error| CertificateError::from(ObjectError::from(error)))
        };
        let claim = |item: &SecretItem, state: &CertificateState| {
            let inquiry = state.inquiry.as_ref().filter(|_| renewal::is_to_inquire(&item.secret, ctx.seconds()));
            let inquiry = inquiry.ok_or(CertificateError::NotDue)?;
            let asked = Inquiry { ask_at: ctx.seconds() + renewal::USUAL_INQUIRY, ..inquiry.clone() };
            Ok(planned(item, CertificateState { inquiry: Some(asked), ..state.clone() }))
        };
        let (item, _) = self.change_name(ctx, &ask, claim).await?;
        let inquiry = item.secret.certificate.as_deref().and_then(|state| state.inquiry.clone());
        let (Some(inquiry), Some(certificate)) = (inquiry, item.version.certificate.as_deref()) else {
            return Err(CertificateError::NotDue);
        };
        let Some(leaf) = certificate.leaf() else { return Err(CertificateError::NotDue) };
        let said = self.said(&next()?, due, &inquiry, leaf).await?;
        let ctx = next()?;
        let mut random = [0u8; 8];
        self.objects.entropy.fill(&mut random).map_err(|_| ObjectError::Unavailable)?;
        let after = match said {
            Said::Nothing => return Ok(()),
            Said::NobodyToAsk => None,
            Said::Information(said) => Some(said),
        };
        let change = |now_there: &SecretItem, state: &CertificateState| {
            // Of another version, or asked again meanwhile: this answer is not about that.
            if now_there.version.version != item.version.version || state.inquiry.as_ref() != Some(&inquiry) {
                return Err(CertificateError::NotDue);
            }
            let expires = now_there.version.attributes.expires;
            let random = u64::from_le_bytes(random);
            let state = match after {
                Some(said) => renewal::informed(state, said, (expires, ctx.seconds()), random),
                None => CertificateState { inquiry: None, ..state.clone() },
            };
            Ok(planned(now_there, state))
        };
        self.change_name(&ctx, &ask, change).await.map(drop)
    }

    /// What the issuer of the version says.
    async fn said(
        &self,
        ctx: &RequestContext,
        due: &DueObject,
        inquiry: &Inquiry,
        certificate: &[u8],
    ) -> Result<Said, CertificateError> {
        let Ok(name) = ObjectName::parse(&inquiry.issuer) else { return Ok(Said::NobodyToAsk) };
        let (enabled, issuer) = match self.issuers.opened_to_ask(ctx, &due.vault, &name).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Said::NobodyToAsk),
            Err(IssuerError::Object(why)) => return Err(why.into()),
            Err(_) => return Err(ObjectError::Unavailable.into()),
        };
        if !enabled {
            return Ok(Said::Nothing);
        }
        let (settings, account) = (&issuer.settings, issuer.account.as_ref());
        let question = RenewalQuestion { settings, account, certificate, now: ctx.seconds() };
        Ok(self.providers.renewal_information(&question).await.map_or(Said::Nothing, Said::Information))
    }
}

/// What came of a question.
enum Said {
    /// Nothing, this time.
    Nothing,
    /// The issuer is gone.
    NobodyToAsk,
    Information(RenewalInformation),
}

/// Another state with the times that follow from it; what was told stays told.
fn planned(item: &SecretItem, state: CertificateState) -> Changed {
    let Rotation { rotate_at, inquire_at, .. } = renewal::plan(&state, &item.version);
    let rotation = item.secret.rotation.as_deref().cloned().unwrap_or_default();
    let rotation = Box::new(Rotation { rotate_at, inquire_at, ..rotation });
    Changed { shown: state.clone(), state, rotation }
}
