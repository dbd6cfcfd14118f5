//! What went wrong, as pages: denied, not found, failed. Three different things that look different.
//!
//! A denial tells the stage, the reason and what to ask for; it must not tell whether what was asked
//! for exists.

use std::cmp::Ordering;

use strongroom_domain::{
    action::Action,
    admin::AdminError,
    certificates::CertificateError,
    context::RequestContext,
    decision::{ApprovalWanted, Denial, DenyReason},
    entrance::EntranceError,
    issuers::IssuerError,
    keys::KeyError,
    objects::ObjectError,
    revocations::RevocationError,
    role::Role,
    secrets::SecretError,
};
use strongroom_web::{Changed, DeniedPage, ErrorPage, NotFoundPage, PostForm, Shell, Stage, StageState, say};
use uuid::Uuid;

use super::{
    access, denied_around,
    frame::{Place, Viewer},
    links, question, rendered, step_up,
};
use crate::{
    api::manage::audit::Slip,
    message::{Method, Response},
    problem::Problem,
    routes::{Endpoint, ROUTES},
};

/// Why a page is not what was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// The gate said no.
    Denied(Denial),
    /// Anything else.
    Problem(Problem),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Slip> for Failure {
    fn from(slip: Slip) -> Self {
        Self::Problem(slip.problem)
    }
}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        match denial.reason {
            // Not a judgement: what was to be judged could not be.
            DenyReason::Tampered | DenyReason::Unavailable => Self::Problem(denial.into()),
            _ => Self::Denied(denial),
        }
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Denied(denial) => denial.into(),
            other => Self::Problem(other.into()),
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Object(error) => error.into(),
            other => Self::Problem(other.into()),
        }
    }
}

impl From<CertificateError> for Failure {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::Object(ObjectError::Denied(denial)) => denial.into(),
            other => Self::Problem(other.into()),
        }
    }
}

impl From<IssuerError> for Failure {
    fn from(error: IssuerError) -> Self {
        match error {
            IssuerError::Object(ObjectError::Denied(denial)) => denial.into(),
            other => Self::Problem(other.into()),
        }
    }
}

impl From<RevocationError> for Failure {
    fn from(error: RevocationError) -> Self {
        match error {
            RevocationError::Object(ObjectError::Denied(denial)) => denial.into(),
            other => Self::Problem(other.into()),
        }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Denied(denial) => denial.into(),
            other => Self::Problem(other.into()),
        }
    }
}

impl From<EntranceError> for Failure {
    fn from(error: EntranceError) -> Self {
        Self::Problem(error.into())
    }
}

/// Answers a failure to somebody signed in.
pub(super) async fn answer(viewer: &Viewer<'_>, failure: Failure) -> Response {
    let place = Place::of(viewer.call);
    match failure {
        Failure::Denied(denial) => {
            let shell = viewer.shell(&place).await;
            let step_up_href = match &denial.reason {
                DenyReason::Policy { step_up: Some(asked), .. } => step_up::href(viewer, Some(asked)),
                _ => None,
            };
            let Denial { request_id, action, reason } = &denial;
            // On the heap: few requests are denied, and all of them would carry it on their stack.
            let seen = Box::pin(denied_around::seen(viewer, &place)).await;
            let grants = Box::pin(access::owners::to_ask(viewer, place.vault())).await;
            let page = DeniedPage {
                seen: seen.into_iter().collect(),
                grants: vec![grants],
                step_up_href,
                ask: ask(viewer, reason),
                copy_as: question::with_why(viewer, &place, *request_id),
                ..denied(shell, &place, Some(*action), reason, *request_id)
            };
            Response { reason: "denied", ..rendered(403, page.render()) }
        }
        Failure::Problem(problem) => {
            let shell = viewer.shell(&place).await;
            page(&viewer.call.ctx, &problem, Some((shell, &place, viewer.call.endpoint)))
        }
    }
}

/// The form that asks others to approve what was denied to somebody who only looked. For a stranger to the vault it is
/// there in any case: whether there would be such a request tells which objects there are.
fn ask(viewer: &Viewer<'_>, reason: &DenyReason) -> Option<(PostForm, String)> {
    let DenyReason::Policy { approval: Some(wanted), .. } = reason else { return None };
    if !viewer.call.ctx.only_looks() || !(wanted.askable || wanted.of_stranger) {
        return None;
    }
    let post = PostForm { action: links::ASK_APPROVAL.to_owned(), csrf_token: viewer.form_token() };
    Some((post, viewer.here.as_str().to_owned()))
}

