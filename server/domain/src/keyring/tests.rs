//! A root key that is not in memory: what is asked of it may fail for want of an answer, which says nothing of what
//! is stored.

use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_crypto::{RootUse, SeededEntropy};
use zeroize::Zeroizing;

use super::*;
use crate::{
    names::VaultName,
    secret::LifeState,
    vault::{Vault, VaultSettings},
};

/// A root key as a token has it: somewhere else, and not always there.
struct Elsewhere {
    key: RootKey,
    away: Arc<AtomicBool>,
}

impl Elsewhere {
    fn new(seed: u64) -> (Box<Self>, Arc<AtomicBool>) {
        let away = Arc::new(AtomicBool::new(false));
        let key = RootKey::generate(&SeededEntropy::new(seed)).unwrap();
        (Box::new(Self { key, away: Arc::clone(&away) }), away)
    }
}

impl RootCipher for Elsewhere {
    fn id(&self) -> String {
        self.key.id()
    }

    fn seal(
        &self,
        purpose: RootUse,
        associated: &[u8],
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        if self.is_reachable() {
            self.key.seal(purpose, associated, plaintext, entropy)
        } else {
            Err(SealError::Unreachable)
        }
    }

    fn open(&self, purpose: RootUse, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if self.is_reachable() { self.key.open(purpose, associated, sealed) } else { Err(OpenError::Unreachable) }
    }

    fn in_memory(&self) -> Option<&RootKey> {
        None
    }

    fn is_reachable(&self) -> bool {
        !self.away.load(Ordering::SeqCst)
    }
}

fn keyring(root: Box<dyn RootCipher>) -> Arc<Keyring> {
    let secrets = MacSecrets::generate(&SeededEntropy::new(2)).unwrap();
    Arc::new(Keyring::with_secrets(root, InstallationId(uuid::Uuid::from_u128(1)), &secrets).unwrap())
}

fn vault(keyring: &Keyring, number: u128) -> Arc<Vault> {
    let id = VaultId(uuid::Uuid::from_u128(number));
    let mut vault = Vault {
        id,
        name: VaultName::parse("kept").unwrap(),
        settings: VaultSettings::default(),
        revision: 1,
        created_at: 1,
        wrapped_key: keyring.new_vault_key(id, &SeededEntropy::new(3)).unwrap(),
        life: LifeState::Active,
        tag: Vec::new(),
    };
    vault.tag = keyring.tag_vault(&vault).unwrap();
    Arc::new(vault)
}

#[test]
fn a_page_token_tells_nothing_and_opens_in_its_own_listing_alone() {
    let (root, away) = Elsewhere::new(1);
    let keyring = keyring(root);
    away.store(true, Ordering::SeqCst);
    let (demo, other) = (VaultName::parse("demo").unwrap(), VaultName::parse("other").unwrap());
    let token = |place: &str, seed| keyring.page_token(&demo, "/secrets", place, &SeededEntropy::new(seed)).unwrap();
    let hidden = token("hidden-name", 4);
    assert!(!hidden.windows(6).any(|bytes| bytes == b"hidden"));
    assert_eq!(hidden.len(), token("a", 5).len(), "not even how long it is");
    assert_ne!(hidden, token("hidden-name", 6), "nor whether it is the same as before");
    let longest = token(&"n".repeat(127), 7);
    assert_eq!(keyring.page_place(&demo, "/secrets", &longest), Some("n".repeat(127)));
    assert_eq!(keyring.page_place(&demo, "/secrets", &hidden).as_deref(), Some("hidden-name"));
    assert_eq!(keyring.page_place(&other, "/secrets", &hidden), None, "of another vault");
    assert_eq!(keyring.page_place(&demo, "/keys", &hidden), None, "of another listing");
    assert_eq!(keyring.page_place(&demo, "/secrets", b"hidden-name"), None, "as anybody can write it");
    assert_eq!(keyring.page_place(&demo, "/secrets", &[]), None);
    for at in 0..hidden.len() {
        let mut edited = hidden.clone();
        edited[at] ^= 1;
        assert_eq!(keyring.page_place(&demo, "/secrets", &edited), None, "byte {at}");
        assert_eq!(keyring.page_place(&demo, "/secrets", &hidden[..at]), None, "cut at {at}");
    }
    let (again, _) = Elsewhere::new(9);
    let again =
        Keyring::with_secrets(again, keyring.installation(), &MacSecrets::generate(&SeededEntropy::new(2)).unwrap());
    let place = again.unwrap().page_place(&demo, "/secrets", &hidden);
    assert_eq!(place.as_deref(), Some("hidden-name"), "by the next start, whatever the root key is by then");
}

#[tokio::test]
async fn a_root_key_that_is_out_of_reach_is_no_tampering() {
    let (root, away) = Elsewhere::new(1);
    let keyring = keyring(root);
    let (used, unused) = (vault(&keyring, 1), vault(&keyring, 2));
    keyring.verified_vault_keys(&used).await.unwrap();
    away.store(true, Ordering::SeqCst);
    assert!(!keyring.root_key_is_reachable());
    assert!(keyring.verified_vault_keys(&used).await.is_ok(), "kept in memory");
    assert!(matches!(keyring.verified_vault_keys(&unused).await, Err(KeyringError::Unreachable)));
    let made = keyring.new_vault_key(used.id, &SeededEntropy::new(4));
    assert!(matches!(made, Err(KeyringError::Seal(SealError::Unreachable))));
    let passing = keyring.seal_passing("sign-in", &Plaintext::from_slice(b"x"), &SeededEntropy::new(4)).unwrap();
    assert_eq!(keyring.open_passing("sign-in", &passing).ok().unwrap().expose(), b"x", "needs no root key");
    assert!(keyring.open_passing("other", &passing).is_err());
    away.store(false, Ordering::SeqCst);
    assert!(keyring.verified_vault_keys(&unused).await.is_ok(), "and back");

    let moved = Arc::new(Vault { wrapped_key: unused.wrapped_key.clone(), ..(*used).clone() });
    assert!(
        matches!(keyring.verified_vault_keys(&moved).await, Err(KeyringError::Tampered)),
        "its row is not authentic"
    );
    let mut retagged = (*moved).clone();
    retagged.tag = keyring.tag_vault(&retagged).unwrap();
    let retagged = keyring.verified_vault_keys(&Arc::new(retagged)).await;
    assert!(matches!(retagged, Err(KeyringError::Tampered)), "and neither is its key");
}

#[tokio::test]
async fn a_row_that_is_not_the_very_same_is_verified_anew() {
    let (root, _) = Elsewhere::new(1);
    let keyring = keyring(root);
    let row = vault(&keyring, 1);
    for _ in 0..2 {
        keyring.verified_vault_keys(&row).await.unwrap();
    }
    let alike = Arc::new((*row).clone());
    keyring.verified_vault_keys(&alike).await.unwrap();
    let changed = |row: &Vault| Arc::new(Vault { revision: row.revision + 1, ..row.clone() });
    assert!(matches!(keyring.verified_vault_keys(&changed(&row)).await, Err(KeyringError::Tampered)));
    // Not even in the place of one that was let go.
    let (mut last, mut places) = (alike, Vec::new());
    for _ in 0..50 {
        let other = changed(&row);
        drop(last);
        assert!(matches!(keyring.verified_vault_keys(&other).await, Err(KeyringError::Tampered)));
        places.push(changed(&row));
        last = Arc::new((*row).clone());
        keyring.verified_vault_keys(&last).await.unwrap();
    }
    for other in places {
        assert!(matches!(keyring.verified_vault_keys(&other).await, Err(KeyringError::Tampered)));
    }
}
