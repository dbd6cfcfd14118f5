//! Scheduled purges: what was deleted long enough ago goes, by the same use cases and the same gate
//! as everybody's purges, with a record each. Many nodes may do it at once: a purge is bound to the
//! revision that was judged, so each happens once.

use std::{net::IpAddr, net::Ipv4Addr, sync::Arc};

use strongroom_crypto::Entropy;

use crate::{
    admin::{AdminError, Administration},
    context::RequestContext,
    decision::{Denial, DenyReason},
    objects::{ObjectError, Objects, Verbs},
    ports::{DueObject, PurgeSchedule, StoreError},
    principal::Principal,
    time::{Clock, uuid_v7},
};

/// Name of the system principal in records.
pub const PRINCIPAL: &str = "purge-schedule";
/// Objects of one look at the schedule.
const BATCH: usize = 100;
/// Names left behind by purged vaults that are removed in one transaction.
const SWEEP: usize = 500;
/// Most looks in one run; the next run goes on.
const LOOKS: usize = 1000;
/// A run that met this many failures that may pass gives up until the next one: each is on record.
const FAILURES: usize = 10;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Secrets and keys that are gone.
    pub objects: usize,
    /// Vaults that are gone.
    pub vaults: usize,
    /// What should be gone and is not: the records say why.
    pub failed: usize,
}

/// What a run needs.
pub struct Purger<'a> {
    /// What is due.
    pub schedule: &'a dyn PurgeSchedule,
    /// Purges secrets and keys.
    pub objects: &'a Objects,
    /// Purges vaults.
    pub admin: &'a Administration,
    /// When it is.
    pub clock: &'a dyn Clock,
    /// Ids of the records.
    pub entropy: &'a dyn Entropy,
}

impl Purger<'_> {
    /// Purges what is past its date: vaults first, because everything in them goes along.
    ///
    /// # Errors
    /// When the store cannot say what is due, or records cannot be written; the next run goes on.
    pub async fn run(&self) -> Result<Purged, StoreError> {
        let (mut done, mut passing) = (Purged::default(), 0);
        let now = self.clock.now_millis().div_euclid(1000);
        for vault in self.schedule.due_vaults(now).await? {
            match self.admin.purge_vault(&self.request()?, &vault).await {
                Ok(()) => done.vaults += 1,
                // Another node was faster, or somebody recovered it.
                Err(AdminError::DeletedVaultNotFound | AdminError::VaultNotFound) => {}
                Err(error) => {
                    let lasts = matches!(&error, AdminError::Tampered)
                        || matches!(&error, AdminError::Denied(denial) if is_tampered(denial));
                    done.failed(&error, lasts, &mut passing)?;
                }
            }
        }
        let mut after = None;
        for _ in 0..LOOKS {
            let due = self.schedule.due_objects(now, after.as_ref(), BATCH).await?;
            for object in &due {
                self.purge(object, &mut done, &mut passing).await?;
            }
            let full = due.len() == BATCH;
            after = due.into_iter().next_back();
            if !full {
                break;
            }
        }
        for _ in 0..LOOKS {
            if !self.schedule.sweep(SWEEP).await? {
                break;
            }
        }
        Ok(done)
    }

    async fn purge(&self, due: &DueObject, done: &mut Purged, passing: &mut usize) -> Result<(), StoreError> {
        match self.objects.purge(Verbs::of(due.kind), &self.request()?, &due.vault, &due.name).await {
            Ok(()) => done.objects += 1,
            Err(ObjectError::DeletedNotFound(_) | ObjectError::VaultNotFound) => {}
            Err(error) => {
                let lasts = matches!(&error, ObjectError::Tampered)
                    || matches!(&error, ObjectError::Denied(denial) if is_tampered(denial));
                done.failed(&error, lasts, passing)?;
            }
        }
        Ok(())
    }

    fn request(&self) -> Result<RequestContext, StoreError> {
        let now = self.clock.now_millis();
        let id = uuid_v7(now, self.entropy).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let principal = Arc::new(Principal::system(PRINCIPAL));
        Ok(RequestContext::new(id, principal, IpAddr::V4(Ipv4Addr::LOCALHOST), "internal", now))
    }
}

/// Whether a row is not what was written there, or not what the log tells of it.
fn is_tampered(denial: &Denial) -> bool {
    matches!(denial.reason, DenyReason::Tampered)
}

impl Purged {
    /// What lasts until somebody looks at it keeps nothing else from being purged; what may pass, when there is much of it,
    /// is for the next run.
    fn failed(&mut self, error: &dyn std::error::Error, lasts: bool, passing: &mut usize) -> Result<(), StoreError> {
        tracing::error!(%error, "something past its purge date could not be purged");
        self.failed += 1;
        *passing += usize::from(!lasts);
        if *passing < FAILURES { Ok(()) } else { Err(StoreError::Unavailable("too many purges failed".to_owned())) }
    }
}
