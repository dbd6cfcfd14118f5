//! What stands beside a denial for whoever may know it: what they can see of the object although something else was
//! refused, and who could give them access. Each is a request of its own to the gate, judged and on record like any other,
//! and asked only if it would be let through; whoever may not is told what it takes, the same of what there is and of what
//! there is not.

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    secret::SecretItem,
};
use strongroom_web::{Body, Cell, Fact, Panel, say};

use super::{
    frame::{Place, Viewer},
    kinds::Kind,
    links, view,
};

/// What somebody can see of the object that a request was about; none where it was about none, or they may not.
pub(super) async fn seen(viewer: &Viewer<'_>, place: &Place) -> Option<Panel> {
    let (kind, vault, name, version) = match place.bottom() {
        Place::Secret(vault, name, version) => (Kind::Secret, vault, name, version.as_ref()),
        Place::Key(vault, name, version) => (Kind::Key, vault, name, version.as_ref()),
        Place::Certificate(vault, name, version) => (Kind::Certificate, vault, name, version.as_ref()),
        _ => return None,
    };
    let item = shown(viewer, kind, vault, name, version).await?;
    let reads_audit = viewer.may(&Ask::server(Action::AuditRead)).await;
    Some(Panel::new(
        say!("denied-around-what-you-can-see"),
        Body::Facts(facts(viewer, kind, vault, &item, reads_audit)),
    ))
}

async fn shown(
    viewer: &Viewer<'_>,
    kind: Kind,
    vault: &VaultName,
    name: &ObjectName,
    version: Option<&ObjectVersion>,
) -> Option<SecretItem> {
    let ask = match kind {
        Kind::Secret => Ask::object(ObjectKind::Secret, Action::SecretShow, vault, name),
        Kind::Key => Ask::object(ObjectKind::Key, Action::KeyGet, vault, name),
        Kind::Certificate => Ask::object(ObjectKind::Certificate, Action::CertificateGet, vault, name),
    };
    if !viewer.may(&ask).await {
        return None;
    }
    let (ctx, services) = (viewer.further().ok()?, viewer.services);
    let (item, _) = match kind {
        Kind::Secret => services.secrets.show(&ctx, vault, name, version).await.ok()?,
        Kind::Key => services.keys.show(&ctx, vault, name, version).await.ok()?,
        Kind::Certificate => services.certificates.show(&ctx, vault, name, version).await.ok()?,
    };
    Some(item)
}

fn facts(viewer: &Viewer<'_>, kind: Kind, vault: &VaultName, item: &SecretItem, reads_audit: bool) -> Vec<Fact> {
    let (name, meta) = (&item.secret.name, &item.version);
    let (tone, icon, state) = view::state_badge(view::state(&meta.attributes, viewer.now()));
    let fact = |name: &str, value: Cell| Fact { name: name.to_owned(), value };
    let activity = if reads_audit {
        let query = [("vault", Some(vault.as_str())), ("object", Some(name.as_str()))];
        Cell::link(say!("denied-around-in-audit"), links::asked(links::AUDIT, &query))
    } else {
        Cell::None(say!("denied-around-hidden-needs-auditor").to_owned())
    };
    let mut facts = vec![
        Fact::code(say!("denied-around-identifier"), format!("{vault}/{}/{name}", kind.plural())),
        fact(say!("denied-around-state"), Cell::badge(tone, icon, &state)),
        Fact::text(
            say!("denied-around-version"),
            say!("denied-around-ordinal-made", ordinal = meta.ordinal, at = view::day(meta.created)),
        ),
        Fact::moment(
            say!("denied-around-expires"),
            meta.attributes.expires.map(view::moment),
            say!("denied-around-never"),
        ),
    ];
    if kind == Kind::Secret {
        facts.push(fact(say!("denied-around-value"), Cell::None(say!("denied-around-hidden").to_owned())));
    }
    facts.push(fact(say!("denied-around-readers"), activity));
    facts
}
