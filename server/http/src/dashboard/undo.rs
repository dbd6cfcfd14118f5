//! What was done a moment ago and can be undone: the next page says so, with the form that does the opposite. The form is
//! like any other: judged, recorded, and asked for a fresh sign-in where its own page would ask for one.
//!
//! Between the two pages the browser keeps what the form would be, for a few seconds, in a cookie that names the person.
//! Nothing but the forms listed here is ever made of it.

use data_encoding::BASE64URL_NOPAD;
use strongroom_domain::principal::PrincipalId;
use strongroom_web::{PostForm, Undo, say};
use url::form_urlencoded;

use super::{form::Typed, frame::Viewer, links, pins::called, session};
use crate::{
    message::{Method, Request, Response},
    paths,
    routes::{self, Endpoint, Found, Site},
};

/// Name of the cookie.
const COOKIE: &str = "__Host-undo";
/// For how long an act can be undone from the page after it, in seconds.
const SECONDS: i64 = 10;
/// Longest address with its fields that is kept, in bytes.
const LONGEST: usize = 1024;
/// The field of a form that undoes something: that is not offered to be undone in its turn.
const UNDOES: &str = "undoes";

/// What would undo what was done last.
#[derive(Clone)]
pub(super) struct Opposite {
    path: String,
    fields: Vec<(String, String)>,
    /// What is there now.
    said: String,
}

impl Opposite {
    /// As the cookie tells it, for this person, while it is fresh.
    pub(super) fn of(cookies: Option<&str>, person: &PrincipalId, now: i64) -> Option<Self> {
        let mut parts = session::cookie(cookies?, COOKIE)?.split('.');
        let (whose, at, form) = (parts.next()?, parts.next()?, parts.next()?);
        let age = now.checked_sub(at.parse().ok()?)?;
        if whose != called(person) || !(0..=SECONDS).contains(&age) || form.len() > LONGEST * 2 {
            return None;
        }
        let form = String::from_utf8(BASE64URL_NOPAD.decode(form.as_bytes()).ok()?).ok()?;
        let (path, fields) = form.split_once('?').unwrap_or((&form, ""));
        Self::to(path, form_urlencoded::parse(fields.as_bytes()).into_owned().collect())
    }

    /// A form that may undo something; none for any other address.
    fn to(path: &str, fields: Vec<(String, String)>) -> Option<Self> {
        let segments = paths::segments(path).ok().filter(|_| path.starts_with('/'))?;
        let Found::Route(route, parameters) = routes::find(Site::Base, Method::Post, &segments) else { return None };
        let name = |index: usize| parameters.get(index).cloned().unwrap_or_default();
        let field = |name: &str| fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        // What the form would do is the opposite of what was done.
        let said = match route.endpoint {
            Endpoint::VersionEnableForm
            | Endpoint::KeyEnableForm
            | Endpoint::CertificateEnableForm
            | Endpoint::IssuerEnableForm => say!("undo-name-was-disabled", name = name(1)),
            Endpoint::VersionDisableForm
            | Endpoint::KeyDisableForm
            | Endpoint::CertificateDisableForm
            | Endpoint::IssuerDisableForm => say!("undo-name-was-enabled", name = name(1)),
            Endpoint::WorkloadEnableForm => say!("undo-the-workload-was-disabled").to_owned(),
            Endpoint::WorkloadDisableForm => say!("undo-the-workload-was-enabled").to_owned(),
            Endpoint::PinForm if field("pinned") == Some("yes") => {
                say!("undo-name-was-unpinned", name = field("vault").unwrap_or_default())
            }
            Endpoint::PinForm => say!("undo-name-was-pinned", name = field("vault").unwrap_or_default()),
            _ => return None,
        };
        Some(Self { path: path.to_owned(), fields, said })
    }

    /// The form with what it is about.
    pub(super) fn form(&self, viewer: &Viewer<'_>) -> Undo {
        let mut fields = self.fields.clone();
        fields.push((UNDOES.to_owned(), "yes".to_owned()));
        Undo {
            said: self.said.clone(),
            post: PostForm { action: self.path.clone(), csrf_token: viewer.form_token() },
            fields,
            seconds: SECONDS.unsigned_abs(),
        }
    }
}

