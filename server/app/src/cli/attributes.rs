//! What can be said of a version besides what it holds: whether and when it may be used, and its tags.

use clap::Args;

use super::moment::Moment;

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
    #[arg(long = "tag")]
    pub(crate) tags: Vec<String>,
}

/// What of a version is to be changed. What is not said stays as it is.
#[derive(Args)]
pub(crate) struct ChangedAttributes {
    /// Let it be used, or not.
    #[arg(long)]
    pub(crate) enabled: Option<bool>,
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
    #[arg(long = "tag")]
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
