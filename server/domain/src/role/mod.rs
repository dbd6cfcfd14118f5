//! Role definitions: Azure's built-in Key Vault roles with their documented actions, Strongroom's own
//! for what Azure keeps outside the vault, and custom ones.
//!
//! Source: Azure built-in roles for security. Two deliberate additions: every data role may see the
//! settings of its vault (`Microsoft.KeyVault/vaults/read`), which Azure's portal takes from a role
//! on the subscription; and `Owner` has data actions too.

mod built_in;
mod definition;
pub mod pattern;
mod permissions;

pub use built_in::Role;
pub use definition::{
    DefinitionError, MAX_ASSIGNABLE_SCOPES, MAX_PATTERNS, MAX_ROLE_DEFINITIONS, MAX_ROLE_DEFINITIONS_OF_VAULT,
    MAX_ROLE_DESCRIPTION, MAX_ROLE_NAME, RoleDefinition, RoleRef,
};
pub use permissions::{Half, Patterns, Permissions};
