//! The life of a vault: its settings, and what nobody can change about them.

use std::{collections::BTreeMap, sync::Arc};

use strongroom_domain::{
    admin::AdminError,
    grant::Scope,
    names::VaultName,
    principal::{Grantee, Principal},
    record::Outcome,
    role::Role,
    test_support::world::{World, person},
    vault::{MAX_TAGS, Vault, VaultSettings, VaultUpdate},
};

fn payments() -> VaultName {
    VaultName::parse("payments").unwrap()
}

/// Olga owns the installation, in which there is a vault `payments`.
struct Story {
    world: World,
    olga: Arc<Principal>,
}

impl Story {
    fn begin(settings: VaultSettings) -> Self {
        let (world, olga) = (World::start().unwrap(), person("olga"));
        world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
        world.put_vault(&payments(), settings).unwrap();
        Self { world, olga }
    }

    async fn update(&self, expected: Option<i64>, update: &VaultUpdate) -> Result<Arc<Vault>, AdminError> {
        self.world.admin.update_vault(&self.world.request(&self.olga), &payments(), expected, update).await
    }
}

fn tags(count: usize) -> VaultUpdate {
    let tags = (0..count).map(|n| (format!("tag-{n}"), "value".to_owned())).collect();
    VaultUpdate { tags: Some(tags), ..VaultUpdate::default() }
}

#[tokio::test]
async fn what_an_update_leaves_out_stays() {
    let story = Story::begin(VaultSettings { retention_days: 30, ..VaultSettings::default() });
    let region = VaultUpdate { region: Some("westeurope".into()), ..tags(2) };
    let once = story.update(None, &region).await.unwrap();
    assert_eq!((once.revision, once.settings.retention_days, once.settings.tags.len()), (2, 30, 2));
    let twice = story.update(Some(2), &VaultUpdate { tags: Some(BTreeMap::new()), ..VaultUpdate::default() }).await;
    let twice = twice.unwrap();
    assert_eq!((twice.revision, twice.settings.tags.len()), (3, 0));
    assert_eq!(twice.settings.region.as_deref(), Some("westeurope"));
    let shown = story.world.admin.show_vault(&story.world.request(&story.olga), &payments()).await.unwrap();
    assert_eq!(shown, twice, "and it is authentic, because the gate showed it");
}

#[tokio::test]
async fn an_update_of_another_revision_changes_nothing() {
    let story = Story::begin(VaultSettings::default());
    story.update(Some(1), &tags(1)).await.unwrap();
    let late = story.update(Some(1), &tags(2)).await;
    assert!(matches!(late, Err(AdminError::OtherRevision)));
    assert_eq!(story.world.store.image().vaults["payments"].settings.tags.len(), 1);
    // Two at once without a word about revisions: both happen, one after the other.
    let region = VaultUpdate { region: Some("north".into()), ..VaultUpdate::default() };
    let tagged = tags(3);
    let both = tokio::join!(story.update(None, &tagged), story.update(None, &region));
    let (one, other) = (both.0.unwrap(), both.1.unwrap());
    let last = if one.revision > other.revision { one } else { other };
    assert_eq!((last.revision, last.settings.tags.len(), last.settings.region.as_deref()), (4, 3, Some("north")));
}

#[tokio::test]
async fn what_is_fixed_or_too_much_is_refused_and_on_record() {
    let story = Story::begin(VaultSettings { purge_protection: true, ..VaultSettings::default() });
    let refused = [
        VaultUpdate { purge_protection: Some(false), ..VaultUpdate::default() },
        VaultUpdate { retention_days: Some(7), ..VaultUpdate::default() },
        tags(MAX_TAGS + 1),
        VaultUpdate { region: Some("<b>".into()), ..VaultUpdate::default() },
        VaultUpdate { tags: Some([("A".into(), String::new()), ("a".into(), String::new())].into()), ..tags(0) },
        VaultUpdate { tags: Some([(String::new(), String::new())].into()), ..tags(0) },
        VaultUpdate { tags: Some([("a".into(), "x".repeat(257))].into()), ..tags(0) },
        // Each within its limit, and all together more than is read with each request.
        VaultUpdate {
            tags: Some((0..17).map(|n| (format!("{n:0512}"), "\u{1f5dd}".repeat(128))).collect()),
            ..tags(0)
        },
    ];
    for update in refused {
        let ctx = story.world.request(&story.olga);
        let answer = story.world.admin.update_vault(&ctx, &payments(), None, &update).await;
        assert!(matches!(answer, Err(AdminError::Invalid(_))), "{update:?}");
        let image = story.world.store.image();
        let record = image.record(ctx.request_id).unwrap();
        assert_eq!((record.operation.as_str(), record.outcome), ("VaultPatch", Outcome::Failed));
        assert_eq!(image.vaults["payments"].revision, 1);
    }
    // Saying what is so already is no change of it.
    let same = VaultUpdate { purge_protection: Some(true), retention_days: Some(90), ..tags(MAX_TAGS) };
    assert!(story.update(None, &same).await.unwrap().settings.purge_protection);
}
