//! What is wrong with a good token: that its workload does not stand behind it any more.

use std::sync::Arc;

use async_trait::async_trait;
use strongroom_crypto::SecretText;
use strongroom_domain::{
    admin::WorkloadEdit,
    grant::Scope,
    principal::{Grantee, Principal},
    role::Role,
    sign_in::{Authenticator, CheckState, TokenExplanation, TokenRejected},
    test_support::world::{World, bearer, person},
};
use uuid::Uuid;

/// Every token is a good one of this principal.
struct Good(Arc<Principal>);

#[async_trait]
impl Authenticator for Good {
    async fn authenticate(&self, _: &str, _: i64) -> Result<Arc<Principal>, TokenRejected> {
        Ok(Arc::clone(&self.0))
    }

    fn ends(&self, _: &str) -> Option<i64> {
        None
    }

    async fn explain(&self, _: &str, _: i64) -> TokenExplanation {
        TokenExplanation { principal: Some((*self.0).clone()), reason: None, checks: Vec::new() }
    }

    fn knows(&self, _: &str) -> bool {
        true
    }

    fn issuers(&self) -> Vec<String> {
        Vec::new()
    }
}

#[tokio::test]
async fn each_reason_why_a_good_token_counts_no_more_has_its_own_advice() {
    let (world, olga) = (World::start().unwrap(), person("olga"));
    world.put_grant(Grantee::Principal { id: olga.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let token = world.put_workload("app", true).unwrap();
    let id = Uuid::try_parse(&token.id.subject).unwrap();
    let explain = async |of: Arc<Principal>| {
        let token = SecretText::new("t".to_owned());
        let explained = world.admin.explain_token(&world.request(&olga), &Good(of), &token).await.unwrap();
        let check = explained.checks.into_iter().next_back().unwrap();
        (check.state == CheckState::Passed, check.found, check.advice.unwrap_or_default())
    };
    let change = async |enabled| {
        let edit = WorkloadEdit::Update { name: None, enabled: Some(enabled) };
        world.admin.change_workload(&world.request(&olga), id, &edit).await.unwrap();
    };
    assert_eq!(explain(Arc::clone(&token)).await, (true, "enabled".to_owned(), ""));
    let (good, found, advice) = explain(bearer(id, Uuid::from_u128(5), 0)).await;
    assert!(!good && found.contains("was removed"), "{found}");
    assert!(advice.contains("with a credential that is still there") && !advice.contains("enable"), "{advice}");
    change(false).await;
    let (good, found, advice) = explain(Arc::clone(&token)).await;
    assert!(!good && found == "disabled" && advice.contains("enable the workload identity"), "{found}: {advice}");
    change(true).await;
    let (good, found, advice) = explain(Arc::clone(&token)).await;
    assert!(
        !good && found.contains("before it was disabled") && advice.ends_with("take a new one."),
        "{found}: {advice}"
    );
    world.admin.delete_workload(&world.request(&olga), id).await.unwrap();
    let (good, found, advice) = explain(token).await;
    assert!(!good && found == "deleted" && advice.contains("no such workload identity"), "{found}: {advice}");
}
