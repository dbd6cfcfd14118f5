use super::*;
use crate::RootKey;
use crate::entropy::{NoEntropy, SeededEntropy};
use proptest::prelude::*;

const INSTALLATION: [u8; 16] = [1; 16];
const VAULT: [u8; 16] = [2; 16];

fn parts() -> PlaceParts<'static> {
    PlaceParts { installation: &INSTALLATION, vault: &VAULT, kind: "secret", name: "db-password", version: "0190aabb" }
}

fn vault_key(seed: u64) -> VaultKey {
    VaultKey::generate(&SeededEntropy::new(seed)).unwrap()
}

fn root(seed: u64) -> RootKey {
    RootKey::generate(&SeededEntropy::new(seed)).unwrap()
}

fn seal(plaintext: &[u8]) -> SealedValue {
    vault_key(1).seal(&parts(), &Plaintext::from_slice(plaintext), &SeededEntropy::new(99)).unwrap()
}

/// Opens at the place of [`parts`], which is the expectation of the reader and not of the row.
fn open(sealed: &SealedValue) -> Result<Vec<u8>, OpenError> {
    let place = parts().place(&sealed.data_key_id, ROW_FORMAT);
    open_at(&place, sealed)
}

fn open_at(place: &Place<'_>, sealed: &SealedValue) -> Result<Vec<u8>, OpenError> {
    vault_key(1).open(place, sealed).map(|plaintext| plaintext.expose().to_vec())
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

#[test]
fn a_sealed_value_opens_at_its_place() {
    let sealed = seal(b"correct horse");
    assert_eq!(open(&sealed), Ok(b"correct horse".to_vec()));
    assert_eq!(sealed.row_format, ROW_FORMAT);
    assert_eq!(sealed.ciphertext.len(), 12 + 13 + 16);
    assert_eq!(sealed.wrapped_data_key.len(), 1 + 12 + 32 + 16);
}

#[test]
fn no_two_sealings_share_a_nonce_a_key_or_a_ciphertext() {
    let entropy = SeededEntropy::new(5);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let sealed = vault_key(1).seal(&parts(), &Plaintext::from_slice(b"same"), &entropy).unwrap();
        assert!(seen.insert(sealed.data_key_id.to_vec()));
        assert!(seen.insert(sealed.wrapped_data_key[1..13].to_vec()));
        assert!(seen.insert(sealed.ciphertext[..12].to_vec()));
        assert!(seen.insert(sealed.ciphertext[12..].to_vec()));
    }
}

#[test]
fn every_bit_of_ciphertext_nonce_and_tag_counts() {
    let sealed = seal(b"correct horse");
    for bit in 0..sealed.ciphertext.len() * 8 {
        let mut changed = sealed.clone();
        flip(&mut changed.ciphertext, bit);
        assert_eq!(open(&changed), Err(OpenError::Tampered), "bit {bit}");
    }
}

#[test]
fn every_bit_of_a_wrapped_data_key_counts() {
    let sealed = seal(b"correct horse");
    for bit in 0..sealed.wrapped_data_key.len() * 8 {
        let mut changed = sealed.clone();
        flip(&mut changed.wrapped_data_key, bit);
        let expected = if bit < 8 { OpenError::UnsupportedFormat } else { OpenError::Tampered };
        assert_eq!(open(&changed), Err(expected), "bit {bit}");
    }
}

#[test]
fn every_bit_of_a_data_key_id_counts_wherever_it_is_changed() {
    let sealed = seal(b"correct horse");
    for bit in 0..128 {
        let mut changed = sealed.clone();
        flip(&mut changed.data_key_id, bit);
        // In the row only, with the reader's place taken from the row, and in the place only.
        let right = parts().place(&sealed.data_key_id, ROW_FORMAT);
        let wrong = parts().place(&changed.data_key_id, ROW_FORMAT);
        assert_eq!(open_at(&right, &changed), Err(OpenError::Tampered));
        assert_eq!(open_at(&wrong, &changed), Err(OpenError::Tampered));
        assert_eq!(open_at(&wrong, &sealed), Err(OpenError::Tampered));
    }
}

