//! Opening PKCS#12 (RFC 7292) and encrypted PKCS#8 of other makers, modern and legacy, PKCS#12 also in BER.
//!
//! Read here and not by `p12-keystore`, which bounds each derivation of a key but not how many there are, and leaves
//! private keys behind in memory. Here every round is paid for before it is done, and what is decrypted is zeroized.

use std::num::NonZeroU32;

use aws_lc_rs::hmac;
use x509_parser::der_parser::{ber::BerObject, der::parse_der};
use zeroize::Zeroizing;

use super::{
    ber::{octets_in, to_der},
    encryption::{derive, hash},
    import::ImportError,
    read::MAX_CHAIN,
};

/// Most rounds of all derivations of a document together: some seconds of one core. Windows and OpenSSL write a few
/// thousand, Firefox and Java up to some hundred thousand.
pub(super) const MAX_ROUNDS: u32 = 3_000_000;

const DATA: &str = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";
const KEY_BAG: &str = "1.2.840.113549.1.12.10.1.1";
const SHROUDED_KEY_BAG: &str = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG: &str = "1.2.840.113549.1.12.10.1.3";
const X509_CERTIFICATE: &str = "1.2.840.113549.1.9.22.1";

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
    pub(super) utf8: Zeroizing<Vec<u8>>,
    /// UTF-16 with a zero behind (RFC 7292, appendix B.1).
    pub(super) bmp: Zeroizing<Vec<u8>>,
    pub(super) left: u32,
    /// Whether the password opened anything.
    pub(super) opened: bool,
}

pub(super) fn object(der: &[u8]) -> Result<BerObject<'_>, ImportError> {
    match parse_der(der) {
        Ok(([], object)) => Ok(object),
        _ => Err(ImportError::Damaged),
    }
}

pub(super) fn parts<'a, 'b>(object: &'b BerObject<'a>) -> Result<&'b [BerObject<'a>], ImportError> {
    object.as_sequence().map(Vec::as_slice).map_err(|_| ImportError::Damaged)
}

/// The bytes of an octet string, or within a context-specific tag.
pub(super) fn bytes<'a>(object: &BerObject<'a>) -> Result<&'a [u8], ImportError> {
    use x509_parser::der_parser::ber::BerObjectContent::{OctetString, Unknown};
    match &object.content {
        OctetString(bytes) => Ok(bytes),
        Unknown(any) => Ok(any.data),
        _ => Err(ImportError::Damaged),
    }
}

pub(super) fn oid(object: &BerObject<'_>) -> Result<String, ImportError> {
    object.as_oid().map(|oid| oid.to_id_string()).map_err(|_| ImportError::Damaged)
}

pub(super) fn rounds(object: &BerObject<'_>) -> Result<NonZeroU32, ImportError> {
    // A number that is too long for this is too many rounds.
    let number = object.as_u32().map_err(|_| ImportError::TooSlow)?;
    NonZeroU32::new(number).ok_or(ImportError::Damaged)
}

impl Opener {
    pub(super) fn new(password: &str) -> Self {
        let units = password.encode_utf16().chain([0]);
        let mut bmp = Zeroizing::new(Vec::with_capacity(password.len() * 2 + 2));
        bmp.extend(units.flat_map(u16::to_be_bytes));
        Self { utf8: Zeroizing::new(password.as_bytes().to_vec()), bmp, left: MAX_ROUNDS, opened: false }
    }

    /// Opens PKCS#12.
    pub(super) fn pkcs12(&mut self, document: &[u8]) -> Result<Contents, ImportError> {
        let document = to_der(document)?;
        let document = object(&document)?;
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
        let fits = match mac {
            Some(mac) => self.fits(mac, content)?,
            None => true,
        };
        let safes = to_der(content)?;
        let safes = object(&safes)?;
        let safes = parts(&safes)?;
        if !fits {
            return Err(self.why_not(safes));
        }
        let mut contents = Contents::default();
        for safe in safes {
            self.safe(safe, &mut contents)?;
        }
        Ok(contents)
    }

