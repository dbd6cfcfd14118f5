//! What is closed to somebody, and what would open it: entries of the sidebar, and forms that are shown though sending
//! them would be refused. What a grant would open is named with the grant that is missing; an entry that no grant opens is
//! absent. Judged but not recorded, so it promises nothing.

use std::sync::Arc;

use strongroom_domain::{
    action::Action,
    admin::Ahead,
    decision::DenyReason,
    gate::Ask,
    names::{ObjectKind, ObjectName, VaultName},
    role::Role,
    vault::Vault,
};
use strongroom_web::{Door, say};

use super::{
    frame::{Place, Viewer},
    offers::Offers,
    vaults::FIRST_VAULT,
};
use crate::routes::Endpoint;

/// Whether something is open; if not, the grant that is missing in few words, or none where no grant would help.
pub(super) async fn lacking(viewer: &Viewer<'_>, ask: &Ask<'_>) -> Result<(), Option<String>> {
    match viewer.services.admin.ahead(&viewer.call.ctx, ask).await {
        Ahead::Open => Ok(()),
        Ahead::Obstacle(reason) => Err(missing(&reason, ask.action)),
        Ahead::ByModule => Err(None),
    }
}

fn missing(reason: &str, action: Action) -> Option<String> {
    if reason == DenyReason::NoAccessPolicy.code() {
        return Some(say!("doors-needs-an-access-policy").to_owned());
    }
    let role = Role::least_for(action).filter(|_| reason == DenyReason::NoRole.code())?;
    Some(say!("doors-needs-role", role = role.name()))
}

/// An entry of the sidebar that leads there.
pub(super) async fn door(viewer: &Viewer<'_>, action: Action, href: &str) -> Door {
    match lacking(viewer, &Ask::server(action)).await {
        Ok(()) => Door::Open(href.to_owned()),
        Err(Some(words)) => Door::Lacks(words),
        Err(None) => Door::Absent,
    }
}

/// What the form of this page needs that the viewer lacks: whoever came by its address learns it before it is filled in, and
/// not after. Nothing for pages whose acts say it themselves. Of a vault that is not listed to them they are told what is
/// told of one that is not there.
pub(super) async fn before_sending(
    viewer: &Viewer<'_>,
    place: &Place,
    (listed, more): (&[Arc<Vault>], bool),
) -> Vec<String> {
    let endpoint = viewer.call.endpoint;
    let new = endpoint == Endpoint::NewVaultPage;
    let vault = VaultName::parse(if new { FIRST_VAULT } else { viewer.call.parameter(0) }).ok();
    let name = ObjectName::parse(viewer.call.parameter(1)).ok();
    let client = ObjectName::parse(viewer.call.parameter(0)).ok();
    let Some(ask) = asked(endpoint, vault.as_ref(), name.as_ref(), client.as_ref()) else { return Vec::new() };
    let hidden = ask.vault.is_some_and(|of| !new && listed.iter().all(|vault| vault.name != *of));
    let reason = match viewer.services.admin.ahead(&viewer.call.ctx, &ask).await {
        Ahead::Open => return Vec::new(),
        _ if hidden => DenyReason::NoRole.code().to_owned(),
        Ahead::Obstacle(reason) => reason,
        Ahead::ByModule => return Vec::new(),
    };
    if missing(&reason, ask.action).is_none() {
        return Vec::new();
    }
    if is_anywhere(endpoint) {
        let in_vault = |of| Ask::vault(in_a_vault(ask.action), of);
        for vault in listed {
            if viewer.may(&in_vault(&vault.name)).await {
                return Vec::new();
            }
        }
        // It may be open in one of the others.
        if more {
            return Vec::new();
        }
    }
    let mut offers = Offers::new(viewer, place);
    offers.close(reason, &ask, say!("doors-what-this-page-is-for"));
    offers.told().1
}

/// Whether a form says itself where it is to be done, in the installation or in some vault.
fn is_anywhere(endpoint: Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::NewAssignmentPage
            | Endpoint::AssignmentRemovePage
            | Endpoint::NewRolePage
            | Endpoint::RoleEditPage
            | Endpoint::RoleDeletePage
            | Endpoint::AttachPage
    )
}

/// What the same is in one vault.
fn in_a_vault(action: Action) -> Action {
    match action {
        Action::PolicyWrite => Action::VaultUpdate,
        action => action,
    }
}

