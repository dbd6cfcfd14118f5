//! The secrets of one vault: names and metadata, never a value.

use askama::Template;

use crate::{
    Act, Choice, ColumnSort, Icon, ItemState, Moment, PostForm, RenderError, Section, Shell, Snippet, Tag, render,
    samples, say,
};

/// The list of secrets of a vault, one page of it.
#[derive(Debug, Clone, Template)]
#[template(path = "secrets.html")]
pub struct SecretsPage {
    /// The frame.
    pub shell: Shell,
    /// The vault's name.
    pub vault: String,
    /// Where the search form (GET) leads; also the address without a filter.
    pub search_action: String,
    /// The filter in force.
    pub filter: SecretFilter,
    /// What one can do here.
    pub acts: Vec<Act>,
    /// What one may not do and which role is missing, as sentences.
    pub cannot: Vec<String>,
    /// One page of secrets, in order.
    pub rows: Vec<SecretRow>,
    /// How the columns sort: name, state, updated, expires.
    pub sorts: Vec<Option<ColumnSort>>,
    /// What the address says besides the filter, for the search form to keep.
    pub kept: Vec<(String, String)>,
    /// What can be done with several of them at once, if anything.
    pub bulk: Option<BulkForm>,
    /// The next page; `None` on the last.
    pub next_href: Option<String>,
    /// The first page; `None` on the first.
    pub first_href: Option<String>,
    /// What is missing from the list and why, as one sentence, when it may be incomplete.
    pub partial: Option<String>,
    /// Command that sets a first secret, shown when the vault is empty.
    pub create_command: Option<String>,
    /// Commands that list the same.
    pub copy_as: Vec<Snippet>,
}

/// The form around the rows: fields `secret` for those that are chosen, `act`, `tag` and `tag-value`.
#[derive(Debug, Clone)]
pub struct BulkForm {
    /// Where it leads.
    pub post: PostForm,
    /// What can be done.
    pub acts: Vec<Choice>,
    /// Why it was not done as it was sent.
    pub error: Option<String>,
    /// The tag that was sent, and its value.
    pub tag: String,
    /// See [`BulkForm::tag`].
    pub tag_value: String,
    /// The names that were chosen.
    pub chosen: Vec<String>,
}

impl BulkForm {
    fn has(&self, name: &str) -> bool {
        self.chosen.iter().any(|chosen| chosen == name)
    }
}

/// The filter form (GET): fields `q`, `tag`, `state`, `expires` and `rotated`.
#[derive(Debug, Clone, Default)]
pub struct SecretFilter {
    /// Part of a name; empty for any.
    pub query: String,
    /// A tag's name, or `name=value`; empty for any.
    pub tag: String,
    /// States to choose from.
    pub states: Vec<Choice>,
    /// Times within which a secret expires, to choose from.
    pub expiries: Vec<Choice>,
    /// Times for which a secret got no new version, to choose from.
    pub ages: Vec<Choice>,
    /// The filter in words, `with “ledger”, tagged “team”`; empty for none.
    pub words: String,
}

/// One secret of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// The secret's name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// Content type of the current version, if set.
    pub content_type: Option<String>,
    /// State of the current version.
    pub state: ItemState,
    /// When the current version or its attributes last changed.
    pub updated: Moment,
    /// Which version is the current one, and since when: `v7, rotated 12 Nov 2026`.
    pub made: Option<String>,
    /// When the current version expires, if it does.
    pub expires: Option<Moment>,
    /// Tags of the current version.
    pub tags: Vec<Tag>,
    /// Who reads it; of all rows or of none.
    pub reads: Option<RowReads>,
}

/// Who read a secret of the list lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowReads {
    /// When last, if lately.
    pub last: Option<Moment>,
    /// What is said where that is not known: `Not in 24 h`.
    pub unread: String,
    /// How many did.
    pub readers: String,
    /// Some of them.
    pub names: Option<String>,
}

