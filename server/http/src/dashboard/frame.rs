//! The frame around every page: who looks, where they are, and what the sidebar offers. What it
//! offers is judged but not recorded, so it promises nothing and must never be an answer by itself.

use std::{net::IpAddr, sync::Arc};

use strongroom_domain::{
    action::Action,
    admin::VaultListing,
    context::RequestContext,
    gate::Ask,
    identity::Session,
    names::VaultName,
    policy::AttachmentState,
    record::{Outcome, Record},
    time::uuid_v7,
    vault::Vault,
};
use strongroom_web::{
    Account, Cell, Door, Icon, Look, NavPage, NavVault, PostForm, Shell, Standing, StatusLine, Tone, say,
};

pub(super) use super::place::Place;
use super::{again::Kept, doors, links, links::ReturnTo, pins::Pins, step_up, undo::Opposite, view};
use crate::{
    edge::Call,
    problem::Problem,
    services::{ChainStatus, Services, StoredStatus, Verified},
};

/// Most vaults that the sidebar shows unasked. Where there are more, it has the one that is open and those that are pinned,
/// and leads to the list for all others: a page must not judge thousands of them to draw its frame.
const IN_SIDEBAR: usize = 12;

/// A signed-in person who asks for a page.
pub(super) struct Viewer<'a> {
    pub(super) services: &'a Services,
    pub(super) call: &'a Call,
    pub(super) session: &'a Session,
    pub(super) look: Look,
    /// The vaults that stand first.
    pub(super) pins: Pins,
    /// The page to come back to after signing in again.
    pub(super) here: ReturnTo,
    /// What undoes what was done a moment ago.
    pub(super) undo: Option<Opposite>,
    /// What was typed into a form of this page that was not done.
    pub(super) kept: Option<&'a Kept>,
}

