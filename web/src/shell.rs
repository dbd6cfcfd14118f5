//! The frame around every page of a signed-in person: sidebar, breadcrumbs, clock, account.
//! It shows only what it is given; it must never name a page that does not exist.

use crate::parts::{PostForm, Standing, StatusLine};

/// The frame around a page.
#[derive(Debug, Clone)]
pub struct Shell {
    /// Second line under the product name: the host, or the installation's name.
    pub installation: String,
    /// Shows the `Development` badge.
    pub development: bool,
    /// Which entry of the navigation is open.
    pub section: Section,
    /// What needs somebody now; also where the brand leads.
    pub overview_href: String,
    /// The list of vaults.
    pub vaults_href: String,
    /// Vaults shown under `Vaults`, in this order.
    pub vaults: Vec<NavVault>,
    /// Whether there are more vaults than these, which their list has.
    pub more_vaults: bool,
    /// Who may do what.
    pub access: Door,
    /// Why something was decided, or would be.
    pub why: Door,
    /// The policy modules and where they are attached.
    pub policy: Door,
    /// What is tried out of them: `1 shadow`.
    pub policy_note: Option<String>,
    /// The audit list.
    pub audit: Door,
    /// The installation's settings.
    pub settings: Door,
    /// What sending the form of this page would need that this person lacks, as sentences; empty when it is open to them.
    pub cannot: Vec<String>,
    /// Where to prove once more who one is before a form of this page is filled in; `None` when none will ask for it.
    pub step_up_href: Option<String>,
    /// What was done a moment ago and can be undone.
    pub undo: Option<Undo>,
    /// From the root to this page; the last is this page.
    pub crumbs: Vec<Crumb>,
    /// Time at which the page was made.
    pub clock: Clock,
    /// Whose session this is.
    pub account: Account,
    /// Where the search of the top bar leads (GET, field `q`).
    pub search_href: String,
    /// What belongs to this person: sessions, appearance.
    pub me_href: String,
    /// How pages look to them.
    pub look: Look,
    /// Ends the session.
    pub sign_out: PostForm,
    /// Seal state: `Unsealed`.
    pub seal: StatusLine,
    /// Last check of the audit chain: `Audit chain verified 03:11 UTC`, `Audit chain not verified yet`.
    pub chain: StatusLine,
}

impl Shell {
    pub(crate) fn seal_icon(&self) -> &'static str {
        match self.seal.standing {
            Standing::Good => "lock-open",
            Standing::Unknown | Standing::Bad => "lock",
        }
    }

    /// Whether there is anything under `Govern`.
    pub(crate) fn governs(&self) -> bool {
        [&self.access, &self.why, &self.policy].into_iter().any(Door::is_there)
    }

    pub(crate) fn chain_icon(&self) -> &'static str {
        match self.chain.standing {
            Standing::Good => "link",
            Standing::Unknown => "circle-dashed",
            Standing::Bad => "unlink",
        }
    }
}

/// What was done a moment ago, and the form that undoes it.
#[derive(Debug, Clone, Default)]
pub struct Undo {
    /// What was done, as a sentence.
    pub said: String,
    /// Undoes it.
    pub post: PostForm,
    /// What the form sends.
    pub fields: Vec<(String, String)>,
    /// For how long it is shown where scripts run, in seconds.
    pub seconds: u64,
}

/// Where an entry of the navigation leads, for one person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Door {
    /// It is open: its address.
    Open(String),
    /// A grant would open it: `needs Key Vault Reader`.
    Lacks(String),
    /// No grant would open it, and it is not shown.
    #[default]
    Absent,
}

impl Door {
    pub(crate) fn is_there(&self) -> bool {
        *self != Self::Absent
    }

    pub(crate) fn href(&self) -> Option<&str> {
        match self {
            Self::Open(href) => Some(href),
            Self::Lacks(_) | Self::Absent => None,
        }
    }

    pub(crate) fn lacks(&self) -> Option<&str> {
        match self {
            Self::Lacks(words) => Some(words),
            Self::Open(_) | Self::Absent => None,
        }
    }
}

/// How pages look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Light or dark.
    pub theme: Theme,
    /// Lower rows.
    pub compact: bool,
    /// Keys without Ctrl do nothing.
    pub quiet_keys: bool,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Look {
    pub(crate) fn classes(self) -> &'static str {
        match (self.theme, self.compact) {
            (Theme::System, false) => "",
            (Theme::System, true) => " compact",
            (Theme::Light, false) => " light",
            (Theme::Light, true) => " light compact",
            (Theme::Dark, false) => " dark",
            (Theme::Dark, true) => " dark compact",
        }
    }
}

/// An entry of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Section {
    /// No entry is marked.
    #[default]
    None,
    /// What needs somebody now.
    Overview,
    /// The list of vaults.
    Vaults,
    /// A page of the vault that is open (see [`NavVault::pages`]).
    InVault,
    /// Who may do what.
    Access,
    /// Why something was decided, or would be.
    Why,
    /// The policy modules.
    Policy,
    /// The audit list.
    Audit,
    /// The installation's settings.
    Settings,
}

/// A vault in the sidebar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NavVault {
    /// The vault's name.
    pub name: String,
    /// Where the name leads.
    pub href: String,
    /// Whether this person wants it at hand.
    pub pinned: bool,
    /// What the vault expands to while it is open.
    pub pages: Vec<NavPage>,
}

/// A page of a vault, in the sidebar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NavPage {
    /// What is shown: `Secrets`.
    pub label: String,
    /// How much waits there: `2`.
    pub waiting: Option<String>,
    /// Where it leads.
    pub href: String,
    /// Whether it is open.
    pub current: bool,
    /// The grant that is missing, where one would let this person in: `needs Key Vault Reader`. It leads nowhere then.
    pub lacks: Option<String>,
}

/// One step of the breadcrumbs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crumb {
    /// What is shown.
    pub label: String,
    /// Where it leads; `None` for this page and for steps that have no page.
    pub href: Option<String>,
}

/// The clock of the top bar. With scripts it keeps ticking from here and adds local time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock {
    /// RFC 3339 in UTC, to the second: `2026-11-23T03:12:08Z`.
    pub iso: String,
    /// Hours and minutes in UTC: `03:12`.
    pub hours_minutes: String,
}

/// The signed-in person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Display name.
    pub name: String,
    /// One more line: the provider, or the principal's id.
    pub detail: Option<String>,
}

impl Account {
    /// First letters of the first and last word, for the round sign in the corner.
    pub(crate) fn initials(&self) -> String {
        let mut words = self.name.split_whitespace().filter_map(|word| word.chars().next());
        let first = words.next();
        let last = words.next_back();
        first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_come_from_the_first_and_the_last_word() {
        let initials = |name: &str| Account { name: name.into(), detail: None }.initials();
        assert_eq!(initials("Ines Okafor"), "IO");
        assert_eq!(initials("ada maria lovelace"), "AL");
        assert_eq!(initials("ada"), "A");
        assert_eq!(initials(" "), "");
    }
}
