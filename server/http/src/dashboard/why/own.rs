//! GET /why/{id} of whoever was denied and may not read records: what the denial told them and whom to ask, and nothing
//! else.

use strongroom_domain::{
    admin::OwnDenial,
    names::{ObjectName, VaultName},
};
use uuid::Uuid;

use crate::{
    dashboard::{
        Failure, access,
        frame::{Place, Viewer},
        problems, question, rendered, view,
    },
    message::Response,
    problem::Problem,
};

/// # Errors
/// Not found for everybody else, and for what was no denial.
pub(super) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let id = Uuid::try_parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let denial = viewer.services.admin.own_denial(&viewer.call.ctx, id).await?;
    let shell = viewer.shell(&Place::Why.below(id.to_string())).await;
    let place = place(&denial);
    let page = problems::denied(shell, &place, denial.action, &denial.reason, id);
    let page = strongroom_web::DeniedPage {
        when: Some(view::moment_millis(denial.at)),
        decision_href: None,
        copy_as: question::with_why(viewer, &place, id),
        grants: vec![access::owners::to_ask(viewer, place.vault()).await],
        ..page
    };
    Ok(rendered(200, page.render()))
}

/// Where it was denied.
fn place(denial: &OwnDenial) -> Place {
    let Some(vault) = denial.vault.as_deref().and_then(|vault| VaultName::parse(vault).ok()) else {
        return Place::Elsewhere;
    };
    let name = denial.object.as_deref().and_then(|name| ObjectName::parse(name).ok());
    match (denial.kind.as_deref(), name) {
        (Some("secret"), Some(name)) => Place::Secret(vault, name, None),
        (Some("secret"), None) => Place::Secrets(vault),
        (Some("key"), Some(name)) => Place::Key(vault, name, None),
        (Some("key"), None) => Place::Keys(vault),
        (Some("certificate"), Some(name)) => Place::Certificate(vault, name, None),
        (Some("certificate"), None) => Place::Certificates(vault),
        (Some("issuer"), Some(name)) => Place::Issuer(vault, name),
        (Some("issuer" | "contacts"), _) => Place::Issuers(vault),
        _ => Place::Vault(vault),
    }
}
