//! What the stories are told with: a server, requests, the audit log, the world outside.

mod audit;
mod certificates;
mod database;
mod memory;
mod openapi;
mod outside;
mod programs;
mod requests;
mod server;
mod vault;

pub(crate) use audit::verify;
pub(crate) use certificates::{Certificates, client_certificate};
pub(crate) use database::Database;
pub(crate) use memory::in_memory;
pub(crate) use outside::{FEDERATION_AUDIENCE, Outside};
pub(crate) use programs::{
    Finished, Named, az, hosts_file, node_script, python, run, rust_program, shared_hosts, tests_folder,
};
pub(crate) use requests::{Answer, Ask, client, trusting_anybody};
pub(crate) use server::{Server, binary, example, free_ports, run_to_end};
pub(crate) use vault::{Credential, TestVault, dev_command};

/// Api-version of hand-made requests.
pub(crate) const API_VERSION: &str = "7.6";

/// Tables of a configuration of `serve`: somebody who could come, and owns the installation.
pub(crate) const MANAGED: &str = r#"
[[issuers]]
issuer = "https://login.example"
kind = "user"
groups_claim = "groups"

[[administrators]]
issuer = "https://login.example"
group = "ops"
"#;

/// A scratch folder inside the build directory; goes away with the value.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("e2e-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a scratch folder")
}
