//! No interleaving of requests and faults releases anything without its durable record, nor
//! records what did not happen. `one_fault` tells one story per fault; `interleavings` throws dice.

mod interleavings;
mod one_fault;
