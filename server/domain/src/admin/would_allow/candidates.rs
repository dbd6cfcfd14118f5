//! Which changes are worth trying, by the stage that denied.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use uuid::Uuid;

use super::super::{AdminError, Administration, Described, ScopeRequest};
use crate::{
    access_policy::{AccessMode, ObjectPermission, ObjectPermissions},
    action::Action,
    context::RequestContext,
    decision::{Stage, StageEffect},
    gate::{EVERYWHERE, Foreseen, POLICY_STAGE},
    identity::Workload,
    names::{ObjectKind, ObjectName, ObjectVersion},
    network::{NetworkAction, NetworkRule, NetworkRules},
    policy::{AttachedBefore, AttachmentState, ModuleDigest, PolicyAttachment},
    role::RoleRef,
    secret::{AttributePatch, SecretAttributes},
    vault::{Vault, VaultUpdate},
};

/// Seconds of the days for which an end is moved on.
const LATER: i64 = 30 * 86_400;

/// Where a module is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// To the vault.
    Vault,
    /// To all vaults.
    Everywhere,
}

/// One change of one rule, or of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SingleChange {
    /// The principal is assigned a role.
    Assign {
        /// Which.
        role: RoleRef,
        /// Its name.
        name: String,
        /// Where.
        scope: ScopeRequest,
    },
    /// The principal's access policy has one more permission.
    Permit {
        /// All that it allows then.
        permissions: ObjectPermissions,
        /// The new one.
        permission: ObjectPermission,
    },
    /// A workload is enabled again.
    Enable {
        /// Which.
        client_id: Uuid,
        /// What people call it.
        name: String,
        /// The workload then.
        after: Arc<Workload>,
    },
    /// The vault gets another access mode.
    Mode(AccessMode),
    /// The allow of a guard grants from then on.
    Authorize(PolicyAttachment),
    /// A network rule in front of the others lets an address in.
    LetIn(IpNet),
    /// A network rule in front of the others lets a listener in.
    LetInBy(String),
    /// An attachment gets another state.
    SetState {
        /// Its name.
        attachment: PolicyAttachment,
        /// Where it is.
        which: Which,
        /// The state.
        state: AttachmentState,
    },
    /// What stood in an attachment's place before comes back.
    RollBack {
        /// Its name.
        attachment: String,
        /// Where it is.
        which: Which,
        /// What comes back.
        to: AttachedBefore,
    },
    /// An attachment gets other settings, and keeps its module.
    Settings {
        /// Its name.
        attachment: String,
        /// Where it is.
        which: Which,
        /// Its module.
        module: ModuleDigest,
        /// The settings.
        settings: String,
        /// Whether it grants.
        authority: bool,
        /// What is another in them, in words; none where they are those that it had before.
        how: Option<String>,
    },
    /// The object's attributes change.
    Update {
        /// Kind of the object.
        kind: ObjectKind,
        /// Its name.
        name: ObjectName,
        /// Which version; none for the current one.
        version: Option<ObjectVersion>,
        /// What of them.
        patch: AttributePatch,
        /// All of them then.
        after: SecretAttributes,
    },
}

