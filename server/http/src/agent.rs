//! The sort of program that a request says it comes from, in words of ours alone: what anybody may write into a header
//! decides nothing here and is not kept.

use std::fmt;

/// Longest header that is looked at, in bytes.
const LONGEST: usize = 1024;

/// Browsers by what their headers contain, those that pose as another one first.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

/// Systems, those first that name another one too.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// A browser, and the system that it says it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    browser: &'static str,
    system: Option<&'static str>,
}

impl Program {
    /// The one that a `User-Agent` header names; none for one that is not known.
    pub(crate) fn of(header: &str) -> Option<Self> {
        let named =
            |all: &[(&str, &'static str)]| all.iter().find(|(part, _)| header.contains(part)).map(|(_, name)| *name);
        if header.len() > LONGEST {
            return None;
        }
        Some(Self { browser: named(&BROWSERS)?, system: named(&SYSTEMS) })
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.system {
            Some(system) => write!(f, "{}, {system}", self.browser),
            None => f.write_str(self.browser),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_told_in_our_own_words() {
        let told = |header: &str| Program::of(header).map(|program| program.to_string());
        for (header, words) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge, Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1",
                "Safari, iOS",
            ),
            ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
            ("curl/8.0\u{202e}<script>", "curl"),
        ] {
            assert_eq!(told(header).as_deref(), Some(words), "{header}");
        }
        assert_eq!(told("").or(told("your bank")).or(told(&"Firefox/ ".repeat(200))), None);
    }
}
