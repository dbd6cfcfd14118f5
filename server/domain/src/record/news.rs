//! Who asked for the first time, and from which address somebody asked for the first time: counted from records, so that an
//! overview tells of it without looking through the log.
//!
//! It tells only what it knows: nothing of a log that began after the moment that is asked about, and nothing any more once
//! there were more principals or addresses than are kept. Whoever comes from many addresses has no new ones.

use std::collections::HashMap;

use crate::principal::{PrincipalId, SYSTEM_ISSUER};

/// Most principals, and most addresses of all of them, that are kept: about 200 bytes each.
const MOST_PRINCIPALS: usize = 20_000;
const MOST_ADDRESSES: usize = 100_000;
/// Most addresses of one principal: who has more is at home nowhere.
const MOST_OF_ONE: usize = 64;
/// Most of either sort that are told.
const MOST_TOLD: usize = 50;

/// Somebody, or an address of somebody, that was not there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstSeen {
    /// Who asked.
    pub principal: PrincipalId,
    /// From where.
    pub client: String,
    /// When for the first time, Unix milliseconds.
    pub first: i64,
}

/// What was there for the first time since a moment, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Principals, each with the address of its first request.
    pub principals: Vec<FirstSeen>,
    /// Addresses of principals that were there before.
    pub addresses: Vec<FirstSeen>,
}

#[derive(Debug)]
struct Known {
    first: i64,
    /// By address, when it was first there.
    addresses: HashMap<String, i64>,
}

/// Counts who was there when, and from where.
#[derive(Debug, Default)]
pub struct NewsCount {
    known: HashMap<PrincipalId, Known>,
    addresses: usize,
    began: Option<i64>,
    full: bool,
}

impl NewsCount {
    /// A request, or the first of several from one address.
    pub fn add(&mut self, principal: PrincipalId, client: &str, at: i64) {
        self.began = Some(self.began.map_or(at, |began| began.min(at)));
        // What the installation does by itself is no news.
        if self.full || principal.issuer == SYSTEM_ISSUER {
            return;
        }
        let known = self.known.entry(principal).or_insert_with(|| Known { first: at, addresses: HashMap::new() });
        known.first = known.first.min(at);
        if let Some(first) = known.addresses.get_mut(client) {
            *first = at.min(*first);
        } else if known.addresses.len() <= MOST_OF_ONE {
            known.addresses.insert(client.to_owned(), at);
            self.addresses = self.addresses.saturating_add(1);
        }
        if self.known.len() > MOST_PRINCIPALS || self.addresses > MOST_ADDRESSES {
            self.full = true;
            self.known = HashMap::new();
        }
    }

    /// What was there for the first time since a moment; none where that cannot be told.
    #[must_use]
    pub fn told(&self, since: i64) -> Option<News> {
        if self.full || self.began.is_none_or(|began| began >= since) {
            return None;
        }
        let mut news = News::default();
        for (principal, known) in &self.known {
            let seen =
                |client: &str, first: i64| FirstSeen { principal: principal.clone(), client: client.to_owned(), first };
            if known.first >= since {
                let from = known.addresses.iter().min_by_key(|(_, first)| **first);
                news.principals.push(seen(from.map_or("", |(client, _)| client), known.first));
            } else if known.addresses.len() <= MOST_OF_ONE {
                let newer = known.addresses.iter().filter(|(_, first)| **first >= since);
                news.addresses.extend(newer.map(|(client, first)| seen(client, *first)));
            }
        }
        for list in [&mut news.principals, &mut news.addresses] {
            list.sort_by(|one, other| {
                other
                    .first
                    .cmp(&one.first)
                    .then_with(|| (&one.principal, &one.client).cmp(&(&other.principal, &other.client)))
            });
            list.truncate(MOST_TOLD);
        }
        Some(news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(subject: &str) -> PrincipalId {
        PrincipalId { issuer: "https://idp".to_owned(), subject: subject.to_owned() }
    }

    fn seen(subject: &str, client: &str, first: i64) -> FirstSeen {
        FirstSeen { principal: principal(subject), client: client.to_owned(), first }
    }

    #[test]
    fn who_and_from_where_is_news_once() {
        let mut count = NewsCount::default();
        assert_eq!(count.told(0), None, "nothing is known of an empty log");
        for (subject, client, at) in
            [("ada", "a", 1), ("ada", "a", 60), ("ada", "b", 50), ("bob", "c", 70), ("bob", "d", 55)]
        {
            count.add(principal(subject), client, at);
        }
        count.add(PrincipalId { issuer: SYSTEM_ISSUER.to_owned(), subject: "purge".to_owned() }, "", 80);
        let told = count.told(40).unwrap();
        assert_eq!((told.principals, told.addresses), (vec![seen("bob", "d", 55)], vec![seen("ada", "b", 50)]));
        assert_eq!(count.told(56).unwrap().addresses, [seen("bob", "c", 70)]);
        assert_eq!(count.told(1), None, "the log began then: everybody would be new");
    }

    #[test]
    fn what_is_kept_is_bounded_and_then_nothing_is_told() {
        let mut count = NewsCount::default();
        count.add(principal("ada"), "first", 0);
        for address in 0..=MOST_OF_ONE {
            count.add(principal("ada"), &address.to_string(), 10);
        }
        assert_eq!(count.told(5).unwrap(), News::default(), "from everywhere");
        for number in 0..=MOST_PRINCIPALS {
            count.add(principal(&number.to_string()), "", 10);
        }
        assert_eq!((count.told(5), count.known.len()), (None, 0));
    }
}