#[test]
fn a_value_opens_at_no_other_place() {
    let sealed = seal(b"correct horse");
    let right = parts().place(&sealed.data_key_id, ROW_FORMAT);
    let places = [
        Place { installation: &[9; 16], ..right },
        Place { vault: &[9; 16], ..right },
        Place { installation: &VAULT, vault: &INSTALLATION, ..right },
        Place { kind: "key", ..right },
        Place { kind: "", ..right },
        Place { name: "db-passwor", ..right },
        Place { name: "DB-password", ..right },
        Place { name: "0190aabb", version: "db-password", ..right },
        Place { name: "db-password0", version: "190aabb", ..right },
        Place { kind: "secretd", name: "b-password", ..right },
        Place { version: "0190aabc", ..right },
        Place { row_format: 2, ..right },
        Place { row_format: 0, ..right },
    ];
    for place in places {
        assert_eq!(open_at(&place, &sealed), Err(OpenError::Tampered), "{place:?}");
    }
}

#[test]
fn a_row_of_another_format_is_not_tried() {
    for format in [0, 2, u16::MAX] {
        let mut sealed = seal(b"correct horse");
        sealed.row_format = format;
        let place = parts().place(&sealed.data_key_id, format);
        assert_eq!(open_at(&place, &sealed), Err(OpenError::UnsupportedFormat));
    }
}

#[test]
fn parts_of_two_rows_do_not_combine() {
    let entropy = SeededEntropy::new(4);
    let seal = |text: &[u8]| vault_key(1).seal(&parts(), &Plaintext::from_slice(text), &entropy).unwrap();
    // Two sealings of the same place, as after a restore: still every part belongs to one of them.
    let (old, new) = (seal(b"old"), seal(b"new"));
    let mixed = [
        SealedValue { ciphertext: old.ciphertext.clone(), ..new.clone() },
        SealedValue { wrapped_data_key: old.wrapped_data_key.clone(), ..new.clone() },
        SealedValue { data_key_id: old.data_key_id, ..new.clone() },
        SealedValue { data_key_id: new.data_key_id, ..old.clone() },
    ];
    for row in mixed {
        assert_eq!(open(&row), Err(OpenError::Tampered));
    }
}

#[test]
fn a_row_moved_between_vaults_opens_in_neither() {
    let (here, there) = (vault_key(1), vault_key(2));
    let sealed = seal(b"correct horse");
    let at_home = parts().place(&sealed.data_key_id, ROW_FORMAT);
    let moved = Place { vault: &[3; 16], ..at_home };
    // The other vault's key, at its place and at the original one; then this key at the other place.
    assert_eq!(there.open(&moved, &sealed).err(), Some(OpenError::Tampered));
    assert_eq!(there.open(&at_home, &sealed).err(), Some(OpenError::Tampered));
    assert_eq!(here.open(&moved, &sealed).err(), Some(OpenError::Tampered));
    assert!(here.open(&at_home, &sealed).is_ok());
}

#[test]
fn a_vault_key_opens_under_its_root_installation_and_vault_only() {
    let wrapped = vault_key(1).wrap(&root(1), &INSTALLATION, &VAULT, &SeededEntropy::new(3)).unwrap();
    assert_eq!(wrapped.0.len(), 1 + 12 + 32 + 16);
    let unwrapped = VaultKey::unwrap(&wrapped, &root(1), &INSTALLATION, &VAULT);
    let sealed = seal(b"correct horse");
    let place = parts().place(&sealed.data_key_id, ROW_FORMAT);
    let opened = unwrapped.ok().unwrap().open(&place, &sealed);
    assert_eq!(opened.ok().unwrap().expose(), b"correct horse");

    let refused = [
        VaultKey::unwrap(&wrapped, &root(2), &INSTALLATION, &VAULT),
        VaultKey::unwrap(&wrapped, &root(1), &[9; 16], &VAULT),
        VaultKey::unwrap(&wrapped, &root(1), &INSTALLATION, &[9; 16]),
        VaultKey::unwrap(&wrapped, &root(1), &VAULT, &INSTALLATION),
        VaultKey::unwrap(&WrappedKey(vec![]), &root(1), &INSTALLATION, &VAULT),
        VaultKey::unwrap(&WrappedKey(vec![1]), &root(1), &INSTALLATION, &VAULT),
    ];
    for result in refused {
        assert_eq!(result.err(), Some(OpenError::Tampered));
    }
}

