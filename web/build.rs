//! Bundles the dashboard's assets with Node, and its messages by language. Everything it writes, `node_modules` included, lies in
//! cargo's `OUT_DIR`, so that builds of different profiles never meet and the source stays clean.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::{env, fs, io};

const NODE_MISSING: &str =
    "Strongroom's dashboard is bundled at build: install Node.js 20 or newer with npm and build again.";
const OLDEST_NODE: u32 = 20;

/// What the bundle is made of, relative to this crate.
const SOURCES: [&str; 6] = ["build.mjs", "package.json", "package-lock.json", ".npmrc", "assets", "messages"];
/// The language that everything is written in first.
const ENGLISH: &str = "en";

fn main() -> ExitCode {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    match bundle() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

fn bundle() -> Result<(), String> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let modules_root = out.join("npm");
    catalogues(&here.join("messages"), &out).map_err(|error| format!("messages: {error}"))?;
    check_node()?;
    install(&here, &modules_root)?;
    let mut node = Command::new("node");
    node.arg(here.join("build.mjs")).arg(&modules_root).arg(&out);
    run(&mut node, "bundling the dashboard").map(drop)
}

/// Writes each language's files, one after the other, into one catalogue, and the list of these.
fn catalogues(messages: &Path, out: &Path) -> io::Result<()> {
    let mut languages = sorted(messages)?;
    languages.retain(|language| language.is_dir());
    let mut list = String::new();
    let mut english = None;
    for (at, language) in languages.iter().enumerate() {
        let tag = language.file_name().and_then(OsStr::to_str).ok_or(io::ErrorKind::InvalidInput)?;
        let mut text = String::new();
        for file in sorted(language)? {
            text.push_str(&fs::read_to_string(file)?);
            text.push('\n');
        }
        fs::write(out.join(format!("{tag}.ftl")), text)?;
        list.push_str(&format!("({tag:?}, include_str!(concat!(env!(\"OUT_DIR\"), \"/{tag}.ftl\"))),"));
        english = english.or((tag == ENGLISH).then_some(at));
    }
    let english = english.ok_or(io::ErrorKind::NotFound)?;
    let count = languages.len();
    let code = format!(
        "static CATALOGUES: [(&str, &str); {count}] = [{list}];\nconst LANGUAGES: usize = {count} + 1;\nconst ENGLISH_AT: usize = {english};\n"
    );
    fs::write(out.join("catalogues.rs"), code)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

fn variable(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name}"))
}

fn check_node() -> Result<(), String> {
    let output = Command::new("node").arg("--version").output().map_err(|_| NODE_MISSING.to_owned())?;
    let version = String::from_utf8_lossy(&output.stdout);
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|number| number.parse::<u32>().ok());
    match major {
        Some(major) if major >= OLDEST_NODE => Ok(()),
        _ => Err(format!("{NODE_MISSING} (found {})", version.trim())),
    }
}

/// `npm ci`, unless the same lock file was installed here before. The stamp is written last, so that
/// an install that was cut short is done again.
fn install(here: &Path, root: &Path) -> Result<(), String> {
    let lock = fs::read(here.join("package-lock.json")).map_err(|error| format!("package-lock.json: {error}"))?;
    let stamp = root.join("installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    prepare(here, root).map_err(|error| format!("{}: {error}", root.display()))?;
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]).current_dir(root);
    run(&mut npm, "npm ci")?;
    fs::write(&stamp, lock).map_err(|error| format!("{}: {error}", stamp.display()))
}

fn prepare(here: &Path, root: &Path) -> io::Result<()> {
    fs::create_dir_all(root)?;
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(here.join(name), root.join(name))?;
    }
    Ok(())
}

/// Runs a command to its end; when it fails, the last line it wrote is part of the message.
fn run(command: &mut Command, what: &str) -> Result<Output, String> {
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => NODE_MISSING.to_owned(),
        _ => format!("{what}: {error}"),
    })?;
    if output.status.success() {
        return Ok(output);
    }
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        println!("cargo::warning={line}");
    }
    Err(format!("{what} failed; what it said stands above"))
}
