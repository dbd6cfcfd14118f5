//! The root key at a start: which provider the configuration names, and whether what it gives is the key
//! that the database is sealed under.

pub(crate) mod environment;
pub(crate) mod hardware;
mod passphrase;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use strongroom_crypto::{
    Entropy, FileProvider, GivenProvider, PassphraseProvider, RootCipher, RootKey, RootKeyError, RootKeyProvider,
};
use strongroom_domain::seal::RootKeyFact;
use strongroom_pkcs11::{Pkcs11Provider, Token};

use crate::config::word;
use hardware::Hardware;

/// Name of the key file in the data directory.
const FILE: &str = "root.key";

/// `[seal]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seal {
    /// Where the root key comes from.
    #[serde(default, deserialize_with = "word")]
    pub(crate) provider: Provider,
    /// For `file`: the key file; `root.key` in the data directory when absent. Made at the first start.
    #[serde(default)]
    pub(crate) file: Option<PathBuf>,
    /// For `credential`: its name in `$CREDENTIALS_DIRECTORY`.
    #[serde(default)]
    pub(crate) credential: Option<String>,
    /// For `passphrase`: `prompt`, `credential:NAME` or `fd:NUMBER`.
    #[serde(default)]
    pub(crate) passphrase_from: Option<String>,
    /// For `pkcs11`: the label of the key in the token that `[pkcs11]` names. Made at the first start.
    #[serde(default)]
    pub(crate) key_label: Option<String>,
}

/// A provider by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Provider {
    /// A key file of mode 0600.
    #[default]
    File,
    /// Argon2id over a passphrase.
    Passphrase,
    /// A systemd credential.
    Credential,
    /// The variable STRONGROOM_ROOT_KEY.
    Environment,
    /// A key in the token that `[pkcs11]` names, which it never leaves.
    Pkcs11,
}

/// A provider that was set up.
pub(crate) struct Source {
    provider: Box<dyn RootKeyProvider>,
    /// The key file, where it is one.
    file: Option<PathBuf>,
    /// Where to find the key, for people.
    shown: String,
    /// The token that the key is in.
    token: Option<Token>,
}

impl Seal {
    /// Sets the provider up: asks for a passphrase, reads a credential.
    pub(crate) fn source(&self, data: &Path, hardware: Option<&Hardware>) -> anyhow::Result<Source> {
        let given = [
            ("file", Provider::File, self.file.is_some()),
            ("credential", Provider::Credential, self.credential.is_some()),
            ("passphrase_from", Provider::Passphrase, self.passphrase_from.is_some()),
            ("key_label", Provider::Pkcs11, self.key_label.is_some()),
        ];
        if let Some((name, ..)) = given.iter().find(|(_, of, given)| *given && *of != self.provider) {
            bail!("`{name}` says nothing to the root key provider that is named");
        }
        let (mut shown, mut token) = (None, None);
        let provider: Box<dyn RootKeyProvider> = match self.provider {
            Provider::File => return Ok(Source::file(self.file.clone().unwrap_or_else(|| data.join(FILE)))),
            Provider::Passphrase => {
                let from = self.passphrase_from.as_deref().unwrap_or("prompt");
                Box::new(PassphraseProvider::new(passphrase::read(from)?)?)
            }
            Provider::Credential => {
                let name = self.credential.as_deref().unwrap_or("strongroom-root-key");
                let path = credential_path(name)?;
                let given = GivenProvider::credential(&path).map_err(|error| match error {
                    RootKeyError::NotFound(_) => anyhow::anyhow!(
                        "the root key is to come from the credential {name}, and there is no file {}: give this node the same \
                         credential as the others (LoadCredentialEncrypted={name}:FILE of its unit)",
                        path.display()
                    ),
                    other => other.into(),
                })?;
                Box::new(given)
            }
            Provider::Environment => {
                let text = environment::taken(environment::ROOT_KEY).with_context(|| {
                    format!(
                        "the root key is to come from the variable {}, which is not set: give this node the same key as the others",
                        environment::ROOT_KEY
                    )
                })?;
                Box::new(GivenProvider::environment(text))
            }
            Provider::Pkcs11 => {
                let hardware = hardware.context("the root key is to be in a token, and [pkcs11] names none")?;
                let label = self.key_label.as_deref().unwrap_or("strongroom-root");
                anyhow::ensure!((1..=64).contains(&label.len()), "key_label has 1 to 64 bytes");
                shown = Some(format!("the key {label:?} in the token {}", hardware.name()?));
                let in_token = token.insert(hardware.token()?).clone();
                Box::new(Pkcs11Provider::new(in_token, label.to_owned()))
            }
        };
        let shown = shown.unwrap_or_else(|| provider.name().to_owned());
        Ok(Source { provider, file: None, shown, token })
    }
}

