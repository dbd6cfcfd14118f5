//! What PKCS#12 and PKCS#8 are encrypted with: schemes of a password, modern (RFC 8018) and legacy (RFC 7292, appendix C).
//!
//! Every round is paid for before it is done, and what is decrypted is zeroized. What comes out tells a wrong password from
//! a document that was changed: of a key that is not the one nothing comes out that is in every safe and in every private
//! key.

use std::num::NonZeroU32;

use aws_lc_rs::{
    cipher::{AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey},
    digest, hmac,
    iv::FixedLength,
    pbkdf2,
};
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _, block_padding::NoPadding};
use x509_parser::der_parser::ber::BerObject;
use zeroize::Zeroizing;

use super::{
    import::ImportError,
    pfx::{Opener, bytes, object, oid, parts, rounds},
};

const PBES2: &str = "1.2.840.113549.1.5.13";
const PBKDF2: &str = "1.2.840.113549.1.5.12";
const SHA1_3DES: &str = "1.2.840.113549.1.12.1.3";
const SHA1_2DES: &str = "1.2.840.113549.1.12.1.4";
const SHA1_RC2_128: &str = "1.2.840.113549.1.12.1.5";
const SHA1_RC2_40: &str = "1.2.840.113549.1.12.1.6";
const TRIPLE_DES: &str = "1.2.840.113549.3.7";

/// Octets that stand in whatever is encrypted in such documents: the arcs of PKCS and of ANSI X9.62, the exponent that
/// nearly every RSA key has, and what stands before a private number of 32, 48 or 66 octets (RFC 5915). Too long to come
/// about by themselves.
const MARKS: [&[u8]; 6] = [
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d],
    &[0x02, 0x03, 0x01, 0x00, 0x01],
    &[0x02, 0x01, 0x01, 0x04, 0x20],
    &[0x02, 0x01, 0x01, 0x04, 0x30],
    &[0x02, 0x01, 0x01, 0x04, 0x42],
];

/// What is not opened here, by its name.
fn refused(oid: &str) -> ImportError {
    ImportError::Cipher(match oid {
        "1.2.840.113549.1.12.1.1" => "RC4 of 128 bits".to_owned(),
        "1.2.840.113549.1.12.1.2" => "RC4 of 40 bits".to_owned(),
        "1.2.840.113549.1.5.1" => "DES with MD2".to_owned(),
        "1.2.840.113549.1.5.3" => "DES with MD5".to_owned(),
        "1.2.840.113549.1.5.4" => "RC2 with MD2".to_owned(),
        "1.2.840.113549.1.5.6" => "RC2 with MD5".to_owned(),
        "1.2.840.113549.1.5.10" => "DES with SHA-1".to_owned(),
        "1.2.840.113549.1.5.11" => "RC2 of 64 bits with SHA-1".to_owned(),
        "1.2.840.113549.1.5.14" => "PBMAC1".to_owned(),
        "1.2.840.113549.3.2" => "RC2".to_owned(),
        "1.2.840.113549.3.4" => "RC4".to_owned(),
        "1.2.840.113549.2.5" => "MD5".to_owned(),
        "1.3.14.3.2.7" => "DES".to_owned(),
        "1.2.392.200011.61.1.1.1.2" => "Camellia of 128 bits".to_owned(),
        "1.2.392.200011.61.1.1.1.3" => "Camellia of 192 bits".to_owned(),
        "1.2.392.200011.61.1.1.1.4" => "Camellia of 256 bits".to_owned(),
        "1.2.410.200004.1.4" => "SEED".to_owned(),
        "1.3.6.1.4.1.11591.4.11" => "scrypt".to_owned(),
        "2.16.840.1.101.3.4.2.7" => "SHA3-224".to_owned(),
        "2.16.840.1.101.3.4.2.8" => "SHA3-256".to_owned(),
        "2.16.840.1.101.3.4.2.9" => "SHA3-384".to_owned(),
        "2.16.840.1.101.3.4.2.10" => "SHA3-512".to_owned(),
        other => format!("the algorithm {other}"),
    })
}

