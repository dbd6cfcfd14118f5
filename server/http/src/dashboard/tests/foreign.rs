//! No route that takes a form takes it from elsewhere: the whole table is tried, whether a page leads there or not.

use super::{BASE, Story, VALUE, walk::of_route};
use crate::{
    message::Method,
    routes::{Access, ROUTES, Route},
};

fn forms() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.access == Access::Session && route.method == Method::Post)
}

#[tokio::test]
async fn no_route_takes_a_form_from_elsewhere() {
    let story = Story::start();
    let version = story.set("walked", VALUE).await;
    let ada = story.sign_in("ada").await;
    let token = story.get("/vaults", &ada).await.form_token().to_owned();
    let foreign = story.get("/vaults", &story.sign_in("bob").await).await.form_token().to_owned();
    let rows = || {
        let image = story.world.store.image();
        let made = [image.objects.len(), image.assignments.len(), image.roles.len(), image.workloads.len()];
        format!("{made:?} {:?}", image.vaults)
    };
    let before = rows();
    for route in forms() {
        let path = of_route(route, &version).path;
        for (origin, token) in [
            (Some(BASE), ""),
            (Some(BASE), foreign.as_str()),
            (Some("https://evil.example"), token.as_str()),
            (Some("null"), token.as_str()),
            (None, token.as_str()),
        ] {
            let answer = story.send("POST", &path, &ada, origin, &format!("csrf_token={token}")).await;
            // Who comes from elsewhere may be told first that there is no such thing.
            if origin == Some(BASE) || answer.status != 404 {
                assert_eq!((answer.status, story.last().reason.as_str()), (403, "foreign-form"), "{path} {origin:?}");
            }
        }
        let followed = story.get(&path, &ada).await.status;
        assert!(matches!(followed, 200 | 303 | 400 | 403 | 404 | 405), "{path}: {followed}, a link changes nothing");
    }
    assert_eq!(rows(), before, "nothing changed");
    assert_eq!(story.get("/vaults", &ada).await.status, 200, "and nobody was signed out");
    // Ours is taken, so that it was the form that was refused.
    let made = story.submit("/new-vault", &ada, "name=made&access_mode=rbac&retention_days=90").await;
    assert_eq!(made.status, 303, "{}", made.text);
}
