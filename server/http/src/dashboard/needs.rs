//! What needs somebody: the parts that the overview looks at, each of which is whole, is told to be in part, or could not
//! be read. What could not be read is never shown as nothing.

use std::{collections::BTreeSet, sync::Arc};

use strongroom_domain::{
    action::Action,
    admin::{MAX_WORKLOAD_PAGE, ScopeRequest},
    identity::Workload,
    record::{Denials, DeniedAlike, Outcome, Record, RecordFilter},
    vault::Vault,
};
use strongroom_web::{Act, Icon, Tone, say};
use uuid::Uuid;

use super::{Failure, audit, frame::Viewer, links, revoked, view};
use crate::services::{ChainStatus, StoredStatus, Verified};

const DAY: i64 = 86_400_000;
/// How near the end of a role is near, in milliseconds.
const ROLE_ENDS: i64 = DAY;
/// How near the end of a credential is near, in seconds: 14 days.
const CREDENTIAL_ENDS: i64 = 14 * 86_400;
/// Records, assignments of one page, and most pages that are looked through.
const MOST: usize = 1000;
const PAGES: usize = 10;
/// How many sorts of denials are named.
const NAMED: usize = 8;
/// How many denials of one sort need a look.
const DENIALS: u64 = 5;
/// For how long a renewal that failed is told of: it is tried at least once a day. In milliseconds.
const RENEWAL_FAILED: i64 = 2 * DAY;
/// For how long a certificate that somebody has to renew is told of, in milliseconds.
const RENEWAL_WANTED: i64 = 30 * DAY;
/// What makes a certificate's next version, or ends it.
const RENEWALS: &[Action] = &[
    Action::CertificateRenewIfDue,
    Action::CertificateIssue,
    Action::CertificateCreate,
    Action::CertificateImport,
    Action::CertificatePendingMerge,
    Action::CertificateDelete,
];
/// How many certificates are named that were revoked.
const REVOKED: usize = 10;

/// Something that needs somebody.
pub(super) struct Attention {
    pub(super) tone: Tone,
    pub(super) icon: Icon,
    pub(super) what: String,
    pub(super) detail: String,
    pub(super) act: Act,
    /// Of denials: why the newest of them was one.
    pub(super) why: Option<String>,
}

/// What needs somebody in one part, and whether that is all of it.
pub(super) type Part = Result<(Vec<Attention>, bool), Failure>;

/// What was found, and what could not be looked at.
#[derive(Default)]
pub(super) struct Looked {
    pub(super) attention: Vec<Attention>,
    /// What could not be read: whether it is well nobody knows.
    unread: Vec<Attention>,
    pub(super) hidden: Vec<String>,
    pub(super) notices: Vec<String>,
}

impl Looked {
    /// One more part.
    pub(super) fn add(&mut self, what: &str, part: Part) {
        match part {
            Ok((rows, all)) => {
                self.attention.extend(rows);
                if !all {
                    self.notices.push(say!("needs-not-all-of-what-was-looked", what = what));
                }
            }
            Err(_) => self.unread(what, None),
        }
    }

    /// A part that could not be read.
    pub(super) fn unread(&mut self, what: &str, why: Option<&str>) {
        self.unread.push(Attention {
            tone: Tone::Bad,
            icon: Icon::Warning,
            what: say!("needs-what-could-not-be-read", what = what),
            detail: why.unwrap_or(say!("needs-nobody-knows-whether-it-is")).to_owned(),
            act: Act::link(say!("needs-look-again"), links::OVERVIEW, Icon::Records),
            why: None,
        });
    }

    /// The answer.
    pub(super) fn headline(&self) -> String {
        match (self.attention.len(), self.unread.len()) {
            (0, 0) if !self.hidden.is_empty() => say!("needs-nothing-that-you-may-see-needs").to_owned(),
            (0, 0) => say!("needs-nothing-needs-you").to_owned(),
            (1, 0) => say!("needs-one-thing-needs-attention").to_owned(),
            (count, 0) => say!("needs-count-things-need-attention", count = count),
            (0, 1) => say!("needs-one-thing-could-not-be-looked").to_owned(),
            (0, unread) => say!("needs-unread-things-could-not-be-looked", unread = unread),
            (count, unread) => say!("needs-count-need-attention-unread-could", count = count, unread = unread),
        }
    }

