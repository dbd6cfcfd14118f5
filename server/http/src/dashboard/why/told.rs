//! A decision as it is shown, whether it is on record or foreseen: in one headline, as a rail of stages, and stage by
//! stage with what each module said.

use std::collections::BTreeMap;

use strongroom_domain::{
    decision::{Stage, StageEffect},
    record::Record,
};
use strongroom_web::{Body, Cell, Icon, Panel, Row, StageState, Table, Tone, say};

use crate::dashboard::view;

/// Before the name of a module's stage.
const POLICY: &str = "policy:";

/// The stages of a decision together with how long its modules ran.
#[derive(Clone, Copy)]
pub(super) struct Course<'a> {
    pub(super) trace: &'a [Stage],
    pub(super) micros: &'a BTreeMap<String, u64>,
}

impl<'a> Course<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        Self { trace: &record.trace, micros: &record.module_micros }
    }

    /// The stage that denied, if one did.
    pub(super) fn stopped(&self) -> Option<&'a Stage> {
        self.trace.iter().rfind(|stage| stage.effect == StageEffect::Deny)
    }

    /// What came of it, in one line.
    pub(super) fn headline(&self) -> String {
        match self.stopped() {
            None => say!("why-told-allowed").to_owned(),
            Some(stage) => match stage.stage.strip_prefix(POLICY) {
                Some(module) => say!("why-told-denied-by-module", module = module),
                None => say!("why-told-denied-at-stage", stage = part_of(&stage.stage).words()),
            },
        }
    }

    /// The stages in the order in which they are judged, those of one sort together.
    pub(super) fn rail(&self) -> Panel {
        let denied = self.stopped().is_some();
        let is_in_trace = |part: &Part| self.trace.iter().any(|stage| part_of(&stage.stage) == *part);
        let last = Part::ALL.iter().rposition(is_in_trace);
        let mut points = Vec::new();
        for (index, part) in Part::ALL.into_iter().enumerate() {
            let said =
                |effect| self.trace.iter().rfind(|stage| stage.effect == effect && part_of(&stage.stage) == part);
            let (state, detail) = if let Some(stage) = said(StageEffect::Deny) {
                (StageState::Stopped, Some(stage.reason.clone()))
            } else if let Some(stage) = said(StageEffect::Allow).or_else(|| said(StageEffect::Abstain)) {
                (StageState::Passed, Some(stage.reason.clone()))
            } else if !part.is_always() {
                continue;
            } else if last.is_some_and(|last| index < last) {
                // Nothing was said against it, which is no stage of its own.
                (StageState::Passed, None)
            } else if denied {
                (StageState::NotReached, Some(say!("why-told-not-reached").to_owned()))
            } else {
                continue;
            };
            points.push(strongroom_web::Stage { name: part.words().to_owned(), state, detail });
        }
        Panel::new(say!("why-told-verdict"), Body::Rail(points)).note(self.headline())
    }

    /// Every stage with all that it says.
    pub(super) fn stages(&self) -> Panel {
        if self.trace.is_empty() {
            let text = vec![say!("why-told-the-gate-was-not-asked").into()];
            return Panel::new(say!("why-told-stages"), Body::Text(text));
        }
        let none = || Cell::None(say!("why-told-none").to_owned());
        let rows = self.trace.iter().flat_map(|stage| {
            let took = self.micros.get(&stage.stage);
            let itself = Row::new(vec![
                Cell::text(stage.stage.clone()),
                said(stage, None),
                Cell::Text { text: stage.reason.clone(), small: besides(stage) },
                stage.fuel.map_or_else(none, |fuel| Cell::text(view::grouped(fuel))),
                took.map_or_else(none, |micros| Cell::text(format!("{} µs", view::grouped(*micros)))),
            ]);
            // One below the other: they are a module's own texts, and none of them may look like two.
            let messages = stage.messages.iter().map(|message| {
                Row::new(vec![
                    Cell::text(stage.stage.clone()),
                    Cell::None(say!("why-told-message").to_owned()),
                    Cell::text(message.clone()),
                    none(),
                    none(),
                ])
            });
            std::iter::once(itself).chain(messages).collect::<Vec<_>>()
        });
        let table = Table::new(&["Stage", "Said", "Reason", "Fuel", "Time"], rows.collect());
        Panel::new(say!("why-told-stages"), Body::Table(table)).note(say!("why-told-in-the-order-in-which"))
    }
}

/// Two courses of the same request, stage beside stage.
pub(super) fn beside(recorded: Course<'_>, now: Course<'_>) -> Panel {
    let mut names: Vec<&str> = Vec::new();
    for stage in recorded.trace.iter().chain(now.trace) {
        if !names.contains(&stage.stage.as_str()) {
            names.push(&stage.stage);
        }
    }
    let of = |course: Course<'_>, name: &str| match course.trace.iter().rfind(|stage| stage.stage == name) {
        Some(stage) => said(stage, Some(stage.reason.clone())),
        None => Cell::None(say!("why-told-none").to_owned()),
    };
    let rows = names.into_iter().map(|name| Row::new(vec![Cell::text(name), of(recorded, name), of(now, name)]));
    let table = Table::new(&["Stage", "Recorded", "Now"], rows.collect());
    Panel::new(say!("why-told-recorded-and-now"), Body::Table(table)).note(say!("why-told-nobody-asked-anew"))
}

