//! The adversary who can write to the database: any field, any bit of a tag, any row in another's
//! place. Fields are found through their JSON, so one that is added later is covered too.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use strongroom_crypto::{SealedValue, SecretText};
use strongroom_domain::{
    action::Action,
    decision::DenyReason,
    gate::{Ask, Judgement},
    grant::Scope,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId, VaultName},
    objects::{Objects, RestorePlace},
    permit::{Held, Permit, Permits},
    ports::{ObjectStore, StoreError},
    principal::Grantee,
    role::Role,
    search::{Found, Search},
    secret::{Endings, Page, SealedVersion, SecretAttributes, SecretFacts, SecretItem, VersionMeta},
    secrets::{SecretError, Secrets},
    test_support::{
        Image, MemoryStore, NameRow, open,
        world::{enabled, name},
    },
    vault::VaultSettings,
};

use crate::common::Demo;

/// The `n`th change of one leaf of a row's JSON that gives another row; none when that is no row.
fn edited<T: Serialize + DeserializeOwned>(row: &T, leaf: usize, how: u8) -> Option<T> {
    let mut json = serde_json::to_value(row).unwrap();
    let count = leaves(&mut json, &mut |_| ());
    let mut at = 0;
    leaves(&mut json, &mut |value| {
        if at == leaf % count {
            *value = match &*value {
                Value::Bool(b) => Value::Bool(!*b),
                Value::Number(n) => {
                    let n = n.as_i64().unwrap();
                    Value::from(if how & 1 == 0 || n == 0 { n + 1 } else { n - 1 })
                }
                Value::String(s) => Value::String(match s.as_str() {
                    "vault" => "server".to_owned(),
                    role if Role::by_name(role).is_some() => {
                        Role::ALL[usize::from(how) % Role::ALL.len()].name().into()
                    }
                    text => swap_a_letter(text, usize::from(how)),
                }),
                Value::Null if how & 1 == 0 => Value::from(1),
                Value::Null => Value::from("x"),
                other => other.clone(),
            };
        }
        at += 1;
    });
    (json != serde_json::to_value(row).unwrap()).then(|| serde_json::from_value(json).ok()).flatten()
}

fn leaves(json: &mut Value, visit: &mut impl FnMut(&mut Value)) -> usize {
    match json {
        Value::Array(items) => items.iter_mut().map(|item| leaves(item, visit)).sum(),
        Value::Object(fields) => fields.values_mut().map(|field| leaves(field, visit)).sum(),
        leaf => {
            visit(leaf);
            1
        }
    }
}

fn swap_a_letter(text: &str, at: usize) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = at % letters.len().max(1);
    match letters.get_mut(at) {
        Some(letter) => *letter = if *letter == 'a' { 'b' } else { 'a' },
        None => letters.push('a'),
    }
    letters.into_iter().collect()
}

fn flip(bytes: &mut [u8], bit: usize) {
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// What the adversary does to one row: a field by its number, or a bit of its tag.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Field(usize, u8),
    Tag(usize),
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => (0usize..64, any::<u8>()).prop_map(|(leaf, how)| Edit::Field(leaf, how)),
        1 => (0usize..256).prop_map(Edit::Tag),
    ]
}

macro_rules! edit_row {
    ($row:expr, $edit:expr) => {{
        let tag = $row.tag.clone();
        match $edit {
            Edit::Field(leaf, how) => edited(&$row, leaf, how).map(|mut row| {
                row.tag = tag;
                row
            }),
            Edit::Tag(bit) => {
                let mut row = $row.clone();
                flip(&mut row.tag, bit);
                Some(row)
            }
        }
    }};
}

fn only_row(image: &mut Image) -> &mut NameRow {
    image.objects.values_mut().next().unwrap()
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
}

