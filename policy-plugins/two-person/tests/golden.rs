//! The golden cases, natively.

use two_person::TwoPerson;
use strongroom_policy_sdk::testing::golden;

#[test]
fn golden_cases() {
    golden::<TwoPerson>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden.json"));
}
