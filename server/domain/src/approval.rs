//! Approvals: what somebody may do because other people agreed, for a while.
//!
//! A policy module that denies for want of approval opens a request. It is for one principal, one operation, one
//! object and what would be made of it ([`Content`]): exactly these, by identities and never by what people call them.
//! Whoever is asked sees what it is; what they agreed to in the management of a vault happens once. A request that names a version is for
//! that version; one that names none is for whatever is current when it is made. Others grant or refuse it, and what
//! they granted is a fact of later decisions about the very same, until it ends. Nobody approves their own.
//!
//! A word counts no longer than what it rests on: an object that was purged and made again under its name is another
//! one ([`ApprovalRequest::is_of`]), and an approval counts while whoever gave it may still give it, which the gate
//! looks up each time it counts one. A refusal stands also when whoever gave it lost their role, so an
//! Owner of the installation may lift it.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    action::Action,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId},
    principal::PrincipalId,
};

/// Most people whose approval one request may want.
pub const MAX_APPROVERS: u32 = 8;
/// Most requests of one principal in a vault that have not ended.
pub const MAX_OF_PRINCIPAL: u64 = 20;
/// Most requests in a vault that have not ended.
pub const MAX_IN_VAULT: u64 = 500;
/// Most of them of strangers, for whom nothing spoke when they asked: the rest is for those who hold something.
pub const MAX_OF_STRANGERS: u64 = 100;
/// How long a request waits for approvals, in seconds: a day.
pub const WAITING_SECONDS: i64 = 86_400;
/// Shortest time for which an approval or a refusal counts, in seconds.
pub const MIN_SECONDS: u32 = 60;

/// By how many revisions the name of an object may have gone on since its request was opened. The revisions of a name
/// begin anywhere among 2^32, so one that was purged and made again comes into this stretch one time in a million;
/// one that really changed so often is asked for anew.
pub const MAX_REVISIONS: i64 = 4096;

/// What somebody would do with an object, where operation and object alone do not say it: whom a role is for, which
/// settings would be others. Never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    digest: String,
    told: BTreeMap<String, String>,
}

impl Content {
    /// Of all that matters of it, and what is told of it to people.
    ///
    /// # Errors
    /// None in practice: it is plain data.
    pub fn of(all: &impl Serialize, told: BTreeMap<String, String>) -> Result<Self, serde_json::Error> {
        Ok(Self { digest: HEXLOWER.encode(&strongroom_crypto::sha256(&serde_json::to_vec(all)?)), told })
    }

    /// The same of a change to what an object is at a revision: laid over another it would make something else.
    ///
    /// # Errors
    /// None in practice: it is plain data.
    pub fn over(self, revision: Option<i64>) -> Result<Self, serde_json::Error> {
        Self::of(&(&self.digest, revision), self.told)
    }

    /// Its two halves.
    #[must_use]
    pub fn into_parts(self) -> (String, BTreeMap<String, String>) {
        (self.digest, self.told)
    }
}

/// What an approval is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalSubject {
    /// Where.
    pub vault: VaultId,
    /// Who asks.
    pub principal: PrincipalId,
    /// What for.
    pub action: Action,
    /// Kind of the object.
    pub kind: ObjectKind,
    /// The object; none when the whole collection is meant.
    pub name: Option<ObjectName>,
    /// The version, when one was named.
    pub version: Option<ObjectVersion>,
    /// Digest of what would be made of it, see [`Content`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

impl ApprovalSubject {
    /// A text that is the same for the same subject and for no other, 64 characters.
    #[must_use]
    pub fn key(&self) -> String {
        let mut bytes = Vec::new();
        let parts = [
            self.principal.issuer.as_str(),
            self.principal.subject.as_str(),
            self.action.operation(),
            self.kind.as_str(),
            self.name.as_ref().map_or("", ObjectName::as_str),
            self.version.as_ref().map_or("", ObjectVersion::as_str),
            self.content.as_deref().unwrap_or_default(),
        ];
        // The key of a request that says nothing of it is what it was before there was any.
        let parts = parts.iter().take(if self.content.is_some() { parts.len() } else { parts.len().saturating_sub(1) });
        bytes.extend_from_slice(self.vault.0.as_bytes());
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        HEXLOWER.encode(&strongroom_crypto::sha256(&bytes))
    }
}

