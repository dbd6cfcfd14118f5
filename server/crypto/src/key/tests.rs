//! Keys made, opened and used; keys from elsewhere; what is refused.

mod imports;
mod timing;
mod vectors;

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use super::*;
use crate::entropy::SeededEntropy;

const RSA: KeySpec = KeySpec::Rsa { bits: 2048 };

fn entropy() -> SeededEntropy {
    SeededEntropy::new(7)
}

fn made(spec: KeySpec) -> (NewKey, PrivateKey) {
    let key = generate(spec, &entropy()).ok().unwrap();
    let private = PrivateKey::open(spec, &key.private).ok().unwrap();
    (key, private)
}

fn digest_for(algorithm: SignAlgorithm, text: &[u8]) -> Vec<u8> {
    digest::digest(algorithm.hash(), text).as_ref().to_vec()
}

fn all_specs() -> Vec<KeySpec> {
    let curves = Curve::ALL.into_iter().map(|crv| KeySpec::Ec { crv });
    curves.chain([RSA, KeySpec::Oct { bits: 128 }, KeySpec::Oct { bits: 192 }, KeySpec::Oct { bits: 256 }]).collect()
}

#[test]
fn every_signing_algorithm_fits_its_keys_and_no_other() {
    for spec in all_specs() {
        let (key, private) = made(spec);
        assert_eq!(private.spec(), spec);
        for algorithm in SignAlgorithm::ALL {
            let digest = digest_for(*algorithm, b"text");
            let signed = private.sign(*algorithm, &digest);
            if !algorithm.fits(spec) {
                assert_eq!(signed, Err(OperationError::Algorithm), "{algorithm:?} {spec:?}");
                continue;
            }
            let signature = signed.unwrap();
            let other = digest_for(*algorithm, b"other text");
            let verify = |digest: &[u8], signature: &[u8]| match &key.public {
                Some(public) => public.verify(*algorithm, digest, signature),
                None => private.verify(*algorithm, digest, signature),
            };
            assert_eq!(verify(&digest, &signature), Ok(true), "{algorithm:?}");
            assert_eq!(verify(&other, &signature), Ok(false));
            for (what, bad) in [
                ("shorter", signature[1..].to_vec()),
                ("longer", [signature.as_slice(), &[0]].concat()),
                ("nothing", Vec::new()),
                ("zeros", vec![0; signature.len()]),
            ] {
                assert_eq!(verify(&digest, &bad), Ok(false), "{algorithm:?} {what}");
            }
            if *algorithm == SignAlgorithm::Es512 {
                assert_eq!(signature.len(), 132, "r and s of fixed length");
            }
            if algorithm.family() != Family::Oct {
                assert_eq!(private.sign(*algorithm, &digest[1..]), Err(OperationError::DigestLength));
                assert_eq!(verify(&digest[1..], &signature), Err(OperationError::DigestLength));
            }
        }
    }
}

#[test]
fn what_is_encrypted_to_an_rsa_key_it_alone_decrypts() {
    let (key, private) = made(RSA);
    let (_, stranger) = made(RSA);
    let public = key.public.unwrap();
    for algorithm in DataAlgorithm::ALL.iter().filter(|algorithm| algorithm.fits(RSA)) {
        let sealed = public.encrypt(*algorithm, b"data").unwrap();
        let opened = private.decrypt(*algorithm, &sealed, None, None, None).unwrap();
        assert_eq!(opened.expose(), b"data");
        assert_eq!(stranger.decrypt(*algorithm, &sealed, None, None, None).err(), Some(OperationError::Failed));
        assert_eq!(public.encrypt(*algorithm, &[0; 300]), Err(OperationError::InputLength));
        for bad in [&sealed[1..], &[sealed.as_slice(), &[0]].concat(), &[], &[0; 256], &[0xff; 256]] {
            let failed = private.decrypt(*algorithm, bad, None, None, None).err();
            assert_eq!(failed, Some(OperationError::Failed), "{algorithm:?}, one error for all");
        }
        let with_iv = private.decrypt(*algorithm, &sealed, Some(&[0; 12]), None, None).err();
        assert_eq!(with_iv, Some(OperationError::Parameter));
    }
}

