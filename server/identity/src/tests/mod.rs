//! Tests that go through more than one room.

mod adapters;
mod bearer;
mod dev_provider;
mod forgery;
mod keys;
mod sign_in;
mod token_endpoint;
