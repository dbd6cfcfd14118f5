//! What ends within 90 days in the vaults that somebody may list, on lanes of time: a part of the overview.

use std::{collections::BTreeMap, sync::Arc};

use strongroom_domain::{
    names::{ObjectKind, ObjectName, VaultName},
    objects::{Ahead, EndingSoon, MAX_VAULTS_AT_ONCE, ObjectError},
    secret::{MOST_BEHIND, SecretItem},
    vault::Vault,
};
use strongroom_web::{Body, Cell, Coming, Lane, Lanes, Panel, Row, Table, Tone, say};

use super::{frame::Viewer, kinds::Kind, links, nearing, needs::Attention, secret_filter, view};

const DAY: i64 = 86_400;
/// How far is looked ahead, in days.
const AHEAD: i64 = 90;
/// Days between those that are named below the lanes.
const STEP: i64 = 30;
/// How near is very near, in days.
const VERY_NEAR: i64 = 7;
/// Most of one kind that are shown.
const MOST: usize = 100;
/// From which age on a secret is told of, in days.
const OLD: i64 = 365;
/// From when on what rotates by itself is late, in days behind its date.
const LATE: i64 = 1;
/// Most vaults of which it is told.
const VAULTS: usize = 10;

/// What ends soon. What cannot be shown is said beside it.
pub(super) struct Ending {
    pub(super) panel: Option<Panel>,
    /// What is behind, by vault.
    pub(super) rotation: Option<Panel>,
    /// What of it needs somebody.
    pub(super) needs: Vec<Attention>,
    /// What is hidden, and which role is missing.
    pub(super) hidden: Vec<String>,
    /// Why nothing could be looked at.
    pub(super) unread: Option<&'static str>,
}

pub(super) async fn look(viewer: &Viewer<'_>, vaults: &[Arc<Vault>]) -> Ending {
    let mut ending = Ending { panel: None, rotation: None, needs: Vec::new(), hidden: Vec::new(), unread: None };
    if vaults.is_empty() {
        return ending;
    }
    let names: Vec<VaultName> = vaults.iter().map(|vault| vault.name.clone()).collect();
    let now = viewer.now();
    let Ok(ctx) = viewer.further() else {
        ending.unread = Some(say!("endings-what-ends-soon-could-not"));
        return ending;
    };
    let ahead = Ahead {
        within: now..now + AHEAD * DAY,
        made_before: now - OLD * DAY,
        due_before: now - LATE * DAY,
        limit: MOST,
        count: false,
    };
    match viewer.services.objects.ending(&ctx, &names, &ahead).await {
        Ok(lanes) => {
            ending.hidden.extend(lanes.iter().filter_map(hidden));
            ending.needs = nearing::needs(&lanes, now);
            let looked_at = vaults.len().min(MAX_VAULTS_AT_ONCE);
            if lanes.iter().any(|lane| lane.hidden < looked_at) {
                ending.panel = Some(panel(&lanes, now, vaults.len()));
                ending.rotation = Some(rotation(&lanes));
            }
        }
        Err(ObjectError::Tampered) => ending.unread = Some(say!("endings-what-ends-soon-is-not")),
        Err(_) => ending.unread = Some(say!("endings-what-ends-soon-could-not")),
    }
    ending
}

pub(super) fn kind(lane: &EndingSoon) -> Kind {
    match lane.kind {
        ObjectKind::Key => Kind::Key,
        ObjectKind::Certificate => Kind::Certificate,
        _ => Kind::Secret,
    }
}

fn hidden(lane: &EndingSoon) -> Option<String> {
    let vaults = match lane.hidden {
        0 => return None,
        1 => say!("endings-one-vault").to_owned(),
        count => say!("endings-count-vaults", count = count),
    };
    Some(say!("endings-the-plural-of-vaults-are", plural = kind(lane).plural(), vaults = vaults))
}

