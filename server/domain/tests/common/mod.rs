//! What the domain's integration tests share: a vault, its administrator, and short ways to ask.

use std::sync::Arc;

use strongroom_crypto::SecretText;
use strongroom_domain::{
    context::RequestContext,
    grant::Scope,
    names::{ObjectName, ObjectVersion, VaultName},
    principal::{Grantee, Principal},
    role::Role,
    secret::OpenedSecret,
    secrets::SecretError,
    test_support::{
        MemoryStore,
        world::{World, demo, enabled, name, person},
    },
    vault::VaultSettings,
};

pub struct Demo {
    pub world: World,
    pub ada: Arc<Principal>,
    pub vault: VaultName,
}

impl Demo {
    /// The vault `demo`, which Ada administers.
    pub fn start() -> Self {
        Self::with(VaultSettings::default())
    }

    pub fn with(settings: VaultSettings) -> Self {
        let (world, ada, vault) = (World::start().unwrap(), person("ada"), demo().unwrap());
        world.put_vault(&vault, settings).unwrap();
        let grantee = Grantee::Principal { id: ada.id.clone() };
        world.put_grant(grantee, Role::Administrator, Scope::Server).unwrap();
        Self { world, ada, vault }
    }

    /// The node after a crash: what was durable is all there is.
    pub fn after_crash(&self) -> Self {
        self.world.committer.abort();
        let survived = self.world.store.image();
        self.on(MemoryStore::new(strongroom_domain::test_support::world::INSTALLATION, survived))
    }

    /// One more node.
    pub fn on(&self, store: MemoryStore) -> Self {
        Self { world: World::on(store).unwrap(), ada: self.ada.clone(), vault: self.vault.clone() }
    }

    pub fn request(&self) -> RequestContext {
        self.world.request(&self.ada)
    }

    pub async fn set(&self, secret: &str, value: &str) -> Result<OpenedSecret, SecretError> {
        self.set_in(&self.request(), secret, value).await
    }

    pub async fn set_in(&self, ctx: &RequestContext, secret: &str, value: &str) -> Result<OpenedSecret, SecretError> {
        let value = SecretText::new(value.to_owned());
        self.world.secrets.set(ctx, &self.vault, &name(secret).unwrap(), &enabled(), value).await
    }

    pub async fn get(&self, secret: &str, version: Option<&ObjectVersion>) -> Result<OpenedSecret, SecretError> {
        self.get_in(&self.request(), secret, version).await
    }

    pub async fn get_in(
        &self,
        ctx: &RequestContext,
        secret: &str,
        version: Option<&ObjectVersion>,
    ) -> Result<OpenedSecret, SecretError> {
        self.world.secrets.get(ctx, &self.vault, &name(secret).unwrap(), version).await
    }

    pub fn name(&self, text: &str) -> ObjectName {
        name(text).unwrap()
    }
}
