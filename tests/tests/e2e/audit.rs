//! `strongroom audit`: records are found, followed, exported and proven; what was taken out of the
//! server is checked without it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::support::{Credential, TestVault, binary, run_to_end};

fn ask(vault: &TestVault, who: &Credential, arguments: &[&str]) -> String {
    let output = run_to_end(&mut vault.cli(who, arguments));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The exit code and the complaint of a command that does not succeed.
fn refused(vault: &TestVault, who: &Credential, arguments: &[&str]) -> (i32, String) {
    let output = run_to_end(&mut vault.cli(who, arguments));
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Waits until a checkpoint covers the record.
async fn receipt(vault: &TestVault, operator: &Credential, id: &str) -> String {
    for _ in 0..100 {
        let output = run_to_end(&mut vault.cli(operator, &["audit", "receipt", id]));
        if output.status.success() {
            return String::from_utf8(output.stdout).unwrap();
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("no checkpoint covers the record yet"), "{said}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no checkpoint covers {id}");
}

#[tokio::test]
async fn records_are_found_by_what_they_say() {
    let vault = TestVault::dev().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.operator());
    for name in ["found-one", "found-two", "other"] {
        vault.set(&app, name, "walked-value").await;
    }
    let got = vault.get(&app, "found-one").await.expect(200);
    vault.get(&app, "found-none").await.expect(404);
    let query = |arguments: &[&str]| {
        let all = [&["audit", "query"][..], arguments].concat();
        let text = ask(&vault, &operator, &all);
        assert!(!text.contains("walked-value"));
        lines(&text)
    };
    let objects = |records: &[Value]| {
        records.iter().map(|r| r["object"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(objects(&query(&["--operation", "SecretSet", "--object", "found"])), ["found-two", "found-one"]);
    assert_eq!(objects(&query(&["--operation", "SecretSet", "--limit", "1"])), ["other"]);
    assert_eq!(objects(&query(&["--vault", "demo", "--outcome", "failed"])), ["found-none"]);
    let by_id = query(&["--id", got.request_id()]);
    assert_eq!((by_id.len(), &by_id[0]["status"], &by_id[0]["operation"]), (1, &Value::from(200), &"SecretGet".into()));
    assert_eq!(by_id[0]["principal"]["subject"], vault.app().id);
    // As `audit tail` shows it, it is found again.
    let tail = ask(&vault, &operator, &["audit", "tail", "--object", "found-one", "--operation", "SecretGet"]);
    let short = tail.lines().last().unwrap().rsplit(' ').next().unwrap();
    assert!(short.len() < 36 && got.request_id().starts_with(short), "{tail}");
    assert_eq!(query(&["--id", short]), by_id);
    let why = ask(&vault, &operator, &["policy", "why", short]);
    assert!(why.contains("what    demo/secrets/found-one"), "{why}");
    let (code, said) = refused(&vault, &operator, &["policy", "why", &short[..12]]);
    assert!(code == 2 && said.contains("at least 13 characters"), "{said}");
    let (code, said) = refused(&vault, &operator, &["policy", "why", "01900000-0000"]);
    assert!(code == 6 && said.contains("audit tail shows the newest"), "{said}");
    // What says nothing new is left out, and that is said.
    let tail = |more: &[&str]| {
        let output = run_to_end(&mut vault.cli(&operator, &[&["audit", "tail", "-n", "1000"][..], more].concat()));
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (told, said) = tail(&[]);
    assert!(
        !told.contains("challenged") && !told.contains("AuditRead") && said.contains("--all shows them"),
        "{told}{said}"
    );
    let (told, said) = tail(&["--all"]);
    assert!(told.contains("challenged") && told.contains("AuditRead") && said.is_empty(), "{told}{said}");
    let (told, _) = tail(&["--outcome", "unauthenticated"]);
    assert!(told.contains("challenged"), "what is asked for by name is shown: {told}");
    assert!(by_id[0]["trace_digest"].as_str().unwrap().len() == 64 && by_id[0]["trace"].is_array());
    let at = by_id[0]["at"].as_i64().unwrap();
    assert!(query(&["--until", &at.to_string(), "--id", got.request_id()]).is_empty());
    assert_eq!(
        query(&["--from", &at.to_string(), "--until", &(at + 1).to_string(), "--id", got.request_id()]).len(),
        1
    );
    assert!(query(&["--principal", "nobody-like-that"]).is_empty());
    assert!(query(&["--from", "2100-01-01T00:00:00Z"]).is_empty());
    let refused = run_to_end(&mut vault.cli(&operator, &["audit", "query", "--from", "yesterday"]));
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("from is a moment"));
    let denied = run_to_end(&mut vault.cli(&vault.nobody(), &["audit", "export"]));
    assert!(!denied.status.success() && denied.stdout.is_empty());
}

#[tokio::test]
async fn new_records_are_followed() {
    let vault = TestVault::dev().await;
    let app = vault.token(&vault.app()).await;
    vault.set(&app, "before", "x").await;
    let mut tail = vault.cli(&vault.operator(), &["audit", "tail", "--follow", "--output", "json", "--vault", "demo"]);
    let mut tail = tail.stdout(Stdio::piped()).spawn().unwrap();
    let mut seen = BufReader::new(tail.stdout.take().unwrap()).lines().map_while(Result::ok);
    let next = tokio::task::spawn_blocking(move || {
        let object = |line: Option<String>| {
            let record: Value = serde_json::from_str(&line.unwrap()).unwrap();
            record["object"].as_str().unwrap_or_default().to_owned()
        };
        let mut objects = Vec::new();
        while objects.last().map(String::as_str) != Some("after-2") {
            objects.push(object(seen.next()));
        }
        objects
    });
    vault.set(&app, "after-1", "x").await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    vault.set(&app, "after-2", "x").await;
    let objects = tokio::time::timeout(Duration::from_secs(60), next).await.expect("it follows").unwrap();
    tail.kill().unwrap();
    tail.wait().unwrap();
    for name in ["before", "after-1", "after-2"] {
        assert_eq!(objects.iter().filter(|object| *object == name).count(), 1, "{name}: {objects:?}");
    }
}

#[tokio::test]
async fn receipts_and_exports_are_checked_without_the_server() {
    let mut vault = TestVault::dev().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.operator());
    for number in 0..5 {
        vault.set(&app, &format!("secret-{number}"), "walked-value").await;
    }
    let got = vault.get(&app, "secret-3").await.expect(200);
    let receipt = receipt(&vault, &operator, got.request_id()).await;
    let exported = ask(&vault, &operator, &["audit", "export"]);
    assert!(!receipt.contains("walked-value") && !exported.contains("walked-value"));
    assert!(exported.contains(got.request_id()), "what is covered is in the export");
    vault.stop();
    let key = vault.data().join("audit.pub");
    let kept = vault.data().join("anchors.jsonl");
    let checked = |name: &str, text: &str, anchors: &Path, options: &[&str]| {
        let file = vault.folder().join(name);
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(binary());
        match name {
            "receipt" => command.args(["audit", "verify-receipt"]).arg(&file),
            _ => command.args(["audit", "verify", "--export"]).arg(&file).arg("--anchors").arg(anchors).args(options),
        };
        let output = run_to_end(command.arg("--public-key").arg(&key).current_dir(vault.folder()));
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let check = |name: &str, text: &str| checked(name, text, &kept, &["--until-own-checkpoint"]);
    let (code, record) = check("receipt", &receipt);
    assert_eq!(code, Some(0), "{record}");
    assert_eq!(lines(&record)[0]["id"], got.request_id());
    let other = receipt.replace("SecretGet", "SecretSet");
    assert_eq!(check("receipt", &other).0, Some(3));
    assert_eq!(check("receipt", "{}").0, Some(1));
    // Several in one file, as the dashboard gives them.
    let bundle = |said: u64, receipt: &str| format!("{{\"bundle\":{{\"receipts\":{said}}}}}\n{}\n", lines(receipt)[0]);
    let (code, record) = check("receipt", &bundle(1, &receipt));
    assert_eq!((code, &lines(&record)[0]["id"]), (Some(0), &got.request_id().into()), "{record}");
    assert_eq!(check("receipt", &bundle(2, &receipt)).0, Some(3), "it was cut");
    assert_eq!(check("receipt", &bundle(1, &other)).0, Some(3));

    let place = exported.lines().position(|line| line.contains(got.request_id())).unwrap();
    let without = |skip: usize| -> String {
        exported.lines().enumerate().filter(|(at, _)| *at != skip).map(|(_, line)| format!("{line}\n")).collect()
    };
    let (code, said) = check("export", &exported);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the exported log verifies"), "{said}");
    // The end of the file is a genuine, older checkpoint, and the file is cut to it.
    let first = std::fs::read_to_string(&kept).unwrap().lines().next().unwrap().to_owned();
    let covers = lines(&first)[0]["heads"][0]["seq"].as_u64().unwrap();
    let begin: Vec<&str> = exported.lines().take(1 + usize::try_from(covers).unwrap()).collect();
    let older = format!("{}\n{{\"checkpoint\":{first}}}\n", begin.join("\n"));
    let (code, said) = checked("export", &older, &kept, &[]);
    assert!(code == Some(3) && said.contains("the anchors go on to position"), "{said}");
    let (code, said) = check("export", &older);
    assert!(code == Some(0) && said.contains("this export is older"), "{said}");
    let (code, said) =
        check("export", &format!("{}{{\"checkpoint\":{first}}}\n", without(exported.lines().count() - 1)));
    assert!(code == Some(3) && said.contains("records were added"), "{said}");
    let other = vault.folder().join("other-anchors");
    for (text, code) in [("", 4), ("\n", 4), ("junk\n", 3), ("{}", 3)] {
        std::fs::write(&other, text).unwrap();
        let (found, said) = checked("export", &exported, &other, &["--until-own-checkpoint"]);
        assert_eq!(found, Some(code), "anchors {text:?}: {said}");
    }
    let mut alone = Command::new(binary());
    alone.args(["audit", "verify", "--export", "export", "--public-key"]).arg(&key).current_dir(vault.folder());
    let alone = run_to_end(&mut alone);
    assert_eq!(alone.status.code(), Some(4), "nothing from outside was compared: it may be cut off at its end");
    let (code, said) = check("export", &without(place));
    assert!(code == Some(3) && said.contains("are missing"), "{said}");
    let (code, said) = check("export", &exported.replace("secret-3", "secret-4"));
    assert!(code == Some(3) && said.contains("is not what was chained there"), "{said}");
    assert_eq!(check("export", &without(exported.lines().count() - 1)).0, Some(3), "cut off");
}
