//! What the fuzz targets of `tests/fuzz` call: the functions that read what callers send.
//!
//! Nothing of the product calls this. It must hold no logic of its own: a target tries what runs, or it proves nothing.

use strongroom_domain::{certificate::PolicyPatch, secret::SecretAttributes};

use crate::{
    api::wire::{self, certificates::Create},
    problem::Problem,
};

/// What the body of `POST /certificates/{name}/create` asks for.
///
/// # Errors
/// What is wrong with it, as the caller is told.
pub fn certificate_asked(body: &[u8]) -> Result<(Option<PolicyPatch>, SecretAttributes), Problem> {
    wire::read::<Create>(body)?.split()
}
