//! Network rules of a vault: from where it may be reached at all.
//!
//! An ordered list, of which the first rule that fits decides; when none fits, the default action.
//! Knows addresses and names of listeners as the edge established them, and must never take a
//! client's own word for either.

use std::{fmt, net::IpAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Deserializer, Serialize};

use crate::secret::LAST_SECOND;

/// Most rules a vault may have.
pub const MAX_NETWORK_RULES: usize = 1000;
/// Longest name of a listener, in bytes.
pub const MAX_LISTENER_NAME: usize = 32;

/// What is done with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkAction {
    /// It goes on to the next stage of the gate.
    #[default]
    Allow,
    /// It is denied, whoever asks.
    Deny,
}

/// One rule. Fits when everything that it names fits; names a network, a listener or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkRule {
    /// What is done when it fits.
    pub action: NetworkAction,
    /// The client's address is in this network.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "network")]
    pub network: Option<IpNet>,
    /// The connection came over the listener of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
    /// From when on it fits nothing any more, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<i64>,
}

impl NetworkRule {
    /// A rule about a network, without an end.
    #[must_use]
    pub fn of(action: NetworkAction, network: IpNet) -> Self {
        Self { action, network: Some(network), listener: None, ends_at: None }
    }

    /// Whether it fits whatever a later rule fits, for as long as that one counts.
    fn hides(&self, later: &Self, now: i64) -> bool {
        let network = match (self.network, later.network) {
            (None, _) => true,
            (Some(own), Some(network)) => own.contains(&network),
            (Some(_), None) => false,
        };
        let listener = self.listener.is_none() || self.listener == later.listener;
        let in_time = self.ends_at.is_none_or(|end| end > now && later.ends_at.is_some_and(|ends| ends <= end));
        network && listener && in_time
    }

    fn fits(&self, client: &IpAddr, listener: &str, now: i64) -> bool {
        self.ends_at.is_none_or(|end| now < end)
            && self.network.is_none_or(|network| network.contains(client))
            && self.listener.as_deref().is_none_or(|name| name == listener)
    }
}

/// The rules of a vault. Without any, it is reachable from everywhere.
///
/// As JSON it is `{"default_action", "rules"}`, or in short `{"allow": [network, ...]}`: these networks
/// and no others, or no restriction if there are none. What can be said in short is stored so: rows from
/// before there was more keep their form, which is authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct NetworkRules {
    /// What is done when no rule fits.
    pub default_action: NetworkAction,
    /// The rules, in order.
    pub rules: Vec<NetworkRule>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allow: Option<Vec<IpNet>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_action: Option<NetworkAction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<NetworkRule>>,
}

impl TryFrom<Form> for NetworkRules {
    type Error = &'static str;

    fn try_from(form: Form) -> Result<Self, Self::Error> {
        match (form.allow, form.default_action, form.rules) {
            (Some(networks), None, None) => Ok(Self::only(networks)),
            (None, Some(default_action), rules) => Ok(Self { default_action, rules: rules.unwrap_or_default() }),
            _ => Err("network rules are `default_action` and `rules`, or `allow` alone"),
        }
    }
}

impl From<NetworkRules> for Form {
    fn from(rules: NetworkRules) -> Self {
        match rules.in_short() {
            Some(networks) => Self { allow: Some(networks), default_action: None, rules: None },
            None => Self { allow: None, default_action: Some(rules.default_action), rules: Some(rules.rules) },
        }
    }
}

/// What the rules say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkVerdict {
    /// Allowed or denied.
    pub action: NetworkAction,
    /// Place of the rule that decided, from 0; none for the default action.
    pub rule: Option<usize>,
}

/// How rules, or modules, keep a client out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutOut {
    /// They deny it.
    Now,
    /// They deny it once the rule at this place, from 0, has ended.
    OnceEnded(usize),
    /// A policy module that comes to be enforced denies the connection.
    ByModule,
}

impl fmt::Display for ShutOut {
    /// What goes behind "this change would lock you out": nothing, when, or by what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => Ok(()),
            Self::ByModule => f.write_str(", by a policy module that judges connections"),
            Self::OnceEnded(place) => write!(f, " once rule {} has ended", place.saturating_add(1)),
        }
    }
}

