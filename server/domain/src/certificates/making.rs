//! A version in the making: everything that is settled before its key is there, and what is written once it is. Asks
//! nobody and waits for nothing.

use std::{borrow::Cow, sync::Arc};

use strongroom_crypto::{
    Entropy,
    key::NewKey,
    x509::{self, Template, Validity},
};

use super::{Worked, applied, successor::succeeds};
use crate::{
    certificate::{
        CertificatePolicy, CertificateState, CertificateVersion, Enrolment, PendingOperation, PendingStatus,
    },
    change::{Change, NameWrite},
    key::KeyProperties,
    keyring::{Keyring, VaultKeys},
    names::{ObjectKind, ObjectName, ObjectVersion},
    objects::{Companions, Faces, Finished},
    permit::Permit,
    renewal,
    secret::{LifeState, SecretAttributes, SecretFacts, SecretItem, SecretMeta, VersionMeta},
};

/// The current version, if there is a certificate in it.
pub(super) fn finished(before: Option<&SecretFacts>) -> Option<&VersionMeta> {
    let version = before?.version.as_ref()?;
    version.certificate.as_ref()?.leaf().map(|_| version)
}

/// A version in the making: everything that is settled before its key is there.
pub(super) struct Making {
    pub(super) keyring: Arc<Keyring>,
    pub(super) keys: Arc<VaultKeys>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) now: i64,
    pub(super) name: ObjectName,
    pub(super) revision: i64,
    pub(super) version: ObjectVersion,
    pub(super) request_id: String,
    pub(super) before: Option<Arc<SecretFacts>>,
    pub(super) companions: Companions,
    pub(super) policy: CertificatePolicy,
    pub(super) would_be: KeyProperties,
    pub(super) attributes: SecretAttributes,
    /// Whether the policy says to keep the key of the version before, and others have that.
    pub(super) gives_up_key: bool,
    pub(super) origin: Origin,
}

/// Where the certificate of a version comes from.
pub(super) enum Origin {
    /// Its own key signs it.
    SignsItself(Validity),
    /// It is asked for elsewhere.
    Asks,
    /// An issuer of the vault is asked for it.
    Ordered,
    /// It came along, with its chain.
    Brought(Vec<Vec<u8>>),
}

impl Making {
    fn state_before(&self) -> Option<&CertificateState> {
        self.before.as_ref()?.secret.certificate.as_deref()
    }

    /// Whether it takes the place of an authority whose issuers it may not sign for.
    fn is_another_authority(&self, chain: &[Vec<u8>]) -> bool {
        let before = finished(self.before.as_deref()).and_then(|version| version.certificate.as_ref()?.leaf());
        let brought = matches!(self.origin, Origin::Brought(_));
        before.zip(chain.first()).is_some_and(|(before, next)| !succeeds(before, next, brought))
    }

