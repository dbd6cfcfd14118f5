//! Having a request judged that nobody makes: what the gate would say now, stage by stage.

use std::{net::IpAddr, sync::Arc};

use uuid::Uuid;

use super::{AdminError, Administration};
use crate::{
    action::Action,
    context::{RequestContext, Wire},
    decision::{Stage, StageEffect},
    gate::{Ask, Case, DescribedObject, Foreseen, Judgement, Proposed, Recorded},
    key::{KeyAlgorithm, KeyOperation},
    keys::action_of,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    network::is_listener_name,
    principal::{Principal, PrincipalKind, SYSTEM_ISSUER},
    record::Record,
    secret::SecretAttributes,
};

/// Most groups, and most claims, of a described principal.
const MAX_TEXTS: usize = 256;
/// The last moment of which it can be asked, Unix milliseconds: the year 9999 ends.
const LATEST: i64 = 253_402_300_799_999;
/// Longest text of it, in bytes.
const MAX_TEXT: usize = 1024;

/// A request that nobody makes. A write is judged as if it left the attributes as they are, or as the object is described.
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
    /// By which listener; none for that of the caller.
    pub listener: Option<String>,
    /// Of a write: the attributes as they would be; none for as they are.
    pub proposed: Option<SecretAttributes>,
    /// What the object is taken to be; none for as it is stored.
    pub object: Option<DescribedObject>,
    /// When it would be asked, Unix milliseconds; none for now. Rules, and what is known, are as they are now.
    pub at: Option<i64>,
}

impl Described {
    /// The request of a record, as far as it can be made again; none where nobody asked anything of a vault. What a key
    /// or a certificate that was to be made would have been is not on record.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let recorded = Recorded::of(record, record.at).filter(Recorded::is_of_somebody)?;
        let input = record.input.as_deref().filter(|input| !input.action.is_empty());
        let written = input.filter(|_| writes_attributes(recorded.action)).map(|input| &input.object);
        Some(Self {
            principal: (*recorded.ctx.principal).clone(),
            client: Some(recorded.ctx.client),
            action: recorded.action,
            name: recorded.name.clone(),
            // Of a read without one, the record holds the version that was found.
            version: match input {
                Some(input) => input.object.version.as_deref().and_then(|version| ObjectVersion::parse(version).ok()),
                None => record.version.as_deref().and_then(|version| ObjectVersion::parse(version).ok()),
            },
            algorithm: record.algorithm.as_deref().and_then(|algorithm| KeyAlgorithm::parse(algorithm).ok()),
            listener: Some(record.listener.clone()),
            proposed: written.map(|object| SecretAttributes {
                enabled: object.enabled.unwrap_or(true),
                not_before: object.not_before,
                expires: object.expires,
                content_type: None,
                tags: object.tags.clone(),
            }),
            object: None,
            at: None,
        })
    }

    /// The request in the terms of the gate: of whom it would be, from where the caller is unless it says another.
    pub(super) fn request(&self, ctx: &RequestContext) -> RequestContext {
        let client = self.client.unwrap_or(ctx.client);
        let wire = Wire { tls: ctx.wire.tls.clone(), ..Wire::default() };
        let listener = self.listener.clone().map_or_else(|| ctx.listener.clone(), Into::into);
        RequestContext::new(ctx.request_id, Arc::new(self.principal.clone()), client, listener, self.at(ctx))
            .over(Arc::new(wire))
    }

    /// When it would be asked, Unix milliseconds.
    pub(super) fn at(&self, ctx: &RequestContext) -> i64 {
        self.at.unwrap_or(ctx.now)
    }

    pub(super) fn ask<'a>(&'a self, vault: &'a VaultName) -> Ask<'a> {
        Ask {
            name: self.name.as_ref(),
            version: self.version.as_ref(),
            algorithm: self.algorithm.map(KeyAlgorithm::as_str),
            proposed: self.proposed.as_ref().map(Proposed::Whole),
            described: self.object.as_ref(),
            ..Ask::objects(self.action.object_kind(), self.action, vault)
        }
    }

    /// Puts on record which object is asked about.
    pub(super) fn name_object(&self, record: &mut Record) {
        record.kind = Some(self.action.object_kind().as_str().to_owned());
        record.object = self.name.as_ref().map(|name| name.as_str().to_owned());
        record.algorithm = self.algorithm.map(|algorithm| algorithm.as_str().to_owned());
        record.version = self.version.as_ref().map(|version| version.as_str().to_owned());
    }

    /// Puts on record whom and what is asked about.
    pub(super) fn note(&self, record: &mut Record) {
        let about = Stage::new("described", StageEffect::Allow, self.action.operation());
        record.trace.push(about.with_detail(self.principal.id.to_string()));
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
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
        // What is on record of a certificate that was made names what its key signed it by.
        let signs = matches!(self.action, Action::CertificateCreate | Action::CertificateRenewIfDue);
        let uses = || KeyOperation::ALL.into_iter().any(|used| action_of(used) == self.action);
        if self.algorithm.is_some() && !signs && !uses() {
            return Err("an algorithm is one of an operation with a key, or of making a certificate");
        }
        if self.listener.as_ref().is_some_and(|name| !is_listener_name(name)) {
            return Err("a listener's name has 1 to 32 lower-case letters, digits and hyphens");
        }
        if self.at.is_some_and(|at| !(0..=LATEST).contains(&at)) {
            return Err("a request is made in a year from 1970 to 9999");
        }
        if self.version.is_some() && self.name.is_none() {
            return Err("a version is one of an object");
        }
        if let Some(object) = &self.object {
            if self.name.is_none() {
                return Err("tags, state and dates are those of an object");
            }
            let tags = object.tags.iter().flatten();
            if object.tags.as_ref().is_some_and(|tags| tags.len() > MAX_TEXTS)
                || !tags.into_iter().all(|(name, value)| short(name) && short(value))
            {
                return Err("an object has at most 256 tags, of at most 1024 bytes each");
            }
        }
        Ok(())
    }
}

