//! A store of one's own for every test, on either database, and material to put in.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sqlx::{Connection, Executor};
use strongroom_crypto::{
    SealedValue,
    key::{Curve, KeySpec, PublicKey},
};
use strongroom_domain::{
    action::Action,
    change::Change,
    key::{KeyOperation, KeyProperties},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId, VaultName},
    permit::{ObjectRef, Permit},
    ports::{AuditLog, ObjectStore},
    record::{Entry, Outcome, Record, Settled},
    secret::{LifeState, SealedVersion, SecretAttributes, SecretMeta, VersionMeta},
    test_support,
    vault::{MAX_VAULTS, Vault, VaultSettings},
};
use strongroom_store::{LogVerdict, Store, StoreOptions};
use uuid::Uuid;

/// Runs an `async fn(Place)` on both databases, as two tests.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::support::Place::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(place) = crate::support::Place::postgres().await {
                    super::$name(place).await;
                }
            })*
        }
    };
}
pub(crate) use on_both;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A number that no other call in this process gets.
pub(crate) fn unique() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An id that no other call in this process gets, later ones greater.
pub(crate) fn id() -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(unique()))
}

/// An empty place for a database. Goes away with this value.
pub(crate) struct Place {
    pub(crate) url: String,
    folder: Option<tempfile::TempDir>,
    server: Option<(String, String)>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("strongroom.db").display());
        Self { url, folder: Some(folder), server: None }
    }

    /// With the schema of this build, and nothing in it. None when it was said that PostgreSQL is to be left out.
    pub(crate) async fn postgres() -> Option<Self> {
        let server = std::env::var("STRONGROOM_TEST_POSTGRES")
            .expect("STRONGROOM_TEST_POSTGRES is not set: give the URL of a PostgreSQL server, or say skip");
        if server == "skip" {
            return None;
        }
        let name = format!("strongroom_test_{}_{}", std::process::id(), unique());
        let mut admin = sqlx::PgConnection::connect(&server).await.unwrap();
        // Whoever makes or replaces what is copied does so alone, and nobody copies meanwhile.
        run(&mut admin, "SELECT pg_advisory_lock(7301964)").await;
        let schema = schema(&mut admin, &server).await;
        run(&mut admin, &format!("CREATE DATABASE {name} TEMPLATE {schema}")).await;
        admin.close().await.unwrap();
        let url = beside(&server, &name);
        Some(Self { url, folder: None, server: Some((server, name)) })
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.folder.is_some()
    }

    pub(crate) async fn open(&self) -> Arc<Store> {
        Arc::new(Store::open(&self.url, options()).await.unwrap())
    }

    /// Opens, and makes an installation and a vault.
    pub(crate) async fn start(&self) -> Started {
        let store = self.open().await;
        let installation = id();
        store.create_installation(installation, 1, true, &[]).await.unwrap();
        let vault = vault("demo");
        let entry = put_vault(&vault);
        assert_eq!(store.append(vec![entry]).await.unwrap(), [Settled::Recorded]);
        store.judge_log(LogVerdict::Intact);
        Started { store, vault: vault.id, installation }
    }

    /// Runs statements past the store, as somebody who may write the database.
    pub(crate) async fn tamper(&self, statements: &[&str]) {
        if self.is_sqlite() {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            // No power is lost in a test, and some edit a thousand times.
            connection.execute("PRAGMA synchronous = OFF").await.unwrap();
            for statement in statements {
                connection.execute(sqlx::AssertSqlSafe((*statement).to_owned())).await.unwrap();
            }
            connection.close().await.unwrap();
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
            for statement in statements {
                run(&mut connection, statement).await;
            }
            connection.close().await.unwrap();
        }
    }
}

/// The URL of another database of the same server.
fn beside(server: &str, name: &str) -> String {
    let (base, query) = server.split_once('?').unwrap_or((server, ""));
    let (authority, _) = base.rsplit_once('/').unwrap();
    format!("{authority}/{name}?{query}")
}

/// The database that others are copies of, because every step of the schema takes its time. The first test of a build
/// makes it, by the steps themselves; what earlier builds left goes.
async fn schema(admin: &mut sqlx::PgConnection, server: &str) -> String {
    let built = std::env::current_exe().unwrap().metadata().unwrap().modified().unwrap();
    let built = built.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let name = format!("strongroom_schema_{built}");
    let known = "SELECT datname::text FROM pg_database WHERE datname LIKE 'strongroom\\_schema\\_%'";
    let known = sqlx::query_scalar::<sqlx::Postgres, String>(known).fetch_all(&mut *admin).await.unwrap();
    if known.contains(&name) {
        return name;
    }
    for earlier in known {
        run(admin, &format!("DROP DATABASE {earlier} WITH (FORCE)")).await;
    }
    let unfinished = format!("{name}_unfinished");
    run(admin, &format!("CREATE DATABASE {unfinished}")).await;
    let database = sea_orm::Database::connect(beside(server, &unfinished)).await.unwrap();
    strongroom_migrations::migrate(&database).await.unwrap();
    database.close().await.unwrap();
    run(admin, &format!("ALTER DATABASE {unfinished} RENAME TO {name}")).await;
    name
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((server, name)) = self.server.take() else { return };
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut admin = sqlx::PgConnection::connect(&server).await.unwrap();
                run(&mut admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
            });
        });
        cleaning.join().unwrap();
    }
}