impl SingleChange {
    /// A word for what sort of change it is.
    #[must_use]
    pub fn sort(&self) -> &'static str {
        match self {
            Self::Assign { .. } => "assignment",
            Self::Permit { .. } => "access-policy",
            Self::Enable { .. } => "identity",
            Self::Mode(_) => "access-mode",
            Self::Authorize(_) => "attachment-authority",
            Self::LetIn(_) | Self::LetInBy(_) => "network-rule",
            Self::SetState { .. } => "attachment-state",
            Self::RollBack { .. } => "rollback",
            Self::Settings { .. } => "attachment-settings",
            Self::Update { .. } => "object",
        }
    }

    pub(super) fn is_of_modules(&self) -> bool {
        matches!(self, Self::SetState { .. } | Self::RollBack { .. } | Self::Settings { .. } | Self::Authorize(_))
    }

    /// The built-in role that whoever makes the change would have to hold.
    pub(super) fn role_to_hold(&self) -> Option<&'static str> {
        match self {
            Self::Assign { role: RoleRef::BuiltIn(role), .. } => Some(role.name()),
            _ => None,
        }
    }

    /// The attachments with the change; the same where it is not of them.
    pub(super) fn attachments(&self, before: &[PolicyAttachment]) -> Result<Vec<PolicyAttachment>, AdminError> {
        let with = |name: &str, change: &dyn Fn(&mut PolicyAttachment)| {
            let mut after = before.to_vec();
            if let Some(found) = after.iter_mut().find(|attachment| attachment.name == name) {
                change(found);
            }
            PolicyAttachment::following(after, before)
        };
        Ok(match self {
            Self::SetState { attachment, state, .. } => with(&attachment.name, &|found| found.state = *state),
            Self::Authorize(attachment) => with(&attachment.name, &|found| found.authority = true),
            Self::RollBack { attachment, .. } => PolicyAttachment::rolled_back(before, attachment)?,
            Self::Settings { attachment, settings, .. } => {
                with(attachment, &|found| found.settings.clone_from(settings))
            }
            _ => before.to_vec(),
        })
    }

    /// The change as one of a vault's settings, if it is one.
    pub(super) fn of_vault(&self, vault: &Vault) -> Result<Option<VaultUpdate>, AdminError> {
        let rule = match self {
            Self::LetIn(network) => NetworkRule::of(NetworkAction::Allow, *network),
            Self::LetInBy(listener) => NetworkRule {
                action: NetworkAction::Allow,
                network: None,
                listener: Some(listener.clone()),
                ends_at: None,
            },
            Self::RollBack { attachment, which: Which::Vault, .. } => {
                return Ok(Some(VaultUpdate { roll_back: Some(attachment.clone()), ..VaultUpdate::default() }));
            }
            Self::Mode(mode) => {
                return Ok(Some(VaultUpdate { access_mode: Some(*mode), ..VaultUpdate::default() }));
            }
            Self::Authorize(_)
            | Self::SetState { which: Which::Vault, .. }
            | Self::Settings { which: Which::Vault, .. } => {
                let policies = Some(self.attachments(&vault.settings.policies)?);
                return Ok(Some(VaultUpdate { policies, ..VaultUpdate::default() }));
            }
            _ => return Ok(None),
        };
        let before = &vault.settings.network;
        let rules = std::iter::once(rule).chain(before.rules.iter().cloned()).collect();
        let network = NetworkRules { rules, ..before.clone() };
        Ok(Some(VaultUpdate { network: Some(network), ..VaultUpdate::default() }))
    }
}

/// What is tried: a role that has yet to be found, or a change.
pub(super) enum Candidate {
    /// The least role that the caller may assign, at the narrowest scope.
    LeastRole,
    /// One more permission by access policy.
    Permit(ObjectPermission),
    /// Settings that differ in one place, as the module's schema offers them.
    OtherSettings(Box<PolicyAttachment>, Which),
    /// A change that says all.
    Change(Box<SingleChange>),
}

impl Candidate {
    /// Of what sort the changes are that it comes to: see [`SingleChange::sort`].
    pub(super) fn sort(&self) -> &'static str {
        match self {
            Self::LeastRole => "assignment",
            Self::Permit(_) => "access-policy",
            Self::OtherSettings(..) => "attachment-settings",
            Self::Change(change) => change.sort(),
        }
    }
}

impl From<SingleChange> for Candidate {
    fn from(change: SingleChange) -> Self {
        Self::Change(Box::new(change))
    }
}

impl Administration {
    /// What is worth trying, the narrowest first.
    pub(super) async fn candidates(
        &self,
        vault: &Vault,
        theirs: &RequestContext,
        described: &Described,
        foreseen: &Foreseen,
    ) -> Result<Vec<Candidate>, AdminError> {
        let denied = |stage: &&Stage| stage.effect == StageEffect::Deny;
        let Some(stage) = foreseen.trace.iter().rfind(denied) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        match stage.stage.as_str() {
            "network" => {
                found.push(SingleChange::LetIn(alone(theirs.client)).into());
                found.push(SingleChange::LetInBy(theirs.listener.clone().into_owned()).into());
            }
            "identity" => found.extend(self.enabled_again(theirs).await?),
            "grants" => {
                found.push(Candidate::LeastRole);
                found.extend(other_modes(vault));
            }
            "access-policy" => {
                found.extend(ObjectPermission::of(described.action).map(Candidate::Permit));
                found.extend(other_modes(vault));
            }
            "modules" => {
                // None with authority allowed it.
                for attachment in vault.settings.policies.iter().filter(|attachment| attachment.authority) {
                    if attachment.state != AttachmentState::Enforce {
                        let (attachment, state) = (attachment.clone(), AttachmentState::Enforce);
                        found.push(Candidate::from(SingleChange::SetState { attachment, which: Which::Vault, state }));
                    }
                }
                for attachment in &vault.settings.policies {
                    found.extend(back(attachment, Which::Vault));
                }
                let grants = |attachment: &&PolicyAttachment| {
                    attachment.authority && attachment.state == AttachmentState::Enforce
                };
                found.extend(
                    vault
                        .settings
                        .policies
                        .iter()
                        .filter(grants)
                        .map(|attachment| Candidate::OtherSettings(Box::new(attachment.clone()), Which::Vault)),
                );
                let guards = vault
                    .settings
                    .policies
                    .iter()
                    .filter(|attachment| !attachment.authority && attachment.state == AttachmentState::Enforce);
                found.extend(guards.map(|guard| Candidate::from(SingleChange::Authorize(guard.clone()))));
                found.extend(other_modes(vault));
            }
            other => {
                let Some(name) = other.strip_prefix(POLICY_STAGE) else { return Ok(found) };
                let everywhere = self.everywhere().await?;
                let (attached, name, which) = match name.strip_prefix(EVERYWHERE) {
                    Some(name) => (&everywhere.policies, name, Which::Everywhere),
                    None => (&vault.settings.policies, name, Which::Vault),
                };
                found.extend(self.better_object(vault, theirs, described).await?);
                if let Some(attachment) = attached.iter().find(|attachment| attachment.name == name) {
                    found.extend(back(attachment, which));
                    found.push(Candidate::OtherSettings(Box::new(attachment.clone()), which));
                    for state in [AttachmentState::Shadow, AttachmentState::Off] {
                        let attachment = attachment.clone();
                        found.push(Candidate::from(SingleChange::SetState { attachment, which, state }));
                    }
                }
            }
        }
        Ok(found)
    }

