//! Addresses of the dashboard's own pages. Every link, form action and redirect is built here, and
//! a [`ReturnTo`] is the only text from outside that a redirect may follow.

use strongroom_domain::{
    names::{ObjectName, ObjectVersion, VaultName},
    policy::ModuleDigest,
    record::{Outcome, Record},
};
use url::form_urlencoded;
use uuid::Uuid;

use super::{kinds::Kind, policies::AttachedTo};
use crate::{
    message::{Method, Request},
    paths,
    routes::{self, Access, Found, Site},
};

/// One search over everything.
pub(super) const SEARCH: &str = "/search";
/// What needs somebody now.
pub(super) const OVERVIEW: &str = "/overview";
/// The list of vaults: where everybody starts.
pub(super) const VAULTS: &str = "/vaults";
/// The audit list.
pub(super) const AUDIT: &str = "/audit";
/// Asks whether a program of the command line may act as the person.
pub(super) const COMMAND_LINE: &str = "/command-line";
/// The audit list as a file.
pub(super) const AUDIT_EXPORT: &str = "/audit/export";
/// The records of the audit list with their receipts.
pub(super) const AUDIT_BUNDLE: &str = "/audit/bundle";
/// The time that the audit list shows, verified.
pub(super) const AUDIT_VERIFY: &str = "/audit/verify";
/// What belongs to whoever is signed in.
pub(super) const ME: &str = "/me";
/// Ends all other sessions.
pub(super) const END_OTHERS: &str = "/me/end-others";
/// Says how pages look.
pub(super) const LOOK: &str = "/me/look";
/// Pins a vault, or takes the pin away.
pub(super) const PINS: &str = "/me/pins";
/// Saves a filter of the audit list, or takes a saved one away.
pub(super) const AUDIT_VIEWS: &str = "/me/audit-views";
/// The installation's settings.
pub(super) const SETTINGS: &str = "/settings";
/// Announces another key that signs tokens.
pub(super) const TOKEN_KEYS_ROTATE: &str = "/settings/token-keys/rotate";
/// Puts another key in the place of all that sign tokens.
pub(super) const TOKEN_KEYS_REVOKE: &str = "/settings/token-keys/revoke";
/// Asks why something would be decided.
pub(super) const WHY: &str = "/why";
/// The policy modules and where they are attached.
pub(super) const POLICY: &str = "/policy";
/// The documents that policy modules are given.
pub(super) const DOCUMENTS: &str = "/policy/documents";
/// The form that writes another one.
pub(super) const NEW_DOCUMENT: &str = "/policy/new-document";
/// The form that uploads a policy module.
pub(super) const MODULE_UPLOAD: &str = "/policy/upload";
/// Sets up an installation that nobody owns yet.
pub(super) const SETUP: &str = "/setup";
/// The sign-in page.
pub(super) const SIGN_IN: &str = "/sign-in";
/// Where the only provider sends the browser back to.
pub(super) const CALLBACK: &str = "/auth/callback";
/// Ends the session.
pub(super) const SIGN_OUT: &str = "/sign-out";
/// Says that the session has ended.
pub(super) const SIGNED_OUT: &str = "/signed-out";

/// Longest address to go on to after sign-in, in bytes: it travels in a sealed cookie.
const MAX_RETURN_TO: usize = 1024;

/// Asks that somebody else approves what a page was denied for.
pub(super) const ASK_APPROVAL: &str = "/ask-approval";
/// The form that makes a vault.
pub(super) const NEW_VAULT: &str = "/new-vault";
/// The soft-deleted vaults.
pub(super) const DELETED_VAULTS: &str = "/deleted-vaults";

/// A vault's own page.
pub(super) fn vault(vault: &VaultName) -> String {
    format!("{VAULTS}/{vault}")
}

/// Something that is done with a soft-deleted vault.
pub(super) fn deleted_vault_act(vault: &VaultName, act: &str) -> String {
    format!("{DELETED_VAULTS}/{vault}/{act}")
}

/// The secrets of a vault.
pub(super) fn secrets(vault: &VaultName) -> String {
    format!("{VAULTS}/{vault}/secrets")
}

