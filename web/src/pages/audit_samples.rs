//! Samples of the audit list.

use super::audit::{Alike, AuditPage, AuditRow, ChainBadge, LeftOut, Outcome, PrincipalKind, SavedViews};
use crate::{Act, Bar, Chart, Field, FieldKind, Form, Icon, Section, Shell, Snippet, samples};

impl AuditPage {
    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        vec![
            ("audit", Self { next_href: Some("/audit?before=18204546".into()), ..page(rows()) }),
            ("audit-whole", Self { chain: not_verified(), ..page(rows()) }),
            (
                "audit-older",
                Self {
                    first_href: Some("/audit".into()),
                    partial: Some("Records before 1 Sep 2026 are outside the retention time.".into()),
                    ..page(rows())
                },
            ),
            (
                "audit-filtered",
                Self {
                    words: WORDS.into(),
                    views: views(),
                    kind: "denied".into(),
                    answer: Some("1,155 denied in 1 d; one reason covers 99 %: no-role".into()),
                    ..page(rows().into_iter().filter(|row| row.outcome == Outcome::Denied).take(1).collect())
                },
            ),
            (
                "audit-grouped",
                Self {
                    folded: Some("1,128".into()),
                    next_href: Some("/audit?group=yes&before=18204546".into()),
                    chart: None,
                    left_out: None,
                    ..page(grouped())
                },
            ),
            ("audit-no-match", Self { words: WORDS.into(), kind: "denied".into(), ..page(vec![]) }),
            (
                "audit-empty",
                Self { chain: ChainBadge::NotVerified { head_position: None, head_hash: None }, ..page(vec![]) },
            ),
            (
                "audit-broken",
                Self {
                    chain: ChainBadge::Broken {
                        finding: "Record 18,204,540 does not carry the hash of the record before it.".into(),
                        at: samples::moment("2026-11-23T03:11:00Z"),
                    },
                    ..page(rows())
                },
            ),
        ]
    }
}

fn page(rows: Vec<AuditRow>) -> AuditPage {
    AuditPage {
        shell: Shell {
            vaults: samples::nav(&["identity-prod", "payments-prod", "platform-prod"], None),
            ..samples::shell(Section::Audit, &["Audit"])
        },
        rows,
        folded: None,
        filter: filter(),
        views: SavedViews { save: samples::post("/me/audit-views"), ..SavedViews::default() },
        words: String::new(),
        kind: String::new(),
        answer: None,
        chart: Some(chart()),
        uncounted: None,
        acts: vec![
            Act::Link { label: "Last hour".into(), href: "/audit?range=1h".into(), icon: None, primary: false },
            Act::link("Export the newest 10,000 of about 24,169", "/audit/export", Icon::Download),
        ],
        exports: "An export holds what the filter takes, the newest 10,000 records at most.".into(),
        copy_as: vec![Snippet::new("Command line", "strongroom audit query")],
        next_href: None,
        first_href: None,
        chain: ChainBadge::Verified {
            head_position: "18,204,551".into(),
            head_hash: "9f2c41d0".into(),
            at: samples::moment("2026-11-23T03:11:00Z"),
        },
        partial: None,
        left_out: Some(LeftOut {
            sentence: "Left out: requests without a credential, and what you read here yourself.".into(),
            label: "Show all".into(),
            href: "/audit?routine=yes".into(),
        }),
    }
}

fn views() -> SavedViews {
    let save = samples::post("/me/audit-views");
    let remove = Act::Post {
        label: "Remove".into(),
        of: "Denied tonight".into(),
        action: save.action.clone(),
        csrf_token: save.csrf_token.clone(),
        icon: Some(Icon::Trash),
        fields: vec![("name".into(), "Denied tonight".into()), ("step".into(), "remove".into())],
    };
    let open = Act::Link {
        label: "Denied tonight".into(),
        href: "/audit?outcome=denied&range=24h".into(),
        icon: None,
        primary: true,
    };
    SavedViews { acts: vec![open, remove], query: "outcome=denied&object=db-pass".into(), save }
}

/// The first one for many.
fn grouped() -> Vec<AuditRow> {
    let mut rows: Vec<AuditRow> = rows().into_iter().take(3).collect();
    if let Some(first) = rows.first_mut() {
        first.alike = Some(Alike {
            count: "1,126".into(),
            first: "23 Nov 2026, 02:41 UTC".into(),
            href: "/audit?outcome=denied&operation=secrets.get".into(),
        });
    }
    rows
}

