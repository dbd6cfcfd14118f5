//! Use cases of vaults: making, showing, listing.

use std::sync::Arc;

use super::{AdminError, Administration, MAX_ATTACHMENTS};
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    decision::DenyReason,
    gate::{Ask, Case, Judgement},
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    network::MAX_NETWORK_RULES,
    policy::MAX_SETTINGS_BYTES,
    time::uuid_v4,
    vault::{Vault, VaultSettings},
};

impl Administration {
    /// Makes a vault.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn create_vault(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        settings: VaultSettings,
    ) -> Result<Arc<Vault>, AdminError> {
        check_settings(&settings)?;
        let case = self.admit(ctx, Ask { kind: ObjectKind::Vault, ..Ask::vault(Action::VaultCreate, name) }).await?;
        if case.vault.is_some() {
            return Err(self.refuse(ctx, case, AdminError::VaultExists).await);
        }
        for attachment in &settings.policies {
            if let Err(failure) = self.policies.check(attachment).await {
                tracing::warn!(%failure, attachment = %attachment.name, "a vault's attachment is refused");
                let why = AdminError::Invalid("a policy attachment names no loaded module or has settings it refuses");
                return Err(self.refuse(ctx, case, why).await);
            }
        }
        let id = VaultId(uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?);
        let wrapped_key = self.keyring.new_vault_key(id, &*self.entropy)?;
        let mut vault =
            Vault { id, name: name.clone(), settings, revision: 1, created_at: ctx.now, wrapped_key, tag: Vec::new() };
        vault.tag = self.keyring.tag_vault(&vault)?;
        let vault = Arc::new(vault);
        self.change(ctx, case, 1, Change::PutVault(Box::new((*vault).clone())), vault)
            .await?
            .ok_or(AdminError::VaultExists)
    }

    /// The vaults that the caller may see the settings of. Judged vault by vault; one record for all.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_vaults(&self, ctx: &RequestContext) -> Result<Vec<Arc<Vault>>, AdminError> {
        let mut seen = Vec::new();
        for vault in self.vaults.vaults().await? {
            match self.gate.judge(ctx, &Ask::vault(Action::VaultRead, &vault.name)).await {
                Judgement::Permitted(case) => seen.extend(case.vault.map(|(vault, _)| vault)),
                Judgement::Denied(record, denial) => match denial.inspect(|d| d.reason.clone()) {
                    DenyReason::Unavailable => return Err(AdminError::Unavailable),
                    // Not about this vault: the caller does not count at all any more.
                    DenyReason::Identity => return Err(self.recorder.release(ctx, *record, denial).await?.into()),
                    _ => {}
                },
            }
        }
        let Case { permit, mut record, .. } = self.gate.proven(ctx, Action::VaultRead);
        "VaultList".clone_into(&mut record.operation);
        record.kind = Some(ObjectKind::Vault.as_str().to_owned());
        self.recorder.release(ctx, record, permit.hold(Ok(seen))).await?
    }

    /// The vaults that the caller may see the settings of, judged vault by vault and without a record:
    /// for the navigation around a page that has its own. Never an answer by itself.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn visible_vaults(&self, ctx: &RequestContext) -> Result<Vec<Arc<Vault>>, AdminError> {
        let mut seen = Vec::new();
        for vault in self.vaults.vaults().await? {
            let ask = Ask::vault(Action::VaultRead, &vault.name);
            if let Judgement::Permitted(case) = self.gate.judge(ctx, &ask).await {
                seen.extend(case.vault.map(|(vault, _)| vault));
            }
        }
        Ok(seen)
    }
}

fn check_settings(settings: &VaultSettings) -> Result<(), AdminError> {
    if !(7..=90).contains(&settings.retention_days) {
        return Err(AdminError::Invalid("soft-delete retention is 7 to 90 days"));
    }
    if settings.network.allow.len() > MAX_NETWORK_RULES {
        return Err(AdminError::Invalid("there are more than 1000 network rules"));
    }
    if settings.policies.len() > MAX_ATTACHMENTS {
        return Err(AdminError::Invalid("there are more than 16 policy attachments"));
    }
    let mut names: Vec<&str> = settings.policies.iter().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let well_named = |name: &str| ObjectName::parse(name).is_ok();
    if names.len() != settings.policies.len() || !names.iter().all(|n| well_named(n)) {
        return Err(AdminError::Invalid("policy attachments have distinct names of letters, digits and hyphens"));
    }
    if settings.policies.iter().any(|p| p.settings.len() > MAX_SETTINGS_BYTES) {
        return Err(AdminError::Invalid("a policy attachment's settings are longer than 16 KiB"));
    }
    Ok(())
}
