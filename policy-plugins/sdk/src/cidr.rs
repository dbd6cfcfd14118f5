//! Networks of addresses.

use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;

use serde::{Deserialize, Deserializer};

/// A network of addresses, `192.0.2.0/24` or `2001:db8::/32`; an address alone is a network of one.
/// IPv4 written as IPv6 (`::ffff:192.0.2.1`) is IPv4. Settings read it with serde.
///
/// ```
/// # use strongroom_policy_sdk::Network;
/// let office: Network = "192.0.2.0/24".parse()?;
/// assert!(office.contains("192.0.2.17"));
/// assert!(!office.contains("198.51.100.1"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Whether the address, as the server writes it, is in the network. What is no address is in none.
    #[must_use]
    pub fn contains(&self, address: &str) -> bool {
        let Ok(address) = address.parse::<IpAddr>() else { return false };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                same_prefix(network.to_bits().into(), address.to_bits().into(), self.prefix + 96)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                same_prefix(network.to_bits(), address.to_bits(), self.prefix)
            }
            _ => false,
        }
    }
}

/// Whether two numbers of 128 bits begin with the same bits.
fn same_prefix(one: u128, other: u128, bits: u32) -> bool {
    bits == 0 || (one ^ other) >> (Ipv6Addr::BITS - bits.min(Ipv6Addr::BITS)) == 0
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no_network = || format!("{text} is not a network, for example 192.0.2.0/24");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| no_network())?;
        let address = written.to_canonical();
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            // What a prefix of an IPv4 address in IPv6 would count is not plain to everybody.
            Some(_) if written.is_ipv6() && address.is_ipv4() => return Err(no_network()),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= longest).ok_or_else(no_network)?
            }
            Some(_) => return Err(no_network()),
        };
        let network = Self { address, prefix };
        let host_bits = match address {
            IpAddr::V4(v4) => v4.to_bits().checked_shl(prefix).unwrap_or(0).into(),
            IpAddr::V6(v6) => v6.to_bits().checked_shl(prefix).unwrap_or(0),
        };
        if host_bits != 0 {
            return Err(format!("{text} has bits of an address behind its prefix"));
        }
        Ok(network)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_networks() {
        for (network, address, inside) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("2001:db8::1/128", "2001:db8::1", true),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("192.0.2.0/24", "", false),
            ("192.0.2.0/24", "192.0.2.1:443", false),
        ] {
            let parsed: Network = network.parse().expect(network);
            assert_eq!(parsed.contains(address), inside, "{address} in {network}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "/",
            "192.0.2.0/",
            "192.0.2.0/33",
            "192.0.2.0/-1",
            "192.0.2.0/+8",
            "192.0.2.0/24/8",
            "192.0.2.1/24",
            "2001:db8::/129",
            "2001:db8::1/64",
            "example.org",
            "::ffff:192.0.2.0/24",
            "192.0.2.0/ 24",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