pub(super) fn hash(oid: &str) -> Result<(&'static digest::Algorithm, hmac::Algorithm), ImportError> {
    Ok(match oid {
        "1.3.14.3.2.26" => (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        "2.16.840.1.101.3.4.2.4" => (&digest::SHA224, hmac::HMAC_SHA224),
        "2.16.840.1.101.3.4.2.1" => (&digest::SHA256, hmac::HMAC_SHA256),
        "2.16.840.1.101.3.4.2.2" => (&digest::SHA384, hmac::HMAC_SHA384),
        "2.16.840.1.101.3.4.2.3" => (&digest::SHA512, hmac::HMAC_SHA512),
        other => return Err(refused(other)),
    })
}

/// RFC 7292, appendix B.2.
pub(super) fn derive(
    hash: &'static digest::Algorithm,
    purpose: u8,
    (password, salt): (&[u8], &[u8]),
    rounds: NonZeroU32,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let block = hash.block_len();
    let filled = |bytes: &[u8]| {
        let whole = bytes.len().div_ceil(block) * block;
        Zeroizing::new(bytes.iter().copied().cycle().take(whole).collect::<Vec<u8>>())
    };
    let mut input = Zeroizing::new([filled(salt).as_slice(), &filled(password)].concat());
    let mut key = Zeroizing::new(Vec::with_capacity(length + digest::MAX_OUTPUT_LEN));
    while key.len() < length {
        let mut context = digest::Context::new(hash);
        context.update(&vec![purpose; block]);
        context.update(&input);
        let mut last = context.finish();
        for _ in 1..rounds.get() {
            last = digest::digest(hash, last.as_ref());
        }
        key.extend_from_slice(last.as_ref());
        // Each block of the input, plus the digest repeated to a block, plus one.
        for part in input.chunks_mut(block) {
            let mut carry = 1u16;
            let step: Vec<u8> = last.as_ref().iter().copied().cycle().take(part.len()).collect();
            for (byte, added) in part.iter_mut().zip(step).rev() {
                let sum = u16::from(*byte) + u16::from(added) + carry;
                *byte = u8::try_from(sum & 0xff).unwrap_or_default();
                carry = sum >> 8;
            }
        }
    }
    key.truncate(length);
    key
}

/// Blocks that were chained, with whatever was put behind the last octet.
fn unchained<C>(key: &[u8], vector: &[u8], content: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError>
where
    cbc::Decryptor<C>: cbc::cipher::KeyIvInit + cbc::cipher::BlockModeDecrypt,
    C: cbc::cipher::BlockCipherDecrypt,
{
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, vector).map_err(|_| ImportError::Damaged)?;
    let mut opened = Zeroizing::new(content.to_vec());
    cipher.decrypt_padded::<NoPadding>(&mut opened).map_err(|_| ImportError::Damaged)?;
    Ok(opened)
}

/// How much stands before the padding (RFC 8018, section 6.1.1), if it is one.
fn unpadded(opened: &[u8], block: usize) -> Option<usize> {
    let last = opened.last()?;
    let count = Some(usize::from(*last)).filter(|count| (1..=block).contains(count))?;
    let kept = opened.len().checked_sub(count)?;
    opened.get(kept..)?.iter().all(|octet| octet == last).then_some(kept)
}

/// What was decrypted, if it was encrypted by the same password.
fn meant(mut opened: Zeroizing<Vec<u8>>, block: usize) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let marked = MARKS.iter().any(|mark| opened.windows(mark.len()).any(|window| window == *mark));
    let kept = unpadded(&opened, block);
    if let Some(kept) = kept {
        opened.truncate(kept);
    }
    // Keys of other sorts have none of the marks.
    let is_document = || object(&opened).is_ok_and(|document| parts(&document).is_ok());
    match kept {
        Some(_) if marked || is_document() => Ok(opened),
        None if marked => Err(ImportError::Changed),
        _ => Err(ImportError::Password),
    }
}

impl Opener {
    /// Pays for rounds before they are done.
    pub(super) fn pay(&mut self, rounds: NonZeroU32, times: usize) -> Result<(), ImportError> {
        let cost = u32::try_from(times).ok().and_then(|times| rounds.get().checked_mul(times));
        self.left = cost.and_then(|cost| self.left.checked_sub(cost)).ok_or(ImportError::TooSlow)?;
        Ok(())
    }

