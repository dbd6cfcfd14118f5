//! What is due with keys and certificates: named by the store in order, and done once over many nodes of one database.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use strongroom_crypto::{
    Entropy, RootKey, SeededEntropy,
    key::{Curve, KeySpec},
};
use strongroom_domain::{
    action::Action,
    certificate::{IssuerReference, PolicyPatch},
    certificates::{Certificates, IssuersByProvider, Renewed},
    change::Change,
    context::RequestContext,
    gate::{Gate, ModuleRuns, ShadowCounts},
    grant::{Assignment, Scope},
    issuance::{Answer, CertificateIssuer, Order, Outcome},
    issuer::{AcmeSettings, IssuerPatch, IssuerSettings},
    issuers::Issuers,
    keyring::Keyring,
    keys::{KeyRequest, Keys, Rotated},
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    objects::{Objects, RestorePlace},
    permit::ObjectRef,
    ports::{DueAction, ObjectStore, RotationSchedule, StoreError},
    principal::Grantee,
    record::{Entry, Recorder, Settled, spawn},
    revocations::Revoking,
    role::Role,
    rotation::{LifetimeAction, Rotation, RotationPolicy, RotationTerms, Span, Trigger},
    secret::{LifeState, SecretMeta},
    test_support::{FakePolicies, ManualClock, server_ref, world},
    time::Clock,
    vault::{Vault, VaultSettings},
};
use strongroom_store::{Store, StoreOptions};

use crate::support::{Place, Started, entry, id, life, name, on_both, options, permit, set, version};

on_both!(
    what_is_due_with_keys_is_named_in_order,
    two_nodes_do_what_is_due_once,
    two_nodes_renew_once_and_fail_once,
    two_nodes_ask_an_issuer_once,
);

const DAY: i64 = 86_400;

/// The same, with times for what is done by itself.
fn timed(entry: Entry, rotate_at: Option<i64>, notify_at: Option<i64>) -> Entry {
    let change = entry.change.as_ref().unwrap();
    let Change::SetSecret { secret, version } = change.change() else { panic!("a new version") };
    let policy = Some(RotationPolicy { terms: RotationTerms::usual(), created: 1, updated: 1 });
    let rotation = Some(Box::new(Rotation { policy, rotate_at, notify_at, inquire_at: None, failed: None }));
    let secret = SecretMeta { rotation, ..secret.clone() };
    let object = change.permit().object().clone();
    let permit = permit(Action::KeyCreate, object, change.permit().revision());
    crate::support::entry(permit, Change::SetSecret { secret, version: version.clone() })
}

