//! `strongroom seal`: the root key in use, and another one in its place.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use strongroom_crypto::{RootCipher, RootKey, SystemEntropy, VaultKey, WrappedKey};
use strongroom_domain::{
    ports::SealStore as _,
    record::{Recorder, spawn},
    seal::SealedKeys,
    time::Clock,
};
use strongroom_store::{Installation, Store};

use super::{done, utc};
use crate::{
    cli::{Output, SealAt, SealCommand},
    clock::SystemClock,
    config,
    covering::cover_once,
    exit::Exit,
    installation::{self, Opening, embedded_database, embedded_file},
    seal::{Provider, Seal, Source, hardware::Hardware},
    serve::system_request,
};

pub(crate) async fn run(command: SealCommand) -> anyhow::Result<()> {
    match command {
        SealCommand::Status { at } => {
            let output = at.output;
            status(&Place::of(at)?, output).await
        }
        SealCommand::Rotate { at, to, file, credential, passphrase_from, key_label } => {
            let output = at.output;
            let place = Place::of(at)?;
            let to = to.map(|provider| Seal { provider, file, credential, passphrase_from, key_label });
            rotate(&place, to, output).await
        }
        SealCommand::Generate { file, output } => {
            let key = RootKey::create_file(&file, &SystemEntropy)?;
            let words = format!("{} holds a new root key with the id {}", file.display(), key.id());
            done(output, &json!({ "file": file, "root_key": key.id() }), words);
            Ok(())
        }
    }
}

/// Where an installation is.
pub(crate) struct Place {
    pub(crate) data: PathBuf,
    pub(crate) database: Option<String>,
    pub(crate) node: String,
    pub(crate) seal: Seal,
    pub(crate) hardware: Option<Hardware>,
}

impl Place {
    pub(crate) fn of(at: SealAt) -> anyhow::Result<Self> {
        if at.config.is_none() && !embedded_file(&at.data).is_file() {
            bail!(
                "there is no database at {}: --config names the server's configuration, where it has another, or --data its \
                 data directory",
                embedded_file(&at.data).display()
            );
        }
        Self::of_log(at, None)
    }

    /// The same for whoever may do without a database there, because the log is in another one or in a file.
    pub(crate) fn of_log(at: SealAt, database: Option<String>) -> anyhow::Result<Self> {
        let Some(path) = at.config else {
            let node = "node-1".to_owned();
            return Ok(Self { data: at.data, database, node, seal: Seal::default(), hardware: None });
        };
        let config = config::read(&path)?;
        let (seal, database) = (config.seal()?, config.database()?);
        Ok(Self { data: config.data, database, node: config.node, seal, hardware: config.pkcs11 })
    }

    /// The provider of the root key in use.
    pub(crate) fn source(&self) -> anyhow::Result<Source> {
        self.seal.source(&self.data, self.hardware.as_ref())
    }

    pub(crate) fn address(&self) -> String {
        self.database.clone().unwrap_or_else(|| embedded_database(&self.data))
    }
}

/// Which keys the root key in use opens.
struct Opened {
    key_id: String,
    vaults: usize,
    blobs: usize,
    /// Keys that it does not open.
    stray: usize,
    /// Those of them that are of vaults, by name.
    names: Vec<String>,
}

async fn status(place: &Place, output: Output) -> anyhow::Result<()> {
    let reader = Store::open_read_only(&place.address()).await?;
    let installation = reader.installation().await?.context("the database holds no installation")?;
    let sealed = reader.sealed_keys().await?;
    let fact = sealed.root_key.as_ref().context("which root key is in use is not written down: the first start of this release does that; if there was one, somebody removed it: see `root_keys` in a backup")?;
    // What is in use is told by the database, and so in any case.
    let tried = place.source().and_then(|source| source.open(fact)).map(|key| opened_by(&*key, &installation, &sealed));
    let known = sealed.vaults.len();
    match output {
        Output::Json => {
            let mut told = json!({ "root_key": fact.key_id, "provider": fact.provider, "since": fact.since });
            let more = match &tried {
                Ok(found) => json!({
                    "opens": found.stray == 0,
                    "vault_keys": found.vaults,
                    "own_keys": found.blobs,
                    "others": found.stray,
                    "vaults_of_others": found.names,
                }),
                Err(why) => json!({ "opens": false, "vault_keys_not_tried": known, "why": format!("{why:#}") }),
            };
            if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
                told.extend(more);
            }
            println!("{}", crate::plain::json(&told));
        }
        Output::Table => {
            println!("root key   {}", fact.key_id);
            println!("provider   {}", fact.provider);
            println!("since      {}", utc(fact.since));
            match &tried {
                Ok(found) => {
                    println!("vault keys {} wrapped by {}", found.vaults, found.key_id);
                    println!("own keys   {} wrapped by {}", found.blobs, found.key_id);
                    if found.stray > 0 {
                        println!(
                            "{} keys are wrapped by another root key or are damaged (vaults: {})",
                            found.stray,
                            found.names.join(", ")
                        );
                    }
                }
                Err(_) => println!("vault keys {known} (not tried)"),
            }
        }
    }
    match tried {
        // What kept the key away says what to do about it, which the last line must not speak over.
        Err(why) => Err(why.context(Exit::NoRootKey)),
        Ok(found) if found.stray > 0 => Err(Exit::NotOpened.into()),
        Ok(_) => Ok(()),
    }
}

