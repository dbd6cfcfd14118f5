//! Other settings of a module as candidates: what its schema offers in one place, and what the request itself says.
//!
//! Nothing here knows what a module makes of its settings, so each is a proposal and no more: the module looks at it, and
//! the gate judges with it. Schemas come from modules, so depth, number and length are bounded, and a part of a schema
//! that is not understood is left as it is set.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::policy::{FactValue, MAX_SETTINGS_BYTES, PolicyRequest};

/// Most proposals for one attachment.
pub(super) const MOST: usize = 96;
/// Most places that are looked at before that.
const LOOKED_AT: usize = 4_096;
/// Deepest place that is changed.
const MAX_DEPTH: usize = 6;
/// Most of what a request says that is tried.
const MOST_SAID: usize = 32;
/// Longest of it, and longest name of a member that is changed, in bytes.
const LONGEST_SAID: usize = 256;
const DAY: i64 = 86_400;

/// Settings with a change in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) settings: String,
    /// The change in words.
    pub(super) how: String,
}

/// A member of an object, or an element of a list.
#[derive(Clone, Debug)]
enum Step {
    Member(String),
    Element(usize),
}

/// What is done in a place.
#[derive(Clone, Debug)]
enum Edit {
    Add(Value),
    Remove(usize),
    Set(Value),
    Empty,
    LeaveOut,
}

/// The narrowest first: what is let in by its own name concerns the fewest others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Breadth {
    /// By its place among what the request says.
    Said(usize),
    Removed,
    Switched,
    Chosen,
    Bound,
    Without,
}

struct Proposal {
    breadth: Breadth,
    place: Vec<Step>,
    edit: Edit,
}

/// What the schema of a module and a request offer in the place of these settings, the narrowest first.
pub(super) fn others(schema: &str, settings: &str, request: Option<&PolicyRequest>) -> Vec<Other> {
    let (Ok(schema), Ok(now)) = (serde_json::from_str::<Value>(schema), serde_json::from_str::<Value>(settings)) else {
        return Vec::new();
    };
    let said = request.map(Said::by).unwrap_or_default();
    let mut looking = Looking { schema: &schema, said, found: Vec::new() };
    looking.at(&schema, Some(&now), &mut Vec::new(), true);
    let mut found = looking.found;
    found.sort_by_key(|proposal| proposal.breadth);
    let mut others = Vec::<Other>::new();
    for Proposal { place, edit, .. } in found {
        let mut then = now.clone();
        let Some(how) = apply(&mut then, &place, &edit) else { continue };
        let settings = then.to_string();
        if then != now && settings.len() <= MAX_SETTINGS_BYTES && others.iter().all(|one| one.settings != settings) {
            others.push(Other { settings, how });
        }
        if others.len() == MOST {
            break;
        }
    }
    others
}

/// What a request says that settings may name: texts and numbers, the most particular first.
#[derive(Default)]
struct Said {
    texts: Vec<String>,
    numbers: Vec<i64>,
}

impl Said {
    fn by(request: &PolicyRequest) -> Self {
        let mut said = Self::default();
        let PolicyRequest { principal, connection, action, object, key_operation, certificate_request, .. } = request;
        let mut texts = vec![object.name.clone()];
        let address = connection.client_address.parse::<IpAddr>().ok();
        texts.push(connection.client_address.clone());
        texts.extend(address.map(|address| IpNet::from(address.to_canonical()).to_string()));
        texts.extend([principal.subject.clone(), action.clone()]);
        texts.extend(object.tags.iter().flat_map(|(name, value)| [name.clone(), value.clone()]));
        texts.extend(certificate_request.iter().flat_map(|asked| asked.names.iter().flat_map(|name| hosts(name))));
        texts.extend(certificate_request.iter().map(|asked| asked.issuer.clone()));
        if let Some(key) = key_operation {
            texts.extend(key.algorithm.iter().chain(&key.curve).chain([&key.key_type]).chain(&key.key_ops).cloned());
        }
        texts.extend(principal.groups.iter().cloned());
        // Several words of one claim, as `amr` has them, are one each.
        texts.extend(principal.claims.values().flat_map(|claim| claim.split(' ')).map(str::to_owned));
        texts.extend(
            [&connection.listener, &object.vault, &object.kind, &principal.kind, &principal.issuer].map(Clone::clone),
        );
        for text in texts {
            if !text.is_empty()
                && text.len() <= LONGEST_SAID
                && said.texts.len() < MOST_SAID
                && !said.texts.contains(&text)
            {
                said.texts.push(text);
            }
        }
        let mut numbers = Vec::new();
        let days = |until: i64| until.saturating_sub(request.time).saturating_add(DAY - 1).div_euclid(DAY);
        numbers.extend(object.expires.map(days));
        numbers.extend(certificate_request.iter().filter_map(|asked| asked.validity_days).map(i64::from));
        numbers.extend(key_operation.iter().filter_map(|key| key.key_size).map(i64::from));
        let signed_in = principal.claims.get("auth_time").and_then(|at| at.parse::<i64>().ok());
        numbers.extend(signed_in.map(|at| request.time.saturating_sub(at)));
        for fact in request.facts.values() {
            if let Some(FactValue::Number(number)) = fact {
                numbers.extend([*number, number.saturating_add(1)]);
            }
        }
        numbers.retain(|number| *number >= 0);
        numbers.truncate(MOST_SAID);
        said.numbers = numbers;
        said
    }
}

