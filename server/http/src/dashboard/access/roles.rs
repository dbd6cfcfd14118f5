//! Role definitions: the built-in ones, and custom ones to make, change and delete.

use strongroom_domain::{
    action::Action,
    admin::{NewRole, RoleShown, ScopeRequest, UsedActions},
    gate::Ask,
};
use strongroom_web::{Act, Body, Cell, Fact, Field, Form, Icon, Panel, PanelsPage, Row, Snippet, Table, Tone, say};
use uuid::Uuid;

use super::{lines, tabs};
use crate::{
    api::manage::grantee::scope,
    dashboard::{
        Failure,
        form::{LONG, SHORT, Sent},
        frame::{Place, Viewer},
        links,
        offers::Offers,
        redirect,
        refusal::{self, Refusal, revision_of},
        rendered,
        snippets::{self, Commands},
        sort::{self, Sort},
        view,
    },
    message::{Request, Response},
    problem::Problem,
    routes::Endpoint,
};

const COLUMNS: [&str; 3] = ["Name", "Kind", "Assignable at"];

/// GET /access/roles
///
/// # Errors
/// The gate's denial, or why the roles cannot be read.
pub(crate) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let roles = viewer.services.admin.list_roles(&viewer.call.ctx, &ScopeRequest::Server).await?;
    let place = Place::Access.below(say!("access-roles-roles"));
    let mut offers = Offers::new(viewer, &place);
    offers
        .offer(
            &Ask::server(Action::RoleWrite),
            Act::primary(say!("access-roles-new-role"), links::NEW_ROLE, Icon::Plus),
        )
        .await;
    let (acts, cannot) = offers.told();
    let rows = roles.iter().map(|role| {
        Row::new(vec![
            Cell::Link { text: role.name.clone(), href: links::role(role.id), small: Some(role.description.clone()) },
            if role.custom {
                Cell::badge(Tone::Plain, Icon::Pencil, say!("access-roles-custom"))
            } else {
                Cell::text(say!("access-roles-built-in"))
            },
            Cell::text(role.assignable_scopes.join(", ")),
        ])
    });
    let table = Sort::of(viewer, request, &COLUMNS).table(Table::new(&COLUMNS, rows.collect()), &[]);
    let custom = roles.iter().filter(|role| role.custom).count();
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("access-roles-a-role-is-a-list").to_owned()),
        acts,
        cannot,
        tabs: tabs(links::ROLES),
        main: vec![
            Panel::new(say!("access-roles-roles"), Body::Table(table)),
            snippets::panel(vec![commands.server("role list"), commands.curl_server("GET", "/api/v1/roles", None)]),
        ],
        ..PanelsPage::new(
            viewer.shell(&place).await,
            say!(
                "access-roles-roles-roles-else-of",
                roles = roles.len(),
                else_of = if custom == 1 {
                    say!("access-roles-one-custom").into()
                } else {
                    say!("access-roles-custom-custom", custom = custom)
                }
            ),
        )
    };
    Ok(rendered(200, page.render()))
}

fn id(viewer: &Viewer<'_>) -> Result<Uuid, Problem> {
    Uuid::try_parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())
}

