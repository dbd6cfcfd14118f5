//! The host's side of `policy.wit`, generated. Requests borrow, answers own.

wasmtime::component::bindgen!({
    path: "../../policy-plugins/wit",
    world: "policy",
    ownership: Borrowing { duplicate_if_necessary: false },
});

/// Interface that a module must export, without its version.
pub(crate) const INTERFACE: &str = "strongroom:policy/guard@";
/// Versions of the contract that this host speaks.
pub(crate) const VERSIONS: &[&str] = &["0.1.0"];
