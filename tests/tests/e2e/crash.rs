//! SIGKILL under load: nothing that was acknowledged is lost, nothing is told that did not happen.

use std::{
    collections::{BTreeSet, HashMap},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{API_VERSION, Answer, Ask, TestVault, binary, run_to_end, verify};

/// Two hundred kills: of eight installations, because each start reads the log from its begin and that grows with
/// the kills; two at a time, so that one is under load while the other starts.
const INSTALLATIONS: usize = 8;
const CYCLES: usize = 25;
/// The whole log is verified beside the running server after every so many kills; at the end everything is, the log
/// with it.
const VERIFY_EVERY: usize = 13;
/// How long a start on what a kill has left may take.
const RESTART_WITHIN: Duration = Duration::from_secs(5);
const SETTERS: usize = 4;
const GETTERS: usize = 2;

/// What the clients of one cycle know.
#[derive(Default)]
struct Known {
    /// Request id and name of every acknowledged set.
    set: Mutex<Vec<(String, String)>>,
    /// Names of sets that were sent and never answered.
    unanswered: Mutex<Vec<String>>,
    /// Request id and name of every acknowledged read.
    read: Mutex<Vec<(String, String)>>,
    /// How many secrets were set, and how many answers there were at all.
    progress: watch::Sender<(usize, usize)>,
}

/// The value that belongs to a name; no two names share one.
fn value_of(name: &str) -> String {
    format!("the value of {name}")
}

#[derive(Clone)]
struct Visitor {
    http: Client,
    vault_url: String,
    token: String,
    known: Arc<Known>,
}

impl Visitor {
    async fn ask(&self, method: Method, name: &str, body: Option<Value>) -> Option<Answer> {
        let url = format!("{}/secrets/{name}?api-version={API_VERSION}", self.vault_url);
        let mut ask = Ask::new(&self.http, method, &url).bearer(&self.token);
        if let Some(body) = body {
            ask = ask.json(&body);
        }
        let answer = ask.try_send().await.ok()?;
        self.known.progress.send_modify(|(_, answers)| *answers += 1);
        Some(answer)
    }

    /// Sets one secret after another until the server is gone.
    async fn set(self, prefix: String) {
        for number in 0.. {
            let name = format!("{prefix}-{number}");
            match self.ask(Method::PUT, &name, Some(json!({ "value": value_of(&name) }))).await {
                Some(answer) => {
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    self.known.set.lock().unwrap().push((answer.request_id().to_owned(), name));
                    self.known.progress.send_modify(|(set, _)| *set += 1);
                }
                None => return self.known.unanswered.lock().unwrap().push(name),
            }
        }
    }

    /// Reads what was acknowledged, again and again, until the server is gone.
    async fn get(self) {
        self.known.progress.subscribe().wait_for(|(set, _)| *set > 0).await.unwrap();
        for number in 0usize.. {
            let name = {
                let set = self.known.set.lock().unwrap();
                set[number % set.len()].1.clone()
            };
            let Some(answer) = self.ask(Method::GET, &name, None).await else { return };
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.json()["value"], value_of(&name));
            self.known.read.lock().unwrap().push((answer.request_id().to_owned(), name));
        }
    }
}

/// Load, and a SIGKILL in the middle of it.
async fn crash(vault: &mut TestVault, token: &str, cycle: usize) -> Arc<Known> {
    let known = Arc::new(Known::default());
    let visitor = Visitor {
        http: vault.http().clone(),
        vault_url: vault.vault_url("demo"),
        token: token.to_owned(),
        known: Arc::clone(&known),
    };
    let mut visitors = tokio::task::JoinSet::new();
    for setter in 0..SETTERS {
        visitors.spawn(visitor.clone().set(format!("cycle-{cycle}-{setter}")));
    }
    for _ in 0..GETTERS {
        visitors.spawn(visitor.clone().get());
    }
    // At another moment of the load in every cycle.
    let moment = 2 + (cycle * 17) % 31;
    let mut progress = known.progress.subscribe();
    tokio::select! {
        reached = progress.wait_for(|(_, answers)| *answers >= moment) => { reached.unwrap(); }
        given_up = visitors.join_next() => panic!("a visitor gives up while the server lives: {given_up:?}"),
    }
    drop(progress);
    vault.kill();
    while let Some(ended) = visitors.join_next().await {
        ended.unwrap();
    }
    known
}

