//! Assignments: who holds which role where and until when; giving one, taking one away.

use std::collections::BTreeMap;

use strongroom_domain::{
    action::Action,
    admin::{AssignmentShown, NewAssignment, ScopeRequest, WantedRole},
    gate::Ask,
    principal::{Grantee, PrincipalId},
};
use strongroom_web::{
    Act, Body, Cell, Fact, Field, FieldKind, Form, Icon, Paging, Panel, PanelsPage, Row, Table, Tone, say,
};
use uuid::Uuid;

use super::{known::Known, preview, tabs, whom};
use crate::{
    api::manage::grantee::{self, scope},
    dashboard::{
        Failure,
        form::{SHORT, Sent},
        frame::{Place, Viewer},
        links,
        offers::Offers,
        redirect,
        refusal::{self, Refusal},
        rendered,
        snippets::{self, Commands, quoted},
        sort::{self, Sort},
        view,
    },
    message::{Request, Response},
    problem::Problem,
};

/// Assignments on a page.
const PAGE: usize = 50;
const COLUMNS: [&str; 5] = ["Who", "Role", "Where", "Until", ""];
/// Issuers that nobody configured of which a page warns.
const WARNINGS: usize = 3;

/// GET /access[?scope=&after=]
///
/// # Errors
/// The gate's denial, or why the assignments cannot be read.
pub(crate) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let text = request.query("scope").map(str::trim).filter(|text| !text.is_empty());
    let at = scope(text.unwrap_or("/"))?;
    let after = match request.query("after") {
        Some(text) => Some(
            Uuid::try_parse(text)
                .map_err(|_| Problem::bad_parameter(say!("access-assignments-after-is-an-assignments-id")))?,
        ),
        None => None,
    };
    let sort = Sort::of(viewer, request, &COLUMNS);
    let after = after.filter(|_| !sort.is_set());
    let admin = &viewer.services.admin;
    let mut page = admin.list_assignments(&viewer.call.ctx, &at, None, after, PAGE).await?;
    let mut turns = 0;
    while let Some(next) = sort.reads_on(page.next.as_ref(), &mut turns) {
        let more = admin.list_assignments(&viewer.further()?, &at, None, Uuid::try_parse(&next).ok(), PAGE).await?;
        page.items.extend(more.items);
        page.next = more.next;
    }
    let mut notices: Vec<String> = sort.notice(page.items.len(), page.next.is_some()).into_iter().collect();
    notices.extend(warnings(viewer, page.items.iter().map(|shown| &shown.assignment.grantee)).await);
    let place = Place::Access;
    let mut offers = Offers::new(viewer, &place);
    let new = links::asked(links::NEW_ASSIGNMENT, &[("scope", text)]);
    offers
        .offer(
            &Ask::server(Action::AssignmentAdd),
            Act::primary(say!("access-assignments-give-a-role"), new, Icon::Plus),
        )
        .await;
    let sessions = Act::link(say!("access-assignments-end-sessions"), links::END_SESSIONS, Icon::SignOut);
    offers.offer(&Ask::server(Action::SessionRevoke), sessions).await;
    let removable = offers.open(&Ask::server(Action::AssignmentRemove), say!("access-assignments-remove")).await;
    let (acts, cannot) = offers.told();
    let mut table = table(viewer, &page.items, removable).await;
    let address = |after: Option<&str>| links::asked(links::ACCESS, &[("scope", text), ("after", after)]);
    table.paging = Paging {
        words: say!("access-assignments-rows-on-this-page", rows = table.rows.len()),
        first_href: after.map(|_| address(None)),
        next_href: page.next.as_deref().map(|next| address(Some(next))),
    };
    let whole = page.next.is_none() && after.is_none();
    let at_words =
        if at == ScopeRequest::Server { String::new() } else { say!("access-assignments-at-at-and-below", at = at) };
    let headline = match (table.rows.len(), whole) {
        (0, true) => say!("access-assignments-no-assignments-at-words", at_words = at_words),
        (1, true) => say!("access-assignments-one-assignment-at-words", at_words = at_words),
        (count, true) => say!("access-assignments-count-assignments-at-words", count = count, at_words = at_words),
        (_, false) => say!("access-assignments-assignments-at-words", at_words = at_words),
    };
    let body = if table.rows.is_empty() {
        Body::Empty {
            headline: say!("access-assignments-nobody-holds-a-role-here").to_owned(),
            text: say!("access-assignments-only-roles-that-are-given").to_owned(),
            command: None,
        }
    } else {
        Body::Table(sort.table(table, &[]))
    };
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("access-assignments-a-role-at-reaches-everything").to_owned()),
        acts,
        cannot,
        notices,
        tabs: tabs(links::ACCESS),
        filter: Some(Form {
            action: links::ACCESS.to_owned(),
            fields: vec![
                Field::line("scope", say!("access-assignments-at-a-scope-and-below"), text.unwrap_or_default(), 200)
                    .hint("/vaults/NAME or /vaults/NAME/secrets/NAME"),
            ],
            submit: say!("access-assignments-show").to_owned(),
            cancel_href: text.map(|_| links::ACCESS.to_owned()),
            ..Form::default()
        }),
        main: vec![
            Panel::new(say!("access-assignments-assignments"), body),
            snippets::panel(vec![
                commands.server(&match text {
                    Some(_) => format!("assignment list --scope {}", quoted(&at.to_string())),
                    None => "assignment list".to_owned(),
                }),
                commands.curl_server("GET", &format!("/api/v1/assignments?scope={at}"), None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    Ok(rendered(200, page.render()))
}

/// What is told of grantees whose issuer nobody configured: the words of the API, for each issuer once.
pub(super) async fn warnings<'a>(viewer: &Viewer<'_>, grantees: impl Iterator<Item = &'a Grantee>) -> Vec<String> {
    let issuers: BTreeMap<&str, &Grantee> = grantees
        .map(|grantee| match grantee {
            Grantee::Principal { id: PrincipalId { issuer, .. } } | Grantee::Group { issuer, .. } => {
                (issuer.as_str(), grantee)
            }
        })
        .collect();
    let mut told = Vec::new();
    for grantee in issuers.into_values() {
        told.extend(grantee::warnings(viewer.services, viewer.call, grantee).await);
        if told.len() >= WARNINGS {
            break;
        }
    }
    told
}

/// Assignments as a table.
pub(super) async fn table(viewer: &Viewer<'_>, items: &[AssignmentShown], removable: bool) -> Table {
    let names = whom::names(viewer, items.iter().map(|shown| &shown.assignment.grantee)).await;
    let rows = items.iter().map(|AssignmentShown { assignment, role, scope, asleep }| {
        let acts = if removable {
            let of = say!(
                "access-assignments-remove-role-of-names",
                role = role,
                names = whom::words(&assignment.grantee, &names)
            );
            vec![Act::link(&of, links::remove_assignment(assignment.id), Icon::Trash)]
        } else {
            Vec::new()
        };
        let remove = acts.into_iter().map(short).collect();
        Row::new(vec![
            whom::cell(viewer, &assignment.grantee, &names),
            Cell::Link {
                text: role.clone(),
                href: links::role(assignment.role.id()),
                small: asleep.then(|| say!("access-assignments-asleep-not-asked-for-what").to_owned()),
            },
            Cell::Code(scope.clone()),
            end(assignment.ends_at, viewer.call.ctx.now),
            Cell::Acts(remove),
        ])
    });
    Table::new(&COLUMNS, rows.collect())
}

/// The act with the word that a row has room for; who it is about stands in the row.
fn short(act: Act) -> Act {
    match act {
        Act::Link { href, icon, primary, .. } => {
            Act::Link { label: say!("access-assignments-remove").to_owned(), href, icon, primary }
        }
        other => other,
    }
}

/// When something ends: never, then, or it is over.
pub(super) fn end(ends_at: Option<i64>, now: i64) -> Cell {
    match ends_at {
        None => Cell::None(say!("access-assignments-no-end").to_owned()),
        Some(end) if end <= now => {
            let moment = view::moment_millis(end);
            Cell::Due { tone: Tone::Warn, icon: Icon::Over, text: say!("access-assignments-over").to_owned(), moment }
        }
        Some(end) => Cell::Moment(view::moment_millis(end)),
    }
}

/// GET /access/new-assignment[?scope=&role=&issuer=&subject=&group=&client_id=&ends_at=]
///
/// # Errors
/// None: what is asked for is judged when it is sent.
pub(crate) async fn new(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let filled = |name: &str| request.query(name).unwrap_or_default().to_owned();
    Ok(new_page(viewer, filled, None, Found::default()).await)
}

/// POST /access/new-assignment
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn add(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let filled = |name: &str| sent.text(name).to_owned();
    let wanted = wanted(viewer, &sent);
    if preview::is_asked_for(&sent)
        && let Ok((new, at)) = &wanted
    {
        // As giving it would be: who may not give it learns nothing that the form itself would not tell.
        let refusal = match viewer.services.admin.preview_assignment(&viewer.call.ctx, new, at).await {
            Ok(()) => None,
            Err(error) => Some(Refusal::of(error.into())?),
        };
        let notices = match refusal {
            None => warnings(viewer, std::iter::once(&new.grantee)).await,
            Some(_) => Vec::new(),
        };
        let found = Found { panels: preview::of_role(viewer, new, at).await, notices };
        return Ok(new_page(viewer, filled, refusal.as_ref(), found).await);
    }
    let add = async {
        let (new, at) = wanted?;
        viewer.services.admin.add_assignment(&viewer.call.ctx, new, &at).await?;
        Ok::<_, Failure>(match at.vault() {
            None => links::ACCESS.to_owned(),
            Some(vault) => links::in_vault(vault, "access", &[]),
        })
    };
    match add.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?;
            Ok(new_page(viewer, filled, Some(&refusal), Found::default()).await)
        }
    }
}

