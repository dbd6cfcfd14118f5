//! Network rules against a small reference that writes addresses out as bits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use strongroom_domain::network::{NetworkAction, NetworkRule, NetworkRules, parse_network};

/// Few addresses, close together, so that networks of every length meet them; IPv4 also in IPv6 clothes.
fn address() -> impl Strategy<Value = IpAddr> {
    let low = prop_oneof![Just(0u32), Just(1), Just(0x80), Just(0xff), Just(0x0100_0000), any::<u32>()];
    (low, 0u8..4).prop_map(|(low, family)| match family {
        0 => Ipv4Addr::from(0x0a00_0000 ^ low).into(),
        1 => Ipv4Addr::from(0x0a00_0000 ^ low).to_ipv6_mapped().into(),
        2 => Ipv6Addr::from((0x2001_0db8 << 96) ^ u128::from(low)).into(),
        _ => Ipv6Addr::from((0x2001_0db8 << 96) ^ (u128::from(low) << 64)).into(),
    })
}

/// Family and bits, as a reader would write them down.
fn bits(address: IpAddr) -> (u8, String) {
    match address {
        IpAddr::V4(v4) => (4, format!("{:032b}", u32::from(v4))),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => (4, format!("{:032b}", u32::from(v4))),
            None => (6, format!("{:0128b}", u128::from(v6))),
        },
    }
}

/// A rule as drawn: address and length of the network, listener, end.
#[derive(Clone, Debug)]
struct Drawn {
    allow: bool,
    network: Option<(IpAddr, u8)>,
    listener: Option<usize>,
    ends_at: Option<i64>,
}

const LISTENERS: [&str; 3] = ["public", "private", "other"];

fn rule() -> impl Strategy<Value = Drawn> {
    let network = address().prop_flat_map(|address| {
        let longest = if address.is_ipv4() { 32u8 } else { 128 };
        let length = prop_oneof![0..=longest, longest.saturating_sub(9)..=longest];
        (Just(address), length)
    });
    let end = proptest::option::weighted(0.3, 0i64..4);
    (any::<bool>(), proptest::option::weighted(0.8, network), proptest::option::weighted(0.3, 0usize..3), end)
        .prop_map(|(allow, network, listener, ends_at)| Drawn { allow, network, listener, ends_at })
        .prop_filter("about something", |rule| rule.network.is_some() || rule.listener.is_some())
}

fn action(allow: bool) -> NetworkAction {
    if allow { NetworkAction::Allow } else { NetworkAction::Deny }
}

fn reference(rules: &[Drawn], default: bool, client: IpAddr, listener: usize, now: i64) -> (bool, Option<usize>) {
    let (family, client) = bits(client);
    for (place, rule) in rules.iter().enumerate() {
        let over = rule.ends_at.is_some_and(|end| end <= now);
        let elsewhere = rule.listener.is_some_and(|wanted| wanted != listener);
        let outside = rule.network.is_some_and(|(address, length)| {
            let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
            match (mapped, length) {
                // Wider than the IPv4 addresses in IPv6: a network of IPv6, in which no client of IPv4 is.
                (true, ..96) => {
                    let IpAddr::V6(v6) = address else { return true };
                    let net = format!("{:0128b}", u128::from(v6));
                    family != 6 || net[..usize::from(length)] != client[..usize::from(length)]
                }
                _ => {
                    let length = usize::from(if mapped { length - 96 } else { length });
                    let (of, net) = bits(address);
                    of != family || net[..length] != client[..length]
                }
            }
        });
        if !over && !elsewhere && !outside {
            return (rule.allow, Some(place));
        }
    }
    (default, None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_first_rule_that_fits_decides_as_the_reference_says(
        drawn in proptest::collection::vec(rule(), 0..6),
        default in any::<bool>(),
        client in address(),
        listener in 0usize..3,
        now in 0i64..4,
    ) {
        let rules = drawn.iter().map(|rule| NetworkRule {
            action: action(rule.allow),
            network: rule.network.map(|(address, length)| parse_network(&format!("{address}/{length}")).unwrap()),
            listener: rule.listener.map(|number| LISTENERS[number].to_owned()),
            ends_at: rule.ends_at,
        });
        let rules = NetworkRules { default_action: action(default), rules: rules.collect() };
        let verdict = rules.judge(client, LISTENERS[listener], now);
        let (allow, place) = reference(&drawn, default, client, listener, now);
        prop_assert_eq!((verdict.admits(), verdict.rule), (allow, place));

        // What is stored says the same, in one form for ever.
        let stored = serde_json::to_string(&rules).unwrap();
        let read: NetworkRules = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&read, &rules);
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), stored);
    }
}
