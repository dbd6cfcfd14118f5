//! Where keys are made. An RSA key takes a core for up to seconds, so they wait for each other; all others
//! are made at once.

use std::sync::Arc;

use strongroom_crypto::{
    Entropy,
    key::{self, KeySpec, NewKey},
};

use super::{
    KeyError,
    queue::{Limits, Queue},
};
use crate::principal::PrincipalId;

/// Few at a time: the cores are for those who use keys.
const LIMITS: Limits = Limits { at_once: 2, waiting: 64, waiting_of_one: 4, retry_after: 2 };

/// Makes keys.
pub(crate) struct Forge(Queue);

impl Default for Forge {
    fn default() -> Self {
        Self(Queue::new(LIMITS))
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
        let turn = self.0.join(principal)?;
        Ok(self.0.run(turn, move || key::generate(spec, &*entropy)).await??)
    }

    /// Does something else for a caller that takes as long, within the same bounds.
    ///
    /// # Errors
    /// As [`Forge::make`].
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        principal: &PrincipalId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, KeyError> {
        let turn = self.0.join(principal)?;
        self.0.run(turn, work).await
    }
}
