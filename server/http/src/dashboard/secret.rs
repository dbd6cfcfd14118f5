//! One secret: its metadata and versions, and its value in the answer to a reveal and nowhere else.

use strongroom_domain::{
    action::Action,
    admin::ApprovalLacking,
    approval::ApprovalState,
    gate::Ask,
    names::{ObjectName, ObjectVersion, VaultName},
    role::Role,
    secret::{SecretItem, VaultFacts},
};
use strongroom_web::{Act, Icon, PostForm, ReasonField, RevealForm, Revealed, SecretPage, Snippet, VersionRow, say};
use zeroize::Zeroizing;

use super::{
    Failure,
    access::of_secret,
    activity,
    form::{SHORT, Sent},
    frame::{Place, Viewer},
    kinds::Kind,
    links,
    offers::Offers,
    readers, rendered,
    secret_fields::{self, Found},
    sort::Sort,
    view,
};
use crate::{
    api::wire::API_VERSION,
    message::{Request, Response},
    paths::Addresses,
    problem::Problem,
};

/// For how many seconds a revealed value is shown.
const SHOWN_SECONDS: u32 = 30;

/// The secret that an address names. What cannot be a name is the name of nothing.
pub(super) struct Named {
    pub(super) vault: VaultName,
    pub(super) name: ObjectName,
    pub(super) version: Option<ObjectVersion>,
}

impl Named {
    pub(super) fn of(viewer: &Viewer<'_>) -> Result<Self, Problem> {
        let call = viewer.call;
        let version = match call.parameter(2) {
            "" => None,
            text => Some(ObjectVersion::parse(text).map_err(|_| Problem::no_route())?),
        };
        Ok(Self {
            vault: VaultName::parse(call.parameter(0)).map_err(|_| Problem::no_route())?,
            name: ObjectName::parse(call.parameter(1)).map_err(|_| Problem::no_route())?,
            version,
        })
    }
}

/// GET /vaults/{vault}/secrets/{name}[/{version}]
///
/// # Errors
/// The gate's denial, or why the secret cannot be shown.
pub(super) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, version } = Named::of(viewer)?;
    let (item, facts) = viewer.services.secrets.show(&viewer.call.ctx, &vault, &name, version.as_ref()).await?;
    let place = Place::Secret(vault.clone(), item.secret.name.clone(), version);
    let page = fill_in(viewer, &place, &vault, item, facts, None).await;
    Ok(rendered(200, page.render()))
}

/// POST /vaults/{vault}/secrets/{name}/{version}/reveal
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why the value cannot be read.
pub(super) async fn reveal(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, version } = Named::of(viewer)?;
    let ctx = &viewer.call.ctx;
    ctx.state_reason(sent.text(RevealForm::REASON_FIELD))
        .map_err(|unfit| Problem::bad_parameter(format!("{unfit}.")))?;
    let names_alone = sent.ticked(RevealForm::NAMES_FIELD);
    let one = sent.given(RevealForm::ONE_FIELD);
    let mut opened = viewer.services.secrets.get(ctx, &vault, &name, version.as_ref()).await?;
    if names_alone || one.is_some() {
        // The value was read, which is on record; no more of it goes out than was asked for.
        let asked = if names_alone { None } else { one.as_deref() };
        match secret_fields::of(&opened.value, asked) {
            Found::One(value) => opened.value = value,
            other => {
                drop(opened.value);
                let item = SecretItem { secret: opened.secret, version: opened.meta };
                return Ok(told_of_fields(viewer, &vault, (item, opened.vault), other).await);
            }
        }
    }
    // So long as people need, or as a policy module leaves them; a second at least, or there would be no page.
    let seconds = ctx.lifetime().map_or(SHOWN_SECONDS, |lifetime| lifetime.clamp(1, SHOWN_SECONDS));
    let item = SecretItem { secret: opened.secret, version: opened.meta };
    let shown = (item.secret.current != item.version.version).then(|| item.version.version.clone());
    let place = Place::Secret(vault.clone(), item.secret.name.clone(), shown);
    let hide_href = place.href();
    let revealed = Revealed::new(
        Zeroizing::new(opened.value.expose().to_owned()),
        seconds,
        ctx.request_id.to_string(),
        view::moment_millis(ctx.now),
        ctx.stated_reason().map(str::to_owned),
        hide_href.clone(),
    )
    .of_field(one);
    drop(opened.value);
    let page = fill_in(viewer, &place, &vault, item, opened.vault, Some(revealed)).await;
    Ok(rendered(200, page.render()).with("refresh", format!("{seconds}; url={hide_href}")))
}

