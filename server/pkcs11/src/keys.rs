//! Keys of vaults in the token: made there as objects that are sensitive and not extractable, found by their CKA_ID,
//! used in sessions of a pool.
//!
//! One object is this crate's own, the mark. A key that is not found is missing only if the mark is found: a
//! token that is away shows neither. For the same reason what a token refuses counts as refused only while the
//! mark is there, because tokens say the same of a bad ciphertext and of a cable that is out.
//!
//! Nothing is done with an object that the token does not know as made in it and as never to leave it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cryptoki::{
    error::Error,
    mechanism::Mechanism,
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::Session,
};
use strongroom_crypto::key::{
    DataAlgorithm, Family, KeySpec, KeyToken, PublicKey, SignAlgorithm, TokenCipher, TokenKeyId, TokenTrouble, TokenUse,
};
use zeroize::Zeroizing;

use crate::{TokenName, error::TokenError, mechanisms, worker::Token};

/// What a token may take at least to make a key, and to look through all of its objects: RSA keys take seconds.
const LONG: Duration = Duration::from_secs(60);
/// Label of the mark. It is a key, because tokens keep those best, and nothing is done with it.
const MARK: &str = "strongroom-mark";

/// What came of asking: the token did not work, or it did and this is what it says.
type Asked<T> = Result<Result<T, TokenTrouble>, TokenError>;

/// The keys in one token.
pub struct TokenKeys {
    /// One for each that may use a key at the same time, and one for who makes one.
    idle: Mutex<Vec<Token>>,
    /// For what the server does there by itself, and whoever comes while all are at work.
    spare: Token,
    sessions: usize,
    /// How long making a key may take.
    long: Duration,
    /// The mark is in the token, or was.
    marked: Arc<AtomicBool>,
}

impl TokenKeys {
    /// Keys in this token, used in so many sessions at the same time.
    #[must_use]
    pub fn new(token: &Token, sessions: usize) -> Self {
        let idle = (0..=sessions).map(|_| token.another()).collect();
        let long = token.limit().max(LONG);
        Self { idle: Mutex::new(idle), spare: token.another(), sessions, long, marked: Arc::default() }
    }

    fn at(&self) -> At {
        At { token: self.spare.name().clone(), marked: Arc::clone(&self.marked) }
    }

    /// Does something by a thread and a session that nobody else has meanwhile.
    fn by<T>(&self, work: impl FnOnce(&Token) -> Asked<T>) -> Result<T, TokenTrouble> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let own = idle().pop();
        let asked = work(own.as_ref().unwrap_or(&self.spare));
        idle().extend(own);
        asked.unwrap_or(Err(TokenTrouble::Unreachable))
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl Fn(&At, &Session) -> Asked<T> + Send + 'static,
    ) -> Result<T, TokenTrouble> {
        let at = self.at();
        self.by(|token| token.call(move |session| work(&at, session)))
    }
}

/// What is known of the token while something is done with it.
struct At {
    token: TokenName,
    marked: Arc<AtomicBool>,
}

impl At {
    fn failed(&self, error: &Error) -> TokenError {
        TokenError::failed(&self.token, error)
    }

    fn find(&self, session: &Session, class: ObjectClass, id: &[u8]) -> Asked<ObjectHandle> {
        let template = [Attribute::Class(class), Attribute::Token(true), Attribute::Id(id.to_vec())];
        let found = session.find_objects(&template).map_err(|error| self.failed(&error))?;
        match found.as_slice() {
            [key] => {
                let made_here = mechanisms::is_made_here(session, *key).map_err(|error| self.failed(&error))?;
                Ok(if made_here { Ok(*key) } else { Err(TokenTrouble::Exchanged) })
            }
            [] => self.only_if_marked(session, TokenTrouble::Missing),
            // Ids are random: somebody made a second one.
            _ => Ok(Err(TokenTrouble::Exchanged)),
        }
    }

