//! Certificates that cannot be: two of one issuer with one serial number, that say different things.
//!
//! One and the same certificate may be in a vault twice, under two names or as two versions: it contradicts nothing.

use strongroom_crypto::x509::CertificateFacts;

use super::{CertificateError, Certificates};
use crate::{names::ObjectKind, objects::ObjectError, vault::Vault};

/// Most versions that are looked at: all of them say the same, because another would not have been taken in.
const MOST: usize = 100;

impl Certificates {
    /// Whether a vault has a certificate that contradicts this one, which is not stored yet.
    pub(super) async fn contradicts_none(
        &self,
        vault: &Vault,
        facts: &CertificateFacts,
        certificate: &[u8],
    ) -> Result<(), CertificateError> {
        let store = &self.objects.store;
        let found = store.issued_as(vault.id, &facts.issued_as(), MOST).await.map_err(ObjectError::from)?;
        for (name, version) in found {
            let known = store.facts(vault.id, ObjectKind::Certificate, &name, Some(&version)).await;
            let known = known.map_err(ObjectError::from)?;
            let known = known.as_ref().and_then(|facts| facts.version.as_ref()?.certificate.as_deref()?.leaf());
            if known.is_some_and(|known| known != certificate) {
                // The caller may not be one who may list what is in the vault.
                tracing::warn!(vault = %vault.name, certificate = %name, "a certificate is by the same issuer with the same serial number as this one");
                return Err(CertificateError::DuplicateSerial);
            }
        }
        Ok(())
    }
}
