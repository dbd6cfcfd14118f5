//! Forms that change secrets: a new secret, a new version, attributes, roll back. A value goes in by a form and
//! never comes back by one.

use strongroom_domain::{
    action::Action,
    names::{ObjectName, ObjectVersion, VaultName},
    secret::{AttributePatch, MAX_TAGS, SecretAttributes},
};
use strongroom_web::{Body, Field, FieldKind, Form, Panel, PanelsPage, say};

use super::{
    Failure,
    form::{LONG, SHORT, Sent},
    frame::{Place, Viewer},
    links, readers, redirect,
    refusal::{self, AsOf, Refusal},
    secret::Named,
    snippets::{self, Commands},
    view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// What the record of the read says why when somebody rolls back; whoever reads the log has one language.
const ROLLED_BACK: &str = "rolled back to this version";
/// Rows for tags that a form has beyond those in use.
const SPARE_TAGS: usize = 3;

/// What the fields of a version's attributes hold.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) name: String,
    content_type: String,
    enabled: bool,
    not_before: String,
    expires: String,
    tags: Vec<(String, String)>,
    /// Whether the version has a content type.
    typed: bool,
}

impl Draft {
    pub(super) fn empty() -> Self {
        Self { enabled: true, ..Self::default() }
    }

    pub(super) fn of(attributes: &SecretAttributes) -> Self {
        Self {
            name: String::new(),
            content_type: attributes.content_type.clone().unwrap_or_default(),
            enabled: attributes.enabled,
            not_before: attributes.not_before.map(view::for_field).unwrap_or_default(),
            expires: attributes.expires.map(view::for_field).unwrap_or_default(),
            tags: attributes.tags.clone().into_iter().collect(),
            typed: attributes.content_type.is_some(),
        }
    }

    /// The same, to be enabled.
    pub(super) fn enabled(self) -> Self {
        Self { enabled: true, ..self }
    }

    pub(super) fn of_sent(sent: &Sent) -> Self {
        let tag = |index: usize| {
            let part = |part: &str| sent.text(&format!("tag-{part}-{index}")).to_owned();
            (part("name"), part("value"))
        };
        let tags = (1..=MAX_TAGS + SPARE_TAGS).map(tag).filter(|(name, value)| !name.is_empty() || !value.is_empty());
        Self {
            name: sent.text("name").to_owned(),
            content_type: sent.text("content_type").to_owned(),
            enabled: sent.ticked("enabled"),
            not_before: sent.text("not_before").to_owned(),
            expires: sent.text("expires").to_owned(),
            tags: tags.collect(),
            typed: sent.given("content-type-set").is_some(),
        }
    }

    pub(super) fn fields(self) -> Vec<Field> {
        let mut fields = vec![
            Field::line("content_type", say!("secret-forms-content-type"), self.content_type, 255)
                .hint(say!("secret-forms-free-text-for-whoever-reads")),
            Field::new("not_before", say!("secret-forms-not-before-utc"), FieldKind::Moment { value: self.not_before }),
            Field::new("expires", say!("secret-forms-expires-utc"), FieldKind::Moment { value: self.expires })
                .hint(say!("secret-forms-an-expiry-warns-and-is")),
            Field::check("enabled", say!("secret-forms-enabled"), self.enabled)
                .hint(say!("secret-forms-nobody-can-read-or-use")),
        ];
        // A field of one line cannot hold every tag; what it would change is left alone.
        if self.tags.iter().all(|(name, value)| !name.chars().chain(value.chars()).any(char::is_control)) {
            let mut tags = self.tags;
            let rows = (tags.len() + SPARE_TAGS).min(MAX_TAGS.max(tags.len()));
            tags.resize(rows, (String::new(), String::new()));
            fields.push(
                Field::new("tag", say!("secret-forms-tags"), FieldKind::Pairs(tags))
                    .hint(say!("secret-forms-policies-and-filters-go-by")),
            );
        }
        fields
    }
}

