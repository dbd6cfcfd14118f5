//! The audit log from the outside: over the API, and verified offline by the program.

use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use super::{Answer, TestVault, binary, run_to_end};

impl TestVault {
    /// The newest records, newest first, at most a thousand.
    pub(crate) async fn records(&self, operator: &str) -> Vec<Value> {
        let answer = self.ask_base(Method::GET, "/api/v1/audit?limit=1000").bearer(operator).send().await.expect(200);
        answer.json()["value"].as_array().expect("records").clone()
    }

    /// All records down to the one with this id (not included), newest first.
    pub(crate) async fn records_since(&self, operator: &str, last: Option<&str>) -> Vec<Value> {
        let mut records = Vec::new();
        let mut before = String::new();
        // What is new is little.
        let limit = if last.is_some() { 100 } else { 1000 };
        loop {
            let path = format!("/api/v1/audit?limit={limit}{before}");
            let page = self.ask_base(Method::GET, &path).bearer(operator).send().await.expect(200).json();
            for record in page["value"].as_array().expect("records") {
                if last.is_some() && record["id"].as_str() == last {
                    return records;
                }
                records.push(record.clone());
            }
            match page["next"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => return records,
            }
        }
    }

    /// The record of an answer. It was durable before the answer was sent, so it is there.
    pub(crate) async fn record_of(&self, operator: &str, answer: &Answer) -> Value {
        let id = answer.request_id();
        let records = self.records(operator).await;
        let found = records.into_iter().find(|record| record["id"] == id);
        found.unwrap_or_else(|| panic!("request {id} ({}) has no record", answer.status))
    }
}

/// What `strongroom audit verify` says.
#[derive(Debug)]
pub(crate) struct Verification {
    pub(crate) good: bool,
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

/// Runs `strongroom audit verify` on a data directory.
pub(crate) fn verify(vault: &TestVault) -> Verification {
    let output = run_to_end(Command::new(binary()).args(["audit", "verify", "--data"]).arg(vault.data()));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Verification { good: output.status.success(), code: output.status.code(), said }
}
