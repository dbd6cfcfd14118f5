//! GET /access/grants: who has access by which grant, and when it was last used, in one table. What is hidden from whoever
//! looks is said; what is not known of a use is never shown as unused.

use strongroom_domain::{
    access_policy::ObjectPermissions,
    action::Action,
    admin::{
        Gone, GrantShown, GrantState, GrantedBy, GrantsPage, GrantsWanted, HiddenGrants, LastUsed, MAX_GRANTS_SHOWN,
        ScopeRequest, WorkloadLabels,
    },
    gate::Ask,
    principal::{Grantee, PrincipalId},
    role::Role,
};
use strongroom_web::{Act, Body, Cell, Field, Form, Icon, Paging, Panel, PanelsPage, Row, Snippet, Table, Tone, say};

use super::{assignments::end, own_issuer, tabs, whom};
use crate::{
    api::manage::{
        access::{grants, wanted},
        grantee::scope,
    },
    dashboard::{
        Failure,
        frame::{Place, Viewer},
        links,
        offers::Offers,
        rendered,
        snippets::{self, Commands, quoted},
        sort::Sort,
        view,
    },
    message::{Request, Response},
    problem::Problem,
};

/// Grants on a page.
const PAGE: usize = 50;
const COLUMNS: [&str; 7] = ["Who", "Access by", "Where", "Until", "Last used", "State", ""];
/// What is said first of a grant of which much is to be said.
const FIRST: [GrantState; 4] = [GrantState::Orphan, GrantState::Over, GrantState::Asleep, GrantState::Unused];

/// What an address asks for.
#[derive(Clone)]
pub(super) struct Asked {
    scope: Option<String>,
    pub(super) at: ScopeRequest,
    pub(super) wanted: GrantsWanted,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Result<Self, Problem> {
        let text = request.query("scope").map(str::trim).filter(|text| !text.is_empty());
        Self::at(text.map(str::to_owned), wanted(request)?)
    }

    pub(super) fn at(text: Option<String>, wanted: GrantsWanted) -> Result<Self, Problem> {
        Ok(Self { at: scope(text.as_deref().unwrap_or("/"))?, scope: text, wanted })
    }

    pub(super) fn query<'a>(&'a self, after: Option<&'a str>) -> [(&'static str, Option<&'a str>); 6] {
        let GrantsWanted { above, who, role, state } = &self.wanted;
        [
            ("scope", self.scope.as_deref()),
            ("above", above.then_some("true")),
            ("who", who.as_deref()),
            ("role", role.as_deref()),
            ("state", state.map(GrantState::as_str)),
            ("after", after),
        ]
    }

    /// The same page, or another one of the same grants.
    pub(super) fn address(&self, path: &str, after: Option<&str>) -> String {
        links::asked(path, &self.query(after))
    }

    fn is_filtered(&self) -> bool {
        let GrantsWanted { above: _, who, role, state } = &self.wanted;
        who.is_some() || role.is_some() || state.is_some()
    }

    /// An action where the grants are.
    pub(super) fn ask(&self, action: Action) -> Ask<'_> {
        match self.at.vault() {
            None => Ask::server(action),
            Some(vault) => Ask::vault(action, vault),
        }
    }

    /// Commands that ask the same.
    pub(super) fn commands(&self, commands: &Commands) -> Vec<Snippet> {
        let options = self.query(None).into_iter().filter_map(|(name, value)| Some((name, value?)));
        let command = options.fold("access list".to_owned(), |command, (name, value)| match name {
            "above" => format!("{command} --above"),
            name => format!("{command} --{name} {}", quoted(value)),
        });
        vec![commands.server(&command), commands.curl_server("GET", &self.address("/api/v1/access", None), None)]
    }
}

