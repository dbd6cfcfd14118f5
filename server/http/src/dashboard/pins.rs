//! Pinned vaults: those that somebody wants at hand stand first in the sidebar and in the list.
//!
//! Kept where the look is kept, in the browser, and there for one person: whoever else signs in has pins of their own.
//! They are identities of vaults and give nothing. A vault that one may not list is never shown for being pinned.

use std::{collections::BTreeSet, sync::Arc};

use data_encoding::HEXLOWER;
use strongroom_crypto::sha256;
use strongroom_domain::{
    names::{VaultId, VaultName},
    principal::PrincipalId,
    vault::Vault,
};
use strongroom_web::{Act, Icon, say};
use uuid::Uuid;

use super::{
    Failure,
    form::{SHORT, Sent},
    frame::Viewer,
    links::{self, ReturnTo},
    redirect,
    session::{self, set_cookie},
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Name of the cookie that says what is pinned.
const COOKIE: &str = "__Host-pins";
/// How long a browser keeps it, in seconds: a year.
const SECONDS: u32 = 365 * 86_400;
/// Most pinned vaults: their identities have to fit into a cookie of 4096 bytes.
const MAX: usize = 50;

/// What somebody pinned.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Pins(BTreeSet<VaultId>);

impl Pins {
    /// What this person pinned in this browser.
    pub(super) fn of(cookies: Option<&str>, person: &PrincipalId) -> Self {
        let value = cookies.and_then(|cookies| session::cookie(cookies, COOKIE)).unwrap_or_default();
        let mut parts = value.split('.');
        if parts.next() != Some(called(person).as_str()) {
            return Self::default();
        }
        Self(parts.take(MAX).filter_map(|part| Uuid::try_parse(part).ok()).map(VaultId).collect())
    }

    pub(super) fn has(&self, vault: &Vault) -> bool {
        self.has_id(vault.id)
    }

    pub(super) fn has_id(&self, vault: VaultId) -> bool {
        self.0.contains(&vault)
    }

    /// The pinned ones first, and otherwise in the order that they have.
    pub(super) fn first(&self, vaults: &[Arc<Vault>]) -> Vec<Arc<Vault>> {
        let mut all = vaults.to_vec();
        all.sort_by_key(|vault| !self.has(vault));
        all
    }

    /// As the cookie holds it.
    fn kept_for(&self, person: &PrincipalId) -> String {
        let vaults = self.0.iter().map(|VaultId(id)| id.simple().to_string());
        std::iter::once(called(person)).chain(vaults).collect::<Vec<_>>().join(".")
    }
}

/// Tells people who share a browser apart, without naming them.
pub(super) fn called(person: &PrincipalId) -> String {
    let digest = sha256(format!("{}\n{}", person.issuer, person.subject).as_bytes());
    let mut text = HEXLOWER.encode(&digest);
    text.truncate(16);
    text
}

/// Pins a vault, or takes the pin away, and leads back to this page.
pub(super) fn act(viewer: &Viewer<'_>, vault: &Vault, csrf_token: &str) -> Act {
    let (label, pinned, icon) = if viewer.pins.has(vault) {
        (say!("pins-unpin"), "no", Icon::Unpin)
    } else {
        (say!("pins-pin"), "yes", Icon::Pin)
    };
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Act::Post {
        label: label.to_owned(),
        of: vault.name.to_string(),
        action: links::PINS.to_owned(),
        csrf_token: csrf_token.to_owned(),
        icon: Some(icon),
        fields: vec![field("vault", vault.name.as_str()), field("pinned", pinned), field("back", viewer.here.as_str())],
    }
}

/// POST /me/pins: pins a vault, or takes the pin away.
///
/// # Errors
/// 403 for a form that is not ours; 400 for a vault that one may not list, which is told as if there were none, and for one
/// too many; 503 when the vaults cannot be read.
pub(super) async fn put(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let pinned = match sent.text("pinned") {
        "yes" => true,
        "no" => false,
        _ => return Err(Problem::bad_parameter(say!("pins-a-vault-is-pinned-or")).into()),
    };
    let listed = viewer.services.admin.visible_vaults(&viewer.call.ctx).await?;
    let name = VaultName::parse(sent.text("vault")).ok();
    let vault = listed.iter().find(|vault| Some(&vault.name) == name.as_ref());
    let vault = vault.ok_or_else(|| Problem::bad_parameter(say!("pins-there-is-no-vault-of")))?;
    // Those that are gone, or may not be listed any more, make room.
    let kept = listed.iter().filter(|other| viewer.pins.has(other) && other.id != vault.id);
    let pins = Pins(kept.chain(pinned.then_some(vault)).map(|vault| vault.id).collect());
    if pins.0.len() > MAX {
        return Err(Problem::bad_parameter(say!("pins-at-most-max-vaults-are", max = MAX)).into());
    }
    let back = ReturnTo::parse(sent.text("back")).unwrap_or_default();
    let cookie = set_cookie(COOKIE, &pins.kept_for(&viewer.session.principal.id), Some(SECONDS));
    Ok(redirect(back.as_str().to_owned()).with("set-cookie", cookie))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(subject: &str) -> PrincipalId {
        PrincipalId { issuer: "https://people.example".to_owned(), subject: subject.to_owned() }
    }

    #[test]
    fn pins_are_one_persons_and_as_many_as_a_cookie_holds() {
        let all = |count: u128| Pins((1..=count).map(|id| VaultId(Uuid::from_u128(id))).collect());
        let (ada, full) = (person("ada"), all(50));
        let kept = format!("a=b; {COOKIE}={}", full.kept_for(&ada));
        assert!(kept.len() < 4096 / 2, "{}", kept.len());
        assert_eq!(Pins::of(Some(&kept), &ada), full);
        assert_eq!(Pins::of(Some(&kept), &person("bob")), Pins::default(), "another person in the same browser");
        let more = format!("{COOKIE}={}", all(60).kept_for(&ada));
        assert_eq!(Pins::of(Some(&more), &ada).0.len(), MAX);
        for other in [None, Some(""), Some("__Host-pins=\"><script>"), Some("__Host-pins=.")] {
            assert_eq!(Pins::of(other, &ada), Pins::default(), "{other:?}");
        }
        let marked = format!("{COOKIE}={}.<script>", called(&ada));
        assert_eq!(Pins::of(Some(&marked), &ada), Pins::default());
    }
}
