//! `certificate-names`: certificates are for the names, by the issuers and for as long as agreed.
//!
//! It judges what gives a certificate its names: making, renewing, importing, merging and restoring one, and a policy
//! that the next one would be made by. What it cannot read as a name within the listed domains is not within them.

use serde::Deserialize;
use strongroom_policy_sdk::{About, Answer, CertificateRequest, Network, Policy, Request, export_policy, matches};

/// Most entries in one setting, and longest of them in bytes.
const MAX_ENTRIES: usize = 64;
const MAX_ENTRY_BYTES: usize = 253;
/// A hundred years: enough for every use.
const MAX_DAYS: u32 = 36_500;

const SUBJECT: &str = "certificate_request.subject";
const NAMES: &str = "certificate_request.names";
const ISSUER: &str = "certificate_request.issuer";
const VALIDITY: &str = "certificate_request.validity_days";

/// `mail` of a subject (RFC 4524, 2.16), which some take for an address of mail as they take `emailAddress`.
const MAIL: &str = "0.9.2342.19200300.100.1.3";

/// What is agreed, at least one of it. Domains and issuers ignore ASCII case.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether a name may be a wildcard; not unless it is said.
    pub wildcards: Option<bool>,
    /// Names are these domains or below one; an empty list allows every name.
    pub domains: Vec<String>,
    /// IP addresses that may be named beside the domains.
    pub networks: Vec<Network>,
    /// Issuers are these, patterns in which `*` is any text; an empty list allows every issuer.
    pub issuers: Vec<String>,
    /// Longest validity, in days.
    pub max_days: Option<u32>,
}

/// The module.
#[derive(Debug)]
pub struct CertificateNames;

impl Policy for CertificateNames {
    type Settings = Settings;

    const ABOUT: About = About::new(
        "certificate-names",
        env!("CARGO_PKG_VERSION"),
        "Certificates are for the names, by the issuers and for as long as agreed.",
    )
    .actions(&[
        "Microsoft.KeyVault/vaults/certificates/create/action",
        "Microsoft.KeyVault/vaults/certificates/import/action",
        "Microsoft.KeyVault/vaults/certificates/update/action",
        "Microsoft.KeyVault/vaults/certificates/restore/action",
    ])
    .objects(&["certificate/*"])
    .settings_schema(include_str!("../settings.schema.json"));

    fn decide(request: &Request, settings: &Settings) -> Answer {
        // An update of tags, or the end of a request that waits.
        let Some(asked) = &request.certificate_request else { return Answer::abstain("no-certificate-asked-for") };
        judge_names(asked, settings)
            .or_else(|| judge_issuer(asked, settings))
            .or_else(|| judge_validity(asked, settings))
            .unwrap_or_else(|| {
                [SUBJECT, NAMES, ISSUER, VALIDITY]
                    .into_iter()
                    .fold(Answer::allow("as-agreed"), |answer, read| answer.relied_on(read))
            })
    }

    fn validate(settings: &Settings) -> Result<(), String> {
        let Settings { wildcards, domains, networks, issuers, max_days } = settings;
        if wildcards.is_none() && domains.is_empty() && issuers.is_empty() && max_days.is_none() {
            return Err("say at least one of wildcards, domains, issuers and max_days".to_owned());
        }
        let lengths = [domains.len(), networks.len(), issuers.len()];
        if lengths.into_iter().any(|length| length > MAX_ENTRIES) {
            return Err(format!("a setting has more than {MAX_ENTRIES} entries"));
        }
        if domains.iter().chain(issuers).any(|entry| entry.is_empty() || entry.len() > MAX_ENTRY_BYTES) {
            return Err(format!("an entry is empty or longer than {MAX_ENTRY_BYTES} bytes"));
        }
        if domains.iter().any(|domain| domain.contains('*') || domain.starts_with('.') || domain.ends_with('.')) {
            return Err("a domain is written as example.com, and stands for what is below it too".to_owned());
        }
        match max_days {
            Some(days) if !(1..=MAX_DAYS).contains(days) => Err(format!("max_days is not between 1 and {MAX_DAYS}")),
            _ => Ok(()),
        }
    }
}

fn judge_names(asked: &CertificateRequest, settings: &Settings) -> Option<Answer> {
    let of_subject = names_of_subject(&asked.subject);
    let of_subject = of_subject.iter().map(|(kind, name)| (SUBJECT, *kind, name.as_str()));
    let of_names = asked.names.iter().map(|name| {
        // A name of no kind is within nothing.
        let (kind, name) = name.split_once(':').unwrap_or(("none", name));
        (NAMES, kind, name)
    });
    for (read, kind, name) in of_subject.chain(of_names) {
        if name.contains(is_star) && settings.wildcards != Some(true) {
            return Some(
                Answer::deny("wildcard", "Certificates in this vault are for names one by one, without a wildcard.")
                    .relied_on(read),
            );
        }
        if !settings.domains.is_empty() && !is_within(kind, name, settings) {
            let agreed = settings.domains.join(", ");
            return Some(
                Answer::deny("name-not-allowed", format!("Names of certificates in this vault are within: {agreed}."))
                    .relied_on(read),
            );
        }
    }
    None
}

