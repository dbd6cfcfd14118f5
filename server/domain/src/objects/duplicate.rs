//! Certificates that cannot be: two of one issuer with one serial number, that say different things.
//!
//! One and the same certificate may be in a vault twice, under two names or as two versions: it contradicts nothing. The
//! store looks once more where it writes, because two requests that each look before either writes would both find none.

use strongroom_crypto::x509::CertificateFacts;

use super::{ObjectError, Objects};
use crate::{backup::Backup, names::ObjectKind, vault::Vault};

/// Most versions that are looked at: all of them say the same, because another would not have been taken in.
const MOST: usize = 100;

impl Objects {
    /// Whether a vault has a certificate that contradicts this one, which is not stored yet.
    pub(crate) async fn contradicts_none(
        &self,
        vault: &Vault,
        facts: &CertificateFacts,
        certificate: &[u8],
    ) -> Result<(), ObjectError> {
        let store = &self.store;
        for (name, version) in store.issued_as(vault.id, &facts.issued_as(), MOST).await? {
            let known = store.facts(vault.id, ObjectKind::Certificate, &name, Some(&version)).await?;
            let known = known.as_ref().and_then(|facts| facts.version.as_ref()?.certificate.as_deref()?.leaf());
            if known.is_some_and(|known| known != certificate) {
                // The caller may not be one who may list what is in the vault.
                tracing::warn!(vault = %vault.name, certificate = %name, "a certificate is by the same issuer with the same serial number as this one");
                return Err(ObjectError::DuplicateSerial);
            }
        }
        Ok(())
    }

    /// The same of those in a backup: another may have come in since it was made.
    pub(super) async fn backup_contradicts_none(&self, vault: &Vault, backup: &Backup) -> Result<(), ObjectError> {
        let leaves = backup.versions.iter().filter_map(|version| version.meta.certificate.as_deref()?.leaf());
        for leaf in leaves {
            let facts = CertificateFacts::of(leaf).map_err(|_| ObjectError::BadBackup)?;
            self.contradicts_none(vault, &facts, leaf).await?;
        }
        Ok(())
    }
}
