//! Workload identities: the list, one of them with its credentials, make, delete.

use strongroom_domain::{
    action::Action,
    admin::{MAX_WORKLOAD_PAGE, NewSecret},
    gate::Ask,
    identity::Workload,
    names::ObjectName,
};
use strongroom_web::{
    Act, Body, Cell, Fact, Field, FieldKind, Form, Icon, Paging, Panel, PanelsPage, Row, Table, Tone, say,
};
use uuid::Uuid;

use super::{credentials, tabs, try_token};
use crate::{
    dashboard::{
        Failure,
        form::{SHORT, Sent},
        frame::{Place, Viewer},
        links,
        offers::Offers,
        redirect,
        refusal::{self, Refusal},
        rendered,
        snippets::{self, Commands},
        sort::Sort,
        view,
    },
    message::{Request, Response},
    problem::Problem,
};

/// A credential this near to its end, in seconds, needs a look: 30 days.
const SOON: i64 = 30 * 86_400;

const COLUMNS: [&str; 4] = ["Name", "State", "Credentials", "Next end"];

/// GET /access/workloads[?after=]
///
/// # Errors
/// The gate's denial, or why the workloads cannot be read.
pub(crate) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let after = match request.query("after") {
        Some(text) => Some(
            Uuid::try_parse(text).map_err(|_| Problem::bad_parameter(say!("access-workloads-after-is-a-client-id")))?,
        ),
        None => None,
    };
    let sort = Sort::of(viewer, request, &COLUMNS);
    let after = after.filter(|_| !sort.is_set());
    let admin = &viewer.services.admin;
    let mut page = admin.list_workloads(&viewer.call.ctx, after, MAX_WORKLOAD_PAGE).await?;
    let mut turns = 0;
    while let Some(next) = sort.reads_on(page.next.as_ref(), &mut turns) {
        let next = Uuid::try_parse(&next).ok();
        let more = admin.list_workloads(&viewer.further()?, next, MAX_WORKLOAD_PAGE).await?;
        page.items.extend(more.items);
        page.next = more.next;
    }
    let place = Place::Access.below(say!("access-workloads-workloads"));
    let mut offers = Offers::new(viewer, &place);
    offers
        .offer(
            &Ask::server(Action::WorkloadCreate),
            Act::primary(say!("access-workloads-new-workload"), links::NEW_WORKLOAD, Icon::Plus),
        )
        .await;
    let (acts, cannot) = offers.told();
    let rows: Vec<Row> = page.items.iter().map(|workload| row(workload, viewer.now())).collect();
    let whole = page.next.is_none() && after.is_none();
    let headline = match (rows.len(), whole) {
        (0, true) => say!("access-workloads-no-workloads").to_owned(),
        (1, true) => say!("access-workloads-one-workload").to_owned(),
        (count, true) => say!("access-workloads-count-workloads", count = count),
        (_, false) => say!("access-workloads-workloads").to_owned(),
    };
    let commands = Commands::of_installation(viewer.services);
    let body = if rows.is_empty() {
        Body::Empty {
            headline: say!("access-workloads-no-app-has-an-identity").to_owned(),
            text: say!("access-workloads-a-workload-gets-tokens-by").to_owned(),
            command: None,
        }
    } else {
        let mut table = Table::new(&COLUMNS, rows);
        table.paging = Paging {
            words: say!("access-workloads-rows-on-this-page", rows = table.rows.len()),
            first_href: after.map(|_| links::WORKLOADS.to_owned()),
            next_href: page.next.as_deref().map(|next| links::asked(links::WORKLOADS, &[("after", Some(next))])),
        };
        Body::Table(sort.table(table, &[]))
    };
    let page = PanelsPage {
        acts,
        cannot,
        notices: sort.notice(page.items.len(), page.next.is_some()).into_iter().collect(),
        tabs: tabs(links::WORKLOADS),
        main: vec![
            Panel::new(say!("access-workloads-workloads"), body),
            snippets::panel(vec![
                commands.server("identity list"),
                commands.curl_server("GET", "/api/v1/workloads", None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    Ok(rendered(200, page.render()))
}

fn row(workload: &Workload, now: i64) -> Row {
    let counts = [
        (workload.secrets.len(), "secret"),
        (workload.certificates.len(), "certificate"),
        (workload.federations.len(), "federation"),
    ];
    let counts = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| if *count == 1 { format!("1 {word}") } else { format!("{count} {word}s") });
    let counts: Vec<String> = counts.collect();
    let ends = workload.secrets.iter().filter_map(|secret| secret.expires);
    let next = ends.chain(workload.certificates.iter().map(|certificate| certificate.expires)).min();
    Row::new(vec![
        Cell::Link {
            text: workload.name.clone(),
            href: links::workload(workload.client_id),
            small: Some(workload.client_id.to_string()),
        },
        state(workload),
        if counts.is_empty() {
            Cell::None(say!("access-workloads-none").into())
        } else {
            Cell::text(counts.join(", "))
        },
        end(next, now),
    ])
}

pub(super) fn state(workload: &Workload) -> Cell {
    if workload.enabled {
        Cell::badge(Tone::Good, Icon::Check, say!("access-workloads-enabled"))
    } else {
        Cell::badge(Tone::Plain, Icon::Off, say!("access-workloads-disabled"))
    }
}

/// When a credential ends, Unix seconds; what is over or near says so.
pub(super) fn end(expires: Option<i64>, now: i64) -> Cell {
    let near = |tone, icon, word: &str, expires| Cell::Due {
        tone,
        icon,
        text: word.to_owned(),
        moment: view::moment(expires),
    };
    match expires {
        None => Cell::None(say!("access-workloads-no-end").to_owned()),
        Some(expires) if expires <= now => near(Tone::Bad, Icon::Over, say!("access-workloads-over"), expires),
        Some(expires) if expires - now <= SOON => {
            near(Tone::Warn, Icon::Warning, say!("access-workloads-ends-soon"), expires)
        }
        Some(expires) => Cell::Moment(view::moment(expires)),
    }
}

pub(super) fn client_id(viewer: &Viewer<'_>) -> Result<Uuid, Problem> {
    Uuid::try_parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())
}

/// GET /access/workloads/{client_id}
///
/// # Errors
/// The gate's denial, or why the workload cannot be shown.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let client_id = client_id(viewer)?;
    let workload = viewer.services.admin.show_workload(&viewer.call.ctx, client_id).await?;
    Ok(page(viewer, &workload, None, Vec::new()).await)
}

/// The page of a workload; with what was wrong when one of its forms was refused, and what one of them found out.
pub(super) async fn page(
    viewer: &Viewer<'_>,
    workload: &Workload,
    refusal: Option<&Refusal>,
    found: Vec<Panel>,
) -> Response {
    let place = Place::Access.below(workload.name.clone());
    let at = links::workload(workload.client_id);
    let object = ObjectName::parse(&workload.client_id.to_string()).ok();
    let ask = |action| match object.as_ref() {
        Some(name) => Ask::workload(action, name),
        None => Ask::server(action),
    };
    let mut offers = Offers::new(viewer, &place);
    let (label, act, icon) = match workload.enabled {
        true => (say!("access-workloads-disable"), "disable", Icon::Off),
        false => (say!("access-workloads-enable"), "enable", Icon::Check),
    };
    let switch = Act::post(label, &workload.name, format!("{at}/{act}"), &viewer.form_token(), icon);
    offers.offer(&ask(Action::WorkloadUpdate), switch).await;
    offers
        .offer(
            &ask(Action::WorkloadDelete),
            Act::link(say!("access-workloads-delete"), format!("{at}/delete"), Icon::Trash),
        )
        .await;
    let give = links::asked(links::NEW_ASSIGNMENT, &[("client_id", Some(&workload.client_id.to_string()))]);
    offers
        .offer(&Ask::server(Action::AssignmentAdd), Act::link(say!("access-workloads-give-a-role"), give, Icon::Plus))
        .await;
    let credential = offers.open(&ask(Action::WorkloadCredential), say!("access-workloads-credentials")).await;
    let try_token = try_token::form(viewer, workload, &mut offers).await;
    let (acts, cannot) = offers.told();
    let renamable = acts.iter().any(|act| matches!(act, Act::Post { .. }));
    let mut main = found;
    main.extend(credentials::panels(viewer, workload, credential, refusal).await);
    main.extend(try_token);
    if renamable {
        let form = Form {
            action: format!("{at}/rename"),
            csrf_token: Some(viewer.form_token()),
            fields: vec![
                Field::line("workload-name", say!("access-workloads-name"), workload.name.clone(), 128).required(),
            ],
            submit: say!("access-workloads-rename").to_owned(),
            ..Form::default()
        };
        main.push(Panel::new(say!("access-workloads-name"), Body::Form(form)));
    }
    let commands = Commands::of_installation(viewer.services);
    let (tone, icon, word) = if workload.enabled {
        (Tone::Good, Icon::Check, say!("access-workloads-enabled"))
    } else {
        (Tone::Plain, Icon::Off, say!("access-workloads-disabled"))
    };
    let mut notices: Vec<String> = refusal.map(|refusal| refusal.sentence().to_owned()).into_iter().collect();
    notices.extend(credentials::foreign(viewer, workload).await);
    let page = PanelsPage {
        badges: vec![(tone, icon, word.to_owned())],
        lead: Some(say!("access-workloads-an-apps-identity-what-it").to_owned()),
        acts,
        cannot,
        notices,
        main,
        aside: vec![
            Panel::new(
                say!("access-workloads-details"),
                Body::Facts(vec![
                    Fact::code(say!("access-workloads-client-id"), workload.client_id.to_string()),
                    Fact::code(say!("access-workloads-issuer"), super::own_issuer(viewer)),
                    Fact::moment(
                        say!("access-workloads-created"),
                        workload.created.map(view::moment),
                        say!("access-workloads-not-known"),
                    ),
                    Fact::text(say!("access-workloads-revision"), workload.revision.to_string()),
                ]),
            )
            .acts(vec![Act::link(
                say!("access-workloads-what-it-did"),
                links::audit(None, Some(&workload.client_id.to_string())),
                Icon::Records,
            )]),
            snippets::panel(vec![
                commands.server(&format!("identity show {}", workload.client_id)),
                commands
                    .server(&format!("token explain --workload {}", workload.client_id))
                    .labelled(say!("access-workloads-test-a-token")),
                commands.curl_server("GET", &format!("/api/v1/workloads/{}", workload.client_id), None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, workload.name.clone())
    };
    refusal::answer(&page, refusal)
}

/// GET /access/new-workload
///
/// # Errors
/// None.
pub(crate) async fn new(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    Ok(new_page(viewer, String::new(), None).await)
}

/// POST /access/new-workload: without a credential, which is added on its page.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn create(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let none: Option<NewSecret> = None;
    match viewer.services.admin.create_workload(&viewer.call.ctx, sent.text("name"), Vec::new(), none).await {
        Ok(made) => Ok(redirect(links::workload(made.workload.client_id))),
        Err(error) => {
            let refusal = Refusal::of(error.into())?;
            Ok(new_page(viewer, sent.text("name").to_owned(), Some(&refusal)).await)
        }
    }
}

async fn new_page(viewer: &Viewer<'_>, name: String, refusal: Option<&Refusal>) -> Response {
    let form = Form {
        action: links::NEW_WORKLOAD.to_owned(),
        csrf_token: Some(viewer.form_token()),
        fields: vec![
            Field::new("name", say!("access-workloads-name"), FieldKind::Line { value: name, max: 128 })
                .required()
                .hint(say!("access-workloads-for-people-the-client-id")),
        ],
        submit: say!("access-workloads-create-workload").to_owned(),
        cancel_href: Some(links::WORKLOADS.to_owned()),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("access-workloads-it-begins-without-credentials-and").to_owned()),
        main: vec![Panel::new(say!("access-workloads-workload"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server("identity create NAME"),
            commands.curl_server("POST", "/api/v1/workloads", Some(r#"{"name":"NAME","secret":false}"#)),
        ])],
        ..PanelsPage::new(
            viewer.shell(&Place::Access.below(say!("access-workloads-new-workload"))).await,
            say!("access-workloads-new-workload"),
        )
    };
    refusal::answer(&page, refusal)
}

/// GET /access/workloads/{client_id}/delete
///
/// # Errors
/// The gate's denial, or why the workload cannot be shown.
pub(crate) async fn ask_delete(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let workload = viewer.services.admin.show_workload(&viewer.call.ctx, client_id(viewer)?).await?;
    Ok(delete_page(viewer, &workload, None).await)
}

/// POST /access/workloads/{client_id}/delete: for good, once its name was typed.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(crate) async fn delete(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let client_id = client_id(viewer)?;
    let workload = viewer.services.admin.show_workload(&viewer.further()?, client_id).await?;
    let is_named = sent.text("confirm") == workload.name.trim();
    let told = (say!("access-workloads-deleted-word"), workload.name.as_str());
    if let Err(refusal) = refusal::for_good(viewer, &sent, is_named, told) {
        return Ok(delete_page(viewer, &workload, Some(&refusal)).await);
    }
    viewer.services.admin.delete_workload(&viewer.call.ctx, client_id).await?;
    Ok(redirect(links::WORKLOADS.to_owned()))
}

async fn delete_page(viewer: &Viewer<'_>, workload: &Workload, refusal: Option<&Refusal>) -> Response {
    let at = links::workload(workload.client_id);
    let form = Form {
        action: format!("{at}/delete"),
        csrf_token: Some(viewer.form_token()),
        fields: refusal::for_good_fields(&workload.name),
        submit: say!("access-workloads-delete-for-good").to_owned(),
        danger: true,
        cancel_href: Some(at),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let title = say!("access-workloads-delete-name", name = workload.name);
    let page = PanelsPage {
        lead: Some(say!("access-workloads-its-credentials-go-with-it").to_owned()),
        main: vec![Panel::new(say!("access-workloads-confirm"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server(&format!("identity delete {}", workload.client_id)),
            commands.curl_server("DELETE", &format!("/api/v1/workloads/{}", workload.client_id), None),
        ])],
        ..PanelsPage::new(viewer.shell(&Place::Access.below(title.clone())).await, title)
    };
    refusal::answer(&page, refusal)
}