/// GET /access/roles/{id}
///
/// # Errors
/// The gate's denial, or why the role cannot be shown.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let role = viewer.services.admin.show_role(&viewer.call.ctx, id(viewer)?, None).await?;
    let place = Place::Access.below(role.name.clone());
    let mut offers = Offers::new(viewer, &place);
    let give = links::asked(links::NEW_ASSIGNMENT, &[("role", Some(&role.name))]);
    offers
        .offer(
            &Ask::server(Action::AssignmentAdd),
            Act::link(say!("access-roles-give-it-to-somebody"), give, Icon::Plus),
        )
        .await;
    if role.custom {
        let at = links::role(role.id);
        offers
            .offer(
                &Ask::server(Action::RoleWrite),
                Act::link(say!("access-roles-change"), format!("{at}/edit"), Icon::Pencil),
            )
            .await;
        offers
            .offer(
                &Ask::server(Action::RoleDelete),
                Act::link(say!("access-roles-delete"), format!("{at}/delete"), Icon::Trash),
            )
            .await;
    }
    let (acts, cannot) = offers.told();
    let patterns = |title: &str, allowed: &[String], excepted: &[String]| {
        let rows = allowed.iter().map(|pattern| {
            Row::new(vec![
                Cell::badge(Tone::Good, Icon::Check, say!("access-roles-contains")),
                Cell::Code(pattern.clone()),
            ])
        });
        let rows = rows.chain(excepted.iter().map(|pattern| {
            Row::new(vec![Cell::badge(Tone::Warn, Icon::Off, say!("access-roles-except")), Cell::Code(pattern.clone())])
        }));
        let rows: Vec<Row> = rows.collect();
        let body = if rows.is_empty() {
            Body::Text(vec![say!("access-roles-none").into()])
        } else {
            Body::Table(Table::new(&["", "Pattern"], rows))
        };
        Panel::new(title, body)
    };
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        badges: if role.custom {
            vec![(Tone::Plain, Icon::Pencil, say!("access-roles-custom").into())]
        } else {
            Vec::new()
        },
        lead: Some(role.description.clone()).filter(|text| !text.is_empty()),
        acts,
        cannot,
        main: vec![
            patterns(say!("access-roles-actions-on-vaults-and-the"), &role.actions, &role.not_actions),
            patterns(say!("access-roles-actions-on-what-is-in"), &role.data_actions, &role.not_data_actions),
        ],
        aside: vec![
            Panel::new(
                say!("access-roles-details"),
                Body::Facts(vec![
                    Fact::code(say!("access-roles-identity"), role.id.to_string()),
                    Fact::text(say!("access-roles-assignable-at"), role.assignable_scopes.join(", ")),
                ]),
            ),
            snippets::panel(vec![
                commands.server(&format!("role show {}", role.id)),
                commands.curl_server("GET", &format!("/api/v1/roles/{}", role.id), None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, role.name)
    };
    Ok(rendered(200, page.render()))
}

/// What the fields of a definition hold.
#[derive(Default)]
struct Draft {
    name: String,
    description: String,
    actions: String,
    not_actions: String,
    data_actions: String,
    not_data_actions: String,
    scopes: String,
    revision: i64,
}

impl Draft {
    fn of(role: &RoleShown) -> Self {
        Self {
            name: role.name.clone(),
            description: role.description.clone(),
            actions: role.actions.join("\n"),
            not_actions: role.not_actions.join("\n"),
            data_actions: role.data_actions.join("\n"),
            not_data_actions: role.not_data_actions.join("\n"),
            scopes: role.assignable_scopes.join("\n"),
            revision: role.revision,
        }
    }

    fn of_sent(sent: &Sent) -> Self {
        let text = |name: &str| sent.text(name).to_owned();
        Self {
            name: text("name"),
            description: text("description"),
            actions: text("actions"),
            not_actions: text("not_actions"),
            data_actions: text("data_actions"),
            not_data_actions: text("not_data_actions"),
            scopes: text("scopes"),
            revision: revision_of(sent),
        }
    }

    /// What it contains, as it is written.
    fn told(self) -> Body {
        let lists = [
            (say!("access-roles-name"), self.name),
            (say!("access-roles-description"), self.description),
            (say!("access-roles-actions-on-what-is-in"), self.data_actions),
            (say!("access-roles-except-these"), self.not_data_actions),
            (say!("access-roles-actions-on-vaults-and-the"), self.actions),
            (say!("access-roles-except-these-of-vaults-and"), self.not_actions),
            (say!("access-roles-assignable-at"), self.scopes),
        ];
        let said = lists.into_iter().filter(|(_, text)| !text.is_empty());
        Body::Snippets(said.map(|(label, text)| Snippet::new(label, text)).collect())
    }

    fn role(&self) -> Result<NewRole, Problem> {
        Ok(NewRole {
            name: self.name.clone(),
            description: self.description.clone(),
            actions: lines(&self.actions),
            not_actions: lines(&self.not_actions),
            data_actions: lines(&self.data_actions),
            not_data_actions: lines(&self.not_data_actions),
            assignable_scopes: lines(&self.scopes).iter().map(|text| scope(text)).collect::<Result<_, _>>()?,
        })
    }
}

/// GET /access/new-role[?of=]: an empty form, or one that proposes what an assignment was used for.
///
/// # Errors
/// None of the empty one; the gate's denial, or why what was used cannot be shown.
pub(crate) async fn new(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let Some(of) = request.query("of").filter(|of| !of.is_empty()) else {
        let draft = Draft { scopes: "/".to_owned(), ..Draft::default() };
        return Ok(form_page(viewer, None, draft, None).await);
    };
    let id = Uuid::try_parse(of).map_err(|_| Problem::no_route())?;
    let used = viewer.services.admin.used_actions(&viewer.call.ctx, id, &ScopeRequest::Server).await?;
    Ok(form_of_uses(viewer, &used).await)
}

/// GET /access/roles/{id}/edit
///
/// # Errors
/// The gate's denial, or why the role cannot be shown.
pub(crate) async fn edit(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let role = viewer.services.admin.show_role(&viewer.call.ctx, id(viewer)?, None).await?;
    Ok(form_page(viewer, Some(role.id), Draft::of(&role), None).await)
}

/// POST /access/new-role and /access/roles/{id}/edit
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn put(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let id = if viewer.call.endpoint == Endpoint::NewRoleForm { None } else { Some(id(viewer)?) };
    let mut draft = Draft::of_sent(&sent);
    let put = async {
        let (admin, ctx, new) = (&viewer.services.admin, &viewer.call.ctx, draft.role()?);
        let role = match id {
            None => admin.put_role(ctx, None, &new, None).await?,
            // Two people who change the same one must not undo each other's work.
            Some(id) => admin.put_role_at(ctx, id, &new, draft.revision).await?,
        };
        Ok::<_, Failure>(links::role(role.id))
    };
    match put.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?.keeping();
            let mut now = Draft::default();
            if let Some(id) = id.filter(|_| refusal.is_late()) {
                now = Draft::of(&viewer.services.admin.show_role(&viewer.further()?, id, None).await?);
                draft.revision = now.revision;
            }
            Ok(form_page(viewer, id, draft, Some((&refusal, now))).await)
        }
    }
}

