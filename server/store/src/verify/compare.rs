//! Every row that is there against what the log says of it, in the moment in which the log was read.

use futures_util::TryStreamExt as _;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, FromQueryResult, Iterable as _, PrimaryKeyToColumn, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use strongroom_domain::{
    names::VaultId,
    ports::StoreError,
    record::{ChangedRow, RowKind, tag_digest},
};
use uuid::Uuid;

use super::{
    Finding, VerifyReport,
    expected::{Absent, Expected, RowFault},
};
use crate::{
    decoding::{FoundRow, KeyOf},
    entity::{
        access_policy, approval, assignment, audit_record, installation_policies, policy_document, policy_module,
        role_definition, sealed_blob, secret, secret_version, session, vault, workload,
    },
    fault::store_error,
    purge::standing,
    rows,
};

/// Most absent rows that are looked up by name.
const MAX_NAMED: usize = 200;

/// Compares all rows; what is wrong goes into the report.
pub(super) async fn compare(
    moment: &DatabaseTransaction,
    expected: &mut Expected,
    nodes: &[String],
    report: &mut VerifyReport,
) -> Result<(), StoreError> {
    let mut comparing = Comparing { moment, expected, report };
    comparing.with_revisions().await?;
    comparing.assignments().await?;
    comparing.versions().await?;
    comparing.sessions().await?;
    comparing.token_keys().await?;
    comparing.absent(nodes).await
}

/// Of which kind a name is: only a secret's is not qualified.
pub(super) fn kind_of(qualified: &str) -> RowKind {
    match qualified.split_once('/') {
        Some(("key", _)) => RowKind::Key,
        Some(("certificate", _)) => RowKind::Certificate,
        _ => RowKind::Secret,
    }
}

#[derive(FromQueryResult)]
struct Revision {
    revision: i64,
}

#[derive(Default, FromQueryResult)]
struct Tag {
    tag: Vec<u8>,
}

struct Comparing<'a> {
    moment: &'a DatabaseTransaction,
    expected: &'a mut Expected,
    report: &'a mut VerifyReport,
}

