//! Settings as a form, out of a module's schema: lines, numbers, boxes to tick, one of several, lists of lines. A member
//! of another sort is JSON in its own field, and a schema that is no object's has no form.
//!
//! A form is a way to write settings and no judge of them: the server holds them against the schema as ever.

use serde_json::{Map, Number, Value};
use strongroom_web::{Choice, Field, FieldKind, say};

/// Most members that a form shows.
const MAX_MEMBERS: usize = 40;
/// Longest line.
const MAX_LINE: u32 = 4096;

/// One member of the settings.
struct Member<'a> {
    name: &'a str,
    schema: &'a Value,
    kind: Kind,
    required: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Number,
    Check,
    OneOf(Vec<String>),
    Lines,
    Json,
}

/// What is wrong in which field.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) sentence: String,
}

/// Name of a member's field.
fn field_name(index: usize) -> String {
    format!("s-{index}")
}

/// The fields, filled in with settings; none where the schema or the settings have no form.
pub(super) fn fields(schema: &str, settings: &str) -> Option<Vec<Field>> {
    let schema: Value = serde_json::from_str(schema).ok()?;
    let settings: Value = serde_json::from_str(settings).ok()?;
    let (members, held) = (members(&schema)?, settings.as_object()?);
    if held.keys().any(|name| !members.iter().any(|member| member.name == name)) {
        return None;
    }
    let text = |member: &Member<'_>| written(member, held.get(member.name));
    members.iter().enumerate().map(|(index, member)| Some(field(member, index, &text(member)?))).collect()
}

/// The same as they were sent, right or wrong.
pub(super) fn refilled(schema: &str, sent: impl Fn(&str) -> String) -> Option<Vec<Field>> {
    let schema: Value = serde_json::from_str(schema).ok()?;
    let members = members(&schema)?;
    let refill = |(index, member): (usize, &Member<'_>)| field(member, index, &sent(&field_name(index)));
    Some(members.iter().enumerate().map(refill).collect())
}

/// Settings, out of what was sent. What says no more than the module takes for granted is left out.
pub(super) fn read(schema: &str, sent: impl Fn(&str) -> String) -> Option<Result<String, Wrong>> {
    let schema: Value = serde_json::from_str(schema).ok()?;
    let mut settings = Map::new();
    for (index, member) in members(&schema)?.iter().enumerate() {
        let name = field_name(index);
        match value(member, &sent(&name)) {
            Ok(Some(value)) => drop(settings.insert(member.name.to_owned(), value)),
            Ok(None) => {}
            Err(sentence) => return Some(Err(Wrong { field: name, sentence })),
        }
    }
    Some(Ok(Value::Object(settings).to_string()))
}

/// The field of the member that a sentence of the server names by its place: `the module's schema at /days: minimum`.
pub(super) fn blamed(schema: &str, sentence: &str) -> Option<String> {
    let schema: Value = serde_json::from_str(schema).ok()?;
    let (_, pointer) = sentence.split_once(say!("policies-schema-form-schema-at"))?;
    let name = pointer.split(['/', ':', ' ']).next()?;
    members(&schema)?.iter().position(|member| member.name == name).map(field_name)
}

fn members(schema: &Value) -> Option<Vec<Member<'_>>> {
    let properties = schema.get("properties")?.as_object()?;
    if properties.is_empty() || properties.len() > MAX_MEMBERS {
        return None;
    }
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    Some(
        properties
            .iter()
            .map(|(name, schema)| Member {
                name,
                schema,
                kind: kind(schema),
                required: required.contains(&name.as_str()),
            })
            .collect(),
    )
}

fn kind(schema: &Value) -> Kind {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let words: Option<Vec<String>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
        return words.filter(|words| !words.is_empty()).map_or(Kind::Json, Kind::OneOf);
    }
    match type_of(schema) {
        Some("string") => Kind::Text,
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Check,
        Some("array") => {
            let items = schema.get("items");
            let words = items.and_then(|items| items.get("enum")).and_then(Value::as_array);
            let all_words = words.is_some_and(|words| words.iter().all(Value::is_string));
            if all_words || items.and_then(type_of) == Some("string") { Kind::Lines } else { Kind::Json }
        }
        _ => Kind::Json,
    }
}

/// The only type, beside null.
fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
            kinds.next().filter(|_| kinds.next().is_none())
        }
        _ => None,
    }
}

