//! How many functions a module defines, by the headers of its sections alone: what compiles longest is known before
//! anything is compiled, and before a process is started for it.
//!
//! Bytes come from outside, so every length is held against what is there, and every byte is looked at once for each
//! component around it. What is not understood counts as none: the engine's own parser says what is wrong with it.

use crate::limits;
use crate::module::LoadError;

/// Deepest component within components that is looked into; the engine compiles what is in deeper ones within its bounds.
const MAX_DEPTH: usize = 8;
/// Of a section of a core module: the types of the functions that it defines, their number first.
const FUNCTIONS: u8 = 3;
/// Of a section of a component: a core module, and a component.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// Refuses a module that defines more functions than one may.
pub(crate) fn check(bytes: &[u8]) -> Result<(), LoadError> {
    if functions(bytes, 0) > limits::MAX_FUNCTIONS { Err(LoadError::TooManyFunctions) } else { Ok(()) }
}

fn functions(bytes: &[u8], depth: usize) -> u64 {
    let (is_core, mut rest) = match bytes.split_at_checked(8) {
        Some(([0, b'a', b's', b'm', 1, 0, 0, 0], rest)) => (true, rest),
        Some(([0, b'a', b's', b'm', _, _, 1, 0], rest)) if depth < MAX_DEPTH => (false, rest),
        _ => return 0,
    };
    let mut count = 0_u64;
    while let Some((&id, after)) = rest.split_first() {
        let Some((length, after)) = number(after) else { break };
        let Some((body, after)) = usize::try_from(length).ok().and_then(|length| after.split_at_checked(length)) else {
            break;
        };
        count = count.saturating_add(match (is_core, id) {
            (true, FUNCTIONS) => number(body).map_or(0, |(count, _)| u64::from(count)),
            (false, CORE_MODULE) => functions(body, depth),
            (false, COMPONENT) => functions(body, depth.saturating_add(1)),
            _ => 0,
        });
        rest = after;
    }
    count
}

/// A number as WebAssembly writes it: seven bits in each byte, the lowest first.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()?, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: &[u8] = b"\0asm\x01\0\0\0";
    const OUTER: &[u8] = b"\0asm\x0d\0\x01\0";

    fn section(id: u8, body: &[u8]) -> Vec<u8> {
        let mut length = u32::try_from(body.len()).unwrap();
        let mut bytes = vec![id];
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        bytes.extend_from_slice(body);
        bytes
    }

    fn core(functions: &[u8]) -> Vec<u8> {
        [CORE, &section(1, &[1, 0x60, 0, 0]), &section(FUNCTIONS, functions)].concat()
    }

    #[test]
    fn functions_are_counted_wherever_they_are_and_nothing_is_believed() {
        assert_eq!(functions(&core(&[2, 0, 0]), 0), 2);
        let component = [OUTER, &section(0, b"name"), &section(CORE_MODULE, &core(&[3, 0, 0, 0]))].concat();
        let two = [OUTER, &section(CORE_MODULE, &core(&[1, 0])), &section(COMPONENT, &component)].concat();
        assert_eq!(functions(&two, 0), 4);
        // A length that goes beyond the end, a number that never ends, and no module at all.
        let cut = &two[..two.len() - 1];
        assert!(functions(cut, 0) <= 4);
        assert_eq!(functions(&core(&[0xff; 9]), 0), 0);
        assert_eq!(functions(b"\0asm", 0) + functions(b"", 0), 0);
        let mut nested = component;
        for _ in 0..1_000 {
            nested = [OUTER, &section(COMPONENT, &nested)].concat();
        }
        assert_eq!(functions(&nested, 0), 0, "too deep to be looked at");
        let many = core(&[0xc0, 0x84, 0x3d]);
        assert!(matches!(check(&many), Err(LoadError::TooManyFunctions)), "a million");
    }
}
