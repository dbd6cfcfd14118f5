//! The dashboard: sign-in, pages, forms. The same use cases and the same gate as the API.
//!
//! A handler parses, calls one use case for its answer, and fills in a page of `strongroom-web`. A
//! page that needs several reads is several requests to the gate, each with a record of its own.
//! No page holds a secret's value but the answer to a reveal, and no page is ever cached.

mod access;
mod activity;
mod again;
mod anomalies;
mod approvals;
mod ask_approval;
mod audit;
mod audit_bundle;
mod audit_export;
mod audit_filter;
mod audit_lines;
mod audit_verify;
mod audit_views;
mod audit_who;
mod before_deletion;
mod bulk;
mod certificates;
mod changed;
mod command_line;
mod compare;
mod deleted;
mod denied_around;
mod doors;
mod endings;
mod entry;
mod form;
mod frame;
mod issuers;
mod kept_back;
mod key;
mod key_files;
mod key_forms;
mod key_import;
mod key_rotation;
mod key_uses;
mod keys;
mod kinds;
mod links;
mod live;
mod me;
pub(crate) mod multipart;
mod nearing;
mod needs;
mod network;
mod network_hits;
mod object_list;
mod offers;
mod overview;
mod passing;
mod pins;
mod place;
mod policies;
mod problems;
mod provider_test;
mod question;
mod readers;
mod refusal;
mod revoked;
mod search;
mod secret;
mod secret_fields;
mod secret_filter;
mod secret_forms;
mod secret_import;
mod secrets;
mod session;
mod settings;
mod setup;
mod sign_in;
mod snippets;
mod sort;
mod step_up;
#[cfg(test)]
mod tests;
mod undo;
mod untold;
mod vault_forms;
mod vault_life;
mod vault_rows;
mod vaults;
mod view;
mod why;
mod would_allow;

use std::{pin::Pin, sync::Arc};

use strongroom_domain::{approval::Verdict, context::RequestContext, identity::Session, objects::NEEDS_PROOF};
use strongroom_web::{asset, content_security_policy, say};
use zeroize::Zeroizing;

use crate::{
    boxed::boxed,
    edge::Call,
    message::{Method, Request, Response},
    paths,
    problem::Problem,
    routes::Endpoint,
    services::Services,
};
pub(crate) use again::without_session;
use frame::Viewer;
use kinds::Kind;
pub use live::live_batches;
pub(crate) use me::language;
use problems::Failure;

/// Reason of a record: a page was asked for without a session, and the answer led to sign-in.
pub(crate) const SESSION_MISSING: &str = "session-missing";

/// Whether a path of the base host belongs to the dashboard, so that problems are shown as pages.
pub(crate) fn is_page(path: &str) -> bool {
    const FIRST: [&str; 18] = [
        "overview",
        "search",
        "vaults",
        "new-vault",
        "deleted-vaults",
        "access",
        "me",
        "settings",
        "audit",
        "why",
        "policy",
        "command-line",
        "sign-in",
        "sign-out",
        "signed-out",
        "setup",
        "auth",
        "assets",
    ];
    match paths::segments(path).as_deref() {
        Ok([]) => true,
        Ok([first, ..]) => FIRST.iter().any(|page| first.eq_ignore_ascii_case(page)),
        Err(_) => false,
    }
}

/// The session behind the cookie, if there is one.
///
/// # Errors
/// 503 when the store cannot say.
pub(crate) async fn session(
    services: &Services,
    cookies: Option<&str>,
    now: i64,
) -> Result<Option<Arc<Session>>, Problem> {
    session::find(services, cookies, now).await
}

/// Where somebody without a session is led: to sign-in, which never leads anywhere by itself.
pub(crate) fn to_sign_in(method: Method, path: &str, query: &str) -> Response {
    Response { reason: SESSION_MISSING, ..redirect(links::sign_in(&links::ReturnTo::of(method, path, query))) }
}

/// Where somebody is led who asks for the address of a form, which takes POST alone: to the page that it stands on.
pub(crate) fn to_page_of_form(path: &str) -> Response {
    redirect(links::ReturnTo::of(Method::Post, path, "").as_str().to_owned())
}

