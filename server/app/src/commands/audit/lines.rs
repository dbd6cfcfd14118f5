//! Records as lines that a terminal of 120 columns shows whole.

use serde_json::Value;

use super::super::{text, utc};

/// Columns of a line at most.
const MAX_WIDTH: usize = 120;
const HEADER: [&str; COLUMNS] = ["TIME", "OUTCOME", "PRINCIPAL", "OPERATION", "OBJECT", "REASON", "DECISION"];
const COLUMNS: usize = 7;
/// Columns that are never cut: time, operation and decision, by which a record is understood and found again.
const WHOLE: [usize; 3] = [0, 3, COLUMNS - 1];

/// One line for each record, and perhaps a first one that says what is what. What does not fit is cut at its
/// end, where it is longest; `--output json` has all of it.
pub(super) fn lines(records: &[Value], header: bool) -> Vec<String> {
    let mut rows: Vec<[String; COLUMNS]> = Vec::with_capacity(records.len().saturating_add(1));
    if header {
        rows.push(HEADER.map(str::to_owned));
    }
    rows.extend(records.iter().map(row));
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let room = MAX_WIDTH.saturating_sub(COLUMNS - 1);
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
    rows.iter().map(line).collect()
}

fn row(record: &Value) -> [String; COLUMNS] {
    let at = record.get("at").and_then(Value::as_i64).map(utc).unwrap_or_default();
    // To the second.
    let time = at.split_once('.').map_or(at.clone(), |(seconds, _)| format!("{seconds}Z"));
    let object = ["/vault", "/object"].map(|pointer| text(record, pointer));
    let object = object.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    let [outcome, principal, operation, reason, id] =
        ["/outcome", "/principal/subject", "/operation", "/reason", "/id"].map(|pointer| text(record, pointer));
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

    #[test]
    fn long_records_are_cut_to_the_width_and_keep_time_and_decision() {
        let id = "01900000-0000-7000-8000-000000000001";
        let long = json!({
            "id": id, "at": 1_700_000_000_123_i64, "outcome": "unauthenticated", "reason": "n".repeat(500),
            "principal": { "subject": "ä".repeat(300) }, "operation": "RoleAssignmentDelete",
            "vault": "v".repeat(24), "object": "o".repeat(127),
        });
        let short = json!({ "id": id, "at": 0, "outcome": "allowed", "operation": "SecretGet", "vault": "demo", "object": "db" });
        let lines = lines(&[long, short], true);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.chars().count() <= MAX_WIDTH), "{lines:#?}");
        assert!(lines[1].starts_with("2023-11-14 22:13:20Z unauth") && lines[1].ends_with(id), "{lines:#?}");
        assert!(lines[1].contains("… RoleAssignmentDelete ") && lines[2].contains(" demo/db "), "{lines:#?}");
        assert!(lines[0].starts_with("TIME"));
    }

    #[test]
    fn short_records_are_shown_whole() {
        let record =
            json!({ "id": "1", "at": 0, "outcome": "denied", "reason": "no-assignment", "operation": "SecretGet" });
        assert_eq!(lines(&[record], false), ["1970-01-01 00:00:00Z denied  SecretGet  no-assignment 1"]);
    }

    #[test]
    fn names_cannot_move_the_cursor() {
        let record = json!({ "id": "1", "at": 0, "principal": { "subject": "a\u{1b}[2J\u{202e}b" } });
        assert!(lines(&[record], false)[0].contains("a\u{fffd}[2J\u{fffd}b"));
    }
}
