//! Mark-up in every text of every sample is text: the page has the same tags and attributes as with a harmless word.

use zeroize::Zeroizing;

use super::escaping::{Place, Reader};
use crate::{
    Account, Act, Alike, AuditPage, AuditRow, Bar, Body, BulkForm, Cell, ChainBadge, ChainLink, Chart, Choice, Clock,
    ColumnSort, Coming, CommandLinePage, CredentialPage, Crumb, DeniedPage, Door, ErrorPage, Fact, Field, FieldKind,
    Form, Icon, KeptPage, Lane, Lanes, LeftOut, Mark, Moment, NavPage, NavVault, NotFoundPage, Paging, Panel,
    PanelsPage, PostForm, Provider, RevealForm, Revealed, Row, SavedViews, SecretFilter, SecretPage, SecretRow,
    SecretsPage, SetupPage, Shell, SignInPage, SignedOutPage, Snippet, Stage, StatusLine, Tab, Table, Tag, Tone, Undo,
    VersionRow,
};

/// Ends whatever it might stand in: a value with either quote, a comment, a tag.
const PROBE: &str = "\"'--><img src=x onerror=alert(1)><script>alert(1)</script>";

/// Takes another text for each that it holds.
trait Filled {
    fn fill(&mut self, with: &str);
}

impl Filled for String {
    fn fill(&mut self, with: &str) {
        with.clone_into(self);
    }
}

impl<T: Filled> Filled for Option<T> {
    fn fill(&mut self, with: &str) {
        if let Some(held) = self {
            held.fill(with);
        }
    }
}

impl<T: Filled> Filled for Vec<T> {
    fn fill(&mut self, with: &str) {
        for held in self {
            held.fill(with);
        }
    }
}

impl<A: Filled, B: Filled> Filled for (A, B) {
    fn fill(&mut self, with: &str) {
        self.0.fill(with);
        self.1.fill(with);
    }
}

impl Filled for (Tone, Icon, String) {
    fn fill(&mut self, with: &str) {
        self.2.fill(with);
    }
}

macro_rules! each {
    ($with:ident: $($held:ident),+) => {{ $($held.fill($with);)+ }};
}

macro_rules! filled {
    ($($holder:ty: $($field:ident),+;)+) => {
        $(impl Filled for $holder {
            fn fill(&mut self, with: &str) {
                $(self.$field.fill(with);)+
            }
        })+
    };
}

filled! {
    Account: name, detail;
    Alike: count, first, href;
    AuditPage: shell, rows, folded, filter, views, words, kind, answer, chart, uncounted, acts, exports, copy_as,
        next_href, first_href, chain, partial, left_out;
    AuditRow: date, time, iso, reason, principal, action, object, address, decision_id, href, why_href, alike;
    Bar: label, tick, href;
    BulkForm: post, acts, error, tag, tag_value, chosen;
    ChainLink: title, place, findings, facts;
    Chart: title, summary, bars, most, ends, marks;
    Choice: value, label;
    Clock: iso, hours_minutes;
    ColumnSort: href;
    Coming: label, href;
    CommandLinePage: host, name, detail, comparison, allow, redirect_uri, state, challenge, cancel_href;
    CredentialPage: shell, headline, client_id, recorded_as, done_href, copy_as;
    Crumb: label, href;
    DeniedPage: shell, object, refused, headline, reason, reason_code, stages, missing_role, missing_scope,
        decision_id, decision_href, step_up_href, ask, seen, grants, copy_as, when, back_href;
    ErrorPage: shell, failed, cause, request_id, retry_href;
    Fact: name, value;
    Field: name, label, hint, kind, known, error;
    Form: action, csrf_token, fields, submit, preview, cancel_href, error, error_href, beside;
    KeptPage: shell, sentences, sign_in_href, post, fields, copy_as;
    Lane: name, words, coming;
    Lanes: lanes, axis, list;
    LeftOut: sentence, label, href;
    Mark: label, what, href;
    Moment: iso, text;
    NavPage: label, waiting, href, lacks;
    NavVault: name, href, pages;
    NotFoundPage: shell, home_href, request_id;
    Paging: words, first_href, next_href;
    Panel: title, note, acts, body, foot;
    PanelsPage: shell, headline, badges, lead, tags, acts, cannot, notices, tabs, filter, chart, main, aside;
    PostForm: action, csrf_token;
    Provider: name, href, detail;
    RevealForm: action, csrf_token, error, fields, given_reason;
    Revealed: recorded_as, revealed_at, reason, hide_href, field;
    Row: cells;
    SavedViews: acts, query, save;
    SecretFilter: query, tag, states, expiries, ages, words;
    SecretPage: shell, name, vault, version, current_href, acts, cannot, content_type, identifier, tags, created,
        updated, not_before, expires, recovery, reveal, no_reveal, ask_approval, revealed, versions, versions_sorts,
        versions_paging, versions_partial, panels, copy_as;
    SecretRow: name, href, content_type, updated, expires, tags;
    SecretsPage: shell, vault, search_action, filter, acts, cannot, rows, sorts, kept, bulk, next_href, first_href,
        partial, create_command, copy_as;
    SetupPage: host, form;
    Shell: installation, overview_href, vaults_href, vaults, access, why, policy, policy_note, audit, settings, cannot,
        step_up_href, undo, crumbs, clock, account, search_href, me_href, sign_out, seal, chain;
    SignInPage: host, providers, error, setup_href;
    SignedOutPage: host, sign_in_href, provider, provider_end_href;
    Snippet: label, code;
    Stage: name, detail;
    StatusLine: text;
    Tab: label, href;
    Table: name, columns, sorts, rows, paging;
    Tag: name, value;
    Undo: said, post, fields;
    VersionRow: version, href, created, expires, acts, reads;
}

