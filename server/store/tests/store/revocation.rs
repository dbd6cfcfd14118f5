//! The contract of `ObjectStore` and `RotationSchedule` for what authorities have revoked: a name with one document, made
//! anew by one of many nodes, and found when somebody else wrote it.

use std::{net::IpAddr, sync::Arc};

use strongroom_crypto::{
    key::{Curve, KeySpec},
    x509::{Reason, Usage},
};
use strongroom_domain::{
    certificate::{IssuerReference, PolicyPatch},
    names::ObjectKind,
    ports::{ObjectStore, VaultStore},
    revocation::{COUNTS_FOR, MADE_AGAIN_AFTER},
    revocations::ToRevoke,
    test_support::world,
};
use strongroom_store::Store;

use crate::{
    rotation::{Node, furnish, two_nodes},
    support::{Place, name, on_both, options},
};

on_both!(lists_are_made_once_and_what_somebody_else_wrote_is_found);

fn authority() -> PolicyPatch {
    PolicyPatch {
        spec: Some(KeySpec::Ec { crv: Curve::P256 }),
        subject: Some("CN=Root".to_owned()),
        ca: Some(true),
        extended_usages: Some(Vec::new()),
        usages: Some([Usage::KeyCertSign, Usage::CrlSign].into()),
        issuer: Some(IssuerReference { name: "Self".to_owned(), certificate_type: None, transparency: None }),
        ..PolicyPatch::default()
    }
}

async fn lists_are_made_once_and_what_somebody_else_wrote_is_found(place: Place) {
    let s = place.start().await;
    let (vault, root) = (furnish(&s).await, name("root"));
    let (one, two) = two_nodes(&place, &s).await;
    one.certificates.create(&one.request(), &vault, &root, Some(&authority()), &world::enabled()).await.unwrap();
    let what = |serial: &str| ToRevoke::Serial(serial.to_owned(), None);
    // Two nodes at once lose nothing of one another.
    let (first, second) = (one.request(), two.request());
    let (a, b) = (what("0a"), what("0b"));
    let (here, there) = tokio::join!(
        one.revoking.revoke(&first, &vault, &root, &a, Reason::Superseded),
        two.revoking.revoke(&second, &vault, &root, &b, Reason::KeyCompromise)
    );
    here.unwrap();
    there.unwrap();
    let shown = async |node: &Node| node.revoking.show(&node.request(), &vault, &root).await;
    let before = shown(&two).await.unwrap();
    let list = &before.all.lists[0];
    assert_eq!((before.all.lists.len(), list.revoked.len()), (1, 2));
    let signed = list.signed.clone().unwrap();
    assert_eq!(signed.next_update, world::BEGIN / 1000 + COUNTS_FOR);

    for node in [&one, &two] {
        node.clock.advance(MADE_AGAIN_AFTER * 1000);
    }
    let (here, there) =
        tokio::join!(one.revoking.do_what_is_due(&*one.store), two.revoking.do_what_is_due(&*two.store));
    assert_eq!(here.unwrap().authorities + there.unwrap().authorities, 1);
    let after = shown(&one).await.unwrap();
    assert!(after.all.lists[0].signed.as_ref().unwrap().number > signed.number);

    let id = VaultStore::vault(&*s.store, &vault).await.unwrap().unwrap().id;
    let facts = s.store.facts(id, ObjectKind::Revocations, &root, None).await.unwrap().unwrap();
    assert_eq!(facts.version.as_ref().unwrap().attributes.tags.len(), 1);
    let client: IpAddr = "192.0.2.7".parse().unwrap();
    let address = one.revoking.address(id, &root, &list.id).unwrap();
    let parts: Vec<String> = address.rsplit('/').take(3).map(str::to_owned).collect();
    let fetch = async |node: &Node| node.revoking.published(client, (&parts[2], &parts[1], &parts[0])).await.unwrap();
    assert!(fetch(&one).await.is_some());

    // What is still under way keeps the database to itself.
    let held = Arc::downgrade(&s.store);
    s.store.close().await.unwrap();
    drop((one, two, s));
    while held.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    place.tamper(&["UPDATE secrets SET revision = revision - 1 WHERE name = 'revocations/root'"]).await;
    let late = Node::on(Arc::new(Store::open(&place.url, options()).await.unwrap()), 14);
    assert!(shown(&late).await.is_err());
    assert!(fetch(&late).await.is_none(), "nobody is given a list that somebody else wrote");
}
