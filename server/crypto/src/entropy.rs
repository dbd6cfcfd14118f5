//! Where randomness comes from: an argument everywhere, so a test can replay what production draws.
//!
//! Must never fall back to a weaker source: when the system gives nothing, the operation fails.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// A source of cryptographically secure random bytes.
pub trait Entropy: Send + Sync {
    /// Fills all of `out` or fails; a partly filled buffer is never reported as success.
    ///
    /// # Errors
    /// [`EntropyError`] when the source cannot give the bytes.
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError>;
}

/// The random source gave no bytes. Nothing may be sealed or generated until it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random source is unavailable")]
pub struct EntropyError;

/// The production source: the generator of AWS-LC (NIST SP 800-90A), seeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        SystemRandom::new().fill(out).map_err(|_| EntropyError)
    }
}

/// Draws an array, for nonces and identifiers that are public.
pub(crate) fn draw<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut out = [0u8; N];
    entropy.fill(&mut out)?;
    Ok(out)
}

/// Draws a 256-bit key.
pub(crate) fn draw_key(entropy: &dyn Entropy) -> Result<Zeroizing<[u8; 32]>, EntropyError> {
    let mut out = Zeroizing::new([0u8; 32]);
    entropy.fill(out.as_mut_slice())?;
    Ok(out)
}

/// A reproducible stream for tests: SHA-256 of seed and counter.
///
/// **Never for production**: whoever knows the seed knows every key and every nonce. It exists only
/// under `cfg(test)` and the feature `test-support`, which no production build enables.
#[cfg(any(test, feature = "test-support"))]
pub struct SeededEntropy {
    seed: u64,
    counter: std::sync::atomic::AtomicU64,
}

#[cfg(any(test, feature = "test-support"))]
impl SeededEntropy {
    /// A stream that is the same for the same seed and the same sequence of calls.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: std::sync::atomic::AtomicU64::new(0) }
    }
}

#[cfg(any(test, feature = "test-support"))]
impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in out.chunks_mut(32) {
            let counter = self.counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let block =
                crate::canonical::Canonical::new("strongroom/test/seeded-entropy").u64(self.seed).u64(counter).sha256();
            for (to, from) in chunk.iter_mut().zip(block) {
                *to = from;
            }
        }
        Ok(())
    }
}

/// A source that always fails, to show that nothing is made without randomness.
#[cfg(test)]
pub(crate) struct NoEntropy;

#[cfg(test)]
impl Entropy for NoEntropy {
    fn fill(&self, _out: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_source_fills_the_whole_buffer_and_differs_between_calls() {
        let first: [u8; 64] = draw(&SystemEntropy).unwrap();
        let second: [u8; 64] = draw(&SystemEntropy).unwrap();
        assert_ne!(first, second);
        assert_ne!(first[48..], [0u8; 16]);
    }

    #[test]
    fn the_seeded_source_repeats_itself_and_seeds_differ() {
        let first: [u8; 70] = draw(&SeededEntropy::new(7)).unwrap();
        let again: [u8; 70] = draw(&SeededEntropy::new(7)).unwrap();
        let other: [u8; 70] = draw(&SeededEntropy::new(8)).unwrap();
        assert_eq!(first, again);
        assert_ne!(first, other);

        let stream = SeededEntropy::new(7);
        let a: [u8; 12] = draw(&stream).unwrap();
        let b: [u8; 12] = draw(&stream).unwrap();
        assert_ne!(a, b, "a stream never gives the same nonce twice");
    }
}
