//! Use cases of policy modules: uploading and removing them, attaching them to all vaults, going back.
//! What is attached to one vault is part of its settings: see `vaults`.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use strongroom_crypto::sha256;

use super::{AdminError, Administration, vaults::ATTEMPTS};
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    decision::Stage,
    gate::{self, Ask, Case, RunsSeen, ShadowSeen},
    keyring::Keyring,
    names::{ObjectKind, VaultId, VaultName},
    permit::{ObjectRef, Permit},
    policy::{AttachmentState, ModuleDigest, PolicyAttachment, PolicyFailure, PolicyNeeds, PolicyRequest, Said},
    policy_module::{InstallationPolicies, LibraryError, ModuleFacts, PolicyModule, all_off, has_room},
    policy_replay::{PolicyReplay, Reviewed, to_review},
    ports::{PolicyStore, VaultStore},
    principal::PrincipalId,
    record::Recorder,
};

/// What a module is called while it is tried.
const TRIED: &str = "tried";

/// A module for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleShown {
    /// What it says about itself.
    pub facts: ModuleFacts,
    /// How long it is, in bytes.
    pub size: u64,
    /// Who uploaded it and when (Unix milliseconds); none for a module that ships.
    pub uploaded: Option<(PrincipalId, i64)>,
    /// Whether a signature is kept with it. Whether that holds is found when it is loaded, where keys are listed.
    pub signed: bool,
}

/// An attachment with what it would have said in shadow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentShown {
    /// The attachment.
    pub attachment: PolicyAttachment,
    /// Seen by this node since it started, of the module and the settings that are there now.
    pub shadow: ShadowSeen,
    /// How far what would change, were it enforced, was looked at: by the newest replay that is kept and tried it so.
    pub reviewed: Option<Reviewed>,
    /// How its module fared within the last day, as far as this node saw it.
    pub runs: RunsSeen,
}

/// The attachments of a vault, or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoliciesShown {
    /// In the order in which they are asked.
    pub policies: Vec<AttachmentShown>,
    /// Revision of the vault, or of the attachments of all vaults.
    pub revision: i64,
}

impl From<LibraryError> for AdminError {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::Missing => Self::ModuleNotFound,
            LibraryError::Refused(why) => Self::ModuleRefused(why),
            LibraryError::NotSigned => Self::ModuleNotSigned,
            LibraryError::Unavailable(why) => {
                tracing::error!(why, "the policy host did not look at a module");
                Self::Unavailable
            }
        }
    }
}

