//! `strongroom policy test`: golden cases, and which outcomes they cover.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use strongroom_policy_host::GoldenFile;

use super::{Loaded, build};
use crate::{commands::table, plain::plain};

/// Reads a file of cases.
pub(super) fn read(path: &Path) -> anyhow::Result<GoldenFile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    GoldenFile::parse(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

pub(super) async fn run(folder: &Path, module: Option<&str>, cases: Option<PathBuf>) -> anyhow::Result<()> {
    let file = read(&cases.unwrap_or_else(|| folder.join("golden.json")))?;
    let loaded = match module {
        Some(module) => Loaded::find(module)?,
        None => Loaded::file(&build::build(folder)?)?,
    };
    let run = file.run(&loaded.engine, loaded.digest).await;
    let mut shown = table(&["outcome", "reason", "cases"]);
    for ((effect, reason), count) in &run.outcomes {
        shown.add_row([effect.as_str().to_owned(), plain(reason), count.to_string()]);
    }
    println!("{shown}");
    if !run.effects_not_covered.is_empty() {
        let missing: Vec<_> = run.effects_not_covered.iter().map(|effect| effect.as_str()).collect();
        println!("no case expects: {}", missing.join(", "));
    }
    for failed in &run.failed {
        println!("failed: {}", plain(failed));
    }
    println!("{} passed, {} failed", run.passed, run.failed.len());
    if !run.failed.is_empty() {
        bail!("the module does not do what its cases say");
    }
    Ok(())
}
