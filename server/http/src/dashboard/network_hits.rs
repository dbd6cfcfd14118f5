//! How often each network rule of a vault decided in the last day, as its page tells it. A rule is called unused only where
//! all were counted.

use strongroom_domain::{
    action::Action,
    admin::{NetworkHits, RuleHits},
    gate::Ask,
    names::VaultName,
    network::NetworkAction,
};
use strongroom_web::{Cell, Icon, Tone, say};

use super::{frame::Viewer, view};

/// Most records, and most denials, that are looked through.
const MOST_WORDS: &str = "1,000";

/// Counts for who may read the records; none for others, or where they cannot be read just now.
pub(super) async fn of(viewer: &Viewer<'_>, vault: &VaultName) -> Option<NetworkHits> {
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return None;
    }
    viewer.services.admin.network_hits(&viewer.further().ok()?, vault).await.ok()
}

/// How often the rule at this place decided, and when it last did.
pub(super) fn cell(hits: &NetworkHits, place: usize, action: NetworkAction) -> Cell {
    let partly = !hits.are_all(action);
    match hits.of(Some(place)) {
        Some(RuleHits { count, last }) => Cell::Text {
            text: format!("{}{}", view::grouped(count), if partly { "+" } else { "" }),
            small: Some(say!("network-hits-last-last", last = view::moment_millis(last).text)),
        },
        None if partly => Cell::None(say!("network-hits-none-of-the-newest-most", most_words = MOST_WORDS)),
        None => Cell::badge(Tone::Warn, Icon::Off, say!("network-hits-unused")),
    }
}

/// What is said of the default action, and of how it was counted.
pub(super) fn foot(hits: &NetworkHits) -> String {
    let default = hits.of(None).map_or(0, |hits| hits.count);
    let times = if default == 1 {
        say!("network-hits-once").to_owned()
    } else {
        say!("network-hits-default-times", default = view::grouped(default))
    };
    let cut = match hits.are_all(NetworkAction::Allow) {
        true => String::new(),
        false => say!("network-hits-only-the-newest-most-words", most_words = MOST_WORDS),
    };
    say!("network-hits-the-default-decided-times-counted", times = times, cut = cut)
}
