//! Putting the certificates that come with a key in order: the key's own first, whoever signed one behind it, and each
//! once. One way for what is imported, what is merged and what issuers answer.
//!
//! Goes by names and by signatures: of two authorities of one name the one comes that signed. A signature by an algorithm
//! that is not known here counts as what the names say. Must never decide whether to trust a chain: dates, constraints
//! and usages are nothing here, and a chain may end before its root.

use super::{import::ImportError, inspect::signature_fits, read::CertificateFacts};
use crate::key::PublicKey;

/// Which of some certificates is a key's own: one that is named as the issuer of no other, that is valid at a moment, and
/// that ends last.
#[must_use]
pub fn own_of(facts: &[CertificateFacts], key: &PublicKey, now: i64) -> Option<usize> {
    let signed_none =
        |one: &CertificateFacts| !facts.iter().any(|other| other.issuer == one.subject && other.subject != one.subject);
    let fitness =
        |one: &CertificateFacts| (signed_none(one), (one.not_before..=one.not_after).contains(&now), one.not_after);
    let own = facts.iter().enumerate().filter(|(_, one)| one.key.as_ref() == Some(key));
    // Of equals the first.
    own.rev().max_by_key(|(_, one)| fitness(one)).map(|(place, _)| place)
}

/// The certificates in their order, the one in this place first. `keep_order` leaves the others as they stand. Other
/// certificates of the same key, older ones for the most part, are left out.
///
/// # Errors
/// [`ImportError::Damaged`] for what is no certificate, [`ImportError::DuplicateSerial`], [`ImportError::Circle`],
/// [`ImportError::NotTheLeaf`] and [`ImportError::Unrelated`].
pub fn in_order(certificates: &[Vec<u8>], own: usize, keep_order: bool) -> Result<Vec<Vec<u8>>, ImportError> {
    let mut left: Vec<Known<'_>> = Vec::with_capacity(certificates.len());
    for (place, der) in certificates.iter().enumerate() {
        if left.iter().any(|other| other.der == der) {
            continue;
        }
        let facts = CertificateFacts::of(der).map_err(|_| ImportError::Damaged)?;
        if left.iter().any(|other| (&other.facts.issuer, &other.facts.serial) == (&facts.issuer, &facts.serial)) {
            return Err(ImportError::DuplicateSerial);
        }
        left.push(Known { place, facts, der });
    }
    let own = certificates.get(own).and_then(|der| left.iter().position(|one| one.der == der));
    let own = left.remove(own.ok_or(ImportError::OtherKey)?);
    let (own_key, own_place) = (own.facts.key.clone(), own.place);
    let mut chain = vec![own];
    // Each is taken once, so a loop ends.
    while let Some(next) = chain.last().and_then(|last| last.issuer_among(&left)) {
        chain.push(left.remove(next));
    }
    if chain.last().is_some_and(|last| chain.iter().any(|one| last.is_by(one))) {
        return Err(ImportError::Circle);
    }
    // A key of an authority beside what it signed: whoever has them mixed up does not mean the authority.
    if chain.first().is_some_and(|own| left.iter().any(|other| other.is_by(own))) {
        return Err(ImportError::NotTheLeaf(own_place + 1));
    }
    // Another way to a root: authorities that certified one another.
    while let Some(next) = left.iter().position(|other| chain.iter().any(|one| one.is_by(other))) {
        chain.push(left.remove(next));
    }
    left.retain(|other| other.facts.key.is_none() || other.facts.key != own_key);
    if let Some(stray) = left.first() {
        return Err(ImportError::Unrelated(stray.place + 1));
    }
    if let Some((_, others)) = chain.split_first_mut().filter(|_| keep_order) {
        others.sort_by_key(|one| one.place);
    }
    Ok(chain.into_iter().map(|one| one.der.to_vec()).collect())
}

/// A certificate of a document that was read.
struct Known<'a> {
    place: usize,
    facts: CertificateFacts,
    der: &'a [u8],
}

