//! The facts of the contract: which there are, and which of them this server gives.

use strongroom_domain::policy::CountFact;

/// What is known of a fact by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// This server gives it.
    Given,
    /// The contract has it, and this server does not give it.
    NotGiven,
    /// The contract has no such fact.
    Unknown,
}

pub(crate) fn known(name: &str) -> Known {
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        ["groups" | "claims" | "tags" | "days-since-rotation" | "approvals"] => Known::Given,
        ["document", document] if !document.is_empty() => Known::NotGiven,
        ["count", ..] if CountFact::parse(name).is_some() => Known::Given,
        _ => Known::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_given_or_not_or_there_is_no_such_fact() {
        for name in [
            "groups",
            "claims",
            "tags",
            "approvals",
            "days-since-rotation",
            "count/principal/denied/60",
            "count/object/any/86400",
        ] {
            assert_eq!(known(name), Known::Given, "{name}");
        }
        assert_eq!(known("document/allowed-hosts"), Known::NotGiven);
        for name in ["", "group", "document/", "document/a/b", "count/principal/denied", "count/vault/denied/60"] {
            assert_eq!(known(name), Known::Unknown, "{name}");
        }
        for window in ["0", "86401", "-1", "+60", "6e1", ""] {
            let name = format!("count/principal/denied/{window}");
            assert_ne!(known(&name), Known::Given, "{name}");
        }
    }
}
