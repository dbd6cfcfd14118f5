//! How often each network rule of a vault decided in the last day: counted from the records, which name the rule by its
//! place.
//!
//! A place means a rule only for as long as the rules are the same: nothing is counted from before their last change.
//! The newest records of the vault are looked through, and where those are not all, its newest denials too. A rule is
//! called unused only where all were counted.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::{ObjectKind, VaultName},
    network::{NetworkAction, NetworkVerdict},
    record::{Outcome, Record, RecordFilter},
};
use strongroom_web::{Cell, Icon, Tone, say};
use uuid::Uuid;

use super::{frame::Viewer, view};

/// How far back, in milliseconds: a day.
const BACK: i64 = 86_400_000;
/// Most records that are looked through by one question.
const MOST: usize = 1000;
const MOST_WORDS: &str = "1,000";

/// How often one rule decided, and when it last did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hit {
    count: u64,
    last: i64,
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Hits {
    /// By the place of the rule, from 0; of none where the default action decided.
    by: BTreeMap<Option<usize>, Hit>,
    seen: BTreeSet<Uuid>,
    /// The least revision of the vault that is known to have the rules as they are now.
    since: Option<i64>,
    /// Whether not all records of the day were counted, and not all denials either.
    cut: bool,
    denials_cut: bool,
}

/// Counts for who may read the records; none for others, or where they cannot be read just now.
pub(super) async fn of(viewer: &Viewer<'_>, vault: &VaultName) -> Option<Hits> {
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return None;
    }
    let newest = RecordFilter {
        vault: Some(vault.to_string()),
        from: Some(viewer.call.ctx.now - BACK),
        limit: MOST,
        ..RecordFilter::default()
    };
    let denials = RecordFilter { outcome: Some(Outcome::Denied), ..newest.clone() };
    let admin = &viewer.services.admin;
    let found = admin.query_audit(&viewer.further().ok()?, newest).await.ok()?;
    let mut hits = Hits::default();
    let reaches_change = hits.add_newest(&found.items);
    if found.next.is_some() && !reaches_change {
        hits.cut = true;
        let found = admin.query_audit(&viewer.further().ok()?, denials).await.ok()?;
        hits.denials_cut = hits.add_denials(&found.items, found.next.is_some());
    }
    Some(hits)
}

impl Hits {
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
        let hit = self.by.entry(place).or_insert(Hit { count: 0, last: record.at });
        hit.count = hit.count.saturating_add(record.count.unwrap_or(1));
        hit.last = hit.last.max(record.at);
    }

    /// How often the rule at this place decided, and when it last did.
    pub(super) fn cell(&self, place: usize, action: NetworkAction) -> Cell {
        let partly = self.cut && (action == NetworkAction::Allow || self.denials_cut);
        match self.by.get(&Some(place)) {
            Some(Hit { count, last }) => Cell::Text {
                text: format!("{}{}", view::grouped(*count), if partly { "+" } else { "" }),
                small: Some(say!("network-hits-last-last", last = view::moment_millis(*last).text)),
            },
            None if partly => Cell::None(say!("network-hits-none-of-the-newest-most", most_words = MOST_WORDS)),
            None => Cell::badge(Tone::Warn, Icon::Off, say!("network-hits-unused")),
        }
    }

    /// What is said of the default action, and of how it was counted.
    pub(super) fn foot(&self) -> String {
        let default = self.by.get(&None).map_or(0, |hit| hit.count);
        let times = if default == 1 {
            "once".to_owned()
        } else {
            say!("network-hits-default-times", default = view::grouped(default))
        };
        let cut = match self.cut {
            true => say!("network-hits-only-the-newest-most-words", most_words = MOST_WORDS),
            false => String::new(),
        };
        say!("network-hits-the-default-decided-times-counted", times = times, cut = cut)
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

    fn count(hits: &Hits, place: Option<usize>) -> (u64, i64) {
        hits.by.get(&place).map_or((0, 0), |hit| (hit.count, hit.last))
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
        let mut hits = Hits::default();
        assert!(hits.add_newest(&newest));
        assert_eq!(count(&hits, Some(1)), (2, 9));
        assert_eq!(count(&hits, None), (1, 8));
        assert_eq!(count(&hits, Some(0)), (0, 0), "the change itself was judged by the rules before");
        assert!(matches!(hits.cell(0, NetworkAction::Allow), Cell::Badge { .. }), "unused");
        assert!(hits.foot().starts_with("The default decided once."));
    }

    #[test]
    fn what_was_not_looked_through_is_not_called_unused() {
        let mut hits = Hits::default();
        assert!(!hits.add_newest(&[judged(9, "rule 2", 5), judged(8, "rule 2", 5)]));
        hits.cut = true;
        // The first one was counted already; the last one may be of other rules.
        hits.denials_cut =
            hits.add_denials(&[judged(9, "rule 2", 5), judged(3, "rule 1", 5), judged(2, "rule 3", 4)], false);
        assert!(hits.denials_cut);
        assert_eq!([Some(0), Some(1), Some(2)].map(|place| count(&hits, place).0), [1, 2, 0]);
        assert!(matches!(hits.cell(2, NetworkAction::Deny), Cell::None(_)));
        hits.denials_cut = false;
        assert!(matches!(hits.cell(2, NetworkAction::Deny), Cell::Badge { .. }), "all denials were counted");
        assert!(matches!(hits.cell(2, NetworkAction::Allow), Cell::None(_)));
    }
}
