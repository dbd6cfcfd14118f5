//! An order, from its names to its chain: what one question about a pending operation gets done.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use http::StatusCode;
use instant_acme::{
    Account as Restored, AccountBuilder, AuthorizationStatus, ChallengeStatus, Error, NewOrder, OrderStatus,
};
use serde::{Deserialize, Serialize};
use strongroom_crypto::{SecretText, x509::certificates_in};
use strongroom_domain::{
    issuance::{
        Answer, CertificateIssuer, Farewell, NotTakenBack, Order, Outcome, RenewalInformation, RenewalQuestion,
        TakenBack,
    },
    issuer::{AcmeSettings, IssuerSettings},
    proofs::{ProofKind, Proofs},
};
use url::Url;

use crate::{
    account::{Account, ExternalBinding},
    egress::{Conversation, Egress, TrustedRoots},
    hook::DnsHook,
    names::Identifiers,
    proof::{Prover, challenge_of, found_at, kind_of},
    renewal, revocation,
    trouble::{AcmeError, asked_after},
};

/// Longest answer to one question. A program that is called then has its own end, [`crate::hook::LONGEST`].
const ASK: Duration = Duration::from_secs(95);
/// Longest answer to what is asked beside orders.
const BESIDE: Duration = Duration::from_secs(30);
/// After this much of it no further name is begun to be proven.
const BEGIN_WITHIN: Duration = Duration::from_secs(40);
/// How long is waited for an authority within one question.
const PATIENCE: Duration = Duration::from_secs(5);
/// First pause within one question; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(150);
/// Longest pause between two questions, in seconds, and most questions until an order is given up: half a day.
const LONGEST_PAUSE: i64 = 300;
const MOST_POLLS: u32 = 150;
/// How often an account that the authority does not know is made anew for one order.
const MOST_ACCOUNTS: u32 = 2;

/// Where an order stands, as it is kept between two questions. No secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    /// Address of the account that it is of.
    account: String,
    /// Address of the order, once there is one.
    order: Option<String>,
    /// Whether the authority was told that all proofs are in place.
    proven: bool,
    /// Questions after that.
    polls: u32,
    /// Accounts that were made for it.
    accounts: u32,
}

/// What an operator allows.
pub struct Allowed {
    /// The directories that may be asked, by their addresses. By listing one, the operator agrees to its terms.
    pub directories: Vec<Url>,
    /// Whether they may be at addresses that are not public.
    pub private_addresses: bool,
    /// Programs for dns-01, by name.
    pub hooks: HashMap<String, DnsHook>,
}

/// The way to the authority of an issuer.
type Way = Box<dyn Fn(&AcmeSettings) -> Result<Egress, AcmeError> + Send + Sync>;

/// Issuers by ACME.
pub struct Acme {
    directories: Vec<Url>,
    egress: Way,
    prover: Arc<Prover>,
}

impl Acme {
    /// Asks what the operator allows.
    #[must_use]
    pub fn new(allowed: Allowed, proofs: Proofs) -> Self {
        let Allowed { directories, private_addresses, hooks } = allowed;
        let egress = move |settings: &AcmeSettings| {
            let roots = settings.ca_bundle.as_ref().map(|pem| TrustedRoots::Only(pem.clone().into_bytes()));
            let egress = Egress::new(roots.unwrap_or(TrustedRoots::System), private_addresses);
            egress.map_err(|error| AcmeError::Forbidden(error.to_string()))
        };
        Self { directories, egress: Box::new(egress), prover: Arc::new(Prover::new(proofs, hooks)) }
    }

    /// The same, over plain HTTP to this machine.
    #[cfg(test)]
    pub(crate) fn plain(directory: &str, proofs: Proofs, hooks: HashMap<String, DnsHook>) -> Self {
        Self {
            directories: vec![Url::parse(directory).unwrap()],
            egress: Box::new(|_| Ok(Egress::plain())),
            prover: Arc::new(Prover::new(proofs, hooks)),
        }
    }

    /// Takes away what was left of orders that came to no end, at a time (Unix seconds). To be called every so often.
    pub async fn sweep(&self, now: i64) {
        self.prover.sweep(now).await;
    }

