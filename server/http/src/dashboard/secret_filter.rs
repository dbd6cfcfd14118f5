//! The filter of the lists of secrets and of keys, as it stands in the address.

use serde_json::json;
use strongroom_domain::{
    names::VaultName,
    search::{Expiry, NEAR, Search, Standing},
};
use strongroom_web::{Choice, SecretFilter, Snippet, say};

use super::{
    kinds::Kind,
    links,
    snippets::{Commands, quoted},
};
use crate::{message::Request, problem::Problem};

/// Longest text to search for, in characters: no name is longer.
const MAX_QUERY: usize = 127;
/// Longest tag to look for: a name, `=` and a value.
const MAX_TAG: usize = 513;
const DAY: i64 = 86_400;

fn states() -> [(&'static str, &'static str, Option<Standing>); 6] {
    [
        ("", say!("secret-filter-any"), None),
        ("enabled", say!("secret-filter-enabled"), Some(Standing::Enabled)),
        ("disabled", say!("secret-filter-disabled"), Some(Standing::Disabled)),
        ("expired", say!("secret-filter-expired"), Some(Standing::Expired)),
        ("expiring", say!("secret-filter-expiring"), Some(Standing::Expiring)),
        ("not-yet-valid", say!("secret-filter-not-yet-valid"), Some(Standing::NotYetValid)),
    ]
}