impl SecretsPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("secrets", self)
    }

    fn frame(&self) -> Option<&Shell> {
        Some(&self.shell)
    }

    /// As somebody sees it who may change none of them.
    fn without_bulk(self) -> Self {
        Self { bulk: None, ..self }
    }

    /// The headings that have something below them, each with how its column sorts.
    fn heads(&self) -> Vec<(&'static str, Option<&ColumnSort>)> {
        let reads = self.any_reads();
        let shown = [true, true, true, self.any_expires(), self.any_tags(), reads, reads];
        let sorts = self.sorts.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        let heads = [
            say!("page-secrets-name"),
            say!("page-secrets-state"),
            say!("page-secrets-updated"),
            say!("page-secrets-expires"),
            say!("page-secrets-tags"),
            say!("page-secrets-last-read"),
            say!("page-secrets-readers-24-h"),
        ]
        .into_iter()
        .zip(sorts)
        .zip(shown);
        heads.filter(|(_, shown)| *shown).map(|(head, _)| head).collect()
    }

    fn any_expires(&self) -> bool {
        self.rows.iter().any(|row| row.expires.is_some())
    }

    fn any_tags(&self) -> bool {
        self.rows.iter().any(|row| !row.tags.is_empty())
    }

    fn any_reads(&self) -> bool {
        self.rows.iter().any(|row| row.reads.is_some())
    }

    /// Whether there is anything to search: an empty vault needs no search field.
    fn searchable(&self) -> bool {
        !self.rows.is_empty() || !self.filter.words.is_empty() || self.first_href.is_some()
    }

    fn snippets(&self) -> impl Iterator<Item = (String, &Snippet)> {
        self.copy_as.iter().enumerate().map(|(index, snippet)| (format!("snippet-{index}"), snippet))
    }

    /// Counts only what is known to be all.
    fn headline(&self) -> String {
        let vault = &self.vault;
        let whole = self.next_href.is_none() && self.first_href.is_none() && self.partial.is_none();
        let count = self.rows.len();
        match (whole, self.filter.words.as_str()) {
            (true, "") => say!("page-secrets-count-in-vault", count = counted(count), vault = vault),
            (true, words) => {
                say!("page-secrets-count-in-vault-words", count = counted(count), vault = vault, words = words)
            }
            (false, "") => say!("page-secrets-secrets-in-vault", vault = vault),
            (false, words) => say!("page-secrets-secrets-in-vault-words", vault = vault, words = words),
        }
    }

    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |rows: Vec<SecretRow>| Self {
            shell: Shell {
                vaults: samples::nav(&["identity-prod", "payments-prod", "platform-prod"], Some("payments-prod")),
                ..samples::shell(Section::InVault, &["Vaults", "payments-prod", "Secrets"])
            },
            vault: "payments-prod".into(),
            search_action: "/vaults/payments-prod/secrets".into(),
            filter: filter("", "", ""),
            acts: vec![Act::primary("New secret", "/vaults/payments-prod/new-secret", Icon::Plus)],
            cannot: vec![],
            rows,
            sorts: vec![],
            kept: vec![],
            bulk: Some(BulkForm {
                post: PostForm {
                    action: "/vaults/payments-prod/bulk-secrets".into(),
                    csrf_token: "sample-token".into(),
                },
                acts: vec![Choice { value: "disable".into(), label: "Disable".into(), chosen: true }],
                error: None,
                tag: String::new(),
                tag_value: String::new(),
                chosen: vec![],
            }),
            next_href: None,
            first_href: None,
            partial: None,
            create_command: None,
            copy_as: vec![Snippet::new(
                "Command line",
                "strongroom secret list --vault-url https://payments-prod.vault.kestrelpay.example",
            )],
        };
        vec![
            ("secrets", page(sample_rows())),
            (
                "secrets-plain",
                page(
                    sample_rows()
                        .into_iter()
                        .map(|row| SecretRow {
                            expires: None,
                            tags: vec![],
                            content_type: None,
                            state: ItemState::Enabled,
                            made: Some("v7, rotated 12 Nov 2026".into()),
                            reads: Some(RowReads {
                                last: row.expires.is_none().then(|| samples::moment("2026-11-23T03:10:40Z")),
                                unread: "Not in 24 h".into(),
                                readers: if row.expires.is_none() { "2" } else { "Nobody" }.into(),
                                names: row.expires.is_none().then(|| "ledger-worker, <Ines>".into()),
                            }),
                            ..row
                        })
                        .take(2)
                        .collect(),
                )
                .without_bulk(),
            ),
            (
                "secrets-next",
                Self {
                    next_href: Some("/vaults/payments-prod/secrets?after=c2".into()),
                    first_href: Some("/vaults/payments-prod/secrets".into()),
                    partial: Some("Two secrets could not be read and are left out; their records are damaged.".into()),
                    ..page(sample_rows())
                },
            ),
            (
                "secrets-match",
                Self {
                    filter: filter("ledger", "team", "with “ledger” in their name, tagged “team”"),
                    ..page(sample_rows().into_iter().take(1).collect())
                },
            ),
            (
                "secrets-no-match",
                Self {
                    filter: filter("<ledgr> & \"co\"", "", "with “<ledgr> & \"co\"” in their name"),
                    ..page(vec![])
                },
            ),
            (
                "secrets-empty",
                Self {
                    create_command: Some(
                        "strongroom secret set first-secret --vault-url https://payments-prod.vault.kestrelpay.example"
                            .into(),
                    ),
                    acts: vec![],
                    cannot: vec![
                        "New secret needs the role Key Vault Secrets Officer on this vault or above it.".into(),
                    ],
                    ..page(vec![])
                },
            ),
        ]
    }
}

