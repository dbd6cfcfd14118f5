//! What each operation of the management API takes, answers and is for.

use super::{Body, Operation};
use crate::{
    api::manage::{
        List, Listing, access, access_policies, approvals, assignments, audit, foresee, network_hits, policies,
        policy_documents, policy_modules, replays, roles, session, sessions, token_keys, tokens, vaults, workloads,
    },
    openapi::shapes,
    routes::Endpoint,
};

const WHOM: &[(&str, &str)] = &[
    ("client_id", "A workload kept here; or else an issuer with a subject or a group."),
    ("issuer", "Issuer of the subject or group."),
    ("subject", "Subject of a principal at the issuer."),
    ("group", "Name of a group at the issuer."),
];
const SCOPE: &[(&str, &str)] = &[(
    "scope",
    "`/` (when absent), `/vaults/{vault}`, or `/vaults/{vault}/` with `secrets/{name}`, `keys/{name}` or `certificates/{name}`.",
)];
const ASSIGNMENTS: &[(&str, &str)] = &[
    ("scope", "At this scope and below; `/` when absent."),
    ("client_id", "Of one workload."),
    ("issuer", "Of a principal or group of this issuer, with `subject` or `group`."),
    ("subject", "Subject at the issuer."),
    ("group", "Group at the issuer."),
    ("after", "The `next` of the page before."),
    ("limit", "1 to 1000; 100 when absent."),
];
const GRANTS: &[(&str, &str)] = &[
    ("scope", "At this scope and below; `/` when absent."),
    ("above", "true: roles given above the scope, which reach it, too."),
    ("who", "Of whom a name contains this: subject, group, issuer, or what people call the workload."),
    ("role", "By roles whose name contains this, or by access policies where `access policy` does."),
    ("state", "unused, orphan, asleep or over."),
    ("after", "The `next` of the page before."),
    ("limit", "1 to 1000; 100 when absent."),
];
const WORKLOADS: &[(&str, &str)] =
    &[("after", "The `next` of the page before."), ("limit", "1 to 100; 100 when absent.")];
const RECORDS: &[(&str, &str)] = &[
    ("outcome", "allowed, denied, failed or unauthenticated."),
    ("vault", "Name of a vault, as asked for."),
    ("object", "Part of an object's name, the name of a vault, VAULT/NAME or VAULT/KIND/NAME."),
    ("principal", "Subject of a principal, or ISSUER#SUBJECT."),
    ("operation", "Name of an operation."),
    ("reason", "Reason code, whole: no-role."),
    ("client", "Address that requests came from, whole."),
    ("kind", "What it is about: secret, key, certificate, issuer, contacts, revocations, vault, server or workload."),
    ("id", "One record, or those whose ids begin so: at least 13 characters."),
    (
        "without",
        "Not those of `challenges` (requests without any credential), of `own` (what the caller was allowed to read of the log), \
         or of both, with a comma between.",
    ),
    ("from", "Not earlier: RFC 3339 or Unix milliseconds."),
    ("until", "Earlier than: RFC 3339 or Unix milliseconds."),
    ("before", "The `next` of the page before."),
    ("limit", "1 to 1000; 100 when absent."),
];
const SIGNATURE: &[(&str, &str)] =
    &[("signature", "Ed25519 signature of the module, base64url without padding; servers may demand one.")];
const FORCE: &[(&str, &str)] = &[("force", "true: even if what comes back denies the connection that is asked over.")];
const CHAIN: &[(&str, &str)] = &[("after", "A position; 0 when absent."), ("limit", "1 to 1000; 1000 when absent.")];

