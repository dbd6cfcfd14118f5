//! Why something was decided, or would be. GET /why asks about a request that nobody makes; GET /why/{id} tells of a
//! recorded one: as it was, as it would be now, or with something else in it. The same use cases as `POST
//! /api/v1/vaults/{vault}/why`, gated and on record alike; whoever was denied and may not read records is told what the
//! denial told them ([`own`]).

mod asked;
mod elsewhere;
mod own;
mod told;

use strongroom_domain::{
    action::Action,
    admin::{About, Described, Explained, WouldAllow},
    decision::{Stage, StageEffect},
    gate::{Ask, Foreseen},
    names::VaultName,
    policy::ModuleDigest,
    record::Record,
};
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Snippet, Tab, Tone, say};

pub(super) use asked::Asked;
use told::Course;

use super::{
    Failure,
    access::known::Known,
    audit, entry,
    entry::Named,
    frame::{Place, Viewer},
    links,
    offers::Offers,
    refusal::{self, Refusal},
    rendered,
    snippets::{self, Commands},
    untold::{self, Asking},
    view, would_allow,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Decisions that are asked again for each change.
const LAST: usize = 200;
/// Ways to look at a recorded decision, as they stand in the address.
const RECORDED: &str = "recorded";
const NOW: &str = "now";
const WHAT_IF: &str = "what-if";
/// Most modules that a decision leads to the test bench of.
const BENCHES: usize = 4;

/// Every stage of a record with all that it says.
pub(super) fn stages(record: &Record) -> Panel {
    Course::of(record).stages()
}

/// GET /why[?issuer=&subject=&client_id=&action=&vault=&name=...]
///
/// # Errors
/// The gate's denial, or why nothing can be foreseen.
pub(super) async fn ask(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let asked = Asked::of(request);
    if asked.is_empty() {
        return Ok(question(viewer, &asked, None, None).await);
    }
    let (vault, described) = match asked.read(viewer) {
        Ok(read) => read,
        Err(stopped) => return Ok(question(viewer, &asked, None, Some(&stopped.refusal()?)).await),
    };
    let (admin, ctx) = (&viewer.services.admin, &viewer.call.ctx);
    let explained = if request.has_query("would-allow") {
        admin.explain(ctx, &vault, &About::Described(Box::new(described)), LAST).await
    } else {
        let foreseen = admin.foresee(ctx, &vault, &described).await;
        foreseen.map(|foreseen| Explained { described, foreseen, would_allow: WouldAllow::default() })
    };
    match explained {
        Ok(explained) => {
            let further = request.has_query("would-allow");
            Ok(question(viewer, &asked, Some((&vault, &explained, further)), None).await)
        }
        Err(why) => Ok(question(viewer, &asked, None, Some(&Refusal::of(why.into())?)).await),
    }
}

/// The form, below the answer if there is one.
async fn question(
    viewer: &Viewer<'_>,
    asked: &Asked,
    answer: Option<(&VaultName, &Explained, bool)>,
    refusal: Option<&Refusal>,
) -> Response {
    let place = Place::Why;
    let mut offers = Offers::new(viewer, &place);
    offers.open(&Ask::server(Action::DecisionForesee), say!("why-to-ask-why")).await;
    let (_, cannot) = offers.told();
    let commands = Commands::of_installation(viewer.services);
    let mut page = PanelsPage { cannot, ..PanelsPage::new(viewer.shell(&place).await, say!("why-why-is-it-so")) };
    match answer {
        None => page.lead = Some(say!("why-ask-what-the-gate-would-say").to_owned()),
        Some((vault, explained, would)) => {
            let Explained { described, foreseen, .. } = explained;
            let trace = whole(foreseen);
            let course = Course { trace: &trace, micros: &foreseen.module_micros };
            page.headline = course.headline();
            page.badges = vec![outcome(course)];
            page.lead = Some(about(described, vault));
            page.acts = benches(&trace, |digest| asked.address(&links::module_act(digest, "try"), &[]));
            page.main.extend([course.rail(), course.stages()]);
            if would {
                page.main.extend(would_allow::told(viewer, vault, explained));
            } else if foreseen.denied.is_some() {
                let href = asked.address(links::WHY, &[("would-allow", Some("yes"))]);
                page.main.push(would_allow::offered(href));
            }
        }
    }
    let form = asked.form(&Known::of(viewer, None).await, &vaults(viewer).await);
    let form = refusal::form(viewer, form, refusal).await;
    page.main.push(Panel::new(say!("why-question"), Body::Form(form)));
    let vault = answer.map_or("NAME", |(vault, ..)| vault.as_str());
    let mut copy: Vec<Snippet> = match answer {
        Some(_) => asked.command().map(|command| commands.server(&command)).into_iter().collect(),
        None => vec![commands.server("policy why --help")],
    };
    let body = asked.body().ok().filter(|_| answer.is_some()).map(|body| body.to_string());
    copy.push(commands.curl_server("POST", &format!("/api/v1/vaults/{vault}/why"), body.as_deref()));
    page.aside.push(snippets::panel(copy));
    refusal::answer(&page, refusal)
}

/// GET /why/{id}[?mode=&would-allow=]
///
/// # Errors
/// The gate's denial, or why the decision cannot be shown.
pub(super) async fn decision(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return own::show(viewer).await;
    }
    let mode = request.query("mode").unwrap_or(RECORDED);
    if ![RECORDED, NOW, WHAT_IF].contains(&mode) {
        return Err(Problem::bad_parameter(say!("why-there-is-no-such-mode")).into());
    }
    let record = match entry::named(viewer).await? {
        Named::One(record) => record,
        Named::Other(page) => return Ok(page),
    };
    let again = Again::of(viewer, &record);
    let asking = match record.vault.as_deref().and_then(|vault| VaultName::parse(vault).ok()) {
        Some(vault) => untold::asking(viewer, &vault).await,
        None => Asking::Open,
    };
    let mut page = of_record(viewer, &record, mode, again.as_ref(), &asking).await;
    match (mode, &again) {
        (NOW, Some(again)) => now(viewer, &record, again, &mut page).await?,
        (WHAT_IF, Some(again)) => {
            let form = again.asked.form(&Known::of(viewer, None).await, &vaults(viewer).await);
            page.main.push(Panel::new(say!("why-question"), Body::Form(form)));
        }
        _ => {
            let course = Course::of(&record);
            page.main.extend([course.rail(), course.stages()]);
            page.aside.extend(elsewhere::panel(viewer, &record).await);
        }
    }
    if mode != WHAT_IF {
        page.main.extend(would_allow::panels(viewer, request, &record, &asking).await?);
    }
    Ok(rendered(200, page.render()))
}

