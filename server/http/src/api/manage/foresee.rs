//! `/api/v1/vaults/{vault}/why`: what the gate would say of a request that nobody makes, and what single change would
//! let it through.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Deserializer, Serialize};
use strongroom_domain::{
    action::Action,
    admin::{
        About, ChangedAlike, Counted, Described, Explained, MAX_REPLAYED, NotYours, Possible, SingleChange, WouldAllow,
    },
    decision::{Stage, StageEffect},
    gate::{DescribedObject, Foreseen},
    key::KeyAlgorithm,
    names::{ObjectName, ObjectVersion},
    policy::ObjectState,
    principal::{Principal, PrincipalId, PrincipalKind},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{audit::nearest, vault_name};
use crate::{
    api::wire,
    changes::Told,
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    services::Services,
};

/// A request that nobody makes. A write is judged as if it left the attributes as they are, or as `object` has them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DescribedRequest)]
pub(crate) struct Body {
    /// Who would ask; this or `client_id`.
    #[serde(default)]
    #[schema(value_type = Option<shapes::PrincipalId>)]
    principal: Option<PrincipalId>,
    /// A workload of this server.
    #[serde(default)]
    client_id: Option<Uuid>,
    /// Of `principal`: `user`, which it is when absent, or `workload`.
    #[serde(default)]
    kind: Option<String>,
    /// Groups, as the issuer would name them.
    #[serde(default)]
    groups: Vec<String>,
    /// Claims that the issuer's mapping would select.
    #[serde(default)]
    claims: BTreeMap<String, String>,
    /// From where; from where the caller asks when absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client: Option<IpAddr>,
    /// By which listener; by that of the caller when absent.
    #[serde(default)]
    listener: Option<String>,
    /// Name of the operation, as in audit records: `SecretGet`. Left out with `decision` alone.
    #[serde(default)]
    operation: Option<String>,
    /// Name of the object; absent for the vault, or for all objects of a kind.
    #[serde(default)]
    name: Option<String>,
    /// Its version; absent for the current one.
    #[serde(default)]
    version: Option<String>,
    /// Of an operation with a key: by which algorithm, as audit records have it.
    #[serde(default)]
    algorithm: Option<String>,
    /// What the object is taken to be, for policy modules; what is left out is as it is stored.
    #[serde(default)]
    object: Option<ObjectBody>,
    /// When it would be asked, Unix milliseconds; now when absent. Rules, and what is known of the vault and of other
    /// requests, are as they are now.
    #[serde(default)]
    at: Option<i64>,
    /// In place of all that describes the request: the id of a recorded denial on this vault. Its request is judged
    /// by the rules and the objects as they are now.
    #[serde(default)]
    decision: Option<Uuid>,
    /// Whether to say, of a denial, which single change would let it through.
    #[serde(default)]
    would_allow: bool,
    /// For each such change, how many of the newest decisions on the vault are asked again: at most 500, 200 when
    /// absent.
    #[serde(default)]
    last: Option<usize>,
}

/// An object as it is not, or not yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DescribedObject)]
struct ObjectBody {
    /// `active`, `deleted`, or `absent`, which is as if there were nothing of that name.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    state: Option<ObjectState>,
    /// Whether it is enabled.
    #[serde(default)]
    enabled: Option<bool>,
    /// From when on it counts, Unix seconds; null for no beginning.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<i64>)]
    not_before: Option<Option<i64>>,
    /// Until when, Unix seconds; null for no end.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<i64>)]
    expires: Option<Option<i64>>,
    /// All its tags.
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
}

/// Tells null from what is left out.
fn said<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Decisions that are asked again when nothing else is said.
const LAST: usize = 200;

/// What the gate would say, in the words of a record.
#[derive(Serialize, ToSchema)]
#[schema(as = ForeseenDecision)]
pub(crate) struct View<'a> {
    /// For when it was judged, Unix milliseconds.
    at: i64,
    #[schema(value_type = shapes::PrincipalId)]
    principal: &'a PrincipalId,
    principal_kind: &'static str,
    client: String,
    listener: &'a str,
    operation: &'static str,
    vault: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<&'static str>,
    /// `allowed`; `denied` by the gate; or `failed`, because of the state of the object, as far as the caller may read it.
    outcome: &'static str,
    /// Machine-readable; `ok` when it would be allowed.
    reason: &'a str,
    /// What each stage would say; last `state`, of the object, where the caller may read its attributes.
    #[schema(value_type = Vec<serde_json::Value>)]
    trace: &'a [Stage],
    /// How long each policy module ran, microseconds, by the name of its stage.
    module_micros: &'a BTreeMap<String, u64>,
    /// Revision of the vault's settings that were in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings_revision: Option<i64>,
    /// What would let it through, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_allow: Option<WouldAllowView>,
}

