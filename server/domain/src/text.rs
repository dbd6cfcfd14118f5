//! Which characters of a text deceive whoever reads it: what names may not have, and what is made visible where
//! text of others is shown. Must not be asked about secret values.

use crate::unseen::is_unseen;

/// Whether it is a control character, turns the direction of reading, separates lines, has no width, or looks like a blank.
#[must_use]
pub fn deceives(c: char) -> bool {
    c.is_control() || is_unseen(c)
}

/// Whether it deceives in a name, or is a blank that is told from a space by nobody.
#[must_use]
pub fn deceives_in_names(c: char) -> bool {
    deceives(c) || (c.is_whitespace() && c != ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_nothing_deceives_and_what_people_write_does_not() {
        for c in "\u{ad}\u{34f}\u{115f}\u{1160}\u{17b4}\u{180b}\u{200b}\u{200c}\u{200d}\u{202e}\u{2062}\u{2800}".chars()
        {
            assert!(deceives(c), "{c:?}");
        }
        for c in "\u{3164}\u{fe00}\u{fe0f}\u{feff}\u{ffa0}\u{fffa}\u{1d159}\u{1d173}\u{e0001}\u{e01ef}\u{7}".chars() {
            assert!(deceives(c), "{c:?}");
        }
        for c in "aZ9 -_.@/żéе\u{301}ключمفتاح鍵🔑क्षि\u{3000}\u{a0}\u{fffd}".chars() {
            assert!(!deceives(c), "{c:?}");
        }
        for c in ['\u{a0}', '\u{2003}', '\u{202f}', '\u{3000}', '\t', '\u{3164}'] {
            assert!(deceives_in_names(c), "{c:?}");
        }
        assert!("Zoë 東京 क्षि".chars().all(|c| !deceives_in_names(c)));
    }
}
