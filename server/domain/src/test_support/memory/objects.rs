//! Secrets and keys, given out against permits.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
    sync::Arc,
};

use async_trait::async_trait;
use strongroom_crypto::x509::CertificateFacts;

use super::{super::image::NameRow, MemoryStore, page};
use crate::{
    action::Action,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId},
    permit::{Held, Permit, Permits},
    ports::{ObjectStore, StoreError},
    search::{Found, Search},
    secret::{Endings, LifeState, Page, SealedVersion, SecretFacts, SecretItem, VersionMeta},
};

/// Whether an action opens what is sealed in a version.
fn opens(action: Action) -> bool {
    use Action::{
        AuthoritySign, ContactsGet, IssuerAsk, IssuerGet, KeyDecrypt, KeyEncrypt, KeySign, KeyUnwrap, KeyVerify,
        KeyWrap, RevocationListGet, RevocationListIssue, RevocationListPublish, SecretGet,
    };
    matches!(
        action,
        SecretGet
            | KeySign
            | KeyVerify
            | KeyEncrypt
            | KeyDecrypt
            | KeyWrap
            | KeyUnwrap
            | IssuerGet
            | ContactsGet
            | IssuerAsk
            | AuthoritySign
            | RevocationListGet
            | RevocationListIssue
            | RevocationListPublish
    )
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn facts(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
    ) -> Result<Option<Arc<SecretFacts>>, StoreError> {
        self.pause().await;
        let durable = self.durable();
        Ok(durable.objects.get(&(vault, kind, name.as_str().to_owned())).map(|row| {
            let version = row.versions.get(version.unwrap_or(&row.meta.current)).map(|v| v.meta.clone());
            Arc::new(SecretFacts { secret: row.meta.clone(), version })
        }))
    }

    async fn version_metas(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        limit: usize,
    ) -> Result<Vec<VersionMeta>, StoreError> {
        self.pause().await;
        let row = self.durable().objects.get(&(vault, kind, name.as_str().to_owned())).cloned();
        let mut metas: Vec<_> = row.iter().flat_map(|row| row.versions.values()).map(|v| v.meta.clone()).collect();
        metas.sort_by_key(|meta| meta.ordinal);
        metas.truncate(limit);
        Ok(metas)
    }

    async fn issued_as(
        &self,
        vault: VaultId,
        issued_as: &str,
        limit: usize,
    ) -> Result<Vec<(ObjectName, ObjectVersion)>, StoreError> {
        self.pause().await;
        let is_it = |meta: &VersionMeta| {
            let leaf = meta.certificate.as_ref().and_then(|certificate| certificate.leaf());
            leaf.and_then(|leaf| CertificateFacts::of(leaf).ok()).is_some_and(|facts| facts.issued_as() == issued_as)
        };
        let durable = self.durable();
        let rows = durable.objects.iter().filter(|((id, kind, _), _)| *id == vault && *kind == ObjectKind::Certificate);
        let versions = rows.flat_map(|(_, row)| row.versions.values().map(|version| (&row.meta.name, &version.meta)));
        let found = versions.filter(|(_, meta)| is_it(meta));
        Ok(found.map(|(name, meta)| (name.clone(), meta.version.clone())).take(limit).collect())
    }

    async fn read(&self, permit: Permit, version: &ObjectVersion) -> Held<Result<Arc<SealedVersion>, StoreError>> {
        self.pause().await;
        let found = self.permitted_row(&permit, opens).and_then(|row| {
            row.versions.get(version).cloned().ok_or_else(|| StoreError::Damaged("a version's row is gone".to_owned()))
        });
        permit.hold(found)
    }

    async fn read_to_change(
        &self,
        permit: Permit,
        version: &ObjectVersion,
    ) -> Held<(Permit, Result<Arc<SealedVersion>, StoreError>)> {
        self.pause().await;
        let makes = |action| {
            matches!(
                action,
                Action::CertificateCreate
                    | Action::CertificateRenewIfDue
                    | Action::CertificatePendingMerge
                    | Action::CertificateIssue
                    | Action::IssuerSet
                    | Action::IssuerUpdate
                    | Action::IssuerAsk
                    | Action::ContactsDelete
                    | Action::IssuerDelete
                    | Action::CertificateRevoke
            )
        };
        let found = self.permitted_row(&permit, makes).and_then(|row| {
            row.versions.get(version).cloned().ok_or_else(|| StoreError::Damaged("a version's row is gone".to_owned()))
        });
        permit.hold_with(found)
    }

    async fn all_versions(&self, permit: Permit, limit: usize) -> Held<Result<Vec<SealedVersion>, StoreError>> {
        self.pause().await;
        let found = self
            .permitted_row(&permit, |action| {
                matches!(action, Action::SecretBackup | Action::KeyBackup | Action::CertificateBackup)
            })
            .map(|row| {
                let mut versions: Vec<SealedVersion> = row.versions.values().map(|v| (**v).clone()).collect();
                versions.sort_by_key(|version| version.meta.ordinal);
                versions.truncate(limit);
                versions
            });
        permit.hold(found)
    }

    async fn list(
        &self,
        permit: Permit,
        deleted: bool,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Held<Result<Page<SecretItem>, StoreError>> {
        self.pause().await;
        let kind = permit.object().kind;
        let wanted = match (kind, deleted) {
            (ObjectKind::Key, false) => Action::KeyList,
            (ObjectKind::Key, true) => Action::KeyListDeleted,
            (ObjectKind::Certificate, false) => Action::CertificateList,
            (ObjectKind::Certificate, true) => Action::CertificateListDeleted,
            (ObjectKind::Issuer, false) => Action::IssuerList,
            (_, false) => Action::SecretList,
            (_, true) => Action::SecretListDeleted,
        };
        let Some((vault, _)) = permit.object().vault.clone().filter(|_| permit.action() == wanted) else {
            return permit.hold(Err(StoreError::Damaged("a permit for something else".to_owned())));
        };
        let begin = after.map_or(Bound::Included((vault, kind, String::new())), |name| {
            Bound::Excluded((vault, kind, name.as_str().to_owned()))
        });
        let durable = self.durable();
        let rows =
            durable.objects.range((begin, Bound::Unbounded)).take_while(|((v, k, _), _)| (*v, *k) == (vault, kind));
        let wanted = rows.filter(|(_, row)| (row.meta.life != LifeState::Active) == deleted);
        let items = wanted.filter_map(|(_, row)| {
            let version = row.versions.get(&row.meta.current)?.meta.clone();
            Some(SecretItem { secret: row.meta.clone(), version })
        });
        permit.hold(Ok(page(items, limit, |item| item.secret.name.as_str().to_owned())))
    }

    async fn versions(
        &self,
        permit: Permit,
        after: Option<&ObjectVersion>,
        limit: usize,
    ) -> Held<Result<Page<SecretItem>, StoreError>> {
        self.pause().await;
        let found = self
            .permitted_row(&permit, |action| {
                use Action::{CertificateListVersions, KeyListVersions, SecretListVersions};
                matches!(action, SecretListVersions | KeyListVersions | CertificateListVersions)
            })
            .map(|row| {
                let before = match after {
                    Some(version) => row.versions.get(version).map_or(0, |found| found.meta.ordinal),
                    None => i64::MAX,
                };
                let mut found: Vec<_> = row.versions.values().filter(|one| one.meta.ordinal < before).collect();
                found.sort_unstable_by_key(|one| std::cmp::Reverse(one.meta.ordinal));
                let items = found.into_iter().map(|v| SecretItem { secret: row.meta.clone(), version: v.meta.clone() });
                page(items, limit, |item| item.version.version.as_str().to_owned())
            });
        permit.hold(found)
    }

    async fn ending(
        &self,
        permits: Permits,
        within: Range<i64>,
        behind: i64,
        limit: usize,
        counted: bool,
    ) -> Held<Result<Endings, StoreError>> {
        self.pause().await;
        let mut ending = Vec::new();
        let mut counts: BTreeMap<VaultId, u64> = BTreeMap::new();
        let mut there: BTreeMap<VaultId, u64> = BTreeMap::new();
        {
            let durable = self.durable();
            for ((vault, kind, _), row) in &durable.objects {
                let object = |permit: &Permit| {
                    let object = permit.object();
                    object.kind == *kind && object.vault.as_ref().is_some_and(|(id, _)| id == vault)
                };
                if !permits.iter().any(object) {
                    continue;
                }
                if counted && row.meta.life == LifeState::Active {
                    *there.entry(*vault).or_default() += 1;
                }
                if row.meta.life == LifeState::Active && !row.meta.managed {
                    let made = row.versions.get(&row.meta.current).map(|version| version.meta.created);
                    let planned = row.meta.rotation.as_ref().and_then(|rotation| rotation.looked_at());
                    let moment = if *kind == ObjectKind::Secret { made } else { planned };
                    if moment.is_some_and(|moment| moment < behind) {
                        *counts.entry(*vault).or_default() += 1;
                    }
                }
                let ends = |meta: &VersionMeta| meta.attributes.expires.filter(|end| within.contains(end));
                for version in row.versions.values() {
                    let Some(end) = ends(&version.meta) else { continue };
                    let shown = row.meta.life == LifeState::Active
                        && !row.meta.managed
                        && row.meta.current == version.meta.version;
                    let item = SecretItem { secret: row.meta.clone(), version: version.meta.clone() };
                    ending.push((end, shown.then_some((*vault, item))));
                }
            }
        }
        ending.sort_by_key(|(end, _)| *end);
        let more = ending.len() > limit;
        ending.truncate(limit);
        let items = ending.into_iter().filter_map(|(_, shown)| shown).collect();
        let (behind, counts) = (counts.into_iter().collect(), there.into_iter().collect());
        permits.hold(Ok(Endings { items, more, behind, counts }))
    }

    async fn search(&self, permits: Permits, search: &Search, limit: usize) -> Held<Result<Found, StoreError>> {
        self.pause().await;
        let mut found = Found::default();
        for permit in permits.iter() {
            let Some((vault, _)) = &permit.object().vault else { continue };
            let mut items: Vec<SecretItem> = {
                let durable = self.durable();
                let here =
                    |(id, kind, _): &(VaultId, ObjectKind, String)| (*id, *kind) == (*vault, permit.object().kind);
                let rows =
                    durable.objects.iter().filter(|&(place, row)| here(place) && row.meta.life == LifeState::Active);
                let items = rows.filter_map(|(_, row)| {
                    let version = row.versions.get(&row.meta.current)?.meta.clone();
                    Some(SecretItem { secret: row.meta.clone(), version })
                });
                items.collect()
            };
            let behind = |item: &SecretItem| {
                search.after.as_ref().is_none_or(|after| item.secret.name.as_str() > after.as_str())
            };
            items.retain(|item| behind(item) && search.takes(item));
            items.sort_by(|one, other| search.compare(one, other));
            let from = usize::try_from(search.from).unwrap_or(usize::MAX);
            found.items.extend(items.into_iter().skip(from).map(|item| (*vault, item)));
        }
        found.more = found.items.len() > limit;
        found.items.truncate(limit);
        let last = found.items.last().filter(|_| found.more);
        found.next = last.map(|(_, item)| item.secret.name.as_str().to_owned());
        permits.hold(Ok(found))
    }
}

impl MemoryStore {
    fn permitted_row(&self, permit: &Permit, covers: fn(Action) -> bool) -> Result<NameRow, StoreError> {
        let object = permit.object();
        let (Some((vault, _)), Some(name), true) = (&object.vault, &object.name, covers(permit.action())) else {
            return Err(StoreError::Damaged("a permit for something else".to_owned()));
        };
        let row = self.durable().objects.get(&(*vault, object.kind, name.as_str().to_owned())).cloned();
        row.filter(|row| Some(row.meta.revision) == permit.revision()).ok_or(StoreError::Stale)
    }
}
