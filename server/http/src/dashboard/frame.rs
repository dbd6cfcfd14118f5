//! The frame around every page: who looks, where they are, and what the sidebar offers. What it
//! offers is judged but not recorded, so it promises nothing and must never be an answer by itself.

use std::sync::Arc;

use strongroom_domain::{
    action::Action,
    context::RequestContext,
    gate::Ask,
    identity::Session,
    names::{ObjectName, ObjectVersion, VaultName},
    time::uuid_v7,
    vault::Vault,
};
use strongroom_web::{Account, Crumb, NavVault, PostForm, Section, Shell, Standing, StatusLine};

use super::{links, view};
use crate::{
    edge::Call,
    problem::Problem,
    routes::Endpoint,
    services::{Services, Verified},
};

/// A signed-in person who asks for a page.
pub(super) struct Viewer<'a> {
    pub(super) services: &'a Services,
    pub(super) call: &'a Call,
    pub(super) session: &'a Session,
}

/// Where a page stands.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// The list of vaults.
    Vaults,
    /// The secrets of a vault.
    Secrets(VaultName),
    /// A secret or one of its versions.
    Secret(VaultName, ObjectName, Option<ObjectVersion>),
    /// The audit list.
    Audit,
    /// Nowhere in particular.
    Elsewhere,
}

impl Place {
    /// The place a request is about, if its address names one.
    pub(super) fn of(call: &Call) -> Self {
        let vault = VaultName::parse(call.parameter(0));
        let name = ObjectName::parse(call.parameter(1));
        match (call.endpoint, vault, name) {
            (Endpoint::VaultsPage | Endpoint::Home, ..) => Self::Vaults,
            (Endpoint::AuditPage, ..) => Self::Audit,
            (Endpoint::SecretsPage, Ok(vault), _) => Self::Secrets(vault),
            (Endpoint::SecretPage | Endpoint::SecretVersionPage | Endpoint::SecretReveal, Ok(vault), Ok(name)) => {
                Self::Secret(vault, name, ObjectVersion::parse(call.parameter(2)).ok())
            }
            _ => Self::Elsewhere,
        }
    }

    /// What the page is about, as a title.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Vaults => "Vaults".to_owned(),
            Self::Secrets(vault) => format!("Secrets of {vault}"),
            Self::Secret(_, name, _) => name.to_string(),
            Self::Audit => "Audit".to_owned(),
            Self::Elsewhere => "Strongroom".to_owned(),
        }
    }

    /// Its address.
    pub(super) fn href(&self) -> String {
        match self {
            Self::Vaults | Self::Elsewhere => links::VAULTS.to_owned(),
            Self::Secrets(vault) => links::secrets(vault),
            Self::Secret(vault, name, version) => links::secret(vault, name, version.as_ref()),
            Self::Audit => links::AUDIT.to_owned(),
        }
    }

    /// The scope that grants for it are given at.
    pub(super) fn scope(&self) -> String {
        match self {
            Self::Secrets(vault) => format!("/vaults/{vault}"),
            Self::Secret(vault, name, _) => format!("/vaults/{vault}/secrets/{name}"),
            Self::Vaults | Self::Audit | Self::Elsewhere => "/".to_owned(),
        }
    }

    fn section(&self) -> Section {
        match self {
            Self::Vaults => Section::Vaults,
            Self::Secrets(_) | Self::Secret(..) => Section::Secrets,
            Self::Audit => Section::Audit,
            Self::Elsewhere => Section::None,
        }
    }

    fn vault(&self) -> Option<&VaultName> {
        match self {
            Self::Secrets(vault) | Self::Secret(vault, ..) => Some(vault),
            Self::Vaults | Self::Audit | Self::Elsewhere => None,
        }
    }

    fn crumbs(&self) -> Vec<Crumb> {
        let step = |label: &str, href: Option<String>| Crumb { label: label.to_owned(), href };
        let vaults = || step("Vaults", Some(links::VAULTS.to_owned()));
        let within = |vault: &VaultName| step(vault.as_str(), Some(links::secrets(vault)));
        match self {
            Self::Vaults => vec![step("Vaults", None)],
            Self::Secrets(vault) => vec![vaults(), within(vault), step("Secrets", None)],
            Self::Secret(vault, name, None) => {
                let list = step("Secrets", Some(links::secrets(vault)));
                vec![vaults(), within(vault), list, step(name.display(), None)]
            }
            Self::Secret(vault, name, Some(version)) => {
                let list = step("Secrets", Some(links::secrets(vault)));
                let current = step(name.display(), Some(links::secret(vault, name, None)));
                vec![vaults(), within(vault), list, current, step(version.as_str(), None)]
            }
            Self::Audit => vec![step("Audit", None)],
            Self::Elsewhere => vec![vaults()],
        }
    }
}

