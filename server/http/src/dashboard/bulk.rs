//! POST /vaults/{vault}/bulk-secrets: one act on several secrets of a list. Each is judged and recorded by itself, as
//! if it were done alone, and the answer tells of each what came of it: one that is refused keeps none of the others.

use std::collections::BTreeMap;

use strongroom_domain::{
    context::RequestContext,
    decision::{Denial, DenyReason},
    names::{ObjectName, VaultName},
    secret::AttributePatch,
    secrets::MAX_PAGE,
};
use strongroom_web::{Act, Body, Cell, Field, Form, Icon, Panel, PanelsPage, Row, Snippet, Table, Tone, say};

use super::{
    Failure, again,
    before_deletion::{self, Readers},
    form::{SHORT, Sent},
    frame::{Place, Viewer},
    kinds::Kind,
    links, rendered, secrets,
    snippets::{self, Commands, quoted},
    step_up, view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

const SECONDS_A_DAY: i64 = 86_400;
/// What records call it when something was done with several; with each is in the record of each.
const BULK: &str = "SecretBulk";

/// What can be done with several at once. A purge is not among them.
#[derive(Clone)]
enum Wanted {
    Enable,
    Disable,
    Delete,
    /// With its value.
    Tag(String, String),
    Untag(String),
}

/// As they are sent and shown.
pub(super) fn acts() -> [(&'static str, &'static str); 5] {
    [
        ("disable", say!("bulk-disable")),
        ("enable", say!("bulk-enable")),
        ("tag", say!("bulk-set-the-tag")),
        ("untag", say!("bulk-remove-the-tag")),
        ("delete", say!("bulk-delete-recoverable")),
    ]
}

impl Wanted {
    fn of(sent: &Sent) -> Result<Self, Problem> {
        let tag = || sent.given("tag").ok_or_else(|| Problem::bad_parameter(say!("bulk-a-tag-has-a-name")));
        match sent.text("act") {
            "enable" => Ok(Self::Enable),
            "disable" => Ok(Self::Disable),
            "delete" => Ok(Self::Delete),
            "tag" => Ok(Self::Tag(tag()?, sent.text("tag-value").to_owned())),
            "untag" => Ok(Self::Untag(tag()?)),
            _ => Err(Problem::bad_parameter(say!("bulk-there-is-no-such-act"))),
        }
    }

    /// A line of the command line for each of these.
    fn command(&self, commands: &Commands, names: &[ObjectName]) -> Snippet {
        let words = |name: &ObjectName| match self {
            Self::Enable => format!("secret update {name} --enable"),
            Self::Disable => format!("secret update {name} --disable"),
            Self::Delete => format!("secret delete {name}"),
            // There it replaces all of them.
            Self::Tag(tag, value) => format!("secret update {name} --tag {}", quoted(&format!("{tag}={value}"))),
            Self::Untag(_) => format!("secret update {name} --no-tags"),
        };
        let lines: Vec<Snippet> = names.iter().map(|name| commands.vault(&words(name))).collect();
        let note = match self {
            Self::Tag(..) => "# replaces all tags: --tag for each that is to stay\n".to_owned(),
            Self::Untag(tag) => {
                format!("# takes {} and all others away: --tag instead for each that is to stay\n", quoted(tag))
            }
            _ => String::new(),
        };
        let code: Vec<&str> = lines.iter().map(|line| line.code.as_str()).collect();
        Snippet::new(say!("bulk-command-line"), format!("{note}{}", code.join("\n")))
    }

    fn done(&self) -> &'static str {
        match self {
            Self::Enable => say!("bulk-enabled"),
            Self::Disable => say!("bulk-disabled"),
            Self::Delete => say!("bulk-deleted-recoverable"),
            Self::Tag(..) => say!("bulk-tagged"),
            Self::Untag(_) => say!("bulk-tag-removed"),
        }
    }
}

