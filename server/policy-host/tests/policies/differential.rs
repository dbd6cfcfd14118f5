//! The command line asks recorded decisions again by the server's own code: ten thousand decisions, drawn,
//! answered by the server's host, recorded as JSON, read back and answered by a host of its own as
//! `strongroom policy replay` does it. Answers are compared to the last unit of fuel. Most are asked in pages, as a
//! listing is; some one by one of several modules until one denies, as a request is.

use std::collections::BTreeMap;

use strongroom_domain::policy::{
    Effect, FactValue, PolicyAnswer, PolicyApproval, PolicyAttachment, PolicyCertificate, PolicyCertificateRequest,
    PolicyEngine, PolicyFailure, PolicyRequest, PolicyTls,
};
use strongroom_policy_host::{Isolation, WasmPolicyEngine, released, shipped};

use crate::support::{attach, host, request};

const CREATE_CERTIFICATE: &str = "Microsoft.KeyVault/vaults/certificates/create/action";
const DECISIONS: usize = 10_000;
/// Pages that are asked for; in each ten of them one is of requests, which end with the first module that denies.
const PAGES: usize = 210;
/// Decisions that are asked at once.
const PAGE: usize = 50;

/// Numbers that look random and are the same every time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn one<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn request(&mut self) -> PolicyRequest {
        let mut drawn = request();
        drawn.principal.kind = self.one(&["user", "workload", "system"]).to_owned();
        drawn.principal.groups = (0..self.below(9)).map(|group| format!("group-{group}")).collect();
        drawn.principal.claims = BTreeMap::from([
            ("acr".to_owned(), self.one(&["1", "c2", "c3", "", "\u{202e}"]).to_owned()),
            ("amr".to_owned(), self.one(&["pwd", "pwd otp", "hwk"]).to_owned()),
            ("auth_time".to_owned(), self.one(&["0", "1780315100", "x", "-1"]).to_owned()),
        ]);
        drawn.connection.client_address = self.one(&["192.0.2.1", "2001:db8::1", "10.0.0.9", "unknown", ""]).to_owned();
        drawn.connection.proxies = (0..self.below(3)).map(|hop| format!("10.0.0.{hop}")).collect();
        drawn.connection.tls = self.one(&[None, Some("1.2"), Some("1.3")]).map(|version| PolicyTls {
            version: version.to_owned(),
            cipher_suite: "TLS_AES_256_GCM_SHA384".to_owned(),
        });
        drawn.connection.client_certificate = (self.below(4) == 0).then(|| PolicyCertificate {
            subject: "CN=app".to_owned(),
            issuer: "CN=ca".to_owned(),
            serial_number: "01".to_owned(),
            sha256: "00".repeat(32),
            names: vec!["dns:app.example".to_owned()],
            not_after: 1_790_000_000,
        });
        drawn.action = self
            .one(&[
                "Microsoft.KeyVault/vaults/secrets/setSecret/action",
                "Microsoft.KeyVault/vaults/secrets/getSecret/action",
                "Microsoft.KeyVault/vaults/keys/create/action",
                "Microsoft.KeyVault/vaults/secrets/delete",
                CREATE_CERTIFICATE,
            ])
            .to_owned();
        if drawn.action == CREATE_CERTIFICATE {
            drawn.object.kind = "certificate".to_owned();
            drawn.certificate_request = Some(PolicyCertificateRequest {
                subject: self.one(&["CN=app.example.com", "", "CN=\\,*", "O=ß,CN=ada@other.test"]).to_owned(),
                names: (0..self.below(3))
                    .map(|_| self.one(&["dns:app.example.com", "dns:*.example.com", "ip:::1", "ß"]).to_owned())
                    .collect(),
                issuer: self.one(&["Self", "SELF", "Unknown"]).to_owned(),
                validity_days: self.one(&[None, Some(90), Some(u32::MAX)]),
            });
        }
        drawn.object.name = self.one(&["db-password", "tmp", "", "TLS-Front", "zażółć"]).to_owned();
        drawn.object.tags.clear();
        for tag in 0..self.below(4) {
            drawn.object.tags.insert(self.one(&["owner", "team", "ß"]).to_owned(), format!("value-{tag}"));
        }
        drawn.object.expires = self.one(&[None, Some(0), Some(1_780_315_200), Some(1_790_000_000), Some(i64::MAX)]);
        drawn.time = self.one(&[0, 1_780_315_200, 1_780_228_800, -1, i64::MAX, i64::MIN]);
        for count in ["count/principal/any/60", "count/principal/denied/300"] {
            let many = i64::try_from(self.below(40)).expect("few");
            drawn.facts.insert(count.to_owned(), self.one(&[None, Some(many), Some(3)]).map(FactValue::Number));
        }
        let approval = |number: usize| PolicyApproval {
            issuer: "https://idp.example".to_owned(),
            subject: format!("approver-{}", number / 2),
            granted: 1_780_315_100,
            until: 1_780_315_300,
        };
        drawn.approvals = Some((0..self.below(6)).map(approval).collect());
        drawn.facts.insert("days-since-rotation".to_owned(), self.one(&[None, Some(3)]).map(FactValue::Number));
        drawn
    }
}

