//! What stands in front of the server: proxies that name the client, sockets, new certificates.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
};

use super::{Edge, LISTEN, Wire};
use crate::support::{Ask, Certificates, Database, Outside, client, trusting_anybody};

const LISTENERS: &str = r#"
[[listeners]]
name = "public"
address = "127.0.0.1:PORT"
[[listeners]]
name = "balanced"
address = "127.0.0.1:NEXT"
proxies = ["127.0.0.1/32"]
proxy_protocol = true
[[listeners]]
name = "proxy"
socket = "FOLDER/http.sock"
proxies = ["198.51.100.0/24"]
forwarded = "x-forwarded-for"
"#;

/// Protected, so that every request of it is on record.
const ASK: &str = "/api/v1/vaults";

/// Which client and listener the record of each of these requests names, once the server has stopped.
async fn told(edge: &mut Edge, ids: &[String]) -> Vec<(String, String)> {
    edge.vault.stop();
    let mut database = Database::open(&edge.vault).await;
    let bodies = database.texts("SELECT body FROM audit_records").await;
    database.close().await;
    let records: Vec<Value> = bodies.iter().map(|body| serde_json::from_str(body).expect("a record")).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ids.iter()
        .map(|id| {
            let record = records.iter().find(|record| record["id"] == id.as_str()).expect("a record of the request");
            (text(&record["client"]), text(&record["listener"]))
        })
        .collect()
}

fn request(edge: &Edge, path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{more}\r\n", edge.authority())
}

/// The id in the head of a 401.
fn id(head: &str) -> String {
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    let line = head.lines().find_map(|line| line.strip_prefix("x-ms-request-id: "));
    line.unwrap_or_else(|| panic!("no request id: {head}")).to_owned()
}

async fn balanced(edge: &Edge, header: &[u8]) -> std::io::Result<Wire> {
    let mut socket = TcpStream::connect(("127.0.0.1", edge.vault.port + 1)).await?;
    socket.write_all(header).await?;
    edge.secure(socket).await
}

/// Plain HTTP over the socket; the head of the answer.
async fn over_the_socket(edge: &Edge, path: &str, more: &str) -> String {
    let mut socket = UnixStream::connect(edge.vault.folder().join("http.sock")).await.expect("the socket");
    socket.write_all(request(edge, path, &format!("{more}connection: close\r\n")).as_bytes()).await.expect("to write");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    answer.split("\r\n\r\n").next().expect("a head").to_owned()
}

#[tokio::test]
async fn the_record_names_the_client_that_a_configured_proxy_names() {
    let mut edge = Edge::start("", LISTENERS).await;

    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    binary.extend([203, 0, 113, 8, 127, 0, 0, 1, 0x15, 0xb3, 0x01, 0xbb]);
    let mut ids = Vec::new();
    for header in [b"PROXY TCP4 203.0.113.7 127.0.0.1 5555 443\r\n".to_vec(), binary] {
        let mut wire = balanced(&edge, &header).await.expect("TLS behind the header");
        // What a client writes itself counts for nothing here.
        wire.write(&request(&edge, ASK, "x-forwarded-for: 192.0.2.1\r\n")).await.expect("to write");
        ids.push(id(&wire.answer().await));
    }
    assert!(balanced(&edge, b"").await.is_err(), "without the header nothing is understood");
    let mut lying = TcpStream::connect(("127.0.0.1", edge.vault.port)).await.expect("a connection");
    lying.write_all(b"PROXY TCP4 203.0.113.7 127.0.0.1 5555 443\r\n").await.expect("to write");
    assert!(edge.secure(lying).await.is_err(), "who is no proxy names nobody");
    ids.push(id(&over_the_socket(&edge, ASK, "x-forwarded-for: 192.0.2.1, 203.0.113.9, 198.51.100.4\r\n").await));
    ids.push(id(&over_the_socket(&edge, ASK, "").await));
    let unreadable = over_the_socket(&edge, "/sign-in", "x-forwarded-for: somewhere\r\n").await;
    assert!(unreadable.starts_with("HTTP/1.1 400 "), "{unreadable}");
    let mut direct = edge.connect().await;
    direct
        .write(&request(&edge, ASK, "x-forwarded-for: 192.0.2.1\r\nforwarded: for=192.0.2.1\r\n"))
        .await
        .expect("to write");
    ids.push(id(&direct.answer().await));

    let socket = std::fs::metadata(edge.vault.folder().join("http.sock")).expect("the socket's file");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&socket.permissions()) & 0o777, 0o600);
    let expected = [
        ("203.0.113.7", "balanced"),
        ("203.0.113.8", "balanced"),
        ("203.0.113.9", "proxy"),
        ("127.0.0.1", "proxy"),
        ("127.0.0.1", "public"),
    ];
    let told = told(&mut edge, &ids).await;
    let told: Vec<_> = told.iter().map(|(client, listener)| (client.as_str(), listener.as_str())).collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart_and_a_bad_one_is_not() {
    let edge = Edge::start(LISTEN, "").await;
    let asks = async |ca: &[u8]| {
        let url = format!("https://vault.localhost:{}/healthz", edge.vault.port);
        Ask::new(&client(ca), Method::GET, &url).try_send().await.map(|answer| answer.status)
    };
    let first = edge.certificates.ca_pem();
    let mut kept = edge.connect().await;
    assert_eq!(asks(&first).await.expect("an answer"), 200);

    let right = std::fs::read(&edge.certificates.key).expect("the key");
    std::fs::write(&edge.certificates.key, "no key").expect("to write");
    edge.vault.signal("HUP");
    edge.vault.log_says("the certificate is kept as it was").await;
    assert_eq!(asks(&first).await.expect("an answer"), 200);
    std::fs::write(&edge.certificates.key, right).expect("to write");

    let second = Certificates::make(edge.vault.folder()).ca_pem();
    edge.vault.signal("HUP");
    edge.vault.log_says("the certificate was read again").await;
    assert_eq!(asks(&second).await.expect("an answer"), 200);
    assert!(asks(&first).await.is_err(), "the old one is not shown any more");
    kept.write(&format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", edge.authority())).await.expect("to write");
    assert!(kept.answer().await.starts_with("HTTP/1.1 200 "), "connections that are there go on");
}

/// Who is told what somebody has to see to: the address, and what was told.
async fn receiver() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut read = Vec::new();
            let alert: Value = loop {
                let mut chunk = [0; 4096];
                let length = connection.read(&mut chunk).await.expect("a request");
                assert!(length > 0, "it breaks off");
                read.extend_from_slice(&chunk[..length]);
                let text = String::from_utf8_lossy(&read);
                let body = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
                if let Some(whole) = body {
                    break whole;
                }
            };
            kept.lock().expect("the list").push(alert);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            connection.write_all(answer).await.expect("to answer");
        }
    });
    (address, told)
}

