//! Rows to domain types and back. A row that does not parse is damaged, never guessed at.

use sea_orm::{ActiveValue::Set, DerivePartialModel};
use strongroom_crypto::{SealedValue, x509::CertificateFacts};
use strongroom_domain::{
    access_policy::AccessPolicy,
    approval::ApprovalRequest,
    certificate::CertificateVersion,
    grant::Assignment,
    identity::{Session, Workload},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId, VaultName},
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule},
    policy_replay::PolicyReplay,
    ports::StoreError,
    principal::{Grantee, PrincipalId},
    record::{Checkpoint, INSTALLATION, Record},
    role::{RoleDefinition, RoleRef},
    rotation::Rotation,
    secret::{LifeState, SealedVersion, SecretAttributes, SecretMeta, VersionMeta},
    vault::Vault,
};

use uuid::Uuid;

use crate::{
    entity::{
        access_policy, approval, assignment, audit_record, checkpoint, installation_policies, policy_document,
        policy_module, policy_replay, role_definition, secret, secret_version, session, vault, workload,
    },
    fault::damaged,
};

/// Longest copy of a text that filters look at, in bytes: what an index of PostgreSQL can hold.
const MAX_FILTER_TEXT: usize = 512;

/// How a state is written.
pub(crate) const ACTIVE: &str = "active";
/// How a state is written.
pub(crate) const DELETED: &str = "deleted";
/// The state of what is left of a purged vault until its secrets are swept away: a row without name
/// and key, which nothing finds.
pub(crate) const PURGED: &str = "purged";

/// Name and kind of an object, from the columns of its row.
pub(crate) fn name_of(kind: &str, qualified: &str, display: &str) -> Result<(ObjectKind, ObjectName), StoreError> {
    let kind = match kind {
        "secret" => ObjectKind::Secret,
        "key" => ObjectKind::Key,
        "certificate" => ObjectKind::Certificate,
        "issuer" => ObjectKind::Issuer,
        "contacts" => ObjectKind::Contacts,
        "revocations" => ObjectKind::Revocations,
        _ => return Err(damaged("object", "it is of no kind")),
    };
    let name = ObjectName::parse(display).map_err(|e| damaged("object", e))?;
    if kind.qualify(&name) == qualified {
        Ok((kind, name))
    } else {
        Err(damaged("object", "its spelling is not its name's"))
    }
}

/// What is wrong with a cell that reads as something else than what stands in it.
const SPELT_OTHERWISE: &str = "a name in it is not spelt as names are stored";

/// The name of a vault, as it is stored. One in other letters would be authentic, and no look-up would find its row.
pub(crate) fn vault_name(stored: &str) -> Result<VaultName, StoreError> {
    let name = VaultName::parse(stored).map_err(|e| damaged("vault", e))?;
    if name.as_str() == stored { Ok(name) } else { Err(damaged("vault", SPELT_OTHERWISE)) }
}

/// A version, as it is stored, for the same reason.
fn object_version(what: &str, stored: &str) -> Result<ObjectVersion, StoreError> {
    let version = ObjectVersion::parse(stored).map_err(|e| damaged(what, e))?;
    if version.as_str() == stored { Ok(version) } else { Err(damaged(what, SPELT_OTHERWISE)) }
}

pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Unavailable(e.to_string()))
}

pub(crate) fn parsed<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    // Where it went wrong, not what stands there.
    serde_json::from_str(text).map_err(|e| damaged(what, format_args!("column {}: {:?}", e.column(), e.classify())))
}

pub(crate) fn array<const N: usize>(what: &str, bytes: &[u8]) -> Result<[u8; N], StoreError> {
    <[u8; N]>::try_from(bytes).map_err(|_| damaged(what, "a field has the wrong length"))
}

fn life_columns(life: LifeState) -> (&'static str, Option<i64>, Option<i64>) {
    match life {
        LifeState::Active => (ACTIVE, None, None),
        LifeState::Deleted { deleted_at, purge_at } => (DELETED, Some(deleted_at), Some(purge_at)),
    }
}

