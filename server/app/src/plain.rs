//! Text of others, as it may stand on a terminal: nothing in it moves the cursor, changes colours, turns the
//! direction of reading or hides. What is printed for machines goes through [`json`] alone.

use strongroom_domain::text::deceives;

/// Where letters begin that joiners and selectors change the look of, so that they are seen: Persian, Hindi, emoji.
const SHAPED: char = '\u{600}';

/// Each character, and whether it could deceive where it stands.
fn judged(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = '\0';
    text.chars().map(move |c| {
        let is_seen = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}') && before >= SHAPED;
        let hides = deceives(c) && !is_seen;
        before = if hides { '\0' } else { c };
        (c, hides)
    })
}

/// The text on one line, with each character that could deceive made visible as U+FFFD.
pub(crate) fn plain(text: &str) -> String {
    judged(text).map(|(c, hides)| if hides { '\u{fffd}' } else { c }).collect()
}

/// A document of JSON for programs that is harmless on a terminal too: what could deceive is escaped, which changes nothing
/// of what it says. Its lines stay: outside of strings, and so in no document of JSON, stands nothing else that acts.
pub(crate) fn json(document: &impl std::fmt::Display) -> String {
    let mut shown = String::new();
    for c in document.to_string().chars() {
        if deceives(c) && c != '\n' {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A value of several lines as it may stand on a terminal: none when it may stand there as it is.
pub(crate) fn plain_lines(text: &str) -> Option<String> {
    let acts = |(c, hides): (char, bool)| hides && !matches!(c, '\n' | '\t');
    judged(text).any(acts).then(|| judged(text).map(|one| if acts(one) { '\u{fffd}' } else { one.0 }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_seen() {
        assert_eq!(plain("a\u{1b}[2Jb\r\nc\u{7f}\u{9b}d"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}\u{fffd}d");
        assert_eq!(plain("user\u{202e}nimda\u{2066}x\u{200f}y\u{61c}"), "user\u{fffd}nimda\u{fffd}x\u{fffd}y\u{fffd}");
        assert_eq!(plain("pay\u{200b}ments\u{2028}\u{feff}"), "pay\u{fffd}ments\u{fffd}\u{fffd}");
        assert_eq!(plain("ada\u{200d}\u{200c}\u{fe0f}\u{3164}"), "ada\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_document_says_the_same_and_moves_nothing() {
        let document = serde_json::json!({ "tag\u{9b}2J": "user\u{202e}nimda\u{feff}\u{1b}[31m", "b": ["ż\n", 1] });
        let shown = json(&document);
        assert!(!shown.contains(deceives), "{shown}");
        assert!(shown.contains("\\u009b2J") && shown.contains("\\u202e"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), document);
        let laid_out = json(&format_args!("{document:#}"));
        assert!(laid_out.lines().count() > 3 && !laid_out.contains(|c| deceives(c) && c != '\n'), "{laid_out}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&laid_out).unwrap(), document);
    }

    /// Whatever a command prints for programs, it prints so.
    #[test]
    fn no_command_prints_a_document_as_it_came() {
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands")];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                for (place, _) in text.match_indices("Json =>").chain(text.match_indices("== Output::Json {")) {
                    let after = &text[place..];
                    let printed = after.split_inclusive(';').find(|statement| statement.contains("println!"));
                    if after.starts_with("Json => Look::Json") || path.ends_with("secret.rs") {
                        continue;
                    }
                    let printed = printed.unwrap_or_default();
                    let told = printed.is_empty() || printed.contains("json(") || printed.contains("eprintln!");
                    assert!(told, "{}: {printed}", path.display());
                    seen += 1;
                }
            }
        }
        assert!(seen > 30, "{seen}");
    }

    #[test]
    fn a_value_of_several_lines_stays_unless_something_in_it_acts() {
        assert_eq!(plain_lines("-----BEGIN KEY-----\n\tabc\nżółć\n"), None);
        assert_eq!(
            plain_lines("a\u{1b}]52;c;aGk=\u{7}\r\n\tb").as_deref(),
            Some("a\u{fffd}]52;c;aGk=\u{fffd}\u{fffd}\n\tb")
        );
        assert_eq!(plain_lines("{\"a\":\"\u{9b}2J\"}").as_deref(), Some("{\"a\":\"\u{fffd}2J\"}"));
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["", "payments", "zażółć gęślą jaźń", "ключ", "مفتاح", "鍵 🔑 \u{2764}\u{fe0f}", "نمی\u{200c}خواهم"]
        {
            assert_eq!(plain(text), text);
        }
    }
}