/// A problem as a page, for whoever it is.
pub(crate) fn problem_page(ctx: &RequestContext, problem: &Problem) -> Response {
    problems::page(ctx, problem, None)
}

/// The pages.
///
/// # Errors
/// Only for routes that are not of the dashboard; everything else is answered with a page.
pub(crate) async fn page(services: &Arc<Services>, call: &Call, request: Request) -> Result<Response, Problem> {
    match call.endpoint {
        Endpoint::Asset => return bundled(call.parameter(0)),
        Endpoint::SetupPage => return setup::page(services, call).await,
        Endpoint::SetupForm => return setup::finish(services, call, &request).await,
        Endpoint::SignInPage => return sign_in::page(services, call, &request).await,
        Endpoint::SignInStart => return sign_in::start(services, call, &request).await,
        Endpoint::SignInCallback => return sign_in::callback(services, call, &request, None).await,
        Endpoint::ProviderCallback => {
            return sign_in::callback(services, call, &request, Some(call.parameter(0))).await;
        }
        Endpoint::SignedOut => return sign_in::signed_out(services, &request).await,
        Endpoint::BackChannelLogout => return sign_in::logged_out_elsewhere(services, call, &request).await,
        Endpoint::ApprovalAskForm => return ask_approval::ask(services, call, &request).await,
        _ => {}
    }
    shown(services, call, request).await
}

/// Who asks for a page; nobody without a session.
fn viewer<'a>(services: &'a Services, call: &'a Call, request: &Request) -> Result<Viewer<'a>, Problem> {
    let session = call.session.as_deref().ok_or_else(Problem::no_route)?;
    let here = links::ReturnTo::of_request(request);
    let cookies = request.cookies.as_deref();
    let pins = pins::Pins::of(cookies, &session.principal.id);
    let undo = undo::Opposite::of(cookies, &session.principal.id, call.ctx.seconds());
    Ok(Viewer { services, call, session, look: me::look(cookies), pins, here, kept: None, undo })
}

/// The pages of somebody who is signed in.
async fn shown(services: &Arc<Services>, call: &Call, request: Request) -> Result<Response, Problem> {
    let viewer = viewer(services, call, &request)?;
    if let Some(again) = again::stale(&viewer, &request).await {
        return Ok(again);
    }
    if !step_up::is_proven(&viewer) {
        if step_up::is_asked_for(call.endpoint) {
            return Ok(step_up::page(&viewer).await);
        }
        // Of what else is done here it depends on what is there, which is looked at where it is done.
        call.ctx.without_proof();
    }
    let response = match handled(&viewer, &request).await {
        Ok(response) => undo::after(&viewer, &request, response),
        Err(Failure::Problem(problem)) if problem.reason == NEEDS_PROOF => again::for_step_up(&viewer, &request).await,
        Err(failure) => problems::answer(&viewer, failure).await,
    };
    if call.endpoint == Endpoint::AuditLive {
        // A page that is left open is no use of a session.
        return Ok(response);
    }
    Ok(session::in_use(services, request.cookies.as_deref(), call.ctx.now, response))
}

/// The answer of a handler. Its type is spelt out, because a form shows the page again that it stands on.
type Handled<'a> = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send + 'a>>;