/// The request of a record, where somebody can make it again.
struct Again {
    vault: VaultName,
    asked: Asked,
}

impl Again {
    fn of(viewer: &Viewer<'_>, record: &Record) -> Option<Self> {
        let vault = record.vault.as_deref().and_then(|vault| VaultName::parse(vault).ok())?;
        let described = Described::of(record)?;
        let asked = Asked::of_described(&described, &vault, &viewer.services.objects.gate.own_issuer);
        Some(Self { vault, asked })
    }
}

/// What every way to look at a record has.
async fn of_record(
    viewer: &Viewer<'_>,
    record: &Record,
    mode: &str,
    again: Option<&Again>,
    asking: &Asking,
) -> PanelsPage {
    let id = record.id;
    let commands = Commands::of_installation(viewer.services);
    let (tone, icon, word) = view::outcome(record);
    let names = audit::names(viewer, std::iter::once(record)).await;
    let mut facts = vec![
        Fact {
            name: say!("why-who").to_owned(),
            value: audit::who(record, &viewer.services.objects.gate.own_issuer, &names),
        },
        Fact::text(say!("why-does"), record.operation.clone()),
        Fact::text(say!("why-to"), audit::object(record)),
    ];
    let given = [
        (say!("why-from"), Some(record.client.clone()).filter(|client| !client.is_empty())),
        (say!("why-listener"), Some(record.listener.clone()).filter(|listener| !listener.is_empty())),
        (say!("why-answered"), record.status.map(|status| status.to_string())),
    ];
    facts.extend(given.into_iter().filter_map(|(name, value)| Some(Fact::text(name, value?))));
    facts.push(Fact::moment(say!("why-at"), Some(view::moment_millis(record.at)), ""));
    facts.push(Fact::text(say!("why-took"), format!("{} µs", view::grouped(record.duration_micros))));
    facts.push(Fact::code(say!("why-reason"), record.reason.clone()));
    facts.push(Fact { name: say!("why-record").to_owned(), value: Cell::link(id.to_string(), links::entry(id)) });
    let mut copy = vec![commands.server(&format!("policy why {id}"))];
    if let Some(again) = again {
        let command = again.asked.command().filter(|_| mode != RECORDED);
        copy.extend(command.map(|command| commands.server(&command).labelled(say!("why-as-things-are-now"))));
    }
    copy.push(commands.curl_server("GET", &format!("/api/v1/audit?id={id}"), None));
    let tab = |label: &str, other: &str| Tab {
        label: label.to_owned(),
        href: if other == RECORDED { links::why(id) } else { links::why_as(id, other) },
        current: other == mode,
    };
    let mut tabs = Vec::new();
    if again.is_some() && (asking.is_open() || mode != RECORDED) {
        tabs.extend([
            tab(say!("why-recorded"), RECORDED),
            tab(say!("why-now"), NOW),
            tab(say!("why-what-if"), WHAT_IF),
        ]);
    }
    let mut acts = benches(&record.trace, |digest| {
        links::asked(&links::module_act(digest, "try"), &[("decision", Some(&id.to_string()))])
    });
    let mut cannot = Vec::new();
    match asking {
        Asking::Open => {}
        Asking::Closed(sentences) => cannot.extend(sentences.iter().cloned()),
        Asking::ByModule => {
            let vault = record.vault.as_deref().unwrap_or_default();
            cannot.push(say!("why-a-module-refuses-to-tell", vault = vault));
            // Who asks all the same is told by which module, with the decision.
            let not = Act::link(say!("why-why-not"), links::why_as(id, NOW), Icon::Unknown);
            acts.extend((mode == RECORDED && again.is_some()).then_some(not));
        }
    }
    PanelsPage {
        badges: vec![(tone, icon, word.to_owned())],
        lead: Some(say!("why-operation-on-object", operation = record.operation, object = audit::object(record))),
        acts,
        cannot,
        tabs,
        aside: vec![Panel::new(say!("why-decision"), Body::Facts(facts)), snippets::panel(copy)],
        ..PanelsPage::new(viewer.shell(&Place::Why.below(id.to_string())).await, Course::of(record).headline())
    }
}

