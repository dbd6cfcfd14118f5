//! Whether the next version of an authority is that authority still, for the issuers that were set for it.

use strongroom_crypto::x509::{CertificateFacts, Template};

/// Whether a certificate in the place of another one may sign for the issuers of that: it says the same of itself, has the
/// same signer, and may certify no more. What was no authority had no issuers. What was `brought` may have a key that
/// others have, unless that is the key of before.
pub(super) fn succeeds(before: &[u8], next: &[u8], brought: bool) -> bool {
    let read = |der: &[u8]| Some((Template::of(der).ok()?, CertificateFacts::of(der).ok()?));
    let (Some((was, was_facts)), Some((is, is_facts))) = (read(before), read(next)) else { return false };
    if !was.ca {
        return true;
    }
    let signs_itself = |facts: &CertificateFacts| facts.issuer == facts.subject;
    let same_signer = was_facts.issuer == is_facts.issuer || (signs_itself(&was_facts) && signs_itself(&is_facts));
    let same_key = was_facts.key.is_some() && was_facts.key == is_facts.key;
    let no_longer = was.path_length.is_none_or(|most| is.path_length.is_some_and(|length| length <= most));
    let no_wider = was.constraints.is_empty() || was.constraints == is.constraints;
    let (had, has) = (&was.extended_usages, &is.extended_usages);
    let no_more_usages = had.is_empty() || (!has.is_empty() && has.iter().all(|usage| had.contains(usage)));
    is.ca
        && was.subject == is.subject
        && same_signer
        && no_longer
        && no_wider
        && no_more_usages
        && (same_key || !brought)
}
