//! Forms that make a certificate, change its policy and what is said beside it, and renew it.

use strongroom_domain::{
    action::Action,
    certificate::PolicyPatch,
    names::{ObjectName, VaultName},
    secret::{AttributePatch, SecretAttributes},
};
use strongroom_web::{Body, Field, FieldKind, Form, Panel, PanelsPage, say};

use super::policy::Draft;
use crate::{
    dashboard::{
        Failure,
        form::{LONG, SHORT, Sent},
        frame::{Place, Viewer},
        links, redirect,
        refusal::{self, AsOf, Refusal},
        secret::Named,
        secret_forms::{self, attributes, vault},
        snippets::{self, Commands},
    },
    message::{Request, Response},
    problem::Problem,
};

/// What stands beside a certificate: whether it is enabled, and its tags. Its times are its own.
pub(super) fn beside(draft: secret_forms::Draft) -> Vec<Field> {
    let own = |field: &Field| field.name == "enabled" || matches!(field.kind, FieldKind::Pairs(_));
    let fields = draft.fields().into_iter().filter(own).map(|field| match field.name.as_str() {
        "enabled" => field.hint(say!("certificates-forms-of-a-disabled-version-nobody")),
        _ => field,
    });
    fields.collect()
}

/// The name of something new.
///
/// # Errors
/// 400 for what is none; 409 for one that is taken.
pub(super) async fn new_name(viewer: &Viewer<'_>, vault: &VaultName, sent: &str) -> Result<ObjectName, Failure> {
    let name = ObjectName::parse(sent).map_err(|error| Problem::bad_parameter(format!("{error}.")))?;
    // A form says "new": what is there already gets no new version by it.
    if viewer.services.certificates.show(&viewer.further()?, vault, &name, None).await.is_ok() {
        let words = say!("certificates-forms-there-is-a-certificate-name", name = name);
        return Err(Problem { status: 409, reason: "exists", ..Problem::bad_parameter(words) }.into());
    }
    Ok(name)
}

/// GET /vaults/{vault}/new-certificate
///
/// # Errors
/// 404 for what is no vault's name.
pub(crate) async fn new(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    Ok(new_page(viewer, &vault, Draft::usual(), secret_forms::Draft::empty(), None).await)
}

/// POST /vaults/{vault}/new-certificate
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn make(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let vault = vault(viewer)?;
    let draft = Draft::of_sent(&sent);
    let refusal = match draft.patch() {
        Ok(policy) => match try_make(viewer, &vault, &sent, &policy).await {
            Ok(name) => return Ok(redirect(links::certificate(&vault, &name, None))),
            Err(failure) => Refusal::of(failure)?,
        },
        Err(refusal) => refusal,
    };
    Ok(new_page(viewer, &vault, draft, secret_forms::Draft::of_sent(&sent), Some(&refusal)).await)
}

async fn try_make(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    sent: &Sent,
    policy: &PolicyPatch,
) -> Result<ObjectName, Failure> {
    let attributes = attributes(sent)?;
    let name = new_name(viewer, vault, sent.text("name")).await?;
    refusal::hold_new(viewer, Action::CertificateCreate);
    let made = viewer.services.certificates.create(&viewer.call.ctx, vault, &name, Some(policy), &attributes).await;
    let words = say!("certificates-forms-there-is-a-certificate-name", name = name);
    made.map(|(item, _)| item.secret.name).map_err(|error| refusal::or_taken(error.into(), &words))
}

