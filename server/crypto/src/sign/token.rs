//! The ECDSA P-256 key (ES256, RFC 7518 section 3.4) that signs the tokens of this installation.
//!
//! Holds the key and describes it; the token library signs. Must never publish anything but the
//! public half.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{SignerError, p256, thumbprint};
use crate::entropy::Entropy;
use crate::secret::Plaintext;

/// A public JSON Web Key (RFC 7517) for ES256, as a key set publishes it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PublicJwk {
    /// Key type: `EC`.
    pub kty: &'static str,
    /// Curve: `P-256`.
    pub crv: &'static str,
    /// First coordinate, 32 bytes in base64url.
    pub x: String,
    /// Second coordinate, 32 bytes in base64url.
    pub y: String,
    /// Key id: the thumbprint (RFC 7638).
    pub kid: String,
    /// Algorithm: `ES256`.
    pub alg: &'static str,
    /// Intended use: `sig`.
    #[serde(rename = "use")]
    pub key_use: &'static str,
}

/// The key that signs tokens.
pub struct TokenSigner {
    pkcs8: Zeroizing<Vec<u8>>,
    jwk: PublicJwk,
}

impl TokenSigner {
    /// Draws a new key.
    ///
    /// # Errors
    /// [`SignerError::Entropy`] when no randomness is available.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, SignerError> {
        Self::from_pair(&p256::generate(entropy)?)
    }

    /// Reads a key that [`TokenSigner::to_pkcs8`] gave.
    ///
    /// # Errors
    /// [`SignerError::Rejected`] when it is anything else.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, SignerError> {
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|_| SignerError::Rejected)?;
        Self::from_pair(&pair)
    }

    /// The private key (PKCS#8 version 1, RFC 5208), to be sealed.
    #[must_use]
    pub fn to_pkcs8(&self) -> Plaintext {
        Plaintext::from_slice(&self.pkcs8)
    }

    /// A copy of the private key for the token library (`EncodingKey::from_ec_der`), cleared on drop.
    #[must_use]
    pub fn pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.pkcs8.clone()
    }

    /// The name of the key: the thumbprint of its public JSON Web Key (RFC 7638).
    #[must_use]
    pub fn key_id(&self) -> String {
        self.jwk.kid.clone()
    }

    /// The public half, to be published.
    #[must_use]
    pub fn jwk(&self) -> PublicJwk {
        self.jwk.clone()
    }

    fn from_pair(pair: &EcdsaKeyPair) -> Result<Self, SignerError> {
        let (x, y) = p256::public_point(pair)?;
        Ok(Self { pkcs8: p256::to_pkcs8(pair)?, jwk: public_jwk(&x, &y) })
    }
}

fn public_jwk(x: &[u8; 32], y: &[u8; 32]) -> PublicJwk {
    let x = URL_SAFE_NO_PAD.encode(x);
    let y = URL_SAFE_NO_PAD.encode(y);
    // Required members in lexical order, without spaces (RFC 7638 section 3.2).
    let kid = thumbprint(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#));
    PublicJwk { kty: "EC", crv: "P-256", x, y, kid, alg: "ES256", key_use: "sig" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{NoEntropy, SeededEntropy};
    use crate::sign::AuditSigner;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    fn signer() -> TokenSigner {
        TokenSigner::generate(&SeededEntropy::new(1)).ok().unwrap()
    }

    fn coordinate(text: &str) -> [u8; 32] {
        URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
    }

    /// The key of RFC 9449 section 4.1 and its thumbprint in section 6.1.
    #[test]
    fn the_thumbprint_is_the_one_of_rfc_9449() {
        let jwk = public_jwk(
            &coordinate("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs"),
            &coordinate("9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"),
        );
        assert_eq!(jwk.kid, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn the_published_key_has_exactly_the_public_members() {
        let json = serde_json::to_value(signer().jwk()).unwrap();
        let mut members: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!(json["use"], "sig");
        assert_eq!(json["kid"], signer().key_id());
    }

    #[test]
    fn the_published_key_verifies_what_the_private_key_signs() {
        let signer = signer();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &signer.pkcs8_der()).unwrap();
        let signature = pair.sign(&SystemRandom::new(), b"header.payload").unwrap();
        let jwk = signer.jwk();
        let point = [&[4u8][..], &coordinate(&jwk.x), &coordinate(&jwk.y)].concat();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point);
        assert!(public.verify(b"header.payload", signature.as_ref()).is_ok());
        assert!(public.verify(b"header.payloae", signature.as_ref()).is_err());
    }

    #[test]
    fn a_key_survives_sealing_as_pkcs8() {
        let again = TokenSigner::from_pkcs8(signer().to_pkcs8().expose()).ok().unwrap();
        assert_eq!(again.jwk(), signer().jwk());
    }

    #[test]
    fn other_bytes_are_not_a_key() {
        let audit = AuditSigner::generate(&SeededEntropy::new(1)).ok().unwrap();
        for bytes in [b"".as_slice(), b"no key", audit.to_pkcs8().expose()] {
            assert_eq!(TokenSigner::from_pkcs8(bytes).err(), Some(SignerError::Rejected));
        }
        assert!(TokenSigner::generate(&NoEntropy).is_err());
    }
}
