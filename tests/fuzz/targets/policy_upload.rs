//! Bytes as somebody uploads them for a policy module: compiled, held against the contract and asked what they are,
//! as the server's children do; a module that is taken in is asked, too.

#![no_main]

mod policies;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use strongroom_domain::policy::PolicyEngine;
use strongroom_policy_host::{WasmPolicyEngine, released, shipped, understood};

static ENGINE: LazyLock<WasmPolicyEngine> = LazyLock::new(policies::engine);

/// The hostile modules of the corpus, and what ships and has shipped.
fn write_seeds() {
    let Some(folder) = policies::seeds() else { return };
    for name in policies::fixtures::names() {
        let module = policies::fixtures::component(&name, &policies::fixtures::fixture(&name));
        std::fs::write(folder.join(name), module).expect("a seed is written");
    }
    for module in shipped().into_iter().chain(released()) {
        std::fs::write(folder.join(module.digest.to_string()), module.bytes).expect("a seed is written");
    }
}

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    let Ok(digest) = ENGINE.load(bytes) else { return };
    let description = ENGINE.description(&digest).expect("it was loaded");
    assert!(description.settings_schema.len() <= strongroom_policy_host::limits::MAX_SCHEMA_BYTES);
    let _ = understood(&description.settings_schema);
    let attachment = policies::attach(digest, "{}".to_owned());
    policies::now(async {
        let _ = ENGINE.check(&attachment).await;
        if let Ok(answers) = ENGINE.decide(&attachment, &[policies::request()]).await {
            assert_eq!(answers.len(), 1);
            policies::assert_bounded(&answers);
        }
    });
    ENGINE.forget(&digest);
});
