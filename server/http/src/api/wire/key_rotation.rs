//! Shapes of rotation policies (Azure Key Vault REST, keys).

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    keys::KeyError,
    rotation::{RotationError, RotationPolicy, RotationTerms, Span, Trigger as When},
};

use crate::problem::Problem;

/// Body of PUT /keys/{name}/rotationpolicy.
#[derive(Deserialize)]
pub(crate) struct SetPolicy {
    #[serde(default, rename = "lifetimeActions")]
    lifetime_actions: Option<Vec<SetAction>>,
    #[serde(default)]
    attributes: Option<SetAttributes>,
}

#[derive(Deserialize)]
struct SetAttributes {
    #[serde(default, rename = "expiryTime")]
    expiry_time: Option<String>,
}

#[derive(Deserialize)]
struct SetAction {
    trigger: SetTrigger,
    action: SetActionType,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetTrigger {
    #[serde(default)]
    time_after_create: Option<String>,
    #[serde(default)]
    time_before_expiry: Option<String>,
}

#[derive(Deserialize)]
struct SetActionType {
    #[serde(rename = "type")]
    kind: String,
}

fn span(text: &str) -> Result<Span, KeyError> {
    Ok(Span::parse(text).map_err(RotationError::from)?)
}

impl SetPolicy {
    /// What is asked for. A policy without notice keeps the usual one, as in Azure.
    ///
    /// # Errors
    /// When it is no policy: answered like other bad parameters.
    pub(crate) fn terms(self) -> Result<RotationTerms, Problem> {
        let twice = || Problem::bad_parameter("lifetimeActions may have Rotate once and Notify once.");
        let expiry = self.attributes.and_then(|attributes| attributes.expiry_time);
        let expiry = expiry.as_deref().map(span).transpose()?;
        let (mut rotate, mut notify) = (None, None);
        for given in self.lifetime_actions.unwrap_or_default() {
            let when = match (given.trigger.time_after_create, given.trigger.time_before_expiry) {
                (Some(text), None) => When::AfterCreation(span(&text)?),
                (None, Some(text)) => When::BeforeExpiry(span(&text)?),
                _ => return Err(Problem::bad_parameter("A trigger has timeAfterCreate or timeBeforeExpiry.")),
            };
            match (given.action.kind.to_ascii_lowercase().as_str(), when) {
                ("rotate", when) => {
                    if rotate.replace(when).is_some() {
                        return Err(twice());
                    }
                }
                ("notify", When::BeforeExpiry(span)) => {
                    if notify.replace(span).is_some() {
                        return Err(twice());
                    }
                }
                ("notify", _) => return Err(Problem::bad_parameter("Notify takes timeBeforeExpiry.")),
                _ => return Err(Problem::bad_parameter("An action is Rotate or Notify.")),
            }
        }
        Ok(RotationTerms { rotate, notify, expiry }.with_usual_notice())
    }
}

/// A policy.
#[derive(Serialize)]
pub(crate) struct Policy {
    id: String,
    #[serde(rename = "lifetimeActions")]
    lifetime_actions: Vec<Action>,
    attributes: Attributes,
}

#[derive(Serialize)]
struct Action {
    trigger: Trigger,
    action: ActionType,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trigger {
    #[serde(skip_serializing_if = "Option::is_none")]
    time_after_create: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_before_expiry: Option<String>,
}

#[derive(Serialize)]
struct ActionType {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Attributes {
    #[serde(rename = "expiryTime", skip_serializing_if = "Option::is_none")]
    expiry_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<i64>,
}

fn action(kind: &'static str, when: When) -> Action {
    let trigger = match when {
        When::AfterCreation(span) => Trigger { time_after_create: Some(span.to_string()), time_before_expiry: None },
        When::BeforeExpiry(span) => Trigger { time_after_create: None, time_before_expiry: Some(span.to_string()) },
    };
    Action { trigger, action: ActionType { kind } }
}

impl Policy {
    /// The policy of a key; the usual one when nobody gave it one.
    pub(crate) fn of(id: String, policy: Option<&RotationPolicy>) -> Self {
        let terms = policy.map_or_else(RotationTerms::usual, |policy| policy.terms.clone());
        let rotate = terms.rotate.map(|when| action("Rotate", when));
        let notify = terms.notify.map(|span| action("Notify", When::BeforeExpiry(span)));
        let attributes = Attributes {
            expiry_time: terms.expiry.map(|span| span.to_string()),
            created: policy.map(|policy| policy.created),
            updated: policy.map(|policy| policy.updated),
        };
        Self { id, lifetime_actions: rotate.into_iter().chain(notify).collect(), attributes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(body: &str) -> Result<RotationTerms, Problem> {
        serde_json::from_str::<SetPolicy>(body).unwrap().terms()
    }

    #[test]
    fn a_policy_is_shown_as_azure_shows_it() {
        let body = r#"{"lifetimeActions":[{"trigger":{"timeAfterCreate":"P90D"},"action":{"type":"rotate"}},
            {"trigger":{"timeBeforeExpiry":"p30d"},"action":{"type":"NOTIFY"}}],"attributes":{"expiryTime":"P2Y"}}"#;
        let policy = RotationPolicy { terms: given(body).unwrap(), created: 1, updated: 2 };
        let id = "https://demo.vault.example/keys/k/rotationpolicy".to_owned();
        let shown = |policy| serde_json::to_string_pretty(&Policy::of(id.clone(), policy)).unwrap();
        insta::assert_snapshot!("rotation_policy", shown(Some(&policy)));
        insta::assert_snapshot!("rotation_policy_of_nobody", shown(None));
    }

    #[test]
    fn who_sets_a_rotation_alone_keeps_the_notice() {
        let rotate = r#"{"lifetimeActions":[{"trigger":{"timeAfterCreate":"P90D"},"action":{"type":"Rotate"}}]}"#;
        assert_eq!(given(rotate).unwrap().notify, RotationTerms::usual().notify);
        assert_eq!(given("{}").unwrap(), RotationTerms::usual());
    }

    #[test]
    fn what_is_no_policy_is_a_bad_parameter() {
        let action = |trigger: &str, kind: &str| {
            format!(r#"{{"lifetimeActions":[{{"trigger":{trigger},"action":{{"type":"{kind}"}}}}]}}"#)
        };
        let twice = r#"{"trigger":{"timeAfterCreate":"P90D"},"action":{"type":"Rotate"}}"#;
        for bad in [
            action("{}", "Rotate"),
            action(r#"{"timeAfterCreate":"P90D","timeBeforeExpiry":"P30D"}"#, "Rotate"),
            action(r#"{"timeAfterCreate":"90 days"}"#, "Rotate"),
            action(r#"{"timeAfterCreate":"P90D"}"#, "Notify"),
            action(r#"{"timeAfterCreate":"P90D"}"#, "Purge"),
            format!(r#"{{"lifetimeActions":[{twice},{twice}]}}"#),
            r#"{"attributes":{"expiryTime":"PT24H"}}"#.to_owned(),
        ] {
            assert_eq!(given(&bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
