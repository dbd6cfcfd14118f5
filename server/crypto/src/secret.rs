//! Containers for secrets: overwritten when dropped, and without `Debug`, `Serialize`, `Clone` or
//! `PartialEq`, so that no secret is printed, sent, copied or compared in variable time by accident.
//!
//! Looking inside takes a call named `expose`, which review can search for.

use zeroize::{Zeroize, Zeroizing};

/// Secret bytes.
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    /// Takes over `bytes`; the buffer is overwritten when this value is dropped. Copies that were
    /// left behind while `bytes` grew are out of reach: allocate the full size first.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Copies `bytes`. The caller's copy stays the caller's to clear.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    pub(crate) fn from_zeroizing(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The secret itself. Must not be logged or stored unsealed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the bytes as text without copying them.
    ///
    /// # Errors
    /// [`NotUtf8`] when they are not UTF-8; the bytes are overwritten.
    pub fn into_utf8(mut self) -> Result<SecretText, NotUtf8> {
        String::from_utf8(std::mem::take(&mut *self.0)).map(SecretText::new).map_err(|error| {
            error.into_bytes().zeroize();
            NotUtf8
        })
    }
}

/// Bytes that were expected to be text are not UTF-8. Says nothing about their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is not UTF-8 text")]
pub struct NotUtf8;

/// Secret text.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes over `text`; the buffer is overwritten when this value is dropped.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself. Must not be logged or stored unsealed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The length in bytes of UTF-8.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same text as bytes, without copying it.
    #[must_use]
    pub fn into_plaintext(mut self) -> Plaintext {
        Plaintext::new(std::mem::take(&mut *self.0).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_the_way_through_bytes() {
        let text = SecretText::new("pässwörd".to_owned());
        assert_eq!(text.len(), 10);
        let bytes = text.into_plaintext();
        assert_eq!(bytes.expose(), "pässwörd".as_bytes());
        let text = bytes.into_utf8().ok().unwrap();
        assert_eq!(text.expose(), "pässwörd");
        assert!(!text.is_empty());
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        assert!(Plaintext::new(vec![0xff, 0xfe]).into_utf8().is_err());
        assert!(Plaintext::from_slice(b"").is_empty());
    }

    // Implementing any of these would make the call below ambiguous and stop the compilation.
    macro_rules! lacks {
        ($type:ty: $trait:path) => {{
            trait AmbiguousIfImplemented<A> {
                fn check() {}
            }
            impl<T: ?Sized> AmbiguousIfImplemented<()> for T {}
            struct Implemented;
            impl<T: ?Sized + $trait> AmbiguousIfImplemented<Implemented> for T {}
            <$type as AmbiguousIfImplemented<_>>::check();
        }};
    }

    macro_rules! is_guarded {
        ($($type:ty),+) => {$(
            lacks!($type: std::fmt::Debug);
            lacks!($type: std::fmt::Display);
            lacks!($type: serde::Serialize);
            lacks!($type: Clone);
            lacks!($type: PartialEq);
        )+};
    }

    #[test]
    fn nothing_secret_can_be_printed_serialized_cloned_or_compared() {
        is_guarded!(
            Plaintext,
            SecretText,
            crate::RootKey,
            crate::VaultKey,
            crate::MacKey,
            crate::AuditSigner,
            crate::TokenSigner,
            crate::DevAuthority
        );
    }
}