pub(crate) async fn run(connection: &mut sqlx::PgConnection, statement: &str) {
    connection.execute(sqlx::AssertSqlSafe(statement.to_owned())).await.unwrap();
}

pub(crate) fn options() -> StoreOptions {
    StoreOptions::default()
}

/// A store with an installation and a vault `demo`; its chain has one record.
pub(crate) struct Started {
    pub(crate) store: Arc<Store>,
    pub(crate) vault: VaultId,
    pub(crate) installation: Uuid,
}

impl Started {
    pub(crate) fn secret(&self, name: &str) -> ObjectRef {
        secret(self.vault, name)
    }

    pub(crate) fn key(&self, name: &str) -> ObjectRef {
        ObjectRef { kind: ObjectKind::Key, ..self.secret(name) }
    }

    /// Appends one entry.
    pub(crate) async fn put(&self, entry: Entry) -> Settled {
        self.store.append(vec![entry]).await.unwrap()[0]
    }

    pub(crate) async fn revision(&self, object: &str) -> Option<i64> {
        self.store
            .facts(self.vault, ObjectKind::Secret, &name(object), None)
            .await
            .unwrap()
            .map(|facts| facts.secret.revision)
    }

    pub(crate) async fn read(
        &self,
        object: &str,
        version: &ObjectVersion,
        revision: i64,
    ) -> Result<Arc<SealedVersion>, strongroom_domain::ports::StoreError> {
        let permit = permit(Action::SecretGet, self.secret(object), Some(revision));
        test_support::open(self.store.read(permit, version).await)
    }
}

pub(crate) fn name(text: &str) -> ObjectName {
    ObjectName::parse(text).unwrap()
}

pub(crate) fn version() -> ObjectVersion {
    ObjectVersion::from_bytes(*id().as_bytes())
}

pub(crate) fn permit(action: Action, object: ObjectRef, revision: Option<i64>) -> Permit {
    test_support::permit(id(), action, object, revision)
}

pub(crate) fn secret(vault: VaultId, text: &str) -> ObjectRef {
    test_support::secret_ref(vault, VaultName::parse("demo").unwrap(), Some(name(text)))
}

pub(crate) fn record(operation: &str) -> Record {
    let id = id();
    Record {
        id,
        at: i64::try_from(id.as_u128() & 0xffff_ffff).unwrap(),
        principal: None,
        principal_kind: "system".into(),
        claims: BTreeMap::new(),
        groups: Vec::new(),
        stated_reason: None,
        client: "127.0.0.1".into(),
        listener: "main".into(),
        operation: operation.into(),
        vault: Some("demo".into()),
        kind: None,
        object: None,
        version: None,
        algorithm: None,
        revision: None,
        changed: Vec::new(),
        used_once: None,
        vault_change: None,
        details: BTreeMap::new(),
        outcome: Outcome::Allowed,
        reason: "ok".into(),
        status: None,
        count: None,
        duration_micros: 1,
        trace: Vec::new(),
        module_micros: BTreeMap::new(),
        trace_digest: None,
        settings_revision: None,
        policies_revision: None,
        attached: Vec::new(),
        input: None,
    }
}

/// A record without a change.
pub(crate) fn note(operation: &str) -> Entry {
    Entry { record: record(operation), change: None }
}

/// A change with its record.
pub(crate) fn entry(permit: Permit, change: Change) -> Entry {
    let (change, _) = permit.apply(change, ()).unwrap();
    let record = Record { changed: change.rows(), used_once: change.used_once(), ..record("Change") };
    Entry { record, change: Some(change) }
}

pub(crate) fn vault(text: &str) -> Vault {
    Vault {
        id: VaultId(id()),
        name: VaultName::parse(text).unwrap(),
        settings: VaultSettings::default(),
        revision: 1,
        created_at: 1,
        wrapped_key: vec![1, 2, 3],
        life: LifeState::Active,
        tag: vec![9; 32],
    }
}

pub(crate) fn put_vault(vault: &Vault) -> Entry {
    put_vault_beside(vault, MAX_VAULTS)
}

/// The same beside so many others.
pub(crate) fn put_vault_beside(vault: &Vault, beside: usize) -> Entry {
    let object = ObjectRef { vault: None, kind: ObjectKind::Vault, name: Some(name(vault.name.as_str())) };
    entry(permit(Action::VaultCreate, object, None), Change::MakeVault { vault: Box::new(vault.clone()), beside })
}

