//! The setup of an installation that nobody owns, by the code of the terminal.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use strongroom_domain::{
    ports::SealedBlob,
    principal::{Grantee, PrincipalId},
    record::Outcome,
    role::Role,
    setup::{self, CODE_MILLIS, FirstProvider, IssuedCode, ProviderDesk, Setup, SetupCodes, code_hash},
    sign_in::SignInError,
};

use super::{BASE, Nobody, Page, Story};

const CODE: &str = "ABCDEF-GHIJKL-MNOPQR-STUVWX";
const FORM: &str = "csrf_token=setup&code=abcdefghijklmnopqrstuvwx&name=corp&label=Corp&client_id=vault\
    &client_secret=hunter2&issuer=https%3A%2F%2Flogin.example.com&subject=ada";

/// Shows codes, in memory.
#[derive(Default)]
pub(super) struct Terminal(Mutex<Option<IssuedCode>>);

impl SetupCodes for Terminal {
    fn issued(&self) -> Option<IssuedCode> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn spend(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[async_trait]
impl ProviderDesk for Nobody {
    async fn try_out(&self, provider: &FirstProvider) -> Result<(), SignInError> {
        if provider.issuer.contains("down") { Err(SignInError::Unreachable) } else { Ok(()) }
    }

    fn take_up(&self, provider: &FirstProvider) -> Result<(), SignInError> {
        assert_eq!(provider.client_secret.as_ref().map(|secret| secret.expose()), Some("hunter2"));
        Ok(())
    }
}

impl Story {
    /// An installation that nobody owns, and the code of its terminal.
    fn unowned() -> Self {
        let mut story = Self::start();
        let issued = IssuedCode { hash: code_hash(CODE), expires: story.services.clock.now_millis() + CODE_MILLIS };
        let ports = Arc::new(story.world.store.clone());
        let terminal = Arc::new(Terminal(Mutex::new(Some(issued))));
        let services = Arc::get_mut(&mut story.services).unwrap();
        services.setup = Setup::locked(ports, terminal, Arc::new(Nobody));
        let bytes = setup::open_door(&story.world.keyring, &*story.world.entropy).unwrap();
        story.world.store.meddle(|image| {
            image.assignments.clear();
            image.blobs.insert(setup::LABEL.to_owned(), SealedBlob { bytes: bytes.clone(), revision: 0 });
        });
        story
    }

    fn unlocked() -> Self {
        let story = Self::unowned();
        story.services.setup.unlock();
        story
    }

    async fn set_up(&self, form: &str) -> Page {
        self.send("POST", "/setup", "", Some(BASE), form).await
    }
}

#[tokio::test]
async fn the_code_of_the_terminal_names_the_first_provider_and_owner_and_nothing_else() {
    let story = Story::unlocked();
    let page = story.get("/setup", "").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("belongs to nobody yet"), "{}", page.text);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let done = story.set_up(FORM).await;
    assert_eq!((done.status, done.header("location")), (303, Some("/sign-in")), "{}", done.text);
    assert!(done.cookie("__Host-session").is_none(), "whoever has the code is not thereby signed in");
    let record = story.last();
    assert_eq!(
        (record.operation.as_str(), record.outcome, record.status),
        ("SetupFinish", Outcome::Allowed, Some(303))
    );
    assert_eq!(record.changed.len(), 2);
    assert_eq!(record.details.get("subject").map(String::as_str), Some("ada"));
    assert_eq!(record.details.get("issuer").map(String::as_str), Some("https://login.example.com"));
    let told = serde_json::to_string(&record).unwrap();
    assert!(!told.contains("hunter2") && !told.to_lowercase().contains("abcdefgh"), "{told}");
    let owners = story.services.admin.owners(story.services.clock.now_millis()).await.unwrap();
    let ada = PrincipalId { issuer: "https://login.example.com".into(), subject: "ada".into() };
    assert_eq!(owners, [Grantee::Principal { id: ada }]);
    let stored = story.world.store.image().blobs.get(setup::LABEL).cloned().unwrap();
    assert_eq!(stored.revision, 1);
    assert_eq!(setup::came_through(&story.world.keyring, &stored).unwrap().unwrap().name, "corp");
    // For good: also with a row that was put back to before.
    assert_eq!((story.set_up(FORM).await.status, story.get("/setup", "").await.status), (404, 404));
    let open = setup::open_door(&story.world.keyring, &*story.world.entropy).unwrap();
    story.world.store.meddle(|image| {
        image.blobs.insert(setup::LABEL.to_owned(), SealedBlob { bytes: open.clone(), revision: 0 });
        image.assignments.clear();
    });
    let request = story.world.request(&story.ada);
    assert!(!Setup::was_never_done(&story.services.admin, &request).await.unwrap(), "the log knows");
    assert_eq!(story.get("/setup", "").await.status, 404);
}

#[tokio::test]
async fn nothing_is_set_up_without_the_code_or_where_somebody_owns_the_installation() {
    let story = Story::unlocked();
    let wrong = FORM.replace("abcdefg", "abcdefh");
    for _ in 0..5 {
        let refused = story.set_up(&wrong).await;
        assert_eq!(refused.status, 401, "{}", refused.text);
        assert!(!refused.text.contains("hunter2") && !refused.text.contains("abcdefh"));
    }
    assert_eq!((story.last().reason.as_str(), story.last().outcome), ("setup-code-invalid", Outcome::Unauthenticated));
    assert_eq!(story.set_up(&wrong).await.status, 429, "no other wrong one, for a while");
    // Whoever has the code is heard meanwhile.
    assert_eq!(story.send("POST", "/setup", "", Some("https://evil.example"), FORM).await.status, 403);
    for (part, other) in
        [("login.example.com", "down.example.com"), ("https%3A", "http%3A"), ("subject=ada", "subject=")]
    {
        let refused = story.set_up(&FORM.replace(part, other)).await;
        assert!(matches!(refused.status, 400 | 502), "{part}: {}", refused.status);
        assert!(refused.text.contains("role=\"alert\""), "{part}");
    }
    assert!(story.world.store.image().assignments.is_empty());
    story.world.clock.advance(CODE_MILLIS);
    assert_eq!(story.set_up(FORM).await.status, 401, "its half hour is over");

    let locked = Story::unowned();
    assert_eq!((locked.set_up(FORM).await.status, locked.get("/setup", "").await.status), (404, 404));

    let owned = Story::unlocked();
    let ada = Grantee::Principal { id: owned.ada.id.clone() };
    owned.world.put_grant(ada, Role::Owner, strongroom_domain::grant::Scope::Server).unwrap();
    assert_eq!((owned.set_up(FORM).await.status, owned.get("/setup", "").await.status), (404, 404));
}
