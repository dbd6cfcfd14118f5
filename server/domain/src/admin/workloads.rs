//! Use cases of workload identities. A client secret is told once and never again.

use strongroom_crypto::SecretText;

use super::{AdminError, Administration};
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate::Ask,
    identity::{ClientSecretHash, Federation, Workload},
    time::uuid_v4,
};

impl Administration {
    /// Makes a workload with one client secret, which is told this once and never again.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn create_workload(
        &self,
        ctx: &RequestContext,
        name: &str,
        federations: Vec<Federation>,
    ) -> Result<(Workload, SecretText), AdminError> {
        if name.is_empty() || name.chars().count() > 128 || name.chars().any(char::is_control) {
            return Err(AdminError::Invalid("a workload's name has 1 to 128 printable characters"));
        }
        if federations.len() > 20 {
            return Err(AdminError::Invalid("a workload has at most 20 federations"));
        }
        let case = self.admit(ctx, Ask::server(Action::WorkloadCreate)).await?;
        let client_id = uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
        let secret = strongroom_crypto::new_client_secret(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
        let hash =
            strongroom_crypto::hash_client_secret(self.keyring.credentials(), &client_id.to_string(), secret.expose());
        let id = uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
        let mut workload = Workload {
            client_id,
            name: name.to_owned(),
            enabled: true,
            secrets: vec![ClientSecretHash { id, hash: hash.to_vec(), expires: None }],
            federations,
            revision: 1,
            tag: Vec::new(),
        };
        workload.tag = self.keyring.tag_workload(&workload)?;
        let change = Change::PutWorkload(Box::new(workload.clone()));
        self.change(ctx, case, 1, change, (workload, secret)).await?.ok_or(AdminError::Unavailable)
    }
}
