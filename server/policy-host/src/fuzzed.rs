//! What the fuzz targets of `tests/fuzz` call: the functions that read in the server what a child says, and in a
//! child what the server says.
//!
//! Nothing of the product calls this. It must hold no logic of its own: a target tries what runs, or it proves nothing.

use strongroom_domain::policy::{ModuleDigest, PolicyAnswer, PolicyFailure, PolicyRequest, Unfit};

use crate::isolated::frame::{self, Done, Hello, Order};
use crate::isolated::{Asked, Question, child};
use crate::{WasmPolicyEngine, believe};

/// What a child replies to a message on its socket; none, and then it ends, when that is no question.
#[must_use]
pub fn reply_of_child(engine: &WasmPolicyEngine, message: &[u8]) -> Option<Vec<u8>> {
    child::reply(engine, message).ok()
}

/// What a module says of each request, or why it says nothing.
pub type Judged = Result<Vec<PolicyAnswer>, PolicyFailure>;

/// What the server believes of a message from its child's socket.
pub struct Believed {
    /// Of each module, as an answer to who was asked to judge.
    pub judged: Result<Vec<Judged>, PolicyFailure>,
    /// As an answer to who was asked whether it takes its settings.
    pub checked: Result<(), Unfit>,
}

/// Reads a message from a child's socket that answers a question about so many modules and requests. None when it is
/// no message, and then the child is ended.
#[must_use]
pub fn believed_of_child(message: &[u8], modules: usize, requests: usize, until_denied: bool) -> Option<Believed> {
    let read = || frame::split(message).and_then(|(_, body)| frame::decode(body));
    let put = believe::Put { modules, requests, until_denied };
    let judged = believe::judgement(read().ok()?, &put, u64::MAX);
    let judged = judged.map(|modules| modules.into_iter().map(|ran| ran.judged).collect());
    Some(Believed { judged, checked: believe::check(read().ok()?) })
}

/// Whether bytes are, on the control socket, what the child says first, what it is told, and how that went.
#[must_use]
pub fn control_reads(bytes: &[u8]) -> [bool; 3] {
    let mut streams = [bytes, bytes, bytes];
    let [hello, order, done] = &mut streams;
    [
        matches!(frame::read_value::<Hello>(hello), Ok(Some(_))),
        matches!(frame::read_value::<Order>(order), Ok(Some(_))),
        matches!(frame::read_value::<Done>(done), Ok(Some(_))),
    ]
}

/// The message that asks a child to have a module judge requests, or look at its settings when there are none.
#[must_use]
pub fn question(module: ModuleDigest, settings: &str, requests: &[PolicyRequest]) -> Option<Vec<u8>> {
    let module = Asked { module, settings: settings.into() };
    let question = if requests.is_empty() {
        Question::Check { module }
    } else {
        Question::Judge { modules: vec![module], requests: requests.into(), until_denied: false }
    };
    frame::encode(1, &question).ok()
}
