//! Every row that is there against what the log says of it, in the moment in which the log was read.

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait as _},
};
use strongroom_domain::{
    ports::StoreError,
    record::{ChangedRow, RowKind, tag_digest},
};
use uuid::Uuid;

use super::{
    Finding, VerifyReport,
    expected::{Absent, Expected, RowFault},
    walk::PAGE,
};
use crate::{
    entity::{
        access_policy, approval, assignment, audit_record, installation_policies, policy_document, policy_module,
        role_definition, sealed_blob, secret, secret_version, session, vault, workload,
    },
    fault::unavailable,
    purge::remains,
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
    comparing.by_id().await?;
    comparing.secrets().await?;
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

struct Comparing<'a> {
    moment: &'a DatabaseTransaction,
    expected: &'a mut Expected,
    report: &'a mut VerifyReport,
}

impl Comparing<'_> {
    fn judge(&mut self, kind: RowKind, id: &str, revision: Option<i64>, tag: &[u8]) {
        let fault = self.expected.judge(kind, id, revision, &tag_digest(tag));
        self.tell(kind, id.to_owned(), fault);
    }

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

    /// Tables whose rows have an id: vaults, workloads, assignments.
    async fn by_id(&mut self) -> Result<(), StoreError> {
        let mut after = Uuid::nil();
        loop {
            let page: Vec<(Uuid, i64)> = vault::Entity::find()
                .select_only()
                .columns([vault::Column::Id, vault::Column::Revision])
                .filter(vault::Column::Id.gt(after))
                // What is left of a purged vault is on its way out; see `purge`.
                .filter(remains().not())
                .order_by_asc(vault::Column::Id)
                .limit(PAGE)
                .into_tuple()
                .all(self.moment)
                .await
                .map_err(|e| unavailable(&e))?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (id, revision) in page {
                self.judge(RowKind::Vault, &id.to_string(), Some(revision), &[]);
            }
        }
        after = Uuid::nil();
        loop {
            let page: Vec<(Uuid, i64)> = workload::Entity::find()
                .select_only()
                .columns([workload::Column::ClientId, workload::Column::Revision])
                .filter(workload::Column::ClientId.gt(after))
                .order_by_asc(workload::Column::ClientId)
                .limit(PAGE)
                .into_tuple()
                .all(self.moment)
                .await
                .map_err(|e| unavailable(&e))?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (id, revision) in page {
                self.judge(RowKind::Workload, &id.to_string(), Some(revision), &[]);
            }
        }
        self.access_policies().await?;
        self.roles().await?;
        self.policies().await?;
        self.approvals().await?;
        after = Uuid::nil();
        loop {
            let page: Vec<(Uuid, Vec<u8>)> = assignment::Entity::find()
                .select_only()
                .columns([assignment::Column::Id, assignment::Column::Tag])
                .filter(assignment::Column::Id.gt(after))
                .order_by_asc(assignment::Column::Id)
                .limit(PAGE)
                .into_tuple()
                .all(self.moment)
                .await
                .map_err(|e| unavailable(&e))?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (id, tag) in page {
                self.judge(RowKind::Assignment, &id.to_string(), None, &tag);
            }
        }
        Ok(())
    }

    async fn roles(&mut self) -> Result<(), StoreError> {
        use role_definition::Column::{Id, Revision};
        // At most some hundred.
        let all: Vec<(Uuid, i64)> = role_definition::Entity::find()
            .select_only()
            .columns([Id, Revision])
            .order_by_asc(Id)
            .into_tuple()
            .all(self.moment)
            .await
            .map_err(|e| unavailable(&e))?;
        for (id, revision) in all {
            self.judge(RowKind::RoleDefinition, &id.to_string(), Some(revision), &[]);
        }
        Ok(())
    }

    async fn approvals(&mut self) -> Result<(), StoreError> {
        let mut after = Uuid::nil();
        loop {
            let page: Vec<(Uuid, i64)> = approval::Entity::find()
                .select_only()
                .columns([approval::Column::Id, approval::Column::Revision])
                .filter(approval::Column::Id.gt(after))
                .order_by_asc(approval::Column::Id)
                .limit(PAGE)
                .into_tuple()
                .all(self.moment)
                .await
                .map_err(|e| unavailable(&e))?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            for (id, revision) in page {
                self.judge(RowKind::Approval, &id.to_string(), Some(revision), &[]);
            }
        }
    }

    /// Uploaded modules, a few hundred at most, the documents they read, and those of all vaults, which is one row.
    async fn policies(&mut self) -> Result<(), StoreError> {
        use installation_policies::Column as Attached;
        use policy_module::Column as Uploaded;
        let modules: Vec<(String, i64)> = policy_module::Entity::find()
            .select_only()
            .columns([Uploaded::Digest, Uploaded::Revision])
            .into_tuple()
            .all(self.moment)
            .await
            .map_err(|e| unavailable(&e))?;
        for (digest, revision) in modules {
            self.judge(RowKind::PolicyModule, &digest, Some(revision), &[]);
        }
        let documents: Vec<(String, i64)> = policy_document::Entity::find()
            .select_only()
            .columns([policy_document::Column::Name, policy_document::Column::Revision])
            .into_tuple()
            .all(self.moment)
            .await
            .map_err(|e| unavailable(&e))?;
        for (name, revision) in documents {
            self.judge(RowKind::PolicyDocument, &name, Some(revision), &[]);
        }
        let attached: Vec<(String, i64)> = installation_policies::Entity::find()
            .select_only()
            .columns([Attached::Id, Attached::Revision])
            .into_tuple()
            .all(self.moment)
            .await
            .map_err(|e| unavailable(&e))?;
        for (id, revision) in attached {
            self.judge(RowKind::InstallationPolicies, &id, Some(revision), &[]);
        }
        Ok(())
    }

    async fn access_policies(&mut self) -> Result<(), StoreError> {
        use access_policy::Column::{GranteeKey, Revision, VaultId};
        let mut after = (Uuid::nil(), String::new());
        loop {
            let key = Expr::tuple([Expr::col(VaultId), Expr::col(GranteeKey)]);
            let begin = Expr::tuple([Expr::val(after.0), Expr::val(after.1.as_str())]);
            let page: Vec<(Uuid, String, i64)> = access_policy::Entity::find()
                .select_only()
                .columns([VaultId, GranteeKey, Revision])
                .filter(key.gt(begin))
                .order_by_asc(VaultId)
                .order_by_asc(GranteeKey)
                .limit(PAGE)
                .into_tuple()
                .all(self.moment)
                .await
                .map_err(|e| unavailable(&e))?;
            let Some((vault, key, _)) = page.last() else { return Ok(()) };
            after = (*vault, key.clone());
            for (vault, key, revision) in page {
                let id = ChangedRow::access_policy_id_of(strongroom_domain::names::VaultId(vault), &key);
                self.judge(RowKind::AccessPolicy, &id, Some(revision), &[]);
            }
        }
    }

    async fn secrets(&mut self) -> Result<(), StoreError> {
        let mut after = (Uuid::nil(), String::new());
        loop {
            let page: Vec<(Uuid, String, i64)> = secret::Entity::find()
                .select_only()
                .columns([secret::Column::VaultId, secret::Column::Name, secret::Column::Revision])
                .filter(
                    Condition::any().add(secret::Column::VaultId.gt(after.0)).add(
                        Condition::all()
                            .add(secret::Column::VaultId.eq(after.0))
                            .add(secret::Column::Name.gt(after.1.as_str())),
                    ),
                )
                .order_by_asc(secret::Column::VaultId)
                .order_by_asc(secret::Column::Name)
                .limit(PAGE)
                .into_tuple()
                .all(self.moment)
                .await
                .map_err(|e| unavailable(&e))?;
            let Some((vault, name, _)) = page.last() else { return Ok(()) };
            after = (*vault, name.clone());
            for (vault, name, revision) in page {
                self.judge(kind_of(&name), &format!("{vault}/{name}"), Some(revision), &[]);
            }
        }
    }

    async fn versions(&mut self) -> Result<(), StoreError> {
        use secret_version::Column::{Name, Tag, VaultId, Version};
        let mut after = (Uuid::nil(), String::new(), String::new());
        loop {
            let (vault, name, version) = &after;
            let key = Expr::tuple([Expr::col(VaultId), Expr::col(Name), Expr::col(Version)]);
            let begin = Expr::tuple([Expr::val(*vault), Expr::val(name.as_str()), Expr::val(version.as_str())]);
            let page: Vec<(Uuid, String, String, Vec<u8>)> = secret_version::Entity::find()
                .select_only()
                .columns([VaultId, Name, Version, Tag])
                .filter(key.gt(begin))
                .order_by_asc(VaultId)
                .order_by_asc(Name)
                .order_by_asc(Version)
                .limit(PAGE)
                .into_tuple()
                .all(self.moment)
                .await
                .map_err(|e| unavailable(&e))?;
            let Some((vault, name, version, _)) = page.last() else { return Ok(()) };
            after = (*vault, name.clone(), version.clone());
            for (vault, name, version, tag) in page {
                let id = format!("{vault}/{name}");
                let fault = self.expected.judge_version(kind_of(&name), &id, &version, &tag_digest(&tag));
                self.tell(kind_of(&name), format!("{id}/{version}"), fault);
            }
        }
    }

    async fn sessions(&mut self) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let mut query = session::Entity::find().select_only().column(session::Column::IdHash);
            if let Some(after) = &after {
                query = query.filter(session::Column::IdHash.gt(after.clone()));
            }
            let page: Vec<Vec<u8>> = query
                .order_by_asc(session::Column::IdHash)
                .limit(PAGE)
                .into_tuple()
                .all(self.moment)
                .await
                .map_err(|e| unavailable(&e))?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for hash in page {
                let id = <[u8; 32]>::try_from(hash.as_slice())
                    .map_or_else(|_| "of a wrong length".to_owned(), |hash| ChangedRow::session_id(&hash));
                self.judge(RowKind::Session, &id, None, &[]);
            }
        }
    }

    /// What is sealed under the root key and changes. What never changed has no record.
    async fn token_keys(&mut self) -> Result<(), StoreError> {
        use sealed_blob::Column::{Label, Revision};
        // A handful.
        let all: Vec<(String, i64)> = sealed_blob::Entity::find()
            .select_only()
            .columns([Label, Revision])
            .order_by_asc(Label)
            .into_tuple()
            .all(self.moment)
            .await
            .map_err(|e| unavailable(&e))?;
        for (label, revision) in all {
            let fault = self.expected.judge(RowKind::TokenKeys, &label, Some(revision), "");
            if revision > 0 || fault != Some(RowFault::Unrecorded) {
                self.tell(RowKind::TokenKeys, label, fault);
            }
        }
        Ok(())
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
            let Some(Ok(record)) = row.map_err(|e| unavailable(&e))?.as_ref().map(rows::record) else { continue };
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