/// The host of a name in a certificate, and the domain it is in.
fn hosts(name: &str) -> Vec<String> {
    let host = name.split_once(':').map_or(name, |(_, host)| host).trim_start_matches("*.");
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let domain = host.split_once('.').map(|(_, domain)| domain).filter(|domain| domain.contains('.'));
    std::iter::once(host).chain(domain).map(str::to_owned).collect()
}

/// What sort of text it is, as far as that can be seen. A list of addresses means addresses: a name in it would be in
/// the wrong list, and nothing but the end of what the list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Address,
    Url,
    Path,
    Uuid,
    Word,
}

impl Sort {
    fn of(text: &str) -> Self {
        if text.parse::<IpNet>().is_ok() || text.parse::<IpAddr>().is_ok() {
            Self::Address
        } else if text.contains("://") {
            Self::Url
        } else if text.contains('/') {
            Self::Path
        } else if Uuid::try_parse(text).is_ok() {
            Self::Uuid
        } else {
            Self::Word
        }
    }
}

/// Looks through settings along their schema.
struct Looking<'a> {
    schema: &'a Value,
    said: Said,
    found: Vec<Proposal>,
}

impl<'a> Looking<'a> {
    /// What may be another in one place; `now` is none where nothing is set there.
    fn at(&mut self, schema: &'a Value, now: Option<&Value>, place: &mut Vec<Step>, required: bool) {
        let schema = self.referred(schema);
        if place.len() >= MAX_DEPTH || self.found.len() >= LOOKED_AT {
            return;
        }
        let default = || now.or_else(|| schema.get("default"));
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            for value in values.iter().filter(|value| default() != Some(*value)) {
                self.propose(Breadth::Chosen, place, Edit::Set(value.clone()));
            }
        } else if is_of(schema, "boolean") {
            for value in [true, false].into_iter().filter(|value| default().and_then(Value::as_bool) != Some(*value)) {
                self.propose(Breadth::Switched, place, Edit::Set(value.into()));
            }
        } else if is_of(schema, "integer") || is_of(schema, "number") {
            self.number(schema, place);
        } else if is_of(schema, "array") {
            self.list(schema, now.and_then(Value::as_array), place);
        } else if is_of(schema, "object") {
            let members = now.and_then(Value::as_object);
            let properties = schema.get("properties").and_then(Value::as_object).filter(|_| members.is_some());
            for (name, property) in properties.into_iter().flatten().filter(|(name, _)| name.len() <= LONGEST_SAID) {
                place.push(Step::Member(name.clone()));
                self.at(property, members.and_then(|members| members.get(name)), place, is_required(schema, name));
                place.pop();
            }
        }
        if now.is_some() && !required {
            self.propose(Breadth::Without, place, Edit::LeaveOut);
        }
    }

    fn number(&mut self, schema: &Value, place: &[Step]) {
        let bound = |keyword: &str| schema.get(keyword).filter(|bound| bound.is_number()).cloned();
        let (least, most) = (bound("minimum"), bound("maximum"));
        let fits = |number: &i64| {
            least.as_ref().and_then(Value::as_i64).is_none_or(|least| least <= *number)
                && most.as_ref().and_then(Value::as_i64).is_none_or(|most| *number <= most)
        };
        let said: Vec<_> = self.said.numbers.iter().copied().filter(fits).enumerate().collect();
        for (index, number) in said {
            self.propose(Breadth::Said(index), place, Edit::Set(number.into()));
        }
        for bound in [most, least].into_iter().flatten() {
            self.propose(Breadth::Bound, place, Edit::Set(bound));
        }
    }

    fn list(&mut self, schema: &'a Value, now: Option<&Vec<Value>>, place: &mut Vec<Step>) {
        let elements = now.map_or(&[][..], Vec::as_slice);
        let items = schema.get("items").map(|items| self.referred(items));
        if let Some(values) = items.and_then(|items| items.get("enum")).and_then(Value::as_array) {
            for value in values.iter().filter(|value| !elements.contains(value)) {
                self.propose(Breadth::Chosen, place, Edit::Add(value.clone()));
            }
        } else if items.is_some_and(|items| is_of(items, "string")) {
            let default = || schema.get("default").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let known = if elements.is_empty() { default() } else { elements };
            let sorts: Vec<Sort> = known.iter().filter_map(Value::as_str).map(Sort::of).collect();
            for (index, text) in self.said.texts.clone().into_iter().enumerate() {
                if sorts.is_empty() || sorts.contains(&Sort::of(&text)) {
                    self.propose(Breadth::Said(index), place, Edit::Add(text.into()));
                }
            }
        }
        for (index, element) in elements.iter().enumerate() {
            self.propose(Breadth::Removed, place, Edit::Remove(index));
            if let Some(items) = items.filter(|_| element.is_object()) {
                place.push(Step::Element(index));
                self.at(items, Some(element), place, true);
                place.pop();
            }
        }
        if elements.len() > 1 {
            self.propose(Breadth::Without, place, Edit::Empty);
        }
    }

    fn propose(&mut self, breadth: Breadth, place: &[Step], edit: Edit) {
        if self.found.len() < LOOKED_AT {
            self.found.push(Proposal { breadth, place: place.to_vec(), edit });
        }
    }

    /// The definition that a schema refers to, or itself.
    fn referred(&self, schema: &'a Value) -> &'a Value {
        let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
        pointer.and_then(|pointer| self.schema.pointer(pointer)).unwrap_or(schema)
    }
}

