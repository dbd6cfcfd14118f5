//! The issuer that is an authority kept in a vault: its certificate is one of that vault, and its key signs here.
//!
//! Whoever made it an issuer could sign with its key then; what it signs is on record at the authority's own name, in the
//! vault where it is kept. A key of an authority leaves by this no more than by anything else. Nothing is signed below an
//! authority that was revoked, nor for a key that others have, as far as authorities of this installation were told.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use strongroom_crypto::{
    sha256,
    x509::{self, AuthorityError, CertificateFacts, IssueError, Subject, Template, Validity, Wanted},
};

use super::RENEWAL_PRINCIPAL;
use crate::{
    action::Action,
    certificate::{CertificatePolicy, IssuerReference},
    context::RequestContext,
    gate::Ask,
    issuance::{Answer, CertificateIssuer, Order, Outcome},
    issuer::{AuthorityLife, AuthoritySettings, IssuerSettings, Profile},
    key::KeyAlgorithm,
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    objects::{ObjectError, Objects, SigningKey, active},
    record::{HowItWent, Outcome as Recorded},
    revocations::{RevocationError, Revoking},
    schedule::own_request,
    secret::{SecretItem, VersionMeta},
    time::Clock,
};

const SECONDS_A_DAY: i64 = 86_400;
/// Seconds after which it is tried again when the store or the record was not there.
const TRY_AGAIN: i64 = 30;
/// What it is called, also on record, that an authority signs nothing because it was revoked.
pub const AUTHORITY_REVOKED: &str = "authority-revoked";

/// Signs by the authorities that are kept in vaults.
pub struct AuthorityIssuer {
    /// What it shares with everything else.
    pub objects: Arc<Objects>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where it is said what was revoked.
    pub revoking: Arc<Revoking>,
}

/// Why an authority did not sign.
#[derive(Debug, thiserror::Error)]
enum NotSigned {
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("the certificate of the authority is not there, or disabled")]
    Missing,
    #[error("the authority of this name is not known to be the one that the issuer was set for: set the issuer again")]
    OtherAuthority,
    #[error("what it signs could not be revoked: {0}")]
    Unlisted(RevocationError),
    #[error("it would sign by {0}, which is switched off in its vault")]
    AlgorithmRefused(KeyAlgorithm),
    #[error("whether it was revoked could not be found out: {0}")]
    Untold(RevocationError),
    #[error("it, or one above it, was revoked by the authority above: nobody would take what it signs. Renew it")]
    Revoked,
    #[error(
        "a certificate for this key was revoked because others have the key or may have it: make a version with a new key"
    )]
    KeyCompromised,
    #[error("the issuer's profile does not allow the extended key usages or the constraints that the policy asks for")]
    Profile,
    #[error("the issuer's profile certifies no names of the sort {0}")]
    Names(String),
}

impl HowItWent for NotSigned {
    fn how(&self) -> (Recorded, &str) {
        match self {
            Self::Object(error) => error.how(),
            Self::Unlisted(error) | Self::Untold(error) => error.how(),
            Self::AlgorithmRefused(_) => (Recorded::Failed, "algorithm-refused"),
            Self::Revoked => (Recorded::Failed, AUTHORITY_REVOKED),
            Self::KeyCompromised => (Recorded::Failed, "key-compromised"),
            Self::Authority(_) | Self::Missing | Self::OtherAuthority | Self::Profile | Self::Names(_) => {
                (Recorded::Failed, "invalid")
            }
        }
    }
}

impl NotSigned {
    fn outcome(self, now: i64) -> Outcome {
        let code = match &self {
            Self::Object(ObjectError::Denied(_) | ObjectError::VaultNotFound | ObjectError::Tampered)
            | Self::Missing => "authority-unavailable",
            Self::Object(_) => {
                let message = "The authority could not be asked, and will be asked again.".to_owned();
                return Outcome::Failed { code: "unavailable", message, retry_at: Some(now + TRY_AGAIN) };
            }
            Self::Authority(AuthorityError::OutsideConstraints) => "outside-constraints",
            Self::Authority(_) => "authority-refuses",
            Self::OtherAuthority => "authority-changed",
            Self::Unlisted(_) => "no-revocation-list",
            Self::Untold(_) => "authority-unavailable",
            Self::AlgorithmRefused(_) => "algorithm-refused",
            Self::Revoked => AUTHORITY_REVOKED,
            Self::KeyCompromised => "key-compromised",
            Self::Profile | Self::Names(_) => "outside-profile",
        };
        let message = match &self {
            Self::Object(_) => "The authority cannot be used.".to_owned(),
            other => format!("The authority does not sign: {other}."),
        };
        Outcome::Failed { code, message, retry_at: None }
    }
}

