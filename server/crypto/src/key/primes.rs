//! Whether an RSA key from elsewhere is as hard to take apart as its size promises.
//!
//! AWS-LC checks that the parts of a key fit together, and numbers that are no primes, too small or too close fit
//! as well. Arithmetic here is not in constant time: it runs once, when a key comes in from outside.

use num_bigint_dig::{BigUint, prime::probably_prime};
use zeroize::Zeroizing;

use super::{KeyRejected, KeySpec, NewKey, PrivateParts};

/// Rounds of Miller-Rabin, besides a Lucas test. FIPS 186-5, table B.1, asks for at most 5 with one.
const ROUNDS: usize = 8;
/// By so many bits less than the primes have they must differ at least (FIPS 186-5, A.1.3, step 5.4).
const DISTANCE: usize = 100;

fn number(bytes: &[u8]) -> Zeroizing<BigUint> {
    Zeroizing::new(BigUint::from_bytes_be(bytes))
}

/// Whether the factors of a modulus of so many bytes have half its length and are far apart. Costs nothing.
pub(super) fn balanced(modulus: usize, p: &[u8], q: &[u8]) -> bool {
    let (p, q, half) = (number(p), number(q), modulus * 4);
    if p.bits() != half || q.bits() != half {
        return false;
    }
    let apart = Zeroizing::new(if *p > *q { &*p - &*q } else { &*q - &*p });
    apart.bits() > half - DISTANCE
}

impl NewKey {
    /// Whether both factors of an RSA key are primes; every other key is good. Takes up to tenths of a second of
    /// one core, so it is for keys that somebody may import.
    ///
    /// # Errors
    /// [`KeyRejected::Weak`] when they are not.
    pub fn check_primes(&self) -> Result<(), KeyRejected> {
        let KeySpec::Rsa { .. } = self.spec else { return Ok(()) };
        let PrivateParts::Rsa(parts) = PrivateParts::from_der(self.private.expose())? else {
            return Err(KeyRejected::Inconsistent);
        };
        let primes = [&parts.p, &parts.q].into_iter().all(|factor| probably_prime(&number(factor), ROUNDS));
        if primes { Ok(()) } else { Err(KeyRejected::Weak) }
    }
}