/// # Errors
/// 400 for what the form would not send, the gate's denial, or why the grants cannot be read.
pub(crate) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let asked = Asked::of(request)?;
    let sort = Sort::of(viewer, request, &COLUMNS);
    let after = request.query("after").filter(|after| !after.is_empty() && !sort.is_set());
    let limit = if sort.is_set() { MAX_GRANTS_SHOWN } else { PAGE };
    let page = grants(viewer.services, &viewer.call.ctx, &asked.at, &asked.wanted, (after, limit)).await?;
    let place = Place::Access;
    let mut offers = Offers::new(viewer, &place);
    let new = links::asked(links::NEW_ASSIGNMENT, &[("scope", asked.scope.as_deref())]);
    offers
        .offer(&asked.ask(Action::AssignmentAdd), Act::primary(say!("access-grants-give-a-role"), new, Icon::Plus))
        .await;
    let unused = Asked { wanted: GrantsWanted { above: false, state: None, ..asked.wanted.clone() }, ..asked.clone() };
    let unused = unused.address(links::UNUSED_GRANTS, None);
    offers
        .offer(
            &asked.ask(Action::AssignmentRemove),
            Act::link(say!("access-grants-remove-unused"), unused, Icon::Trash),
        )
        .await;
    let removable = offers.open(&asked.ask(Action::AssignmentRemove), say!("access-grants-remove")).await;
    let makes_roles = offers.open(&Ask::server(Action::RoleWrite), say!("access-grants-role-of-its-uses")).await;
    let (acts, cannot) = offers.told();
    let mut notices: Vec<String> = sort.notice(page.items.len(), page.next.is_some()).into_iter().collect();
    notices.extend(hidden(&page));
    // Beside the name of one secret, the use of a grant of the whole vault would be taken for a use of that secret.
    if !matches!(asked.at, ScopeRequest::Server | ScopeRequest::Vault(_)) {
        notices.push(say!("access-grants-used-elsewhere-too").to_owned());
    }
    let mut table = table(viewer, &page.items, &asked.at, (removable, makes_roles)).await;
    table.paging = Paging {
        words: say!("access-grants-rows-on-this-page", rows = table.rows.len()),
        first_href: after.map(|_| asked.address(links::GRANTS, None)),
        next_href: page.next.as_deref().map(|next| asked.address(links::GRANTS, Some(next))),
    };
    let body = if table.rows.is_empty() { nothing(&asked, &page) } else { Body::Table(sort.table(table, &[])) };
    let mut main = vec![Panel::new(say!("access-grants-grants"), body).foot(say!("access-grants-a-use-is-a-request"))];
    main.push(snippets::panel(asked.commands(&Commands::of_installation(viewer.services))));
    let page = PanelsPage {
        lead: Some(say!("access-grants-who-by-which-grant").to_owned()),
        acts,
        cannot,
        notices,
        tabs: tabs(links::GRANTS),
        filter: Some(form(&asked, &sort)),
        main,
        ..PanelsPage::new(
            viewer.shell(&place).await,
            match &asked.scope {
                Some(scope) => say!("access-grants-effective-access-at", scope = scope),
                None => say!("access-grants-effective-access").to_owned(),
            },
        )
    };
    Ok(rendered(200, page.render()))
}

/// What stands in place of the table where no grant is on this page.
fn nothing(asked: &Asked, page: &GrantsPage) -> Body {
    match &page.next {
        Some(_) => Body::Text(vec![say!("access-grants-none-so-far").to_owned()]),
        None if asked.is_filtered() => Body::Text(vec![say!("access-grants-none-is-like-that").to_owned()]),
        None => Body::Text(vec![say!("access-grants-nobody-has-access-by").to_owned()]),
    }
}

