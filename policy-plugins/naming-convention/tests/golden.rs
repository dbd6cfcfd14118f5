//! The golden cases, natively.

use naming_convention::NamingConvention;
use strongroom_policy_sdk::testing::golden;

#[test]
fn golden_cases() {
    golden::<NamingConvention>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden.json"));
}
