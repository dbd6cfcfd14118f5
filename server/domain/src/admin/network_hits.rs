//! Use case: how often each network rule of a vault decided in the last day, counted from the records, which name the rule
//! by its place. For who may read the records, and without a word about the rules themselves.
//!
//! A place means a rule only for as long as the rules are the same: nothing is counted from before their last change.
//! The newest records of the vault are looked through, and where those are not all, its newest denials too. What was not
//! looked through must never pass for a rule that is not used.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{AdminError, Administration};
use crate::{
    action::Action,
    context::RequestContext,
    gate::{Ask, Judgement},
    names::{ObjectKind, VaultName},
    network::{NetworkAction, NetworkVerdict},
    record::{Outcome, Record, RecordFilter},
};

/// How far back, in milliseconds: a day.
const BACK: i64 = 86_400_000;
/// Most records that are looked through by one question.
const MOST: usize = 1000;

/// How often one rule decided, and when it last did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleHits {
    /// How often.
    pub count: u64,
    /// Unix milliseconds.
    pub last: i64,
}

/// What was counted.
#[derive(Debug, Default)]
pub struct NetworkHits {
    /// By the place of the rule, from 0; of none where the default action decided.
    by: BTreeMap<Option<usize>, RuleHits>,
    seen: BTreeSet<Uuid>,
    /// The least revision of the vault that is known to have the rules as they are now.
    since: Option<i64>,
    /// Whether not all records of the day were counted, and not all denials either.
    cut: bool,
    denials_cut: bool,
}

impl Administration {
    /// Counts how often each network rule of a vault decided in the last day. Of a vault that does not exist nothing is
    /// counted.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn network_hits(&self, ctx: &RequestContext, vault: &VaultName) -> Result<NetworkHits, AdminError> {
        let newest = RecordFilter {
            vault: Some(vault.to_string()),
            from: Some(ctx.now - BACK),
            limit: MOST,
            ..RecordFilter::default()
        };
        let denials = RecordFilter { outcome: Some(Outcome::Denied), ..newest.clone() };
        let (case, _place) = self.look(ctx).await?;
        let held = self.audit.query(case.permit, newest).await.map(|page| {
            let page = page?;
            let mut hits = NetworkHits::default();
            let reaches_change = hits.add_newest(&page.items);
            hits.cut = page.next.is_some() && !reaches_change;
            // Until they are looked through.
            hits.denials_cut = hits.cut;
            Ok::<_, AdminError>(hits)
        });
        let is_cut = held.inspect(|hits| hits.as_ref().is_ok_and(|hits| hits.cut));
        let second = if is_cut { Some(self.gate.judge(ctx, &Ask::server(Action::AuditRead)).await) } else { None };
        let Some(Judgement::Permitted(second)) = second else {
            return self.recorder.release(ctx, case.record, held).await?;
        };
        let held = held.and(self.audit.query(second.permit, denials).await).map(|(hits, denials)| {
            let (mut hits, denials) = (hits?, denials?);
            hits.denials_cut = hits.add_denials(&denials.items, denials.next.is_some());
            Ok::<_, AdminError>(hits)
        });
        self.recorder.release(ctx, case.record, held).await?
    }
}

impl NetworkHits {
    /// Of the rule at this place, from 0, or of the default action.
    #[must_use]
    pub fn of(&self, rule: Option<usize>) -> Option<RuleHits> {
        self.by.get(&rule).copied()
    }

    /// Of each rule that decided something, by its place from 0.
    pub fn rules(&self) -> impl Iterator<Item = (usize, RuleHits)> {
        self.by.iter().filter_map(|(rule, hits)| Some(((*rule)?, *hits)))
    }

    /// Whether everything that was decided so was counted.
    #[must_use]
    pub fn are_all(&self, action: NetworkAction) -> bool {
        !self.cut || (action == NetworkAction::Deny && !self.denials_cut)
    }

    /// Counts the newest records, up to where the rules became what they are; whether that is among them.
    fn add_newest(&mut self, newest: &[Record]) -> bool {
        let change = newest.iter().position(changes_rules);
        let made = change.and_then(|place| newest.get(place)).and_then(|record| record.revision);
        self.since = made.or_else(|| newest.iter().filter_map(|record| record.settings_revision).min());
        // What is older may be of another vault of this name.
        newest.iter().take(change.unwrap_or(newest.len())).for_each(|record| self.add(record));
        change.is_some()
    }

