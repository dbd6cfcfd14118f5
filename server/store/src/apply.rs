//! Carrying out one change, inside the savepoint of its batch member.
//!
//! Every write is conditional on the revision that the permit was given for: a missing row when
//! there was none, the very same revision otherwise. Nothing here commits.

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{CaseStatement, OnConflict},
};
use strongroom_domain::{
    approval::{ApprovalRequest, MAX_IN_VAULT, MAX_OF_PRINCIPAL, MAX_OF_STRANGERS},
    change::{Change, PermittedChange, Remaining},
    grant::{Assignment, Scope},
    identity::{ASSERTION_RETRY_SECONDS, Session, UsedAssertion},
    names::{ObjectKind, VaultId},
    permit::Permit,
    ports::StoreError,
    secret::{SealedVersion, SecretMeta, VersionMeta},
};
use uuid::Uuid;

use crate::{
    bounds,
    decoding::{each_row, kept},
    entity::{
        access_policy, approval, assignment, installation_policies, policy_document, policy_module, policy_replay,
        role_definition, secret, secret_version, session, used_assertion, vault, workload,
    },
    fault::{is_refusal, is_undecodable, store_error},
    rows, serials,
};

/// What the body of a stranger's request for approval holds, as `serde_json` writes it. In a text of somebody's the quotes
/// would be escaped.
const OF_STRANGER: &str = r#""stranger":true"#;

/// Most versions in one INSERT: a megabyte or so.
const VERSIONS_PER_INSERT: usize = 40;

/// Why a change was not carried out.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// The object is not as it was judged, or the database refuses what is in the change.
    Conflict,
    /// The database failed; the whole batch must go back.
    Database(DbErr),
    /// The change cannot be written as a row, which is a mistake in this program, or what it rests on is damaged.
    Unwritable(StoreError),
}

impl From<DbErr> for Obstacle {
    fn from(error: DbErr) -> Self {
        if is_refusal(&error) {
            tracing::warn!(%error, "the database refused a change");
            Self::Conflict
        } else if is_undecodable(&error) {
            // A row that somebody edited keeps no other member of the batch from being written.
            Self::Unwritable(store_error(&error))
        } else {
            Self::Database(error)
        }
    }
}

impl From<StoreError> for Obstacle {
    fn from(error: StoreError) -> Self {
        Self::Unwritable(error)
    }
}

pub(crate) fn exactly_one(rows: u64) -> Result<(), Obstacle> {
    if rows == 1 { Ok(()) } else { Err(Obstacle::Conflict) }
}

/// Writes the change, and ends the approval that it rests on.
pub(crate) async fn apply(db: &DatabaseTransaction, change: &PermittedChange) -> Result<(), Obstacle> {
    carry_out(db, change).await?;
    match change.spends() {
        Some(spent) => put_approval(db, &spent.request, Some(spent.replaces), spent.request.ends).await,
        None => Ok(()),
    }
}

