//! Whom a grant is for, and where it applies, as the management API and the query say it.

use serde::Deserialize;
use strongroom_domain::{
    action::Action,
    admin::{ScopeRequest, WorkloadLabels},
    gate::Ask,
    names::ObjectName,
    principal::{Grantee, PrincipalId},
    text::deceives_in_names,
};
use url::{Host, Url};
use uuid::Uuid;

use super::vault_name;
use crate::{edge::Call, message::Request, problem::Problem, services::Services};

/// A grantee as the caller names it.
#[derive(Default, Deserialize)]
pub(crate) struct Whom {
    /// Issuer and subject of a principal, or issuer and group.
    #[serde(default)]
    pub(crate) issuer: Option<String>,
    #[serde(default)]
    pub(crate) subject: Option<String>,
    #[serde(default)]
    pub(crate) group: Option<String>,
    /// Instead: the client id of a workload kept here.
    #[serde(default)]
    pub(crate) client_id: Option<Uuid>,
}

impl Whom {
    /// Reads it from a query.
    pub(crate) fn of_query(request: &Request) -> Result<Option<Self>, Problem> {
        let given = |name| request.query(name).map(str::to_owned);
        let client_id = match given("client_id") {
            Some(text) => {
                Some(Uuid::try_parse(&text).map_err(|_| Problem::bad_parameter("client_id is a workload's id."))?)
            }
            None => None,
        };
        let whom = Self { issuer: given("issuer"), subject: given("subject"), group: given("group"), client_id };
        let nobody = whom.issuer.is_none() && whom.subject.is_none() && whom.group.is_none() && client_id.is_none();
        Ok((!nobody).then_some(whom))
    }

    /// The grantee, for giving something: the form of an address is all that can be asked of an issuer that
    /// may be configured later.
    pub(crate) fn grantee_to_be(self, services: &Services) -> Result<Grantee, Problem> {
        self.grantee(services).and_then(with_an_issuer)
    }

    /// The grantee.
    pub(crate) fn grantee(self, services: &Services) -> Result<Grantee, Problem> {
        match (self.client_id, self.issuer, self.subject, self.group) {
            (Some(client_id), None, None, None) => Ok(workload(services, client_id)),
            (None, Some(issuer), Some(subject), None) => {
                Ok(Grantee::Principal { id: PrincipalId { issuer: bounded(issuer)?, subject: bounded(subject)? } })
            }
            (None, Some(issuer), None, Some(group)) => {
                Ok(Grantee::Group { issuer: bounded(issuer)?, group: bounded(group)? })
            }
            _ => Err(Problem::bad_parameter(
                "Name the grantee by client_id, by issuer and subject, or by issuer and group.",
            )),
        }
    }
}

/// A grantee that is what it looks like, and whose issuer could be one. Anything else is a mistake that nobody would notice: the grant would
/// stand and never count.
pub(crate) fn with_an_issuer(grantee: Grantee) -> Result<Grantee, Problem> {
    let (Grantee::Principal { id: PrincipalId { issuer, subject: name } } | Grantee::Group { issuer, group: name }) =
        &grantee;
    // It would stand beside somebody else in every list and look the same.
    if name.contains(deceives_in_names) || issuer.contains(deceives_in_names) {
        return Err(Problem::bad_parameter("A subject or group has no characters that nobody sees."));
    }
    if could_be_an_issuer(issuer) {
        return Ok(grantee);
    }
    Err(Problem::bad_parameter(
        "An issuer is an https address, exactly as its tokens say it: https://login.example.com#payments-team, for example, \
         is the group or subject payments-team of the issuer https://login.example.com.",
    ))
}

/// Whether an issuer has this name (OpenID Connect Core 1.0, section 2: an https URL without query and fragment).
pub(crate) fn could_be_an_issuer(issuer: &str) -> bool {
    Url::parse(issuer).is_ok_and(|url| {
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        scheme && url.query().is_none() && url.fragment().is_none()
    })
}

/// Most issuers that a warning names.
const NAMED_ISSUERS: usize = 10;

/// What to tell whoever has granted something to this grantee: it may be meant for later. Which issuers there
/// are is told to those who may have tokens explained, which tells it too.
pub(crate) async fn warnings(services: &Services, call: &Call, grantee: &Grantee) -> Vec<String> {
    let (Grantee::Principal { id: PrincipalId { issuer, .. } } | Grantee::Group { issuer, .. }) = grantee;
    if services.authenticator.knows(issuer) || services.sign_in.knows(issuer) {
        return Vec::new();
    }
    let warning = format!("No issuer {issuer} is configured, so nobody can come as this grantee.");
    let people = services.sign_in.providers().into_iter().map(|provider| provider.issuer);
    let known = people.chain(services.authenticator.issuers()).collect();
    vec![unconfigured(services, call, &warning, known).await]
}

