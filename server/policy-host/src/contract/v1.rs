//! Contract 1.0: `policy-plugins/wit`.

wasmtime::component::bindgen!({
    path: "../../policy-plugins/wit",
    world: "policy",
    ownership: Borrowing { duplicate_if_necessary: false },
});

use exports::strongroom::policy::guard as wire;
use strongroom_domain::policy::{
    AlertSeverity, Effect, FactValue, ObjectState, Obligation, PolicyNeeds, PolicyRequest, PolicyStage,
};
use wasmtime::Store;

use super::{Decided, pairs, texts};
use crate::answer;
use crate::description::{ModuleDescription, Told};
use crate::runtime::Limiter;

pub(super) fn description(told: &wire::Description) -> Result<ModuleDescription, &'static str> {
    let stage = match told.stage {
        wire::Stage::Network => PolicyStage::Network,
        wire::Stage::Request => PolicyStage::Request,
    };
    ModuleDescription::checked(Told {
        contract: "1.0.0",
        name: &told.name,
        version: &told.version,
        summary: &told.summary,
        actions: &told.actions,
        objects: &told.objects,
        needs: PolicyNeeds { stage, facts: told.facts.clone() },
        settings_schema: &told.settings_schema,
    })
}

/// The lists of one request; a contract's request borrows them. Every element costs a module
/// about 100 ns, so only what it wants to see is in them.
struct Lists<'a> {
    groups: Vec<&'a str>,
    claims: Vec<(&'a str, &'a str)>,
    tags: Vec<(&'a str, &'a str)>,
    proxies: Vec<&'a str>,
    certificate_names: Vec<&'a str>,
    key_ops: Vec<&'a str>,
    requested_names: Vec<&'a str>,
    facts: Vec<wire::Fact<'a>>,
    approvals: Vec<wire::Approval<'a>>,
}

impl<'a> Lists<'a> {
    fn of(request: &'a PolicyRequest, description: &'a ModuleDescription) -> Self {
        let facts = description.facts.iter().filter_map(|name| {
            let value = match request.facts.get(name)?.as_ref()? {
                FactValue::Number(number) => wire::FactValue::Number(*number),
                FactValue::Text(text) => wire::FactValue::Text(text),
            };
            Some(wire::Fact { name, value })
        });
        let approvals = request.approvals.iter().flatten().map(|approval| wire::Approval {
            issuer: &approval.issuer,
            subject: &approval.subject,
            granted: approval.granted,
            until: approval.until,
        });
        let connection = &request.connection;
        Self {
            groups: description.given("groups", || texts(&request.principal.groups)),
            claims: description.given("claims", || pairs(&request.principal.claims)),
            tags: description.given("tags", || pairs(&request.object.tags)),
            proxies: texts(&connection.proxies),
            certificate_names: connection
                .client_certificate
                .as_ref()
                .map(|shown| texts(&shown.names))
                .unwrap_or_default(),
            key_ops: request.key_operation.as_ref().map(|key| texts(&key.key_ops)).unwrap_or_default(),
            requested_names: request.certificate_request.as_ref().map(|asked| texts(&asked.names)).unwrap_or_default(),
            facts: facts.collect(),
            approvals: description.given("approvals", || approvals.collect()),
        }
    }

    fn as_wire(&'a self, request: &'a PolicyRequest) -> wire::PolicyRequest<'a> {
        let PolicyRequest { principal, connection, action, object, time, key_operation, certificate_request, .. } =
            request;
        wire::PolicyRequest {
            principal: wire::Principal {
                issuer: &principal.issuer,
                subject: &principal.subject,
                kind: &principal.kind,
                groups: &self.groups,
                claims: &self.claims,
            },
            connection: wire::Connection {
                client_address: &connection.client_address,
                listener: &connection.listener,
                proxies: &self.proxies,
                tls: connection
                    .tls
                    .as_ref()
                    .map(|tls| wire::Tls { version: &tls.version, cipher_suite: &tls.cipher_suite }),
                client_certificate: connection.client_certificate.as_ref().map(|shown| wire::ClientCertificate {
                    subject: &shown.subject,
                    issuer: &shown.issuer,
                    serial_number: &shown.serial_number,
                    sha256: &shown.sha256,
                    names: &self.certificate_names,
                    not_after: shown.not_after,
                }),
            },
            action,
            object: wire::Object {
                vault: &object.vault,
                kind: &object.kind,
                name: &object.name,
                version: object.version.as_deref(),
                state: match object.state {
                    ObjectState::Absent => wire::ObjectState::Absent,
                    ObjectState::Active => wire::ObjectState::Active,
                    ObjectState::Deleted => wire::ObjectState::Deleted,
                },
                tags: &self.tags,
                enabled: object.enabled,
                not_before: object.not_before,
                expires: object.expires,
                created: object.created,
                updated: object.updated,
                deleted: object.deleted,
                purge: object.purge,
            },
            key_operation: key_operation.as_ref().map(|key| wire::KeyOperation {
                algorithm: key.algorithm.as_deref(),
                key_type: &key.key_type,
                key_size: key.key_size,
                curve: key.curve.as_deref(),
                key_ops: &self.key_ops,
                exportable: key.exportable,
            }),
            certificate_request: certificate_request.as_ref().map(|asked| wire::CertificateRequest {
                subject: &asked.subject,
                names: &self.requested_names,
                issuer: &asked.issuer,
                validity_days: asked.validity_days,
            }),
            time: *time,
            facts: &self.facts,
            approvals: &self.approvals,
        }
    }
}

pub(super) fn decide(
    instance: &Policy,
    store: &mut Store<Limiter>,
    description: &ModuleDescription,
    requests: &[&PolicyRequest],
    settings: &str,
) -> Decided {
    let lists: Vec<_> = requests.iter().map(|request| Lists::of(request, description)).collect();
    let wire_requests: Vec<_> = requests.iter().zip(&lists).map(|(request, lists)| lists.as_wire(request)).collect();
    let decided = instance.strongroom_policy_guard().call_decide(&mut *store, &wire_requests, settings)?;
    Ok(decided.map(|decisions| {
        let checked = |decision: wire::Decision| {
            let wire::Decision { reason_code, sentence, relied_on, messages, obligations, .. } = decision;
            let effect = match decision.effect {
                wire::Effect::Allow => Effect::Allow,
                wire::Effect::Deny => Effect::Deny,
                wire::Effect::Abstain => Effect::Abstain,
            };
            let obligations = obligations.into_iter().map(obligation).collect();
            answer::checked(effect, reason_code, &sentence, &relied_on, &messages, obligations)
        };
        decisions.into_iter().map(checked).collect()
    }))
}

fn obligation(told: wire::Obligation) -> Obligation {
    match told {
        wire::Obligation::StepUp(wire::StepUp { acr, amr, max_age }) => Obligation::StepUp { acr, amr, max_age },
        wire::Obligation::RequireApproval(wire::ApprovalWanted { approvers, valid_for }) => {
            Obligation::RequireApproval { approvers, valid_for }
        }
        wire::Obligation::ShortenLifetime(seconds) => Obligation::ShortenLifetime { seconds },
        wire::Obligation::Alert(wire::Alert { severity, sentence }) => Obligation::Alert {
            severity: match severity {
                wire::Severity::Low => AlertSeverity::Low,
                wire::Severity::Medium => AlertSeverity::Medium,
                wire::Severity::High => AlertSeverity::High,
            },
            sentence,
        },
    }
}