async fn carry_out(db: &DatabaseTransaction, change: &PermittedChange) -> Result<(), Obstacle> {
    let permit = change.permit();
    let kind = permit.object().kind;
    match change.change() {
        Change::SetSecret { secret, version } => {
            let vault = vault_of(permit)?;
            put_name(db, (vault, kind), secret, permit.revision(), current(secret, [&version.meta])).await?;
            let row = rows::version_row(vault, kind, &secret.name, version)?;
            insert(db, secret_version::Entity::insert(row.into_active_model())).await
        }
        Change::PutWhole { secret, version } => {
            let vault = vault_of(permit)?;
            if permit.revision().is_none() {
                bounds::for_issuer(db, vault, kind).await?;
            }
            put_name(db, (vault, kind), secret, permit.revision(), current(secret, [&version.meta])).await?;
            let row = rows::version_row(vault, kind, &secret.name, version)?;
            if permit.revision().is_none() {
                return insert(db, secret_version::Entity::insert(row.into_active_model())).await;
            }
            let (name, id) = (row.name.clone(), row.version.clone());
            let mut row = row.into_active_model().reset_all();
            (row.vault_id, row.name, row.version) = (NotSet, NotSet, NotSet);
            let update = secret_version::Entity::update_many()
                .set(row)
                .filter(secret_version::Column::VaultId.eq(vault.0))
                .filter(secret_version::Column::Name.eq(name))
                .filter(secret_version::Column::Version.eq(id));
            exactly_one(update.exec(db).await?.rows_affected)
        }
        Change::UpdateSecret { secret, version } => {
            let vault = vault_of(permit)?;
            put_name(db, (vault, kind), secret, permit.revision(), current(secret, [&**version])).await?;
            update_version(db, (vault, kind), secret, version).await
        }
        Change::RestoreSecret { secret, versions } => {
            let vault = vault_of(permit)?;
            let current = current(secret, versions.iter().map(|version| &version.meta));
            put_name(db, (vault, kind), secret, permit.revision(), current).await?;
            insert_versions(db, (vault, kind), secret, versions).await
        }
        Change::WriteCertificate(writes) => {
            let vault = vault_of(permit)?;
            serials::contradict_none(db, vault, change).await?;
            for write in writes {
                let written = write.new.iter().map(|version| &version.meta).chain(&write.updated);
                let current = current(&write.name, written);
                put_name(db, (vault, write.kind), &write.name, write.judged, current).await?;
                insert_versions(db, (vault, write.kind), &write.name, &write.new).await?;
                for version in &write.updated {
                    update_version(db, (vault, write.kind), &write.name, version).await?;
                }
            }
            Ok(())
        }
        Change::SetSecretLife { secret } => match permit.revision() {
            Some(revision) => put_name(db, (vault_of(permit)?, kind), secret, Some(revision), None).await,
            None => Err(Obstacle::Conflict),
        },
        Change::PurgeSecret { vault_revision, companions, assignments } => {
            purge(db, permit, *vault_revision, companions, assignments).await
        }
        Change::PurgeVault => purge_vault(db, permit).await,
        Change::MakeVault { vault: new, beside } => {
            bounds::for_vault(db, &new.name, *beside).await?;
            insert(db, vault::Entity::insert(rows::vault_row(new)?.into_active_model())).await
        }
        Change::PutVault(new) => {
            let row = rows::vault_row(new)?;
            let Some(revision) = permit.revision() else { return Err(Obstacle::Conflict) };
            let id = row.id;
            let mut row = row.into_active_model().reset_all();
            row.id = NotSet;
            let update = vault::Entity::update_many()
                .set(row)
                .filter(vault::Column::Id.eq(id))
                // Its key was wrapped anew meanwhile: the old wrapping must not come back.
                .filter(vault::Column::WrappedKey.eq(new.wrapped_key.clone()))
                .filter(vault::Column::Revision.eq(revision));
            exactly_one(update.exec(db).await?.rows_affected)
        }
        Change::AddAssignment(new) => {
            unchanged(db, permit).await?;
            let row = rows::assignment_row(new)?;
            if let Some(role) = row.role_id {
                // Stays as long as the transaction lasts: who deletes it waits, and then finds it in use.
                let role = role_definition::Entity::find_by_id(role).select_only().column(role_definition::Column::Id);
                let found: Option<Uuid> = role.lock_shared().into_tuple().one(db).await?;
                exactly_one(u64::from(found.is_some()))?;
            }
            crate::grants::may_be_added(db, new).await?;
            insert(db, assignment::Entity::insert(row.into_active_model())).await
        }
        Change::RemoveAssignment { assignment, remaining } => {
            remains(db, remaining.as_ref()).await?;
            exactly_one(assignment::Entity::delete_by_id(assignment.id).exec(db).await?.rows_affected)
        }
        Change::PutRole { role, replaces } => {
            bounds::for_role(db, role).await?;
            let row = rows::role_row(role)?;
            let Some(revision) = replaces else {
                return insert(db, role_definition::Entity::insert(row.into_active_model())).await;
            };
            let id = row.id;
            let mut row = row.into_active_model().reset_all();
            row.id = NotSet;
            let update = role_definition::Entity::update_many()
                .set(row)
                .filter(role_definition::Column::Id.eq(id))
                .filter(role_definition::Column::Revision.eq(*revision));
            exactly_one(update.exec(db).await?.rows_affected)
        }
        Change::DeleteRole(role) => {
            let delete = role_definition::Entity::delete_many()
                .filter(role_definition::Column::Id.eq(role.id))
                .filter(role_definition::Column::Revision.eq(role.revision));
            exactly_one(delete.exec(db).await?.rows_affected)?;
            let used = assignment::Entity::find().filter(assignment::Column::RoleId.eq(role.id)).count(db).await?;
            if used == 0 { Ok(()) } else { Err(Obstacle::Conflict) }
        }
        Change::PutAccessPolicy { policy, replaces } => {
            unchanged(db, permit).await?;
            let row = rows::access_policy_row(policy)?;
            let Some(revision) = replaces else {
                bounds::for_access_policy(db, policy.vault).await?;
                return insert(db, access_policy::Entity::insert(row.into_active_model())).await;
            };
            let (vault, key) = (row.vault_id, row.grantee_key.clone());
            let mut row = row.into_active_model().reset_all();
            (row.vault_id, row.grantee_key) = (NotSet, NotSet);
            let update = access_policy::Entity::update_many()
                .set(row)
                .filter(access_policy::Column::VaultId.eq(vault))
                .filter(access_policy::Column::GranteeKey.eq(key))
                .filter(access_policy::Column::Revision.eq(*revision));
            exactly_one(update.exec(db).await?.rows_affected)
        }
        Change::RemoveAccessPolicy(policy) => {
            let delete = access_policy::Entity::delete_many()
                .filter(access_policy::Column::VaultId.eq(policy.vault.0))
                .filter(access_policy::Column::GranteeKey.eq(policy.grantee.key()))
                .filter(access_policy::Column::Revision.eq(policy.revision));
            exactly_one(delete.exec(db).await?.rows_affected)
        }
        Change::PutPolicyModule { module, bytes, replaces } => {
            let row = rows::policy_module_row(module, bytes)?;
            let Some(revision) = replaces else {
                bounds::for_module(db, module).await?;
                return insert(db, policy_module::Entity::insert(row.into_active_model())).await;
            };
            let digest = row.digest.clone();
            let mut row = row.into_active_model().reset_all();
            row.digest = NotSet;
            let update = policy_module::Entity::update_many()
                .set(row)
                .filter(policy_module::Column::Digest.eq(digest))
                .filter(policy_module::Column::Revision.eq(*revision));
            exactly_one(update.exec(db).await?.rows_affected)
        }
        Change::DeletePolicyModule(module) => {
            let digest = module.digest.to_string();
            let delete = policy_module::Entity::delete_many()
                .filter(policy_module::Column::Digest.eq(digest.clone()))
                .filter(policy_module::Column::Revision.eq(module.uploaded_at));
            exactly_one(delete.exec(db).await?.rows_affected)?;
            // Settings name modules by digest, and nothing else in them looks like one.
            let vaults = vault::Entity::find().filter(vault::Column::Settings.contains(&digest)).count(db).await?;
            let everywhere = installation_policies::Entity::find()
                .filter(installation_policies::Column::Body.contains(&digest))
                .count(db)
                .await?;
            if vaults + everywhere == 0 { Ok(()) } else { Err(Obstacle::Conflict) }
        }
        Change::PutPolicyDocument { document, replaces } => {
            bounds::for_document(db, document).await?;
            let row = rows::policy_document_row(document)?;
            let Some(revision) = replaces else {
                return insert(db, policy_document::Entity::insert(row.into_active_model())).await;
            };
            let name = row.name.clone();
            let mut row = row.into_active_model().reset_all();
            row.name = NotSet;
            let update = policy_document::Entity::update_many()
                .set(row)
                .filter(policy_document::Column::Name.eq(name))
                .filter(policy_document::Column::Revision.eq(*revision));
            exactly_one(update.exec(db).await?.rows_affected)
        }
        Change::DeletePolicyDocument(document) => {
            let delete = policy_document::Entity::delete_many()
                .filter(policy_document::Column::Name.eq(document.name.as_str()))
                .filter(policy_document::Column::Revision.eq(document.revision));
            exactly_one(delete.exec(db).await?.rows_affected)
        }
        Change::PutPolicyReplay { replay, replaces } => {
            let row = rows::policy_replay_row(replay)?;
            let Some(revision) = replaces else {
                return insert(db, policy_replay::Entity::insert(row.into_active_model())).await;
            };
            let slot = row.slot;
            let mut row = row.into_active_model().reset_all();
            row.slot = NotSet;
            let update = policy_replay::Entity::update_many()
                .set(row)
                .filter(policy_replay::Column::Slot.eq(slot))
                .filter(policy_replay::Column::Revision.eq(*revision));
            exactly_one(update.exec(db).await?.rows_affected)
        }
        Change::PutInstallationPolicies(policies) => {
            let row = rows::installation_policies_row(policies)?;
            if policies.revision == 1 {
                return insert(db, installation_policies::Entity::insert(row.into_active_model())).await;
            }
            let id = row.id.clone();
            let mut row = row.into_active_model().reset_all();
            row.id = NotSet;
            let update = installation_policies::Entity::update_many()
                .set(row)
                .filter(installation_policies::Column::Id.eq(id))
                .filter(installation_policies::Column::Revision.eq(policies.revision.saturating_sub(1)));
            exactly_one(update.exec(db).await?.rows_affected)
        }
        Change::PutApproval { request, replaces, now } => {
            unchanged(db, permit).await?;
            put_approval(db, request, *replaces, *now).await
        }
        Change::PutWorkload { workload: new, remaining } => {
            remains(db, remaining.as_ref()).await?;
            let row = rows::workload_row(new)?;
            let Some(revision) = permit.revision() else {
                return insert(db, workload::Entity::insert(row.into_active_model())).await;
            };
            let id = row.client_id;
            let mut row = row.into_active_model().reset_all();
            row.client_id = NotSet;
            let update = workload::Entity::update_many()
                .set(row)
                .filter(workload::Column::ClientId.eq(id))
                .filter(workload::Column::Revision.eq(revision));
            exactly_one(update.exec(db).await?.rows_affected)
        }
        Change::DeleteWorkload { remaining } => {
            remains(db, remaining.as_ref()).await?;
            delete_workload(db, permit).await
        }
        Change::UseAssertion(used) => use_assertion(db, used).await,
        Change::Reseal(reseal) => crate::seal::reseal(db, reseal).await,
        Change::PutTokenKeys(put) => crate::seal::put_token_keys(db, put).await,
        Change::FinishSetup { put, owner } => {
            crate::seal::put_token_keys(db, put).await?;
            insert(db, assignment::Entity::insert(rows::assignment_row(owner)?.into_active_model())).await
        }
        Change::BeginSession(new) => begin_session(db, new).await,
        Change::BeginCommandLine { session, code, allowed_from } => {
            session_stays(db, allowed_from).await?;
            remember(db, code).await?;
            begin_session(db, session).await
        }
        Change::EndSession { id_hash } => {
            // A session that is gone has ended: nothing to conflict with.
            session::Entity::delete_by_id(id_hash.to_vec()).exec(db).await?;
            Ok(())
        }
        Change::EndSessionsAtProvider { sessions, token } => {
            remember(db, token).await?;
            end_sessions(db, sessions).await
        }
        Change::EndSessions(sessions) => end_sessions(db, sessions).await,
    }
}

