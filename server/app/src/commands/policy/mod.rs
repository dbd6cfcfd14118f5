//! `strongroom policy`: for those who write modules. Everything that a module answers here comes from the
//! server's own host, in this process.

mod ask;
mod build;
mod document;
mod new;
mod replay;
mod reproduce;
mod sign;
mod test;
mod why;
mod would_allow;

pub(super) use sign::beside as signature_beside;

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::json;
use strongroom_domain::policy::{AttachmentState, ModuleDigest, PolicyAttachment};
use strongroom_policy_host::{ModuleDescription, WasmPolicyEngine, limits, shipped, understood};

use super::{attachment, facts, settings_schema};
use crate::{
    cli::{Output, PolicyCommand},
    plain::plain,
};

pub(crate) async fn run(command: PolicyCommand) -> anyhow::Result<()> {
    match command {
        PolicyCommand::Operate(command) => attachment::run(command).await,
        PolicyCommand::Document(command) => document::run(command).await,
        PolicyCommand::Why { id, described, would_allow, last, output, connection } => {
            let wanted = why::Wanted { would_allow: would_allow.then_some(last), output };
            match id {
                Some(id) => why::recorded(&id, wanted, &connection).await,
                None if described.who.is_none() => bail!(
                    "which decision? strongroom policy why ID, as a denial names it; or of a request that nobody makes: strongroom \
                     policy why --as WHO --action SecretGet --object VAULT/secrets/NAME"
                ),
                None => why::described(described, wanted, &connection).await,
            }
        }
        PolicyCommand::New { name, lang, output } => new::run(&name, lang, output),
        PolicyCommand::Build { folder, output } => build::run(&folder, output),
        PolicyCommand::Inspect { module, output } => inspect(&module.module, output),
        PolicyCommand::Test { folder, module, cases, output } => {
            test::run(&folder, module.as_deref(), cases, output).await
        }
        PolicyCommand::Explain { module, question, output } => ask::explain(&module.module, &question, output).await,
        PolicyCommand::Bench { module, question, rounds, output } => {
            ask::bench(&module.module, &question, rounds, output).await
        }
        PolicyCommand::Replay { module, records, settings, attachment, vault, output } => {
            let wanted = replay::Wanted { settings, attachment, vault };
            replay::run(&module.module, &records, wanted, output).await
        }
        PolicyCommand::Reproduce { records, modules, output } => reproduce::run(&records, &modules, output).await,
        PolicyCommand::Sign { file, key, output } => sign::sign(&file, &key, output),
        PolicyCommand::Verify { file, public_key, output } => sign::verify(&file, &public_key, output),
    }
}

/// A module with the host that loaded it.
struct Loaded {
    engine: WasmPolicyEngine,
    digest: ModuleDigest,
    description: ModuleDescription,
    size: usize,
}

impl Loaded {
    /// Loads a module: a file, the one that was built in a folder, or one that ships.
    fn find(module: &str) -> anyhow::Result<Self> {
        let path = Path::new(module);
        if path.is_dir() {
            return Self::file(&build::product(path)?);
        }
        if path.exists() {
            return Self::file(path);
        }
        let shipped = shipped();
        let Some(found) = shipped.iter().find(|one| one.name == module) else {
            let names: Vec<_> = shipped.iter().map(|one| one.name).collect();
            bail!("{module} is no file, and no module that ships; those are {}", names.join(", "));
        };
        Self::bytes(found.bytes)
    }

    fn file(path: &Path) -> anyhow::Result<Self> {
        Self::bytes(&read_module(path)?).with_context(|| format!("{} is not loaded", path.display()))
    }

    fn bytes(bytes: &[u8]) -> anyhow::Result<Self> {
        let engine = WasmPolicyEngine::new()?;
        let digest = engine.load(bytes)?;
        let description = engine.description(&digest).context("the module was loaded and is not there")?;
        Ok(Self { engine, digest, description, size: bytes.len() })
    }