/// A page of a vault by the last part of its address, with a query.
pub(super) fn in_vault(vault: &VaultName, page: &str, query: &[(&str, Option<&str>)]) -> String {
    with_query(format!("{VAULTS}/{vault}/{page}"), query)
}

/// The form that makes a secret.
pub(super) fn new_secret(vault: &VaultName) -> String {
    format!("{VAULTS}/{vault}/new-secret")
}

/// Something that is done with several secrets at once.
pub(super) fn bulk_secrets(vault: &VaultName) -> String {
    format!("{VAULTS}/{vault}/bulk-secrets")
}

/// Something that is done with a secret, or with one of its versions: a form, or the page of one.
pub(super) fn secret_act(vault: &VaultName, name: &ObjectName, version: Option<&ObjectVersion>, act: &str) -> String {
    format!("{}/{act}", secret(vault, name, version))
}

/// What is soft-deleted in a vault.
pub(super) fn deleted(kind: Kind, vault: &VaultName) -> String {
    in_vault(vault, kind.deleted(), &[])
}

/// Something that is done with a soft-deleted object.
pub(super) fn deleted_act(kind: Kind, vault: &VaultName, name: &ObjectName, act: &str) -> String {
    format!("{}/{name}/{act}", deleted(kind, vault))
}

/// The keys of a vault.
pub(super) fn keys(vault: &VaultName) -> String {
    in_vault(vault, "keys", &[])
}

/// A key, or one of its versions.
pub(super) fn key(vault: &VaultName, name: &ObjectName, version: Option<&ObjectVersion>) -> String {
    match version {
        Some(version) => format!("{}/{name}/{version}", keys(vault)),
        None => format!("{}/{name}", keys(vault)),
    }
}

/// Something that is done with a key, or with one of its versions.
pub(super) fn key_act(vault: &VaultName, name: &ObjectName, version: Option<&ObjectVersion>, act: &str) -> String {
    format!("{}/{act}", key(vault, name, version))
}

/// The certificates of a vault.
pub(super) fn certificates(vault: &VaultName) -> String {
    in_vault(vault, "certificates", &[])
}

/// A certificate, or one of its versions.
pub(super) fn certificate(vault: &VaultName, name: &ObjectName, version: Option<&ObjectVersion>) -> String {
    match version {
        Some(version) => format!("{}/{name}/{version}", certificates(vault)),
        None => format!("{}/{name}", certificates(vault)),
    }
}

/// Something that is done with a certificate, or with one of its versions.
pub(super) fn certificate_act(
    vault: &VaultName,
    name: &ObjectName,
    version: Option<&ObjectVersion>,
    act: &str,
) -> String {
    format!("{}/{act}", certificate(vault, name, version))
}

/// Who issues certificates of a vault.
pub(super) fn issuers(vault: &VaultName) -> String {
    in_vault(vault, "issuers", &[])
}

/// One of them.
pub(super) fn issuer(vault: &VaultName, name: &ObjectName) -> String {
    format!("{}/{name}", issuers(vault))
}

/// Something that is done with one of them.
pub(super) fn issuer_act(vault: &VaultName, name: &ObjectName, act: &str) -> String {
    format!("{}/{act}", issuer(vault, name))
}

/// Who is told about the certificates of a vault.
pub(super) fn contacts(vault: &VaultName) -> String {
    in_vault(vault, "contacts", &[])
}

/// Who may do what.
pub(super) const ACCESS: &str = "/access";
/// Who has access by which grant.
pub(super) const GRANTS: &str = "/access/grants";
/// Takes away what is unused of that.
pub(super) const UNUSED_GRANTS: &str = "/access/grants/unused";
/// The form that gives a role.
pub(super) const NEW_ASSIGNMENT: &str = "/access/new-assignment";
/// The role definitions.
pub(super) const ROLES: &str = "/access/roles";
/// The form that makes a role definition.
pub(super) const NEW_ROLE: &str = "/access/new-role";
/// The workload identities.
pub(super) const WORKLOADS: &str = "/access/workloads";
/// Ends the sessions of somebody else.
pub(super) const END_SESSIONS: &str = "/access/end-sessions";
/// The form that makes a workload identity.
pub(super) const NEW_WORKLOAD: &str = "/access/new-workload";

