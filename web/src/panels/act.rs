//! What a person can do: a link, or a form that is one button.

use crate::say;
use std::fmt;

macro_rules! icons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// A picture of the sprite, for pages that choose theirs at run time.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Icon { $($(#[$doc])* $variant,)* }

        impl Icon {
            /// Every one, for the samples.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

icons! {
    /// Makes something.
    Plus = "plus";
    /// Changes something.
    Pencil = "pencil";
    /// Takes something away.
    Trash = "trash-2";
    /// Takes a step back.
    Undo = "undo-2";
    /// Switches off.
    Off = "circle-slash";
    /// Switches on, or all is well.
    Check = "check";
    /// Sets side by side.
    Compare = "git-compare-arrows";
    /// Saves to a file.
    Download = "download";
    /// Leads on to records.
    Records = "scroll-text";
    /// Refused.
    Ban = "ban";
    /// Needs a look.
    Warning = "triangle-alert";
    /// A plan, not a fact.
    Hourglass = "hourglass";
    /// Over.
    Over = "clock-alert";
    /// Something failed.
    Failed = "circle-x";
    /// A person.
    Person = "user";
    /// A group of people.
    Group = "users";
    /// A workload.
    Workload = "box";
    /// The installation.
    Server = "server";
    /// Not known.
    Unknown = "circle-help";
    /// Protected.
    Lock = "lock";
    /// Goes to the entry above.
    Up = "chevron-up";
    /// Goes to the entry below.
    Down = "chevron-down";
    /// Ends a session.
    SignOut = "log-out";
    /// Tries something out.
    Try = "search";
    /// Keys.
    Key = "key-round";
    /// Certificates.
    Certificate = "file-badge";
    /// Asked without a say.
    Shadow = "blend";
    /// Brings a file.
    Upload = "upload";
    /// Rules that somebody wrote.
    Module = "puzzle";
    /// Keeps at hand.
    Pin = "pin";
    /// Keeps at hand no longer.
    Unpin = "pin-off";
}

/// What a colour means; there is always a word beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// A fact like others.
    #[default]
    Plain,
    /// Good, or allowed.
    Good,
    /// Needs a look.
    Warn,
    /// Bad, refused, or not to be undone.
    Bad,
    /// A plan or a possibility, drawn dashed.
    Planned,
    /// What would be said if it were asked for its say: dashed too.
    Shadow,
}

impl Tone {
    pub(crate) fn badge(self) -> &'static str {
        match self {
            Self::Plain => "off",
            Self::Good => "allow",
            Self::Warn => "warn",
            Self::Bad => "deny",
            Self::Planned => "dashed",
            Self::Shadow => "shadow",
        }
    }
}

/// Something to do. What one may not do is no act: the page says in words which role is missing.
#[derive(Clone, PartialEq, Eq)]
pub enum Act {
    /// Leads somewhere.
    Link {
        /// The words.
        label: String,
        /// Where it leads.
        href: String,
        /// Its picture.
        icon: Option<Icon>,
        /// Whether it is the page's main act.
        primary: bool,
    },
    /// Changes something, at once.
    Post {
        /// The words.
        label: String,
        /// What it is done to, for readers who do not see the row: `db-password`.
        of: String,
        /// Where it posts to.
        action: String,
        /// Cross-site request token, sent as [`crate::CSRF_FIELD`].
        csrf_token: String,
        /// Its picture.
        icon: Option<Icon>,
        /// Hidden fields.
        fields: Vec<(String, String)>,
    },
}

impl Act {
    /// A link.
    #[must_use]
    pub fn link(label: &str, href: impl Into<String>, icon: Icon) -> Self {
        Self::Link { label: label.to_owned(), href: href.into(), icon: Some(icon), primary: false }
    }

    /// The page's main link.
    #[must_use]
    pub fn primary(label: &str, href: impl Into<String>, icon: Icon) -> Self {
        Self::Link { label: label.to_owned(), href: href.into(), icon: Some(icon), primary: true }
    }

    /// A form of one button.
    #[must_use]
    pub fn post(label: &str, of: &str, action: impl Into<String>, csrf_token: &str, icon: Icon) -> Self {
        Self::Post {
            label: label.to_owned(),
            of: of.to_owned(),
            action: action.into(),
            csrf_token: csrf_token.to_owned(),
            icon: Some(icon),
            fields: Vec::new(),
        }
    }
}

/// The token is left out: it stands for the session that posts.
impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link { label, href, .. } => {
                f.debug_struct(say!("panel-act-link")).field("label", label).field("href", href).finish()
            }
            Self::Post { label, action, .. } => f
                .debug_struct(say!("panel-act-post"))
                .field("label", label)
                .field("action", action)
                .finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_does_not_print_its_token() {
        assert!(!format!("{:?}", Act::post("Delete", "db", "/x", "s3cr3t", Icon::Trash)).contains("s3cr3t"));
    }
}