/// The form with what was used filled in, and what that was: whoever makes the role decides.
async fn form_of_uses(viewer: &Viewer<'_>, used: &UsedActions) -> Response {
    let patterns = |on_contents| used.patterns(on_contents).into_iter().collect::<Vec<_>>().join("\n");
    let UsedActions { of, operations, known_from } = used;
    let draft = Draft {
        description: say!("access-roles-what-role-at-scope-was-used", role = of.role, scope = of.scope),
        actions: patterns(false),
        data_actions: patterns(true),
        scopes: of.scope.clone(),
        ..Draft::default()
    };
    let mut told = vec![match known_from {
        Some(from) => say!("access-roles-every-use-since", from = view::moment_millis(*from).text),
        None => say!("access-roles-uses-are-being-counted").to_owned(),
    }];
    let rows = operations.iter().map(|(operation, at)| {
        let action = UsedActions::action(operation).map(|action| action.data_action().to_owned());
        Row::new(vec![Cell::Text { text: operation.clone(), small: action }, Cell::Moment(view::moment_millis(*at))])
    });
    let body = if operations.is_empty() {
        Body::Text(vec![say!("access-roles-it-was-not-used").to_owned()])
    } else {
        Body::Table(sort::table(viewer, "used", Table::new(&["Action", "Last used"], rows.collect())))
    };
    if operations.keys().any(|operation| UsedActions::action(operation).is_none()) {
        told.push(say!("access-roles-an-operation-without-an-action").to_owned());
    }
    let panel = Panel::new(say!("access-roles-what-it-was-used-for"), body).foot(told.join(" "));
    page_with(viewer, (None, draft), None, vec![panel]).await
}

async fn form_page(
    viewer: &Viewer<'_>,
    id: Option<Uuid>,
    draft: Draft,
    refused: Option<(&Refusal, Draft)>,
) -> Response {
    page_with(viewer, (id, draft), refused, Vec::new()).await
}

