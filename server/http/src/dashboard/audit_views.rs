//! Views of the audit log that somebody saved: a filter under a name, beside the filter.
//!
//! Kept where pins are, in the browser and for one person. A view is the query of an address and nothing else: it is read
//! and judged like one that was typed, gives nobody anything, and holds no record.

use data_encoding::BASE64URL_NOPAD;
use strongroom_domain::principal::PrincipalId;
use strongroom_web::{Act, Icon, PostForm, SavedViews, deceives, say};
use url::form_urlencoded;

use super::{
    Failure,
    audit_filter::NAMES,
    form::{SHORT, Sent},
    frame::Viewer,
    links, pins, redirect,
    session::{self, set_cookie},
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Name of the cookie that holds them.
const COOKIE: &str = "__Host-audit-views";
/// How long a browser keeps it, in seconds: a year.
const SECONDS: u32 = 365 * 86_400;
/// Most views of one person.
const MAX: usize = 12;
/// Longest name, in characters.
const MAX_NAME: usize = 40;
/// Longest value of the cookie, in bytes: browsers keep 4096 with its name and attributes.
const MAX_BYTES: usize = 3_500;

/// A filter under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct View {
    name: String,
    /// As it stands in the address, behind the question mark.
    query: String,
}

/// What one person saved in this browser. What is no view of ours is none.
fn of(cookies: Option<&str>, person: &PrincipalId) -> Vec<View> {
    let value = cookies.and_then(|cookies| session::cookie(cookies, COOKIE)).unwrap_or_default();
    let Some((owner, kept)) = value.split_once('.') else { return Vec::new() };
    if owner != pins::called(person) || kept.len() > MAX_BYTES {
        return Vec::new();
    }
    let bytes = BASE64URL_NOPAD.decode(kept.as_bytes()).unwrap_or_default();
    let views: Vec<(String, String)> = serde_json::from_slice(&bytes).unwrap_or_default();
    let views = views.into_iter().filter(|(name, _)| is_name(name)).take(MAX);
    views.map(|(name, query)| View { name, query: filter_of(&query) }).collect()
}

/// As the cookie holds them; none where that is more than a browser keeps.
fn kept_for(person: &PrincipalId, views: &[View]) -> Option<String> {
    let pairs: Vec<(&str, &str)> = views.iter().map(|view| (view.name.as_str(), view.query.as_str())).collect();
    let text = serde_json::to_vec(&pairs).unwrap_or_default();
    let kept = format!("{}.{}", pins::called(person), BASE64URL_NOPAD.encode(&text));
    (kept.len() <= MAX_BYTES).then_some(kept)
}

fn is_name(name: &str) -> bool {
    let letters = name.chars().count();
    (1..=MAX_NAME).contains(&letters) && name.trim() == name && !name.chars().any(|c| deceives(c) || c.is_control())
}

/// What of a query is a filter of the audit page, in the order that its form has.
fn filter_of(query: &str) -> String {
    let given: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let value = |name: &str| given.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let pairs: Vec<_> = NAMES.iter().map(|name| (*name, value(name))).collect();
    links::asked("", &pairs).trim_start_matches('?').to_owned()
}

/// The address of a view.
fn address(query: &str) -> String {
    if query.is_empty() { links::AUDIT.to_owned() } else { format!("{}?{query}", links::AUDIT) }
}

/// The views beside a filter, and the form that saves it. `shown` is the address of the page with this filter.
pub(super) fn beside(viewer: &Viewer<'_>, cookies: Option<&str>, shown: &str) -> SavedViews {
    let query = filter_of(shown.split_once('?').map_or("", |(_, query)| query));
    let views = of(cookies, &viewer.session.principal.id);
    let save = PostForm { action: links::AUDIT_VIEWS.to_owned(), csrf_token: viewer.form_token() };
    let acts = views.iter().flat_map(|view| {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let open = Act::Link {
            label: view.name.clone(),
            href: address(&view.query),
            icon: None,
            primary: view.query == query,
        };
        let remove = Act::Post {
            label: say!("audit-views-remove").to_owned(),
            of: view.name.clone(),
            action: links::AUDIT_VIEWS.to_owned(),
            csrf_token: save.csrf_token.clone(),
            icon: Some(Icon::Trash),
            fields: vec![field("name", &view.name), field("query", &query), field("step", "remove")],
        };
        [open, remove]
    });
    SavedViews { acts: acts.collect(), query: query.clone(), save: save.clone() }
}