fn life_of(what: &str, columns: (&str, Option<i64>, Option<i64>)) -> Result<LifeState, StoreError> {
    match columns {
        (ACTIVE, None, None) => Ok(LifeState::Active),
        (DELETED, Some(deleted_at), Some(purge_at)) => Ok(LifeState::Deleted { deleted_at, purge_at }),
        _ => Err(damaged(what, "its state contradicts itself")),
    }
}

pub(crate) fn secret_row(
    vault: VaultId,
    kind: ObjectKind,
    meta: &SecretMeta,
    current: Option<&VersionMeta>,
) -> Result<secret::Model, StoreError> {
    let (state, deleted_at, purge_at) = life_columns(meta.life);
    Ok(secret::Model {
        vault_id: vault.0,
        name: kind.qualify(&meta.name),
        kind: kind.as_str().to_owned(),
        display: meta.name.display().to_owned(),
        state: state.to_owned(),
        deleted_at,
        purge_at,
        current: meta.current.as_str().to_owned(),
        revision: meta.revision,
        managed: meta.managed,
        certificate: meta.certificate.as_ref().map(json).transpose()?,
        rotation: meta.rotation.as_ref().map(json).transpose()?,
        rotate_at: meta.rotation.as_ref().and_then(|rotation| rotation.looked_at()),
        notify_at: meta.rotation.as_ref().and_then(|rotation| rotation.notify_at),
        made: current.map(|version| version.created),
        noted: current.map(|_| meta.revision),
        updated: current.map(|version| version.updated),
        starts: current.and_then(|version| version.attributes.not_before),
        ends: current.and_then(|version| version.attributes.expires),
        enabled: current.map(|version| i64::from(version.attributes.enabled)),
        labels: current
            .map(|version| json(&version.attributes).map(|text| labels(&text).collect::<String>()))
            .transpose()?,
        tag: meta.tag.clone(),
    })
}

pub(crate) fn secret_meta(row: &secret::Model) -> Result<SecretMeta, StoreError> {
    let life = life_of("secret", (&row.state, row.deleted_at, row.purge_at))?;
    let rotation: Option<Box<Rotation>> = row.rotation.as_deref().map(|text| parsed("rotation", text)).transpose()?;
    let times = rotation.as_ref().map_or((None, None), |rotation| (rotation.looked_at(), rotation.notify_at));
    if times != (row.rotate_at, row.notify_at) {
        return Err(damaged("rotation", "its columns contradict each other"));
    }
    Ok(SecretMeta {
        rotation,
        name: name_of(&row.kind, &row.name, &row.display)?.1,
        life,
        current: object_version("secret", &row.current)?,
        revision: row.revision,
        managed: row.managed,
        certificate: row.certificate.as_ref().map(|state| parsed("certificate", state)).transpose()?,
        tag: row.tag.clone(),
    })
}

/// What stands before the tags in attributes. The quotation marks of what a caller wrote are escaped, so that nothing
/// else looks like it.
const TAGS: &str = r#""tags":"#;

/// The tags in attributes as they are stored, in small letters, for finding them.
fn labels(attributes: &str) -> impl Iterator<Item = char> {
    let tags = attributes.split_once(TAGS).map_or("", |(_, tags)| tags);
    tags.chars().map(|letter| letter.to_ascii_lowercase())
}

/// A name and its current version, if what was copied from the version is not younger: nothing that Strongroom writes
/// makes a secret look younger than it is. Nor does anything it writes hide a name from who searches for it.
pub(crate) fn current_of(row: &secret::Model, version: VersionRow) -> Result<(SecretMeta, VersionMeta), StoreError> {
    let is_noted = row.noted == Some(row.revision) && version.version == row.current;
    let as_noted = !is_noted || row.labels.as_ref().is_some_and(|noted| labels(&version.attributes).eq(noted.chars()));
    let (secret, version) = (secret_meta(row)?, version_meta(version)?);
    if version.version == secret.current && row.made.is_some_and(|made| made > version.created) {
        return Err(damaged("secret", "its age is not that of its version"));
    }
    let SecretAttributes { enabled, not_before, expires, .. } = version.attributes;
    let copies = (row.updated, row.enabled, row.starts, row.ends);
    let told = (Some(version.updated), Some(i64::from(enabled)), not_before, expires);
    if !as_noted || (is_noted && copies != told) {
        return Err(damaged("secret", "it is searched by something else than what its version says"));
    }
    Ok((secret, version))
}