async fn new_page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    draft: Draft,
    said: secret_forms::Draft,
    refusal: Option<&Refusal>,
) -> Response {
    let place = Place::Certificates(vault.clone()).below(say!("certificates-forms-new-certificate"));
    let mut fields = vec![
        Field::line("name", say!("certificates-forms-name"), said.name.clone(), 127)
            .required()
            .hint(say!("certificates-forms-1-to-127-letters-digits")),
    ];
    fields.extend(draft.fields());
    fields.extend(beside(said));
    let form = Form {
        action: links::in_vault(vault, "new-certificate", &[]),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("certificates-forms-make-certificate").to_owned(),
        cancel_href: Some(links::certificates(vault)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let body = r#"{"policy":{"issuer":{"name":"Self"},"x509_props":{"subject":"CN=app.example"}}}"#;
    let page = PanelsPage {
        lead: Some(say!("certificates-forms-its-private-key-is-made").into()),
        main: vec![Panel::new(say!("certificates-forms-certificate"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.vault("certificate create NAME --dns app.example"),
            commands.curl_vault("POST", "/certificates/NAME/create", Some(body)),
        ])],
        ..PanelsPage::new(
            viewer.shell(&place).await,
            say!("certificates-forms-new-certificate-in-vault", vault = vault),
        )
    };
    refusal::answer(&page, refusal)
}

/// GET /vaults/{vault}/certificates/{name}/policy
///
/// # Errors
/// The gate's denial, or why the policy cannot be shown.
pub(crate) async fn edit_policy(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, .. } = Named::of(viewer)?;
    let (item, _) = viewer.services.certificates.policy(&viewer.call.ctx, &vault, &name).await?;
    let state = item.secret.certificate.as_deref().ok_or_else(Problem::internal)?;
    let draft = (Draft::of(&state.policy), AsOf::of(item.secret.revision));
    Ok(policy_page(viewer, &vault, &item.secret.name, draft, None).await)
}

/// POST /vaults/{vault}/certificates/{name}/policy
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn change_policy(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let draft = Draft::of_sent(&sent);
    refusal::hold(viewer, &sent, Action::CertificatePolicyUpdate);
    let refusal = match draft.patch() {
        Ok(patch) => match viewer.services.certificates.update_policy(&viewer.call.ctx, &vault, &name, &patch).await {
            Ok(_) => return Ok(redirect(links::certificate(&vault, &name, None))),
            Err(error) => Refusal::of(error.into())?.keeping(),
        },
        Err(refusal) => refusal,
    };
    let as_of = if refusal.is_late() {
        let (item, _) = viewer.services.certificates.policy(&viewer.further()?, &vault, &name).await?;
        let state = item.secret.certificate.as_deref().ok_or_else(Problem::internal)?;
        AsOf::late(item.secret.revision, Draft::of(&state.policy).fields())
    } else {
        AsOf::of_sent(&sent)
    };
    Ok(policy_page(viewer, &vault, &name, (draft, as_of), Some(&refusal)).await)
}

async fn policy_page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    name: &ObjectName,
    (draft, as_of): (Draft, AsOf),
    refusal: Option<&Refusal>,
) -> Response {
    let place = Place::Certificate(vault.clone(), name.clone(), None).below(say!("certificates-forms-policy"));
    let form = Form {
        action: links::certificate_act(vault, name, None, "policy"),
        csrf_token: Some(viewer.form_token()),
        fields: draft.fields().into_iter().chain([as_of.field()]).collect(),
        submit: say!("certificates-forms-save-policy").to_owned(),
        cancel_href: Some(links::certificate(vault, name, None)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let body = r#"{"x509_props":{"validity_months":6}}"#;
    let page = PanelsPage {
        lead: Some(say!("certificates-forms-versions-that-are-there-stay").to_owned()),
        main: [Panel::new(say!("certificates-forms-policy"), Body::Form(form))]
            .into_iter()
            .chain(as_of.panel())
            .collect(),
        aside: vec![snippets::panel(vec![commands.curl_vault(
            "PATCH",
            &format!("/certificates/{name}/policy"),
            Some(body),
        )])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("certificates-forms-policy-of-name", name = name))
    };
    refusal::answer(&page, refusal)
}

/// POST /vaults/{vault}/certificates/{name}/policy/renew: the next version, by the stored policy and with the tags of the
/// current one.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why no version can be made.
pub(crate) async fn renew(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let (item, _) = viewer.services.certificates.show(&viewer.further()?, &vault, &name, None).await?;
    let attributes = SecretAttributes {
        // As one that is created: that the version before was disabled says nothing of its successor.
        enabled: true,
        not_before: None,
        expires: None,
        content_type: None,
        tags: item.version.attributes.tags,
    };
    viewer.services.certificates.create(&viewer.call.ctx, &vault, &name, None, &attributes).await?;
    Ok(redirect(links::certificate(&vault, &item.secret.name, None)))
}

/// GET /vaults/{vault}/certificates/{name}/{version}/edit
///
/// # Errors
/// The gate's denial, or why the version cannot be shown.
pub(crate) async fn edit(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let named = Named::of(viewer)?;
    let at = (&named.vault, &named.name, named.version.as_ref());
    let (item, _) = viewer.services.certificates.show(&viewer.call.ctx, at.0, at.1, at.2).await?;
    let draft = (secret_forms::Draft::of(&item.version.attributes), AsOf::of(item.secret.revision));
    Ok(edit_page(viewer, &named, draft, None).await)
}

/// POST /vaults/{vault}/certificates/{name}/{version}/edit
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn change(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let named = Named::of(viewer)?;
    let change = async {
        let SecretAttributes { enabled, tags, .. } = attributes(&sent)?;
        // Without its fields a form says nothing about tags.
        let tags = sent.given("tags-shown").map(|_| tags);
        refusal::hold(viewer, &sent, Action::CertificateUpdate);
        update(viewer, &named, &AttributePatch { enabled: Some(enabled), tags, ..AttributePatch::default() }).await
    };
    match change.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?.keeping();
            let as_of = if refusal.is_late() {
                let at = (&named.vault, &named.name, named.version.as_ref());
                let (item, _) = viewer.services.certificates.show(&viewer.further()?, at.0, at.1, at.2).await?;
                AsOf::late(item.secret.revision, beside(secret_forms::Draft::of(&item.version.attributes)))
            } else {
                AsOf::of_sent(&sent)
            };
            Ok(edit_page(viewer, &named, (secret_forms::Draft::of_sent(&sent), as_of), Some(&refusal)).await)
        }
    }
}

