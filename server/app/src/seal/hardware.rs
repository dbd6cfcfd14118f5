//! `[pkcs11]`: the token that is configured, and where its PIN comes from. Never an argument.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use strongroom_crypto::key::KeyToken;
use strongroom_pkcs11::{Pin, Settings, Token, TokenKeys, TokenName};

use super::environment;
use crate::{
    cli::DevToken,
    kept_in::{KeptIn, PLACES},
};

/// `[pkcs11]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hardware {
    /// The library of the token's vendor; an absolute path.
    module: PathBuf,
    /// Label of the token; or else `slot`.
    #[serde(default)]
    token: Option<String>,
    /// Number of its slot.
    #[serde(default)]
    slot: Option<u64>,
    /// Where the user's PIN comes from: `file:PATH`, `credential:NAME` or `environment`.
    pin_from: String,
    /// How long a call of the token may take.
    #[serde(default = "default_answer_seconds")]
    answer_seconds: u64,
    /// Sessions for keys of the types with -HSM: so many of them are used at the same time.
    #[serde(default = "default_sessions")]
    sessions: usize,
}

fn default_sessions() -> usize {
    4
}

fn default_answer_seconds() -> u64 {
    10
}

impl Hardware {
    /// The one that the options of `strongroom dev` name, if they name one.
    pub(crate) fn of_options(given: &DevToken) -> anyhow::Result<Option<Self>> {
        let (Some(module), Some(pin)) = (&given.pkcs11_module, &given.pkcs11_pin_file) else { return Ok(None) };
        let whole =
            |path: &PathBuf| std::fs::canonicalize(path).with_context(|| format!("{} cannot be read", path.display()));
        Ok(Some(Self {
            module: whole(module)?,
            token: given.pkcs11_token.clone(),
            slot: None,
            pin_from: format!("file:{}", whole(pin)?.display()),
            answer_seconds: default_answer_seconds(),
            sessions: default_sessions(),
        }))
    }

    /// The token, by label or slot.
    pub(crate) fn name(&self) -> anyhow::Result<TokenName> {
        match (&self.token, self.slot) {
            (Some(label), None) if (1..=32).contains(&label.len()) => Ok(TokenName::Label(label.clone())),
            (Some(_), None) => bail!("the label of a token has 1 to 32 bytes"),
            (None, Some(slot)) => Ok(TokenName::Slot(slot)),
            _ => bail!("[pkcs11] names either `token` or `slot`"),
        }
    }

    /// The token; nothing is asked of it yet.
    pub(crate) fn token(&self) -> anyhow::Result<Token> {
        if !(1..=120).contains(&self.answer_seconds) {
            bail!("answer_seconds of [pkcs11] is from 1 to 120");
        }
        // What stands there may be the PIN itself.
        let from = KeptIn::parse(&self.pin_from).with_context(|| format!("pin_from of [pkcs11] is {PLACES}"))?;
        // Read anew each time, so that a PIN that was corrected counts without a restart.
        let read = move || from.read(environment::PIN).map_err(|error| format!("{error:#}"));
        let (module, token) = (self.module.clone(), self.name()?);
        let limit = Duration::from_secs(self.answer_seconds);
        Ok(Token::new(Settings { module, token, pin: Pin::new(Box::new(read)), limit }))
    }

    /// The keys in it; by the token that the root key is in, if it is in one.
    pub(crate) fn keys(&self, known: Option<&Token>) -> anyhow::Result<Arc<dyn KeyToken>> {
        if !(1..=64).contains(&self.sessions) {
            bail!("sessions of [pkcs11] is from 1 to 64");
        }
        let token = match known {
            Some(known) => known.clone(),
            None => self.token()?,
        };
        Ok(Arc::new(TokenKeys::new(&token, self.sessions)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hardware(text: &str) -> anyhow::Result<Hardware> {
        let text = config::File::from_str(text, config::FileFormat::Toml);
        Ok(config::Config::builder().add_source(text).build()?.try_deserialize()?)
    }

    #[test]
    fn a_token_has_one_name_and_a_bounded_time() {
        let with = |more: &str| {
            hardware(&format!("module = \"/m.so\"\npin_from = \"environment\"\n{more}")).and_then(|found| {
                found.token()?;
                found.name()
            })
        };
        assert_eq!(with("token = \"one\"").unwrap(), TokenName::Label("one".to_owned()));
        assert_eq!(with("slot = 7\nanswer_seconds = 1").unwrap(), TokenName::Slot(7));
        for wrong in
            ["", "token = \"\"", "token = \"one\"\nslot = 7", "slot = 7\nanswer_seconds = 0", "slot = 7\npin = \"1\""]
        {
            assert!(with(wrong).is_err(), "{wrong}");
        }
        let long = format!("token = \"{}\"", "x".repeat(33));
        assert!(with(&long).is_err());
    }

    #[test]
    fn what_is_no_place_of_a_pin_is_not_said_again() {
        let wrong = hardware("module = \"/m.so\"\nslot = 7\npin_from = \"hunter2\"\n").unwrap();
        assert_eq!(
            wrong.token().err().unwrap().to_string(),
            "pin_from of [pkcs11] is `file:/PATH`, `credential:NAME` or `environment`"
        );
    }
}
