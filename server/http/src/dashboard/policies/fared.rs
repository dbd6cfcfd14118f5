//! How attached modules fared within the last day, as a list and the page of one tell it: how long they took, what they
//! denied, and what kept them from answering. This node saw it since it started; what it did not see is told as not known.

use strongroom_domain::{
    admin::{AttachmentShown, ModuleShown},
    gate::{FailureSeen, RunsSeen},
    policy::{AttachmentState, PolicyFailure},
};
use strongroom_web::{Body, Cell, Fact, Icon, Panel, Tone, say};

use super::list;
use crate::dashboard::{links, view};

/// Within which time 99 of 100 runs ended.
pub(super) fn p99(runs: &RunsSeen) -> Cell {
    match runs.p99 {
        None => Cell::None(say!("policies-fared-not-known-yet").to_owned()),
        Some(micros) => Cell::Text { text: time(micros), small: Some(asked(runs)) },
    }
}

/// How often it was asked, and since when, where that is not a whole day.
fn asked(runs: &RunsSeen) -> String {
    let count = view::grouped(runs.asked);
    match runs.since {
        None => say!("policies-fared-asked", count = count),
        Some(since) => say!("policies-fared-asked-since", count = count, since = view::moment_millis(since).text),
    }
}

/// `37 µs`, `0.41 ms`, `1.2 s`: as long as it takes to tell times apart.
pub(super) fn time(micros: u64) -> String {
    match micros {
        0..100 => say!("policies-fared-micros", micros = micros),
        100..1_000_000 => say!("policies-fared-millis", whole = micros / 1000, part = hundredths(micros / 10)),
        _ => say!("policies-fared-seconds", whole = micros / 1_000_000, part = hundredths(micros / 10_000)),
    }
}

fn hundredths(all: u64) -> String {
    format!("{:02}", all % 100)
}

/// What it denied enforced, or would have denied in shadow.
pub(super) fn denials(shown: &AttachmentShown) -> Cell {
    let runs = &shown.runs;
    match shown.attachment.state {
        AttachmentState::Shadow => list::seen(&shown.shadow),
        AttachmentState::Off if runs.denied == 0 => Cell::None(say!("policies-fared-not-asked").to_owned()),
        _ if runs.since.is_none() => Cell::None(say!("policies-fared-not-known-yet").to_owned()),
        _ if runs.denied == 0 => Cell::None(say!("policies-fared-none").to_owned()),
        _ => Cell::Text {
            text: view::grouped(runs.denied),
            small: Some(say!("policies-fared-of-asked", asked = view::grouped(runs.asked))),
        },
    }
}

/// What keeps a module from answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ails {
    /// It runs too long, or is not heard in time.
    OverBudget,
    /// It broke down, or broke its contract.
    Trap,
    /// It could not be asked.
    Missing,
}

fn ails(failure: PolicyFailure) -> Ails {
    match failure {
        PolicyFailure::OutOfFuel | PolicyFailure::TimedOut => Ails::OverBudget,
        PolicyFailure::Trap | PolicyFailure::MemoryLimit | PolicyFailure::BadAnswer | PolicyFailure::BadSettings => {
            Ails::Trap
        }
        PolicyFailure::Missing
        | PolicyFailure::FactUnavailable
        | PolicyFailure::Unavailable
        | PolicyFailure::NotReady => Ails::Missing,
    }
}

/// Whether it answers. What fails while it is enforced denies each time.
pub(super) fn answers(state: AttachmentState, runs: &RunsSeen) -> Cell {
    let failed: u64 = runs.failed.values().fold(runs.over_budget, |all, count| all.saturating_add(*count));
    if failed == 0 {
        return match (state, runs.since) {
            (AttachmentState::Off, _) => Cell::None(say!("policies-fared-not-asked").to_owned()),
            (_, None) => Cell::None(say!("policies-fared-not-known-yet").to_owned()),
            (_, Some(_)) => Cell::badge(Tone::Good, Icon::Check, say!("policies-fared-answers")),
        };
    }
    let worst = runs.newest.map_or(Ails::OverBudget, |newest| ails(newest.failure));
    let word = match worst {
        Ails::OverBudget => say!("policies-fared-over-budget"),
        Ails::Trap => say!("policies-fared-trap"),
        Ails::Missing => say!("policies-fared-cannot-be-asked"),
    };
    let (tone, small) = match state {
        AttachmentState::Enforce => (Tone::Bad, say!("policies-fared-fails-closed", failed = view::grouped(failed))),
        _ => (Tone::Warn, say!("policies-fared-times", failed = view::grouped(failed))),
    };
    Cell::Badge { tone, icon: Icon::Ban, text: word.to_owned(), small: Some(small) }
}

