//! Every row that is there against what the log says of it, in the moment in which the log was read.

use std::collections::HashMap;

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
    expected::{Absent, At, RowFault},
};
use crate::{
    decoding::{FoundRow, KeyOf, MAX_SHOWN},
    entity::{
        access_policy, approval, assignment, audit_record, installation_policies, policy_document, policy_module,
        policy_replay, role_definition, sealed_blob, secret, secret_version, session, vault, workload,
    },
    fault::store_error,
    purge::standing,
    rows,
};

/// Most absent rows that are looked up by name.
const MAX_NAMED: usize = 200;

/// What the log says, to compare rows with.
pub(super) trait Ledger {
    /// Takes in what a record says was changed.
    fn learn(&mut self, at: At, changed: &[ChangedRow]);

    /// Whether it is asked first, and everything is told that is told once.
    fn is_first(&self) -> bool;

    /// Whether it knows of a row, and of what lies in it: if not, another is asked.
    fn holds(&self, kind: RowKind, id: &str) -> bool;

    /// Judges a row that is there. `revision` is none for rows that have none; then `tag` is compared.
    fn judge(&mut self, kind: RowKind, id: &str, revision: Option<i64>, tag: &str) -> Option<RowFault>;

    /// Judges a version that is there, of a name that is there.
    fn judge_version(&mut self, kind: RowKind, id: &str, version: &str, tag: &str) -> Option<RowFault>;

    /// Tells what was found, or has it looked at in full.
    fn tell(&mut self, report: &mut VerifyReport, judged: Judged);

    /// Rows that should be there and were not judged. Sessions and requests for approval end by themselves.
    fn absent(&self) -> Vec<Absent>;

    /// Whether this row, or this version of it, is one of those.
    fn is_absent(&self, kind: RowKind, id: &str, version: Option<&str>) -> bool;
}

/// A row, or a version of it, and what is wrong with it.
pub(super) struct Judged {
    pub(super) kind: RowKind,
    pub(super) id: String,
    pub(super) version: Option<String>,
    pub(super) fault: Option<RowFault>,
}

impl Judged {
    fn row(kind: RowKind, id: String, fault: Option<RowFault>) -> Self {
        Self { kind, id, version: None, fault }
    }
}

/// Compares all rows of a share; what is wrong goes into the report. Of those that are absent, `named` were named before.
pub(super) async fn compare(
    moment: &DatabaseTransaction,
    ledger: &mut impl Ledger,
    nodes: &[String],
    named: &mut usize,
    report: &mut VerifyReport,
) -> Result<(), StoreError> {
    let mut comparing = Comparing { moment, ledger, report };
    comparing.vault_names().await?;
    comparing.with_revisions().await?;
    comparing.assignments().await?;
    comparing.versions().await?;
    comparing.sessions().await?;
    comparing.token_keys().await?;
    comparing.absent(nodes, named).await
}

/// Of which kind a name is: only a secret's is not qualified.
pub(super) fn kind_of(qualified: &str) -> RowKind {
    match qualified.split_once('/') {
        Some(("key", _)) => RowKind::Key,
        Some(("certificate", _)) => RowKind::Certificate,
        Some(("issuer", _)) => RowKind::Issuer,
        Some(("contacts", _)) => RowKind::Contacts,
        Some(("revocations", _)) => RowKind::Revocations,
        _ => RowKind::Secret,
    }
}

#[derive(FromQueryResult)]
struct Revision {
    revision: i64,
}

#[derive(FromQueryResult)]
struct Name {
    name: String,
}

#[derive(Default, FromQueryResult)]
struct Tag {
    tag: Vec<u8>,
}

struct Comparing<'a, L> {
    moment: &'a DatabaseTransaction,
    ledger: &'a mut L,
    report: &'a mut VerifyReport,
}

