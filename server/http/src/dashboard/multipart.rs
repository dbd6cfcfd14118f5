//! A form of several parts (`multipart/form-data`, RFC 7578), as browsers send files: bounded, read once, after it has
//! proven to be ours. Parts are slices of the request's own body, which is wiped when it is dropped.

use strongroom_web::{CSRF_FIELD, say};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::frame::Viewer;
use crate::{message::Request, problem::Problem};

/// Most parts of a form.
const MAX_PARTS: usize = 8;
/// Longest head of a part, in bytes.
const MAX_HEAD: usize = 2048;
/// Longest boundary (RFC 2046 section 5.1.1), in bytes.
const MAX_BOUNDARY: usize = 70;
/// What such a form has besides its files, in bytes, at most.
pub(crate) const AROUND: usize = 16 * 1024;

/// The parts of a form of ours.
pub(super) struct Parts<'a>(Vec<Part<'a>>);

struct Part<'a> {
    name: &'a str,
    bytes: &'a [u8],
    is_file: bool,
}

/// Fields of a form by their names, as they were typed.
pub(super) type Typed = Vec<(String, Zeroizing<String>)>;

/// What was typed into such a form, and whether it brought a file; none for what is no such form. It proves nothing of
/// where it comes from.
pub(super) fn texts(content_type: &str, body: &[u8]) -> Option<(Typed, bool)> {
    let parts = parts(body, boundary(content_type)?)?;
    let brought = parts.iter().any(|part| part.is_file && !part.bytes.is_empty());
    let text = |part: &Part<'_>| {
        let text = std::str::from_utf8(part.bytes).ok()?;
        Some((part.name.to_owned(), Zeroizing::new(text.to_owned())))
    };
    Some((parts.iter().filter(|part| !part.is_file).filter_map(text).collect(), brought))
}

impl<'a> Parts<'a> {
    /// Accepts a form of ours and nobody else's.
    ///
    /// # Errors
    /// 403 when it is not, 400 when it cannot be read.
    pub(super) fn accept(viewer: &Viewer<'_>, request: &'a Request) -> Result<Self, Problem> {
        let token = viewer.services.entrance.form_token(viewer.session);
        accept(request, viewer.services.addresses.base(), &token)
    }

    /// The bytes of a part; none when it is absent or given twice.
    pub(super) fn file(&self, name: &str) -> Option<&'a [u8]> {
        let mut found = self.0.iter().filter(|part| part.name == name);
        match (found.next(), found.next()) {
            (Some(part), None) => Some(part.bytes),
            _ => None,
        }
    }
}

fn accept<'a>(request: &'a Request, base: &str, token: &str) -> Result<Parts<'a>, Problem> {
    if request.origin.as_deref() != Some(base) {
        return Err(Problem::foreign_form());
    }
    let content_type = request.content_type.as_deref().unwrap_or_default();
    // A form without files, as whoever leaves them out sends it, proves itself alike and brings none.
    let Some(boundary) = boundary(content_type) else {
        return super::form::accept(request, base, token, super::form::SHORT).map(|_| Parts(Vec::new()));
    };
    let parts = parts(&request.body, boundary)
        .map(Parts)
        .ok_or_else(|| Problem::bad_parameter(say!("multipart-the-form-could-not-be")))?;
    match parts.file(CSRF_FIELD) {
        Some(sent) if bool::from(sent.ct_eq(token.as_bytes())) => Ok(parts),
        _ => Err(Problem::foreign_form()),
    }
}

/// The boundary between parts, out of the header that names it.
fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    })?;
    let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    (!bare.is_empty() && bare.len() <= MAX_BOUNDARY && bare.bytes().all(plain)).then_some(bare)
}

/// The parts in order; none for what is not such a form to its end.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<Part<'a>>> {
    let first = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut parts = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(b"--") {
            return matches!(after, b"" | b"\r\n").then_some(parts);
        }
        if parts.len() == MAX_PARTS {
            return None;
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let head_end = find(rest.get(..MAX_HEAD.min(rest.len()))?, b"\r\n\r\n")?;
        let head = std::str::from_utf8(rest.get(..head_end)?).ok()?;
        let (name, is_file) = (name(head)?, head.contains("filename"));
        rest = rest.get(head_end + 4..)?;
        let end = find(rest, between.as_bytes())?;
        parts.push(Part { name, bytes: rest.get(..end)?, is_file });
        rest = rest.get(end + between.len()..)?;
    }
}

