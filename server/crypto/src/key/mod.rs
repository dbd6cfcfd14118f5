//! Keys that users keep in a vault: made, imported, opened, used. RSA, elliptic curves, and AES/HMAC keys.
//!
//! The private part leaves this module only as a [`Plaintext`] to be sealed, and lives opened only inside
//! [`PrivateKey`]. What the key may be used for is not judged here. Every failure of a decryption is the
//! same [`OperationError::Failed`]: whatever was wrong with a ciphertext, nothing tells it from the rest.
//!
//! All operations on private parts that are here are AWS-LC's, in constant time; AES-192 key wrap, which it has not, is
//! RustCrypto's `aes-kw`. RSA and elliptic keys are drawn by AWS-LC's own generator, which takes no source
//! of randomness from outside.

mod algorithm;
mod asymmetric;
mod ecdsa;
mod forms;
mod import;
mod oct;
mod primes;
mod public;
mod symmetric;
#[cfg(test)]
mod tests;
mod token;
mod token_proof;

pub use algorithm::{DataAlgorithm, Family, SignAlgorithm};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa,
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _},
};
pub use forms::PrivateParts;
pub use import::{EcComponents, KeyParts, RsaComponents};
use oct::SymmetricKey;
pub use public::PublicKey;
use serde::{Deserialize, Serialize};
pub use symmetric::Sealed;
use token::InToken;
pub use token::{KeyToken, TokenCipher, TokenKeyId, TokenTrouble, TokenUse};
pub use token_proof::{TokenDraw, make_in_token};

use crate::{
    entropy::{Entropy, EntropyError},
    secret::Plaintext,
};

/// An elliptic curve, in the names of JSON Web Keys as Azure writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Curve {
    /// NIST P-256.
    #[serde(rename = "P-256")]
    P256,
    /// secp256k1.
    #[serde(rename = "P-256K")]
    P256K,
    /// NIST P-384.
    #[serde(rename = "P-384")]
    P384,
    /// NIST P-521.
    #[serde(rename = "P-521")]
    P521,
}

impl Curve {
    /// Every curve.
    pub const ALL: [Self; 4] = [Self::P256, Self::P256K, Self::P384, Self::P521];

    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P256K => "P-256K",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Bytes of a coordinate and of a private scalar.
    #[must_use]
    pub fn field_len(self) -> usize {
        match self {
            Self::P256 | Self::P256K => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P256K => &signature::ECDSA_P256K1_SHA256_FIXED_SIGNING,
            Self::P384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            Self::P521 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        }
    }
}

/// What kind of key, and how big.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum KeySpec {
    /// RSA with a modulus of so many bits: 2048, 3072 or 4096.
    #[serde(rename = "RSA")]
    Rsa {
        /// Bits of the modulus.
        bits: u16,
    },
    /// A key on an elliptic curve.
    #[serde(rename = "EC")]
    Ec {
        /// Which curve.
        crv: Curve,
    },
    /// A symmetric key of so many bits: 128, 192 or 256.
    #[serde(rename = "oct")]
    Oct {
        /// Bits of the key.
        bits: u16,
    },
}

impl KeySpec {
    /// RSA, if there are keys of this size.
    #[must_use]
    pub fn rsa(bits: u64) -> Option<Self> {
        [2048, 3072, 4096].into_iter().find(|known| u64::from(*known) == bits).map(|bits| Self::Rsa { bits })
    }

    /// A symmetric key, if there are keys of this size.
    #[must_use]
    pub fn oct(bits: u64) -> Option<Self> {
        [128, 192, 256].into_iter().find(|known| u64::from(*known) == bits).map(|bits| Self::Oct { bits })
    }

    /// Whether making one takes long enough that it must not happen on a thread that serves requests.
    #[must_use]
    pub fn is_slow_to_make(self) -> bool {
        matches!(self, Self::Rsa { .. })
    }
}

/// Why a key could not be made or was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRejected {
    /// Not a size that is offered.
    #[error("the size of the key is not one of RSA 2048, 3072, 4096 or oct 128, 192, 256")]
    Size,
    /// The public exponent is 1, even, or longer than 32 bits.
    #[error("the public exponent is not an odd number from 3 to 4294967295")]
    Exponent,
    /// The factors of an RSA key are no primes, not of half the modulus' length, or too close to each other.
    #[error("the factors of the key are not two primes of half its size that are far apart")]
    Weak,
    /// A symmetric key of one byte again and again.
    #[error("the key is one byte again and again, which is no key: make one at random")]
    Repeated,
    /// Parts do not fit together, a point is not on its curve, or a part is missing.
    #[error("the parts of the key are malformed or do not belong together")]
    Inconsistent,
    /// No randomness, or AWS-LC refused to make one.
    #[error("no key could be made")]
    Generation,
}

impl From<EntropyError> for KeyRejected {
    fn from(_: EntropyError) -> Self {
        Self::Generation
    }
}

/// Why an operation was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// The algorithm is not one of this type or size of key.
    #[error("the algorithm does not fit the key")]
    Algorithm,
    /// The digest has not the length of the algorithm's hash.
    #[error("the digest has not the length that the algorithm asks for")]
    DigestLength,
    /// The input cannot be encrypted or wrapped: too long, or not of the length the algorithm needs.
    #[error("the value has not a length that the algorithm can take")]
    InputLength,
    /// An initialization vector, additional data or a tag is missing, unwanted or of another length.
    #[error("the iv, aad or tag is missing, not wanted by the algorithm, or of a wrong length")]
    Parameter,
    /// It failed. Of a decryption: whatever the reason.
    #[error("the operation failed")]
    Failed,
    /// The key is in a hardware token, and that did not do it.
    #[error(transparent)]
    Token(TokenTrouble),
}

