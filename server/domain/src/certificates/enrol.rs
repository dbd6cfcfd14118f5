//! Asking an issuer of the vault for a pending operation, until it ends.
//!
//! Before the issuer is asked, that is written down with the time of the next question: of many nodes one asks, and what
//! came of a question that nobody heard the answer of is asked again. Whatever the issuer says, the version in use stays
//! until a certificate is there that belongs to the request.

use std::sync::Arc;

use strongroom_crypto::x509::Validity;

use super::{CertificateError, Certificates, renew::Renewed, state::Changed};
use crate::{
    action::Action,
    alert::{AlertKind, Failure},
    certificate::{CertificateState, Enrolment, PendingOperation, PendingStatus, Trouble},
    context::RequestContext,
    gate::Ask,
    issuance::{
        Answer, CertificateIssuer, MAX_MESSAGE, MAX_STATE, Order, Outcome, RenewalInformation, RenewalQuestion,
    },
    issuer::IssuerSettings,
    issuers::IssuerError,
    names::{ObjectKind, ObjectName},
    objects::ObjectError,
    ports::DueObject,
    record::{Outcome as Recorded, Record},
    renewal,
    rotation::{self, LifetimeAction, Rotation},
    schedule::own_request,
    secret::SecretItem,
    time::Clock,
};

/// How long a node has for one question, in seconds.
const CLAIM: i64 = 120;
/// How often an issuer is asked about one operation at most: over a week with the pauses of failures.
const MOST_QUESTIONS: u32 = 500;
/// Seconds to the second question after one that failed; twice as long after each further one.
const FIRST_PAUSE: i64 = 30;
/// Longest time between two questions, in seconds.
const LONGEST_PAUSE: i64 = 86_400;

/// Who is asked, by the provider of an issuer.
#[derive(Clone)]
pub struct IssuersByProvider {
    /// The authorities that are kept in vaults.
    pub authority: Arc<dyn CertificateIssuer>,
    /// Those that speak RFC 8555, if this server does.
    pub acme: Option<Arc<dyn CertificateIssuer>>,
}

impl IssuersByProvider {
    pub(super) async fn renewal_information(&self, question: &RenewalQuestion<'_>) -> Option<RenewalInformation> {
        match (question.settings, &self.acme) {
            (IssuerSettings::Authority(_), _) => self.authority.renewal_information(question).await,
            (IssuerSettings::Acme(_), Some(acme)) => acme.renewal_information(question).await,
            (IssuerSettings::Acme(_), None) => None,
        }
    }

    async fn ask(&self, order: &Order<'_>) -> Answer {
        match (order.settings, &self.acme) {
            (IssuerSettings::Authority(_), _) => self.authority.ask(order).await,
            (IssuerSettings::Acme(_), Some(acme)) => acme.ask(order).await,
            (IssuerSettings::Acme(_), None) => {
                let message =
                    "This server cannot ask issuers of the provider ACME: its operator lists none under [acme]."
                        .to_owned();
                Outcome::Failed { code: "not-here", message, retry_at: None }.into()
            }
        }
    }
}

impl Certificates {
    /// Asks once, and does what comes of it.
    pub(super) async fn enrol(
        &self,
        ctx: &RequestContext,
        due: &DueObject,
        clock: &dyn Clock,
        done: &mut Renewed,
    ) -> Result<(), CertificateError> {
        let claimed = self.claim(ctx, due).await?;
        let (state, pending) = claimed
            .secret
            .certificate
            .as_deref()
            .and_then(|state| Some((state, state.pending.as_ref()?)))
            .ok_or_else(|| CertificateError::NoPending(due.name.clone()))?;
        let answer = self.answer(due, &claimed, (state, pending), clock).await?;
        let next = |clock: &dyn Clock| {
            own_request(super::RENEWAL_PRINCIPAL, clock, &*self.objects.entropy)
                .map_err(|error| CertificateError::from(ObjectError::from(error)))
        };
        let place = (&due.vault, &due.name);
        let outcome = match answer {
            Outcome::Issued { chain, renewal } => {
                let taken = self.take_issued(&next(clock)?, place, &chain, (&pending.request_id, renewal)).await;
                match taken {
                    Ok(()) => {
                        done.certificates += 1;
                        return Ok(());
                    }
                    // It is not what was asked for, or somebody forbids it: the issuer would say the same again.
                    Err(
                        why @ (CertificateError::OtherKey
                        | CertificateError::Expired(_)
                        | CertificateError::NotYetValid(_)
                        | CertificateError::NotACertificate(_)
                        | CertificateError::Import(_)
                        | CertificateError::Object(
                            ObjectError::Denied(_) | ObjectError::NameTaken(_) | ObjectError::DuplicateSerial,
                        )),
                    ) => {
                        let message = match why {
                            CertificateError::Object(ObjectError::Denied(_)) => {
                                "What the issuer gave is not allowed in this vault.".to_owned()
                            }
                            why => format!("What the issuer gave was not taken: {why}."),
                        };
                        Outcome::Failed { code: "answer-refused", message, retry_at: None }
                    }
                    Err(why) => return Err(why),
                }
            }
            other => other,
        };
        if let Outcome::Failed { code, .. } = outcome {
            done.failed += 1;
            self.note_failure(&next(clock)?, due, code).await?;
        }
        let ctx = next(clock)?;
        let mut random = [0u8; 4];
        self.objects.entropy.fill(&mut random).map_err(|_| ObjectError::Unavailable)?;
        let random = u32::from_le_bytes(random);
        let request = pending.request_id.clone();
        let changed = |item: &SecretItem, state: &CertificateState| {
            after(item, state, (&request, &outcome), ctx.seconds(), random)
        };
        let (item, _) = self.change_name(&ctx, &enroll(due), changed).await?;
        if let Outcome::Failed { code, .. } = &outcome {
            let rotation = item.secret.rotation.as_deref();
            let asked = pending.enrolment.as_ref().map_or(1, |enrolment| enrolment.asked);
            let failure = Failure {
                outcome: Recorded::Failed,
                reason: (*code).to_owned(),
                failures: rotation.and_then(|rotation| rotation.failed.as_ref()).map_or(asked, |failed| failed.count),
                next: rotation.and_then(|rotation| rotation.rotate_at),
            };
            self.alert(AlertKind::NotIssued(failure), due, Some(&item), ctx.seconds());
        }
        let ask_at = item.secret.certificate.as_ref().and_then(|state| state.asks_at());
        done.ask_at = done.ask_at.into_iter().chain(ask_at).min();
        Ok(())
    }

