//! PKCS#12 as somebody imports it, with a password, and what is taken in given out again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_crypto::x509::{CertificateFacts, Document, Imported, pkcs12};

/// A moment between the dates of what the corpus holds.
const NOW: i64 = 1_767_225_600;

/// A document, and its password, which stands behind it: behind the length that it says, or behind the last mark of an
/// end.
fn with_password(bytes: &[u8]) -> (&[u8], &str) {
    let end = match bytes {
        [0x30, 0x80, ..] => bytes.windows(2).rposition(|mark| mark == [0, 0]).map_or(bytes.len(), |mark| mark + 2),
        [0x30, 0x81, length, ..] => 3 + usize::from(*length),
        [0x30, 0x82, high, low, ..] => 4 + usize::from(u16::from_be_bytes([*high, *low])),
        _ => bytes.len(),
    };
    let (document, password) = bytes.split_at(end.min(bytes.len()));
    (document, std::str::from_utf8(password).unwrap_or_default())
}

fuzz_target!(|bytes: &[u8]| {
    let (document, password) = with_password(bytes);
    let _ = Document::read(document, password);
    for keep_order in [false, true] {
        let Ok(taken) = Imported::from_pkcs12(document, password, keep_order, NOW) else { return };
        let own = taken.chain.first().expect("the key's own certificate");
        assert_eq!(CertificateFacts::of(own).expect("it was read").key, taken.key.public);
        let given = pkcs12(Some(&taken.key.private), &taken.chain, "fuzz").expect("what was taken in is given out");
        let again = Imported::from_pkcs12(given.expose(), "", true, NOW).ok().expect("and is taken in again");
        assert!(again.chain == taken.chain && again.key.public == taken.key.public);
    }
});
