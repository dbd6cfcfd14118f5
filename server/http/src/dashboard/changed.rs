//! What was changed, as a record tells it: in a few words for lists and charts, and whole on the record's own page. Knows
//! nothing but the record; what that leaves out is not guessed.

use std::collections::BTreeMap;

use strongroom_domain::{
    principal::PrincipalId,
    record::{Record, RecordFilter},
};
use strongroom_web::{Body, Cell, Panel, Row, Table, say};
use uuid::Uuid;

use super::{audit, frame::Viewer, links, view};

/// Between what something was and what it is, as details tell it.
const ARROW: &str = " -> ";
/// Details that tell a moment, in seconds and in milliseconds.
const MOMENTS: [&str; 2] = ["nbf", "exp"];
const MILLIS: [&str; 3] = [ENDS_AT, "verified_from", "verified_until"];
const ENDS_AT: &str = "ends_at";
/// Details that are names as somebody wrote them, in which an arrow is no change.
const NAMES: [&str; 8] =
    ["subject", "group", "issuer", "subject_pattern", "audience", "provider", "client_id", "scope"];
/// Most characters of an attachment's settings that are shown.
const SETTINGS: usize = 400;

/// Names of the workloads that these records tell of: of who asked, and of who was given something.
pub(super) async fn names<'a>(
    viewer: &Viewer<'_>,
    records: impl Iterator<Item = &'a Record> + Clone,
) -> BTreeMap<Uuid, String> {
    let given: Vec<PrincipalId> = records.clone().filter_map(grantee).collect();
    let asked = records.filter_map(|record| record.principal.as_ref());
    let all: Vec<&PrincipalId> = asked.chain(&given).collect();
    audit::names_of(viewer, &all).await
}

/// The principal that something was given to, or taken from.
fn grantee(record: &Record) -> Option<PrincipalId> {
    let detail = |name: &str| record.details.get(name).cloned();
    Some(PrincipalId { issuer: detail("issuer")?, subject: detail("subject")? })
}

/// The change in a few words; its operation and object where the record tells no more.
pub(super) fn sentence(record: &Record, names: &BTreeMap<Uuid, String>) -> String {
    let object = || audit::object(record);
    let detail = |name: &str| record.details.get(name).map(String::as_str);
    let role = || detail("role").zip(detail("scope")).zip(whom(record, names));
    let vault = || record.vault.clone().unwrap_or_default();
    match record.operation.as_str() {
        "RoleAssignmentCreate" | "SetupFinish" if role().is_some() => {
            let Some(((role, scope), whom)) = role() else { return object() };
            match detail(ENDS_AT).and_then(|end| end.parse().ok()) {
                None => say!("changed-gave", role = role, scope = scope, whom = whom),
                Some(end) => {
                    let end = view::moment_millis(end).text;
                    say!("changed-gave-until", role = role, scope = scope, whom = whom, end = end)
                }
            }
        }
        "RoleAssignmentDelete" if role().is_some() => {
            let Some(((role, scope), whom)) = role() else { return object() };
            say!("changed-took", role = role, scope = scope, whom = whom)
        }
        "AccessPolicyWrite" => match whom(record, names) {
            Some(whom) => say!("changed-access-policy", whom = whom, vault = vault()),
            None => say!("changed-other", operation = record.operation, object = object()),
        },
        "VaultPut" => say!("changed-made", what = vault()),
        "VaultDelete"
        | "SecretDelete"
        | "KeyDelete"
        | "CertificateDelete"
        | "RoleDefinitionDelete"
        | "WorkloadDelete"
        | "PolicyModuleDelete"
        | "PolicyDocumentDelete"
        | "CertificateIssuerDelete" => {
            say!("changed-deleted", what = named(record))
        }
        "VaultRecover" | "SecretRecover" | "KeyRecover" | "CertificateRecover" => {
            say!("changed-recovered", what = object())
        }
        "VaultPurge" | "SecretPurge" | "KeyPurge" | "CertificatePurge" => say!("changed-purged", what = object()),
        "SecretRestore" | "KeyRestore" | "CertificateRestore" => say!("changed-restored", what = object()),
        "SecretSet" => say!("changed-set", what = object()),
        "KeyCreate" | "CertificateCreate" | "WorkloadCreate" => say!("changed-made", what = named(record)),
        "KeyImport" | "CertificateImport" => say!("changed-imported", what = object()),
        "KeyRotate" => say!("changed-rotated", what = object()),
        "PolicyModulePush" => say!("changed-uploaded", what = digits(&object())),
        "PolicyDocumentPut" | "RoleDefinitionWrite" => say!("changed-wrote", what = named(record)),
        _ => others(record),
    }
}