impl<L: Ledger> Comparing<'_, L> {
    /// Judges every row of a table by one of its cells, if that and its key read. `judge` says which row of the log it
    /// is and what is wrong with it, or that nothing is to be said of it.
    async fn each<E, M>(
        &mut self,
        select: Select<E>,
        cell: E::Column,
        judge: impl Fn(&mut L, KeyOf<E>, Option<M>) -> Option<Judged>,
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
                FoundRow::Read(key, cell) => (judge(self.ledger, key, Some(cell)), false),
                FoundRow::Unreadable(Some(key), _) => (judge(self.ledger, key, None), true),
                FoundRow::Unreadable(None, row) => {
                    if self.ledger.is_first() {
                        self.report.add(row.into());
                    }
                    continue;
                }
            };
            if let Some(judged) = judged {
                let fault = if edited { Some(RowFault::Unreadable) } else { judged.fault };
                self.ledger.tell(self.report, Judged { fault, ..judged });
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
        let judge = |ledger: &mut L, key, cell: Option<Revision>| {
            let (kind, id) = name(key);
            ledger.holds(kind, &id).then(|| {
                let fault = ledger.judge(kind, &id, cell.map(|cell| cell.revision), &tag_digest(&[]));
                Judged::row(kind, id, fault)
            })
        };
        self.each(select, revision, judge).await
    }

    /// No record tells names of vaults, but how they are stored is known: by a name in other letters nobody finds the
    /// row, and another vault could be made in its place.
    async fn vault_names(&mut self) -> Result<(), StoreError> {
        if !self.ledger.is_first() {
            return Ok(());
        }
        let names = vault::Entity::find()
            .filter(standing())
            .select_only()
            .columns([vault::Column::Id, vault::Column::Name])
            .order_by_asc(vault::Column::Id)
            .into_model::<FoundRow<vault::Entity, Name>>()
            .all(self.moment);
        let mut known: HashMap<String, Uuid> = HashMap::new();
        for found in names.await.map_err(|e| store_error(&e))? {
            // One that does not read is told with its revision.
            let FoundRow::Read(id, Name { name }) = found else { continue };
            let other = known.insert(name.to_ascii_lowercase(), id);
            let shown: String = name.escape_debug().take(MAX_SHOWN).collect();
            let wrong = [
                rows::vault_name(&name).is_err().then(|| format!("name: {shown} is not spelt as names are stored")),
                other.map(|other| format!("name: {shown} is also the name of {other}")),
            ];
            for why in wrong.into_iter().flatten() {
                let (table, place) = ("vaults".to_owned(), id.to_string());
                self.report.add(Finding::Unreadable { table, place, why });
            }
        }
        Ok(())
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
        let replay = |slot: i64| (RowKind::PolicyReplay, slot.to_string());
        self.revisions(policy_replay::Entity::find(), policy_replay::Column::Revision, replay).await?;
        let attached = installation_policies::Entity::find();
        let kind = RowKind::InstallationPolicies;
        self.revisions(attached, installation_policies::Column::Revision, named(kind)).await?;
        self.revisions(approval::Entity::find(), approval::Column::Revision, of(RowKind::Approval)).await?;
        let object = |(vault, name): (Uuid, String)| (kind_of(&name), format!("{vault}/{name}"));
        self.revisions(secret::Entity::find(), secret::Column::Revision, object).await
    }

    async fn assignments(&mut self) -> Result<(), StoreError> {
        let judge = |ledger: &mut L, id: Uuid, cell: Option<Tag>| {
            let (kind, id, tag) = (RowKind::Assignment, id.to_string(), cell.unwrap_or_default().tag);
            ledger.holds(kind, &id).then(|| {
                let fault = ledger.judge(kind, &id, None, &tag_digest(&tag));
                Judged::row(kind, id, fault)
            })
        };
        self.each(assignment::Entity::find(), assignment::Column::Tag, judge).await
    }

    async fn versions(&mut self) -> Result<(), StoreError> {
        let judge = |ledger: &mut L, (vault, name, version): (Uuid, String, String), cell: Option<Tag>| {
            let (kind, id, tag) = (kind_of(&name), format!("{vault}/{name}"), cell.unwrap_or_default().tag);
            ledger.holds(kind, &id).then(|| {
                let fault = ledger.judge_version(kind, &id, &version, &tag_digest(&tag));
                Judged { kind, id, version: Some(version), fault }
            })
        };
        self.each(secret_version::Entity::find(), secret_version::Column::Tag, judge).await
    }

    async fn sessions(&mut self) -> Result<(), StoreError> {
        let judge = |ledger: &mut L, hash: Vec<u8>, _: Option<Tag>| {
            let id = <[u8; 32]>::try_from(hash.as_slice())
                .map_or_else(|_| "of a wrong length".to_owned(), |hash| ChangedRow::session_id(&hash));
            ledger.holds(RowKind::Session, &id).then(|| {
                let fault = ledger.judge(RowKind::Session, &id, None, &tag_digest(&[]));
                Judged::row(RowKind::Session, id, fault)
            })
        };
        self.each(session::Entity::find(), session::Column::Tag, judge).await
    }

    /// What is sealed under the root key and changes. What never changed has no record.
    async fn token_keys(&mut self) -> Result<(), StoreError> {
        let judge = |ledger: &mut L, label: String, cell: Option<Revision>| {
            if !ledger.holds(RowKind::TokenKeys, &label) {
                return None;
            }
            let revision = cell.map(|cell| cell.revision);
            let fault = ledger.judge(RowKind::TokenKeys, &label, revision, "");
            let told = revision.is_none_or(|revision| revision > 0) || fault != Some(RowFault::Unrecorded);
            told.then(|| Judged::row(RowKind::TokenKeys, label, fault))
        };
        self.each(sealed_blob::Entity::find(), sealed_blob::Column::Revision, judge).await
    }

    /// What should be there and is not, named by the record that wrote it last.
    async fn absent(&mut self, nodes: &[String], named: &mut usize) -> Result<(), StoreError> {
        let absent = self.ledger.absent();
        let room = MAX_NAMED.saturating_sub(*named);
        let unnamed = absent.len().saturating_sub(room);
        *named = named.saturating_add(absent.len().min(room));
        self.report.more_findings = self.report.more_findings.saturating_add(unnamed as u64);
        for Absent { at: (node, seq), version } in absent.into_iter().take(room) {
            let Some(node) = nodes.get(usize::from(node)) else { continue };
            let Ok(position) = i64::try_from(seq) else { continue };
            let row = audit_record::Entity::find()
                .filter(audit_record::Column::Node.eq(node.as_str()))
                .filter(audit_record::Column::Seq.eq(position))
                .one(self.moment)
                .await;
            let Some(Ok(record)) = row.map_err(|e| store_error(&e))?.as_ref().map(rows::record) else { continue };
            for changed in record.changed.iter().filter(|changed| !changed.gone) {
                let (row, whole) = (changed.row, &changed.id);
                // One record may have written several rows, of which others are there.
                let ids: Vec<String> = if version {
                    let absent =
                        changed.versions.keys().filter(|one| self.ledger.is_absent(row, whole, Some(one.as_str())));
                    absent.map(|version| format!("{whole}/{version}")).collect()
                } else {
                    Some(whole).filter(|id| self.ledger.is_absent(row, id, None)).cloned().into_iter().collect()
                };
                for id in ids {
                    self.report.add(Finding::Row { row: changed.row, id, fault: RowFault::Missing });
                }
            }
        }
        Ok(())
    }
}
