//! What people call vaults and custom role definitions, for showing what refers to them by their ids. Before anybody is
//! admitted, no more is read of it than what a request is about.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::{AdminError, Administration};
use crate::{
    grant::{Assignment, Scope},
    names::{VaultId, VaultName},
    role::RoleRef,
};

/// What people call vaults and custom role definitions.
#[derive(Default)]
pub(super) struct Names {
    pub(super) vaults: HashMap<VaultId, VaultName>,
    pub(super) roles: HashMap<Uuid, String>,
}

impl Names {
    /// A scope in names; a vault that is gone has its id in the name's place.
    pub(super) fn scope(&self, scope: &Scope) -> String {
        let vault = |id: &VaultId| self.vaults.get(id).map_or_else(|| id.to_string(), |name| name.as_str().to_owned());
        match scope {
            Scope::Server => "/".to_owned(),
            Scope::Vault { vault: id } => format!("/vaults/{}", vault(id)),
            Scope::Object { vault: id, kind, name } => format!("/vaults/{}/{}s/{name}", vault(id), kind.as_str()),
        }
    }
}

impl Administration {
    /// Names of all vaults, by id.
    pub(super) async fn names(&self) -> Result<Names, AdminError> {
        // Deleted ones too: their assignments wait with them.
        let (active, deleted) = (self.vaults.vault_names(false).await?, self.vaults.vault_names(true).await?);
        Ok(Names { vaults: active.into_iter().chain(deleted).collect(), roles: HashMap::new() })
    }

    /// The names that these scopes are shown with.
    pub(super) async fn names_of<'a>(
        &self,
        scopes: impl IntoIterator<Item = &'a Scope> + Send,
    ) -> Result<Names, AdminError> {
        let vaults: BTreeSet<VaultId> = scopes.into_iter().filter_map(Scope::vault).collect();
        let vaults = if vaults.is_empty() { HashMap::new() } else { self.vaults.names_of(&vaults).await? };
        Ok(Names { vaults, roles: HashMap::new() })
    }

    /// The names that these assignments are shown with. What others have made is not read for it.
    pub(super) async fn names_for(
        &self,
        assignments: impl IntoIterator<Item = &Assignment> + Send,
    ) -> Result<Names, AdminError> {
        let (mut scopes, mut custom) = (Vec::new(), BTreeSet::new());
        for assignment in assignments {
            scopes.push(&assignment.scope);
            if let RoleRef::Custom(id) = assignment.role {
                custom.insert(id);
            }
        }
        let mut names = self.names_of(scopes).await?;
        for id in custom {
            names.roles.extend(self.grants.role_definition(id).await?.map(|role| (role.id, role.name.clone())));
        }
        Ok(names)
    }
}
