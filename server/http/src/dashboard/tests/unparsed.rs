//! What the server's library refuses before there is a request, over a connection on which every byte is chosen.

use std::{
    os::unix::net::UnixListener,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use serde_json::Value;
use strongroom_domain::{
    principal::Principal,
    record::{Outcome, Record},
    sign_in::{Authenticator, TokenExplanation, TokenRejected},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use super::Story;
use crate::server::{Limits, Listener, Socket, serve};

/// A story's services behind a socket of their own.
struct Listening {
    story: Story,
    socket: PathBuf,
}

/// An answer, its head by lines.
struct Said {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Said {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// What it says of its body.
    fn length(&self) -> usize {
        self.header("content-length").map_or(0, |length| length.parse().unwrap())
    }

    fn code(&self) -> Value {
        serde_json::from_slice::<Value>(&self.body).unwrap()["error"]["code"].clone()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}

impl Listening {
    fn start(limits: Limits) -> Self {
        Self::of(Story::start(), limits)
    }

    fn of(story: Story, limits: Limits) -> Self {
        let (listener, socket) = listener("test");
        tokio::spawn(serve(&story.services, vec![listener], limits, 1).unwrap());
        Self { story, socket }
    }

    /// Everything that is answered to these bytes until the server closes.
    async fn say(&self, bytes: &[u8]) -> Vec<Said> {
        self.story.world.clock.advance(1000);
        let mut wire = UnixStream::connect(&self.socket).await.unwrap();
        // The server may close before it has read everything.
        let _ = wire.write_all(bytes).await;
        let mut all = Vec::new();
        let _ = wire.read_to_end(&mut all).await;
        let (mut said, mut rest) = (Vec::new(), all.as_slice());
        while let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(rest[..end].to_vec()).unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let mut answer = Said { status, head, body: Vec::new() };
            let body = &rest[end + 4..];
            // An answer to a HEAD says the length of a body that it does not have.
            let without = body.is_empty() || body.starts_with(b"HTTP/1.");
            let length = if without { 0 } else { answer.length() };
            answer.body = body[..length].to_vec();
            rest = &body[length..];
            said.push(answer);
        }
        assert!(rest.is_empty());
        said
    }

    /// The only record of an answer.
    fn record(&self, said: &Said) -> Record {
        let id = said.header("x-ms-request-id").unwrap();
        let mut records = self.story.log();
        records.retain(|record| record.id.to_string() == id);
        assert_eq!(records.len(), 1, "{id}");
        records.remove(0)
    }
}

fn statuses(said: &[Said]) -> Vec<u16> {
    said.iter().map(|said| said.status).collect()
}

/// A listener on a socket of its own.
fn listener(name: &'static str) -> (Listener, PathBuf) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let file = format!("strongroom-{}-{}.sock", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(file);
    let _ = std::fs::remove_file(&path);
    let listener = Listener {
        name,
        socket: Socket::Unix(UnixListener::bind(&path).unwrap()),
        tls: None,
        proxies: Vec::new(),
        proxy_protocol: false,
        forwarded: None,
        challenges: false,
    };
    (listener, path)
}

fn request(more: &str) -> String {
    format!("GET /sign-in HTTP/1.1\r\nhost: vault.localhost:8443\r\n{more}\r\n")
}

#[tokio::test]
async fn what_never_comes_to_be_a_request_is_answered_and_recorded_as_one() {
    let listening = Listening::start(Limits::default());
    let malformed = (400, "BadRequest", "malformed");
    let long = (431, "RequestHeaderFieldsTooLarge", "head-too-large");
    let target = (414, "UriTooLong", "target-too-long");
    let method = (405, "MethodNotAllowed", "method-not-allowed");
    let cases = [
        ("no HTTP", "this is no HTTP\r\n\r\n".to_owned(), malformed),
        ("a handshake", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n".to_owned(), malformed),
        ("another version", "GET / HTTP/3.7\r\nhost: a\r\n\r\n".to_owned(), malformed),
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned(), malformed),
        ("two hosts", request("host: b\r\n"), malformed),
        ("a header that is none", request("a header\r\n"), malformed),
        ("two lengths", request("content-length: 1\r\ncontent-length: 2\r\n"), malformed),
        ("a length and pieces", request("content-length: 1\r\ntransfer-encoding: chunked\r\n"), malformed),
        ("pieces of a sort that nobody knows", request("transfer-encoding: gzip\r\n"), malformed),
        ("97 headers", request(&"x: y\r\n".repeat(96)), long),
        ("a head of 200,000 bytes", request(&format!("x: {}\r\n", "y".repeat(200_000))), long),
        ("a target of 70,000 bytes", request("").replacen("/sign-in", &"/a".repeat(35_000), 1), target),
        ("a target without end", format!("GET /{}", "a".repeat(100_000)), target),
        ("a way to somebody else", request("").replacen("GET /sign-in", "CONNECT a:1", 1), method),
        ("a line that ends in LF alone", request("x: y\ncontent-length: 9\r\n"), malformed),
        ("a header over two lines", request("x: y\r\n z\r\n"), malformed),
        ("a space before the colon", request("content-length : 9\r\n"), malformed),
        ("a length with a sign", request("content-length: +9\r\n"), malformed),
        ("one length in two", request("content-length: 9, 9\r\n"), malformed),
        ("pieces in pieces", request("transfer-encoding: chunked, chunked\r\n"), malformed),
    ];
    for (what, bytes, (status, code, reason)) in cases {
        for before in [String::new(), request("")] {
            let said = listening.say(format!("{before}{bytes}").as_bytes()).await;
            let (last, earlier) = said.split_last().unwrap();
            assert_eq!(statuses(earlier), vec![200; before.len().min(1)]);
            assert_eq!((last.status, last.code()), (status, code.into()), "{what}: {}", last.head);
            for (name, value) in [("connection", "close"), ("content-type", "application/json; charset=utf-8")] {
                assert_eq!(last.header(name), Some(value), "{what}");
            }
            assert!(last.header("date").is_some() && last.header("strict-transport-security").is_some(), "{what}");
            let record = listening.record(last);
            assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Failed, reason), "{what}");
            assert_eq!((record.status, record.operation.as_str()), (Some(status), "Request"), "{what}");
            assert_eq!((record.client.as_str(), record.listener.as_str()), ("127.0.0.1", "test"), "{what}");
            assert_eq!((record.principal, record.vault), (None, None), "{what}: nobody looked at a token");
        }
    }
}

#[tokio::test]
async fn connections_are_bounded_over_all_listeners_and_further_ones_wait() {
    let story = Story::start();
    let ((first, one), (second, two)) = (listener("first"), listener("second"));
    let limits = Limits { connections: 2, ..Limits::default() };
    tokio::spawn(serve(&story.services, vec![first, second], limits, 1).unwrap());
    let answered = async |wire: &mut UnixStream| {
        let mut begin = [0; 12];
        wire.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200");
    };
    let mut held = Vec::new();
    for socket in [&one, &two] {
        let mut wire = UnixStream::connect(socket).await.unwrap();
        wire.write_all(request("").as_bytes()).await.unwrap();
        answered(&mut wire).await;
        held.push(wire);
    }
    let mut waiting = UnixStream::connect(&one).await.unwrap();
    waiting.write_all(request("").as_bytes()).await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(500), waiting.readable()).await;
    assert!(nothing.is_err(), "there are two already, one on each");
    held.pop();
    tokio::time::timeout(Duration::from_secs(20), answered(&mut waiting)).await.expect("its turn");
    for socket in [one, two] {
        let _ = std::fs::remove_file(socket);
    }
}

