//! What ends within days although nothing is there to renew it, and what should have got another version by itself and did
//! not: needs of the overview, from what it looked at for its lanes.

use strongroom_domain::{
    names::{ObjectName, VaultName},
    objects::EndingSoon,
    secret::SecretItem,
};
use strongroom_web::{Act, Icon, Tone, say};

use super::{
    endings::{counted, end, kind},
    kinds::Kind,
    links,
    needs::Attention,
    view,
};

const DAY: i64 = 86_400;
const HOUR: i64 = 3600;
/// How near an end needs somebody, in days.
const NEAR: i64 = 7;
/// How long what makes its next version by itself may be behind, in seconds.
const BEHIND: i64 = DAY;
/// Most that are named, of each.
const NAMED: usize = 5;

/// All of it, what ends first at the head.
pub(super) fn needs(found: &[EndingSoon], now: i64) -> Vec<Attention> {
    let mut near: Vec<(Kind, &VaultName, &SecretItem)> = found
        .iter()
        .flat_map(|lane| lane.items.iter().map(move |(vault, item)| (kind(lane), vault, item)))
        .filter(|(.., item)| needs_somebody(item, now))
        .collect();
    near.sort_by_key(|(.., item)| end(item));
    let ending = near.iter().take(NAMED).map(|(kind, vault, item)| ends(*kind, vault, item, now));
    let more = near.len().saturating_sub(NAMED);
    let more = (more > 0).then(|| rest(say!("nearing-more-end-within-days", count = more)));
    let mut late: Vec<(Kind, &VaultName, u64)> = found
        .iter()
        .filter(|lane| kind(lane) != Kind::Secret)
        .flat_map(|lane| lane.behind.iter().map(move |(vault, count)| (kind(lane), vault, *count)))
        .collect();
    late.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
    let behind = late.iter().take(NAMED).map(|(kind, vault, count)| is_late(*kind, vault, *count));
    let others = late.len().saturating_sub(NAMED);
    let others = (others > 0).then(|| rest(say!("nearing-more-are-late", count = others)));
    ending.chain(more).chain(behind).chain(others).collect()
}

/// Whether it ends within days, and nothing makes its next version before, or that failed.
fn needs_somebody(item: &SecretItem, now: i64) -> bool {
    let end = end(item);
    let by_itself = item.secret.rotation.as_deref().is_some_and(|rotation| {
        let planned = rotation.rotate_at.is_some_and(|at| (now.saturating_sub(BEHIND)..end).contains(&at));
        planned && rotation.failed.is_none()
    });
    end.saturating_sub(now) < NEAR * DAY && !by_itself
}

fn ends(kind: Kind, vault: &VaultName, item: &SecretItem, now: i64) -> Attention {
    let left = end(item).saturating_sub(now).max(0);
    let left = match (left / DAY, left / HOUR) {
        (0, 0) => say!("nearing-within-the-hour").to_owned(),
        (0, hours) => say!("nearing-hours", hours = hours),
        (days, _) => say!("nearing-days", days = days),
    };
    let name: &ObjectName = &item.secret.name;
    let at = view::moment(end(item)).text;
    let failed = item.secret.rotation.as_deref().and_then(|rotation| rotation.failed.as_ref());
    Attention {
        tone: Tone::Warn,
        icon: Icon::Hourglass,
        what: say!("nearing-name-ends-in", vault = vault, name = name, left = left),
        detail: match failed {
            Some(failed) => {
                say!("nearing-failed", kind = kind.word(), at = at, count = failed.count, reason = failed.reason)
            }
            None => say!("nearing-nothing-renews-it", kind = kind.word(), at = at),
        },
        act: Act::link(say!("nearing-open"), kind.href(vault, name), Icon::Pencil),
        why: None,
    }
}

fn is_late(kind: Kind, vault: &VaultName, count: u64) -> Attention {
    let count = counted(count);
    Attention {
        tone: Tone::Warn,
        icon: Icon::Hourglass,
        what: if kind == Kind::Certificate {
            say!("nearing-renewals-late", vault = vault, count = count)
        } else {
            say!("nearing-rotations-late", vault = vault, count = count)
        },
        detail: say!("nearing-late-since").to_owned(),
        act: Act::link(
            if kind == Kind::Certificate { say!("nearing-renew") } else { say!("nearing-rotate") },
            links::in_vault(vault, kind.plural(), &[]),
            Icon::Undo,
        ),
        why: None,
    }
}

fn rest(what: String) -> Attention {
    Attention {
        tone: Tone::Warn,
        icon: Icon::Hourglass,
        what,
        detail: say!("nearing-the-lanes-show-them").to_owned(),
        act: Act::link(say!("nearing-open"), links::VAULTS, Icon::Server),
        why: None,
    }
}

#[cfg(test)]
mod tests {
    use strongroom_domain::{
        names::ObjectKind,
        rotation::{FailedAttempts, Rotation},
    };

    use super::{
        super::endings::tests::{NOW, ending, ending_soon},
        *,
    };

    #[test]
    fn what_ends_within_days_needs_somebody_unless_it_is_renewed_by_itself() {
        let planned = |failed| {
            let (vault, mut item) = ending("renewed", 3);
            let rotation = Rotation { rotate_at: Some(NOW + DAY), failed, ..Rotation::default() };
            item.secret.rotation = Some(Box::new(rotation));
            (vault, item)
        };
        let tried = FailedAttempts { count: 4, last: NOW, reason: "acme-refused".to_owned() };
        let told = |items| needs(&[EndingSoon { items, ..ending_soon(ObjectKind::Certificate) }], NOW);
        let [soon] = told(vec![ending("db", 5), ending("later", 7), planned(None)]).try_into().ok().unwrap();
        assert_eq!(soon.what, "demo/db ends in 5 d");
        assert!(matches!(&soon.act, Act::Link { href, .. } if href == "/vaults/demo/certificates/db"));
        let [failed] = told(vec![planned(Some(tried))]).try_into().ok().unwrap();
        assert!(failed.detail.contains('4') && failed.detail.contains("acme-refused"), "{}", failed.detail);
        let many = told((0..NAMED + 3).map(|_| ending("db", 1)).collect());
        assert_eq!((many.len(), many[NAMED].what.as_str()), (NAMED + 1, "More that end within 7 days: 3"));
    }

    #[test]
    fn what_is_late_needs_somebody_and_the_age_of_a_secret_does_not() {
        let vault = VaultName::parse("data").unwrap();
        let of = |kind| EndingSoon { behind: vec![(vault.clone(), 2)], ..ending_soon(kind) };
        let told = needs(&[of(ObjectKind::Secret), of(ObjectKind::Key)], NOW);
        let told: Vec<_> = told.iter().map(|need| need.what.as_str()).collect();
        assert_eq!(told, ["Rotations that are late in data: 2"]);
    }
}
