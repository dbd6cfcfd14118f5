//! `strongroom verify`: everything that is stored, on demand. The log and every row against it, as
//! `audit verify` does with public keys; and with the root key, that each row is what was written and each
//! value opens at its place. Opened values are dropped at once.

use std::{collections::HashMap, sync::Arc};

use anyhow::Context as _;
use strongroom_domain::{
    keyring::{Keyring, KeyringError, VaultKeys},
    names::VaultId,
    policy::ModuleDigest,
};
use strongroom_store::{
    Store,
    verify::{Found, StoredRow},
};

use super::{audit::verify_offline, seal::Place};
use crate::{
    cli::{SealAt, VerifyWith},
    exit::Exit,
    installation,
};

/// Most rows that are named.
const MAX_NAMED: u64 = 1000;

pub(crate) async fn run(at: SealAt, with: VerifyWith) -> anyhow::Result<()> {
    let place = Place::of(at)?;
    let log = match verify_offline(&place, with).await {
        Ok(()) => None,
        Err(error) => Some(error.downcast::<Exit>()?),
    };
    let seen = rows(&place).await?;
    println!("{} rows are authentic, and {} values open at their places", seen.authentic, seen.opened);
    match log {
        _ if seen.wrong > 0 => Err(Exit::Edited.into()),
        Some(exit) => Err(exit.into()),
        None => Ok(()),
    }
}

/// Checks every row with the root key.
async fn rows(place: &Place) -> anyhow::Result<Seen> {
    let reader = Store::open_read_only(&place.address()).await?;
    let installation = reader.installation().await?.context("the database holds no installation")?;
    let sealed = reader.installation_keys().await?;
    let source = place.source()?;
    let keyring = installation::keyring_of(&sealed, installation.id, &source)?;
    let mut seen = Seen { keyring, vaults: HashMap::new(), authentic: 0, opened: 0, wrong: 0, closed: 0 };
    for (label, blob) in &sealed.blobs {
        let opens = seen.keyring.open_blob(label, blob).is_ok();
        seen.tell(opens, || format!("the installation's own {label}"));
    }
    for label in installation::signing_keys(installation.development) {
        if !sealed.blobs.iter().any(|(known, _)| known == label) {
            seen.wrong += 1;
            println!("the installation's own {label} is missing: the server does not start without it");
        }
    }
    let left = reader.stored_rows(|found| seen.see(found)).await?;
    if left > 0 {
        println!("{left} rows are left of purged vaults: their key is gone, and the server takes them away");
    }
    if let Some(more) = seen.wrong.checked_sub(MAX_NAMED).filter(|more| *more > 0) {
        println!("and {more} more");
    }
    if seen.closed > 0 {
        println!("{} rows are in vaults that are not authentic, and could not be checked", seen.closed);
    }
    Ok(seen)
}

struct Seen {
    keyring: Keyring,
    /// Names and keys of the vaults that are authentic.
    vaults: HashMap<VaultId, (String, Arc<VaultKeys>)>,
    authentic: u64,
    opened: u64,
    wrong: u64,
    /// Rows in vaults whose own row is wrong.
    closed: u64,
}

impl Seen {
    fn see(&mut self, (kind, id, row): Found) {
        let inside = match &row {
            Ok(StoredRow::Name(vault, ..) | StoredRow::Version(vault, ..)) => Some(vault),
            _ => None,
        };
        if inside.is_some_and(|vault| !self.vaults.contains_key(vault)) && self.wrong > 0 {
            self.closed = self.closed.saturating_add(1);
            return;
        }
        let judged = row.is_ok_and(|row| self.is_authentic(row).is_ok());
        let names = &self.vaults;
        let shown = match id.split_once('/').and_then(|(vault, rest)| Some((vault.parse().ok()?, rest))) {
            Some((vault, rest)) => {
                names.get(&VaultId(vault)).map_or_else(|| id.clone(), |(name, _)| format!("{name}/{rest}"))
            }
            None => id,
        };
        self.tell(judged, || format!("{} {shown}", kind.as_str()));
    }

    fn tell(&mut self, authentic: bool, what: impl FnOnce() -> String) {
        if authentic {
            self.authentic = self.authentic.saturating_add(1);
            return;
        }
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong <= MAX_NAMED {
            println!("{} is not what was written there: it was edited, moved, or is damaged", what());
        }
    }

    fn is_authentic(&mut self, row: StoredRow) -> Result<(), KeyringError> {
        let keyring = &self.keyring;
        let keys = |vault: &VaultId| self.vaults.get(vault).map(|(_, keys)| keys).ok_or(KeyringError::Tampered);
        match row {
            StoredRow::Vault(vault) => {
                keyring.verify_vault(&vault)?;
                let keys = keyring.vault_keys(&vault)?;
                self.vaults.insert(vault.id, (vault.name.as_str().to_owned(), keys));
                Ok(())
            }
            StoredRow::Workload(workload) => keyring.verify_workload(&workload),
            StoredRow::Assignment(assignment) => keyring.verify_assignment(&assignment),
            StoredRow::Role(role) => keyring.verify_role(&role),
            StoredRow::AccessPolicy(policy) => keyring.verify_access_policy(&policy),
            StoredRow::PolicyModule(module, bytes) => {
                keyring.verify_policy_module(&module)?;
                let digest = ModuleDigest(strongroom_crypto::sha256(&bytes));
                if digest == module.digest { Ok(()) } else { Err(KeyringError::Tampered) }
            }
            StoredRow::PolicyDocument(document) => keyring.verify_policy_document(&document),
            StoredRow::PolicyReplay(replay) => keyring.verify_policy_replay(&replay),
            StoredRow::InstallationPolicies(policies) => keyring.verify_installation_policies(&policies),
            StoredRow::Approval(request) => keyring.verify_approval(&request),
            StoredRow::Session(session) => keyring.verify_session(&session),
            StoredRow::Name(vault, kind, meta) => keyring.verify_name(keys(&vault)?, kind, &meta.name, &meta),
            StoredRow::Version(vault, kind, name, version) => {
                let keys = keys(&vault)?;
                keyring.verify_version(keys, kind, &name, &version.meta)?;
                keyring.open(keys, kind, &name, &version.meta.version, &version.sealed)?;
                self.opened = self.opened.saturating_add(1);
                Ok(())
            }
        }
    }
}
