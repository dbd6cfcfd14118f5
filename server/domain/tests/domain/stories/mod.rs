//! The use cases as their users meet them, and what the log says of it.

mod access;
mod approvals;
mod backups;
mod certificate_import;
mod certificates;
mod command_line;
mod entrance;
mod grants;
mod holdings;
mod installation;
mod key_operations;
mod keys;
mod modules;
mod network;
mod no_value_in_sight;
mod policies;
mod roles;
mod rotation;
mod secrets;
mod sessions;
mod token_keys;
mod token_of_keys;
mod updates;
mod vault_life;
mod vaults;
mod workloads;
