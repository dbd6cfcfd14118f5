//! The words of the dashboard, by language (Fluent, <https://projectfluent.org>).
//!
//! A text stands in `web/messages/<language>/*.ftl` and is asked for by its name: `say!("vaults-new")`, or with what is
//! told in it, `say!("vaults-of", count = vaults.len())`. A language is a folder; adding one changes no code. Whose
//! language it is stands with the request ([`speaking`]), so no caller hands it on.
//!
//! What is not the dashboard's own is data and stays as it is: names, tags, the reasons of modules, the API's messages.
//! A message must never make HTML: it is text like any other and is escaped where it is shown.

mod pseudo;

use std::{
    borrow::Cow,
    sync::{LazyLock, OnceLock},
};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::LanguageIdentifier;

include!(concat!(env!("OUT_DIR"), "/catalogues.rs"));

/// What a reader asks for to see which words come from a catalogue: English with marks and accents, and longer by
/// about 40 %, as translations are.
pub const PSEUDO: &str = "en-XA";

/// What is asked for at most, in bytes of the header.
const LONGEST_HEADER: usize = 1000;

static BUNDLES: LazyLock<Vec<Spoken>> = LazyLock::new(|| {
    let catalogues = CATALOGUES.iter().map(|(tag, text)| Spoken::new(tag, text, false));
    catalogues.chain([Spoken::new(PSEUDO, english(), true)]).collect()
});

tokio::task_local! {
    static LANGUAGE: Language;
}

/// A language that the dashboard speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language(usize);

impl Language {
    /// What everything is written in first, and what stands where a catalogue lacks a message.
    pub const ENGLISH: Self = Self(ENGLISH_AT);

    /// The best for an `Accept-Language` header (RFC 9110, 12.5.4); English where nothing fits.
    #[must_use]
    pub fn of_header(header: Option<&str>) -> Self {
        let Some(header) = header.filter(|header| header.len() <= LONGEST_HEADER) else { return Self::ENGLISH };
        let asked = fluent_langneg::accepted_languages::parse(header);
        let known: Vec<&LanguageIdentifier> = BUNDLES.iter().map(|spoken| &spoken.language).collect();
        // The pseudo-language is English for everybody who does not ask for it by its name.
        let exact = asked.first().and_then(|first| known.iter().position(|language| *language == first));
        let best = || {
            let real = known.get(..CATALOGUES.len()).unwrap_or_default();
            let found = negotiate_languages(&asked, real, None, NegotiationStrategy::Lookup);
            found.first().and_then(|best| known.iter().position(|language| language == *best))
        };
        exact.or_else(best).map_or(Self::ENGLISH, Self)
    }

    /// Those that there is a catalogue of.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CATALOGUES.len()).map(Self)
    }

    /// The one of this tag, if there is a catalogue of it.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        CATALOGUES.iter().position(|(known, _)| *known == tag).map(Self)
    }

    /// The one of the request that is answered.
    #[must_use]
    pub fn current() -> Self {
        LANGUAGE.try_with(|language| *language).unwrap_or(Self::ENGLISH)
    }

    /// As `lang` of HTML has it.
    #[must_use]
    pub fn tag(self) -> &'static str {
        CATALOGUES.get(self.0).map_or(PSEUDO, |(tag, _)| tag)
    }
}

/// Answers a request in a language.
pub async fn speaking<F: Future>(language: Language, answer: F) -> F::Output {
    LANGUAGE.scope(language, answer).await
}

/// Makes a page in a language.
pub fn within<T>(language: Language, make: impl FnOnce() -> T) -> T {
    LANGUAGE.sync_scope(language, make)
}

/// The heading of a column: its name in code, which also stands in addresses, in the reader's language.
#[must_use]
pub fn column(name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    let slug: String = name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    in_language(Language::current(), &format!("column-{slug}"), None).unwrap_or_else(|| name.to_owned())
}

/// Where a message without variables is asked for; its text is looked up once for each language.
pub struct Site {
    name: &'static str,
    texts: [OnceLock<&'static str>; LANGUAGES],
}

impl Site {
    /// Made by [`crate::say`].
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, texts: [const { OnceLock::new() }; LANGUAGES] }
    }

    /// The text in the reader's language. It is kept for good: there are as many as sites and languages.
    #[must_use]
    pub fn text(&self) -> &'static str {
        let language = Language::current();
        match self.texts.get(language.0) {
            Some(text) => text.get_or_init(|| Box::leak(lookup(language, self.name, None).into_boxed_str())),
            None => self.name,
        }
    }
}

/// A message with variables. A whole number is told as a number, so that a message can choose by it.
#[must_use]
pub fn told(name: &str, variables: &[(&'static str, String)]) -> String {
    let mut arguments = FluentArgs::with_capacity(variables.len());
    for (variable, value) in variables {
        let value = match value.parse::<u32>() {
            Ok(number) if number.to_string() == *value => FluentValue::from(number),
            _ => FluentValue::String(Cow::Owned(value.clone())),
        };
        arguments.set(*variable, value);
    }
    lookup(Language::current(), name, Some(&arguments))
}

/// The text, in English where the language lacks it. A name without any message stands for itself, which a test forbids.
fn lookup(language: Language, name: &str, arguments: Option<&FluentArgs<'_>>) -> String {
    in_language(language, name, arguments)
        .or_else(|| in_language(Language::ENGLISH, name, arguments))
        .unwrap_or_else(|| name.to_owned())
}

fn in_language(language: Language, name: &str, arguments: Option<&FluentArgs<'_>>) -> Option<String> {
    let bundle = &BUNDLES.get(language.0)?.bundle;
    let pattern = bundle.get_message(name)?.value()?;
    // What is wrong in a pattern is shown in braces; the tests read every one.
    Some(bundle.format_pattern(pattern, arguments, &mut Vec::new()).into_owned())
}

fn english() -> &'static str {
    CATALOGUES.get(ENGLISH_AT).map_or("", |(_, text)| text)
}

struct Spoken {
    language: LanguageIdentifier,
    bundle: FluentBundle<FluentResource>,
}

impl Spoken {
    /// What cannot be read in a catalogue is left out: the tests read every one whole.
    fn new(tag: &str, text: &str, pseudo: bool) -> Self {
        let language: LanguageIdentifier = tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![language.clone()]);
        // Names stand in <bdi> or alone; marks of direction would be copied along with them.
        bundle.set_use_isolating(false);
        if pseudo {
            bundle.set_transform(Some(pseudo::transform));
        }
        let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(readable, _)| readable);
        bundle.add_resource_overriding(resource);
        Self { language, bundle }
    }
}

/// A text of the dashboard in the reader's language: `say!("name")` is a `&'static str`,
/// `say!("name", count = 3, vault = name)` a `String`. The name stands in `web/messages/en`.
#[macro_export]
macro_rules! say {
    ($name:literal) => {{
        static SITE: $crate::messages::Site = $crate::messages::Site::new($name);
        SITE.text()
    }};
    ($name:literal, $($variable:ident = $value:expr),+ $(,)?) => {
        $crate::messages::told($name, &[$((stringify!($variable), $value.to_string())),+])
    };
}

#[cfg(test)]
mod tests;
