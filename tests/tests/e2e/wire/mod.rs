//! The Azure Key Vault wire, byte for byte where clients are naive.

mod backup;
mod bad_input;
mod certificates;
mod challenge;
mod issuers;
mod keys;
mod lifecycle;
mod listing;
mod token_endpoint;
mod vaults;