/// A problem as a page, with the frame when somebody is signed in.
pub(super) fn page(ctx: &RequestContext, problem: &Problem, around: Option<(Shell, &Place, Endpoint)>) -> Response {
    let request_id = ctx.request_id.to_string();
    let endpoint = around.as_ref().map(|(_, _, endpoint)| *endpoint);
    let retry_href = around.as_ref().and_then(|(_, place, endpoint)| {
        (problem.status >= 500 && method(*endpoint) == Some(Method::Get)).then(|| place.href())
    });
    let shell = around.map(|(shell, ..)| shell);
    let page = if problem.status == 404 {
        rendered(404, NotFoundPage { shell, home_href: links::VAULTS.to_owned(), request_id }.render())
    } else {
        let changed = match endpoint {
            Some(endpoint) if problem.status >= 500 && changes(endpoint) => Changed::Unknown,
            _ => Changed::Nothing,
        };
        let cause = problem.message.lines().next().map(str::to_owned);
        let failed = headline(problem.status).to_owned();
        rendered(problem.status, ErrorPage { shell, failed, cause, changed, request_id, retry_href }.render())
    };
    let page = if problem.status == 503 { page.with("retry-after", "2".to_owned()) } else { page };
    Response { reason: problem.reason, ..page }
}

fn method(endpoint: Endpoint) -> Option<Method> {
    ROUTES.iter().find(|route| route.endpoint == endpoint).map(|route| route.method)
}

/// Whether a request may have changed something although it failed. A reveal only reads.
fn changes(endpoint: Endpoint) -> bool {
    !matches!(
        endpoint,
        Endpoint::SecretReveal
            | Endpoint::CompareForm
            | Endpoint::KeyUseForm
            | Endpoint::ModuleTryForm
            | Endpoint::TokenTryForm
            | Endpoint::ProviderTestForm
            | Endpoint::CertificateLookForm
            | Endpoint::SecretImportLookForm
            | Endpoint::KeyLookForm
            | Endpoint::KeyBackupForm
            | Endpoint::CertificateExportForm
    ) && method(endpoint) == Some(Method::Post)
}

fn headline(status: u16) -> &'static str {
    match status {
        400 => say!("problems-the-request-could-not-be"),
        403 => say!("problems-the-request-was-refused"),
        405 => say!("problems-this-address-does-not-answer"),
        408 => say!("problems-the-request-took-too-long"),
        409 | 412 => say!("problems-the-request-came-between-other"),
        413 | 414 => say!("problems-the-request-is-too-long"),
        421 => say!("problems-this-host-is-not-served"),
        502 | 503 => say!("problems-the-service-is-temporarily-unavailable"),
        _ => say!("problems-something-failed"),
    }
}

/// What is told of a denial: with it, and to whoever was denied also later.
pub(super) fn denied(
    shell: Shell,
    place: &Place,
    action: Option<Action>,
    reason: &DenyReason,
    decision: Uuid,
) -> DeniedPage {
    let needs_role = *reason.told() == DenyReason::NoRole;
    let least = || action.and_then(Role::least_for).map(|role| role.name().to_owned());
    let (headline, sentence) = told(place, reason);
    DeniedPage {
        shell,
        object: place.title(),
        refused: action.map_or_else(|| say!("problems-you-cannot-do-this"), refused).to_owned(),
        headline: headline.to_owned(),
        reason: sentence,
        reason_code: reason.told().code().to_owned(),
        stages: stages(place, reason),
        missing_role: if needs_role { least() } else { None },
        missing_scope: needs_role.then(|| place.scope()),
        decision_id: decision.to_string(),
        decision_href: Some(links::why(decision)),
        step_up_href: None,
        ask: None,
        seen: Vec::new(),
        grants: Vec::new(),
        copy_as: Vec::new(),
        when: None,
        back_href: Some(match place {
            Place::Secret(vault, name, Some(_)) if action == Some(Action::SecretGet) => {
                links::secret(vault, name, None)
            }
            Place::Secret(vault, ..) => links::secrets(vault),
            Place::Key(vault, ..) => links::keys(vault),
            Place::Certificate(vault, ..) | Place::Issuers(vault) => links::certificates(vault),
            Place::Issuer(vault, _) => links::issuers(vault),
            _ => links::VAULTS.to_owned(),
        }),
    }
}

