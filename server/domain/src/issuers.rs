//! The use cases of issuers and contacts. Each is a name with one sealed document, in the same tables, behind the same
//! gate and in the same log as everything else that a vault holds; none has a history or a soft delete, as in Azure.

use std::sync::Arc;

use strongroom_crypto::{
    Plaintext, SecretText,
    x509::{Template, Usage},
};
use zeroize::Zeroizing;

use crate::{
    action::Action,
    certificate::{SELF, UNKNOWN},
    certificates::RENEWAL_PRINCIPAL,
    change::{Change, PermittedChange},
    contacts::Contacts,
    context::RequestContext,
    gate::{Ask, Proposed, signing},
    issuance::{CertificateIssuer, Farewell},
    issuer::{AuthorityLife, AuthoritySettings, Issuer, IssuerInvalid, IssuerPatch, IssuerSettings, KeptAccount},
    names::{NameError, ObjectKind, ObjectName, VaultName},
    objects::{ATTEMPTS, InVault, ObjectError, ObjectPage, Objects, Verbs, active, opened_whole, spent},
    permit::{Held, Permit},
    ports::StoreError,
    record::{HowItWent, Outcome, Record},
    schedule::own_request_at,
    secret::{AttributePatch, SecretAttributes, SecretItem},
};

/// What it is called in records that an issuer was told that its account is given up.
const PARTING: &str = "IssuerAccountDeactivate";

/// The one name of the contacts of a vault.
pub const CONTACTS: &str = "contacts";

/// Why an operation on issuers or contacts did not happen.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// For a reason that other objects have too.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// It is not what an issuer or contacts can be.
    #[error(transparent)]
    Invalid(#[from] IssuerInvalid),
    /// There are no contacts.
    #[error("the vault has no certificate contacts")]
    NoContacts,
    /// Whoever names an authority must be allowed to sign with its key.
    #[error(
        "there is no certificate authority {0} that you may sign with: whoever makes it an issuer needs sign on its key"
    )]
    NoSuchAuthority(String),
    /// A certificate that may not sign others.
    #[error(
        "{0} is not the certificate of an authority: its policy's basic_constraints do not say ca, or its key usages leave out keyCertSign"
    )]
    NotAnAuthority(String),
    /// Nobody speaks with this provider on this server.
    #[error("this server cannot ask issuers of the provider {0}: its operator lists no directories under [acme]")]
    NotHere(&'static str),
    /// The operator does not let this one be asked.
    #[error(
        "the operator of this server does not list the issuer's directory under [acme], so it would never be asked"
    )]
    NotListed,
}

impl HowItWent for IssuerError {
    fn how(&self) -> (Outcome, &str) {
        let reason = match self {
            Self::Object(error) => return error.how(),
            Self::Invalid(_)
            | Self::NoSuchAuthority(_)
            | Self::NotAnAuthority(_)
            | Self::NotHere(_)
            | Self::NotListed => "invalid",
            Self::NoContacts => "not-found",
        };
        (Outcome::Failed, reason)
    }
}

impl From<StoreError> for IssuerError {
    fn from(error: StoreError) -> Self {
        ObjectError::from(error).into()
    }
}

impl From<NameError> for IssuerError {
    fn from(_: NameError) -> Self {
        // Unreachable by construction: the name is ours.
        ObjectError::Unavailable.into()
    }
}

/// An issuer as it is shown: its secrets stay where they are.
pub struct ShownIssuer {
    /// Name and times.
    pub item: SecretItem,
    /// How it is asked.
    pub settings: IssuerSettings,
    /// Azure: `credentials.account_id`.
    pub account_id: Option<String>,
    /// Azure: `org_details`.
    pub organization: Option<crate::issuer::Organization>,
}

impl ShownIssuer {
    fn of(item: SecretItem, issuer: Issuer) -> Self {
        let Issuer { settings, account_id, organization, .. } = issuer;
        Self { item, settings, account_id, organization }
    }
}