impl Viewer<'_> {
    /// When the request arrived, Unix seconds.
    pub(super) fn now(&self) -> i64 {
        self.call.ctx.seconds()
    }

    /// One more request to the gate for the same page: it gets a record of its own.
    ///
    /// # Errors
    /// 500 without randomness.
    pub(super) fn further(&self) -> Result<RequestContext, Problem> {
        let ctx = &self.call.ctx;
        let id = uuid_v7(ctx.now, &*self.services.entropy).map_err(|_| Problem::internal())?;
        Ok(RequestContext::new(id, Arc::clone(&ctx.principal), ctx.client, ctx.listener, ctx.now))
    }

    /// What every form of this session must send back.
    pub(super) fn form_token(&self) -> String {
        self.services.entrance.form_token(self.session)
    }

    /// Vaults to show in the sidebar; none when they cannot be read, which the page itself tells.
    pub(super) async fn vaults(&self) -> Vec<Arc<Vault>> {
        self.services.admin.visible_vaults(&self.call.ctx).await.unwrap_or_default()
    }

    /// Whether the gate would allow something now; promises nothing for the next request.
    pub(super) async fn may(&self, ask: &Ask<'_>) -> bool {
        self.services.admin.may(&self.call.ctx, ask).await
    }

    /// The frame.
    pub(super) async fn shell(&self, place: &Place) -> Shell {
        let vaults = self.vaults().await;
        self.shell_with(place, &vaults).await
    }

    /// The frame around vaults that were read already.
    pub(super) async fn shell_with(&self, place: &Place, vaults: &[Arc<Vault>]) -> Shell {
        let now = self.call.ctx.now;
        let entry = |vault: &Arc<Vault>| NavVault {
            name: vault.name.to_string(),
            href: links::secrets(&vault.name),
            secrets_href: (place.vault() == Some(&vault.name)).then(|| links::secrets(&vault.name)),
        };
        let audit = self.may(&Ask::server(Action::AuditRead)).await;
        Shell {
            installation: host(self.services).to_owned(),
            development: self.services.development,
            section: place.section(),
            vaults_href: links::VAULTS.to_owned(),
            vaults: vaults.iter().map(entry).collect(),
            audit_href: audit.then(|| links::AUDIT.to_owned()),
            crumbs: place.crumbs(),
            clock: view::clock(now),
            account: self.account(),
            sign_out: PostForm { action: links::SIGN_OUT.to_owned(), csrf_token: self.form_token() },
            seal: StatusLine { standing: Standing::Good, text: "Unsealed".to_owned() },
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

fn chain(services: &Services, now: i64) -> StatusLine {
    match (services.chain)().verified {
        None => StatusLine { standing: Standing::Unknown, text: "Audit chain not verified yet".to_owned() },
        Some(Verified { at, verdict: Ok(_) }) => StatusLine {
            standing: Standing::Good,
            text: format!("Audit chain verified {}", view::short_moment(at, now)),
        },
        Some(Verified { at, verdict: Err(_) }) => StatusLine {
            standing: Standing::Bad,
            text: format!("Audit chain broken, found {}", view::short_moment(at, now)),
        },
    }
}
