//! A session with the token, as one thread has it: opened when there is none, logged in once, and given up at
//! the first thing that fails.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use cryptoki::{
    context::Pkcs11,
    error::{Error, RvError},
    session::{Session, SessionState, UserType},
    slot::Slot,
    types::AuthPin,
};
use strongroom_crypto::SecretText;

use crate::{Settings, TokenName, error::TokenError, module, pin::NoPin};

/// What all sessions with a token share.
pub(crate) struct Door {
    pub(crate) settings: Settings,
    /// Whether the token has ever done what it was asked.
    pub(crate) known: AtomicBool,
    /// One session is opened at a time, so that a wrong PIN is given once and not by several threads.
    opening: Mutex<()>,
}

impl Door {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, known: AtomicBool::new(false), opening: Mutex::default() }
    }
}

/// A thread's session.
pub(crate) struct Connection<'a> {
    door: &'a Door,
    settings: &'a Settings,
    /// With how often the module had been initialized when it was opened.
    session: Option<(Session, u64)>,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(door: &'a Door) -> Self {
        Self { door, settings: &door.settings, session: None }
    }

    /// Does something in a session. One that was left from before may have been lost meanwhile, so what fails is
    /// tried again in a new one: `work` must be fit for that.
    pub(crate) fn run<T>(&mut self, work: &dyn Fn(&Session) -> Result<T, TokenError>) -> Result<T, TokenError> {
        let from_before = self.session.is_some();
        let mut done = self.attempt(work);
        if from_before && may_pass(&done) {
            done = self.attempt(work);
        }
        if may_pass(&done) && self.door.known.load(Ordering::SeqCst) {
            // Modules of removable tokens and of tokens behind a network see one come back only so.
            let module = module::load(&self.settings.module)?;
            module::restart(&module).map_err(|error| TokenError::failed(&self.settings.token, &error))?;
            done = self.attempt(work);
        }
        done
    }

    fn attempt<T>(&mut self, work: &dyn Fn(&Session) -> Result<T, TokenError>) -> Result<T, TokenError> {
        let _call = module::call();
        let now = module::generation();
        let session = match self.session.take() {
            Some((session, then)) if then == now => session,
            gone => {
                // Its number may be another thread's session by now, which dropping this one would close.
                if let Some((session, _)) = gone {
                    std::mem::forget(session);
                }
                self.open()?
            }
        };
        let done = work(&session)?;
        self.door.known.store(true, Ordering::SeqCst);
        self.session = Some((session, now));
        Ok(done)
    }

    fn open(&self) -> Result<Session, TokenError> {
        let _alone = self.door.opening.lock().unwrap_or_else(PoisonError::into_inner);
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
