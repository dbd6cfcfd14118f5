//! A root key that never leaves its token: an AES key of 256 bits there, which seals and opens by AES-GCM (NIST SP
//! 800-38D) what the root key wraps.
//!
//! The key is found by its label and known by its CKA_ID: the fingerprint that the database holds is made of that,
//! because nothing of the key itself can be seen. That it is the right key is shown by what it opens.

use cryptoki::{
    mechanism::{Mechanism, aead::GcmParams},
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use data_encoding::HEXLOWER;
use strongroom_crypto::{
    Entropy, MAX_PLAINTEXT_LEN, OpenError, RootCipher, RootKey, RootKeyError, RootKeyProvider, RootUse, SealError,
    sha256,
};
use zeroize::Zeroizing;

use crate::{TokenName, error::TokenError, mechanisms, worker::Token};

const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
const TAG_BITS: u64 = 128;
const KEY_BYTES: u64 = 32;
/// Shortest CKA_ID that tells keys apart. One that is made here has twice that.
const MIN_ID: usize = 8;
const ID_LEN: usize = 16;
/// What is sealed and opened to see whether the token works.
const PROBE: &[u8] = b"strongroom/v1/root-key/probe";

/// Gives the root key of a token by the key's label.
pub struct Pkcs11Provider {
    token: Token,
    label: String,
}

impl Pkcs11Provider {
    /// The key with this label in this token.
    #[must_use]
    pub fn new(token: Token, label: String) -> Self {
        Self { token, label }
    }

    fn key(&self, id: Vec<u8>) -> Box<dyn RootCipher> {
        let at = At { token: self.token.name().clone(), label: self.label.clone(), id: Some(id.clone()) };
        Box::new(KeyInToken { token: self.token.clone(), at, fingerprint: fingerprint(&id) })
    }
}

impl RootKeyProvider for Pkcs11Provider {
    fn name(&self) -> &'static str {
        "pkcs11"
    }

    fn open(&self, _parameters: &str) -> Result<Box<dyn RootCipher>, RootKeyError> {
        let at = At { token: self.token.name().clone(), label: self.label.clone(), id: None };
        let work = move |session: &Session| {
            let (handle, id) = at.find(session)?.ok_or_else(|| at.missing())?;
            at.probe(session, handle)?;
            Ok(id)
        };
        let id = self.token.call(work).map_err(|error| RootKeyError::Token(error.to_string()))?;
        Ok(self.key(id))
    }

    fn create(&self, entropy: &dyn Entropy) -> Result<(Box<dyn RootCipher>, String), RootKeyError> {
        let mut new = [0u8; ID_LEN];
        entropy.fill(&mut new)?;
        let at = At { token: self.token.name().clone(), label: self.label.clone(), id: None };
        let work = move |session: &Session| {
            // Looked for each time: what is tried again may have made it the first time.
            let (handle, id) = match at.find(session)? {
                Some(found) => found,
                None => (at.make(session, &new)?, new.to_vec()),
            };
            at.probe(session, handle)?;
            Ok(id)
        };
        let id = self.token.call(work).map_err(|error| RootKeyError::Token(error.to_string()))?;
        Ok((self.key(id), String::new()))
    }
}

fn fingerprint(id: &[u8]) -> String {
    let digest = sha256(&[b"strongroom/v1/root-key/in-token\0".as_slice(), id].concat());
    HEXLOWER.encode(digest.first_chunk::<8>().unwrap_or(&[0; 8]))
}

/// Where the key is.
#[derive(Clone)]
struct At {
    token: TokenName,
    label: String,
    /// The CKA_ID it must have, once that is known.
    id: Option<Vec<u8>>,
}

impl At {
    fn missing(&self) -> TokenError {
        TokenError::NoKey { token: self.token.clone(), label: self.label.clone() }
    }

    fn unfit(&self, why: &'static str) -> TokenError {
        TokenError::UnfitKey { token: self.token.clone(), label: self.label.clone(), why }
    }

    fn failed(&self) -> impl Fn(cryptoki::error::Error) -> TokenError {
        |error| TokenError::failed(&self.token, &error)
    }

