//! Where a page stands: its title, its address, what grants for it are given at, and the way back up.

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::{ObjectName, ObjectVersion, VaultName},
};
use strongroom_web::{Crumb, NavPage, Section, say};

use super::{kinds::Kind, links, policies::AttachedTo};
use crate::{edge::Call, routes::Endpoint};

/// Where a page stands.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// What needs somebody now.
    Overview,
    /// The list of vaults.
    Vaults,
    /// The secrets of a vault.
    Secrets(VaultName),
    /// A secret or one of its versions.
    Secret(VaultName, ObjectName, Option<ObjectVersion>),
    /// The keys of a vault.
    Keys(VaultName),
    /// A key or one of its versions.
    Key(VaultName, ObjectName, Option<ObjectVersion>),
    /// The certificates of a vault.
    Certificates(VaultName),
    /// A certificate or one of its versions.
    Certificate(VaultName, ObjectName, Option<ObjectVersion>),
    /// Who issues certificates of a vault, and who is told about them.
    Issuers(VaultName),
    /// An issuer of a vault.
    Issuer(VaultName, ObjectName),
    /// What is soft-deleted in a vault, of one kind.
    Deleted(VaultName, Kind),
    /// A vault's own page.
    Vault(VaultName),
    /// The network rules of a vault.
    Network(VaultName),
    /// What waits for other people's approval in a vault.
    Approvals(VaultName),
    /// The settings of a vault.
    Settings(VaultName),
    /// Who may do what in a vault.
    VaultAccess(VaultName),
    /// The soft-deleted vaults.
    DeletedVaults,
    /// Who may do what.
    Access,
    /// Why something was decided, or would be.
    Why,
    /// What belongs to whoever is signed in.
    Me,
    /// The settings of the installation.
    Installation,
    /// The policy modules.
    Policies,
    /// A policy module as it is attached somewhere.
    Attachment(AttachedTo, String),
    /// The audit list.
    Audit,
    /// A page below another, by its title: a form, an entry.
    Below(Box<Place>, String),
    /// Nowhere in particular.
    Elsewhere,
}

