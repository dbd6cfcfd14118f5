//! Who asked for the first time, and from which address somebody asked for the first time: counted from records, so that an
//! overview tells of it without looking through the log.
//!
//! It tells only what it knows: nothing of a log that began after the moment that is asked about, and nothing any more once
//! there were more principals or addresses than are kept. There is one line for each principal, so that nobody hides
//! somebody else's by asking from many addresses; who has more of them than are kept is told as such and never left out,
//! and how many lines are left out is told as well.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

use crate::principal::{PrincipalId, SYSTEM_ISSUER};

/// Most principals, and most addresses of all of them, that are kept: about 200 bytes each.
const MOST_PRINCIPALS: usize = 20_000;
const MOST_ADDRESSES: usize = 100_000;
/// Most addresses of one principal that are kept apart.
pub const ADDRESSES_KEPT: usize = 64;
/// Most of either sort that are told.
const MOST_TOLD: usize = 50;

/// Somebody who was not there before, or not from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstSeen {
    /// Who asked.
    pub principal: PrincipalId,
    /// From where: the first of the new addresses. Where none that is kept is new, the newest of those that are not kept.
    pub client: String,
    /// When from there for the first time, Unix milliseconds.
    pub first: i64,
    /// How many addresses that are kept are new. All of an IPv6 network (/64) count as one: who has one has all of them.
    pub addresses: usize,
    /// Whether they asked since then from addresses beyond [`ADDRESSES_KEPT`], of which nobody knows whether they are new.
    pub beyond: bool,
}

/// What was there for the first time since a moment, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Principals that were not there before.
    pub principals: Vec<FirstSeen>,
    /// Principals that were there before, and came from new addresses.
    pub addresses: Vec<FirstSeen>,
    /// How many more there are of the first sort than are told.
    pub principals_left_out: usize,
    /// How many more there are of the second.
    pub addresses_left_out: usize,
}

/// When an address was there for the first time; none stands for requests without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    first: i64,
    from: Option<IpAddr>,
}

#[derive(Debug)]
struct Known {
    first: i64,
    /// The first address of each network.
    addresses: HashMap<Option<IpAddr>, Seen>,
    /// The newest of those that are not kept.
    beyond: Option<Seen>,
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
        let from = client.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let (network, seen) = (from.map(network_of), Seen { first: at, from });
        let fresh = || Known { first: at, addresses: HashMap::new(), beyond: None };
        let known = self.known.entry(principal).or_insert_with(fresh);
        known.first = known.first.min(at);
        if let Some(kept) = known.addresses.get_mut(&network) {
            *kept = seen.min(*kept);
        } else if known.addresses.len() < ADDRESSES_KEPT {
            known.addresses.insert(network, seen);
            self.addresses = self.addresses.saturating_add(1);
        } else {
            known.beyond = known.beyond.max(Some(seen));
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
            let list = if known.first >= since { &mut news.principals } else { &mut news.addresses };
            list.extend(known.told(principal, since));
        }
        news.principals_left_out = newest(&mut news.principals);
        news.addresses_left_out = newest(&mut news.addresses);
        Some(news)
    }
}

impl Known {
    fn told(&self, principal: &PrincipalId, since: i64) -> Option<FirstSeen> {
        let newer: Vec<Seen> = self.addresses.values().filter(|seen| seen.first >= since).copied().collect();
        let beyond = self.beyond.filter(|seen| seen.first >= since);
        let seen = newer.iter().min().copied().or(beyond)?;
        Some(FirstSeen {
            principal: principal.clone(),
            client: seen.from.map(|address| address.to_string()).unwrap_or_default(),
            first: seen.first,
            addresses: newer.len(),
            beyond: beyond.is_some(),
        })
    }
}

