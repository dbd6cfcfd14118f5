//! What is under way between two forms, the one that shows what would come of it and the one that does it.
//!
//! It is with the browser, sealed for this session and for what it is for, and for ten minutes: nobody has to choose a file
//! twice, this node keeps nothing of it, and nobody can read it out of the page.

use data_encoding::BASE64URL_NOPAD;
use strongroom_crypto::Plaintext;
use zeroize::Zeroizing;

use super::frame::Viewer;
use crate::problem::Problem;

/// For how long it may be gone on with, in seconds.
const LIFETIME: i64 = 600;

/// What it is sealed together with.
fn bound(viewer: &Viewer<'_>, place: &str) -> Vec<u8> {
    let mut bytes = viewer.session.id_hash.to_vec();
    bytes.extend_from_slice(place.as_bytes());
    bytes
}

/// `sealed at (8 bytes) ‖ length of what it is bound to (2) ‖ what it is bound to ‖ what is under way`.
pub(super) fn seal(viewer: &Viewer<'_>, label: &str, place: &str, under_way: &[u8]) -> Result<String, Problem> {
    let bound = bound(viewer, place);
    let length = u16::try_from(bound.len()).map_err(|_| Problem::internal())?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(10 + bound.len() + under_way.len()));
    bytes.extend_from_slice(&viewer.now().to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&bound);
    bytes.extend_from_slice(under_way);
    let plain = Plaintext::new(std::mem::take(&mut *bytes));
    let sealed = viewer.services.keyring.seal_passing(label, &plain, &*viewer.services.entropy).map_err(|error| {
        tracing::error!(%error, label, "what is under way could not be sealed");
        Problem::internal()
    })?;
    Ok(BASE64URL_NOPAD.encode(&sealed))
}

/// None for what was not sealed here for this session and this place within the last ten minutes.
pub(super) fn open(viewer: &Viewer<'_>, label: &str, place: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let sealed = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let opened = viewer.services.keyring.open_passing(label, &sealed).ok()?;
    let (at, rest) = opened.expose().split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (bound_to, under_way) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let age = viewer.now().checked_sub(i64::from_be_bytes(*at))?;
    let fits = bound_to == bound(viewer, place) && (0..LIFETIME).contains(&age);
    fits.then(|| Zeroizing::new(under_way.to_vec()))
}