    /// That an issuer did not issue is on record as a failure of its own: what is written down of it succeeds.
    async fn note_failure(&self, ctx: &RequestContext, due: &DueObject, code: &str) -> Result<(), CertificateError> {
        tracing::error!(vault = %due.vault, certificate = %due.name, code, "an issuer did not issue; the version in use stays");
        let mut record = Record::of(ctx, Action::CertificateEnroll.operation());
        record.vault = Some(due.vault.as_str().to_owned());
        record.kind = Some(ObjectKind::Certificate.as_str().to_owned());
        record.object = Some(due.name.as_str().to_owned());
        record.outcome = Recorded::Failed;
        code.clone_into(&mut record.reason);
        Ok(self.objects.recorder.note_event(record).await.map_err(ObjectError::from)?)
    }

    /// Writes down that this node asks now, and when somebody asks again if it does not come back.
    async fn claim(&self, ctx: &RequestContext, due: &DueObject) -> Result<SecretItem, CertificateError> {
        let changed = |item: &SecretItem, state: &CertificateState| {
            if !rotation::is_due(&item.secret, LifetimeAction::Rotate, ctx.seconds()) {
                return Err(CertificateError::NotDue);
            }
            let mut state = state.clone();
            let pending = state.pending.as_mut().filter(|pending| pending.status == PendingStatus::InProgress);
            let enrolment = pending.and_then(|pending| pending.enrolment.as_mut()).ok_or(CertificateError::NotDue)?;
            enrolment.ask_at = ctx.seconds() + CLAIM;
            enrolment.asked = enrolment.asked.saturating_add(1);
            Ok(stands(item, state))
        };
        self.change_name(ctx, &enroll(due), changed).await.map(|(item, _)| item)
    }

    /// What the issuer says.
    async fn answer(
        &self,
        due: &DueObject,
        item: &SecretItem,
        (state, pending): (&CertificateState, &PendingOperation),
        clock: &dyn Clock,
    ) -> Result<Outcome, CertificateError> {
        let ctx = own_request(super::RENEWAL_PRINCIPAL, clock, &*self.objects.entropy).map_err(ObjectError::from)?;
        let failed = |code, message: String| Ok(Outcome::Failed { code, message, retry_at: None });
        let Ok(name) = ObjectName::parse(&pending.issuer) else {
            return failed("no-issuer", "The vault has no issuer of this name.".to_owned());
        };
        let (enabled, issuer) = match self.issuers.opened_to_ask(&ctx, &due.vault, &name).await {
            Ok(Some(found)) => found,
            Ok(None) => return failed("no-issuer", format!("The vault has no certificate issuer {name} any more.")),
            Err(IssuerError::Object(why)) => return Err(why.into()),
            Err(_) => return Err(ObjectError::Unavailable.into()),
        };
        if !enabled {
            return failed("issuer-disabled", format!("The certificate issuer {name} is disabled."));
        }
        let now = ctx.seconds();
        let Some(validity) = Validity::months(now, state.policy.validity_months) else {
            return failed("invalid", "The validity of the policy leaves the calendar.".to_owned());
        };
        let enrolment = pending.enrolment.as_ref();
        let order = Order {
            vault: &due.vault,
            issuer: &name,
            certificate: &due.name,
            request_id: &pending.request_id,
            settings: &issuer.settings,
            authority: issuer.authority.as_ref(),
            password: issuer.password.as_ref(),
            account: issuer.account.as_ref(),
            request: &pending.request,
            template: &state.policy.template,
            validity,
            replaces: item.version.certificate.as_ref().and_then(|certificate| certificate.leaf()),
            state: enrolment.and_then(|enrolment| enrolment.state.as_deref()),
            now,
        };
        let Answer { outcome, account } = self.providers.ask(&order).await;
        if let Some(account) = account {
            let ctx =
                own_request(super::RENEWAL_PRINCIPAL, clock, &*self.objects.entropy).map_err(ObjectError::from)?;
            if let Err(error) = self.issuers.keep_account(&ctx, &due.vault, &name, &issuer.settings, account).await {
                tracing::error!(%error, vault = %due.vault, issuer = %name, "what an issuer wants kept could not be written");
                return Err(ObjectError::Unavailable.into());
            }
        }
        Ok(bounded(outcome, enrolment.map_or(0, |enrolment| enrolment.asked)))
    }
}

