//! Patterns of actions: what role definitions are made of (Azure role-based access control).
//!
//! `*` stands for any text, slashes included, wherever it is; everything else is compared by ASCII
//! case rules. What cannot be decided exactly is decided against the one who asks.

/// Longest pattern in bytes.
pub const MAX_PATTERN: usize = 128;

/// Whether the text is a pattern at all: letters, digits, `.`, `-`, `/` and `*`.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    (1..=MAX_PATTERN).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'/' | b'*'))
}

/// Whether the pattern matches the action. With a pattern in the action's place: whether it contains
/// everything that one stands for, because only a `*` matches a `*`.
#[must_use]
pub fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.as_bytes(), action.as_bytes());
    let (mut p, mut a) = (0, 0);
    // Where to go on when the text behind the last `*` does not fit after all.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(wanted) = action.get(a) {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, a));
                p += 1;
            }
            Some(here) if *wanted != b'*' && here.eq_ignore_ascii_case(wanted) => (p, a) = (p + 1, a + 1),
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (p, a) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}

/// Whether some action may match both patterns. Says yes when in doubt: two patterns are told apart by
/// what they begin and end with.
#[must_use]
pub fn may_overlap(one: &str, other: &str) -> bool {
    let (a, b) = (one.split('*').collect::<Vec<_>>(), other.split('*').collect::<Vec<_>>());
    if let ([literal], _) | (_, [literal]) = (a.as_slice(), b.as_slice()) {
        return covers(one, literal) && covers(other, literal);
    }
    let agree = |x: Option<&&str>, y: Option<&&str>, from_the_end: bool| {
        let (x, y) = (x.map_or("", |t| t).as_bytes(), y.map_or("", |t| t).as_bytes());
        let same = |(x, y): (&u8, &u8)| x.eq_ignore_ascii_case(y);
        if from_the_end { x.iter().rev().zip(y.iter().rev()).all(same) } else { x.iter().zip(y).all(same) }
    };
    agree(a.first(), b.first(), false) && agree(a.last(), b.last(), true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, as slow as it is plain.
    fn plainly(pattern: &[u8], action: &[u8]) -> bool {
        match (pattern.split_first(), action.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=action.len()).any(|n| plainly(rest, &action[n..])),
            (Some((p, ps)), Some((a, rest))) => *a != b'*' && p.eq_ignore_ascii_case(a) && plainly(ps, rest),
            _ => false,
        }
    }

    #[test]
    fn azures_own_patterns() {
        assert!(covers("Microsoft.KeyVault/vaults/secrets/*", "microsoft.keyvault/Vaults/secrets/getSecret/action"));
        assert!(covers("Microsoft.Authorization/*/read", "Microsoft.Authorization/roleAssignments/read"));
        assert!(!covers("Microsoft.Authorization/*/read", "Microsoft.Authorization/roleAssignments/write"));
        assert!(!covers("Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaults/read"));
        assert!(covers("*", "anything/at/all"));
        assert!(covers("a/*", "a/*"), "a pattern contains itself");
        assert!(!covers("a/b*", "a/*"), "and nothing wider");
    }

    proptest! {
        #[test]
        fn covers_is_what_it_is_defined_as(pattern in "[abA/*]{0,8}", action in "[abA/*]{0,10}") {
            prop_assert_eq!(covers(&pattern, &action), plainly(pattern.as_bytes(), action.as_bytes()));
        }

        #[test]
        fn a_pattern_that_covers_another_matches_whatever_that_matches(
            wide in "[ab/*]{0,6}", narrow in "[ab/*]{0,6}", action in "[ab/]{0,8}",
        ) {
            if covers(&wide, &narrow) && covers(&narrow, &action) {
                prop_assert!(covers(&wide, &action));
            }
        }

        #[test]
        fn patterns_that_share_an_action_may_overlap(one in "[ab*]{0,5}", other in "[ab*]{0,5}", action in "[ab]{0,6}") {
            if covers(&one, &action) && covers(&other, &action) {
                prop_assert!(may_overlap(&one, &other));
            }
        }
    }
}
