//! The certificate that the server itself shows, out of a vault: read by a principal of its own, with a record, and
//! judged by the modules of the vault as everybody's reading is. Gives out nothing but the secret of a certificate.

use strongroom_crypto::SecretText;

use super::{CertificateError, Certificates};
use crate::{
    names::{ObjectName, ObjectVersion, VaultName},
    objects::ObjectError,
    schedule::own_request,
    secrets::Secrets,
    time::Clock,
};

/// Name of the system principal in records.
pub const PRINCIPAL: &str = "server-certificate";

impl Certificates {
    /// The current version of a certificate with its chain and its private key, as the secret of its name holds it.
    ///
    /// # Errors
    /// [`CertificateError`]; not found as well when there is a secret of the name that is no certificate's.
    pub async fn for_server(
        &self,
        vault: &VaultName,
        name: &ObjectName,
        clock: &dyn Clock,
    ) -> Result<(ObjectVersion, SecretText), CertificateError> {
        let ctx = own_request(PRINCIPAL, clock, &*self.objects.entropy).map_err(|_| ObjectError::Unavailable)?;
        let secrets = Secrets { objects: std::sync::Arc::clone(&self.objects) };
        let read = secrets.get(&ctx, vault, name, None).await?;
        if !read.secret.managed {
            return Err(ObjectError::NotFound(name.clone(), None).into());
        }
        Ok((read.meta.version, read.value))
    }
}
