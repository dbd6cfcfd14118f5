//! Importing a `.env` file: first it is shown what would become of each name, and nothing is changed; then what was ticked
//! is stored, one secret after the other by the use case that stores one. Each is judged and recorded by itself, and one
//! that is refused keeps none of the others.
//!
//! Between the two the file is with the browser, sealed ([`passing`]). Must never show a value, nor how long one is: what is
//! there already is compared here, which is a read like any other, and only whether it is the same is told.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_crypto::SecretText;
use strongroom_domain::{
    action::Action,
    admin::Ahead,
    dotenv::{self, Entry},
    gate::{Ask, Proposed},
    names::{ObjectName, VaultName},
    secret::{MAX_VALUE_BYTES, SecretAttributes},
    secrets::{MAX_PAGE, SecretError},
};
use strongroom_web::{
    Act, Body, Cell, Field, FieldKind, Form, Icon, Panel, PanelsPage, Row, Snippet, Table, Tone, say,
};
use zeroize::Zeroizing;

use super::{
    Failure, bulk,
    form::{LONG, Sent},
    frame::{Place, Viewer},
    kinds::Kind,
    links,
    multipart::Parts,
    passing,
    refusal::{self, Refusal},
    rendered,
    secret_forms::vault,
    snippets::{self, Commands},
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// What a file under way is sealed as.
const LABEL: &str = "secret-import";
/// What the record of such a read says why; whoever reads the log has one language.
const COMPARED: &str = "compared before an import";
/// What records call it when something was stored; each is in a record of its own.
const IMPORT: &str = "SecretImport";
/// Longest file in bytes: it comes back with the second form.
const MAX_FILE: usize = 64 * 1024;
/// Most names: each that is there already is read to be compared.
const MAX_NAMES: usize = 100;
/// Pages of deleted names that are looked through for one that is taken.
const DELETED_PAGES: usize = 4;
/// What the box of an entry is called, before its place.
const TAKE: &str = "take-";
/// What says, by the places of entries, at which revision the secret of the name was when it was looked at; 0 for none.
const HELD: &str = "held";

/// What would become of a name.
enum Step {
    New,
    /// With the revision that was seen, where it was.
    NewVersion(Option<i64>),
    /// Whether it is there, or what it holds, is hidden from the viewer; the revision that was seen, if it was.
    Unseen(&'static str, Option<i64>),
    Same,
    Refused(String),
}

impl Step {
    fn is_open(&self) -> bool {
        matches!(self, Self::New | Self::NewVersion(_) | Self::Unseen(..))
    }

    /// The revision that what is stored follows upon, as far as it is known.
    fn held(&self) -> Option<i64> {
        match self {
            Self::New => Some(0),
            Self::NewVersion(revision) | Self::Unseen(_, revision) => *revision,
            Self::Same | Self::Refused(_) => None,
        }
    }

    fn cells(&self) -> [Cell; 2] {
        let nothing = || Cell::None(say!("secret-import-nothing-to-add").to_owned());
        match self {
            Self::New => [Cell::badge(Tone::Planned, Icon::Plus, say!("secret-import-new")), nothing()],
            Self::NewVersion(_) => {
                [Cell::badge(Tone::Planned, Icon::Pencil, say!("secret-import-new-version")), nothing()]
            }
            Self::Unseen(why, _) => {
                [Cell::badge(Tone::Planned, Icon::Unknown, say!("secret-import-stored")), Cell::text(*why)]
            }
            Self::Same => [Cell::badge(Tone::Plain, Icon::Check, say!("secret-import-same")), nothing()],
            Self::Refused(why) => {
                [Cell::badge(Tone::Bad, Icon::Ban, say!("secret-import-refused")), Cell::text(why.clone())]
            }
        }
    }

    /// What is said beside the box of one that would be stored.
    fn words(&self) -> &'static str {
        match *self {
            Self::New => say!("secret-import-new"),
            Self::Unseen(why, _) => why,
            _ => say!("secret-import-new-version"),
        }
    }
}

/// An entry with the secret that it becomes.
struct Planned {
    entry: Entry,
    /// As it is written in the vault.
    secret: String,
    /// None where it cannot be the name of a secret, or is another entry's.
    name: Result<ObjectName, String>,
}

/// The names that the entries get.
fn planned(entries: Vec<Entry>) -> Vec<Planned> {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let plan = |entry: Entry| {
        let secret = entry.secret("");
        // Names of secrets do not tell upper case from lower case.
        let twin = seen.get(&secret.to_ascii_lowercase()).cloned();
        let name = match (ObjectName::parse(&secret), twin) {
            (Err(error), _) => Err(format!("{error}.")),
            (Ok(_), Some(other)) => Err(say!("secret-import-other-would-be-the-same", other = other)),
            (Ok(name), None) => Ok(name),
        };
        seen.insert(secret.to_ascii_lowercase(), entry.name.clone());
        Planned { entry, secret, name }
    };
    entries.into_iter().map(plan).collect()
}

/// The text of a file, if it is one that is read.
fn read(bytes: &[u8]) -> Result<Vec<Planned>, String> {
    if bytes.len() > MAX_FILE {
        return Err(say!("secret-import-it-is-longer-than-bytes", most = MAX_FILE));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| say!("secret-import-it-is-no-text").to_owned())?;
    let entries = dotenv::parse(text).map_err(|trouble| say!("secret-import-trouble", trouble = trouble))?;
    match entries.len() {
        0 => Err(say!("secret-import-there-is-no-name-in-it").to_owned()),
        count if count > MAX_NAMES => Err(say!("secret-import-it-has-more-than-names", most = MAX_NAMES)),
        _ => Ok(planned(entries)),
    }
}

/// GET /vaults/{vault}/import-secrets
///
/// # Errors
/// 404 for what is no vault's name.
pub(super) async fn form(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    Ok(form_page(viewer, &vault(viewer)?, None).await)
}

/// POST /vaults/{vault}/import-secrets: what would become of each name. Nothing is changed.
///
/// # Errors
/// 403 for a form that is not ours, or why what is there cannot be looked at.
pub(super) async fn look(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let parts = Parts::accept(viewer, request)?;
    let vault = vault(viewer)?;
    let given = |part| parts.file(part).filter(|bytes| !bytes.is_empty());
    let refused = |field: &str, words: &str| Refusal::of_field(field, words);
    let (field, bytes) = match (given("document"), given("pasted")) {
        (Some(_), Some(_)) => {
            let refusal = refused("pasted", say!("secret-import-either-a-file-or-a-text"));
            return Ok(form_page(viewer, &vault, Some(&refusal)).await);
        }
        (Some(bytes), None) => ("document", bytes),
        (None, Some(bytes)) => ("pasted", bytes),
        (None, None) => {
            let refusal = refused("document", say!("secret-import-choose-a-file-or-paste"));
            return Ok(form_page(viewer, &vault, Some(&refusal)).await);
        }
    };
    let planned = match read(bytes) {
        Ok(planned) => planned,
        Err(words) => return Ok(form_page(viewer, &vault, Some(&refused(field, &words))).await),
    };
    let empty = given("allow_empty").is_some();
    let deleted = deleted(viewer, &vault).await;
    let mut steps = Vec::with_capacity(planned.len());
    for one in &planned {
        steps.push(step(viewer, &vault, (&deleted, empty), one).await?);
    }
    let sealed = passing::seal(viewer, LABEL, &place(&vault), bytes)?;
    Ok(preview(viewer, &vault, (&planned, &steps), sealed, empty).await)
}

/// What a file is sealed for.
fn place(vault: &VaultName) -> String {
    format!("/vaults/{vault}/secrets")
}

/// Deleted names, as far as they may be seen: they are taken until they are purged.
async fn deleted(viewer: &Viewer<'_>, vault: &VaultName) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if !viewer.may(&Ask::secrets(Action::SecretListDeleted, vault)).await {
        return names;
    }
    let mut after: Option<ObjectName> = None;
    for _ in 0..DELETED_PAGES {
        let Ok(ctx) = viewer.further() else { break };
        let Ok((page, _)) = viewer.services.secrets.list(&ctx, vault, true, after.as_ref(), MAX_PAGE).await else {
            break;
        };
        names.extend(page.items.iter().map(|item| item.secret.name.as_str().to_owned()));
        after = page.next.as_deref().and_then(|next| ObjectName::parse(next).ok());
        if after.is_none() {
            break;
        }
    }
    names
}

