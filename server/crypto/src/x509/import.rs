//! Certificates with private keys that were made elsewhere, as PKCS#12 (RFC 7292) or PEM (RFC 7468): read with bounds,
//! put in order, and believed only where key and certificate belong together.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::{
    finding::Finding,
    order::{in_order, own_of},
    pfx::{Contents, Opener},
    read::{CertificateFacts, MAX_CHAIN, certificates_in},
    template::TemplateError,
};
use crate::{
    key::{KeyRejected, NewKey, PrivateParts, PublicKey},
    secret::Plaintext,
};

/// Longest document in bytes: that of the longest secret.
pub const MAX_IMPORT: usize = 25_600;
/// Longest password in bytes.
const MAX_PASSWORD: usize = 1024;

/// A certificate with its key, ready to be kept.
pub struct Imported {
    /// The key.
    pub key: NewKey,
    /// The certificates in DER, the key's own first.
    pub chain: Vec<Vec<u8>>,
}

/// Why a document is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Longer than [`MAX_IMPORT`], or more certificates than a chain has.
    #[error("the document has more than 25600 bytes or 16 certificates")]
    TooLong,
    /// Not what it should be.
    #[error("the document is damaged, or not a PFX or PEM of the kinds that can be read")]
    Damaged,
    /// Opening it would take too long.
    #[error(
        "the document asks for more rounds of key derivation than are done for one: write it with fewer iterations"
    )]
    TooSlow,
    /// The password does not open it.
    #[error("the password is wrong")]
    Password,
    /// The password opens it, and it is not as it was written.
    #[error("the password is right, but the document was changed or damaged since it was written")]
    Changed,
    /// Nothing in it tells which of the two it is.
    #[error("the password is wrong, or the document was changed")]
    PasswordOrDamage,
    /// Encrypted or protected by something that is not opened here.
    #[error(
        "the document is encrypted or protected by {0}, which is not taken: write it with AES and SHA-256, as OpenSSL 3 \
         does by itself"
    )]
    Cipher(String),
    /// Encrypted, and no password.
    #[error("the document is encrypted and no password was given, or it was changed")]
    NoPassword,
    /// A key in the form from before PKCS#8, whose password is stretched by one round of MD5.
    #[error(
        "the private key is encrypted in OpenSSL's traditional form (Proc-Type: 4,ENCRYPTED), which is not taken: write \
         it as PKCS#8 with `openssl pkcs8 -topk8`"
    )]
    Traditional,
    /// A key that is none of those that are taken.
    #[error(
        "the private key cannot be read: RSA of 2048, 3072 or 4096 bits and EC of P-256, P-256K, P-384 or P-521 are \
         taken, in PKCS#8, PKCS#1 or SEC 1"
    )]
    KeyType,
    /// No private key.
    #[error("the document holds no private key")]
    NoKey,
    /// More than one private key.
    #[error("the document holds more than one private key")]
    SeveralKeys,
    /// The certificate names nobody.
    #[error(
        "the certificate in the document has neither a subject that can be read nor a subject alternative name, so it names \
         nobody: have it issued with one"
    )]
    Nameless,
    /// The certificate names somebody in a way that nobody could judge here.
    #[error(
        "the certificate holds {0}, which cannot be read here, so nobody could judge whom it names: have it issued \
         without"
    )]
    Unsaid(String),
    /// The certificate says what none that is made here may say.
    #[error("the certificate is not taken as it is: {0}")]
    Template(#[from] TemplateError),
    /// A key of a type that is not kept here.
    #[error(transparent)]
    Key(#[from] KeyRejected),
    /// Two certificates that their issuer gave one number.
    #[error(
        "two certificates in the document are by the same issuer with the same serial number: no authority makes such, and \
         neither can be told from the other"
    )]
    DuplicateSerial,
    /// None of the certificates is the key's.
    #[error("none of the certificates in the document is for its private key")]
    OtherKey,
    /// The key's own signed another one.
    #[error(
        "the private key is for certificate {0} of the document, which signed another one there: is it the key of an \
         authority in the place of the leaf's? To take the authority in, leave out what it signed"
    )]
    NotTheLeaf(usize),
    /// It signed none of the others.
    #[error(
        "certificate {0} of the document does not belong to the chain: it signed none of the others. Leave it out; if it \
         has the name of an issuer there, it has another key"
    )]
    Unrelated(usize),
    /// No root at its end.
    #[error("the chain goes in a circle: its certificates were signed by one another, and none is a root")]
    Circle,
    /// No client takes it.
    #[error("no client takes this chain: of its certificate {0}, counted from the leaf, is to be said that {1}")]
    Unsound(usize, Finding),
}

