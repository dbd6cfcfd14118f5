//! Between the generated contract and an author's [`Policy`]: settings are read once per batch,
//! each request is judged by itself.

use std::marker::PhantomData;

use crate::contract::exports::strongroom::policy::guard::{Decision, Description, Guest, PolicyRequest};
use crate::{About, Policy};

/// The component around a [`Policy`]; made by `export_policy!`.
#[doc(hidden)]
#[derive(Debug)]
pub struct Exported<P>(PhantomData<P>);

impl<P: Policy> Guest for Exported<P> {
    fn describe() -> Description {
        let About { name, version, summary, stage, actions, objects, facts, settings_schema } = P::ABOUT;
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Description {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            stage,
            actions: owned(actions),
            objects: owned(objects),
            facts: owned(facts),
            settings_schema: settings_schema.to_owned(),
        }
    }

    fn validate_settings(settings: String) -> Result<(), String> {
        read::<P>(&settings).map(drop)
    }

    fn decide(requests: Vec<PolicyRequest>, settings: String) -> Result<Vec<Decision>, String> {
        let settings = read::<P>(&settings)?;
        Ok(requests.iter().map(|request| P::decide(request, &settings).into()).collect())
    }
}

/// Reads and validates settings; no text at all means an empty object.
fn read<P: Policy>(text: &str) -> Result<P::Settings, String> {
    let text = if text.is_empty() { "{}" } else { text };
    // serde would fill a structure from an array as well.
    if !text.trim_start().starts_with('{') {
        return Err("settings are a JSON object".to_owned());
    }
    let settings = serde_json::from_str(text).map_err(|error| error.to_string())?;
    P::validate(&settings)?;
    Ok(settings)
}
