//! That every message is there, is asked for, and is told what it tells of.

mod sources;

use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::{FluentResource, concurrent::FluentBundle};
use sources::{Literal, Source};

use super::{CATALOGUES, Language, PSEUDO, column, english, within};

/// Messages of a catalogue by name, each with the variables that it tells.
fn messages(catalogue: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut name = "";
    for line in catalogue.lines().filter(|line| !line.starts_with('#')) {
        let text = match line.split_once(" =") {
            Some((begun, text)) if !line.starts_with(' ') => {
                name = begun;
                text
            }
            _ => line,
        };
        let variables = text.split('$').skip(1).map(|rest| {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            &rest[..end]
        });
        if !name.is_empty() {
            found.entry(name).or_default().extend(variables);
        }
    }
    found
}

#[test]
fn every_catalogue_is_read_whole_and_says_nothing_twice() {
    for (language, text) in &CATALOGUES {
        let resource = FluentResource::try_new((*text).to_owned()).map_err(|(_, errors)| errors).expect(language);
        let mut bundle = FluentBundle::new_concurrent(vec![language.parse().expect("a tag")]);
        assert_eq!(bundle.add_resource(resource), Ok(()), "{language}");
    }
}

#[test]
fn no_language_tells_what_is_not_known_or_names_what_is_not_asked_for() {
    let english = messages(english());
    for (language, text) in &CATALOGUES {
        for (name, variables) in messages(text) {
            let known = english.get(name).unwrap_or_else(|| panic!("{language}: {name} is not in English"));
            assert!(variables.is_subset(known), "{language}: {name} tells {variables:?} of {known:?}");
        }
    }
}

#[test]
fn every_message_is_asked_for_with_what_it_tells() {
    let catalogue = messages(english());
    let mut asked = BTreeSet::new();
    for source in sources::all() {
        for (name, variables) in source.asked() {
            let told = catalogue.get(name.as_str()).unwrap_or_else(|| panic!("{}: there is no {name}", source.path));
            let variables: BTreeSet<&str> = variables.iter().map(String::as_str).collect();
            assert_eq!(&variables, told, "{}: {name}", source.path);
            asked.insert(name);
        }
    }
    let idle: Vec<_> =
        catalogue.keys().filter(|name| !asked.contains(**name) && !name.starts_with("column-")).collect();
    assert!(idle.is_empty(), "messages that nobody asks for: {idle:?}");
}

/// What is no text of the dashboard: of the wire, and the names that things have in code.
fn is_no_text(literal: &Literal) -> bool {
    literal.of == "json" || literal.text.contains("; Secure") || !column(&literal.text).is_empty() && is_column(literal)
}

fn is_column(literal: &Literal) -> bool {
    within(Language::of_header(Some(PSEUDO)), || column(&literal.text)) != literal.text
}

#[test]
fn no_sentence_stands_in_code() {
    let mut found = Vec::new();
    for source in sources::all().into_iter().filter(Source::is_code) {
        for literal in source.literals() {
            let mut letters = literal.text.chars();
            let begins =
                letters.next().is_some_and(char::is_uppercase) && letters.next().is_some_and(char::is_lowercase);
            if begins && literal.text.contains(' ') && !literal.in_say && !is_no_text(&literal) {
                found.push(format!("{}: {}", source.path, literal.text));
            }
        }
    }
    assert!(found.is_empty(), "texts that stand in code: {found:#?}");
}

/// A message is another text in another language: nothing is concluded from one, and none goes on record.
#[test]
fn no_message_is_data() {
    let takes = ["contains(", "starts_with(", "ends_with(", "strip_prefix(", "strip_suffix(", "find(", "==", "!="];
    let records = ["state_reason(", "detail(", "Record::of("];
    let mut found = Vec::new();
    for source in sources::all().into_iter().filter(Source::is_code) {
        let program = source.program();
        for (at, _) in program.match_indices("say!(") {
            let before = program[..at].trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '&' | '*'));
            if takes.iter().chain(&records).any(|taker| before.ends_with(taker)) {
                found.push(format!("{}: {}", source.path, program[at..].lines().next().unwrap_or_default()));
            }
        }
    }
    assert!(found.is_empty(), "messages that are taken for data: {found:#?}");
}

#[test]
fn the_best_language_is_spoken() {
    assert_eq!(Language::of_header(None), Language::ENGLISH);
    for header in ["", "de-CH, fr;q=0.5", "en-GB", "en;q=0.1, *;q=0.5", "\u{fffd};;;q=,", "en-US,en-XA;q=0.9"] {
        assert_eq!(Language::of_header(Some(header)), Language::ENGLISH, "{header}");
    }
    assert_eq!(Language::of_header(Some(&"en-XA,".repeat(1000))), Language::ENGLISH);
    assert_eq!(Language::of_header(Some("en-XA,en;q=0.9")).tag(), PSEUDO);
    assert_eq!(Language::ENGLISH.tag(), "en");
}

#[test]
fn what_comes_from_a_catalogue_can_be_seen_and_data_stays_as_it_is() {
    let pseudo = Language::of_header(Some(PSEUDO));
    assert_eq!(within(pseudo, || crate::say!("html-macros-copy")), "⟦Cópy⟧");
    let told = within(pseudo, || crate::say!("page-secrets-count-in-vault", count = 25, vault = "payments-prod"));
    assert!(told.contains("25") && told.contains("payments-prod") && told.contains('⟦'), "{told}");
    assert_eq!(within(pseudo, || column("Name")), "⟦Námé⟧");
    assert_eq!(column("Name"), "Name");
    assert_eq!(crate::say!("html-macros-copy"), "Copy");
}

#[tokio::test]
async fn a_language_stands_with_its_request() {
    let of = |language| super::speaking(language, async { crate::say!("html-macros-copy") });
    let pseudo = Language::of_header(Some(PSEUDO));
    assert_eq!((of(pseudo).await, of(Language::ENGLISH).await), ("⟦Cópy⟧", "Copy"));
}