async fn denial(demo: &Demo) -> Option<DenyReason> {
    let db = name("db").unwrap();
    match demo.world.gate.judge(&demo.request(), &Ask::secret(Action::SecretGet, &demo.vault, &db)).await {
        Judgement::Permitted(_) => None,
        Judgement::Denied(_, denial) => Some(open(denial).reason),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edited_vault_denies_everything_in_it(edit in edits(), key_bit in any::<Option<u16>>()) {
        block(async {
            let demo = Demo::start();
            demo.set("db", "v").await.unwrap();
            assert_eq!(denial(&demo).await, None, "before");
            let changed = demo.world.store.meddle(|image| {
                let row = image.vaults.values_mut().next().unwrap();
                let changed = match key_bit {
                    Some(bit) => {
                        let mut vault = (**row).clone();
                        flip(&mut vault.wrapped_key, usize::from(bit));
                        Some(vault)
                    }
                    None => edit_row!(**row, edit),
                };
                changed.map(|changed| *row = Arc::new(changed)).is_some()
            });
            let reason = denial(&demo).await;
            if changed { prop_assert_eq!(reason, Some(DenyReason::Tampered)); }
            Ok(())
        })?;
    }

    #[test]
    fn an_edited_assignment_grants_nothing(edit in edits()) {
        block(async {
            let demo = Demo::start();
            demo.world.store.meddle(|image| image.assignments.clear());
            let scope = Scope::Vault { vault: demo.world.store.image().vaults["demo"].id };
            demo.world.put_grant(Grantee::Principal { id: demo.ada.id.clone() }, Role::SecretsUser, scope).unwrap();
            assert_eq!(denial(&demo).await, None, "before");
            let changed = demo.world.store.meddle(|image| {
                let row = image.assignments.first_mut().unwrap();
                edit_row!(*row, edit).map(|changed| *row = changed).is_some()
            });
            let reason = denial(&demo).await;
            if changed { prop_assert_eq!(reason, Some(DenyReason::NoRole)); }
            Ok(())
        })?;
    }

    #[test]
    fn an_edited_workload_counts_for_nothing(edit in edits()) {
        block(async {
            let demo = Demo::start();
            let app = demo.world.put_workload("app", false).unwrap();
            demo.world.put_grant(Grantee::Principal { id: app.id.clone() }, Role::Owner, Scope::Server).unwrap();
            demo.world.store.meddle(|image| {
                let row = image.workloads.values_mut().next().unwrap();
                if let Some(changed) = edit_row!(**row, edit) { *row = Arc::new(changed); }
            });
            let db = name("db").unwrap();
            let ask = Ask::secret(Action::SecretGet, &demo.vault, &db);
            let judged = demo.world.gate.judge(&demo.world.request(&app), &ask).await;
            prop_assert!(matches!(judged, Judgement::Denied(..)), "disabled before, and no edit enables it");
            Ok(())
        })?;
    }

    #[test]
    fn an_edited_name_or_version_is_not_judged_but_denied(edit in edits(), of_version in any::<bool>()) {
        block(async {
            let demo = Demo::start();
            let attributes = SecretAttributes {
                content_type: Some("text/plain".to_owned()),
                expires: Some(2_000_000_000),
                tags: BTreeMap::from([("owner".to_owned(), "ada".to_owned())]),
                ..enabled()
            };
            let (db, value) = (name("db").unwrap(), SecretText::new("v".to_owned()));
            demo.world.secrets.set(&demo.request(), &demo.vault, &db, &attributes, value).await.unwrap();
            let changed = demo.world.store.meddle(|image| {
                let row = only_row(image);
                if of_version {
                    let version = row.versions.values_mut().next().unwrap();
                    edit_row!(version.meta, edit)
                        .map(|meta| *version = Arc::new(SealedVersion { meta, sealed: version.sealed.clone() }))
                        .is_some()
                } else {
                    edit_row!(row.meta, edit).map(|meta| row.meta = meta).is_some()
                }
            });
            let reason = denial(&demo).await;
            if changed { prop_assert_eq!(reason, Some(DenyReason::Tampered)); }
            Ok(())
        })?;
    }

    #[test]
    fn an_edited_sealed_value_does_not_open(part in 0u8..4, bit in any::<u16>()) {
        block(async {
            let demo = Demo::start();
            demo.set("db", "v").await.unwrap();
            demo.world.store.meddle(|image| {
                let version = only_row(image).versions.values_mut().next().unwrap();
                let mut sealed: SealedValue = version.sealed.clone();
                match part {
                    0 => flip(&mut sealed.data_key_id, usize::from(bit)),
                    1 => flip(&mut sealed.wrapped_data_key, usize::from(bit)),
                    2 => flip(&mut sealed.ciphertext, usize::from(bit)),
                    _ => sealed.row_format ^= 1 << (bit % 16),
                }
                *version = Arc::new(SealedVersion { meta: version.meta.clone(), sealed });
            });
            let ctx = demo.request();
            let got = demo.get_in(&ctx, "db", None).await;
            prop_assert!(matches!(got, Err(SecretError::Tampered)));
            let image = demo.world.store.image();
            prop_assert_eq!(&image.record(ctx.request_id).unwrap().reason, "tampered");
            Ok(())
        })?;
    }
}

type Meddling = Box<dyn Fn(&mut Image)>;

/// Rows that are authentic, but somewhere else.
#[tokio::test]
async fn a_row_counts_only_where_it_was_written() {
    let demo = Demo::start();
    demo.set("db", "older").await.unwrap();
    demo.set("db", "v").await.unwrap();
    demo.set("other", "w").await.unwrap();
    let other_vault = VaultName::parse("second").unwrap();
    let second = demo.world.put_vault(&other_vault, VaultSettings::default()).unwrap();
    let first = demo.world.store.image().vaults["demo"].clone();
    let (db, other) =
        ((first.id, ObjectKind::Secret, "db".to_owned()), (first.id, ObjectKind::Secret, "other".to_owned()));
    let untouched = demo.world.store.image();

    let edits: [(&str, Meddling); 7] = [
        ("an older version in the current one's place", {
            let db = db.clone();
            Box::new(move |image| {
                let row = image.objects.get_mut(&db).unwrap();
                let older = row.versions.values().find(|v| v.meta.version != row.meta.current).unwrap().clone();
                row.versions.insert(row.meta.current.clone(), older);
            })
        }),
        ("another name's row", {
            let (db, other) = (db.clone(), other.clone());
            Box::new(move |image| {
                let row = image.objects[&other].clone();
                image.objects.insert(db.clone(), row);
            })
        }),
        ("another name's version", {
            let (db, other) = (db.clone(), other.clone());
            Box::new(move |image| {
                let (version, row) = image.objects[&other].versions.first_key_value().unwrap();
                let (version, row) = (version.clone(), row.clone());
                let target = image.objects.get_mut(&db).unwrap();
                target.meta.current = version.clone();
                target.versions.insert(version, row);
            })
        }),
        ("another name's sealed value", {
            let (db, other) = (db.clone(), other.clone());
            Box::new(move |image| {
                let sealed = image.objects[&other].versions.values().next().unwrap().sealed.clone();
                let row = image.objects.get_mut(&db).unwrap();
                let version = row.versions.get_mut(&row.meta.current).unwrap();
                *version = Arc::new(SealedVersion { meta: version.meta.clone(), sealed });
            })
        }),
        ("no current version", {
            let db = db.clone();
            Box::new(move |image| image.objects.get_mut(&db).unwrap().versions.clear())
        }),
        ("another vault's row", {
            let second = second.clone();
            Box::new(move |image| {
                image.vaults.insert("demo".to_owned(), second.clone());
            })
        }),
        ("another vault's key", {
            let second = second.clone();
            Box::new(move |image| {
                let mut vault = (*image.vaults["demo"]).clone();
                vault.wrapped_key = second.wrapped_key.clone();
                image.vaults.insert("demo".to_owned(), Arc::new(vault));
            })
        }),
    ];
    for (what, edit) in edits {
        demo.world.store.meddle(|image| {
            *image = untouched.clone();
            edit(image);
        });
        let got = demo.get("db", None).await;
        let refused = match &got {
            Err(SecretError::Tampered) => true,
            Err(SecretError::Denied(denial)) => denial.reason == DenyReason::Tampered,
            _ => false,
        };
        assert!(refused, "{what}");
    }
    // And a secret carried into another vault.
    demo.world.store.meddle(|image| {
        *image = untouched.clone();
        let row = image.objects[&db].clone();
        image.objects.insert((second.id, ObjectKind::Secret, "db".to_owned()), row);
    });
    let ctx = demo.request();
    let carried = demo.world.secrets.get(&ctx, &other_vault, &name("db").unwrap(), None).await;
    assert!(matches!(carried, Err(SecretError::Denied(d)) if d.reason == DenyReason::Tampered));
}

/// Shows the gate one row and gives out another.
struct TwoFaced(MemoryStore);

#[async_trait::async_trait]
impl ObjectStore for TwoFaced {
    async fn facts(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
    ) -> Result<Option<Arc<SecretFacts>>, StoreError> {
        self.0.facts(vault, kind, name, version).await
    }

    async fn version_metas(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        limit: usize,
    ) -> Result<Vec<VersionMeta>, StoreError> {
        self.0.version_metas(vault, kind, name, limit).await
    }

    async fn issued_as(
        &self,
        vault: VaultId,
        issued_as: &str,
        limit: usize,
    ) -> Result<Vec<(ObjectName, ObjectVersion)>, StoreError> {
        self.0.issued_as(vault, issued_as, limit).await
    }

    async fn read(&self, permit: Permit, version: &ObjectVersion) -> Held<Result<Arc<SealedVersion>, StoreError>> {
        let row = self.0.image().objects.values().next().unwrap().versions[version].clone();
        let mut meta = row.meta.clone();
        meta.attributes.enabled = !meta.attributes.enabled;
        permit.hold(Ok(Arc::new(SealedVersion { meta, sealed: row.sealed.clone() })))
    }

    async fn read_to_change(
        &self,
        permit: Permit,
        version: &ObjectVersion,
    ) -> Held<(Permit, Result<Arc<SealedVersion>, StoreError>)> {
        self.0.read_to_change(permit, version).await
    }

    async fn all_versions(&self, permit: Permit, limit: usize) -> Held<Result<Vec<SealedVersion>, StoreError>> {
        self.0.all_versions(permit, limit).await
    }

    async fn list(
        &self,
        permit: Permit,
        deleted: bool,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Held<Result<Page<SecretItem>, StoreError>> {
        self.0.list(permit, deleted, after, limit).await
    }

    async fn versions(
        &self,
        permit: Permit,
        after: Option<&ObjectVersion>,
        limit: usize,
    ) -> Held<Result<Page<SecretItem>, StoreError>> {
        self.0.versions(permit, after, limit).await
    }

    async fn ending(
        &self,
        permits: Permits,
        within: Range<i64>,
        behind: i64,
        limit: usize,
        counted: bool,
    ) -> Held<Result<Endings, StoreError>> {
        self.0.ending(permits, within, behind, limit, counted).await
    }

    async fn search(&self, permits: Permits, search: &Search, limit: usize) -> Held<Result<Found, StoreError>> {
        self.0.search(permits, search, limit).await
    }
}

#[tokio::test]
async fn what_is_opened_is_what_was_judged() {
    let demo = Demo::start();
    demo.set("db", "v").await.unwrap();
    let objects = Objects {
        gate: demo.world.gate.clone(),
        store: Arc::new(TwoFaced(demo.world.store.clone())),
        keyring: demo.world.keyring.clone(),
        recorder: demo.world.recorder.clone(),
        entropy: demo.world.entropy.clone(),
        restores: RestorePlace::default(),
        condemned: Arc::new(demo.world.store.clone()),
    };
    let secrets = Secrets { objects: Arc::new(objects) };
    let got = secrets.get(&demo.request(), &demo.vault, &name("db").unwrap(), None).await;
    assert!(matches!(got, Err(SecretError::Tampered)));
}
