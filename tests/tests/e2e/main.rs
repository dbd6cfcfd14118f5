//! End to end: one binary, one file for each sort of story. Every story starts a server of its own
//! on free ports and a data directory of its own, so stories run side by side and in any order.
//!
//! What must be installed beforehand is said and done by `tests/run`. Nothing here is skipped when a
//! part is missing: the story fails and says which.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed, tells why on the terminal, and has a clock of its own"
)]

mod acme;
mod approvals;
mod audit;
mod browser;
mod certificate_commands;
mod commands;
mod complaints;
mod crash;
mod edge;
mod grants;
mod hardware;
mod key_commands;
mod login;
mod outage;
mod policies;
mod policy;
mod provider;
mod routes;
mod sdk;
mod seal;
mod setup;
mod start;
mod stop;
mod support;
mod tamper;
mod wire;
mod workloads;