#[tokio::test]
async fn without_a_record_nothing_is_said_of_it_either() {
    let listening = Listening::start(Limits::default());
    listening.story.world.store.set_disk_full(true);
    let said = listening.say(b"nonsense\r\n\r\n").await;
    assert_eq!(statuses(&said), [503]);
    assert!(listening.story.log().is_empty());
}

#[tokio::test]
async fn floods_of_what_is_no_request_are_counted() {
    let listening = Listening::start(Limits::default());
    let mut answered = 0;
    for _ in 0..60 {
        let said = listening.say(b"nonsense\r\n\r\n").await;
        assert!(said.iter().all(|said| said.status == 400 && said.header("x-ms-request-id").is_some()));
        answered += said.len() as u64;
        listening.story.world.clock.advance(-1000);
    }
    let counted = listening.story.services.flood.take();
    assert_eq!((answered, listening.story.log().len() as u64 + counted.failures), (60, 60));
    assert!(counted.failures > 30, "{counted:?}");
}

#[tokio::test]
async fn a_head_that_is_too_slow_is_on_record_and_a_connection_without_one_is_not() {
    // The library's clock is up to half a second slow.
    let listening = Listening::start(Limits { head: Duration::from_millis(1500), ..Limits::default() });
    let since = Instant::now();
    let silent = listening.say(b"").await;
    assert!(silent.iter().all(|said| said.status == 408) && listening.story.log().is_empty());
    let said = listening.say(b"GET / HTTP/1.1\r\nhost: v").await;
    let [slow] = said.as_slice() else { panic!("one answer") };
    assert_eq!((slow.status, slow.code()), (408, "RequestTimeout".into()));
    assert_eq!(listening.record(slow).reason, "request-timeout");
    // Nor does a head that begins while another request is answered wait for the idle time.
    let said = listening.say(format!("{}GET / HT", request("")).as_bytes()).await;
    assert_eq!(statuses(&said), [200]);
    assert!(since.elapsed() < Duration::from_secs(20));
}