impl NetworkRules {
    /// Reachable from these networks and no others; from everywhere if there are none.
    #[must_use]
    pub fn only(networks: Vec<IpNet>) -> Self {
        let default_action = if networks.is_empty() { NetworkAction::Allow } else { NetworkAction::Deny };
        Self {
            default_action,
            rules: networks.into_iter().map(|network| NetworkRule::of(NetworkAction::Allow, network)).collect(),
        }
    }

    fn in_short(&self) -> Option<Vec<IpNet>> {
        let plain = |rule: &NetworkRule| match rule {
            NetworkRule { action: NetworkAction::Allow, network, listener: None, ends_at: None } => *network,
            _ => None,
        };
        match (self.default_action, self.rules.is_empty()) {
            (NetworkAction::Allow, true) => Some(Vec::new()),
            (NetworkAction::Deny, false) => self.rules.iter().map(plain).collect(),
            _ => None,
        }
    }

    /// Judges a client at this address that came over this listener, at this moment (Unix
    /// milliseconds). An IPv4 client that arrives over an IPv6 socket is judged by its IPv4 address.
    #[must_use]
    pub fn judge(&self, client: IpAddr, listener: &str, now: i64) -> NetworkVerdict {
        let client = client.to_canonical();
        match self.rules.iter().enumerate().find(|(_, rule)| rule.fits(&client, listener, now)) {
            Some((place, rule)) => NetworkVerdict { action: rule.action, rule: Some(place) },
            None => NetworkVerdict { action: self.default_action, rule: None },
        }
    }

    /// Whether a client at this address that comes over this listener is denied at this moment, or will be once rules
    /// that let it in have ended.
    #[must_use]
    pub fn shuts_out(&self, client: IpAddr, listener: &str, now: i64) -> Option<ShutOut> {
        let (mut at, mut ended) = (now, None);
        loop {
            let NetworkVerdict { action, rule } = self.judge(client, listener, at);
            if action == NetworkAction::Deny {
                return Some(ended.map_or(ShutOut::Now, ShutOut::OnceEnded));
            }
            // Until then no other rule decides: those before it do not fit this client, and never will.
            at = rule.and_then(|place| self.rules.get(place)).and_then(|rule| rule.ends_at)?;
            ended = rule;
        }
    }

    /// The place of the rule, from 0, that decides whatever the one at this place would, for as long as that one counts:
    /// it is never reached.
    #[must_use]
    pub fn hidden_by(&self, place: usize, now: i64) -> Option<usize> {
        let rule = self.rules.get(place).filter(|rule| rule.ends_at.is_none_or(|end| end > now))?;
        self.rules.iter().take(place).position(|before| before.hides(rule, now))
    }

    /// Lets this network in, or every address, whatever else the rules say: by rules in front of all others. Gives
    /// what had to go from the end of the list to make room, which decided nothing any more.
    pub fn let_in(&mut self, network: Option<IpNet>) -> Vec<NetworkRule> {
        let everywhere = || vec![IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
        let networks = network.map_or_else(everywhere, |network| vec![network]);
        let front = networks.into_iter().map(|network| NetworkRule::of(NetworkAction::Allow, network));
        drop(self.rules.splice(0..0, front));
        self.rules.split_off(self.rules.len().min(MAX_NETWORK_RULES))
    }

    /// Checks the limits.
    ///
    /// # Errors
    /// Which one is not kept.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.rules.len() > MAX_NETWORK_RULES {
            return Err("there are more than 1000 network rules");
        }
        if self.rules.iter().any(|rule| rule.network.is_none() && rule.listener.is_none()) {
            return Err("a network rule names a network, a listener or both");
        }
        if self.rules.iter().filter_map(|rule| rule.listener.as_deref()).any(|name| !is_listener_name(name)) {
            return Err("a listener's name has 1 to 32 lower-case letters, digits and hyphens");
        }
        let shown = |end: i64| (0..=LAST_SECOND).contains(&end.div_euclid(1000));
        if self.rules.iter().filter_map(|rule| rule.ends_at).any(|end| !shown(end)) {
            return Err("a network rule ends between 1970-01-01 and 9999-12-31; without an end it has none");
        }
        Ok(())
    }
}