/// The attributes that a form gives.
pub(super) fn attributes(sent: &Sent) -> Result<SecretAttributes, Problem> {
    let (not_before, expires) = (
        sent.moment("not_before", say!("secret-forms-not-before"))?,
        sent.moment("expires", say!("secret-forms-the-expiry"))?,
    );
    if not_before.zip(expires).is_some_and(|(begins, ends)| begins > ends) {
        return Err(Problem::bad_parameter(say!("secret-forms-not-before-is-later-than")));
    }
    Ok(SecretAttributes {
        enabled: sent.ticked("enabled"),
        not_before,
        expires,
        content_type: sent.given("content_type"),
        tags: sent.pairs("tag", MAX_TAGS)?,
    })
}

fn value_field() -> Field {
    let hint = say!("secret-forms-up-to-25-600-bytes");
    Field::new("value", say!("secret-forms-value"), FieldKind::Secret).required().hint(hint)
}

pub(super) fn vault(viewer: &Viewer<'_>) -> Result<VaultName, Problem> {
    VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())
}

/// GET /vaults/{vault}/new-secret
///
/// # Errors
/// 404 for what is no vault's name.
pub(super) async fn new_secret(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    Ok(new_secret_page(viewer, &vault, Draft::empty(), None).await)
}

/// POST /vaults/{vault}/new-secret
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn create(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let vault = vault(viewer)?;
    match try_create(viewer, &vault, &sent).await {
        Ok(name) => Ok(redirect(links::secret(&vault, &name, None))),
        Err(failure) => {
            let refusal = Refusal::of(failure)?;
            Ok(new_secret_page(viewer, &vault, Draft::of_sent(&sent), Some(&refusal)).await)
        }
    }
}

async fn try_create(viewer: &Viewer<'_>, vault: &VaultName, sent: &Sent) -> Result<ObjectName, Failure> {
    let name = ObjectName::parse(sent.text("name")).map_err(|error| Problem::bad_parameter(format!("{error}.")))?;
    let attributes = attributes(sent)?;
    // A form says "new": what is there already is not changed by it.
    let known = viewer.further()?;
    let words = say!("secret-forms-there-is-a-secret-name", name = name);
    if viewer.services.secrets.show(&known, vault, &name, None).await.is_ok() {
        return Err(Problem { status: 409, reason: "exists", ..Problem::bad_parameter(words) }.into());
    }
    refusal::hold_new(viewer, Action::SecretSet);
    let set = viewer.services.secrets.set(&viewer.call.ctx, vault, &name, &attributes, sent.secret("value")).await;
    set.map(|set| set.secret.name).map_err(|error| refusal::or_taken(error.into(), &words))
}

async fn new_secret_page(viewer: &Viewer<'_>, vault: &VaultName, draft: Draft, refusal: Option<&Refusal>) -> Response {
    let place = Place::Secrets(vault.clone()).below(say!("secret-forms-new-secret"));
    let mut fields = vec![
        Field::line("name", say!("secret-forms-name"), draft.name.clone(), 127)
            .required()
            .hint(say!("secret-forms-1-to-127-letters-digits")),
        value_field(),
    ];
    fields.extend(draft.fields());
    let form = Form {
        action: links::new_secret(vault),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("secret-forms-create-secret").to_owned(),
        cancel_href: Some(links::secrets(vault)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let aside = vec![snippets::panel(vec![
        commands.vault("secret set NAME --value-file FILE"),
        commands.curl_vault("PUT", "/secrets/NAME", Some("@secret.json")),
    ])];
    let page = PanelsPage {
        main: vec![Panel::new(say!("secret-forms-secret"), Body::Form(form))],
        aside,
        ..PanelsPage::new(viewer.shell(&place).await, say!("secret-forms-new-secret-in-vault", vault = vault))
    };
    refusal::answer(&page, refusal)
}

/// GET /vaults/{vault}/secrets/{name}/new-version
///
/// # Errors
/// The gate's denial, or why the secret cannot be shown.
pub(super) async fn new_version(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, .. } = Named::of(viewer)?;
    let (item, _) = viewer.services.secrets.show(&viewer.call.ctx, &vault, &name, None).await?;
    // A new version begins like the current one, but not with its end.
    let draft = successor(&item.version.attributes);
    let as_of = AsOf::of(item.secret.revision);
    Ok(new_version_page(viewer, &vault, &item.secret.name, (draft, as_of), None).await)
}

fn successor(attributes: &SecretAttributes) -> Draft {
    Draft { enabled: true, not_before: String::new(), expires: String::new(), ..Draft::of(attributes) }
}

/// POST /vaults/{vault}/secrets/{name}/new-version
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn add_version(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let add = async {
        let attributes = attributes(&sent)?;
        let value = sent.secret("value");
        refusal::hold(viewer, &sent, Action::SecretSet);
        let set = viewer.services.secrets.set(&viewer.call.ctx, &vault, &name, &attributes, value).await?;
        Ok::<_, Failure>(links::secret(&vault, &set.secret.name, None))
    };
    match add.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?.keeping();
            let as_of = as_of(viewer, (&vault, &name, None), &sent, &refusal).await?;
            Ok(new_version_page(viewer, &vault, &name, (Draft::of_sent(&sent), as_of), Some(&refusal)).await)
        }
    }
}

