//! From verified claims to a principal, by the configuration of the issuer.
//!
//! Must never take identity from anything but `iss` and `sub`.

use std::collections::BTreeMap;

use serde_json::Value;
use strongroom_domain::principal::{Principal, PrincipalId, PrincipalKind, TokenOrigin};
use uuid::Uuid;

use crate::{
    issuer::IssuerConfig,
    jwt::{Claims, TokenError},
};

/// Most groups a principal may have.
const MAX_GROUPS: usize = 200;

/// Most characters of a group's name.
const MAX_GROUP_LEN: usize = 256;

/// Most bytes of one selected claim as text.
const MAX_CLAIM_LEN: usize = 1024;

/// Name of the claim that is set when the issuer left groups out of the token because there were
/// too many (Entra: `_claim_names`). Policies that forbid something to a group should heed it.
pub(crate) const GROUPS_OVERAGE: &str = "groups_overage";

/// Makes the principal.
pub(crate) fn principal(config: &IssuerConfig, claims: Claims<'_>) -> Result<Principal, TokenError> {
    let id = PrincipalId { issuer: config.issuer.clone(), subject: claims.subject()?.to_owned() };
    let mut selected = BTreeMap::new();
    for name in &config.claims {
        if let Some(text) = claims.get(name).and_then(claim_text) {
            if text.len() > MAX_CLAIM_LEN {
                return Err(TokenError::TooLarge);
            }
            selected.insert(name.clone(), text);
        }
    }
    let mut groups = match &config.groups_claim {
        None => Vec::new(),
        Some(name) => {
            if claims.get("_claim_names").and_then(|names| names.get(name)).is_some() {
                selected.insert(GROUPS_OVERAGE.into(), "true".into());
            }
            groups(claims.get(name))?
        }
    };
    if !config.claims_as_groups.is_empty() {
        add_claims(&mut groups, config, &claims)?;
    }
    let is_workload = config.kind == PrincipalKind::Workload
        || config.workload_when.as_ref().is_some_and(|when| claims.text(&when.claim) == Some(when.value.as_str()));
    let kind = if is_workload { PrincipalKind::Workload } else { PrincipalKind::User };
    Ok(Principal { id, kind, groups, claims: selected, token: None, ends: None })
}

/// What a token of this installation was made from; none in one that says nothing of it, which then counts
/// for nothing. Must only be asked about tokens of the installation's own issuer.
pub(crate) fn origin(claims: Claims<'_>) -> Option<TokenOrigin> {
    let credential = claims.text("credential").and_then(|text| Uuid::try_parse(text).ok())?;
    Some(TokenOrigin { credential, generation: claims.get("generation").and_then(Value::as_i64)? })
}

fn groups(claim: Option<&Value>) -> Result<Vec<String>, TokenError> {
    let members = match claim {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(members)) => members.as_slice(),
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        Some(_) => return Err(TokenError::Malformed),
    };
    if members.len() > MAX_GROUPS {
        return Err(TokenError::TooLarge);
    }
    members
        .iter()
        .map(|member| match member.as_str() {
            Some(name) if name.chars().count() > MAX_GROUP_LEN => Err(TokenError::TooLarge),
            Some(name) if !name.is_empty() && !name.chars().any(char::is_control) => Ok(name.to_owned()),
            _ => Err(TokenError::Malformed),
        })
        .collect()
}

/// Adds a group `CLAIM=VALUE` for each value of the claims that are to be groups. One of that name which the issuer calls
/// a group itself is none: others may name groups than say claims.
fn add_claims(groups: &mut Vec<String>, config: &IssuerConfig, claims: &Claims<'_>) -> Result<(), TokenError> {
    groups.retain(|group| {
        let claim = group.split_once('=').map(|(claim, _)| claim);
        claim.is_none_or(|claim| config.claims_as_groups.iter().all(|name| name != claim))
    });
    for name in &config.claims_as_groups {
        let values = match claims.get(name) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(members)) => members.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        for value in values {
            let value = match value {
                Value::Array(_) => None,
                other => claim_text(other),
            };
            let value = value.filter(|value| !value.is_empty() && !value.chars().any(char::is_control));
            let group = format!("{name}={}", value.ok_or(TokenError::Malformed)?);
            if group.chars().count() > MAX_GROUP_LEN || groups.len() >= MAX_GROUPS {
                return Err(TokenError::TooLarge);
            }
            groups.push(group);
        }
    }
    Ok(())
}

/// A claim as text: lists of text (like `amr`) joined by spaces. Other shapes have none.
pub(crate) fn claim_text(claim: &Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::Array(members) => {
            let texts: Option<Vec<&str>> = members.iter().map(Value::as_str).collect();
            texts.map(|texts| texts.join(" "))
        }
        Value::Null | Value::Object(_) => None,
    }
}
