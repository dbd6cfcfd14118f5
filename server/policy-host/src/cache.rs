//! Compiled modules on disk, so that a start compiles nothing twice.
//!
//! One file per module and engine version, in a directory of the server's own. What is read counts only
//! if the installation's MAC over it is right: who can write the directory, but has no key, can make the
//! server compile again and nothing else. Must never hold a module's settings or anything about requests.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_domain::policy::ModuleDigest;

use crate::artefact::Artefact;
use crate::limits;

/// Authenticates compiled modules with a key of the installation. The key stays on the other side.
pub trait ArtefactSeal: Send + Sync {
    /// HMAC-SHA256 over the parts, each with its length.
    fn tag(&self, parts: &[&[u8]]) -> [u8; 32];
    /// Whether it is the tag of these parts, in constant time.
    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool;
}

const TAG: usize = 32;

/// The cache of one engine version.
pub(crate) struct Cache {
    directory: PathBuf,
    engine: String,
    seal: Arc<dyn ArtefactSeal>,
}

impl Cache {
    /// Opens the directory, makes it if need be, and removes what other engine versions left.
    pub(crate) fn open(directory: &Path, engine: String, seal: Arc<dyn ArtefactSeal>) -> std::io::Result<Self> {
        if !directory.exists() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let cache = Self { directory: directory.to_owned(), engine, seal };
        let ending = cache.ending();
        let mut kept = 0;
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            kept += 1;
            if kept > limits::MAX_CACHED || !path.to_string_lossy().ends_with(&ending) {
                // Somebody else may have removed it; it is not needed either way.
                let _ = std::fs::remove_file(path);
            }
        }
        Ok(cache)
    }

    /// The artefact of a module, if there is one that this installation made.
    pub(crate) fn get(&self, digest: &ModuleDigest) -> Option<Artefact> {
        let file = std::fs::File::open(self.path(digest)).ok()?;
        let mut bytes = Vec::new();
        file.take(limits::MAX_ARTEFACT_BYTES as u64 + TAG as u64 + 1).read_to_end(&mut bytes).ok()?;
        let (tag, artefact) = bytes.split_at_checked(TAG)?;
        if artefact.len() > limits::MAX_ARTEFACT_BYTES || !self.seal.verify(&self.parts(digest, artefact), tag) {
            tracing::warn!(module = %digest, "a compiled module in the cache is not what was written there; compiling it again");
            return None;
        }
        Some(Artefact::vouched_for(artefact))
    }

    /// Keeps an artefact. A cache that cannot be written costs time and nothing else.
    pub(crate) fn put(&self, digest: &ModuleDigest, artefact: &Artefact) {
        let tag = self.seal.tag(&self.parts(digest, artefact.bytes()));
        let path = self.path(digest);
        // Several processes may share the directory: each writes a file of its own name first.
        let temporary = path.with_extension(format!("{}.new", std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file =
                std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(&tag)?;
            file.write_all(artefact.bytes())?;
            std::fs::rename(&temporary, &path)
        };
        if let Err(error) = write() {
            let _ = std::fs::remove_file(&temporary);
            tracing::warn!(%error, path = %path.display(), "a compiled module could not be kept");
        }
    }

    fn parts<'a>(&'a self, digest: &'a ModuleDigest, artefact: &'a [u8]) -> [&'a [u8]; 4] {
        [b"policy-artefact-v1", &digest.0, self.engine.as_bytes(), artefact]
    }

    fn ending(&self) -> String {
        format!(".{}.cwasm", self.engine)
    }

    fn path(&self, digest: &ModuleDigest) -> PathBuf {
        self.directory.join(format!("{digest}{}", self.ending()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Toy(u8);

    impl ArtefactSeal for Toy {
        fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
            let mut tag = [self.0; 32];
            for (index, byte) in parts.iter().flat_map(|part| part.iter()).enumerate() {
                tag[index % 32] = tag[index % 32].rotate_left(3) ^ byte;
            }
            tag
        }

        fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
            self.tag(parts) == tag
        }
    }

    fn open(directory: &Path, engine: &str, key: u8) -> Cache {
        Cache::open(directory, engine.to_owned(), Arc::new(Toy(key))).unwrap()
    }

    #[test]
    fn only_what_this_installation_wrote_for_this_module_and_engine_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (ModuleDigest([1; 32]), ModuleDigest([2; 32]));
        let cache = open(directory.path(), "v1", 7);
        assert!(cache.get(&one).is_none());
        cache.put(&one, &Artefact::vouched_for(&b"machine code"[..]));
        assert_eq!(cache.get(&one).unwrap().bytes(), b"machine code");

        // Moved to another module's place, changed, cut, or of another installation: compiled anew.
        std::fs::copy(cache.path(&one), cache.path(&other)).unwrap();
        assert!(cache.get(&other).is_none());
        let good = std::fs::read(cache.path(&one)).unwrap();
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 1;
            std::fs::write(cache.path(&one), &bad).unwrap();
            assert!(cache.get(&one).is_none(), "{position}");
            std::fs::write(cache.path(&one), &good[..position]).unwrap();
            assert!(cache.get(&one).is_none(), "{position} bytes of it");
        }
        std::fs::write(cache.path(&one), &good).unwrap();
        assert!(cache.get(&one).is_some());
        assert!(open(directory.path(), "v1", 8).get(&one).is_none());

        // Another engine version cleans up.
        assert!(open(directory.path(), "v2", 7).get(&one).is_none());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn files_are_for_the_server_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("policy-cache");
        let cache = open(&directory, "v1", 7);
        cache.put(&ModuleDigest([1; 32]), &Artefact::vouched_for(&b"x"[..]));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&cache.path(&ModuleDigest([1; 32])))), (0o700, 0o600));
    }
}
