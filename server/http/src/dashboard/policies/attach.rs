//! Attaching a module, and changing the module and the settings of an attachment. A new one begins in shadow unless
//! somebody says otherwise; one that is there keeps its state.

use std::collections::BTreeMap;

use strongroom_domain::{
    action::Action,
    admin::{ModuleShown, VaultListing},
    gate::Ask,
    names::ObjectName,
    policy::{AttachmentState, MAX_SETTINGS_BYTES, ModuleDigest, PolicyAttachment},
    vault::MAX_ATTACHMENTS,
};
use strongroom_web::{Act, Body, Choice, Field, FieldKind, Form, Icon, Panel, PanelsPage, Snippet, say};

use super::{
    AttachedTo, Modules, addressed, attachment::pretty, attachments, digest, schema_form, short, skeleton, state_of,
    word,
};
use crate::{
    dashboard::{
        Failure,
        form::{LONG, Sent},
        frame::{Place, Viewer},
        kept_back, links, redirect,
        refusal::{self, Refusal},
        snippets::{self, Commands},
        vault_forms::force_field,
    },
    message::{Request, Response},
    problem::Problem,
};

/// The refusal of settings, and of a module that is not there any more.
const NOT_TAKEN: &str = "attachment-refused";

/// What a form holds.
#[derive(Default)]
struct Draft {
    to: String,
    name: String,
    module: String,
    settings: String,
    state: String,
    place: String,
    authority: bool,
    revision: String,
    /// Settings are wanted as JSON, or were sent so.
    json: bool,
    /// What the fields of settings hold; none before any was sent.
    typed: Option<BTreeMap<String, String>>,
}

impl Draft {
    fn of(sent: &Sent) -> Self {
        let text = |name| sent.text(name).to_owned();
        let json = sent.text("as") != "form";
        Self {
            json,
            typed: (!json).then(|| sent.beginning("s-")),
            to: text("where"),
            name: text("name"),
            module: text("module"),
            settings: sent.secret("settings").expose().to_owned(),
            state: text("state"),
            place: text("place"),
            authority: sent.ticked("authority"),
            revision: text("revision"),
        }
    }

    /// Settings that are JSON: as they were typed, or out of the fields that stand for them.
    fn checked_settings(&mut self, schema: Option<&str>) -> Result<String, Refusal> {
        if let (Some(typed), Some(schema)) = (&self.typed, schema)
            && let Some(read) = schema_form::read(schema, |name| typed.get(name).cloned().unwrap_or_default())
        {
            self.settings = read.map_err(|wrong| Refusal::of_field(wrong.field, wrong.sentence))?;
        }
        let text = self.settings.trim();
        if text.len() > MAX_SETTINGS_BYTES {
            return Err(Refusal::of_field("settings", say!("policies-attach-settings-are-at-most-16")));
        }
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(Refusal::of_field(
                "settings",
                say!("policies-attach-line-line-column-column-this", line = error.line(), column = error.column()),
            )),
        }
    }
}

/// GET /policy/modules/{digest}/attach[?where=]
///
/// # Errors
/// The gate's denial, or why the module cannot be shown.
pub(crate) async fn new(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let module = viewer.services.admin.show_module(&viewer.call.ctx, digest(viewer)?).await?;
    let draft = Draft {
        to: request.query("where").unwrap_or_default().to_owned(),
        name: module.facts.name.clone(),
        settings: pretty(&skeleton::of(&module.facts.settings_schema).to_string()),
        json: asks_for_json(request),
        state: word(AttachmentState::Shadow).to_owned(),
        ..Draft::default()
    };
    Ok(new_page(viewer, &module, &draft, None).await)
}