    fn marks(&self, session: &Session) -> Result<usize, TokenError> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Token(true),
            Attribute::Label(MARK.as_bytes().to_vec()),
        ];
        session.find_objects(&template).map(|found| found.len()).map_err(|error| self.failed(&error))
    }

    fn no_mark(&self) -> TokenError {
        TokenError::NoKey { token: self.token.clone(), label: MARK.to_owned() }
    }

    /// Says so of a key, if the token works; otherwise the token is what is wrong.
    fn only_if_marked<T>(&self, session: &Session, trouble: TokenTrouble) -> Asked<T> {
        self.marked.store(true, Ordering::SeqCst);
        if self.marks(session)? == 0 { Err(self.no_mark()) } else { Ok(Err(trouble)) }
    }

    fn mark(&self, session: &Session) -> Asked<()> {
        if self.marks(session)? == 0 {
            if self.marked.load(Ordering::SeqCst) {
                return Err(self.no_mark());
            }
            let mut template = mechanisms::kept(MARK, MARK.as_bytes());
            template.extend([Attribute::ValueLen(16u64.into()), Attribute::Encrypt(false), Attribute::Decrypt(false)]);
            match session.generate_key(&Mechanism::AesKeyGen, &template) {
                Ok(_) => {}
                Err(error) if mechanisms::is_full(&error) => return Ok(Err(TokenTrouble::Full)),
                Err(error) => return Err(self.failed(&error)),
            }
        }
        self.marked.store(true, Ordering::SeqCst);
        Ok(Ok(()))
    }

    /// What a call that needs a key came to.
    fn done<T>(&self, session: &Session, done: Result<T, Error>) -> Asked<T> {
        match done {
            Ok(done) => Ok(Ok(done)),
            Err(error) if mechanisms::lacks(&error) => Ok(Err(TokenTrouble::Lacks)),
            Err(error) if mechanisms::is_away(&error) => Err(self.failed(&error)),
            Err(_) => self.only_if_marked(session, TokenTrouble::Refused),
        }
    }

    /// Does something with a key.
    fn with<T>(
        &self,
        session: &Session,
        class: ObjectClass,
        id: &[u8],
        work: impl FnOnce(ObjectHandle) -> Result<T, Error>,
    ) -> Asked<T> {
        match self.find(session, class, id)? {
            Ok(key) => self.done(session, work(key)),
            Err(trouble) => Ok(Err(trouble)),
        }
    }

    /// Gives a key that was just made, if the token says of its objects what it has to say whenever they are used.
    fn only_if_made_here<T>(&self, session: &Session, objects: &[(ObjectClass, Vec<u8>)], made: T) -> Asked<T> {
        for (class, id) in objects {
            if let Err(trouble) = self.find(session, *class, id)? {
                self.remove(session, objects)?;
                tracing::error!(token = %self.token, %trouble, "the token does not know a key as one that it has just made");
                return Ok(Err(TokenTrouble::Lacks));
            }
        }
        Ok(Ok(made))
    }

    /// Destroys the objects of these ids, if there are any.
    fn remove(&self, session: &Session, objects: &[(ObjectClass, Vec<u8>)]) -> Result<(), TokenError> {
        for (class, id) in objects {
            let template = [Attribute::Class(*class), Attribute::Token(true), Attribute::Id(id.clone())];
            for object in session.find_objects(&template).map_err(|error| self.failed(&error))? {
                session.destroy_object(object).map_err(|error| self.failed(&error))?;
            }
        }
        Ok(())
    }

    /// Destroys what has a label that begins so.
    fn destroy(&self, session: &Session, label: &[u8]) -> Result<usize, TokenError> {
        let failed = |error| self.failed(&error);
        let mut destroyed = 0;
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::SECRET_KEY] {
            let template = [Attribute::Class(class), Attribute::Token(true)];
            for object in session.find_objects(&template).map_err(failed)? {
                let read = session.get_attributes(object, &[AttributeType::Label]).map_err(failed)?;
                if read.iter().any(|read| matches!(read, Attribute::Label(known) if known.starts_with(label))) {
                    session.destroy_object(object).map_err(failed)?;
                    destroyed += 1;
                }
            }
        }
        Ok(destroyed)
    }
}