fn form(asked: &Asked, sort: &Sort<'_>) -> Form {
    let GrantsWanted { above, who, role, state } = &asked.wanted;
    let states = [
        ("", say!("access-grants-any-state")),
        ("unused", say!("access-grants-unused-90-d")),
        ("orphan", say!("access-grants-orphan")),
        ("asleep", say!("access-grants-not-in-use-here")),
        ("over", say!("access-grants-over")),
    ];
    let reach = [("", say!("access-grants-here-and-below")), ("true", say!("access-grants-from-above-too"))];
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut fields = vec![
        Field::line("scope", say!("access-grants-at-a-scope"), text(&asked.scope), 200)
            .hint("/vaults/NAME or /vaults/NAME/secrets/NAME"),
        Field::choice("above", say!("access-grants-given"), &reach, if *above { "true" } else { "" }),
        Field::line("who", say!("access-grants-who"), text(who), 256),
        Field::line("role", say!("access-grants-role"), text(role), 128),
        Field::choice("state", say!("access-grants-state"), &states, state.map_or("", GrantState::as_str)),
    ];
    fields.extend(sort.kept().into_iter().map(|(name, value)| Field::hidden(&name, value)));
    Form {
        action: links::GRANTS.to_owned(),
        fields,
        submit: say!("access-grants-show").to_owned(),
        cancel_href: (asked.is_filtered() || asked.scope.is_some()).then(|| links::GRANTS.to_owned()),
        ..Form::default()
    }
}

/// What is said of what the viewer may not see, with the role that is missing, and of what nobody knows yet.
pub(super) fn hidden(page: &GrantsPage) -> Vec<String> {
    let least = |action| Role::least_for(action).unwrap_or(Role::Owner).name();
    let told = page.hidden.iter().map(|hidden| match hidden {
        HiddenGrants::Above => say!("access-grants-above-is-hidden", role = least(Action::AssignmentRead)),
        HiddenGrants::Policies => say!("access-grants-policies-are-hidden", role = least(Action::AccessPolicyRead)),
        HiddenGrants::Users => say!("access-grants-users-are-hidden", role = least(Action::AuditRead)),
    });
    let mut told: Vec<String> = told.collect();
    if page.items.iter().any(|grant| grant.last_used == LastUsed::NotKnown) {
        told.push(say!("access-grants-uses-are-being-counted").to_owned());
    }
    told
}

/// What is said of the workloads among those who have and who used grants.
pub(super) async fn names(viewer: &Viewer<'_>, items: &[GrantShown]) -> WorkloadLabels {
    let users = items.iter().filter_map(|grant| match &grant.last_used {
        LastUsed::At { by: Some(by), .. } => Some(Grantee::Principal { id: by.clone() }),
        _ => None,
    });
    let all: Vec<Grantee> = items.iter().map(|grant| grant.grantee.clone()).chain(users).collect();
    whom::names(viewer, all.iter()).await
}

async fn table(
    viewer: &Viewer<'_>,
    items: &[GrantShown],
    at: &ScopeRequest,
    (removable, makes_roles): (bool, bool),
) -> Table {
    let names = names(viewer, items).await;
    let audits = viewer.may(&Ask::server(Action::AuditRead)).await;
    // One that is given above is removed there.
    let above = *at != ScopeRequest::Server && viewer.may(&Ask::server(Action::AssignmentRemove)).await;
    let writable = match at.vault() {
        Some(vault) => viewer.may(&Ask::vault(Action::AccessPolicyWrite, vault)).await,
        None => false,
    };
    let rows = items.iter().map(|grant| {
        let mut acts = Vec::new();
        if let GrantedBy::Policy { vault, .. } = &grant.by
            && writable
        {
            let parts = whom::parts(viewer, &grant.grantee);
            let parts: Vec<_> = parts.iter().map(|(name, value)| (*name, Some(value.as_str()))).collect();
            let href = links::in_vault(vault, "access-policy", &parts);
            acts.push(Act::link(say!("access-grants-change"), href, Icon::Pencil));
        }
        if let GrantedBy::Role { assignment, .. } = &grant.by {
            let may_remove = if grant.scope == "/" && *at != ScopeRequest::Server { above } else { removable };
            if makes_roles && matches!(grant.last_used, LastUsed::At { .. }) {
                let of = assignment.to_string();
                let href = links::asked(links::NEW_ROLE, &[("of", Some(&of))]);
                acts.push(Act::link(say!("access-grants-role-of-its-uses"), href, Icon::Pencil));
            }
            if may_remove && grant.gone != Some(Gone::Vault) {
                acts.push(Act::link(say!("access-grants-remove"), links::remove_assignment(*assignment), Icon::Trash));
            }
        }
        Row::new(vec![
            whom::cell(viewer, &grant.grantee, &names),
            by(grant),
            Cell::Code(grant.scope.clone()),
            end(grant.ends_at, viewer.call.ctx.now),
            last_used(grant, &names, own_issuer(viewer), audits),
            state(grant),
            Cell::Acts(acts),
        ])
    });
    Table::new(&COLUMNS, rows.collect())
}