/// The names of the fields, or that there is no such field: an answer without any value.
async fn told_of_fields(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    (item, facts): (SecretItem, VaultFacts),
    found: Found,
) -> Response {
    let shown = (item.secret.current != item.version.version).then(|| item.version.version.clone());
    let place = Place::Secret(vault.clone(), item.secret.name.clone(), shown);
    let mut page = fill_in(viewer, &place, vault, item, facts, None).await;
    if let Some(form) = &mut page.reveal {
        viewer.call.ctx.stated_reason().unwrap_or_default().clone_into(&mut form.given_reason);
        match found {
            Found::Names(names) => form.fields = names,
            Found::One(_) | Found::Nothing => {
                form.error = Some(say!("secret-there-is-no-such-field").to_owned());
            }
        }
    }
    // The read went well, and is on record so.
    rendered(200, page.render())
}

async fn fill_in(
    viewer: &Viewer<'_>,
    place: &Place,
    vault: &VaultName,
    item: SecretItem,
    facts: VaultFacts,
    revealed: Option<Revealed>,
) -> SecretPage {
    let offers = Offers::new(viewer, place);
    let (acts, cannot, open) = acts(viewer, offers, vault, &item).await;
    let (mut versions, versions_partial) = versions(viewer, vault, &item, open).await;
    let sort = Sort::within(viewer, SecretPage::VERSIONS, &SecretPage::VERSION_COLUMNS);
    let versions_paging = sort.arrange(&mut versions, VersionRow::sorted_by).unwrap_or_else(|| sort.cut(&mut versions));
    let versions_sorts = sort.heads(&SecretPage::VERSION_COLUMNS, &[]);
    let (no_reveal, ask_approval) =
        if revealed.is_some() { (None, None) } else { no_reveal(viewer, vault, &item).await };
    // Not around a value: its page is shown at once, and for a moment.
    let panels = if revealed.is_some() {
        Vec::new()
    } else {
        vec![
            of_secret::panel(viewer, vault, &item.secret.name).await,
            activity::panel(viewer, vault, &item.secret.name).await,
        ]
    };
    let SecretItem { secret, version: meta } = item;
    let (name, current) = (&secret.name, secret.current == meta.version);
    let addresses = &viewer.services.addresses;
    SecretPage {
        shell: viewer.shell(place).await,
        name: name.to_string(),
        vault: vault.to_string(),
        version: meta.version.to_string(),
        current,
        current_href: (!current).then(|| links::secret(vault, name, None)),
        acts,
        cannot,
        state: view::state(&meta.attributes, viewer.now()),
        content_type: meta.attributes.content_type.clone().filter(|text| !text.is_empty()),
        identifier: addresses.secret(vault, name, Some(&meta.version)),
        tags: view::tags(&meta.attributes.tags),
        created: view::moment(meta.created),
        updated: view::moment(meta.updated),
        not_before: meta.attributes.not_before.map(view::moment),
        expires: meta.attributes.expires.map(view::moment),
        recovery: view::recovery(facts),
        reveal: no_reveal.is_none().then(|| RevealForm {
            action: links::secret_act(vault, name, Some(&meta.version), "reveal"),
            csrf_token: viewer.form_token(),
            reason: ReasonField::Optional,
            error: None,
            shown_for_seconds: SHOWN_SECONDS,
            by_field: meta.attributes.content_type.as_deref().is_some_and(|text| text.contains("json")),
            fields: Vec::new(),
            given_reason: String::new(),
        }),
        no_reveal,
        ask_approval,
        revealed,
        versions,
        versions_sorts,
        versions_paging,
        versions_partial,
        panels,
        copy_as: copy_as(addresses, viewer.services.development, vault, name, (!current).then_some(&meta.version)),
    }
}

/// What is open with versions that are not the current one.
#[derive(Clone, Copy, Default)]
struct WithVersions {
    compare: bool,
    roll_back: bool,
}

