//! The roles of whoever is signed in, and giving one up. Of oneself alone, so it needs no role; the use case is that by
//! which anybody's is taken away.

use strongroom_domain::{
    admin::{AssignmentShown, Holdings, ScopeRequest},
    grant::Assignment,
    principal::Grantee,
    role::RoleRef,
};
use strongroom_web::{Act, Body, Cell, Fact, Form, Icon, Panel, PanelsPage, Row, Table, say};
use uuid::Uuid;

use super::assignments::end;
use crate::{
    dashboard::{
        Failure,
        form::{SHORT, Sent},
        frame::{Place, Viewer},
        links, redirect,
        refusal::{self, Refusal},
        snippets::{self, Commands, quoted},
        sort, view,
    },
    message::{Request, Response},
    problem::Problem,
};

const COLUMNS: [&str; 4] = ["Role", "Where", "Until", ""];

/// What this person holds.
pub(crate) async fn panel(viewer: &Viewer<'_>) -> Panel {
    let title = say!("access-own-your-roles");
    let held = match viewer.further() {
        Ok(ctx) => viewer.services.admin.holdings(&ctx).await.ok(),
        Err(_) => None,
    };
    let Some(held) = held else {
        return Panel::new(title, Body::Text(vec![say!("access-own-your-roles-could-not-be").to_owned()]));
    };
    let panel = if held.assignments.is_empty() {
        Panel::new(title, Body::Text(vec![say!("access-own-you-hold-no-role-here").to_owned()]))
    } else {
        sort::panel(viewer, title, "roles", table(viewer, &held.assignments, true), None)
    };
    with_the_rest(panel, &held)
}

/// The panel with what counts besides the roles in it.
fn with_the_rest(panel: Panel, held: &Holdings) -> Panel {
    let mut sentences = Vec::new();
    match held.access_policies.len() {
        0 => {}
        1 => sentences.push(say!("access-own-an-access-policy-of-a")),
        _ => sentences.push(say!("access-own-access-policies-of-vaults-count")),
    }
    if held.more {
        sentences.push(say!("access-own-not-all-that-you-hold"));
    }
    if sentences.is_empty() { panel } else { panel.foot(sentences.join(" ")) }
}

fn table(viewer: &Viewer<'_>, held: &[AssignmentShown], droppable: bool) -> Table {
    let rows = held.iter().map(|AssignmentShown { assignment, role, scope, .. }| {
        let drop = Act::link(say!("access-own-drop"), links::drop_role(assignment.id), Icon::Trash);
        Row::new(vec![
            Cell::Text { text: role.clone(), small: by_group(&assignment.grantee) },
            Cell::Code(scope.clone()),
            end(assignment.ends_at, viewer.call.ctx.now),
            Cell::Acts(if droppable && is_own(viewer, assignment) { vec![drop] } else { Vec::new() }),
        ])
    });
    Table::new(&COLUMNS, rows.collect())
}

fn by_group(grantee: &Grantee) -> Option<String> {
    match grantee {
        Grantee::Principal { .. } => None,
        Grantee::Group { group, .. } => Some(say!("access-own-by-the-group-group", group = group)),
    }
}

/// Whether it is theirs by name. What a group holds is not theirs to give up.
fn is_own(viewer: &Viewer<'_>, assignment: &Assignment) -> bool {
    matches!(&assignment.grantee, Grantee::Principal { id } if *id == viewer.session.principal.id)
}

/// What is asked about, and everything else that they hold.
async fn find(viewer: &Viewer<'_>) -> Result<(AssignmentShown, Holdings), Failure> {
    let id = Uuid::try_parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let mut held = viewer.services.admin.holdings(&viewer.further()?).await?;
    let (asked, others): (Vec<_>, Vec<_>) = held.assignments.into_iter().partition(|one| one.assignment.id == id);
    held.assignments = others;
    let own = asked.into_iter().find(|one| is_own(viewer, &one.assignment)).ok_or_else(Problem::no_route)?;
    Ok((own, held))
}

/// GET /me/roles/{id}/drop
///
/// # Errors
/// 404 for what is not theirs by name, or why it cannot be shown.
pub(crate) async fn ask(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let (own, left) = find(viewer).await?;
    page(viewer, &own, &left, None).await
}

/// POST /me/roles/{id}/drop
///
/// # Errors
/// 403 for a form that is not ours, 404 for what is not theirs by name, the gate's denial, or why it stays.
pub(crate) async fn give_up(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let (own, left) = find(viewer).await?;
    let admin = &viewer.services.admin;
    match admin.remove_assignment(&viewer.call.ctx, own.assignment.id, &ScopeRequest::Server).await {
        Ok(_) => Ok(redirect(links::ME.to_owned())),
        Err(error) => {
            let refusal = Refusal::of(error.into())?;
            page(viewer, &own, &left, Some(&refusal)).await
        }
    }
}

async fn page(
    viewer: &Viewer<'_>,
    own: &AssignmentShown,
    left: &Holdings,
    refusal: Option<&Refusal>,
) -> Result<Response, Failure> {
    let AssignmentShown { assignment, role, scope, .. } = own;
    let description = match assignment.role {
        RoleRef::BuiltIn(role) => role.description().to_owned(),
        RoleRef::Custom(_) => say!("access-own-what-its-custom-definition-permits").to_owned(),
    };
    let facts = vec![
        Fact::text(say!("access-own-role"), role.clone()),
        Fact::text(say!("access-own-what-it-permits"), description),
        Fact::code(say!("access-own-where"), scope.clone()),
        Fact { name: say!("access-own-until").to_owned(), value: end(assignment.ends_at, viewer.call.ctx.now) },
        Fact::moment(say!("access-own-given"), Some(view::moment_millis(assignment.created_at)), ""),
        Fact::code(say!("access-own-identity"), assignment.id.to_string()),
    ];
    let mut main = vec![Panel::new(say!("access-own-you-lose"), Body::Facts(facts))];
    let mut notices = Vec::new();
    let body = if left.assignments.is_empty() {
        if left.access_policies.is_empty() {
            notices.push(say!("access-own-you-can-do-nothing-here").to_owned());
        }
        Body::Text(vec![say!("access-own-no-role").to_owned()])
    } else {
        Body::Table(sort::table(viewer, "left", table(viewer, &left.assignments, false)))
    };
    main.push(with_the_rest(Panel::new(say!("access-own-what-is-left-to-you"), body), left));
    if viewer.services.admin.is_last_owner(&viewer.call.ctx, assignment).await? {
        notices.push(say!("access-own-you-are-the-last-owner").to_owned());
    } else {
        let form = Form {
            action: links::drop_role(assignment.id),
            csrf_token: Some(viewer.form_token()),
            submit: say!("access-own-drop-from-the-next-request").to_owned(),
            danger: true,
            cancel_href: Some(links::ME.to_owned()),
            ..Form::default()
        };
        main.push(Panel::new(say!("access-own-confirm"), Body::Form(refusal::form(viewer, form, refusal).await)));
    }
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("access-own-who-may-assign-the-role").to_owned()),
        notices,
        main,
        aside: vec![snippets::panel(vec![
            commands.server(&format!("assignment remove {}", quoted(&assignment.id.to_string()))),
            commands.curl_server("DELETE", &format!("/api/v1/assignments/{}", assignment.id), None),
        ])],
        ..PanelsPage::new(
            viewer.shell(&Place::Me.below(say!("access-own-drop-role"))).await,
            say!("access-own-drop-role-at-scope", role = role, scope = scope),
        )
    };
    Ok(refusal::answer(&page, refusal))
}
