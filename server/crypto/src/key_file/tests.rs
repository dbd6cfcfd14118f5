use super::*;
use crate::entropy::{NoEntropy, SeededEntropy};
use crate::root::RootKey;
use crate::root_cipher::RootCipher;
use proptest::prelude::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use tempfile::TempDir;

struct KeyFile {
    directory: TempDir,
    path: PathBuf,
}

impl KeyFile {
    fn missing() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        Self { directory, path }
    }

    fn created() -> Self {
        let file = Self::missing();
        RootKey::create_file(&file.path, &SeededEntropy::new(1)).ok().unwrap();
        file
    }

    fn containing(content: &[u8]) -> Self {
        let file = Self::missing();
        fs::write(&file.path, content).unwrap();
        file.set_mode(0o600);
        file
    }

    fn set_mode(&self, mode: u32) {
        fs::set_permissions(&self.path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn read(&self) -> Result<RootKey, RootKeyError> {
        RootKey::from_file(&self.path)
    }

    fn error(&self) -> RootKeyError {
        self.read().err().unwrap()
    }
}

#[test]
fn a_created_key_is_read_back_and_only_its_owner_may_read_it() {
    let file = KeyFile::missing();
    let created = RootKey::create_file(&file.path, &SeededEntropy::new(1)).ok().unwrap();
    assert_eq!(file.read().ok().unwrap().id(), created.id());
    let mode = fs::metadata(&file.path).unwrap().mode() & 0o7777;
    assert_eq!(mode, 0o600);
}

/// Pins the file format: a change here would lock every existing installation out of its data.
#[test]
fn the_file_is_three_lines_of_text() {
    let file = KeyFile::created();
    let text = fs::read_to_string(&file.path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0], "strongroom-root-key-v1");
    assert_eq!(STANDARD.decode(lines[1]).unwrap().len(), 32);
    assert_eq!(lines[2].len(), 16);

    let zero = format!("strongroom-root-key-v1\n{}\n{ZERO_CHECKSUM}\n", STANDARD.encode([0; 32]));
    let key = read(&KeyFile::containing(zero.as_bytes()).path).unwrap();
    assert_eq!(*key, [0; 32]);
}

/// Computed outside this crate from the layout that the module documentation states.
const ZERO_CHECKSUM: &str = "7a139f5d341aa84e";

#[test]
fn an_existing_file_is_never_replaced() {
    let file = KeyFile::containing(b"precious");
    let error = RootKey::create_file(&file.path, &SeededEntropy::new(1)).err().unwrap();
    assert!(matches!(error, RootKeyError::AlreadyExists(_)));
    assert_eq!(fs::read(&file.path).unwrap(), b"precious");

    let file = KeyFile::missing();
    symlink(file.directory.path().join("elsewhere"), &file.path).unwrap();
    let error = RootKey::create_file(&file.path, &SeededEntropy::new(1)).err().unwrap();
    assert!(matches!(error, RootKeyError::AlreadyExists(_)));
    assert!(!file.directory.path().join("elsewhere").exists());
}

#[test]
fn without_randomness_no_file_is_left() {
    let file = KeyFile::missing();
    let error = RootKey::create_file(&file.path, &NoEntropy).err().unwrap();
    assert!(matches!(error, RootKeyError::Entropy(_)));
    assert!(!file.path.exists());
}

#[test]
fn any_bit_for_group_or_others_is_refused() {
    let file = KeyFile::created();
    for bit in [0o040, 0o020, 0o010, 0o004, 0o002, 0o001] {
        file.set_mode(0o600 | bit);
        match file.error() {
            RootKeyError::Permissions { mode, .. } => assert_eq!(mode, 0o600 | bit),
            other => panic!("{other}"),
        }
    }
    file.set_mode(0o400);
    assert!(file.read().is_ok());
}

#[test]
fn links_directories_and_sockets_are_refused() {
    let file = KeyFile::created();
    let link = file.directory.path().join("link");
    symlink(&file.path, &link).unwrap();
    assert!(matches!(RootKey::from_file(&link).err().unwrap(), RootKeyError::SymbolicLink(_)));

    let dangling = file.directory.path().join("dangling");
    symlink(file.directory.path().join("nowhere"), &dangling).unwrap();
    assert!(matches!(RootKey::from_file(&dangling).err().unwrap(), RootKeyError::SymbolicLink(_)));

    assert!(matches!(RootKey::from_file(file.directory.path()).err().unwrap(), RootKeyError::NotAFile(_)));

    let socket = file.directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(matches!(RootKey::from_file(&socket).err().unwrap(), RootKeyError::NotAFile(_)));
}

