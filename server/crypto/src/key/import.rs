//! Keys that were made elsewhere: checked before they are believed.

use aws_lc_rs::{
    rsa::{self, KeyPairComponents},
    signature::{EcdsaKeyPair, RsaPublicKeyComponents},
};
use zeroize::Zeroizing;

use super::{Curve, KeyRejected, KeySpec, NewKey, PublicKey, of_ec, of_rsa, primes::balanced};
use crate::secret::Plaintext;

/// The parts of a private RSA key, big endian (RFC 8017, section 3.2), with two primes.
pub struct RsaComponents {
    /// Modulus.
    pub n: Vec<u8>,
    /// Public exponent.
    pub e: Vec<u8>,
    /// Private exponent.
    pub d: Zeroizing<Vec<u8>>,
    /// First prime.
    pub p: Zeroizing<Vec<u8>>,
    /// Second prime.
    pub q: Zeroizing<Vec<u8>>,
    /// `d mod (p - 1)`.
    pub dp: Zeroizing<Vec<u8>>,
    /// `d mod (q - 1)`.
    pub dq: Zeroizing<Vec<u8>>,
    /// `q^-1 mod p`.
    pub qi: Zeroizing<Vec<u8>>,
}

/// The parts of a private key on a curve, big endian.
pub struct EcComponents {
    /// Which curve.
    pub curve: Curve,
    /// Coordinate of the public point.
    pub x: Vec<u8>,
    /// Coordinate of the public point.
    pub y: Vec<u8>,
    /// Private scalar.
    pub d: Zeroizing<Vec<u8>>,
}

/// The parts of a key that was made elsewhere, as they were brought: nobody has looked whether they are one.
pub enum KeyParts {
    /// RSA.
    Rsa(RsaComponents),
    /// A curve.
    Ec(EcComponents),
    /// Symmetric.
    Oct(Zeroizing<Vec<u8>>),
}

impl KeyParts {
    /// What they are a key of, by their lengths: costs nothing.
    ///
    /// # Errors
    /// [`KeyRejected::Size`].
    pub fn spec(&self) -> Result<KeySpec, KeyRejected> {
        let bits = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(0).saturating_mul(8);
        let spec = match self {
            Self::Rsa(parts) => KeySpec::rsa(bits(without_leading_zeros(&parts.n))),
            Self::Ec(parts) => Some(KeySpec::Ec { crv: parts.curve }),
            Self::Oct(key) => KeySpec::oct(bits(key)),
        };
        spec.ok_or(KeyRejected::Size)
    }

    /// The key, if it is a good one. Of RSA that takes up to tenths of a second of one core, so it is for parts that
    /// somebody may import.
    ///
    /// # Errors
    /// [`KeyRejected`].
    pub fn into_key(self) -> Result<NewKey, KeyRejected> {
        match self {
            Self::Rsa(parts) => {
                let key = NewKey::from_rsa(&parts)?;
                key.check_primes()?;
                Ok(key)
            }
            Self::Ec(parts) => NewKey::from_ec(&parts),
            Self::Oct(key) => NewKey::from_oct(key),
        }
    }
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.split_at_checked(zeros).map_or(&[], |(_, rest)| rest)
}

/// Fills up with zeros in front; nothing when the number is longer than `length` bytes.
fn fixed(bytes: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let number = without_leading_zeros(bytes);
    let zeros = length.checked_sub(number.len())?;
    Some(Zeroizing::new([&vec![0; zeros], number].concat()))
}

impl NewKey {
    /// A private RSA key. The parts must fit together, the modulus must have a size that is offered, the public
    /// exponent must be odd, above 1 and at most 32 bits long, and the factors must be balanced. That they are
    /// primes is for [`NewKey::check_primes`] to say, which takes long.
    ///
    /// # Errors
    /// [`KeyRejected`].
    pub fn from_rsa(parts: &RsaComponents) -> Result<Self, KeyRejected> {
        let (n, e) = (without_leading_zeros(&parts.n), without_leading_zeros(&parts.e));
        KeySpec::rsa(u64::try_from(n.len() * 8).unwrap_or(0)).ok_or(KeyRejected::Size)?;
        if n.first().is_none_or(|first| *first < 0x80) {
            return Err(KeyRejected::Size);
        }
        let is_odd = e.last().is_some_and(|last| last % 2 == 1);
        if e.is_empty() || e.len() > 4 || e == [1] || !is_odd {
            return Err(KeyRejected::Exponent);
        }
        let components = KeyPairComponents {
            public_key: RsaPublicKeyComponents { n, e },
            d: parts.d.as_slice(),
            p: parts.p.as_slice(),
            q: parts.q.as_slice(),
            dP: parts.dp.as_slice(),
            dQ: parts.dq.as_slice(),
            qInv: parts.qi.as_slice(),
        };
        let key = of_rsa(&rsa::KeyPair::from_components(&components).map_err(|_| KeyRejected::Inconsistent)?)?;
        if balanced(n.len(), &parts.p, &parts.q) { Ok(key) } else { Err(KeyRejected::Weak) }
    }

    /// A private key on a curve. The point must be on the curve and belong to the private scalar.
    ///
    /// # Errors
    /// [`KeyRejected::Inconsistent`].
    pub fn from_ec(parts: &EcComponents) -> Result<Self, KeyRejected> {
        let length = parts.curve.field_len();
        let part = |bytes: &[u8]| fixed(bytes, length).ok_or(KeyRejected::Inconsistent);
        let point = PublicKey::point(&part(&parts.x)?, &part(&parts.y)?);
        let pair = EcdsaKeyPair::from_private_key_and_public_key(parts.curve.signing(), &part(&parts.d)?, &point);
        of_ec(parts.curve, &pair.map_err(|_| KeyRejected::Inconsistent)?)
    }

    /// A symmetric key.
    ///
    /// # Errors
    /// [`KeyRejected::Size`], and [`KeyRejected::Repeated`] of what nobody made at random.
    pub fn from_oct(bytes: Zeroizing<Vec<u8>>) -> Result<Self, KeyRejected> {
        let spec = KeySpec::oct(u64::try_from(bytes.len() * 8).unwrap_or(0)).ok_or(KeyRejected::Size)?;
        let first = bytes.first().copied().unwrap_or_default();
        if bytes.iter().fold(0, |other, byte| other | (byte ^ first)) == 0 {
            return Err(KeyRejected::Repeated);
        }
        Ok(Self { spec, private: Plaintext::from_zeroizing(bytes), public: None })
    }
}
