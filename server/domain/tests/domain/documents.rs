//! The documents cite tests as `crate::test`. A citation of a test that is gone proves nothing.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap();
            if name != "target" && name != "node_modules" {
                files(&path, ending, found);
            }
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
}

fn sources(folder: &Path) -> String {
    let mut found = Vec::new();
    files(folder, "rs", &mut found);
    found.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_cited_test_exists() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = |name: &str| match name {
        "domain" | "crypto" | "store" | "identity" | "http" | "app" => Some(server.join(name)),
        "policies" => Some(server.join("policy-host")),
        "web" => Some(server.parent().unwrap().join("web")),
        "e2e" => Some(server.parent().unwrap().join("tests/tests")),
        _ => None,
    };
    let mut documents = Vec::new();
    files(&server.join("docs"), "md", &mut documents);
    let (mut cited, mut missing) = (0, Vec::new());
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        let citations = text.split('`').skip(1).step_by(2).filter_map(|code| {
            let (name, test) = code.split_once("::")?;
            Some((folder(name)?, test.to_owned()))
        });
        for (folder, test) in citations {
            cited += 1;
            if !sources(&folder).contains(&format!("fn {test}(")) {
                missing.push(format!("{}: {test} in {}", document.display(), folder.display()));
            }
        }
    }
    assert!(cited > 50, "the documents are where they were");
    assert!(missing.is_empty(), "{missing:#?}");
}