async fn step(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    (deleted, empty): (&BTreeSet<String>, bool),
    one: &Planned,
) -> Result<Step, Failure> {
    let name = match &one.name {
        Ok(name) => name,
        Err(why) => return Ok(Step::Refused(why.clone())),
    };
    let value = &one.entry.value;
    if let Some(why) = unfit(value, empty) {
        return Ok(Step::Refused(why));
    }
    if deleted.contains(name.as_str()) {
        return Ok(Step::Refused(say!("secret-import-a-deleted-secret-has-the-name").to_owned()));
    }
    let attributes = anew();
    let ask = Ask { proposed: Some(Proposed::Whole(&attributes)), ..Ask::secret(Action::SecretSet, vault, name) };
    match viewer.services.admin.ahead(&viewer.call.ctx, &ask).await {
        Ahead::Open => {}
        Ahead::Obstacle(code) => return Ok(Step::Refused(say!("secret-import-not-open-to-you", code = code))),
        Ahead::ByModule => return Ok(Step::Refused(say!("secret-import-a-policy-module-refuses-it").to_owned())),
    }
    compared(viewer, vault, name, value).await
}

/// Why a value is not stored.
fn unfit(value: &Zeroizing<String>, empty: bool) -> Option<String> {
    if value.is_empty() && !empty {
        return Some(say!("secret-import-its-value-is-empty").to_owned());
    }
    (value.len() > MAX_VALUE_BYTES).then(|| say!("secret-import-its-value-is-too-long", most = MAX_VALUE_BYTES))
}