    /// The address of an issuer's directory, if the operator lists it.
    fn listed(&self, settings: &AcmeSettings) -> Option<Url> {
        Url::parse(&settings.directory).ok().filter(|url| self.directories.contains(url))
    }

    /// With the authority of an issuer, if the operator allows that one.
    fn conversation(&self, settings: &AcmeSettings) -> Result<Conversation, AcmeError> {
        let directory = self.listed(settings).ok_or_else(|| {
            AcmeError::Forbidden("the server's configuration does not list the issuer's directory".to_owned())
        })?;
        Ok((self.egress)(settings)?.with(&directory))
    }

    /// The account that is kept for an issuer, taken up again to ask something beside orders.
    async fn account(
        &self,
        settings: &AcmeSettings,
        kept: Option<&SecretText>,
        now: i64,
    ) -> Result<(Restored, Conversation), AcmeError> {
        let conversation = self.conversation(settings)?;
        let account = kept.and_then(Account::from_document).filter(|account| account.is_for(settings));
        let account = account.ok_or(AcmeError::AccountGone)?;
        let builder = Restored::builder_with_http(Box::new(conversation.clone()));
        let restored = account.restore(builder).await;
        let restored = restored.map_err(|error| AcmeError::of(&error, &conversation, None, now))?;
        Ok((restored, conversation))
    }

    fn work<'a>(&'a self, order: &'a Order<'a>) -> Result<Work<'a>, AcmeError> {
        let IssuerSettings::Acme(settings) = order.settings else {
            return Err(AcmeError::Unsuitable("the issuer is none that is asked by ACME"));
        };
        let conversation = self.conversation(settings)?;
        let kind = kind_of(&settings.challenge);
        let names = Identifiers::of_request(order.request, kind)?;
        let begun = Instant::now();
        Ok(Work { acme: self, order, settings, kind, names, conversation, begun })
    }

    async fn answer(&self, order: &Order<'_>) -> (Result<Outcome, AcmeError>, Option<Account>) {
        let work = match self.work(order) {
            Ok(work) => work,
            Err(error) => return (Err(error), None),
        };
        let before: Progress = order.state.and_then(|state| serde_json::from_str(state).ok()).unwrap_or_default();
        let account = order.account.and_then(Account::from_document).filter(|account| account.is_for(work.settings));
        let Some(account) = account else { return work.register(before).await };
        // Of another account, an order is somebody else's.
        let kept = before.account == account.url;
        let before = if kept { before } else { Progress { accounts: before.accounts, ..Progress::default() } };
        let mut progress = Progress { account: account.url.clone(), ..before.clone() };
        match work.proceed(&account, &mut progress).await {
            Err(AcmeError::AccountGone) if progress.accounts < MOST_ACCOUNTS => work.register(progress).await,
            // What was reached is kept. If the trouble lasts, the next question tells of it.
            Err(error) if progress.order != before.order && error.again_after().is_some() => {
                let after = error.again_after().unwrap_or_default();
                (pending(&progress, order.now.saturating_add_unsigned(after)), None)
            }
            outcome => (outcome, None),
        }
    }
}

#[async_trait]
impl CertificateIssuer for Acme {
    fn is_allowed(&self, settings: &IssuerSettings) -> bool {
        match settings {
            IssuerSettings::Acme(settings) => self.listed(settings).is_some(),
            IssuerSettings::Authority(_) => true,
        }
    }

