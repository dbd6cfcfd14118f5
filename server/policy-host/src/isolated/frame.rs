//! What crosses between the server and its policy child.
//!
//! Questions and answers go over sockets that keep messages apart (`SOCK_SEQPACKET`), one for each thread of
//! the child: each message is one frame, and a question is followed by its answer. A frame is the number of
//! the question, eight bytes little-endian, and a MessagePack body with named fields.
//! Control (hello, modules to load and to forget) goes over a stream of its own, one request at a time:
//! length, four bytes little-endian, and a body of the same sort.
//!
//! Both ends distrust what they read: sizes are bounded before anything is allocated, and a body that
//! does not parse ends the connection. Nothing here can carry a secret value.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use strongroom_domain::policy::{ModuleDigest, PolicyAnswer, PolicyFailure, PolicyRequest, Unfit};

use super::confine::Confinement;
use crate::description::ModuleDescription;
use crate::limits::{MAX_CONTROL, MAX_FRAME};

/// A frame or a body is not what the protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of the policy protocol is malformed or too large")]
pub(crate) struct Malformed;

/// A module with its settings, as it is asked.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked<'a> {
    pub(crate) module: ModuleDigest,
    pub(crate) settings: Cow<'a, str>,
}

/// What the server asks. It lends what it has, and the child owns what it reads.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Question<'a> {
    /// Judge these requests by each module, in order.
    Judge {
        modules: Vec<Asked<'a>>,
        requests: Cow<'a, [PolicyRequest]>,
        /// Stop behind the first module that denies or fails.
        until_denied: bool,
    },
    /// Would the module take these settings.
    Check { module: Asked<'a> },
}

/// What a module says of each request of a batch, or why it says nothing.
pub(crate) type Judged = Result<Vec<PolicyAnswer>, PolicyFailure>;

/// The same, with how long the module ran: microseconds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ran {
    pub(crate) judged: Judged,
    pub(crate) micros: u64,
}

/// What the child answers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// One element for each module that was asked.
    Judged(Vec<Ran>),
    /// Whether it takes the settings.
    Checked(Result<(), Unfit>),
}

/// First thing the child says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// Version of the engine.
    pub(crate) engine: String,
    /// What holds the child.
    pub(crate) confinement: Confinement,
}

/// What the server tells the child to do. A load is followed by the artefact, in a frame of its own.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    Load { module: ModuleDigest },
    Forget { module: ModuleDigest },
}

/// How that went: what the module says about itself, or what is wrong with it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Done {
    Loaded(Box<ModuleDescription>),
    Refused(String),
    Forgotten,
}

fn body(value: &impl Serialize) -> Result<Vec<u8>, Malformed> {
    rmp_serde::to_vec_named(value).map_err(|_| Malformed)
}

/// A message with the number of its question in front.
pub(crate) fn encode(number: u64, value: &impl Serialize) -> Result<Vec<u8>, Malformed> {
    let mut frame = Vec::with_capacity(1024);
    frame.extend_from_slice(&number.to_le_bytes());
    rmp_serde::encode::write_named(&mut frame, value).map_err(|_| Malformed)?;
    if frame.len() > MAX_FRAME { Err(Malformed) } else { Ok(frame) }
}

/// Number and body of a message.
pub(crate) fn split(frame: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    if frame.len() > MAX_FRAME {
        return Err(Malformed);
    }
    let (number, body) = frame.split_first_chunk::<8>().ok_or(Malformed)?;
    Ok((u64::from_le_bytes(*number), body))
}

/// Reads a body.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    let mut rest = body;
    let value = rmp_serde::from_read(&mut rest).map_err(|_| Malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(Malformed) }
}

/// How long a value is as a body.
pub(crate) fn length(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match rmp_serde::encode::write_named(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => usize::MAX,
    }
}

/// Writes bytes with their length in front.
pub(crate) fn write_bytes(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= MAX_CONTROL);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, Malformed))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(bytes)
}

