//! Forms that were sent: read once, after they have proven to be ours. Fields are wiped when dropped, for
//! any of them may be a secret.

use std::collections::BTreeMap;

use strongroom_crypto::SecretText;
use strongroom_web::{CSRF_FIELD, say};
use subtle::ConstantTimeEq as _;
use time::{PrimitiveDateTime, macros::format_description};
use zeroize::Zeroizing;

use super::{frame::Viewer, multipart};
use crate::{message::Request, paths, problem::Problem};

/// Longest form without a long field, in bytes.
pub(super) const SHORT: usize = 8 * 1024;
/// Longest form with a secret's value or another long text: every byte may be written as three.
pub(super) const LONG: usize = 128 * 1024;

/// The fields of a form of ours.
pub(super) struct Sent(Vec<(String, Zeroizing<String>)>);

impl Sent {
    /// Accepts a form of ours and nobody else's.
    ///
    /// # Errors
    /// 403 when it is not, 400 or 413 when it cannot be read.
    pub(super) fn accept(viewer: &Viewer<'_>, request: &Request, longest: usize) -> Result<Self, Problem> {
        let token = viewer.services.entrance.form_token(viewer.session);
        accept(request, viewer.services.addresses.base(), &token, longest)
    }

    /// A field as it was sent; none when it is absent or given twice.
    fn raw(&self, name: &str) -> Option<&str> {
        let mut sent = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (sent.next(), sent.next()) {
            (Some(value), None) => Some(value),
            _ => None,
        }
    }

    /// All fields of one name, as they were sent.
    pub(super) fn each<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A line without the white space around it; empty when it is absent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.raw(name).unwrap_or_default().trim()
    }

    /// A line that was filled in.
    pub(super) fn given(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The fields whose names begin so, each given once.
    pub(super) fn beginning(&self, with: &str) -> BTreeMap<String, String> {
        let names = self.0.iter().map(|(name, _)| name).filter(|name| name.starts_with(with));
        names.map(|name| (name.clone(), self.secret(name).expose().to_owned())).collect()
    }

    /// Whether a box was ticked.
    pub(super) fn ticked(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Several lines as they were typed. Forms send every end of a line as CR LF, whatever was typed or
    /// pasted (HTML, "constructing the entry list"); what a person sees are plain line feeds.
    pub(super) fn secret(&self, name: &str) -> SecretText {
        let sent = self.raw(name).unwrap_or_default();
        let mut text = String::with_capacity(sent.len());
        let mut rest = sent;
        while let Some((line, after)) = rest.split_once("\r\n") {
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text.push_str(rest);
        SecretText::new(text)
    }

    /// A whole number.
    ///
    /// # Errors
    /// 400 when it is none.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str, label: &str) -> Result<T, Problem> {
        self.text(name).parse().map_err(|_| Problem::bad_parameter(say!("form-label-is-a-whole-number", label = label)))
    }

    /// A moment in UTC, Unix seconds; none when the field is empty.
    ///
    /// # Errors
    /// 400 when it is no moment.
    pub(super) fn moment(&self, name: &str, label: &str) -> Result<Option<i64>, Problem> {
        match self.text(name) {
            "" => Ok(None),
            text => read_moment(text)
                .map(Some)
                .ok_or_else(|| Problem::bad_parameter(say!("form-label-is-a-date-and", label = label))),
        }
    }

    /// Names with their values, in the fields of a [`strongroom_web::FieldKind::Pairs`].
    ///
    /// # Errors
    /// 400 for a value without a name, or a name given twice.
    pub(super) fn pairs(&self, field: &str, most: usize) -> Result<BTreeMap<String, String>, Problem> {
        let mut pairs = BTreeMap::new();
        for index in 1..=most + 1 {
            let name = self.text(&format!("{field}-name-{index}"));
            let value = self.text(&format!("{field}-value-{index}"));
            if name.is_empty() && value.is_empty() {
                continue;
            }
            if name.is_empty() {
                return Err(Problem::bad_parameter(say!("form-the-value-value-has-no", value = value)));
            }
            if pairs.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(Problem::bad_parameter(say!("form-the-name-name-is-given", name = name)));
            }
        }
        Ok(pairs)
    }
}

/// Names of the fields that take a secret. What they held is never sent back, also where nothing else is known of a form.
const SECRETS: &[&str] = &["value", "input", "pasted", "password", "token", "external-key", "client_secret", "sealed"];