impl NetworkVerdict {
    /// Whether the request may go on.
    #[must_use]
    pub fn admits(self) -> bool {
        self.action == NetworkAction::Allow
    }

    /// What decided, read from the trace of a decision: the place of a rule from 0, or the default action.
    #[must_use]
    pub fn place_of(ground: &str) -> Option<Option<usize>> {
        match ground.strip_prefix("rule ") {
            Some(number) => number.parse::<usize>().ok()?.checked_sub(1).map(Some),
            None => (ground == "default action").then_some(None),
        }
    }

    /// What decided, for the trace of a decision. Rules are counted from 1, as people do.
    #[must_use]
    pub fn ground(self) -> String {
        self.rule.map_or_else(|| "default action".to_owned(), |place| format!("rule {}", place.saturating_add(1)))
    }
}

/// Whether a text can be a listener's name.
#[must_use]
pub fn is_listener_name(name: &str) -> bool {
    (1..=MAX_LISTENER_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
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

fn network<'de, D: Deserializer<'de>>(from: D) -> Result<Option<IpNet>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    parse_network(&text).map(Some).ok_or_else(|| serde::de::Error::custom("not a network such as 10.0.0.0/8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(nets: &[&str]) -> NetworkRules {
        NetworkRules::only(nets.iter().map(|n| n.parse().unwrap()).collect())
    }

    fn admits(rules: &NetworkRules, client: &str) -> bool {
        rules.judge(client.parse().unwrap(), "main", 0).admits()
    }

    #[test]
    fn a_listed_network_is_the_only_way_in() {
        let rules = only(&["10.1.0.0/16", "2001:db8::/32"]);
        assert!(admits(&rules, "10.1.2.3"));
        assert!(admits(&rules, "::ffff:10.1.2.3"), "mapped IPv4 is IPv4");
        assert!(admits(&rules, "2001:db8::1"));
        assert!(!admits(&rules, "10.2.0.1"));
        assert!(!admits(&rules, "::1"));
    }

    #[test]
    fn no_rules_means_no_restriction() {
        assert!(admits(&NetworkRules::default(), "192.0.2.1"));
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_an_ended_one_fits_nothing() {
        let rules: NetworkRules = serde_json::from_str(
            r#"{"default_action":"deny","rules":[
                {"action":"deny","network":"10.0.0.66"},
                {"action":"allow","network":"10.0.0.7/8","listener":"private"},
                {"action":"allow","network":"::ffff:192.0.2.0/120","ends_at":1000},
                {"action":"deny","listener":"public"}]}"#,
        )
        .unwrap();
        rules.check().unwrap();
        let judge = |client: &str, listener, now| rules.judge(client.parse().unwrap(), listener, now).ground();
        assert_eq!(judge("10.0.0.66", "private", 0), "rule 1");
        assert_eq!(judge("10.0.0.67", "private", 0), "rule 2");
        assert_eq!(judge("10.0.0.67", "main", 0), "default action");
        assert_eq!(judge("192.0.2.9", "public", 999), "rule 3");
        assert_eq!(judge("192.0.2.9", "public", 1000), "rule 4");
        assert_eq!(judge("::1", "private", 0), "default action");
        for rule in [None, Some(0), Some(41)] {
            let ground = NetworkVerdict { action: NetworkAction::Allow, rule }.ground();
            assert_eq!(NetworkVerdict::place_of(&ground), Some(rule));
        }
        assert_eq!(["rule 0", "rule", "policy:geo"].map(NetworkVerdict::place_of), [None, None, None]);
    }

    #[test]
    fn who_is_let_in_by_a_rule_that_ends_is_shut_out_later() {
        let rules: NetworkRules = serde_json::from_str(
            r#"{"default_action":"deny","rules":[
                {"action":"allow","network":"10.0.0.0/8","ends_at":1000},
                {"action":"allow","network":"10.0.0.0/16","ends_at":2000},
                {"action":"allow","network":"10.0.0.0/24"}]}"#,
        )
        .unwrap();
        let shut = |client: &str, now| rules.shuts_out(client.parse().unwrap(), "main", now);
        assert_eq!(shut("192.0.2.1", 0), Some(ShutOut::Now));
        assert_eq!(shut("10.1.0.1", 0), Some(ShutOut::OnceEnded(0)));
        assert_eq!(shut("10.1.0.1", 1000), Some(ShutOut::Now));
        assert_eq!(shut("10.0.1.1", 0), Some(ShutOut::OnceEnded(1)), "the later end");
        assert_eq!(shut("10.0.0.1", 0), None);
        assert_eq!(ShutOut::OnceEnded(1).to_string(), " once rule 2 has ended");
        let open = NetworkRules { default_action: NetworkAction::Allow, ..rules.clone() };
        assert_eq!(open.shuts_out("10.1.0.1".parse().unwrap(), "main", 0), None);
    }

    #[test]
    fn what_is_let_in_again_is_let_in_whatever_the_rules_say() {
        let everybody = NetworkRule::of(NetworkAction::Deny, "0.0.0.0/0".parse().unwrap());
        let full = NetworkRules { default_action: NetworkAction::Deny, rules: vec![everybody; MAX_NETWORK_RULES] };
        let mut rules = full.clone();
        assert_eq!(rules.let_in(None).len(), 2);
        assert!(admits(&rules, "192.0.2.1") && admits(&rules, "2001:db8::1"));
        rules.check().unwrap();
        let mut rules = full;
        assert_eq!(rules.let_in(Some("192.0.2.0/24".parse().unwrap())).len(), 1);
        assert!(admits(&rules, "192.0.2.1") && !admits(&rules, "198.51.100.1") && !admits(&rules, "2001:db8::1"));
    }

    /// The form is authenticated with the vault's settings: rows must be written as they were read.
    #[test]
    fn rows_of_earlier_releases_keep_their_form() {
        for (form, rules) in
            [(r#"{"allow":[]}"#, 0), (r#"{"allow":["10.0.0.1/8","2001:db8::/32","::ffff:10.0.0.0/104"]}"#, 3)]
        {
            let read: NetworkRules = serde_json::from_str(form).unwrap();
            assert_eq!(read.rules.len(), rules);
            assert_eq!(serde_json::to_string(&read).unwrap(), form);
        }
    }

    #[test]
    fn what_says_two_things_or_nothing_is_refused() {
        let read = |form: &str| serde_json::from_str::<NetworkRules>(form).map_err(|error| error.to_string());
        for form in [
            "{}",
            r#"{"rules":[]}"#,
            r#"{"allow":[],"default_action":"deny"}"#,
            r#"{"allow":[],"other":1}"#,
            r#"{"default_action":"maybe"}"#,
            r#"{"default_action":"deny","rules":[{"action":"allow","network":"10.0.0.0/33"}]}"#,
            r#"{"default_action":"deny","rules":[{"network":"10.0.0.0/8"}]}"#,
            r#"{"default_action":"deny","rules":[{"action":"allow","network":"10.0.0.0/8","port":1}]}"#,
        ] {
            assert!(read(form).is_err(), "{form}");
        }
        let rule = |listener: &str| NetworkRules {
            rules: vec![NetworkRule {
                action: NetworkAction::Allow,
                network: None,
                listener: Some(listener.to_owned()),
                ends_at: None,
            }],
            ..NetworkRules::default()
        };
        assert!(rule("private-2").check().is_ok());
        assert!(
            rule("").check().is_err() && rule("Private").check().is_err() && rule(&"a".repeat(33)).check().is_err()
        );
        for (end, fits) in [(253_402_300_799_999, true), (253_402_300_800_000, false), (i64::MAX, false), (-1, false)] {
            let mut ending = rule("a");
            ending.rules[0].ends_at = Some(end);
            assert_eq!(ending.check().is_ok(), fits, "{end}");
        }
        let mut about_nothing = rule("a");
        about_nothing.rules[0].listener = None;
        assert!(about_nothing.check().is_err());
        let everywhere = NetworkRule::of(NetworkAction::Deny, "0.0.0.0/0".parse().unwrap());
        let many = NetworkRules { rules: vec![everywhere; MAX_NETWORK_RULES + 1], ..NetworkRules::default() };
        assert!(many.check().is_err());
    }
}
