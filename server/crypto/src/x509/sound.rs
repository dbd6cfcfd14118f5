//! Whether a chain that was brought is one that some client could take. Says nothing of whom to trust, and must never let
//! in what was refused for another reason.

use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

use super::{finding::Finding, import::ImportError, inspect::inspect, read::CertificateFacts};

/// Refuses a chain, in its order, that no client takes whatever it trusts: of which one was signed by what is no authority,
/// or below more authorities or with other names than one above it allows.
///
/// # Errors
/// [`ImportError::Unsound`] with the first that is wrong, and [`ImportError::Damaged`] for what is no certificate.
pub fn sound(chain: &[Vec<u8>], now: i64) -> Result<(), ImportError> {
    let damaged = |_| ImportError::Damaged;
    let own = chain.first().map(|der| CertificateFacts::of(der)).transpose().map_err(damaged)?;
    let told = inspect(chain, own.and_then(|own| own.key).as_ref(), now).map_err(damaged)?;
    // Of several ways to a root a client takes one that is good.
    if told.iter().any(|one| one.findings.contains(&Finding::Stray)) {
        return Ok(());
    }
    for (at, one) in told.iter().enumerate() {
        let issuer = told.get(at + 1).and_then(|issuer| chain.get(issuer.place));
        let counts = |finding: &Finding| match finding {
            Finding::IssuerIsNoAuthority => issuer.is_none_or(|der| !is_wordless(der)),
            Finding::MayNotSign => at > 0,
            Finding::PathTooLong(_) | Finding::OutsideConstraints(_) => true,
            _ => false,
        };
        if let Some(finding) = one.findings.iter().find(|finding| counts(finding)) {
            return Err(ImportError::Unsound(at + 1, finding.clone()));
        }
    }
    Ok(())
}

/// Whether a certificate is from before there were words for what an authority is: clients trust such roots.
fn is_wordless(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, parsed)| parsed.version() == X509Version::V1)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    const NOW: i64 = 1_767_225_600;

    fn params(name: &str, is_ca: IsCa) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = is_ca;
        params
    }

    /// A leaf below an authority below a root.
    fn chain(root: IsCa, below: IsCa) -> Vec<Vec<u8>> {
        let [root_key, below_key, key] = [(); 3].map(|()| KeyPair::generate().unwrap());
        let (root, below) = (params("root", root), params("below", below));
        let of_root = root.self_signed(&root_key).unwrap().der().to_vec();
        let above = Issuer::new(root, root_key);
        let of_below = below.signed_by(&below_key, &above).unwrap().der().to_vec();
        let leaf = params("leaf", IsCa::NoCa).signed_by(&key, &Issuer::new(below, below_key)).unwrap();
        vec![leaf.der().to_vec(), of_below, of_root]
    }

    #[test]
    fn a_chain_that_no_client_takes_is_refused_with_what_is_wrong() {
        let any = || IsCa::Ca(BasicConstraints::Unconstrained);
        assert_eq!(sound(&chain(any(), any()), NOW), Ok(()));
        assert_eq!(sound(&chain(any(), any())[..1], NOW), Ok(()), "whoever takes it may have the others");
        assert_eq!(sound(&chain(any(), IsCa::Ca(BasicConstraints::Constrained(0))), NOW), Ok(()));
        for (root, below, place, finding) in [
            (any(), IsCa::ExplicitNoCa, 1, Finding::IssuerIsNoAuthority),
            (any(), IsCa::NoCa, 1, Finding::IssuerIsNoAuthority),
            (IsCa::ExplicitNoCa, any(), 2, Finding::IssuerIsNoAuthority),
            (IsCa::Ca(BasicConstraints::Constrained(0)), any(), 3, Finding::PathTooLong(0)),
        ] {
            assert_eq!(sound(&chain(root, below), NOW), Err(ImportError::Unsound(place, finding)));
        }
    }
}