/// The warning that an issuer is not configured, with those that are for whoever may know them.
pub(crate) async fn unconfigured(services: &Services, call: &Call, warning: &str, mut known: Vec<String>) -> String {
    if !services.admin.may(&call.ctx, &Ask::server(Action::TokenExplain)).await {
        return format!("{warning} Those who may have tokens explained are told which issuers are.");
    }
    // Its workloads are named by their client ids.
    known.retain(|issuer| *issuer != services.objects.gate.own_issuer);
    known.sort_unstable();
    known.dedup();
    format!("{warning} {}", configured(&known))
}

/// The configured issuers in a sentence.
fn configured(issuers: &[String]) -> String {
    let named = issuers.iter().take(NAMED_ISSUERS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match issuers.len() {
        0 => "None is but the installation itself, whose workloads are named by their client ids.".to_owned(),
        1 => format!("The one that is: {named}."),
        count if count > NAMED_ISSUERS => format!("Some of the {count} that are: {named}."),
        _ => format!("Those that are: {named}."),
    }
}

/// The principal that a grantee is; none is a group.
pub(crate) fn principal(grantee: &Grantee) -> Option<&PrincipalId> {
    match grantee {
        Grantee::Principal { id } => Some(id),
        Grantee::Group { .. } => None,
    }
}

/// What is told of a grantee that is, or was, a workload kept here: its name, and whether it was deleted.
pub(crate) fn told_of<'a>(grantee: &Grantee, labels: &'a WorkloadLabels, own_issuer: &str) -> (Option<&'a str>, bool) {
    match principal(grantee) {
        Some(id) => (labels.name(id, own_issuer), labels.is_gone(id, own_issuer)),
        None => (None, false),
    }
}

/// A workload kept here, as a grantee.
pub(crate) fn workload(services: &Services, client_id: Uuid) -> Grantee {
    let issuer = services.objects.gate.own_issuer.clone();
    Grantee::Principal { id: PrincipalId { issuer, subject: client_id.to_string() } }
}

pub(crate) fn bounded(text: String) -> Result<String, Problem> {
    if (1..=256).contains(&text.len()) && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(Problem::bad_parameter("Issuer, subject and group have 1 to 256 printable characters."))
    }
}

/// `/`, `/vaults/{vault}`, or `/vaults/{vault}/` with `secrets/{name}`, `keys/{name}` or `certificates/{name}`.
pub(crate) fn scope(text: &str) -> Result<ScopeRequest, Problem> {
    let wrong = || {
        Problem::bad_parameter(
            "A scope is /, /vaults/{vault}, or /vaults/{vault}/ with secrets/{name}, keys/{name} or certificates/{name}.",
        )
    };
    let parts: Vec<&str> = text.strip_prefix('/').ok_or_else(wrong)?.split('/').collect();
    match parts.as_slice() {
        [""] => Ok(ScopeRequest::Server),
        ["vaults", vault] => Ok(ScopeRequest::Vault(vault_name(vault)?)),
        ["vaults", vault, "secrets", name] => {
            Ok(ScopeRequest::Secret(vault_name(vault)?, ObjectName::parse(name).map_err(|_| wrong())?))
        }
        ["vaults", vault, "keys", name] => {
            Ok(ScopeRequest::Key(vault_name(vault)?, ObjectName::parse(name).map_err(|_| wrong())?))
        }
        ["vaults", vault, "certificates", name] => {
            Ok(ScopeRequest::Certificate(vault_name(vault)?, ObjectName::parse(name).map_err(|_| wrong())?))
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_issuers_are_named_and_not_without_end() {
        let named = |count: usize| configured(&(0..count).map(|n| format!("https://i{n}")).collect::<Vec<_>>());
        assert_eq!(named(1), "The one that is: https://i0.");
        assert_eq!(named(2), "Those that are: https://i0, https://i1.");
        assert!(named(0).contains("client ids"));
        assert!(
            named(500).starts_with("Some of the 500 that are: https://i0, ") && !named(500).contains("https://i10")
        );
    }

    #[test]
    fn an_issuer_is_an_address() {
        let group = |issuer: &str| Grantee::Group { issuer: issuer.to_owned(), group: "ops".to_owned() };
        for issuer in ["https://login.example.com", "https://127.0.0.1:8444", "http://localhost:9000/realms/x"] {
            assert_eq!(with_an_issuer(group(issuer)).unwrap(), group(issuer), "as it was written");
        }
        for issuer in
            ["ISSUER", "i", "login.example.com", "http://login.example.com", "https://", "https://a.example?x"]
        {
            assert!(with_an_issuer(group(issuer)).is_err(), "{issuer}");
        }
        for name in
            ["ada\u{200b}", "ada\u{202e}", "ada\u{200d}", "ada\u{3164}", "ada\u{2800}", "ada\u{fe0f}", "a\u{a0}b"]
        {
            let issuer = || "https://login.example.com".to_owned();
            let id = PrincipalId { issuer: issuer(), subject: name.to_owned() };
            assert!(with_an_issuer(Grantee::Principal { id }).is_err(), "{name:?}");
            assert!(with_an_issuer(Grantee::Group { issuer: issuer(), group: name.to_owned() }).is_err(), "{name:?}");
        }
    }
}
