//! What goes wrong with secrets, keys and certificates, on the wire. Azure's codes where Azure has some.

use strongroom_crypto::key::{KeyRejected, OperationError, TokenTrouble};
use strongroom_domain::{
    certificates::CertificateError,
    issuers::IssuerError,
    keys::KeyError,
    objects::{NEEDS_PROOF, ObjectError},
    revocations::RevocationError,
    secrets::SecretError,
};

use super::Problem;

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        Self::of_object(&SECRET, error)
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let message = sentence(&error);
        match error {
            KeyError::Object(error) => Self::of_object(&KEY, error),
            KeyError::NoHardware => Self { reason: "no-hardware", ..Self::bad_parameter(message) },
            KeyError::NotMadeInHardware => Self { reason: "not-made-in-hardware", ..Self::bad_parameter(message) },
            KeyError::Rejected(KeyRejected::Generation) => Self::unavailable("unavailable"),
            KeyError::Disabled(_) => Self::new(403, "Forbidden", "key-disabled", message).inner("KeyDisabled"),
            KeyError::OutsideWindow { .. } => Self::new(403, "Forbidden", "outside-window", message),
            KeyError::NotPermitted { .. } => {
                Self::new(403, "Forbidden", "operation-not-permitted", message).inner("KeyOperationForbidden")
            }
            KeyError::AlgorithmRefused(_) => {
                Self::new(403, "Forbidden", "algorithm-refused", message).inner("ForbiddenByPolicy")
            }
            KeyError::Operation(OperationError::Token(TokenTrouble::Unreachable)) => Self {
                message: "The hardware token of this key does not answer. Try again later.".into(),
                ..Self::unavailable("token-unreachable")
            },
            // No status that clients try again by themselves: room comes of what somebody removes.
            KeyError::Operation(OperationError::Token(TokenTrouble::Full)) => {
                Self::new(507, "InsufficientStorage", "token-full", message).inner("TokenFull")
            }
            KeyError::Operation(OperationError::Token(TokenTrouble::Missing)) => Self {
                message: "The key is not in the hardware token that is plugged in.".into(),
                ..Self::unavailable("token-lacks-key")
            },
            KeyError::Operation(OperationError::Token(TokenTrouble::Exchanged)) => {
                Self { reason: "tampered", message, ..Self::internal() }
            }
            KeyError::Operation(OperationError::Failed) => {
                Self { reason: "operation-failed", ..Self::bad_parameter(message) }
            }
            KeyError::Unfit { .. } | KeyError::Operation(_) => {
                Self { reason: "invalid", ..Self::bad_parameter(message) }
            }
            // Refused before anybody was judged.
            KeyError::RandomCount | KeyError::Rotation(_) => Self::bad_parameter(message),
            KeyError::NotDue => Self::new(409, "Conflict", "not-due", message),
            KeyError::Rejected(_) => Self { reason: "invalid", ..Self::bad_parameter(message) },
            KeyError::Busy { retry_after } => Self::throttled(retry_after),
        }
    }
}

impl From<CertificateError> for Problem {
    fn from(error: CertificateError) -> Self {
        let message = sentence(&error);
        let invalid = |message| Self { reason: "invalid", ..Self::bad_parameter(message) };
        match error {
            CertificateError::Object(error) => Self::of_object(&CERTIFICATE, error),
            CertificateError::Key(error) => (*error).into(),
            // Refused before anybody was judged.
            CertificateError::Policy(_) | CertificateError::NotACertificate(_) => Self::bad_parameter(message),
            CertificateError::Import(_)
            | CertificateError::NoPolicy
            | CertificateError::NoSuchIssuer(_)
            | CertificateError::NotInProgress
            | CertificateError::KeyStaysHere
            | CertificateError::OtherKey
            | CertificateError::RevokedByAuthority
            | CertificateError::Expired(_)
            | CertificateError::NotYetValid(_) => invalid(message),
            CertificateError::NotRevoked(_) => Self { reason: "not-revoked", ..Self::bad_parameter(message) },
            CertificateError::IssuerDisabled(_) => Self { reason: "issuer-disabled", ..Self::bad_parameter(message) },
            CertificateError::IssuerUnreachable(_) => Self { message, ..Self::unavailable("issuer-unreachable") },
            CertificateError::IssuerWorks => Self::new(403, "Forbidden", "issuer-works", message),
            CertificateError::InProgress(_) => Self::new(409, "Conflict", "certificate-in-progress", message),
            CertificateError::NotDue => Self::new(409, "Conflict", "not-due", message),
            CertificateError::Unfinished => Self::new(409, "Conflict", "certificate-unfinished", message),
            CertificateError::NoPending(name) => {
                let message = format!("Pending certificate not found: {name}");
                Self::new(404, "PendingCertificateNotFound", "pending-not-found", message)
            }
            CertificateError::Issue(_) => Self::unavailable("unavailable"),
        }
    }
}

impl From<IssuerError> for Problem {
    fn from(error: IssuerError) -> Self {
        let message = sentence(&error);
        match error {
            IssuerError::Object(error) => Self::of_object(&ISSUER, error),
            IssuerError::NoContacts => Self::new(404, "CertificateContactsNotFound", "not-found", message),
            IssuerError::Invalid(_) => Self::bad_parameter(message),
            IssuerError::NoSuchAuthority(_)
            | IssuerError::NotAnAuthority(_)
            | IssuerError::NotHere(_)
            | IssuerError::NotListed => Self { reason: "invalid", ..Self::bad_parameter(message) },
        }
    }
}

