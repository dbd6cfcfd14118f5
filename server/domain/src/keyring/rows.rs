//! Rows of the installation that are authenticated, though nothing in them is secret: who writes into the database makes
//! no grant, no vault and no policy by it.

use super::{Keyring, KeyringError};
use crate::{
    access_policy::AccessPolicy,
    approval::ApprovalRequest,
    condemned::Condemned,
    grant::Assignment,
    identity::{Session, Workload},
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule},
    policy_replay::PolicyReplay,
    proofs::Proof,
    role::RoleDefinition,
    seal::RootKeyFact,
    vault::Vault,
};

impl Keyring {
    /// Tag of what is known of a root key.
    ///
    /// # Errors
    /// When it has no canonical form.
    pub fn tag_root_key(&self, fact: &RootKeyFact) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"root-key", &fact.authenticated()?]).to_vec())
    }

    /// Checks what is known of a root key.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_root_key(&self, fact: &RootKeyFact) -> Result<(), KeyringError> {
        self.check_control(b"root-key", &fact.authenticated()?, &fact.tag)
    }

    /// Tag of a vault's row.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_vault(&self, vault: &Vault) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"vault", &vault.authenticated()?]).to_vec())
    }

    /// Checks a vault's row.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_vault(&self, vault: &Vault) -> Result<(), KeyringError> {
        self.check_control(b"vault", &vault.authenticated()?, &vault.tag)
    }

    /// Tag of an assignment.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_assignment(&self, assignment: &Assignment) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"assignment", &assignment.authenticated()?]).to_vec())
    }

    /// Checks an assignment.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_assignment(&self, assignment: &Assignment) -> Result<(), KeyringError> {
        self.check_control(b"assignment", &assignment.authenticated()?, &assignment.tag)
    }

    /// Tag of what is to be destroyed in a token.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_condemned(&self, condemned: &Condemned) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"condemned", &condemned.authenticated()?]).to_vec())
    }

    /// Checks what is to be destroyed in a token.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_condemned(&self, condemned: &Condemned) -> Result<(), KeyringError> {
        self.check_control(b"condemned", &condemned.authenticated()?, &condemned.tag)
    }

    /// Tag of a proof for a certificate authority.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_proof(&self, proof: &Proof) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"acme-proof", &proof.authenticated()?]).to_vec())
    }

    /// Checks a proof for a certificate authority.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_proof(&self, proof: &Proof) -> Result<(), KeyringError> {
        self.check_control(b"acme-proof", &proof.authenticated()?, &proof.tag)
    }

    /// Tag of a custom role definition.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_role(&self, role: &RoleDefinition) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"role-definition", &role.authenticated()?]).to_vec())
    }

    /// Checks a custom role definition.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_role(&self, role: &RoleDefinition) -> Result<(), KeyringError> {
        self.check_control(b"role-definition", &role.authenticated()?, &role.tag)
    }

    /// Tag of an access policy.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_access_policy(&self, policy: &AccessPolicy) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"access-policy", &policy.authenticated()?]).to_vec())
    }

    /// Checks an access policy.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_access_policy(&self, policy: &AccessPolicy) -> Result<(), KeyringError> {
        self.check_control(b"access-policy", &policy.authenticated()?, &policy.tag)
    }

    /// Tag of what is known of an uploaded policy module.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_policy_module(&self, module: &PolicyModule) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"policy-module", &module.authenticated()?]).to_vec())
    }

    /// Checks what is known of an uploaded policy module.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_policy_module(&self, module: &PolicyModule) -> Result<(), KeyringError> {
        self.check_control(b"policy-module", &module.authenticated()?, &module.tag)
    }

    /// Tag of a document that policy modules read.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_policy_document(&self, document: &PolicyDocument) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"policy-document", &document.authenticated()?]).to_vec())
    }

    /// Checks a document that policy modules read.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_policy_document(&self, document: &PolicyDocument) -> Result<(), KeyringError> {
        self.check_control(b"policy-document", &document.authenticated()?, &document.tag)
    }

    /// Tag of the result of a replay.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_policy_replay(&self, replay: &PolicyReplay) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"policy-replay", &replay.authenticated()?]).to_vec())
    }

    /// Checks the result of a replay.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_policy_replay(&self, replay: &PolicyReplay) -> Result<(), KeyringError> {
        self.check_control(b"policy-replay", &replay.authenticated()?, &replay.tag)
    }

    /// Tag of the modules that are attached to every vault.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_installation_policies(&self, policies: &InstallationPolicies) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"installation-policies", &policies.authenticated()?]).to_vec())
    }

    /// Checks the modules that are attached to every vault. Before the first change there is no row, and
    /// nothing to check.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_installation_policies(&self, policies: &InstallationPolicies) -> Result<(), KeyringError> {
        if policies.revision == 0 && policies.policies.is_empty() && policies.tag.is_empty() {
            return Ok(());
        }
        self.check_control(b"installation-policies", &policies.authenticated()?, &policies.tag)
    }

    /// Tag of a request for approval.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_approval(&self, request: &ApprovalRequest) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"approval-request", &request.authenticated()?]).to_vec())
    }

    /// Checks a request for approval.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_approval(&self, request: &ApprovalRequest) -> Result<(), KeyringError> {
        self.check_control(b"approval-request", &request.authenticated()?, &request.tag)
    }

    /// Tag of a workload.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_workload(&self, workload: &Workload) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"workload", &workload.authenticated()?]).to_vec())
    }

    /// Checks a workload.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_workload(&self, workload: &Workload) -> Result<(), KeyringError> {
        self.check_control(b"workload", &workload.authenticated()?, &workload.tag)
    }

    /// Tag of a session.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_session(&self, session: &Session) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"session", &session.authenticated()?]).to_vec())
    }

    /// Checks a session.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_session(&self, session: &Session) -> Result<(), KeyringError> {
        self.check_control(b"session", &session.authenticated()?, &session.tag)
    }

    /// Tag of a compiled policy module, which the policy host keeps so that it need not compile it again.
    #[must_use]
    pub fn tag_policy_artefact(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.control.tag(&[&[b"policy-artefact".as_slice()], parts].concat())
    }

    /// Whether a compiled policy module is one that was tagged here.
    #[must_use]
    pub fn verify_policy_artefact(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.control.verify(&[&[b"policy-artefact".as_slice()], parts].concat(), tag)
    }

    /// A short-lived token that only this installation can have made, for forms of the dashboard.
    #[must_use]
    pub fn form_token(&self, session: &[u8; 32]) -> [u8; 32] {
        self.control.tag(&[b"form-token", session])
    }

    /// Tag of the moment (Unix seconds) at which a session was last used.
    #[must_use]
    pub fn session_used(&self, session: &[u8; 32], used: i64) -> [u8; 32] {
        self.control.tag(&[b"session-used", session, &used.to_be_bytes()])
    }

    /// The secret of a session of the command line, out of its seed: only this installation can have made it.
    #[must_use]
    pub fn command_line_token(&self, seed: &[u8; 32]) -> [u8; 32] {
        self.control.tag(&[b"command-line-token", seed])
    }

    fn check_control(&self, label: &[u8], body: &[u8], tag: &[u8]) -> Result<(), KeyringError> {
        if self.control.verify(&[label, body], tag) { Ok(()) } else { Err(KeyringError::Tampered) }
    }
}
