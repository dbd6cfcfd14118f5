//! Opening PKCS#12 (RFC 7292) and encrypted PKCS#8 of other makers, modern and legacy.
//!
//! Read here and not by `p12-keystore`, which bounds each derivation of a key but not how many there are, and leaves
//! private keys behind in memory. Here every round is paid for before it is done, and what is decrypted is zeroized.

use std::num::NonZeroU32;

use aws_lc_rs::{
    cipher::{AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    digest, hmac,
    iv::FixedLength,
    pbkdf2,
};
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _, block_padding::Pkcs7};
use x509_parser::der_parser::{ber::BerObject, der::parse_der};
use zeroize::Zeroizing;

use super::{import::ImportError, read::MAX_CHAIN};

/// Most rounds of all derivations of a document together: some seconds of one core. Windows and OpenSSL write a few
/// thousand, Firefox and Java up to some hundred thousand.
pub(super) const MAX_ROUNDS: u32 = 3_000_000;

const DATA: &str = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";
const KEY_BAG: &str = "1.2.840.113549.1.12.10.1.1";
const SHROUDED_KEY_BAG: &str = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG: &str = "1.2.840.113549.1.12.10.1.3";
const X509_CERTIFICATE: &str = "1.2.840.113549.1.9.22.1";
const PBES2: &str = "1.2.840.113549.1.5.13";
const PBKDF2: &str = "1.2.840.113549.1.5.12";
const SHA1_3DES: &str = "1.2.840.113549.1.12.1.3";
const SHA1_RC2_40: &str = "1.2.840.113549.1.12.1.6";

/// What a document holds.
#[derive(Default)]
pub(super) struct Contents {
    /// The private key in DER, decrypted.
    pub(super) key: Option<Zeroizing<Vec<u8>>>,
    /// The certificates in DER, in the order in which they stand.
    pub(super) certificates: Vec<Vec<u8>>,
}

/// A password in both forms, and how many rounds may still be done with it.
pub(super) struct Opener {
    utf8: Zeroizing<Vec<u8>>,
    /// UTF-16 with a zero behind (RFC 7292, appendix B.1).
    bmp: Zeroizing<Vec<u8>>,
    left: u32,
}

fn object(der: &[u8]) -> Result<BerObject<'_>, ImportError> {
    match parse_der(der) {
        Ok(([], object)) => Ok(object),
        _ => Err(ImportError::Damaged),
    }
}

fn parts<'a, 'b>(object: &'b BerObject<'a>) -> Result<&'b [BerObject<'a>], ImportError> {
    object.as_sequence().map(Vec::as_slice).map_err(|_| ImportError::Damaged)
}

/// The bytes of an octet string, or within a context-specific tag.
fn bytes<'a>(object: &BerObject<'a>) -> Result<&'a [u8], ImportError> {
    use x509_parser::der_parser::ber::BerObjectContent::{OctetString, Unknown};
    match &object.content {
        OctetString(bytes) => Ok(bytes),
        Unknown(any) => Ok(any.data),
        _ => Err(ImportError::Damaged),
    }
}

fn oid(object: &BerObject<'_>) -> Result<String, ImportError> {
    object.as_oid().map(|oid| oid.to_id_string()).map_err(|_| ImportError::Damaged)
}

fn rounds(object: &BerObject<'_>) -> Result<NonZeroU32, ImportError> {
    // A number that is too long for this is too many rounds.
    let number = object.as_u32().map_err(|_| ImportError::TooSlow)?;
    NonZeroU32::new(number).ok_or(ImportError::Damaged)
}

