//! A million requests, from the bytes of their path to the gate's word, against a reference that a
//! person can check by reading: what the path means, and whether it is allowed.
//!
//! Everything is drawn from seeds that are printed when something differs. No I/O, no record: the
//! gate reads the ports in memory, and the clock is moved by hand.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod denials;
mod draw;
mod paths;
mod reference;
mod scene;

use draw::Draw;
use strongroom_domain::gate::{Ask, Judgement};
use strongroom_http::routes::{Found, Site, find};

use crate::{paths::Meant, scene::Scene};

/// Requests of one book, and scenes they are spread over; four books run side by side.
const REQUESTS: u64 = 250_000;
const SCENES: u64 = 125;

fn book(number: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (mut allowed, mut denied, mut refused) = (0u64, 0u64, 0u64);
        for scene in 0..SCENES {
            let seed = number * SCENES + scene + 1;
            let mut draw = Draw::new(seed);
            let scene = Scene::draw(&mut draw);
            for request in 0..REQUESTS / SCENES {
                match one(&scene, &mut draw).await {
                    Ok(None) => refused += 1,
                    Ok(Some(true)) => allowed += 1,
                    Ok(Some(false)) => denied += 1,
                    Err(why) => panic!("seed {seed}, request {request}: {why}\n{scene:#?}"),
                }
            }
        }
        assert_eq!(allowed + denied + refused, REQUESTS);
        // A test in which everything ends alike shows nothing.
        for (what, count) in [("allowed", allowed), ("denied", denied), ("refused", refused)] {
            assert!(count > REQUESTS / 50, "only {count} were {what}");
        }
    });
}

/// One request. `None`: the path or a name in it was refused before anything was judged.
async fn one(scene: &Scene, draw: &mut Draw) -> Result<Option<bool>, String> {
    let request = scene.request(draw);
    let path = paths::draw(draw, request.operation, request.secret);
    let found = found(&path.text, request.operation.method());
    let Some((action, name, version)) = found else {
        return if path.meant == Meant::This { Err(format!("{path:?} was refused")) } else { Ok(None) };
    };
    if path.meant == Meant::Nothing {
        return Err(format!("{path:?} was taken for {action:?} {name:?} {version:?}"));
    }
    let same = name.as_ref().map(|n| n.as_str()) == request.operation.named().then_some(scene::SECRETS[request.secret]);
    if action != request.operation.action() || !same || version.is_some() != path.version {
        return Err(format!("{path:?} was taken for {action:?} {name:?} {version:?}"));
    }
    let vault = scene.vault_name(request.vault, draw);
    let ask = Ask { name: name.as_ref(), version: version.as_ref(), ..Ask::secrets(action, &vault) };
    let ctx = scene.context(&request);
    let allowed = matches!(scene.world.gate.judge(&ctx, &ask).await, Judgement::Permitted(_));
    let expected = reference::allows(scene, &request);
    if allowed == expected {
        Ok(Some(allowed))
    } else {
        Err(format!("gate {allowed}, reference {expected}: {request:#?}"))
    }
}

type Parsed = (
    strongroom_domain::action::Action,
    Option<strongroom_domain::names::ObjectName>,
    Option<strongroom_domain::names::ObjectVersion>,
);

/// What the product makes of a path: segments, route, names.
fn found(path: &str, method: strongroom_http::message::Method) -> Option<Parsed> {
    use strongroom_domain::{
        action::Action,
        names::{ObjectName, ObjectVersion},
    };
    use strongroom_http::routes::Endpoint;
    let segments = strongroom_http::paths::segments(path).ok()?;
    let Found::Route(route, parameters) = find(Site::Vault, method, &segments) else { return None };
    let action = match route.endpoint {
        Endpoint::SecretList => return Some((Action::SecretList, None, None)),
        Endpoint::DeletedList => return Some((Action::SecretListDeleted, None, None)),
        Endpoint::SecretRestore => return Some((Action::SecretRestore, None, None)),
        Endpoint::SecretSet => Action::SecretSet,
        Endpoint::SecretUpdate | Endpoint::SecretUpdateVersion => Action::SecretUpdate,
        Endpoint::SecretBackup => Action::SecretBackup,
        Endpoint::SecretGet | Endpoint::SecretGetVersion => Action::SecretGet,
        Endpoint::SecretDelete => Action::SecretDelete,
        Endpoint::SecretVersions => Action::SecretListVersions,
        Endpoint::DeletedGet => Action::SecretGetDeleted,
        Endpoint::DeletedPurge => Action::SecretPurge,
        Endpoint::DeletedRecover => Action::SecretRecover,
        _ => return None,
    };
    let name = ObjectName::parse(parameters.first().map_or("", String::as_str)).ok()?;
    let version = match parameters.get(1).map_or("", String::as_str) {
        "" => None,
        text => Some(ObjectVersion::parse(text).ok()?),
    };
    Some((action, Some(name), version))
}

#[test]
fn the_first_quarter_of_a_million() {
    book(0);
}

#[test]
fn the_second_quarter_of_a_million() {
    book(1);
}

#[test]
fn the_third_quarter_of_a_million() {
    book(2);
}

#[test]
fn the_last_quarter_of_a_million() {
    book(3);
}