    /// Counts older denials as far as they are of the same rules; whether there are others that could be.
    fn add_denials(&mut self, denials: &[Record], more: bool) -> bool {
        denials.iter().for_each(|record| self.add(record));
        let of_others = |record: &Record| record.settings_revision < self.since;
        more || denials.iter().any(of_others)
    }

    fn add(&mut self, record: &Record) {
        let mut stages = record.trace.iter().filter(|stage| stage.stage == "network");
        let ground = stages.find_map(|stage| NetworkVerdict::place_of(stage.detail.as_deref()?));
        let Some(place) = ground else { return };
        if record.settings_revision < self.since || !self.seen.insert(record.id) {
            return;
        }
        let hit = self.by.entry(place).or_insert(RuleHits { count: 0, last: record.at });
        hit.count = hit.count.saturating_add(record.count.unwrap_or(1));
        hit.last = hit.last.max(record.at);
    }
}

/// Whether it tells that the rules of its vault became others.
fn changes_rules(record: &Record) -> bool {
    let told = |name: &str| record.details.contains_key(name);
    record.outcome == Outcome::Allowed
        && record.kind.as_deref() == Some(ObjectKind::Vault.as_str())
        && (told("rules") || told("default_action"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A record of the vault; the greater the number, the newer.
    fn record(number: u32, more: &Value) -> Record {
        let mut record = json!({
            "id": format!("01900000-0000-7000-8000-{number:012}"), "at": number, "principal_kind": "user",
            "client": "192.0.2.1", "listener": "main", "operation": "SecretGet", "vault": "demo", "outcome": "allowed",
            "reason": "ok", "duration_micros": 1,
        });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(record).unwrap()
    }

    fn judged(number: u32, ground: &str, revision: i64) -> Record {
        let stage = json!({ "stage": "network", "effect": "allow", "reason": "admitted", "detail": ground });
        record(number, &json!({ "settings_revision": revision, "trace": [stage] }))
    }

    fn changed(number: u32, revision: i64) -> Record {
        let details = json!({ "rules": "allow 10.0.0.0/8 -> none" });
        let stage = json!({ "stage": "network", "effect": "allow", "reason": "admitted", "detail": "rule 1" });
        record(
            number,
            &json!({ "kind": "vault", "details": details, "settings_revision": revision - 1, "revision": revision,
                "trace": [stage] }),
        )
    }

    fn count(hits: &NetworkHits, place: Option<usize>) -> (u64, i64) {
        hits.of(place).map_or((0, 0), |hit| (hit.count, hit.last))
    }

    #[test]
    fn a_rule_is_counted_by_its_place_since_the_rules_are_what_they_are() {
        let newest = [
            judged(9, "rule 2", 5),
            judged(8, "default action", 4),
            judged(7, "rule 2", 4),
            changed(6, 4),
            judged(5, "rule 2", 3),
        ];
        let mut hits = NetworkHits::default();
        assert!(hits.add_newest(&newest));
        assert_eq!(count(&hits, Some(1)), (2, 9));
        assert_eq!(count(&hits, None), (1, 8));
        assert_eq!(count(&hits, Some(0)), (0, 0), "the change itself was judged by the rules before");
        assert!(hits.are_all(NetworkAction::Allow) && hits.are_all(NetworkAction::Deny));
        assert_eq!(hits.rules().collect::<Vec<_>>(), [(1, RuleHits { count: 2, last: 9 })]);
    }

    #[test]
    fn what_was_not_looked_through_is_not_called_unused() {
        let mut hits = NetworkHits::default();
        assert!(!hits.add_newest(&[judged(9, "rule 2", 5), judged(8, "rule 2", 5)]));
        hits.cut = true;
        // The first one was counted already; the last one may be of other rules.
        hits.denials_cut =
            hits.add_denials(&[judged(9, "rule 2", 5), judged(3, "rule 1", 5), judged(2, "rule 3", 4)], false);
        assert!(hits.denials_cut);
        assert_eq!([Some(0), Some(1), Some(2)].map(|place| count(&hits, place).0), [1, 2, 0]);
        assert!(!hits.are_all(NetworkAction::Deny));
        hits.denials_cut = false;
        assert!(hits.are_all(NetworkAction::Deny), "all denials were counted");
        assert!(!hits.are_all(NetworkAction::Allow));
    }
}
