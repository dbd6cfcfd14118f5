//! Samples of the page of one secret.

use zeroize::Zeroizing;

use super::secret::{ReasonField, RevealForm, Revealed, SecretPage, VersionRow};
use crate::{Act, ColumnSort, Icon, ItemState, Order, Paging, Section, Shell, Snippet, samples};

const NOW: &str = "5f0c3f1de9a94a71b51e0f4a8a2c6d07";
const BEFORE: &str = "c2b7aa20d2f64b0d9d5c74a0e6f3b918";
const FIRST: &str = "09d81c5b77ce4f3cb0f5f2b7d3a1e644";

impl SecretPage {
    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        vec![
            ("secret", page()),
            (
                "secret-reason-required",
                Self {
                    reveal: Some(form(ReasonField::Required, Some("Say why you need the value, in a few words."))),
                    ..page()
                },
            ),
            (
                "secret-cannot-reveal",
                Self {
                    reveal: None,
                    no_reveal: Some(
                        "Revealing needs the role Key Vault Secrets User on this secret or above it.".into(),
                    ),
                    acts: vec![],
                    cannot: vec!["New version, Disable and Delete need the role Key Vault Secrets Officer on this secret or above it.".into()],
                    copy_as: vec![],
                    ..page()
                },
            ),
            (
                "secret-revealed",
                Self { revealed: Some(revealed("vT7#qL0m-Rk2xW9!eJ4u+sN8", Some("INC-2291"))), ..page() },
            ),
            (
                "secret-revealed-lines",
                Self { revealed: Some(revealed("\n<b>first</b> & \"second\"\r\n  third", None)), ..page() },
            ),
            (
                "secret-fields",
                Self {
                    content_type: Some("application/json".into()),
                    reveal: Some(RevealForm {
                        by_field: true,
                        fields: vec!["host".into(), "pass<word>".into()],
                        given_reason: "INC-2291".into(),
                        ..form(ReasonField::Optional, None)
                    }),
                    versions: versions(NOW)
                        .into_iter()
                        .map(|row| VersionRow { reads: Some("41".into()), still_read: !row.current, ..row })
                        .collect(),
                    ..page()
                },
            ),
            (
                "secret-field-revealed",
                Self {
                    revealed: Some(revealed("pg-1.example", Some("INC-2291")).of_field(Some("host".into()))),
                    ..page()
                },
            ),
            ("secret-revealed-inexact", Self { revealed: Some(revealed("before\0after", None)), ..page() }),
            (
                "secret-older",
                Self {
                    version: BEFORE.into(),
                    identifier: format!(
                        "https://payments-prod.vault.kestrelpay.example/secrets/ledger-db-password/{BEFORE}"
                    ),
                    current: false,
                    current_href: Some("/vaults/payments-prod/secrets/ledger-db-password".into()),
                    state: ItemState::Expired,
                    content_type: None,
                    tags: vec![],
                    expires: Some(samples::moment("2026-11-20T00:00:00Z")),
                    not_before: Some(samples::moment("2026-10-13T09:00:00Z")),
                    versions: versions(BEFORE),
                    versions_sorts: vec![Some(ColumnSort {
                        href: "/vaults/payments-prod/secrets/ledger-db-password?versions-sort=version&versions-order=desc#t-versions".into(),
                        order: Some(Order::Ascending),
                    })],
                    versions_paging: Paging {
                        words: "3 of 28 on this page".into(),
                        first_href: None,
                        next_href: Some(
                            "/vaults/payments-prod/secrets/ledger-db-password?versions-from=25#t-versions".into(),
                        ),
                    },
                    versions_partial: Some(
                        "One version could not be read and is left out; its record is damaged.".into(),
                    ),
                    ..page()
                },
            ),
        ]
    }
}

