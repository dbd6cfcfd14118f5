//! Lists in another order than their own, as the address says: `sort=updated&order=desc`.
//!
//! A list that is read page by page is read in its own order, which an index has. Sorted otherwise, as much of it as one
//! request reads is sorted, and the page says so where that is not all of it; `from` says where its pages go on.

use std::cmp::Ordering;

use strongroom_web::{ColumnSort, Order, Paging, Table};

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
        Self { viewer, column: if known { asked.to_owned() } else { String::new() }, order, from }
    }

    /// Whether the list is in another order than its own.
    pub(super) fn is_set(&self) -> bool {
        !self.column.is_empty()
    }

    /// Where a list is read on, having been read so many times, to be sorted; none where that is enough.
    pub(super) fn reads_on(&self, next: Option<&String>, turns: &mut usize) -> Option<String> {
        *turns += 1;
        next.filter(|_| self.is_set() && *turns < PAGES).cloned()
    }

    /// What is said where a list goes on after what was sorted.
    pub(super) fn notice(&self, sorted: usize, more: bool) -> Option<String> {
        (self.is_set() && more).then(|| {
            format!("Only the first {sorted} are sorted, as the list is kept; the others are not among them. Narrow it to sort the rest.")
        })
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
            let here = &self.viewer.here;
            let others = [("sort", Some(word.as_str())), ("order", turned), ("after", None), ("from", None)];
            Some(ColumnSort { href: here.with(&others), order })
        };
        columns.iter().map(head).collect()
    }

    /// Sorts what was read by the key of each, and cuts a page out of it. What has no key comes last, either way.
    /// Nothing where the list is in its own order.
    pub(super) fn arrange<T>(&self, all: &mut Vec<T>, key: impl Fn(&T, &str) -> Option<String>) -> Option<Paging> {
        if !self.is_set() {
            return None;
        }
        let mut keyed: Vec<(Option<String>, T)> = all.drain(..).map(|one| (key(&one, &self.column), one)).collect();
        keyed.sort_by(|(one, _), (other, _)| match (one, other) {
            (Some(one), Some(other)) if self.order == Order::Descending => compare(other, one),
            (Some(one), Some(other)) => compare(one, other),
            (one, other) => other.is_some().cmp(&one.is_some()),
        });
        let count = keyed.len();
        all.extend(keyed.into_iter().skip(self.from).take(PAGE).map(|(_, one)| one));
        let next = self.from.saturating_add(PAGE);
        let here = &self.viewer.here;
        Some(Paging {
            words: format!("{} of {count} on this page", all.len()),
            first_href: (self.from > 0).then(|| here.with(&[("from", None)])),
            next_href: (next < count).then(|| here.with(&[("from", Some(&next.to_string()))])),
        })
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

/// A heading as it stands in the address: `next-end`.
fn word(column: &str) -> String {
    column.to_lowercase().replace(' ', "-")
}

/// By the number that they begin with, if any, and then by their words.
fn compare(one: &str, other: &str) -> Ordering {
    let number = |text: &str| {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text.get(..digits).and_then(|digits| digits.parse::<u64>().ok())
    };
    number(one).cmp(&number(other)).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_by_their_size_and_moments_by_time() {
        assert_eq!(compare("98 bytes", "120 bytes"), Ordering::Less);
        assert_eq!(compare("2026-11-28T08:00:00Z", "2026-11-28T07:59:59Z"), Ordering::Greater);
        assert_eq!(compare("alpha", "beta"), Ordering::Less);
        assert_eq!(word("Purge protection"), "purge-protection");
    }
}