#[async_trait]
impl CertificateIssuer for AuthorityIssuer {
    async fn ask(&self, order: &Order<'_>) -> Answer {
        let IssuerSettings::Authority(settings) = order.settings else {
            return NotSigned::Missing.outcome(order.now).into();
        };
        match self.sign(order, settings).await {
            Ok(chain) => Outcome::Issued { chain, renewal: None }.into(),
            Err(why) => {
                tracing::warn!(%why, vault = %order.vault, certificate = %order.certificate, "an authority did not sign");
                why.outcome(order.now).into()
            }
        }
    }
}

impl AuthorityIssuer {
    async fn sign(&self, order: &Order<'_>, settings: &AuthoritySettings) -> Result<Vec<Vec<u8>>, NotSigned> {
        let template = within(settings.profile, order.template)?;
        let (elsewhere, name) = settings.place().map_err(|_| NotSigned::Missing)?;
        let vault = elsewhere.as_ref().unwrap_or(order.vault);
        let longest = settings.max_days.map_or(i64::MAX, |days| order.now + i64::from(days) * SECONDS_A_DAY);
        let validity = Validity { not_after: order.validity.not_after.min(longest), ..order.validity };
        let seen = self.seen((vault, &name), order).await?;
        let crl_url = match (&settings.crl_url, &seen) {
            (Some(elsewhere), _) => Some(elsewhere.clone()),
            (None, Some(Seen { version, stands: Stands::Well })) => self.point((vault, &name), version).await?,
            (None, _) => None,
        };
        let ctx = own_request(RENEWAL_PRINCIPAL, &*self.clock, &*self.objects.entropy).map_err(ObjectError::from)?;
        let wanted = Wanted {
            request: order.request,
            template: &template,
            validity,
            crl_url: crl_url.as_deref(),
            now: order.now,
        };
        // For the modules of the authority's vault, which others than those of the certificate's may be.
        let asked = CertificatePolicy {
            template: template.clone(),
            issuer: IssuerReference {
                name: order.issuer.as_str().to_owned(),
                certificate_type: None,
                transparency: None,
            },
            ..CertificatePolicy::default()
        };
        let days = (validity.not_after - order.now).div_euclid(SECONDS_A_DAY);
        let ask = Ask {
            certificate: Some((&asked, u32::try_from(days).unwrap_or(0))),
            ..Ask::object(ObjectKind::Certificate, Action::AuthoritySign, vault, &name)
        };
        self.sign_with(&ctx, (ask, order), &wanted, seen.as_ref()).await
    }

    /// The authority as it stands before it is asked; none where there is none to be asked. What is wrong with it is told by
    /// whoever asks it to sign, on record.
    async fn seen(&self, place: (&VaultName, &ObjectName), order: &Order<'_>) -> Result<Option<Seen>, NotSigned> {
        let (vault, name) = place;
        let objects = &self.objects;
        let found = objects.gate.vaults.vault(vault).await.map_err(ObjectError::from)?;
        let Some(found) = found else { return Ok(None) };
        let facts = objects.store.facts(found.id, ObjectKind::Certificate, name, None).await;
        let Some(item) = active(facts.map_err(ObjectError::from)?.as_deref()) else { return Ok(None) };
        if is_judged(order.authority, found.id, &item).is_err() {
            return Ok(None);
        }
        let untold = |why: RevocationError| match why {
            RevocationError::Object(why) => NotSigned::Object(why),
            why => NotSigned::Untold(why),
        };
        let chain = item.version.certificate.as_ref().map_or(&[][..], |certificate| &certificate.chain);
        let key = x509::key_of_request(order.request).ok_or(AuthorityError::Issue(IssueError))?;
        // What its vault has switched off is settled by the row as it was written here.
        objects.keyring.verified_vault_keys(&found).await.map_err(ObjectError::from)?;
        let signs_by = item.version.key.as_ref().and_then(|key| x509::algorithm_of(key.spec)).map(KeyAlgorithm::from);
        let refused = signs_by.filter(|algorithm| found.settings.refused_algorithms.contains(algorithm));
        let stands = if let Some(algorithm) = refused {
            Stands::AlgorithmRefused(algorithm)
        } else if self.revoking.objections_to_authority(place, chain).await.map_err(untold)?.are_some() {
            Stands::Revoked
        } else if self.revoking.is_compromised(place, &key, order.replaces).await.map_err(untold)? {
            Stands::KeyCompromised
        } else {
            Stands::Well
        };
        Ok(Some(Seen { version: item.version, stands }))
    }

    /// Where it is said what the authority has revoked.
    async fn point(
        &self,
        (vault, name): (&VaultName, &ObjectName),
        version: &VersionMeta,
    ) -> Result<Option<String>, NotSigned> {
        self.revoking.point(vault, name, version).await.map_err(|why| match why {
            RevocationError::Object(why) => NotSigned::Object(why),
            why => NotSigned::Unlisted(why),
        })
    }

