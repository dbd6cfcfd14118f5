//! `[alerts]`: what somebody has to see to, told by POST of one JSON object to a server of the operator's, which wakes people.
//! It has what the record has, and never a value.
//!
//! Nothing waits for it: one is told after the other, each attempt has an end and there are so many of them. What nobody took
//! is in the server's log, and on record like everything.

use std::time::Duration;

use serde::Serialize;
use strongroom_domain::{
    alert::{Alert, AlertKind, Failure},
    names::InstallationId,
};
use strongroom_http::paths::Addresses;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::peer::Peer;

/// How long is waited before each further attempt.
const PAUSES: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];

/// Who tells.
pub(crate) struct Teller {
    pub(crate) installation: InstallationId,
    pub(crate) node: String,
    pub(crate) addresses: Addresses,
}

/// One alert as it is told. Times are Unix seconds.
#[derive(Serialize)]
struct Told<'a> {
    alert: &'static str,
    at: i64,
    installation: String,
    node: &'a str,
    #[serde(flatten)]
    of: Option<Certificate<'a>>,
    #[serde(flatten)]
    failure: Option<Failed<'a>>,
}

#[derive(Serialize)]
struct Certificate<'a> {
    vault: &'a str,
    certificate: &'a str,
    id: String,
    expires: Option<i64>,
}

#[derive(Serialize)]
struct Failed<'a> {
    outcome: &'static str,
    reason: &'a str,
    failures: u32,
    next: Option<i64>,
}

impl Teller {
    /// That this node is there: whoever is to be woken sees that the way to them works.
    fn started(&self, at: i64) -> Told<'_> {
        let (installation, node) = (self.installation.to_string(), self.node.as_str());
        Told { alert: "node-started", at, installation, node, of: None, failure: None }
    }

    fn told<'a>(&'a self, alert: &'a Alert) -> Told<'a> {
        let (word, failure) = match &alert.kind {
            AlertKind::NotRenewed(failure) => ("certificate-not-renewed", Some(failure)),
            AlertKind::NotIssued(failure) => ("certificate-not-issued", Some(failure)),
            AlertKind::EndsSoon => ("certificate-ends-soon", None),
        };
        let of = Certificate {
            vault: alert.vault.as_str(),
            certificate: alert.certificate.as_str(),
            id: self.addresses.object("certificates", &alert.vault, &alert.certificate, None),
            expires: alert.expires,
        };
        let failed = |Failure { outcome, reason, failures, next }: &'a Failure| Failed {
            outcome: outcome.as_str(),
            reason,
            failures: *failures,
            next: *next,
        };
        Told { alert: word, of: Some(of), failure: failure.map(failed), ..self.started(alert.at) }
    }

    /// Tells the receiver of everything. Never returns while there can be more.
    pub(crate) async fn run(self, receiver: Peer, mut alerts: Receiver<Alert>, now: i64) {
        deliver(&receiver, &self.started(now), &PAUSES).await;
        loop {
            match alerts.recv().await {
                Ok(alert) => deliver(&receiver, &self.told(&alert), &PAUSES).await,
                Err(RecvError::Lagged(lost)) => {
                    tracing::error!(lost, "alerts were not told: more came than their receiver took");
                }
                Err(RecvError::Closed) => return,
            }
        }
    }
}

/// Tells one, again after each pause until it is taken.
async fn deliver(receiver: &Peer, told: &Told<'_>, pauses: &[Duration]) {
    for pause in std::iter::once(&Duration::ZERO).chain(pauses) {
        tokio::time::sleep(*pause).await;
        match tell(receiver, told).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(error = format!("{error:#}"), alert = told.alert, "an alert was not taken"),
        }
    }
    let of = told.of.as_ref().map_or_else(String::new, |of| format!("{}/{}", of.vault, of.certificate));
    tracing::error!(alert = told.alert, of, "an alert was taken by nobody, and is not told again");
}

async fn tell(receiver: &Peer, told: &Told<'_>) -> anyhow::Result<()> {
    let status = receiver.send(receiver.post(told)).await?.status();
    anyhow::ensure!(status.is_success(), "{receiver} answers {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::{TcpListener, TcpStream},
    };

    use strongroom_crypto::SecretText;
    use strongroom_domain::{
        names::{ObjectName, VaultName},
        record::Outcome,
    };

    use super::*;

    fn teller() -> Teller {
        let addresses = Addresses::new("https://vault.example.com", "t").unwrap();
        Teller { installation: InstallationId(uuid::Uuid::nil()), node: "node-1".to_owned(), addresses }
    }

    fn denied() -> Alert {
        let failure = Failure { outcome: Outcome::Denied, reason: "wildcard".to_owned(), failures: 2, next: Some(9) };
        Alert {
            kind: AlertKind::NotRenewed(failure),
            at: 7,
            vault: VaultName::parse("payments").unwrap(),
            certificate: ObjectName::parse("web").unwrap(),
            expires: Some(11),
        }
    }

    #[test]
    fn an_alert_says_which_certificate_it_is_and_what_came_of_it() {
        let teller = teller();
        let installation = "00000000-0000-0000-0000-000000000000";
        let told = |alert: &Alert| serde_json::to_value(teller.told(alert)).unwrap();
        assert_eq!(
            told(&denied()),
            serde_json::json!({
                "alert": "certificate-not-renewed", "at": 7, "installation": installation, "node": "node-1",
                "vault": "payments", "certificate": "web", "expires": 11,
                "id": "https://payments.vault.example.com/certificates/web",
                "outcome": "denied", "reason": "wildcard", "failures": 2, "next": 9,
            })
        );
        let soon = told(&Alert { kind: AlertKind::EndsSoon, ..denied() });
        assert_eq!((soon["alert"].as_str(), soon.get("reason")), (Some("certificate-ends-soon"), None));
        let started = serde_json::to_value(teller.started(1)).unwrap();
        assert_eq!(
            started,
            serde_json::json!({ "alert": "node-started", "at": 1, "installation": installation, "node": "node-1" })
        );
    }

    fn whole(stream: &TcpStream) -> String {
        let (mut reader, mut head, mut length) = (BufReader::new(stream), String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head += &line;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        head + std::str::from_utf8(&body).unwrap()
    }

    #[tokio::test]
    async fn a_receiver_is_told_until_it_takes_it_and_no_longer_than_so() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        let receiver = std::thread::spawn(move || {
            ["500 No", "503 Later", "200 OK", "500 No", "500 No"].map(|status| {
                let (mut stream, _) = listener.accept().unwrap();
                let request = whole(&stream);
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
                request
            })
        });
        let token = Some(SecretText::new("word".to_owned()));
        let peer = Peer::new("the receiver of alerts", &address, None, token).unwrap();
        let (teller, alert) = (teller(), denied());
        deliver(&peer, &teller.told(&alert), &[Duration::ZERO; 5]).await;
        deliver(&peer, &teller.started(1), &[Duration::ZERO]).await;
        let got = receiver.join().unwrap();
        assert!(got[0].starts_with("POST /hook HTTP/1.1\r\n") && got[0].contains("authorization: Bearer word\r\n"));
        assert_eq!(got[0], got[2], "the same, until it is taken");
        assert!(got[2].contains("\"reason\":\"wildcard\"") && got[3].contains("node-started"), "{got:?}");
    }
}
