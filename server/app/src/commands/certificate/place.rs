//! Where `strongroom certificate watch` keeps a certificate with its key: one file, or a folder whose `current` is
//! switched. Whoever reads finds a key with its own certificate, the old ones or the new, at every moment; never half a
//! file, and never one of each.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use rustix::fs::OFlags;
use strongroom_crypto::x509::Document;
use zeroize::Zeroizing;

use super::MAX_READ;

/// What the folder of the version in use is called, below the folder that is watched.
const CURRENT: &str = "current";

/// A certificate with its chain and its private key, as they are given out, and found to belong together.
pub(super) struct Bundle {
    bytes: Zeroizing<Vec<u8>>,
    /// The certificates alone, in DER, the leaf first.
    chain: Vec<Vec<u8>>,
    /// The parts of PEM; none of a PFX.
    parts: Option<Parts>,
}

/// PEM as programs want it in two files.
struct Parts {
    chain: String,
    key: Zeroizing<String>,
}

impl Bundle {
    /// Reads what a secret gave, and refuses what is not a key with its own certificate.
    pub(super) fn read(bytes: Zeroizing<Vec<u8>>) -> anyhow::Result<Self> {
        let document = Document::read(&bytes, "")?;
        let leaf = document.certificates.first().context("there is no certificate in it")?;
        let Some(key) = &document.key else {
            bail!(
                "its private key stays in the vault (its policy is not exportable), so there is nothing to serve with"
            );
        };
        let own = strongroom_crypto::x509::CertificateFacts::of(leaf)?;
        if own.key.as_ref() != Some(key) {
            bail!("the private key is not that of the certificate, and nothing was written");
        }
        let parts = std::str::from_utf8(&bytes).ok().filter(|text| text.starts_with("-----BEGIN ")).map(parts);
        Ok(Self { chain: document.certificates, parts, bytes })
    }

    pub(super) fn leaf(&self) -> &[u8] {
        self.chain.first().map_or(&[], Vec::as_slice)
    }

    pub(super) fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }
}

/// Blocks with a private key apart from the others.
fn parts(text: &str) -> Parts {
    let (mut chain, mut key) = (String::new(), Zeroizing::new(String::with_capacity(text.len())));
    let mut of_key = false;
    for line in text.lines() {
        if line.starts_with("-----BEGIN ") {
            of_key = line.contains("PRIVATE KEY");
        }
        let part = if of_key { &mut *key } else { &mut chain };
        part.push_str(line);
        part.push('\n');
    }
    Parts { chain, key }
}

/// What is kept up to date.
pub(super) enum Place {
    /// Key and chain in one file.
    File(PathBuf),
    /// A folder with a folder for each version, and a link to the one in use.
    Folder(PathBuf),
}

/// Files of one place, with one mode, and one process at a time that writes them.
pub(super) struct Keeper {
    place: Place,
    mode: u32,
    /// Held for as long as this is.
    _lock: File,
}

