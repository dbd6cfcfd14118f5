//! Programs of others: Python, Node, shells. Run with a time limit and with names below
//! `vault.localhost` resolving as the one line in `/etc/hosts` makes them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The folder of this crate.
pub(crate) fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Python with Azure's packages, as `tests/run` installed it.
pub(crate) fn python() -> PathBuf {
    let path = tests_folder().join(".venv/bin/python");
    assert!(path.exists(), "{} is missing: tests/run makes it", path.display());
    path
}

/// `az`, as `tests/run` installed it.
pub(crate) fn az() -> PathBuf {
    let path = tests_folder().join(".az/bin/az");
    assert!(path.exists(), "{} is missing: tests/run makes it", path.display());
    path
}

/// The program with Azure's Rust packages, as `tests/run` built it.
pub(crate) fn rust_program() -> Command {
    let path = tests_folder().join("../target/debug/strongroom-test-sdk");
    assert!(path.exists(), "{} is missing: tests/run builds it", path.display());
    Command::new(path)
}

/// A command for a script of this folder.
pub(crate) fn node_script(script: &str) -> Command {
    assert!(tests_folder().join("node_modules").exists(), "node_modules is missing: tests/run makes it");
    let mut command = Command::new("node");
    command.arg(tests_folder().join(script));
    command
}

/// Where the system's resolver finds the names of a vault server.
pub(crate) enum Named {
    /// Nothing resolves below `localhost`, as on a fresh machine with glibc.
    No,
    /// As if this file were `/etc/hosts`.
    By(PathBuf),
}

/// Writes a hosts file with one more line.
pub(crate) fn hosts_file(folder: &Path, line: &str) -> PathBuf {
    let path = folder.join("hosts");
    let present = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    std::fs::write(&path, format!("{present}\n{line}\n")).expect("a hosts file");
    path
}

/// Whether the line is in the real `/etc/hosts`, because this machine allows no mount namespace.
pub(crate) fn shared_hosts() -> bool {
    std::env::var("STRONGROOM_TEST_HOSTS").as_deref() == Ok("shared")
}

/// How a program ended.
pub(crate) struct Finished {
    pub(crate) good: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Finished {
    /// Standard output of a program that succeeded.
    #[track_caller]
    pub(crate) fn expect_good(self) -> String {
        assert!(self.good, "the program failed:\n{}\n{}", self.out, self.err);
        self.out
    }
}

/// Runs a command to its end, twenty minutes at most: what takes one minute on a quiet machine takes several beside
/// a full one.
///
/// The names are given by a mount namespace of its own, in which another file lies over `/etc/hosts`:
/// clients stay unmodified and the machine stays as it was. `tests/run` finds out whether that takes
/// a user namespace too, or is not allowed at all, and says so in `STRONGROOM_TEST_HOSTS`.
pub(crate) fn run(command: &Command, named: &Named) -> Finished {
    let mut outer = Command::new("timeout");
    outer.args(["--kill-after=5", "1200"]);
    if let Named::By(hosts) = named
        && !shared_hosts()
    {
        outer.args(["unshare", "--mount"]);
        if !matches!(std::env::var("STRONGROOM_TEST_HOSTS").as_deref(), Ok("mount")) {
            outer.arg("--map-root-user");
        }
        outer.args(["sh", "-c", r#"mount --bind "$0" /etc/hosts && exec "$@""#]).arg(hosts);
    }
    outer.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        outer.current_dir(folder);
    }
    let output = outer.stdin(Stdio::null()).output().expect("timeout(1)");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Finished { good: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) }
}
