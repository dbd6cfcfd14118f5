//! What a role definition permits: actions on resources and data actions on what is in them, each
//! with exceptions.

use super::{
    Role,
    pattern::{covers, may_overlap},
};
use crate::action::Action;

/// A list of patterns, of a built-in or of a custom definition.
#[derive(Clone, Copy, Debug)]
pub enum Patterns<'a> {
    /// Compiled in.
    BuiltIn(&'static [&'static str]),
    /// Stored.
    Custom(&'a [String]),
}

impl<'a> Patterns<'a> {
    /// The patterns, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        let (built_in, custom): (&'static [&'static str], &'a [String]) = match self {
            Self::BuiltIn(patterns) => (patterns, &[]),
            Self::Custom(patterns) => (&[], patterns),
        };
        built_in.iter().copied().chain(custom.iter().map(String::as_str))
    }
}

/// One half of a definition: what is permitted, and what of that is not.
#[derive(Clone, Copy, Debug)]
pub struct Half<'a> {
    /// Patterns of what is permitted.
    pub granted: Patterns<'a>,
    /// Patterns of what is excluded from it. Not a denial: another role may permit it.
    pub excluded: Patterns<'a>,
}

impl<'a> Half<'a> {
    fn allows(self, action: &str) -> bool {
        self.granted.iter().any(|pattern| covers(pattern, action))
            && !self.excluded.iter().any(|pattern| covers(pattern, action))
    }

    /// Whether everything that `pattern` stands for, less what `except` excludes, is in this half.
    fn contains(self, pattern: &str, except: Patterns<'a>) -> bool {
        self.granted.iter().any(|granted| covers(granted, pattern))
            && self
                .excluded
                .iter()
                .filter(|excluded| may_overlap(excluded, pattern))
                .all(|excluded| except.iter().any(|also| covers(also, excluded)))
    }
}

/// The permissions of a role definition.
#[derive(Clone, Copy, Debug)]
pub struct Permissions<'a> {
    /// Actions on resources: vaults, assignments, identities.
    pub actions: Half<'a>,
    /// Actions on what is in a vault.
    pub data: Half<'a>,
}

impl<'a> Permissions<'a> {
    /// Whether the action is permitted.
    #[must_use]
    pub fn allows(self, action: Action) -> bool {
        let half = if action.is_data() { self.data } else { self.actions };
        half.allows(action.data_action())
    }

    /// Whether it permits anything with what is in a vault.
    #[must_use]
    pub fn concern_contents(self) -> bool {
        Action::ALL.iter().any(|action| action.is_data() && self.allows(*action))
    }

    /// Whether it permits something, and nothing of that can be asked of a vault or of what is in one: below `/` it
    /// would permit nothing.
    #[must_use]
    pub fn concern_the_installation_alone(self) -> bool {
        let mut allowed = Action::ALL.iter().copied().filter(|action| self.allows(*action)).peekable();
        allowed.peek().is_some() && !allowed.any(Action::applies_below_installation)
    }

    /// How much harm can be done with it: actions beyond reading metadata first, then all that there are.
    #[must_use]
    pub(crate) fn breadth(self) -> (usize, usize) {
        let allowed = || Action::ALL.iter().filter(|action| self.allows(**action));
        (allowed().filter(|action| !Role::Reader.allows(**action)).count(), allowed().count())
    }

    /// Whether holders of all of `held` together hold everything in this: the condition for granting
    /// it. Each pattern must lie within one definition held; a union of several is not looked for, so
    /// in doubt the answer is no.
    #[must_use]
    pub fn within(self, held: &[Permissions<'a>]) -> bool {
        let half = |of: fn(&Permissions<'a>) -> Half<'a>| {
            let wanted = of(&self);
            wanted
                .granted
                .iter()
                .filter(|pattern| !wanted.excluded.iter().any(|excluded| covers(excluded, pattern)))
                .all(|pattern| held.iter().any(|held| of(held).contains(pattern, wanted.excluded)))
        };
        half(|p| p.actions) && half(|p| p.data)
    }
}
