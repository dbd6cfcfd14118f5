//! Renewal information (RFC 9773): how an authority names a certificate, and what it says of when it wants that one renewed.

use instant_acme::{Account, CertificateIdentifier};
use rustls_pki_types::Der;
use strongroom_domain::{certificate::Window, issuance::RenewalInformation};
use x509_parser::{certificate::X509Certificate, extensions::ParsedExtension, prelude::FromDer as _};

use crate::{
    egress::Conversation,
    trouble::{AcmeError, asked_after},
};

/// By which a directory with renewal information knows a certificate; none for one without a key identifier of its issuer.
pub(crate) fn certificate_id(certificate: &[u8]) -> Option<CertificateIdentifier<'static>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let key = certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(of) => of.key_identifier.as_ref().map(|id| id.0),
        _ => None,
    })?;
    let serial = certificate.tbs_certificate.raw_serial();
    Some(CertificateIdentifier::new(Der::from_slice(key), Der::from_slice(serial)).into_owned())
}

/// Asks the authority of an account; none when it does not say, which is told in the log.
pub(crate) async fn asked(
    account: &Account,
    certificate: &[u8],
    (conversation, now): (&Conversation, i64),
) -> Option<RenewalInformation> {
    match account.renewal_info(&certificate_id(certificate)?).await {
        Ok((suggested, _)) => {
            let window = suggested.suggested_window;
            Some(RenewalInformation {
                window: Some(Window { begin: window.start.unix_timestamp(), end: window.end.unix_timestamp() }),
                retry_after: asked_after(conversation.retry_after().as_deref(), now),
            })
        }
        Err(error) => {
            let trouble = AcmeError::of(&error, conversation, None, now);
            tracing::warn!(%trouble, "an ACME authority does not say when it wants a certificate renewed");
            None
        }
    }
}