/// POST /me/audit-views: saves a filter under a name, or takes the view of a name away, and leads to the filter that was
/// shown.
///
/// # Errors
/// 403 for a form that is not ours; 400 for a name that is none, and for more than a browser keeps.
pub(super) fn put(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let person = &viewer.session.principal.id;
    let name = sent.text("name").to_owned();
    if !is_name(&name) {
        return Err(Problem::bad_parameter(say!("audit-views-a-name-has", max = MAX_NAME)).into());
    }
    let query = filter_of(sent.text("query"));
    let mut views = of(request.cookies.as_deref(), person);
    match sent.text("step") {
        "remove" => views.retain(|view| view.name != name),
        "save" => match views.iter_mut().find(|view| view.name == name) {
            Some(view) => view.query.clone_from(&query),
            None => views.push(View { name, query: query.clone() }),
        },
        _ => return Err(Problem::bad_parameter(say!("audit-views-saved-or-removed")).into()),
    }
    let kept = kept_for(person, &views).filter(|_| views.len() <= MAX);
    let kept = kept.ok_or_else(|| Problem::bad_parameter(say!("audit-views-no-more-fit", max = MAX)))?;
    Ok(redirect(address(&query)).with("set-cookie", set_cookie(COOKIE, &kept, Some(SECONDS))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(subject: &str) -> PrincipalId {
        PrincipalId { issuer: "https://people.example".to_owned(), subject: subject.to_owned() }
    }

    fn view(name: &str, query: &str) -> View {
        View { name: name.to_owned(), query: query.to_owned() }
    }

    #[test]
    fn views_are_one_persons_and_no_more_than_a_cookie_holds() {
        let (ada, views) = (person("ada"), vec![view("Denied “now”", "outcome=denied&range=1h"), view("All", "")]);
        let kept = format!("a=b; {COOKIE}={}", kept_for(&ada, &views).unwrap());
        assert_eq!(of(Some(&kept), &ada), views);
        assert!(of(Some(&kept), &person("bob")).is_empty(), "another person in the same browser");
        let long: Vec<View> = (0..MAX).map(|n| view(&format!("View {n}"), &"x".repeat(300))).collect();
        assert_eq!(kept_for(&ada, &long), None);
        for other in [None, Some(""), Some("__Host-audit-views=\"><script>"), Some("__Host-audit-views=.")] {
            assert!(of(other, &ada).is_empty(), "{other:?}");
        }
        let marked = format!("{COOKIE}={}.<script>", pins::called(&ada));
        assert!(of(Some(&marked), &ada).is_empty());
    }

    #[test]
    fn a_view_is_a_filter_and_leads_nowhere_else() {
        assert_eq!(filter_of("range=1h&outcome=denied&before=x&evil=1"), "outcome=denied&range=1h");
        assert_eq!(filter_of("object=a%26b%3Dc%23d"), "object=a%26b%3Dc%23d");
        assert_eq!(filter_of("//evil.example"), "");
        assert_eq!((address(""), address("own=yes").as_str()), ("/audit".to_owned(), "/audit?own=yes"));
        for none in ["", " x", "a\u{202e}b", "a\nb"] {
            assert!(!is_name(none), "{none:?}");
        }
        assert!(is_name(&"x".repeat(MAX_NAME)) && !is_name(&"x".repeat(MAX_NAME + 1)));
    }
}