    /// All of it, what could not be read first, with what is hidden and what is said besides.
    pub(super) fn told(self) -> (Vec<Attention>, Vec<String>, Vec<String>) {
        let Self { attention, mut unread, hidden, notices } = self;
        unread.extend(attention);
        (unread, hidden, notices)
    }
}

/// What is wrong with the log and with what is stored. What exactly is for those who may read the records.
pub(super) fn integrity(chain: &ChainStatus, reads_audit: bool) -> Vec<Attention> {
    let bad = |what: &str, detail: String| Attention {
        tone: Tone::Bad,
        icon: Icon::Ban,
        what: what.to_owned(),
        detail,
        act: Act::link(say!("needs-open"), links::AUDIT, Icon::Records),
        why: None,
    };
    let mut told = Vec::new();
    if let Some(Verified { at, verdict: Err(finding) }) = &chain.verified {
        let at = view::moment_millis(*at).text;
        let detail = if reads_audit {
            say!("needs-finding-found-at", finding = finding, at = at)
        } else {
            say!("needs-found-at", at = at)
        };
        told.push(bad(say!("needs-the-audit-chain-is-broken"), detail));
    }
    if let Some(StoredStatus { at, verdict: Err(_) }) = &chain.stored {
        let detail = say!("needs-a-row-is-not-what", at = view::moment_millis(*at).text);
        told.push(bad(say!("needs-stored-data-is-damaged"), detail));
    }
    told
}

/// Whoever was denied again and again in the last day, by reason.
pub(super) async fn denials(viewer: &Viewer<'_>, now: i64) -> Part {
    let Denials { alike, in_part } = viewer.services.admin.denials(&viewer.further()?, now - DAY).await?;
    let often: Vec<&DeniedAlike> = alike.iter().filter(|alike| alike.records >= DENIALS).collect();
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let principals: Vec<_> = often.iter().filter_map(|alike| alike.principal.as_ref()).collect();
    let names = audit::names_of(viewer, &principals).await;
    let told = often.iter().take(NAMED).map(|alike| {
        let DeniedAlike { principal, reason, records, first, newest } = alike;
        let name = audit::named(principal.as_ref(), "", own_issuer, &names);
        let (count, at) = (view::grouped(*records), view::moment_millis(*first).text);
        let subject = principal.as_ref().map(|id| id.subject.as_str());
        Attention {
            tone: Tone::Bad,
            icon: Icon::Ban,
            what: if in_part {
                say!("needs-name-was-denied-count-or-more", name = name, count = count)
            } else {
                say!("needs-name-was-denied-count-times", name = name, count = count)
            },
            detail: if in_part {
                say!("needs-reason-since-at-or-before", reason = reason, at = at)
            } else {
                say!("needs-reason-since-at", reason = reason, at = at)
            },
            act: Act::link(say!("needs-open"), links::audit(Some("denied"), subject), Icon::Records),
            why: Some(links::why(*newest)),
        }
    });
    let mut told: Vec<Attention> = told.collect();
    let rest = often.len().saturating_sub(NAMED);
    if rest > 0 {
        told.push(Attention {
            tone: Tone::Bad,
            icon: Icon::Ban,
            what: say!("needs-rest-others-were-denied-again", rest = rest),
            detail: say!("needs-by-who-and-why-each-in").to_owned(),
            act: Act::link(say!("needs-open"), links::audit(Some("denied"), None), Icon::Records),
            why: None,
        });
    }
    Ok((told, !in_part))
}

/// What waits in each vault for this person to approve or refuse.
pub(super) async fn approvals(viewer: &Viewer<'_>, vaults: &[Arc<Vault>]) -> Part {
    let mut told = Vec::new();
    for vault in vaults {
        let count = viewer.services.admin.waiting_approvals(&viewer.call.ctx, vault).await?;
        if count > 0 {
            told.push(Attention {
                tone: Tone::Warn,
                icon: Icon::Hourglass,
                what: say!("needs-count-requests-wait", count = count, vault = vault.name),
                detail: say!("needs-others-cannot-go-on").to_owned(),
                act: Act::link(say!("needs-review"), links::in_vault(&vault.name, "approvals", &[]), Icon::Check),
                why: None,
            });
        }
    }
    Ok((told, true))
}

