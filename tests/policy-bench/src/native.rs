//! The rule as it stands in `policy-plugins/naming-convention`, compiled for this machine: no sandbox, and no bounds.

use naming_convention::{NamingConvention, Settings};
use strongroom_policy_sdk::{Answer, Policy, testing};

use crate::measure::{Figures, attached, on_this_thread};

pub(crate) fn measure() -> Vec<(String, Figures)> {
    let request = testing::request(crate::hosted::ACTION).secret("db-password").tag("owner", "payments");
    let request = (0..8).fold(request, |request, group| request.group(&format!("group-{group}"))).build();
    let settings = || Settings {
        allowed_names: vec!["db-*".to_owned()],
        forbidden_names: Vec::new(),
        required_tags: vec!["owner".to_owned()],
    };
    let allowed = Answer::allow("as-agreed").relied_on("object.name").relied_on("object.tags");
    assert_eq!(NamingConvention::decide(&request, &settings()), allowed);
    let figures = crate::ATTACHMENTS.map(|count| {
        let attached_settings: Vec<_> = (0..count).map(|_| settings()).collect();
        let decide = || {
            for settings in &attached_settings {
                let _ = std::hint::black_box(NamingConvention::decide(std::hint::black_box(&request), settings));
            }
        };
        (attached(count), on_this_thread(count, decide))
    });
    figures.into()
}
