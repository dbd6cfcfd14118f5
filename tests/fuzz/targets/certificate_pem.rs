//! Certificates and keys as text and as DER: what a merge, an import of PEM and `certificate inspect` read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_crypto::x509::{
    CertificateFacts, Document, Imported, Template, certificates_in, inspect, pem, thumbprint,
};

/// A moment between the dates of what the corpus holds.
const NOW: i64 = 1_767_225_600;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificates) = certificates_in(bytes) {
        for der in &certificates {
            let facts = CertificateFacts::of(der).expect("they were read");
            if let Ok(template) = Template::of(der) {
                let _ = template.check();
            }
            assert!(thumbprint(der) != [0; 20] && !facts.subject.is_empty());
        }
        let _ = CertificateFacts::of_chain(&certificates);
        if let Ok(told) = inspect(&certificates, None, NOW) {
            assert_eq!(told.len(), certificates.len());
        }
    }
    if let Ok(document) = Document::read(bytes, "") {
        let _ = inspect(&document.certificates, document.key.as_ref(), NOW);
    }
    if let Ok(taken) = Imported::from_pem(bytes, "", true, NOW) {
        let given = pem(Some(&taken.key.private), &taken.chain);
        let again =
            Imported::from_pem(given.expose().as_bytes(), "", true, NOW).ok().expect("what is given out is taken in");
        assert!(again.chain == taken.chain && again.key.public == taken.key.public);
    }
});