    /// The key and its CKA_ID, if it is there. Any key that is not fit to be a root key is an error.
    fn find(&self, session: &Session) -> Result<Option<(ObjectHandle, Vec<u8>)>, TokenError> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Token(true),
            Attribute::Label(self.label.as_bytes().to_vec()),
        ];
        let found = session.find_objects(&template).map_err(self.failed())?;
        let handle = match found.as_slice() {
            [] => return Ok(None),
            [handle] => *handle,
            several => {
                let (token, label) = (self.token.clone(), self.label.clone());
                return Err(TokenError::AmbiguousKey { token, label, count: several.len() });
            }
        };
        let wanted = [
            AttributeType::KeyType,
            AttributeType::ValueLen,
            AttributeType::Sensitive,
            AttributeType::Extractable,
            AttributeType::Encrypt,
            AttributeType::Decrypt,
            AttributeType::Id,
        ];
        let attributes = session.get_attributes(handle, &wanted).map_err(self.failed())?;
        let has = |attribute: Attribute| attributes.contains(&attribute);
        let id = attributes.iter().find_map(|attribute| match attribute {
            Attribute::Id(id) => Some(id.clone()),
            _ => None,
        });
        if !has(Attribute::KeyType(KeyType::AES)) || !has(Attribute::ValueLen(KEY_BYTES.into())) {
            return Err(self.unfit("it is not an AES key of 256 bits"));
        }
        if !has(Attribute::Sensitive(true)) || !has(Attribute::Extractable(false)) {
            return Err(self.unfit("it can leave the token (it must be CKA_SENSITIVE and not CKA_EXTRACTABLE)"));
        }
        if !has(Attribute::Encrypt(true)) || !has(Attribute::Decrypt(true)) {
            return Err(self.unfit("it may not both encrypt and decrypt"));
        }
        let id = id.filter(|id| id.len() >= MIN_ID);
        let id = id.ok_or_else(|| self.unfit("its CKA_ID has less than 8 bytes, so it cannot be told from others"))?;
        if self.id.as_ref().is_some_and(|known| *known != id) {
            return Err(self.unfit("it is not the one that was there before: its CKA_ID is another"));
        }
        Ok(Some((handle, id)))
    }

    fn make(&self, session: &Session, id: &[u8]) -> Result<ObjectHandle, TokenError> {
        let mut template = mechanisms::kept(&self.label, id);
        template.extend([
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
            Attribute::ValueLen(KEY_BYTES.into()),
        ]);
        session.generate_key(&Mechanism::AesKeyGen, &template).map_err(self.failed())
    }

    /// `nonce ‖ ciphertext ‖ tag`. A token that draws nonces itself writes its own over the one that it is given.
    fn encrypt(
        &self,
        session: &Session,
        key: ObjectHandle,
        mut nonce: [u8; NONCE_LEN],
        associated: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, TokenError> {
        let params = GcmParams::new(&mut nonce, associated, TAG_BITS.into()).map_err(self.failed())?;
        let sealed = session.encrypt(&Mechanism::AesGcm(params), key, plaintext).map_err(self.failed())?;
        if sealed.len() != plaintext.len() + TAG_LEN {
            return Err(TokenError::Failed {
                token: self.token.clone(),
                why: "what it sealed has another length than AES-GCM gives".to_owned(),
            });
        }
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn decrypt(
        &self,
        session: &Session,
        key: ObjectHandle,
        associated: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        let (nonce, body) =
            sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(|| self.unfit("what it sealed is cut short"))?;
        let mut nonce = *nonce;
        let params = GcmParams::new(&mut nonce, associated, TAG_BITS.into()).map_err(self.failed())?;
        session.decrypt(&Mechanism::AesGcm(params), key, body).map(Zeroizing::new).map_err(self.failed())
    }

    /// Whether the token seals and opens, with the token's own randomness.
    fn probe(&self, session: &Session, key: ObjectHandle) -> Result<(), TokenError> {
        let mut nonce = [0u8; NONCE_LEN];
        session.generate_random_slice(&mut nonce).map_err(self.failed())?;
        let sealed = self.encrypt(session, key, nonce, PROBE, PROBE)?;
        if *self.decrypt(session, key, PROBE, &sealed)? == PROBE {
            return Ok(());
        }
        Err(self.unfit("it does not open what it sealed"))
    }
}

/// The key at work.
struct KeyInToken {
    token: Token,
    at: At,
    fingerprint: String,
}

impl RootCipher for KeyInToken {
    fn id(&self) -> String {
        self.fingerprint.clone()
    }

    fn seal(
        &self,
        _purpose: RootUse,
        associated: &[u8],
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        if plaintext.len() > MAX_PLAINTEXT_LEN {
            return Err(SealError::TooLong);
        }
        let mut nonce = [0u8; NONCE_LEN];
        entropy.fill(&mut nonce)?;
        let (at, associated) = (self.at.clone(), associated.to_vec());
        let plaintext = Zeroizing::new(plaintext.to_vec());
        let work = move |session: &Session| {
            let (key, _) = at.find(session)?.ok_or_else(|| at.missing())?;
            at.encrypt(session, key, nonce, &associated, &plaintext)
        };
        self.token.call(work).map_err(|_| SealError::Unreachable)
    }

    fn open(&self, _purpose: RootUse, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let most = MAX_PLAINTEXT_LEN + NONCE_LEN + TAG_LEN;
        if sealed.len() < NONCE_LEN + TAG_LEN || sealed.len() > most {
            return Err(OpenError::Tampered);
        }
        let (at, associated, sealed) = (self.at.clone(), associated.to_vec(), sealed.to_vec());
        let work = move |session: &Session| {
            let (key, _) = at.find(session)?.ok_or_else(|| at.missing())?;
            match at.decrypt(session, key, &associated, &sealed) {
                Ok(opened) => Ok(Some(opened)),
                // Tokens say the same of a wrong tag and of a cable that is out, or say it each in its own way. One
                // that opens what it has just sealed is there, so it is the ciphertext.
                Err(error) => at.probe(session, key).map(|()| None).map_err(|_| error),
            }
        };
        match self.token.call(work) {
            Ok(opened) => opened.ok_or(OpenError::Tampered),
            Err(_) => Err(OpenError::Unreachable),
        }
    }

    fn in_memory(&self) -> Option<&RootKey> {
        None
    }

    fn is_reachable(&self) -> bool {
        self.token.is_reachable()
    }

    fn refuses_pin(&self) -> bool {
        self.token.refuses_pin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What databases hold: a change here would lock them out.
    #[test]
    fn the_fingerprint_of_a_key_in_a_token_stays_what_it_is() {
        assert_eq!(fingerprint(&[7; 16]), "4d5798e886dc41ce");
        assert_ne!(fingerprint(&[7; 16]), fingerprint(&[7; 15]));
    }
}
