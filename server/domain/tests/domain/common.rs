//! What the domain's integration tests share: a vault, its administrator, and short ways to ask.

use std::sync::Arc;

use strongroom_crypto::SecretText;
use strongroom_domain::{
    context::RequestContext,
    grant::Scope,
    names::{ObjectVersion, VaultName},
    principal::{Grantee, Principal},
    role::Role,
    secret::{OpenedSecret, SecretItem},
    secrets::SecretError,
    test_support::{
        MemoryStore,
        world::{World, demo, enabled, name, person},
    },
    vault::VaultSettings,
};

pub(crate) struct Demo {
    pub(crate) world: World,
    pub(crate) ada: Arc<Principal>,
    pub(crate) vault: VaultName,
}

impl Demo {
    /// The vault `demo`, which Ada administers.
    pub(crate) fn start() -> Self {
        Self::with(VaultSettings::default())
    }

    pub(crate) fn with(settings: VaultSettings) -> Self {
        let demo = Self::start_empty();
        demo.world.put_vault(&demo.vault, settings).unwrap();
        demo
    }

    /// Ada administers secrets, but there is no vault yet.
    pub(crate) fn start_empty() -> Self {
        let (world, ada, vault) = (World::start().unwrap(), person("ada"), demo().unwrap());
        let grantee = Grantee::Principal { id: ada.id.clone() };
        world.put_grant(grantee, Role::Administrator, Scope::Server).unwrap();
        Self { world, ada, vault }
    }

    /// The node after a crash: what was durable is all there is.
    pub(crate) fn after_crash(&self) -> Self {
        self.world.committer.abort();
        let survived = self.world.store.image();
        self.on(MemoryStore::new(strongroom_domain::test_support::world::INSTALLATION, survived))
    }

    /// One more node.
    pub(crate) fn on(&self, store: MemoryStore) -> Self {
        Self { world: World::on(store).unwrap(), ada: self.ada.clone(), vault: self.vault.clone() }
    }

    pub(crate) fn request(&self) -> RequestContext {
        self.world.request(&self.ada)
    }

    pub(crate) async fn set(&self, secret: &str, value: &str) -> Result<OpenedSecret, SecretError> {
        self.set_in(&self.request(), secret, value).await
    }

    pub(crate) async fn set_in(
        &self,
        ctx: &RequestContext,
        secret: &str,
        value: &str,
    ) -> Result<OpenedSecret, SecretError> {
        let value = SecretText::new(value.to_owned());
        self.world.secrets.set(ctx, &self.vault, &name(secret).unwrap(), &enabled(), value).await
    }

    pub(crate) async fn get(&self, secret: &str, version: Option<&ObjectVersion>) -> Result<OpenedSecret, SecretError> {
        self.get_in(&self.request(), secret, version).await
    }

    pub(crate) async fn get_in(
        &self,
        ctx: &RequestContext,
        secret: &str,
        version: Option<&ObjectVersion>,
    ) -> Result<OpenedSecret, SecretError> {
        self.world.secrets.get(ctx, &self.vault, &name(secret).unwrap(), version).await
    }

    pub(crate) async fn delete_in(&self, ctx: &RequestContext, secret: &str) -> Result<SecretItem, SecretError> {
        self.world.secrets.delete(ctx, &self.vault, &name(secret).unwrap()).await.map(|(item, _)| item)
    }

    pub(crate) async fn recover_in(&self, ctx: &RequestContext, secret: &str) -> Result<SecretItem, SecretError> {
        self.world.secrets.recover(ctx, &self.vault, &name(secret).unwrap()).await.map(|(item, _)| item)
    }

    pub(crate) async fn purge_in(&self, ctx: &RequestContext, secret: &str) -> Result<(), SecretError> {
        self.world.secrets.purge(ctx, &self.vault, &name(secret).unwrap()).await
    }
}
