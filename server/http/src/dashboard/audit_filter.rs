//! The filter of the audit pages, as it stands in the address: the API's own, and what the dashboard
//! leaves out by default because it says nothing new. The page says so; a denial is never left out.

use strongroom_domain::{
    names::ObjectKind,
    record::{Outcome, RecordFilter, Without},
};
use strongroom_web::{Field, FieldKind, Form, LeftOut, say};
use uuid::Uuid;

use super::{frame::Viewer, links, snippets::quoted, view};
use crate::{
    api::manage::audit::{Slip, audit_filter},
    message::Request,
};

/// What the dashboard itself asks for: files of its pages, and forms to fill in. No decision is in them.
const OWN: [&str; 2] = ["Asset", "Page"];

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Records that a page looks through where no index finds what is asked for.
pub(super) const LOOKED_THROUGH: usize = 30_000;
/// Records that are counted one by one for a chart: some 100 ms, because each stands elsewhere in the log.
pub(super) const COUNTED: usize = 10_000;

/// Stretches of time before now: as they stand in the address, as they are shown, and how wide a bar of
/// their chart is.
pub(super) const RANGES: [(&str, i64, i64); 4] =
    [("1h", HOUR, MINUTE), ("24h", DAY, 15 * MINUTE), ("7d", 7 * DAY, 2 * HOUR), ("30d", 30 * DAY, 8 * HOUR)];

/// Names of the fields of its form, as they stand in the address.
pub(super) const NAMES: [&str; 13] = [
    "outcome",
    "principal",
    "vault",
    "object",
    "operation",
    "reason",
    "client",
    "kind",
    "range",
    "from",
    "until",
    "own",
    "group",
];

/// A filter as it was asked for.
pub(super) struct Asked {
    /// What the log is asked.
    pub(super) filter: RecordFilter,
    /// Text of each field, by its name in the address.
    texts: Vec<(&'static str, String)>,
}

impl Asked {
    /// Reads it; moments may be written as browsers write them.
    ///
    /// # Errors
    /// 400 for what the form would not send.
    pub(super) fn of(viewer: &Viewer<'_>, request: &Request, page: usize) -> Result<Self, Slip> {
        let now = viewer.call.ctx.now;
        let mut filter = audit_filter(request, (page, page))?;
        // The id has a page of its own, and a filter that cannot be seen must not be in force.
        filter.id = None;
        filter.look_through = Some(LOOKED_THROUGH);
        let mut texts = typed(request);
        if let Some((_, range)) = texts.iter_mut().find(|(name, _)| *name == "range") {
            match RANGES.iter().find(|(known, ..)| *known == range.as_str()) {
                Some((_, length, _)) => {
                    filter.from = Some(filter.from.map_or(now - length, |from| from.max(now - length)))
                }
                None if range.is_empty() => {}
                None => return Err(Slip::new("range", say!("audit-filter-there-is-no-such-range"))),
            }
        }
        if filter.from.zip(filter.until).is_some_and(|(from, until)| until <= from) {
            return Err(Slip::new("until", say!("audit-filter-until-is-not-later")));
        }
        // What somebody asks for by name is shown.
        let named = filter.operation.is_some() || filter.outcome == Some(Outcome::Unauthenticated);
        if request.query("own").unwrap_or_default().is_empty() && !named {
            filter.without = routine(viewer);
        }
        Ok(Self { filter, texts })
    }

    /// The same of the workload with this client id, which also its form says.
    pub(super) fn ask_for(&mut self, client_id: Uuid) {
        let subject = client_id.to_string();
        for (_, text) in self.texts.iter_mut().filter(|(name, _)| *name == "principal") {
            text.clone_from(&subject);
        }
        self.filter.principal = Some(subject);
    }

    /// The command and the address of the API that ask the same, with a beginning that does not move on.
    pub(super) fn elsewhere(&self) -> (String, String) {
        let (from, until) = (self.filter.from.map(Self::moment), self.filter.until.map(Self::moment));
        let moments = [("from", from.as_deref()), ("until", until.as_deref())];
        let here = ["range", "own", "group", "from", "until"];
        let asked = self.given().filter(|(name, _)| !here.contains(name));
        let options = asked.chain(moments.iter().filter_map(|(name, moment)| Some((*name, (*moment)?))));
        let command = options
            .fold("audit query".to_owned(), |command, (name, text)| format!("{command} --{name} {}", quoted(text)));
        let [from, until] = moments;
        (command, self.address("/api/v1/audit", &[("range", None), ("own", None), ("group", None), from, until]))
    }

    /// A filter that cannot be asked, as it was typed.
    pub(super) fn slipped(request: &Request) -> Self {
        Self { filter: RecordFilter { limit: 1, ..RecordFilter::default() }, texts: typed(request) }
    }

    /// The form as it was typed, with what is wrong beside the field that it is about; none where the form has no such
    /// field.
    pub(super) fn form_with(&self, slip: &Slip, request: Uuid) -> Option<Form> {
        let mut form = self.form();
        let field = form.fields.iter_mut().find(|field| field.name == slip.parameter)?;
        field.error = Some(slip.problem.message.clone());
        form.error = Some(say!("audit-filter-nothing-was-looked-for", request = request));
        Some(form)
    }