impl ImportError {
    /// As it is said of a password: one that was not given is not wrong.
    fn with(self, password: &str) -> Self {
        match self {
            Self::Password | Self::PasswordOrDamage if password.is_empty() => Self::NoPassword,
            other => other,
        }
    }
}

impl Imported {
    /// Reads PKCS#12. `keep_order` leaves the others behind the key's own certificate as they stand in the document;
    /// without it whoever signed one comes after it. Of several certificates of the key the one is taken that is valid
    /// now, in Unix seconds. Takes up to seconds, most of them to try the password and to
    /// look whether the factors of an RSA key are primes.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn from_pkcs12(document: &[u8], password: &str, keep_order: bool, now: i64) -> Result<Self, ImportError> {
        if document.len() > MAX_IMPORT {
            return Err(ImportError::TooLong);
        }
        if password.len() > MAX_PASSWORD {
            return Err(ImportError::Password);
        }
        // A certificate by itself, which has neither key nor password.
        if CertificateFacts::of(document).is_ok() {
            return Err(ImportError::NoKey);
        }
        let contents = Opener::new(password).pkcs12(document).map_err(|why| why.with(password))?;
        Self::of(contents, keep_order, now)
    }

    /// Reads PEM: one private key, encrypted (PKCS#8) or not, and certificates, in any order. Otherwise as
    /// [`Self::from_pkcs12`].
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn from_pem(text: &[u8], password: &str, keep_order: bool, now: i64) -> Result<Self, ImportError> {
        if text.len() > MAX_IMPORT {
            return Err(ImportError::TooLong);
        }
        Self::of(contents_of_pem(text, password).map_err(|why| why.with(password))?, keep_order, now)
    }

    fn of(contents: Contents, keep_order: bool, now: i64) -> Result<Self, ImportError> {
        let Contents { key, certificates } = contents;
        let key = key_of(&key.ok_or(ImportError::NoKey)?)?;
        let facts = certificates.iter().map(|der| CertificateFacts::of(der)).collect::<Result<Vec<_>, _>>();
        let facts = facts.map_err(|_| ImportError::Damaged)?;
        let own = key.public.as_ref().and_then(|public| own_of(&facts, public, now)).ok_or(ImportError::OtherKey)?;
        let chain = in_order(&certificates, own, keep_order)?;
        // Last, because it takes longest.
        if key.spec.is_slow_to_make() {
            key.check_primes()?;
        }
        Ok(Self { key, chain })
    }
}

/// The private key in a PKCS#12 without a password, if one is in it: of a document of our own, to be given in another form.
///
/// # Errors
/// [`ImportError`].
pub fn private_key_of_pkcs12(document: &[u8]) -> Result<Option<Plaintext>, ImportError> {
    let contents = Opener::new("").pkcs12(document)?;
    Ok(contents.key.map(|der| Plaintext::from_slice(&der)))
}

/// A private key that is encrypted by itself (PKCS#8, RFC 5958), in DER.
pub struct EncryptedKey<'a>(&'a [u8]);

impl<'a> EncryptedKey<'a> {
    /// A document, if it is of that form.
    #[must_use]
    pub fn read(document: &'a [u8]) -> Option<Self> {
        Opener::is_key(document).then_some(Self(document))
    }

    /// The private key in it, as a document of its own. Takes as long as deriving a key from the password takes.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn open(&self, password: &str) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        if password.len() > MAX_PASSWORD { Err(ImportError::Password) } else { Opener::new(password).key(self.0) }
    }
}

/// What a document holds, whether or not it belongs together: for people who look for what is wrong with it.
pub struct Document {
    /// The public half of its private key, if one is in it.
    pub key: Option<PublicKey>,
    /// The certificates in DER, in the order in which they stand.
    pub certificates: Vec<Vec<u8>>,
}