    /// What the request says: an issuer of the vault is asked for the hosts of the subject by name.
    fn asked_for(&self) -> Cow<'_, Template> {
        let template = &self.policy.template;
        match self.origin {
            Origin::Ordered => Cow::Owned(template.with_hosts_of_subject()),
            _ => Cow::Borrowed(template),
        }
    }

    pub(super) fn make(self, permit: Permit, key: &NewKey) -> Worked {
        let chain = match &self.origin {
            Origin::SignsItself(validity) => {
                vec![x509::self_signed(&self.policy.template, key, *validity, &*self.entropy)?]
            }
            Origin::Asks | Origin::Ordered => Vec::new(),
            Origin::Brought(chain) => chain.clone(),
        };
        let is_finished = !chain.is_empty();
        let is_another = self.is_another_authority(&chain);
        let wanted = self.attributes.enabled;
        let attributes = if is_finished {
            self.attributes.clone()
        } else {
            SecretAttributes { enabled: false, not_before: None, expires: None, ..self.attributes.clone() }
        };
        let properties = KeyProperties { public: key.public.clone(), ..self.would_be.clone() };
        let certificate = CertificateVersion { content_type: self.policy.content_type, chain };
        let ordinal = self.state_before().map_or(1, |state| state.newest + 1);
        let faces = Faces { keyring: &self.keyring, keys: &self.keys, entropy: &*self.entropy, now: self.now };
        let mut with_it = Vec::new();
        if is_finished {
            let finished = Finished {
                version: &self.version,
                ordinal,
                created: self.now,
                attributes: &attributes,
                key: &properties,
                certificate: &certificate,
                private: &key.private,
            };
            for (kind, version) in faces.version(&self.name, &finished)? {
                let before = self.companions.of(kind);
                with_it.push(faces.companion(kind, &self.name, before, &self.version, vec![version])?);
            }
        }
        let meta = VersionMeta {
            version: self.version.clone(),
            attributes,
            created: self.now,
            updated: self.now,
            ordinal,
            data_key_id: [0; 16],
            key: Some(Box::new(properties)),
            certificate: Some(Box::new(certificate)),
            tag: Vec::new(),
        };
        let version = faces.seal(ObjectKind::Certificate, &self.name, meta, &key.private)?;
        let current = match (is_finished, finished(self.before.as_deref())) {
            // The one in use stays until the new one is there.
            (false, Some(before)) => before,
            _ => &version.meta,
        };
        // Of the version in use, as long as that one stays.
        let in_use = self.state_before().filter(|_| !is_finished);
        let state = CertificateState {
            policy_created: self.state_before().map_or(self.now, |state| state.policy_created),
            policy_updated: self.now,
            pending: match self.origin {
                // Done at once, and there is no request.
                Origin::Brought(_) => None,
                _ => Some(PendingOperation {
                    request_id: self.request_id.clone(),
                    version: self.version.clone(),
                    issuer: self.policy.issuer.name.clone(),
                    request: x509::request(&self.asked_for(), key)?,
                    status: if is_finished { PendingStatus::Completed } else { PendingStatus::InProgress },
                    enabled: wanted,
                    gives_up_key: self.gives_up_key,
                    enrolment: match self.origin {
                        Origin::Ordered => Some(Enrolment { ask_at: self.now, ..Enrolment::default() }),
                        _ => None,
                    },
                }),
            },
            newest: ordinal,
            renew_at: in_use.and_then(|state| state.renew_at),
            inquiry: in_use.and_then(|state| state.inquiry.clone()),
            revoked: self.state_before().map(|state| state.revoked.clone()).unwrap_or_default(),
            authority_since: if is_another {
                Some(self.revision)
            } else {
                self.state_before().and_then(|state| state.authority_since)
            },
            policy: self.policy.clone(),
        };
        let before = self.before.as_deref().and_then(|facts| Some((&facts.secret, facts.version.as_ref()?)));
        let mut rotation = renewal::follow(before, &state, current);
        if let (Origin::Ordered, Some(was)) = (&self.origin, before.and_then(|(name, _)| name.rotation.as_ref()))
            && self.state_before().is_some_and(|before| before.policy == state.policy)
        {
            // It is the version in use of which was told, and whose renewal has failed so often.
            (rotation.notify_at, rotation.failed) = (was.notify_at, was.failed.clone());
        }
        let own = SecretMeta {
            name: self.name.clone(),
            life: LifeState::Active,
            current: current.version.clone(),
            revision: self.revision,
            managed: false,
            rotation: Some(rotation),
            certificate: Some(Box::new(state)),
            tag: Vec::new(),
        };
        let own = faces.tagged(ObjectKind::Certificate, own)?;
        let item = SecretItem { secret: own.clone(), version: version.meta.clone() };
        let judged = self.before.as_ref().map(|facts| facts.secret.revision);
        let mut writes = vec![NameWrite {
            kind: ObjectKind::Certificate,
            judged,
            name: own,
            new: vec![version],
            updated: Vec::new(),
        }];
        writes.append(&mut with_it);
        applied(permit, Change::WriteCertificate(writes), item)
    }
}
