//! The idle end of dashboard sessions. When a session was last used is told by its own cookie, under a tag that
//! only this installation can make: every node knows it, and no request has to write. A cookie that was copied
//! long ago opens nothing, and none outlives the absolute end of its session.

use strongroom_crypto::SecretText;
use subtle::ConstantTimeEq as _;

use super::Entrance;

/// How long a session lasts that nobody uses, in seconds: an hour (NIST SP 800-63B-4 section 2.2.3).
pub const IDLE_SECONDS: i64 = 3600;
/// After how long in use a cookie is made anew, in seconds.
const RENEWED_AFTER: i64 = 60;
/// Longest cookie that is looked at, in bytes.
const MAX_COOKIE: usize = 128;

/// A cookie's value taken apart: secret, when it was last used, tag.
fn parts(cookie: &str) -> Option<(&str, i64, &str)> {
    let mut parts = Some(cookie).filter(|text| text.len() <= MAX_COOKIE)?.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(secret), Some(used), Some(tag), None) => Some((secret, used.parse().ok()?, tag)),
        _ => None,
    }
}

impl Entrance {
    fn tag_of(&self, secret: &str, used: i64) -> String {
        let id_hash = strongroom_crypto::sha256(secret.as_bytes());
        data_encoding::BASE64URL_NOPAD.encode(&self.keyring.session_used(&id_hash, used))
    }

    /// The cookie of a session that is used at this moment (Unix seconds).
    pub(super) fn shown_at(&self, secret: &SecretText, now: i64) -> SecretText {
        let secret = secret.expose();
        SecretText::new(format!("{secret}.{now}.{}", self.tag_of(secret, now)))
    }

    /// The secret of a cookie of ours that was in use within the last hour.
    pub(super) fn in_use<'a>(&self, cookie: &'a str, now_millis: i64) -> Option<&'a str> {
        let (secret, used, tag) = parts(cookie)?;
        let authentic: bool = self.tag_of(secret, used).as_bytes().ct_eq(tag.as_bytes()).into();
        // Nodes' clocks differ a little; a moment ahead is as good as now.
        let idle = now_millis.div_euclid(1000).checked_sub(used)?;
        (authentic && idle < IDLE_SECONDS).then_some(secret)
    }

    /// The cookie to go on with, for one that opened a session in this request; none while it is new enough.
    #[must_use]
    pub fn renewed(&self, cookie: &str, now_millis: i64) -> Option<SecretText> {
        let secret = self.in_use(cookie, now_millis)?;
        let (_, used, _) = parts(cookie)?;
        let now = now_millis.div_euclid(1000);
        (now.saturating_sub(used) >= RENEWED_AFTER).then(|| self.shown_at(&SecretText::new(secret.to_owned()), now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_has_three_parts() {
        assert_eq!(parts("a.5.b"), Some(("a", 5, "b")));
        for other in ["", "a", "a.5", "a.5.b.c", "a.x.b", &format!("a.5.{}", "b".repeat(MAX_COOKIE))] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