/// What an object is called: by the record's own detail where its object is an identity.
fn named(record: &Record) -> String {
    let name = record.details.get("name").filter(|name| !name.contains(ARROW));
    match name.filter(|_| record.vault.is_none()) {
        Some(name) => name.clone(),
        None if record.operation.starts_with("PolicyModule") => digits(&audit::object(record)),
        None => audit::object(record),
    }
}

/// A digest as tables show it.
fn digits(text: &str) -> String {
    text.chars().take(12).collect()
}

/// Modules that were attached otherwise, and whatever else was changed.
fn others(record: &Record) -> String {
    let in_vault = record.vault.is_some();
    let mut told: Vec<String> = record.details.get("policies").map(|told| modules(told)).unwrap_or_default();
    let rest: Vec<(&str, &str)> = record
        .details
        .iter()
        .map(|(name, told)| (name.as_str(), told.as_str()))
        .filter(|(name, _)| *name != "policies")
        .collect();
    match rest.as_slice() {
        [] => {}
        &[(name, one)] => told.push(match split(name, one) {
            Some((before, after)) => say!("changed-from-to", name = name, before = before, after = after),
            None => say!("changed-names", names = name),
        }),
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
            told.push(say!("changed-names", names = names.join(", ")));
        }
    }
    if told.is_empty() {
        return say!("changed-other", operation = record.operation, object = audit::object(record));
    }
    let what = told.join("; ");
    if in_vault {
        say!("changed-in", what = what, place = audit::object(record))
    } else if record.details.contains_key("policies") {
        say!("changed-everywhere", what = what)
    } else {
        say!("changed-of", what = what, object = audit::object(record))
    }
}

/// What became of each attachment, by what a record tells of the lists before and after: of each its name, its state, its
/// module and its settings.
fn modules(told: &str) -> Vec<String> {
    let (before, after) = told.split_once(ARROW).unwrap_or(("", told));
    let (before, after) = (attached(before), attached(after));
    let mut said = Vec::new();
    for (&name, &(state, rest)) in &after {
        match before.get(name).copied() {
            None => said.push(say!("changed-attached", name = name, state = state)),
            Some((was, _)) if was != state && state == "enforce" => {
                said.push(say!("changed-enforced", name = name, state = was));
            }
            Some((was, _)) if was != state => {
                said.push(say!("changed-state", name = name, before = was, after = state));
            }
            Some((_, other)) if other != rest => said.push(say!("changed-settings", name = name)),
            Some(_) => {}
        }
    }
    let gone = before.keys().copied().filter(|name| !after.contains_key(name));
    said.extend(gone.map(|name| say!("changed-detached", name = name)));
    if said.is_empty() {
        said.push(say!("changed-modules").to_owned());
    }
    said
}

/// Attachments by name, each with its state and the rest of what is told of it.
fn attached(list: &str) -> BTreeMap<&str, (&str, &str)> {
    list.split(", ").filter_map(parts).collect()
}

/// The name of an attachment, its state and the rest.
fn parts(item: &str) -> Option<(&str, (&str, &str))> {
    let (name, rest) = item.split_once(' ')?;
    let (state, rest) = rest.split_once(' ')?;
    ["off", "shadow", "enforce"].contains(&state).then_some((name, (state, rest)))
}

/// Who was given something, or lost it.
fn whom(record: &Record, names: &BTreeMap<Uuid, String>) -> Option<String> {
    if let Some(group) = record.details.get("group") {
        return Some(say!("changed-group", group = group));
    }
    let subject = record.details.get("subject")?;
    Some(audit::called(subject, names).unwrap_or(subject).clone())
}

/// What something was and what it is, where a detail tells both.
fn split<'a>(name: &str, told: &'a str) -> Option<(&'a str, &'a str)> {
    let (before, after) = told.split_once(ARROW).filter(|_| !NAMES.contains(&name))?;
    (!after.contains(ARROW)).then_some((before, after))
}

/// Everything that the record tells of the change, if anything.
pub(super) fn panels(record: &Record, names: &BTreeMap<Uuid, String>) -> Vec<Panel> {
    let mut panels = Vec::new();
    if !record.details.is_empty() {
        let title = if record.changed.is_empty() { say!("changed-details") } else { say!("changed-what-was-changed") };
        let table = Table::new(&["What", "Before", "After"], record.details.iter().map(row).collect());
        let panel = Panel::new(title, Body::Table(table));
        let is_change = !record.changed.is_empty();
        panels.push(if is_change { panel.note(sentence(record, names)) } else { panel });
    }
    if !record.attached.is_empty() {
        let rows = record.attached.iter().map(|one| {
            let shown: String = one.settings.chars().take(SETTINGS).collect();
            let cut = if shown.len() < one.settings.len() { "…" } else { "" };
            Row::new(vec![
                Cell::text(one.name.clone()),
                Cell::link(digits(&one.module.to_string()), links::module(&one.module)),
                Cell::Code(format!("{shown}{cut}")),
            ])
        });
        let table = Table::new(&["Attachment", "Module", "Settings"], rows.collect());
        panels.push(Panel::new(say!("changed-attached-otherwise"), Body::Table(table)));
    }
    panels
}

