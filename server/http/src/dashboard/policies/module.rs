//! One policy module, in views: what replays found of it, its settings, its versions, where it is attached, what it said
//! lately, and what it asks for; and its removal.

use std::sync::Arc;

use strongroom_domain::{
    action::Action,
    admin::{AttachmentShown, ModuleShown, VaultListing},
    gate::Ask,
    policy::{AttachmentState, ModuleDigest},
    vault::Vault,
};
use strongroom_web::{Act, Body, Cell, Fact, Form, Icon, Panel, PanelsPage, Row, Snippet, Table, Tone, say};

use super::{
    AttachedTo, Modules,
    attachment::pretty,
    badge_cell, digest, fared,
    list::{self, Attached},
    logs, manifest, short, tried,
    views::{self, View},
};
use crate::{
    dashboard::{
        Failure,
        form::{SHORT, Sent},
        frame::{Place, Viewer},
        kept_back, links,
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

/// GET /policy/modules/{digest}[?tab=]
///
/// # Errors
/// The gate's denial, or why the module cannot be shown.
pub(crate) async fn show(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let digest = digest(viewer)?;
    let module = viewer.services.admin.show_module(&viewer.call.ctx, digest).await?;
    let facts = &module.facts;
    let modules = Modules::told(viewer).await;
    let VaultListing { vaults, kept_back, .. } = viewer.vaults_and_kept_back().await;
    let place = Place::Policies.below(facts.name.clone());
    let (acts, cannot) = offered(viewer, &module, &vaults, &place).await;
    let (attached, notice) = attached(viewer, &vaults, &digest).await;
    // What is attached is looked at for what it would change, another one for what it is.
    let usual = if attached.is_empty() { View::Manifest } else { View::Replay };
    let shown = View::asked(request.query(views::TAB)).unwrap_or(usual);
    let main = match shown {
        View::Replay => vec![tried::panel(viewer, &digest, &attached).await?],
        View::Settings => settings(viewer, &module, &attached).await,
        View::Versions => vec![versions(viewer, &modules, &module)],
        View::Attachments => vec![attachments(viewer, &digest, &attached)],
        View::Logs => vec![logs::panel(viewer, &digest).await?],
        // The test bench has a page of its own.
        View::Bench | View::Manifest => manifest::panels(viewer, &module),
    };
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
        tabs: views::tabs(&digest, shown),
        notices: notice.into_iter().chain(kept_back::notice(&kept_back)).collect(),
        main,
        aside: vec![
            Panel::new(say!("policies-module-details"), Body::Facts(details(&module))),
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

/// What can be done with it, and what not.
async fn offered(
    viewer: &Viewer<'_>,
    module: &ModuleShown,
    vaults: &[Arc<Vault>],
    place: &Place,
) -> (Vec<Act>, Vec<String>) {
    let digest = module.facts.digest;
    let mut offers = Offers::new(viewer, place);
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
    if module.uploaded.is_some() {
        let remove = Act::link(say!("policies-module-remove"), links::module_act(&digest, "remove"), Icon::Trash);
        offers.offer(&Ask::server(Action::PolicyModuleDelete), remove).await;
    }
    offers.told()
}

/// What can be set, and with what it is attached, as a form and as JSON.
async fn settings(viewer: &Viewer<'_>, module: &ModuleShown, attached: &[Attached]) -> Vec<Panel> {
    let mut panels = Vec::new();
    for place in attached {
        let open = viewer.may(&place.to.ask_to_change()).await;
        for AttachmentShown { attachment, .. } in place.policies.iter().filter(|one| is_now(one, module)) {
            let title = say!("policies-module-settings-of", name = attachment.name, place = place.to.title());
            let json = Snippet::new(say!("policies-module-settings-as-json"), pretty(&attachment.settings));
            let href = links::attachment_act(&place.to, &attachment.name, "settings");
            let acts = vec![
                Act::link(say!("policies-module-change-as-a-form"), href.clone(), Icon::Pencil),
                Act::link(
                    say!("policies-module-change-as-json"),
                    links::asked(&href, &[("as", Some("json"))]),
                    Icon::Module,
                ),
            ];
            let panel = Panel::new(&title, Body::Snippets(vec![json]));
            panels.push(if open { panel.acts(acts) } else { panel });
        }
    }
    let schema = pretty(&module.facts.settings_schema);
    let schema = Snippet::new(say!("policies-module-json-schema-of-the-settings"), schema);
    panels.push(
        Panel::new(say!("policies-module-settings"), Body::Snippets(vec![schema]))
            .note(say!("policies-module-what-an-attachment-of-it")),
    );
    panels
}

/// Whether an attachment is of the module now, and not only kept for a roll back.
fn is_now(shown: &AttachmentShown, module: &ModuleShown) -> bool {
    shown.attachment.module == module.facts.digest
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

/// The modules of the same name.
fn versions(viewer: &Viewer<'_>, modules: &Modules, shown: &ModuleShown) -> Panel {
    let judged = viewer.services.admin.library.judges_signatures();
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
        let signature = fared::signature(module, judged);
        Row { cells: vec![version, from, signature], marked: facts.digest == shown.facts.digest }
    };
    let mut rows: Vec<Row> = modules.versions(&shown.facts.name).map(row).collect();
    if rows.is_empty() {
        rows.push(row(shown));
    }
    let table = sort::table(viewer, "versions", Table::new(&["Version", "Uploaded", "Signature"], rows));
    Panel::new(say!("policies-module-versions"), Body::Table(table)).note(say!("policies-module-of-this-name"))
}

/// Where it is attached or kept for a roll back, as far as this person may see it.
async fn attached(
    viewer: &Viewer<'_>,
    vaults: &[Arc<Vault>],
    digest: &ModuleDigest,
) -> (Vec<Attached>, Option<String>) {
    let mut places = Vec::new();
    let mut notice = None;
    if viewer.may(&Ask::server(Action::PolicyRead)).await {
        let shown = match viewer.further() {
            Ok(ctx) => viewer.services.admin.show_policies(&ctx, None).await.ok(),
            Err(_) => None,
        };
        match shown {
            Some(shown) => places.push(Attached { to: AttachedTo::Everywhere, policies: shown.policies }),
            None => notice = Some(say!("policies-module-what-is-attached-to-all").to_owned()),
        }
    } else {
        notice = Some(say!("policies-module-what-is-attached-to-all-vaults").to_owned());
    }
    places.extend(vaults.iter().map(|vault| list::of_vault(viewer, vault)));
    for place in &mut places {
        place.policies.retain(|one| {
            let before = one.attachment.previous.as_ref();
            one.attachment.module == *digest || before.is_some_and(|before| before.module == *digest)
        });
    }
    places.retain(|place| !place.policies.is_empty());
    (places, notice)
}

/// The same as a table, with how it fared.
fn attachments(viewer: &Viewer<'_>, digest: &ModuleDigest, attached: &[Attached]) -> Panel {
    let mut rows = Vec::new();
    for place in attached {
        for shown in &place.policies {
            let AttachmentShown { attachment, runs, .. } = shown;
            let mut cells = vec![
                Cell::link(attachment.name.clone(), links::attachment(&place.to, &attachment.name)),
                Cell::text(place.to.title()),
            ];
            if attachment.module == *digest {
                cells.extend([
                    badge_cell(attachment.state, None),
                    fared::p99(runs),
                    fared::denials(shown),
                    fared::answers(attachment.state, runs),
                ]);
            } else {
                let kept = say!("policies-module-kept-for-a-roll-back").to_owned();
                let none = || Cell::None(say!("policies-module-not-asked").to_owned());
                cells.extend([badge_cell(AttachmentState::Off, Some(kept)), none(), none(), none()]);
            }
            rows.push(Row::new(cells));
        }
    }
    let body = if rows.is_empty() {
        Body::Text(vec![say!("policies-module-nowhere-that-you-may-see").to_owned()])
    } else {
        let columns = ["Attachment", "To", "State", "p99, 24 h", "Denials, 24 h", "Answers"];
        Body::Table(sort::table(viewer, "attached", Table::new(&columns, rows)))
    };
    Panel::new(say!("policies-module-attached"), body)
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
