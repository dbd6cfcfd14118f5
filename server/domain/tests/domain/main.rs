//! The domain over ports in memory: one binary, three books.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;
mod documents;
mod gate_model;
mod held_faults;
mod network_model;
mod nobody_gains;
mod stories;
