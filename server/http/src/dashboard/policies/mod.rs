//! Policy modules: which there are, what they say of themselves, where they are attached, and what they would have
//! said in shadow.
//!
//! Every change is a use case of the API, of the revision that was on the page. What a module says of itself was
//! written by somebody else: it is text here, and nothing else.

pub(super) mod acts;
pub(super) mod attach;
pub(super) mod attachment;
pub(super) mod bench;
mod denials;
pub(super) mod documents;
pub(super) mod enforce;
mod fared;
pub(super) mod list;
mod logs;
mod manifest;
pub(super) mod module;
mod refused;
pub(super) mod replay;
pub(super) mod replays;
mod schema_form;
mod skeleton;
mod tried;
pub(super) mod upload;
mod views;

use std::cmp::Reverse;

use strongroom_domain::{
    action::Action,
    admin::{ModuleShown, PoliciesShown},
    context::RequestContext,
    gate::Ask,
    names::VaultName,
    policy::{AttachmentState, ModuleDigest, PolicyAttachment},
    vault::VaultUpdate,
};
use strongroom_web::{Cell, Icon, Tone, say};

use super::{Failure, frame::Viewer, links};
use crate::problem::Problem;

/// Digits of a digest that are shown: the command line takes them for all of it.
const DIGITS: usize = 12;

/// Where a module is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AttachedTo {
    /// To every vault, and to making one.
    Everywhere,
    /// To one.
    Vault(VaultName),
}

impl AttachedTo {
    /// In an address: no vault can be called so.
    const EVERYWHERE: &str = "_all";

    /// Reads it out of an address or a form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == Self::EVERYWHERE { Some(Self::Everywhere) } else { VaultName::parse(text).ok().map(Self::Vault) }
    }

    /// As it stands in an address or a form.
    pub(super) fn segment(&self) -> &str {
        match self {
            Self::Everywhere => Self::EVERYWHERE,
            Self::Vault(vault) => vault.as_str(),
        }
    }

    /// As a heading.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Everywhere => say!("policies-all-vaults").to_owned(),
            Self::Vault(vault) => vault.to_string(),
        }
    }

    /// In a sentence.
    fn words(&self) -> String {
        match self {
            Self::Everywhere => say!("policies-all-vaults-2").to_owned(),
            Self::Vault(vault) => say!("policies-the-vault-vault", vault = vault),
        }
    }

    /// As the command line says it.
    fn option(&self) -> String {
        match self {
            Self::Everywhere => "--all-vaults".to_owned(),
            Self::Vault(vault) => format!("--vault {vault}"),
        }
    }

    fn vault(&self) -> Option<&VaultName> {
        match self {
            Self::Everywhere => None,
            Self::Vault(vault) => Some(vault),
        }
    }

    /// What it takes to change what is attached there.
    fn ask_to_change(&self) -> Ask<'_> {
        match self {
            Self::Everywhere => Ask::server(Action::PolicyWrite),
            Self::Vault(vault) => Ask::vault(Action::VaultUpdate, vault),
        }
    }

    /// What is attached there.
    async fn read(&self, viewer: &Viewer<'_>, ctx: &RequestContext) -> Result<PoliciesShown, Failure> {
        Ok(viewer.services.admin.show_policies(ctx, self.vault()).await?)
    }

    /// The same for the page of one of them: without it the record says that nothing was found, as the answer does.
    async fn read_for(&self, viewer: &Viewer<'_>, name: &str) -> Result<PoliciesShown, Failure> {
        Ok(viewer.services.admin.show_attachment(&viewer.call.ctx, self.vault(), name).await?)
    }

    /// Attaches these in place of those that were read at this revision; forced, also where one of them denies the
    /// connection that is asked over.
    async fn put(
        &self,
        viewer: &Viewer<'_>,
        revision: i64,
        policies: Vec<PolicyAttachment>,
        force: bool,
    ) -> Result<(), Failure> {
        let (admin, ctx) = (&viewer.services.admin, &viewer.call.ctx);
        match self {
            Self::Everywhere => drop(admin.put_policies_everywhere(ctx, Some(revision), &policies, force).await?),
            Self::Vault(vault) => {
                let update = VaultUpdate { policies: Some(policies), force, ..VaultUpdate::default() };
                drop(admin.update_vault(ctx, vault, Some(revision), &update).await?);
            }
        }
        Ok(())
    }

    /// Puts in its place what was attached under this name before.
    async fn roll_back(&self, viewer: &Viewer<'_>, revision: i64, name: &str, force: bool) -> Result<(), Failure> {
        let (admin, ctx) = (&viewer.services.admin, &viewer.call.ctx);
        match self {
            Self::Everywhere => drop(admin.roll_back_everywhere(ctx, name, Some(revision), force).await?),
            Self::Vault(vault) => {
                let update = VaultUpdate { roll_back: Some(name.to_owned()), force, ..VaultUpdate::default() };
                drop(admin.update_vault(ctx, vault, Some(revision), &update).await?);
            }
        }
        Ok(())
    }
}