/// What one can do with a secret and the version shown, what one cannot, and what one can with earlier versions.
async fn acts(
    viewer: &Viewer<'_>,
    mut offers: Offers<'_>,
    vault: &VaultName,
    item: &SecretItem,
) -> (Vec<Act>, Vec<String>, WithVersions) {
    let (name, version) = (&item.secret.name, Some(&item.version.version));
    if item.secret.managed {
        offers.note(Kind::Secret.managed_words(name));
        let own = Act::link(say!("secret-certificate"), links::certificate(vault, name, version), Icon::Certificate);
        offers.offer(&Kind::Certificate.ask(Action::CertificateGet, vault), own).await;
        let (acts, cannot) = offers.told();
        return (acts, cannot, WithVersions::default());
    }
    let at = |act: &str, version| links::secret_act(vault, name, version, act);
    let ask = |action| Ask { version, ..Ask::secret(action, vault, name) };
    offers
        .offer(&ask(Action::SecretSet), Act::primary(say!("secret-new-version"), at("new-version", None), Icon::Plus))
        .await;
    offers.offer(&ask(Action::SecretUpdate), Act::link(say!("secret-edit"), at("edit", version), Icon::Pencil)).await;
    let (label, act, icon) = match item.version.attributes.enabled {
        true => (say!("secret-disable"), "disable", Icon::Off),
        false => (say!("secret-enable"), "enable", Icon::Check),
    };
    let switch = Act::post(label, "", at(act, version), &viewer.form_token(), icon);
    offers.offer(&ask(Action::SecretUpdate), switch).await;
    offers.offer(&ask(Action::SecretDelete), Act::link(say!("secret-delete"), at("delete", None), Icon::Trash)).await;
    // Going back reads what it sets again.
    let settable = offers.open(&Ask::secret(Action::SecretSet, vault, name), say!("secret-roll-back")).await;
    let reads = ask(Action::SecretGet);
    let compare = offers.open(&reads, say!("secret-compare")).await && viewer.may(&reads).await;
    let (acts, cannot) = offers.told();
    (acts, cannot, WithVersions { compare, roll_back: settable && compare })
}

/// Why there is nothing to reveal with, as far as it is known beforehand, and the form that asks others to approve it
/// where that is what is missing. It reveals, so that what is asked for is the read itself; looking asks nobody.
async fn no_reveal(viewer: &Viewer<'_>, vault: &VaultName, item: &SecretItem) -> (Option<String>, Option<PostForm>) {
    if !item.version.attributes.enabled {
        return (Some(say!("secret-this-version-is-disabled-so").to_owned()), None);
    }
    let (name, version) = (&item.secret.name, Some(&item.version.version));
    let ask = Ask { version, ..Ask::secret(Action::SecretGet, vault, name) };
    if viewer.may(&ask).await {
        return (None, None);
    }
    if let Some(ApprovalLacking { attachment, asked }) =
        viewer.services.admin.lacks_approval(&viewer.call.ctx, &ask).await
    {
        let sentence = match asked {
            None => say!("secret-others-have-to-approve-it", module = attachment),
            Some((id, ApprovalState::Refused)) => say!("secret-somebody-refused-it", module = attachment, id = id),
            Some((id, _)) => say!("secret-your-request-waits", module = attachment, id = id),
        };
        let form = asked.is_none().then(|| PostForm {
            action: links::secret_act(vault, name, version, "reveal"),
            csrf_token: viewer.form_token(),
        });
        return (Some(sentence), form);
    }
    let role = Role::least_for(Action::SecretGet).map_or("", Role::name);
    (Some(say!("secret-you-may-not-read-the", role = role)), None)
}

