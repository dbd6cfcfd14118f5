//! A session with the token, as one thread has it: opened when there is none, logged in once, and given up at
//! the first thing that fails.

use std::sync::atomic::{AtomicBool, Ordering};

use cryptoki::{
    context::Pkcs11,
    error::{Error, RvError},
    session::{Session, SessionState, UserType},
    slot::Slot,
    types::AuthPin,
};
use strongroom_crypto::SecretText;

use crate::{Settings, TokenName, error::TokenError, module, pin::NoPin};

/// A thread's session.
pub(crate) struct Connection<'a> {
    settings: &'a Settings,
    session: Option<Session>,
    /// Whether the token has ever done what it was asked.
    known: &'a AtomicBool,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(settings: &'a Settings, known: &'a AtomicBool) -> Self {
        Self { settings, session: None, known }
    }

    /// Does something in a session. One that was left from before may have been lost meanwhile, so what fails is
    /// tried again in a new one: `work` must be fit for that.
    pub(crate) fn run<T>(&mut self, work: &dyn Fn(&Session) -> Result<T, TokenError>) -> Result<T, TokenError> {
        let from_before = self.session.is_some();
        let mut done = self.attempt(work);
        if from_before && may_pass(&done) {
            done = self.attempt(work);
        }
        if may_pass(&done) && self.known.load(Ordering::SeqCst) {
            // Modules of removable tokens and of tokens behind a network see one come back only so.
            let module = module::load(&self.settings.module)?;
            module::restart(&module).map_err(|error| TokenError::failed(&self.settings.token, &error))?;
            done = self.attempt(work);
        }
        done
    }

    fn attempt<T>(&mut self, work: &dyn Fn(&Session) -> Result<T, TokenError>) -> Result<T, TokenError> {
        let _call = module::call();
        let session = match self.session.take() {
            Some(session) => session,
            None => self.open()?,
        };
        let done = work(&session)?;
        self.known.store(true, Ordering::SeqCst);
        self.session = Some(session);
        Ok(done)
    }

    fn open(&self) -> Result<Session, TokenError> {
        let module = module::load(&self.settings.module)?;
        let failed = |error: Error| TokenError::failed(&self.settings.token, &error);
        let slot = self.slot(&module)?;
        let session = module.open_rw_session(slot).map_err(failed)?;
        let token = module.get_token_info(slot).map_err(failed)?;
        if !token.login_required() {
            return Ok(session);
        }
        // Who is logged in is logged in for all sessions of a process.
        if matches!(session.get_session_info().map_err(failed)?.session_state(), SessionState::RwUser) {
            return Ok(session);
        }
        let name = || self.settings.token.clone();
        if token.user_pin_locked() {
            return Err(TokenError::PinLocked(name()));
        }
        if token.user_pin_final_try() {
            return Err(TokenError::LastTry(name()));
        }
        let pin = self.settings.pin.to_give().map_err(|error| match error {
            NoPin::Unreadable(why) => TokenError::Pin(why),
            NoPin::Refused => TokenError::PinRefused(name()),
        })?;
        self.log_in(&session, pin)?;
        Ok(session)
    }

    fn log_in(&self, session: &Session, pin: SecretText) -> Result<(), TokenError> {
        let name = || self.settings.token.clone();
        match session.login(UserType::User, Some(&AuthPin::from(pin.expose()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange | RvError::PinExpired,
                _,
            )) => {
                self.settings.pin.was_refused(pin);
                Err(TokenError::PinRefused(name()))
            }
            Err(Error::Pkcs11(RvError::PinLocked, _)) => {
                self.settings.pin.was_refused(pin);
                Err(TokenError::PinLocked(name()))
            }
            Err(error) => Err(TokenError::failed(&self.settings.token, &error)),
        }
    }

    fn slot(&self, module: &Pkcs11) -> Result<Slot, TokenError> {
        let missing = || TokenError::NoToken(self.settings.token.clone());
        let slots = module.get_slots_with_token();
        let mut slots = slots.map_err(|error| TokenError::failed(&self.settings.token, &error))?;
        slots.retain(|slot| match &self.settings.token {
            TokenName::Slot(number) => slot.id() == *number,
            TokenName::Label(label) => module.get_token_info(*slot).is_ok_and(|token| token.label() == label),
        });
        match slots.as_slice() {
            [] => Err(missing()),
            [slot] => Ok(*slot),
            several => Err(TokenError::Ambiguous(self.settings.token.clone(), several.len())),
        }
    }
}

fn may_pass<T>(done: &Result<T, TokenError>) -> bool {
    done.as_ref().err().is_some_and(TokenError::may_pass)
}
