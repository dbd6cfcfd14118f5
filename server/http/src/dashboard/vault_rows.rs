//! What the list of vaults, and the page of one, tell of what goes on in them: how much is there, what nears its end, how
//! often somebody was denied, who may give access. Each is one question for all vaults of a page, judged vault by vault
//! where it is about what is in them, and bounded: a number that ends somewhere says so. What the viewer may not know is
//! not zero: it is named as hidden, with the role that it takes.

use std::{collections::BTreeMap, sync::Arc};

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::{ObjectKind, VaultId, VaultName},
    objects::{Ahead, EndingSoon},
    record::{Outcome, RecordFilter},
    secret::{MOST_COUNTED, SecretItem},
    vault::Vault,
};
use strongroom_web::{Cell, say};

use super::{access, frame::Viewer, links, offers::Offers, view};

const DAY: i64 = 86_400;
/// How far is looked ahead for what nears its end, in days: of what lives longer than five such times, the last fifth begins
/// before.
const AHEAD: i64 = 400;
/// Most that end within that time and are looked at, of each kind.
const MOST: usize = 500;
/// Most records of denials that are read to be counted.
const DENIALS_FROM: usize = 1000;
/// Of a life, the last of so many parts counts as near its end.
const PARTS: i64 = 5;
/// Most who are named.
const NAMED: usize = 2;

/// What is known around the vaults of a page.
pub(super) struct Around {
    lanes: Option<Vec<EndingSoon>>,
    now: i64,
    /// How many denials of the last day by vault, and whether only the newest were counted.
    denials: Option<(BTreeMap<String, u64>, bool)>,
    /// Who may give access, by vault, and whether not all were looked at.
    owners: Option<(BTreeMap<VaultId, Vec<String>>, bool)>,
}

impl Around {
    /// Asks for all of it; the offers are told what is hidden.
    pub(super) async fn of(viewer: &Viewer<'_>, vaults: &[Arc<Vault>], offers: &mut Offers<'_>) -> Self {
        let mut around = Self { lanes: None, now: viewer.now(), denials: None, owners: None };
        if vaults.is_empty() {
            return around;
        }
        around.lanes = lanes(viewer, vaults).await;
        if offers.open(&Ask::server(Action::AuditRead), say!("vault-rows-seeing-denials")).await {
            around.denials = denials(viewer).await;
        }
        if offers.open(&Ask::server(Action::AssignmentRead), say!("vault-rows-seeing-owners")).await {
            around.owners = access::owners::by_vault(viewer).await;
        }
        around
    }

    /// How many of a kind are there; none where that is hidden, or could not be read.
    pub(super) fn count(&self, vault: &VaultName, kind: ObjectKind) -> Option<u64> {
        let lane = self.lanes.as_ref()?.iter().find(|lane| lane.kind == kind)?;
        lane.counts.iter().find(|(of, _)| of == vault).map(|(_, count)| *count)
    }

    /// Secrets, keys and certificates.
    pub(super) fn contents(&self, vault: &VaultName) -> Cell {
        let kinds = [ObjectKind::Secret, ObjectKind::Key, ObjectKind::Certificate];
        let counts = kinds.map(|kind| self.count(vault, kind));
        if counts.iter().all(Option::is_none) {
            return Cell::None(say!("vault-rows-hidden").to_owned());
        }
        Cell::text(counts.map(|count| count.map_or_else(|| "–".to_owned(), counted)).join(" / "))
    }

    /// What nears its end there.
    pub(super) fn nearing(&self, vault: &VaultName) -> Cell {
        let Some(lanes) = &self.lanes else { return Cell::None(say!("vault-rows-not-known").to_owned()) };
        let near = |item: &SecretItem| is_near(item, self.now);
        let here = lanes.iter().flat_map(|lane| &lane.items).filter(|(of, item)| of == vault && near(item));
        match (here.count(), lanes.iter().any(|lane| lane.more)) {
            (0, false) => Cell::None(say!("vault-rows-none").to_owned()),
            (count, false) => Cell::link(count.to_string(), links::vault(vault)),
            (count, true) => Cell::link(say!("vault-rows-count-or-more", count = count), links::vault(vault)),
        }
    }

    /// How often somebody was denied there in the last day.
    pub(super) fn denied(&self, vault: &VaultName) -> Cell {
        let Some((counts, more)) = &self.denials else { return Cell::None(say!("vault-rows-hidden").to_owned()) };
        let count = counts.get(vault.as_str()).copied().unwrap_or_default();
        let words = match (count, *more) {
            (0, false) => return Cell::None(say!("vault-rows-none").to_owned()),
            (count, false) => view::grouped(count),
            (count, true) => say!("vault-rows-count-or-more", count = view::grouped(count)),
        };
        let query = [("outcome", Some("denied")), ("vault", Some(vault.as_str())), ("range", Some("24h"))];
        Cell::link(words, links::asked(links::AUDIT, &query))
    }

