//! Lists in another order than their own, as the address says: `sort=updated&order=desc`.
//!
//! A list that is read page by page is read in its own order, which an index has. Objects of a vault are sorted by the
//! store, however many there are ([`Sort::asked`]), but by what only the page knows; other lists as much as one request
//! reads, and the page says so where that is not all of it. `from` says where its pages go on.
//!
//! A table within a page ([`table`], [`panel`]) is whole in memory. Its parameters begin with its name
//! (`versions-sort=created`), so that one address holds the order of each table on the page, and it has pages in any
//! order.
//!
//! Tables that do not sort, and why: in those of network rules, attachments, stages of a decision, the links of a chain,
//! fields of a value and patterns of a role the order is what they say; the audit log and what is shown of its records,
//! the charts and what ends soon are in order of time; what needs attention and late rotations have the worst first; what
//! would allow a request is tried anew, and recorded, at every look; the result of a form has no address to hold an order;
//! the actions that a role can name are words beside its form; and the settings show a few lines of one file as it has
//! them, and a few keys in the order in which they sign.

use strongroom_domain::search::SortedBy;
use strongroom_web::{Body, ColumnSort, Order, Paging, Panel, Table, say};

use super::frame::Viewer;
use crate::message::Request;

/// Rows on a page of a sorted list.
const PAGE: usize = 25;
/// Pages of a list's own order that are read to be sorted.
pub(super) const PAGES: usize = 8;

const DESCENDING: &str = "desc";

/// The order that an address asks for.
pub(super) struct Sort<'a> {
    viewer: &'a Viewer<'a>,
    /// Of a table among others, its name; of a page's one list none.
    name: Option<&'a str>,
    /// As it stands in the address; empty for the list's own order.
    column: String,
    order: Order,
    from: usize,
}

impl<'a> Sort<'a> {
    /// Reads it. An order of no column here is the list's own.
    pub(super) fn of(viewer: &'a Viewer<'a>, request: &Request, columns: &[&str]) -> Self {
        let asked = request.query("sort").unwrap_or_default();
        let known = columns.iter().any(|column| !column.is_empty() && word(column) == asked);
        let order = if request.query("order") == Some(DESCENDING) { Order::Descending } else { Order::Ascending };
        let from = request.query("from").and_then(|from| from.parse().ok()).unwrap_or(0);
        Self { viewer, name: None, column: if known { asked.to_owned() } else { String::new() }, order, from }
    }

    /// Reads it for a table among others.
    pub(super) fn within(viewer: &'a Viewer<'a>, name: &'a str, columns: &[&str]) -> Self {
        let asked = |parameter: &str| viewer.here.query(&format!("{name}-{parameter}"));
        let column = asked("sort").filter(|asked| columns.iter().any(|column| word(column) == *asked));
        let descending = asked("order").as_deref() == Some(DESCENDING);
        Self {
            viewer,
            name: Some(name),
            column: column.unwrap_or_default(),
            order: if descending { Order::Descending } else { Order::Ascending },
            from: asked("from").and_then(|from| from.parse().ok()).unwrap_or(0),
        }
    }

    /// This page with other parameters of this order, at the table where that is one of several.
    fn address(&self, others: &[(&str, Option<&str>)]) -> String {
        let Some(name) = self.name else { return self.viewer.here.with(others) };
        let named: Vec<_> = others.iter().map(|(other, value)| (format!("{name}-{other}"), *value)).collect();
        let named: Vec<_> = named.iter().map(|(other, value)| (other.as_str(), *value)).collect();
        format!("{}#{}", self.viewer.here.with(&named), Table::id_of(name))
    }

    /// Whether the list is in another order than its own.
    pub(super) fn is_set(&self) -> bool {
        !self.column.is_empty()
    }

    /// The order in which the store gives objects, and whether the last come first. None where the list is in its own
    /// order, or in one that the store does not know.
    pub(super) fn asked(&self) -> Option<(SortedBy, bool)> {
        let by = match self.column.as_str() {
            "name" => SortedBy::Name,
            "state" => SortedBy::Standing,
            "updated" => SortedBy::Updated,
            "expires" => SortedBy::Expires,
            "tags" => SortedBy::Tags,
            _ => return None,
        };
        Some((by, self.order == Order::Descending))
    }

    /// How much stands before this page.
    pub(super) fn from(&self) -> usize {
        self.from
    }

    /// The pages around one that the store sorted, which begins there.
    pub(super) fn around(&self, from: usize, more: bool) -> Paging {
        let next = from.saturating_add(PAGE).to_string();
        Paging {
            first_href: (from > 0).then(|| self.address(&[("from", None)])),
            next_href: more.then(|| self.address(&[("from", Some(&next))])),
            ..Paging::default()
        }
    }

    /// A table that is in this order already.
    pub(super) fn headed(&self, table: Table) -> Table {
        let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
        Table { sorts: self.heads(&columns, &[]), ..table }
    }

    /// Where a list is read on, having been read so many times, to be sorted; none where that is enough.
    pub(super) fn reads_on(&self, next: Option<&String>, turns: &mut usize) -> Option<String> {
        *turns += 1;
        next.filter(|_| self.is_set() && *turns < PAGES).cloned()
    }

    /// What is said where a list goes on after what was sorted.
    pub(super) fn notice(&self, sorted: usize, more: bool) -> Option<String> {
        (self.is_set() && more).then(|| say!("sort-only-the-first-sorted-are", sorted = sorted))
    }

