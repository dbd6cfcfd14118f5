//! Records as lines, as wide as the terminal is.

use serde_json::Value;
use strongroom_domain::record::{CHALLENGES, Outcome};

use super::{
    super::{detail, text, utc},
    Shown,
};
use crate::plain::plain;

/// Columns where there is no terminal to ask.
pub(super) const USUAL_WIDTH: usize = 120;
/// Fewer columns show nothing that helps: then the terminal breaks the lines.
const LEAST_WIDTH: usize = 80;
/// Beginning of a decision's id that is shown and that every command takes: the millisecond of the request and
/// twelve random bits, which tell two of one millisecond apart (RFC 9562, version 7).
const SHORT_ID: usize = "01900000-0000-7000".len();
const HEADER: [&str; COLUMNS] = ["TIME", "OUTCOME", "PRINCIPAL", "OPERATION", "OBJECT", "REASON", "DECISION"];
const COLUMNS: usize = 7;
/// Columns that are never cut: time, operation and decision, by which a record is understood and found again.
const WHOLE: [usize; 3] = [0, 3, COLUMNS - 1];

/// One line for each record, and perhaps a first one that says what is what. With a width, of a decision's id
/// only the beginning is shown, and what does not fit is cut at its end, where it is longest.
pub(super) fn lines(records: &[Shown], header: bool, width: Option<usize>) -> Vec<String> {
    let mut rows: Vec<[String; COLUMNS]> = Vec::with_capacity(records.len().saturating_add(1));
    if header {
        rows.push(HEADER.map(str::to_owned));
    }
    rows.extend(records.iter().map(|(record, name)| row(record, name.as_deref(), width.is_none())));
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let room = width.map_or(usize::MAX, |width| width.max(LEAST_WIDTH).saturating_sub(COLUMNS - 1));
    while widths.iter().sum::<usize>() > room {
        let flexible = widths.iter_mut().enumerate().filter(|(place, _)| !WHOLE.contains(place));
        match flexible.map(|(_, width)| width).max_by_key(|width| **width) {
            Some(widest) if *widest > 1 => *widest = widest.saturating_sub(1),
            _ => break,
        }
    }
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{:width$}", cut(cell, width)));
        cells.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    if width.is_none() {
        // Behind everything else, where their length moves no column.
        let heading = usize::from(header);
        for (line, (record, _)) in lines.iter_mut().skip(heading).zip(records) {
            line.push_str(&details(record));
        }
    }
    lines
}

/// What was given to whom, or changed into what, as far as the record tells.
fn details(record: &Value) -> String {
    let details = record.get("details").and_then(Value::as_object).into_iter().flatten();
    let told = details.map(|(name, told)| detail(name, told.as_str().unwrap_or_default()));
    let told = told.collect::<Vec<_>>().join("; ");
    if told.is_empty() { told } else { format!(" {told}") }
}

