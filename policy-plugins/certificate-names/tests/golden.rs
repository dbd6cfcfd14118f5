//! The golden cases, natively.

use certificate_names::CertificateNames;
use strongroom_policy_sdk::testing::golden;

#[test]
fn golden_cases() {
    golden::<CertificateNames>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden.json"));
}
