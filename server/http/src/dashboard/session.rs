//! The session cookie, and the proof that a form was sent from one of our own pages.
//!
//! The cookie's value is random and stored nowhere; `__Host-` keeps vaults' hosts, which lie below
//! the base, from setting it. A form counts only with the token of its session and our own origin.

use std::sync::Arc;

use strongroom_crypto::SecretText;
use strongroom_domain::identity::Session;
use strongroom_web::CSRF_FIELD;
use subtle::ConstantTimeEq as _;

use super::{Failure, frame::Viewer, links};
use crate::{
    message::{Request, Response},
    paths,
    problem::Problem,
    services::Services,
};

/// Name of the session cookie.
const SESSION_COOKIE: &str = "__Host-session";
/// Length of its value: 32 bytes in base64url.
const SESSION_LENGTH: usize = 43;
/// Longest form in bytes.
const MAX_FORM: usize = 4096;

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
    match cookies.and_then(|cookies| cookie(cookies, SESSION_COOKIE)).filter(|value| value.len() == SESSION_LENGTH) {
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

/// POST /sign-out: ends the session, at once.
///
/// # Errors
/// 403 for a form that is not ours; 503 when the end cannot be recorded.
pub(super) async fn sign_out(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    check_form(viewer, request)?;
    viewer.services.entrance.end_session(&viewer.call.ctx, viewer.session.id_hash).await?;
    let gone = set_cookie(SESSION_COOKIE, "", Some(0));
    Ok(super::redirect(links::SIGNED_OUT.to_owned()).with("set-cookie", gone))
}

/// Accepts a form of ours and nobody else's.
///
/// # Errors
/// 403 when it is not, 400 or 413 when it cannot be read.
pub(super) fn check_form(viewer: &Viewer<'_>, request: &Request) -> Result<(), Problem> {
    let token = viewer.services.entrance.form_token(viewer.session);
    accept_form(request, viewer.services.addresses.base(), &token)
}

/// A text field of a form that was accepted; none when it is absent or given twice.
pub(super) fn field(request: &Request, name: &str) -> Option<String> {
    let fields = paths::query(std::str::from_utf8(&request.body).ok()?).ok()?;
    let mut sent = fields.into_iter().filter(|(key, _)| key == name).map(|(_, value)| value);
    match (sent.next(), sent.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

fn accept_form(request: &Request, base: &str, token: &str) -> Result<(), Problem> {
    if request.origin.as_deref() != Some(base) {
        return Err(Problem::foreign_form());
    }
    let media_type = request.content_type.as_deref().and_then(|text| text.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Problem::bad_parameter("A form is sent as application/x-www-form-urlencoded."));
    }
    if request.body.len() > MAX_FORM {
        return Err(Problem::body_too_large());
    }
    let unreadable = || Problem::bad_parameter("The form could not be read.");
    let text = std::str::from_utf8(&request.body).map_err(|_| unreadable())?;
    let fields = paths::query(text).map_err(|_| unreadable())?;
    let mut sent = fields.iter().filter(|(name, _)| name == CSRF_FIELD).map(|(_, value)| value);
    match (sent.next(), sent.next()) {
        (Some(sent), None) if bool::from(sent.as_bytes().ct_eq(token.as_bytes())) => Ok(()),
        _ => Err(Problem::foreign_form()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use zeroize::Zeroizing;

    use super::*;
    use crate::message::Method;

    const BASE: &str = "https://vault.localhost:8443";

    fn form(body: &str) -> Request {
        Request {
            method: Method::Post,
            path: vec!["sign-out".into()],
            query: Vec::new(),
            authorization: None,
            cookies: None,
            origin: Some(BASE.into()),
            content_type: Some("application/x-www-form-urlencoded".into()),
            if_match: None,
            client_request_id: None,
            body: Zeroizing::new(body.as_bytes().to_vec()),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    fn status(request: &Request) -> u16 {
        accept_form(request, BASE, "token").map_or_else(|problem| problem.status, |()| 200)
    }

    #[test]
    fn our_own_form_is_accepted() {
        assert_eq!(status(&form("csrf_token=token")), 200);
        let content_type = Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8".into());
        assert_eq!(status(&Request { content_type, ..form("a=b&csrf_token=token") }), 200);
    }

    #[test]
    fn a_form_without_the_token_of_the_session_is_not() {
        for body in ["", "csrf_token=", "csrf_token=Token", "csrf_token=token2", "csrf_token=token&csrf_token=token"] {
            assert_eq!(status(&form(body)), 403, "{body}");
        }
    }

    #[test]
    fn a_form_of_another_origin_is_not() {
        for origin in [None, Some("null"), Some("https://demo.vault.localhost:8443"), Some("https://vault.localhost")] {
            let request = Request { origin: origin.map(Into::into), ..form("csrf_token=token") };
            assert_eq!(status(&request), 403, "{origin:?}");
        }
    }

    #[test]
    fn a_form_of_another_kind_or_length_is_not_read() {
        for content_type in [None, Some("text/plain"), Some("multipart/form-data; boundary=x")] {
            let request = Request { content_type: content_type.map(Into::into), ..form("csrf_token=token") };
            assert_eq!(status(&request), 400, "{content_type:?}");
        }
        assert_eq!(status(&form(&format!("csrf_token=token&x={}", "y".repeat(MAX_FORM)))), 413);
        assert_eq!(status(&form("csrf_token=%zz")), 400);
    }

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
