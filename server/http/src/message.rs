//! A request and a response as handlers see them: plain, bounded, free of the framework.

use std::net::IpAddr;

use zeroize::Zeroizing;

use crate::long_answer::Place;

/// An HTTP method that some route answers; everything else is 405.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET, and HEAD as a GET without body.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// Anything else.
    Other,
}

impl Method {
    /// The method's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Other => "OTHER",
        }
    }

    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "GET" | "HEAD" => Self::Get,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => Self::Other,
        }
    }
}

/// A request, already bounded and parsed once.
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path segments, decoded once, without the empty one at the end.
    pub path: Vec<String>,
    /// Query pairs, decoded once, in order.
    pub query: Vec<(String, String)>,
    /// `Authorization` header, if it is one readable value.
    pub authorization: Option<Zeroizing<String>>,
    /// `Cookie` header.
    pub cookies: Option<String>,
    /// `Origin` header.
    pub origin: Option<String>,
    /// `Content-Type` header.
    pub content_type: Option<String>,
    /// `If-Match` header.
    pub if_match: Option<String>,
    /// `x-ms-client-request-id` header, echoed when it is short and printable.
    pub client_request_id: Option<String>,
    /// Body, wiped after use.
    pub body: Zeroizing<Vec<u8>>,
    /// Address of the client.
    pub client: IpAddr,
}

impl Request {
    /// The only value of a query parameter; names compare by ASCII case. `None` when it is absent
    /// or given twice.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        let mut values = self.query.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// Whether a query parameter is there at all.
    #[must_use]
    pub fn has_query(&self, name: &str) -> bool {
        self.query.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }

    /// The value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies
            .as_deref()?
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }
}

/// A response. The body may hold a value and is wiped when dropped here; what the connection's
/// buffers do with their copy is beyond us.
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers besides those that the edge adds to every answer.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Zeroizing<Vec<u8>>,
    /// Machine-readable reason for the record, when the handler answers an error in a shape of its own.
    pub reason: &'static str,
    /// Of a long answer: kept until the client has taken it.
    pub place: Option<Place>,
}

impl Response {
    /// An answer without body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Zeroizing::default(), reason: "ok", place: None }
    }

    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &impl serde::Serialize) -> Self {
        match json(body) {
            Ok(bytes) => Self {
                status,
                headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
                body: bytes,
                reason: "ok",
                place: None,
            },
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                Self::empty(500)
            }
        }
    }

    /// An HTML page.
    #[must_use]
    pub fn html(status: u16, page: Zeroizing<String>) -> Self {
        let mut page = page;
        let body = Zeroizing::new(std::mem::take(&mut *page).into_bytes());
        Self {
            status,
            headers: vec![("content-type", "text/html; charset=utf-8".to_owned())],
            body,
            reason: "ok",
            place: None,
        }
    }

    /// A redirect that turns every method into GET.
    #[must_use]
    pub fn see_other(location: String) -> Self {
        Self {
            status: 303,
            headers: vec![("location", location)],
            body: Zeroizing::default(),
            reason: "ok",
            place: None,
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Writes JSON into one allocation, which is wiped when it is dropped: a vector that grows frees what it leaves behind,
/// with the value in it, as it is.
fn json(body: &impl serde::Serialize) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, body)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *bytes, body)?;
    Ok(bytes)
}

/// Counts what is written and keeps nothing of it.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buffer that had to grow has another capacity than its length, and left its value in what it gave back.
    #[test]
    fn an_answer_with_a_value_is_written_into_one_allocation() {
        for length in [0, 1, 400, 513, 25_600, 300_000] {
            for letter in ["v", "\"", "\n", "ü"] {
                let value = serde_json::json!({ "value": letter.repeat(length), "id": "https://demo/secrets/a" });
                let answer = Response::json(200, &value);
                assert_eq!(answer.body.capacity(), answer.body.len(), "{length} times {letter:?}");
                assert_eq!(serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap(), value);
            }
        }
    }
}
