//! The golden cases, natively.

use require_mfa::RequireMfa;
use strongroom_policy_sdk::testing::golden;

#[test]
fn golden_cases() {
    golden::<RequireMfa>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden.json"));
}