async fn end_sessions(db: &DatabaseTransaction, sessions: &[[u8; 32]]) -> Result<(), Obstacle> {
    let these = session::Column::IdHash.is_in(sessions.iter().map(|id_hash| id_hash.to_vec()));
    session::Entity::delete_many().filter(these).exec(db).await?;
    Ok(())
}

/// Makes sure that the Owner that was found is still there, and stays until the commit. Everybody locks what
/// must remain before they write: two who take each other's away wait for one another, and the database
/// lets only one of them go on.
async fn remains(db: &DatabaseTransaction, remaining: Option<&Remaining>) -> Result<(), Obstacle> {
    let Some(Remaining { assignment, workload }) = remaining else { return Ok(()) };
    let row = assignment::Entity::find_by_id(*assignment).select_only().column(assignment::Column::Id);
    let found: Option<Uuid> = row.lock_shared().into_tuple().one(db).await?;
    exactly_one(u64::from(found.is_some()))?;
    let Some((client_id, revision)) = workload else { return Ok(()) };
    let row = workload::Entity::find_by_id(*client_id).select_only().column(workload::Column::ClientId);
    let row = row.filter(workload::Column::Revision.eq(*revision));
    let found: Option<Uuid> = row.lock_shared().into_tuple().one(db).await?;
    exactly_one(u64::from(found.is_some()))
}

