//! Algorithms of keys as PKCS#11 has them: templates, mechanisms, and what return values mean.

use cryptoki::{
    context::Function,
    error::{Error, RvError},
    mechanism::{
        Mechanism, MechanismType,
        aead::GcmParams,
        rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource, PkcsPssParams},
    },
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use strongroom_crypto::key::{Curve, DataAlgorithm, KeySpec, PublicKey, SignAlgorithm, TokenCipher, TokenUse};
use zeroize::{Zeroize as _, Zeroizing};

const TAG_BITS: u64 = 128;

/// What every key that is kept in the token has: it cannot be read, taken out or changed.
pub(crate) fn kept(label: &str, id: &[u8]) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Modifiable(false),
        Attribute::Derive(false),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(id.to_vec()),
    ]
}

/// Whether the token says of a key that it was generated there, and that its value has never been where it can be
/// read. The standard has every token say that of every key.
pub(crate) fn is_made_here(session: &Session, key: ObjectHandle) -> Result<bool, Error> {
    let wanted = [
        Attribute::Sensitive(true),
        Attribute::AlwaysSensitive(true),
        Attribute::Extractable(false),
        Attribute::NeverExtractable(true),
        Attribute::Local(true),
    ];
    let types = wanted.each_ref().map(Attribute::attribute_type);
    let told = session.get_attributes(key, &types)?;
    Ok(wanted.iter().all(|wanted| told.contains(wanted)))
}

/// Object identifier of a curve in DER (RFC 5480, SEC 2).
fn parameters(curve: Curve) -> &'static [u8] {
    match curve {
        Curve::P256 => &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        Curve::P256K => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a],
        Curve::P384 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
        Curve::P521 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
    }
}

/// The content of CKA_EC_POINT: the point in an OCTET STRING of DER, or bare as some modules give it.
fn point(given: &[u8], curve: Curve) -> Option<PublicKey> {
    let of = |point: &[u8]| PublicKey::from_point(curve, point);
    let wrapped = match given {
        [0x04, 0x81, _, point @ ..] => of(point),
        [0x04, _, point @ ..] => of(point),
        _ => None,
    };
    wrapped.or_else(|| of(given))
}

/// Makes a pair whose private half stays; of the public half only what is read here is left.
pub(crate) fn make_pair(session: &Session, spec: KeySpec, label: &str, id: &[u8]) -> Result<PublicKey, Error> {
    let mut private = kept(label, id);
    private.extend([Attribute::Sign(true), Attribute::Unwrap(false)]);
    let mut public = vec![Attribute::Token(false), Attribute::Verify(true)];
    let (mechanism, wanted) = match spec {
        KeySpec::Rsa { bits } => {
            private.push(Attribute::Decrypt(true));
            public.extend([Attribute::ModulusBits(u64::from(bits).into()), Attribute::PublicExponent(vec![1, 0, 1])]);
            (Mechanism::RsaPkcsKeyPairGen, vec![AttributeType::Modulus, AttributeType::PublicExponent])
        }
        KeySpec::Ec { crv } => {
            private.push(Attribute::Decrypt(false));
            public.push(Attribute::EcParams(parameters(crv).to_vec()));
            (Mechanism::EccKeyPairGen, vec![AttributeType::EcPoint])
        }
        KeySpec::Oct { .. } => return Err(Error::InvalidValue),
    };
    let (public, _) = session.generate_key_pair(&mechanism, &public, &private)?;
    let read = session.get_attributes(public, &wanted)?;
    session.destroy_object(public)?;
    let (mut modulus, mut exponent, mut on_curve) = (None, None, None);
    for attribute in read {
        match attribute {
            Attribute::Modulus(bytes) => modulus = Some(without_zeros(&bytes)),
            Attribute::PublicExponent(bytes) => exponent = Some(without_zeros(&bytes)),
            Attribute::EcPoint(bytes) => on_curve = Some(bytes),
            _ => {}
        }
    }
    let public = match spec {
        KeySpec::Ec { crv } => on_curve.and_then(|bytes| point(&bytes, crv)),
        _ => modulus.zip(exponent).map(|(n, e)| PublicKey::Rsa { n, e }),
    };
    public.ok_or(Error::InvalidValue)
}

fn without_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().skip_while(|byte| **byte == 0).copied().collect()
}

/// Makes the object of a symmetric key for one use.
pub(crate) fn make_symmetric(
    session: &Session,
    spec: KeySpec,
    of: TokenUse,
    label: &str,
    id: &[u8],
) -> Result<(), Error> {
    let KeySpec::Oct { bits } = spec else { return Err(Error::InvalidValue) };
    let wraps = of == TokenUse::Wrap;
    let mut template = kept(label, id);
    template.extend([
        Attribute::ValueLen(u64::from(bits / 8).into()),
        Attribute::Encrypt(!wraps),
        Attribute::Decrypt(!wraps),
        Attribute::Wrap(wraps),
        Attribute::Unwrap(wraps),
    ]);
    session.generate_key(&Mechanism::AesKeyGen, &template).map(|_| ())
}