    async fn ask(&self, order: &Order<'_>) -> Answer {
        let answered = tokio::time::timeout(ASK, self.answer(order)).await;
        let late = || (Err(AcmeError::Unreachable("it did not answer in time".to_owned())), None);
        let (outcome, account) = answered.unwrap_or_else(|_| late());
        let outcome = outcome.unwrap_or_else(|error| Outcome::Failed {
            code: error.code(),
            message: sentence(&error),
            retry_at: error.again_after().map(|after| order.now.saturating_add_unsigned(after)),
        });
        if matches!(outcome, Outcome::Issued { .. } | Outcome::Failed { retry_at: None, .. }) {
            // Beside whatever comes next: a program may take its time.
            let (prover, order) = (Arc::clone(&self.prover), order.request_id.to_owned());
            tokio::spawn(async move { prover.tidy(&order).await });
        }
        match account.map(|account| account.to_document()).transpose() {
            Ok(account) => Answer { outcome, account },
            Err(_) => Answer {
                outcome: Outcome::Failed {
                    code: AcmeError::Garbled.code(),
                    message: sentence(&AcmeError::Garbled),
                    retry_at: None,
                },
                account: None,
            },
        }
    }

    async fn part(&self, settings: &IssuerSettings, account: &SecretText, now: i64) -> Farewell {
        let IssuerSettings::Acme(settings) = settings else { return Farewell::NothingToTell };
        let told = async {
            let (account, conversation) = self.account(settings, Some(account), now).await?;
            let ended = account.deactivate().await;
            ended.map_err(|error| AcmeError::of(&error, &conversation, None, now))?;
            // Any answer is taken for a yes by then.
            match conversation.status() {
                Some(status) if status.is_success() => Ok(()),
                Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Err(AcmeError::AccountRefused),
                Some(status) if status.is_server_error() => {
                    Err(AcmeError::Unreachable(format!("it answers {}", status.as_u16())))
                }
                _ => Err(AcmeError::Garbled),
            }
        };
        match tokio::time::timeout(BESIDE, told).await {
            Ok(Ok(())) => Farewell::Told,
            Ok(Err(trouble)) => {
                tracing::warn!(%trouble, "an account at an ACME authority could not be deactivated");
                Farewell::NotTold(trouble.code())
            }
            Err(_) => Farewell::NotTold("acme-unreachable"),
        }
    }

    async fn take_back(&self, what: &TakenBack<'_>) -> Result<(), NotTakenBack> {
        let TakenBack { settings: IssuerSettings::Acme(settings), account, certificate, reason, now } = *what else {
            let message = "the issuer is none that is asked by ACME".to_owned();
            return Err(NotTakenBack { code: "acme-unsuitable", message });
        };
        let asked = async {
            let (account, conversation) = self.account(settings, account, now).await?;
            revocation::taken_back(&account, (certificate, reason), (&conversation, now)).await
        };
        let late = |_| Err(AcmeError::Unreachable("it did not answer in time".to_owned()));
        let done = tokio::time::timeout(BESIDE, asked).await.unwrap_or_else(late);
        done.map_err(|trouble| {
            tracing::warn!(%trouble, "an ACME authority did not take a certificate back");
            NotTakenBack { code: trouble.code(), message: trouble.to_string() }
        })
    }

    async fn renewal_information(&self, question: &RenewalQuestion<'_>) -> Option<RenewalInformation> {
        let RenewalQuestion { settings: IssuerSettings::Acme(settings), account, certificate, now } = *question else {
            return None;
        };
        if !settings.renewal_information {
            return None;
        }
        let asked = async {
            let (account, conversation) = self.account(settings, account, now).await?;
            // Since it was issued the authority may have stopped to say.
            if !conversation.offers_renewal_info() {
                return Ok(None);
            }
            Ok(renewal::asked(&account, certificate, (&conversation, now)).await)
        };
        match tokio::time::timeout(BESIDE, asked).await {
            Ok(Ok(said)) => said,
            Ok(Err::<_, AcmeError>(trouble)) => {
                tracing::warn!(%trouble, "an ACME authority could not be asked when it wants a certificate renewed");
                None
            }
            Err(_) => None,
        }
    }
}

/// What is done for one question.
struct Work<'a> {
    acme: &'a Acme,
    order: &'a Order<'a>,
    settings: &'a AcmeSettings,
    kind: ProofKind,
    names: Identifiers,
    conversation: Conversation,
    begun: Instant,
}