/// What is there, and whether it is the same.
async fn compared(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    name: &ObjectName,
    value: &Zeroizing<String>,
) -> Result<Step, Failure> {
    let secrets = &viewer.services.secrets;
    if viewer.may(&Ask::secret(Action::SecretGet, vault, name)).await {
        let ctx = viewer.further()?;
        ctx.state_reason(COMPARED).map_err(|_| Problem::internal())?;
        match secrets.get(&ctx, vault, name, None).await {
            Ok(found) if found.secret.managed => return Ok(Step::Refused(Kind::Secret.managed_words(name))),
            Ok(found) if found.value.expose() == value.as_str() => return Ok(Step::Same),
            Ok(found) => return Ok(Step::NewVersion(Some(found.secret.revision))),
            Err(SecretError::Disabled) => return Ok(Step::NewVersion(None)),
            Err(SecretError::NotFound(..)) => return Ok(Step::New),
            // Judged otherwise than a moment ago.
            Err(SecretError::Denied(_)) => {}
            // It holds a private key, which is read after a sign-in of just now alone.
            Err(SecretError::NeedsProof) => return Ok(Step::Refused(Kind::Secret.managed_words(name))),
            Err(error) => return Err(error.into()),
        }
    }
    if viewer.may(&Ask::secret(Action::SecretShow, vault, name)).await {
        match secrets.show(&viewer.further()?, vault, name, None).await {
            Ok((item, _)) if item.secret.managed => return Ok(Step::Refused(Kind::Secret.managed_words(name))),
            Ok((item, _)) => {
                let words = say!("secret-import-it-is-there-and-you-may-not-read-it");
                return Ok(Step::Unseen(words, Some(item.secret.revision)));
            }
            Err(SecretError::NotFound(..)) => return Ok(Step::New),
            Err(SecretError::Denied(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Step::Unseen(say!("secret-import-whether-it-is-there-is-hidden"), None))
}

/// The attributes of a secret that is new.
fn anew() -> SecretAttributes {
    SecretAttributes { enabled: true, not_before: None, expires: None, content_type: None, tags: BTreeMap::new() }
}

async fn form_page(viewer: &Viewer<'_>, vault: &VaultName, refusal: Option<&Refusal>) -> Response {
    let form = Form {
        action: links::in_vault(vault, "import-secrets", &[]),
        csrf_token: Some(viewer.form_token()),
        fields: vec![
            Field::file("document", say!("secret-import-file"), ".env,.txt")
                .hint(say!("secret-import-lines-of-name-and-value")),
            Field::new("pasted", say!("secret-import-or-its-text-pasted"), FieldKind::Secret)
                .hint(say!("secret-import-it-is-not-sent-back")),
            Field::check("allow_empty", say!("secret-import-store-empty-values"), false),
        ],
        submit: say!("secret-import-show-what-would-come-of-it").to_owned(),
        cancel_href: Some(links::secrets(vault)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let page = PanelsPage {
        lead: Some(say!("secret-import-first-it-is-shown").to_owned()),
        main: vec![
            Panel::new(say!("secret-import-file"), Body::Form(form))
                .foot(say!("secret-import-underscores-and-dots-become-hyphens")),
        ],
        aside: vec![commands(viewer, vault)],
        ..PanelsPage::new(
            viewer.shell(&here(vault)).await,
            say!("secret-import-import-secrets-into-vault", vault = vault),
        )
    };
    refusal::answer(&page, refusal)
}

fn here(vault: &VaultName) -> Place {
    Place::Secrets(vault.clone()).below(say!("secret-import-import"))
}

fn commands(viewer: &Viewer<'_>, vault: &VaultName) -> Panel {
    let commands = Commands::of_vault(viewer.services, vault);
    let labelled = |label: &str, command: &str| Snippet { label: label.to_owned(), ..commands.vault(command) };
    snippets::panel(vec![
        labelled(say!("secret-import-what-would-come-of-it"), "secret import FILE --dry-run"),
        labelled(say!("secret-import-import"), "secret import FILE"),
    ])
}

async fn preview(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    (planned, steps): (&[Planned], &[Step]),
    sealed: String,
    empty: bool,
) -> Response {
    let all = || planned.iter().zip(steps);
    let rows = all().map(|(one, step)| {
        let [would, why] = step.cells();
        Row::new(vec![Cell::text(one.entry.name.clone()), Cell::text(one.secret.clone()), would, why])
    });
    let table = Table::new(&["Variable", "Name", "Would be", "Why"], rows.collect());
    let open = all().filter(|(_, step)| step.is_open()).count();
    let same = all().filter(|(_, step)| matches!(step, Step::Same)).count();
    let refused = steps.len() - open - same;
    let mut main = vec![Panel::new(say!("secret-import-what-would-come-of-it"), Body::Table(table))];
    if open > 0 {
        let mut fields = vec![Field::hidden("sealed", sealed)];
        fields.extend(empty.then(|| Field::hidden("allow_empty", "yes")));
        let held = all().enumerate().filter_map(|(at, (_, step))| Some(format!("{at}={}", step.held()?)));
        fields.push(Field::hidden(HELD, held.collect::<Vec<_>>().join(" ")));
        let boxes = all().enumerate().filter(|(_, (_, step))| step.is_open());
        fields.extend(
            boxes.map(|(at, (one, step))| Field::check(&format!("{TAKE}{at}"), &one.secret, true).hint(step.words())),
        );
        let form = Form {
            action: links::in_vault(vault, "import-secrets/store", &[]),
            csrf_token: Some(viewer.form_token()),
            fields,
            submit: say!("secret-import-store-what-is-ticked").to_owned(),
            cancel_href: Some(links::in_vault(vault, "import-secrets", &[])),
            ..Form::default()
        };
        main.push(
            Panel::new(say!("secret-import-store-them"), Body::Form(form))
                .foot(say!("secret-import-the-file-is-kept-for-ten-minutes")),
        );
    }
    let page = PanelsPage {
        lead: Some(say!("secret-import-nothing-is-changed-yet").to_owned()),
        main,
        aside: vec![commands(viewer, vault)],
        ..PanelsPage::new(
            viewer.shell(&here(vault)).await,
            say!("secret-import-open-would-be-stored", open = open, same = same, refused = refused),
        )
    };
    rendered(200, page.render())
}

/// POST /vaults/{vault}/import-secrets/store: what was ticked, one after the other.
///
/// # Errors
/// 403 for a form that is not ours.
pub(super) async fn store(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let vault = vault(viewer)?;
    let planned = passing::open(viewer, LABEL, &place(&vault), sent.text("sealed")).and_then(|bytes| read(&bytes).ok());
    let Some(planned) = planned else {
        let refusal = Refusal::of_field("document", say!("secret-import-it-was-looked-at-too-long-ago"));
        return Ok(form_page(viewer, &vault, Some(&refusal)).await);
    };
    let empty = sent.ticked("allow_empty");
    let held = sent.text(HELD).split(' ').filter_map(|one| one.split_once('='));
    let held: BTreeMap<&str, i64> = held.filter_map(|(at, seen)| Some((at, seen.parse().ok()?))).collect();
    let taken = planned.into_iter().enumerate().filter(|(at, _)| sent.ticked(&format!("{TAKE}{at}")));
    let (mut rows, mut done) = (Vec::new(), 0_usize);
    for (at, Planned { entry, secret, name }) in taken {
        let held = held.get(at.to_string().as_str()).copied();
        let came = match name {
            Ok(name) => stored(viewer, &vault, &name, entry.value, (empty, held)).await.map(|()| name),
            Err(why) => Err(Problem::bad_parameter(why).into()),
        };
        done += usize::from(came.is_ok());
        let told = match &came {
            Ok(name) => Cell::link(secret, links::secret(&vault, name, None)),
            Err(_) => Cell::text(secret),
        };
        let [result, why] = bulk::came_of_it(say!("secret-import-stored"), came.map(|_| ()));
        rows.push(Row::new(vec![told, result, why]));
    }
    if rows.is_empty() {
        let refusal = Refusal::of_field("document", say!("secret-import-nothing-was-ticked"));
        return Ok(form_page(viewer, &vault, Some(&refusal)).await);
    }
    if done > 0 {
        viewer.note(IMPORT, &vault).await?;
    }
    let count = rows.len();
    let page = PanelsPage {
        lead: Some(say!("secret-import-each-was-judged-and-recorded").to_owned()),
        acts: vec![Act::primary(say!("secret-import-back-to-the-secrets"), links::secrets(&vault), Icon::Undo)],
        main: vec![Panel::new(
            say!("secret-import-what-came-of-it"),
            Body::Table(Table::new(&["Name", "Result", "Why"], rows)),
        )],
        aside: vec![commands(viewer, &vault)],
        ..PanelsPage::new(
            viewer.shell(&here(&vault)).await,
            say!("secret-import-done-of-count-stored", done = done, count = count),
        )
    };
    Ok(rendered(200, page.render()))
}

/// Stores one; what is there keeps its content type and its tags. What was seen when it was looked at has to be there still:
/// what somebody made or changed meanwhile is not written over.
async fn stored(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    name: &ObjectName,
    mut value: Zeroizing<String>,
    (empty, held): (bool, Option<i64>),
) -> Result<(), Failure> {
    if let Some(why) = unfit(&value, empty) {
        return Err(Problem::bad_parameter(why).into());
    }
    let secrets = &viewer.services.secrets;
    let mut attributes = anew();
    if viewer.may(&Ask::secret(Action::SecretShow, vault, name)).await
        && let Ok((item, _)) = secrets.show(&viewer.further()?, vault, name, None).await
    {
        let before = item.version.attributes;
        attributes = SecretAttributes { content_type: before.content_type, tags: before.tags, ..attributes };
    }
    let value = SecretText::new(std::mem::take(&mut *value));
    let ctx = viewer.further()?;
    if let Some(revision) = held {
        ctx.expect_revision(Action::SecretSet, revision);
    }
    secrets.set(&ctx, vault, name, &attributes, value).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_name_becomes_one_secret_or_is_refused() {
        let planned = read(b"DB_PASSWORD=x\ndb-password=y\nAPI.KEY=z\n").unwrap();
        let names: Vec<_> = planned.iter().map(|one| one.name.as_ref().map(ObjectName::to_string)).collect();
        assert_eq!(names[0], Ok("DB-PASSWORD".to_owned()));
        assert!(names[1].as_ref().unwrap_err().contains("DB_PASSWORD"));
        assert_eq!(names[2], Ok("API-KEY".to_owned()));
        assert_eq!(read(b"_=x").unwrap()[0].secret, "-");
    }

    #[test]
    fn what_is_too_much_or_nothing_is_not_read() {
        assert!(read(b"# nothing\n").is_err());
        assert!(read(&[0xff, 0xfe]).is_err());
        assert!(read(&vec![b'#'; MAX_FILE + 1]).is_err());
        let names = |count: usize| (0..count).map(|n| format!("A{n}=x\n")).collect::<String>();
        assert_eq!(read(names(MAX_NAMES).as_bytes()).unwrap().len(), MAX_NAMES);
        assert!(read(names(MAX_NAMES + 1).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_two_names_are_the_same_secret_and_no_error_holds_a_value(
            lines in proptest::collection::vec(("[a-zA-Z_][a-zA-Z0-9_.-]{0,8}", "[g-z]{9}"), 1..20)
        ) {
            let text: String = lines.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
            match read(text.as_bytes()) {
                Ok(planned) => {
                    let good: Vec<_> = planned.iter().filter_map(|one| one.name.as_ref().ok()).collect();
                    let canonical: BTreeSet<_> = good.iter().map(|name| name.as_str().to_ascii_lowercase()).collect();
                    prop_assert_eq!(good.len(), canonical.len());
                }
                Err(words) => prop_assert!(lines.iter().all(|(_, value)| !words.contains(value.as_str()))),
            }
        }
    }
}
