//! The facts of the contract: whether there is one of a name.

use strongroom_domain::{policy::CountFact, policy_document::document_of};

/// Whether the contract has a fact of this name, which this server then gives.
pub(crate) fn is_known(name: &str) -> bool {
    matches!(name, "groups" | "claims" | "tags" | "days-since-rotation" | "approvals")
        || document_of(name).is_some()
        || CountFact::parse(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_fact_of_a_name_or_not() {
        for name in [
            "groups",
            "claims",
            "tags",
            "approvals",
            "days-since-rotation",
            "count/principal/denied/60",
            "count/object/any/86400",
            "document/allowed-hosts",
        ] {
            assert!(is_known(name), "{name}");
        }
        for name in ["", "group", "document/", "document/a/b", "count/principal/denied", "count/vault/denied/60"] {
            assert!(!is_known(name), "{name}");
        }
        for window in ["0", "86401", "-1", "+60", "6e1", ""] {
            let name = format!("count/principal/denied/{window}");
            assert!(!is_known(&name), "{name}");
        }
    }
}
