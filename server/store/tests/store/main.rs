//! The contract of every store port, on SQLite and on PostgreSQL, and what happens when things fail.
//!
//! PostgreSQL is named by `STRONGROOM_TEST_POSTGRES` (a URL whose user may make databases). Without
//! it the tests fail rather than pass quietly; `STRONGROOM_TEST_POSTGRES=skip` says that it is meant.

#[cfg(test)]
mod support;

#[cfg(test)]
mod approvals;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod counts;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod scrub;
#[cfg(test)]
mod seal;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod staleness;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod undecodable;
#[cfg(test)]
mod vault_life;
#[cfg(test)]
mod verify;
