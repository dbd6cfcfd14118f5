//! Samples of pages made of panels: every block once, in the states it has.

use super::panels::{PanelsPage, Tab};
use crate::{
    Act, Body, Cell, ChainLink, Coming, Door, Fact, Field, FieldKind, Form, Icon, Lane, Lanes, Look, NavVault, Paging,
    Panel, PostForm, Row, Section, Shell, Snippet, Standing, StatusLine, Table, Theme, Tone, Undo, samples,
};

impl PanelsPage {
    /// Every block, by name of the page.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        vec![
            ("panels-list", list()),
            ("panels-form", form()),
            ("panels-chain", chain()),
            ("panels-icons", icons()),
            ("panels-lanes", lanes()),
            ("panels-empty", empty()),
        ]
    }
}

fn shell(crumbs: &[&str]) -> Shell {
    let vaults: Vec<NavVault> = samples::nav(&["identity-prod", "payments-prod"], Some("payments-prod"));
    Shell { vaults, ..samples::shell(Section::InVault, crumbs) }
}

/// One thing, several near each other, one at the far end, and a lane with nothing.
fn lanes() -> PanelsPage {
    let coming = |place, tone, name: &str| Coming {
        place,
        tone,
        label: format!("payments-prod/{name}, 26 Nov 2026"),
        href: format!("/vaults/payments-prod/certificates/{name}"),
    };
    let certificates = vec![
        coming(33, Tone::Bad, "api"),
        coming(300, Tone::Warn, "mesh-1"),
        coming(310, Tone::Warn, "mesh-2"),
        coming(1000, Tone::Plain, &"far".repeat(26)),
    ];
    let row = Row::new(vec![
        Cell::link("payments-prod/api", "/vaults/payments-prod/certificates/api"),
        Cell::text("certificate"),
        Cell::Moment(samples::moment("2026-11-26T03:12:08Z")),
    ]);
    let lane = |name: &str, words: String, coming| Lane { name: name.into(), words, coming };
    let words = format!("payments-prod/{}, 26 Nov 2026 and 3 later", "far".repeat(26));
    let lanes = Lanes {
        lanes: vec![lane("Certificates", words, certificates), lane("Keys", "None ends".into(), Vec::new())],
        axis: ["Today", "23 Dec 2026", "22 Jan 2027", "21 Feb 2027"].map(String::from).into(),
        list: Table::new(&["Name", "Kind", "Ends"], vec![row]),
    };
    // And a frame in which nothing is well.
    let bad = |text: &str| StatusLine { standing: Standing::Bad, text: text.into() };
    let troubled = Shell {
        more_vaults: true,
        access: Door::Lacks("needs Key Vault Reader".into()),
        audit: Door::Lacks("needs Key Vault Reader".into()),
        step_up_href: Some("/auth/kestrel/start".into()),
        cannot: vec!["To set this you need the role Owner.".into()],
        seal: bad("Sealed"),
        chain: bad("Audit chain broken"),
        ..shell(&["Overview"])
    };
    PanelsPage {
        main: vec![Panel::new("Ending in 90 days", Body::Lanes(lanes)).note("4 items")],
        aside: vec![Panel::new("Words", Body::Text(vec!["Beside them.".into()]))],
        ..PanelsPage::new(troubled, "Four things end soon")
    }
}

