//! A value appears in the caller's answer and nowhere else: not in a record, an error, a policy
//! request, nor in anything that the store holds.

use std::sync::Arc;

use proptest::prelude::*;
use strongroom_crypto::SecretText;
use strongroom_domain::{
    network::NetworkRules,
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment},
    secret::{SealedVersion, SecretAttributes},
    secrets::SecretError,
    test_support::{
        Fault, Verdict,
        world::{enabled, name, person},
    },
    vault::VaultSettings,
};

use crate::common::Demo;

/// Every way in which the bytes might turn up in text.
fn disguises(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let debug = format!("{bytes:?}");
    vec![
        value.to_owned(),
        data_encoding::HEXLOWER.encode(bytes),
        data_encoding::BASE64.encode(bytes).trim_end_matches('=').to_owned(),
        debug[1..debug.len() - 1].to_owned(),
    ]
}

fn keep<T>(said: &mut Vec<String>, outcome: Result<T, SecretError>) {
    if let Err(error) = outcome {
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            said.push(format!("{error} {error:?}"));
            cause = error.source();
        }
    }
}

async fn everything_that_is_said(value: &str) -> Vec<String> {
    let attachment = PolicyAttachment {
        name: "guard".to_owned(),
        module: ModuleDigest([7; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    let demo = Demo::with(VaultSettings {
        network: NetworkRules::only(vec!["127.0.0.0/8".parse().unwrap()]),
        policies: vec![attachment],
        ..VaultSettings::default()
    });
    demo.world.policies.answer("guard", Verdict::Says(Effect::Allow));
    let mut said = Vec::new();
    let set = demo.set("db", value).await.unwrap();
    assert_eq!(demo.get("db", Some(&set.meta.version)).await.unwrap().value.expose(), value);

    let mallory = demo.world.request(&person("mallory"));
    keep(&mut said, demo.set_in(&mallory, "db", value).await);
    let afar = demo.world.request_from(&demo.ada, "192.0.2.1".parse().unwrap());
    keep(&mut said, demo.set_in(&afar, "db", value).await);
    demo.world.policies.answer("guard", Verdict::Says(Effect::Deny));
    keep(&mut said, demo.set("db", value).await);
    demo.world.policies.answer("guard", Verdict::Says(Effect::Allow));
    keep(&mut said, demo.set("db", &value.repeat(25_601 / value.len() + 1)).await);
    let bad = SecretAttributes { expires: Some(-1), ..enabled() };
    let text = SecretText::new(value.to_owned());
    keep(&mut said, demo.world.secrets.set(&demo.request(), &demo.vault, &name("db").unwrap(), &bad, text).await);
    for fault in [Fault::RolledBack, Fault::Panic { done: false }] {
        demo.world.store.order(fault);
        keep(&mut said, demo.set("db", value).await);
        demo.world.store.order(fault);
        keep(&mut said, demo.get("db", None).await);
    }
    demo.delete_in(&demo.request(), "db").await.unwrap();
    keep(&mut said, demo.set("db", value).await);
    demo.recover_in(&demo.request(), "db").await.unwrap();
    demo.world.store.meddle(|image| {
        let row = image.objects.values_mut().next().unwrap().versions.values_mut().next().unwrap();
        let mut sealed = row.sealed.clone();
        sealed.ciphertext[20] ^= 1;
        *row = Arc::new(SealedVersion { meta: row.meta.clone(), sealed });
    });
    keep(&mut said, demo.get("db", None).await);
    assert!(said.len() >= 11, "every failure was met");

    let image = demo.world.store.image();
    said.extend(image.log.iter().map(|l| String::from_utf8(l.body.clone()).unwrap()));
    said.push(format!("{image:?}"));
    said.push(format!("{:?}", demo.world.policies.asked()));
    said
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_value_is_in_no_record_no_error_and_no_stored_byte(value in "[!-~]{24,60}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let said = runtime.block_on(everything_that_is_said(&value));
        for disguise in disguises(&value) {
            prop_assert!(!said.iter().any(|text| text.contains(&disguise)));
        }
    }
}

/// The property above can fail: what it looks for is found where it should be.
#[test]
fn the_disguises_are_those_of_rust() {
    let bytes = b"value".to_vec();
    assert!(disguises("value").iter().any(|d| format!("{bytes:?}").contains(d)));
}
