//! Which modules stand where a request goes, and which of them are asked at a stage.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::{Gate, Judged, Trace, facts::is_gathered, unreadable};
use crate::{
    decision::DenyReason,
    names::VaultId,
    policy::{AttachmentState, PolicyAttachment, PolicyStage},
    policy_module::InstallationPolicies,
    vault::Vault,
};

/// How long all enforced modules of a request may take, together, to be found, compiled and loaded. Who is not there by
/// then denies.
pub const READY_WITHIN: Duration = Duration::from_secs(10);
/// How the name of an attachment to all vaults begins there.
pub(crate) const EVERYWHERE: &str = "everywhere/";

/// What is attached where a request goes: to all vaults, and to the vault itself, if there is one.
pub(super) struct Guards {
    pub(super) everywhere: Arc<InstallationPolicies>,
    pub(super) vault: Option<Arc<Vault>>,
}

/// A module and where it is attached.
#[derive(Clone, Copy)]
pub(super) struct Attached<'a> {
    pub(super) attachment: &'a PolicyAttachment,
    /// The vault; none when it is attached to all of them.
    pub(super) vault: Option<VaultId>,
    /// Whether it can be asked, or was not there in time.
    pub(super) is_there: bool,
}

impl Attached<'_> {
    /// Its name in records and denials.
    pub(super) fn shown(&self) -> String {
        let name = &self.attachment.name;
        if self.vault.is_some() { name.clone() } else { format!("{EVERYWHERE}{name}") }
    }
}

impl Guards {
    /// In the order in which they are asked.
    fn all(&self) -> impl Iterator<Item = Attached<'_>> {
        let of_all =
            self.everywhere.policies.iter().map(|attachment| Attached { attachment, vault: None, is_there: true });
        let own = self.vault.iter().flat_map(|vault| {
            let id = Some(vault.id);
            vault.settings.policies.iter().map(move |attachment| Attached { attachment, vault: id, is_there: true })
        });
        of_all.chain(own)
    }
}

/// What is asked at a stage, in order.
#[derive(Default)]
pub(super) struct OfStage<'a> {
    pub(super) enforced: Vec<Attached<'a>>,
    pub(super) shadows: Vec<Attached<'a>>,
    /// What the enforced ones want to see and the gate has to gather.
    pub(super) facts: BTreeSet<String>,
    /// What those in shadow want.
    pub(super) shadow_facts: BTreeSet<String>,
}

/// What is left of the time in which the enforced modules of one request have to be there.
pub(super) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(READY_WITHIN)
    }
}

impl Patience {
    /// What comes of looking for a module, if it is found in time. One that is there is found, however long others took.
    pub(super) async fn for_needs<T>(&mut self, needs: impl Future<Output = T>) -> Option<T> {
        let began = Instant::now();
        let found = timeout(self.0, needs).await.ok();
        self.0 = self.0.saturating_sub(began.elapsed());
        found
    }
}

impl Gate {
    /// The names, as requests for approval tell them, of the modules that have a say in a vault now.
    pub(crate) async fn enforced(&self, vault: Arc<Vault>) -> Result<BTreeSet<String>, DenyReason> {
        let guards = self.guards(Some(vault), &mut Trace::default()).await?;
        let enforced = guards.all().filter(|attached| attached.attachment.state == AttachmentState::Enforce);
        Ok(enforced.map(|attached| attached.shown()).collect())
    }

    /// What is attached to all vaults and to this one.
    pub(super) async fn guards(&self, vault: Option<Arc<Vault>>, trace: &mut Trace) -> Result<Guards, DenyReason> {
        match self.attached.installation_policies().await {
            Ok(everywhere) if self.keyring.verify_installation_policies(&everywhere).is_ok() => {
                Ok(Guards { everywhere, vault })
            }
            Ok(_) => Err(trace.deny("modules", DenyReason::Tampered, None)),
            Err(error) => {
                tracing::error!(%error, "the gate could not read the modules of all vaults");
                Err(trace.deny("modules", unreadable(&error), None))
            }
        }
    }

    /// What is asked at a stage. A module that cannot be had, or not in time, fails at the last one; one in shadow that is
    /// not there at once is not waited for.
    pub(super) async fn of_stage<'a>(
        &self,
        guards: &'a Guards,
        stage: PolicyStage,
        judged: &mut Judged,
    ) -> OfStage<'a> {
        let mut asked = OfStage::default();
        for mut attached in guards.all() {
            let needs = self.policies.needs(&attached.attachment.module);
            let (needs, list, facts) = match attached.attachment.state {
                AttachmentState::Off => continue,
                AttachmentState::Shadow => {
                    (judged.shadows.within(needs).await.flatten(), &mut asked.shadows, &mut asked.shadow_facts)
                }
                AttachmentState::Enforce => {
                    let found = judged.patience.for_needs(needs).await;
                    attached.is_there = found.is_some();
                    (found.flatten(), &mut asked.enforced, &mut asked.facts)
                }
            };
            let (module, enforced) =
                (attached.attachment.module, attached.attachment.state == AttachmentState::Enforce);
            if needs.is_none() && enforced && stage == PolicyStage::Network {
                judged.missed.push(module);
            }
            let late = enforced && stage == PolicyStage::Request && judged.missed.contains(&module);
            let needs = needs.unwrap_or_default();
            if needs.stage == stage || late {
                list.push(attached);
                facts.extend(needs.facts.iter().filter(|fact| is_gathered(fact)).cloned());
            }
        }
        asked
    }
}