fn said(stage: &Stage, small: Option<String>) -> Cell {
    let (tone, icon, word) = match stage.effect {
        StageEffect::Allow => (Tone::Good, Icon::Check, say!("why-told-passed")),
        StageEffect::Deny => (Tone::Bad, Icon::Ban, say!("why-told-stopped")),
        StageEffect::Abstain => (Tone::Plain, Icon::Off, say!("why-told-no-opinion")),
        StageEffect::NotAsked => (Tone::Plain, Icon::Off, say!("why-told-not-asked")),
        StageEffect::WouldAbstain => (Tone::Planned, Icon::Hourglass, say!("why-told-no-opinion")),
        StageEffect::WouldAllow => (Tone::Planned, Icon::Hourglass, say!("why-told-would-pass")),
        StageEffect::WouldDeny => (Tone::Planned, Icon::Hourglass, say!("why-told-would-stop")),
    };
    Cell::Badge { tone, icon, text: word.to_owned(), small }
}

/// What a stage says besides its reason: its sentence, and what a module says that this rests on.
fn besides(stage: &Stage) -> Option<String> {
    let relied_on = (!stage.relied_on.is_empty())
        .then(|| say!("why-told-relied-on-relied-on", relied_on = stage.relied_on.join(", ")));
    let told: Vec<_> = stage.detail.clone().into_iter().chain(relied_on).collect();
    (!told.is_empty()).then(|| told.join(" "))
}

/// A part of the way that a request takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Vault,
    Network,
    Identity,
    Roles,
    Modules,
    Object,
    /// Nothing that judges.
    Aside,
}

impl Part {
    const ALL: [Self; 6] = [Self::Vault, Self::Network, Self::Identity, Self::Roles, Self::Modules, Self::Object];

    /// Whether every request that goes through comes by it.
    fn is_always(self) -> bool {
        matches!(self, Self::Identity | Self::Roles | Self::Modules)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Vault => say!("why-told-vault"),
            Self::Network => say!("why-told-network-rules"),
            Self::Identity => say!("why-told-identity"),
            Self::Roles => say!("why-told-roles-and-access-policies"),
            Self::Modules => say!("why-told-policy-modules"),
            Self::Object | Self::Aside => say!("why-told-the-object"),
        }
    }
}

fn part_of(stage: &str) -> Part {
    match stage {
        "vault" => Part::Vault,
        "network" => Part::Network,
        "identity" => Part::Identity,
        "grants" | "access-policy" => Part::Roles,
        "modules" | "approvals" | "documents" => Part::Modules,
        "object" | "state" => Part::Object,
        other if other.starts_with(POLICY) => Part::Modules,
        _ => Part::Aside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headline_names_what_denied_and_the_rail_ends_there() {
        let allow = |name: &str| Stage::new(name, StageEffect::Allow, "ok");
        let micros = BTreeMap::new();
        let trace = [
            allow("network"),
            allow("grants"),
            Stage::new("policy:two-person", StageEffect::Deny, "needs-approval"),
            Stage::new("shadow:next", StageEffect::WouldAllow, "ok"),
        ];
        let course = Course { trace: &trace, micros: &micros };
        assert_eq!(course.headline(), "Denied by the policy module two-person");
        let Body::Rail(points) = course.rail().body else { panic!("a rail") };
        let states: Vec<_> = points.iter().map(|point| (point.name.as_str(), point.state)).collect();
        use StageState::{Passed, Stopped};
        assert_eq!(
            states,
            [
                ("Network rules", Passed),
                ("Identity", Passed),
                ("Roles and access policies", Passed),
                ("Policy modules", Stopped)
            ]
        );
        let course = Course { trace: &trace[..2], micros: &micros };
        assert_eq!(course.headline(), "The gate lets it through");
    }

    #[test]
    fn what_a_module_says_for_the_log_is_a_list_below_its_stage() {
        let mut stage = Stage::new("policy:fence", StageEffect::Deny, "outside");
        stage.messages = vec!["one | two".to_owned(), "three".to_owned()];
        let (trace, micros) = ([stage, Stage::new("shadow:next", StageEffect::WouldAllow, "ok")], BTreeMap::new());
        let Body::Table(table) = (Course { trace: &trace, micros: &micros }).stages().body else { panic!("a table") };
        let texts: Vec<_> = table.rows.iter().filter_map(|row| row.cells[2].sorted_by()).collect();
        assert_eq!(texts, ["outside", "one | two", "three", "ok"]);
    }
}