/// A path with a query; what has no value is left out.
pub(super) fn asked(path: &str, query: &[(&str, Option<&str>)]) -> String {
    with_query(path.to_owned(), query)
}

/// Takes an assignment away.
pub(super) fn remove_assignment(id: Uuid) -> String {
    format!("{ACCESS}/assignments/{id}/remove")
}

/// Gives up a role of one's own.
pub(super) fn drop_role(id: Uuid) -> String {
    format!("{ME}/roles/{id}/drop")
}

/// A role definition.
pub(super) fn role(id: Uuid) -> String {
    format!("{ROLES}/{id}")
}

/// A workload identity.
pub(super) fn workload(client_id: Uuid) -> String {
    format!("{WORKLOADS}/{client_id}")
}

/// A policy module.
pub(super) fn module(digest: &ModuleDigest) -> String {
    format!("{POLICY}/modules/{digest}")
}

/// Something that is done with a policy module.
pub(super) fn module_act(digest: &ModuleDigest, act: &str) -> String {
    format!("{}/{act}", module(digest))
}

/// A document that policy modules are given.
pub(super) fn document(name: &str) -> String {
    format!("{DOCUMENTS}/{}", in_path(name))
}

/// Something that is done with a document.
pub(super) fn document_act(name: &str, act: &str) -> String {
    format!("{}/{act}", document(name))
}

/// The replays of a vault's decisions, or of those of all.
pub(super) fn replays(of: &AttachedTo) -> String {
    format!("{VAULTS}/{}/replays", of.segment())
}

/// What one of them found.
pub(super) fn replay(of: &AttachedTo, id: Uuid) -> String {
    format!("{}/{id}", replays(of))
}

/// A policy module as it is attached somewhere.
pub(super) fn attachment(to: &AttachedTo, name: &str) -> String {
    format!("{POLICY}/attached/{}/{}", to.segment(), in_path(name))
}

/// Something that is done with an attachment.
pub(super) fn attachment_act(to: &AttachedTo, name: &str, act: &str) -> String {
    format!("{}/{act}", attachment(to, name))
}