/// Compares what the clients know with what the server has kept.
async fn compare(vault: &TestVault, app: &str, operator: &str, known: &Known, last: Option<&str>) -> Option<String> {
    let records = vault.records_since(operator, last).await;
    let by_id: HashMap<&str, &Value> = records.iter().map(|r| (r["id"].as_str().unwrap(), r)).collect();
    let told = |id: &str, operation: &str, name: &str| {
        let record =
            by_id.get(id).unwrap_or_else(|| panic!("{operation} of {name} ({id}) was answered and is not on record"));
        assert_eq!((&record["operation"], &record["outcome"]), (&json!(operation), &json!("allowed")), "{name}");
        assert_eq!(record["object"], name);
    };
    for (id, name) in known.set.lock().unwrap().iter() {
        told(id, "SecretSet", name);
    }
    for (id, name) in known.read.lock().unwrap().iter() {
        told(id, "SecretGet", name);
    }
    let names: Vec<_> = known.set.lock().unwrap().iter().map(|(_, name)| name.clone()).collect();
    for (name, answer) in answers(vault, app, names).await {
        assert_eq!(answer.expect(200).json()["value"], value_of(&name), "{name}");
    }
    // What was cut off happened wholly, with its record, or not at all.
    let unanswered = known.unanswered.lock().unwrap().clone();
    assert_eq!(unanswered.len(), SETTERS, "every setter was cut off once");
    for (name, answer) in answers(vault, app, unanswered).await {
        let on_record =
            records.iter().any(|r| r["operation"] == "SecretSet" && r["object"] == name && r["outcome"] == "allowed");
        match answer.status {
            200 => assert_eq!(answer.json()["value"], value_of(&name), "{name}"),
            status => assert_eq!(status, 404, "{name}: {}", answer.text()),
        }
        assert_eq!(on_record, answer.status == 200, "{name}: on record if and only if it happened");
    }
    records.first().map(|record| record["id"].as_str().unwrap().to_owned())
}

/// What the server answers for each of these names, asked side by side: an answer waits for its record, and records of
/// one moment become durable together.
async fn answers(vault: &TestVault, app: &str, names: Vec<String>) -> Vec<(String, Answer)> {
    let mut asked = tokio::task::JoinSet::new();
    for part in names.chunks(names.len().div_ceil(SETTERS).max(1)) {
        let (http, vault_url) = (vault.http().clone(), vault.vault_url("demo"));
        let (app, part) = (app.to_owned(), part.to_vec());
        asked.spawn(async move {
            let mut answers = Vec::new();
            for name in part {
                let url = format!("{vault_url}/secrets/{name}?api-version={API_VERSION}");
                let answer = Ask::new(&http, Method::GET, &url).bearer(&app).send().await;
                answers.push((name, answer));
            }
            answers
        });
    }
    asked.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_kills_lose_nothing_that_was_acknowledged() {
    let mut servers = tokio::task::JoinSet::new();
    for side in 0..2 {
        servers.spawn(async move {
            for number in 0..INSTALLATIONS / 2 {
                kills(side * INSTALLATIONS / 2 + number).await;
            }
        });
    }
    while let Some(ended) = servers.join_next().await {
        ended.unwrap();
    }
}

async fn kills(installation: usize) {
    let mut vault = TestVault::dev().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
    let mut kept = BTreeSet::new();
    let mut last = None;
    let mut slowest = Duration::ZERO;
    for cycle in 0..CYCLES {
        // At other moments in each installation.
        let known = crash(&mut vault, &app, installation * CYCLES + cycle).await;
        let killed = Instant::now();
        vault.start().await.unwrap();
        slowest = slowest.max(killed.elapsed());
        last = compare(&vault, &app, &operator, &known, last.as_deref()).await;
        if (cycle + 1) % VERIFY_EVERY == 0 {
            let verification = verify(&vault);
            assert!(verification.good, "after kill {cycle}: {}", verification.said);
        }
        kept.extend(known.set.lock().unwrap().drain(..).map(|(_, name)| name));
    }
    assert!(slowest <= RESTART_WITHIN, "a start took {slowest:?}");
    assert!(kept.len() > CYCLES, "there was load: {} sets", kept.len());
    // What an earlier kill left is there after the later ones: listed, unchanged by the log, and each value opens.
    let listed = names(&vault, &app).await;
    assert_eq!(kept.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "kept, and not listed");
    vault.kill();
    let whole = run_to_end(Command::new(binary()).args(["verify", "--data"]).arg(vault.data()));
    let said = format!("{}{}", String::from_utf8_lossy(&whole.stdout), String::from_utf8_lossy(&whole.stderr));
    assert!(whole.status.success(), "{said}");
}

/// The names of all secrets, page by page.
async fn names(vault: &TestVault, app: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut url = Some(format!("{}/secrets?api-version={API_VERSION}&maxresults=25", vault.vault_url("demo")));
    while let Some(page) = url {
        let page = Ask::new(vault.http(), Method::GET, &page).bearer(app).send().await.expect(200).json();
        let ids = page["value"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap());
        found.extend(ids.map(|id| id.rsplit('/').next().unwrap().to_owned()));
        url = page["nextLink"].as_str().map(str::to_owned);
    }
    found
}