/// The operation behind an endpoint; none for what is not of the management API.
#[expect(clippy::too_many_lines, reason = "a table, one line or two an operation")]
pub(super) fn of(endpoint: Endpoint) -> Option<Operation> {
    let operation = |tag, summary| Operation { tag, summary, query: &[], body: None, media: None, answer: None };
    let vaults = |summary| operation("vaults", summary);
    let access = |summary| operation("access policies", summary);
    let modules = |summary| operation("policy modules", summary);
    let approvals = |summary| operation("approvals", summary);
    let roles = |summary| operation("role definitions", summary);
    let assignments = |summary| operation("assignments", summary);
    let workloads = |summary| operation("workloads", summary);
    let audit = |summary| operation("audit", summary);
    let vault = Some(Body::of::<vaults::VaultView<'_>>());
    let vault_list = Some(Body::of::<vaults::VaultList<'_>>());
    let policy = Some(Body::of::<access_policies::View<'_>>());
    let document = Some(Body::of::<policy_documents::View<'_>>());
    let module = Some(Body::of::<policy_modules::View<'_>>());
    let approval = Some(Body::of::<approvals::View<'_>>());
    let answer_approval = Some(Body::of::<approvals::Answer>());
    let replay = Some(Body::of::<replays::View<'_>>());
    let attached = Some(Body::of::<policies::View<'_>>());
    let role = Some(Body::of::<roles::View<'_>>());
    let assignment = Some(Body::of::<assignments::AssignmentView<'_>>());
    let workload = Some(Body::of::<workloads::WorkloadView<'_>>());
    let token_keys = Some(Body::of::<token_keys::Keys>());
    let put_role = Some(Body::of::<roles::Body>());
    Some(match endpoint {
        Endpoint::VaultList => Operation { answer: vault_list, ..vaults("List the vaults that the caller may see") },
        Endpoint::VaultCreate => {
            Operation { body: Some(Body::of::<vaults::CreateVault>()), answer: vault, ..vaults("Make a vault") }
        }
        Endpoint::VaultGet => Operation { answer: vault, ..vaults("Show a vault") },
        Endpoint::VaultUpdate => Operation {
            body: Some(Body::of::<shapes::VaultUpdate>()),
            answer: vault,
            ..vaults("Change settings; what is absent stays. `If-Match` takes the revision")
        },
        Endpoint::VaultDelete => {
            Operation { answer: vault, ..vaults("Soft delete a vault: recoverable until its purge date") }
        }
        Endpoint::DeletedVaultList => Operation { answer: vault_list, ..vaults("List soft-deleted vaults") },
        Endpoint::DeletedVaultGet => Operation { answer: vault, ..vaults("Show a soft-deleted vault") },
        Endpoint::DeletedVaultRecover => Operation { answer: vault, ..vaults("Recover a soft-deleted vault") },
        Endpoint::DeletedVaultPurge => vaults("Purge a soft-deleted vault, with everything in it, for good"),
        Endpoint::PolicyList => Operation { answer: attached, ..modules("List what is attached to a vault") },
        Endpoint::PolicyListEverywhere => {
            Operation { answer: attached, ..modules("List what is attached to every vault") }
        }
        Endpoint::PolicyPutEverywhere => Operation {
            body: Some(Body::of::<policies::Body>()),
            answer: attached,
            ..modules("Attach modules to every vault, in place of those that are. `If-Match` takes the revision")
        },
        Endpoint::NetworkHits => Operation {
            answer: Some(Body::of::<network_hits::View>()),
            ..vaults("Count how often each network rule decided in the last 24 hours")
        },
        Endpoint::ApprovalList => Operation {
            answer: Some(Body::named::<List<approvals::View<'_>>>(|| "ApprovalRequestList".to_owned())),
            ..approvals("List the requests for approval in a vault that have not ended")
        },
        Endpoint::ApprovalGrant => Operation {
            body: answer_approval,
            answer: approval,
            ..approvals("Approve what somebody else asks for, for a while")
        },
        Endpoint::ApprovalRefuse => Operation {
            body: answer_approval,
            answer: approval,
            ..approvals("Refuse what somebody else asks for, for a while, and take back what was approved")
        },
        Endpoint::PolicyRollBackEverywhere => Operation {
            query: FORCE,
            answer: attached,
            ..modules(
                "Put what was attached to every vault under a name before in its place again. `If-Match` takes the revision",
            )
        },
        Endpoint::PolicyModuleList => Operation {
            answer: Some(Body::named::<List<policy_modules::View<'_>>>(|| "PolicyModuleList".to_owned())),
            ..modules("List modules, those that ship and those that were uploaded")
        },
        Endpoint::PolicyModulePush => Operation {
            query: SIGNATURE,
            media: Some("application/wasm"),
            answer: module,
            ..modules("Upload a module: the body is the WebAssembly component, at most 4 MiB")
        },
        Endpoint::PolicyModuleShow => Operation { answer: module, ..modules("Show a module") },
        Endpoint::DecisionForesee => Operation {
            body: Some(Body::of::<foresee::Body>()),
            answer: Some(Body::of::<foresee::View<'_>>()),
            ..modules("Have a request judged that nobody makes: what each stage would say, and what would allow it")
        },
        Endpoint::ReplayList => Operation {
            answer: Some(Body::named::<List<replays::View<'_>>>(|| "PolicyReplayList".to_owned())),
            ..modules("List the replays of a vault that are kept, the newest first: 50 of all vaults together")
        },
        Endpoint::ReplayRun => Operation {
            body: Some(Body::of::<replays::Body>()),
            answer: replay,
            ..modules("Ask the newest decisions on a vault again with other modules, and keep what would change")
        },
        Endpoint::ReplayShow => Operation { answer: replay, ..modules("Show what a replay found") },
        Endpoint::ReplayReview => Operation {
            body: Some(Body::of::<replays::Looked>()),
            answer: replay,
            ..modules("Say that one has looked at groups of what a replay found: a person, and no workload")
        },
        Endpoint::PolicyModulePull => Operation {
            answer: Some(Body::of::<policy_modules::ContentView>()),
            ..modules("The bytes of an uploaded module, as they came")
        },
        Endpoint::PolicyModuleRemove => modules("Remove an uploaded module that is attached nowhere"),
        Endpoint::PolicyDocumentList => Operation {
            answer: Some(Body::named::<List<policy_documents::View<'_>>>(|| "PolicyDocumentList".to_owned())),
            ..modules("List the documents that modules read, without their texts")
        },
        Endpoint::PolicyDocumentShow => Operation { answer: document, ..modules("Show a document") },
        Endpoint::PolicyDocumentPut => Operation {
            body: Some(Body::of::<policy_documents::Body>()),
            answer: document,
            ..modules("Write a document, new or in place of the one of this name")
        },
        Endpoint::PolicyDocumentRemove => modules("Remove a document"),
        Endpoint::AccessPolicyList => Operation {
            answer: Some(Body::named::<List<access_policies::View<'_>>>(|| "AccessPolicyList".to_owned())),
            ..access("List a vault's access policies")
        },
        Endpoint::AccessPolicyPut => Operation {
            body: Some(Body::of::<access_policies::PutAccessPolicy>()),
            answer: policy,
            ..access("Put a grantee's access policy in place of the one before")
        },
        Endpoint::AccessPolicyRemove => Operation { query: WHOM, ..access("Remove a grantee's access policy") },
        Endpoint::RoleList => Operation {
            query: SCOPE,
            answer: Some(Body::named::<List<roles::View<'_>>>(|| "RoleDefinitionList".to_owned())),
            ..roles("List built-in and custom roles")
        },
        Endpoint::RoleCreate => Operation { body: put_role, answer: role, ..roles("Make a custom role") },
        Endpoint::RoleShow => Operation { answer: role, ..roles("Show a role definition") },
        Endpoint::RolePut => Operation { body: put_role, answer: role, ..roles("Make or replace a custom role") },
        Endpoint::RoleDelete => roles("Delete a custom role that nobody has"),
        Endpoint::AccessList => Operation {
            query: GRANTS,
            answer: Some(Body::of::<access::Page<'_>>()),
            ..operation("access", "List who has access by which grant, and when it was last used")
        },
        Endpoint::AssignmentList => Operation {
            query: ASSIGNMENTS,
            answer: Some(Body::named::<Listing<assignments::AssignmentView<'_>>>(|| "AssignmentPage".to_owned())),
            ..assignments("List assignments")
        },
        Endpoint::AssignmentAdd => Operation {
            body: Some(Body::of::<assignments::AddAssignment>()),
            answer: assignment,
            ..assignments("Give a role to a principal or group at a scope")
        },
        Endpoint::AssignmentShow => Operation { answer: assignment, ..assignments("Show an assignment") },
        Endpoint::AssignmentUses => Operation {
            answer: Some(Body::of::<access::UsesView<'_>>()),
            ..assignments("Show what an assignment was used for within the last 90 days")
        },
        Endpoint::AssignmentRemove => assignments("Remove an assignment; a person may remove what they hold by name"),
        Endpoint::WorkloadList => Operation {
            query: WORKLOADS,
            answer: Some(Body::of::<workloads::Page<'_>>()),
            ..workloads("List workload identities")
        },
        Endpoint::WorkloadCreate => Operation {
            body: Some(Body::of::<workloads::CreateWorkload>()),
            answer: workload,
            ..workloads("Make a workload identity; a client secret is told here and never again")
        },
        Endpoint::WorkloadShow => Operation { answer: workload, ..workloads("Show a workload identity") },
        Endpoint::WorkloadUpdate => Operation {
            body: Some(Body::of::<workloads::UpdateWorkload>()),
            answer: workload,
            ..workloads("Rename, disable or enable")
        },
        Endpoint::WorkloadDelete => workloads("Delete a workload identity"),
        Endpoint::WorkloadSecretAdd => Operation {
            body: Some(Body::of::<workloads::AddSecret>()),
            answer: workload,
            ..workloads("Add a client secret, or put it in place of all others")
        },
        Endpoint::WorkloadSecretRemove => workloads("Remove a client secret"),
        Endpoint::WorkloadCertificateAdd => Operation {
            body: Some(Body::of::<workloads::AddCertificate>()),
            answer: workload,
            ..workloads("Register a client certificate")
        },
        Endpoint::WorkloadCertificateRemove => workloads("Remove a client certificate"),
        Endpoint::WorkloadFederationAdd => Operation {
            body: Some(Body::of::<workloads::AddFederation>()),
            answer: workload,
            ..workloads("Let tokens of a configured issuer stand for the workload")
        },
        Endpoint::WorkloadFederationRemove => workloads("Remove a federation"),
        Endpoint::SessionBegin => Operation {
            body: Some(Body::of::<session::BeginSession>()),
            answer: Some(Body::of::<session::SessionBegun<'_>>()),
            ..operation("session", "Exchange a code that a person allowed for a token of the command line")
        },
        Endpoint::SessionShow => Operation {
            answer: Some(Body::of::<session::Me<'_>>()),
            ..operation("session", "Show whom a request with this token is of")
        },
        Endpoint::SessionEnd => operation("session", "End the session of this token, at once"),
        Endpoint::TokenExplain => Operation {
            body: Some(Body::of::<tokens::ExplainToken>()),
            answer: Some(Body::of::<tokens::View<'_>>()),
            ..operation("tokens", "Tell check by check what is wrong with a token")
        },
        Endpoint::TokenKeyList => {
            Operation { answer: token_keys, ..operation("tokens", "List the keys that sign tokens, in their order") }
        }
        Endpoint::TokenKeyRotate => Operation {
            answer: token_keys,
            ..operation("tokens", "Announce a new key: published now, it signs in ten minutes")
        },
        Endpoint::TokenKeyRevoke => Operation {
            answer: token_keys,
            ..operation("tokens", "Put a new key in the place of all others: no token issued so far counts any more")
        },
        Endpoint::SessionsEnd => Operation {
            body: Some(Body::of::<sessions::EndSessions>()),
            answer: Some(Body::of::<sessions::View>()),
            ..operation("sessions", "End the dashboard sessions of somebody, at most 100 at once")
        },
        Endpoint::AuditQuery => Operation {
            query: RECORDS,
            answer: Some(Body::of::<audit::AuditList<'_>>()),
            ..audit("List records, newest first")
        },
        Endpoint::AuditCheckpoint => Operation {
            answer: Some(Body::of::<audit::Newest<'_>>()),
            ..audit("The newest signed statement about the whole log")
        },
        Endpoint::AuditChain => Operation {
            query: CHAIN,
            answer: Some(Body::of::<audit::ChainPage<'_>>()),
            ..audit("A node's chain of records, as they were written")
        },
        Endpoint::AuditReceipt => {
            Operation { answer: Some(Body::of::<shapes::Receipt>()), ..audit("One record with its proof of inclusion") }
        }
        _ => return None,
    })
}
