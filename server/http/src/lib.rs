//! HTTP: the edge, the routes, the wire shapes. Parses into domain types, calls one use case,
//! renders the answer; judges nothing itself and never touches a store.

pub mod agent;
pub mod api;
mod boxed;
mod changes;
mod dashboard;
pub mod edge;
#[doc(hidden)]
pub mod fuzzed;
mod large_body;
mod long_answer;
pub mod message;
pub mod openapi;
mod page_tokens;
pub mod paths;
pub mod problem;
pub mod routes;
pub mod server;
pub mod services;
