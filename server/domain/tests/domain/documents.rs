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
        "domain" | "crypto" | "pkcs11" | "store" | "identity" | "acme" | "http" | "app" => Some(server.join(name)),
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

/// Every operation of secrets, keys and certificates has its row with a test in azure-compatibility.md, every api-version its mention.
#[test]
fn every_route_of_objects_and_every_api_version_is_documented() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |path: &str| fs::read_to_string(server.join(path)).unwrap();
    let document = read("docs/azure-compatibility.md");
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with('|') && line.contains("`e2e::")).collect();
    let routes = read("http/src/routes.rs");
    let objects = routes.lines().filter_map(|line| {
        let (method, rest) = line.trim().strip_prefix("Vault ")?.split_once(" \"")?;
        let (template, _) = rest.split_once('"')?;
        let of_objects =
            ["/secrets", "/deletedsecrets", "/keys", "/deletedkeys", "/certificates", "/deletedcertificates", "/rng"];
        of_objects
            .iter()
            .any(|path| template.starts_with(path))
            .then(|| format!("`{} {template}`", method.to_uppercase()))
    });
    let wire = read("http/src/api/wire.rs");
    let (_, versions) = wire.split_once("API_VERSIONS: &[&str] = &[").unwrap();
    let (versions, _) = versions.split_once(']').unwrap();
    let versions: Vec<String> = versions.split('"').skip(1).step_by(2).map(|version| format!("`{version}`")).collect();
    let objects: Vec<String> = objects.collect();
    assert!(objects.len() >= 52 && versions.len() > 10, "the tables are where they were");
    let mut missing: Vec<String> =
        objects.into_iter().filter(|route| !rows.iter().any(|r| r.contains(route))).collect();
    missing.extend(versions.into_iter().filter(|version| !document.contains(version.as_str())));
    assert!(missing.is_empty(), "{missing:#?}");
}