    /// What was decided in the last while, which is one of [`RANGES`].
    pub(super) fn of_last(viewer: &Viewer<'_>, (range, length, _): (&'static str, i64, i64)) -> Self {
        let from = Some(viewer.call.ctx.now - length);
        let filter = RecordFilter { from, without: routine(viewer), limit: 1, ..RecordFilter::default() };
        Self { filter, texts: vec![("range", range.to_owned())] }
    }

    /// What is left out and the way to the other list; none where there is nothing that could be.
    pub(super) fn left_out(&self) -> Option<LeftOut> {
        if self.filter.without != Without::default() {
            let sentence = match self.filter.outcome {
                Some(Outcome::Denied | Outcome::Failed | Outcome::Unauthenticated) => return None,
                Some(Outcome::Allowed) => say!("audit-filter-left-out-what-you-read"),
                None => {
                    say!("audit-filter-left-out-requests-without-a")
                }
            };
            let href = self.address(links::AUDIT, &[("own", Some("yes"))]);
            return Some(LeftOut {
                sentence: sentence.to_owned(),
                label: say!("audit-filter-show-all").to_owned(),
                href,
            });
        }
        (!self.text("own").is_empty()).then(|| LeftOut {
            sentence: say!("audit-filter-everything-is-shown").to_owned(),
            label: say!("audit-filter-leave-the-routine-out").to_owned(),
            href: self.address(links::AUDIT, &[("own", None)]),
        })
    }

    /// Whether records are one row that say the same.
    pub(super) fn folds(&self) -> bool {
        !self.text("group").is_empty()
    }

    /// Whether records are looked through for a part of a name, or may be.
    pub(super) fn looks_for_part(&self) -> bool {
        let filter = &self.filter;
        filter.is_looked_for() || filter.principal.is_some()
    }

    /// Whether nothing but an outcome and a beginning narrows it, so that what is denied is all that was since then.
    pub(super) fn is_of_all_denials(&self) -> bool {
        let RecordFilter { outcome, from, without, limit, look_through, .. } = self.filter.clone();
        let plain = RecordFilter { outcome, from, without, limit, look_through, ..RecordFilter::default() };
        self.filter == plain
    }

