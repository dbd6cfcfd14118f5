//! Forms about a vault's settings: a new vault, labels and access mode, purge protection.

use std::collections::BTreeMap;

use strongroom_domain::{
    access_policy::AccessMode,
    action::Action,
    admin::ModuleShown,
    gate::Ask,
    names::VaultName,
    network::{NetworkAction, NetworkRule, NetworkRules},
    policy::{AttachmentState, PolicyAttachment},
    vault::{DEFAULT_RETENTION_DAYS, MAX_TAGS, NewVault, Vault, VaultSettings, VaultUpdate},
};
use strongroom_web::{Act, Body, Cell, Choice, Fact, Field, FieldKind, Form, Icon, Panel, PanelsPage, Snippet, say};

use super::{
    Failure, again,
    form::{LONG, SHORT, Sent},
    frame::{Place, Viewer},
    links,
    offers::Offers,
    redirect,
    refusal::{self, Refusal},
    snippets::{self, Commands, quoted},
    step_up,
    vaults::mode_words,
    view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// What the button sends that shows the command and makes nothing.
const PREVIEW: &str = "preview";
/// Rows for tags that a form has beyond those in use.
const SPARE_TAGS: usize = 3;

/// Those that a vault can begin with: a module that could grant something is attached once it is there.
fn at_first() -> Vec<AccessMode> {
    AccessMode::ALL.into_iter().filter(|mode| *mode != AccessMode::Modules).collect()
}

fn mode_field(chosen: AccessMode, offered: &[AccessMode]) -> Field {
    let options: Vec<_> = offered.iter().map(|mode| (mode.as_str(), mode_words(*mode))).collect();
    Field::choice("access_mode", say!("vault-forms-access-by"), &options, chosen.as_str())
        .hint(say!("vault-forms-what-must-allow-a-request"))
}

/// Who can use a new vault at once, in each mode that it can begin with.
fn who_at_first() -> Panel {
    let who = |mode: AccessMode| match mode.asks_access_policies() {
        false => say!("vault-forms-whoever-holds-a-role-that"),
        true => say!("vault-forms-nobody-until-an-access-policy"),
    };
    let facts = at_first().into_iter().map(|mode| Fact::text(mode_words(mode), who(mode)));
    let facts = facts.chain([Fact::text(mode_words(AccessMode::Modules), say!("vault-forms-later-once-a-module"))]);
    Panel::new(say!("vault-forms-who-can-use-it-at"), Body::Facts(facts.collect()))
}

/// What comes of each other access mode, for whoever is about to choose one.
fn other_modes(now: AccessMode) -> Panel {
    let others = AccessMode::ALL.into_iter().filter(|mode| *mode != now);
    let facts = others.map(|mode| Fact::text(mode_words(mode), now.what_comes_of(mode).join(" ")));
    Panel::new(say!("vault-forms-what-comes-of-another-access"), Body::Facts(facts.collect()))
}

fn mode(sent: &Sent) -> Result<AccessMode, Problem> {
    let word = sent.text("access_mode");
    let found = AccessMode::ALL.into_iter().find(|mode| mode.as_str() == word);
    found.ok_or_else(|| Problem::bad_parameter(say!("vault-forms-there-is-no-such-access")))
}

fn label_fields(region: &str, tags: &BTreeMap<String, String>) -> Vec<Field> {
    let mut fields = vec![
        Field::line("region", say!("vault-forms-region"), region, 64).hint(say!("vault-forms-a-label-it-says-nothing")),
    ];
    if tags.iter().all(|(name, value)| !name.chars().chain(value.chars()).any(char::is_control)) {
        let mut rows: Vec<(String, String)> = tags.clone().into_iter().collect();
        let most = (rows.len() + SPARE_TAGS).min(MAX_TAGS.max(rows.len()));
        rows.resize(most, (String::new(), String::new()));
        fields.push(
            Field::new("tag", say!("vault-forms-tags"), FieldKind::Pairs(rows))
                .hint(say!("vault-forms-for-people-and-their-tools")),
        );
        fields.push(Field::hidden("tags-shown", "yes"));
    }
    fields
}

/// Networks, one a line.
pub(super) fn networks(text: &str) -> Result<NetworkRules, Problem> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    // Read as the API reads a rule: an address stands for itself alone.
    let rule = |word| serde_json::from_value(serde_json::json!({ "action": "allow", "network": word }));
    let rules = words
        .map(rule)
        .collect::<Result<Vec<NetworkRule>, _>>()
        .map_err(|_| Problem::bad_parameter(say!("vault-forms-a-network-is-an-address")))?;
    let default_action = if rules.is_empty() { NetworkAction::Allow } else { NetworkAction::Deny };
    Ok(NetworkRules { default_action, rules })
}

