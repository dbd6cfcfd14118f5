//! What the tests share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use strongroom_domain::policy::{
    AttachmentState, ModuleDigest, PolicyAttachment, PolicyConnection, PolicyObject, PolicyPrincipal, PolicyRequest,
};
use strongroom_policy_host::shipped;

pub(crate) const SET_SECRET: &str = "Microsoft.KeyVault/vaults/secrets/setSecret/action";

/// The folder of the guests.
pub(crate) fn guests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../policy-plugins")
}

pub(crate) fn attach(module: ModuleDigest, settings: &str) -> PolicyAttachment {
    PolicyAttachment {
        name: "under test".to_owned(),
        module,
        settings: settings.to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
    }
}

pub(crate) fn shipped_digest(name: &str) -> ModuleDigest {
    shipped().iter().find(|module| module.name == name).expect("a module of this name ships").digest
}

/// A write of the secret `db-password` by `ada`, owned by `payments`.
pub(crate) fn request() -> PolicyRequest {
    PolicyRequest {
        principal: PolicyPrincipal {
            issuer: "https://issuer.example".to_owned(),
            subject: "ada".to_owned(),
            kind: "user".to_owned(),
            groups: (0..8).map(|group| format!("group-{group}")).collect(),
            claims: BTreeMap::from([("acr".to_owned(), "1".to_owned())]),
        },
        connection: PolicyConnection { client_address: "192.0.2.1".to_owned(), listener: "https".to_owned() },
        action: SET_SECRET.to_owned(),
        object: PolicyObject {
            vault: "demo".to_owned(),
            kind: "secret".to_owned(),
            name: "db-password".to_owned(),
            version: None,
            tags: BTreeMap::from([("owner".to_owned(), "payments".to_owned())]),
            enabled: Some(true),
            not_before: None,
            expires: None,
        },
        time: 1_780_315_200,
    }
}