fn list() -> PanelsPage {
    let purge = Act::link("Purge", "/vaults/payments-prod/deleted/etl-token/purge", Icon::Trash);
    let recover =
        Act::post("Recover", "etl-token", "/vaults/payments-prod/deleted/etl-token/recover", TOKEN, Icon::Undo);
    let row = Row::new(vec![
        Cell::Link { text: "etl-token".into(), href: "/x".into(), small: Some("text/plain".into()) },
        Cell::Badge { tone: Tone::Bad, icon: Icon::Over, text: "Purged soon".into(), small: Some("scheduled".into()) },
        Cell::Moment(samples::moment("2026-11-23T03:11:52Z")),
        Cell::Tags(samples::tags(&[("team", "ledger")])),
        Cell::Who {
            icon: Icon::Workload,
            kind: "Workload".into(),
            name: "ledger-worker".into(),
            small: Some("5f0c3f1d-e9a9-4a71-b51e-0f4a8a2c6d07".into()),
        },
        Cell::Acts(vec![recover, purge]),
    ]);
    let bare = Row {
        cells: vec![
            Cell::Text { text: "plain words".into(), small: Some("smaller ones".into()) },
            Cell::badge(Tone::Planned, Icon::Hourglass, "Planned"),
            Cell::None("Never".into()),
            Cell::None("None".into()),
            Cell::Code("019ab2f4-6c1e-7d30".into()),
            Cell::Acts(vec![]),
        ],
        marked: true,
    };
    let mut table = Table::new(&["Name", "State", "Deleted", "Tags", "By", ""], vec![row, bare]);
    table.paging =
        Paging { words: "2 on this page".into(), first_href: Some("/first".into()), next_href: Some("/next".into()) };
    let fact = |name: &str, value| Fact { name: name.into(), value };
    let moment = || samples::moment("2026-11-23T03:11:52Z");
    let when = |href: Option<&str>, small: Option<&str>| Cell::When {
        moment: moment(),
        href: href.map(Into::into),
        small: small.map(Into::into),
    };
    let due = Cell::Due { tone: Tone::Warn, icon: Icon::Over, text: "Over".into(), moment: moment() };
    let facts = vec![
        Fact::text("Mode", "rbac"),
        Fact::code("Identifier", "https://payments-prod.vault.kestrelpay.example"),
        Fact::moment("Expires", None, "Never"),
        Fact::moment("Created", Some(samples::moment("2026-11-23T03:11:52Z")), ""),
        fact("Ends", due),
        fact("Tried", when(Some("/x"), Some("ada"))),
        fact("Uploaded", when(None, None)),
    ];
    let snippets =
        vec![Snippet::new("curl", "curl https://example"), Snippet::new("Command line", "strongroom secret list")];
    PanelsPage {
        badges: vec![
            (Tone::Warn, Icon::Lock, "Purge protected".into()),
            (Tone::Shadow, Icon::Shadow, "1.4.1 in shadow".into()),
        ],
        lead: Some("Deleted secrets can be recovered until their purge date.".into()),
        tags: samples::tags(&[("tier", "0")]),
        acts: vec![Act::primary("New secret", "/new", Icon::Plus)],
        cannot: vec!["Purge needs the role Key Vault Purge Operator on this vault or above it.".into()],
        notices: vec!["One record could not be read and is left out.".into()],
        tabs: vec![
            Tab { label: "Assignments".into(), href: "/a".into(), current: true },
            Tab { label: "Roles".into(), href: "/b".into(), current: false },
        ],
        filter: Some(Form {
            action: "/list".into(),
            fields: vec![
                Field::line("scope", "At", "/vaults/<b>", 256).hint("/vaults/NAME"),
                Field::choice("kind", "Kind", &[("", "Any"), ("group", "Groups")], "group"),
                Field::hidden("tab", "all"),
            ],
            submit: "Filter".into(),
            cancel_href: Some("/list".into()),
            ..Form::default()
        }),
        main: vec![
            Panel::new("Deleted secrets", Body::Table(table)).note("newest first"),
            Panel::new("Words", Body::Text(vec!["One sentence.".into(), "Another.".into()])).foot("At the foot."),
        ],
        aside: vec![
            Panel::new("Details", Body::Facts(facts)).acts(vec![Act::link("Change", "/change", Icon::Pencil)]),
            Panel::copy_as(snippets),
        ],
        ..PanelsPage::new(shell(&["Vaults", "payments-prod", "Deleted"]), "Two deleted secrets")
    }
}

const TOKEN: &str = "sample-token";

fn form() -> PanelsPage {
    let fields = vec![
        Field::line("name", "Name", "<db> & \"password\"", 127)
            .required()
            .hint("Letters, digits and hyphens.")
            .known([(&"db-<i>".to_owned(), &"known & \"used\"".to_owned())]),
        Field::new("value", "Value", FieldKind::Secret).required().hint("It is not sent back to this page."),
        Field::lines("text", "Certificate, PEM", "two\nlines", 6),
        Field::new("days", "Days", FieldKind::Number { value: "90".into(), min: 7, max: 90 }),
        Field::new("expires", "Expires, UTC", FieldKind::Moment { value: "2026-11-28T00:00".into() }),
        Field::choice("mode", "Access mode", &[("rbac", "Roles"), ("layered", "Roles and policies")], "layered"),
        Field::check("enabled", "Enabled", true).hint("A disabled version cannot be read."),
        Field::new("tag", "Tags", FieldKind::Pairs(vec![("team".into(), "ledger".into()), Default::default()])),
        Field::hidden("revision", "3"),
    ];
    let change = Form {
        action: "/vaults/payments-prod/new-secret".into(),
        csrf_token: Some(TOKEN.into()),
        fields,
        submit: "Create secret".into(),
        preview: None,
        danger: false,
        cancel_href: Some("/vaults/payments-prod/secrets".into()),
        error: Some("A name has 1 to 127 letters, digits and hyphens.".into()),
        error_href: Some("/why/019ab2f4-6c1e-7d30-8f52-0a1b2c3d4e5f".into()),
        beside: None,
    };
    let purge = Form {
        action: "/purge".into(),
        csrf_token: Some(TOKEN.into()),
        fields: vec![Field::line("confirm", "Type the name to purge it", "", 127).required()],
        submit: "Purge for good".into(),
        preview: None,
        danger: true,
        cancel_href: Some("/back".into()),
        error: None,
        error_href: None,
        beside: None,
    };
    let ask = Form {
        action: "/try".into(),
        fields: vec![Field::line("address", "Address", "10.0.0.1", 64)],
        submit: "Test".into(),
        ..Form::default()
    };
    let upload = Form {
        action: "/policy/upload".into(),
        csrf_token: Some(TOKEN.into()),
        fields: vec![
            Field::file("module", "Module", ".wasm").required().error(Some("It is <no> module.".into())),
            Field::code("settings", "Settings, JSON", "{\"a\": \"</textarea><b>\"}", 8)
                .hint("As its schema says.")
                .error(Some("Line 1 is no JSON.".into())),
        ],
        submit: "Upload".into(),
        error: Some("It is <no> module.".into()),
        ..Form::default()
    };
    PanelsPage {
        main: vec![
            Panel::new("Upload", Body::Form(upload)),
            Panel::new("New secret", Body::Form(change)),
            Panel::new("Purge", Body::Form(purge)),
            Panel::new("Test an address", Body::Form(ask)),
        ],
        ..PanelsPage::new(shell(&["Vaults", "payments-prod", "New secret"]), "New secret in payments-prod")
    }
}

