//! The one-time code of the setup: shown on the server's own terminal, kept as a hash in the data directory, for the
//! server's user alone. Who can read or replace that file owns the database beside it anyhow.

use std::{
    io::{IsTerminal as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use serde_json::json;
use strongroom_crypto::{Entropy, SecretText, SystemEntropy};
use strongroom_domain::{
    ports::SealStore as _,
    setup::{self, CODE_MILLIS, IssuedCode, SetupCodes},
    time::Clock as _,
};
use strongroom_identity::provider_of;

use crate::{
    cli::Output,
    clock::SystemClock,
    config,
    installation::{Opened, write_private},
    private_file,
    wiring::Outside,
};

/// Name of the file in the data directory.
const FILE: &str = "setup-code";
/// What it holds for ever once the installation was set up.
const DONE: &str = "done";

/// The file that the code's hash is kept in.
pub(crate) struct CodeFile(PathBuf);

impl CodeFile {
    pub(crate) fn of(data: &Path) -> Self {
        Self(data.join(FILE))
    }

    fn text(&self) -> Option<SecretText> {
        private_file::read_line(&self.0).ok()
    }

    /// Makes a code; the one before it counts no more.
    fn issue(&self, now: i64, entropy: &dyn Entropy) -> anyhow::Result<SecretText> {
        if self.text().is_some_and(|text| text.expose() == DONE) {
            anyhow::bail!("this installation was set up, which is done once");
        }
        let code = setup::new_code(entropy)?;
        let line =
            format!("{} {}\n", HEXLOWER.encode(&setup::code_hash(code.expose())), now.saturating_add(CODE_MILLIS));
        write_private(&self.0, line.as_bytes())?;
        Ok(code)
    }
}

impl SetupCodes for CodeFile {
    fn issued(&self) -> Option<IssuedCode> {
        let text = self.text()?;
        let (hash, expires) = text.expose().split_once(' ')?;
        let hash = HEXLOWER.decode(hash.as_bytes()).ok()?.try_into().ok()?;
        Some(IssuedCode { hash, expires: expires.parse().ok()? })
    }

    fn spend(&self) {
        if let Err(error) = write_private(&self.0, format!("{DONE}\n").as_bytes()) {
            tracing::error!(%error, "the setup code is spent, and its file could not be written");
        }
    }
}

/// `strongroom setup-code`
pub(crate) fn run(path: &Path, output: Output) -> anyhow::Result<()> {
    let config = config::read(path)?;
    anyhow::ensure!(
        config.providers.is_empty() && config.administrators.is_empty(),
        "the configuration names providers or administrators: nothing is set up by a code"
    );
    let facts = config.data.metadata().with_context(|| {
        format!("{} is not there: start the server first (strongroom serve)", config.data.display())
    })?;
    let user = rustix::process::geteuid().as_raw();
    anyhow::ensure!(
        facts.uid() == user,
        "{} belongs to user {}, as whom the server runs: run this as that user",
        config.data.display(),
        facts.uid()
    );
    show(config.base.trim_end_matches('/'), &config.data, SystemClock::new().now_millis(), output)
}

/// Says at a start that nobody owns the installation: with a code where there is a terminal to show it on, and never
/// where the output is kept.
pub(crate) fn ask(base: &str, data: &Path, config: &Path, now: i64) -> anyhow::Result<()> {
    println!("Nobody owns this installation yet: {base}/setup names its first provider and administrator.");
    if std::io::stdout().is_terminal() {
        return show(base, data, now, Output::Table);
    }
    println!("The code for it is shown by: strongroom setup-code --config {}", config.display());
    Ok(())
}

fn show(base: &str, data: &Path, now: i64, output: Output) -> anyhow::Result<()> {
    let code = CodeFile::of(data).issue(now, &SystemEntropy)?;
    let mut out = std::io::stdout().lock();
    match output {
        Output::Json => {
            let url = format!("{base}/setup");
            let told = json!({ "code": code.expose(), "expires_in": CODE_MILLIS / 1000, "url": url });
            writeln!(out, "{}", crate::plain::json(&told))?;
        }
        Output::Table => {
            writeln!(out, "Setup code, once and for {} minutes: {}", CODE_MILLIS / 60_000, code.expose())?;
            writeln!(out, "Enter it at {base}/setup")?;
        }
    }
    Ok(())
}

/// Adds the provider that was named in the setup to those of the configuration. One of the same name there stands in
/// its place.
pub(crate) async fn add_first_provider(opened: &Opened, outside: &mut Outside) -> anyhow::Result<()> {
    let Some(stored) = opened.store.sealed_blob(setup::LABEL).await? else { return Ok(()) };
    let found = setup::came_through(&opened.keyring, &stored)
        .map_err(|_| anyhow::anyhow!("the provider of the setup ({}) is not as it was sealed", setup::LABEL))?;
    let Some(provider) = found else { return Ok(()) };
    if outside.providers.iter().any(|configured| configured.name == provider.name) {
        tracing::warn!(
            provider = provider.name,
            "the provider of the configuration stands in place of that of the setup"
        );
    } else {
        outside.providers.push(provider_of(&provider));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_in_place_of_the_one_before_until_it_is_spent_for_good() {
        let data = tempfile::tempdir().unwrap();
        let file = CodeFile::of(data.path());
        assert_eq!(file.issued(), None);
        let first = file.issue(5, &SystemEntropy).unwrap();
        let second = file.issue(7, &SystemEntropy).unwrap();
        assert_ne!(first.expose(), second.expose());
        let issued = file.issued().unwrap();
        let typed = second.expose().to_lowercase().replace('-', " ");
        assert_eq!((issued.hash, issued.expires), (setup::code_hash(&typed), 7 + CODE_MILLIS));
        let kept = std::fs::read_to_string(data.path().join(FILE)).unwrap();
        assert!(!kept.contains(second.expose()) && kept.len() < 100);
        file.spend();
        assert_eq!(file.issued(), None);
        let again = file.issue(9, &SystemEntropy).err().unwrap().to_string();
        assert!(again.contains("done once"), "{again}");
    }
}