impl Known<'_> {
    fn is_root(&self) -> bool {
        self.facts.issuer == self.facts.subject
    }

    /// Whether another one issued it, which no root says of any but itself.
    fn is_by(&self, other: &Self) -> bool {
        self.names(other) && signature_fits(self.der, other.der) != Some(false)
    }

    fn names(&self, other: &Self) -> bool {
        !self.is_root() && other.facts.subject == self.facts.issuer
    }

    /// The one of its issuer's name whose key fits, rather one that leads on; else one of which that is not known.
    fn issuer_among(&self, others: &[Self]) -> Option<usize> {
        let leads_on = |other: &Self| other.is_root() || others.iter().any(|next| other.names(next));
        let rank = |other: &Self| {
            let fits = self.names(other).then(|| signature_fits(self.der, other.der))?;
            (fits != Some(false)).then(|| (fits.is_some(), leads_on(other)))
        };
        let ranked = others.iter().enumerate().filter_map(|(place, other)| Some((rank(other)?, place)));
        // Of equals the first.
        ranked.rev().max_by_key(|(rank, _)| *rank).map(|(_, place)| place)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair, SerialNumber, date_time_ymd};

    use super::*;
    use crate::x509::Imported;

    const NOW: i64 = 1_767_225_600;

    /// Somebody with a key.
    struct Party {
        name: &'static str,
        key: KeyPair,
    }

    impl Party {
        fn new(name: &'static str) -> Self {
            Self { name, key: KeyPair::generate().unwrap() }
        }

        fn params(&self) -> CertificateParams {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, self.name);
            params
        }

        /// Its certificate by an authority, with a number.
        fn by(&self, authority: &Self, serial: u64) -> Vec<u8> {
            self.between((1975, 4096), authority, serial)
        }

        /// The same from the first day of a year to the first of another.
        fn between(&self, (from, until): (i32, i32), authority: &Self, serial: u64) -> Vec<u8> {
            let mut params = self.params();
            params.serial_number = Some(SerialNumber::from(serial));
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
            let issuer = Issuer::new(authority.params(), &authority.key);
            params.signed_by(&self.key, &issuer).unwrap().der().to_vec()
        }

        /// What comes of its key with certificates.
        fn with(&self, certificates: &[&Vec<u8>], keep_order: bool) -> Result<Vec<Vec<u8>>, ImportError> {
            let armored = |der: &&Vec<u8>| {
                let text = data_encoding::BASE64.encode(der);
                format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
            };
            let document = self.key.serialize_pem() + &certificates.iter().map(armored).collect::<String>();
            Imported::from_pem(document.as_bytes(), "", keep_order, NOW).map(|imported| imported.chain)
        }
    }

    fn owned(certificates: &[&Vec<u8>]) -> Result<Vec<Vec<u8>>, ImportError> {
        Ok(certificates.iter().copied().cloned().collect())
    }

    #[test]
    fn whoever_signed_one_stands_behind_it_and_each_stands_there_once() {
        let (app, a, r) = (Party::new("app"), Party::new("a"), Party::new("r"));
        let (leaf, by_a, root) = (app.by(&a, 1), a.by(&r, 2), r.by(&r, 3));
        let chain = owned(&[&leaf, &by_a, &root]);
        for turned in [[&leaf, &by_a, &root], [&root, &by_a, &leaf], [&by_a, &leaf, &root], [&root, &leaf, &by_a]] {
            assert_eq!(app.with(&turned, false), chain);
        }
        assert_eq!(app.with(&[&leaf, &by_a, &leaf, &by_a, &by_a], false), owned(&[&leaf, &by_a]), "doubles");
        assert_eq!(app.with(&[&root, &by_a, &leaf], true), owned(&[&leaf, &root, &by_a]), "as they stand");
        assert_eq!(app.with(&[&by_a, &root], false), Err(ImportError::OtherKey));
    }

    #[test]
    fn a_chain_that_loops_and_numbers_that_are_given_twice_are_refused() {
        let (app, a, b) = (Party::new("app"), Party::new("a"), Party::new("b"));
        let (leaf, by_b, by_a) = (app.by(&a, 1), a.by(&b, 2), b.by(&a, 3));
        for keep_order in [false, true] {
            for turned in [[&leaf, &by_b, &by_a], [&by_a, &by_b, &leaf]] {
                assert_eq!(app.with(&turned, keep_order), Err(ImportError::Circle));
            }
        }
        let twice = Party::new("other").by(&a, 1);
        assert_eq!(app.with(&[&leaf, &twice], false), Err(ImportError::DuplicateSerial));
        // Out of the circle there is a way.
        let root = a.by(&a, 9);
        assert_eq!(app.with(&[&leaf, &root, &by_b, &by_a], false), owned(&[&leaf, &root, &by_b, &by_a]));
    }

    #[test]
    fn of_two_authorities_of_one_name_the_one_comes_that_signed_and_what_signed_nothing_is_refused() {
        let (app, a, r) = (Party::new("app"), Party::new("a"), Party::new("r"));
        let (leaf, by_a, root) = (app.by(&a, 1), a.by(&r, 2), r.by(&r, 3));
        let namesake = Party::new("a").by(&r, 4);
        assert_eq!(app.with(&[&leaf, &namesake], false), Err(ImportError::Unrelated(2)));
        assert_eq!(app.with(&[&namesake, &leaf, &by_a, &root], false), Err(ImportError::Unrelated(1)));
        let stranger = Party::new("stranger");
        for keep_order in [false, true] {
            let foreign = [&leaf, &by_a, &root, &stranger.by(&stranger, 5)];
            assert_eq!(app.with(&foreign, keep_order), Err(ImportError::Unrelated(4)));
        }
        // Another way to another root.
        let old = Party::new("old");
        let (crossed, of_old) = (r.by(&old, 6), old.by(&old, 7));
        let both = owned(&[&leaf, &by_a, &root, &crossed, &of_old]);
        assert_eq!(app.with(&[&leaf, &by_a, &root, &crossed, &of_old], false), both);
        // The one that leads on comes before the one that does not.
        assert_eq!(app.with(&[&leaf, &by_a, &crossed, &root], false), owned(&[&leaf, &by_a, &root, &crossed]));
    }

    #[test]
    fn the_key_of_whoever_signed_another_one_is_not_taken_for_the_leafs() {
        let (app, a, r) = (Party::new("app"), Party::new("a"), Party::new("r"));
        let (leaf, by_a, root) = (app.by(&a, 1), a.by(&r, 2), r.by(&r, 3));
        assert_eq!(a.with(&[&leaf, &by_a, &root], false), Err(ImportError::NotTheLeaf(2)));
        assert_eq!(a.with(&[&root, &by_a], false), owned(&[&by_a, &root]), "an authority by itself");
        assert_eq!(r.with(&[&root], false), owned(&[&root]));
        // A key that is the authority's and the leaf's is the leaf's.
        let both = Party { name: "both", key: KeyPair::from_pem(&r.key.serialize_pem()).unwrap() };
        let of_both = both.by(&r, 4);
        assert_eq!(both.with(&[&root, &of_both], false), owned(&[&of_both, &root]));
    }

    /// The key was kept when the certificate was renewed.
    #[test]
    fn of_several_certificates_of_a_key_the_one_is_taken_that_is_valid_now() {
        let (app, r) = (Party::new("app"), Party::new("r"));
        let root = r.by(&r, 1);
        let (past, now) = (app.between((2020, 2021), &r, 2), app.between((2025, 2027), &r, 3));
        let coming = app.between((2030, 2040), &r, 4);
        for turned in [[&past, &now, &coming, &root], [&root, &coming, &now, &past]] {
            assert_eq!(app.with(&turned, false), owned(&[&now, &root]));
            assert_eq!(app.with(&turned, true), owned(&[&now, &root]));
        }
        assert_eq!(app.with(&[&past, &coming, &root], false), owned(&[&coming, &root]), "none: the one that ends last");
        let longer = app.between((2025, 2028), &r, 5);
        assert_eq!(app.with(&[&now, &longer], false), owned(&[&longer]));
    }
}
