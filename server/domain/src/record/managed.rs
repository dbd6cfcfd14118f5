//! Details of the management of the installation: what was given to whom and until when, and what was changed from
//! what into what.
//!
//! They tell what is shown of an object to whoever may read it. Of an attachment's settings that is too much: their
//! digest alone is told. Of a client secret never more than its id, what people call it, and when it ends.

use std::collections::BTreeSet;

use serde::Serialize;
use strongroom_crypto::sha256;

use super::{
    MAX_DETAIL, Record,
    details::{moment, other_tags},
};
use crate::{
    access_policy::ObjectPermissions,
    grant::Assignment,
    identity::{CertificateCredential, ClientSecretHash, Federation, Workload},
    network::NetworkRule,
    policy::PolicyAttachment,
    principal::Grantee,
    role::RoleRef,
    vault::VaultSettings,
};

/// Characters of a digest that are told.
const DIGEST: usize = 16;
/// Characters that " and 1000 more" and the words around two lists take.
const AROUND: usize = 40;

impl Record {
    /// What something is, that was made or is gone; or, where there is something before and after, what it became, if
    /// that is another.
    pub(crate) fn detail_told(&mut self, name: &str, before: Option<String>, after: Option<String>) {
        match (before, after) {
            (Some(before), Some(after)) if before == after => {}
            (Some(before), Some(after)) => self.detail(name, format_args!("{before} -> {after}")),
            (None, Some(told)) | (Some(told), None) => self.detail(name, told),
            (None, None) => {}
        }
    }

    /// The same of a list. One that is empty and was not before is nothing to tell of.
    pub(crate) fn detail_list(&mut self, name: &str, before: Option<&[String]>, after: Option<&[String]>) {
        match (before, after) {
            (Some(before), Some(after)) if before == after => {}
            (Some(before), Some(after)) => self.detail(name, change_of(before, after)),
            (None, Some(list)) | (Some(list), None) if !list.is_empty() => {
                self.detail(name, listed(list, MAX_DETAIL.saturating_sub(AROUND)));
            }
            _ => {}
        }
    }

    fn detail_grantee(&mut self, grantee: &Grantee) {
        let (issuer, sort, name) = match grantee {
            Grantee::Principal { id } => (&id.issuer, "subject", &id.subject),
            Grantee::Group { issuer, group } => (issuer, "group", group),
        };
        self.detail("issuer", issuer);
        self.detail(sort, name);
    }

    /// Of an assignment that is given or taken away: which role, where, to whom, until when. Role and scope in names.
    pub(crate) fn detail_assignment(&mut self, assignment: &Assignment, role: &str, scope: &str) {
        self.detail_grant(&assignment.grantee, (role, Some(assignment.role)), scope, assignment.ends_at);
    }

    /// The same of one that is asked for; the role as it was named, where there is none of the name.
    pub(crate) fn detail_grant(
        &mut self,
        grantee: &Grantee,
        (name, role): (&str, Option<RoleRef>),
        scope: &str,
        ends_at: Option<i64>,
    ) {
        self.detail("role", name);
        if let Some(RoleRef::Custom(id)) = role {
            self.detail("role_id", id);
        }
        self.detail("scope", scope);
        self.detail_grantee(grantee);
        self.detail("ends_at", moment(ends_at));
    }

    /// Of an access policy: for whom, and what they may.
    pub(crate) fn detail_access_policy(
        &mut self,
        grantee: &Grantee,
        before: Option<&ObjectPermissions>,
        after: Option<&ObjectPermissions>,
    ) {
        self.detail_grantee(grantee);
        let secrets = |of: &ObjectPermissions| -> Vec<String> {
            of.secrets.iter().map(|permission| permission.as_str().to_owned()).collect()
        };
        let keys = |of: &ObjectPermissions| -> Vec<String> {
            of.keys.iter().map(|permission| permission.as_str().to_owned()).collect()
        };
        self.detail_list("secrets", before.map(secrets).as_deref(), after.map(secrets).as_deref());
        let certificates = |of: &ObjectPermissions| -> Vec<String> {
            of.certificates.iter().map(|permission| permission.as_str().to_owned()).collect()
        };
        self.detail_list("keys", before.map(keys).as_deref(), after.map(keys).as_deref());
        self.detail_list("certificates", before.map(certificates).as_deref(), after.map(certificates).as_deref());
    }

