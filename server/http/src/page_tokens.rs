//! Where the pages of a listing begin, as it is given to whoever reads one: sealed, for this listing of this vault.
//!
//! A page begins behind the object that was read last, and a policy module may hide that one from its reader: its
//! name never stands in a link. What was made up, or is of another listing, is refused and never taken for a place.

use strongroom_domain::names::VaultName;

use crate::{problem::Problem, services::Services};

/// Longest token: the longest name, and what seals it, in base64url.
const MAX_TOKEN: usize = 256;

/// Seals and opens the places of one listing.
pub(crate) struct PageTokens<'a> {
    pub(crate) services: &'a Services,
    pub(crate) vault: &'a VaultName,
    /// Which listing of the vault: one spelling, whatever the request's is.
    pub(crate) listing: &'a str,
}

impl PageTokens<'_> {
    /// The token of the page behind this place.
    ///
    /// # Errors
    /// 500 without randomness.
    pub(crate) fn seal(&self, place: &str) -> Result<String, Problem> {
        let Self { services, vault, listing } = self;
        let sealed = services.keyring.page_token(vault, listing, place, &*services.entropy).map_err(|error| {
            tracing::error!(%error, "where the next page begins could not be sealed");
            Problem::internal()
        })?;
        Ok(data_encoding::BASE64URL_NOPAD.encode(&sealed))
    }

    /// The place in a token of this listing. None for everything else.
    pub(crate) fn open<T>(&self, token: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let sealed = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        parse(&self.services.keyring.page_place(self.vault, self.listing, &sealed)?)
    }
}
