//! The modules that ship with the product, compiled and checked in, so that building the server
//! needs no WebAssembly toolchain.

use strongroom_domain::policy::ModuleDigest;

use crate::engine::digest_of;

/// A module inside this binary.
#[derive(Clone, Copy, Debug)]
pub struct ShippedModule {
    /// Its name, as it says itself.
    pub name: &'static str,
    /// SHA-256 of `bytes`.
    pub digest: ModuleDigest,
    /// The component.
    pub bytes: &'static [u8],
}

/// Every module that ships, in the order of their names.
#[must_use]
pub fn shipped() -> Vec<ShippedModule> {
    [
        ("enforce-expiry", include_bytes!("../../../policy-plugins/enforce-expiry/enforce-expiry.wasm").as_slice()),
        (
            "naming-convention",
            include_bytes!("../../../policy-plugins/naming-convention/naming-convention.wasm").as_slice(),
        ),
    ]
    .map(|(name, bytes)| ShippedModule { name, digest: digest_of(bytes), bytes })
    .to_vec()
}