/// What of a version is judged and listed: all but the sealed value.
#[derive(Clone, Debug, DerivePartialModel)]
#[sea_orm(entity = "secret_version::Entity")]
pub(crate) struct VersionRow {
    version: String,
    ordinal: i64,
    attributes: String,
    created: i64,
    updated: i64,
    data_key_id: Vec<u8>,
    key: Option<String>,
    certificate: Option<String>,
    tag: Vec<u8>,
}

pub(crate) fn version_meta(row: VersionRow) -> Result<VersionMeta, StoreError> {
    Ok(VersionMeta {
        version: object_version("secret version", &row.version)?,
        attributes: parsed("secret version", &row.attributes)?,
        created: row.created,
        updated: row.updated,
        ordinal: row.ordinal,
        data_key_id: array("secret version", &row.data_key_id)?,
        key: row.key.map(|key| parsed("key version", &key)).transpose()?,
        certificate: row.certificate.map(|text| parsed("certificate version", &text)).transpose()?,
        tag: row.tag,
    })
}

pub(crate) fn version_row(
    vault: VaultId,
    kind: ObjectKind,
    name: &ObjectName,
    version: &SealedVersion,
) -> Result<secret_version::Model, StoreError> {
    let SealedVersion { meta, sealed } = version;
    if meta.data_key_id != sealed.data_key_id {
        return Err(damaged("secret version", "metadata and value name different data keys"));
    }
    Ok(secret_version::Model {
        vault_id: vault.0,
        name: kind.qualify(name),
        version: meta.version.as_str().to_owned(),
        ordinal: meta.ordinal,
        attributes: json(&meta.attributes)?,
        created: meta.created,
        updated: meta.updated,
        data_key_id: meta.data_key_id.to_vec(),
        wrapped_data_key: sealed.wrapped_data_key.clone(),
        ciphertext: sealed.ciphertext.clone(),
        row_format: i64::from(sealed.row_format),
        key: meta.key.as_ref().map(json).transpose()?,
        certificate: meta.certificate.as_ref().map(json).transpose()?,
        issued_as: meta.certificate.as_deref().map(issued_as),
        tag: meta.tag.clone(),
    })
}

/// What of a version's row an update of its attributes writes: all but its place, its origin and its
/// value.
pub(crate) fn updated_version(meta: &VersionMeta) -> Result<secret_version::ActiveModel, StoreError> {
    Ok(secret_version::ActiveModel {
        attributes: Set(json(&meta.attributes)?),
        key: Set(meta.key.as_ref().map(json).transpose()?),
        certificate: Set(meta.certificate.as_ref().map(json).transpose()?),
        issued_as: Set(meta.certificate.as_deref().map(issued_as)),
        updated: Set(meta.updated),
        tag: Set(meta.tag.clone()),
        ..Default::default()
    })
}

/// By which others of a certificate's issuer and serial number are found; empty as long as there is no certificate.
pub(crate) fn issued_as(certificate: &CertificateVersion) -> String {
    let facts = certificate.leaf().and_then(|leaf| CertificateFacts::of(leaf).ok());
    facts.map(|facts| facts.issued_as()).unwrap_or_default()
}

pub(crate) fn sealed_version(row: secret_version::Model) -> Result<SealedVersion, StoreError> {
    let data_key_id = array("secret version", &row.data_key_id)?;
    let sealed = SealedValue {
        data_key_id,
        wrapped_data_key: row.wrapped_data_key,
        ciphertext: row.ciphertext,
        row_format: u16::try_from(row.row_format).map_err(|e| damaged("secret version", e))?,
    };
    let meta = version_meta(VersionRow {
        version: row.version,
        ordinal: row.ordinal,
        attributes: row.attributes,
        created: row.created,
        updated: row.updated,
        data_key_id: row.data_key_id,
        key: row.key,
        certificate: row.certificate,
        tag: row.tag,
    })?;
    Ok(SealedVersion { meta, sealed })
}

