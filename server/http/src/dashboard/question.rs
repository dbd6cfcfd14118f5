//! What a page asks for, as commands: for pages that could not answer it and so have none of their own. They tell nothing
//! but what the address says: whether it is there is not looked at.

use strongroom_domain::names::VaultName;
use strongroom_web::{Snippet, say};
use uuid::Uuid;

use super::{frame::Viewer, place::Place, policies::AttachedTo, snippets::Commands};
use crate::services::Services;

/// The commands of a place.
pub(super) fn commands(viewer: &Viewer<'_>, place: &Place) -> Vec<Snippet> {
    of_place(viewer.services, place)
}

/// The same, and how to ask why a decision was made.
pub(super) fn with_why(viewer: &Viewer<'_>, place: &Place, decision: Uuid) -> Vec<Snippet> {
    let why = Commands::of_installation(viewer.services).server(&format!("policy why {decision}"));
    let mut told = of_place(viewer.services, place);
    told.push(why.labelled(say!("question-why-it-was-decided")));
    told
}

fn of_place(services: &Services, place: &Place) -> Vec<Snippet> {
    let own = Commands::of_installation(services);
    let server = |command: &str, path: &str| vec![own.server(command), own.curl_server("GET", path, None)];
    let in_vault = |vault: &VaultName, command: &str, path: &str| {
        let commands = Commands::of_vault(services, vault);
        vec![commands.vault(command), commands.curl_vault("GET", path, None)]
    };
    match place {
        Place::Overview | Place::Vaults | Place::Elsewhere => server("vault list", "/api/v1/vaults"),
        Place::DeletedVaults => server("vault list --deleted", "/api/v1/deletedvaults"),
        Place::Secrets(vault) => in_vault(vault, "secret list", "/secrets"),
        Place::Secret(vault, name, _) => in_vault(vault, &format!("secret get {name}"), &format!("/secrets/{name}")),
        Place::Keys(vault) => in_vault(vault, "key list", "/keys"),
        Place::Key(vault, name, _) => in_vault(vault, &format!("key get {name}"), &format!("/keys/{name}")),
        Place::Certificates(vault) => in_vault(vault, "certificate list", "/certificates"),
        Place::Certificate(vault, name, _) => {
            in_vault(vault, &format!("certificate show {name}"), &format!("/certificates/{name}"))
        }
        Place::Issuers(vault) => in_vault(vault, "certificate issuer list", "/certificates/issuers"),
        Place::Issuer(vault, name) => {
            let path = format!("/certificates/issuers/{name}");
            in_vault(vault, &format!("certificate issuer show {name}"), &path)
        }
        Place::Deleted(vault, kind) => {
            in_vault(vault, &format!("{} list --deleted", kind.word()), &format!("/deleted{}", kind.plural()))
        }
        Place::Vault(vault) | Place::Settings(vault) => {
            server(&format!("vault show {vault}"), &format!("/api/v1/vaults/{vault}"))
        }
        Place::Network(vault) => server(&format!("network list {vault}"), &format!("/api/v1/vaults/{vault}")),
        Place::Approvals(vault) => {
            server(&format!("approval list --vault {vault}"), &format!("/api/v1/vaults/{vault}/approvals"))
        }
        Place::VaultAccess(vault) => {
            let path = format!("/api/v1/assignments?scope=/vaults/{vault}");
            server(&format!("assignment list --scope /vaults/{vault}"), &path)
        }
        Place::Access => server("assignment list --scope /", "/api/v1/assignments?scope=/"),
        Place::Why => vec![own.server("policy why --help")],
        Place::Me => vec![own.server("whoami")],
        Place::Installation => server("token keys list", "/api/v1/token/keys"),
        Place::Policies => server("policy list", "/api/v1/policy-modules"),
        Place::Attachment(AttachedTo::Everywhere, _) => server("policy attached --all-vaults", "/api/v1/policies"),
        Place::Attachment(AttachedTo::Vault(vault), _) => {
            server(&format!("policy attached --vault {vault}"), &format!("/api/v1/vaults/{vault}"))
        }
        Place::Audit => server("audit query", "/api/v1/audit"),
        Place::Below(above, _) => of_place(services, above),
    }
}