/// A new one goes in beside so many of the vault, of its principal and of strangers at most, once what has ended is gone.
/// One of a stranger that nobody answered makes room for somebody who holds something.
async fn put_approval(
    db: &DatabaseTransaction,
    request: &ApprovalRequest,
    replaces: Option<i64>,
    now: i64,
) -> Result<(), Obstacle> {
    use approval::Column::{Body, Ends, Id, Principal, Revision, VaultId};
    let row = rows::approval_row(request)?;
    if let Some(revision) = replaces {
        let id = row.id;
        let mut row = row.into_active_model().reset_all();
        row.id = NotSet;
        let update = approval::Entity::update_many().set(row).filter(Id.eq(id)).filter(Revision.eq(revision));
        return exactly_one(update.exec(db).await?.rows_affected);
    }
    let here = VaultId.eq(row.vault_id);
    approval::Entity::delete_many().filter(here.clone()).filter(Ends.lte(now)).exec(db).await?;
    let there = approval::Entity::find().filter(here);
    let all = there.clone().count(db).await?;
    let own = there.clone().filter(Principal.eq(row.principal.clone())).count(db).await?;
    let of_strangers = there.filter(Body.contains(OF_STRANGER)).order_by_asc(Ends).order_by_asc(Id);
    let too_many = own >= MAX_OF_PRINCIPAL
        || (request.stranger && (all >= MAX_IN_VAULT || of_strangers.clone().count(db).await? >= MAX_OF_STRANGERS));
    if too_many {
        return Err(Obstacle::Conflict);
    }
    if all >= MAX_IN_VAULT {
        let waiting = each_row(of_strangers, db).await?;
        let waiting = waiting.into_iter().filter_map(|row| kept(row.and_then(rows::approval)));
        let Some(oldest) = waiting.into_iter().find(ApprovalRequest::gives_way) else { return Err(Obstacle::Conflict) };
        tracing::info!(request = %oldest.id, "a request for approval of a stranger makes room");
        approval::Entity::delete_by_id(oldest.id).exec(db).await?;
    }
    insert(db, approval::Entity::insert(row.into_active_model())).await
}

