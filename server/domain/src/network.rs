//! Network rules of a vault: from where it may be reached at all.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// Most rules a vault may have.
pub const MAX_NETWORK_RULES: usize = 1000;

/// One CIDR list. Empty means that the vault is reachable from everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkRules {
    /// Networks whose clients may reach the vault; empty for no restriction.
    pub allow: Vec<IpNet>,
}

impl NetworkRules {
    /// Whether a client at this address may reach the vault. An IPv4 client that arrives over an
    /// IPv6 socket is judged by its IPv4 address.
    #[must_use]
    pub fn admit(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.allow.is_empty() || self.allow.iter().any(|net| net.contains(&client))
    }
}

/// Reads a network (`10.0.0.0/8`, `2001:db8::/32`) or a single address. Bits beyond the prefix are
/// dropped, and an IPv4 network in IPv6 clothes (`::ffff:10.0.0.0/104`) is the IPv4 network.
#[must_use]
pub fn parse_network(text: &str) -> Option<IpNet> {
    let net = match text.parse::<IpNet>() {
        Ok(net) => net,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    match net.trunc() {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => match IpAddr::V6(v6.network()).to_canonical() {
            IpAddr::V4(v4) => Ipv4Net::new(v4, v6.prefix_len() - 96).ok().map(IpNet::V4),
            IpAddr::V6(_) => Some(IpNet::V6(v6)),
        },
        net => Some(net),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(nets: &[&str]) -> NetworkRules {
        NetworkRules { allow: nets.iter().map(|n| n.parse().unwrap()).collect() }
    }

    #[test]
    fn a_listed_network_is_the_only_way_in() {
        let rules = rules(&["10.1.0.0/16", "2001:db8::/32"]);
        assert!(rules.admit("10.1.2.3".parse().unwrap()));
        assert!(rules.admit("::ffff:10.1.2.3".parse().unwrap()), "mapped IPv4 is IPv4");
        assert!(rules.admit("2001:db8::1".parse().unwrap()));
        assert!(!rules.admit("10.2.0.1".parse().unwrap()));
        assert!(!rules.admit("::1".parse().unwrap()));
    }

    #[test]
    fn no_rules_means_no_restriction() {
        assert!(NetworkRules::default().admit("192.0.2.1".parse().unwrap()));
    }
}
