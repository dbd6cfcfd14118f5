//! Who may send more than [`MAX_BODY`]: a caller with a valid token, to the one route that takes
//! backups, two at a time. Everybody else is cut off early, so that nobody can fill the memory
//! before it is known who they are.

use std::sync::Arc;

use strongroom_domain::backup::MAX_BACKUP_BYTES;
use tokio::sync::{Semaphore, SemaphorePermit};
use zeroize::Zeroizing;

use crate::{
    edge::{self, MAX_BODY, RawRequest},
    message::Method,
    paths::{self, Host},
    routes::{self, Endpoint, Found, Site},
    services::Services,
};

/// Longest body of a restore: the longest backup in base64url, and the JSON around it.
const MAX_RESTORE_BODY: usize = MAX_BACKUP_BYTES / 3 * 4 + 4096;
/// How many such bodies are in memory at once.
static PLACES: Semaphore = Semaphore::const_new(2);

/// A request that may have a long body if its token is valid.
pub(crate) struct Claim {
    authorization: Option<Zeroizing<String>>,
}

impl Claim {
    /// What a request claims by its head alone: none if its route takes no long body.
    pub(crate) fn of(services: &Services, raw: &RawRequest) -> Option<Self> {
        let to_a_vault = matches!(services.addresses.classify(&raw.authority), Host::Vault(Some(_)));
        let path = paths::segments(&raw.path).ok()?;
        let restores = match routes::find(Site::Vault, Method::parse(&raw.method), &path) {
            Found::Route(route, _) => route.endpoint == Endpoint::SecretRestore,
            _ => false,
        };
        (to_a_vault && restores).then(|| Self { authorization: raw.authorization.clone() })
    }

    /// How long a body the request may have, with its place among the long ones.
    pub(crate) async fn judged(self, services: &Arc<Services>) -> (usize, Option<SemaphorePermit<'static>>) {
        let now = services.clock.now_millis();
        if edge::authenticate(services, self.authorization.as_ref(), now).await.is_err() {
            return (MAX_BODY, None);
        }
        match PLACES.acquire().await {
            Ok(place) => (MAX_RESTORE_BODY, Some(place)),
            Err(_) => (MAX_BODY, None),
        }
    }
}
