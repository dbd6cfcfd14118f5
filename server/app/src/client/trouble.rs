//! What to do about an answer that did not come, or a no: in the words of whoever has to do it.

use std::error::Error as StdError;

use reqwest::StatusCode;
use rustls::CertificateError::{NotValidForName, NotValidForNameContext, UnknownIssuer};
use serde_json::Value;
use strongroom_domain::{action::Action, role::Role};
use url::Url;

use super::origin;
use crate::plain::plain;

/// A no of the server, in its own words, on one line.
#[derive(Debug, thiserror::Error)]
#[error("{message} ({status}, {code}{inner}){help}")]
pub(crate) struct Refused {
    /// What the answer's status was.
    pub(crate) status: StatusCode,
    code: String,
    /// With a slash in front, or nothing.
    inner: String,
    message: String,
    help: String,
}

/// The token endpoint said no: 401 means the same here as with a request.
pub(super) fn no_token(status: StatusCode, why: &str) -> anyhow::Error {
    match status {
        StatusCode::UNAUTHORIZED => anyhow::Error::new(NoToken).context(why.to_owned()),
        _ => anyhow::anyhow!("{why}"),
    }
}

/// Who asks did not show who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("see AZURE_CLIENT_ID and AZURE_CLIENT_SECRET")]
pub(crate) struct NoToken;

impl Refused {
    pub(super) fn of(status: StatusCode, answer: &Value) -> Self {
        let part = |pointer| plain(answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
        let message = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
        let (code, inner) = (part("/error/code"), part("/error/innererror/code"));
        let help = after_denial(&inner, message).or_else(|| where_to_look(status, &code).map(str::to_owned));
        let help = help.map_or_else(String::new, |help| format!("; {help}"));
        let inner = if inner.is_empty() { inner } else { format!("/{inner}") };
        Self { status, code, inner, message: plain(&message.replace("\r\n", "; ")), help }
    }
}

/// Why nothing was answered, and what to try.
pub(super) fn no_answer(error: reqwest::Error, url: &Url) -> anyhow::Error {
    let at = origin(url);
    if refused(&error) {
        return anyhow::anyhow!("{at} refuses the connection: is the server running?");
    }
    match certificate(&error) {
        Some(rustls::Error::InvalidCertificate(UnknownIssuer)) => anyhow::anyhow!(
            "the certificate of {at} is not trusted: name the file of its certificate authority with --ca or VAULT_CA \
             (in development: source the dev.env of the data directory)"
        ),
        Some(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
            anyhow::anyhow!("the certificate of {at} is for another name: is the address right?")
        }
        Some(other) => anyhow::anyhow!("no trusted connection to {at}: {other}"),
        None => anyhow::Error::new(error.without_url()).context(format!("{at} does not answer")),
    }
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        // An I/O error that wraps another skips it when asked for its source.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

fn refused(error: &reqwest::Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn certificate(error: &reqwest::Error) -> Option<&rustls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>())
}

/// What would help after a 403, as far as its message tells: which role contains the action that is
/// missing. That is the same for everybody, and written in the documents.
fn after_denial(inner: &str, message: &str) -> Option<String> {
    if inner != "ForbiddenByRbac" {
        return None;
    }
    let named = message.split("Action: '").nth(1)?.split('\'').next()?;
    let action = Action::ALL.iter().copied().find(|action| action.data_action() == named)?;
    let role = Role::least_for(action)?;
    // Set by `dev.env`, and by nobody else.
    let development = std::env::var_os("OPERATOR_CLIENT_ID").is_some();
    Some(format!(
        "it needs the role \"{}\" or a wider one{}",
        role.name(),
        if development { "; in development, put as_operator in front of the command" } else { "" }
    ))
}

/// After a 404: the command that names what there is.
fn where_to_look(status: StatusCode, code: &str) -> Option<&'static str> {
    if status != StatusCode::NOT_FOUND {
        return None;
    }
    Some(match code {
        "SecretNotFound" => "strongroom secret list names those there are, --deleted those that can be recovered",
        "KeyNotFound" => "strongroom key list names those there are, --deleted those that can be recovered",
        "CertificateNotFound" => {
            "strongroom certificate list names those there are, --deleted those that can be recovered"
        }
        "VaultNotFound" => "strongroom vault list names those that you may see, --deleted those that can be recovered",
        "RoleAssignmentNotFound" => "strongroom assignment list names those there are",
        "RoleDefinitionNotFound" => "strongroom role list names those there are",
        "AccessPolicyNotFound" => "strongroom access-policy list names those there are",
        "PolicyModuleNotFound" => "strongroom policy list names those there are",
        "RecordNotFound" => "strongroom audit tail names the newest",
        _ => return None,
    })
}

/// Whether an address is the server's own and not that of a vault.
pub(super) fn names_no_vault(url: &Url, base: &str) -> bool {
    origin(url) == base && !url.path().starts_with("/api/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_with_the_command_that_names_what_is() {
        let answer = serde_json::json!({ "error": { "code": "VaultNotFound", "message": "There is no such vault." } });
        let said = Refused::of(StatusCode::NOT_FOUND, &answer).to_string();
        assert!(
            said.starts_with("There is no such vault. (404 Not Found, VaultNotFound); strongroom vault list"),
            "{said}"
        );
        let said = Refused::of(StatusCode::CONFLICT, &answer).to_string();
        assert!(said.ends_with("VaultNotFound)"), "of a conflict there is nothing to look up: {said}");
    }
}
