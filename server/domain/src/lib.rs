//! What Strongroom means: names, principals, roles, the gate, the record, the use cases.
//!
//! No framework and no SQL. What the domain needs from the world it says as ports (`ports`,
//! `policy`, `time`); adapters implement them. The way of every operation on stored material:
//! the gate gives a [`permit::Permit`], the operation consumes it and gives [`permit::Held`], the
//! recorder opens that once the audit record is durable.

pub mod access_policy;
pub mod action;
pub mod admin;
pub mod alert;
pub mod approval;
pub mod backup;
pub mod certificate;
pub mod certificates;
pub mod change;
pub mod condemned;
pub mod contacts;
pub mod context;
pub mod decision;
pub mod dotenv;
pub mod entrance;
pub mod gate;
pub mod grant;
pub mod identity;
pub mod issuance;
pub mod issuer;
pub mod issuers;
pub mod key;
pub mod keyring;
pub mod keys;
pub mod names;
pub mod network;
pub mod objects;
pub mod permit;
pub mod places;
pub mod policy;
pub mod policy_document;
pub mod policy_module;
pub mod policy_replay;
pub mod ports;
pub mod principal;
pub mod proofs;
pub mod purge;
pub mod record;
pub mod renewal;
pub mod revocation;
pub mod revocations;
pub mod role;
pub mod rotation;
mod schedule;
pub mod scrub;
pub mod seal;
pub mod search;
pub mod secret;
pub mod secrets;
pub mod setup;
pub mod sign_in;
pub mod stored;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;
pub mod text;
pub mod throttle;
pub mod time;
pub mod token_keys;
mod unseen;
pub mod vault;
