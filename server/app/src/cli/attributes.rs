//! What can be said of a version besides what it holds: whether and when it may be used, and its tags.

use clap::Args;

use super::{moment::Moment, tag};

/// The attributes of a new version.
#[derive(Args)]
pub(crate) struct NewAttributes {
    /// From when on it may be used: a time with its zone, or a date, which is its first moment in UTC.
    #[arg(long, value_name = "WHEN")]
    pub(crate) not_before: Option<Moment>,
    /// Until when it may be used, likewise.
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<Moment>,
    /// Store it without letting it be used yet.
    #[arg(long)]
    pub(crate) disabled: bool,
    /// Tag, `NAME=VALUE`; may be given several times.
    #[arg(long = "tag", value_parser = tag)]
    pub(crate) tags: Vec<String>,
}

/// Whether something may be used: said in one of two ways.
#[derive(Args, Clone, Copy, Debug, Default)]
#[group(id = "enabling", multiple = false)]
pub(crate) struct Enabling {
    /// Whether it counts, or may be used.
    #[arg(long)]
    enabled: Option<bool>,
    /// As `--enabled true`.
    #[arg(long)]
    enable: bool,
    /// As `--enabled false`.
    #[arg(long)]
    disable: bool,
}

impl Enabling {
    #[cfg(test)]
    pub(crate) fn of(enabled: bool) -> Self {
        Self { enable: enabled, disable: !enabled, ..Self::default() }
    }

    /// What was said; nothing where nothing was.
    pub(crate) fn said(self) -> Option<bool> {
        self.enabled.or(self.enable.then_some(true)).or(self.disable.then_some(false))
    }
}

/// What of a version is to be changed. What is not said stays as it is.
#[derive(Args)]
pub(crate) struct ChangedAttributes {
    #[command(flatten)]
    pub(crate) enabling: Enabling,
    /// From when on it may be used: a time with its zone, or a date, which is its first moment in UTC.
    #[arg(long, value_name = "WHEN")]
    pub(crate) not_before: Option<Moment>,
    /// Until when it may be used, likewise. A moment can be moved and not taken away.
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<Moment>,
    #[command(flatten)]
    pub(crate) tags: ChangedTags,
}

/// Tags that take the place of those there are.
#[derive(Args)]
pub(crate) struct ChangedTags {
    /// Tags in place of all there are, `NAME=VALUE`; may be given several times.
    #[arg(long = "tag", value_parser = tag)]
    pub(crate) tags: Vec<String>,
    /// Take all tags away.
    #[arg(long, conflicts_with = "tags")]
    pub(crate) no_tags: bool,
}

/// Something in a vault, and which version of it.
#[derive(Args)]
pub(crate) struct Versioned {
    /// Name.
    pub(crate) name: String,
    /// Version; the current one when absent.
    #[arg(long)]
    pub(crate) version: Option<String>,
}
