//! What modules see of a request: on a write as it would leave things, otherwise as they are. Metadata alone.

use strongroom_crypto::{key::KeySpec, x509::Subject};

use super::{Ask, facts::at_hand};
use crate::{
    certificate::CertificatePolicy,
    context::RequestContext,
    key::KeyProperties,
    policy::{
        ObjectState, PolicyCertificateRequest, PolicyConnection, PolicyKeyOperation, PolicyObject, PolicyPrincipal,
        PolicyRequest, RECORDED_FOR_1_0,
    },
    secret::{LifeState, SecretFacts, VersionMeta},
};

pub(super) fn vault_of(ask: &Ask<'_>) -> String {
    ask.vault.map(|vault| vault.as_str().to_owned()).unwrap_or_default()
}

/// What modules that judge connections are asked.
pub(super) fn connection_alone(ctx: &RequestContext, vault: String) -> PolicyRequest {
    PolicyRequest {
        recorded_for: RECORDED_FOR_1_0,
        connection: connection(ctx),
        object: PolicyObject { vault, kind: "vault".into(), ..Default::default() },
        time: ctx.judged_seconds(),
        ..PolicyRequest::default()
    }
}

fn connection(ctx: &RequestContext) -> PolicyConnection {
    PolicyConnection {
        client_address: ctx.client.to_canonical().to_string(),
        listener: ctx.listener.clone().into_owned(),
        proxies: ctx.wire.proxies.iter().map(|proxy| proxy.to_canonical().to_string()).collect(),
        tls: ctx.wire.tls.clone(),
        client_certificate: ctx.wire.client_certificate.clone(),
    }
}

/// The key of an operation on a key, on a write as it would be. Neither a digest nor a text that goes through it.
fn key_operation(ask: &Ask<'_>, key: &KeyProperties) -> PolicyKeyOperation {
    let (key_size, curve) = match key.spec {
        KeySpec::Rsa { bits } | KeySpec::Oct { bits } => (Some(u32::from(bits)), None),
        KeySpec::Ec { crv } => (None, Some(crv.as_str().to_owned())),
    };
    let operations = ask.operations.unwrap_or(&key.operations);
    PolicyKeyOperation {
        algorithm: ask.algorithm.map(str::to_owned),
        key_type: key.type_name().to_owned(),
        key_size,
        curve,
        key_ops: operations.iter().map(|operation| operation.as_str().to_owned()).collect(),
        exportable: key.exportable,
    }
}

/// The certificate that is asked for, as it would be.
fn certificate_request(policy: &CertificatePolicy, days: u32) -> PolicyCertificateRequest {
    let said = &policy.template;
    let subject = Subject::parse(&said.subject).map(|subject| subject.to_string());
    PolicyCertificateRequest {
        // Checked before anybody was asked; should it not be a name after all, modules see what was written.
        subject: subject.unwrap_or_else(|_| said.subject.clone()),
        names: said.names.labelled(),
        issuer: policy.issuer.name.clone(),
        validity_days: Some(days),
    }
}

/// What modules see of another version of a backup that is restored.
pub(super) fn of_restored(ask: &Ask<'_>, of_current: &PolicyRequest, version: &VersionMeta) -> PolicyRequest {
    let attributes = &version.attributes;
    let object = PolicyObject {
        tags: attributes.tags.clone(),
        enabled: Some(attributes.enabled),
        not_before: attributes.not_before,
        expires: attributes.expires,
        ..of_current.object.clone()
    };
    let key_operation = version.key.as_deref().map(|key| key_operation(ask, key));
    let certificate_request = match ask.next {
        Some(next) => Some(of_leaf(next, version, of_current.time)),
        None => of_current.certificate_request.clone(),
    };
    PolicyRequest { object, key_operation, certificate_request, ..of_current.clone() }
}

