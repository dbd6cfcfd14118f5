//! Having an issuer elsewhere take back a version that it issued (RFC 8555, section 7.6).
//!
//! That somebody asks for it is on record before the issuer is asked, and what came of it after: what is remembered of a
//! version is written once the issuer has done it. A node that dies in between leaves a version that looks good here and is
//! not; asked again, the issuer says that it was done, and then it is remembered.

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
    objects::ObjectError,
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
        ctx.leave_open();
        let (item, facts) = self.objects.show_asked(ctx, name, ask).await?;
        let leaf = item.version.certificate.as_ref().and_then(|certificate| certificate.leaf());
        let (Some(leaf), Some(state)) = (leaf, item.secret.certificate.as_deref()) else {
            return Err(CertificateError::Unfinished);
        };
        if state.revoked(&item.version.version).is_some() {
            return Ok((item, facts));
        }
        let found = CertificateFacts::of(leaf)?;
        let named = match issuer {
            Some(issuer) => issuer.clone(),
            None => ObjectName::parse(&state.policy.issuer.name)
                .map_err(|_| CertificateError::NoSuchIssuer(state.policy.issuer.name.clone()))?,
        };
        let asked = Asked { vault, name, issuer: &named, now: ctx.now };
        let lasting = state.revoked.iter().filter(|one| one.counts(ctx.seconds()));
        let done = if lasting.count() < MAX_REVOKED {
            self.take_back(&asked, leaf, reason).await
        } else {
            Err(CertificateError::NotRevoked("200 versions of it are revoked already".to_owned()))
        };
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

    /// Asks the issuer.
    async fn take_back(&self, asked: &Asked<'_>, certificate: &[u8], reason: Reason) -> Result<(), CertificateError> {
        let ctx = self.own(asked)?;
        let found = match self.issuers.opened_to_ask(&ctx, asked.vault, asked.issuer).await {
            Ok(found) => found,
            Err(IssuerError::Object(why)) => return Err(why.into()),
            Err(_) => return Err(ObjectError::Unavailable.into()),
        };
        // Also by one that is disabled: by that one nothing more is signed.
        let Some((_, Issuer { settings, account, .. })) = found else {
            return Err(CertificateError::NoSuchIssuer(asked.issuer.as_str().to_owned()));
        };
        let what =
            TakenBack { settings: &settings, account: account.as_ref(), certificate, reason, now: ctx.seconds() };
        let done = match (&settings, &self.providers.acme) {
            (IssuerSettings::Acme(_), Some(acme)) => acme.take_back(&what).await,
            (IssuerSettings::Acme(_), None) => Err(NotTakenBack {
                code: "not-here",
                message: "this server cannot ask issuers of the provider ACME".to_owned(),
            }),
            (IssuerSettings::Authority(_), _) => return Err(CertificateError::RevokedByAuthority),
        };
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

/// What is asked of whom.
struct Asked<'a> {
    vault: &'a VaultName,
    name: &'a ObjectName,
    issuer: &'a ObjectName,
    /// Unix milliseconds.
    now: i64,
}