fn enroll(due: &DueObject) -> Ask<'_> {
    Ask::object(ObjectKind::Certificate, Action::CertificateEnroll, &due.vault, &due.name)
}

/// An answer within its bounds.
fn bounded(outcome: Outcome, asked: u32) -> Outcome {
    match outcome {
        Outcome::Pending { state, .. } if state.len() > MAX_STATE => {
            let message = "The issuer wants more kept than may be.".to_owned();
            Outcome::Failed { code: "answer-too-long", message, retry_at: None }
        }
        Outcome::Pending { .. } if asked >= MOST_QUESTIONS => {
            let message = "The issuer was asked too often without an end.".to_owned();
            Outcome::Failed { code: "asked-too-often", message, retry_at: None }
        }
        Outcome::Failed { code, message, retry_at } => {
            let mut message: String = message.chars().filter(|c| !crate::text::deceives(*c)).collect();
            message.truncate(message.floor_char_boundary(MAX_MESSAGE));
            Outcome::Failed { code, message, retry_at: retry_at.filter(|_| asked < MOST_QUESTIONS) }
        }
        other => other,
    }
}

/// A state whose operation goes on: what is due is the next question, and what was told stays told.
fn stands(item: &SecretItem, state: CertificateState) -> Changed {
    let rotation = item.secret.rotation.as_deref().cloned().unwrap_or_default();
    let rotation = Box::new(Rotation { rotate_at: state.asks_at(), ..rotation });
    Changed { shown: state.clone(), state, rotation }
}

/// What becomes of an operation by an answer that did not end it well.
fn after(
    item: &SecretItem,
    state: &CertificateState,
    (request_id, outcome): (&str, &Outcome),
    now: i64,
    random: u32,
) -> Result<Changed, CertificateError> {
    let mut state = state.clone();
    // Called off, deleted or begun again meanwhile: nothing is changed of that.
    let pending = state.pending.as_mut().filter(|pending| pending.status == PendingStatus::InProgress);
    let pending = pending.filter(|pending| pending.request_id == request_id).ok_or(CertificateError::NotDue)?;
    let enrolment = pending.enrolment.get_or_insert_with(Enrolment::default);
    match outcome {
        Outcome::Pending { state: wanted, ask_at } => {
            enrolment.state = Some(wanted.clone());
            enrolment.ask_at = (*ask_at).clamp(now + 1, now + LONGEST_PAUSE);
            enrolment.trouble = None;
            Ok(stands(item, state))
        }
        Outcome::Failed { code, message, retry_at } => {
            enrolment.trouble = Some(Trouble { code: (*code).to_owned(), message: message.clone() });
            if let Some(retry_at) = retry_at {
                let pause =
                    FIRST_PAUSE.saturating_mul(1 << enrolment.asked.saturating_sub(1).min(20)).min(LONGEST_PAUSE);
                let earlier = pause / 4 * i64::from(random) / i64::from(u32::MAX);
                enrolment.ask_at = (*retry_at).clamp(now + pause - earlier, now + LONGEST_PAUSE);
                return Ok(stands(item, state));
            }
            pending.status = PendingStatus::Failed;
            let planned = renewal::plan(&state, &item.version);
            // A version that is in use is renewed later; of one that never was, somebody has to see to it.
            let rotation = match planned.rotate_at {
                Some(_) => {
                    let before = item.secret.rotation.as_deref().cloned().unwrap_or_default();
                    renewal::postponed(&Rotation { rotate_at: planned.rotate_at, ..before }, code, now, random)
                }
                None => planned,
            };
            Ok(Changed { shown: state.clone(), state, rotation: Box::new(rotation) })
        }
        Outcome::Issued { .. } => Err(CertificateError::NotDue),
    }
}