fn refused(action: Action) -> &'static str {
    match action {
        Action::SecretList => say!("problems-you-cannot-list-the-secrets"),
        Action::SecretShow | Action::SecretListVersions => say!("problems-you-cannot-see-this-secret"),
        Action::SecretGet => say!("problems-you-cannot-read-this-secrets"),
        Action::SecretSet => say!("problems-you-cannot-set-this-secret"),
        Action::SecretUpdate => say!("problems-you-cannot-change-this-secrets"),
        Action::SecretDelete => say!("problems-you-cannot-delete-this-secret"),
        Action::SecretListDeleted | Action::SecretGetDeleted => say!("problems-you-cannot-see-the-deleted"),
        Action::SecretRecover => say!("problems-you-cannot-recover-this-secret"),
        Action::SecretPurge => say!("problems-you-cannot-purge-this-secret"),
        Action::KeyList => say!("problems-you-cannot-list-the-keys"),
        Action::KeyGet | Action::KeyListVersions => say!("problems-you-cannot-see-this-key"),
        Action::KeyCreate => say!("problems-you-cannot-make-this-key"),
        Action::KeyUpdate => say!("problems-you-cannot-change-this-key"),
        Action::KeyDelete => say!("problems-you-cannot-delete-this-key"),
        Action::KeyListDeleted | Action::KeyGetDeleted => say!("problems-you-cannot-see-the-deleted-keys"),
        Action::KeyRecover => say!("problems-you-cannot-recover-this-key"),
        Action::KeyPurge => say!("problems-you-cannot-purge-this-key"),
        Action::KeySign | Action::KeyVerify | Action::KeyEncrypt | Action::KeyWrap => {
            say!("problems-you-cannot-use-this-key")
        }
        Action::CertificateList => say!("problems-you-cannot-list-the-certificates"),
        Action::CertificateGet | Action::CertificateListVersions => say!("problems-you-cannot-see-this-certificate"),
        Action::CertificatePolicyGet => say!("problems-you-cannot-see-how-this"),
        Action::CertificatePendingGet => say!("problems-you-cannot-see-what-this"),
        Action::CertificateCreate => say!("problems-you-cannot-make-this-certificate"),
        Action::CertificateImport => say!("problems-you-cannot-import-this-certificate"),
        Action::CertificateUpdate => say!("problems-you-cannot-change-this-certificate"),
        Action::CertificatePolicyUpdate => say!("problems-you-cannot-change-how-this"),
        Action::CertificatePendingUpdate | Action::CertificatePendingDelete | Action::CertificatePendingMerge => {
            say!("problems-you-cannot-change-what-this")
        }
        Action::CertificateDelete => say!("problems-you-cannot-delete-this-certificate"),
        Action::CertificateListDeleted | Action::CertificateGetDeleted => {
            say!("problems-you-cannot-see-the-deleted-certificates")
        }
        Action::CertificateRecover => say!("problems-you-cannot-recover-this-certificate"),
        Action::CertificatePurge => say!("problems-you-cannot-purge-this-certificate"),
        Action::CertificateRevoke => say!("problems-you-cannot-revoke-what-this"),
        Action::CertificateRevokeVersion => say!("problems-you-cannot-revoke-this-certificate"),
        Action::RevocationListGet => say!("problems-you-cannot-see-what-this-authority"),
        Action::IssuerList => say!("problems-you-cannot-list-the-issuers"),
        Action::IssuerGet => say!("problems-you-cannot-see-this-issuer"),
        Action::IssuerSet | Action::IssuerUpdate => say!("problems-you-cannot-change-this-issuer"),
        Action::IssuerDelete => say!("problems-you-cannot-take-this-issuer"),
        Action::ContactsGet => say!("problems-you-cannot-see-who-is"),
        Action::ContactsSet | Action::ContactsDelete => {
            say!("problems-you-cannot-change-who-is")
        }
        Action::TokenKeyRead => say!("problems-you-cannot-see-the-settings"),
        Action::AuditRead => say!("problems-you-cannot-read-audit-records"),
        Action::PolicyReplay | Action::PolicyReplayRead | Action::PolicyReplayReview => {
            say!("problems-you-cannot-ask-recorded-decisions")
        }
        Action::PolicyDocumentRead => say!("problems-you-cannot-see-the-documents"),
        Action::PolicyDocumentWrite | Action::PolicyDocumentDelete => {
            say!("problems-you-cannot-change-the-documents")
        }
        Action::ApprovalRead => say!("problems-you-cannot-see-what-waits"),
        Action::ApprovalDecide => say!("problems-you-cannot-answer-this-request"),
        Action::AssignmentRead => say!("problems-you-cannot-see-who-may"),
        Action::AssignmentAdd => say!("problems-you-cannot-give-this-role"),
        Action::AssignmentRemove => say!("problems-you-cannot-take-this-role"),
        Action::RoleRead => say!("problems-you-cannot-see-role-definitions"),
        Action::RoleWrite => say!("problems-you-cannot-write-role-definitions"),
        Action::RoleDelete => say!("problems-you-cannot-delete-role-definitions"),
        Action::AccessPolicyRead => say!("problems-you-cannot-see-the-access"),
        Action::AccessPolicyWrite => say!("problems-you-cannot-change-the-access"),
        Action::WorkloadRead => say!("problems-you-cannot-see-workload-identities"),
        Action::WorkloadCreate => say!("problems-you-cannot-make-workload-identities"),
        Action::WorkloadUpdate => say!("problems-you-cannot-change-workload-identities"),
        Action::WorkloadDelete => say!("problems-you-cannot-delete-workload-identities"),
        Action::VaultCreate => say!("problems-you-cannot-make-a-vault"),
        Action::VaultRead => say!("problems-you-cannot-see-this-vaults"),
        Action::VaultUpdate => say!("problems-you-cannot-change-this-vaults"),
        Action::VaultDelete => say!("problems-you-cannot-delete-this-vault"),
        Action::VaultGetDeleted => say!("problems-you-cannot-see-this-deleted"),
        Action::VaultRecover => say!("problems-you-cannot-recover-this-vault"),
        Action::VaultPurge => say!("problems-you-cannot-purge-this-vault"),
        _ => say!("problems-you-cannot-do-this"),
    }
}