/// A text as one segment of a path, in which `+` stands for itself.
pub(super) fn in_path(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// One audit record, by its id or the beginning of it.
pub(super) fn entry(id: impl std::fmt::Display) -> String {
    format!("{AUDIT}/{id}")
}

/// Why a decision was made: for whoever was denied, and for who may read records.
pub(super) fn why(id: impl std::fmt::Display) -> String {
    format!("{WHY}/{id}")
}

/// Where a list leads from a record: a denial to its why, which leads on to the record, everything else to the record.
pub(super) fn decision(record: &Record) -> String {
    if record.outcome == Outcome::Denied { why(record.id) } else { entry(record.id) }
}

/// The same in another way: as things are now, or with something else in it.
pub(super) fn why_as(id: Uuid, mode: &str) -> String {
    with_query(why(id), &[("mode", Some(mode))])
}

/// The same, with what would allow what was denied.
pub(super) fn would_allow(id: Uuid) -> String {
    with_query(why(id), &[("would-allow", Some("yes"))])
}

/// A secret, or one of its versions.
pub(super) fn secret(vault: &VaultName, name: &ObjectName, version: Option<&ObjectVersion>) -> String {
    match version {
        Some(version) => format!("{}/{name}/{version}", secrets(vault)),
        None => format!("{}/{name}", secrets(vault)),
    }
}

/// The audit list with a filter.
pub(super) fn audit(outcome: Option<&str>, principal: Option<&str>) -> String {
    with_query(AUDIT.to_owned(), &[("outcome", outcome), ("principal", principal)])
}

/// The records of one secret: the name alone would take those of the same name in other vaults too.
pub(super) fn audit_of_secret(vault: &VaultName, name: &ObjectName) -> String {
    with_query(AUDIT.to_owned(), &[("object", Some(&format!("{vault}/secrets/{name}"))), ("kind", Some("secret"))])
}

/// The sign-in page, leading back.
pub(super) fn sign_in(return_to: &ReturnTo) -> String {
    with_query(SIGN_IN.to_owned(), &[("return_to", return_to.unless_default())])
}

/// Begins a sign-in at a provider.
pub(super) fn sign_in_start(provider: &str, return_to: &ReturnTo) -> String {
    with_query(format!("/auth/{}/start", in_path(provider)), &[("return_to", return_to.unless_default())])
}

/// Begins a sign-in at a provider in which the person proves again who they are.
pub(super) fn sign_in_again(provider: &str, return_to: &ReturnTo, acr: &[String]) -> String {
    let start = sign_in_start(provider, &ReturnTo::default());
    let acr = acr.join(" ");
    with_query(start, &[("return_to", return_to.unless_default()), ("afresh", Some("yes")), ("acr", Some(&acr))])
}

/// Where one provider of several sends the browser back to: an address that no other one is told, so that the answer
/// of one is never taken for the answer of another.
pub(super) fn provider_callback(provider: &str) -> String {
    format!("/auth/{}/callback", in_path(provider))
}

/// Asks a sign-in provider how it answers.
pub(super) fn provider_test(provider: &str) -> String {
    format!("{SETTINGS}/providers/{}/test", in_path(provider))
}

/// Where a provider says that a session has ended.
pub(super) fn back_channel_logout(base: &str, provider: &str) -> String {
    format!("{base}/auth/{provider}/back-channel-logout")
}

/// Appends the pairs that have a value.
fn with_query(path: String, pairs: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

/// Where to go on after sign-in: a page of the dashboard that needs a session, and nothing else. It
/// can lead neither to another host nor into another sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReturnTo(String);

impl Default for ReturnTo {
    fn default() -> Self {
        Self(VAULTS.to_owned())
    }
}

impl ReturnTo {
    /// Reads an address from outside.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        // No backslash, control or white space: browsers repair those into other addresses.
        let plain = text.len() <= MAX_RETURN_TO
            && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'#'))
            && path.starts_with('/')
            && !path.starts_with("//");
        let segments = paths::segments(path).ok().filter(|_| plain)?;
        paths::query(query).ok()?;
        if segments.iter().any(|segment| matches!(segment.as_str(), "." | "..")) {
            return None;
        }
        match routes::find(Site::Base, Method::Get, &segments) {
            Found::Route(route, _) if route.access == Access::Session => Some(Self(text.to_owned())),
            _ => None,
        }
    }

    /// The page that a request without a session asked for; for a form, the page it stands on.
    pub(super) fn of(method: Method, path: &str, query: &str) -> Self {
        let target = match method {
            Method::Get if !query.is_empty() => format!("{path}?{query}"),
            Method::Get => path.to_owned(),
            // A form stands at its own address, or on the page one or two steps above.
            _ => {
                let above = |path: &str| path.rsplit_once('/').map_or(String::new(), |(above, _)| above.to_owned());
                let steps = [path.to_owned(), above(path), above(&above(path))];
                return steps.iter().find_map(|step| Self::parse(step)).unwrap_or_default();
            }
        };
        Self::parse(&target).unwrap_or_default()
    }

    /// The page that a request of a session asked for.
    pub(super) fn of_request(request: &Request) -> Self {
        let path = format!("/{}", request.path.join("/"));
        let pairs: Vec<(&str, Option<&str>)> =
            request.query.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
        let asked = with_query(path, &pairs);
        let (path, query) = asked.split_once('?').unwrap_or((&asked, ""));
        Self::of(request.method, path, query)
    }

    /// The address.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The only value of one of its parameters, as [`Request::query`] reads it.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.0.split_once('?')?;
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(other, _)| other.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value.into_owned()),
            _ => None,
        }
    }

    /// The same page with other parameters in the place of those of their names; none where nothing is said.
    pub(super) fn with(&self, others: &[(&str, Option<&str>)]) -> String {
        let (path, query) = self.0.split_once('?').unwrap_or((&self.0, ""));
        let kept: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let kept = kept.iter().filter(|(name, _)| others.iter().all(|(other, _)| !name.eq_ignore_ascii_case(other)));
        let kept = kept.map(|(name, value)| (name.as_str(), Some(value.as_str())));
        with_query(path.to_owned(), &kept.chain(others.iter().copied()).collect::<Vec<_>>())
    }

    fn unless_default(&self) -> Option<&str> {
        (self.0 != VAULTS).then_some(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_of_a_secret_are_those_of_its_vault() {
        let (vault, name) = (VaultName::parse("demo").unwrap(), ObjectName::parse("db").unwrap());
        assert_eq!(audit_of_secret(&vault, &name), "/audit?object=demo%2Fsecrets%2Fdb&kind=secret");
    }

    #[test]
    fn pages_are_returned_to() {
        for good in [
            "/",
            "/vaults",
            "/why?vault=demo",
            "/vaults/demo/secrets?q=db&after=x",
            "/vaults/demo/secrets/db",
            "/audit?outcome=denied",
        ] {
            assert_eq!(ReturnTo::parse(good).map(|r| r.0).as_deref(), Some(good));
        }
    }

    #[test]
    fn nothing_else_is() {
        for bad in [
            "",
            "vaults",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example/vaults",
            "/vaults\\..\\x",
            "/vaults#x",
            "/vaults\r\nset-cookie: a=b",
            "/sign-in",
            "/sign-in?return_to=/sign-in",
            "/auth/dev/start",
            "/auth/callback",
            "/auth/dev/callback",
            "/sign-out",
            "/signed-out",
            "/assets/app.js",
            "/api/v1/audit",
            "/vaults/../auth/dev/start",
            "/vaults/%2e%2e/secrets/x",
            "/vaults/%zz/secrets",
            "/evil",
            "/vaults?a=%f",
        ] {
            assert_eq!(ReturnTo::parse(bad), None, "{bad}");
        }
        assert_eq!(ReturnTo::parse(&format!("/vaults?q={}", "x".repeat(MAX_RETURN_TO))), None);
    }

    #[test]
    fn a_form_leads_back_to_its_page() {
        let page = "/vaults/demo/secrets/db/0123456789abcdef0123456789abcdef";
        assert_eq!(ReturnTo::of(Method::Post, &format!("{page}/reveal"), "").as_str(), page);
        let form = "/vaults/demo/secrets/db/new-version";
        assert_eq!(ReturnTo::of(Method::Post, form, "").as_str(), form);
        assert_eq!(ReturnTo::of(Method::Post, "/vaults/demo/deleted/db/recover", "").as_str(), "/vaults/demo/deleted");
        assert_eq!(ReturnTo::of(Method::Post, SIGN_OUT, "").as_str(), VAULTS);
        assert_eq!(ReturnTo::of(Method::Get, AUDIT, "outcome=denied").as_str(), "/audit?outcome=denied");
    }

    #[test]
    fn what_is_sent_is_read_back() {
        let to = ReturnTo::parse("/vaults/demo/secrets?q=a%20b&after=c").unwrap();
        let link = sign_in_start("my idp", &to);
        let (path, query) = link.split_once('?').unwrap();
        assert_eq!(paths::segments(path).unwrap(), ["auth", "my idp", "start"]);
        assert_eq!(paths::query(query).unwrap(), [("return_to".to_owned(), to.0)]);
        assert_eq!(sign_in(&ReturnTo::default()), SIGN_IN);
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_stays_on_this_host(
            text in prop_oneof!["\\PC{0,60}", "[/\\\\.%a-z0-9?#:@\t\n ]{0,40}", "/(vaults|audit|VAULTS)?[/\\\\.%a-z0-9?#:@ ]{0,40}"]
        ) {
            if let Some(to) = ReturnTo::parse(&text) {
                let base = url::Url::parse("https://vault.localhost:8443/auth/callback").unwrap();
                let joined = base.join(to.as_str()).unwrap();
                prop_assert_eq!(joined.origin(), base.origin());
                let first = joined.path().trim_start_matches('/').split('/').next().unwrap_or_default().to_ascii_lowercase();
                prop_assert!(["", "vaults", "new-vault", "deleted-vaults", "access", "me", "overview", "search", "settings", "audit", "command-line", "policy", "why"].contains(&first.as_str()) || joined.path().contains('%'), "{}", joined);
            }
        }
    }
}