pub(crate) fn vault_row(vault: &Vault) -> Result<vault::Model, StoreError> {
    let (state, deleted_at, purge_at) = life_columns(vault.life);
    Ok(vault::Model {
        id: vault.id.0,
        name: vault.name.as_str().to_owned(),
        settings: json(&vault.settings)?,
        revision: vault.revision,
        created_at: vault.created_at,
        wrapped_key: vault.wrapped_key.clone(),
        tag: vault.tag.clone(),
        state: state.to_owned(),
        deleted_at,
        purge_at,
    })
}

pub(crate) fn vault(row: vault::Model) -> Result<Vault, StoreError> {
    Ok(Vault {
        id: VaultId(row.id),
        name: vault_name(&row.name)?,
        settings: parsed("vault", &row.settings)?,
        revision: row.revision,
        created_at: row.created_at,
        wrapped_key: row.wrapped_key,
        life: life_of("vault", (&row.state, row.deleted_at, row.purge_at))?,
        tag: row.tag,
    })
}

pub(crate) fn assignment_row(assignment: &Assignment) -> Result<assignment::Model, StoreError> {
    Ok(assignment::Model {
        id: assignment.id,
        grantee_key: assignment.grantee.key(),
        body: json(assignment)?,
        tag: assignment.tag.clone(),
        role_id: custom_role(assignment),
        scope_key: assignment.scope.key(),
    })
}

pub(crate) fn assignment(row: assignment::Model) -> Result<Assignment, StoreError> {
    let found: Assignment = parsed("assignment", &row.body)?;
    if found.id != row.id
        || found.grantee.key() != row.grantee_key
        || custom_role(&found) != row.role_id
        || found.scope.key() != row.scope_key
    {
        return Err(damaged("assignment", "its columns contradict its body"));
    }
    Ok(Assignment { tag: row.tag, ..found })
}

fn custom_role(assignment: &Assignment) -> Option<Uuid> {
    match assignment.role {
        RoleRef::BuiltIn(_) => None,
        RoleRef::Custom(id) => Some(id),
    }
}

pub(crate) fn role_row(role: &RoleDefinition) -> Result<role_definition::Model, StoreError> {
    Ok(role_definition::Model {
        id: role.id,
        name_key: role.name_key(),
        body: json(role)?,
        revision: role.revision,
        tag: role.tag.clone(),
    })
}

pub(crate) fn role(row: role_definition::Model) -> Result<RoleDefinition, StoreError> {
    let found: RoleDefinition = parsed("role definition", &row.body)?;
    if found.id != row.id || found.name_key() != row.name_key || found.revision != row.revision {
        return Err(damaged("role definition", "its columns contradict its body"));
    }
    Ok(RoleDefinition { tag: row.tag, ..found })
}

pub(crate) fn approval_row(request: &ApprovalRequest) -> Result<approval::Model, StoreError> {
    Ok(approval::Model {
        id: request.id,
        subject: request.subject.key(),
        vault_id: request.subject.vault.0,
        principal: approval_principal(&request.subject.principal),
        ends: request.ends,
        body: json(request)?,
        revision: request.revision,
        tag: request.tag.clone(),
    })
}

pub(crate) fn approval(row: approval::Model) -> Result<ApprovalRequest, StoreError> {
    let found: ApprovalRequest = parsed("approval request", &row.body)?;
    let request = ApprovalRequest { tag: row.tag.clone(), ..found };
    // Every column is a copy of what the body says.
    if approval_row(&request)? == row {
        Ok(request)
    } else {
        Err(damaged("approval request", "its columns contradict its body"))
    }
}

/// A principal as a column: a digest, because a subject may be long.
pub(crate) fn approval_principal(id: &PrincipalId) -> String {
    strongroom_domain::record::tag_digest(format!("{}\n{}", id.issuer, id.subject).as_bytes())
}

pub(crate) fn policy_module_row(module: &PolicyModule, bytes: &[u8]) -> Result<policy_module::Model, StoreError> {
    Ok(policy_module::Model {
        digest: module.digest.to_string(),
        body: json(module)?,
        revision: module.uploaded_at,
        tag: module.tag.clone(),
        module: bytes.to_vec(),
    })
}

