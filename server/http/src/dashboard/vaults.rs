//! GET /vaults: the vaults that a person may list.

use strongroom_domain::{action::Action, gate::Ask, names::VaultName};
use strongroom_web::{VaultRow, VaultsPage};

use super::{
    Failure,
    frame::{Place, Viewer},
    links, rendered,
};
use crate::message::Response;

/// Name of the vault in the command that an empty list shows.
const FIRST_VAULT: &str = "first-vault";

/// # Errors
/// 503 when the vaults cannot be read or the record cannot be written.
pub(super) async fn list(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let services = viewer.services;
    let vaults = services.admin.list_vaults(&viewer.call.ctx).await?;
    let create_command = match VaultName::parse(FIRST_VAULT) {
        Ok(name) if vaults.is_empty() && viewer.may(&Ask::vault(Action::VaultCreate, &name)).await => {
            Some(format!("strongroom vault create {name} --server {}", services.addresses.base()))
        }
        _ => None,
    };
    let rows = vaults.iter().map(|vault| VaultRow {
        name: vault.name.to_string(),
        href: links::secrets(&vault.name),
        address: services.addresses.vault(&vault.name),
    });
    let rows = rows.collect();
    let shell = viewer.shell_with(&Place::Vaults, &vaults).await;
    Ok(rendered(200, VaultsPage { shell, vaults: rows, partial: None, create_command }.render()))
}