impl Comparing<'_> {
    fn tell(&mut self, kind: RowKind, id: String, fault: Option<RowFault>) {
        match fault {
            None => self.report.rows = self.report.rows.saturating_add(1),
            // Written before records told of rows.
            Some(RowFault::Unrecorded) if self.expected.untracked => {
                self.report.untracked = self.report.untracked.saturating_add(1);
            }
            Some(fault) => self.report.add(Finding::Row { row: kind, id, fault }),
        }
    }

    /// Judges every row of a table by one of its cells, if that and its key read. `judge` says which row of the log it
    /// is and what is wrong with it, or that nothing is to be said of it.
    async fn each<E, M>(
        &mut self,
        select: Select<E>,
        cell: E::Column,
        judge: impl Fn(&mut Expected, KeyOf<E>, Option<M>) -> Option<(RowKind, String, Option<RowFault>)>,
    ) -> Result<(), StoreError>
    where
        E: EntityTrait,
        M: FromQueryResult + Send,
    {
        let keys = || E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
        let select = select.select_only().columns(keys()).column(cell);
        let select = keys().fold(select, |select, key| select.order_by_asc(key)).into_model::<FoundRow<E, M>>();
        let mut rows = select.stream(self.moment).await.map_err(|e| store_error(&e))?;
        while let Some(found) = rows.try_next().await.map_err(|e| store_error(&e))? {
            let (judged, edited) = match found {
                FoundRow::Read(key, cell) => (judge(self.expected, key, Some(cell)), false),
                FoundRow::Unreadable(Some(key), _) => (judge(self.expected, key, None), true),
                FoundRow::Unreadable(None, row) => {
                    self.report.add(row.into());
                    continue;
                }
            };
            if let Some((kind, id, fault)) = judged {
                self.tell(kind, id, if edited { Some(RowFault::Unreadable) } else { fault });
            }
        }
        Ok(())
    }

    /// A table whose rows have a revision.
    async fn revisions<E: EntityTrait>(
        &mut self,
        select: Select<E>,
        revision: E::Column,
        name: impl Fn(KeyOf<E>) -> (RowKind, String),
    ) -> Result<(), StoreError> {
        let judge = |expected: &mut Expected, key, cell: Option<Revision>| {
            let (kind, id) = name(key);
            let fault = expected.judge(kind, &id, cell.map(|cell| cell.revision), &tag_digest(&[]));
            Some((kind, id, fault))
        };
        self.each(select, revision, judge).await
    }

    async fn with_revisions(&mut self) -> Result<(), StoreError> {
        let of = |kind| move |id: Uuid| (kind, id.to_string());
        let named = |kind| move |name: String| (kind, name);
        // What is left of a purged vault is on its way out; see `purge`.
        let vaults = vault::Entity::find().filter(standing());
        self.revisions(vaults, vault::Column::Revision, of(RowKind::Vault)).await?;
        self.revisions(workload::Entity::find(), workload::Column::Revision, of(RowKind::Workload)).await?;
        let policy = |(vault, key): (Uuid, String)| {
            (RowKind::AccessPolicy, ChangedRow::access_policy_id_of(VaultId(vault), &key))
        };
        self.revisions(access_policy::Entity::find(), access_policy::Column::Revision, policy).await?;
        let roles = role_definition::Entity::find();
        self.revisions(roles, role_definition::Column::Revision, of(RowKind::RoleDefinition)).await?;
        let modules = policy_module::Entity::find();
        self.revisions(modules, policy_module::Column::Revision, named(RowKind::PolicyModule)).await?;
        let documents = policy_document::Entity::find();
        self.revisions(documents, policy_document::Column::Revision, named(RowKind::PolicyDocument)).await?;
        let attached = installation_policies::Entity::find();
        let kind = RowKind::InstallationPolicies;
        self.revisions(attached, installation_policies::Column::Revision, named(kind)).await?;
        self.revisions(approval::Entity::find(), approval::Column::Revision, of(RowKind::Approval)).await?;
        let object = |(vault, name): (Uuid, String)| (kind_of(&name), format!("{vault}/{name}"));
        self.revisions(secret::Entity::find(), secret::Column::Revision, object).await
    }

    async fn assignments(&mut self) -> Result<(), StoreError> {
        let judge = |expected: &mut Expected, id: Uuid, cell: Option<Tag>| {
            let (kind, id, tag) = (RowKind::Assignment, id.to_string(), cell.unwrap_or_default().tag);
            let fault = expected.judge(kind, &id, None, &tag_digest(&tag));
            Some((kind, id, fault))
        };
        self.each(assignment::Entity::find(), assignment::Column::Tag, judge).await
    }

    async fn versions(&mut self) -> Result<(), StoreError> {
        let judge = |expected: &mut Expected, (vault, name, version): (Uuid, String, String), cell: Option<Tag>| {
            let (id, tag) = (format!("{vault}/{name}"), cell.unwrap_or_default().tag);
            let fault = expected.judge_version(kind_of(&name), &id, &version, &tag_digest(&tag));
            Some((kind_of(&name), format!("{id}/{version}"), fault))
        };
        self.each(secret_version::Entity::find(), secret_version::Column::Tag, judge).await
    }

    async fn sessions(&mut self) -> Result<(), StoreError> {
        let judge = |expected: &mut Expected, hash: Vec<u8>, _: Option<Tag>| {
            let id = <[u8; 32]>::try_from(hash.as_slice())
                .map_or_else(|_| "of a wrong length".to_owned(), |hash| ChangedRow::session_id(&hash));
            let fault = expected.judge(RowKind::Session, &id, None, &tag_digest(&[]));
            Some((RowKind::Session, id, fault))
        };
        self.each(session::Entity::find(), session::Column::Tag, judge).await
    }

    /// What is sealed under the root key and changes. What never changed has no record.
    async fn token_keys(&mut self) -> Result<(), StoreError> {
        let judge = |expected: &mut Expected, label: String, cell: Option<Revision>| {
            let revision = cell.map(|cell| cell.revision);
            let fault = expected.judge(RowKind::TokenKeys, &label, revision, "");
            let told = revision.is_none_or(|revision| revision > 0) || fault != Some(RowFault::Unrecorded);
            told.then_some((RowKind::TokenKeys, label, fault))
        };
        self.each(sealed_blob::Entity::find(), sealed_blob::Column::Revision, judge).await
    }

    /// What should be there and is not, named by the record that wrote it last.
    async fn absent(&mut self, nodes: &[String]) -> Result<(), StoreError> {
        let absent = self.expected.absent();
        let unnamed = absent.len().saturating_sub(MAX_NAMED);
        self.report.more_findings = self.report.more_findings.saturating_add(unnamed as u64);
        for Absent { at: (node, seq), version } in absent.into_iter().take(MAX_NAMED) {
            let Some(node) = nodes.get(usize::from(node)) else { continue };
            let Ok(position) = i64::try_from(seq) else { continue };
            let row = audit_record::Entity::find()
                .filter(audit_record::Column::Node.eq(node.as_str()))
                .filter(audit_record::Column::Seq.eq(position))
                .one(self.moment)
                .await;
            let Some(Ok(record)) = row.map_err(|e| store_error(&e))?.as_ref().map(rows::record) else { continue };
            for changed in record.changed.iter().filter(|changed| !changed.gone) {
                let whole = changed.id.clone();
                let ids = if version {
                    changed.versions.keys().map(|version| format!("{whole}/{version}")).collect()
                } else {
                    vec![whole]
                };
                for id in ids {
                    self.report.add(Finding::Row { row: changed.row, id, fault: RowFault::Missing });
                }
            }
        }
        Ok(())
    }
}
