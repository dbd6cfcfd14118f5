//! Whether the time of a decryption tells of the padding of a ciphertext (RSAES-PKCS1-v1_5): Welch's t-test over
//! decryptions of well padded and badly padded ciphertexts, in random order, as dudect does it.
//!
//! Whoever may decrypt sees whether it succeeded. Whoever only sees how long it took must learn nothing.

use std::time::Instant;

use super::*;
use crate::entropy::Entropy;

/// Of all times the slowest tenth is left out: it is the scheduler's.
const KEPT: f64 = 0.9;

fn mean_and_variance(times: &[f64]) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    (mean, times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0) / count)
}

/// Welch's t of two series.
fn t_of(a: &[f64], b: &[f64]) -> f64 {
    let ((mean_a, variance_a), (mean_b, variance_b)) = (mean_and_variance(a), mean_and_variance(b));
    (mean_a - mean_b) / (variance_a + variance_b).sqrt()
}

/// Times of decryptions in nanoseconds: of ciphertexts with good padding and with bad padding.
fn times(count: usize) -> [Vec<f64>; 2] {
    let (key, private) = made(RSA);
    let public = key.public.unwrap();
    let random = SeededEntropy::new(99);
    let draw = |length: usize| {
        let mut bytes = vec![0; length];
        random.fill(&mut bytes).unwrap();
        bytes
    };
    // Ciphertexts are made beforehand, so that both sorts come from the same memory.
    let pool: [Vec<Vec<u8>>; 2] = [
        (0..256).map(|_| public.encrypt(DataAlgorithm::Rsa15, &draw(32)).unwrap()).collect(),
        // Below the modulus, and its padding is right once in some thousands.
        (0..256).map(|_| [vec![0], draw(255)].concat()).collect(),
    ];
    let mut times = [Vec::with_capacity(count), Vec::with_capacity(count)];
    let order = draw(count);
    for (number, coin) in order.into_iter().enumerate() {
        let sort = usize::from(coin & 1);
        let value = pool[sort][number % 256].clone();
        let begun = Instant::now();
        let opened = private.decrypt(DataAlgorithm::Rsa15, &value, None, None, None);
        let took = begun.elapsed();
        assert!(opened.is_ok() || sort == 1);
        times[sort].push(took.as_secs_f64() * 1e9);
    }
    let mut all = times.concat();
    all.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let most = all[(all.len() as f64 * KEPT) as usize];
    times.map(|times| times.into_iter().filter(|time| *time <= most).collect())
}

/// Short enough for every day: it finds a padding that is looked at before the key is used, not a few cycles.
#[test]
fn the_time_of_a_decryption_does_not_tell_of_gross_differences_of_padding() {
    let [good, bad] = times(2000);
    let t = t_of(&good, &bad);
    assert!(t.abs() < 30.0, "t = {t}");
}

/// Proves that the measure measures: a hundredth of a decryption more for one sort is found.
#[test]
fn a_difference_of_a_hundredth_is_found() {
    let noise = SeededEntropy::new(5);
    let draw = |mean: f64| {
        let mut bytes = [0; 8];
        noise.fill(&mut bytes).unwrap();
        mean + f64::from(bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>())
    };
    let same: Vec<f64> = (0..5000).map(|_| draw(10_000.0)).collect();
    let other: Vec<f64> = (0..5000).map(|_| draw(10_000.0)).collect();
    let slower: Vec<f64> = (0..5000).map(|_| draw(10_100.0)).collect();
    assert!(t_of(&same, &other).abs() < 5.0 && t_of(&same, &slower).abs() > 20.0);
}

/// Not a test but a measurement: `cargo test -p strongroom-crypto padding_over -- --ignored --nocapture`.
#[test]
#[ignore = "measures for minutes"]
fn padding_over_100_000_decryptions() {
    let [good, bad] = times(100_000);
    let ((mean_good, _), (mean_bad, _)) = (mean_and_variance(&good), mean_and_variance(&bad));
    println!(
        "{} good at {mean_good:.0} ns, {} bad at {mean_bad:.0} ns, t = {:.2}",
        good.len(),
        bad.len(),
        t_of(&good, &bad)
    );
}
