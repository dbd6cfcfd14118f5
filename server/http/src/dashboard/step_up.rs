//! Step-up: what cannot be undone, and what gives power away, needs a person who proved a moment ago who they
//! are. A session that was left open, or stolen, is not enough.

use strongroom_domain::{decision::StepUp, identity::Session, objects::NEEDS_PROOF};
use strongroom_web::{Act, Body, Icon, Panel, PanelsPage, say};

use super::{
    frame::{Place, Viewer},
    links, question, rendered, snippets,
};
use crate::{message::Response, routes::Endpoint};

/// How old a proof may be, in seconds: 15 minutes.
pub(super) const FRESH_SECONDS: i64 = 15 * 60;

/// How far, in seconds, a provider's clock may be ahead: as its tokens are judged.
const CLOCKS_DIFFER: i64 = 60;

/// Reason of a record: the person has to prove again who they are.
pub(super) const REASON: &str = NEEDS_PROOF;

/// Whether a page or a form needs it. The pages of such forms do too, so that nobody fills one in for nothing; those that
/// show something besides say so beforehand ([`beforehand`]). The form of a new vault needs it with purge protection
/// alone, that of several secrets to delete or enable them, and both ask by themselves. To enable a version by changing its
/// attributes, and to reveal or compare what a certificate's secret holds, needs it too: there the use case asks, because it
/// alone knows what is there ([`strongroom_domain::context::RequestContext::without_proof`]).
pub(super) fn is_asked_for(endpoint: Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::SecretDeletePage
            | Endpoint::SecretDeleteForm
            | Endpoint::KeyDeletePage
            | Endpoint::KeyDeleteForm
            | Endpoint::CertificateDeletePage
            | Endpoint::CertificateDeleteForm
            | Endpoint::PurgePage
            | Endpoint::PurgeForm
            | Endpoint::KeyPurgePage
            | Endpoint::KeyPurgeForm
            | Endpoint::CertificatePurgePage
            | Endpoint::CertificatePurgeForm
            | Endpoint::RevokeSignedPage
            | Endpoint::RevokeSignedForm
            | Endpoint::RevokeVersionPage
            | Endpoint::RevokeVersionForm
            | Endpoint::NewIssuerPage
            | Endpoint::NewIssuerForm
            | Endpoint::IssuerEditPage
            | Endpoint::IssuerEditForm
            | Endpoint::IssuerEnableForm
            | Endpoint::IssuerDeletePage
            | Endpoint::IssuerDeleteForm
            | Endpoint::VaultDeletePage
            | Endpoint::VaultDeleteForm
            | Endpoint::VersionEnableForm
            | Endpoint::KeyEnableForm
            | Endpoint::KeyBackupForm
            | Endpoint::KeyRestorePage
            | Endpoint::KeyRestoreForm
            | Endpoint::CertificateEnableForm
            | Endpoint::CertificateExportForm
            | Endpoint::VaultPurgePage
            | Endpoint::VaultPurgeForm
            | Endpoint::VaultProtectPage
            | Endpoint::VaultProtectForm
            | Endpoint::VaultSettingsPage
            | Endpoint::VaultSettingsForm
            | Endpoint::NetworkForm
            | Endpoint::WorkloadEnableForm
            | Endpoint::WorkloadRenameForm
            | Endpoint::WorkloadDeletePage
            | Endpoint::WorkloadDeleteForm
            | Endpoint::ClientSecretRemovePage
            | Endpoint::ClientSecretRemoveForm
            | Endpoint::CertificateRemovePage
            | Endpoint::CertificateRemoveForm
            | Endpoint::FederationRemovePage
            | Endpoint::FederationRemoveForm
            | Endpoint::TokenKeysRevokePage
            | Endpoint::TokenKeysRevokeForm
            | Endpoint::NewAssignmentPage
            | Endpoint::NewAssignmentForm
            | Endpoint::AssignmentRemovePage
            | Endpoint::AssignmentRemoveForm
            | Endpoint::UnusedGrantsPage
            | Endpoint::UnusedGrantsForm
            | Endpoint::EndSessionsPage
            | Endpoint::EndSessionsForm
            | Endpoint::DropRolePage
            | Endpoint::DropRoleForm
            | Endpoint::NewRolePage
            | Endpoint::NewRoleForm
            | Endpoint::RoleEditPage
            | Endpoint::RoleEditForm
            | Endpoint::RoleDeletePage
            | Endpoint::RoleDeleteForm
            | Endpoint::AccessPolicyPage
            | Endpoint::AccessPolicyForm
            | Endpoint::AccessPolicyRemovePage
            | Endpoint::AccessPolicyRemoveForm
            | Endpoint::TokenKeysRotateForm
            | Endpoint::CommandLinePage
            | Endpoint::CommandLineAllow
            | Endpoint::NewClientSecretForm
            | Endpoint::NewCertificateForm
            | Endpoint::NewFederationForm
            | Endpoint::ApprovalGrantForm
            | Endpoint::NewDocumentPage
            | Endpoint::NewDocumentForm
            | Endpoint::DocumentEditPage
            | Endpoint::DocumentEditForm
            | Endpoint::DocumentRemovePage
            | Endpoint::DocumentRemoveForm
            | Endpoint::ModuleUploadPage
            | Endpoint::ModuleUploadForm
            | Endpoint::ModuleRemovePage
            | Endpoint::ModuleRemoveForm
            | Endpoint::AttachPage
            | Endpoint::AttachForm
            | Endpoint::AttachmentSettingsPage
            | Endpoint::AttachmentSettingsForm
            | Endpoint::EnforcePage
            | Endpoint::AttachmentStateForm
            | Endpoint::AttachmentOrderForm
            | Endpoint::AttachmentRollBackForm
            | Endpoint::DetachPage
            | Endpoint::DetachForm
    )
}