fn handled<'a>(viewer: &'a Viewer<'a>, request: &'a Request) -> Handled<'a> {
    match viewer.call.endpoint {
        Endpoint::Home => boxed(|| async { Ok(redirect(links::OVERVIEW.to_owned())) }),
        Endpoint::SearchPage => boxed(|| search::show(viewer, request)),
        Endpoint::OverviewPage => boxed(|| overview::show(viewer, request)),
        Endpoint::VaultsPage => boxed(|| vaults::list(viewer, request)),
        Endpoint::SecretsPage => boxed(|| secrets::list(viewer, request)),
        Endpoint::SecretImportPage => boxed(|| secret_import::form(viewer)),
        Endpoint::SecretImportLookForm => boxed(|| secret_import::look(viewer, request)),
        Endpoint::SecretImportForm => boxed(|| secret_import::store(viewer, request)),
        Endpoint::BulkSecretsForm => boxed(|| bulk::act(viewer, request)),
        Endpoint::SecretPage | Endpoint::SecretVersionPage => boxed(|| secret::show(viewer)),
        Endpoint::SecretReveal => boxed(|| secret::reveal(viewer, request)),
        Endpoint::NewSecretPage => boxed(|| secret_forms::new_secret(viewer)),
        Endpoint::NewSecretForm => boxed(|| secret_forms::create(viewer, request)),
        Endpoint::NewVersionPage => boxed(|| secret_forms::new_version(viewer)),
        Endpoint::NewVersionForm => boxed(|| secret_forms::add_version(viewer, request)),
        Endpoint::VersionEditPage => boxed(|| secret_forms::edit(viewer)),
        Endpoint::VersionEditForm => boxed(|| secret_forms::change(viewer, request)),
        Endpoint::VersionEnableForm => boxed(|| secret_forms::switch(viewer, request, true)),
        Endpoint::VersionDisableForm => boxed(|| secret_forms::switch(viewer, request, false)),
        Endpoint::CompareForm => boxed(|| compare::with_current(viewer, request)),
        Endpoint::RollBackForm => boxed(|| secret_forms::roll_back(viewer, request)),
        Endpoint::SecretDeletePage => boxed(|| deleted::ask_delete(viewer, Kind::Secret)),
        Endpoint::SecretDeleteForm => boxed(|| deleted::delete(viewer, request, Kind::Secret)),
        Endpoint::DeletedPage => boxed(|| deleted::list(viewer, request, Kind::Secret)),
        Endpoint::RecoverForm => boxed(|| deleted::recover(viewer, request, Kind::Secret)),
        Endpoint::PurgePage => boxed(|| deleted::ask_purge(viewer, Kind::Secret)),
        Endpoint::PurgeForm => boxed(|| deleted::purge(viewer, request, Kind::Secret)),
        Endpoint::KeysPage => boxed(|| keys::list(viewer, request)),
        Endpoint::NewKeyPage => boxed(|| key_forms::new_key(viewer)),
        Endpoint::NewKeyForm => boxed(|| key_forms::create(viewer, request)),
        Endpoint::KeyImportPage => boxed(|| key_import::form(viewer)),
        Endpoint::KeyLookForm => boxed(|| key_import::look(viewer, request)),
        Endpoint::KeyImportForm => boxed(|| key_import::store(viewer, request)),
        Endpoint::KeyRestorePage => boxed(|| key_files::restore_form(viewer)),
        Endpoint::KeyRestoreForm => boxed(|| key_files::restore(viewer, request)),
        Endpoint::KeyBackupForm => boxed(|| key_files::backup(viewer, request)),
        Endpoint::KeyPublicFile => boxed(|| key_files::public(viewer, request)),
        Endpoint::KeyPage | Endpoint::KeyVersionPage => boxed(|| key::show(viewer)),
        Endpoint::KeyEditPage => boxed(|| key_forms::edit(viewer)),
        Endpoint::KeyEditForm => boxed(|| key_forms::change(viewer, request)),
        Endpoint::KeyEnableForm => boxed(|| key_forms::switch(viewer, request, true)),
        Endpoint::KeyDisableForm => boxed(|| key_forms::switch(viewer, request, false)),
        Endpoint::KeyUseForm => boxed(|| key_forms::use_it(viewer, request)),
        Endpoint::KeyRotateForm => boxed(|| key_rotation::rotate(viewer, request)),
        Endpoint::KeyRotationPage => boxed(|| key_rotation::edit(viewer)),
        Endpoint::KeyRotationForm => boxed(|| key_rotation::change(viewer, request)),
        Endpoint::KeyDeletePage => boxed(|| deleted::ask_delete(viewer, Kind::Key)),
        Endpoint::KeyDeleteForm => boxed(|| deleted::delete(viewer, request, Kind::Key)),
        Endpoint::DeletedKeysPage => boxed(|| deleted::list(viewer, request, Kind::Key)),
        Endpoint::KeyRecoverForm => boxed(|| deleted::recover(viewer, request, Kind::Key)),
        Endpoint::KeyPurgePage => boxed(|| deleted::ask_purge(viewer, Kind::Key)),
        Endpoint::KeyPurgeForm => boxed(|| deleted::purge(viewer, request, Kind::Key)),
        Endpoint::CertificatesPage => boxed(|| certificates::list::show(viewer, request)),
        Endpoint::MakeCertificatePage => boxed(|| certificates::forms::new(viewer)),
        Endpoint::MakeCertificateForm => boxed(|| certificates::forms::make(viewer, request)),
        Endpoint::CertificateImportPage => boxed(|| certificates::import::form(viewer)),
        Endpoint::CertificateLookForm => boxed(|| certificates::import::look(viewer, request)),
        Endpoint::CertificateImportForm => boxed(|| certificates::import::store(viewer, request)),
        Endpoint::CertificatePage | Endpoint::CertificateVersionPage => boxed(|| certificates::show::show(viewer)),
        Endpoint::CertificatePolicyPage => boxed(|| certificates::forms::edit_policy(viewer)),
        Endpoint::CertificatePolicyForm => boxed(|| certificates::forms::change_policy(viewer, request)),
        Endpoint::CertificateRenewForm => boxed(|| certificates::forms::renew(viewer, request)),
        Endpoint::CertificateMergeForm => boxed(|| certificates::pending::merge(viewer, request)),
        Endpoint::CertificateCancelForm => boxed(|| certificates::pending::cancel(viewer, request)),
        Endpoint::CertificateForgetForm => boxed(|| certificates::pending::forget(viewer, request)),
        Endpoint::CertificatePublicFile => boxed(|| certificates::files::public(viewer, request)),
        Endpoint::CertificateExportForm => boxed(|| certificates::files::export(viewer, request)),
        Endpoint::CertificateEditPage => boxed(|| certificates::forms::edit(viewer)),
        Endpoint::CertificateEditForm => boxed(|| certificates::forms::change(viewer, request)),
        Endpoint::CertificateEnableForm => boxed(|| certificates::forms::switch(viewer, request, true)),
        Endpoint::CertificateDisableForm => boxed(|| certificates::forms::switch(viewer, request, false)),
        Endpoint::CertificateDeletePage => boxed(|| deleted::ask_delete(viewer, Kind::Certificate)),
        Endpoint::CertificateDeleteForm => boxed(|| deleted::delete(viewer, request, Kind::Certificate)),
        Endpoint::DeletedCertificatesPage => boxed(|| deleted::list(viewer, request, Kind::Certificate)),
        Endpoint::CertificateRecoverForm => boxed(|| deleted::recover(viewer, request, Kind::Certificate)),
        Endpoint::CertificatePurgePage => boxed(|| deleted::ask_purge(viewer, Kind::Certificate)),
        Endpoint::CertificatePurgeForm => boxed(|| deleted::purge(viewer, request, Kind::Certificate)),
        Endpoint::RevocationsPage => boxed(|| certificates::revocation::list(viewer)),
        Endpoint::RevokeSignedPage | Endpoint::RevokeVersionPage => boxed(|| certificates::revoke::ask(viewer)),
        Endpoint::RevokeSignedForm | Endpoint::RevokeVersionForm => {
            boxed(|| certificates::revoke::revoke(viewer, request))
        }
        Endpoint::IssuersPage => boxed(|| issuers::list::show(viewer)),
        Endpoint::NewIssuerPage => boxed(|| issuers::forms::new(viewer, request)),
        Endpoint::NewIssuerForm => boxed(|| issuers::forms::make(viewer, request)),
        Endpoint::IssuerPage => boxed(|| issuers::show::show(viewer)),
        Endpoint::IssuerEditPage => boxed(|| issuers::forms::edit(viewer)),
        Endpoint::IssuerEditForm => boxed(|| issuers::forms::change(viewer, request)),
        Endpoint::IssuerEnableForm => boxed(|| issuers::forms::switch(viewer, request, true)),
        Endpoint::IssuerDisableForm => boxed(|| issuers::forms::switch(viewer, request, false)),
        Endpoint::IssuerDeletePage => boxed(|| issuers::delete::ask(viewer)),
        Endpoint::IssuerDeleteForm => boxed(|| issuers::delete::delete(viewer, request)),
        Endpoint::ContactsPage => boxed(|| issuers::contacts::show(viewer)),
        Endpoint::ContactsForm => boxed(|| issuers::contacts::set(viewer, request)),
        Endpoint::ContactsDeleteForm => boxed(|| issuers::contacts::delete(viewer, request)),
        Endpoint::NewVaultPage => boxed(|| vault_forms::new_vault(viewer)),
        Endpoint::NewVaultForm => boxed(|| vault_forms::create(viewer, request)),
        Endpoint::VaultPage => boxed(|| vaults::home(viewer)),
        Endpoint::VaultSettingsPage => boxed(|| vault_forms::settings(viewer)),
        Endpoint::VaultSettingsForm => boxed(|| vault_forms::change(viewer, request)),
        Endpoint::VaultProtectPage => boxed(|| vault_forms::ask_protect(viewer)),
        Endpoint::VaultProtectForm => boxed(|| vault_forms::protect(viewer, request)),
        Endpoint::NetworkPage => boxed(|| network::show(viewer, request)),
        Endpoint::NetworkForm => boxed(|| network::change(viewer, request)),
        Endpoint::VaultDeletePage => boxed(|| vault_life::ask_delete(viewer)),
        Endpoint::VaultDeleteForm => boxed(|| vault_life::delete(viewer, request)),
        Endpoint::DeletedVaultsPage => boxed(|| vault_life::list_deleted(viewer, request)),
        Endpoint::VaultRecoverForm => boxed(|| vault_life::recover(viewer, request)),
        Endpoint::VaultPurgePage => boxed(|| vault_life::ask_purge(viewer)),
        Endpoint::VaultPurgeForm => boxed(|| vault_life::purge(viewer, request)),
        Endpoint::VaultAccessPage => boxed(|| access::in_vault::show(viewer)),
        Endpoint::AccessPolicyPage => boxed(|| access::policies::edit(viewer, request)),
        Endpoint::AccessPolicyForm => boxed(|| access::policies::put(viewer, request)),
        Endpoint::AccessPolicyRemovePage => boxed(|| access::policies::ask_remove(viewer, request)),
        Endpoint::AccessPolicyRemoveForm => boxed(|| access::policies::remove(viewer, request)),
        Endpoint::AccessPage => boxed(|| access::assignments::list(viewer, request)),
        Endpoint::GrantsPage => boxed(|| access::grants::list(viewer, request)),
        Endpoint::UnusedGrantsPage => boxed(|| access::unused::ask(viewer, request)),
        Endpoint::UnusedGrantsForm => boxed(|| access::unused::remove(viewer, request)),
        Endpoint::NewAssignmentPage => boxed(|| access::assignments::new(viewer, request)),
        Endpoint::NewAssignmentForm => boxed(|| access::assignments::add(viewer, request)),
        Endpoint::AssignmentRemovePage => boxed(|| access::assignments::ask_remove(viewer)),
        Endpoint::AssignmentRemoveForm => boxed(|| access::assignments::remove(viewer, request)),
        Endpoint::RolesPage => boxed(|| access::roles::list(viewer, request)),
        Endpoint::RolePage => boxed(|| access::roles::show(viewer)),
        Endpoint::NewRolePage => boxed(|| access::roles::new(viewer, request)),
        Endpoint::RoleEditPage => boxed(|| access::roles::edit(viewer)),
        Endpoint::NewRoleForm | Endpoint::RoleEditForm => boxed(|| access::roles::put(viewer, request)),
        Endpoint::RoleDeletePage => boxed(|| access::roles::ask_delete(viewer)),
        Endpoint::RoleDeleteForm => boxed(|| access::roles::delete(viewer, request)),
        Endpoint::EndSessionsPage => boxed(|| access::sessions::ask(viewer, request)),
        Endpoint::EndSessionsForm => boxed(|| access::sessions::end(viewer, request)),
        Endpoint::WorkloadsPage => boxed(|| access::workloads::list(viewer, request)),
        Endpoint::WorkloadPage => boxed(|| access::workloads::show(viewer)),
        Endpoint::NewWorkloadPage => boxed(|| access::workloads::new(viewer)),
        Endpoint::NewWorkloadForm => boxed(|| access::workloads::create(viewer, request)),
        Endpoint::WorkloadDeletePage => boxed(|| access::workloads::ask_delete(viewer)),
        Endpoint::WorkloadDeleteForm => boxed(|| access::workloads::delete(viewer, request)),
        Endpoint::ClientSecretRemovePage | Endpoint::CertificateRemovePage | Endpoint::FederationRemovePage => {
            boxed(|| access::uncredential::ask(viewer))
        }
        Endpoint::TokenTryForm => boxed(|| access::try_token::test(viewer, request)),
        Endpoint::WorkloadRenameForm
        | Endpoint::WorkloadEnableForm
        | Endpoint::WorkloadDisableForm
        | Endpoint::NewClientSecretForm
        | Endpoint::NewCertificateForm
        | Endpoint::NewFederationForm
        | Endpoint::ClientSecretRemoveForm
        | Endpoint::CertificateRemoveForm
        | Endpoint::FederationRemoveForm => boxed(|| access::credentials::change(viewer, request)),
        Endpoint::AuditEntryPage => boxed(|| entry::show(viewer)),
        Endpoint::WhyPage => boxed(|| why::ask(viewer, request)),
        Endpoint::WhyDecisionPage => boxed(|| why::decision(viewer, request)),
        Endpoint::PoliciesPage => boxed(|| policies::list::show(viewer, request)),
        Endpoint::ApprovalsPage => boxed(|| approvals::list(viewer)),
        Endpoint::ApprovalGrantForm => boxed(|| approvals::answer(viewer, request, Verdict::Grant)),
        Endpoint::ApprovalRefuseForm => boxed(|| approvals::answer(viewer, request, Verdict::Refuse)),
        Endpoint::ReplaysPage => boxed(|| policies::replays::list(viewer)),
        Endpoint::ReplayForm => boxed(|| policies::replays::run(viewer, request)),
        Endpoint::ReplayPage => boxed(|| policies::replay::show(viewer)),
        Endpoint::ReplayReviewForm => boxed(|| policies::replay::review(viewer, request)),
        Endpoint::DocumentsPage => boxed(|| policies::documents::list(viewer, request)),
        Endpoint::NewDocumentPage => boxed(|| policies::documents::new(viewer)),
        Endpoint::NewDocumentForm | Endpoint::DocumentEditForm => boxed(|| policies::documents::put(viewer, request)),
        Endpoint::DocumentPage => boxed(|| policies::documents::show(viewer)),
        Endpoint::DocumentEditPage => boxed(|| policies::documents::edit(viewer)),
        Endpoint::DocumentRemovePage => boxed(|| policies::documents::ask_remove(viewer)),
        Endpoint::DocumentRemoveForm => boxed(|| policies::documents::remove(viewer, request)),
        Endpoint::ModuleUploadPage => boxed(|| policies::upload::form(viewer)),
        Endpoint::ModuleUploadForm => boxed(|| policies::upload::push(viewer, request)),
        Endpoint::ModulePage => boxed(|| policies::module::show(viewer, request)),
        Endpoint::ModuleRemovePage => boxed(|| policies::module::ask_remove(viewer)),
        Endpoint::ModuleRemoveForm => boxed(|| policies::module::remove(viewer, request)),
        Endpoint::ModuleTryPage => boxed(|| policies::bench::form(viewer, request)),
        Endpoint::ModuleTryForm => boxed(|| policies::bench::ask(viewer, request)),
        Endpoint::AttachPage => boxed(|| policies::attach::new(viewer, request)),
        Endpoint::AttachForm => boxed(|| policies::attach::add(viewer, request)),
        Endpoint::AttachmentPage => boxed(|| policies::attachment::show(viewer)),
        Endpoint::AttachmentSettingsPage => boxed(|| policies::attach::edit(viewer, request)),
        Endpoint::AttachmentSettingsForm => boxed(|| policies::attach::change(viewer, request)),
        Endpoint::AttachmentStateForm
        | Endpoint::AttachmentOrderForm
        | Endpoint::AttachmentRollBackForm
        | Endpoint::DetachForm => boxed(|| policies::acts::act(viewer, request)),
        Endpoint::DetachPage => boxed(|| policies::acts::ask_detach(viewer)),
        Endpoint::EnforcePage => boxed(|| policies::enforce::ask(viewer)),
        Endpoint::SettingsPage => boxed(|| settings::show(viewer)),
        Endpoint::ProviderTestForm => boxed(|| provider_test::test(viewer, request)),
        Endpoint::TokenKeysRotateForm => boxed(|| settings::rotate(viewer, request)),
        Endpoint::TokenKeysRevokePage => boxed(|| settings::ask_revoke(viewer)),
        Endpoint::TokenKeysRevokeForm => boxed(|| settings::revoke(viewer, request)),
        Endpoint::MePage => boxed(|| me::show(viewer, request)),
        Endpoint::LookForm => boxed(|| me::put_look(viewer, request)),
        Endpoint::PinForm => boxed(|| pins::put(viewer, request)),
        Endpoint::AuditViewForm => boxed(|| async move { audit_views::put(viewer, request) }),
        Endpoint::DropRolePage => boxed(|| access::own::ask(viewer)),
        Endpoint::DropRoleForm => boxed(|| access::own::give_up(viewer, request)),
        Endpoint::EndOthersForm => boxed(|| me::end_others(viewer, request)),
        Endpoint::SessionEndForm => boxed(|| me::end(viewer, request)),
        Endpoint::AuditExportPage => boxed(|| audit_export::file(viewer, request)),
        Endpoint::AuditBundlePage => boxed(|| audit_bundle::file(viewer, request)),
        Endpoint::AuditVerifyPage => boxed(|| audit_verify::show(viewer, request)),
        Endpoint::AuditLive => boxed(|| live::batch(viewer, request)),
        Endpoint::AuditPage => boxed(|| audit::list(viewer, request)),
        Endpoint::SignOut => boxed(|| session::sign_out(viewer, request)),
        Endpoint::CommandLinePage => boxed(|| async move { command_line::page(viewer, request) }),
        Endpoint::CommandLineAllow => boxed(|| command_line::allow(viewer, request)),
        _ => boxed(|| async { Err(Problem::no_route().into()) }),
    }
}

