//! No interleaving of requests and faults releases anything without its durable record, nor
//! records what did not happen. `one_fault` tells one story per fault; `interleavings` throws dice.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod interleavings;
mod one_fault;