async fn delete_workload(db: &DatabaseTransaction, permit: &Permit) -> Result<(), Obstacle> {
    let id = permit.object().name.as_ref().and_then(|name| uuid::Uuid::try_parse(name.as_str()).ok());
    let (Some(id), Some(revision)) = (id, permit.revision()) else { return Err(Obstacle::Conflict) };
    let delete = workload::Entity::delete_many()
        .filter(workload::Column::ClientId.eq(id))
        .filter(workload::Column::Revision.eq(revision));
    exactly_one(delete.exec(db).await?.rows_affected)
}

/// Sessions that ended by themselves go when the next one begins, so the table is bounded by who is signed in.
async fn begin_session(db: &DatabaseTransaction, new: &Session) -> Result<(), Obstacle> {
    session::Entity::delete_many().filter(session::Column::Expires.lt(new.created)).exec(db).await?;
    insert(db, session::Entity::insert(rows::session_row(new)?.into_active_model())).await
}

/// Makes sure that a session has not ended, and does not before the commit.
async fn session_stays(db: &DatabaseTransaction, id_hash: &[u8; 32]) -> Result<(), Obstacle> {
    let row = session::Entity::find_by_id(id_hash.to_vec()).select_only().column(session::Column::Expires);
    let found: Option<i64> = row.lock_shared().into_tuple().one(db).await?;
    exactly_one(u64::from(found.is_some()))
}

/// Remembers what counts once until it has expired; a conflict when it is remembered already. What has
/// expired goes with the next one, so the table is bounded by how much is exchanged in an hour.
async fn remember(db: &DatabaseTransaction, new: &UsedAssertion) -> Result<(), Obstacle> {
    used_assertion::Entity::delete_many().filter(used_assertion::Column::Expires.lt(new.used)).exec(db).await?;
    let row = used_assertion::Model { id_hash: new.id_hash.to_vec(), used: new.used, expires: new.expires };
    insert(db, used_assertion::Entity::insert(row.into_active_model())).await
}

