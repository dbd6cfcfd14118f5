//! What a denial looks like on the wire: Azure's codes and inner codes, the decision's id, and nothing
//! that would help to guess.

use strongroom_domain::{
    action::Action,
    decision::{Denial, DenyReason},
    policy::PolicyFailure,
};
use strongroom_http::{paths::Addresses, problem::Problem};
use uuid::Uuid;

/// Every reason there is. A new one does not compile before it stands here.
fn reasons() -> Vec<DenyReason> {
    let all = vec![
        DenyReason::Network,
        DenyReason::Identity,
        DenyReason::NoRole,
        DenyReason::NoAccessPolicy,
        DenyReason::NoAuthority,
        DenyReason::Policy {
            attachment: "naming".to_owned(),
            code: "name-forbidden".to_owned(),
            sentence: "The name is not allowed.".to_owned(),
        },
        DenyReason::PolicyFailed { attachment: "naming".to_owned(), failure: PolicyFailure::OutOfFuel },
        DenyReason::Tampered,
        DenyReason::Unavailable,
    ];
    for reason in &all {
        match reason {
            DenyReason::Network
            | DenyReason::Identity
            | DenyReason::NoRole
            | DenyReason::NoAccessPolicy
            | DenyReason::NoAuthority
            | DenyReason::Policy { .. }
            | DenyReason::PolicyFailed { .. }
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
