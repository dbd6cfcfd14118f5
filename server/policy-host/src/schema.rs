//! JSON Schemas of settings: a subset that is understood as a whole, so that nothing a schema demands goes
//! unchecked without anybody noticing.
//!
//! Schemas come from modules, so they are as hostile as modules are: size, depth, steps and patterns are bounded,
//! nothing is fetched, and a pattern takes linear time. What is outside the subset is named. Must never panic, nor
//! say more about settings than to whoever wrote them.

mod check;

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Number, Value};
use strongroom_domain::text::deceives;

use crate::{answer, limits};

/// Deepest nesting of a schema.
const MAX_DEPTH: usize = 24;
/// Most patterns of a schema.
const MAX_PATTERNS: usize = 32;
/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 256;
/// Largest compiled pattern, in bytes.
const MAX_COMPILED: usize = 128 * 1024;

/// Keywords that demand nothing.
const ANNOTATIONS: [&str; 13] = [
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "format",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
];

/// A schema of settings.
#[derive(Debug)]
pub(crate) struct Schema {
    root: Node,
    definitions: BTreeMap<String, Node>,
}

/// One schema of it; `true` is one that demands nothing.
#[derive(Debug, Default)]
struct Node {
    /// `false`: nothing satisfies it.
    never: bool,
    kinds: Option<BTreeSet<Kind>>,
    /// `enum`, and `const` as the only value.
    values: Option<Vec<Value>>,
    properties: BTreeMap<String, Node>,
    required: Vec<String>,
    others: Option<Box<Node>>,
    members: Span,
    items: Option<Box<Node>>,
    elements: Span,
    unique: bool,
    length: Span,
    pattern: Option<Regex>,
    minimum: Option<Number>,
    maximum: Option<Number>,
    above: Option<Number>,
    below: Option<Number>,
    multiple: Option<u64>,
    all: Vec<Node>,
    any: Option<Vec<Node>>,
    one: Option<Vec<Node>>,
    not: Option<Box<Node>>,
    /// Name of a definition.
    refers: Option<String>,
}

/// From how many to how many.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    least: Option<u64>,
    most: Option<u64>,
}

/// What a JSON value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "string" => Self::String,
            "array" => Self::Array,
            "object" => Self::Object,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// Why a schema is not one that settings can be checked against: what is outside the subset, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotUnderstood(String);

/// Whether settings can be checked against a schema: JSON Schema 2020-12 with the keywords that
/// `policy-plugins/README.md` lists.
///
/// # Errors
/// [`NotUnderstood`].
pub fn understood(schema: &str) -> Result<(), NotUnderstood> {
    Schema::parse(schema)?;
    // Its texts are shown to who fills in the settings. Written again, they hide nothing behind escapes.
    let texts = serde_json::from_str::<Value>(schema).map_err(|_| not("it is not JSON"))?.to_string();
    if texts.contains(deceives) { Err(not("a text in it has characters that nobody sees")) } else { Ok(()) }
}

fn not(why: impl std::fmt::Display) -> NotUnderstood {
    NotUnderstood(answer::cut(&why.to_string(), limits::MAX_TEXT))
}

impl Schema {
    /// Reads a schema.
    pub(crate) fn parse(text: &str) -> Result<Self, NotUnderstood> {
        if text.len() > limits::MAX_SCHEMA_BYTES {
            return Err(not("it is too long"));
        }
        let value: Value = serde_json::from_str(text).map_err(|_| not("it is not JSON"))?;
        let mut reader = Reader::default();
        let mut definitions = BTreeMap::new();
        for key in ["$defs", "definitions"] {
            let Some(found) = value.get(key) else { continue };
            for (name, schema) in object(key, found)? {
                definitions.insert(format!("#/{key}/{name}"), reader.node(schema, 1)?);
            }
        }
        let root = reader.node(&value, 0)?;
        match reader.referred.iter().find(|name| !definitions.contains_key(*name)) {
            Some(name) => Err(not(format!("$ref {name} is no definition in $defs or definitions of the same schema"))),
            None => Ok(Self { root, definitions }),
        }
    }
}

fn object<'a>(keyword: &str, value: &'a Value) -> Result<&'a Map<String, Value>, NotUnderstood> {
    value.as_object().ok_or_else(|| not(format!("{keyword} is not an object")))
}

fn count(keyword: &str, value: &Value) -> Result<Option<u64>, NotUnderstood> {
    value.as_u64().map(Some).ok_or_else(|| not(format!("{keyword} is not a whole number")))
}

fn number(keyword: &str, value: &Value) -> Result<Option<Number>, NotUnderstood> {
    value.as_number().cloned().map(Some).ok_or_else(|| not(format!("{keyword} is not a number")))
}

/// Reads schemas within schemas.
#[derive(Default)]
struct Reader {
    patterns: usize,
    referred: BTreeSet<String>,
}