#[test]
fn a_missing_file_is_called_missing() {
    assert!(matches!(KeyFile::missing().error(), RootKeyError::NotFound(_)));
    let file = KeyFile::containing(b"");
    let below = file.path.join("below-a-file");
    assert!(matches!(RootKey::from_file(&below).err().unwrap(), RootKeyError::Io { .. }));
}

#[test]
fn another_file_is_told_apart_from_a_damaged_one() {
    for content in [
        b"".as_slice(),
        b"-----BEGIN PRIVATE KEY-----\n",
        b"strongroom-root-key-v2\nAAAA\n",
        b"strongroom-root-key-v1",
        b"strongroom-root-key-v1\r\n",
        &[0; 100_000],
    ] {
        let error = KeyFile::containing(content).error();
        assert!(matches!(error, RootKeyError::WrongHeader(_)), "{error}");
    }
}

#[test]
fn a_file_that_was_cut_or_extended_is_damaged() {
    let whole = fs::read(&KeyFile::created().path).unwrap();
    assert_eq!(whole.len(), FILE_LEN);
    for length in HEADER.len() + 1..whole.len() {
        let error = KeyFile::containing(&whole[..length]).error();
        assert!(matches!(error, RootKeyError::WrongSize { found, .. } if found == length as u64));
    }
    for added in [1, 5_000] {
        let longer = [whole.clone(), vec![b'\n'; added]].concat();
        let error = KeyFile::containing(&longer).error();
        assert!(matches!(error, RootKeyError::WrongSize { found, .. } if found == longer.len() as u64));
    }
}

#[test]
fn a_directory_that_does_not_exist_is_an_error_of_the_system() {
    let file = KeyFile::missing();
    let path = file.directory.path().join("absent").join("root.key");
    let error = RootKey::create_file(&path, &SeededEntropy::new(1)).err().unwrap();
    assert!(matches!(error, RootKeyError::Io { action: "create", .. }));
}

#[test]
fn every_error_is_one_line_that_names_the_file_and_nothing_of_the_key() {
    let path = || PathBuf::from("/etc/strong\nroom.key");
    let errors = [
        RootKeyError::NotFound(path()),
        RootKeyError::SymbolicLink(path()),
        RootKeyError::NotAFile(path()),
        RootKeyError::Permissions { path: path(), mode: 0o644 },
        RootKeyError::WrongHeader(path()),
        RootKeyError::WrongSize { path: path(), found: 3 },
        RootKeyError::Damaged(path()),
        RootKeyError::AlreadyExists(path()),
        RootKeyError::Exchanged(path()),
        io_error("read", &path())(io::Error::other("broken")),
    ];
    for error in errors {
        let line = error.to_string();
        assert!(line.contains(r#""/etc/strong\nroom.key""#), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
    assert!(RootKeyError::Permissions { path: path(), mode: 0o644 }.to_string().contains("mode 0644"));
}

proptest! {
    #[test]
    fn any_changed_bit_of_key_or_checksum_is_damage(
        at in HEADER.len() + 1..FILE_LEN,
        bit in 0u32..8,
    ) {
        let mut content = fs::read(&KeyFile::created().path).unwrap();
        content[at] ^= 1 << bit;
        let error = KeyFile::containing(&content).error();
        prop_assert!(matches!(error, RootKeyError::Damaged(_)));
    }
}

/// A file of somebody else, however private, was planted. Only root can make one, so only root can try.
#[test]
fn a_file_of_another_user_is_refused() {
    let file = KeyFile::created();
    if effective_user() != 0 {
        return;
    }
    std::os::unix::fs::chown(&file.path, Some(12_345), None).unwrap();
    let error = file.error();
    assert!(matches!(error, RootKeyError::Owner { owner: 12_345, user: 0, .. }), "{error}");
    std::os::unix::fs::chown(&file.path, Some(0), None).unwrap();
    assert!(file.read().is_ok());
}

#[test]
fn a_directory_that_others_can_write_holds_no_key() {
    let file = KeyFile::created();
    let set_mode = |mode| fs::set_permissions(file.directory.path(), fs::Permissions::from_mode(mode)).unwrap();
    let beside = file.directory.path().join("another.key");
    for mode in [0o770, 0o707, 0o1777] {
        set_mode(mode);
        assert!(matches!(file.error(), RootKeyError::Directory { .. }), "{mode:o}");
        let error = RootKey::create_file(&beside, &SeededEntropy::new(2)).err().unwrap();
        assert!(matches!(error, RootKeyError::Directory { .. }), "{mode:o}: {error}");
        assert!(!beside.exists());
    }
    set_mode(0o755);
    assert!(file.read().is_ok());
    if effective_user() == 0 {
        std::os::unix::fs::chown(file.directory.path(), Some(12_345), None).unwrap();
        assert!(matches!(file.error(), RootKeyError::Directory { owner: 12_345, .. }));
    }
}