/// GET /new-vault
///
/// # Errors
/// None.
pub(super) async fn new_vault(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    Ok(new_page(viewer, None, None).await)
}

/// POST /new-vault
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn create(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    // It can never be switched off again.
    if sent.ticked("purge_protection") && !step_up::is_proven(viewer) {
        return Ok(again::for_step_up(viewer, request).await);
    }
    // Shows what it comes to, and makes nothing.
    if sent.text("step") == PREVIEW {
        return Ok(new_page(viewer, Some(&sent), None).await);
    }
    let create = async {
        let name = VaultName::parse(sent.text("name")).map_err(|e| Problem::bad_parameter(format!("{e}.")))?;
        let settings = VaultSettings {
            network: networks(sent.text("networks"))?,
            policies: first_module(viewer, &sent).await?.into_iter().collect(),
            retention_days: sent.number("retention_days", say!("vault-forms-the-number-of-days"))?,
            purge_protection: sent.ticked("purge_protection"),
            tags: sent.pairs("tag", MAX_TAGS)?,
            region: sent.given("region"),
            access_mode: mode(&sent)?,
            ..VaultSettings::default()
        };
        let new = NewVault { settings, force: sent.ticked("force") };
        viewer.services.admin.create_vault(&viewer.call.ctx, &name, new).await?;
        // Nobody can do anything in it yet: the page on which somebody is let in says so.
        let lets_nobody_in = mode(&sent)?.asks_access_policies();
        Ok::<_, Failure>(if lets_nobody_in { links::in_vault(&name, "access", &[]) } else { links::vault(&name) })
    };
    match create.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => Ok(new_page(viewer, Some(&sent), Some(&Refusal::of(failure)?)).await),
    }
}

/// The modules that may be seen, to attach one of them at once.
async fn modules(viewer: &Viewer<'_>) -> Vec<ModuleShown> {
    if !viewer.may(&Ask::server(Action::PolicyModuleRead)).await {
        return Vec::new();
    }
    let Ok(ctx) = viewer.further() else { return Vec::new() };
    viewer.services.admin.list_modules(&ctx).await.unwrap_or_default()
}

/// The module that a new vault begins with, if one was chosen: in shadow, as any that is attached.
async fn first_module(viewer: &Viewer<'_>, sent: &Sent) -> Result<Option<PolicyAttachment>, Failure> {
    let Some(digest) = sent.given("module") else { return Ok(None) };
    let module = modules(viewer).await.into_iter().find(|module| module.facts.digest.to_string() == digest);
    let module = module.ok_or_else(|| Problem::bad_parameter(say!("vault-forms-there-is-no-such-module")))?;
    Ok(Some(PolicyAttachment {
        name: module.facts.name.clone(),
        module: module.facts.digest,
        settings: sent.given("module_settings").unwrap_or_else(|| "{}".to_owned()),
        state: AttachmentState::Shadow,
        authority: false,
        previous: None,
    }))
}

