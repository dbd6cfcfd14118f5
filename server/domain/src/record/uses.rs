//! When each grant was last used: which decisions rested on it, as their records say. Counted from records, so that a
//! long log is not looked through for each grant that somebody looks at.
//!
//! A decision rests on one grant of each sort, the first that allows it: of two that allow the same, one alone is used.
//! What somebody only asked about another one is no use, nor is a search over many vaults.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Outcome, Record};
use crate::{
    access_policy::AccessPolicy,
    decision::StageEffect,
    gate::OWN_ASSIGNMENT,
    names::VaultName,
    principal::{Grantee, PrincipalId},
};

/// Most uses that are kept, one for each operation with each grant, about 200 bytes each.
const MOST: usize = 100_000;
/// How many changes of a group's access policy are followed back: its records name it by its revision.
const CHANGES: i64 = 64;

/// A grant as records of what rested on it name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsedGrant {
    /// The assignment of this id.
    Assignment(Uuid),
    /// The access policy of a principal in the vault of this name.
    OfPrincipal(String, PrincipalId),
    /// The access policy of a group in the vault of this name, at this revision.
    OfGroup(String, i64),
}

impl UsedGrant {
    /// An access policy in the vault of this name.
    #[must_use]
    pub fn of_policy(vault: &VaultName, policy: &AccessPolicy) -> Self {
        let vault = vault.as_str().to_ascii_lowercase();
        match &policy.grantee {
            Grantee::Principal { id } => Self::OfPrincipal(vault, id.clone()),
            Grantee::Group { .. } => Self::OfGroup(vault, policy.revision),
        }
    }

    /// What a decision rested on.
    fn of_record(record: &Record, principal: &PrincipalId) -> Vec<Self> {
        let own = record.trace.iter().take_while(|stage| stage.stage != "described");
        let allowed = own.filter(|stage| stage.effect == StageEffect::Allow);
        let used = allowed.filter_map(|stage| {
            let detail = stage.detail.as_deref()?;
            let vault = || record.vault.as_ref().map(|vault| vault.to_ascii_lowercase());
            match (stage.stage.as_str(), stage.reason.as_str()) {
                // To give something up takes no grant.
                ("grants", OWN_ASSIGNMENT) => None,
                ("grants", _) => Uuid::try_parse(detail).ok().map(Self::Assignment),
                ("access-policy", "principal") => Some(Self::OfPrincipal(vault()?, principal.clone())),
                ("access-policy", "group") => {
                    Some(Self::OfGroup(vault()?, detail.strip_prefix("revision ")?.parse().ok()?))
                }
                _ => None,
            }
        });
        used.collect()
    }
}

/// The last use of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// When the request arrived, Unix milliseconds.
    pub at: i64,
    /// Who asked.
    pub by: PrincipalId,
    /// Its record.
    pub record: Uuid,
}

/// The last use of a grant by each operation, as records call it.
pub type OperationsUsed = BTreeMap<String, LastUse>;

/// What is known of the uses of some grants, in the order in which they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// What is not told of was not used from this moment on, Unix milliseconds.
    pub since: i64,
    /// The uses of each.
    pub of: Vec<OperationsUsed>,
}

/// Counts uses. Bounded: those that are longest ago go first.
#[derive(Debug)]
pub struct UseCount {
    used: BTreeMap<UsedGrant, OperationsUsed>,
    kept: usize,
    most: usize,
    since: i64,
}

impl Default for UseCount {
    fn default() -> Self {
        Self::keeping(MOST)
    }
}

impl UseCount {
    fn keeping(most: usize) -> Self {
        Self { used: BTreeMap::new(), kept: 0, most: most.max(1), since: i64::MIN }
    }

    /// Counts a record.
    pub fn add(&mut self, record: &Record) {
        let Some(principal) = &record.principal else { return };
        // What was allowed and came to nothing rested on a grant too.
        if !matches!(record.outcome, Outcome::Allowed | Outcome::Failed) || record.at < self.since {
            return;
        }
        for grant in UsedGrant::of_record(record, principal) {
            let uses = self.used.entry(grant).or_default();
            let newest = LastUse { at: record.at, by: principal.clone(), record: record.id };
            match uses.get_mut(&record.operation) {
                Some(known) if known.at > newest.at => {}
                Some(known) => *known = newest,
                None => {
                    uses.insert(record.operation.clone(), newest);
                    self.kept += 1;
                }
            }
        }
        if self.kept > self.most {
            self.forget();
        }
    }

    /// Forgets a quarter of what is kept, the longest ago.
    fn forget(&mut self) {
        let mut moments: Vec<i64> = self.used.values().flat_map(BTreeMap::values).map(|used| used.at).collect();
        moments.sort_unstable();
        let Some(last) = moments.get(self.most / 4) else { return };
        let since = last.saturating_add(1);
        self.used.retain(|_, uses| {
            uses.retain(|_, used| used.at >= since);
            !uses.is_empty()
        });
        self.kept = self.used.values().map(BTreeMap::len).sum();
        self.since = since;
    }

    /// What is known of these.
    #[must_use]
    pub fn told(&self, grants: &[UsedGrant]) -> Uses {
        Uses { since: self.since, of: grants.iter().map(|grant| self.uses_of(grant)).collect() }
    }

