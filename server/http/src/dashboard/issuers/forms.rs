//! Forms that set an issuer up and change it. Whoever names an authority must be allowed to sign with its key, here as
//! by every other way.

use strongroom_domain::{
    action::Action,
    issuer::IssuerPatch,
    issuers::IssuerError,
    names::{ObjectName, VaultName},
    objects::ObjectError,
};
use strongroom_web::{Body, Form, Panel, PanelsPage, Tab, say};

use super::draft::{Draft, blamed};
use crate::{
    dashboard::{
        Failure,
        form::{LONG, SHORT, Sent},
        frame::{Place, Viewer},
        links, redirect,
        refusal::{self, AsOf, Refusal, Stopped},
        secret::Named,
        secret_forms::vault,
        snippets::{self, Commands},
    },
    message::{Request, Response},
    problem::Problem,
};

/// GET /vaults/{vault}/new-issuer[?provider=acme]
///
/// # Errors
/// 404 for what is no vault's name.
pub(crate) async fn new(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    let acme = request.query("provider").is_some_and(|provider| provider.eq_ignore_ascii_case("acme"));
    Ok(new_page(viewer, &vault, Draft::usual(acme), None).await)
}

/// POST /vaults/{vault}/new-issuer
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn make(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let vault = vault(viewer)?;
    let draft = Draft::of_sent(&sent);
    let refusal = match draft.patch(&sent) {
        Ok(patch) => match try_make(viewer, &vault, &draft.name, &patch).await {
            Ok(name) => return Ok(redirect(links::issuer(&vault, &name))),
            Err(stopped) => stopped.refusal()?,
        },
        Err(refusal) => refusal,
    };
    Ok(new_page(viewer, &vault, draft, Some(&refusal)).await)
}

async fn try_make(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    sent: &str,
    patch: &IssuerPatch,
) -> Result<ObjectName, Stopped> {
    let name = ObjectName::parse(sent).map_err(|error| Refusal::of_field("name", format!("{error}.")))?;
    let issuers = &viewer.services.issuers;
    // A form says "new": what is there already is not replaced by it.
    let taken = |status| {
        let words = say!("issuers-forms-there-is-an-issuer-name", name = name);
        Stopped::from(Problem { status, reason: "exists", ..Problem::bad_parameter(words) }).at(Some("name"))
    };
    if issuers.get(&viewer.further()?, vault, &name).await.is_ok() {
        return Err(taken(409));
    }
    refusal::hold_new(viewer, Action::IssuerSet);
    match issuers.set(&viewer.call.ctx, vault, &name, patch).await {
        Err(IssuerError::Object(ObjectError::OtherRevision)) => Err(taken(412)),
        made => made.map(|issuer| issuer.item.secret.name).map_err(refused),
    }
}

/// Why nothing was written, at the field that is to blame.
fn refused(error: IssuerError) -> Stopped {
    let field = blamed(&error);
    Stopped::from(Failure::from(error)).at(field)
}

