//! The policy of a certificate on the wire, in both directions.

use std::{collections::BTreeSet, net::IpAddr};

use serde::{Deserialize, Serialize, de::IgnoredAny};
use strongroom_crypto::{
    key::{Curve, KeySpec},
    x509::{AlternativeNames, Constraints, Subtrees, Usage},
};
use strongroom_domain::{
    certificate::{
        CertificatePolicy, ContentType, IssuerReference, LifetimeAction, LifetimeWork, PolicyPatch, SELF, Trigger,
        UNKNOWN,
    },
    names::VaultName,
    secret::SecretItem,
};

use super::state;
use crate::{api::wire::keys, paths::Addresses, problem::Problem};

/// A policy on the wire, in both directions.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Policy {
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_props: Option<KeyProps>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_props: Option<SecretProps>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x509_props: Option<X509Props>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifetime_actions: Option<Vec<Lifetime>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<Issuer>,
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    attributes: Option<PolicyAttributes>,
    /// Of Azure's own services, which are not here.
    #[serde(default, rename = "platformManaged", skip_serializing)]
    platform_managed: Option<IgnoredAny>,
}

#[derive(Default, Deserialize, Serialize)]
struct KeyProps {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exportable: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kty: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reuse_key: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
struct SecretProps {
    #[serde(default, rename = "contentType", skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
struct X509Props {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sans: Option<Names>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ekus: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_usage: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validity_months: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    basic_constraints: Option<BasicConstraints>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name_constraints: Option<NameConstraints>,
}

#[derive(Default, Deserialize, Serialize)]
struct Names {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dns_names: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    emails: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upns: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uris: Option<Vec<String>>,
    #[serde(default, rename = "ipAddresses", skip_serializing_if = "Option::is_none")]
    addresses: Option<Vec<String>>,
}

#[derive(Deserialize, Serialize)]
struct BasicConstraints {
    #[serde(default)]
    ca: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_len_constraint: Option<u8>,
}

/// Names that an authority may certify; not of Azure's API.
#[derive(Deserialize, Serialize)]
struct NameConstraints {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permitted: Option<NameSubtrees>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    excluded: Option<NameSubtrees>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NameSubtrees {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dns_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    emails: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ip_networks: Vec<String>,
}

#[derive(Deserialize, Serialize)]
struct Lifetime {
    #[serde(default)]
    trigger: LifetimeTrigger,
    #[serde(default)]
    action: LifetimeWorkName,
}

#[derive(Default, Deserialize, Serialize)]
struct LifetimeTrigger {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifetime_percentage: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days_before_expiry: Option<u32>,
}

#[derive(Default, Deserialize, Serialize)]
struct LifetimeWorkName {
    #[serde(default)]
    action_type: String,
}

#[derive(Default, Deserialize, Serialize)]
pub(super) struct Issuer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cty: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cert_transparency: Option<bool>,
}

#[derive(Serialize)]
struct PolicyAttributes {
    enabled: bool,
    created: i64,
    updated: i64,
}

impl KeyProps {
    fn spec(&self) -> Result<Option<KeySpec>, Problem> {
        let size =
            |bits| KeySpec::rsa(bits).ok_or_else(|| Problem::bad_parameter("key_size must be 2048, 3072 or 4096."));
        let curve = || keys::curve(self.crv.as_deref()).map(|crv| KeySpec::Ec { crv });
        Ok(match self.kty.as_deref() {
            Some("RSA") => Some(size(self.key_size.unwrap_or(2048))?),
            // Some packages send the size of a curve along with it.
            Some("EC") => Some(curve()?),
            Some("RSA-HSM" | "EC-HSM" | "oct-HSM") => {
                return Err(Problem::bad_parameter(
                    "Keys of certificates are made in software: kty must be RSA or EC.",
                ));
            }
            Some(_) => return Err(Problem::bad_parameter("kty must be RSA or EC.")),
            None if self.crv.is_some() => Some(curve()?),
            None => self.key_size.map(size).transpose()?,
        })
    }

    fn of(policy: &CertificatePolicy) -> Self {
        let (kty, key_size, crv) = match policy.key.spec {
            KeySpec::Rsa { bits } => ("RSA", Some(u64::from(bits)), None),
            KeySpec::Ec { crv } => ("EC", Some(curve_bits(crv)), Some(crv.as_str().to_owned())),
            KeySpec::Oct { bits } => ("oct", Some(u64::from(bits)), None),
        };
        Self {
            exportable: Some(policy.key.exportable),
            kty: Some(kty.to_owned()),
            key_size,
            reuse_key: Some(policy.key.reuse),
            crv,
        }
    }
}

fn curve_bits(curve: Curve) -> u64 {
    match curve {
        Curve::P256 | Curve::P256K => 256,
        Curve::P384 => 384,
        Curve::P521 => 521,
    }
}

impl Names {
    /// The Python package sends the object with nothing in it for names that nobody gave. To have none, an empty list is
    /// given.
    fn say_something(&self) -> bool {
        let Self { dns_names, emails, upns, uris, addresses } = self;
        [dns_names, emails, upns, uris, addresses].into_iter().any(Option::is_some)
    }

