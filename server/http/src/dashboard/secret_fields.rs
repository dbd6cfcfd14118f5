//! The fields of a value that is a JSON object, so that a person need not see all of it to see one.
//!
//! What is taken out of a value here is a value itself: it is wiped when it is dropped. Names of fields are told only in
//! the answer to a read, and only plain words among them, because any other may be a value as well.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use strongroom_crypto::SecretText;
use zeroize::Zeroizing;

/// Most fields that are listed.
const MOST: usize = 100;
/// Longest name that is shown, in bytes.
const LONGEST_NAME: usize = 40;

/// What was looked for in a value.
pub(super) enum Found {
    /// The names of its fields.
    Names(Vec<String>),
    /// One field: a text as it reads, anything else as it is written.
    One(SecretText),
    /// It has no fields, or not this one.
    Nothing,
}

/// One field of a value, or the names of all.
pub(super) fn of(value: &SecretText, field: Option<&str>) -> Found {
    let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(value.expose()) else { return Found::Nothing };
    let Some(field) = field else {
        let names: Vec<String> = fields.into_keys().filter(|name| is_plain(name)).take(MOST).collect();
        return if names.is_empty() { Found::Nothing } else { Found::Names(names) };
    };
    match fields.get(field) {
        Some(raw) => {
            let text = serde_json::from_str::<String>(raw.get()).map(Zeroizing::new);
            Found::One(SecretText::new(text.map_or_else(|_| raw.get().to_owned(), |text| text.as_str().to_owned())))
        }
        None => Found::Nothing,
    }
}

/// Whether the name of a field is a plain word, and so no value.
pub(super) fn is_plain(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &str, field: &str) -> Option<String> {
        match of(&SecretText::new(value.to_owned()), Some(field)) {
            Found::One(text) => Some(text.expose().to_owned()),
            _ => None,
        }
    }

    #[test]
    fn a_field_is_taken_out_of_an_object_and_nothing_else() {
        let value = r#"{"host":"a\nb","port":5432,"more":{"x":1},"not plain":"s"}"#;
        assert_eq!(one(value, "host").as_deref(), Some("a\nb"));
        assert_eq!(one(value, "port").as_deref(), Some("5432"));
        assert_eq!(one(value, "more").as_deref(), Some(r#"{"x":1}"#));
        assert_eq!(one(value, "x"), None);
        for other in ["plain", "[1]", "\"text\"", "{", "{}"] {
            assert_eq!(one(other, "host"), None, "{other}");
            assert!(matches!(of(&SecretText::new(other.to_owned()), None), Found::Nothing), "{other}");
        }
        let Found::Names(names) = of(&SecretText::new(value.to_owned()), None) else { panic!("names") };
        assert_eq!(names, ["host", "more", "port"]);
    }
}
