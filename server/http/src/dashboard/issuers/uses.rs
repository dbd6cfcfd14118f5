//! Which certificates an issuer signs, by their policies.

use std::collections::BTreeMap;

use strongroom_domain::{
    action::Action,
    names::{ObjectName, VaultName},
    secrets::MAX_PAGE,
};
use strongroom_web::{Body, Cell, Panel, Row, Table, say};

use crate::dashboard::{frame::Viewer, kinds::Kind, links, offers::Offers, sort};

/// Pages of certificates that are looked through.
const PAGES: usize = 8;

/// Certificates by the issuers that their policies name.
#[derive(Default)]
pub(super) struct Uses {
    by: BTreeMap<String, Vec<ObjectName>>,
    /// Whether all certificates of the vault were looked through.
    whole: bool,
}

impl Uses {
    /// What is there for who may list it. Each page is on record like any other listing.
    pub(super) async fn read(viewer: &Viewer<'_>, offers: &mut Offers<'_>, vault: &VaultName) -> Option<Self> {
        let ask = Kind::Certificate.ask(Action::CertificateList, vault);
        if !offers.open(&ask, say!("issuers-uses-seeing-what-is-signed-by")).await {
            return None;
        }
        let (mut found, mut after) = (Self::default(), None);
        for _ in 0..PAGES {
            let ctx = viewer.further().ok()?;
            let listed = viewer.services.certificates.list(&ctx, vault, false, after.as_ref(), MAX_PAGE).await;
            let (page, _) = listed.ok()?;
            for item in page.items {
                let Some(state) = item.secret.certificate.as_deref() else { continue };
                found.by.entry(state.policy.issuer.name.to_ascii_lowercase()).or_default().push(item.secret.name);
            }
            after = page.next.as_deref().and_then(|next| ObjectName::parse(next).ok());
            if after.is_none() {
                found.whole = true;
                break;
            }
        }
        Some(found)
    }

    fn of(&self, issuer: &str) -> &[ObjectName] {
        self.by.get(&issuer.to_ascii_lowercase()).map_or(&[][..], Vec::as_slice)
    }

    /// The certificates of an issuer in a few words.
    pub(super) fn cell(&self, issuer: &str) -> Cell {
        const NAMED: usize = 3;
        let all = self.of(issuer);
        let named: Vec<&str> = all.iter().take(NAMED).map(ObjectName::display).collect();
        let small = (!self.whole).then(|| say!("issuers-uses-of-those-looked-through").to_owned());
        match all.len() {
            0 if self.whole => Cell::None(say!("issuers-uses-nothing").to_owned()),
            0 => Cell::None(say!("issuers-uses-nothing-so-far").to_owned()),
            count if count > NAMED => Cell::Text {
                text: say!("issuers-uses-named-and-count-more", named = named.join(", "), count = count - NAMED),
                small,
            },
            _ => Cell::Text { text: named.join(", "), small },
        }
    }

    /// The certificates of an issuer.
    pub(super) fn panel(&self, viewer: &Viewer<'_>, vault: &VaultName, issuer: &ObjectName) -> Panel {
        let row = |name: &ObjectName| Row::new(vec![Cell::link(name.display(), links::certificate(vault, name, None))]);
        let rows: Vec<Row> = self.of(issuer.as_str()).iter().map(row).collect();
        let body = match rows.is_empty() {
            true => Body::Text(vec![say!("issuers-uses-no-policy-of-a-certificate").to_owned()]),
            false => Body::Table(sort::table(viewer, "signs", Table::new(&["Certificate"], rows))),
        };
        let panel = Panel::new(say!("issuers-uses-signs"), body);
        match self.whole {
            true => panel,
            false => panel.foot(say!("issuers-uses-not-all-certificates-of-the")),
        }
    }
}
