//! A key as a file: its public half for whoever may see it, a sealed backup of all its versions, and a name that comes back
//! from one. The private half goes out by none of them: a backup is what this vault sealed, and only it opens that.

use strongroom_domain::{backup::MAX_BACKUP_BYTES, names::VaultName};
use strongroom_web::{Body, Field, Form, Panel, PanelsPage, say};

use super::{
    Failure,
    certificates::files::file,
    form::{SHORT, Sent},
    frame::{Place, Viewer},
    links,
    multipart::Parts,
    redirect,
    refusal::{self, Refusal},
    secret::Named,
    secret_forms::vault,
    snippets::{self, Commands},
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// GET /vaults/{vault}/keys/{name}/{version}/public?as=pem or jwk
///
/// # Errors
/// The gate's denial, or why there is nothing to hand out.
pub(super) async fn public(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    // Before anything is asked, which is on record as done.
    let form = request.query("as").unwrap_or("pem");
    if !["pem", "jwk"].contains(&form) {
        return Err(Problem::bad_parameter(say!("key-files-a-key-is-handed-out-as")).into());
    }
    let Named { vault, name, version } = Named::of(viewer)?;
    let (item, _) = viewer.services.keys.show(&viewer.call.ctx, &vault, &name, version.as_ref()).await?;
    let properties = item.version.key.as_ref().ok_or_else(Problem::internal)?;
    // A symmetric key has none.
    let public = properties.public.as_ref().ok_or_else(Problem::no_route)?;
    let name = &item.secret.name;
    Ok(match form {
        "pem" => {
            let pem = public.pem().map_err(|_| Problem::internal())?;
            file(pem.as_bytes(), "application/x-pem-file", &format!("{name}.pem"))
        }
        _ => {
            let jwk = serde_json::to_vec_pretty(public).map_err(|_| Problem::internal())?;
            file(&jwk, "application/jwk+json", &format!("{name}.jwk"))
        }
    })
}

/// POST /vaults/{vault}/keys/{name}/{version}/backup: all versions, as the bytes that the vault sealed. The command line
/// writes the same.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why there is no backup.
pub(super) async fn backup(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let place = viewer.services.long_answers.enter(&viewer.call.ctx.principal.id).await?;
    let blob = viewer.services.keys.backup(&viewer.call.ctx, &vault, &name).await?;
    Ok(file(&blob, "application/octet-stream", &format!("{name}.keybackup")).in_place(place))
}

/// GET /vaults/{vault}/restore-key
///
/// # Errors
/// 404 for what is no vault's name.
pub(super) async fn restore_form(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    Ok(restore_page(viewer, &vault(viewer)?, None).await)
}

/// POST /vaults/{vault}/restore-key: the name comes back with all its versions as they were.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be restored.
pub(super) async fn restore(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let parts = Parts::accept(viewer, request)?;
    let vault = vault(viewer)?;
    let restored = match parts.file("backup").filter(|bytes| !bytes.is_empty()) {
        None => Err(Refusal::of_field("backup", say!("key-files-choose-the-backup"))),
        Some(bytes) if bytes.len() > MAX_BACKUP_BYTES => {
            Err(Refusal::of_field("backup", say!("key-files-it-is-longer-than-a-backup")))
        }
        Some(bytes) => match viewer.services.keys.restore(&viewer.call.ctx, &vault, bytes).await {
            Ok((item, _)) => Ok(links::key(&vault, &item.secret.name, None)),
            Err(error) => Err(Refusal::of(error.into())?.at("backup")),
        },
    };
    match restored {
        Ok(href) => Ok(redirect(href)),
        Err(refusal) => Ok(restore_page(viewer, &vault, Some(&refusal)).await),
    }
}

async fn restore_page(viewer: &Viewer<'_>, vault: &VaultName, refusal: Option<&Refusal>) -> Response {
    let form = Form {
        action: links::in_vault(vault, "restore-key", &[]),
        csrf_token: Some(viewer.form_token()),
        fields: vec![
            Field::file("backup", say!("key-files-backup"), ".keybackup")
                .required()
                .hint(say!("key-files-a-file-that-this-vault-sealed")),
        ],
        submit: say!("key-files-restore").to_owned(),
        cancel_href: Some(links::keys(vault)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let place = Place::Keys(vault.clone()).below(say!("key-files-restore"));
    let page = PanelsPage {
        lead: Some(say!("key-files-its-name-has-to-be-free").to_owned()),
        main: vec![Panel::new(say!("key-files-backup"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.vault("key restore FILE"),
            commands.curl_vault("POST", "/keys/restore", Some("@backup.json")),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("key-files-restore-a-key-into-vault", vault = vault))
    };
    refusal::answer(&page, refusal)
}