impl Document {
    /// Reads certificates in DER, base64, PEM or PKCS#12, with a private key among them or none.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn read(document: &[u8], password: &str) -> Result<Self, ImportError> {
        if let Ok(certificates) = certificates_in(document) {
            return Ok(Self { key: None, certificates });
        }
        if document.len() > MAX_IMPORT {
            return Err(ImportError::TooLong);
        }
        let Contents { key, certificates } = if document.windows(11).any(|window| window == b"-----BEGIN ") {
            contents_of_pem(document, password).map_err(|why| why.with(password))?
        } else if password.len() > MAX_PASSWORD {
            return Err(ImportError::Password);
        } else {
            Opener::new(password).pkcs12(document).map_err(|why| why.with(password))?
        };
        let key = key.map(|der| key_of(&der)).transpose()?.and_then(|key| key.public);
        Ok(Self { key, certificates })
    }
}

fn key_of(der: &[u8]) -> Result<NewKey, ImportError> {
    Ok(match PrivateParts::from_der(der).map_err(|_| ImportError::KeyType)? {
        PrivateParts::Rsa(parts) => NewKey::from_rsa(&parts)?,
        PrivateParts::Ec(parts) => NewKey::from_ec(&parts)?,
    })
}

/// What PEM holds: at most one private key, decrypted, and certificates.
fn contents_of_pem(text: &[u8], password: &str) -> Result<Contents, ImportError> {
    if password.len() > MAX_PASSWORD {
        return Err(ImportError::Password);
    }
    let text = std::str::from_utf8(text).map_err(|_| ImportError::Damaged)?;
    let mut contents = Contents::default();
    for (label, der) in blocks(text)? {
        match label {
            "CERTIFICATE" if contents.certificates.len() >= MAX_CHAIN => return Err(ImportError::TooLong),
            "CERTIFICATE" => contents.certificates.push(der.to_vec()),
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "ENCRYPTED PRIVATE KEY"
                if contents.key.is_some() =>
            {
                return Err(ImportError::SeveralKeys);
            }
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => contents.key = Some(der),
            "ENCRYPTED PRIVATE KEY" => contents.key = Some(Opener::new(password).key(&der)?),
            // Parameters of curves and the like.
            _ => {}
        }
    }
    Ok(contents)
}

/// A label, and what is in its block.
type Block<'a> = (&'a str, Zeroizing<Vec<u8>>);