/// Whether an action says what attributes a version has, so that modules see those.
pub(super) fn writes_attributes(action: Action) -> bool {
    matches!(
        action,
        Action::SecretSet
            | Action::SecretUpdate
            | Action::KeyCreate
            | Action::KeyImport
            | Action::KeyUpdate
            | Action::CertificateCreate
            | Action::CertificateImport
            | Action::CertificateUpdate
    )
}

/// The request of a record.
pub(super) fn request_of(record: &Record) -> Result<Described, AdminError> {
    Described::of(record).ok_or(AdminError::Invalid("this is no request that somebody makes of a vault"))
}

impl Administration {
    /// What the gate would say of a request that nobody makes, now or at another time by the rules of now. Nothing comes
    /// of it but the record that the caller asked. For who may read the records, and who holds which role in the vault: the
    /// answer tells of both.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn foresee(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        described: &Described,
    ) -> Result<Foreseen, AdminError> {
        let mut case = self.admit_foreseeing(ctx, vault).await?;
        described.name_object(&mut case.record);
        if let Err(why) = described.check() {
            return Err(self.refuse(ctx, case, AdminError::Invalid(why)).await);
        }
        described.note(&mut case.record);
        let mut foreseen = self.gate.foresee(&described.request(ctx), &described.ask(vault)).await;
        foreseen.state = self.state_stage(ctx, vault, described, &foreseen).await;
        self.recorder.release(ctx, case.record, case.permit.hold(Ok(foreseen))).await?
    }

    /// What the gate would say now of the request of a record on this vault, however it came out then: by the rules and
    /// the objects as they are. For whom [`Administration::foresee`] is, and on record in the same way.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn foresee_again(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        id: Uuid,
    ) -> Result<(Described, Foreseen), AdminError> {
        let case = self.admit_foreseeing(ctx, vault).await?;
        let Some(_place) = self.looks.enter(&ctx.principal.id).await else {
            return Err(self.refuse(ctx, case, AdminError::Busy).await);
        };
        let described = self.recorded_request(ctx, vault, id).await.and_then(|record| request_of(&record));
        let (case, described) = self.asked_about(ctx, case, described).await?;
        let mut foreseen = self.gate.foresee(&described.request(ctx), &described.ask(vault)).await;
        foreseen.state = self.state_stage(ctx, vault, &described, &foreseen).await;
        self.recorder.release(ctx, case.record, case.permit.hold(Ok((described, foreseen)))).await?
    }

    /// The question with the request that it is about, which stands on its record.
    pub(super) async fn asked_about(
        &self,
        ctx: &RequestContext,
        mut case: Case,
        described: Result<Described, AdminError>,
    ) -> Result<(Case, Described), AdminError> {
        let described = match described {
            Ok(described) => described,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        described.name_object(&mut case.record);
        if let Err(why) = described.check() {
            return Err(self.refuse(ctx, case, AdminError::Invalid(why)).await);
        }
        described.note(&mut case.record);
        Ok((case, described))
    }

    /// Admits a question of what the gate would say in a vault that is there.
    pub(super) async fn admit_foreseeing(&self, ctx: &RequestContext, vault: &VaultName) -> Result<Case, AdminError> {
        let mut case = self.admit(ctx, Ask::server(Action::DecisionForesee)).await?;
        let roles = match self.gate.judge(ctx, &Ask::vault(Action::AssignmentRead, vault)).await {
            Judgement::Permitted(roles) => roles,
            Judgement::Denied(record, denial) => {
                let denied = self.gate.turn_away(&self.recorder, ctx, *record, denial).await;
                return Err(denied.map_or_else(AdminError::NoRecord, AdminError::Denied));
            }
        };
        case.record.vault = Some(vault.as_str().to_owned());
        if roles.vault.is_none() {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        }
        Ok(case)
    }
}