#[test]
fn symmetric_algorithms_open_what_they_closed_and_nothing_else() {
    let text = [5u8; 32];
    for bits in [128, 192, 256] {
        let spec = KeySpec::Oct { bits };
        let (_, key) = made(spec);
        for algorithm in DataAlgorithm::ALL {
            let aad = (algorithm.mode() == algorithm::Mode::Gcm).then_some(b"aad".as_slice());
            let sealed = key.encrypt(*algorithm, &text, None, aad, &entropy());
            if !algorithm.fits(spec) {
                assert_eq!(sealed, Err(OperationError::Algorithm), "{algorithm:?}");
                continue;
            }
            let Sealed { value, iv, tag } = sealed.unwrap();
            let open = |value: &[u8], tag: Option<&[u8]>| {
                key.decrypt(*algorithm, value, iv.as_deref(), aad, tag).map(|text| text.expose().to_vec())
            };
            assert_eq!(open(&value, tag.as_deref()), Ok(text.to_vec()), "{algorithm:?}");
            let mut flipped = value.clone();
            flipped[0] ^= 1;
            let cut = &value[..value.len() - 1];
            match algorithm.mode() {
                algorithm::Mode::Cbc => assert_ne!(open(&flipped, None), Ok(text.to_vec()), "not authenticated"),
                algorithm::Mode::CbcPad => assert_ne!(open(&flipped, None), Ok(text.to_vec())),
                _ => assert_eq!(open(&flipped, tag.as_deref()), Err(OperationError::Failed), "{algorithm:?}"),
            }
            assert_eq!(open(cut, tag.as_deref()), Err(OperationError::Failed), "{algorithm:?}");
            assert!(open(&[], tag.as_deref()).is_err(), "{algorithm:?}");
            if let Some(tag) = &tag {
                assert_eq!(open(&value, Some(&tag[1..])), Err(OperationError::Parameter));
                assert_eq!(open(&value, Some(&[0; 16])), Err(OperationError::Failed));
                let own_iv = key.encrypt(*algorithm, &text, Some(&[0; 12]), None, &entropy());
                assert_eq!(own_iv, Err(OperationError::Parameter), "a nonce is never the caller's");
            }
        }
    }
}

fn blocks(text: &[u8]) -> Vec<[u8; 16]> {
    text.chunks_exact(16).map(|block| block.try_into().unwrap()).collect()
}

fn xor(one: [u8; 16], other: [u8; 16]) -> [u8; 16] {
    std::array::from_fn(|at| one[at] ^ other[at])
}

/// What an attacker with the right to encrypt had: CBC with an iv of zeros is the block cipher, and that makes
/// the key stream of GCM (NIST SP 800-38D, section 6.5).
fn decrypted_by_encrypting(key: &PrivateKey, sealed: &Sealed) -> Vec<u8> {
    let mut counter = 1_u32;
    let mut open = |block: [u8; 16]| {
        counter += 1;
        let input: Vec<u8> = [sealed.iv.as_deref().unwrap(), &counter.to_be_bytes()].concat();
        let stream = key.encrypt(DataAlgorithm::A256Cbc, &input, Some(&[0; 16]), None, &entropy()).unwrap().value;
        xor(block, stream.try_into().unwrap())
    };
    blocks(&sealed.value).into_iter().flat_map(&mut open).collect()
}

