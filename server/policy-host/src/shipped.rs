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
        (
            "certificate-names",
            include_bytes!("../../../policy-plugins/certificate-names/certificate-names.wasm").as_slice(),
        ),
        ("enforce-expiry", include_bytes!("../../../policy-plugins/enforce-expiry/enforce-expiry.wasm").as_slice()),
        (
            "naming-convention",
            include_bytes!("../../../policy-plugins/naming-convention/naming-convention.wasm").as_slice(),
        ),
        ("network-zone", include_bytes!("../../../policy-plugins/network-zone/network-zone.wasm").as_slice()),
        ("office-hours", include_bytes!("../../../policy-plugins/office-hours/office-hours.wasm").as_slice()),
        ("rate-guard", include_bytes!("../../../policy-plugins/rate-guard/rate-guard.wasm").as_slice()),
        ("require-mfa", include_bytes!("../../../policy-plugins/require-mfa/require-mfa.wasm").as_slice()),
        ("two-person", include_bytes!("../../../policy-plugins/two-person/two-person.wasm").as_slice()),
    ]
    .map(|(name, bytes)| ShippedModule { name, digest: digest_of(bytes), bytes })
    .to_vec()
}

/// Every module that an earlier release shipped and this one does not, so that what is attached by its
/// digest keeps working after an upgrade.
#[must_use]
pub fn released() -> Vec<ShippedModule> {
    [
        ("enforce-expiry", include_bytes!("../../../policy-plugins/released/0.1.0/enforce-expiry.wasm").as_slice()),
        (
            "naming-convention",
            include_bytes!("../../../policy-plugins/released/0.1.0/naming-convention.wasm").as_slice(),
        ),
    ]
    .map(|(name, bytes)| ShippedModule { name, digest: digest_of(bytes), bytes })
    .to_vec()
}
