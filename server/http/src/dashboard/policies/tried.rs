//! What replays found that tried a module, for the page of it: the newest first, and where to ask again.

use strongroom_domain::{
    action::Action, admin::Counted, gate::Ask, names::VaultName, policy::ModuleDigest, policy_replay::PolicyReplay,
};
use strongroom_web::{Act, Body, Cell, Icon, Panel, Row, Table, Tone, say};

use super::{AttachedTo, list::Attached, replays};
use crate::dashboard::{Failure, frame::Viewer, links, sort, view};

/// Attachments whose replays are offered.
const OFFERED: usize = 8;

pub(super) async fn panel(viewer: &Viewer<'_>, digest: &ModuleDigest, attached: &[Attached]) -> Result<Panel, Failure> {
    fn title() -> &'static str {
        say!("policies-tried-replays")
    }
    let said = |words: &str| Panel::new(title(), Body::Text(vec![words.to_owned()]));
    if !viewer.may(&Ask::server(Action::PolicyReplayRead)).await {
        return Ok(said(say!("policies-tried-hidden")));
    }
    let mut acts = Vec::new();
    for place in attached.iter().take(OFFERED) {
        let label = say!("policies-tried-ask-again-in", place = place.to.title());
        acts.push(Act::link(&label, links::replays(&place.to), Icon::Try));
    }
    let Ok(found) = viewer.services.admin.replays_of_module(&viewer.further()?, *digest).await else {
        return Ok(said(say!("policies-tried-not-read")).acts(acts));
    };
    if found.is_empty() {
        return Ok(said(say!("policies-tried-none")).acts(acts));
    }
    let rows = found.iter().map(row).collect();
    let columns = ["When", "Vault", "With", "Decisions", "Newly denied", "Newly allowed", "Review"];
    Ok(sort::panel(viewer, title(), "replays", Table::new(&columns, rows), None).acts(acts))
}

fn row((vault, replay): &(Option<VaultName>, PolicyReplay)) -> Row {
    let of = vault.clone().map_or(AttachedTo::Everywhere, AttachedTo::Vault);
    let Counted { newly_allowed, newly_denied, .. } = &replay.counted;
    let reviewed = replay.reviewed();
    let done = reviewed.groups.saturating_sub(reviewed.open);
    let words = say!("policies-tried-done-of-groups", done = done, groups = reviewed.groups);
    let (tone, icon) =
        if reviewed.is_complete() { (Tone::Good, Icon::Check) } else { (Tone::Planned, Icon::Hourglass) };
    Row::new(vec![
        Cell::When {
            moment: view::moment_millis(replay.at),
            href: Some(links::replay(&of, replay.id)),
            small: Some(replay.by.subject.clone()),
        },
        Cell::text(of.title()),
        Cell::text(replays::tried(replay)),
        Cell::text(view::grouped(replay.replayed)),
        replays::changed(Tone::Bad, Icon::Ban, *newly_denied, say!("policies-tried-would-be-denied")),
        replays::changed(Tone::Good, Icon::Check, *newly_allowed, say!("policies-tried-would-be-allowed")),
        Cell::badge(tone, icon, &words),
    ])
}