fn opened_by(key: &dyn RootCipher, installation: &Installation, sealed: &SealedKeys) -> Opened {
    let id = installation.id.0.as_bytes();
    let opens =
        |wrapped: &[u8], vault: &[u8; 16]| VaultKey::unwrap(&WrappedKey(wrapped.to_vec()), key, id, vault).is_ok();
    let (ours, others): (Vec<_>, Vec<_>) =
        sealed.vaults.iter().partition(|vault| opens(&vault.wrapped_key, vault.id.0.as_bytes()));
    let blobs = sealed.blobs.iter().filter(|(label, bytes)| key.open_blob(label, id, bytes).is_ok()).count();
    Opened {
        key_id: key.id(),
        vaults: ours.len(),
        blobs,
        stray: others.len() + (sealed.blobs.len() - blobs),
        names: others.iter().map(|vault| vault.name.as_str().to_owned()).collect(),
    }
}

async fn rotate(place: &Place, to: Option<Seal>, output: Output) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let source = place.source()?;
    let target = match &to {
        Some(seal) if seal.provider == Provider::File && seal.file.is_none() => {
            anyhow::bail!("--file names the new key file (without --to, the key file is replaced in its place)")
        }
        Some(seal) => Target::Elsewhere(seal.source(&place.data, place.hardware.as_ref())?),
        None => Target::InPlace(source.next().context("--to names the provider of the new key")?),
    };
    let opening = Opening {
        data: &place.data,
        database: place.database.as_deref(),
        source: &source,
        node: &place.node,
        development: None,
        alone: true,
    };
    let opened = installation::open(&opening, clock.now_millis(), &SystemEntropy).await?;
    if opened.installation.development && matches!(target, Target::Elsewhere(_)) {
        bail!(
            "this is a development installation, which `strongroom dev` starts by the key file in its data directory alone: its \
             root key is changed in its place, without --to"
        );
    }
    let new = target.source();
    let (key, parameters) = new.create(&SystemEntropy)?;
    let store = Arc::new(opened.store);
    let (committer, task) = spawn(store.clone());
    let recorder = Recorder::new(committer, Arc::clone(&clock));
    let ctx = system_request(&*clock, "seal-rotate")?;
    let facts = (new.name(), parameters.as_str());
    let rotated =
        strongroom_domain::seal::rotate(&ctx, &opened.keyring, &*store, &recorder, &*key, facts, &SystemEntropy).await;
    drop(recorder);
    task.await?;
    let rotated = rotated?;
    let fact = store.root_key().await?.context("the new root key is not written down")?;
    let mut said = vec![format!(
        "{} vault keys and {} own keys are wrapped by the root key {}",
        rotated.vaults, rotated.blobs, fact.key_id
    )];
    let holder = match &target {
        Target::InPlace(_) => {
            source.finish_rotation(&fact)?;
            said.push(format!("{} holds it; back it up, apart from the database", source.shown()));
            source.shown()
        }
        Target::Elsewhere(new) => {
            said.push(format!(
                "`[seal]` in the configuration must name the provider {} ({}) from now on",
                new.name(),
                new.shown()
            ));
            new.shown()
        }
    };
    let before = opened.keyring.root_key_id();
    said.push(format!("backups of the database from before need the old root key {before}"));
    let told = json!({
        "root_key": fact.key_id,
        "provider": fact.provider,
        "held_by": holder,
        "vault_keys": rotated.vaults,
        "own_keys": rotated.blobs,
        "before": before,
    });
    done(output, &told, said.join("\n"));
    // Last: a log that does not fit must not leave a rotation half done.
    cover_once(&store, opened.auditor, opened.installation.id, &place.data, &*clock).await
}

/// Where the new key is.
enum Target {
    InPlace(Source),
    Elsewhere(Source),
}

impl Target {
    fn source(&self) -> &Source {
        match self {
            Self::InPlace(source) | Self::Elsewhere(source) => source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_root_key_of_a_development_installation_stays_where_it_is_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let source = Seal::default().source(data, None).unwrap();
        let development = Some(true);
        let opening = Opening { data, database: None, source: &source, node: "node-1", development, alone: false };
        let made = installation::open(&opening, 1, &SystemEntropy).await.unwrap();
        made.store.close().await.unwrap();
        drop(made);
        let (seal, node) = (Seal::default(), "node-1".to_owned());
        let place = Place { data: data.to_owned(), database: None, node, seal, hardware: None };
        let other = data.join("other.key");
        let refused = rotate(&place, Some(Seal { file: Some(other.clone()), ..Seal::default() }), Output::Table).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("a development installation"), "{refused}");
        assert!(!other.exists());
    }
}