impl Administration {
    /// Takes a module in, once it is known to be one. The same bytes again change nothing, unless they come with another
    /// signature that holds: that is kept in place of the one before.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn push_module(
        &self,
        ctx: &RequestContext,
        bytes: Arc<[u8]>,
        signature: Option<&[u8]>,
    ) -> Result<ModuleShown, AdminError> {
        let mut case = self.admit(ctx, Ask::server(Action::PolicyModuleWrite)).await?;
        let (size, digest) = (bytes.len() as u64, ModuleDigest(sha256(&bytes)));
        // Also of what is refused: which bytes they were.
        case.record.object = Some(digest.to_string());
        if self.library.shipped().iter().any(|(shipped, _)| *shipped == digest) {
            return Err(self.refuse(ctx, case, AdminError::ModuleShips).await);
        }
        let all = self.modules.policy_modules().await?;
        let room = has_room(size, &all);
        let known = all.into_iter().find(|known| known.digest == digest);
        // Before it is compiled and loaded: what is loaded has a bound of its own, which decisions need.
        if known.is_none() && !room {
            return Err(self.refuse(ctx, case, AdminError::TooManyModules).await);
        }
        let facts = match self.library.admit(Arc::clone(&bytes), signature).await {
            Ok(facts) => facts,
            Err(why) => return Err(self.refuse(ctx, case, why.into()).await),
        };
        let signature = signature.map(|signature| BASE64URL_NOPAD.encode(signature));
        if let Some(known) = known.as_ref().filter(|known| signature.is_none() || signature == known.signature) {
            let shown = self.shown(known.clone(), facts);
            return self.recorder.release(ctx, case.record, case.permit.hold(shown)).await?;
        }
        // Which of two holds is told by listed keys alone: without any, one that a key of another server may have made
        // is not lost for one that nobody made.
        if known.as_ref().is_some_and(|known| known.signature.is_some()) && !self.library.judges_signatures() {
            return Err(self.refuse(ctx, case, AdminError::ModuleSignedOtherwise).await);
        }
        if let Some(Err(why)) = known.as_ref().map(|known| self.keyring.verify_policy_module(known)) {
            return Err(self.refuse(ctx, case, why.into()).await);
        }
        let replaces = known.map(|known| known.uploaded_at);
        let mut module = PolicyModule {
            digest: facts.digest,
            size,
            name: facts.name.clone(),
            version: facts.version.clone(),
            summary: facts.summary.clone(),
            uploaded_by: ctx.principal.id.clone(),
            uploaded_at: replaces.map_or(ctx.now, |before| ctx.now.max(before.saturating_add(1))),
            signature,
            tag: Vec::new(),
        };
        module.tag = self.keyring.tag_policy_module(&module)?;
        let shown = ModuleShown {
            facts,
            size,
            uploaded: Some((module.uploaded_by.clone(), module.uploaded_at)),
            signed: module.signature.is_some(),
        };
        let revision = module.uploaded_at;
        let change = Change::PutPolicyModule { module: Box::new(module), bytes, replaces };
        let put = self.change(ctx, case, revision, change, shown).await;
        if replaces.is_none() && !matches!(put, Ok(Some(_))) {
            // Loaded here and kept nowhere, it could be attached, and would be missing everywhere else.
            self.library.forget(&digest).await;
        }
        put?.ok_or(AdminError::Contended)
    }

    /// Every module: those that ship, then those that were uploaded.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_modules(&self, ctx: &RequestContext) -> Result<Vec<ModuleShown>, AdminError> {
        let Case { permit, record, .. } = self.admit(ctx, Ask::server(Action::PolicyModuleRead)).await?;
        let found = self.all_modules().await;
        self.recorder.release(ctx, record, permit.hold(found)).await?
    }

    async fn all_modules(&self) -> Result<Vec<ModuleShown>, AdminError> {
        let mut found = Vec::new();
        for (digest, size) in self.library.shipped() {
            let facts = self.library.facts(&digest).await?;
            found.push(ModuleShown { facts, size, uploaded: None, signed: false });
        }
        for module in self.modules.policy_modules().await? {
            // Not loaded for a list: what it says about itself was kept, but for the settings and what it wants to see.
            let PolicyModule { digest, name, version, summary, .. } = module.clone();
            let facts = ModuleFacts {
                digest,
                contract: String::new(),
                name,
                version,
                summary,
                settings_schema: String::new(),
                actions: Vec::new(),
                objects: Vec::new(),
                needs: PolicyNeeds::default(),
            };
            found.push(self.shown(module, facts)?);
        }
        Ok(found)
    }

    /// One module, with all that it says about itself.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn show_module(&self, ctx: &RequestContext, digest: ModuleDigest) -> Result<ModuleShown, AdminError> {
        let Case { permit, mut record, .. } = self.admit(ctx, Ask::server(Action::PolicyModuleRead)).await?;
        record.object = Some(digest.to_string());
        let found = async {
            let facts = self.library.facts(&digest).await?;
            if let Some((_, size)) = self.library.shipped().into_iter().find(|(shipped, _)| *shipped == digest) {
                return Ok(ModuleShown { facts, size, uploaded: None, signed: false });
            }
            let (module, _) = self.modules.policy_module(&digest).await?.ok_or(AdminError::ModuleNotFound)?;
            self.shown(module, facts)
        };
        let found = found.await;
        self.recorder.release(ctx, record, permit.hold(found)).await?
    }

    /// An uploaded module as it came, with what is known of it: for whoever does not have its file any more.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn pull_module(
        &self,
        ctx: &RequestContext,
        digest: ModuleDigest,
    ) -> Result<(PolicyModule, Vec<u8>), AdminError> {
        let Case { permit, mut record, .. } = self.admit(ctx, Ask::server(Action::PolicyModuleRead)).await?;
        record.object = Some(digest.to_string());
        let found = async {
            if self.library.shipped().iter().any(|(shipped, _)| *shipped == digest) {
                return Err(AdminError::ModuleShips);
            }
            let (module, bytes) = self.modules.policy_module(&digest).await?.ok_or(AdminError::ModuleNotFound)?;
            self.keyring.verify_policy_module(&module)?;
            if module.digest != digest || ModuleDigest(sha256(&bytes)) != digest {
                return Err(AdminError::Tampered);
            }
            Ok((module, bytes))
        };
        let found = found.await;
        self.recorder.release(ctx, record, permit.hold(found)).await?
    }

    fn shown(&self, module: PolicyModule, facts: ModuleFacts) -> Result<ModuleShown, AdminError> {
        self.keyring.verify_policy_module(&module)?;
        let (size, signed) = (module.size, module.signature.is_some());
        Ok(ModuleShown { facts, size, uploaded: Some((module.uploaded_by, module.uploaded_at)), signed })
    }

    /// Removes an uploaded module that no attachment refers to, not even for going back.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn remove_module(&self, ctx: &RequestContext, digest: ModuleDigest) -> Result<(), AdminError> {
        let mut case = self.admit(ctx, Ask::server(Action::PolicyModuleDelete)).await?;
        case.record.object = Some(digest.to_string());
        if self.library.shipped().iter().any(|(shipped, _)| *shipped == digest) {
            return Err(self.refuse(ctx, case, AdminError::ModuleShips).await);
        }
        let all = self.modules.policy_modules().await?;
        let Some(module) = all.into_iter().find(|module| module.digest == digest) else {
            return Err(self.refuse(ctx, case, AdminError::ModuleNotFound).await);
        };
        if self.is_attached(digest).await? {
            return Err(self.refuse(ctx, case, AdminError::ModuleInUse).await);
        }
        let revision = module.uploaded_at.saturating_add(1);
        let change = Change::DeletePolicyModule(Box::new(module));
        // Attached or removed meanwhile.
        self.change(ctx, case, revision, change, ()).await?.ok_or(AdminError::Contended)?;
        self.library.forget(&digest).await;
        Ok(())
    }

    /// Asks a module about a request that somebody describes, under settings that are tried. Nothing is judged by
    /// it, and nobody is asked for what the request says: it stands for itself.
    ///
    /// # Errors
    /// [`AdminError`]; a module that gives no usable answer is no error but what was to be found out.
    pub async fn try_module(
        &self,
        ctx: &RequestContext,
        module: ModuleDigest,
        settings: &str,
        request: &PolicyRequest,
    ) -> Result<Said, AdminError> {
        let mut case = self.admit(ctx, Ask::server(Action::PolicyModuleRead)).await?;
        case.record.object = Some(module.to_string());
        let attachment = PolicyAttachment {
            name: TRIED.to_owned(),
            module,
            settings: settings.to_owned(),
            state: AttachmentState::Off,
            authority: false,
            previous: None,
        };
        // One at a time: modules that decide for others wait for the same places.
        let _place = match self.listing(ctx).await {
            Ok(place) => place,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        if let Err(why) = self.loaded(std::slice::from_ref(&attachment)).await {
            return Err(self.refuse(ctx, case, why).await);
        }
        let asked = self.policies.judge(&[&attachment], request).await;
        let said = asked.into_iter().next().unwrap_or(Said { answer: Err(PolicyFailure::BadAnswer), micros: None });
        self.recorder.release(ctx, case.record, case.permit.hold(Ok(said))).await?
    }

    async fn is_attached(&self, digest: ModuleDigest) -> Result<bool, AdminError> {
        let of_it = |attachment: &PolicyAttachment| {
            attachment.module == digest || attachment.previous.as_ref().is_some_and(|old| old.module == digest)
        };
        let mut attached = self.modules.installation_policies().await?.policies.iter().any(of_it);
        for deleted in [false, true] {
            let vaults = self.vaults.vaults(deleted).await?;
            attached |= vaults.iter().any(|vault| vault.settings.policies.iter().any(of_it));
        }
        Ok(attached)
    }

    /// What is attached to a vault, or to all of them.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn show_policies(
        &self,
        ctx: &RequestContext,
        vault: Option<&VaultName>,
    ) -> Result<PoliciesShown, AdminError> {
        self.attached_shown(ctx, vault, None).await
    }

    /// The same where one of them is looked for, which must be among them.
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::AttachmentNotFound`] for a name that nothing is attached under.
    pub async fn show_attachment(
        &self,
        ctx: &RequestContext,
        vault: Option<&VaultName>,
        name: &str,
    ) -> Result<PoliciesShown, AdminError> {
        self.attached_shown(ctx, vault, Some(name)).await
    }

    async fn attached_shown(
        &self,
        ctx: &RequestContext,
        vault: Option<&VaultName>,
        wanted: Option<&str>,
    ) -> Result<PoliciesShown, AdminError> {
        let ask = vault.map_or_else(|| Ask::server(Action::PolicyRead), |name| Ask::vault(Action::VaultRead, name));
        let Case { permit, record, vault: found, .. } = self.admit(ctx, ask).await?;
        let kept = self.replays_to_tell_of().await;
        let shown = match (vault, &found) {
            (None, _) => self.everywhere().await.map(|all| PoliciesShown {
                policies: all.policies.iter().map(|attachment| self.counted(ctx, None, attachment, &kept)).collect(),
                revision: all.revision,
            }),
            (Some(_), Some((vault, _))) => {
                let policies = vault
                    .settings
                    .policies
                    .iter()
                    .map(|attachment| self.counted(ctx, Some(vault.id), attachment, &kept));
                Ok(PoliciesShown { policies: policies.collect(), revision: vault.revision })
            }
            (Some(_), None) => Err(AdminError::VaultNotFound),
        };
        let is_there = |shown: &PoliciesShown| {
            wanted.is_none_or(|wanted| shown.policies.iter().any(|one| one.attachment.name == wanted))
        };
        let shown =
            shown.and_then(|shown| if is_there(&shown) { Ok(shown) } else { Err(AdminError::AttachmentNotFound) });
        self.recorder.release(ctx, record, permit.hold(shown)).await?
    }

    fn counted(
        &self,
        ctx: &RequestContext,
        vault: Option<VaultId>,
        attachment: &PolicyAttachment,
        kept: &[PolicyReplay],
    ) -> AttachmentShown {
        let shadow = self.gate.shadows.of(vault, attachment);
        let reviewed = to_review(kept, vault, attachment).map(PolicyReplay::reviewed);
        let runs = self.gate.runs.of(vault, attachment, ctx.now);
        AttachmentShown { attachment: attachment.clone(), shadow, reviewed, runs }
    }

    pub(super) async fn everywhere(&self) -> Result<Arc<InstallationPolicies>, AdminError> {
        let found = self.modules.installation_policies().await?;
        self.keyring.verify_installation_policies(&found)?;
        Ok(found)
    }

    /// Attaches modules to all vaults, in place of those that are. With `expected`, only at that revision; with `force`
    /// also where one of them denies the connection that the caller asks over.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_policies_everywhere(
        &self,
        ctx: &RequestContext,
        expected: Option<i64>,
        policies: &[PolicyAttachment],
        force: bool,
    ) -> Result<PoliciesShown, AdminError> {
        self.change_everywhere(ctx, expected, force, |before| {
            Ok(PolicyAttachment::following(policies.to_vec(), &before.policies))
        })
        .await
    }

    async fn change_everywhere(
        &self,
        ctx: &RequestContext,
        expected: Option<i64>,
        force: bool,
        change: impl Fn(&InstallationPolicies) -> Result<Vec<PolicyAttachment>, AdminError>,
    ) -> Result<PoliciesShown, AdminError> {
        for _ in 0..ATTEMPTS {
            let mut case = self.admit(ctx, Ask::server(Action::PolicyWrite)).await?;
            let before = match self.everywhere().await {
                Ok(before) if expected.is_some_and(|expected| expected != before.revision) => {
                    return Err(self.refuse(ctx, case, AdminError::OtherRevision).await);
                }
                Ok(before) => before,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            let after = async {
                let policies = change(&before)?;
                let after = next_everywhere(&self.keyring, &before, policies)?;
                self.may_put_everywhere(ctx, &mut case.record.trace, (&before, &after), force).await?;
                Ok(after)
            };
            let after = match after.await {
                Ok(after) => after,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            case.record.detail_attachments(&before.policies, &after.policies);
            self.tell_reviews(ctx, &mut case.record, None, &before.policies, &after.policies).await;
            let kept = self.replays_to_tell_of().await;
            let policies = after.policies.iter().map(|attachment| self.counted(ctx, None, attachment, &kept)).collect();
            let shown = PoliciesShown { policies, revision: after.revision };
            let revision = after.revision;
            let change = Change::PutInstallationPolicies(Box::new(after));
            if let Some(shown) = self.change(ctx, case, revision, change, shown).await? {
                return Ok(shown);
            }
        }
        Err(self.contended(ctx, Ask::server(Action::PolicyWrite)).await)
    }

    /// Whether the caller, who may attach modules to all vaults, may attach these, and they can be asked.
    pub(super) async fn may_put_everywhere(
        &self,
        ctx: &RequestContext,
        trace: &mut Vec<Stage>,
        (before, after): (&InstallationPolicies, &InstallationPolicies),
        force: bool,
    ) -> Result<(), AdminError> {
        self.may_change_guards_everywhere(ctx, trace, &before.policies, &after.policies).await?;
        self.loaded(&after.policies).await?;
        self.modules_let_author_in(ctx, trace, None, &before.policies, &after.policies, force).await
    }

    /// Puts what was attached to all vaults under a name before in its place again: module, settings, state.
    /// For one vault, [`crate::vault::VaultUpdate::roll_back`] does. With `expected`, only from that revision: a second
    /// step back would undo the first.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn roll_back_everywhere(
        &self,
        ctx: &RequestContext,
        attachment: &str,
        expected: Option<i64>,
        force: bool,
    ) -> Result<PoliciesShown, AdminError> {
        self.change_everywhere(ctx, expected, force, |before| {
            Ok(PolicyAttachment::rolled_back(&before.policies, attachment)?)
        })
        .await
    }
}

pub(super) fn next_everywhere(
    keyring: &Keyring,
    before: &InstallationPolicies,
    policies: Vec<PolicyAttachment>,
) -> Result<InstallationPolicies, AdminError> {
    let revision = before.revision.checked_add(1).ok_or(AdminError::Tampered)?;
    let mut after = InstallationPolicies { policies, revision, tag: Vec::new() };
    after.check()?;
    after.tag = keyring.tag_installation_policies(&after)?;
    Ok(after)
}

/// Which modules a recovery turned off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Names of the attachments.
    pub attachments: Vec<String>,
}

/// Turns off all modules of a vault, or of all vaults together: for policies that lock everybody out.
///
/// Whoever calls holds the root key in use, which is the proof that this rests on. Nothing is detached, so
/// that owners can see what locked them out and put it right.
///
/// # Errors
/// [`AdminError`].
pub async fn recover_policies(
    ctx: &RequestContext,
    keyring: &Keyring,
    (vaults, modules): (&dyn VaultStore, &dyn PolicyStore),
    recorder: &Recorder,
    vault: Option<&VaultName>,
) -> Result<Recovered, AdminError> {
    let on = |policies: &[PolicyAttachment]| {
        let on = policies.iter().filter(|a| a.state != AttachmentState::Off);
        Recovered { attachments: on.map(|attachment| attachment.name.clone()).collect() }
    };
    let mut case = gate::holder_of_root_key(ctx, Action::PolicyRecover);
    let (recovered, revision, change) = match vault {
        None => {
            let before = modules.installation_policies().await?;
            keyring.verify_installation_policies(&before)?;
            let after = next_everywhere(keyring, &before, all_off(&before.policies))?;
            case.record.detail_attachments(&before.policies, &after.policies);
            (on(&before.policies), after.revision, Change::PutInstallationPolicies(Box::new(after)))
        }
        Some(name) => {
            let before = vaults.vault(name).await?.ok_or(AdminError::VaultNotFound)?;
            keyring.verify_vault(&before)?;
            let mut after = (*before).clone();
            after.settings.policies = all_off(&before.settings.policies);
            after.revision = before.revision.checked_add(1).ok_or(AdminError::Tampered)?;
            after.tag = keyring.tag_vault(&after)?;
            let object = ObjectRef { vault: Some((before.id, name.clone())), kind: ObjectKind::Vault, name: None };
            case.permit = Permit::grant(ctx.request_id, Action::PolicyRecover, object, Some(before.revision));
            case.record.vault = Some(name.as_str().to_owned());
            case.record.kind = Some(ObjectKind::Vault.as_str().to_owned());
            case.record.vault_change = Some(after.as_changed());
            case.record.detail_attachments(&before.settings.policies, &after.settings.policies);
            (on(&before.settings.policies), after.revision, Change::PutVault(Box::new(after)))
        }
    };
    case.record.revision = Some(revision);
    let (change, held) = case.permit.apply(change, recovered).map_err(|_| AdminError::Contended)?;
    recorder.commit(ctx, case.record, change, held).await?.ok_or(AdminError::Contended)
}