impl Keeper {
    /// # Errors
    /// When the place cannot be written, or another process keeps it.
    pub(super) fn open(place: Place, mode: u32) -> anyhow::Result<Self> {
        if let Place::Folder(folder) = &place {
            make_folder(folder, mode).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        is_ours_alone(&place)?;
        let path = beside(&place, "lock")?;
        // A link that stands there is not followed: it would be somebody else's file.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(&path);
        let lock = lock.with_context(|| format!("{} cannot be written", path.display()))?;
        if lock.try_lock().is_err() {
            bail!("another process keeps {} already", shown(&place).display());
        }
        Ok(Self { place, mode, _lock: lock })
    }

    /// What is there; none when there is nothing, or nothing that can be used.
    pub(super) fn there(&self) -> Option<Bundle> {
        let path = match &self.place {
            Place::File(file) => file.clone(),
            Place::Folder(folder) => {
                let current = folder.join(CURRENT);
                let [pem, pfx] = ["bundle.pem", "bundle.pfx"].map(|name| current.join(name));
                if pem.exists() { pem } else { pfx }
            }
        };
        let mut bytes = Zeroizing::new(Vec::new());
        File::open(path).ok()?.take(MAX_READ).read_to_end(&mut bytes).ok()?;
        Bundle::read(bytes).ok()
    }

    /// Puts a version in place of the one that is there. Until this program says that whoever uses it knows
    /// ([`Self::told`]), it stands there that they do not.
    pub(super) fn put(&self, bundle: &Bundle, version: &str) -> anyhow::Result<()> {
        let unwritten = || format!("{} cannot be written", self.path().display());
        let untold = beside(&self.place, "untold")?;
        if !untold.symlink_metadata().is_ok_and(|facts| facts.is_file()) {
            write(&untold, &[], 0o600).with_context(unwritten)?;
        }
        match &self.place {
            Place::File(file) => self.put_file(file, bundle).with_context(unwritten),
            Place::Folder(folder) => self.put_folder(folder, bundle, version).with_context(unwritten),
        }
    }

    fn put_file(&self, file: &Path, bundle: &Bundle) -> anyhow::Result<()> {
        if file.symlink_metadata().is_ok_and(|facts| !facts.is_file()) {
            bail!("it is not a regular file, and nothing was written");
        }
        let new = beside(&self.place, "new")?;
        write(&new, &bundle.bytes, self.mode)?;
        std::fs::rename(&new, file)?;
        sync_folder_of(file)
    }

    fn put_folder(&self, folder: &Path, bundle: &Bundle, version: &str) -> anyhow::Result<()> {
        // Made by this process alone, whatever the server calls its versions.
        if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_alphanumeric()) || version == CURRENT {
            bail!("the server calls a version {version:?}");
        }
        let (own, link) = (folder.join(version), folder.join(".new"));
        remove(&own)?;
        remove(&link)?;
        make_folder(&own, self.mode)?;
        match &bundle.parts {
            Some(parts) => {
                write(&own.join("chain.pem"), parts.chain.as_bytes(), self.mode)?;
                write(&own.join("key.pem"), parts.key.as_bytes(), self.mode)?;
                write(&own.join("bundle.pem"), &bundle.bytes, self.mode)?;
            }
            None => write(&own.join("bundle.pfx"), &bundle.bytes, self.mode)?,
        }
        File::open(&own)?.sync_all()?;
        let before = std::fs::read_link(folder.join(CURRENT)).ok();
        std::os::unix::fs::symlink(version, &link)?;
        std::fs::rename(&link, folder.join(CURRENT))?;
        File::open(folder)?.sync_all()?;
        // Who has read half of the last one may read the other half; older ones are nobody's.
        for entry in std::fs::read_dir(folder)?.flatten() {
            let name = entry.file_name();
            let kept = Path::new(&name) == Path::new(version) || before.as_deref() == Some(Path::new(&name));
            if !kept && is_a_version(&entry) {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// Whether what is there is newer than what whoever uses it was told of.
    pub(super) fn is_untold(&self) -> bool {
        beside(&self.place, "untold").is_ok_and(|path| path.symlink_metadata().is_ok())
    }

    /// They know.
    pub(super) fn told(&self) -> anyhow::Result<()> {
        remove(&beside(&self.place, "untold")?)
    }

    /// What a program is pointed to.
    pub(super) fn path(&self) -> PathBuf {
        match &self.place {
            Place::File(file) => file.clone(),
            Place::Folder(folder) => folder.join(CURRENT),
        }
    }
}

/// A folder that this program made: nothing else is ever removed.
fn is_a_version(entry: &std::fs::DirEntry) -> bool {
    let of_version = |name: &str| name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    entry.file_type().is_ok_and(|kind| kind.is_dir()) && entry.file_name().to_str().is_some_and(of_version)
}

fn shown(place: &Place) -> &Path {
    match place {
        Place::File(path) | Place::Folder(path) => path,
    }
}

/// Whoever may write the folder could put files of their own in the way of a key, unless only owners may take theirs
/// away there (the sticky bit).
fn is_ours_alone(place: &Place) -> anyhow::Result<()> {
    let folder: &Path = match place {
        Place::Folder(folder) => folder,
        Place::File(file) => folder_of(file),
    };
    let facts = folder.metadata().with_context(|| format!("{} cannot be looked at", folder.display()))?;
    let mode = facts.permissions().mode();
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        bail!(
            "others may write {} (mode {:o}), so no private key is put there: take that from them (chmod go-w), or choose \
             another folder",
            folder.display(),
            mode & 0o7777
        );
    }
    Ok(())
}

/// A file of this program's own, beside the one that is watched or in the folder.
fn beside(place: &Place, what: &str) -> anyhow::Result<PathBuf> {
    match place {
        Place::Folder(folder) => Ok(folder.join(format!(".{what}"))),
        Place::File(file) => {
            let name = file.file_name().with_context(|| format!("{} names no file", file.display()))?;
            Ok(file.with_file_name(format!(".{}.{what}", name.to_string_lossy())))
        }
    }
}

/// Whoever may read the files may look into the folder.
fn make_folder(path: &Path, mode: u32) -> std::io::Result<()> {
    let mode = 0o700 | (mode & 0o040) | ((mode & 0o040) >> 2);
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

fn write(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    remove(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.write_all(content)?;
    Ok(file.sync_all()?)
}

/// What a process that was killed left.
fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(facts) if facts.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder_of(file: &Path) -> anyhow::Result<()> {
    Ok(File::open(folder_of(file))?.sync_all()?)
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::{DevAuthority, SystemEntropy};

    use super::*;

    fn pem(name: &str) -> (String, String) {
        let now = time::OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let authority = DevAuthority::create("CA", now, &SystemEntropy).unwrap();
        let (certificate, key) = authority.issue_server(&[name.to_owned()], &[], now, 30, &SystemEntropy).unwrap();
        (certificate, key.expose().to_owned())
    }

    fn bundle(name: &str) -> Bundle {
        let (certificate, key) = pem(name);
        Bundle::read(Zeroizing::new((key + &certificate).into_bytes())).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_a_key_with_its_own_certificate_is_written() {
        let ((one, key), (other, _)) = (pem("one.example"), pem("other.example"));
        let read = |text: String| Bundle::read(Zeroizing::new(text.into_bytes())).map(drop).map_err(|e| e.to_string());
        assert!(read(format!("{key}{one}")).is_ok());
        assert!(read(format!("{key}{other}")).unwrap_err().contains("not that of the certificate"));
        assert!(read(one).unwrap_err().contains("stays in the vault"));
        assert!(read("rubbish".to_owned()).is_err());
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_says_whom_it_is_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("web.pem");
        let keeper = Keeper::open(Place::File(file.clone()), 0o640).unwrap();
        assert!(keeper.there().is_none() && !keeper.is_untold());
        assert!(Keeper::open(Place::File(file.clone()), 0o600).is_err(), "one process at a time");
        let (one, two) = (bundle("one.example"), bundle("two.example"));
        // As a process that was killed leaves it.
        std::fs::write(folder.path().join(".web.pem.new"), "half").unwrap();
        for bundle in [&one, &two] {
            keeper.put(bundle, "1").unwrap();
            assert_eq!(std::fs::read(&file).unwrap(), *bundle.bytes);
            assert_eq!((mode(&file), keeper.is_untold()), (0o640, true));
            assert_eq!(keeper.there().unwrap().leaf(), bundle.leaf());
        }
        keeper.told().unwrap();
        assert!(!keeper.is_untold());
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("elsewhere", &file).unwrap();
        assert!(keeper.put(&one, "1").is_err(), "a link is not replaced");
    }

    #[test]
    fn links_that_others_put_there_are_not_followed_and_no_key_comes_where_they_may() {
        let folder = tempfile::tempdir().unwrap();
        let (file, theirs) = (folder.path().join("web.pem"), folder.path().join("theirs"));
        std::fs::write(&theirs, "kept").unwrap();
        let open = || Keeper::open(Place::File(file.clone()), 0o600);
        let (lock, untold) = (folder.path().join(".web.pem.lock"), folder.path().join(".web.pem.untold"));
        std::os::unix::fs::symlink("made", &lock).unwrap();
        assert!(open().is_err() && !folder.path().join("made").exists(), "no lock behind a link");
        std::fs::remove_file(&lock).unwrap();
        std::os::unix::fs::symlink(&theirs, &untold).unwrap();
        let keeper = open().unwrap();
        keeper.put(&bundle("one.example"), "1").unwrap();
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "kept");
        assert!(keeper.is_untold() && untold.symlink_metadata().unwrap().is_file());
        drop(keeper);

        for (mode, good) in [(0o777, false), (0o770, false), (0o1777, true), (0o755, true)] {
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(open().is_ok(), good, "{mode:o}");
            let inside = Keeper::open(Place::Folder(folder.path().to_owned()), 0o600);
            assert_eq!(inside.is_ok(), good, "{mode:o}");
        }
    }

    #[test]
    fn a_folder_is_switched_from_one_version_to_the_next_at_once() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("tls");
        let keeper = Keeper::open(Place::Folder(folder.clone()), 0o600).unwrap();
        let versions = ["a", "b", "c"].map(|letter| letter.repeat(32));
        std::fs::create_dir(folder.join("mine")).unwrap();
        for (number, version) in versions.iter().enumerate() {
            let new = bundle(&format!("{number}.example"));
            let open = folder.join(CURRENT);
            // Whoever stands in the last one reads it to its end.
            let before = std::fs::canonicalize(&open).ok();
            keeper.put(&new, version).unwrap();
            let read = |name: &str| std::fs::read_to_string(open.join(name)).unwrap();
            let both = Zeroizing::new((read("key.pem") + &read("chain.pem")).into_bytes());
            assert_eq!(Bundle::read(both).unwrap().leaf(), new.leaf());
            assert_eq!(keeper.there().unwrap().leaf(), new.leaf());
            assert!(before.is_none_or(|before| before.join("key.pem").exists()));
            assert!(!read("chain.pem").contains("PRIVATE"));
            assert_eq!((mode(&open.join("key.pem")), mode(&folder), mode(&open)), (0o600, 0o700, 0o700));
        }
        assert!(!folder.join(&versions[0]).exists() && folder.join(&versions[1]).exists());
        assert!(folder.join("mine").exists(), "what somebody else put there stays");
        keeper.put(&bundle("again.example"), &versions[2]).unwrap();
        assert!(keeper.put(&bundle("x.example"), "../up").is_err());
        assert!(keeper.put(&bundle("x.example"), CURRENT).is_err());
    }
}
