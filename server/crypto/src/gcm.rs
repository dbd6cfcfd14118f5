//! AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces: `nonce ‖ ciphertext ‖ tag`.
//!
//! A key that seals with random nonces may seal at most 2^32 messages (SP 800-38D section 8.3):
//! value keys seal one message each, and a vault key wraps one data key per stored version.
//! Must never give out bytes whose tag did not match.

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit, Nonce, Tag};
use zeroize::Zeroizing;

use crate::entropy::{Entropy, draw};
use crate::envelope::{MAX_PLAINTEXT_LEN, SealError};

/// Bytes of the nonce in front.
pub(crate) const NONCE_LEN: usize = 12;
/// Bytes of the authentication tag at the end.
pub(crate) const TAG_LEN: usize = 16;
/// Bytes a sealed message is longer than its plaintext.
pub(crate) const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// The tag did not match, or the message cannot have been sealed here.
pub(crate) struct Forged;

/// Expands a key once, for callers that use it often.
pub(crate) fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

/// Seals `plaintext` and puts `header` in front, in the clear (authenticate it in `associated`).
pub(crate) fn seal(
    cipher: &Aes256Gcm,
    header: &[u8],
    associated: &[u8],
    plaintext: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    seal_up_to(MAX_PLAINTEXT_LEN, cipher, header, associated, plaintext, entropy)
}

/// The same for messages that may be of another length.
pub(crate) fn seal_up_to(
    limit: usize,
    cipher: &Aes256Gcm,
    header: &[u8],
    associated: &[u8],
    plaintext: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    if plaintext.len() > limit {
        return Err(SealError::TooLong);
    }
    let nonce: [u8; NONCE_LEN] = draw(entropy)?;
    let mut body = Zeroizing::new(plaintext.to_vec());
    let tag = cipher
        .encrypt_inout_detached(&Nonce::from(nonce), associated, InOutBuf::from(body.as_mut_slice()))
        .map_err(|_| SealError::TooLong)?;
    let mut out = Vec::with_capacity(header.len() + OVERHEAD + body.len());
    out.extend_from_slice(header);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&body);
    out.extend_from_slice(&tag);
    Ok(out)
}

/// Opens `nonce ‖ ciphertext ‖ tag`.
pub(crate) fn open(cipher: &Aes256Gcm, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Forged> {
    open_up_to(MAX_PLAINTEXT_LEN, cipher, associated, sealed)
}

/// The same for messages that may be of another length.
pub(crate) fn open_up_to(
    limit: usize,
    cipher: &Aes256Gcm,
    associated: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Forged> {
    if sealed.len() > limit + OVERHEAD {
        return Err(Forged);
    }
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Forged)?;
    let (body, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(Forged)?;
    let mut plaintext = Zeroizing::new(body.to_vec());
    cipher
        .decrypt_inout_detached(
            &Nonce::from(*nonce),
            associated,
            InOutBuf::from(plaintext.as_mut_slice()),
            &Tag::from(*tag),
        )
        .map_err(|_| Forged)?;
    Ok(plaintext)
}

/// Opens a sealed 256-bit key.
pub(crate) fn open_key(cipher: &Aes256Gcm, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<[u8; 32]>, Forged> {
    let bytes = open(cipher, associated, sealed)?;
    let key: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| Forged)?;
    Ok(Zeroizing::new(*key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::EntropyError;
    use data_encoding::HEXLOWER;

    /// Gives the nonce of a published vector.
    struct Fixed([u8; NONCE_LEN]);

    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
            out.copy_from_slice(&self.0);
            Ok(())
        }
    }

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// Test cases 13, 14 and 16 (256-bit keys) of the submission of GCM to NIST.
    #[test]
    fn gcm_gives_the_vectors_of_its_specification() {
        let zero = "0000000000000000000000000000000000000000000000000000000000000000";
        let cases = [
            (zero, "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
            (
                zero,
                "000000000000000000000000",
                "",
                "00000000000000000000000000000000",
                "cea7403d4d606b6e074ec5d3baf39d18",
                "d0d1c8a799996bf0265b98b5d48ab919",
            ),
            (
                "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
                "cafebabefacedbaddecaf888",
                "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
                "76fc6ece0f4e1768cddf8853bb2d551b",
            ),
        ];
        for (key, nonce, associated, plaintext, ciphertext, tag) in cases {
            let cipher = cipher(&hex(key).try_into().unwrap());
            let entropy = Fixed(hex(nonce).try_into().unwrap());
            let sealed = seal(&cipher, b"", &hex(associated), &hex(plaintext), &entropy).unwrap();
            assert_eq!(HEXLOWER.encode(&sealed), [nonce, ciphertext, tag].concat());
            let opened = open(&cipher, &hex(associated), &sealed).ok().unwrap();
            assert_eq!(*opened, hex(plaintext));
        }
    }

    #[test]
    fn a_sealed_key_of_another_length_is_refused() {
        let cipher = cipher(&[7; 32]);
        for length in [0, 31, 33] {
            let sealed = seal(&cipher, b"", b"", &vec![0; length], &Fixed([1; 12])).unwrap();
            assert!(open_key(&cipher, b"", &sealed).is_err());
        }
    }
}
