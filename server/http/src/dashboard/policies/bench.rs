//! The test bench: what a module says to a request that somebody describes, under settings that are tried. Nothing is
//! judged by it.

use strongroom_domain::{
    action::Action,
    admin::ModuleShown,
    names::ObjectKind,
    policy::{
        Effect, ModuleDigest, ObjectState, PolicyAnswer, PolicyConnection, PolicyObject, PolicyPrincipal,
        PolicyRequest, RECORDED_FOR_1_0, Said,
    },
    record::{IdPrefix, Record, RecordFilter},
};
use strongroom_web::{Body, Cell, Fact, Field, Form, Icon, Panel, PanelsPage, Tone, say};
use uuid::Uuid;

use super::{attachment::pretty, digest, short, skeleton, views};
use crate::{
    dashboard::{
        Failure,
        form::{LONG, Sent},
        frame::{Place, Viewer},
        links,
        refusal::{self, Refusal},
        snippets, view,
        why::Asked,
    },
    message::{Request, Response},
};

/// GET /policy/modules/{digest}/try[?decision=], or with the question of [`Asked`]
///
/// # Errors
/// The gate's denial, or why the module cannot be shown.
pub(crate) async fn form(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let module = viewer.services.admin.show_module(&viewer.call.ctx, digest(viewer)?).await?;
    let record = match request.query("decision").and_then(|id| Uuid::try_parse(id).ok()) {
        Some(id) => recorded(viewer, id).await?,
        None => None,
    };
    let vault = match &record {
        Some(record) => record.vault.clone(),
        None => request.query("vault").map(str::to_owned),
    };
    let settings = match settings_in(viewer, vault.as_deref(), &module.facts.digest).await {
        Some(settings) => pretty(&settings),
        None => pretty(&skeleton::of(&module.facts.settings_schema).to_string()),
    };
    let asked = match record.and_then(|record| record.input) {
        Some(input) => *input,
        None => Asked::of(request).over(example(viewer, &module)),
    };
    let asked = serde_json::to_string_pretty(&asked).unwrap_or_default();
    Ok(page(viewer, &module, (&asked, &settings), None, None).await)
}

/// What modules were asked when a decision was made, for whoever may read records.
async fn recorded(viewer: &Viewer<'_>, id: Uuid) -> Result<Option<Record>, Failure> {
    let filter = RecordFilter { id: Some(IdPrefix::from(id)), limit: 1, ..RecordFilter::default() };
    let page = viewer.services.admin.query_audit(&viewer.further()?, filter).await;
    Ok(page.ok().and_then(|page| page.items.into_iter().next()))
}

/// The settings with which a vault has the module, as far as they may be seen.
async fn settings_in(viewer: &Viewer<'_>, vault: Option<&str>, module: &ModuleDigest) -> Option<String> {
    let vaults = viewer.vaults().await;
    let vault = vaults.iter().find(|known| Some(known.name.as_str()) == vault)?;
    let attached = vault.settings.policies.iter().find(|attachment| attachment.module == *module)?;
    Some(attached.settings.clone())
}

/// POST /policy/modules/{digest}/try
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why the module cannot be asked.
pub(crate) async fn ask(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let digest = digest(viewer)?;
    let (described, settings) = (sent.secret("request"), sent.secret("settings"));
    let (described, settings) = (described.expose(), settings.expose());
    let module = viewer.services.admin.show_module(&viewer.further()?, digest).await?;
    let read = described_request(described)
        .map_err(|why| Refusal::of_field("request", say!("policies-bench-this-is-no-request-why", why = why)));
    let read = read.and_then(|request| match module.facts.needs.facts.iter().find(|fact| !request.holds(fact)) {
        Some(fact) => {
            let words = say!("policies-bench-the-module-wants-the-fact", fact = fact);
            Err(Refusal::of_field("request", words))
        }
        None => Ok(request),
    });
    let said = match read {
        Ok(request) => {
            let tried = viewer.services.admin.try_module(&viewer.call.ctx, digest, settings.trim(), &request).await;
            tried.map_err(Failure::from).map_err(Refusal::of)
        }
        Err(refusal) => Err(Ok(refusal)),
    };
    match said {
        Ok(said) => Ok(page(viewer, &module, (described, settings), Some(&said), None).await),
        Err(refusal) => {
            let refusal = refusal?;
            let refusal = if refusal.reason() == "attachment-refused" { refusal.at("settings") } else { refusal };
            Ok(page(viewer, &module, (described, settings), None, Some(&refusal)).await)
        }
    }
}

