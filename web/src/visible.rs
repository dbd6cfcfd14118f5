//! Text of others as pages show it: a character that nobody sees, or that turns the direction of reading, stands there
//! as its number, so that two names that differ never look alike. Not for fields and values, which stay as they are.

use unseen::is_unseen;

#[path = "../../server/domain/src/unseen.rs"]
mod unseen;

/// Whether a reader would be deceived by it. The same as names are held to, but for what lays a text out.
#[must_use]
pub fn deceives(c: char) -> bool {
    let lays_out = matches!(c, '\n' | '\t');
    (c.is_control() && !lays_out) || is_unseen(c)
}

/// The text with every such character as its number.
#[must_use]
pub fn visible<T: AsRef<str> + ?Sized>(text: &T) -> String {
    let mut shown = String::new();
    for c in text.as_ref().chars() {
        if deceives(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether it is a number, with its unit or without: one that is broken in two is another number.
#[must_use]
pub fn is_figure<T: AsRef<str> + ?Sized>(text: &T) -> bool {
    const LONGEST: usize = 12;
    let text = text.as_ref();
    text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().count() <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_deceives_is_seen() {
        assert_eq!(visible("ada\u{200b}"), r"ada\u{200b}");
        assert_eq!(visible("app\u{202e}xslx"), r"app\u{202e}xslx");
        assert_eq!(visible("ada\u{3164}\u{2800}\u{200d}"), r"ada\u{3164}\u{2800}\u{200d}");
        assert_eq!(visible("Zoë, 東京\nteam\tops"), "Zoë, 東京\nteam\tops");
    }
}