/// Whether the person proved who they are within the last [`FRESH_SECONDS`]. Who does not tell when is asked, and who
/// tells of a time to come further off than clocks differ: it would be fresh for as long as the session lasts.
pub(super) fn is_fresh(session: &Session, now: i64) -> bool {
    session.authenticated.is_some_and(|proved| (-CLOCKS_DIFFER..FRESH_SECONDS).contains(&now.saturating_sub(proved)))
}

/// Whether the person proved who they are a moment ago, and in the way that the installation asks for.
pub(super) fn is_proven(viewer: &Viewer<'_>) -> bool {
    is_fresh(viewer.session, viewer.now()) && is_such(viewer.session, terms(viewer).as_ref())
}

fn terms(viewer: &Viewer<'_>) -> Option<StepUp> {
    viewer.services.sign_in.step_up(&viewer.session.principal.id.issuer)
}

/// Whether a session began by a sign-in as these terms ask for, as its provider told: what was asked for is not enough.
pub(super) fn is_such(session: &Session, terms: Option<&StepUp>) -> bool {
    let Some(terms) = terms else { return true };
    let told = |claim: &str| session.principal.claims.get(claim).map(String::as_str).unwrap_or_default();
    let class = terms.acr.is_empty() || terms.acr.iter().any(|class| class == told("acr"));
    let method = |method: &str| terms.amr.iter().any(|wanted| wanted == method);
    class && (terms.amr.is_empty() || told("amr").split(' ').any(method))
}

/// Where the person proves again who they are, and comes back; for a policy that asks for it, in the way that it
/// asks for. None when the provider is not configured any more.
pub(super) fn href(viewer: &Viewer<'_>, asked: Option<&StepUp>) -> Option<String> {
    let own = terms(viewer);
    let acr = asked.or(own.as_ref()).map(|asked| asked.acr.as_slice()).unwrap_or_default();
    viewer.provider().map(|provider| links::sign_in_again(&provider, &viewer.here, acr))
}

/// Where the person may do that before anything is typed into a form of this page that will ask for it; none where it has
/// no such form, or they did.
pub(super) fn beforehand(viewer: &Viewer<'_>) -> Option<String> {
    let has_one = matches!(
        viewer.call.endpoint,
        Endpoint::NetworkPage
            | Endpoint::NewVaultPage
            | Endpoint::WorkloadPage
            | Endpoint::ApprovalsPage
            | Endpoint::AttachmentPage
            | Endpoint::CertificatePage
            | Endpoint::CertificateVersionPage
            | Endpoint::VaultAccessPage
            | Endpoint::SettingsPage
    );
    if has_one && viewer.kept.is_none() && !is_proven(viewer) { href(viewer, None) } else { None }
}

/// The page that asks for it.
pub(super) async fn page(viewer: &Viewer<'_>) -> Response {
    let place = Place::of(viewer.call);
    let minutes = FRESH_SECONDS / 60;
    let again = href(viewer, None).map(|href| Act::primary(say!("step-up-sign-in-again"), href, Icon::Lock));
    let lead = match terms(viewer) {
        Some(StepUp { acr, amr, .. }) if is_fresh(viewer.session, viewer.now()) => {
            let ways = acr.into_iter().chain(amr).collect::<Vec<_>>().join(", ");
            say!("step-up-your-provider-did-not-say", ways = ways)
        }
        _ => say!("step-up-you-signed-in-more-than", minutes = minutes),
    };
    let page = PanelsPage {
        lead: Some(lead),
        acts: again.into_iter().collect(),
        main: vec![Panel::new(
            say!("step-up-why"),
            Body::Text(vec![
                say!("step-up-what-cannot-be-undone-and").to_owned(),
                say!("step-up-nothing-was-changed-your-provider").to_owned(),
            ]),
        )],
        aside: vec![snippets::panel(question::commands(viewer, &place))],
        ..PanelsPage::new(viewer.shell(&place).await, say!("step-up-sign-in-once-more-for"))
    };
    Response { reason: REASON, ..rendered(403, page.render()) }
}