impl Filled for Act {
    fn fill(&mut self, with: &str) {
        match self {
            Self::Link { label, href, .. } => each!(with: label, href),
            Self::Post { label, of, action, csrf_token, fields, .. } => {
                each!(with: label, of, action, csrf_token, fields);
            }
        }
    }
}

impl Filled for Body {
    fn fill(&mut self, with: &str) {
        match self {
            Self::Facts(facts) => facts.fill(with),
            Self::Table(table) => table.fill(with),
            Self::Chain(chain) => chain.fill(with),
            Self::Rail(stages) => stages.fill(with),
            Self::Lanes(lanes) => lanes.fill(with),
            Self::Form(form) => form.fill(with),
            Self::Snippets(snippets) => snippets.fill(with),
            Self::Text(sentences) => sentences.fill(with),
            Self::Empty { headline, text, command } => each!(with: headline, text, command),
        }
    }
}

impl Filled for Cell {
    fn fill(&mut self, with: &str) {
        match self {
            Self::Text { text, small } | Self::Badge { text, small, .. } => each!(with: text, small),
            Self::Link { text, href, small } => each!(with: text, href, small),
            Self::Code(text) | Self::None(text) => text.fill(with),
            Self::Moment(moment) => moment.fill(with),
            Self::When { moment, href, small } => each!(with: moment, href, small),
            Self::Due { text, moment, .. } => each!(with: text, moment),
            Self::Tags(tags) => tags.fill(with),
            Self::Who { kind, name, small, .. } => each!(with: kind, name, small),
            Self::Acts(acts) => acts.fill(with),
        }
    }
}

impl Filled for FieldKind {
    fn fill(&mut self, with: &str) {
        match self {
            Self::Line { value, .. }
            | Self::Lines { value, .. }
            | Self::Code { value, .. }
            | Self::Number { value, .. }
            | Self::Moment { value }
            | Self::Hidden { value } => value.fill(with),
            Self::File { accept } => accept.fill(with),
            Self::Choice(choices) => choices.fill(with),
            Self::Pairs(pairs) => pairs.fill(with),
            Self::Secret | Self::Password | Self::Check { .. } => {}
        }
    }
}

impl Filled for Door {
    fn fill(&mut self, with: &str) {
        match self {
            Self::Open(text) | Self::Lacks(text) => text.fill(with),
            Self::Absent => {}
        }
    }
}

impl Filled for ChainBadge {
    fn fill(&mut self, with: &str) {
        match self {
            Self::NotVerified { head_position, head_hash } => each!(with: head_position, head_hash),
            Self::Verified { head_position, head_hash, at } => each!(with: head_position, head_hash, at),
            Self::Broken { finding, at } => each!(with: finding, at),
        }
    }
}

fn tags(html: &str) -> Vec<String> {
    let mut reader = Reader::at(Place::Text);
    let mut characters = html.chars().peekable();
    while let Some(c) = characters.next() {
        reader.read(c, characters.peek().copied());
    }
    reader.tags
}

macro_rules! probed {
    ($($page:ty),+) => {
        $(for ((name, mut plain), (_, mut probed)) in <$page>::samples().into_iter().zip(<$page>::samples()) {
            plain.fill("x");
            probed.fill(PROBE);
            let plain: Zeroizing<String> = plain.render().map(Zeroizing::from).unwrap();
            let probed: Zeroizing<String> = probed.render().map(Zeroizing::from).unwrap();
            assert!(probed.contains("&#60;img src=x onerror=alert(1)&#62;"), "{name} shows it as text");
            assert_eq!(tags(&plain), tags(&probed), "{name} has the same tags whatever is written on it");
        })+
    };
}

#[test]
fn mark_up_in_any_text_of_any_page_is_text() {
    probed!(
        SignInPage,
        SetupPage,
        SignedOutPage,
        CommandLinePage,
        SecretsPage,
        SecretPage,
        PanelsPage,
        AuditPage,
        CredentialPage,
        DeniedPage,
        NotFoundPage,
        ErrorPage,
        KeptPage
    );
}