/// # Errors
/// 403 for a form that is not ours; 400 when nothing was chosen or the act is none.
pub(super) async fn act(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let vault = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    // What cannot be done as it was sent is said where it can be sent otherwise.
    let (names, wanted) = match chosen(&sent).and_then(|names| Ok((names, Wanted::of(&sent)?))) {
        Ok(read) => read,
        Err(problem) => return secrets::again(viewer, request, (&sent, &problem)).await,
    };
    // As each of them alone would: what is deleted at once takes services down, and what is enabled answers again.
    if matches!(wanted, Wanted::Delete | Wanted::Enable) && !step_up::is_proven(viewer) {
        return Ok(again::for_step_up(viewer, request).await);
    }
    if matches!(wanted, Wanted::Delete) && !sent.ticked("sure") {
        return Ok(ask(viewer, &vault, &names).await);
    }
    let (mut rows, mut done_to) = (Vec::new(), Vec::new());
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    for name in &names {
        let came = apply(viewer, &viewer.further()?, &vault, name, &wanted).await;
        match &came {
            Ok(()) => done_to.push(name),
            Err(failure) => *skipped.entry(why_not(failure)).or_default() += 1,
        }
        rows.push(row(&vault, name, &wanted, came));
    }
    let done = done_to.len();
    if done > 0 {
        viewer.note(BULK, &vault).await?;
    }
    let headline =
        say!("bulk-done-of-names-done2", done = done, names = names.len(), done2 = wanted.done().to_lowercase());
    let page = PanelsPage {
        lead: Some(say!("bulk-each-was-judged-and-recorded").to_owned()),
        acts: [Act::primary(say!("bulk-back-to-the-secrets"), links::secrets(&vault), Icon::Undo)]
            .into_iter()
            .chain(undo(viewer, &vault, &wanted, &done_to))
            .collect(),
        notices: skipped
            .into_iter()
            .map(|(why, count)| say!("bulk-count-skipped-why", count = count, why = why))
            .collect(),
        main: vec![Panel::new(say!("bulk-what-came-of-it"), Body::Table(Table::new(&["Name", "Result", "Why"], rows)))],
        aside: vec![snippets::panel(vec![wanted.command(&commands(viewer, &vault), &names)])],
        ..PanelsPage::new(viewer.shell(&Place::Secrets(vault.clone())).await, headline)
    };
    Ok(rendered(200, page.render()))
}

/// What undoes it for those that it was done to; none where that is not known, or they were deleted, which asks first and
/// is undone from their own list.
fn undo(viewer: &Viewer<'_>, vault: &VaultName, wanted: &Wanted, done_to: &[&ObjectName]) -> Option<Act> {
    let act = match wanted {
        Wanted::Enable => "disable",
        Wanted::Disable => "enable",
        Wanted::Delete | Wanted::Tag(..) | Wanted::Untag(_) => return None,
    };
    let fields = done_to.iter().map(|name| ("secret".to_owned(), name.to_string()));
    (!done_to.is_empty()).then(|| Act::Post {
        label: say!("bulk-undo").to_owned(),
        of: String::new(),
        action: links::bulk_secrets(vault),
        csrf_token: viewer.form_token(),
        icon: Some(Icon::Undo),
        fields: fields.chain([("act".to_owned(), act.to_owned())]).collect(),
    })
}

/// The secrets that were chosen.
fn chosen(sent: &Sent) -> Result<Vec<ObjectName>, Problem> {
    let mut names = Vec::new();
    for text in sent.each("secret") {
        let name = ObjectName::parse(text).map_err(|_| Problem::bad_parameter(say!("bulk-that-is-not-the-name")))?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Err(Problem::bad_parameter(say!("bulk-no-secret-was-chosen")));
    }
    if names.len() > MAX_PAGE {
        return Err(Problem::bad_parameter(say!("bulk-at-most-max-page-secrets", max_page = MAX_PAGE)));
    }
    Ok(names)
}

async fn apply(
    viewer: &Viewer<'_>,
    ctx: &RequestContext,
    vault: &VaultName,
    name: &ObjectName,
    wanted: &Wanted,
) -> Result<(), Failure> {
    let secrets = &viewer.services.secrets;
    let patch = match wanted {
        Wanted::Delete => {
            secrets.delete(ctx, vault, name).await?;
            return Ok(());
        }
        Wanted::Enable | Wanted::Disable => {
            AttributePatch { enabled: Some(matches!(wanted, Wanted::Enable)), ..AttributePatch::default() }
        }
        // The one tag and no other: somebody else may set one at the same time.
        Wanted::Tag(tag, value) => {
            AttributePatch { retag: BTreeMap::from([(tag.clone(), Some(value.clone()))]), ..AttributePatch::default() }
        }
        Wanted::Untag(tag) => {
            AttributePatch { retag: BTreeMap::from([(tag.clone(), None)]), ..AttributePatch::default() }
        }
    };
    secrets.update(ctx, vault, name, None, &patch).await?;
    Ok(())
}

