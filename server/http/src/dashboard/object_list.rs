//! What the lists of keys and of certificates have alike: a filter, pages, and a heading that says what was found.

use strongroom_domain::names::VaultName;
use strongroom_web::{Body, Field, FieldKind, Form, Paging};

use super::{
    Failure,
    frame::Viewer,
    kinds::Kind,
    secret_filter::Filter,
    secrets::{Found, cursor, following, read},
    sort::Sort,
};
use crate::{message::Request, page_tokens::PageTokens};

/// A page of a list, and what stands around it.
pub(super) struct Listed<'a> {
    pub(super) sort: Sort<'a>,
    pub(super) found: Found,
    pub(super) headline: String,
    /// How far a search came, where it did not reach the end.
    pub(super) notices: Vec<String>,
    /// None where there is nothing to narrow.
    pub(super) filter: Option<Form>,
    pub(super) paging: Paging,
    /// The filter in words.
    words: String,
}

impl<'a> Listed<'a> {
    /// Reads the page that an address asks for.
    ///
    /// # Errors
    /// The gate's denial, or why the list cannot be read.
    pub(super) async fn read(
        viewer: &'a Viewer<'a>,
        request: &Request,
        (kind, columns): (Kind, &[&str]),
        vault: &VaultName,
    ) -> Result<Self, Failure> {
        let filter = Filter::of(request)?;
        let sort = Sort::of(viewer, request, columns);
        let tokens = PageTokens { services: viewer.services, vault, listing: kind.plural() };
        let after = cursor(request, &tokens, &sort)?;
        let found = read(viewer, kind, vault, (&filter, &sort), after.clone()).await?;
        let (set, whole) = (filter.is_set(), found.next.is_none() && after.is_none());
        let notices = sort.notice(found.items.len(), found.next.is_some()).or_else(|| {
            (set && found.next.is_some())
                .then(|| format!("Only {} names have been searched so far; the next page searches on.", found.searched))
        });
        let next = following(&tokens, found.next.as_ref(), &sort)?;
        let paging = Paging {
            words: format!("{} on this page", found.items.len()),
            first_href: after.map(|_| filter.address(kind, vault, None)),
            next_href: next.map(|next| filter.address(kind, vault, Some(&next))),
        };
        let shown = filter.shown();
        let words = shown.words.clone();
        let searchable = !found.items.is_empty() || set || paging.first_href.is_some();
        let choice = |name: &str, label: &str, choices| Field::new(name, label, FieldKind::Choice(choices));
        let action = Filter::default().address(kind, vault, None);
        let kept = sort.kept().into_iter().map(|(name, value)| Field::hidden(&name, value));
        let form = Form {
            fields: [
                Field::line("q", "Search names", shown.query, 127).hint("part of a name"),
                Field::line("tag", "Tag", shown.tag, 513).hint("name, or name=value"),
                choice("state", "State", shown.states),
                choice("expires", "Expires", shown.expiries),
                choice("rotated", "Rotated", shown.ages),
            ]
            .into_iter()
            .chain(kept)
            .collect(),
            submit: "Search".to_owned(),
            cancel_href: set.then(|| action.clone()),
            action,
            ..Form::default()
        };
        Ok(Self {
            headline: headline(kind, vault, found.items.len(), whole, &words),
            notices: notices.into_iter().collect(),
            filter: searchable.then_some(form),
            found,
            paging,
            words,
            sort,
        })
    }

    /// What stands there when nothing was found.
    pub(super) fn empty(&self, kind: Kind, how: &str) -> Body {
        let word = kind.word();
        let (headline, text) = match (self.words.as_str(), self.paging.first_href.is_some()) {
            ("", false) => (format!("No {} yet.", kind.plural()), how.to_owned()),
            ("", true) => ("There is nothing more.".to_owned(), "The list ended before this page.".to_owned()),
            _ => (
                format!("No {word} is like that."),
                "Only names and metadata are searched, and only those you may list.".to_owned(),
            ),
        };
        Body::Empty { headline, text, command: None }
    }
}

fn headline(kind: Kind, vault: &VaultName, count: usize, whole: bool, words: &str) -> String {
    let (word, plural) = (kind.word(), kind.plural());
    let words = if words.is_empty() { String::new() } else { format!(" {words}") };
    match (whole, count) {
        (true, 0) => format!("No {plural} in {vault}{words}"),
        (true, 1) => format!("One {word} in {vault}{words}"),
        (true, count) => format!("{count} {plural} in {vault}{words}"),
        (false, _) => {
            let mut letters = plural.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase()).unwrap_or_default();
            format!("{first}{} in {vault}{words}", letters.as_str())
        }
    }
}