    pub(super) fn decrypt(
        &mut self,
        scheme: &BerObject<'_>,
        content: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let [kind, parameters] = parts(scheme)? else { return Err(ImportError::Damaged) };
        let opened = match oid(kind)?.as_str() {
            PBES2 => self.modern(parts(parameters)?, content),
            SHA1_3DES => self.legacy::<des::TdesEde3>(parts(parameters)?, content, 24),
            SHA1_2DES => self.legacy::<des::TdesEde2>(parts(parameters)?, content, 16),
            SHA1_RC2_128 => self.legacy::<rc2::Rc2>(parts(parameters)?, content, 16),
            SHA1_RC2_40 => self.legacy::<rc2::Rc2>(parts(parameters)?, content, 5),
            other => Err(refused(other)),
        };
        self.opened |= matches!(opened, Ok(_) | Err(ImportError::Changed));
        opened
    }

    /// RFC 8018, section 6.2, with PBKDF2, and AES or Triple DES.
    fn modern(&mut self, parameters: &[BerObject<'_>], content: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let [derivation, cipher] = parameters else { return Err(ImportError::Damaged) };
        let [kind, derivation] = parts(derivation)? else { return Err(ImportError::Damaged) };
        let kind = oid(kind)?;
        if kind != PBKDF2 {
            return Err(refused(&kind));
        }
        let [salt, count, rest @ ..] = parts(derivation)? else { return Err(ImportError::Damaged) };
        let function = match rest.iter().find_map(|part| part.as_sequence().ok()) {
            Some(said) => oid(said.first().ok_or(ImportError::Damaged)?)?,
            None => "1.2.840.113549.2.7".to_owned(),
        };
        let (function, output) = match function.as_str() {
            "1.2.840.113549.2.7" => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
            "1.2.840.113549.2.9" => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
            "1.2.840.113549.2.10" => (pbkdf2::PBKDF2_HMAC_SHA384, 48),
            "1.2.840.113549.2.11" => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
            other => return Err(refused(other)),
        };
        let [cipher, vector] = parts(cipher)? else { return Err(ImportError::Damaged) };
        let (aes, length): (_, usize) = match oid(cipher)?.as_str() {
            "2.16.840.1.101.3.4.1.2" => (Some(&AES_128), 16),
            "2.16.840.1.101.3.4.1.22" => (Some(&AES_192), 24),
            "2.16.840.1.101.3.4.1.42" => (Some(&AES_256), 32),
            TRIPLE_DES => (None, 24),
            other => return Err(refused(other)),
        };
        let (salt, count, vector) = (bytes(salt)?, rounds(count)?, bytes(vector)?);
        self.pay(count, length.div_ceil(output))?;
        let mut key = Zeroizing::new(vec![0; length]);
        pbkdf2::derive(function, count, salt, &self.utf8, &mut key);
        let Some(aes) = aes else { return meant(unchained::<des::TdesEde3>(&key, vector, content)?, 8) };
        let vector: [u8; 16] = vector.try_into().map_err(|_| ImportError::Damaged)?;
        let key = UnboundCipherKey::new(aes, &key).and_then(DecryptingKey::cbc).map_err(|_| ImportError::Damaged)?;
        let mut opened = Zeroizing::new(content.to_vec());
        let vector = DecryptionContext::Iv128(FixedLength::from(vector));
        key.decrypt(&mut opened, vector).map_err(|_| ImportError::Damaged)?;
        meant(opened, 16)
    }

    /// RFC 7292, appendix C.
    fn legacy<C>(
        &mut self,
        parameters: &[BerObject<'_>],
        content: &[u8],
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, ImportError>
    where
        cbc::Decryptor<C>: cbc::cipher::KeyIvInit + cbc::cipher::BlockModeDecrypt,
        C: cbc::cipher::BlockCipherDecrypt,
    {
        let [salt, count] = parameters else { return Err(ImportError::Damaged) };
        let (salt, count) = (bytes(salt)?, rounds(count)?);
        self.pay(count, length.div_ceil(20) + 1)?;
        let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
        let key = derive(hash, 1, (&self.bmp, salt), count, length);
        let vector = derive(hash, 2, (&self.bmp, salt), count, 8);
        meant(unchained::<C>(&key, &vector, content)?, 8)
    }
}
