//! Whether the names that an authority is asked for are those that it may certify (RFC 5280, section 4.2.1.10).
//!
//! Stricter than verifiers are: they have no constraints here for user principal names and URIs, and whoever made an
//! authority for some domains did not mean the users and sites of others.

use std::net::IpAddr;

use x509_cert::{
    Certificate,
    ext::pkix::{NameConstraints, name::GeneralName},
};

use super::{authority::AuthorityError, issue::IssueError, subject::Subject, template::Template};

/// A template as constraints look at it: the accounts of its subject are user principal names.
pub(super) fn with_accounts(template: &Template) -> Result<Template, IssueError> {
    let subject = Subject::parse(&template.subject).map_err(|_| IssueError)?;
    let mut held = template.clone();
    held.names.upns.extend(subject.accounts().map(str::to_owned));
    Ok(held)
}

/// Whether all names of a certificate are within the constraints of one above it (RFC 5280, 4.2.1.10).
pub(super) fn keeps_constraints(above: &Certificate, template: &Template) -> Result<(), AuthorityError> {
    let Some((_, constraints)) = above.tbs_certificate().get_extension::<NameConstraints>()? else { return Ok(()) };
    let permitted: Vec<GeneralName> = bases(constraints.permitted_subtrees);
    let excluded: Vec<GeneralName> = bases(constraints.excluded_subtrees);
    let understood = |name: &GeneralName| {
        matches!(name, GeneralName::DnsName(_) | GeneralName::Rfc822Name(_) | GeneralName::IpAddress(_))
    };
    if !permitted.iter().chain(&excluded).all(understood) {
        return Err(AuthorityError::UnknownConstraints);
    }
    let (names, subject) = (&template.names, Subject::parse(&template.subject).map_err(|_| IssueError)?);
    // What is called by a name in its subject alone is taken for it by some.
    let dns = names.dns.iter().map(String::as_str).chain(subject.common_names().filter_map(as_host));
    let mut all: Vec<Asked<'_>> = dns.map(Asked::Dns).collect();
    all.extend(names.emails.iter().map(String::as_str).chain(subject.emails()).map(Asked::Mail));
    all.extend(names.addresses.iter().map(|address| Asked::Address(*address)));
    all.extend(names.upns.iter().map(|upn| Asked::User(upn)));
    all.extend(names.uris.iter().filter_map(|uri| host_of(uri)).map(Asked::Site));
    for name in &all {
        let of_its_kind = || permitted.iter().filter(|base| name.is_of_kind(base));
        let outside = of_its_kind().next().is_some() && !of_its_kind().any(|base| name.is_within(base));
        if outside || excluded.iter().any(|base| name.may_be_within(base)) {
            return Err(AuthorityError::OutsideConstraints);
        }
    }
    Ok(())
}

fn bases(subtrees: Option<x509_cert::ext::pkix::constraints::name::GeneralSubtrees>) -> Vec<GeneralName> {
    subtrees.unwrap_or_default().into_iter().map(|subtree| subtree.base).collect()
}

