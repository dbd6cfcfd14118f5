//! Distinguished names as people write them (RFC 4514), the most specific part first: `CN=app, O=Example, C=DE`.
//!
//! Also what .NET and with it Azure's examples accept: `S` for the state, `E` for an address, blanks around parts,
//! values in quotes. Values that are given as hexadecimal DER (`#04024869`) are refused.

use std::fmt;

use der::{
    Decode, Encode, Tag, Tagged as _,
    asn1::{Any, ObjectIdentifier, SetOfVec},
};
use x509_cert::{attr::AttributeTypeAndValue, name::Name};

/// Longest text of a name in bytes.
const MAX_TEXT: usize = 2048;
/// Most attributes of a name.
const MAX_ATTRIBUTES: usize = 32;

/// Why a text is not a name that a certificate can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// Not `TYPE=value` parts between commas, or a quote or an escape without its end.
    #[error("the subject is not a distinguished name such as CN=app, O=Example, C=DE")]
    Syntax,
    /// An attribute that has no name here and is no object identifier.
    #[error("the subject holds an attribute that is neither known by name nor an object identifier")]
    Attribute,
    /// Longer than RFC 5280, appendix A allows, or empty.
    #[error("a part of the subject is empty, too long, or holds characters that its type does not allow")]
    Value,
    /// Too long as a whole.
    #[error("the subject has more than 2048 bytes or 32 parts")]
    TooLong,
}

/// An attribute type: its names as written, the first one in answers; object identifier; most characters
/// (RFC 5280, appendix A).
struct Known(&'static [&'static str], ObjectIdentifier, usize);

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const COUNTRY: ObjectIdentifier = oid("2.5.4.6");
const SERIAL_NUMBER: ObjectIdentifier = oid("2.5.4.5");
const DOMAIN_COMPONENT: ObjectIdentifier = oid("0.9.2342.19200300.100.1.25");
const EMAIL_ADDRESS: ObjectIdentifier = oid("1.2.840.113549.1.9.1");
/// `mail` (RFC 4524, 2.16), which some take for the holder's address as they take the other one.
const MAIL: ObjectIdentifier = oid("0.9.2342.19200300.100.1.3");
const USER_ID: ObjectIdentifier = oid("0.9.2342.19200300.100.1.1");

const KNOWN: &[Known] = &[
    Known(&["CN"], oid("2.5.4.3"), 64),
    Known(&["SN", "SURNAME"], oid("2.5.4.4"), 64),
    Known(&["serialNumber"], SERIAL_NUMBER, 64),
    Known(&["C"], COUNTRY, 2),
    Known(&["L"], oid("2.5.4.7"), 128),
    Known(&["ST", "S"], oid("2.5.4.8"), 128),
    Known(&["STREET"], oid("2.5.4.9"), 128),
    Known(&["O"], oid("2.5.4.10"), 64),
    Known(&["OU"], oid("2.5.4.11"), 64),
    Known(&["T", "TITLE"], oid("2.5.4.12"), 64),
    Known(&["GN", "G", "GIVENNAME"], oid("2.5.4.42"), 64),
    Known(&["initials", "I"], oid("2.5.4.43"), 64),
    Known(&["DC"], DOMAIN_COMPONENT, 63),
    Known(&["UID"], USER_ID, 256),
    Known(&["emailAddress", "E", "EMAIL"], EMAIL_ADDRESS, 255),
];

/// A distinguished name. Parts that were joined by `+` stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject(Vec<Vec<(ObjectIdentifier, String)>>);

