//! Who may send more than [`MAX_BODY`]: a caller with a valid token or session, to a route that takes backups or
//! policy modules, one at a time and at a steady pace. Everybody else is cut off early, so that nobody can fill the
//! memory before it is known who they are, and nobody who is known can keep the others out.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use strongroom_domain::{backup::MAX_BACKUP_BYTES, policy_module::MAX_MODULE_BYTES, principal::PrincipalId};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use zeroize::Zeroizing;

use crate::{
    dashboard::{self, multipart},
    edge::{self, MAX_BODY, RawRequest, Unreadable},
    message::Method,
    paths::{self, Host},
    routes::{self, Endpoint, Found, Site},
    services::Services,
};

/// Longest body of a restore: the longest backup in base64url, and the JSON around it.
const MAX_RESTORE_BODY: usize = MAX_BACKUP_BYTES / 3 * 4 + 4096;
/// How many such bodies are in memory at once.
const PLACES: usize = 4;
/// How long whoever has a place may take before anything of the rest must be there.
const HEAD_START: Duration = Duration::from_secs(2);
/// What must come in each second after that.
const BYTES_A_SECOND: u64 = 64 * 1024;

/// The places for long bodies.
#[derive(Clone)]
pub struct LongBodies {
    places: Arc<Semaphore>,
    /// Who has a place or waits for one.
    occupants: Arc<Mutex<HashSet<PrincipalId>>>,
}

impl Default for LongBodies {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)), occupants: Arc::default() }
    }
}

impl LongBodies {
    /// A place, as soon as there is one: none for a principal that has one already or waits.
    async fn enter(&self, principal: &PrincipalId) -> Option<Place> {
        let occupants = || self.occupants.lock().unwrap_or_else(PoisonError::into_inner);
        if !occupants().insert(principal.clone()) {
            return None;
        }
        let mut place = Place { bodies: self.clone(), principal: principal.clone(), _permit: None };
        place._permit = Some(Arc::clone(&self.places).acquire_owned().await.ok()?);
        Some(place)
    }
}

/// A place among the long bodies; given back when dropped.
pub(crate) struct Place {
    bodies: LongBodies,
    principal: PrincipalId,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.bodies.occupants.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.principal);
    }
}

/// The pace at which a body with a place must come: who has one and sends little gives it back early.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    since: Instant,
    already: usize,
}

impl Pace {
    /// From now on, with so much of the body here.
    pub(crate) fn begin(already: usize) -> Self {
        Self { since: Instant::now(), already }
    }

    /// When the next part must have come, with so much of the body here.
    pub(crate) fn due(self, length: usize) -> Instant {
        let sent = u64::try_from(length.saturating_sub(self.already)).unwrap_or(u64::MAX);
        self.since + HEAD_START + Duration::from_millis(sent.saturating_mul(1000) / BYTES_A_SECOND)
    }
}

/// A request that may have a long body if its token is valid, or its session.
pub(crate) struct Claim {
    proof: Proof,
    limit: usize,
}

/// What shows who sends it.
enum Proof {
    Token(Option<Zeroizing<String>>),
    Session(Option<String>),
}

impl Claim {
    /// What a request claims by its head alone: none if its route takes no long body.
    pub(crate) fn of(services: &Services, raw: &RawRequest) -> Option<Self> {
        let site = match services.addresses.classify(&raw.authority) {
            Host::Vault(Some(_)) => Site::Vault,
            Host::Base => Site::Base,
            Host::Vault(None) | Host::Foreign => return None,
        };
        let path = paths::segments(&raw.path).ok()?;
        let Found::Route(route, _) = routes::find(site, Method::parse(&raw.method), &path) else { return None };
        let token = || Proof::Token(raw.authorization.clone());
        let session = || Proof::Session(raw.cookies.clone());
        let of_ours = || raw.origin.as_deref() == Some(services.addresses.base());
        let (proof, limit) = match route.endpoint {
            Endpoint::SecretRestore | Endpoint::KeyRestore | Endpoint::CertificateRestore => {
                (token(), MAX_RESTORE_BODY)
            }
            Endpoint::PolicyModulePush => (token(), MAX_MODULE_BYTES),
            // A page of somebody else sends our cookie too, and takes nobody's place.
            Endpoint::ModuleUploadForm if of_ours() => (session(), MAX_MODULE_BYTES + multipart::AROUND),
            Endpoint::KeyRestoreForm if of_ours() => (session(), MAX_BACKUP_BYTES + multipart::AROUND),
            _ => return None,
        };
        Some(Self { proof, limit })
    }

    /// How long a body the request may have, with its place among the long ones.
    ///
    /// # Errors
    /// [`Unreadable::Crowded`] while the principal sends another one.
    pub(crate) async fn judged(self, services: &Services) -> Result<(usize, Option<Place>), Unreadable> {
        let now = services.clock.now_millis();
        let sender = match &self.proof {
            Proof::Token(token) => {
                edge::authenticate(services, token.as_ref(), now).await.ok().map(|principal| principal.id.clone())
            }
            Proof::Session(cookies) => {
                let session = dashboard::session(services, cookies.as_deref(), now).await.ok().flatten();
                session.map(|session| session.principal.id.clone())
            }
        };
        match sender {
            Some(sender) => {
                let place = services.long_bodies.enter(&sender).await.ok_or(Unreadable::Crowded)?;
                Ok((self.limit, Some(place)))
            }
            None => Ok((MAX_BODY, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn principal(subject: &str) -> PrincipalId {
        PrincipalId { issuer: "https://issuer.example".to_owned(), subject: subject.to_owned() }
    }

    #[tokio::test]
    async fn a_principal_has_one_place_and_keeps_nobody_out() {
        let bodies = LongBodies::default();
        let own = bodies.enter(&principal("a")).await.unwrap();
        assert!(bodies.enter(&principal("a")).await.is_none());
        let _b = bodies.enter(&principal("b")).await.unwrap();
        drop(own);
        assert!(bodies.enter(&principal("a")).await.is_some());
    }

    #[tokio::test]
    async fn a_body_that_comes_in_drops_has_no_more_than_its_head_start() {
        let pace = Pace::begin(MAX_BODY);
        let seconds = |length| pace.due(length).duration_since(pace.since).as_secs();
        assert_eq!(seconds(MAX_BODY), 2);
        assert_eq!(seconds(MAX_BODY + 100), 2, "a byte now and then gains nothing");
        assert_eq!(seconds(MAX_BODY + 64 * 1024), 3);
        assert_eq!(seconds(MAX_BODY + 1024 * 1024), 18);
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_nothing_behind() {
        let bodies = LongBodies::default();
        let mut inside = Vec::new();
        for number in 0..PLACES {
            inside.push(bodies.enter(&principal(&number.to_string())).await.unwrap());
        }
        assert!(bodies.enter(&principal("late")).now_or_never().is_none(), "all places are taken");
        inside.pop();
        assert!(bodies.enter(&principal("late")).await.is_some());
    }
}