    /// Why the document is not what its MAC says. With the right password something of it opens.
    fn why_not(&mut self, safes: &[BerObject<'_>]) -> ImportError {
        let (mut wrong, mut damaged) = (false, None);
        for safe in safes {
            match self.safe(safe, &mut Contents::default()) {
                Ok(()) | Err(ImportError::TooSlow | ImportError::Cipher(_)) => {}
                Err(ImportError::Password) => wrong = true,
                Err(why) => damaged = Some(why),
            }
        }
        match damaged {
            _ if self.opened => ImportError::Changed,
            Some(why) => why,
            None if wrong => ImportError::Password,
            None => ImportError::PasswordOrDamage,
        }
    }

    fn safe(&mut self, safe: &BerObject<'_>, contents: &mut Contents) -> Result<(), ImportError> {
        let [kind, safe] = parts(safe)? else { return Err(ImportError::Damaged) };
        let safe = object(bytes(safe)?)?;
        match oid(kind)?.as_str() {
            DATA => self.bags(bytes(&safe)?, contents),
            ENCRYPTED_DATA => {
                let [_, content, ..] = parts(&safe)? else { return Err(ImportError::Damaged) };
                let [_, scheme, content] = parts(content)? else { return Err(ImportError::Damaged) };
                // An octet string under another tag, which does not tell by itself that it is in parts.
                let opened = if content.header.is_constructed() {
                    self.decrypt(scheme, &octets_in(bytes(content)?)?)?
                } else {
                    self.decrypt(scheme, bytes(content)?)?
                };
                self.bags(&opened, contents)
            }
            _ => Err(ImportError::Damaged),
        }
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

    /// Whether a MAC is by the password.
    fn fits(&mut self, mac: &BerObject<'_>, content: &[u8]) -> Result<bool, ImportError> {
        let (expected, salt, count) = match parts(mac)? {
            [expected, salt] => (expected, salt, NonZeroU32::MIN),
            [expected, salt, count] => (expected, salt, rounds(count)?),
            _ => return Err(ImportError::Damaged),
        };
        let [algorithm, expected] = parts(expected)? else { return Err(ImportError::Damaged) };
        let algorithm = oid(parts(algorithm)?.first().ok_or(ImportError::Damaged)?)?;
        let (digest, algorithm) = hash(&algorithm)?;
        let (expected, salt) = (bytes(expected)?, bytes(salt)?);
        let fits = |opener: &mut Self| {
            opener.pay(count, 1)?;
            let key = derive(digest, 3, (&opener.bmp, salt), count, digest.output_len());
            Ok::<_, ImportError>(hmac::verify(&hmac::Key::new(algorithm, &key), content, expected).is_ok())
        };
        if fits(self)? {
            return Ok(true);
        }
        // No password is written as two zeros or as nothing at all.
        if self.utf8.is_empty() {
            self.bmp.clear();
            return fits(self);
        }
        Ok(false)
    }

    fn bags(&mut self, safe: &[u8], contents: &mut Contents) -> Result<(), ImportError> {
        let safe = to_der(safe)?;
        for bag in parts(&object(&safe)?)? {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::{Imported, certificates_in};

    const NOW: i64 = 1_767_225_600;
    /// The password of all of them. By OpenSSL 3.0 with one round or two, and by `pk12util` of NSS 3.87; of one key.
    const PASSWORD: &str = "pw";
    const MODERN: &[u8] = include_bytes!("documents/modern.p12");
    const TWO_DES: &[u8] = include_bytes!("documents/2des.p12");
    const LEAF: &str = include_str!("documents/leaf.pem");

    fn why(document: &[u8], password: &str) -> Option<ImportError> {
        Imported::from_pkcs12(document, password, false, NOW).err()
    }

    /// A private key in PEM with the certificate.
    fn with_key(key: &str, password: &str) -> Result<Imported, ImportError> {
        Imported::from_pem([key, LEAF].concat().as_bytes(), password, false, NOW)
    }

    #[test]
    fn what_others_write_is_opened() {
        let leaf = certificates_in(LEAF.as_bytes()).unwrap();
        let written: [(&[u8], &str); 5] = [
            (MODERN, "AES"),
            (TWO_DES, "Triple DES of two keys"),
            (include_bytes!("documents/rc2-128.p12"), "RC2 of 128 bits"),
            (include_bytes!("documents/pbes2-3des.p12"), "Triple DES by PBES2"),
            (include_bytes!("documents/pk12util.p12"), "NSS, in BER"),
        ];
        for (document, by) in written {
            let opened = Imported::from_pkcs12(document, PASSWORD, false, NOW);
            assert_eq!(opened.map(|opened| opened.chain), Ok(leaf.clone()), "{by}");
        }
        for key in [include_str!("documents/aes.key"), include_str!("documents/3des.key")] {
            assert_eq!(with_key(key, PASSWORD).map(|opened| opened.chain), Ok(leaf.clone()));
        }
    }

    #[test]
    fn what_is_not_opened_is_named() {
        let named = |name: &str| Some(ImportError::Cipher(name.to_owned()));
        assert_eq!(why(include_bytes!("documents/rc4.p12"), PASSWORD), named("RC4 of 128 bits"));
        assert_eq!(why(include_bytes!("documents/camellia.p12"), PASSWORD), named("Camellia of 128 bits"));
        assert_eq!(why(include_bytes!("documents/sha3.p12"), PASSWORD), named("SHA3-256"));
        assert_eq!(with_key(include_str!("documents/md5-des.key"), PASSWORD).err(), named("DES with MD5"));
        assert_eq!(with_key(include_str!("documents/scrypt.key"), PASSWORD).err(), named("scrypt"));
    }

    #[test]
    fn a_wrong_password_is_told_from_a_document_that_was_changed() {
        let denies = [ImportError::Password, ImportError::PasswordOrDamage];
        for document in [MODERN, TWO_DES] {
            for number in 0..300 {
                assert_eq!(why(document, &format!("pw{number}")), Some(ImportError::Password), "{number}");
            }
            let mut changed = document.to_vec();
            for place in 0..document.len() {
                let bit = 1 << (place % 8);
                changed[place] ^= bit;
                let said = why(&changed, PASSWORD);
                assert!(said.as_ref().is_none_or(|why| !denies.contains(why)), "{place}: {said:?}");
                changed[place] ^= bit;
            }
            *changed.last_mut().unwrap() ^= 1;
            assert_eq!(why(&changed, PASSWORD), Some(ImportError::Changed), "of the MAC alone");
        }
    }

    /// Of a key by itself no MAC tells, and the padding of one wrong password in some hundred seems to fit.
    #[test]
    fn a_wrong_password_of_a_key_is_one_whatever_comes_out() {
        let text: String = include_str!("documents/aes.key").lines().filter(|line| !line.starts_with('-')).collect();
        let locked = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
        for number in 0..2000 {
            let opened = Opener::new(&format!("pw{number}")).key(&locked);
            assert_eq!(opened.err(), Some(ImportError::Password), "{number}");
        }
        assert!(Opener::new(PASSWORD).key(&locked).is_ok());
        // What is encrypted stands last: 138 octets and their padding.
        let mut changed = locked.clone();
        for place in locked.len() - 144..locked.len() {
            changed[place] ^= 0x04;
            let opened = Opener::new(PASSWORD).key(&changed);
            assert!(matches!(opened, Ok(_) | Err(ImportError::Changed)), "{place}: {:?}", opened.err());
            changed[place] ^= 0x04;
        }
    }

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
