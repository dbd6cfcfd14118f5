//! What the tests share.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use strongroom_domain::policy::{
    AttachmentState, FactValue, ModuleDigest, ObjectState, PolicyAttachment, PolicyConnection, PolicyObject,
    PolicyPrincipal, PolicyRequest, RECORDED_FOR_1_0,
};
use strongroom_policy_host::{
    ArtefactSeal, ChildProgram, HostOptions, Isolation, ModuleSource, PolicyHost, SourceModule, shipped,
    signature::Signer,
};

pub(crate) use crate::fixtures::{fixture, framed, guests};

pub(crate) const SET_SECRET: &str = "Microsoft.KeyVault/vaults/secrets/setSecret/action";

pub(crate) fn attach(module: ModuleDigest, settings: &str) -> PolicyAttachment {
    PolicyAttachment {
        name: "under test".to_owned(),
        module,
        settings: settings.to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    }
}

pub(crate) fn shipped_digest(name: &str) -> ModuleDigest {
    shipped().iter().find(|module| module.name == name).expect("a module of this name ships").digest
}

/// A write of the secret `db-password` by `ada`, owned by `payments`.
pub(crate) fn request() -> PolicyRequest {
    PolicyRequest {
        recorded_for: RECORDED_FOR_1_0,
        principal: PolicyPrincipal {
            issuer: "https://issuer.example".to_owned(),
            subject: "ada".to_owned(),
            kind: "user".to_owned(),
            groups: (0..8).map(|group| format!("group-{group}")).collect(),
            claims: BTreeMap::from([("acr".to_owned(), "1".to_owned())]),
        },
        connection: PolicyConnection {
            client_address: "192.0.2.1".to_owned(),
            listener: "https".to_owned(),
            ..PolicyConnection::default()
        },
        action: SET_SECRET.to_owned(),
        object: PolicyObject {
            vault: "demo".to_owned(),
            kind: "secret".to_owned(),
            name: "db-password".to_owned(),
            state: ObjectState::Active,
            tags: BTreeMap::from([("owner".to_owned(), "payments".to_owned())]),
            enabled: Some(true),
            ..PolicyObject::default()
        },
        time: 1_780_315_200,
        facts: BTreeMap::from([("days-since-rotation".to_owned(), Some(FactValue::Number(40)))]),
        ..PolicyRequest::default()
    }
}

/// The program of the children, as the tests have it.
pub(crate) fn child() -> ChildProgram {
    ChildProgram { path: env!("CARGO_BIN_EXE_strongroom-policy-child").into(), arguments: Vec::new() }
}

/// A host with modules besides those that ship, and what it compiled kept in a directory.
pub(crate) fn host(isolation: Isolation, modules: &[Vec<u8>], cache: Option<&Path>) -> PolicyHost {
    let unsigned: Vec<_> = modules.iter().map(|bytes| (bytes.clone(), None)).collect();
    host_with(isolation, &unsigned, cache, Vec::new())
}

/// The same, with the signatures that modules have, and those whose signatures count.
pub(crate) fn host_with(
    isolation: Isolation,
    modules: &[(Vec<u8>, Option<Vec<u8>>)],
    cache: Option<&Path>,
    signers: Vec<Signer>,
) -> PolicyHost {
    let modules = modules.iter().map(|(bytes, signature)| (digest_of(bytes), (bytes.clone(), signature.clone())));
    let options = HostOptions {
        isolation,
        program: child(),
        cache: cache.map(Path::to_owned),
        seal: Arc::new(Seal),
        source: Arc::new(Uploaded(modules.collect())),
        signers,
    };
    PolicyHost::start(options).expect("a host")
}

pub(crate) fn digest_of(bytes: &[u8]) -> ModuleDigest {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    ModuleDigest(digest.as_ref().try_into().expect("32 bytes"))
}

struct Uploaded(HashMap<ModuleDigest, (Vec<u8>, Option<Vec<u8>>)>);

#[async_trait::async_trait]
impl ModuleSource for Uploaded {
    async fn bytes(&self, digest: &ModuleDigest) -> Result<Option<SourceModule>, String> {
        let found = self.0.get(digest).cloned();
        Ok(found.map(|(bytes, signature)| SourceModule { bytes: bytes.into(), signature }))
    }
}

struct Seal;

impl ArtefactSeal for Seal {
    fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        digest_of(&parts.concat()).0
    }

    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.tag(parts) == tag
    }
}
