//! The policy of a certificate as JSON, read as the route that creates one reads it; what is accepted is made.

#![no_main]

mod making;

use libfuzzer_sys::fuzz_target;
use strongroom_domain::certificate::CertificatePolicy;
use strongroom_http::fuzzed::certificate_asked;

fuzz_target!(|body: &[u8]| {
    match certificate_asked(body) {
        Err(problem) => {
            assert_eq!(problem.status, 400);
            assert!(!problem.message.chars().any(char::is_control), "{:?}", problem.message);
        }
        Ok((patch, _)) => {
            let policy = patch.unwrap_or_default().over(&CertificatePolicy::default());
            if policy.check().is_ok() {
                let _ = policy.operations();
                making::assert_can_be_said(&policy.template, policy.validity_months);
            }
        }
    }
});