fn row(record: &Value, name: Option<&str>, whole_id: bool) -> [String; COLUMNS] {
    let at = record.get("at").and_then(Value::as_i64).map(utc).unwrap_or_default();
    // To the second.
    let time = at.split_once('.').map_or(at.clone(), |(seconds, _)| format!("{seconds}Z"));
    // With everything: which version, and of a key's use by which algorithm.
    let version = if whole_id { text(record, "/version") } else { String::new() };
    let object = [text(record, "/vault"), text(record, "/object"), version];
    let mut object = object.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    let algorithm = text(record, "/algorithm");
    if whole_id && !algorithm.is_empty() {
        object = format!("{object} by {algorithm}");
    }
    let [outcome, subject, operation, reason, id] =
        ["/outcome", "/principal/subject", "/operation", "/reason", "/id"].map(|pointer| text(record, pointer));
    // Nobody tried anything: the request was told to bring a credential.
    let challenge = outcome == Outcome::Unauthenticated.as_str() && CHALLENGES.contains(&reason.as_str());
    let outcome = if challenge { "challenged".to_owned() } else { outcome };
    let principal = match name.map(plain) {
        // A name is not unique; the beginning of the id tells two of one name apart.
        Some(name) if whole_id => format!("{name} ({subject})"),
        Some(name) => format!("{name} ({}…)", subject.chars().take(4).collect::<String>()),
        None => subject,
    };
    let id = if whole_id { id } else { id.chars().take(SHORT_ID).collect() };
    [time, outcome, principal, operation, object, reason, id]
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "01900000-0000-7000-8000-000000000001";

    #[test]
    fn long_records_are_cut_to_the_width_and_keep_time_and_decision() {
        let long = json!({
            "id": ID, "at": 1_700_000_000_123_i64, "outcome": "unauthenticated", "reason": "n".repeat(500),
            "principal": { "subject": "ä".repeat(300) }, "operation": "RoleAssignmentDelete",
            "vault": "v".repeat(24), "object": "o".repeat(127),
        });
        let short = json!({ "id": ID, "at": 0, "outcome": "allowed", "operation": "SecretGet", "vault": "demo", "object": "db" });
        let records = [(long, None), (short, None)];
        for width in [100, 120, 200] {
            let lines = lines(&records, true, Some(width));
            assert_eq!(lines.len(), 3);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:#?}");
            assert!(
                lines[1].starts_with("2023-11-14 22:13:20Z una") && lines[1].ends_with(" 01900000-0000-7000"),
                "{lines:#?}"
            );
            assert!(lines[1].contains("… RoleAssignmentDelete ") && lines[2].contains(" demo/db "), "{lines:#?}");
            assert!(lines[0].starts_with("TIME"));
        }
        let wide = lines(&records, false, None);
        assert!(wide[0].ends_with(ID) && wide[0].contains(&"o".repeat(127)) && !wide[0].contains('…'), "{wide:#?}");
    }

    #[test]
    fn an_object_of_usual_length_is_shown_whole_beside_a_workload() {
        let record = json!({
            "id": ID, "at": 0, "outcome": "allowed", "reason": "ok", "operation": "SecretGet", "vault": "payments",
            "object": "ledger-database-password", "principal": { "subject": "0190aaaa-0000-7000-8000-000000000002" },
        });
        let shown = &lines(&[(record.clone(), Some("sample-app".to_owned()))], false, Some(USUAL_WIDTH))[0];
        assert!(shown.contains(" sample-app (0190…) SecretGet payments/ledger-database-password ok "), "{shown}");
        let shown = &lines(&[(record, None)], false, Some(USUAL_WIDTH))[0];
        assert!(shown.contains(" payments/ledger-database-p"), "also where the name is not known: {shown}");
    }

    #[test]
    fn with_everything_the_version_and_the_algorithm_are_shown() {
        let record = json!({
            "id": ID, "at": 0, "outcome": "allowed", "reason": "ok", "operation": "KeySign", "vault": "demo", "object": "k",
            "version": "0a", "algorithm": "PS256",
        });
        assert!(lines(&[(record.clone(), None)], false, None)[0].contains(" KeySign demo/k/0a by PS256 ok "));
        assert!(lines(&[(record, None)], false, Some(USUAL_WIDTH))[0].contains(" KeySign demo/k "));
    }

    #[test]
    fn with_everything_what_was_given_to_whom_is_shown() {
        let record = json!({
            "id": ID, "at": 0, "outcome": "allowed", "reason": "ok", "operation": "RoleAssignmentCreate", "vault": "demo",
            "details": { "role": "Key Vault Reader", "subject": "ada\u{1b}[2J" },
        });
        let told = format!(" RoleAssignmentCreate demo ok {ID} role: Key Vault Reader; subject: ada\u{fffd}[2J");
        let shown = lines(&[(record.clone(), None)], true, None);
        assert!(
            shown[0].starts_with("TIME") && shown[1].ends_with(&told.replace("demo ok", "demo   ok    ")),
            "{shown:#?}"
        );
        assert!(!lines(&[(record, None)], false, Some(USUAL_WIDTH))[0].contains("role:"));
    }

    #[test]
    fn short_records_are_shown_whole() {
        let record =
            json!({ "id": "1", "at": 0, "outcome": "denied", "reason": "no-assignment", "operation": "SecretGet" });
        let shown = lines(&[(record, None)], false, Some(USUAL_WIDTH));
        assert_eq!(shown, ["1970-01-01 00:00:00Z denied  SecretGet  no-assignment 1"]);
    }

    #[test]
    fn names_cannot_move_the_cursor() {
        let record = json!({ "id": "1", "at": 0, "principal": { "subject": "a\u{1b}[2J\u{202e}b" } });
        assert!(lines(&[(record.clone(), None)], false, None)[0].contains("a\u{fffd}[2J\u{fffd}b"));
        let named = Some("c\u{1b}d".to_owned());
        assert!(lines(&[(record, named)], false, None)[0].contains("c\u{fffd}d (a"));
    }
}