async fn new_page(viewer: &Viewer<'_>, vault: &VaultName, draft: Draft, refusal: Option<&Refusal>) -> Response {
    let place = Place::Issuers(vault.clone()).below(say!("issuers-forms-new-issuer"));
    let acme = draft.acme;
    let tab = |label: &str, provider: Option<&str>| Tab {
        label: label.to_owned(),
        href: links::in_vault(vault, "new-issuer", &[("provider", provider)]),
        current: acme == provider.is_some(),
    };
    let form = Form {
        action: links::in_vault(vault, "new-issuer", &[]),
        csrf_token: Some(viewer.form_token()),
        fields: draft.fields(true),
        submit: say!("issuers-forms-set-up-issuer").to_owned(),
        cancel_href: Some(links::issuers(vault)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let (command, body) = match acme {
        true => (
            "certificate issuer set NAME --acme https://acme.example/directory",
            r#"{"provider":"ACME","settings":{"kind":"acme","directory":"https://acme.example/directory"}}"#,
        ),
        false => (
            "certificate issuer set NAME --authority CERTIFICATE",
            r#"{"provider":"Strongroom-CA","settings":{"kind":"authority","certificate":"CERTIFICATE"}}"#,
        ),
    };
    let page = PanelsPage {
        lead: Some(say!("issuers-forms-whoever-may-make-certificates-in").to_owned()),
        tabs: vec![
            tab(say!("issuers-forms-an-authority-kept-in-a"), None),
            tab(say!("issuers-forms-an-authority-elsewhere-by-acme"), Some("acme")),
        ],
        main: vec![Panel::new(say!("issuers-forms-issuer"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.vault(command),
            commands.curl_vault("PUT", "/certificates/issuers/NAME", Some(body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("issuers-forms-new-issuer-in-vault", vault = vault))
    };
    refusal::answer(&page, refusal)
}

/// GET /vaults/{vault}/issuers/{name}/edit
///
/// # Errors
/// The gate's denial, or why the issuer cannot be shown.
pub(crate) async fn edit(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, .. } = Named::of(viewer)?;
    let issuer = viewer.services.issuers.get(&viewer.call.ctx, &vault, &name).await?;
    let draft = (Draft::of(&issuer), AsOf::of(issuer.item.secret.revision));
    Ok(edit_page(viewer, &vault, &issuer.item.secret.name, draft, None).await)
}

/// POST /vaults/{vault}/issuers/{name}/edit
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn change(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let draft = Draft::of_sent(&sent);
    refusal::hold(viewer, &sent, Action::IssuerUpdate);
    let refusal = match draft.patch(&sent) {
        Ok(patch) => match viewer.services.issuers.update(&viewer.call.ctx, &vault, &name, &patch).await {
            Ok(_) => return Ok(redirect(links::issuer(&vault, &name))),
            Err(error) => refused(error).refusal()?.keeping(),
        },
        Err(refusal) => refusal,
    };
    let as_of = if refusal.is_late() {
        let issuer = viewer.services.issuers.get(&viewer.further()?, &vault, &name).await?;
        AsOf::late(issuer.item.secret.revision, Draft::of(&issuer).fields(false))
    } else {
        AsOf::of_sent(&sent)
    };
    Ok(edit_page(viewer, &vault, &name, (draft, as_of), Some(&refusal)).await)
}

async fn edit_page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    name: &ObjectName,
    (draft, as_of): (Draft, AsOf),
    refusal: Option<&Refusal>,
) -> Response {
    let place = Place::Issuer(vault.clone(), name.clone()).below(say!("issuers-forms-edit"));
    let acme = draft.acme;
    let form = Form {
        action: links::issuer_act(vault, name, "edit"),
        csrf_token: Some(viewer.form_token()),
        fields: draft.fields(false).into_iter().chain([as_of.field()]).collect(),
        submit: say!("issuers-forms-save").to_owned(),
        cancel_href: Some(links::issuer(vault, name)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let command = match acme {
        true => format!("certificate issuer set {name} --acme https://acme.example/directory"),
        false => format!("certificate issuer set {name} --authority CERTIFICATE"),
    };
    let body = r#"{"attributes":{"enabled":true}}"#;
    let page = PanelsPage {
        lead: Some(say!("issuers-forms-what-was-signed-stays-as").to_owned()),
        main: [Panel::new(say!("issuers-forms-issuer"), Body::Form(form))].into_iter().chain(as_of.panel()).collect(),
        aside: vec![snippets::panel(vec![
            commands.vault(&command),
            commands.curl_vault("PATCH", &format!("/certificates/issuers/{name}"), Some(body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("issuers-forms-change-name", name = name))
    };
    refusal::answer(&page, refusal)
}

/// POST /vaults/{vault}/issuers/{name}/enable and /disable
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn switch(viewer: &Viewer<'_>, request: &Request, enabled: bool) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let patch = IssuerPatch { enabled: Some(enabled), ..IssuerPatch::default() };
    viewer.services.issuers.update(&viewer.call.ctx, &vault, &name, &patch).await?;
    Ok(redirect(links::issuer(&vault, &name)))
}
