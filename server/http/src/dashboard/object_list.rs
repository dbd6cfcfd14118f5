//! What the lists of keys and of certificates have alike: a filter, pages, and a heading that says what was found.

use strongroom_domain::names::VaultName;
use strongroom_web::{Body, Field, FieldKind, Form, Paging, Row, Snippet, Table, say};

use super::{
    Failure,
    frame::Viewer,
    kinds::Kind,
    secret_filter::Filter,
    secrets::{Found, cursor, following, read},
    snippets::Commands,
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
    /// Commands for the same.
    pub(super) copy_as: Vec<Snippet>,
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
        let found = read(viewer, &viewer.call.ctx, (kind, vault), (&filter, &sort), after.clone()).await?;
        let (set, sorted) = (filter.is_set(), found.paging.clone().unwrap_or_default());
        let whole = !found.more && !found.in_part && after.is_none() && sorted.first_href.is_none();
        let notices = found.notice(&sort);
        let next = following(&tokens, found.next.as_ref(), &sort)?;
        let paging = Paging {
            words: say!("object-list-items-on-this-page", items = found.items.len()),
            first_href: after.map(|_| filter.address(kind, vault, None)).or(sorted.first_href),
            next_href: next.map(|next| filter.address(kind, vault, Some(&next))).or(sorted.next_href),
        };
        let path = match kind {
            Kind::Certificate => "/certificates?includePending=true".to_owned(),
            _ => format!("/{}", kind.plural()),
        };
        let copy_as = filter.commands(&Commands::of_vault(viewer.services, vault), kind, &path);
        let shown = filter.shown();
        let words = shown.words.clone();
        let searchable = !found.items.is_empty() || set || paging.first_href.is_some();
        let choice = |name: &str, label: &str, choices| Field::new(name, label, FieldKind::Choice(choices));
        let action = Filter::default().address(kind, vault, None);
        let kept = sort.kept().into_iter().map(|(name, value)| Field::hidden(&name, value));
        let form = Form {
            fields: [
                Field::line("q", say!("object-list-search-names"), shown.query, 127)
                    .hint(say!("object-list-part-of-a-name")),
                Field::line("tag", say!("object-list-tag"), shown.tag, 513)
                    .hint(say!("object-list-name-or-name-value")),
                choice("state", say!("object-list-state"), shown.states),
                choice("expires", say!("object-list-expires"), shown.expiries),
                choice("rotated", say!("object-list-rotated"), shown.ages),
            ]
            .into_iter()
            .chain(kept)
            .collect(),
            submit: say!("object-list-search").to_owned(),
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
            copy_as,
            sort,
        })
    }

    /// A table of what was found, in the order that is asked for.
    pub(super) fn table(&self, columns: &[&str], rows: Vec<Row>) -> Body {
        let table = Table { paging: self.paging.clone(), ..Table::new(columns, rows) };
        Body::Table(if self.found.paging.is_some() { self.sort.headed(table) } else { self.sort.table(table, &[]) })
    }

    /// What stands there when nothing was found.
    pub(super) fn empty(&self, kind: Kind, how: &str) -> Body {
        let word = kind.word();
        let (headline, text) = match (self.words.as_str(), self.paging.first_href.is_some()) {
            ("", false) => (say!("object-list-no-plural-yet", plural = kind.plural()), how.to_owned()),
            ("", true) => (
                say!("object-list-there-is-nothing-more").to_owned(),
                say!("object-list-the-list-ended-before-this").to_owned(),
            ),
            _ => (
                say!("object-list-no-word-is-like-that", word = word),
                say!("object-list-only-names-and-metadata-are").to_owned(),
            ),
        };
        Body::Empty { headline, text, command: None }
    }
}

fn headline(kind: Kind, vault: &VaultName, count: usize, whole: bool, words: &str) -> String {
    let (word, plural) = (kind.word(), kind.plural());
    let words = if words.is_empty() { String::new() } else { format!(" {words}") };
    match (whole, count) {
        (true, 0) => say!("object-list-no-plural-in-vault-words", plural = plural, vault = vault, words = words),
        (true, 1) => say!("object-list-one-word-in-vault-words", word = word, vault = vault, words = words),
        (true, count) => say!(
            "object-list-count-plural-in-vault-words",
            count = count,
            plural = plural,
            vault = vault,
            words = words
        ),
        (false, _) => {
            let mut letters = plural.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase()).unwrap_or_default();
            say!(
                "object-list-first-letters-in-vault-words",
                first = first,
                letters = letters.as_str(),
                vault = vault,
                words = words
            )
        }
    }
}
