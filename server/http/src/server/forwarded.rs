//! `X-Forwarded-For` and `Forwarded` (RFC 7239): how proxies that speak HTTP say who the client is.
//!
//! Everybody can send these headers, so they count from configured proxies alone, and only the part
//! that those proxies wrote: from the right, up to the first address that is not one of theirs.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Longest header, all its lines together, and most addresses that are looked at.
const LONGEST: usize = 4096;
const MOST_HOPS: usize = 32;

/// Which header the proxies of a listener write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, a list of addresses.
    XForwardedFor,
    /// `Forwarded` (RFC 7239), a list of elements with `for=`.
    Forwarded,
}

/// A header of a proxy that does not say who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a proxy's header does not say who the client is")]
pub(super) struct Unreadable;

impl ForwardedHeader {
    /// Its name, lower case.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }

    /// The client behind trusted proxies, and the proxies that passed its request on, in this order:
    /// the client is the rightmost address that is not a proxy's, or the leftmost if all are. `None` when
    /// the header is not there: the proxy speaks for itself.
    pub(super) fn chain<'a>(
        self,
        lines: impl Iterator<Item = Option<&'a str>>,
        is_proxy: impl Fn(IpAddr) -> bool,
    ) -> Result<Option<Vec<IpAddr>>, Unreadable> {
        let mut text = String::new();
        let mut given = false;
        for line in lines {
            let line = line.ok_or(Unreadable)?;
            if text.len() + line.len() > LONGEST {
                return Err(Unreadable);
            }
            if given {
                text.push(',');
            }
            given = true;
            text.push_str(line);
        }
        if !given {
            return Ok(None);
        }
        let hops: Vec<Cow<'_, str>> = match self {
            Self::XForwardedFor => text.split(',').map(|hop| Cow::Borrowed(hop.trim())).collect(),
            Self::Forwarded => elements(&text)?,
        };
        if hops.len() > MOST_HOPS {
            return Err(Unreadable);
        }
        let mut chain = Vec::new();
        for hop in hops.iter().rev() {
            let address = node(hop).ok_or(Unreadable)?;
            chain.push(address);
            if !is_proxy(address) {
                break;
            }
        }
        chain.reverse();
        Ok(Some(chain))
    }
}

/// An address, as proxies write it: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`,
/// `[2001:db8::1]:4711`. Names and obfuscated identifiers say nothing that can be judged.
fn node(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        return address.parse::<Ipv6Addr>().ok().filter(|_| is_port(port)).map(|v6| IpAddr::V6(v6).to_canonical());
    }
    match text.split_once(':') {
        Some((address, port)) if !port.contains(':') => {
            address.parse::<Ipv4Addr>().ok().filter(|_| port.parse::<u16>().is_ok()).map(IpAddr::V4)
        }
        _ => text.parse::<IpAddr>().ok().map(|address| address.to_canonical()),
    }
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

/// The `for` of each element of a `Forwarded` header, in order; an empty text where there is none.
///
/// Strict about quotes: what a client wrote in front must not change how the rest is read.
fn elements(text: &str) -> Result<Vec<Cow<'_, str>>, Unreadable> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let mut client = Cow::Borrowed("");
        loop {
            rest = rest.trim_start_matches([' ', '\t']);
            let (name, after) = token(rest);
            if name.is_empty() {
                // An empty pair, or an empty element of the list.
                rest = after;
            } else {
                let value;
                (value, rest) = pair_value(after.strip_prefix('=').ok_or(Unreadable)?)?;
                if name.eq_ignore_ascii_case("for") {
                    client = value;
                }
            }
            rest = rest.trim_start_matches([' ', '\t']);
            match rest.strip_prefix(';') {
                Some(next) => rest = next,
                None => break,
            }
        }
        found.push(client);
        if found.len() > MOST_HOPS {
            return Err(Unreadable);
        }
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None if rest.is_empty() => return Ok(found),
            None => return Err(Unreadable),
        }
    }
}

/// The longest token (RFC 9110 section 5.6.2) at the beginning, and what follows it.
fn token(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)));
    text.split_at(end.unwrap_or(text.len()))
}

