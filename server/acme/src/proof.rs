//! Puts proofs where an authority looks for them, and takes them away: an answer that this installation shows (http-01), or
//! a record that a program of the operator puts into the DNS (dns-01).
//!
//! Each is written down before it is put anywhere, by the order that it is for.

use std::collections::HashMap;

use instant_acme::{ChallengeType, Identifier, KeyAuthorization};
use strongroom_domain::{
    issuer::Challenge,
    proofs::{Proof, ProofError, ProofKind, Proofs},
};

use crate::{
    hook::{DnsHook, Verb},
    trouble::AcmeError,
};

/// Proofs that are taken away in one go.
const SWEEP: usize = 100;

/// The kind of proof that settings ask for.
pub(crate) fn kind_of(challenge: &Challenge) -> ProofKind {
    match challenge {
        Challenge::Http01 => ProofKind::Http01,
        Challenge::Dns01 { .. } => ProofKind::Dns01,
    }
}

/// The same in the words of the protocol.
pub(crate) fn challenge_of(kind: ProofKind) -> ChallengeType {
    match kind {
        ProofKind::Http01 => ChallengeType::Http01,
        ProofKind::Dns01 => ChallengeType::Dns01,
    }
}

/// Where the proof for a name is looked for, and what is to be found there.
pub(crate) fn found_at(kind: ProofKind, name: &Identifier, token: &str, key: &KeyAuthorization) -> (String, String) {
    match (kind, name) {
        (ProofKind::Http01, _) => (token.to_owned(), key.as_str().to_owned()),
        (ProofKind::Dns01, name) => (format!("_acme-challenge.{}", crate::names::shown(name)), key.dns_value()),
    }
}

/// Puts proofs where they belong, and takes them away.
pub(crate) struct Prover {
    proofs: Proofs,
    hooks: HashMap<String, DnsHook>,
}

impl Prover {
    pub(crate) fn new(proofs: Proofs, hooks: HashMap<String, DnsHook>) -> Self {
        Self { proofs, hooks }
    }

    /// Writes it down, then puts it there.
    pub(crate) async fn place(
        &self,
        challenge: &Challenge,
        (place, value): (&str, &str),
        order: &str,
        now: i64,
    ) -> Result<(), AcmeError> {
        let hook = match challenge {
            Challenge::Http01 => None,
            Challenge::Dns01 { hook } => Some((hook.as_str(), self.hook(hook)?)),
        };
        let noted = self.proofs.note(hook.map(|(name, _)| name), (place, value), order, now).await;
        noted.map_err(|error| match error {
            ProofError::Form => AcmeError::Garbled,
            other => AcmeError::NotShown(other.to_string()),
        })?;
        match hook {
            Some((_, hook)) => {
                hook.run(Verb::Present, place, value).await.map_err(|error| AcmeError::Hook(error.to_string()))
            }
            None => Ok(()),
        }
    }

    fn hook(&self, name: &str) -> Result<&DnsHook, AcmeError> {
        self.hooks.get(name).ok_or(AcmeError::Unsuitable(
            "the issuer names a program for dns-01 that the server's configuration does not have",
        ))
    }

    /// Takes away what was put anywhere for an order. What fails is in the log, and tried again when its time is over.
    pub(crate) async fn tidy(&self, order: &str) {
        match self.proofs.of_order(order).await {
            Ok(placed) => self.take_away(placed).await,
            Err(error) => tracing::warn!(%error, "proofs for a certificate authority were left where they are"),
        }
    }

    /// Takes away what was left by orders that came to no end here.
    pub(crate) async fn sweep(&self, now: i64) {
        match self.proofs.lapsed(now, SWEEP).await {
            Ok(lapsed) => self.take_away(lapsed).await,
            Err(error) => tracing::warn!(%error, "proofs for certificate authorities could not be looked through"),
        }
    }

    async fn take_away(&self, placed: Vec<Proof>) {
        for proof in placed {
            let hook = proof.hook.as_deref().map(|name| self.hook(name));
            let gone = match hook {
                Some(Ok(hook)) => hook.run(Verb::Cleanup, &proof.place, &proof.value).await.is_ok(),
                Some(Err(error)) => {
                    tracing::warn!(%error, record = proof.place, "a record for a certificate authority stays in the DNS");
                    true
                }
                None => true,
            };
            if gone && let Err(error) = self.proofs.forget(&proof).await {
                tracing::warn!(%error, "a proof for a certificate authority that was taken away is still written down");
            }
        }
    }
}