/// What a version's certificate says; of one that waits for its certificate what it would say.
fn of_leaf(next: &CertificatePolicy, version: &VersionMeta, now: i64) -> PolicyCertificateRequest {
    let leaf = version.certificate.as_ref().and_then(|certificate| certificate.leaf());
    // One that cannot be said is not restored, whatever is said here.
    match leaf.and_then(|leaf| next.as_in(leaf, now).ok()) {
        Some((policy, days)) => certificate_request(&policy, days),
        None => certificate_request(next, next.days_from(now)),
    }
}

/// What modules see of the certificate that would be made next by the policy that a restore brings back.
pub(super) fn of_next(ask: &Ask<'_>, of_current: &PolicyRequest) -> Option<PolicyRequest> {
    let next = ask.next?;
    let certificate_request = Some(certificate_request(next, next.days_from(of_current.time)));
    Some(PolicyRequest { certificate_request, ..of_current.clone() })
}

/// What modules see of another version that a backup takes along.
pub(super) fn of_leaving(ask: &Ask<'_>, of_current: &PolicyRequest, version: &VersionMeta) -> PolicyRequest {
    let mut request = of_restored(ask, of_current, version);
    let object = &mut request.object;
    object.version = Some(version.version.as_str().to_owned());
    (object.created, object.updated) = (Some(version.created), Some(version.updated));
    request
}

/// Of another policy of a certificate: what the next version would be made of.
pub(super) fn policy_after(ask: &Ask<'_>, facts: Option<&SecretFacts>) -> Option<CertificatePolicy> {
    Some(ask.policy?.over(&facts?.secret.certificate.as_ref()?.policy))
}

/// What modules see: on a write the attributes and the key as they would be, otherwise as they are.
pub(super) fn policy_request(ctx: &RequestContext, ask: &Ask<'_>, facts: Option<&SecretFacts>) -> PolicyRequest {
    let version = facts.and_then(|f| f.version.as_ref());
    let stored = version.map(|v| &v.attributes);
    let proposed = ask.proposed.and_then(|proposed| proposed.over(facts));
    let attributes = proposed.as_ref().or(stored);
    let by_policy = policy_after(ask, facts);
    let next_key = by_policy.as_ref().map(CertificatePolicy::next_key);
    let key = ask.key.or(next_key.as_ref()).or_else(|| version?.key.as_deref());
    let next = by_policy.as_ref().map(|policy| (policy, policy.days_from(ctx.seconds())));
    let (state, deleted, purge) = match facts.map(|f| f.secret.life) {
        None => (ObjectState::Absent, None, None),
        Some(LifeState::Active) => (ObjectState::Active, None, None),
        Some(LifeState::Deleted { deleted_at, purge_at }) => (ObjectState::Deleted, Some(deleted_at), Some(purge_at)),
    };
    let principal = &ctx.principal;
    let mut request = PolicyRequest {
        recorded_for: RECORDED_FOR_1_0,
        principal: PolicyPrincipal {
            issuer: principal.id.issuer.clone(),
            subject: principal.id.subject.clone(),
            kind: principal.kind.as_str().to_owned(),
            groups: principal.groups.clone(),
            claims: principal.claims.clone(),
        },
        connection: connection(ctx),
        action: ask.action.data_action().to_owned(),
        object: PolicyObject {
            vault: vault_of(ask),
            kind: ask.kind.as_str().to_owned(),
            name: ask.name.map(|n| n.as_str().to_owned()).unwrap_or_default(),
            version: ask.version.map(|v| v.as_str().to_owned()),
            state,
            tags: attributes.map(|a| a.tags.clone()).unwrap_or_default(),
            enabled: attributes.map(|a| a.enabled),
            not_before: attributes.and_then(|a| a.not_before),
            expires: attributes.and_then(|a| a.expires),
            created: version.map(|v| v.created),
            updated: version.map(|v| v.updated),
            deleted,
            purge,
        },
        key_operation: key.map(|key| key_operation(ask, key)),
        certificate_request: ask.certificate.or(next).map(|(policy, days)| certificate_request(policy, days)),
        time: ctx.judged_seconds(),
        facts: at_hand(ctx, facts),
        approvals: None,
    };
    if let Some(described) = ask.described {
        described.put_into(&mut request.object);
    }
    request
}
