//! Connections of one client: counted, so that nobody takes every seat.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex},
};

/// Bits of an IPv6 address that name a client: whoever has one address has its whole /64.
const CLIENT_PREFIX: u32 = 64;

/// Counts connections by client address.
#[derive(Clone)]
pub(super) struct Seats {
    most: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One counted connection; given back when dropped.
pub(super) struct Seat {
    client: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

fn counted_as(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> CLIENT_PREFIX << CLIENT_PREFIX)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Seats {
    /// At most this many for each client.
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// A seat, unless the client has all of its own already.
    pub(super) fn take(&self, client: IpAddr) -> Option<Seat> {
        let client = counted_as(client);
        let mut taken = self.taken.lock().ok()?;
        let count = taken.entry(client).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat { client, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Ok(mut taken) = self.taken.lock() else { return };
        if let Some(count) = taken.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_own_seats_and_no_others() {
        let seats = Seats::new(2);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = seats.take(address("192.0.2.1")).unwrap();
        let _second = seats.take(address("::ffff:192.0.2.1")).expect("mapped IPv4 is IPv4");
        assert!(seats.take(address("192.0.2.1")).is_none());
        let _other = seats.take(address("192.0.2.2")).expect("another client");
        drop(first);
        let _again = seats.take(address("192.0.2.1")).expect("given back");

        let _six = (seats.take(address("2001:db8::1")).unwrap(), seats.take(address("2001:db8::2")).unwrap());
        assert!(seats.take(address("2001:db8::3")).is_none(), "a /64 is one client");
        assert!(seats.take(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn a_client_that_left_is_forgotten() {
        let seats = Seats::new(1);
        for last in 0..=255u8 {
            drop(seats.take(IpAddr::from([192, 0, 2, last])).unwrap());
        }
        assert!(seats.taken.lock().unwrap().is_empty());
    }
}
