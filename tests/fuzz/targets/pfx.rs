//! PKCS#12 as somebody imports it, without a password, and what is taken in given out again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_crypto::x509::{CertificateFacts, Document, Imported, pkcs12};

/// A moment between the dates of what the corpus holds.
const NOW: i64 = 1_767_225_600;

fuzz_target!(|bytes: &[u8]| {
    let _ = Document::read(bytes, "");
    for keep_order in [false, true] {
        let Ok(taken) = Imported::from_pkcs12(bytes, "", keep_order, NOW) else { return };
        let own = taken.chain.first().expect("the key's own certificate");
        assert_eq!(CertificateFacts::of(own).expect("it was read").key, taken.key.public);
        let given = pkcs12(Some(&taken.key.private), &taken.chain, "fuzz").expect("what was taken in is given out");
        let again = Imported::from_pkcs12(given.expose(), "", true, NOW).ok().expect("and is taken in again");
        assert!(again.chain == taken.chain && again.key.public == taken.key.public);
    }
});
