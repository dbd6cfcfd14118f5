//! What an authority of a vault has revoked, and where everybody finds the lists of it.

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::{ObjectKind, ObjectName, VaultName},
    objects::ObjectError,
    revocation::{RevocationList, RevokedCertificate, SignedList, is_overdue},
    revocations::{RevocationError, ShownRevocations},
};
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Row, Table, Tone, say};

use crate::{
    dashboard::{
        Failure,
        frame::{Place, Viewer},
        links,
        offers::Offers,
        rendered,
        secret::Named,
        snippets::{self, Commands},
        sort, view,
    },
    message::Response,
};

/// Most certificates of a list that a page shows: the latest.
const MOST: usize = 200;

/// GET /vaults/{vault}/certificates/{name}/revocations
///
/// # Errors
/// The gate's denial, or why the authority cannot be shown.
pub(crate) async fn list(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, .. } = Named::of(viewer)?;
    let (item, _) = viewer.services.certificates.show(&viewer.call.ctx, &vault, &name, None).await?;
    let name = item.secret.name;
    let place = Place::Certificate(vault.clone(), name.clone(), None).below(say!("certificates-revocation-revoked"));
    let mut offers = Offers::new(viewer, &place);
    let ask = |action| Ask::object(ObjectKind::Revocations, action, &vault, &name);
    let revoke = Act::link(
        say!("certificates-revocation-revoke"),
        links::certificate_act(&vault, &name, None, "revoke"),
        Icon::Ban,
    );
    offers.offer(&ask(Action::CertificateRevoke), revoke).await;
    let mut main = Vec::new();
    if offers.open(&ask(Action::RevocationListGet), say!("certificates-revocation-seeing-what-was-revoked")).await {
        main = lists(viewer, &vault, &name).await?;
    }
    let (acts, cannot) = offers.told();
    let commands = Commands::of_vault(viewer.services, &vault);
    let page = PanelsPage {
        lead: Some(say!("certificates-revocation-whoever-checks-a-certificate-that", name = name)),
        acts,
        cannot,
        main,
        aside: vec![snippets::panel(vec![
            commands.vault(&format!("certificate revocations {name}")),
            commands.vault(&format!("certificate crl {name}")).labelled(say!("certificates-revocation-the-lists-pem")),
            commands.curl_vault("GET", &format!("/certificates/{name}/revocations"), None),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("certificates-revocation-what-name-revoked", name = name))
    };
    Ok(rendered(200, page.render()))
}

async fn lists(viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> Result<Vec<Panel>, Failure> {
    match viewer.services.revoking.show(&viewer.further()?, vault, name).await {
        Ok(shown) => {
            let panels = shown.all.lists.iter().flat_map(|list| of_key(viewer, name, &shown, list)).collect::<Vec<_>>();
            Ok(if panels.is_empty() { vec![nothing()] } else { panels })
        }
        Err(RevocationError::Object(ObjectError::NotFound(..))) => Ok(vec![nothing()]),
        Err(why) => Err(why.into()),
    }
}

fn nothing() -> Panel {
    let words = say!("certificates-revocation-it-has-signed-nothing-that");
    Panel::new(say!("certificates-revocation-lists"), Body::Text(vec![words.to_owned()]))
}

/// The list of one key, and what is on it.
fn of_key(viewer: &Viewer<'_>, name: &ObjectName, shown: &ShownRevocations, list: &RevocationList) -> [Panel; 2] {
    let address = viewer.services.revoking.address(shown.vault, name, &list.id);
    let signed = list.signed.as_ref();
    let mut facts = vec![
        Fact { name: say!("certificates-revocation-state").to_owned(), value: state(signed, viewer.now()) },
        address.map_or_else(
            || Fact::text(say!("certificates-revocation-published-at"), say!("certificates-revocation-nowhere")),
            |url| Fact::code(say!("certificates-revocation-published-at"), url),
        ),
    ];
    if let Some(signed) = signed {
        facts.extend([
            Fact::text(say!("certificates-revocation-number"), signed.number.to_string()),
            Fact::moment(say!("certificates-revocation-made"), Some(view::moment(signed.made())), ""),
            Fact::moment(say!("certificates-revocation-counts-until"), Some(view::moment(signed.next_update)), ""),
        ]);
    }
    let version = list.version.as_str();
    let table = match list.revoked.is_empty() {
        true => Body::Text(vec![say!("certificates-revocation-nothing-that-its-key-signed").to_owned()]),
        false => {
            let rows = list.revoked.iter().rev().take(MOST).map(row).collect();
            let table = Table::new(&["Serial number", "Revoked", "Why", "Would have ended"], rows);
            Body::Table(sort::table(viewer, &format!("revoked-{version}"), table))
        }
    };
    let revoked = Panel::new(&say!("certificates-revocation-revoked-of-version-version", version = version), table);
    let revoked = match list.revoked.len() {
        count if count > MOST => {
            revoked.foot(say!("certificates-revocation-the-latest-most-of-count", most = MOST, count = count))
        }
        _ => revoked,
    };
    [
        Panel::new(&say!("certificates-revocation-list-of-version-version", version = version), Body::Facts(facts)),
        revoked,
    ]
}

/// How a list stands: whoever is too late to sign it is told long before it lapses.
fn state(signed: Option<&SignedList>, now: i64) -> Cell {
    match signed {
        None => Cell::badge(Tone::Warn, Icon::Hourglass, say!("certificates-revocation-not-signed-yet")),
        Some(signed) if signed.next_update <= now => {
            Cell::badge(Tone::Bad, Icon::Over, say!("certificates-revocation-lapsed"))
        }
        Some(signed) if is_overdue(signed, now) => {
            Cell::badge(Tone::Warn, Icon::Warning, say!("certificates-revocation-not-signed-again-in-time"))
        }
        Some(_) => Cell::badge(Tone::Good, Icon::Check, say!("certificates-revocation-counts")),
    }
}

fn row(one: &RevokedCertificate) -> Row {
    Row::new(vec![
        Cell::Code(one.serial.clone()),
        Cell::Moment(view::moment(one.at)),
        Cell::text(one.reason.as_str()),
        one.ends.map_or_else(
            || Cell::None(say!("certificates-revocation-not-known").to_owned()),
            |ends| Cell::Moment(view::moment(ends)),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_nobody_signs_again_is_told_before_it_lapses() {
        let day = 86_400;
        let list = SignedList { number: 1, this_update: 0, next_update: 7 * day, der: Vec::new() };
        let word = |signed, now| match state(signed, now) {
            Cell::Badge { text, .. } => text,
            _ => String::new(),
        };
        assert_eq!(word(None, 0), "Not signed yet");
        assert_eq!(word(Some(&list), day), "Counts");
        assert_eq!(word(Some(&list), 2 * day), "Not signed again in time");
        assert_eq!(word(Some(&list), 7 * day), "Lapsed");
    }
}