    /// Of a vault's settings: all of a new one's, or those that are others now. Of tags the names alone.
    pub(crate) fn detail_settings(&mut self, before: Option<&VaultSettings>, after: &VaultSettings) {
        let mut told = |name, of: fn(&VaultSettings) -> String| {
            self.detail_told(name, before.map(of), Some(of(after)));
        };
        told("access_mode", |settings| word(settings.access_mode));
        told("retention_days", |settings| settings.retention_days.to_string());
        told("purge_protection", |settings| settings.purge_protection.to_string());
        told("default_action", |settings| word(settings.network.default_action));
        told("region", |settings| settings.region.clone().unwrap_or_else(|| "none".to_owned()));
        let mut listed = |name, of: fn(&VaultSettings) -> Vec<String>| {
            self.detail_list(name, before.map(of).as_deref(), Some(&of(after)));
        };
        listed("rules", |settings| settings.network.rules.iter().map(rule).collect());
        listed("policies", |settings| settings.policies.iter().map(attachment).collect());
        listed("refused_algorithms", |settings| {
            settings.refused_algorithms.iter().map(|algorithm| algorithm.as_str().to_owned()).collect()
        });
        self.note_attached(before.map_or(&[][..], |before| &before.policies), &after.policies);
        let none = VaultSettings::default();
        let tags = other_tags(&before.unwrap_or(&none).tags, &after.tags);
        self.detail_list("tags", None, Some(&tags));
    }

    /// Of the modules that are attached to every vault: those that are there now, if they are others.
    pub(crate) fn detail_attachments(&mut self, before: &[PolicyAttachment], after: &[PolicyAttachment]) {
        let told = |policies: &[PolicyAttachment]| policies.iter().map(attachment).collect::<Vec<_>>();
        self.detail_list("policies", Some(&told(before)), Some(&told(after)));
        self.note_attached(before, after);
    }

    /// What is attached otherwise now, whole: details tell settings by the beginning of their digest.
    fn note_attached(&mut self, before: &[PolicyAttachment], after: &[PolicyAttachment]) {
        let of = |one: &PolicyAttachment| (one.name.clone(), one.module, one.settings.clone(), one.authority);
        let before: Vec<_> = before.iter().map(of).collect();
        let others = after.iter().filter(|one| !before.contains(&of(one))).cloned();
        self.attached = others.map(|one| PolicyAttachment { previous: None, ..one }).collect();
    }

    /// Of a workload that was made, changed or deleted: its name, whether it is enabled, and the credentials that it
    /// has or had, or that it got or lost.
    pub(crate) fn detail_workload(&mut self, before: Option<&Workload>, after: Option<&Workload>) {
        let name = |workload: &Workload| workload.name.clone();
        let enabled = |workload: &Workload| workload.enabled.to_string();
        let secrets = |workload: &Workload| workload.secrets.iter().map(client_secret).collect::<Vec<_>>();
        let certificates = |workload: &Workload| workload.certificates.iter().map(certificate).collect::<Vec<_>>();
        self.detail_told("name", before.map(name), after.map(name));
        self.detail_told("enabled", before.map(enabled), after.map(enabled));
        self.detail_list("client_secrets", before.map(secrets).as_deref(), after.map(secrets).as_deref());
        self.detail_list("certificates", before.map(certificates).as_deref(), after.map(certificates).as_deref());
        let of =
            |workload: Option<&Workload>| workload.map(|workload| workload.federations.clone()).unwrap_or_default();
        let (had, has) = (of(before), of(after));
        let lost = had.iter().filter(|federation| !has.contains(federation));
        let got = has.iter().filter(|federation| !had.contains(federation));
        self.detail_federations(&lost.chain(got).collect::<Vec<_>>());
    }

    /// Each part of a federation by itself, so that none can be taken for another's.
    fn detail_federations(&mut self, federations: &[&Federation]) {
        let several = federations.len() > 1;
        if several {
            self.detail("federations", federations.len());
        }
        for (number, federation) in (1..).zip(federations) {
            let part = |name: &str| if several { format!("federation {number} {name}") } else { name.to_owned() };
            self.detail(part("issuer"), &federation.issuer);
            self.detail(part(if federation.pattern { "subject_pattern" } else { "subject" }), &federation.subject);
            self.detail(part("audience"), &federation.audience);
        }
    }
}

