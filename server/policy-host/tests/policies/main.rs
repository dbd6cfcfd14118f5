//! Policy modules as the server runs them: golden cases, hostile modules, determinism, and the
//! suite that every `PolicyEngine` has to pass.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests fail by panicking, in their helpers as well")]

mod beside;
mod contract;
mod corpus;
mod differential;
mod fixtures;
mod golden;
mod hostile;
mod isolated;
mod sources;
mod support;