fn panel(found: &[EndingSoon], now: i64, vaults: usize) -> Panel {
    let count: usize = found.iter().map(|lane| lane.items.len()).sum();
    let more = found.iter().any(|lane| lane.more);
    let words = match (count, more) {
        (1, false) => say!("endings-one-item").to_owned(),
        (count, false) => say!("endings-count-items", count = count),
        (count, true) => say!("endings-count-items-and-more", count = count),
    };
    let axis = (0..=AHEAD / STEP).map(|step| match step {
        0 => say!("endings-today").to_owned(),
        step => view::day(now + step * STEP * DAY),
    });
    let mut rows: Vec<(i64, Row)> =
        found.iter().flat_map(|lane| lane.items.iter().map(move |item| row(lane, item))).collect();
    rows.sort_by_key(|(end, _)| *end);
    let lanes = Lanes {
        lanes: found.iter().map(|lane| self::lane(lane, now)).collect(),
        axis: axis.collect(),
        list: Table::new(&["Name", "Kind", "Ends"], rows.into_iter().map(|(_, row)| row).collect()),
    };
    let panel = Panel::new(say!("endings-ending-in-90-days"), Body::Lanes(lanes)).note(words);
    if vaults > MAX_VAULTS_AT_ONCE {
        panel.foot(say!("endings-of-the-first-max-vaults", max_vaults_at_once = MAX_VAULTS_AT_ONCE, vaults = vaults))
    } else {
        panel
    }
}

/// How many secrets are old and how many rotations are late, by vault, the most first.
fn rotation(found: &[EndingSoon]) -> Panel {
    let mut vaults: BTreeMap<&VaultName, [u64; 2]> = BTreeMap::new();
    for lane in found {
        for (vault, count) in &lane.behind {
            let [old, late] = vaults.entry(vault).or_default();
            *(if kind(lane) == Kind::Secret { old } else { late }) += count;
        }
    }
    let mut vaults: Vec<_> = vaults.into_iter().collect();
    vaults.sort_by_key(|(_, [old, late])| std::cmp::Reverse((*late, *old)));
    let row = |(vault, [old, late]): &(&VaultName, [u64; 2])| {
        let old = match old {
            0 => Cell::None(say!("endings-none").to_owned()),
            old => Cell::link(
                counted(*old),
                links::in_vault(vault, Kind::Secret.plural(), &[("rotated", Some(secret_filter::A_YEAR))]),
            ),
        };
        let late = match late {
            0 => Cell::None(say!("endings-none").to_owned()),
            late => Cell::link(counted(*late), links::vault(vault)),
        };
        Row::new(vec![Cell::link(vault.to_string(), links::vault(vault)), old, late])
    };
    let rows: Vec<Row> = vaults.iter().take(VAULTS).map(row).collect();
    let body = if rows.is_empty() {
        Body::Text(vec![say!("endings-no-secret-that-you-may").to_owned()])
    } else {
        Body::Table(Table::new(&["Vault", "Older than a year", "Late"], rows))
    };
    let mut foot = vec![say!("endings-secrets-count-by-the-age").to_owned()];
    if vaults.len() > VAULTS {
        foot.push(say!("endings-vaults-more-vaults-have-some", vaults = vaults.len() - VAULTS));
    }
    let uncounted = found.iter().map(|lane| lane.uncounted).max().unwrap_or_default();
    if uncounted > 0 {
        foot.push(say!("endings-not-counted-where-a-policy", uncounted = uncounted));
    }
    Panel::new(say!("endings-rotation-by-vault"), body).foot(foot.join(" "))
}

/// A count that ends somewhere.
pub(super) fn counted(count: u64) -> String {
    let words = view::grouped(count);
    if count < MOST_BEHIND { words } else { say!("endings-words-or-more", words = words) }
}

/// When the current version ends.
pub(super) fn end(item: &SecretItem) -> i64 {
    item.version.attributes.expires.unwrap_or_default()
}

fn place((vault, name): (&VaultName, &ObjectName)) -> String {
    format!("{vault}/{name}")
}

fn row(lane: &EndingSoon, (vault, item): &(VaultName, SecretItem)) -> (i64, Row) {
    let (kind, name) = (kind(lane), &item.secret.name);
    let cells = vec![
        Cell::link(place((vault, name)), kind.href(vault, name)),
        Cell::text(kind.word()),
        Cell::Moment(view::moment(end(item))),
    ];
    (end(item), Row::new(cells))
}