impl Viewer<'_> {
    /// When the request arrived, Unix seconds.
    pub(super) fn now(&self) -> i64 {
        self.call.ctx.seconds()
    }

    /// The address that the request came from.
    pub(super) fn address(&self) -> IpAddr {
        self.call.ctx.client.to_canonical()
    }

    /// One more request to the gate for the same page: it gets a record of its own.
    ///
    /// # Errors
    /// 500 without randomness.
    pub(super) fn further(&self) -> Result<RequestContext, Problem> {
        let ctx = &self.call.ctx;
        let id = uuid_v7(ctx.now, &*self.services.entropy).map_err(|_| Problem::internal())?;
        let again = RequestContext::new(id, Arc::clone(&ctx.principal), ctx.client, ctx.listener.clone(), ctx.now);
        if ctx.lacks_proof() {
            again.without_proof();
        }
        Ok(if ctx.only_looks() { again.looking() } else { again })
    }

    /// Puts on record what the request did, where no use case has: a page that shows what was looked at or done by itself.
    ///
    /// # Errors
    /// 503 when it cannot be recorded.
    pub(super) async fn note(&self, operation: &str, vault: &VaultName) -> Result<(), Problem> {
        let ctx = &self.call.ctx;
        let mut record = Record::of(ctx, operation);
        record.status = Some(200);
        record.vault = Some(vault.to_string());
        record.outcome = Outcome::Allowed;
        "ok".clone_into(&mut record.reason);
        Ok(self.services.recorder.note(ctx, record).await?)
    }

    /// The provider that this session began at, by its name in addresses.
    pub(super) fn provider(&self) -> Option<String> {
        let issuer = &self.session.principal.id.issuer;
        self.services.sign_in.providers().into_iter().find(|provider| provider.issuer == *issuer).map(|found| found.id)
    }

    /// What every form of this session must send back.
    pub(super) fn form_token(&self) -> String {
        self.services.entrance.form_token(self.session)
    }

    /// The vaults that may be listed; none when they cannot be read, which the page itself tells.
    pub(super) async fn vaults(&self) -> Vec<Arc<Vault>> {
        self.services.admin.visible_vaults(&self.call.ctx).await.unwrap_or_default()
    }

    /// The same, with those that something else than roles keeps from whoever looks.
    pub(super) async fn vaults_and_kept_back(&self) -> VaultListing {
        self.services.admin.visible_and_kept_back(&self.call.ctx).await.unwrap_or_default()
    }

    /// Whether the gate would allow something now; promises nothing for the next request.
    pub(super) async fn may(&self, ask: &Ask<'_>) -> bool {
        self.services.admin.may(&self.call.ctx, ask).await
    }

    /// The frame.
    pub(super) async fn shell(&self, place: &Place) -> Shell {
        let wanted = |id, name: &VaultName| self.pins.has_id(id) || place.vault() == Some(name);
        let at_hand = self.services.admin.vaults_at_hand(&self.call.ctx, IN_SIDEBAR, wanted).await;
        let (vaults, more) = at_hand.unwrap_or_default();
        self.frame(place, &vaults, more).await
    }

    /// The frame around vaults that were read already, which are all.
    pub(super) async fn shell_with(&self, place: &Place, vaults: &[Arc<Vault>]) -> Shell {
        if vaults.len() <= IN_SIDEBAR {
            return self.frame(place, vaults, false).await;
        }
        let wanted = |vault: &&Arc<Vault>| self.pins.has(vault) || place.vault() == Some(&vault.name);
        let at_hand: Vec<Arc<Vault>> = vaults.iter().filter(wanted).cloned().collect();
        self.frame(place, &at_hand, true).await
    }

    /// The frame around the vaults of the sidebar, and whether there are more.
    async fn frame(&self, place: &Place, vaults: &[Arc<Vault>], more: bool) -> Shell {
        let now = self.call.ctx.now;
        // What would be refused is named with what is missing; the page that is open is named in any case. Of a vault that is
        // not listed nothing is judged: none of it would be shown, and whether it is there would be told by the time that it
        // takes.
        let mut pages = Vec::new();
        let listed = place.vault().is_some_and(|of| vaults.iter().any(|vault| vault.name == *of));
        for (ask, page) in if listed { place.pages() } else { Vec::new() } {
            if page.current {
                pages.push(page);
                continue;
            }
            match doors::lacking(self, &ask).await {
                Ok(()) => pages.push(page),
                Err(Some(words)) => pages.push(NavPage { lacks: Some(words), ..page }),
                Err(None) => {}
            }
        }
        if let Some(open) = vaults.iter().find(|vault| place.vault() == Some(&vault.name)) {
            let waiting = self.services.admin.waiting_approvals(&self.call.ctx, open).await.unwrap_or(0);
            let approvals = links::in_vault(&open.name, "approvals", &[]);
            for page in pages.iter_mut().filter(|page| waiting > 0 && page.href == approvals) {
                page.waiting = Some(waiting.to_string());
            }
        }
        let entry = |vault: &Arc<Vault>| NavVault {
            name: vault.name.to_string(),
            href: links::vault(&vault.name),
            pinned: self.pins.has(vault),
            pages: if place.vault() == Some(&vault.name) { pages.clone() } else { Vec::new() },
        };
        let policy = if !vaults.is_empty() || self.may(&Ask::server(Action::PolicyRead)).await {
            Door::Open(links::POLICY.to_owned())
        } else {
            doors::door(self, Action::PolicyModuleRead, links::POLICY).await
        };
        Shell {
            installation: host(self.services).to_owned(),
            development: self.services.development,
            section: place.section(),
            overview_href: links::OVERVIEW.to_owned(),
            vaults_href: links::VAULTS.to_owned(),
            vaults: self.pins.first(vaults).iter().map(entry).collect(),
            more_vaults: more,
            access: doors::door(self, Action::AssignmentRead, links::ACCESS).await,
            why: doors::door(self, Action::DecisionForesee, links::WHY).await,
            policy,
            // Of all vaults or of none.
            policy_note: if more { None } else { shadow_note(vaults) },
            audit: doors::door(self, Action::AuditRead, links::AUDIT).await,
            settings: doors::door(self, Action::TokenKeyRead, links::SETTINGS).await,
            cannot: doors::before_sending(self, place, (vaults, more)).await,
            step_up_href: step_up::beforehand(self),
            undo: self.undo.as_ref().map(|undo| undo.form(self)),
            crumbs: place.crumbs(),
            clock: view::clock(now),
            account: self.account(),
            search_href: links::SEARCH.to_owned(),
            me_href: links::ME.to_owned(),
            look: self.look,
            sign_out: PostForm { action: links::SIGN_OUT.to_owned(), csrf_token: self.form_token() },
            seal: StatusLine { standing: Standing::Good, text: say!("frame-unsealed").to_owned() },
            chain: chain(self.services, now),
        }
    }

    pub(super) fn account(&self) -> Account {
        let id = &self.session.principal.id;
        let name = match self.session.display_name.trim() {
            "" => id.subject.as_str(),
            name => name,
        };
        Account { name: name.to_owned(), detail: Some(without_scheme(&id.issuer).to_owned()) }
    }
}