impl Reader {
    fn node(&mut self, value: &Value, depth: usize) -> Result<Node, NotUnderstood> {
        if depth > MAX_DEPTH {
            return Err(not("it is nested too deeply"));
        }
        let keywords = match value {
            Value::Bool(always) => return Ok(Node { never: !always, ..Node::default() }),
            Value::Object(keywords) => keywords,
            _ => return Err(not("a schema in it is neither an object nor true or false")),
        };
        let mut node = Node::default();
        for (keyword, value) in keywords {
            match keyword.as_str() {
                "type" => node.kinds = Some(kinds(value)?),
                "enum" => node.values = Some(list(keyword, value)?.to_vec()),
                "const" => node.all.push(Node { values: Some(vec![value.clone()]), ..Node::default() }),
                "properties" => {
                    for (name, schema) in object(keyword, value)? {
                        node.properties.insert(name.clone(), self.node(schema, depth + 1)?);
                    }
                }
                "required" => {
                    for name in list(keyword, value)? {
                        let name = name.as_str().ok_or_else(|| not("required is not a list of names"))?;
                        node.required.push(name.to_owned());
                    }
                }
                "additionalProperties" => node.others = self.boxed(value, depth)?,
                "minProperties" => node.members.least = count(keyword, value)?,
                "maxProperties" => node.members.most = count(keyword, value)?,
                "items" => node.items = self.boxed(value, depth)?,
                "minItems" => node.elements.least = count(keyword, value)?,
                "maxItems" => node.elements.most = count(keyword, value)?,
                "uniqueItems" => {
                    node.unique = value.as_bool().ok_or_else(|| not("uniqueItems is neither true nor false"))?;
                }
                "minLength" => node.length.least = count(keyword, value)?,
                "maxLength" => node.length.most = count(keyword, value)?,
                "pattern" => node.pattern = Some(self.pattern(value)?),
                "minimum" => node.minimum = number(keyword, value)?,
                "maximum" => node.maximum = number(keyword, value)?,
                "exclusiveMinimum" => node.above = number(keyword, value)?,
                "exclusiveMaximum" => node.below = number(keyword, value)?,
                "multipleOf" => {
                    let multiple = count(keyword, value)?.filter(|multiple| *multiple > 0);
                    node.multiple = Some(multiple.ok_or_else(|| not("multipleOf is 0"))?);
                }
                "allOf" => node.all.extend(self.nodes(keyword, value, depth)?),
                "anyOf" => node.any = Some(self.nodes(keyword, value, depth)?),
                "oneOf" => node.one = Some(self.nodes(keyword, value, depth)?),
                "not" => node.not = self.boxed(value, depth)?,
                "$ref" => {
                    let name = value.as_str().ok_or_else(|| not("$ref is not a text"))?;
                    self.referred.insert(name.to_owned());
                    node.refers = Some(name.to_owned());
                }
                "$defs" | "definitions" if depth == 0 => {}
                annotation if ANNOTATIONS.contains(&annotation) || annotation.starts_with("x-") => {}
                other => return Err(not(format!("{other} is not among the keywords that this server checks"))),
            }
        }
        Ok(node)
    }

    fn boxed(&mut self, value: &Value, depth: usize) -> Result<Option<Box<Node>>, NotUnderstood> {
        Ok(Some(Box::new(self.node(value, depth + 1)?)))
    }

    fn nodes(&mut self, keyword: &str, value: &Value, depth: usize) -> Result<Vec<Node>, NotUnderstood> {
        list(keyword, value)?.iter().map(|schema| self.node(schema, depth + 1)).collect()
    }

    fn pattern(&mut self, value: &Value) -> Result<Regex, NotUnderstood> {
        let pattern = value.as_str().filter(|pattern| pattern.len() <= MAX_PATTERN);
        let pattern = pattern.ok_or_else(|| not(format!("a pattern is a text of at most {MAX_PATTERN} bytes")))?;
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            return Err(not(format!("it has more than {MAX_PATTERNS} patterns")));
        }
        let built = RegexBuilder::new(pattern).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).build();
        built.map_err(|_| not(format!("the pattern {pattern} is none of Rust's crate regex, or too large")))
    }
}

fn list<'a>(keyword: &str, value: &'a Value) -> Result<&'a [Value], NotUnderstood> {
    match value.as_array() {
        Some(list) if !list.is_empty() || keyword == "required" => Ok(list),
        _ => Err(not(format!("{keyword} is not a list with something in it"))),
    }
}

fn kinds(value: &Value) -> Result<BTreeSet<Kind>, NotUnderstood> {
    let words = match value {
        Value::Array(words) => words.as_slice(),
        word => std::slice::from_ref(word),
    };
    let kind = |word: &Value| word.as_str().and_then(Kind::parse).ok_or_else(|| not("type names no JSON type"));
    words.iter().map(kind).collect()
}