/// Certificates that are given out and were revoked, and authorities that sign nothing for it.
pub(super) fn serve_revoked(found: &revoked::Found) -> Vec<Attention> {
    let told = found.revoked.iter().take(REVOKED).map(|(vault, name, one)| Attention {
        tone: Tone::Bad,
        icon: Icon::Ban,
        what: say!("needs-vault-certificates-name-serves-a", vault = vault, name = name),
        detail: say!("needs-reason-since-at-renew-it", reason = one.reason.as_str(), at = view::moment(one.at).text),
        act: Act::link(say!("needs-open"), links::certificate(vault, name, None), Icon::Certificate),
        why: None,
    });
    let silent = found.silent.iter().take(REVOKED).map(|(vault, name)| Attention {
        tone: Tone::Bad,
        icon: Icon::Ban,
        what: say!("needs-the-authority-vault-certificates-name", vault = vault, name = name),
        detail: say!("needs-it-or-one-above-it").to_owned(),
        act: Act::link(say!("needs-open"), links::certificate(vault, name, None), Icon::Certificate),
        why: None,
    });
    let rest = found.revoked.len().saturating_sub(REVOKED) + found.silent.len().saturating_sub(REVOKED);
    let rest = u64::try_from(rest).unwrap_or(u64::MAX);
    let rest = (rest > 0).then(|| Attention {
        tone: Tone::Bad,
        icon: Icon::Ban,
        what: say!("needs-rest-more-certificates-are-revoked", rest = view::grouped(rest)),
        detail: say!("needs-the-certificates-of-each-vault").to_owned(),
        act: Act::link(say!("needs-open"), links::VAULTS, Icon::Certificate),
        why: None,
    });
    silent.chain(told).chain(rest).collect()
}

/// Certificates whose renewal failed in the last two days and has not come about since, and those that somebody has to
/// renew.
pub(super) async fn renewals(viewer: &Viewer<'_>, now: i64) -> Part {
    let (mut told, mut all) = (Vec::new(), true);
    for (operation, since) in [
        (Action::CertificateRenewIfDue, RENEWAL_FAILED),
        (Action::CertificateEnroll, RENEWAL_FAILED),
        (Action::CertificateNearExpiry, RENEWAL_WANTED),
    ] {
        let (failed, by_issuer) = (operation != Action::CertificateNearExpiry, operation == Action::CertificateEnroll);
        // What a module forbids is not renewed either.
        let outcomes: &[Outcome] = if failed { &[Outcome::Failed, Outcome::Denied] } else { &[Outcome::Allowed] };
        let mut records = Vec::new();
        for outcome in outcomes {
            let (found, whole) = renewal_records(viewer, operation, *outcome, now - since).await?;
            records.extend(found);
            all &= whole;
        }
        // Another node was faster.
        records.retain(|record| record.reason != "not-due");
        records.sort_by_key(|record| std::cmp::Reverse(record.at));
        if records.is_empty() {
            continue;
        }
        let mut later = Vec::new();
        for renewed in RENEWALS {
            let (found, whole) = renewal_records(viewer, *renewed, Outcome::Allowed, now - since).await?;
            later.extend(found);
            all &= whole;
        }
        let mut seen = BTreeSet::new();
        for record in records {
            let same = |other: &Record| (&other.vault, &other.object) == (&record.vault, &record.object);
            // Also within the same millisecond: what was renewed is not due, so nothing fails right after it. An issuer
            // fails after it was asked.
            let from = record.at + i64::from(by_issuer);
            let is_over = later.iter().any(|other| same(other) && other.at >= from);
            // Newest first.
            if !seen.insert((record.vault.clone(), record.object.clone())) || is_over {
                continue;
            }
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            let what = format!("{}/certificates/{}", part(&record.vault), part(&record.object));
            told.push(Attention {
                tone: if failed { Tone::Bad } else { Tone::Warn },
                icon: Icon::Hourglass,
                what: match (failed, by_issuer) {
                    (true, true) => say!("needs-what-was-not-issued-by", what = what),
                    (true, false) => say!("needs-what-could-not-be-renewed", what = what),
                    (false, _) => say!("needs-what-ends-soon", what = what),
                },
                detail: if by_issuer {
                    say!("needs-reason-last-asked-at", reason = record.reason, at = view::moment_millis(record.at).text)
                } else if failed {
                    say!(
                        "needs-reason-last-tried-at-it",
                        reason = record.reason,
                        at = view::moment_millis(record.at).text
                    )
                } else {
                    say!("needs-told-at-as-its-policy", at = view::moment_millis(record.at).text)
                },
                act: Act::link(say!("needs-open"), links::entry(record.id), Icon::Records),
                why: (record.outcome == Outcome::Denied).then(|| links::why(record.id)),
            });
        }
    }
    Ok((told, all))
}

