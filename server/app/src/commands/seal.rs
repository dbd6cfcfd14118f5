//! `strongroom seal`: the root key in use, and another one in its place.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use strongroom_crypto::{RootCipher as _, RootKey, SystemEntropy, VaultKey, WrappedKey};
use strongroom_domain::{
    ports::SealStore as _,
    record::{Recorder, spawn},
    time::Clock,
};
use strongroom_store::Store;

use super::utc;
use crate::{
    cli::{SealAt, SealCommand},
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
        SealCommand::Status { at } => status(&Place::of(at)?).await,
        SealCommand::Rotate { at, to, file, credential, passphrase_from, key_label } => {
            let place = Place::of(at)?;
            let to = to.map(|provider| Seal { provider, file, credential, passphrase_from, key_label });
            rotate(&place, to).await
        }
        SealCommand::Generate { file } => {
            let key = RootKey::create_file(&file, &SystemEntropy)?;
            println!("{} holds a new root key with the id {}", file.display(), key.id());
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

async fn status(place: &Place) -> anyhow::Result<()> {
    let reader = Store::open_read_only(&place.address()).await?;
    let installation = reader.installation().await?.context("the database holds no installation")?;
    let sealed = reader.sealed_keys().await?;
    let fact = sealed.root_key.context("which root key is in use is not written down: the first start of this release does that; if there was one, somebody removed it: see `root_keys` in a backup")?;
    println!("root key   {}", fact.key_id);
    println!("provider   {}", fact.provider);
    println!("since      {}", utc(fact.since));
    let key = place.source().and_then(|source| source.open(&fact));
    let key = match key {
        Ok(key) => key,
        Err(error) => {
            println!("vault keys {} (not tried: {error:#})", sealed.vaults.len());
            return Err(Exit::NotOpened.into());
        }
    };
    let id = installation.id.0.as_bytes();
    let opens =
        |wrapped: &[u8], vault: &[u8; 16]| VaultKey::unwrap(&WrappedKey(wrapped.to_vec()), &*key, id, vault).is_ok();
    let (ours, others): (Vec<_>, Vec<_>) =
        sealed.vaults.iter().partition(|vault| opens(&vault.wrapped_key, vault.id.0.as_bytes()));
    println!("vault keys {} wrapped by {}", ours.len(), fact.key_id);
    let blobs = sealed.blobs.iter().filter(|(label, bytes)| key.open_blob(label, id, bytes).is_ok()).count();
    println!("own keys   {blobs} wrapped by {}", fact.key_id);
    let stray = others.len() + (sealed.blobs.len() - blobs);
    if stray > 0 {
        let names: Vec<&str> = others.iter().map(|vault| vault.name.as_str()).collect();
        println!("{stray} keys are wrapped by another root key or are damaged (vaults: {})", names.join(", "));
        return Err(Exit::NotOpened.into());
    }
    Ok(())
}

async fn rotate(place: &Place, to: Option<Seal>) -> anyhow::Result<()> {
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
    println!(
        "{} vault keys and {} own keys are wrapped by the root key {}",
        rotated.vaults, rotated.blobs, fact.key_id
    );
    match target {
        Target::InPlace(_) => {
            source.finish_rotation(&fact)?;
            println!("{} holds it; back it up, apart from the database", source.shown());
        }
        Target::Elsewhere(new) => {
            println!(
                "`[seal]` in the configuration must name the provider {} ({}) from now on",
                new.name(),
                new.shown()
            );
        }
    }
    println!("backups of the database from before need the old root key {}", opened.keyring.root_key_id());
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
        let refused = rotate(&place, Some(Seal { file: Some(other.clone()), ..Seal::default() })).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("a development installation"), "{refused}");
        assert!(!other.exists());
    }
}
