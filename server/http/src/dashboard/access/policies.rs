//! The access policy of one grantee in a vault: what they may do with what is in it.

use strongroom_domain::{
    access_policy::{AccessPolicy, CertificatePermission, KeyPermission, ObjectPermissions, SecretPermission},
    names::VaultName,
};
use strongroom_web::{Body, Fact, Field, Form, Panel, PanelsPage, say};

use super::{known::Known, preview, whom};
use crate::{
    dashboard::{
        Failure,
        form::{SHORT, Sent},
        frame::{Place, Viewer},
        links, redirect,
        refusal::{self, Refusal, revision_of},
        snippets::{self, Commands, quoted},
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
    let revision = held.map(|policy| policy.revision).unwrap_or_default();
    let held = held.map(|policy| policy.permissions.clone()).unwrap_or_default();
    Ok(page(viewer, &vault, filled, (&held, revision), None, Vec::new()).await)
}

/// What the grantee of a form has now, and at which revision.
async fn stored(viewer: &Viewer<'_>, vault: &VaultName, sent: &Sent) -> Result<(ObjectPermissions, i64), Failure> {
    let grantee = whom::read(viewer, sent)?;
    let all = viewer.services.admin.list_access_policies(&viewer.further()?, vault).await?;
    let held = all.policies.into_iter().find(|policy| policy.grantee == grantee);
    Ok(held.map(|policy| (policy.permissions, policy.revision)).unwrap_or_default())
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
    let filled = |name: &str| sent.text(name).to_owned();
    if preview::is_asked_for(&sent)
        && let Ok(grantee) = whom::read(viewer, &sent)
    {
        // As giving it would be.
        let (admin, ctx) = (&viewer.services.admin, &viewer.call.ctx);
        let refusal = match admin.preview_access_policy(ctx, &vault, &grantee, &permissions).await {
            Ok(()) => None,
            Err(error) => Some(Refusal::of(error.into())?),
        };
        let (held, _) = stored(viewer, &vault, &sent).await?;
        let found = preview::of_policy(viewer, &vault, &grantee, (&held, &permissions)).await;
        let refused = refusal.as_ref().map(|refusal| (refusal, ObjectPermissions::default()));
        return Ok(page(viewer, &vault, filled, (&permissions, revision_of(&sent)), refused, found).await);
    }
    let put = async {
        let grantee = whom::read(viewer, &sent)?;
        let (admin, ctx) = (&viewer.services.admin, &viewer.call.ctx);
        admin.put_access_policy_at(ctx, &vault, (&grantee, &permissions), revision_of(&sent)).await?;
        Ok::<_, Failure>(links::in_vault(&vault, "access", &[]))
    };
    match put.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?.keeping();
            let late = if refusal.is_late() { Some(stored(viewer, &vault, &sent).await?) } else { None };
            let revision = late.as_ref().map_or_else(|| revision_of(&sent), |(_, revision)| *revision);
            let refused = Some((&refusal, late.map(|(held, _)| held).unwrap_or_default()));
            Ok(page(viewer, &vault, filled, (&permissions, revision), refused, Vec::new()).await)
        }
    }
}

/// GET /vaults/{vault}/access-policy/remove?issuer=&subject=&group=&client_id=: what is taken away. One that is gone
/// leads to those that are there.
///
/// # Errors
/// The gate's denial, or why the access policies cannot be read.
pub(crate) async fn ask_remove(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    // What comes of it is not known before it is read: the record of the page tells.
    let all = viewer.services.admin.list_access_policies(&viewer.further()?, &vault).await?;
    let asked = |name: &str| request.query(name).unwrap_or_default();
    let alike = |policy: &&AccessPolicy| {
        whom::parts(viewer, &policy.grantee).iter().all(|(name, value)| asked(name) == value.as_str())
    };
    match all.policies.iter().find(alike) {
        Some(held) => Ok(remove_page(viewer, &vault, held, None).await),
        None => Ok(redirect(links::in_vault(&vault, "access", &[]))),
    }
}

/// POST /vaults/{vault}/access-policy/remove
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(crate) async fn remove(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let vault = vault(viewer)?;
    let grantee = whom::read_held(viewer, &sent)?;
    match viewer.services.admin.remove_access_policy(&viewer.call.ctx, &vault, &grantee).await {
        Ok(()) => Ok(redirect(links::in_vault(&vault, "access", &[]))),
        Err(error) => {
            let failure = Failure::from(error);
            let all = viewer.services.admin.list_access_policies(&viewer.further()?, &vault).await?;
            let Some(held) = all.policies.iter().find(|policy| policy.grantee == grantee) else { return Err(failure) };
            Ok(remove_page(viewer, &vault, held, Some(&Refusal::of(failure)?)).await)
        }
    }
}

