//! Settings against a schema: the first rule that they break, and where.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Number, Value};

use super::{Kind, Node, Schema, Span};
use crate::{answer, limits};

/// Most steps of one check: each schema at each value is one, and comparing, measuring and matching what is long are
/// more.
const MAX_STEPS: u64 = 100_000;
/// Deepest that schemas are gone into: members, elements, alternatives and definitions together. Each goes onto the
/// stack, and a small one holds so many.
const MAX_DEPTH: usize = 128;

/// Why a check ends.
enum End {
    /// This rule is broken.
    Broken(String),
    TooLong,
}

impl Schema {
    /// Checks settings; the error is one sentence for whoever wrote them, with the place and the rule.
    pub(crate) fn check(&self, settings: &str) -> Result<(), String> {
        let settings: Value = match serde_json::from_str(settings) {
            Ok(settings) => settings,
            Err(error) => return Err(format!("they are not JSON: line {}, column {}", error.line(), error.column())),
        };
        let (mut checker, mut at) = (Checker { schema: self, steps: 0 }, Vec::new());
        match checker.node(&self.root, &settings, &mut at, 0) {
            Ok(()) => Ok(()),
            Err(End::TooLong) => Err("checking them against the module's schema takes too long".to_owned()),
            Err(End::Broken(rule)) => {
                let at = if at.is_empty() { String::new() } else { format!(" at {}", pointer(&at)) };
                Err(answer::cut(&format!("the settings break the module's schema{at}: {rule}"), limits::MAX_TEXT))
            }
        }
    }
}

/// Where a value stands. A check that a rule ends leaves it where that was.
type Place<'a> = Vec<Cow<'a, str>>;

/// A place as a JSON pointer (RFC 6901).
fn pointer(at: &[Cow<'_, str>]) -> String {
    let escaped = at.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")));
    escaped.collect()
}

struct Checker<'a> {
    schema: &'a Schema,
    steps: u64,
}

impl<'a> Checker<'a> {
    fn charge(&mut self, steps: usize) -> Result<(), End> {
        self.steps = self.steps.saturating_add(u64::try_from(steps).unwrap_or(u64::MAX));
        if self.steps > MAX_STEPS { Err(End::TooLong) } else { Ok(()) }
    }