    fn parse(self) -> Result<AlternativeNames, Problem> {
        let addresses = self.addresses.unwrap_or_default();
        let addresses = addresses.iter().map(|text| {
            text.parse::<IpAddr>().map_err(|_| Problem::bad_parameter("ipAddresses must hold IP addresses."))
        });
        Ok(AlternativeNames {
            dns: self.dns_names.unwrap_or_default(),
            emails: self.emails.unwrap_or_default(),
            upns: self.upns.unwrap_or_default(),
            uris: self.uris.unwrap_or_default(),
            addresses: addresses.collect::<Result<_, _>>()?,
        })
    }

    fn of(names: &AlternativeNames) -> Option<Self> {
        let some = |texts: &Vec<String>| (!texts.is_empty()).then(|| texts.clone());
        (!names.is_empty()).then(|| Self {
            dns_names: some(&names.dns),
            emails: some(&names.emails),
            upns: some(&names.upns),
            uris: some(&names.uris),
            addresses: some(&names.addresses.iter().map(ToString::to_string).collect()),
        })
    }
}

impl NameSubtrees {
    fn parse(given: Option<Self>) -> Subtrees {
        let Some(Self { dns_names, emails, ip_networks }) = given else { return Subtrees::default() };
        Subtrees { dns: dns_names, emails, networks: ip_networks }
    }

    fn of(said: &Subtrees) -> Option<Self> {
        let Subtrees { dns, emails, networks } = said.clone();
        (!said.is_empty()).then_some(Self { dns_names: dns, emails, ip_networks: networks })
    }
}

impl NameConstraints {
    fn parse(self) -> Constraints {
        Constraints { permitted: NameSubtrees::parse(self.permitted), excluded: NameSubtrees::parse(self.excluded) }
    }

    fn of(said: &Constraints) -> Option<Self> {
        let (permitted, excluded) = (NameSubtrees::of(&said.permitted), NameSubtrees::of(&said.excluded));
        (!said.is_empty()).then_some(Self { permitted, excluded })
    }
}

impl Issuer {
    /// Known by its name alone.
    pub(super) fn named(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }

    /// None for an empty object, which packages send for an issuer that nobody named: it changes nothing.
    fn parse(self) -> Result<Option<IssuerReference>, Problem> {
        let Self { name, cty, cert_transparency } = self;
        let name = match name {
            Some(name) if name.eq_ignore_ascii_case(SELF) => SELF.to_owned(),
            Some(name) if name.eq_ignore_ascii_case(UNKNOWN) => UNKNOWN.to_owned(),
            Some(name) => name,
            None if cty.is_none() && cert_transparency.is_none() => return Ok(None),
            None => {
                return Err(Problem::bad_parameter(
                    "cty and cert_transparency are said of an issuer: give its name along with them.",
                ));
            }
        };
        Ok(Some(IssuerReference { name, certificate_type: cty, transparency: cert_transparency }))
    }
}

impl Lifetime {
    fn parse(&self) -> Result<LifetimeAction, Problem> {
        let work = match self.action.action_type.as_str() {
            text if text.eq_ignore_ascii_case("AutoRenew") => LifetimeWork::AutoRenew,
            text if text.eq_ignore_ascii_case("EmailContacts") => LifetimeWork::EmailContacts,
            _ => return Err(Problem::bad_parameter("action_type must be AutoRenew or EmailContacts.")),
        };
        let trigger = match (self.trigger.lifetime_percentage, self.trigger.days_before_expiry) {
            (Some(percentage), None) => Trigger::Percentage(percentage),
            (None, Some(days)) => Trigger::DaysBefore(days),
            _ => {
                return Err(Problem::bad_parameter("A trigger has either lifetime_percentage or days_before_expiry."));
            }
        };
        Ok(LifetimeAction { trigger, work })
    }

