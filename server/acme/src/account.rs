//! The account at an authority: its address there and its private key, which only this crate uses and its caller seals.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use instant_acme::{AccountBuilder, Error, ExternalAccountKey, NewAccount};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Serialize};
use strongroom_crypto::SecretText;
use strongroom_domain::issuer::AcmeSettings;
use zeroize::Zeroizing;

/// Longest address of an account, and longest key in PKCS#8.
const MAX_URL: usize = 2048;
const MAX_KEY: usize = 1024;
/// Longest key id, and shortest and longest key, of an external binding.
const MAX_KID: usize = 512;
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 16..=512;

/// An account. Has no `Debug`: a private key is in it.
pub(crate) struct Account {
    pub(crate) url: String,
    key: Zeroizing<Vec<u8>>,
    /// Of which directory.
    directory: String,
    /// By which external binding.
    external: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Document<'a> {
    url: &'a str,
    /// PKCS#8 in base64; borrowed, so that no copy of a private key stays behind.
    pkcs8: &'a str,
    directory: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external: Option<&'a str>,
}

impl Account {
    /// Makes one at the authority. By listing a directory, the operator agrees to its terms.
    pub(crate) async fn register(
        builder: AccountBuilder,
        settings: &AcmeSettings,
        binding: Option<&ExternalBinding>,
    ) -> Result<Self, Error> {
        let contacts: Vec<String> = settings.contacts.iter().map(|mail| format!("mailto:{mail}")).collect();
        let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
        let wanted = NewAccount { contact: &contacts, terms_of_service_agreed: true, only_return_existing: false };
        let binding = binding.map(ExternalBinding::key);
        let (made, credentials) = builder.create(&wanted, settings.directory.clone(), binding.as_ref()).await?;
        Ok(Self {
            url: made.id().to_owned(),
            key: Zeroizing::new(credentials.private_key().secret_pkcs8_der().to_vec()),
            directory: settings.directory.clone(),
            external: settings.external_account.clone(),
        })
    }

    /// Whether it is one for these settings: at another directory, or of another binding, it is somebody else's.
    pub(crate) fn is_for(&self, settings: &AcmeSettings) -> bool {
        self.directory == settings.directory && self.external == settings.external_account
    }

    /// Takes it up again.
    pub(crate) async fn restore(&self, builder: AccountBuilder) -> Result<instant_acme::Account, Error> {
        let key = PrivatePkcs8KeyDer::from(self.key.as_slice());
        builder.from_parts(self.url.clone(), key, self.directory.clone()).await
    }

    /// The document to be sealed.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub(crate) fn to_document(&self) -> Result<SecretText, serde_json::Error> {
        let pkcs8 = Zeroizing::new(BASE64.encode(&self.key));
        let document =
            Document { url: &self.url, pkcs8: &pkcs8, directory: &self.directory, external: self.external.as_deref() };
        // All of it at once: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(8 * MAX_URL + 2 * MAX_KEY));
        serde_json::to_writer(&mut *text, &document)?;
        Ok(SecretText::new(String::from_utf8_lossy(&text).into_owned()))
    }

    /// Reads what [`Account::to_document`] wrote; none when it is something else.
    pub(crate) fn from_document(document: &SecretText) -> Option<Self> {
        let document: Document<'_> = serde_json::from_str(document.expose()).ok()?;
        let key = Zeroizing::new(BASE64.decode(document.pkcs8.as_bytes()).ok()?);
        let is_one = !key.is_empty() && key.len() <= MAX_KEY && document.url.len() <= MAX_URL;
        is_one.then(|| Self {
            url: document.url.to_owned(),
            key,
            directory: document.directory.to_owned(),
            external: document.external.map(str::to_owned),
        })
    }
}

/// The key by which an authority knows whose account is being made (RFC 8555, section 7.3.4). Has no `Debug`.
pub(crate) struct ExternalBinding {
    key_id: String,
    key: Zeroizing<Vec<u8>>,
}

impl ExternalBinding {
    /// Of a key id and a MAC key in base64url, as authorities give them out; base64 and padding are read too. None when
    /// it is not that.
    pub(crate) fn new(key_id: &str, key: &SecretText) -> Option<Self> {
        let is_id = (1..=MAX_KID).contains(&key_id.len()) && key_id.bytes().all(|byte| byte.is_ascii_graphic());
        let text = key.expose().trim().trim_end_matches('=');
        let mut url_safe = Zeroizing::new(Vec::with_capacity(text.len()));
        url_safe.extend(text.bytes().map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        }));
        let key = Zeroizing::new(BASE64URL_NOPAD.decode(&url_safe).ok()?);
        (is_id && KEY_LENGTHS.contains(&key.len())).then(|| Self { key_id: key_id.to_owned(), key })
    }

    fn key(&self) -> ExternalAccountKey {
        ExternalAccountKey::new(self.key_id.clone(), &self.key)
    }
}

#[cfg(test)]
mod tests {
    use strongroom_domain::issuer::Challenge;

    use super::*;

    #[test]
    fn an_account_survives_its_document_and_nothing_else_is_one() {
        let settings = |directory: &str, external: Option<&str>| AcmeSettings {
            directory: directory.to_owned(),
            contacts: Vec::new(),
            challenge: Challenge::Http01,
            external_account: external.map(str::to_owned),
            ca_bundle: None,
            renewal_information: true,
        };
        let account = Account {
            url: "https://ca.example/account/1".to_owned(),
            key: Zeroizing::new(vec![1, 2, 3]),
            directory: "https://ca.example/dir".to_owned(),
            external: Some("kid".to_owned()),
        };
        let read = Account::from_document(&account.to_document().unwrap()).unwrap();
        assert_eq!((read.url.as_str(), read.key.as_slice()), ("https://ca.example/account/1", &[1u8, 2, 3][..]));
        assert!(read.is_for(&settings("https://ca.example/dir", Some("kid"))));
        assert!(!read.is_for(&settings("https://ca.example/dir", None)));
        assert!(!read.is_for(&settings("https://other.example/dir", Some("kid"))));
        for other in
            ["", "{}", r#"{"url":"u","pkcs8":"","directory":"d"}"#, r#"{"url":"u","pkcs8":"%","directory":"d"}"#]
        {
            assert!(Account::from_document(&SecretText::new(other.to_owned())).is_none(), "{other}");
        }
    }

    #[test]
    fn a_binding_is_read_in_every_alphabet_authorities_use() {
        let binding = |id: &str, key: &str| ExternalBinding::new(id, &SecretText::new(key.to_owned()));
        for key in ["-_8AAAAAAAAAAAAAAAAAAA", "+/8AAAAAAAAAAAAAAAAAAA==", " -_8AAAAAAAAAAAAAAAAAAA== "] {
            assert_eq!(binding("kid-1", key).unwrap().key.get(..3), Some(&[0xfb, 0xff, 0][..]), "{key}");
        }
        for (id, key) in [("", "-_8AAAAAAAAAAAAAAAAAAA"), ("a b", "-_8AAAAAAAAAAAAAAAAAAA"), ("k", "AAAA"), ("k", "!!")]
        {
            assert!(binding(id, key).is_none(), "{id} {key}");
        }
    }
}
