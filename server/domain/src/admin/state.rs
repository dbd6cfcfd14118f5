//! What the state of an object would make of a request that the gate lets through: whether it is there, enabled, in its
//! time and for that.
//!
//! Told to who asks about the request, and only as far as they may read the object's attributes themselves: the gate is
//! asked whether they may, like everybody else.

use super::{Administration, Described};
use crate::{
    action::Action,
    context::RequestContext,
    decision::{Stage, StageEffect},
    gate::{Ask, Foreseen},
    key::KeyOperation,
    keys::{action_of, usable},
    names::{ObjectKind, ObjectName, VaultName},
    objects::{ObjectError, Verbs, active, deleted},
    record::HowItWent,
    secret::SecretItem,
};

/// The name of the stage.
const STAGE: &str = "state";

impl Administration {
    /// The stage of the object's state behind those of the gate; none where the gate denies, where nothing is asked of
    /// one object as it is, and where the caller may not read its attributes.
    pub(super) async fn state_stage(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        described: &Described,
        foreseen: &Foreseen,
    ) -> Option<Stage> {
        let (action, kind) = (described.action, described.action.object_kind());
        // Of an object that is taken to be another than it is, what is stored says nothing.
        let asked = foreseen.denied.is_none() && described.object.is_none();
        let name = described.name.as_ref().filter(|_| asked)?;
        if !matches!(kind, ObjectKind::Secret | ObjectKind::Key | ObjectKind::Certificate) {
            return None;
        }
        let (verbs, version) = (Verbs::of(kind), described.version.as_ref());
        let look = async |by: Action, version| {
            let ask = Ask { version, ..Ask::object(kind, by, vault, name) };
            self.gate.peek(ctx, &ask).await
        };
        if [verbs.get_deleted, verbs.recover, verbs.purge].contains(&action) {
            let found = look(verbs.get_deleted, None).await?;
            return Some(match deleted(found.as_deref()) {
                Some(_) => Stage::new(STAGE, StageEffect::Allow, "deleted"),
                None => denied(&ObjectError::DeletedNotFound(name.clone())),
            });
        }
        let found = look(verbs.show, version).await?;
        if let Some(item) = active(found.as_deref()) {
            return Some(of_active(&item, action, described.at(ctx).div_euclid(1000)));
        }
        let is_deleted = look(verbs.get_deleted, None).await.is_some_and(|found| deleted(found.as_deref()).is_some());
        Some(match (makes(action), is_deleted) {
            (true, true) => denied(&ObjectError::DeletedButRecoverable(name.clone())),
            (true, false) => Stage::new(STAGE, StageEffect::Allow, "new"),
            (false, true) => {
                denied(&ObjectError::NotFound(name.clone(), version.cloned())).with_detail(soft_deleted(name))
            }
            (false, false) => denied(&ObjectError::NotFound(name.clone(), version.cloned())),
        })
    }
}

fn soft_deleted(name: &ObjectName) -> String {
    format!("{name} is soft deleted")
}

/// Whether an action makes a version of a name that need not be there.
fn makes(action: Action) -> bool {
    matches!(
        action,
        Action::SecretSet
            | Action::KeyCreate
            | Action::KeyImport
            | Action::CertificateCreate
            | Action::CertificateImport
    )
}

/// What is there, held against what is asked of it now (Unix seconds).
fn of_active(item: &SecretItem, action: Action, now: i64) -> Stage {
    let attributes = &item.version.attributes;
    let used = KeyOperation::ALL.into_iter().find(|operation| action_of(*operation) == action);
    match (used, &item.version.key) {
        (Some(operation), Some(properties)) => {
            if let Err(why) = usable(attributes, properties, operation, now) {
                return denied(&why);
            }
        }
        _ if action == Action::SecretGet && !attributes.enabled => return denied(&ObjectError::Disabled),
        _ => {}
    }
    Stage::new(STAGE, StageEffect::Allow, "in-use")
}

/// The stage of a request that fails so, in the words of its record and its answer.
fn denied<E: HowItWent + std::fmt::Display>(why: &E) -> Stage {
    Stage::new(STAGE, StageEffect::Deny, why.how().1).with_detail(why.to_string())
}
