//! Keys from elsewhere: what takes long to find out about them, found out for those alone who may import.

use std::sync::Arc;

use strongroom_crypto::key::NewKey;

use super::{KeyError, Keys};
use crate::objects::ObjectError;

impl Keys {
    /// The key, if its factors are primes; on a thread of its own, as many at a time as there are cores.
    ///
    /// # Errors
    /// [`KeyError::Rejected`] when they are not.
    pub(super) async fn with_good_primes(&self, key: NewKey) -> Result<NewKey, KeyError> {
        if !key.spec.is_slow_to_make() {
            return Ok(key);
        }
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| ObjectError::Unavailable)?;
        let checked = tokio::task::spawn_blocking(move || {
            let _core = core;
            key.check_primes().map(|()| key)
        });
        Ok(checked.await.map_err(|_| ObjectError::Unavailable)??)
    }
}
