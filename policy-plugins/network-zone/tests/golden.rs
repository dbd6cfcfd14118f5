//! The golden cases, natively.

use network_zone::NetworkZone;
use strongroom_policy_sdk::testing::golden;

#[test]
fn golden_cases() {
    golden::<NetworkZone>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden.json"));
}
