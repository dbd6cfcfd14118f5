//! What a connection may cost: time for heads, bodies and answers; sizes; how many there are.

use std::time::{Duration, Instant};

use reqwest::Method;

use super::{Edge, LISTEN, Wire};
use crate::support::TestVault;

/// Times so short that a story can wait for them.
const SHORT: &str = "[limits]\nhead_seconds = 2\nbody_seconds = 2\nanswer_seconds = 2\nidle_seconds = 3\n";

async fn hasty() -> Edge {
    Edge::start(LISTEN, SHORT).await
}

/// Resident memory of the server in KiB.
fn resident(edge: &Edge) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", edge.vault.process())).expect("its status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// The longest asset of the sign-in page and its length in bytes.
async fn longest_asset(edge: &Edge) -> (String, usize) {
    let page = edge.vault.ask_base(Method::GET, "/sign-in").send().await.expect(200).text();
    let mut longest = (0, String::new());
    for link in page.split('"').filter(|part| part.starts_with("/assets/")) {
        let length = edge.vault.ask_base(Method::GET, link).send().await.expect(200).body.len();
        longest = longest.max((length, link.to_owned()));
    }
    assert!(longest.0 > 10_000, "the page has an asset worth asking for: {longest:?}");
    (longest.1, longest.0)
}

