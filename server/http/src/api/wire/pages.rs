//! Pages of listings: where one begins, and the link to the next.
//!
//! A `$skiptoken` says behind which object a page begins, and for which listing of which vault it was made. It is
//! sealed: it tells nothing, and one that was made up, or that is of another listing, is refused and never taken for
//! a place. One whose object is gone is good still, because the place behind it is where the listing goes on.

use strongroom_domain::names::VaultName;

use crate::{message::Request, page_tokens::PageTokens, problem::Problem, services::Services};

/// A listing of a vault that somebody asks for.
pub(crate) struct Pages<'a> {
    services: &'a Services,
    vault: &'a VaultName,
    path: String,
    request: &'a Request,
}

impl<'a> Pages<'a> {
    /// The listing at this path of the vault's host.
    pub(crate) fn of(
        services: &'a Services,
        vault: &'a VaultName,
        path: impl Into<String>,
        request: &'a Request,
    ) -> Self {
        Self { services, vault, path: path.into(), request }
    }

    /// Behind what the page begins, if it is not the first.
    pub(crate) fn after<T>(&self, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        if !self.request.has_query("$skiptoken") {
            return Ok(None);
        }
        self.request
            .query("$skiptoken")
            .and_then(|token| self.tokens(&self.listing()).open(token, parse))
            .map(Some)
            .ok_or_else(|| Problem::bad_parameter("The $skiptoken is not one of this listing."))
    }

    /// The absolute link to the next page, if there is one: same host, same api-version, same page size.
    ///
    /// # Errors
    /// 500 without randomness.
    pub(crate) fn next_link(&self, next: Option<&str>) -> Result<Option<String>, Problem> {
        let Some(next) = next else { return Ok(None) };
        let Self { services, vault, path, request } = self;
        let token = self.tokens(&self.listing()).seal(next)?;
        let mut link = url::form_urlencoded::Serializer::new(format!("{}{path}?", services.addresses.vault(vault)));
        link.append_pair("api-version", request.query("api-version").unwrap_or_default());
        link.append_pair("$skiptoken", &token);
        if let Some(count) = request.query("maxresults") {
            link.append_pair("maxresults", count);
        }
        Ok(Some(link.finish().replace("?&", "?")))
    }

    fn listing(&self) -> String {
        self.path.to_ascii_lowercase()
    }

    fn tokens<'b>(&'b self, listing: &'b str) -> PageTokens<'b> {
        PageTokens { services: self.services, vault: self.vault, listing }
    }
}