/// What is known of a module, from its columns but the bytes.
pub(crate) fn policy_module(digest: &str, body: &str, revision: i64, tag: Vec<u8>) -> Result<PolicyModule, StoreError> {
    let found: PolicyModule = parsed("policy module", body)?;
    if found.digest.to_string() != digest || found.uploaded_at != revision {
        return Err(damaged("policy module", "its columns contradict its body"));
    }
    Ok(PolicyModule { tag, ..found })
}

pub(crate) fn policy_document_row(document: &PolicyDocument) -> Result<policy_document::Model, StoreError> {
    let (body, tag) = (json(document)?, document.tag.clone());
    Ok(policy_document::Model { name: document.name.clone(), body, revision: document.revision, tag })
}

pub(crate) fn policy_document(row: policy_document::Model) -> Result<PolicyDocument, StoreError> {
    let found: PolicyDocument = parsed("policy document", &row.body)?;
    if found.name != row.name || found.revision != row.revision {
        return Err(damaged("policy document", "its columns contradict its body"));
    }
    Ok(PolicyDocument { tag: row.tag, ..found })
}

pub(crate) fn policy_replay_row(replay: &PolicyReplay) -> Result<policy_replay::Model, StoreError> {
    let (body, tag) = (json(replay)?, replay.tag.clone());
    Ok(policy_replay::Model { slot: replay.slot, body, revision: replay.revision, tag })
}

pub(crate) fn policy_replay(row: policy_replay::Model) -> Result<PolicyReplay, StoreError> {
    let found: PolicyReplay = parsed("policy replay", &row.body)?;
    if found.slot != row.slot || found.revision != row.revision {
        return Err(damaged("policy replay", "its columns contradict its body"));
    }
    Ok(PolicyReplay { tag: row.tag, ..found })
}

pub(crate) fn installation_policies_row(
    policies: &InstallationPolicies,
) -> Result<installation_policies::Model, StoreError> {
    let (body, tag) = (json(policies)?, policies.tag.clone());
    Ok(installation_policies::Model { id: INSTALLATION.to_owned(), body, revision: policies.revision, tag })
}

pub(crate) fn installation_policies(row: installation_policies::Model) -> Result<InstallationPolicies, StoreError> {
    let found: InstallationPolicies = parsed("policies of all vaults", &row.body)?;
    if found.revision != row.revision {
        return Err(damaged("policies of all vaults", "its columns contradict its body"));
    }
    Ok(InstallationPolicies { tag: row.tag, ..found })
}

pub(crate) fn access_policy_row(policy: &AccessPolicy) -> Result<access_policy::Model, StoreError> {
    Ok(access_policy::Model {
        vault_id: policy.vault.0,
        grantee_key: policy.grantee.key(),
        body: json(policy)?,
        revision: policy.revision,
        tag: policy.tag.clone(),
    })
}

pub(crate) fn access_policy(row: access_policy::Model) -> Result<AccessPolicy, StoreError> {
    let found: AccessPolicy = parsed("access policy", &row.body)?;
    if found.vault.0 != row.vault_id || found.grantee.key() != row.grantee_key || found.revision != row.revision {
        return Err(damaged("access policy", "its columns contradict its body"));
    }
    Ok(AccessPolicy { tag: row.tag, ..found })
}

pub(crate) fn workload_row(workload: &Workload) -> Result<workload::Model, StoreError> {
    Ok(workload::Model {
        client_id: workload.client_id,
        body: json(workload)?,
        revision: workload.revision,
        tag: workload.tag.clone(),
    })
}

pub(crate) fn workload(row: workload::Model) -> Result<Workload, StoreError> {
    let found: Workload = parsed("workload", &row.body)?;
    if found.client_id != row.client_id || found.revision != row.revision {
        return Err(damaged("workload", "its columns contradict its body"));
    }
    Ok(Workload { tag: row.tag, ..found })
}

/// Whose a session is, in one text.
pub(crate) fn principal_key(id: &PrincipalId) -> String {
    Grantee::Principal { id: id.clone() }.key()
}

