//! The golden cases, natively.

use enforce_expiry::EnforceExpiry;
use strongroom_policy_sdk::testing::golden;

#[test]
fn golden_cases() {
    golden::<EnforceExpiry>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden.json"));
}
