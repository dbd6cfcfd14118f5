//! What somebody edits is found though nobody asks for it, portion by portion, and told once.

use std::sync::Arc;

use strongroom_crypto::{
    SeededEntropy,
    key::{Curve, KeySpec},
};
use strongroom_domain::{
    action::Action,
    change::Change,
    keys::KeyRequest,
    ports::AuditLog as _,
    principal::Grantee,
    record::{Outcome, Record, Recorder, Settled, spawn},
    scrub::{FINDING, Findings, Progress, ROUND, Scrub, Scrubbed, finding_of, principal},
    test_support::{server_ref, world},
};

use crate::{
    grants,
    rotation::{Node, furnish, keyring},
    support::{Place, entry, name, on_both, permit},
};

on_both!(what_was_edited_is_found_though_nobody_asks_for_it);

/// How many grants there are: more than one portion has.
const GRANTS: usize = 130;

/// A whole round, and of how many portions it was.
async fn round(scrub: &mut Scrub) -> (Scrubbed, usize) {
    let mut portions = 0;
    loop {
        match scrub.portion().await.unwrap() {
            Progress::Done(found) => return (found, portions),
            Progress::Going(_) => portions += 1,
        }
    }
}

async fn what_was_edited_is_found_though_nobody_asks_for_it(place: Place) {
    let s = place.start().await;
    // A sample that no key has seen.
    place.tamper(&["DELETE FROM vaults WHERE name = 'demo'"]).await;
    let vault = furnish(&s).await;
    let keyring = Arc::new(keyring());
    let grants = (0..GRANTS).map(|nth| {
        let grantee = Grantee::Group { issuer: "https://idp".into(), group: format!("g{nth}") };
        let mut grant = grants::grant(grantee);
        grant.tag = keyring.tag_assignment(&grant).unwrap();
        entry(permit(Action::AssignmentAdd, server_ref(), None), Change::AddAssignment(Box::new(grant)))
    });
    let settled = s.store.append(grants.collect()).await.unwrap();
    assert!(settled.iter().all(|one| *one == Settled::Recorded));
    let node = Node::on(s.store.clone(), 21);
    let wanted = KeyRequest { spec: KeySpec::Ec { crv: Curve::P256 }, hardware: false, operations: None };
    for key in ["k1", "k2"] {
        node.keys.create(&node.request(), &vault, &name(key), &wanted, &world::enabled()).await.unwrap();
    }
    let (committer, _) = spawn(s.store.clone());
    let recorder = Recorder::new(committer, node.clock.clone());
    let entropy = Arc::new(SeededEntropy::new(22));
    let findings = Findings::new(recorder, node.clock.clone(), entropy);
    let mut scrub = Scrub::new(node.store.clone(), keyring, findings, false);
    let newest = async |operation| -> Option<Record> { s.store.newest_of_job(principal(), operation).await.unwrap() };

    let (clean, portions) = round(&mut scrub).await;
    assert_eq!((clean.wrong, clean.closed, clean.opened, clean.first.as_deref()), (0, 0, 2, None), "{clean:?}");
    // The vault, the administrator's grant and the others, two names and their versions.
    assert_eq!((clean.began, clean.authentic), (world::BEGIN, 1 + 1 + GRANTS as u64 + 4));
    assert!(portions > 4, "{portions}");
    assert!(newest(FINDING).await.is_none() && newest(ROUND).await.is_none(), "there is nothing to tell");

    let zeroed = if place.is_sqlite() {
        "UPDATE secret_versions SET ciphertext = zeroblob(length(ciphertext)) WHERE name = 'key/k1'"
    } else {
        "UPDATE secret_versions SET ciphertext = decode(repeat('00', length(ciphertext)), 'hex') WHERE name = 'key/k1'"
    };
    let aside = "CREATE TABLE aside AS SELECT ciphertext FROM secret_versions WHERE name = 'key/k1'";
    place.tamper(&[aside, zeroed]).await;
    node.clock.advance(3_600_000);
    let (found, _) = round(&mut scrub).await;
    assert_eq!((found.began, found.wrong, found.opened), (world::BEGIN + 3_600_000, 1, 1), "{found:?}");
    assert!(found.finding().unwrap().starts_with("key kept/key/k1/"), "{found:?}");
    let finding = newest(FINDING).await.unwrap();
    let place_of = (finding.vault.as_deref(), finding.kind.as_deref(), finding.object.as_deref());
    assert_eq!(place_of, (Some("kept"), Some("key"), Some("k1")));
    assert_eq!(
        (finding.outcome, finding.reason.as_str(), finding.version.is_some()),
        (Outcome::Failed, "tampered", true)
    );
    let told = newest(ROUND).await.unwrap();
    assert_eq!((told.count, finding_of(&told)), (Some(1), found.finding()));
    round(&mut scrub).await;
    assert_eq!(newest(FINDING).await.unwrap().id, finding.id, "it is on record already");

    place.tamper(&["UPDATE vaults SET settings = replace(settings, '90', '89') WHERE name = 'kept'"]).await;
    let (found, _) = round(&mut scrub).await;
    assert_eq!((found.wrong, found.closed), (1, 4), "what is in it cannot be checked: {found:?}");
    let first = found.first.unwrap();
    assert!(first.starts_with("vault ") && first.ends_with(" (kept)"), "{first}");
    assert_eq!(newest(FINDING).await.unwrap().vault.as_deref(), Some("kept"));

    let back = "UPDATE secret_versions SET ciphertext = (SELECT ciphertext FROM aside) WHERE name = 'key/k1'";
    let mended = "UPDATE vaults SET settings = replace(settings, '89', '90') WHERE name = 'kept'";
    place.tamper(&[back, mended, "DROP TABLE aside"]).await;
    let (mended, _) = round(&mut scrub).await;
    assert_eq!((mended.wrong, mended.opened), (0, 2));
    let told = newest(ROUND).await.unwrap();
    assert_eq!((told.outcome, finding_of(&told)), (Outcome::Allowed, None), "its end is on record too");
}