    /// Who may give access there by an assignment of the vault's own.
    pub(super) fn owned(&self, vault: &Vault) -> Cell {
        let Some((owners, more)) = &self.owners else { return Cell::None(say!("vault-rows-hidden").to_owned()) };
        let of_this = owners.get(&vault.id).map(Vec::as_slice).unwrap_or_default();
        match of_this {
            [] if *more => Cell::None(say!("vault-rows-not-known").to_owned()),
            [] => Cell::None(say!("vault-rows-none-of-its-own").to_owned()),
            all => {
                let named = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
                let rest = all.len().saturating_sub(NAMED);
                let small = (rest > 0).then(|| say!("vault-rows-and-rest-more", rest = rest));
                Cell::Text { text: named, small }
            }
        }
    }
}

/// Whether the last part of its life has begun, and its end has not come.
fn is_near(item: &SecretItem, now: i64) -> bool {
    let attributes = &item.version.attributes;
    let Some(end) = attributes.expires.filter(|end| *end > now) else { return false };
    let begun = attributes.not_before.unwrap_or(item.version.created);
    end.saturating_sub(now).saturating_mul(PARTS) <= end.saturating_sub(begun)
}

/// A count that ends somewhere.
pub(super) fn counted(count: u64) -> String {
    let words = view::grouped(count);
    if count < MOST_COUNTED { words } else { say!("vault-rows-count-or-more", count = words) }
}

async fn lanes(viewer: &Viewer<'_>, vaults: &[Arc<Vault>]) -> Option<Vec<EndingSoon>> {
    let names: Vec<VaultName> = vaults.iter().map(|vault| vault.name.clone()).collect();
    let now = viewer.now();
    let ahead = Ahead { within: now..now + AHEAD * DAY, made_before: 0, due_before: 0, limit: MOST, count: true };
    viewer.services.objects.ending(&viewer.further().ok()?, &names, &ahead).await.ok()
}

async fn denials(viewer: &Viewer<'_>) -> Option<(BTreeMap<String, u64>, bool)> {
    let filter = RecordFilter {
        outcome: Some(Outcome::Denied),
        from: Some(viewer.call.ctx.now - DAY * 1000),
        limit: DENIALS_FROM,
        ..RecordFilter::default()
    };
    let page = viewer.services.admin.query_audit(&viewer.further().ok()?, filter).await.ok()?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for record in page.items {
        if let Some(vault) = record.vault {
            *counts.entry(vault).or_default() += record.count.unwrap_or(1);
        }
    }
    Some((counts, page.next.is_some()))
}

#[cfg(test)]
mod tests {
    use strongroom_domain::{
        names::{ObjectName, ObjectVersion},
        secret::{LifeState, SecretAttributes, SecretMeta, VersionMeta},
    };

    use super::*;

    fn item(created: i64, not_before: Option<i64>, expires: Option<i64>) -> SecretItem {
        let version = ObjectVersion::parse("0123456789abcdef0123456789abcdef").unwrap();
        let secret = SecretMeta {
            name: ObjectName::parse("db").unwrap(),
            life: LifeState::Active,
            current: version.clone(),
            revision: 1,
            managed: false,
            certificate: None,
            rotation: None,
            tag: Vec::new(),
        };
        let attributes =
            SecretAttributes { enabled: true, not_before, expires, content_type: None, tags: BTreeMap::new() };
        let version = VersionMeta {
            version,
            attributes,
            created,
            updated: created,
            ordinal: 1,
            data_key_id: [0; 16],
            key: None,
            certificate: None,
            tag: Vec::new(),
        };
        SecretItem { secret, version }
    }

    #[test]
    fn what_is_near_its_end_goes_by_how_long_it_lives() {
        // A week: its last fifth is a day and ten hours. Thirty days would take all of it.
        let week = item(0, None, Some(7 * DAY));
        assert!(!is_near(&week, 5 * DAY) && is_near(&week, 6 * DAY) && !is_near(&week, 7 * DAY));
        let two_years = item(0, None, Some(730 * DAY));
        assert!(!is_near(&two_years, 500 * DAY) && is_near(&two_years, 600 * DAY));
        assert!(!is_near(&item(0, None, None), 1));
        assert!(is_near(&item(0, Some(5 * DAY), Some(10 * DAY)), 9 * DAY), "it lives from its not-before on");
        assert!(!is_near(&item(0, Some(5 * DAY), Some(10 * DAY)), 8 * DAY));
    }

    #[test]
    fn a_count_says_where_it_ends() {
        assert_eq!(counted(9_999), "9,999");
        assert_eq!(counted(MOST_COUNTED), "10,000 or more");
    }
}