async fn what_is_due_with_keys_is_named_in_order(place: Place) {
    let s = place.start().await;
    for (key, rotate_at, notify_at) in [
        ("K3", Some(5), Some(50)),
        ("k1", Some(10), None),
        ("k2", None, Some(10)),
        ("k4", None, None),
        ("k5", Some(10), None),
    ] {
        let entry = timed(set(s.key(key), None, &version(), b"x"), rotate_at, notify_at);
        assert_eq!(s.put(entry).await, Settled::Recorded);
        let facts = s.store.facts(s.vault, ObjectKind::Key, &name(key), None).await.unwrap().unwrap();
        let rotation = facts.secret.rotation.as_ref().unwrap();
        assert_eq!((rotation.rotate_at, rotation.notify_at), (rotate_at, notify_at), "as it was written");
    }
    let demo = VaultName::parse("demo").unwrap();
    let due = async |action, now, after: Option<&ObjectName>, limit| {
        let due = s.store.due_in(&demo, DueAction { kind: ObjectKind::Key, action, now }, after, limit).await.unwrap();
        due.iter().map(|due| due.name.display().to_owned()).collect::<Vec<_>>()
    };
    let vaults = async |kind, action, now| {
        let vaults = s.store.vaults_with_due(DueAction { kind, action, now }).await.unwrap();
        vaults.iter().map(|vault| vault.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(due(LifetimeAction::Rotate, 10, None, 10).await, ["k1", "K3", "k5"]);
    assert_eq!(due(LifetimeAction::Rotate, 9, None, 10).await, ["K3"]);
    assert_eq!(due(LifetimeAction::Notify, 10, None, 10).await, ["k2"]);
    assert_eq!(due(LifetimeAction::Rotate, 10, Some(&name("k1")), 1).await, ["K3"]);
    assert_eq!(vaults(ObjectKind::Key, LifetimeAction::Rotate, 5).await, ["demo"]);
    assert!(vaults(ObjectKind::Key, LifetimeAction::Rotate, 4).await.is_empty());
    assert!(vaults(ObjectKind::Certificate, LifetimeAction::Rotate, 10).await.is_empty());
    let other = VaultName::parse("other").unwrap();
    let wanted = DueAction { kind: ObjectKind::Key, action: LifetimeAction::Rotate, now: 10 };
    assert!(s.store.due_in(&other, wanted, None, 10).await.unwrap().is_empty(), "of that vault alone");
    let current = s.store.facts(s.vault, ObjectKind::Key, &name("k1"), None).await.unwrap().unwrap();
    let deleted = LifeState::Deleted { deleted_at: 1, purge_at: 90 };
    assert_eq!(s.put(life(s.key("k1"), 1, &current.secret.current, deleted)).await, Settled::Recorded);
    assert_eq!(due(LifetimeAction::Rotate, 10, None, 10).await, ["K3", "k5"], "what is deleted is left alone");
    // Times that contradict what stands beside them were not written here.
    place.tamper(&["UPDATE secrets SET rotate_at = 1 WHERE name = 'key/k5'"]).await;
    let vault = s.vault;
    drop(s);
    let store = Store::open(&place.url, options()).await.unwrap();
    let damaged = store.facts(vault, ObjectKind::Key, &name("k5"), None).await;
    assert!(matches!(damaged, Err(StoreError::Damaged(_))), "{damaged:?}");
}

/// The keyring of every node.
pub(crate) fn keyring() -> Keyring {
    Keyring::new(RootKey::generate(&SeededEntropy::new(1)).unwrap(), world::INSTALLATION)
}

/// The use cases of keys and certificates on one node.
pub(crate) struct Node {
    pub(crate) store: Arc<Store>,
    pub(crate) keys: Keys,
    pub(crate) certificates: Certificates,
    issuers: Arc<Issuers>,
    pub(crate) revoking: Arc<Revoking>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Node {
    pub(crate) fn on(store: Arc<Store>, seed: u64) -> Self {
        Self::beside(store, seed, None)
    }

    /// With somebody in the place of an ACME server.
    fn beside(store: Arc<Store>, seed: u64, acme: Option<Arc<dyn CertificateIssuer>>) -> Self {
        let keyring = Arc::new(keyring());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(seed));
        let clock = Arc::new(ManualClock::at(world::BEGIN));
        let (committer, _) = spawn(store.clone());
        let gate = Arc::new(Gate {
            own_issuer: "https://vault.example".to_owned(),
            vaults: store.clone(),
            grants: store.clone(),
            objects: store.clone(),
            identities: store.clone(),
            policies: Arc::new(FakePolicies::default()),
            attached: store.clone(),
            counts: store.clone(),
            approvals: store.clone(),
            shadows: ShadowCounts::default(),
            runs: ModuleRuns::default(),
            keyring: keyring.clone(),
        });
        let recorder = Recorder::new(committer, clock.clone());
        let restores = RestorePlace::default();
        let objects = Arc::new(Objects {
            gate,
            store: store.clone(),
            condemned: store.clone(),
            keyring,
            recorder,
            entropy,
            restores,
        });
        let keys = Keys::new(objects.clone());
        let issuers = Arc::new(Issuers { objects: objects.clone(), acme: acme.clone() });
        let providers = IssuersByProvider { acme, ..world::providers(&objects, clock.clone()) };
        let revoking = world::revoking(&objects, clock.clone());
        let certificates = Certificates::new(objects, &keys, issuers.clone(), (providers, revoking.clone()));
        Self { store, certificates, issuers, keys, revoking, clock }
    }

    pub(crate) fn request(&self) -> RequestContext {
        let here = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        RequestContext::new(id(), world::person("ada"), here, "test", self.clock.now_millis())
    }

    async fn do_what_is_due(&self) -> Rotated {
        self.keys.do_what_is_due(&*self.store, &*self.clock).await.unwrap()
    }

    async fn renew_what_is_due(&self) -> Renewed {
        self.certificates.do_what_is_due(&*self.store, &*self.clock).await.unwrap()
    }
}

/// Two nodes of one database.
pub(crate) async fn two_nodes(place: &Place, s: &Started) -> (Node, Node) {
    // One node alone may write to a file; two use cases on one store race all the same.
    let twin = if place.is_sqlite() {
        s.store.clone()
    } else {
        Arc::new(Store::open(&place.url, StoreOptions { node: "other".to_owned(), ..options() }).await.unwrap())
    };
    (Node::on(s.store.clone(), 11), Node::on(twin, 12))
}

/// A vault whose row and key are authentic, and an administrator of its contents.
pub(crate) async fn furnish(s: &Started) -> VaultName {
    let keyring = keyring();
    let (vault_id, vault_name) = (VaultId(id()), VaultName::parse("kept").unwrap());
    let mut vault = Vault {
        id: vault_id,
        name: vault_name.clone(),
        settings: VaultSettings::default(),
        revision: 1,
        created_at: world::BEGIN,
        wrapped_key: keyring.new_vault_key(vault_id, &SeededEntropy::new(3)).unwrap(),
        life: LifeState::Active,
        tag: Vec::new(),
    };
    vault.tag = keyring.tag_vault(&vault).unwrap();
    let object = ObjectRef { vault: None, kind: ObjectKind::Vault, name: Some(name("kept")) };
    let made =
        entry(permit(Action::VaultCreate, object, None), Change::MakeVault { vault: Box::new(vault), beside: 10 });
    assert_eq!(s.put(made).await, Settled::Recorded);
    let grantee = Grantee::Principal { id: world::person("ada").id.clone() };
    let mut grant = Assignment {
        id: id(),
        grantee,
        role: Role::Administrator.into(),
        scope: Scope::Server,
        created_at: 1,
        ends_at: None,
        tag: Vec::new(),
    };
    grant.tag = keyring.tag_assignment(&grant).unwrap();
    let given = entry(permit(Action::AssignmentAdd, server_ref(), None), Change::AddAssignment(Box::new(grant)));
    assert_eq!(s.put(given).await, Settled::Recorded);
    vault_name
}

async fn two_nodes_do_what_is_due_once(place: Place) {
    let s = place.start().await;
    let vault = furnish(&s).await;
    let (one, two) = two_nodes(&place, &s).await;
    let wanted = KeyRequest { spec: KeySpec::Ec { crv: Curve::P256 }, hardware: false, operations: None };
    let every = RotationTerms {
        rotate: Some(Trigger::AfterCreation(Span::parse("P30D").unwrap())),
        ..RotationTerms::default()
    };
    let ends = strongroom_domain::secret::SecretAttributes {
        expires: Some(world::BEGIN / 1000 + 50 * DAY),
        ..world::enabled()
    };
    let rotated = ["r0", "r1", "r2", "r3", "r4"];
    for key in rotated {
        one.keys.create(&one.request(), &vault, &name(key), &wanted, &world::enabled()).await.unwrap();
        one.keys.set_rotation_policy(&one.request(), &vault, &name(key), &every).await.unwrap();
    }
    one.keys.create(&one.request(), &vault, &name("ending"), &wanted, &ends).await.unwrap();
    for node in [&one, &two] {
        node.clock.advance(31 * DAY * 1000);
    }
    let (first, second) = tokio::join!(one.do_what_is_due(), two.do_what_is_due());
    let both = (first.keys + second.keys, first.notices + second.notices, first.failed + second.failed);
    assert_eq!(both, (5, 1, 0), "{first:?} {second:?}");
    for key in rotated {
        let (page, _) = two.keys.versions(&two.request(), &vault, &name(key), None, 25).await.unwrap();
        assert_eq!(page.items.len(), 2, "{key}");
    }
    // A node that starts later finds nothing to do.
    let late = Node::on(s.store.clone(), 13);
    late.clock.advance(31 * DAY * 1000);
    assert_eq!(late.do_what_is_due().await, Rotated::default());
}

async fn two_nodes_renew_once_and_fail_once(place: Place) {
    let s = place.start().await;
    let vault = furnish(&s).await;
    let (one, two) = two_nodes(&place, &s).await;
    let issuer = |name: &str| IssuerReference { name: name.to_owned(), certificate_type: None, transparency: None };
    let policy = PolicyPatch {
        spec: Some(KeySpec::Ec { crv: Curve::P256 }),
        subject: Some("CN=app.example".to_owned()),
        issuer: Some(issuer("Self")),
        ..PolicyPatch::default()
    };
    let names = ["c0", "c1", "c2"];
    for certificate in names {
        let (ctx, attributes) = (one.request(), world::enabled());
        one.certificates.create(&ctx, &vault, &name(certificate), Some(&policy), &attributes).await.unwrap();
    }
    let kinds = [ObjectKind::Key, ObjectKind::Secret];
    let ordinal = async |certificate: &str| {
        let (item, _) = two.certificates.show(&two.request(), &vault, &name(certificate), None).await.unwrap();
        item.version.ordinal
    };
    let both = async || {
        for node in [&one, &two] {
            node.clock.advance(300 * DAY * 1000);
        }
        let (first, second) = tokio::join!(one.renew_what_is_due(), two.renew_what_is_due());
        (first.certificates + second.certificates, first.failed + second.failed)
    };
    assert_eq!(both().await, (3, 0));
    for certificate in names {
        assert_eq!(ordinal(certificate).await, 2, "{certificate}");
    }
    // An issuer that is not there: both may have tried, one says when it is tried again.
    let nobody = PolicyPatch { issuer: Some(issuer("Nobody")), ..PolicyPatch::default() };
    let third = Node::beside(one.store.clone(), 14, Some(Arc::new(Elsewhere::default())));
    third.clock.advance(300 * DAY * 1000);
    third.issuers.set(&third.request(), &vault, &name("Nobody"), &elsewhere()).await.map(drop).unwrap();
    third.certificates.update_policy(&third.request(), &vault, &name("c0"), &nobody).await.unwrap();
    third.issuers.delete(&third.request(), &vault, &name("Nobody")).await.map(drop).unwrap();
    let (renewed, failed) = both().await;
    assert!(renewed == 2 && (1..=2).contains(&failed), "{renewed} {failed}");
    let kept =
        s.store.facts(stored(&s, &vault).await, ObjectKind::Certificate, &name("c0"), None).await.unwrap().unwrap();
    let rotation = kept.secret.rotation.as_ref().unwrap();
    assert_eq!((rotation.failed.as_ref().unwrap().count, ordinal("c0").await), (1, 2));
    for kind in kinds {
        let wanted = DueAction { kind, action: LifetimeAction::Rotate, now: i64::MAX };
        assert!(s.store.vaults_with_due(wanted).await.unwrap().is_empty());
    }
    // A node that starts later goes on with what is stored.
    let late = Node::on(s.store.clone(), 13);
    late.clock.advance(600 * DAY * 1000);
    assert_eq!(late.renew_what_is_due().await, Renewed::default());
    late.clock.advance(901 * 1000);
    assert_eq!(late.renew_what_is_due().await, Renewed { failed: 1, ..Renewed::default() });
    // Those of which it was never said are found.
    let plan = DueAction { kind: ObjectKind::Certificate, action: LifetimeAction::Plan, now: 0 };
    assert!(s.store.vaults_with_due(plan).await.unwrap().is_empty());
    place.tamper(&["UPDATE secrets SET rotation = NULL, rotate_at = NULL WHERE name = 'certificate/c1'"]).await;
    assert_eq!(s.store.vaults_with_due(plan).await.unwrap(), std::slice::from_ref(&vault));
    let due = s.store.due_in(&vault, plan, None, 10).await.unwrap();
    assert_eq!(due.iter().map(|due| due.name.as_str()).collect::<Vec<_>>(), ["c1"]);
}

/// An authority elsewhere that keeps whoever asks waiting, and then refuses. Notes what it is asked.
#[derive(Default)]
struct Elsewhere(Mutex<Vec<Option<String>>>);

#[async_trait]
impl CertificateIssuer for Elsewhere {
    async fn ask(&self, order: &Order<'_>) -> Answer {
        let asked = {
            let mut asked = self.0.lock().unwrap();
            asked.push(order.state.map(str::to_owned));
            asked.len()
        };
        // The other node has time to come by meanwhile.
        tokio::task::yield_now().await;
        let pending = Outcome::Pending { state: format!("order {asked}"), ask_at: order.now + 60 };
        let refused = Outcome::Failed { code: "refused", message: String::new(), retry_at: None };
        if asked < 3 { pending.into() } else { refused.into() }
    }
}

fn elsewhere() -> IssuerPatch {
    let directory = "https://ca.example/directory".to_owned();
    IssuerPatch {
        provider: Some("ACME".to_owned()),
        settings: Some(IssuerSettings::Acme(AcmeSettings { directory, ..AcmeSettings::default() })),
        ..IssuerPatch::default()
    }
}

async fn two_nodes_ask_an_issuer_once(place: Place) {
    let s = place.start().await;
    let vault = furnish(&s).await;
    let elsewhere = Arc::new(Elsewhere::default());
    let beside = |store: &Arc<Store>, seed| Node::beside(store.clone(), seed, Some(elsewhere.clone()));
    let (one, two) = two_nodes(&place, &s).await;
    let (one, two) = (beside(&one.store, 21), beside(&two.store, 22));
    one.issuers.set(&one.request(), &vault, &name("far"), &self::elsewhere()).await.map(drop).unwrap();
    let issuer = IssuerReference { name: "far".to_owned(), certificate_type: None, transparency: None };
    let policy = PolicyPatch {
        spec: Some(KeySpec::Ec { crv: Curve::P256 }),
        subject: Some("CN=app.example".to_owned()),
        issuer: Some(issuer),
        ..PolicyPatch::default()
    };
    let (ctx, attributes) = (one.request(), world::enabled());
    one.certificates.create(&ctx, &vault, &name("app"), Some(&policy), &attributes).await.unwrap();
    let both = async |seconds: i64| {
        for node in [&one, &two] {
            node.clock.advance(seconds * 1000);
        }
        let (first, second) = tokio::join!(one.renew_what_is_due(), two.renew_what_is_due());
        (elsewhere.0.lock().unwrap().len(), first.failed + second.failed)
    };
    assert_eq!(both(0).await, (1, 0));
    assert_eq!(both(0).await, (1, 0), "not before its time");
    assert_eq!(both(60).await, (2, 0));
    // A node that starts meanwhile goes on with the order.
    let late = beside(&one.store, 23);
    late.clock.advance(120_000);
    assert_eq!(late.renew_what_is_due().await, Renewed { failed: 1, ..Renewed::default() });
    assert_eq!(both(60).await, (3, 0), "what is refused is not asked for again");
    let asked = elsewhere.0.lock().unwrap().clone();
    assert_eq!(asked, [None, Some("order 1".to_owned()), Some("order 2".to_owned())]);
}

async fn stored(s: &Started, vault: &VaultName) -> VaultId {
    strongroom_domain::ports::VaultStore::vault(&*s.store, vault).await.unwrap().unwrap().id
}