impl From<RevocationError> for Problem {
    fn from(error: RevocationError) -> Self {
        let message = sentence(&error);
        match error {
            RevocationError::Object(error) => Self::of_object(&REVOCATIONS, error),
            RevocationError::NoSuchAuthority(_) => Self::new(404, "CertificateNotFound", "not-found", message),
            RevocationError::Invalid(_) | RevocationError::NotACertificate(_) | RevocationError::List(_) => {
                Self { reason: "invalid", ..Self::bad_parameter(message) }
            }
        }
    }
}

/// What one kind of object is called in errors.
struct Noun {
    word: &'static str,
    title: &'static str,
    not_found: &'static str,
    disabled: &'static str,
}

const SECRET: Noun = Noun { word: "secret", title: "Secret", not_found: "SecretNotFound", disabled: "SecretDisabled" };
const KEY: Noun = Noun { word: "key", title: "Key", not_found: "KeyNotFound", disabled: "KeyDisabled" };

const CERTIFICATE: Noun = Noun {
    word: "certificate",
    title: "Certificate",
    not_found: "CertificateNotFound",
    disabled: "CertificateDisabled",
};

const ISSUER: Noun = Noun {
    word: "certificate issuer",
    title: "Certificate issuer",
    not_found: "CertificateIssuerNotFound",
    disabled: "CertificateIssuerDisabled",
};

const REVOCATIONS: Noun = Noun {
    word: "authority's list of revoked certificates",
    title: "Authority's list of revoked certificates",
    not_found: "RevocationListNotFound",
    disabled: "RevocationListDisabled",
};

/// An error as a sentence.
fn sentence(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}

impl Problem {
    fn of_object(noun: &Noun, error: ObjectError) -> Self {
        let Noun { word, title, .. } = noun;
        let message = error.to_string();
        match error {
            ObjectError::Denied(denial) => denial.into(),
            ObjectError::VaultNotFound => Self::new(404, "VaultNotFound", "vault-not-found", "There is no such vault."),
            ObjectError::NotFound(name, version) => {
                let id = version.map_or_else(|| name.to_string(), |version| format!("{name}/{version}"));
                let message = format!("A {word} with (name/id) {id} was not found in this key vault. If you recently deleted this {word} you may be able to recover it using the correct recovery command.");
                Self::new(404, noun.not_found, "not-found", message)
            }
            ObjectError::DeletedNotFound(name) => {
                Self::new(404, noun.not_found, "deleted-not-found", format!("Deleted {title} not found: {name}"))
            }
            ObjectError::DeletedButRecoverable(name) => Self::new(
                409,
                "Conflict",
                "deleted-but-recoverable",
                format!("{title} {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the {word} can only be recovered or purged."),
            )
            .inner("ObjectIsDeletedButRecoverable"),
            ObjectError::Disabled => {
                Self::new(403, "Forbidden", "disabled", format!("Operation get is not allowed on a disabled {word}."))
                    .inner(noun.disabled)
            }
            ObjectError::Managed(name) => Self::new(
                403,
                "Forbidden",
                "managed",
                format!("{title} {name} belongs to the certificate of its name and changes with it alone: ask for the certificate instead."),
            ),
            ObjectError::NameTaken(_) => Self::new(409, "Conflict", "name-taken", sentence(&message)),
            ObjectError::DuplicateSerial => Self::new(409, "Conflict", "duplicate-serial", sentence(&message)),
            ObjectError::PurgeProtected => Self::new(
                403,
                "Forbidden",
                "purge-protected",
                "Operation purge is not allowed because purge protection is enabled for this vault.",
            )
            .inner("ForbiddenByPolicy"),
            ObjectError::Exists(name) => Self::new(
                409,
                "Conflict",
                "exists",
                format!("A {word} with name {name} already exists in this key vault; a backup is restored only under a name that is free."),
            ),
            ObjectError::BadBackup => Self {
                reason: "bad-backup",
                ..Self::bad_parameter("Malformed backup blob: it is damaged, or of another vault or installation.")
            },
            ObjectError::InToken(_) => Self { reason: "in-token", ..Self::bad_parameter(sentence(&message)) },
            ObjectError::TooMuchToBackUp => Self {
                reason: "too-much-to-back-up",
                ..Self::bad_parameter(format!(
                    "the {word} has more than 500 versions, or its versions are too long together, to be backed up"
                ))
            },
            ObjectError::Invalid(_) => Self::bad_parameter(message),
            ObjectError::OtherForm | ObjectError::Unsaid(_) | ObjectError::Reserved(..) => Self { reason: "invalid", ..Self::bad_parameter(sentence(&message)) },
            ObjectError::Impossible(_) => Self { reason: "invalid", ..Self::bad_parameter(message) },
            ObjectError::OtherRevision => Self::new(
                412,
                "PreconditionFailed",
                "other-revision",
                format!("The {word} was changed since it was looked at. Read it again."),
            ),
            ObjectError::NeedsProof => Self::new(403, "Forbidden", NEEDS_PROOF, sentence(&message)),
            ObjectError::Contended => {
                Self::new(409, "Conflict", "contended", format!("The {word} is being changed by others. Try again."))
            }
            ObjectError::Tampered => Self {
                reason: "tampered",
                message: "Stored data fails its authentication.".into(),
                ..Self::internal()
            },
            ObjectError::Busy => Self::throttled(5),
            ObjectError::Unavailable => Self::unavailable("unavailable"),
            ObjectError::NoRecord(no_record) => no_record.into(),
        }
    }
}