/// Remembers an assertion; a conflict when it was used too long ago to be the client's own repetition.
async fn use_assertion(db: &DatabaseTransaction, new: &UsedAssertion) -> Result<(), Obstacle> {
    match remember(db, new).await {
        Err(Obstacle::Conflict) => {}
        outcome => return outcome,
    }
    let known = used_assertion::Entity::find_by_id(new.id_hash.to_vec()).one(db).await?;
    match known {
        Some(known) if new.used.saturating_sub(known.used) <= ASSERTION_RETRY_SECONDS => Ok(()),
        _ => Err(Obstacle::Conflict),
    }
}

fn vault_of(permit: &Permit) -> Result<VaultId, Obstacle> {
    permit.object().vault.as_ref().map(|(id, _)| *id).ok_or(Obstacle::Conflict)
}

/// Inserts a row that must not be there yet.
async fn insert<A>(db: &DatabaseTransaction, insert: sea_orm::Insert<A>) -> Result<(), Obstacle>
where
    A: ActiveModelTrait,
{
    let mut statement = sea_orm::QueryTrait::into_query(insert);
    statement.on_conflict(OnConflict::new().do_nothing().to_owned());
    exactly_one(db.execute(&statement).await?.rows_affected())
}

/// The current version, if it is one of these.
fn current<'a>(secret: &SecretMeta, versions: impl IntoIterator<Item = &'a VersionMeta>) -> Option<&'a VersionMeta> {
    versions.into_iter().find(|version| version.version == secret.current)
}

/// Writes the row of a name: a new one, or over the permitted revision, with copies of what is written of its current
/// version. Where nothing is, those that are there stay, and stay true as long as that version does.
async fn put_name(
    db: &DatabaseTransaction,
    (vault, kind): (VaultId, ObjectKind),
    meta: &SecretMeta,
    revision: Option<i64>,
    current: Option<&VersionMeta>,
) -> Result<(), Obstacle> {
    let row = rows::secret_row(vault, kind, meta, current)?;
    let Some(revision) = revision else {
        return insert(db, secret::Entity::insert(row.into_active_model())).await;
    };
    let name = row.name.clone();
    let mut row = row.into_active_model().reset_all();
    (row.vault_id, row.name) = (NotSet, NotSet);
    let mut update = secret::Entity::update_many();
    if current.is_none() {
        row.made = NotSet;
        (row.noted, row.updated, row.starts) = (NotSet, NotSet, NotSet);
        (row.ends, row.enabled, row.labels) = (NotSet, NotSet, NotSet);
        let same = Condition::all()
            .add(secret::Column::Noted.eq(revision))
            .add(secret::Column::Current.eq(meta.current.as_str()));
        let noted = CaseStatement::new().case(same, meta.revision);
        update = update.col_expr(secret::Column::Noted, noted.into());
    }
    let update = update
        .set(row)
        .filter(secret::Column::VaultId.eq(vault.0))
        .filter(secret::Column::Name.eq(name))
        .filter(secret::Column::Revision.eq(revision));
    exactly_one(update.exec(db).await?.rows_affected)
}

/// Other metadata for a version that is still the one that was judged.
async fn update_version(
    db: &DatabaseTransaction,
    (vault, kind): (VaultId, ObjectKind),
    secret: &SecretMeta,
    version: &VersionMeta,
) -> Result<(), Obstacle> {
    let update = secret_version::Entity::update_many()
        .set(rows::updated_version(version)?)
        .filter(secret_version::Column::VaultId.eq(vault.0))
        .filter(secret_version::Column::Name.eq(kind.qualify(&secret.name)))
        .filter(secret_version::Column::Version.eq(version.version.as_str()))
        .filter(secret_version::Column::DataKeyId.eq(version.data_key_id.to_vec()));
    exactly_one(update.exec(db).await?.rows_affected)
}

