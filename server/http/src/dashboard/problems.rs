//! What went wrong, as pages: denied, not found, failed. Three different things that look different.
//!
//! A denial tells the stage, the reason and what to ask for; it must not tell whether what was asked
//! for exists.

use strongroom_domain::{
    action::Action,
    admin::AdminError,
    certificates::CertificateError,
    context::RequestContext,
    decision::{ApprovalWanted, Denial, DenyReason},
    entrance::EntranceError,
    gate::Ask,
    issuers::IssuerError,
    keys::KeyError,
    objects::ObjectError,
    revocations::RevocationError,
    role::Role,
    secrets::SecretError,
};
use strongroom_web::{Changed, DeniedPage, ErrorPage, NotFoundPage, Shell, Stage, StageState};

use super::{
    frame::{Place, Viewer},
    links, rendered, step_up,
};
use crate::{
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
            let readable = viewer.may(&Ask::server(Action::AuditRead)).await;
            let record = readable.then(|| links::entry(denial.request_id));
            let step_up_href = match &denial.reason {
                DenyReason::Policy { step_up: Some(asked), .. } => step_up::href(viewer, Some(asked)),
                _ => None,
            };
            let page = DeniedPage { step_up_href, ..denied(&viewer.call.ctx, shell, &place, denial, record) };
            Response { reason: "denied", ..rendered(403, page.render()) }
        }
        Failure::Problem(problem) => {
            let shell = viewer.shell(&place).await;
            page(&viewer.call.ctx, &problem, Some((shell, &place, viewer.call.endpoint)))
        }
    }
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
            | Endpoint::CertificateLookForm
            | Endpoint::CertificateExportForm
    ) && method(endpoint) == Some(Method::Post)
}

fn headline(status: u16) -> &'static str {
    match status {
        400 => "The request could not be understood",
        403 => "The request was refused",
        405 => "This address does not answer such a request",
        408 => "The request took too long",
        409 => "The request came between other changes",
        413 | 414 => "The request is too long",
        421 => "This host is not served here",
        502 | 503 => "The service is temporarily unavailable",
        _ => "Something failed",
    }
}