/// What an address counts as: itself, or its IPv6 network of 64 bits.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Leaves as many of the newest as are told; how many are left out.
fn newest(list: &mut Vec<FirstSeen>) -> usize {
    list.sort_by(|one, other| other.first.cmp(&one.first).then_with(|| one.principal.cmp(&other.principal)));
    let left_out = list.len().saturating_sub(MOST_TOLD);
    list.truncate(MOST_TOLD);
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(subject: &str) -> PrincipalId {
        PrincipalId { issuer: "https://idp".to_owned(), subject: subject.to_owned() }
    }

    fn seen(subject: &str, client: &str, first: i64) -> FirstSeen {
        FirstSeen { principal: principal(subject), client: client.to_owned(), first, addresses: 1, beyond: false }
    }

    fn address(number: usize) -> String {
        format!("10.0.{}.{}", number / 256, number % 256)
    }

    #[test]
    fn who_and_from_where_is_news_once() {
        let mut count = NewsCount::default();
        assert_eq!(count.told(0), None, "nothing is known of an empty log");
        for (subject, client, at) in [
            ("ada", "10.0.0.1", 1),
            ("ada", "10.0.0.1", 60),
            ("ada", "10.0.0.2", 50),
            ("bob", "10.0.0.3", 70),
            ("bob", "10.0.0.4", 55),
        ] {
            count.add(principal(subject), client, at);
        }
        count.add(PrincipalId { issuer: SYSTEM_ISSUER.to_owned(), subject: "purge".to_owned() }, "", 80);
        let told = count.told(40).unwrap();
        assert_eq!(told.principals, [FirstSeen { addresses: 2, ..seen("bob", "10.0.0.4", 55) }]);
        assert_eq!(told.addresses, [seen("ada", "10.0.0.2", 50)]);
        assert_eq!(count.told(56).unwrap().addresses, [seen("bob", "10.0.0.3", 70)]);
        assert_eq!(count.told(1), None, "the log began then: everybody would be new");
    }

    #[test]
    fn many_addresses_hide_neither_their_own_principal_nor_another_one() {
        let mut count = NewsCount::default();
        for known in ["ada", "edsger"] {
            count.add(principal(known), "192.0.2.1", 0);
        }
        count.add(principal("ada"), "192.0.2.2", 10);
        for number in 0..55 {
            count.add(principal("edsger"), &address(number), 20);
        }
        let edsger = FirstSeen { addresses: 55, ..seen("edsger", "10.0.0.0", 20) };
        assert_eq!(count.told(5).unwrap().addresses, [edsger.clone(), seen("ada", "192.0.2.2", 10)]);
        for number in 0..70 {
            count.add(principal("ada"), &address(number), 30);
        }
        let ada = FirstSeen { addresses: ADDRESSES_KEPT - 1, beyond: true, ..seen("ada", "192.0.2.2", 10) };
        assert_eq!(count.told(5).unwrap().addresses, [edsger, ada]);
        assert_eq!(count.told(31).unwrap(), News::default(), "nobody was there since");
        count.add(principal("ada"), "192.0.2.99", 40);
        let later = FirstSeen { addresses: 0, beyond: true, ..seen("ada", "192.0.2.99", 40) };
        assert_eq!(
            count.told(31).unwrap().addresses,
            [later],
            "who has more than are kept is news with every other one"
        );
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_count_as_one() {
        let mut count = NewsCount::default();
        count.add(principal("ada"), "2001:db8::1", 0);
        for number in 0..100 {
            count.add(principal("ada"), &format!("2001:db8::5:{number}"), 10);
        }
        assert_eq!(count.told(5).unwrap(), News::default());
        for (client, at) in [("2001:db8:0:1::2", 12), ("2001:db8:0:1::1", 11), ("::ffff:192.0.2.1", 13)] {
            count.add(principal("ada"), client, at);
        }
        let expected = FirstSeen { addresses: 2, ..seen("ada", "2001:db8:0:1::1", 11) };
        assert_eq!(count.told(5).unwrap().addresses, [expected]);
        assert_eq!(count.told(13).unwrap().addresses, [seen("ada", "192.0.2.1", 13)]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_left_out_is_told() {
        let mut count = NewsCount::default();
        count.add(principal("ada"), "192.0.2.1", 0);
        for number in 0..MOST_TOLD + 3 {
            count.add(principal(&number.to_string()), "192.0.2.1", 10);
        }
        let told = count.told(5).unwrap();
        assert_eq!((told.principals.len(), told.principals_left_out, told.addresses_left_out), (MOST_TOLD, 3, 0));
        for number in 0..1000 {
            count.add(principal("ada"), &address(number), 10);
        }
        assert_eq!(count.known[&principal("ada")].addresses.len(), ADDRESSES_KEPT);
        for number in 0..=MOST_PRINCIPALS {
            count.add(principal(&number.to_string()), "", 10);
        }
        assert_eq!((count.told(5), count.known.len()), (None, 0));
    }
}
