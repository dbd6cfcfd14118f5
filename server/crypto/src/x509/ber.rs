//! BER as DER (ITU-T X.690), as far as makers of PKCS#12 use the one where others use the other: lengths that are told by
//! a mark at the end, and octet strings in parts. NSS writes both (Firefox, Thunderbird, `pk12util`), and RFC 7292 allows
//! it.
//!
//! What is in DER comes out as it is. Bounded in depth and in length, and must never look into values.

use zeroize::Zeroizing;

use super::import::ImportError;

/// Deepest nesting. What PKCS#12 holds goes down to about ten.
const MAX_DEPTH: usize = 16;
const CONSTRUCTED: u8 = 0x20;
const OCTET_STRING: u8 = 0x04;

/// One element in DER, with nothing behind it.
///
/// # Errors
/// [`ImportError::Damaged`].
pub(super) fn to_der(ber: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    converted(ber, |ber, der| match element(ber, MAX_DEPTH, Part::Whole, der)? {
        [] => Ok(()),
        _ => Err(ImportError::Damaged),
    })
}

/// What is in octet strings that stand one behind the other, without anything around it.
///
/// # Errors
/// [`ImportError::Damaged`].
pub(super) fn octets_in(parts: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    converted(parts, |parts, der| all(parts, MAX_DEPTH, Part::Octets, der))
}

fn converted(
    ber: &[u8],
    convert: impl FnOnce(&[u8], &mut Vec<u8>) -> Result<(), ImportError>,
) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    // Never longer than what is read, so nothing of it is left behind while it grows.
    let mut der = Zeroizing::new(Vec::with_capacity(ber.len()));
    convert(ber, &mut der)?;
    Ok(der)
}

/// What an element is written as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// As itself.
    Whole,
    /// As a part of an octet string, which it has to be: without its tag and its length.
    Octets,
}

/// One element behind what is written; gives what stands behind it.
fn element<'a>(ber: &'a [u8], depth: usize, part: Part, der: &mut Vec<u8>) -> Result<&'a [u8], ImportError> {
    let depth = depth.checked_sub(1).ok_or(ImportError::Damaged)?;
    let (&tag, rest) = ber.split_first().ok_or(ImportError::Damaged)?;
    let (constructed, is_octets) = (tag & CONSTRUCTED != 0, tag & !CONSTRUCTED == OCTET_STRING);
    // Tags in several octets are in no such document.
    if tag & 0x1f == 0x1f || (part == Part::Octets && !is_octets) {
        return Err(ImportError::Damaged);
    }
    let within = if is_octets { Part::Octets } else { Part::Whole };
    let (length, rest) = length_of(rest)?;
    let start = der.len();
    let after = match length {
        Some(length) => {
            let (content, after) = rest.split_at_checked(length).ok_or(ImportError::Damaged)?;
            if constructed {
                all(content, depth, within, der)?;
            } else {
                der.extend_from_slice(content);
            }
            after
        }
        None if constructed => {
            let mut rest = rest;
            loop {
                match rest {
                    [0, 0, after @ ..] => break after,
                    _ => rest = element(rest, depth, within, der)?,
                }
            }
        }
        None => return Err(ImportError::Damaged),
    };
    if part == Part::Whole {
        put_before(if is_octets { OCTET_STRING } else { tag }, start, der);
    }
    Ok(after)
}

fn all(mut ber: &[u8], depth: usize, part: Part, der: &mut Vec<u8>) -> Result<(), ImportError> {
    while !ber.is_empty() {
        ber = element(ber, depth, part, der)?;
    }
    Ok(())
}

/// A length, or that the end is marked; and what stands behind it.
fn length_of(ber: &[u8]) -> Result<(Option<usize>, &[u8]), ImportError> {
    let (&first, rest) = ber.split_first().ok_or(ImportError::Damaged)?;
    match first {
        0..=0x7f => Ok((Some(usize::from(first)), rest)),
        0x80 => Ok((None, rest)),
        0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(ImportError::Damaged)?;
            let length = octets.iter().fold(0u32, |length, octet| (length << 8) | u32::from(*octet));
            Ok((Some(usize::try_from(length).map_err(|_| ImportError::Damaged)?), rest))
        }
        _ => Err(ImportError::Damaged),
    }
}