fn denied(
    ctx: &RequestContext,
    shell: Shell,
    place: &Place,
    denial: Denial,
    decision_href: Option<String>,
) -> DeniedPage {
    let needs_role = *denial.reason.told() == DenyReason::NoRole;
    let (headline, reason) = told(ctx, place, &denial);
    DeniedPage {
        shell,
        object: place.title(),
        refused: refused(denial.action).to_owned(),
        headline: headline.to_owned(),
        reason,
        reason_code: denial.reason.told().code().to_owned(),
        stages: stages(place, &denial.reason),
        missing_role: needs_role.then(|| Role::least_for(denial.action)).flatten().map(|role| role.name().to_owned()),
        missing_scope: needs_role.then(|| place.scope()),
        decision_id: denial.request_id.to_string(),
        decision_href,
        step_up_href: None,
        back_href: Some(match place {
            Place::Secret(vault, name, Some(_)) if denial.action == Action::SecretGet => {
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
        Action::SecretList => "You cannot list the secrets of this vault.",
        Action::SecretShow | Action::SecretListVersions => "You cannot see this secret.",
        Action::SecretGet => "You cannot read this secret's value.",
        Action::SecretSet => "You cannot set this secret.",
        Action::SecretUpdate => "You cannot change this secret's attributes.",
        Action::SecretDelete => "You cannot delete this secret.",
        Action::SecretListDeleted | Action::SecretGetDeleted => "You cannot see the deleted secrets of this vault.",
        Action::SecretRecover => "You cannot recover this secret.",
        Action::SecretPurge => "You cannot purge this secret.",
        Action::KeyList => "You cannot list the keys of this vault.",
        Action::KeyGet | Action::KeyListVersions => "You cannot see this key.",
        Action::KeyCreate => "You cannot make this key.",
        Action::KeyUpdate => "You cannot change this key.",
        Action::KeyDelete => "You cannot delete this key.",
        Action::KeyListDeleted | Action::KeyGetDeleted => "You cannot see the deleted keys of this vault.",
        Action::KeyRecover => "You cannot recover this key.",
        Action::KeyPurge => "You cannot purge this key.",
        Action::KeySign | Action::KeyVerify | Action::KeyEncrypt | Action::KeyWrap => "You cannot use this key so.",
        Action::CertificateList => "You cannot list the certificates of this vault.",
        Action::CertificateGet | Action::CertificateListVersions => "You cannot see this certificate.",
        Action::CertificatePolicyGet => "You cannot see how this certificate is made.",
        Action::CertificatePendingGet => "You cannot see what this certificate waits for.",
        Action::CertificateCreate => "You cannot make this certificate.",
        Action::CertificateImport => "You cannot import this certificate.",
        Action::CertificateUpdate => "You cannot change this certificate.",
        Action::CertificatePolicyUpdate => "You cannot change how this certificate is made.",
        Action::CertificatePendingUpdate | Action::CertificatePendingDelete | Action::CertificatePendingMerge => {
            "You cannot change what this certificate waits for."
        }
        Action::CertificateDelete => "You cannot delete this certificate.",
        Action::CertificateListDeleted | Action::CertificateGetDeleted => {
            "You cannot see the deleted certificates of this vault."
        }
        Action::CertificateRecover => "You cannot recover this certificate.",
        Action::CertificatePurge => "You cannot purge this certificate.",
        Action::CertificateRevoke => "You cannot revoke what this authority signed.",
        Action::RevocationListGet => "You cannot see what this authority revoked.",
        Action::IssuerList => "You cannot list the issuers of this vault.",
        Action::IssuerGet => "You cannot see this issuer.",
        Action::IssuerSet | Action::IssuerUpdate => "You cannot change this issuer.",
        Action::IssuerDelete => "You cannot take this issuer away.",
        Action::ContactsGet => "You cannot see who is told about the certificates of this vault.",
        Action::ContactsSet | Action::ContactsDelete => {
            "You cannot change who is told about the certificates of this vault."
        }
        Action::TokenKeyRead => "You cannot see the settings of this installation.",
        Action::AuditRead => "You cannot read audit records.",
        Action::PolicyReplay | Action::PolicyReplayRead => "You cannot ask recorded decisions again.",
        Action::PolicyDocumentRead => "You cannot see the documents of policy modules.",
        Action::PolicyDocumentWrite | Action::PolicyDocumentDelete => {
            "You cannot change the documents of policy modules."
        }
        Action::ApprovalRead => "You cannot see what waits for approval in this vault.",
        Action::ApprovalDecide => "You cannot answer this request.",
        Action::AssignmentRead => "You cannot see who may do what here.",
        Action::AssignmentAdd => "You cannot give this role here.",
        Action::AssignmentRemove => "You cannot take this role away.",
        Action::RoleRead => "You cannot see role definitions.",
        Action::RoleWrite => "You cannot write role definitions.",
        Action::RoleDelete => "You cannot delete role definitions.",
        Action::AccessPolicyRead => "You cannot see the access policies of this vault.",
        Action::AccessPolicyWrite => "You cannot change the access policies of this vault.",
        Action::WorkloadRead => "You cannot see workload identities.",
        Action::WorkloadCreate => "You cannot make workload identities.",
        Action::WorkloadUpdate => "You cannot change workload identities.",
        Action::WorkloadDelete => "You cannot delete workload identities.",
        Action::VaultCreate => "You cannot make a vault.",
        Action::VaultRead => "You cannot see this vault's settings.",
        Action::VaultUpdate => "You cannot change this vault's settings.",
        Action::VaultDelete => "You cannot delete this vault.",
        Action::VaultGetDeleted => "You cannot see this deleted vault.",
        Action::VaultRecover => "You cannot recover this vault.",
        Action::VaultPurge => "You cannot purge this vault.",
        _ => "You cannot do this.",
    }
}

/// Headline and sentence of a reason.
fn told(ctx: &RequestContext, place: &Place, denial: &Denial) -> (&'static str, String) {
    match &denial.reason {
        DenyReason::Network(_) => (
            "Your address is not allowed",
            format!(
                "The vault's network rules do not let in the address you come from, {}.",
                ctx.client.to_canonical()
            ),
        ),
        DenyReason::Identity => {
            ("This identity does not count any more", "The identity you act as is disabled or gone.".to_owned())
        }
        DenyReason::NoRole | DenyReason::Concealed(_) => {
            ("No role of yours allows this", format!("It needs a role that contains it, {}.", place.scope_words()))
        }
        DenyReason::NoAccessPolicy => (
            "No access policy allows this",
            "It needs an access policy of the vault that contains the permission.".to_owned(),
        ),
        DenyReason::NoAuthority => (
            "No policy module allows this",
            "In this vault a policy module with authority must allow a request, and none did.".to_owned(),
        ),
        DenyReason::Policy { sentence, approval, .. } => {
            let asked = match approval.as_deref() {
                None | Some(ApprovalWanted { of_stranger: true, .. }) => String::new(),
                Some(ApprovalWanted { request: Some(id), refused_until: None, .. }) => {
                    format!(" Somebody else has to approve it: request {id}.")
                }
                Some(ApprovalWanted { request: Some(id), .. }) => format!(" Somebody refused it: request {id}."),
                Some(ApprovalWanted { request: None, .. }) => {
                    " Somebody else has to approve it, and no request for that could be opened now.".to_owned()
                }
            };
            ("A policy module refused", format!("{sentence}{asked}"))
        }
        DenyReason::PolicyFailed { .. } => (
            "A policy module gave no answer",
            "A policy that cannot be evaluated denies. Whoever administers the vault can see why in the audit log."
                .to_owned(),
        ),
        DenyReason::Tampered | DenyReason::Unavailable => {
            ("This could not be judged", "What was to be judged could not be read.".to_owned())
        }
    }
}

/// The stages of the gate up to the one that stopped the request, and those it did not reach. The
/// same for a vault that does not exist.
fn stages(place: &Place, reason: &DenyReason) -> Vec<Stage> {
    let in_vault = place.vault().is_some();
    let names: &[&str] =
        if in_vault { &["Network rules", "Identity", "Roles", "Policy modules"] } else { &["Identity", "Roles"] };
    let (stopped, detail) = match reason {
        DenyReason::Network(_) => ("Network rules", "Address not listed".to_owned()),
        DenyReason::Identity => ("Identity", "Disabled or gone".to_owned()),
        DenyReason::NoRole | DenyReason::Concealed(_) => ("Roles", "No assignment".to_owned()),
        DenyReason::NoAccessPolicy => ("Roles", "No access policy".to_owned()),
        DenyReason::NoAuthority => ("Policy modules", "None with authority".to_owned()),
        // Whoever is a stranger to the vault is told of no module.
        DenyReason::Policy { attachment, .. } if attachment.is_empty() => {
            ("Policy modules", "Asks for more".to_owned())
        }
        DenyReason::Policy { attachment, .. } | DenyReason::PolicyFailed { attachment, .. } => {
            ("Policy modules", attachment.clone())
        }
        DenyReason::Tampered | DenyReason::Unavailable => return Vec::new(),
    };
    let stop = names.iter().position(|name| *name == stopped);
    let stage = |(index, name): (usize, &&str)| {
        let (state, detail) = match stop {
            Some(stop) if index < stop => (StageState::Passed, None),
            Some(stop) if index == stop => (StageState::Stopped, Some(detail.clone())),
            _ => (StageState::NotReached, Some("Not reached".to_owned())),
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
}
