//! A symmetric key, opened: which bytes serve which use.
//!
//! A key that was made here is a seed, and every use has a key of its own derived from it. AES-CBC lends whoever
//! may encrypt the bare block cipher, and whoever may decrypt its inverse; under one key for all that is the key
//! stream of AES-GCM and all that unwrapping takes. A key that came from elsewhere is its bytes, whatever the use,
//! because its other holders use it so; and so are keys that were made before there were seeds.
//! Must never give the bytes of one use to another where there is a seed.

use zeroize::Zeroizing;

use super::algorithm::Mode;
use crate::{
    derive::derive_key,
    entropy::{Entropy, EntropyError},
    secret::Plaintext,
};

/// Stands before a seed where it is sealed.
const SEED_FOLLOWS: u8 = 1;
/// Bytes of a seed. With the mark before it, it is as long as no key from elsewhere.
const SEED: usize = 32;
/// Under which keys are derived.
const LABEL: &str = "symmetric-key-use";

/// What a key is used for. Frozen: the names are part of the derivation.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Gcm,
    Cbc,
    Wrap,
    Mac,
}

impl Use {
    const ALL: [Self; 4] = [Self::Gcm, Self::Cbc, Self::Wrap, Self::Mac];

    /// Which one an algorithm on data is; none for RSA. With padding or without, CBC is CBC.
    pub(super) fn of(mode: Mode) -> Option<Self> {
        match mode {
            Mode::Rsa => None,
            Mode::Gcm => Some(Self::Gcm),
            Mode::Cbc | Mode::CbcPad => Some(Self::Cbc),
            Mode::KeyWrap => Some(Self::Wrap),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Gcm => "gcm",
            Self::Cbc => "cbc",
            Self::Wrap => "wrap",
            Self::Mac => "mac",
        }
    }
}

/// An opened symmetric key. Has no `Debug`: it holds key material.
pub(super) struct SymmetricKey {
    bits: u16,
    keys: Keys,
}

enum Keys {
    Given(Zeroizing<Vec<u8>>),
    /// In the order of [`Use::ALL`].
    Derived([Zeroizing<[u8; 32]>; 4]),
}

/// Draws what a new key is sealed as.
pub(super) fn draw_seed(entropy: &dyn Entropy) -> Result<Plaintext, EntropyError> {
    let mut sealed = Zeroizing::new(vec![0; 1 + SEED]);
    entropy.fill(&mut sealed)?;
    if let Some(mark) = sealed.first_mut() {
        *mark = SEED_FOLLOWS;
    }
    Ok(Plaintext::from_zeroizing(sealed))
}

impl SymmetricKey {
    /// Opens what was sealed; nothing when it is not of this size.
    pub(super) fn open(bits: u16, sealed: &[u8]) -> Option<Self> {
        let keys = match sealed {
            [SEED_FOLLOWS, seed @ ..] if seed.len() == SEED => {
                let seed: Zeroizing<[u8; SEED]> = Zeroizing::new(seed.try_into().ok()?);
                Keys::Derived(
                    Use::ALL.map(|of| derive_key(&seed, LABEL, &[of.as_str().as_bytes(), &bits.to_be_bytes()])),
                )
            }
            given if given.len() == usize::from(bits / 8) => Keys::Given(Zeroizing::new(given.to_vec())),
            _ => return None,
        };
        Some(Self { bits, keys })
    }

    pub(super) fn bits(&self) -> u16 {
        self.bits
    }

    /// The bytes for a use, as many as the key has bits for.
    pub(super) fn bytes(&self, of: Use) -> &[u8] {
        match &self.keys {
            Keys::Given(bytes) => bytes,
            Keys::Derived([gcm, cbc, wrap, mac]) => {
                let derived = match of {
                    Use::Gcm => gcm,
                    Use::Cbc => cbc,
                    Use::Wrap => wrap,
                    Use::Mac => mac,
                };
                derived.get(..usize::from(self.bits / 8)).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// Computed with Python's cryptography. Pins the derivation: a change would lock everybody out of what their
    /// keys have encrypted.
    #[test]
    fn keys_of_a_seed_are_derived_as_ever() {
        let sealed: Vec<u8> = std::iter::once(SEED_FOLLOWS).chain(0..32).collect();
        let hex = |bits, of| HEXLOWER.encode(SymmetricKey::open(bits, &sealed).unwrap().bytes(of));
        assert_eq!(hex(128, Use::Wrap), "1bd12f03b5badf0dbdf5d6018ed4aa00");
        for (of, expected) in [
            (Use::Wrap, "e881016055b6e310646cbca6085d716f920e850313986ff039dbcc7e2d697cdd"),
            (Use::Mac, "1f51f169aaed91830586444a34603f64c61f9cae63e140739772955897a926ca"),
            (Use::Gcm, "0a50610b443f0012a76f83cb632760d9618ec4314840d1ae8974f2110d013c3c"),
            (Use::Cbc, "c6c7591446dc69524d24d8f63c335cc1705ba254faa9fb1e0d2f97d963511f42"),
        ] {
            assert_eq!(hex(256, of), expected);
        }
    }

    #[test]
    fn bytes_from_elsewhere_serve_every_use_as_they_are() {
        for bits in [128_u16, 192, 256] {
            let given = vec![SEED_FOLLOWS; usize::from(bits / 8)];
            let key = SymmetricKey::open(bits, &given).unwrap();
            assert!(Use::ALL.iter().all(|of| key.bytes(*of) == given) && key.bits() == bits);
        }
        let other_mark: Vec<u8> = std::iter::once(2).chain(0..32).collect();
        for bad in [&[][..], &[1; 31], &other_mark, &[1; 34]] {
            assert!(SymmetricKey::open(256, bad).is_none(), "{} bytes", bad.len());
        }
    }
}
