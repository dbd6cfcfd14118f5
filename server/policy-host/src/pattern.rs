//! The pattern by which a module says which actions it wants to see. The SDK has the same one.

/// Whether `text` matches `pattern`, in which `*` stands for any text and every other character
/// for itself, ASCII case aside. Takes at most length times length steps.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
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

    const GET: &str = "Microsoft.KeyVault/vaults/secrets/getSecret/action";

    #[test]
    fn stars_stand_for_any_text() {
        for pattern in ["*", GET, "microsoft.keyvault/vaults/secrets/*", "*/getSecret/*", "*/action"] {
            assert!(matches(pattern, GET), "{pattern}");
        }
        for pattern in ["", "*/setSecret/*", "Microsoft.KeyVault/vaults/secrets/getSecret", "*/actio"] {
            assert!(!matches(pattern, GET), "{pattern}");
        }
    }
}