/// What one with the right to decrypt had: the inverse of the block cipher, which is all that RFC 3394,
/// section 2.2.2, takes to unwrap. Two halves of a block of key data.
fn unwrapped_by_decrypting(key: &PrivateKey, wrapped: &[u8]) -> Option<Vec<u8>> {
    let half = |at: usize| -> [u8; 8] { wrapped[at * 8..][..8].try_into().unwrap() };
    let (mut a, mut r) = (half(0), [half(1), half(2)]);
    for t in (1..=12_u64).rev() {
        let number = usize::from(t.is_multiple_of(2));
        let masked = (u64::from_be_bytes(a) ^ t).to_be_bytes();
        let input = [masked, r[number]].concat();
        let block = key.decrypt(DataAlgorithm::A256Cbc, &input, Some(&[0; 16]), None, None).unwrap();
        (a, r[number]) = (block.expose()[..8].try_into().unwrap(), block.expose()[8..].try_into().unwrap());
    }
    (a == [0xa6; 8]).then(|| r.concat())
}

#[test]
fn encrypting_does_not_decrypt_and_decrypting_does_not_unwrap_with_a_key_made_here() {
    let text = [7; 32];
    let given = NewKey::from_oct(Zeroizing::new((0..32).collect())).ok().unwrap();
    let given = PrivateKey::open(given.spec, &given.private).ok().unwrap();
    let (_, made) = made(KeySpec::Oct { bits: 256 });
    // Bytes from elsewhere are one key for all, as Azure has it: whoever imports them has to know.
    for (key, lends) in [(&given, true), (&made, false)] {
        let sealed = key.encrypt(DataAlgorithm::A256Gcm, &text, None, None, &entropy()).unwrap();
        assert_eq!(decrypted_by_encrypting(key, &sealed) == text, lends);
        let wrapped = key.encrypt(DataAlgorithm::A256Kw, &text[..16], None, None, &entropy()).unwrap().value;
        assert_eq!(unwrapped_by_decrypting(key, &wrapped).as_deref() == Some(&text[..16]), lends);
    }
}

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(text.replace(' ', "").as_bytes()).unwrap()
}

/// RFC 3394, sections 4.1 to 4.3: 128 bits of key data wrapped by 128, 192 and 256 bits.
#[test]
fn key_wrap_gives_what_the_rfc_gives() {
    let kek = hex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
    let data = hex("00112233445566778899AABBCCDDEEFF");
    for (bits, algorithm, wrapped) in [
        (128, DataAlgorithm::A128Kw, "1FA68B0A8112B447 AEF34BD8FB5A7B82 9D3E862371D2CFE5"),
        (192, DataAlgorithm::A192Kw, "96778B25AE6CA435 F92B5B97C050AED2 468AB8A17AD84E5D"),
        (256, DataAlgorithm::A256Kw, "64E8C3F9CE0F5BA2 63E9777905818A2A 93C8191E7D6E8AE7"),
    ] {
        let key = NewKey::from_oct(Zeroizing::new(kek[..usize::from(bits / 8u16)].to_vec())).ok().unwrap();
        let key = PrivateKey::open(key.spec, &key.private).ok().unwrap();
        let sealed = key.encrypt(algorithm, &data, None, None, &entropy()).unwrap();
        assert_eq!(sealed.value, hex(wrapped));
        assert_eq!(key.decrypt(algorithm, &sealed.value, None, None, None).unwrap().expose(), data);
    }
}

#[test]
fn a_public_key_has_a_form_that_others_read() {
    use x509_parser::{prelude::FromDer, public_key::PublicKey as Parsed, x509::SubjectPublicKeyInfo};
    for spec in all_specs() {
        let (key, _) = made(spec);
        let Some(public) = key.public else { continue };
        let der = public.spki().unwrap();
        let (rest, info) = SubjectPublicKeyInfo::from_der(&der).unwrap();
        assert!(rest.is_empty());
        match (&public, info.parsed().unwrap()) {
            (PublicKey::Rsa { n, .. }, Parsed::RSA(key)) => {
                assert_eq!(n.as_slice(), key.modulus.strip_prefix(&[0]).unwrap_or(key.modulus));
            }
            (PublicKey::Ec { x, y, .. }, Parsed::EC(point)) => assert_eq!(PublicKey::point(x, y), point.data()),
            _ => panic!("{spec:?}"),
        }
    }
}