impl From<TokenTrouble> for OperationError {
    fn from(trouble: TokenTrouble) -> Self {
        if trouble == TokenTrouble::Refused { Self::Failed } else { Self::Token(trouble) }
    }
}

/// A private or symmetric key, opened. Overwritten when dropped; has no `Debug`, `Clone` or `Serialize`.
pub struct PrivateKey(Opened);

enum Opened {
    Rsa { bits: u16, signing: Box<rsa::KeyPair>, decrypting: Box<rsa::PrivateDecryptingKey> },
    Ec { curve: Curve, pair: Box<EcdsaKeyPair> },
    Oct(SymmetricKey),
    Token(InToken),
}

/// A key that was just made or imported: what to seal, and what everybody may know.
pub struct NewKey {
    /// What it is.
    pub spec: KeySpec,
    /// PKCS#8 (RFC 5208) of an asymmetric key, the bytes of a symmetric one or, marked, the seed of one made here. Of a
    /// key in a token its id there, and what its objects are known by.
    pub private: Plaintext,
    /// The public half; none of a symmetric key.
    pub public: Option<PublicKey>,
}

/// Makes a key. RSA takes from tenths of seconds to seconds of one core.
///
/// # Errors
/// [`KeyRejected::Size`] and [`KeyRejected::Generation`].
pub fn generate(spec: KeySpec, entropy: &dyn Entropy) -> Result<NewKey, KeyRejected> {
    match spec {
        KeySpec::Rsa { bits } => {
            let size = match bits {
                2048 => rsa::KeySize::Rsa2048,
                3072 => rsa::KeySize::Rsa3072,
                4096 => rsa::KeySize::Rsa4096,
                _ => return Err(KeyRejected::Size),
            };
            of_rsa(&rsa::KeyPair::generate(size).map_err(|_| KeyRejected::Generation)?)
        }
        KeySpec::Ec { crv } => of_ec(crv, &EcdsaKeyPair::generate(crv.signing()).map_err(|_| KeyRejected::Generation)?),
        KeySpec::Oct { bits } => {
            let KeySpec::Oct { .. } = KeySpec::oct(u64::from(bits)).ok_or(KeyRejected::Size)? else {
                return Err(KeyRejected::Size);
            };
            Ok(NewKey { spec, private: oct::draw_seed(entropy)?, public: None })
        }
    }
}

fn of_rsa(pair: &rsa::KeyPair) -> Result<NewKey, KeyRejected> {
    let spec = u64::try_from(pair.public_modulus_len() * 8).ok().and_then(KeySpec::rsa).ok_or(KeyRejected::Size)?;
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map_err(|_| KeyRejected::Generation)?;
    let public = pair.public_key();
    let (n, e) = (public.modulus().big_endian_without_leading_zero(), public.exponent());
    let public = PublicKey::Rsa { n: n.to_vec(), e: e.big_endian_without_leading_zero().to_vec() };
    Ok(NewKey { spec, private: Plaintext::from_slice(der.as_ref()), public: Some(public) })
}

fn of_ec(curve: Curve, pair: &EcdsaKeyPair) -> Result<NewKey, KeyRejected> {
    let der = pair.to_pkcs8v1().map_err(|_| KeyRejected::Generation)?;
    let public = PublicKey::from_point(curve, pair.public_key().as_ref()).ok_or(KeyRejected::Generation)?;
    let private = Plaintext::from_slice(der.as_ref());
    Ok(NewKey { spec: KeySpec::Ec { crv: curve }, private, public: Some(public) })
}

impl PrivateKey {
    /// Opens what [`generate`] or an import gave, for operations. Costs about as much as a signature.
    ///
    /// # Errors
    /// [`KeyRejected::Inconsistent`] when it is not a key of this specification.
    pub fn open(spec: KeySpec, private: &Plaintext) -> Result<Self, KeyRejected> {
        let rejected = |_| KeyRejected::Inconsistent;
        let opened = match spec {
            KeySpec::Rsa { bits } => {
                let signing = rsa::KeyPair::from_pkcs8(private.expose()).map_err(rejected)?;
                if signing.public_modulus_len() * 8 != usize::from(bits) {
                    return Err(KeyRejected::Inconsistent);
                }
                let decrypting = rsa::PrivateDecryptingKey::from_pkcs8(private.expose()).map_err(rejected)?;
                Opened::Rsa { bits, signing: Box::new(signing), decrypting: Box::new(decrypting) }
            }
            KeySpec::Ec { crv } => {
                let pair = EcdsaKeyPair::from_pkcs8(crv.signing(), private.expose()).map_err(rejected)?;
                Opened::Ec { curve: crv, pair: Box::new(pair) }
            }
            KeySpec::Oct { bits } => {
                Opened::Oct(SymmetricKey::open(bits, private.expose()).ok_or(KeyRejected::Inconsistent)?)
            }
        };
        Ok(Self(opened))
    }

    /// What the key is.
    #[must_use]
    pub fn spec(&self) -> KeySpec {
        match &self.0 {
            Opened::Rsa { bits, .. } => KeySpec::Rsa { bits: *bits },
            Opened::Ec { curve, .. } => KeySpec::Ec { crv: *curve },
            Opened::Oct(key) => KeySpec::Oct { bits: key.bits() },
            Opened::Token(key) => key.spec,
        }
    }
}