/// One person's consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who approved.
    pub by: PrincipalId,
    /// When, Unix seconds.
    pub granted: i64,
    /// Until when it counts, Unix seconds.
    pub until: i64,
    /// The group by which they could, when it was not by a role of their own. What an issuer says of groups is known
    /// while somebody asks alone, so whether they are in it still is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Of a workload of this installation: how often it had been disabled, as its token says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

/// One person's refusal, which takes back what was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Who refused.
    pub by: PrincipalId,
    /// When, Unix seconds.
    pub refused: i64,
    /// Until when nobody is asked anew, Unix seconds.
    pub until: i64,
}

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalState {
    /// It waits for approvals.
    Waiting,
    /// Enough people approved.
    Granted,
    /// Somebody refused.
    Refused,
}

impl ApprovalState {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Granted => "granted",
            Self::Refused => "refused",
        }
    }
}

/// A request for approval, with what was said to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// Identity: that of the decision which opened it.
    pub id: Uuid,
    /// What for.
    pub subject: ApprovalSubject,
    /// What would be made of it, in words; for people alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// At which revision the name of the object was when it was asked for; none when there was no such object, or
    /// none was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<i64>,
    /// Which attached module wants it: of several, the one that waits for it now.
    pub attachment: String,
    /// How many people have to approve, 1 to [`MAX_APPROVERS`].
    pub approvers: u32,
    /// For how long an approval counts at most, in seconds.
    pub valid_for: u32,
    /// When it was opened, Unix seconds.
    pub opened: i64,
    /// When it ends, Unix seconds: then it is as if it had not been.
    pub ends: i64,
    /// Who approved so far.
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// Who refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// Whether who asks is a stranger to the vault: neither a role nor an access policy nor a module with authority spoke
    /// for them. What they ask for makes room for what others do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stranger: bool,
    /// Counts changes, from 1.
    pub revision: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

/// What somebody says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Grant,
    /// No.
    Refuse,
}

/// Who says it, and by what right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// Who.
    pub id: PrincipalId,
    /// The group by which they may, when it is not by a role of their own.
    pub group: Option<String>,
    /// Of a workload of this installation: how often it had been disabled, as its token says.
    pub generation: Option<i64>,
    /// Whether they are an Owner of the installation, who may lift what others refused.
    pub owns_installation: bool,
}

impl From<PrincipalId> for Approver {
    /// Somebody by a role of their own.
    fn from(id: PrincipalId) -> Self {
        Self { id, group: None, generation: None, owns_installation: false }
    }
}

/// Why nothing can be said to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// It is one's own.
    Own,
    /// Not for so long, or so short.
    Seconds,
    /// As many people approved as may.
    Enough,
    /// Somebody else refused: while that counts, only they can think better of it, or an Owner of the installation.
    Refused,
}

impl ApprovalRequest {
    /// A new one.
    #[must_use]
    pub fn open(
        id: Uuid,
        subject: ApprovalSubject,
        seen: Option<i64>,
        attachment: &str,
        approvers: u32,
        valid_for: u32,
        now: i64,
    ) -> Self {
        Self {
            id,
            subject,
            details: BTreeMap::new(),
            seen,
            attachment: attachment.to_owned(),
            approvers,
            valid_for,
            opened: now,
            ends: now.saturating_add(WAITING_SECONDS),
            approvals: Vec::new(),
            refusal: None,
            stranger: false,
            revision: 1,
            tag: Vec::new(),
        }
    }

    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_there(&self, now: i64) -> bool {
        now < self.ends
    }

