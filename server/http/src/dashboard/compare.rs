//! An earlier version of a secret beside the current one, or beside any other: what changed, and never a value, nor the name of a
//! field that is no plain word, because it may be a value as well. Both are read for it, which are reads like any
//! other.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_crypto::SecretText;
use strongroom_domain::{
    names::{ObjectVersion, VaultName},
    secret::{OpenedSecret, SecretItem, VersionMeta},
};
use strongroom_web::{Act, Body, Cell, Choice, Field, FieldKind, Form, Icon, Panel, PanelsPage, Row, Table, Tone, say};

use super::{
    Failure,
    form::{SHORT, Sent},
    frame::{Place, Viewer},
    kinds::Kind,
    links, rendered,
    secret::Named,
    secret_fields,
    snippets::{self, Commands},
    view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// What the records of the two reads say why; whoever reads the log has one language.
const WITH_CURRENT: &str = "compared with the current version";
/// See [`WITH_CURRENT`].
const WITH_EARLIER: &str = "compared with an earlier version";
const WITH_ANOTHER: &str = "compared with another version";
/// Most fields that are listed.
const MOST_FIELDS: usize = 200;

/// What became of a field, or of a whole value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Same,
    Changed,
    Added,
    Removed,
}

impl Change {
    fn badge(self) -> Cell {
        match self {
            Self::Same => Cell::badge(Tone::Plain, Icon::Check, say!("compare-same")),
            Self::Changed => Cell::badge(Tone::Warn, Icon::Pencil, say!("compare-changed")),
            Self::Added => Cell::badge(Tone::Good, Icon::Plus, say!("compare-only-in-the-current-one")),
            Self::Removed => Cell::badge(Tone::Bad, Icon::Trash, say!("compare-only-in-the-earlier-one")),
        }
    }
}

/// The fields of a JSON object, each as it is written. None for what is no object.
fn fields(value: &SecretText) -> Option<BTreeMap<String, &serde_json::value::RawValue>> {
    serde_json::from_str(value.expose()).ok()
}

/// What changed from one value to another: by field where both are JSON objects, else as a whole (no name).
fn changes(before: &SecretText, after: &SecretText) -> Vec<(Option<String>, Change)> {
    let whole = || match before.expose() == after.expose() {
        true => Change::Same,
        false => Change::Changed,
    };
    let (Some(old), Some(new)) = (fields(before), fields(after)) else { return vec![(None, whole())] };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &&String| match (old.get(*name), new.get(*name)) {
        (Some(old), Some(new)) if old.get() == new.get() => Change::Same,
        (Some(_), Some(_)) => Change::Changed,
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
    };
    names.iter().take(MOST_FIELDS).map(|name| (Some((*name).clone()), change(name))).collect()
}

/// How a field is called on the page.
fn shown(name: &str) -> Cell {
    match secret_fields::is_plain(name) {
        true => Cell::Code(name.to_owned()),
        false => Cell::text(say!("compare-a-field-whose-name-is")),
    }
}

/// POST /vaults/{vault}/secrets/{name}/{version}/compare: with the current version, or with another one that is named.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial of either read, or why one of them cannot be read.
pub(super) async fn with_current(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, version } = Named::of(viewer)?;
    let version = version.ok_or_else(Problem::no_route)?;
    let other = sent.given("with").map(|with| ObjectVersion::parse(&with)).transpose();
    let other = other.map_err(|_| Problem::bad_parameter(say!("compare-that-is-no-version")))?;
    let [why, why_too] = if other.is_some() { [WITH_ANOTHER; 2] } else { [WITH_CURRENT, WITH_EARLIER] };
    let ctx = &viewer.call.ctx;
    ctx.state_reason(why).map_err(|_| Problem::internal())?;
    let one = viewer.services.secrets.get(ctx, &vault, &name, Some(&version)).await?;
    let further = viewer.further()?;
    further.state_reason(why_too).map_err(|_| Problem::internal())?;
    let two = viewer.services.secrets.get(&further, &vault, &name, other.as_ref()).await?;
    // From the earlier to the later one, whichever was asked for first.
    let (before, after) = if one.meta.ordinal <= two.meta.ordinal { (one, two) } else { (two, one) };
    let found = changes(&before.value, &after.value);
    let OpenedSecret { secret, meta: later, .. } = after;
    let earlier = before.meta;
    let to_current = secret.current == later.version;
    let changed = found.iter().filter(|(_, change)| *change != Change::Same).count();
    let rows = found.into_iter().map(|(field, change)| {
        let field = field.map_or_else(|| Cell::text(say!("compare-the-whole-value")), |name| shown(&name));
        Row::new(vec![field, Cell::None("hidden".to_owned()), change.badge()])
    });
    let value = Table::new(&["Field", "Value", "Change"], rows.collect());
    let attributes = attributes(&earlier, &later);
    let place = Place::Secret(vault.clone(), secret.name.clone(), None).below(say!("compare-compare"));
    let later_version = (!to_current).then_some(&later.version);
    let headline = match changed {
        0 => say!("compare-the-values-of-name-are", name = secret.name),
        1 => say!("compare-one-part-of-name-changed", name = secret.name),
        count => say!("compare-count-parts-of-name-changed", count = count, name = secret.name),
    };
    let (created, created2) = (view::moment(earlier.created).text, view::moment(later.created).text);
    let lead = if to_current {
        say!("compare-from-the-version-of-created", created = created, created2 = created2)
    } else {
        say!(
            "compare-from-one-version-to-another",
            earlier = earlier.ordinal,
            created = created,
            later = later.ordinal,
            created2 = created2
        )
    };
    let commands = Commands::of_vault(viewer.services, &vault);
    let read = |version: &ObjectVersion| commands.vault(&format!("secret get {name} --version {version}"));
    let read_later = match later_version {
        Some(version) => read(version).labelled(say!("compare-read-the-later-version")),
        None => commands.vault(&format!("secret get {name}")).labelled(say!("compare-read-the-current-version")),
    };
    let acts = vec![
        Act::link(
            say!("compare-show-the-earlier-one"),
            links::secret(&vault, &secret.name, Some(&earlier.version)),
            Icon::Undo,
        ),
        Act::link(
            if to_current { say!("compare-show-the-current-one") } else { say!("compare-show-the-later-one") },
            links::secret(&vault, &secret.name, later_version),
            Icon::Lock,
        ),
    ];
    let aside = vec![
        with_another(viewer, &vault, &SecretItem { secret: secret.clone(), version: later.clone() }, &version).await,
        snippets::panel(vec![read(&earlier.version).labelled(say!("compare-read-the-older-version")), read_later]),
    ];
    let page = PanelsPage {
        lead: Some(lead),
        acts,
        main: vec![
            Panel::new(say!("compare-value"), Body::Table(value)).foot(say!("compare-both-versions-were-read-for")),
            Panel::new(say!("compare-attributes"), Body::Table(attributes)),
        ],
        aside,
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    Ok(rendered(200, page.render()))
}