fn hash(oid: &str) -> Option<(&'static digest::Algorithm, hmac::Algorithm)> {
    Some(match oid {
        "1.3.14.3.2.26" => (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        "2.16.840.1.101.3.4.2.4" => (&digest::SHA224, hmac::HMAC_SHA224),
        "2.16.840.1.101.3.4.2.1" => (&digest::SHA256, hmac::HMAC_SHA256),
        "2.16.840.1.101.3.4.2.2" => (&digest::SHA384, hmac::HMAC_SHA384),
        "2.16.840.1.101.3.4.2.3" => (&digest::SHA512, hmac::HMAC_SHA512),
        _ => return None,
    })
}

/// RFC 7292, appendix B.2.
fn derive(
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

impl Opener {
    pub(super) fn new(password: &str) -> Self {
        let units = password.encode_utf16().chain([0]);
        let mut bmp = Zeroizing::new(Vec::with_capacity(password.len() * 2 + 2));
        bmp.extend(units.flat_map(u16::to_be_bytes));
        Self { utf8: Zeroizing::new(password.as_bytes().to_vec()), bmp, left: MAX_ROUNDS }
    }

    /// Pays for rounds before they are done.
    fn pay(&mut self, rounds: NonZeroU32, times: usize) -> Result<(), ImportError> {
        let cost = u32::try_from(times).ok().and_then(|times| rounds.get().checked_mul(times));
        self.left = cost.and_then(|cost| self.left.checked_sub(cost)).ok_or(ImportError::TooSlow)?;
        Ok(())
    }

    /// Opens PKCS#12.
    pub(super) fn pkcs12(&mut self, document: &[u8]) -> Result<Contents, ImportError> {
        let document = object(document)?;
        let (content, mac) = match parts(&document)? {
            [version, content, mac @ ..] if version.as_u32() == Ok(3) && mac.len() < 2 => (content, mac.first()),
            _ => return Err(ImportError::Damaged),
        };
        let [kind, content] = parts(content)? else { return Err(ImportError::Damaged) };
        if oid(kind)? != DATA {
            return Err(ImportError::Damaged);
        }
        let content = object(bytes(content)?)?;
        let content = bytes(&content)?;
        if let Some(mac) = mac {
            self.verify(mac, content)?;
        }
        let mut contents = Contents::default();
        for safe in parts(&object(content)?)? {
            let [kind, safe] = parts(safe)? else { return Err(ImportError::Damaged) };
            let safe = object(bytes(safe)?)?;
            match oid(kind)?.as_str() {
                DATA => self.bags(bytes(&safe)?, &mut contents)?,
                ENCRYPTED_DATA => {
                    let [_, content, ..] = parts(&safe)? else { return Err(ImportError::Damaged) };
                    let [_, scheme, content] = parts(content)? else { return Err(ImportError::Damaged) };
                    let opened = self.decrypt(scheme, bytes(content)?)?;
                    self.bags(&opened, &mut contents)?;
                }
                _ => return Err(ImportError::Damaged),
            }
        }
        Ok(contents)
    }

    /// Whether a document has the form of an encrypted private key (RFC 5958).
    pub(super) fn is_key(document: &[u8]) -> bool {
        use x509_parser::der_parser::ber::BerObjectContent::{OctetString, Sequence};
        let is_key = |document: &BerObject<'_>| match parts(document) {
            Ok([scheme, content]) => matches!((&scheme.content, &content.content), (Sequence(_), OctetString(_))),
            _ => false,
        };
        object(document).is_ok_and(|document| is_key(&document))
    }

    /// Opens an encrypted private key (RFC 5958).
    pub(super) fn key(&mut self, document: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let document = object(document)?;
        let [scheme, content] = parts(&document)? else { return Err(ImportError::Damaged) };
        self.decrypt(scheme, bytes(content)?)
    }

    fn verify(&mut self, mac: &BerObject<'_>, content: &[u8]) -> Result<(), ImportError> {
        let (expected, salt, count) = match parts(mac)? {
            [expected, salt] => (expected, salt, NonZeroU32::MIN),
            [expected, salt, count] => (expected, salt, rounds(count)?),
            _ => return Err(ImportError::Damaged),
        };
        let [algorithm, expected] = parts(expected)? else { return Err(ImportError::Damaged) };
        let algorithm = oid(parts(algorithm)?.first().ok_or(ImportError::Damaged)?)?;
        let (digest, algorithm) = hash(&algorithm).ok_or(ImportError::Damaged)?;
        let (expected, salt) = (bytes(expected)?, bytes(salt)?);
        let fits = |opener: &mut Self| {
            opener.pay(count, 1)?;
            let key = derive(digest, 3, (&opener.bmp, salt), count, digest.output_len());
            Ok::<_, ImportError>(hmac::verify(&hmac::Key::new(algorithm, &key), content, expected).is_ok())
        };
        if fits(self)? {
            return Ok(());
        }
        // No password is written as two zeros or as nothing at all.
        if self.utf8.is_empty() {
            self.bmp.clear();
            if fits(self)? {
                return Ok(());
            }
        }
        Err(ImportError::Password)
    }

    fn bags(&mut self, safe: &[u8], contents: &mut Contents) -> Result<(), ImportError> {
        for bag in parts(&object(safe)?)? {
            let [kind, value, ..] = parts(bag)? else { return Err(ImportError::Damaged) };
            let value = bytes(value)?;
            match oid(kind)?.as_str() {
                KEY_BAG | SHROUDED_KEY_BAG if contents.key.is_some() => return Err(ImportError::SeveralKeys),
                KEY_BAG => contents.key = Some(Zeroizing::new(value.to_vec())),
                SHROUDED_KEY_BAG => contents.key = Some(self.key(value)?),
                CERTIFICATE_BAG => {
                    let value = object(value)?;
                    let [form, certificate] = parts(&value)? else { return Err(ImportError::Damaged) };
                    if oid(form)? != X509_CERTIFICATE || contents.certificates.len() >= MAX_CHAIN {
                        return Err(ImportError::TooLong);
                    }
                    let certificate = object(bytes(certificate)?)?;
                    contents.certificates.push(bytes(&certificate)?.to_vec());
                }
                // Revocation lists and secrets are not certificates.
                _ => {}
            }
        }
        Ok(())
    }

    fn decrypt(&mut self, scheme: &BerObject<'_>, content: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let [kind, parameters] = parts(scheme)? else { return Err(ImportError::Damaged) };
        let parameters = parts(parameters)?;
        match oid(kind)?.as_str() {
            PBES2 => self.modern(parameters, content),
            SHA1_3DES => self.legacy::<des::TdesEde3>(parameters, content, 24),
            SHA1_RC2_40 => self.legacy::<rc2::Rc2>(parameters, content, 5),
            _ => Err(ImportError::Damaged),
        }
    }

    /// RFC 8018, section 6.2, with PBKDF2 and AES-CBC.
    fn modern(&mut self, parameters: &[BerObject<'_>], content: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let [derivation, cipher] = parameters else { return Err(ImportError::Damaged) };
        let [kind, derivation] = parts(derivation)? else { return Err(ImportError::Damaged) };
        let [salt, count, rest @ ..] = parts(derivation)? else { return Err(ImportError::Damaged) };
        if oid(kind)? != PBKDF2 {
            return Err(ImportError::Damaged);
        }
        let function = match rest.iter().find_map(|part| part.as_sequence().ok()) {
            Some(said) => oid(said.first().ok_or(ImportError::Damaged)?)?,
            None => "1.2.840.113549.2.7".to_owned(),
        };
        let (function, output) = match function.as_str() {
            "1.2.840.113549.2.7" => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
            "1.2.840.113549.2.9" => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
            "1.2.840.113549.2.10" => (pbkdf2::PBKDF2_HMAC_SHA384, 48),
            "1.2.840.113549.2.11" => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
            _ => return Err(ImportError::Damaged),
        };
        let [cipher, vector] = parts(cipher)? else { return Err(ImportError::Damaged) };
        let (cipher, length): (_, usize) = match oid(cipher)?.as_str() {
            "2.16.840.1.101.3.4.1.2" => (&AES_128, 16),
            "2.16.840.1.101.3.4.1.22" => (&AES_192, 24),
            "2.16.840.1.101.3.4.1.42" => (&AES_256, 32),
            _ => return Err(ImportError::Damaged),
        };
        let vector: [u8; 16] = bytes(vector)?.try_into().map_err(|_| ImportError::Damaged)?;
        let (salt, count) = (bytes(salt)?, rounds(count)?);
        self.pay(count, length.div_ceil(output))?;
        let mut key = Zeroizing::new(vec![0; length]);
        pbkdf2::derive(function, count, salt, &self.utf8, &mut key);
        let key = UnboundCipherKey::new(cipher, &key).and_then(PaddedBlockDecryptingKey::cbc_pkcs7);
        let key = key.map_err(|_| ImportError::Damaged)?;
        let mut opened = Zeroizing::new(content.to_vec());
        let vector = DecryptionContext::Iv128(FixedLength::from(vector));
        let length = key.decrypt(&mut opened, vector).map_err(|_| ImportError::Password)?.len();
        opened.truncate(length);
        Ok(opened)
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
        let cipher = cbc::Decryptor::<C>::new_from_slices(&key, &vector).map_err(|_| ImportError::Damaged)?;
        let mut opened = Zeroizing::new(content.to_vec());
        let length = cipher.decrypt_padded::<Pkcs7>(&mut opened).map_err(|_| ImportError::Password)?.len();
        opened.truncate(length);
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_paid_for_before_they_are_done() {
        let many = |rounds| NonZeroU32::new(rounds).unwrap();
        let mut opener = Opener::new("x");
        assert_eq!(opener.pay(many(1_000_000), 2), Ok(()));
        assert_eq!(opener.pay(many(1_000_001), 1), Err(ImportError::TooSlow), "what was done counts");
        assert_eq!(opener.pay(many(1_000_000), 1), Ok(()), "and what was refused does not");
        assert_eq!(Opener::new("x").pay(many(u32::MAX), 3), Err(ImportError::TooSlow));
    }

    /// An encrypted key (RFC 5958) that asks for four thousand million rounds of PBKDF2 (RFC 8018), cut and changed
    /// everywhere.
    #[test]
    fn a_key_that_asks_for_too_many_rounds_is_refused_however_it_is_cut_or_changed() {
        let bomb = concat!(
            "307e305a06092a864886f70d01050d304d302c06092a864886f70d01050c301f040873616c747361",
            "6c74020500ffffffff300c06082a864886f70d02090500301d060960864801650304012a04100000",
            "00000000000000000000000000000420000000000000000000000000000000000000000000000000",
            "0000000000000000",
        );
        let mut bomb = data_encoding::HEXLOWER.decode(bomb.as_bytes()).unwrap();
        assert_eq!(Opener::new("x").key(&bomb).err(), Some(ImportError::TooSlow));
        for length in 0..bomb.len() {
            assert_eq!(Opener::new("x").key(&bomb[..length]).err(), Some(ImportError::Damaged), "{length}");
            assert!(Opener::new("x").pkcs12(&bomb[..length]).is_err());
        }
        for place in 0..bomb.len() {
            bomb[place] ^= 0x80;
            let _ = Opener::new("x").key(&bomb);
            assert!(Opener::new("x").pkcs12(&bomb).is_err());
            bomb[place] ^= 0x80;
        }
    }
}