/// POST /policy/modules/{digest}/attach: one that is to be enforced begins in shadow too, and its page leads on from there
/// once it is known what that would change.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn add(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let (digest, mut draft) = (digest(viewer)?, Draft::of(&sent));
    let module = viewer.services.admin.show_module(&viewer.further()?, digest).await?;
    let schema = Some(module.facts.settings_schema.as_str());
    let refusal = match read_new(digest, &mut draft, schema) {
        Ok((to, attachment, place)) => match attach(viewer, &to, attachment, place).await {
            Ok(()) if draft.state == word(AttachmentState::Enforce) => {
                return Ok(redirect(links::attachment_act(&to, &draft.name, "enforce")));
            }
            Ok(()) => return Ok(redirect(links::attachment(&to, &draft.name))),
            Err(Refused::Field(refusal)) => refusal,
            Err(Refused::Failure(failure)) => blamed(failure, &draft, schema)?,
        },
        Err(refusal) => refusal,
    };
    Ok(new_page(viewer, &module, &draft, Some(&refusal)).await)
}

fn asks_for_json(request: &Request) -> bool {
    request.query("as") == Some("json")
}

fn read_new(
    module: ModuleDigest,
    draft: &mut Draft,
    schema: Option<&str>,
) -> Result<(AttachedTo, PolicyAttachment, Option<usize>), Refusal> {
    let to = AttachedTo::parse(&draft.to)
        .ok_or_else(|| Refusal::of_field("where", say!("policies-attach-choose-the-vault-that-it")))?;
    if ObjectName::parse(&draft.name).is_err() {
        return Err(Refusal::of_field("name", say!("policies-attach-a-name-has-1-to")));
    }
    let settings = draft.checked_settings(schema)?;
    let state = state_of(&draft.state)
        .ok_or_else(|| Refusal::of_field("state", say!("policies-attach-there-is-no-such-state")))?;
    let place = match draft.place.as_str() {
        "" => None,
        text => match text.parse::<usize>().ok().and_then(|place| place.checked_sub(1)) {
            Some(place) if place < MAX_ATTACHMENTS => Some(place),
            _ => return Err(Refusal::of_field("place", say!("policies-attach-a-place-in-the-order"))),
        },
    };
    // Enforced from the first request on, nobody would know what it changes.
    let state = if state == AttachmentState::Enforce { AttachmentState::Shadow } else { state };
    let authority = draft.authority;
    let attachment = PolicyAttachment { name: draft.name.clone(), module, settings, state, authority, previous: None };
    Ok((to, attachment, place))
}

/// Why nothing was attached.
enum Refused {
    Field(Refusal),
    Failure(Failure),
}

impl<T: Into<Failure>> From<T> for Refused {
    fn from(failure: T) -> Self {
        Self::Failure(failure.into())
    }
}

async fn attach(
    viewer: &Viewer<'_>,
    to: &AttachedTo,
    attachment: PolicyAttachment,
    place: Option<usize>,
) -> Result<(), Refused> {
    let shown = to.read(viewer, &viewer.further()?).await?;
    let mut policies = attachments(&shown);
    if policies.iter().any(|one| one.name == attachment.name) {
        let words = say!("policies-attach-name-is-attached-to-words", name = attachment.name, words = to.words());
        return Err(Refused::Field(Refusal::of_field("name", words)));
    }
    let place = place.unwrap_or(policies.len());
    if place > policies.len() {
        let words = say!(
            "policies-attach-policies-are-attached-there-the",
            policies = policies.len(),
            policies2 = policies.len() + 1
        );
        return Err(Refused::Field(Refusal::of_field("place", words)));
    }
    policies.insert(place, attachment);
    Ok(to.put(viewer, shown.revision, policies, false).await?)
}

/// A refusal with the field to blame, where what was refused is in one.
fn blamed(failure: Failure, draft: &Draft, schema: Option<&str>) -> Result<Refusal, Failure> {
    let refusal = Refusal::of(failure)?;
    if refusal.reason() != NOT_TAKEN {
        return Ok(refusal);
    }
    let field = schema.filter(|_| !draft.json).and_then(|of| schema_form::blamed(of, refusal.sentence()));
    Ok(refusal.at(field.unwrap_or_else(|| "settings".to_owned())))
}