/// Whether a field of this name takes a secret.
pub(super) fn is_secret(name: &str) -> bool {
    SECRETS.contains(&name)
}

/// Whether a token is the one of the session that asks.
pub(super) fn is_of(viewer: &Viewer<'_>, token: &str) -> bool {
    let own = viewer.services.entrance.form_token(viewer.session);
    bool::from(own.as_bytes().ct_eq(token.as_bytes()))
}

/// What a form of ours brought, whichever session its page was shown to. It is for showing it again: nothing is ever
/// done by it.
pub(super) struct Typed {
    fields: Vec<(String, Zeroizing<String>)>,
    token: String,
    brought_file: bool,
}

impl Typed {
    /// None for what another origin sent, for what is no form, and for one that names no session.
    pub(super) fn of(base: &str, origin: Option<&str>, content_type: Option<&str>, body: &[u8]) -> Option<Self> {
        if origin != Some(base) {
            return None;
        }
        let content_type = content_type?;
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let (mut fields, brought_file) = if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            if body.len() > LONG {
                return None;
            }
            (paths::form(body).ok()?, false)
        } else {
            multipart::texts(content_type, body)?
        };
        let mut tokens = fields.iter().filter(|(name, _)| name == CSRF_FIELD).map(|(_, token)| token.to_string());
        let token = tokens.next().filter(|token| !token.is_empty())?;
        if tokens.next().is_some() {
            return None;
        }
        fields.retain(|(name, _)| name != CSRF_FIELD);
        Some(Self { fields, token, brought_file })
    }

    /// The token that it came with.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// What a field held, if it takes no secret.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.told().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// All fields that take no secret, with line feeds at the ends of lines.
    pub(super) fn told(&self) -> impl Iterator<Item = (&str, String)> {
        let told = self.fields.iter().filter(|(name, _)| !is_secret(name));
        told.map(|(name, value)| (name.as_str(), value.replace("\r\n", "\n")))
    }

    /// Whether something was in a field that takes a secret.
    pub(super) fn held_secret(&self, name: &str) -> bool {
        self.fields.iter().any(|(other, value)| other == name && is_secret(name) && !value.is_empty())
    }

    /// Whether it brought something that is not shown again.
    pub(super) fn left_out(&self) -> bool {
        self.brought_file || self.fields.iter().any(|(name, value)| is_secret(name) && !value.is_empty())
    }
}

/// `2027-01-31T12:00`, as browsers write a moment, or with a space as people do.
pub(super) fn read_moment(text: &str) -> Option<i64> {
    let text = text.replacen(' ', "T", 1);
    let minute = format_description!("[year]-[month]-[day]T[hour]:[minute]");
    let second = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let text = text.trim_end_matches('Z');
    let moment = PrimitiveDateTime::parse(text, minute).or_else(|_| PrimitiveDateTime::parse(text, second)).ok()?;
    Some(moment.assume_utc().unix_timestamp())
}

