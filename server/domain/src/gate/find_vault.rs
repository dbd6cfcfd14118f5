//! The gate's first look: is there such a vault for this action, is its row authentic, and, before
//! anything is removed for good, does the audit log bear it out: the vault's row, and the object's.

use std::sync::Arc;

use super::{Ask, Gate, Trace, unreadable};
use crate::{
    action::{Action, Reach},
    decision::DenyReason,
    keyring::{KeyringError, VaultKeys},
    names::{ObjectName, VaultName},
    ports::StoreError,
    secret::{LifeState, SecretFacts},
    vault::Vault,
};

/// How often row and log are compared: a change may fall between the two reads.
const COMPARISONS: usize = 4;

type Found = Option<(Arc<Vault>, Arc<VaultKeys>)>;

impl Gate {
    /// The vault, authentic. None: the gate goes on without, so that who holds a role on the
    /// installation learns that it is missing, and everybody else gets the answer of a vault
    /// without a grant. A deleted vault is missing to whatever is not about deleted vaults.
    pub(super) async fn find_vault(
        &self,
        name: &VaultName,
        action: Action,
        trace: &mut Trace,
    ) -> Result<Found, DenyReason> {
        let mut look = self.look(name, action).await;
        if action.purges() {
            look = self.borne_out(name, action, look).await;
        }
        look.map_err(|reason| trace.deny("vault", reason, None))
    }

    async fn look(&self, name: &VaultName, action: Action) -> Result<Found, DenyReason> {
        let found = self.vaults.vault(name).await.map_err(|error| unread(&error))?;
        let Some(vault) = found else { return Ok(None) };
        let keys = match self.keyring.verified_vault_keys(&vault).await {
            Ok(keys) if vault.name == *name => keys,
            Err(error @ KeyringError::Unreachable) => {
                tracing::error!(%error, vault = %name, "the key of a vault could not be unwrapped");
                return Err(DenyReason::Unavailable);
            }
            _ => return Err(DenyReason::Tampered),
        };
        let reached = match action.reach() {
            Reach::Any => true,
            Reach::Active => vault.life == LifeState::Active,
            Reach::Deleted => vault.life != LifeState::Active,
        };
        Ok(reached.then_some((vault, keys)))
    }

    /// Compares the row with the audit log. A vault made before records told of changes has no
    /// evidence and its first revision, because nothing could change it then.
    async fn borne_out(
        &self,
        name: &VaultName,
        action: Action,
        mut look: Result<Found, DenyReason>,
    ) -> Result<Found, DenyReason> {
        for _ in 0..COMPARISONS {
            let Some((vault, _)) = look.as_ref().ok().and_then(Option::as_ref) else { return look };
            let evidence = self.vaults.evidence(vault.id).await.map_err(|error| unread(&error))?;
            if evidence.map_or(vault.revision == 1, |evidence| evidence.supports(vault)) {
                return look;
            }
            tokio::task::yield_now().await;
            look = self.look(name, action).await;
        }
        tracing::error!(vault = %name, "the row of a vault is not the one that the audit log tells of");
        Err(DenyReason::Tampered)
    }

    /// The object that is to be removed for good. Its row from when it was deleted stays authentic after it was
    /// recovered, so the audit log has to say that its deletion is the last that happened to it. What is in use is
    /// purged by nobody, whatever the log says.
    pub(super) async fn find_condemned(
        &self,
        vault: &Vault,
        keys: &VaultKeys,
        name: &ObjectName,
        ask: &Ask<'_>,
        trace: &mut Trace,
    ) -> Result<Option<Arc<SecretFacts>>, DenyReason> {
        for _ in 0..COMPARISONS {
            let found = self.find_object(vault, keys, name, ask, trace).await?;
            let Some(row) = found.as_deref().map(|facts| &facts.secret).filter(|row| row.life != LifeState::Active)
            else {
                return Ok(found);
            };
            match self.vaults.tells_of_deletion(vault.id, ask.kind, name, row.revision).await {
                Ok(true) => return Ok(found),
                Ok(false) => tokio::task::yield_now().await,
                Err(error) => {
                    tracing::error!(%error, "the gate could not ask the audit log of an object");
                    return Err(trace.deny("object", unreadable(&error), None));
                }
            }
        }
        let kind = ask.kind.as_str();
        tracing::error!(vault = %vault.name, kind, %name, "the row of an object is not the one that the audit log tells of");
        Err(trace.deny("object", DenyReason::Tampered, None))
    }
}

fn unread(error: &StoreError) -> DenyReason {
    tracing::error!(%error, "the gate could not read a vault");
    unreadable(error)
}
