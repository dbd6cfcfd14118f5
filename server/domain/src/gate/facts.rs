//! Facts that the gate gathers because a module asked for them: the age of a version, counts of recent
//! requests, documents, and approvals. A fact that cannot be had in time is left out, and a module that wants it then fails.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::timeout;

use super::{Ask, Gate, Judged, Trace, approvals::APPROVALS, unreadable};
use crate::{
    context::RequestContext,
    decision::DenyReason,
    policy::{CountFact, FactValue, PolicyRequest, RecentRequests},
    policy_document::document_of,
    secret::SecretFacts,
};

/// The fact that tells the age of the current version.
const ROTATION: &str = "days-since-rotation";
/// Seconds of a day.
const DAY: i64 = 86_400;
/// How long counting may take for one fact.
const COUNTING: Duration = Duration::from_millis(250);

/// Whether a fact is one that is gathered.
pub(super) fn is_gathered(fact: &str) -> bool {
    fact == ROTATION || fact == APPROVALS || document_of(fact).is_some() || CountFact::parse(fact).is_some()
}

impl Gate {
    /// Puts a fact into a request, unless it is there.
    pub(super) async fn gather(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        fact: &str,
        request: &mut PolicyRequest,
        judged: &mut Judged,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        if request.holds(fact) {
            return Ok(());
        }
        if fact == APPROVALS {
            return self.gather_approvals(ctx, ask, request, judged, trace).await;
        }
        if let Some(name) = document_of(fact) {
            if let Some(value) = self.document(name, trace).await? {
                request.facts.insert(fact.to_owned(), value);
            }
            return Ok(());
        }
        let value = match CountFact::parse(fact) {
            None => self.age_of_current(ctx, ask, judged, trace).await?,
            Some(wanted) => match requests_like(ctx, ask, wanted) {
                None => None,
                Some(requests) => match timeout(COUNTING, self.counts.count_recent(&requests)).await {
                    Ok(Ok(count)) => Some(FactValue::Number(i64::try_from(count).unwrap_or(i64::MAX))),
                    Ok(Err(error)) => {
                        tracing::error!(%error, fact, "requests could not be counted for a policy module");
                        return Ok(());
                    }
                    Err(_) => {
                        tracing::error!(fact, "counting requests for a policy module took too long");
                        return Ok(());
                    }
                },
            },
        };
        request.facts.insert(fact.to_owned(), value);
        Ok(())
    }

    /// The text of a document, or that there is none; nothing where it cannot be read. Authentic, and as it is now.
    async fn document(&self, name: &str, trace: &mut Trace) -> Result<Option<Option<FactValue>>, DenyReason> {
        let tampered = |trace: &mut Trace| Err(trace.deny("documents", DenyReason::Tampered, Some(name.to_owned())));
        match self.attached.policy_document(name).await {
            Ok(None) => Ok(Some(None)),
            Ok(Some(found)) if found.name != name || self.keyring.verify_policy_document(&found).is_err() => {
                tracing::error!(document = name, "a document for policy modules fails its authentication");
                tampered(trace)
            }
            Ok(Some(found)) => Ok(Some(Some(FactValue::Text(found.text)))),
            Err(error) => {
                tracing::error!(%error, document = name, "a document for policy modules could not be read");
                if unreadable(&error) == DenyReason::Tampered { tampered(trace) } else { Ok(None) }
            }
        }
    }

    async fn age_of_current(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        judged: &Judged,
        trace: &mut Trace,
    ) -> Result<Option<FactValue>, DenyReason> {
        let (Some((vault, keys)), Some(name)) = (&judged.vault, ask.name) else { return Ok(None) };
        let current = Ask { version: None, ..ask.clone() };
        let newest = self.find_object(vault, keys, name, &current, trace).await?;
        Ok(newest.as_deref().and_then(|facts| age(ctx, facts)))
    }
}

/// The requests that are counted; none without the vault or the object that they would be of.
fn requests_like(ctx: &RequestContext, ask: &Ask<'_>, wanted: CountFact) -> Option<RecentRequests> {
    let object = match (wanted.by_object, ask.name) {
        (false, _) => None,
        (true, Some(name)) => Some((ask.kind.as_str().to_owned(), name.as_str().to_owned())),
        (true, None) => return None,
    };
    Some(RecentRequests {
        vault: ask.vault?.as_str().to_owned(),
        principal: wanted.by_principal.then(|| ctx.principal.id.clone()),
        object,
        outcome: wanted.outcome,
        from: ctx.judged_by().saturating_sub(i64::from(wanted.seconds) * 1000),
    })
}

/// Whole days since the current version was made, if it is the one at hand.
fn age(ctx: &RequestContext, facts: &SecretFacts) -> Option<FactValue> {
    let version = facts.version.as_ref().filter(|version| version.version == facts.secret.current)?;
    Some(FactValue::Number(ctx.judged_seconds().saturating_sub(version.created).div_euclid(DAY)))
}

/// The facts that cost nothing: they are there and recorded whoever asks for them, so that any module
/// can be asked again with them.
pub(super) fn at_hand(ctx: &RequestContext, facts: Option<&SecretFacts>) -> BTreeMap<String, Option<FactValue>> {
    match facts {
        // Where there is nothing, nothing was rotated.
        None => BTreeMap::from([(ROTATION.to_owned(), None)]),
        Some(facts) => match age(ctx, facts) {
            Some(age) => BTreeMap::from([(ROTATION.to_owned(), Some(age))]),
            // An older version was looked at: nothing is said of the current one.
            None => BTreeMap::new(),
        },
    }
}
