//! Having the authority of an account take back a certificate that it issued (RFC 8555, section 7.6), by the key of the
//! account. A key of a certificate never comes here, so none is used for it.

use instant_acme::{Account, Error, RevocationReason, RevocationRequest};
use rustls_pki_types::CertificateDer;
use strongroom_crypto::x509::Reason;

use crate::{
    egress::Conversation,
    trouble::{AcmeError, is_revoked_already},
};

/// Asks the authority. That it did so before is what is wanted.
pub(crate) async fn taken_back(
    account: &Account,
    (certificate, reason): (&[u8], Reason),
    (conversation, now): (&Conversation, i64),
) -> Result<(), AcmeError> {
    let certificate = CertificateDer::from(certificate);
    let wanted = RevocationRequest { certificate: &certificate, reason: said(reason) };
    match account.revoke(&wanted).await {
        Ok(()) => match conversation.status() {
            Some(status) if status.is_success() => Ok(()),
            _ => Err(AcmeError::Garbled),
        },
        Err(Error::Api(problem)) if is_revoked_already(&problem) => Ok(()),
        Err(error) => Err(AcmeError::of(&error, conversation, None, now)),
    }
}

/// In RFC 5280's codes; none of what should not be said.
fn said(reason: Reason) -> Option<RevocationReason> {
    Some(match reason {
        Reason::Unspecified => return None,
        Reason::KeyCompromise => RevocationReason::KeyCompromise,
        Reason::CaCompromise => RevocationReason::CaCompromise,
        Reason::AffiliationChanged => RevocationReason::AffiliationChanged,
        Reason::Superseded => RevocationReason::Superseded,
        Reason::CessationOfOperation => RevocationReason::CessationOfOperation,
        Reason::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
        Reason::AaCompromise => RevocationReason::AaCompromise,
    })
}