    /// What was asked for, by its names in the address.
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.texts.iter().map(|(name, text)| (*name, text.as_str())).filter(|(_, text)| !text.is_empty())
    }

    fn text(&self, name: &str) -> &str {
        self.texts.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text)
    }

    /// An address with this filter and something else in it.
    pub(super) fn address(&self, path: &str, others: &[(&'static str, Option<&str>)]) -> String {
        let kept = self.texts.iter().filter(|(name, _)| others.iter().all(|(other, _)| other != name));
        let kept = kept.map(|(name, text)| (*name, Some(text.as_str())));
        links::asked(path, &kept.chain(others.iter().copied()).collect::<Vec<_>>())
    }

    /// The form, filled in.
    pub(super) fn form(&self) -> Form {
        let moment = |name: &str, label: &str| {
            let value = self.text(name);
            // A moment in another form than the field's is kept as it is in the address, not shown.
            let value = if value.len() == 16 { value.to_owned() } else { String::new() };
            Field::new(name, label, FieldKind::Moment { value })
        };
        let outcomes = [
            ("", say!("audit-filter-any")),
            ("allowed", say!("audit-filter-allowed")),
            ("denied", say!("audit-filter-denied")),
            ("failed", say!("audit-filter-failed")),
            ("unauthenticated", say!("audit-filter-unauthenticated")),
        ];
        let ranges = [
            ("", say!("audit-filter-any-time")),
            ("1h", say!("audit-filter-last-hour")),
            ("24h", say!("audit-filter-last-24-h")),
            ("7d", say!("audit-filter-last-7-days")),
            ("30d", say!("audit-filter-last-30-days")),
        ];
        let kinds = ObjectKind::ALL.map(|kind| (kind.as_str(), kind.as_str()));
        let kinds: Vec<_> = std::iter::once(("", say!("audit-filter-any"))).chain(kinds).collect();
        Form {
            action: links::AUDIT.to_owned(),
            fields: vec![
                Field::choice("outcome", say!("audit-filter-outcome"), &outcomes, self.text("outcome")),
                Field::line("principal", say!("audit-filter-who"), self.text("principal"), 256)
                    .hint(say!("audit-filter-part-of-a-subject")),
                Field::line("vault", say!("audit-filter-vault"), self.text("vault"), 24)
                    .hint(say!("audit-filter-any-vault")),
                Field::line("object", say!("audit-filter-object"), self.text("object"), 127)
                    .hint(say!("audit-filter-part-of-a-name")),
                Field::line("operation", say!("audit-filter-operation"), self.text("operation"), 64)
                    .hint(say!("audit-filter-secretget")),
                Field::line("reason", say!("audit-filter-reason"), self.text("reason"), 256)
                    .hint(say!("audit-filter-no-role")),
                Field::line("client", say!("audit-filter-client"), self.text("client"), 45)
                    .hint(say!("audit-filter-an-address")),
                Field::choice("kind", say!("audit-filter-kind"), &kinds, self.text("kind")),
                Field::choice("range", say!("audit-filter-time"), &ranges, self.text("range")),
                moment("from", say!("audit-filter-from-utc")),
                moment("until", say!("audit-filter-until-utc")),
                Field::choice(
                    "own",
                    say!("audit-filter-routine-requests"),
                    &[("", say!("audit-filter-hidden")), ("yes", say!("audit-filter-shown"))],
                    self.text("own"),
                ),
                Field::choice(
                    "group",
                    say!("audit-filter-repeats"),
                    &[("", say!("audit-filter-each")), ("yes", say!("audit-filter-grouped"))],
                    if self.folds() { "yes" } else { "" },
                ),
            ],
            submit: say!("audit-filter-filter").to_owned(),
            cancel_href: (!self.words().is_empty()).then(|| links::AUDIT.to_owned()),
            ..Form::default()
        }
    }

    /// The filter in words; empty for none.
    pub(super) fn words(&self) -> String {
        let names = [
            ("outcome", "outcome"),
            ("principal", "who"),
            ("vault", "vault"),
            ("object", "object"),
            ("operation", "operation"),
            ("reason", "reason"),
            ("client", "address"),
            ("kind", "kind"),
            ("range", say!("audit-filter-the-last")),
            ("from", "from"),
            ("until", "until"),
        ];
        let parts = names.iter().filter(|(name, _)| !self.text(name).is_empty());
        parts.map(|(name, word)| format!("{word} “{}”", self.text(name))).collect::<Vec<_>>().join(" and ")
    }

    /// What is listed, as an adjective.
    pub(super) fn kind(&self) -> &'static str {
        self.filter.outcome.map_or("", Outcome::as_str)
    }

    /// From when until when the chart goes, and how wide its bars are, in milliseconds.
    pub(super) fn window(&self, now: i64) -> (i64, i64, i64) {
        // Any number may stand in the address; nothing is on record from before 1970.
        let now = now.saturating_add(1);
        let until = self.filter.until.unwrap_or(now).min(now).max(MINUTE);
        let from = self.filter.from.unwrap_or(until - DAY).clamp(0, until - MINUTE);
        let length = until - from;
        // The stretch of the first range that holds it; beyond the last, a hundredth of it in whole minutes.
        let stretch = RANGES.iter().find(|(_, range, _)| length <= range + MINUTE).map(|(.., stretch)| *stretch);
        (from, until, stretch.unwrap_or(length / 100 / MINUTE * MINUTE))
    }

    /// How long a stretch is, in words.
    pub(super) fn length_words(millis: i64) -> String {
        let (hours, minutes) = (millis / HOUR, millis / MINUTE);
        match (millis / DAY, hours, minutes) {
            (days, ..) if days > 0 && millis % DAY < HOUR => format!("{days} d"),
            (_, hours, _) if hours > 0 && hours * HOUR + MINUTE >= millis => format!("{hours} h"),
            (_, hours, _) if hours >= 48 => format!("{} d", hours / 24),
            (.., minutes) => say!("audit-filter-minutes-min", minutes = minutes),
        }
    }

    /// A moment as the address holds it.
    pub(super) fn moment(millis: i64) -> String {
        view::audit_time(millis).iso
    }
}

/// The texts of the form's fields, by their names in the address.
fn typed(request: &Request) -> Vec<(&'static str, String)> {
    NAMES.map(|name| (name, request.query(name).unwrap_or_default().trim().to_owned())).to_vec()
}

/// What says nothing new to whoever looks.
fn routine(viewer: &Viewer<'_>) -> Without {
    Without {
        challenges: true,
        reads_of: Some(viewer.call.ctx.principal.id.clone()),
        allowed: OWN.map(str::to_owned).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_moments_are_asked_for_make_a_window() {
        let now = 1_700_000_000_000;
        for (from, until) in [
            (Some(i64::MIN), None),
            (Some(i64::MIN), Some(i64::MAX)),
            (None, Some(i64::MIN)),
            (Some(i64::MAX), Some(i64::MIN)),
            (Some(i64::MAX), None),
        ] {
            let filter = RecordFilter { from, until, ..RecordFilter::default() };
            let (from, until, stretch) = Asked { filter, texts: Vec::new() }.window(now);
            assert!(0 <= from && from <= until - MINUTE && until <= now + 1 && stretch > 0, "{from} {until} {stretch}");
        }
    }

    #[test]
    fn stretches_are_told_in_the_unit_that_fits() {
        let told = [MINUTE, 15 * MINUTE, HOUR, 8 * HOUR, DAY, DAY + 1, 30 * DAY].map(Asked::length_words);
        assert_eq!(told, ["1 min", "15 min", "1 h", "8 h", "1 d", "1 d", "30 d"]);
    }
}