fn row(vault: &VaultName, name: &ObjectName, wanted: &Wanted, came: Result<(), Failure>) -> Row {
    let href = match (&came, wanted) {
        (Ok(()), Wanted::Delete) => links::deleted(Kind::Secret, vault),
        _ => links::secret(vault, name, None),
    };
    let [result, why] = came_of_it(wanted.done(), came);
    Row::new(vec![Cell::link(name.to_string(), href), result, why])
}

/// What came of one of several, and why.
pub(super) fn came_of_it(done: &str, came: Result<(), Failure>) -> [Cell; 2] {
    match came {
        Ok(()) => [Cell::badge(Tone::Good, Icon::Check, done), Cell::None(say!("bulk-nothing-to-add").to_owned())],
        Err(Failure::Denied(denial)) => [
            Cell::badge(Tone::Bad, Icon::Ban, say!("bulk-denied")),
            Cell::link(told(&denial), links::why(denial.request_id)),
        ],
        Err(failure @ Failure::Problem(_)) => {
            [Cell::badge(Tone::Warn, Icon::Failed, say!("bulk-not-done")), Cell::text(why_not(&failure))]
        }
    }
}

/// Why one was not done, in a sentence.
fn why_not(failure: &Failure) -> String {
    match failure {
        Failure::Denied(denial) => told(denial),
        Failure::Problem(problem) => problem.message.lines().next().unwrap_or_default().to_owned(),
    }
}

/// Why one was denied, in the words of the policy where one says it.
fn told(denial: &Denial) -> String {
    match &denial.reason {
        DenyReason::Policy { sentence, .. } => sentence.clone(),
        reason => say!("bulk-denied-code", code = reason.told().code()),
    }
}

fn commands(viewer: &Viewer<'_>, vault: &VaultName) -> Commands {
    Commands::of_vault(viewer.services, vault)
}

/// The page that asks before several are deleted.
async fn ask(viewer: &Viewer<'_>, vault: &VaultName, names: &[ObjectName]) -> Response {
    let count = names.len();
    let what = if count == 1 { say!("bulk-one-secret").to_owned() } else { say!("bulk-count-secrets", count = count) };
    let mut fields = vec![Field::hidden("act", "delete"), Field::hidden("sure", "yes")];
    fields.extend(names.iter().map(|name| Field::hidden("secret", name.to_string())));
    let form = Form {
        action: links::bulk_secrets(vault),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("bulk-delete-what-recoverable", what = what),
        danger: true,
        cancel_href: Some(links::secrets(vault)),
        ..Form::default()
    };
    let readers = match before_deletion::is_open(viewer).await {
        true => before_deletion::readers_now(viewer, vault).await.map_err(|_| say!("bulk-readers-could-not-be-read")),
        false => Err(say!("bulk-readers-are-hidden")),
    };
    let listed = names.iter().map(|name| {
        let read_by = |readers: &Readers| readers.cell(name.as_str());
        let readers = readers.as_ref().map_or_else(|why| Cell::None((*why).to_owned()), read_by);
        Row::new(vec![Cell::link(name.to_string(), links::secret(vault, name, None)), readers])
    });
    let table = Table::new(&["Name", "Readers, 24 h"], listed.collect());
    let vaults = viewer.vaults().await;
    let days = vaults.iter().find(|known| known.name == *vault).map(|known| known.settings.retention_days);
    let lead = match days {
        Some(days) => {
            let until = view::moment(viewer.now() + i64::from(days) * SECONDS_A_DAY).text;
            say!("bulk-they-can-be-recovered-until-date", until = until)
        }
        None => say!("bulk-they-can-be-recovered-until").to_owned(),
    };
    let page = PanelsPage {
        lead: Some(lead),
        main: vec![
            Panel::new(say!("bulk-which"), Body::Table(table)),
            Panel::new(say!("bulk-delete"), Body::Form(form)),
        ],
        aside: vec![snippets::panel(vec![Wanted::Delete.command(&commands(viewer, vault), names)])],
        ..PanelsPage::new(
            viewer.shell(&Place::Secrets(vault.clone())).await,
            say!("bulk-delete-what-of-vault", what = what, vault = vault),
        )
    };
    rendered(200, page.render())
}