/// A word as it is on the wire.
fn word(of: impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        // None of those that are told here is written otherwise.
        _ => String::new(),
    }
}

fn rule(rule: &NetworkRule) -> String {
    let network = rule.network.map(|network| network.to_string());
    let listener = rule.listener.as_ref().map(|listener| format!("by listener {listener}"));
    let ends = rule.ends_at.map(|end| format!("until {end}"));
    let parts = [Some(word(rule.action)), network, listener, ends];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn attachment(attachment: &PolicyAttachment) -> String {
    let digest = |whole: String| whole.chars().take(DIGEST).collect::<String>();
    format!(
        "{} {}{} module {} settings {}",
        attachment.name,
        word(attachment.state),
        if attachment.authority { " authority" } else { "" },
        digest(attachment.module.to_string()),
        digest(data_encoding::HEXLOWER.encode(&sha256(attachment.settings.as_bytes()))),
    )
}

fn client_secret(secret: &ClientSecretHash) -> String {
    let name = secret.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    format!("{}{name} exp {}", secret.id, moment(secret.expires))
}

fn certificate(certificate: &CertificateCredential) -> String {
    let CertificateCredential { id, name, sha256, expires, .. } = certificate;
    format!("{id} {name} sha256 {} exp {expires}", data_encoding::HEXLOWER.encode(sha256))
}

/// What a list became: both of them, or what came and went where they are too long.
fn change_of(before: &[String], after: &[String]) -> String {
    let whole = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let both = format!("{} -> {}", whole(before), whole(after));
    if both.chars().count() <= MAX_DETAIL {
        return both;
    }
    let beside = |list: &[String], other: &[String]| {
        let other = other.iter().collect::<BTreeSet<_>>();
        list.iter().filter(|item| !other.contains(item)).cloned().collect::<Vec<_>>()
    };
    let (added, removed) = (beside(after, before), beside(before, after));
    let room = (MAX_DETAIL / 2).saturating_sub(AROUND);
    match (added.is_empty(), removed.is_empty()) {
        (true, true) => "in another order".to_owned(),
        _ => format!("added {}; removed {}", listed(&added, room), listed(&removed, room)),
    }
}

/// A list, as much of it as there is room for, and how many more there are.
fn listed(list: &[String], room: usize) -> String {
    let mut told = String::new();
    for (place, item) in list.iter().enumerate() {
        let between = if place == 0 { "" } else { ", " };
        let next = format!("{told}{between}{item}");
        if next.chars().count() <= room {
            told = next;
        } else if place == 0 {
            told = item.chars().take(room).chain(['…']).collect();
        } else {
            return format!("{told} and {} more", list.len().saturating_sub(place));
        }
    }
    if told.is_empty() { "none".to_owned() } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
        numbers.map(|number| format!("allow 10.0.0.{number}/32")).collect()
    }

    #[test]
    fn long_lists_say_what_came_and_went_and_how_many_more() {
        assert_eq!(change_of(&numbered(1..2), &[]), "allow 10.0.0.1/32 -> none");
        let many = numbered(0..200);
        let told = listed(&many, MAX_DETAIL - AROUND);
        assert!(told.starts_with("allow 10.0.0.0/32, allow 10.0.0.1/32") && told.ends_with(" more"), "{told}");
        assert!(told.chars().count() <= MAX_DETAIL);
        let mut more = many.clone();
        more.push("allow 0.0.0.0/0".to_owned());
        assert_eq!(change_of(&many, &more), "added allow 0.0.0.0/0; removed none", "it is not lost among the others");
        let turned = many.iter().rev().cloned().collect::<Vec<_>>();
        assert_eq!(change_of(&many, &turned), "in another order");
        let other = change_of(&many, &numbered(200..255));
        assert!(other.chars().count() <= MAX_DETAIL && other.matches(" more").count() == 2, "{other}");
        assert_eq!(listed(&["ä".repeat(700)], 10).chars().count(), 11);
    }
}
