//! Contract 0.1, as `policy-plugins/released/0.1.0` has it: no stages, states, facts or obligations.

wasmtime::component::bindgen!({
    path: "../../policy-plugins/released/0.1.0/policy.wit",
    world: "policy",
    ownership: Borrowing { duplicate_if_necessary: false },
});

use exports::strongroom::policy::guard as wire;
use strongroom_domain::policy::{Effect, PolicyNeeds, PolicyRequest, PolicyStage};
use wasmtime::Store;

use super::{Decided, pairs, texts};
use crate::answer;
use crate::description::{ModuleDescription, Told};
use crate::runtime::Limiter;

pub(super) fn description(told: &wire::Description) -> Result<ModuleDescription, &'static str> {
    let named = [(wire::Facts::GROUPS, "groups"), (wire::Facts::CLAIMS, "claims"), (wire::Facts::TAGS, "tags")];
    let facts = named.into_iter().filter(|(flag, _)| told.wants.contains(*flag));
    ModuleDescription::checked(Told {
        contract: "0.1.0",
        name: &told.name,
        version: &told.version,
        summary: &told.summary,
        actions: &told.actions,
        objects: &["*".to_owned()],
        needs: PolicyNeeds { stage: PolicyStage::Request, facts: facts.map(|(_, name)| name.to_owned()).collect() },
        settings_schema: &told.settings_schema,
    })
}

/// The lists of one request; a contract's request borrows them.
struct Lists<'a> {
    groups: Vec<&'a str>,
    claims: Vec<(&'a str, &'a str)>,
    tags: Vec<(&'a str, &'a str)>,
}

pub(super) fn decide(
    instance: &Policy,
    store: &mut Store<Limiter>,
    description: &ModuleDescription,
    requests: &[&PolicyRequest],
    settings: &str,
) -> Decided {
    let lists: Vec<_> = requests
        .iter()
        .map(|request| Lists {
            groups: description.given("groups", || texts(&request.principal.groups)),
            claims: description.given("claims", || pairs(&request.principal.claims)),
            tags: description.given("tags", || pairs(&request.object.tags)),
        })
        .collect();
    let wire_requests: Vec<_> = requests.iter().zip(&lists).map(|(request, lists)| as_wire(request, lists)).collect();
    let decided = instance.strongroom_policy_guard().call_decide(&mut *store, &wire_requests, settings)?;
    Ok(decided.map(|decisions| {
        let effect = |effect| match effect {
            wire::Effect::Allow => Effect::Allow,
            wire::Effect::Deny => Effect::Deny,
            wire::Effect::Abstain => Effect::Abstain,
        };
        let checked = |decision: wire::Decision| {
            let wire::Decision { reason_code, sentence, relied_on, messages, .. } = decision;
            answer::checked(effect(decision.effect), reason_code, &sentence, &relied_on, &messages, Vec::new())
        };
        decisions.into_iter().map(checked).collect()
    }))
}

fn as_wire<'a>(request: &'a PolicyRequest, lists: &'a Lists<'a>) -> wire::PolicyRequest<'a> {
    let PolicyRequest { principal, connection, action, object, time, .. } = request;
    wire::PolicyRequest {
        principal: wire::Principal {
            issuer: &principal.issuer,
            subject: &principal.subject,
            kind: &principal.kind,
            groups: &lists.groups,
            claims: &lists.claims,
        },
        connection: wire::Connection { client_address: &connection.client_address, listener: &connection.listener },
        action,
        object: wire::Object {
            vault: &object.vault,
            kind: &object.kind,
            name: &object.name,
            version: object.version.as_deref(),
            tags: &lists.tags,
            enabled: object.enabled,
            not_before: object.not_before,
            expires: object.expires,
        },
        time: *time,
    }
}
