//! The rule for Cedar, as far as it can say it: its patterns mind case, and a tag of blanks counts as one.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet,
    Request, RestrictedExpression,
};

use crate::measure::{Figures, attached, on_this_thread};

/// What one attachment of the module demands, in two policies.
const NAME: &str = r#"forbid (principal, action == Action::"Microsoft.KeyVault/vaults/secrets/setSecret/action", resource)
    unless { resource.name like "db-*" };"#;
const TAG: &str = r#"forbid (principal, action == Action::"Microsoft.KeyVault/vaults/secrets/setSecret/action", resource)
    unless { resource.tags has owner && resource.tags.owner != "" };"#;

fn uid(kind: &str, id: &str) -> EntityUid {
    let kind: EntityTypeName = kind.parse().expect("a type");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

/// The request that the module is asked about: everything of it that a policy could look at.
fn asked() -> (Request, Entities) {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let record = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), text(value)));
        RestrictedExpression::new_record(pairs).expect("a record")
    };
    let groups: HashSet<_> = (0..8).map(|group| uid("Group", &format!("group-{group}"))).collect();
    let about = HashMap::from([
        ("issuer".to_owned(), text("https://issuer.example")),
        ("kind".to_owned(), text("user")),
        ("claims".to_owned(), record(&[("acr", "1")])),
    ]);
    let (user, secret) = (uid("User", "ada"), uid("Secret", "demo/db-password"));
    let of_secret = HashMap::from([
        ("vault".to_owned(), text("demo")),
        ("name".to_owned(), text("db-password")),
        ("tags".to_owned(), record(&[("owner", "payments")])),
    ]);
    let entities = [
        Entity::new(user.clone(), about, groups).expect("a user"),
        Entity::new(secret.clone(), of_secret, HashSet::new()).expect("a secret"),
    ];
    let context = [
        ("client_address".to_owned(), text("192.0.2.1")),
        ("listener".to_owned(), text("https")),
        ("time".to_owned(), RestrictedExpression::new_long(1_780_315_200)),
    ];
    let context = Context::from_pairs(context).expect("a context");
    let request = Request::new(user, uid("Action", crate::hosted::ACTION), secret, context, None);
    (request.expect("a request"), Entities::from_entities(entities, None).expect("entities"))
}

/// `whole`: request and entities are made for each decision, as a server has to that knows neither before.
pub(crate) fn measure(whole: bool) -> Vec<(String, Figures)> {
    let authorizer = Authorizer::new();
    let figures = crate::ATTACHMENTS.map(|count| {
        let permit = Policy::parse(Some(PolicyId::new("permit")), "permit (principal, action, resource);");
        let mut policies = PolicySet::from_policies([permit.expect("a policy")]).expect("policies");
        for attachment in 0..count {
            for (sort, text) in [("name", NAME), ("tag", TAG)] {
                let id = PolicyId::new(format!("{sort}-{attachment}"));
                policies.add(Policy::parse(Some(id), text).expect("a policy")).expect("another id each");
            }
        }
        let made = asked();
        let decide = || {
            let new = whole.then(asked);
            let (request, entities) = new.as_ref().unwrap_or(&made);
            let answer = authorizer.is_authorized(std::hint::black_box(request), &policies, entities);
            assert!(answer.decision() == Decision::Allow);
        };
        (attached(count), on_this_thread(count, decide))
    });
    figures.into()
}
