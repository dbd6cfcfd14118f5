//! Requests that nobody makes: by which a module shows that it judges at all, before anything rests on it. What it
//! says of them does not matter.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_domain::action::Action;
use strongroom_domain::policy::{
    PolicyCertificateRequest, PolicyKeyOperation, PolicyRequest, PolicyStage, RECORDED_FOR_1_0,
};

use crate::description::{ModuleDescription, one_matches};

/// Most requests that a module is tried with.
const MOST: usize = 16;
/// Of so many of its patterns of objects names are made: comparing costs time, and patterns are as hostile as modules.
const PATTERNS: usize = 8;
/// Longest name that is tried, in bytes.
const LONGEST: usize = 127;
/// What stands where a pattern lets anything stand.
const NAME: &str = "trial";

/// Requests that this module wants to see: for each of its patterns of actions one of every kind of object, by nobody,
/// of nothing that there is, at the beginning of time, with every fact that is wanted and nothing in it.
pub(crate) fn of(description: &ModuleDescription) -> Vec<PolicyRequest> {
    let objects = made_of_patterns(description);
    let mut of_kinds = BTreeMap::new();
    let mut found = Vec::new();
    for pattern in &description.actions {
        let before = found.len();
        let wanted = |action: &&Action| one_matches(std::slice::from_ref(pattern), action.data_action());
        let mut kinds = BTreeSet::new();
        for action in Action::ALL.iter().filter(wanted) {
            let kind = action.object_kind().as_str();
            if !kinds.insert(kind) {
                continue;
            }
            let named = of_kinds.entry(kind).or_insert_with(|| name_of_kind(description, kind, &objects));
            found.extend(named.as_ref().map(|name| request(description, action.data_action(), kind, name)));
            // A module of connections sees nothing but the connection, which is always the same.
            if found.len() >= MOST || description.stage == PolicyStage::Network {
                return found;
            }
        }
        if found.len() == before {
            // Of an action that this server does not know, or of objects that its actions are not about.
            let action = Action::ALL.iter().find(wanted).map(|action| action.data_action().to_owned());
            let action = action.unwrap_or_else(|| pattern.replace('*', NAME));
            let secret = name_of_kind(description, "secret", &objects).map(|name| ("secret".to_owned(), name));
            let other = || objects.iter().find(|(kind, name)| is_wanted(description, kind, name)).cloned();
            let object = secret.or_else(other);
            found.extend(object.map(|(kind, name)| request(description, &action, &kind, &name)));
            if found.len() >= MOST {
                return found;
            }
        }
    }
    found
}

/// Kinds and names of objects, as the module's patterns have them.
fn made_of_patterns(description: &ModuleDescription) -> Vec<(String, String)> {
    let patterns = description.objects.iter().take(PATTERNS);
    let filled = patterns.flat_map(|pattern| [NAME, "/trial"].map(|text| pattern.replace('*', text)));
    let split = filled.filter_map(|text| text.split_once('/').map(|(kind, name)| (kind.to_owned(), name.to_owned())));
    split.filter(|(kind, name)| kind.len() <= LONGEST && name.len() <= LONGEST).collect()
}

/// The name of an object of this kind that the module wants to see.
fn name_of_kind(description: &ModuleDescription, kind: &str, objects: &[(String, String)]) -> Option<String> {
    let mut names = std::iter::once(NAME).chain(objects.iter().map(|(_, name)| name.as_str()));
    names.find(|name| is_wanted(description, kind, name)).map(str::to_owned)
}

fn is_wanted(description: &ModuleDescription, kind: &str, name: &str) -> bool {
    one_matches(&description.objects, &format!("{kind}/{name}"))
}

fn request(description: &ModuleDescription, action: &str, kind: &str, name: &str) -> PolicyRequest {
    let mut request = PolicyRequest { recorded_for: RECORDED_FOR_1_0, ..PolicyRequest::default() };
    request.principal.kind = "user".to_owned();
    request.connection.client_address = "192.0.2.1".to_owned();
    request.action = action.to_owned();
    (request.object.kind, request.object.name) = (kind.to_owned(), name.to_owned());
    request.facts = description.facts.iter().map(|fact| (fact.clone(), None)).collect();
    request.approvals = Some(Vec::new());
    request.key_operation = matches!(kind, "key" | "certificate").then(|| PolicyKeyOperation {
        algorithm: None,
        key_type: "RSA".to_owned(),
        key_size: Some(2048),
        curve: None,
        key_ops: vec!["sign".to_owned()],
        exportable: false,
    });
    request.certificate_request = (kind == "certificate").then(|| PolicyCertificateRequest {
        subject: "CN=trial.example".to_owned(),
        names: vec!["dns:trial.example".to_owned()],
        issuer: "Self".to_owned(),
        validity_days: Some(90),
    });
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(actions: &[&str], objects: &[&str]) -> Vec<String> {
        let all = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let description = ModuleDescription {
            contract: "1.0.0".to_owned(),
            name: "tried".to_owned(),
            version: "1".to_owned(),
            summary: String::new(),
            stage: PolicyStage::Request,
            actions: all(actions),
            objects: all(objects),
            facts: vec!["days-since-rotation".to_owned()],
            settings_schema: "{}".to_owned(),
        };
        let trials = of(&description);
        assert!(trials.iter().all(|request| description.unwanted(request).is_none()));
        assert!(trials.iter().all(|request| request.holds("days-since-rotation")));
        let shown = |request: &PolicyRequest| {
            let action = request.action.rsplit_once("vaults/").map_or(request.action.as_str(), |(_, rest)| rest);
            let (key, certificate) = (request.key_operation.is_some(), request.certificate_request.is_some());
            let about = [key.then_some(" +key"), certificate.then_some(" +certificate")];
            let about: String = about.into_iter().flatten().collect();
            format!("{action} {}/{}{about}", request.object.kind, request.object.name)
        };
        trials.iter().map(shown).collect()
    }

    #[test]
    fn whatever_a_module_wants_to_see_is_what_it_is_tried_with() {
        for (actions, objects, expected) in [
            (&["*/setSecret/*"][..], &["*"][..], &["secrets/setSecret/action secret/trial"][..]),
            (
                &["*/getSecret/*", "*/setSecret/*"],
                &["secret/prod-*"],
                &["secrets/getSecret/action secret/prod-trial", "secrets/setSecret/action secret/prod-trial"],
            ),
            (&["*/keys/sign/*"], &["key/*"], &["keys/sign/action key/trial +key"]),
            (
                &["*/certificates/create/*"],
                &["*/prod-*"],
                &["certificates/create/action certificate/prod-trial +key +certificate"],
            ),
            (&["*/getSecret/*"], &["secret*"], &["secrets/getSecret/action secret/trial"]),
            (&["*/getSecret/*"], &["secret/"], &["secrets/getSecret/action secret/"]),
            (&["*/setSecret/*"], &["server/*"], &["secrets/setSecret/action server/trial"]),
            (&["Other/things/*"], &["*"], &["Other/things/trial secret/trial"]),
        ] {
            assert_eq!(tried(actions, objects), expected, "{actions:?} {objects:?}");
        }
        let every = tried(&["*"], &["*"]);
        for kind in [" secret/", " key/", " certificate/", " vault/"] {
            assert_eq!(every.iter().filter(|one| one.contains(kind)).count(), 1, "{every:?}");
        }
        let many: Vec<_> = (0..64).map(|_| "*").collect();
        assert_eq!(tried(&many, &["*"]).len(), MOST);
    }
}