    fn attachment(&self, settings: &str) -> PolicyAttachment {
        PolicyAttachment {
            name: self.description.name.clone(),
            module: self.digest,
            settings: settings.to_owned(),
            state: AttachmentState::Enforce,
            authority: false,
            previous: None,
        }
    }

    /// The attachment, if the module takes the settings.
    async fn attach(&self, settings: &str) -> anyhow::Result<PolicyAttachment> {
        let attachment = self.attachment(settings);
        if let Some(sentence) = self.engine.refusal(&attachment).await? {
            bail!("the module refuses these settings: {}", plain(&sentence));
        }
        Ok(attachment)
    }
}

/// Asks a module whether it takes settings, before they are sent anywhere: a refusal is in its own words, which
/// are for whoever wrote the settings.
pub(super) async fn accept(module: &[u8], settings: &str) -> anyhow::Result<()> {
    Loaded::bytes(module)?.attach(settings).await.map(drop)
}

/// Reads a module's file, not more of it than a module may have.
fn read_module(path: &Path) -> anyhow::Result<Vec<u8>> {
    let length = std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?.len();
    if usize::try_from(length).is_ok_and(|length| length > limits::MAX_MODULE_BYTES) {
        bail!("{} is larger than {} bytes", path.display(), limits::MAX_MODULE_BYTES);
    }
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn inspect(module: &str, output: Output) -> anyhow::Result<()> {
    let Loaded { engine, digest, description, size } = Loaded::find(module)?;
    let exports = engine.exports(&digest);
    let schema: serde_json::Value = serde_json::from_str(&description.settings_schema)?;
    let bounds = json!({
        "fuel": limits::FUEL,
        "memory_bytes": limits::MAX_MEMORY_BYTES,
        "stack_bytes": limits::MAX_STACK_BYTES,
        "requests_per_call": limits::MAX_BATCH,
        "settings_bytes": strongroom_domain::policy::MAX_SETTINGS_BYTES,
    });
    if output == Output::Json {
        let mut shown = serde_json::to_value(&description)?;
        if let Some(members) = shown.as_object_mut() {
            members.insert("settings_schema".to_owned(), schema);
            members.insert("digest".to_owned(), json!(digest));
            members.insert("size".to_owned(), json!(size));
            members.insert("exports".to_owned(), json!(exports));
            members.insert("limits".to_owned(), bounds);
        }
        println!("{}", crate::plain::json(&serde_json::to_string_pretty(&shown)?));
        return Ok(());
    }
    let stage = match description.stage {
        strongroom_domain::policy::PolicyStage::Network => "network: the connection alone",
        strongroom_domain::policy::PolicyStage::Request => "request: last of all",
    };
    let list = |texts: &[String]| if texts.is_empty() { "none".to_owned() } else { plain(&texts.join(", ")) };
    let shown = facts([
        ("name", plain(&description.name)),
        ("version", plain(&description.version)),
        ("summary", plain(&description.summary)),
        ("contract", description.contract.clone()),
        ("exports", list(&exports)),
        ("digest", digest.to_string()),
        ("size", format!("{size} bytes")),
        ("stage", stage.to_owned()),
        ("actions", list(&description.actions)),
        ("objects", list(&description.objects)),
        ("facts", list(&description.facts)),
        (
            "limits",
            format!(
                "fuel {}, memory {} MiB, stack {} KiB, {} requests a call",
                limits::FUEL,
                limits::MAX_MEMORY_BYTES >> 20,
                limits::MAX_STACK_BYTES >> 10,
                limits::MAX_BATCH
            ),
        ),
    ]);
    println!("{shown}\n{}", settings_schema(&schema));
    if let Err(why) = understood(&description.settings_schema) {
        eprintln!(
            "no server takes this module in: settings could not be checked against its schema: {}",
            plain(&why.to_string())
        );
    }
    Ok(())
}
