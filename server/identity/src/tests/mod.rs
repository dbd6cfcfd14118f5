//! Tests that go through more than one room.

mod adapters;
mod assertions;
mod bearer;
mod dev_provider;
mod explain;
mod forgery;
mod forgery_across;
mod keys;
mod logout;
mod own_keys;
mod sign_in;
mod token_endpoint;