    /// Whether a value satisfies a schema. What takes too long is an error whatever is asked.
    fn satisfies<'v>(
        &mut self,
        node: &'a Node,
        value: &'v Value,
        at: &mut Place<'v>,
        depth: usize,
    ) -> Result<bool, End> {
        let before = at.len();
        let fits = match self.node(node, value, at, depth) {
            Ok(()) => true,
            Err(End::Broken(_)) => false,
            Err(End::TooLong) => return Err(End::TooLong),
        };
        at.truncate(before);
        Ok(fits)
    }

    /// Checks a value against a schema that so many others stand round.
    fn node<'v>(&mut self, node: &'a Node, value: &'v Value, at: &mut Place<'v>, depth: usize) -> Result<(), End> {
        self.charge(1)?;
        if depth > MAX_DEPTH {
            return Err(End::TooLong);
        }
        if node.never {
            return broken("nothing may stand here");
        }
        if let Some(kinds) = &node.kinds
            && !kinds.iter().any(|kind| is(value, *kind))
        {
            let words: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
            return broken(&format!("type: {}", words.join(" or ")));
        }
        if let Some(values) = &node.values {
            self.charge(values.iter().map(size).fold(size(value), usize::saturating_add))?;
            if !values.iter().any(|one| same(one, value)) {
                let texts: Vec<_> = values.iter().map(Value::to_string).collect();
                return broken(&format!("enum: one of {}", texts.join(", ")));
            }
        }
        match value {
            Value::Number(value) => numeric(node, value)?,
            Value::String(text) => self.textual(node, text)?,
            Value::Array(list) => {
                spanned(node.elements, list.len(), ["minItems", "maxItems"])?;
                if node.unique {
                    self.charge(list.len().saturating_mul(size(value)))?;
                    let twice =
                        list.iter().enumerate().any(|(n, one)| list.iter().take(n).any(|other| same(one, other)));
                    if twice {
                        return broken("uniqueItems: nothing twice");
                    }
                }
                if let Some(items) = &node.items {
                    for (index, item) in list.iter().enumerate() {
                        at.push(Cow::Owned(index.to_string()));
                        self.node(items, item, at, depth + 1)?;
                        at.pop();
                    }
                }
            }
            Value::Object(members) => {
                if let Err(rule) = spanned(node.members, members.len(), ["minProperties", "maxProperties"]) {
                    let few = node.members.least.is_some_and(|least| count(members.len()) < least);
                    return if few { self.with_names(rule, &node.properties) } else { Err(rule) };
                }
                self.charge(node.required.iter().map(|name| text_size(name)).fold(0, usize::saturating_add))?;
                if let Some(missing) = node.required.iter().find(|name| !members.contains_key(*name)) {
                    return broken(&format!("required: {missing}"));
                }
                for (name, member) in members {
                    let (schema, known) = match node.properties.get(name) {
                        Some(schema) => (Some(schema), true),
                        None => (node.others.as_deref(), false),
                    };
                    let Some(schema) = schema else { continue };
                    at.push(Cow::Borrowed(name));
                    if !known && schema.never {
                        return broken("additionalProperties: there is no such setting");
                    }
                    self.node(schema, member, at, depth + 1)?;
                    at.pop();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
        self.combined(node, value, at, depth + 1)
    }

    fn combined<'v>(&mut self, node: &'a Node, value: &'v Value, at: &mut Place<'v>, depth: usize) -> Result<(), End> {
        if let Some(name) = &node.refers {
            let definition = self.schema.definitions.get(name).ok_or(End::TooLong)?;
            self.node(definition, value, at, depth)?;
        }
        for one in &node.all {
            self.node(one, value, at, depth)?;
        }
        for (rule, nodes, exactly) in [("anyOf", &node.any, false), ("oneOf", &node.one, true)] {
            let Some(nodes) = nodes else { continue };
            let mut fitting = 0_usize;
            for one in nodes {
                fitting += usize::from(self.satisfies(one, value, at, depth)?);
            }
            if fitting == 0 || (exactly && fitting > 1) {
                let sought = if exactly { "exactly one" } else { "one" };
                if fitting == 0 && self.lacks_all(nodes, value)? {
                    let ways: Vec<_> = nodes.iter().map(|one| one.required.join(" with ")).collect();
                    return broken(&format!("{rule}: {sought} of {} has to be there", ways.join(", ")));
                }
                return broken(&format!("{rule}: {sought} of {} alternatives has to fit, {fitting} do", nodes.len()));
            }
        }
        if let Some(not) = &node.not
            && self.satisfies(not, value, at, depth)?
        {
            return broken("not: this is excluded");
        }
        Ok(())
    }

    /// Whether each of these alternatives demands members, and none of them has all that it demands.
    fn lacks_all(&mut self, alternatives: &[Node], value: &Value) -> Result<bool, End> {
        let Value::Object(members) = value else { return Ok(false) };
        let demanded = alternatives.iter().flat_map(|one| &one.required);
        self.charge(demanded.map(|name| text_size(name)).fold(0, usize::saturating_add))?;
        Ok(alternatives.iter().all(|one| one.required.iter().any(|name| !members.contains_key(name))))
    }

    /// A rule about how many members there are, with the names that they may have.
    fn with_names(&mut self, rule: End, properties: &BTreeMap<String, Node>) -> Result<(), End> {
        self.charge(properties.keys().map(|name| text_size(name)).fold(0, usize::saturating_add))?;
        let names: Vec<_> = properties.keys().map(String::as_str).collect();
        match rule {
            End::Broken(rule) if !names.is_empty() => broken(&format!("{rule}, of {}", names.join(", "))),
            rule => Err(rule),
        }
    }

    /// A pattern takes time in proportion to the text, and more of it than counting its characters does.
    fn textual(&mut self, node: &Node, text: &str) -> Result<(), End> {
        if node.length.least.is_some() || node.length.most.is_some() {
            self.charge(text_size(text))?;
            spanned(node.length, text.chars().count(), ["minLength", "maxLength"])?;
        }
        let Some(pattern) = &node.pattern else { return Ok(()) };
        self.charge(text.len())?;
        if pattern.is_match(text) { Ok(()) } else { broken(&format!("pattern: {}", pattern.as_str())) }
    }
}

fn broken(rule: &str) -> Result<(), End> {
    Err(End::Broken(rule.to_owned()))
}

fn is(value: &Value, kind: Kind) -> bool {
    match (value, kind) {
        (Value::Null, Kind::Null)
        | (Value::Bool(_), Kind::Boolean)
        | (Value::Number(_), Kind::Number)
        | (Value::String(_), Kind::String)
        | (Value::Array(_), Kind::Array)
        | (Value::Object(_), Kind::Object) => true,
        (Value::Number(number), Kind::Integer) => whole(number).is_some() || is_whole(number),
        _ => false,
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn is_whole(number: &Number) -> bool {
    number.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// How two numbers compare: exactly where both are whole.
fn compare(one: &Number, other: &Number) -> Option<std::cmp::Ordering> {
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// Whether two values are the same to JSON Schema, for which 1 and 1.0 are.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => compare(one, other) == Some(std::cmp::Ordering::Equal),
        (one, other) => one == other,
    }
}

/// About how long comparing a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(size).fold(1, usize::saturating_add),
        Value::Object(members) => members.values().map(size).fold(1, usize::saturating_add),
        Value::String(text) => text_size(text),
        _ => 1,
    }
}

fn text_size(text: &str) -> usize {
    1 + text.len() / 64
}

fn numeric(node: &Node, value: &Number) -> Result<(), End> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    for (bound, rule, fits) in [
        (&node.minimum, "minimum", [Equal, Greater]),
        (&node.maximum, "maximum", [Equal, Less]),
        (&node.above, "exclusiveMinimum", [Greater, Greater]),
        (&node.below, "exclusiveMaximum", [Less, Less]),
    ] {
        if let Some(bound) = bound
            && !compare(value, bound).is_some_and(|how| fits.contains(&how))
        {
            return broken(&format!("{rule}: {bound}"));
        }
    }
    if let Some(multiple) = node.multiple
        && whole(value).is_none_or(|value| value % i128::from(multiple) != 0)
    {
        return broken(&format!("multipleOf: {multiple}"));
    }
    Ok(())
}