    /// What a search form sends along, so that what it finds is sorted alike.
    pub(super) fn kept(&self) -> Vec<(String, String)> {
        if !self.is_set() {
            return Vec::new();
        }
        let order = (self.order == Order::Descending).then(|| ("order".to_owned(), DESCENDING.to_owned()));
        std::iter::once(("sort".to_owned(), self.column.clone())).chain(order).collect()
    }

    /// How these columns sort. One without a heading, and those that `apart` names, do not.
    pub(super) fn heads(&self, columns: &[&str], apart: &[&str]) -> Vec<Option<ColumnSort>> {
        let head = |column: &&str| {
            if column.is_empty() || apart.contains(column) {
                return None;
            }
            let word = word(column);
            let order = (word == self.column).then_some(self.order);
            let turned = (order == Some(Order::Ascending)).then_some(DESCENDING);
            let others = [("sort", Some(word.as_str())), ("order", turned), ("after", None), ("from", None)];
            Some(ColumnSort { href: self.address(&others), order })
        };
        columns.iter().map(head).collect()
    }

    /// Sorts what was read by the key of each, and cuts a page out of it. What has no key comes last, either way.
    /// Nothing where the list is in its own order.
    pub(super) fn arrange<T>(&self, all: &mut Vec<T>, key: impl Fn(&T, &str) -> Option<String>) -> Option<Paging> {
        if !self.is_set() {
            return None;
        }
        let mut keyed: Vec<(Option<Vec<Part>>, T)> =
            all.drain(..).map(|one| (key(&one, &self.column).map(|text| parts(&text)), one)).collect();
        keyed.sort_by(|(one, _), (other, _)| match (one, other) {
            (Some(one), Some(other)) if self.order == Order::Descending => other.cmp(one),
            (Some(one), Some(other)) => one.cmp(other),
            (one, other) => other.is_some().cmp(&one.is_some()),
        });
        all.extend(keyed.into_iter().map(|(_, one)| one));
        Some(self.cut(all))
    }

    /// Cuts a page out of all that there is.
    pub(super) fn cut<T>(&self, all: &mut Vec<T>) -> Paging {
        let count = all.len();
        let from = if self.from < count { self.from } else { 0 };
        all.drain(..from);
        all.truncate(PAGE);
        let next = from.saturating_add(PAGE);
        Paging {
            words: say!("sort-all-of-count-on-this", all = all.len(), count = count),
            first_href: (from > 0).then(|| self.address(&[("from", None)])),
            next_href: (next < count).then(|| self.address(&[("from", Some(&next.to_string()))])),
        }
    }

    /// A table in this order, by what its cells say. Its paging stays where it is in its own.
    pub(super) fn table(&self, table: Table, apart: &[&str]) -> Table {
        let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
        let sorts = self.heads(&columns, apart);
        let at = columns.iter().position(|column| word(column) == self.column).unwrap_or(0);
        let mut rows = table.rows;
        let paging = self.arrange(&mut rows, |row, _| row.cells.get(at).and_then(strongroom_web::Cell::sorted_by));
        Table { sorts, rows, paging: paging.unwrap_or(table.paging), ..table }
    }
}

/// A table among others on a page that is there as a whole: sorted and cut as the address says.
pub(super) fn table(viewer: &Viewer<'_>, name: &str, table: Table) -> Table {
    // One row has one order.
    if table.rows.len() < 2 {
        return table;
    }
    let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    let sort = Sort::within(viewer, name, &columns);
    let sorted = sort.table(table.clone(), &[]);
    if sort.is_set() {
        return Table { name: Some(name.to_owned()), ..sorted };
    }
    let mut rows = sorted.rows;
    let paging = sort.cut(&mut rows);
    Table { name: Some(name.to_owned()), rows, paging, ..sorted }
}

/// A panel with such a table, and with words on its own order where it is in that.
pub(super) fn panel(viewer: &Viewer<'_>, title: &str, name: &str, of: Table, own: Option<&str>) -> Panel {
    let table = table(viewer, name, of);
    let note = own.filter(|_| !table.is_sorted()).map(str::to_owned);
    Panel { note, ..Panel::new(title, Body::Table(table)) }
}

/// A heading as it stands in the address: `next-end`.
fn word(column: &str) -> String {
    column.to_lowercase().replace(' ', "-").replace(',', "")
}

/// What a text is compared by: numbers by their size, and everything else by its characters.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// How many digits without leading zeros, and those.
    Number(usize, String),
    Character(char),
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        if !next.is_ascii_digit() {
            parts.push(Part::Character(next));
            continue;
        }
        let mut digits = String::from(next);
        // As numbers are written here: 12,345.
        while let Some(more) = rest.next_if(|more| more.is_ascii_digit() || *more == ',') {
            digits.extend(Some(more).filter(|more| *more != ','));
        }
        let digits = digits.trim_start_matches('0').to_owned();
        parts.push(Part::Number(digits.len(), digits));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_by_their_size_and_moments_by_time() {
        let ascending = |one: &str, other: &str| assert!(parts(one) < parts(other), "{one}, {other}");
        ascending("98 bytes", "120 bytes");
        ascending("999", "1,000");
        ascending("1.9.0", "1.10.0");
        ascending("2026-11-28t07:59:59z", "2026-11-28t08:00:00z");
        ascending("alpha", "beta");
        assert_eq!(word("Purge protection"), "purge-protection");
        assert_eq!(word("Reads, 24 h"), "reads-24-h");
    }
}
