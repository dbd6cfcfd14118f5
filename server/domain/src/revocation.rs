//! What an authority of a vault has revoked, as data: one list for each key that it has signed with, because whoever
//! checks a certificate takes a list by the key that signed it alone.
//!
//! Sealed as a whole, as one JSON document at its place. What is on a list stays there until the certificate would have
//! ended by itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strongroom_crypto::{
    Plaintext,
    key::PublicKey,
    x509::{CertificateFacts, Reason, Revoked},
};

use crate::{
    names::ObjectVersion,
    rotation::{FailedAttempts, Rotation},
    secret::SecretAttributes,
};

/// Most keys of an authority whose lists are kept.
pub const MAX_LISTS: usize = 16;
/// Most certificates on the lists of an authority: beyond that, it is the authority that is to be revoked.
pub const MAX_REVOKED: usize = 2_000;
/// Most keys that are remembered as known to others, also after the ends of their certificates: twice as many as can be on
/// lists, so that none that is on one is forgotten for one that was.
pub const MAX_COMPROMISED: usize = 2 * MAX_REVOKED;
/// How long a list counts, in seconds.
pub const COUNTS_FOR: i64 = 7 * 86_400;
/// After how long the next one is made, in seconds: six days before anybody misses it.
pub const MADE_AGAIN_AFTER: i64 = 86_400;
/// After how long it is tried again when it could not be made, in seconds.
pub const TRIED_AGAIN_AFTER: i64 = 3_600;
/// How far a list begins before it is made, in seconds: clocks differ.
const BACKDATED: i64 = 600;
/// Longest serial number in octets.
const MAX_SERIAL: usize = 20;

/// Why something cannot be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevocationInvalid {
    /// Not a serial number.
    #[error("a serial number has 1 to 40 hexadecimal digits, colons between them or not, and is not 0")]
    Serial,
    /// Not a reason.
    #[error(
        "a reason is one of unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, \
         cessationOfOperation, privilegeWithdrawn and aACompromise: revoking is final, so nothing is put on hold"
    )]
    Reason,
    /// Neither or both.
    #[error("either a serial number or a certificate says what is revoked")]
    What,
    /// Nobody's, or somebody else's.
    #[error("the certificate was not signed by a key that this authority has or had")]
    OtherAuthority,
    /// No room.
    #[error("the authority has revoked 2000 certificates or signed with 16 keys: revoke the authority itself")]
    Full,
}

/// A certificate that is not to be taken any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedCertificate {
    /// Serial number in hexadecimal digits, without zeros in front.
    pub serial: String,
    /// When it was revoked, Unix seconds.
    pub at: i64,
    /// Why.
    #[serde(default)]
    pub reason: Reason,
    /// When it would have ended by itself, Unix seconds, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<i64>,
    /// Its key ([`PublicKey::kinship`]; of a release before, [`PublicKey::thumbprint`]), if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The list of one key of an authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationList {
    /// Its name where it is published.
    pub id: String,
    /// The version of the authority whose key signs it.
    pub version: ObjectVersion,
    /// When the certificate of that version ends, Unix seconds.
    pub ends: i64,
    /// What was revoked, in the order in which it was.
    pub revoked: Vec<RevokedCertificate>,
    /// The list that is published, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedList>,
}

/// A list that was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedList {
    /// Its number: greater than those before, also when the database is an older one than it was.
    pub number: u64,
    /// From when on it counts, Unix seconds.
    pub this_update: i64,
    /// Until when it counts, Unix seconds.
    pub next_update: i64,
    /// DER.
    #[serde(with = "crate::certificate::base64")]
    pub der: Vec<u8>,
}

impl SignedList {
    /// When it was made, Unix seconds: it says that it counts from some minutes before.
    #[must_use]
    pub fn made(&self) -> i64 {
        self.this_update.saturating_add(BACKDATED)
    }
}

/// All that an authority has revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocations {
    /// One for each key.
    pub lists: Vec<RevocationList>,
    /// Keys ([`PublicKey::kinship`]; of a release before, [`PublicKey::thumbprint`]) of certificates that were revoked because others have them: none of these is
    /// certified again, whatever becomes of the certificate. The oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compromised: Vec<String>,
}