/// The grant, with how it is given.
pub(super) fn by(grant: &GrantShown) -> Cell {
    match &grant.by {
        GrantedBy::Role { id, name, .. } => {
            let how = match &grant.grantee {
                Grantee::Principal { .. } => say!("access-grants-assigned-to-them"),
                Grantee::Group { .. } => say!("access-grants-assigned-to-the-group"),
            };
            Cell::Link { text: name.clone(), href: links::role(id.id()), small: Some(how.to_owned()) }
        }
        GrantedBy::Policy { vault, permissions } => Cell::Link {
            text: say!("access-grants-access-policy").to_owned(),
            href: links::in_vault(vault, "access", &[]),
            small: Some(permitted(permissions)),
        },
    }
}

/// `secrets: get, list; keys: sign`.
fn permitted(permissions: &ObjectPermissions) -> String {
    let secrets: Vec<&str> = permissions.secrets.iter().map(|permission| permission.as_str()).collect();
    let keys: Vec<&str> = permissions.keys.iter().map(|permission| permission.as_str()).collect();
    let certificates: Vec<&str> = permissions.certificates.iter().map(|permission| permission.as_str()).collect();
    let kinds = [("secrets", secrets), ("keys", keys), ("certificates", certificates)];
    let told = kinds.iter().filter(|(_, words)| !words.is_empty());
    let told: Vec<String> = told.map(|(kind, words)| format!("{kind}: {}", words.join(", "))).collect();
    if told.is_empty() { say!("access-grants-nothing").to_owned() } else { told.join("; ") }
}

/// When it was last used and by whom, as far as that is known and may be told.
pub(super) fn last_used(grant: &GrantShown, names: &WorkloadLabels, own_issuer: &str, audits: bool) -> Cell {
    match &grant.last_used {
        LastUsed::At { at, by } => {
            let of_group = matches!(grant.grantee, Grantee::Group { .. });
            let small = by.as_ref().filter(|_| of_group).map(|by| {
                let who = names.name(by, own_issuer).unwrap_or(&by.subject);
                say!("access-grants-by-who", who = who)
            });
            let subject = by.as_ref().map(|PrincipalId { subject, .. }| subject.as_str());
            let href = subject.filter(|_| audits).map(|subject| links::audit(None, Some(subject)));
            Cell::When { moment: view::moment_millis(*at), href, small }
        }
        LastUsed::NotSince(moment) => {
            let at = view::moment_millis(*moment).text;
            let (text, small) = if *moment == grant.given_at {
                (say!("access-grants-never"), say!("access-grants-given-at", at = at))
            } else {
                (say!("access-grants-not-used"), say!("access-grants-since-at", at = at))
            };
            Cell::Text { text: text.to_owned(), small: Some(small) }
        }
        LastUsed::NotKnown => Cell::None(say!("access-grants-not-known").to_owned()),
    }
}