impl Work<'_> {
    fn trouble(&self, error: &Error) -> AcmeError {
        AcmeError::of(error, &self.conversation, Some(&self.names), self.order.now)
    }

    fn trouble_with_request(&self, error: &Error) -> AcmeError {
        AcmeError::of_request(error, &self.conversation, Some(&self.names), self.order.now)
    }

    fn builder(&self) -> AccountBuilder {
        Restored::builder_with_http(Box::new(self.conversation.clone()))
    }

    /// Makes an account. Nothing else in the same answer: it is kept before anything is done with it.
    async fn register(&self, before: Progress) -> (Result<Outcome, AcmeError>, Option<Account>) {
        let binding = match (&self.settings.external_account, self.order.password) {
            (None, _) => None,
            (Some(key_id), key) => match key.and_then(|key| ExternalBinding::new(key_id, key)) {
                Some(binding) => Some(binding),
                None => return (Err(AcmeError::BindingWanted), None),
            },
        };
        match Account::register(self.builder(), self.settings, binding.as_ref()).await {
            Ok(account) => {
                let accounts = before.accounts + 1;
                let progress = Progress { account: account.url.clone(), accounts, ..Progress::default() };
                (pending(&progress, self.order.now), Some(account))
            }
            Err(error) => (Err(self.trouble(&error)), None),
        }
    }

    /// Goes on with the order as far as it goes now.
    async fn proceed(&self, account: &Account, progress: &mut Progress) -> Result<Outcome, AcmeError> {
        let account = account.restore(self.builder()).await.map_err(|error| self.trouble(&error))?;
        let mut order = match &progress.order {
            Some(url) => match account.order(url.clone()).await {
                Ok(order) => order,
                // Orders are not kept for ever.
                Err(_) if self.conversation.status() == Some(StatusCode::NOT_FOUND) => self.begin(&account).await?,
                Err(error) => return Err(self.trouble(&error)),
            },
            None => self.begin(&account).await?,
        };
        progress.order = Some(order.url().to_owned());
        let (mut patience, mut pause) = (PATIENCE, FIRST_PAUSE);
        loop {
            match order.state().status {
                OrderStatus::Pending if !progress.proven => {
                    progress.proven = self.prove(&mut order).await?;
                    if !progress.proven {
                        return pending(progress, self.order.now);
                    }
                }
                OrderStatus::Ready => {
                    order.finalize_csr(self.order.request).await.map_err(|error| self.trouble_with_request(&error))?;
                    if order.state().status == OrderStatus::Valid {
                        continue;
                    }
                }
                OrderStatus::Valid => return self.collect(&account, &mut order).await,
                OrderStatus::Invalid => return Err(self.why(&mut order).await),
                OrderStatus::Pending | OrderStatus::Processing => {}
            }
            let said = asked_after(self.conversation.retry_after().as_deref(), self.order.now);
            let wanted = said.map(|seconds| Duration::from_secs(seconds.max(0).unsigned_abs()));
            let wanted = wanted.unwrap_or_default().max(pause);
            if wanted > patience {
                return self.later(progress, said);
            }
            tokio::time::sleep(wanted).await;
            (patience, pause) = (patience - wanted, pause * 2);
            order.refresh().await.map_err(|error| self.trouble(&error))?;
        }
    }

    /// Asks for a certificate for the names: in place of the one before, where the authority knows of that.
    async fn begin(&self, account: &Restored) -> Result<instant_acme::Order, AcmeError> {
        let wanted = NewOrder::new(self.names.as_slice());
        let replaced = self.order.replaces.filter(|_| self.wants_renewal_info()).and_then(renewal::certificate_id);
        if let Some(replaced) = replaced {
            match account.new_order(&NewOrder::new(self.names.as_slice()).replaces(replaced)).await {
                Ok(order) => return Ok(order),
                Err(error) => {
                    let trouble = self.trouble(&error);
                    if trouble.again_after().is_some() {
                        return Err(trouble);
                    }
                    // Of another account, or replaced already: a certificate like any other, then.
                    tracing::info!(%trouble, "an ACME authority takes no order in place of the certificate before");
                }
            }
        }
        account.new_order(&wanted).await.map_err(|error| self.trouble(&error))
    }

    fn wants_renewal_info(&self) -> bool {
        self.settings.renewal_information && self.conversation.offers_renewal_info()
    }

    /// Puts the proof of each name in place and tells the authority so. Whether all are.
    async fn prove(&self, order: &mut instant_acme::Order) -> Result<bool, AcmeError> {
        let mut names = order.authorizations();
        while let Some(name) = names.next().await {
            let mut name = name.map_err(|error| self.trouble(&error))?;
            match name.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                // The order is invalid too, which tells why.
                _ => return Ok(true),
            }
            let (shown, identifier) = (name.identifier().to_string(), name.identifier().identifier.clone());
            let Some(mut challenge) = name.challenge(challenge_of(self.kind)) else {
                return Err(AcmeError::NoSuchProof(self.names.ours(&shown).unwrap_or_default(), self.kind));
            };
            if challenge.status != ChallengeStatus::Pending {
                continue;
            }
            if self.begun.elapsed() > BEGIN_WITHIN {
                return Ok(false);
            }
            let (place, value) = found_at(self.kind, &identifier, &challenge.token, &challenge.key_authorization());
            let place = (place.as_str(), value.as_str());
            let (of, now) = (self.order.request_id, self.order.now);
            self.acme.prover.place(&self.settings.challenge, place, of, now).await?;
            challenge.set_ready().await.map_err(|error| match error {
                Error::Api(problem) if challenge_is_about(&problem) => {
                    AcmeError::not_proven(self.names.ours(&shown), self.kind, Some(&problem))
                }
                error => self.trouble(&error),
            })?;
        }
        Ok(true)
    }

    /// Why an order came to nothing.
    async fn why(&self, order: &mut instant_acme::Order) -> AcmeError {
        let failed = order.state().error.clone();
        let mut names = order.authorizations();
        while let Some(Ok(name)) = names.next().await {
            if name.status == AuthorizationStatus::Invalid {
                let shown = self.names.ours(&name.identifier().to_string());
                let problem = name.challenges.iter().find_map(|challenge| challenge.error.as_ref());
                return AcmeError::not_proven(shown, self.kind, problem.or(failed.as_ref()));
            }
        }
        match failed {
            Some(problem) => self.trouble(&Error::Api(problem)),
            None => AcmeError::not_proven(None, self.kind, None),
        }
    }

    /// To be asked again when the authority says so, and later and later when it does not.
    fn later(&self, progress: &mut Progress, said: Option<i64>) -> Result<Outcome, AcmeError> {
        progress.polls += 1;
        if progress.polls > MOST_POLLS {
            return Err(AcmeError::Endless);
        }
        let own = 1i64 << progress.polls.min(8);
        let pause = said.unwrap_or(own).clamp(1, LONGEST_PAUSE);
        pending(progress, self.order.now.saturating_add(pause))
    }

    /// The chain, and when the authority wants it renewed.
    async fn collect(&self, account: &Restored, order: &mut instant_acme::Order) -> Result<Outcome, AcmeError> {
        let text = order.certificate().await.map_err(|error| self.trouble(&error))?.ok_or(AcmeError::Garbled)?;
        let chain = certificates_in(text.as_bytes()).map_err(|_| AcmeError::Garbled)?;
        let renewal = match chain.first() {
            Some(leaf) if self.wants_renewal_info() => {
                Some(renewal::asked(account, leaf, (&self.conversation, self.order.now)).await.unwrap_or_default())
            }
            _ => None,
        };
        Ok(Outcome::Issued { chain, renewal })
    }
}

/// Whether a problem is about what was proven, and not about how often or by whom it was asked.
fn challenge_is_about(problem: &instant_acme::Problem) -> bool {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    ["connection", "dns", "unauthorized", "incorrectResponse", "caa", "tls"].iter().any(|one| kind.ends_with(one))
}

/// A trouble as it is told.
fn sentence(error: &AcmeError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

fn pending(progress: &Progress, ask_at: i64) -> Result<Outcome, AcmeError> {
    let state = serde_json::to_string(progress).map_err(|_| AcmeError::Garbled)?;
    Ok(Outcome::Pending { state, ask_at })
}