fn is_within(kind: &str, name: &str, settings: &Settings) -> bool {
    match kind {
        "ip" => settings.networks.iter().any(|network| network.contains(name)),
        "email" | "upn" => name.rsplit_once('@').is_some_and(|(_, host)| is_in_domains(host, settings)),
        "uri" => host_of(name).is_some_and(|host| is_in_domains(host, settings)),
        "dns" => is_in_domains(name, settings),
        // Of a subject: a host, an address of mail or a single word, which names nobody elsewhere.
        "cn" => match name.rsplit_once('@') {
            Some((_, host)) => is_in_domains(host, settings),
            None if name.contains(':') => settings.networks.iter().any(|network| network.contains(name)),
            None => {
                !name.contains(|letter| is_dot(letter) || is_star(letter))
                    || is_in_domains(name, settings)
                    || settings.networks.iter().any(|network| network.contains(name))
            }
        },
        _ => false,
    }
}

/// The star and what compatibility makes of it (NFKC).
fn is_star(letter: char) -> bool {
    matches!(letter, '*' | '\u{fe61}' | '\u{ff0a}')
}

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

/// `*.example.com` is within `example.com`. What is no host as a verifier compares it (in ASCII) is within nothing.
fn is_in_domains(host: &str, settings: &Settings) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte)) {
        return false;
    }
    settings.domains.iter().any(|domain| {
        let Some(above) = host.len().checked_sub(domain.len()) else { return false };
        let (Some(label), Some(end)) = (host.get(..above), host.get(above..)) else { return false };
        end.eq_ignore_ascii_case(domain) && (label.is_empty() || label.ends_with('.'))
    })
}

/// The host of `scheme://user@host:port/path`; none where there is no such part. The first colon ends the scheme, or
/// another reader finds another host.
fn host_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once(':')?;
    let rest = rest.strip_prefix("//")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    (!host.is_empty()).then_some(host)
}

/// What a subject, as RFC 4514 writes it, names, each with its kind: its common names and user ids, its mail addresses,
/// and the domain that its components (`DC=example,DC=com`) make together.
fn names_of_subject(subject: &str) -> Vec<(&'static str, String)> {
    let (mut found, mut components): (Vec<(&'static str, String)>, Vec<String>) = (Vec::new(), Vec::new());
    for part in parts(subject) {
        match part.split_once('=') {
            Some(("CN", name)) => found.extend(host_like(name).map(|name| ("cn", name.to_owned()))),
            Some(("emailAddress" | MAIL, name)) => found.push(("email", name.to_owned())),
            // `ada.lovelace` is a person; with a host it is an account of that.
            Some(("UID", name)) if name.contains(|letter| letter == '@' || is_star(letter)) => {
                found.push(("cn", name.to_owned()));
            }
            Some(("DC", name)) => components.push(name.to_owned()),
            _ => {}
        }
    }
    if !components.is_empty() {
        found.push(("cn", components.join(".")));
    }
    found
}

/// A common name is a host for some clients still; one with blanks (`Payments team`) is for none, but around it or beside
/// a star they hide nothing.
fn host_like(common: &str) -> Option<&str> {
    let name = common.trim();
    (!name.contains(' ') || name.contains(is_star)).then_some(name)
}

/// `TYPE=value` for each part of a subject, without escapes.
fn parts(subject: &str) -> Vec<String> {
    let (mut found, mut part, mut escaped) = (Vec::new(), String::new(), false);
    // The end is an end like every other one.
    for letter in subject.chars().chain([',']) {
        match letter {
            _ if escaped => {
                part.push(letter);
                escaped = false;
            }
            '\\' => escaped = true,
            ',' | '+' => found.push(core::mem::take(&mut part)),
            _ => part.push(letter),
        }
    }
    found
}

fn judge_issuer(asked: &CertificateRequest, settings: &Settings) -> Option<Answer> {
    let Settings { issuers, .. } = settings;
    if issuers.is_empty() || issuers.iter().any(|issuer| matches(issuer, &asked.issuer)) {
        return None;
    }
    let agreed = issuers.join(", ");
    Some(
        Answer::deny("issuer-not-allowed", format!("Issuers of certificates in this vault are: {agreed}."))
            .relied_on(ISSUER),
    )
}

fn judge_validity(asked: &CertificateRequest, settings: &Settings) -> Option<Answer> {
    let most = settings.max_days?;
    // Whoever does not say for how long asks for as long as the issuer likes.
    if asked.validity_days.is_some_and(|days| days <= most) {
        return None;
    }
    Some(
        Answer::deny("valid-too-long", format!("Certificates in this vault are valid for at most {most} days."))
            .relied_on(VALIDITY),
    )
}

export_policy!(CertificateNames);
