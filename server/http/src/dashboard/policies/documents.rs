//! Documents that policy modules are given: lists and tables that change more often than the modules that read them.

use strongroom_domain::{
    action::Action,
    gate::Ask,
    policy_document::{MAX_DOCUMENT_BYTES, PolicyDocument},
};
use strongroom_web::{Act, Body, Cell, Fact, Field, Form, Icon, Panel, PanelsPage, Row, Snippet, Table, say};

use crate::{
    dashboard::{
        Failure,
        form::{LONG, SHORT, Sent},
        frame::{Place, Viewer, without_scheme},
        links,
        offers::Offers,
        redirect,
        refusal::{self, Refusal, revision_of},
        rendered,
        snippets::{self, Commands},
        sort::Sort,
        view,
    },
    message::{Request, Response},
    problem::Problem,
};

/// What is said of every one: it is read by many.
fn nothing_secret() -> &'static str {
    say!("policies-documents-a-document-stands-in-the")
}

const COLUMNS: [&str; 4] = ["Name", "Size", "Written", "By"];

/// GET /policy/documents
///
/// # Errors
/// The gate's denial, or why the documents cannot be read.
pub(crate) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let documents = viewer.services.admin.list_documents(&viewer.call.ctx).await?;
    let place = Place::Policies.below(say!("policies-documents-documents"));
    let mut offers = Offers::new(viewer, &place);
    let new = Act::primary(say!("policies-documents-new-document"), links::NEW_DOCUMENT, Icon::Plus);
    offers.offer(&Ask::server(Action::PolicyDocumentWrite), new).await;
    let (acts, cannot) = offers.told();
    let row = |document: &PolicyDocument| {
        Row::new(vec![
            Cell::Link {
                text: document.name.clone(),
                href: links::document(&document.name),
                small: Some(format!("document/{}", document.name)),
            },
            Cell::text(say!("policies-documents-document-bytes", document = document.text.len())),
            Cell::Moment(view::moment_millis(document.written_at)),
            who(document),
        ])
    };
    let headline = match documents.len() {
        0 => say!("policies-documents-no-documents-for-policy-modules").to_owned(),
        1 => say!("policies-documents-one-document-for-policy-modules").to_owned(),
        count => say!("policies-documents-count-documents-for-policy-modules", count = count),
    };
    let body = if documents.is_empty() {
        Body::Empty {
            headline: say!("policies-documents-no-document-yet").to_owned(),
            text: say!("policies-documents-a-module-that-asks-for").to_owned(),
            command: None,
        }
    } else {
        let rows = documents.iter().map(row).collect();
        Body::Table(Sort::of(viewer, request, &COLUMNS).table(Table::new(&COLUMNS, rows), &[]))
    };
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("policies-documents-lists-and-tables-that-modules").to_owned()),
        acts,
        cannot,
        main: vec![
            Panel::new(say!("policies-documents-documents"), body).foot(nothing_secret()),
            snippets::panel(vec![
                commands.server("policy document list"),
                commands.curl_server("GET", "/api/v1/policy-documents", None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    Ok(rendered(200, page.render()))
}

fn who(document: &PolicyDocument) -> Cell {
    let by = &document.written_by;
    Cell::Text { text: by.subject.clone(), small: Some(without_scheme(&by.issuer).to_owned()) }
}

/// GET /policy/documents/{document}
///
/// # Errors
/// The gate's denial, or why the document cannot be read.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let document = viewer.services.admin.show_document(&viewer.call.ctx, viewer.call.parameter(0)).await?;
    let place = Place::Policies.below(document.name.clone());
    let mut offers = Offers::new(viewer, &place);
    let edit = Act::link(say!("policies-documents-change"), links::document_act(&document.name, "edit"), Icon::Pencil);
    offers.offer(&Ask::server(Action::PolicyDocumentWrite), edit).await;
    let remove =
        Act::link(say!("policies-documents-remove"), links::document_act(&document.name, "remove"), Icon::Trash);
    offers.offer(&Ask::server(Action::PolicyDocumentDelete), remove).await;
    let (acts, cannot) = offers.told();
    let commands = Commands::of_installation(viewer.services);
    let (name, text) = (&document.name, document.text.clone());
    let page = PanelsPage {
        acts,
        cannot,
        main: vec![
            Panel::new(
                say!("policies-documents-text"),
                Body::Snippets(vec![Snippet::new(say!("policies-documents-what-modules-are-given"), text)]),
            )
            .foot(nothing_secret()),
        ],
        aside: vec![
            Panel::new(
                say!("policies-documents-details"),
                Body::Facts(vec![
                    Fact::code(say!("policies-documents-modules-ask-for"), format!("document/{name}")),
                    Fact::text(
                        say!("policies-documents-size"),
                        say!(
                            "policies-documents-document-of-max-document-bytes",
                            document = document.text.len(),
                            max_document_bytes = MAX_DOCUMENT_BYTES
                        ),
                    ),
                    Fact::moment(
                        say!("policies-documents-written"),
                        Some(view::moment_millis(document.written_at)),
                        "",
                    ),
                    Fact { name: say!("policies-documents-by").to_owned(), value: who(&document) },
                ]),
            ),
            snippets::panel(vec![
                commands.server(&format!("policy document show {name}")),
                commands
                    .server(&format!("policy document put {name} FILE"))
                    .labelled(say!("policies-documents-change")),
                commands.curl_server("GET", &format!("/api/v1/policy-documents/{name}"), None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, document.name.clone())
    };
    Ok(rendered(200, page.render()))
}

/// GET /policy/new-document
///
/// # Errors
/// None: whoever sends the form is judged.
pub(crate) async fn new(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    Ok(form_page(viewer, None, ("", "", 0), None).await)
}

/// GET /policy/documents/{document}/edit
///
/// # Errors
/// The gate's denial, or why the document cannot be read.
pub(crate) async fn edit(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let document = viewer.services.admin.show_document(&viewer.call.ctx, viewer.call.parameter(0)).await?;
    Ok(form_page(viewer, Some(&document.name), (&document.name, &document.text, document.revision), None).await)
}

/// POST /policy/new-document and /policy/documents/{document}/edit
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn put(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let addressed = viewer.call.parameter(0);
    let there = (!addressed.is_empty()).then_some(addressed);
    let name = there.unwrap_or_else(|| sent.text("name"));
    let text = sent.secret("text");
    let put = async {
        // A form says "new" or "change": it makes nothing in place of what it names, and nothing else.
        match (there, viewer.services.admin.show_document(&viewer.further()?, name).await) {
            (None, Ok(_)) => {
                let words = say!("policies-documents-there-is-a-document-name", name = name);
                return Err(Problem { status: 409, reason: "exists", ..Problem::bad_parameter(words) }.into());
            }
            (Some(_), Err(error)) => return Err(Failure::from(error)),
            _ => {}
        }
        let revision = if there.is_some() { revision_of(&sent) } else { 0 };
        viewer.services.admin.put_document_at(&viewer.call.ctx, (name, text.expose()), revision).await?;
        Ok::<_, Failure>(())
    };
    match put.await {
        Ok(()) => Ok(redirect(links::document(name))),
        Err(failure) => {
            let refusal = Refusal::of(failure)?.keeping();
            let (mut revision, mut now) = (revision_of(&sent), String::new());
            if refusal.is_late() {
                let document = viewer.services.admin.show_document(&viewer.further()?, name).await?;
                (revision, now) = (document.revision, document.text);
            }
            Ok(form_page(viewer, there, (name, text.expose(), revision), Some((&refusal, now))).await)
        }
    }
}

async fn form_page(
    viewer: &Viewer<'_>,
    there: Option<&str>,
    (name, text, revision): (&str, &str, i64),
    refused: Option<(&Refusal, String)>,
) -> Response {
    let (refusal, now) = refused.unzip();
    let mut fields = Vec::new();
    if there.is_none() {
        fields.push(
            Field::line("name", say!("policies-documents-name"), name, 64)
                .required()
                .hint(say!("policies-documents-1-to-64-characters-of")),
        );
    }
    fields.push(
        Field::code("text", say!("policies-documents-text"), text, 12)
            .hint(say!("policies-documents-at-most-4-096-bytes")),
    );
    if there.is_some() {
        fields.push(Field::hidden("revision", revision.to_string()));
    }
    let form = Form {
        action: there.map_or_else(|| links::NEW_DOCUMENT.to_owned(), |name| links::document_act(name, "edit")),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("policies-documents-save-it-counts-from-the").to_owned(),
        cancel_href: Some(there.map_or_else(|| links::DOCUMENTS.to_owned(), links::document)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let title = there.map_or_else(
        || say!("policies-documents-new-document").to_owned(),
        |name| say!("policies-documents-change-name", name = name),
    );
    let place = Place::Policies.below(title.clone());
    let called = there.unwrap_or("NAME");
    let mut main = vec![Panel::new(say!("policies-documents-document"), Body::Form(form))];
    main.extend(refusal::stored(refusal, || {
        Body::Snippets(vec![Snippet::new(say!("policies-documents-what-modules-are-given"), now.unwrap_or_default())])
    }));
    let page = PanelsPage {
        lead: Some(nothing_secret().to_owned()),
        main,
        aside: vec![snippets::panel(vec![
            commands.server(&format!("policy document put {called} FILE")),
            commands.curl_server("PUT", &format!("/api/v1/policy-documents/{called}"), Some(r#"{"text":"..."}"#)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, title)
    };
    refusal::answer(&page, refusal)
}

/// GET /policy/documents/{document}/remove
///
/// # Errors
/// The gate's denial, or why the document cannot be read.
pub(crate) async fn ask_remove(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let document = viewer.services.admin.show_document(&viewer.call.ctx, viewer.call.parameter(0)).await?;
    Ok(remove_page(viewer, &document.name, None).await)
}

/// POST /policy/documents/{document}/remove
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(crate) async fn remove(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let name = viewer.call.parameter(0);
    if sent.text("confirm") != name {
        let document = viewer.services.admin.show_document(&viewer.further()?, name).await?;
        let refusal = Refusal::of(refusal::unconfirmed("removed", &document.name).into())?;
        return Ok(remove_page(viewer, &document.name, Some(&refusal)).await);
    }
    viewer.services.admin.remove_document(&viewer.call.ctx, name).await?;
    Ok(redirect(links::DOCUMENTS.to_owned()))
}

async fn remove_page(viewer: &Viewer<'_>, name: &str, refusal: Option<&Refusal>) -> Response {
    let form = Form {
        action: links::document_act(name, "remove"),
        csrf_token: Some(viewer.form_token()),
        fields: vec![refusal::confirm_field(name)],
        submit: say!("policies-documents-remove-for-good").to_owned(),
        danger: true,
        cancel_href: Some(links::document(name)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let place = Place::Policies.below(say!("policies-documents-remove-document"));
    let page = PanelsPage {
        lead: Some(say!("policies-documents-modules-that-ask-for-it").to_owned()),
        main: vec![Panel::new(say!("policies-documents-confirm"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server(&format!("policy document remove {name}")),
            commands.curl_server("DELETE", &format!("/api/v1/policy-documents/{name}"), None),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("policies-documents-remove-name", name = name))
    };
    refusal::answer(&page, refusal)
}
