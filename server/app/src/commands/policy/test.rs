//! `strongroom policy test`: golden cases, and which outcomes they cover.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::json;
use strongroom_policy_host::GoldenFile;

use super::{Loaded, build};
use crate::{cli::Output, commands::table, plain::plain};

/// Reads a file of cases.
pub(super) fn read(path: &Path) -> anyhow::Result<GoldenFile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    GoldenFile::parse(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

pub(super) async fn run(
    folder: &Path,
    module: Option<&str>,
    cases: Option<PathBuf>,
    output: Output,
) -> anyhow::Result<()> {
    let file = read(&cases.unwrap_or_else(|| folder.join("golden.json")))?;
    let loaded = match module {
        Some(module) => Loaded::find(module)?,
        None => Loaded::file(&build::build(folder)?)?,
    };
    let run = file.run(&loaded.engine, loaded.digest).await;
    let missing: Vec<_> = run.effects_not_covered.iter().map(|effect| effect.as_str()).collect();
    if output == Output::Json {
        let outcomes = run
            .outcomes
            .iter()
            .map(|((effect, reason), count)| json!({ "outcome": effect.as_str(), "reason": reason, "cases": count }));
        let told = json!({
            "passed": run.passed,
            "failed": run.failed,
            "not_covered": missing,
            "outcomes": outcomes.collect::<Vec<_>>(),
        });
        println!("{}", crate::plain::json(&told));
        return passed(&run.failed);
    }
    let mut shown = table(&["outcome", "reason", "cases"]);
    for ((effect, reason), count) in &run.outcomes {
        shown.add_row([effect.as_str().to_owned(), plain(reason), count.to_string()]);
    }
    println!("{shown}");
    if !missing.is_empty() {
        println!("no case expects: {}", missing.join(", "));
    }
    for failed in &run.failed {
        println!("failed: {}", plain(failed));
    }
    println!("{} passed, {} failed", run.passed, run.failed.len());
    passed(&run.failed)
}

fn passed(failed: &[String]) -> anyhow::Result<()> {
    if !failed.is_empty() {
        bail!("the module does not do what its cases say");
    }
    Ok(())
}
