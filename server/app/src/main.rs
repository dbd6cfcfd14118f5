//! `strongroom`: the server and its command line, wired together here and nowhere else.
//!
//! The only crate that reads the machine's clock, its environment and its configuration. Must never
//! judge, seal or answer anything itself.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the command line speaks on the terminal")]

mod administrators;
mod alerts;
mod audit_check;
mod certificates;
mod checkpoints;
mod cli;
mod client;
mod clock;
mod commands;
mod config;
mod covering;
mod database;
mod dev;
mod dev_env;
mod dev_listener;
mod exit;
mod harden;
mod hosts;
mod installation;
mod jobs;
mod kept_in;
mod kept_login;
mod listeners;
mod loopback;
mod own_certificate;
mod peer;
mod plain;
mod policy_process;
mod private_file;
mod scrubbing;
mod seal;
mod serve;
mod setup_code;
mod terminal;
mod token_desk;
mod wiring;
mod witness;

use std::{io::IsTerminal as _, process::ExitCode};

use mimalloc::MiMalloc;
use tracing_subscriber::EnvFilter;
use zeroizing_alloc::ZeroAlloc;

/// Costs some MiB and saves time in every request; see server/docs/figures.md. What is freed is overwritten: values go
/// through buffers of libraries, which do not do that.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    // Before anything else, and before any thread.
    if let Err(error) = harden::keep_to_oneself() {
        eprintln!("strongroom: the process cannot be kept from leaving core dumps: {error}");
        return ExitCode::FAILURE;
    }
    if let Some(ended) = policy_process::run() {
        return ended;
    }
    if let Err(error) = seal::environment::take() {
        eprintln!("strongroom: {error:#}");
        return ExitCode::FAILURE;
    }
    let cli = cli::Cli::read();
    // A command says by itself what went wrong; what libraries log beside it is for who asks for it.
    let usual = if cli.is_server() { "warn,strongroom=info,sea_orm=error,actix_http=off" } else { "off" };
    // Logs go to standard error, so that standard output is the command's own.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(EnvFilter::try_from_env("STRONGROOM_LOG").unwrap_or_else(|_| EnvFilter::new(usual)))
        .init();
    if !cli.is_server() {
        end_quietly_when_nobody_reads();
    }
    let run = || -> anyhow::Result<()> {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(cli::run(cli))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("strongroom: {error:#}");
            exit::code(&error)
        }
    }
}

/// Whoever reads what a command prints may stop, as `head` does: then the command ends as if by SIGPIPE, which Rust
/// programs do not get, and says nothing.
fn end_quietly_when_nobody_reads() {
    const ENDED_BY_SIGPIPE: i32 = 128 + 13;
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str().is_some_and(|said| said.contains("printing to stdout: Broken pipe")) {
            std::process::exit(ENDED_BY_SIGPIPE);
        }
        usual(panic);
    }));
}