fn row((name, told): (&String, &String)) -> Row {
    let none = || Cell::None(say!("changed-nothing").to_owned());
    let cell = |text: &str| moment(name, text).unwrap_or_else(|| Cell::text(text.to_owned()));
    let (before, after) = match split(name, told) {
        Some((before, after)) => (cell(before), cell(after)),
        None => (none(), cell(told)),
    };
    Row::new(vec![Cell::Code(name.clone()), before, after])
}

/// A moment, where a detail tells one.
fn moment(name: &str, told: &str) -> Option<Cell> {
    let number: i64 = told.parse().ok()?;
    match name {
        name if MILLIS.contains(&name) => Some(Cell::Moment(view::moment_millis(number))),
        name if MOMENTS.contains(&name) => Some(Cell::Moment(view::moment(number))),
        _ => None,
    }
}

/// What people changed since a moment, of a vault or of everything.
pub(super) fn filter(vault: Option<String>, from: i64, limit: usize) -> RecordFilter {
    RecordFilter { changes_of_people: true, vault, from: Some(from), limit, ..RecordFilter::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(about: &serde_json::Value) -> Record {
        let mut whole = json!({
            "id": Uuid::nil(), "at": 0, "principal_kind": "user", "client": "", "listener": "main",
            "operation": "VaultPatch", "outcome": "allowed", "reason": "ok", "duration_micros": 1,
        });
        for (name, value) in about.as_object().expect("an object") {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).expect("a record")
    }

    #[test]
    fn a_change_is_told_in_a_few_words() {
        let module = "module 0707070707070707 settings 44136fa355b3678a";
        let worker = Uuid::from_u128(7);
        let names = BTreeMap::from([(worker, "ledger-worker".to_owned())]);
        for (about, told) in [
            (
                json!({"operation": "RoleAssignmentCreate", "details":
                    {"role": "Key Vault Reader", "scope": "/", "issuer": "i", "subject": "ada", "ends_at": "none"}}),
                "Gave Key Vault Reader at / to ada".to_owned(),
            ),
            (
                json!({"operation": "RoleAssignmentCreate", "details":
                    {"role": "Owner", "scope": "/vaults/demo", "issuer": "i", "group": "ops", "ends_at": "0"}}),
                "Gave Owner at /vaults/demo to the group ops until 1 Jan 1970, 00:00 UTC".to_owned(),
            ),
            (
                json!({"operation": "RoleAssignmentDelete", "details":
                    {"role": "Owner", "scope": "/", "issuer": "i", "subject": worker.to_string()}}),
                "Took Owner at / from ledger-worker".to_owned(),
            ),
            (
                json!({"vault": "demo", "kind": "vault", "details":
                    {"policies": format!("guard shadow {module} -> guard enforce {module}, two-person off {module}")}}),
                "Enforced guard, which was shadow; Attached two-person (off), in demo".to_owned(),
            ),
            (
                json!({"operation": "PolicyWrite", "details": {"policies": format!("guard enforce {module} -> none")}}),
                "Detached guard, for all vaults".to_owned(),
            ),
            (
                json!({"vault": "demo", "kind": "vault", "details": {"retention_days": "90 -> 7"}}),
                "Changed retention_days from 90 to 7, in demo".to_owned(),
            ),
            (json!({"operation": "TokenKeyRotate"}), "TokenKeyRotate at installation".to_owned()),
            (
                json!({"operation": "SecretSet", "vault": "demo", "kind": "secret", "object": "db"}),
                "Set demo/secrets/db".to_owned(),
            ),
        ] {
            assert_eq!(sentence(&record(&about), &names), told);
        }
    }

    #[test]
    fn what_is_a_name_is_no_change() {
        assert_eq!(split("retention_days", "90 -> 7"), Some(("90", "7")));
        assert_eq!(split("subject", "a -> b"), None);
        assert_eq!(split("tags", "a, b"), None);
        assert_eq!(split("region", "a -> b -> c"), None);
    }

    #[test]
    fn attachments_that_do_not_read_are_told_of_together() {
        assert_eq!(modules("in another order"), ["Changed the order of modules, or too many of them to be told"]);
        assert_eq!(modules("added x; removed y"), ["Changed the order of modules, or too many of them to be told"]);
    }
}