fn filter(query: &str, tag: &str, words: &str) -> SecretFilter {
    let choice = |label: &str| Choice { value: label.to_lowercase(), label: label.into(), chosen: label == "Any" };
    SecretFilter {
        query: query.into(),
        tag: tag.into(),
        states: vec![choice("Any"), choice("Disabled")],
        expiries: vec![choice("Any"), choice("Within 30 days")],
        ages: vec![choice("Any"), choice(say!("page-secrets-not-for-a-year"))],
        words: words.into(),
    }
}

fn counted(count: usize) -> String {
    match count {
        0 => say!("page-secrets-no-secrets").into(),
        1 => say!("page-secrets-one-secret").into(),
        _ => say!("page-secrets-count-secrets", count = count),
    }
}

fn sample_rows() -> Vec<SecretRow> {
    let row =
        |name: &str, content_type: Option<&str>, state, updated: &str, expires: Option<&str>, tags: &[(&str, &str)]| {
            SecretRow {
                name: name.into(),
                href: format!("/vaults/payments-prod/secrets/{name}"),
                content_type: content_type.map(Into::into),
                state,
                updated: samples::moment(updated),
                expires: expires.map(samples::moment),
                tags: samples::tags(tags),
                made: None,
                reads: None,
            }
        };
    vec![
        row(
            "ledger-db-password",
            Some("application/json"),
            ItemState::Enabled,
            "2026-11-12T09:14:00Z",
            None,
            &[("team", "ledger"), ("tier", "0")],
        ),
        row(
            "paylane-restricted-key",
            None,
            ItemState::Expiring,
            "2026-11-14T16:40:21Z",
            Some("2026-11-28T00:00:00Z"),
            &[("team", "checkout")],
        ),
        row("paylane-webhook-key", None, ItemState::Expired, "2026-08-20T07:31:09Z", Some("2026-11-20T00:00:00Z"), &[]),
        row(
            "settlement-sftp-key",
            Some("application/x-pem-file"),
            ItemState::Disabled,
            "2026-10-02T11:00:00Z",
            None,
            &[("rotated", "")],
        ),
        row(
            "year-end-report-token",
            None,
            ItemState::NotYetValid,
            "2026-11-01T08:00:00Z",
            Some("2027-02-01T00:00:00Z"),
            &[],
        ),
    ]
}
