//! What would let a denied request through, as `strongroom policy why --would-allow` tells it.

use serde_json::Value;

use crate::{commands::table, commands::text};

/// Prints what is said of it in a decision, if it is.
pub(super) fn print(decision: &Value) {
    let now = decision.get("now").unwrap_or(decision);
    let Some(would_allow) = now.get("would_allow") else { return };
    println!();
    if text(now, "/outcome") == "allowed" {
        println!("as things are now, it is allowed");
        return;
    }
    if let Some(line) = by_approval(would_allow, &text(decision, "/vault")) {
        println!("{line}");
    }
    println!("What would allow it, each by itself, as things are now ({}):", text(now, "/reason"));
    let changes: Vec<_> = array(would_allow, "changes").collect();
    if changes.is_empty() {
        println!("  {}", tried_in_vain(would_allow));
    } else {
        let mut shown = table(&["CHANGE", "NEWLY ALLOWED", "NEWLY DENIED", "INDETERMINATE"]);
        for change in &changes {
            let part = |pointer| text(change, pointer);
            shown.add_row([part("/change"), part("/newly_allowed"), part("/newly_denied"), part("/indeterminate")]);
        }
        println!("{shown}");
        for line in changes.iter().flat_map(|change| told(change)) {
            println!("{line}");
        }
        println!("of the newest {} decisions on the vault", text(would_allow, "/replayed"));
    }
    for line in array(would_allow, "not_yours").map(others) {
        println!("{line}");
    }
    if would_allow.get("cut").and_then(Value::as_bool) == Some(true) {
        println!("time was up before all was tried and counted");
    }
}

/// That nothing does which was tried, and what that was.
fn tried_in_vain(would_allow: &Value) -> String {
    let tried: Vec<_> = array(would_allow, "tried").map(|sort| text(sort, "")).collect();
    if tried.is_empty() {
        return "no single change that is known to be worth trying".to_owned();
    }
    format!("no single change of yours; tried were: {}", tried.join(", "))
}

/// That somebody else could approve, and which request they would grant.
fn by_approval(would_allow: &Value, vault: &str) -> Option<String> {
    if would_allow.get("by_approval").and_then(Value::as_bool) != Some(true) {
        return None;
    }
    let id = text(would_allow, "/approval");
    Some(if id.is_empty() {
        "somebody else could approve it; no request waits for that now, and asking again opens one".to_owned()
    } else {
        format!("somebody else could approve it: strongroom approval grant {id} --vault {vault}")
    })
}

/// The command that makes a change, and whom else it would concern.
fn told(change: &Value) -> Vec<String> {
    let lifts = change.get("lifts_rule").and_then(Value::as_bool) == Some(true);
    let note = if lifts { " (takes the rule away for others too)" } else { "" };
    let mut lines = vec![format!("{}{note}:", text(change, "/change")), format!("  {}", text(change, "/command"))];
    lines.extend(array(change, "groups").map(|group| {
        let part = |pointer| text(group, pointer);
        let samples: Vec<_> = array(group, "samples").filter_map(Value::as_str).collect();
        format!(
            "  {} {}: {} {} {} ({}), for example {}",
            part("/count"),
            part("/change"),
            part("/principal"),
            part("/operation"),
            part("/object"),
            part("/reason"),
            crate::plain::plain(&samples.join(" "))
        )
    }));
    lines
}

/// What somebody else would have to do.
fn others(change: &Value) -> String {
    let (sort, why, role) = (text(change, "/sort"), text(change, "/why"), text(change, "/role"));
    let lacks = if role.is_empty() { String::new() } else { format!("; the role \"{role}\" would do") };
    format!("not yours to make: {sort} ({why}{lacks})")
}

fn array<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_tried_in_vain_and_who_could_approve_is_told() {
        let found = json!({ "tried": ["assignment", "access-mode"], "by_approval": true, "approval": "01" });
        assert_eq!(tried_in_vain(&found), "no single change of yours; tried were: assignment, access-mode");
        let line = by_approval(&found, "demo").unwrap();
        assert_eq!(line, "somebody else could approve it: strongroom approval grant 01 --vault demo");
        let line = by_approval(&json!({ "by_approval": true }), "demo").unwrap();
        assert!(line.ends_with("asking again opens one"), "{line}");
        assert_eq!(by_approval(&json!({ "by_approval": false }), "demo"), None);
        assert_eq!(tried_in_vain(&json!({ "tried": [] })), "no single change that is known to be worth trying");
    }

    #[test]
    fn a_change_is_told_with_its_command_and_whom_else_it_concerns() {
        let change = json!({
            "sort": "assignment", "change": "assign Key Vault Secrets User at /vaults/demo", "newly_allowed": 2,
            "command": "strongroom assignment add --role x\u{1b}[2J",
            "groups": [{
                "change": "newly-allowed", "principal": "https://idp#app", "operation": "SecretGet",
                "object": "demo/db", "reason": "no-role", "count": 2, "samples": ["a", "b"],
            }],
        });
        let expected = [
            "assign Key Vault Secrets User at /vaults/demo:",
            "  strongroom assignment add --role x\u{fffd}[2J",
            "  2 newly-allowed: https://idp#app SecretGet demo/db (no-role), for example a b",
        ];
        assert_eq!(told(&change), expected);
        let other = json!({ "sort": "rollback", "why": "no-role", "role": "Owner" });
        assert_eq!(others(&other), "not yours to make: rollback (no-role; the role \"Owner\" would do)");
        let other = json!({ "sort": "rollback", "why": "attachment-refused" });
        assert_eq!(others(&other), "not yours to make: rollback (attachment-refused)");
    }
}
