//! Taking an issuer away: at once and for good, as in Azure, so its name is typed first.

use strongroom_domain::{
    issuer::IssuerSettings,
    issuers::ShownIssuer,
    names::{ObjectName, VaultName},
};
use strongroom_web::{Body, Form, Panel, PanelsPage, say};

use super::{show::asked, uses::Uses};
use crate::{
    dashboard::{
        Failure,
        form::{SHORT, Sent},
        frame::{Place, Viewer},
        links,
        offers::Offers,
        redirect,
        refusal::{self, Refusal},
        secret::Named,
        snippets::{self, Commands},
    },
    message::{Request, Response},
};

/// GET /vaults/{vault}/issuers/{name}/delete
///
/// # Errors
/// The gate's denial, or why the issuer cannot be shown.
pub(crate) async fn ask(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, .. } = Named::of(viewer)?;
    let issuer = viewer.services.issuers.get(&viewer.call.ctx, &vault, &name).await?;
    Ok(page(viewer, &vault, &issuer, None).await)
}

/// POST /vaults/{vault}/issuers/{name}/delete: gone for good, once its name was typed.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(crate) async fn delete(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let issuers = &viewer.services.issuers;
    let is_named = ObjectName::parse(sent.text("confirm")).ok().as_ref() == Some(&name);
    let told = (say!("issuers-delete-taken-away"), name.display());
    if let Err(refusal) = refusal::for_good(viewer, &sent, is_named, told) {
        let issuer = issuers.get(&viewer.further()?, &vault, &name).await?;
        return Ok(page(viewer, &vault, &issuer, Some(&refusal)).await);
    }
    issuers.delete(&viewer.call.ctx, &vault, &name).await?;
    Ok(redirect(links::issuers(&vault)))
}

async fn page(viewer: &Viewer<'_>, vault: &VaultName, issuer: &ShownIssuer, refusal: Option<&Refusal>) -> Response {
    let name = &issuer.item.secret.name;
    let place = Place::Issuer(vault.clone(), name.clone()).below(say!("issuers-delete-delete"));
    let mut offers = Offers::new(viewer, &place);
    let uses = Uses::read(viewer, &mut offers, vault).await;
    let form = Form {
        action: links::issuer_act(vault, name, "delete"),
        csrf_token: Some(viewer.form_token()),
        fields: refusal::for_good_fields(name.display()),
        submit: say!("issuers-delete-delete-for-good").to_owned(),
        danger: true,
        cancel_href: Some(links::issuer(vault, name)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let account = match issuer.settings {
        IssuerSettings::Acme(_) => say!("issuers-delete-its-account-at-the-authority"),
        IssuerSettings::Authority(_) => say!("issuers-delete-the-authority-itself-stays-where"),
    };
    let (_, cannot) = offers.told();
    let commands = Commands::of_vault(viewer.services, vault);
    let mut main = vec![asked(vault, issuer)];
    main.extend(uses.iter().map(|uses| uses.panel(viewer, vault, name)));
    main.push(Panel::new(say!("issuers-delete-confirm"), Body::Form(form)));
    let page = PanelsPage {
        lead: Some(say!("issuers-delete-what-it-signed-stays-certificates", account = account)),
        cannot,
        main,
        aside: vec![snippets::panel(vec![
            commands.vault(&format!("certificate issuer delete {name}")),
            commands.curl_vault("DELETE", &format!("/certificates/issuers/{name}"), None),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("issuers-delete-delete-name-for-good", name = name))
    };
    refusal::answer(&page, refusal)
}