#[test]
fn every_bit_of_a_wrapped_vault_key_counts() {
    let wrapped = vault_key(1).wrap(&root(1), &INSTALLATION, &VAULT, &SeededEntropy::new(3)).unwrap();
    for bit in 0..wrapped.0.len() * 8 {
        let mut changed = wrapped.clone();
        flip(&mut changed.0, bit);
        let expected = if bit < 8 { OpenError::UnsupportedFormat } else { OpenError::Tampered };
        let result = VaultKey::unwrap(&changed, &root(1), &INSTALLATION, &VAULT);
        assert_eq!(result.err(), Some(expected), "bit {bit}");
    }
}

#[test]
fn a_blob_does_not_pass_for_a_vault_key() {
    let blob = root(1)
        .seal_blob("vault-key", &INSTALLATION, &Plaintext::from_slice(&[7; 32]), &SeededEntropy::new(3))
        .unwrap();
    let result = VaultKey::unwrap(&WrappedKey(blob), &root(1), &INSTALLATION, &VAULT);
    assert_eq!(result.err(), Some(OpenError::Tampered));
}

#[test]
fn a_new_root_key_wraps_the_same_vault_key_again() {
    let entropy = SeededEntropy::new(3);
    let old = vault_key(1).wrap(&root(1), &INSTALLATION, &VAULT, &entropy).unwrap();
    let key = VaultKey::unwrap(&old, &root(1), &INSTALLATION, &VAULT).unwrap_or_else(|e| panic!("{e}"));
    let new = key.wrap(&root(2), &INSTALLATION, &VAULT, &entropy).unwrap();
    let key = VaultKey::unwrap(&new, &root(2), &INSTALLATION, &VAULT).unwrap_or_else(|e| panic!("{e}"));
    let sealed = seal(b"correct horse");
    let place = parts().place(&sealed.data_key_id, ROW_FORMAT);
    assert!(key.open(&place, &sealed).is_ok());
}

#[test]
fn nothing_is_sealed_without_randomness_or_beyond_the_limit() {
    let seal =
        |length: usize, entropy: &dyn Entropy| vault_key(1).seal(&parts(), &Plaintext::new(vec![0; length]), entropy);
    assert_eq!(seal(1, &NoEntropy).err(), Some(SealError::Entropy(EntropyError)));
    assert!(VaultKey::generate(&NoEntropy).is_err());
    let wrapped = vault_key(1).wrap(&root(1), &INSTALLATION, &VAULT, &NoEntropy);
    assert_eq!(wrapped.err(), Some(SealError::Entropy(EntropyError)));

    let entropy = SeededEntropy::new(1);
    let largest = seal(MAX_PLAINTEXT_LEN, &entropy).unwrap();
    assert_eq!(open(&largest).map(|plaintext| plaintext.len()), Ok(MAX_PLAINTEXT_LEN));
    assert_eq!(seal(MAX_PLAINTEXT_LEN + 1, &entropy).err(), Some(SealError::TooLong));
    let oversized = SealedValue { ciphertext: vec![0; MAX_PLAINTEXT_LEN + 29], ..largest };
    assert_eq!(open(&oversized), Err(OpenError::Tampered));
}

/// A place that owns its fields, from a small alphabet so that near collisions are tried.
type OwnedPlace = (u8, u8, String, String, String, u8, u16);

fn any_place() -> impl Strategy<Value = OwnedPlace> {
    let text = || "[ab]{0,3}";
    (0u8..3, 0u8..3, text(), text(), text(), 0u8..3, 0u16..3)
}