/// The attachment that an address names.
fn addressed(viewer: &Viewer<'_>) -> Result<(AttachedTo, String), Problem> {
    let to = AttachedTo::parse(viewer.call.parameter(0)).ok_or_else(Problem::no_route)?;
    Ok((to, viewer.call.parameter(1).to_owned()))
}

/// The module that an address names.
fn digest(viewer: &Viewer<'_>) -> Result<ModuleDigest, Problem> {
    viewer.call.parameter(0).parse().map_err(|_| Problem::no_route())
}

/// What is attached, without what was seen of it.
fn attachments(shown: &PoliciesShown) -> Vec<PolicyAttachment> {
    shown.policies.iter().map(|one| one.attachment.clone()).collect()
}

/// The modules, to name them beside their digests; none for who may not see them.
#[derive(Default)]
struct Modules(Vec<ModuleShown>);

impl Modules {
    /// Asked for beside the page's own question.
    async fn told(viewer: &Viewer<'_>) -> Self {
        if !viewer.may(&Ask::server(Action::PolicyModuleRead)).await {
            return Self::default();
        }
        let Ok(ctx) = viewer.further() else { return Self::default() };
        let mut modules = viewer.services.admin.list_modules(&ctx).await.unwrap_or_default();
        modules.sort_by(|one, other| in_order(one).cmp(&in_order(other)));
        Self(modules)
    }

    fn find(&self, digest: &ModuleDigest) -> Option<&ModuleShown> {
        self.0.iter().find(|module| module.facts.digest == *digest)
    }

    /// Name and version, or the beginning of the digest.
    fn called(&self, digest: &ModuleDigest) -> String {
        self.find(digest).map_or_else(
            || say!("policies-attached-module-digest", digest = short(digest)),
            |ModuleShown { facts, .. }| format!("{} {}", facts.name, facts.version),
        )
    }

    /// The same as a link, with the digest below.
    fn cell(&self, digest: &ModuleDigest) -> Cell {
        Cell::Link { text: self.called(digest), href: links::module(digest), small: Some(short(digest)) }
    }

    /// Those of one name.
    fn versions<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ModuleShown> {
        self.0.iter().filter(move |module| module.facts.name == name)
    }
}

/// By name, and of one name the newest first; one that ships came with the server, before any other.
fn in_order(module: &ModuleShown) -> (&str, Reverse<Option<i64>>) {
    (&module.facts.name, Reverse(module.uploaded.as_ref().map(|(_, at)| *at)))
}

fn short(digest: &ModuleDigest) -> String {
    digest.to_string().chars().take(DIGITS).collect()
}

/// A state as the API and the command line say it.
fn word(state: AttachmentState) -> &'static str {
    match state {
        AttachmentState::Off => "off",
        AttachmentState::Shadow => "shadow",
        AttachmentState::Enforce => "enforce",
    }
}

fn state_of(text: &str) -> Option<AttachmentState> {
    use AttachmentState::{Enforce, Off, Shadow};
    [Off, Shadow, Enforce].into_iter().find(|state| word(*state) == text)
}

/// A state as a badge: what is in shadow decides nothing, and is drawn so.
fn badge(state: AttachmentState) -> (Tone, Icon, String) {
    let (tone, icon, word) = match state {
        AttachmentState::Off => (Tone::Plain, Icon::Off, say!("policies-off")),
        AttachmentState::Shadow => (Tone::Shadow, Icon::Shadow, say!("policies-shadow")),
        AttachmentState::Enforce => (Tone::Good, Icon::Check, say!("policies-enforced")),
    };
    (tone, icon, word.to_owned())
}

pub(super) fn badge_cell(state: AttachmentState, small: Option<String>) -> Cell {
    let (tone, icon, text) = badge(state);
    Cell::Badge { tone, icon, text, small }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_vault_is_taken_for_all_of_them() {
        assert!(VaultName::parse(AttachedTo::EVERYWHERE).is_err());
        for to in [AttachedTo::Everywhere, AttachedTo::Vault(VaultName::parse("demo").unwrap())] {
            assert_eq!(AttachedTo::parse(to.segment()), Some(to));
        }
        assert_eq!(AttachedTo::parse("_other"), None);
    }

    #[test]
    fn states_are_read_as_they_are_written() {
        for state in [AttachmentState::Off, AttachmentState::Shadow, AttachmentState::Enforce] {
            assert_eq!(state_of(word(state)), Some(state));
        }
        assert_eq!(state_of("Enforce"), None);
    }
}
