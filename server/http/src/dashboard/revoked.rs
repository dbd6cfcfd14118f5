//! Certificates whose current version was revoked and is given out as before, and authorities that sign nothing for it: a
//! part of the overview. Where nothing was ever revoked, nothing is looked through.

use std::sync::Arc;

use strongroom_crypto::x509::Template;
use strongroom_domain::{
    action::Action,
    names::{ObjectKind, ObjectName, VaultName},
    objects::Ahead,
    record::{Outcome, RecordFilter},
    revocation::{Objections, RevokedCertificate},
    secret::SecretItem,
    vault::Vault,
};

use super::frame::Viewer;

/// Most certificates that are looked at: those that would end first.
const MOST: usize = 500;

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// Each with when and why it was revoked.
    pub(super) revoked: Vec<(VaultName, ObjectName, RevokedCertificate)>,
    /// Authorities that sign nothing, because they or others above them were revoked.
    pub(super) silent: Vec<(VaultName, ObjectName)>,
    /// There are more certificates than were looked at.
    pub(super) more: bool,
    /// They could not be looked at.
    pub(super) unread: bool,
}

/// Whoever may read the records is spared the look when they say that nothing was ever revoked.
pub(super) async fn look(viewer: &Viewer<'_>, vaults: &[Arc<Vault>], reads_audit: bool) -> Found {
    let mut found = Found::default();
    if vaults.is_empty() || (reads_audit && was_any(viewer).await == Some(false)) {
        return found;
    }
    let names: Vec<VaultName> = vaults.iter().map(|vault| vault.name.clone()).collect();
    let Ok(ctx) = viewer.further() else { return Found { unread: true, ..found } };
    let ahead = Ahead { within: viewer.now()..i64::MAX, made_before: 0, due_before: 0, limit: MOST, count: false };
    let Ok(lanes) = viewer.services.objects.ending(&ctx, &names, &ahead).await else {
        return Found { unread: true, ..found };
    };
    for lane in lanes.into_iter().filter(|lane| lane.kind == ObjectKind::Certificate) {
        found.more |= lane.more;
        for (vault, item) in lane.items.into_iter().filter(|(_, item)| item.version.attributes.enabled) {
            if is_silent(viewer, &vault, &item).await {
                found.silent.push((vault, item.secret.name));
                continue;
            }
            let standing = viewer.services.revoking.standing(&vault, &item).await;
            if let Some(one) = standing.revoked() {
                found.revoked.push((vault, item.secret.name, one.clone()));
            }
        }
    }
    found
}

/// Whether it is an authority below which nothing is signed. What cannot be found out is told where it is asked to sign.
async fn is_silent(viewer: &Viewer<'_>, vault: &VaultName, item: &SecretItem) -> bool {
    let chain = item.version.certificate.as_ref().map_or(&[][..], |certificate| &certificate.chain);
    if !chain.first().is_some_and(|leaf| Template::of(leaf).is_ok_and(|said| said.ca)) {
        return false;
    }
    let told = viewer.services.revoking.objections_to_authority((vault, &item.secret.name), chain).await;
    told.is_ok_and(Objections::are_some)
}

async fn was_any(viewer: &Viewer<'_>) -> Option<bool> {
    for action in [Action::CertificateRevoke, Action::CertificateNoteRevoked] {
        let filter = RecordFilter {
            operation: Some(action.operation().to_owned()),
            outcome: Some(Outcome::Allowed),
            limit: 1,
            ..RecordFilter::default()
        };
        let page = viewer.services.admin.query_audit(&viewer.further().ok()?, filter).await.ok()?;
        if !page.items.is_empty() {
            return Some(true);
        }
    }
    Some(false)
}
