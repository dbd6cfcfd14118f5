use std::{cell::RefCell, rc::Rc};

use actix_http::{HttpService, Request, Response, StatusCode};
use actix_service::{Service as _, ServiceFactory as _, fn_service};
use bytes::Bytes;
use futures_util::StreamExt as _;
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::LocalSet,
};

use super::*;

/// The requests in these bytes when they come in pieces of such lengths, over and over, and are given in portions of at
/// most `room`; what was given of the last one, and where it stands.
fn requests(bytes: &[u8], pieces: &[usize], room: usize) -> (Vec<Vec<u8>>, Vec<u8>, Stand) {
    let (mut framing, mut behind, mut whole, mut given) = (Framing::default(), Vec::new(), Vec::new(), Vec::new());
    let mut lengths = pieces.iter().copied().cycle();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = lengths.next().unwrap_or(usize::MAX).clamp(1, rest.len());
        behind.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
        while !behind.is_empty() {
            let count = framing.pass(&mut behind, room);
            assert!(count <= room.min(behind.len()));
            given.extend(behind.drain(..count));
            match framing.stand() {
                Stand::Over => {
                    whole.push(std::mem::take(&mut given));
                    framing.next();
                }
                Stand::UnderWay => assert!(count > 0, "it goes on"),
                Stand::Arriving => break,
                stand @ (Stand::Broken | Stand::Refused(_)) => return (whole, given, stand),
            }
        }
    }
    let stand = framing.stand();
    (whole, given, stand)
}

fn at_once(text: &str) -> (Vec<Vec<u8>>, Vec<u8>, Stand) {
    requests(text.as_bytes(), &[], usize::MAX)
}

#[test]
fn a_request_ends_where_its_body_does() {
    let get = "GET /a HTTP/1.1\r\nhost: a\r\n\r\n";
    for whole in [
        get,
        "\r\nGET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\nContent-Length: \t7 \r\n\r\nGET / H",
        "POST / HTTP/1.1\r\nTransfer-Encoding:Chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nA;x=\"y z\"\r\n0\r\n\r\nGET /\r\n00\r\nx: y\r\nz:\r\n\r\n",
    ] {
        let (all, rest, stand) = at_once(&format!("{whole}{get}{whole}"));
        let all: Vec<_> = all.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
        assert_eq!((all, rest.len(), stand), (vec![whole.into(), get.into(), whole.into()], 0, Stand::Arriving));
    }
}

#[test]
fn what_could_end_in_two_places_is_refused() {
    let head = |line: &str| format!("POST / HTTP/1.1\r\nhost: a\r\n{line}\r\n\r\nabc");
    for line in [
        "content-length: 1\r\ncontent-length: 1",
        "content-length: 1\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: identity",
        "transfer-encoding: \u{b}chunked",
        "content-length: 0x1",
        "content-length: -1",
        "content-length: 1 1",
        "content-length:",
        "content-length: 99999999999999999999",
        "content-length\t: 1",
        " content-length: 1",
        ": 1",
        "no colon",
        "x: y\n",
        "x: y\r\n\tz",
        "\u{e9}: y",
    ] {
        assert_eq!(at_once(&head(line)).2, Stand::Refused(400), "{line:?}");
    }
    for first in ["GET /", "GET / HTTP/1.1 ", "GET / HTTP/2.0", "GET / http/1.1", "\nGET / HTTP/1.1", "x"] {
        assert_eq!(at_once(&format!("{first}\r\n\r\n")).2, Stand::Refused(400), "{first:?}");
    }
    assert_eq!(at_once("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n").2, Stand::Refused(400));
}

#[test]
fn a_head_and_a_target_have_a_longest_length_also_without_an_end() {
    let first = "GET / HTTP/1.1\r\n";
    for (bytes, stand) in [
        (format!("GET /{}", "a".repeat(LONGEST_TARGET + BESIDE_TARGET)), Stand::Refused(414)),
        (format!("GET /{} HTTP/1.1\r\n", "a".repeat(LONGEST_TARGET)), Stand::Refused(414)),
        (format!("GET /{} HTTP/1.1\r\n", "a".repeat(LONGEST_TARGET - 1)), Stand::Arriving),
        (format!("{first}x: {}", "y".repeat(LONGEST_HEAD)), Stand::Refused(431)),
        (format!("{first}{}", "x: y\r\n".repeat(LONGEST_HEAD / 6)), Stand::Refused(431)),
        ("\r\n".repeat(LONGEST_HEAD), Stand::Refused(431)),
        (format!("{first}x: {}", "y".repeat(LONGEST_HEAD / 2)), Stand::Arriving),
    ] {
        for piece in [usize::MAX, 1000] {
            assert_eq!(requests(bytes.as_bytes(), &[piece], usize::MAX).2, stand, "{} bytes", bytes.len());
        }
    }
}

/// The library keeps every chunk by itself, whatever it holds.
#[test]
fn a_body_does_not_come_in_crumbs() {
    let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    let crumb = "1;a=b\r\nx\r\n";
    let chunk = format!("40\r\n{}\r\n", "x".repeat(0x40));
    for (body, stand) in [
        (crumb.repeat(1024), Stand::Arriving),
        (chunk.repeat(20_000), Stand::Arriving),
        (format!("{}{}", crumb.repeat(1000), chunk.repeat(20_000)), Stand::Arriving),
        (format!("FFFF\r\n{}\r\n{}", "x".repeat(0xffff), crumb.repeat(2000)), Stand::Arriving),
        (crumb.repeat(1100), Stand::Broken),
        (format!("{}{}", chunk.repeat(1000), crumb.repeat(1100)), Stand::Broken),
        (format!("{chunk}{crumb}").repeat(5000), Stand::Broken),
    ] {
        let asked = format!("{head}{body}0\r\n\r\n");
        for piece in [usize::MAX, 1000, 7] {
            let (_, given, seen) = requests(asked.as_bytes(), &[piece], usize::MAX);
            assert_eq!(seen, stand, "{}", &body[..40]);
            assert!(given.len() < asked.len(), "nothing of what is one too many");
        }
    }
    let sent = format!("{head}{}", crumb.repeat(50_000));
    let (_, given, stand) = requests(sent.as_bytes(), &[], usize::MAX);
    assert!(stand == Stand::Broken && given.len() < 16 * 1024, "{}", given.len());
}