/// Where the service manager puts a credential.
pub(crate) fn credential_path(name: &str) -> anyhow::Result<PathBuf> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        bail!("the name of a credential has no `/` and does not begin with a point");
    }
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY")
        .context("CREDENTIALS_DIRECTORY is not set: the service manager gives credentials to services only")?;
    Ok(PathBuf::from(folder).join(name))
}

impl Source {
    /// A key file.
    pub(crate) fn file(path: PathBuf) -> Self {
        let shown = path.display().to_string();
        Self { provider: Box::new(FileProvider(path.clone())), file: Some(path), shown, token: None }
    }

    /// The token that the key is in, so that nobody opens a second one.
    pub(crate) fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.provider.name()
    }

    /// Where to find the key, for people.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The key for a new installation or a rotation, with what to store beside what it wraps.
    pub(crate) fn create(&self, entropy: &dyn Entropy) -> anyhow::Result<(Box<dyn RootCipher>, String)> {
        Ok(self.provider.create(entropy)?)
    }

    /// The key of an installation in which it is not written down which one it is.
    pub(crate) fn open_unknown(&self) -> anyhow::Result<Box<dyn RootCipher>> {
        Ok(self.provider.open("")?)
    }

    /// The key that the database is sealed under; anything else is one clear line.
    pub(crate) fn open(&self, fact: &RootKeyFact) -> anyhow::Result<Box<dyn RootCipher>> {
        let given = self.provider.open(&fact.parameters);
        if let Ok(key) = &given
            && key.id() == fact.key_id
        {
            return Ok(given?);
        }
        if let Some(key) = self.finish_rotation(fact)? {
            return Ok(Box::new(key));
        }
        let given = given.map_err(|error| self.lacking(error, fact))?;
        // What it is made with is kept beside the keys, so nothing but the passphrase can be another one.
        if self.name() == "passphrase" && fact.provider == "passphrase" {
            bail!(
                "the passphrase is wrong: it makes the root key {}, and this database is sealed under {}",
                given.id(),
                fact.key_id
            );
        }
        bail!(
            "the root key {} has the id {}, and this database is sealed under {} (provider {}): it is not the root key of this database",
            self.shown(),
            given.id(),
            fact.key_id,
            fact.provider
        )
    }

    /// Why there is no key for a database that is sealed under one, and where to get it.
    fn lacking(&self, error: RootKeyError, fact: &RootKeyFact) -> anyhow::Error {
        let RootKeyFact { key_id, provider, .. } = fact;
        if *provider != self.name() {
            return anyhow::Error::new(error).context(format!(
                "this database is sealed under the root key {key_id} of the provider {provider}, and the configuration names \
                 {}: let `[seal]` name {provider}, as on the node that works",
                self.name()
            ));
        }
        match error {
            RootKeyError::NotFound(path) => anyhow::anyhow!(
                "the root key {key_id}, under which this database is sealed, is not here: there is no file {}. Copy the key \
                 file there (mode 0600) from another node or from its backup, or let `file` of `[seal]` name where it is; a \
                 new key would open nothing, so none was made",
                path.display()
            ),
            other => other.into(),
        }
    }

    /// The file that waits beside the key file during a rotation in place.
    pub(crate) fn next(&self) -> Option<Self> {
        self.file.as_deref().map(|path| Self::file(beside(path, "new")))
    }

    /// Puts the file that waits in the place of the key file, if its key is the one that counts. What was
    /// interrupted before that is finished here at the next start. The old key stays beside, for old backups.
    pub(crate) fn finish_rotation(&self, fact: &RootKeyFact) -> anyhow::Result<Option<RootKey>> {
        let Some(path) = &self.file else { return Ok(None) };
        let next = beside(path, "new");
        let Ok(key) = RootKey::from_file(&next) else { return Ok(None) };
        if key.id() != fact.key_id {
            return Ok(None);
        }
        let cannot = || format!("{} cannot be put in its place", next.display());
        if let Ok(old) = RootKey::from_file(path) {
            match std::fs::hard_link(path, beside(path, &old.id())) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(error).with_context(cannot);
                }
                _ => {}
            }
        }
        std::fs::rename(&next, path).with_context(cannot)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(cannot)?;
        Ok(Some(key))
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::SystemEntropy;

    use super::*;

    fn fact(key: &dyn RootCipher) -> RootKeyFact {
        let provider = "file".to_owned();
        RootKeyFact { key_id: key.id(), provider, parameters: String::new(), since: 1, tag: Vec::new() }
    }

    #[test]
    fn another_key_is_one_clear_line() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::file(folder.path().join("root.key"));
        source.create(&SystemEntropy).unwrap();
        let other = RootKey::generate(&SystemEntropy).unwrap();
        let error = source.open(&fact(&other)).err().unwrap().to_string();
        assert!(error.contains(&other.id()) && error.contains("root.key") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn a_wrong_passphrase_is_called_one() {
        let source = |text: &str| {
            let provider = PassphraseProvider::new(strongroom_crypto::SecretText::new(text.to_owned())).unwrap();
            Source { provider: Box::new(provider), file: None, shown: "passphrase".to_owned(), token: None }
        };
        let (key, parameters) = source("correct horse battery staple").create(&SystemEntropy).unwrap();
        let sealed = RootKeyFact { provider: "passphrase".to_owned(), parameters, ..fact(&*key) };
        assert_eq!(source("correct horse battery staple").open(&sealed).unwrap().id(), key.id());
        let error = source("another one, and as long as that").open(&sealed).err().unwrap().to_string();
        assert!(error.starts_with("the passphrase is wrong") && error.contains(&key.id()), "{error}");
    }

    /// A second node, or a copy of the database, to which nobody brought the key.
    #[test]
    fn a_key_that_is_missing_is_told_with_its_place_and_its_source_and_none_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let source = Source::file(path.clone());
        let key = RootKey::generate(&SystemEntropy).unwrap();
        let told = |fact: &RootKeyFact| {
            let told = format!("{:#}", source.open(fact).err().unwrap());
            assert!(
                told.contains(&key.id()) && told.contains(path.to_str().unwrap()) && !told.contains('\n'),
                "{told}"
            );
            told
        };
        let missing = told(&fact(&key));
        assert!(
            missing.contains("from another node or from its backup") && missing.contains("none was made"),
            "{missing}"
        );
        let elsewhere = told(&RootKeyFact { provider: "credential".to_owned(), ..fact(&key) });
        assert!(elsewhere.contains("let `[seal]` name credential"), "{elsewhere}");
        assert!(!path.exists());
    }

    /// Whatever step the machine stopped at, the key that counts is found, and the old one is kept.
    #[test]
    fn a_rotation_in_place_is_finished_at_the_next_start() {
        for linked in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("root.key");
            let source = Source::file(path.clone());
            let (old, _) = source.create(&SystemEntropy).unwrap();
            let (new, _) = source.next().unwrap().create(&SystemEntropy).unwrap();
            assert_eq!(source.open(&fact(&*old)).unwrap().id(), old.id(), "before the database was told");
            if linked {
                std::fs::hard_link(&path, beside(&path, &old.id())).unwrap();
            }
            for _ in 0..2 {
                assert_eq!(source.open(&fact(&*new)).unwrap().id(), new.id());
            }
            assert_eq!(RootKey::from_file(&path).unwrap().id(), new.id());
            assert_eq!(RootKey::from_file(&beside(&path, &old.id())).unwrap().id(), old.id());
            assert!(!beside(&path, "new").exists());
        }
    }

    #[test]
    fn settings_of_another_provider_are_a_mistake() {
        let seal = Seal { credential: Some("x".to_owned()), ..Seal::default() };
        assert!(seal.source(Path::new("."), None).err().unwrap().to_string().contains("`credential`"));
        for name in ["", "../x", ".hidden"] {
            assert!(credential_path(name).is_err());
        }
    }
}
