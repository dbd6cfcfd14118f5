//! Keys from elsewhere: what takes long to find out about them, found out for those alone who may import.

use strongroom_crypto::key::NewKey;

use super::{KeyError, Keys};
use crate::principal::PrincipalId;

impl Keys {
    /// The key, if its factors are primes; where keys are made, so that it keeps nobody
    /// from using theirs.
    ///
    /// # Errors
    /// [`KeyError::Rejected`] when they are not, [`KeyError::Busy`] when too much waits already.
    pub(super) async fn with_good_primes(&self, principal: &PrincipalId, key: NewKey) -> Result<NewKey, KeyError> {
        if !key.spec.is_slow_to_make() {
            return Ok(key);
        }
        Ok(self.forge.work(principal, move || key.check_primes().map(|()| key)).await??)
    }
}
