//! `strongroom policy build`: from a folder's sources to a component.
//!
//! Rust is compiled by the toolchain at hand where it has the WebAssembly target, otherwise by Debian's
//! compiler with its library source; C by clang. Linkers give core modules, and the component is made of
//! them in here, so no other tool is needed.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use strongroom_policy_host::component_of;

use super::sign::beside;
use crate::{cli::Output, commands::done};

const TARGET: &str = "wasm32-unknown-unknown";
/// 64 KiB of stack, and half a mebibyte of memory from the start: growing is dear.
const LINK: [&str; 2] = ["-zstack-size=65536", "--initial-memory=524288"];

/// Name of the module of a folder.
fn name(folder: &Path) -> anyhow::Result<String> {
    let absolute = folder.canonicalize().with_context(|| format!("{} is no folder", folder.display()))?;
    Ok(absolute.file_name().context("the folder has no name")?.to_string_lossy().into_owned())
}

/// The module that was built in a folder.
pub(super) fn product(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join(format!("{}.wasm", name(folder)?));
    if !path.exists() {
        bail!("{} is not there; build it: strongroom policy build {}", path.display(), folder.display());
    }
    Ok(path)
}

pub(super) fn run(folder: &Path, output: Output) -> anyhow::Result<()> {
    let path = build(folder)?;
    let size = std::fs::metadata(&path)?.len();
    done(output, &json!({ "module": path, "size": size }), format_args!("{} {size} bytes", path.display()));
    Ok(())
}

/// Builds a folder's module and says where it is.
pub(super) fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let core = match (folder.join("Cargo.toml").exists(), folder.join("policy.c").exists()) {
        (true, _) => rust(folder)?,
        (_, true) => c(folder)?,
        _ => bail!("{} has neither a Cargo.toml nor a policy.c", folder.display()),
    };
    let bytes = std::fs::read(&core).with_context(|| format!("{} cannot be read", core.display()))?;
    let component = component_of(&bytes).map_err(|error| anyhow::anyhow!("no component can be made of it: {error}"))?;
    let path = folder.join(format!("{}.wasm", name(folder)?));
    let_go_of_signature(&path, &component)?;
    std::fs::write(&path, component).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

/// Removes a signature of other bytes than those that are to be in a file: `policy push` would send it along.
fn let_go_of_signature(file: &Path, new: &[u8]) -> anyhow::Result<()> {
    let signature = beside(file);
    let is_of_others = std::fs::read(file).is_ok_and(|before| before != new);
    if !is_of_others || !signature.exists() {
        return Ok(());
    }
    std::fs::remove_file(&signature).with_context(|| format!("{} cannot be removed", signature.display()))?;
    eprintln!("{} was of what was built before, and is removed: sign anew", signature.display());
    Ok(())
}

/// A compiler for the target.
struct Toolchain {
    rustc: &'static str,
    cargo: &'static str,
    /// Its library is compiled as well.
    std: bool,
}

fn rust(folder: &Path) -> anyhow::Result<PathBuf> {
    let toolchain = toolchain()?;
    let linker = linker(toolchain.rustc)?;
    let mut command = Command::new(toolchain.cargo);
    command.current_dir(folder).args([
        "rustc",
        "--lib",
        "--quiet",
        "--release",
        "--target",
        TARGET,
        "--message-format=json-render-diagnostics",
    ]);
    let target = target_folder(folder);
    if toolchain.std {
        if !target.as_deref().is_some_and(has_library) {
            eprintln!(
                "compiling, with the standard library for WebAssembly: that takes some minutes, once for all modules"
            );
        }
        command.arg("-Zbuild-std=std,panic_abort");
    }
    if let Some(target) = &target {
        command.env("CARGO_TARGET_DIR", target);
    }
    // Of the module alone, so that what it is built of is the same for every module and compiled once.
    command.arg("--").arg(format!("-Clinker={}", linker.display()));
    command.args(LINK.map(|flag| format!("-Clink-arg={flag}")));
    command
        .env("RUSTC", toolchain.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", nameless(toolchain.rustc).join("\u{1f}"))
        .stderr(std::process::Stdio::inherit());
    let done = command.output().with_context(|| format!("{} cannot be started", toolchain.cargo))?;
    if !done.status.success() {
        bail!("the module does not compile");
    }
    // Cargo says on standard output what it made, the folder's own package last.
    let made = String::from_utf8_lossy(&done.stdout);
    let mut products = made.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).flat_map(|said| {
        let files = said.get("filenames").and_then(Value::as_array).cloned().unwrap_or_default();
        files.into_iter().filter_map(|file| file.as_str().map(PathBuf::from))
    });
    products
        .rfind(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .context("the compiler made no WebAssembly: crate-type must be cdylib")
}

/// Where all modules are compiled, so that what they have in common is compiled once: a cache of whoever builds, unless
/// `CARGO_TARGET_DIR` says otherwise. None where there is no home: then each module has its own.
fn target_folder(folder: &Path) -> Option<PathBuf> {
    let given = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(said) = given("CARGO_TARGET_DIR") {
        return Some(folder.join(said));
    }
    let cache = given("XDG_CACHE_HOME").filter(|cache| cache.is_absolute());
    let cache = cache.or_else(|| Some(given("HOME").filter(|home| home.is_absolute())?.join(".cache")))?;
    Some(cache.join("strongroom/policy-modules"))
}

/// Whether the standard library for WebAssembly was compiled there.
fn has_library(target: &Path) -> bool {
    let made = std::fs::read_dir(target.join(TARGET).join("release/deps"));
    let mut names = made.into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("libstd-"))
}

