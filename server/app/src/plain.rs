//! Text of others, as it may stand on a terminal: nothing in it moves the cursor, changes colours, turns the
//! direction of reading or hides. Must never be used on what is printed for machines.

use strongroom_domain::text::deceives;

/// The text on one line, with each character that could deceive made visible as U+FFFD.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if deceives(c) { '\u{fffd}' } else { c }).collect()
}

/// A value of several lines as it may stand on a terminal: none when it may stand there as it is.
pub(crate) fn plain_lines(text: &str) -> Option<String> {
    let acts = |c: char| deceives(c) && !matches!(c, '\n' | '\t');
    text.contains(acts).then(|| text.chars().map(|c| if acts(c) { '\u{fffd}' } else { c }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_seen() {
        assert_eq!(plain("a\u{1b}[2Jb\r\nc\u{7f}\u{9b}d"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}\u{fffd}d");
        assert_eq!(plain("user\u{202e}nimda\u{2066}x\u{200f}y\u{61c}"), "user\u{fffd}nimda\u{fffd}x\u{fffd}y\u{fffd}");
        assert_eq!(plain("pay\u{200b}ments\u{2028}\u{feff}"), "pay\u{fffd}ments\u{fffd}\u{fffd}");
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
        for text in ["", "payments", "zażółć gęślą jaźń", "ключ", "مفتاح", "鍵 🔑", "نمی\u{200c}خواهم"]
        {
            assert_eq!(plain(text), text);
        }
    }
}