/// A token or a quoted string at the beginning, and what follows it. Proxies also write addresses
/// with colons and brackets unquoted.
fn pair_value(text: &str) -> Result<(Cow<'_, str>, &str), Unreadable> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',', ' ', '\t', '"']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return Ok((Cow::Borrowed(value), rest));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((Cow::Owned(value), quoted.get(at + 1..).unwrap_or_default())),
            '\\' => value.push(letters.next().ok_or(Unreadable)?.1),
            other => value.push(other),
        }
    }
    Err(Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_proxy(address: IpAddr) -> bool {
        matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10)
    }

    fn chain(header: ForwardedHeader, lines: &[&str]) -> Result<Option<Vec<String>>, Unreadable> {
        let found = header.chain(lines.iter().map(|line| Some(*line)), is_proxy)?;
        Ok(found.map(|chain| chain.iter().map(ToString::to_string).collect()))
    }

    fn client(header: ForwardedHeader, lines: &[&str]) -> Result<Option<String>, Unreadable> {
        Ok(chain(header, lines)?.map(|chain| chain[0].clone()))
    }

    fn x(lines: &[&str]) -> Result<Option<String>, Unreadable> {
        client(ForwardedHeader::XForwardedFor, lines)
    }

    fn f(lines: &[&str]) -> Result<Option<String>, Unreadable> {
        client(ForwardedHeader::Forwarded, lines)
    }

    fn is(address: &str) -> Result<Option<String>, Unreadable> {
        Ok(Some(address.to_owned()))
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_counts() {
        assert_eq!(x(&["192.0.2.1"]), is("192.0.2.1"));
        assert_eq!(x(&["203.0.113.9, 192.0.2.1, 10.0.0.2"]), is("192.0.2.1"), "what a client claims is further left");
        assert_eq!(x(&["203.0.113.9", "192.0.2.1,10.0.0.2"]), is("192.0.2.1"), "lines are one list");
        assert_eq!(x(&["rubbish, 192.0.2.1"]), is("192.0.2.1"));
        assert_eq!(x(&["10.0.0.1, 10.0.0.2"]), is("10.0.0.1"), "all are proxies");
        assert_eq!(x(&["192.0.2.1:4711"]), is("192.0.2.1"));
        assert_eq!(x(&["[2001:db8::1]:4711"]), is("2001:db8::1"));
        assert_eq!(x(&["2001:db8::1"]), is("2001:db8::1"));
        assert_eq!(x(&["::ffff:192.0.2.1"]), is("192.0.2.1"), "mapped IPv4 is IPv4");
        assert_eq!(x(&[]), Ok(None));

        assert_eq!(f(&["for=203.0.113.9;proto=https, For=192.0.2.1;by=10.0.0.3, for=10.0.0.2"]), is("192.0.2.1"));
        assert_eq!(f(&[r#"for="[2001:db8::1]:4711""#]), is("2001:db8::1"));
        assert_eq!(f(&["for=192.0.2.1 ; proto=https"]), is("192.0.2.1"));
    }

    #[test]
    fn the_proxies_that_passed_a_request_on_come_after_the_client() {
        let x = |lines: &[&str]| chain(ForwardedHeader::XForwardedFor, lines).unwrap().unwrap();
        assert_eq!(x(&["203.0.113.9, 192.0.2.1, 10.0.0.2, 10.0.0.3"]), ["192.0.2.1", "10.0.0.2", "10.0.0.3"]);
        assert_eq!(x(&["10.0.0.1, 10.0.0.2"]), ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(x(&["192.0.2.1"]), ["192.0.2.1"]);
    }

    #[test]
    fn a_proxy_that_does_not_say_who_is_not_understood() {
        for lines in ["unknown", "_hidden", "", "192.0.2.1, ", "localhost", "192.0.2.1:99999", "[192.0.2.1]"] {
            assert_eq!(x(&[lines]), Err(Unreadable), "{lines}");
        }
        for lines in ["for=unknown", "proto=https", "for", "for=192.0.2.1, ", r#"for="192.0.2.1"#, "for=192.0.2.1 x"] {
            assert_eq!(f(&[lines]), Err(Unreadable), "{lines}");
        }
        assert_eq!(x(&[&"1.1.1.1,".repeat(1000)]), Err(Unreadable), "too long");
        assert_eq!(x(&[&["10.0.0.1"; 33].join(",")]), Err(Unreadable), "too many");
        let not_text = ForwardedHeader::XForwardedFor.chain([None].into_iter(), is_proxy);
        assert_eq!(not_text, Err(Unreadable));
    }

    #[test]
    fn quotes_do_not_hide_what_the_proxy_wrote() {
        // The host that the client chose, quoted by the proxy, is not an element.
        assert_eq!(f(&[r#"for=192.0.2.1;host="x,for=10.9.9.9;y=""#]), is("192.0.2.1"));
        // A quote that the client leaves open does not swallow the proxy's element.
        assert_eq!(f(&[r#"for=203.0.113.9;x=", for="[2001:db8::1]""#]), Err(Unreadable));
        assert_eq!(f(&[r#"for=203.0.113.9;x=""#, "for=192.0.2.1"]), Err(Unreadable));
    }

    proptest! {
        #[test]
        fn nothing_that_a_client_writes_changes_what_the_proxy_appended(claim in "[ -~]{0,60}", address: [u8; 4]) {
            let address = IpAddr::from(address);
            prop_assume!(!is_proxy(address));
            let said = Ok(Some(address.to_string()));
            prop_assert_eq!(&x(&[&claim, &address.to_string()]), &said);
            let strict = f(&[&claim, &format!("for={address}")]);
            prop_assert!(strict == said || strict == Err(Unreadable), "{:?}", strict);
        }
    }
}
