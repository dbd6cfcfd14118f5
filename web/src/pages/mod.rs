//! One file per page: its view model, its samples, its snapshot test.

mod audit;
mod audit_samples;
mod command_line;
mod denied;
mod error;
mod not_found;
mod secret;
mod secret_samples;
mod secrets;
mod sign_in;
mod signed_out;
mod vaults;

pub use audit::{AuditFilter, AuditPage, AuditRow, ChainBadge, Outcome, PrincipalKind};
pub use command_line::CommandLinePage;
pub use denied::{DeniedPage, Stage, StageState};
pub use error::{Changed, ErrorPage};
pub use not_found::NotFoundPage;
pub(crate) use secret::Run;
pub use secret::{ReasonField, RevealForm, Revealed, SecretPage, Snippet, VersionRow};
pub use secrets::{SecretRow, SecretsPage};
pub use sign_in::{Provider, SignInPage};
pub use signed_out::SignedOutPage;
pub use vaults::{VaultRow, VaultsPage};
