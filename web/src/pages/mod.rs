//! One file per page: its view model, its samples, its snapshot test.

mod audit;
mod audit_samples;
mod command_line;
mod credential;
mod denied;
mod error;
mod kept;
mod not_found;
mod panels;
mod panels_samples;
mod secret;
mod secret_samples;
mod secrets;
mod setup;
mod sign_in;
mod signed_out;

pub use audit::{Alike, AuditPage, AuditRow, ChainBadge, LeftOut, Outcome, PrincipalKind, SavedViews};
pub use command_line::CommandLinePage;
pub use credential::CredentialPage;
pub use denied::{DeniedPage, Stage, StageState};
pub use error::{Changed, ErrorPage};
pub use kept::KeptPage;
pub use not_found::NotFoundPage;
pub use panels::{PanelsPage, Tab};
pub(crate) use secret::Run;
pub use secret::{ReasonField, RevealForm, Revealed, SecretPage, VersionRow};
pub use secrets::{BulkForm, RowReads, SecretFilter, SecretRow, SecretsPage};
pub use setup::SetupPage;
pub use sign_in::{Provider, SignInPage};
pub use signed_out::SignedOutPage;