/// No folder of this machine in the module: the same in `policy-plugins/build.sh`, in the same order.
fn nameless(rustc: &str) -> Vec<String> {
    let mut named = Vec::new();
    if let Some(home) = cargo_home() {
        named.push(format!("{}=/cargo", home.display()));
        // The folder of a package source is named after its host.
        let sources = std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
        let mut sources: Vec<PathBuf> = sources.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        sources.sort();
        named.extend(sources.iter().map(|source| format!("{}=/crates", source.display())));
    }
    if let Some(root) = printed(rustc, &["--print", "sysroot"]) {
        named.push(format!("{root}/lib/rustlib/src/rust=/rust"));
    }
    named.into_iter().map(|one| format!("--remap-path-prefix={one}")).collect()
}

fn cargo_home() -> Option<PathBuf> {
    let given = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("CARGO_HOME").or_else(|| Some(given("HOME")?.join(".cargo")))
}

fn toolchain() -> anyhow::Result<Toolchain> {
    let usual = Toolchain { rustc: "rustc", cargo: "cargo", std: false };
    if printed("rustc", &["--print", "target-libdir", "--target", TARGET])
        .is_some_and(|folder| Path::new(&folder).is_dir())
    {
        return Ok(usual);
    }
    let debian = Toolchain { rustc: "/usr/bin/rustc", cargo: "/usr/bin/cargo", std: true };
    let library = printed(debian.rustc, &["--print", "sysroot"])
        .map(|root| Path::new(&root).join("lib/rustlib/src/rust/library"));
    if library.is_some_and(|library| library.is_dir()) {
        return Ok(debian);
    }
    bail!(
        "there is no compiler for {TARGET}: 'rustup target add {TARGET}', or on Debian \
         'apt-get install --no-install-recommends rustc-web cargo-web rust-web-src lld'"
    )
}

/// A linker for WebAssembly: the one that comes with Rust, or LLVM's.
fn linker(rustc: &str) -> anyhow::Result<PathBuf> {
    for rustc in [rustc, "rustc"] {
        let root = printed(rustc, &["--print", "sysroot"]);
        let host = printed(rustc, &["-vV"])
            .and_then(|said| said.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned)));
        if let (Some(root), Some(host)) = (root, host) {
            let tool = Path::new(&root).join("lib/rustlib").join(host).join("bin/rust-lld");
            if tool.exists() {
                return Ok(tool);
            }
        }
    }
    let ends = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&ends)
        .map(|folder| folder.join("wasm-ld"))
        .find(|tool| tool.exists())
        .context("there is no linker for WebAssembly: on Debian 'apt-get install --no-install-recommends lld'")
}

/// What a program prints, without the end of the line; none when it fails or is not there.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let done = Command::new(program).args(arguments).output().ok().filter(|done| done.status.success())?;
    Some(String::from_utf8_lossy(&done.stdout).trim_end().to_owned())
}

fn c(folder: &Path) -> anyhow::Result<PathBuf> {
    let made = folder.join("policy.core.wasm");
    let mut command = Command::new("clang");
    command.arg("--target=wasm32-unknown-unknown").args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]);
    command.args(["-ffreestanding", "-nostdlib", "-Wl,--no-entry", "-Wl,--strip-all"]);
    command.args(LINK.map(|flag| format!("-Wl,{flag}")));
    command.arg("-o").arg(&made).arg(folder.join("policy.c"));
    let done = command
        .status()
        .context("clang cannot be started; on Debian: 'apt-get install --no-install-recommends clang lld'")?;
    if !done.success() {
        bail!("the module does not compile");
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_stays_as_long_as_the_bytes_do() {
        let folder = tempfile::tempdir().unwrap();
        let module = folder.path().join("rule.wasm");
        std::fs::write(&module, b"old").unwrap();
        std::fs::write(beside(&module), b"signature").unwrap();
        let_go_of_signature(&module, b"old").unwrap();
        assert!(beside(&module).exists());
        let_go_of_signature(&module, b"new").unwrap();
        assert!(!beside(&module).exists());
        let_go_of_signature(&module, b"new").unwrap();
    }
}
