//! Use case: which actions an assignment was used for lately. What a role would need to hold that holds no more than that:
//! for whoever may read the assignment, and a person decides what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{AdminError, Administration, AssignmentShown, ScopeRequest, UNUSED_AFTER};
use crate::{
    action::Action,
    context::RequestContext,
    record::{OperationsUsed, UsedGrant},
};

/// What an assignment was used for within the last [`UNUSED_AFTER`].
#[derive(Clone, Debug)]
pub struct UsedActions {
    /// The assignment.
    pub of: AssignmentShown,
    /// Operations as records call them, each with its last use (Unix milliseconds).
    pub operations: BTreeMap<String, i64>,
    /// Since when all uses are known, Unix milliseconds; none while the records are still being counted.
    pub known_from: Option<i64>,
}

impl UsedActions {
    fn new(of: AssignmentShown, uses: Option<(i64, OperationsUsed)>, now: i64) -> Self {
        let (since, used) = uses.map_or((None, OperationsUsed::new()), |(since, used)| (Some(since), used));
        let begin = now.saturating_sub(UNUSED_AFTER);
        let lately = used.into_iter().filter(|(_, used)| used.at >= begin);
        let operations = lately.map(|(operation, used)| (operation, used.at)).collect();
        let known_from = since.map(|since| since.max(begin).max(of.assignment.created_at));
        Self { of, operations, known_from }
    }

    /// The action of one of the operations. Some have a name that is no action's: whoever makes a role of it is told.
    #[must_use]
    pub fn action(operation: &str) -> Option<Action> {
        Action::ALL.iter().copied().find(|action| action.operation() == operation)
    }

    /// The actions on vaults and the installation, or else those on what is in a vault, as role definitions name them:
    /// each once, in order.
    #[must_use]
    pub fn patterns(&self, on_contents: bool) -> BTreeSet<&'static str> {
        let actions = self.operations.keys().filter_map(|operation| Self::action(operation));
        actions.filter(|action| action.is_data() == on_contents).map(Action::data_action).collect()
    }
}

impl Administration {
    /// What an assignment was used for lately, by whom of a group it was.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn used_actions(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        within: &ScopeRequest,
    ) -> Result<UsedActions, AdminError> {
        let (case, found) = self.admit_on_assignment(ctx, Action::AssignmentRead, id, within).await?;
        let Some(of) = found else {
            return Err(self.refuse(ctx, case, AdminError::AssignmentNotFound).await);
        };
        let uses = match self.audit.uses(&[UsedGrant::Assignment(id)]).await {
            Ok(uses) => uses.map(|uses| (uses.since, uses.of.into_iter().next().unwrap_or_default())),
            Err(error) => {
                tracing::warn!(%error, "what an assignment was used for could not be counted");
                None
            }
        };
        let held = case.permit.hold(Ok::<_, AdminError>(UsedActions::new(of, uses, ctx.now)));
        self.recorder.release(ctx, case.record, held).await?
    }
}
