//! A policy engine that answers as it is told, and remembers what it was asked.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    action::Action,
    policy::{
        Effect, ModuleDigest, Obligation, PolicyAnswer, PolicyAttachment, PolicyEngine, PolicyFailure, PolicyNeeds,
        PolicyRequest, PolicyStage, Unfit,
    },
    policy_module::{LibraryError, ModuleFacts, ModuleLibrary, ModuleLimits},
};

/// What an attachment answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An answer with this effect.
    Says(Effect),
    /// No answer, ever.
    Hangs,
    /// No usable answer.
    Fails(PolicyFailure),
    /// An answer with this effect to whatever is about contents, and no opinion about the rest.
    SaysOfContents(Effect),
    /// An answer to no request at all.
    SaysNothing,
    /// Yes to what expires, and no to the rest.
    WantsExpiry,
    /// Yes to what expires, and no opinion about the rest.
    LikesExpiry,
    /// No, until so many other people approve; approving itself needs nobody.
    NeedsApproval(u32),
    /// No to whatever is disabled.
    EnabledAlone,
}

/// Answers by the attachment's name or else by its settings; attachments it was told nothing of are missing
/// modules.
#[derive(Debug, Default)]
pub struct FakePolicies {
    verdicts: Mutex<HashMap<String, Verdict>>,
    obligations: Mutex<HashMap<String, Vec<Obligation>>>,
    needs: Mutex<HashMap<ModuleDigest, PolicyNeeds>>,
    asked: Mutex<Vec<PolicyRequest>>,
    loading: Mutex<HashSet<ModuleDigest>>,
    late: Mutex<HashSet<ModuleDigest>>,
    known: Mutex<HashMap<ModuleDigest, String>>,
    sees: Mutex<HashMap<ModuleDigest, Action>>,
    blind: Mutex<HashSet<ModuleDigest>>,
    no_signers: AtomicBool,
}

impl FakePolicies {
    /// Makes an attachment of this name, or with these settings, answer so from now on.
    pub fn answer(&self, attachment: &str, verdict: Verdict) {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).insert(attachment.to_owned(), verdict);
    }

    /// Makes an attachment want this done besides from now on.
    pub fn oblige(&self, attachment: &str, obligations: Vec<Obligation>) {
        self.obligations.lock().unwrap_or_else(PoisonError::into_inner).insert(attachment.to_owned(), obligations);
    }

    /// Makes a module judge connections.
    pub fn judges_connections(&self, module: ModuleDigest) {
        let mut needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        needs.entry(module).or_default().stage = PolicyStage::Network;
    }

    /// Makes a module want these facts.
    pub fn wants(&self, module: ModuleDigest, facts: &[&str]) {
        let mut needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        needs.entry(module).or_default().facts = facts.iter().map(|&fact| fact.to_owned()).collect();
    }

    /// Lets a module see this action alone.
    pub fn sees_alone(&self, module: ModuleDigest, action: Action) {
        self.sees.lock().unwrap_or_else(PoisonError::into_inner).insert(module, action);
    }

    /// Lets a module say that it wants to see no action at all.
    pub fn wants_none_of(&self, module: ModuleDigest) {
        self.blind.lock().unwrap_or_else(PoisonError::into_inner).insert(module);
    }

    /// Whether somebody's signature is demanded; it is, unless this says otherwise.
    pub fn lists_signers(&self, lists: bool) {
        self.no_signers.store(!lists, Ordering::Relaxed);
    }

    /// Lets a module be loaded for ever.
    pub fn keeps_loading(&self, module: ModuleDigest) {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner).insert(module);
    }

    /// Ends that.
    pub fn is_loaded(&self, module: ModuleDigest) {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner).remove(&module);
    }

    /// Lets a module be missing when it is looked for next, and there from then on.
    pub fn comes_late(&self, module: ModuleDigest) {
        self.late.lock().unwrap_or_else(PoisonError::into_inner).insert(module);
    }

    /// Everything that was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<PolicyRequest> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn verdict(&self, attachment: &PolicyAttachment) -> Option<Verdict> {
        let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.get(&attachment.name).or_else(|| verdicts.get(&attachment.settings)).copied()
    }
}

/// A library in which every text but the empty one is a module, and whatever begins with it its signature. Its summary repeats the text,
/// and one that begins like JSON is the schema of its settings as well.
#[async_trait]
impl ModuleLibrary for FakePolicies {
    async fn admit(&self, bytes: Arc<[u8]>, signature: Option<&[u8]>) -> Result<ModuleFacts, LibraryError> {
        if bytes.is_empty() {
            return Err(LibraryError::Refused("it is no module".to_owned()));
        }
        if signature.is_some_and(|signature| !signature.starts_with(&bytes)) {
            return Err(LibraryError::NotSigned);
        }
        let digest = ModuleDigest(strongroom_crypto::sha256(&bytes));
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(digest, String::from_utf8_lossy(&bytes).into_owned());
        self.facts(&digest).await
    }

    async fn facts(&self, module: &ModuleDigest) -> Result<ModuleFacts, LibraryError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(module).cloned();
        let text = known.ok_or(LibraryError::Missing)?;
        let needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner).get(module).cloned();
        Ok(ModuleFacts {
            digest: *module,
            contract: "1.0.0".to_owned(),
            name: "fake".to_owned(),
            version: "1".to_owned(),
            summary: format!("A module of a test: {text}"),
            settings_schema: if text.starts_with('{') { text } else { "{}".to_owned() },
            actions: vec!["*".to_owned()],
            objects: vec!["*".to_owned()],
            needs: needs.unwrap_or_default(),
        })
    }

    fn limits(&self) -> ModuleLimits {
        ModuleLimits {
            fuel: 5_000_000,
            memory_bytes: 16 << 20,
            stack_bytes: 256 << 10,
            backstop: Duration::from_millis(300),
            messages: 8,
            obligations: 8,
        }
    }

    fn judges_signatures(&self) -> bool {
        !self.no_signers.load(Ordering::Relaxed)
    }

    async fn forget(&self, module: &ModuleDigest) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(module);
    }

    fn shipped(&self) -> Vec<(ModuleDigest, u64)> {
        Vec::new()
    }
}

