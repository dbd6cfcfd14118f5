//! Golden cases: a file that says what a module answers to which requests. Its author runs it, and the
//! server's tests run those of the modules that ship.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use strongroom_domain::policy::{
    AttachmentState, Effect, ModuleDigest, Obligation, PolicyAnswer, PolicyAttachment, PolicyEngine, PolicyFailure,
    PolicyRequest, Unfit,
};

use crate::WasmPolicyEngine;

/// A file of golden cases.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenFile {
    /// A whole request.
    base: Value,
    cases: Vec<Case>,
    /// Settings that the module must not take.
    #[serde(default)]
    refused_settings: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "nothing")]
    settings: Value,
    /// Changes to the base request, an RFC 7396 merge patch.
    #[serde(default = "nothing")]
    with: Value,
    effect: Effect,
    reason_code: String,
    /// The obligations of the answer, in order.
    #[serde(default)]
    obligations: Vec<Expected>,
}

/// An obligation as a case expects it: by its name, or whole, as a record shows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Expected {
    Named(String),
    Whole(serde_json::Map<String, Value>),
}

impl Expected {
    /// An obligation of an answer, in the form of what is expected in its place.
    fn of(obligation: &Obligation, expected: Option<&Self>) -> Self {
        match (expected, serde_json::to_value(obligation)) {
            (Some(Self::Whole(_)), Ok(Value::Object(members))) => Self::Whole(members),
            _ => Self::Named(obligation.name().to_owned()),
        }
    }
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// How a run of golden cases went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoldenRun {
    /// Cases, refused settings included, that were as they should be.
    pub passed: usize,
    /// Sentences about those that were not.
    pub failed: Vec<String>,
    /// How often each outcome was seen.
    pub outcomes: BTreeMap<(Effect, String), usize>,
    /// Effects that no case expects.
    pub effects_not_covered: Vec<Effect>,
}

impl GoldenFile {
    /// Reads a file.
    ///
    /// # Errors
    /// A sentence about what is not as it should be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if file.cases.is_empty() {
            return Err("there are no cases, which proves nothing".to_owned());
        }
        if let Some(unknown) = PolicyRequest::unknown_member(&file.base) {
            return Err(format!("`base`: {unknown}"));
        }
        let mut names = BTreeSet::new();
        for case in &file.cases {
            if !names.insert(&case.name) {
                return Err(format!("there are two cases named {:?}", case.name));
            }
            // Before it is merged, where what is null would be gone.
            if let Some(unknown) = PolicyRequest::unknown_member(&case.with) {
                return Err(format!("`with` of the case {:?}: {unknown}", case.name));
            }
        }
        Ok(file)
    }

    /// The request and the settings of a case, to be asked by itself.
    ///
    /// # Errors
    /// When there is no such case, or its request is none.
    pub fn case(&self, name: &str) -> Result<(PolicyRequest, String), String> {
        let case = self.cases.iter().find(|case| case.name == name).ok_or_else(|| {
            let names: Vec<_> = self.cases.iter().map(|case| case.name.as_str()).collect();
            format!("there is no case {name:?}; those are {}", names.join(", "))
        })?;
        Ok((self.request(case)?, case.settings.to_string()))
    }

    /// Names of the cases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.cases.iter().map(|case| case.name.as_str())
    }

    /// Runs all of it.
    pub async fn run(&self, engine: &WasmPolicyEngine, module: ModuleDigest) -> GoldenRun {
        let mut run = GoldenRun::default();
        for case in &self.cases {
            match self.ask(engine, module, case).await {
                Ok(answer) => {
                    let told = answer.obligations.iter().enumerate();
                    let told: Vec<_> =
                        told.map(|(place, one)| Expected::of(one, case.obligations.get(place))).collect();
                    let found = outcome(answer.effect, &answer.reason_code, &told);
                    let wanted = outcome(case.effect, &case.reason_code, &case.obligations);
                    if (answer.effect, &answer.reason_code, &told)
                        == (case.effect, &case.reason_code, &case.obligations)
                    {
                        run.passed += 1;
                    } else {
                        run.failed.push(format!("{}: it says {found}, and {wanted} is expected", case.name));
                    }
                    *run.outcomes.entry((answer.effect, answer.reason_code)).or_default() += 1;
                }
                Err(error) => run.failed.push(format!("{}: {error}", case.name)),
            }
        }
        for settings in &self.refused_settings {
            match engine.check(&attachment(module, settings.to_string())).await {
                Err(Unfit { failure: PolicyFailure::BadSettings, .. }) => run.passed += 1,
                Ok(()) => run.failed.push(format!("the settings {settings} are taken, and should be refused")),
                Err(why) => run.failed.push(format!("the settings {settings} should be refused: {why}")),
            }
        }
        let seen = |effect: &Effect| self.cases.iter().any(|case| case.effect == *effect);
        let all = [Effect::Allow, Effect::Deny, Effect::Abstain];
        run.effects_not_covered = all.into_iter().filter(|effect| !seen(effect)).collect();
        run
    }

    async fn ask(&self, engine: &WasmPolicyEngine, module: ModuleDigest, case: &Case) -> Result<PolicyAnswer, String> {
        let request = self.request(case)?;
        let needs = engine.needs(&module).await.unwrap_or_default();
        if let Some(fact) = needs.facts.iter().find(|fact| !request.holds(fact)) {
            return Err(format!("the module wants the fact {fact}, and the case does not give it (null for none)"));
        }
        let attachment = attachment(module, case.settings.to_string());
        if let Some(sentence) = engine.refusal(&attachment).await.map_err(|failure| failure.to_string())? {
            return Err(format!("the settings are refused: {sentence}"));
        }
        let answers = engine.decide(&attachment, std::slice::from_ref(&request)).await;
        let answers = answers.map_err(|failure| failure.to_string())?;
        answers.into_iter().next().ok_or_else(|| "there is no answer".to_owned())
    }

    fn request(&self, case: &Case) -> Result<PolicyRequest, String> {
        let mut json = self.base.clone();
        merge(&mut json, &case.with);
        serde_json::from_value(json).map_err(|error| format!("the request is not one: {error}"))
    }
}