async fn insert_versions(
    db: &DatabaseTransaction,
    (vault, kind): (VaultId, ObjectKind),
    secret: &SecretMeta,
    versions: &[SealedVersion],
) -> Result<(), Obstacle> {
    for chunk in versions.chunks(VERSIONS_PER_INSERT) {
        let rows = chunk.iter().map(|version| rows::version_row(vault, kind, &secret.name, version));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
        secret_version::Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Deletes the name, what goes with it and the grants at them; the database takes their versions along.
async fn purge(
    db: &DatabaseTransaction,
    permit: &Permit,
    vault_revision: i64,
    companions: &[(ObjectKind, i64)],
    assignments: &[Assignment],
) -> Result<(), Obstacle> {
    let (Some(name), Some(revision), vault) = (&permit.object().name, permit.revision(), vault_of(permit)?) else {
        return Err(Obstacle::Conflict);
    };
    if revision_of_vault(db, vault).await? != Some(vault_revision) {
        return Err(Obstacle::Conflict);
    }
    let kind = permit.object().kind;
    let going: Vec<(ObjectKind, i64)> = std::iter::once((kind, revision)).chain(companions.iter().copied()).collect();
    let scope = |kind| Scope::Object { vault, kind, name: name.clone() }.key();
    let at_it = assignment::Column::ScopeKey.is_in(going.iter().map(|(kind, _)| scope(*kind)));
    let granted = assignment::Entity::find().select_only().column(assignment::Column::Id).filter(at_it.clone());
    let mut granted: Vec<Uuid> = granted.into_tuple().all(db).await?;
    let mut named: Vec<Uuid> = assignments.iter().map(|a| a.id).collect();
    granted.sort_unstable();
    named.sort_unstable();
    if granted != named {
        return Err(Obstacle::Conflict);
    }
    if !named.is_empty() {
        assignment::Entity::delete_many().filter(at_it).exec(db).await?;
    }
    for (kind, revision) in going {
        let delete = secret::Entity::delete_many()
            .filter(secret::Column::VaultId.eq(vault.0))
            .filter(secret::Column::Name.eq(kind.qualify(name)))
            .filter(secret::Column::Revision.eq(revision));
        exactly_one(delete.exec(db).await?.rows_affected)?;
    }
    Ok(())
}

/// Takes a vault's name, settings and key away, and every grant in it. What was sealed in it can be
/// opened by nobody any more; its rows go in batches, see `purge`, because there may be millions.
async fn purge_vault(db: &DatabaseTransaction, permit: &Permit) -> Result<(), Obstacle> {
    let (Some(revision), vault) = (permit.revision(), vault_of(permit)?) else { return Err(Obstacle::Conflict) };
    let blank = vault::ActiveModel {
        // Not a name: nothing finds it, and the name is free.
        name: Set(format!("~{vault}")),
        settings: Set("{}".to_owned()),
        wrapped_key: Set(Vec::new()),
        tag: Set(Vec::new()),
        state: Set(rows::PURGED.to_owned()),
        deleted_at: Set(None),
        purge_at: Set(None),
        ..Default::default()
    };
    let update = vault::Entity::update_many()
        .set(blank)
        .filter(vault::Column::Id.eq(vault.0))
        .filter(vault::Column::State.eq(rows::DELETED))
        .filter(vault::Column::Revision.eq(revision));
    exactly_one(update.exec(db).await?.rows_affected)?;
    let grants = crate::grants::at_or_below(&Scope::Vault { vault });
    assignment::Entity::delete_many().filter(grants).exec(db).await?;
    access_policy::Entity::delete_many().filter(access_policy::Column::VaultId.eq(vault.0)).exec(db).await?;
    approval::Entity::delete_many().filter(approval::Column::VaultId.eq(vault.0)).exec(db).await?;
    Ok(())
}

/// Revision of a vault's row, which stays so until the transaction ends.
async fn revision_of_vault(db: &DatabaseTransaction, vault: VaultId) -> Result<Option<i64>, Obstacle> {
    let row = vault::Entity::find_by_id(vault.0).select_only().column(vault::Column::Revision);
    Ok(row.lock_shared().into_tuple().one(db).await?)
}

/// Checks that the object a grant is about is still as it was judged, and keeps it so until the
/// transaction ends (SQLite has one writer anyhow and ignores the lock).
async fn unchanged(db: &DatabaseTransaction, permit: &Permit) -> Result<(), Obstacle> {
    let object = permit.object();
    let found: Option<i64> = match (object.kind, &object.vault, &object.name) {
        (ObjectKind::Vault, Some((vault, _)), _) => revision_of_vault(db, *vault).await?,
        (kind, Some((vault, _)), Some(name)) if kind.is_in_vault() => {
            let row = secret::Entity::find_by_id((vault.0, object.kind.qualify(name)))
                .select_only()
                .column(secret::Column::Revision);
            row.lock_shared().into_tuple().one(db).await?
        }
        _ => return Ok(()),
    };
    if found == permit.revision() { Ok(()) } else { Err(Obstacle::Conflict) }
}
