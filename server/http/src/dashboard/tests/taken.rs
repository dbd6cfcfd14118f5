//! Forms that say "new": what is there is not changed by them, be it that their sender may not see it or that it came to be
//! at the same moment.

use strongroom_domain::test_support::world::{PEOPLE, name};
use url::form_urlencoded;

use super::{Story, VALUE};

#[tokio::test]
async fn who_may_set_and_not_see_makes_nothing_new_of_what_is_there() {
    let story = Story::start();
    let version = story.set("plain", VALUE).await;
    let (ada, bob) = (story.sign_in("ada").await, story.sign_in("bob").await);
    let people: String = form_urlencoded::byte_serialize(PEOPLE.as_bytes()).collect();
    let action = "Microsoft.KeyVault%2Fvaults%2Fsecrets%2FsetSecret%2Faction";
    let role = format!("name=Setter&data_actions={action}&scopes=%2F");
    let given = format!("issuer={people}&subject=bob&role=Setter&scope=%2Fvaults%2Fdemo");
    for (form, fields) in [("/access/new-role", role), ("/access/new-assignment", given)] {
        let made = story.submit(form, &ada, &fields).await;
        assert_eq!(made.status, 303, "{}", made.text);
    }
    let taken = story.submit("/vaults/demo/new-secret", &bob, "name=plain&value=other&enabled=yes").await;
    assert!(matches!(taken.status, 409 | 412), "{} {}", taken.status, taken.text);
    assert!(!taken.text.contains(VALUE));
    let request = story.world.request(&story.ada);
    let read = story.world.secrets.get(&request, &story.vault, &name("plain").unwrap(), None).await.unwrap();
    assert_eq!((read.value.expose(), read.meta.version.as_str()), (VALUE, version.as_str()));
    assert_eq!(story.submit("/vaults/demo/new-secret", &bob, "name=own&value=other&enabled=yes").await.status, 303);
}

#[tokio::test]
async fn of_two_who_make_the_same_at_once_one_is_told_that_it_is_there() {
    let story = Story::start();
    let (ada, again) = (story.sign_in("ada").await, story.sign_in("ada").await);
    story.with_authority(&ada).await;
    let issuer = "name=second&provider=Strongroom-CA&certificate=root&profile=server&max-days=31&enabled=yes";
    let certificate = "name=third&dns=app.example&issuer=Self&months=1&kind=EC+P-256&exportable=yes&enabled=yes\
                       &form=application%2Fx-pem-file";
    for (form, fields) in [
        ("new-secret", "name=first&value=x&enabled=yes"),
        ("new-key", "name=second&kind=EC+P-256&enabled=yes"),
        ("new-certificate", certificate),
        ("new-issuer", issuer),
    ] {
        let form = format!("/vaults/demo/{form}");
        let (one, other) = tokio::join!(story.submit(&form, &ada, fields), story.submit(&form, &again, fields));
        let mut told = [one.status, other.status];
        told.sort_unstable();
        assert!(told[0] == 303 && matches!(told[1], 409 | 412), "{form}: {told:?} {} {}", one.text, other.text);
    }
}
