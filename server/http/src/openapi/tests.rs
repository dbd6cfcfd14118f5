use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{document, routes};

const WRITTEN: &str = include_str!("../../../docs/openapi.json");
const ANEW: &str = "cargo run -p strongroom-http --example openapi > server/docs/openapi.json";

#[test]
fn the_written_document_is_what_the_code_says() {
    let generated = serde_json::to_value(document()).unwrap();
    let written: Value = serde_json::from_str(WRITTEN).unwrap();
    assert!(written == generated, "server/docs/openapi.json is out of date: {ANEW}");
}

#[test]
fn every_parameter_of_a_query_is_one_that_is_taken() {
    let document = serde_json::to_value(document()).unwrap();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let parameters = operations.flat_map(|operation| operation["parameters"].as_array().into_iter().flatten());
    let queried = parameters.filter(|parameter| parameter["in"] == "query");
    let described: BTreeSet<&str> = queried.map(|parameter| parameter["name"].as_str().unwrap()).collect();
    let taken: BTreeSet<&str> = crate::api::QUERY.into_iter().filter(|name| *name != "api-version").collect();
    assert_eq!(described, taken);
}

#[test]
fn every_route_has_an_operation_and_every_operation_a_route() {
    let document = serde_json::to_value(document()).unwrap();
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())))
        .collect();
    let routed: BTreeSet<(String, String)> =
        routes().map(|route| (route.template.to_owned(), format!("{:?}", route.method).to_lowercase())).collect();
    assert_eq!(described, routed);
    assert!(routed.len() > 30, "the table is read: {}", routed.len());
}

/// Some are seconds, as Azure's are, and some are milliseconds.
#[test]
fn every_moment_says_its_unit() {
    let document = serde_json::to_value(document()).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut seen = 0;
    for (schema, shape) in schemas {
        for (name, property) in shape["properties"].as_object().into_iter().flatten() {
            let is_moment = ["_at", "_until", "_from"].iter().any(|end| name.ends_with(end))
                || ["at", "until", "created", "expires", "not_before"].contains(&name.as_str());
            if is_moment && property["type"].to_string().contains("integer") {
                let told = property["description"].as_str().unwrap_or_default();
                assert!(told.contains("Unix "), "{schema}.{name}: {told:?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

/// A name that two shapes share would show one of them for both.
#[test]
fn every_reference_leads_to_a_schema_and_every_schema_is_referred_to() {
    let document = serde_json::to_value(document()).unwrap();
    let mut wanted = BTreeMap::new();
    references(&document, &mut wanted);
    let kept: BTreeSet<String> = document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(wanted.into_keys().collect::<BTreeSet<_>>(), kept);
    for generic in ["List", "Listing"] {
        assert!(!kept.contains(generic), "{generic} does not tell of what");
    }
}

fn references(value: &Value, into: &mut BTreeMap<String, ()>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                into.insert(name.rsplit('/').next().unwrap().to_owned(), ());
            }
            fields.values().for_each(|value| references(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, into)),
        _ => {}
    }
}
