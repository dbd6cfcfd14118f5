//! How many long answers are in memory at once: backups, of up to 16 MiB each.
//!
//! A place is taken before anything is read, and kept until the client has taken a long answer. One caller has one
//! at a time and waits for it: so many backups at once are made one after another, and whoever takes theirs slowly
//! keeps nobody else waiting.

use strongroom_domain::{places::Places, principal::PrincipalId};

pub(crate) use strongroom_domain::places::Place;

use crate::{message::Response, problem::Problem};

/// How many are in memory at once.
const PLACES: usize = 8;
/// An answer of up to so many bytes gives its place back as soon as it is written; connections hold as much anyway.
const SHORT: usize = 256 * 1024;

/// The places for long answers.
#[derive(Clone)]
pub struct LongAnswers(Places);

impl Default for LongAnswers {
    fn default() -> Self {
        Self(Places::new(PLACES))
    }
}

impl LongAnswers {
    /// A place, once the caller has none and there is one.
    ///
    /// # Errors
    /// 429 when that takes too long.
    pub(crate) async fn enter(&self, caller: &PrincipalId) -> Result<Place, Problem> {
        self.0.enter(caller).await.ok_or_else(|| Problem::throttled(1))
    }
}

impl Response {
    /// Keeps the place until the client has taken the answer, if it is a long one.
    pub(crate) fn in_place(self, place: Place) -> Self {
        let place = (self.body.len() > SHORT).then_some(place);
        Self { place, ..self }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use zeroize::Zeroizing;

    use super::*;

    fn caller(subject: &str) -> PrincipalId {
        PrincipalId { issuer: "https://issuer.example".to_owned(), subject: subject.to_owned() }
    }

    #[tokio::test]
    async fn a_short_answer_gives_its_place_back_at_once() {
        let answers = LongAnswers::default();
        for (length, kept) in [(SHORT, false), (SHORT + 1, true)] {
            let place = answers.enter(&caller("a")).await.ok().unwrap();
            let answer = Response { body: Zeroizing::new(vec![b'x'; length]), ..Response::empty(200) }.in_place(place);
            assert_eq!(answers.enter(&caller("a")).now_or_never().is_none(), kept, "{length}");
            drop(answer);
        }
    }
}