/// Expiry as it is sent, as it is shown, and in words.
fn expiries() -> [(&'static str, &'static str, &'static str); 5] {
    [
        ("", say!("secret-filter-any-time-or-never"), ""),
        ("7", say!("secret-filter-within-7-days"), say!("secret-filter-that-expire-within-7-days")),
        ("30", say!("secret-filter-within-30-days"), say!("secret-filter-that-expire-within-30-days")),
        ("90", say!("secret-filter-within-90-days"), say!("secret-filter-that-expire-within-90-days")),
        ("never", say!("secret-filter-never"), say!("secret-filter-that-never-expire")),
    ]
}

/// For how long there was no new version, as it is sent in days, as it is shown, and in words.
fn ages() -> [(&'static str, &'static str, &'static str); 3] {
    [
        ("", say!("secret-filter-any-time"), ""),
        ("90", say!("secret-filter-not-for-90-days"), say!("secret-filter-not-rotated-for-90-days")),
        (A_YEAR, say!("secret-filter-not-for-a-year"), say!("secret-filter-not-rotated-for-a-year")),
    ]
}
/// As it is sent.
pub(super) const A_YEAR: &str = "365";

/// What the list is to hold.
#[derive(Default)]
pub(super) struct Filter {
    query: String,
    tag: String,
    state: &'static str,
    expires: &'static str,
    rotated: &'static str,
}

impl Filter {
    /// Reads it from the address.
    ///
    /// # Errors
    /// 400 for what the form would not send.
    pub(super) fn of(request: &Request) -> Result<Self, Problem> {
        let text = |name, most: usize| {
            let text = request.query(name).unwrap_or_default().trim();
            if text.chars().count() > most {
                return Err(Problem::bad_parameter(say!("secret-filter-a-search-has-at-most", most = most)));
            }
            Ok(text.to_owned())
        };
        let state = request.query("state").unwrap_or_default();
        let state = states().iter().find(|(sent, ..)| *sent == state).map(|(sent, ..)| *sent);
        let expires = request.query("expires").unwrap_or_default();
        let expires = expiries().iter().find(|(sent, ..)| *sent == expires).map(|(sent, ..)| *sent);
        let rotated = request.query("rotated").unwrap_or_default();
        let rotated = ages().iter().find(|(sent, ..)| *sent == rotated).map(|(sent, ..)| *sent);
        Ok(Self {
            query: text("q", MAX_QUERY)?,
            tag: text("tag", MAX_TAG)?,
            state: state.ok_or_else(|| Problem::bad_parameter(say!("secret-filter-there-is-no-such-state")))?,
            expires: expires.ok_or_else(|| Problem::bad_parameter(say!("secret-filter-there-is-no-such-expiry")))?,
            rotated: rotated.ok_or_else(|| Problem::bad_parameter(say!("secret-filter-there-is-no-such-age")))?,
        })
    }

    pub(super) fn is_set(&self) -> bool {
        let chosen = [self.state, self.expires, self.rotated];
        !(self.query.is_empty() && self.tag.is_empty() && chosen.iter().all(|chosen| chosen.is_empty()))
    }

    /// The address of the list with this filter, behind the place of this token.
    pub(super) fn address(&self, kind: Kind, vault: &VaultName, after: Option<&str>) -> String {
        let query = [
            ("q", Some(self.query.as_str())),
            ("tag", Some(&self.tag)),
            ("state", Some(self.state)),
            ("expires", Some(self.expires)),
            ("rotated", Some(self.rotated)),
            ("after", after),
        ];
        links::in_vault(vault, kind.plural(), &query)
    }

    /// What is searched for at a moment (Unix seconds).
    pub(super) fn search(&self, now: i64) -> Search {
        let tag = || match self.tag.split_once('=') {
            Some((name, value)) => (name.trim().to_owned(), Some(value.trim().to_owned())),
            None => (self.tag.clone(), None),
        };
        let expires = match self.expires {
            "never" => Some(Expiry::Never),
            // Empty for any.
            days => days.parse().ok().map(|days: i64| Expiry::Within(now..now + days * DAY + 1)),
        };
        Search {
            words: self.query.clone(),
            tag: (!self.tag.is_empty()).then(tag),
            standing: states().iter().find(|(sent, ..)| *sent == self.state).and_then(|(.., state)| *state),
            expires,
            made_before: self.rotated.parse().ok().map(|days: i64| now - days * DAY),
            now,
            ..Search::default()
        }
    }

    /// One that asks for a part of the name alone.
    pub(super) fn of_words(query: &str) -> Self {
        Self { query: query.to_owned(), ..Self::default() }
    }

    /// Commands for the same: the API lists everything, and what is like that is chosen from its answer. `path` is that of
    /// the list.
    pub(super) fn commands(&self, commands: &Commands, kind: Kind, path: &str) -> Vec<Snippet> {
        let word = kind.word();
        let curl = commands.curl_vault("GET", path, None);
        if !self.is_set() {
            return vec![commands.vault(&format!("{word} list")), curl];
        }
        let cli = commands.vault(&format!("{word} list --output json"));
        vec![self.chosen(cli, kind, ".[]"), self.chosen(curl, kind, ".value[]")]
    }

    /// The command with what chooses from its answer, each condition on a line of its own with what it comes from.
    fn chosen(&self, command: Snippet, kind: Kind, each: &str) -> Snippet {
        let id = if kind == Kind::Key { ".kid" } else { ".id" };
        let mut conditions: Vec<String> = Vec::new();
        let mut add = |name: &str, value: &str, condition: String| {
            let and = if conditions.is_empty() { "" } else { "and " };
            conditions.push(format!("    {and}({condition}) # {name}={}", json!(value)));
        };
        if !self.query.is_empty() {
            let words = json!(self.query.to_ascii_lowercase());
            let named = format!("{id} | split(\"/\") | last | ascii_downcase | contains({words})");
            add("q", &self.query, named);
        }
        if let Some((name, value)) = self.search(0).tag {
            let named = json!(name);
            let held = match value {
                Some(value) => format!(".tags[{named}] == {}", json!(value)),
                None => format!(".tags // {{}} | has({named})"),
            };
            add("tag", &self.tag, held);
        }
        if !self.state.is_empty() {
            add("state", self.state, standing(self.state));
        }
        if !self.expires.is_empty() {
            let ends = match self.expires.parse::<i64>() {
                Ok(days) => format!(".attributes.exp | . != null and . >= now and . <= now + {}", days * DAY),
                Err(_) => ".attributes.exp == null".to_owned(),
            };
            add("expires", self.expires, ends);
        }
        if let Ok(days) = self.rotated.parse::<i64>() {
            add("rotated", self.rotated, format!(".attributes.created < now - {}", days * DAY));
        }
        let program = format!("[{each} | select(\n{}\n)]", conditions.join("\n"));
        Snippet { code: format!("{} \\\n  | jq {}", command.code, quoted(&program)), ..command }
    }

    /// As the page shows it.
    pub(super) fn shown(self) -> SecretFilter {
        let choice = |sent: &str, label: &str, chosen: &str| Choice {
            value: sent.to_owned(),
            label: label.to_owned(),
            chosen: sent == chosen,
        };
        SecretFilter {
            states: states().iter().map(|(sent, label, _)| choice(sent, label, self.state)).collect(),
            expiries: expiries().iter().map(|(sent, label, _)| choice(sent, label, self.expires)).collect(),
            ages: ages().iter().map(|(sent, label, _)| choice(sent, label, self.rotated)).collect(),
            words: self.words(),
            query: self.query,
            tag: self.tag,
        }
    }

    fn words(&self) -> String {
        let state = states().iter().find(|(sent, ..)| *sent == self.state).map_or("", |(_, label, _)| label);
        let expiry = expiries().iter().find(|(sent, ..)| *sent == self.expires).map_or("", |(.., words)| words);
        let age = ages().iter().find(|(sent, ..)| *sent == self.rotated).map_or("", |(.., words)| words);
        let parts = [
            (!self.query.is_empty()).then(|| say!("secret-filter-with-query-in-their-name", query = self.query)),
            (!self.tag.is_empty()).then(|| say!("secret-filter-tagged-tag", tag = self.tag)),
            (!self.state.is_empty()).then(|| say!("secret-filter-in-state-state", state = state.to_lowercase())),
            (!expiry.is_empty()).then(|| expiry.to_owned()),
            (!age.is_empty()).then(|| age.to_owned()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// How it is told in jq that something stands so: as [`Standing::of`] has it.
fn standing(state: &str) -> String {
    let begun = "(.nbf == null or .nbf <= now)";
    let test = match state {
        "disabled" => "(.enabled | not)".to_owned(),
        "expired" => ".enabled and .exp != null and .exp <= now".to_owned(),
        "expiring" => format!(".enabled and .exp != null and .exp > now and .exp <= now + {NEAR} and {begun}"),
        "not-yet-valid" => ".enabled and .nbf != null and .nbf > now and (.exp == null or .exp > now)".to_owned(),
        _ => format!(".enabled and (.exp == null or .exp > now + {NEAR}) and {begun}"),
    };
    format!(".attributes | {test}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_ask_for_what_the_page_asks_for() {
        let commands = Commands::to("https://vault.localhost", "https://demo.vault.localhost");
        let plain = Filter::default().commands(&commands, Kind::Secret, "/secrets");
        assert!(plain.iter().all(|snippet| !snippet.code.contains("jq")));
        let filter = Filter {
            query: "it's".to_owned(),
            tag: "team=\"x\"".to_owned(),
            state: "expired",
            expires: "30",
            rotated: A_YEAR,
        };
        for Snippet { code, .. } in filter.commands(&commands, Kind::Secret, "/secrets") {
            let held = [
                r#"contains("it'\''s")) # q="it'\''s""#,
                r#"and (.tags["team"] == "\"x\"") # tag="team=\"x\"""#,
                r#"state="expired""#,
                r#"expires="30""#,
                r#"rotated="365""#,
            ];
            for part in held {
                assert!(code.contains(part), "{part} in {code}");
            }
        }
        let keys = Filter::of_words("DB").commands(&commands, Kind::Key, "/keys");
        assert!(keys.iter().all(|snippet| snippet.code.contains(".kid | split") && snippet.code.contains("\"db\"")));
    }
}