pub(crate) fn sealed(version: &ObjectVersion, ordinal: i64, value: &[u8]) -> SealedVersion {
    let data_key_id = *id().as_bytes();
    let attributes = SecretAttributes {
        enabled: true,
        not_before: None,
        expires: Some(253_402_300_799),
        content_type: Some("text/plain".into()),
        tags: BTreeMap::from([("owner".into(), "Zoë".into())]),
    };
    SealedVersion {
        meta: VersionMeta {
            version: version.clone(),
            attributes,
            created: 5,
            updated: 6,
            ordinal,
            data_key_id,
            key: None,
            certificate: None,
            tag: vec![7; 32],
        },
        sealed: SealedValue { data_key_id, wrapped_data_key: vec![3; 61], ciphertext: value.to_vec(), row_format: 1 },
    }
}

/// Properties of a key.
pub(crate) fn properties() -> KeyProperties {
    let public = PublicKey::Ec { crv: Curve::P256, x: vec![1; 32], y: vec![2; 32] };
    KeyProperties {
        spec: KeySpec::Ec { crv: Curve::P256 },
        operations: BTreeSet::from([KeyOperation::Sign]),
        exportable: false,
        token: None,
        public: Some(public),
    }
}

/// A new version of a secret or a key, over the judged revision.
pub(crate) fn set(object: ObjectRef, judged: Option<i64>, version: &ObjectVersion, value: &[u8]) -> Entry {
    let key = (object.kind == ObjectKind::Key).then(properties);
    set_with(object, judged, version, value, key)
}

/// The same with these properties of a key.
pub(crate) fn set_with(
    object: ObjectRef,
    judged: Option<i64>,
    version: &ObjectVersion,
    value: &[u8],
    key: Option<KeyProperties>,
) -> Entry {
    let mut version = sealed(version, judged.unwrap_or(0) + 1, value);
    version.meta.key = key.map(Box::new);
    set_sealed(object, judged, version)
}

/// The same, sealed already.
pub(crate) fn set_sealed(object: ObjectRef, judged: Option<i64>, version: SealedVersion) -> Entry {
    let secret = SecretMeta {
        name: object.name.clone().unwrap(),
        life: LifeState::Active,
        current: version.meta.version.clone(),
        revision: judged.unwrap_or(0) + 1,
        managed: false,
        certificate: None,
        rotation: None,
        tag: vec![8; 32],
    };
    let action = if version.meta.key.is_some() { Action::KeyCreate } else { Action::SecretSet };
    entry(permit(action, object, judged), Change::SetSecret { secret, version: Box::new(version) })
}

/// Other attributes of a version, over the judged revision.
pub(crate) fn update(object: ObjectRef, judged: i64, current: &ObjectVersion, stored: &VersionMeta) -> Entry {
    let secret = SecretMeta {
        name: object.name.clone().unwrap(),
        life: LifeState::Active,
        current: current.clone(),
        revision: judged + 1,
        managed: false,
        certificate: None,
        rotation: None,
        tag: vec![5; 32],
    };
    let attributes = SecretAttributes { enabled: false, ..stored.attributes.clone() };
    let meta = VersionMeta { attributes, updated: 7, tag: vec![4; 32], ..stored.clone() };
    entry(permit(Action::SecretUpdate, object, Some(judged)), Change::UpdateSecret { secret, version: Box::new(meta) })
}

/// A name made again with these versions, the last one current.
pub(crate) fn restore(object: ObjectRef, versions: Vec<SealedVersion>) -> Entry {
    let secret = SecretMeta {
        name: object.name.clone().unwrap(),
        life: LifeState::Active,
        current: versions.last().unwrap().meta.version.clone(),
        revision: 900,
        managed: false,
        certificate: None,
        rotation: None,
        tag: vec![3; 32],
    };
    entry(permit(Action::SecretRestore, object, None), Change::RestoreSecret { secret, versions })
}

/// A soft delete or a recovery of a secret or a key.
pub(crate) fn life(object: ObjectRef, judged: i64, current: &ObjectVersion, life: LifeState) -> Entry {
    let secret = SecretMeta {
        name: object.name.clone().unwrap(),
        life,
        current: current.clone(),
        revision: judged + 1,
        managed: false,
        certificate: None,
        rotation: None,
        tag: vec![6; 32],
    };
    let action = match (object.kind, life) {
        (ObjectKind::Key, LifeState::Active) => Action::KeyRecover,
        (ObjectKind::Key, LifeState::Deleted { .. }) => Action::KeyDelete,
        (_, LifeState::Active) => Action::SecretRecover,
        (_, LifeState::Deleted { .. }) => Action::SecretDelete,
    };
    entry(permit(action, object, Some(judged)), Change::SetSecretLife { secret })
}

pub(crate) fn purge(object: ObjectRef, judged: i64) -> Entry {
    let action = if object.kind == ObjectKind::Key { Action::KeyPurge } else { Action::SecretPurge };
    entry(
        permit(action, object, Some(judged)),
        Change::PurgeSecret { vault_revision: 1, companions: Vec::new(), assignments: Vec::new() },
    )
}