/// Versions, newest first, and what is missing from them. A list that is refused does not take the
/// page with it.
async fn versions(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    shown: &SecretItem,
    open: WithVersions,
) -> (Vec<VersionRow>, Option<String>) {
    let (items, partial) = Kind::Secret.versions(viewer, vault, shown).await;
    let counts = readers::by_version(viewer, vault, &shown.secret.name).await;
    let makers = readers::makers(viewer, vault, &shown.secret.name).await;
    let reads = |item: &SecretItem| counts.as_ref().map(|counts| counts.of(item.version.version.as_str()));
    let row = |item: &SecretItem| VersionRow {
        reads: reads(item)
            .map(|(reads, all)| if all { view::grouped(reads) } else { format!("{}+", view::grouped(reads)) }),
        still_read: item.version.version != item.secret.current && reads(item).is_some_and(|(reads, _)| reads > 0),
        version: item.version.version.to_string(),
        ordinal: Some(format!("v{}", item.version.ordinal)),
        by: makers.get(item.version.version.as_str()).map(|who| say!("secret-by-who", who = who)),
        href: links::secret(vault, &shown.secret.name, Some(&item.version.version)),
        current: item.version.version == item.secret.current,
        shown: item.version.version == shown.version.version,
        state: view::state(&item.version.attributes, viewer.now()),
        created: view::moment(item.version.created),
        expires: item.version.attributes.expires.map(view::moment),
        acts: if open.compare && item.version.version != item.secret.current && item.version.attributes.enabled {
            let at = |act| links::secret_act(vault, &shown.secret.name, Some(&item.version.version), act);
            let (of, token) = (say!("secret-to-version", version = item.version.version), viewer.form_token());
            let compare = Act::post(say!("secret-compare"), &of, at("compare"), &token, Icon::Compare);
            // What came to be current meanwhile is not superseded by it unseen.
            let roll_back = || Act::Post {
                label: say!("secret-roll-back").to_owned(),
                of: of.clone(),
                action: at("roll-back"),
                csrf_token: token.clone(),
                icon: Some(Icon::Undo),
                fields: vec![("revision".to_owned(), shown.secret.revision.to_string())],
            };
            std::iter::once(compare).chain(open.roll_back.then(roll_back)).collect()
        } else {
            Vec::new()
        },
    };
    (items.iter().map(row).collect(), partial)
}

/// Commands that read the secret. A token stands in a variable, a value stands nowhere.
fn copy_as(
    addresses: &Addresses,
    development: bool,
    vault: &VaultName,
    name: &ObjectName,
    version: Option<&ObjectVersion>,
) -> Vec<Snippet> {
    let vault_url = addresses.vault(vault);
    let identifier = addresses.secret(vault, name, version);
    // An installation of `dev` has a certificate authority of its own.
    let authority = if development { " --cacert \"$VAULT_CA\"" } else { "" };
    let cli_version = version.map(|version| format!(" --version {version}")).unwrap_or_default();
    let python_version = version.map(|version| format!(", \"{version}\"")).unwrap_or_default();
    let snippet = |label: &str, code: String| Snippet { label: label.to_owned(), code };
    vec![
        snippet(
            "curl",
            format!(
                "curl{authority} -H \"Authorization: Bearer $TOKEN\" \\\n  \"{identifier}?api-version={API_VERSION}\""
            ),
        ),
        snippet(
            say!("secret-command-line"),
            format!("strongroom secret get {name} --vault-url {vault_url}{cli_version}"),
        ),
        snippet(
            say!("secret-python"),
            format!(
                "from azure.identity import DefaultAzureCredential\n\
                 from azure.keyvault.secrets import SecretClient\n\n\
                 client = SecretClient(\"{vault_url}\", DefaultAzureCredential())\n\
                 value = client.get_secret(\"{name}\"{python_version}).value"
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_name_the_version_only_when_it_is_an_older_one() {
        let addresses = Addresses::new("https://vault.localhost:8443", "t").unwrap();
        let (vault, name) = (VaultName::parse("demo").unwrap(), ObjectName::parse("Db-Password").unwrap());
        let version = ObjectVersion::from_bytes([0xab; 16]);
        let texts = |version| copy_as(&addresses, true, &vault, &name, version).into_iter().map(|s| s.code);
        assert_eq!(
            texts(None).next().as_deref(),
            Some(
                "curl --cacert \"$VAULT_CA\" -H \"Authorization: Bearer $TOKEN\" \\\n  \
                 \"https://demo.vault.localhost:8443/secrets/Db-Password?api-version=7.6\""
            )
        );
        assert!(texts(None).all(|code| !code.contains(version.as_str())));
        assert!(texts(Some(&version)).all(|code| code.contains(version.as_str())));
        assert!(texts(None).all(|code| code.contains("https://demo.vault.localhost:8443")));
    }
}