fn described_request(text: &str) -> Result<PolicyRequest, String> {
    let described = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if let Some(unknown) = PolicyRequest::unknown_member(&described) {
        return Err(unknown);
    }
    // Of the text, so that an error has its line.
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A request to begin with: whoever looks, reading a secret.
fn example(viewer: &Viewer<'_>, module: &ModuleShown) -> PolicyRequest {
    let (ctx, wanted) = (&viewer.call.ctx, &module.facts.needs.facts);
    let principal = &ctx.principal;
    // What every request holds is no fact that has to be said.
    let gathered = wanted.iter().filter(|fact| !PolicyRequest::default().holds(fact) && *fact != "approvals");
    PolicyRequest {
        recorded_for: RECORDED_FOR_1_0,
        principal: PolicyPrincipal {
            issuer: principal.id.issuer.clone(),
            subject: principal.id.subject.clone(),
            kind: "user".to_owned(),
            groups: principal.groups.clone(),
            ..PolicyPrincipal::default()
        },
        connection: PolicyConnection {
            client_address: viewer.address().to_string(),
            listener: ctx.listener.clone().into_owned(),
            ..PolicyConnection::default()
        },
        action: Action::SecretGet.data_action().to_owned(),
        object: PolicyObject {
            vault: "payments".to_owned(),
            kind: ObjectKind::Secret.as_str().to_owned(),
            name: "db-password".to_owned(),
            state: ObjectState::Active,
            enabled: Some(true),
            ..PolicyObject::default()
        },
        time: viewer.now(),
        facts: gathered.map(|fact| (fact.clone(), None)).collect(),
        approvals: wanted.iter().any(|fact| fact == "approvals").then(Vec::new),
        ..PolicyRequest::default()
    }
}

async fn page(
    viewer: &Viewer<'_>,
    module: &ModuleShown,
    (request, settings): (&str, &str),
    said: Option<&Said>,
    refusal: Option<&Refusal>,
) -> Response {
    let facts = &module.facts;
    let form = Form {
        action: links::module_act(&facts.digest, "try"),
        csrf_token: Some(viewer.form_token()),
        fields: vec![
            Field::code("request", say!("policies-bench-request-json"), request, 20)
                .required()
                .hint(say!("policies-bench-as-strongroom-policy-explain-request")),
            Field::code("settings", say!("policies-bench-settings-json"), settings, 8).required(),
        ],
        submit: say!("policies-bench-ask-the-module").to_owned(),
        cancel_href: Some(links::module(&facts.digest)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let mut main = Vec::new();
    let headline = match said {
        None => say!("policies-bench-ask-name-version", name = facts.name, version = facts.version),
        Some(said) => {
            main.push(answer(said));
            verdict(said)
        }
    };
    main.push(Panel::new(say!("policies-bench-question"), Body::Form(form)));
    let place = Place::Policies.below(say!("policies-bench-test-bench-of-name", name = facts.name));
    let command = "strongroom policy explain NAME.wasm --request request.json --settings '{}'";
    let page = PanelsPage {
        lead: Some(say!("policies-bench-what-name-version-would-say", name = facts.name, version = facts.version)),
        tabs: views::tabs(&facts.digest, views::View::Bench),
        main,
        aside: vec![
            Panel::new(
                say!("policies-bench-module"),
                Body::Facts(vec![
                    Fact {
                        name: say!("policies-bench-name").into(),
                        value: Cell::link(facts.name.clone(), links::module(&facts.digest)),
                    },
                    Fact::text(say!("policies-bench-version"), facts.version.clone()),
                    Fact::code(say!("policies-bench-digest"), short(&facts.digest)),
                ]),
            ),
            snippets::panel(vec![strongroom_web::Snippet::new(say!("policies-bench-command-line"), command)]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    refusal::answer(&page, refusal)
}

fn verdict(said: &Said) -> String {
    match &said.answer {
        Ok(PolicyAnswer { effect: Effect::Allow, .. }) => {
            say!("policies-bench-it-would-have-nothing-against").to_owned()
        }
        Ok(PolicyAnswer { effect: Effect::Abstain, .. }) => say!("policies-bench-it-would-have-no-opinion").to_owned(),
        Ok(PolicyAnswer { effect: Effect::Deny, .. }) => say!("policies-bench-it-would-deny").to_owned(),
        Err(_) => say!("policies-bench-it-gives-no-usable-answer").to_owned(),
    }
}

fn answer(said: &Said) -> Panel {
    let took = said.micros.map_or_else(
        || say!("policies-bench-not-started").to_owned(),
        |micros| format!("{} µs", view::grouped(micros)),
    );
    let none_or = |text: String| {
        if text.is_empty() { Cell::None(say!("policies-bench-none").to_owned()) } else { Cell::text(text) }
    };
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let facts = match &said.answer {
        Err(failure) => vec![
            fact(
                say!("policies-bench-effect"),
                Cell::badge(Tone::Shadow, Icon::Ban, say!("policies-bench-would-deny")),
            ),
            Fact::code(say!("policies-bench-reason"), failure.reason_code()),
            Fact::text(say!("policies-bench-why"), failure.to_string()),
            Fact::text(say!("policies-bench-time"), took),
        ],
        Ok(answer) => {
            let (icon, word) = match answer.effect {
                Effect::Allow => (Icon::Check, say!("policies-bench-would-allow")),
                Effect::Abstain => (Icon::Unknown, say!("policies-bench-would-abstain")),
                Effect::Deny => (Icon::Ban, say!("policies-bench-would-deny")),
            };
            let obligations: Vec<String> =
                answer.obligations.iter().filter_map(|one| serde_json::to_string(one).ok()).collect();
            vec![
                fact(say!("policies-bench-effect"), Cell::badge(Tone::Shadow, icon, word)),
                Fact::code(say!("policies-bench-reason"), answer.reason_code.clone()),
                fact(say!("policies-bench-sentence"), none_or(answer.sentence.clone())),
                fact(say!("policies-bench-relied-on"), none_or(answer.relied_on.join(", "))),
                fact(say!("policies-bench-messages"), none_or(answer.messages.join(" | "))),
                fact(say!("policies-bench-obligations"), none_or(obligations.join(" "))),
                Fact::text(say!("policies-bench-fuel"), view::grouped(answer.fuel)),
                Fact::text(say!("policies-bench-time"), took),
            ]
        }
    };
    Panel::new(say!("policies-bench-answer"), Body::Facts(facts))
}
