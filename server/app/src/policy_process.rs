//! The policy host of this process: where modules run, by what the configuration says.
//!
//! The program is its own child: `strongroom policy-process decide|compile`, which only a server starts. That is
//! looked at before anything else happens, so that a child never reads configuration, environment or keys.

use std::{collections::BTreeSet, path::Path, process::ExitCode, sync::Arc};

use async_trait::async_trait;
use clap::ValueEnum;
use serde::Deserialize;
use strongroom_domain::{
    keyring::Keyring,
    policy::{AttachmentState, ModuleDigest},
    ports::VaultStore,
};
use strongroom_policy_host::{
    ArtefactSeal, ChildProgram, HostError, HostOptions, Isolation, ModuleSource, PolicyHost, run_child,
};

/// First argument of a child.
const WORD: &str = "policy-process";
/// Directory of compiled modules in the data directory.
const CACHE: &str = "policy-cache";

/// Where policy modules run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PolicyIsolation {
    /// In a process of their own that seccomp and Landlock hold; where the kernel lacks one, the server does
    /// not start.
    #[default]
    Full,
    /// In a process of their own, held by what the kernel has of both.
    Process,
    /// In the server's process, beside its keys.
    None,
}

impl From<PolicyIsolation> for Isolation {
    fn from(isolation: PolicyIsolation) -> Self {
        match isolation {
            PolicyIsolation::Full => Self::Full,
            PolicyIsolation::Process => Self::Process,
            PolicyIsolation::None => Self::None,
        }
    }
}

/// Runs the child that this process was started as, if it was.
pub(crate) fn run() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let ours = arguments.next().is_some_and(|word| word == WORD);
    ours.then(|| {
        let word = arguments.next().unwrap_or_default();
        run_child(&word.to_string_lossy()).unwrap_or(ExitCode::FAILURE)
    })
}

/// Starts the policy host and says what is in force.
pub(crate) fn start(isolation: PolicyIsolation, data: &Path, keyring: &Arc<Keyring>) -> anyhow::Result<PolicyHost> {
    let host = PolicyHost::start(HostOptions {
        isolation: isolation.into(),
        program: ChildProgram::this_one(&[WORD]),
        cache: Some(data.join(CACHE)),
        seal: Arc::new(Seal(Arc::clone(keyring))),
        source: Arc::new(ShippedOnly),
    });
    let host = host.map_err(|error| {
        let unconfined = matches!(error, HostError::NotConfined(_));
        let error = anyhow::Error::from(error);
        if unconfined {
            error.context(
                "policy modules would run less confined than they have to: use a kernel with seccomp and Landlock \
                 (Linux 5.13), or say --policy-isolation process (what the kernel has) or none (in the server itself)",
            )
        } else {
            error.context("the policy host does not start")
        }
    })?;
    match host.confinement() {
        Some(held) => tracing::info!("policy modules run in a process of their own: {held}"),
        None => tracing::warn!("policy modules run in the server's own process, beside its keys"),
    }
    Ok(host)
}

/// Has the modules ready that are attached somewhere, so that no request is the first to need one.
pub(crate) async fn warm(host: Arc<PolicyHost>, vaults: Arc<dyn VaultStore>) {
    let vaults = match vaults.vaults(false).await {
        Ok(vaults) => vaults,
        Err(error) => return tracing::warn!(%error, "which modules are attached could not be read at start"),
    };
    let attached = vaults.iter().flat_map(|vault| &vault.settings.policies);
    let on = attached.filter(|attachment| attachment.state != AttachmentState::Off);
    for module in on.map(|attachment| attachment.module).collect::<BTreeSet<_>>() {
        if let Err(error) = host.ready(&module).await {
            tracing::error!(%error, %module, "an attached module cannot be loaded: requests that it is asked about are denied");
        }
    }
}

struct Seal(Arc<Keyring>);

impl ArtefactSeal for Seal {
    fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.0.tag_policy_artefact(parts)
    }

    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.0.verify_policy_artefact(parts, tag)
    }
}

/// No modules but those that ship.
struct ShippedOnly;

#[async_trait]
impl ModuleSource for ShippedOnly {
    async fn bytes(&self, _digest: &ModuleDigest) -> Result<Option<Arc<[u8]>>, String> {
        Ok(None)
    }
}
