//! The PIN: read each time it is needed, given once.
//!
//! A token locks its PIN after a few wrong ones, often for good. So a PIN that was refused is remembered for
//! the life of the process and never given again; another one, which somebody put where it is read from, is.

use std::sync::{Mutex, PoisonError};

use strongroom_crypto::SecretText;
use subtle::ConstantTimeEq as _;

/// Reads the PIN. An error is one line.
pub type ReadPin = Box<dyn Fn() -> Result<SecretText, String> + Send + Sync>;

/// A PIN and what became of it.
pub struct Pin {
    read: ReadPin,
    refused: Mutex<Option<SecretText>>,
}

/// Why there is no PIN to give.
pub(crate) enum NoPin {
    Unreadable(String),
    /// It is the one that was refused.
    Refused,
}

impl Pin {
    /// A PIN that is read in this way.
    #[must_use]
    pub fn new(read: ReadPin) -> Self {
        Self { read, refused: Mutex::default() }
    }

    /// The PIN, if it may be given to the token.
    pub(crate) fn to_give(&self) -> Result<SecretText, NoPin> {
        let pin = (self.read)().map_err(NoPin::Unreadable)?;
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &SecretText| bool::from(known.expose().as_bytes().ct_eq(pin.expose().as_bytes()));
        if refused.as_ref().is_some_and(same) { Err(NoPin::Refused) } else { Ok(pin) }
    }

    /// The token refused this one.
    pub(crate) fn was_refused(&self, pin: SecretText) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(pin);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_refused_pin_is_not_given_again_and_another_one_is() {
        let written = Arc::new(Mutex::new("1234".to_owned()));
        let file = Arc::clone(&written);
        let pin = Pin::new(Box::new(move || Ok(SecretText::new(file.lock().unwrap().clone()))));
        let given = pin.to_give().ok().unwrap();
        assert_eq!(given.expose(), "1234");
        pin.was_refused(given);
        for _ in 0..3 {
            assert!(matches!(pin.to_give(), Err(NoPin::Refused)));
        }
        "4321".clone_into(&mut written.lock().unwrap());
        assert_eq!(pin.to_give().ok().unwrap().expose(), "4321");
    }

    #[test]
    fn a_pin_that_cannot_be_read_is_none() {
        let pin = Pin::new(Box::new(|| Err("no such file".to_owned())));
        assert!(matches!(pin.to_give(), Err(NoPin::Unreadable(why)) if why == "no such file"));
    }
}
