//! Having a request judged that nobody makes: what the gate would say now, stage by stage.

use std::{net::IpAddr, sync::Arc};

use super::{AdminError, Administration};
use crate::{
    action::Action,
    context::{RequestContext, Wire},
    decision::{Stage, StageEffect},
    gate::{Ask, Foreseen, Judgement},
    key::{KeyAlgorithm, KeyOperation},
    keys::action_of,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    principal::{Principal, PrincipalKind, SYSTEM_ISSUER},
};

/// Most groups, and most claims, of a described principal.
const MAX_TEXTS: usize = 256;
/// Longest text of it, in bytes.
const MAX_TEXT: usize = 1024;

/// A request that nobody makes. A write is judged as if it left the attributes as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Who would ask.
    pub principal: Principal,
    /// From where; none for where the caller asks from.
    pub client: Option<IpAddr>,
    /// What would be asked: an action on a vault or on what is in one.
    pub action: Action,
    /// Of which object; none for the vault, or for all objects of the kind.
    pub name: Option<ObjectName>,
    /// Of which version; none for the current one.
    pub version: Option<ObjectVersion>,
    /// Of an operation with a key: by which algorithm.
    pub algorithm: Option<KeyAlgorithm>,
}

impl Described {
    fn check(&self) -> Result<(), &'static str> {
        let Principal { id, kind, groups, claims, .. } = &self.principal;
        let short = |text: &String| text.len() <= MAX_TEXT;
        if *kind == PrincipalKind::System || id.issuer.is_empty() || id.issuer == SYSTEM_ISSUER {
            return Err("who would ask is somebody whom an issuer signs in");
        }
        if groups.len() > MAX_TEXTS || claims.len() > MAX_TEXTS {
            return Err("who would ask has at most 256 groups and 256 claims");
        }
        let texts = [&id.issuer, &id.subject].into_iter().chain(groups).chain(claims.keys()).chain(claims.values());
        if !texts.into_iter().all(short) {
            return Err("a group, a claim, an issuer and a subject have at most 1024 bytes");
        }
        if self.action.object_kind() == ObjectKind::Vault && self.name.is_some() {
            return Err("this operation is of the vault, not of an object in it");
        }
        if self.algorithm.is_some() && !KeyOperation::ALL.into_iter().any(|used| action_of(used) == self.action) {
            return Err("an algorithm is one of an operation with a key");
        }
        if self.version.is_some() && self.name.is_none() {
            return Err("a version is one of an object");
        }
        Ok(())
    }
}

impl Administration {
    /// What the gate would say of a request that nobody makes, now. Nothing comes of it but the record that the caller
    /// asked. For who may read the records, and who holds which role in the vault: the answer tells of both.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn foresee(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        described: &Described,
    ) -> Result<Foreseen, AdminError> {
        let mut case = self.admit(ctx, Ask::server(Action::DecisionForesee)).await?;
        let roles = match self.gate.judge(ctx, &Ask::vault(Action::AssignmentRead, vault)).await {
            Judgement::Permitted(roles) => roles,
            Judgement::Denied(record, denial) => {
                let denied = self.gate.turn_away(&self.recorder, ctx, *record, denial).await;
                return Err(denied.map_or_else(AdminError::NoRecord, AdminError::Denied));
            }
        };
        let kind = described.action.object_kind();
        case.record.vault = Some(vault.as_str().to_owned());
        case.record.kind = Some(kind.as_str().to_owned());
        case.record.object = described.name.as_ref().map(|name| name.as_str().to_owned());
        case.record.algorithm = described.algorithm.map(|algorithm| algorithm.as_str().to_owned());
        case.record.version = described.version.as_ref().map(|version| version.as_str().to_owned());
        if roles.vault.is_none() {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        }
        if let Err(why) = described.check() {
            return Err(self.refuse(ctx, case, AdminError::Invalid(why)).await);
        }
        let about = Stage::new("described", StageEffect::Allow, described.action.operation());
        case.record.trace.push(about.with_detail(described.principal.id.to_string()));
        let client = described.client.unwrap_or(ctx.client);
        let wire = Wire { tls: ctx.wire.tls.clone(), ..Wire::default() };
        let principal = Arc::new(described.principal.clone());
        let theirs = RequestContext::new(ctx.request_id, principal, client, ctx.listener, ctx.now).over(Arc::new(wire));
        let ask = Ask {
            name: described.name.as_ref(),
            version: described.version.as_ref(),
            algorithm: described.algorithm.map(KeyAlgorithm::as_str),
            ..Ask::objects(kind, described.action, vault)
        };
        let foreseen = self.gate.foresee(&theirs, &ask).await;
        self.recorder.release(ctx, case.record, case.permit.hold(Ok(foreseen))).await?
    }
}