/// A value as its field holds it; none where it has no such form.
fn written(member: &Member<'_>, value: Option<&Value>) -> Option<String> {
    let value = value.or_else(|| member.schema.get("default"));
    match (&member.kind, value) {
        (Kind::Json, Some(value)) => serde_json::to_string_pretty(value).ok(),
        (_, None | Some(Value::Null)) => Some(String::new()),
        (Kind::Text, Some(Value::String(text))) if !text.contains('\n') => Some(text.clone()),
        (Kind::OneOf(words), Some(Value::String(text))) if words.contains(text) => Some(text.clone()),
        (Kind::Integer | Kind::Number, Some(Value::Number(number))) => Some(number.to_string()),
        (Kind::Check, Some(Value::Bool(ticked))) => Some(if *ticked { "yes" } else { "" }.to_owned()),
        (Kind::Lines, Some(Value::Array(lines))) => {
            let lines: Option<Vec<&str>> = lines.iter().map(Value::as_str).collect();
            let lines = lines?;
            let plain =
                |line: &&str| !line.trim().is_empty() && line.trim().len() == line.len() && !line.contains('\n');
            lines.iter().all(plain).then(|| lines.join("\n"))
        }
        _ => None,
    }
}

fn field(member: &Member<'_>, index: usize, text: &str) -> Field {
    let name = &field_name(index);
    let label = member.schema.get("title").and_then(Value::as_str).unwrap_or(member.name);
    let field = match &member.kind {
        Kind::Text | Kind::Integer | Kind::Number => Field::line(name, label, text, MAX_LINE),
        Kind::Check => Field::check(name, label, text == "yes"),
        Kind::OneOf(words) => {
            let none = (!member.required).then(|| Choice {
                value: String::new(),
                label: say!("policies-schema-form-not-said").into(),
                chosen: text.is_empty(),
            });
            let words =
                words.iter().map(|word| Choice { value: word.clone(), label: word.clone(), chosen: word == text });
            Field::new(name, label, FieldKind::Choice(none.into_iter().chain(words).collect()))
        }
        Kind::Lines => Field::lines(name, label, text, 4),
        Kind::Json => Field::code(name, label, text, 6),
    };
    let least = |keyword| member.schema.get(keyword).and_then(Value::as_u64).unwrap_or_default();
    let described = member.schema.get("description").and_then(Value::as_str);
    let how = match &member.kind {
        Kind::Lines if member.required && least("minItems") == 0 => {
            Some(say!("policies-schema-form-one-a-line-none-is"))
        }
        Kind::Lines => Some(say!("policies-schema-form-one-a-line")),
        Kind::Json => Some(say!("policies-schema-form-as-json")),
        Kind::Integer => Some(say!("policies-schema-form-a-whole-number")),
        _ => None,
    };
    let hint: Vec<&str> = described.into_iter().chain(how).collect();
    let field = if hint.is_empty() { field } else { field.hint(hint.join(" ")) };
    let must = member.required
        && match member.kind {
            Kind::Integer | Kind::Number | Kind::OneOf(_) | Kind::Json => true,
            // What may be empty is said by saying nothing.
            Kind::Lines => least("minItems") > 0,
            Kind::Text => least("minLength") > 0,
            Kind::Check => false,
        };
    if must { field.required() } else { field }
}