/// Headline and sentence of a reason.
fn told(place: &Place, reason: &DenyReason) -> (&'static str, String) {
    match reason {
        DenyReason::Network(address) => (
            say!("problems-your-address-is-not-allowed"),
            say!("problems-the-vaults-network-rules-do", to_canonical = address.to_canonical()),
        ),
        DenyReason::Identity => {
            (say!("problems-this-identity-does-not-count"), say!("problems-the-identity-you-act-as").to_owned())
        }
        DenyReason::NoRole | DenyReason::Concealed(_) => (
            say!("problems-no-role-of-yours-allows"),
            say!("problems-it-needs-a-role-that", scope_words = place.scope_words()),
        ),
        DenyReason::NoAccessPolicy => {
            (say!("problems-no-access-policy-allows-this"), say!("problems-it-needs-an-access-policy").to_owned())
        }
        DenyReason::NoAuthority => {
            (say!("problems-no-policy-module-allows-this"), say!("problems-in-this-vault-a-policy").to_owned())
        }
        DenyReason::Policy { sentence, approval, .. } => {
            let asked = match approval.as_deref() {
                None | Some(ApprovalWanted { of_stranger: true, .. }) => String::new(),
                Some(ApprovalWanted { request: Some(id), refused_until: None, .. }) => {
                    say!("problems-somebody-else-has-to-approve", id = id)
                }
                Some(ApprovalWanted { request: Some(id), .. }) => {
                    say!("problems-somebody-refused-it-request-id", id = id)
                }
                Some(ApprovalWanted { askable: true, .. }) => {
                    say!("problems-somebody-else-has-to-approve-ask").to_owned()
                }
                Some(ApprovalWanted { request: None, .. }) => {
                    say!("problems-somebody-else-has-to-approve-it").to_owned()
                }
            };
            (say!("problems-a-policy-module-refused"), format!("{sentence}{asked}"))
        }
        DenyReason::PolicyFailed { .. } => {
            (say!("problems-a-policy-module-gave-no"), say!("problems-a-policy-that-cannot-be").to_owned())
        }
        DenyReason::Tampered | DenyReason::Unavailable => {
            (say!("problems-this-could-not-be-judged"), say!("problems-what-was-to-be-judged").to_owned())
        }
    }
}

/// What stopped a request, in a sentence that names the module, where that is told.
pub(super) fn stopped(place: &Place, reason: &DenyReason) -> String {
    let (headline, sentence) = told(place, reason);
    match reason {
        DenyReason::Policy { attachment, .. } | DenyReason::PolicyFailed { attachment, .. }
            if !attachment.is_empty() =>
        {
            say!("problems-stopped-by-module", headline = headline, module = attachment, sentence = sentence)
        }
        _ => say!("problems-stopped", headline = headline, sentence = sentence),
    }
}