/// What a form asks to be given, and where.
fn wanted(viewer: &Viewer<'_>, sent: &Sent) -> Result<(NewAssignment, ScopeRequest), Problem> {
    let at = scope(sent.text("scope"))?;
    let grantee = whom::read(viewer, sent)?;
    let role = WantedRole::Named(sent.text("role").to_owned());
    let ends_at = sent.moment("ends_at", say!("access-assignments-the-end"))?.map(|end| end.saturating_mul(1000));
    Ok((NewAssignment { id: None, grantee, role, ends_at }, at))
}

/// What was found out about a form that was sent to see what it would do.
#[derive(Default)]
struct Found {
    panels: Vec<Panel>,
    notices: Vec<String>,
}

async fn new_page(
    viewer: &Viewer<'_>,
    filled: impl Fn(&str) -> String,
    refusal: Option<&Refusal>,
    found: Found,
) -> Response {
    let roles = match viewer.further() {
        Ok(ctx) => viewer.services.admin.list_roles(&ctx, &ScopeRequest::Server).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let role = filled("role");
    let role_field = if roles.is_empty() {
        Field::line("role", say!("access-assignments-role"), role, 128)
            .required()
            .hint(say!("access-assignments-its-name-or-its-id"))
    } else {
        // None is chosen beforehand: a role is not to be given because nobody looked.
        let none = std::iter::once(("", say!("access-assignments-choose-one")));
        let options: Vec<(&str, &str)> =
            none.chain(roles.iter().map(|role| (role.name.as_str(), role.name.as_str()))).collect();
        Field::choice("role", say!("access-assignments-role"), &options, &role)
            .required()
            .hint(say!("access-assignments-what-each-contains-is-listed"))
    };
    let known = Known::of(viewer, None).await;
    let mut fields = whom::fields(&filled, &known);
    fields.push(role_field);
    let at = Some(filled("scope")).filter(|text| !text.is_empty()).unwrap_or_else(|| "/vaults/".to_owned());
    fields.push(
        Field::line("scope", say!("access-assignments-where"), at, 200)
            .required()
            .hint(say!("access-assignments-for-the-installation-vaults-name"))
            .known(&known.scopes),
    );
    fields.push(
        Field::new("ends_at", say!("access-assignments-until-utc"), FieldKind::Moment { value: filled("ends_at") })
            .hint(say!("access-assignments-it-ends-by-itself-then")),
    );
    let form = Form {
        action: links::NEW_ASSIGNMENT.to_owned(),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("access-assignments-give-the-role").to_owned(),
        preview: Some(say!("access-assignments-preview").to_owned()),
        cancel_href: Some(links::ACCESS.to_owned()),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let body = r#"{"client_id":"ID","role":"Key Vault Secrets User","scope":"/vaults/NAME"}"#;
    let mut main = found.panels;
    main.push(Panel::new(say!("access-assignments-assignment"), Body::Form(form)));
    let page = PanelsPage {
        notices: found.notices,
        main,
        aside: vec![snippets::panel(vec![
            commands.server("assignment add --role \"Key Vault Secrets User\" --workload ID --scope /vaults/NAME"),
            commands.curl_server("POST", "/api/v1/assignments", Some(body)),
        ])],
        ..PanelsPage::new(
            viewer.shell(&Place::Access.below(say!("access-assignments-give-a-role"))).await,
            say!("access-assignments-give-a-role"),
        )
    };
    refusal::answer(&page, refusal)
}

fn id(viewer: &Viewer<'_>) -> Result<Uuid, Problem> {
    Uuid::try_parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())
}

/// GET /access/assignments/{id}/remove
///
/// # Errors
/// The gate's denial, or why the assignment cannot be shown.
pub(crate) async fn ask_remove(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let id = id(viewer)?;
    let shown = viewer.services.admin.show_assignment(&viewer.call.ctx, id, &ScopeRequest::Server).await?;
    Ok(remove_page(viewer, &shown, None).await)
}

/// POST /access/assignments/{id}/remove
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(crate) async fn remove(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let id = id(viewer)?;
    match viewer.services.admin.remove_assignment(&viewer.call.ctx, id, &ScopeRequest::Server).await {
        Ok(removed) => Ok(redirect(match removed.scope.strip_prefix("/vaults/") {
            Some(_) => links::asked(links::ACCESS, &[("scope", Some(&removed.scope))]),
            None => links::ACCESS.to_owned(),
        })),
        Err(error) => {
            let refusal = Refusal::of(error.into())?;
            let ctx = viewer.further()?;
            let shown = viewer.services.admin.show_assignment(&ctx, id, &ScopeRequest::Server).await?;
            Ok(remove_page(viewer, &shown, Some(&refusal)).await)
        }
    }
}

async fn remove_page(viewer: &Viewer<'_>, shown: &AssignmentShown, refusal: Option<&Refusal>) -> Response {
    let AssignmentShown { assignment, role, scope, .. } = shown;
    let names = whom::names(viewer, std::iter::once(&assignment.grantee)).await;
    let who = whom::words(&assignment.grantee, &names);
    let form = Form {
        action: links::remove_assignment(assignment.id),
        csrf_token: Some(viewer.form_token()),
        submit: say!("access-assignments-remove-from-the-next-request").to_owned(),
        danger: true,
        cancel_href: Some(links::ACCESS.to_owned()),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let facts = vec![
        Fact {
            name: say!("access-assignments-who").to_owned(),
            value: whom::cell(viewer, &assignment.grantee, &names),
        },
        Fact::text(say!("access-assignments-role"), role.clone()),
        Fact::code(say!("access-assignments-where"), scope.clone()),
        Fact { name: say!("access-assignments-until").to_owned(), value: end(assignment.ends_at, viewer.call.ctx.now) },
        Fact::moment(say!("access-assignments-given"), Some(view::moment_millis(assignment.created_at)), ""),
        Fact::code(say!("access-assignments-identity"), assignment.id.to_string()),
    ];
    // Before and after: what is left to them there.
    let mut main = vec![Panel::new(say!("access-assignments-assignment"), Body::Facts(facts))];
    if let Ok(ctx) = viewer.further() {
        let others = viewer
            .services
            .admin
            .list_assignments(&ctx, &ScopeRequest::Server, Some(assignment.grantee.clone()), None, PAGE)
            .await;
        if let Ok(others) = others {
            let left: Vec<_> = others.items.into_iter().filter(|other| other.assignment.id != assignment.id).collect();
            let body = if left.is_empty() {
                Body::Text(vec![say!("access-assignments-nothing-this-is-the-only").to_owned()])
            } else {
                Body::Table(sort::table(viewer, "left", table(viewer, &left, false).await))
            };
            main.push(
                Panel::new(say!("access-assignments-what-is-left-afterwards"), body)
                    .note(say!("access-assignments-groups-aside")),
            );
        }
    }
    main.push(Panel::new(say!("access-assignments-confirm"), Body::Form(form)));
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        main,
        aside: vec![snippets::panel(vec![
            commands.server(&format!("assignment remove {}", quoted(&assignment.id.to_string()))),
            commands.curl_server("DELETE", &format!("/api/v1/assignments/{}", assignment.id), None),
        ])],
        ..PanelsPage::new(
            viewer.shell(&Place::Access.below(say!("access-assignments-remove"))).await,
            say!("access-assignments-take-role-at-scope-from", role = role, scope = scope, who = who),
        )
    };
    refusal::answer(&page, refusal)
}
