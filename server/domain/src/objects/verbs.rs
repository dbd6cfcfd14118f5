//! The actions by which one kind of object goes through its life.

use crate::{action::Action, names::ObjectKind};

/// A kind of object, and what each step of its life is called.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each names the step")]
pub struct Verbs {
    pub kind: ObjectKind,
    pub list: Action,
    pub list_deleted: Action,
    pub list_versions: Action,
    pub show: Action,
    pub get_deleted: Action,
    pub update: Action,
    pub delete: Action,
    pub recover: Action,
    pub purge: Action,
    pub backup: Action,
    pub restore: Action,
}

impl Verbs {
    /// Those of secrets.
    pub const SECRETS: &'static Self = &Self {
        kind: ObjectKind::Secret,
        list: Action::SecretList,
        list_deleted: Action::SecretListDeleted,
        list_versions: Action::SecretListVersions,
        show: Action::SecretShow,
        get_deleted: Action::SecretGetDeleted,
        update: Action::SecretUpdate,
        delete: Action::SecretDelete,
        recover: Action::SecretRecover,
        purge: Action::SecretPurge,
        backup: Action::SecretBackup,
        restore: Action::SecretRestore,
    };
    /// Those of keys. What may be known of a key is all that a read of it gives.
    pub const KEYS: &'static Self = &Self {
        kind: ObjectKind::Key,
        list: Action::KeyList,
        list_deleted: Action::KeyListDeleted,
        list_versions: Action::KeyListVersions,
        show: Action::KeyGet,
        get_deleted: Action::KeyGetDeleted,
        update: Action::KeyUpdate,
        delete: Action::KeyDelete,
        recover: Action::KeyRecover,
        purge: Action::KeyPurge,
        backup: Action::KeyBackup,
        restore: Action::KeyRestore,
    };
    /// Those of certificates.
    pub const CERTIFICATES: &'static Self = &Self {
        kind: ObjectKind::Certificate,
        list: Action::CertificateList,
        list_deleted: Action::CertificateListDeleted,
        list_versions: Action::CertificateListVersions,
        show: Action::CertificateGet,
        get_deleted: Action::CertificateGetDeleted,
        update: Action::CertificateUpdate,
        delete: Action::CertificateDelete,
        recover: Action::CertificateRecover,
        purge: Action::CertificatePurge,
        backup: Action::CertificateBackup,
        restore: Action::CertificateRestore,
    };

    /// Those of issuers, which are listed like everything else, and have neither versions nor a soft delete.
    pub const ISSUERS: &'static Self = &Self {
        kind: ObjectKind::Issuer,
        list: Action::IssuerList,
        list_deleted: Action::IssuerList,
        list_versions: Action::IssuerList,
        show: Action::IssuerGet,
        get_deleted: Action::IssuerGet,
        update: Action::IssuerUpdate,
        delete: Action::IssuerDelete,
        recover: Action::IssuerSet,
        purge: Action::IssuerDelete,
        backup: Action::IssuerGet,
        restore: Action::IssuerSet,
    };

    /// Those of a kind.
    #[must_use]
    pub fn of(kind: ObjectKind) -> &'static Self {
        match kind {
            ObjectKind::Key => Self::KEYS,
            ObjectKind::Certificate => Self::CERTIFICATES,
            _ => Self::SECRETS,
        }
    }
}
