//! The session cookie. Its value is random and stored nowhere; `__Host-` keeps vaults' hosts, which lie
//! below the base, from setting it.

use std::sync::Arc;

use strongroom_crypto::SecretText;
use strongroom_domain::identity::Session;

use super::{
    Failure,
    form::{SHORT, Sent},
    frame::Viewer,
    links,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

/// Name of the session cookie.
const SESSION_COOKIE: &str = "__Host-session";

/// Attributes of every cookie here. Lax: the way back from a provider begins on another site.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// The session behind the cookie, if there is one and it is not over.
///
/// # Errors
/// 503 when the store cannot say.
pub(super) async fn find(
    services: &Services,
    cookies: Option<&str>,
    now: i64,
) -> Result<Option<Arc<Session>>, Problem> {
    match cookies.and_then(|cookies| cookie(cookies, SESSION_COOKIE)) {
        Some(value) => Ok(services.entrance.session(value, now).await?),
        None => Ok(None),
    }
}

/// The only value of a cookie in a `Cookie` header; none when it is absent or given twice.
pub(super) fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut values = header.split(';').filter_map(|pair| pair.trim().split_once('=')).filter(|(key, _)| *key == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

/// Sets a cookie; without an age it goes when the browser does.
pub(super) fn set_cookie(name: &str, value: &str, seconds: Option<u32>) -> String {
    match seconds {
        Some(seconds) => format!("{name}={value}; Max-Age={seconds}; {ATTRIBUTES}"),
        None => format!("{name}={value}; {ATTRIBUTES}"),
    }
}

/// Hands out the cookie of a session just begun.
pub(super) fn begun(response: Response, cookie: &SecretText) -> Response {
    response.with("set-cookie", set_cookie(SESSION_COOKIE, cookie.expose(), None))
}

/// Tells the browser that its session was in use now, once in a while; leaves alone an answer that sets or takes
/// the session's cookie itself.
pub(super) fn in_use(services: &Services, cookies: Option<&str>, now: i64, response: Response) -> Response {
    let names_it = |(name, value): &(&str, String)| *name == "set-cookie" && value.starts_with(SESSION_COOKIE);
    if response.headers.iter().any(names_it) {
        return response;
    }
    let renewed = cookies
        .and_then(|cookies| cookie(cookies, SESSION_COOKIE))
        .and_then(|value| services.entrance.renewed(value, now));
    match renewed {
        Some(cookie) => begun(response, &cookie),
        None => response,
    }
}

/// POST /sign-out: ends the session, at once. The page after it offers to end the provider's own session too: a
/// form that led there would need the provider in `form-action`.
///
/// # Errors
/// 403 for a form that is not ours; 503 when the end cannot be recorded.
pub(super) async fn sign_out(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    viewer.services.entrance.end_session(&viewer.call.ctx, viewer.session.id_hash).await?;
    Ok(taken_back(super::redirect(signed_out(viewer))))
}

/// The page after sign-out, which names the provider.
pub(super) fn signed_out(viewer: &Viewer<'_>) -> String {
    links::asked(links::SIGNED_OUT, &[("provider", viewer.provider().as_deref())])
}

/// Takes the cookie of a session that has ended back.
pub(super) fn taken_back(response: Response) -> Response {
    response.with("set-cookie", set_cookie(SESSION_COOKIE, "", Some(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let header = "a=1; __Host-session=abc; x__Host-session=no;__Host-sign-in=a=b";
        assert_eq!(cookie(header, SESSION_COOKIE), Some("abc"));
        assert_eq!(cookie(header, "__Host-sign-in"), Some("a=b"));
        assert_eq!(cookie(header, "session"), None);
        assert_eq!(cookie("__Host-session=a; __Host-session=b", SESSION_COOKIE), None, "given twice");
        assert_eq!(cookie("", SESSION_COOKIE), None);
    }

    #[test]
    fn cookies_keep_the_rules_of_their_prefix() {
        let text = set_cookie(SESSION_COOKIE, "v", None);
        assert_eq!(text, "__Host-session=v; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert!(set_cookie(SESSION_COOKIE, "", Some(0)).contains("Max-Age=0"));
    }
}
