//! The access policy of one grantee in a vault: what they may do with what is in it.

use strongroom_domain::{
    access_policy::{CertificatePermission, KeyPermission, ObjectPermissions, SecretPermission},
    names::VaultName,
};
use strongroom_web::{Body, Field, Form, Panel, PanelsPage};

use super::{known::Known, whom};
use crate::{
    dashboard::{
        Failure,
        form::{SHORT, Sent},
        frame::{Place, Viewer},
        links, redirect,
        refusal::{self, Refusal},
        snippets::{self, Commands},
    },
    message::{Request, Response},
    problem::Problem,
};

/// What a permission on secrets is called in the form.
fn on_secrets(permission: SecretPermission) -> String {
    permission.as_str().to_owned()
}

/// What a permission on keys is called in the form.
fn on_keys(permission: KeyPermission) -> String {
    format!("key-{}", permission.as_str())
}

/// What a permission on certificates is called in the form.
fn on_certificates(permission: CertificatePermission) -> String {
    format!("certificate-{}", permission.as_str())
}

fn vault(viewer: &Viewer<'_>) -> Result<VaultName, Problem> {
    VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())
}

/// GET /vaults/{vault}/access-policy[?issuer=&subject=&group=&client_id=]
///
/// # Errors
/// The gate's denial, or why the access policies cannot be read.
pub(crate) async fn edit(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    let all = viewer.services.admin.list_access_policies(&viewer.call.ctx, &vault).await?;
    let filled = |name: &str| request.query(name).unwrap_or_default().to_owned();
    let alike = |parts: &[(&str, String); 4]| parts.iter().all(|(name, value)| filled(name) == *value);
    let held = all.policies.iter().find(|policy| alike(&whom::parts(viewer, &policy.grantee)));
    let held = held.map(|policy| policy.permissions.clone()).unwrap_or_default();
    Ok(page(viewer, &vault, filled, &held, None).await)
}

/// POST /vaults/{vault}/access-policy: in place of the one that the grantee has.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn put(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let vault = vault(viewer)?;
    let permissions = ObjectPermissions {
        secrets: SecretPermission::ALL.into_iter().filter(|given| sent.ticked(&on_secrets(*given))).collect(),
        keys: KeyPermission::ALL.into_iter().filter(|given| sent.ticked(&on_keys(*given))).collect(),
        certificates: CertificatePermission::ALL
            .into_iter()
            .filter(|given| sent.ticked(&on_certificates(*given)))
            .collect(),
    };
    let put = async {
        let grantee = whom::read(viewer, &sent)?;
        viewer.services.admin.put_access_policy(&viewer.call.ctx, &vault, &grantee, &permissions).await?;
        Ok::<_, Failure>(links::in_vault(&vault, "access", &[]))
    };
    match put.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?;
            Ok(page(viewer, &vault, |name: &str| sent.text(name).to_owned(), &permissions, Some(&refusal)).await)
        }
    }
}

/// POST /vaults/{vault}/access-policy/remove
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(crate) async fn remove(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let vault = vault(viewer)?;
    let grantee = whom::read(viewer, &sent)?;
    viewer.services.admin.remove_access_policy(&viewer.call.ctx, &vault, &grantee).await?;
    Ok(redirect(links::in_vault(&vault, "access", &[])))
}