/// Writes a tag and the length of all that stands from a place on, in front of it.
fn put_before(tag: u8, start: usize, der: &mut Vec<u8>) {
    let end = der.len();
    let length = end - start;
    der.push(tag);
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => der.push(short),
        _ => {
            let octets = length.to_be_bytes();
            let octets: Vec<u8> = octets.into_iter().skip_while(|octet| *octet == 0).collect();
            der.push(0x80 | u8::try_from(octets.len()).unwrap_or_default());
            der.extend(octets);
        }
    }
    let head = der.len() - end;
    if let Some(whole) = der.get_mut(start..) {
        whole.rotate_right(head);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn der(ber: &[u8]) -> Option<Vec<u8>> {
        to_der(ber).ok().map(|der| der.to_vec())
    }

    #[test]
    fn marks_become_lengths_and_parts_become_one() {
        // SEQUENCE { OCTET STRING "ab" "c" in parts, [0] { INTEGER 3 } }, all with marks at their ends.
        let ber = [
            0x30, 0x80, 0x24, 0x80, 0x04, 2, b'a', b'b', 0x24, 0x80, 0x04, 1, b'c', 0, 0, 0, 0, 0xa0, 0x80, 2, 1, 3, 0,
            0, 0, 0,
        ];
        assert_eq!(der(&ber), Some(vec![0x30, 10, 0x04, 3, b'a', b'b', b'c', 0xa0, 3, 2, 1, 3]));
        // A length in more octets than it needs.
        assert_eq!(der(&[0x30, 0x82, 0, 2, 5, 0]), Some(vec![0x30, 2, 5, 0]));
        assert_eq!(octets_in(&[4, 1, 7, 0x24, 3, 4, 1, 8]).ok().map(|octets| octets.to_vec()), Some(vec![7, 8]));
        let long = [&[0x24, 0x80, 0x04, 0x82, 1, 0][..], &[9; 256], &[0, 0]].concat();
        assert_eq!(der(&long), Some([&[0x04, 0x82, 1, 0][..], &[9; 256]].concat()));
    }

    #[test]
    fn what_is_no_element_is_damaged() {
        let cases: [(&[u8], &str); 10] = [
            (&[], "nothing"),
            (&[0x30], "no length"),
            (&[0x30, 0x80], "no end"),
            (&[0x04, 0x80, 0, 0], "a primitive one with a mark"),
            (&[0x24, 3, 2, 1, 3], "an octet string of a number"),
            (&[0x30, 2, 5], "cut"),
            (&[0x30, 0x85, 0, 0, 0, 0, 0], "a length of five octets"),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], "a length of everything"),
            (&[0x1f, 0x81, 1, 0], "a tag in several octets"),
            (&[5, 0, 5, 0], "two"),
        ];
        for (ber, what) in cases {
            assert_eq!(to_der(ber).err(), Some(ImportError::Damaged), "{what}");
        }
        let deep = |levels: usize| [[0x30u8, 0x80].repeat(levels), [0u8, 0].repeat(levels)].concat();
        assert!(to_der(&deep(MAX_DEPTH)).is_ok());
        for levels in [MAX_DEPTH + 1, 6000] {
            assert_eq!(to_der(&deep(levels)).err(), Some(ImportError::Damaged), "{levels}");
        }
    }

    /// An element in DER and the same in BER.
    fn both() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let octets = prop::collection::vec(any::<u8>(), 0..300).prop_map(|octets| {
            let mut der = octets.clone();
            put_before(OCTET_STRING, 0, &mut der);
            let parts = octets
                .chunks(7)
                .flat_map(|part| [&[OCTET_STRING, u8::try_from(part.len()).unwrap()][..], part].concat());
            (der, [0x24, 0x80].into_iter().chain(parts).chain([0, 0]).collect())
        });
        octets.prop_recursive(4, 20, 5, |inner| {
            (prop::collection::vec(inner, 0..5), any::<bool>()).prop_map(|(inner, is_tagged)| {
                let tag = if is_tagged { 0xa0 } else { 0x30 };
                let (ders, bers): (Vec<Vec<u8>>, Vec<Vec<u8>>) = inner.into_iter().unzip();
                let mut der = ders.concat();
                put_before(tag, 0, &mut der);
                (der, [&[tag, 0x80][..], &bers.concat(), &[0, 0]].concat())
            })
        })
    }

    proptest! {
        #[test]
        fn der_comes_out_as_it_is_and_ber_as_the_same((expected, ber) in both()) {
            prop_assert_eq!(der(&expected), Some(expected.clone()));
            prop_assert_eq!(der(&ber), Some(expected));
        }

        #[test]
        fn nothing_makes_it_longer_or_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(der(&bytes).is_none_or(|der| der.len() <= bytes.len()));
        }
    }
}
