//! `/api/v1/vaults/{vault}/access-policies`: one for each grantee, who is named in body or query.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    access_policy::{AccessPolicy, CertificatePermission, KeyPermission, ObjectPermissions, SecretPermission},
    admin::{AccessPoliciesShown, AccessPolicyGiven, WorkloadLabels},
    principal::Grantee,
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    List,
    grantee::{Whom, told_of, warnings},
    grantee_labels, vault_name,
};
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    services::Services,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutAccessPolicy {
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    client_id: Option<Uuid>,
    permissions: Given,
}

/// Permissions by kind of object, in Azure's words; `all` stands for every one. A kind that is not named gets none.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = GivenPermissions)]
struct Given {
    secrets: Vec<String>,
    keys: Vec<String>,
    certificates: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Permissions)]
pub(crate) struct Shown<'a> {
    #[schema(value_type = Vec<shapes::SecretPermission>)]
    secrets: &'a BTreeSet<SecretPermission>,
    #[schema(value_type = Vec<shapes::KeyPermission>)]
    keys: &'a BTreeSet<KeyPermission>,
    #[schema(value_type = Vec<shapes::CertificatePermission>)]
    certificates: &'a BTreeSet<CertificatePermission>,
}

impl<'a> From<&'a ObjectPermissions> for Shown<'a> {
    fn from(ObjectPermissions { secrets, keys, certificates }: &'a ObjectPermissions) -> Self {
        Self { secrets, keys, certificates }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = AccessPolicy)]
pub(crate) struct View<'a> {
    #[schema(value_type = shapes::Grantee)]
    grantee: &'a Grantee,
    /// Name of the workload that the grantee is; for who may see workloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    grantee_name: Option<&'a str>,
    /// Whether the grantee was a workload of this installation and was deleted: what it was given counts for nobody.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    grantee_deleted: bool,
    permissions: Shown<'a>,
    /// Whether it does not count, because the vault's access mode does not ask access policies; told in the list.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    asleep: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl<'a> View<'a> {
    fn of(policy: &'a AccessPolicy) -> Self {
        let permissions = Shown::from(&policy.permissions);
        Self {
            grantee: &policy.grantee,
            grantee_name: None,
            grantee_deleted: false,
            permissions,
            asleep: false,
            warnings: Vec::new(),
        }
    }

    fn labelled(self, labels: &'a WorkloadLabels, own_issuer: &str) -> Self {
        let (grantee_name, grantee_deleted) = told_of(self.grantee, labels, own_issuer);
        Self { grantee_name, grantee_deleted, ..self }
    }
}

impl Given {
    fn permissions(&self) -> Result<ObjectPermissions, Problem> {
        Ok(ObjectPermissions {
            secrets: named("secrets", &self.secrets, &SecretPermission::ALL, SecretPermission::as_str)?,
            keys: named("keys", &self.keys, &KeyPermission::ALL, KeyPermission::as_str)?,
            certificates: named(
                "certificates",
                &self.certificates,
                &CertificatePermission::ALL,
                CertificatePermission::as_str,
            )?,
        })
    }
}

/// The permissions of these words, in any case of letters.
fn named<T: Copy + Ord>(
    kind: &str,
    given: &[String],
    all: &[T],
    word: fn(T) -> &'static str,
) -> Result<BTreeSet<T>, Problem> {
    let mut permissions = BTreeSet::new();
    for text in given {
        if text.eq_ignore_ascii_case("all") {
            permissions.extend(all);
            continue;
        }
        let found = all.iter().find(|permission| word(**permission).eq_ignore_ascii_case(text));
        permissions.insert(*found.ok_or_else(|| {
            let words: Vec<_> = all.iter().map(|permission| word(*permission)).collect();
            Problem::bad_parameter(format!("A permission on {kind} is {} or all.", words.join(", ")))
        })?);
    }
    Ok(permissions)
}

/// GET: all of a vault.
pub(crate) async fn list(services: &Services, call: &Call) -> Result<Response, Problem> {
    let vault = vault_name(call.parameter(0))?;
    let AccessPoliciesShown { policies, asleep } = services.admin.list_access_policies(&call.ctx, &vault).await?;
    let labels = grantee_labels(services, call, policies.iter().map(|policy| &policy.grantee)).await;
    let own_issuer = &services.objects.gate.own_issuer;
    let view = |policy| View { asleep, ..View::of(policy).labelled(&labels, own_issuer) };
    let value = policies.iter().map(view).collect();
    Ok(Response::json(200, &List { value }))
}

/// PUT: in place of the one that the grantee has.
pub(crate) async fn put(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let vault = vault_name(call.parameter(0))?;
    let PutAccessPolicy { issuer, subject, group, client_id, permissions: given } = wire::body(request)?;
    let grantee = Whom { issuer, subject, group, client_id }.grantee_to_be(services)?;
    let permissions = given.permissions()?;
    let given = services.admin.put_access_policy(&call.ctx, &vault, &grantee, &permissions).await?;
    let AccessPolicyGiven { policy, asleep } = given;
    let mut warnings = warnings(services, call, &policy.grantee).await;
    if asleep {
        warnings.push(format!(
            "The access mode of {vault} asks no access policies, so this one counts for nothing until the mode is \
             access-policy or layered."
        ));
    }
    Ok(Response::json(200, &View { warnings, ..View::of(&policy) }))
}

/// DELETE: the one of the grantee in the query.
pub(crate) async fn remove(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let vault = vault_name(call.parameter(0))?;
    let grantee = Whom::of_query(request)?.unwrap_or_default().grantee(services)?;
    services.admin.remove_access_policy(&call.ctx, &vault, &grantee).await?;
    Ok(Response::empty(204))
}