/// The stages of the gate up to the one that stopped the request, and those it did not reach. The
/// same for a vault that does not exist. What a page of no vault does may be judged as of one, and modules of all vaults
/// judge elsewhere as well: what stopped it is among the stages wherever it was.
fn stages(place: &Place, reason: &DenyReason) -> Vec<Stage> {
    let in_vault = place.vault().is_some();
    let by_network = matches!(reason, DenyReason::Network(_));
    let by_modules =
        matches!(reason, DenyReason::NoAuthority | DenyReason::Policy { .. } | DenyReason::PolicyFailed { .. });
    let names = [
        (in_vault || by_network, say!("problems-network-rules")),
        (true, say!("problems-identity")),
        (true, say!("problems-roles")),
        (in_vault || by_modules, say!("problems-policy-modules")),
    ];
    let names: Vec<&str> = names.into_iter().filter_map(|(judges, name)| judges.then_some(name)).collect();
    let (stopped, detail) = match reason {
        DenyReason::Network(_) => (say!("problems-network-rules"), say!("problems-address-not-listed").to_owned()),
        DenyReason::Identity => (say!("problems-identity"), say!("problems-disabled-or-gone").to_owned()),
        DenyReason::NoRole | DenyReason::Concealed(_) => {
            (say!("problems-roles"), say!("problems-no-assignment").to_owned())
        }
        DenyReason::NoAccessPolicy => (say!("problems-roles"), say!("problems-no-access-policy").to_owned()),
        DenyReason::NoAuthority => (say!("problems-policy-modules"), say!("problems-none-with-authority").to_owned()),
        // Whoever is a stranger to the vault is told of no module.
        DenyReason::Policy { attachment, .. } if attachment.is_empty() => {
            (say!("problems-policy-modules"), say!("problems-asks-for-more").to_owned())
        }
        DenyReason::Policy { attachment, .. } | DenyReason::PolicyFailed { attachment, .. } => {
            (say!("problems-policy-modules"), attachment.clone())
        }
        DenyReason::Tampered | DenyReason::Unavailable => return Vec::new(),
    };
    // A rail that nothing stops would tell something else than what happened.
    let Some(stop) = names.iter().position(|name| *name == stopped) else { return Vec::new() };
    let stage = |(index, name): (usize, &&str)| {
        let (state, detail) = match index.cmp(&stop) {
            Ordering::Less => (StageState::Passed, None),
            Ordering::Equal => (StageState::Stopped, Some(detail.clone())),
            Ordering::Greater => (StageState::NotReached, Some(say!("problems-not-reached").to_owned())),
        };
        Stage { name: (*name).to_owned(), state, detail }
    };
    names.iter().enumerate().map(stage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_end_where_the_request_did() {
        let place = Place::Secrets(strongroom_domain::names::VaultName::parse("demo").unwrap());
        let states = |reason| stages(&place, &reason).into_iter().map(|stage| stage.state).collect::<Vec<_>>();
        use StageState::{NotReached, Passed, Stopped};
        assert_eq!(states(DenyReason::Network([192, 0, 2, 7].into())), [Stopped, NotReached, NotReached, NotReached]);
        assert_eq!(states(DenyReason::NoRole), [Passed, Passed, Stopped, NotReached]);
        assert_eq!(stages(&Place::Audit, &DenyReason::NoRole).len(), 2, "the installation has no network rules");
    }

    #[test]
    fn what_stopped_a_request_is_among_the_stages_wherever_it_was() {
        use StageState::{NotReached, Passed, Stopped};
        let by_module = DenyReason::Policy {
            attachment: "two-person".to_owned(),
            code: "no".to_owned(),
            sentence: "No.".to_owned(),
            step_up: None,
            approval: None,
        };
        for place in [Place::Policies, Place::Access, Place::Elsewhere] {
            let told = stages(&place, &by_module);
            assert_eq!(told.iter().map(|stage| stage.state).collect::<Vec<_>>(), [Passed, Passed, Stopped]);
            assert_eq!(told[2].detail.as_deref(), Some("two-person"));
            let told = stages(&place, &DenyReason::Network([192, 0, 2, 7].into()));
            assert_eq!(told.iter().map(|stage| stage.state).collect::<Vec<_>>(), [Stopped, NotReached, NotReached]);
        }
        assert_eq!(stopped(&Place::Policies, &by_module), "A policy module refused: two-person. No.");
    }
}
