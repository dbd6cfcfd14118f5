//! The vendor's module: loaded once for the life of the process, and initialized anew when a token does not come
//! back otherwise.
//!
//! Loading runs code in this process, with all of its keys in reach, so only a file that nobody but root and
//! the user who runs this can change is loaded. It is never unloaded: threads of the module, or a call of it that
//! hangs, may outlive every use. `C_Finalize` pulls the ground from under every call that is under way, so it
//! happens only while there is none in the whole process.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
};

use crate::error::{TokenError, said};

/// What is loaded, by its path.
static LOADED: Mutex<Vec<(PathBuf, Pkcs11)>> = Mutex::new(Vec::new());
/// Held for reading by every call of a module, and by one that hangs for ever.
static CALLS: RwLock<()> = RwLock::new(());

/// How often modules were initialized anew. Changes only while no call is under way.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Sessions of another generation are gone.
pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::SeqCst)
}

/// A call is under way as long as this lives.
pub(crate) fn call() -> RwLockReadGuard<'static, ()> {
    CALLS.read().unwrap_or_else(PoisonError::into_inner)
}

/// The module, loaded and initialized.
pub(crate) fn load(path: &Path) -> Result<Pkcs11, TokenError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, module)) = loaded.iter().find(|(known, _)| known == path) {
        return Ok(module.clone());
    }
    check(path).map_err(|why| TokenError::Module { path: path.to_owned(), why })?;
    let unusable = |error: &Error| TokenError::Module { path: path.to_owned(), why: said(error) };
    let module = Pkcs11::new(path).map_err(|error| unusable(&error))?;
    initialize(&module).map_err(|error| unusable(&error))?;
    loaded.push((path.to_owned(), module.clone()));
    Ok(module)
}

/// Initializes the module anew. Sessions of before are gone. Does nothing while a call is under way.
pub(crate) fn restart(module: &Pkcs11) -> Result<(), Error> {
    let Ok(_alone) = CALLS.try_write() else { return Ok(()) };
    GENERATION.fetch_add(1, Ordering::SeqCst);
    match module.clone().finalize() {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiNotInitialized, _)) => initialize(module),
        Err(error) => Err(error),
    }
}

fn initialize(module: &Pkcs11) -> Result<(), Error> {
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        done => done,
    }
}

fn check(path: &Path) -> Result<(), String> {
    if !path.is_absolute() {
        return Err("its path must be absolute".to_owned());
    }
    let file = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !file.is_file() {
        return Err("it is not a file".to_owned());
    }
    let (owner, mode) = (file.uid(), file.mode() & 0o7777);
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(format!("it belongs to user {owner}, who could exchange it"));
    }
    if mode & 0o022 != 0 {
        return Err(format!("others can write it (mode {mode:04o})"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn why(path: &Path) -> String {
        let error = load(path).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    }

    #[test]
    fn only_a_library_that_nobody_else_can_change_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module.so");
        assert!(why(Path::new("module.so")).contains("must be absolute"));
        assert!(why(&path).contains("No such file"));
        assert!(why(folder.path()).contains("not a file"));
        std::fs::write(&path, "no library").unwrap();
        for mode in [0o622, 0o606, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(why(&path).contains("others can write it"), "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(why(&path).contains("cannot be used"));
    }
}
