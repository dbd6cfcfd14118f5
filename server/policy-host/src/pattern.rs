//! The pattern by which a module says which actions and objects it wants to see. The SDK's means the same.
//!
//! A module's patterns are as hostile as the module, and no fuel is burnt for them: so a match takes time in proportion
//! to the text, whatever the pattern is.

/// Whether `text` matches `pattern`, in which `*` stands for any text and every other character
/// for itself, ASCII case aside. Takes at most four comparisons of bytes for each byte of the text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    walk(pattern.as_bytes(), text.as_bytes(), &mut || {})
}

/// The match, which tells of each comparison.
fn walk(pattern: &[u8], text: &[u8], step: &mut impl FnMut()) -> bool {
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let first = pieces.next().unwrap_or_default();
    let Some(last) = pieces.next_back() else {
        return first.len() == text.len() && same(first, text, step);
    };
    let Some((beginning, text)) = text.split_at_checked(first.len()) else { return false };
    let end = text.len().checked_sub(last.len()).and_then(|length| text.split_at_checked(length));
    let Some((mut between, end)) = end else { return false };
    if !same(first, beginning, step) || !same(last, end, step) {
        return false;
    }
    let mut borders = Vec::new();
    pieces.all(|piece| match behind(piece, between, &mut borders, step) {
        Some(rest) => {
            between = rest;
            true
        }
        None => false,
    })
}

fn same(one: &[u8], other: &[u8], step: &mut impl FnMut()) -> bool {
    one.iter().zip(other).all(|(one, other)| {
        step();
        one.eq_ignore_ascii_case(other)
    })
}

/// What of a text stands behind the first place where a piece stands in it: by Knuth, Morris and Pratt, who never go
/// back in the text.
fn behind<'t>(piece: &[u8], text: &'t [u8], borders: &mut Vec<usize>, step: &mut impl FnMut()) -> Option<&'t [u8]> {
    if piece.is_empty() {
        return Some(text);
    }
    // One that does not fit is not even prepared: a pattern is longer than names are.
    if piece.len() > text.len() {
        return None;
    }
    // Of each beginning of the piece: how long the longest shorter beginning is with which it ends.
    borders.clear();
    let mut length = 0;
    for byte in piece.iter().skip(1) {
        borders.push(length);
        length = grown(piece, borders, length, *byte, step);
    }
    let mut found = 0;
    for (at, byte) in text.iter().enumerate() {
        found = grown(piece, borders, found, *byte, step);
        if found == piece.len() {
            return text.get(at.saturating_add(1)..);
        }
    }
    None
}

/// How much of a piece has been found once one more byte is read.
fn grown(piece: &[u8], borders: &[usize], mut found: usize, byte: u8, step: &mut impl FnMut()) -> usize {
    loop {
        step();
        if piece.get(found).is_some_and(|next| next.eq_ignore_ascii_case(&byte)) {
            return found.saturating_add(1);
        }
        match found.checked_sub(1).and_then(|last| borders.get(last)) {
            Some(shorter) => found = *shorter,
            None => return 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{matches, walk};
    use crate::limits;

    const STEPS_PER_BYTE: usize = 4;
    const GET: &str = "Microsoft.KeyVault/vaults/secrets/getSecret/action";

    #[test]
    fn stars_stand_for_any_text() {
        for pattern in ["*", GET, "microsoft.keyvault/vaults/secrets/*", "*/getSecret/*", "*/action", "**/*get*ret/**"]
        {
            assert!(matches(pattern, GET), "{pattern}");
        }
        for pattern in ["", "*/setSecret/*", "Microsoft.KeyVault/vaults/secrets/getSecret", "*/actio", "*action*action"]
        {
            assert!(!matches(pattern, GET), "{pattern}");
        }
    }

    fn steps(pattern: &str, text: &str) -> usize {
        let mut steps = 0_usize;
        walk(pattern.as_bytes(), text.as_bytes(), &mut || steps += 1);
        steps
    }

    #[test]
    fn the_worst_patterns_of_a_page_cost_less_than_the_modules_might() {
        let name = format!("certificate/{}", "a".repeat(127));
        let worst = [
            format!("*{}b*", "a".repeat(60)),
            format!("*{}b", "a".repeat(138)),
            format!("*{}b*", "a".repeat(limits::MAX_ACTION - 3)),
            format!("{}b", "*a".repeat(120)),
            format!("*{}*", "aab".repeat(20)),
            format!("*{}b*", "a*".repeat(120)),
        ];
        let most = worst.iter().map(|pattern| steps(pattern, &name)).max().unwrap_or_default();
        assert!(most <= STEPS_PER_BYTE * name.len(), "{most}");
        // Sixteen modules, their actions and objects, a page of 25.
        let page = 16 * 2 * limits::MAX_ACTIONS * 25 * most;
        assert!(u64::try_from(page).unwrap() < 16 * limits::FUEL, "{page}");
    }

    /// What it means, without a thought for time.
    fn plainly(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|from| plainly(rest, &text[from..])),
            Some((wanted, rest)) => text
                .split_first()
                .is_some_and(|(found, text)| wanted.eq_ignore_ascii_case(found) && plainly(rest, text)),
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_the_definition_finds_in_time(pattern in "[abA*]{0,8}", text in "[abB]{0,14}") {
            prop_assert_eq!(matches(&pattern, &text), plainly(pattern.as_bytes(), text.as_bytes()));
            prop_assert!(steps(&pattern, &text) <= STEPS_PER_BYTE * text.len());
        }
    }
}
