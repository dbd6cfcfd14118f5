//! From the domain's requests to the contract's, without copying a text.

use strongroom_domain::policy::PolicyRequest;

use crate::contract::exports::strongroom::policy::guard as wire;

/// The lists of one request; a contract's request borrows them.
pub(crate) struct Lists<'a> {
    request: &'a PolicyRequest,
    groups: Vec<&'a str>,
    claims: Vec<(&'a str, &'a str)>,
    tags: Vec<(&'a str, &'a str)>,
}

impl<'a> Lists<'a> {
    /// Collects what the module wants to see; every element costs it about 100 ns.
    pub(crate) fn of(request: &'a PolicyRequest, wants: wire::Facts) -> Self {
        let mut lists = Self { request, groups: Vec::new(), claims: Vec::new(), tags: Vec::new() };
        if wants.contains(wire::Facts::GROUPS) {
            lists.groups = request.principal.groups.iter().map(String::as_str).collect();
        }
        if wants.contains(wire::Facts::CLAIMS) {
            lists.claims = pairs(&request.principal.claims);
        }
        if wants.contains(wire::Facts::TAGS) {
            lists.tags = pairs(&request.object.tags);
        }
        lists
    }

    pub(crate) fn as_wire(&self) -> wire::PolicyRequest<'_> {
        let PolicyRequest { principal, connection, action, object, time } = self.request;
        wire::PolicyRequest {
            principal: wire::Principal {
                issuer: &principal.issuer,
                subject: &principal.subject,
                kind: &principal.kind,
                groups: &self.groups,
                claims: &self.claims,
            },
            connection: wire::Connection { client_address: &connection.client_address, listener: &connection.listener },
            action,
            object: wire::Object {
                vault: &object.vault,
                kind: &object.kind,
                name: &object.name,
                version: object.version.as_deref(),
                tags: &self.tags,
                enabled: object.enabled,
                not_before: object.not_before,
                expires: object.expires,
            },
            time: *time,
        }
    }
}

fn pairs(map: &std::collections::BTreeMap<String, String>) -> Vec<(&str, &str)> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