/// What whoever signed a certificate says against it; usually nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objections {
    /// Why it was revoked, if it was.
    pub revoked: Option<Reason>,
    /// Whether its key is known to others, by this certificate or by another one that had it.
    pub compromised: bool,
}

impl Objections {
    /// Whether anything is said against it.
    #[must_use]
    pub fn are_some(self) -> bool {
        self != Self::default()
    }
}

/// Whether a list should have been made again by now: two runs of the schedule did not make it.
#[must_use]
pub fn is_overdue(signed: &SignedList, now: i64) -> bool {
    now >= signed.this_update + 2 * MADE_AGAIN_AFTER
}

/// A serial number as people write it, in its one form.
///
/// # Errors
/// [`RevocationInvalid::Serial`].
pub fn serial_of(text: &str) -> Result<String, RevocationInvalid> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let even = if digits.len().is_multiple_of(2) { digits } else { format!("0{digits}") };
    let octets = data_encoding::HEXLOWER_PERMISSIVE.decode(even.as_bytes()).map_err(|_| RevocationInvalid::Serial)?;
    serial_from(&octets)
}

/// The same of its octets.
///
/// # Errors
/// [`RevocationInvalid::Serial`].
pub fn serial_from(octets: &[u8]) -> Result<String, RevocationInvalid> {
    let octets: Vec<u8> = octets.iter().copied().skip_while(|octet| *octet == 0).collect();
    if octets.is_empty() || octets.len() > MAX_SERIAL {
        return Err(RevocationInvalid::Serial);
    }
    Ok(data_encoding::HEXLOWER.encode(&octets))
}

/// How much a reason says: whoever checks old signatures takes them before a supersession and not before a compromise,
/// so saying less afterwards would bring back what was taken away.
fn weight(reason: Reason) -> u8 {
    match reason {
        Reason::Unspecified => 0,
        Reason::AffiliationChanged | Reason::Superseded | Reason::CessationOfOperation | Reason::PrivilegeWithdrawn => {
            1
        }
        Reason::KeyCompromise | Reason::CaCompromise | Reason::AaCompromise => 2,
    }
}

/// The reasons that would say more than the one of a certificate that is revoked already: revoking it again with one of
/// them is more than a repetition.
pub fn graver_than(known: Reason) -> impl Iterator<Item = Reason> {
    Reason::ALL.into_iter().filter(move |reason| weight(*reason) > weight(known))
}

/// The names under which a key may be remembered: of now, and of a release before.
#[must_use]
pub fn remembered_as(key: &PublicKey) -> [String; 2] {
    [key.kinship(), key.thumbprint()]
}

impl RevocationList {
    /// What is signed at a moment, under which number and for how long.
    #[must_use]
    pub fn next(&self, now: i64) -> (u64, i64, i64) {
        let before = self.signed.as_ref().map_or(0, |signed| signed.number.saturating_add(1));
        let number = before.max(u64::try_from(now).unwrap_or_default());
        (number, now - BACKDATED, (now + COUNTS_FOR).min(self.ends.max(now + 1)))
    }

    /// Why a certificate is on it, by its serial number; none when it is not.
    fn reason_of(&self, facts: &CertificateFacts) -> Option<Reason> {
        let serial = serial_from(&facts.serial).ok()?;
        self.revoked.iter().find(|one| one.serial == serial).map(|one| one.reason)
    }

    /// What was revoked, as lists say it.
    #[must_use]
    pub fn entries(&self) -> Vec<Revoked> {
        let entry = |one: &RevokedCertificate| {
            let serial = data_encoding::HEXLOWER.decode(one.serial.as_bytes()).ok()?;
            Some(Revoked { serial, at: one.at, reason: one.reason })
        };
        self.revoked.iter().filter_map(entry).collect()
    }
}