/// The name of a part, out of its head.
fn name(head: &str) -> Option<&str> {
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then(|| value.trim())
    })?;
    let rest = disposition.strip_prefix("form-data;")?.trim_start().strip_prefix("name=\"")?;
    rest.split_once('"').map(|(name, _)| name)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    // A boundary begins with a carriage return, which is rare in what a compiler writes.
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(step) = text.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + step;
        if text.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;
    use crate::message::Method;

    const BASE: &str = "https://vault.localhost:8443";

    fn request(content_type: &str, body: &[u8]) -> Request {
        Request {
            method: Method::Post,
            path: vec!["policy".into(), "upload".into()],
            query: Vec::new(),
            authorization: None,
            cookies: None,
            origin: Some(BASE.into()),
            content_type: Some(content_type.into()),
            if_match: None,
            client_request_id: None,
            body: Zeroizing::new(body.to_vec()),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    fn form(boundary: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, bytes) in parts {
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a \\\"b\"\r\n\
                 Content-Type: application/wasm\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        body
    }

    fn status(request: &Request) -> u16 {
        accept(request, BASE, "token").map_or_else(|problem| problem.status, |_| 200)
    }

    #[test]
    fn our_own_form_is_read() {
        let body = form("x-1", &[("csrf_token", b"token"), ("module", b"\0asm\r\n--x-\r\n"), ("signature", b"")]);
        let sent = request("multipart/form-data; boundary=\"x-1\"", &body);
        let parts = accept(&sent, BASE, "token").map_err(|problem| problem.message).unwrap();
        assert_eq!(parts.file("module"), Some(&b"\0asm\r\n--x-\r\n"[..]));
        assert_eq!(parts.file("signature"), Some(&b""[..]));
        assert_eq!(parts.file("other"), None);
    }

    #[test]
    fn a_form_that_does_not_prove_itself_is_not_read() {
        let kind = "multipart/form-data; boundary=x";
        let of = |token: &[u8]| form("x", &[("csrf_token", token), ("module", b"m")]);
        assert_eq!(status(&request(kind, &of(b"token"))), 200);
        assert_eq!(status(&request(kind, &of(b"Token"))), 403);
        assert_eq!(status(&request(kind, &form("x", &[("module", b"m")]))), 403);
        let twice = form("x", &[("csrf_token", b"token"), ("csrf_token", b"token")]);
        assert_eq!(status(&request(kind, &twice)), 403);
        for origin in [None, Some("null"), Some("https://evil.example")] {
            let foreign = Request { origin: origin.map(Into::into), ..request(kind, &of(b"token")) };
            assert_eq!(status(&foreign), 403, "{origin:?}");
        }
        assert_eq!(status(&request("application/x-www-form-urlencoded", b"csrf_token=token")), 200, "without files");
        assert_eq!(status(&request("application/x-www-form-urlencoded", b"csrf_token=other")), 403);
    }

    #[test]
    fn what_is_no_such_form_is_refused() {
        let whole = form("x", &[("csrf_token", b"token"), ("module", b"m")]);
        let kind = "multipart/form-data; boundary=x";
        for cut in [0, 1, 10, whole.len() - 5] {
            assert_eq!(status(&request(kind, &whole[..cut])), 400, "{cut}");
        }
        for other in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x"] {
            assert_eq!(status(&request(other, &whole)), 400, "{other}");
        }
        let many: Vec<(&str, &[u8])> = std::iter::repeat_n(("module", &b"m"[..]), MAX_PARTS + 1).collect();
        assert_eq!(status(&request(kind, &form("x", &many))), 400);
        let long = form("x", &[("n".repeat(MAX_HEAD).as_str(), b"")]);
        assert_eq!(status(&request(kind, &long)), 400);
    }

    proptest! {
        #[test]
        fn whatever_was_sent_is_read_back(module in proptest::collection::vec(any::<u8>(), 0..300)) {
            let body = form("----form-boundary-7MA4YWxk", &[("csrf_token", b"token"), ("module", &module)]);
            let sent = request("multipart/form-data; boundary=----form-boundary-7MA4YWxk", &body);
            let parts = accept(&sent, BASE, "token").map_err(|problem| problem.message).unwrap();
            prop_assert_eq!(parts.file("module"), Some(module.as_slice()));
        }

        #[test]
        fn nothing_is_too_strange(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut framed = b"--x\r\n".to_vec();
            framed.extend_from_slice(&body);
            let _ = parts(&framed, "x");
        }
    }
}
