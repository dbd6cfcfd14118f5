//! What earlier releases stored and signed, computed outside this crate (with Python's hashlib and
//! cryptography) from the documented layouts. A change that breaks one of these locks existing
//! installations out of their data or invalidates their audit trail: it needs a new format instead.

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::chain::{extend, genesis, record_hash};
use crate::{CheckpointBody, PlaceParts, RootCipher, RootKey, SealedValue, VaultKey, WrappedKey, hash_client_secret};

const INSTALLATION: [u8; 16] = [1; 16];
const VAULT: [u8; 16] = [2; 16];
const DATA_KEY_ID: [u8; 16] = [3; 16];

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn root() -> RootKey {
    RootKey::from_secret([9; 32])
}

fn vault_key() -> VaultKey {
    VaultKey::from_secret(Zeroizing::new([7; 32]))
}

/// A version sealed at `secret/db-password/0190aabb`.
fn open_stored_row(key: &VaultKey) -> Vec<u8> {
    let sealed = SealedValue {
        data_key_id: DATA_KEY_ID,
        wrapped_data_key: hex(
            "010a0a0a0a0a0a0a0a0a0a0a0ad33f0ddae0c6642038487e28f7d81c9d83f5a8e153599be57f17213fe22eca52f70d72c2e453cbce30f5302fffebdf20",
        ),
        ciphertext: hex("0b0b0b0b0b0b0b0b0b0b0b0b3629be8e472dec2fe90ac8796f17f0cc345d4981e7787667d20f527b67"),
        row_format: 1,
    };
    let parts = PlaceParts {
        installation: &INSTALLATION,
        vault: &VAULT,
        kind: "secret",
        name: "db-password",
        version: "0190aabb",
    };
    match key.open(&parts.place(&DATA_KEY_ID, 1), &sealed) {
        Ok(plaintext) => plaintext.expose().to_vec(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_stored_value_opens() {
    assert_eq!(open_stored_row(&vault_key()), b"first release");
}

#[test]
fn a_stored_vault_key_opens() {
    let wrapped = WrappedKey(hex(
        "010a0a0a0a0a0a0a0a0a0a0a0a3ea96da8b8efae178620263cd446f74b5e93b1b5a23655e6c2e1b0087e067d6c861253b4676750ab25ab3d3802f6ed2b",
    ));
    match VaultKey::unwrap(&wrapped, &root(), &INSTALLATION, &VAULT) {
        Ok(key) => assert_eq!(open_stored_row(&key), b"first release"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_stored_blob_opens() {
    let sealed = hex("010a0a0a0a0a0a0a0a0a0a0a0a56aff8e70223f9dba4b61d91ca61193e357bc58b");
    match root().open_blob("label", &INSTALLATION, &sealed) {
        Ok(plaintext) => assert_eq!(plaintext.expose(), b"blob"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_fingerprint_of_a_root_key_stays() {
    assert_eq!(root().id(), "f97beed15b86aa22");
}

#[test]
fn stored_tags_stay_valid() {
    let tag = hex("56552f21c0025727e460e16f3755b2dd28f9fb2ef2ed63b054a86c65336f1ebf");
    let key = root().mac_key("purpose", &INSTALLATION);
    assert!(key.verify(&[b"row"], &tag));

    let tag = hex("4d6d86ee0a2e165fdcc2e2a667b31e8f3febad9229fca22aa627e30c7bbb332d");
    let key = vault_key().mac_key("purpose", &INSTALLATION, &VAULT);
    assert!(key.verify(&[b"row"], &tag));
}

#[test]
fn stored_client_secrets_stay_valid() {
    let key = root().mac_key("purpose", &INSTALLATION);
    assert_eq!(
        HEXLOWER.encode(&hash_client_secret(&key, "app", "srs_x")),
        "e1260767cd34e528c247041aab40aa40cd3f2141a5549d99800429596864af4c"
    );
}

#[test]
fn the_audit_chain_stays() {
    let start = genesis(&INSTALLATION, "node-1");
    assert_eq!(HEXLOWER.encode(&start), "2db44e365fd56012d8c470d71c75dfeadc4ee752ae3f00e468dce948519dcde2");
    let record = record_hash(&[3; 16], b"{}");
    assert_eq!(HEXLOWER.encode(&record), "ab9e59a076a6f7c14cd7afe98913044bcf7f5a9a347423701a1d194021a9758f");
    assert_eq!(
        HEXLOWER.encode(&extend(&start, 1, &record)),
        "181c1ac568ccf849053fe5941349d8fbb5e76700f71a14956efd9adbc2f53f18"
    );
    let checkpoint = CheckpointBody {
        installation: INSTALLATION,
        node: "node-1".to_owned(),
        seq: 1,
        head: start,
        at_millis: 1_700_000_000_000,
    };
    assert_eq!(
        HEXLOWER.encode(&crate::canonical::sha256(&checkpoint.to_signed_bytes())),
        "cb38eea9de946eb0b7c9eddaaee0323325f3397174db2285b2d4ad1a6bc8359b"
    );
}