/// The blocks of PEM. What stands between them is text (RFC 7468, section 2).
fn blocks(text: &str) -> Result<Vec<Block<'_>>, ImportError> {
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")) else {
            continue;
        };
        // Allocated as a whole: nothing of it is left behind while it grows.
        let mut encoded = Zeroizing::new(Vec::with_capacity(text.len()));
        loop {
            let line = lines.next().ok_or(ImportError::Damaged)?;
            if let Some(end) = line.strip_prefix("-----END ") {
                if end.strip_suffix("-----") != Some(label) {
                    return Err(ImportError::Damaged);
                }
                break;
            }
            if line.starts_with("Proc-Type:") && line.ends_with("ENCRYPTED") {
                return Err(ImportError::Traditional);
            }
            encoded.extend(line.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        }
        let mut der = Zeroizing::new(vec![0; BASE64.decode_len(encoded.len()).map_err(|_| ImportError::Damaged)?]);
        let length = BASE64.decode_mut(&encoded, &mut der).map_err(|_| ImportError::Damaged)?;
        der.truncate(length);
        found.push((label, der));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        entropy::SeededEntropy,
        key::{Curve, KeySpec, generate},
        x509::{AlternativeNames, Constraints, Template, Validity, pem, pkcs12, self_signed},
    };

    /// Of the password `s\u{e9}cret`, by OpenSSL 3: `pkcs12 -export -legacy -certpbe PBE-SHA1-RC2-40 -keypbe
    /// PBE-SHA1-RC2-40 -macalg sha1 -iter 2`.
    const RC2: &str = concat!(
        "MIIDhwIBAzCCA04GCSqGSIb3DQEHAaCCAz8EggM7MIIDNzCCAi4GCSqGSIb3DQEHBqCCAh8wggIbAgEAMIICFAYJKoZIhvcNAQcB",
        "MBsGCiqGSIb3DQEMAQYwDQQI9xedYZf7tfECAQKAggHopsM92FLFBOgV6qLkF/degTqyALIYE+5AY4+Zs4ZX65lb4WVH1pbvJbdA",
        "FGy/3Ng6WLhoid67cg7OFgEfu2LeJ7sFCe+Zyzu5G4TulK73ju72GoMo4riXCh1tng7CTYwMM4w4BF1m4yOAd2Ui8vkrzEGV946m",
        "IWPDrOf4x6byp1/nFyQ7BW3KnidK7Jj2mfCG5xWVBNTcF9xDhGAdYuMHkKeThD952biyPEJcgPZGYsZ7R7IKpaHbRWA8nxZC8mvq",
        "aZXC/GtP/IiuUDapd6BKCqycdBRe6H4xuHtSUa8jyWRUdScl+319M5RngZmtmH+/JDUkpc9gIo6ZozRnVlXF3T31bPh4OHZIip0g",
        "YZkWGpCEkSKajCQg7d1prfztNEIGKQ5PNlYSquro58oy+ihY1lifAl9OA9ajes3SoHBvxypHW0Z8nEkttuXJvCvsNS/ozX1GU/Xb",
        "uKH6RqbHScPIwOr6qeSnUIm1R8w5iyBzRDHGQrHAfeWRI62qR5h/wDBshnNZera0JMVvaYlXW10s+YCCUYEHV+QH0UdC/9BT80wY",
        "2Ug9DPc5e5i+1/xhl3re7JlVtDehrc3qjuI3znTo1+NvmQ3slpuCQpQD1Io52eEZ2uheumstrkby6crsYr4fEOsK/CHATsgwggEB",
        "BgkqhkiG9w0BBwGggfMEgfAwge0wgeoGCyqGSIb3DQEMCgECoIGzMIGwMBsGCiqGSIb3DQEMAQYwDQQIZYHQsg/zLlgCAQIEgZAq",
        "4ZAt0mc+lsVfsGPk9EQuXGuqCjjqWdJtHN6tS3u0qr0hjF6y0U5bpZ/Yz5JH8ZoaOmRo1T/+lxk0NliCKCf9BF+07mPQaF5pObYl",
        "a/K5ITAyHPWkLrOdlidM46zNW1A+gZmli/pdWzeLqiyl7XXlB866GtX8xsZ+ujbtkqQyA07Ypa2kkTlcIf4mPlX2OIoxJTAjBgkq",
        "hkiG9w0BCRUxFgQUEwGAwKT2KJJp2Ud7edwxawvD89EwMDAhMAkGBSsOAwIaBQAEFPal3fuLe8F4ioIzot8/PcrbAN9EBAgePAsE",
        "tvVvIwIBAg==",
    );
    const PASSWORD: &str = "s\u{e9}cret";
    const NOW: i64 = 1_767_225_600;

    fn rc2() -> Vec<u8> {
        BASE64.decode(RC2.as_bytes()).unwrap()
    }

    fn why(document: &[u8], password: &str) -> Option<ImportError> {
        Imported::from_pkcs12(document, password, false, NOW).err()
    }

    fn made() -> (Plaintext, Vec<u8>) {
        let key = generate(KeySpec::Ec { crv: Curve::P256 }, &SeededEntropy::new(1)).ok().unwrap();
        let template = Template {
            subject: "CN=app.example".to_owned(),
            names: AlternativeNames::default(),
            extended_usages: Vec::new(),
            usages: BTreeSet::new(),
            ca: false,
            path_length: None,
            constraints: Constraints::default(),
        };
        let validity = Validity::months(NOW, 12).unwrap();
        let leaf = self_signed(&template, &key, validity, &SeededEntropy::new(2)).unwrap();
        (key.private, leaf)
    }

    fn armored(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
    }

    #[test]
    fn a_document_of_rc2_is_opened_with_its_password_alone() {
        let opened = Imported::from_pkcs12(&rc2(), PASSWORD, false, NOW).ok().unwrap();
        let [leaf] = opened.chain.as_slice() else { panic!("one certificate") };
        assert_eq!(CertificateFacts::of(leaf).unwrap().key, opened.key.public);
        for other in ["secret", "s\u{e9}cret "] {
            assert_eq!(why(&rc2(), other), Some(ImportError::Password), "{other}");
        }
        assert_eq!(why(&rc2(), ""), Some(ImportError::NoPassword));
    }

    #[test]
    fn a_document_that_is_cut_or_changed_anywhere_gives_no_other_key() {
        let whole = Imported::from_pkcs12(&rc2(), PASSWORD, false, NOW).ok().unwrap();
        for length in 0..rc2().len() {
            assert_eq!(why(&rc2()[..length], PASSWORD), Some(ImportError::Damaged), "{length}");
        }
        for place in 0..rc2().len() {
            for bit in [0x01, 0x20, 0x80] {
                let mut changed = rc2();
                changed[place] ^= bit;
                if let Ok(opened) = Imported::from_pkcs12(&changed, PASSWORD, false, NOW) {
                    assert!(opened.chain == whole.chain && opened.key.public == whole.key.public, "{place}");
                }
            }
        }
    }

    #[test]
    fn a_mac_that_asks_for_too_many_rounds_is_not_looked_at() {
        // The count stands last, in the MAC's sequence of 48 bytes: three bytes longer, and so are both around it.
        let mut bomb = rc2();
        let end = bomb.len();
        assert_eq!((&bomb[end - 50..end - 48], &bomb[end - 3..]), (&[0x30, 48][..], &[2, 1, 2][..]));
        bomb[end - 49] += 3;
        bomb[3] += 3;
        bomb.splice(end - 3.., [2, 4, 0x7f, 0xff, 0xff, 0xff]);
        assert_eq!(why(&bomb, PASSWORD), Some(ImportError::TooSlow));
    }

    #[test]
    fn what_is_too_long_is_not_opened() {
        assert_eq!(why(&[0x30; MAX_IMPORT + 1], ""), Some(ImportError::TooLong));
        assert_eq!(Imported::from_pem(&[b'a'; MAX_IMPORT + 1], "", false, NOW).err(), Some(ImportError::TooLong));
        assert_eq!(why(&rc2(), &"a".repeat(MAX_PASSWORD + 1)), Some(ImportError::Password));
        let (private, leaf) = made();
        for (count, expected) in [(MAX_CHAIN, None), (MAX_CHAIN + 1, Some(ImportError::TooLong))] {
            let chain = vec![leaf.clone(); count];
            let document = pkcs12(Some(&private), &chain, "app").unwrap();
            assert_eq!(why(document.expose(), ""), expected, "{count} in PKCS#12");
            let text = pem(Some(&private), &chain);
            let why = Imported::from_pem(text.expose().as_bytes(), "", false, NOW).err();
            assert_eq!(why, expected, "{count} in PEM");
        }
    }

    #[test]
    fn a_document_that_is_not_taken_says_what_would_be() {
        let (_, leaf) = made();
        let refused = |key: &str| {
            let document = key.to_owned() + &armored("CERTIFICATE", &leaf);
            Imported::from_pem(document.as_bytes(), "secret", false, NOW).err()
        };
        let headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n";
        let traditional = format!("-----BEGIN RSA PRIVATE KEY-----\n{headers}AAAA\n-----END RSA PRIVATE KEY-----\n");
        assert_eq!(refused(&traditional), Some(ImportError::Traditional));
        // RFC 8410, section 10.3.
        let ed25519 = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                       -----END PRIVATE KEY-----\n";
        assert_eq!(refused(ed25519), Some(ImportError::KeyType));
        assert_eq!(why(&leaf, ""), Some(ImportError::NoKey), "a certificate in DER");
    }

    /// As deep as fits: a reader that goes down by itself would overflow the stack of its thread.
    #[test]
    fn what_is_nested_without_end_is_damaged() {
        let mut nested = vec![0x05, 0x00];
        while nested.len() < 12_000 {
            let length = u16::try_from(nested.len()).unwrap().to_be_bytes();
            nested.splice(0..0, [0x30, 0x82, length[0], length[1]]);
        }
        assert_eq!(why(&nested, ""), Some(ImportError::Damaged));
        let (private, leaf) = made();
        let key = armored("PRIVATE KEY", private.expose());
        for (text, what) in [
            (armored("PRIVATE KEY", &nested) + &armored("CERTIFICATE", &leaf), "key"),
            (armored("ENCRYPTED PRIVATE KEY", &nested) + &armored("CERTIFICATE", &leaf), "encrypted key"),
            (key.clone() + &armored("CERTIFICATE", &nested), "certificate"),
        ] {
            assert!(Imported::from_pem(text.as_bytes(), "", false, NOW).is_err(), "{what}");
        }
        assert!(Imported::from_pem((key + &armored("CERTIFICATE", &leaf)).as_bytes(), "", false, NOW).is_ok());
    }
}
