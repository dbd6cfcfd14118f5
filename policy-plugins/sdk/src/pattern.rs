//! The one kind of pattern that Strongroom's policies use.

/// Whether `text` matches `pattern`, in which `*` stands for any text, the empty one included,
/// and every other character for itself. ASCII case is ignored, because vaults and their objects
/// ignore it; a rule against `prod-*` must not be dodged with `PROD-`.
///
/// Takes at most length of text times length of pattern steps.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    // Behind the last star: what remains of the pattern, and of the text at its next attempt.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', rest)), _) => {
                pattern = rest;
                retry = Some((rest, text));
            }
            (Some((wanted, pattern_rest)), Some((found, text_rest))) if wanted.eq_ignore_ascii_case(found) => {
                pattern = pattern_rest;
                text = text_rest;
            }
            (None, None) => return true,
            _ => {
                // Let the last star swallow one byte more.
                let Some((after_star, [_, shorter @ ..])) = retry else {
                    return false;
                };
                pattern = after_star;
                text = shorter;
                retry = Some((after_star, shorter));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "anything"),
            ("prod-*", "prod-db"),
            ("prod-*", "prod-"),
            ("PROD-*", "prod-db"),
            ("*-password", "db-password"),
            ("a*b*c", "aXbYbZc"),
            ("**a", "a"),
            ("*ab", "aab"),
            ("exact", "exact"),
        ] {
            assert!(matches(pattern, text), "{pattern} should match {text}");
        }
    }

    #[test]
    fn everything_else_stands_for_itself() {
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("prod-*", "preprod-db"),
            ("*-password", "db-password-old"),
            ("a*b*c", "aXbYbZ"),
            ("exact", "exactly"),
            ("a.c", "abc"),
            ("a?c", "abc"),
        ] {
            assert!(!matches(pattern, text), "{pattern} should not match {text}");
        }
    }

    #[test]
    fn many_stars_stay_cheap() {
        assert!(!matches(&"*a".repeat(100), &"a".repeat(99)));
        assert!(matches(&"*a".repeat(100), &"a".repeat(100)));
    }
}