async fn remove_page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    held: &AccessPolicy,
    refusal: Option<&Refusal>,
) -> Response {
    let names = whom::names(viewer, std::iter::once(&held.grantee)).await;
    let who = whom::words(&held.grantee, &names);
    let mut parts = whom::parts(viewer, &held.grantee).to_vec();
    parts.retain(|(_, value)| !value.is_empty());
    let query: Vec<(&str, Option<&str>)> = parts.iter().map(|(name, value)| (*name, Some(value.as_str()))).collect();
    let told = |(name, value): &(&str, String)| {
        let option = if *name == "client_id" { "workload" } else { *name };
        format!(" --{option} {}", quoted(value))
    };
    let told: String = parts.iter().map(told).collect();
    let form = Form {
        action: links::in_vault(vault, "access-policy/remove", &[]),
        csrf_token: Some(viewer.form_token()),
        fields: parts.iter().map(|(name, value)| Field::hidden(name, value.as_str())).collect(),
        submit: say!("access-policies-remove-from-the-next-request").to_owned(),
        danger: true,
        cancel_href: Some(links::in_vault(vault, "access", &[])),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let whom = Fact { name: say!("access-policies-who").to_owned(), value: whom::cell(viewer, &held.grantee, &names) };
    let mut main = vec![Panel::new(say!("access-policies-access-policy"), Body::Facts(vec![whom]))];
    // Nothing is gained by it.
    let nothing = ObjectPermissions::default();
    main.extend(
        preview::of_policy(viewer, vault, &held.grantee, (&held.permissions, &nothing)).await.into_iter().take(1),
    );
    main.push(Panel::new(say!("access-policies-confirm"), Body::Form(form)));
    let commands = Commands::of_installation(viewer.services);
    let place = Place::VaultAccess(vault.clone()).below(say!("access-policies-remove"));
    let page = PanelsPage {
        main,
        aside: vec![snippets::panel(vec![
            commands.server(&format!("access-policy remove {vault}{told}")),
            commands.curl_server(
                "DELETE",
                &links::asked(&format!("/api/v1/vaults/{vault}/access-policies"), &query),
                None,
            ),
        ])],
        ..PanelsPage::new(
            viewer.shell(&place).await,
            say!("access-policies-take-the-access-policy-from", vault = vault, who = who),
        )
    };
    refusal::answer(&page, refusal)
}

async fn page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    filled: impl Fn(&str) -> String,
    (held, revision): (&ObjectPermissions, i64),
    refused: Option<(&Refusal, ObjectPermissions)>,
    found: Vec<Panel>,
) -> Response {
    let (refusal, stored) = refused.unzip();
    let known = Known::of(viewer, Some(vault)).await;
    let mut fields = whom::fields(&filled, &known);
    fields.extend(SecretPermission::ALL.map(|permission| {
        let label = say!(
            "access-policies-secrets-permission-permission2",
            permission = permission.as_str(),
            permission2 = of_secrets(permission)
        );
        Field::check(&on_secrets(permission), &label, held.secrets.contains(&permission))
    }));
    fields.extend(KeyPermission::ALL.map(|permission| {
        let label = say!(
            "access-policies-keys-permission-permission2",
            permission = permission.as_str(),
            permission2 = of_keys(permission)
        );
        Field::check(&on_keys(permission), &label, held.keys.contains(&permission))
    }));
    fields.extend(CertificatePermission::ALL.map(|permission| {
        let label = say!(
            "access-policies-certificates-permission-permission2",
            permission = permission.as_str(),
            permission2 = of_certificates(permission)
        );
        Field::check(&on_certificates(permission), &label, held.certificates.contains(&permission))
    }));
    // Two people who change the same one must not undo each other's work.
    fields.push(Field::hidden("revision", revision.to_string()));
    let form = Form {
        action: links::in_vault(vault, "access-policy", &[]),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("access-policies-set-the-access-policy").to_owned(),
        preview: Some(say!("access-policies-preview").to_owned()),
        cancel_href: Some(links::in_vault(vault, "access", &[])),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let body = r#"{"client_id":"ID","permissions":{"secrets":["get","list"],"keys":["get","sign"]}}"#;
    let place = Place::VaultAccess(vault.clone()).below(say!("access-policies-access-policy"));
    let mut main = found;
    main.push(Panel::new(say!("access-policies-access-policy"), Body::Form(form)));
    main.extend(refusal::stored(refusal, || told(&stored.unwrap_or_default())));
    let page = PanelsPage {
        lead: Some(say!("access-policies-it-replaces-the-one-that").to_owned()),
        main,
        aside: vec![snippets::panel(vec![
            commands.server(&format!(
                "access-policy set {vault} --workload ID --secret-permissions get,list --key-permissions get,sign"
            )),
            commands.curl_server("PUT", &format!("/api/v1/vaults/{vault}/access-policies"), Some(body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("access-policies-access-policy-in-vault", vault = vault))
    };
    refusal::answer(&page, refusal)
}

/// Without one, that no permission is given.
fn told(held: &ObjectPermissions) -> Body {
    let words = |all: Vec<&str>| if all.is_empty() { say!("access-policies-none").to_owned() } else { all.join(", ") };
    Body::Facts(vec![
        Fact::text(say!("access-policies-on-secrets"), words(held.secrets.iter().map(|one| one.as_str()).collect())),
        Fact::text(say!("access-policies-on-keys"), words(held.keys.iter().map(|one| one.as_str()).collect())),
        Fact::text(
            say!("access-policies-on-certificates"),
            words(held.certificates.iter().map(|one| one.as_str()).collect()),
        ),
    ])
}

fn of_secrets(permission: SecretPermission) -> &'static str {
    match permission {
        SecretPermission::Get => say!("access-policies-read-values"),
        SecretPermission::List => say!("access-policies-list-names-and-metadata"),
        SecretPermission::Set => say!("access-policies-add-versions-and-change-attributes"),
        SecretPermission::Delete => say!("access-policies-delete-recoverable"),
        SecretPermission::Recover => say!("access-policies-recover-what-is-deleted"),
        SecretPermission::Backup => say!("access-policies-back-up-sealed"),
        SecretPermission::Restore => say!("access-policies-restore-a-backup"),
        SecretPermission::Purge => say!("access-policies-purge-for-good"),
    }
}

fn of_keys(permission: KeyPermission) -> &'static str {
    match permission {
        KeyPermission::Get => say!("access-policies-read-public-halves"),
        KeyPermission::List => say!("access-policies-list-names-and-metadata"),
        KeyPermission::Update => say!("access-policies-change-attributes-and-uses"),
        KeyPermission::Create => say!("access-policies-make-keys-and-versions"),
        KeyPermission::Import => say!("access-policies-take-in-keys-from-elsewhere"),
        KeyPermission::Delete => say!("access-policies-delete-recoverable"),
        KeyPermission::Recover => say!("access-policies-recover-what-is-deleted"),
        KeyPermission::Backup => say!("access-policies-back-up-sealed"),
        KeyPermission::Restore => say!("access-policies-restore-a-backup"),
        KeyPermission::Purge => say!("access-policies-purge-for-good"),
        KeyPermission::Encrypt => say!("access-policies-encrypt-data"),
        KeyPermission::Decrypt => say!("access-policies-decrypt-data"),
        KeyPermission::WrapKey => say!("access-policies-wrap-keys"),
        KeyPermission::UnwrapKey => say!("access-policies-unwrap-keys"),
        KeyPermission::Sign => say!("access-policies-sign-digests"),
        KeyPermission::Verify => say!("access-policies-verify-signatures"),
        KeyPermission::Rotate => say!("access-policies-rotate-now"),
        KeyPermission::GetRotationPolicy => say!("access-policies-read-rotation-policies"),
        KeyPermission::SetRotationPolicy => say!("access-policies-set-rotation-policies"),
        KeyPermission::Release => say!("access-policies-nothing-here-no-key-is"),
    }
}

fn of_certificates(permission: CertificatePermission) -> &'static str {
    match permission {
        CertificatePermission::Get => say!("access-policies-read-certificates-policies-and-operations"),
        CertificatePermission::List => say!("access-policies-list-names-and-metadata"),
        CertificatePermission::Update => say!("access-policies-change-attributes-and-policies"),
        CertificatePermission::Create => say!("access-policies-make-certificates-and-versions-and"),
        CertificatePermission::Import => say!("access-policies-take-in-certificates-from-elsewhere"),
        CertificatePermission::Delete => say!("access-policies-delete-recoverable"),
        CertificatePermission::Recover => say!("access-policies-recover-what-is-deleted"),
        CertificatePermission::Backup => say!("access-policies-back-up-sealed"),
        CertificatePermission::Restore => say!("access-policies-restore-a-backup"),
        CertificatePermission::Purge => say!("access-policies-purge-for-good"),
        CertificatePermission::ManageContacts => say!("access-policies-see-and-say-who-is"),
        CertificatePermission::ManageIssuers => say!("access-policies-everything-with-issuers-and-revoke"),
        CertificatePermission::GetIssuers => say!("access-policies-read-issuers"),
        CertificatePermission::ListIssuers => say!("access-policies-list-issuers"),
        CertificatePermission::SetIssuers => say!("access-policies-set-issuers-up"),
        CertificatePermission::DeleteIssuers => say!("access-policies-take-issuers-away"),
    }
}
