//! Keys in the forms of other programs: DER and PEM of private keys, lines of SSH, digests of files. For
//! the command line; serving takes nothing of this but to read the DER of a key that is imported.

use std::io::Read;

use aws_lc_rs::{
    digest,
    encoding::{AsBigEndian, EcPrivateKeyBin},
    signature::{EcdsaKeyPair, KeyPair as _},
};
use x509_parser::der_parser::{
    ber::{BerObject, BerObjectContent},
    der::parse_der,
};
use zeroize::Zeroizing;

use super::{Curve, EcComponents, KeyRejected, PublicKey, RsaComponents, SignAlgorithm};

/// The parts of a private key.
pub enum PrivateParts {
    /// RSA.
    Rsa(RsaComponents),
    /// A curve.
    Ec(EcComponents),
}

fn integers(der: &[u8]) -> Option<Vec<&[u8]>> {
    let (rest, sequence) = parse_der(der).ok()?;
    let items = sequence.as_sequence().ok().filter(|_| rest.is_empty())?;
    items.iter().map(integer).collect()
}

fn integer<'a>(item: &BerObject<'a>) -> Option<&'a [u8]> {
    match item.content {
        BerObjectContent::Integer(bytes) => Some(bytes),
        _ => None,
    }
}

/// The `RSAPrivateKey` in a PKCS#8 document (RFC 5208), if it is one.
fn inside_pkcs8(der: &[u8]) -> Option<&[u8]> {
    let (_, document) = parse_der(der).ok()?;
    match document.as_sequence().ok()?.get(2)?.content {
        BerObjectContent::OctetString(bytes) => Some(bytes),
        _ => None,
    }
}

fn rsa(der: &[u8]) -> Option<RsaComponents> {
    // RFC 8017, appendix A.1.2: version, then the eight numbers of a key with two primes.
    let [version, n, e, d, p, q, dp, dq, qi] = *integers(der)?.as_slice() else { return None };
    let secret = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
    (version == [0]).then(|| RsaComponents {
        n: n.to_vec(),
        e: e.to_vec(),
        d: secret(d),
        p: secret(p),
        q: secret(q),
        dp: secret(dp),
        dq: secret(dq),
        qi: secret(qi),
    })
}

fn ec(curve: Curve, der: &[u8]) -> Option<EcComponents> {
    let pair = EcdsaKeyPair::from_private_key_der(curve.signing(), der).ok()?;
    let PublicKey::Ec { x, y, .. } = PublicKey::from_point(curve, pair.public_key().as_ref())? else { return None };
    let d = AsBigEndian::<EcPrivateKeyBin<'_>>::as_be_bytes(&pair.private_key()).ok()?;
    Some(EcComponents { curve, x, y, d: Zeroizing::new(d.as_ref().to_vec()) })
}

impl PrivateParts {
    /// Reads PKCS#8, PKCS#1 or SEC 1 (RFC 5915) in DER.
    ///
    /// # Errors
    /// [`KeyRejected::Inconsistent`] for anything else, and for keys that are encrypted.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyRejected> {
        if let Some(rsa) = rsa(der).or_else(|| inside_pkcs8(der).and_then(rsa)) {
            return Ok(Self::Rsa(rsa));
        }
        let ec = Curve::ALL.into_iter().find_map(|curve| ec(curve, der));
        ec.map(Self::Ec).ok_or(KeyRejected::Inconsistent)
    }
}

impl PublicKey {
    /// Type and bytes of the key in SSH's form (RFC 4253 section 6.6, RFC 5656 section 3.1); none for a curve
    /// that SSH does not know.
    #[must_use]
    pub fn ssh(&self) -> Option<(&'static str, Vec<u8>)> {
        let text = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes(), bytes].concat();
        let number = |bytes: &[u8]| match bytes.first() {
            // A number's first bit is its sign.
            Some(first) if *first >= 0x80 => text(&[&[0], bytes].concat()),
            _ => text(bytes),
        };
        match self {
            Self::Rsa { n, e } => Some(("ssh-rsa", [text(b"ssh-rsa"), number(e), number(n)].concat())),
            Self::Ec { crv, x, y } => {
                let (kind, curve): (&str, &[u8]) = match crv {
                    Curve::P256 => ("ecdsa-sha2-nistp256", b"nistp256"),
                    Curve::P384 => ("ecdsa-sha2-nistp384", b"nistp384"),
                    Curve::P521 => ("ecdsa-sha2-nistp521", b"nistp521"),
                    Curve::P256K => return None,
                };
                Some((kind, [text(kind.as_bytes()), text(curve), text(&Self::point(x, y))].concat()))
            }
        }
    }
}

impl SignAlgorithm {
    /// The digest that the algorithm signs of what can be read, in parts.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digest_of(self, mut source: impl Read) -> std::io::Result<Vec<u8>> {
        let mut context = digest::Context::new(self.hash());
        let mut part = vec![0; 64 * 1024];
        loop {
            let length = source.read(&mut part)?;
            match part.get(..length) {
                Some([]) | None => return Ok(context.finish().as_ref().to_vec()),
                Some(read) => context.update(read),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{KeySpec, NewKey, generate},
        *,
    };
    use crate::entropy::SeededEntropy;

    #[test]
    fn what_was_made_here_is_read_back_from_its_document() {
        let specs = Curve::ALL.into_iter().map(|crv| KeySpec::Ec { crv }).chain([KeySpec::Rsa { bits: 2048 }]);
        for spec in specs {
            let made = generate(spec, &SeededEntropy::new(1)).ok().unwrap();
            let again = match PrivateParts::from_der(made.private.expose()).ok().unwrap() {
                PrivateParts::Rsa(parts) => NewKey::from_rsa(&parts),
                PrivateParts::Ec(parts) => NewKey::from_ec(&parts),
            };
            assert_eq!(again.ok().unwrap().public, made.public, "{spec:?}");
        }
        for bad in [&[][..], &[0x30, 0x00], &[0x30, 0x82, 0xff, 0xff], b"text", &[0xff; 64]] {
            assert!(PrivateParts::from_der(bad).is_err());
        }
    }

    /// RFC 4253, section 6.6, with a modulus whose first bit is set.
    #[test]
    fn an_ssh_key_has_its_parts_in_their_order() {
        let key = PublicKey::Rsa { n: vec![0x80, 1], e: vec![1, 0, 1] };
        let (kind, bytes) = key.ssh().unwrap();
        assert_eq!(kind, "ssh-rsa");
        assert_eq!(bytes, b"\0\0\0\x07ssh-rsa\0\0\0\x03\x01\0\x01\0\0\0\x03\0\x80\x01");
        assert!(PublicKey::Ec { crv: Curve::P256K, x: vec![], y: vec![] }.ssh().is_none());
    }

    #[test]
    fn a_file_is_digested_whole() {
        let long = vec![7; 200_000];
        let digest = SignAlgorithm::Es384.digest_of(long.as_slice()).unwrap();
        assert_eq!(digest, digest::digest(&digest::SHA384, &long).as_ref());
    }
}