/// The objects that are a key.
fn objects_of(spec: KeySpec, id: &TokenKeyId) -> Vec<(ObjectClass, Vec<u8>)> {
    match spec.family() {
        Family::Oct => TokenUse::ALL.iter().map(|of| (ObjectClass::SECRET_KEY, id_for(id, *of))).collect(),
        Family::Rsa | Family::Ec => vec![(ObjectClass::PRIVATE_KEY, id.to_vec())],
    }
}

/// The id of an object of a symmetric key.
fn id_for(id: &TokenKeyId, of: TokenUse) -> Vec<u8> {
    let mark = match of {
        TokenUse::Gcm => b'g',
        TokenUse::Cbc => b'c',
        TokenUse::Wrap => b'w',
    };
    [id.as_slice(), &[mark]].concat()
}

/// Makes the objects of a key.
fn make(session: &Session, spec: KeySpec, label: &str, id: &TokenKeyId) -> Result<Option<PublicKey>, Error> {
    if spec.family() != Family::Oct {
        return mechanisms::make_pair(session, spec, label, id).map(Some);
    }
    for of in TokenUse::ALL {
        mechanisms::make_symmetric(session, spec, of, label, &id_for(id, of))?;
    }
    Ok(None)
}

impl KeyToken for TokenKeys {
    fn make(&self, spec: KeySpec, label: &str, id: &TokenKeyId) -> Result<Option<PublicKey>, TokenTrouble> {
        let (label, id, at, objects) = (label.to_owned(), *id, self.at(), objects_of(spec, id));
        let (later, left) = (self.at(), objects.clone());
        let work = move |session: &Session| {
            if let Err(trouble) = at.mark(session)? {
                return Ok(Err(trouble));
            }
            // What is tried again may have made a part of it the first time.
            at.remove(session, &objects)?;
            let mut made = make(session, spec, &label, &id);
            let says_why =
                |error: &Error| mechanisms::lacks(error) || mechanisms::is_full(error) || mechanisms::is_away(error);
            if made.as_ref().is_err_and(|error| !says_why(error)) {
                // Some tokens fail now and then, without a reason that another try would meet again.
                at.remove(session, &objects)?;
                made = make(session, spec, &label, &id);
            }
            let error = match made {
                Ok(made) => return at.only_if_made_here(session, &objects, made),
                Err(error) => error,
            };
            if mechanisms::is_full(&error) {
                // It answers, and what is in it serves as before: nobody else is to be told that it is away.
                at.remove(session, &objects)?;
                tracing::error!(token = %at.token, %error, "the token has no room for another key");
                return Ok(Err(TokenTrouble::Full));
            }
            if mechanisms::is_away(&error) {
                return Err(at.failed(&error));
            }
            at.remove(session, &objects)?;
            if mechanisms::lacks(&error) {
                return Ok(Err(TokenTrouble::Lacks));
            }
            // Nobody gave it anything to refuse, so it is the token that failed.
            tracing::error!(token = %at.token, %error, "the token did not make a key");
            Ok(Err(TokenTrouble::Unreachable))
        };
        self.by(|token| token.call_or_undo(self.long, work, move |session| later.remove(session, &left)))
    }