/// The use cases with what they conduct.
pub struct Issuers {
    /// What they share with other kinds.
    pub objects: Arc<Objects>,
    /// Who speaks RFC 8555, if somebody here does.
    pub acme: Option<Arc<dyn CertificateIssuer>>,
}

type Worked<T> = Result<(PermittedChange, Held<T>), IssuerError>;

impl Issuers {
    /// GET /certificates/issuers: names and providers, in order, after `after`.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub async fn list(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<ObjectPage, IssuerError> {
        Ok(self.objects.list(Verbs::ISSUERS, ctx, vault, false, after, limit).await?)
    }

    /// GET /certificates/issuers/{name}.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub async fn get(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<ShownIssuer, IssuerError> {
        let ask = Ask::object(ObjectKind::Issuer, Action::IssuerGet, vault, name);
        let (item, document) = self.objects.read_whole(ctx, ask).await?.ok_or_else(|| not_found(name))?;
        Ok(ShownIssuer::of(item, issuer_in(&document)?))
    }

    /// PUT /certificates/issuers/{name}: a new one, or another in its place.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub async fn set(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        given: &IssuerPatch,
    ) -> Result<ShownIssuer, IssuerError> {
        if [SELF, UNKNOWN].iter().any(|taken| name.as_str().eq_ignore_ascii_case(taken)) {
            return Err(IssuerInvalid::Name.into());
        }
        let mut issuer = Issuer::made(given)?;
        let enabled = given.enabled.unwrap_or(true);
        self.is_spoken_here(&issuer, enabled)?;
        let attributes = attributes(enabled, Some(issuer.settings.provider()));
        let content = signing::issuer(given, Some(&issuer.settings)).map_err(|_| ObjectError::Unavailable)?;
        let ask = Ask {
            proposed: Some(Proposed::Whole(&attributes)),
            content: Some(&content),
            ..Ask::object(ObjectKind::Issuer, Action::IssuerSet, vault, name)
        };
        for _ in 0..ATTEMPTS {
            let InVault { mut case, keys, .. } = self.objects.admit(ctx, ask.clone()).await?;
            if let IssuerSettings::Authority(authority) = &issuer.settings {
                match self.may_be_authority(ctx, vault, authority).await {
                    Ok(judged) => issuer.authority = Some(judged),
                    Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
                }
            }
            let judged = issuer.authority;
            let facts = case.facts.clone();
            let place = (ObjectKind::Issuer, name);
            let Some(item) = active(facts.as_deref()) else {
                let document = issuer.to_document().map_err(|_| ObjectError::Unavailable)?;
                let (item, change) =
                    self.objects.whole(ctx, &keys, place, &document, &attributes, (None, facts.as_deref()))?;
                if let Some(item) = self.objects.change(ctx, case, change, item).await? {
                    return Ok(ShownIssuer::of(item, issuer));
                }
                continue;
            };
            case.record.revision = Some(item.secret.revision + 1);
            let held = self.objects.store.read_to_change(case.permit, &item.version.version).await;
            if held.inspect(|(_, read)| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let held = held.map(|(permit, read): (Permit, _)| -> Worked<(ShownIssuer, Option<KeptAccount>)> {
                let before = issuer_in(&opened_whole(&self.objects.keyring, &keys, ObjectKind::Issuer, &item, read)?)?;
                let (issuer, parted) = Issuer::made(given)?.in_place_of(before);
                let issuer = Issuer { authority: judged, ..issuer };
                let document = issuer.to_document().map_err(|_| ObjectError::Unavailable)?;
                let (item, change) =
                    self.objects.whole(ctx, &keys, place, &document, &attributes, (None, facts.as_deref()))?;
                spent(permit, change, (ShownIssuer::of(item, issuer), parted))
            });
            let done = self.objects.recorder.commit_held(ctx, case.record, held).await.map_err(ObjectError::from)?;
            if let Some((shown, parted)) = done? {
                self.part_with(ctx, vault, name, parted);
                return Ok(shown);
            }
        }
        Err(self.objects.contended(ctx, ask).await)
    }

    /// PATCH /certificates/issuers/{name}: what is given in place of what was there.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub async fn update(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        given: &IssuerPatch,
    ) -> Result<ShownIssuer, IssuerError> {
        let patch = AttributePatch { enabled: given.enabled, ..AttributePatch::default() };
        let content = signing::issuer(given, None).map_err(|_| ObjectError::Unavailable)?;
        let ask = Ask {
            proposed: Some(Proposed::Patch(&patch)),
            content: Some(&content),
            ..Ask::object(ObjectKind::Issuer, Action::IssuerUpdate, vault, name)
        };
        for _ in 0..ATTEMPTS {
            let InVault { mut case, keys, .. } = self.objects.admit(ctx, ask.clone()).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                return Err(self.objects.refuse(ctx, case, not_found(name).into()).await);
            };
            let known = item.version.attributes.content_type.clone().unwrap_or_default();
            let named = authority_in(given, &known);
            let judged = match &named {
                Some(named) => match self.may_be_authority(ctx, vault, named).await {
                    Ok(judged) => Some(judged),
                    Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
                },
                None => None,
            };
            case.record.revision = Some(item.secret.revision + 1);
            let facts = case.facts.clone();
            let held = self.objects.store.read_to_change(case.permit, &item.version.version).await;
            if held.inspect(|(_, read)| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let held = held.map(|(permit, read): (Permit, _)| -> Worked<(ShownIssuer, Option<KeptAccount>)> {
                let before = issuer_in(&opened_whole(&self.objects.keyring, &keys, ObjectKind::Issuer, &item, read)?)?;
                let was = authority_of(&before.settings);
                let kept = kept_account(&before);
                let mut after = before.changed(given)?;
                let enabled = given.enabled.unwrap_or(item.version.attributes.enabled);
                self.is_spoken_here(&after, enabled)?;
                let is = authority_of(&after.settings);
                // Nothing is stored but what was judged.
                if is != was && is != named.as_ref().map(|named| named.certificate.clone()) {
                    return Err(IssuerError::NoSuchAuthority(is.unwrap_or_default()));
                }
                if is.is_none() {
                    after.authority = None;
                } else if is == named.as_ref().map(|named| named.certificate.clone()) {
                    after.authority = judged;
                }
                let attributes = attributes(enabled, Some(after.settings.provider()));
                let document = after.to_document().map_err(|_| ObjectError::Unavailable)?;
                let place = (ObjectKind::Issuer, name);
                let (item, change) =
                    self.objects.whole(ctx, &keys, place, &document, &attributes, (None, facts.as_deref()))?;
                let parted = kept.filter(|_| after.account.is_none());
                spent(permit, change, (ShownIssuer::of(item, after), parted))
            });
            let done = self.objects.recorder.commit_held(ctx, case.record, held).await.map_err(ObjectError::from)?;
            if let Some((shown, parted)) = done? {
                self.part_with(ctx, vault, name, parted);
                return Ok(shown);
            }
        }
        Err(self.objects.contended(ctx, ask).await)
    }

    /// An issuer with its secrets, and whether it is enabled, for a question of the schedule's to it; none when there is
    /// none.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub(crate) async fn opened_to_ask(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<Option<(bool, Issuer)>, IssuerError> {
        let ask = Ask::object(ObjectKind::Issuer, Action::IssuerAsk, vault, name);
        let Some((item, document)) = self.objects.read_whole(ctx, ask).await? else { return Ok(None) };
        Ok(Some((item.version.attributes.enabled, issuer_in(&document)?)))
    }

    /// Keeps what an issuer gave, if it is still the one that was asked.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub(crate) async fn keep_account(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        asked: &IssuerSettings,
        account: SecretText,
    ) -> Result<(), IssuerError> {
        let ask = Ask::object(ObjectKind::Issuer, Action::IssuerAsk, vault, name);
        let account = Zeroizing::new(account.expose().to_owned());
        for _ in 0..ATTEMPTS {
            let InVault { mut case, keys, .. } = self.objects.admit(ctx, ask.clone()).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                return Err(self.objects.refuse(ctx, case, not_found(name).into()).await);
            };
            case.record.revision = Some(item.secret.revision + 1);
            let facts = case.facts.clone();
            let held = self.objects.store.read_to_change(case.permit, &item.version.version).await;
            if held.inspect(|(_, read)| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let held = held.map(|(permit, read): (Permit, _)| -> Worked<()> {
                let before = issuer_in(&opened_whole(&self.objects.keyring, &keys, ObjectKind::Issuer, &item, read)?)?;
                if before.settings != *asked {
                    return Err(ObjectError::Contended.into());
                }
                let after = Issuer { account: Some(SecretText::new(account.to_string())), ..before };
                let document = after.to_document().map_err(|_| ObjectError::Unavailable)?;
                let place = (ObjectKind::Issuer, name);
                let attributes = &item.version.attributes;
                let (_, change) =
                    self.objects.whole(ctx, &keys, place, &document, attributes, (None, facts.as_deref()))?;
                spent(permit, change, ())
            });
            let done = self.objects.recorder.commit_held(ctx, case.record, held).await.map_err(ObjectError::from)?;
            if done?.is_some() {
                return Ok(());
            }
        }
        Err(self.objects.contended(ctx, ask).await)
    }

    /// DELETE /certificates/issuers/{name}: gone at once and for good, as in Azure. Gives it as it was.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub async fn delete(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<ShownIssuer, IssuerError> {
        let ask = Ask::object(ObjectKind::Issuer, Action::IssuerDelete, vault, name);
        let missing = || IssuerError::from(not_found(name));
        let (item, document) = self.remove(ctx, ask, missing).await?;
        let issuer = issuer_in(&document)?;
        self.part_with(ctx, vault, name, kept_account(&issuer));
        Ok(ShownIssuer::of(item, issuer))
    }

    /// GET /certificates/contacts.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub async fn contacts(&self, ctx: &RequestContext, vault: &VaultName) -> Result<Contacts, IssuerError> {
        Ok(self.contacts_at(ctx, vault).await?.0)
    }

    /// The same with the revision that they are at.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub async fn contacts_at(&self, ctx: &RequestContext, vault: &VaultName) -> Result<(Contacts, i64), IssuerError> {
        let name = ObjectName::parse(CONTACTS)?;
        let ask = Ask::object(ObjectKind::Contacts, Action::ContactsGet, vault, &name);
        let (item, document) = self.objects.read_whole(ctx, ask).await?.ok_or(IssuerError::NoContacts)?;
        let contacts = Contacts::of_document(&document).map_err(|_| ObjectError::Tampered)?;
        Ok((contacts, item.secret.revision))
    }

    /// PUT /certificates/contacts: all of them.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub async fn set_contacts(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        contacts: &Contacts,
    ) -> Result<(), IssuerError> {
        contacts.check()?;
        let name = ObjectName::parse(CONTACTS)?;
        let attributes = attributes(true, None);
        let document = contacts.to_document().map_err(|_| ObjectError::Unavailable)?;
        let content = signing::contacts(contacts).map_err(|_| ObjectError::Unavailable)?;
        let ask = Ask {
            proposed: Some(Proposed::Whole(&attributes)),
            content: Some(&content),
            ..Ask::object(ObjectKind::Contacts, Action::ContactsSet, vault, &name)
        };
        for _ in 0..ATTEMPTS {
            let InVault { case, keys, .. } = self.objects.admit(ctx, ask.clone()).await?;
            let facts = case.facts.clone();
            let (_, change) = self.objects.whole(
                ctx,
                &keys,
                (ObjectKind::Contacts, &name),
                &document,
                &attributes,
                (None, facts.as_deref()),
            )?;
            if self.objects.change(ctx, case, change, ()).await?.is_some() {
                return Ok(());
            }
        }
        Err(self.objects.contended(ctx, ask).await)
    }

    /// DELETE /certificates/contacts. Gives them as they were.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub async fn delete_contacts(&self, ctx: &RequestContext, vault: &VaultName) -> Result<Contacts, IssuerError> {
        let name = ObjectName::parse(CONTACTS)?;
        let ask = Ask::object(ObjectKind::Contacts, Action::ContactsDelete, vault, &name);
        let (_, document) = self.remove(ctx, ask, || IssuerError::NoContacts).await?;
        Ok(Contacts::of_document(&document).map_err(|_| ObjectError::Tampered)?)
    }

    /// Whether it can be asked from here. One that is disabled is not asked, so whoever disables one is not kept from it by
    /// what the operator does not list any more.
    fn is_spoken_here(&self, issuer: &Issuer, enabled: bool) -> Result<(), IssuerError> {
        match (&issuer.settings, &self.acme) {
            _ if !enabled => Ok(()),
            (IssuerSettings::Acme(_), None) => Err(IssuerError::NotHere(issuer.settings.provider())),
            (IssuerSettings::Acme(_), Some(acme)) if !acme.is_allowed(&issuer.settings) => Err(IssuerError::NotListed),
            _ => Ok(()),
        }
    }

    /// Has an issuer told, beside whatever comes next, that what it gave is kept no more. That it is gone from here is
    /// durable by then; what came of telling is on record by itself.
    fn part_with(&self, ctx: &RequestContext, vault: &VaultName, name: &ObjectName, parted: Option<KeptAccount>) {
        let (Some(KeptAccount { settings, account }), Some(acme)) = (parted, self.acme.clone()) else { return };
        let (objects, now) = (Arc::clone(&self.objects), ctx.now);
        let (vault, name) = (vault.clone(), name.clone());
        tokio::spawn(async move {
            let (outcome, reason) = match acme.part(&settings, &account, now.div_euclid(1000)).await {
                Farewell::NothingToTell => return,
                Farewell::Told => (Outcome::Allowed, "told"),
                Farewell::NotTold(why) => (Outcome::Failed, why),
            };
            if let Err(error) = note_parting(&objects, (&vault, &name), (outcome, reason), now).await {
                tracing::error!(%error, %vault, issuer = %name, reason, "what came of an account that was given up is not on record");
            }
        });
    }

    /// Nobody grants what they do not hold: whoever lets certificates of a vault be signed by an authority could sign
    /// them.
    async fn may_be_authority(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        authority: &AuthoritySettings,
    ) -> Result<AuthorityLife, IssuerError> {
        let (elsewhere, name) = authority.place()?;
        let place = elsewhere.as_ref().unwrap_or(vault);
        let unknown = || IssuerError::NoSuchAuthority(authority.certificate.clone());
        let kind = ObjectKind::Certificate;
        // Read before it is judged, and told after: what comes to have the name meanwhile is not what is kept.
        let found = self.objects.gate.vaults.vault(place).await;
        let facts = match &found {
            Ok(Some(found)) => self.objects.store.facts(found.id, kind, &name, None).await,
            _ => Ok(None),
        };
        let sign = Ask::object(ObjectKind::Key, Action::KeySign, place, &name);
        let key = self.objects.gate.peek(ctx, &sign).await.flatten().ok_or_else(unknown)?;
        if !key.secret.managed || active(Some(&key)).is_none() {
            return Err(unknown());
        }
        let found = found.map_err(IssuerError::from)?.ok_or_else(unknown)?;
        let facts = facts?.ok_or_else(unknown)?;
        let keys = self.objects.keyring.verified_vault_keys(&found).await.map_err(ObjectError::from)?;
        self.objects.keyring.verify_name(&keys, kind, &name, &facts.secret).map_err(ObjectError::from)?;
        let version = facts.version.as_ref().ok_or_else(unknown)?;
        self.objects.keyring.verify_version(&keys, kind, &name, version).map_err(ObjectError::from)?;
        let leaf = version.certificate.as_ref().and_then(|certificate| certificate.leaf()).ok_or_else(unknown)?;
        let template = Template::of(leaf).map_err(|_| ObjectError::Tampered)?;
        // One that says nothing of its usages has them all.
        let signs = template.usages.is_empty() || template.usages.contains(&Usage::KeyCertSign);
        if !template.ca || !signs {
            return Err(IssuerError::NotAnAuthority(authority.certificate.clone()));
        }
        Ok(AuthorityLife { vault: found.id, revision: facts.secret.revision })
    }

    /// Takes a document away and gives it.
    async fn remove(
        &self,
        ctx: &RequestContext,
        ask: Ask<'_>,
        missing: impl Fn() -> IssuerError,
    ) -> Result<(SecretItem, Plaintext), IssuerError> {
        for _ in 0..ATTEMPTS {
            let InVault { mut case, vault, keys } = self.objects.admit(ctx, ask.clone()).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                return Err(self.objects.refuse(ctx, case, missing()).await);
            };
            case.record.revision = Some(item.secret.revision + 1);
            let held = self.objects.store.read_to_change(case.permit, &item.version.version).await;
            if held.inspect(|(_, read)| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let change =
                Change::PurgeSecret { vault_revision: vault.revision, companions: Vec::new(), assignments: Vec::new() };
            let keyring = Arc::clone(&self.objects.keyring);
            let held = held.map(|(permit, read): (Permit, _)| -> Worked<(SecretItem, Plaintext)> {
                let document = opened_whole(&keyring, &keys, ask.kind, &item, read)?;
                spent(permit, change, (item, document))
            });
            let done = self.objects.recorder.commit_held(ctx, case.record, held).await.map_err(ObjectError::from)?;
            if let Some(removed) = done? {
                return Ok(removed);
            }
        }
        Err(self.objects.contended(ctx, ask).await)
    }
}

