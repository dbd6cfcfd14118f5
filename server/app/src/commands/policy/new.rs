//! `strongroom policy new`: a template, with everything it is built from beside it.

use std::{io::ErrorKind, path::Path};

use anyhow::{Context as _, bail};

use serde_json::json;

use crate::{
    cli::{Language, Output},
    commands::done,
};

/// A file of a template: where it is put, and what is in it.
type File = (&'static str, &'static str);

/// A file of `policy-plugins`, put at the same place.
macro_rules! same {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../../../policy-plugins/", $path)))
    };
}

const CONTRACT: File = same!("wit/policy.wit");

const SDK: &[File] = &[
    // So that nothing has to be looked up that the SDK is built with.
    same!("Cargo.lock"),
    same!("sdk/Cargo.toml"),
    same!("sdk/src/about.rs"),
    same!("sdk/src/alloc.rs"),
    same!("sdk/src/answer.rs"),
    same!("sdk/src/cidr.rs"),
    same!("sdk/src/contract.rs"),
    same!("sdk/src/export.rs"),
    same!("sdk/src/facts.rs"),
    same!("sdk/src/lib.rs"),
    same!("sdk/src/pattern.rs"),
    same!("sdk/src/testing.rs"),
    same!("sdk/src/testing/bounds.rs"),
    same!("sdk/src/testing/golden.rs"),
];

macro_rules! template {
    ($at:literal, $path:literal) => {
        ($at, include_str!(concat!("../../../../../policy-plugins/templates/", $path)))
    };
}

const RUST: &[File] = &[
    template!("Cargo.toml", "rust/Cargo.toml.txt"),
    template!("src/lib.rs", "rust/lib.rs.txt"),
    template!("settings.schema.json", "rust/settings.schema.json"),
    template!("tests/golden.rs", "rust/golden.rs.txt"),
    template!("golden.json", "rust/golden.json"),
    template!(".gitignore", "rust/gitignore.txt"),
];

const C: &[File] = &[
    template!("policy.c", "c/policy.c"),
    template!("policy.h", "c/policy.h"),
    template!("golden.json", "c/golden.json"),
    template!(".gitignore", "c/gitignore.txt"),
];

pub(super) fn run(name: &str, lang: Language, output: Output) -> anyhow::Result<()> {
    let letters = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !letters || !(1..=64).contains(&name.len()) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        bail!("a module's name is made of a-z, 0-9 and -, begins with a letter and has at most 64 characters");
    }
    let folder = Path::new(name);
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!(
                "there is a {name} here already, and nothing was written: say another name, or begin in another folder"
            )
        }
        made => made.with_context(|| format!("the folder {name} cannot be made"))?,
    }
    let files: Vec<&File> = match lang {
        Language::Rust => RUST.iter().chain(SDK).chain([&CONTRACT]).collect(),
        Language::C => C.iter().collect(),
    };
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        }
        // The template is a module of its own, named `my-policy`.
        let text = text.replace("my-policy", name).replace("my_policy", &name.replace('-', "_"));
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let source = if lang == Language::Rust { "src/lib.rs" } else { "policy.c" };
    let words = format!(
        "{name}/{source} is the module, {name}/golden.json what it should say. Next:\n  strongroom policy test {name}"
    );
    done(output, &json!({ "folder": name, "source": format!("{name}/{source}") }), words);
    Ok(())
}