    fn sign(&self, id: &TokenKeyId, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, TokenTrouble> {
        let (id, digest) = (id.to_vec(), digest.to_vec());
        self.ask(move |at, session| {
            at.with(session, ObjectClass::PRIVATE_KEY, &id, |key| mechanisms::sign(session, key, algorithm, &digest))
        })
    }

    fn rsa_decrypt(
        &self,
        id: &TokenKeyId,
        algorithm: DataAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, TokenTrouble> {
        let (id, ciphertext) = (id.to_vec(), ciphertext.to_vec());
        self.ask(move |at, session| {
            at.with(session, ObjectClass::PRIVATE_KEY, &id, |key| {
                mechanisms::rsa_decrypt(session, key, algorithm, &ciphertext)
            })
        })
    }

    fn encrypt(&self, id: &TokenKeyId, cipher: TokenCipher<'_>, text: &[u8]) -> Result<Vec<u8>, TokenTrouble> {
        let (cipher, text) = (Cipher::of(cipher), Zeroizing::new(text.to_vec()));
        let id = id_for(id, cipher.of);
        self.ask(move |at, session| {
            at.with(session, ObjectClass::SECRET_KEY, &id, |key| {
                mechanisms::encrypt(session, key, cipher.given(), &text)
            })
        })
    }

    fn decrypt(
        &self,
        id: &TokenKeyId,
        cipher: TokenCipher<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, TokenTrouble> {
        let (cipher, sealed) = (Cipher::of(cipher), sealed.to_vec());
        let id = id_for(id, cipher.of);
        self.ask(move |at, session| {
            at.with(session, ObjectClass::SECRET_KEY, &id, |key| {
                mechanisms::decrypt(session, key, cipher.given(), &sealed)
            })
        })
    }

    fn discard(&self, spec: KeySpec, id: &TokenKeyId) -> Result<(), TokenTrouble> {
        let objects = objects_of(spec, id);
        self.ask(move |at, session| at.remove(session, &objects).map(Ok))
    }

    fn destroy(&self, label: &str) -> Result<usize, TokenTrouble> {
        let (label, at) = (label.as_bytes().to_vec(), self.at());
        let work = move |session: &Session| {
            // One that shows no mark is away, or another token: nothing found there is no proof that it is gone.
            if at.marks(session)? == 0 {
                at.marked.store(true, Ordering::SeqCst);
                return Err(at.no_mark());
            }
            at.destroy(session, &label).map(Ok)
        };
        self.by(|token| token.call_or_undo(self.long, work, |_| Ok(())))
    }

    fn look(&self) -> Result<(), TokenTrouble> {
        // Nobody else says so when it never answers.
        self.spare.tell();
        self.ask(|at, session| {
            if at.marks(session)? > 0 {
                at.marked.store(true, Ordering::SeqCst);
            } else if at.marked.load(Ordering::SeqCst) {
                return Err(at.no_mark());
            }
            Ok(Ok(()))
        })
    }

    fn is_reachable(&self) -> bool {
        self.spare.is_reachable()
    }

    fn refuses_pin(&self) -> bool {
        self.spare.refuses_pin()
    }

    fn sessions(&self) -> usize {
        self.sessions
    }
}

/// A cipher that can be taken to another thread.
struct Cipher {
    of: TokenUse,
    nonce: [u8; 12],
    iv: [u8; 16],
    padded: bool,
    aad: Vec<u8>,
}

impl Cipher {
    fn of(cipher: TokenCipher<'_>) -> Self {
        let none = Self { of: cipher.of_use(), nonce: [0; 12], iv: [0; 16], padded: false, aad: Vec::new() };
        match cipher {
            TokenCipher::Gcm { nonce, aad } => Self { nonce, aad: aad.to_vec(), ..none },
            TokenCipher::Cbc { iv, padded } => Self { iv, padded, ..none },
            TokenCipher::Wrap => none,
        }
    }

    fn given(&self) -> TokenCipher<'_> {
        match self.of {
            TokenUse::Gcm => TokenCipher::Gcm { nonce: self.nonce, aad: &self.aad },
            TokenUse::Cbc => TokenCipher::Cbc { iv: self.iv, padded: self.padded },
            TokenUse::Wrap => TokenCipher::Wrap,
        }
    }
}