/// What single changes would let a request through, each tried by the gate.
#[derive(Serialize, ToSchema)]
#[schema(as = WouldAllow)]
pub(crate) struct WouldAllowView {
    /// Those that the caller may make.
    changes: Vec<ChangeView>,
    /// Those that somebody else would have to make.
    not_yours: Vec<NotYoursView>,
    /// Of which sorts the changes were that were tried.
    #[schema(value_type = Vec<String>)]
    tried: Vec<&'static str>,
    /// Whether other people's approval would lift the denial, as the module that denied says.
    by_approval: bool,
    /// The request for approval that they could grant, where one is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<Uuid>,
    /// How many decisions were asked again for each change, of the newest records of the vault; the fewest, where time
    /// was up.
    replayed: usize,
    /// Whether time was up before all was tried and counted.
    cut: bool,
}

/// A change that the caller may make.
#[derive(Serialize, ToSchema)]
#[schema(as = AllowingChange)]
pub(crate) struct ChangeView {
    /// `assignment`, `access-policy`, `access-mode`, `identity`, `network-rule`, `attachment-state`, `rollback`,
    /// `attachment-settings`, `attachment-authority` or `object`.
    sort: &'static str,
    /// In words.
    change: String,
    /// The command that makes it.
    command: String,
    /// How many recorded denials would be allowed, and would not without it.
    newly_allowed: u64,
    /// How many that were allowed would be denied, and would not without it.
    newly_denied: u64,
    /// Of how many it cannot be told, because the record does not hold what would have to be judged.
    indeterminate: u64,
    /// Whether it takes the rule away for others too, who are nothing like the request. Such changes stand last.
    lifts_rule: bool,
    /// Those that would change alike, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<GroupView>,
}

/// Recorded decisions that a change would alter alike.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangedAlike)]
pub(crate) struct GroupView {
    /// `newly-allowed`, `newly-denied` or `indeterminate`.
    change: &'static str,
    principal: String,
    operation: String,
    object: String,
    /// Why it is denied, would be denied, or cannot be told.
    reason: String,
    count: u64,
    /// Some decision ids, the newest first.
    #[schema(value_type = Vec<String>)]
    samples: Vec<Uuid>,
}

/// A change that would let the request through, and that the caller may not make.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangeOfOthers)]
pub(crate) struct NotYoursView {
    sort: &'static str,
    /// Why not, machine-readable.
    why: String,
    /// The built-in role with which the caller could, if one would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
}

impl GroupView {
    pub(super) fn of(group: ChangedAlike) -> Self {
        let ChangedAlike { altered, principal, operation, object, reason, count, samples } = group;
        Self { change: altered.word(), principal, operation, object, reason, count, samples }
    }
}

impl WouldAllowView {
    fn of(would_allow: WouldAllow, told: impl Fn(&SingleChange) -> (String, String)) -> Self {
        let WouldAllow { changes, not_yours, tried, by_approval, approval, replayed, cut } = would_allow;
        let change = |Possible { change, recorded, lifts_rule }: Possible| {
            let (words, command) = told(&change);
            let Counted { newly_allowed, newly_denied, indeterminate, groups, .. } = recorded;
            let groups = groups.into_iter().map(GroupView::of);
            let groups = groups.collect();
            let sort = change.sort();
            ChangeView { sort, change: words, command, newly_allowed, newly_denied, indeterminate, lifts_rule, groups }
        };
        let others = |NotYours { sort, why, role }| NotYoursView { sort, why, role };
        Self {
            changes: changes.into_iter().map(change).collect(),
            not_yours: not_yours.into_iter().map(others).collect(),
            tried,
            by_approval,
            approval,
            replayed,
            cut,
        }
    }
}

impl Body {
    /// Which request is asked about.
    fn about(self, own_issuer: &str) -> Result<About, Problem> {
        let Some(decision) = self.decision else { return Ok(About::Described(Box::new(self.described(own_issuer)?))) };
        let describes = self.principal.is_some()
            || self.client_id.is_some()
            || self.kind.is_some()
            || !self.groups.is_empty()
            || !self.claims.is_empty()
            || self.client.is_some()
            || self.listener.is_some()
            || self.operation.is_some()
            || self.name.is_some()
            || self.version.is_some()
            || self.algorithm.is_some()
            || self.object.is_some()
            || self.at.is_some();
        if describes {
            return Err(Problem::bad_parameter("decision stands in place of all that describes a request."));
        }
        Ok(About::Decision(decision))
    }