impl Revocations {
    /// The list of a key, begun if there is none.
    ///
    /// # Errors
    /// [`RevocationInvalid::Full`].
    pub fn list(
        &mut self,
        (id, version, ends): (&str, &ObjectVersion, i64),
    ) -> Result<&mut RevocationList, RevocationInvalid> {
        let place = match self.lists.iter().position(|list| list.id == id) {
            Some(place) => place,
            None if self.lists.len() >= MAX_LISTS => return Err(RevocationInvalid::Full),
            None => {
                let (revoked, signed) = (Vec::new(), None);
                self.lists.push(RevocationList { id: id.to_owned(), version: version.clone(), ends, revoked, signed });
                self.lists.len() - 1
            }
        };
        let list = self.lists.get_mut(place).ok_or(RevocationInvalid::Full)?;
        // The newest certificate of the key signs.
        if ends > list.ends {
            (list.version, list.ends) = (version.clone(), ends);
        }
        Ok(list)
    }

    /// Puts a certificate on the list of a key. One that is there keeps its moment, and is given the reason of now unless
    /// that is a weaker one.
    ///
    /// # Errors
    /// [`RevocationInvalid::Full`].
    pub fn revoke(
        &mut self,
        key: (&str, &ObjectVersion, i64),
        one: RevokedCertificate,
    ) -> Result<(), RevocationInvalid> {
        let there: usize = self.lists.iter().map(|list| list.revoked.len()).sum();
        let list = self.list(key)?;
        let (reason, key) = match list.revoked.iter_mut().find(|known| known.serial == one.serial) {
            Some(known) => {
                if weight(one.reason) >= weight(known.reason) {
                    known.reason = one.reason;
                }
                known.ends = one.ends.or(known.ends);
                known.key = one.key.or_else(|| known.key.take());
                (known.reason, known.key.clone())
            }
            None if there >= MAX_REVOKED => return Err(RevocationInvalid::Full),
            None => {
                let told = (one.reason, one.key.clone());
                list.revoked.push(one);
                told
            }
        };
        if let Some(key) = key.filter(|_| reason.is_compromise()) {
            self.remember(key);
        }
        Ok(())
    }

    fn remember(&mut self, key: String) {
        if self.compromised.contains(&key) {
            return;
        }
        if self.compromised.len() >= MAX_COMPROMISED {
            self.compromised.remove(0);
        }
        self.compromised.push(key);
    }

    /// Whether a key is one that others have, as far as the authority was told.
    #[must_use]
    pub fn is_compromised(&self, key: &PublicKey) -> bool {
        let names = remembered_as(key);
        self.compromised.iter().any(|known| names.contains(known))
    }

    /// Whether a certificate was revoked because others have its key, on whichever list.
    #[must_use]
    pub fn tells_of(&self, facts: &CertificateFacts) -> bool {
        self.lists.iter().any(|list| list.reason_of(facts).is_some_and(Reason::is_compromise))
    }

    /// What is said against a certificate by the list of this name, and by its key.
    #[must_use]
    pub fn objections(&self, list: &str, facts: &CertificateFacts) -> Objections {
        let revoked = self.lists.iter().find(|one| one.id == list).and_then(|list| list.reason_of(facts));
        let known = facts.key.as_ref().is_some_and(|key| self.is_compromised(key));
        Objections { revoked, compromised: known || revoked.is_some_and(Reason::is_compromise) }
    }

    /// Lets go of what nobody asks about any more: lists of authorities that have ended, unless what they revoked would still
    /// be valid, and certificates that had ended by themselves when the last list was made, so that each was on one after its end (RFC 5280, section 3.3).
    pub fn forget(&mut self, now: i64) {
        let lasts = |one: &RevokedCertificate| one.ends.is_some_and(|ends| ends > now);
        self.lists.retain(|list| list.ends > now || list.revoked.iter().any(lasts));
        for list in &mut self.lists {
            let made = list.signed.as_ref().map_or(i64::MIN, |signed| signed.this_update);
            list.revoked.retain(|one| one.ends.is_none_or(|ends| ends >= made));
        }
    }

    /// When the next lists are made: at once where one was never signed or something was revoked; never without lists.
    #[must_use]
    pub fn plan(&self, at: i64, failed: Option<FailedAttempts>) -> Option<Box<Rotation>> {
        let rotate_at = (!self.lists.is_empty()).then_some(at);
        Some(Box::new(Rotation { rotate_at, failed, ..Rotation::default() }))
    }

