//! Secrets, keys and certificates where pages treat them alike: lists, versions, deletion, recovery.

use strongroom_domain::{
    action::Action,
    context::RequestContext,
    gate::Ask,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    objects::Searched,
    search::Search,
    secret::{SecretItem, VaultFacts},
    secrets::{MAX_PAGE, SecretPage},
};
use strongroom_web::say;

use super::{Failure, frame::Viewer, links};

/// Pages of versions that are read for a list. They come in no order of time, so the newest are only known when
/// all are read.
const VERSION_PAGES: usize = 4;

/// A kind of object that pages show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    Key,
    Certificate,
}

impl Kind {
    /// `secret`
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Key => "key",
            Self::Certificate => "certificate",
        }
    }

    /// `secrets`: also the last part of the list's address, here and in the API.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Key => "keys",
            Self::Certificate => "certificates",
        }
    }

    /// The last part of the address of the list of what is deleted.
    pub(super) fn deleted(self) -> &'static str {
        match self {
            Self::Secret => "deleted",
            Self::Key => "deleted-keys",
            Self::Certificate => "deleted-certificates",
        }
    }

    pub(super) fn deleting(self) -> Action {
        match self {
            Self::Secret => Action::SecretDelete,
            Self::Key => Action::KeyDelete,
            Self::Certificate => Action::CertificateDelete,
        }
    }

    pub(super) fn recovering(self) -> Action {
        match self {
            Self::Secret => Action::SecretRecover,
            Self::Key => Action::KeyRecover,
            Self::Certificate => Action::CertificateRecover,
        }
    }

    pub(super) fn purging(self) -> Action {
        match self {
            Self::Secret => Action::SecretPurge,
            Self::Key => Action::KeyPurge,
            Self::Certificate => Action::CertificatePurge,
        }
    }

    /// An action on the objects of this kind in a vault.
    pub(super) fn ask(self, action: Action, vault: &VaultName) -> Ask<'_> {
        let kind = match self {
            Self::Secret => ObjectKind::Secret,
            Self::Key => ObjectKind::Key,
            Self::Certificate => ObjectKind::Certificate,
        };
        Ask::objects(kind, action, vault)
    }

    /// Why nothing is offered of one that a certificate keeps.
    pub(super) fn managed_words(self, name: &ObjectName) -> String {
        say!("kinds-this-word-belongs-to-the", word = self.word(), name = name)
    }

    /// The page of an object.
    pub(super) fn href(self, vault: &VaultName, name: &ObjectName) -> String {
        match self {
            Self::Secret => links::secret(vault, name, None),
            Self::Key => links::key(vault, name, None),
            Self::Certificate => links::certificate(vault, name, None),
        }
    }

    pub(super) async fn list(
        self,
        viewer: &Viewer<'_>,
        ctx: &RequestContext,
        vault: &VaultName,
        deleted: bool,
        after: Option<&ObjectName>,
    ) -> Result<SecretPage, Failure> {
        Ok(match self {
            Self::Secret => viewer.services.secrets.list(ctx, vault, deleted, after, MAX_PAGE).await?,
            Self::Key => viewer.services.keys.list(ctx, vault, deleted, after, MAX_PAGE).await?,
            Self::Certificate => viewer.services.certificates.list(ctx, vault, deleted, after, MAX_PAGE).await?,
        })
    }

    pub(super) async fn search(
        self,
        viewer: &Viewer<'_>,
        ctx: &RequestContext,
        vault: &VaultName,
        (search, limit): (&Search, usize),
    ) -> Result<Searched, Failure> {
        Ok(match self {
            Self::Secret => viewer.services.secrets.search(ctx, vault, search, limit).await?,
            Self::Key => viewer.services.keys.search(ctx, vault, search, limit).await?,
            Self::Certificate => viewer.services.certificates.search(ctx, vault, search, limit).await?,
        })
    }

    pub(super) async fn show(
        self,
        viewer: &Viewer<'_>,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), Failure> {
        let ctx = &viewer.call.ctx;
        Ok(match self {
            Self::Secret => viewer.services.secrets.show(ctx, vault, name, None).await?,
            Self::Key => viewer.services.keys.show(ctx, vault, name, None).await?,
            Self::Certificate => viewer.services.certificates.show(ctx, vault, name, None).await?,
        })
    }

    pub(super) async fn get_deleted(
        self,
        viewer: &Viewer<'_>,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), Failure> {
        Ok(match self {
            Self::Secret => viewer.services.secrets.get_deleted(ctx, vault, name).await?,
            Self::Key => viewer.services.keys.get_deleted(ctx, vault, name).await?,
            Self::Certificate => viewer.services.certificates.get_deleted(ctx, vault, name).await?,
        })
    }

    pub(super) async fn delete(self, viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> Result<(), Failure> {
        let ctx = &viewer.call.ctx;
        match self {
            Self::Secret => drop(viewer.services.secrets.delete(ctx, vault, name).await?),
            Self::Key => drop(viewer.services.keys.delete(ctx, vault, name).await?),
            Self::Certificate => drop(viewer.services.certificates.delete(ctx, vault, name).await?),
        }
        Ok(())
    }

    pub(super) async fn recover(
        self,
        viewer: &Viewer<'_>,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(), Failure> {
        let ctx = &viewer.call.ctx;
        match self {
            Self::Secret => drop(viewer.services.secrets.recover(ctx, vault, name).await?),
            Self::Key => drop(viewer.services.keys.recover(ctx, vault, name).await?),
            Self::Certificate => drop(viewer.services.certificates.recover(ctx, vault, name).await?),
        }
        Ok(())
    }

    pub(super) async fn purge(self, viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> Result<(), Failure> {
        let ctx = &viewer.call.ctx;
        match self {
            Self::Secret => viewer.services.secrets.purge(ctx, vault, name).await?,
            Self::Key => viewer.services.keys.purge(ctx, vault, name).await?,
            Self::Certificate => viewer.services.certificates.purge(ctx, vault, name).await?,
        }
        Ok(())
    }

    /// All versions in order of their ids, and whether these are all.
    async fn read_versions(
        self,
        viewer: &Viewer<'_>,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(Vec<SecretItem>, bool), Failure> {
        let mut items = Vec::new();
        let mut after: Option<ObjectVersion> = None;
        for _ in 0..VERSION_PAGES {
            let ctx = viewer.further()?;
            let (page, _) = match self {
                Self::Secret => viewer.services.secrets.versions(&ctx, vault, name, after.as_ref(), MAX_PAGE).await?,
                Self::Key => viewer.services.keys.versions(&ctx, vault, name, after.as_ref(), MAX_PAGE).await?,
                Self::Certificate => {
                    viewer.services.certificates.versions(&ctx, vault, name, after.as_ref(), MAX_PAGE).await?
                }
            };
            items.extend(page.items);
            after = page.next.and_then(|next| ObjectVersion::parse(&next).ok());
            if after.is_none() {
                return Ok((items, true));
            }
        }
        Ok((items, false))
    }

    /// Versions, newest first, and what is missing from them. A list that is refused does not take the page with
    /// it.
    pub(super) async fn versions(
        self,
        viewer: &Viewer<'_>,
        vault: &VaultName,
        shown: &SecretItem,
    ) -> (Vec<SecretItem>, Option<String>) {
        let word = self.word();
        let (mut items, partial) = match self.read_versions(viewer, vault, &shown.secret.name).await {
            Ok((items, true)) => (items, None),
            Ok((items, false)) => {
                let words = say!("kinds-this-word-has-more-than", word = word, items = items.len());
                (items, Some(words))
            }
            Err(Failure::Denied(denial)) => {
                let words = say!(
                    "kinds-you-may-not-list-the",
                    code = denial.reason.told().code(),
                    request_id = denial.request_id
                );
                (Vec::new(), Some(words))
            }
            Err(Failure::Problem(_)) => (Vec::new(), Some(say!("kinds-the-other-versions-could-not").to_owned())),
        };
        if !items.iter().any(|item| item.version.version == shown.version.version) {
            items.push(shown.clone());
        }
        items.sort_by_key(|item| std::cmp::Reverse(item.version.ordinal));
        (items, partial)
    }
}
