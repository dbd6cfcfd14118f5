//! Paths as callers, SDKs and adversaries write them, together with what they mean.

use strongroom_domain::action::Action;
use strongroom_http::message::Method;

use crate::{draw::Draw, scene::SECRETS};

/// An operation on the data plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operation {
    List,
    ListDeleted,
    Set,
    Get,
    Delete,
    Versions,
    GetDeleted,
    Purge,
    Recover,
    Update,
    Backup,
    Restore,
}

impl Operation {
    pub(crate) const ALL: [Self; 12] = [
        Self::List,
        Self::ListDeleted,
        Self::Set,
        Self::Get,
        Self::Delete,
        Self::Versions,
        Self::GetDeleted,
        Self::Purge,
        Self::Recover,
        Self::Update,
        Self::Backup,
        Self::Restore,
    ];

    pub(crate) fn action(self) -> Action {
        match self {
            Self::List => Action::SecretList,
            Self::ListDeleted => Action::SecretListDeleted,
            Self::Set => Action::SecretSet,
            Self::Get => Action::SecretGet,
            Self::Delete => Action::SecretDelete,
            Self::Versions => Action::SecretListVersions,
            Self::GetDeleted => Action::SecretGetDeleted,
            Self::Purge => Action::SecretPurge,
            Self::Recover => Action::SecretRecover,
            Self::Update => Action::SecretUpdate,
            Self::Backup => Action::SecretBackup,
            Self::Restore => Action::SecretRestore,
        }
    }

    pub(crate) fn method(self) -> Method {
        match self {
            Self::List | Self::ListDeleted | Self::Get | Self::Versions | Self::GetDeleted => Method::Get,
            Self::Set => Method::Put,
            Self::Delete | Self::Purge => Method::Delete,
            Self::Recover | Self::Backup | Self::Restore => Method::Post,
            Self::Update => Method::Patch,
        }
    }

    pub(crate) fn named(self) -> bool {
        !matches!(self, Self::List | Self::ListDeleted | Self::Restore)
    }

    /// Whether its path may name a version.
    fn versioned(self) -> bool {
        matches!(self, Self::Get | Self::Update)
    }

    fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::List | Self::Set | Self::Get | Self::Delete | Self::Update => ("secrets", None),
            Self::Backup => ("secrets", Some("backup")),
            // The name is in the blob.
            Self::Restore => ("secrets", Some("restore")),
            Self::Versions => ("secrets", Some("versions")),
            Self::ListDeleted | Self::GetDeleted | Self::Purge => ("deletedsecrets", None),
            Self::Recover => ("deletedsecrets", Some("recover")),
        }
    }
}

/// What a path must be taken for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meant {
    /// The operation on the secret that it was drawn for.
    This,
    /// That, or nothing: tolerance is allowed, another meaning is not.
    ThisOrNothing,
    /// Nothing that could be judged.
    Nothing,
}

#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) text: String,
    pub(crate) meant: Meant,
    /// A version is named.
    pub(crate) version: bool,
}

/// Names that are none, whatever they look like.
const NOT_NAMES: [&str; 14] = [
    "d%62%2f", "db%2Fx", "..%2fdb", "..", ".", "db%00", "d%2562", "%", "db%", "db%zz", "d\u{df}", "d%C5%93", "%ff",
    "db%20",
];
/// Versions that are none.
const NOT_VERSIONS: [&str; 4] =
    ["0123", "g0000000000000000000000000000000", "0000000000000000000000000000000%2f", "%2e%2e"];

pub(crate) fn draw(draw: &mut Draw, operation: Operation, secret: usize) -> Path {
    let (collection, verb) = operation.words();
    let mut meant = Meant::This;
    let mut text = format!("/{}", draw.spelt(collection));
    let mut version = false;
    if operation.named() {
        let name = if draw.chance(8) {
            meant = Meant::Nothing;
            draw.of(&NOT_NAMES).to_owned()
        } else {
            encoded(draw, SECRETS[secret])
        };
        text.push('/');
        text.push_str(&name);
    }
    if let Some(verb) = verb {
        text.push('/');
        text.push_str(&draw.spelt(verb));
    }
    if operation.versioned() && meant == Meant::This {
        match draw.below(6) {
            0 => {
                version = true;
                let hex: String = (0..32).map(|_| draw.of(&['0', '7', 'a', 'F', 'c'])).collect();
                text.push('/');
                text.push_str(&hex);
            }
            1 => {
                meant = Meant::Nothing;
                text.push('/');
                text.push_str(draw.of(&NOT_VERSIONS));
            }
            _ => {}
        }
    }
    match draw.below(20) {
        // The empty version of SDKs, and a slash at the end of anything.
        0 | 1 => text.push('/'),
        2 => {
            text.push_str("//");
            meant = meant.or_nothing();
        }
        // Empty segments in front, as a vault's address with a slash at its end brings about.
        3 => text.insert_str(0, draw.of(&["/", "//"])),
        4 => {
            text.push_str("/%2f");
            meant = Meant::Nothing;
        }
        5 => {
            text = text.replacen('/', "/%2e%2e/", 1);
            meant = Meant::Nothing;
        }
        6 => {
            // An object that was lost on the way must not become the collection, nor another object.
            text = text.replacen(&draw.spelt(collection), collection, 1);
            text.push_str("/x/y");
            meant = Meant::Nothing;
        }
        _ => {}
    }
    Path { text, meant, version }
}

impl Meant {
    fn or_nothing(self) -> Self {
        if self == Self::This { Self::ThisOrNothing } else { self }
    }
}

/// A name with capitals and percent-encoding here and there: the same name.
fn encoded(draw: &mut Draw, name: &str) -> String {
    let mut text = String::new();
    for c in draw.spelt(name).chars() {
        match draw.below(12) {
            0 => text.push_str(&format!("%{:02x}", u32::from(c))),
            1 => text.push_str(&format!("%{:02X}", u32::from(c))),
            _ => text.push(c),
        }
    }
    text
}
