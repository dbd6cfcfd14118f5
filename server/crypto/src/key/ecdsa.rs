//! The two forms of elliptic signatures: `r ‖ s` of fixed length, as JSON Web Signatures and Azure have it
//! (RFC 7518, section 3.4), and a sequence of two numbers, as X.509, TLS and OpenSSL have it (RFC 3279, section
//! 2.2.3). Public numbers both: nothing here is secret.

use der::{Decode as _, Encode as _, Sequence, asn1::UintRef};

use super::SignAlgorithm;

/// `ECDSA-Sig-Value`.
#[derive(Sequence)]
struct Numbers<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

impl SignAlgorithm {
    /// Bytes of each of the two numbers of an elliptic signature; none for other algorithms, whose signatures
    /// have one form alone.
    fn number_bytes(self) -> Option<usize> {
        Some(match self {
            Self::Es256 | Self::Es256K => 32,
            Self::Es384 => 48,
            Self::Es512 => 66,
            _ => return None,
        })
    }

    /// An elliptic signature `r ‖ s` in DER; none for what is no such signature of this algorithm.
    #[must_use]
    pub fn signature_to_der(self, raw: &[u8]) -> Option<Vec<u8>> {
        let bytes = self.number_bytes()?;
        let (r, s) = raw.split_at_checked(bytes).filter(|(_, s)| s.len() == bytes)?;
        Numbers { r: UintRef::new(r).ok()?, s: UintRef::new(s).ok()? }.to_der().ok()
    }

    /// An elliptic signature in DER as `r ‖ s`; none for what is no such signature of this algorithm.
    #[must_use]
    pub fn signature_from_der(self, der: &[u8]) -> Option<Vec<u8>> {
        let bytes = self.number_bytes()?;
        let Numbers { r, s } = Numbers::from_der(der).ok()?;
        let mut raw = Vec::with_capacity(bytes.saturating_mul(2));
        for number in [r, s] {
            let zeros = bytes.checked_sub(number.as_bytes().len())?;
            raw.resize(raw.len().saturating_add(zeros), 0);
            raw.extend_from_slice(number.as_bytes());
        }
        Some(raw)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const ELLIPTIC: [(SignAlgorithm, usize); 4] = [
        (SignAlgorithm::Es256, 64),
        (SignAlgorithm::Es256K, 64),
        (SignAlgorithm::Es384, 96),
        (SignAlgorithm::Es512, 132),
    ];

    proptest! {
        #[test]
        fn both_forms_say_the_same(bytes in vec(any::<u8>(), 132), zeros in 0..132_usize) {
            for (algorithm, length) in ELLIPTIC {
                let mut raw = bytes[..length].to_vec();
                raw[..zeros.min(length)].fill(0);
                let der = algorithm.signature_to_der(&raw).unwrap();
                prop_assert_eq!(algorithm.signature_from_der(&der), Some(raw));
            }
        }

        #[test]
        fn what_is_no_signature_is_none(bytes in vec(any::<u8>(), 0..200)) {
            for (algorithm, length) in ELLIPTIC {
                if let Some(raw) = algorithm.signature_from_der(&bytes) {
                    prop_assert_eq!(algorithm.signature_to_der(&raw), Some(bytes.clone()), "there is one DER");
                }
                prop_assert_eq!(algorithm.signature_to_der(&bytes).is_some(), bytes.len() == length);
            }
        }
    }

    #[test]
    fn numbers_too_large_for_the_curve_and_other_algorithms_have_no_other_form() {
        let der = SignAlgorithm::Es384.signature_to_der(&[0xff; 96]).unwrap();
        assert_eq!(SignAlgorithm::Es256.signature_from_der(&der), None);
        assert_eq!(SignAlgorithm::Rs256.signature_to_der(&[1; 256]), None);
        assert_eq!(SignAlgorithm::Hs256.signature_from_der(&der), None);
    }
}