    /// The workload that would ask, enabled, where it is not.
    async fn enabled_again(&self, theirs: &RequestContext) -> Result<Option<Candidate>, AdminError> {
        let Some(client_id) = theirs.principal.id.workload_of(&self.gate.own_issuer) else { return Ok(None) };
        let Some(found) = self.gate.identities.workload(client_id).await?.filter(|found| !found.enabled) else {
            return Ok(None);
        };
        self.keyring.verify_workload(&found)?;
        let mut after = Workload { enabled: true, ..(*found).clone() };
        after.tag = self.keyring.tag_workload(&after)?;
        let name = after.name.clone();
        Ok(Some(SingleChange::Enable { client_id, name, after: Arc::new(after) }.into()))
    }

    /// Changes of the object after which a module may judge it otherwise: enabled, begun, not ended.
    async fn better_object(
        &self,
        vault: &Vault,
        theirs: &RequestContext,
        described: &Described,
    ) -> Result<Vec<Candidate>, AdminError> {
        let kind = described.action.object_kind();
        let as_stored = described.proposed.is_none() && described.object.is_none();
        let Some(name) = described.name.as_ref().filter(|_| as_stored && update_of(kind).is_some()) else {
            return Ok(Vec::new());
        };
        // Authentic: the gate has judged it, and would not have come this far otherwise.
        let facts = self.gate.objects.facts(vault.id, kind, name, described.version.as_ref()).await?;
        let Some(stored) =
            facts.as_ref().filter(|facts| !facts.secret.managed).and_then(|facts| facts.version.as_ref())
        else {
            return Ok(Vec::new());
        };
        let (now, stored) = (theirs.seconds(), &stored.attributes);
        let mut patches = Vec::new();
        if !stored.enabled {
            patches.push(AttributePatch { enabled: Some(true), ..AttributePatch::default() });
        }
        if stored.not_before.is_some_and(|begin| begin > now) {
            patches.push(AttributePatch { not_before: Some(now), ..AttributePatch::default() });
        }
        if stored.expires.is_none_or(|end| end <= now) {
            patches.push(AttributePatch { expires: Some(now.saturating_add(LATER)), ..AttributePatch::default() });
        }
        let update = |patch: AttributePatch| {
            let after = patch.over(stored);
            let (name, version) = (name.clone(), described.version.clone());
            Candidate::from(SingleChange::Update { kind, name, version, patch, after })
        };
        Ok(patches.into_iter().map(update).collect())
    }
}

/// The ways back to what an attachment was before.
fn back(attachment: &PolicyAttachment, which: Which) -> Vec<Candidate> {
    let Some(before) = &attachment.previous else { return Vec::new() };
    let mut found = vec![Candidate::from(SingleChange::RollBack {
        attachment: attachment.name.clone(),
        which,
        to: before.clone(),
    })];
    if before.module != attachment.module && before.settings != attachment.settings {
        found.push(Candidate::from(SingleChange::Settings {
            attachment: attachment.name.clone(),
            which,
            module: attachment.module,
            settings: before.settings.clone(),
            authority: attachment.authority,
            how: None,
        }));
    }
    found
}

/// The vault's other access modes: they concern everybody there, so they come last.
fn other_modes(vault: &Vault) -> impl Iterator<Item = Candidate> + use<> {
    let now = vault.settings.access_mode;
    AccessMode::ALL.into_iter().filter(move |mode| *mode != now).map(|mode| SingleChange::Mode(mode).into())
}

/// One address and no other.
fn alone(client: IpAddr) -> IpNet {
    IpNet::from(client.to_canonical())
}

/// The action that changes the attributes of a kind of object.
pub(super) fn update_of(kind: ObjectKind) -> Option<Action> {
    match kind {
        ObjectKind::Secret => Some(Action::SecretUpdate),
        ObjectKind::Key => Some(Action::KeyUpdate),
        ObjectKind::Certificate => Some(Action::CertificateUpdate),
        _ => None,
    }
}