/// What an issuer gave to be kept, with how it is asked.
fn kept_account(issuer: &Issuer) -> Option<KeptAccount> {
    let account = SecretText::new(issuer.account.as_ref()?.expose().to_owned());
    Some(KeptAccount { settings: issuer.settings.clone(), account })
}

async fn note_parting(
    objects: &Objects,
    (vault, name): (&VaultName, &ObjectName),
    (outcome, reason): (Outcome, &str),
    now: i64,
) -> Result<(), ObjectError> {
    let ctx = own_request_at(RENEWAL_PRINCIPAL, now, &*objects.entropy)?;
    let mut record = Record::of(&ctx, PARTING);
    record.vault = Some(vault.as_str().to_owned());
    record.kind = Some(ObjectKind::Issuer.as_str().to_owned());
    record.object = Some(name.as_str().to_owned());
    record.outcome = outcome;
    reason.clone_into(&mut record.reason);
    objects.recorder.note_event(record).await.map_err(ObjectError::from)
}

fn not_found(name: &ObjectName) -> ObjectError {
    ObjectError::NotFound(name.clone(), None)
}

/// What of an issuer or of contacts is not sealed: a listing shows the provider without opening anything.
fn attributes(enabled: bool, provider: Option<&str>) -> SecretAttributes {
    SecretAttributes {
        enabled,
        not_before: None,
        expires: None,
        content_type: provider.map(str::to_owned),
        tags: std::collections::BTreeMap::new(),
    }
}

fn issuer_in(document: &Plaintext) -> Result<Issuer, ObjectError> {
    Issuer::of_document(document).map_err(|_| ObjectError::Tampered)
}

/// The authority that a change names, of an issuer of this provider.
fn authority_in(given: &IssuerPatch, provider: &str) -> Option<AuthoritySettings> {
    if let Some(IssuerSettings::Authority(settings)) = &given.settings {
        return Some(settings.clone());
    }
    let provider = given.provider.as_deref().unwrap_or(provider);
    let IssuerSettings::Authority(settings) = IssuerSettings::of(provider).ok()? else { return None };
    let certificate = given.organization.as_ref()?.id.clone()?;
    Some(AuthoritySettings { certificate, ..settings })
}

fn authority_of(settings: &IssuerSettings) -> Option<String> {
    match settings {
        IssuerSettings::Authority(settings) => Some(settings.certificate.clone()),
        IssuerSettings::Acme(_) => None,
    }
}
