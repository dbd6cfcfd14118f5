//! What a denial looks like on the wire: Azure's codes and inner codes, the decision's id, and nothing
//! that would help to guess.

use strongroom_domain::{
    action::Action,
    decision::{Denial, DenyReason, StepUp},
    policy::PolicyFailure,
};
use strongroom_http::{paths::Addresses, problem::Problem};
use uuid::Uuid;

/// Every reason there is. A new one does not compile before it stands here.
fn reasons() -> Vec<DenyReason> {
    let all = vec![
        DenyReason::Network([192, 0, 2, 7].into()),
        DenyReason::Identity,
        DenyReason::NoRole,
        DenyReason::NoAccessPolicy,
        DenyReason::NoAuthority,
        DenyReason::Policy {
            attachment: "naming".to_owned(),
            code: "name-forbidden".to_owned(),
            sentence: "The name is not allowed.".to_owned(),
            step_up: None,
            approval: None,
        },
        DenyReason::PolicyFailed { attachment: "naming".to_owned(), failure: PolicyFailure::OutOfFuel },
        DenyReason::Concealed(Box::new(DenyReason::NoAuthority)),
        DenyReason::Tampered,
        DenyReason::Unavailable,
    ];
    for reason in &all {
        match reason {
            DenyReason::Network(_)
            | DenyReason::Identity
            | DenyReason::NoRole
            | DenyReason::NoAccessPolicy
            | DenyReason::NoAuthority
            | DenyReason::Policy { .. }
            | DenyReason::PolicyFailed { .. }
            | DenyReason::Concealed(_)
            | DenyReason::Tampered
            | DenyReason::Unavailable => {}
        }
    }
    all
}

#[test]
fn denials() {
    let addresses = Addresses::new("https://vault.example.com", "t").unwrap();
    let mut shown = String::new();
    for reason in reasons() {
        let code = reason.code().to_owned();
        let request_id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
        let problem = Problem::from(Denial { request_id, action: Action::SecretGet, reason });
        let response = problem.respond(&addresses);
        let body = String::from_utf8(response.body.to_vec()).unwrap();
        shown.push_str(&format!("{code}: {} {body}\n", response.status));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn a_denial_that_another_sign_in_could_lift_is_a_claims_challenge() {
    let addresses = Addresses::new("https://vault.example.com", "t").unwrap();
    let step_up = StepUp { acr: vec!["c2".to_owned(), "c3".to_owned()], amr: Vec::new(), max_age: Some(300) };
    let reason = DenyReason::Policy {
        attachment: "mfa".to_owned(),
        code: "acr-too-weak".to_owned(),
        sentence: "Sign in with a stronger method to do this.".to_owned(),
        step_up: Some(Box::new(step_up)),
        approval: None,
    };
    let denial = Denial { request_id: Uuid::nil(), action: Action::SecretGet, reason };
    let response = Problem::from(denial).respond(&addresses);
    assert_eq!(response.status, 401);
    let header = response.headers.iter().find(|(name, _)| *name == "www-authenticate").unwrap();
    let (before, claims) = header.1.split_once(", error=\"insufficient_claims\", claims=\"").unwrap();
    assert!(before.starts_with("Bearer authorization=\"https://vault.example.com/"), "{before}");
    let (claims, after) = claims.split_once('"').unwrap();
    assert_eq!(after, ", acr_values=\"c2 c3\", max_age=\"300\"");
    let claims = data_encoding::BASE64.decode(claims.as_bytes()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let acr = serde_json::json!({ "essential": true, "values": ["c2", "c3"] });
    let auth_time = serde_json::json!({ "essential": true });
    assert_eq!(claims, serde_json::json!({ "access_token": { "acr": acr, "auth_time": auth_time } }));
}