fn attachment(module: ModuleDigest, settings: String) -> PolicyAttachment {
    let state = AttachmentState::Enforce;
    PolicyAttachment { name: "golden".to_owned(), module, settings, state, authority: false, previous: None }
}

fn outcome(effect: Effect, reason_code: &str, obligations: &[Expected]) -> String {
    let mut text = format!("{} {reason_code}", effect.as_str());
    for obligation in obligations {
        text.push_str(" +");
        match obligation {
            Expected::Named(name) => text.push_str(name),
            Expected::Whole(members) => text.push_str(&Value::Object(members.clone()).to_string()),
        }
    }
    text
}

/// RFC 7396: objects are merged, null removes, anything else replaces.
///
/// One thing is different: a fact of null stays, because it says that there is none.
fn merge(target: &mut Value, patch: &Value) {
    let (Some(members), Value::Object(changes)) = (target.as_object_mut(), patch) else {
        *target = patch.clone();
        return;
    };
    for (name, change) in changes {
        if name == "facts" {
            let facts = members.entry(name).or_insert_with(nothing);
            if let (Some(facts), Value::Object(changes)) = (facts.as_object_mut(), change) {
                facts.extend(changes.clone());
                continue;
            }
        }
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_that_no_request_has_is_no_case() {
        let read = |base: Value, with: Value| {
            let case = json!({ "name": "one", "with": with, "effect": "allow", "reason_code": "fine" });
            GoldenFile::parse(&json!({ "base": base, "cases": [case] }).to_string()).map(drop)
        };
        assert_eq!(read(json!({}), json!({ "object": { "enabled": null }, "facts": { "x": 1 } })), Ok(()));
        let wrong = read(json!({}), json!({ "object": { "enabeld": false } })).unwrap_err();
        assert!(wrong.contains("the case \"one\"") && wrong.contains("`enabeld`"), "{wrong}");
        let wrong = read(json!({ "tiem": 1 }), json!({})).unwrap_err();
        assert!(wrong.contains("`base`") && wrong.contains("`tiem`"), "{wrong}");
    }

    #[test]
    fn an_obligation_is_expected_by_its_name_or_whole() {
        let approval = Obligation::RequireApproval { approvers: 2, valid_for: 600 };
        let expected = |json: Value| serde_json::from_value::<Expected>(json).expect("an expectation");
        for (json, is_it) in [
            (json!("require-approval"), true),
            (json!("step-up"), false),
            (json!({ "do": "require-approval", "approvers": 2, "valid_for": 600 }), true),
            (json!({ "do": "require-approval", "approvers": 1, "valid_for": 600 }), false),
            (json!({ "do": "require-approval", "approvers": 2 }), false),
            (json!({ "do": "require-approval", "approvers": 2, "valid_for": 600, "until": 1 }), false),
        ] {
            let expected = expected(json);
            assert_eq!(Expected::of(&approval, Some(&expected)) == expected, is_it, "{expected:?}");
        }
        let step_up = Obligation::StepUp { acr: vec!["c2".to_owned()], amr: Vec::new(), max_age: None };
        let whole = expected(json!({ "do": "step-up", "acr": ["c2"] }));
        assert_eq!(Expected::of(&step_up, Some(&whole)), whole, "what is empty is left out");
        assert_eq!(Expected::of(&step_up, None), Expected::Named("step-up".to_owned()));
    }
}
