//! Where keys are made. An RSA key takes a core for up to seconds, so they are made on threads of their own,
//! few at a time, and nobody can queue so many that the others wait for ever.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use strongroom_crypto::{
    Entropy,
    key::{self, KeyRejected, KeySpec, NewKey},
};
use tokio::sync::Semaphore;

use super::KeyError;
use crate::principal::PrincipalId;

/// Slow keys that are made at the same time.
const AT_ONCE: usize = 2;
/// Slow keys that are made or waited for, of everybody together.
const MAX_WAITING: usize = 64;
/// Slow keys that are made or waited for, of one caller.
const MAX_WAITING_OF_ONE: usize = 4;
/// When to try again: about as long as the longest key takes.
const RETRY_AFTER: u32 = 2;

/// No place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy {
    pub(super) retry_after: u32,
}

/// Makes keys.
pub(crate) struct Forge {
    places: Arc<Semaphore>,
    waiting: Arc<Mutex<HashMap<PrincipalId, usize>>>,
}

impl Default for Forge {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), waiting: Arc::default() }
    }
}

impl Forge {
    /// Makes a key for a caller.
    ///
    /// # Errors
    /// [`KeyError::Busy`] when the caller, or everybody together, waits for as many as may be waited for.
    pub(crate) async fn make(
        &self,
        spec: KeySpec,
        principal: &PrincipalId,
        entropy: Arc<dyn Entropy>,
    ) -> Result<NewKey, KeyError> {
        if !spec.is_slow_to_make() {
            return Ok(key::generate(spec, &*entropy)?);
        }
        let _turn = self.queue(principal)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| KeyRejected::Generation)?;
        let made = tokio::task::spawn_blocking(move || {
            // Held until the core is free again, also when nobody waits any more.
            let _place = place;
            key::generate(spec, &*entropy)
        });
        Ok(made.await.map_err(|_| KeyRejected::Generation)??)
    }

    fn queue(&self, principal: &PrincipalId) -> Result<Turn, Busy> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = waiting.values().sum();
        let own = waiting.get(principal).copied().unwrap_or(0);
        if all >= MAX_WAITING || own >= MAX_WAITING_OF_ONE {
            return Err(Busy { retry_after: RETRY_AFTER });
        }
        waiting.insert(principal.clone(), own + 1);
        Ok(Turn { waiting: Arc::clone(&self.waiting), principal: principal.clone() })
    }
}

/// A place in the queue; given back when dropped.
struct Turn {
    waiting: Arc<Mutex<HashMap<PrincipalId, usize>>>,
    principal: PrincipalId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.get_mut(&self.principal) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                waiting.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(subject: usize) -> PrincipalId {
        PrincipalId { issuer: "https://issuer.example".to_owned(), subject: subject.to_string() }
    }

    #[test]
    fn nobody_queues_more_than_their_share_and_all_together_no_more_than_fits() {
        let forge = Forge::default();
        let own: Vec<_> = (0..MAX_WAITING_OF_ONE).map(|_| forge.queue(&principal(0)).unwrap()).collect();
        assert!(forge.queue(&principal(0)).is_err());
        let others: Vec<_> =
            (MAX_WAITING_OF_ONE..MAX_WAITING).map(|number| forge.queue(&principal(number)).unwrap()).collect();
        assert!(forge.queue(&principal(1000)).is_err());
        drop(own);
        assert!(forge.queue(&principal(0)).is_ok());
        drop(others);
        assert!(forge.waiting.lock().unwrap().is_empty(), "who was served leaves nothing behind");
    }
}
