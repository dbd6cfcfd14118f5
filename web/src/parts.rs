//! Small pieces that several pages share. Everything is plain text made by the caller: this module
//! must never format a time, build an address or decide a state on its own.

use crate::say;
use std::fmt;

/// Name of the hidden form field that carries the cross-site request token of every POST form.
pub const CSRF_FIELD: &str = "csrf_token";

/// A point in time, already put into words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339 in UTC, for the `datetime` attribute: `2026-11-23T03:12:08Z`.
    pub iso: String,
    /// What is shown, with its zone: `23 Nov 2026, 03:12 UTC`.
    pub text: String,
}

/// One tag of an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tag {
    /// Tag name.
    pub name: String,
    /// Tag value; empty when the tag is a bare word.
    pub value: String,
}

/// Whether an item answers now, as its attributes (`enabled`, `nbf`, `exp`) say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemState {
    /// Enabled, inside its dates.
    Enabled,
    /// Enabled, and its expiry is near.
    Expiring,
    /// Its expiry has passed.
    Expired,
    /// Its not-before date lies ahead.
    NotYetValid,
    /// Switched off.
    Disabled,
}

impl ItemState {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Enabled => say!("parts-enabled"),
            Self::Expiring => say!("parts-expiring"),
            Self::Expired => say!("parts-expired"),
            Self::NotYetValid => say!("parts-not-yet-valid"),
            Self::Disabled => say!("parts-disabled"),
        }
    }

    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Enabled => "allow",
            Self::Expiring => "warn",
            Self::Expired => "deny",
            Self::NotYetValid | Self::Disabled => "off",
        }
    }

    pub(crate) fn icon(self) -> &'static str {
        match self {
            Self::Enabled => "check",
            Self::Expiring => "triangle-alert",
            Self::Expired => "clock-alert",
            Self::NotYetValid => "hourglass",
            Self::Disabled => "circle-slash",
        }
    }
}

/// A form with nothing to fill in: one button that posts to `action`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PostForm {
    /// Where the form posts to.
    pub action: String,
    /// Cross-site request token, sent as [`CSRF_FIELD`].
    pub csrf_token: String,
}

/// The token is left out: it stands for the session that posts.
impl fmt::Debug for PostForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(say!("parts-postform")).field("action", &self.action).finish_non_exhaustive()
    }
}

/// How well something stands; picks an icon and a colour, the words come from the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Checked and right.
    Good,
    /// Not checked yet, or not known.
    #[default]
    Unknown,
    /// Checked and wrong.
    Bad,
}

/// One line of the footer of the sidebar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusLine {
    /// How it stands.
    pub standing: Standing,
    /// The words: `Unsealed`, `Audit chain verified 03:11 UTC`.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_does_not_print_its_token() {
        let form = PostForm { action: "/sign-out".into(), csrf_token: "s3cr3t".into() };
        assert!(!format!("{form:?}").contains("s3cr3t"));
    }
}