fn count(found: usize) -> u64 {
    u64::try_from(found).unwrap_or(u64::MAX)
}

fn spanned(span: Span, found: usize, [least, most]: [&str; 2]) -> Result<(), End> {
    let found = count(found);
    match (span.least, span.most) {
        (Some(bound), _) if found < bound => broken(&format!("{least}: {bound}, and there are {found}")),
        (_, Some(bound)) if found > bound => broken(&format!("{most}: {bound}, and there are {found}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::understood;
    use super::*;

    fn says(schema: &str, settings: &str) -> String {
        Schema::parse(schema).expect(schema).check(settings).err().unwrap_or_default()
    }

    #[test]
    fn a_broken_rule_is_named_with_its_place() {
        for (schema, settings, said) in [
            (r#"{"type":"object"}"#, "[]", ": type: object"),
            (r#"{"type":["integer","null"]}"#, "1.5", ": type: null or integer"),
            (r#"{"properties":{"a":{"minimum":1}}}"#, r#"{"a":0}"#, " at /a: minimum: 1"),
            (r#"{"properties":{"a/b":{"exclusiveMaximum":2}}}"#, r#"{"a/b":2}"#, " at /a~1b: exclusiveMaximum: 2"),
            (r#"{"required":["a"]}"#, "{}", ": required: a"),
            (
                r#"{"additionalProperties":false}"#,
                r#"{"b":1}"#,
                " at /b: additionalProperties: there is no such setting",
            ),
            (r#"{"items":{"enum":["x",1]}}"#, r#"["x",1.0,"y"]"#, r#" at /2: enum: one of "x", 1"#),
            (r#"{"const":null}"#, "0", ": enum: one of null"),
            (r#"{"maxItems":1}"#, "[1,2]", ": maxItems: 1, and there are 2"),
            (r#"{"uniqueItems":true}"#, "[1,2,1.0]", ": uniqueItems: nothing twice"),
            (r#"{"minLength":2}"#, r#""ä""#, ": minLength: 2, and there are 1"),
            (r#"{"pattern":"^[0-9]{2}$"}"#, r#""123""#, ": pattern: ^[0-9]{2}$"),
            (r#"{"multipleOf":5}"#, "12", ": multipleOf: 5"),
            (r#"{"anyOf":[{"required":["a"]},{"required":["b"]}]}"#, "{}", ": anyOf: one of a, b has to be there"),
            (
                r#"{"anyOf":[{"required":["a","c"]},{"required":["b"]}]}"#,
                r#"{"a":1}"#,
                ": anyOf: one of a with c, b has to be there",
            ),
            (
                r#"{"anyOf":[{"required":["a"],"properties":{"a":{"minimum":2}}},{"required":["b"]}]}"#,
                r#"{"a":1}"#,
                ": anyOf: one of 2 alternatives has to fit, 0 do",
            ),
            (
                r#"{"minProperties":1,"properties":{"a":{},"b":{}}}"#,
                "{}",
                ": minProperties: 1, and there are 0, of a, b",
            ),
            (r#"{"minProperties":1}"#, "{}", ": minProperties: 1, and there are 0"),
            (
                r#"{"oneOf":[{"type":"integer"},{"type":"number"}]}"#,
                "1",
                ": oneOf: exactly one of 2 alternatives has to fit, 2 do",
            ),
            (r#"{"not":{"type":"null"}}"#, "null", ": not: this is excluded"),
            (
                r##"{"$defs":{"n":{"type":"integer"}},"items":{"$ref":"#/$defs/n"}}"##,
                r#"[1,"x"]"#,
                " at /1: type: integer",
            ),
        ] {
            let said = format!("the settings break the module's schema{said}");
            assert_eq!(says(schema, settings), said, "{schema} {settings}");
        }
        assert_eq!(says("{}", "{"), "they are not JSON: line 1, column 1");
    }

    #[test]
    fn what_breaks_no_rule_is_taken() {
        for (schema, settings) in [
            ("{}", "null"),
            (r#"{"type":"integer"}"#, "1.0"),
            (r#"{"minimum":9007199254740993}"#, "9007199254740993"),
            (r#"{"additionalProperties":{"type":"string"},"minProperties":1}"#, r#"{"x":"y"}"#),
            (r#"{"format":"date","title":"x","default":7,"x-order":1}"#, r#""no date""#),
            (
                r##"{"definitions":{"t":{"properties":{"next":{"$ref":"#/definitions/t"}}}},"$ref":"#/definitions/t"}"##,
                r#"{"next":{"next":{}}}"#,
            ),
        ] {
            assert_eq!(says(schema, settings), "", "{schema} {settings}");
        }
    }

    #[test]
    fn what_is_outside_the_subset_is_named() {
        let deep = format!("{}{{}}{}", r#"{"not":"#.repeat(40), "}".repeat(40));
        let patterns = format!(r#"{{"anyOf":[{}]}}"#, vec![r#"{"pattern":"a"}"#; 33].join(","));
        for (schema, why) in [
            (r#"{"if":{}}"#, "if is not among"),
            (r#"{"$ref":"https://schemas.example/x"}"#, "no definition"),
            (r##"{"$ref":"#"}"##, "no definition"),
            (r#"{"pattern":"(?=x)"}"#, "the pattern (?=x)"),
            (r#"{"pattern":"(a{1000}){1000}"}"#, "too large"),
            (r#"{"type":"text"}"#, "type names no JSON type"),
            (r#"{"exclusiveMinimum":true}"#, "exclusiveMinimum is not a number"),
            (r#"{"items":[{}]}"#, "neither an object"),
            (r#"{"enum":[]}"#, "enum is not a list"),
            (&deep, "too deeply"),
            (&patterns, "more than 32 patterns"),
        ] {
            let said = understood(schema).expect_err(schema).to_string();
            assert!(said.contains(why), "{schema}: {said}");
        }
    }

    #[test]
    fn hostile_schemas_end_within_their_bound() {
        // Definitions that refer to themselves, and to each other twice at each step.
        let endless = r##"{"$defs":{"a":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}"##;
        let doubling: Vec<_> = (0..30)
            .map(|n| format!(r##""d{n}":{{"allOf":[{{"$ref":"#/$defs/d{0}"}},{{"$ref":"#/$defs/d{0}"}}]}}"##, n + 1))
            .collect();
        let doubling = format!(r##"{{"$defs":{{{},"d30":{{}}}},"$ref":"#/$defs/d0"}}"##, doubling.join(","));
        let elements = format!("[{}0]", "0,".repeat(7000));
        for (schema, settings) in [(endless, "{}"), (&doubling, "{}"), (r#"{"uniqueItems":true}"#, elements.as_str())] {
            assert_eq!(says(schema, settings), "checking them against the module's schema takes too long");
        }
        // A definition that gets to the next at nine depths, and to the first one again at each member.
        let nested = |inner: String| (0..9).fold(inner, |inner, _| format!(r#"{{"allOf":[{inner}]}}"#));
        let mut turns: Vec<_> =
            (0..30).map(|n| format!(r#""d{n}":{}"#, nested(format!(r##"{{"$ref":"#/$defs/d{}"}}"##, n + 1)))).collect();
        turns.push(r##""d30":{"properties":{"x":{"$ref":"#/$defs/d0"}}}"##.to_owned());
        let turns = format!(r##"{{"$defs":{{{}}},"$ref":"#/$defs/d0"}}"##, turns.join(","));
        let members = format!("{}0{}", r#"{"x":"#.repeat(115), "}".repeat(115));
        assert_eq!(says(&turns, &members), "checking them against the module's schema takes too long");
        // Backtracking would take longer than anybody waits.
        let long = format!("\"{}\"", "a".repeat(16_000));
        assert!(says(r#"{"pattern":"^(a+)+$|^(a|aa)+b$"}"#, &long).is_empty());
        assert!(says(r#"{"pattern":"^(a|aa)+b$"}"#, &long).contains("pattern"));
    }

    #[test]
    fn whatever_takes_time_is_counted() {
        // Each of them at 4096 places, once for each way there.
        let ways: Vec<_> = (0..12)
            .map(|n| format!(r##""d{n}":{{"anyOf":[{{"$ref":"#/$defs/d{0}"}},{{"$ref":"#/$defs/d{0}"}}]}}"##, n + 1))
            .collect();
        let long = "a".repeat(16_000);
        let text = format!("\"{long}\"");
        let named = format!(r#"{{"enum":["{}"]}}"#, "b".repeat(8000));
        let wanted = format!(r#"{{"required":["{}"]}}"#, "b".repeat(8000));
        for (costly, settings) in [
            (r#"{"pattern":"^(a|aa)+b$"}"#, text.as_str()),
            (r#"{"minLength":20000}"#, &text),
            (&named, "1"),
            (&wanted, "{}"),
            (r#"{"uniqueItems":true}"#, &format!(r#"[["{long}"],["{long}"]]"#)),
        ] {
            let schema = format!(r##"{{"$defs":{{{},"d12":{costly}}},"$ref":"#/$defs/d0"}}"##, ways.join(","));
            assert_eq!(says(&schema, settings), "checking them against the module's schema takes too long", "{costly}");
        }
    }

    proptest! {
        /// Whatever a module calls a schema, and whatever is checked against it, there is an answer.
        #[test]
        fn any_schema_is_read_or_refused(
            keyword in "(type|enum|const|properties|required|additionalProperties|items|minItems|uniqueItems|pattern\
                        |minimum|multipleOf|allOf|anyOf|oneOf|not|\\$ref|\\$defs|title|other)",
            value in "(true|null|-1|0|1e400|\"\"|\"object\"|\\[\\]|\\[\\{\\}\\]|\\{\\}|\\{\"a\":\\{\\}\\}|\"[a-z(]{0,6}\")",
            settings in "(true|0|1\\.5|\"a\"|\\[1,1\\]|\\{\"a\":\\{\\}\\}|nonsense)",
        ) {
            let schema = format!("{{\"{keyword}\":{value}}}");
            if let Ok(schema) = Schema::parse(&schema) {
                let said = schema.check(&settings).err().unwrap_or_default();
                prop_assert!(said.chars().count() <= limits::MAX_TEXT);
            }
        }
    }
}