/// The digest as RSASSA-PKCS1-v1_5 signs it (RFC 8017, section 9.2).
fn digest_info(algorithm: SignAlgorithm, digest: &[u8]) -> Vec<u8> {
    let (of_hash, length) = match algorithm {
        SignAlgorithm::Rs256 => (1, 32),
        SignAlgorithm::Rs384 => (2, 48),
        _ => (3, 64),
    };
    let identifier = [0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, of_hash, 0x05, 0x00];
    [&[0x30, 17 + length], identifier.as_slice(), &[0x04, length], digest].concat()
}

fn hash(algorithm: SignAlgorithm) -> (MechanismType, PkcsMgfType, u64) {
    match algorithm {
        SignAlgorithm::Ps256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32),
        SignAlgorithm::Ps384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48),
        _ => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64),
    }
}

/// Signs a digest.
pub(crate) fn sign(
    session: &Session,
    key: ObjectHandle,
    algorithm: SignAlgorithm,
    digest: &[u8],
) -> Result<Vec<u8>, Error> {
    use SignAlgorithm::{Es256, Es256K, Es384, Es512, Hs256, Hs384, Hs512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    match algorithm {
        Rs256 | Rs384 | Rs512 => session.sign(&Mechanism::RsaPkcs, key, &digest_info(algorithm, digest)),
        Ps256 | Ps384 | Ps512 => {
            let (hash_alg, mgf, salt) = hash(algorithm);
            let params = PkcsPssParams { hash_alg, mgf, s_len: salt.into() };
            session.sign(&Mechanism::RsaPkcsPss(params), key, digest)
        }
        Es256 | Es256K | Es384 | Es512 => session.sign(&Mechanism::Ecdsa, key, digest),
        Hs256 | Hs384 | Hs512 => Err(Error::InvalidValue),
    }
}

/// Decrypts with an RSA key.
pub(crate) fn rsa_decrypt(
    session: &Session,
    key: ObjectHandle,
    algorithm: DataAlgorithm,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mechanism = match algorithm {
        DataAlgorithm::RsaOaep => oaep(MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
        DataAlgorithm::RsaOaep256 => oaep(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        _ => Mechanism::RsaPkcs,
    };
    session.decrypt(&mechanism, key, ciphertext).map(Zeroizing::new)
}

fn oaep(hash: MechanismType, mgf: PkcsMgfType) -> Mechanism<'static> {
    Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mgf, PkcsOaepSource::empty()))
}

/// Encrypts or wraps. A text to wrap becomes an object of the session for as long as that takes, because modules wrap
/// objects alone.
pub(crate) fn encrypt(
    session: &Session,
    key: ObjectHandle,
    cipher: TokenCipher<'_>,
    text: &[u8],
) -> Result<Vec<u8>, Error> {
    match cipher {
        TokenCipher::Gcm { mut nonce, aad } => {
            let given = nonce;
            let sealed = {
                let params = GcmParams::new(&mut nonce, aad, TAG_BITS.into())?;
                session.encrypt(&Mechanism::AesGcm(params), key, text)?
            };
            // A token that draws nonces itself writes its own over the one it is given, which nobody would learn of.
            if nonce == given { Ok(sealed) } else { Err(Error::NotSupported) }
        }
        TokenCipher::Cbc { iv, padded } => session.encrypt(&cbc(iv, padded), key, text),
        TokenCipher::Wrap => {
            let mut template = passing();
            template.push(Attribute::Value(text.to_vec()));
            let created = session.create_object(&template);
            if let Some(Attribute::Value(text)) = template.last_mut() {
                text.zeroize();
            }
            let object = created?;
            let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, key, object);
            session.destroy_object(object)?;
            wrapped
        }
    }
}

/// Decrypts or unwraps.
pub(crate) fn decrypt(
    session: &Session,
    key: ObjectHandle,
    cipher: TokenCipher<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    match cipher {
        TokenCipher::Gcm { mut nonce, aad } => {
            let params = GcmParams::new(&mut nonce, aad, TAG_BITS.into())?;
            session.decrypt(&Mechanism::AesGcm(params), key, sealed).map(Zeroizing::new)
        }
        TokenCipher::Cbc { iv, padded } => session.decrypt(&cbc(iv, padded), key, sealed).map(Zeroizing::new),
        TokenCipher::Wrap => {
            let object = session.unwrap_key(&Mechanism::AesKeyWrap, key, sealed, &passing())?;
            let read = session.get_attributes(object, &[AttributeType::Value]);
            session.destroy_object(object)?;
            let value = read?.into_iter().find_map(|attribute| match attribute {
                Attribute::Value(value) => Some(Zeroizing::new(value)),
                _ => None,
            });
            value.ok_or(Error::InvalidValue)
        }
    }
}

fn cbc(iv: [u8; 16], padded: bool) -> Mechanism<'static> {
    if padded { Mechanism::AesCbcPad(iv) } else { Mechanism::AesCbc(iv) }
}

/// Somebody's key on its way through: an object of the session that can be read.
fn passing() -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Token(false),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ]
}