/// GET /assets/{file}: what was bundled and embedded, and nothing else.
fn bundled(file: &str) -> Result<Response, Problem> {
    let found = asset(file).ok_or_else(Problem::no_route)?;
    let keep = if found.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let body = Zeroizing::new(found.bytes.to_vec());
    Ok(Response { body, ..Response::empty(200) }
        .with("content-type", found.content_type.to_owned())
        .with("cache-control", keep.to_owned())
        .with("cross-origin-resource-policy", "same-origin".to_owned()))
}

/// A page with the headers that every page carries.
///
/// `Referrer-Policy` is `same-origin` and not `no-referrer`: with the latter, browsers send
/// `Origin: null` with our own forms too (Fetch, "append a request Origin header"), and a form of
/// ours could not be told from a foreign one. Nothing is sent to other origins either way.
fn html(status: u16, page: Zeroizing<String>) -> Response {
    let response = Response::html(status, page);
    [
        ("content-security-policy", content_security_policy()),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ]
    .into_iter()
    .fold(response, |response, (name, value)| response.with(name, value.to_owned()))
}

/// The answer with a rendered page.
fn rendered(status: u16, page: Result<impl Into<Zeroizing<String>>, strongroom_web::RenderError>) -> Response {
    match page {
        Ok(page) => html(status, page.into()),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            Response { reason: "internal", ..html(500, Zeroizing::new(say!("mod-internal-error").to_owned())) }
        }
    }
}

/// A redirect to another page, not to be kept.
fn redirect(location: String) -> Response {
    Response::see_other(location).with("cache-control", "no-store".to_owned())
}
