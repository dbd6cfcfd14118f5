//! Vaults that somebody would see by their roles and does not, because something else keeps them back: told wherever
//! vaults are listed, so that nobody takes them for gone, each with the way to its why. Of a vault that no role of theirs
//! shows nothing is told.

use strongroom_domain::admin::{KeptBack, KeptBy};
use strongroom_web::{Act, Body, Cell, Icon, Panel, Row, Table, Tone, say};

use super::{links, needs::Attention};

/// Most that are named; the others are counted.
const NAMED: usize = 20;
/// Most that need somebody each by itself: from an address that no rule knows it may be all vaults.
const NEEDS: usize = 5;

/// What keeps it back, in words.
fn by(kept: &KeptBack) -> String {
    match &kept.by {
        KeptBy::Network => say!("kept-back-its-network-rules").to_owned(),
        KeptBy::Module(name) => say!("kept-back-policy-module", module = name),
        KeptBy::SilentModule(name) => say!("kept-back-silent-module", module = name),
    }
}

/// What to ask for why: whoever opens the vault is told, with the stage that stopped them and the decision.
fn why(kept: &KeptBack) -> String {
    links::vault(&kept.vault)
}

/// The vaults, each with what keeps it back and the way to its why.
pub(super) fn panel(kept_back: &[KeptBack]) -> Option<Panel> {
    let act = |kept: &KeptBack| vec![Act::link(say!("kept-back-why"), why(kept), Icon::Unknown)];
    listed(kept_back, act)
}

/// Those that are deleted, which have no page that could say more.
pub(super) fn deleted(kept_back: &[KeptBack]) -> Option<Panel> {
    listed(kept_back, |_| Vec::new())
}

fn listed(kept_back: &[KeptBack], acts: impl Fn(&KeptBack) -> Vec<Act>) -> Option<Panel> {
    if kept_back.is_empty() {
        return None;
    }
    let rows = kept_back.iter().take(NAMED).map(|kept| {
        Row::new(vec![
            Cell::text(kept.vault.to_string()),
            Cell::badge(Tone::Bad, Icon::Ban, &by(kept)),
            Cell::Acts(acts(kept)),
        ])
    });
    let table = Table::new(&["Vault", "Kept back by", ""], rows.collect());
    let panel = Panel::new(say!("kept-back-left-out"), Body::Table(table)).note(say!("kept-back-your-roles-show-them"));
    Some(match kept_back.len().saturating_sub(NAMED) {
        0 => panel,
        rest => panel.foot(say!("kept-back-more", count = rest)),
    })
}

/// The same in a sentence, where there is no room for a list.
pub(super) fn notice(kept_back: &[KeptBack]) -> Option<String> {
    match kept_back {
        [] => None,
        [only] => Some(say!("kept-back-one-left-out", vault = only.vault, by = by(only))),
        several => Some(say!("kept-back-several-left-out", count = several.len())),
    }
}

/// A headline that counts what is shown, with how many are not.
pub(super) fn headline(shown: String, kept_back: &[KeptBack]) -> String {
    match kept_back.len() {
        0 => shown,
        count => say!("kept-back-headline", shown = shown, count = count),
    }
}

/// That somebody who would see a vault is shut out of it.
pub(super) fn needs(kept_back: &[KeptBack]) -> Vec<Attention> {
    let told = kept_back.iter().take(NEEDS).map(|kept| Attention {
        tone: Tone::Bad,
        icon: Icon::Ban,
        what: say!("kept-back-vault-is-closed", vault = kept.vault),
        detail: by(kept),
        act: Act::link(say!("kept-back-why"), why(kept), Icon::Unknown),
        why: None,
    });
    let rest = kept_back.len().saturating_sub(NEEDS);
    let rest = (rest > 0).then(|| Attention {
        tone: Tone::Bad,
        icon: Icon::Ban,
        what: say!("kept-back-more-are-closed", count = rest),
        detail: say!("kept-back-your-roles-show-them").to_owned(),
        act: Act::link(say!("kept-back-open"), links::VAULTS, Icon::Server),
        why: None,
    });
    told.chain(rest).collect()
}