    fn uses_of(&self, grant: &UsedGrant) -> OperationsUsed {
        let first = match grant {
            UsedGrant::OfGroup(vault, revision) => UsedGrant::OfGroup(vault.clone(), revision.saturating_sub(CHANGES)),
            other => other.clone(),
        };
        let mut all = OperationsUsed::new();
        for (operation, used) in self.used.range::<UsedGrant, _>(&first..=grant).flat_map(|(_, uses)| uses) {
            if all.get(operation).is_none_or(|known| known.at < used.at) {
                all.insert(operation.clone(), used.clone());
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{decision::Stage, names::VaultId};

    const HERE: Uuid = Uuid::from_u128(7);

    fn who(subject: &str) -> PrincipalId {
        PrincipalId { issuer: "https://idp".to_owned(), subject: subject.to_owned() }
    }

    fn record(at: i64, by: &str, operation: &str, stages: &[(&str, &str, &str)]) -> Record {
        let mut record: Record = serde_json::from_str(
            r#"{"id":"01900000-0000-7000-8000-000000000001","at":1,"principal_kind":"user","client":"::1","listener":"main","operation":"","vault":"Demo","outcome":"allowed","reason":"ok","duration_micros":0}"#,
        )
        .unwrap();
        (record.at, record.principal, record.operation) = (at, Some(who(by)), operation.to_owned());
        let stage = |(stage, reason, detail): &(&str, &str, &str)| {
            Stage::new(*stage, StageEffect::Allow, *reason).with_detail((*detail).to_owned())
        };
        record.trace = stages.iter().map(stage).collect();
        record
    }

    fn uses(count: &UseCount, grant: UsedGrant) -> Vec<(String, i64, String)> {
        let told = count.told(&[grant]).of.remove(0);
        told.into_iter().map(|(operation, used)| (operation, used.at, used.by.subject)).collect()
    }

    fn used(operation: &str, at: i64, by: &str) -> (String, i64, String) {
        (operation.to_owned(), at, by.to_owned())
    }

    #[test]
    fn the_last_use_of_each_operation_is_told_with_who_it_was() {
        let mut count = UseCount::default();
        let by_role = [("grants", "Owner", "00000000-0000-0000-0000-000000000007")];
        for (at, by, operation) in [(3, "ada", "SecretGet"), (9, "bob", "SecretGet"), (5, "ada", "SecretSet")] {
            count.add(&record(at, by, operation, &by_role));
        }
        // Written in another order than they arrived.
        count.add(&record(4, "eve", "SecretGet", &by_role));
        let all = [used("SecretGet", 9, "bob"), used("SecretSet", 5, "ada")];
        assert_eq!(uses(&count, UsedGrant::Assignment(HERE)), all);
        assert!(uses(&count, UsedGrant::Assignment(Uuid::nil())).is_empty());
    }

    #[test]
    fn what_rested_on_no_grant_of_its_principal_is_no_use() {
        let mut count = UseCount::default();
        let id = HERE.to_string();
        count.add(&record(1, "ada", "SearchAll", &[("grants", "judged-one-by-one", "SecretList: 3 of 5")]));
        count.add(&record(1, "ada", "AssignmentRemove", &[("grants", OWN_ASSIGNMENT, &id)]));
        count.add(&record(1, "ada", "WhyShow", &[("described", "SecretGet", "x"), ("grants", "Owner", &id)]));
        let denied = Record { outcome: Outcome::Denied, ..record(1, "ada", "SecretGet", &[("grants", "Owner", &id)]) };
        count.add(&denied);
        let nobody = Record { principal: None, ..record(1, "ada", "SecretGet", &[("grants", "Owner", &id)]) };
        count.add(&nobody);
        assert!(count.used.is_empty(), "{count:?}");
        // What was allowed and was not there did rest on it.
        count.add(&Record { outcome: Outcome::Failed, ..denied });
        assert_eq!(uses(&count, UsedGrant::Assignment(HERE)), [used("SecretGet", 1, "ada")]);
    }

    #[test]
    fn the_policy_of_a_principal_is_known_by_its_vault_and_that_of_a_group_by_its_revision_too() {
        let mut count = UseCount::default();
        count.add(&record(1, "ada", "SecretGet", &[("access-policy", "principal", "revision 500")]));
        count.add(&record(2, "bob", "SecretGet", &[("access-policy", "group", "revision 900")]));
        let vault = VaultName::parse("demo").unwrap();
        let policy = |grantee: Grantee, revision: i64| AccessPolicy {
            vault: VaultId(Uuid::nil()),
            grantee,
            permissions: Default::default(),
            revision,
            tag: Vec::new(),
        };
        let of = |grantee, revision| uses(&count, UsedGrant::of_policy(&vault, &policy(grantee, revision)));
        let group = || Grantee::Group { issuer: "https://idp".to_owned(), group: "ops".to_owned() };
        assert_eq!(of(Grantee::Principal { id: who("ada") }, 503), [used("SecretGet", 1, "ada")]);
        assert!(of(Grantee::Principal { id: who("bob") }, 500).is_empty());
        assert_eq!(of(group(), 900), [used("SecretGet", 2, "bob")]);
        assert_eq!(of(group(), 902), [used("SecretGet", 2, "bob")], "it was changed twice since");
        assert!(of(group(), 899).is_empty());
        assert!(of(group(), 901 + CHANGES).is_empty(), "another one");
    }

    proptest! {
        /// Nothing that is forgotten may be taken for unused.
        #[test]
        fn what_was_used_since_the_told_moment_is_told(moments in prop::collection::vec((0_u128..12, 0_i64..50), 0..60)) {
            let mut count = UseCount::keeping(5);
            for (grant, at) in &moments {
                let id = Uuid::from_u128(*grant).to_string();
                count.add(&record(*at, "ada", "SecretGet", &[("grants", "Owner", &id)]));
            }
            prop_assert!(count.kept <= 5);
            for grant in 0..12_u128 {
                let told = count.told(&[UsedGrant::Assignment(Uuid::from_u128(grant))]);
                let last = moments.iter().filter(|(id, at)| *id == grant && *at >= told.since).map(|(_, at)| *at).max();
                prop_assert_eq!(told.of[0].get("SecretGet").map(|used| used.at), last);
            }
        }
    }
}