pub(super) fn accept(request: &Request, base: &str, token: &str, longest: usize) -> Result<Sent, Problem> {
    if request.origin.as_deref() != Some(base) {
        return Err(Problem::foreign_form());
    }
    let media_type = request.content_type.as_deref().and_then(|text| text.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Problem::bad_parameter(say!("form-a-form-is-sent-as")));
    }
    if request.body.len() > longest {
        return Err(Problem::body_too_large());
    }
    let fields = paths::form(&request.body).map_err(|_| Problem::bad_parameter(say!("form-the-form-could-not-be")))?;
    let sent = Sent(fields);
    match sent.raw(CSRF_FIELD) {
        Some(sent_token) if bool::from(sent_token.as_bytes().ct_eq(token.as_bytes())) => Ok(sent),
        _ => Err(Problem::foreign_form()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

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
        accept(request, BASE, "token", SHORT).map_or_else(|problem| problem.status, |_| 200)
    }

    fn sent(body: &str) -> Sent {
        accept(&form(&format!("csrf_token=token&{body}")), BASE, "token", SHORT).map_err(|p| p.message).unwrap()
    }

    #[test]
    fn what_was_typed_is_told_again_without_secrets_and_only_to_our_own_pages() {
        let body = b"csrf_token=old&name=db&value=s3cr3t&lines=a%0D%0Ab&password=";
        let of = |origin, content_type, body: &[u8]| Typed::of(BASE, Some(origin), Some(content_type), body);
        let kind = "application/x-www-form-urlencoded; charset=UTF-8";
        let typed = of(BASE, kind, body).unwrap();
        let told: Vec<_> = typed.told().collect();
        assert_eq!(told, [("name", "db".to_owned()), ("lines", "a\nb".to_owned())]);
        assert_eq!((typed.token(), typed.get("value")), ("old", None));
        assert!(typed.left_out() && typed.held_secret("value") && !typed.held_secret("password"));
        for (origin, kind, body) in [
            ("https://evil.example", kind, &body[..]),
            (BASE, "text/plain", &body[..]),
            (BASE, kind, &b"name=db"[..]),
            (BASE, kind, &b"csrf_token=&name=db"[..]),
            (BASE, kind, &b"csrf_token=a&csrf_token=b"[..]),
        ] {
            assert!(of(origin, kind, body).is_none());
        }
        let parts = b"--x\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\nold\r\n--x\r\n\
            Content-Disposition: form-data; name=\"name\"\r\n\r\ndb\r\n--x\r\n\
            Content-Disposition: form-data; name=\"document\"; filename=\"a.pfx\"\r\n\r\nbytes\r\n--x--\r\n";
        let typed = of(BASE, "multipart/form-data; boundary=x", parts).unwrap();
        assert_eq!(typed.told().collect::<Vec<_>>(), [("name", "db".to_owned())]);
        assert!(typed.left_out());
    }

    /// A field that takes a secret is told by its kind in a page, and by its name alone where there is none.
    #[test]
    fn every_field_that_takes_a_secret_has_a_name_that_says_so() {
        fn read(folder: &std::path::Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.ends_with("tests") {
                    read(&path, found);
                } else if path.extension().is_some_and(|kind| kind == "rs") {
                    found.push(std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut sources = Vec::new();
        read(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard"), &mut sources);
        let mut seen = 0;
        for source in &sources {
            for field in source.split("Field::new(").skip(1) {
                let field = field.split("Field::").next().unwrap();
                let kind = field.split("FieldKind::").nth(1).unwrap_or_default();
                if kind.starts_with("Secret") || kind.starts_with("Password") {
                    let name = field.trim_start().trim_start_matches('"').split('"').next().unwrap();
                    assert!(is_secret(name), "{name}");
                    seen += 1;
                }
            }
        }
        assert!(seen >= 6, "{seen}");
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
        assert_eq!(status(&form(&format!("csrf_token=token&x={}", "y".repeat(SHORT)))), 413);
        assert_eq!(status(&form("csrf_token=%zz")), 400);
        let many: Vec<String> = (0..200).map(|n| format!("f{n}=x")).collect();
        assert_eq!(status(&form(&format!("csrf_token=token&{}", many.join("&")))), 400);
    }

    #[test]
    fn a_value_is_what_was_typed() {
        let form = sent("value=a%0D%0Ab%0D%0A&value2=+x+&twice=1&twice=2");
        assert_eq!(form.secret("value").expose(), "a\nb\n");
        assert_eq!(form.secret("value2").expose(), " x ", "white space is part of a secret");
        assert_eq!((form.text("value2"), form.text("twice"), form.text("none")), ("x", "", ""));
    }

    #[test]
    fn moments_are_read_as_browsers_and_people_write_them() {
        let form = sent("a=2027-01-31T12:00&b=2027-01-31+12:00:30&c=tomorrow&d=");
        assert_eq!(form.moment("a", "A").unwrap(), Some(1_801_396_800));
        assert_eq!(form.moment("b", "B").unwrap(), Some(1_801_396_830));
        assert_eq!(form.moment("c", "C").unwrap_err().status, 400);
        assert_eq!(form.moment("d", "D").unwrap(), None);
        for shown in [1_801_396_800, 1_801_396_830, 59] {
            assert_eq!(read_moment(&crate::dashboard::view::for_field(shown)), Some(shown), "sent back as it was");
        }
    }

    #[test]
    fn pairs_have_names_and_each_once() {
        let read = |body: &str| sent(body).pairs("tag", 15).map_err(|problem| problem.status);
        let good = read("tag-name-1=a&tag-value-1=1&tag-name-2=&tag-value-2=&tag-name-3=b&tag-value-3=").unwrap();
        assert_eq!(good, BTreeMap::from([("a".into(), "1".into()), ("b".into(), String::new())]));
        assert_eq!(read("tag-name-1=&tag-value-1=x"), Err(400));
        assert_eq!(read("tag-name-1=a&tag-name-2=a"), Err(400));
    }
}