/// What a page's one form asks of the gate.
fn asked<'a>(
    endpoint: Endpoint,
    vault: Option<&'a VaultName>,
    name: Option<&'a ObjectName>,
    client: Option<&'a ObjectName>,
) -> Option<Ask<'a>> {
    use Endpoint as Page;
    let server = |action| Some(Ask::server(action));
    let of_vault = |action| Some(Ask::vault(action, vault?));
    let all = |kind, action| Some(Ask::objects(kind, action, vault?));
    let one = |kind, action| Some(Ask::object(kind, action, vault?, name?));
    let workload = |action| Some(Ask::workload(action, client?));
    match endpoint {
        Page::NewSecretPage | Page::SecretImportPage => all(ObjectKind::Secret, Action::SecretSet),
        Page::NewVersionPage => one(ObjectKind::Secret, Action::SecretSet),
        Page::VersionEditPage => one(ObjectKind::Secret, Action::SecretUpdate),
        Page::SecretDeletePage => one(ObjectKind::Secret, Action::SecretDelete),
        Page::PurgePage => one(ObjectKind::Secret, Action::SecretPurge),
        Page::NewKeyPage => all(ObjectKind::Key, Action::KeyCreate),
        Page::KeyImportPage => all(ObjectKind::Key, Action::KeyImport),
        Page::KeyRestorePage => all(ObjectKind::Key, Action::KeyRestore),
        Page::KeyEditPage => one(ObjectKind::Key, Action::KeyUpdate),
        Page::KeyRotationPage => one(ObjectKind::Key, Action::KeyRotationPolicySet),
        Page::KeyDeletePage => one(ObjectKind::Key, Action::KeyDelete),
        Page::KeyPurgePage => one(ObjectKind::Key, Action::KeyPurge),
        Page::MakeCertificatePage => all(ObjectKind::Certificate, Action::CertificateCreate),
        Page::CertificateImportPage => all(ObjectKind::Certificate, Action::CertificateImport),
        Page::CertificatePolicyPage => one(ObjectKind::Certificate, Action::CertificatePolicyUpdate),
        Page::CertificateEditPage => one(ObjectKind::Certificate, Action::CertificateUpdate),
        Page::CertificateDeletePage => one(ObjectKind::Certificate, Action::CertificateDelete),
        Page::CertificatePurgePage => one(ObjectKind::Certificate, Action::CertificatePurge),
        Page::NewIssuerPage => all(ObjectKind::Issuer, Action::IssuerSet),
        Page::IssuerEditPage => one(ObjectKind::Issuer, Action::IssuerUpdate),
        Page::IssuerDeletePage => one(ObjectKind::Issuer, Action::IssuerDelete),
        Page::VaultDeletePage => of_vault(Action::VaultDelete),
        Page::VaultProtectPage => of_vault(Action::VaultUpdate),
        Page::AccessPolicyPage | Page::AccessPolicyRemovePage => of_vault(Action::AccessPolicyWrite),
        Page::NewVaultPage => of_vault(Action::VaultCreate),
        Page::NewWorkloadPage => server(Action::WorkloadCreate),
        Page::EndSessionsPage => server(Action::SessionRevoke),
        Page::WorkloadDeletePage => workload(Action::WorkloadDelete),
        Page::ClientSecretRemovePage | Page::CertificateRemovePage | Page::FederationRemovePage => {
            workload(Action::WorkloadCredential)
        }
        Page::NewDocumentPage | Page::DocumentEditPage => server(Action::PolicyDocumentWrite),
        Page::DocumentRemovePage => server(Action::PolicyDocumentDelete),
        Page::ModuleUploadPage => server(Action::PolicyModuleWrite),
        Page::ModuleRemovePage => server(Action::PolicyModuleDelete),
        Page::AttachmentSettingsPage | Page::EnforcePage | Page::DetachPage => match vault {
            Some(vault) => Some(Ask::vault(Action::VaultUpdate, vault)),
            None => server(Action::PolicyWrite),
        },
        Page::AttachPage => server(Action::PolicyWrite),
        Page::NewAssignmentPage => server(Action::AssignmentAdd),
        Page::AssignmentRemovePage => server(Action::AssignmentRemove),
        Page::NewRolePage | Page::RoleEditPage => server(Action::RoleWrite),
        Page::RoleDeletePage => server(Action::RoleDelete),
        Page::TokenKeysRevokePage => server(Action::TokenKeyRevoke),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_asks_is_asked_where_it_stands() {
        let vault = VaultName::parse("demo").unwrap();
        let name = ObjectName::parse("db").unwrap();
        let ask = |endpoint, vault| asked(endpoint, vault, Some(&name), Some(&name));
        let set = ask(Endpoint::NewVersionPage, Some(&vault)).unwrap();
        assert_eq!((set.action, set.vault, set.name), (Action::SecretSet, Some(&vault), Some(&name)));
        assert_eq!(ask(Endpoint::NewSecretPage, Some(&vault)).unwrap().name, None);
        assert!(ask(Endpoint::NewVersionPage, None).is_none());
        assert!(ask(Endpoint::SecretPage, Some(&vault)).is_none());
        for (to, action) in [(Some(&vault), Action::VaultUpdate), (None, Action::PolicyWrite)] {
            assert_eq!(ask(Endpoint::DetachPage, to).unwrap().action, action);
        }
    }
}
