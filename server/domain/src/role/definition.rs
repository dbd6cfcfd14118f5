//! Custom role definitions: made by owners, stored authenticated, bounded in every direction.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::{
    Half, Patterns, Permissions, Role,
    pattern::{covers, is_pattern},
};
use crate::{action::Action, grant::Scope, names::VaultId};

/// Most custom role definitions of an installation.
pub const MAX_ROLE_DEFINITIONS: usize = 500;
/// Most of them whose assignable scopes all lie in one vault: whoever may write these may write no others.
pub const MAX_ROLE_DEFINITIONS_OF_VAULT: usize = 20;
/// Most patterns in one list of a definition.
pub const MAX_PATTERNS: usize = 32;
/// Most assignable scopes of a definition.
pub const MAX_ASSIGNABLE_SCOPES: usize = 16;
/// Longest name in characters (Azure: 128).
pub const MAX_ROLE_NAME: usize = 128;
/// Longest description in characters.
pub const MAX_ROLE_DESCRIPTION: usize = 1024;

/// Which role definition an assignment refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoleRef {
    /// A built-in one. Written by its name, as it always was.
    BuiltIn(Role),
    /// A custom one. Written by its id.
    Custom(Uuid),
}

impl RoleRef {
    /// The definition's id.
    #[must_use]
    pub fn id(self) -> Uuid {
        match self {
            Self::BuiltIn(role) => role.id(),
            Self::Custom(id) => id,
        }
    }

    /// The definition of this id.
    #[must_use]
    pub fn by_id(id: Uuid) -> Self {
        Role::by_id(id).map_or(Self::Custom(id), Self::BuiltIn)
    }
}

impl From<Role> for RoleRef {
    fn from(role: Role) -> Self {
        Self::BuiltIn(role)
    }
}

impl PartialEq<Role> for RoleRef {
    fn eq(&self, role: &Role) -> bool {
        *self == Self::BuiltIn(*role)
    }
}

impl Serialize for RoleRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::BuiltIn(role) => role.serialize(serializer),
            Self::Custom(id) => serializer.collect_str(id),
        }
    }
}

impl<'de> Deserialize<'de> for RoleRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Names are compared exactly: one row, one form.
        if let Some(role) = Role::ALL.iter().find(|role| role.name() == text) {
            return Ok(Self::BuiltIn(*role));
        }
        Uuid::try_parse(&text).map(Self::Custom).map_err(|_| serde::de::Error::custom("neither a role nor an id"))
    }
}

/// A custom role definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleDefinition {
    /// Identity.
    pub id: Uuid,
    /// Name, unique among all definitions, ASCII case apart.
    pub name: String,
    /// For people.
    pub description: String,
    /// Patterns of actions.
    pub actions: Vec<String>,
    /// Patterns of what is excluded from them. Not a denial.
    pub not_actions: Vec<String>,
    /// Patterns of data actions.
    pub data_actions: Vec<String>,
    /// Patterns of what is excluded from them. Not a denial.
    pub not_data_actions: Vec<String>,
    /// Where it may be assigned: at one of these scopes or below.
    pub assignable_scopes: Vec<Scope>,
    /// Counts changes, from the moment of its making (Unix milliseconds), so that a definition made
    /// again is told from the one before.
    pub revision: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

/// Why a definition is refused. Said to the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// Outside the documented limits.
    #[error("{0}")]
    Limit(&'static str),
    /// A pattern that stands for no action. A mistyped exclusion would leave open what it was to close.
    #[error("'{0}' stands for no action that there is: `role show` of a built-in role shows how they are written")]
    UnknownAction(String),
    /// A pattern in the half of a definition in which it stands for nothing.
    #[error("'{pattern}' stands for no {}, only for {}s: list it among those", sort(*.data), sort(!*.data))]
    OtherHalf {
        /// As it was given.
        pattern: String,
        /// Whether it stands among the data actions.
        data: bool,
    },
}

fn sort(data: bool) -> &'static str {
    if data { "data action" } else { "action" }
}