fn encode(place: &OwnedPlace) -> (Vec<u8>, Vec<u8>) {
    let (installation, vault, kind, name, version, data_key_id, row_format) = place;
    let place = Place {
        installation: &[*installation; 16],
        vault: &[*vault; 16],
        kind,
        name,
        version,
        data_key_id: &[*data_key_id; 16],
        row_format: *row_format,
    };
    (place.encode_for_value(), place.encode_for_data_key())
}

fn parts_of((kind, name, version): &(String, String, String)) -> PlaceParts<'_> {
    PlaceParts { kind, name, version, ..parts() }
}

proptest! {
    #[test]
    fn the_encoding_of_places_is_injective(left in any_place(), right in any_place()) {
        let (left_value, left_key) = encode(&left);
        let (right_value, right_key) = encode(&right);
        prop_assert_eq!(left_value == right_value, left == right);
        prop_assert_eq!(left_key == right_key, left == right);
        prop_assert_ne!(left_value, right_key);
    }

    #[test]
    fn a_value_opens_only_where_it_was_sealed(
        home in ("[ab]{0,3}", "[ab]{0,3}", "[ab]{0,3}"),
        other in ("[ab]{0,3}", "[ab]{0,3}", "[ab]{0,3}"),
    ) {
        let sealed = vault_key(1)
            .seal(&parts_of(&home), &Plaintext::from_slice(b"x"), &SeededEntropy::new(1))
            .unwrap();
        let result = open_at(&parts_of(&other).place(&sealed.data_key_id, ROW_FORMAT), &sealed);
        prop_assert_eq!(result.is_ok(), home == other);
    }

    #[test]
    fn any_value_up_to_the_limit_of_a_secret_comes_back(
        plaintext in prop::collection::vec(any::<u8>(), 0..=25_600),
        seed in any::<u64>(),
    ) {
        let sealed = vault_key(1)
            .seal(&parts(), &Plaintext::from_slice(&plaintext), &SeededEntropy::new(seed))
            .unwrap();
        prop_assert_eq!(sealed.ciphertext.len(), plaintext.len() + 28);
        prop_assert_eq!(open(&sealed), Ok(plaintext));
    }

    #[test]
    fn cut_and_extended_ciphertexts_are_refused(cut in 0usize..41, added in 1usize..20) {
        let sealed = seal(b"correct horse");
        let mut shorter = sealed.clone();
        shorter.ciphertext.truncate(cut);
        prop_assert_eq!(open(&shorter), Err(OpenError::Tampered));
        let mut longer = sealed.clone();
        longer.ciphertext.resize(sealed.ciphertext.len() + added, 0);
        prop_assert_eq!(open(&longer), Err(OpenError::Tampered));
        let mut key = sealed;
        key.wrapped_data_key.truncate(1 + cut);
        prop_assert_eq!(open(&key), Err(OpenError::Tampered));
    }
}

#[test]
fn a_backup_opens_in_its_vault_and_installation_alone_and_every_bit_counts() {
    let (key, other) =
        (VaultKey::generate(&SeededEntropy::new(1)).unwrap(), VaultKey::generate(&SeededEntropy::new(2)).unwrap());
    let sealed = key.seal_backup(&[1; 16], &[2; 16], b"versions", &SeededEntropy::new(3)).unwrap();
    assert_eq!(key.open_backup(&[1; 16], &[2; 16], &sealed).unwrap(), b"versions");
    for refused in [
        key.open_backup(&[9; 16], &[2; 16], &sealed),
        key.open_backup(&[1; 16], &[9; 16], &sealed),
        other.open_backup(&[1; 16], &[2; 16], &sealed),
        key.open_backup(&[1; 16], &[2; 16], &sealed[..sealed.len() - 1]),
    ] {
        assert_eq!(refused.unwrap_err(), OpenError::Tampered);
    }
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(key.open_backup(&[1; 16], &[2; 16], &changed).is_err(), "bit {bit}");
    }
    let too_long = vec![0; MAX_BACKUP_LEN + 1];
    assert_eq!(key.seal_backup(&[1; 16], &[2; 16], &too_long, &SeededEntropy::new(3)), Err(SealError::TooLong));
}