async fn page_with(
    viewer: &Viewer<'_>,
    (id, draft): (Option<Uuid>, Draft),
    refused: Option<(&Refusal, Draft)>,
    before: Vec<Panel>,
) -> Response {
    let (refusal, now) = refused.unzip();
    let title = if id.is_some() {
        say!("access-roles-change-name", name = draft.name)
    } else {
        say!("access-roles-new-role").to_owned()
    };
    let one_a_line = say!("access-roles-one-pattern-a-line-stands");
    let mut fields = vec![
        Field::line("name", say!("access-roles-name"), draft.name, 128).required(),
        Field::line("description", say!("access-roles-description"), draft.description, 512)
            .hint(say!("access-roles-for-whoever-gives-it")),
        Field::lines("data_actions", say!("access-roles-actions-on-what-is-in"), draft.data_actions, 5)
            .hint(say!("access-roles-one-a-line-for-example", one_a_line = one_a_line)),
        Field::lines("not_data_actions", say!("access-roles-except-these"), draft.not_data_actions, 2).hint(one_a_line),
        Field::lines("actions", say!("access-roles-actions-on-vaults-and-the"), draft.actions, 4)
            .hint(say!("access-roles-one-a-line-for-example-microsoft", one_a_line = one_a_line)),
        Field::lines("not_actions", say!("access-roles-except-these-of-vaults-and"), draft.not_actions, 2)
            .hint(one_a_line),
        Field::lines("scopes", say!("access-roles-assignable-at"), draft.scopes, 2)
            .required()
            .hint(say!("access-roles-one-scope-a-line-or")),
    ];
    fields.extend(id.map(|_| Field::hidden("revision", draft.revision.to_string())));
    let form = Form {
        action: id.map_or_else(|| links::NEW_ROLE.to_owned(), |id| format!("{}/edit", links::role(id))),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: if id.is_some() {
            say!("access-roles-save-from-the-next-request")
        } else {
            say!("access-roles-create-role")
        }
        .to_owned(),
        cancel_href: Some(id.map_or_else(|| links::ROLES.to_owned(), links::role)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let actions: Vec<String> = {
        let mut all: Vec<&str> = Action::ALL.iter().map(|action| action.data_action()).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(str::to_owned).collect()
    };
    let rows = actions.into_iter().map(|action| Row::new(vec![Cell::Code(action)])).collect();
    let commands = Commands::of_installation(viewer.services);
    let mut main = before;
    main.push(Panel::new(say!("access-roles-role"), Body::Form(form)));
    main.extend(refusal::stored(refusal, || now.unwrap_or_default().told()));
    let page = PanelsPage {
        main,
        aside: vec![
            Panel::new(
                say!("access-roles-actions-that-mean-something-here"),
                Body::Table(Table::new(&["Action"], rows)),
            ),
            snippets::panel(vec![commands.server("role create --file role.json")]),
        ],
        ..PanelsPage::new(viewer.shell(&Place::Access.below(title.clone())).await, title)
    };
    refusal::answer(&page, refusal)
}

/// GET /access/roles/{id}/delete
///
/// # Errors
/// The gate's denial, or why the role cannot be shown.
pub(crate) async fn ask_delete(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let role = viewer.services.admin.show_role(&viewer.call.ctx, id(viewer)?, None).await?;
    Ok(delete_page(viewer, &role, None).await)
}

/// POST /access/roles/{id}/delete
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(crate) async fn delete(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let id = id(viewer)?;
    match viewer.services.admin.delete_role(&viewer.call.ctx, id, None).await {
        Ok(_) => Ok(redirect(links::ROLES.to_owned())),
        Err(error) => {
            let refusal = Refusal::of(error.into())?;
            let role = viewer.services.admin.show_role(&viewer.further()?, id, None).await?;
            Ok(delete_page(viewer, &role, Some(&refusal)).await)
        }
    }
}

async fn delete_page(viewer: &Viewer<'_>, role: &RoleShown, refusal: Option<&Refusal>) -> Response {
    let form = Form {
        action: format!("{}/delete", links::role(role.id)),
        csrf_token: Some(viewer.form_token()),
        submit: say!("access-roles-delete-for-good").to_owned(),
        danger: true,
        cancel_href: Some(links::role(role.id)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let title = say!("access-roles-delete-name", name = role.name);
    let page = PanelsPage {
        lead: Some(say!("access-roles-only-a-role-that-nobody").to_owned()),
        main: vec![Panel::new(say!("access-roles-confirm"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server(&format!("role delete {}", role.id)),
            commands.curl_server("DELETE", &format!("/api/v1/roles/{}", role.id), None),
        ])],
        ..PanelsPage::new(viewer.shell(&Place::Access.below(title.clone())).await, title)
    };
    refusal::answer(&page, refusal)
}