/// The installation's host, with its port if it is not the usual one.
pub(super) fn host(services: &Services) -> &str {
    without_scheme(services.addresses.base())
}

/// An address as people compare it.
pub(super) fn without_scheme(address: &str) -> &str {
    address.strip_prefix("https://").unwrap_or(address)
}

/// How many modules are tried out in these vaults.
fn shadow_note(vaults: &[Arc<Vault>]) -> Option<String> {
    let attached = vaults.iter().flat_map(|vault| &vault.settings.policies);
    let count = attached.filter(|attachment| attachment.state == AttachmentState::Shadow).count();
    (count > 0).then(|| say!("frame-count-shadow", count = count))
}

/// How the log stands, or, where that stands well and something stored does not, what is stored.
fn chain(services: &Services, now: i64) -> StatusLine {
    let chain = (services.chain)();
    let is_broken = chain.verified.as_ref().is_some_and(|verified| verified.verdict.is_err());
    if let Some(StoredStatus { at, verdict: Err(_) }) = chain.stored
        && !is_broken
    {
        let text = say!("frame-stored-data-damaged-found-now", now = view::short_moment(at, now));
        return StatusLine { standing: Standing::Bad, text };
    }
    match chain.verified {
        None => StatusLine { standing: Standing::Unknown, text: say!("frame-audit-chain-not-verified-yet").to_owned() },
        Some(Verified { at, verdict: Ok(_) }) => StatusLine {
            standing: Standing::Good,
            text: say!("frame-audit-chain-verified-now", now = view::short_moment(at, now)),
        },
        Some(Verified { at, verdict: Err(_) }) => StatusLine {
            standing: Standing::Bad,
            text: say!("frame-audit-chain-broken-found-now", now = view::short_moment(at, now)),
        },
    }
}

/// What the last look at everything that is stored said. Which row is damaged is for those who may read the records.
/// How many rows there are, too.
pub(super) fn stored(chain: &ChainStatus, counted: bool) -> Cell {
    match &chain.stored {
        None => Cell::None(say!("frame-not-looked-through-yet").to_owned()),
        Some(StoredStatus { at, verdict: Ok(rows) }) => Cell::Badge {
            tone: Tone::Good,
            icon: Icon::Check,
            text: rows.filter(|_| counted).map_or_else(
                || say!("frame-authentic").to_owned(),
                |rows| say!("frame-rows-rows-authentic", rows = view::grouped(rows)),
            ),
            small: Some(view::moment_millis(*at).text),
        },
        Some(StoredStatus { at, verdict: Err(_) }) => Cell::Badge {
            tone: Tone::Bad,
            icon: Icon::Ban,
            text: say!("frame-damaged").to_owned(),
            small: Some(view::moment_millis(*at).text),
        },
    }
}