pub(crate) fn session_row(session: &Session) -> Result<session::Model, StoreError> {
    Ok(session::Model {
        id_hash: session.id_hash.to_vec(),
        body: json(session)?,
        expires: session.expires,
        tag: session.tag.clone(),
        principal: Some(principal_key(&session.principal.id)),
        provider_session: provider_session_of(session),
    })
}

/// What a session came from, in one text: the provider and its session.
fn provider_session_of(session: &Session) -> Option<String> {
    let at_provider = session.provider_session.as_deref()?;
    Some(format!("{}\n{at_provider}", session.principal.id.issuer))
}

/// A session by what is authenticated of it, for whoever is to end it: its columns may say something else.
pub(crate) fn session_whatever_its_columns(row: session::Model) -> Result<Session, StoreError> {
    let found: Session = parsed("session", &row.body)?;
    if found.id_hash.as_slice() != row.id_hash {
        return Err(damaged("session", "its columns contradict its body"));
    }
    Ok(Session { tag: row.tag, ..found })
}

pub(crate) fn session(row: session::Model) -> Result<Session, StoreError> {
    let found: Session = parsed("session", &row.body)?;
    let whose = Some(principal_key(&found.principal.id));
    let columns = (row.id_hash.as_slice(), row.expires, row.principal, row.provider_session);
    if columns != (found.id_hash.as_slice(), found.expires, whose, provider_session_of(&found)) {
        return Err(damaged("session", "its columns contradict its body"));
    }
    Ok(Session { tag: row.tag, ..found })
}

/// The row of a record, without its place in the chain. The body is written once, here, and hashed as written.
pub(crate) fn record_row(record: &Record) -> Result<audit_record::Model, StoreError> {
    Ok(audit_record::Model {
        id: record.id,
        at: record.at,
        outcome: record.outcome.as_str().to_owned(),
        vault: record.vault.as_deref().map(filter_text),
        object: record.object.as_deref().map(filter_text),
        principal: record.principal.as_ref().map(|p| filter_text(&p.subject)),
        body: json(record)?,
        vault_id: record.vault_change.map(|change| change.vault.0),
        node: None,
        seq: None,
        record_hash: None,
        head: None,
    })
}

pub(crate) fn record(row: &audit_record::Model) -> Result<Record, StoreError> {
    let found: Record = parsed("audit record", &row.body)?;
    if found.id == row.id { Ok(found) } else { Err(damaged("audit record", "its body has another id")) }
}

/// Folds and shortens a text for filters, and takes out what PostgreSQL cannot store in a text: a
/// record's names are as the caller wrote them, and none may keep a batch from being written.
pub(crate) fn filter_text(text: &str) -> String {
    let mut folded = text.replace('\0', "\u{fffd}").to_ascii_lowercase();
    folded.truncate(folded.floor_char_boundary(MAX_FILTER_TEXT));
    folded
}

pub(crate) fn checkpoint_row(checkpoint: &Checkpoint) -> Result<checkpoint::Model, StoreError> {
    Ok(checkpoint::Model {
        node: checkpoint.node.clone(),
        seq: i64::try_from(checkpoint.seq).map_err(|e| damaged("checkpoint", e))?,
        head: checkpoint.head.to_vec(),
        at: checkpoint.at,
        key_id: checkpoint.key_id.clone(),
        signature: checkpoint.signature.clone(),
    })
}

pub(crate) fn checkpoint(row: checkpoint::Model) -> Result<Checkpoint, StoreError> {
    Ok(Checkpoint {
        node: row.node,
        seq: u64::try_from(row.seq).map_err(|e| damaged("checkpoint", e))?,
        head: array("checkpoint", &row.head)?,
        at: row.at,
        key_id: row.key_id,
        signature: row.signature,
    })
}

/// Position and head of a chain.
pub(crate) fn position(seq: Option<i64>, head: Option<&[u8]>) -> Result<(u64, [u8; 32]), StoreError> {
    let seq =
        seq.and_then(|seq| u64::try_from(seq).ok()).ok_or_else(|| damaged("audit chain", "a position is none"))?;
    Ok((seq, array("audit chain", head.unwrap_or_default())?))
}