/// The answer comes first, and the library's own times begin with the end of the body.
#[tokio::test]
async fn a_body_that_nobody_wants_and_that_never_ends_is_not_waited_for() {
    // The library's clock is up to half a second slow.
    let listening = Listening::start(Limits { head: Duration::from_millis(1500), ..Limits::default() });
    let head = "PUT /secrets/db?api-version=7.6 HTTP/1.1\r\nhost: demo.vault.localhost:8443\r\n";
    let bodies = ["", "1", "1\r\n{\r\n"].map(|body| format!("{head}transfer-encoding: chunked\r\n\r\n{body}"));
    let [none, begun, some] = bodies.each_ref().map(|bytes| listening.say(bytes.as_bytes()));
    let said = tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(none, begun, some) }).await;
    let (none, begun, some) = said.expect("they are closed");
    assert_eq!([none, begun, some].map(|said| statuses(&said)), [[401]; 3]);
}

#[tokio::test]
async fn a_head_that_is_refused_is_answered_without_a_body() {
    let listening = Listening::start(Limits::default());
    let head = |more: &str| request(more).replacen("GET", "HEAD", 1);
    let cases = [
        (head(&"x: y\r\n".repeat(96)), 431),
        (head("content-length: 1\r\ncontent-length: 2\r\n"), 400),
        (format!("HEAD /{}", "a".repeat(100_000)), 414),
        (format!("\r\n{}", head("a header\r\n")), 400),
    ];
    for (bytes, status) in cases {
        for before in [String::new(), request("")] {
            let said = listening.say(format!("{before}{bytes}").as_bytes()).await;
            let last = said.last().unwrap();
            assert_eq!((last.status, last.body.len()), (status, 0), "{}", last.head);
            assert!(last.length() > 0 && listening.record(last).status == Some(status));
        }
    }
    // The one before says nothing of this one.
    let said = listening.say(format!("{}{}", head(""), request("a header\r\n")).as_bytes()).await;
    assert_eq!((statuses(&said), said[1].body.is_empty()), (vec![200, 400], false));
}

/// Fails as a handler of ours must not.
struct Faulty;

#[async_trait]
impl Authenticator for Faulty {
    async fn authenticate(&self, _: &str, _: i64) -> Result<Arc<Principal>, TokenRejected> {
        panic!("a fault")
    }

    async fn explain(&self, _: &str, _: i64) -> TokenExplanation {
        TokenExplanation { principal: None, reason: None, checks: Vec::new() }
    }

    fn knows(&self, _: &str) -> bool {
        true
    }

    fn issuers(&self) -> Vec<String> {
        Vec::new()
    }

    fn ends(&self, _: &str) -> Option<i64> {
        None
    }
}