async fn page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    filled: impl Fn(&str) -> String,
    held: &ObjectPermissions,
    refusal: Option<&Refusal>,
) -> Response {
    let known = Known::of(viewer, Some(vault)).await;
    let mut fields = whom::fields(&filled, &known);
    fields.extend(SecretPermission::ALL.map(|permission| {
        let label = format!("Secrets, {}: {}", permission.as_str(), of_secrets(permission));
        Field::check(&on_secrets(permission), &label, held.secrets.contains(&permission))
    }));
    fields.extend(KeyPermission::ALL.map(|permission| {
        let label = format!("Keys, {}: {}", permission.as_str(), of_keys(permission));
        Field::check(&on_keys(permission), &label, held.keys.contains(&permission))
    }));
    fields.extend(CertificatePermission::ALL.map(|permission| {
        let label = format!("Certificates, {}: {}", permission.as_str(), of_certificates(permission));
        Field::check(&on_certificates(permission), &label, held.certificates.contains(&permission))
    }));
    let form = Form {
        action: links::in_vault(vault, "access-policy", &[]),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: "Set the access policy".to_owned(),
        cancel_href: Some(links::in_vault(vault, "access", &[])),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let body = r#"{"client_id":"ID","permissions":{"secrets":["get","list"],"keys":["get","sign"]}}"#;
    let place = Place::VaultAccess(vault.clone()).below("Access policy");
    let page = PanelsPage {
        lead: Some("It replaces the one that the grantee has. It counts only where the vault's access mode asks access policies.".to_owned()),
        main: vec![Panel::new("Access policy", Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server(&format!("access-policy set {vault} --workload ID --secret-permissions get,list --key-permissions get,sign")),
            commands.curl_server("PUT", &format!("/api/v1/vaults/{vault}/access-policies"), Some(body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, format!("Access policy in {vault}"))
    };
    refusal::answer(&page, refusal)
}

fn of_secrets(permission: SecretPermission) -> &'static str {
    match permission {
        SecretPermission::Get => "read values",
        SecretPermission::List => "list names and metadata",
        SecretPermission::Set => "add versions and change attributes",
        SecretPermission::Delete => "delete, recoverable",
        SecretPermission::Recover => "recover what is deleted",
        SecretPermission::Backup => "back up, sealed",
        SecretPermission::Restore => "restore a backup",
        SecretPermission::Purge => "purge for good",
    }
}

fn of_keys(permission: KeyPermission) -> &'static str {
    match permission {
        KeyPermission::Get => "read public halves",
        KeyPermission::List => "list names and metadata",
        KeyPermission::Update => "change attributes and uses",
        KeyPermission::Create => "make keys and versions",
        KeyPermission::Import => "take in keys from elsewhere",
        KeyPermission::Delete => "delete, recoverable",
        KeyPermission::Recover => "recover what is deleted",
        KeyPermission::Backup => "back up, sealed",
        KeyPermission::Restore => "restore a backup",
        KeyPermission::Purge => "purge for good",
        KeyPermission::Encrypt => "encrypt data",
        KeyPermission::Decrypt => "decrypt data",
        KeyPermission::WrapKey => "wrap keys",
        KeyPermission::UnwrapKey => "unwrap keys",
        KeyPermission::Sign => "sign digests",
        KeyPermission::Verify => "verify signatures",
        KeyPermission::Rotate => "rotate now",
        KeyPermission::GetRotationPolicy => "read rotation policies",
        KeyPermission::SetRotationPolicy => "set rotation policies",
        KeyPermission::Release => "nothing here: no key is released",
    }
}

fn of_certificates(permission: CertificatePermission) -> &'static str {
    match permission {
        CertificatePermission::Get => "read certificates, policies and operations",
        CertificatePermission::List => "list names and metadata",
        CertificatePermission::Update => "change attributes and policies",
        CertificatePermission::Create => "make certificates and versions, and merge",
        CertificatePermission::Import => "take in certificates from elsewhere",
        CertificatePermission::Delete => "delete, recoverable",
        CertificatePermission::Recover => "recover what is deleted",
        CertificatePermission::Backup => "back up, sealed",
        CertificatePermission::Restore => "restore a backup",
        CertificatePermission::Purge => "purge for good",
        CertificatePermission::ManageContacts => "see and say who is told",
        CertificatePermission::ManageIssuers => "everything with issuers, and revoke",
        CertificatePermission::GetIssuers => "read issuers",
        CertificatePermission::ListIssuers => "list issuers",
        CertificatePermission::SetIssuers => "set issuers up",
        CertificatePermission::DeleteIssuers => "take issuers away",
    }
}