fn is_of_contents(request: &PolicyRequest) -> bool {
    Action::ALL.iter().any(|action| action.is_data() && action.data_action() == request.action)
}

#[async_trait]
impl PolicyEngine for FakePolicies {
    async fn needs(&self, module: &ModuleDigest) -> Option<Arc<PolicyNeeds>> {
        if self.loading.lock().unwrap_or_else(PoisonError::into_inner).contains(module) {
            return std::future::pending().await;
        }
        if self.late.lock().unwrap_or_else(PoisonError::into_inner).remove(module) {
            return None;
        }
        let needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::new(needs.get(module).cloned().unwrap_or_default()))
    }

    async fn decide(
        &self,
        attachment: &PolicyAttachment,
        requests: &[PolicyRequest],
    ) -> Result<Vec<PolicyAnswer>, PolicyFailure> {
        if !requests.is_empty() && requests.iter().all(|request| self.passes_over(&attachment.module, request)) {
            return Ok(requests.iter().map(|_| unasked()).collect());
        }
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(requests);
        let obligations = {
            let wanted = self.obligations.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.get(&attachment.name).cloned().unwrap_or_default()
        };
        match self.verdict(attachment).ok_or(PolicyFailure::Missing)? {
            Verdict::Fails(failure) => Err(failure),
            Verdict::SaysNothing => Ok(Vec::new()),
            Verdict::Hangs => std::future::pending().await,
            Verdict::NeedsApproval(approvers) => {
                Ok(requests.iter().map(|request| needs_approval(request, approvers)).collect())
            }
            Verdict::WantsExpiry => Ok(requests.iter().map(wants_expiry).collect()),
            verdict
            @ (Verdict::Says(_) | Verdict::SaysOfContents(_) | Verdict::EnabledAlone | Verdict::LikesExpiry) => {
                Ok(requests
                    .iter()
                    .map(|request| PolicyAnswer {
                        effect: match verdict {
                            Verdict::EnabledAlone if request.object.enabled == Some(false) => Effect::Deny,
                            Verdict::LikesExpiry if request.object.expires.is_some() => Effect::Allow,
                            Verdict::SaysOfContents(effect) if is_of_contents(request) => effect,
                            Verdict::Says(effect) => effect,
                            _ => Effect::Abstain,
                        },
                        reason_code: "as-told".to_owned(),
                        sentence: "The test said so.".to_owned(),
                        relied_on: Vec::new(),
                        messages: Vec::new(),
                        obligations: obligations.clone(),
                        fuel: 1,
                    })
                    .collect())
            }
        }
    }

    async fn check(&self, attachment: &PolicyAttachment) -> Result<(), Unfit> {
        match self.verdict(attachment) {
            None => Err(PolicyFailure::Missing.into()),
            Some(Verdict::Fails(failure)) => Err(failure.into()),
            Some(_) => Ok(()),
        }
    }

    fn wants(&self, module: &ModuleDigest, _action: &str) -> bool {
        !self.blind.lock().unwrap_or_else(PoisonError::into_inner).contains(module)
    }

    fn passes_over(&self, module: &ModuleDigest, request: &PolicyRequest) -> bool {
        let sees = self.sees.lock().unwrap_or_else(PoisonError::into_inner);
        sees.get(module).is_some_and(|action| action.data_action() != request.action)
    }
}

/// What the host says in the place of a module that does not want to see an action.
fn unasked() -> PolicyAnswer {
    PolicyAnswer {
        effect: Effect::Abstain,
        reason_code: "action-not-wanted".to_owned(),
        sentence: String::new(),
        relied_on: Vec::new(),
        messages: Vec::new(),
        obligations: Vec::new(),
        fuel: 0,
    }
}

/// What a module that wants things to expire says.
fn wants_expiry(request: &PolicyRequest) -> PolicyAnswer {
    let effect = if request.object.expires.is_some() { Effect::Allow } else { Effect::Deny };
    PolicyAnswer {
        effect,
        reason_code: "expiry".to_owned(),
        sentence: "It has to expire.".to_owned(),
        relied_on: Vec::new(),
        messages: Vec::new(),
        obligations: Vec::new(),
        fuel: 1,
    }
}

/// What a module that wants approvals says.
fn needs_approval(request: &PolicyRequest, approvers: u32) -> PolicyAnswer {
    let approving = request.action.starts_with("Strongroom/vaults/approvals/");
    let enough = request.approvals.as_ref().is_some_and(|approvals| approvals.len() >= approvers as usize);
    let wish = Obligation::RequireApproval { approvers, valid_for: 600 };
    let (effect, obligations) = match (approving, enough) {
        (true, _) => (Effect::Abstain, Vec::new()),
        (_, true) => (Effect::Allow, Vec::new()),
        (_, false) => (Effect::Deny, vec![wish]),
    };
    PolicyAnswer {
        effect,
        reason_code: "approval".to_owned(),
        sentence: "Somebody else has to approve this.".to_owned(),
        relied_on: Vec::new(),
        messages: Vec::new(),
        obligations,
        fuel: 1,
    }
}
