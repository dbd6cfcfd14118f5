//! What a provider answered when it was last asked how it answers. It is asked once in a while, however many look: whoever
//! may see the settings must not have it throttle this server, so that nobody signs in.

use strongroom_domain::sign_in::ProviderLook;
use tokio::sync::Mutex;

/// How long its last answer is shown again, in milliseconds.
const AGAIN_AFTER: i64 = 10_000;

/// That of one provider.
#[derive(Default)]
pub(super) struct LastLook(Mutex<Option<ProviderLook>>);

impl LastLook {
    /// The last answer while it is new, or that of asking now; those who come meanwhile wait for it.
    pub(super) async fn or(&self, now_millis: i64, ask: impl Future<Output = ProviderLook> + Send) -> ProviderLook {
        let mut last = self.0.lock().await;
        let new = |look: &&ProviderLook| (look.at..look.at.saturating_add(AGAIN_AFTER)).contains(&now_millis);
        if let Some(look) = last.as_ref().filter(new) {
            return look.clone();
        }
        let look = ask.await;
        *last = Some(look.clone());
        look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_asked_once_in_ten_seconds() {
        let last = LastLook::default();
        let answer = async |at| ProviderLook {
            at,
            discovery_uri: String::new(),
            discovery: Err("no answer".to_owned()),
            keys: Ok(1),
            clock_ahead: None,
        };
        let begun = 1_700_000_000_000;
        for (now, told) in [(0, 0), (1, 0), (9_999, 0), (10_000, 10_000), (19_999, 10_000), (5, 5)] {
            let look = last.or(begun + now, answer(begun + now)).await;
            assert_eq!(look.at, begun + told, "{now}");
        }
    }
}
