//! Names below `localhost`. Browsers, curl and this program know that they are this machine (RFC 6761);
//! glibc does not, so other clients need them in `/etc/hosts`.

use std::net::IpAddr;

/// Where the system's resolver looks first.
const HOSTS: &str = "/etc/hosts";

/// A command that adds to `/etc/hosts` those of the names below `localhost` that are missing. May be run
/// again, by anybody who may become root. `None` when nothing is missing.
pub(crate) fn missing(names: &[&str]) -> Option<String> {
    let present = std::fs::read_to_string(HOSTS).unwrap_or_default();
    command(names, &present, rustix::process::geteuid().is_root())
}

fn command(names: &[&str], present: &str, root: bool) -> Option<String> {
    let missing: Vec<&str> =
        names.iter().copied().filter(|name| name.ends_with(".localhost") && !knows(present, name)).collect();
    let last = missing.last()?.replace('.', r"\.");
    let add = if root { "tee -a" } else { "sudo tee -a" };
    Some(format!(
        "grep -qE '[[:space:]]{last}([[:space:]]|$)' {HOSTS} || echo '127.0.0.1 {}' | {add} {HOSTS} >/dev/null",
        missing.join(" ")
    ))
}

fn knows(present: &str, name: &str) -> bool {
    present.lines().any(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let loopback = words.next().and_then(|address| address.parse::<IpAddr>().ok()).is_some_and(|a| a.is_loopback());
        loopback && words.any(|word| word.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 2] = ["vault.localhost", "demo.vault.localhost"];

    #[test]
    fn what_is_missing_is_added_once() {
        insta::assert_snapshot!(
            command(&NAMES, "127.0.0.1 localhost\n", false).unwrap(),
            @r"grep -qE '[[:space:]]demo\.vault\.localhost([[:space:]]|$)' /etc/hosts || echo '127.0.0.1 vault.localhost demo.vault.localhost' | sudo tee -a /etc/hosts >/dev/null"
        );
        insta::assert_snapshot!(
            command(&NAMES, "127.0.0.1\tdemo.vault.localhost # vault.localhost\n", true).unwrap(),
            @r"grep -qE '[[:space:]]vault\.localhost([[:space:]]|$)' /etc/hosts || echo '127.0.0.1 vault.localhost' | tee -a /etc/hosts >/dev/null"
        );
    }

    #[test]
    fn nothing_is_said_when_nothing_is_missing() {
        assert_eq!(command(&NAMES, "::1 x\n127.0.0.1 vault.localhost Demo.vault.localhost\n", false), None);
        assert_eq!(command(&["vault.example.com"], "", false), None, "names of others are not ours to add");
        assert!(command(&NAMES, "10.0.0.7 vault.localhost demo.vault.localhost\n", false).is_some(), "elsewhere");
    }
}