    async fn sign_with(
        &self,
        ctx: &RequestContext,
        (ask, order): (Ask<'_>, &Order<'_>),
        wanted: &Wanted<'_>,
        seen: Option<&Seen>,
    ) -> Result<Vec<Vec<u8>>, NotSigned> {
        let fit = |vault: VaultId, item: &SecretItem| -> Result<(), NotSigned> {
            is_judged(order.authority, vault, item)?;
            if !item.version.attributes.enabled {
                return Err(NotSigned::Missing);
            }
            match seen.filter(|seen| seen.version == item.version).map(|seen| seen.stands) {
                Some(Stands::Well) => Ok(()),
                Some(Stands::AlgorithmRefused(algorithm)) => Err(NotSigned::AlgorithmRefused(algorithm)),
                Some(Stands::Revoked) => Err(NotSigned::Revoked),
                Some(Stands::KeyCompromised) => Err(NotSigned::KeyCompromised),
                // Another version than the one that was looked at.
                None => Err(ObjectError::Contended.into()),
            }
        };
        let sign = |with: &SigningKey<'_>| -> Result<_, NotSigned> {
            let leaf = x509::issue(with.chain, with.key(), wanted, &*self.objects.entropy)?;
            Ok(std::iter::once(leaf).chain(with.chain.iter().cloned()).collect())
        };
        let told = |chain: &Vec<Vec<u8>>| told(order, chain.first().map_or(&[][..], Vec::as_slice));
        self.objects.sign_as_authority(ctx, ask, (fit, || NotSigned::Missing), sign, told).await
    }
}

/// An authority as it was looked at before it was asked.
struct Seen {
    version: VersionMeta,
    stands: Stands,
}

/// How it stands with an authority, and with the key for which it is to sign.
#[derive(Clone, Copy)]
enum Stands {
    Well,
    AlgorithmRefused(KeyAlgorithm),
    Revoked,
    KeyCompromised,
}

/// An issuer signs by the authority for which it was set alone, and not by whatever came to have its name since.
fn is_judged(judged: Option<&AuthorityLife>, vault: VaultId, item: &SecretItem) -> Result<(), NotSigned> {
    let since = item.secret.certificate.as_ref().and_then(|state| state.authority_since);
    let is_it = judged.is_some_and(|judged| judged.is_of(vault, item.secret.revision, since));
    if is_it { Ok(()) } else { Err(NotSigned::OtherAuthority) }
}

/// What was signed, and for whom: the certificate itself is found by its digest, wherever it is.
fn told(order: &Order<'_>, certificate: &[u8]) -> Vec<(&'static str, String)> {
    let hex = |octets: &[u8]| data_encoding::HEXLOWER.encode(octets);
    let mut told = vec![
        ("signed", "certificate".to_owned()),
        ("for", format!("{}/{}", order.vault, order.certificate)),
        ("issuer", order.issuer.as_str().to_owned()),
        ("subject", order.template.subject.clone()),
        ("sha256", hex(&sha256(certificate))),
    ];
    if let Ok(facts) = CertificateFacts::of(certificate) {
        told.push(("serial", hex(&facts.serial)));
    }
    told
}

/// The template as the profile allows it.
fn within(profile: Profile, template: &Template) -> Result<Template, NotSigned> {
    let subject = Subject::parse(&template.subject).ok();
    let mails = subject.as_ref().is_some_and(|subject| subject.emails().next().is_some());
    let users = subject.as_ref().is_some_and(|subject| subject.accounts().next().is_some());
    let labelled = template.names.labelled();
    let of_subject = mails.then_some("email").into_iter().chain(users.then_some("upn"));
    let mut sorts = labelled.iter().filter_map(|name| name.split(':').next()).chain(of_subject);
    if let Some(other) = sorts.find(|sort| !profile.names().contains(sort)) {
        return Err(NotSigned::Names(other.to_owned()));
    }
    if profile == Profile::Authority {
        return if template.ca { Ok(template.clone()) } else { Err(NotSigned::Profile) };
    }
    let allowed: BTreeSet<&str> = profile.extended_usages().iter().copied().collect();
    let asked = &template.extended_usages;
    if template.ca || !asked.iter().all(|usage| allowed.contains(usage.as_str())) {
        return Err(NotSigned::Profile);
    }
    let mut template = template.clone();
    if asked.is_empty() {
        // Without any, a certificate is good for everything.
        template.extended_usages = profile.extended_usages().iter().map(|usage| (*usage).to_owned()).collect();
    }
    Ok(template)
}
