//! The content security policy that every page keeps.

/// The policy to send with every HTML answer: own scripts, styles, pictures and fonts only, no inline
/// script or style, no frame around us, no HTML made from strings by a script. The palette and the live tail
/// connect to this host alone.
///
/// Browsers hold redirects that follow a form against `form-action` as well: sign-in is a link for
/// that reason, and the answer to the sign-out form must not redirect to a provider.
#[must_use]
pub fn content_security_policy() -> &'static str {
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
     connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'; form-action 'self'"
}

/// The same for a page whose form's answer redirects to one other origin, which the caller has checked.
#[must_use]
pub fn content_security_policy_leading_to(origin: &str) -> String {
    format!("{} {origin}", content_security_policy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_starts_from_nothing_and_allows_nothing_inline() {
        let policy = content_security_policy();
        assert!(policy.starts_with("default-src 'none'; "));
        for weak in ["unsafe", "nonce", "*", "data:", "http:", "https:", "strict-dynamic", "\n", "  "] {
            assert!(!policy.contains(weak), "{weak}");
        }
    }
}