fn is_of(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => false,
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema.get("required").and_then(Value::as_array).is_some_and(|required| required.iter().any(|one| one == name))
}

/// Makes a change, and tells it; none where it cannot be made.
fn apply(settings: &mut Value, place: &[Step], edit: &Edit) -> Option<String> {
    let told = told(place);
    if let Edit::LeaveOut = edit {
        let (Step::Member(name), above) = place.split_last()? else { return None };
        find(settings, above)?.as_object_mut()?.remove(name)?;
        return Some(format!("leave out {told}"));
    }
    let there = find(settings, place)?;
    match edit {
        Edit::Add(value) => {
            if there.is_null() {
                *there = Value::Array(Vec::new());
            }
            let list = there.as_array_mut()?;
            if list.contains(value) {
                return None;
            }
            list.push(value.clone());
            Some(format!("add {value} to {told}"))
        }
        Edit::Remove(index) => {
            let list = there.as_array_mut().filter(|list| *index < list.len())?;
            Some(format!("take {} out of {told}", list.remove(*index)))
        }
        Edit::Set(value) => {
            *there = value.clone();
            Some(format!("set {told} to {value}"))
        }
        Edit::Empty => {
            *there = Value::Array(Vec::new());
            Some(format!("empty {told}"))
        }
        Edit::LeaveOut => None,
    }
}

/// A place in settings; a member that is not there yet is made.
fn find<'a>(settings: &'a mut Value, place: &[Step]) -> Option<&'a mut Value> {
    let mut there = settings;
    for step in place {
        there = match step {
            Step::Member(name) => {
                let members: &mut Map<String, Value> = there.as_object_mut()?;
                members.entry(name.clone()).or_insert(Value::Null)
            }
            Step::Element(index) => there.as_array_mut()?.get_mut(*index)?,
        };
    }
    Some(there)
}

