//! From a core module to a component, for languages whose linkers do not do it themselves.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::{answer, limits};

/// The contract that modules are built for, as text.
pub const CONTRACT: &str = include_str!("../../../policy-plugins/wit/policy.wit");

/// How the section begins in which a core module carries its contract.
const CONTRACT_SECTION: &[u8] = b"component-type";

/// Makes a component of a core module that exports the functions of the contract by their names in the
/// canonical ABI (`strongroom:policy/guard@1.0.0#decide`, ...), its `memory` and `cabi_realloc`.
///
/// # Errors
/// One line about what is missing or in the way.
pub fn component_of(core: &[u8]) -> Result<Vec<u8>, String> {
    let made = || -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("policy.wit", CONTRACT)?;
        let world = resolve.select_world(&[package], Some("policy"))?;
        let mut module = core.to_vec();
        // Bindings of Rust bring the contract that they were generated from.
        if !core.windows(CONTRACT_SECTION.len()).any(|bytes| bytes == CONTRACT_SECTION) {
            embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
        }
        Ok(ComponentEncoder::default().module(&module)?.validate(true).encode()?)
    };
    made().map_err(|error| {
        let mut line = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            line.push_str(": ");
            line.push_str(&deeper.to_string());
            cause = deeper.source();
        }
        answer::cut(&line, 2 * limits::MAX_TEXT)
    })
}