impl Place {
    /// The place a request is about, if its address names one.
    pub(super) fn of(call: &Call) -> Self {
        let vault = VaultName::parse(call.parameter(0));
        let name = ObjectName::parse(call.parameter(1));
        match (call.endpoint, vault, name) {
            (Endpoint::OverviewPage, ..) => Self::Overview,
            (Endpoint::VaultsPage | Endpoint::Home | Endpoint::NewVaultPage | Endpoint::NewVaultForm, ..) => {
                Self::Vaults
            }
            (
                Endpoint::DeletedVaultsPage
                | Endpoint::VaultRecoverForm
                | Endpoint::VaultPurgePage
                | Endpoint::VaultPurgeForm,
                ..,
            ) => Self::DeletedVaults,
            (
                Endpoint::VaultPage
                | Endpoint::VaultDeletePage
                | Endpoint::VaultDeleteForm
                | Endpoint::ReplaysPage
                | Endpoint::ReplayForm
                | Endpoint::ReplayPage
                | Endpoint::ReplayReviewForm,
                Ok(vault),
                _,
            ) => Self::Vault(vault),
            (Endpoint::NetworkPage | Endpoint::NetworkForm, Ok(vault), _) => Self::Network(vault),
            (Endpoint::ApprovalsPage | Endpoint::ApprovalGrantForm | Endpoint::ApprovalRefuseForm, Ok(vault), _) => {
                Self::Approvals(vault)
            }
            (
                Endpoint::VaultAccessPage
                | Endpoint::AccessPolicyPage
                | Endpoint::AccessPolicyForm
                | Endpoint::AccessPolicyRemovePage
                | Endpoint::AccessPolicyRemoveForm,
                Ok(vault),
                _,
            ) => Self::VaultAccess(vault),
            _ if call.path_begins("access") => Self::Access,
            _ if call.path_begins("me") => Self::Me,
            _ if call.path_begins("settings") => Self::Installation,
            _ if call.path_begins("policy") => match AttachedTo::parse(call.parameter(0)) {
                Some(to) if call.parameters.len() > 1 => Self::Attachment(to, call.parameter(1).to_owned()),
                _ => Self::Policies,
            },
            (
                Endpoint::VaultSettingsPage
                | Endpoint::VaultSettingsForm
                | Endpoint::VaultProtectPage
                | Endpoint::VaultProtectForm,
                Ok(vault),
                _,
            ) => Self::Settings(vault),
            (Endpoint::WhyPage | Endpoint::WhyDecisionPage, ..) => Self::Why,
            (
                Endpoint::AuditPage
                | Endpoint::AuditEntryPage
                | Endpoint::AuditExportPage
                | Endpoint::AuditVerifyPage
                | Endpoint::AuditBundlePage,
                ..,
            ) => Self::Audit,
            (
                Endpoint::SecretsPage
                | Endpoint::NewSecretPage
                | Endpoint::NewSecretForm
                | Endpoint::BulkSecretsForm
                | Endpoint::SecretImportPage
                | Endpoint::SecretImportLookForm
                | Endpoint::SecretImportForm,
                Ok(vault),
                _,
            ) => Self::Secrets(vault),
            (
                Endpoint::DeletedPage | Endpoint::RecoverForm | Endpoint::PurgePage | Endpoint::PurgeForm,
                Ok(vault),
                _,
            ) => Self::Deleted(vault, Kind::Secret),
            (
                Endpoint::DeletedKeysPage | Endpoint::KeyRecoverForm | Endpoint::KeyPurgePage | Endpoint::KeyPurgeForm,
                Ok(vault),
                _,
            ) => Self::Deleted(vault, Kind::Key),
            (
                Endpoint::DeletedCertificatesPage
                | Endpoint::CertificateRecoverForm
                | Endpoint::CertificatePurgePage
                | Endpoint::CertificatePurgeForm,
                Ok(vault),
                _,
            ) => Self::Deleted(vault, Kind::Certificate),
            (
                Endpoint::CertificatesPage
                | Endpoint::MakeCertificatePage
                | Endpoint::MakeCertificateForm
                | Endpoint::CertificateImportPage
                | Endpoint::CertificateLookForm
                | Endpoint::CertificateImportForm,
                Ok(vault),
                _,
            ) => Self::Certificates(vault),
            (
                Endpoint::CertificatePage
                | Endpoint::CertificateVersionPage
                | Endpoint::CertificatePolicyPage
                | Endpoint::CertificatePolicyForm
                | Endpoint::CertificateDeletePage
                | Endpoint::CertificateDeleteForm
                | Endpoint::CertificateRenewForm
                | Endpoint::CertificateMergeForm
                | Endpoint::CertificateCancelForm
                | Endpoint::CertificateForgetForm
                | Endpoint::CertificatePublicFile
                | Endpoint::CertificateExportForm
                | Endpoint::CertificateEditPage
                | Endpoint::CertificateEditForm
                | Endpoint::CertificateEnableForm
                | Endpoint::CertificateDisableForm
                | Endpoint::RevocationsPage
                | Endpoint::RevokeSignedPage
                | Endpoint::RevokeSignedForm
                | Endpoint::RevokeVersionPage
                | Endpoint::RevokeVersionForm,
                Ok(vault),
                Ok(name),
            ) => Self::Certificate(vault, name, ObjectVersion::parse(call.parameter(2)).ok()),
            (
                Endpoint::IssuerPage
                | Endpoint::IssuerEditPage
                | Endpoint::IssuerEditForm
                | Endpoint::IssuerEnableForm
                | Endpoint::IssuerDisableForm
                | Endpoint::IssuerDeletePage
                | Endpoint::IssuerDeleteForm,
                Ok(vault),
                Ok(name),
            ) => Self::Issuer(vault, name),
            (
                Endpoint::IssuersPage
                | Endpoint::NewIssuerPage
                | Endpoint::NewIssuerForm
                | Endpoint::ContactsPage
                | Endpoint::ContactsForm
                | Endpoint::ContactsDeleteForm,
                Ok(vault),
                _,
            ) => Self::Issuers(vault),
            (
                Endpoint::KeysPage
                | Endpoint::NewKeyPage
                | Endpoint::NewKeyForm
                | Endpoint::KeyImportPage
                | Endpoint::KeyLookForm
                | Endpoint::KeyImportForm
                | Endpoint::KeyRestorePage
                | Endpoint::KeyRestoreForm,
                Ok(vault),
                _,
            ) => Self::Keys(vault),
            (
                Endpoint::KeyPage
                | Endpoint::KeyPublicFile
                | Endpoint::KeyBackupForm
                | Endpoint::KeyVersionPage
                | Endpoint::KeyEditPage
                | Endpoint::KeyEditForm
                | Endpoint::KeyEnableForm
                | Endpoint::KeyDisableForm
                | Endpoint::KeyUseForm
                | Endpoint::KeyRotateForm
                | Endpoint::KeyRotationPage
                | Endpoint::KeyRotationForm
                | Endpoint::KeyDeletePage
                | Endpoint::KeyDeleteForm,
                Ok(vault),
                Ok(name),
            ) => Self::Key(vault, name, ObjectVersion::parse(call.parameter(2)).ok()),
            (
                Endpoint::SecretPage
                | Endpoint::SecretVersionPage
                | Endpoint::SecretReveal
                | Endpoint::NewVersionPage
                | Endpoint::NewVersionForm
                | Endpoint::SecretDeletePage
                | Endpoint::SecretDeleteForm
                | Endpoint::VersionEditPage
                | Endpoint::VersionEditForm
                | Endpoint::VersionEnableForm
                | Endpoint::VersionDisableForm
                | Endpoint::CompareForm
                | Endpoint::RollBackForm,
                Ok(vault),
                Ok(name),
            ) => Self::Secret(vault, name, ObjectVersion::parse(call.parameter(2)).ok()),
            _ => Self::Elsewhere,
        }
    }

