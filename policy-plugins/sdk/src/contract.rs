//! The types of `policy.wit`, generated, and a few questions one often asks of them.

#![expect(missing_docs, reason = "generated; the words are in policy.wit")]

wit_bindgen::generate!({
    path: "../wit",
    world: "policy",
    pub_export_macro: true,
    default_bindings_module: "strongroom_policy_sdk::contract",
    additional_derives: [PartialEq, Eq],
});

use exports::strongroom::policy::guard::{Object, Principal};

impl Principal {
    /// The claim of this name. Ask for `facts::CLAIMS` to be given any.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        find(&self.claims, name)
    }

    /// Whether the principal is in this group. Ask for `facts::GROUPS` to be given any.
    #[must_use]
    pub fn is_in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|one| one == group)
    }
}

impl Object {
    /// The value of the tag of this name. Ask for `facts::TAGS` to be given any.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        find(&self.tags, name)
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
