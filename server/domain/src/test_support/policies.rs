//! A policy engine that answers as it is told, and remembers what it was asked.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;

use crate::policy::{Effect, PolicyAnswer, PolicyAttachment, PolicyEngine, PolicyFailure, PolicyRequest};

/// What an attachment answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An answer with this effect.
    Says(Effect),
    /// No usable answer.
    Fails(PolicyFailure),
    /// An answer to no request at all.
    SaysNothing,
}

/// Answers by the attachment's name; attachments it was told nothing of are missing modules.
#[derive(Debug, Default)]
pub struct FakePolicies {
    verdicts: Mutex<HashMap<String, Verdict>>,
    asked: Mutex<Vec<PolicyRequest>>,
}

impl FakePolicies {
    /// Makes an attachment answer so from now on.
    pub fn answer(&self, attachment: &str, verdict: Verdict) {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).insert(attachment.to_owned(), verdict);
    }

    /// Everything that was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<PolicyRequest> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn verdict(&self, attachment: &PolicyAttachment) -> Option<Verdict> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).get(&attachment.name).copied()
    }
}

#[async_trait]
impl PolicyEngine for FakePolicies {
    async fn decide(
        &self,
        attachment: &PolicyAttachment,
        requests: &[PolicyRequest],
    ) -> Result<Vec<PolicyAnswer>, PolicyFailure> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(requests);
        match self.verdict(attachment).ok_or(PolicyFailure::Missing)? {
            Verdict::Fails(failure) => Err(failure),
            Verdict::SaysNothing => Ok(Vec::new()),
            Verdict::Says(effect) => Ok(requests
                .iter()
                .map(|_| PolicyAnswer {
                    effect,
                    reason_code: "as-told".to_owned(),
                    sentence: "The test said so.".to_owned(),
                    relied_on: Vec::new(),
                    messages: Vec::new(),
                    fuel: 1,
                })
                .collect()),
        }
    }

    async fn check(&self, attachment: &PolicyAttachment) -> Result<(), PolicyFailure> {
        match self.verdict(attachment) {
            None => Err(PolicyFailure::Missing),
            Some(Verdict::Fails(failure)) => Err(failure),
            Some(_) => Ok(()),
        }
    }
}