impl Subject {
    /// Reads a text; an empty one is the empty name.
    ///
    /// # Errors
    /// [`SubjectError`].
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        if text.len() > MAX_TEXT {
            return Err(SubjectError::TooLong);
        }
        let mut parts: Vec<Vec<(ObjectIdentifier, String)>> = Vec::new();
        let (mut rest, mut joined, mut count) = (text.trim_start(), false, 0usize);
        while !rest.is_empty() {
            let (attribute, after) = rest.split_once('=').ok_or(SubjectError::Syntax)?;
            let (value, end, after) = value(after)?;
            let pair = (attribute_type(attribute.trim())?, value);
            check(pair.0, &pair.1)?;
            count += 1;
            if count > MAX_ATTRIBUTES {
                return Err(SubjectError::TooLong);
            }
            match parts.last_mut().filter(|_| joined) {
                Some(part) => part.push(pair),
                None => parts.push(vec![pair]),
            }
            joined = end == Some('+');
            rest = after.trim_start();
            if end.is_some() && rest.is_empty() {
                return Err(SubjectError::Syntax);
            }
        }
        Ok(Self(parts))
    }

    /// What stands in a certificate that others made, whichever attributes it uses.
    ///
    /// # Errors
    /// [`SubjectError`]: a part that is no text, or that [`Self::parse`] would refuse.
    pub(super) fn of(name: &Name) -> Result<Self, SubjectError> {
        let rdns: Vec<_> = name.iter_rdn().collect();
        let pair = |said: &AttributeTypeAndValue| {
            let value = text(&said.value).ok_or(SubjectError::Value)?;
            check(said.oid, &value)?;
            Ok((said.oid, value))
        };
        let parts = rdns.into_iter().rev().map(|rdn| rdn.iter().map(pair).collect());
        let subject = Self(parts.collect::<Result<_, SubjectError>>()?);
        if subject.0.iter().map(Vec::len).sum::<usize>() > MAX_ATTRIBUTES || subject.to_string().len() > MAX_TEXT {
            return Err(SubjectError::TooLong);
        }
        Ok(subject)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its common names.
    pub(super) fn common_names(&self) -> impl Iterator<Item = &str> {
        self.values_of(oid("2.5.4.3"))
    }

    /// Its mail addresses.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        self.values_of(EMAIL_ADDRESS).chain(self.values_of(MAIL))
    }

    /// Its user ids that name a host, so that they are accounts of that, as user principal names are.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.values_of(USER_ID).filter(|id| id.contains('@'))
    }

    fn values_of(&self, attribute: ObjectIdentifier) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().filter(move |(own, _)| *own == attribute).map(|(_, value)| value.as_str())
    }

    /// As it stands in a certificate: the least specific part first.
    pub(super) fn to_name(&self) -> Result<Name, der::Error> {
        let mut sequence = Vec::with_capacity(self.0.len());
        for part in self.0.iter().rev() {
            let mut set = SetOfVec::new();
            for (oid, value) in part {
                let value = Any::new(tag_of(*oid), value.as_bytes())?;
                set.insert(AttributeTypeAndValue { oid: *oid, value })?;
            }
            sequence.push(set);
        }
        Name::from_der(&sequence.to_der()?)
    }
}

/// What of a name in a certificate [`Subject::of`] cannot say, or says in a text that is read as another one.
pub(super) fn left_out(name: &Name) -> Option<String> {
    let is_left_out = |said: &&AttributeTypeAndValue| text(&said.value).is_none_or(|it| check(said.oid, &it).is_err());
    if let Some(part) = name.iter().find(is_left_out) {
        let known = KNOWN.iter().find(|known| known.1 == part.oid).and_then(|known| known.0.first());
        let attribute = known.map_or_else(|| part.oid.to_string(), |known| (*known).to_owned());
        return Some(format!("{attribute} in its subject that is too long, empty or no text"));
    }
    let is_whole = Subject::of(name).is_ok_and(|said| Subject::parse(&said.to_string()).as_ref() == Ok(&said));
    (!is_whole).then(|| "a subject that cannot be written as text".to_owned())
}

/// RFC 4514, section 2.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, part) in self.0.iter().enumerate() {
            for (place, (oid, value)) in part.iter().enumerate() {
                f.write_str(if place > 0 {
                    "+"
                } else if number > 0 {
                    ","
                } else {
                    ""
                })?;
                let known = KNOWN.iter().find(|known| known.1 == *oid).and_then(|known| known.0.first());
                match known {
                    Some(name) => write!(f, "{name}=")?,
                    None => write!(f, "{oid}=")?,
                }
                let last = value.chars().count().saturating_sub(1);
                for (position, letter) in value.chars().enumerate() {
                    let edge = letter == ' ' && (position == 0 || position == last);
                    if edge || "\"+,;<>\\".contains(letter) || (letter == '#' && position == 0) {
                        f.write_str("\\")?;
                    }
                    write!(f, "{letter}")?;
                }
            }
        }
        Ok(())
    }
}