fn attachments() -> Vec<PolicyAttachment> {
    let settings = |name: &str| match name {
        "certificate-names" => r#"{"domains":["example.com"],"issuers":["Self"],"max_days":90}"#,
        "enforce-expiry" => r#"{"max_days":90,"deny_expired_reads":true}"#,
        "naming-convention" => {
            r#"{"allowed_names":["*-password","tls-*"],"forbidden_names":["tmp*"],"required_tags":["owner"]}"#
        }
        "network-zone" => r#"{"allowed":["192.0.2.0/24","2001:db8::/32"],"proxies":["10.0.0.0/31"],"min_tls":"1.2"}"#,
        "office-hours" => {
            r#"{"utc_offset":60,"hours":[{"days":["mon","thu"],"from":"00:00","until":"14:00"}],"workloads":true}"#
        }
        "rate-guard" => r#"{"per_minute":20,"denied_in_five_minutes":4}"#,
        "require-mfa" => r#"{"acr":["c2","c3"],"amr":["otp","hwk"],"max_age":3600}"#,
        "two-person" => r#"{"actions":["*/getSecret/*","*/setSecret/*"],"approvers":2,"valid_for":600}"#,
        // One that needs settings fails to judge, and the test with it.
        _ => "{}",
    };
    shipped().iter().chain(&released()).map(|module| attach(module.digest, settings(module.name))).collect()
}

/// What modules say of one request, in order, up to the first that denies or fails.
async fn until_denied(
    engine: &WasmPolicyEngine,
    attachments: &[&PolicyAttachment],
    request: &PolicyRequest,
) -> Vec<Result<PolicyAnswer, PolicyFailure>> {
    let mut said = Vec::new();
    for attachment in attachments {
        let answers = engine.decide(attachment, std::slice::from_ref(request)).await;
        let answer = answers.map(|mut answers| answers.swap_remove(0));
        let ends = answer.as_ref().map_or(true, |answer| answer.effect == Effect::Deny);
        said.push(answer);
        if ends {
            break;
        }
    }
    said
}

#[tokio::test]
async fn ten_thousand_recorded_decisions_are_the_same_when_they_are_asked_again() {
    // As a server has it, whose modules run in a child, and as the command line has it.
    let server = host(Isolation::Full, &[], None);
    let command_line = WasmPolicyEngine::with_shipped().expect("a host");
    let (attachments, mut draw) = (attachments(), Draw(20_260_601));
    let mut seen = BTreeMap::<String, usize>::new();
    for page in 0..PAGES {
        let attachment = &attachments[page % attachments.len()];
        let one_by_one = page / 10 % 10 == page % 10;
        // Two modules are asked about each of half as many.
        let asked: Vec<_> = (0..if one_by_one { PAGE / 2 } else { PAGE }).map(|_| draw.request()).collect();
        let recorded = serde_json::to_string(&asked).expect("JSON");
        let read: Vec<PolicyRequest> = serde_json::from_str(&recorded).expect("requests");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), recorded, "written as it was read");
        let (answered, again) = if one_by_one {
            let both = [attachment, &attachments[(page + 3) % attachments.len()]];
            let (mut answered, mut again) = (Vec::new(), Vec::new());
            for (asked, read) in asked.iter().zip(&read) {
                answered.extend(server.judge(&both, asked).await.into_iter().map(|said| said.answer));
                again.extend(until_denied(&command_line, &both, read).await);
            }
            (answered.into_iter().collect(), again.into_iter().collect())
        } else {
            (server.decide(attachment, &asked).await, command_line.decide(attachment, &read).await)
        };
        assert_eq!(again, answered, "page {page}: {recorded}");
        for answer in answered.expect("answers") {
            *seen.entry(format!("{:?} {}", answer.effect, answer.reason_code)).or_default() += 1;
        }
    }
    let decisions: usize = seen.values().sum();
    assert!(decisions >= DECISIONS, "{decisions} decisions");
    // It would be easy to agree on nothing but abstentions.
    assert!(seen.len() >= 20, "{seen:#?}");
}
