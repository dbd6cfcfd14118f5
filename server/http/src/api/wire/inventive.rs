//! Clients that make up what they are not given.
//!
//! Azure's package for Python (seen in `azure-keyvault-keys` 4.11.3, `SymmetricKey` of `azure.keyvault.keys.crypto`)
//! draws random bytes for a symmetric key whose bytes no answer holds, and wraps and encrypts under them by itself,
//! without a word: what it gave, nobody can ever open. It asks the vault instead for every operation that `key_ops`
//! lacks. So it is told of no operation that it would try by itself. Which operations are permitted is judged from what
//! is stored, never from what is told here.

use super::keys::KeyBundle;

/// The package, as it calls itself in `User-Agent`. `az` is built on it.
const PACKAGE: &str = "azsdk-python-keyvault-keys";

/// Whether a client, by its `User-Agent`, is one of them.
pub(crate) fn invents_symmetric_keys(user_agent: &str) -> bool {
    let mut products = user_agent.split_ascii_whitespace().filter_map(|product| product.split_once('/'));
    products.any(|(name, _)| name.eq_ignore_ascii_case(PACKAGE))
}

/// Names no use of a symmetric key that such a client would try by itself.
pub(crate) fn leave_symmetric_uses_to_the_vault(bundle: &mut KeyBundle<'_>) {
    let (kty, operations) = bundle.operations();
    if matches!(kty, "oct" | "oct-HSM") {
        operations.retain(|operation| matches!(*operation, "sign" | "verify"));
    }
}

#[cfg(test)]
mod tests {
    use super::invents_symmetric_keys;

    #[test]
    fn the_package_is_known_whatever_stands_around_its_name() {
        for agent in [
            "azsdk-python-keyvault-keys/4.11.3 Python/3.11.2 (Linux-6.1-x86_64)",
            "payments/1 azsdk-python-keyvault-keys/4.8.0 Python/3.9.1 (Windows-10)",
            "AZURECLI/2.70.0 (DEB) azsdk-python-keyvault-keys/4.9.0b3 Python/3.12.8 (Linux)",
        ] {
            assert!(invents_symmetric_keys(agent), "{agent}");
        }
        for agent in
            ["", "azsdk-python-keyvault-secrets/4.9.0 Python/3.11.2", "azsdk-js-keyvault-keys/4.9.0", "curl/8.5"]
        {
            assert!(!invents_symmetric_keys(agent), "{agent}");
        }
    }
}
