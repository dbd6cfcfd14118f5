//! `[acme]`: which certificate authorities may be asked, and the programs that prove names in the DNS.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use strongroom_acme::{Allowed, DnsHook, HookSettings};
use url::Url;

/// Most directories, and most programs.
const MOST: usize = 32;

/// `[acme]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acme {
    /// Addresses of the directories that may be asked. By listing one, the operator agrees to its terms.
    directories: Vec<String>,
    /// Whether these, and the servers that they name, may be at addresses that are not public.
    #[serde(default)]
    private_addresses: bool,
    /// Programs for dns-01.
    #[serde(default)]
    hooks: Vec<Hook>,
}

/// `[[acme.hooks]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    /// Name, by which issuers choose it.
    name: String,
    /// Absolute path.
    program: PathBuf,
    /// Its whole environment.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// How long one call may take.
    #[serde(default = "usual_seconds")]
    seconds: u64,
}

fn usual_seconds() -> u64 {
    30
}

impl Acme {
    /// What it allows, once it was looked at.
    pub(crate) fn allowed(self) -> anyhow::Result<Allowed> {
        let Self { directories, private_addresses, hooks } = self;
        ensure!((1..=MOST).contains(&directories.len()), "`directories` of [acme] lists 1 to {MOST} addresses");
        ensure!(hooks.len() <= MOST, "there are more than {MOST} [[acme.hooks]]");
        let directory = |text: &String| {
            let url = Url::parse(text).ok().filter(|url| {
                url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none()
            });
            url.with_context(|| format!("{text}, a directory of [acme], is not an https address"))
        };
        let directories = directories.iter().map(directory).collect::<anyhow::Result<Vec<_>>>()?;
        let mut by_name = HashMap::new();
        for Hook { name, program, environment, seconds } in hooks {
            ensure!(
                (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
                "the name of one of the [[acme.hooks]] has 1 to 64 letters, digits and hyphens"
            );
            let settings = HookSettings {
                program,
                environment: environment.into_iter().collect(),
                limit: Duration::from_secs(seconds),
            };
            let hook = DnsHook::new(settings).with_context(|| format!("the hook {name} of [acme]"))?;
            ensure!(by_name.insert(name.clone(), hook).is_none(), "two [[acme.hooks]] are named {name}");
        }
        Ok(Allowed { directories, private_addresses, hooks: by_name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> anyhow::Result<Allowed> {
        toml::from_str::<Acme>(text)?.allowed()
    }

    #[test]
    fn only_what_is_listed_is_allowed_and_a_slip_is_told() {
        let fine = allowed(
            "directories = [\"https://ca.example/dir\"]\n[[hooks]]\nname = \"dns\"\nprogram = \"/bin/sh\"\nenvironment = { PATH = \"/bin\" }",
        )
        .unwrap();
        assert_eq!((fine.directories.len(), fine.hooks.len(), fine.private_addresses), (1, 1, false));
        for (text, why) in [
            ("directories = []", "lists 1 to 32"),
            ("directories = [\"http://ca.example/dir\"]", "is not an https address"),
            ("directories = [\"https://u:p@ca.example/dir\"]", "is not an https address"),
            ("directories = [\"https://a.example/\"]\nallow = true", "unknown field"),
            ("directories = [\"https://a.example/\"]\n[[hooks]]\nname = \"a b\"\nprogram = \"/bin/sh\"", "has 1 to 64"),
            ("directories = [\"https://a.example/\"]\n[[hooks]]\nname = \"a\"\nprogram = \"sh\"", "absolute path"),
            (
                "directories = [\"https://a.example/\"]\n[[hooks]]\nname = \"a\"\nprogram = \"/bin/sh\"\nseconds = 41",
                "1 to 40",
            ),
        ] {
            let error = allowed(text).err().map(|error| format!("{error:#}"));
            assert!(error.as_ref().is_some_and(|error| error.contains(why)), "{text}: {error:?}");
        }
    }
}