#[test]
fn the_offer_of_another_protocol_is_hidden_and_nothing_else_changed() {
    let offer = "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: close , Upgrade\r\nx-upgrade: Upgrade\r\n\r\n";
    let (all, ..) = at_once(offer);
    let shown = "GET / HTTP/1.1\r\nxxxxxxx: websocket\r\nConnection: close , xxxxxxx\r\nx-upgrade: Upgrade\r\n\r\n";
    assert_eq!(all, [shown.as_bytes()]);
}

/// What the library takes for requests in these bytes: their paths, and the lengths of their bodies.
fn library(bytes: Vec<u8>) -> Vec<(String, usize)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&seen);
        let http = HttpService::<DuplexStream, _, _>::build().h1(fn_service(move |mut request: Request| {
            let noted = Rc::clone(&noted);
            async move {
                let mut payload = request.take_payload();
                let mut length = 0;
                while let Some(Ok(chunk)) = payload.next().await {
                    length += chunk.len();
                }
                noted.borrow_mut().push((request.uri().path().to_owned(), length));
                Ok::<_, std::convert::Infallible>(Response::with_body(StatusCode::OK, Bytes::new()))
            }
        }));
        let http = http.new_service(()).await.unwrap();
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let ask = async {
            client.write_all(&bytes).await.unwrap();
            client.shutdown().await.unwrap();
            let _ = client.read_to_end(&mut Vec::new()).await;
        };
        let _ = tokio::join!(http.call((server, None)), ask);
        seen.take()
    })
}

/// A line of a head: ordinary ones, and those by which parsers were led astray.
fn line() -> impl Strategy<Value = String> {
    let words = [
        "x: y",
        "Accept: */*",
        "expect: 100-continue",
        "connection: keep-alive, upgrade",
        "upgrade: websocket",
        "UPGRADE:h2c",
        "content-length: 0",
        "content-length: 5",
        "Content-Length:\t12 ",
        "content-length: 007",
        "transfer-encoding: chunked",
        "Transfer-Encoding: \tCHUNKED",
        "transfer-encoding: identity",
        "transfer-encoding : chunked",
        "transfer_encoding: chunked",
        "content-length: +5",
        "content-length: 5,5",
        "content-length: 5\u{b}",
        " folded",
        "x: y\rz",
        "x: y\nz: y",
        "x:\0",
    ];
    // The ordinary ones more often.
    prop_oneof![4 => prop::sample::select(words[..11].to_vec()), 1 => prop::sample::select(words.to_vec())]
        .prop_map(str::to_owned)
}

fn body() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{1,20}".prop_map(|data| format!("{:x}\r\n{data}\r\n", data.len())),
        1 => "[ -~]{1,20}".prop_map(|data| format!("{:X};name=\"v\"\r\n{data}\r\n", data.len())),
        1 => prop::sample::select(vec!["1 \r\na\r\n", "1\na\r\n", "0x1\r\na\r\n", "1\r\nab\r\n", "1;\nx\r\na\r\n"]).prop_map(str::to_owned),
    ];
    let end =
        prop::sample::select(vec!["0\r\n\r\n", "000\r\n\r\n", "0;x\r\ny: z\r\n\r\n", "0\r\ny\r\n\r\n", "0\r\n\n", ""]);
    prop_oneof![
        2 => Just(String::new()),
        2 => "[ -~]{5}",
        1 => "[a-z\r\n: ]{0,40}",
        4 => (prop::collection::vec(piece, 0..4), end).prop_map(|(pieces, end)| pieces.concat() + end),
    ]
}

fn request() -> impl Strategy<Value = String> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "HEAD", "BREW", "CONNECT"]);
    let version = prop::sample::select(vec!["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2"]);
    let before = prop::sample::select(vec!["", "", "", "\r\n", "\n"]);
    (before, method, version, prop::collection::vec(line(), 0..4), body()).prop_map(
        |(before, method, version, lines, body)| {
            let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            format!("{before}{method} /asked {version}\r\nhost: a\r\n{lines}\r\n{body}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_does_not_matter_in_which_pieces_bytes_come(
        asked in prop::collection::vec(request(), 1..5),
        pieces in prop::collection::vec(1usize..60, 1..20),
        room in 1usize..100,
    ) {
        let bytes = asked.concat().into_bytes();
        prop_assert_eq!(requests(&bytes, &pieces, room), requests(&bytes, &[], usize::MAX));
    }

    #[test]
    fn the_library_ends_no_request_elsewhere(asked in prop::collection::vec(request(), 1..5)) {
        for whole in requests(asked.concat().as_bytes(), &[], usize::MAX).0 {
            let next = b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n";
            let seen = library([whole.as_slice(), next].concat());
            // It may refuse more than is refused here.
            let paths: Vec<_> = seen.iter().map(|(path, _)| path.as_str()).collect();
            let shown = String::from_utf8_lossy(&whole);
            prop_assert!(paths.is_empty() || paths == ["/asked", "/next"] && seen[1].1 == 0, "{shown:?}: {seen:?}");
        }
    }
}
