//! A secret text by the place that keeps it, so that it stands in no configuration and in no argument.
//!
//! Must never show what it read, nor what was said where a place was to be: that may be the text itself.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use strongroom_crypto::SecretText;

use crate::{
    private_file,
    seal::{credential_path, environment},
};

/// What a place is, for complaints.
pub(crate) const PLACES: &str = "`file:/PATH`, `credential:NAME` or `environment`";

/// Where a secret text is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeptIn {
    /// A file that nobody else can read.
    File(PathBuf),
    /// A systemd credential.
    Credential(String),
    /// A variable, which was taken out of the environment.
    Environment,
}

impl KeptIn {
    /// A place by its name; none for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "environment" => Some(Self::Environment),
            Some(("file", path)) if path.starts_with('/') => Some(Self::File(PathBuf::from(path))),
            Some(("credential", name)) => Some(Self::Credential(name.to_owned())),
            _ => None,
        }
    }

    /// The text, one line of it; `variable` is where `environment` keeps it.
    pub(crate) fn read(&self, variable: &str) -> anyhow::Result<SecretText> {
        let text = match self {
            Self::File(path) => private_file::read_line(path)?,
            Self::Credential(name) => {
                let path = credential_path(name)?;
                anyhow::ensure!(path.exists(), "there is no credential {}", path.display());
                let text = strongroom_crypto::provider::read_credential(&path)?;
                SecretText::new(text.expose().trim_end_matches('\n').to_owned())
            }
            Self::Environment => {
                environment::taken(variable).with_context(|| format!("the variable {variable} is not set"))?
            }
        };
        if text.is_empty() {
            bail!("it is empty");
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Somebody writes the text itself there: it is no place.
        #[test]
        fn what_is_no_place_is_refused(text in "[!-~]{4,40}") {
            if let Some(place) = KeptIn::parse(&text) {
                prop_assert!(
                    text == "environment" || text.starts_with("file:/") || text.starts_with("credential:"),
                    "{place:?}"
                );
            }
        }
    }
}
