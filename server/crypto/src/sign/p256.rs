//! P-256 key pairs from the caller's randomness, as PKCS#8.
//!
//! Shared by token signing and development certificates. Must never reduce a draw modulo the group
//! order: a draw that is out of range is thrown away (FIPS 186-5, appendix A.2.2).

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use zeroize::Zeroizing;

use super::SignerError;
use crate::entropy::{Entropy, draw_key};

/// One draw in 2^32 is out of range; this many in a row mean that the source is broken.
const MAX_DRAWS: usize = 8;

/// Draws a key pair.
pub(crate) fn generate(entropy: &dyn Entropy) -> Result<EcdsaKeyPair, SignerError> {
    for _ in 0..MAX_DRAWS {
        if let Some(pair) = from_scalar(&*draw_key(entropy)?) {
            return Ok(pair);
        }
    }
    Err(SignerError::Rejected)
}

/// The private key as PKCS#8 version 1 (RFC 5208), with the public key inside.
pub(crate) fn to_pkcs8(pair: &EcdsaKeyPair) -> Result<Zeroizing<Vec<u8>>, SignerError> {
    let document = pair.to_pkcs8v1().map_err(|_| SignerError::Rejected)?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

/// The coordinates of the public point.
pub(crate) fn public_point(pair: &EcdsaKeyPair) -> Result<([u8; 32], [u8; 32]), SignerError> {
    // Uncompressed form (SEC 1 section 2.3.3): 4 ‖ x ‖ y.
    let point: &[u8; 65] = pair.public_key().as_ref().try_into().map_err(|_| SignerError::Rejected)?;
    let (x, y) = point.strip_prefix(&[4]).and_then(|xy| xy.split_at_checked(32)).ok_or(SignerError::Rejected)?;
    match (x.try_into(), y.try_into()) {
        (Ok(x), Ok(y)) => Ok((x, y)),
        _ => Err(SignerError::Rejected),
    }
}

/// The pair of a private scalar, or nothing if it is zero or not below the group order.
fn from_scalar(scalar: &[u8; 32]) -> Option<EcdsaKeyPair> {
    let public = PrivateKey::from_private_key(&ECDH_P256, scalar).ok()?.compute_public_key().ok()?;
    EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, scalar, public.as_ref()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{EntropyError, SeededEntropy};
    use data_encoding::HEXUPPER;

    struct Constant(u8);

    impl Entropy for Constant {
        fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
            out.fill(self.0);
            Ok(())
        }
    }

    /// RFC 6979 appendix A.2.5: the private key and its public point.
    #[test]
    fn the_public_point_is_the_one_of_rfc_6979() {
        let scalar: [u8; 32] = HEXUPPER
            .decode(b"C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
            .unwrap()
            .try_into()
            .unwrap();
        let (x, y) = public_point(&from_scalar(&scalar).unwrap()).unwrap();
        assert_eq!(HEXUPPER.encode(&x), "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6");
        assert_eq!(HEXUPPER.encode(&y), "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299");
    }

    #[test]
    fn a_draw_out_of_range_is_thrown_away() {
        let order: [u8; 32] = HEXUPPER
            .decode(b"FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551")
            .unwrap()
            .try_into()
            .unwrap();
        let mut below = order;
        below[31] -= 1;
        assert!(from_scalar(&[0; 32]).is_none());
        assert!(from_scalar(&[0xff; 32]).is_none());
        assert!(from_scalar(&order).is_none());
        assert!(from_scalar(&below).is_some());
    }

    #[test]
    fn a_broken_source_ends_in_an_error_not_in_a_loop() {
        assert_eq!(generate(&Constant(0)).err(), Some(SignerError::Rejected));
        assert_eq!(generate(&Constant(0xff)).err(), Some(SignerError::Rejected));
    }

    #[test]
    fn keys_follow_the_source() {
        let point = |seed| public_point(&generate(&SeededEntropy::new(seed)).unwrap()).unwrap();
        assert_eq!(point(1), point(1));
        assert_ne!(point(1), point(2));
    }
}