    /// A page below this one.
    pub(super) fn below(self, title: impl Into<String>) -> Self {
        Self::Below(Box::new(self), title.into())
    }

    /// What the page is about, as a title.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Overview => say!("place-overview").to_owned(),
            Self::Vaults => say!("place-vaults").to_owned(),
            Self::Secrets(vault) => say!("place-secrets-of-vault", vault = vault),
            Self::Keys(vault) => say!("place-keys-of-vault", vault = vault),
            Self::Certificates(vault) => say!("place-certificates-of-vault", vault = vault),
            Self::Issuers(vault) => say!("place-issuers-of-vault", vault = vault),
            Self::Secret(_, name, _)
            | Self::Key(_, name, _)
            | Self::Certificate(_, name, _)
            | Self::Issuer(_, name) => name.to_string(),
            Self::Deleted(vault, kind) => say!("place-deleted-plural-of-vault", plural = kind.plural(), vault = vault),
            Self::Vault(vault) => vault.to_string(),
            Self::Network(vault) => say!("place-network-rules-of-vault", vault = vault),
            Self::Approvals(vault) => say!("place-approvals-in-vault", vault = vault),
            Self::Settings(vault) => say!("place-settings-of-vault", vault = vault),
            Self::VaultAccess(vault) => say!("place-access-to-vault", vault = vault),
            Self::DeletedVaults => say!("place-deleted-vaults").to_owned(),
            Self::Access => say!("place-access").to_owned(),
            Self::Why => say!("place-why").to_owned(),
            Self::Me => say!("place-you").to_owned(),
            Self::Installation => say!("place-settings").to_owned(),
            Self::Policies => say!("place-policy-modules").to_owned(),
            Self::Attachment(_, name) => name.clone(),
            Self::Audit => say!("place-audit").to_owned(),
            Self::Below(_, title) => title.clone(),
            Self::Elsewhere => say!("place-strongroom").to_owned(),
        }
    }

    /// Its address; that of the page above for a page below.
    pub(super) fn href(&self) -> String {
        match self {
            Self::Overview => links::OVERVIEW.to_owned(),
            Self::Vaults | Self::Elsewhere => links::VAULTS.to_owned(),
            Self::Secrets(vault) => links::secrets(vault),
            Self::Secret(vault, name, version) => links::secret(vault, name, version.as_ref()),
            Self::Keys(vault) => links::keys(vault),
            Self::Key(vault, name, version) => links::key(vault, name, version.as_ref()),
            Self::Certificates(vault) => links::certificates(vault),
            Self::Certificate(vault, name, version) => links::certificate(vault, name, version.as_ref()),
            Self::Issuers(vault) => links::issuers(vault),
            Self::Issuer(vault, name) => links::issuer(vault, name),
            Self::Deleted(vault, kind) => links::deleted(*kind, vault),
            Self::Vault(vault) => links::vault(vault),
            Self::Network(vault) => links::in_vault(vault, "network", &[]),
            Self::Approvals(vault) => links::in_vault(vault, "approvals", &[]),
            Self::Settings(vault) => links::in_vault(vault, "settings", &[]),
            Self::VaultAccess(vault) => links::in_vault(vault, "access", &[]),
            Self::DeletedVaults => links::DELETED_VAULTS.to_owned(),
            Self::Access => links::ACCESS.to_owned(),
            Self::Why => links::WHY.to_owned(),
            Self::Me => links::ME.to_owned(),
            Self::Installation => links::SETTINGS.to_owned(),
            Self::Policies => links::POLICY.to_owned(),
            Self::Attachment(to, name) => links::attachment(to, name),
            Self::Audit => links::AUDIT.to_owned(),
            Self::Below(above, _) => above.href(),
        }
    }

    /// The scope that grants for it are given at.
    pub(super) fn scope(&self) -> String {
        match self {
            Self::Secrets(vault)
            | Self::Keys(vault)
            | Self::Certificates(vault)
            | Self::Issuers(vault)
            | Self::Issuer(vault, _)
            | Self::Deleted(vault, _)
            | Self::Vault(vault)
            | Self::Network(vault)
            | Self::Approvals(vault)
            | Self::VaultAccess(vault)
            | Self::Settings(vault) => format!("/vaults/{vault}"),
            Self::Secret(vault, name, _) => format!("/vaults/{vault}/secrets/{name}"),
            Self::Key(vault, name, _) => format!("/vaults/{vault}/keys/{name}"),
            Self::Certificate(vault, name, _) => format!("/vaults/{vault}/certificates/{name}"),
            Self::Attachment(AttachedTo::Vault(vault), _) => format!("/vaults/{vault}"),
            Self::Below(above, _) => above.scope(),
            Self::Attachment(AttachedTo::Everywhere, _)
            | Self::Policies
            | Self::Overview
            | Self::Vaults
            | Self::DeletedVaults
            | Self::Access
            | Self::Why
            | Self::Me
            | Self::Installation
            | Self::Audit
            | Self::Elsewhere => "/".to_owned(),
        }
    }

    /// The scope in words, with those above it.
    pub(super) fn scope_words(&self) -> &'static str {
        match self {
            Self::Secrets(_)
            | Self::Keys(_)
            | Self::Certificates(_)
            | Self::Issuers(_)
            | Self::Issuer(..)
            | Self::Deleted(..)
            | Self::Vault(_)
            | Self::Network(_)
            | Self::Approvals(_)
            | Self::VaultAccess(_)
            | Self::Settings(_)
            | Self::Attachment(AttachedTo::Vault(_), _) => say!("place-on-this-vault-or-the"),
            Self::Secret(..) => say!("place-on-this-secret-its-vault"),
            Self::Key(..) => say!("place-on-this-key-its-vault"),
            Self::Certificate(..) => say!("place-on-this-certificate-its-vault"),
            Self::Below(above, _) => above.scope_words(),
            Self::Attachment(AttachedTo::Everywhere, _)
            | Self::Policies
            | Self::Overview
            | Self::Vaults
            | Self::DeletedVaults
            | Self::Access
            | Self::Why
            | Self::Me
            | Self::Installation
            | Self::Audit
            | Self::Elsewhere => say!("place-on-the-installation"),
        }
    }

    /// The entry of the sidebar that it is under.
    pub(super) fn section(&self) -> Section {
        match self {
            Self::Overview => Section::Overview,
            Self::Vaults | Self::DeletedVaults => Section::Vaults,
            Self::Secrets(_)
            | Self::Secret(..)
            | Self::Keys(_)
            | Self::Key(..)
            | Self::Certificates(_)
            | Self::Certificate(..)
            | Self::Issuers(_)
            | Self::Issuer(..)
            | Self::Deleted(..)
            | Self::Vault(_)
            | Self::Network(_)
            | Self::Approvals(_)
            | Self::VaultAccess(_)
            | Self::Settings(_) => Section::InVault,
            Self::Access => Section::Access,
            Self::Why => Section::Why,
            Self::Policies | Self::Attachment(..) => Section::Policy,
            Self::Audit => Section::Audit,
            Self::Installation => Section::Settings,
            Self::Below(above, _) => above.section(),
            Self::Me | Self::Elsewhere => Section::None,
        }
    }

    /// The vault that the page is in.
    pub(super) fn vault(&self) -> Option<&VaultName> {
        match self {
            Self::Secrets(vault)
            | Self::Secret(vault, ..)
            | Self::Keys(vault)
            | Self::Key(vault, ..)
            | Self::Certificates(vault)
            | Self::Certificate(vault, ..)
            | Self::Issuers(vault)
            | Self::Issuer(vault, _)
            | Self::Deleted(vault, _)
            | Self::Vault(vault)
            | Self::Network(vault)
            | Self::Approvals(vault)
            | Self::VaultAccess(vault)
            | Self::Settings(vault) => Some(vault),
            Self::Below(above, _) => above.vault(),
            Self::Policies
            | Self::Attachment(..)
            | Self::Overview
            | Self::Vaults
            | Self::DeletedVaults
            | Self::Access
            | Self::Why
            | Self::Me
            | Self::Installation
            | Self::Audit
            | Self::Elsewhere => None,
        }
    }

    /// What the open vault expands to, each with what it takes to be let in.
    pub(super) fn pages(&self) -> Vec<(Ask<'_>, NavPage)> {
        let Some(vault) = self.vault() else { return Vec::new() };
        let open = self.bottom();
        let page = |label: &str, href: String, current: bool| NavPage {
            label: label.to_owned(),
            waiting: None,
            href,
            current,
            lacks: None,
        };
        let secrets =
            page(say!("place-secrets"), links::secrets(vault), matches!(open, Self::Secrets(_) | Self::Secret(..)));
        let keys = page(say!("place-keys"), links::keys(vault), matches!(open, Self::Keys(_) | Self::Key(..)));
        let open_certificates =
            matches!(open, Self::Certificates(_) | Self::Certificate(..) | Self::Issuers(_) | Self::Issuer(..));
        let certificates = page(say!("place-certificates"), links::certificates(vault), open_certificates);
        let deleted =
            page(say!("place-deleted"), links::deleted(Kind::Secret, vault), matches!(open, Self::Deleted(..)));
        let access =
            page(say!("place-access"), links::in_vault(vault, "access", &[]), matches!(open, Self::VaultAccess(_)));
        let network =
            page(say!("place-network-rules"), links::in_vault(vault, "network", &[]), matches!(open, Self::Network(_)));
        let approvals =
            page(say!("place-approvals"), links::in_vault(vault, "approvals", &[]), matches!(open, Self::Approvals(_)));
        let settings =
            page(say!("place-settings"), links::in_vault(vault, "settings", &[]), matches!(open, Self::Settings(_)));
        vec![
            (Kind::Secret.ask(Action::SecretList, vault), secrets),
            (Kind::Key.ask(Action::KeyList, vault), keys),
            (Kind::Certificate.ask(Action::CertificateList, vault), certificates),
            (Kind::Secret.ask(Action::SecretListDeleted, vault), deleted),
            (Ask::vault(Action::AssignmentRead, vault), access),
            (Ask::vault(Action::VaultRead, vault), network),
            (Ask::vault(Action::ApprovalRead, vault), approvals),
            (Ask::vault(Action::VaultRead, vault), settings),
        ]
    }

    /// The place itself, without pages below it.
    pub(super) fn bottom(&self) -> &Self {
        match self {
            Self::Below(above, _) => above.bottom(),
            place => place,
        }
    }

    /// The way from the top to here.
    pub(super) fn crumbs(&self) -> Vec<Crumb> {
        let step = |label: &str, href: Option<String>| Crumb { label: label.to_owned(), href };
        let vaults = || step(say!("place-vaults"), Some(links::VAULTS.to_owned()));
        let within = |vault: &VaultName| step(vault.as_str(), Some(links::vault(vault)));
        match self {
            Self::Overview => vec![step(say!("place-overview"), None)],
            Self::Vaults => vec![step(say!("place-vaults"), None)],
            Self::Secrets(vault) => vec![vaults(), within(vault), step(say!("place-secrets"), None)],
            Self::Keys(vault) => vec![vaults(), within(vault), step(say!("place-keys"), None)],
            Self::Certificates(vault) => vec![vaults(), within(vault), step(say!("place-certificates"), None)],
            Self::Issuers(vault) => {
                let list = step(say!("place-certificates"), Some(links::certificates(vault)));
                vec![vaults(), within(vault), list, step(say!("place-issuers"), None)]
            }
            Self::Issuer(vault, name) => Self::Issuers(vault.clone()).below(name.display()).crumbs(),
            Self::Certificate(vault, name, version) => {
                let list = step(say!("place-certificates"), Some(links::certificates(vault)));
                let current = version.as_ref().map(|_| links::certificate(vault, name, None));
                let mut crumbs = vec![vaults(), within(vault), list, step(name.display(), current)];
                crumbs.extend(version.as_ref().map(|version| step(version.as_str(), None)));
                crumbs
            }
            Self::Deleted(vault, _) => vec![vaults(), within(vault), step(say!("place-deleted"), None)],
            Self::Vault(vault) => vec![vaults(), step(vault.as_str(), None)],
            Self::Network(vault) => vec![vaults(), within(vault), step(say!("place-network-rules"), None)],
            Self::Approvals(vault) => vec![vaults(), within(vault), step(say!("place-approvals"), None)],
            Self::Settings(vault) => vec![vaults(), within(vault), step(say!("place-settings"), None)],
            Self::VaultAccess(vault) => vec![vaults(), within(vault), step(say!("place-access"), None)],
            Self::DeletedVaults => vec![vaults(), step(say!("place-deleted-vaults"), None)],
            Self::Access => vec![step(say!("place-access"), None)],
            Self::Why => vec![step(say!("place-why"), None)],
            Self::Me => vec![step(say!("place-you"), None)],
            Self::Installation => vec![step(say!("place-settings"), None)],
            Self::Secret(vault, name, None) => {
                let list = step(say!("place-secrets"), Some(links::secrets(vault)));
                vec![vaults(), within(vault), list, step(name.display(), None)]
            }
            Self::Secret(vault, name, Some(version)) => {
                let list = step(say!("place-secrets"), Some(links::secrets(vault)));
                let current = step(name.display(), Some(links::secret(vault, name, None)));
                vec![vaults(), within(vault), list, current, step(version.as_str(), None)]
            }
            Self::Key(vault, name, None) => {
                let list = step(say!("place-keys"), Some(links::keys(vault)));
                vec![vaults(), within(vault), list, step(name.display(), None)]
            }
            Self::Key(vault, name, Some(version)) => {
                let list = step(say!("place-keys"), Some(links::keys(vault)));
                let current = step(name.display(), Some(links::key(vault, name, None)));
                vec![vaults(), within(vault), list, current, step(version.as_str(), None)]
            }
            Self::Policies => vec![step(say!("place-policy-modules"), None)],
            Self::Attachment(to, name) => {
                let list = step(say!("place-policy-modules"), Some(links::POLICY.to_owned()));
                vec![list, step(&to.title(), None), step(name, None)]
            }
            Self::Audit => vec![step(say!("place-audit"), None)],
            Self::Below(above, title) => {
                let mut crumbs = above.crumbs();
                if let Some(last) = crumbs.last_mut() {
                    last.href = Some(above.href());
                }
                crumbs.push(step(title, None));
                crumbs
            }
            Self::Elsewhere => vec![vaults()],
        }
    }
}