/// A chain with something wrong, and an end that is not there.
fn chain() -> PanelsPage {
    let link = |title: &str, place: &str, tone, icon, findings: &[&str]| ChainLink {
        title: title.into(),
        place: place.into(),
        icon,
        tone,
        findings: findings.iter().map(|&finding| finding.into()).collect(),
        facts: match tone {
            Tone::Planned => Vec::new(),
            _ => vec![Fact::text("Key", "EC P-256"), Fact::code("Serial", "5f0c3f1de9a94a71b51e0f4a8a2c6d07")],
        },
    };
    let chain = vec![
        link("CN=pay.kestrelpay.example", "Leaf", Tone::Good, Icon::Certificate, &[]),
        link("CN=<b>Issuing</b> CA", "Authority", Tone::Bad, Icon::Over, &["It has expired."]),
        link("CN=Root CA", "Not here", Tone::Planned, Icon::Unknown, &[]),
    ];
    let import = Form {
        action: "/vaults/payments-prod/import-certificate".into(),
        csrf_token: Some(TOKEN.into()),
        fields: vec![
            Field::file("document", "File", ".pfx,.p12,.pem"),
            Field::new("password", "Password", FieldKind::Password).hint("It is not sent back to this page."),
        ],
        submit: "Look into it".into(),
        ..Form::default()
    };
    PanelsPage {
        main: vec![Panel::new("Chain", Body::Chain(chain)), Panel::new("Import", Body::Form(import))],
        ..PanelsPage::new(shell(&["Vaults", "payments-prod", "Certificates", "pay"]), "pay")
    }
}

/// Whatever icon a page may choose stands here once.
fn icons() -> PanelsPage {
    let row = |icon: &Icon| Row::new(vec![Cell::badge(Tone::Good, *icon, icon.name())]);
    let table = Table::new(&["Icon"], Icon::ALL.iter().map(row).collect());
    let mut shell = Shell { look: Look { theme: Theme::Dark, compact: true, quiet_keys: true }, ..shell(&["Icons"]) };
    shell.vaults.rotate_left(1);
    if let Some(first) = shell.vaults.first_mut() {
        first.pinned = true;
    }
    PanelsPage { main: vec![Panel::new("Icons", Body::Table(table))], ..PanelsPage::new(shell, "Icons") }
}

fn empty() -> PanelsPage {
    let body = Body::Empty {
        headline: "No deleted secrets.".into(),
        text: "What is deleted stays here for 90 days.".into(),
        command: Some(Snippet::new("Command that lists them", "strongroom secret list --deleted")),
    };
    let undo = Undo {
        said: "etl-token was disabled.".into(),
        post: PostForm { action: "/vaults/payments-prod/secrets/etl-token/1/enable".into(), csrf_token: TOKEN.into() },
        fields: vec![("undoes".into(), "yes".into())],
        seconds: 10,
    };
    let shell = Shell { undo: Some(undo), ..shell(&["Vaults"]) };
    PanelsPage {
        main: vec![Panel::new("Deleted secrets", body)],
        aside: vec![Panel::copy_as(vec![Snippet::new("curl", "curl https://example")])],
        ..PanelsPage::new(shell, "No deleted secrets")
    }
}