#[tokio::test]
async fn a_fault_in_a_handler_is_on_record() {
    let mut story = Story::start();
    Arc::get_mut(&mut story.services).unwrap().authenticator = Arc::new(Faulty);
    let listening = Listening::of(story, Limits::default());
    let head =
        "GET /api/v1/vaults HTTP/1.1\r\nhost: vault.localhost:8443\r\nauthorization: Bearer x\r\nconnection: close";
    let said = listening.say(format!("{head}\r\n\r\n").as_bytes()).await;
    let [answer] = said.as_slice() else { panic!("one answer") };
    assert_eq!((answer.status, answer.code()), (500, "InternalError".into()));
    let record = listening.record(answer);
    assert_eq!((record.outcome, record.reason.as_str(), record.status), (Outcome::Failed, "internal", Some(500)));
}

/// How a body in pieces must not be written. The library would end the connection there, and say nothing.
const BROKEN: [&str; 8] = [
    "2\r\nab\r\nno length\r\n",
    "2\r\nabc\r\n0\r\n\r\n",
    "2\nab\r\n0\r\n\r\n",
    "\r\n",
    "-1\r\na\r\n0\r\n\r\n",
    "2 \r\nab\r\n0\r\n\r\n",
    "11111111111111111\r\na",
    "0\r\na trailer\r\n\r\n",
];

#[tokio::test]
async fn a_body_that_breaks_takes_no_answer_away_and_is_on_record() {
    let listening = Listening::start(Limits::default());
    let head =
        "POST /11/oauth2/v2.0/token HTTP/1.1\r\nhost: vault.localhost:8443\r\ntransfer-encoding: chunked\r\n\r\n";
    let crumbs = "1\r\na\r\n".repeat(1100);
    for broken in BROKEN.into_iter().chain([crumbs.as_str()]) {
        for before in [0, 1, 3] {
            let said = listening.say(format!("{}{head}{broken}", request("").repeat(before)).as_bytes()).await;
            let (last, earlier) = said.split_last().unwrap();
            assert_eq!(statuses(earlier), vec![200; before], "{broken:?}");
            assert!(earlier.iter().all(|said| said.body.len() == said.length() && said.length() > 0));
            assert_eq!((last.status, last.header("connection")), (400, Some("close")), "{broken:?}");
            for said in &said {
                assert_eq!(listening.record(said).status, Some(said.status), "{broken:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_pipelined_is_answered_as_if_it_had_come_alone() {
    let listening = Listening::start(Limits::default());
    let (get, head) = (request(""), request("").replacen("GET", "HEAD", 1));
    let (close, old) = (request("connection: close\r\n"), request("").replacen("HTTP/1.1", "HTTP/1.0", 1));
    let said = listening.say(format!("{get}{head}{get}{head}{close}{get}").as_bytes()).await;
    assert_eq!(statuses(&said), [200; 5], "nothing follows the one after which the client wants no other");
    for (index, answer) in said.iter().enumerate() {
        let has_body = !matches!(index, 1 | 3);
        assert_eq!(answer.length(), said[0].length(), "{index}: a HEAD is told what a GET would be");
        assert_eq!(answer.body.len(), if has_body { said[0].length() } else { 0 }, "{index}");
        assert_eq!(answer.header("connection"), (index == 4).then_some("close"), "{index}");
    }
    let said = listening.say(format!("{get}{old}{get}").as_bytes()).await;
    let versions: Vec<_> = said.iter().map(|said| said.head.split(' ').next().unwrap()).collect();
    assert_eq!(versions, ["HTTP/1.1", "HTTP/1.0"], "which is not kept unless asked for");
    assert_eq!(said[0].header("connection"), None);
}

#[tokio::test]
async fn the_offer_of_another_protocol_is_not_taken_up_and_costs_nothing() {
    let listening = Listening::start(Limits::default());
    let offer = "connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
    let since = Instant::now();
    let said = listening.say(format!("{0}{0}{1}", request(offer), request("connection: close\r\n")).as_bytes()).await;
    assert_eq!(statuses(&said), [200; 3]);
    assert!(said[0].header("connection").is_none() && since.elapsed() < Duration::from_secs(9));
}
