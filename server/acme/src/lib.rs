//! Certificates of an authority that speaks ACME (RFC 8555): orders that survive a restart, proofs by http-01 and by a
//! program of the operator (dns-01), the moment at which the authority wants a certificate renewed (RFC 9773), and taking one
//! back.
//!
//! [`Acme`] answers one question about a pending operation at a time, in bounded time and over bounded answers. Between
//! two questions its caller keeps where the order stands. What is put anywhere for an authority is written down before, so
//! that it is taken away whatever happens in between.
//!
//! Must never hold the private key of a certificate (a request comes in, a chain goes out); talk to anything but a
//! directory that the operator listed and the servers that this names; follow a redirect, use a proxy of the environment or
//! speak without TLS; reach an address that is not public unless the operator said so; take a program to run, or a word of
//! its environment, from anybody but the operator; pass on what an authority or a program wrote as if it were ours.

mod account;
mod egress;
mod hook;
mod names;
mod order;
mod proof;
mod renewal;
mod revocation;
mod trouble;

#[cfg(test)]
mod tests;

pub use hook::{DnsHook, HookSettings, HookSettingsError};
pub use order::{Acme, Allowed};
