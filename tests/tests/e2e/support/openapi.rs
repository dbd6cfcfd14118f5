//! Holds every answer of the management API that a story sees against the document of it. A story need
//! not ask for that: requests go through here.

use std::sync::LazyLock;

use serde_json::{Map, Value};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/docs/openapi.json");
    let text = std::fs::read_to_string(path).expect("the document");
    serde_json::from_str(&text).expect("JSON")
});

/// Statuses of refusals before the request is known for one of the management API.
const BEFORE: [u16; 5] = [408, 414, 421, 431, 503];

/// Panics when the document tells otherwise of what was asked and answered.
pub(crate) fn hold(method: &str, path: &str, asked: Option<&[u8]>, status: u16, answered: &[u8]) {
    let Some(operation) = operation(method, path) else {
        assert!(status >= 400, "{method} {path} answers {status} and is not in the document");
        return;
    };
    let what = format!("{method} {path} answered {status}");
    let Some(response) = operation["responses"].get(status.to_string()) else {
        assert!(BEFORE.contains(&status), "{what}: not in the document");
        return;
    };
    let schema = &response["content"]["application/json"]["schema"];
    if schema.is_null() {
        assert!(answered.is_empty(), "{what}: with a body that the document has not");
    } else if !answered.is_empty() || status < 400 {
        let body = serde_json::from_slice(answered).unwrap_or_else(|error| panic!("{what}: {error}"));
        check(schema, &body, &what);
    }
    if status < 300 {
        let content = &operation["requestBody"]["content"];
        let schema = &content["application/json"]["schema"];
        let asked = asked.filter(|body| !body.is_empty());
        assert_eq!(content.is_null(), asked.is_none(), "{what}: a body is read if the document has one");
        if let Some(asked) = asked.filter(|_| !schema.is_null()) {
            check(schema, &serde_json::from_slice(asked).expect("JSON was taken"), &format!("{what} to"));
        }
    }
}

fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let fits = |template: &str| {
        let (mut template, mut path) = (template.split('/'), path.split('/'));
        loop {
            match (template.next(), path.next()) {
                (None, None) => return true,
                (Some(t), Some(p)) if t.starts_with('{') || t == p => {}
                _ => return false,
            }
        }
    };
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let item = paths
        .iter()
        .filter(|(template, _)| fits(template))
        .min_by_key(|(template, _)| template.matches('{').count())?;
    item.1.get(method.to_ascii_lowercase())
}

/// As strict as the document may be read: nothing may be there that it does not tell of.
fn check(schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        return check(DOCUMENT.pointer(pointer).unwrap_or_else(|| panic!("{reference}")), value, at);
    }
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        let null = |choice: &&Value| choice["type"] == "null";
        return match choices.iter().find(|choice| null(choice) == value.is_null()) {
            Some(choice) => check(choice, value, at),
            None => panic!("{at}: {value} is none of {choices:?}"),
        };
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
        assert!(allowed.contains(value), "{at}: {value} is none of {allowed:?}");
    }
    let types = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ => return,
    };
    let has = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(types.contains(&has), "{at}: {value} is not {types:?}");
    match value {
        Value::Array(values) => values.iter().for_each(|value| check(&schema["items"], value, &format!("{at}[]"))),
        Value::Object(fields) => check_fields(schema, fields, at),
        _ => {}
    }
}

fn check_fields(schema: &Value, fields: &Map<String, Value>, at: &str) {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(fields.contains_key(name), "{at}: without {name}");
    }
    for (name, value) in fields {
        let property = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        match property.filter(|property| property.is_object()) {
            Some(property) => check(property, value, &format!("{at}.{name}")),
            None => panic!("{at}: {name} is not in the document"),
        }
    }
}