    /// Whether it is for an object whose name is at this revision now, none when there is no such object: for the life
    /// of the name in which it was opened. What was purged and made again is another object, and so is what was not
    /// there yet when it was asked for.
    #[must_use]
    pub fn is_of(&self, revision: Option<i64>) -> bool {
        match (self.seen, revision) {
            (None, None) => true,
            (Some(seen), Some(now)) => now.checked_sub(seen).is_some_and(|on| (0..=MAX_REVISIONS).contains(&on)),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    /// The request as it is when the same is asked for of another object under the name: nobody has said anything.
    #[must_use]
    pub fn anew(&self, seen: Option<i64>, attachment: &str, approvers: u32, valid_for: u32, now: i64) -> Self {
        let fresh = Self::open(self.id, self.subject.clone(), seen, attachment, approvers, valid_for, now);
        Self { details: self.details.clone(), revision: self.revision.saturating_add(1), ..fresh }
    }

    /// Whether it makes room for a request of somebody who holds something: a stranger's that nobody has answered.
    #[must_use]
    pub fn gives_way(&self) -> bool {
        self.stranger && self.approvals.is_empty() && self.refusal.is_none()
    }

    /// The approvals that count now: of other people, each once, in their time, and none after a refusal.
    pub fn counting(&self, now: i64) -> impl Iterator<Item = &Approval> {
        let open = self.refusal.is_none() && self.is_there(now);
        let counts = move |one: &&Approval| open && one.by != self.subject.principal && now < one.until;
        self.approvals.iter().filter(counts)
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self, now: i64) -> ApprovalState {
        if self.refusal.is_some() {
            ApprovalState::Refused
        } else if self.counting(now).count() >= self.approvers as usize {
            ApprovalState::Granted
        } else {
            ApprovalState::Waiting
        }
    }

    /// The request as it is when one more module wants more people, or wants it for a shorter time, or another one
    /// than before waits for it; none when it is so already.
    #[must_use]
    pub fn asking_for(&self, attachment: &str, approvers: u32, valid_for: u32, now: i64) -> Option<Self> {
        let (more, shorter) = (approvers.max(self.approvers), valid_for.min(self.valid_for));
        let as_before = (more, shorter, attachment) == (self.approvers, self.valid_for, self.attachment.as_str());
        if self.refusal.is_some() || as_before {
            return None;
        }
        let attachment = attachment.to_owned();
        let mut next = Self { attachment, approvers: more, valid_for: shorter, ..self.next(now) };
        for approval in &mut next.approvals {
            approval.until = approval.until.min(approval.granted.saturating_add(i64::from(shorter)));
        }
        next.approvals.retain(|approval| now < approval.until);
        next.set_end(now);
        Some(next)
    }

    /// Whether somebody other than this refused.
    #[must_use]
    pub fn is_refused_by_other_than(&self, by: &PrincipalId) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.by != *by)
    }

    /// The request after somebody's answer, for so many seconds, as long as it may when none are said. What somebody
    /// else refused stays so, also against a refusal that would take its place: nobody but an Owner lifts it.
    ///
    /// # Errors
    /// [`Unheard`].
    pub fn answered(&self, by: &Approver, verdict: Verdict, seconds: Option<u32>, now: i64) -> Result<Self, Unheard> {
        if by.id == self.subject.principal {
            return Err(Unheard::Own);
        }
        let seconds = seconds.unwrap_or(self.valid_for);
        if !(MIN_SECONDS..=self.valid_for).contains(&seconds) {
            return Err(Unheard::Seconds);
        }
        if self.is_refused_by_other_than(&by.id) && !by.owns_installation {
            return Err(Unheard::Refused);
        }
        let mut next = self.next(now);
        let until = now.saturating_add(i64::from(seconds));
        match verdict {
            Verdict::Grant => {
                next.refusal = None;
                next.approvals.retain(|approval| approval.by != by.id);
                if next.approvals.len() >= MAX_APPROVERS as usize {
                    return Err(Unheard::Enough);
                }
                let Approver { id, group, generation, .. } = by.clone();
                next.approvals.push(Approval { by: id, granted: now, until, group, generation });
            }
            Verdict::Refuse => {
                next.approvals.clear();
                next.refusal = Some(Refusal { by: by.id.clone(), refused: now, until });
            }
        }
        next.set_end(now);
        Ok(next)
    }

    /// The request once what it is for was done: it has ended, and so has every approval of it.
    #[must_use]
    pub fn spent(&self, now: i64) -> Self {
        Self { ends: self.ends.min(now), approvals: Vec::new(), ..self.next(now) }
    }

    /// One revision on, without what no longer counts.
    fn next(&self, now: i64) -> Self {
        let mut next = Self { revision: self.revision.saturating_add(1), tag: Vec::new(), ..self.clone() };
        next.approvals.retain(|approval| now < approval.until);
        next
    }

    /// A granted request ends with the first approval that it cannot do without, a refused one with the refusal. One
    /// that waits does so for a day since it was opened, or since it was last spoken to.
    fn set_end(&mut self, now: i64) {
        self.ends = match (&self.refusal, self.state(now)) {
            (Some(refusal), _) => refusal.until,
            (None, ApprovalState::Granted) => {
                let mut ends: Vec<i64> = self.approvals.iter().map(|approval| approval.until).collect();
                ends.sort_unstable_by(|one, other| other.cmp(one));
                let needed = (self.approvers as usize).saturating_sub(1);
                ends.get(needed).copied().unwrap_or(now)
            }
            (None, _) => now.saturating_add(WAITING_SECONDS),
        };
    }
}

#[cfg(test)]
mod tests;
