//! When a key gets a new version by itself: shown beside the key, and changed by a form.

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::{ObjectKind, ObjectName, VaultName},
    rotation::{RotationError, RotationPolicy, RotationTerms, Span, Trigger},
    secret::SecretItem,
};
use strongroom_web::{Act, Body, Fact, Field, Form, Icon, Panel, PanelsPage, say};

use super::{
    Failure,
    form::{SHORT, Sent},
    frame::{Place, Viewer},
    links,
    offers::Offers,
    redirect,
    refusal::{self, AsOf, Refusal},
    secret::Named,
    snippets::{self, Commands},
    view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// What makes new versions: what is sent, what is shown.
fn whens() -> [(&'static str, &'static str); 3] {
    [
        ("never", say!("key-rotation-only-by-hand")),
        ("after", say!("key-rotation-so-long-after-a-version")),
        ("before", say!("key-rotation-so-long-before-a-version")),
    ]
}

/// The policy of a key and what can be done, for who may see it. Reading it is on record like any other read.
pub(super) async fn panel(
    viewer: &Viewer<'_>,
    offers: &mut Offers<'_>,
    vault: &VaultName,
    item: &SecretItem,
) -> Option<Panel> {
    let name = &item.secret.name;
    let ask = |action| Ask::object(ObjectKind::Key, action, vault, name);
    let mut acts = Vec::new();
    if offers.open(&ask(Action::KeyRotate), say!("key-rotation-rotate-now")).await {
        let href = links::key_act(vault, name, None, "rotation/now");
        acts.push(Act::post(say!("key-rotation-rotate-now"), "", href, &viewer.form_token(), Icon::Undo));
    }
    let readable =
        offers.open(&ask(Action::KeyRotationPolicyGet), say!("key-rotation-seeing-the-rotation-policy")).await;
    if readable
        && offers.open(&ask(Action::KeyRotationPolicySet), say!("key-rotation-changing-the-rotation-policy")).await
    {
        acts.push(Act::link(say!("key-rotation-change"), links::key_act(vault, name, None, "rotation"), Icon::Pencil));
    }
    let body = if readable {
        let look = viewer.further().ok()?;
        let (_, policy) = viewer.services.keys.rotation_policy(&look, vault, name).await.ok()?;
        Body::Facts(facts(item, policy.as_ref()))
    } else {
        Body::Facts(vec![Fact::text(say!("key-rotation-policy"), say!("key-rotation-not-shown-to-you"))])
    };
    (readable || !acts.is_empty()).then(|| {
        Panel::new(say!("key-rotation-rotation"), body).acts(acts).foot(say!("key-rotation-old-versions-stay-and-go"))
    })
}

fn facts(item: &SecretItem, policy: Option<&RotationPolicy>) -> Vec<Fact> {
    let terms = policy.map_or_else(RotationTerms::usual, |policy| policy.terms.clone());
    let rotation = item.secret.rotation.as_deref();
    let made = match terms.rotate {
        None => say!("key-rotation-only-by-hand").to_owned(),
        Some(Trigger::AfterCreation(span)) => say!("key-rotation-span-after-a-version-was", span = words(span)),
        Some(Trigger::BeforeExpiry(span)) => say!("key-rotation-span-before-a-version-ends", span = words(span)),
    };
    let lasts = terms.expiry.map_or_else(|| say!("key-rotation-without-end").to_owned(), words);
    let notice = terms.notify.map_or_else(
        || say!("key-rotation-none").to_owned(),
        |span| say!("key-rotation-span-before-it", span = words(span)),
    );
    let next = if terms.rotate.is_none() {
        say!("key-rotation-not-by-itself")
    } else {
        say!("key-rotation-not-before-the-version-has")
    };
    vec![
        Fact::moment(
            say!("key-rotation-next-rotation"),
            rotation.and_then(|rotation| rotation.rotate_at).map(view::moment),
            next,
        ),
        Fact::text(say!("key-rotation-new-versions"), made),
        Fact::text(say!("key-rotation-they-last"), lasts),
        Fact::text(say!("key-rotation-notice-of-an-end"), notice),
        Fact::moment(
            say!("key-rotation-policy-set"),
            policy.map(|policy| view::moment(policy.updated)),
            say!("key-rotation-never-as-usual"),
        ),
    ]
}

/// A duration in words: `1 year, 6 months`.
fn words(span: Span) -> String {
    let (years, months, days) = span.parts();
    let parts = [(years, "year"), (months, "month"), (days, "day")];
    let named = parts.into_iter().filter(|(count, _)| *count > 0);
    let named: Vec<_> =
        named.map(|(count, unit)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" })).collect();
    if named.is_empty() { say!("key-rotation-0-days").to_owned() } else { named.join(", ") }
}

/// What the form is filled in with.
struct Draft {
    when: String,
    time: String,
    expiry: String,
    notify: String,
}

impl Draft {
    fn of(policy: Option<&RotationPolicy>) -> Self {
        let terms = policy.map_or_else(RotationTerms::usual, |policy| policy.terms.clone());
        let (when, time) = match terms.rotate {
            None => ("never", None),
            Some(Trigger::AfterCreation(span)) => ("after", Some(span)),
            Some(Trigger::BeforeExpiry(span)) => ("before", Some(span)),
        };
        let text = |span: Option<Span>| span.map(|span| span.to_string()).unwrap_or_default();
        Self { when: when.to_owned(), time: text(time), expiry: text(terms.expiry), notify: text(terms.notify) }
    }

    fn of_sent(sent: &Sent) -> Self {
        let text = |name| sent.text(name).to_owned();
        Self { when: text("when"), time: text("time"), expiry: text("expiry"), notify: text("notify") }
    }

    fn fields(self) -> Vec<Field> {
        vec![
            Field::choice("when", say!("key-rotation-new-versions-are-made"), &whens(), &self.when),
            Field::line("time", say!("key-rotation-how-long"), self.time, 24)
                .hint(say!("key-rotation-at-least-7-days-written")),
            Field::line("expiry", say!("key-rotation-new-versions-last"), self.expiry, 24)
                .hint(say!("key-rotation-at-least-28-days-for")),
            Field::line("notify", say!("key-rotation-notice-before-a-version-ends"), self.notify, 24)
                .hint(say!("key-rotation-an-audit-record-keynearexpiry-empty")),
        ]
    }

    fn terms(&self) -> Result<RotationTerms, Problem> {
        let span = |text: &str| {
            let parsed = Some(text).filter(|text| !text.is_empty()).map(Span::parse).transpose();
            parsed.map_err(|no| Problem::bad_parameter(RotationError::from(no).to_string()))
        };
        let needed = || Problem::bad_parameter(say!("key-rotation-say-how-long-after-or"));
        let rotate = match self.when.as_str() {
            "never" => None,
            "after" => Some(Trigger::AfterCreation(span(&self.time)?.ok_or_else(needed)?)),
            "before" => Some(Trigger::BeforeExpiry(span(&self.time)?.ok_or_else(needed)?)),
            _ => return Err(Problem::bad_parameter(say!("key-rotation-say-what-makes-new-versions"))),
        };
        let terms = RotationTerms { rotate, notify: span(&self.notify)?, expiry: span(&self.expiry)? };
        Ok(terms.with_usual_notice())
    }
}

/// POST /vaults/{vault}/keys/{name}/rotation/now
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why no version can be made.
pub(super) async fn rotate(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let (item, _) = viewer.services.keys.rotate(&viewer.call.ctx, &vault, &name).await?;
    Ok(redirect(links::key(&vault, &item.secret.name, None)))
}

/// GET /vaults/{vault}/keys/{name}/rotation
///
/// # Errors
/// The gate's denial, or why the policy cannot be shown.
pub(super) async fn edit(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, .. } = Named::of(viewer)?;
    let (name, policy, revision) = viewer.services.keys.rotation_policy_at(&viewer.call.ctx, &vault, &name).await?;
    Ok(page(viewer, &vault, &name, (Draft::of(policy.as_ref()), AsOf::of(revision)), None).await)
}

/// POST /vaults/{vault}/keys/{name}/rotation
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn change(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let draft = Draft::of_sent(&sent);
    let set = async {
        let terms = draft.terms()?;
        refusal::hold(viewer, &sent, Action::KeyRotationPolicySet);
        viewer.services.keys.set_rotation_policy(&viewer.call.ctx, &vault, &name, &terms).await?;
        Ok(())
    };
    match set.await {
        Ok(()) => Ok(redirect(links::key(&vault, &name, None))),
        Err(failure) => {
            let refusal = Refusal::of(failure)?.keeping();
            let as_of = if refusal.is_late() {
                let look = viewer.further()?;
                let (_, policy, revision) = viewer.services.keys.rotation_policy_at(&look, &vault, &name).await?;
                AsOf::late(revision, Draft::of(policy.as_ref()).fields())
            } else {
                AsOf::of_sent(&sent)
            };
            Ok(page(viewer, &vault, &name, (draft, as_of), Some(&refusal)).await)
        }
    }
}

async fn page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    name: &ObjectName,
    (draft, as_of): (Draft, AsOf),
    refusal: Option<&Refusal>,
) -> Response {
    let place = Place::Key(vault.clone(), name.clone(), None).below(say!("key-rotation-rotation"));
    let form = Form {
        action: links::key_act(vault, name, None, "rotation"),
        csrf_token: Some(viewer.form_token()),
        fields: draft.fields().into_iter().chain([as_of.field()]).collect(),
        submit: say!("key-rotation-save").to_owned(),
        cancel_href: Some(links::key(vault, name, None)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_vault(viewer.services, vault);
    let body = r#"{"lifetimeActions":[{"trigger":{"timeAfterCreate":"P90D"},"action":{"type":"Rotate"}}],"attributes":{"expiryTime":"P2Y"}}"#;
    let page = PanelsPage {
        lead: Some(say!("key-rotation-versions-that-are-there-keep").to_owned()),
        main: [Panel::new(say!("key-rotation-rotation-policy"), Body::Form(form))]
            .into_iter()
            .chain(as_of.panel())
            .collect(),
        aside: vec![snippets::panel(vec![
            commands.vault(&format!("key rotation-policy set {name} --rotate-after P90D --expiry P2Y")),
            commands.curl_vault("PUT", &format!("/keys/{name}/rotationpolicy"), Some(body)),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("key-rotation-rotation-of-name", name = name))
    };
    refusal::answer(&page, refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_words() {
        for (text, shown) in
            [("P90D", "90 days"), ("P18M", "1 year, 6 months"), ("P1M1D", "1 month, 1 day"), ("P0D", "0 days")]
        {
            assert_eq!(words(Span::parse(text).unwrap()), shown);
        }
    }
}