/// A value out of its field; none where nothing has to be said.
fn value(member: &Member<'_>, text: &str) -> Result<Option<Value>, String> {
    let text = text.trim();
    let read = match &member.kind {
        Kind::Text => Value::from(text),
        Kind::OneOf(_) if text.is_empty() && !member.required => return Ok(None),
        Kind::OneOf(words) if words.iter().any(|word| word == text) => Value::from(text),
        Kind::OneOf(_) => return Err(say!("policies-schema-form-name-is-one-of-those", name = member.name)),
        Kind::Check => Value::from(text == "yes"),
        Kind::Lines => text.lines().map(str::trim).filter(|line| !line.is_empty()).collect(),
        Kind::Integer | Kind::Number | Kind::Json if text.is_empty() && !member.required => return Ok(None),
        Kind::Integer => match text.parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => return Err(say!("policies-schema-form-name-is-a-whole-number", name = member.name)),
        },
        Kind::Number => match text.parse::<f64>().ok().and_then(Number::from_f64) {
            Some(number) => text.parse::<i64>().map_or(Value::Number(number), Value::from),
            None => return Err(say!("policies-schema-form-name-is-a-number", name = member.name)),
        },
        Kind::Json => serde_json::from_str(text).map_err(|error| {
            say!(
                "policies-schema-form-name-line-line-column-column",
                name = member.name,
                line = error.line(),
                column = error.column()
            )
        })?,
    };
    let granted = match (member.schema.get("default"), &read) {
        (Some(default), read) => default == read,
        (None, Value::String(text)) => text.is_empty(),
        (None, Value::Array(lines)) => lines.is_empty(),
        (None, Value::Bool(ticked)) => !ticked,
        (None, _) => false,
    };
    Ok((member.required || !granted).then_some(read))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> String {
        json!({
            "type": "object",
            "required": ["days", "mode"],
            "properties": {
                "actions": { "type": "array", "items": { "type": "string" }, "default": [], "description": "Which." },
                "days": { "type": "integer", "minimum": 1 },
                "glass": { "type": ["object", "null"], "default": null },
                "max_age": { "type": ["integer", "null"], "default": null },
                "mode": { "enum": ["strict", "lax"] },
                "note": { "type": "string", "title": "A note" },
                "rate": { "type": "number" },
                "workloads": { "type": "boolean", "default": true },
            },
        })
        .to_string()
    }

    /// What a browser sends back for these fields.
    fn sent(fields: &[Field]) -> impl Fn(&str) -> String {
        let held: Vec<(String, String)> = fields
            .iter()
            .map(|field| {
                let text = match &field.kind {
                    FieldKind::Line { value, .. } | FieldKind::Lines { value, .. } | FieldKind::Code { value, .. } => {
                        value.clone()
                    }
                    FieldKind::Check { checked } => if *checked { "yes" } else { "" }.to_owned(),
                    FieldKind::Choice(choices) => choices
                        .iter()
                        .find(|choice| choice.chosen)
                        .map(|choice| choice.value.clone())
                        .unwrap_or_default(),
                    _ => String::new(),
                };
                (field.name.clone(), text)
            })
            .collect();
        move |name| held.iter().find(|(held, _)| held == name).map(|(_, text)| text.clone()).unwrap_or_default()
    }

    #[test]
    fn settings_go_through_a_form_unchanged() {
        for settings in [
            json!({ "days": 7, "mode": "lax" }),
            json!({ "days": 7, "mode": "strict", "actions": ["a", "b c"], "note": "<b>", "rate": 0.5, "max_age": 60 }),
            json!({ "days": 7, "mode": "strict", "workloads": false, "glass": { "claim": "x", "value": "y" } }),
        ] {
            let fields = fields(&schema(), &settings.to_string()).unwrap();
            let read = read(&schema(), sent(&fields)).unwrap().unwrap();
            assert_eq!(serde_json::from_str::<Value>(&read).unwrap(), settings);
        }
    }

    #[test]
    fn what_has_to_be_said_is_not_called_optional() {
        let schema = json!({
            "type": "object",
            "required": ["groups", "name", "may_be_none"],
            "properties": {
                "groups": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                "may_be_none": { "type": "array", "items": { "type": "string" } },
                "name": { "type": "string", "minLength": 1 },
                "others": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            },
        });
        let fields = fields(&schema.to_string(), "{}").unwrap();
        let required: Vec<bool> = fields.iter().map(|field| field.required).collect();
        assert_eq!(required, [true, false, true, false]);
        assert_eq!(fields[1].hint.as_deref(), Some("One a line. None is an answer too."));
    }

    #[test]
    fn what_has_no_form_is_edited_as_json() {
        for (schema, settings) in [
            ("{}".to_owned(), json!({})),
            ("x".to_owned(), json!({})),
            (schema(), json!([])),
            (schema(), json!({ "unknown": 1 })),
            (schema(), json!({ "days": "seven" })),
            (schema(), json!({ "actions": ["two\nlines"] })),
            (schema(), json!({ "mode": "other" })),
        ] {
            assert!(fields(&schema, &settings.to_string()).is_none(), "{settings}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_at_its_field() {
        let form = |days: &'static str, mode: &'static str, glass: &'static str| {
            move |name: &str| match name {
                "s-1" => days.to_owned(),
                "s-4" => mode.to_owned(),
                "s-2" => glass.to_owned(),
                _ => String::new(),
            }
        };
        let wrong = |sent| read(&schema(), sent).unwrap().map_err(|wrong| wrong.field);
        assert_eq!(wrong(form("", "lax", "")), Err("s-1".to_owned()));
        assert_eq!(wrong(form("7.5", "lax", "")), Err("s-1".to_owned()));
        assert_eq!(wrong(form("7", "other", "")), Err("s-4".to_owned()));
        assert_eq!(wrong(form("7", "lax", "{")), Err("s-2".to_owned()));
        assert_eq!(wrong(form("7", "lax", "")), Ok("{\"days\":7,\"mode\":\"lax\",\"workloads\":false}".to_owned()));
        let sentence = "the settings break the module's schema at /days: minimum: 1";
        assert_eq!(blamed(&schema(), sentence), Some("s-1".to_owned()));
        assert_eq!(blamed(&schema(), "the module refuses its settings"), None);
        let again = refilled(&schema(), form("seven", "lax", "{")).unwrap();
        assert!(matches!(&again[1].kind, FieldKind::Line { value, .. } if value == "seven"), "nothing is lost");
    }
}