fn lane(lane: &EndingSoon, now: i64) -> Lane {
    let kind = kind(lane);
    let coming = lane.items.iter().map(|(vault, item)| {
        let left = end(item).saturating_sub(now);
        let tone = match left / DAY {
            ..VERY_NEAR => Tone::Bad,
            VERY_NEAR..STEP => Tone::Warn,
            _ => Tone::Plain,
        };
        let place_in = left.saturating_mul(1000) / (AHEAD * DAY);
        Coming {
            place: u16::try_from(place_in.clamp(0, 1000)).unwrap_or(1000),
            tone,
            label: format!("{}, {}", place((vault, &item.secret.name)), view::day(end(item))),
            href: kind.href(vault, &item.secret.name),
        }
    });
    let coming: Vec<Coming> = coming.collect();
    let words = match (coming.as_slice(), lane.more) {
        ([], false) if lane.hidden > 0 => say!("endings-none-ends-where-you-may").to_owned(),
        ([], false) => say!("endings-none-ends").to_owned(),
        ([], true) => say!("endings-only-versions-that-are-current").to_owned(),
        ([first], false) => first.label.clone(),
        ([first, rest @ ..], false) => say!("endings-label-and-rest-later", label = first.label, rest = rest.len()),
        ([first, rest @ ..], true) => say!("endings-label-and-more-than-rest", label = first.label, rest = rest.len()),
    };
    let mut name = kind.plural().to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Lane { name, words, coming }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use strongroom_domain::{
        names::ObjectVersion,
        secret::{LifeState, SecretAttributes, SecretMeta, VersionMeta},
    };

    use super::*;

    pub(in crate::dashboard) const NOW: i64 = 1_800_000_000;

    pub(in crate::dashboard) fn ending_soon(kind: ObjectKind) -> EndingSoon {
        EndingSoon {
            kind,
            items: Vec::new(),
            more: false,
            hidden: 0,
            behind: Vec::new(),
            uncounted: 0,
            counts: Vec::new(),
        }
    }

    pub(in crate::dashboard) fn ending(name: &str, days: i64) -> (VaultName, SecretItem) {
        let version = ObjectVersion::parse("0123456789abcdef0123456789abcdef").unwrap();
        let attributes = SecretAttributes {
            enabled: true,
            not_before: None,
            expires: Some(NOW + days * DAY),
            content_type: None,
            tags: BTreeMap::new(),
        };
        let secret = SecretMeta {
            name: ObjectName::parse(name).unwrap(),
            life: LifeState::Active,
            current: version.clone(),
            revision: 1,
            managed: false,
            certificate: None,
            rotation: None,
            tag: Vec::new(),
        };
        let version = VersionMeta {
            version,
            attributes,
            created: 0,
            updated: 0,
            ordinal: 1,
            data_key_id: [0; 16],
            key: None,
            certificate: None,
            tag: Vec::new(),
        };
        (VaultName::parse("demo").unwrap(), SecretItem { secret, version })
    }

    #[test]
    fn a_lane_says_what_ends_first_and_how_many_later() {
        let of = |items, more| EndingSoon { items, more, ..ending_soon(ObjectKind::Key) };
        let drawn = lane(&of(vec![ending("a", 3), ending("b", 45)], true), NOW);
        assert_eq!((drawn.name.as_str(), drawn.coming.len()), ("Keys", 2));
        assert_eq!(drawn.words, "demo/a, 18 Jan 2027 and more than 1 later");
        let places: Vec<_> = drawn.coming.iter().map(|coming| (coming.place, coming.tone)).collect();
        assert_eq!(places, [(33, Tone::Bad), (500, Tone::Plain)]);
        assert_eq!(drawn.coming[0].href, "/vaults/demo/keys/a");
        assert_eq!(lane(&of(vec![ending("a", 3)], false), NOW).words, "demo/a, 18 Jan 2027");
        assert_eq!(lane(&of(Vec::new(), false), NOW).words, "None ends");
    }

    #[test]
    fn what_is_hidden_is_said() {
        let of = |hidden| EndingSoon { hidden, ..ending_soon(ObjectKind::Certificate) };
        assert_eq!(hidden(&of(0)), None);
        assert!(hidden(&of(2)).unwrap().starts_with("The certificates of 2 vaults are not among"));
    }

    #[test]
    fn the_vault_with_the_most_late_rotations_is_first() {
        let vault = |name: &str| VaultName::parse(name).unwrap();
        let of = |kind, behind: Vec<(VaultName, u64)>| EndingSoon { behind, uncounted: 1, ..ending_soon(kind) };
        let secrets = vec![(vault("one"), 3), (vault("full"), MOST_BEHIND)];
        let keys = vec![(vault("two"), 1)];
        let panel = rotation(&[of(ObjectKind::Secret, secrets), of(ObjectKind::Key, keys)]);
        let Body::Table(table) = panel.body else { panic!("a table") };
        let firsts: Vec<_> = table.rows.iter().filter_map(|row| row.cells[0].sorted_by()).collect();
        assert_eq!(firsts, ["two", "full", "one"]);
        assert_eq!(table.rows[1].cells[1].sorted_by().as_deref(), Some("1,000 or more"));
        assert!(panel.foot.unwrap().ends_with("judges each name: 1."));
    }
}