/// The fields of the settings, and the way to their other form.
fn settings_fields(draft: &Draft, schema: Option<&str>, href: &str) -> (Vec<Field>, Vec<Act>) {
    let form = schema.and_then(|schema| match &draft.typed {
        Some(typed) => schema_form::refilled(schema, |name| typed.get(name).cloned().unwrap_or_default()),
        None => schema_form::fields(schema, &draft.settings),
    });
    match form {
        Some(mut fields) if !draft.json => {
            fields.push(Field::hidden("as", "form"));
            let joint = if href.contains('?') { '&' } else { '?' };
            (fields, vec![Act::link(say!("policies-attach-as-json"), format!("{href}{joint}as=json"), Icon::Module)])
        }
        form => {
            let other = form.map(|_| Act::link(say!("policies-attach-as-a-form"), href, Icon::Pencil));
            (vec![settings_field(&draft.settings)], other.into_iter().collect())
        }
    }
}

async fn new_page(viewer: &Viewer<'_>, module: &ModuleShown, draft: &Draft, refusal: Option<&Refusal>) -> Response {
    let facts = &module.facts;
    let VaultListing { vaults, kept_back, .. } = viewer.vaults_and_kept_back().await;
    let choice = |to: &AttachedTo, label: String| Choice {
        value: to.segment().to_owned(),
        label,
        chosen: to.segment() == draft.to,
    };
    let mut places = Vec::new();
    for vault in &vaults {
        places.push(choice(&AttachedTo::Vault(vault.name.clone()), vault.name.to_string()));
    }
    if viewer.may(&Ask::server(Action::PolicyWrite)).await {
        places.push(choice(&AttachedTo::Everywhere, say!("policies-attach-all-vaults-and-making-one").to_owned()));
    }
    let states = [
        ("shadow", say!("policies-attach-shadow-asked-without-a-say")),
        ("enforce", say!("policies-attach-enforce-its-denials-deny")),
        ("off", say!("policies-attach-off-not-asked")),
    ];
    let address = links::module_act(&facts.digest, "attach");
    let (settings, other) = settings_fields(draft, Some(&facts.settings_schema), &address);
    let mut fields = vec![
        Field::new("where", say!("policies-attach-attach-to"), FieldKind::Choice(places)).required(),
        Field::line("name", say!("policies-attach-name"), draft.name.clone(), 127)
            .required()
            .hint(say!("policies-attach-what-records-and-denials-call")),
    ];
    fields.extend(settings);
    fields.extend([
        Field::choice("state", say!("policies-attach-state"), &states, &draft.state).required(),
        Field::line("place", say!("policies-attach-place-in-the-order"), draft.place.clone(), 2)
            .hint(say!("policies-attach-from-1-at-the-end")),
        authority_field(draft.authority),
    ]);
    let form = Form {
        action: address,
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("policies-attach-attach").to_owned(),
        cancel_href: Some(links::module(&facts.digest)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let to = AttachedTo::parse(&draft.to).map_or_else(|| "--vault NAME".to_owned(), |to| to.option());
    let name = snippets::quoted(&draft.name);
    let settings = snippets::quoted(&compact(&draft.settings));
    let command = format!("policy attach {name} {to} --module {} --settings {settings}", short(&facts.digest));
    let place = Place::Policies.below(say!("policies-attach-attach-name", name = facts.name));
    let page = PanelsPage {
        lead: Some(facts.summary.clone()),
        notices: kept_back::notice(&kept_back).into_iter().collect(),
        main: vec![Panel::new(say!("policies-attach-attachment"), Body::Form(form)).acts(other)],
        aside: vec![schema(module), snippets::panel(vec![commands.server(&command)])],
        ..PanelsPage::new(
            viewer.shell_with(&place, &vaults).await,
            say!("policies-attach-attach-name-version", name = facts.name, version = facts.version),
        )
    };
    refusal::answer(&page, refusal)
}

fn settings_field(settings: &str) -> Field {
    Field::code("settings", say!("policies-attach-settings-json"), settings, 12)
        .required()
        .hint(say!("policies-attach-the-schema-beside-says-what"))
}

fn authority_field(ticked: bool) -> Field {
    Field::check("authority", say!("policies-attach-with-authority"), ticked)
        .hint(say!("policies-attach-its-allow-grants-in-a"))
}

fn schema(module: &ModuleShown) -> Panel {
    let schema =
        Snippet::new(say!("policies-attach-json-schema-of-the-settings"), pretty(&module.facts.settings_schema));
    Panel::new(say!("policies-attach-what-can-be-set"), Body::Snippets(vec![schema]))
}

/// Settings on one line; as they are when they are no JSON.
fn compact(settings: &str) -> String {
    serde_json::from_str::<serde_json::Value>(settings).map_or_else(|_| settings.to_owned(), |value| value.to_string())
}

/// GET /policy/attached/{where}/{attachment}/settings[?module=]
///
/// # Errors
/// The gate's denial, or why what is attached cannot be read.
pub(crate) async fn edit(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let (to, name) = addressed(viewer)?;
    let shown = to.read_for(viewer, &name).await?;
    let found = shown.policies.iter().find(|one| one.attachment.name == name).ok_or_else(Problem::no_route)?;
    let attachment = &found.attachment;
    let draft = Draft {
        module: request.query("module").map_or_else(|| attachment.module.to_string(), str::to_owned),
        settings: pretty(&attachment.settings),
        json: asks_for_json(request),
        authority: attachment.authority,
        revision: shown.revision.to_string(),
        ..Draft::default()
    };
    // What is to be filled in is what the chosen version has.
    let chosen = draft.module.parse().unwrap_or(attachment.module);
    let module = match told(viewer, &chosen).await {
        Some(module) => Some(module),
        None => told(viewer, &attachment.module).await,
    };
    Ok(edit_page(viewer, &to, (attachment, module.as_ref()), &draft, None).await)
}

/// What the module says of itself; none for who may not see it.
async fn told(viewer: &Viewer<'_>, digest: &ModuleDigest) -> Option<ModuleShown> {
    if !viewer.may(&Ask::server(Action::PolicyModuleRead)).await {
        return None;
    }
    viewer.services.admin.show_module(&viewer.further().ok()?, *digest).await.ok()
}

/// POST /policy/attached/{where}/{attachment}/settings: what stands there now is kept for a roll back.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn change(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let (to, name) = addressed(viewer)?;
    let mut draft = Draft::of(&sent);
    let shown = to.read(viewer, &viewer.further()?).await?;
    let mut policies = attachments(&shown);
    let index = policies.iter().position(|one| one.name == name).ok_or_else(Problem::no_route)?;
    let found = shown.policies.get(index).ok_or_else(Problem::no_route)?;
    // The version whose fields were shown, whichever is to come.
    let shown_of = sent.text("of").parse::<ModuleDigest>().unwrap_or(found.attachment.module);
    let mut module_of_fields = told(viewer, &shown_of).await;
    let schema = module_of_fields.as_ref().map(|module| module.facts.settings_schema.as_str());
    let read = draft.checked_settings(schema).and_then(|settings| {
        let module = draft.module.parse::<ModuleDigest>();
        let module =
            module.map_err(|_| Refusal::of_field("module", say!("policies-attach-choose-a-version-of-the")))?;
        Ok((settings, module))
    });
    let refusal = match read {
        Ok((settings, module)) => {
            if let Some(attachment) = policies.get_mut(index) {
                (attachment.settings, attachment.module, attachment.authority) = (settings, module, draft.authority);
            }
            let revision = sent.number("revision", say!("policies-attach-the-revision"))?;
            let Err(failure) = to.put(viewer, revision, policies, sent.ticked("force")).await else {
                return Ok(redirect(links::attachment(&to, &name)));
            };
            if module != shown_of
                && let Some(chosen) = told(viewer, &module).await
            {
                // From here on the fields are its own, with what was said for those that both have.
                module_of_fields = Some(chosen);
                draft.typed = None;
            }
            let schema = module_of_fields.as_ref().map(|module| module.facts.settings_schema.as_str());
            blamed(failure, &draft, schema)?.keeping()
        }
        Err(refusal) => refusal,
    };
    draft.revision = shown.revision.to_string();
    Ok(edit_page(viewer, &to, (&found.attachment, module_of_fields.as_ref()), &draft, Some(&refusal)).await)
}

async fn edit_page(
    viewer: &Viewer<'_>,
    to: &AttachedTo,
    (attachment, now): (&PolicyAttachment, Option<&ModuleShown>),
    draft: &Draft,
    refusal: Option<&Refusal>,
) -> Response {
    let modules = Modules::told(viewer).await;
    let mut versions: Vec<Choice> = now
        .into_iter()
        .flat_map(|module| modules.versions(&module.facts.name))
        .map(|module| Choice {
            value: module.facts.digest.to_string(),
            label: format!("{} {} ({})", module.facts.name, module.facts.version, short(&module.facts.digest)),
            chosen: module.facts.digest.to_string() == draft.module,
        })
        .collect();
    if versions.is_empty() {
        // Who may not see the modules changes the settings of the one that is there.
        let (value, label) = (attachment.module.to_string(), short(&attachment.module));
        versions.push(Choice { value, label, chosen: true });
    }
    let address = links::attachment_act(to, &attachment.name, "settings");
    let again = match now.filter(|module| module.facts.digest != attachment.module) {
        Some(module) => format!("{address}?module={}", module.facts.digest),
        None => address.clone(),
    };
    let (settings, other) = settings_fields(draft, now.map(|module| module.facts.settings_schema.as_str()), &again);
    let version =
        Field::new("module", say!("policies-attach-version-of-the-module"), FieldKind::Choice(versions)).required();
    let mut fields = vec![version.hint(say!("policies-attach-one-that-does-not-take"))];
    fields.extend(settings);
    fields.extend(now.map(|module| Field::hidden("of", module.facts.digest.to_string())));
    fields.extend([authority_field(draft.authority), Field::hidden("revision", draft.revision.clone())]);
    fields.extend(force_field(refusal));
    let form = Form {
        action: address,
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("policies-attach-save-can-be-rolled-back").to_owned(),
        cancel_href: Some(links::attachment(to, &attachment.name)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let mut aside = Vec::new();
    aside.extend(refusal::stored(refusal, || {
        let label = say!("policies-attach-version-of-the-module");
        let label = format!("{label}: {}", short(&attachment.module));
        Body::Snippets(vec![Snippet::new(&label, pretty(&attachment.settings))])
    }));
    aside.extend(now.map(schema));
    let module = draft.module.parse().map_or_else(|_| draft.module.clone(), |digest| short(&digest));
    let settings = snippets::quoted(&compact(&draft.settings));
    let (name, option) = (&attachment.name, to.option());
    let command = format!("policy attach {name} {option} --module {module} --settings {settings}");
    aside.push(snippets::panel(vec![Commands::of_installation(viewer.services).server(&command)]));
    let place = Place::Attachment(to.clone(), name.clone()).below(say!("policies-attach-settings"));
    let state = match attachment.state {
        AttachmentState::Enforce => say!("policies-attach-it-stays-enforced-what-the"),
        AttachmentState::Shadow => {
            say!("policies-attach-it-stays-in-shadow-and")
        }
        AttachmentState::Off => say!("policies-attach-it-stays-off"),
    };
    let page = PanelsPage {
        lead: Some(state.to_owned()),
        main: vec![Panel::new(say!("policies-attach-settings"), Body::Form(form)).acts(other)],
        aside,
        ..PanelsPage::new(viewer.shell(&place).await, say!("policies-attach-settings-of-name", name = name))
    };
    refusal::answer(&page, refusal)
}