/// The commands that do what the form says; those of a vault with nothing chosen before it was filled in.
fn create_command(commands: &Commands, sent: Option<&Sent>, modules: &[ModuleShown]) -> Snippet {
    let Some(sent) = sent else { return commands.server("vault create NAME --retention-days 90") };
    let name = sent.given("name").unwrap_or_else(|| "NAME".to_owned());
    let mut command = format!("vault create {}", quoted(&name));
    let mut add = |option: &str, value: &str| command.push_str(&format!(" --{option} {}", quoted(value)));
    add("retention-days", sent.text("retention_days"));
    if let Ok(mode) = mode(sent) {
        add("access-mode", mode.as_str());
    }
    for network in sent.text("networks").split(|c: char| c.is_whitespace() || c == ',').filter(|one| !one.is_empty()) {
        add("allow-network", network);
    }
    for (tag, value) in sent.pairs("tag", MAX_TAGS).unwrap_or_default() {
        add("tag", &format!("{tag}={value}"));
    }
    if let Some(region) = sent.given("region") {
        add("region", &region);
    }
    let flags = [("purge_protection", " --purge-protection"), ("force", " --force")];
    command.extend(flags.into_iter().filter(|(field, _)| sent.ticked(field)).map(|(_, flag)| flag));
    let create = commands.server(&command);
    let chosen = sent.given("module");
    match modules.iter().find(|module| chosen.as_deref() == Some(module.facts.digest.to_string().as_str())) {
        None => create,
        Some(module) => {
            let settings = quoted(&sent.given("module_settings").unwrap_or_else(|| "{}".to_owned()));
            let (called, digest) = (&module.facts.name, &module.facts.digest);
            let attach =
                format!("policy attach {called} --vault {} --module {digest} --settings {settings}", quoted(&name));
            let attach = commands.server(&attach);
            Snippet { code: format!("{}\n{}", create.code, attach.code), ..create }
        }
    }
}

async fn new_page(viewer: &Viewer<'_>, sent: Option<&Sent>, refusal: Option<&Refusal>) -> Response {
    let text = |name: &str| sent.map(|sent| sent.text(name).to_owned()).unwrap_or_default();
    let days = sent.map_or_else(|| DEFAULT_RETENTION_DAYS.to_string(), |_| text("retention_days"));
    let tags = sent.and_then(|sent| sent.pairs("tag", MAX_TAGS).ok()).unwrap_or_default();
    let chosen = sent.and_then(|sent| mode(sent).ok()).unwrap_or_default();
    let ticked = |name: &str| sent.is_some_and(|sent| sent.ticked(name));
    let mut fields = vec![
        Field::line("name", say!("vault-forms-name"), text("name"), 24)
            .required()
            .hint(say!("vault-forms-3-to-24-letters-digits")),
        mode_field(chosen, &at_first()),
        Field::new(
            "retention_days",
            say!("vault-forms-days-that-deleted-items-stay"),
            FieldKind::Number { value: days, min: 7, max: 90 },
        )
        .required()
        .hint(say!("vault-forms-7-to-90-fixed-when")),
        Field::check("purge_protection", say!("vault-forms-purge-protection"), ticked("purge_protection"))
            .hint(say!("vault-forms-nothing-is-purged-before-its")),
        Field::lines("networks", say!("vault-forms-networks-that-may-reach-it"), text("networks"), 3)
            .hint(say!("vault-forms-one-address-or-range-a", address = viewer.address())),
    ];
    fields.extend(label_fields(&text("region"), &tags));
    let modules = modules(viewer).await;
    if !modules.is_empty() {
        fields.extend(module_fields(&modules, &text("module"), &text("module_settings")));
    }
    fields.extend(force_field(refusal));
    let form = Form {
        preview: Some(say!("vault-forms-show-as-a-command").to_owned()),
        action: links::NEW_VAULT.to_owned(),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("vault-forms-create-vault").to_owned(),
        cancel_href: Some(links::VAULTS.to_owned()),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("vault-forms-policy-modules-are-attached-once").to_owned()),
        main: vec![Panel::new(say!("vault-forms-vault"), Body::Form(form)), who_at_first()],
        aside: vec![snippets::panel(vec![
            create_command(&commands, sent, &modules),
            commands.curl_server("POST", "/api/v1/vaults", Some(r#"{"name":"NAME","retention_days":90}"#)),
        ])],
        ..PanelsPage::new(
            viewer.shell(&Place::Vaults.below(say!("vault-forms-new-vault"))).await,
            say!("vault-forms-new-vault"),
        )
    };
    refusal::answer(&page, refusal)
}

fn module_fields(modules: &[ModuleShown], chosen: &str, settings: &str) -> [Field; 2] {
    let choice = |value: String, label: String| Choice { chosen: value == chosen, value, label };
    let named = |module: &ModuleShown| {
        choice(module.facts.digest.to_string(), format!("{} {}", module.facts.name, module.facts.version))
    };
    let none = choice(String::new(), say!("vault-forms-no-module").to_owned());
    let choices = std::iter::once(none).chain(modules.iter().map(named)).collect();
    let settings = if settings.is_empty() { "{}" } else { settings };
    [
        Field::new("module", say!("vault-forms-policy-module-to-begin-with"), FieldKind::Choice(choices))
            .hint(say!("vault-forms-it-is-attached-in-shadow")),
        Field::code("module_settings", say!("vault-forms-its-settings"), settings, 3)
            .hint(say!("vault-forms-as-its-schema-says")),
    ]
}

/// The box that confirms a lock-out: only there when the change was refused for one.
pub(super) fn force_field(refusal: Option<&Refusal>) -> Option<Field> {
    refusal.filter(|refusal| refusal.locks_out()).map(|_| {
        Field::check("force", say!("vault-forms-go-on-although-i-cannot"), false)
            .hint(say!("vault-forms-the-record-will-say-that"))
    })
}

fn vault_name(viewer: &Viewer<'_>) -> Result<VaultName, Problem> {
    VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())
}