#[tokio::test]
async fn a_client_that_never_reads_its_answers_is_dropped() {
    let edge = hasty().await;
    let (asset, length) = longest_asset(&edge).await;
    let request = format!("GET {asset} HTTP/1.1\r\nhost: {}\r\n\r\n", edge.authority());
    let batch = request.repeat(50);
    // What answering costs once, in whatever thread answers, is not what a connection costs.
    for _ in 0..20 {
        let mut wire = edge.connect().await;
        wire.write(&request).await.expect("to write");
        assert!(wire.answer().await.starts_with("HTTP/1.1 200 "));
    }
    let before = resident(&edge);
    let mut greedy = Vec::new();
    for _ in 0..20 {
        let (mut wire, batch) = (edge.connect().await, batch.clone());
        greedy.push(tokio::spawn(async move {
            let since = Instant::now();
            let mut asked = 0_usize;
            // Ends when the server has closed the connection: nobody reads, so writing stops first.
            while wire.write(&batch).await.is_ok() {
                asked += 50;
            }
            (since.elapsed(), asked)
        }));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let during = resident(&edge);
    edge.vault.ask_base(Method::GET, "/sign-in").send().await.expect(200);
    let mut asked_for = 0;
    for client in greedy {
        let (held, asked) =
            tokio::time::timeout(Duration::from_secs(60), client).await.expect("it is dropped").expect("a time");
        assert!(held < Duration::from_secs(40), "{held:?}");
        asked_for += asked;
    }
    let each = during.saturating_sub(before) / 20;
    let wanted = asked_for / 20 * length / 1024;
    assert!(wanted > 50_000, "each asked for {wanted} KiB, too little to show anything");
    // Buffers of a fixed size, and what the allocator keeps: some hundred KiB, more on a busy machine.
    assert!(each < 4096, "a connection that asked for {wanted} KiB costs {each} KiB");
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_everything() {
    let edge = hasty().await;
    let (asset, _) = longest_asset(&edge).await;
    let request = format!("GET {asset} HTTP/1.1\r\nhost: {}\r\n\r\n", edge.authority());
    let mut wire = edge.connect().await;
    wire.write(&request.repeat(20)).await.expect("to write");
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(wire.answer().await.starts_with("HTTP/1.1 200 "), "pipelined answers come in order");
    }
}

#[tokio::test]
async fn a_head_that_does_not_arrive_is_given_up_on_every_connection() {
    let edge = hasty().await;
    let mut first = edge.connect().await;
    first.write("GET / HTTP/1.1\r\nhost: v").await.expect("to write");
    let (said, took) = first.read_to_end().await;
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    assert!(took < Duration::from_secs(8), "{took:?}");

    // The library watches the first head only; one letter a second would hold a kept connection for ever.
    let mut kept = edge.connect().await;
    kept.write(&format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", edge.authority())).await.expect("to write");
    assert!(kept.answer().await.starts_with("HTTP/1.1 200 "));
    let since = Instant::now();
    for letter in "GET / HTTP/1.1\r\nhost: somebody.example".chars() {
        if kept.write(&letter.to_string()).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let held = since.elapsed();
    assert!(held < Duration::from_secs(8), "{held:?}");

    let mut idle = edge.connect().await;
    idle.write(&format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", edge.authority())).await.expect("to write");
    assert!(idle.answer().await.starts_with("HTTP/1.1 200 "));
    let (said, took) = idle.read_to_end().await;
    assert!(said.is_empty() && took < Duration::from_secs(10), "an idle connection is closed: {said} {took:?}");

    // Nor is a handshake waited for.
    let mut silent = tokio::net::TcpStream::connect(("127.0.0.1", edge.vault.port)).await.expect("a connection");
    let since = Instant::now();
    let mut nothing = [0; 1];
    let read = tokio::io::AsyncReadExt::read(&mut silent, &mut nothing);
    let read = tokio::time::timeout(Duration::from_secs(10), read).await.expect("it is closed");
    assert!(read.is_err() || read.is_ok_and(|count| count == 0));
    assert!(since.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_or_end_is_given_up() {
    let edge = hasty().await;
    let token = "/x/oauth2/v2.0/token";
    let mut slow = edge.connect().await;
    let head = format!("POST {token} HTTP/1.1\r\nhost: {}\r\ncontent-length: 100\r\n\r\na=", edge.authority());
    slow.write(&head).await.expect("to write");
    let (said, took) = slow.read_to_end().await;
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    assert!(said.contains("RequestTimeout"), "{said}");
    assert!(took < Duration::from_secs(12), "{took:?}");

    let mut chunked = edge.connect().await;
    let body = "400\r\n".to_owned() + &"a".repeat(0x400) + "\r\n";
    let head = format!("POST {token} HTTP/1.1\r\nhost: {}\r\ntransfer-encoding: chunked\r\n\r\n", edge.authority());
    chunked.write(&format!("{head}{}0\r\n\r\n", body.repeat(20))).await.expect("to write");
    assert!(chunked.answer().await.starts_with("HTTP/1.1 400 "), "a chunked body is read to its end and judged");

    let mut endless = edge.connect().await;
    let head = format!("POST {token} HTTP/1.1\r\nhost: {}\r\ntransfer-encoding: chunked\r\n\r\n", edge.authority());
    endless.write(&head).await.expect("to write");
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000));
    let since = Instant::now();
    while endless.write(&chunk).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(since.elapsed() < Duration::from_secs(20), "an endless body is not drained for ever");
    }
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body() {
    // Body and idle times are the usual ones, which are longer than this story may take.
    let edge = Edge::start(LISTEN, "").await;
    let head = |more: &str| {
        let path = "/secrets/db?api-version=7.6";
        format!("PUT {path} HTTP/1.1\r\nhost: demo.{}\r\n{more}\r\n\r\n", edge.authority())
    };
    for more in ["content-length: 200000", "transfer-encoding: chunked"] {
        let mut wire = edge.connect().await;
        let since = Instant::now();
        wire.write(&head(more)).await.expect("to write");
        let said = wire.answer().await;
        assert!(said.starts_with("HTTP/1.1 401 ") && since.elapsed() < Duration::from_secs(5), "{more}: {said}");
    }
    // A body that has come with the head is no reason to close the connection.
    let mut kept = edge.connect().await;
    for _ in 0..3 {
        kept.write(&format!("{}{{\"value\":\"v\"}}", head("content-length: 13"))).await.expect("to write");
        assert!(kept.answer().await.starts_with("HTTP/1.1 401 "));
    }
}

#[tokio::test]
async fn a_head_longer_than_any_request_needs_is_refused() {
    let edge = hasty().await;
    for (length, status) in [(20_000, 200), (40_000, 431), (200_000, 431)] {
        let mut wire = edge.connect().await;
        let long = "a".repeat(length);
        let request = format!(
            "GET /sign-in HTTP/1.1\r\nhost: {}\r\nx-long: {long}\r\nconnection: close\r\n\r\n",
            edge.authority()
        );
        // The server may close before it has read everything.
        let _ = wire.write(&request).await;
        let (said, _) = wire.read_to_end().await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{length}: {said}");
    }
    let mut many = edge.connect().await;
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n{}\r\n", edge.authority(), "x: y\r\n".repeat(100));
    let _ = many.write(&request).await;
    let (said, _) = many.read_to_end().await;
    assert!(said.starts_with("HTTP/1.1 431 ") || said.starts_with("HTTP/1.1 400 "), "{said}");
    let log = edge.vault.log();
    assert!(!log.contains("ERROR"), "what outsiders send is not worth a line in the log: {log}");
}

#[tokio::test]
async fn nobody_takes_every_connection() {
    let edge = Edge::start(LISTEN, "[limits]\nconnections_per_client = 5\n").await;
    // The client that waited for the server holds one connection already.
    let mut held = Vec::new();
    let refused = loop {
        let socket = tokio::net::TcpStream::connect(("127.0.0.1", edge.vault.port)).await.expect("a connection");
        match edge.secure(socket).await {
            Ok(wire) => held.push(wire),
            Err(error) => break error,
        }
        assert!(held.len() <= 5, "no more than five");
    };
    assert!(held.len() >= 4, "{refused} after {}", held.len());
    held.clear();
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let socket = tokio::net::TcpStream::connect(("127.0.0.1", edge.vault.port)).await.expect("a connection");
        if edge.secure(socket).await.is_ok() {
            break;
        }
        assert!(Instant::now() < until, "seats are given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Only what is longer than an ordinary body needs a place, of which everybody has one.
#[tokio::test]
async fn a_caller_sends_one_long_body_at_a_time_and_keeps_nobody_out() {
    let vault = TestVault::dev().await;
    let tokens = [vault.token(&vault.app()).await, vault.token(&vault.operator()).await];
    let ca = std::fs::read(vault.data().join("ca.pem")).expect("the CA");
    let begin = async |token: &str, length: usize, sent: usize| {
        let socket = tokio::net::TcpStream::connect(("127.0.0.1", vault.port)).await.expect("a connection");
        let mut wire = Wire::secure(socket, &ca, "demo.vault.localhost").await.expect("TLS");
        let host = format!("demo.vault.localhost:{}", vault.port);
        let begun = "a".repeat(sent - 1);
        let request = format!(
            "POST /secrets/restore?api-version=7.5 HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
             authorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{{{begun}"
        );
        wire.write(&request).await.expect("to write");
        wire
    };
    let [app, operator] = &tokens;
    // One that hardly begins has no place, and keeps nobody from one.
    let _trickle = begin(app, 2_000_000, 1).await;
    // Which of the two has its head read first is not ours to say: one has the place, the other is refused.
    let (mut one, mut two) = (begin(app, 2_000_000, 100_000).await, begin(app, 2_000_000, 100_000).await);
    let (refused, mut first) = tokio::select! {
        answer = one.answer() => (answer, two),
        answer = two.answer() => (answer, one),
    };
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    let mut short = begin(app, 2, 1).await;
    short.write("}").await.expect("to write");
    assert!(short.answer().await.starts_with("HTTP/1.1 400 "), "a short one needs no place");
    let mut other = begin(operator, 2_000_000, 100_000).await;
    for wire in [&mut first, &mut other] {
        wire.write(&"a".repeat(1_900_000)).await.expect("to write");
        assert!(wire.answer().await.starts_with("HTTP/1.1 400 "), "read to its end and judged");
    }
}

/// A long answer that nobody takes stays in memory: one for each caller, and the others go on.
#[tokio::test]
async fn a_caller_takes_one_long_backup_at_a_time_and_keeps_nobody_out() {
    let vault = TestVault::dev().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
    // Longer than what the system keeps on its way.
    let value = "x".repeat(25_600);
    for _ in 0..200 {
        vault.set(&app, "long", &value).await;
    }
    let backup = |token: &str| vault.ask(Method::POST, "/secrets/long/backup").bearer(token).send();
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(16 * 1024).expect("a small buffer");
    let socket = socket.connect(([127, 0, 0, 1], vault.port).into()).await.expect("a connection");
    let ca = std::fs::read(vault.data().join("ca.pem")).expect("the CA");
    let mut slow = Wire::secure(socket, &ca, "demo.vault.localhost").await.expect("TLS");
    let host = format!("demo.vault.localhost:{}", vault.port);
    let head = format!(
        "POST /secrets/long/backup?api-version=7.5 HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {app}\r\n\
         content-length: 0\r\n\r\n"
    );
    slow.write(&head).await.expect("to write");
    let is_backup = |record: &serde_json::Value| record["operation"] == "SecretBackup";
    while !vault.records(&operator).await.iter().any(is_backup) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut next = Box::pin(backup(&app));
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut next).await.is_err(), "it waits for its turn");
    backup(&operator).await.expect(200);
    drop(slow);
    assert!(next.await.expect(200).body.len() > 6_000_000, "whoever is gone gives the place back");
}