/// All of it, on the page of an attachment.
pub(super) fn panel(shown: &AttachmentShown) -> Panel {
    let runs = &shown.runs;
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let mut facts = vec![
        fact(say!("policies-fared-answers"), answers(shown.attachment.state, runs)),
        fact(say!("policies-fared-p99"), p99(runs)),
        fact(say!("policies-fared-denials"), denials(shown)),
    ];
    for (failure, count) in &runs.failed {
        facts.push(Fact::text(failure.reason_code(), view::grouped(*count)));
    }
    if runs.over_budget > 0 {
        facts.push(Fact::text(say!("policies-fared-over-budget"), view::grouped(runs.over_budget)));
    }
    if let Some(FailureSeen { decision, at, failure }) = runs.newest {
        let (moment, small) = (view::moment_millis(at), Some(failure.reason_code().to_owned()));
        let value = Cell::When { moment, href: Some(links::why(decision)), small };
        facts.push(fact(say!("policies-fared-newest-failure"), value));
    }
    Panel::new(say!("policies-fared-last-24-hours"), Body::Facts(facts)).foot(say!("policies-fared-seen-by-this-node"))
}

/// Whether it is signed, and whether anybody looks at that. What ships is part of the server.
pub(super) fn signature(module: &ModuleShown, judged: bool) -> Cell {
    let badge = |tone, icon, text: &str, small: &str| Cell::Badge {
        tone,
        icon,
        text: text.to_owned(),
        small: Some(small.to_owned()),
    };
    match (module.uploaded.is_some(), module.signed, judged) {
        (false, ..) => Cell::text(say!("policies-fared-ships")),
        (true, true, true) => {
            badge(Tone::Good, Icon::Check, say!("policies-fared-signed"), say!("policies-fared-checked-when-loaded"))
        }
        (true, true, false) => {
            badge(Tone::Plain, Icon::Unknown, say!("policies-fared-signed"), say!("policies-fared-no-keys-listed"))
        }
        (true, false, true) => {
            badge(Tone::Bad, Icon::Ban, say!("policies-fared-not-signed"), say!("policies-fared-does-not-run"))
        }
        (true, false, false) => {
            badge(Tone::Warn, Icon::Unknown, say!("policies-fared-not-signed"), say!("policies-fared-no-keys-listed"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_shows_them() {
        for (micros, told) in
            [(0, "0 µs"), (99, "99 µs"), (410, "0.41 ms"), (12_345, "12.34 ms"), (1_250_000, "1.25 s")]
        {
            assert_eq!(time(micros), told);
        }
    }

    #[test]
    fn what_was_not_seen_is_not_told_as_nothing() {
        let none = RunsSeen::default();
        assert!(matches!(p99(&none), Cell::None(_)));
        assert!(matches!(answers(AttachmentState::Enforce, &none), Cell::None(_)));
        let seen = RunsSeen { since: Some(1), asked: 3, ..RunsSeen::default() };
        assert!(matches!(answers(AttachmentState::Enforce, &seen), Cell::Badge { tone: Tone::Good, .. }));
        let over = RunsSeen { over_budget: 2, ..seen.clone() };
        assert!(matches!(answers(AttachmentState::Shadow, &over), Cell::Badge { tone: Tone::Warn, .. }));
        let failed = [(PolicyFailure::Trap, 2)].into_iter().collect();
        let trapped = RunsSeen { failed, ..seen };
        assert!(matches!(answers(AttachmentState::Enforce, &trapped), Cell::Badge { tone: Tone::Bad, .. }));
    }
}