/// What is to be said of it: the worst first, and the rest below.
fn state(grant: &GrantShown) -> Cell {
    let mut said = FIRST.into_iter().filter(|state| grant.states.contains(state));
    let Some(first) = said.next() else {
        return match grant.last_used {
            LastUsed::At { .. } => Cell::badge(Tone::Good, Icon::Check, say!("access-grants-in-use")),
            LastUsed::NotSince(_) | LastUsed::NotKnown => Cell::None(say!("access-grants-nothing-to-say").to_owned()),
        };
    };
    let (tone, icon) = match first {
        GrantState::Orphan => (Tone::Bad, Icon::Unknown),
        GrantState::Over => (Tone::Warn, Icon::Over),
        GrantState::Asleep => (Tone::Plain, Icon::Off),
        GrantState::Unused => (Tone::Warn, Icon::Hourglass),
    };
    let gone = grant.gone.map(|gone| match gone {
        Gone::Issuer => say!("access-grants-its-issuer-is-not-configured"),
        Gone::Workload => say!("access-grants-the-workload-was-deleted"),
        Gone::Vault => say!("access-grants-the-vault-is-gone"),
    });
    let small: Vec<&str> = gone.into_iter().chain(said.map(word)).collect();
    let small = Some(small.join(", ")).filter(|words| !words.is_empty());
    Cell::Badge { tone, icon, text: word(first).to_owned(), small }
}

fn word(state: GrantState) -> &'static str {
    match state {
        GrantState::Orphan => say!("access-grants-orphan"),
        GrantState::Over => say!("access-grants-over"),
        GrantState::Asleep => say!("access-grants-not-in-use-here"),
        GrantState::Unused => say!("access-grants-unused-90-d"),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn grant(last_used: LastUsed, states: &[GrantState]) -> GrantShown {
        GrantShown {
            grantee: Grantee::Group { issuer: "https://idp".to_owned(), group: "ops".to_owned() },
            by: GrantedBy::Role { assignment: Uuid::nil(), id: Role::Owner.into(), name: "Owner".to_owned() },
            scope: "/".to_owned(),
            given_at: 1000,
            ends_at: None,
            last_used,
            states: states.iter().copied().collect(),
            gone: None,
        }
    }

    #[test]
    fn the_worst_is_said_first_and_what_is_in_use_is_said_to_be() {
        let shown = |cell: Cell| match cell {
            Cell::Badge { text, small, .. } => (text, small),
            Cell::None(text) => (text, None),
            other => panic!("{other:?}"),
        };
        let at = || LastUsed::At { at: 5000, by: None };
        let both = grant(at(), &[GrantState::Unused, GrantState::Orphan]);
        let both = GrantShown { gone: Some(Gone::Issuer), ..both };
        let words = "its issuer is not configured, Unused 90 d";
        assert_eq!(shown(state(&both)), ("Orphan".to_owned(), Some(words.to_owned())));
        assert_eq!(shown(state(&grant(at(), &[]))).0, "In use");
        assert_eq!(shown(state(&grant(LastUsed::NotKnown, &[]))).0, "Nothing to say");
    }

    #[test]
    fn what_is_not_known_is_said_not_to_be_known() {
        let names = WorkloadLabels::default();
        let told = |last| match last_used(&grant(last, &[]), &names, "https://own", false) {
            Cell::When { small, href, .. } => {
                assert_eq!(href, None, "records are for who may read them");
                small.unwrap_or_default()
            }
            Cell::Text { text, small } => format!("{text} {}", small.unwrap_or_default()),
            Cell::None(text) => text,
            other => panic!("{other:?}"),
        };
        let by = Some(PrincipalId { issuer: "https://idp".to_owned(), subject: "ada".to_owned() });
        assert_eq!(told(LastUsed::At { at: 5000, by }), "by ada");
        assert_eq!(told(LastUsed::At { at: 5000, by: None }), "");
        assert_eq!(told(LastUsed::NotSince(1000)), "Never given 1 Jan 1970, 00:00 UTC");
        assert_eq!(told(LastUsed::NotSince(61_000)), "Not since 1 Jan 1970, 00:01 UTC");
        assert_eq!(told(LastUsed::NotKnown), "Not known yet");
    }
}
