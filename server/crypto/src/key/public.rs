//! The public half of an asymmetric key.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm},
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Curve, SignAlgorithm};

/// The public half of a key. Written as the members of a JSON Web Key (RFC 7518, section 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    /// RSA.
    #[serde(rename = "RSA", alias = "RSA-HSM")]
    Rsa {
        /// Modulus, big endian without leading zeros.
        #[serde(serialize_with = "write", deserialize_with = "read")]
        n: Vec<u8>,
        /// Exponent, big endian without leading zeros.
        #[serde(serialize_with = "write", deserialize_with = "read")]
        e: Vec<u8>,
    },
    /// A point on a curve.
    #[serde(rename = "EC", alias = "EC-HSM")]
    Ec {
        /// Which curve.
        crv: Curve,
        /// Coordinate, as long as the field.
        #[serde(serialize_with = "write", deserialize_with = "read")]
        x: Vec<u8>,
        /// Coordinate, as long as the field.
        #[serde(serialize_with = "write", deserialize_with = "read")]
        y: Vec<u8>,
    },
}

fn write<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64URL_NOPAD.encode(bytes))
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| serde::de::Error::custom("not base64url"))
}

impl PublicKey {
    /// From the uncompressed form of a point (SEC 1, section 2.3.3): 4 ‖ x ‖ y. Whether it is on the curve is not looked at.
    #[must_use]
    pub fn from_point(crv: Curve, point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[4])?.split_at_checked(crv.field_len())?;
        (y.len() == crv.field_len()).then(|| Self::Ec { crv, x: x.to_vec(), y: y.to_vec() })
    }

    /// A short name of the key, the same wherever it stands: SHA-256 of the members that say which key it is, in
    /// base64url, as RFC 7638 has it.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        crate::sign::thumbprint(&match self {
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(e), text(n)),
            Self::Ec { crv, x, y } => {
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, crv.as_str(), text(x), text(y))
            }
        })
    }

    /// The same of what whoever has the key has with it. Of RSA the modulus, whatever the exponent, because who knows both
    /// exponents of one pair knows its factors; of a point the curve and x, which the negated key has too.
    #[must_use]
    pub fn kinship(&self) -> String {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        crate::sign::thumbprint(&match self {
            Self::Rsa { n, .. } => format!(r#"{{"kty":"RSA","n":"{}"}}"#, text(n)),
            Self::Ec { crv, x, .. } => format!(r#"{{"crv":"{}","kty":"EC","x":"{}"}}"#, crv.as_str(), text(x)),
        })
    }

    /// Whether whoever has the one key has the other.
    #[must_use]
    pub fn is_kin_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rsa { n, .. }, Self::Rsa { n: its, .. }) => n == its,
            (Self::Ec { crv, x, .. }, Self::Ec { crv: its, x: its_x, .. }) => (crv, x) == (its, its_x),
            _ => false,
        }
    }

    pub(super) fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
        [&[4], x, y].concat()
    }

    /// Whether a signature over a digest is this key's. A signature that is malformed is none.
    ///
    /// # Errors
    /// When the algorithm is not one of the key, or the digest is not as long as its hash gives.
    pub fn verify(
        &self,
        algorithm: SignAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, super::OperationError> {
        let digest = super::asymmetric::digest_of(algorithm, digest)?;
        let verified = match (self, verification(algorithm)) {
            (Self::Rsa { n, e }, Some(Verification::Rsa(parameters))) => {
                let components = RsaPublicKeyComponents { n: n.as_slice(), e: e.as_slice() };
                components
                    .to_parsed_public_key(parameters)
                    .map_err(|_| super::OperationError::Failed)?
                    .verify_digest_sig(&digest, signature)
            }
            (Self::Ec { crv, x, y }, Some(Verification::Ec(curve, verification))) if *crv == curve => {
                UnparsedPublicKey::new(verification, Self::point(x, y)).verify_digest(&digest, signature)
            }
            _ => return Err(super::OperationError::Algorithm),
        };
        Ok(verified.is_ok())
    }

    /// The same as [`Self::spki`] in PEM (RFC 7468 section 13), without a line end.
    ///
    /// # Errors
    /// When the parts are not a key.
    pub fn pem(&self) -> Result<String, super::KeyRejected> {
        let text = data_encoding::BASE64.encode(&self.spki()?);
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n")))
    }

    /// `SubjectPublicKeyInfo` (RFC 5280) in DER.
    ///
    /// # Errors
    /// When the parts are not a key.
    pub fn spki(&self) -> Result<Vec<u8>, super::KeyRejected> {
        let rejected = |_| super::KeyRejected::Inconsistent;
        let der = match self {
            Self::Rsa { n, e } => {
                let components = RsaPublicKeyComponents { n: n.as_slice(), e: e.as_slice() };
                let parsed =
                    components.to_parsed_public_key(&signature::RSA_PKCS1_2048_8192_SHA256).map_err(rejected)?;
                AsDer::<PublicKeyX509Der<'_>>::as_der(&parsed)
            }
            Self::Ec { crv, x, y } => {
                let parsed = UnparsedPublicKey::new(ec_verification(*crv), Self::point(x, y))
                    .parse()
                    .map_err(|_| super::KeyRejected::Inconsistent)?;
                AsDer::<PublicKeyX509Der<'_>>::as_der(&parsed)
            }
        };
        Ok(der.map_err(|_| super::KeyRejected::Inconsistent)?.as_ref().to_vec())
    }
}