fn page() -> SecretPage {
    SecretPage {
        shell: Shell {
            vaults: samples::nav(&["identity-prod", "payments-prod", "platform-prod"], Some("payments-prod")),
            ..samples::shell(Section::InVault, &["Vaults", "payments-prod", "Secrets", "ledger-db-password"])
        },
        name: "ledger-db-password".into(),
        vault: "payments-prod".into(),
        version: NOW.into(),
        current: true,
        current_href: None,
        acts: vec![
            Act::primary("New version", "/vaults/payments-prod/secrets/ledger-db-password/new-version", Icon::Plus),
            Act::post(
                "Disable",
                "",
                "/vaults/payments-prod/secrets/ledger-db-password/x/disable",
                "sample-token",
                Icon::Off,
            ),
            Act::link("Delete", "/vaults/payments-prod/secrets/ledger-db-password/delete", Icon::Trash),
        ],
        cannot: vec![],
        state: ItemState::Enabled,
        content_type: Some("text/plain".into()),
        identifier: format!("https://payments-prod.vault.kestrelpay.example/secrets/ledger-db-password/{NOW}"),
        tags: samples::tags(&[("team", "ledger"), ("tier", "0"), ("rotated", "")]),
        created: samples::moment("2026-11-12T09:14:00Z"),
        updated: samples::moment("2026-11-14T16:40:21Z"),
        not_before: None,
        expires: None,
        recovery: "Recoverable for 90 days, purge protected".into(),
        reveal: Some(form(ReasonField::Optional, None)),
        no_reveal: None,
        ask_approval: None,
        revealed: None,
        versions: versions(NOW),
        versions_sorts: vec![],
        versions_paging: Paging::default(),
        versions_partial: None,
        panels: vec![],
        copy_as: snippets(),
    }
}

fn form(reason: ReasonField, error: Option<&str>) -> RevealForm {
    RevealForm {
        action: format!("/vaults/payments-prod/secrets/ledger-db-password/{NOW}/reveal"),
        csrf_token: "sample-token".into(),
        reason,
        error: error.map(Into::into),
        shown_for_seconds: 30,
        by_field: false,
        fields: vec![],
        given_reason: String::new(),
    }
}

fn revealed(value: &str, reason: Option<&str>) -> Revealed {
    Revealed::new(
        Zeroizing::new(value.to_owned()),
        30,
        "019ab2f4-6c1e-7d30-8f52-3b9d1c40aa17".into(),
        samples::moment("2026-11-23T03:11:52Z"),
        reason.map(Into::into),
        "/vaults/payments-prod/secrets/ledger-db-password".into(),
    )
}

fn versions(shown: &str) -> Vec<VersionRow> {
    let row = |version: &str, current, state, created: &str, expires: Option<&str>| VersionRow {
        version: version.into(),
        ordinal: None,
        href: format!("/vaults/payments-prod/secrets/ledger-db-password/{version}"),
        current,
        shown: version == shown,
        state,
        created: samples::moment(created),
        by: None,
        expires: expires.map(samples::moment),
        acts: if current {
            vec![]
        } else {
            vec![Act::post("Roll back", version, "/x/roll-back", "sample-token", Icon::Undo)]
        },
        reads: None,
        still_read: false,
    };
    vec![
        row(NOW, true, ItemState::Enabled, "2026-11-12T09:14:00Z", None),
        row(BEFORE, false, ItemState::Expired, "2026-10-13T09:14:00Z", Some("2026-11-20T00:00:00Z")),
        row(FIRST, false, ItemState::Disabled, "2026-09-13T09:15:00Z", None),
    ]
}

fn snippets() -> Vec<Snippet> {
    let snippet = |label: &str, code: &str| Snippet { label: label.into(), code: code.into() };
    vec![
        snippet(
            "curl",
            "curl --cacert \"$VAULT_CA\" -H \"Authorization: Bearer $TOKEN\" \\\n  \"https://payments-prod.vault.kestrelpay.example/secrets/ledger-db-password?api-version=7.4\"",
        ),
        snippet("Command line", "strongroom secret get --vault payments-prod --name ledger-db-password"),
        snippet(
            "Python",
            "from azure.identity import DefaultAzureCredential\nfrom azure.keyvault.secrets import SecretClient\n\nclient = SecretClient(\"https://payments-prod.vault.kestrelpay.example\", DefaultAzureCredential())\nvalue = client.get_secret(\"ledger-db-password\").value",
        ),
    ]
}
