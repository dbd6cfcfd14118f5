//! Settings to begin with, out of a module's schema: what it has defaults for, and what it demands, empty.

use serde_json::{Map, Value};

/// How deep objects within objects are filled in.
const DEPTH: usize = 6;

/// As JSON to be changed; `{}` where the schema says nothing of an object.
pub(super) fn of(schema: &str) -> Value {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    object(&schema, DEPTH)
}

fn object(schema: &Value, depth: usize) -> Value {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut filled = Map::new();
    for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if let Some(default) = member.get("default") {
            filled.insert(name.clone(), default.clone());
        } else if required.contains(&name.as_str()) {
            filled.insert(name.clone(), empty(member, depth));
        }
    }
    Value::Object(filled)
}

fn empty(schema: &Value, depth: usize) -> Value {
    if let Some(only) = schema.get("const") {
        return only.clone();
    }
    if let Some(first) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
        return first.clone();
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        kind => kind.and_then(Value::as_str),
    };
    match kind {
        Some("string") => Value::from(""),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| Value::from(0)),
        Some("boolean") => Value::from(false),
        Some("array") => Value::Array(Vec::new()),
        Some("object") if depth > 0 => object(schema, depth - 1),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;

    #[test]
    fn what_is_demanded_and_what_has_a_default_is_there() {
        let schema = json!({
            "type": "object",
            "required": ["max_days", "zone", "hours", "mode"],
            "properties": {
                "max_days": { "type": "integer", "minimum": 1 },
                "deny_expired_reads": { "type": "boolean", "default": false },
                "zone": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } },
                "hours": { "type": "array" },
                "mode": { "enum": ["strict", "lax"] },
                "note": { "type": "string" },
            },
        });
        let expected = json!({
            "max_days": 1, "deny_expired_reads": false, "zone": { "name": "" }, "hours": [], "mode": "strict",
        });
        assert_eq!(of(&schema.to_string()), expected);
    }

    #[test]
    fn a_schema_that_says_nothing_is_no_obstacle() {
        for schema in ["", "{", "true", "[]", "{}", r#"{"properties":7,"required":"x"}"#] {
            assert_eq!(of(schema), json!({}), "{schema}");
        }
        let mut deep = json!({ "type": "string" });
        for _ in 0..40 {
            deep = json!({ "type": "object", "required": ["a"], "properties": { "a": deep } });
        }
        assert!(of(&deep.to_string()).is_object());
    }
}