    fn described(self, own_issuer: &str) -> Result<Described, Problem> {
        let (id, kind) = match (self.principal, self.client_id, self.kind.as_deref()) {
            (Some(id), None, None | Some("user")) => (id, PrincipalKind::User),
            (Some(id), None, Some("workload")) => (id, PrincipalKind::Workload),
            (None, Some(client_id), None) => {
                let id = PrincipalId { issuer: own_issuer.to_owned(), subject: client_id.to_string() };
                (id, PrincipalKind::Workload)
            }
            _ => {
                return Err(Problem::bad_parameter(
                    "Say who would ask: principal, with kind if it is not user but workload, or client_id.",
                ));
            }
        };
        let operation = self.operation.as_deref().unwrap_or_default();
        let action = Action::in_vault(operation).ok_or_else(|| no_operation(operation))?;
        let name = self.name.as_deref().map(ObjectName::parse).transpose();
        let version = self.version.as_deref().map(ObjectVersion::parse).transpose();
        let algorithm = self.algorithm.as_deref().map(KeyAlgorithm::parse).transpose();
        let Self { groups, claims, client, listener, object, at, .. } = self;
        let object = object.map(|object| {
            let ObjectBody { state, enabled, not_before, expires, tags } = object;
            DescribedObject { state, enabled, not_before, expires, tags }
        });
        Ok(Described {
            principal: Principal { id, kind, groups, claims, token: None, ends: None },
            client,
            action,
            name: name.map_err(|_| Problem::bad_parameter("name is the name of an object."))?,
            version: version.map_err(|_| Problem::bad_parameter("version is 32 hexadecimal digits."))?,
            algorithm: algorithm
                .map_err(|_| Problem::bad_parameter("algorithm is the name of one of keys: PS256, A256KW."))?,
            listener,
            proposed: None,
            object,
            at,
        })
    }
}

/// A request as a form of the dashboard describes it, in the words of the body: read as the API reads it.
///
/// # Errors
/// 400 where it describes none.
pub(crate) fn described(body: serde_json::Value, own_issuer: &str) -> Result<Described, Problem> {
    let body: Body = serde_json::from_value(body).map_err(|error| Problem::bad_parameter(format!("{error}.")))?;
    body.described(own_issuer)
}

/// POST /api/v1/vaults/{vault}/why
pub(crate) async fn foresee(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let vault = vault_name(call.parameter(0))?;
    let body = wire::body::<Body>(request)?;
    let (asked, last) = (body.would_allow, body.last.unwrap_or(LAST));
    if last > MAX_REPLAYED {
        return Err(Problem::bad_parameter("last is at most 500."));
    }
    let about = body.about(&services.objects.gate.own_issuer)?;
    let ctx = &call.ctx;
    let (described, foreseen, would_allow) = match about {
        About::Described(described) if !asked => {
            let foreseen = services.admin.foresee(ctx, &vault, &described).await?;
            (*described, foreseen, None)
        }
        about => {
            let Explained { described, foreseen, would_allow } =
                services.admin.explain(ctx, &vault, &about, last).await?;
            (described, foreseen, asked.then_some(would_allow))
        }
    };
    let Foreseen { denied, mut trace, module_micros, settings_revision, state, .. } = foreseen;
    let (outcome, reason) = match (&denied, &state) {
        (Some(why), _) => ("denied", why.code()),
        (None, Some(Stage { effect: StageEffect::Deny, reason, .. })) => ("failed", reason.as_str()),
        (None, _) => ("allowed", "ok"),
    };
    trace.extend(state.clone());
    let told = |change: &SingleChange| {
        let told = Told { change, vault: &vault, principal: &described.principal.id };
        let at = if told.is_at_vault() {
            format!(" --vault-url {}", services.addresses.vault(&vault))
        } else {
            String::new()
        };
        (told.words(), format!("strongroom {}{at}", told.command()))
    };
    let view = View {
        at: described.at.unwrap_or(ctx.now),
        principal: &described.principal.id,
        principal_kind: described.principal.kind.as_str(),
        client: described.client.unwrap_or(ctx.client).to_canonical().to_string(),
        listener: described.listener.as_deref().unwrap_or(&ctx.listener),
        operation: described.action.operation(),
        vault: vault.as_str(),
        kind: described.action.object_kind().as_str(),
        object: described.name.as_ref().map(ObjectName::as_str),
        version: described.version.as_ref().map(ObjectVersion::as_str),
        algorithm: described.algorithm.map(KeyAlgorithm::as_str),
        outcome,
        reason,
        trace: &trace,
        module_micros: &module_micros,
        settings_revision,
        would_allow: would_allow.map(|found| WouldAllowView::of(found, told)),
    };
    Ok(Response::json(200, &view))
}

/// Where whoever misspelt an operation reads on.
fn no_operation(text: &str) -> Problem {
    let names = Action::ALL.iter().map(|action| action.operation()).filter(|name| Action::in_vault(name).is_some());
    let near = match nearest(text, names) {
        Some(near) if !text.is_empty() => format!("; the nearest to this one is {near}"),
        _ => String::new(),
    };
    Problem::bad_parameter(format!(
        "operation is the name of an operation on a vault, as audit records have it{near}. All are listed in \
         server/docs/actions.md."
    ))
}

#[cfg(test)]
mod tests {
    use super::no_operation;

    #[test]
    fn a_misspelt_operation_is_told_the_nearest() {
        let said = no_operation("secretgett").message;
        assert!(said.contains("the nearest to this one is SecretGet."), "{said}");
        assert!(!no_operation("").message.contains("nearest"));
    }
}