async fn new_version_page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    name: &ObjectName,
    (draft, as_of): (Draft, AsOf),
    refusal: Option<&Refusal>,
) -> Response {
    let place = Place::Secret(vault.clone(), name.clone(), None).below(say!("secret-forms-new-version"));
    let mut fields = vec![value_field()];
    fields.extend(draft.fields());
    fields.push(as_of.field());
    let form = Form {
        action: links::secret_act(vault, name, None, "new-version"),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("secret-forms-add-version").to_owned(),
        cancel_href: Some(links::secret(vault, name, None)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let page = PanelsPage {
        lead: Some(say!("secret-forms-it-becomes-the-current-version").to_owned()),
        main: [Panel::new(say!("secret-forms-version"), Body::Form(form))].into_iter().chain(as_of.panel()).collect(),
        aside: vec![
            readers::panel(viewer, vault, name).await.note(say!("secret-forms-they-get-it-at-their-next-read")),
            snippets::panel(vec![
                commands.vault(&format!("secret set {name} --value-file FILE")),
                commands.curl_vault("PUT", &format!("/secrets/{name}"), Some("@secret.json")),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, say!("secret-forms-new-version-of-name", name = name))
    };
    refusal::answer(&page, refusal)
}

/// GET /vaults/{vault}/secrets/{name}/{version}/edit
///
/// # Errors
/// The gate's denial, or why the version cannot be shown.
pub(super) async fn edit(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, version } = Named::of(viewer)?;
    let (item, _) = viewer.services.secrets.show(&viewer.call.ctx, &vault, &name, version.as_ref()).await?;
    let (draft, as_of) = (Draft::of(&item.version.attributes), AsOf::of(item.secret.revision));
    Ok(edit_page(viewer, &Named { vault, name: item.secret.name, version }, (draft, as_of), None).await)
}

/// POST /vaults/{vault}/secrets/{name}/{version}/edit
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn change(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let named = Named::of(viewer)?;
    let change = async {
        let SecretAttributes { enabled, not_before, expires, tags, .. } = attributes(&sent)?;
        // Without its fields a form says nothing about tags.
        let tags = sent.given("tags-shown").map(|_| tags);
        // Emptied by hand; what was never set is not set to nothing.
        let emptied = sent.given("content-type-set").map(|_| String::new());
        let content_type = sent.given("content_type").or(emptied);
        let patch =
            AttributePatch { enabled: Some(enabled), not_before, expires, content_type, tags, ..Default::default() };
        refusal::hold(viewer, &sent, Action::SecretUpdate);
        update(viewer, &named, &patch).await
    };
    match change.await {
        Ok(href) => Ok(redirect(href)),
        Err(failure) => {
            let refusal = Refusal::of(failure)?.keeping();
            let at = (&named.vault, &named.name, named.version.as_ref());
            let as_of = as_of(viewer, at, &sent, &refusal).await?;
            Ok(edit_page(viewer, &named, (Draft::of_sent(&sent), as_of), Some(&refusal)).await)
        }
    }
}

/// What a form that comes back is held to: what it was, or what there is now where somebody else changed that.
async fn as_of(
    viewer: &Viewer<'_>,
    (vault, name, version): (&VaultName, &ObjectName, Option<&ObjectVersion>),
    sent: &Sent,
    refusal: &Refusal,
) -> Result<AsOf, Failure> {
    if !refusal.is_late() {
        return Ok(AsOf::of_sent(sent));
    }
    let (item, _) = viewer.services.secrets.show(&viewer.further()?, vault, name, version).await?;
    Ok(AsOf::late(item.secret.revision, Draft::of(&item.version.attributes).fields()))
}

/// POST /vaults/{vault}/secrets/{name}/{version}/enable and /disable
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn switch(viewer: &Viewer<'_>, request: &Request, enabled: bool) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let named = Named::of(viewer)?;
    let patch = AttributePatch { enabled: Some(enabled), ..AttributePatch::default() };
    Ok(redirect(update(viewer, &named, &patch).await?))
}

async fn update(viewer: &Viewer<'_>, named: &Named, patch: &AttributePatch) -> Result<String, Failure> {
    let Named { vault, name, version } = named;
    let ctx = &viewer.call.ctx;
    let (item, _) = viewer.services.secrets.update(ctx, vault, name, version.as_ref(), patch).await?;
    let shown = (item.secret.current != item.version.version).then_some(&item.version.version);
    Ok(links::secret(vault, &item.secret.name, shown))
}

async fn edit_page(
    viewer: &Viewer<'_>,
    named: &Named,
    (draft, as_of): (Draft, AsOf),
    refusal: Option<&Refusal>,
) -> Response {
    let Named { vault, name, version } = named;
    let place = Place::Secret(vault.clone(), name.clone(), version.clone()).below(say!("secret-forms-edit"));
    let typed = draft.typed;
    let mut fields = draft.fields();
    if fields.iter().any(|field| matches!(field.kind, FieldKind::Pairs(_))) {
        fields.push(Field::hidden("tags-shown", "yes"));
    }
    if typed {
        fields.push(Field::hidden("content-type-set", "yes"));
    }
    fields.push(as_of.field());
    let form = Form {
        action: links::secret_act(vault, name, version.as_ref(), "edit"),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("secret-forms-save-attributes").to_owned(),
        cancel_href: Some(links::secret(vault, name, version.as_ref())),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let path = version.as_ref().map_or_else(|| format!("/secrets/{name}"), |v| format!("/secrets/{name}/{v}"));
    let body = r#"{"attributes":{"enabled":true},"tags":{}}"#;
    let page = PanelsPage {
        lead: Some(say!("secret-forms-the-value-stays-as-it").to_owned()),
        main: [Panel::new(say!("secret-forms-attributes"), Body::Form(form))]
            .into_iter()
            .chain(as_of.panel())
            .collect(),
        aside: vec![
            readers::panel(viewer, vault, name).await.note(say!("secret-forms-a-disabled-version-is-refused-to-them")),
            snippets::panel(vec![commands.curl_vault("PATCH", &path, Some(body))]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, say!("secret-forms-attributes-of-name", name = name))
    };
    refusal::answer(&page, refusal)
}

/// POST /vaults/{vault}/secrets/{name}/{version}/roll-back: the value of an earlier version becomes a
/// new one, with its content type and tags, and with its expiry if that lies ahead. The earlier version
/// is read for it, which is a read like any other.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial of either, or why nothing can be written.
pub(super) async fn roll_back(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    refusal::hold(viewer, &sent, Action::SecretSet);
    let Named { vault, name, version } = Named::of(viewer)?;
    let secrets = &viewer.services.secrets;
    let read = viewer.further()?;
    read.state_reason(ROLLED_BACK).map_err(|_| Problem::internal())?;
    let old = secrets.get(&read, &vault, &name, version.as_ref()).await?;
    let before = old.meta.attributes;
    let expires = before.expires.filter(|expires| *expires > viewer.now());
    let attributes = SecretAttributes { enabled: true, not_before: None, expires, ..before };
    let set = secrets.set(&viewer.call.ctx, &vault, &name, &attributes, old.value).await?;
    Ok(redirect(links::secret(&vault, &set.secret.name, None)))
}