const WORDS: &str = "outcome denied and object “db-pass”";

fn filter() -> Form {
    Form {
        action: "/audit".into(),
        fields: vec![
            Field::choice("outcome", "Outcome", &[("", "Any"), ("denied", "Denied")], "denied"),
            Field::line("principal", "Who", "", 256).hint("any principal"),
            Field::line("object", "Object", "db-pass", 256).hint("any object"),
            Field::new("from", "From, UTC", FieldKind::Moment { value: "2026-11-23T02:13".into() }),
        ],
        submit: "Filter".into(),
        cancel_href: Some("/audit".into()),
        ..Form::default()
    }
}

fn chart() -> Chart {
    let bar = |hour: u64| Bar {
        label: format!("23 Nov 2026, {hour:02}:00 UTC"),
        tick: format!("{hour:02}:00"),
        allowed: 900 + hour * 7,
        denied: if hour == 2 { 1126 } else { hour % 3 },
        failed: hour % 2,
        href: format!("/audit?from={hour}"),
    };
    Chart {
        title: "Decisions in 24 h, by 1 h".into(),
        summary: "23,000 allowed, 1,157 denied and 12 failed in 24 h; most at 02:00 UTC.".into(),
        bars: (0..24).map(bar).collect(),
        most: ("1,061".into(), "1,126".into()),
        ends: ("22 Nov 2026, 03:12 UTC".into(), "23 Nov 2026, 03:12 UTC".into()),
        marks: vec![],
    }
}

fn not_verified() -> ChainBadge {
    ChainBadge::NotVerified { head_position: Some("18,204,551".into()), head_hash: Some("9f2c41d0".into()) }
}

fn rows() -> Vec<AuditRow> {
    use Outcome::{Allowed, Challenged, Denied, Failed};
    use PrincipalKind::{Person, System, Unknown, Workload};
    let row = |time: &str,
               outcome,
               reason: Option<&str>,
               kind,
               principal: &str,
               action: &str,
               object: &str,
               status: Option<u16>,
               address: Option<&str>| AuditRow {
        date: "23 Nov 2026".into(),
        time: time.into(),
        iso: format!("2026-11-23T{time}Z"),
        outcome,
        reason: reason.map(Into::into),
        principal_kind: kind,
        principal: principal.into(),
        action: action.into(),
        object: object.into(),
        status,
        address: address.map(Into::into),
        decision_id: format!("019ab2f4-6c1e-7d30-8f52-{:0>12}", time.replace([':', '.'], "")),
        href: format!("/audit/019ab2f4-6c1e-7d30-8f52-{:0>12}", time.replace([':', '.'], "")),
        why_href: (outcome == Denied)
            .then(|| format!("/why/019ab2f4-6c1e-7d30-8f52-{:0>12}", time.replace([':', '.'], ""))),
        alike: None,
    };
    vec![
        row(
            "03:12:07.904",
            Denied,
            Some("outside_network"),
            Workload,
            "ledger-worker",
            "secrets.get",
            "payments-prod/secrets/ledger-db-password",
            Some(403),
            Some("10.46.7.23"),
        ),
        row(
            "03:11:52.310",
            Allowed,
            None,
            Person,
            "Ines Okafor",
            "secrets.reveal",
            "payments-prod/secrets/ledger-db-password",
            Some(200),
            Some("198.51.100.7"),
        ),
        row(
            "03:11:50.018",
            Failed,
            Some("store_busy"),
            Workload,
            "risk-scoring",
            "secrets.set",
            "payments-prod/secrets/risk-model-token",
            Some(503),
            Some("10.46.9.4"),
        ),
        row(
            "03:11:46.850",
            Denied,
            Some("token_expired"),
            Unknown,
            "unknown subject",
            "secrets.list",
            "payments-prod",
            Some(401),
            Some("192.0.2.55"),
        ),
        row(
            "03:11:44.000",
            Allowed,
            None,
            Workload,
            "ci-deployer",
            "secrets.set",
            "payments-prod/secrets/checkout-webhook-key",
            Some(200),
            Some("203.0.113.24"),
        ),
        row(
            "03:11:43.998",
            Challenged,
            Some("token-missing"),
            Unknown,
            "not known",
            "secrets.set",
            "payments-prod",
            Some(401),
            Some("203.0.113.24"),
        ),
        row("03:11:00.001", Allowed, None, System, "chain check", "audit.verify", "audit", None, None),
    ]
}
