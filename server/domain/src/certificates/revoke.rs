//! Having an issuer elsewhere take back a version that it issued (RFC 8555, section 7.6).
//!
//! That somebody asks for it is on record before the issuer is asked, without a status, and what came of it after: what is
//! remembered of a version is written once the issuer has done it. A node that dies in between leaves a version that looks
//! good here and is not; asked again, the issuer says that it was done, and then it is remembered.

use strongroom_crypto::{
    key::PublicKey,
    x509::{CertificateFacts, Reason},
};

use super::{CertificateError, Certificates, state::Changed};
use crate::{
    action::Action,
    certificate::CertificateState,
    context::RequestContext,
    gate::{Ask, signing},
    issuance::{NotTakenBack, TakenBack},
    issuer::{Issuer, IssuerSettings},
    issuers::IssuerError,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    objects::{InVault, ObjectError, active},
    record::{HowItWent as _, Outcome, Record},
    renewal,
    revocation::{RevokedCertificate, serial_from},
    revocations::PRINCIPAL,
    schedule::own_request_at,
    secret::{SecretItem, VaultFacts},
};

/// Most versions of a name that are remembered as taken back.
const MAX_REVOKED: usize = 200;

impl Certificates {
    /// POST /certificates/{name}/revoke, of a version of the name itself: the issuer of its policy, or the one that is
    /// named, takes it back. One that it took back before stays as it is.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub async fn revoke_at_issuer(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        (name, version): (&ObjectName, Option<&ObjectVersion>),
        issuer: Option<&ObjectName>,
        reason: Reason,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        let content = signing::taken_back(issuer, reason).map_err(|_| ObjectError::Unavailable)?;
        let ask = Ask::object(ObjectKind::Certificate, Action::CertificateRevokeVersion, vault, name);
        let ask = Ask { version, content: Some(&content), ..ask };
        let InVault { case, vault: found, .. } = self.objects.admit(ctx, ask).await?;
        let asked = Asked { vault, name, now: ctx.now };
        let there = active(case.facts.as_deref());
        let begun = match there.ok_or_else(|| ObjectError::NotFound(name.clone(), version.cloned())) {
            Ok(item) => self.to_ask(&asked, &item, issuer).await.map(|to_ask| (item, to_ask)),
            Err(why) => Err(why.into()),
        };
        if matches!(&begun, Ok((_, Some(_)))) {
            ctx.leave_open();
        }
        let (held, facts) = (case.permit.hold(begun), VaultFacts::from(&*found));
        let begun = self.objects.recorder.release(ctx, case.record, held).await.map_err(ObjectError::from)?;
        let (item, to_ask) = begun?;
        let Some(ToAsk { issuer, leaf, found }) = to_ask else { return Ok((item, facts)) };
        let done = self.take_back(&asked, &issuer, &leaf, reason).await;
        if let Err(why) = done {
            self.note_not_revoked(&asked, &item.version.version, &why).await?;
            return Err(why);
        }
        let revoked = RevokedCertificate {
            serial: serial_from(&found.serial).unwrap_or_default(),
            at: ctx.seconds(),
            reason,
            ends: Some(found.not_after),
            key: found.key.as_ref().map(PublicKey::kinship),
        };
        let secret = self.remember(&asked, &item.version.version, &revoked).await?.secret;
        Ok((SecretItem { secret, version: item.version }, facts))
    }

    /// Whom to ask for what; none when it was taken back before. What is known to fail here fails before anybody is asked,
    /// and is what the request's own record says.
    async fn to_ask(
        &self,
        asked: &Asked<'_>,
        item: &SecretItem,
        issuer: Option<&ObjectName>,
    ) -> Result<Option<ToAsk>, CertificateError> {
        let leaf = item.version.certificate.as_ref().and_then(|certificate| certificate.leaf());
        let (Some(leaf), Some(state)) = (leaf, item.secret.certificate.as_deref()) else {
            return Err(CertificateError::Unfinished);
        };
        if state.revoked(&item.version.version).is_some() {
            return Ok(None);
        }
        let found = CertificateFacts::of(leaf)?;
        let ctx = self.own(asked)?;
        if state.revoked.iter().filter(|one| one.counts(ctx.seconds())).count() >= MAX_REVOKED {
            return Err(CertificateError::NotRevoked("200 versions of it are revoked already".to_owned()));
        }
        let named = issuer.map_or(state.policy.issuer.name.as_str(), ObjectName::as_str);
        let nobody = || CertificateError::NoSuchIssuer(named.to_owned());
        let name = ObjectName::parse(named).map_err(|_| nobody())?;
        // Also one that is disabled: by that one nothing more is signed.
        let (_, issuer) = match self.issuers.opened_to_ask(&ctx, asked.vault, &name).await {
            Ok(there) => there.ok_or_else(nobody)?,
            Err(IssuerError::Object(why)) => return Err(why.into()),
            Err(_) => return Err(ObjectError::Unavailable.into()),
        };
        match (&issuer.settings, &self.providers.acme) {
            (IssuerSettings::Acme(_), Some(_)) => Ok(Some(ToAsk { issuer, leaf: leaf.to_vec(), found })),
            (IssuerSettings::Acme(_), None) => Err(not_here()),
            (IssuerSettings::Authority(_), _) => Err(CertificateError::RevokedByAuthority),
        }
    }

    /// Asks the issuer.
    async fn take_back(
        &self,
        asked: &Asked<'_>,
        Issuer { settings, account, .. }: &Issuer,
        certificate: &[u8],
        reason: Reason,
    ) -> Result<(), CertificateError> {
        let Some(acme) = &self.providers.acme else { return Err(not_here()) };
        let now = asked.now.div_euclid(1000);
        let done = acme.take_back(&TakenBack { settings, account: account.as_ref(), certificate, reason, now }).await;
        done.map_err(|NotTakenBack { code, message }| match code {
            "acme-unreachable" | "acme-rate-limited" => CertificateError::IssuerUnreachable(message),
            _ => CertificateError::NotRevoked(message),
        })
    }

    /// Writes down that the issuer has done it.
    async fn remember(
        &self,
        asked: &Asked<'_>,
        version: &ObjectVersion,
        revoked: &RevokedCertificate,
    ) -> Result<SecretItem, CertificateError> {
        let ask = Ask::object(ObjectKind::Certificate, Action::CertificateNoteRevoked, asked.vault, asked.name);
        let changed = |item: &SecretItem, state: &CertificateState| {
            let after = state.with_revoked(version, revoked.clone(), revoked.at);
            let rotation = renewal::follow(Some((&item.secret, &item.version)), &after, &item.version);
            Ok(Changed { shown: after.clone(), state: after, rotation })
        };
        let done = self.change_name(&self.own(asked)?, &ask, changed).await;
        if let Err(error) = &done {
            tracing::error!(%error, vault = %asked.vault, certificate = %asked.name, version = %version, "a version was revoked by its issuer, and that could not be written down: revoke it again");
        }
        Ok(done?.0)
    }

    /// That an issuer did not do it is on record as a failure of its own: that it was asked for was allowed.
    async fn note_not_revoked(
        &self,
        asked: &Asked<'_>,
        version: &ObjectVersion,
        why: &CertificateError,
    ) -> Result<(), CertificateError> {
        let mut record = Record::of(&self.own(asked)?, Action::CertificateRevokeVersion.operation());
        record.vault = Some(asked.vault.as_str().to_owned());
        record.kind = Some(ObjectKind::Certificate.as_str().to_owned());
        record.object = Some(asked.name.as_str().to_owned());
        record.version = Some(version.as_str().to_owned());
        record.outcome = Outcome::Failed;
        why.how().1.clone_into(&mut record.reason);
        Ok(self.objects.recorder.note_event(record).await.map_err(ObjectError::from)?)
    }

    fn own(&self, asked: &Asked<'_>) -> Result<RequestContext, CertificateError> {
        Ok(own_request_at(PRINCIPAL, asked.now, &*self.objects.entropy).map_err(ObjectError::from)?)
    }
}

/// Of what it is asked.
struct Asked<'a> {
    vault: &'a VaultName,
    name: &'a ObjectName,
    /// Unix milliseconds.
    now: i64,
}

/// Who is asked, and for what.
struct ToAsk {
    issuer: Issuer,
    leaf: Vec<u8>,
    found: CertificateFacts,
}

fn not_here() -> CertificateError {
    CertificateError::NotRevoked("this server cannot ask issuers of the provider ACME".to_owned())
}
