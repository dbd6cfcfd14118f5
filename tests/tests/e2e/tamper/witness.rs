//! A witness elsewhere: it is told every checkpoint, in nobody's way, and knows better when database and
//! anchors are put back together.

use std::{
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::copy;
use crate::support::{Outside, TestVault, binary, run_to_end};

/// What the witness does with what it is told.
#[derive(Default)]
struct Shelf {
    kept: Mutex<Vec<String>>,
    refuses: Mutex<bool>,
}

impl Shelf {
    fn last(&self) -> Option<Value> {
        self.kept.lock().unwrap().last().map(|told| serde_json::from_str(told).unwrap())
    }

    fn refuse(&self, refuses: bool) {
        *self.refuses.lock().unwrap() = refuses;
    }
}

/// A witness on this machine; gives its address.
async fn witness(shelf: Arc<Shelf>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, Arc::clone(&shelf)));
        }
    });
    format!("http://{address}/log")
}

/// One request on one connection.
async fn serve(mut connection: TcpStream, shelf: Arc<Shelf>) -> std::io::Result<()> {
    let mut read = Vec::new();
    let (head, body) = loop {
        let mut chunk = [0; 4096];
        let length = connection.read(&mut chunk).await?;
        if length == 0 {
            return Ok(());
        }
        read.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let expected = head.to_ascii_lowercase().lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= expected.unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    assert!(head.contains("authorization: Bearer the-witness-knows-me"), "{head}");
    let (status, answer) = if *shelf.refuses.lock().unwrap() {
        ("500 Down", String::new())
    } else if head.starts_with("POST /log HTTP") {
        shelf.kept.lock().unwrap().push(body);
        ("200 OK", "seen by the witness".to_owned())
    } else {
        assert!(head.starts_with("GET /log?installation="), "{head}");
        ("200 OK", shelf.kept.lock().unwrap().join("\n"))
    };
    let length = answer.len();
    let response = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}");
    connection.write_all(response.as_bytes()).await
}

async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !reached().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} takes too long");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn standing(vault: &TestVault) -> Value {
    vault.ask_base(Method::GET, "/readyz").send().await.expect(200).json()["witness"].clone()
}

/// `audit verify`, compared with the witness.
fn verify_with(vault: &TestVault, address: &str) -> (Option<i32>, String) {
    let mut command = Command::new(binary());
    command.args(["audit", "verify", "--witness", address, "--data"]).arg(vault.data());
    command.arg("--witness-token-file").arg(vault.folder().join("witness.token"));
    let output = run_to_end(&mut command);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

// Several threads: the witness answers while a command is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_witness_knows_better_when_database_and_anchors_are_put_back_together() {
    let shelf = Arc::new(Shelf::default());
    let address = witness(Arc::clone(&shelf)).await;
    let mut outside = Outside::start_configured(|text, folder| {
        let token = folder.join("witness.token");
        std::fs::write(&token, "the-witness-knows-me\n").unwrap();
        format!("{text}\n[witness]\nurl = \"{address}\"\nevery_seconds = 1\ntoken_file = \"{}\"\n", token.display())
    })
    .await;
    let operator = outside.api_token("operator").await;
    let vault = &mut outside.vault;
    until("a first word", async || standing(vault).await == "told").await;
    let told = shelf.last().unwrap();
    assert_eq!((&told["witness"], &told["node"]), (&json!(1), &json!("node-1")));
    assert!(told["checkpoint"]["signature"].is_string());
    let answers = std::fs::read_to_string(vault.data().join("witness.jsonl")).unwrap();
    assert!(answers.contains("\"answer\":\"seen by the witness\""), "its answers are kept: {answers}");

    // A witness that is away is in nobody's way, and it is seen.
    shelf.refuse(true);
    vault.create_vault(&operator, &json!({ "name": "demo" })).await;
    until("to be seen", async || standing(vault).await == "behind").await;
    vault.ask_base(Method::GET, "/api/v1/vaults/demo").bearer(&operator).send().await.expect(200);
    shelf.refuse(false);
    until("to be told again", async || standing(vault).await == "told").await;

    // Everything on the disk is put back, anchors included, and goes on from there.
    vault.stop();
    let older = vault.folder().join("older");
    copy(&vault.data(), &older);
    vault.start().await.unwrap();
    vault.create_vault(&operator, &json!({ "name": "forgotten" })).await;
    let size = |told: Option<Value>| told.unwrap()["checkpoint"]["size"].as_u64().unwrap();
    let before = size(shelf.last());
    until("the newest to be told", async || size(shelf.last()) > before && standing(vault).await == "told").await;
    vault.stop();
    let (code, said) = verify_with(vault, &address);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the audit log verifies"), "{said}");
    std::fs::remove_dir_all(vault.data()).unwrap();
    copy(&older, &vault.data());
    let (code, said) = verify_with(vault, &address);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("was cut") && said.contains("what the witness keeps"), "{said}");

    vault.start().await.unwrap();
    for name in ["one", "two", "three"] {
        vault.create_vault(&operator, &json!({ "name": name })).await;
    }
    until("the contradiction to be seen", async || standing(vault).await == "contradicts").await;
    assert!(vault.log().contains("does not continue what the witness keeps"), "{}", vault.log());
    let kept = shelf.kept.lock().unwrap().len();
    vault.create_vault(&operator, &json!({ "name": "four" })).await;
    vault.stop();
    assert_eq!(shelf.kept.lock().unwrap().len(), kept, "a second past is told to nobody");
    let (code, said) = verify_with(vault, &address);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("what the witness keeps"), "{said}");
}