/// Until then the files stand in. And whoever is told of certificates is told of one that an issuer would not issue.
#[tokio::test]
async fn the_server_shows_the_certificate_of_a_vault_once_it_is_there() {
    let (hook, told) = receiver().await;
    let from_vault = |text: &str| {
        let text = text.replace("[tls]\n", "[tls]\nfrom_vault = \"demo/server\"\n");
        format!("{text}\n[alerts]\nurl = \"{hook}\"\n")
    };
    let outside = Outside::start_configured(|text, _| from_vault(text)).await;
    let vault = &outside.vault;
    let standing = async |ca: &[u8]| {
        let url = format!("{}/readyz", vault.base);
        Ask::new(&client(ca), Method::GET, &url).try_send().await.map(|answer| answer.json()["certificate"].clone())
    };
    let files = outside.certificates.ca_pem();
    assert_eq!(standing(&files).await.expect("an answer"), "kept", "there is no such vault yet");

    let operator = outside.api_token("operator").await;
    vault.create_vault(&operator, &json!({ "name": "demo" })).await;
    let issuer = outside.issuer();
    let role = "Key Vault Administrator";
    let itself = json!({ "issuer": issuer, "subject": "operator", "role": role, "scope": "/vaults/demo" });
    vault.assign(&operator, &itself).await;
    let policy = json!({ "policy": {
        "issuer": { "name": "Self" },
        "key_props": { "kty": "EC", "crv": "P-256", "exportable": true },
        "x509_props": {
            "subject": "CN=vault.localhost",
            "sans": { "dns_names": ["vault.localhost", "*.vault.localhost"] },
            "validity_months": 3,
        },
    } });
    // Whatever the server shows meanwhile.
    let anybody = trusting_anybody();
    let ask = |method: Method, path: &str| {
        let url = format!("{}/certificates/{path}?api-version=7.6", vault.vault_url("demo"));
        Ask::new(&anybody, method, &url).bearer(&operator)
    };
    // A version, shown after a look.
    let shown = async || {
        ask(Method::POST, "server/create").json(&policy).send().await.expect(202);
        let made = ask(Method::GET, "server").send().await.expect(200).json();
        vault.signal("HUP");
        let version = made["id"].as_str().expect("an id").rsplit('/').next().expect("a version");
        vault.log_says(version).await;
        let der = made["cer"].as_str().expect("a certificate");
        format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
    };
    let first = shown().await;
    assert_eq!(standing(first.as_bytes()).await.expect("an answer"), Value::Null);
    assert!(standing(&files).await.is_err(), "the one of the files is not shown any more");
    let second = shown().await;
    assert_eq!(standing(second.as_bytes()).await.expect("an answer"), Value::Null);
    assert!(standing(first.as_bytes()).await.is_err(), "new connections get the new one alone");

    let create = async |name: &str, issuer: &str, says: Value| {
        let key = json!({ "kty": "EC", "crv": "P-256", "exportable": false });
        let policy = json!({ "issuer": { "name": issuer }, "key_props": key, "x509_props": says });
        let path = format!("{name}/create");
        ask(Method::POST, &path).json(&json!({ "policy": policy })).send().await.expect(202);
    };
    let root = json!({ "subject": "CN=Root", "basic_constraints": { "ca": true }, "validity_months": 24 });
    create("root", "Self", root).await;
    let house = json!({ "provider": "Strongroom-CA", "settings": { "kind": "authority", "certificate": "root" } });
    ask(Method::PUT, "issuers/house").json(&house).send().await.expect(200);
    // A user, by an issuer for servers.
    let user = json!({ "subject": "CN=ada", "sans": { "upns": ["ada@vault.localhost"] } });
    create("user", "house", user).await;
    let of_user = || told.lock().expect("the list").iter().find(|alert| alert["certificate"] == "user").cloned();
    for _ in 0..500 {
        if of_user().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let alert = of_user().expect("an alert");
    assert_eq!((&alert["alert"], &alert["reason"]), (&json!("certificate-not-issued"), &json!("outside-profile")));
    assert_eq!(told.lock().expect("the list")[0]["alert"], "node-started");
}

/// See decision 0014: no frame of HTTP/2 is ever parsed, whichever way a client begins it.
#[tokio::test]
async fn only_http_1_1_is_offered() {
    let edge = Edge::start(LISTEN, "").await;
    let ca = edge.certificates.ca_pem();
    let connect = async |protocols: &[&str]| {
        let socket = TcpStream::connect(("127.0.0.1", edge.vault.port)).await.expect("a connection");
        Wire::offering(socket, &ca, "vault.localhost", protocols).await
    };
    let both = connect(&["h2", "http/1.1"]).await.expect("TLS");
    assert_eq!(both.protocol(), Some(b"http/1.1".as_slice()));
    assert!(connect(&["h2"]).await.is_err(), "nothing else is spoken");
    let authority = edge.authority();
    let mut upgrade = connect(&[]).await.expect("TLS");
    let settings = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n";
    upgrade.write(&format!("GET /healthz HTTP/1.1\r\nhost: {authority}\r\n{settings}\r\n")).await.expect("written");
    assert!(upgrade.answer().await.starts_with("HTTP/1.1 200"), "an upgrade is not followed");
    let mut preface = connect(&[]).await.expect("TLS");
    preface.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("written");
    let (answer, _) = preface.read_to_end().await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "prior knowledge helps nobody: {answer}");

    // Beneath it TLS 1.3, 1.2 where a client has no newer one, and nothing older.
    assert_eq!(both.version(), Some(rustls::ProtocolVersion::TLSv1_3));
    let mut older = Wire::of_version_1_2(&edge).await.expect("TLS 1.2");
    assert_eq!(older.version(), Some(rustls::ProtocolVersion::TLSv1_2));
    older.write(&format!("GET /healthz HTTP/1.1\r\nhost: {authority}\r\n\r\n")).await.expect("written");
    assert!(older.answer().await.starts_with("HTTP/1.1 200"));
    assert_eq!(hello_of_version_1_1(&edge).await, [0x15, 2, 70], "a fatal alert: protocol_version");
}

/// What is answered to a client that has TLS 1.1 (RFC 4346): type of the record, level and description of the alert.
async fn hello_of_version_1_1(edge: &Edge) -> [u8; 3] {
    let suites: [u8; 6] = [0x00, 0x04, 0xc0, 0x13, 0x00, 0x2f];
    // Without it (RFC 5246) no version is looked at.
    let signature_algorithms: [u8; 10] = [0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    let hello = [&[0x03, 0x02][..], &[7; 32], &[0], &suites, &[1, 0], &signature_algorithms].concat();
    let length = u8::try_from(hello.len()).expect("short");
    let record = [&[0x16, 0x03, 0x01, 0, length + 4, 0x01, 0, 0, length][..], hello.as_slice()].concat();
    let mut socket = TcpStream::connect(("127.0.0.1", edge.vault.port)).await.expect("a connection");
    socket.write_all(&record).await.expect("written");
    let mut answer = [0; 7];
    socket.read_exact(&mut answer).await.expect("an alert");
    [answer[0], answer[5], answer[6]]
}