/// Reads bytes with their length in front; none at the end of the stream.
pub(crate) fn read_bytes(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length);
    if usize::try_from(length).map_or(true, |length| length > MAX_CONTROL) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, Malformed));
    }
    // What is promised is not allocated before it comes.
    let mut bytes = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut bytes)?;
    if u32::try_from(bytes.len()) == Ok(length) { Ok(Some(bytes)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Writes a value as [`write_bytes`] does.
pub(crate) fn write_value(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let body = body(value).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    write_bytes(to, &body)
}

/// Reads a value as [`read_bytes`] does.
pub(crate) fn read_value<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let Some(bytes) = read_bytes(from)? else { return Ok(None) };
    decode(&bytes).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use strongroom_domain::policy::{
        AlertSeverity, Effect, FactValue, Obligation, PolicyConnection, PolicyObject, PolicyPrincipal,
    };

    use super::*;

    fn request() -> impl Strategy<Value = PolicyRequest> {
        let map = || proptest::collection::btree_map(".{0,8}", ".{0,16}", 0..4);
        let texts = (".{0,40}", ".{0,40}", ".{0,40}", proptest::option::of(".{0,40}"));
        let numbers = (any::<i64>(), proptest::option::of(any::<bool>()), proptest::option::of(any::<i64>()));
        (texts, proptest::collection::vec(".{0,20}", 0..6), map(), map(), numbers).prop_map(
            |((issuer, subject, name, version), groups, claims, tags, (time, enabled, expires))| {
                let object = PolicyObject {
                    vault: "demo".to_owned(),
                    kind: "secret".to_owned(),
                    name,
                    version,
                    tags,
                    enabled,
                    expires,
                    ..PolicyObject::default()
                };
                let connection = PolicyConnection {
                    client_address: "192.0.2.1".into(),
                    listener: "main".into(),
                    ..PolicyConnection::default()
                };
                let facts = BTreeMap::from([
                    ("days-since-rotation".to_owned(), expires.map(FactValue::Number)),
                    ("document/rules".to_owned(), Some(FactValue::Text(object.name.clone()))),
                ]);
                let principal = PolicyPrincipal { issuer, subject, kind: "user".to_owned(), groups, claims };
                let action = "read".to_owned();
                PolicyRequest { principal, connection, action, object, time, facts, ..PolicyRequest::default() }
            },
        )
    }

    fn ran() -> impl Strategy<Value = Ran> {
        (judged(), any::<u64>()).prop_map(|(judged, micros)| Ran { judged, micros })
    }

    fn judged() -> impl Strategy<Value = Judged> {
        let effect = prop_oneof![Just(Effect::Allow), Just(Effect::Deny), Just(Effect::Abstain)];
        let texts = || proptest::collection::vec(".{0,30}", 0..4);
        let answer = (effect, "[a-z-]{1,20}", ".{0,60}", texts(), texts(), any::<u64>()).prop_map(
            |(effect, reason_code, sentence, relied_on, messages, fuel)| PolicyAnswer {
                effect,
                reason_code,
                sentence,
                obligations: vec![
                    Obligation::Alert { severity: AlertSeverity::High, sentence: relied_on.concat() },
                    Obligation::StepUp { acr: messages.clone(), amr: Vec::new(), max_age: None },
                ],
                relied_on,
                messages,
                fuel,
            },
        );
        prop_oneof![
            proptest::collection::vec(answer, 0..4).prop_map(Ok),
            prop_oneof![Just(PolicyFailure::Missing), Just(PolicyFailure::OutOfFuel), Just(PolicyFailure::BadAnswer)]
                .prop_map(Err),
        ]
    }

    proptest! {
        #[test]
        fn questions_and_answers_come_back_as_they_were_sent(
            number in any::<u64>(),
            requests in proptest::collection::vec(request(), 0..4),
            settings in ".{0,80}",
            until_denied in any::<bool>(),
            judged in proptest::collection::vec(ran(), 0..4),
        ) {
            let module = ModuleDigest([7; 32]);
            let modules = vec![Asked { module, settings: settings.into() }];
            let question = Question::Judge { modules, requests: requests.into(), until_denied };
            let frame = encode(number, &question).unwrap();
            let (found, body) = split(&frame).unwrap();
            prop_assert_eq!(found, number);
            prop_assert_eq!(decode::<Question<'_>>(body).unwrap(), question);
            let answer = Answer::Judged(judged);
            let frame = encode(number, &answer).unwrap();
            prop_assert_eq!(decode::<Answer>(split(&frame).unwrap().1).unwrap(), answer);
            // Nothing shorter and nothing longer is a frame.
            for length in 0..frame.len() {
                prop_assert!(split(&frame[..length]).and_then(|(_, body)| decode::<Answer>(body)).is_err());
            }
            let mut longer = frame;
            longer.push(0xc0);
            prop_assert!(decode::<Answer>(split(&longer).unwrap().1).is_err());
        }

        /// Whatever the other side sends is refused or read, within its own length.
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..600),
            at in any::<proptest::sample::Index>(),
            flip in any::<u8>(),
            judged in proptest::collection::vec(ran(), 1..3),
        ) {
            let _ = split(&bytes).map(|(_, body)| (decode::<Question<'_>>(body).is_ok(), decode::<Answer>(body).is_ok()));
            let _ = decode::<Hello>(&bytes);
            let _ = decode::<Order>(&bytes);
            let _ = decode::<Done>(&bytes);
            let _ = read_bytes(&mut bytes.as_slice());
            let mut nearly = encode(1, &Answer::Judged(judged)).unwrap();
            let position = at.index(nearly.len());
            nearly[position] ^= flip;
            let _ = split(&nearly).map(|(_, body)| decode::<Answer>(body).is_ok());
        }
    }

    #[test]
    fn promised_lengths_are_not_believed() {
        // A text of four gigabytes, a list of as many elements, a nesting without an end.
        for promise in
            [vec![0xdb, 0xff, 0xff, 0xff, 0xff, 1], vec![0xdd, 0xff, 0xff, 0xff, 0xff, 1], vec![0x91; 200_000]]
        {
            assert!(decode::<Answer>(&promise).is_err());
            assert!(decode::<Question<'_>>(&promise).is_err());
            assert!(decode::<BTreeMap<String, String>>(&promise).is_err());
        }
        assert!(read_bytes(&mut [0xff, 0xff, 0xff, 0xff, 1].as_slice()).is_err());
        assert!(read_bytes(&mut [9, 0, 0, 0, 1].as_slice()).is_err());
        assert_eq!(read_bytes(&mut [].as_slice()).unwrap(), None);
    }

    #[test]
    fn what_is_too_long_is_not_sent() {
        let module = Asked { module: ModuleDigest([7; 32]), settings: "s".repeat(MAX_FRAME).into() };
        assert_eq!(encode(1, &Question::Check { module }), Err(Malformed));
        assert!(write_bytes(&mut Vec::new(), &vec![0; MAX_CONTROL + 1]).is_err());
    }

    #[test]
    fn a_length_is_what_the_body_takes() {
        let question = Question::Check { module: Asked { module: ModuleDigest([7; 32]), settings: "{}".into() } };
        assert_eq!(length(&question) + 8, encode(1, &question).unwrap().len());
    }
}
