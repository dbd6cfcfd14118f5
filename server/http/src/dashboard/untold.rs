//! What would come of a recorded request now is an answer of its own beside its record, which whoever may read the record
//! may be refused: whether they would be, before it is offered, and what stopped it, with the way to its why, when it was.

use strongroom_domain::{
    action::Action,
    admin::{AdminError, Ahead},
    gate::Ask,
    names::VaultName,
};
use strongroom_web::{Act, Body, Icon, Panel, say};

use super::{
    frame::{Place, Viewer},
    links,
    offers::Offers,
    problems,
};

/// Whether somebody is told what would come of a request in a vault, as things are.
pub(super) enum Asking {
    /// They are.
    Open,
    /// They are not: what is missing, in sentences.
    Closed(Vec<String>),
    /// A policy module keeps it from them.
    ByModule,
}

impl Asking {
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}

/// Judged ahead and not on record, so it promises nothing.
pub(super) async fn asking(viewer: &Viewer<'_>, vault: &VaultName) -> Asking {
    let asks = [
        (Ask::server(Action::DecisionForesee), Place::Audit),
        (Ask::vault(Action::AssignmentRead, vault), Place::Vault(vault.clone())),
    ];
    let (mut missing, mut by_module) = (Vec::new(), false);
    for (ask, place) in asks {
        match viewer.services.admin.ahead(&viewer.call.ctx, &ask).await {
            Ahead::Open => {}
            Ahead::ByModule => by_module = true,
            Ahead::Obstacle(reason) => {
                let mut offers = Offers::new(viewer, &place);
                offers.close(reason, &ask, say!("untold-to-see-what-would-come-of-it"));
                missing.extend(offers.told().1);
            }
        }
    }
    match (missing.is_empty(), by_module) {
        (true, false) => Asking::Open,
        (true, true) => Asking::ByModule,
        (false, _) => Asking::Closed(missing),
    }
}

/// That an answer was refused: what stopped it, and the way to its why.
pub(super) fn panel(title: &str, vault: &VaultName, why: AdminError) -> Panel {
    match why {
        AdminError::Denied(denial) => {
            let stopped = problems::stopped(&Place::Vault(vault.clone()), &denial.reason);
            let text = vec![say!("untold-it-is-not-told").to_owned(), stopped];
            let act = Act::link(say!("untold-why"), links::why(denial.request_id), Icon::Unknown);
            Panel::new(title, Body::Text(text)).acts(vec![act])
        }
        other => Panel::new(title, Body::Text(vec![say!("untold-it-is-not-told-because", why = other)])),
    }
}
