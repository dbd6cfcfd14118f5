//! Policy modules as the server runs them: golden cases, hostile modules, determinism, and the
//! suite that every `PolicyEngine` has to pass.

mod contract;
mod golden;
mod hostile;
mod sources;
mod support;
