//! Documents that policy modules are given: lists and tables that change more often than the modules that read them.

use strongroom_domain::{
    action::Action,
    gate::Ask,
    policy_document::{MAX_DOCUMENT_BYTES, PolicyDocument},
};
use strongroom_web::{Act, Body, Cell, Fact, Field, Form, Icon, Panel, PanelsPage, Row, Snippet, Table};

use crate::{
    dashboard::{
        Failure,
        form::{LONG, SHORT, Sent},
        frame::{Place, Viewer, without_scheme},
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

/// What is said of every one: it is read by many.
const NOTHING_SECRET: &str =
    "A document stands in the record of every decision that it was given for, so nothing secret belongs in one.";

const COLUMNS: [&str; 4] = ["Name", "Size", "Written", "By"];

/// GET /policy/documents
///
/// # Errors
/// The gate's denial, or why the documents cannot be read.
pub(crate) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let documents = viewer.services.admin.list_documents(&viewer.call.ctx).await?;
    let place = Place::Policies.below("Documents");
    let mut offers = Offers::new(viewer, &place);
    let new = Act::primary("New document", links::NEW_DOCUMENT, Icon::Plus);
    offers.offer(&Ask::server(Action::PolicyDocumentWrite), new).await;
    let (acts, cannot) = offers.told();
    let row = |document: &PolicyDocument| {
        Row::new(vec![
            Cell::Link {
                text: document.name.clone(),
                href: links::document(&document.name),
                small: Some(format!("document/{}", document.name)),
            },
            Cell::text(format!("{} bytes", document.text.len())),
            Cell::Moment(view::moment_millis(document.written_at)),
            who(document),
        ])
    };
    let headline = match documents.len() {
        0 => "No documents for policy modules".to_owned(),
        1 => "One document for policy modules".to_owned(),
        count => format!("{count} documents for policy modules"),
    };
    let body = if documents.is_empty() {
        Body::Empty {
            headline: "No document yet.".to_owned(),
            text: "A module that asks for document/NAME is given its text, or that there is none.".to_owned(),
            command: None,
        }
    } else {
        let rows = documents.iter().map(row).collect();
        Body::Table(Sort::of(viewer, request, &COLUMNS).table(Table::new(&COLUMNS, rows), &[]))
    };
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some("Lists and tables that modules read, changed without a new version of the module.".to_owned()),
        acts,
        cannot,
        main: vec![
            Panel::new("Documents", body).foot(NOTHING_SECRET),
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
    let edit = Act::link("Change", links::document_act(&document.name, "edit"), Icon::Pencil);
    offers.offer(&Ask::server(Action::PolicyDocumentWrite), edit).await;
    let remove = Act::link("Remove", links::document_act(&document.name, "remove"), Icon::Trash);
    offers.offer(&Ask::server(Action::PolicyDocumentDelete), remove).await;
    let (acts, cannot) = offers.told();
    let commands = Commands::of_installation(viewer.services);
    let (name, text) = (&document.name, document.text.clone());
    let page = PanelsPage {
        acts,
        cannot,
        main: vec![
            Panel::new("Text", Body::Snippets(vec![Snippet::new("What modules are given", text)])).foot(NOTHING_SECRET),
        ],
        aside: vec![
            Panel::new(
                "Details",
                Body::Facts(vec![
                    Fact::code("Modules ask for", format!("document/{name}")),
                    Fact::text("Size", format!("{} of {MAX_DOCUMENT_BYTES} bytes", document.text.len())),
                    Fact::moment("Written", Some(view::moment_millis(document.written_at)), ""),
                    Fact { name: "By".to_owned(), value: who(&document) },
                ]),
            ),
            snippets::panel(vec![
                commands.server(&format!("policy document show {name}")),
                commands.server(&format!("policy document put {name} FILE")).labelled("Change"),
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
    Ok(form_page(viewer, None, ("", ""), None).await)
}

/// GET /policy/documents/{document}/edit
///
/// # Errors
/// The gate's denial, or why the document cannot be read.
pub(crate) async fn edit(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let document = viewer.services.admin.show_document(&viewer.call.ctx, viewer.call.parameter(0)).await?;
    Ok(form_page(viewer, Some(&document.name), (&document.name, &document.text), None).await)
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
                let words = format!("There is a document {name} already: open it to change it.");
                return Err(Problem { status: 409, reason: "exists", ..Problem::bad_parameter(words) }.into());
            }
            (Some(_), Err(error)) => return Err(Failure::from(error)),
            _ => {}
        }
        viewer.services.admin.put_document(&viewer.call.ctx, name, text.expose()).await?;
        Ok::<_, Failure>(())
    };
    match put.await {
        Ok(()) => Ok(redirect(links::document(name))),
        Err(failure) => Ok(form_page(viewer, there, (name, text.expose()), Some(&Refusal::of(failure)?)).await),
    }
}

async fn form_page(
    viewer: &Viewer<'_>,
    there: Option<&str>,
    (name, text): (&str, &str),
    refusal: Option<&Refusal>,
) -> Response {
    let mut fields = Vec::new();
    if there.is_none() {
        fields.push(
            Field::line("name", "Name", name, 64)
                .required()
                .hint("1 to 64 characters of a-z, 0-9 and -. Modules ask for document/NAME."),
        );
    }
    fields.push(Field::code("text", "Text", text, 12).hint("At most 4,096 bytes, in whatever form the modules read."));
    let form = Form {
        action: there.map_or_else(|| links::NEW_DOCUMENT.to_owned(), |name| links::document_act(name, "edit")),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: "Save: it counts from the next request on".to_owned(),
        cancel_href: Some(there.map_or_else(|| links::DOCUMENTS.to_owned(), links::document)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let title = there.map_or_else(|| "New document".to_owned(), |name| format!("Change {name}"));
    let place = Place::Policies.below(title.clone());
    let called = there.unwrap_or("NAME");
    let page = PanelsPage {
        lead: Some(NOTHING_SECRET.to_owned()),
        main: vec![Panel::new("Document", Body::Form(form))],
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
        submit: "Remove for good".to_owned(),
        danger: true,
        cancel_href: Some(links::document(name)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let place = Place::Policies.below("Remove document");
    let page = PanelsPage {
        lead: Some(
            "Modules that ask for it see from the next request on that there is none, and decide by that.".to_owned(),
        ),
        main: vec![Panel::new("Confirm", Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server(&format!("policy document remove {name}")),
            commands.curl_server("DELETE", &format!("/api/v1/policy-documents/{name}"), None),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, format!("Remove {name}?"))
    };
    refusal::answer(&page, refusal)
}