/// A place in words: `hours[0].days`.
fn told(place: &[Step]) -> String {
    let mut told = String::new();
    for step in place {
        match step {
            Step::Member(name) if told.is_empty() => told.push_str(name),
            Step::Member(name) => told.push_str(&format!(".{name}")),
            Step::Element(index) => told.push_str(&format!("[{index}]")),
        }
    }
    if told.is_empty() { "the settings".to_owned() } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{PolicyConnection, PolicyObject};

    fn request() -> PolicyRequest {
        PolicyRequest {
            action: "read".to_owned(),
            connection: PolicyConnection { client_address: "192.0.2.7".to_owned(), ..PolicyConnection::default() },
            object: PolicyObject { name: "db".to_owned(), expires: Some(3 * DAY), ..PolicyObject::default() },
            ..PolicyRequest::default()
        }
    }

    fn offers(schema: &str, settings: &str) -> Vec<(String, String)> {
        others(schema, settings, Some(&request())).into_iter().map(|one| (one.how, one.settings)).collect()
    }

    fn has(offers: &[(String, String)], how: &str, settings: &str) {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let same = |one: &&(String, String)| one.0 == how && parse(&one.1) == parse(settings);
        assert!(offers.iter().any(|one| same(&one)), "{how}: {offers:#?}");
    }

    #[test]
    fn each_place_of_a_schema_offers_what_it_may_be() {
        let schema = r##"{"type":"object","required":["days"],"properties":{
            "names":{"type":"array","items":{"type":"string"}},
            "days":{"type":"integer","minimum":1,"maximum":90},
            "strict":{"type":"boolean","default":true},
            "level":{"enum":["low","high",null],"default":null},
            "hours":{"type":"array","items":{"$ref":"#/$defs/hours"}}},
            "$defs":{"hours":{"type":"object","required":["on"],"properties":{
                "on":{"type":"array","items":{"enum":["mon","tue"]}}}}}}"##;
        let found = offers(schema, r#"{"days":2,"hours":[{"on":["mon"]}],"names":["tmp"]}"#);
        has(&found, r#"add "db" to names"#, r#"{"days":2,"hours":[{"on":["mon"]}],"names":["tmp","db"]}"#);
        assert!(found.iter().all(|(how, _)| !how.contains("192.0.2.7")), "no address among names: {found:#?}");
        has(&found, r#"take "tmp" out of names"#, r#"{"days":2,"hours":[{"on":["mon"]}],"names":[]}"#);
        has(&found, "set days to 3", r#"{"days":3,"hours":[{"on":["mon"]}],"names":["tmp"]}"#);
        has(&found, "set days to 90", r#"{"days":90,"hours":[{"on":["mon"]}],"names":["tmp"]}"#);
        has(&found, "set strict to false", r#"{"days":2,"hours":[{"on":["mon"]}],"names":["tmp"],"strict":false}"#);
        has(&found, r#"set level to "high""#, r#"{"days":2,"hours":[{"on":["mon"]}],"level":"high","names":["tmp"]}"#);
        has(&found, r#"add "tue" to hours[0].on"#, r#"{"days":2,"hours":[{"on":["mon","tue"]}],"names":["tmp"]}"#);
        has(&found, "leave out names", r#"{"days":2,"hours":[{"on":["mon"]}]}"#);
        assert!(found.iter().all(|(how, _)| how != "leave out days" && how != "set strict to true"), "{found:#?}");
        let first: Vec<_> = found.iter().take(2).map(|(how, _)| how.as_str()).collect();
        assert_eq!(first, ["set days to 3", r#"add "db" to names"#], "what the request says comes first");
    }

    #[test]
    fn a_list_is_offered_what_is_of_the_sort_of_what_is_in_it() {
        let schema = r#"{"type":"object","properties":{"from":{"type":"array","items":{"type":"string"}}}}"#;
        let found = offers(schema, r#"{"from":["10.0.0.0/8"]}"#);
        has(&found, r#"add "192.0.2.7/32" to from"#, r#"{"from":["10.0.0.0/8","192.0.2.7/32"]}"#);
        assert!(found.iter().all(|(how, _)| how != r#"add "db" to from"#), "{found:#?}");
        assert!(offers(schema, r#"{"from":[]}"#).iter().any(|(how, _)| how == r#"add "db" to from"#), "nobody knows");
    }

    #[test]
    fn what_is_not_understood_is_left_and_what_is_hostile_is_bounded() {
        assert_eq!(offers("not JSON", "{}"), []);
        assert_eq!(offers("{}", r#"{"a":1}"#), []);
        assert_eq!(offers(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#, "[]"), []);
        let itself = r##"{"type":"object","properties":{"a":{"$ref":"#"}}}"##;
        offers(itself, r#"{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}"#);
        let many: Vec<_> = (0..3_000).map(|n| format!(r#""p{n}":{{"type":"boolean"}}"#)).collect();
        let found = offers(&format!(r#"{{"type":"object","properties":{{{}}}}}"#, many.join(",")), "{}");
        assert_eq!(found.len(), MOST);
        let long = format!(r#"{{"a":["{}"]}}"#, "x".repeat(MAX_SETTINGS_BYTES - 10));
        let list = r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"string"}}}}"#;
        assert!(offers(list, &long).iter().all(|(how, _)| !how.starts_with("add")));
    }
}