/// POST /vaults/{vault}/certificates/{name}/{version}/enable and /disable
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn switch(viewer: &Viewer<'_>, request: &Request, enabled: bool) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let named = Named::of(viewer)?;
    let patch = AttributePatch { enabled: Some(enabled), ..AttributePatch::default() };
    Ok(redirect(update(viewer, &named, &patch).await?))
}

async fn update(viewer: &Viewer<'_>, named: &Named, patch: &AttributePatch) -> Result<String, Failure> {
    let Named { vault, name, version } = named;
    let at = (name, version.as_ref());
    let (item, _) = viewer.services.certificates.update(&viewer.call.ctx, vault, at, patch, None).await?;
    let shown = (item.secret.current != item.version.version).then_some(&item.version.version);
    Ok(links::certificate(vault, &item.secret.name, shown))
}

async fn edit_page(
    viewer: &Viewer<'_>,
    named: &Named,
    (draft, as_of): (secret_forms::Draft, AsOf),
    refusal: Option<&Refusal>,
) -> Response {
    let Named { vault, name, version } = named;
    let place = Place::Certificate(vault.clone(), name.clone(), version.clone()).below(say!("certificates-forms-edit"));
    let mut fields = beside(draft);
    if fields.iter().any(|field| matches!(field.kind, FieldKind::Pairs(_))) {
        fields.push(Field::hidden("tags-shown", "yes"));
    }
    fields.push(as_of.field());
    let form = Form {
        action: links::certificate_act(vault, name, version.as_ref(), "edit"),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("certificates-forms-save").to_owned(),
        cancel_href: Some(links::certificate(vault, name, version.as_ref())),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let path = version.as_ref().map_or_else(String::new, |version| format!("/{version}"));
    let of_version = version.as_ref().map(|version| format!(" --version {version}")).unwrap_or_default();
    let body = r#"{"attributes":{"enabled":true},"tags":{}}"#;
    let page = PanelsPage {
        lead: Some(say!("certificates-forms-its-key-and-its-secret").to_owned()),
        main: [Panel::new(say!("certificates-forms-attributes"), Body::Form(form))]
            .into_iter()
            .chain(as_of.panel())
            .collect(),
        aside: vec![snippets::panel(vec![
            commands.vault(&format!("certificate update {name}{of_version} --tag NAME=VALUE")),
            commands.curl_vault("PATCH", &format!("/certificates/{name}{path}"), Some(body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("certificates-forms-attributes-of-name", name = name))
    };
    refusal::answer(&page, refusal)
}