/// Records of one sort of thing that happened with renewals, the newest first, and whether these are all.
async fn renewal_records(
    viewer: &Viewer<'_>,
    action: Action,
    outcome: Outcome,
    from: i64,
) -> Result<(Vec<Record>, bool), Failure> {
    let mut filter = RecordFilter {
        operation: Some(action.operation().to_owned()),
        outcome: Some(outcome),
        from: Some(from),
        limit: MOST,
        ..RecordFilter::default()
    };
    let mut records = Vec::new();
    for _ in 0..PAGES {
        let page = viewer.services.admin.query_audit(&viewer.further()?, filter.clone()).await?;
        records.extend(page.items);
        filter.before = page.next.as_deref().and_then(|next| Uuid::try_parse(next).ok());
        if filter.before.is_none() {
            return Ok((records, true));
        }
    }
    Ok((records, false))
}

/// Roles that end within a day.
pub(super) async fn roles(viewer: &Viewer<'_>, now: i64) -> Part {
    let (mut told, mut after) = (Vec::new(), None);
    for _ in 0..PAGES {
        let ctx = viewer.further()?;
        let page = viewer.services.admin.list_assignments(&ctx, &ScopeRequest::Server, None, after, MOST).await?;
        let ends = |end: i64| (now..now + ROLE_ENDS).contains(&end);
        let near = page.items.iter().filter(|shown| shown.assignment.ends_at.is_some_and(ends));
        told.extend(near.map(|shown| Attention {
            tone: Tone::Warn,
            icon: Icon::Hourglass,
            what: say!("needs-role-at-scope-ends", role = shown.role, scope = shown.scope),
            detail: shown.assignment.ends_at.map(|end| view::moment_millis(end).text).unwrap_or_default(),
            act: Act::link(
                say!("needs-review"),
                links::asked(links::ACCESS, &[("scope", Some(&shown.scope))]),
                Icon::Person,
            ),
            why: None,
        }));
        after = page.next.as_deref().and_then(|next| Uuid::try_parse(next).ok());
        if after.is_none() {
            return Ok((told, true));
        }
    }
    Ok((told, false))
}

/// Credentials of workloads that end within two weeks.
pub(super) async fn credentials(viewer: &Viewer<'_>) -> Part {
    let (mut told, mut after) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page = viewer.services.admin.list_workloads(&viewer.further()?, after, MAX_WORKLOAD_PAGE).await?;
        told.extend(page.items.iter().filter_map(|workload| credential(workload, viewer.now())));
        after = page.next.as_deref().and_then(|next| Uuid::try_parse(next).ok());
        if after.is_none() {
            return Ok((told, true));
        }
    }
    Ok((told, false))
}

/// The credential of a workload that ends first, if that is soon.
fn credential(workload: &Workload, now: i64) -> Option<Attention> {
    if !workload.enabled {
        return None;
    }
    let secrets = workload.secrets.iter().filter_map(|secret| secret.expires);
    let ends = secrets.chain(workload.certificates.iter().map(|certificate| certificate.expires));
    let next = ends.filter(|end| *end - now <= CREDENTIAL_ENDS).min()?;
    let over = next <= now;
    Some(Attention {
        tone: if over { Tone::Bad } else { Tone::Warn },
        icon: Icon::Key,
        what: if over {
            say!("needs-a-credential-of-name-is-over", name = workload.name)
        } else {
            say!("needs-a-credential-of-name-ends", name = workload.name)
        },
        detail: view::moment(next).text,
        act: Act::link(say!("needs-open"), links::workload(workload.client_id), Icon::Workload),
        why: None,
    })
}