/// A name that is asked for.
enum Asked<'a> {
    Dns(&'a str),
    Mail(&'a str),
    Address(IpAddr),
    /// A user principal name, of which constraints cannot speak: held to the domains and the domains of mail.
    User(&'a str),
    /// The host of a URI, held to the domains; none of one that readers read in several ways.
    Site(Option<&'a str>),
}

impl Asked<'_> {
    fn is_of_kind(&self, base: &GeneralName) -> bool {
        matches!(
            (self, base),
            (Self::Dns(_) | Self::User(_) | Self::Site(_), GeneralName::DnsName(_))
                | (Self::Mail(_) | Self::User(_), GeneralName::Rfc822Name(_))
                | (Self::Address(_), GeneralName::IpAddress(_))
        )
    }

    fn is_within(&self, base: &GeneralName) -> bool {
        match (self, base) {
            (Self::Dns(name), GeneralName::DnsName(base)) => name.is_ascii() && is_below(name, base.as_str()),
            (Self::User(upn), GeneralName::DnsName(_)) => Asked::Dns(realm(upn)).is_within(base),
            (Self::Site(host), GeneralName::DnsName(_)) => host.is_some_and(|host| Asked::Dns(host).is_within(base)),
            (Self::Mail(mail) | Self::User(mail), GeneralName::Rfc822Name(base)) => {
                let (base, host) = (base.as_str(), mail.rsplit_once('@').map_or("", |(_, host)| host));
                match base.strip_prefix('.') {
                    _ if base.contains('@') => mail.eq_ignore_ascii_case(base),
                    Some(domain) => host.len() > domain.len() && is_below(host, domain),
                    None => host.eq_ignore_ascii_case(base),
                }
            }
            (Self::Address(address), GeneralName::IpAddress(base)) => {
                let octets = match address {
                    IpAddr::V4(address) => address.octets().to_vec(),
                    IpAddr::V6(address) => address.octets().to_vec(),
                };
                let Some((net, mask)) = base.as_bytes().split_at_checked(octets.len()) else { return false };
                mask.len() == octets.len()
                    && octets.iter().zip(net).zip(mask).all(|((octet, net), mask)| octet & mask == net & mask)
            }
            _ => false,
        }
    }

    /// Whether a verifier may take it for a name within: what is excluded must not be reached by another way to say it.
    fn may_be_within(&self, base: &GeneralName) -> bool {
        let may = match (self, base) {
            (Self::Dns(name), GeneralName::DnsName(domain)) => may_be_below(name, domain.as_str()),
            (Self::User(upn), GeneralName::DnsName(domain)) => may_be_below(realm(upn), domain.as_str()),
            (Self::User(upn), GeneralName::Rfc822Name(_)) => !upn.is_ascii(),
            (Self::Mail(mail), GeneralName::Rfc822Name(_)) => !mail.bytes().all(|byte| byte.is_ascii_graphic()),
            (Self::Site(host), GeneralName::DnsName(domain)) => {
                host.is_none_or(|host| may_be_below(host, domain.as_str()))
            }
            _ => false,
        };
        may || self.is_within(base)
    }
}

/// What stands for a host in a user principal name.
fn realm(upn: &str) -> &str {
    let realm = upn.rsplit_once('@').map_or("", |(_, realm)| realm);
    realm.strip_suffix('.').unwrap_or(realm)
}

/// Schemes whose URIs have a host, however many slashes stand before it (WHATWG URL, 4.4).
const WITH_HOSTS: [&str; 6] = ["http", "https", "ws", "wss", "ftp", "file"];

/// Schemes whose URIs name no host that anybody asks. Each other one may, in its own way (`sip:ada@host`).
const WITHOUT_HOSTS: [&str; 2] = ["urn", "tag"];

/// The host of a URI: none at all of one that names none, and none that is known of one in which readers find several
/// or which names it in a way of its own.
fn host_of(uri: &str) -> Option<Option<&str>> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_one_of = |schemes: &[&str]| schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let Some(rest) = rest.strip_prefix("//") else { return (!is_one_of(&WITHOUT_HOSTS)).then_some(None) };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains(['\\', '%', '[']) || (is_one_of(&WITH_HOSTS) && authority.is_empty()) {
        return Some(None);
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    Some(Some(host.strip_suffix('.').unwrap_or(host)))
}

/// What a client may take for a host in a common name; none for one of words or for a single one, which names nobody
/// elsewhere.
fn as_host(common: &str) -> Option<&str> {
    let name = common.trim();
    let name = name.strip_suffix('.').unwrap_or(name);
    let of_words = name.contains(' ') && !name.contains(STARS);
    (!of_words && name.contains(|letter: char| is_dot(letter) || STARS.contains(&letter))).then_some(name)
}

/// The star and what compatibility makes of it (NFKC).
const STARS: [char; 3] = ['*', '\u{fe61}', '\u{ff0a}'];

/// Whether compatibility (NFKC) or IDNA (RFC 3490, section 3.1) makes a dot of it.
fn is_dot(letter: char) -> bool {
    matches!(
        letter,
        '.' | '\u{2024}'..='\u{2026}'
            | '\u{2488}'..='\u{249b}'
            | '\u{3002}'
            | '\u{33c2}'
            | '\u{33c7}'
            | '\u{33d8}'
            | '\u{fe12}'
            | '\u{fe19}'
            | '\u{fe30}'
            | '\u{fe52}'
            | '\u{ff0e}'
            | '\u{ff61}'
            | '\u{1f100}'
    )
}

/// Whether a host that is no plain one may stand for one in a domain: a star for the label below its own, and letters
/// that are not ASCII, or a star elsewhere, for whatever a client makes of them.
fn may_be_below(host: &str, domain: &str) -> bool {
    let is_plain = |host: &str| host.is_ascii() && !host.contains('*');
    match host.strip_prefix("*.") {
        Some(parent) if is_plain(parent) => is_below(domain.strip_prefix('.').unwrap_or(domain), parent),
        None if is_plain(host) => false,
        _ => true,
    }
}

/// Whether a host is a domain or below it. A star may come to stand for anything below.
fn is_below(host: &str, domain: &str) -> bool {
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    let host = host.strip_prefix("*.").unwrap_or(host);
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    domain.is_empty() || host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use der::asn1::{Ia5String, OctetString};

    use super::*;

    #[test]
    fn names_are_within_a_domain_a_host_or_a_network() {
        for (host, domain, within) in [
            ("app.example", "example", true),
            ("app.example", ".app.example", true),
            ("*.app.example", "app.example", true),
            ("evilapp.example", "app.example", false),
            ("APP.Example", "app.EXAMPLE", true),
            ("example", "app.example", false),
        ] {
            assert_eq!(is_below(host, domain), within, "{host} {domain}");
        }
        for (host, domain, may) in [
            ("*.app.example", "secret.app.example", true),
            ("*.app.example", ".SECRET.app.example", true),
            ("*.app.example", "other.example", false),
            ("*.secret.app.example", "app.example", false),
            ("app.example", "secret.app.example", false),
            ("a.*.example", "other.example", true),
            ("\u{17f}ecret.app.example", "secret.app.example", true),
        ] {
            assert_eq!(may_be_below(host, domain), may, "{host} {domain}");
        }
        for (uri, host) in [
            ("https://app.example/a@b", Some(Some("app.example"))),
            ("spiffe://app.example", Some(Some("app.example"))),
            ("https://a:b@app.example.:8443?x", Some(Some("app.example"))),
            ("https://evil.example\\@app.example/", Some(None)),
            ("https://[::1]/", Some(None)),
            ("https://app%2eexample/", Some(None)),
            ("https:app.example", Some(None)),
            ("HTTPS:///app.example", Some(None)),
            ("sip:ada@app.example", Some(None)),
            ("spiffe:app.example/web", Some(None)),
            ("urn:uuid:1", None),
            ("TAG:app.example,2026:web", None),
        ] {
            assert_eq!(host_of(uri), host, "{uri}");
        }
        let mail = |base: &str| GeneralName::Rfc822Name(Ia5String::new(base).unwrap());
        let asked = Asked::Mail("ops@app.example");
        assert!(asked.is_within(&mail("app.example")) && asked.is_within(&mail(".example")));
        assert!(asked.is_within(&mail("ops@app.example")));
        assert!(!asked.is_within(&mail("example")) && !asked.is_within(&mail(".app.example")));
        let net = |bytes: &[u8]| GeneralName::IpAddress(OctetString::new(bytes).unwrap());
        let asked = Asked::Address("10.1.2.3".parse().unwrap());
        assert!(asked.is_within(&net(&[10, 0, 0, 0, 255, 0, 0, 0])));
        assert!(!asked.is_within(&net(&[10, 2, 0, 0, 255, 255, 0, 0])));
        assert!(!asked.is_within(&net(&[10, 0, 0, 0])), "half of a network is none");
    }
}
