//! Attributes and tags of a version, as the wire has them.

use anyhow::bail;
use reqwest::Method;
use serde_json::{Map, Value};

use super::{
    object::{Collection, connect},
    tags,
};
use crate::cli::{ChangedAttributes, ChangedTags, Moment, NewAttributes, VaultAt, Versioned};

impl NewAttributes {
    /// What belongs into the body of a request that makes a version.
    pub(super) fn body(&self) -> anyhow::Result<Map<String, Value>> {
        let enabled = self.disabled.then_some(false);
        let moments = (self.not_before.map(Moment::seconds), self.expires.map(Moment::seconds));
        let mut body = attributes(enabled, moments);
        body.insert("tags".to_owned(), tags(&self.tags)?.into());
        Ok(body)
    }
}

impl ChangedAttributes {
    /// What belongs into the body of a request that changes a version; nothing where nothing was said.
    pub(super) fn body(&self) -> anyhow::Result<Map<String, Value>> {
        let moments = (self.not_before.map(Moment::seconds), self.expires.map(Moment::seconds));
        let mut body = attributes(self.enabling.said(), moments);
        body.extend(self.tags.body()?);
        Ok(body)
    }
}

impl ChangedTags {
    pub(super) fn body(&self) -> anyhow::Result<Map<String, Value>> {
        let mut body = Map::new();
        if !self.tags.is_empty() || self.no_tags {
            body.insert("tags".to_owned(), tags(&self.tags)?.into());
        }
        Ok(body)
    }
}

fn attributes(enabled: Option<bool>, (not_before, expires): (Option<i64>, Option<i64>)) -> Map<String, Value> {
    let said = [
        enabled.map(|enabled| ("enabled", Value::from(enabled))),
        not_before.map(|at| ("nbf", at.into())),
        expires.map(|at| ("exp", at.into())),
    ];
    let said: Map<String, Value> = said.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut body = Map::new();
    if !said.is_empty() {
        body.insert("attributes".to_owned(), said.into());
    }
    body
}

/// Changes what was said of a version; `options` are those that could be.
pub(super) async fn update(
    of: &Collection,
    one: &Versioned,
    body: Map<String, Value>,
    options: &str,
    at: &VaultAt,
) -> anyhow::Result<()> {
    if body.is_empty() {
        bail!("say what to change: {options}");
    }
    let path: Vec<&str> = [of.path, &one.name].into_iter().chain(one.version.as_deref()).collect();
    let answer = connect(at).await?.send(Method::PATCH, &path, Some(serde_json::to_vec(&body)?)).await?;
    of.print_one(&answer, (of.own)(&answer), at.output);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::Enabling;

    #[test]
    fn what_was_not_said_is_not_sent() {
        let no_tags = |no_tags| ChangedTags { tags: Vec::new(), no_tags };
        let enabling = Enabling::default();
        let nothing = ChangedAttributes { enabling, not_before: None, expires: None, tags: no_tags(false) };
        assert!(nothing.body().unwrap().is_empty());
        let some = ChangedAttributes {
            enabling: Enabling::of(false),
            expires: Some("2027-01-31T00:00:00Z".parse().unwrap()),
            tags: no_tags(true),
            ..nothing
        };
        let sent = json!({ "attributes": { "enabled": false, "exp": 1_801_353_600 }, "tags": {} });
        assert_eq!(Value::from(some.body().unwrap()), sent);
        let made = NewAttributes { not_before: None, expires: None, disabled: false, tags: vec!["a=b".to_owned()] };
        assert_eq!(Value::from(made.body().unwrap()), json!({ "tags": { "a": "b" } }));
    }
}