/// Whether the module says that it cannot do this at all.
pub(crate) fn lacks(error: &Error) -> bool {
    use RvError::{
        ArgumentsBad, AttributeTypeInvalid, AttributeValueInvalid, CurveNotSupported, DomainParamsInvalid,
        FunctionNotSupported, KeySizeRange, KeyTypeInconsistent, MechanismInvalid, MechanismParamInvalid,
        TemplateInconsistent,
    };
    match error {
        Error::NotSupported | Error::NullFunctionPointer => true,
        Error::Pkcs11(MechanismInvalid | MechanismParamInvalid | FunctionNotSupported | CurveNotSupported, _) => true,
        // Of what begins an operation, before any of the data is looked at.
        Error::Pkcs11(ArgumentsBad | KeySizeRange | KeyTypeInconsistent, function) => matches!(
            function,
            Function::SignInit
                | Function::DecryptInit
                | Function::EncryptInit
                | Function::GenerateKey
                | Function::GenerateKeyPair
        ),
        Error::Pkcs11(
            AttributeTypeInvalid | AttributeValueInvalid | DomainParamsInvalid | TemplateInconsistent,
            Function::GenerateKey | Function::GenerateKeyPair,
        ) => true,
        _ => false,
    }
}

/// Whether the module says that the token has no room for what was to be made.
pub(crate) fn is_full(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(
            RvError::DeviceMemory,
            Function::GenerateKey | Function::GenerateKeyPair | Function::CreateObject
        )
    )
}

/// Whether the module says that the token, or the session, is not there.
pub(crate) fn is_away(error: &Error) -> bool {
    use RvError::{
        CryptokiNotInitialized, DeviceError, DeviceMemory, DeviceRemoved, KeyHandleInvalid, ObjectHandleInvalid,
        OperationActive, SessionClosed, SessionHandleInvalid, TokenNotPresent, TokenNotRecognized, UserNotLoggedIn,
    };
    matches!(
        error,
        Error::Pkcs11(
            CryptokiNotInitialized
                | DeviceError
                | DeviceMemory
                | DeviceRemoved
                | KeyHandleInvalid
                | ObjectHandleInvalid
                | OperationActive
                | SessionClosed
                | SessionHandleInvalid
                | TokenNotPresent
                | TokenNotRecognized
                | UserNotLoggedIn,
            _
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_without_room_is_full_where_something_is_made_and_away_otherwise() {
        for (function, full) in [
            (Function::GenerateKey, true),
            (Function::GenerateKeyPair, true),
            (Function::CreateObject, true),
            (Function::SignInit, false),
        ] {
            assert_eq!(is_full(&Error::Pkcs11(RvError::DeviceMemory, function)), full);
            assert!(!is_full(&Error::Pkcs11(RvError::DeviceRemoved, function)));
        }
        assert!(is_away(&Error::Pkcs11(RvError::DeviceMemory, Function::SignInit)));
    }

    /// The prefixes as RFC 8017 prints them (section 9.2, notes).
    #[test]
    fn a_digest_is_signed_in_the_form_of_the_standard() {
        let prefix = |algorithm, length: usize| {
            let info = digest_info(algorithm, &vec![7; length]);
            data_encoding::HEXLOWER.encode(&info[..info.len() - length])
        };
        assert_eq!(prefix(SignAlgorithm::Rs256, 32), "3031300d060960864801650304020105000420");
        assert_eq!(prefix(SignAlgorithm::Rs384, 48), "3041300d060960864801650304020205000430");
        assert_eq!(prefix(SignAlgorithm::Rs512, 64), "3051300d060960864801650304020305000440");
    }

    #[test]
    fn a_point_is_read_in_both_forms_in_which_modules_give_it() {
        for curve in Curve::ALL {
            let bare = [&[4][..], &vec![1; curve.field_len()], &vec![2; curve.field_len()]].concat();
            let length = u8::try_from(bare.len()).unwrap();
            let wrapped = if length < 128 { vec![4, length] } else { vec![4, 0x81, length] };
            let expected = PublicKey::Ec { crv: curve, x: vec![1; curve.field_len()], y: vec![2; curve.field_len()] };
            assert_eq!(point(&bare, curve), Some(expected.clone()));
            assert_eq!(point(&[wrapped, bare.clone()].concat(), curve), Some(expected));
            assert_eq!(point(&bare[1..], curve), None);
        }
    }

    #[test]
    fn what_a_module_cannot_do_is_told_from_a_bad_ciphertext_and_from_a_token_that_is_away() {
        let error = Error::Pkcs11;
        assert!(lacks(&error(RvError::ArgumentsBad, Function::DecryptInit)));
        assert!(!lacks(&error(RvError::ArgumentsBad, Function::Decrypt)));
        assert!(!lacks(&error(RvError::GeneralError, Function::Decrypt)));
        assert!(!is_away(&error(RvError::GeneralError, Function::Decrypt)));
        assert!(is_away(&error(RvError::DeviceRemoved, Function::Decrypt)));
    }
}
