//! The policy host of this process: where modules run, by what the configuration says.
//!
//! The program is its own child: `strongroom policy-process decide|compile`, which only a server starts. That is
//! looked at before anything else happens, so that a child never reads configuration, environment or keys.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context as _;
use async_trait::async_trait;
use clap::ValueEnum;
use data_encoding::BASE64URL_NOPAD;
use rustls_pki_types::{SubjectPublicKeyInfoDer, pem::PemObject as _};
use strongroom_domain::{
    keyring::Keyring,
    policy::{AttachmentState, ModuleDigest},
    ports::{PolicyStore, VaultStore},
};
use strongroom_policy_host::{
    ArtefactSeal, ChildProgram, HostError, HostOptions, Isolation, ModuleSource, PolicyHost, SourceModule, run_child,
    signature::Signer,
};

/// First argument of a child.
const WORD: &str = "policy-process";
/// Directory of compiled modules in the data directory.
const CACHE: &str = "policy-cache";

/// Where policy modules run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
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
pub(crate) fn start(
    isolation: PolicyIsolation,
    data: &Path,
    keyring: &Arc<Keyring>,
    modules: Arc<dyn PolicyStore>,
    signers: Vec<Signer>,
) -> anyhow::Result<PolicyHost> {
    let demanded = signers.len();
    let host = PolicyHost::start(HostOptions {
        isolation: isolation.into(),
        program: ChildProgram::this_one(&[WORD]),
        cache: Some(data.join(CACHE)),
        seal: Arc::new(Seal(Arc::clone(keyring))),
        source: Arc::new(Uploaded { modules, keyring: Arc::clone(keyring) }),
        signers,
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
    if demanded > 0 {
        tracing::info!("policy modules that do not ship need a signature by one of {demanded} keys");
    }
    Ok(host)
}

/// Whose signatures count, by their public keys in PEM files.
pub(crate) fn signers(files: &[PathBuf]) -> anyhow::Result<Vec<Signer>> {
    let signer = |file: &PathBuf| {
        let pem = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let key = SubjectPublicKeyInfoDer::from_pem_slice(&pem)
            .with_context(|| format!("{} holds no public key in PEM", file.display()))?;
        Signer::of(&key).with_context(|| format!("{} is not an Ed25519 key", file.display()))
    };
    files.iter().map(signer).collect()
}

/// Has the modules ready that are attached somewhere, so that no request is the first to need one.
pub(crate) async fn warm(host: Arc<PolicyHost>, vaults: Arc<dyn VaultStore>, modules: Arc<dyn PolicyStore>) {
    let (vaults, everywhere) = match (vaults.vaults(false).await, modules.installation_policies().await) {
        (Ok(vaults), Ok(everywhere)) => (vaults, everywhere),
        (Err(error), _) | (_, Err(error)) => {
            return tracing::warn!(%error, "which modules are attached could not be read at start");
        }
    };
    let attached = vaults.iter().flat_map(|vault| &vault.settings.policies).chain(&everywhere.policies);
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

/// Modules that were uploaded, if what is known of them is authentic.
struct Uploaded {
    modules: Arc<dyn PolicyStore>,
    keyring: Arc<Keyring>,
}

#[async_trait]
impl ModuleSource for Uploaded {
    async fn bytes(&self, digest: &ModuleDigest) -> Result<Option<SourceModule>, String> {
        let found = self.modules.policy_module(digest).await.map_err(|error| error.to_string())?;
        let Some((module, bytes)) = found else { return Ok(None) };
        self.keyring.verify_policy_module(&module).map_err(|error| error.to_string())?;
        if module.digest != *digest {
            return Err("an uploaded module is stored in the place of another one".to_owned());
        }
        let signature = module.signature.and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
        Ok(Some(SourceModule { bytes: bytes.into(), signature }))
    }
}