    fn of(action: &LifetimeAction) -> Self {
        let trigger = match action.trigger {
            Trigger::Percentage(percentage) => {
                LifetimeTrigger { lifetime_percentage: Some(percentage), days_before_expiry: None }
            }
            Trigger::DaysBefore(days) => LifetimeTrigger { lifetime_percentage: None, days_before_expiry: Some(days) },
        };
        Self { trigger, action: LifetimeWorkName { action_type: action.work.as_str().to_owned() } }
    }
}

impl Policy {
    pub(crate) fn parse(self) -> Result<PolicyPatch, Problem> {
        if self.platform_managed.is_some() {
            return Err(Problem::bad_parameter(
                "platformManaged is for services of Azure, and nothing here manages such.",
            ));
        }
        let key = self.key_props.unwrap_or_default();
        let content_type = self.secret_props.and_then(|props| props.content_type);
        let content_type = content_type.map(|text| {
            ContentType::parse(&text).ok_or_else(|| {
                Problem::bad_parameter("contentType must be application/x-pkcs12 or application/x-pem-file.")
            })
        });
        let x509 = self.x509_props.unwrap_or_default();
        let usages = x509.key_usage.map(|names| {
            let parse = |name: &String| {
                Usage::parse(name).ok_or_else(|| Problem::bad_parameter("key_usage holds an unknown usage."))
            };
            names.iter().map(parse).collect::<Result<BTreeSet<_>, _>>()
        });
        let months = x509.validity_months.map(|months| {
            u32::try_from(months)
                .map_err(|_| Problem::bad_parameter("validity_months must be a whole number from 1 to 1200."))
        });
        let actions = self.lifetime_actions;
        let actions = actions.map(|actions| actions.iter().map(Lifetime::parse).collect::<Result<Vec<_>, _>>());
        let issuer = self.issuer.map(Issuer::parse).transpose()?.flatten();
        Ok(PolicyPatch {
            spec: key.spec()?,
            exportable: key.exportable,
            reuse: key.reuse_key,
            content_type: content_type.transpose()?,
            subject: x509.subject,
            names: x509.sans.filter(Names::say_something).map(Names::parse).transpose()?,
            extended_usages: x509.ekus,
            usages: usages.transpose()?,
            ca: x509.basic_constraints.as_ref().and_then(|constraints| constraints.ca),
            // Who says anew whether it is an authority says all of it.
            path_length: x509
                .basic_constraints
                .filter(|constraints| constraints.ca.is_some() || constraints.path_len_constraint.is_some())
                .map(|constraints| constraints.path_len_constraint),
            constraints: x509.name_constraints.map(NameConstraints::parse),
            validity_months: months.transpose()?,
            lifetime_actions: actions.transpose()?,
            issuer,
        })
    }

    pub(crate) fn of(addresses: &Addresses, vault: &VaultName, item: &SecretItem) -> Result<Self, Problem> {
        let state = state(item)?;
        let policy = &state.policy;
        let said = &policy.template;
        let id = addresses.object("certificates", vault, &item.secret.name, None);
        Ok(Self {
            id: Some(format!("{id}/policy")),
            key_props: Some(KeyProps::of(policy)),
            secret_props: Some(SecretProps { content_type: Some(policy.content_type.as_str().to_owned()) }),
            x509_props: Some(X509Props {
                subject: Some(said.subject.clone()),
                sans: Names::of(&said.names),
                ekus: Some(said.extended_usages.clone()),
                key_usage: Some(said.usages.iter().map(|usage| usage.as_str().to_owned()).collect()),
                validity_months: Some(i64::from(policy.validity_months)),
                basic_constraints: Some(BasicConstraints { ca: Some(said.ca), path_len_constraint: said.path_length }),
                name_constraints: NameConstraints::of(&said.constraints),
            }),
            lifetime_actions: Some(policy.lifetime_actions.iter().map(Lifetime::of).collect()),
            issuer: Some(Issuer {
                name: Some(policy.issuer.name.clone()),
                cty: policy.issuer.certificate_type.clone(),
                cert_transparency: policy.issuer.transparency,
            }),
            attributes: Some(PolicyAttributes {
                enabled: true,
                created: state.policy_created,
                updated: state.policy_updated,
            }),
            platform_managed: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(policy: Value) -> Result<PolicyPatch, Problem> {
        serde_json::from_value::<Policy>(policy).unwrap().parse()
    }

    /// The JavaScript package sends `"issuer":{}` with whatever it changes.
    #[test]
    fn what_is_empty_changes_nothing() {
        let template = CertificatePolicy::default().template;
        let stored = CertificatePolicy {
            template: strongroom_crypto::x509::Template {
                subject: "CN=app.example".to_owned(),
                names: AlternativeNames { dns: vec!["app.example".to_owned()], ..AlternativeNames::default() },
                ..template
            },
            issuer: IssuerReference { name: SELF.to_owned(), certificate_type: None, transparency: None },
            ..CertificatePolicy::default()
        };
        for empty in [
            json!({}),
            json!({ "issuer": {} }),
            json!({ "issuer": { "name": null, "cty": null, "cert_transparency": null } }),
            json!({ "key_props": {}, "secret_props": {}, "x509_props": {}, "issuer": {}, "attributes": {} }),
            json!({ "x509_props": { "basic_constraints": {} }, "issuer": {} }),
            json!({ "x509_props": { "sans": {} } }),
            json!({ "key_props": null, "x509_props": null, "lifetime_actions": null, "issuer": null }),
        ] {
            let patch = parsed(empty.clone()).ok().unwrap();
            assert_eq!(patch.over(&stored), stored, "{empty}");
        }
        let none = parsed(json!({ "x509_props": { "sans": { "dns_names": [] } } })).ok().unwrap();
        assert!(none.names.is_some_and(|names| names.is_empty()), "an empty list is said");
        let months = parsed(json!({ "x509_props": { "validity_months": 24 }, "issuer": {} })).ok().unwrap();
        assert_eq!(months.over(&stored), CertificatePolicy { validity_months: 24, ..stored });
        assert!(parsed(json!({ "issuer": { "cty": "OV-SSL" } })).is_err(), "of nobody");
    }
}
