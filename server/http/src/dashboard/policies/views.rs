//! The views of one module, as tabs: each is the same address with another `tab`, but for the test bench, which has one of
//! its own.

use strongroom_domain::policy::ModuleDigest;
use strongroom_web::{Tab, say};

use crate::dashboard::links;

/// The parameter that says which.
pub(super) const TAB: &str = "tab";

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// What replays found that tried it.
    Replay,
    /// What can be set, and what is.
    Settings,
    /// What it would say to a request.
    Bench,
    /// The modules of its name.
    Versions,
    /// Where it is attached.
    Attachments,
    /// What it said lately, and what kept it from answering.
    Logs,
    /// What it asks for and is given.
    Manifest,
}

impl View {
    const ALL: [Self; 7] =
        [Self::Replay, Self::Settings, Self::Bench, Self::Versions, Self::Attachments, Self::Logs, Self::Manifest];

    /// As it stands in addresses.
    fn word(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Settings => "settings",
            Self::Bench => "try",
            Self::Versions => "versions",
            Self::Attachments => "attachments",
            Self::Logs => "logs",
            Self::Manifest => "manifest",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Replay => say!("policies-views-replay"),
            Self::Settings => say!("policies-views-settings"),
            Self::Bench => say!("policies-views-test-bench"),
            Self::Versions => say!("policies-views-versions"),
            Self::Attachments => say!("policies-views-attachments"),
            Self::Logs => say!("policies-views-logs"),
            Self::Manifest => say!("policies-views-manifest"),
        }
    }

    /// The one that an address asks for, if it asks for one.
    pub(super) fn asked(text: Option<&str>) -> Option<Self> {
        Self::ALL.into_iter().find(|view| Some(view.word()) == text)
    }

    fn href(self, digest: &ModuleDigest) -> String {
        match self {
            Self::Bench => links::module_act(digest, self.word()),
            _ => links::asked(&links::module(digest), &[(TAB, Some(self.word()))]),
        }
    }
}

/// All of them, with the one that is shown.
pub(super) fn tabs(digest: &ModuleDigest, shown: View) -> Vec<Tab> {
    let tab = |view: View| Tab { label: view.label().to_owned(), href: view.href(digest), current: view == shown };
    View::ALL.into_iter().map(tab).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_read_as_they_are_written() {
        for view in View::ALL {
            assert_eq!(View::asked(Some(view.word())), Some(view));
        }
        assert_eq!((View::asked(None), View::asked(Some("other"))), (None, None));
    }
}