    /// What of it is not sealed: which lists there are, by their names.
    #[must_use]
    pub fn attributes(&self) -> SecretAttributes {
        let named = |list: &RevocationList| (list.id.clone(), list.version.as_str().to_owned());
        SecretAttributes {
            enabled: true,
            not_before: None,
            expires: None,
            content_type: None,
            tags: self.lists.iter().map(named).collect::<BTreeMap<_, _>>(),
        }
    }

    /// The document that is sealed.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn to_document(&self) -> Result<Plaintext, serde_json::Error> {
        serde_json::to_vec(self).map(Plaintext::new)
    }

    /// Reads what was sealed.
    ///
    /// # Errors
    /// When it is none.
    pub fn of_document(document: &Plaintext) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(document.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version() -> ObjectVersion {
        ObjectVersion::from_bytes([7; 16])
    }

    fn one(serial: &str, ends: Option<i64>) -> RevokedCertificate {
        RevokedCertificate { serial: serial.to_owned(), at: 10, reason: Reason::Superseded, ends, key: None }
    }

    #[test]
    fn a_serial_number_has_one_form() {
        for text in ["0A:b1", "ab1", "00ab1", "0AB1"] {
            assert_eq!(serial_of(text).as_deref(), Ok("0ab1"), "{text}");
        }
        for bad in ["", "0", "00:00", "xyz", "0x12", &"1".repeat(42)] {
            assert_eq!(serial_of(bad), Err(RevocationInvalid::Serial), "{bad}");
        }
    }

    #[test]
    fn what_is_revoked_stays_until_a_list_was_made_after_its_end() {
        let (mut all, key) = (Revocations::default(), version());
        all.revoke(("a", &key, 1_000_000), one("01", Some(500))).unwrap();
        all.revoke(
            ("a", &key, 1_000_000),
            RevokedCertificate { at: 99, reason: Reason::KeyCompromise, ..one("01", None) },
        )
        .unwrap();
        all.revoke(("a", &key, 1_000_000), one("02", None)).unwrap();
        let list = &all.lists[0];
        assert_eq!((list.revoked.len(), list.revoked[0].at), (2, 10));
        assert_eq!((list.revoked[0].reason, list.revoked[0].ends), (Reason::KeyCompromise, Some(500)));
        let signed = |this_update| Some(SignedList { number: 1, this_update, next_update: 0, der: Vec::new() });
        all.lists[0].signed = signed(400);
        all.forget(900);
        assert_eq!(all.lists[0].revoked.len(), 2, "no list after its end yet");
        all.lists[0].signed = signed(501);
        all.forget(901);
        assert_eq!(all.lists[0].revoked[0].serial, "02", "without an end it stays");
        all.forget(1_000_000);
        assert!(all.lists.is_empty() && all.plan(1, None).unwrap().rotate_at.is_none());

        // Revoking is for good, whatever becomes of the certificate of the key.
        all.revoke(("a", &key, 100), one("03", Some(500))).unwrap();
        all.forget(499);
        assert_eq!(all.lists[0].revoked.len(), 1);
        all.forget(500);
        assert!(all.lists.is_empty());
    }

    #[test]
    fn a_reason_gives_way_to_none_that_is_weaker() {
        let (mut all, key) = (Revocations::default(), version());
        let mut again = |reason| {
            all.revoke(("a", &key, 10), RevokedCertificate { reason, ..one("01", None) }).unwrap();
            all.lists[0].revoked[0].reason
        };
        assert_eq!(again(Reason::Unspecified), Reason::Unspecified);
        assert_eq!(again(Reason::Superseded), Reason::Superseded);
        assert_eq!(again(Reason::Unspecified), Reason::Superseded, "nothing said changes nothing");
        assert_eq!(again(Reason::PrivilegeWithdrawn), Reason::PrivilegeWithdrawn);
        assert_eq!(again(Reason::KeyCompromise), Reason::KeyCompromise);
        for weaker in Reason::ALL.into_iter().filter(|reason| weight(*reason) < 2) {
            assert_eq!(again(weaker), Reason::KeyCompromise, "{weaker:?}");
        }
        assert_eq!(again(Reason::CaCompromise), Reason::CaCompromise, "as strong");
        assert_eq!(graver_than(Reason::Unspecified).count(), 7);
        assert_eq!(graver_than(Reason::Superseded).count(), 3);
        assert_eq!(graver_than(Reason::KeyCompromise).next(), None);
    }

    /// Also where the certificate itself is let go of, and where its number alone is given later.
    #[test]
    fn a_key_that_others_have_is_remembered_beyond_its_certificate() {
        let (mut all, key) = (Revocations::default(), version());
        let of = |serial: &str, reason, key: Option<&str>| RevokedCertificate {
            reason,
            key: key.map(str::to_owned),
            ..one(serial, Some(500))
        };
        all.revoke(("a", &key, 1_000), of("01", Reason::Superseded, Some("k1"))).unwrap();
        all.revoke(("a", &key, 1_000), of("02", Reason::KeyCompromise, None)).unwrap();
        assert!(all.compromised.is_empty(), "nobody said so of the one, and the key of the other is not known");
        all.revoke(("a", &key, 1_000), of("01", Reason::KeyCompromise, None)).unwrap();
        all.revoke(("a", &key, 1_000), of("02", Reason::CaCompromise, Some("k2"))).unwrap();
        all.revoke(("a", &key, 1_000), of("02", Reason::Superseded, Some("k2"))).unwrap();
        assert_eq!(all.compromised, ["k1", "k2"]);
        all.forget(1_000);
        assert_eq!((all.lists.len(), all.compromised.len()), (0, 2));
        let again = Revocations::of_document(&all.to_document().unwrap()).unwrap();
        assert_eq!(again, all);
        let before = Plaintext::new(br#"{"lists":[]}"#.to_vec());
        assert_eq!(Revocations::of_document(&before).unwrap(), Revocations::default(), "of an older release");
        for number in 0..MAX_COMPROMISED {
            all.remember(number.to_string());
        }
        assert_eq!((all.compromised.len(), all.compromised[0].as_str()), (MAX_COMPROMISED, "0"));
    }

    /// Whoever has a key has its modulus with every exponent and its point negated, and what was written down before this
    /// was known counts on.
    #[test]
    fn a_key_that_others_have_is_known_by_what_gives_it_away() {
        let rsa = |e: u8| PublicKey::Rsa { n: vec![7], e: vec![e] };
        let (mut all, version) = (Revocations::default(), version());
        let told =
            |key: String| RevokedCertificate { reason: Reason::KeyCompromise, key: Some(key), ..one("01", None) };
        all.revoke(("a", &version, 10), told(rsa(3).thumbprint())).unwrap();
        assert_eq!([3, 5].map(|e| all.is_compromised(&rsa(e))), [true, false]);
        all.revoke(("a", &version, 10), told(rsa(3).kinship())).unwrap();
        assert_eq!([3, 5].map(|e| all.is_compromised(&rsa(e))), [true, true]);
        assert!(!all.is_compromised(&PublicKey::Rsa { n: vec![9], e: vec![3] }));
    }

    #[test]
    fn numbers_grow_also_after_an_older_database_and_no_list_outlives_its_authority() {
        let mut all = Revocations::default();
        let list = all.list(("a", &version(), 2_000_000)).unwrap();
        let (first, begins, ends) = list.next(1_000_000);
        assert_eq!((first, begins, ends), (1_000_000, 999_400, 1_000_000 + COUNTS_FOR));
        list.signed = Some(SignedList { number: first, this_update: begins, next_update: ends, der: Vec::new() });
        assert_eq!(list.next(1_000_000).0, first + 1, "twice in a second");
        assert_eq!(list.next(1_999_000).2, 2_000_000);
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let (mut all, key) = (Revocations::default(), version());
        for number in 0..MAX_REVOKED {
            all.revoke(("a", &key, 10), one(&format!("{number:04x}"), None)).unwrap();
        }
        assert_eq!(all.revoke(("a", &key, 10), one("ffff", None)), Err(RevocationInvalid::Full));
        assert_eq!(all.revoke(("a", &key, 10), one("0001", None)), Ok(()), "it is there");
        for number in 1..MAX_LISTS {
            all.list((&number.to_string(), &key, 10)).unwrap();
        }
        assert_eq!(all.list(("more", &key, 10)).err(), Some(RevocationInvalid::Full));
    }
}