/// The answer to a form that was done: the browser keeps for a moment what undoes it. One that undid something takes
/// that back.
pub(super) fn after(viewer: &Viewer<'_>, request: &Request, response: Response) -> Response {
    if request.method != Method::Post || response.status != 303 {
        return response;
    }
    let typed = Typed::of(
        viewer.services.addresses.base(),
        request.origin.as_deref(),
        request.content_type.as_deref(),
        &request.body,
    );
    let Some(typed) = typed else { return response };
    let fields: Vec<(String, String)> = typed.told().map(|(name, value)| (name.to_owned(), value)).collect();
    let Some(Opposite { path, fields, .. }) = opposite(&request.path, fields) else { return response };
    if typed.get(UNDOES).is_some() {
        return response.with("set-cookie", session::set_cookie(COOKIE, "", Some(0)));
    }
    let form = match form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish() {
        fields if fields.is_empty() => path,
        fields => format!("{path}?{fields}"),
    };
    if form.len() > LONGEST {
        return response;
    }
    let (whose, at) = (called(&viewer.session.principal.id), viewer.now());
    let value = format!("{whose}.{at}.{}", BASE64URL_NOPAD.encode(form.as_bytes()));
    response.with("set-cookie", session::set_cookie(COOKIE, &value, u32::try_from(SECONDS).ok()))
}

/// What undoes a form that was sent to this address with these fields; none where nothing does.
fn opposite(path: &[String], fields: Vec<(String, String)>) -> Option<Opposite> {
    let (last, above) = path.split_last()?;
    let (last, fields) = match last.as_str() {
        "enable" => ("disable", Vec::new()),
        "disable" => ("enable", Vec::new()),
        other => {
            let flipped = |(name, value): (String, String)| match (name.as_str(), value.as_str()) {
                ("pinned", "yes") => (name, "no".to_owned()),
                ("pinned", _) => (name, "yes".to_owned()),
                _ => (name, value),
            };
            (other, fields.into_iter().map(flipped).collect())
        }
    };
    let path: String =
        above.iter().map(String::as_str).chain([last]).map(|part| format!("/{}", links::in_path(part))).collect();
    Opposite::to(&path, fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        paths::segments(text).unwrap()
    }

    #[test]
    fn what_can_be_undone_has_an_opposite_and_nothing_else_has() {
        for (done, undone, said) in [
            ("/vaults/demo/secrets/db/0123/disable", "/vaults/demo/secrets/db/0123/enable", "db was disabled."),
            ("/vaults/demo/keys/k/0123/enable", "/vaults/demo/keys/k/0123/disable", "k was enabled."),
            ("/vaults/demo/issuers/ca/disable", "/vaults/demo/issuers/ca/enable", "ca was disabled."),
            ("/access/workloads/1/enable", "/access/workloads/1/disable", "The workload was enabled."),
        ] {
            let found = opposite(&path(done), vec![("reason".into(), "x".into())]).unwrap();
            assert_eq!((found.path.as_str(), found.said.as_str(), found.fields.len()), (undone, said, 0));
        }
        let pin =
            |pinned: &str| vec![("vault".to_owned(), "demo".to_owned()), ("pinned".to_owned(), pinned.to_owned())];
        let found = opposite(&path("/me/pins"), pin("yes")).unwrap();
        assert_eq!((found.said.as_str(), found.fields), ("demo was pinned.", pin("no")));
        for other in ["/vaults/demo/delete", "/vaults/demo/secrets/db/purge", "/me/look", "/nowhere/enable"] {
            assert!(opposite(&path(other), Vec::new()).is_none(), "{other}");
        }
    }

    #[test]
    fn a_cookie_counts_for_its_person_and_for_a_moment_and_makes_no_other_form() {
        let person = |subject: &str| PrincipalId { issuer: "https://i.example".into(), subject: subject.into() };
        let cookie = |at: i64, form: &str| {
            format!("a=b; {COOKIE}={}.{at}.{}", called(&person("ada")), BASE64URL_NOPAD.encode(form.as_bytes()))
        };
        let form = "/vaults/demo/secrets/db/0123/enable";
        let read = |cookie: &str, who: &str, now| Opposite::of(Some(cookie), &person(who), now).is_some();
        assert!(read(&cookie(100, form), "ada", 100) && read(&cookie(100, form), "ada", 110));
        assert!(!read(&cookie(100, form), "ada", 111) && !read(&cookie(100, form), "ada", 99));
        assert!(!read(&cookie(100, form), "bob", 100), "another person in the same browser");
        for other in ["/vaults/demo/purge", "https://evil.example/x", "vaults/demo/secrets/db/0123/enable", ""] {
            assert!(!read(&cookie(100, other), "ada", 100), "{other}");
        }
        assert!(!read("__Host-undo=x", "ada", 100) && Opposite::of(None, &person("ada"), 100).is_none());
    }
}
