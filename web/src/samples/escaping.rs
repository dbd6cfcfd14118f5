//! Templates write nothing where it would act: not between attributes, not as a script, a style or the beginning of an
//! address, and never past the escaper.

use std::{collections::BTreeSet, fs, mem, path::Path};

/// Where in mark-up one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Between tags.
    Text,
    /// In a tag, outside of values.
    Tag,
    /// In the value of this attribute, which begins so.
    Value { of: String, begun: String },
}

/// Reads mark-up, as far as tags and quoted values go.
pub(super) struct Reader {
    place: Place,
    /// The tag that is read, without its values.
    tag: String,
    /// Those that were read.
    pub(super) tags: Vec<String>,
}

impl Reader {
    pub(super) fn at(place: Place) -> Self {
        Self { place, tag: String::new(), tags: Vec::new() }
    }

    pub(super) fn read(&mut self, c: char, next: Option<char>) {
        match &mut self.place {
            Place::Text => {
                if c == '<' && next.is_some_and(|next| next.is_ascii_alphabetic() || "/!".contains(next)) {
                    self.place = Place::Tag;
                }
            }
            Place::Tag if c == '>' => {
                self.tags.push(mem::take(&mut self.tag));
                self.place = Place::Text;
            }
            Place::Tag if c == '"' => {
                let of = self.tag.trim_end_matches('=').rsplit(char::is_whitespace).next().unwrap_or_default();
                self.place = Place::Value { of: of.to_owned(), begun: String::new() };
            }
            Place::Tag => self.tag.push(c),
            Place::Value { .. } if c == '"' => self.place = Place::Tag,
            Place::Value { begun, .. } => begun.push(c),
        }
    }
}

/// Attributes that act by no value: texts, names and numbers. Those that begin with `data-` are no more.
const INERT: &[&str] = &[
    "accept",
    "aria-describedby",
    "aria-label",
    "aria-labelledby",
    "aria-sort",
    "class",
    "cx",
    "cy",
    "datetime",
    "for",
    "height",
    "id",
    "lang",
    "list",
    "max",
    "maxlength",
    "method",
    "min",
    "name",
    "placeholder",
    "r",
    "rows",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-width",
    "title",
    "transform",
    "value",
    "width",
    "x",
    "x1",
    "x2",
    "y",
    "y1",
    "y2",
];
/// Those that lead somewhere: to an address that was built for it as a whole, or within ours.
const LEADING: &[&str] = &["action", "data-hide-href", "href"];
/// Stands in the beginning of a value for what is written there.
const WRITTEN: char = '\0';

/// Whether this may be written there.
fn fits(place: &Place, written: &str) -> bool {
    match place {
        Place::Text => true,
        Place::Tag => false,
        Place::Value { of, begun } if LEADING.contains(&of.as_str()) => {
            begun.is_empty() || begun.starts_with(['/', '#', WRITTEN])
        }
        Place::Value { of, .. } if of == "src" => written.starts_with("crate::asset::"),
        Place::Value { of, .. } => of.starts_with("data-") || INERT.contains(&of.as_str()),
    }
}

/// What stands between the two, where the rest begins with the first.
fn enclosed<'a>(rest: &'a str, open: &str, close: &str) -> Option<&'a str> {
    rest.strip_prefix(open)?.split(close).next()
}

/// What a template that begins in this place writes where it must not, and the templates that it includes in tags.
fn faults(template: &str, begins: Place) -> (Vec<String>, BTreeSet<String>) {
    let (mut found, mut in_tags) = (Vec::new(), BTreeSet::new());
    let mut reader = Reader::at(begins);
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        let braces = [("{#", "#}"), ("{%", "%}"), ("{{", "}}")];
        let inner = braces.into_iter().find_map(|(open, close)| Some((open, enclosed(rest, open, close)?)));
        let Some((open, inner)) = inner else {
            rest = &rest[c.len_utf8()..];
            reader.read(c, rest.chars().next());
            continue;
        };
        rest = rest.get(inner.len() + 4..).unwrap_or_default();
        let inner = inner.trim_matches('-').trim();
        let plain: String = inner.split_whitespace().collect();
        if ["|safe", "|escape", "filtersafe", "filterescape"].iter().any(|past| plain.contains(past)) {
            found.push(format!("{inner}, past the escaper"));
        }
        match (open, inner.strip_prefix("include "), &mut reader.place) {
            ("{{", _, place) => {
                if !fits(place, inner) {
                    found.push(format!("{inner} in {place:?}"));
                }
                if let Place::Value { begun, .. } = place {
                    begun.push(WRITTEN);
                }
            }
            ("{%", Some(file), Place::Tag) => {
                in_tags.insert(file.trim().trim_matches('"').to_owned());
            }
            ("{%", Some(file), Place::Value { .. }) => found.push(format!("{file} in a value")),
            _ => {}
        }
    }
    (found, in_tags)
}

fn templates() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())
    };
    let templates: Vec<_> = files.map(read).collect();
    assert!(templates.len() > 30, "they are there");
    templates
}

#[test]
fn templates_write_only_where_it_does_not_act() {
    let templates = templates();
    let in_tags: BTreeSet<String> =
        templates.iter().flat_map(|(_, template)| faults(template, Place::Text).1).collect();
    for (name, template) in &templates {
        // Only these are escaped by askama.
        assert!(name.ends_with(".html"), "{name}");
        let begins = if in_tags.contains(name) { Place::Tag } else { Place::Text };
        let (found, _) = faults(template, begins);
        assert!(found.is_empty(), "{name}: {found:#?}");
        for raw in ["<style", "<script>", "<iframe", "<object", "<embed", "srcdoc"] {
            assert!(!template.contains(raw), "{name} has {raw}");
        }
    }
}

#[test]
fn a_place_where_it_would_act_is_found() {
    for bad in [
        "<p {{ x }}>",
        "<p class={{ x }}>",
        "<p class='{{ x }}'>",
        "<p onclick=\"{{ x }}\">",
        "<p style=\"{{ x }}\">",
        "<p class=\"a\" {% if y %}onclick=\"f('{{ x }}')\"{% endif %}>",
        "<a href=\"javascript:{{ x }}\">",
        "<a href=\"{% if y %}data:{{ x }}{% endif %}\">",
        "<script src=\"{{ x }}\">",
        "<b>{{ x | safe }}</b>",
        "{% filter safe %}{{ x }}{% endfilter %}",
    ] {
        assert!(!faults(bad, Place::Text).0.is_empty(), "{bad}");
    }
    for good in ["<p>{{ x }}</p>", "<a href=\"{{ x }}\">", "<a href=\"/at/{{ x }}\" title=\"{{ x }}\">{{ x }}</a>"] {
        assert_eq!(faults(good, Place::Text).0, Vec::<String>::new(), "{good}");
    }
}