enum Verification {
    Rsa(&'static signature::RsaParameters),
    Ec(Curve, &'static dyn VerificationAlgorithm),
}

fn ec_verification(curve: Curve) -> &'static dyn VerificationAlgorithm {
    match curve {
        Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
        Curve::P256K => &signature::ECDSA_P256K1_SHA256_FIXED,
        Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED,
    }
}

fn verification(algorithm: SignAlgorithm) -> Option<Verification> {
    use SignAlgorithm::{Es256, Es256K, Es384, Es512, Hs256, Hs384, Hs512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let rsa = Verification::Rsa;
    let ec = |curve| Verification::Ec(curve, ec_verification(curve));
    Some(match algorithm {
        Rs256 => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        Rs384 => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        Rs512 => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        Ps256 => rsa(&signature::RSA_PSS_2048_8192_SHA256),
        Ps384 => rsa(&signature::RSA_PSS_2048_8192_SHA384),
        Ps512 => rsa(&signature::RSA_PSS_2048_8192_SHA512),
        Es256 => ec(Curve::P256),
        Es256K => ec(Curve::P256K),
        Es384 => ec(Curve::P384),
        Es512 => ec(Curve::P521),
        Hs256 | Hs384 | Hs512 => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One leaked pair gives the private half of every other exponent, and of the negated point.
    #[test]
    fn keys_that_give_each_other_away_are_kin_and_no_others() {
        let rsa = |n: u8, e: u8| PublicKey::Rsa { n: vec![n], e: vec![e] };
        let point = |crv, x: u8, y: u8| PublicKey::Ec { crv, x: vec![x], y: vec![y] };
        let (one, negated) = (point(Curve::P256, 1, 2), point(Curve::P256, 1, 3));
        for (this, other) in [(rsa(7, 3), rsa(7, 5)), (one.clone(), negated)] {
            assert!(this.is_kin_of(&other) && this.kinship() == other.kinship());
            assert_ne!(this.thumbprint(), other.thumbprint());
        }
        let strangers = [(rsa(7, 3), rsa(9, 3)), (one.clone(), point(Curve::P256, 2, 2)), (one.clone(), rsa(1, 2))];
        for (this, other) in strangers.into_iter().chain([(one, point(Curve::P256K, 1, 2))]) {
            assert!(!this.is_kin_of(&other) && this.kinship() != other.kinship());
        }
    }
}