/// The recorded stages beside those that the gate foresees now.
async fn now(viewer: &Viewer<'_>, record: &Record, again: &Again, page: &mut PanelsPage) -> Result<(), Failure> {
    let found = viewer.services.admin.foresee_again(&viewer.further()?, &again.vault, record.id).await;
    match found {
        Ok((_, foreseen)) => {
            let trace = whole(&foreseen);
            let course = Course { trace: &trace, micros: &foreseen.module_micros };
            page.headline = say!("why-now-headline", headline = course.headline());
            page.badges.push(outcome(course));
            page.main.extend([course.rail(), told::beside(Course::of(record), course), course.stages()]);
        }
        // Who may read records need not see the roles of the vault, and the vault may be gone.
        Err(why) => page.main.push(untold::panel(say!("why-now"), &again.vault, why)),
    }
    Ok(())
}

/// The stages of the gate, and behind them the state of the object.
fn whole(foreseen: &Foreseen) -> Vec<Stage> {
    foreseen.trace.iter().chain(&foreseen.state).cloned().collect()
}

/// What would come of a request that nobody makes.
fn outcome(course: Course<'_>) -> (Tone, Icon, String) {
    let word = match course.stopped() {
        None => say!("why-would-be-allowed"),
        Some(stage) if stage.stage == "state" => say!("why-would-fail"),
        Some(_) => say!("why-would-be-denied"),
    };
    let icon = if course.stopped().is_some() { Icon::Ban } else { Icon::Check };
    (Tone::Planned, icon, word.to_owned())
}

fn about(described: &Described, vault: &VaultName) -> String {
    let object = match &described.name {
        Some(name) => format!("{vault}/{name}"),
        None => vault.to_string(),
    };
    let (operation, who) = (described.action.operation(), &described.principal.id.subject);
    say!("why-if-who-asked-for-operation", who = who, operation = operation, object = object)
}

/// Ways to the test bench of each module that was asked, filled in with the request.
fn benches(trace: &[Stage], href: impl Fn(&ModuleDigest) -> String) -> Vec<Act> {
    let asked = trace.iter().filter(|stage| stage.effect != StageEffect::NotAsked).filter_map(|stage| {
        let name = stage.stage.strip_prefix("policy:").or_else(|| stage.stage.strip_prefix("shadow:"))?;
        let digest = stage.detail.as_deref()?.split(' ').next()?.parse::<ModuleDigest>().ok()?;
        Some(Act::link(&say!("why-save-as-test-case-of", name = name), href(&digest), Icon::Try))
    });
    asked.take(BENCHES).collect()
}

/// The vaults that whoever looks may see, as a field offers them.
async fn vaults(viewer: &Viewer<'_>) -> Vec<(String, String)> {
    viewer.vaults().await.iter().map(|vault| (vault.name.to_string(), String::new())).collect()
}