/// Which attributes changed.
fn attributes(earlier: &VersionMeta, later: &VersionMeta) -> Table {
    let (before, after) = (&earlier.attributes, &later.attributes);
    let same = [
        (say!("compare-content-type"), before.content_type == after.content_type),
        (say!("compare-enabled"), before.enabled == after.enabled),
        (say!("compare-not-before"), before.not_before == after.not_before),
        (say!("compare-expires"), before.expires == after.expires),
        (say!("compare-tags"), before.tags == after.tags),
    ];
    let rows = same.into_iter().map(|(name, same)| {
        Row::new(vec![Cell::text(name), if same { Change::Same.badge() } else { Change::Changed.badge() }])
    });
    Table::new(&["Attribute", "Change"], rows.collect())
}

/// The form that compares a version with one of the others.
async fn with_another(viewer: &Viewer<'_>, vault: &VaultName, item: &SecretItem, version: &ObjectVersion) -> Panel {
    let name = &item.secret.name;
    let (versions, partial) = Kind::Secret.versions(viewer, vault, item).await;
    let choice = |other: &SecretItem| {
        let (ordinal, day) = (other.version.ordinal, view::day(other.version.created));
        Choice {
            value: other.version.version.to_string(),
            label: say!("compare-version-of-day", ordinal = ordinal, day = day),
            chosen: other.version.version == item.version.version,
        }
    };
    let others = versions.iter().filter(|other| other.version.version != *version && other.version.attributes.enabled);
    let form = Form {
        action: links::secret_act(vault, name, Some(version), "compare"),
        csrf_token: Some(viewer.form_token()),
        fields: vec![
            Field::new("with", say!("compare-other-version"), FieldKind::Choice(others.map(choice).collect()))
                .required(),
        ],
        submit: say!("compare-compare").to_owned(),
        ..Form::default()
    };
    let panel = Panel::new(say!("compare-with-another-version"), Body::Form(form));
    partial.into_iter().fold(panel, |panel, partial| panel.foot(partial))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(before: &str, after: &str) -> Vec<(Option<String>, Change)> {
        changes(&SecretText::new(before.to_owned()), &SecretText::new(after.to_owned()))
    }

    #[test]
    fn objects_are_compared_by_field_and_the_rest_as_a_whole() {
        let found = of(r#"{"a":1,"b":"x","c":null}"#, r#"{"b":"y","a":1,"d":[1]}"#);
        let found: Vec<_> = found.iter().map(|(name, change)| (name.as_deref().unwrap(), *change)).collect();
        assert_eq!(found, [("a", Change::Same), ("b", Change::Changed), ("c", Change::Removed), ("d", Change::Added)]);
        for (before, after, change) in
            [("x", "x", Change::Same), ("x", "{}", Change::Changed), ("[1]", "[2]", Change::Changed)]
        {
            assert_eq!(of(before, after), [(None, change)]);
        }
        assert!(of("{}", "{}").is_empty());
    }

    #[test]
    fn a_name_that_may_be_a_value_is_not_shown() {
        let is_shown = |name: &str| matches!(shown(name), Cell::Code(_));
        assert!(is_shown("db.password") && is_shown("API_KEY-2") && is_shown(&"a".repeat(40)));
        for hidden in ["", "p4ss word", "user:secret", "пароль", "a/b", "a\nb", &"a".repeat(41)] {
            assert!(!is_shown(hidden), "{hidden}");
        }
    }
}
