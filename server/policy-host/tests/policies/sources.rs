//! A compiled module must be what its sources say. Compiling needs a toolchain of its own, so the
//! module carries a list of hashes of everything it was made of, and this compares.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use strongroom_policy_host::shipped;

use crate::support::guests;

fn files_under(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            files_under(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The list that `policy-plugins/build.sh` writes, from the files as they are now.
fn list(module: &str) -> String {
    let root = guests();
    let mut files = ["Cargo.lock", "Cargo.toml", "build.sh", "sdk/Cargo.toml"].map(|file| root.join(file)).to_vec();
    files.push(root.join(module).join("Cargo.toml"));
    let schema = root.join(module).join("settings.schema.json");
    if schema.exists() {
        files.push(schema);
    }
    for folder in [root.join("sdk/src"), root.join("wit"), root.join(module).join("src")] {
        files_under(&folder, &mut files);
    }
    let mut names = files
        .iter()
        .map(|file| file.strip_prefix(&root).expect("inside").to_string_lossy().replace('\\', "/"))
        .collect::<Vec<_>>();
    names.sort();
    names.push(format!("{module}/{module}.wasm"));
    let mut list = String::new();
    for name in names {
        let bytes = std::fs::read(root.join(&name)).expect("a source");
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        let hash = data_encoding::HEXLOWER.encode(hash.as_ref());
        writeln!(list, "{hash}  {name}").expect("writing to a string");
    }
    list
}

#[test]
fn compiled_modules_are_up_to_date() {
    for module in shipped() {
        let name = module.name;
        let recorded = std::fs::read_to_string(guests().join(name).join(format!("{name}.wasm.sources")))
            .expect("a list of sources beside the module");
        let found = list(name);
        let changed = found.lines().filter(|line| !recorded.lines().any(|other| other == *line)).collect::<Vec<_>>();
        assert!(
            recorded == found,
            "{name}.wasm is out of date, run policy-plugins/build.sh; changed or new: {changed:#?}"
        );
    }
}

#[test]
fn compiled_modules_name_no_folder_of_a_machine() {
    for module in shipped() {
        let text = String::from_utf8_lossy(module.bytes);
        for folder in ["/home/", "/root/", "/Users/", "/usr/", "/tmp/", "/build/"] {
            assert!(!text.contains(folder), "{} names {folder}", module.name);
        }
    }
}
