//! Somebody edits the database while the server is stopped (or runs, in `live`): a moved, swapped or changed row must be
//! found, must never give a wrong value or a wider grant, and must leave a trace in the audit log.

mod audit_log;
mod live;
mod on_demand;
mod rows;
mod witness;

use std::path::Path;

use crate::support::TestVault;

/// Copies the files of a data directory of a stopped server.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A stopped server whose data can be put back to what it was.
struct Pristine {
    vault: TestVault,
}

impl Pristine {
    fn of(mut vault: TestVault) -> Self {
        vault.stop();
        copy(&vault.data(), &vault.folder().join("pristine"));
        Self { vault }
    }

    /// Puts everything back. The server must be stopped.
    fn restore(&self) {
        std::fs::remove_dir_all(self.vault.data()).unwrap();
        copy(&self.vault.folder().join("pristine"), &self.vault.data());
    }
}