fn attribute_type(text: &str) -> Result<ObjectIdentifier, SubjectError> {
    let named = KNOWN.iter().find(|known| known.0.iter().any(|name| name.eq_ignore_ascii_case(text)));
    if let Some(known) = named {
        return Ok(known.1);
    }
    let dotted = text.strip_prefix("OID.").or_else(|| text.strip_prefix("oid.")).unwrap_or(text);
    ObjectIdentifier::new(dotted).map_err(|_| SubjectError::Attribute)
}

/// A value, what ended it, and what follows.
fn value(text: &str) -> Result<(String, Option<char>, &str), SubjectError> {
    let text = text.trim_start();
    if text.starts_with('#') {
        return Err(SubjectError::Value);
    }
    let quoted = text.starts_with('"');
    let mut bytes = Vec::new();
    // Blanks behind this length were not escaped and do not count.
    let mut solid = 0;
    let mut letters = text.char_indices().skip(usize::from(quoted)).peekable();
    let mut inside = quoted;
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' if inside => {
                // Two quotes are one (.NET).
                if letters.next_if(|(_, next)| *next == '"').is_some() {
                    bytes.push(b'"');
                } else {
                    inside = false;
                }
                solid = bytes.len();
            }
            '\\' => {
                let (_, first) = letters.next().ok_or(SubjectError::Syntax)?;
                if let Some(high) = first.to_digit(16) {
                    let low = letters.next().and_then(|(_, low)| low.to_digit(16)).ok_or(SubjectError::Syntax)?;
                    bytes.push(u8::try_from(high * 16 + low).map_err(|_| SubjectError::Syntax)?);
                } else if " \"#+,;<=>\\".contains(first) {
                    bytes.push(u8::try_from(first).map_err(|_| SubjectError::Syntax)?);
                } else {
                    return Err(SubjectError::Syntax);
                }
                solid = bytes.len();
            }
            ',' | ';' | '+' if !inside => {
                let after = text.get(at + 1..).unwrap_or_default();
                return Ok((finished(bytes, solid)?, Some(letter), after));
            }
            // Behind the closing quote stands nothing but blanks.
            other if quoted && !inside && other != ' ' => return Err(SubjectError::Syntax),
            other => {
                bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                if other != ' ' || inside {
                    solid = bytes.len();
                }
            }
        }
    }
    if inside { Err(SubjectError::Syntax) } else { Ok((finished(bytes, solid)?, None, "")) }
}

fn finished(mut bytes: Vec<u8>, solid: usize) -> Result<String, SubjectError> {
    bytes.truncate(solid);
    String::from_utf8(bytes).map_err(|_| SubjectError::Syntax)
}

/// The text of a value (RFC 5280, `DirectoryString`, and `IA5String`).
fn text(value: &Any) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String => String::from_utf8(bytes.to_vec()).ok(),
        Tag::PrintableString | Tag::Ia5String | Tag::TeletexString if bytes.is_ascii() => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        Tag::BmpString => {
            let (units, rest) = bytes.as_chunks::<2>();
            let text = char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit)));
            text.collect::<Result<_, _>>().ok().filter(|_| rest.is_empty())
        }
        _ => None,
    }
}

fn tag_of(oid: ObjectIdentifier) -> Tag {
    match oid {
        COUNTRY | SERIAL_NUMBER => Tag::PrintableString,
        DOMAIN_COMPONENT | EMAIL_ADDRESS => Tag::Ia5String,
        _ => Tag::Utf8String,
    }
}

fn check(oid: ObjectIdentifier, value: &str) -> Result<(), SubjectError> {
    let most = KNOWN.iter().find(|known| known.1 == oid).map_or(256, |known| known.2);
    let fits = match oid {
        COUNTRY => value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_alphabetic()),
        SERIAL_NUMBER => value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)),
        DOMAIN_COMPONENT | EMAIL_ADDRESS => value.bytes().all(|byte| byte.is_ascii_graphic()),
        _ => !value.chars().any(char::is_control),
    };
    if fits && (1..=most).contains(&value.chars().count()) { Ok(()) } else { Err(SubjectError::Value) }
}
