//! The golden cases, natively.

use rate_guard::RateGuard;
use strongroom_policy_sdk::testing::golden;

#[test]
fn golden_cases() {
    golden::<RateGuard>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden.json"));
}
