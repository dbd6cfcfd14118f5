//! Prints how long one decision takes: `cargo run --release -p strongroom-policy-host --example decide_bench`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints figures, for whoever runs it")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use strongroom_domain::policy::{
    AttachmentState, PolicyAttachment, PolicyConnection, PolicyEngine, PolicyObject, PolicyPrincipal, PolicyRequest,
};
use strongroom_policy_host::{WasmPolicyEngine, shipped};

const WARM_UP: usize = 1_000;
const ROUNDS: usize = 20_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let began = Instant::now();
    let engine = WasmPolicyEngine::with_shipped().expect("a host");
    println!("host with {} modules ready in {:.1?}", shipped().len(), began.elapsed());
    println!("{:<20} {:>8} {:>10} {:>10} {:>10}", "module", "fuel", "p50", "p99", "per second");
    for module in shipped() {
        let settings = match module.name {
            "enforce-expiry" => r#"{"max_days":90}"#,
            "naming-convention" => r#"{"allowed_names":["db-*"],"required_tags":["owner"]}"#,
            _ => "{}",
        };
        let attachment = PolicyAttachment {
            name: "bench".to_owned(),
            module: module.digest,
            settings: settings.to_owned(),
            state: AttachmentState::Enforce,
            authority: false,
        };
        let requests = [request()];
        let mut took = Vec::with_capacity(ROUNDS);
        let mut fuel = 0;
        for round in 0..WARM_UP + ROUNDS {
            let began = Instant::now();
            let answers = engine.decide(&attachment, &requests).await.expect("an answer");
            if round >= WARM_UP {
                took.push(began.elapsed());
            }
            fuel = answers.first().map_or(0, |answer| answer.fuel);
        }
        let total: Duration = took.iter().sum();
        took.sort_unstable();
        let at = |share: f64| {
            let index = (took.len() as f64 * share) as usize;
            took.get(index).copied().unwrap_or_default()
        };
        println!(
            "{:<20} {:>8} {:>10.1?} {:>10.1?} {:>10.0}",
            module.name,
            fuel,
            at(0.5),
            at(0.99),
            ROUNDS as f64 / total.as_secs_f64(),
        );
    }
}

/// A write by somebody in eight groups.
fn request() -> PolicyRequest {
    PolicyRequest {
        principal: PolicyPrincipal {
            issuer: "https://issuer.example".to_owned(),
            subject: "ada".to_owned(),
            kind: "user".to_owned(),
            groups: (0..8).map(|group| format!("group-{group}")).collect(),
            claims: BTreeMap::from([("acr".to_owned(), "1".to_owned())]),
        },
        connection: PolicyConnection {
            client_address: "192.0.2.1".to_owned(),
            listener: "https".to_owned(),
            ..PolicyConnection::default()
        },
        action: "Microsoft.KeyVault/vaults/secrets/setSecret/action".to_owned(),
        object: PolicyObject {
            vault: "demo".to_owned(),
            kind: "secret".to_owned(),
            name: "db-password".to_owned(),
            tags: BTreeMap::from([("owner".to_owned(), "payments".to_owned())]),
            enabled: Some(true),
            expires: Some(1_780_401_600),
            ..PolicyObject::default()
        },
        time: 1_780_315_200,
        ..PolicyRequest::default()
    }
}
