//! Shapes of the issuers and contacts of the Key Vault data plane (Azure Key Vault REST, certificates). What an issuer of
//! ours needs beyond Azure's words is its `settings`, which other clients neither send nor read.

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    contacts::Contacts,
    issuer::{IssuerPatch, IssuerSettings, Organization},
    issuers::ShownIssuer,
    names::{ObjectName, VaultName},
    secret::{SecretItem, VersionMeta},
};

use super::Value;
use crate::paths::Addresses;

/// Body of PUT and PATCH /certificates/issuers/{name}. What is absent or null stays as it is.
#[derive(Deserialize)]
pub(crate) struct SetIssuer {
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    credentials: Option<SetCredentials>,
    #[serde(default)]
    org_details: Option<Organization>,
    #[serde(default)]
    attributes: Option<SetAttributes>,
    #[serde(default)]
    settings: Option<IssuerSettings>,
}

#[derive(Default, Deserialize)]
struct SetCredentials {
    #[serde(default)]
    account_id: Option<String>,
    #[serde(default)]
    pwd: Option<Value>,
}

#[derive(Default, Deserialize)]
struct SetAttributes {
    #[serde(default)]
    enabled: Option<bool>,
}

impl SetIssuer {
    pub(crate) fn patch(self) -> IssuerPatch {
        let credentials = self.credentials.unwrap_or_default();
        IssuerPatch {
            provider: self.provider,
            account_id: credentials.account_id,
            password: credentials.pwd.map(|password| password.0),
            organization: self.org_details,
            settings: self.settings,
            enabled: self.attributes.unwrap_or_default().enabled,
        }
    }
}

/// An issuer; never its password, nor what it keeps of its account.
#[derive(Serialize)]
pub(crate) struct Issuer<'a> {
    id: String,
    provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<Credentials<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org_details: Option<OrganizationDetails<'a>>,
    attributes: Attributes,
    settings: &'a IssuerSettings,
}

#[derive(Serialize)]
struct Credentials<'a> {
    account_id: &'a str,
}

#[derive(Serialize)]
struct OrganizationDetails<'a> {
    #[serde(flatten)]
    organization: &'a Organization,
    /// Azure sends it along, and it means nothing.
    zip: u8,
}

#[derive(Serialize)]
struct Attributes {
    enabled: bool,
    created: i64,
    updated: i64,
}

impl Attributes {
    fn of(meta: &VersionMeta) -> Self {
        Self { enabled: meta.attributes.enabled, created: meta.created, updated: meta.updated }
    }
}

fn id(addresses: &Addresses, vault: &VaultName, name: &ObjectName) -> String {
    format!("{}/certificates/issuers/{name}", addresses.vault(vault))
}

impl<'a> Issuer<'a> {
    pub(crate) fn of(addresses: &Addresses, vault: &VaultName, issuer: &'a ShownIssuer) -> Self {
        Self {
            id: id(addresses, vault, &issuer.item.secret.name),
            provider: issuer.settings.provider(),
            credentials: issuer.account_id.as_deref().map(|account_id| Credentials { account_id }),
            org_details: issuer.organization.as_ref().map(|organization| OrganizationDetails { organization, zip: 0 }),
            attributes: Attributes::of(&issuer.item.version),
            settings: &issuer.settings,
        }
    }
}

/// A line of the list of issuers.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    id: String,
    provider: &'a str,
}

impl<'a> Line<'a> {
    pub(crate) fn of(addresses: &Addresses, vault: &VaultName, item: &'a SecretItem) -> Self {
        let provider = item.version.attributes.content_type.as_deref().unwrap_or_default();
        Self { id: id(addresses, vault, &item.secret.name), provider }
    }
}

/// The contacts of a vault.
#[derive(Serialize)]
pub(crate) struct AllContacts<'a> {
    id: String,
    #[serde(flatten)]
    contacts: &'a Contacts,
}

impl<'a> AllContacts<'a> {
    pub(crate) fn of(addresses: &Addresses, vault: &VaultName, contacts: &'a Contacts) -> Self {
        Self { id: format!("{}/certificates/contacts", addresses.vault(vault)), contacts }
    }
}