impl RoleDefinition {
    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data. Kept as a result so that nothing can panic.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// What it permits.
    #[must_use]
    pub fn permissions(&self) -> Permissions<'_> {
        Permissions {
            actions: Half { granted: Patterns::Custom(&self.actions), excluded: Patterns::Custom(&self.not_actions) },
            data: Half {
                granted: Patterns::Custom(&self.data_actions),
                excluded: Patterns::Custom(&self.not_data_actions),
            },
        }
    }

    /// The vault in which all its assignable scopes lie; none for one that is the installation's.
    #[must_use]
    pub fn home(&self) -> Option<VaultId> {
        let first = self.assignable_scopes.first()?.vault()?;
        self.assignable_scopes.iter().all(|scope| scope.vault() == Some(first)).then_some(first)
    }

    /// Whether there is room for it among all definitions: there may be so many, and so many at home in one vault.
    #[must_use]
    pub fn fits_beside<'a>(&self, all: impl IntoIterator<Item = &'a Self>) -> bool {
        let home = self.home();
        let (mut before, mut others, mut at_home) = (None, 0_usize, 0_usize);
        for other in all {
            if other.id == self.id {
                before = Some(other.home());
                continue;
            }
            others = others.saturating_add(1);
            at_home = at_home.saturating_add(usize::from(home.is_some() && other.home() == home));
        }
        let comes_home = home.is_some() && before != Some(home);
        (before.is_some() || others < MAX_ROLE_DEFINITIONS) && !(comes_home && at_home >= MAX_ROLE_DEFINITIONS_OF_VAULT)
    }

    /// Whether it may be assigned at this scope.
    #[must_use]
    pub fn assignable_at(&self, scope: &Scope) -> bool {
        self.assignable_scopes.iter().any(|assignable| assignable.contains(scope))
    }

    /// Whether it may be assigned somewhere at a scope, below it or above it.
    #[must_use]
    pub fn touches(&self, scope: &Scope) -> bool {
        self.assignable_scopes.iter().any(|assignable| assignable.meets(scope))
    }

    /// The name as it is compared.
    #[must_use]
    pub fn name_key(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// Checks the limits.
    ///
    /// # Errors
    /// [`DefinitionError`].
    pub fn check(&self) -> Result<(), DefinitionError> {
        let refuse = |why| Err(DefinitionError::Limit(why));
        let printable = |text: &str, most: usize| text.chars().count() <= most && !text.chars().any(char::is_control);
        if !is_name(&self.name) {
            return refuse(
                "a role definition's name has 1 to 128 printable ASCII characters, with single spaces between",
            );
        }
        if Role::by_name(&self.name).is_some() || Uuid::try_parse(&self.name).is_ok() {
            return refuse("a role definition has no built-in role's name, and no id for a name");
        }
        if !printable(&self.description, MAX_ROLE_DESCRIPTION) {
            return refuse("a role definition's description has at most 1024 printable characters");
        }
        for patterns in [&self.actions, &self.not_actions, &self.data_actions, &self.not_data_actions] {
            if patterns.len() > MAX_PATTERNS {
                return refuse("a role definition has at most 32 actions of each sort");
            }
            if !patterns.iter().all(|pattern| is_pattern(pattern)) {
                return refuse("an action has 1 to 128 letters, digits, dots, hyphens, slashes and asterisks");
            }
        }
        if self.actions.is_empty() && self.data_actions.is_empty() {
            return refuse("a role definition has at least one action or data action");
        }
        if !(1..=MAX_ASSIGNABLE_SCOPES).contains(&self.assignable_scopes.len()) {
            return refuse("a role definition has 1 to 16 assignable scopes");
        }
        let halves = [(false, &self.actions, &self.not_actions), (true, &self.data_actions, &self.not_data_actions)];
        for (data, granted, excluded) in halves {
            let wrong = granted.iter().chain(excluded).find(|pattern| !stands_for_something(pattern, data));
            if let Some(pattern) = wrong.cloned() {
                return Err(if stands_for_something(&pattern, !data) {
                    DefinitionError::OtherHalf { pattern, data }
                } else {
                    DefinitionError::UnknownAction(pattern)
                });
            }
        }
        Ok(())
    }
}

/// Whether a pattern matches one of the actions of a half, or is Azure's: a definition that was written for a
/// vault or a Managed HSM there names actions for which there is nothing here.
fn stands_for_something(pattern: &str, data: bool) -> bool {
    const MANAGED_HSM: &str = "Microsoft.KeyVault/managedHsm/";
    let of_azure = |role: &Role| {
        let Permissions { actions, data: data_actions } = role.permissions();
        let half = if data { data_actions } else { actions };
        half.granted.iter().chain(half.excluded.iter()).any(|azures| azures.eq_ignore_ascii_case(pattern))
    };
    Action::ALL.iter().any(|action| action.is_data() == data && covers(pattern, action.data_action()))
        || Role::ALL.iter().any(of_azure)
        || (data && pattern.get(..MANAGED_HSM.len()).is_some_and(|start| start.eq_ignore_ascii_case(MANAGED_HSM)))
}

