//! Lists of revoked certificates for everybody, by names that nobody can guess.
//!
//! A list that was read is kept for a minute, on each node by itself: whoever asks again costs no read and no record of
//! one. A node that signs one lets go of what it kept. Whoever asks for what is not kept is counted by their network.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

use super::{PRINCIPAL, Revoking, objections::Known};
use crate::{
    action::Action,
    gate::Ask,
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    objects::{ObjectError, active},
    ports::StoreError,
    revocation::{Revocations, RevokedCertificate, SignedList},
    schedule::own_request,
    throttle::{Rate, Throttle, TooMany, network_of},
};

/// How long a list is kept that was read, in milliseconds.
const KEPT_FOR: i64 = 60_000;
/// Most authorities whose lists are kept.
const MAX_KEPT: usize = 256;
/// How often somebody asks for what is not kept.
const ASKED: Rate = Rate { burst: 30, every_millis: 1_000 };

/// Why a list is not given, though it may be there.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Too many look-ups by one network.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The store or the record is not there.
    #[error("lists of revoked certificates cannot be read now")]
    Unavailable,
}

impl From<StoreError> for PublishError {
    fn from(_: StoreError) -> Self {
        Self::Unavailable
    }
}

/// A list as it was read.
pub(super) struct Shelved {
    signed: Option<Arc<SignedList>>,
    /// What is on it, or will be on the next that is signed.
    pub(super) revoked: Vec<RevokedCertificate>,
}

type Lists = Arc<HashMap<String, Shelved>>;

/// Why lists were not read.
pub(super) enum Unread {
    /// By anybody just now.
    Not(PublishError),
    /// What is stored was not written here, or the like. On record.
    Refused,
}

impl From<PublishError> for Unread {
    fn from(why: PublishError) -> Self {
        Self::Not(why)
    }
}

impl From<TooMany> for Unread {
    fn from(too_many: TooMany) -> Self {
        Self::Not(too_many.into())
    }
}

impl From<StoreError> for Unread {
    fn from(error: StoreError) -> Self {
        Self::Not(error.into())
    }
}

/// Lists that were read a short while ago.
pub struct Shelf {
    kept: Mutex<HashMap<(VaultId, String), (i64, Lists)>>,
    asked: Throttle<IpAddr>,
    pub(super) known: Known,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { kept: Mutex::default(), asked: Throttle::new(ASKED), known: Known::default() }
    }
}

impl Shelf {
    fn find(&self, place: &(VaultId, String), now: i64) -> Option<Lists> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(place).filter(|(until, _)| (now..=now + KEPT_FOR).contains(until)).map(|(_, lists)| Arc::clone(lists))
    }

    fn keep(&self, place: (VaultId, String), now: i64, lists: &Lists) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(place, (now + KEPT_FOR, Arc::clone(lists)));
    }

    pub(super) fn forget(&self, vault: VaultId, name: &ObjectName) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&(vault, name.as_str().to_owned()));
    }
}

impl Revoking {
    /// GET /crl/{vault}/{authority}/{list}: the list of this name, for whoever asks. None where there is none, whatever
    /// else is there: also where it cannot be told whether what is stored was written here.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn published(
        &self,
        client: IpAddr,
        (vault, name, list): (&str, &str, &str),
    ) -> Result<Option<Arc<SignedList>>, PublishError> {
        let Some((vault, name, list)) = parsed(vault, name, list) else { return Ok(None) };
        match self.lists((vault, &name, list), Some(client)).await {
            Ok(lists) => Ok(lists.and_then(|lists| lists.get(list)?.signed.clone())),
            Err(Unread::Not(why)) => Err(why),
            Err(Unread::Refused) => Ok(None),
        }
    }

    /// The lists of an authority that has one of this name, from the shelf or onto it. None where there is none. Strangers
    /// are counted.
    pub(super) async fn lists(
        &self,
        (vault, name, list): (VaultId, &ObjectName, &str),
        stranger: Option<IpAddr>,
    ) -> Result<Option<Lists>, Unread> {
        let (place, now) = ((vault, name.as_str().to_owned()), self.clock.now_millis());
        if let Some(lists) = self.shelf.find(&place, now) {
            return Ok(Some(lists));
        }
        if let Some(client) = stranger {
            self.shelf.asked.count(&network_of(client), now)?;
        }
        let Some(found) = self.find(vault, name, list).await? else { return Ok(None) };
        let ctx = own_request(PRINCIPAL, &*self.clock, &*self.objects.entropy)?;
        let ask = Ask::object(ObjectKind::Revocations, Action::RevocationListPublish, &found, name);
        let document = match self.objects.read_whole(&ctx, ask).await {
            Ok(Some((_, document))) => document,
            Ok(None) => return Ok(None),
            Err(ObjectError::Unavailable | ObjectError::NoRecord(_) | ObjectError::Contended) => {
                return Err(PublishError::Unavailable.into());
            }
            Err(_) => return Err(Unread::Refused),
        };
        let all = Revocations::of_document(&document).map_err(|_| Unread::Refused)?;
        let shelved = all
            .lists
            .into_iter()
            .map(|one| (one.id, Shelved { signed: one.signed.map(Arc::new), revoked: one.revoked }));
        let lists: Lists = Arc::new(shelved.collect());
        self.shelf.keep(place, now, &lists);
        Ok(Some(lists))
    }

    /// The vault in which there is such a list, also while it is soft deleted: what was signed counts until it lapses.
    /// Nothing is opened, so nothing is on record but the request.
    async fn find(&self, vault: VaultId, name: &ObjectName, list: &str) -> Result<Option<VaultName>, PublishError> {
        let (kind, objects) = (ObjectKind::Revocations, &self.objects);
        let names = match objects.gate.vaults.names_of(&BTreeSet::from([vault])).await {
            Err(StoreError::Damaged(_)) => return Ok(None),
            other => other?,
        };
        let Some(named) = names.get(&vault) else { return Ok(None) };
        let row = match objects.gate.vaults.vault(named).await {
            Err(StoreError::Damaged(_)) => return Ok(None),
            other => other?,
        };
        let Some(row) = row.filter(|row| row.id == vault) else { return Ok(None) };
        let Ok(keys) = objects.keyring.verified_vault_keys(&row).await else { return Ok(None) };
        let facts = match objects.store.facts(vault, kind, name, None).await {
            Err(StoreError::Damaged(_)) => return Ok(None),
            other => other?,
        };
        let is_there = active(facts.as_deref()).is_some_and(|item| {
            objects.keyring.verify_name(&keys, kind, name, &item.secret).is_ok()
                && objects.keyring.verify_version(&keys, kind, name, &item.version).is_ok()
                && item.version.attributes.tags.contains_key(list)
        });
        Ok(is_there.then(|| named.clone()))
    }
}

/// The parts of an address, in their one spelling.
pub(super) fn parsed<'a>(vault: &str, name: &str, list: &'a str) -> Option<(VaultId, ObjectName, &'a str)> {
    let id = Uuid::try_parse(vault).ok().filter(|id| id.simple().to_string() == vault)?;
    let name = ObjectName::parse(name).ok().filter(|parsed| parsed.as_str() == name)?;
    let list = list.strip_suffix(".crl")?;
    let hex = list.len() == 32 && list.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    hex.then_some((VaultId(id), name, list))
}
