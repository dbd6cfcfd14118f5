//! `strongroom completions`.

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::cli::{Cli, ShellName};

pub(crate) fn run(shell: ShellName) -> anyhow::Result<()> {
    let shell = match shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
    };
    // Written at once: the generator takes no answer from what it writes to.
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "strongroom", &mut script);
    print!("{}", String::from_utf8(script)?);
    Ok(())
}
