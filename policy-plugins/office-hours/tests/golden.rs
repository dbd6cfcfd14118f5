//! The golden cases, natively.

use office_hours::OfficeHours;
use strongroom_policy_sdk::testing::golden;

#[test]
fn golden_cases() {
    golden::<OfficeHours>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden.json"));
}