/// GET /vaults/{vault}/settings
///
/// # Errors
/// The gate's denial, or why the vault cannot be shown.
pub(super) async fn settings(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let name = vault_name(viewer)?;
    let vault = viewer.services.admin.show_vault(&viewer.call.ctx, &name).await?;
    Ok(settings_page(viewer, &vault, None, None).await)
}

/// POST /vaults/{vault}/settings
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn change(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let name = vault_name(viewer)?;
    let change = async {
        let tags = sent.pairs("tag", MAX_TAGS)?;
        let update = VaultUpdate {
            tags: sent.given("tags-shown").map(|_| tags),
            region: Some(sent.text("region").to_owned()),
            access_mode: Some(mode(&sent)?),
            ..VaultUpdate::default()
        };
        let revision = sent.number("revision", say!("vault-forms-the-revision"))?;
        viewer.services.admin.update_vault(&viewer.call.ctx, &name, Some(revision), &update).await?;
        Ok::<_, Failure>(links::in_vault(&name, "settings", &[]))
    };
    match change.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?.keeping();
            let vault = viewer.services.admin.show_vault(&viewer.further()?, &name).await?;
            Ok(settings_page(viewer, &vault, Some(&sent), Some(&refusal)).await)
        }
    }
}

async fn settings_page(viewer: &Viewer<'_>, vault: &Vault, sent: Option<&Sent>, refusal: Option<&Refusal>) -> Response {
    let (name, settings) = (&vault.name, &vault.settings);
    let region = settings.region.as_deref().unwrap_or_default();
    let typed_mode = sent.and_then(|sent| mode(sent).ok()).unwrap_or(settings.access_mode);
    let typed_tags = sent.filter(|sent| sent.given("tags-shown").is_some());
    let typed_tags = typed_tags.and_then(|sent| sent.pairs("tag", MAX_TAGS).ok());
    let mut fields = vec![mode_field(typed_mode, &AccessMode::ALL)];
    fields.extend(label_fields(
        sent.map_or(region, |sent| sent.text("region")),
        typed_tags.as_ref().unwrap_or(&settings.tags),
    ));
    // Two people who change the same settings must not undo each other's work.
    fields.push(Field::hidden("revision", vault.revision.to_string()));
    let form = Form {
        action: links::in_vault(name, "settings", &[]),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("vault-forms-save-settings").to_owned(),
        cancel_href: Some(links::vault(name)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let place = Place::Settings(name.clone());
    let mut offers = Offers::new(viewer, &place);
    let open = offers.open(&Ask::vault(Action::VaultUpdate, name), say!("vault-forms-changing-settings")).await;
    let (_, cannot) = offers.told();
    let body = if open { Body::Form(form) } else { Body::Facts(shown_facts(settings)) };
    let protection = if settings.purge_protection {
        let words = say!("vault-forms-on-for-good-nothing-in");
        Panel::new(say!("vault-forms-purge-protection"), Body::Text(vec![words.to_owned()]))
    } else {
        let words = say!("vault-forms-off-whoever-may-purge-can");
        let switch = Act::link(say!("vault-forms-switch-on"), links::in_vault(name, "protect", &[]), Icon::Lock);
        let acts = if open { vec![switch] } else { Vec::new() };
        Panel::new(say!("vault-forms-purge-protection"), Body::Text(vec![words.to_owned()])).acts(acts)
    };
    let mut main = vec![
        Panel::new(say!("vault-forms-settings"), body)
            .note(say!("vault-forms-revision-revision", revision = vault.revision)),
    ];
    if open {
        main.extend(refusal::stored(refusal, || Body::Facts(stored_facts(settings))));
        main.push(other_modes(settings.access_mode));
    }
    main.push(protection);
    let retention = say!("vault-forms-retention-days-days-fixed-when", retention_days = settings.retention_days);
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("vault-forms-who-may-do-what-is").to_owned()),
        tags: view::tags(&settings.tags),
        cannot,
        main,
        aside: vec![
            Panel::new(
                say!("vault-forms-fixed"),
                Body::Facts(vec![
                    Fact::text(say!("vault-forms-deleted-items-stay"), retention),
                    Fact::code(say!("vault-forms-identity"), vault.id.to_string()),
                ]),
            ),
            snippets::panel(vec![
                commands.server(&format!("vault update {name} --tag NAME=VALUE")),
                commands.curl_server("PATCH", &format!("/api/v1/vaults/{name}"), Some(r#"{"tags":{}}"#)),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, say!("vault-forms-settings-of-name", name = name))
    };
    refusal::answer(&page, refusal)
}

/// What the form changes, as it is.
fn shown_facts(settings: &VaultSettings) -> Vec<Fact> {
    let region = settings.region.clone().map_or_else(|| Cell::None(say!("vault-forms-not-set").to_owned()), Cell::text);
    vec![
        Fact::text(say!("vault-forms-access-by"), mode_words(settings.access_mode)),
        Fact { name: say!("vault-forms-region").to_owned(), value: region },
    ]
}

/// The same with the tags.
fn stored_facts(settings: &VaultSettings) -> Vec<Fact> {
    let tags: Vec<_> = settings.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let value =
        if tags.is_empty() { Cell::None(say!("vault-forms-not-set").to_owned()) } else { Cell::text(tags.join(", ")) };
    let mut facts = shown_facts(settings);
    facts.push(Fact { name: say!("vault-forms-tags").to_owned(), value });
    facts
}

/// GET /vaults/{vault}/protect
///
/// # Errors
/// The gate's denial, or why the vault cannot be shown.
pub(super) async fn ask_protect(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let name = vault_name(viewer)?;
    let vault = viewer.services.admin.show_vault(&viewer.call.ctx, &name).await?;
    Ok(protect_page(viewer, &vault, None).await)
}

/// POST /vaults/{vault}/protect: purge protection for good, once the vault's name was typed.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn protect(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let name = vault_name(viewer)?;
    let is_named = VaultName::parse(sent.text("confirm")).ok().as_ref() == Some(&name);
    if let Err(refusal) = refusal::for_good(viewer, &sent, is_named, (say!("vault-forms-switched-on"), name.as_str())) {
        let vault = viewer.services.admin.show_vault(&viewer.further()?, &name).await?;
        return Ok(protect_page(viewer, &vault, Some(&refusal)).await);
    }
    let update = VaultUpdate { purge_protection: Some(true), ..VaultUpdate::default() };
    viewer.services.admin.update_vault(&viewer.call.ctx, &name, None, &update).await?;
    Ok(redirect(links::in_vault(&name, "settings", &[])))
}

async fn protect_page(viewer: &Viewer<'_>, vault: &Vault, refusal: Option<&Refusal>) -> Response {
    let name = &vault.name;
    let place = Place::Settings(name.clone()).below(say!("vault-forms-purge-protection"));
    let form = Form {
        action: links::in_vault(name, "protect", &[]),
        csrf_token: Some(viewer.form_token()),
        fields: refusal::for_good_fields(name.as_str()),
        submit: say!("vault-forms-switch-on-for-good").to_owned(),
        danger: true,
        cancel_href: Some(links::in_vault(name, "settings", &[])),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!(
            "vault-forms-from-then-on-nothing-in",
            name = name,
            retention_days = vault.settings.retention_days
        )),
        main: vec![Panel::new(say!("vault-forms-confirm"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server(&format!("vault update {name} --purge-protection")),
            commands.curl_server("PATCH", &format!("/api/v1/vaults/{name}"), Some(r#"{"purge_protection":true}"#)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("vault-forms-protect-name-against-purging", name = name))
    };
    refusal::answer(&page, refusal)
}
