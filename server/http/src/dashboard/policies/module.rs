//! One policy module: what it says of itself, its versions, where it is attached; and its removal.

use strongroom_domain::{
    action::Action,
    admin::ModuleShown,
    gate::Ask,
    policy::{AttachmentState, ModuleDigest, PolicyAttachment, PolicyStage},
};
use strongroom_web::{Act, Body, Cell, Fact, Form, Icon, Panel, PanelsPage, Row, Snippet, Table, Tone, say};

use super::{AttachedTo, Modules, attachment::pretty, badge_cell, digest, short};
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
        sort, view,
    },
    message::{Request, Response},
};

/// Vaults that are asked for whether something may be attached there, before the page gives up offering it.
const VAULTS_ASKED: usize = 50;

/// GET /policy/modules/{digest}
///
/// # Errors
/// The gate's denial, or why the module cannot be shown.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let digest = digest(viewer)?;
    let module = viewer.services.admin.show_module(&viewer.call.ctx, digest).await?;
    let facts = &module.facts;
    let modules = Modules::told(viewer).await;
    let vaults = viewer.vaults().await;
    let place = Place::Policies.below(facts.name.clone());
    let mut offers = Offers::new(viewer, &place);
    let attach =
        Act::primary(say!("policies-module-attach-in-shadow"), links::module_act(&digest, "attach"), Icon::Plus);
    let mut somewhere = None;
    for vault in vaults.iter().take(VAULTS_ASKED) {
        if viewer.may(&Ask::vault(Action::VaultUpdate, &vault.name)).await {
            somewhere = Some(vault.name.clone());
            break;
        }
    }
    match &somewhere {
        Some(vault) => offers.offer(&Ask::vault(Action::VaultUpdate, vault), attach).await,
        None => offers.offer(&Ask::server(Action::PolicyWrite), attach).await,
    }
    offers
        .offer(
            &Ask::server(Action::PolicyModuleRead),
            Act::link(say!("policies-module-test-bench"), links::module_act(&digest, "try"), Icon::Try),
        )
        .await;
    if module.uploaded.is_some() {
        let remove = Act::link(say!("policies-module-remove"), links::module_act(&digest, "remove"), Icon::Trash);
        offers.offer(&Ask::server(Action::PolicyModuleDelete), remove).await;
    }
    let (acts, cannot) = offers.told();
    let (attached, notice) = attached(viewer, &vaults, &digest).await;
    let schema = Snippet::new(say!("policies-module-json-schema-of-the-settings"), pretty(&facts.settings_schema));
    let commands = Commands::of_installation(viewer.services);
    let badges = match module.uploaded {
        None => vec![(Tone::Plain, Icon::Check, say!("policies-module-ships-with-the-product").to_owned())],
        Some(_) => vec![(Tone::Plain, Icon::Upload, say!("policies-module-uploaded").to_owned())],
    };
    let page = PanelsPage {
        badges,
        lead: Some(facts.summary.clone()),
        acts,
        cannot,
        notices: notice.into_iter().collect(),
        main: vec![
            attached,
            Panel::new(say!("policies-module-what-it-wants-to-see"), Body::Facts(wants(&module)))
                .note(say!("policies-module-for-other-requests-it-is")),
            Panel::new(say!("policies-module-settings"), Body::Snippets(vec![schema]))
                .note(say!("policies-module-what-an-attachment-of-it")),
        ],
        aside: vec![
            Panel::new(say!("policies-module-details"), Body::Facts(details(&module))),
            versions(viewer, &modules, &module),
            snippets::panel(vec![
                commands.server(&format!("policy show {}", short(&digest))),
                commands
                    .server(&format!("policy attach NAME --vault VAULT --module {} --settings '{{}}'", short(&digest)))
                    .labelled(say!("policies-module-attach-in-shadow")),
                commands.curl_server("GET", &format!("/api/v1/policy-modules/{digest}"), None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell_with(&place, &vaults).await, format!("{} {}", facts.name, facts.version))
    };
    Ok(rendered(200, page.render()))
}

fn details(module: &ModuleShown) -> Vec<Fact> {
    let mut facts = vec![
        Fact::text(say!("policies-module-name"), module.facts.name.clone()),
        Fact::text(say!("policies-module-version"), module.facts.version.clone()),
        Fact::code(say!("policies-module-digest"), module.facts.digest.to_string()),
        Fact::text(say!("policies-module-size"), say!("policies-module-size-bytes", size = view::grouped(module.size))),
    ];
    match &module.uploaded {
        None => facts.push(Fact::text(say!("policies-module-from"), say!("policies-module-part-of-the-product"))),
        Some((by, at)) => {
            let small = Some(by.issuer.clone());
            let value = Cell::Text { text: by.subject.clone(), small };
            facts.push(Fact { name: say!("policies-module-uploaded-by").to_owned(), value });
            facts.push(Fact::moment(say!("policies-module-uploaded"), Some(view::moment_millis(*at)), ""));
        }
    }
    facts
}

fn wants(module: &ModuleShown) -> Vec<Fact> {
    let facts = &module.facts;
    let patterns = |name: &str, patterns: &[String], none: &str| {
        if patterns.is_empty() { Fact::text(name, none) } else { Fact::code(name, patterns.join("\n")) }
    };
    let asked = match facts.needs.stage {
        PolicyStage::Network => say!("policies-module-about-the-connection-with-the"),
        PolicyStage::Request => say!("policies-module-last-when-everything-else-has"),
    };
    vec![
        Fact::text(say!("policies-module-asked"), asked),
        patterns(say!("policies-module-actions"), &facts.actions, "none"),
        patterns(say!("policies-module-objects"), &facts.objects, "none"),
        patterns(
            say!("policies-module-facts"),
            &facts.needs.facts,
            say!("policies-module-none-beyond-the-request-itself"),
        ),
    ]
}

/// The modules of the same name.
fn versions(viewer: &Viewer<'_>, modules: &Modules, shown: &ModuleShown) -> Panel {
    let row = |module: &ModuleShown| {
        let facts = &module.facts;
        let from = module.uploaded.as_ref().map_or_else(
            || Cell::text(say!("policies-module-ships")),
            |(by, at)| Cell::When { moment: view::moment_millis(*at), href: None, small: Some(by.subject.clone()) },
        );
        let version = Cell::Link {
            text: facts.version.clone(),
            href: links::module(&facts.digest),
            small: Some(short(&facts.digest)),
        };
        Row { cells: vec![version, from], marked: facts.digest == shown.facts.digest }
    };
    let mut rows: Vec<Row> = modules.versions(&shown.facts.name).map(row).collect();
    if rows.is_empty() {
        rows.push(row(shown));
    }
    let table = sort::table(viewer, "versions", Table::new(&["Version", "Uploaded"], rows));
    Panel::new(say!("policies-module-versions"), Body::Table(table)).note(say!("policies-module-of-this-name"))
}

/// Where it is attached, as far as this person may see it.
async fn attached(
    viewer: &Viewer<'_>,
    vaults: &[std::sync::Arc<strongroom_domain::vault::Vault>],
    digest: &ModuleDigest,
) -> (Panel, Option<String>) {
    let mut rows = Vec::new();
    let mut notice = None;
    let mut add = |to: &AttachedTo, policies: &[PolicyAttachment]| {
        for attachment in policies {
            let before = attachment.previous.as_ref().is_some_and(|before| before.module == *digest);
            let cells = |state, small: Option<String>| {
                vec![
                    Cell::link(attachment.name.clone(), links::attachment(to, &attachment.name)),
                    Cell::text(to.title()),
                    badge_cell(state, small),
                ]
            };
            if attachment.module == *digest {
                rows.push(Row::new(cells(attachment.state, None)));
            } else if before {
                rows.push(Row::new(cells(
                    AttachmentState::Off,
                    Some(say!("policies-module-kept-for-a-roll-back").to_owned()),
                )));
            }
        }
    };
    if viewer.may(&Ask::server(Action::PolicyRead)).await {
        let ctx = viewer.further();
        let shown = match &ctx {
            Ok(ctx) => viewer.services.admin.show_policies(ctx, None).await.ok(),
            Err(_) => None,
        };
        match shown {
            Some(shown) => add(&AttachedTo::Everywhere, &super::attachments(&shown)),
            None => notice = Some(say!("policies-module-what-is-attached-to-all").to_owned()),
        }
    } else {
        notice = Some(say!("policies-module-what-is-attached-to-all-vaults").to_owned());
    }
    for vault in vaults {
        add(&AttachedTo::Vault(vault.name.clone()), &vault.settings.policies);
    }
    let body = if rows.is_empty() {
        Body::Text(vec![say!("policies-module-nowhere-that-you-may-see").to_owned()])
    } else {
        Body::Table(sort::table(viewer, "attached", Table::new(&["Attachment", "To", "State"], rows)))
    };
    (Panel::new(say!("policies-module-attached"), body), notice)
}

/// GET /policy/modules/{digest}/remove
///
/// # Errors
/// The gate's denial, or why the module cannot be shown.
pub(crate) async fn ask_remove(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let module = viewer.services.admin.show_module(&viewer.call.ctx, digest(viewer)?).await?;
    Ok(remove_page(viewer, &module, None).await)
}

/// POST /policy/modules/{digest}/remove: one that is attached nowhere, once it was confirmed.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(crate) async fn remove(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let digest = digest(viewer)?;
    let remove = async {
        if sent.text("confirm") != short(&digest) {
            return Err(refusal::unconfirmed("removed", &short(&digest)).into());
        }
        viewer.services.admin.remove_module(&viewer.call.ctx, digest).await?;
        Ok::<_, Failure>(())
    };
    match remove.await {
        Ok(()) => Ok(redirect(links::POLICY.to_owned())),
        Err(failure) => {
            let refusal = Refusal::of(failure)?;
            let module = viewer.services.admin.show_module(&viewer.further()?, digest).await?;
            Ok(remove_page(viewer, &module, Some(&refusal)).await)
        }
    }
}

async fn remove_page(viewer: &Viewer<'_>, module: &ModuleShown, refusal: Option<&Refusal>) -> Response {
    let facts = &module.facts;
    let form = Form {
        action: links::module_act(&facts.digest, "remove"),
        csrf_token: Some(viewer.form_token()),
        fields: vec![refusal::confirm_field(&short(&facts.digest))],
        submit: say!("policies-module-remove-for-good").to_owned(),
        danger: true,
        cancel_href: Some(links::module(&facts.digest)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let place = Place::Policies.below(say!("policies-module-remove-module"));
    let page = PanelsPage {
        lead: Some(say!("policies-module-only-a-module-that-is").to_owned()),
        main: vec![Panel::new(say!("policies-module-confirm"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server(&format!("policy remove {}", short(&facts.digest))),
            commands.curl_server("DELETE", &format!("/api/v1/policy-modules/{}", facts.digest), None),
        ])],
        ..PanelsPage::new(
            viewer.shell(&place).await,
            say!("policies-module-remove-name-version", name = facts.name, version = facts.version),
        )
    };
    refusal::answer(&page, refusal)
}