/// Names are compared by people, so no two may look alike: no letters of other alphabets, no spaces that
/// cannot be seen.
fn is_name(name: &str) -> bool {
    (1..=MAX_ROLE_NAME).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && name.split(' ').all(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_written_by_name_or_by_id_and_comes_back() {
        let custom = RoleRef::Custom(Uuid::from_u128(7));
        for (role, text) in [
            (RoleRef::BuiltIn(Role::SecretsUser), "\"Key Vault Secrets User\""),
            (custom, "\"00000000-0000-0000-0000-000000000007\""),
        ] {
            assert_eq!(serde_json::to_string(&role).unwrap(), text);
            assert_eq!(serde_json::from_str::<RoleRef>(text).unwrap(), role);
            assert_eq!(RoleRef::by_id(role.id()), role);
        }
        assert!(serde_json::from_str::<RoleRef>("\"key vault secrets user\"").is_err());
    }

    #[test]
    fn definitions_are_bounded() {
        let good = RoleDefinition {
            id: Uuid::from_u128(1),
            name: "Reader of names".to_owned(),
            description: String::new(),
            actions: Vec::new(),
            not_actions: Vec::new(),
            data_actions: vec!["Microsoft.KeyVault/vaults/secrets/readMetadata/action".to_owned()],
            not_data_actions: Vec::new(),
            assignable_scopes: vec![Scope::Server],
            revision: 1,
            tag: Vec::new(),
        };
        assert_eq!(good.check(), Ok(()));
        let with = |change: &dyn Fn(&mut RoleDefinition)| {
            let mut bad = good.clone();
            change(&mut bad);
            bad.check()
        };
        let long = "a".repeat(129);
        let bad: [&dyn Fn(&mut RoleDefinition); 10] = [
            &|d| d.name = String::new(),
            &|d| d.name.clone_from(&long),
            &|d| d.name = "OWNER".to_owned(),
            &|d| d.name = Uuid::nil().to_string(),
            &|d| d.description = "x".repeat(1025),
            &|d| d.actions = vec![long.clone()],
            &|d| d.not_actions = vec!["spaced out".to_owned()],
            &|d| d.not_data_actions = vec!["x".to_owned(); 33],
            &|d| d.data_actions = Vec::new(),
            &|d| d.assignable_scopes = Vec::new(),
        ];
        for lookalike in [
            "Owner ",
            " Owner",
            "Key  Vault Reader",
            "Owner\u{200b}",
            "\u{41e}wner",
            "Key\u{a0}Vault Reader",
            "own\u{e9}r",
        ] {
            assert!(with(&|d| d.name = lookalike.to_owned()).is_err(), "{lookalike:?}");
        }
        for (n, change) in bad.into_iter().enumerate() {
            assert!(matches!(with(change), Err(DefinitionError::Limit(_))), "{n}");
        }
    }

    #[test]
    fn a_mistyped_action_is_refused_and_one_of_the_other_half_is_told_so() {
        let with = |actions: &[&str], not_actions: &[&str], data: &[&str], not_data: &[&str]| {
            let list = |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect();
            RoleDefinition {
                id: Uuid::from_u128(1),
                name: "Tried".to_owned(),
                description: String::new(),
                actions: list(actions),
                not_actions: list(not_actions),
                data_actions: list(data),
                not_data_actions: list(not_data),
                assignable_scopes: vec![Scope::Server],
                revision: 1,
                tag: Vec::new(),
            }
            .check()
        };
        let (get, read) = ("Microsoft.KeyVault/vaults/secrets/getSecret/action", "Microsoft.KeyVault/vaults/read");
        for typo in ["Microsoft.KeyVault/vaults/secrets/getSecrets/action", "x", "Microsoft.KeyVualt/*"] {
            let unknown = Err(DefinitionError::UnknownAction(typo.to_owned()));
            assert_eq!(with(&[typo], &[], &["*"], &[]), unknown);
            assert_eq!(with(&[], &[typo], &["*"], &[]), unknown);
            assert_eq!(with(&[], &[], &["*", typo], &[]), unknown);
            assert_eq!(with(&[], &[], &["*"], &[get, typo]), unknown, "an exclusion that excludes nothing");
        }
        let swapped =
            |pattern: &str, data| Err::<(), _>(DefinitionError::OtherHalf { pattern: pattern.to_owned(), data });
        assert_eq!(with(&[get], &[], &[], &[]), swapped(get, false));
        assert_eq!(with(&[], &[], &["*"], &[read]), swapped(read, true));
        assert!(
            DefinitionError::OtherHalf { pattern: get.to_owned(), data: false }
                .to_string()
                .contains("no action, only for data actions")
        );
        for hsm in ["Microsoft.KeyVault/managedHsm/keys/sign/action", "microsoft.keyvault/MANAGEDHSM/*"] {
            assert_eq!(with(&[], &[], &[hsm], &[]), Ok(()));
        }
        // What is copied from a built-in role is taken.
        for role in Role::ALL {
            let Permissions { actions, data } = role.permissions();
            let list = |patterns: Patterns<'static>| patterns.iter().collect::<Vec<_>>();
            let (actions, excluded, data) = (list(actions.granted), list(actions.excluded), list(data.granted));
            assert_eq!(with(&actions, &excluded, &data, &[]), Ok(()), "{}", role.name());
        }
    }
}
