//! Shapes of the operations with keys (Azure Key Vault REST, keys). Bytes are base64url without padding.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize, Serializer};
use strongroom_crypto::{Plaintext, key::Sealed};
use strongroom_domain::keys::{Ciphertext, Cleartext};
use zeroize::Zeroizing;

use super::keys::Bytes;

impl Bytes {
    pub(crate) fn into_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// Body of sign.
#[derive(Deserialize)]
pub(crate) struct SignBody {
    pub(crate) alg: String,
    pub(crate) value: Bytes,
}

/// Body of verify.
#[derive(Deserialize)]
pub(crate) struct VerifyBody {
    pub(crate) alg: String,
    pub(crate) digest: Bytes,
    pub(crate) value: Bytes,
}

/// Body of encrypt, decrypt, wrapkey and unwrapkey.
#[derive(Deserialize)]
pub(crate) struct DataBody {
    pub(crate) alg: String,
    value: Bytes,
    #[serde(default)]
    iv: Option<Bytes>,
    #[serde(default)]
    pub(crate) aad: Option<Bytes>,
    #[serde(default)]
    tag: Option<Bytes>,
}

impl DataBody {
    pub(crate) fn into_cleartext(self) -> Cleartext {
        Cleartext {
            value: Plaintext::from_slice(&self.value.0),
            iv: self.iv.map(Bytes::into_vec),
            aad: self.aad.map(Bytes::into_vec),
        }
    }

    pub(crate) fn into_ciphertext(self) -> Ciphertext {
        let vec = |bytes: Option<Bytes>| bytes.map(Bytes::into_vec);
        Ciphertext { value: self.value.into_vec(), iv: vec(self.iv), aad: vec(self.aad), tag: vec(self.tag) }
    }
}

/// Body of POST /rng.
#[derive(Deserialize)]
pub(crate) struct RandomBody {
    pub(crate) count: usize,
}

fn shown<S: Serializer>(text: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// What an operation gave.
#[derive(Serialize)]
pub(crate) struct Answer {
    kid: String,
    #[serde(serialize_with = "shown")]
    value: Zeroizing<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aad: Option<String>,
}

impl Answer {
    pub(crate) fn of(kid: String, value: &[u8]) -> Self {
        Self { kid, value: Zeroizing::new(BASE64URL_NOPAD.encode(value)), iv: None, tag: None, aad: None }
    }

    pub(crate) fn sealed(kid: String, sealed: &Sealed, aad: Option<&[u8]>) -> Self {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        Self {
            iv: sealed.iv.as_deref().map(text),
            tag: sealed.tag.as_deref().map(text),
            aad: aad.map(text),
            ..Self::of(kid, &sealed.value)
        }
    }
}

/// Whether a signature is the key's.
#[derive(Serialize)]
pub(crate) struct Verified {
    pub(crate) value: bool,
}

/// Random bytes.
#[derive(Serialize)]
pub(crate) struct RandomBytes {
    #[serde(serialize_with = "shown")]
    value: Zeroizing<String>,
}

impl RandomBytes {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { value: Zeroizing::new(BASE64URL_NOPAD.encode(bytes)) }
    }
}
